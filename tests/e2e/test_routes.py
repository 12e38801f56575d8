"""Routes of the configuration over TCP, with the chaos plugin in the place of the one that a view is named after."""
import datetime
import json
import shutil
import subprocess
import threading

import pytest

from lib import build, form
from lib.clock import Clock
from lib.host import chaos
from lib.procs import wait_until
from lib.raw import ask
from lib.workload import pattern

ID = "0198c1a2-0000-7000-8000-000000000001"


def seed_routes(prefix, job):
    return [{"match": f"POST {prefix}/start-analysis", "action": "submit", "job": job, "view": "amazon", "max_body": "64MiB"},
            {"match": f"GET {prefix}/job-status/{{id}}", "action": "status", "view": "amazon"},
            {"match": f"GET {prefix}/job-results/{{id}}", "action": "result", "view": "amazon"}]


TOKEN = "the-right-token-of-tests"
ROUTES = [*seed_routes("", "chaos.reads_input"), *seed_routes("/api/v1", "chaos.fields"),
          {"match": "POST /app/{user}/echo", "action": "submit", "job": "chaos.echo", "queue": "apps"},
          {"match": "GET /app/{user}/jobs/{id}", "action": "status"},
          {"match": "GET /app/{user}/jobs/{id}/result", "action": "result", "view": "v1"},
          {"match": "GET /app/{user}/jobs/{id}/events", "action": "events"},
          {"match": "DELETE /app/{user}/jobs/{id}", "action": "cancel"}]


@pytest.fixture
def routed(make_host):
    host = make_host({"plugins": chaos(threads=4), "routes": ROUTES})
    host.start()
    return host


def start(host, parts, prefix=""):
    kind, body = form.encode(parts)
    return ask(host.port(), "POST", f"{prefix}/start-analysis", [f"Content-Type: {kind}"], body)


def status(host, job, prefix=""):
    answer = ask(host.port(), "GET", f"{prefix}/job-status/{job}")
    assert answer.status == 200, answer
    return json.loads(answer.body)


def detail(answer):
    assert answer.get("Content-Type") == "application/json"
    found = json.loads(answer.body)
    assert list(found) == ["detail"], found
    return answer.status, found["detail"]


def zoned(text):
    at = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    assert at.utcoffset() == datetime.timedelta(0), text
    return at


# ---- the view amazon

FILES = [("business_report", form.File(b"\xef\xbb\xbfa,b\n", "October.csv", "text/csv")), ("orders", form.File(pattern(300_000), "orders.txt")),
         ("business_report", form.File(b"c,d\n", "November.csv"))]


def test_an_analysis_from_start_to_result(routed):
    answer = start(routed, [("marketplace", "DE"), *FILES])
    assert answer.status == 200, answer
    begun = json.loads(answer.body)
    assert sorted(begun) == ["job_id", "message", "status"] and begun["status"] == "processing"
    job = begun["job_id"]
    routed.wait_job(job, "succeeded")
    done = status(routed, job)
    assert sorted(done) == ["completed_at", "created_at", "error", "job_id", "message", "progress", "status", "updated_at"]
    assert (done["job_id"], done["status"], done["progress"], done["error"]) == (job, "complete", 100, None)
    assert zoned(done["created_at"]) <= zoned(done["completed_at"]) <= zoned(done["updated_at"])
    answer = ask(routed.port(), "GET", f"/job-results/{job}")
    assert answer.status == 200 and answer.body == routed.result(job)
    assert [(f["name"], f["read"]) for f in json.loads(answer.body)] == [(n, len(f.content)) for n, f in FILES]
    listed = routed.job(job)["files"]
    assert [f.get("filename") for f in listed] == ["October.csv", "orders.txt", "November.csv"]
    routed.assert_sound()


def test_what_the_job_is_given(routed):
    periods = '[{"from": "2026-10-01", "factor": 1.50}]'
    answer = start(routed, [("currency", "EUR"), ("periods", periods), FILES[0], ("marketplace", "")], "/api/v1")
    job = json.loads(answer.body)["job_id"]
    routed.wait_job(job, "succeeded")
    shown = routed.expect(200, "GET", f"/v1/jobs/{job}")
    assert b'"payload":{"periods":' + periods.encode() + b',"currency":"EUR"}' in shown.raw
    assert status(routed, job, "/api/v1")["status"] == "complete"


