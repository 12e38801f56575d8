"""News over HTTP on both stores: a question that waits for its answer, streams of a flow and of all jobs, and actions on what a filter finds."""
import json
import os
import threading

import pytest

from lib import build
from lib.host import chaos
from lib.procs import wait_until
from lib.raw import Raw
from lib.redis import Redis
from lib.sse import Stream

HOUR = 3_600_000
UNKNOWN = "0198c1a2-0000-7000-8000-000000000001"


@pytest.fixture
def host(make_host, store):
    host = make_host({"plugins": chaos(workers=1, threads=4), **store})
    host.start()
    return host


class Asking(threading.Thread):
    """One request on a connection of its own; answer() waits for what comes."""

    def __init__(self, host, path, headers=None, **query):
        super().__init__(daemon=True)
        self._api, self._asked, self._answer = host.another(), (path, headers, query), None
        self.start()

    def run(self):
        path, headers, query = self._asked
        self._answer = self._api.call("GET", path, headers=headers, query=query)

    def answer(self):
        self.join(build.PATIENCE_S)
        assert not self.is_alive(), f"no answer to {self._asked}"
        return self._answer


def watchers(host):
    text = host.expect(200, "GET", "/metrics").raw.decode()
    return int(next(line for line in text.splitlines() if line.startswith("jobhost_event_watchers ")).split()[1])


def ask(host, job, headers=None, **query):
    """The question, once the host has it."""
    before = watchers(host)
    asking = Asking(host, f"/v1/jobs/{job}", headers, **query)
    wait_until(lambda: watchers(host) > before, build.PATIENCE_S, "it waits")
    return asking


def scheduled(host, **fields):
    return host.submit("chaos.echo", {}, delay="1h", **fields)


def pieces_of(connection, path, last_id=""):
    """Events as they come, their data read."""
    for event in Stream(connection, path, last_id).pieces():
        event.data = json.loads(event.data)
        yield event


# ---- a question that waits

def test_a_tag_stands_for_what_is_known(host):
    job = scheduled(host)
    first = host.expect(200, "GET", f"/v1/jobs/{job}")
    tag = first.headers["ETag"]
    assert tag.startswith('W/"')
    same = host.expect(304, "GET", f"/v1/jobs/{job}", headers={"If-None-Match": f'"other", {tag}'})
    assert same.raw == b"" and same.headers["ETag"] == tag
    assert host.expect(200, "GET", f"/v1/jobs/{job}", headers={"If-None-Match": '"other"'}).headers["ETag"] == tag
    assert host.call("HEAD", f"/v1/jobs/{job}").headers["ETag"] == tag
    host.act(job, "cancel")
    changed = host.expect(200, "GET", f"/v1/jobs/{job}", headers={"If-None-Match": tag})
    assert changed.headers["ETag"] != tag and changed.json["state"] == "cancelled"


def test_waits_for_the_end(host):
    job = scheduled(host)
    asking = ask(host, job, wait="60s")
    host.act(job, "promote")
    answer = asking.answer()
    assert (answer.status, answer.json["state"]) == (200, "succeeded")
    assert watchers(host) == 0
    assert host.expect(200, "GET", f"/v1/jobs/{job}", query={"wait": "60s"}).json["state"] == "succeeded"  # at once


def test_waits_for_any_change(host):
    job = scheduled(host)
    tag = host.expect(200, "GET", f"/v1/jobs/{job}").headers["ETag"]
    asking = ask(host, job, {"If-None-Match": tag}, wait="60s")
    host.act(job, "promote")
    assert asking.answer().status == 200
    done = host.wait_job(job)
    tag = host.expect(200, "GET", f"/v1/jobs/{job}").headers["ETag"]
    assert done["state"] == "succeeded"
    assert host.call("GET", f"/v1/jobs/{job}", headers={"If-None-Match": tag}, query={"wait": "60s"}).status == 304  # it has ended


def test_a_wait_has_an_end(host):
    job = scheduled(host)
    tag = host.expect(200, "GET", f"/v1/jobs/{job}", query={"wait": "50ms"}).headers["ETag"]
    assert host.call("GET", f"/v1/jobs/{job}", headers={"If-None-Match": tag}, query={"wait": "50ms"}).status == 304
    assert host.call("GET", f"/v1/jobs/{UNKNOWN}", query={"wait": "60s"}).status == 404
    for bad in ("61s", "60001ms", "5", "x", "-1s", ""):
        assert host.call("GET", f"/v1/jobs/{job}", query={"wait": bad}).error["field"] == "wait", bad
    assert watchers(host) == 0


