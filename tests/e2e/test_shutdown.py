"""How a host ends: drained, cut short, killed; what its jobs and its workers notice of it; and how it says so."""
import os
import signal
import socket
import time

import pytest

from lib import build
from lib.api import Unreachable
from lib.clock import Clock
from lib.host import WORKER_LIFE_S, chaos
from lib.procs import alive, wait_until, workers_of
from lib.raw import Raw

SOON = {"backoff": "fixed", "base": "10ms", "jitter": 0}


@pytest.fixture
def slow_to_go(make_host):
    """A host that lets running jobs go on for a second before it asks them to stop."""
    host = make_host({"plugins": chaos(threads=4), "host": {"shutdown_grace": "2s"}})
    host.start()
    return host


def started(host, kind, payload, **fields):
    job = host.submit(kind, payload, **fields)
    host.wait_started(job)
    return job


# ---- SIGTERM

def test_what_ends_in_time_ends(slow_to_go):
    job = started(slow_to_go, "chaos.sleep", {"ms": 400})
    slow_to_go.restart()
    done = slow_to_go.job(job)
    assert (done["state"], done["attempts"], done["attempt"]) == ("succeeded", 1, 1), done


def test_a_running_job_is_drained_and_goes_on_after(slow_to_go):
    """It hears DRAIN, stops at a step, uses no attempt, and goes on behind that step."""
    job = started(slow_to_go, "chaos.steps", {"steps": 8, "pause_ms": 300}, max=1)
    slow_to_go.stop()
    slow_to_go.start()
    done = slow_to_go.wait_job(job)
    assert (done["state"], done["attempts"], done["attempt"]) == ("succeeded", 1, 2), done
    assert done["history"][0]["outcome"] == "release", done["history"]
    keys = [f"sink:{job}:{n}" for n in (*range(1, 9), "end")]
    assert set(slow_to_go.counters(keys).values()) == {1}


def test_a_deaf_job_is_killed_at_the_end_of_the_grace(slow_to_go):
    job = started(slow_to_go, "chaos.sleep", {"ms": 600_000, "deaf": True}, max=1)
    slow_to_go.stop()
    slow_to_go.start()
    wait_until(lambda: slow_to_go.job(job)["attempt"] == 2, build.PATIENCE_S, "it runs again")
    again = slow_to_go.job(job)
    assert again["attempts"] == 0 and "crashes" not in again, again
    assert again["history"][0]["outcome"] in ("drain", "release"), again["history"]
    slow_to_go.act(job, "cancel")


def test_waiting_jobs_stay_where_they_are(make_host):
    host = make_host({"plugins": chaos(threads=1), "host": {"shutdown_grace": "1s"}})
    host.start()
    blocker = started(host, "chaos.sleep", {"ms": 600_000})
    waiting = host.submit_many([{"type": "chaos.echo"} for _ in range(100)])
    host.stop()
    host.start()
    assert all(host.job(j)["attempt"] == 0 for j in waiting[:3])
    host.act(blocker, "cancel")
    for job in host.wait_all(waiting):
        assert (job["state"], job["attempt"], job["history"]) == ("succeeded", 1, []), job
    host.assert_sound()


def test_reads_go_on_during_a_drain(slow_to_go):
    job = started(slow_to_go, "chaos.sleep", {"ms": 900})
    slow_to_go.send(signal.SIGTERM)
    wait_until(lambda: slow_to_go.call("GET", "/healthz").json["phase"] == "draining", build.PATIENCE_S, "draining")
    assert slow_to_go.call("GET", "/readyz").status == 503
    assert slow_to_go.job(job)["state"] == "running"
    assert slow_to_go.refused(503, "chaos.echo", {})["code"] == "draining"
    assert slow_to_go.plugins()["chaos"]["state"] == "draining"
    assert slow_to_go.reap() == 0


