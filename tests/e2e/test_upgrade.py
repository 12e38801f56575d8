"""Another binary in the place of the one that runs: the same process, its workers, jobs, sockets and connections go on (docs/upgrade.md)."""
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import threading

import pytest

from lib import build
from lib.api import Unreachable
from lib.builds import Builds, reload, verdicts
from lib.faults import CONFIG
from lib.host import chaos
from lib.procs import open_fds, rss_bytes, wait_until, workers_of
from lib.raw import Raw, ask
from lib.workload import Submitter, Workload

JSON = "Content-Type: application/json"
UPGRADES = build.count(20, 5, 3)


def begin(host, file=None):
    """It tests itself well, and takes over."""
    return host.expect(202, "POST", "/v1/upgrade", {"file": file} if file else {})


def verdict(host):
    wait_until(lambda: host.get("/v1/upgrade")["state"] != "running", build.PATIENCE_S, "the upgrade is over")
    return host.get("/v1/upgrade")


def upgrade(host, file=None):
    for _ in range(5):  # a busy machine may not be quiet within its two seconds: then it goes on as before
        begin(host, file)
        report = verdict(host)
        if report["state"] == "done":
            return report
    raise AssertionError(f"{report}\n{host.log_tail()}")


def steps(job):
    return job.get("steps", {}).get("count", 0)


def script(folder, text, name="next"):
    """A binary that is a shell script: REAL is the one that is tested."""
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as out:
        out.write("#!/bin/sh\n" + text.replace("REAL", build.BINARY) + "\n")
    os.chmod(path, 0o700)
    return path


# ---- what goes on

def test_a_job_runs_through_three_upgrades(store, make_host):
    host = make_host({"plugins": chaos(workers=1), **store})
    host.start()
    job = host.submit("chaos.steps", {"steps": 12, "pause_ms": 250, "children": 1})
    host.wait_started(job)
    pid, workers = host.pid, workers_of(host.pid)
    for _ in range(3):
        assert upgrade(host)["jobs"] == 1
        assert (host.pid, workers_of(pid)) == (pid, workers)
        seen = host.job(job)
        assert seen["state"] == "running" and seen["attempt"] == 1, seen
        wait_until(lambda: steps(host.job(job)) > steps(seen), build.PATIENCE_S, "it makes another step")
    done = host.wait_job(job)
    assert done["state"] == "succeeded" and done["attempt"] == 1 and "lost" not in done
    assert steps(done) == 12 and done["progress"]["done"] == 12
    assert workers_of(pid) == workers
    host.wait_idle()
    sinks = host.counters([f"sink:{job}:{n}" for n in [*range(1, 13), "end"]] + [f"children:{job}"])
    assert sinks.pop(f"children:{job}") == 12 and set(sinks.values()) == {1}
    host.assert_sound()


def test_what_is_not_committed_goes_with_the_job(store, make_host):
    host = make_host(store)
    host.start()
    files = [{"name": f"{i}.txt", "text": f"{i}:", "bytes": 300_000} for i in range(3)]
    outputs = host.submit("chaos.outputs", {"files": files, "pause_ms": 700})
    progress = host.submit("chaos.progress", {"updates": 3, "pause_ms": 700})
    for job in (outputs, progress):
        host.wait_started(job)
    upgrade(host)
    upgrade(host)
    done = host.wait_job(outputs)
    assert done["state"] == "succeeded" and done["attempt"] == 1
    assert [o["name"] for o in done["outputs"]] == ["0.txt", "1.txt", "2.txt"]
    assert host.wait_job(progress)["attempt"] == 1
    host.assert_sound()


