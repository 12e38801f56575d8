"""When schedules come: `jobhost schedules preview` against a walk through every minute (lib/cronwalk.py), against two packages of npm
where they agree, and what the command prints and refuses."""
import datetime
import json
import os
import random
import subprocess
import zoneinfo

import pytest

from lib import build, cronwalk, node
from lib.cli import FAILED, OK, USAGE

UTC = datetime.timezone.utc
DST = ["vixie", "shift", "skip", "both"]

# With summer time north and south, by 30 minutes and by 2 hours, at midnight, in the exception; with quarter hours, a day that is missing,
# changes around Ramadan, of the standard offset, and none; as far as +14 and -12.
ZONES = ["America/New_York", "America/Los_Angeles", "America/St_Johns", "America/Santiago", "America/Havana", "America/Nuuk",
         "America/Caracas", "Europe/Berlin", "Europe/London", "Europe/Dublin", "Europe/Lisbon", "Europe/Moscow", "Europe/Istanbul",
         "Africa/Casablanca", "Africa/Cairo", "Asia/Beirut", "Asia/Tehran", "Asia/Kathmandu", "Asia/Kolkata", "Asia/Pyongyang",
         "Asia/Jerusalem", "Asia/Gaza", "Australia/Lord_Howe", "Australia/Sydney", "Antarctica/Troll", "Antarctica/Casey",
         "Pacific/Apia", "Pacific/Chatham", "Pacific/Kiritimati", "Etc/GMT+12", "UTC"]
# Changes that must be among the stretches, whatever chance says.
REMARKABLE = {"Pacific/Apia": "2011-12-30T10", "Australia/Lord_Howe": "2026-10-03T15", "Antarctica/Troll": "2026-03-29T01",
              "Europe/Dublin": "2026-10-25T01", "Africa/Casablanca": "2026-02-15T02", "Asia/Beirut": "2026-03-28T22",
              "Asia/Pyongyang": "2018-05-04T15", "America/Caracas": "2016-05-01T07", "Europe/Istanbul": "2015-11-08T01",
              "Africa/Cairo": "2014-06-26T22", "America/New_York": "2050-03-13T07", "Europe/Berlin": "2100-10-31T01"}


def preview(*args, status=OK, env=None):
    done = subprocess.run([build.BINARY, "schedules", "preview", *args], capture_output=True, text=True, check=False,
                          timeout=build.PATIENCE_S, env={**os.environ, **(env or {})})
    assert done.returncode == status, (args, done.returncode, done.stdout[-500:], done.stderr)
    return done


def text_of(instant):
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")


def times(expression, zone, begin, end, dst="vixie", days="or"):
    """As cronwalk has them: [(instant, nominal, mark)]; of what is left out, what instant it would have been is not said."""
    last = begin - datetime.timedelta(seconds=1), end - datetime.timedelta(seconds=1)
    done = preview("--cron", expression, "--timezone", zone, "--dst", dst, "--days", days, "--json",
                   "--from", text_of(last[0]), "--until", text_of(last[1]))
    out = []
    for item in json.loads(done.stdout)["items"]:
        instant = None if "utc" not in item else datetime.datetime.fromisoformat(item["utc"].replace("Z", "+00:00"))
        nominal = datetime.datetime.fromisoformat(item["nominal"])
        if instant is not None:
            local = datetime.datetime.fromisoformat(item["local"])
            assert local == instant and (item.get("mark") == "gap_moved" or local.replace(tzinfo=None) == nominal), item
        out.append((instant, nominal, item.get("mark", "")))
    return out


# ---- random expressions

def some(r, low, high, names=()):
    kind = r.randrange(8)
    a, b = sorted(r.sample(range(low, high + 1), 2))
    if kind < 3:
        return str(a)
    if kind < 5:
        return ",".join(str(n) for n in sorted({r.randint(low, high) for _ in range(3)}))
    if kind == 5:
        return f"{a}-{b}"
    if kind == 6:
        return f"{a}-{b}/{r.randint(1, 9)}"
    return names[a - low] if names else f"{a}/{r.randint(1, 20)}"


def random_expression(r):
    minute = r.choice(["*", "*/5", "*/7", "*/15", "0", "30", "15,45", some(r, 0, 59), some(r, 0, 59)])
    hour = r.choice(["*", "*/2", "0", "1", "2", "3", "0-3", "1,2,3", "1-4/2", "23", some(r, 0, 4), some(r, 0, 23)])
    day = r.choice(["*"] * 8 + ["?", "L", "LW", "1W", "15W", f"{r.randint(1, 31)}W", "*/2", some(r, 1, 31), some(r, 1, 31) + ",L"])
    month = r.choice(["*"] * 10 + ["*/2", "MAR", "10-12", some(r, 1, 12, cronwalk.MONTHS)])
    week = r.choice(["*"] * 8 + ["?", "SUN", "1-5", "SAT-SUN", "SUN#1", "7L", f"{r.randint(0, 7)}#{r.randint(1, 5)}", "MON#2,FRIL",
                                "*/2", some(r, 0, 7)])
    fields = [minute, hour, day, month, week]
    return " ".join(fields if r.random() < .85 else [r.choice(["0", "30", "5,59", "*/30", "17"]), *fields])