def test_second_signal_cuts_it_short(make_host):
    host = make_host({"plugins": chaos(threads=2), "host": {"shutdown_grace": "1h"}})
    host.start()
    job = started(host, "chaos.sleep", {"ms": 600_000, "deaf": True})
    host.send(signal.SIGTERM)
    wait_until(lambda: host.call("GET", "/healthz").json["phase"] == "draining", build.PATIENCE_S, "draining")
    host.send(signal.SIGTERM)
    assert host.reap() == 0
    host.start()
    wait_until(lambda: host.job(job).get("started"), build.PATIENCE_S, "it runs again")
    assert host.job(job)["attempts"] == 0
    host.act(job, "cancel")


def test_second_signal_while_an_upload_is_put_into_the_store(make_host):
    """The store's answer comes when the server has closed, and lets go of a file that the disk still has to close."""
    host = make_host()
    host.configure({"plugins": {}, "host": {"shutdown_grace": "1h"}})  # no worker's end is waited for
    host.start(env={"JOBHOST_FAULT": "blob_before_rename:1=delay"})
    body = os.urandom(300_000)
    with Raw(path=host.socket) as raw:
        raw.send(f"POST /v1/blobs HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n").send(body)
        wait_until(lambda: any(files for _, _, files in os.walk(f"{host.state_dir}/blobs")), build.PATIENCE_S, "it is written",
                   pause=0.002)
        host.send(signal.SIGTERM)
        wait_until(lambda: "host.draining" in host.read_log(), build.PATIENCE_S, "draining", pause=0.002)
        host.send(signal.SIGTERM)
        assert host.reap() == 0, host.log_tail()
    host.start()
    host.assert_sound()


def test_stalled_uploads_do_not_hold_up_the_end(make_host):
    """Each is told, although none would have been taken; the grace is for what can still become something."""
    host = make_host({"host": {"shutdown_grace": "1h"}})
    host.start()
    kinds = {"/v1/blobs": "application/octet-stream", "/v1/jobs": "application/json"}
    stalled = [Raw(path=host.socket).send(f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: {kind}\r\nContent-Length: 9\r\n"
                                          "Expect: 100-continue\r\n\r\n") for path, kind in kinds.items()]
    for raw in stalled:
        assert raw.response().status == 100
        raw.send("1234")
    host.send(signal.SIGTERM)
    for raw in stalled:
        answer = raw.response()
        assert answer.status == 503 and b'"draining"' in answer.body, answer
        raw.close()
    assert host.reap() == 0


def test_sigint_is_as_good(host):
    host.send(signal.SIGINT)
    assert host.reap() == 0


def test_sighup_is_survived(host):
    host.send(signal.SIGHUP)
    wait_until(lambda: "sighup" in host.read_log().lower(), build.PATIENCE_S, "a word about it")
    assert host.wait_job(host.submit("chaos.echo", {}))["state"] == "succeeded"


def test_stopped_before_it_was_ready(make_host):
    host = make_host({"plugins": {**chaos(), "slow": {"file": build.plugin("ctor-hang"), "start_timeout": "1m"}}})
    with host.launch():
        wait_until(lambda: workers_of(host.pid), build.PATIENCE_S, "workers")
        host.send(signal.SIGTERM)
        assert host.reap() == 0


# ---- SIGKILL

def test_no_worker_outlives_its_host(make_host):
    host = make_host({"plugins": {**chaos(workers=3, threads=2), "deaf": {"file": build.plugin("ignores-cancel")},
                                  "busy": {"file": build.plugin("run-hang")}}})
    host.start()
    started(host, "chaos.sleep", {"ms": 600_000, "deaf": True})
    started(host, "ignores-cancel.run", {})
    started(host, "run-hang.run", {})
    assert len(workers_of(host.pid)) == 5
    host.kill()  # which looks for them


