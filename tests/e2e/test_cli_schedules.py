"""`jobhost schedules ...` against a real host."""
import json
import re

import pytest

from lib.cli import FAILED, USAGE, Cli
from lib.host import chaos

JOB = re.compile(r"^[0-9a-f-]{36}\n$")
WINDOW = ("--from", "2026-01-01T00:00:00Z", "--to", "2026-01-01T03:00:00Z")


@pytest.fixture
def cli(make_host):
    host = make_host({"plugins": chaos(), "schedules": {"filed": {"cron": "@yearly", "timezone": "Europe/Berlin", "job": "chaos.echo"}}})
    host.start()
    return Cli(host)


def test_list_show_put_rm(cli):
    cli("schedules", "put", "mine", json.dumps({"cron": "@hourly", "job": "chaos.echo", "payload": {"a": 1}}))
    assert cli("schedules", "put", "mine", "-", stdin='{"cron": "@daily", "job": "chaos.echo"}') == "mine is stored anew\n"
    lines = cli("schedules").splitlines()
    assert lines[0].split() == ["SCHEDULE", "STATE", "CRON", "ZONE", "NEXT", "LAST", "RUNNING", "WAITING", "WHY"]
    assert [line.split()[:4] for line in lines[1:]] == [["filed", "active", "@yearly", "Europe/Berlin"], ["mine", "active", "@daily", "UTC"]]
    assert [s["name"] for s in cli.json("schedules")["items"]] == ["filed", "mine"]
    page = cli("schedules", "mine")
    assert re.search(r"^owner +api$", page, re.MULTILINE) and re.search(r"^cron +@daily$", page, re.MULTILINE) and re.search(r"^next .*\(in ", page, re.MULTILINE)
    assert cli("schedules", "rm", "mine", "--why", "over") == "mine is removed\n"
    assert "no schedule of this name" in cli.error("schedules", "mine", status=FAILED)
    assert "configuration" in cli.error("schedules", "rm", "filed", status=FAILED)
    assert "not valid JSON" in cli.error("schedules", "put", "x", "{cron}", status=USAGE)
    assert "is required" in cli.error("schedules", "put", "x", '{"cron": "@daily"}', status=FAILED)


def test_run_pause_resume_backfill_ledger(cli):
    cli("schedules", "put", "s", json.dumps({"cron": "@hourly", "job": "chaos.echo", "start_at": "2026-01-01T00:00:00Z"}))
    job = cli("schedules", "run", "s")
    assert JOB.match(job)
    cli.host.wait_job(job.strip(), "succeeded")
    assert "--why" in cli.error("schedules", "pause", "s", status=USAGE)
    assert cli("schedules", "pause", "s", "--why", "a look") == "s is paused\n"
    assert re.search(r"^paused for +a look$", cli("schedules", "s"), re.MULTILINE)
    assert cli("schedules", "resume", "s") == "s is running\n"
    assert "--from" in cli.error("schedules", "backfill", "s", status=USAGE)
    assert cli("schedules", "backfill", "s", *WINDOW) == "4 jobs made, 0 were there, 0 refused\n"
    assert cli.json("schedules", "backfill", "s", *WINDOW) == {"name": "s", "made": 0, "existing": 4, "refused": 0}
    lines = cli("schedules", "ledger", "s").splitlines()
    assert lines[0].split() == ["VERDICT", "NOMINAL", "TIMES", "WRITTEN", "JOB", "REASON"]
    assert [line.split()[0] for line in lines[1:]] == ["queued"] * 4 + ["fire"] and job.strip() in lines[-1]
    assert len(cli("schedules", "ledger", "s", "--verdict", "fire").splitlines()) == 2
    assert len(cli.json("schedules", "ledger", "s", "-n", "2")["items"]) == 2
