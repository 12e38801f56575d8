"""Breakers of scopes at work: who is left alone after failures, until when, and what people see of it, on both stores, by a clock that the
test moves."""
import datetime
import re

import pytest

from lib import build
from lib.api import Unreachable
from lib.cli import Cli
from lib.host import chaos
from lib.procs import wait_until

MINUTE = 60_000
SOON = {"retry": {"backoff": "fixed", "base": "10ms", "jitter": 0, "max": 100}}
HANDLER = "network:chaos:chaos.fail"


@pytest.fixture
def make(store, make_host, clock):
    """make() is a running host with breakers."""
    def made(name="host", threads=4, **sections):
        config = {"plugins": chaos(workers=1, threads=threads), "breakers": {}, "jobs": {"chaos.fail": SOON}, **store, **sections}
        host = make_host(config, name=name, env={"JOBHOST_TEST_CLOCK": clock.path})
        host.store = store
        host.start()
        return host

    yield made
    clock.speed(1)  # a drain looks at the clock


def time_of(ms):
    return datetime.datetime.fromtimestamp(ms / 1000, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.") + f"{ms % 1000:03d}Z"


def breaker(host, name=HANDLER):
    return next((b for b in host.get("/v1/breakers")["items"] if b["name"] == name), None)


def reason(host, job, code="scope_breaker"):
    return next((r for r in host.get(f"/v1/jobs/{job}/explain")["reasons"] if r["code"] == code), None)


def opened(host, failures=1, name=HANDLER):
    return wait_until(lambda: (b := breaker(host, name)) and b["state"] == "open" and b["failures"] == failures and b,
                      build.PATIENCE_S, f"{name} is open")


def test_those_that_fail_together_are_one_failure(make, clock):
    """Nobody starts for ten minutes, then one, and when that has succeeded all."""
    host = make(threads=8)
    jobs = host.submit_many([{"type": "chaos.fail", "payload": {"times": 1 if i < 8 else 0}} for i in range(50)])
    seen = opened(host)
    assert seen["open_until"] == time_of(clock.wall_ms() + 10 * MINUTE) and seen["class"] == "network", seen
    wait_until(lambda: host.queue("chaos")["states"].get("running", 0) == 0, build.PATIENCE_S, "all have come to rest")
    assert breaker(host)["failures"] == 1
    assert 1 <= sum(host.job(j)["attempts"] for j in jobs) <= 8
    why = reason(host, jobs[-1])
    assert HANDLER in why["detail"] and why["clears_at"] == seen["open_until"], why
    waiting = re.search(r'^jobhost_waiting_jobs\{reason="scope_breaker"\} (\d+)', host.call("GET", "/metrics").raw.decode(), re.MULTILINE)
    assert waiting and int(waiting[1]) == host.queue("chaos")["states"]["queued"]
    clock.advance(10 * MINUTE - 1)
    assert breaker(host)["state"] == "open" and host.job(jobs[-1])["state"] == "queued"
    clock.advance(1)
    host.wait_all(jobs, "succeeded")
    assert breaker(host) is None
    host.assert_sound()


def test_it_doubles_and_a_reset_ends_it(make, clock, folder):
    host = make()
    job = host.submit("chaos.fail", {"class": "upstream"})
    for n, minutes in enumerate([10, 20, 40, 60, 60], 1):
        seen = opened(host, n)
        assert seen["open_until"] == time_of(clock.wall_ms() + minutes * MINUTE), (n, seen)
        assert host.job(job)["attempts"] == n
        clock.advance(minutes * MINUTE)
    opened(host, 6)
    done = host.submit("chaos.fail", {"class": "input", "message": "it ran"})
    cli = Cli(host)
    assert HANDLER in cli("breakers") and "open" in cli("breakers")
    assert cli.json("breakers")["items"] == host.get("/v1/breakers")["items"]
    assert cli("breakers", "reset", HANDLER, "--why", "it is up again") == f"{HANDLER} is closed\n"
    assert host.wait_job(done, "dead")["error"]["message"] == "it ran"
    entry = host.get("/v1/audit")["items"][0]
    assert (entry["action"], entry["target"], entry["detail"]) == ("breaker.reset", HANDLER, "it is up again"), entry
    line = next(line for line in host.read_log().splitlines() if "breaker.reset " in line)
    assert re.search(fr'by=\S+ msg="{re.escape(HANDLER)}: it is up again"$', line), line
    line = next(line for line in host.read_log().splitlines() if "breaker.open " in line)
    assert line.endswith(f' breaker="{HANDLER}"'), line
    assert host.call("POST", "/v1/breakers/nonsense/reset", {}).status == 404


def test_a_user_is_no_other(make, clock):
    """AUTH waits for the breaker; what is parked for it has used nothing, and is woken by who tries it."""
    name = "auth:chaos:user:ann"
    host = make()
    failed = host.submit("chaos.fail", {"class": "auth", "scope": "user:ann", "times": 1}, user="ann")
    until = opened(host, name=name)["open_until"]
    assert until == time_of(clock.wall_ms() + 30 * MINUTE)
    assert host.job(failed)["state"] == "scheduled" and host.job(failed)["attempts"] == 1
    assert reason(host, failed, "due_later")["clears_at"] == until
    host.wait_job(host.submit("chaos.echo", {}, user="bob"), "succeeded")
    waiting = [host.submit("chaos.echo", {}, user="ann") for _ in range(5)]
    for job in waiting:
        parked = host.wait_job(job, "parked")
        assert parked["attempts"] == 0, parked
        assert reason(host, job)["clears_at"] == until and reason(host, job, "parked")["clears_at"] == until
    clock.advance(30 * MINUTE)
    host.wait_all([failed, *waiting], "succeeded")
    assert breaker(host, name) is None
    assert host.job(failed)["attempts"] == 2


def test_switched_off_by_a_reload(make, clock):
    """Nobody is held back any more, whether queued or parked."""
    host = make()
    host.submit("chaos.fail", {"class": "auth", "scope": "user:ann", "times": 1}, user="ann")
    opened(host, name="auth:chaos:user:ann")  # before the handler's, which would hold this one back
    host.submit("chaos.fail", {"times": 9})
    opened(host)
    queued, parked = host.submit("chaos.fail", {"class": "input", "message": "it ran"}), host.submit("chaos.echo", {}, user="ann")
    host.wait_job(parked, "parked")
    assert host.job(queued)["state"] == "queued"
    host.configure({"plugins": chaos(workers=1, threads=4), "breakers": {"network": {"enabled": False}, "auth": {"enabled": False}}, "jobs": {"chaos.fail": SOON},
                    **host.store})
    assert host.post("/v1/reload?wait=1")["ok"]
    assert host.wait_job(queued, "dead")["error"]["message"] == "it ran"
    host.wait_job(parked, "succeeded")


def test_retry_after(make, clock):
    host = make()
    host.submit("chaos.fail", {"class": "network", "retry_after_ms": 3 * 60 * MINUTE})
    assert opened(host)["open_until"] == time_of(clock.wall_ms() + 180 * MINUTE)


def test_a_death_while_one_tries(make, clock):
    """What is known stays; the job that tried it tries again, and the others wait for that."""
    name = "auth:chaos:user:ann"
    host = make()
    host.wait_job(host.submit("chaos.fail", {"class": "auth", "scope": "user:ann"}, user="ann", max=1), "dead")
    until = opened(host, name=name)["open_until"]
    host.kill()
    host.start()
    assert breaker(host, name)["open_until"] == until
    first = host.submit("chaos.sleep", {"ms": 60_000}, user="ann")
    host.wait_job(first, "parked")
    clock.advance(30 * MINUTE)
    host.wait_job(first, "running")
    wait_until(lambda: breaker(host, name)["probing"], build.PATIENCE_S, "it tries")  # a claim comes before the breaker's leave
    assert breaker(host, name)["state"] == "half_open"
    host.kill()
    host.start()
    host.wait_job(first, "running")
    second = host.submit("chaos.echo", {}, user="ann")
    host.wait_job(second, "parked")
    assert "one job tries it" in reason(host, second)["detail"]
    clock.speed(100)
    host.wait_all([first, second], "succeeded")
    assert breaker(host, name) is None
    host.assert_sound()


def test_an_upgrade_while_one_tries(make, clock):
    """The binary after knows whose end closes it."""
    name = "auth:chaos:user:ann"
    host = make()
    host.wait_job(host.submit("chaos.fail", {"class": "auth", "scope": "user:ann"}, user="ann", max=1), "dead")
    opened(host, name=name)
    clock.advance(30 * MINUTE)
    first = host.submit("chaos.sleep", {"ms": 5000}, user="ann")
    host.wait_job(first, "running")
    assert host.call("POST", "/v1/upgrade", {}).status == 202
    wait_until(lambda: host.another().get("/v1/upgrade")["state"] != "running", build.PATIENCE_S, "the upgrade is over")
    assert host.get("/v1/upgrade")["state"] == "done"
    assert breaker(host, name)["probing"] and host.job(first)["state"] == "running"
    clock.speed(5)
    host.wait_job(first, "succeeded")
    clock.freeze()  # the time of its try is not over
    wait_until(lambda: breaker(host, name) is None, build.PATIENCE_S, "it is closed")
    host.wait_job(host.submit("chaos.echo", {}, user="ann"), "succeeded")
    host.assert_sound()


HOPS = [("claim_before_dispatch", 1), ("dispatch_after_send", 1), ("commit_before_store", 1), ("commit_before_ack", 1)]
OF_A_FILE = [(point, n) for point in ("store_before_commit", "store_after_commit") for n in range(2, 10)]


def offer(host, keys):
    """Whoever is not answered asks again; each key is one job."""
    for key in keys:
        try:
            host.call("POST", "/v1/jobs", {"type": "chaos.steps", "payload": {"steps": 2}, "user": "ann", "key": key})
        except Unreachable:
            return


def dies(host, point, n, keys, name):
    """Does it, on its way through a try?"""
    def is_over():
        if host.process.poll() is not None:
            return True
        try:
            return breaker(host, name) is None
        except Unreachable:
            return False

    if not host.start(ready=False, env={"JOBHOST_FAULT": f"{point}:{n}=kill"}):
        host.reap()
        return True
    offer(host, keys)
    wait_until(is_over, build.PATIENCE_S, f"{point}:{n} is passed, or all is done")
    died = host.process.poll() is not None
    if died:
        host.reap()
    else:
        host.kill()
    return died


def test_killed_at_each_hop_while_one_tries(make, clock, store):
    """From its claim to the last word of its end: the same host or another one goes on, and when the time of the dead one's try is over it is
    tried again, and closed."""
    name, survived = "auth:chaos:user:ann", []
    soon = {"host": {"lease": "5s"}}  # of a dead host, by the server's clock
    host = make(**soon)
    heir = make("heir", **soon) if store else host
    if store:
        heir.kill()
    for point, n in HOPS + ([] if store else OF_A_FILE):
        keys = [f"{point}-{n}-{i}" for i in range(3)]
        host.wait_job(host.submit("chaos.fail", {"class": "auth", "scope": "user:ann"}, user="ann", max=1), "dead")
        opened(host, name=name)
        host.kill()
        clock.advance(30 * MINUTE)
        if not dies(host, point, n, keys, name):
            survived.append((point, n))
        heir.start()
        offer(heir, keys)

        def is_closed():
            clock.advance(10_000)
            states = [job["state"] for job in heir.list() if job.get("key") in keys]
            return states == ["succeeded"] * 3 and breaker(heir, name) is None

        wait_until(is_closed, build.PATIENCE_S, lambda: f"after {point}:{n}: {breaker(heir, name)}\n{heir.log_tail()}", 0.1)
        if store:
            heir.kill()
            host.start()
    assert not survived, f"{survived} were never passed"
    host.assert_sound()
