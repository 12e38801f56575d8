"""Jobs that wait for people and events, on both stores: what is asked, answered and told, what is refused, and what survives a crash in between."""
import contextlib
import datetime
import json
import os
import pty
import threading

import pytest

from lib import build
from lib.api import Unreachable
from lib.cli import Cli
from lib.clock import Clock
from lib.host import chaos
from lib.procs import wait_until
from lib.redis import Redis

FAST = {"backoff": "fixed", "base": "1ms", "jitter": 0}
JOBS = {name: {"retry": FAST} for name in ("chaos.ask", "chaos.pay")}


@pytest.fixture
def make_host(store, make_host):  # hosts are stopped before their store is
    del store
    return make_host


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


# ---- events

def publish(host, name, body="", status=202, **query):
    return host.expect(status, "POST", f"/v1/events/{name}", body.encode(), {"Content-Type": "text/plain"}, query=query).json


def test_an_event_wakes_who_waits(host):
    job = host.submit("chaos.await", {"names": ["order-17.paid"]})
    seen = parked(host, job, "event")
    assert seen["parked"]["key"] == "order-17.paid"
    reason = host.get(f"/v1/jobs/{job}/explain")["reasons"][0]
    assert reason["code"] == "parked" and f'the event "order-17.paid", since {seen["updated_at"]}' in reason["detail"]
    assert reason["clears_at"] == seen["parked"]["until"]  # at its deadline, at the latest
    publish(host, "order-18.paid", "not this")
    assert publish(host, "order-17.paid", "42 EUR") == {"name": "order-17.paid", "duplicate": False}
    assert result(host, job) == ["42 EUR"]
    assert host.job(job)["attempts"] == 1


def test_what_came_before_is_found(host):
    """Since the job was made, each event once; nothing of before."""
    publish(host, "e", "before")
    wait_until(lambda: host.get("/v1/version"), build.PATIENCE_S, "a moment passes")
    host.post("/v1/queues/chaos/pause", {"why": "it begins to wait later"})
    job = host.submit("chaos.await", {"names": ["e", "e", "f"]})
    for body in ("one", "two"):
        publish(host, "e", body)
    publish(host, "f", "three")
    host.post("/v1/queues/chaos/resume")
    assert result(host, job) in (["one", "two", "three"], ["before", "one", "three"])  # of the same millisecond


def test_look_back_can_be_chosen(host):
    publish(host, "e", "old")
    everything = host.submit("chaos.await", {"names": ["e"], "since_ms": 1})
    assert result(host, everything) == ["old"]
    nothing = host.submit("chaos.await", {"names": ["e"], "since_ms": -1})
    parked(host, nothing, "event")
    publish(host, "e", "new")
    assert result(host, nothing) == ["new"]


def test_a_plain_yield_waits_too(host):
    job = host.submit("chaos.yield", {"kind": "event", "key": "e"})
    parked(host, job, "event", key="e")
    publish(host, "e", "raw")
    assert host.wait_job(job)["state"] == "succeeded"
    assert {"event:e", "event:e#"} <= set(host.job(job)["steps"]["names"])


def test_no_event_in_time(make_host, folder, store):
    clock = Clock.create(os.path.join(folder, "clock"))
    host = make_host(config_of(store), env={"JOBHOST_TEST_CLOCK": clock.path})
    host.start()
    job = host.submit("chaos.await", {"names": ["e", "f"], "timeout_ms": 60000})
    parked(host, job, "event", key="e")
    clock.advance(61000)
    parked(host, job, "event", key="f")
    publish(host, "e", "late")  # that wait is over
    publish(host, "f", "in time")
    assert result(host, job) == [-110, "in time"]
    host.assert_sound()


def test_a_clock_that_is_set_back_loses_no_event(make_host, folder, store):
    clock = Clock.create(os.path.join(folder, "clock"))
    host = make_host(config_of(store), env={"JOBHOST_TEST_CLOCK": clock.path})
    host.start()
    host.wait_job(host.submit("chaos.tell", {"name": "other"}))
    clock.set_wall(clock.wall_ms() - 3600000)
    job = host.submit("chaos.await", {"names": ["e"]})  # ids do not go back
    parked(host, job, "event")
    publish(host, "e", "heard")
    assert result(host, job) == ["heard"]


