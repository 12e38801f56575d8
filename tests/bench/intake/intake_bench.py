#!/usr/bin/python3
"""Measures how fast signed deliveries become jobs, beside a server that does nothing, in one sitting, and prints ratios.

usage: intake_bench.py BUILD_DIR [--runs N] [--seconds S] [--connections N] [--json FILE]

What is asked, on 32 connections that wrk keeps open:

    intake         POST to a hook, each delivery another one: its signature (Standard Webhooks) is verified, its id has not been here, and
                   the answer comes after job and id are synced, in one transaction
    intake jwt     the same with a JWT of its own for each (QStash's form)
    intake again   deliveries that have been here
    submit         POST /v1/jobs, one job a request, as ../http/http_bench.py has it: what is left without a signature
    hello          any GET of libevent's evhttp (hello_evhttp.c)

Bodies have about 200 bytes. The order alternates from run to run and medians are compared. Needs wrk. Takes about runs * seconds * 8.
"""
import argparse
import base64
import contextlib
import hashlib
import hmac
import json
import os
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "http"))
import http_bench  # noqa: E402

SECRET = b"0123456789abcdef0123456789abcdef"
KEY = "sig_0123456789abcdef"
URL = "https://jobs.example.org"
MOST = 40_000  # deliveries a second that nobody reaches
RATIOS = [(f"jobhost {ours}", theirs, metric, meaning, aim)
          for ours, aim in (("intake", (">=", 0.3)), ("intake jwt", None), ("intake again", None))
          for theirs, metric, meaning, aim in (("evhttp hello", "per_s", "requests/s, more is better", aim),
                                               ("evhttp hello", "p99_ms", "p99, less is better", None),
                                               ("jobhost submit", "per_s", "requests/s", None),
                                               ("jobhost submit", "cpu_us", "processor time a request", None))]


def url64(raw):
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def request(path, headers, body):
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", "Content-Type: application/json", f"Content-Length: {len(body)}", *headers]
    text = "\r\n".join([*lines, "", ""]) + body.decode()
    return f"{len(text)}\n{text}"


def body_of(n):
    return json.dumps({"name": f"{n:012}" + "x" * 168}).encode()


def standard(n, at):
    body = body_of(n)
    mac = base64.b64encode(hmac.digest(SECRET, f"msg_{n}.{at}.".encode() + body, "sha256")).decode()
    return request("/hooks/std", [f"webhook-id: msg_{n}", f"webhook-timestamp: {at}", f"webhook-signature: v1,{mac}"], body)


def jwt(n, at):
    body = body_of(n)
    claims = {"iss": "Upstash", "sub": f"{URL}/hooks/jwt", "exp": at + 300, "nbf": 0, "iat": at, "jti": f"jwt_{n}",
              "body": url64(hashlib.sha256(body).digest())}
    text = url64(b'{"alg":"HS256","typ":"JWT"}') + "." + url64(json.dumps(claims).encode())
    return request("/hooks/jwt", [f"Upstash-Signature: {text}.{url64(hmac.digest(KEY.encode(), text.encode(), 'sha256'))}"], body)


def jobhost(args):
    with tempfile.TemporaryDirectory(prefix="jobhost-bench-") as folder:
        port = http_bench.free_port()
        config = {"host": {"listen": f"127.0.0.1:{port}", "admin": f"unix:{folder}/admin.sock", "state_dir": folder, "log_level": "warn"},
                  "store": {"url": f"sqlite:{folder}/jobhost.db"},
                  "plugins": {"hello": {"file": f"{args.build}/plugins/hello.so"}},
                  "hooks": {"std": {"path": "/hooks/std", "job": "hello.say",
                                    "verify": {"standard_webhooks": "whsec_" + base64.b64encode(SECRET).decode()}},
                            "jwt": {"path": "/hooks/jwt", "job": "hello.say", "public_url": URL,
                                    "verify": {"qstash": {"current": KEY, "next": KEY + "x"}}}}}
        with open(f"{folder}/config.yaml", "w", encoding="utf-8") as f:
            os.fchmod(f.fileno(), 0o600)  # there are secrets in it
            json.dump(config, f)
        with http_bench.running([f"{args.build}/host/jobhost", "run", "-c", f"{folder}/config.yaml"]) as host:
            http_bench.wait_for(port, host)
            http_bench.call(port, "POST", "/v1/queues/hello/pause", {"why": "nothing is to run here"})
            most, at = MOST * args.seconds, int(time.time())

            def measure(name, method, content, path="/"):
                return http_bench.measure(args, f"jobhost {name}", [host.pid], 1, port, path, method, content, folder)

            yield measure("submit", "POST", json.dumps({"type": "hello.say", "payload": {"name": "x" * 180}}), "/v1/jobs")
            yield measure("intake", "RAW", "".join(standard(n, at) for n in range(most)))
            yield measure("intake jwt", "RAW", "".join(jwt(n, at) for n in range(most)))
            yield measure("intake again", "RAW", "".join(standard(n, at) for n in range(1000)))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--json", help="write every measurement to this file")
    args = parser.parse_args()
    args.build = os.path.abspath(args.build)
    lines = []
    for i in range(args.runs):
        for server in (jobhost, http_bench.evhttp)[:: 1 if i % 2 == 0 else -1]:
            lines += server(args)
    if args.json:
        with open(args.json, "w", encoding="utf-8") as f:
            f.writelines(json.dumps(line) + "\n" for line in lines)
    http_bench.print_results(lines, RATIOS)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
