"""Event streams of real jobs: cut anywhere and taken up again, nothing is lost, doubled or out of order; and when it cannot be so, it is said."""
import json
import subprocess
import threading

import pytest

from lib import build, node
from lib.clock import Clock
from lib.procs import wait_until
from lib.raw import Raw
from lib.sse import EventSource, Stream, cuts_at_random

NODE_CLIENT = node.path("follow.mjs")


def held(host, kind, payload=None, **fields):
    """A job that waits until go() is called."""
    host.post("/v1/queues/held/pause", {"why": "until all watch"})
    return host.submit(kind, payload or {}, queue="held", **fields)


def go(host):
    host.post("/v1/queues/held/resume")


def watchers(host):
    text = host.expect(200, "GET", "/metrics").raw.decode()
    return int(next(line for line in text.splitlines() if line.startswith("jobhost_event_watchers ")).split()[1])


def follow(host, job, cut=lambda n: False):
    return EventSource(host.socket, f"/v1/jobs/{job}/events", cut)


class Following(threading.Thread):
    def __init__(self, source):
        super().__init__(daemon=True)
        self.source, self._problem = source, None
        self.start()

    def run(self):
        try:
            self.source.run()
        except Exception as problem:  # told by result()
            self._problem = problem

    def result(self):
        self.join(build.PATIENCE_S)
        assert not self.is_alive(), f"still reading after {self.source.events[-3:]}"
        if self._problem:
            raise self._problem
        return self.source


def shown(event):
    return event.id, event.name, event.data