def test_an_event_of_a_key_happens_once(host):
    assert not publish(host, "e", "one", key="delivery-1")["duplicate"]
    assert publish(host, "e", "again", key="delivery-1")["duplicate"]
    job = host.submit("chaos.await", {"names": ["e", "e"], "since_ms": 1})
    parked(host, job, "event")
    publish(host, "e", "two", key="delivery-2")
    assert result(host, job) == ["one", "two"]


def test_events_of_a_tenant(host):
    jobs = {user: host.submit("chaos.await", {"names": ["e"]}, user=user) for user in ("ann", "bob")}
    for job in jobs.values():
        parked(host, job, "event")
    publish(host, "e", "hers", user="ann")
    assert result(host, jobs["ann"]) == ["hers"]
    assert host.wait_job(host.submit("chaos.tell", {"name": "e", "body": "ann's"}, user="ann"))["state"] == "succeeded"
    assert host.wait_job(host.submit("chaos.tell", {"name": "e", "body": "for all", "for_all": True}, user="ann"))["state"] == "succeeded"
    assert result(host, jobs["bob"]) == ["for all"]


def test_a_job_publishes_what_it_commits(host):
    job = host.submit("chaos.await", {"names": ["e", "e"]})
    parked(host, job, "event")
    assert host.wait_job(host.submit("chaos.tell", {"body": "never", "fail": True}))["state"] == "dead"
    host.wait_job(host.submit("chaos.tell", {"body": "said", "times": 2}))
    assert result(host, job) == ["said", "said2"]
    assert host.wait_job(host.submit("chaos.tell", {"name": "a b"}))["error"]["message"] == "-22"


def test_limits_of_events(host):
    headers = {"Content-Type": "application/octet-stream"}
    assert host.call("POST", "/v1/events/big", b"x" * (256 * 1024), headers).status == 202
    assert host.call("POST", "/v1/events/big", b"x" * (256 * 1024 + 1), headers).status == 413
    assert host.call("POST", "/v1/events/" + "n" * 200, b"", headers).status == 202
    for path in ("n" * 201, "a%20b"):
        assert host.call("POST", "/v1/events/" + path, b"", headers).error["code"] == "bad_event"
    assert host.call("POST", "/v1/events/e", b"", headers, {"key": "k" * 200}).status == 202
    assert host.call("POST", "/v1/events/e", b"", headers, {"key": "k" * 201}).error["field"] == "key"
    assert host.call("POST", "/v1/events/e", b"", headers, {"user": "u" * 129}).error["field"] == "user"
    host.assert_sound()


def test_events_race_with_parking(host):
    """Each is published about when its job parks: none is lost, none comes twice."""
    rounds = 400 if build.FULL else 150
    jobs, api = {}, host.another()
    for n in range(rounds):
        jobs[n] = host.submit("chaos.await", {"names": [f"race-{n}", f"race-{n}"]})
        teller = threading.Thread(target=publish, args=(api, f"race-{n}", f"a{n}"))
        teller.start()
        if n % 2:
            host.job(jobs[n])  # it gets a little further
        teller.join()
        publish(host, f"race-{n}", f"b{n}")
    api.close()
    for n, job in jobs.items():
        assert result(host, job) == [f"a{n}", f"b{n}"]
    host.assert_sound()


def test_a_thousand_wait_for_one_event(host):
    count = 1000
    jobs = host.submit_many([{"type": "chaos.await", "payload": {"names": ["go"]}}] * count)
    wait_until(lambda: host.queue("chaos")["states"].get("parked") == count, build.PATIENCE_S, "all are parked")
    publish(host, "go", "now")
    host.wait_idle(["chaos"])
    assert host.queue("chaos")["states"]["succeeded"] == count
    assert {result(host, jobs[n]) == ["now"] for n in (0, 1, 499, 998, 999)} == {True}
    host.assert_sound()


def publish_and_die(host, name, body):
    with contextlib.suppress(Unreachable):  # it may have answered
        publish(host, name, body)


def test_the_host_dies_between_event_and_job(make_host, store):
    """Killed before it brings them together, or in the middle of that: the next start does the rest, once."""
    host = make_host(config_of(store))
    nth = 1 if store else 3
    host.start(env={"JOBHOST_FAULT": f"store_forward:{nth}=kill"})
    jobs = [host.submit("chaos.await", {"names": ["go", "never"], "timeout_ms": 3600000}) for _ in range(5)]
    for job in jobs:
        parked(host, job, "event")
    publish_and_die(host, "go", "now")
    host.reap()
    host.start()
    for job in jobs:
        assert parked(host, job, "event", key="never")["yields"] == 2
    host.assert_sound()


