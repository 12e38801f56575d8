"""Webhooks become jobs: what is taken, refused and taken once, over real sockets. Rows of shared/data/signature_cases.tsv stand
in brackets."""
import contextlib
import json
import signal
import sqlite3
import subprocess
import time

import pytest

from lib import node, signed
from lib.cli import Cli
from lib.host import chaos
from lib.procs import wait_until
from lib.raw import Raw, ask

BODY = b'{"id": "evt_1", "action": "opened", "repository": {"full_name": "a/b"}, "n": 12345678901234567890}'
HOOKS = {
    "git": {"path": "/hooks/git", "verify": {"github": signed.GITHUB}, "job": "chaos.echo"},
    "std": {"path": "/hooks/std", "verify": {"standard_webhooks": signed.WHSEC}, "job": "chaos.echo"},
    "pay": {"path": "/hooks/pay", "verify": {"stripe": signed.STRIPE}, "job": "chaos.echo"},
    "chat": {"path": "/hooks/chat", "verify": {"slack": signed.SLACK}, "job": "chaos.echo"},
    "cron": {"path": "/hooks/cron", "verify": [{"qstash": signed.QSTASH}, {"bearer": signed.BEARER}], "job": "chaos.echo",
             "methods": ["GET", "POST"], "public_url": "https://jobs.example.org"},
}
URL = "https://jobs.example.org/hooks/cron"


@pytest.fixture
def hooked(make_host):
    def make(hooks=None, **sections):
        host = make_host({"plugins": chaos(threads=2), "hooks": hooks or HOOKS, **sections})
        host.start()
        return host
    return make


def send(host, hook, headers, body=BODY, method="POST", path=None, **options):
    return ask(host.port(), method, path or f"/hooks/{hook}", ["Content-Type: application/json", *headers], body, **options)


def taken(answer, duplicate=False):
    assert answer.status == 202, answer
    said = json.loads(answer.body)
    assert said["duplicate"] is duplicate, said
    return said["id"]


def refused(answer, status, code):
    assert answer.status == status, answer
    assert json.loads(answer.body)["error"]["code"] == code
    return answer


def jobs(host):
    return host.get("/v1/jobs", limit=1000)["items"]


def payload_of(host, job):
    return host.get(f"/v1/jobs/{job}")["payload"]


# ---- what is taken

def test_a_signed_delivery_is_a_job_before_it_is_answered(hooked):
    host = hooked()
    job = taken(send(host, "git", signed.github(BODY, delivery="d1", event="push")))
    host.wait_job(job, "succeeded")
    found = host.get(f"/v1/jobs/{job}")
    assert (found["type"], found["payload"], found["key"]) == ("chaos.echo", json.loads(BODY), "git:d1")
    assert taken(send(host, "git", signed.github(BODY, delivery="d1", event="push")), duplicate=True) == job
    assert len(jobs(host)) == 1


def test_every_scheme_with_one_hook_each(hooked):
    host = hooked()
    for hook, headers in (("git", signed.github(BODY)), ("std", signed.standard(BODY)), ("pay", signed.stripe(BODY)),
                          ("chat", signed.slack(BODY)), ("cron", signed.qstash(BODY, URL)), ("cron", signed.bearer())):
        taken(send(host, hook, headers))
    assert len(jobs(host)) == 6
    taken(send(host, "cron", signed.bearer(ident="x"), None, "GET"))


def test_chunked_like_whole(hooked):
    """[ht-02]"""
    host = hooked()
    with Raw(host.port()) as c:
        head = "\r\n".join(["POST /hooks/git HTTP/1.1", "Host: x.example", "Transfer-Encoding: chunked", *signed.github(BODY), "", ""])
        c.send(head + f"{len(BODY):x}\r\n").send(BODY + b"\r\n0\r\n\r\n")
        taken(c.response())


def test_bodies_of_every_kind(hooked):
    """The signature decides: no JSON, no body, NUL and broken UTF-8 are the job's business."""
    host = hooked()
    for n, body in enumerate((b"", b"\x00\xff", b"{", b'{"a":1}', b"x" * 200_000, b'{"a":"' + b"y" * 300_000 + b'"}')):
        job = taken(send(host, "git", signed.github(body, delivery=f"b{n}"), body))
        assert host.get(f"/v1/jobs/{job}")["payload_size"] == len(body)


