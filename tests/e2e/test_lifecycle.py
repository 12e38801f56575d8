"""A job's life as its users see it: times, cancels, retries, order, dedup, pauses, and why it waits."""
import calendar
import json
import time

import pytest

from lib import build
from lib.api import FINAL
from lib.clock import Clock
from lib.host import chaos
from lib.procs import wait_until

SOON = {"backoff": "fixed", "base": "10ms", "jitter": 0}
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000


@pytest.fixture
def timed(make_host, folder):
    """A host with one thread on a clock of the test's own: .clock, and .advance(ms)."""
    clock = Clock.create(f"{folder}/clock")
    host = make_host({"plugins": chaos(workers=1, threads=1, grace="1s"),
                      "queues": {"short": {"ttl": "1h", "dead_ttl": "2h", "dedup_ttl": "0s"}}},
                     env={"JOBHOST_TEST_CLOCK": clock.path})

    def advance(ms):
        clock.advance(ms)
        host.close()  # the host finds it idle for so long, and closes it

    host.clock, host.advance = clock, advance
    host.start()
    yield host
    clock.close()


def ms_of(text):
    """Unix milliseconds of one of the API's times."""
    stamp = time.strptime(text.split(".")[0], "%Y-%m-%dT%H:%M:%S")
    return calendar.timegm(stamp) * 1000 + int(text.split(".")[1][:3])


def started(host, kind="chaos.sleep", payload=None, **fields):
    """A job that runs now."""
    job = host.submit(kind, payload or {"ms": 600_000}, **fields)
    host.wait_started(job)
    return job


# ---- timeouts and deadlines

def test_timeout_of_a_polite_handler(host):
    job = host.submit("chaos.sleep", {"ms": 600_000}, timeout="200ms", max=2, retry=SOON)
    dead = host.wait_job(job, "dead")
    assert (dead["error"]["class"], dead["error"]["code"]) == ("timeout", "attempts_exhausted"), dead
    assert dead["attempts"] == 2 and [h["class"] for h in dead["history"]] == ["timeout"] * 2, dead
    assert host.plugins()["chaos"]["restarts"] == 0  # it stopped when asked to


def test_timeout_of_a_deaf_handler(make_host):
    """Asked to stop, then SIGTERM after the grace: another process takes over."""
    host = make_host({"plugins": chaos(grace="200ms")})
    host.start()
    before = host.workers()
    job = host.submit("chaos.sleep", {"ms": 600_000, "deaf": True}, timeout="200ms", max=1)
    dead = host.wait_job(job, "dead")
    assert dead["error"]["class"] == "timeout" and "nor when asked to stop" in dead["error"]["message"], dead
    assert "attempt.terminate" in host.read_log()
    wait_until(lambda: (host.workers() or before) != before, build.PATIENCE_S, "another worker")
    assert host.plugins()["chaos"]["crashes"] == 0  # for a job's sake, not by the plugin's doing


def test_timeout_spares_the_neighbours(make_host):
    host = make_host({"plugins": chaos(threads=3, grace="200ms")})
    host.start()
    others = [started(host, payload={"ms": 2000}, max=1) for _ in range(2)]
    job = host.submit("chaos.sleep", {"ms": 600_000, "deaf": True}, timeout="300ms", max=1)
    assert host.wait_job(job)["error"]["class"] == "timeout"
    for other in host.wait_all(others):
        assert (other["state"], other["attempts"], other.get("crashes")) == ("succeeded", 1, None), other


def test_deadline_while_running(host):
    job = host.submit("chaos.sleep", {"ms": 600_000}, deadline="300ms", retry=SOON, max=10)
    dead = host.wait_job(job, "dead")
    assert dead["error"]["class"] == "timeout", dead


def test_deadline_counts_parking_and_retries(timed):
    parked = timed.submit("chaos.yield", {"kind": "until", "ms": 2 * HOUR}, deadline="1h")
    dead = timed.wait_job(parked)
    assert (dead["state"], dead["error"]["code"]) == ("dead", "deadline"), dead  # it could not be in time
    retried = timed.submit("chaos.fail", {}, deadline="1h", max=100, retry={"backoff": "fixed", "base": "40m", "jitter": 0})
    timed.wait_job(retried, "scheduled")
    timed.advance(41 * MINUTE)
    dead = timed.wait_job(retried)
    assert (dead["state"], dead["error"]["code"], dead["attempts"]) == ("dead", "deadline", 2), dead


def test_deadline_in_the_queue(timed):
    timed.post("/v1/queues/chaos/pause", {"why": "test"})
    job = timed.submit("chaos.echo", {}, deadline="1h")
    timed.advance(HOUR + 1)
    timed.post("/v1/queues/chaos/resume")
    dead = timed.wait_job(job)
    assert (dead["state"], dead["error"]["code"], dead["attempt"]) == ("dead", "deadline", 0), dead


def test_expires(timed):
    timed.post("/v1/queues/short/pause", {"why": "test"})
    job = timed.submit("chaos.echo", {}, expires="1m", queue="short")
    in_time = timed.submit("chaos.echo", {}, expires="10m", queue="short")
    timed.advance(MINUTE + 1)
    timed.post("/v1/queues/short/resume")
    dead = timed.wait_job(job)
    assert (dead["state"], dead["error"]["code"], dead["attempt"]) == ("dead", "expired", 0), dead
    assert ms_of(dead["kept_until"]) - ms_of(dead["updated_at"]) == 2 * HOUR, dead  # the queue's dead_ttl
    assert timed.wait_job(in_time)["state"] == "succeeded"


