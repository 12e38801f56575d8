"""Tokens: who may do what, whose jobs he sees, and what is written down of it. The document says of each operation what it needs
(`x-scope`) and what a bound token gets (`x-bound`), and every operation in it is tried: a new one cannot be forgotten."""
import http.client
import json
import os
import re
import urllib.parse

import pytest

from lib import build, redis
from lib.cli import FAILED, Cli
from lib.host import chaos
from lib.openapi import Document
from lib.procs import wait_until

ADMIN = "secret-token-of-the-test"
UNKNOWN = "0198c1a2-0000-7000-8000-000000000001"
SCOPES = ("viewer", "submit", "operator", "admin")
ALLOWED = {"none": SCOPES, "any": SCOPES, "viewer": ("viewer", "operator", "admin"), "submit": ("submit", "operator", "admin"),
           "operator": ("operator", "admin"), "admin": ("admin",)}
TOKENS = {"host": {"listen": "127.0.0.1:0", "auth": "tokens", "admin_token": ADMIN}}


class Seen:
    def __init__(self, status, headers, raw):
        self.status, self.headers, self.raw = status, headers, raw

    @property
    def json(self):
        return json.loads(self.raw)

    @property
    def code(self):
        return self.json["error"]["code"]


class Bearer:
    """Somebody with a token, on a public address. Of a stream the head is read alone."""

    def __init__(self, port, token, headers=None):
        self.port, self.token, self.headers = port, token, headers or {}

    def __call__(self, method, path, body=None, query=None):
        headers = {**self.headers, **({"Authorization": f"Bearer {self.token}"} if self.token else {})}
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        target = path + ("?" + urllib.parse.urlencode(query) if query else "")
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=build.PATIENCE_S)
        connection.request(method, target, body, headers)
        answer = connection.getresponse()
        is_stream = answer.headers.get("Content-Type") == "text/event-stream"
        seen = Seen(answer.status, answer.headers, b"" if is_stream else answer.read())
        connection.close()
        return seen


def make_token(host, scope, **more):
    answer = host.expect(201, "POST", "/v1/tokens", {"name": f"a-{scope}", "scope": scope, **more}).json
    assert re.fullmatch(r"jh_[a-z2-7]{12}_[a-z2-7]{59}", answer["token"])
    return answer


def bearer(host, scope, **more):
    return Bearer(host.port(), make_token(host, scope, **more)["token"])


@pytest.fixture
def guarded(make_host, store):
    host = make_host({"plugins": chaos(workers=1, threads=2), **TOKENS, **store})
    host.start()
    return host


# ---- a token's life

def test_by_the_command_line(make_host):
    host = make_host(TOKENS)
    host.start()
    cli = Cli(host)
    done = cli.raw("tokens", "new", "ci", "--scope", "submit", "--queue", "chaos", "--queue", "b", "--user", "ann", "--expires", "90d")
    token, said = done.stdout.strip(), done.stderr
    who = token.split("_")[1]
    assert who in said and token not in said
    listed = cli("tokens", "ls")
    assert who in listed and "user ann, chaos, b" in listed and "active" in listed and token not in listed
    kept = host.get("/v1/tokens")["items"]
    assert [t["id"] for t in kept] == [who] and "token" not in kept[0] and kept[0]["created_by"].startswith("uid:")
    ask = Bearer(host.port(), token)
    assert ask("POST", "/v1/jobs", {"type": "chaos.echo"}).status == 202
    cli("tokens", "revoke", who, "--why", "it leaked")
    assert ask("POST", "/v1/jobs", {"type": "chaos.echo"}).status == 401
    assert "revoked" in cli("tokens", "ls")
    cli("tokens", "revoke", "aaaaaaaaaaaa", status=FAILED)
    done = cli("audit", "--action", "token.")
    assert "token.new" in done and "token.revoke" in done and "it leaked" in done
    host.restart()
    assert Bearer(host.port(), token)("GET", "/v1/version").status == 401
    for name in os.listdir(host.state_dir):  # the store has a hash alone
        path = os.path.join(host.state_dir, name)
        if os.path.isfile(path):
            with open(path, "rb") as file:
                assert token.split("_")[2].encode() not in file.read(), name


def test_last_use(guarded):
    made = make_token(guarded, "viewer")
    assert Bearer(guarded.port(), made["token"])("GET", "/v1/jobs").status == 200
    wait_until(lambda: "last_used_at" in guarded.get("/v1/tokens")["items"][0], build.PATIENCE_S, "its use is told")


