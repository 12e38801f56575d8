"""Jobs that wait for people, on both stores: what is asked and answered, what is refused, and what survives a crash in between."""
import json
import os
import pty
import threading

import pytest

from lib import build
from lib.clock import Clock
from lib.cli import Cli
from lib.host import chaos
from lib.procs import wait_until
from lib.redis import Redis

FAST = {"backoff": "fixed", "base": "1ms", "jitter": 0}
JOBS = {name: {"retry": FAST} for name in ("chaos.ask", "chaos.pay")}


@pytest.fixture(params=["sqlite", "redis"])
def store(request, folder):
    """What the hosts of a test have in common."""
    if request.param == "sqlite":
        yield {}
        return
    server = Redis(os.path.join(folder, "redis")).start()
    yield {"store": {"url": f"unix:{server.socket}"}}
    server.stop()


def config_of(store, **more):
    return {"plugins": chaos(workers=1, threads=2), "jobs": JOBS, **store, **more}


@pytest.fixture
def host(make_host, store):
    host = make_host(config_of(store))
    host.start()
    return host


def parked(host, job, reason="needs_operator", **fields):
    def there():
        seen = host.job(job)
        return seen["state"] == "parked" and seen["parked"]["reason"] == reason and \
            all(seen["parked"].get(name) == value for name, value in fields.items())
    wait_until(there, build.PATIENCE_S, lambda: f"{job} is parked: {host.job(job)}")
    return host.job(job)


def resolve(host, job, answer, status=200, **fields):
    return host.expect(status, "POST", f"/v1/jobs/{job}/resolve", {"answer": answer, **fields})


def result(host, job):
    assert host.wait_job(job)["state"] == "succeeded", host.job(job)
    return json.loads(host.result(job))


def test_a_question_is_asked_and_answered(host):
    job = host.submit("chaos.ask", {"key": "charge", "question": "Was it charged?", "choices": ["yes", "no"]})
    seen = parked(host, job)["parked"]
    assert seen["question"] == "Was it charged?" and seen["choices"] == ["yes", "no"] and seen["key"] == "charge"
    assert [j["parked"]["question"] for j in host.get("/v1/jobs", park="needs_operator")["items"]] == ["Was it charged?"]
    reason = host.get(f"/v1/jobs/{job}/explain")["reasons"][0]
    assert reason["code"] == "parked" and reason["detail"].endswith("Z: Was it charged?") and "clears_at" in reason
    refused = resolve(host, job, "maybe", 422).error
    assert refused["code"] == "bad_answer" and refused["field"] == "answer" and '"yes" or "no"' in refused["message"]
    assert host.job(job)["state"] == "parked"
    resolve(host, job, "no", why="looked at their page", by="Ada")
    assert result(host, job) == ["no"]
    assert resolve(host, job, "no", 409).error["code"] == "wrong_state"
    line = next(e for e in host.get("/v1/audit")["items"] if e["action"] == "job.resolve")
    assert line["target"] == job and line["detail"] == "charge: no; by Ada; looked at their page"
    assert host.job(job)["attempt"] == 2 and host.job(job)["attempts"] == 1


def test_every_answer_is_checked(host):
    unknown = "0198c1a2-0000-7000-8000-000000000001"
    assert resolve(host, unknown, "x", 404).error["code"] == "job_not_found"
    job = host.submit("chaos.ask", {"choices": []})
    parked(host, job, question="well?", choices=[])
    assert host.call("POST", f"/v1/jobs/{job}/resolve", {}).error["code"] == "missing_field"
    for bad in ("", "x" * 4097, "a\x1bb"):
        assert resolve(host, job, bad, 422).error["code"] == "bad_answer"
    long = "x" * 4096
    resolve(host, job, long)
    assert result(host, job) == [long]


def test_limits_of_a_question(host):
    def ask(**payload):
        return host.submit("chaos.ask", payload)
    einval, efbig = -22, -27
    assert result(host, ask(key="k" * 201)) == [efbig]
    assert result(host, ask(key="a b")) == [einval]
    assert result(host, ask(question="q" * 1001)) == [efbig]
    assert result(host, ask(question="")) == [einval]
    assert result(host, ask(choices=["c"] * 21)) == [efbig]
    assert result(host, ask(choices=["c" * 101])) == [efbig]
    assert result(host, ask(timeout_ms=-1)) == [einval]
    most = ask(key="k" * 200, question="q" * 1000, choices=[f"{i:02}" + "c" * 98 for i in range(20)])
    assert len(parked(host, most)["parked"]["choices"]) == 20
    resolve(host, most, "19" + "c" * 98)
    assert result(host, most) == ["19" + "c" * 98]


