"""Schedules at work: what a real host makes of each time, on both stores, by a clock that the test moves."""
import datetime
import json
import os
import shutil
import signal
import time

import pytest

from lib import build
from lib.clock import T0
from lib.host import chaos
from lib.procs import wait_until
from lib.redis import Redis

MINUTE, HOUR = 60_000, 3600_000
QUIET = "chaos"  # the queue of the jobs; paused, they neither start nor end


@pytest.fixture
def make(store, make_host, clock):
    """make(schedules, ...) is a running host with these."""
    def made(schedules, name="host", start=True, env=None, **sections):
        config = {"plugins": chaos(workers=1, threads=2), "schedules": schedules, **store, **sections}
        host = make_host(config, name=name, env={"JOBHOST_TEST_CLOCK": clock.path, **(env or {})})
        host.base = config
        if start:
            host.start()
        return host

    yield made
    clock.speed(1)  # a drain looks at the clock


def stop(host, clock):
    now = clock.wall_ms()
    clock.speed(1)  # for the drain
    host.stop()
    clock.freeze()
    clock.set_wall(now)  # however long that took


def restart(host, clock):
    stop(host, clock)
    host.start()


def reconfigure(host, schedules, reload=True):
    host.base = {**host.base, "schedules": schedules}
    host.configure(host.base)
    if reload:
        host.close()  # a kept connection may be too old by now
        host.post("/v1/reload?wait=true")


def iso(ms):
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(ms / 1000)) + f".{ms % 1000:03}Z"


def rows(host, name, **filters):
    """[(verdict, minutes after T0 of the first time, how many), ...], oldest first."""
    found = []
    if host.call("GET", f"/v1/schedules/{name}/ledger").status == 404:
        return found  # it is not stored yet
    for row in reversed(host.list(f"/v1/schedules/{name}/ledger", **filters)):
        found.append((row["verdict"], round((ms_of(row["nominal"]) - T0) / MINUTE), row["times"]))
    return found


def ms_of(text):
    return round(datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000)


def wait_rows(host, name, wanted):
    seen = []

    def look():
        seen[:] = rows(host, name)
        return seen == wanted

    wait_until(look, build.PATIENCE_S, lambda: f"{name}: {seen}, wanted {wanted}")


def stored(host, *names):
    """The host has stored what its file says, and plans by it."""
    wait_until(lambda: all(schedule(host, n).get("state") in ("active", "paused", "ended") for n in names), build.PATIENCE_S, f"{names} are stored")


def schedule(host, name):
    answer = host.call("GET", f"/v1/schedules/{name}")
    return answer.json if answer.status == 200 else {}


def jobs_of(host, name):
    return [j for j in reversed(host.list()) if j.get("schedule") == name]


def hold(host):
    """Jobs wait from now on."""
    host.post(f"/v1/queues/{QUIET}/pause", {"why": "the test holds them"})


# ---- on time

def test_a_time_becomes_a_job_that_knows_it(make, clock):
    host = make({"s": {"cron": "*/5 * * * *", "job": "chaos.fields", "payload": {"a": 1}, "user": "ada"}})
    stored(host, "s")
    assert rows(host, "s") == [] and schedule(host, "s")["next_at"] == iso(T0 + 5 * MINUTE)
    clock.advance(5 * MINUTE - 1)
    clock.advance(4001)
    wait_rows(host, "s", [("fire", 5, 1)])
    job = host.wait_job(jobs_of(host, "s")[0]["id"], "succeeded")
    assert (job["schedule"], job["nominal"], job["user"]) == ("s", iso(T0 + 5 * MINUTE), "ada")
    assert job["created_at"] == iso(T0 + 5 * MINUTE + 4000)
    said = json.loads(host.result(job["id"]))
    assert said["nominal_ms"] == T0 + 5 * MINUTE
    one = schedule(host, "s")
    assert one["times"] == {"fire": 1} and one["last_nominal"] == iso(T0 + 5 * MINUTE) and one["next_at"] == iso(T0 + 10 * MINUTE)
    host.assert_sound()


