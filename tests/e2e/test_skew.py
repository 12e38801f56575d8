"""Steps that another version of the code wrote: by every policy and in both directions, what parks and wakes by itself, and what people are
told."""
import os
import re

import pytest

from lib import build
from lib.builds import Builds, reload
from lib.cli import Cli
from lib.clock import Clock
from lib.procs import wait_until
from lib.redis import Redis

V1, RESUMES, ALONE, RESTARTABLE = "stateful-v1", "stateful-v2-resumes", "stateful-v2", "stateful-v2-restartable"


@pytest.fixture
def builds(folder):
    return Builds(folder)


@pytest.fixture
def redis(folder):
    server = Redis(os.path.join(folder, "redis")).start()
    yield server
    server.stop()


def config_of(builds, policy=None, **more):
    job = {} if policy is None else {"jobs": {"stateful.run": {"state_policy": policy}}}
    return {"plugins": {"stateful": {"file": builds.path, "workers": 1, "probation": "0s"}}, **job, **more}


def waiting(host, count=1):
    """Jobs that have a step and wait."""
    jobs = [host.submit("stateful.run", "x") for _ in range(count)]
    for job in jobs:
        wait_state(host, job, "parked")
    return jobs


def wait_state(host, job, state, park=None):
    def there():
        seen = host.job(job)
        return seen["state"] == state and (park is None or seen["parked"]["reason"] == park)
    wait_until(there, build.PATIENCE_S, lambda: f"{job} is {state} {park or ''}: {host.job(job)}")
    return host.job(job)


def go(host, job):
    """What it waits for has come."""
    host.act(job, "promote")


def replace(host, builds, plugin):
    builds.put(plugin)
    return reload(host)


def reasons(host, job):
    return host.explain(job)


def finished(host, job):
    host.wait_job(job)
    return host.result(job).decode()


def audited(host, action):
    return [e["target"] for e in host.get("/v1/audit")["items"] if e["action"] == action]


@pytest.mark.parametrize("old, new, says", [(V1, V1, "1 1"), (V1, RESUMES, "1 2"), (RESUMES, ALONE, "2 2")])
def test_resumed(make_host, builds, old, new, says):
    builds.put(old)
    host = make_host(config_of(builds, "fail"))
    host.start()
    [job] = waiting(host)
    builds.again(new)
    reload(host)
    go(host, job)
    assert finished(host, job) == says


@pytest.mark.parametrize("old, new, back, says", [(V1, ALONE, RESUMES, "1 2"), (RESUMES, V1, ALONE, "2 2")])
def test_park_and_wake(make_host, builds, old, new, back, says):
    """Without an attempt; across a restart of the host; woken by itself by a build that resumes its steps."""
    builds.put(old)
    host = make_host(config_of(builds))
    host.start()
    [job] = waiting(host)
    [other] = waiting(host)
    replace(host, builds, new)
    before = host.job(job)
    go(host, job)
    parked = wait_state(host, job, "parked", "state_version")
    assert parked["attempts"] == before["attempts"]
    versions = ("1", "2") if old == V1 else ("2", "1")
    text = f'its steps were written by version {versions[0]}, plugin "stateful" has {versions[1]}'
    assert reasons(host, job) == {"parked": text}
    assert text in host.read_log().replace('\\"', '"')
    fresh = host.submit("stateful.run", "x")  # has no steps
    wait_state(host, fresh, "parked", "event")
    host.restart()
    assert reasons(host, job) == {"parked": text}
    replace(host, builds, back)
    assert finished(host, job) == says
    assert audited(host, "job.wake") == [job]  # the others wait for something else
    go(host, other)
    assert finished(host, other) == says
    host.stop()


def test_wake_at_start(make_host, builds):
    """The build that resumes them comes with a new start."""
    builds.put(V1)
    host = make_host(config_of(builds))
    host.start()
    jobs = waiting(host, 3)
    replace(host, builds, ALONE)
    for job in jobs:
        go(host, job)
        wait_state(host, job, "parked", "state_version")
    host.stop()
    builds.put(RESUMES)
    host.start()
    assert [finished(host, job) for job in jobs] == ["1 2"] * 3


@pytest.mark.parametrize("old, new", [(V1, ALONE), (ALONE, V1)])
def test_fail(make_host, builds, old, new):
    builds.put(old)
    host = make_host(config_of(builds, "fail"))
    host.start()
    [job] = waiting(host)
    replace(host, builds, new)
    go(host, job)
    dead = wait_state(host, job, "dead")
    assert dead["error"]["code"] == "state_version"
    assert "were written by version" in dead["error"]["message"]
    assert [d["id"] for d in host.list("/v1/dlq", code="state_version")] == [job]