def changes(zone, year):
    """The hours of a year in which the zone's offset changes."""
    tz = zoneinfo.ZoneInfo(zone)
    t = datetime.datetime(year, 1, 1, tzinfo=UTC)
    before = t.astimezone(tz).utcoffset()
    while t.year == year:
        t += datetime.timedelta(hours=1)
        now = t.astimezone(tz).utcoffset()
        if now != before:
            yield t
        before = now


def stretches(zone, r):
    """Days around changes, around 29 February, at the end of a year, and anywhere."""
    middles = [datetime.datetime.fromisoformat(REMARKABLE[zone] + ":00:00+00:00")] if zone in REMARKABLE else []
    found = list(changes(zone, r.randint(1975, 2060)))
    middles += r.sample(found, min(2, len(found)))
    middles.append(datetime.datetime(r.choice([1972, 2000, 2028, 2100]), 2, 28, 12, tzinfo=UTC))
    middles.append(r.choice([datetime.datetime(r.randint(1971, 2090), 12, 31, 22, tzinfo=UTC),
                             datetime.datetime(r.randint(1971, 2090), 1, 1, tzinfo=UTC) + datetime.timedelta(days=r.randint(3, 350))]))
    for middle in middles:
        yield middle - datetime.timedelta(hours=36), middle + datetime.timedelta(hours=r.choice([30, 60]))


@pytest.mark.parametrize("zone", ZONES)
def test_every_minute(zone):
    full = os.environ.get("JOBHOST_FULL")
    seed = random.randrange(1 << 30) if full else 7
    r = random.Random(f"{seed} {zone}")
    seen = 0
    for begin, end in stretches(zone, r):
        walk = cronwalk.Stretch(zone, begin, end)
        for _ in range(40 if full else 12):
            expression, dst, days = random_expression(r), r.choice(DST), r.choice(["or", "or", "and"])
            want = walk.times(cronwalk.Expression(expression, days), dst)
            args = ["--cron", expression, "--days", days, "-n", "1", "--json"]
            if not want and subprocess.run([build.BINARY, "schedules", "preview", *args], capture_output=True, check=False).returncode:
                continue  # it never comes
            got = times(expression, zone, begin, end, dst, days)
            order = sorted(got, key=lambda t: (t[2] == "gap_skipped", t[1], t[0] or begin))
            want = sorted(want, key=lambda t: (t[2] == "gap_skipped", t[1], t[0]))
            want = [(None if mark == "gap_skipped" else instant, nominal, mark) for instant, nominal, mark in want]
            assert order == want, (seed, expression, zone, dst, days, text_of(begin), text_of(end))
            fires = [t[0] for t in got if t[0] is not None]
            assert fires == sorted(set(fires))
            seen += len(want)
    assert seen > 100


# ---- two packages, away from changes

def test_against_packages():
    """Where croner and cron-parser say the same, so does jobhost."""
    node.need("croner", "cron-parser")
    r = random.Random(11)
    cases = []
    for zone in ["UTC", "Asia/Kathmandu", "Pacific/Kiritimati", "America/Bogota", "Africa/Lagos", "Etc/GMT+12"]:  # without changes
        for _ in range(60):
            start = datetime.datetime(r.randint(1990, 2080), r.randint(1, 12), r.randint(1, 28), r.randint(0, 23), 5, tzinfo=UTC)
            cases.append([random_expression(r), zone, text_of(start)])
    done = subprocess.run(["node", node.path("cron_times.mjs")], input=json.dumps(cases), capture_output=True, text=True, check=True,
                          timeout=build.PATIENCE_S)
    agreed = 0
    for (expression, zone, start), (one, two) in zip(cases, json.loads(done.stdout)):
        if one is None or one != two or not one:
            continue
        agreed += 1
        answer = json.loads(preview("--cron", expression, "--timezone", zone, "--from", start, "-n", str(len(one)), "--json").stdout)
        assert [item["utc"] for item in answer["items"]] == one, (expression, zone, start)
    assert agreed > 100


# ---- the command

CONFIG = """
schedules:
  nightly: {cron: "30 2 * * *", timezone: Europe/Berlin, job: a.b}
  prefixed: {cron: "CRON_TZ=Asia/Kathmandu 0 9 * * MON", job: a.b, jitter: 5m}
  off: {cron: "@hourly", job: a.b, enabled: false}
  halted: {cron: "@hourly", job: a.b, paused: true}
  limited: {cron: "@hourly", job: a.b, start_at: "2026-03-29T02:00:00Z", end_at: "2026-03-29T03:00:00Z"}
  beat: {cron: "@every 90m", job: a.b, start_at: "2026-03-29T00:10:00Z"}
"""


@pytest.fixture(name="file")
def config_file(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG, encoding="utf-8")
    return str(path)


def items(*args):
    return json.loads(preview(*args, "--json").stdout)["items"]


