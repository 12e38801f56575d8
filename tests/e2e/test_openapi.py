"""openapi.json and the host, each judged by the other: every operation is called, and every answer is one that the document allows."""
import copy
import json
import os
import subprocess
import time

import pytest
from jsonschema import Draft202012Validator

from lib import build, node
from lib.host import chaos
from lib.openapi import Document, Generator, Seen
from lib.procs import wait_until
from lib.raw import Raw, ask
from lib.sse import Stream

UNKNOWN = "0198c1a2-0000-7000-8000-000000000001"
FAST = {"backoff": "fixed", "base": "1ms", "jitter": 0}


@pytest.fixture
def described(make_host):
    """A host with a job in every state, and the document that it serves: .doc."""
    host = make_host({"plugins": {**chaos(workers=1, threads=2), "gone": {"file": "/no/such.so"}},
                      "queues": {"full": {"max_jobs": 1}}, "limits": {"api": {"rate": 5}},
                      "hooks": {"git": {"path": "/hooks/git", "verify": {"github": "a-secret"}, "job": "chaos.echo"}},
                      "schedules": {"filed": {"cron": "@yearly", "timezone": "Europe/Berlin", "job": "chaos.echo"}}})
    host.start()
    host.doc = Document(host.get("/v1/openapi.json"))
    return host


def test_the_document_is_valid(described):
    described.doc.check()
    with open(os.path.join(build.REPO, "host", "api", "openapi.json"), encoding="utf-8") as source:
        assert json.load(source) == described.doc.document
    assert described.doc.document["info"]["version"] == described.get("/v1/version")["version"]


class Caller:
    """Calls operations by path and method, judges what comes, and remembers which statuses were seen."""

    def __init__(self, host):
        self.host, self.seen = host, {}

    def __call__(self, status, method, path, body=None, *, query=None, headers=None, **values):
        target = path
        for name, value in values.items():
            target = target.replace("{" + name + "}", value)
        answer = self.host.call(method, target, body, headers, query)
        assert answer.status == status, f"{method} {target} {body} -> {answer.status} {answer.raw[:300]!r}"
        self.host.doc.judge(method, path, answer)
        self.seen.setdefault((method, path), set()).add(status)
        return answer


def form(job, files):
    parts = [b'--x\r\nContent-Disposition: form-data; name="job"\r\nContent-Type: application/json\r\n\r\n' + json.dumps(job).encode()]
    for name, filename, content in files:
        parts.append(f'--x\r\nContent-Disposition: form-data; name="{name}"; filename="{filename}"\r\n\r\n'.encode() + content)
    return b"\r\n".join(parts) + b"\r\n--x--\r\n", {"Content-Type": "multipart/form-data; boundary=x"}


def make_jobs(host):
    """Jobs in every state that can be had, with all that a job can have."""
    jobs = {"done": host.submit("chaos.steps", {"steps": 3}, key="k", user="ann", labels=["a", "b"], priority="high",
                                dedup={"ttl": "1h"}, deadline="1h", expires="1h", timeout="1m", callback="https://example.com/")}
    jobs["warned"] = host.submit("chaos.warn", {"count": 3})
    jobs["dead"] = host.submit("chaos.fail", {"class": "network", "times": 9, "message": "no"}, max=2, retry=FAST)
    jobs["crashed"] = host.submit("chaos.crash", {"how": "segv", "times": 1}, retry=FAST)
    jobs["big"] = host.submit("chaos.big_result", {"bytes": 400_000, "how": "chunks"})
    jobs["parent"] = host.submit("chaos.children", {"count": 2})
    host.wait_all([jobs[name] for name in ("done", "warned", "dead", "crashed", "big", "parent")])
    jobs["parked"] = host.submit("chaos.yield", {"times": 1, "kind": "until", "ms": 3_600_000})
    host.wait_job(jobs["parked"], "parked")
    jobs["opener"] = host.submit("chaos.yield", {"kind": "children", "children": 2, "delay_ms": 3_600_000})
    host.wait_job(jobs["opener"], "parked")
    jobs["asks"] = host.submit("chaos.ask", {"choices": ["yes", "no"]})
    host.wait_job(jobs["asks"], "parked")
    jobs["later"] = host.submit("chaos.echo", {}, delay="1h")
    jobs["running"] = host.submit("chaos.sleep", {"ms": 600_000}, timeout="1h")
    host.wait_started(jobs["running"])
    host.post("/v1/queues/still/pause", {"why": "for a look"})
    jobs["waiting"] = host.submit("chaos.echo", {}, queue="still")
    return jobs


