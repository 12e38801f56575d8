"""Clients that take their time, or all the places there are: each is let go at its deadline, others are served meanwhile, memory stays."""
import contextlib
import json
import resource
import select
import signal
import socket
import ssl
import time

import pytest

from lib import build
from lib.certs import Authority
from lib.procs import open_fds, rss_bytes, wait_until
from lib.raw import Raw, ask

SHORT = {"handshake_timeout": "1s", "header_timeout": "1s", "body_timeout": "1s", "idle_timeout": "1s", "write_timeout": "1s"}
GET = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
POST = b"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
EACH = build.count(full=40, short=10)


def tls_listen(authority):
    cert, key = authority.issue("server")
    return {"address": "127.0.0.1:0", "tls": {"cert": cert, "key": key}}


class Slow:
    """A client that sends `first`, then one byte of `rest` at a time, and reads only if it `reads`."""

    def __init__(self, connect, first=b"", rest=b"", reads=True, status=None):
        self.raw, self.rest, self.reads, self.status = connect(), rest, reads, status
        self.got, self.closed, self.began = b"", False, time.monotonic()
        self.raw.try_send(first)
        self.raw.socket.setblocking(False)

    def step(self):
        if self.closed:
            return
        try:
            if self.rest:
                self.raw.socket.send(self.rest[:1])
                self.rest = self.rest[1:] + self.rest[:1]
        except (BlockingIOError, ssl.SSLWantWriteError):
            pass
        except OSError:
            self.end()
        while self.reads and not self.closed:
            try:
                part = self.raw.socket.recv(65536)
            except (BlockingIOError, ssl.SSLWantReadError):
                return
            except OSError:
                part = b""
            self.got += part
            if part == b"":
                self.end()

    def end(self):
        self.closed, self.life = True, time.monotonic() - self.began
        self.raw.close()


