"""Answers as clients take them, plain and by TLS: keep-alive, pipelining, HEAD, ranges, gzip, and large files in little memory."""
import gzip
import json
import subprocess

import pytest

from lib import build
from lib.certs import Authority
from lib.procs import rss_bytes
from lib.raw import Raw

LARGE = 16 << 20


@pytest.fixture(params=["tcp", "tls", "unix"])
def door(request, make_host, folder):
    """(host, connect): connect() is a new connection to the host by this way."""
    authority = Authority(folder)
    cert, key = authority.issue("server")
    host = make_host({"host": {"listen": ["127.0.0.1:0", {"address": "127.0.0.1:0", "tls": {"cert": cert, "key": key}}]}})
    host.start()
    ways = {"tcp": {"port": host.port(0)}, "tls": {"port": host.port(1), "tls": authority.client()}, "unix": {"path": host.socket}}
    return host, lambda **options: Raw(**ways[request.param], **options)


def result(host, size, kind):
    """The path of a job's result of this size and type."""
    job = host.submit("chaos.big_result", {"bytes": size, "type": kind})
    assert host.wait_job(job)["state"] == "succeeded"
    return f"/v1/jobs/{job}/result"


def test_keep_alive(door):
    _, connect = door
    get = "GET /v1/version HTTP/1.{}\r\nHost: localhost\r\n{}\r\n"
    for minor, headers, stays in ((1, "", True), (1, "Connection: close\r\n", False), (1, "Connection: x, CLOSE\r\n", False), (0, "", False),
                                  (0, "Connection: keep-alive\r\n", True)):
        with connect() as c:
            answer = c.send(get.format(minor, headers)).response()
            assert answer.status == 200
            assert (answer.get("Connection") == "close") != stays
            if stays:
                assert c.send(get.format(1, "")).response().status == 200
            else:
                assert c.is_closed()


def test_pipelining(door):
    _, connect = door
    with connect() as c:
        paths = [f"/v1/nothing/{n}" if n % 3 else "/v1/version" for n in range(200)]
        c.send("".join(f"GET {p} HTTP/1.1\r\nHost: localhost\r\n\r\n" for p in paths))
        assert [c.response().status for _ in paths] == [404 if n % 3 else 200 for n in range(200)]
        # what stands behind a malformed one is not read
        c.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\nNONSENSE\r\n\r\nGET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert [c.response().status, c.response().status] == [200, 400]
        assert c.is_closed()


def test_100_continue(door):
    _, connect = door
    head = "POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: {}\r\n\r\n"
    body = json.dumps({"type": "chaos.echo", "payload": {}})
    with connect() as c:
        assert c.send(head.format(len(body))).response().status == 100
        assert c.send(body).response().status == 202
        assert c.send(head.format(len(body)) + body).response().status == 202  # it is there already: no 100
        assert c.send(head.format(1 << 40)).response().status == 413
        assert c.is_closed()


def test_who_writes_first_hears_the_refusal(door):
    _, connect = door
    head = "POST /v1/{} HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n"
    for target, length, status in ("nothing", 1_000_000, 404), ("jobs", 1_000_000, 415), ("version", 1 << 40, 405):
        with connect() as c:
            c.send(head.format(target, length) + 1_000_000 * "x")  # all of it, before the answer is looked at
            assert c.response().status == status
            assert c.is_closed()


def test_head(door):
    host, connect = door
    path = result(host, 300_000, "text/csv")
    with connect() as c:
        for target in "/healthz", "/v1/nothing", path:
            for headers in [], ["Accept-Encoding: gzip"]:
                get, head = (c.ask(method, target, headers) for method in ("GET", "HEAD"))
                drop = [[h for h in answer.headers if h[0] != "Date"] for answer in (get, head)]
                assert get.status == head.status and drop[0] == drop[1] and head.body == b""


