"""Every size that somebody outside controls: fine at the limit, refused with clear words one beyond it. And what is large arrives whole."""
import hashlib
import json
import os
import time

import pytest

from lib import build
from lib.host import chaos
from lib.workload import pattern

SOON = {"backoff": "fixed", "base": "10ms", "jitter": 0}
MIB = 1 << 20


def accepted(host, **fields):
    job = {"type": "chaos.echo", "payload": {}, **fields}
    answer = host.call("POST", "/v1/jobs", job)
    assert answer.status == 202, answer.raw
    return answer.json["id"]


def refused(host, status, code, field, **fields):
    job = {"type": "chaos.echo", "payload": {}, **fields}
    answer = host.call("POST", "/v1/jobs", job)
    assert (answer.status, answer.error["code"], answer.error.get("field")) == (status, code, field), answer.raw
    assert len(answer.error["message"]) > 10


# ---- fields of a submission

@pytest.mark.parametrize("field, code, at, beyond", [
    ("queue", "bad_queue", "q" * 64, "q" * 65),
    ("user", "too_long", "u" * 128, "u" * 129),
    ("key", "too_long", "k" * 512, "k" * 513),
    ("callback", "too_long", "https://a.example/" + "c" * 2030, "https://a.example/" + "c" * 2031),
    ("labels", "long_labels", ["l" * 511, "m" * 512], ["l" * 512, "m" * 512]),
    ("max", "out_of_range", 1000, 1001),
    ("delay", "out_of_range", "3650d", "87601h"),
    ("timeout", "out_of_range", "30d", "721h"),
    ("deadline", "out_of_range", "3650d", "87601h"),
    ("expires", "out_of_range", "3650d", "87601h"),
])
def test_field(host, field, code, at, beyond):
    accepted(host, **{field: at})
    refused(host, 400, code, field, **{field: beyond})


def test_run_at(host):
    def days_from_now(days):
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + days * 86400))

    accepted(host, run_at=days_from_now(3649.9))
    refused(host, 400, "out_of_range", "run_at", run_at=days_from_now(3650.1))
    accepted(host, run_at="1970-01-01T00:00:00Z")  # long due


def test_type(make_host):
    longest = "a." + "b" * 126
    host = make_host({"plugins": chaos(), "jobs": {longest: {}}})
    host.start()
    accepted(host, type=longest)
    refused(host, 400, "bad_type", "type", type=longest + "b")
    refused(host, 400, "bad_type", "type", type="1a.b")
    refused(host, 400, "bad_type", "type", type="a b")


def test_own_retry_policy(host):
    policy = {"backoff": "expression", "expression": ""}
    room = 512 - len(json.dumps(policy))
    longest = "1" + " + 1" * 63  # 253 characters; an expression has at most 256
    assert len(longest) <= min(room, 256)
    accepted(host, retry={"expression": longest})
    for bad in ({"expression": "1 +"}, {"expression": "1" + " + 1" * 64}, {"backoff": "sometimes"}, {"base": -1}, {"what": 1}):
        answer = host.call("POST", "/v1/jobs", {"type": "chaos.echo", "retry": bad})
        assert (answer.status, answer.error["field"]) == (400, "retry"), (bad, answer.raw)


def test_array(host):
    one = {"type": "chaos.echo"}
    assert len(host.submit_many([one] * 1000)) == 1000
    answer = host.call("POST", "/v1/jobs", [one] * 1001)
    assert (answer.status, answer.error["code"]) == (413, "too_many_jobs")
    # good and bad together: each has its own answer
    answers = host.expect(202, "POST", "/v1/jobs", [one, {"type": "no.such"}, {}, one]).json
    assert [a.get("error", {}).get("code") for a in answers] == [None, "unknown_type", "missing_field", None]
    assert host.expect(202, "POST", "/v1/jobs", []).json == []
    assert host.expect(400, "POST", "/v1/jobs", [{}, {}]).json[0]["error"]["code"] == "missing_field"


