"""Who may ask a route: its own `auth` instead of host.auth, and pages of which origins."""
import base64
import functools
import hashlib
import hmac
import http.server
import json
import threading
import time

import pytest

from lib import browser, form
from lib.raw import ask

SECRET, OTHER, KEY = "a-secret-of-this-route-alone", "its-second-secret-for-a-while", "a-signing-key-of-the-tests"
TOKEN = "the-right-token-of-tests"
ROUTES = [
    {"match": "POST /by-bearer", "action": "submit", "job": "chaos.echo", "auth": {"bearer": [SECRET, OTHER]}},
    {"match": "POST /by-form", "action": "submit", "job": "chaos.reads_input", "view": "amazon", "auth": {"bearer": SECRET}},
    {"match": "POST /by-github", "action": "submit", "job": "chaos.echo", "auth": {"github": KEY}},
    {"match": "POST /by-qstash", "action": "submit", "job": "chaos.echo", "auth": [{"qstash": {"current": KEY, "next": OTHER}}, {"bearer": SECRET}]},
    {"match": "GET /status/{id}", "action": "status", "auth": {"bearer": SECRET}},
    {"match": "POST /open", "action": "submit", "job": "chaos.echo", "auth": "none"},
    {"match": "POST /as-ever", "action": "submit", "job": "chaos.echo"},
]
ID = "0198c1a2-0000-7000-8000-000000000001"
TUNNEL = "http://jobs.example.org"  # a target with a name stands over the Host
JSON = "Content-Type: application/json"


@pytest.fixture(params=["none", "tokens"])
def host(request, make_host):
    auth = {"auth": "tokens", "admin_token": TOKEN} if request.param == "tokens" else {}
    host = make_host({"host": {"base_url": "https://jobs.example.org", **auth}, "routes": ROUTES})
    host.start()
    host.tokens = request.param == "tokens"
    return host


def post(host, path, headers=(), body=b'{"payload": 1}'):
    return ask(host.port(), "POST", path, [JSON, *headers], body).status


def github(body, key=KEY):
    return "X-Hub-Signature-256: sha256=" + hmac.new(key.encode(), body, hashlib.sha256).hexdigest()


