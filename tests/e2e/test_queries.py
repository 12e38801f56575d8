"""Routes with action: plugin.query: answered by a plugin's handler, beside its jobs and with none."""
import json
import threading
import time

import pytest

from lib import build
from lib.cli import Cli
from lib.procs import wait_until
from lib.raw import ask

QUERIES = ["any", "slow", "slow_alone", "hang", "crash", "big", "writes", "yields", "fails", "reads"]
ROUTES = [{"match": "GET /app/{user}/echo/{limit}", "action": "plugin.query", "job": "asks.echo"},
          {"match": "POST /app/{user}/echo", "action": "plugin.query", "job": "asks.echo"},
          {"match": "POST /small", "action": "plugin.query", "job": "asks.any", "max_body": "20B"},
          *[{"match": f"GET /{name}", "action": "plugin.query", "job": f"asks.{name}"} for name in QUERIES]]


def asks(version="v1", **settings):
    return {"asks": {"file": build.plugin(f"asks-{version}"), **settings}}


def start(host):
    host.start()
    host.tcp = host.port()  # asked for once: threads have no share in the host's own connection


@pytest.fixture
def host(make_host):
    host = make_host({"plugins": asks(), "routes": ROUTES})
    start(host)
    return host


def get(host, path, method="GET", headers=(), body=None):
    return ask(host.tcp, method, path, list(headers), body)


def post(host, path, value):
    return get(host, path, "POST", ["Content-Type: application/json"], json.dumps(value).encode())


def refused(answer):
    found = json.loads(answer.body)["error"]
    return answer.status, found["code"], found.get("field")


def plugin(host):
    found, = [p for p in host.expect(200, "GET", "/v1/plugins").json["items"] if p["name"] == "asks"]
    return found


def outcomes(host):
    page = host.expect(200, "GET", "/metrics").raw.decode()
    lines = [line for line in page.splitlines() if line.startswith('jobhost_queries_total{plugin="asks"')]
    return {line.split('outcome="')[1].split('"')[0]: int(line.split()[-1]) for line in lines}


# ---- what it is asked with, and what it answers

def test_names_parameters_and_body_are_its_payload(host):
    answer = get(host, "/app/ada%20l/echo/20?all=true&asin=B01&asin=B02&market=DE&from=2026-01-31")
    assert answer.status == 200 and answer.get("Content-Type") == "application/json"
    assert json.loads(answer.body) == {"user": "ada l", "limit": 20, "all": True, "asin": ["B01", "B02"], "market": "DE", "from": "2026-01-31"}
    assert json.loads(get(host, "/app/ada/echo/1?asin=%5B%22x%22%5D&more=%7B%22a%22:1.50%7D").body) == {
        "user": "ada", "limit": 1, "asin": ["x"], "more": {"a": 1.5}}
    assert json.loads(post(host, "/app/ada/echo?limit=3", {"all": False}).body) == {"user": "ada", "limit": 3, "all": False}
    head = get(host, "/any", "HEAD")
    assert head.status == 200 and head.body == b"" and get(host, "/any").body == b"{}"
    assert host.list() == [], "a query leaves no job"


@pytest.mark.parametrize("method, path, body, wanted", [
    ("GET", "/app/ada/echo/many", None, (400, "bad_payload", "payload.limit")),
    ("GET", "/app/ada/echo/1?limit=2", None, (400, "bad_payload", "payload.limit")),
    ("GET", "/app/ada/echo/1?limits=2", None, (400, "bad_payload", "payload.limits")),
    ("GET", "/app/ada/echo/1?market=UK", None, (400, "bad_payload", "payload.market")),
    ("GET", "/app/ada/echo/1?=2", None, (400, "bad_payload", "payload.?")),
    ("POST", "/app/ada/echo", b'{"user": "eve"}', (400, "bad_payload", "payload.user")),
    ("POST", "/app/ada/echo", b'{"all": true, "all": false}', (400, "bad_payload", "payload.all")),
    ("POST", "/app/ada/echo", b"[1]", (400, "bad_body", None)),
    ("POST", "/app/ada/echo", b"{", (400, "bad_json", None)),
])
def test_what_does_not_fit(host, method, path, body, wanted):
    headers = [] if body is None else ["Content-Type: application/json"]
    assert refused(get(host, path, method, headers, body)) == wanted