class Newcomers(threading.Thread):
    """Submits over a connection of its own each time; no one may be refused, reset or told to come again."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port, self.ids, self.problems, self.over = port, [], [], threading.Event()

    def run(self):
        while not self.over.is_set():
            try:
                answer = ask(self.port, "POST", "/v1/jobs", [JSON], json.dumps({"type": "chaos.echo", "payload": {"text": "x"}}).encode())
                if answer.status != 202:
                    self.problems.append(answer)
                else:
                    self.ids.append(json.loads(answer.body)["id"])
            except (OSError, EOFError) as problem:
                self.problems.append(str(problem))
            if len(self.problems) > 3:
                return

    def end(self):
        self.over.set()
        self.join()


def test_nobody_is_refused_under_load(store, make_host):
    host = make_host({**CONFIG, **store})
    host.start()
    pid, work = host.pid, Workload(build.seed(), build.count(600, 200, 60))
    newcomers = [Newcomers(host.port()) for _ in range(3)]
    with contextlib.ExitStack() as ends, Submitter(work, host) as submitter:
        for thread in newcomers:
            thread.start()
            ends.callback(thread.end)
        for n in range(UPGRADES):
            before = [len(t.ids) for t in newcomers]
            wait_until(lambda b=before: all(len(t.ids) > n for t, n in zip(newcomers, b)) or any(t.problems for t in newcomers),
                       build.PATIENCE_S, "work goes on")
            submitter.let((n + 1) / UPGRADES)
            upgrade(host)
    assert [t.problems for t in newcomers] == [[], [], []], host.log_tail()
    assert host.pid == pid and host.process.poll() is None
    ids = [i for t in newcomers for i in t.ids]
    assert len(set(ids)) == len(ids) and len(ids) > 3 * UPGRADES
    report = work.check(host)
    print(f"{UPGRADES} upgrades, {len(ids)} more jobs: {report}")
    report.assert_clean()
    done = host.wait_all(ids)
    assert {j["state"] for j in done} == {"succeeded"} and {j["attempt"] for j in done} == {1}


def test_connections_go_on(make_host):
    host = make_host()
    host.start()
    port = host.port()
    with Raw(port) as kept, Raw(port) as quiet, Raw(port) as early:
        assert kept.ask("GET", "/v1/version").status == 200
        early.send("POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\n")  # and no more, for now
        begin(host)
        early.send(f"{JSON}\r\nContent-Length: 22\r\n\r\n" '{"type":"chaos.echo"}\n')
        assert early.response().status == 202  # it was finished first
        assert verdict(host)["state"] == "done"
        for raw in (kept, quiet, early):
            assert raw.ask("GET", "/v1/version").status == 200
        assert host.port() == port


@pytest.mark.parametrize("part", ["GET /v1/ver", f"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\n{JSON}\r\nContent-Length: 900000\r\n\r\n" + "x" * 1000])
def test_who_does_not_finish_his_request_holds_nothing_up(make_host, part):
    host = make_host()
    host.start()

    def once():
        with Raw(host.port()) as slow:
            slow.send(part)
            wait_until(lambda: host.get("/v1/plugins"), build.PATIENCE_S, "it has come in")
            begin(host)
            report = verdict(host)
            answer = slow.response()
            assert answer.status == 503 and b"upgrading" in answer.body
            return report
    reports = (once() for _ in range(5))  # as upgrade() does
    assert any(r["state"] == "done" for r in reports), host.log_tail()


def test_a_stream_ends_cleanly(make_host):
    host = make_host()
    host.start()
    job = host.submit("chaos.sleep", {"ms": 3000})
    host.wait_started(job)
    with Raw(host.port()) as watcher:
        watcher.send(f"GET /v1/jobs/{job}/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        watcher.peek()
        upgrade(host)
        assert watcher.rest().endswith(b"0\r\n\r\n")
    assert host.wait_job(job)["attempt"] == 1


def test_descriptors_do_not_grow(make_host):
    host = make_host({"plugins": chaos(workers=2)})
    host.start()
    job = host.submit("chaos.sleep", {"ms": 600_000})
    host.wait_started(job)
    upgrade(host)
    before, memory, workers = open_fds(host.pid), rss_bytes(host.pid), workers_of(host.pid)
    for _ in range(build.count(50, 12, 4)):
        upgrade(host)
    print(f"descriptors {before} -> {open_fds(host.pid)}, memory {memory} -> {rss_bytes(host.pid)} bytes")
    assert open_fds(host.pid) == before
    assert workers_of(host.pid) == workers
    for worker in workers:
        assert open_fds(worker) < 30
    host.act(job, "cancel")
    assert host.wait_job(job)["state"] == "cancelled"


def test_what_is_asked_of_a_job_before_holds_after(make_host):
    host = make_host({"plugins": chaos(grace="60s")})
    host.start()
    job = host.submit("chaos.sleep", {"ms": 600_000}, timeout="3s")
    host.wait_started(job)
    upgrade(host)
    other = host.submit("chaos.sleep", {"ms": 600_000})
    assert host.job(job)["state"] == "running"
    host.act(other, "cancel")
    assert host.wait_job(other)["state"] == "cancelled"
    wait_until(lambda: host.job(job)["state"] != "running", build.PATIENCE_S, "its timeout holds")


def test_a_worker_that_dies_is_found_and_replaced(make_host):
    host = make_host({"plugins": chaos(workers=2)})
    host.start()
    wait_until(lambda: len(workers_of(host.pid)) == 2, build.PATIENCE_S, "both are there")
    upgrade(host)
    first, second = workers_of(host.pid)
    host.end_worker(first)
    wait_until(lambda: len(workers_of(host.pid)) == 2, build.PATIENCE_S, "there is another")
    assert second in workers_of(host.pid)
    assert host.wait_job(host.submit("chaos.echo"))["state"] == "succeeded"
    upgrade(host)
    host.stop()
    assert not workers_of(second)


def test_the_command(make_host, folder):
    host = make_host()
    host.start()
    job = host.submit("chaos.sleep", {"ms": 2000})
    host.wait_started(job)
    done = subprocess.run([build.BINARY, "upgrade", "--wait", build.BINARY, "--socket", host.socket], capture_output=True, text=True,
                          timeout=build.PATIENCE_S, check=False)
    assert done.returncode == 0, done
    assert "1 workers and 1 jobs went on" in done.stdout
    refused = subprocess.run([build.BINARY, "upgrade", "--wait", "/bin/true", "--socket", host.socket], capture_output=True, text=True,
                             timeout=build.PATIENCE_S, check=False)
    assert refused.returncode == 1 and "--self-test" in refused.stderr
    back = subprocess.run([build.BINARY, "upgrade", "--wait", "--json", script(folder, GO_BACK["it refuses the table"]), "--socket", host.socket],
                          capture_output=True, text=True, timeout=build.PATIENCE_S, check=False)
    assert back.returncode == 1 and json.loads(back.stdout)["state"] == "failed", back
    assert host.wait_job(job)["attempt"] == 1


# ---- what changes nothing

def truncated(folder):
    path = os.path.join(folder, "truncated")
    with open(build.BINARY, "rb") as whole, open(path, "wb") as part:
        part.write(whole.read(100_000))
    os.chmod(path, 0o700)
    return path


def other_machine(folder):
    path = os.path.join(folder, "other")
    with open(build.BINARY, "rb") as whole, open(path, "wb") as out:
        head = bytearray(whole.read(4096))
        head[18:20] = b"\xf3\x00"  # e_machine: RISC-V
        out.write(head)
    os.chmod(path, 0o700)
    return path


def text_file(folder):
    path = os.path.join(folder, "text")
    with open(path, "w", encoding="utf-8") as out:
        out.write("this is no program\n")
    os.chmod(path, 0o700)
    return path


BAD = {
    "text": (text_file, "cannot be executed"),
    "missing": (lambda folder: os.path.join(folder, "nothing"), "No such file"),
    "not-executable": (lambda folder: build.plugin("chaos") + ".nothing", "No such file"),
    "truncated": (truncated, "self-test"),
    "machine": (other_machine, "cannot be executed"),
    "exits": (lambda folder: script(folder, "echo no luck; exit 1"), "status 1: no luck"),
    "dies": (lambda folder: script(folder, "kill -SEGV $$"), "died of signal 11"),
    "another-program": (lambda folder: "/bin/true", "it is no jobhost"),
    "format": (lambda folder: script(folder, """REAL "$@" | sed 's/"handover":1/"handover":99/'"""), "does not understand"),
    "store": (lambda folder: script(folder, """REAL "$@" | sed 's/"identity":"./"identity":"x/'"""), "another store"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_file_that_cannot_take_over_changes_nothing(make_host, folder, name):
    make, words = BAD[name]
    host = make_host()
    host.start()
    job = host.submit("chaos.sleep", {"ms": 1500})
    host.wait_started(job)
    workers = workers_of(host.pid)
    answer = host.call("POST", "/v1/upgrade", {"file": make(folder)})
    assert answer.status == 409 and answer.error["code"] == "upgrade_refused", answer
    assert words in answer.error["message"]
    report = host.get("/v1/upgrade")
    assert report["state"] == "failed" and words in report["reason"]
    assert host.wait_job(job)["attempt"] == 1 and workers_of(host.pid) == workers
    assert host.wait_job(host.submit("chaos.echo"))["state"] == "succeeded"
    upgrade(host)


def test_a_self_test_that_hangs(make_host, folder):
    host = make_host()
    host.start()
    answer = host.call("POST", "/v1/upgrade", {"file": script(folder, "sleep 600")})
    assert answer.status == 409 and "did not end within" in answer.error["message"]
    assert host.wait_job(host.submit("chaos.echo"))["state"] == "succeeded"


def test_a_configuration_with_errors_changes_nothing(make_host):
    host = make_host()
    host.start()
    with open(host.config_path, "a", encoding="utf-8") as out:
        out.write("nonsense: [")
    answer = host.call("POST", "/v1/upgrade", {})
    assert answer.status == 409 and "self-test failed with status 1" in answer.error["message"]
    assert host.get("/healthz")["ok"]


def test_who_may_ask_and_when(make_host, folder):
    host = make_host()
    host.start()
    answer = ask(host.port(), "POST", "/v1/upgrade", [JSON], b"{}")
    assert answer.status == 403 and b"admin_only" in answer.body
    assert host.call("GET", "/v1/upgrade").status == 404
    assert host.call("POST", "/v1/upgrade", {"file": "jobhost"}).status == 400
    slow = script(folder, 'sleep 1; exec REAL "$@"')
    other = host.another()
    thread = threading.Thread(target=lambda: other.call("POST", "/v1/upgrade", {"file": slow}))
    thread.start()
    wait_until(lambda: "upgrade.begun" in host.read_log(), build.PATIENCE_S, "the first is under way")
    again = host.call("POST", "/v1/upgrade", {})
    assert again.status == 409 and again.error["code"] == "not_now"
    thread.join()
    assert verdict(host)["state"] == "done"


def test_it_waits_for_no_reload(make_host):
    host = make_host({"plugins": {**chaos(), "slow": {"file": build.plugin("create-hang"), "enabled": False, "start_timeout": "3s"}}})
    host.start()
    host.configure({"plugins": {**chaos(), "slow": {"file": build.plugin("create-hang"), "start_timeout": "3s"}}})
    host.expect(202, "POST", "/v1/reload")
    wait_until(lambda: "reload.begun" in host.read_log(), build.PATIENCE_S, "it reloads")
    answer = host.call("POST", "/v1/upgrade", {})
    assert answer.status == 409 and "reload" in answer.error["message"]


class SlowTest:
    """An upgrade whose binary tests itself until it is told to go on."""

    def __init__(self, host, folder):
        self._go = os.path.join(folder, "go")
        self._other, self.answer = host.another(), None
        self._file = script(folder, f'case $1 in --self-test) while [ ! -e {self._go} ]; do sleep 0.02; done ;; esac; exec REAL "$@"')
        self._thread = threading.Thread(target=self._ask, daemon=True)
        self._thread.start()
        wait_until(lambda: "upgrade.begun" in host.read_log(), build.PATIENCE_S, "it tests itself")

    def _ask(self):
        self.answer = self._other.call("POST", "/v1/upgrade", {"file": self._file})

    def go_on(self):
        with open(self._go, "w", encoding="ascii"):
            pass
        self._thread.join()
        return self.answer


def pause(host, builds):
    host.post("/v1/plugins/chaos/pause", {"why": "a test"})
    return "paused", lambda: host.post("/v1/plugins/chaos/resume")


def replace(host, builds):
    builds.again("chaos")
    reload(host)
    return "probation", lambda: None


def begin_to_replace(host, builds):
    """Its canary is asked for, and with it another plugin that takes its time."""
    builds.again("chaos")
    host.configure({"plugins": {**chaos(file=builds.path, workers=2), "slow": {"file": build.plugin("create-hang"), "start_timeout": "3s"}}})
    host.expect(202, "POST", "/v1/reload")
    wait_until(lambda: "reload.begun" in host.read_log(), build.PATIENCE_S, "it reloads")

    def is_over():
        wait_until(lambda: host.call("GET", "/v1/reload").status == 200, build.PATIENCE_S, "the reload has a verdict")
        assert host.get("/v1/reload")["ok"] is False
        host.configure({"plugins": chaos(file=builds.path, workers=2)})
        reload(host)
    return "reload", is_over


@pytest.mark.parametrize("what", [pause, replace, begin_to_replace])
def test_what_begins_during_the_self_test(make_host, folder, what):
    """Nobody else knows of it, so the old binary goes on."""
    builds = Builds(folder)
    builds.put("chaos")
    host = make_host({"plugins": chaos(file=builds.path, workers=2)})
    host.start()
    slow = SlowTest(host, folder)
    words, is_over = what(host, builds)
    answer = slow.go_on()
    assert answer.status == 409 and answer.error["code"] == "not_now", answer.raw
    assert words in answer.error["message"]
    is_over()
    assert host.wait_job(host.submit("chaos.echo"))["state"] == "succeeded"


def test_new_code_that_is_trusted_is_no_hindrance(make_host, folder):
    builds = Builds(folder)
    builds.put("chaos")
    host = make_host({"plugins": chaos(file=builds.path, probation="10ms")})
    host.start()
    builds.again("chaos")
    reload(host)
    answer = host.call("POST", "/v1/upgrade", {})
    assert answer.status == 409 and "probation" in answer.error["message"]
    host.wait_all([host.submit("chaos.echo") for _ in range(20)])
    # the host hears of the last of them a moment after the store shows it
    wait_until(lambda: host.call("POST", "/v1/upgrade", {}).status == 202, build.PATIENCE_S, "it is trusted")
    verdict(host)
    upgrade(host)
    builds.again("chaos")
    reload(host)
    assert host.call("POST", "/v1/upgrade", {}).status == 409
    host.configure({"plugins": chaos(file=builds.path, probation="0s")})
    assert verdicts(reload(host)) == {"chaos": "kept"}
    upgrade(host)


def test_what_was_rolled_back_is_not_tried_again(make_host, folder):
    builds = Builds(folder)
    builds.put("ok-v1")
    soon = {"backoff": "fixed", "base": "10ms", "jitter": 0}
    host = make_host({"plugins": {"ok": {"file": builds.path}}, "jobs": {"ok.run": {"max_crashes": 100, "retry": soon}}})
    host.start()
    builds.put("ok-crash")
    reload(host)
    host.wait_all([host.submit("ok.run", "x") for _ in range(5)])
    wait_until(lambda: "plugin.rolled_back" in host.read_log(), build.PATIENCE_S, "the first build serves again")
    note = host.plugins()["ok"]["fault"]
    for _ in range(2):
        upgrade(host)
        assert host.plugins()["ok"]["fault"] == note
    assert verdicts(reload(host, ok=False)) == {"ok": "rolled_back"}
    builds.put("ok-v2")
    assert verdicts(reload(host)) == {"ok": "changed"}


@pytest.mark.parametrize("path", ["/v1/plugins/chaos", "/v1/host", "/v1/queues/default"])
def test_a_slow_release_is_not_forgotten(make_host, path):
    host = make_host()
    host.start()
    host.post(f"{path}/pause", {"why": "a test"})
    jobs = [host.submit("chaos.echo", queue="default") for _ in range(5)]
    host.post(f"{path}/resume", {"rate": "6/h"})
    answer = host.call("POST", "/v1/upgrade", {})
    assert answer.status == 409 and answer.error["code"] == "not_now" and "pace" in answer.error["message"]
    host.post(f"{path}/resume")
    host.wait_all(jobs)
    upgrade(host)


def test_a_reload_that_is_asked_for_meanwhile_follows(make_host, folder):
    """Workers of another protocol are asked to go, which is no time to start others."""
    other = script(folder, """case $1 in --self-test) REAL "$@" | sed 's/"record":[0-9]*/"record":99/' ;; *) exec REAL "$@" ;; esac""")
    builds = Builds(folder)
    builds.put("chaos")
    host = make_host({"plugins": chaos(file=builds.path, workers=2)})
    host.start()
    old = host.plugins()["chaos"]["sha256"]
    job = host.submit("chaos.sleep", {"ms": 2500, "deaf": True})
    host.wait_started(job)
    begin(host, other)
    wait_until(lambda: "upgrade.emptying" in host.read_log(), build.PATIENCE_S, "the workers are asked to go")
    builds.again("chaos")
    host.send(signal.SIGHUP)
    host.get("/v1/plugins")  # it has heard it
    assert host.job(job)["state"] == "running" and "reload.begun" not in host.read_log()
    assert verdict(host)["state"] == "done"
    wait_until(lambda: host.call("GET", "/v1/reload").status == 200, build.PATIENCE_S, "it reloads")
    assert verdicts(host.get("/v1/reload")) == {"chaos": "changed"}
    assert host.plugins()["chaos"]["sha256"] != old


# ---- where the new one could not listen

def occupied(host, folder):
    """A port that is somebody else's."""
    door = socket.create_server(("127.0.0.1", 0))
    host.configure({"host": {"listen": f"127.0.0.1:{door.getsockname()[1]}"}})
    return "another process listens there", door.close


