"""Simulation: `jobhost sim` says the same for the same seed, faults do what they say, expectations are judged, and hostile scenarios end."""
import collections
import glob
import json
import os
import re
import signal
import subprocess
import time

import pytest

from lib import build
from lib.cli import FAILED, OK, USAGE

SCENARIOS = os.path.join(build.REPO, "docs", "scenarios")
FOLDERS = "/dev/shm/jobhost-sim-*"


def sim(*args, status=OK, env=None, cwd=None):
    done = subprocess.run([build.BINARY, "sim", *args], capture_output=True, text=True, check=False, timeout=10 * build.PATIENCE_S,
                          cwd=cwd, env={**os.environ, **(env or {})})
    assert status is None or done.returncode == status, (args, done.returncode, done.stdout[-2000:], done.stderr)
    return done


class Scene:
    """A scenario in a folder of its own."""

    def __init__(self, folder):
        self.folder = str(folder)
        self.file = os.path.join(self.folder, "scene.yaml")

    def write(self, text, config=None):
        if config is not None:
            with open(os.path.join(self.folder, "c.yaml"), "w", encoding="utf-8") as f:
                f.write(config)
            text = "config: c.yaml\n" + text
        with open(self.file, "w", encoding="utf-8") as f:
            f.write(text)
        return self

    def run(self, *args, status=OK):
        """(events, summary)"""
        done = sim(self.file, "--json", *args, status=status)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        summary = [line for line in lines if line["event"] == "summary"]
        assert len(summary) == 1, done.stderr
        return [line for line in lines if line["event"] != "summary"], summary[0]

    def trace(self, *args):
        path = os.path.join(self.folder, "trace")
        sim(self.file, "--trace", path, *args)
        with open(path, "rb") as f:
            return f.read()


@pytest.fixture
def scene(tmp_path):
    before = set(glob.glob(FOLDERS))
    yield Scene(tmp_path)
    mine = [path for path in set(glob.glob(FOLDERS)) - before if os.stat(path).st_uid == os.getuid()]
    # others may simulate at this moment: theirs go by themselves
    for path in mine:
        for _ in range(600):
            if not os.path.exists(path):
                break
            time.sleep(0.1)
        assert not os.path.exists(path), "a simulation has left its folder"


def events(lines, kind, what=None):
    return [line for line in lines if line["event"] == kind and (what is None or line.get("what") == what)]


def of_type(summary, name):
    return {t["type"]: t for t in summary["types"]}[name]


BUSY = """
for: 2h
hosts: 2
slots: 3
arrivals:
  - {job: a.work, every: 5s, users: 7}
  - {job: b.work, every: 9s, steady: true, count: 2, key: "{user}{n}"}
handlers:
  a.work: {takes: 1s..9s, fails: {network: 5%, unknown: 1%}, crash: 2%, scope: user, calls: {count: 2, limit: "l:{user}", remote: r}}
  b.work: {takes: 100ms..2s, children: {job: c.work, count: 2}}
remotes: {r: {rate: 100, per: 60s, retry_after: 5s}}
faults:
  - {at: 20m, for: 5m, host: 1}
  - {at: 40m, for: 10m, storm: r, retry_after: 20s}
  - {at: 60m, clock: +20m}
  - {at: 70m, clock: -30m}
  - {at: 80m, for: 2m, store: true}
  - {at: 90m, for: 10m, crash: b, probability: 50%}
"""
BUSY_CONFIG = """
schedules:
  tick: {cron: "*/5 * * * *", job: d.tick, overlap: queue_one, catch_up: all}
  tock: {cron: "*/7 * * * *", job: d.tock, overlap: replace, jitter: 1m}
limits: {l: {rate: 20, per: 60s, learn: Retry-After}}
breakers: {network: {base: 1m, cap: 5m}}
"""


# ---- determinism

# a sanitizer sees nothing new in a run that is repeated
again = pytest.mark.skipif(build.SANITIZED, reason="runs the same scenario again")


@again
def test_the_same_seed_writes_the_same_bytes(scene):
    scene.write(BUSY, BUSY_CONFIG)
    first = scene.trace()
    assert len(first.splitlines()) > 5000
    for _ in range(build.count(20, 2)):
        assert scene.trace() == first
    assert scene.trace("--seed", "1") == first  # that of the scenario


@again
def test_another_seed_is_another_trace(scene):
    scene.write(BUSY, BUSY_CONFIG)
    traces = {scene.trace("--seed", str(seed)) for seed in range(4)}
    assert len(traces) == 4


@again
def test_a_shorter_run_is_the_beginning_of_a_longer_one(scene):
    scene.write(BUSY, BUSY_CONFIG)
    long = scene.trace().splitlines()
    short = scene.trace("--for", "30m").splitlines()[:-1]  # without its end
    assert len(short) > 1000 and long[:len(short)] == short


def test_json_and_trace_tell_the_same(scene):
    scene.write(BUSY, BUSY_CONFIG)
    lines, _ = scene.run()
    assert [json.loads(line) for line in scene.trace().splitlines()] == lines


# ---- jobs

def test_every_job_ends_once(scene):
    scene.write(BUSY, BUSY_CONFIG)
    lines, summary = scene.run()
    made, over = set(), collections.Counter()
    for line in lines:
        if line["event"] in ("arrive", "fire") and "job" in line:
            made.add(line["job"])
        elif line["event"] in ("succeed", "dead", "cancel"):
            over[line["job"]] += 1
    assert set(over.values()) == {1} and set(over) <= made
    assert len(made) == sum(t["made"] for t in summary["types"])
    assert len(over) == sum(t["succeeded"] + t["dead"] + t["cancelled"] for t in summary["types"])


def test_slots_and_concurrency_hold(scene):
    scene.write("for: 1h\nhosts: 2\nslots: 3\narrivals: [{job: a.x, every: 1s}, {job: q.x, every: 1s}]\n"
                "handlers: {a.x: {takes: 5s..20s}, q.x: {takes: 5s..20s}}\n", "queues: {q: {concurrency: 2}}\n")
    lines, summary = scene.run()
    running, most = collections.Counter(), collections.Counter()
    for line in lines:
        if line["event"] == "start":
            running[line["what"]] += 1
        elif line["event"] == "succeed":
            running[line["what"]] -= 1
        for what, n in running.items():
            most[what] = max(most[what], n)
    assert most == {"a.x": 6, "q.x": 2}
    assert summary["waited_ms"].keys() == {"no_slot"}


def test_a_timeout_ends_an_attempt(scene):
    scene.write("for: 1h\narrivals: {job: a.x, every: 1h, steady: true}\nhandlers: {a.x: {takes: 10m}}\n",
                "jobs: {a.x: {timeout: 1m, retry: {max: 2, base: 10s, backoff: fixed, jitter: 0}}}\n")
    lines, _ = scene.run()
    assert [line["ms"] for line in events(lines, "start", "a.x")][:1] == [0]
    assert [(line["ms"], line["why"]) for line in events(lines, "retry")] == [(60000, "timeout; again in 10s")]
    assert [(line["ms"], line["why"]) for line in events(lines, "dead")] == [(130000, "attempts_exhausted")]
    assert not events(lines, "breaker")  # what the host has stopped says nothing of the other side