@pytest.mark.parametrize("old, new, says", [(V1, RESTARTABLE, "2 2"), (ALONE, "stateful-v1-restartable", "1 1")])
def test_restart(make_host, builds, old, new, says):
    builds.put(old)
    host = make_host(config_of(builds, "restart"))
    host.start()
    [job] = waiting(host)
    replace(host, builds, new)
    go(host, job)
    wait_until(lambda: host.job(job).get("steps", {}).get("state_version") == int(says[0]), build.PATIENCE_S, "it has begun again")
    wait_state(host, job, "parked", "event")
    assert host.job(job)["attempts"] == 0
    go(host, job)
    assert finished(host, job) == says


def test_restart_not_allowed(make_host, builds):
    """The handler has not said that beginning again does no harm; the policy is live."""
    builds.put(V1)
    config = config_of(builds, "restart")
    host = make_host(config)
    host.start()
    first, second = waiting(host, 2)
    replace(host, builds, ALONE)
    go(host, first)
    wait_state(host, first, "parked", "state_version")
    said = "state_policy is restart, but the handler does not allow that"
    assert said in reasons(host, first)["parked"]
    assert said in host.read_log()
    cli = Cli(host)
    doubt = "jobs.stateful.run: state_policy is restart, but its handler does not allow that"
    assert doubt in cli.raw("check").stderr
    assert doubt in cli.error("check", "--strict", status=1)
    assert doubt in "".join(cli.json("check")["warnings"])
    # an operator chooses
    assert first in cli("retry", first, "--restart", "--why", "paid nothing yet")
    assert "name ids" in cli.error("retry", "--restart", "--all", status=2)
    wait_state(host, first, "parked", "event")
    go(host, first)
    assert finished(host, first) == "2 2"
    assert audited(host, "job.restart") == [first]
    # what is parked feels a change of the policy
    go(host, second)
    wait_state(host, second, "parked", "state_version")
    host.configure(config_of(builds, "fail"))
    reload(host)
    wait_state(host, second, "dead")


def test_retry_without_steps(make_host, builds):
    """Of a dead job, and not of one that waits for something else."""
    builds.put(V1)
    host = make_host(config_of(builds, "fail"))
    host.start()
    job, other = waiting(host, 2)
    replace(host, builds, ALONE)
    go(host, job)
    wait_state(host, job, "dead")
    refused = host.expect(409, "POST", f"/v1/jobs/{other}/retry", body={"restart": True}).json
    assert refused["error"]["code"] == "wrong_state"
    host.expect(200, "POST", f"/v1/jobs/{job}/retry", body={})
    wait_state(host, job, "dead")  # its steps are still there
    host.expect(200, "POST", f"/v1/jobs/{job}/retry", body={"restart": True})
    wait_state(host, job, "parked", "event")
    host.expect(400, "POST", f"/v1/jobs/{job}/cancel", body={"restart": True})


def test_on_redis(make_host, builds, redis):
    """As on SQLite; what one host has parked another one, which resumes it, wakes."""
    builds.put(V1)
    host = make_host(config_of(builds, store={"url": f"unix:{redis.socket}"}))
    host.start()
    job, left, third = waiting(host, 3)
    replace(host, builds, ALONE)
    for each in (job, left):
        go(host, each)
        wait_state(host, each, "parked", "state_version")
    host.act(left, "retry", restart=True)
    wait_state(host, left, "parked", "event")
    replace(host, builds, RESUMES)
    assert finished(host, job) == "1 2"
    go(host, left)
    assert finished(host, left) == "2 2"
    replace(host, builds, ALONE)
    go(host, third)
    wait_state(host, third, "parked", "state_version")
    host.stop()
    builds.put(RESUMES)
    other = make_host(config_of(builds, store={"url": f"unix:{redis.socket}"}), name="other")
    other.start()
    assert finished(other, third) == "1 2"
    other.assert_sound()