def test_expires_is_about_the_first_run_only(timed):
    job = timed.submit("chaos.fail", {"times": 1}, expires="1m", retry={"backoff": "fixed", "base": "5m", "jitter": 0})
    timed.wait_job(job, "scheduled")
    timed.advance(6 * MINUTE)
    assert timed.wait_job(job)["state"] == "succeeded"


# ---- cancel

def test_cancel_queued(host):
    host.post("/v1/queues/chaos/pause", {"why": "test"})
    job = host.submit("chaos.echo", {})
    assert host.act(job, "cancel", why="not needed")["state"] == "cancelled"
    assert host.job(job)["state"] == "cancelled"
    entry = next(e for e in host.get("/v1/audit")["items"] if e["action"] == "job.cancel")
    assert (entry["target"], entry["detail"]) == (job, "not needed")


def test_cancel_scheduled_and_parked(host):
    later = host.submit("chaos.echo", {}, delay="1h")
    parked = host.submit("chaos.yield", {"kind": "event", "key": "never"})
    host.wait_job(parked, "parked")
    for job in (later, parked):
        assert host.act(job, "cancel")["state"] == "cancelled"


def test_cancel_running(host):
    job = started(host)
    answer = host.act(job, "cancel")
    assert answer["pending"] is True and answer["state"] == "running"
    done = host.wait_job(job)
    assert done["state"] == "cancelled", done
    assert host.act(job, "cancel")["state"] == "cancelled"  # it is, already


def test_actions_that_the_state_does_not_allow(host):
    job = host.submit("chaos.echo", {})
    host.wait_job(job, "succeeded")
    for action in ("cancel", "retry", "promote"):
        answer = host.call("POST", f"/v1/jobs/{job}/{action}", {})
        assert (answer.status, answer.error["code"]) == (409, "wrong_state"), (action, answer.raw)
    running = started(host)
    assert host.call("DELETE", f"/v1/jobs/{running}").error["code"] == "job_busy"
    assert host.call("POST", f"/v1/jobs/{running}/promote", {}).error["code"] == "job_busy"
    host.act(running, "cancel")
    host.wait_job(running)
    assert host.expect(200, "DELETE", f"/v1/jobs/{running}").json["removed"] is True
    for method, path in (("GET", ""), ("GET", "/result"), ("GET", "/log"), ("GET", "/explain"), ("POST", "/cancel"), ("DELETE", "")):
        answer = host.call(method, f"/v1/jobs/{running}{path}", {} if method == "POST" else None)
        assert (answer.status, answer.error["code"]) == (404, "job_not_found"), (method, path)


def test_cancel_of_a_deaf_job_ends_its_process(make_host):
    host = make_host({"plugins": chaos(grace="200ms")})
    host.start()
    job = started(host, payload={"ms": 600_000, "deaf": True})
    answer = host.act(job, "cancel")
    assert answer["pending"] is True and answer["state"] == "running"
    assert host.job(job)["cancelling"] is True
    assert host.wait_job(job)["state"] == "cancelled"


def test_cancel_outlives_the_host(make_host):
    """What was asked of a running job is written down: it does not run again."""
    host = make_host({"plugins": chaos(grace="60s", workers=2)})
    host.start()
    jobs = [started(host, payload={"ms": 600_000, "deaf": True}) for _ in range(2)]
    kept = host.submit("chaos.echo", {}, delay="1h")
    assert all(host.act(job, "cancel")["pending"] for job in jobs)
    host.kill()
    host.start()
    for job in jobs:
        after = host.wait_job(job)
        assert after["state"] == "cancelled" and "cancelling" not in after, after
    assert host.job(kept)["state"] == "scheduled"
    host.assert_sound()
    assert host.act(jobs[0], "retry")["state"] == "queued"  # and forgets that it was to end
    host.wait_started(jobs[0])
    host.kill()


def test_cancel_in_a_workers_window(make_host):
    """Claimed, sent to a worker, and behind a slow one."""
    host = make_host({"plugins": chaos(threads=1)})
    host.start()
    blocker = started(host, payload={"ms": 1500})
    job = host.submit("chaos.echo", {})
    host.act(job, "cancel")
    assert host.wait_job(job)["state"] == "cancelled"
    assert host.wait_job(blocker)["state"] == "succeeded"


def test_cancel_kept_as_its_queue_says(timed):
    job = timed.submit("chaos.echo", {}, delay="1h", queue="short")
    timed.act(job, "cancel")
    cancelled = timed.job(job)
    assert ms_of(cancelled["kept_until"]) - ms_of(cancelled["updated_at"]) == HOUR, cancelled


def test_bulk_cancel(host):
    ids = [host.submit("chaos.echo", {}, delay="1h") for _ in range(5)]
    nobody = "01900000-0000-7000-8000-000000000000"
    answers = host.post("/v1/jobs/cancel", {"ids": [*ids, nobody]})["items"]
    assert [a.get("state") for a in answers[:5]] == ["cancelled"] * 5
    assert answers[5]["error"]["code"] == "job_not_found"


# ---- retry and the dead-letter queue