def test_list_and_bulk(host):
    ids = host.submit_many([{"type": "chaos.echo", "delay": "1h"}] * 1000)
    assert len(host.get("/v1/jobs", limit=1000)["items"]) == 1000
    for limit in (0, 1001, -1, "x"):
        assert host.call("GET", "/v1/jobs", query={"limit": limit}).error["field"] == "limit"
    assert len(host.post("/v1/jobs/cancel", {"ids": ids})["items"]) == 1000
    assert host.call("POST", "/v1/jobs/cancel", {"ids": [*ids, ids[0]]}).status == 400


# ---- payloads and results

def payload_of(size):
    """A JSON object of so many bytes, as json.dumps() writes it."""
    return {"t": "x" * (size - len(json.dumps({"t": ""})))}


@pytest.mark.parametrize("limit, config", [(1000, {"max_payload": "1000B"}), (MIB, {})], ids=["of the queue", "default"])
def test_payload(make_host, limit, config):
    host = make_host({"queues": {"small": config}})
    host.start()
    job = accepted(host, payload=payload_of(limit), queue="small")
    refused(host, 413, "payload_too_large", "payload", payload=payload_of(limit + 1), queue="small")
    host.wait_job(job, "succeeded")
    assert host.result(job) == json.dumps(payload_of(limit)).encode()


@pytest.mark.parametrize("how", ["chunks", "fd"])
def test_result(make_host, how):
    host = make_host({"queues": {"small": {"max_result": "10000B"}}})
    host.start()
    fits = host.submit("chaos.big_result", {"bytes": 10_000, "how": how}, queue="small")
    over = host.submit("chaos.big_result", {"bytes": 10_001, "how": how}, queue="small", retry=SOON)
    assert host.wait_job(fits)["state"] == "succeeded"
    assert host.result(fits) == pattern(10_000)
    dead = host.wait_job(over)
    assert (dead["state"], dead["attempts"], dead["error"]["code"]) == ("dead", 1, "result_too_large"), dead  # once, clearly
    assert "queues.small.max_result" in dead["error"]["message"], dead


@pytest.mark.parametrize("how", ["chunks", "fd"])
@pytest.mark.parametrize("size", [0, 1, 65_536, 262_143, 262_144, 262_145, 5_000_000])
def test_results_arrive_whole(host, how, size):
    job = host.submit("chaos.big_result", {"bytes": size, "how": how, "type": "text/x-letters"})
    assert host.wait_job(job)["state"] == "succeeded"
    if size == 0 and host.call("GET", f"/v1/jobs/{job}/result").status == 404:
        return  # nothing is no result
    answer = host.expect(200, "GET", f"/v1/jobs/{job}/result")
    assert answer.headers["Content-Type"] == "text/x-letters"
    assert hashlib.sha256(answer.raw).digest() == hashlib.sha256(pattern(size)).digest()


def test_a_part_of_a_large_result(host):
    size = 1_000_000
    job = host.submit("chaos.big_result", {"bytes": size})
    host.wait_job(job, "succeeded")
    path = f"/v1/jobs/{job}/result"
    for wanted, first, last in (("bytes=0-99", 0, 100), ("bytes=500000-", 500_000, size), ("bytes=-26", size - 26, size),
                                (f"bytes={size - 1}-{size + 5}", size - 1, size)):
        answer = host.expect(206, "GET", path, headers={"Range": wanted})
        assert answer.raw == pattern(size)[first:last]
        assert answer.headers["Content-Range"] == f"bytes {first}-{last - 1}/{size}"
    assert host.call("GET", path, headers={"Range": f"bytes={size}-"}).status == 416


def test_the_largest_result(host):
    """The default is 64 MiB."""
    size = 64 * MIB
    job = host.submit("chaos.big_result", {"bytes": size, "how": "fd"})
    over = host.submit("chaos.big_result", {"bytes": size + 1, "how": "fd"})
    host.wait_job(job, "succeeded")
    assert hashlib.sha256(host.result(job)).digest() == hashlib.sha256(pattern(size)).digest()
    assert host.wait_job(over)["error"]["code"] == "result_too_large"


# ---- files