def test_removed_handler(make_host, builds):
    """Its jobs stay and are counted, whatever they wait for; they are dead when that is asked for."""
    builds.put(V1)
    host = make_host(config_of(builds))
    host.start()
    [parked] = waiting(host)
    [done] = waiting(host)
    go(host, done)
    host.wait_job(done)
    host.post("/v1/queues/stateful/pause", {"why": "a test"})
    queued = [host.submit("stateful.run", "x") for _ in range(3)]
    later = host.submit("stateful.run", "x", delay="1h")
    builds.put("stateful-other")
    report = reload(host)
    item = report["plugins"][0]
    text = "5 jobs of stateful.run wait and nobody takes them"
    assert (item["verdict"], item["warning"]) == ("changed", text)
    assert item["orphans"] == [{"type": "stateful.run", "jobs": 5, "more": False}]
    assert host.get("/v1/reload")["plugins"] == report["plugins"]
    assert text in host.read_log()
    host.post("/v1/queues/stateful/resume")
    assert "no_handler" in host.explain(queued[0])
    cli = Cli(host)
    assert text not in cli.raw("reload", "--wait").stderr  # nothing new to say
    builds.put(V1)
    reload(host)
    wait_state(host, queued[0], "parked", "event")
    builds.put("stateful-other")
    said = cli.raw("reload", "--wait")
    assert text in said.stderr and said.returncode == 0
    left = [parked, *queued, later]
    assert all(host.job(job)["state"] in ("parked", "queued", "scheduled") for job in left)
    cli("reload", "--force")
    for job in left:
        assert wait_state(host, job, "dead")["error"]["code"] == "no_handler"
    wait_until(lambda: sorted(audited(host, "job.bury")) == sorted(left), build.PATIENCE_S, "all are in the audit log")
    assert host.job(done)["state"] == "succeeded"
    cli("reload", "--force", "--wait")
    assert sorted(audited(host, "job.bury")) == sorted(left)
    host.assert_sound()


def test_removed_plugin(make_host, builds):
    """With the reload that takes it away; more than one page of jobs."""
    builds.put(V1)
    config = config_of(builds)
    host = make_host(config)
    host.start()
    jobs = waiting(host, 60)
    config["plugins"] = {"ok": {"file": build.plugin("ok-v1")}}
    host.configure(config)
    report = host.expect(200, "POST", "/v1/reload", query={"wait": "1", "force": "1"}).json
    removed = next(p for p in report["plugins"] if p["plugin"] == "stateful")
    assert removed["verdict"] == "removed"
    assert removed["orphans"] == [{"type": "stateful.run", "jobs": 60, "more": False}]
    for job in jobs:
        wait_state(host, job, "dead")


def test_plugin_check(make_host, builds):
    """What a file would do to the jobs of a running host."""
    builds.put(V1)
    host = make_host(config_of(builds, "restart"))
    cli = Cli(host)

    def check(plugin, *args, status=0):
        return cli.json("plugin", "check", build.plugin(plugin), *args, status=status)

    assert "jobs" not in check(ALONE)  # no host, no jobs
    host.start()
    assert (check(ALONE)["breaks"], check(ALONE)["jobs"]) == (False, [])
    jobs = waiting(host, 4)
    host.post("/v1/queues/stateful/pause", {"why": "a test"})
    go(host, jobs[0])
    fresh = host.submit("stateful.run", "x")  # has no steps
    for plugin, becomes, status in [(V1, "go_on", 0), (RESUMES, "go_on", 0), (RESTARTABLE, "restart", 0), (ALONE, "park", 1)]:
        found = check(plugin, status=status)
        assert found["ok"] and found["breaks"] is (status == 1)
        row, = found["jobs"]
        ids = row.pop("ids")
        assert row == {"type": "stateful.run", "steps_version": 1, "becomes": becomes, "jobs": 4, "states": {"queued": 1, "parked": 3}}
        assert len(ids) == 3 and set(ids) < set(jobs)
    assert "jobs" not in check(ALONE, "--offline")
    lost = check("stateful-other", status=1)["jobs"]
    assert [(r["type"], r["becomes"], r["jobs"], "steps_version" in r) for r in lost] == [("stateful.run", "no_handler", 5, False)]
    host.configure(config_of(builds, "fail"))
    reload(host)
    assert check(ALONE, status=1)["jobs"][0]["becomes"] == "fail"
    said = cli.raw("plugin", "check", build.plugin(ALONE))
    assert said.returncode == 1 and re.search(r"stateful\.run +1 +fail +4 +1 queued, 3 parked +[0-9a-f-]{36}", said.stdout)
    assert cli.raw("plugin", "check", build.plugin("noop")).returncode == 0  # another plugin
    assert cli.error("plugin", "check", build.plugin(ALONE), "--socket", "/nowhere", status=3)
    assert host.job(fresh)["state"] == "queued"


def pinned(host):
    """Generations that stay for jobs of old steps."""
    return [g for g in host.get("/v1/generations")["items"] if g["state"] == "pinned"]


def remembered(host):
    with open(os.path.join(host.state_dir, "run", "pins.json"), encoding="utf-8") as text:
        return text.read()


def wait_pinned(host, count):
    wait_until(lambda: len(pinned(host)) == count, build.PATIENCE_S, lambda: f"{count} pinned: {host.get('/v1/generations')}")
    return pinned(host)


