"""What a plugin's processes may do, from outside: what is in force is shown, and what misbehaves hits its own limits only."""
import http.server
import json
import os
import re
import socket
import ssl
import threading

import pytest

from lib import build
from lib.certs import Authority
from lib.cli import Cli
from lib.clock import Clock
from lib.host import WORKER_LIFE_S, chaos
from lib.procs import alive, wait_until

SOON = {"backoff": "fixed", "base": "10ms", "jitter": 0}


def cage(**settings):
    """The plugin that does what its payload says, and tells what came of it."""
    return {"cage": {"file": build.plugin("cage"), **settings}}


def ask(host, words, **more):
    job = host.wait_job(host.submit("cage.run", words, **more))
    assert job["state"] == "succeeded", job
    return host.result(job["id"]).decode()


def notes(host, plugin="cage"):
    return {n["facility"]: (n["state"], n["detail"]) for n in host.plugins()[plugin]["sandbox"]}


def needs(host, facility):
    state, detail = notes(host)[facility]
    if state != "on":
        pytest.skip(f"{facility} is {state}: {detail}")


@pytest.fixture
def caged(make_host):
    """caged(sandbox, ...) is a running host with that plugin."""
    def start(**settings):
        host = make_host({"plugins": cage(**settings)})
        host.start()
        return host
    return start


def test_what_is_in_force_is_shown(caged):
    host = caged(sandbox={"max_files": 100, "max_file": "3MiB"})
    state, detail = notes(host)["limits"]
    assert state == "on" and "files 100, file size 3145728" in detail, detail
    cli = Cli(host)
    assert "SANDBOX" in cli("plugins") and detail in cli("describe", "cage")
    # one that is not loaded has nothing to say
    assert "sandbox" not in json.dumps([p for p in cli.json("plugins")["items"] if p["name"] != "cage"])


def test_a_plugin_without_limits_has_the_defaults(caged):
    host = caged()
    detail = notes(host)["limits"][1]
    if not build.SANITIZED:
        assert "data 4294967296" in detail, detail
    assert "files 1024, file size 4294967296" in detail and "cpu" not in detail, detail


@pytest.mark.skipif(build.SANITIZED, reason="a sanitizer has no limit of memory")
def test_one_that_allocates_without_end_is_told_no(caged):
    host = caged(sandbox={"max_data": "200MiB"})
    assert 20 < int(ask(host, "eat 100000")) < 200
    assert host.plugins()["cage"]["crashes"] == 0


def test_one_that_fills_the_disk_meets_the_end_of_its_file(caged):
    host = caged(sandbox={"max_file": "3MiB"})
    assert ask(host, "fill 100000") == "EFBIG"
    host.assert_sound()


def test_one_that_spins_is_ended_by_its_processor_time(caged):
    host = caged(sandbox={"max_cpu": "1s"})
    job = host.wait_job(host.submit("cage.run", "spin", retry={**SOON, "base": "1h"}), "scheduled")
    assert job["crashes"] == 1, job
    assert "SIGXCPU" in job["error"]["message"] or build.SANITIZED, job
    host.act(job["id"], "cancel")
    assert ask(host, "fill 1") == "1"  # by the worker that came after it


@pytest.fixture
def roomy(make_host, folder):
    """A host in test time whose plugin may keep 20 MiB; what has been kept lies in roomy.data."""
    clock = Clock.create(f"{folder}/clock")
    host = make_host({"plugins": chaos(sandbox={"max_disk": "20MiB"}, threads=2)}, env={"JOBHOST_TEST_CLOCK": clock.path})
    host.start()
    host.clock = clock
    host.data = f"{host.state_dir}/data/chaos"
    return host


def looked(host, reason):
    """Time passes until the host has looked, and says so."""
    def probe():
        host.clock.advance(5000)
        return reason(host.plugins()["chaos"])
    wait_until(probe, build.PATIENCE_S, "it has looked")


