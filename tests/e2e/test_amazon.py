"""amazon.analyze through the real host: the samples, the page in a browser, a large file in bounded memory, stopping."""
import datetime
import json
import os
import random
import re
import subprocess
import sys

import pytest

from lib import browser, build, form
from lib.cli import Cli
from lib.form import File
from lib.procs import plugin_of, wait_until, workers_of
from lib.raw import ask

sys.path.insert(0, os.path.join(build.REPO, "tests", "plugins"))
import amazon_files as files  # noqa: E402
import amazon_reference as reference  # noqa: E402

SAMPLES = os.path.join(build.REPO, "plugins", "amazon", "samples")
MIB = 1 << 20
MEMORY_MAX = 64 * MIB  # of the worker, whatever the file: the reader's buffer, the cache, the sorters, the program itself
BIG = 500 * MIB if build.FULL and not build.SANITIZED else 24 * MIB
NAMES = ["BusinessReport-August-2026.csv", "BusinessReport-September-2026.csv", "BusinessReport-October-2026.csv",
         "orders-2026-08-01-to-2026-09-18.txt", "orders-2026-09-10-to-2026-10-31.txt"]


@pytest.fixture
def amazon(make_host):
    host = make_host({"plugins": {"amazon": {"file": os.path.join(build.BUILD, "plugins", "amazon.so"), "workers": 1, "threads": 2}},
                      "store": {"blobs": {"max_in_store": "1GiB"}},
                      "routes": [{"match": "POST /start-analysis", "action": "submit", "job": "amazon.analyze", "view": "amazon"},
                                 {"match": "GET /catalog", "action": "plugin.query", "job": "amazon.catalog"},
                                 {"match": "POST /recognize", "action": "plugin.query", "job": "amazon.recognize"}]})
    host.start()
    return host


def sample(name):
    with open(os.path.join(SAMPLES, name), "rb") as f:
        return f.read()


def submit_samples(host, payload=None):
    parts = [("orders" if name.startswith("orders") else "business_report", File(sample(name), filename=name)) for name in NAMES]
    answer = host.submit_form({"type": "amazon.analyze", "payload": payload or {"marketplace": "UK"}}, parts)
    assert answer.status == 202, answer.raw
    return answer.json["id"]


def output(host, job_id, name):
    return host.expect(200, "GET", f"/v1/jobs/{job_id}/outputs/{name}")


def test_samples(amazon):
    job_id = submit_samples(amazon)
    job = amazon.wait_job(job_id, "succeeded")
    assert [w["code"] for w in job["warnings"]["items"]] == ["bad_rows"]
    report = json.loads(amazon.result(job_id))
    months = [(datetime.date(2026, 8, 1), datetime.date(2026, 8, 31)), (datetime.date(2026, 9, 1), datetime.date(2026, 9, 30)),
              (datetime.date(2026, 10, 1), datetime.date(2026, 10, 31))]
    paths = [os.path.join(SAMPLES, name) for name in NAMES]
    wrong = reference.differences(reference.expected([(p, *m) for p, m in zip(paths, months)], paths[3:], marketplace="UK"), report)
    assert not wrong, "\n".join(wrong[:20])
    assert [i["file"] for i in report["inputs"]] == NAMES
    assert output(amazon, job_id, "report.html").headers["content-type"] == "text/html; charset=utf-8"
    assert b"# Sales analysis" in output(amazon, job_id, "report.md").raw
    assert {o["name"] for o in job["outputs"]} == {"report.html", "report.md", "asins.csv", "skus.csv", "parents.csv", "order-asins.csv",
                                                   "order-skus.csv"}