def test_keys_find_duplicates(scene):
    scene.write('for: 10m\narrivals: {job: a.x, every: 10s, steady: true, users: 1, key: "{user}"}\nhandlers: {a.x: {takes: 55s}}\n')
    lines, summary = scene.run()
    assert len(events(lines, "duplicate")) == summary["duplicates"] > 30
    assert all(line["user"] == "user1" and line["why"] == "user1" for line in events(lines, "duplicate"))


# ---- schedules

DAY = "schedules: {night: {cron: '30 2 * * *', timezone: Europe/Berlin, job: s.x, dst: %s}}\n"


@pytest.mark.parametrize("dst", ["vixie", "skip", "both", "shift"])
@pytest.mark.parametrize("begin", ["2026-03-29T00:00:00Z", "2026-10-25T00:00:00Z"])
def test_clocks_change(scene, dst, begin):
    scene.write(f"from: {begin}\nfor: 47h\nexpect: {{each_time_once: true}}\n", DAY % dst)
    until = begin.replace("29T00", "30T23").replace("25T00", "26T23")  # what a gap leaves out is written with the next time
    done = subprocess.run([build.BINARY, "schedules", "preview", "-c", os.path.join(scene.folder, "c.yaml"), "--from", begin, "--until",
                           until, "--json"], capture_output=True, text=True, check=True, timeout=build.PATIENCE_S)
    times = [item["utc"] for item in json.loads(done.stdout)["items"] if "utc" in item]
    lines, _ = scene.run()
    assert [line["at"] for line in events(lines, "fire")] == times
    gaps = [item for item in json.loads(done.stdout)["items"] if item.get("mark") == "gap_skipped"]
    assert [line["why"] for line in events(lines, "skip")] == ["skipped_gap"] * len(gaps)


def test_a_dead_host_catches_up(scene):
    scene.write("from: 2026-01-01T00:00:30Z\nfor: 6h\nfaults: {at: 1h, for: 3h, host: 1}\nexpect: {each_time_once: true}\n", """
schedules:
  all: {cron: "0 * * * *", job: s.all, overlap: allow, catch_up: all, catch_up_window: 2h}
  latest: {cron: "*/10 * * * *", job: s.latest, catch_up: latest, catch_up_window: 1d}
  none: {cron: "*/10 * * * *", job: s.none, catch_up: none}
""")
    lines, summary = scene.run()
    times = {s["schedule"]: s for s in summary["schedules"]}
    assert times["all"]["caught_up"] == 2 and times["all"]["fire"] == 3, times["all"]
    assert times["latest"]["caught_up"] + times["latest"].get("fire", 0) < 36 and times["latest"]["missed"] > 0
    assert "caught_up" not in times["none"]
    down, up = 3600000, 4 * 3600000
    assert not [line for line in lines if down < line["ms"] < up and line["event"] in ("fire", "start", "succeed")]
    assert summary["late"]["max_ms"] == 3630000  # that of 03:00, at 04:00:30


def test_a_clock_that_is_set_fires_no_time_twice(scene):
    scene.write("for: 1d\nfaults: [{at: 6h, clock: +2h}, {at: 9h, clock: -3h}, {at: 15h, clock: +1h}]\nexpect: {each_time_once: true}\n",
                "schedules: {t: {cron: '*/15 * * * *', job: s.x, catch_up: all, catch_up_window: 1d}}\n")
    lines, summary = scene.run()
    assert len(events(lines, "fault", "clock")) == 3
    assert of_type(summary, "s.x")["made"] == len(events(lines, "fire"))


# ---- faults

def test_a_storm_closes_the_limit(scene):
    scene.write("for: 1h\narrivals: {job: a.x, every: 2s}\nhandlers: {a.x: {takes: 0s, calls: {count: 1, limit: l, remote: r}}}\n"
                "remotes: {r: {rate: 60, per: 60s}}\nfaults: {at: 20m, for: 10m, storm: r, retry_after: 2m}\nexpect: {over_rate: 0}\n",
                "limits: {l: {rate: 60, per: 60s}}\n")
    lines, summary = scene.run()
    refused = events(lines, "refused_call")
    assert 4 <= len(refused) <= 40, len(refused)  # a few in each two minutes, and not each of three hundred
    assert all(1200000 <= line["ms"] <= 1800000 for line in refused)
    remote = [c for c in summary["calls"] if "remote" in c][0]
    assert remote["refused"] == len(refused) and remote["over_rate"] == 0
    assert of_type(summary, "a.x")["dead"] == 0  # 429 is no failure


def test_without_a_limit_the_remote_refuses(scene):
    text = "for: 10m\narrivals: {job: a.x, every: 200ms}\nhandlers: {a.x: {takes: 0s, calls: {count: 1, remote: r}}}\n" \
           "remotes: {r: {rate: 60, per: 60s, retry_after: 10s}}\n"
    _, summary = scene.write(text).run()
    assert summary["calls"][0]["over_rate"] > 0
    done = sim(scene.write(text + "expect: {over_rate: 0}\n").file, status=FAILED)
    assert "over_rate: " in done.stderr and "expected at most 0" in done.stderr


def test_crashes_quarantine_and_the_plugin_rests(scene):
    scene.write("for: 3h\nslots: 3\narrivals: [{job: p.x, every: 10s}, {job: o.x, every: 10s}]\n"
                "faults: {at: 30m, for: 30m, crash: p}\n")
    lines, summary = scene.run()
    assert {line["why"] for line in events(lines, "dead")} == {"quarantined"}
    assert of_type(summary, "o.x")["crashed"] == of_type(summary, "o.x")["dead"] == 0
    p = of_type(summary, "p.x")
    assert p["dead"] >= 1 and p["crashed"] >= 3 * p["dead"]
    assert any("left alone" in line["why"] for line in events(lines, "plugin", "p"))
    assert any("goes on" in line["why"] for line in events(lines, "plugin", "p"))
    assert "breaker" in summary["waited_ms"]


def test_a_dead_hosts_jobs_go_to_others(scene):
    scene.write("for: 1h\nhosts: 2\nslots: 1\narrivals: {job: a.x, every: 1h, steady: true, count: 2}\nhandlers: {a.x: {takes: 4m}}\n"
                "faults: {at: 3m, host: 1}\n", "host: {lease: 40s}\n")
    lines, summary = scene.run()
    assert [(line["ms"], line["why"]) for line in events(lines, "start")][:2] == [(0, "host 1"), (0, "host 2")]
    lost = events(lines, "lost")
    assert [line["ms"] for line in lost] == [180000]
    assert [(line["ms"], line["job"]) for line in events(lines, "return")] == [(220000, lost[0]["job"])]  # its lease
    assert of_type(summary, "a.x")["succeeded"] == 2  # one after the other


