"""Why a job does not run: for every code that `explain` may give, a job that gets it from a running host, and the end of it. Where the
reason says when it clears, it is there a moment before and gone then, by a clock that the test moves; where it does not, somebody has to
do something, and what he does clears it."""
import datetime
import json
import os

import pytest

from lib import build, redis as redis_lib
from lib.clock import T0, Clock
from lib.host import chaos
from lib.procs import wait_until
from lib.redis import Redis

SECOND, MINUTE, HOUR, DAY = 1000, 60_000, 3_600_000, 86_400_000
LATER = {"backoff": "fixed", "base": "10h", "jitter": 0}


@pytest.fixture
def make(make_host, clock):
    """make() is a running host with one thread."""
    def made(plugins=None, **sections):
        host = make_host({"plugins": {**chaos(workers=1, threads=1), **(plugins or {})}, "jobs": {"chaos.fail": {"retry": LATER}}, **sections},
                         env={"JOBHOST_TEST_CLOCK": clock.path})
        host.start()
        return host

    yield made
    clock.speed(1)  # a drain looks at the clock


def reasons(host, job):
    return {r["code"]: r for r in host.get(f"/v1/jobs/{job}/explain")["reasons"]}


def told(host, job, code, timed=False):
    """The reason, once it is given, and has a time if it is to have one: that may have to be asked of the store first."""
    def is_told():
        found = reasons(host, job).get(code)
        return found if found and (not timed or "clears_at" in found) else None
    return wait_until(is_told, build.PATIENCE_S, lambda: f"{code} is among {reasons(host, job)}")


def cleared(host, job, code):
    wait_until(lambda: code not in reasons(host, job), build.PATIENCE_S, lambda: f"{code} is not among {reasons(host, job)}")


def blocked(host, **fields):
    """A job that holds the only thread."""
    job = host.submit("chaos.sleep", {"ms": 30 * DAY}, timeout="30d", deadline="60d", **fields)
    host.wait_started(job)
    return job


def ms_of(text):
    return round(datetime.datetime.fromisoformat(text).timestamp() * 1000)


# ---- those that clear at a time: what makes them, and the job

def due_later(make, _clock):
    host = make()
    return host, host.submit("chaos.echo", {}, delay="90m")


def parked(make, _clock):
    host = make()
    return host, host.submit("chaos.yield", {"kind": "event", "key": "order.paid", "timeout_ms": HOUR})


def breaker(make, _clock):
    host = make(chaos(workers=1, threads=1, crash_breaker={"jobs": 2, "pause": "1h"}))
    for _ in range(2):
        host.wait_job(host.submit("chaos.crash", {"how": "exit"}, retry=LATER), "scheduled")
    return host, host.submit("chaos.echo", {})


def scope_breaker(make, _clock):
    host = make(breakers={})
    host.wait_job(host.submit("chaos.fail", {"class": "network", "scope": "user:ann"}), "scheduled")
    return host, host.submit("chaos.echo", {}, user="ann")


def limiter(make, _clock):
    host = make(limits={"hourly": {"rate": 2, "per": "1h"}}, jobs={"chaos.echo": {"limit": "hourly"}})
    host.wait_all([host.submit("chaos.echo", {}) for _ in range(2)], "succeeded")
    first = host.submit("chaos.echo", {})  # it may be claimed, and then parked: who comes behind it is not
    wait_until(lambda: any("clears_at" in r for r in reasons(host, first).values()), build.PATIENCE_S, "the store has been asked")
    return host, host.submit("chaos.echo", {})


TIMED = {made.__name__: made for made in (due_later, parked, breaker, scope_breaker, limiter)}


@pytest.mark.parametrize("code", TIMED)
def test_it_clears_when_it_says(make, clock, code):
    host, job = TIMED[code](make, clock)
    at = ms_of(told(host, job, code, timed=True)["clears_at"])
    left = at - clock.wall_ms()
    assert 0 < left <= 2 * HOUR, (code, left)
    while (left := at - clock.wall_ms()) > 1:
        clock.advance(min(left - 1, 5 * MINUTE))
        host.close()
    assert ms_of(told(host, job, code, timed=True)["clears_at"]) == at, "it keeps its word"
    clock.advance(1)
    host.close()
    cleared(host, job, code)
    host.wait_job(job, "succeeded")
    host.assert_sound()


# ---- those that somebody ends: what makes them, the job, and what ends them

def running(make):
    host = make()
    job = blocked(host)
    return host, job, lambda: host.act(job, "cancel")


def queue_paused(make):
    host = make()
    host.post("/v1/queues/chaos/pause", {"why": "maintenance"})
    return host, host.submit("chaos.echo", {}), lambda: host.post("/v1/queues/chaos/resume")


def plugin_paused(make):
    host = make()
    host.post("/v1/plugins/chaos/pause", {"why": "it leaks"})
    return host, host.submit("chaos.echo", {}), lambda: host.post("/v1/plugins/chaos/resume", {})


def safe_mode(make):
    host = make()
    host.post("/v1/host/pause", {"why": "something smells"})
    return host, host.submit("chaos.echo", {}), lambda: host.post("/v1/host/resume")


def no_handler(make):
    host = make(jobs={"noop.run": {}})

    def drop_in():
        host.configure({"plugins": {**chaos(workers=1, threads=1), "noop": {"file": build.plugin("noop")}}, "jobs": {"noop.run": {}}})
        assert host.post("/v1/reload?wait=1")["ok"]

    return host, host.submit("noop.run", {}), drop_in