def watch_all(host):
    """The status of the stream that does not end, which is left after its first event."""
    with Raw(path=host.socket) as connection:
        stream = Stream(connection, "/v1/events")
        assert next(stream.pieces()).name == "begin"
        return stream.status


def call_everything_that_reads(call, host, jobs):
    for job in jobs.values():
        call(200, "GET", "/v1/jobs/{id}", id=job)
        call(200, "GET", "/v1/jobs/{id}/explain", id=job)
        call(200, "GET", "/v1/jobs/{id}/log", id=job)
    for path in ("/v1/jobs/{id}", "/v1/jobs/{id}/explain", "/v1/jobs/{id}/log", "/v1/jobs/{id}/result", "/v1/jobs/{id}/events"):
        call(404, "GET", path, id=UNKNOWN)
    for query in ({}, {"state": "scheduled", "limit": 1}, {"state": "succeeded"}, {"limit": 1, "cursor": "1"}):
        call(200, "GET", "/v1/jobs/{id}/children", id=jobs["opener"], query=query)
    call(400, "GET", "/v1/jobs/{id}/children", id=jobs["opener"], query={"state": "gone"})
    call(404, "GET", "/v1/jobs/{id}/children", id=jobs["done"])
    call(404, "GET", "/v1/jobs/{id}/children/events", id=jobs["done"])
    wait_until(lambda: host.job(jobs["parent"])["flow"]["closed"], build.PATIENCE_S, "its flow has closed")
    stream = call(200, "GET", "/v1/jobs/{id}/children/events", id=jobs["parent"])
    last = stream.raw.decode().split("id: ")[-1].split("\n")[0]
    call(204, "GET", "/v1/jobs/{id}/children/events", id=jobs["parent"], headers={"Last-Event-ID": last})
    etag = call(200, "GET", "/v1/jobs/{id}", id=jobs["done"]).headers["ETag"]
    call(304, "GET", "/v1/jobs/{id}", id=jobs["done"], headers={"If-None-Match": etag})
    call(200, "GET", "/v1/jobs/{id}", id=jobs["done"], query={"wait": "1s"})
    call(400, "GET", "/v1/events", query={"state": "over"})
    call(200, "GET", "/v1/hooks")
    call(400, "GET", "/v1/hooks", query={"x": "1"})
    for path, status in (("/v1/hooks/inbox", 200), ("/v1/hooks/{name}/inbox", 200), ("/v1/hooks/{name}/inbox", 404)):
        call(status, "GET", path, name="git" if status == 200 else "none", query={"refused": "true", "limit": 1})
        call(400, "GET", path, name="git", query={"refused": "maybe"})
    call(404, "GET", "/v1/hooks/inbox/{id}", id=UNKNOWN)
    host.call("POST", "/hooks/git", b"{}", {"X-Hub-Signature-256": "sha256=" + "0" * 64})
    refused = host.get("/v1/hooks/inbox")["items"][0]["id"]
    call(200, "GET", "/v1/hooks/inbox/{id}", id=refused)
    call(202, "POST", "/v1/hooks/inbox/{id}/replay", {"why": "a look"}, id=refused)
    call(404, "POST", "/v1/hooks/inbox/{id}/replay", id=UNKNOWN)
    call.seen[("GET", "/v1/events")].add(watch_all(host))
    call(404, "GET", "/v1/jobs/{id}/outputs/{name}", id=UNKNOWN, name="x")
    call(404, "GET", "/v1/jobs/{id}/outputs/{name}", id=jobs["done"], name="x")
    call(200, "GET", "/v1/jobs/{id}/result", id=jobs["big"])
    call(206, "GET", "/v1/jobs/{id}/result", id=jobs["big"], headers={"Range": "bytes=0-9"})
    call(416, "GET", "/v1/jobs/{id}/result", id=jobs["big"], headers={"Range": "bytes=999999-"})
    etag = host.call("GET", f"/v1/jobs/{jobs['big']}/result").headers["ETag"]
    call(304, "GET", "/v1/jobs/{id}/result", id=jobs["big"], headers={"If-None-Match": etag})
    call(409, "GET", "/v1/jobs/{id}/result", id=jobs["running"])
    stream = call(200, "GET", "/v1/jobs/{id}/events", id=jobs["done"])
    last = stream.raw.decode().split("id: ")[-1].split("\n")[0]
    call(204, "GET", "/v1/jobs/{id}/events", id=jobs["done"], headers={"Last-Event-ID": last})
    for path in ("/v1/jobs", "/v1/dlq"):
        page = call(200, "GET", path, query={"limit": 1}).json
        if "next_cursor" in page:
            call(200, "GET", path, query={"limit": 1, "cursor": page["next_cursor"]})
        for query in ({"queue": "chaos", "type": "chaos.fail", "class": "network", "q": "chaos"}, {"user": "ann", "label": "a"},
                      {"code": "x", "parent": UNKNOWN}, {"after": "2026-01-01T00:00:00Z", "before": "2126-01-01T00:00:00Z"}):
            call(200, "GET", path, query=query)
        call(400, "GET", path, query={"limit": 0})
    for state in host.doc.document["components"]["schemas"]["JobState"]["enum"]:
        call(200, "GET", "/v1/jobs", query={"state": state})
    for path in ("/v1/queues", "/v1/plugins", "/v1/generations", "/v1/hosts", "/v1/limits", "/v1/breakers", "/v1/audit", "/v1/dedup", "/v1/config", "/v1/version",
                 "/v1/openapi.json", "/healthz", "/readyz", "/metrics"):
        call(200, "GET", path)
        call(400, "GET", path, query={"nonsense": 1})
    call(200, "GET", "/v1/generations", query={"plugin": "chaos"})
    call(404, "GET", "/v1/reload")
    call(400, "GET", "/v1/reload", query={"nonsense": 1})
    call(400, "POST", "/v1/reload", query={"nonsense": 1})
    call(202, "POST", "/v1/reload")
    call(200, "POST", "/v1/reload", query={"wait": "1"})
    call(200, "GET", "/v1/reload")
    call(404, "GET", "/v1/upgrade")
    call(400, "GET", "/v1/upgrade", query={"nonsense": 1})
    call(400, "POST", "/v1/upgrade", {"file": "jobhost"})
    call(409, "POST", "/v1/upgrade", {"file": "/dev/null"})
    call(202, "POST", "/v1/upgrade", {})
    wait_until(lambda: host.get("/v1/upgrade")["state"] != "running", build.PATIENCE_S, "the upgrade is over")
    call(200, "GET", "/v1/upgrade")
    call(200, "GET", "/v1/audit", query={"limit": 2})
    call(200, "POST", "/v1/limits/{name}/reset", {"why": "they have raised it"}, name="api:ann")
    call(404, "POST", "/v1/limits/{name}/reset", {}, name="none")
    call(200, "POST", "/v1/breakers/{name}/reset", {"why": "it has a new token"}, name="auth:chaos:user:ann")
    call(404, "POST", "/v1/breakers/{name}/reset", {}, name="nonsense")
    call(200, "GET", "/v1/dedup", query={"queue": "chaos", "limit": 1})
    for name in ("chaos", "gone"):
        call(200, "GET", "/v1/plugins/{name}", name=name)
    call(404, "GET", "/v1/plugins/{name}", name="nobody")
    call(200, "GET", "/v1/queues/{queue}/explain", queue="still")
    call(400, "GET", "/v1/queues/{queue}/explain", queue="9")