def test_a_store_that_is_away(scene):
    scene.write("for: 1h\narrivals: {job: a.x, every: 30s, steady: true}\nhandlers: {a.x: {takes: 20s}}\nfaults: {at: 10m, for: 10m, store: true}\n")
    lines, summary = scene.run()
    assert len(events(lines, "refuse")) == summary["refused"] == 20
    assert not [line for line in events(lines, "start") if 600000 <= line["ms"] < 1200000]
    assert of_type(summary, "a.x")["succeeded"] >= 98


# ---- limits

def overlap(lines, of=lambda line: line["what"]):
    """How many ran at once at most, by what `of` says of them."""
    running, most, ends = collections.Counter(), collections.Counter(), ("succeed", "retry", "park", "dead", "crash")
    for line in lines:
        if line["event"] == "start":
            running[of(line)] += 1
            most[of(line)] = max(most[of(line)], running[of(line)])
        elif line["event"] in ends:
            running[of(line)] -= 1
    return most


def most_within(times, span):
    return max(sum(1 for t in times[i:] if t - first < span) for i, first in enumerate(times))


def test_a_limit_of_a_type_holds_its_starts(scene):
    scene.write("for: 1h\nslots: 8\narrivals: [{job: a.x, every: 500ms}, {job: a.y, every: 10s, steady: true}]\n"
                "handlers: {a.x: {takes: 200ms..3s}, a.y: {takes: 100ms}}\n",
                "limits: {l: {rate: 60, per: 60s}}\njobs: {a.x: {limit: {name: l, until: start}}}\n")
    lines, summary = scene.run()
    starts = [line["ms"] for line in events(lines, "start", "a.x")]
    assert most_within(starts, 60000) == 60 and len(starts) >= 60 * 60 * 0.98
    assert summary["waited_ms"]["limiter"] > 0
    assert of_type(summary, "a.y")["wait"]["max_ms"] < 1000  # nobody's thread is taken by those that wait
    assert of_type(summary, "a.x")["retried"] == of_type(summary, "a.x")["dead"] == 0


def test_a_limit_of_a_queue_with_a_key_for_each_tenant(scene):
    scene.write("for: 30m\nslots: 20\narrivals: {job: q.x, every: 1s, users: 3}\nhandlers: {q.x: {takes: 1s..20s}}\n",
                "limits: {two: {concurrency: 2}}\nqueues: {q: {limit: {name: two, key: tenant}}}\n")
    lines, summary = scene.run()
    assert overlap(lines, lambda line: line["user"]) == {"user1": 2, "user2": 2, "user3": 2}
    assert {c["limit"] for c in summary["calls"]} == {"two:user1", "two:user2", "two:user3"}
    parked = events(lines, "park", "q.x")
    assert parked and all(line["why"].startswith("limiter two:user") for line in parked)
    assert of_type(summary, "q.x")["succeeded"] > 0.9 * 3 * 2 * 1800 / 10.5  # and both slots are at work


def test_slots_of_a_dead_host_come_back(scene):
    scene.write("for: 10m\nhosts: 2\nslots: 1\narrivals: {job: a.x, every: 1h, steady: true, count: 2}\nhandlers: {a.x: {takes: 1m}}\n"
                "faults: {at: 30s, host: 1}\n", "host: {lease: 40s}\nlimits: {one: {concurrency: 1}}\njobs: {a.x: {limit: one}}\n")
    lines, summary = scene.run()
    assert overlap(line for line in lines if line["ms"] < 30000) == {"a.x": 1}
    starts = [line["ms"] for line in events(lines, "start")]
    # the slot was renewed last at 26.6 s, a third of a lease before it died
    assert starts[0] == 0 and 26600 + 40000 <= starts[1] <= 70000 + 1000
    assert of_type(summary, "a.x")["succeeded"] == 2


STORM = "for: 1h\nslots: 8\narrivals: {job: a.x, every: 500ms}\nhandlers: {a.x: {takes: 0s, calls: {count: 1, limit: l, wait: 5s, remote: r," \
        " takes: 50ms..2s}}}\n"


def test_limits_learn_what_headers_tell(scene):
    told = "remotes: {r: {rate: 60, per: 60s, retry_after: 30s, headers: [X-RateLimit-Limit, X-RateLimit-Remaining]}}\n"
    _, deaf = scene.write(STORM + told, "limits: {l: {rate: 90, per: 60s}}\n").run()
    _, summary = scene.write(STORM + told, "limits: {l: {rate: 90, per: 60s, learn: [X-RateLimit-Limit]}}\n").run()
    of_remote = [[c for c in s["calls"] if "remote" in c][0] for s in (deaf, summary)]
    assert of_remote[0]["over_rate"] > 60 and of_remote[1]["over_rate"] <= 30  # of the first minute, before it was told


def test_calls_of_others_count(scene):
    text = STORM.replace("for: 1h", "for: 30m").replace("50ms..2s", "20ms..90ms") + \
        "remotes: {r: {rate: 60, per: 60s, retry_after: 20s, others: 2s, headers: [X-RateLimit-Limit, X-RateLimit-Remaining]}}\n"
    _, deaf = scene.write(text, "limits: {l: {rate: 60, per: 60s}}\n").run()
    _, summary = scene.write(text, "limits: {l: {rate: 60, per: 60s, learn: [X-RateLimit-Limit, X-RateLimit-Remaining]}}\n").run()
    of_remote = [[c for c in s["calls"] if "remote" in c][0] for s in (deaf, summary)]
    assert of_remote[1]["over_rate"] < of_remote[0]["over_rate"] * 0.8
    assert of_remote[1]["answered"] > 800  # of the 900 that are left


def test_what_is_expected_of_a_remote(scene):
    text = STORM + "remotes: {r: {rate: 60, per: 60s}}\nexpect: {remotes: {r: {never_more_than: %d, per: %s, used_at_least: %s}}}\n"
    config = "limits: {l: {rate: 60, per: 60s}}\n"
    scene.write(text % (60, "1m", "98%"), config).run()
    for wrong, words in (((59, "1m", "98%"), "came to r when it had had 59 within 1m"), ((60, "61s", "98%"), "within 61s"),
                         ((60, "1m", "100%"), "r answered")):
        done = sim(scene.write(text % wrong, config).file, status=FAILED)
        assert words in done.stderr, done.stderr


# ---- breakers of scopes

