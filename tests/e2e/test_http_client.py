"""Calls of plugins by HTTP (jobhost.http/1): what is answered and what comes of it, whom they may call, limits, and what goes wrong."""
import gzip
import json
import ssl
import threading
import time

import pytest

from lib import build, certs
from lib.host import chaos
from lib.procs import wait_until
from lib.site import Site, answer

NONE, INPUT, AUTH, NETWORK, RATE, UPSTREAM, TIMEOUT, RESOURCE, PERMANENT = 0, 1, 2, 3, 4, 5, 6, 7, 9
EINVAL, EFBIG = -22, -27
DEFAULT_MAX = 16 * 1024 * 1024


@pytest.fixture
def site(request):
    """site(pages, **options) is a server that is ended after the test."""
    sites = []

    def make(pages, **options):
        sites.append(Site(pages, **options))
        return sites[-1]

    yield make
    for one in sites:
        one.close()


@pytest.fixture
def make(make_host):
    """make(allow, ...) is a running host whose plugin may call these."""
    def made(allow=("127.0.0.1",), env=None, threads=2, sandbox=None, **sections):
        settings = {"allow_private": list(allow), **(sandbox or {})}
        host = make_host({"plugins": chaos(workers=1, threads=threads, sandbox=settings), **sections}, env=env)
        host.start()
        return host

    return made


def fetch(host, url, **payload):
    """What fetch() said in a job."""
    job = host.submit("chaos.fetch", {"url": url, **payload})
    host.wait_job(job, "succeeded")
    return json.loads(host.result(job))


# ---- answers

def test_an_answer(make, site):
    server = site({"/a": answer(200, b"hello", ["Content-Type: text/plain", "X-Odd:  with blanks  "])})
    host = make()
    said = fetch(host, server.url + "/a?secret=1", see="x-odd", headers={"Authorization": "Bearer t", "X-Empty": ""})
    assert (said["rc"], said["status"], said["cls"], said["body"], said["header"]) == (0, 200, NONE, "hello", "with blanks")
    assert said["url"] == server.url + "/a?secret=1" and said["code"] == said["message"] == ""
    request = server.requests[0]
    assert (request.method, request.path) == ("GET", "/a?secret=1")
    assert request.headers["authorization"] == "Bearer t" and request.headers["x-empty"] == ""
    assert request.headers["user-agent"].startswith("chaos/") and "(jobhost)" in request.headers["user-agent"]
    assert not {"expect", "cookie", "content-type"} & set(request.headers)


def test_methods_and_bodies(make, site):
    server = site({"/": lambda request: answer(200, b"" if request.method == "HEAD" else request.method.encode() + b" " + request.body, length=4 + 5
                                               if request.method == "HEAD" else None)})
    host = make()
    for method, body, wanted in [(None, "x=1", b"POST x=1"), ("PUT", "abc", b"PUT abc"), ("DELETE", None, b"DELETE "), ("POST", None, b"POST "),
                                 ("GET", "why", b"GET why"), ("PATCH", "p", b"PATCH p"), ("HEAD", None, b"")]:
        said = fetch(host, server.url + "/", method=method, **({"body": body} if body else {}))
        assert said["body"].encode() == wanted, method


def test_connections_are_kept(make, site):
    """Of one thread, for jobs that come after."""
    server = site({"/": answer(200, b"x")})
    host = make(threads=1)
    assert all(fetch(host, server.url + "/", times=3)["body"] == "x" for _ in range(3))
    assert len(server.requests) == 9 and server.connections == 1


STATUSES = {200: NONE, 204: NONE, 304: NONE, 400: INPUT, 401: AUTH, 403: PERMANENT, 404: PERMANENT, 408: TIMEOUT, 410: PERMANENT, 413: INPUT,
            422: INPUT, 425: UPSTREAM, 429: RATE, 500: UPSTREAM, 503: UPSTREAM, 599: UPSTREAM}


def test_statuses(make, site):
    server = site({f"/{status}": answer(status, b"", ["Retry-After: 7"]) for status in STATUSES})
    host = make()
    for status, cls in STATUSES.items():
        said = fetch(host, f"{server.url}/{status}?token=x")
        assert (said["status"], said["cls"]) == (status, cls)
        assert said["retry_after_ms"] == (7000 if status in (429, 503) else 0)
        assert said["code"] == (f"http_{status}" if cls else "")
        assert said["message"] == (f"GET {server.url}/{status} answered {status}" if cls else ""), "a query is nobody's business"


