"""GET /readyz says whether jobs get anywhere: a worker that is stopped, and everything that only looks like a stall."""
import os
import signal

import pytest

from lib import build
from lib.clock import Clock
from lib.host import chaos
from lib.procs import wait_until

STALL_S = 60


@pytest.fixture
def timed(make_host, folder):
    """A host with one thread, and `advance(s)`."""
    clock = Clock.create(f"{folder}/clock")
    host = make_host({"plugins": chaos(workers=1, threads=1), "queues": {"narrow": {"concurrency": 1}}},
                     env={"JOBHOST_TEST_CLOCK": clock.path})

    def advance(seconds):
        clock.advance(seconds * 1000)
        host.close()

    host.advance = advance
    host.start()
    yield host
    clock.close()


def ready(host):
    """(status, reason code or None)"""
    answer = host.call("GET", "/readyz")
    assert answer.json["ok"] == (answer.status == 200)
    return answer.status, answer.json.get("reason", {}).get("code")


def gauge(host):
    text = host.expect(200, "GET", "/metrics").raw.decode()
    return next(line for line in text.splitlines() if line.startswith("jobhost_ready "))


def test_a_worker_that_takes_no_jobs(timed):
    """The slot looks free, and the job goes nowhere. Within 15 s of real time the host would replace the worker."""
    assert ready(timed) == (200, None)
    pid = timed.plugins()["chaos"]["workers"][0]["pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        job = timed.submit("chaos.echo", {"n": 1})
        wait_until(lambda: timed.job(job)["state"] == "running", build.PATIENCE_S, "the job has been claimed")
        assert ready(timed) == (200, None)
        timed.advance(STALL_S - 1)
        assert ready(timed) == (200, None)
        timed.advance(2)
        assert ready(timed) == (503, "stalled")
        answer = timed.call("GET", "/readyz")
        assert answer.headers["Retry-After"] and answer.json["reason"]["plugin"] == "chaos"
        assert "do not begin" in answer.json["reason"]["detail"], answer.json
        assert timed.call("GET", "/healthz").status == 200
        assert gauge(timed) == "jobhost_ready 0"
        timed.advance(STALL_S)  # it looks by itself now and then
        wait_until(lambda: "host.stalled" in timed.log_tail(50), build.PATIENCE_S, "the log says so")
    finally:
        os.kill(pid, signal.SIGCONT)
    timed.wait_job(job, "succeeded")
    assert ready(timed) == (200, None)
    assert gauge(timed) == "jobhost_ready 1"


def test_what_waits_on_purpose_is_no_stall(timed):
    timed.post("/v1/queues/still/pause", {"why": "for the test"})
    waiting = [timed.submit("chaos.echo", {}, queue="still"), timed.submit("chaos.echo", {}, delay="10h")]
    running = timed.submit("chaos.sleep", {"ms": 3_600_000}, queue="narrow", timeout="5h")
    timed.wait_started(running)
    waiting += [timed.submit("chaos.echo", {}, queue="narrow"), timed.submit("chaos.echo", {})]
    for _ in range(5):
        assert ready(timed) == (200, None)
        timed.advance(2 * STALL_S)
    assert ready(timed) == (200, None)
    for job in [*waiting, running]:  # else those that wait behind it would run
        timed.act(job, "cancel")
    assert "host.stalled" not in timed.log_tail(100)