def test_backoff_grows(timed):
    policy = {"backoff": "exponential", "base": "10s", "factor": 3, "cap": "1m", "jitter": 0}
    job = timed.submit("chaos.fail", {}, max=5, retry=policy)
    waits = []
    for _ in range(4):
        waiting = timed.wait_job(job, "scheduled")
        waits.append(ms_of(waiting["run_at"]) - ms_of(waiting["updated_at"]))
        timed.advance(waits[-1])
        wait_until(lambda: timed.job(job)["attempts"] > len(waits), build.PATIENCE_S, "the next attempt")
    # counted from the decision, which is written a moment later
    assert all(0 <= want - got < 1000 for want, got in zip([10_000, 30_000, 60_000, 60_000], waits, strict=True)), waits
    dead = timed.job(job)
    assert (dead["state"], dead["error"]["class"], dead["error"]["code"]) == ("dead", "network", "attempts_exhausted"), dead


def test_attempts_are_never_forgotten(store, make_host):
    """Nor while a run has committed steps and has not ended: who looks then sees them, and a host that takes over goes on from there."""
    host = make_host({"plugins": chaos(workers=1, threads=1), **store})
    host.start()
    job = host.submit("chaos.fail", {}, max=60, retry={"backoff": "fixed", "base": "1ms", "jitter": 0})
    seen = []
    while not seen or seen[-1]["state"] != "dead":
        seen.append(host.job(job))
    attempts = [at["attempts"] for at in seen]
    assert attempts == sorted(attempts) and attempts[-1] == 60, attempts


def test_a_queues_own_policy(make_host):
    """Of jobs whose type has none; after a reload too, for jobs that are there already."""
    settings = {"plugins": chaos(workers=1, threads=1), "queues": {"brief": {"retry": {"max": 1}}},
                "jobs": {"chaos.steps": {"retry": {"base": "1h"}}}}
    host = make_host(settings)
    host.start()
    job = host.wait_job(host.submit("chaos.fail", {}, queue="brief"), "dead")
    assert (job["attempts"], job["max"], job["error"]["code"]) == (1, 1, "attempts_exhausted"), job
    assert host.job(host.submit("chaos.fail", {}))["max"] == host.job(host.submit("chaos.steps", {"n": 1}, queue="brief"))["max"] == 3
    settings["queues"]["brief"]["retry"] = {"max": 2, "backoff": "fixed", "base": "2h", "jitter": 0}
    host.configure(settings)
    assert host.post("/v1/reload?wait=1")["ok"]
    waits = host.wait_job(host.submit("chaos.fail", {}, queue="brief"), "scheduled")
    assert 7_190_000 <= ms_of(waits["run_at"]) - ms_of(waits["updated_at"]) <= 2 * HOUR, waits
    assert waits["max"] == 2


@pytest.mark.parametrize("cls, state, attempts, code", [
    ("input", "dead", 1, "mine"),
    ("permanent", "dead", 1, "mine"),
    ("network", "scheduled", 1, "mine"),
    ("upstream", "scheduled", 1, "mine"),
    ("auth", "scheduled", 1, "mine"),
    ("unknown", "scheduled", 1, "mine"),
    ("resource", "scheduled", 0, "mine"),
    ("rate", "parked", 0, "mine"),
])
def test_classes(host, cls, state, attempts, code):
    job = host.submit("chaos.fail", {"class": cls, "code": code, "message": "why not", "retry_after_ms": 3_600_000})
    after = host.wait_job(job, state)
    assert after["attempts"] == attempts, after
    if state != "parked":
        assert (after["error"]["class"], after["error"]["code"], after["error"]["message"]) == (cls, code, "why not"), after
    if state != "dead":
        assert ms_of(after["run_at"]) - ms_of(after["created_at"]) >= 3_600_000, after  # Retry-After is obeyed


def test_resource_failures_are_free_three_times(host):
    job = host.submit("chaos.fail", {"class": "resource"}, max=2, retry=SOON)
    dead = host.wait_job(job)
    assert (dead["attempts"], dead["resource_retries"], dead["attempt"]) == (2, 3, 5), dead


def test_dead_job_is_retried_with_its_history(host):
    job = host.submit("chaos.fail", {"times": 3, "class": "upstream"}, max=2, retry=SOON)
    dead = host.wait_job(job, "dead")
    assert len(dead["history"]) == 2
    assert host.act(job, "retry", why="fixed")["state"] in ("queued", "running")
    done = host.wait_job(job)
    assert done["state"] == "succeeded", done
    # the attempts start again, what happened is not forgotten; the steps of the first life are still there
    assert (done["attempts"], done["attempt"]) == (2, 4), done
    assert [h["outcome"] for h in done["history"]] == ["retry", "die", "retry", "succeed"], done["history"]


def test_retry_gives_a_new_deadline(timed):
    """A weekend later there must be time again."""
    job = timed.submit("chaos.fail", {"class": "permanent", "times": 1}, deadline="1h")
    unstarted = timed.submit("chaos.echo", {}, expires="1m", delay="1s", queue="short")
    timed.wait_job(job, "dead")
    timed.post("/v1/queues/short/pause", {"why": "test"})
    timed.advance(2 * HOUR - MINUTE)
    timed.post("/v1/queues/short/resume")
    timed.wait_job(unstarted, "dead")
    timed.act(job, "retry")
    timed.act(unstarted, "retry")
    for done in timed.wait_all([job, unstarted]):
        assert done["state"] == "succeeded", done