def test_fail_is_what_the_answer_says(make, site):
    """The job ends with the answer's class; what a server asks for is obeyed, and it uses no attempt."""
    times = []

    def busy(_):
        times.append(1)
        return answer(429, b"", ["Retry-After: 1"]) if len(times) == 1 else answer(200, b"ok")

    server = site({"/busy": busy, "/gone": answer(410)})
    host = make()
    gone = host.submit("chaos.fetch", {"url": server.url + "/gone?k=v", "fail": "site"})
    error = host.wait_job(gone, "dead")["error"]
    assert (error["class"], error["code"], error["message"]) == ("permanent", "http_410", f"GET {server.url}/gone answered 410")
    job = host.submit("chaos.fetch", {"url": server.url + "/busy", "fail": "site"})
    done = host.wait_job(job, "succeeded")
    assert done["attempts"] == 1 and len(times) == 2
    host.assert_sound()


# ---- what goes wrong

def cut(_):
    return [answer(200, b"half of", length=1000), None]


def drip(_):
    yield answer(200, b"", length=1000)
    while True:
        yield b"x"
        time.sleep(0.05)


TROUBLES = {
    "/cut": (cut, NETWORK, "cut_off"),
    "/nothing": (lambda _: [None], NETWORK, "cut_off"),
    "/garbage": (lambda _: [b"hello there\r\n\r\n", None], UPSTREAM, "not_http"),
    "/only-100": (lambda _: [b"HTTP/1.1 100 Continue\r\n\r\n", None], NETWORK, "cut_off"),
    "/bad-gzip": (answer(200, b"no gzip", ["Content-Encoding: gzip"]), UPSTREAM, "not_http"),
    "/bad-redirect": (answer(302), UPSTREAM, "redirects"),
    "/file-redirect": (answer(302, b"", ["Location: file:///etc/passwd"]), UPSTREAM, "redirects"),
    "/password-redirect": (answer(302, b"", ["Location: http://a:b@127.0.0.1/"]), UPSTREAM, "redirects"),
    "/loop": (answer(301, b"", ["Location: /loop"]), UPSTREAM, "redirects"),
    "/headers": (answer(200, b"", [f"X-{i}: {'a' * 1000}" for i in range(70)]), PERMANENT, "too_long"),
}


def test_no_whole_answer_is_none(make, site):
    """No status, no body: what is half of something is never taken for all of it."""
    server = site({path: page for path, (page, _, _) in TROUBLES.items()})
    host = make()
    for path, (_, cls, code) in TROUBLES.items():
        said = fetch(host, server.url + path)
        assert (said["rc"], said["status"], said["cls"], said["code"], said["body_len"]) == (0, 0, cls, code, 0), (path, said)
        assert server.url.split("/")[2].split(":")[0] in said["message"], said
    assert len([r for r in server.requests if r.path == "/loop"]) == 11


def test_nobody_there(make, site):
    server = site({})
    server.close()
    host = make()
    said = fetch(host, server.url + "/")
    assert (said["status"], said["cls"], said["code"]) == (0, NETWORK, "connect")
    said = fetch(host, "http://no-such-name.invalid/")
    assert (said["status"], said["cls"], said["code"]) == (0, NETWORK, "name")


def test_a_timeout(make, site):
    server = site({"/drip": drip, "/ok": answer(200, b"ok")})
    host = make(threads=1)
    said = fetch(host, server.url + "/drip", timeout_ms=300)
    assert (said["status"], said["cls"], said["code"], said["body_len"]) == (0, TIMEOUT, "timeout", 0)
    assert fetch(host, server.url + "/ok")["body"] == "ok"


def test_a_cancel_ends_it_at_once(make, site):
    seen = threading.Event()

    def never(_):
        seen.set()
        return drip(_)

    server = site({"/never": never})
    host = make()
    job = host.submit("chaos.fetch", {"url": server.url + "/never", "timeout_ms": 600_000})
    assert seen.wait(build.PATIENCE_S)
    host.post(f"/v1/jobs/{job}/cancel")
    host.wait_job(job, "cancelled")


def test_sizes(make, site):
    """At the limit and one beyond it, as it comes and after decompression."""
    pages = {}
    for size in (999, 1000, 1001):
        pages[f"/plain-{size}"] = answer(200, b"x" * size)
        pages[f"/gzip-{size}"] = answer(200, gzip.compress(b"x" * size), ["Content-Encoding: gzip"])
    pages["/bomb"] = answer(200, gzip.compress(b"\0" * (DEFAULT_MAX + 1)), ["Content-Encoding: gzip"])
    pages["/most"] = answer(200, gzip.compress(b"\0" * DEFAULT_MAX), ["Content-Encoding: gzip"])
    server = site(pages)
    host = make()
    for kind in ("plain", "gzip"):
        for size in (999, 1000):
            said = fetch(host, f"{server.url}/{kind}-{size}", max_body=1000)
            assert (said["status"], said["body_len"], said["body_size"]) == (200, size, size)
        said = fetch(host, f"{server.url}/{kind}-1001", max_body=1000)
        assert (said["status"], said["cls"], said["code"], said["body_len"]) == (0, PERMANENT, "too_long", 0)
    assert fetch(host, server.url + "/most")["body_len"] == DEFAULT_MAX
    assert fetch(host, server.url + "/bomb")["code"] == "too_long"