def test_cut_at_random_points(host):
    """Many clients, each cut at its own points: every one has exactly what the one has that was never cut."""
    seed = build.seed()
    lines = build.count(20_000, 1000)
    job = held(host, "chaos.log", {"lines": lines, "bytes": 60})
    whole = Following(follow(host, job))
    cut = [Following(follow(host, job, cuts_at_random(seed + n, most))) for n, most in enumerate((1, 3, 40, 400, min(2000, lines // 2)))]
    wait_until(lambda: watchers(host) >= 1 and whole.source.events and all(c.source.events for c in cut), build.PATIENCE_S,
               "all have begun")
    go(host)
    reference = whole.result()
    assert reference.final_status == 204 and reference.retry_ms == 2000
    names = [e.name for e in reference.events]
    assert names.count("log") == lines and names[0] == names[-1] == "state"
    assert json.loads(reference.events[-1].data)["state"] == "succeeded"
    expected = [shown(e) for e in reference.events]
    for one in cut:
        got = [shown(e) for e in one.result().events]
        assert one.source.final_status == 204
        assert len({e[0] for e in got}) == len(got), "an event came twice"
        assert not any('"reset":true' in e[2] for e in got)
        assert got[1:] == expected[1:]  # the first one is the job as it was when each came
        assert one.source.connections > 2


def test_states_of_a_job_with_retries(host):
    job = held(host, "chaos.fail", {"class": "network", "times": 3}, max=5,
               retry={"backoff": "fixed", "base": "20ms", "jitter": 0})
    source = Following(follow(host, job, cuts_at_random(build.seed(), 2)))
    wait_until(lambda: source.source.events, build.PATIENCE_S, "it watches")
    go(host)
    events = source.result().events
    states = [json.loads(e.data)["state"] for e in events if e.name == "state"]
    assert states[0] == "queued" and states[-1] == "succeeded"
    assert states.count("running") == 4 and states.count("scheduled") == 3, states
    attempts = [json.loads(e.data)["attempt"] for e in events if e.name == "state" and json.loads(e.data)["state"] == "running"]
    assert attempts == [1, 2, 3, 4]


def test_after_the_end(host):
    job = host.submit("chaos.echo", {})
    host.wait_job(job, "succeeded")
    source = follow(host, job).run()
    assert len(source.events) == 1 and source.connections == 2 and source.final_status == 204
    answer = host.call("GET", f"/v1/jobs/{job}/events", headers={"Last-Event-ID": source.last_id})
    assert answer.status == 204 and answer.raw == b""


def test_another_boot(host):
    """Ids of an earlier boot cannot be resumed from, but an end that was told stays told."""
    done = host.submit("chaos.echo", {})
    host.wait_job(done, "succeeded")
    end = follow(host, done).run().last_id
    job = host.submit("chaos.sleep", {"ms": 600_000}, timeout="1h")
    host.wait_started(job)
    with Raw(path=host.socket) as connection:
        last_id = next(Stream(connection, f"/v1/jobs/{job}/events").pieces()).id
    host.kill()
    host.start()
    assert host.call("GET", f"/v1/jobs/{done}/events", headers={"Last-Event-ID": end}).status == 204
    with Raw(path=host.socket) as connection:
        first = next(Stream(connection, f"/v1/jobs/{job}/events", last_id).pieces())
    whole = json.loads(first.data)
    assert whole["reset"] is True and whole["id"] == job and whole["type"] == "chaos.sleep"
    host.act(job, "cancel")


def test_a_revived_job_has_another_end(host):
    job = host.submit("chaos.fail", {"class": "permanent", "times": 1})
    host.wait_job(job, "dead")
    end = follow(host, job).run().last_id
    host.act(job, "retry")
    host.wait_job(job, "succeeded")
    with Raw(path=host.socket) as connection:
        events = list(Stream(connection, f"/v1/jobs/{job}/events", end).pieces())
    assert json.loads(events[-1].data)["state"] == "succeeded"
    assert events[-1].id != end


@pytest.mark.parametrize("last_id", ["x", "0" * 5000, "1795305600123-1", "-1", "ffffffffffffffff-18446744073709551616",
                                     "\u00e9\u00ff", "a b", "0000000000000000-0-0-0"])
def test_ids_that_nobody_gave(host, last_id):
    """Malformed and oversized ones do no harm."""
    job = host.submit("chaos.echo", {})
    host.wait_job(job, "succeeded")
    with Raw(path=host.socket) as connection:
        connection.send(f"GET /v1/jobs/{job}/events HTTP/1.1\r\nHost: localhost\r\nLast-Event-ID: ".encode()
                        + last_id.encode("latin-1") + b"\r\n\r\n")
        answer = connection.response()
    assert answer.status == 200 and b'"state":"succeeded"' in answer.body and b'"reset":true' in answer.body
    assert host.call("GET", "/healthz").status == 200


def test_outside_of_the_ring(host):
    """So much happened that the ring has lost some of it: the whole job, with a mark, and then what comes."""
    job = held(host, "chaos.log", {"lines": 20_000, "bytes": 300})
    with Raw(path=host.socket) as connection:
        first = next(Stream(connection, f"/v1/jobs/{job}/events").pieces())
    go(host)
    host.wait_job(job, "succeeded")
    with Raw(path=host.socket) as connection:
        events = list(Stream(connection, f"/v1/jobs/{job}/events", first.id).pieces())
    assert len(events) == 1 and json.loads(events[0].data)["reset"] is True
    source = follow(host, job).run()
    assert "reset" not in json.loads(source.events[0].data)


def test_due_jobs_are_told_to_all(make_host, folder):
    """What nobody publishes (a job becomes due in a paused queue) is found by reading, and told to every watcher under one id."""
    clock = Clock.create(f"{folder}/clock")
    host = make_host(env={"JOBHOST_TEST_CLOCK": clock.path})
    host.start()
    job = held(host, "chaos.echo", delay="1h")
    sources = [Following(follow(host, job)) for _ in range(3)]
    wait_until(lambda: all(s.source.events for s in sources), build.PATIENCE_S, "all have begun")
    clock.advance(3_600_000)
    host.close()
    wait_until(lambda: host.job(job)["state"] == "queued", build.PATIENCE_S, "it is due")
    clock.advance(20_000)
    host.close()
    wait_until(lambda: all(len(s.source.events) == 2 for s in sources), build.PATIENCE_S, "all have heard of it")
    assert len({shown(s.source.events[1]) for s in sources}) == 1
    assert json.loads(sources[0].source.events[1].data)["state"] == "queued"
    go(host)
    for source in sources:
        assert json.loads(source.result().events[-1].data)["state"] == "succeeded"
    clock.close()


def test_npm_eventsource(make_host):
    """The client that Node programs use."""
    node.need("eventsource")
    host = make_host({"host": {"listen": "127.0.0.1:0"}})
    host.start()
    url = host.get("/v1/version")["listen"][0]
    job = held(host, "chaos.log", {"lines": 500, "bytes": 40})
    with subprocess.Popen(["node", NODE_CLIENT, f"{url}/v1/jobs/{job}/events"], stdout=subprocess.PIPE, text=True) as client:
        assert json.loads(client.stdout.readline())["name"] == "state"
        go(host)
        events = [json.loads(line) for line in client.stdout]
        assert client.wait(build.PATIENCE_S) == 0
    assert events[-1]["name"] == "closed" and events[-1]["connections"] == 2  # the second one was told 204
    assert [e["name"] for e in events].count("log") == 500
    assert json.loads(events[-2]["data"])["state"] == "succeeded"