# ---- what is refused

def test_one_answer_for_every_cause_and_the_log_says_which(hooked):
    host = hooked()
    old = signed.standard(BODY, at=1_600_000_000)
    causes = {"header_missing": [], "signature": signed.standard(BODY + b" "), "timestamp_old": old,
              "header_form": [*signed.standard(BODY)[:2], "webhook-signature: v1,x"]}
    answers = {check: refused(send(host, "std", headers), 401, "unauthorized") for check, headers in causes.items()}
    assert len({a.body for a in answers.values()}) == 1
    text = host.expect(200, "GET", "/metrics").raw.decode()
    for check in causes:
        assert f'jobhost_hook_refused_total{{hook="std",check="{check}"}} 1' in text, check
    assert "hook.refused hook=std check=header_missing" in host.log_tail()
    assert jobs(host) == []


def test_a_header_twice(hooked):
    """[ht-01]"""
    host = hooked()
    headers = signed.github(BODY)
    refused(send(host, "git", [*headers, *headers]), 400, "malformed")
    assert jobs(host) == []


def test_both_lengths(hooked):
    """[ht-03]"""
    host = hooked()
    with Raw(host.port()) as c:
        c.send("\r\n".join(["POST /hooks/git HTTP/1.1", "Host: x", *signed.github(BODY), f"Content-Length: {len(BODY)}",
                            "Transfer-Encoding: chunked", "", ""]))
        assert c.response().status == 400
        c.rest()
    assert jobs(host) == []


def test_a_coded_body(hooked):
    """[ht-04]"""
    host = hooked()
    refused(send(host, "git", [*signed.github(BODY), "Content-Encoding: gzip"]), 415, "unknown_content_coding")
    taken(send(host, "git", [*signed.github(BODY), "Content-Encoding: identity"]))


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_another_method(hooked, method):
    """[ht-05]"""
    host = hooked()
    answer = send(host, "git", signed.github(BODY), None, method)
    assert (answer.status, answer.get("Allow")) == (405, "POST")
    assert send(host, "cron", signed.bearer(), None, "HEAD").status == 405


def test_continue_only_when_the_head_is_good(hooked):
    """[ht-06]"""
    hooks = {**HOOKS, "git": {**HOOKS["git"], "max_body": "1KiB"}}
    host = hooked(hooks)

    def head(size, lines):
        return "\r\n".join(["POST /hooks/git HTTP/1.1", "Host: x", "Expect: 100-continue", f"Content-Length: {size}", *lines, "", ""])

    with Raw(host.port()) as c:
        c.send(head(len(BODY), signed.github(BODY)))
        assert c.response().status == 100
        taken(c.send(BODY).response())
    for size, lines, status in ((2000, signed.github(BODY), 413), (len(BODY), [], 401), (len(BODY), signed.github(BODY) * 2, 400)):
        with Raw(host.port()) as c:
            assert c.send(head(size, lines)).response().status == status


def test_sizes_at_the_limit(hooked):
    host = hooked({"git": {**HOOKS["git"], "max_body": "100KiB"}})
    body = b"x" * (100 * 1024)
    taken(send(host, "git", signed.github(body), body))
    refused(send(host, "git", signed.github(body + b"y"), body + b"y"), 413, "large_body")


def test_who_fails_too_often_is_limited_alone(hooked):
    """[ht-07]"""
    host = hooked()
    with Raw(host.port(), source="127.0.0.2") as c:
        statuses = []
        for _ in range(10_000):
            try:
                statuses.append(c.ask("POST", "/hooks/git", signed.github(b"other"), b"{}").status)
            except EOFError:  # a connection has so many requests
                c.close()
                c.__init__(host.port(), source="127.0.0.2")
    assert statuses[:999] == [401] * 999 and statuses[-1] == 429 and set(statuses[1010:]) == {429}
    answer = refused(send(host, "git", signed.github(BODY), source="127.0.0.2"), 429, "too_many_failures")
    assert 1 <= int(answer.get("Retry-After")) <= 60
    taken(send(host, "git", signed.github(BODY), source="127.0.0.3"))
    taken(send(host, "std", signed.standard(BODY), source="127.0.0.2"))


