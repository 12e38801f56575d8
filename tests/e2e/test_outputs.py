"""Output files: from the handler through the store to whoever asks, once with their commit whatever is killed around it."""
import hashlib
import os
import random
import urllib.parse

import pytest

from lib import build
from lib.clock import Clock
from lib.host import chaos
from lib.procs import rss_bytes, wait_until, workers_of
from lib.storm import CONFIG
from lib.workload import pattern

HOUR_MS = 3_600_000
LARGE = 100_000_000
NAMES = ["report.html", "Umsätze – Juli.csv", 'a "b" c?#%.md', "📈.svg", "..."]
SOON = {"max": 1000, "backoff": "fixed", "base": "10ms", "jitter": 0}


@pytest.fixture
def host(make_host):
    host = make_host({"plugins": chaos(workers=2, threads=2), "jobs": {"chaos.outputs": {"retry": SOON}}})
    host.start()
    return host


def outputs(host, job_id):
    """{name: content}, fetched by their urls."""
    return {o["name"]: host.expect(200, "GET", o["url"]).raw for o in host.job(job_id).get("outputs", [])}


def blobs(host):
    return [name for _, _, files in os.walk(os.path.join(host.state_dir, "blobs")) for name in files]


# ---- what is asked for

def test_outputs(host):
    files = [{"name": name, "text": f"{n}: ", "bytes": 1000 * n, "type": "text/html; charset=utf-8" if n == 0 else "text/plain"}
             for n, name in enumerate(NAMES)]
    job = host.wait_job(host.submit("chaos.outputs", {"files": files}), "succeeded")
    assert {o["name"] for o in job["outputs"]} == set(NAMES) and job["output_count"] == len(NAMES)
    for n, name in enumerate(NAMES):
        content = f"{n}: ".encode() + pattern(1000 * n)
        shown = next(o for o in job["outputs"] if o["name"] == name)
        assert shown == {"name": name, "content_type": files[n]["type"], "size": len(content),
                         "sha256": hashlib.sha256(content).hexdigest(),
                         "url": f"/v1/jobs/{job['id']}/outputs/{urllib.parse.quote(name, safe='')}"}
        got = host.expect(200, "GET", shown["url"])
        assert got.raw == content and got.headers["Content-Type"] == files[n]["type"]
        assert got.headers["ETag"] == f'"{shown["sha256"]}"' and got.headers["X-Content-Type-Options"] == "nosniff"
        assert got.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'; style-src 'unsafe-inline'")
        assert got.headers["Content-Disposition"].startswith("inline; filename=") and got.headers["Content-Disposition"].isascii()
        if not name.isascii() or set(name) & set('"%'):
            assert f"filename*=UTF-8''{urllib.parse.quote(name, safe='')}" in got.headers["Content-Disposition"]
        assert host.expect(206, "GET", shown["url"], headers={"Range": "bytes=1-2"}).raw == content[1:3]
        assert host.expect(304, "GET", shown["url"], headers={"If-None-Match": got.headers["ETag"]}).raw == b""
        head = host.expect(200, "HEAD", shown["url"])
        assert head.raw == b"" and int(head.headers["Content-Length"]) == len(content)
    listed = next(j for j in host.list() if j["id"] == job["id"])
    assert listed["output_count"] == len(NAMES) and listed["output_bytes"] == job["output_bytes"] and "outputs" not in listed
    missing = host.expect(404, "GET", f"/v1/jobs/{job['id']}/outputs/report.htm")
    assert missing.error["code"] == "no_output"
    assert host.expect(404, "GET", f"/v1/jobs/{job['id']}/outputs/..%2Freport.html").error["code"] == "no_output"
    assert host.fsck()["findings"] == []


def test_while_it_runs(host):
    """What a commit has brought can be fetched; what is only put cannot."""
    files = [{"name": "first", "text": "1"}, {"name": "second", "text": "2"}]
    job = host.submit("chaos.outputs", {"files": files[:1], "commit": True, "then": "hang"})
    wait_until(lambda: "outputs" in host.job(job), build.PATIENCE_S, "the first is committed")
    assert outputs(host, job) == {"first": b"1"}
    assert host.expect(409, "GET", f"/v1/jobs/{job}/outputs/second").error["code"] == "not_finished"
    host.act(job, "cancel")
    assert host.wait_job(job)["state"] == "cancelled"
    assert outputs(host, job) == {"first": b"1"}
    only_put = host.submit("chaos.outputs", {"files": files, "then": "hang"})
    wait_until(lambda: len(blobs(host)) == 2, build.PATIENCE_S, "the content of both is there")
    assert "outputs" not in host.job(only_put)
    host.act(only_put, "cancel")
    assert "outputs" not in host.wait_job(only_put)


@pytest.mark.parametrize("then,kept", [("ok", True), ("fail", False), ("keep", True), ("crash", False)])
def test_ends(host, then, kept):
    job = host.submit("chaos.outputs", {"files": [{"name": "o", "text": "x"}], "then": then}, max=1)
    state = "succeeded" if then == "ok" else "dead"
    assert host.wait_job(job, state)
    assert outputs(host, job) == ({"o": b"x"} if kept else {})
    assert host.fsck()["findings"] == []