def test_dlq_by_filter(host):
    a = [host.submit("chaos.fail", {"class": "permanent", "code": "A", "times": 1}, user="ann") for _ in range(3)]
    b = [host.submit("chaos.fail", {"class": "input", "code": "B"}, user="bob") for _ in range(2)]
    host.wait_all(a + b, "dead")
    assert {j["id"] for j in host.list("/v1/dlq")} == {*a, *b}
    assert {j["id"] for j in host.list("/v1/dlq", code="A")} == set(a)
    assert {j["id"] for j in host.list("/v1/dlq", **{"class": "input"})} == set(b)
    assert host.call("POST", "/v1/dlq/retry", {"filter": {}}).status == 400  # must say what is meant
    dry = host.post("/v1/dlq/retry", {"filter": {"class": "permanent", "user": "ann"}, "dry_run": True})
    assert (dry["matched"], dry["done"]) == (3, 0)
    wet = host.post("/v1/dlq/retry", {"filter": {"class": "permanent", "user": "ann"}})
    assert (wet["matched"], wet["done"], wet["failed"]) == (3, 3, 0)
    assert all(j["state"] == "succeeded" for j in host.wait_all(a))
    assert {j["id"] for j in host.list("/v1/dlq")} == set(b)
    gone = host.post("/v1/dlq/remove", {"all": True})
    assert (gone["matched"], gone["done"]) == (2, 2)
    assert host.list("/v1/dlq") == []
    assert host.call("GET", f"/v1/jobs/{b[0]}").status == 404
    host.assert_sound()


def test_dlq_walks_through_many_pages(host):
    count = 450
    host.submit_many([{"type": "chaos.fail", "payload": {"class": "permanent", "times": 1}} for _ in range(count)])
    host.wait_idle()
    assert len(host.list("/v1/dlq", limit=100)) == count
    answer = host.post("/v1/dlq/retry", {"all": True, "why": "all of them"})
    assert (answer["matched"], answer["done"], answer["failed"]) == (count, count, 0)
    host.wait_idle()
    assert host.queue("chaos")["states"]["succeeded"] == count


def test_a_result_may_be_kept_on_failure(host):
    job = host.submit("chaos.fail", {"class": "permanent", "keep": "half of it"})
    assert host.wait_job(job)["state"] == "dead"
    assert host.result(job) == b"half of it"
    other = host.submit("chaos.fail", {"class": "permanent"})
    host.wait_job(other)
    assert host.call("GET", f"/v1/jobs/{other}/result").error["code"] == "no_result"


def test_effects_of_a_failed_attempt_did_not_happen(make_host):
    """It adds to a counter and fails, twice; then it succeeds and adds once more. Only what was committed counts."""
    host = make_host({"plugins": chaos(threads=1)})
    # worker_after_run fails the attempt behind the handler's back, with everything it asked for already sent
    host.start(env={"JOBHOST_FAULT": "worker_after_run:1=error"})
    job = host.submit("chaos.kv", {"ops": [["add", "once", 1], ["sadd", "set", "x"]]}, retry=SOON)
    done = host.wait_job(job)
    assert (done["state"], done["attempt"]) == ("succeeded", 2), done
    assert host.counters(["once"]) == {"once": 1}


# ---- order

def test_priorities_are_strict(make_host):
    host = make_host({"plugins": chaos(threads=1)})
    host.start()
    host.post("/v1/queues/chaos/pause", {"why": "collect"})
    order = []
    for n in range(4):
        for priority in ("low", "normal", "high"):
            order.append((priority, host.submit("chaos.sleep", {"ms": 3}, priority=priority)))
    host.post("/v1/queues/chaos/resume")
    jobs = host.wait_all([job for _, job in order])
    assert all(j["state"] == "succeeded" for j in jobs)
    ranks = [j["priority"] for j in sorted(jobs, key=lambda j: j["finished_at"])]
    assert ranks == ["high"] * 4 + ["normal"] * 4 + ["low"] * 4


def test_the_oldest_goes_first_within_a_priority(make_host):
    host = make_host({"plugins": chaos(threads=1)})
    host.start()
    host.post("/v1/queues/chaos/pause", {"why": "collect"})
    ids = [host.submit("chaos.sleep", {"ms": 3}) for _ in range(10)]
    host.post("/v1/queues/chaos/resume")
    jobs = host.wait_all(ids)
    assert [j["id"] for j in sorted(jobs, key=lambda j: j["finished_at"])] == ids


def test_a_low_job_ages(timed):
    """However many high ones come, a low one starts within five minutes."""
    low = timed.submit("chaos.echo", {}, priority="low", delay="1s")
    blocker = started(timed, payload={"ms": 100_000_000})
    timed.advance(2000)
    timed.wait_job(low, "queued")
    high = timed.submit_many([{"type": "chaos.sleep", "payload": {"ms": 5000}, "priority": "high"} for _ in range(200)])
    timed.advance(5 * MINUTE)
    timed.act(blocker, "cancel")
    timed.wait_job(blocker, "cancelled")
    wait_until(lambda: _step(timed, 5000) or timed.job(low)["state"] == "succeeded", build.PATIENCE_S, "the low one")
    behind = [j["id"] for j in timed.list(state="queued")]
    assert len(behind) > 150, f"{len(behind)} of {len(high)} high ones still wait"
    timed.post("/v1/jobs/cancel", {"ids": high})


def _step(host, ms):
    host.advance(ms)


# ---- delay, run_at, promote