def test_a_stopped_worker_does_not_outlive_it_either(host):
    """SIGSTOP: it can react to nothing."""
    worker, = host.workers()
    os.kill(worker, signal.SIGSTOP)
    host.kill()
    wait_until(lambda: not alive(worker), WORKER_LIFE_S, "it is gone")


def test_a_hung_worker_is_replaced(make_host):
    """A process that answers no more is found by its silence. The job is charged with a crash."""
    host = make_host({"plugins": chaos(workers=1)})
    host.start()
    job = started(host, "chaos.sleep", {"ms": 1000}, retry=SOON)
    worker, = host.workers()
    os.kill(worker, signal.SIGSTOP)
    wait_until(lambda: not alive(worker), build.PATIENCE_S, "it has been killed")
    done = host.wait_job(job)
    assert done["state"] == "succeeded" and done["crashes"] == 1, done
    assert "stopped answering" in done["history"][0]["message"], done["history"]


@pytest.mark.skipif(not build.FULL, reason="asks for JOBHOST_FULL=1")
def test_a_host_that_stood_still_does_not_blame_its_workers(make_host):
    """Frozen for longer than a worker may be silent: their pings have come in all the while, unread."""
    host = make_host({"plugins": chaos(workers=2), "host": {"lease": "10m"}})
    host.start()
    before = wait_until(lambda: host.workers() if len(host.workers()) == 2 else None, build.PATIENCE_S, "two workers")
    job = started(host, "chaos.sleep", {"ms": 20_000}, max=1)
    host.send(signal.SIGSTOP)
    time.sleep(16)  # three pings and a bit: this is what is tested
    host.send(signal.SIGCONT)
    done = host.wait_job(job)
    assert (done["state"], done["attempt"], done.get("crashes")) == ("succeeded", 1, None), done
    assert host.workers() == before


def test_running_jobs_of_a_killed_host_are_counted_as_lost(host):
    job = started(host, "chaos.steps", {"steps": 2, "pause_ms": 500}, max=1)
    wait_until(lambda: "steps" in host.job(job), build.PATIENCE_S, "a step")
    host.kill()
    host.start()
    done = host.wait_job(job)
    assert (done["state"], done["attempts"], done["attempt"], done["lost"]) == ("succeeded", 1, 2, 1), done


# ---- how it says so

def test_systemd_is_told(make_host, folder):
    path = f"{folder}/notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        told.bind(path)
        told.settimeout(build.PATIENCE_S)
        host = make_host()
        host.start(env={"NOTIFY_SOCKET": path})
        assert told.recv(1000).decode().splitlines()[0] == "READY=1"
        before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        host.send(signal.SIGHUP)
        begun = dict(line.split("=", 1) for line in told.recv(1000).decode().splitlines())
        assert begun["RELOADING"] == "1" and before <= int(begun["MONOTONIC_USEC"]) <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        assert told.recv(1000).decode().splitlines()[0] == "READY=1"
        host.stop()
        assert told.recv(1000) == b"STOPPING=1"


def test_ready_means_that_every_plugin_is_up_or_has_failed(make_host):
    host = make_host({"plugins": {**chaos(), "slow": {"file": build.plugin("create-hang"), "start_timeout": "600ms"}}})
    host.start()
    assert {name: p["state"] for name, p in host.plugins().items()} == {"chaos": "ready", "slow": "failed"}
    assert host.call("GET", "/readyz").status == 200


def test_nobody_is_served_before_and_after(make_host):
    host = make_host()
    with pytest.raises(Unreachable):
        host.call("GET", "/healthz")
    host.start()
    assert host.call("GET", "/healthz").status == 200
    host.stop()
    with pytest.raises(Unreachable):
        host.call("GET", "/healthz")