def test_replaced_by_a_later_attempt(host):
    job = host.submit("chaos.outputs", {"files": [{"name": "o", "text": "first"}, {"name": "o", "text": "last"}]})
    host.wait_job(job, "succeeded")
    assert outputs(host, job) == {"o": b"last"}


def test_limits(make_host):
    host = make_host({"queues": {"chaos": {"max_result": "1KiB"}}})
    host.start()
    files = [{"name": "full", "bytes": 1024}, {"name": "over", "bytes": 1025}, {"name": "a/b"}, {"name": ".."}, {"name": "n" * 255}, {"name": "n" * 256}]
    job = host.submit("chaos.outputs", {"files": files, "count": 999, "go_on": True})
    host.wait_job(job, "succeeded")
    refused = host.expect(200, "GET", f"/v1/jobs/{job}/result").json["refused"]
    assert refused == {"over": -27, "a/b": -22, "..": -22, "n" * 256: -22, "f-0998": -28}
    assert host.job(job)["output_count"] == 1000
    assert host.fsck()["findings"] == []


# ---- once, whatever is killed

def test_kills_around_commits(make_host):
    """A handler that commits one file after the other, while worker and host are killed at random moments."""
    seed = build.seed()
    dice = random.Random(seed)
    host = make_host(CONFIG)
    host.start()
    count = build.count(200, 60, 20)
    names = [f"f-{n:04}" for n in range(count)]
    job = host.submit("chaos.outputs", {"count": count, "bytes": 20_000, "commit": True, "pause_ms": 20})
    for n in range(build.count(20, 6, 3)):
        before = host.job(job).get("output_count", 0)
        wait_until(lambda: host.job(job).get("output_count", 0) > before or host.job(job)["state"] == "succeeded",
                   build.PATIENCE_S, "it comes on")
        if n % 2 == 0:
            host.kill()
            host.start()
        elif workers_of(host.pid):
            host.end_worker(dice.choice(workers_of(host.pid)))
    host.wait_job(job, "succeeded")
    found = outputs(host, job)
    assert sorted(found) == names and set(found.values()) == {pattern(20_000)}
    sinks = host.counters([f"sink:{job}:{name}" for name in names])
    assert set(sinks.values()) == {1}, {k: v for k, v in sinks.items() if v != 1}
    assert host.fsck()["findings"] == []


def test_nothing_is_left_over(make_host, folder):
    """What was put and never committed, what was replaced, and what belonged to a removed job is swept after its hour."""
    clock = Clock.create(f"{folder}/clock")
    host = make_host({"plugins": chaos(workers=1, threads=1)}, env={"JOBHOST_TEST_CLOCK": clock.path})
    host.start()
    kept = host.submit("chaos.outputs", {"files": [{"name": "o", "text": "replaced"}, {"name": "o", "text": "kept"}]})
    host.wait_job(kept, "succeeded")
    gone = host.submit("chaos.outputs", {"files": [{"name": "o", "text": "removed with its job"}]})
    host.wait_job(gone, "succeeded")
    host.expect(200, "DELETE", f"/v1/jobs/{gone}")
    lost = host.submit("chaos.outputs", {"files": [{"name": "o", "text": "never committed"}], "then": "hang"}, max=1)
    wait_until(lambda: len(blobs(host)) == 4, build.PATIENCE_S, "four contents are there")
    host.kill()
    host.start()
    host.act(lost, "cancel")
    host.wait_job(lost, "cancelled")
    assert host.fsck()["findings"] == []
    for _ in range(2):  # an hour for each, and the sweep comes once a minute or so
        clock.advance(HOUR_MS)
    left = [hashlib.sha256(b"kept").hexdigest()]
    wait_until(lambda: blobs(host) == left, build.PATIENCE_S, lambda: f"only one is left: {blobs(host)}")
    assert outputs(host, kept) == {"o": b"kept"}
    assert host.fsck()["findings"] == []


# ---- large ones

def test_large_output_in_little_memory(make_host):
    host = make_host({"plugins": chaos(workers=1, threads=1), "queues": {"chaos": {"max_result": "200MiB"}}})
    host.start()
    host.wait_job(host.submit("chaos.outputs", {"files": [{"name": "warm", "bytes": 1000}]}), "succeeded")
    before = rss_bytes(host.pid)
    most = [before, 0]
    job = host.submit("chaos.outputs", {"files": [{"name": "large", "bytes": LARGE}]})

    def look():
        most[0] = max([most[0], rss_bytes(host.pid)])
        most[1] = max([most[1], *(rss_bytes(pid) for pid in workers_of(host.pid))])
        return host.job(job)["state"] == "succeeded"

    wait_until(look, build.PATIENCE_S, "it is stored", 0.01)
    shown = host.job(job)["outputs"][0]
    assert shown["size"] == LARGE and shown["sha256"] == hashlib.sha256(pattern(LARGE)).hexdigest()
    print(f"host +{(most[0] - before) >> 20} MiB, worker {most[1] >> 20} MiB")
    if not build.SANITIZED:
        assert most[0] - before < 20 << 20 and most[1] < 60 << 20, most
    part = host.expect(206, "GET", shown["url"], headers={"Range": f"bytes={LARGE - 5}-"}).raw
    assert part == pattern(LARGE)[-5:]