def test_file(file):
    one = items("nightly", "-c", file, "--from", "2026-03-28T12:00:00Z", "-n2")
    assert one == [
        {"schedule": "nightly", "nominal": "2026-03-29T02:30:00", "local": "2026-03-29T03:00:00+02:00", "mark": "gap_moved",
         "utc": "2026-03-29T01:00:00.000Z", "fires_at": "2026-03-29T01:00:00.000Z", "offset": 7200},
        {"schedule": "nightly", "nominal": "2026-03-30T02:30:00", "local": "2026-03-30T02:30:00+02:00",
         "utc": "2026-03-30T00:30:00.000Z", "fires_at": "2026-03-30T00:30:00.000Z", "offset": 7200}]
    prefixed = items("prefixed", "-c", file, "--from", "2026-03-28T12:00:00Z", "-n3")
    assert [i["local"] for i in prefixed] == [f"2026-{day}T09:00:00+05:45" for day in ("03-30", "04-06", "04-13")]
    assert all(i["utc"] <= i["fires_at"] <= i["utc"].replace("03:15:00", "03:20:00") for i in prefixed)
    assert prefixed == items("prefixed", "-c", file, "--from", "2026-03-28T12:00:00Z", "-n3")
    limited = items("limited", "-c", file, "--from", "2026-03-28T12:00:00Z")
    assert [i["utc"] for i in limited] == ["2026-03-29T02:00:00.000Z", "2026-03-29T03:00:00.000Z"]
    beat = items("beat", "-c", file, "--from", "2026-03-28T12:00:00Z", "-n2")
    assert [i["utc"] for i in beat] == ["2026-03-29T00:10:00.000Z", "2026-03-29T01:40:00.000Z"]
    both = items("-c", file, "--from", "2026-03-28T12:00:00Z", "--until", "2026-03-29T03:00:00Z")
    assert {i["schedule"] for i in both} == {"nightly", "halted", "limited", "beat"}


def test_for_people(file):
    done = preview("-c", file, "--from", "2026-10-24T12:00:00Z", "-n1")
    rows = [line.split() for line in done.stdout.splitlines()]
    assert rows[0] == ["SCHEDULE", "LOCAL", "UTC", "NOTE"]
    assert rows[1] == ["nightly", "2026-10-25T02:30:00+02:00", "2026-10-25T00:30:00Z", "overlap", "1/2"]
    assert rows[2][0] == "prefixed" and rows[2][3] == "jitter"
    assert done.stderr == "halted is paused; these would be its times\n"
    assert preview("off", "-c", file).stderr == "off is off; these would be its times\n"
    skipped = preview("--cron", "30 2 * * *", "--timezone", "Europe/Berlin", "--dst", "skip", "--from", "2026-03-28T12:00:00Z", "-n1")
    assert skipped.stdout.splitlines()[1].split(None, 3) == ["--cron", "2026-03-29T02:30:00", "-", "gap: skipped"]
    assert "start of the host" in preview("--cron", "@reboot").stderr
    assert "from when a host stored it" in preview("--cron", "@every 5m").stderr


def test_refusals(file):
    assert "the hour, column 3" in preview("--cron", "0 24 * * *", status=USAGE).stderr
    assert 'did you mean "Europe/Berlin"' in preview("--cron", "@daily", "--timezone", "Berlin", status=USAGE).stderr
    assert "time zone" in preview("--cron", "@daily", "--timezone", "../../etc/passwd", status=USAGE).stderr
    assert "never comes" in preview("--cron", "0 0 15 * MON#1", "--days", "and", status=USAGE).stderr
    assert 'did you mean "nightly"' in preview("nightli", "-c", file, status=FAILED).stderr
    for args in (["nightly", "--cron", "@daily"], ["--dst", "skip", "-c", file], ["--cron", "@daily", "--dst", "never"],
                 ["--cron", "@daily", "-n0"], ["--cron", "@daily", "-n100001"], ["--cron", "@daily", "-nx"],
                 ["--cron", "@daily", "--from", "tomorrow"], ["--cron", "@daily", "--until", "x"], ["a", "b"]):
        preview(*args, status=USAGE)


def test_most(file):
    assert len(items("--cron", "* * * * *", "-n100000")) == 100000
    assert len(items("halted", "-c", file, "--from", "2026-01-01T00:00:00Z", "--until", "2026-01-02T00:00:00Z")) == 24


def test_tzdata_version(tmp_path):
    """Of the database that is used: TZDIR's."""
    (tmp_path / "+VERSION").write_text("2031z\n", encoding="utf-8")
    env = {"TZDIR": str(tmp_path)}
    assert json.loads(preview("--cron", "@daily", "--json", env=env).stdout)["tzdata"] == "2031z"
    preview("--cron", "@daily", "--timezone", "Europe/Berlin", status=USAGE, env=env)


def test_the_process_zone_does_not_matter():
    args = ["--cron", "30 2 * * *", "--timezone", "Europe/Berlin", "--from", "2026-03-28T12:00:00Z", "--json"]
    assert preview(*args, env={"TZ": "America/New_York"}).stdout == preview(*args, env={"TZ": "UTC"}).stdout
