"""Reloads at bad moments: while the host is killed, while plugins come and go, while limits change, the store is away, or a canary hangs."""
import os
import signal
import subprocess
import threading

import pytest

from lib import build, redis as redis_lib
from lib.builds import Builds, generations, reload, verdicts
from lib.clock import Clock
from lib.host import chaos
from lib.procs import open_fds, rss_bytes, wait_until, workers_of
from lib.redis import Redis
from lib.storm import kill_the_host, storm
from lib.workload import JOBS_CONFIG

SOON = {"backoff": "fixed", "base": "10ms", "jitter": 0}
HOUR_MS = 3600_000


@pytest.fixture
def builds(folder):
    one = Builds(folder)
    one.again("chaos")
    return one


def settled(host, number):
    """Only this generation is there."""
    wait_until(lambda: generations(host) == ([number], []), build.PATIENCE_S, lambda: f"only {number} is there: {generations(host)}")


def test_the_host_is_killed_at_random_moments_of_reloads(make_host, builds):
    """No job is lost or done twice, and the next start finds nothing that the last one left."""
    host = make_host({"plugins": chaos(file=builds.path, workers=2, threads=2, grace="500ms", drain_soft="100ms"), "jobs": JOBS_CONFIG})
    reloads = 0

    def new_code(host, _):
        nonlocal reloads
        builds.again("chaos")
        host.send(signal.SIGHUP)
        reloads += 1
        return False

    report = storm(host, build.seed(), build.count(1000, 200, 50), build.count(100, 12, 5), (new_code, new_code, kill_the_host))
    print(f"{reloads} reloads: {report}")
    report.assert_clean()
    host.stop()
    with subprocess.Popen(["true"]) as somebody:
        pass
    with open(os.path.join(host.state_dir, "run", "so", f".tmp.{somebody.pid}"), "wb"):
        pass  # as if he had been killed while he copied
    host.start()
    reload(host)
    snapshots = os.listdir(os.path.join(host.state_dir, "run", "so"))
    assert all(name.endswith(".so") and not name.startswith(".") for name in snapshots) and len(snapshots) <= 8, snapshots
    current, _ = generations(host)
    settled(host, current[0])
    wait_until(lambda: len(workers_of(host.pid)) == 2, build.PATIENCE_S, "as many workers as are wanted")


def test_a_plugin_comes_and_goes_without_a_trace(make_host):
    here, gone = {"plugins": {**chaos(), "ok": {"file": build.plugin("ok-v1"), "workers": 2}}}, {"plugins": chaos()}
    host = make_host(gone)
    host.start()
    worker, = host.workers()

    def turn(count):
        for _ in range(count):
            host.configure(here)
            assert verdicts(reload(host)) == {"chaos": "kept", "ok": "added"}
            assert host.wait_job(host.submit("ok.run", "x"))["state"] == "succeeded"
            host.configure(gone)
            assert verdicts(reload(host)) == {"chaos": "kept", "ok": "removed"}
        wait_until(lambda: workers_of(host.pid) == [worker], build.PATIENCE_S, "only the other one's worker is there")
        settled(host, 1)
        return open_fds(host.pid), rss_bytes(host.pid)

    fds, rss = turn(build.count(100, 15, 5))
    fds_then, rss_then = turn(build.count(400, 30, 10))
    print(f"descriptors {fds} -> {fds_then}, memory {rss} -> {rss_then} bytes")
    # one that is open for a moment (a look at a process, a folder that is swept) is no trace
    wait_until(lambda: open_fds(host.pid) <= fds, build.PATIENCE_S, lambda: f"no more descriptors than {fds}: {open_fds(host.pid)}")
    if not build.SANITIZED:
        assert rss_then - rss < (4 << 20)


def test_less_concurrency_while_a_queue_is_full(make_host):
    """What runs goes on; nothing is begun until there are fewer than are allowed now."""
    config = {"plugins": chaos(workers=1, threads=8), "queues": {"chaos": {"concurrency": 5}}}
    host = make_host(config)
    host.start()
    running = [host.submit("chaos.sleep", {"ms": HOUR_MS}) for _ in range(5)]
    for job in running:
        host.wait_started(job)
    waiting = [host.submit("chaos.sleep", {"ms": HOUR_MS}) for _ in range(3)]

    def states():
        found = host.queue("chaos")["states"]
        return found.get("running", 0), found.get("queued", 0)

    def cancel(job):
        host.act(job, "cancel")
        assert host.wait_job(job)["state"] == "cancelled"

    config["queues"]["chaos"]["concurrency"] = 2
    host.configure(config)
    assert verdicts(reload(host)) == {"chaos": "kept"}
    assert states() == (5, 3)
    for job in running[:3]:
        cancel(job)
    assert host.wait_job(host.submit("chaos.echo", {}, queue="other"))["state"] == "succeeded"  # threads there are
    assert states() == (2, 3)
    cancel(running[3])
    wait_until(lambda: states() == (2, 2), build.PATIENCE_S, lambda: f"one has begun: {states()}")
    config["queues"]["chaos"]["concurrency"] = 8
    host.configure(config)
    reload(host)
    wait_until(lambda: states() == (4, 0), build.PATIENCE_S, lambda: f"all have begun: {states()}")
    for job in [running[4], *waiting]:
        cancel(job)
    host.assert_sound()