def test_a_breaker_of_the_type_keeps_its_lane_waiting(scene):
    scene.write("for: 2h\nslots: 2\narrivals: [{job: p.x, every: 5s}, {job: p.y, every: 20s}]\nhandlers: {p.x: {takes: 1s, fails: {auth: 100%}}}\n",
                "breakers: {auth: {base: 10m, cap: 1h}}\njobs: {p.x: {retry: {max: 100}}}\n")
    lines, summary = scene.run()
    opened = events(lines, "breaker", "auth:p:p.x")
    assert [line["why"] for line in opened[:4]] == ["opens for 10m: auth", "opens for 20m: auth", "opens for 40m: auth", "opens for 1h: auth"][:len(opened)]
    assert len(opened) >= 3 and not events(lines, "park", "p.x")  # they stay queued
    probes = [line["ms"] for line in events(lines, "start", "p.x")]
    assert len(probes) <= 2 + len(opened)  # two threads until it opened; then one at a time
    assert of_type(summary, "p.y")["succeeded"] > 300


def test_a_breaker_of_a_user_is_that_users(scene):
    scene.write("for: 3h\narrivals: [{job: p.x, every: 60s, user: ann}, {job: p.x, every: 10s, user: bob}]\n"
                "handlers: {p.x: {takes: 1s, scope: user, fails: {unknown: 5%}}}\n", "breakers: {unknown: {base: 5m}}\n")
    lines, summary = scene.run()
    names = {line["what"] for line in events(lines, "breaker")}
    assert names <= {"unknown:p:user:ann", "unknown:p:user:bob"} and "unknown:p:user:bob" in names
    parked = events(lines, "park", "p.x")
    assert {line["why"].split(";")[0] for line in parked} == {"breaker " + name for name in names}
    assert all(line["why"].startswith("breaker unknown:p:user:" + line["user"]) for line in parked)
    for line in events(lines, "breaker", "unknown:p:user:bob"):
        if line["why"] == "closes":  # who is parked goes on then
            woken = [x for x in events(lines, "start") if x["ms"] == line["ms"] and x["user"] == "bob"]
            assert woken
            break
    assert {u["user"] for u in summary["users"]} == {"ann", "bob"}


def test_who_is_parked_tries_when_a_probe_says_nothing(scene):
    scene.write("for: 10h\nslots: 4\narrivals: {job: p.x, every: 10h, steady: true, count: 40, user: bob}\n"
                "handlers: {p.x: {takes: 1s, scope: user, fails: {unknown: 10%, input: 50%}}}\n", "breakers: {unknown: {base: 5m}}\n")
    lines, _ = scene.run()
    opened = events(lines, "breaker")[0]["ms"]
    silent = next(line for line in events(lines, "dead") if line["ms"] > opened + 5 * 60_000)
    closed = next(line for line in events(lines, "breaker") if line["ms"] > opened)
    assert silent["ms"] < closed["ms"], (silent, closed)
    assert [x for x in events(lines, "start") if x["ms"] == silent["ms"]]  # not when its lease would have ended


def test_breakers_that_are_off_or_take_more(scene):
    text = "for: 1h\narrivals: {job: p.x, every: 10s}\nhandlers: {p.x: {takes: 1s, fails: {network: 30%}}}\n"

    def opened(config):
        lines, summary = scene.write(text, config).run()
        return len([line for line in events(lines, "breaker") if "opens" in line["why"]]), summary["waited_ms"].get("scope_breaker", 0)

    many, waited = opened("{}\n")
    assert many > 0 and waited > 0
    assert opened("breakers: {network: {enabled: false}}\n") == opened("jobs: {p.x: {breakers: false}}\n") == (0, 0)
    assert 0 < opened("breakers: {network: {failures: 3, base: 1m}}\n")[0] < opened("breakers: {network: {base: 1m}}\n")[0]


# ---- shares

def test_a_tenant_that_floods_keeps_nobody_waiting(scene):
    text = "for: 2h\nslots: 4\narrivals: [{job: a.x, every: 2h, steady: true, count: 1000, user: flood}," \
           " {job: a.x, every: 3m, users: 5}]\nhandlers: {a.x: {takes: 1s..5s}}\n"
    expect = "expect: {users: {user1: {wait_max: 12s}, user5: {wait_max: 12s}}}\n"
    _, summary = scene.write(text + expect, "{}\n").run()
    users = {u["user"]: u for u in summary["users"]}
    assert users["flood"]["succeeded"] == 1000 and users["flood"]["wait"]["p50_ms"] > 300000
    done = sim(scene.write(text + expect, "queues: {a: {fair_share: none}}\n").file, status=FAILED)
    assert "wait_max of user1: " in done.stderr


# ---- flows, questions, acts

FLOW = "for: 2h\narrivals: {job: f.open, every: 3h, steady: true}\nexpect: {each_flow_once: true, flows_closed: 1}\n"


def test_a_job_waits_for_its_children(scene):
    scene.write(FLOW + "handlers: {f.open: {takes: 10s, children: {job: m.x, count: 20, wait: true, then: t.x}}, m.x: {takes: 1s..60s, fails: {input: 20%}}}\n")
    lines, summary = scene.run()
    members, ends = of_type(summary, "m.x"), events(lines, "succeed", "m.x") + events(lines, "dead", "m.x")
    assert members["made"] == 20 == members["succeeded"] + members["dead"] and members["dead"] > 0
    opener, = events(lines, "succeed", "f.open")
    assert [line["ms"] for line in events(lines, "park", "f.open")] == [10000]
    assert opener["ms"] == max(line["ms"] for line in ends)
    close, = events(lines, "flow", "f.open")
    assert close["why"] == f"closes: {members['succeeded']} succeeded, {members['dead']} dead, 0 cancelled, 0 duplicates"
    assert of_type(summary, "t.x")["succeeded"] == 1 and events(lines, "start", "t.x")[0]["ms"] == opener["ms"]
    assert summary["parked_ms"] == {"children": opener["ms"] - 10000}


@pytest.mark.parametrize("on_dead,cancelled,then", [("continue", False, "succeeded"), ("fail", True, "dead")])
def test_a_member_that_dies(scene, on_dead, cancelled, then):
    scene.write(FLOW + "handlers: {f.open: {children: {job: m.x, count: 20, then: t.x, on_dead: %s}}, m.x: {takes: 20s..60s, fails: {input: 30%%}}}\n" % on_dead)
    lines, summary = scene.run()
    assert (of_type(summary, "m.x")["cancelled"] > 0) == cancelled
    assert of_type(summary, "t.x")[then] == 1 == of_type(summary, "t.x")["made"]
    assert [line["why"] for line in events(lines, "dead", "t.x")] == (["child_dead"] if cancelled else [])
    if cancelled:
        first = events(lines, "dead", "m.x")[0]["ms"]
        assert {line["ms"] for line in events(lines, "cancel", "m.x")} == {first}


def test_a_cancel_goes_down(scene):
    scene.write(FLOW + "handlers: {f.open: {children: {job: m.x, count: 3, wait: true, then: t.x}}, m.x: {children: {job: n.x, count: 3, wait: true}},"
                " n.x: {takes: 30m}}\nacts: {at: 10m, cancel: f.open}\n")
    lines, summary = scene.run()
    assert {name: of_type(summary, name)["cancelled"] for name in ("f.open", "m.x", "n.x")} == {"f.open": 1, "m.x": 3, "n.x": 9}
    assert {line["ms"] for line in events(lines, "cancel")} == {600000}
    assert "t.x" not in {t["type"] for t in summary["types"] if t["made"]} and summary["flows_closed"] == summary["flows_opened"] == 4