def test_to_a_file(make, site):
    """Behind what it holds already; of what is no whole answer nothing stays."""
    server = site({"/big": answer(200, b"y" * 300_000), "/cut": cut, "/404": answer(404, b"not found"),
                   "/there": answer(302, b"z" * 100, ["Location: /big"])})
    host = make()
    for path, before, after, body in [("/big", 0, 300_000, 0), ("/big", 7, 300_007, 0), ("/there", 7, 300_007, 0), ("/cut", 7, 7, 0), ("/404", 7, 7, 9)]:
        said = fetch(host, server.url + path, to_file=before)
        assert (said["file"], said["body_len"]) == (after, body), path
    assert fetch(host, server.url + "/big", to_file=7, max_body=299_999)["file"] == 7


BAD = [
    ({"url": "ftp://127.0.0.1/"}, EINVAL), ({"url": "127.0.0.1"}, EINVAL), ({"url": "http:///x"}, EINVAL), ({"url": "http://a:b@127.0.0.1/"}, EINVAL),
    ({"url": "http://127.0.0.1/a b"}, EINVAL), ({"url": "http://127.0.0.1/\n"}, EINVAL), ({"url": "http://127.0.0.1\\@example.com/"}, EINVAL),
    ({"url": "http://ex\u00e4mple.com/"}, EINVAL), ({"url": ""}, EINVAL), ({"url": "http://127.0.0.1/" + "x" * 8175 + "y"}, EFBIG),
    ({"method": "CONNECT"}, EINVAL), ({"method": "G ET"}, EINVAL), ({"method": ""}, EINVAL),
    ({"headers": {"Host": "elsewhere"}}, EINVAL), ({"headers": {"X": "a\r\nY: b"}}, EINVAL), ({"headers": {"X Y": "a"}}, EINVAL),
    ({"headers": {"Content-Length": "5"}}, EINVAL), ({"headers": {"Transfer-Encoding": "chunked"}}, EINVAL), ({"headers": {"": "a"}}, EINVAL),
    ({"headers": {f"X-{i}": "a" for i in range(65)}}, EFBIG), ({"headers": {"X": "a" * 65536}}, EFBIG),
    ({"max_body": 256 * 1024 * 1024 + 1}, EFBIG), ({"timeout_ms": -1}, EINVAL), ({"limit_wait_ms": -1}, EINVAL),
]


def test_requests_that_are_wrong(make, site):
    server = site({"/": answer(200)})
    host = make()
    for payload, rc in BAD:
        said = fetch(host, **{"url": server.url + "/", **payload})
        assert said["rc"] == rc, payload
    assert server.requests == []
    most = {"headers": {f"X-{i}": "a" for i in range(64)}, "max_body": 256 * 1024 * 1024}
    assert fetch(host, server.url + "/", **most)["status"] == 200
    long = server.url + "/?"
    assert fetch(host, long + "x" * (8192 - len(long)))["status"] == 200


# ---- whom it may call

def test_no_address_of_this_machine_unless_it_is_listed(make, site):
    server, other = site({"/": answer(200, b"in")}), site({"/": answer(200, b"in")})
    host = make(allow=[f"127.0.0.1:{server.port}"])
    assert fetch(host, server.url + "/")["body"] == "in"
    for url in (other.url, f"http://localhost:{other.port}", f"http://127.1:{other.port}", f"http://0x7f000001:{other.port}",
                f"http://[::ffff:127.0.0.1]:{other.port}", f"http://0.0.0.0:{other.port}", f"http://2130706433:{other.port}"):
        said = fetch(host, url + "/")
        assert (said["status"], said["cls"], said["code"]) == (0, INPUT, "address"), (url, said)
        assert "allow_private" in said["message"], said
    assert other.connections == 0


def test_a_redirect_is_no_way_round(make, site):
    inside = site({"/": answer(200, b"metadata")})
    server = site({"/": answer(302, b"", [f"Location: {inside.url}/"])})
    host = make(allow=[f"127.0.0.1:{server.port}"])
    said = fetch(host, server.url + "/")
    assert (said["status"], said["cls"], said["code"], said["body_len"]) == (0, INPUT, "address", 0)
    assert inside.connections == 0
    assert fetch(host, server.url + "/", no_redirect=True)["status"] == 302


ADDRESSES = ["127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255", "168.63.129.16",
             "[::1]", "[::]", "[fe80::1]", "[fc00::1]", "[fec0::1]", "[ff02::1]", "[::ffff:10.0.0.1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]",
             "[2001:db8::1]", "[3fff::1]", "[5f00::1]"]