def test_safe_mode(make_host):
    """It takes jobs and answers questions, and starts nothing."""
    host = make_host()
    host.start(args=["--safe"])
    job = host.submit("chaos.echo", {})
    later = host.submit("chaos.echo", {}, delay="1ms")
    wait_until(lambda: host.job(later)["state"] == "queued", build.PATIENCE_S, "it is due")
    assert host.job(job)["state"] == "queued"
    reasons = host.explain(job)
    assert "safe" in " ".join(reasons.values()), reasons
    host.restart()
    assert all(j["state"] == "succeeded" for j in host.wait_all([job, later]))


def test_safe_mode_is_left_slowly(make_host, folder):
    """A thousand jobs wait for a host that starts in safe mode. Released at 50/s, at no moment have more than rate * t + 1 begun."""
    clock = Clock.create(f"{folder}/clock")
    host = make_host({"plugins": chaos(threads=8)}, env={"JOBHOST_TEST_CLOCK": clock.path})
    host.start(args=["--safe"])
    clock.freeze()
    jobs = host.submit_many([{"type": "chaos.echo", "payload": {}} for _ in range(1000)])

    def begun():
        states = host.queue("chaos")["states"]
        return 1000 - states["queued"]

    assert begun() == 0
    assert host.call("GET", "/readyz").status == 200
    assert "safe mode" in host.call("GET", "/readyz").json["note"]
    assert [h["paused"] for h in host.get("/v1/hosts")["items"] if h["this"]] == [True]
    answer = host.post("/v1/host/resume", {"rate": "50/s"})
    assert answer["release"]["rate"] == "50/s" and answer["release"]["left"] == 1000, answer
    reasons = host.explain(jobs[-1])
    assert "50/s" in reasons["released_slowly"], reasons
    passed = 0
    for step in (0, 20, 20, 60, 100, 300, 500, 1000, 3000):
        # what nobody takes is kept for a tenth of a second only, so time goes in small steps
        for part in range(0, step, 20):
            clock.advance(min(20, step - part))
            passed += min(20, step - part)
            wait_until(lambda: begun() >= passed * 50 // 1000, build.PATIENCE_S, f"what may begin within {passed} ms has")
            assert begun() <= passed * 50 // 1000 + 1
    assert begun() < 1000 and host.explain(jobs[-1]).keys() >= {"released_slowly"}
    host.post("/v1/host/resume")
    clock.speed(1)
    assert all(j["state"] == "succeeded" for j in host.wait_all(jobs))
    assert [(e["action"], e.get("detail")) for e in host.get("/v1/audit")["items"]] == [("host.resume", None), ("host.resume", "50/s")]


def test_a_plugin_is_paused_and_resumed(make_host):
    """For this host's process: it does not outlive it. The queue's own pause stays where it is."""
    host = make_host()
    host.start()
    host.post("/v1/plugins/chaos/pause", {"why": "it leaks"})
    job = host.submit("chaos.echo", {})
    assert "it leaks" in host.explain(job)["plugin_paused"]
    assert host.plugins()["chaos"]["paused_why"] == "it leaks"
    assert "chaos" in host.call("GET", "/readyz").json["note"]
    host.post("/v1/plugins/chaos/resume", {"rate": "1/s"})
    assert host.wait_job(job)["state"] == "succeeded"
    host.post("/v1/plugins/chaos/pause", {"why": "again"})
    job = host.submit("chaos.echo", {})
    host.restart()
    assert host.wait_job(job)["state"] == "succeeded"


def test_an_idle_worker_that_is_killed_comes_back_at_once(make_host, folder):
    """Deaths long apart are none in a row, although no job was done between."""
    clock = Clock.create(f"{folder}/clock")
    host = make_host(env={"JOBHOST_TEST_CLOCK": clock.path})
    host.start()
    for _ in range(8):  # in a row, the eighth would have to wait for half a minute
        worker, = wait_until(host.workers, build.PATIENCE_S, "a worker")
        clock.advance(40_000)
        host.end_worker(worker)
    assert wait_until(host.workers, build.PATIENCE_S, "a worker")
    assert "fault" not in host.plugins()["chaos"]
    clock.close()
