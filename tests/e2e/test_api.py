"""The HTTP API of a real host, as another program meets it: raw bytes, streams, and what stays after a restart."""
import hashlib
import http.client
import json
import os
import socket
import subprocess
import threading

import pytest

from lib import build
from lib.host import chaos
from lib.procs import wait_until
from lib.sse import Parser


def raw(host, data, shut=False):
    """Everything that the host sends on a connection of its own until it closes it (or stops sending)."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
        s.settimeout(build.PATIENCE_S)
        s.connect(host.socket)
        s.sendall(data)
        if shut:
            s.shutdown(socket.SHUT_WR)
        answer = b""
        while part := s.recv(65536):
            answer += part
        return answer


def events(host, job_id, headers=None):
    """The job's event stream, as (event, data), to its end."""
    connection = host.another()
    answer = connection.expect(200, "GET", f"/v1/jobs/{job_id}/events", headers=headers)
    assert answer.headers["Content-Type"] == "text/event-stream"
    found = [(event.name, json.loads(event.data)) for event in Parser().feed(answer.raw) if event.id]
    connection.close()
    return found


# ---- submitting

def test_payload_survives_byte_for_byte(host):
    payload = b'{ "big":12345678901234567890123, "f": 1.10e+2,"u":"\\u00e9\xc3\xa9\\ud83d\\ude00", "a":[ ] }'
    body = b'{"type":"chaos.echo","payload":' + payload + b"}"
    job_id = host.expect(202, "POST", "/v1/jobs", body, {"Content-Type": "application/json"}).json["id"]
    host.wait_job(job_id, "succeeded")
    assert host.result(job_id) == payload
    assert payload in host.expect(200, "GET", f"/v1/jobs/{job_id}").raw


def test_array_keeps_order_and_isolates_errors(host):
    jobs = [{"type": "chaos.echo", "payload": {"i": i}} for i in range(50)]
    jobs[7] = {"type": "chaos.echo", "delay": "soon"}
    jobs[8] = "what"
    jobs[9] = {"type": "nobody.knows"}
    answers = host.expect(202, "POST", "/v1/jobs", jobs).json
    assert len(answers) == 50
    assert [("error" in a) for a in answers] == [i in (7, 8, 9) for i in range(50)]
    assert answers[7]["error"]["field"] == "delay" and answers[9]["error"]["field"] == "type"
    for i, answer in enumerate(answers):
        if "id" in answer:
            host.wait_job(answer["id"], "succeeded")
            assert json.loads(host.result(answer["id"])) == {"i": i}
    ids = [a["id"] for a in answers if "id" in a]
    assert ids == sorted(ids)


def test_a_thousand_at_once(host):
    ids = host.submit_many([{"type": "chaos.echo", "payload": {"i": i}} for i in range(1000)])
    assert len(set(ids)) == 1000
    host.wait_idle()
    assert len(host.list(state="succeeded")) == 1000
    assert host.call("POST", "/v1/jobs", [{"type": "chaos.echo"}] * 1001).status == 413


def test_payload_limit(make_host):
    one = make_host({"plugins": chaos(), "queues": {"chaos": {"max_payload": "4KiB"}}})
    one.start()
    for over in (0, 1):
        text = '{"x":"%s"}' % ("y" * (4096 - 8 + over))
        body = ('{"type":"chaos.echo","payload":%s}' % text).encode()
        answer = one.call("POST", "/v1/jobs", body, {"Content-Type": "application/json"})
        assert (answer.status, len(text) - over) == (413 if over else 202, 4096), answer.raw


def test_dedup(host):
    first = host.submit("chaos.sleep", {"ms": 60000}, key="k")
    again = host.expect(202, "POST", "/v1/jobs", {"type": "chaos.sleep", "key": "k"}).json
    assert again["duplicate"] is True and again["id"] == again["job"] == first and again["state"] in ("queued", "running")
    refused = host.expect(409, "POST", "/v1/jobs", {"type": "chaos.sleep", "key": "k", "dedup": {"mode": "reject"}}).json
    assert refused["error"]["code"] == "duplicate" and refused["job"] == first
    held = host.get("/v1/dedup", queue="chaos")["items"]
    assert [(h["key"], h["job"]) for h in held] == [("k", first)]
    host.expect(200, "DELETE", "/v1/dedup", query={"queue": "chaos", "key": "k"})
    assert host.call("DELETE", "/v1/dedup", query={"queue": "chaos", "key": "k"}).status == 404
    other = host.submit("chaos.echo", key="k")
    assert other != first
    host.wait_job(other, "succeeded")
    done = host.expect(202, "POST", "/v1/jobs", {"type": "chaos.echo", "key": "k"}).json
    assert done["duplicate"] is True and done["state"] == "succeeded" and done["result"] == f"/v1/jobs/{other}/result"
    assert {"dedup.release"} <= {e["action"] for e in host.get("/v1/audit")["items"]}
    host.act(first, "cancel")