@pytest.mark.parametrize("store", ["redis"], indirect=True)
def test_two_hosts(make_host, store):
    """One hears of the event, the other has the jobs; and the one that has heard may die before it has told anybody."""
    config = config_of(store)
    works, hears = make_host(config, name="works"), make_host({**config, "plugins": {}}, name="hears")
    works.start()
    hears.start()
    jobs = [works.submit("chaos.await", {"names": ["e"]}) for _ in range(20)]
    for job in jobs:
        parked(works, job, "event")
    publish(hears, "e", "over there")
    for job in jobs:
        assert result(works, job) == ["over there"]
    hears.stop()
    hears.start(env={"JOBHOST_FAULT": "store_forward=kill"})
    job = works.submit("chaos.await", {"names": ["f"]})
    parked(works, job, "event")
    publish_and_die(hears, "f", "last words")
    hears.reap()
    assert result(works, job) == ["last words"]
    works.assert_sound()


def metric(host, name, **labels):
    text = host.expect(200, "GET", "/metrics").raw.decode()
    words = ",".join(f'{label}="{value}"' for label, value in labels.items())
    line = f"{name}{{{words}}} " if words else f"{name} "
    return next((int(found[len(line):]) for found in text.splitlines() if found.startswith(line)), 0)


def test_explain_says_when_a_wait_ends(make_host, folder, store):
    """The reason names the event and the end of the wait, and that is when it ends."""
    clock = Clock.create(os.path.join(folder, "clock"))
    host = make_host(config_of(store), env={"JOBHOST_TEST_CLOCK": clock.path})
    host.start()
    clock.freeze()
    job = host.submit("chaos.await", {"names": ["order-17.paid"], "timeout_ms": 60000}, deadline="1h")
    seen = parked(host, job, "event", key="order-17.paid")
    reasons = host.get(f"/v1/jobs/{job}/explain")["reasons"]
    assert [r["code"] for r in reasons] == ["parked"]
    assert reasons[0]["detail"] == f'it waits for the event "order-17.paid", since {seen["updated_at"]}'
    until = datetime.datetime.fromisoformat(reasons[0]["clears_at"])
    assert until - datetime.datetime.fromisoformat(seen["updated_at"]) == datetime.timedelta(minutes=1)
    assert metric(host, "jobhost_jobs_parked_total", reason="event") == 1
    clock.advance(59999)
    host.assert_sound()
    assert host.job(job)["state"] == "parked" and host.job(job)["yields"] == 1
    clock.advance(1)
    assert result(host, job) == [-110]


def test_events_are_counted(host):
    jobs = [host.submit("chaos.await", {"names": ["e"]}) for _ in range(3)]
    for job in jobs:
        parked(host, job, "event")
    for body in ("one", "again", "and again"):
        publish(host, "e", body, key="delivery-1")
    publish(host, "nobody-waits", "x")
    host.wait_all(jobs, "succeeded")
    host.wait_job(host.submit("chaos.tell", {"body": "said", "times": 2}), "succeeded")
    assert metric(host, "jobhost_events_published_total", by="api") == 2
    assert metric(host, "jobhost_events_published_total", by="job") == 2
    assert metric(host, "jobhost_events_refused_total", reason="duplicate") == 2
    assert metric(host, "jobhost_event_wakes_total") == 3
    assert metric(host, "jobhost_jobs_parked_total", reason="event") == 3