def test_single_bits(hooked):
    """No bit of body, signature or signed header can change."""
    host = hooked({name: {**hook, "failures": 0} for name, hook in HOOKS.items()})
    body = b'{"a":1}'
    cases = (("git", signed.github(body), [0]), ("std", signed.standard(body), [0, 1, 2]), ("pay", signed.stripe(body), [0]),
             ("chat", signed.slack(body), [0, 1]), ("cron", signed.qstash(body, URL), [0]))
    with Raw(host.port()) as c:
        def status(hook, headers, sent):
            nonlocal c
            try:
                return c.ask("POST", f"/hooks/{hook}", headers, sent).status
            except (EOFError, OSError):
                c.close()
                c = Raw(host.port())
                return c.ask("POST", f"/hooks/{hook}", headers, sent).status

        for hook, headers, which in cases:
            for bit in range(len(body) * 8):
                other = bytearray(body)
                other[bit // 8] ^= 1 << bit % 8
                assert status(hook, headers, bytes(other)) == 401
            for n in which:
                start = headers[n].index(": ") + 2
                for at in range(start, len(headers[n]), 7):
                    changed = chr(ord(headers[n][at]) ^ 1)
                    lines = list(headers)
                    lines[n] = headers[n][:at] + changed + headers[n][at + 1:]
                    assert status(hook, lines, body) in (400, 401), lines[n]
    assert jobs(host) == []


def test_hidden_hooks_look_like_nothing(hooked):
    host = hooked({"git": {**HOOKS["git"], "hide_routes": True, "failures": 3, "max_body": "1KiB"}})
    nothing = send(host, "nothing", [])
    assert nothing.status == 404
    big = b"x" * 5000
    for answer in (send(host, "git", []), send(host, "git", signed.github(b"x")), send(host, "git", signed.github(BODY), None, "PUT"),
                   send(host, "git", [*signed.github(BODY), "Content-Encoding: gzip"]), send(host, "git", signed.github(big), big),
                   send(host, "git", signed.github(BODY) * 2), send(host, "git", signed.github(BODY))):
        assert (answer.status, answer.body) == (404, nothing.body)
        assert {n for n, _ in answer.headers} | {"Connection"} == {n for n, _ in nothing.headers}


@pytest.mark.parametrize("status, header, section", [
    (401, "X: y", {"auth": "tokens", "admin_token": "an-admin-token-of-tests"}), (403, "Origin: https://elsewhere.example", {})])
def test_hidden_hooks_ask_for_what_every_path_asks_for(hooked, status, header, section):
    """Where the API wants a token, a path that is not there does, too; else it is a page of another site that is refused."""
    host = hooked({"git": {**HOOKS["git"], "hide_routes": True}}, host=section)
    nothing = send(host, "nothing", [header])
    assert nothing.status == status
    for headers in ([header], [header, *signed.github(b"x")]):
        hidden = send(host, "git", headers)
        assert (hidden.status, hidden.body) == (status, nothing.body)
    taken(send(host, "git", [*signed.github(BODY), header]))


def test_tokens_and_hosts_are_not_asked_for(hooked):
    """The signature is the proof: hooks are open where the API wants a token, and whatever name they are called by."""
    host = hooked(host={"auth": "tokens", "admin_token": "an-admin-token-of-tests"})
    assert ask(host.port(), "GET", "/v1/jobs").status == 401
    taken(send(host, "git", [*signed.github(BODY), "Origin: https://elsewhere.example"]))


# ---- once

def test_a_replay_is_a_duplicate_whatever_became_of_the_job(hooked):
    host = hooked()
    headers = signed.standard(BODY)
    job = taken(send(host, "std", headers))
    host.wait_job(job, "succeeded")
    assert taken(send(host, "std", headers), duplicate=True) == job
    # the sender's own retry: another time, another signature
    assert taken(send(host, "std", signed.standard(BODY, at=int(headers[1].split()[1]) - 1)), duplicate=True) == job
    host.expect(200, "DELETE", f"/v1/jobs/{job}")
    assert taken(send(host, "std", headers), duplicate=True) == job
    taken(send(host, "std", signed.standard(BODY, "msg_2")))


def test_one_id_with_another_body_is_told(hooked):
    host = hooked()
    job = taken(send(host, "std", signed.standard(BODY)))
    assert taken(send(host, "std", signed.standard(b"{}"), b"{}"), duplicate=True) == job
    assert 'jobhost_hook_id_collisions_total{hook="std"} 1' in host.expect(200, "GET", "/metrics").raw.decode()


def test_ids_of_two_hooks_do_not_meet(hooked):
    host = hooked({"a": {**HOOKS["std"], "path": "/hooks/a"}, "b": {**HOOKS["std"], "path": "/hooks/b"}})
    taken(send(host, "a", signed.standard(BODY)))
    taken(send(host, "b", signed.standard(BODY)))


def test_ids_in_signed_bodies(hooked):
    host = hooked()
    job = taken(send(host, "pay", signed.stripe(BODY)))
    assert taken(send(host, "pay", signed.stripe(BODY, at=1 + int(signed.stripe(BODY)[0].split("t=")[1].split(",")[0]))), duplicate=True) == job
    event = b'{"event_id": "Ev1"}'
    job = taken(send(host, "chat", signed.slack(event), event))
    assert taken(send(host, "chat", [*signed.slack(event), "X-Slack-Retry-Num: 1"], event), duplicate=True) == job


def test_equal_bodies_by_choice(hooked):
    host = hooked({"git": {**HOOKS["git"], "replay": "body"}, "plain": {**HOOKS["git"], "path": "/hooks/plain"}})
    job = taken(send(host, "git", signed.github(BODY, delivery="d1")))
    assert taken(send(host, "git", signed.github(BODY, delivery="d2")), duplicate=True) == job
    taken(send(host, "plain", signed.github(BODY)))
    taken(send(host, "plain", signed.github(BODY)))


def test_equal_forms_in_other_spellings(hooked):
    """Twilio signs what a form says and not how: a replay with its fields in another order is one."""
    url = "https://jobs.example.org/hooks/sms"
    host = hooked({"sms": {"path": "/hooks/sms", "replay": "body", "job": "chaos.echo",
                           "verify": {"twilio": {"secret": "key", "public_url": url, "allow_sha1": True}}}})
    sent = [f"X-Twilio-Signature: {signed.twilio(url + 'a1b2', 'key')}", "Content-Type: application/x-www-form-urlencoded"]
    job = taken(ask(host.port(), "POST", "/hooks/sms", sent, b"a=1&b=2"))
    for form in (b"a=1&b=2", b"b=2&a=1", b"a=%31&b=2&"):
        assert taken(ask(host.port(), "POST", "/hooks/sms", sent, form), duplicate=True) == job


def test_what_fails_is_not_remembered(hooked):
    host = hooked({"std": {**HOOKS["std"], "payload": {"x": "{body.id}"}}})
    headers = signed.standard(b"no JSON")
    refused(send(host, "std", headers, b"no JSON"), 422, "bad_delivery")
    taken(send(host, "std", signed.standard(BODY)))


def test_a_crash_between_the_commit_and_the_answer(hooked):
    """[ht-08]"""
    host = hooked()
    host.stop()
    host.start(env={"JOBHOST_FAULT": "submit_before_answer=kill"})
    headers = signed.standard(BODY)
    with pytest.raises((EOFError, ConnectionError)):
        send(host, "std", headers)
    assert host.reap() == -signal.SIGKILL
    host.start()
    job = taken(send(host, "std", headers), duplicate=True)
    host.wait_job(job, "succeeded")
    assert len(jobs(host)) == 1


# ---- keys

def test_keys_are_exchanged_between_a_head_and_its_body(hooked):
    """[qs-26]"""
    hook = {**HOOKS["cron"], "verify": {"qstash": signed.QSTASH}}
    host = hooked({"cron": hook})
    headers = signed.qstash(BODY, URL)
    with Raw(host.port()) as c:
        head = ["POST /hooks/cron HTTP/1.1", "Host: x", f"Content-Length: {len(BODY)}", *headers, "", ""]
        c.send("\r\n".join(head)).send(BODY[:10])
        wait_until(lambda: "jobhost_http_open_connections" in host.expect(200, "GET", "/metrics").raw.decode(), 10, "it is served")
        host.configure({"plugins": chaos(threads=2), "hooks": {"cron": {**hook, "verify": {"qstash": {"current": "other_key_0123456789"}}}}})
        host.send(signal.SIGHUP)
        wait_until(lambda: send(host, "cron", signed.qstash(BODY, URL, "other_key_0123456789", "j2")).status == 202, 30, "the new key is in force")
        refused(send(host, "cron", signed.qstash(BODY, URL, ident="j3")), 401, "unauthorized")
        taken(c.send(BODY[10:]).response())


# ---- what becomes of it

def test_a_job_made_of_a_delivery(hooked):
    hook = {"path": "/hooks/{shop}/in", "verify": {"github": signed.GITHUB}, "job": "chaos.echo", "queue": "deliveries",
            "payload": {"all": "{body}", "repo": "{body.repository.full_name}", "big": "{body.n}", "by": "{header.X-GitHub-Event} of {path.shop}",
                        "q": "{query.a}", "none": "{body.none}", "id": "{id}", "hook": "{hook}", "once": "{{id}"},
            "key": "{body.action}-{body.id}", "user": "{path.shop}", "priority": "{body.prio?low}", "delay": "1h", "labels": ["x", "y"],
            "response": {"status": 200, "body": {"job": "{job.id}", "again": "{job.duplicate}"}}}
    host = hooked({"in": hook})
    headers = signed.github(BODY, delivery="d1", event="push {id}")
    answer = ask(host.port(), "POST", "/hooks/acme/in?a=1%202", headers, BODY)
    assert answer.status == 200, answer
    said = json.loads(answer.body)
    assert said["again"] is False
    raw = host.expect(200, "GET", f"/v1/jobs/{said['job']}")
    job = raw.json
    assert job["payload"] == {"all": json.loads(BODY), "repo": "a/b", "big": 12345678901234567890, "by": "push {id} of acme", "q": "1 2",
                              "none": None, "id": "d1", "hook": "in", "once": "{id}"}
    assert b"12345678901234567890" in raw.raw
    assert (job["queue"], job["key"], job["user"], job["priority"], job["labels"]) == \
        ("deliveries", "in:opened-evt_1", "acme", "low", ["x", "y"])
    assert job["state"] == "scheduled"
    again = json.loads(ask(host.port(), "POST", "/hooks/acme/in", headers, BODY).body)
    assert again == {"job": said["job"], "again": True}


@pytest.mark.parametrize("hook, body, field", [
    ({"payload": {"x": "{body.id}"}}, b"nothing", "body"), ({"payload": {"x": "{body.a}"}}, b'{"a":1,"a":2}', "payload"),
    ({"user": "{body.none}"}, BODY, "user"), ({"priority": "{body.id}"}, BODY, "priority"), ({"flow": "{body.id}"}, BODY, "flow"),
    ({"payload": {"x": ["{body}"]}}, b"[" * 64 + b"]" * 64, "payload")])
def test_deliveries_that_make_no_job(hooked, hook, body, field):
    host = hooked({"git": {**HOOKS["git"], **hook}})
    answer = send(host, "git", signed.github(body), body)
    assert answer.status == 422, answer
    assert json.loads(answer.body)["error"]["field"] == field
    assert jobs(host) == []


def test_a_rule_that_cannot_be_judged_skips_nothing(hooked):
    """What is passed over is told with 200, and its sender forgets it."""
    host = hooked({"git": {**HOOKS["git"], "skip": [{"when": "{body.a}", "is_not": "x"}]}})
    for body in (b'{"a":"x","a":"x"}', b'{"a":"\\u0000"}', b"nothing"):
        answer = send(host, "git", signed.github(body), body)
        assert answer.status == 422, answer
        assert json.loads(answer.body)["error"]["code"] == "bad_delivery"


def test_what_comes_of_a_body_is_no_larger_than_a_payload(hooked):
    hook = {"payload": {str(n): "{body}" for n in range(100)}}
    host = hooked({"git": {**HOOKS["git"], **hook}})
    body = b'"' + b"x" * 500_000 + b'"'
    answer = send(host, "git", signed.github(body), body)
    assert answer.status == 422, answer
    assert "larger than" in json.loads(answer.body)["error"]["message"]
    assert jobs(host) == []


def test_forms(hooked):
    host = hooked({"git": HOOKS["git"], "sms": {"path": "/hooks/sms", "verify": {"bearer": signed.BEARER}, "job": "chaos.echo"},
                   "map": {"path": "/hooks/map", "verify": {"bearer": signed.BEARER}, "job": "chaos.echo", "payload": {"t": "{form.Body}"}}})
    kind = "Content-Type: application/x-www-form-urlencoded; charset=utf-8"
    form = b"payload=%7B%22zen%22%3A+%22a%22%7D"
    job = taken(ask(host.port(), "POST", "/hooks/git", [kind, *signed.github(form)], form))
    assert payload_of(host, job) == {"zen": "a"}
    form = b"Body=Hi+there%21&From=%2B49&Body=again&%zz=1&empty"
    job = taken(ask(host.port(), "POST", "/hooks/sms", [kind, *signed.bearer()], form))
    assert payload_of(host, job) == {"Body": "Hi there!", "From": "+49", "%zz": "1", "empty": ""}
    job = taken(ask(host.port(), "POST", "/hooks/map", [kind, *signed.bearer()], form))
    assert payload_of(host, job) == {"t": "Hi there!"}


def test_deliveries_that_are_no_jobs(hooked):
    rules = [{"when": "{header.X-GitHub-Event}", "is_not": ["push", "ping"]}, {"when": "{body.action}", "is": "test"}]
    host = hooked({**HOOKS, "git": {**HOOKS["git"], "skip": rules}})
    for headers, body in ((signed.github(BODY, event="ping"), BODY), (signed.github(BODY, event="star"), BODY), (signed.github(BODY), BODY),
                          (signed.github(b'{"action":"test"}', event="push"), b'{"action":"test"}')):
        answer = send(host, "git", headers, body)
        assert (answer.status, json.loads(answer.body)) == (200, {"skipped": True})
    challenge = b'{"token": "x", "type": "url_verification", "challenge": "3eZbrw1a\\u00e9"}'
    answer = send(host, "chat", signed.slack(challenge), challenge)
    assert (answer.status, answer.body.decode(), answer.get("Content-Type")) == (200, "3eZbrw1aé", "text/plain; charset=utf-8")
    refused(send(host, "chat", signed.slack(challenge, "other"), challenge), 401, "unauthorized")
    assert jobs(host) == []
    taken(send(host, "git", signed.github(BODY, event="push")))


def test_answers_by_choice(hooked):
    def hook(path, **response):
        return {**HOOKS["git"], "path": path, "response": response}

    host = hooked({"a": hook("/hooks/a", status=204), "b": hook("/hooks/b", status=200, body="ok {job.id}"), "c": hook("/hooks/c", body=[])})
    assert (send(host, "a", signed.github(BODY)).status, send(host, "a", signed.github(BODY)).body) == (204, b"")
    answer = send(host, "b", signed.github(BODY))
    assert answer.get("Content-Type").startswith("text/plain") and answer.body.decode() == f"ok {jobs(host)[0]['id']}"
    assert send(host, "c", signed.github(BODY)).body == b"[]"


def test_a_job_that_joins_a_flow(hooked):
    host = hooked({"git": {**HOOKS["git"], "flow": "{body.flow}"}})
    body = b'{"flow": "0198c1a2-0000-7000-8000-000000000001"}'
    refused(send(host, "git", signed.github(body), body), 404, "flow_not_found")


# ---- when the host cannot take it

def test_full_queues_and_unknown_types_are_tried_again(hooked):
    host = hooked({"git": {**HOOKS["git"], "queue": "small", "delay": "1h"}, "gone": {**HOOKS["git"], "path": "/hooks/gone", "job": "nobody.has"}},
                  queues={"small": {"max_jobs": 1}})
    taken(send(host, "git", signed.github(BODY)))
    answer = refused(send(host, "git", signed.github(BODY)), 503, "queue_full")
    assert answer.get("Retry-After")
    refused(send(host, "gone", signed.github(BODY)), 503, "unknown_type")


def test_a_store_that_takes_nothing(hooked):
    host = hooked()
    host.stop()
    host.start(env={"JOBHOST_FAULT": "store_before_commit:4=error"})
    headers = signed.standard(BODY)
    answer = None
    for _ in range(20):
        answer = send(host, "std", headers)
        if answer.status == 503:
            break
    assert answer.status == 503 and answer.get("Retry-After"), answer


# ---- switched off

def test_hooks_that_are_off_are_not_there(hooked):
    host = hooked({"git": {**HOOKS["git"], "enabled": False}})
    assert send(host, "git", signed.github(BODY)).status == 404


def test_wildcards_take_nothing_from_the_host(hooked):
    host = hooked({"any": {**HOOKS["git"], "path": "/{x}/jobs"}})
    host.submit("chaos.echo", {})
    taken(ask(host.port(), "POST", "/other/jobs", signed.github(BODY), BODY))


# ---- the inbox

def inbox(host, hook=None, **query):
    return host.get(f"/v1/hooks/{hook}/inbox" if hook else "/v1/hooks/inbox", **query)["items"]


def test_the_inbox_shows_what_came_and_why_it_was_refused(hooked):
    host = hooked()
    job = taken(send(host, "git", [*signed.github(BODY, delivery="d1"), "Cookie: a=b", "X-Other: y"], path="/hooks/git?token=abc&x=1"))
    taken(send(host, "git", signed.github(BODY, delivery="d1")), duplicate=True)
    send(host, "std", signed.standard(BODY, at=1_600_000_000))
    refusal, again, first = inbox(host)
    assert (refusal["hook"], refusal["verdict"], refusal["refused"], refusal["status"], refusal["check"], refusal["scheme"]) == \
        ("std", "refused", True, 401, "timestamp_old", "standard_webhooks")
    assert "300 s are allowed" in refusal["detail"] and "key" not in refusal
    assert (again["verdict"], again["job"], again["status"]) == ("duplicate", job, 202)
    assert (first["verdict"], first["job"], first["scheme"], first["key"], first["delivery"]) == ("accepted", job, "github", 0, "d1")
    assert first["target"] == "/hooks/git?token=***&x=1" and first["body_size"] == len(BODY)
    assert [d["id"] for d in inbox(host, "git")] == [again["id"], first["id"]]
    assert [d["id"] for d in inbox(host, refused="true")] == [refusal["id"]]
    page = host.get("/v1/hooks/inbox", limit=2)
    assert [d["id"] for d in host.get("/v1/hooks/inbox", cursor=page["next_cursor"])["items"]] == [first["id"]]
    whole = host.get(f"/v1/hooks/inbox/{first['id']}")
    headers = dict(map(tuple, whole["headers"]))
    assert (headers["X-Hub-Signature-256"], headers["Cookie"], headers["X-Other"]) == ("***", "***", "y")
    assert (whole["body"], whole["body_whole"]) == (BODY.decode(), True)


def test_the_inbox_stays_and_keeps_so_many_of_each_kind(hooked):
    host = hooked({"git": {**HOOKS["git"], "inbox": {"keep": 3, "bodies": "4B"}}})
    for n in range(5):
        taken(send(host, "git", signed.github(BODY, delivery=f"d{n}")))
    for _ in range(20):
        send(host, "git", [])
    host.restart()
    assert [d["delivery"] for d in inbox(host, refused="false")] == ["d4", "d3", "d2"]
    assert len(inbox(host, refused="true")) == 3
    send(host, "git", signed.github(b"x"), b"\x00\xff")
    assert host.get(f"/v1/hooks/inbox/{inbox(host)[0]['id']}")["body_base64"] == "AP8="
    cut = inbox(host, refused="false")[0]["id"]
    assert host.get(f"/v1/hooks/inbox/{cut}")["body_whole"] is False
    assert host.call("POST", f"/v1/hooks/inbox/{cut}/replay", {}).error["code"] == "body_not_kept"


def test_refused_ones_fill_no_memory_while_the_disk_is_slow(hooked):
    host = hooked({"git": {**HOOKS["git"], "max_body": "2MiB", "inbox": {"keep": 1000, "bodies": "1MiB"}}})
    taken(send(host, "git", signed.github(BODY)))
    assert len(inbox(host)) == 1
    with contextlib.closing(sqlite3.connect(f"{host.state_dir}/inbox.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        for _ in range(24):
            refused(send(host, "git", signed.github(b"x"), b"y" * (1 << 20)), 401, "unauthorized")
        taken(send(host, "git", signed.github(BODY)))
        other.execute("COMMIT")
    found = wait_until(lambda: inbox(host) if len([e for e in inbox(host) if not e["refused"]]) == 2 else None, 30, "the inbox")
    assert len([e for e in found if e["refused"]]) < 12


def test_a_delivery_once_more(hooked):
    hook = {**HOOKS["git"], "path": "/hooks/{shop}", "payload": {"n": "{body.n}", "by": "{header.X-GitHub-Event}", "shop": "{path.shop}", "q": "{query.q}",
                                                               "id": "{id}"}}
    host = hooked({"git": hook})
    first = json.loads(ask(host.port(), "POST", "/hooks/acme?q=7", signed.github(BODY, delivery="d1", event="push"), BODY).body)["id"]
    refused(ask(host.port(), "POST", "/hooks/acme", ["X-GitHub-Event: star", *signed.github(b"x")], BODY), 401, "unauthorized")
    bad, good = inbox(host)
    second = host.expect(202, "POST", f"/v1/hooks/inbox/{good['id']}/replay", {"why": "lost"}).json
    assert second["duplicate"] is False and second["id"] != first
    assert payload_of(host, second["id"]) == payload_of(host, first) == \
        {"n": 12345678901234567890, "by": "push", "shop": "acme", "q": "7", "id": "d1"}
    third = host.expect(202, "POST", f"/v1/hooks/inbox/{bad['id']}/replay", {}).json["id"]
    assert payload_of(host, third)["by"] == "star"
    rows = [row for row in host.get("/v1/audit")["items"] if row["action"] == "hook.replay"]
    assert [(row["target"], row["detail"]) for row in rows][-1] == ("git", "lost") and len(rows) == 2


def test_the_commands(hooked):
    host = hooked()
    job = taken(send(host, "git", signed.github(BODY)))
    send(host, "git", [])
    run = Cli(host)
    assert "/hooks/git" in run("hooks") and "github" in run("hooks")
    listed = run("hooks", "inbox", "git")
    assert job in listed and "header_missing" in listed
    assert job not in run("hooks", "inbox", "--refused")
    ident = next(d["id"] for d in inbox(host) if d["verdict"] == "accepted")
    shown = run("hooks", "show", ident)
    assert "X-Hub-Signature-256: ***" in shown and BODY.decode() in shown
    assert host.wait_job(run("hooks", "replay", ident, "--why", "again").strip(), "succeeded")


# ---- senders

def test_what_the_packages_of_real_senders_sign(hooked):
    """From npm: each delivery is taken once, and not at all after a change of one bit."""
    node.need("@octokit/webhooks-methods", "jose", "standardwebhooks", "stripe", "svix", "twilio")
    made = subprocess.run(["node", node.path("sign_webhooks.mjs"), str(int(time.time()))], capture_output=True, text=True, check=True)
    deliveries = json.loads(made.stdout)
    schemes = {name: {name: keys} for d in deliveries for name, keys in d["verify"].items()}
    host = hooked({"h": {"path": "/hooks/h", "verify": list(schemes.values()), "job": "chaos.echo", "public_url": "https://jobs.example.com"}})
    seen = set()
    for d in deliveries:
        body, headers = d["body"].encode(), [f"{name}: {value}" for name, value in d["headers"].items()]
        for bit in range(0, len(body) * 8, 13):
            if "form" in d["package"] and bit % 8 == 5:
                continue  # %3D and %3d are one text, and that is what is signed
            other = bytearray(body)
            other[bit // 8] ^= 1 << bit % 8
            answer = ask(host.port(), "POST", d["target"], headers, bytes(other))
            assert answer.status in (400, 401), (d["package"], bit, answer)
        job = taken(ask(host.port(), "POST", d["target"], headers, body), duplicate="next key" in d["package"])
        seen.add(job)
        if "twilio" not in d["package"]:  # nothing tells its repetitions
            assert taken(ask(host.port(), "POST", d["target"], headers, body), duplicate=True) == job, d["package"]
    assert len(jobs(host)) == len(seen) == len(deliveries) - 1  # both tokens have one id