def test_other_workers_and_threads_while_one_drains(make_host, builds):
    """Each has what its own configuration says, and the old one ends when its job does."""
    settings = {"file": builds.path, "workers": 2, "threads": 2, "drain_soft": "1h", "drain_hard": "2h"}
    host = make_host({"plugins": chaos(**settings)})
    host.start()
    wait_until(lambda: len(host.workers()) == 2, build.PATIENCE_S, "both workers are up")

    def change(**changes):
        settings.update(changes)
        host.configure({"plugins": chaos(**settings)})
        return verdicts(reload(host))["chaos"]

    jobs = []
    for _ in range(2):  # the second one for the generation that follows
        jobs.append(host.submit("chaos.sleep", {"ms": HOUR_MS}, max=1))
        host.wait_started(jobs[-1])
        builds.again("chaos")
        reload(host)
    assert generations(host) == ([3], [1, 2])
    assert change(workers=4) == "kept"
    wait_until(lambda: len(host.workers()) == 4 and len(workers_of(host.pid)) == 6, build.PATIENCE_S, lambda: f"4 and 2 old ones: {workers_of(host.pid)}")
    assert change(workers=1) == "kept"
    wait_until(lambda: len(workers_of(host.pid)) == 3, build.PATIENCE_S, lambda: f"1 and 2 old ones: {workers_of(host.pid)}")
    host.act(jobs[0], "cancel")
    assert host.wait_job(jobs[0])["state"] == "cancelled"
    wait_until(lambda: generations(host) == ([3], [2]), build.PATIENCE_S, "the first one is gone")
    assert change(threads=3) == "changed"
    assert host.job(jobs[1])["state"] == "running"
    host.act(jobs[1], "cancel")
    settled(host, 4)
    ids = host.submit_many([{"type": "chaos.echo", "payload": {}} for _ in range(20)])
    assert all(job["attempt"] == 1 for job in host.wait_all(ids, "succeeded"))
    assert len(workers_of(host.pid)) == 1


@pytest.mark.skipif(redis_lib.SERVER is None, reason="redis-server is not installed (scripts/deps --test)")
def test_redis_is_away_during_a_reload(make_host, builds, folder):
    """New code takes over all the same, and has the jobs when the store is back."""
    redis = Redis(os.path.join(folder, "redis"), "--appendonly", "yes", "--appendfsync", "always").start()
    try:
        host = make_host({"plugins": chaos(file=builds.path), "jobs": JOBS_CONFIG, "store": {"url": f"unix:{redis.socket}"}})
        host.start()
        running = host.submit("chaos.steps", {"steps": 3, "pause_ms": 300})
        host.wait_started(running)
        queued = host.submit_many([{"type": "chaos.steps", "queue": "other", "payload": {"steps": 2}} for _ in range(20)])
        redis.stop()
        for _ in range(3):
            builds.again("chaos")
            assert verdicts(reload(host)) == {"chaos": "changed"}
        redis.start()
        for job in [running, *queued]:
            assert host.wait_job(job)["state"] == "succeeded"
        keys = [f"sink:{job}:{n}" for job in queued for n in (1, 2, "end")]
        assert set(host.counters(keys).values()) == {1}
        settled(host, 4)
        host.assert_sound()
        host.stop()
    finally:
        redis.stop()


def test_a_crash_after_many_reloads_belongs_to_its_build(make_host, builds):
    """Of the code that serves, and of the one that drains beside it."""
    host = make_host({"plugins": {**chaos(file=builds.path, workers=1, threads=2, probation="0s", drain_soft="1h", drain_hard="2h")}})
    host.start()
    for _ in range(build.count(100, 20, 5)):
        builds.again("chaos")
        reload(host)
    old = host.plugins()["chaos"]
    held = host.submit("chaos.sleep", {"ms": HOUR_MS}, retry=SOON)
    host.wait_started(held)
    builds.again("chaos")
    reload(host)
    new = host.plugins()["chaos"]
    assert new["build"] != old["build"]
    crashed = host.wait_job(host.submit("chaos.crash", {"how": "segv", "times": 1}, retry=SOON))
    assert [h["build"] for h in crashed["history"] if h["outcome"] == "crash"] == [new["build"]], crashed
    host.end_worker(old["workers"][0]["pid"], signal.SIGSEGV)  # as if the old code had
    wait_until(lambda: host.job(held)["history"], build.PATIENCE_S, "its end is known")
    attempt, = host.job(held)["history"]
    assert (attempt["build"], attempt["pid"]) == (old["build"], old["workers"][0]["pid"]), attempt
    assert [c["build"] for c in host.plugins()["chaos"]["recent_crashes"]] == [old["build"], new["build"]]
    host.act(held, "cancel")