def test_a_plugin_that_keeps_too_much_stops_until_there_is_room(roomy):
    """What runs ends with words, nothing more starts, all of it goes on when somebody has made room, and others never notice."""
    running = roomy.submit("chaos.sleep", {"ms": 3_600_000}, timeout="5h", retry={**SOON, "base": "1h"})
    roomy.wait_started(running)
    with open(f"{roomy.data}/more", "wb") as out:
        out.write(b"x" * (21 << 20))
    looked(roomy, lambda p: "more than its max_disk" in (p.get("fault") or ""))
    job = roomy.wait_job(running, "scheduled")
    assert (job["error"]["class"], job["error"]["code"]) == ("resource", "over_disk"), job
    assert "max_disk" in job["error"]["message"] and job["attempts"] == 0, job
    waiting = roomy.submit("chaos.echo", {})
    assert "more than its max_disk of 20MiB" in roomy.explain(waiting)["disk"]
    assert roomy.call("GET", "/readyz").status == 200
    os.remove(f"{roomy.data}/more")
    looked(roomy, lambda p: p.get("fault") is None)
    assert roomy.wait_job(waiting)["state"] == "succeeded"
    roomy.act(running, "cancel")
    assert roomy.read_log().count("plugin.disk") == 2


# ---- control groups

def test_limits_of_control_groups(caged):
    """Where the host's group is delegated to it; elsewhere the plugin runs without, and it is said why."""
    host = caged(sandbox={"memory": "100MiB", "cpu": 1.5, "pids": 40})
    state, detail = notes(host)["cgroup"]
    if state != "on":
        assert state == "degraded" and "control group" in detail, detail
        assert "facility=cgroup" in host.read_log()
        assert ask(host, "fill 1") == "1" and "without cgroup" in Cli(host)("plugins")
        pytest.skip(detail)
    assert detail == "of all its processes: memory 100MiB, processors 1.5, pids 40"
    job = host.wait_job(host.submit("cage.run", "eat 1000", retry={**SOON, "base": "1h"}), "scheduled")
    assert job["error"]["class"] == "resource" and "sandbox.memory" in job["error"]["message"], job
    host.act(job["id"], "cancel")
    assert ask(host, "fill 1") == "1"


def test_without_limits_there_is_no_group(caged):
    assert "cgroup" not in notes(caged())


# ---- system calls

def test_no_program_is_run_unless_it_is_listed(caged):
    host = caged()
    needs(host, "seccomp")
    assert ask(host, "exec true") == ask(host, "fork") == "EPERM"
    host.end()
    host = caged(exec=["true"])
    assert ask(host, "exec true") == "0"


def test_nobody_looks_into_the_supervisor(caged):
    host = caged()
    needs(host, "seccomp")
    assert {ask(host, words) for words in ("call ptrace", "call mount", "signal parent", "signal -1")} == {"EPERM"}


def test_a_plugin_does_not_come_in_by_the_admin_socket(caged):
    """Its processes are of the host's own user; whose they are is told by the kernel. Everybody else of this user comes in."""
    host = caged(exec=["true"])
    for words in ("knock", "send-to-knock", "knock"):
        answer = ask(host, f"{words} {host.socket}")
        assert answer.startswith("HTTP/1.1 403 ") and "worker_refused" in answer, answer
    assert host.read_log().count("worker.refused") == 1
    assert Cli(host)("plugins")


# Under seccomp it cannot leave the process group that is killed; without, it has left it.
DAEMONS = {"confined": {"exec": ["true"]}, "free": {"sandbox": {"seccomp": False}}}


@pytest.mark.parametrize("settings", DAEMONS.values(), ids=DAEMONS)
def test_a_daemon_goes_with_its_worker(caged, settings):
    """Whatever it closes, whoever its parent is."""
    host = caged(**settings)
    orphan = int(ask(host, "daemonise"))
    assert alive(orphan)
    host.end_worker(host.workers("cage")[0])
    wait_until(lambda: not alive(orphan), build.PATIENCE_S, "the daemon has ended")


@pytest.mark.parametrize("settings", DAEMONS.values(), ids=DAEMONS)
@pytest.mark.parametrize("how", ["stop", "kill"])
def test_a_daemon_goes_with_its_host(caged, settings, how):
    host = caged(**settings)
    orphan = int(ask(host, "daemonise"))
    assert alive(orphan)
    getattr(host, how)()  # sees to it that nothing is left after three seconds
    wait_until(lambda: not alive(orphan), WORKER_LIFE_S, "the daemon has ended")


