"""Where the host listens and whom it lets in there: addresses, the guard, tokens, pages of other origins."""
import json
import os
import socket
import urllib.parse

import pytest

from lib.raw import Raw, ask

JOB = json.dumps({"type": "chaos.echo"}).encode()
JSON = "Content-Type: application/json"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as s:
            s.bind(("::1", 0))
        return True
    except OSError:
        return False


# ---- addresses

def test_every_address_is_served(make_host, folder):
    path = os.path.join(folder, "public.sock")
    six = ["[::1]:0"] if has_ipv6() else []
    host = make_host({"host": {"listen": ["127.0.0.1:0", "localhost:0", f"unix:{path}", *six]}})
    host.start()
    urls = host.urls()
    assert [url.rsplit(":", 1)[0] for url in urls] == ["http://127.0.0.1", "http://localhost", "unix", *["http://[::1]"] * len(six)]
    for url in urls:
        if url.startswith("unix:"):
            answer = ask(None, "GET", "/v1/version", path=path)
        else:
            parts = urllib.parse.urlsplit(url)
            assert parts.port != 0
            answer = ask(parts.port, "GET", "/v1/version", host=parts.hostname.replace("localhost", "127.0.0.1"))
        assert answer.status == 200 and json.loads(answer.body)["listen"] == urls
    assert f"listen={','.join(urls)} " in host.read_log()
    job = json.loads(ask(host.port(), "POST", "/v1/jobs", [JSON], JOB).body)["id"]
    assert host.wait_job(job)["state"] == "succeeded"
    host.stop()
    assert not os.path.exists(path)
    with pytest.raises(ConnectionRefusedError):
        Raw(urllib.parse.urlsplit(urls[0]).port)


def test_listening_nowhere(make_host):
    host = make_host({"host": {"listen": []}})
    host.start()
    assert host.urls() == []
    assert " listen=nowhere " in host.read_log()


def test_a_taken_address_names_the_key(make_host):
    first = make_host(name="first")
    first.start()
    address = f"127.0.0.1:{first.port()}"
    second = make_host({"host": {"listen": address}}, name="second")
    assert not second.start(ready=False)
    assert second.reap() == 1
    assert f"{address}: another process listens there already (change host.listen in {second.config_path})" in second.read_log()
    third = make_host({"host": {"admin": f"unix:{first.socket}"}}, name="third")
    assert not third.start(ready=False)
    assert third.reap() == 1
    assert f"another process listens there (change host.admin in {third.config_path})" in third.read_log()
    assert first.get("/healthz")["ok"]


def test_the_port_is_free_again_after_a_restart(make_host):
    host = make_host({"host": {"listen": f"127.0.0.1:{free_port()}"}})
    host.start()
    port = host.port()
    with Raw(port) as kept:
        assert kept.ask("GET", "/healthz").status == 200
        host.restart()
    assert ask(port, "GET", "/healthz").status == 200


def test_no_tokens_beyond_loopback(make_host):
    host = make_host({"host": {"listen": "0.0.0.0:0"}})
    assert not host.start(ready=False)
    assert host.reap() == 2
    assert "0.0.0.0:0 can be reached from other machines while host.auth is none" in host.read_log()


# ---- the guard, without tokens

GUARD = [  # headers instead of Host: localhost, and the status
    (["Host: localhost"], 200),
    (["Host: 127.0.0.1:8080"], 200),
    (["Host: [::1]:1"], 200),
    (["Host: evil.example"], 421),
    (["Host: localhost.evil.example"], 421),
    (["Host: 127.0.0.1.evil.example"], 421),
    (["Host: localhost", "Origin: http://localhost"], 200),
    (["Host: localhost", "Origin: http://evil.example"], 403),
    (["Host: localhost", "Origin: null"], 403),
    (["Host: localhost", "Origin: https://app.example", "Sec-Fetch-Site: cross-site"], 200),
    (["Host: localhost", "Origin: https://app.example.evil"], 403),
    (["Host: localhost", "Sec-Fetch-Site: cross-site"], 403),
    (["Host: localhost", "Sec-Fetch-Site: same-site"], 403),
    (["Host: localhost", "Sec-Fetch-Site: same-origin"], 200),
    (["Host: localhost", "Sec-Fetch-Site: none"], 200),
]


def test_the_guard(make_host, folder):
    path = os.path.join(folder, "public.sock")
    host = make_host({"host": {"listen": ["127.0.0.1:0", f"unix:{path}"]}, "cors": ["https://app.example"]})
    host.start()
    port = host.port()
    for headers, status in GUARD:
        text = "\r\n".join(["GET /v1/version HTTP/1.1", *headers, "", ""])
        for where in {"port": port}, {"path": path}:
            with Raw(**where) as connection:
                assert connection.send(text).response().status == status, (headers, where)
    # what a plain form could send is no submission
    for kind in "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x":
        with Raw(port) as connection:
            assert connection.ask("POST", "/v1/jobs", [f"Content-Type: {kind}"], JOB).status in (400, 415), kind
    with Raw(path=host.socket) as owner:  # the admin socket asks none of this
        assert owner.send("GET /v1/version HTTP/1.1\r\nHost: evil.example\r\nOrigin: http://evil.example\r\n\r\n").response().status == 200
    assert host.get("/v1/jobs")["items"] == []