def test_a_cancel_reaches_a_dead_hosts_job(scene):
    scene.write("for: 1h\nhosts: 2\narrivals: {job: a.x, every: 2h, steady: true}\nhandlers: {a.x: {takes: 4m}}\n"
                "faults: {at: 1m, host: 1}\nacts: {at: 70s, cancel: a.x}\n", "host: {lease: 30s}\n")
    lines, summary = scene.run()
    assert [line["why"] for line in events(lines, "act")] == ["cancels 1"]
    assert [line["ms"] for line in events(lines, "cancel")] == [90000] and of_type(summary, "a.x")["cancelled"] == 1
    assert not events(lines, "succeed") and len(events(lines, "start")) == 1


def test_children_survive_a_death_once(scene):
    scene.write("for: 6h\nhosts: 2\narrivals: {job: f.open, every: 2m}\nhandlers: {f.open: {takes: 1s..60s, children: {job: m.x, count: 5, then: t.x}},"
                " m.x: {takes: 30s..3m}}\nfaults: [{at: 30m, for: 10m, host: 1}, {at: 1h, for: 1m, host: 2}, {at: 2h, for: 20s, host: 1},"
                " {at: 3h, for: 5m, store: true}]\nexpect: {each_flow_once: true}\n", "host: {lease: 30s}\n")
    _, summary = scene.run()
    assert of_type(summary, "m.x")["made"] == 5 * summary["flows_opened"] > 200 and of_type(summary, "m.x")["lost"] > 0
    assert of_type(summary, "t.x")["made"] == summary["flows_closed"] >= summary["flows_opened"] - 2


def test_a_question_waits_for_its_answer(scene):
    scene.write('for: 3h\narrivals: {job: p.x, every: 4h, steady: true}\nhandlers: {p.x: {takes: 10s, asks: "Was it paid?", calls: {count: 3}}}\n'
                "acts: [{at: 1h, resolve: p.x, answer: paid}, {at: 2h, resolve: p.x}]\n")
    lines, summary = scene.run()
    assert [(line["ms"], line["why"]) for line in events(lines, "park")] == [(10000, "needs_operator sim")]
    assert [line["why"] for line in events(lines, "act")] == ["answers 1: paid", "answers 0: yes"]
    assert [line["ms"] for line in events(lines, "start")] == [0, 3600000]
    assert [line["ms"] for line in events(lines, "succeed")] == [3600000 + 300]  # its own work is done
    assert summary["parked_ms"] == {"needs_operator": 3600000 - 10000}


def test_events_wake_who_waits(scene):
    scene.write('for: 3h\narrivals: [{job: p.x, every: 1h, steady: true, until: 90m, user: ann}, {job: p.x, every: 4h, steady: true, user: bob}]\n'
                'handlers: {p.x: {takes: 1s, waits: {event: "paid:{user}", for: 50m}}}\n'
                'acts: [{at: 10m, publish: "paid:ann"}, {at: 70m, publish: "paid:ann"}, {at: 80m, publish: "paid:bob"}]\n')
    lines, summary = scene.run()
    assert [(line["ms"], line["user"], line["why"].split(";")[0]) for line in events(lines, "park")] == \
        [(1000, "ann", "event paid:ann"), (1000, "bob", "event paid:bob"), (3601000, "ann", "event paid:ann")]
    assert [(line["ms"], line["user"]) for line in events(lines, "succeed")] == [(600000, "ann"), (3001000, "bob"), (4200000, "ann")]  # bob's was late
    assert [line["why"] for line in events(lines, "act")] == ["event"] * 3
    assert summary["parked_ms"].keys() == {"event"}


def test_an_event_that_came_before(scene):
    scene.write("for: 3h\narrivals: {job: p.x, every: 4h, steady: true, count: 2}\nhandlers: {p.x: {takes: 4m, waits: {event: e}}}\n"
                "acts: {at: 2m, publish: e}\n")
    lines, _ = scene.run()
    assert [line["ms"] for line in events(lines, "succeed")] == [240000, 240000]  # it is found as soon as it is looked for


def test_pauses(scene):
    scene.write("from: 2026-01-01T00:00:30Z\nfor: 4h\narrivals: {job: q.x, every: 1m, steady: true}\nacts: [{at: 1h, for: 1h, pause_queue: q},"
                " {at: 1h, for: 90m, pause_schedule: t}]\nexpect: {each_time_once: true}\n",
                "schedules: {t: {cron: '*/10 * * * *', job: s.x, catch_up: all, catch_up_window: 1d}}\n")
    lines, summary = scene.run()
    assert not [line for line in events(lines, "start", "q.x") if 3600000 <= line["ms"] < 7200000]
    assert summary["waited_ms"]["queue_paused"] > 0 and of_type(summary, "q.x")["succeeded"] == 240  # the last one runs
    assert not [line for line in events(lines, "fire", "t") if 3600000 <= line["ms"] < 9000000]
    times = {s["schedule"]: s for s in summary["schedules"]}["t"]
    assert times["skipped_paused"] == 9 and times["fire"] == 24 - 9


def test_acts_on_what_is_not_there(scene):
    scene.write("for: 1h\nacts: {at: 1m, pause_schedule: nobody}\n")
    assert 'no schedule "nobody"' in sim(scene.file, status=FAILED).stderr


# ---- plugins' code

HELLO = os.path.join(build.BUILD, "plugins", "hello.so")


def handlers(**files):
    return "handlers:\n" + "".join(f"  {name.replace('_', '.')}: {{plugin: {file}, takes: 0s}}\n" for name, file in files.items())


def test_a_plugins_code_sleeps_on_the_virtual_clock(scene):
    scene.write("for: 1h\narrivals: {job: hello.say, every: 2h, steady: true, payload: {name: Ada, lines: 3}}\n"
                + handlers(hello_say=HELLO, hello_note=HELLO), f"plugins: {{hello: {{file: {HELLO}, config: {{pause: 10m, greeting: Hi}}}}}}\n"
                "jobs: {hello.say: {timeout: 45m}}\n")
    lines, summary = scene.run()
    say, note = of_type(summary, "hello.say"), of_type(summary, "hello.note")
    assert (say["succeeded"], note["made"], note["succeeded"]) == (1, 1, 1)
    assert [line["ms"] for line in events(lines, "succeed", "hello.say")] == [3 * 600000]
    assert [(line["ms"], line["why"]) for line in events(lines, "arrive", "hello.note")] == [(3 * 600000, "child")]
    assert scene.trace() == scene.trace()