# ---- results and blobs

def test_blobs_and_ranges(host):
    content = os.urandom(900_000)
    blob = host.expect(200, "POST", "/v1/blobs", content, {"Content-Type": "application/octet-stream"}).json
    assert blob == {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
    job_id = host.submit("chaos.reads_input", files=[{"name": "f", "sha256": blob["sha256"], "content_type": "x/y"}])
    host.wait_job(job_id, "succeeded")
    read = json.loads(host.result(job_id))[0]
    assert (read["name"], read["type"], read["read"], read["sum"]) == ("f", "x/y", 900_000, sum(content))
    assert host.job(job_id)["files"] == [{"name": "f", "content_type": "x/y", "size": 900_000, "sha256": blob["sha256"]}]
    missing = host.refused(400, "chaos.reads_input", files=[{"name": "f", "sha256": "0" * 64}])
    assert missing["code"] == "no_such_blob"


def test_large_result_by_parts(host):
    job_id = host.submit("chaos.big_result", {"bytes": 3_000_000})
    host.wait_job(job_id, "succeeded")
    whole = host.expect(200, "GET", f"/v1/jobs/{job_id}/result")
    assert len(whole.raw) == 3_000_000
    tag = whole.headers["ETag"]
    part = host.expect(206, "GET", f"/v1/jobs/{job_id}/result", headers={"Range": "bytes=2999990-"})
    assert part.raw == whole.raw[2999990:] and part.headers["Content-Range"] == "bytes 2999990-2999999/3000000"
    host.expect(304, "GET", f"/v1/jobs/{job_id}/result", headers={"If-None-Match": tag})
    host.expect(416, "GET", f"/v1/jobs/{job_id}/result", headers={"Range": "bytes=3000000-"})
    head = host.expect(200, "HEAD", f"/v1/jobs/{job_id}/result")
    assert head.headers["Content-Length"] == "3000000" and head.raw == b""


def test_result_before_the_end(host):
    job_id = host.submit("chaos.sleep", {"ms": 60000})
    host.wait_started(job_id)
    answer = host.expect(409, "GET", f"/v1/jobs/{job_id}/result")
    assert answer.error["code"] == "not_finished" and "running" in answer.error["message"]
    host.act(job_id, "cancel")
    host.wait_job(job_id, "cancelled")
    assert host.call("GET", f"/v1/jobs/{job_id}/result").status in (200, 404)


# ---- events

def test_events_from_begin_to_end(host):
    job_id = host.submit("chaos.log", {"lines": ["one", "two"]}, delay="500ms")
    got = events(host, job_id)
    states = [d["state"] for e, d in got if e == "state"]
    assert states[0] == "scheduled" and states[-1] == "succeeded"
    assert events(host, job_id, {"Last-Event-ID": "1-1"}) and [e for e, _ in events(host, job_id)] == ["state"]


def test_many_watchers_hear_the_end(host):
    job_id = host.submit("chaos.sleep", {"ms": 800, "steps": 4})
    ends, lock = [], threading.Lock()

    def watch():
        last = events(host, job_id)[-1][1]["state"]
        with lock:
            ends.append(last)

    crowd = [threading.Thread(target=watch) for _ in range(30)]
    for t in crowd:
        t.start()
    for t in crowd:
        t.join()
    assert ends == ["succeeded"] * 30
    fds = len(os.listdir(f"/proc/{host.pid}/fd"))
    waiting = host.submit("chaos.echo", delay="1h")
    for _ in range(50):  # watchers that leave
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
            s.connect(host.socket)
            s.sendall(f"GET /v1/jobs/{waiting}/events HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            assert b"200 OK" in s.recv(65536)
    wait_until(lambda: len(os.listdir(f"/proc/{host.pid}/fd")) <= fds, build.PATIENCE_S, "their connections are gone")


# ---- lists

def test_pages_are_whole(host):
    ids = host.submit_many([{"type": "chaos.echo", "payload": {}, "labels": [f"l{i % 3}"]} for i in range(25)])
    host.wait_idle()
    seen, cursor = [], None
    while True:
        page = host.get("/v1/jobs", limit=7, **({"cursor": cursor} if cursor else {}))
        seen += [j["id"] for j in page["items"]]
        cursor = page.get("next_cursor")
        if cursor is None:
            break
    assert seen == list(reversed(ids))
    assert {j["id"] for j in host.list(label="l1")} == set(ids[1::3])
    for path in "/v1/jobs", "/v1/dlq", "/v1/audit":
        for cursor in "nonsense", "":
            answer = host.call("GET", path, query={"cursor": cursor})
            assert (answer.status, answer.error["code"], answer.error["field"]) == (400, "bad_parameter", "cursor"), (path, cursor)
    assert host.call("GET", "/v1/jobs?=x").error["code"] == "unknown_parameter"
    assert host.call("GET", "/v1/jobs?&limit=1&").status == 200


def test_dlq_by_filter(host):
    bad = host.submit_many([{"type": "chaos.fail", "payload": {"class": "input", "code": c, "message": "m"}} for c in ("a", "a", "b")])
    host.wait_all(bad, "dead")
    assert host.post("/v1/dlq/retry", {"filter": {"code": "a"}, "dry_run": True})["matched"] == 2
    done = host.post("/v1/dlq/remove", {"filter": {"code": "a", "queue": "chaos", "class": "input"}, "why": "tidy"})
    assert done == {"matched": 2, "done": 2, "failed": 0, "errors": []}
    assert [j["id"] for j in host.list("/v1/dlq")] == [bad[2]]
    assert host.call("GET", f"/v1/jobs/{bad[0]}").status == 404
    audit = host.get("/v1/audit")["items"]
    assert [a["target"] for a in audit if a["action"] == "job.remove" and a["detail"] == "tidy"] in ([bad[0], bad[1]], [bad[1], bad[0]])


# ---- what outlives a restart

def test_pause_outlives_a_restart(host):
    host.post("/v1/queues/chaos/pause", {"why": "until tomorrow"})
    job_id = host.submit("chaos.echo", {"a": 1})
    host.restart()
    assert host.queue("chaos")["paused_why"] == "until tomorrow"
    assert "queue_paused" in host.explain(job_id)
    host.post("/v1/queues/chaos/resume")
    host.wait_job(job_id, "succeeded")


def test_events_end_with_the_host(host):
    job_id = host.submit("chaos.echo", delay="1h")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
        s.settimeout(build.PATIENCE_S)
        s.connect(host.socket)
        s.sendall(f"GET /v1/jobs/{job_id}/events HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        assert b"200 OK" in s.recv(65536)
        host.stop()
        while s.recv(65536):
            pass


# ---- HTTP

MARKER = b"GET /v1/version HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.mark.parametrize("bad, status", [
    (b"GET /v1/version HTTP/1.1\r\n\r\n", 400),
    (b"GET  /v1/version HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    (b"GET /v1/version HTTP/1.1\nHost: a\n\n", 400),
    (b"POST /v1/jobs HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    (b"POST /v1/jobs HTTP/1.1\r\nHost: a\r\nContent-Length: +4\r\n\r\nabcd", 400),
    (b"POST /v1/jobs HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501),
    (b"GET /v1/../../etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    (b"GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    (b"\x16\x03\x01\x02\x00\x01", 400),
    (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
    (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 17000 + b"\r\n\r\n", 431),
    (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"x:\r\n" * 70 + b"\r\n", 431),
    (b"POST /v1/jobs/cancel HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 99999999\r\n\r\n", 413),
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
])
def test_one_answer_to_nonsense(host, bad, status):
    answer = raw(host, bad + MARKER)
    assert answer.startswith(f"HTTP/1.1 {status} ".encode()), answer[:200]
    assert answer.count(b"\r\nDate: ") == 1 and b'"error"' in answer and b"Connection: close" in answer


def test_pipelined_and_half_closed(host):
    answer = raw(host, MARKER * 20, shut=True)
    assert answer.count(b"HTTP/1.1 200 OK") == 20


def test_unknown_paths_and_methods(host):
    assert host.call("GET", "/v2/publish").status == 404
    assert host.call("GET", "/v1/nothing/x").status == 404
    assert host.call("GET", "/v1/events/x").status == 405
    answer = host.call("PATCH", "/v1/jobs")
    assert answer.status == 405 and "POST" in answer.headers["Allow"]
    assert host.call("POST", "/v1/jobs", b"{}", {"Content-Type": "text/plain"}).status == 415
    assert host.call("POST", "/v1/jobs", b"{", {"Content-Type": "application/json"}).error["code"] == "bad_json"
    deep = b"[" * 100 + b"]" * 100
    assert host.call("POST", "/v1/jobs", deep, {"Content-Type": "application/json"}).error["code"] == "bad_json"


def test_chunked_submission(host):
    connection = http.client.HTTPConnection("localhost")
    connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.sock.connect(host.socket)
    body = [b'{"type":', b'"chaos.echo"', b',"payload":{"x":1}}']
    connection.request("POST", "/v1/jobs", iter(body), {"Content-Type": "application/json"}, encode_chunked=True)
    answer = connection.getresponse()
    assert answer.status == 202 and json.loads(answer.read())["state"] == "queued"
    connection.close()


def test_curl(host):
    """As docs/api.md has it."""
    def curl(*args):
        done = subprocess.run(["curl", "-sS", "--unix-socket", host.socket, *args], capture_output=True, check=True,
                              timeout=build.PATIENCE_S)
        return json.loads(done.stdout)

    job = curl("http://localhost/v1/jobs", "--json", '{"type": "chaos.echo", "payload": {"a": 1}}')
    host.wait_job(job["id"], "succeeded")
    assert curl(f"http://localhost/v1/jobs/{job['id']}/result") == {"a": 1}
    assert curl("http://localhost/readyz")["ok"] is True


def test_socket_is_private(host):
    assert os.stat(host.socket).st_mode & 0o777 == 0o600


# ---- what runs

def test_generations(make_host):
    """Which code runs, since when, and what it has done; a plugin that could not start says why."""
    host = make_host({"plugins": {**chaos(workers=2, threads=1), "gone": {"file": "/nowhere/gone.so"}}})
    host.start()
    host.wait_all(host.submit_many([{"type": "chaos.echo", "payload": {}} for _ in range(3)]), "succeeded")
    host.wait_job(host.submit("chaos.crash", {"how": "exit", "times": 1}, retry={"backoff": "fixed", "base": "1ms"}))
    found = {g["plugin"]: g for g in host.get("/v1/generations")["items"]}
    plugins = host.plugins()
    one = found["chaos"]
    with open(build.plugin("chaos"), "rb") as code:
        assert one["sha256"] == hashlib.sha256(code.read()).hexdigest()
    assert (one["number"], one["current"], one["state"]) == (1, True, "ready")
    assert one["build"] == plugins["chaos"]["build"] and one["file"] == build.plugin("chaos")
    assert one["jobs_done"] == 4 and one["crashes"] == 1 and "exit status" in one["last_crash"], one
    wait_until(lambda: len(host.get("/v1/generations", plugin="chaos")["items"][0]["workers"]) == 2, build.PATIENCE_S,
               "both workers are there")
    assert one["since"] >= host.get("/v1/version")["started_at"]
    assert found["gone"]["state"] == "failed" and "gone.so" in found["gone"]["reason"] and "build" not in found["gone"]


def test_a_repeated_request(host):
    """Idempotency-Key: the same job, while it runs and when it is done; another key is another job."""
    def submit(key):
        answer = host.call("POST", "/v1/jobs", {"type": "chaos.echo", "payload": {}}, {"Idempotency-Key": key})
        assert answer.status == 202, answer.raw
        return answer.json["id"], answer.json["duplicate"]

    first, again = submit("4f9d")
    assert not again and submit('"4f9d"') == (first, True)
    host.wait_job(first, "succeeded")
    assert submit("4f9d") == (first, True) and submit("4f9e")[0] != first
    assert host.job(first)["key"] == "4f9d"