def test_ranges_and_tags(door):
    host, connect = door
    path = result(host, 300_000, "text/csv")
    with connect() as c:
        whole = c.ask("GET", path)
        tag = whole.get("ETag")
        assert len(whole.body) == 300_000 and whole.get("Accept-Ranges") == "bytes"
        for text, start, end in (("0-9", 0, 10), ("299990-", 299_990, 300_000), ("-5", 299_995, 300_000), ("65530-65545", 65_530, 65_546)):
            part = c.ask("GET", path, [f"Range: bytes={text}", "Accept-Encoding: gzip"])
            assert (part.status, part.body) == (206, whole.body[start:end])
            assert part.get("Content-Range") == f"bytes {start}-{end - 1}/300000" and part.get("Content-Encoding") is None
        assert c.ask("GET", path, ["Range: bytes=300000-"]).status == 416
        assert c.ask("GET", path, [f"If-None-Match: {tag}"]).status == 304
        packed = c.ask("GET", path, ["Accept-Encoding: gzip"])
        assert packed.get("ETag") not in (None, tag)
        assert c.ask("GET", path, [f"If-None-Match: {packed.get('ETag')}", "Accept-Encoding: gzip"]).status == 304
        assert c.ask("GET", path, ["Range: bytes=0-9", f"If-Range: {packed.get('ETag')}"]).status == 200


def test_gzip(door):
    host, connect = door
    paths = {kind: result(host, size, kind) for size, kind in ((100_000, "text/markdown"), (1_000_000, "text/html"), (300_000, "image/png"))}
    with connect() as c:
        for kind, path in paths.items():
            plain = c.ask("GET", path)
            packed = c.ask("GET", path, ["Accept-Encoding: br, gzip;q=0.8"])
            if kind == "image/png":
                assert packed.get("Content-Encoding") is None and packed.get("Vary") is None and packed.body == plain.body
                continue
            assert plain.get("Content-Encoding") is None and plain.get("Vary") == packed.get("Vary") == "Accept-Encoding"
            assert packed.get("Content-Encoding") == "gzip" and len(packed.body) < len(plain.body)
            assert gzip.decompress(packed.body) == plain.body
            assert c.ask("GET", path, ["Accept-Encoding: gzip;q=0"]).body == plain.body
        host.submit_many([{"type": "chaos.echo", "payload": {"n": n}} for n in range(100)])
        jobs = c.ask("GET", "/v1/jobs?limit=100", ["Accept-Encoding: gzip"])
        assert len(json.loads(gzip.decompress(jobs.body))["items"]) == 100


def test_large_files_take_no_memory(door):
    """Fetched by readers that stop in the middle, as it is and compressed: what the host holds does not grow with the file."""
    host, connect = door
    path = result(host, LARGE, "text/csv")
    before = rss_bytes(host.pid)
    readers = []
    for n in range(8):
        reader = connect()
        coding = "Accept-Encoding: gzip\r\n" if n % 2 else ""
        reader.send(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{coding}\r\n")
        reader.peek()
        readers.append(reader)
    with connect() as c:
        assert len(c.ask("GET", path).body) == LARGE
        assert len(gzip.decompress(c.ask("GET", path, ["Accept-Encoding: gzip"]).body)) == LARGE
    grown = rss_bytes(host.pid) - before
    assert build.SANITIZED or grown < 12 << 20, f"{grown >> 20} MiB"  # a sanitizer keeps what was freed
    for reader in readers:
        reader.close()


def test_curl_unpacks(host):
    path = result(host, 1_000_000, "text/csv")
    where = ["--unix-socket", host.socket, "http://localhost" + path]
    fetch = [subprocess.run(["curl", "-sS", *words, *where], check=True, capture_output=True).stdout for words in ([], ["--compressed"])]
    assert fetch[0] == fetch[1] and len(fetch[0]) == 1_000_000
    meter = subprocess.run(["curl", "-sS", "--compressed", "-o", "/dev/null", "-w", "%{size_download}", *where], check=True, capture_output=True)
    assert int(meter.stdout) < 900_000