def no_certificate(host, folder):
    host.configure({"host": {"listen": [{"address": "127.0.0.1:0", "tls": {"cert": f"{folder}/no.pem", "key": f"{folder}/no.key"}}]}})
    return "no.pem", lambda: None


def no_folder(host, folder):
    host.configure({"host": {"admin": f"unix:{folder}/nowhere/admin.sock"}})
    return "nowhere", lambda: None


def a_warning(host, folder):
    """Which is an error to a host that was started so."""
    host.configure({"plugins": {**chaos(), "other": {"file": build.plugin("ok-v1"), "config": {"word": "${JOBHOST_TEST_NOT_SET}"}}}})
    return "JOBHOST_TEST_NOT_SET", lambda: None


@pytest.mark.parametrize("how", [occupied, no_certificate, no_folder, a_warning])
def test_a_configuration_with_which_no_host_could_start(make_host, folder, how):
    """The binary before could not come back either."""
    host = make_host(args=["--strict"])
    host.start()
    job = host.submit("chaos.sleep", {"ms": 1500})
    host.wait_started(job)
    words, undo = how(host, folder)
    answer = host.call("POST", "/v1/upgrade", {})
    undo()
    assert answer.status == 409 and answer.error["code"] == "upgrade_refused" and words in answer.error["message"], answer.raw
    assert host.wait_job(job)["attempt"] == 1
    host.configure({"host": {"listen": "127.0.0.1:0"}})
    upgrade(host)


