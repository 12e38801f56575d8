"""Hosts that share a Redis: each job's changes happen once, whoever is killed or stopped, and two executions overlap by half a lease at most."""
import collections
import contextlib
import json
import os
import random
import signal
import time

import pytest

from lib import build, redis as redis_lib
from lib.cli import Cli
from lib.fleet import GAP_S, LEASE_S, Anybody, Fleet, kill_and_restart, stop_for
from lib.procs import wait_until
from lib.redis import Redis
from lib.workload import Expected, Submitter, Workload

pytestmark = pytest.mark.skipif(redis_lib.SERVER is None, reason="there is no redis-server")
BOUND_S = LEASE_S / 2 + GAP_S  # what the trace can tell of half a lease
SIZES = (1, 1, 10, 100)  # of requests, in jobs
LONG_S = 600  # a lease that does not end while a test lasts


@pytest.fixture
def redis(folder):
    server = Redis(os.path.join(folder, "redis"), "--appendonly", "yes").start()
    yield server
    server.stop()


@pytest.fixture
def fleet(redis, make_host, folder):
    return Fleet(make_host, redis, folder)


def jobs_done(host):
    return sum(p["jobs_done"] for p in host.plugins().values())


def assert_counted_once(host, *jobs):
    assert set(host.counters([f"sink:{job}:end" for job in jobs]).values()) == {1}


def test_the_measure(folder):
    """Lines of two executions that ran at once for a while, one of which was stopped meanwhile."""
    fleet = Fleet(None, None, folder)
    runs = {(1, 1): [0.0, 0.5, 1.0, 4.0, 4.5], (2, 2): [0.75, 1.25, 1.75, 4.25, 4.75]}  # nobody for two seconds
    with open(fleet.trace, "w", encoding="ascii") as out:
        for (pid, attempt), times in runs.items():
            out.writelines(f"job {pid} {attempt} {int(at * 1e6)}\n" for at in times)
        out.writelines(f"other 1 1 {at}\n" for at in (0, 10))
    assert fleet.segments("job") == [(0.0, 1.0), (4.0, 4.5), (0.75, 1.75), (4.25, 4.75)]
    assert fleet.overlap("job") == pytest.approx(0.5) and fleet.overlap("other") == 0
    assert fleet.worst_overlap() == pytest.approx(0.5)


# ---- together

@pytest.mark.parametrize("count", [2, 4])
def test_every_job_is_done_once(fleet, count):
    fleet.add(count)
    work = Workload(build.seed(), build.count(2000, 200))
    work.submit(Anybody(fleet.hosts))
    work.check(fleet.hosts[0]).assert_clean()
    assert all(jobs_done(host) > 0 for host in fleet.hosts), [jobs_done(host) for host in fleet.hosts]
    assert not any("fenced" in host.read_log() for host in fleet.hosts)


def test_cancel_by_way_of_the_other_host(fleet):
    one, other = fleet.add(), fleet.add(plugins={})
    job = fleet.submit_trace(one, 60_000)
    fleet.wait_traced(job)
    assert other.act(job, "cancel", why="from elsewhere")["state"] == "running"
    assert one.wait_job(job, "cancelled")["id"] == job
    assert other.job(job)["state"] == "cancelled"


def test_a_cascade_whose_host_dies(fleet):
    """After one page of three; the other one, which was deaf so far, goes on from there."""
    one, other = fleet.add(start=False), fleet.add()
    one.start(env={"JOBHOST_FAULT": "cascade_page:2=kill"})
    job = one.submit("chaos.yield", {"kind": "children", "children": 500, "delay_ms": 3_600_000})
    one.wait_job(job, "parked")
    os.kill(other.pid, signal.SIGSTOP)
    one.act(job, "cancel")
    one.process.wait(build.PATIENCE_S)
    one.reap()
    os.kill(other.pid, signal.SIGCONT)
    wait_until(lambda: other.job(job)["flow"]["closed"], build.PATIENCE_S, lambda: f"the flow is closed: {other.job(job)}")
    flow = other.job(job)["flow"]
    assert (flow["made"], flow["open"], flow["cancelled"]) == (500, 0, 500)
    other.assert_sound()


def test_pause_by_way_of_the_other_host(fleet):
    one, other = fleet.add(), fleet.add(plugins={})
    other.post("/v1/queues/chaos/pause", {"why": "the upstream is down"})
    wait_until(lambda: one.queue("chaos").get("paused"), build.PATIENCE_S, "the pause has arrived")
    job = one.submit("chaos.echo", {})
    wait_until(lambda: "queue_paused" in one.explain(job), build.PATIENCE_S, "the other host has heard of it, too")
    assert "the upstream is down" in one.explain(job)["queue_paused"]
    assert one.job(job)["state"] == "queued"
    other.post("/v1/queues/chaos/resume")
    one.wait_job(job, "succeeded")


def test_watched_by_way_of_the_other_host(fleet):
    one, other = fleet.add(), fleet.add(plugins={})
    Cli(other)("submit", "chaos.trace", "--payload", json.dumps({"file": fleet.trace, "ms": 500}), "--wait")  # ends, and well
    (job,) = fleet.executions()
    assert other.job(job)["state"] == one.job(job)["state"] == "succeeded"