def test_nobody_learns_why(guarded):
    """A token that is unknown, mistyped, revoked, expired or not whole: the same answer."""
    good, gone = make_token(guarded, "admin"), make_token(guarded, "admin")
    short = make_token(guarded, "admin", expires="1ms")
    guarded.call("DELETE", "/v1/tokens/" + gone["id"])
    other = make_token(guarded, "admin")["token"]
    mixed = good["token"][:16] + other[16:]
    answers = {Bearer(guarded.port(), token)("GET", "/v1/jobs").raw
               for token in (None, "x", good["token"][:-1], good["token"][:-1] + "x", gone["token"], mixed, other.upper())}
    wait_until(lambda: Bearer(guarded.port(), short["token"])("GET", "/v1/jobs").status == 401, build.PATIENCE_S, "it expires")
    answers.add(Bearer(guarded.port(), short["token"])("GET", "/v1/jobs").raw)
    assert len(answers) == 1 and json.loads(answers.pop())["error"]["code"] == "unauthorized"
    for token in (good["token"], ADMIN):
        assert Bearer(guarded.port(), token)("GET", "/v1/jobs").status == 200


def test_refused_tokens(guarded):
    for wrong in ({}, {"name": "a b"}, {"scope": "root"}, {"user": ""}, {"queues": ["a,b"]}, {"queues": "a"}, {"expires": "0s"},
                  {"expires": "4000d"}, {"scope": "admin", "user": "ann"}, {"queues": [f"q{i}" for i in range(33)]}):
        body = {"name": "ci", "scope": "viewer", **wrong} if wrong else {}
        assert guarded.call("POST", "/v1/tokens", body).status == 400, wrong
    assert guarded.get("/v1/tokens")["items"] == []


@pytest.mark.skipif(redis.SERVER is None, reason="there is no redis-server")
def test_other_hosts(make_host, folder):
    """A new token is good at once on every host; one that is revoked is so soon; and known ones outlast the store."""
    server = redis.Redis(os.path.join(folder, "redis")).start()
    try:
        hosts = [make_host({**TOKENS, "store": {"url": f"unix:{server.socket}"}}, name=f"host{i}") for i in range(2)]
        for host in hosts:
            host.start()
        made = make_token(hosts[0], "submit")
        asks = [Bearer(host.port(), made["token"]) for host in hosts]
        assert [ask("GET", "/v1/version").status for ask in asks] == [200, 200]
        assert asks[1]("POST", "/v1/jobs", {"type": "chaos.echo", "payload": "x" * 100_000}).status == 202
        fresh = make_token(hosts[0], "submit")  # a body waits until the store has said who it is
        assert Bearer(hosts[1].port(), fresh["token"])("POST", "/v1/jobs", {"type": "chaos.echo", "payload": "x" * 100_000}).status == 202
        hosts[0].call("DELETE", "/v1/tokens/" + made["id"])
        assert asks[0]("GET", "/v1/version").status == 401
        wait_until(lambda: asks[1]("GET", "/v1/version").status == 401, build.PATIENCE_S, "it is revoked there, too")
        server.stop()
        assert Bearer(hosts[1].port(), fresh["token"])("GET", "/v1/version").status == 200
    finally:
        server.stop()


# ---- scopes

def target_of(path, **values):
    for name, value in {"id": UNKNOWN, "queue": "q", "name": "x", **values}.items():
        path = path.replace("{" + name + "}", value)
    return path


def is_forbidden(answer):
    return answer.status == 403 and answer.code == "forbidden"


def test_every_operation_and_scope(make_host):
    host = make_host({**TOKENS, "plugins": chaos(workers=1)})
    host.start()
    doc = Document(host.get("/v1/openapi.json"))
    asks = {scope: bearer(host, scope) for scope in SCOPES}
    for method, path, operation in doc.operations():
        body = b"{" if "requestBody" in operation else None  # who may is told that it is no JSON, or not of that type
        for scope in SCOPES:
            answer = asks[scope](method, target_of(path), body)
            assert is_forbidden(answer) == (scope not in ALLOWED[operation["x-scope"]]), f"{method} {path} by {scope}: {answer.status} {answer.raw[:200]}"
            if is_forbidden(answer):
                assert f"of scope {operation['x-scope'].replace('any', 'viewer')};" in answer.json["error"]["message"]
        if path.startswith("/v1/host/pause"):
            host.call("POST", "/v1/host/resume", {})
    assert asks["viewer"]("GET", "/v1/nothing").status == 404
    assert asks["viewer"]("PUT", "/v1/jobs").status == 405