@pytest.mark.parametrize("parts, code, words", [
    ([], 400, "at least one file"),
    ([("marketplace", "US")], 400, "at least one file"),
    ([("business_report", form.File(b"", "")), ("orders", form.File(b"", ""))], 400, "at least one file"),
    ([FILES[0], ("periods", "October")], 422, "periods must be JSON"),
    ([FILES[0], ("periods", "[1]\0")], 422, "periods must be JSON"),
    ([FILES[0], ("marketplace", "US\0")], 422, "marketplace must be text"),
    ([FILES[0], ("market_place", "US")], 422, 'did you mean "marketplace"'),
    ([("orders", "not a file")], 422, "orders must be a file"),
])
def test_what_is_refused(routed, parts, code, words):
    got, said = detail(start(routed, parts))
    assert got == code and words in said
    assert routed.list() == []


def test_a_front_end_of_the_original(routed):
    """It sends what the original took beside what is taken here, and parameters against caches."""
    job = json.loads(start(routed, [("asin_or_url", "B0FEN40001"), ("revenue_csv", form.File(pattern(100_000), "r.csv")), *FILES]).body)["job_id"]
    routed.wait_job(job, "succeeded")
    assert [f["name"] for f in routed.job(job)["files"]] == [name for name, _ in FILES]
    for path in ("job-status", "job-results"):
        assert ask(routed.port(), "GET", f"/{path}/{job}?_=1732263600000").status == 200
    routed.assert_sound()


def test_while_it_runs_and_when_it_fails(routed):
    port = routed.port()
    running = routed.submit("chaos.sleep", {"ms": 600_000})
    routed.wait_started(running)
    now = status(routed, running)
    assert now["status"] == "processing" and 0 <= now["progress"] <= 100 and now["completed_at"] is None and now["error"] is None
    assert detail(ask(port, "GET", f"/job-results/{running}"))[0] == 202
    routed.act(running, "cancel")
    routed.wait_job(running, "cancelled")
    assert status(routed, running)["error"] == "the job was cancelled"
    broken = routed.submit("chaos.fail", {"times": 1, "class": "input", "message": "row 3: no ASIN"})
    routed.wait_job(broken, "dead")
    failed = status(routed, broken)
    assert failed["status"] == "failed" and failed["error"] and failed["completed_at"]
    assert detail(ask(port, "GET", f"/job-results/{broken}")) == (500, f"Job failed: {failed['error']}")
    for path in ("job-status", "job-results"):
        assert detail(ask(port, "GET", f"/{path}/{ID[:-1]}x")) == (404, "Job not found")
    assert detail(ask(port, "POST", "/start-analysis", ["Content-Type: application/json"], b"{}"))[0] == 415
    head = ask(port, "HEAD", f"/job-status/{broken}")
    assert head.status == 200 and head.body == b""


def test_expired_is_not_unknown(make_host, folder):
    clock = Clock.create(f"{folder}/clock")
    host = make_host({"plugins": chaos(), "routes": ROUTES, "queues": {"chaos": {"ttl": "1h"}}}, env={"JOBHOST_TEST_CLOCK": clock.path})
    host.start()
    job = json.loads(start(host, FILES).body)["job_id"]
    host.wait_job(job, "succeeded")
    assert ask(host.port(), "GET", f"/job-results/{job}").status == 200
    clock.advance(2 * 3600_000)
    wait_until(lambda: host.call("GET", f"/v1/jobs/{job}").status == 404, build.PATIENCE_S, "the job is swept")
    for path in ("job-status", "job-results"):
        assert detail(ask(host.port(), "GET", f"/{path}/{job}")) == (404, "Job not found: its result has expired")


def test_it_survives_what_killed_the_original(routed):
    """A restart in the middle: the job goes on and is not "processing" for ever."""
    job = json.loads(start(routed, FILES).body)["job_id"]
    routed.kill()
    routed.start()
    routed.wait_job(job, "succeeded")
    assert status(routed, job)["status"] == "complete"
    routed.assert_sound()


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node.js")
def test_a_front_end(routed):
    """As a page's script does it."""
    script = """
        const base = process.argv[1];
        const form = new FormData();
        form.append('orders', new Blob(['a\\tb\\n'.repeat(5000)]), 'orders.txt');
        form.append('periods', JSON.stringify([{from: '2026-10-01'}]));
        const {job_id} = await (await fetch(base + '/start-analysis', {method: 'POST', body: form})).json();
        for (;;) {
            const s = await (await fetch(base + '/job-status/' + job_id)).json();
            if (s.status === 'failed') throw new Error(s.error);
            if (s.status === 'complete') break;
        }
        console.log(JSON.stringify(await (await fetch(base + '/job-results/' + job_id)).json()));
    """
    done = subprocess.run(["node", "--input-type=module", "-e", script, f"http://127.0.0.1:{routed.port()}"], capture_output=True, check=True,
                          timeout=build.PATIENCE_S)
    file, = json.loads(done.stdout)
    assert (file["name"], file["read"]) == ("orders", 20_000)


