"""Every bad plugin in one host, beside a good one that goes on working: what cannot be loaded says why, what breaks is contained,
and only the jobs that were running pay for it."""
import json
import os
import re
import resource
import shutil
import threading

import pytest

from lib import build
from lib.cli import Cli
from lib.host import chaos
from lib.procs import alive, wait_until

# What cannot be loaded, and the words of the reason.
REFUSED = {
    "bad-magic": ["magic is 0x12345678", "expects 0x314a4842"],
    "major-plus-1": ["abi_major is 2", "this host speaks 1"],
    "minor-plus-1": ["abi_minor is 1", "this host has 0", "upgrade the host"],
    "small-struct": ["jobhost_plugin.size is 64", "has 72"],
    "no-symbol": ["does not export `jobhost_plugin`"],
    "undefined-symbol": ["undefined-symbol.so", "nobody_defines_this"],
    "ctor-crash": ["ctor-crash killed by signal 11 (SIGSEGV)", "while it was loaded"],
    "ctor-hang": ["start_timeout (700 ms)", "while loading"],
    "create-fail": ["create: the API key \"?\" was refused"],
    "truncated": [""],  # refused by the loader or fatal to it, depending on the linker's layout
    "text-file": ["text-file.so", "invalid ELF header"],
    "zero-length": ["zero-length.so", "empty file"],
    "not-there": ["not-there.so", "No such file"],
}
# What dies while it runs a job: the words of the job's error.
CRASHES = {
    "run-crash": ["killed by signal 11 (SIGSEGV) at address 0x10"],
    "run-overflow": ["killed by signal 11 (SIGSEGV)"],
    "run-abort": ["killed by signal 6 (SIGABRT)"],
    "run-exit": ["exit status 3"],
    "writes-fd3": ["broke the protocol"],
}
# What forges.so says in its worker's name: the words of the job's error.
FORGED = {
    "noise": "what it sent is no record",
    "cut": "what it sent is no record",
    "huge": "it sent a packet that is too large",
    "type": "what it sent is no record",
    "order": "record of unknown type",
    "hello": "is not allowed now",
    "stranger": "names job",
    "return": "it gives a job back that it has begun",
    "commit": "commit 7 is out of order",
    "short": "broke the protocol",
    "memfd": "effect of type",
    "page": "what it sent is no record",
    "output": "an output over a limit or out of turn",
}
BY_SANITIZER = {"ctor-crash", "run-crash", "run-overflow"}  # it takes the signal, and ends the process with a status
HANGS = ("run-hang", "ignores-cancel")
HARMLESS = ("leaks", "forks-child")
needs_crash_record = pytest.mark.skipif(build.SANITIZED, reason="a sanitizer takes the place of the crash handler")
SOON = {"backoff": "fixed", "base": "10ms", "jitter": 0}


def config():
    plugins = chaos(threads=2)
    for name in (*REFUSED, *CRASHES, *HANGS, *HARMLESS, "forges"):
        plugins[name] = {"file": build.plugin(name), "grace": "200ms"}
    plugins["ctor-hang"]["start_timeout"] = "700ms"
    for name in (*CRASHES, "forges"):
        plugins[name]["crash_breaker"] = {"jobs": 0}  # they are meant to
    plugins["forks-child"]["exec"] = "true"  # else it may not even fork
    return {"plugins": plugins}


class Steady(threading.Thread):
    """Jobs for the good plugin, one after the other, for as long as a test lasts."""

    def __init__(self, host):
        super().__init__()
        self._api, self._end, self.done, self.problem = host.another(), threading.Event(), [], None

    def run(self):
        try:
            while not self._end.is_set():
                job = self._api.submit("chaos.steps", {"steps": 2, "pause_ms": 2})
                self.done.append(self._api.wait_job(job))
        except Exception as problem:  # told by finish()
            self.problem = problem
        finally:
            self._api.close()

    def finish(self):
        self._end.set()
        self.join()
        if self.problem is not None:
            raise self.problem
        hurt = [j for j in self.done if (j["state"], j["attempt"]) != ("succeeded", 1)]
        assert self.done and not hurt, hurt[:3]