# ---- two tenants

def of(host, user, **more):
    """Jobs in many states, with all that a job can have; their ids."""
    jobs = {"done": host.submit("chaos.steps", {"steps": 2}, key="k", user=user, labels=["l"], dedup={"ttl": "1h"}),
            "dead": host.submit("chaos.fail", {"class": "network", "times": 9}, max=1, user=user),
            "outputs": host.submit("chaos.outputs", {"files": [{"name": "x", "text": "hello"}]}, user=user)}
    host.wait_all(list(jobs.values()))
    jobs["opener"] = host.submit("chaos.yield", {"kind": "children", "children": 2, "delay_ms": 3_600_000}, user=user)
    jobs["asks"] = host.submit("chaos.ask", {"choices": ["yes", "no"]}, user=user)
    for name in ("opener", "asks"):
        host.wait_job(jobs[name], "parked")
    jobs["later"] = host.submit("chaos.echo", {}, delay="1h", key="held", user=user)
    for i, child in enumerate(host.get(f"/v1/jobs/{jobs['opener']}/children")["items"]):
        jobs[f"child{i}"] = child["id"]
    return jobs


def facts(host, jobs):
    return {name: {k: v for k, v in host.job(job).items() if k in ("state", "rev", "payload", "user")} for name, job in jobs.items()}


def nothing_of(answer, jobs, where):
    if where.endswith("/v1/openapi.json {}"):
        return
    text = answer.raw.decode(errors="replace")
    for job in jobs.values():
        assert job not in text, f"{where} tells of {job}: {text[:400]}"
    assert '"ann"' not in text, f"{where}: {text[:400]}"


def values_for(name, jobs):
    """What a filter could be given to find somebody else's jobs."""
    given = {"user": ["ann"], "queue": ["chaos"], "type": ["chaos.echo", "chaos.fail"], "label": ["l"], "class": ["network"],
             "q": [*jobs.values(), "chaos"], "parent": [jobs["opener"]], "park": ["children", "needs_operator"], "steps": ["1"],
             "state": ["scheduled", "parked", "succeeded", "dead"], "after": ["2000-01-01T00:00:00Z"], "before": ["2100-01-01T00:00:00Z"],
             "limit": ["1000"], "code": ["chaos"], "key": ["k"], "plugin": ["chaos"]}
    return given.get(name, [])


def lists_show_nothing(ask, doc, method, path, operation, jobs):
    queries = [{}]
    for parameter in (doc.resolve(p) for p in operation.get("parameters", [])):
        if parameter["in"] == "query":
            queries += [{parameter["name"]: value} for value in values_for(parameter["name"], jobs)]
    for query in queries:
        answer = ask(method, path, None, query)
        nothing_of(answer, {} if "q" in query else jobs, f"{method} {path} {query}")
        if answer.status == 200 and "items" in (answer.json if path not in ("/v1/openapi.json",) else {}):
            assert answer.json["items"] == [], f"{method} {path} {query}"


BODIES = {"resolve": {"answer": "yes"}}


def test_two_tenants(guarded):
    host = guarded
    doc = Document(host.get("/v1/openapi.json"))
    jobs = of(host, "ann")
    before = facts(host, jobs)
    ask = bearer(host, "operator", user="bob")
    for method, path, operation in doc.operations():
        where = f"{method} {path}"
        bound = operation["x-bound"]
        if operation["x-scope"] == "admin":
            continue  # no such token is bound
        if bound in ("refused", "queues"):
            answer = ask(method, target_of(path, queue="chaos", name="chaos"), {} if "requestBody" in operation else None)
            assert is_forbidden(answer), f"{where}: {answer.status} {answer.raw[:200]}"
        elif "{id}" in path:
            for job in jobs.values():
                body = BODIES.get(path.rsplit("/", 1)[-1], {}) if "requestBody" in operation else None
                answer = ask(method, target_of(path, id=job), body)
                assert answer.status == 404, f"{where} of {job}: {answer.status} {answer.raw[:200]}"
                unknown = ask(method, target_of(path, id=UNKNOWN), body)
                assert answer.raw.replace(job.encode(), b"") == unknown.raw.replace(UNKNOWN.encode(), b""), where
        elif method == "GET":
            lists_show_nothing(ask, doc, method, target_of(path), operation, jobs)
    bulk_touches_nothing(ask, doc, jobs)
    submissions_are_bound(ask, jobs)
    assert facts(host, jobs) == before
    own = bearer(host, "operator", user="ann")  # and she sees and does all of it
    assert {j["id"] for j in own("GET", "/v1/jobs", query={"limit": 100}).json["items"]} == set(jobs.values())
    for job in jobs.values():
        assert own("GET", f"/v1/jobs/{job}").status == 200
    assert own("GET", f"/v1/jobs/{jobs['outputs']}/outputs/x").status == 200
    assert own("GET", f"/v1/jobs/{jobs['done']}/result").status == 200
    assert len(own("GET", f"/v1/jobs/{jobs['opener']}/children").json["items"]) == 2
    assert own("GET", f"/v1/jobs/{jobs['opener']}/explain").json["reasons"]
    assert own("POST", f"/v1/jobs/{jobs['later']}/cancel", {}).status == 200
    assert own("GET", "/v1/jobs", query={"user": "bob"}).json["items"] == []