def test_a_pause_of_the_queue_or_the_host_stops_no_times(make, clock):
    host = make({"s": {"cron": "* * * * *", "job": "chaos.echo", "overlap": "allow"}}, start=False)
    host.start(args=["--safe"])
    stored(host, "s")
    hold(host)
    for minute in (1, 2):
        clock.advance(MINUTE)
        wait_rows(host, "s", [("fire", m, 1) for m in range(1, minute + 1)])
    assert [j["state"] for j in jobs_of(host, "s")] == ["queued"] * 2


# Four minutes, with jobs that do not end.
OVERLAPS = {
    "skip": ["fire", "skipped_overlap", "skipped_overlap", "skipped_overlap"],
    "queue_one": ["fire", "queued", "skipped_overlap", "skipped_overlap"],
    "queue_all": ["fire", "queued", "queued", "dropped_max"],
    "allow": ["fire"] * 4,
    "replace": ["fire", "replace", "replace", "replace"],
}


def test_overlap(make, clock):
    host = make({name: {"cron": "* * * * *", "job": "chaos.echo", "overlap": name, "catch_up_max": 2} for name in OVERLAPS})
    stored(host, *OVERLAPS)
    hold(host)
    for minute in range(1, 5):
        clock.advance(MINUTE)
        for name, verdicts in OVERLAPS.items():
            wait_rows(host, name, [(v, m, 1) for m, v in enumerate(verdicts[:minute], 1)])
    states = {name: [j["state"] for j in jobs_of(host, name)] for name in OVERLAPS}
    assert states == {"skip": ["queued"], "queue_one": ["queued", "parked"], "queue_all": ["queued", "parked", "parked"],
                      "allow": ["queued"] * 4, "replace": ["cancelled"] * 3 + ["queued"]}
    first, waits = jobs_of(host, "queue_one")
    why = host.explain(waits["id"])["parked"]
    assert "queue_one" in why and first["id"] in why, why
    host.post(f"/v1/queues/{QUIET}/resume")
    for name in OVERLAPS:
        for job in jobs_of(host, name):
            host.wait_job(job["id"])
    host.assert_sound()


def test_a_replaced_job_that_runs_is_cancelled_before_the_next_starts(make, clock):
    host = make({"s": {"cron": "* * * * *", "job": "chaos.sleep", "payload": {"ms": 3600_000}, "overlap": "replace"}})
    stored(host, "s")
    clock.advance(MINUTE)
    wait_rows(host, "s", [("fire", 1, 1)])
    first = jobs_of(host, "s")[0]["id"]
    host.wait_started(first)
    clock.advance(MINUTE)
    wait_rows(host, "s", [("fire", 1, 1), ("replace", 2, 1)])
    second = jobs_of(host, "s")[1]["id"]
    clock.speed(1)  # a handler that is asked to stop looks at the clock
    host.wait_job(first, "cancelled")
    host.wait_started(second)
    host.act(second, "cancel")
    host.wait_job(second, "cancelled")


# ---- downtime

def missed(catch_up, overlap):
    """Of 30 minutes, of which the last ten are within the window; at most four are made good; no job ends."""
    rest = {
        "none": [("dropped_catch_up", 21, 10)],
        "latest": [("dropped_catch_up", 21, 9), ("caught_up", 30, 1)],
        "all": {
            "skip": [("dropped_max", 21, 6), ("caught_up", 27, 1), ("skipped_overlap", 28, 3)],
            "queue_one": [("dropped_max", 21, 6), ("caught_up", 27, 1), ("queued", 28, 1), ("skipped_overlap", 29, 2)],
            "queue_all": [("dropped_max", 21, 6), ("caught_up", 27, 1), ("queued", 28, 1), ("queued", 29, 1), ("queued", 30, 1)],
            "allow": [("dropped_max", 21, 6), ("caught_up", 27, 1), ("caught_up", 28, 1), ("caught_up", 29, 1), ("caught_up", 30, 1)],
            "replace": [("dropped_catch_up", 21, 9), ("caught_up", 30, 1)],
        },
    }[catch_up]
    return [("dropped_window", 1, 20)] + (rest[overlap] if isinstance(rest, dict) else rest)


POLICIES = [(c, o) for c in ("latest", "all", "none") for o in OVERLAPS]