def slow_kinds(connect, big):
    """name: how to make one, and the status that it is told before the end (None: nothing)."""
    return {
        "connects and waits": lambda: Slow(connect),
        "slow request line": lambda: Slow(connect, b"G", b"x", status=408),
        "slow headers": lambda: Slow(connect, b"GET / HTTP/1.1\r\nHost: localhost\r\n", b"X-Y: z\r\n", status=408),
        "slow header value": lambda: Slow(connect, b"GET / HTTP/1.1\r\nX: ", b"a", status=408),
        "slow body": lambda: Slow(connect, POST + b"Content-Length: 1000\r\n\r\n", b" ", status=408),
        "slow chunks": lambda: Slow(connect, POST + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n", status=408),
        "waits in the body": lambda: Slow(connect, POST + b"Content-Length: 10\r\n\r\n{", status=408),
        "waits between requests": lambda: Slow(connect, GET, status=200),
        "takes no answer": lambda: Slow(lambda: connect(receive_buffer=4096), f"GET {big} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode(), reads=False),
    }


@pytest.mark.parametrize("way", ["tcp", "tls"])
def test_slow_clients(make_host, folder, way):
    authority = Authority(folder)
    listen = tls_listen(authority) if way == "tls" else "127.0.0.1:0"
    host = make_host({"host": {"listen": [listen, "127.0.0.1:0"], "http": SHORT, "max_connections_per_peer": 0}})
    host.start()
    context = authority.client() if way == "tls" else None
    job = host.submit("chaos.big_result", {"bytes": 8 << 20})
    host.wait_job(job)
    port, good_port = host.port(0), host.port(1)
    kinds = slow_kinds(lambda **options: Raw(port, tls=context, **options), f"/v1/jobs/{job}/result")
    rss, fds = rss_bytes(host.pid), open_fds(host.pid)
    clients = [(name, make()) for name, make in kinds.items() for _ in range(EACH)]
    if way == "tls":  # half a hello, and nothing
        clients += [("no handshake", Slow(lambda: Raw(port), b"\x16\x03\x01"[:n % 4])) for n in range(EACH)]
    reading = [c for n, c in clients if n != "takes no answer"]
    end, most = time.monotonic() + build.PATIENCE_S, 0
    with Raw(good_port) as good:
        while any(not c.closed for c in reading):
            assert time.monotonic() < end, sorted({n for n, c in clients if not c.closed and c.reads})
            for _, client in clients:
                client.step()
            good = good if good.ask("GET", "/healthz").get("Connection") != "close" else Raw(good_port)
            most = max(most, rss_bytes(host.pid))
            time.sleep(0.02)
    for name, client in clients:
        if client.reads:
            assert client.life >= 0.95, f"{name}: let go after {client.life:.2f} s"
            told = int(client.got.split(b" ")[1]) if client.got else None
            assert told == client.status, f"{name}: {client.got[:200]}"
            assert client.got.count(b"HTTP/1.1 ") == (client.status is not None), f"{name}: {client.got[:500]}"
    # those that read nothing are gone too, though they do not know it
    wait_until(lambda: open_fds(host.pid) <= fds + 2, build.PATIENCE_S, lambda: f"descriptors are given back: {open_fds(host.pid)}, {fds}")
    for _, client in clients:
        client.raw.close()
    grown = (most - rss) / len(clients)
    assert build.SANITIZED or grown < 128 << 10, f"{grown / 1024:.0f} KiB a client"


@pytest.mark.parametrize("way", ["tcp", "tls"])
def test_input_behind_a_stream(make_host, folder, way):
    """What a client sends behind a request that is not answered yet is not read without end."""
    authority = Authority(folder)
    host = make_host({"host": {"listen": [tls_listen(authority) if way == "tls" else "127.0.0.1:0"]}})
    host.start()
    job = host.submit("chaos.sleep", {"ms": 600_000})
    host.wait_started(job)
    with Raw(host.port(), tls=authority.client() if way == "tls" else None) as client:
        client.send(f"GET /v1/jobs/{job}/events HTTP/1.1\r\nHost: localhost\r\n\r\n").peek()
        client.socket.settimeout(1)
        sent = 0
        with pytest.raises(TimeoutError):
            while sent < 64 << 20:  # more than all buffers of the two kernels hold
                client.socket.sendall(GET * 1000)
                sent += len(GET) * 1000
        assert host.get("/healthz")["ok"]
    host.act(job, "cancel")


def test_half_closed_and_reset(make_host):
    host = make_host({"host": {"max_connections_per_peer": 0}})
    host.start()
    port, fds = host.port(), open_fds(host.pid)
    body = json.dumps({"type": "chaos.echo", "payload": {}}).encode()
    with Raw(port) as client:  # its request is complete: it gets its answer
        client.send(POST + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        client.socket.shutdown(socket.SHUT_WR)
        assert client.response().status == 202
        assert client.is_closed()
    for text in GET[:20], POST + b"Content-Length: 10\r\n\r\n{", POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab":
        with Raw(port) as client:  # it is not: there is nothing to answer
            client.send(text).socket.shutdown(socket.SHUT_WR)
            assert client.is_closed()
        for _ in range(EACH):
            with Raw(port) as client:
                client.send(text)
                client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")  # a reset at the end
    blob = POST.replace(b"jobs", b"blobs").replace(b"application/json", b"application/octet-stream") + b"Content-Length: 10000000\r\n\r\n"
    for _ in range(EACH):
        with Raw(port) as client:
            client.send(blob + b"x" * 100_000)
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    wait_until(lambda: open_fds(host.pid) <= fds, build.PATIENCE_S, lambda: f"descriptors are given back: {open_fds(host.pid)}, {fds}")
    assert len(host.list()) == 1 and ask(port, "GET", "/healthz").status == 200
    host.assert_sound()


# ---- caps

def need_descriptors(count):
    """This process may open so many, and what it starts from now on too."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < count:
        pytest.skip(f"needs {count} descriptors, {hard} are allowed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count), hard))


def answers(connection, seconds):
    poll = select.poll()  # select() knows 1024 descriptors
    poll.register(connection.socket, select.POLLIN)
    return bool(poll.poll(seconds * 1000))


def test_the_caps(make_host):
    """1024 in all, 64 of one peer."""
    need_descriptors(4096)
    host = make_host({"host": {"http": {"header_timeout": "10m", "idle_timeout": "10m"}}})
    host.start()
    port = host.port()
    with contextlib.ExitStack() as stack:
        def connect(source):
            return stack.enter_context(Raw(port, source=source))

        peers = [f"127.0.{n}.{n + 1}" for n in range(1, 17)]
        held = {peer: [connect(peer) for _ in range(64)] for peer in peers[:15]}
        for peer in peers[:2]:
            over = connect(peer).response()
            assert (over.status, over.get("Retry-After"), over.get("Connection")) == (503, "1", "close")
        held[peers[15]] = [connect(peers[15]) for _ in range(64)]
        every = [c for some in held.values() for c in some]
        assert len(every) == 1024
        for c in every:
            assert c.send(GET).response().status == 200
        # full: the next one waits, whoever it is; those inside and the admin are served
        late = connect("127.0.99.1").send(GET)
        assert not answers(late, 0.5)
        assert every[7].send(GET).response().status == 200
        with Raw(path=host.socket) as admin:
            assert admin.ask("GET", "/healthz").status == 200
        for c in every[:63]:
            c.close()
        assert not answers(late, 0.5)  # not for each single place
        every[63].close()
        assert late.response().status == 200
        again = connect(peers[0])  # the first peer has places again
        assert again.send(GET).response().status == 200


def test_caps_by_configuration(make_host):
    host = make_host({"host": {"max_connections": 8, "max_connections_per_peer": 3, "http": {"max_requests": 2}}})
    host.start()
    port = host.port()
    with contextlib.ExitStack() as stack:
        def connect(source):
            return stack.enter_context(Raw(port, source=source)).send(GET)

        for peer in "127.0.0.2", "127.0.0.3":
            assert [connect(peer).response().status for _ in range(4)] == [200, 200, 200, 503]
        last = [connect("127.0.0.4") for _ in range(2)]
        assert [c.response().status for c in last] == [200, 200]
        assert not answers(connect("127.0.0.5"), 0.5)
        second = last[0].send(GET).response()
        assert second.get("Connection") == "close" and last[0].is_closed()


def test_a_trusted_proxy(make_host):
    host = make_host({"host": {"max_connections_per_peer": 2, "trusted_proxies": ["127.0.1.0/24"], "log_level": "debug"}})
    host.start()
    port = host.port()
    job = host.submit("chaos.sleep", {"ms": 600_000})
    host.wait_started(job)
    with contextlib.ExitStack() as stack:
        def watch(source, peer):
            c = stack.enter_context(Raw(port, source=source))
            c.send(f"GET /v1/jobs/{job}/events HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: {peer}\r\n\r\n")
            return int(c.peek().split(b" ")[1])

        assert [watch("127.0.1.7", "203.0.113.1") for _ in range(3)] == [200, 200, 503]
        assert [watch("127.0.1.8", "9.9.9.9, 203.0.113.1"), watch("127.0.1.8", "203.0.113.2")] == [503, 200]
        assert [watch("127.0.2.1", f"203.0.113.{n}") for n in range(5, 8)] == [200, 200, 503]  # no proxy: counted by connections
    assert "peer=203.0.113.1 " in host.read_log() and "peer=203.0.113.5 " not in host.read_log()
    host.act(job, "cancel")


@pytest.mark.parametrize("way,count", [("tcp", 10_000), ("tls", 1_000)])
def test_idle_connections(make_host, folder, way, count):
    """With the caps lifted. What each takes stands in docs/http.md."""
    count = count if build.FULL or not build.SANITIZED else count // 10
    need_descriptors(count + 500)
    authority = Authority(folder)
    listen = tls_listen(authority) if way == "tls" else "127.0.0.1:0"
    host = make_host({"host": {"listen": [listen], "max_connections": 0, "max_connections_per_peer": 0,
                               "http": {"header_timeout": "10m", "idle_timeout": "10m"}}})
    host.start()
    port, context = host.port(), authority.client() if way == "tls" else None
    with Raw(port, tls=context) as c:
        assert c.send(GET).response().status == 200
    before = rss_bytes(host.pid)
    with contextlib.ExitStack() as stack:
        idle = [stack.enter_context(Raw(port, tls=context)) for _ in range(count)]
        for c in idle:
            c.send(GET)
        for c in idle:
            assert c.response().status == 200
        grown = (rss_bytes(host.pid) - before) / count
        print(f"{way}: {grown / 1024:.1f} KiB an idle connection, {count} of them")
        assert build.SANITIZED or grown < 64 << 10, f"{grown / 1024:.0f} KiB a connection"
        with Raw(port, tls=context) as c:
            assert c.send(GET).response().status == 200
        assert idle[0].send(GET).response().status == 200
        job = host.submit("chaos.echo", {})
        assert host.wait_job(job)["state"] == "succeeded"
    wait_until(lambda: open_fds(host.pid) < 200, build.PATIENCE_S, lambda: f"{open_fds(host.pid)} descriptors")


def test_few_descriptors(make_host):
    """The last ones are the host's own: public connections are told 503, jobs run, the admin is let in."""
    host = make_host({"host": {"max_connections": 0, "max_connections_per_peer": 0, "http": {"header_timeout": "10m", "idle_timeout": "10m"}}})
    host.start()
    room = open_fds(host.pid) + 60
    host.stop()
    with host.launch(descriptors=room) as said:
        assert said.read() == b"ready\n"
    port, inside = host.port(), []
    while True:
        c = Raw(port).send(GET)
        status = c.response().status
        inside.append(c)
        if status == 503:
            break
        assert status == 200 and len(inside) < 100
    assert len(inside) > 5
    job = host.submit("chaos.big_result", {"bytes": 1_000_000})
    assert host.wait_job(job)["state"] == "succeeded" and len(host.result(job)) == 1_000_000
    for c in inside:
        c.close()
    wait_until(lambda: ask(port, "GET", "/healthz").status == 200, build.PATIENCE_S, "others are let in again")
    assert "http.few_descriptors" in host.read_log()


# ---- drain

@pytest.mark.parametrize("way", ["tcp", "tls"])
def test_drain(make_host, folder, way):
    authority = Authority(folder)
    listen = tls_listen(authority) if way == "tls" else "127.0.0.1:0"
    host = make_host({"host": {"listen": [listen], "shutdown_grace": "60s"}})
    host.start()
    port, context = host.port(), authority.client() if way == "tls" else None
    big = host.submit("chaos.big_result", {"bytes": 16 << 20})
    host.wait_job(big)
    job = host.submit("chaos.sleep", {"ms": 600_000})
    host.wait_started(job)
    idle, fetch, half, stream = (Raw(port, tls=context, receive_buffer=65536) for _ in range(4))
    assert idle.send(GET).response().status == 200
    fetch.send(f"GET /v1/jobs/{big}/result HTTP/1.1\r\nHost: localhost\r\n\r\n").peek()
    half.send(GET[:10])
    stream.send(f"GET /v1/jobs/{job}/events HTTP/1.1\r\nHost: localhost\r\n\r\n").peek()
    host.send(signal.SIGTERM)
    assert idle.is_closed()
    with pytest.raises(OSError):
        Raw(port)
    assert host.get("/v1/version")["listen"] == []  # an operator may look on
    assert host.job(job)["state"] == "running"
    answer = half.send(GET[10:]).response()
    assert (answer.status, answer.get("Connection")) == (200, "close")
    assert half.is_closed()
    host.act(job, "cancel")
    assert b"event: " in stream.rest()
    assert len(fetch.response().body) == 16 << 20  # whole, however long the rest has been over
    assert fetch.is_closed()
    assert host.reap() == 0
    for c in idle, fetch, half, stream:
        c.close()
    assert "host.answers_cut" not in host.read_log()