def test_a_host_that_ends_lets_nobody_wait(host):
    job = scheduled(host)
    asking = ask(host, job, wait="60s")
    host.stop()
    answer = asking.answer()
    assert (answer.status, answer.json["state"]) == (200, "scheduled")


def test_what_another_host_does_is_seen(make_host, folder):
    server = Redis(os.path.join(folder, "redis")).start()
    store = {"store": {"url": f"unix:{server.socket}"}}
    one, other = (make_host({"plugins": chaos(workers=1, threads=2), **store}, name=name) for name in ("one", "other"))
    one.start()
    job = scheduled(one)
    asking = ask(one, job, wait="60s")
    other.start()
    other.act(job, "cancel")
    assert asking.answer().json["state"] == "cancelled"
    one.stop()
    other.stop()
    server.stop()


# ---- a flow

def opener(host, children):
    job = host.submit("chaos.yield", {"kind": "children", "children": children, "delay_ms": HOUR})
    host.wait_job(job, "parked")
    return job


def members(host, job):
    return [m["id"] for m in host.get(f"/v1/jobs/{job}/children")["items"]]


def test_a_flow_is_told_to_its_end(host):
    job = opener(host, 3)
    kids = members(host, job)
    with Raw(path=host.socket) as connection:
        pieces = pieces_of(connection, f"/v1/jobs/{job}/children/events")
        first = next(pieces)
        assert (first.name, first.data["flow"]["open"]) == ("flow", 3)
        host.act(kids[1], "cancel")
        seen = [next(pieces)]
        while seen[-1].name != "member":
            seen.append(next(pieces))
        assert (seen[-1].data["id"], seen[-1].data["state"]) == (kids[1], "cancelled")
        last_id = seen[-1].id
    host.post("/v1/jobs/promote", {"ids": [kids[0], kids[2]]})
    host.wait_job(job, "succeeded")
    wait_until(lambda: host.job(job)["flow"]["closed"], build.PATIENCE_S, "it closes")
    with Raw(path=host.socket) as connection:  # what was missed, to the end
        rest = list(pieces_of(connection, f"/v1/jobs/{job}/children/events", last_id))
    told = [e.data["id"] for e in rest if e.name == "member"]
    assert sorted(told) == sorted([kids[0], kids[2]])
    assert rest[-1].name == "flow" and rest[-1].data["flow"]["closed"] and rest[-1].data["flow"]["open"] == 0
    answer = host.call("GET", f"/v1/jobs/{job}/children/events", headers={"Last-Event-ID": rest[-1].id})
    assert answer.status == 204
    for last in ("", "nonsense"):  # from the first, and with an id that is none
        with Raw(path=host.socket) as connection:
            whole = list(pieces_of(connection, f"/v1/jobs/{job}/children/events", last))
        assert sorted(e.data["id"] for e in whole if e.name == "member") == sorted(kids), last


def test_who_has_no_flow(host):
    job = scheduled(host)
    for path in (job, UNKNOWN):
        assert host.call("GET", f"/v1/jobs/{path}/children/events").error["code"] == "flow_not_found"


def test_many_members_are_told_in_pages(host):
    job = opener(host, 250)
    host.act(job, "cancel")
    wait_until(lambda: host.job(job)["flow"]["closed"], build.PATIENCE_S, "all are cancelled")
    with Raw(path=host.socket) as connection:
        events = list(pieces_of(connection, f"/v1/jobs/{job}/children/events"))
    told = [e.data["id"] for e in events if e.name == "member"]
    assert len(told) == 250 and len(set(told)) == 250 and events[-1].data["flow"]["closed"]


# ---- all jobs

def states(pieces, job, last):
    found = []
    for event in pieces:
        if event.name == "job" and event.data["id"] == job:
            found.append(event.data["state"])
            if found[-1] == last:
                return found
    raise AssertionError(f"the stream has ended after {found}")