def test_failures_have_their_status(host):
    wanted = {1: (422, "query_refused"), 2: (502, "upstream_auth"), 3: (502, "upstream_unreachable"), 4: (429, "rate_limited"), 5: (502, "upstream_failed"),
              6: (504, "query_timeout"), 7: (503, "out_of_resources"), 8: (502, "query_failed"), 9: (404, "not_found"), 10: (502, "query_failed")}
    for number, (status, code) in wanted.items():
        answer = get(host, f"/fails?class={number}&words=the+inside")
        assert refused(answer)[:2] == (status, code), number
        assert (b"the inside" in answer.body) == (number in (1, 4, 9)), "other words are for the log"
        assert answer.get("Retry-After") == "7"
    assert "the inside" in host.read_log()
    assert refused(get(host, "/yields"))[:2] == (502, "query_failed")


def test_it_reads_and_changes_nothing(host):
    job = host.submit("asks.put", {"key": "k", "value": "v1"})
    host.wait_job(job, "succeeded")
    assert json.loads(get(host, "/reads?key=k").body) == {"rc": 0, "value": "v1", "build": "1.0.0"}
    assert json.loads(get(host, "/reads?key=other").body)["rc"] == 1
    answers = json.loads(get(host, "/writes").body)
    assert answers.pop("step_get") == 1
    assert set(answers.values()) == {-30}, answers
    assert [j["id"] for j in host.list()] == [job]
    host.assert_sound()


def test_bodies_have_a_bound(host):
    assert post(host, "/small", {"a": "01234567890"}).status == 200
    assert post(host, "/small", {"a": "012345678901"}).status == 413


def test_answers_have_a_bound(host):
    answer = get(host, f"/big?bytes={1 << 20}")
    assert answer.status == 200 and len(answer.body) == 1 << 20 and answer.get("Content-Type") == "text/plain"
    assert refused(get(host, f"/big?bytes={(1 << 20) + 1}"))[:2] == (502, "result_too_large")


# ---- who is in whose way

def test_jobs_and_queries_do_not_wait_for_each_other(host):
    busy = host.submit("asks.busy", {"ms": 600_000})
    host.wait_started(busy)
    assert get(host, "/any").status == 200
    slow = threading.Thread(target=get, args=(host, "/slow?ms=1500"))
    slow.start()
    assert get(host, "/any").status == 200
    slow.join()
    host.act(busy, "cancel")
    host.wait_job(busy, "cancelled")


def test_one_that_is_late_is_told_to_stop(host):
    answer = get(host, "/slow?ms=60000")
    assert refused(answer)[:2] == (504, "query_timeout")
    assert get(host, "/any").status == 200
    assert plugin(host)["crashes"] == 0 and outcomes(host) == {"timeout": 1, "ok": 1}


def test_one_that_does_not_stop_is_ended_with_its_process(host):
    job = host.submit("asks.busy", {"ms": 600_000})
    host.wait_started(job)
    answer = get(host, "/hang")
    assert refused(answer)[:2] == (504, "query_timeout")
    wait_until(lambda: "exits" in str(plugin(host)) or "query.terminate" in host.read_log(), build.PATIENCE_S, "the process is told to end")
    wait_until(lambda: get(host, "/any").status == 200, build.PATIENCE_S, "another process answers")
    assert host.job(job)["state"] == "running", "no job has noticed"
    host.act(job, "cancel")
    host.wait_job(job, "cancelled")


def test_a_crash_is_answered_charged_and_over(host):
    job = host.submit("asks.busy", {"ms": 600_000})
    host.wait_started(job)
    assert refused(get(host, "/crash"))[:2] == (502, "query_crashed")
    wait_until(lambda: get(host, "/any").status == 200, build.PATIENCE_S, "another process answers")
    found = plugin(host)
    assert found["crashes"] == 1 and found["recent_crashes"][0]["type"] == "asks.crash" and "SIGABRT" in found["last_crash"]
    assert host.job(job)["state"] == "running" and outcomes(host)["crashed"] == 1
    host.act(job, "cancel")
    host.wait_job(job, "cancelled")


def test_too_many_are_refused_at_once(host):
    answers, threads = [], []
    for _ in range(4 + 64 + 12):
        threads.append(threading.Thread(target=lambda: answers.append(get(host, "/slow?ms=60000"))))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = [refused(answer)[:2] for answer in answers]
    # four at a time run until they are late; the others have had no thread, or not even a place to wait
    assert set(found) <= {(504, "query_timeout"), (503, "query_not_begun"), (503, "queries_full"), (503, "too_many_connections")}, found
    assert found.count((504, "query_timeout")) >= 4 and (503, "query_not_begun") in found
    assert all(answer.get("Retry-After") for answer in answers if answer.status == 503)
    wait_until(lambda: get(host, "/any").status == 200, build.PATIENCE_S, "others are answered again")