def test_the_readmes_example(amazon):
    """As it is written, in a folder that has the repository's samples and a host's config.yaml."""
    with open(os.path.join(build.REPO, "plugins", "amazon", "README.md"), encoding="utf-8") as f:
        block = re.search(r"```sh\n(.*?)```", f.read(), re.DOTALL).group(1)
    os.symlink(os.path.join(build.REPO, "plugins"), os.path.join(amazon.folder, "plugins"))
    environment = {k: v for k, v in os.environ.items() if not k.startswith("JOBHOST_")}
    done = subprocess.run(["sh", "-eu", "-c", block], cwd=amazon.folder, capture_output=True, text=True, timeout=build.PATIENCE_S, check=False,
                          env={**environment, "PATH": f"{os.path.dirname(build.BINARY)}:{os.environ['PATH']}"})
    assert done.returncode == 0, done.stderr
    assert "report.html" in os.listdir(os.path.join(amazon.folder, "report"))
    assert [json.loads(amazon.result(job["id"]))["inputs"][0]["file"] for job in amazon.list()] == [NAMES[0]]


def test_a_file_that_came_twice(amazon):
    part = ("business_report", File(sample(NAMES[0]), filename=NAMES[0]))
    job_id = amazon.submit_form({"type": "amazon.analyze"}, [part, part]).json["id"]
    amazon.wait_job(job_id, "succeeded")
    report = json.loads(amazon.result(job_id))
    assert len(report["business"]["periods"]) == 1
    for where in ("exclusions", "data_quality"):
        assert "repeated_file" in [e["code"] for e in report[where]], where


def test_a_wrong_file_is_the_submitters_fault(amazon):
    job_id = amazon.submit_form({"type": "amazon.analyze"}, [("orders", File(b"PK\x03\x04", filename="orders.xlsx"))]).json["id"]
    job = amazon.wait_job(job_id, "dead")
    assert job["error"]["class"] == "input" and "orders.xlsx, row 1" in job["error"]["message"] and "Excel" in job["error"]["message"]


def test_what_it_takes(amazon):
    """`describe` says what a payload and which files a job takes, and a payload that does not fit is refused at the door."""
    page = Cli(amazon)("describe", "amazon")
    for words in ("marketplace (choice)", "periods (list)", "periods[].from (day)", "business_report\n", "orders\n", "payload:", "files:"):
        assert words in page, page
    handler = amazon.expect(200, "GET", "/v1/plugins/amazon").json["handlers"][0]
    assert [f["name"] for f in handler["files"]] == ["business_report", "orders"] and len(handler["payload"]) == 7
    for payload, field, words in (({"periods": "March"}, "payload.periods", "must be a list"),
                                  ({"periods": [{"from": "2026-03-01"}, {"until": "x"}]}, "payload.periods[1].until", "is not a field"),
                                  ({"market": "UK"}, "payload.market", "is not a field"),
                                  ({"marketplace": "XX"}, "payload.marketplace", "must be one of US, UK, GB, DE"),
                                  ({"currency": "EURO"}, "payload.currency", 'did you mean "EUR"?'),
                                  ({"periods": [{"from": "2026-13-01", "to": "2026-12-31"}]}, "payload.periods[0].from", "2026-03-31")):
        error = amazon.expect(400, "POST", "/v1/jobs", {"type": "amazon.analyze", "payload": payload}).json["error"]
        assert (error["code"], error["field"]) == ("bad_payload", field) and words in error["message"], error


@pytest.mark.parametrize("name, value, words", [
    ("marketplace", "XX", "must be one of US"), ("currency", "EURO", 'did you mean "EUR"'), ("periods", "5", "must be a list"),
    ("periods", '[{"from": "2026-02-01", "to": "2026-02-30"}]', "periods[0].to must be a day"), ("periods", '[{"until": "x"}]', "is not a field")])
def test_a_slip_in_the_form_is_no_dead_letter(amazon, name, value, words):
    kind, body = form.encode([("business_report", File(sample(NAMES[0]), filename=NAMES[0])), (name, value)])
    answer = ask(amazon.port(), "POST", "/start-analysis", [f"Content-Type: {kind}"], body)
    said = json.loads(answer.body)
    assert (answer.status, list(said)) == (422, ["detail"]) and words in said["detail"], answer
    assert amazon.list() == []