@pytest.fixture
def crowd(make_host):
    """The host with all of them, and good jobs going on throughout."""
    host = make_host(config())
    host.start()
    steady = Steady(host)
    steady.start()
    yield host
    steady.finish()


def test_what_cannot_be_loaded_says_why(crowd):
    plugins = crowd.plugins()
    for name, words in REFUSED.items():
        assert plugins[name]["state"] == "failed", name
        if not (build.SANITIZED and name in BY_SANITIZER):
            for word in words:
                assert word in plugins[name]["fault"], (name, plugins[name]["fault"])
        assert not plugins[name].get("workers"), name
    assert plugins["chaos"]["state"] == "ready"


def test_jobs_of_a_failed_plugin_wait_and_are_explained(crowd):
    plugins = crowd.plugins()
    for name in REFUSED:
        # create-fail got as far as naming its handlers, the others did not
        kind = "create.run" if name == "create-fail" else f"{name}.run"
        job = crowd.submit(kind, {})
        assert crowd.job(job)["state"] == "queued"
        reasons = crowd.explain(job)
        assert list(reasons) == ["no_handler"], reasons
        assert f'"{name}"' in reasons["no_handler"], reasons
        assert plugins[name]["fault"][:60] in reasons["no_handler"], reasons
    assert crowd.refused(400, "nobody.has", {})["code"] == "unknown_type"


def test_crashes_are_contained_named_and_end_in_quarantine(crowd):
    builds = {name: crowd.plugins()[name]["build"] for name in CRASHES}
    jobs = {name: crowd.submit(f"{name}.run", {}, retry=SOON, max=10) for name in CRASHES}
    for name, words in CRASHES.items():
        job = crowd.wait_job(jobs[name], "dead")
        error = job["error"]
        assert (error["class"], error["code"]) == ("bug", "quarantined"), error
        if not (build.SANITIZED and name in BY_SANITIZER):
            for word in words:
                assert word in error["message"], error
        assert f"plugin {name} {builds[name]}" in error["message"], error
        assert job["crashes"] == 3 and job["attempts"] == 0, job
        assert [h["outcome"] for h in job["history"]] == ["crash"] * 3, job["history"]
        plugin = crowd.plugins()[name]
        assert plugin["crashes"] == 3 and plugin["last_crash"] == error["message"]
    # the plugins are not given up: they are there for the next job
    for name in CRASHES:
        wait_until(lambda: crowd.workers(name), build.PATIENCE_S, f"{name} has a worker again")


@needs_crash_record
def test_a_crash_is_told_with_all_that_is_known_of_it(crowd):
    """On the job and with the plugin: signal, address, function, build id, memory, and whose it was."""
    job = crowd.submit("run-crash.run", {}, retry={**SOON, "base": "1h"})
    crowd.wait_job(job, "scheduled")
    attempt = crowd.job(job)["history"][0]
    crash = attempt["crash"]
    assert (crash["signal"], crash["address"]) == ("SIGSEGV", "0x10"), crash
    assert re.fullmatch(r"run\+0x[0-9a-f]+", crash["symbol"]), crash
    assert re.fullmatch(r"run-crash\.so\+0x[0-9a-f]+", crash["code"]), crash
    assert f'in {crash["symbol"]} ({crash["code"]})' in attempt["message"], attempt
    assert re.fullmatch(r"[0-9a-f]{16,64}", crash.get("build_id", "0" * 16)), crash
    assert crash["rss"] > 100 << 10 and "step" not in crash and "log" not in crash, crash
    told = crowd.plugins()["run-crash"]["recent_crashes"][0]
    assert {k: told[k] for k in crash} == crash, told
    assert (told["job"], told["type"], told["build"]) == (job, "run-crash.run", attempt["build"]), told
    assert (told["message"], told["pid"]) == (attempt["message"], attempt["pid"]), told
    cli = Cli(crowd)
    page = cli("plugins")
    assert "CRASH OF" in page and job in page and crash["symbol"] in page, page
    page = cli("job", job)
    assert "SIGSEGV at address 0x10" in page and f'{crash["symbol"]} ({crash["code"]})' in page, page
    crowd.act(job, "cancel")