@pytest.mark.parametrize("how", ["down", "jump"])
def test_every_policy_after_downtime_and_after_a_clock_that_jumped(make, clock, how):
    """A clock that is set forward is downtime."""
    host = make({f"{c}.{o}": {"cron": "* * * * *", "job": "chaos.echo", "catch_up": c, "overlap": o, "catch_up_window": "10m", "catch_up_max": 4}
                 for c, o in POLICIES})
    stored(host, *[f"{c}.{o}" for c, o in POLICIES])
    hold(host)
    if how == "down":
        stop(host, clock)
        clock.advance(30 * MINUTE + 30_000)
        host.start()
    else:
        clock.set_wall(clock.wall_ms() + 30 * MINUTE + 30_000)
    for c, o in POLICIES:
        wait_rows(host, f"{c}.{o}", missed(c, o))
    metrics = host.expect(200, "GET", "/metrics").raw.decode()
    dropped = sum(n for c, o in POLICIES for v, _, n in missed(c, o) if not v.startswith(("caught", "queued")))
    assert f"jobhost_schedule_missed_total {dropped}\n" in metrics
    restart(host, clock)  # nothing is done twice
    clock.advance(30_000)
    for c, o in POLICIES:
        wait_until(lambda: len(rows(host, f"{c}.{o}")) == len(missed(c, o)) + 1, build.PATIENCE_S, f"{c}.{o} has the next minute")
        assert rows(host, f"{c}.{o}")[:-1] == missed(c, o)
    host.assert_sound()


def test_a_clock_that_goes_back_repeats_nothing(make, clock):
    host = make({"s": {"cron": "* * * * *", "job": "chaos.echo", "overlap": "allow"}})
    stored(host, "s")
    done = []
    for minute in (1, 2, 3):
        clock.advance(MINUTE)
        done.append(("fire", minute, 1))
        wait_rows(host, "s", done)
    clock.set_wall(T0)
    wait_until(lambda: "schedule.clock_set" in host.read_log(), build.PATIENCE_S, "the host has heard of it")
    for minute in (1, 2, 3, 4):
        clock.advance(MINUTE)
    done.append(("fire", 4, 1))
    wait_rows(host, "s", done)


def test_the_store_away_loses_no_time(make, clock, store, folder):
    if not store:
        pytest.skip("SQLite is never away")
    host = make({"s": {"cron": "* * * * *", "job": "chaos.echo", "catch_up": "all", "overlap": "allow"}})
    stored(host, "s")
    socket = store["store"]["url"][len("unix:"):]
    os.rename(socket, socket + ".away")
    redis = Redis(os.path.dirname(socket))
    for client in ("normal", "pubsub"):
        redis.socket = socket + ".away"
        redis("client", "kill", "type", client)
    wait_until(lambda: host.call("GET", "/healthz").json.get("store") != "ok" and "store.degraded" in host.read_log(), build.PATIENCE_S, "the host knows")
    for _ in range(3):
        clock.advance(MINUTE)
    clock.advance(20_000)
    os.rename(socket + ".away", socket)
    wait_rows(host, "s", [("caught_up", 1, 1), ("caught_up", 2, 1), ("caught_up", 3, 1)])


# ---- @reboot, @every

def test_reboot_and_every(make, clock):
    host = make({"boot": {"cron": "@reboot", "job": "chaos.echo"}, "every": {"cron": "@every 7m", "job": "chaos.echo", "overlap": "allow"}})
    wait_rows(host, "boot", [("fire", 0, 1)])
    stored(host, "every")
    host.post("/v1/reload?wait=true")
    clock.advance(7 * MINUTE)
    wait_rows(host, "every", [("fire", 7, 1)])
    host.wait_idle()
    assert rows(host, "boot") == [("fire", 0, 1)]  # a reload is no start
    restart(host, clock)
    wait_rows(host, "boot", [("fire", 0, 1), ("fire", 7, 1)])
    clock.advance(7 * MINUTE)
    wait_rows(host, "every", [("fire", 7, 1), ("fire", 14, 1)])  # a start shifts it not


# ---- people