def call_everything_that_acts(call, host, jobs):
    for action in ("cancel", "retry", "promote"):
        call(404, "POST", "/v1/jobs/{id}/" + action, {}, id=UNKNOWN)
        call(409, "POST", "/v1/jobs/{id}/" + action, {}, id=jobs["done"])
        call(400, "POST", "/v1/jobs/{id}/" + action, {"whi": "x"}, id=jobs["later"])
        call(415, "POST", "/v1/jobs/{id}/" + action, b"{}", id=jobs["later"], headers={"Content-Type": "text/plain"})
    call(200, "POST", "/v1/jobs/{id}/promote", {"why": "now"}, id=jobs["later"])
    answer = {"answer": "no", "by": "Ada", "why": "seen"}
    call(404, "POST", "/v1/jobs/{id}/resolve", answer, id=UNKNOWN)
    call(409, "POST", "/v1/jobs/{id}/resolve", answer, id=jobs["done"])
    call(400, "POST", "/v1/jobs/{id}/resolve", {}, id=jobs["asks"])
    call(415, "POST", "/v1/jobs/{id}/resolve", b"{}", id=jobs["asks"], headers={"Content-Type": "text/plain"})
    call(422, "POST", "/v1/jobs/{id}/resolve", {"answer": "maybe"}, id=jobs["asks"])
    call(200, "POST", "/v1/jobs/{id}/resolve", answer, id=jobs["asks"])
    call(200, "POST", "/v1/jobs/{id}/cancel", {}, id=jobs["running"])
    call(200, "POST", "/v1/jobs/{id}/cancel", None, id=jobs["waiting"])
    host.wait_job(jobs["running"], "cancelled")
    call(200, "POST", "/v1/jobs/{id}/retry", {}, id=jobs["waiting"])
    for action in ("cancel", "retry", "promote", "remove"):
        answer = call(200, "POST", "/v1/jobs/" + action, {"ids": [UNKNOWN, jobs["parked"]], "why": "all"})
        assert "error" in answer.json["items"][0]
        call(400, "POST", "/v1/jobs/" + action, {"ids": []})
        call(415, "POST", "/v1/jobs/" + action, b"{}", headers={"Content-Type": "text/plain"})
    call(404, "DELETE", "/v1/jobs/{id}", id=UNKNOWN)
    call(409, "DELETE", "/v1/jobs/{id}", id=jobs["waiting"])
    call(200, "DELETE", "/v1/jobs/{id}", id=jobs["warned"], query={"why": "done with it"})
    call(200, "POST", "/v1/dlq/retry", {"all": True, "dry_run": True})
    call(200, "POST", "/v1/dlq/retry", {"ids": [UNKNOWN]})
    call(200, "POST", "/v1/dlq/remove", {"filter": {"class": "network"}, "why": "seen"})
    for action in ("retry", "remove"):
        call(400, "POST", "/v1/dlq/" + action, {})
        call(415, "POST", "/v1/dlq/" + action, b"{}", headers={"Content-Type": "text/plain"})
    for action in ("pause", "resume"):
        call(200, "POST", "/v1/queues/{queue}/" + action, {"why": "a test"}, queue="still")
        call(400, "POST", "/v1/queues/{queue}/" + action, {"why": "a test"}, queue="9")
        call(415, "POST", "/v1/queues/{queue}/" + action, b"x", queue="still", headers={"Content-Type": "text/plain"})
    call(400, "POST", "/v1/queues/{queue}/pause", {}, queue="still")
    call(200, "POST", "/v1/queues/{queue}/resume", {"rate": "50/s"}, queue="still")
    for action in ("pause", "resume"):
        call(200, "POST", "/v1/plugins/{name}/" + action, {"why": "a test"}, name="chaos")
        call(404, "POST", "/v1/plugins/{name}/" + action, {"why": "a test"}, name="none")
        call(200, "POST", "/v1/host/" + action, {"why": "a test"})
        call(400, "POST", "/v1/host/" + action, {"wy": "a test"})
    token = {"name": "ci", "scope": "submit", "user": "ann", "queues": ["a", "b"], "expires": "90d"}
    made = call(201, "POST", "/v1/tokens", token).json
    call(400, "POST", "/v1/tokens", {**token, "scope": "root"})
    call(400, "GET", "/v1/tokens", query={"nonsense": 1})
    call(200, "DELETE", "/v1/tokens/{id}", id=made["id"], query={"why": "a test"})
    call(404, "DELETE", "/v1/tokens/{id}", id="aaaaaaaaaaaa")
    call(200, "GET", "/v1/tokens")
    call(200, "POST", "/v1/fsck", {"repair": False})
    call(400, "POST", "/v1/fsck", {"repair": "yes"})
    call(200, "DELETE", "/v1/dedup", query={"queue": "chaos", "key": "k"})
    call(404, "DELETE", "/v1/dedup", query={"queue": "chaos", "key": "k"})
    call(400, "DELETE", "/v1/dedup", query={"queue": "chaos"})
    call(404, "POST", "/v1/dedup/release", {"queue": "chaos", "key": "k"})
    call(400, "POST", "/v1/dedup/release", {"queue": "chaos"})
    host.wait_job(host.submit("chaos.echo", {}, key="again", dedup={"ttl": "1h"}))
    call(200, "POST", "/v1/dedup/release", {"queue": "chaos", "key": "again"})