def bulk_touches_nothing(ask, doc, jobs):
    """Every operation that takes ids or a filter."""
    for method, path, operation in doc.operations():
        schema = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
        names = json.dumps(doc.resolve(schema))
        if operation["x-bound"] != "own" or "{" in path or '"ids"' not in names:
            continue
        answer = ask(method, path, {"ids": list(jobs.values())})
        assert answer.status == 200, f"{path}: {answer.raw[:200]}"
        found = answer.json.get("items", answer.json.get("errors"))
        assert all(item["error"]["code"] == "job_not_found" for item in found), f"{path}: {answer.raw[:300]}"
        assert answer.json.get("done", 0) == 0
        for choice in ({"all": True}, {"filter": {"user": "ann"}}, {"filter": {"q": jobs["dead"]}}):
            answer = ask(method, path, choice)
            assert answer.status == 200 and answer.json["matched"] == 0, f"{path} {choice}: {answer.raw[:300]}"
    for name in ("cancel", "retry", "remove", "promote"):
        assert f"/v1/jobs/{name}" in doc.document["paths"]


def submissions_are_bound(ask, jobs):
    made = ask("POST", "/v1/jobs", {"type": "chaos.echo", "delay": "1h"}).json["id"]
    assert ask("GET", f"/v1/jobs/{made}").json["user"] == "bob"
    assert is_forbidden(ask("POST", "/v1/jobs", {"type": "chaos.echo", "user": "ann"}))
    for key in ("k", "held"):  # nothing is told of who holds them
        for mode in ("return", "reject", "replace", "debounce", "throttle"):
            job = {"type": "chaos.echo", "key": key, "delay": "1h", "dedup": {"mode": mode, "ttl": "1h"}}
            answer = ask("POST", "/v1/jobs", job)
            assert (answer.status, answer.code) == (409, "key_taken"), f"{key} {mode}: {answer.raw[:200]}"
            nothing_of(answer, jobs, "a key")
    assert ask("POST", "/v1/jobs", {"type": "chaos.child", "payload": {}, "flow": jobs["opener"]}).code == "flow_not_found"
    file = {"name": "x", "sha256": "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"}  # of ann's output
    other = {"name": "x", "sha256": "00" * 32}
    answers = {ask("POST", "/v1/jobs", {"type": "chaos.echo", "files": [f]}).raw for f in (file, other)}
    assert len(answers) == 1 and b"forbidden" in answers.pop()
    form = b'--x\r\nContent-Disposition: form-data; name="job"\r\n\r\n{"type": "chaos.reads_input", "payload": {}}\r\n' \
           b'--x\r\nContent-Disposition: form-data; name="a"; filename="a"\r\n\r\nhello\r\n--x--\r\n'
    sender = Bearer(ask.port, ask.token, {"Content-Type": "multipart/form-data; boundary=x"})
    assert sender("POST", "/v1/jobs", form).status == 202
    assert is_forbidden(ask("POST", "/v1/events/paid", {}, {"user": "ann"}))
    assert ask("POST", "/v1/events/paid", b"").status == 202
    ask("POST", "/v1/jobs/remove", {"ids": [made]})