def test_a_new_build_lets_jobs_out_of_quarantine(make_host):
    """They wait for as long as the code is the one that they crashed under, over restarts."""
    host = make_host(config())
    folder = os.path.join(host.folder, "so")
    os.mkdir(folder)
    file = os.path.join(folder, "run-exit.so")
    shutil.copy(build.plugin("run-exit"), file)
    host.configure({"plugins": {"run-exit": {"file": file}}, "jobs": {"run-exit.run": {"max_crashes": 1}}})
    host.start()
    jobs = [host.submit("run-exit.run", {"n": n}, retry=SOON, max=10) for n in range(3)]
    for job in jobs:
        dead = host.wait_job(job, "dead")
        assert (dead["error"]["code"], dead["crashes"]) == ("quarantined", 1), dead
    old = host.plugins()["run-exit"]["build"]
    host.restart()
    assert {host.job(job)["state"] for job in jobs} == {"dead"}
    host.stop()
    with open(file, "ab") as out:
        out.write(b"other")  # behind all that the loader reads
    host.start()
    new = host.plugins()["run-exit"]["build"]
    assert new != old
    for job in jobs:
        wait_until(lambda job=job: host.job(job).get("build") == new, build.PATIENCE_S, "it runs under the new build")
        dead = host.wait_job(job, "dead")
        assert [h["build"] for h in dead["history"]] == [old, new] and dead["crashes"] == 1, dead
    audited = [e for e in host.get("/v1/audit")["items"] if e["action"] == "job.retry"]
    assert {e["target"] for e in audited} == set(jobs) and {e["actor"] for e in audited} == {"jobhost"}, audited
    host.assert_sound()


def test_a_plugin_that_crashes_on_many_jobs_is_left_alone(make_host):
    """Its jobs wait and are explained, others go on, and a probe that returns lets them start again."""
    host = make_host({"plugins": {**chaos(crash_breaker={"jobs": 2, "pause": "1h"}),
                                  "noop": {"file": build.plugin("noop")}}})
    host.start()
    for _ in range(2):
        host.wait_job(host.submit("chaos.crash", {"how": "exit"}, retry={**SOON, "base": "2h"}), "scheduled")
    waiting = host.submit("chaos.echo", {})
    reasons = host.explain(waiting)
    assert "crashed on too many jobs: nothing of it starts before" in reasons["breaker"], reasons
    breaker = host.plugins()["chaos"]["breaker"]
    assert (breaker["state"], breaker["trips"]) == ("open", 1) and breaker["until"] in breaker["detail"], breaker
    assert breaker["detail"] in Cli(host)("plugins")
    ready = host.get("/readyz")
    assert ready["ok"] and ready["note"] == breaker["detail"], ready
    assert "breaker" not in host.plugins()["noop"]
    assert host.job(waiting)["state"] == "queued"
    host.restart()  # begins anew
    assert host.wait_job(waiting)["state"] == "succeeded"


@pytest.mark.parametrize("plugin", HANGS)
def test_a_run_that_says_nothing_hangs(make_host, plugin):
    host = make_host({"plugins": {plugin: {"file": build.plugin(plugin), "grace": "200ms"}},
                      "jobs": {f"{plugin}.run": {"stall": "300ms", "max_crashes": 2}}})
    host.start()
    dead = host.wait_job(host.submit(f"{plugin}.run", {}, retry=SOON), "dead")
    assert (dead["error"]["class"], dead["error"]["code"]) == ("bug", "quarantined"), dead
    assert [(h["code"], h["class"]) for h in dead["history"]] == [("stalled", "bug"), ("quarantined", "bug")], dead
    assert "said nothing for 300 ms (stall)" in dead["error"]["message"] and dead["attempts"] == 0, dead