def packed(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def qstash(url, body, key=KEY, at=None, **claims):
    at = int(time.time()) if at is None else at
    told = {"iss": "Upstash", "sub": url, "iat": at, "nbf": at, "exp": at + 300, "jti": "jwt_1", "body": packed(hashlib.sha256(body).digest()), **claims}
    text = packed(json.dumps({"alg": "HS256", "typ": "JWT"}).encode()) + "." + packed(json.dumps(told).encode())
    return "Upstash-Signature: " + text + "." + packed(hmac.new(key.encode(), text.encode(), hashlib.sha256).digest())


def test_a_secret_of_its_own(host):
    for headers, status in (([f"Authorization: Bearer {SECRET}"], 202), ([f"Authorization: Bearer {OTHER}"], 202), ([], 401),
                            (["Authorization: Bearer wrong"], 401), ([f"Authorization: Bearer {TOKEN}"], 401)):
        assert post(host, "/by-bearer", headers) == status, headers
    answer = ask(host.port(), "GET", f"/status/{ID}", [])
    assert answer.status == 401 and SECRET.encode() not in answer.body
    assert ask(host.port(), "GET", f"/status/{ID}", [f"Authorization: Bearer {SECRET}"]).status == 404
    assert "route.not_proven" in host.read_log() and SECRET not in host.read_log()


def test_whoever_has_proven_it_may_be_anywhere(host):
    """A tunnel's name for the host, a page of another site: neither has the secret by itself."""
    assert post(host, TUNNEL + "/by-bearer", [f"Authorization: Bearer {SECRET}"]) == 202
    for header in ("Origin: https://elsewhere.example.org", "Sec-Fetch-Site: cross-site"):
        assert post(host, "/by-bearer", [header, f"Authorization: Bearer {SECRET}"]) == 202, header
        assert post(host, "/by-bearer", [header]) == 401
    assert post(host, "/as-ever", ["Sec-Fetch-Site: cross-site"]) == (401 if host.tokens else 403)


def test_a_form_and_its_secret(host):
    kind, body = form.encode([("orders", form.File(b"a\tb\n" * 100_000, "o.txt"))])
    for line, status in ((f"Authorization: Bearer {SECRET}", 200), ("X: y", 401)):
        assert ask(host.port(), "POST", "/by-form", [f"Content-Type: {kind}", line], body).status == status
    kind, body = form.encode([("job", '{"payload": 1}')])
    assert ask(host.port(), "POST", "/by-github", [f"Content-Type: {kind}", github(body)], body).status == 415


def test_signed_bodies(host):
    body = b'{"payload": {"n": 1}}'
    assert post(host, "/by-github", [github(body)], body) == 202
    for header, sent in ((github(body, OTHER), body), (github(body), body + b" "), ("X: y", body)):
        assert post(host, "/by-github", [header], sent) == 401
    url = "https://jobs.example.org/by-qstash"
    assert post(host, "/by-qstash", [qstash(url, body)], body) == 202
    assert post(host, "/by-qstash", [qstash(url, body, OTHER)], body) == 202
    assert post(host, "/by-qstash", [f"Authorization: Bearer {SECRET}"], body) == 202
    for header in (qstash(url, body, "another-key"), qstash(url + "/other", body), qstash(url, b"{}"), qstash(url, body, at=int(time.time()) - 900)):
        assert post(host, "/by-qstash", [header], body) == 401, header


def test_without_one_it_is_as_ever(host):
    assert post(host, "/as-ever") == (401 if host.tokens else 202)
    assert post(host, "/as-ever", [f"Authorization: Bearer {TOKEN}"]) == 202


def test_open_is_open_but_to_pages_of_others(host):
    assert post(host, "/open") == 202
    assert post(host, "/open", ["Sec-Fetch-Site: cross-site"]) == 403
    assert post(host, TUNNEL + "/open") == (202 if host.tokens else 421)
    assert ask(host.port(), "POST", "/open", ["Content-Type: text/plain"], b"{}").status == 415


def test_keys_change_with_a_reload(make_host):
    host = make_host({"routes": ROUTES})
    host.start()
    routes = json.loads(json.dumps(ROUTES))
    routes[0]["auth"] = {"bearer": "quite-another-secret"}
    host.configure({"routes": routes})
    host.expect(200, "POST", "/v1/reload", query={"wait": "true"})
    assert post(host, "/by-bearer", [f"Authorization: Bearer {SECRET}"]) == 401
    assert post(host, "/by-bearer", ["Authorization: Bearer quite-another-secret"]) == 202


# ---- pages of other origins

class Pages(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>a page</title>")

    def log_message(self, *_):
        pass


@pytest.fixture
def origin():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def with_origins(make_host, origin):
    host = make_host({"cors": ["https://app.example.org"],
                      "routes": [{"match": "POST /theirs", "action": "submit", "job": "chaos.echo", "cors": [origin], "max_age": "5m", "auth": {"bearer": SECRET}},
                                 {"match": "GET /theirs", "action": "plugin.query", "job": "chaos.none", "cors": [origin]},
                                 {"match": "POST /ours", "action": "submit", "job": "chaos.echo"}]})
    host.start()
    return host


def test_origins_of_a_route(make_host):
    theirs = "http://page.example.org"
    host = with_origins(make_host, theirs)
    may = functools.partial(preflight, host)
    assert may("/theirs", theirs) == ("204", theirs, "300") and may("/theirs", theirs, "GET")[:2] == ("204", theirs)
    assert may("/theirs", "https://app.example.org")[1] is None, "its own list stands instead of the host's"
    assert may("/ours", "https://app.example.org") == ("204", "https://app.example.org", "600")
    assert may("/ours", theirs)[1] is None
    answer = ask(host.port(), "POST", "/theirs", [JSON, f"Origin: {theirs}", f"Authorization: Bearer {SECRET}"], b"{}")
    assert answer.status == 202 and answer.get("Access-Control-Allow-Origin") == theirs


def preflight(host, path, origin, method="POST"):
    answer = ask(host.port(), "OPTIONS", path, [f"Origin: {origin}", f"Access-Control-Request-Method: {method}", "Access-Control-Request-Headers: authorization"])
    return str(answer.status), answer.get("Access-Control-Allow-Origin"), answer.get("Access-Control-Max-Age")


@pytest.mark.skipif(not browser.find(), reason="chromium is not installed (scripts/deps --test)")
def test_a_page_in_a_browser(make_host, origin):
    host = with_origins(make_host, origin)
    call = """fetch('http://127.0.0.1:%d%s', {method: 'POST', body: '{"payload": 1}',
              headers: {'Content-Type': 'application/json', 'Authorization': 'Bearer %s'}}).then(async a => a.status + ' ' + Object.keys(await a.json()).includes('id'), e => 'refused')"""
    with browser.Browser() as page:
        page.visit(origin)
        assert page.value(call % (host.port(), "/theirs", SECRET)) == "202 true"
        assert page.value(call % (host.port(), "/theirs", "wrong")) == "401 false"
        assert page.value(call % (host.port(), "/ours", SECRET)) == "refused"
        page.visit(origin.replace("127.0.0.1", "localhost"))
        assert page.value(call % (host.port(), "/theirs", SECRET)) == "refused"
    assert len(host.list()) == 1