def test_what_a_front_end_asks_before_it_sends(amazon):
    """The menus that it shows, and which of its user's files is what: all that the samples have in their first lines."""
    port = amazon.port()
    answer = ask(port, "GET", "/catalog")
    assert answer.status == 200, answer
    known = json.loads(answer.body)
    assert {m["code"]: m["currency"] for m in known["marketplaces"]}["UK"] == "GBP" and {"code": "JPY", "decimals": 0} in known["currencies"]
    needed = {r["field"]: {c["field"] for c in r["columns"] if c["needed"]} for r in known["reports"]}
    assert {"child", "sessions", "units", "sales"} <= needed["business_report"] and {"order", "purchased", "status", "quantity", "price"} <= needed["orders"]
    for name in NAMES:
        header = sample(name).splitlines()[0].decode("utf-8-sig")  # one has other text further down
        answer = ask(port, "POST", "/recognize", ["Content-Type: application/json"], json.dumps({"header": header, "file": name}).encode())
        found = json.loads(answer.body)
        assert (found["report"], found["problem"]) == ("orders" if name.startswith("orders") else "business_report", None), found
    answer = ask(port, "POST", "/recognize", ["Content-Type: application/json"], b'{"header": "Name,Price"}')
    assert json.loads(answer.body)["code"] == "unknown_report"
    assert ask(port, "POST", "/recognize", ["Content-Type: application/json"], b'{"file": "x"}').status == 400
    assert amazon.list() == []


# ---- the page

def pages(host, folder):
    """(name, path) of pages to look at: the samples', and the odd ones."""
    rng = random.Random(7)
    head = files.ENGLISH
    header = ",".join(head[f] for f in ("parent", "child", "title", "sessions", "units", "sales")) + "\n"
    hostile = 'B0AAAAAAAA,B0AAAAAAA1,"<img src=http://example.com/x onerror=alert(1)>' + "W" * 300 + '",7,0,£0.00\n'
    odd = {"some": files.business(rng, files.catalogue(rng, 40)).decode(), "one": header + "B0AAAAAAAA,B0AAAAAAA1,Only one,100,10,£99.00\n", "zero": header + "B0AAAAAAAA,B0AAAAAAA1,,0,0,£0.00\n",
           "hostile": header + hostile * 2, "many": files.business(rng, files.catalogue(rng, 5000)).decode()}
    ids = {"samples": submit_samples(host)}
    spans = [files.order_lines(rng, files.catalogue(rng, 20), 200, datetime.date(2025, 1, 1) + datetime.timedelta(days=d), n) for d, n in ((0, 60), (150, 200))]
    parts = [("orders", File(files.orders(rng, lines), filename=f"{i}.txt")) for i, lines in enumerate(spans)]
    ids["gap"] = host.submit_form({"type": "amazon.analyze"}, parts).json["id"]
    for name, content in odd.items():
        ids[name] = host.submit_form({"type": "amazon.analyze"}, [("business_report", File(content.encode(), filename=f"{name}.csv"))]).json["id"]
    for name, job_id in ids.items():
        host.wait_job(job_id, "succeeded")
        path = os.path.join(folder, f"{name}.html")
        with open(path, "wb") as out:
            out.write(output(host, job_id, "report.html").raw)
        yield name, path