def test_a_plugin_keeps_its_newest_crashes(crowd):
    jobs = [crowd.submit("run-exit.run", {}, retry={**SOON, "base": "1h"}) for _ in range(6)]
    for job in jobs:
        crowd.wait_job(job, "scheduled")
    kept = crowd.plugins()["run-exit"]["recent_crashes"]
    assert len(kept) == 5 and {c["job"] for c in kept} < set(jobs), kept
    assert [c["at"] for c in kept] == sorted((c["at"] for c in kept), reverse=True), kept
    assert all("signal" not in c and "exit status 3" in c["message"] for c in kept), kept
    crowd.act(jobs[0], "cancel")


def test_forged_records_end_their_worker_and_nothing_else(crowd):
    """The job that forged is charged with a crash whatever it said, even that it never ran; its own last word is not believed."""
    for how, words in FORGED.items():
        assert crowd.wait_job(crowd.submit("forges.run", "nothing"))["state"] == "succeeded"
        job = crowd.submit("forges.run", how, retry={**SOON, "base": "1h"})
        charged = crowd.wait_job(job, "scheduled")
        assert charged["crashes"] == 1 and charged["attempts"] == 0, (how, charged)
        error = charged["error"]
        assert (error["class"], error["code"]) == ("bug", "crash"), (how, error)
        assert "killed by the host: it" in error["message"] and words in error["message"], (how, error)
        assert "result" not in charged and [h["outcome"] for h in charged["history"]] == ["crash"], (how, charged)
        crowd.act(job, "cancel")
    assert crowd.plugins()["forges"]["crashes"] == len(FORGED)
    crowd.assert_sound()


@needs_crash_record
def test_last_words_of_a_crash_are_kept_and_its_effects_are_not(crowd):
    job = crowd.submit("run-abort.run", {}, retry=SOON)
    dead = crowd.wait_job(job, "dead")
    assert "last words" in crowd.log(job)
    assert "warnings" not in dead


def test_hangs_are_ended_by_their_timeout(crowd):
    jobs = [crowd.submit(f"{name}.run", {}, retry=SOON, max=2, timeout="300ms") for name in HANGS]
    for job in crowd.wait_all(jobs, "dead"):
        error = job["error"]
        assert (error["class"], error["code"]) == ("timeout", "attempts_exhausted"), error
        assert "did not end within its timeout of 300 ms, nor when asked to stop" in error["message"]
        assert job["attempts"] == 2 and "crashes" not in job, job


def test_leaks_end_in_a_clear_error(crowd):
    """A plugin that forgets descriptors runs out of them; its jobs say so, and nothing else suffers."""
    ids = crowd.submit_many([{"type": "leaks.run", "max": 1, "retry": SOON} for _ in range(1000)])
    crowd.submit_many([{"type": "leaks.run", "max": 1, "retry": SOON} for _ in range(500)])
    crowd.wait_idle(["leaks"])
    assert crowd.job(ids[0])["state"] == "succeeded"
    for dead in crowd.list(type="leaks.run", state="dead"):
        assert (dead["error"]["class"], dead["error"]["message"]) == ("resource", "out of descriptors"), dead