def test_one_that_is_not_concurrent_is_alone(host):
    begun = time.monotonic()
    threads = [threading.Thread(target=get, args=(host, "/slow_alone?ms=300")) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert time.monotonic() - begun >= 0.9


# ---- its plugin's life

def test_new_code_answers_new_queries(make_host, folder):
    host = make_host({"plugins": asks("v1"), "routes": ROUTES})
    start(host)
    assert json.loads(get(host, "/reads?key=k").body)["build"] == "1.0.0"
    under_way = []
    thread = threading.Thread(target=lambda: under_way.append(get(host, "/slow?ms=1500")))
    thread.start()
    wait_until(lambda: plugin(host)["queries"]["running"] == 1, build.PATIENCE_S, "it runs")
    host.configure({"plugins": asks("v2"), "routes": ROUTES})
    assert host.call("POST", "/v1/reload?wait=true").status == 200
    assert json.loads(get(host, "/reads?key=k").body)["build"] == "2.0.0"
    thread.join()
    assert under_way[0].status == 200 and under_way[0].body == b'"slept"'
    wait_until(lambda: len([g for g in host.expect(200, "GET", "/v1/generations").json["items"]]) == 1, build.PATIENCE_S, "old code is gone")


def test_an_upgrade_answers_what_is_under_way(make_host):
    host = make_host({"plugins": asks(), "routes": ROUTES})
    start(host)
    answers = []
    thread = threading.Thread(target=lambda: answers.append(get(host, "/slow?ms=60000")))
    thread.start()
    wait_until(lambda: plugin(host)["queries"]["running"] == 1, build.PATIENCE_S, "it runs")
    Cli(host)("upgrade")
    thread.join()
    assert answers[0].status in (503, 504)
    assert get(host, "/any").status == 200


def test_a_stop_waits_for_those_under_way(host):
    answers = []
    thread = threading.Thread(target=lambda: answers.append(get(host, "/slow?ms=1000")))
    thread.start()
    wait_until(lambda: plugin(host)["queries"]["running"] == 1, build.PATIENCE_S, "it runs")
    host.stop()
    thread.join()
    assert answers[0].status == 200


def test_while_the_plugin_is_paused_or_down(make_host):
    host = make_host({"plugins": asks(), "routes": [*ROUTES, {"match": "GET /nobody", "action": "plugin.query", "job": "other.query"}]})
    start(host)
    assert refused(get(host, "/nobody"))[:2] == (503, "no_such_query")
    host.expect(200, "POST", "/v1/plugins/asks/pause", {"why": "a test"})
    assert refused(get(host, "/any"))[:2] == (503, "plugin_paused")
    host.expect(200, "POST", "/v1/plugins/asks/resume")
    assert get(host, "/any").status == 200


# ---- what is a query is no job

def test_a_query_is_no_job(host):
    answer = host.call("POST", "/v1/jobs", {"type": "asks.any"})
    assert answer.status == 400 and answer.json["error"]["code"] == "is_query" and "plugin.query" in answer.json["error"]["message"]
    job = host.submit("asks.begets", {})
    host.wait_job(job, "dead")
    assert host.list(type="asks.echo") == []


def test_a_job_is_no_query(make_host):
    host = make_host({"plugins": asks(), "routes": [{"match": "GET /put", "action": "plugin.query", "job": "asks.put"}]})
    start(host)
    assert refused(get(host, "/put"))[:2] == (503, "no_such_query")


def test_check_knows_the_difference(make_host):
    host = make_host({"plugins": asks(), "routes": [{"match": "GET /put", "action": "plugin.query", "job": "asks.put"},
                                                   {"match": "POST /any", "action": "submit", "job": "asks.any"}],
                      "schedules": {"s": {"cron": "0 0 1 1 *", "job": "asks.any"}}})
    said = Cli(host).error("check", status=1)
    assert said.count("asks.put is the handler of jobs, and no query") == 1
    assert said.count("asks.any is a query, and no job") == 2


def test_plugins_show_them(host):
    get(host, "/any")
    found = plugin(host)
    any_, = [h for h in found["handlers"] if h["name"] == "asks.any"]
    put, = [h for h in found["handlers"] if h["name"] == "asks.put"]
    assert any_["query"] is True and put["query"] is False
    assert found["queries"]["running"] == 0 and found["queries"]["waiting"] == 0 and found["queries"]["pid"] > 0
    assert "query" in Cli(host)("describe", "asks")