def call_everything_that_submits(call, host):
    blob = call(200, "POST", "/v1/blobs", b"content", headers={"Content-Type": "text/plain"}).json
    call(400, "POST", "/v1/blobs", b"content", query={"nonsense": 1})
    file = {"name": "a.txt", "sha256": blob["sha256"], "filename": "A b.txt", "content_type": "text/plain"}
    job = call(202, "POST", "/v1/jobs", {"type": "chaos.reads_input", "payload": {}, "files": [file]}).json["id"]
    host.wait_job(job, "succeeded")
    call(200, "GET", "/v1/jobs/{id}", id=job)
    body, headers = form({"type": "chaos.reads_input", "payload": {}}, [("a", "a.txt", b"one"), ("a", "b.txt", b"two")])
    call(202, "POST", "/v1/jobs", body, headers=headers)
    call(400, "POST", "/v1/jobs", b"--x--\r\n", headers=headers)
    call(202, "POST", "/v1/jobs", [{"type": "chaos.echo"}, {"type": "chaos.echo", "delay": "soon"}, {}])
    call(400, "POST", "/v1/jobs", [{"type": "nobody.has"}])
    call(400, "POST", "/v1/jobs", {"type": "chaos.echo", "typ": 1})
    call(400, "POST", "/v1/jobs", b"{", headers={"Content-Type": "application/json"})
    call(415, "POST", "/v1/jobs", b"{}", headers={"Content-Type": "text/plain"})
    call(413, "POST", "/v1/jobs", [{"type": "chaos.echo"}] * 1001)
    call(202, "POST", "/v1/jobs", {"type": "chaos.echo", "key": "one", "delay": "1h"})
    assert call(202, "POST", "/v1/jobs", {"type": "chaos.echo", "key": "one"}).json["duplicate"]
    call(409, "POST", "/v1/jobs", {"type": "chaos.echo", "key": "one", "dedup": {"mode": "reject"}})
    call(409, "POST", "/v1/jobs", [{"type": "chaos.echo", "key": "one", "dedup": {"mode": "reject"}}])
    replaced = call(202, "POST", "/v1/jobs", {"type": "chaos.echo", "key": "one", "delay": "1h", "dedup": {"mode": "replace"}}).json["replaced"]
    assert call(200, "GET", "/v1/jobs/{id}", id=replaced).json["replaced_by"]
    for updated in (None, True):
        late = {"type": "chaos.echo", "key": "late", "delay": "1h", "dedup": {"mode": "debounce"}}
        assert call(202, "POST", "/v1/jobs", late).json.get("updated") is updated
    call(400, "POST", "/v1/jobs", {"type": "chaos.echo", "key": "late", "dedup": {"mode": "debounce"}})
    done = host.submit("chaos.echo", {}, key="throttled", dedup={"mode": "throttle", "ttl": "1h"})
    host.wait_job(done, "succeeded")
    refused = call(409, "POST", "/v1/jobs", {"type": "chaos.echo", "key": "throttled", "dedup": {"mode": "reject"}}).json
    assert refused["result"] == f"/v1/jobs/{done}/result"
    flow = host.submit("chaos.yield", {"kind": "children", "children": 1, "delay_ms": 3_600_000})
    host.wait_job(flow, "parked")
    call(202, "POST", "/v1/jobs", {"type": "chaos.child", "payload": {}, "flow": flow, "delay": "1h"})
    host.act(flow, "cancel")
    wait_until(lambda: host.job(flow)["flow"]["closed"], build.PATIENCE_S, "the flow is closed")
    call(409, "POST", "/v1/jobs", {"type": "chaos.child", "payload": {}, "flow": flow})
    call(404, "POST", "/v1/jobs", {"type": "chaos.child", "payload": {}, "flow": UNKNOWN})
    call(202, "POST", "/v1/jobs", {"type": "chaos.echo", "queue": "full", "delay": "1h"})
    call(429, "POST", "/v1/jobs", {"type": "chaos.echo", "queue": "full"})