def test_types_that_only_one_host_has(fleet):
    one, other = fleet.add(start=False), fleet.add(plugins={})
    job = other.submit("chaos.echo", {"a": 1})
    assert "left to other hosts" in other.explain(job)["no_handler"]
    one.start()
    other.wait_job(job, "succeeded")
    assert other.result(job) == b'{"a": 1}'
    assert "under jobs:" in other.refused(400, "chaos.nobody")["message"]


def test_hosts_are_listed(fleet):
    fleet.add(3)
    left, leaver = fleet.hosts[2].pid, fleet.hosts.pop()
    leaver.stop()
    job = fleet.submit_trace(fleet.hosts[0], 60_000)
    fleet.wait_traced(job)
    busy, (idle,) = fleet.runner(job)

    def seen():
        return {h["pid"]: h for h in idle.get("/v1/hosts")["items"]}

    wait_until(lambda: seen()[busy.pid]["jobs_running"] == 1, build.PATIENCE_S, seen)  # the beat says so
    assert {pid: h["state"] for pid, h in seen().items()} == {idle.pid: "running", busy.pid: "alive", left: "left"}
    silent = busy.pid
    busy.kill()
    wait_until(lambda: seen()[silent]["state"] == "silent", build.PATIENCE_S, seen)
    page = Cli(idle)("hosts")
    assert all(word in page for word in ("silent", "running (this)", "left", "JOBS")), page
    fleet.wait_traced(job, 2)
    idle.act(job, "cancel")
    idle.wait_job(job, "cancelled")


def test_idle_hosts_leave_the_server_alone(fleet, redis):
    """Between beats they send nothing at all; tests/unit/test_supervisor_hosts.c counts an hour."""
    fleet.add(2)
    jobs = [fleet.submit_trace(host, 0) for host in fleet.hosts]
    fleet.hosts[0].wait_all(jobs, "succeeded")

    def calls():
        sent = ("cmdstat_eval:", "cmdstat_evalsha:", "cmdstat_ping:")  # the rest is called by scripts
        lines = [line for line in redis("info", "commandstats").splitlines() if line.startswith(sent)]
        return sum(int(line.split("calls=")[1].split(",")[0]) for line in lines)

    time.sleep(1)  # the beat of those jobs is not due yet, and what they began has ended
    before = calls()
    time.sleep(10)
    assert calls() - before <= 4  # of each host at most one beat, and what that found


# ---- one of them is gone

def test_a_killed_hosts_jobs_are_taken_over(fleet):
    fleet.add(2)
    jobs = [fleet.submit_trace(fleet.hosts[0], 3000) for _ in range(6)]
    for job in jobs:
        fleet.wait_traced(job)
    killed, (other,) = fleet.runner(jobs[0])
    mine = [job for job in jobs if fleet.runner(job)[0] is killed]
    wait_until(lambda: all(other.job(job).get("pid") for job in mine), build.PATIENCE_S, "the store knows that they have begun")
    killed.kill()
    done = other.wait_all(jobs, "succeeded")
    assert {j["id"] for j in done if j.get("lost")} == set(mine)
    assert_counted_once(other, *jobs)
    other.assert_sound()


def test_a_restart_takes_its_own_jobs_back_at_once(fleet):
    one = fleet.add(lease=LONG_S)
    job = fleet.submit_trace(one, 1500)
    fleet.wait_traced(job)
    killed = one.pid
    one.kill()
    one.start()
    assert {h["pid"]: h["state"] for h in one.get("/v1/hosts")["items"]} == {killed: "lost", one.pid: "running"}
    one.wait_job(job, "succeeded")  # long before the end of the lease
    assert len(fleet.segments(job)) == 2
    assert_counted_once(one, job)


def test_a_stranger_waits_for_the_lease(fleet):
    one = fleet.add(lease=LONG_S)
    job = fleet.submit_trace(one, 60_000)
    fleet.wait_traced(job)
    one.kill()
    other = fleet.add(lease=LONG_S)
    other.wait_job(other.submit("chaos.echo", {}), "succeeded")
    assert other.job(job)["state"] == "running"
    one.start()  # who had it
    fleet.wait_traced(job, 2)
    other.act(job, "cancel")
    other.wait_job(job, "cancelled")


def test_a_state_dir_is_one_hosts(fleet, make_host):
    one = fleet.add()
    other = fleet.add(start=False, host={"state_dir": one.state_dir})
    assert not other.start(ready=False)
    assert other.reap() == 1
    assert f"{one.state_dir} is in use by another host (process {one.pid})" in other.read_log()
    fleet.hosts.remove(other)


# ---- one of them stands still