def test_pause_resume_backfill(make, clock):
    host = make({"s": {"cron": "* * * * *", "job": "chaos.echo", "overlap": "allow"}})
    stored(host, "s")
    assert host.call("POST", "/v1/schedules/s/pause", {}).error["code"] == "missing_field"
    host.post("/v1/schedules/s/pause", {"why": "holidays"})
    one = schedule(host, "s")
    assert (one["state"], one["paused_why"], "next_at" in one) == ("paused", "holidays", False)
    clock.advance(5 * MINUTE)
    restart(host, clock)  # it is durable
    clock.advance(30_000)
    host.post("/v1/schedules/s/resume")
    wait_rows(host, "s", [("skipped_paused", 1, 5)])
    clock.advance(30_000)
    wait_rows(host, "s", [("skipped_paused", 1, 5), ("fire", 6, 1)])
    window = {"from": iso(T0 + 2 * MINUTE), "to": iso(T0 + 60 * MINUTE)}  # 6 has a job; later is not yet
    assert host.post("/v1/schedules/s/backfill", window) == {"name": "s", "made": 4, "existing": 1, "refused": 0}
    assert host.post("/v1/schedules/s/backfill", {**window, "from": iso(T0 + 1)})["made"] == 1
    assert host.post("/v1/schedules/s/backfill", window)["made"] == 0
    nominals = [j["nominal"] for j in jobs_of(host, "s")]
    assert sorted(nominals) == [iso(T0 + m * MINUTE) for m in range(1, 7)]
    clock.advance(MINUTE)
    wait_until(lambda: ("fire", 7, 1) in rows(host, "s"), build.PATIENCE_S, "it goes on where it was")
    host.post("/v1/schedules/s/pause", {"why": "more holidays"})
    clock.advance(2 * MINUTE)
    host.post("/v1/schedules/s/resume")  # and nobody looked meanwhile
    wait_until(lambda: ("skipped_paused", 8, 2) in rows(host, "s"), build.PATIENCE_S, lambda: f"what was left out has a row: {rows(host, 's')}")
    done = [a["action"] for a in host.list("/v1/audit")]
    assert "schedule.backfill" in done and "schedule.pause" in done and "schedule.resume" in done
    far = {"from": iso(T0 - 48 * HOUR), "to": iso(T0)}
    assert host.expect(400, "POST", "/v1/schedules/s/backfill", far).error["code"] == "too_many_times"
    host.assert_sound()


def test_a_host_that_still_reads_its_schedules_says_so(make, clock):
    many = {f"s{i}": {"cron": "@yearly", "job": "chaos.echo"} for i in range(build.count(5000, 1000, 200))}
    host = make(many, start=False)
    for _ in range(2):  # nothing of them is stored; all are, and the host does not know that they are its own
        host.start()
        answers = []
        wait_until(lambda: answers.append(host.call("POST", "/v1/schedules/s1/run", {})) or answers[-1].status == 200, build.PATIENCE_S, "it runs")
        assert {(a.status, a.error["code"]) for a in answers[:-1]} <= {(503, "starting")}
        stop(host, clock)


def test_times_of_a_pause_that_were_made_up_for_stand_in_nobodys_way(make, clock):
    host = make({"s": {"cron": "* * * * *", "job": "chaos.echo", "overlap": "allow"}})
    stored(host, "s")
    host.post("/v1/schedules/s/pause", {"why": "the other side is away"})
    restart(host, clock)  # it may hear of the pause late, and would look once more after its times
    stored(host, "s")
    clock.advance(3 * MINUTE + 30_000)
    assert host.post("/v1/schedules/s/backfill", {"from": iso(T0 + 1), "to": iso(T0 + 2 * MINUTE)})["made"] == 2
    wanted = [("caught_up", 1, 1), ("caught_up", 2, 1), ("skipped_paused", 3, 1)]
    wait_rows(host, "s", wanted)
    clock.advance(2 * MINUTE)
    host.post("/v1/schedules/s/resume")
    wait_rows(host, "s", [*wanted, ("skipped_paused", 4, 2)])
    clock.advance(30_000)
    wait_rows(host, "s", [*wanted, ("skipped_paused", 4, 2), ("fire", 6, 1)])
    host.assert_sound()


