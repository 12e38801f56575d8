"""Limits at work: an upstream with a window of its own is never asked for more than it allows, by however many hosts, and no slot is lost."""
import contextlib
import os
import signal
import sqlite3
import time

import pytest

from lib import build, clock as clock_lib, redis as redis_lib
from lib.cli import Cli
from lib.procs import wait_until, workers_of
from lib.redis import Redis
from lib.upstream import Upstream

needs_redis = pytest.mark.skipif(redis_lib.SERVER is None, reason="there is no redis-server")
DISCOGS = {"rate": 60, "per": "60s", "learn": ["X-Discogs-Ratelimit", "X-Discogs-Ratelimit-Remaining", "Retry-After"]}
SOON = {"backoff": "fixed", "base": "10ms", "jitter": 0}
SPEED = 10 if build.SANITIZED else 20  # virtual seconds a second


def calls(**settings):
    return {"calls": {"file": build.plugin("calls"), "workers": 1, "threads": 4, **settings}}


def config(limits, plugins=None, **sections):
    return {"plugins": plugins or calls(), "limits": limits, "jobs": {"calls.run": {"retry": SOON}}, **sections}


@pytest.fixture
def redis(folder):
    server = Redis(os.path.join(folder, "redis")).start()
    yield server
    server.stop()


@pytest.fixture
def upstream():
    made = []

    def make(**options):
        made.append(Upstream(**options))
        return made[-1]

    yield make
    for one in made:
        one.close()


# ---- by a plugin, with jobhost.limit/1

@needs_redis
def test_four_hosts_share_a_window(make_host, redis, folder, upstream):
    """Ten minutes of 60 a minute: never one too many at the other side, and 90 of 100 used. The other eight are shown by the simulation
    (test_sim.py): here a machine that has no time for somebody uses nothing."""
    clock = clock_lib.Clock.create(os.path.join(folder, "clock"))
    up = upstream(clock=clock, speed=SPEED, seed=build.seed())
    hosts = [make_host(config({"discogs": DISCOGS}, calls(threads=3), store={"url": f"unix:{redis.socket}"}, host={"lease": "10m"}), name=f"h{i}",
                       env={"JOBHOST_TEST_CLOCK": clock.path}) for i in range(4)]
    for host in hosts:
        host.start()
    clock.speed(SPEED)
    for host in hosts:
        host.expect(202, "POST", "/v1/jobs", [{"type": "calls.run", "payload": {"port": up.port, "limit": "discogs", "wait_ms": 20_000, "calls": 5}}] * 35)
    wait_until(lambda: len(up.served) > 0, build.PATIENCE_S, "somebody calls")
    end = up.served[0] + 600_000
    wait_until(lambda: up.now_ms() >= end, 600 / SPEED + build.PATIENCE_S, "ten minutes pass")
    clock.speed(1)
    used = sum(at < end for at in up.served)
    assert up.refused == [] and up.most_in_a_window() <= 60
    assert used >= (588 if build.FULL else 540), used
    for host in hosts:
        host.kill()


def test_a_job_that_has_to_wait_is_parked(make_host):
    host = make_host(config({"slow": {"rate": 1, "per": "1h"}}))
    host.start()
    assert host.wait_job(host.submit("calls.run", {"limit": "slow"}))["state"] == "succeeded"
    job = host.submit("calls.run", {"limit": "slow"})
    wait_until(lambda: host.job(job)["state"] == "parked", build.PATIENCE_S, "it is parked")
    reason = host.get(f"/v1/jobs/{job}/explain")["reasons"][0]
    assert reason["code"] == "parked" and "limiter" in reason["detail"] and "slow" in reason["detail"], reason
    assert reason["clears_at"] == host.job(job)["run_at"], reason
    host.act(job, "cancel", why="enough")
    refused = host.submit("calls.run", {"limit": "none"})
    assert "No such file" in host.wait_job(refused, "dead")["error"]["message"]