def test_another_address_is_opened(make_host, folder):
    host = make_host()
    host.start()
    path = os.path.join(folder, "p.sock")
    host.configure({"host": {"listen": ["127.0.0.1:0", f"unix:{path}"]}})
    upgrade(host)
    assert f"unix:{path}" in host.urls()


# ---- what cannot be adopted

GO_BACK = {
    "it cannot be executed any more": 'rm -f "$0"; exec REAL "$@"',
    "it refuses the table": 'case $1 in run) JOBHOST_FAULT=upgrade_after_exec=error exec REAL "$@" ;; esac; exec REAL "$@"',
    "it cannot keep what it adopts": 'case $1 in run) JOBHOST_FAULT=upgrade_adopted=error exec REAL "$@" ;; esac; exec REAL "$@"',
}


@pytest.mark.parametrize("how", GO_BACK)
def test_the_binary_before_comes_back(make_host, folder, store, how):
    host = make_host({"plugins": chaos(workers=1), **store})
    host.start()
    job = host.submit("chaos.steps", {"steps": 4, "pause_ms": 500})
    host.wait_started(job)
    pid, workers = host.pid, workers_of(host.pid)
    with Raw(host.port()) as kept:
        assert kept.ask("GET", "/v1/version").status == 200
        begin(host, script(folder, GO_BACK[how]))
        report = verdict(host)
        assert report["state"] == "failed" and report["reason"] and report["jobs"] == 1, report
        assert kept.ask("GET", "/v1/version").status == 200
    assert (host.pid, workers_of(pid)) == (pid, workers)
    done = host.wait_job(job)
    assert done["state"] == "succeeded" and done["attempt"] == 1 and steps(done) == 4
    assert host.wait_job(host.submit("chaos.echo"))["state"] == "succeeded"
    host.assert_sound()


