"""Several hosts fire the schedules of one Redis: each time once, whoever is stopped, killed, or comes with an older file."""
import os
import random
import time

import pytest

from lib import build, redis as redis_lib
from lib.clock import T0, Clock
from lib.fleet import LEASE_S, stop_for
from lib.host import chaos
from lib.procs import wait_until
from lib.redis import Redis
from test_schedules_fire import MINUTE, POLICIES, hold, iso, missed, ms_of, reconfigure, rows, schedule, wait_rows

DAY = 24 * 60 * MINUTE

pytestmark = pytest.mark.skipif(redis_lib.SERVER is None, reason="there is no redis-server")


@pytest.fixture
def redis(folder):
    server = Redis(os.path.join(folder, "redis")).start()
    yield server
    server.stop()


@pytest.fixture
def make(redis, make_host, clock):
    """make(schedules) is one more host with these."""
    count = 0

    def made(schedules, start=True, clock=clock):
        nonlocal count
        count += 1
        config = {"plugins": chaos(workers=1, threads=4, grace="500ms"), "schedules": schedules,
                  "store": {"url": f"unix:{redis.socket}", "ledger": {"rows": 100_000}}, "host": {"lease": f"{LEASE_S}s"}}
        host = make_host(config, name=f"host{count}", env={"JOBHOST_TEST_CLOCK": clock.path})
        host.base = config
        if start:
            host.start()
        return host

    yield made
    clock.speed(1)  # a drain looks at the clock


def wait_state(host, name, state):
    wait_until(lambda: schedule(host, name).get("state") == state, build.PATIENCE_S, lambda: f"{name} is {state}: {schedule(host, name)}")


def wait_logged(host, words):
    wait_until(lambda: words in host.read_log(), build.PATIENCE_S, f"the host says {words}")


def test_a_host_with_another_file_drifts_until_it_reloads(make, clock):
    rule = {"cron": "* * * * *", "job": "chaos.echo", "overlap": "allow"}
    old = {**rule, "cron": "*/2 * * * *"}
    new_host, old_host = make({"s": rule, "only.new": rule}), None
    wait_state(new_host, "s", "active")
    old_host = make({"s": old})  # the last one that starts wins
    wait_state(old_host, "s", "active")
    wait_state(new_host, "s", "drifting")
    assert "file" in schedule(new_host, "s")["why"]
    wait_state(old_host, "only.new", "drifting")  # and is left alone
    clock.advance(MINUTE)
    wait_rows(new_host, "only.new", [("fire", 1, 1)])
    clock.advance(MINUTE)
    wait_rows(new_host, "s", [("fire", 2, 1)])
    wait_logged(new_host, "schedule.drift ")
    drift = [line for line in new_host.read_log().splitlines() if "schedule.drift " in line]
    assert len(drift) == 1 and "name=s " in drift[0], drift
    assert new_host.expect(409, "POST", "/v1/schedules/s/run", {}).error["code"] == "schedule_drifts"
    new_host.post("/v1/reload?wait=true")
    wait_state(new_host, "s", "active")
    wait_state(old_host, "s", "drifting")
    clock.advance(MINUTE)
    wait_rows(new_host, "s", [("fire", 2, 1), ("fire", 3, 1)])
    wait_logged(old_host, "schedule.drift name=s ")
    reconfigure(old_host, {"s": rule})
    wait_state(old_host, "s", "active")
    wait_logged(old_host, "schedule.drift_over name=s")
    assert schedule(new_host, "s")["state"] == "active"
    reconfigure(new_host, {"s": rule})
    wait_until(lambda: schedule(old_host, "only.new") == {}, build.PATIENCE_S, "what its file had and has no more is removed")


def test_what_nobody_fires_is_taken_over(make, clock):
    rule = {"cron": "* * * * *", "job": "chaos.echo", "overlap": "allow"}
    steady = make({"s": rule})
    wait_state(steady, "s", "active")
    older = make({"s": {**rule, "cron": "*/5 * * * *"}})
    wait_state(steady, "s", "drifting")
    wait_logged(steady, "schedule.drift ")
    clock.advance(5 * MINUTE)
    wait_rows(steady, "s", [("fire", 5, 1)])
    clock.advance(3 * MINUTE)  # no time has come
    older.kill()
    clock.advance(2 * MINUTE + 30_000)
    assert schedule(steady, "s")["state"] == "drifting"
    clock.advance(40_000)
    wait_logged(steady, "schedule.taken_over name=s ")
    wait_state(steady, "s", "active")
    clock.advance(50_000)  # 8:12
    wait_rows(steady, "s", [("fire", 5, 1), ("fire", 12, 1)])
    assert len([line for line in steady.read_log().splitlines() if "schedule.taken_over" in line]) == 1