def events(answer):
    """[(id, name, data)] of a stream that has ended."""
    found = []
    for block in answer.body.decode().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line and not line.startswith("retry"))
        if "data" in fields:
            found.append((fields["id"], fields["event"], json.loads(fields["data"])))
    return found


def test_events_have_the_fields_of_the_view(make_host):
    host = make_host({"plugins": chaos(threads=4), "routes": [{"match": "GET /job-events/{id}", "action": "events", "view": "amazon"}]})
    host.start()
    port, answers = host.port(), []
    job = host.submit("chaos.sleep", {"ms": 600_000})
    host.wait_started(job)
    watcher = threading.Thread(target=lambda: answers.append(ask(port, "GET", f"/job-events/{job}")))
    watcher.start()
    wait_until(lambda: "jobhost_event_watchers 1" in host.expect(200, "GET", "/metrics").raw.decode(), build.PATIENCE_S, "somebody watches")
    host.act(job, "cancel")
    watcher.join()
    told = events(answers[0])
    assert {name for _, name, _ in told} == {"status"} and len(told) >= 2
    for _, _, data in told:
        assert sorted(data) == ["completed_at", "created_at", "error", "job_id", "message", "progress", "status", "updated_at"]
    assert [d["status"] for _, _, d in told] == ["processing"] * (len(told) - 1) + ["failed"]
    assert told[-1][2]["error"] == "the job was cancelled"
    assert ask(host.port(), "GET", f"/job-events/{job}", [f"Last-Event-ID: {told[-1][0]}"]).status == 204
    again = events(ask(host.port(), "GET", f"/job-events/{job}", [f"Last-Event-ID: {told[0][0]}"]))
    assert [d["status"] for _, _, d in again] == ["failed"]
    assert detail(ask(host.port(), "GET", f"/job-events/{ID}"))[0] == 404


# ---- the API's own forms

def test_own_forms(routed):
    port = routed.port()
    answer = ask(port, "POST", "/app/ada/echo", ["Content-Type: application/json"], b'{"payload": {"a": 1}, "labels": ["x"]}')
    job = json.loads(answer.body)["id"]
    assert answer.status == 202 and routed.wait_job(job)["queue"] == "apps"
    assert json.loads(ask(port, "GET", f"/app/ada/jobs/{job}").body)["state"] == "succeeded"
    assert ask(port, "GET", f"/app/ada/jobs/{job}/result").body == b'{"a": 1}'
    assert b"event: state" in ask(port, "GET", f"/app/ada/jobs/{job}/events").body
    waiting = routed.submit("chaos.echo", {}, delay="1h")
    assert ask(port, "DELETE", f"/app/ada/jobs/{waiting}").status == 200
    assert routed.job(waiting)["state"] == "cancelled"
    assert detail(ask(port, "DELETE", "/start-analysis")) == (405, "this path knows POST")
    other = ask(port, "POST", "/app/ada/echo", ["Content-Type: application/json"], b'{"type": "chaos.crash"}')
    assert (other.status, json.loads(other.body)["error"]["field"]) == (400, "type")


def test_they_are_counted_by_their_path(routed):
    for _ in range(20):
        assert ask(routed.port(), "GET", f"/job-status/{ID}").status == 404
    routed.configure({"plugins": chaos(threads=4), "routes": ROUTES[1:]})
    routed.expect(200, "POST", "/v1/reload", query={"wait": "true"})
    assert ask(routed.port(), "GET", f"/job-status/{ID}").status == 404
    page = routed.expect(200, "GET", "/metrics").raw.decode()
    assert 'jobhost_http_requests_total{method="GET",path="/job-status/{id}",status="4xx"} 21' in page


def test_tokens_hold_for_routes(make_host):
    host = make_host({"host": {"auth": "tokens", "admin_token": TOKEN}, "routes": ROUTES})
    host.start()
    kind, body = form.encode(FILES)
    for line, code in (("X: y", 401), ("Authorization: Bearer wrong", 401), (f"Authorization: Bearer {TOKEN}", 200)):
        assert ask(host.port(), "POST", "/start-analysis", [f"Content-Type: {kind}", line], body).status == code
    assert detail(ask(host.port(), "GET", f"/job-status/{ID}"))[0] == 401