def test_delay_run_at_promote(timed):
    delayed = timed.submit("chaos.echo", {}, delay="10m")
    at = timed.submit("chaos.echo", {}, run_at=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(timed.clock.wall_ms() / 1000 + 1200)))
    promoted = timed.submit("chaos.echo", {}, delay="1h")
    past = timed.submit("chaos.echo", {}, run_at="2020-01-01T00:00:00Z")
    assert timed.wait_job(past)["state"] == "succeeded"
    assert [timed.job(j)["state"] for j in (delayed, at, promoted)] == ["scheduled"] * 3
    assert timed.act(promoted, "promote")["state"] in ("queued", "running")
    assert timed.wait_job(promoted)["state"] == "succeeded"
    timed.advance(10 * MINUTE)
    assert timed.wait_job(delayed)["state"] == "succeeded"
    assert timed.job(at)["state"] == "scheduled"
    timed.advance(10 * MINUTE + 2000)
    assert timed.wait_job(at)["state"] == "succeeded"
    assert timed.refused(400, "chaos.echo", {}, delay="1s", run_at="2030-01-01T00:00:00Z")["field"] == "run_at"


def test_due_jobs_survive_a_restart(timed):
    ids = [timed.submit("chaos.echo", {}, delay=f"{n + 1}m") for n in range(5)]
    timed.stop()
    timed.advance(3 * MINUTE)
    timed.start()
    assert all(j["state"] == "succeeded" for j in timed.wait_all(ids[:3]))
    assert [timed.job(j)["state"] for j in ids[3:]] == ["scheduled"] * 2
    timed.advance(3 * MINUTE)
    assert all(j["state"] == "succeeded" for j in timed.wait_all(ids[3:]))


# ---- dedup

def test_dedup_return_and_reject(host):
    first = host.submit("chaos.echo", {"n": 1}, key="k", delay="1h")
    again = host.expect(202, "POST", "/v1/jobs", {"type": "chaos.echo", "payload": {"n": 2}, "key": "k"}).json
    assert (again["id"], again["duplicate"], again["state"]) == (first, True, "scheduled"), again
    answer = host.call("POST", "/v1/jobs", {"type": "chaos.echo", "key": "k", "dedup": {"mode": "reject"}})
    assert answer.status == 409 and answer.error["code"] == "duplicate"
    assert (answer.json["job"], answer.json["state"]) == (first, "scheduled")
    host.act(first, "promote")
    host.wait_job(first, "succeeded")
    done = host.expect(202, "POST", "/v1/jobs", {"type": "chaos.echo", "key": "k"}).json
    assert (done["id"], done["duplicate"], done["state"]) == (first, True, "succeeded")
    assert done["result"] == f"/v1/jobs/{first}/result"
    # the same key of another queue is another key
    assert host.submit("chaos.echo", {}, key="k", queue="other") != first
    assert len(host.list(queue="chaos")) == 1


def test_dedup_key_of_a_dead_or_cancelled_job_is_free(host):
    dead = host.submit("chaos.fail", {"class": "permanent"}, key="k")
    host.wait_job(dead, "dead")
    second = host.submit("chaos.echo", {}, key="k", delay="1h")
    assert second != dead
    host.act(second, "cancel")
    assert host.submit("chaos.echo", {}, key="k") not in (dead, second)


def test_dedup_key_lives_as_long_as_asked(timed):
    first = timed.submit("chaos.echo", {}, key="k", dedup={"ttl": "10m"})
    timed.wait_job(first, "succeeded")
    assert timed.submit("chaos.echo", {}, key="k") == first
    timed.advance(10 * MINUTE + 1)
    assert timed.submit("chaos.echo", {}, key="k") != first


def test_dedup_ttl_zero_frees_the_key_at_the_end(timed):
    first = timed.submit("chaos.echo", {}, key="k", queue="short")  # its dedup_ttl is 0s
    timed.wait_job(first, "succeeded")
    assert timed.submit("chaos.echo", {}, key="k", queue="short") != first


def post(host, n, mode, key="k", **fields):
    body = {"type": "chaos.echo", "payload": {"n": n}, "key": key, "dedup": {"mode": mode, **fields.pop("dedup", {})}, **fields}
    return host.expect(202, "POST", "/v1/jobs", body).json


def test_throttle(timed):
    """The first one in an hour, whatever becomes of it."""
    first = timed.submit("chaos.fail", {"class": "permanent"}, key="k", dedup={"mode": "throttle", "ttl": "1h"})
    timed.wait_job(first, "dead")
    again = post(timed, 2, "throttle", dedup={"ttl": "1h"})
    assert (again["job"], again["duplicate"], again["state"]) == (first, True, "dead") and "result" not in again
    timed.advance(60 * MINUTE)
    second = post(timed, 3, "throttle", dedup={"ttl": "1h"})
    assert second["duplicate"] is False
    timed.wait_job(second["id"], "succeeded")
    third = post(timed, 4, "throttle", dedup={"ttl": "1h"})
    assert (third["job"], third["result"]) == (second["id"], f"/v1/jobs/{second['id']}/result")
    refused = timed.call("POST", "/v1/jobs", {"type": "chaos.echo", "queue": "short", "key": "k", "dedup": {"mode": "throttle"}})
    assert refused.status == 400 and refused.error["field"] == "dedup.ttl"  # the queue has none for it