# Texts of charts that overlap another text, a mark or a threshold, or leave their card. Boxes of text are taller than their letters: EDGE.
CLASHES = """(() => {
  const EDGE = 2.5, out = [], box = e => e.getBoundingClientRect();
  const meet = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 0.5 &&
                         Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > EDGE;
  const cross = (a, b) => a.right >= b.left && b.right >= a.left && a.bottom - EDGE >= b.top && b.bottom >= a.top + EDGE;
  for (const chart of document.querySelectorAll('figure.chart')) {
    const texts = [...chart.querySelectorAll('svg text')].filter(t => t.textContent.trim()), card = box(chart);
    const marks = [...chart.querySelectorAll('circle, rect.bar')].filter(m => box(m).height > 0);
    const lines = [...chart.querySelectorAll('line.base, line.mark')];
    texts.forEach((t, i) => {
      const b = box(t), say = other => out.push(`${chart.id}: ${t.textContent} / ${other}`);
      if (b.left < card.left || b.right > card.right || b.top < card.top || b.bottom > card.bottom) say('edge');
      texts.slice(i + 1).filter(o => meet(b, box(o))).forEach(o => say(o.textContent));
      marks.filter(m => meet(b, box(m))).forEach(m => say(m.getAttribute('class')));
      lines.filter(l => cross(b, box(l))).forEach(l => say(l.getAttribute('class')));
    });
  }
  return out;
})()"""

# [what, contrast] of what is too faint to be read (4.5) or, of marks, seen (3): WCAG 2.1, 1.4.3 and 1.4.11.
FAINT = """(() => {
  const rgb = c => c.match(/[0-9.]+/g).slice(0, 3).map(Number);
  const light = c => rgb(c).map(v => v / 255).map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
                           .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const contrast = (a, b) => { const [x, y] = [light(a), light(b)].sort((p, q) => q - p); return (x + 0.05) / (y + 0.05); };
  const ground = e => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor; if (!/, 0\\)|transparent/.test(c)) return c; } };
  const out = [];
  for (const e of document.querySelectorAll('h1, h2, dt, dd, p, li, td, th, footer, figcaption, .abc, svg text')) {
    const style = getComputedStyle(e), c = contrast(e.closest('svg') ? style.fill : style.color, ground(e));
    if (c < 4.5) out.push([e.className.baseVal || e.className || e.tagName, c]);
  }
  for (const e of document.querySelectorAll('rect.bar, circle')) {
    const style = getComputedStyle(e);
    const c = Math.max(contrast(style.fill, ground(e)), style.stroke === 'none' ? 0 : contrast(style.stroke, ground(e)));
    if (c < 3) out.push([e.getAttribute('class'), c]);
  }
  return out;
})()"""


def look(page, name, path, width):
    page.show(path, width=width)
    assert page.told("Runtime.exceptionThrown", "Runtime.consoleAPICalled") == [], name
    assert [e for e in page.told("Log.entryAdded")] == [], name
    requests = [r["request"]["url"] for r in page.told("Network.requestWillBeSent")]
    assert [u for u in requests if not u.startswith(("file://", "data:"))] == [] and len(requests) <= 2, requests
    # nothing but tables is wider than the screen, and those scroll by themselves
    assert page.value("document.documentElement.scrollWidth") <= width, name
    assert page.value("document.querySelectorAll('script, img, iframe, object, link[rel=stylesheet]').length") == 0, name
    for media, scheme in (("", "light"), ("", "dark"), ("print", "light")):
        page.call("Emulation.setEmulatedMedia", media=media, features=[{"name": "prefers-color-scheme", "value": scheme}])
        assert page.value(CLASHES) == [] and page.value(FAINT) == [], (name, width, media, scheme, page.value(CLASHES), page.value(FAINT))
    page.call("Emulation.setEmulatedMedia", media="", features=[])