def test_of_many_answers_one_is_taken(host):
    job = host.submit("chaos.ask", {"choices": ["a", "b"]})
    parked(host, job)
    host.post("/v1/queues/chaos/pause", {"why": "it must not ask again"})
    statuses = {}

    def answer(name):
        api = host.another()
        statuses[name] = api.call("POST", f"/v1/jobs/{job}/resolve", {"answer": name}).status
        api.close()
    threads = [threading.Thread(target=answer, args=(name,)) for name in ("a", "b")]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    host.post("/v1/queues/chaos/resume")
    taken = [name for name, status in statuses.items() if status == 200]
    assert sorted(statuses.values()) == [200, 409] and result(host, job) == taken


def test_nobody_answers(make_host, folder, store):
    clock = Clock.create(os.path.join(folder, "clock"))
    host = make_host(config_of(store), env={"JOBHOST_TEST_CLOCK": clock.path})
    host.start()
    job = host.submit("chaos.ask", {"timeout_ms": 60000, "times": 2})
    until = parked(host, job, key="q")["parked"]["until"]
    assert host.get(f"/v1/jobs/{job}/explain")["reasons"][0]["clears_at"] == until
    clock.advance(61000)
    parked(host, job, key="q2")  # the first has timed out, and stays so
    resolve(host, job, "late")
    assert result(host, job) == [-110, "late"]


def test_the_deadline_ends_the_wait(make_host, folder, store):
    clock = Clock.create(os.path.join(folder, "clock"))
    host = make_host(config_of(store), env={"JOBHOST_TEST_CLOCK": clock.path})
    host.start()
    job = host.submit("chaos.ask", {}, deadline="10m")
    parked(host, job)
    clock.advance(601000)
    ended = host.wait_job(job)
    assert ended["state"] == "dead" and ended["error"]["code"] == "deadline"


def test_a_question_can_be_cancelled_and_promoted(host):
    cancelled, promoted = host.submit("chaos.ask", {}), host.submit("chaos.ask", {})
    parked(host, cancelled)
    host.act(cancelled, "cancel")
    assert host.wait_job(cancelled)["state"] == "cancelled" and "parked" not in host.job(cancelled)
    assert resolve(host, cancelled, "x", 409).error["code"] == "wrong_state"
    parked(host, promoted)
    host.act(promoted, "promote")  # it looks, and asks again
    wait_until(lambda: host.job(promoted).get("yields") == 2, build.PATIENCE_S, "it has asked again")
    resolve(host, promoted, "x")
    assert result(host, promoted) == ["x"]


@pytest.mark.parametrize("die, answer", [("before", "not charged"), ("after", "charged")])
def test_a_paid_call_is_paid_once(make_host, folder, store, die, answer):
    """The process dies around the call: nobody but people can know whether it was paid."""
    host = make_host({**config_of(store), "plugins": chaos(workers=1, sandbox={"write": folder})})
    host.start()
    bank = os.path.join(folder, "bank")
    job = host.submit("chaos.pay", {"file": bank, "die": die})
    assert parked(host, job)["parked"]["choices"] == ["charged", "not charged"]
    resolve(host, job, answer)
    assert host.wait_job(job)["state"] == "succeeded"
    with open(bank, encoding="utf-8") as lines:
        assert lines.read() == "paid\n"


def test_questions_and_answers_survive_the_host(make_host, store):
    host = make_host(config_of(store))
    host.start()
    job = host.submit("chaos.ask", {"choices": ["a", "b"]})
    parked(host, job)
    host.kill()
    host.start()
    assert host.job(job)["parked"]["choices"] == ["a", "b"]
    resolve(host, job, "b")
    assert result(host, job) == ["b"]


def test_cli(host):
    cli = Cli(host)
    job = host.submit("chaos.ask", {"question": "Which?", "choices": ["this one", "that one"]})
    parked(host, job)
    page = cli("job", job)
    assert "Which?" in page and "that one" in page
    assert "needs_operator: Which?" in cli("jobs", "--parked", "needs_operator")
    assert "none of the choices" in cli.error("resolve", job, "--answer", "neither", status=1)
    assert "--answer" in cli.error("resolve", job, status=2)
    assert job in cli("resolve", job, "--answer", "that one", "--why", "seen")
    assert result(host, job) == ["that one"]
    assert cli.json("jobs", "--parked", "needs_operator")["items"] == []


def test_cli_asks_on_a_terminal(host):
    job = host.submit("chaos.ask", {"question": "Which?", "choices": ["this one", "that one"]})
    parked(host, job)
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(build.BINARY, [build.BINARY, "resolve", job, "-c", host.config_path])
    seen = b""
    while b"answer [1-2]: " not in seen:
        seen += os.read(terminal, 4096)
    assert b"Which?" in seen and b"2  that one" in seen
    os.write(terminal, b"2\n")
    _, status = os.waitpid(pid, 0)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == 0
    assert result(host, job) == ["that one"]