def test_cli_publishes(host, folder):
    cli = Cli(host)
    jobs = [host.submit("chaos.await", {"names": [name]}) for name in ("json", "text", "file", "stdin", "nothing")]
    for job in jobs:
        parked(host, job, "event")
    assert cli("publish", "json", "--data", '{"amount": 42}') == "json  published\n"
    assert "--type text/plain" in cli.error("publish", "text", "-d", "42 EUR", status=2)
    assert cli.json("publish", "text", "-d", "42 EUR", "-t", "text/plain") == {"name": "text", "duplicate": False}
    path = os.path.join(folder, "data")
    with open(path, "w", encoding="utf-8") as data:
        data.write("[1]")
    cli("publish", "file", "-d", f"@{path}", "--key", "delivery-1")
    assert cli("publish", "file", "-d", f"@{path}", "--key", "delivery-1") == "file  known already\n"
    cli("publish", "stdin", "-d", "-", stdin="[2]")
    cli("publish", "nothing")
    assert [result(host, job) for job in jobs] == [['{"amount": 42}'], ["42 EUR"], ["[1]"], ["[2]"], [""]]
    hers = host.submit("chaos.await", {"names": ["e"]}, user="ann")
    parked(host, hers, "event")
    cli("publish", "e", "-d", '"his"', "--user", "bob")
    cli("publish", "e", "-d", '"hers"', "--user", "ann")
    assert result(host, hers) == ['"hers"']
    assert "letters, digits" in cli.error("publish", "a b", status=1)
    assert "publish" in cli.error("publish", status=2)
    with open(path, "wb") as data:
        data.write(b"1" * (256 * 1024 + 1))
    assert "262144" in cli.error("publish", "e", "-d", f"@{path}", status=2)
    assert cli.json("publish", "a/b", status=1)["error"]["code"] == "bad_event"


def killed_at(host, point, nth):
    """The host is killed at one passage, somewhere between its start and the job's end. False: it was not."""
    survived = False
    with host.launch(env={"JOBHOST_FAULT": f"{point}:{nth}=kill"}) as ready:
        if ready.read(6) == b"ready\n":
            with contextlib.suppress(Unreachable):
                job = host.submit("chaos.await", {"names": [f"{point}-{nth}"] * 2}, key=f"{point}-{nth}")
                parked(host, job, "event")
                publish(host, f"{point}-{nth}", "one", key="one")
                wait_until(lambda: host.job(job)["yields"] == 2, build.PATIENCE_S, "it has got it, and waits for another")
                survived = True
    if survived:
        host.kill()
    else:
        host.reap()
    host.start()
    job = host.submit("chaos.await", {"names": [f"{point}-{nth}"] * 2}, key=f"{point}-{nth}", dedup={"mode": "return"})
    parked(host, job, "event")
    for body in ("one", "two"):  # the first may have happened
        publish(host, f"{point}-{nth}", body, key=body)
    assert result(host, job) == ["one", "two"]
    host.stop()
    return not survived


@pytest.mark.parametrize("point", ["store_before_commit", "store_after_commit", "store_forward", "claim_before_dispatch", "commit_before_store"])
def test_killed_at_every_hop(make_host, store, point):
    """From the job's first look to the event that it gets: wherever the host dies, it gets each event, and once."""
    if store and point in ("store_before_commit", "store_after_commit"):
        pytest.skip("a point of SQLite's writer")
    host = make_host(config_of(store))
    deaths = 0
    while killed_at(host, point, deaths + 1):
        deaths += 1
    assert deaths > 0, "it was never passed"
    print(f"{deaths} deaths")
    host.start()
    host.assert_sound()


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)  # it has a server of its own
def test_redis_dies_between_event_and_job(make_host, folder, store):
    """What was accepted is told, and once, however often Redis goes meanwhile."""
    del store
    server = Redis(os.path.join(folder, "mortal"), "--appendonly", "yes", "--appendfsync", "always").start()
    host = make_host({"plugins": chaos(workers=1, threads=2), "store": {"url": f"unix:{server.socket}"}})
    host.start()
    count, accepted = build.count(60, 30), []
    jobs = [host.submit("chaos.await", {"names": [f"e{n}", "never"], "timeout_ms": 3_600_000}) for n in range(count)]
    for job in jobs:
        parked(host, job, "event")
    over, api = threading.Event(), host.another()

    def tell():
        for n in range(count):
            wait_until(lambda n=n: over.is_set() or tell_one(n), build.PATIENCE_S, f"event {n} is accepted")

    def tell_one(n):
        done = api.call("POST", f"/v1/events/e{n}", f"body {n}".encode(), {"Content-Type": "text/plain"}, query={"key": "once"}).status == 202
        accepted.extend([n] * done)
        return done
    teller = threading.Thread(target=tell)
    teller.start()
    try:
        for share in range(1, 4):
            wait_until(lambda share=share: len(accepted) >= count * share // 4, build.PATIENCE_S, "some are accepted")
            server.stop()
            server.start()
        teller.join()
        for job in jobs:
            assert parked(host, job, "event", key="never")["yields"] == 2
        host.assert_sound()
    finally:
        over.set()
        teller.join()
        api.close()
        host.stop()
        server.stop()