def no_slot(make):
    host = make(queues={"narrow": {"concurrency": 1}}, plugins=chaos(workers=1, threads=2))
    job = blocked(host, queue="narrow")
    return host, host.submit("chaos.echo", {}, queue="narrow"), lambda: host.act(job, "cancel")


def behind(make):
    host = make()
    job = blocked(host)
    host.submit("chaos.echo", {})
    return host, host.submit("chaos.echo", {}), lambda: host.act(job, "cancel")


def tenant_share(make):
    host = make()
    job = blocked(host)
    return host, [host.submit("chaos.echo", {}, user=user) for user in ("ann", "bob", "ann")][-1], lambda: host.act(job, "cancel")


def disk(make):
    host = make(chaos(workers=1, threads=1, sandbox={"max_disk": "1MiB"}))
    path = os.path.join(host.state_dir, "data", "chaos", "more")

    def looked(full):
        def look():
            Clock(host.env["JOBHOST_TEST_CLOCK"]).advance(5 * SECOND)
            return ("max_disk" in (host.plugins()["chaos"].get("fault") or "")) == full
        wait_until(look, build.PATIENCE_S, "it has looked")

    def make_room():
        os.remove(path)
        looked(False)

    blocked(host, retry=LATER)  # a plugin that runs nothing writes nothing
    with open(path, "wb") as out:
        out.write(b"x" * (2 << 20))
    looked(True)
    return host, host.submit("chaos.echo", {}), make_room


def budget_full(make):
    host = make(store={"budget": {"jobs": "64KiB"}})
    job = host.submit("chaos.yield", {"kind": "event", "key": "order.paid"})
    host.wait_job(job, "parked")
    other = host.submit("chaos.echo", {"text": "x" * 40000}, delay="1d")
    host.expect(202, "POST", "/v1/events/order.paid", b"y" * 30000, {"Content-Type": "text/plain"})

    def make_room():
        host.act(other, "cancel")
        host.expect(200, "DELETE", f"/v1/jobs/{other}")
        Clock(host.env["JOBHOST_TEST_CLOCK"]).advance(MINUTE)

    return host, job, make_room


ENDED = {made.__name__: made for made in (running, queue_paused, plugin_paused, safe_mode, no_handler, no_slot, behind, tenant_share, disk, budget_full)}


@pytest.mark.parametrize("code", ENDED)
def test_it_clears_when_somebody_acts(make, code):
    host, job, act = ENDED[code](make)
    assert "clears_at" not in told(host, job, code)
    act()
    cleared(host, job, code)
    assert host.wait_job(job)["state"] == ("cancelled" if code == "running" else "succeeded")
    finished = reasons(host, job)
    assert list(finished) == ["finished"] and "clears_at" not in finished["finished"], finished
    host.assert_sound()


def test_released_slowly(make):
    """It clears when the last of those that waited has begun, as far as is known; or when somebody lets all of them go."""
    host = make()
    host.post("/v1/queues/chaos/pause", {"why": "the other side moves house"})
    jobs = [host.submit("chaos.echo", {}) for _ in range(5)]
    host.post("/v1/queues/chaos/resume", {"rate": "2/min"})
    host.wait_job(jobs[0], "succeeded")
    assert ms_of(told(host, jobs[-1], "released_slowly", timed=True)["clears_at"]) == T0 + 2 * MINUTE
    host.post("/v1/queues/chaos/resume")
    host.wait_all(jobs, "succeeded")
    assert list(reasons(host, jobs[-1])) == ["finished"]


@pytest.mark.skipif(redis_lib.SERVER is None, reason="there is no redis-server")
def test_store(make, folder):
    """The store is away; it clears when it is back."""
    redis = Redis(os.path.join(folder, "redis"), "--appendonly", "yes", "--appendfsync", "always").start()
    host = make(store={"url": f"unix:{redis.socket}", "fallback": f"sqlite:{folder}/spool.db", "connect_timeout": "1s"})
    Clock(host.env["JOBHOST_TEST_CLOCK"]).speed(1)  # connections are tried again by it
    redis.stop()
    wait_until(lambda: host.call("GET", "/healthz").json["store"] == "degraded", build.PATIENCE_S, "the host notices")
    job = host.submit("chaos.echo", {})
    assert "clears_at" not in told(host, job, "store")
    redis.start()
    cleared(host, job, "store")
    host.wait_job(job, "succeeded")
    redis.stop()


def test_draining(make, clock):
    """It clears with the host: the next one takes the job."""
    host = make(host={"shutdown_grace": "1h"})
    blocker = blocked(host)
    job = host.submit("chaos.echo", {})
    host.send(15)
    assert "clears_at" not in told(host, job, "draining")
    host.act(blocker, "cancel")
    clock.speed(1)
    assert host.reap() == 0
    host.start()
    host.wait_job(job, "succeeded")


def test_none_is_missing():
    """The document names every code, and each of them is made above."""
    with open(os.path.join(build.REPO, "host", "api", "openapi.json"), encoding="utf-8") as source:
        reason = json.load(source)["components"]["schemas"]["Explanation"]["properties"]["reasons"]["items"]
    assert {*TIMED, *ENDED, "finished", "released_slowly", "store", "draining"} == set(reason["properties"]["code"]["enum"])