def test_a_queue(guarded):
    """A token that is bound to queues alone."""
    host = guarded
    here = host.submit("chaos.echo", {}, queue="one", delay="1h", user="ann")
    far = host.submit("chaos.echo", {}, queue="far", delay="1h", user="ann")
    ask = bearer(host, "operator", queues=["one", "two"])
    assert [j["id"] for j in ask("GET", "/v1/jobs").json["items"]] == [here]
    assert ask("GET", f"/v1/jobs/{far}").status == 404
    assert ask("POST", f"/v1/jobs/{far}/cancel", {}).status == 404
    assert {q["name"] for q in ask("GET", "/v1/queues").json["items"]} <= {"one", "two"} and "store" not in ask("GET", "/v1/queues").json
    assert ask("POST", "/v1/queues/one/pause", {"why": "a test"}).status == 200
    assert ask("POST", "/v1/queues/far/pause", {"why": "a test"}).status == 404
    assert ask("GET", "/v1/queues/one/explain").status == 200
    assert ask("GET", "/v1/queues/far/explain").status == 404
    assert ask("POST", "/v1/jobs", {"type": "chaos.echo", "queue": "two", "user": "eve", "delay": "1h"}).status == 202
    assert is_forbidden(ask("POST", "/v1/jobs", {"type": "chaos.echo"}))
    assert is_forbidden(ask("POST", "/v1/events/paid", b""))
    assert is_forbidden(ask("GET", "/metrics"))
    both = bearer(host, "viewer", user="eve", queues=["two"])
    assert [j["user"] for j in both("GET", "/v1/jobs").json["items"]] == ["eve"]
    assert is_forbidden(both("GET", "/v1/queues"))


# ---- what is written down

def every_action(host):
    """(method, path, how to call it with success) of all that change something for others."""
    def job(**more):
        return host.submit("chaos.echo", {}, delay="1h", **more)

    def dead():
        one = host.submit("chaos.fail", {"class": "input"}, max=1)
        host.wait_job(one, "dead")
        return one

    def cancelled():
        one = job()
        host.act(one, "cancel")
        return one

    def asks():
        one = host.submit("chaos.ask", {"choices": ["yes"]})
        host.wait_job(one, "parked")
        return one

    rule = {"cron": "@yearly", "job": "chaos.echo", "payload": {}}
    one, many, why = "/v1/jobs/{id}", "/v1/jobs/", {"why": "a test"}
    yield "POST", one + "/cancel", job(), {}
    yield "POST", one + "/retry", cancelled(), {}
    yield "POST", one + "/promote", job(), {}
    yield "POST", one + "/resolve", asks(), {"answer": "yes"}
    yield "DELETE", one, cancelled(), None
    yield "POST", many + "cancel", None, {"ids": [job()]}
    yield "POST", many + "retry", None, {"ids": [cancelled()]}
    yield "POST", many + "promote", None, {"ids": [job()]}
    yield "POST", many + "remove", None, {"ids": [cancelled()]}
    yield "POST", "/v1/dlq/retry", None, {"ids": [dead()]}
    yield "POST", "/v1/dlq/remove", None, {"ids": [dead()]}
    for what in ("/v1/queues/{queue}", "/v1/plugins/{name}", "/v1/host"):
        yield "POST", what + "/pause", "chaos", why
        yield "POST", what + "/resume", "chaos", {}
    yield "PUT", "/v1/schedules/{id}", "own", rule
    yield "POST", "/v1/schedules/{id}/run", "own", {}
    yield "POST", "/v1/schedules/{id}/pause", "own", why
    yield "POST", "/v1/schedules/{id}/resume", "own", {}
    yield "POST", "/v1/schedules/{id}/backfill", "own", {"from": "2020-01-01T00:00:00Z", "to": "2020-12-31T00:00:00Z"}
    yield "DELETE", "/v1/schedules/{id}", "own", None
    yield "POST", "/v1/limits/{name}/reset", "api", why
    yield "POST", "/v1/breakers/{name}/reset", "network:chaos:x", why
    job(key="a")
    yield "POST", "/v1/dedup/release", None, {"queue": "chaos", "key": "a"}
    job(key="b")
    yield "DELETE", "/v1/dedup?queue=chaos&key=b", None, None
    host.call("POST", "/hooks/git", b"{}", {"X-Hub-Signature-256": "sha256=" + "0" * 64})
    wait_until(lambda: host.get("/v1/hooks/inbox")["items"], build.PATIENCE_S, "it is in the inbox")
    yield "POST", "/v1/hooks/inbox/{id}/replay", host.get("/v1/hooks/inbox")["items"][0]["id"], {}
    yield "POST", "/v1/fsck", None, {"repair": True}
    yield "POST", "/v1/reload", None, None
    yield "POST", "/v1/tokens", None, {"name": "another", "scope": "viewer"}
    yield "DELETE", "/v1/tokens/{id}", make_token(host, "viewer")["id"], None


