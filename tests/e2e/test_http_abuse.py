"""What a hostile client may send, over TCP and TLS: each class of malformed request of docs/http.md several times over. Each gets exactly
one answer, then the end, and the request that stands behind it is never answered."""
import pytest

from lib.certs import Authority
from lib.raw import Raw

H = "Host: localhost\r\n"
MARKER = f"GET /v1/marker HTTP/1.1\r\n{H}\r\n"
GET = f"GET /healthz HTTP/1.1\r\n{H}"
POST = f"POST /v1/jobs HTTP/1.1\r\n{H}Content-Type: application/json\r\n"
CHUNKED = POST + "Transfer-Encoding: chunked\r\n\r\n"

MALFORMED = {  # status: requests
    400: [
        # request line
        "\r\n\r\n\r\n" + GET + "\r\n", " GET / HTTP/1.1\r\n", "GET  / HTTP/1.1\r\n", "GET /  HTTP/1.1\r\n", "GET / HTTP/1.1 \r\n",
        "GET\t/ HTTP/1.1\r\n", "GET /a b HTTP/1.1\r\n", "GET /\r\n", "GET\r\n", "GET / \r\n", "G(T / HTTP/1.1\r\n", "G\x00T / HTTP/1.1\r\n",
        "GET / http/1.1\r\n", "GET / HTTP/01.1\r\n", "GET / HTTP/1.10\r\n", "GET / HTTP/1,1\r\n", "GET / HTTP/1.\r\n", "GET / HTTP/a.b\r\n",
        "GET / HTTP 1.1\r\n", "GET /\x01 HTTP/1.1\r\n", "GET /\x7f HTTP/1.1\r\n", "GET /\xe9 HTTP/1.1\r\n", "GET /#a HTTP/1.1\r\n",
        "GET /%zz HTTP/1.1\r\n", "GET /%4 HTTP/1.1\r\n", "GET /%00 HTTP/1.1\r\n", "GET * HTTP/1.1\r\n", "GET localhost:1 HTTP/1.1\r\n",
        "GET ftp://h/ HTTP/1.1\r\n", "GET http://user@h/ HTTP/1.1\r\n", "GET relative HTTP/1.1\r\n", "GET / HTTP/1.1\n", "GET / HTTP/1.1\rX",
        f"GET /../x HTTP/1.1\r\n{H}\r\n", f"GET /a/%2e%2e/../x HTTP/1.1\r\n{H}\r\n",
        # noise
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "\x00" * 20, "\xff\xfe\xfd", "SSH-2.0-OpenSSH_9\r\n", "{}\r\n\r\n",
        # headers
        f"GET / HTTP/1.1\r\n{H}X: a\nY: b\r\n\r\n", f"GET / HTTP/1.1\r\n{H}X: a\rY: b\r\n\r\n", f"GET / HTTP/1.1\r\n{H}X: a\r\n b\r\n\r\n",
        f"GET / HTTP/1.1\r\n{H}X: a\r\n\tb\r\n\r\n", f"GET / HTTP/1.1\r\n X: a\r\n{H}\r\n", f"GET / HTTP/1.1\r\n{H}X : a\r\n\r\n",
        f"GET / HTTP/1.1\r\n{H}X\r\n\r\n", f"GET / HTTP/1.1\r\n{H}: a\r\n\r\n", f"GET / HTTP/1.1\r\n{H}X(): a\r\n\r\n",
        f"GET / HTTP/1.1\r\n{H}X\xe9: a\r\n\r\n", f"GET / HTTP/1.1\r\n{H}X: a\x00b\r\n\r\n", f"GET / HTTP/1.1\r\n{H}X: a\x1fb\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n", f"GET / HTTP/1.1\r\n{H}{H}\r\n", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", "GET / HTTP/1.1\r\nHost: a,b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: @\r\n\r\n",
        # lengths
        POST + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n", POST + "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n",
        POST + "Content-Length: +2\r\n\r\n{}", POST + "Content-Length: -2\r\n\r\n{}", POST + "Content-Length: 0x2\r\n\r\n{}",
        POST + "Content-Length: 2,2\r\n\r\n{}", POST + "Content-Length: 2 2\r\n\r\n{}", POST + "Content-Length: \r\n\r\n{}",
        POST + "Content-Length: two\r\n\r\n{}", POST + "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
        POST + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", POST + "Content-Length: 1234567890123456789\r\n\r\n{}",
        # codings
        f"POST /v1/jobs HTTP/1.0\r\n{H}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", POST + "Transfer-Encoding: identity\r\n\r\n",
        POST + "Transfer-Encoding: chunked, chunked\r\n\r\n", POST + "Transfer-Encoding: chunked, gzip\r\n\r\n",
        POST + "Transfer-Encoding: xchunked\r\n\r\n", POST + 'Transfer-Encoding: "chunked"\r\n\r\n', POST + "Transfer-Encoding: \x0bchunked\r\n\r\n",
        POST + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", POST + "Transfer-Encoding: chunked;q=1\r\n\r\n",
        POST + "Transfer-Encoding:\r\n\r\n",
        # chunks
        CHUNKED + "+2\r\n{}\r\n0\r\n\r\n", CHUNKED + "-2\r\n", CHUNKED + "0x2\r\n", CHUNKED + " 2\r\n", CHUNKED + "2 \r\n", CHUNKED + "\r\n",
        CHUNKED + "g\r\n", CHUNKED + "0" * 15 + "2\r\n", CHUNKED + "2\n{}\r\n", CHUNKED + "2\r\n{}X\r\n", CHUNKED + "2\r\n{}\n0\r\n\r\n",
        CHUNKED + "2;a\x01\r\n{}\r\n", CHUNKED + "2;a\n{}\r\n", CHUNKED + "2;a=" + "x" * 257 + "\r\n{}\r\n",
        CHUNKED + "2\r\n{}\r\n0\r\nX : y\r\n\r\n", CHUNKED + "2\r\n{}\r\n0\r\nContent-Length: 5\r\n\r\n", CHUNKED + "2\r\n{}\r\n0\r\nX\r\n\r\n",
        CHUNKED + "2\r\n{}\r\n0\r\nHost: x\r\n\r\n",
    ],
    413: [POST + "Content-Length: 999999999999999999\r\n\r\n", CHUNKED + "fffffffffffffff\r\n",
          f"GET /healthz HTTP/1.1\r\n{H}Content-Length: 1048577\r\n\r\n"],
    414: ["GET /" + "a" * 8192 + " HTTP/1.1\r\n", "GET /" + "a" * 50_000],
    417: [POST + "Expect: 200-ok\r\nContent-Length: 2\r\n\r\n{}", POST + "Expect: 100-continue, more\r\nContent-Length: 2\r\n\r\n{}"],
    431: [f"GET / HTTP/1.1\r\n{H}" + "".join(f"X{n}: y\r\n" for n in range(64)), f"GET / HTTP/1.1\r\n{H}X: " + "a" * 16384,
          f"GET / HTTP/1.1\r\n{H}" + "a" * 17000, CHUNKED + "0\r\n" + "".join(f"X{n}: y\r\n" for n in range(64))],
    501: ["BREW / HTTP/1.1\r\n", "get / HTTP/1.1\r\n", "CONNECT localhost:1 HTTP/1.1\r\n", "TRACE / HTTP/1.1\r\n",
          POST + "Transfer-Encoding: gzip, chunked\r\n\r\n", "PROPFIND / HTTP/1.1\r\n"],
    505: ["GET / HTTP/2.0\r\n", "GET / HTTP/0.9\r\n", "GET / HTTP/1.2\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
}
CASES = [(status, text) for status, texts in MALFORMED.items() for text in texts]

TAKEN = [  # well-formed, though it looks odd: the marker behind it is answered
    ("\r\n\r\n" + GET + "\r\n", 200), (f"GET http://localhost/healthz HTTP/1.1\r\n{H}\r\n", 200),
    (GET + "X: \xe9\xff\r\n\r\n", 200), (GET + "Content_Length: 5\r\nTransfer_Encoding: chunked\r\n\r\n", 200),
    (GET + "Content-Length: 5\r\n\r\nhello", 200), (GET + "Transfer-Encoding: CHUNKED\r\n\r\n5;a=b;c\r\nhello\r\n0\r\nX: y\r\n\r\n", 200),
    (GET + "Upgrade: h2c\r\nConnection: upgrade\r\n\r\n", 200), (POST + "\r\n", 400), (f"OPTIONS * HTTP/1.1\r\n{H}\r\n", 204),
    (GET + "X:" + " " * 100 + "y\t \r\n\r\n", 200), (f"PUT /healthz HTTP/1.1\r\n{H}\r\n", 405), (GET + "Content-Length: 000\r\n\r\n", 200),
]


@pytest.fixture(params=["tcp", "tls"])
def connect(request, make_host, folder):
    tls = request.param == "tls"
    authority = Authority(folder)
    cert, key = authority.issue("server")
    listen = {"address": "127.0.0.1:0", "tls": {"cert": cert, "key": key}} if tls else "127.0.0.1:0"
    host = make_host({"host": {"listen": [listen], "max_connections_per_peer": 0, "log_level": "debug"}})
    host.start()
    port, context = host.port(), authority.client() if tls else None
    yield lambda: Raw(port, tls=context)
    assert host.list() == []
    assert host.get("/healthz")["ok"]


@pytest.mark.parametrize("pieces", ["whole", "torn"])
def test_malformed(connect, pieces):
    for status, text in CASES:
        data = text.encode("latin-1")
        with connect() as client:
            if pieces == "whole":
                client.try_send(data + MARKER.encode())
            else:
                half = len(data) // 2
                client.try_send(data[:half]).try_send(data[half:]).try_send(MARKER)
            answer = client.response()
            assert answer.status == status, (text[:200], answer)
            assert answer.get("Connection") == "close" and b'"error"' in answer.body
            assert client.is_closed(), text[:200]


def test_odd_but_well_formed(connect):
    for text, status in TAKEN:
        with connect() as client:
            client.send(text.encode("latin-1") + MARKER.encode())
            assert client.response().status == status, text
            marker = client.response()
            assert marker.status == 404 and b"no_such_path" in marker.body, text


def test_limits_of_a_request(connect):
    """Each at its limit, and one more."""
    line, block = 8192 - len("GET / HTTP/1.1"), 16384 - len(H) - len("X: \r\n\r\n")
    headers = "".join(f"X{n}: y\r\n" for n in range(63))
    rows = [
        (f"GET /{'a' * line} HTTP/1.1\r\n{H}\r\n", 404), (f"GET /{'a' * (line + 1)} HTTP/1.1\r\n{H}\r\n", 414),
        (GET + f"X: {'a' * block}\r\n\r\n", 200), (GET + f"X: {'a' * (block + 1)}\r\n\r\n", 431),
        (GET + headers + "\r\n", 200), (GET + headers + "Y: z\r\n\r\n", 431),
        (GET + "Content-Length: 1048576\r\n\r\n" + "a" * 1048576, 200), (GET + "Content-Length: 1048577\r\n\r\n", 413),
        (GET + "Transfer-Encoding: chunked\r\n\r\n100000\r\n" + "a" * 1048576 + "\r\n0\r\n\r\n", 200),
        (GET + "Transfer-Encoding: chunked\r\n\r\n100001\r\n", 413),
        (GET + "Transfer-Encoding: chunked\r\n\r\n000000000000005\r\nhello\r\n0\r\n\r\n", 200),
        (GET + "Transfer-Encoding: chunked\r\n\r\n0000000000000005\r\nhello\r\n0\r\n\r\n", 400),
    ]
    for text, status in rows:
        with connect() as client:
            assert client.try_send(text).response().status == status, text[:80]