@pytest.mark.parametrize("deaf", [False, True])
def test_a_stopped_host_is_fenced(fleet, deaf):
    fleet.add(2)
    job = fleet.submit_trace(fleet.hosts[0], 2 * LEASE_S * 1000, deaf=deaf)
    fleet.wait_traced(job)
    stopped, (other,) = fleet.runner(job)
    stop_for(stopped, 2 * LEASE_S)
    fleet.wait_traced(job, 2)
    other.wait_job(job, "succeeded")
    assert_counted_once(other, job)
    overlap = fleet.overlap(job)
    print(f"overlap {overlap:.2f} s, bound {LEASE_S / 2} s")
    assert overlap <= BOUND_S
    wait_until(lambda: "host.lease state=lost" in stopped.read_log(), build.PATIENCE_S, stopped.log_tail)
    again = [fleet.submit_trace(stopped, 10) for _ in range(20)]  # it goes on as a host among others
    stopped.wait_all(again, "succeeded")
    assert_counted_once(stopped, *again)
    stopped.assert_sound()


def test_a_busy_plugin_is_not_a_dead_host(fleet):
    fleet.add(2)
    jobs = [fleet.submit_trace(fleet.hosts[0], int(1.5 * LEASE_S * 1000), spin=True, every_ms=500, deaf=True) for _ in range(8)]
    done = fleet.hosts[0].wait_all(jobs, "succeeded")
    assert not any(j.get("lost") for j in done)
    assert all(len(found) == 1 for found in fleet.executions().values())
    assert not any("host.lease" in h.read_log() for h in fleet.hosts)


def test_redis_is_away_for_longer_than_the_lease(fleet, redis):
    """What runs is stopped; nothing is lost, and what had ended meanwhile counts."""
    redis("config", "set", "appendfsync", "always")  # else the server may lose what it was told a moment before
    one = fleet.add()
    long, short = fleet.submit_trace(one, 60_000), fleet.submit_trace(one, 1500)
    for job in (long, short):
        fleet.wait_traced(job)
    redis.stop()
    wait_until(lambda: "state=lost" in one.read_log(), build.PATIENCE_S, one.log_tail)
    redis.start()
    wait_until(lambda: one.call("GET", "/healthz").status == 200, build.PATIENCE_S, one.log_tail)
    one.wait_job(short, "succeeded")
    fleet.wait_traced(long, 2)
    assert len(fleet.segments(short)) == 1
    one.act(long, "cancel")
    one.wait_job(long, "cancelled")
    assert_counted_once(one, short)
    one.assert_sound()


# ---- all at once

def _add_traces(work, fleet, dice, short, long):
    """Jobs that take next to no time, and some that are certainly under way when something happens; all in any order."""
    for n in range(short + long):
        payload = {"file": fleet.trace, "ms": dice.choice([0, 0, 0, 5, 50])} if n < short else {"file": fleet.trace, "ms": 9000, "deaf": True}
        work.plan.append(({"type": "chaos.trace", "payload": payload, "key": f"{work.tag}-trace-{n}"}, Expected(sinks=("end",))))
        work.ids.append(None)
    dice.shuffle(work.plan)


def _torment(fleet, dice, seconds, submitters):
    """Kills and stops at random for so long, and until all has been submitted."""
    deeds = {"killed": kill_and_restart,
             "stopped": lambda host: stop_for(host, dice.uniform(0.5, 2 * LEASE_S)),
             "stopped with workers": lambda host: stop_for(host, dice.uniform(0.5, 2 * LEASE_S), workers=True)}
    counts = collections.Counter()
    begin = time.monotonic()
    while time.monotonic() < begin + seconds or not all(s.done() for s in submitters):
        deed, = dice.choices(list(deeds), (2, 1, 1))
        deeds[deed](dice.choice(fleet.hosts))
        counts[deed] += 1
        for submitter in submitters:
            submitter.let(0.2 + (time.monotonic() - begin) / seconds)
        time.sleep(dice.uniform(0, 1))  # the moment of the next one
    return f"{dict(counts)} in {time.monotonic() - begin:.0f} s"


@pytest.mark.parametrize("count", [2, 4] if build.FULL else [2])
def test_chaos(fleet, count):
    """Figures are printed; with JOBHOST_FULL=1 100,000 jobs."""
    seed, began = build.seed(), time.monotonic()
    dice = random.Random(seed)
    fleet.add(count)
    work = Workload(seed, build.count(2000, 60))
    _add_traces(work, fleet, dice, build.count(98_000, 400), build.count(200, 8))
    feeds = build.count(16, 2)  # a stopped host holds up who has just asked it; so do single jobs
    with contextlib.ExitStack() as stack:
        submitters = [stack.enter_context(Submitter(work, Anybody(fleet.hosts), n, feeds, SIZES)) for n in range(feeds)]
        done = _torment(fleet, dice, build.count(300, 15), submitters)
    report = work.check(fleet.hosts[0], seconds=build.count(600, 120))
    fenced = sum(host.read_log().count("attempt.fenced") for host in fleet.hosts)
    worst = fleet.worst_overlap()
    print(f"{count} hosts: {done}; {report}; {fenced} fenced; worst overlap of two executions {worst:.2f} s, bound {LEASE_S / 2} s; "
          f"{time.monotonic() - began:.0f} s")
    report.assert_clean()
    assert worst <= BOUND_S