def test_one_that_waits_for_all_its_children_has_only_its_own(caged):
    """What clears up after it is none of them."""
    host = caged(exec=["true"])
    assert ask(host, "exec true") == "0"
    assert ask(host, "wait") == "ECHILD"


def test_one_that_closes_all_descriptors_pays_for_it_alone(caged):
    host = caged()
    job = host.wait_job(host.submit("cage.run", "close", retry={**SOON, "base": "1h"}), "scheduled")
    assert (job["crashes"], job["error"]["class"]) == (1, "bug"), job
    host.act(job["id"], "cancel")
    assert ask(host, "call getppid") == "ok"
    host.assert_sound()


def test_no_network(caged):
    host = caged(sandbox={"net": "none"})
    needs(host, "seccomp")
    assert (ask(host, "socket inet"), ask(host, "socket unix")) == ("EACCES", "ok")


def test_seccomp_switched_off_is_shown(caged):
    host = caged(sandbox={"seccomp": False})
    assert notes(host)["seccomp"] == ("off", "switched off")
    assert re.search("without .*seccomp", Cli(host)("plugins"))
    assert ask(host, "fork") == "ok"


# ---- files and ports

def test_files_beyond_its_own_are_denied(caged):
    host = caged()
    needs(host, "landlock")
    own = os.path.join(host.state_dir, "data", "cage", "own")
    assert ask(host, "write own") == ask(host, f"read {own}") == ask(host, "temporary") == "ok"
    with open(os.path.join(host.folder, "outside"), "w", encoding="utf-8") as out:
        out.write("secret")
    for path in (os.path.join(host.folder, "outside"), host.config_path, f"{host.state_dir}/jobhost.db", "/etc/passwd"):
        assert ask(host, f"read {path}") == "EACCES", path
    for path in (f"{host.state_dir}/data/other", f"{host.folder}/other"):
        assert ask(host, f"write {path}") == "EACCES", path


def test_files_that_are_listed(make_host):
    host = make_host({"plugins": {}})
    shared = os.path.join(host.folder, "shared")
    os.mkdir(shared)
    host.configure({"plugins": cage(sandbox={"read": "/etc/passwd", "write": [shared]})})
    host.start()
    assert ask(host, f"write {shared}/new") == ask(host, "read /etc/passwd") == "ok"
    assert os.path.exists(f"{shared}/new")
    needs(host, "landlock")
    assert ask(host, "write /etc/passwd") == "EACCES"


def test_what_is_listed_and_not_there_is_logged_once(make_host):
    host = make_host({"plugins": cage(workers=2, sandbox={"read": ["/no/such"]})})
    host.start()
    wait_until(lambda: len(host.workers("cage")) == 2, build.PATIENCE_S, "both workers")
    state, detail = notes(host)["landlock"]
    if state == "off":
        pytest.skip(detail)
    assert state == "degraded"
    assert "/no/such: No such file or directory" in detail or "not available" in detail
    lines = [line for line in host.read_log().splitlines() if "sandbox.degraded" in line]
    assert len(lines) == 1 and "facility=landlock" in lines[0] and detail in lines[0], lines
    assert "without landlock" in Cli(host)("plugins")


def test_one_program_is_not_all_of_them(caged):
    host = caged(exec=["true"])
    needs(host, "landlock")
    assert (ask(host, "exec true"), ask(host, "exec false")) == ("0", "EACCES")


@pytest.fixture
def website(folder):
    """A site with TLS on localhost; its port, and its authority's file."""
    authority = Authority(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue("server"))

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1], authority.ca
    server.shutdown()
    server.server_close()


def fetch(host, url):
    job = host.wait_job(host.submit("fetch.run", url))
    assert job["state"] == "succeeded", job
    return host.result(job["id"]).decode()