def events_are_described(call):
    path, html = "/v1/events/{name}", {"Content-Type": "text/html"}
    assert call(202, "POST", path, b"<p>17", name="order-17.paid", headers=html).json["duplicate"] is False
    for duplicate in (False, True):
        answer = call(202, "POST", path, b"", name="order-17.paid", query={"key": "a", "user": "ann"})
        assert answer.json == {"name": "order-17.paid", "duplicate": duplicate}
    call(400, "POST", path, b"", name="a%20b")
    call(400, "POST", path, b"", name="a", query={"key": "a b"})
    call(413, "POST", path, b"x" * (256 * 1024 + 1), name="a")


def test_every_operation(described):
    host, call = described, Caller(described)
    jobs = make_jobs(host)
    call_everything_that_submits(call, host)
    call_everything_that_reads(call, host, jobs)
    call_everything_that_acts(call, host, jobs)
    schedules_are_described(call, host)
    outputs_are_described(call, host)
    events_are_described(call)
    host.post("/v1/queues/still/resume")
    for method, path, operation in host.doc.operations():
        seen = call.seen.get((method, path), set())
        assert any(status < 300 for status in seen), f"{method} {path} was never called with success"
        main = [int(s) for s in operation["responses"] if int(s) >= 400 and int(s) not in (401, 403, 503)]
        assert not main or any(status >= 400 for status in seen), f"{method} {path} was never refused"