def test_requests_while_a_canary_hangs(make_host, folder):
    """They wait for its end, and are one reload."""
    builds = Builds(folder)
    builds.put("ok-v1")
    host = make_host({"plugins": {"ok": {"file": builds.path, "start_timeout": "1s"}}})
    host.start()
    builds.put("create-hang")
    reports = []

    def ask(name):
        api = host.another()
        reports.append((name, api.expect(200, "POST", "/v1/reload", query={"wait": "1"}).json))
        api.close()

    threads = [threading.Thread(target=ask, args=("first",))]
    threads[0].start()
    wait_until(lambda: len(workers_of(host.pid)) == 2, build.PATIENCE_S, "the canary is there")
    builds.put("ok-v2")
    threads += [threading.Thread(target=ask, args=("later",)) for _ in range(8)]
    for thread in threads[1:]:
        thread.start()
    for thread in threads:
        thread.join()
    assert [r["ok"] for name, r in reports if name == "first"] == [False]
    later = [r for name, r in reports if name == "later"]
    assert len(later) == 8 and all(r["ok"] and verdicts(r) == {"ok": "changed"} for r in later), later
    assert all(r == later[0] for r in later), later
    assert host.read_log().count("reload.begun") == 2
    job = host.submit("ok.run", "x")
    host.wait_job(job)
    assert host.result(job).startswith(b"2.0.0:")


@pytest.mark.parametrize("how", ["kill", "stop"])
def test_the_host_ends_while_a_canary_hangs(make_host, folder, how):
    """With all that it has started, and the next one begins with what is there then."""
    builds = Builds(folder)
    builds.put("ok-v1")
    host = make_host({"plugins": {"ok": {"file": builds.path, "start_timeout": "1h"}}})
    host.start()
    builds.put("create-hang")
    host.send(signal.SIGHUP)
    wait_until(lambda: len(workers_of(host.pid)) == 2, build.PATIENCE_S, "the canary is there")
    getattr(host, how)()  # sees to it that no worker is left after three seconds
    builds.put("ok-v2")
    host.start()
    job = host.submit("ok.run", "x")
    host.wait_job(job)
    assert host.result(job).startswith(b"2.0.0:")
    settled(host, 1)


# ---- two hours

@pytest.fixture
def clock(folder):
    one = Clock.create(f"{folder}/clock")
    yield one
    one.close()


def test_two_hours_while_other_plugins_are_reloaded(make_host, folder, clock):
    """In the process that it began in."""
    other = Builds(folder)
    other.again("ok-v1")
    host = make_host({"plugins": {**chaos(), "ok": {"file": other.path}}, "jobs": {"chaos.sleep": {"timeout": "3h"}}},
                     env={"JOBHOST_TEST_CLOCK": clock.path})
    host.start()
    job = host.submit("chaos.sleep", {"ms": 2 * HOUR_MS, "beat_ms": 2 * HOUR_MS}, max=1)
    host.wait_started(job)
    worker, = host.workers("chaos")
    for n in range(10):
        clock.advance(10 * 60_000)
        other.again("ok-v1")
        assert verdicts(reload(host)) == {"chaos": "kept", "ok": "changed"}
        assert host.job(job)["state"] == "running" and host.workers("chaos") == [worker], n
    clock.advance(HOUR_MS)
    done = host.wait_job(job)
    assert (done["state"], done["attempt"], done["attempts"], done["history"]) == ("succeeded", 1, 1, []), done
    assert host.workers("chaos") == [worker]


def test_two_hours_while_its_own_code_is_reloaded(make_host, builds, clock):
    """It saves a step, yields, and goes on behind it with the new code: ten times, and that is no attempt."""
    host = make_host({"plugins": chaos(file=builds.path), "jobs": {"chaos.steps": {"timeout": "12h"}}}, env={"JOBHOST_TEST_CLOCK": clock.path})
    host.start()
    job = host.submit("chaos.steps", {"steps": 120, "pause_ms": 60_000}, max=1)

    def steps():
        clock.advance(20_000)  # a sleep that had not begun yet is not over
        return host.job(job).get("steps", {}).get("count", 0)

    for n in range(10):
        wait_until(lambda n=n: steps() >= 12 * n + 6, build.PATIENCE_S, "it has come so far")
        builds.again("chaos")
        reload(host)
        clock.advance(31_000)  # drain_soft
        settled(host, n + 2)
    wait_until(lambda: steps() == 120 and host.job(job)["state"] == "succeeded", build.PATIENCE_S, "it has ended")
    done = host.job(job)
    assert (done["attempt"], done["attempts"]) == (11, 1), done
    keys = [f"sink:{job}:{n}" for n in (*range(1, 121), "end")]
    assert set(host.counters(keys).values()) == {1}