@pytest.mark.skipif(build.SANITIZED, reason="there is nothing to be inside of in instrumented builds")
def test_libcurl_resolves_and_verifies_inside(make_host, website):
    """With everything switched on: its resolver's thread, the certificate and the port that is listed."""
    port, authority = website
    host = make_host({"plugins": {"fetch": {"file": build.plugin("fetch"), "config": {"ca": authority},
                                            "sandbox": {"ports": [port], "read": authority}}}})
    host.start()
    assert fetch(host, f"https://localhost:{port}/") == "204"
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        words = fetch(host, f"https://localhost:{other.getsockname()[1]}/")
        state, detail = notes(host, "fetch")["landlock"]
        if state != "on":
            pytest.skip(f"landlock is {state}: {detail}")
        assert "Couldn't connect" in words or "Failed to connect" in words, words


def test_landlock_switched_off_is_shown(caged):
    host = caged(sandbox={"landlock": False})
    assert notes(host)["landlock"] == ("off", "switched off")
    assert ask(host, "read /etc/passwd") == "ok"


# ---- memory that is taken and not given back

@pytest.mark.skipif(build.SANITIZED, reason="a sanitizer takes memory of its own")
def test_a_worker_that_has_grown_is_replaced_when_it_is_done(caged):
    host = caged(max_rss="100MiB")
    worker, = host.workers("cage")
    assert ask(host, "eat 120") == "120"
    wait_until(lambda: worker not in host.workers("cage") and host.workers("cage"), build.PATIENCE_S, "another has its place")
    plugin = host.plugins()["cage"]
    assert plugin["crashes"] == 0, plugin
    assert ask(host, "eat 1") == "1"
    assert "replaced when it has finished" in host.read_log()


@pytest.mark.skipif(build.SANITIZED, reason="a sanitizer takes memory of its own")
def test_a_worker_that_has_grown_finishes_what_it_runs(caged):
    """Its place is taken at once, so that one long job does not hold up the others."""
    host = caged(max_rss="100MiB", grace="200ms")
    worker, = host.workers("cage")
    held = host.submit("cage.run", "hold 120")
    wait_until(lambda: worker not in host.workers("cage") and host.workers("cage"), build.PATIENCE_S, "another has its place")
    assert ask(host, "eat 1") == "1"
    assert host.job(held)["state"] == "running" and alive(worker)
    host.act(held, "cancel")
    assert host.wait_job(held)["state"] == "cancelled"
    wait_until(lambda: not alive(worker), build.PATIENCE_S, "the old one is gone")
    host.assert_sound()


@pytest.mark.skipif(build.SANITIZED, reason="a sanitizer takes memory of its own")
def test_a_worker_that_grows_and_grows_is_killed(caged):
    host = caged(max_rss="100MiB")
    job = host.wait_job(host.submit("cage.run", "hold 300", retry={**SOON, "base": "1h"}), "scheduled")
    error = job["error"]
    assert error["class"] == "resource" and "one and a half times max_rss" in error["message"], error
    assert job["attempts"] == 0 and "crashes" not in job, job  # as when the kernel had killed it
    host.act(job["id"], "cancel")
    assert ask(host, "eat 1") == "1"


# ---- a process for each job

def test_each_job_has_a_process_of_its_own(caged):
    host = caged(workers=2, isolation="process")
    seen = set()
    for _ in range(3):
        fresh = wait_until(lambda: len(host.workers("cage")) == 2 and host.workers("cage"), build.PATIENCE_S, "two workers wait")
        assert ask(host, "call getppid") == "ok"
        wait_until(lambda: not all(alive(pid) for pid in fresh), build.PATIENCE_S, "one has gone with its job")
        seen |= {pid for pid in fresh if not alive(pid)}
    assert len(seen) == 3, seen
    jobs = host.wait_all([host.submit("cage.run", "call getppid") for _ in range(20)])
    assert all(job["state"] == "succeeded" for job in jobs)
    plugin = host.plugins()["cage"]
    assert (plugin["crashes"], plugin["jobs_done"]) == (0, 23), plugin
    assert all(worker["jobs_done"] <= 1 for worker in plugin["workers"]), plugin["workers"]
    host.assert_sound()