def test_a_forked_child_goes_with_its_worker(crowd):
    job = crowd.submit("forks-child.run", {})
    assert crowd.wait_job(job)["state"] == "succeeded"
    orphan = int(crowd.result(job))
    assert alive(orphan)
    worker, = crowd.workers("forks-child")
    crowd.end_worker(worker)
    wait_until(lambda: not alive(orphan), build.PATIENCE_S, "the forked child has ended")


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_a_forked_child_goes_with_its_host(make_host, how):
    host = make_host({"plugins": {"forks-child": {"file": build.plugin("forks-child"), "exec": "true"}}})
    host.start()
    job = host.submit("forks-child.run", {})
    host.wait_job(job, "succeeded")
    orphan = int(host.result(job))
    getattr(host, how)()
    wait_until(lambda: not alive(orphan), build.PATIENCE_S, "the end of what the plugin has started")


@pytest.mark.parametrize("name, words", [
    ("create-silent", "create() failed without saying why: call fail() first"),
    ("create-hang", "not ready after start_timeout (700 ms), while in create()"),
])
def test_create(make_host, name, words):
    host = make_host({"plugins": {name: {"file": build.plugin(name), "start_timeout": "700ms"}}})
    host.start()
    plugin = host.plugins()[name]
    assert plugin["state"] == "failed" and words in plugin["fault"], plugin
    job = host.submit("create.run", {})
    assert words[:40] in host.explain(job)["no_handler"]


def test_two_plugins_with_one_handler(make_host):
    host = make_host({"plugins": {n: {"file": build.plugin("ok-v1")} for n in ("first", "second")}})
    host.start()
    plugins = host.plugins()
    assert sorted(p["state"] for p in plugins.values()) == ["failed", "ready"]
    loser = next(p for p in plugins.values() if p["state"] == "failed")
    winner = next(p for p in plugins.values() if p["state"] == "ready")
    assert f"handler ok.run is already provided by plugin {winner['name']}" in loser["fault"]
    assert winner["file"] in loser["fault"]
    job = host.submit("ok.run", {})
    assert host.wait_job(job)["state"] == "succeeded"


def test_strict_start_ends_with_the_reason(make_host):
    host = make_host({"plugins": {"text-file": {"file": build.plugin("text-file")}}})
    assert host.start(args=["--strict"], ready=False) is False
    assert host.reap() == 1
    assert "invalid ELF header" in host.read_log()


# ---- who pays for a crash

def test_only_the_guilty_job_is_charged_in_one_thread(make_host):
    """Fifty quick jobs wait in the worker's window behind the crashing one: they are not marked by it."""
    host = make_host({"plugins": chaos(workers=1, threads=1)})
    host.start()
    # so that the host knows these are quick and fills the window
    host.wait_all(host.submit_many([{"type": "chaos.echo"} for _ in range(50)]))
    ids = host.submit_many(
        [{"type": "chaos.echo", "payload": {"n": n}} for n in range(25)]
        + [{"type": "chaos.crash", "payload": {"how": "segv", "raw": True}, "retry": SOON, "max": 9}]
        + [{"type": "chaos.echo", "payload": {"n": n}} for n in range(25)])
    guilty, others = ids[25], ids[:25] + ids[26:]
    dead = host.wait_job(guilty)
    assert (dead["state"], dead["crashes"], dead["attempts"], dead["attempt"]) == ("dead", 3, 0, 3), dead
    for job in host.wait_all(others):
        assert (job["state"], job["attempts"], job["attempt"], job.get("crashes")) == ("succeeded", 1, 1, None), job
        assert not job["history"], job
    assert host.plugins()["chaos"]["crashes"] == 3
    host.assert_sound()


@needs_crash_record
def test_neighbours_in_other_threads_are_not_charged(make_host):
    """They were running in the process that died: they run again, and no attempt is used up."""
    host = make_host({"plugins": chaos(workers=1, threads=4)})
    host.start()
    sleepers = host.submit_many([{"type": "chaos.sleep", "payload": {"ms": 400}, "max": 1} for _ in range(3)])
    for job in sleepers:
        host.wait_started(job)
    guilty = host.submit("chaos.crash", {"how": "abort", "times": 1}, retry=SOON)
    assert host.wait_job(guilty)["state"] == "succeeded"
    jobs = host.wait_all(sleepers)
    assert [(j["state"], j["attempts"], j.get("crashes")) for j in jobs] == [("succeeded", 1, None)] * 3, jobs
    assert all([h["outcome"] for h in j["history"]][:1] == ["neighbour"] for j in jobs), jobs
    host.assert_sound()