def schedules_are_described(call, host):
    path = "/v1/schedules/{id}"
    rule = {"cron": "@hourly", "job": "chaos.echo", "start_at": "2026-01-01T00:00:00Z", "overlap": "allow", "payload": [1]}
    call(201, "PUT", path, rule, id="own")
    call(200, "PUT", path, {**rule, "jitter": "30s"}, id="own")
    call(400, "PUT", path, {**rule, "jitter": 30}, id="own")
    call(409, "PUT", path, rule, id="filed")
    call(200, "GET", "/v1/schedules")
    call(200, "GET", "/v1/schedules", query={"limit": 1})
    call(400, "GET", "/v1/schedules", query={"nonsense": 1})
    for name in ("own", "filed"):
        call(200, "GET", path, id=name)
        call(200, "GET", path + "/preview", id=name, query={"limit": 3, "until": "2036-01-01T00:00:00Z"})
    call(400, "GET", path + "/preview", id="own", query={"from": "now"})
    call(200, "POST", path + "/run", {}, id="own")
    now = time.time()
    window = {name: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now - ago)) for name, ago in (("from", 7200), ("to", 0))}
    made = call(200, "POST", path + "/backfill", {**window, "why": "they are wanted"}, id="own").json
    assert made["made"] == 2
    call(400, "POST", path + "/backfill", {"from": window["to"], "to": window["from"]}, id="own")
    call(200, "GET", path + "/ledger", id="own", query={"verdict": "caught_up"})
    call(200, "GET", path + "/ledger", id="own", query={"limit": 1})
    call(400, "GET", path + "/ledger", id="own", query={"verdict": "maybe"})
    call(200, "POST", path + "/pause", {"why": "a test"}, id="own")
    call(200, "GET", path, id="own")
    call(400, "POST", path + "/pause", {}, id="own")
    call(200, "POST", path + "/resume", {}, id="own")
    for method, tail in (("GET", ""), ("GET", "/ledger"), ("GET", "/preview"), ("POST", "/run"), ("POST", "/resume"), ("DELETE", "")):
        call(404, method, path + tail, {} if method == "POST" else None, id="nobody")
    call(409, "DELETE", path, id="filed")
    call(200, "DELETE", path, id="own", query={"why": "done with it"})