def put(host, content):
    answer = host.expect(200, "POST", "/v1/blobs", content, headers={"Content-Type": "application/octet-stream"}).json
    assert answer == {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
    return answer["sha256"]


@pytest.mark.parametrize("size", [0, 1, 262_144, 262_145, 3_000_000])
def test_files_arrive_whole(host, size):
    content = os.urandom(size)
    job = host.submit("chaos.reads_input", {}, files=[{"name": "a.bin", "sha256": put(host, content)}])
    assert host.wait_job(job)["state"] == "succeeded"
    assert json.loads(host.result(job)) == [{"name": "a.bin", "type": "application/octet-stream", "length": size, "read": size,
                                             "sum": sum(content)}]
    host.assert_sound()


def test_number_of_files(host):
    digest = put(host, b"content")
    files = [{"name": f"f{n}", "sha256": digest, "content_type": "text/plain"} for n in range(33)]
    job = host.submit("chaos.reads_input", {}, files=files[:32])
    assert host.wait_job(job)["state"] == "succeeded"
    assert [f["name"] for f in json.loads(host.result(job))] == [f"f{n}" for n in range(32)]
    refused(host, 400, "too_many_files", "files", files=files)
    refused(host, 400, "bad_file", "files", files=[{"name": "n" * 256, "sha256": digest}])
    accepted(host, files=[{"name": "n" * 255, "sha256": digest}])
    refused(host, 400, "no_such_blob", "files", files=[{"name": "x", "sha256": "0" * 64}])
    refused(host, 400, "bad_file", "files", files=[{"name": "x", "sha256": "0" * 63}])


def test_size_of_a_file(make_host):
    host = make_host({"store": {"url": "sqlite:var/jobhost.db", "blobs": {"max_in_store": "256KiB"}}})
    host.start()
    put(host, b"x" * (256 << 10))
    answer = host.call("POST", "/v1/blobs", b"x" * ((256 << 10) + 1), headers={"Content-Type": "application/octet-stream"})
    assert answer.status == 413, answer.raw


# ---- how much a job may do

def test_children_of_one_commit(host):
    fits = host.submit("chaos.children", {"count": 10_000, "delay_ms": 36_000_000})
    over = host.submit("chaos.children", {"count": 10_001, "delay_ms": 36_000_000}, retry=SOON, max=2)
    assert host.wait_job(fits)["children"] == 10_000
    dead = host.wait_job(over)
    assert dead["state"] == "dead" and "children" not in dead, dead
    assert host.queue("chaos")["states"]["scheduled"] == 10_000
    host.assert_sound()


@pytest.mark.skipif(not build.FULL, reason="asks for JOBHOST_FULL=1")
def test_number_of_steps(host):
    fits = host.submit("chaos.steps", {"steps": 10_000})
    over = host.submit("chaos.steps", {"steps": 10_001}, retry=SOON, max=2)
    assert host.wait_job(fits, seconds=600)["steps"]["count"] == 10_000
    dead = host.wait_job(over, seconds=600)
    assert dead["state"] == "dead" and dead["steps"]["count"] == 10_000, dead["error"]
    host.assert_sound()


@pytest.mark.skipif(not build.FULL, reason="asks for JOBHOST_FULL=1")
def test_number_of_yields(host):
    job = host.submit("chaos.status", {"status": 3})  # JH_YIELD, for ever
    dead = host.wait_job(job, "dead", seconds=600)
    assert (dead["error"]["class"], dead["error"]["code"]) == ("bug", "max_yields"), dead
    assert (dead["yields"], dead["attempt"], dead["attempts"]) == (10_000, 10_001, 0), dead


def test_size_of_a_step(make_host):
    host = make_host({"queues": {"large": {"max_payload": "2MiB"}}})
    host.start()

    def job(size):
        return host.submit("chaos.kv", {"ops": [["commit", "s", "x" * size]]}, queue="large", max=1)

    fits, over = job(MIB), job(MIB + 1)
    assert host.wait_job(fits, "succeeded")["steps"]["bytes"] >= MIB
    assert json.loads(host.result(fits)) == [0]
    assert "steps" not in host.wait_job(over)  # step_put() said no


def test_value_sizes(host):
    ops = [["set", "k" * 512, "v"], ["set", "k" * 513, "v"], ["set", "big", "v" * 262_144], ["set", "bigger", "v" * 262_145]]
    job = host.submit("chaos.kv", {"ops": ops}, queue="large")
    host.wait_job(job, "succeeded")
    at, beyond, big, bigger = json.loads(host.result(job))
    assert (at, big) == (0, 0) and beyond < 0 and bigger < 0


def test_warnings_are_counted_beyond_what_is_listed(host):
    job = host.submit("chaos.warn", {"count": 101})
    warnings = host.wait_job(job)["warnings"]
    assert warnings["count"] == 101 and len(warnings["items"]) == 100


def test_history_keeps_the_newest(host):
    job = host.submit("chaos.fail", {}, max=23, retry={"backoff": "fixed", "base": "1ms", "jitter": 0})
    dead = host.wait_job(job, "dead")
    assert dead["attempts"] == 23
    assert [h["execution"] for h in dead["history"]] == list(range(4, 24))


def test_log_tail(host):
    job = host.submit("chaos.log", {"lines": 1000, "bytes": 100})
    host.wait_job(job, "succeeded")
    tail = host.log(job)
    assert 8000 < len(tail) <= 16_384 and tail.splitlines()[-1].endswith(pattern(1100)[999:1099].decode())


# ---- the host's own

def test_threads(make_host):
    host = make_host({"plugins": chaos(threads=256)})
    host.start()
    sleepers = host.submit_many([{"type": "chaos.sleep", "payload": {"ms": 600_000}}] * 256)
    for job in sleepers:
        host.wait_started(job)
    assert host.plugins()["chaos"]["busy"] == 256
    host.post("/v1/jobs/cancel", {"ids": sleepers})
    assert all(j["state"] == "cancelled" for j in host.wait_all(sleepers))
    host.stop()
    host.configure({"plugins": chaos(threads=257)})
    assert host.start(ready=False) is False
    assert host.reap() != 0 and "threads" in host.log_tail(10)


def test_jobs_that_may_wait(make_host):
    host = make_host({"queues": {"narrow": {"max_jobs": 3}}})
    host.start()
    for _ in range(3):
        accepted(host, queue="narrow", delay="1h")
    answer = host.call("POST", "/v1/jobs", {"type": "chaos.echo", "queue": "narrow"})
    assert (answer.status, answer.error["code"], answer.error["field"]) == (429, "queue_full", "queue"), answer.raw
    assert "queues.narrow.max_jobs" in answer.error["message"]
    assert answer.headers["Retry-After"]
    accepted(host, queue="wide")
    host.act(host.list(queue="narrow")[0]["id"], "cancel")
    accepted(host, queue="narrow", delay="1h")


def test_byte_budget(make_host):
    host = make_host({"store": {"url": "sqlite:var/jobhost.db", "budget": {"jobs": "100KiB"}}})
    host.start()
    host.post("/v1/queues/chaos/pause", {"why": "collect"})
    ids = []
    while len(ids) < 200:
        answer = host.call("POST", "/v1/jobs", {"type": "chaos.echo", "payload": "x" * 5000})
        if answer.status != 202:
            break
        ids.append(answer.json["id"])
    assert answer.status == 429 and answer.error["code"] == "budget_full", answer.raw
    assert 10 < len(ids) < 25, len(ids)  # nothing was evicted either
    assert all(host.job(i)["state"] == "queued" for i in ids)
    for job in ids[:5]:
        host.act(job, "cancel")
        host.expect(200, "DELETE", f"/v1/jobs/{job}")
    accepted(host, payload="x" * 5000)
    host.assert_sound()


def test_concurrency(make_host):
    host = make_host({"plugins": chaos(threads=8), "queues": {"narrow": {"concurrency": 3}}})
    host.start()
    ids = host.submit_many([{"type": "chaos.sleep", "payload": {"ms": 60, "beat_ms": 60}, "queue": "narrow"}] * 30)
    seen = 0
    while host.queue("narrow")["states"]["succeeded"] < 30:
        seen = max(seen, host.queue("narrow")["states"]["running"])
    assert seen == 3
    assert all(j["state"] == "succeeded" for j in host.wait_all(ids))


def test_connections(make_host):
    host = make_host({"host": {"max_connections": 20}})
    host.start()
    others = [host.another() for _ in range(20)]
    open_ones = [o for o in others if o.call("GET", "/healthz").status == 200]
    assert len(open_ones) >= 19  # the fixture's own connection may be the twentieth
    for other in others:
        other.close()
    assert host.call("GET", "/healthz").status == 200
