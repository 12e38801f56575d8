"""Plugins in C++ and in Rust, and one that was built long ago: they run, reload and crash like those of this tree."""
import json
import os
import platform
import subprocess

import pytest

from lib import build
from lib.builds import Builds, reload, verdicts

SOON = {"backoff": "fixed", "base": "10ms", "jitter": 0}
OLD = os.path.join(build.REPO, "tests", "abi", "fixtures", f"hello-1.0-{platform.machine()}.so")
# Plugin, its handler that answers "VERSION:...", its handler that dies by an exception of the language.
LANGUAGES = {"cpp-unique": ("cpp-unique.run", "cpp-unique.throws"), "rust": ("rust.run", "rust.panics")}


@pytest.fixture(params=LANGUAGES)
def language(request):
    if not os.path.exists(build.plugin(f"{request.param}-v1")):
        pytest.skip(f"the build has found no compiler for {request.param}")
    return request.param


def version(host, kind):
    job = host.submit(kind, "x")
    assert host.wait_job(job)["state"] == "succeeded"
    return host.result(job).decode().split(":")[0]


def test_reload(make_host, folder, language):
    builds = Builds(folder)
    builds.put(f"{language}-v1")
    host = make_host({"plugins": {language: {"file": builds.path}}})
    host.start()
    run, _ = LANGUAGES[language]
    assert version(host, run) == "1.0.0"
    builds.put(f"{language}-v2")
    assert verdicts(reload(host)) == {language: "changed"}
    assert version(host, run) == "2.0.0"
    builds.put(f"{language}-v1")
    assert verdicts(reload(host)) == {language: "changed"}
    assert version(host, run) == "1.0.0"


def test_an_exception_that_leaves_run_is_a_crash(make_host, language):
    """Of the job that threw it, and of nobody else; the plugin is there for the next one."""
    run, throws = LANGUAGES[language]
    host = make_host({"plugins": {language: {"file": build.plugin(f"{language}-v1")}}})
    host.start()
    dead = host.wait_job(host.submit(throws, {}, retry=SOON, max=10), "dead")
    assert (dead["error"]["class"], dead["error"]["code"]) == ("bug", "quarantined"), dead
    assert (dead["crashes"], dead["attempts"]) == (3, 0), dead
    assert "killed by signal 6 (SIGABRT)" in dead["error"]["message"] and f"plugin {language} 1.0.0+" in dead["error"]["message"], dead
    assert version(host, run) == "1.0.0"


def test_the_unique_symbol_is_one():
    """Else the test of C++ shows nothing: no dlclose() unloads a file that has one."""
    def read(*what):
        return subprocess.run(["readelf", "-W", *what, build.plugin("cpp-unique-v1")], check=True, capture_output=True, text=True).stdout

    if "clang version" in read("-p", ".comment"):
        pytest.skip("clang makes no such symbols")
    assert " UNIQUE " in read("--dyn-syms")


@pytest.mark.skipif(not os.path.exists(OLD), reason=f"there is no old plugin for {platform.machine()}")
def test_a_plugin_of_the_first_release(make_host, folder):
    """Its handlers are shorter than today's; it is loaded, run and reloaded, and so is today's in its place."""
    builds = Builds(folder, "hello.so")
    builds.put(OLD)
    host = make_host({"plugins": {"hello": {"file": builds.path, "config": {"greeting": "Salve", "pause": "1ms"}}}})
    host.start()

    def greet():
        job = host.wait_job(host.submit("hello.say", {"name": "Ada", "lines": 3}))
        assert job["state"] == "succeeded", job
        return job

    first = greet()
    said = host.result(first["id"]).decode()
    assert "Salve" in said and "Ada" in said, said
    note, = (j for j in host.list() if j.get("parent") == first["id"])
    assert host.wait_job(note["id"])["state"] == "succeeded"
    assert host.wait_job(host.submit("hello.say", {"name": ""}), "dead")["error"]["code"] == "bad_name"
    assert host.refused(400, "hello.say", {"lines": "many"})["code"] == "bad_payload"  # by the payload's table
    builds.again(OLD)
    assert verdicts(reload(host)) == {"hello": "changed"}
    greet()
    builds.put(os.path.join(build.BUILD, "plugins", "hello.so"))
    assert verdicts(reload(host)) == {"hello": "changed"}
    greet()
    builds.put(OLD)
    assert verdicts(reload(host)) == {"hello": "changed"}
    assert json.dumps(greet()["history"]) == "[]"