def outputs_are_described(call, host):
    job = host.submit("chaos.outputs", {"files": [{"name": "a b.txt", "text": "hello"}]})
    done = host.wait_job(job, "succeeded")
    call(200, "GET", "/v1/jobs/{id}", id=job)
    name = done["outputs"][0]["url"].rsplit("/", 1)[1]
    etag = call(200, "GET", "/v1/jobs/{id}/outputs/{name}", id=job, name=name).headers["ETag"]
    call(206, "GET", "/v1/jobs/{id}/outputs/{name}", id=job, name=name, headers={"Range": "bytes=0-1"})
    call(304, "GET", "/v1/jobs/{id}/outputs/{name}", id=job, name=name, headers={"If-None-Match": etag})


def test_tokens(make_host):
    """401 of every operation that asks for a token, and of no other."""
    host = make_host({"host": {"listen": "127.0.0.1:0", "auth": "tokens", "admin_token": "secret-token-of-the-test"}})
    host.start()
    doc = Document(host.get("/v1/openapi.json"))
    port = int(host.get("/v1/version")["listen"][0].rsplit(":", 1)[1])
    for method, path, operation in doc.operations():
        target = path.replace("{id}", UNKNOWN).replace("{queue}", "q").replace("{name}", "x")
        body = b"{}" if "requestBody" in operation else None
        answer = Seen(ask(port, method, target, ["Content-Type: application/json"] if body else [], body))
        public = operation.get("security") == []
        assert (answer.status == 401) == (not public), f"{method} {path} -> {answer.status}"
        doc.judge(method, path, answer)


def test_generated_submissions(described):
    """What the request's schema allows is taken; what it does not allow is refused."""
    host = described
    seed = build.seed()
    make = Generator(host.doc, seed)
    schema = host.doc.document["components"]["schemas"]["Submission"]
    blob = host.expect(200, "POST", "/v1/blobs", b"content").json["sha256"]
    validator = Draft202012Validator(schema, resolver=host.doc.resolver)
    taken = 0
    for n in range(build.count(2000, 300)):
        job = make.value(schema)
        job["type"] = "chaos.echo"
        for file in job.get("files", []):
            file["sha256"] = blob
        if job.get("dedup", {}).get("mode") in ("debounce", "throttle"):
            del job["dedup"]["mode"]  # they need a delay, and a ttl
        job.pop("flow", None)  # there is none to join
        job.get("key") and job.update(key=f"{job['key'][:400]}-{n}")
        job.pop("run_at" if "delay" in job else "", None)
        if job.get("run_at"):
            job["run_at"] = "2026-11-21T10:00:00Z"
        if not validator.is_valid(job):
            continue  # a rule between members: dedup without a key, an expression that is missing
        answer = host.call("POST", "/v1/jobs", job)
        assert answer.status == 202, f"{json.dumps(job)} -> {answer.raw}"
        host.doc.judge("POST", "/v1/jobs", answer)
        taken += 1
    assert taken > 50


