"""The host or a worker dies, fails or dawdles at every point of the registry in turn. A point that no run passes is a failure: it would
be tested for nothing."""
import os

import pytest

from lib import build, faults
from lib import redis as redis_lib
from lib.procs import wait_until
from lib.redis import Redis

JOBS = build.count(300, 80, 40)
ROUNDS = build.count(5, 1)
POINTS = faults.points()


def run(folder, point, action, number, store=None):
    one = faults.Run(os.path.join(folder, f"host{number}"), point, action, build.seed(), JOBS, store)
    try:
        outcome = one.go()
    except BaseException:
        print(one.host.log_tail(100))
        raise
    finally:
        one.host.put_down()
    print(f"{point}:{outcome.nth}={action}: {outcome.died} died; {outcome.report}")
    outcome.report.assert_clean()
    return outcome


@pytest.mark.parametrize("point", POINTS)
def test_killed_at(folder, point):
    for number in range(ROUNDS):
        outcome = run(folder, point, "kill", number)
        assert outcome.died == ("worker" if point.startswith("worker_") else "host"), f"{point} was never passed"


@pytest.mark.parametrize("point", POINTS)
def test_error_at(folder, point):
    """Whatever fails there is done again or answered with an error; nobody is hurt."""
    for number in range(ROUNDS):
        run(folder, point, "error", number)


@pytest.mark.skipif(not build.FULL, reason="asks for JOBHOST_FULL=1")
@pytest.mark.parametrize("point", POINTS)
def test_delay_at(folder, point):
    for number in range(ROUNDS):
        assert run(folder, point, "delay", number).died == "nobody"


@pytest.mark.skipif(redis_lib.SERVER is None or redis_lib.CLIENT is None, reason="redis-server is not installed (scripts/deps --test)")
@pytest.mark.parametrize("action", ["kill", "error"])
@pytest.mark.parametrize("point", ["store_forward", "flow_told", "cascade_page", "cascade_moved"])
def test_flows_on_redis(folder, point, action):
    """Where a flow and its members are in different places, and one is told by way of the other's outbox."""
    server = Redis(os.path.join(folder, "redis")).start()
    try:
        outcome = run(folder, point, action, 0, {"store": {"url": f"unix:{server.socket}"}})
        assert outcome.died == ("host" if action == "kill" else "nobody"), f"{point} was never passed"
    finally:
        server.stop()


def submit_until_refused(host):
    """Keys of what was accepted, and the one that was not."""
    accepted = []
    for n in range(30):
        answer = host.call("POST", "/v1/jobs", {"type": "chaos.echo", "key": f"k{n}"})
        if answer.status != 202:
            assert answer.status == 503, answer.raw
            return accepted, f"k{n}", answer.error
        accepted.append(f"k{n}")
    raise AssertionError("none of 30 submissions was refused")


@pytest.mark.parametrize("plan, code, stored", [
    ("submit_before_answer:3=error", "store_unavailable", True),  # it is durable, but the client cannot know
    ("store_after_commit:9=error", "store_unavailable", True),
    ("store_before_commit:9=error", None, False),
])
def test_a_submission_hears_of_it(make_host, plan, code, stored):
    """What was accepted is there once; what was refused may be there once and can be sent again."""
    host = make_host()
    host.start(args=["--safe"], env={"JOBHOST_FAULT": plan})  # nothing else is written
    accepted, refused, error = submit_until_refused(host)
    assert code in (None, error["code"]) and error["message"], error
    keys = [job["key"] for job in host.list()]
    assert sorted(keys) == sorted(accepted + [refused] * stored)
    # a read-only store is tried once a second, without anybody asking for it; the minute's sweep would be too late
    wait_until(lambda: host.call("POST", "/v1/jobs", {"type": "chaos.echo", "key": refused}).status == 202, build.PATIENCE_S / 2,
               "it is accepted now")
    assert sorted(job["key"] for job in host.list()) == sorted(accepted + [refused])
    host.restart()
    host.wait_idle()
    assert all(job["state"] == "succeeded" for job in host.list())
    host.assert_sound()