@pytest.mark.parametrize("resumed", [False, True])
def test_a_clock_that_is_days_late_takes_over_nothing(make, clock, folder, resumed):
    """What was fired, or resumed, by the others is days ahead of it."""
    late = Clock.create(os.path.join(folder, "late"), wall_ms=T0)
    late.freeze()
    rule = {"cron": "0 9 * * *", "job": "chaos.echo", "overlap": "allow"}
    drifts = make({"s": {**rule, "cron": "0 10 * * *"}}, clock=late)
    wait_state(drifts, "s", "active")
    fires = make({"s": rule})
    wait_state(drifts, "s", "drifting")
    if resumed:
        fires.post("/v1/schedules/s/pause", {"why": "a look"})
    for day in range(4):
        clock.advance(DAY)
        if not resumed:
            wait_until(lambda n=day + 1: len(rows(fires, "s")) >= n, build.PATIENCE_S, "it is written down")
        late.advance(DAY)
    if resumed:
        fires.post("/v1/schedules/s/resume")
        wait_state(drifts, "s", "drifting")
        wait_until(lambda: schedule(fires, "s").get("state") == "active", build.PATIENCE_S, "it goes on")
    late.set_wall(T0 + 2 * DAY + 30 * MINUTE)
    job = drifts.submit("chaos.echo", {}, delay="5m", deadline="30d")
    late.advance(5 * MINUTE)  # by then it has looked
    drifts.wait_job(job, "succeeded")
    assert schedule(drifts, "s")["state"] == "drifting" and "schedule.taken_over" not in drifts.read_log()
    late.speed(1)


def test_the_apis_schedules_are_everybodys(make, clock):
    one, other = make({}), make({})
    one.expect(201, "PUT", "/v1/schedules/s", {"cron": "* * * * *", "job": "chaos.echo", "overlap": "allow"})
    wait_state(other, "s", "active")
    one.kill()
    clock.advance(MINUTE)
    wait_rows(other, "s", [("fire", 1, 1)])
    other.post("/v1/schedules/s/pause", {"why": "a look"})
    one.start()
    wait_state(one, "s", "paused")
    clock.advance(2 * MINUTE + 30_000)
    one.post("/v1/schedules/s/resume")
    wait_state(other, "s", "active")
    clock.advance(30_000)
    wait_rows(other, "s", [("fire", 1, 1), ("skipped_paused", 2, 2), ("fire", 4, 1)])
    other.expect(200, "DELETE", "/v1/schedules/s")
    wait_until(lambda: "jobhost_schedules{state=\"active\"} 0\n" in one.expect(200, "GET", "/metrics").raw.decode(), build.PATIENCE_S, "the other one has heard")


def test_a_pause_that_a_host_with_another_file_ends_leaves_no_hole(make, clock):
    rule = {"cron": "* * * * *", "job": "chaos.echo", "overlap": "allow"}
    drifts = make({"s": {**rule, "cron": "*/2 * * * *"}})
    wait_state(drifts, "s", "active")
    fires = make({"s": rule})
    wait_state(fires, "s", "active")
    wait_state(drifts, "s", "drifting")
    drifts.post("/v1/schedules/s/pause", {"why": "a look"})
    wait_state(fires, "s", "paused")
    clock.advance(4 * MINUTE + 30_000)
    drifts.post("/v1/schedules/s/resume")  # it does not know which times that are
    wait_rows(fires, "s", [("skipped_paused", 1, 4)])
    clock.advance(30_000)
    wait_rows(fires, "s", [("skipped_paused", 1, 4), ("fire", 5, 1)])