def test_run_now_is_none_of_its_times(make, clock):
    host = make({"s": {"cron": "0 * * * *", "job": "chaos.fields", "paused": True}})
    stored(host, "s")
    job = host.wait_job(host.post("/v1/schedules/s/run")["job"], "succeeded")
    assert job["schedule"] == "s" and "nominal" not in job
    assert json.loads(host.result(job["id"]))["nominal_ms"] == 0
    assert "last_nominal" not in schedule(host, "s")
    assert host.call("POST", "/v1/schedules/nobody/run", {}).error["code"] == "schedule_not_found"
    host.assert_sound()


def test_what_the_store_does_not_take_has_a_row_that_says_why(make, clock):
    rule = {"cron": "* * * * *", "job": "chaos.echo", "key": "one", "overlap": "allow"}
    host = make({"held": rule, "full": {**rule, "key": "other", "queue": "small"}, "large": {**rule, "key": "third", "payload": "x" * 200, "queue": "thin"}},
                queues={"small": {"max_jobs": 1}, "thin": {"max_payload": "100B"}})
    stored(host, "held", "full", "large")
    hold(host)
    host.post("/v1/queues/small/pause", {"why": "the test holds them"})
    holder = host.submit("chaos.echo", {}, key="one")
    host.submit("chaos.echo", {}, queue="small")
    clock.advance(MINUTE)
    reasons = {"held": holder, "full": "too many jobs wait", "large": "at most 100"}
    for name, words in reasons.items():
        wait_rows(host, name, [("refused", 1, 1)])
        row = host.get(f"/v1/schedules/{name}/ledger")["items"][0]
        assert words in row["reason"] and "job" not in row, row
        assert jobs_of(host, name) == []
    assert "schedule.refused name=large" in host.read_log()
    host.assert_sound()


def test_ledgers_are_swept(make, clock, store):
    ledger = {"store": {**store.get("store", {}), "ledger": {"rows": 3}}}
    host = make({"s": {"cron": "* * * * *", "job": "chaos.echo", "overlap": "allow", "catch_up_window": "2m"}}, **ledger)
    stored(host, "s")
    for minute in range(1, 11):
        clock.advance(MINUTE)
        wait_until(lambda: ("fire", minute, 1) in rows(host, "s"), build.PATIENCE_S, f"minute {minute} is there")
        host.wait_idle()
    wait_until(lambda: len(rows(host, "s")) <= 4, build.PATIENCE_S, lambda: f"old rows go: {rows(host, 's')}")
    assert rows(host, "s")[-3:] == [("fire", m, 1) for m in (8, 9, 10)]
    assert schedule(host, "s")["times"] == {"fire": 10}


# ---- the file changes

def test_another_payload_goes_on_and_another_expression_begins_anew(make, clock):
    rule = {"cron": "* * * * *", "job": "chaos.echo", "overlap": "allow", "catch_up": "all"}
    host = make({"s": rule, "gone": rule})
    stored(host, "s", "gone")
    clock.advance(MINUTE)
    wait_rows(host, "s", [("fire", 1, 1)])
    stop(host, clock)
    clock.advance(3 * MINUTE + 30_000)
    reconfigure(host, {"s": {**rule, "payload": {"new": True}}}, reload=False)
    host.start()
    made_good = [("fire", 1, 1)] + [("caught_up", m, 1) for m in (2, 3, 4)]
    wait_rows(host, "s", made_good)
    assert [json.loads(host.result(host.wait_job(j["id"])["id"])) for j in jobs_of(host, "s")] == [{}] + [{"new": True}] * 3
    wait_until(lambda: schedule(host, "gone") == {}, build.PATIENCE_S, "what is not in the file any more is removed")
    assert ("fire", 1, 1) in rows(host, "gone")  # its ledger stays
    stop(host, clock)
    clock.advance(3 * MINUTE)
    reconfigure(host, {"s": {**rule, "cron": "*/2 * * * *"}}, reload=False)
    host.start()
    stored(host, "s")
    clock.advance(30_000)  # 8:08
    wait_rows(host, "s", made_good + [("fire", 8, 1)])
    reconfigure(host, {})
    wait_until(lambda: schedule(host, "s") == {}, build.PATIENCE_S, "a reload removes it")