def test_debounce(timed):
    """A burst becomes one job with the last words, and a stream without a pause does not keep it from running."""
    first = post(timed, 0, "debounce", delay="1m", user="ann")
    for n in range(1, 4):
        timed.advance(40_000)
        again = post(timed, n, "debounce", delay="1m", user="bob")
        assert (again["job"], again["duplicate"], again["updated"], again["state"]) == (first["id"], True, True, "scheduled")
    job = timed.job(first["id"])
    assert (job["payload"], job["user"]) == ({"n": 3}, "bob") and timed.list(user="ann") == []
    timed.advance(MINUTE)
    assert timed.wait_job(first["id"], "succeeded")["payload"] == {"n": 3}
    assert timed.get(f"/v1/jobs/{first['id']}/result") == {"n": 3}
    second = post(timed, 9, "debounce", delay="1m", dedup={"ttl": "90s"})
    assert second["duplicate"] is False
    timed.advance(50_000)
    assert post(timed, 10, "debounce", delay="1m", dedup={"ttl": "90s"})["updated"] is True
    timed.advance(40_000)
    assert timed.wait_job(second["id"], "succeeded")["payload"] == {"n": 10}
    for fields, field in (({}, "delay"), ({"delay": "2m", "dedup": {"ttl": "1m"}}, "dedup.ttl"), ({"delay": "2m", "dedup": {"ttl": "0s"}}, "dedup.ttl")):
        body = {"type": "chaos.echo", "key": "k", **fields, "dedup": {"mode": "debounce", **fields.get("dedup", {})}}
        refused = timed.call("POST", "/v1/jobs", body)
        assert refused.status == 400 and refused.error["field"] == field, refused.raw


def test_replace(host):
    """The newest wins: who waits ends, who runs is asked to."""
    waits = post(host, 1, "replace", delay="1h")
    runs = host.expect(202, "POST", "/v1/jobs", {"type": "chaos.sleep", "payload": {"ms": 600_000}, "key": "k",
                                           "dedup": {"mode": "replace"}}).json
    assert (runs["duplicate"], runs["replaced"]) == (False, waits["id"])
    ended = host.job(waits["id"])
    assert (ended["state"], ended["error"]["code"], ended["replaced_by"]) == ("cancelled", "replaced", runs["id"])
    assert runs["id"] in host.explain(waits["id"])["finished"]
    host.wait_started(runs["id"])
    last = post(host, 3, "replace")
    assert last["replaced"] == runs["id"]
    assert host.wait_job(runs["id"], "cancelled")["replaced_by"] == last["id"]
    host.wait_job(last["id"], "succeeded")
    assert "replaced" not in post(host, 4, "replace")  # who has ended need not make room


def test_modes_in_an_array(host):
    """Several of one key in a request, in their order."""
    jobs = [{"type": "chaos.echo", "payload": {"n": n}, "key": mode, "delay": "1h", "dedup": {"mode": mode, "ttl": "2h"}}
            for mode in ("replace", "debounce", "throttle") for n in range(3)]
    answers = host.expect(202, "POST", "/v1/jobs", jobs).json
    ids = [a["id"] for a in answers]
    assert [a.get("replaced") for a in answers[:3]] == [None, ids[0], ids[1]]
    assert ids[3] == ids[4] == ids[5] and [a.get("updated") for a in answers[3:6]] == [None, True, True]
    assert ids[6] == ids[7] == ids[8] and [a["duplicate"] for a in answers[6:]] == [False, True, True]
    assert [host.job(i)["payload"]["n"] for i in (ids[2], ids[3], ids[6])] == [2, 2, 0]
    assert len(host.list(state="scheduled")) == 3 and len(host.list(state="cancelled")) == 2


def test_dedup_keys_are_listed_and_released(host):
    job = host.submit("chaos.echo", {}, key="k", delay="1h")
    assert [(e["queue"], e["key"], e["job"]) for e in host.get("/v1/dedup")["items"]] == [("chaos", "k", job)]
    assert host.post("/v1/dedup/release", {"queue": "chaos", "key": "k"}) == {"released": True}
    assert host.submit("chaos.echo", {}, key="k") != job
    assert host.call("POST", "/v1/dedup/release", {"queue": "chaos", "key": "nobody's"}).status == 404


# ---- pause, explain

def test_pause_holds_over_a_restart_and_says_why(host):
    host.post("/v1/queues/chaos/pause", {"why": "the upstream moves house"})
    job = host.submit("chaos.echo", {})
    host.restart()
    reasons = host.explain(job)
    assert "the upstream moves house" in reasons["queue_paused"], reasons
    assert "uid:" in reasons["queue_paused"] or "root" in reasons["queue_paused"], reasons
    assert host.queue("chaos")["paused_why"] == "the upstream moves house"
    assert host.call("POST", "/v1/queues/chaos/pause", {"why": " "}).status == 400
    host.post("/v1/queues/chaos/resume")
    assert host.wait_job(job)["state"] == "succeeded"


def test_pause_lets_running_jobs_end(host):
    job = started(host, payload={"ms": 500})
    host.post("/v1/queues/chaos/pause", {"why": "test"})
    waiting = host.submit("chaos.echo", {})
    assert host.wait_job(job)["state"] == "succeeded"
    assert host.job(waiting)["state"] == "queued"


