"""GET /metrics, read by Prometheus' own parser: documented names, bounded labels, and counts that match what was done."""
import os
import re

from prometheus_client.parser import text_string_to_metric_families

from lib import build
from lib.host import chaos
from lib.procs import wait_until
from lib.raw import Raw, ask

DOCUMENT = os.path.join(build.REPO, "docs", "metrics.md")
FAST = {"backoff": "fixed", "base": "1ms", "jitter": 0}


def scrape(host):
    answer = host.expect(200, "GET", "/metrics")
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    return answer.raw.decode()


class Page:
    """What the parser made of it: families by name, samples by name and labels."""

    def __init__(self, text):
        self.families, self.samples = {}, {}
        for family in text_string_to_metric_families(text):
            assert family.name not in self.families, f"{family.name} is there twice"
            self.families[family.name] = family
            for sample in family.samples:
                key = (sample.name, tuple(sorted(sample.labels.items())))
                assert key not in self.samples, f"{key} is there twice"
                self.samples[key] = sample.value

    def value(self, name, **labels):
        return self.samples.get((name, tuple(sorted(labels.items()))), 0)


def page(host):
    return Page(scrape(host))


def test_names_are_those_of_the_document(host):
    with open(DOCUMENT, encoding="utf-8") as document:
        documented = re.findall(r"^\| `([a-z_]+)` \|([a-z, ]*)\|", document.read(), re.MULTILINE)
    host.wait_job(host.submit("chaos.echo", {}))
    text = scrape(host)
    served = re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE)
    assert sorted(name for name, _ in served) == sorted(name for name, _ in documented)
    assert sorted(re.findall(r"^# HELP (\S+) .", text, re.MULTILINE)) == sorted(name for name, _ in served)
    for name, kind in served:
        assert (kind == "counter") == name.endswith("_total"), name
        assert re.fullmatch(r"(jobhost|process)_[a-z_]+", name)
    labels = {name: {label.strip() for label in words.split(",") if label.strip()} for name, words in documented}
    for family in Page(text).families.values():
        name = family.name + ("_total" if family.type == "counter" else "")
        for sample in family.samples:
            assert set(sample.labels) - {"le"} == labels[name], sample


def test_histograms_add_up(host):
    for n in range(20):
        host.wait_job(host.submit("chaos.sleep", {"ms": n}))
    for family in page(host).families.values():
        if family.type != "histogram":
            continue
        for key in {tuple(sorted((k, v) for k, v in s.labels.items() if k != "le")) for s in family.samples}:
            of_key = [s for s in family.samples if tuple(sorted((k, v) for k, v in s.labels.items() if k != "le")) == key]
            buckets = [s.value for s in of_key if s.name.endswith("_bucket")]
            count = next(s.value for s in of_key if s.name.endswith("_count"))
            assert buckets == sorted(buckets) and buckets[-1] == count, (family.name, key)
            assert next(s.value for s in of_key if s.name.endswith("_sum")) >= 0


def test_jobs_are_counted(host):
    ids = host.submit_many([{"type": "chaos.echo", "payload": {}, "queue": "a"} for _ in range(30)])
    ids.append(host.submit("chaos.echo", {}, queue="b", key="k", dedup={"mode": "return", "ttl": "1h"}))
    host.wait_all(ids, "succeeded")
    assert host.expect(202, "POST", "/v1/jobs", {"type": "chaos.echo", "queue": "b", "key": "k"}).json["duplicate"]
    host.refused(409, "chaos.echo", queue="b", key="k", dedup={"mode": "reject"})
    host.refused(400, "chaos.echo", delay="soon")
    dead = host.submit("chaos.fail", {"class": "network", "times": 5}, queue="c", max=3, retry=FAST)
    host.wait_job(dead, "dead")
    late = host.submit("chaos.echo", {}, delay="1h")
    host.act(late, "cancel")
    got = page(host)
    echo_a = {"queue": "a", "type": "chaos.echo"}
    assert got.value("jobhost_jobs_submitted_total", **echo_a) == 30
    assert got.value("jobhost_jobs_started_total", **echo_a) == 30
    assert got.value("jobhost_jobs_finished_total", state="succeeded", **echo_a) == 30
    assert got.value("jobhost_job_run_seconds_count", **echo_a) == 30
    assert got.value("jobhost_job_wait_seconds_count", **echo_a) == 30
    assert got.value("jobhost_jobs_duplicate_total", queue="b", type="chaos.echo") == 1
    assert got.value("jobhost_jobs_refused_total", reason="duplicate") == 1
    assert got.value("jobhost_jobs_refused_total", reason="bad_duration") + got.value(
        "jobhost_jobs_refused_total", reason="bad_field") == 1
    assert got.value("jobhost_jobs_started_total", queue="c", type="chaos.fail") == 3
    assert got.value("jobhost_jobs_finished_total", queue="c", type="chaos.fail", state="dead") == 1
    assert got.value("jobhost_jobs_retries_total", **{"class": "network"}) == 2
    assert got.value("jobhost_jobs_ended_waiting_total", state="cancelled") == 1
    assert got.value("jobhost_queue_jobs", queue="a", state="succeeded") == 30
    assert got.value("jobhost_queue_jobs", queue="c", state="dead") == 1
    assert got.value("jobhost_worker_jobs_total", plugin="chaos") == 34
    assert got.value("jobhost_workers", plugin="chaos", state="ready") == 1
    assert got.value("jobhost_store_operations_total", operation="submit") >= 5
    assert got.value("jobhost_store_group_operations_count") >= 5
    assert got.value("jobhost_http_requests_total", method="POST", path="/v1/jobs", status="2xx") == 5
    assert got.value("jobhost_http_requests_total", method="POST", path="/v1/jobs", status="4xx") == 2
    assert got.value("process_resident_memory_bytes") > 1 << 20
    assert 3 < got.value("process_open_fds") < got.value("process_max_fds")