def test_a_binary_that_has_been_deleted(make_host, folder, monkeypatch):
    """It goes on making workers, and can be come back to; the next one lies where it lay."""
    own = os.path.join(folder, "jobhost")
    shutil.copy(build.BINARY, own)
    host = make_host({"plugins": chaos(workers=1)})
    with monkeypatch.context() as patched:
        patched.setattr(build, "BINARY", own)
        host.start()
    os.unlink(own)
    for _ in range(2):
        worker, = workers_of(host.pid)
        with open(f"/proc/{worker}/comm", encoding="ascii") as comm:
            assert comm.read() == "jobhost-worker\n"
        host.end_worker(worker)
        wait_until(lambda: workers_of(host.pid), build.PATIENCE_S, "there is another")
        assert host.wait_job(host.submit("chaos.echo"))["state"] == "succeeded"
        begin(host, script(folder, GO_BACK["it cannot be executed any more"]))
        assert verdict(host)["state"] == "failed"
    assert host.call("POST", "/v1/upgrade", {}).status == 409  # nothing lies there
    shutil.copy(build.BINARY, own)
    upgrade(host)
    assert os.readlink(f"/proc/{host.pid}/exe") == own


def test_workers_of_another_protocol_drain(make_host, folder):
    other = script(folder, """case $1 in --self-test) REAL "$@" | sed 's/"record":[0-9]*/"record":99/' ;; *) exec REAL "$@" ;; esac""")
    host = make_host({"plugins": chaos(workers=1)})
    host.start()
    job = host.submit("chaos.steps", {"steps": 12, "pause_ms": 300})
    host.wait_started(job)
    workers = workers_of(host.pid)
    report = upgrade(host, other)
    assert report["workers"] == 0 and report["jobs"] == 0
    done = host.wait_job(job)
    assert done["state"] == "succeeded" and steps(done) == 12 and "lost" not in done
    assert not set(workers) & set(workers_of(host.pid))
    assert set(host.counters([f"sink:{job}:{n}" for n in range(1, 13)]).values()) == {1}