def test_every_action_is_audited(make_host):
    """Each operation that changes something for others leaves a row: what was done, or who was refused it, and from where."""
    host = make_host({**TOKENS, "plugins": chaos(workers=1, threads=2), "limits": {"api": {"rate": 5}},
                      "hooks": {"git": {"path": "/hooks/git", "verify": {"github": "a-secret"}, "job": "chaos.echo"}}})
    host.start()
    doc = Document(host.get("/v1/openapi.json"))
    ask, viewer = bearer(host, "admin"), bearer(host, "viewer")
    missing = {(method, path) for method, path, operation in doc.operations()
               if method != "GET" and operation["x-scope"] in ("operator", "admin")} - {("POST", "/v1/upgrade")}  # by the admin socket only

    def rows(**filters):
        return host.get("/v1/audit?" + urllib.parse.urlencode({"limit": 1000, **filters}))["items"]

    for method, path, who, body in every_action(host):
        missing.discard((method, path.split("?")[0]))
        target = re.sub(r"\{\w+\}", who or "", path)
        for asks, name, outcome in ((viewer, "a-viewer", "forbidden"), (ask, "a-admin", "done")):
            before = len(rows(actor=name))
            answer = asks(method, target, body)
            assert answer.status == 403 if name == "a-viewer" else answer.status < 300, f"{method} {target}: {answer.status} {answer.raw[:300]}"
            wait_until(lambda: len(rows(actor=name)) > before, build.PATIENCE_S, f"a row for {method} {target} by {name}")
            row = rows(actor=name)[0]
            assert row["actor"].startswith(f"token:{name} (") and (row["from"], row["outcome"]) == ("127.0.0.1", outcome), row
    assert not missing, f"not tried: {missing}"
    gone = make_token(host, "viewer")["id"]
    host.call("DELETE", "/v1/tokens/" + gone, query={"why": "the end"})
    row = rows(action="token.revoke", target=gone)[0]
    assert row["detail"] == "the end" and row["from"] == "unix" and row["actor"].startswith("uid:")
    assert host.call("GET", "/v1/audit?after=soon").status == 400
    assert rows(before="2001-01-01T00:00:00Z") == []


def test_refusals_do_not_fill_the_log(make_host):
    host = make_host(TOKENS)
    host.start()
    viewer = bearer(host, "viewer")
    for _ in range(100):
        assert is_forbidden(viewer("POST", "/v1/host/pause", {"why": "a test"}))
    refused = [r for r in host.get("/v1/audit?limit=1000")["items"] if r["outcome"] == "forbidden"]
    assert 0 < len(refused) <= 60


# ---- how often

def test_rates(make_host):
    """By token, or by the address that a trusted proxy names; what comes from the host itself without a token has no limit."""
    limits = {"rate": 1, "burst": 5, "failures": 3}
    host = make_host({"host": {**TOKENS["host"], "trusted_proxies": ["127.0.0.1"], "http": limits}})
    host.start()
    port, token = host.port(), make_token(host, "viewer")["token"]
    ask, other = Bearer(port, token), bearer(host, "viewer")
    statuses = [ask("GET", "/v1/version").status for _ in range(30)]
    assert statuses[:5] == [200] * 5 and 429 in statuses
    refused = next(answer for answer in (ask("GET", "/v1/version") for _ in range(1000)) if answer.status == 429)
    assert refused.code == "too_many_requests" and int(refused.headers["Retry-After"]) >= 1
    assert other("GET", "/v1/version").status == 200
    assert host.call("GET", "/v1/version").status == 200  # the admin socket
    stranger = Bearer(port, "jh_wrong", {"X-Forwarded-For": "198.51.100.7"})
    statuses = [stranger("GET", "/v1/version").status for _ in range(8)]
    assert statuses[:3] == [401] * 3 and 429 in statuses[3:] and set(statuses) == {401, 429}
    assert Bearer(port, other.token, {"X-Forwarded-For": "198.51.100.7"})("GET", "/v1/version").status == 200  # a good one passes
    six = [Bearer(port, "jh_wrong", {"X-Forwarded-For": f"2001:db8:1:2::{i}"})("GET", "/v1/version").status for i in range(8)]
    assert 429 in six and Bearer(port, "jh_wrong", {"X-Forwarded-For": "2001:db8:1:3::1"})("GET", "/v1/version").status == 401
    assert {Bearer(port, None)("GET", "/healthz").status for _ in range(30)} == {200}
    assert 429 in [Bearer(port, None, {"X-Forwarded-For": "198.51.100.9"})("GET", "/healthz").status for _ in range(30)]