@needs_redis
def test_a_429_closes_it_for_all_hosts(make_host, redis, upstream):
    up = upstream(limit=1000, took_ms=(0, 1), retry_after=3600)
    one, other = [make_host(config({"discogs": DISCOGS}, store={"url": f"unix:{redis.socket}"}, queues={name: {}}), name=name)
                  for name in ("one", "other")]
    one.start()
    other.start()
    up.forced = 1
    job = one.submit("calls.run", {"limit": "discogs", "port": up.port})
    wait_until(lambda: one.job(job)["state"] == "parked", build.PATIENCE_S, "it was refused")
    for host in (one, other):
        mine = host.submit("calls.run", {"limit": "discogs", "port": up.port})
        wait_until(lambda: host.job(mine)["state"] == "parked", build.PATIENCE_S, "the limiter is closed")
    assert len(up.served) == 0 and len(up.refused) == 1


# ---- nobody's slot is lost

@needs_redis
@pytest.mark.parametrize("victim", ["worker", "host"])
def test_slots_of_the_dead(make_host, redis, victim):
    """They are free when their worker has died, or a lease after their host has."""
    def host_of(name):
        return make_host(config({"two": {"concurrency": 2}}, calls(grace="500ms"), store={"url": f"unix:{redis.socket}"}, host={"lease": "5s"}), name=name)

    one, other = host_of("one"), host_of("other")
    one.start()
    held = [one.submit("calls.run", {"limit": "two", "hold_ms": 3_600_000}, max=1) for _ in range(2)]
    wait_until(lambda: all(one.job(job)["state"] == "running" for job in held), build.PATIENCE_S, "both run")
    time.sleep(0.2)
    other.start()
    if victim == "worker":
        for pid in workers_of(one.pid):
            one.end_worker(pid, signal.SIGKILL)
    else:
        one.kill()
    for job in held:
        other.call("POST", f"/v1/jobs/{job}/cancel", {})
    waits = [other.submit("calls.run", {"limit": "two", "wait_ms": 30_000}) for _ in range(4)]
    for job in waits:
        assert other.wait_job(job)["state"] == "succeeded"


@pytest.mark.parametrize("of", ["run", "job"])
def test_slots_are_held_through_an_upgrade(make_host, folder, of):
    """For many times the lease, by the run's own wish or by `limit:` of its type; and are free when it ends."""
    clock = clock_lib.Clock.create(os.path.join(folder, "clock"))
    host = make_host(config({"one": {"concurrency": 1}}, calls(threads=2), jobs={"calls.run": {"timeout": "1d", "limit": "one"}} if of == "job" else {}),
                     env={"JOBHOST_TEST_CLOCK": clock.path})
    host.start()
    wish = {"limit": "one", "wait_ms": 0} if of == "run" else {}
    holder = host.submit("calls.run", {"hold_ms": 36_000_000, **wish}, timeout="1d")
    wait_until(lambda: limiter(host, "one")["held"] == 1, build.PATIENCE_S, "it holds the slot")
    host.expect(202, "POST", "/v1/upgrade", {})
    wait_until(lambda: host.get("/v1/upgrade")["state"] == "done", build.PATIENCE_S, "the upgrade is over")
    clock.speed(SPEED)
    end = clock.mono_ms() + 90_000
    wait_until(lambda: clock.mono_ms() >= end, build.PATIENCE_S, "six leases are over")
    other = host.submit("calls.run", {"hold_ms": 1, **wish})
    wait_until(lambda: host.explain(other).keys() & {"limiter", "parked"}, build.PATIENCE_S, "the other one waits")
    assert (limiter(host, "one")["held"], host.job(holder)["state"]) == (1, "running")
    host.act(holder, "cancel")
    assert host.wait_job(other)["state"] == "succeeded"
    assert limiter(host, "one")["held"] == 0
    clock.close()


# ---- by `limit:` of a job type: no plugin knows of it

def limiter(host, name):
    return next(item for item in host.get("/v1/limits")["items"] if item["name"] == name)


def test_so_many_at_once_for_each_tenant(make_host, upstream):
    """Nobody has more than two under way, whoever else waits; and everybody gets on."""
    host = make_host(config({"render": {"concurrency": 2}}, calls(threads=8), queues={"calls": {"limit": {"name": "render", "key": "tenant"}}}))
    host.start()
    ups = {user: upstream(limit=10_000, took_ms=(5, 30), together=2) for user in ("ann", "bob", "eve")}
    jobs = [host.submit("calls.run", {"port": up.port}, user=user) for _ in range(10) for user, up in ups.items()]
    for job in jobs:
        assert host.wait_job(job)["state"] == "succeeded"
    assert all(up.most_under_way == 2 and len(up.served) == 10 for up in ups.values()), [(u.most_under_way, len(u.served)) for u in ups.values()]