def test_another_configuration_comes_into_force(make_host):
    host = make_host({"plugins": chaos(workers=1)})
    host.start()
    job = host.submit("chaos.steps", {"steps": 6, "pause_ms": 300})
    host.wait_started(job)
    old = workers_of(host.pid)
    host.configure({"plugins": chaos(workers=1, threads=2)})
    upgrade(host)
    wait_until(lambda: host.call("GET", "/v1/reload").status == 200, build.PATIENCE_S, "it reloads by itself")
    assert host.get("/v1/reload")["plugins"][0]["verdict"] == "changed"
    done = host.wait_job(job)
    assert done["attempt"] == 1 and steps(done) == 6
    wait_until(lambda: not set(old) & set(workers_of(host.pid)), build.PATIENCE_S, "the old worker drains")


def test_a_stop_that_comes_meanwhile_is_heard(make_host):
    host = make_host()
    host.start()
    begin(host)
    host.send(signal.SIGTERM)
    assert host.reap() == 0


def holds(pid, number):
    """Does the process's first thread hold this signal back?"""
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        blocked = next(line for line in status if line.startswith("SigBlk:"))
    return int(blocked.split()[1], 16) >> (number - 1) & 1


def test_a_signal_between_the_two_is_heard(store, make_host):
    """Whichever thread the kernel would like to give it to; and what runs ends as it would have."""
    host = make_host({"plugins": chaos(workers=1), **store})
    host.start(env={"JOBHOST_FAULT": "upgrade_before_exec=delay"})
    job = host.submit("chaos.steps", {"steps": 1000, "pause_ms": 20})
    host.wait_started(job)
    begin(host)
    wait_until(lambda: holds(host.pid, signal.SIGTERM), build.PATIENCE_S, "it is about to go", 0.001)
    host.send(signal.SIGTERM)
    assert host.reap() == 0
    host.start()
    wait_until(lambda: host.job(job)["attempt"] == 2, build.PATIENCE_S, "it goes on")
    seen = host.job(job)
    assert "lost" not in seen and seen["attempts"] == 0 and steps(seen) > 0, seen
    host.act(job, "cancel")
    host.wait_job(job)


# ---- death in the middle

POINTS = ("upgrade_before_exec", "upgrade_store_closed", "upgrade_after_exec", "upgrade_adopted")


def dies_of_upgrades(host):
    """Asks for one, and again if it was given up: a worker of the workload may crash in the middle."""
    try:
        host.call("POST", "/v1/upgrade", {})
    except Unreachable:
        pass
    return host.process.poll() is not None


@pytest.mark.parametrize("point", POINTS)
def test_a_death_loses_nothing(store, make_host, point):
    host = make_host({**CONFIG, **store})
    host.start(env={"JOBHOST_FAULT": f"{point}=kill"})
    work = Workload(build.seed(), build.count(200, 60, 30))
    with Submitter(work, host) as submitter:
        submitter.let(0.5)
        wait_until(lambda: sum(i is not None for i in work.ids) > len(work.ids) // 3, build.PATIENCE_S, "there is work")
        wait_until(lambda: dies_of_upgrades(host), build.PATIENCE_S, "the host dies of one", 0.2)
        assert host.reap() == -signal.SIGKILL
        host.start()
        submitter.let(1.0)
    report = work.check(host)
    report.assert_clean()