@pytest.mark.skipif(not browser.find(), reason="chromium is not installed (scripts/deps --test)")
def test_page_in_a_browser(amazon, folder):
    with browser.Browser() as page:
        for name, path in pages(amazon, folder):
            assert os.path.getsize(path) < 300_000, name
            for width in (1240, 400):
                look(page, name, path, width)
            if name == "samples":
                assert page.value("document.querySelectorAll('h1').length") == 1
                assert page.value("[...document.querySelectorAll('svg')].every(s => s.querySelector('title') && s.querySelector('desc'))")
                assert page.value("[...document.querySelectorAll('th')].every(h => h.scope === 'col')")
                light = page.value("getComputedStyle(document.body).backgroundColor")
                page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
                assert page.value("getComputedStyle(document.body).backgroundColor") != light
                page.call("Emulation.setEmulatedMedia", media="print")
                assert page.value("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
                page.call("Emulation.setEmulatedMedia", media="", features=[])


# ---- size

def write_orders(path, size):
    """An orders file of about `size` bytes; its number of lines and revenue."""
    rng = random.Random(11)
    titles = [f"Product {i} with a title of the usual length, in colour {i % 7} and size {i % 11}, and more" for i in range(5000)]
    lines = revenue = written = 0
    with open(path, "w", encoding="utf-8", newline="") as out:
        written += out.write("\t".join(files.BASE) + "\n")
        while written < size:
            chunk = []
            for _ in range(20000):
                p, day = rng.randrange(5000), rng.randrange(364)
                at = f"{datetime.date(2025, 1, 1) + datetime.timedelta(days=day)}T{rng.randrange(24):02}:10:11+00:00"
                chunk.append(f"{rng.randrange(200, 206)}-{rng.randrange(10**7):07}-{rng.randrange(10**7):07}\t\t{at}\t{at}\tShipped\tAmazon\t"
                             f"Amazon.co.uk\t\tStandard\t{titles[p]}\tSKU-{p}\tB0{p:08}\tShipped\t1\tGBP\t{p % 90 + 5}.99\t2.00\t0.00\t0.00\t\t\t\t\t"
                             "Exampleton\tShire\tEX1 1AA\tGB\t\tfalse\n")
                lines, revenue = lines + 1, revenue + (p % 90 + 5) * 100 + 99
            written += out.write("".join(chunk))
    return lines, revenue


def submit_file(host, path):
    done = subprocess.run([build.BINARY, "submit", "amazon.analyze", "-c", host.config_path, "--file", f"orders={path}", "--json"],
                          stdout=subprocess.PIPE, check=True, timeout=build.PATIENCE_S * 10)
    return json.loads(done.stdout)["id"]


def peak(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return int(re.search(r"VmHWM:\s+(\d+) kB", f.read()).group(1)) * 1024


def the_worker(host):
    return next(p for p in workers_of(host.process.pid) if plugin_of(p) == "amazon")


def test_large_orders_in_bounded_memory(amazon, folder):
    path = os.path.join(folder, "orders.txt")
    lines, revenue = write_orders(path, BIG)
    worker = the_worker(amazon)
    job_id = submit_file(amazon, path)
    job = amazon.wait_job(job_id, "succeeded", seconds=build.PATIENCE_S * 20)
    totals = json.loads(amazon.result(job_id))["orders"]["totals"]
    assert (totals["lines"], totals["revenue"]) == (lines, revenue)
    assert the_worker(amazon) == worker
    print(f"{os.path.getsize(path) / MIB:.0f} MiB, {lines} lines: worker's peak {peak(worker) / MIB:.1f} MiB; "
          f"{job['started_at']} to {job['finished_at']}")
    if not build.SANITIZED:
        assert peak(worker) < MEMORY_MAX


def test_cancel_while_it_reads(amazon, folder):
    path = os.path.join(folder, "orders.txt")
    write_orders(path, 24 * MIB)
    job_id = submit_file(amazon, path)
    wait_until(lambda: amazon.job(job_id)["state"] != "running" or (amazon.job(job_id).get("progress") or {}).get("done", 0) > 0,
               build.PATIENCE_S, "the job shows progress")
    amazon.act(job_id, "cancel")
    job = amazon.wait_job(job_id)
    assert job["state"] in ("cancelled", "succeeded"), job  # on a fast machine it may just have ended
    left = [name for _, _, names in os.walk(amazon.state_dir) for name in names if name.startswith(("amazon-", "etilqs_"))]
    assert left == []
