"""Statuses that any path may answer, because the server or the guard before its handler refuses: openapi.json has them on every operation, and no
others of their kind. Each is provoked on each operation."""
import pytest

from lib.openapi import Document, Seen
from lib.raw import Raw

UNKNOWN = "0198c1a2-0000-7000-8000-000000000001"
PORT_LINE = "Host: localhost"

# status: the request, with the operation's method and path filled in
REFUSALS = {
    403: ["{method} {path} HTTP/1.1", PORT_LINE, "Origin: https://elsewhere.example"],
    405: ["PATCH {path} HTTP/1.1", PORT_LINE],
    408: ["{method} {path} HTTP/1.1", PORT_LINE, "Content-Type: application/json", "Content-Length: 5"],
    413: ["{method} {path} HTTP/1.1", PORT_LINE, "Content-Type: application/json", "Content-Length: 999999999999"],
    414: ["{method} {path}?" + "x" * 9000 + " HTTP/1.1", PORT_LINE],
    415: ["{method} {path} HTTP/1.1", PORT_LINE, "Content-Type: application/json", "Content-Encoding: gzip", "Content-Length: 0"],
    417: ["{method} {path} HTTP/1.1", PORT_LINE, "Expect: the-unexpected"],
    421: ["{method} {path} HTTP/1.1", "Host: elsewhere.example"],
    431: ["{method} {path} HTTP/1.1", PORT_LINE, *["X: y"] * 65],
    501: ["{method} {path} HTTP/1.1", PORT_LINE, "Transfer-Encoding: gzip, chunked"],
    505: ["{method} {path} HTTP/1.2", PORT_LINE],
}


def is_endless(path):
    """A stream that ends with the host."""
    return path == "/v1/events"


def provoke(port, lines, method, path):
    target = path.replace("{id}", UNKNOWN).replace("{queue}", "q").replace("{name}", "x")
    text = "\r\n".join([*lines, "", ""]).replace("{method}", method).replace("{path}", target)
    with Raw(port) as connection:
        return Seen(connection.try_send(text).response())


@pytest.fixture
def strict(make_host):
    host = make_host({"host": {"listen": "127.0.0.1:0", "http": {"body_timeout": "100ms"}}})
    host.start()
    host.doc = Document(host.get("/v1/openapi.json"))
    return host


@pytest.mark.parametrize("status", REFUSALS)
def test_every_operation_may_refuse_so(strict, status):
    described = 0
    for method, path, operation in strict.doc.operations():
        if str(status) not in operation["responses"]:
            if not is_endless(path):
                answer = provoke(strict.port(), REFUSALS[status], method, path)
                assert answer.status != status, f"{method} {path}: {status} is not described"
            continue
        described += 1
        answer = provoke(strict.port(), REFUSALS[status], method, path)
        assert answer.status == status, f"{method} {path} -> {answer.status} {answer.raw[:300]!r}"
        strict.doc.judge(method, path, answer)
    operations = list(strict.doc.operations())
    assert described == (sum("requestBody" in o for _, _, o in operations) if status == 415 else len(operations))


def test_the_host_may_be_full(make_host):
    host = make_host({"host": {"listen": "127.0.0.1:0", "max_connections_per_peer": 1}})
    host.start()
    doc = Document(host.get("/v1/openapi.json"))
    with Raw(host.port()) as first:
        assert first.ask("GET", "/healthz").status == 200
        for method, path, _ in doc.operations():
            answer = provoke(host.port(), ["{method} {path} HTTP/1.1", PORT_LINE], method, path)
            assert answer.status == 503, f"{method} {path} -> {answer.status}"
            doc.judge(method, path, answer)