def test_explain_has_a_job_for_every_reason(make_host):
    host = make_host({"plugins": chaos(threads=1), "queues": {"narrow": {"concurrency": 1}},
                      "jobs": {"nobody.does": {}}})
    host.start()
    running = started(host, queue="narrow")
    held = host.submit("chaos.sleep", {}, queue="narrow")
    waiting = host.submit("chaos.sleep", {})
    behind = host.submit("chaos.sleep", {})
    later = host.submit("chaos.echo", {}, delay="90m")
    alien = host.submit("nobody.does", {})
    paused = host.submit("chaos.echo", {}, queue="stopped", delay="1ms")
    host.post("/v1/queues/stopped/pause", {"why": "test"})
    done = host.submit("chaos.echo", {}, delay="1h")
    host.act(done, "cancel")

    assert list(host.explain(running)) == ["running"]
    reasons = host.explain(held)
    assert "no_slot" in reasons, reasons
    assert "chaos" in host.explain(waiting)["no_slot"]
    assert "behind" in host.explain(behind), host.explain(behind)
    assert "tenant_share" not in host.explain(behind)
    tenants = [host.submit("chaos.sleep", {}, queue="shared", user=user) for user in ("ann", "bob", "ann")]
    assert 'jobs of "ann" take turns with those of up to 1 other tenant of queue "shared"' in host.explain(
        tenants[2])["tenant_share"]
    full = host.get(f"/v1/jobs/{tenants[2]}/explain")["reasons"]
    assert [r.get("clears_at") for r in full if r["code"] == "tenant_share"] == [None], full
    assert "in 90m" in host.explain(later)["due_later"]
    assert 'no loaded plugin has a handler for "nobody.does"' in host.explain(alien)["no_handler"]
    assert "test" in host.explain(paused)["queue_paused"]
    assert host.explain(done) == {"finished": "it has ended: cancelled"}
    assert "concurrency is 1" in host.explain(queue="narrow")["no_slot"]
    host.act(running, "cancel")


def test_explain_parked(host):
    jobs = {kind: host.submit("chaos.yield", {"kind": kind, "key": "the-key"}) for kind in ("event", "limiter")}
    for kind, job in jobs.items():
        host.wait_job(job, "parked")
        assert "the-key" in host.explain(job)["parked"], kind
    until = host.submit("chaos.yield", {"kind": "until", "ms": HOUR})
    host.wait_job(until, "parked")
    assert "in 1h" in host.explain(until)["due_later"] or "in 59m" in host.explain(until)["due_later"]


def test_one_that_waits_for_its_children(host):
    """Parked until the last of them has ended, however it ended; one that has none goes on at once."""
    job = host.submit("chaos.yield", {"kind": "children", "children": 2, "delay_ms": HOUR})
    host.wait_job(job, "parked")
    assert "children" in host.explain(job)["parked"]
    first, second = [j["id"] for j in host.get(f"/v1/jobs?parent={job}")["items"]]
    host.act(first, "promote")
    host.wait_job(first, "succeeded")
    assert host.job(job)["state"] == "parked"
    host.act(second, "cancel")
    host.wait_job(job, "succeeded")
    assert host.counters([f"children:{job}"])[f"children:{job}"] == 1
    host.wait_job(host.submit("chaos.yield", {"kind": "children"}), "succeeded")


def test_explain_draining(make_host):
    host = make_host({"plugins": chaos(threads=1), "host": {"shutdown_grace": "60s"}})
    host.start()
    blocker = started(host)
    job = host.submit("chaos.echo", {})
    host.send(15)
    wait_until(lambda: host.call("GET", "/healthz").json["phase"] == "draining", build.PATIENCE_S, "draining")
    assert "shutting down" in host.explain(job)["draining"]
    error = host.refused(503, "chaos.echo", {})
    assert error["code"] == "draining", error
    host.act(blocker, "cancel")
    assert host.reap() == 0


# ---- what can be seen of a running job

def test_progress_log_and_warnings_live_and_after(host):
    job = host.submit("chaos.progress", {"updates": 40, "pause_ms": 20})
    seen = wait_until(lambda: host.job(job).get("progress"), build.PATIENCE_S, "progress is seen while it runs")
    assert seen["total"] == 40 and seen["message"] == "working" and 0 < seen["percent"] <= 100, seen
    done = host.wait_job(job)["progress"]
    assert (done["done"], done["percent"]) == (40, 100)
    lines = host.submit("chaos.log", {"lines": 3, "bytes": 10, "level": 2})
    host.wait_job(lines)
    assert [line.split(" ", 1)[1] for line in host.log(lines).splitlines()] == [
        "warn  abcdefghij", "warn  bcdefghijk", "warn  cdefghijkl"]
    warned = host.submit("chaos.warn", {"count": 2})
    after = host.wait_job(warned)
    assert after["state"] == "succeeded"
    assert after["warnings"] == {"count": 2, "items": [{"code": "chaos", "message": "warning 1"},
                                                       {"code": "chaos", "message": "warning 2"}]}


def test_log_is_seen_while_the_job_runs(host):
    job = host.submit("chaos.kv", {"ops": [["sleep", 600_000]]})
    host.wait_started(job)
    assert host.call("GET", f"/v1/jobs/{job}/log").status == 200
    assert host.call("GET", f"/v1/jobs/{job}/result").error["code"] == "not_finished"
    host.act(job, "cancel")


def test_fields_reach_the_handler(host):
    job = host.submit("chaos.fields", {"a": 1}, user="ann", labels=["x", "y"], key="the key", queue="other")
    host.wait_job(job, "succeeded")
    fields = json.loads(host.result(job))
    assert fields["id"] == job and fields["handler"] == "chaos.fields" and fields["attempt"] == 1
    assert (fields["tenant"], fields["labels"], fields["dedup_key"], fields["queue"]) == ("ann", "x,y", "the key", "other")