def test_pin(make_host, builds, folder):
    """A job ends on the code that wrote its steps, also after a restart of the host; that goes when its last job has."""
    clock = Clock.create(f"{folder}/clock")
    builds.put(V1)
    host = make_host(config_of(builds, "pin"), env={"JOBHOST_TEST_CLOCK": clock.path})
    host.start()
    first, second, third = waiting(host, 3)
    replace(host, builds, ALONE)
    [old] = wait_pinned(host, 1)
    assert not old["current"]
    go(host, first)
    assert finished(host, first) == "1 1"
    [fresh] = waiting(host)  # new jobs go to the new code
    assert host.job(fresh)["steps"]["state_version"] == 2
    for _ in range(4):  # more builds than snapshots that are kept for nobody
        builds.again(ALONE)
        reload(host)
    host.restart()
    assert wait_pinned(host, 1)[0]["sha256"] == old["sha256"]
    go(host, second)
    assert finished(host, second) == "1 1"
    host.end_worker(wait_pinned(host, 1)[0]["workers"][0]["pid"])  # another one takes its place
    go(host, third)
    assert finished(host, third) == "1 1"

    def looked():
        clock.advance(61_000)
        return not pinned(host)
    wait_until(looked, build.PATIENCE_S, "nobody needs it any more")
    wait_until(lambda: old["sha256"] not in remembered(host), build.PATIENCE_S, "nor is it remembered")
    go(host, fresh)
    assert finished(host, fresh) == "2 2"
    assert "pinned" not in Cli(host)("generations")
    host.stop()
    clock.close()


def test_pin_many(make_host, builds):
    """More jobs than it holds at once: the others park, and are woken when it has room."""
    builds.put(V1)
    host = make_host(config_of(builds, "pin"))
    host.start()
    jobs = waiting(host, 130)
    replace(host, builds, ALONE)
    wait_pinned(host, 1)
    assert re.search(r"stateful +\d+ \(old\) +pinned", Cli(host)("generations"))
    host.post("/v1/queues/stateful/pause", {"why": "a test"})
    for job in jobs:
        go(host, job)
    host.post("/v1/queues/stateful/resume")
    for job in jobs:
        assert finished(host, job) == "1 1"
    assert audited(host, "job.wake")  # some had to wait
    host.assert_sound()


@pytest.mark.parametrize("why", ["age", "snapshot"])
def test_pin_is_over(make_host, builds, folder, why):
    """After its time, and when its snapshot is gone; a build that resumes the steps wakes its jobs."""
    clock = Clock.create(f"{folder}/clock")
    builds.put(V1)
    config = config_of(builds, "pin")
    config["plugins"]["stateful"]["pin_max_age"] = "1h"
    host = make_host(config, env={"JOBHOST_TEST_CLOCK": clock.path})
    host.start()
    job, other = waiting(host, 2)
    replace(host, builds, ALONE)
    [old] = wait_pinned(host, 1)
    if why == "age":
        clock.advance(3_600_000)
        wait_pinned(host, 0)
    else:
        host.stop()
        os.unlink(os.path.join(host.state_dir, "run", "so", f"{old['sha256']}.so"))
        host.start()
        assert "its snapshot is gone" in host.read_log()
    go(host, job)
    wait_state(host, job, "parked", "pin_unavailable")
    assert "its steps are of version 1" in host.explain(job)["parked"]
    replace(host, builds, RESUMES)
    assert finished(host, job) == "1 2"
    go(host, other)
    assert finished(host, other) == "1 2"
    host.stop()
    clock.close()


def test_pin_on_redis(make_host, builds, folder, redis):
    """A pin is a host's own: what another host has parked comes to it when it looks around."""
    clock = Clock.create(f"{folder}/clock")
    builds.put(V1)
    config, env = config_of(builds, "pin", store={"url": f"unix:{redis.socket}"}), {"JOBHOST_TEST_CLOCK": clock.path}
    host = make_host(config, env=env)
    host.start()
    jobs = waiting(host, 20)
    replace(host, builds, ALONE)
    wait_pinned(host, 1)
    other = make_host(config, name="other", env=env)
    other.start()
    assert not pinned(other)
    for job in jobs:
        go(other, job)

    def done():
        clock.advance(61_000)
        return all(host.job(job)["state"] == "succeeded" for job in jobs)
    wait_until(done, build.PATIENCE_S, lambda: f"all have ended: {[host.job(job)['state'] for job in jobs]}")
    assert {host.result(job) for job in jobs} == {b"1 1"}
    host.assert_sound()
    other.stop()
    host.stop()
    clock.close()