def test_a_plugins_code_fails_as_it_says(scene):
    scene.write('for: 1h\narrivals: {job: hello.say, every: 2h, steady: true, payload: {name: ""}}\n' + handlers(hello_say=HELLO))
    lines, _ = scene.run()
    assert [line["why"] for line in events(lines, "dead")] == ["input"]


def test_a_plugins_steps_outlive_its_host(scene):
    chaos = build.plugin("chaos")
    scene.write("for: 1h\narrivals: {job: chaos.steps, every: 2h, steady: true, payload: {steps: 3, pause_ms: 60000, children: 1}}\n"
                + handlers(chaos_steps=chaos, chaos_child=chaos) + "faults: {at: 90s, for: 30s, host: 1}\n")
    lines, summary = scene.run()
    assert [line["ms"] for line in events(lines, "start", "chaos.steps")] == [0, 120000]
    assert [line["ms"] for line in events(lines, "succeed", "chaos.steps")] == [240000]  # two steps were left
    assert of_type(summary, "chaos.child")["made"] == 3 == of_type(summary, "chaos.child")["succeeded"]
    assert of_type(summary, "chaos.steps")["lost"] == 1


@pytest.mark.parametrize("name", ["run-crash", "run-abort", "run-exit", "run-overflow"])
def test_a_plugins_code_crashes_alone(scene, name):
    kind = json.loads(subprocess.run([build.BINARY, "plugin", "check", build.plugin(name), "--offline", "--json"], capture_output=True,
                                     text=True, check=True, timeout=build.PATIENCE_S).stdout)["handlers"][0]
    scene.write(f"for: 6h\narrivals: {{job: {kind}, every: 7h, steady: true}}\nhandlers: {{{kind}: {{plugin: {build.plugin(name)}}}}}\n")
    lines, summary = scene.run()
    assert of_type(summary, kind)["crashed"] == 3 and [line["why"] for line in events(lines, "dead")] == ["quarantined"]


@pytest.mark.parametrize("file,words", [
    ("/nowhere.so", "nowhere.so"), (build.plugin("no-symbol"), "jobhost_plugin"), (build.plugin("abi"), ""), (HELLO, "has no handler a.b")])
def test_plugins_that_do_not_fit(scene, file, words):
    scene.write(f"for: 1h\narrivals: {{job: a.b, every: 1m}}\nhandlers: {{a.b: {{plugin: {file}}}}}\n")
    assert words in sim(scene.file, status=FAILED).stderr


def test_options_that_a_plugin_does_not_have(scene):
    scene.write("for: 1h\narrivals: {job: hello.say, every: 1m}\n" + handlers(hello_say=HELLO),
                f"plugins: {{hello: {{file: {HELLO}, config: {{pauze: 10m}}}}}}\n")
    assert "pauze" in sim(scene.file, status=FAILED).stderr


CALLS = "arrivals: {job: calls.run, every: %s, payload: {limit: l, calls: %d, hold_ms: %d, wait_ms: %d}}\n"


def calls_plugin():
    return handlers(calls_run=build.plugin("calls"))


def test_a_plugin_waits_for_a_limit(scene):
    scene.write("for: 10m\nslots: 12\n" + CALLS % ("3s", 5, 300, 30000) + calls_plugin(), "limits: {l: {rate: 60, per: 60s}}\n")
    lines, summary = scene.run()
    limit, = summary["calls"]
    assert 60 * 10 * 0.98 <= limit["granted"] <= 60 * 10 + 60
    ends = [line["ms"] for line in events(lines, "succeed")]
    assert len(ends) > 100 and most_within(ends, 60000) <= 60 / 5 + 12  # five calls each; those that ran at its beginning
    assert not events(lines, "retry") and not events(lines, "dead")
    assert scene.trace() == scene.trace()


def test_a_plugin_yields_for_a_limit(scene):
    scene.write("for: 30m\nslots: 4\n" + CALLS % ("10s", 1, 20000, 0) + calls_plugin(), "limits: {l: {concurrency: 1}}\n")
    lines, summary = scene.run()
    ends = [line["ms"] for line in events(lines, "succeed")]
    assert all(later - first >= 20000 for first, later in zip(ends, ends[1:])) and len(ends) > 50
    assert {line["why"].split(";")[0] for line in events(lines, "park")} == {"limiter l"}
    assert summary["parked_ms"]["limiter"] > 0


def test_slots_of_a_plugins_dead_process_come_back(scene):
    scene.write("for: 1h\nhosts: 2\n" + CALLS % ("20s", 2, 15000, 30000) + calls_plugin()
                + "faults: [{at: 5m, for: 10m, host: 1}, {at: 20m, for: 5m, crash: calls, probability: 30%}]\n", "limits: {l: {concurrency: 2}}\n")
    lines, summary = scene.run()
    assert of_type(summary, "calls.run")["lost"] > 0 and of_type(summary, "calls.run")["crashed"] > 0
    late = [line["ms"] for line in events(lines, "succeed") if line["ms"] > 30 * 60000]
    assert len(late) > 0.8 * 30 * 60 / 30 * 2  # both are at work


FETCHES = """for: 1h
arrivals: [{job: chaos.fetch, every: 10s, payload: {url: "https://api.example.com/v1/things?page=1", limit: api, limit_wait_ms: 20000, fail: api}}]
remotes:
  api: {url: "https://api.example.com/v1", takes: 50ms..2s, rate: 6, per: 1m, retry_after: 20s, headers: [X-RateLimit-Remaining],
        answers: [{path: /things, body: {items: [1, 2]}}]}
"""


def test_a_plugin_calls_by_http(scene):
    """The host's code, its limit and the remote's window: none comes too many, most of it is used, and the same trace again."""
    scene.write(FETCHES + chaos_handlers("fetch") + "expect: {over_rate: 0, remotes: {api: {never_more_than: 6, used_at_least: 90%}}}\n",
                "limits: {api: {rate: 6, per: 60s, learn: [X-RateLimit-Remaining]}}\n")
    lines, summary = scene.run()
    assert of_type(summary, "chaos.fetch")["succeeded"] > 300 and not events(lines, "dead")
    assert scene.trace() == scene.trace()