def test_pages_of_listed_origins(make_host):
    host = make_host({"cors": ["https://app.example"]})
    host.start()
    with Raw(host.port()) as page:
        answer = page.ask("GET", "/v1/jobs", ["Origin: https://app.example"])
        assert (answer.status, answer.get("Access-Control-Allow-Origin"), answer.get("Vary")) == (200, "https://app.example", "Origin")
        assert "Retry-After" in answer.get("Access-Control-Expose-Headers")
        asks = ["Origin: https://app.example", "Access-Control-Request-Method: POST", "Access-Control-Request-Headers: content-type"]
        answer = page.ask("OPTIONS", "/v1/jobs", asks)
        assert answer.status == 204 and answer.get("Access-Control-Allow-Origin") == "https://app.example"
        assert "POST" in answer.get("Access-Control-Allow-Methods") and "Content-Type" in answer.get("Access-Control-Allow-Headers")
        assert answer.get("Access-Control-Allow-Credentials") is None
        assert page.ask("POST", "/v1/jobs", [JSON, asks[0]], JOB).status == 202
        asks[0] = "Origin: https://other.example"
        for method in "OPTIONS", "GET":
            answer = page.ask(method, "/v1/jobs", asks)
            assert answer.status == 403 and answer.get("Access-Control-Allow-Origin") is None
            assert answer.get("Vary") == "Origin"
        assert page.ask("GET", "/v1/version").get("Access-Control-Allow-Origin") is None


# ---- tokens

@pytest.mark.parametrize("source", ["yaml", "environment", "file"])
def test_the_admin_token(make_host, folder, source):
    token = "correct-horse-battery-staple"
    public = os.path.join(folder, "public.sock")
    settings = {"auth": "tokens", "listen": ["0.0.0.0:0", f"unix:{public}"]}
    if source == "file":
        path = os.path.join(folder, "token")
        with open(path, "w", encoding="utf-8", opener=lambda p, flags: os.open(p, flags, 0o600)) as out:
            out.write(token + "\n")
        settings["admin_token_file"] = path
    else:
        settings["admin_token"] = token if source == "yaml" else "${ADMIN_TOKEN}"
    host = make_host({"host": settings, "cors": ["https://app.example"]},
                     env={"ADMIN_TOKEN": token} if source == "environment" else None)
    host.start()
    port = host.port()
    right = f"Authorization: Bearer {token}"
    assert ask(port, "GET", "/v1/version", [right]).status == 200
    assert ask(port, "POST", "/v1/jobs", [right, JSON], JOB).status == 202
    for headers in [], [right + "x"], [right[:-1]], [right, right], [right.replace("Bearer", "Basic")], ["Authorization:"]:
        with Raw(port) as stranger:
            answer = stranger.ask("GET", "/v1/version", headers)
            assert (answer.status, answer.get("WWW-Authenticate")) == (401, "Bearer"), headers
            assert stranger.ask("GET", "/v1/nothing", headers).status == 401
    # who comes by a public unix socket is a stranger too, for it may be a proxy
    assert [ask(None, "GET", "/v1/version", headers, path=public).status for headers in ([], [right])] == [401, 200]
    for path in "/healthz", "/readyz":
        assert ask(port, "GET", path).status == 200
    # a body that nobody may send is not read
    with Raw(port) as stranger:
        head = f"POST /v1/jobs HTTP/1.1\r\nHost: h\r\n{JSON}\r\nExpect: 100-continue\r\nContent-Length: 1000\r\n\r\n"
        assert stranger.send(head).response().status == 401
        assert stranger.is_closed()
    # a browser asks first, without the token
    asks = ["Origin: https://app.example", "Access-Control-Request-Method: POST", "Access-Control-Request-Headers: authorization"]
    answer = ask(port, "OPTIONS", "/v1/jobs", asks)
    assert answer.status == 204 and "Authorization" in answer.get("Access-Control-Allow-Headers")
    answer = ask(port, "GET", "/v1/jobs", asks[:1])
    assert answer.status == 401 and answer.get("Access-Control-Allow-Origin") == "https://app.example"
    assert ask(port, "OPTIONS", "/v1/jobs", [asks[0].replace("app", "other"), *asks[1:]]).status == 401
    assert len(host.list()) == 1 and host.get("/v1/version")["version"]
    assert token not in host.read_log() and token not in json.dumps(host.get("/v1/config"))


def test_tokens_without_a_token(make_host):
    host = make_host({"host": {"auth": "tokens"}})
    host.start()
    assert "nobody but the admin socket is let in until host.admin_token is set" in host.read_log()
    assert ask(host.port(), "GET", "/v1/version", ["Authorization: Bearer "]).status == 401
    assert ask(host.port(), "GET", "/healthz").status == 200
    assert host.get("/v1/version")