BROKEN = [
    ("type", 7), ("type", "9x"), ("type", "x" * 129), ("queue", "a b"), ("queue", "x" * 65), ("user", ""), ("user", "x" * 129),
    ("priority", "urgent"), ("delay", 30), ("delay", "soon"), ("run_at", "tomorrow"), ("key", ""), ("key", "x" * 513),
    ("dedup", {"mode": "maybe"}), ("dedup", {"mod": "return"}), ("max", 0), ("max", 1001), ("max", "3"), ("timeout", 5),
    ("labels", 7), ("labels", ["a,b"]), ("labels", "a"), ("labels", ["x", "x"]), ("labels", [str(n) for n in range(33)]), ("retry", {"backof": "fixed"}), ("retry", {"factor": 101}),
    ("retry", {"backoff": "expression"}), ("files", [{"name": "a"}]), ("files", [{"name": "a/b", "sha256": "0" * 64}]),
    ("callback", ""), ("nonsense", 1),
]


@pytest.mark.parametrize("field,value", BROKEN)
def test_document_and_host_refuse_the_same(described, field, value):
    schema = described.doc.document["components"]["schemas"]["Submission"]
    job = {"type": "chaos.echo", "key": "k", field: value}
    assert not Draft202012Validator(schema, resolver=described.doc.resolver).is_valid(job), "the document allows it"
    answer = described.call("POST", "/v1/jobs", job)
    assert answer.status in (400, 413), answer.raw
    described.doc.judge("POST", "/v1/jobs", answer)


def test_the_judge_is_strict(described):
    """A document with a hole, and an answer with a member too many, are found."""
    for break_it in (lambda d: d["info"].pop("title"), lambda d: d["paths"]["/v1/jobs"]["get"].pop("responses"),
                     lambda d: d["components"]["schemas"].pop("Job"), lambda d: d.update(surprise=1),
                     lambda d: d["components"]["schemas"].update(Unused={"type": "string"}),
                     lambda d: d["components"]["schemas"]["Time"].update(type="text")):
        broken = copy.deepcopy(described.doc.document)
        break_it(broken)
        with pytest.raises(Exception):
            Document(broken).check()
    version = described.get("/v1/version")
    schema = {"$ref": "#/components/schemas/Version"}
    described.doc.validate(version, schema)
    for change in ({"surprise": 1}, {"version": 1}, {"started_at": None}):
        with pytest.raises(AssertionError):
            described.doc.validate({**version, **change}, schema)


# Each is one step away from the document, and breaks one rule of OpenAPI 3.1 or of its schemas.
HOLES = {
    "no title": lambda d: d["info"].pop("title"),
    "a member too many": lambda d: d["paths"]["/v1/jobs"]["get"].update(surprise=1),
    "another version": lambda d: d.update(openapi="3.0.3"),
    "a status of four digits": lambda d: d["paths"]["/v1/jobs"]["get"]["responses"].update({"2000": {"description": "x"}}),
    "a parameter nowhere": lambda d: d["paths"]["/v1/jobs"]["get"]["parameters"].append({"name": "x", "in": "nowhere", "schema": {}}),
    "no such type": lambda d: d["components"]["schemas"]["Time"].update(type="text"),
    "less than no length": lambda d: d["components"]["schemas"]["Submission"]["properties"]["type"].update(maxLength=-1),
    "no such type in a parameter": lambda d: d["components"]["parameters"].update(
        X={"name": "x", "in": "query", "schema": {"type": "text"}}),
}


def test_the_official_meta_schema():
    """Judged by others: the OpenAPI Initiative's schema of 3.1, and Ajv."""
    node.need("ajv", "ajv-formats", "@seriousme/openapi-schema-validator")
    with open(os.path.join(build.REPO, "host", "api", "openapi.json"), encoding="utf-8") as source:
        document = json.load(source)
    documents = [document]
    for make_hole in HOLES.values():
        documents.append(copy.deepcopy(document))
        make_hole(documents[-1])
    done = subprocess.run(["node", node.path("check_openapi.mjs")], input=json.dumps(documents), capture_output=True, text=True, check=True,
                          timeout=build.PATIENCE_S)
    found, *errors = json.loads(done.stdout)
    assert found == []
    assert [name for name, seen in zip(HOLES, errors) if not seen] == []