def test_raw_payloads_come_through_unchanged(host):
    raw = b'{ "b" : 1.0e2,\t"a":"\\u00e9" }'
    answer = host.expect(202, "POST", "/v1/jobs", b'{"type":"chaos.echo","payload":' + raw + b"}",
                         headers={"Content-Type": "application/json"}).json
    host.wait_job(answer["id"], "succeeded")
    assert host.result(answer["id"]) == raw


def test_events_stream(host):
    """Server-sent events until the end."""
    job = host.submit("chaos.progress", {"updates": 10, "pause_ms": 30})
    text = host.another().expect(200, "GET", f"/v1/jobs/{job}/events").raw.decode()
    blocks = [block for block in text.strip().split("\n\n") if not block.startswith(":")]  # a comment keeps the connection alive
    events = [dict(line.split(": ", 1) for line in block.splitlines()) for block in blocks]
    kinds = [e["event"] for e in events if "retry" not in e]  # how long to wait before taking it up again is no event
    assert kinds[0] == "state" and kinds[-1] == "state" and "progress" in kinds, kinds
    assert json.loads(events[-1]["data"])["state"] == "succeeded"


def test_filters(host):
    ann = host.submit("chaos.echo", {"find": "needle"}, user="ann", labels=["red"], key="needle-1")
    bob = host.submit("chaos.echo", {}, user="bob", labels=["red", "blue"], queue="other")
    host.wait_all([ann, bob])

    def found(**filters):
        return {j["id"] for j in host.list(**filters)}

    assert found(user="ann") == {ann} and found(label="blue") == {bob} and found(label="red") == {ann, bob}
    assert found(queue="other") == {bob} and found(type="chaos.echo") == {ann, bob} and found(type="chaos.kv") == set()
    assert found(q="needle") == {ann} and found(state="succeeded") == {ann, bob} and found(state="dead") == set()
    assert found(after="2020-01-01T00:00:00Z") == {ann, bob} and found(before="2020-01-01T00:00:00Z") == set()
    assert host.call("GET", "/v1/jobs", query={"stat": "dead"}).error["message"].count("state") == 1  # did you mean
    assert host.call("GET", "/v1/jobs", query={"state": "ded"}).status == 400


def test_kept_as_long_as_the_queue_says(timed):
    """Final jobs, their results and their keys go when their time is over."""
    short = timed.submit("chaos.big_result", {"bytes": 300_000}, queue="short")
    long = timed.submit("chaos.echo", {})
    timed.wait_all([short, long])
    assert ms_of(timed.job(short)["kept_until"]) - ms_of(timed.job(short)["finished_at"]) == HOUR
    timed.advance(HOUR + MINUTE)
    wait_until(lambda: _step(timed, MINUTE) or timed.call("GET", f"/v1/jobs/{short}").status == 404, build.PATIENCE_S,
               "the sweep removes it")
    assert timed.job(long)["state"] in FINAL
    timed.advance(DAY)
    wait_until(lambda: _step(timed, MINUTE) or timed.call("GET", f"/v1/jobs/{long}").status == 404, build.PATIENCE_S,
               "the sweep removes it")
    timed.assert_sound()


# ---- nobody waits for ever behind others

def test_lanes_of_a_narrow_queue_take_turns(make_host):
    """One job at a time in the queue, and always some of the first type."""
    host = make_host({"plugins": chaos(workers=1, threads=4), "queues": {"narrow": {"concurrency": 1}}})
    host.start()
    for _ in range(20):
        host.submit("chaos.sleep", {"ms": 20}, queue="narrow")
    echo = host.submit("chaos.echo", {}, queue="narrow")
    for _ in range(200):
        host.submit("chaos.sleep", {"ms": 20}, queue="narrow")
    assert host.wait_job(echo)["state"] == "succeeded"
    assert host.queue("narrow")["states"]["queued"] > 100


def learn_to_be_fast(host):
    host.wait_all(host.submit_many([{"type": "chaos.sleep", "payload": {"ms": 0}}] * 600))


def test_a_lane_that_turns_slow_gives_back_what_it_has_claimed(make_host):
    host = make_host({"plugins": chaos(workers=1, threads=2)})
    host.start()
    learn_to_be_fast(host)
    slow = host.submit_many([{"type": "chaos.sleep", "payload": {"ms": 1000}}] * 400)
    host.wait_job(slow[0])
    others = [host.submit("chaos.echo", {}, queue="other"), host.submit("chaos.status", {}, queue="other")]
    host.wait_all(others)
    assert host.queue("chaos")["states"]["queued"] > 300
    host.kill()


def test_what_waits_for_a_thread_expires(make_host):
    """Claimed ahead while the lane was fast, and then too late to begin."""
    host = make_host({"plugins": chaos(workers=1, threads=2)})
    host.start()
    learn_to_be_fast(host)
    jobs = host.submit_many([{"type": "chaos.sleep", "payload": {"ms": 400}, "expires": "2s"}] * 60)
    ended = host.wait_all(jobs)
    late = [j for j in ended if j["state"] == "succeeded" and j["started_at"] > j["expires"]]
    dead = [j for j in ended if j["state"] == "dead"]
    assert not late, late[0]
    assert dead and all(j["error"]["code"] == "expired" for j in dead)