def test_a_crash_by_exit_charges_all_who_were_running(make_host):
    """exit() leaves no word about who called it: all that were running are suspects, those that waited are not."""
    host = make_host({"plugins": chaos(workers=1, threads=3)})
    host.start()
    sleepers = host.submit_many([{"type": "chaos.sleep", "payload": {"ms": 400}, "retry": SOON} for _ in range(2)])
    for job in sleepers:
        host.wait_started(job)
    guilty = host.submit("chaos.crash", {"how": "exit", "times": 1}, retry=SOON)
    waiting = host.submit_many([{"type": "chaos.echo", "payload": {}} for _ in range(10)])
    jobs = host.wait_all([guilty, *sleepers])
    assert all(j["state"] == "succeeded" and j["crashes"] == 1 for j in jobs), json.dumps(jobs)
    assert "exit status 7" in host.job(sleepers[0])["history"][0]["message"]
    assert all(j["state"] == "succeeded" and "crashes" not in j for j in host.wait_all(waiting))


# ---- out of memory

CGROUP = "/sys/fs/cgroup/memory" if os.path.isdir("/sys/fs/cgroup/memory") else "/sys/fs/cgroup"


@pytest.fixture
def small_room():
    """A control group with 96 MiB, in which the kernel kills whoever wants more; where there may be none, there is no such test."""
    path = os.path.join(CGROUP, f"jobhost-test-{os.getpid()}")
    try:
        os.mkdir(path)
    except OSError as error:
        pytest.skip(f"no control group can be made: {error}")
    limit = next((f for f in ("memory.max", "memory.limit_in_bytes") if os.path.exists(os.path.join(path, f))), None)
    try:
        if limit is None:
            pytest.skip("the control group has no memory controller")
        with open(os.path.join(path, limit), "w", encoding="ascii") as f:
            f.write(str(96 << 20))
        yield path
    finally:
        wait_until(lambda: not open(os.path.join(path, "cgroup.procs"), encoding="ascii").read(), build.PATIENCE_S, "it is empty")
        os.rmdir(path)


@pytest.mark.skipif(build.SANITIZED, reason="a sanitizer takes more memory than that")
def test_a_worker_that_the_kernel_kills_for_its_memory(make_host, small_room):
    """Not a crash of the plugin, no attempt used up: it is run again, here where there is room."""
    host = make_host({"plugins": chaos(workers=1)})
    host.start()
    with open(os.path.join(small_room, "cgroup.procs"), "w", encoding="ascii") as f:
        f.write(str(host.workers()[0]))
    job = host.wait_job(host.submit("chaos.eat", {"mib": 256}, retry=SOON))
    assert job["state"] == "succeeded" and job["attempts"] == 1, job
    assert "killed by signal 9 (SIGKILL), not sent by jobhost: out of memory" in json.dumps(job["history"]), job
    assert "plugin chaos 1" in json.dumps(job["history"]), job


@pytest.mark.skipif(build.SANITIZED, reason="a sanitizer reserves terabytes")
def test_a_handler_to_which_malloc_says_no(make_host):
    host = make_host({"plugins": chaos(workers=1)})
    host.start()
    worker = host.workers()[0]
    resource.prlimit(worker, resource.RLIMIT_AS, (1 << 30, 1 << 30))
    job = host.wait_job(host.submit("chaos.eat", {"mib": 1500}, retry=SOON))
    assert job["state"] == "succeeded" and job["crashes"] == 1, job
    assert "SIGSEGV" in json.dumps(job["history"]) and "plugin chaos 1" in json.dumps(job["history"]), job