def test_reloads_are_counted(make_host):
    host = make_host({"plugins": chaos()})
    host.start()
    assert page(host).value("jobhost_plugin_generation", plugin="chaos") == 1
    host.configure({"plugins": chaos(threads=3)})
    assert host.expect(200, "POST", "/v1/reload", query={"wait": "1"}).json["ok"]
    host.configure({"plugins": {"chaos": {"file": build.plugin("text-file")}}})
    assert not host.expect(200, "POST", "/v1/reload", query={"wait": "1"}).json["ok"]
    got = page(host)
    assert got.value("jobhost_plugin_generation", plugin="chaos") == 2
    assert got.value("jobhost_reloads_total", result="ok") == got.value("jobhost_reloads_total", result="failed") == 1
    assert got.value("jobhost_plugin_breaker", plugin="chaos") == 0


def test_why_jobs_wait(make_host):
    host = make_host({"plugins": chaos(workers=1, threads=1)})
    host.start()
    running = host.submit("chaos.sleep", {"ms": 600_000})
    host.wait_started(running)
    waiting = [host.submit("chaos.sleep", {"ms": 1}) for _ in range(3)]
    host.post("/v1/queues/still/pause", {"why": "for a look"})
    waiting += [host.submit("chaos.echo", {}, queue="still") for _ in range(2)]
    got = page(host)
    assert got.value("jobhost_waiting_jobs", reason="no_slot") == 3
    assert got.value("jobhost_waiting_jobs", reason="queue_paused") == 2
    assert got.value("jobhost_queue_paused", queue="still") == 1
    assert got.value("jobhost_worker_slots", plugin="chaos") == got.value("jobhost_worker_slots_busy", plugin="chaos") == 1
    for job in [*waiting, running]:  # the other way round the room it leaves would start them
        host.act(job, "cancel")


def test_crashes_are_counted(make_host):
    host = make_host({"plugins": chaos(workers=1, threads=1)})
    host.start()
    job = host.submit("chaos.crash", {"how": "segv", "times": 1}, retry=FAST)
    host.wait_job(job, "succeeded")
    job = host.submit("chaos.crash", {"how": "exit", "times": 1}, retry=FAST)
    host.wait_job(job, "succeeded")
    got = page(host)
    signals, exits = (got.value("jobhost_worker_exits_total", plugin="chaos", reason=r) for r in ("signal", "exit"))
    assert (signals, exits) == ((0, 2) if build.SANITIZED else (1, 1))  # a sanitizer exits where others die
    assert got.value("jobhost_worker_crashes_total", plugin="chaos") == 2
    assert got.value("jobhost_worker_restarts_total", plugin="chaos") == 2
    assert got.value("jobhost_plugin_up", plugin="chaos") == 1


def test_users_cannot_make_labels(host):
    """Names beyond the limit, odd paths, odd users: the page does not grow with them."""
    jobs = [{"type": "chaos.echo", "payload": {}, "queue": f"q{n}", "user": f"user-{n}"} for n in range(200)]
    host.wait_all(host.submit_many(jobs))
    for n in range(50):
        host.call("GET", f"/v1/jobs/made-up-{n}/what?user-{n}=1")
        host.call("GET", "/v1/jobs/0198c1a2-0000-7000-8000-%012d" % n)
    text = scrape(host)
    assert "made-up" not in text and "user-" not in text and "0198c1a2" not in text
    got = Page(text)
    series = [k for k in got.samples if k[0] == "jobhost_jobs_submitted_total"]
    assert len(series) == 128 + 1
    assert got.value("jobhost_jobs_submitted_total", queue="other", type="other") == 200 - 128
    assert len([k for k in got.samples if k[0] == "jobhost_queue_paused"]) == 128 + 1
    assert sum(v for k, v in got.samples.items() if k[0] == "jobhost_queue_jobs" and ("state", "succeeded") in k[1]) == 200


def test_watchers_are_counted(host):
    job = host.submit("chaos.sleep", {"ms": 600_000})
    host.wait_started(job)
    connection = Raw(path=host.socket).send(f"GET /v1/jobs/{job}/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
    wait_until(lambda: page(host).value("jobhost_event_watchers") == 1, build.PATIENCE_S, "the watcher is counted")
    connection.close()
    wait_until(lambda: page(host).value("jobhost_event_watchers") == 0, build.PATIENCE_S, "the watcher has gone")
    host.act(job, "cancel")


def test_monitoring_on_the_admin_socket_only(make_host):
    """The public doors know none of it; the admin socket does."""
    host = make_host({"host": {"listen": "127.0.0.1:0", "monitoring": "admin"}})
    host.start()
    port = int(host.get("/v1/version")["listen"][0].rsplit(":", 1)[1])
    for path in ("/metrics", "/healthz", "/readyz"):
        assert host.call("GET", path).status == 200
        answer = ask(port, "GET", path)
        assert answer.status == 404 and b"no_such_path" in answer.body, (path, answer)
    assert ask(port, "GET", "/v1/version").status == 200


def test_metrics_need_a_token_where_jobs_do(make_host):
    host = make_host({"host": {"listen": "127.0.0.1:0", "auth": "tokens", "admin_token": "secret-token-of-the-test"}})
    host.start()
    port = int(host.get("/v1/version")["listen"][0].rsplit(":", 1)[1])
    assert ask(port, "GET", "/metrics").status == 401
    assert ask(port, "GET", "/metrics", ["Authorization: Bearer secret-token-of-the-test"]).status == 200
    assert ask(port, "GET", "/healthz").status == 200