def test_what_a_remote_does_to_a_plugin(scene):
    """429 in a storm, nobody there while it is down, its own answers, and nobody whom no remote is."""
    scene.write(FETCHES.replace("rate: 6, per: 1m, ", "").replace("/things?page=1", "/gone")
                .replace("answers: [", "answers: [{path: /go*, status: 410}, ")
                + chaos_handlers("fetch"), "limits: {api: {rate: 1000, per: 60s}}\nbreakers: {network: {enabled: false}}\n")
    lines, _ = scene.run()
    assert {line["why"] for line in events(lines, "dead")} == {"permanent"}
    scene.write(FETCHES.replace("limit: api, ", "").replace("rate: 6, per: 1m, ", "") + chaos_handlers("fetch")
                + "faults: [{at: 10m, for: 5m, storm: api, retry_after: 30s}, {at: 30m, for: 5m, down: api}]\n",
                "breakers: {network: {enabled: false}}\n")
    lines, summary = scene.run()
    refused = [line["ms"] for line in events(lines, "refused_call")]
    assert refused and 600_000 <= min(refused) and max(refused) <= 902_000
    down = [line for line in events(lines, "retry") if line["why"].startswith("network;")]
    assert down and all(1_800_000 <= line["ms"] <= 2_102_000 for line in down)
    assert of_type(summary, "chaos.fetch")["succeeded"] > 250
    scene.write(FETCHES.replace('url: "https://api.example.com/v1"', 'url: "https://api.example.net"').replace("limit: api, ", "").replace("for: 1h", "for: 1m")
                + chaos_handlers("fetch"), "breakers: {network: {enabled: false}}\n")
    lines, _ = scene.run()
    assert {line["why"].split(";")[0] for line in events(lines, "retry")} == {"network"} and not events(lines, "succeed")


def test_calls_of_a_model_while_the_remote_is_down(scene):
    scene.write("for: 20m\narrivals: [{job: m.call, every: 10s}]\nhandlers: {m.call: {takes: 1s, calls: {count: 1, remote: api}}}\nremotes: {api: {}}\n"
                "faults: [{at: 5m, for: 5m, down: api}]\n", "breakers: {network: {enabled: false}}\n")
    lines, _ = scene.run()
    down = [line["ms"] for line in events(lines, "retry")]
    assert down and min(down) >= 300_000 and max(down) <= 602_000


def test_a_plugin_without_such_a_limit(scene):
    scene.write("for: 1m\n" + CALLS % ("10s", 1, 0, 0) + calls_plugin())
    lines, _ = scene.run()
    assert {line["why"] for line in events(lines, "dead")} == {"input"}  # -ENOENT, as it takes it


def chaos_handlers(*names):
    return handlers(**{"chaos_" + name: build.plugin("chaos") for name in names})


def test_a_plugin_waits_for_events(scene):
    scene.write("for: 3h\narrivals: [{job: chaos.await, every: 4h, steady: true, count: 3, payload: {names: [e, f, e]}, user: ann},"
                " {job: chaos.tell, every: 4h, from: 1h, steady: true, payload: {name: f}, user: ann},"
                " {job: chaos.tell, every: 4h, from: 30m, steady: true, payload: {name: f}, user: bob}]\n" + chaos_handlers("await", "tell")
                + "acts: [{at: 20m, publish: e}, {at: 2h, publish: e, payload: {n: 2}}, {at: 1m, publish: e, user: bob}]\n")
    lines, summary = scene.run()
    assert [(line["ms"], line["why"]) for line in events(lines, "park", "chaos.await") if line["job"] == events(lines, "park")[0]["job"]] == \
        [(0, "event e"), (1200000, "event f"), (3600000, "event e")]
    assert [line["ms"] for line in events(lines, "succeed", "chaos.await")] == [7200000] * 3
    assert [line["why"] for line in events(lines, "event")] == ["publishes f"] * 2
    assert summary["parked_ms"] == {"event": 3 * 7200000}


def test_a_plugin_asks_people(scene):
    scene.write("for: 2h\narrivals: {job: chaos.ask, every: 4h, steady: true, payload: {times: 2}}\n" + chaos_handlers("ask")
                + "acts: {at: 10m, every: 10m, resolve: chaos.ask}\n")
    lines, _ = scene.run()
    assert [(line["ms"], line["why"]) for line in events(lines, "park")] == [(0, "needs_operator q"), (600000, "needs_operator q2")]
    assert [line["ms"] for line in events(lines, "succeed")] == [1200000]


def test_a_plugins_flow(scene):
    script = '{first: [[enqueue, 4, chaos.leaf, {grow: 2, depth: 1}], [then, chaos.gather, {}]], park: true, ops: [[counts, 0]]}'
    scene.write("for: 1h\narrivals: {job: chaos.flow, every: 4h, steady: true, payload: %s}\n" % script + chaos_handlers("flow", "leaf", "gather")
                + "expect: {each_flow_once: true, flows_closed: 1}\n")
    lines, summary = scene.run()
    assert of_type(summary, "chaos.leaf")["succeeded"] == 4 + 4 * 2  # each has made two siblings
    assert [line["why"] for line in events(lines, "flow", "chaos.flow")] == ["closes: 12 succeeded, 0 dead, 0 cancelled, 0 duplicates"]
    assert collections.Counter(line["why"] for line in events(lines, "arrive") if "why" in line) == {"child": 4, "sibling": 8, "then": 1}
    assert of_type(summary, "chaos.gather")["succeeded"] == 1  # it has seen its flow


def test_a_plugins_flow_that_fails(scene):
    script = '{first: [[enqueue, 3, chaos.leaf, {die: true}], [enqueue, 3, chaos.nobody, {}], [then, chaos.gather, {}], [on_dead, 1]]}'
    scene.write("for: 1h\narrivals: {job: chaos.flow, every: 4h, steady: true, payload: %s}\n" % script + chaos_handlers("flow", "leaf", "gather")
                + "  chaos.nobody: {takes: 10m}\nexpect: {each_flow_once: true, flows_closed: 1}\n")
    lines, summary = scene.run()
    assert of_type(summary, "chaos.leaf")["dead"] > 0 and of_type(summary, "chaos.nobody")["cancelled"] == 3
    assert [line["why"] for line in events(lines, "dead", "chaos.gather")] == ["child_dead"]


# ---- expectations and files

@pytest.mark.parametrize("expect,word", [
    ("dead: 0", "dead: "), ("succeeded: 100000", "succeeded: "), ("wait_p99: 1ms", "wait_p99: "), ("wait_max: 1ms", "wait_max: "),
    ("late_max: 1ms", "late_max: "), ("late_p99: 1ms", "late_p99: "), ("jobs: {a.x: {dead: 0}}", "dead of a.x: "),
    ("jobs: {b.x: {succeeded: 1}}", "succeeded of b.x: 0, "), ("users: {ann: {wait_p99: 1ms, dead: 1000}}", "wait_p99 of ann: ")])
def test_what_does_not_hold(scene, expect, word):
    scene.write("for: 2h\nslots: 1\narrivals: {job: a.x, every: 10s, user: ann}\nhandlers: {a.x: {takes: 1s..30s, fails: {input: 5%}}}\n"
                f"expect: {{{expect}}}\n",
                "schedules: {t: {cron: '*/5 * * * *', job: s.x, jitter: 10s}}\n")
    done = sim(scene.file, status=FAILED)
    assert f"expected otherwise: {word}" in done.stderr and "1 expectation of" in done.stderr
    assert json.loads(sim(scene.file, "--json", status=FAILED).stdout.splitlines()[-2])["broken"][0].startswith(word)