def test_no_room_for_one_more_limiter(make_host):
    """Its job is parked for a while, and not claimed again and again."""
    host = make_host(config({"api": {"rate": 10, "per": "1s"}}, jobs={"calls.run": {"limit": {"name": "api", "key": "tenant"}}}))
    host.start()
    host.stop()
    with contextlib.closing(sqlite3.connect(f"{host.state_dir}/jobhost.db")) as db, db:
        db.executemany("INSERT INTO limiters(name, rest_ms, state) VALUES(?, ?, ?)", ((f"api:{i}", 1 << 52, b"0 0 0 0 0 0 0 0") for i in range(100_000)))
    host.start()
    job = host.submit("calls.run", {}, user="ann")
    wait_until(lambda: host.job(job)["state"] == "parked", build.PATIENCE_S, lambda: f"it is parked: {host.job(job)}")
    assert "api:ann" in str(host.explain(job)["parked"])
    assert "no room for limiter api:ann" in host.log_tail(9)
    known = host.submit("calls.run", {}, user="1")
    assert host.wait_job(known)["state"] == "succeeded"


def test_the_rules_change_while_jobs_wait(make_host):
    """One start an hour, then a thousand: those that waited go, without a restart. Meanwhile everybody says why they do not."""
    def file(rate):
        return config({"starts": {"rate": rate, "per": "1h"}}, jobs={"calls.run": {"limit": {"name": "starts", "until": "start"}}})

    host = make_host(file(1))
    host.start()
    assert host.wait_job(host.submit("calls.run", {}))["state"] == "succeeded"
    jobs = [host.submit("calls.run", {}) for _ in range(20)]
    wait_until(lambda: limiter(host, "starts")["free"] == 0 and host.explain(jobs[-1]).keys() & {"limiter", "parked"}, build.PATIENCE_S, "they wait")
    mine = host.get(f"/v1/jobs/{jobs[-1]}/explain")["reasons"][0]
    assert "starts" in mine["detail"] and mine["clears_at"] is not None, mine
    seen = limiter(host, "starts")
    assert (seen["rate"], seen["waits_for"], seen["held"] + seen["settled"]) == (1, "window", 1), seen
    pid = host.pid
    host.configure(file(1000))
    assert host.post("/v1/reload?wait=1")["ok"]
    for job in jobs:
        assert host.wait_job(job)["state"] == "succeeded"
    assert host.pid == pid and limiter(host, "starts")["rate"] == 1000
    assert 'jobhost_limit_wishes_total{limit="starts",result="granted"} 21' in host.call("GET", "/metrics").raw.decode()


def test_an_operator_forgets_what_the_other_side_said(make_host, upstream):
    """It wanted to be left alone for a day; jobs that an earlier start of the host has parked for that go on, too."""
    host = make_host(config({"api": {"rate": 1000, "per": "1s", "learn": ["Retry-After"]}}))
    host.start()
    up = upstream(took_ms=(1, 2), retry_after=86_400)
    up.forced = 1
    host.submit("calls.run", {"port": up.port, "limit": "api"})
    wait_until(lambda: limiter(host, "api").get("waits_for") == "closed", build.PATIENCE_S, "it was refused")
    others = [host.submit("calls.run", {"limit": "api", "wait_ms": 0}) for _ in range(5)]
    for job in others:
        wait_until(lambda job=job: host.job(job)["state"] == "parked", build.PATIENCE_S, "the limiter is closed")
    host.stop()
    host.start()
    assert limiter(host, "api").get("waits_for") == "closed"
    assert "no limit of the configuration" in Cli(host).error("limits", "reset", "none", status=1)
    assert "its own rules" in Cli(host)("limits", "reset", "api", "--why", "they have said sorry")
    for job in others:
        assert host.wait_job(job)["state"] == "succeeded"
    assert "closed_until" not in limiter(host, "api")
    assert [(a["action"], a["target"], a["detail"]) for a in host.get("/v1/audit")["items"]][0] == ("limit.reset", "api", "they have said sorry")