def test_time_zones_are_read_again_on_sighup(make, clock, folder):
    zones = os.path.join(folder, "zoneinfo")
    os.makedirs(os.path.join(zones, "Test"))

    def set_zone(name):
        source = os.path.join(os.environ.get("TZDIR", "/usr/share/zoneinfo"), name)
        if not os.path.exists(source):
            pytest.skip("there is no tzdata")
        shutil.copy(source, os.path.join(zones, "Test", "Zone"))

    set_zone("Asia/Tokyo")  # 9 hours east
    rule = {"cron": "0 18 * * *", "timezone": "Test/Zone", "job": "chaos.echo"}
    host = make({"s": rule, "same": {**rule, "timezone": "UTC"}}, env={"TZDIR": zones})
    stored(host, "s", "same")
    before = schedule(host, "s"), schedule(host, "same")
    assert before[0]["next_at"] == iso(T0 + HOUR)
    set_zone("Asia/Kolkata")  # five and a half
    host.send(signal.SIGHUP)
    wait_until(lambda: schedule(host, "s").get("next_at") == iso(T0 + 4 * HOUR + 30 * MINUTE), build.PATIENCE_S, "its times are others")
    assert schedule(host, "s")["revision"] != before[0]["revision"] and schedule(host, "same")["revision"] == before[1]["revision"]
    assert "reload.done" in host.read_log()
    for hour in range(1, 4):
        clock.advance(HOUR)
    clock.advance(HOUR + 30 * MINUTE)
    wait_rows(host, "s", [("fire", 270, 1)])


# ---- the API's own

def test_schedules_of_the_api(make, clock):
    host = make({"own": {"cron": "* * * * *", "job": "chaos.echo"}})
    stored(host, "own")
    rule = {"cron": "*/2 * * * *", "job": "chaos.echo", "payload": {"n": 1}, "overlap": "allow"}
    assert host.expect(201, "PUT", "/v1/schedules/mine", rule).json["created"] is True
    assert host.expect(200, "PUT", "/v1/schedules/mine", rule).json["created"] is False
    one = schedule(host, "mine")
    assert (one["owner"], one["state"], one["in_file"]) == ("api", "active", False), one
    assert one["definition"]["cron"] == "*/2 * * * *" and one["definition"]["queue"] == "chaos"
    clock.advance(2 * MINUTE)
    wait_rows(host, "mine", [("fire", 2, 1)])
    restart(host, clock)
    stored(host, "mine")
    host.expect(200, "PUT", "/v1/schedules/mine", {**rule, "payload": {"n": 2}})
    clock.advance(2 * MINUTE)
    wait_rows(host, "mine", [("fire", 2, 1), ("fire", 4, 1)])
    assert [json.loads(host.result(host.wait_job(j["id"])["id"]))["n"] for j in jobs_of(host, "mine")] == [1, 2]
    for method in ("PUT", "DELETE"):
        refused = host.expect(409, method, "/v1/schedules/own", rule if method == "PUT" else None)
        assert refused.error["code"] == "owned_by_file"
    faults = {"cron": ({**rule, "cron": "61 * * * *"}, "cron"), "unknown": ({**rule, "corn": "x"}, None), "job": ({"cron": "@daily"}, "job"),
              "zone": ({**rule, "timezone": "Europe/Atlantis"}, None), "end": ({**rule, "start_at": "2027-01-02T00:00:00Z", "end_at": "2027-01-01T00:00:00Z"}, "end_at"),
              "window": ({**rule, "catch_up_window": 5}, "catch_up_window"), "word": ({**rule, "overlap": "maybe"}, "overlap")}
    for name, (body, field) in faults.items():
        error = host.expect(400, "PUT", "/v1/schedules/bad", body).error
        assert error["code"] == "bad_schedule" and error.get("field") == field, (name, error)
    assert host.expect(400, "PUT", "/v1/schedules/bad%20name", rule).error["code"] == "bad_name"
    host.expect(200, "DELETE", "/v1/schedules/mine", query={"why": "over"})
    assert schedule(host, "mine") == {} and len(rows(host, "mine")) == 2
    clock.advance(2 * MINUTE)
    wait_until(lambda: len(rows(host, "own")) >= 3, build.PATIENCE_S, "the other one fires")
    assert len(rows(host, "mine")) == 2
    host.assert_sound()