def test_an_outage_of_three_hosts_is_made_good_once_and_to_the_letter(make, clock):
    schedules = {f"{c}.{o}": {"cron": "* * * * *", "job": "chaos.echo", "catch_up": c, "overlap": o, "catch_up_window": "10m", "catch_up_max": 4}
                 for c, o in POLICIES}
    hosts = [make(schedules) for _ in range(3)]
    for name in schedules:
        wait_state(hosts[0], name, "active")
    hold(hosts[0])
    for host in hosts:
        host.kill()
    clock.advance(30 * MINUTE + 30_000)
    waits = [host.launch() for host in hosts]  # all at once
    for host, said in zip(hosts, waits):
        with said:
            assert host._await_ready(said.fileno())
    for c, o in POLICIES:
        wait_rows(hosts[0], f"{c}.{o}", missed(c, o))
    for _ in range(3):
        for host in hosts:
            host.post("/v1/reload?wait=true")
    for c, o in POLICIES:
        assert rows(hosts[1], f"{c}.{o}") == missed(c, o)
    hosts[0].assert_sound()


# ---- every time of many

SCHEDULES = 100
MINUTES = build.count(100, 12)


def expand(host, name):
    """{minute: [(verdict, job or None), ...]} of all rows."""
    found = {}
    for row in host.list(f"/v1/schedules/{name}/ledger"):
        first, last = ms_of(row["nominal"]), ms_of(row.get("last", row["nominal"]))
        assert (last - first) // MINUTE + 1 == row["times"], row
        for at in range(first, last + 1, MINUTE):
            found.setdefault((at - T0) // MINUTE, []).append((row["verdict"], row.get("job")))
    return found


def make_trouble(rng, steady, stopped, older, schedules, end, clock):
    """Until the clock says `end`: one host stands still or dies, again and again; another comes with an older file for a while."""
    begin = clock.wall_ms()
    phases = [(1 / 4, {n: {**s, "payload": {"old": True}} for n, s in schedules.items()}), (2 / 3, schedules)]
    while clock.wall_ms() < end:
        if rng.random() < 0.5:
            stop_for(stopped, rng.uniform(0.2, 2), workers=rng.random() < 0.5)
        else:
            stopped.kill()
            time.sleep(rng.uniform(0, 1))  # nobody can say how long one is dead
            while not stopped.start(ready=False):
                stopped.reap()  # at sixty times the speed its first answer may come too late for it
        if phases and clock.wall_ms() > begin + (end - begin) * phases[0][0]:
            reconfigure(older, phases.pop(0)[1])
            if not phases:
                reconfigure(steady, schedules)


def test_every_time_has_one_row_and_one_job(make, clock):
    rng = random.Random(build.seed())
    schedules = {f"all{i}": {"cron": "* * * * *", "job": "chaos.echo", "overlap": "allow", "catch_up": "all", "catch_up_window": "24h", "catch_up_max": 10_000}
                 for i in range(SCHEDULES - 10)}
    schedules |= {f"latest{i}": {"cron": "* * * * *", "job": "chaos.echo", "overlap": "skip", "catch_up_window": "24h"} for i in range(10)}
    hosts = [make(schedules) for _ in range(3)]
    for name in schedules:
        wait_state(hosts[0], name, "active")
    end = T0 + MINUTES * MINUTE + 30_000
    clock.speed(60)
    make_trouble(rng, *hosts, schedules, end, clock)
    clock.freeze()
    last = (clock.wall_ms() - T0) // MINUTE
    for host in hosts:
        reconfigure(host, schedules)
    wanted = set(range(1, last + 1))
    jobs, times = [], 0
    for name in schedules:
        wait_until(lambda: set(expand(hosts[0], name)) >= wanted, build.PATIENCE_S, lambda: f"{name}: {wanted - set(expand(hosts[0], name))} are missing")
        found = expand(hosts[0], name)
        assert set(found) == wanted and all(len(rows_of) == 1 for rows_of in found.values()), (name, found)
        made = [job for ((_, job),) in found.values() if job is not None]
        if name.startswith("all"):
            assert len(made) == last, (name, found)
        jobs += made
        times += len(found)
    assert len(set(jobs)) == len(jobs) and times == SCHEDULES * last
    clock.speed(1)
    hosts[0].wait_idle(seconds=build.PATIENCE_S * 4)
    of_schedules = [j for j in hosts[0].list() if "schedule" in j]
    assert sorted(j["id"] for j in of_schedules) == sorted(jobs)
    assert len({(j["schedule"], j["nominal"]) for j in of_schedules}) == len(jobs)
    hosts[0].assert_sound()
    print(f"{times} times, {len(jobs)} jobs, until {iso(clock.wall_ms())}")