def test_all_jobs_are_told(host):
    with Raw(path=host.socket) as connection:
        pieces = pieces_of(connection, "/v1/events")
        begin = next(pieces)
        assert (begin.name, begin.data) == ("begin", {})
        job = host.submit("chaos.echo", {}, user="ada", queue="q")
        told = states(pieces, job, "succeeded")
        assert told in (["queued", "running", "succeeded"], ["running", "queued", "succeeded"]), told
        later = scheduled(host)
        host.act(later, "cancel")  # only its id is known: the store is asked
        assert states(pieces, later, "cancelled") == ["scheduled", "cancelled"]


def test_only_what_is_wanted(host):
    with Raw(path=host.socket) as connection:
        pieces = pieces_of(connection, "/v1/events?queue=q&user=ada&state=succeeded")
        next(pieces)
        host.submit("chaos.echo", {}, queue="other", user="ada")
        host.submit("chaos.echo", {}, queue="q")
        wanted = host.submit("chaos.echo", {}, queue="q", user="ada")
        event = next(pieces)
        assert (event.name, event.data["id"], event.data["state"]) == ("job", wanted, "succeeded")
        assert (event.data["queue"], event.data["type"], event.data["user"]) == ("q", "chaos.echo", "ada")
    assert host.call("GET", "/v1/events", query={"state": "over"}).error["field"] == "state"


def test_who_comes_back_misses_nothing(host):
    with Raw(path=host.socket) as connection:
        pieces = pieces_of(connection, "/v1/events")
        first = host.submit("chaos.echo", {})
        for event in pieces:
            if event.name == "job" and event.data["state"] == "succeeded":
                last_id = event.id
                break
    second = host.submit("chaos.echo", {})
    host.wait_job(second)
    with Raw(path=host.socket) as connection:
        pieces = pieces_of(connection, "/v1/events", last_id)
        assert next(pieces).data == {}
        assert states(pieces, second, "succeeded")[-1] == "succeeded"
    assert first != second
    with Raw(path=host.socket) as connection:
        pieces = pieces_of(connection, "/v1/events", "0123456789abcdef-7")
        assert next(pieces).data == {"reset": True}


# ---- what a filter finds

def test_a_filter_is_counted_first_and_then_cancelled(host):
    mine = [scheduled(host, user="ada", labels=["old"]) for _ in range(3)]
    other = scheduled(host, user="ben")
    done = host.submit("chaos.echo", {}, user="ada")
    host.wait_job(done, "succeeded")
    wish = {"filter": {"user": "ada"}}
    assert host.post("/v1/jobs/cancel", {**wish, "dry_run": True}) == {"matched": 3, "done": 0, "failed": 0, "dry_run": True, "errors": []}
    assert host.post("/v1/jobs/cancel", {**wish, "why": "test"}) == {"matched": 3, "done": 3, "failed": 0, "errors": []}
    assert {host.job(j)["state"] for j in mine} == {"cancelled"} and host.job(other)["state"] == "scheduled"
    assert host.post("/v1/jobs/retry", {"filter": {"label": "old", "state": "cancelled"}})["done"] == 3
    assert host.post("/v1/jobs/promote", {"all": True})["done"] >= 1
    host.wait_all([*mine, other])
    assert host.post("/v1/jobs/remove", {"filter": {"state": "succeeded", "user": "ada"}})["done"] == 4
    assert host.call("GET", f"/v1/jobs/{mine[0]}").status == 404


@pytest.mark.parametrize("path, body, code, field", [
    ("cancel", {}, "which_jobs", None),
    ("cancel", {"filter": {}}, "empty_filter", "filter"),
    ("cancel", {"filter": {"state": "dead"}}, "bad_field", "filter.state"),
    ("cancel", {"filter": {"user": "a"}, "all": True}, "which_jobs", None),
    ("cancel", {"ids": [UNKNOWN], "dry_run": True}, "bad_field", "dry_run"),
    ("cancel", {"filter": {"users": "a"}}, "unknown_field", "filter.users"),
    ("retry", {"all": True, "restart": True}, "bad_field", "restart"),
    ("promote", {"filter": {"state": "scheduled"}}, "unknown_field", "filter.state"),
])
def test_what_no_filter_is(host, path, body, code, field):
    error = host.expect(400, "POST", f"/v1/jobs/{path}", body).error
    assert (error["code"], error.get("field")) == (code, field)
