#!/usr/bin/python3
"""Measures the HTTP side of the host beside two servers with nothing behind them, in one sitting, and prints ratios.

usage: http_bench.py BUILD_DIR [--runs N] [--seconds S] [--connections N] [--json FILE]

What is asked, on 32 connections that wrk keeps open:

    status         GET /v1/jobs/ID of 1000 queued jobs, one after the other
    submit         POST /v1/jobs, one job a request; the answer comes after an fsync
    submit array   POST /v1/jobs, 100 jobs a request
    hello          any GET of libevent's evhttp (hello_evhttp.c) and of nginx (`return 200`), one process each

The order alternates from run to run and medians are compared: figures by themselves say little. `cpu` is the server's processor time a
request, which other work on the machine disturbs least. Takes about runs * seconds * 6.
"""
import argparse
import contextlib
import http.client
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
STATUS_JOBS, ARRAY = 1000, 100
PAYLOAD = {"name": "x" * 180}  # a job of about 200 bytes
JOB = {"type": "hello.say", "payload": PAYLOAD}
START_S = 30
# ours, yardstick, metric, what it means, aim
RATIOS = [
    ("jobhost status", "evhttp hello", "per_s", "requests/s, more is better", (">=", 0.8)),
    ("jobhost submit", "evhttp hello", "per_s", "requests/s, more is better", (">=", 0.3)),
    ("jobhost submit array", "evhttp hello", "jobs_per_s", "jobs/s against requests/s", None),
    ("jobhost status", "nginx hello", "per_s", "requests/s", None),
    ("jobhost submit", "nginx hello", "per_s", "requests/s", None),
    ("jobhost status", "evhttp hello", "p99_ms", "p99, less is better", None),
    ("jobhost submit", "evhttp hello", "p99_ms", "p99, less is better", None),
    ("jobhost status", "evhttp hello", "cpu_us", "processor time a request, less is better", None),
    ("jobhost submit", "evhttp hello", "cpu_us", "processor time a request, less is better", None),
]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def processor_s(pids):
    """User and system time of these processes so far."""
    ticks = 0
    for pid in pids:
        with open(f"/proc/{pid}/stat", encoding="ascii") as f:
            ticks += sum(int(n) for n in f.read().rsplit(")", 1)[1].split()[11:13])
    return ticks / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def running(command, **options):
    """A server that is ended by its pid."""
    process = subprocess.Popen(command, **options)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def wait_for(port, process):
    end = time.monotonic() + START_S
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        time.sleep(0.02)
    sys.exit(f"{process.args[0]} does not listen on port {port}")