def test_no_private_address(make):
    host = make(allow=[])
    for address in ADDRESSES:
        said = fetch(host, f"http://{address}/", timeout_ms=5000)
        assert (said["status"], said["cls"], said["code"]) == (0, INPUT, "address"), (address, said)


def test_secrets_stay_at_their_origin(make, site):
    there = site({"/": answer(200, b"there")})
    here = site({"/away": answer(307, b"", [f"Location: {there.url}/"]), "/home": answer(302, b"", ["Location: /end"]), "/end": answer(200, b"end")})
    host = make()
    headers = {"Authorization": "Bearer t", "X-Api-Key": "k", "Cookie": "c=1", "Accept": "text/plain"}
    assert fetch(host, here.url + "/away", headers=headers)["body"] == "there"
    assert {"authorization", "x-api-key", "cookie"} & set(there.requests[0].headers) == set()
    assert there.requests[0].headers["accept"] == "text/plain"
    said = fetch(host, here.url + "/home", headers=headers, body="x", method="POST")
    assert (said["body"], said["redirects"], said["url"]) == ("end", 1, here.url + "/end")
    assert here.requests[-1].headers["authorization"] == "Bearer t" and here.requests[-1].method == "GET" and here.requests[-1].body == b""


def test_certificates_are_verified(make, site, folder):
    authority = certs.Authority(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue("site"))
    server = site({"/": answer(200, b"private")}, tls=context)
    stranger = make()
    said = fetch(stranger, server.url + "/")
    assert (said["status"], said["cls"], said["code"]) == (0, UPSTREAM, "certificate")
    stranger.stop()
    stranger.env["SSL_CERT_FILE"] = authority.ca
    stranger.start()
    assert fetch(stranger, server.url + "/")["body"] == "private"
    assert fetch(stranger, server.url.replace("127.0.0.1", "other.localhost") + "/")["code"] == "certificate", "its name is another's"


def test_no_net_at_all(make, site):
    server = site({"/": answer(200)})
    host = make(sandbox={"net": "none"})
    said = fetch(host, server.url + "/")
    if build.SANITIZED:
        pytest.skip("builds with a sanitizer have no seccomp")
    assert (said["status"], said["cls"]) == (0, NETWORK), said
    assert server.connections == 0


# ---- limits

def test_a_limit_is_asked_and_told(make, site):
    """Each request takes a slot, and what the headers say counts for the next."""
    server = site({"/": answer(200, b"x", ["X-Ratelimit-Remaining: 0"]), "/two": answer(302, b"", ["Location: /end"]), "/end": answer(200)})
    host = make(limits={"api": {"rate": 10, "per": "10m", "learn": ["X-Ratelimit-Remaining"]}, "few": {"rate": 1, "per": "10m"}})
    assert fetch(host, server.url + "/", limit="api")["status"] == 200
    job = host.submit("chaos.fetch", {"url": server.url + "/", "limit": "api"})
    host.wait_job(job, "parked")
    assert len(server.requests) == 1
    two = host.submit("chaos.fetch", {"url": server.url + "/two", "limit": "few"})
    host.wait_job(two, "parked")
    assert [r.path for r in server.requests] == ["/", "/two"]


def test_a_limit_that_is_not_there_is_named(make, site):
    server = site({"/": answer(200)})
    host = make(limits={"api": {"rate": 10, "per": "10m"}})
    said = fetch(host, server.url + "/?key=secret", limit="unknown:ann")
    assert (said["rc"], said["cls"], said["code"]) == (-2, PERMANENT, "no_limit"), said
    assert said["message"] == f'GET {server.url}/: there is no limit "unknown:ann"'
    assert "there is no limit" in host.log_tail(9) and "unknown:ann" in host.log_tail(9)
    job = host.submit("chaos.fetch", {"url": server.url + "/", "limit": "unknown", "fail": "scope"})
    host.wait_job(job, "dead")
    assert 'no limit "unknown"' in host.job(job)["error"]["message"]
    assert server.requests == []


def test_a_call_that_was_never_sent_uses_no_slot(make, site):
    server = site({"/": answer(200, b"x")})
    host = make(limits={"one": {"rate": 1, "per": "10m"}})
    for _ in range(3):
        assert fetch(host, "http://10.0.0.1/", limit="one")["code"] == "address"
    assert fetch(host, server.url + "/", limit="one")["body"] == "x"


def test_a_limit_is_waited_for_here(make, site):
    server = site({"/": answer(200, b"x")})
    host = make(limits={"one": {"concurrency": 1}}, threads=4)
    jobs = [host.submit("chaos.fetch", {"url": server.url + "/", "limit": "one", "limit_wait_ms": 20_000}) for _ in range(8)]
    host.wait_all(jobs, "succeeded")
    wait_until(lambda: len(server.requests) == 8, build.PATIENCE_S, "all were made")