# Lines that tell what each of the scenarios is about, in this order.
STORIES = {
    "storm": [r"fault +discogs: 429 storm begins", r"refused_call discogs of user\d+: 429", r"429 storm is over", r"limiter discogs; again",
              r"discogs +remote +\d+ +- +\d+ +-$"],
    "crash": [r"fault +parse: crashing begins", r"plugin +parse: left alone for", r"dead +parse.page: quarantined", r"plugin +parse: one returned",
              r"host 1 dies", r"host 1 starts again", r"store: is away", r"store: is back"],
    "flood": [r"video.render of flood: limiter renders:flood", r"^flood +48\d\d ", r"^user\d +1\d\d +\d+ +- +\S+ +\d[.]\ds "],
    "flow": [r"park +pay.order: needs_operator sim$", r"dead +import.part: input", r"cancel +import.part", r"park +scan.folder: children$",
             r"act +pay.order: answers [1-9]\d*: charged", r"lost +scan.page: host 1", r"act +scan.folder: cancels 1", r"cancel +scan.folder",
             r"flow +scan.folder: closes: \d+ succeeded, 0 dead, 3\d cancelled", r"schedule paused", r"skip +scan: skipped_paused",
             r"schedule resumed", r"flows were opened, \d+ closed"],
    "death": [r"host 1 dies", r"lost +video.export: host 1", r"return +video.export", r"limiter exports", r"host 1 starts again", r"host 2 dies",
              r"host 2 starts again", r"^video.export +45 +45 "],
    "outage": [r"host 2 dies", r"refuse +mail.send: no host is up", r"host 2 starts again", r"fire +all: caught_up",
               r"skip +latest: dropped_catch_up, 7 times", r"fire +latest: caught_up", r"skip +none: dropped_window, 6 times",
               r"skip +window: dropped_window, 4 times", r"store: is away", r"refuse +mail.send: the store is away", r"store: is back", r"queue paused",
               r"queue resumed", r"skip +latest: skipped_paused, 4 times"],
    "dst": [r"2026-03-29 01:00:00  fire +vixie: gap_moved", r"2026-03-29 01:30:00  fire +shift: gap_moved",
            r"2026-03-30 00:30:00  skip +skip: skipped_gap"],
}


@pytest.mark.parametrize("name", sorted(STORIES))
def test_scenarios_that_come_with_it(name, tmp_path):
    file = os.path.join(SCENARIOS, name + ".yaml")
    text = sim(file).stdout
    rest = text
    for line in STORIES[name]:
        found = re.search(line, rest, re.M)
        assert found, (line, text)
        rest = rest[found.end():]
    assert len(text.splitlines()) < 300
    if build.SANITIZED:
        return  # see `again`
    traces = []
    for seed in ("", "", "7"):
        trace = str(tmp_path / ("trace" + str(len(traces))))
        sim(file, "--trace", trace, *(["--seed", seed] if seed else []), status=None)
        with open(trace, "rb") as f:
            traces.append(f.read())
    assert traces[0] == traces[1] != traces[2]


def test_the_other_night():
    text = sim(os.path.join(SCENARIOS, "dst.yaml"), "--from", "2026-10-24T12:00:00Z").stdout
    for line in ("2026-10-25 00:30:00  fire         both: overlap_1", "2026-10-25 01:30:00  fire         both: overlap_2"):
        assert line in text, text


def test_a_year():
    sim(os.path.join(SCENARIOS, "year.yaml"), "--for", build.count("365d", "20d", "3d"), status=build.count(OK, FAILED, FAILED))


@pytest.mark.parametrize("text,words", [
    ("hosts: 0\n", "scene.yaml:1:8: hosts"), ("nobody: 1\n", "unknown key"), ("faults: [{at: 1h}]\n", "each fault is one of"),
    ("config: nowhere.yaml\n", "nowhere.yaml"), ("a: &x 1\n", "anchor"), ("{\n", "scene.yaml"), ("", "empty")])
def test_files_that_are_wrong(scene, text, words):
    assert words in sim(scene.write(text).file, status=USAGE).stderr


def test_options_that_are_wrong(scene):
    scene.write("for: 1m\n")
    for option, value in (("seed", "x"), ("seed", "-1"), ("from", "today"), ("for", "0s"), ("for", "soon")):
        assert f"--{option}: " in sim(scene.file, f"--{option}={value}", status=USAGE).stderr
    assert "No such file" in sim("nowhere.yaml", status=USAGE).stderr
    assert "trace" in sim(scene.file, "--trace", os.path.join(scene.folder, "no", "trace"), status=FAILED).stderr


@pytest.mark.parametrize("text", [
    "for: 3650d\nevents: 3000\narrivals: {job: a.x, every: 1ms, count: 10}\n",  # more than can be worked on
    "for: 3650d\nevents: 3000\narrivals: {job: a.x, every: 1s}\nhandlers: {a.x: {takes: 0s, children: {job: a.x, count: 2}}}\n",
    "for: 3650d\nevents: 3000\narrivals: {job: a.x, every: 1s}\nhandlers: {a.x: {takes: 0s, calls: {count: 10000, limit: l}}}\n"])
def test_what_does_not_end_is_ended(scene, text):
    done = sim(scene.write(text, "limits: {l: {rate: 1, per: 1d}}\n").file, status=FAILED)
    assert "more than 3000 events" in done.stderr


def test_a_limit_that_is_not_there(scene):
    scene.write("for: 1m\narrivals: {job: a.x, every: 1s}\nhandlers: {a.x: {takes: 0s, calls: {count: 1, limit: nolimit}}}\n")
    assert 'no limit "nolimit"' in sim(scene.file, status=FAILED).stderr


def test_a_signal_ends_it_and_nothing_is_left(scene):
    scene.write("for: 3650d\nevents: 1000000000\narrivals: {job: a.x, every: 1s}\n")
    with subprocess.Popen([build.BINARY, "sim", scene.file, "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        running.stdout.readline()  # it is at work
        running.send_signal(signal.SIGTERM)
        out, _ = running.communicate(timeout=build.PATIENCE_S)
        assert running.returncode == FAILED and b"given up" in out.splitlines()[-1]


def test_a_reader_that_goes_away_ends_it(scene):
    scene.write("for: 3650d\nevents: 1000000000\narrivals: {job: a.x, every: 1s}\n")
    with subprocess.Popen([build.BINARY, "sim", scene.file, "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        running.stdout.readline()
        running.stdout.close()
        assert running.wait(timeout=build.PATIENCE_S) == FAILED


# ---- for people

def test_the_timeline_is_short(scene):
    scene.write(BUSY, BUSY_CONFIG)
    text = sim(scene.file).stdout
    lines = text.splitlines()
    assert len(lines) < 700, len(lines)
    for words in ("host 1 dies", "host 1 starts again", "429 storm begins", "set by +20m", "is away", "TYPE", "SCHEDULE", "seed 1: "):
        assert words in text, words
    assert "\033" not in text