def call(port, method, path, body):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=START_S)
    connection.request(method, path, json.dumps(body), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    if answer.status not in (200, 202):
        sys.exit(f"{method} {path}: {answer.status} {text[:400]!r}")
    return json.loads(text)


def wrk(args, port, path, method, content, folder):
    name = os.path.join(folder, "content")
    with open(name, "w", encoding="utf-8") as f:
        f.write(content)
    out = subprocess.run(["wrk", "-t1", f"-c{args.connections}", f"-d{args.seconds}s", "--latency", "-s", os.path.join(HERE, "load.lua"),
                          f"http://127.0.0.1:{port}{path}", "--", method, name], stdout=subprocess.PIPE, check=True, text=True).stdout
    return json.loads(out[out.rindex("\n{"):])


def measure(args, name, pids, jobs, *where):
    before = processor_s(pids)
    got = wrk(args, *where)
    cpu_s = processor_s(pids) - before
    if got["bad"] > 0:
        print(f"{name}: {got['bad']} of {got['requests']} requests went wrong", file=sys.stderr)
    per_s = got["requests"] * 1e6 / got["us"]
    return {"name": name, "per_s": per_s, "jobs_per_s": per_s * jobs, "p50_ms": got["p50_us"] / 1000, "p99_ms": got["p99_us"] / 1000,
            "cpu_us": cpu_s * 1e6 / got["requests"]}


def jobhost(args):
    with tempfile.TemporaryDirectory(prefix="jobhost-bench-") as folder:
        port = free_port()
        config = {"host": {"listen": f"127.0.0.1:{port}", "admin": f"unix:{folder}/admin.sock", "state_dir": folder, "log_level": "warn"},
                  "store": {"url": f"sqlite:{folder}/jobhost.db"},
                  "plugins": {"hello": {"file": f"{args.build}/plugins/hello.so"}}}
        with open(f"{folder}/config.yaml", "w", encoding="utf-8") as f:
            json.dump(config, f)
        with running([f"{args.build}/host/jobhost", "run", "-c", f"{folder}/config.yaml"]) as host:
            wait_for(port, host)
            call(port, "POST", "/v1/queues/hello/pause", {"why": "nothing is to run here"})
            ids = [a["id"] for a in call(port, "POST", "/v1/jobs", [JOB] * STATUS_JOBS)]
            paths = "\n".join(f"/v1/jobs/{i}" for i in ids)
            yield measure(args, "jobhost status", [host.pid], 0, port, "/", "GET", paths, folder)
            yield measure(args, "jobhost submit", [host.pid], 1, port, "/v1/jobs", "POST", json.dumps(JOB), folder)
            yield measure(args, "jobhost submit array", [host.pid], ARRAY, port, "/v1/jobs", "POST", json.dumps([JOB] * ARRAY), folder)


def hello(args, name, command, port, pids_of):
    with tempfile.TemporaryDirectory(prefix="jobhost-bench-") as folder, running(command, stdout=subprocess.DEVNULL) as server:
        wait_for(port, server)
        yield measure(args, name, pids_of(server.pid), 0, port, "/", "GET", "/v1/jobs/01a20081-a8d0-7441-8f74-cd353fef4390", folder)


def evhttp(args):
    port = free_port()
    return hello(args, "evhttp hello", [f"{args.build}/tests/bench/hello_evhttp", str(port)], port, lambda pid: [pid])


def nginx(args):
    port = free_port()
    folder = tempfile.mkdtemp(prefix="jobhost-bench-")
    paths = "".join(f"{p}_temp_path {folder}/{p};" for p in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    with open(f"{folder}/nginx.conf", "w", encoding="utf-8") as f:
        f.write(f"daemon off; master_process off; worker_processes 1; pid {folder}/pid; error_log stderr crit; events {{}} http {{ {paths} "
                f"access_log off; keepalive_requests 1000000000; server {{ listen 127.0.0.1:{port}; location / {{ "
                "default_type application/json; return 200 '{\"hello\":\"world\"}\\n'; } } }")
    try:
        command = ["nginx", "-p", folder, "-c", f"{folder}/nginx.conf"]
        yield from hello(args, "nginx hello", command, port, lambda pid: [pid])
    finally:
        shutil.rmtree(folder)


def print_results(lines, ratios):
    names = list(dict.fromkeys(line["name"] for line in lines))

    def median(name, metric):
        values = [line[metric] for line in lines if line["name"] == name]
        return statistics.median(values) if values else None

    print(f"{'medians':22} {'requests/s':>12} {'jobs/s':>10} {'p50 ms':>8} {'p99 ms':>8} {'cpu us':>8}")
    for name in names:
        row = [median(name, m) for m in ("per_s", "jobs_per_s", "p50_ms", "p99_ms", "cpu_us")]
        print(f"{name:22} {row[0]:>12,.0f} {row[1]:>10,.0f} {row[2]:>8.2f} {row[3]:>8.2f} {row[4]:>8.1f}")
    print()
    for ours, theirs, metric, meaning, aim in ratios:
        a, b = median(ours, metric), median(theirs, "per_s" if metric == "jobs_per_s" else metric)
        if not a or not b:
            continue
        verdict = "" if aim is None else f"  aim {aim[0]} {aim[1]}: {'met' if a / b >= aim[1] else 'NOT MET'}"
        print(f"{a / b:8.2f} x  {ours} / {theirs}, {meaning}{verdict}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--only", action="append", choices=["jobhost", "evhttp", "nginx"], help="leave the others out")
    parser.add_argument("--json", help="write every measurement to this file")
    args = parser.parse_args()
    args.build = os.path.abspath(args.build)
    servers = [s for s in (jobhost, evhttp, nginx) if args.only is None or s.__name__ in args.only]
    lines = []
    for i in range(args.runs):
        for server in servers if i % 2 == 0 else reversed(servers):
            if sys.stderr.isatty():
                print(f"run {i + 1}/{args.runs}: {server.__name__}", file=sys.stderr)
            lines += server(args)
    if args.json:
        with open(args.json, "w", encoding="utf-8") as f:
            f.writelines(json.dumps(line) + "\n" for line in lines)
    print_results(lines, RATIOS)


if __name__ == "__main__":
    main()
