#!/usr/bin/env python3
"""Writes the seed corpora: small inputs that reach every branch of a parser. Run it after changing a format.

Inputs that a fuzzer found are kept beside the seeds under names of their own; this script leaves them alone."""
import pathlib
import struct

CORPUS = pathlib.Path(__file__).resolve().parent / "corpus"


def write(target, name, data):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data if isinstance(data, bytes) else data.encode())


# ---- records: see host/record/record.h

NULL, BY_FD = 0xFFFFFFFF, 0xFFFFFFFE
TYPES = ["WELCOME", "CONFIG", "JOB", "CANCEL", "RECALL", "COMMITTED", "VALUE", "DRAIN", "PONG", "SANDBOX"]
REC = {name: number for number, name in enumerate(TYPES, 1)}
TYPES = ["HELLO", "READY", "FAIL", "PING", "NACK", "LOG", "PROGRESS", "GET", "WARN", "STEP", "CHILD",
         "KV", "RESULT", "RESULT_TYPE", "COMMIT", "DONE", "CRASH", "BYE", "OUTPUT", "NOTE",
         "LIMIT", "EVENT", "FLOW", "SIBLING", "THEN", "ON_DEAD"]
REC.update({name: number for number, name in enumerate(TYPES, 64)})


def i32(v):
    return struct.pack("<i", v)


def u32(v):
    return struct.pack("<I", v)


def i64(v):
    return struct.pack("<q", v)


def u64(v):
    return struct.pack("<Q", v)


def text(v):
    return u32(NULL) if v is None else u32(len(v)) + v.encode() + b"\0"


def inline(v):
    return u32(len(v)) + v


def by_fd(size=3):
    return u32(BY_FD) + u64(size)


def record(name, body=b"", job=1):
    flags = 1 if u32(BY_FD) in body else 0
    return struct.pack("<IHHQ", len(body), REC[name], flags, job) + body + b"\0" * (-len(body) % 8)


def option(name="token", fallback=None):
    return text(name) + i32(1) + u32(2) + text(fallback) + text("help")


def job(payload, inputs=()):
    body = u32(0) + u32(1) + text("019a5f3c-8b1e-7abc-bdef-0123456789ab") + text("key") + text(None)
    body += payload + i64(1795254000000) + u32(0) + u32(len(inputs))
    body += text("crawl") + text("ann") + text("a,b") + text(None)
    body += i64(0) + i64(1) + u64(2) + u32(3) + i64(300000)
    for name in inputs:
        body += text(name) + text("text/plain") + u64(3) + inline(bytes(range(32)))
    return record("JOB", body)


def hello():
    body = u32(1) + u32(1) + u32(0) + text("crawl") + text("0.1.0") + u64(0x1000) + u64(0x2000)
    body += u32(2) + option() + option("pause", "2s")
    body += u32(2) + text("crawl.page") + text("one page") + u32(1) + u32(3) + u32(2) + u32(1) + u32(1) + option("url")
    body += text("crawl.site") + text(None) + u32(0) + u32(0) + u32(0) + u32(0) + u32(0)
    return record("HELLO", body, 0)


def records():
    done = i32(1) + i32(3) + i64(1000) + text("user:42") + text("reset") + text(None) + u32(0)
    done += i32(2) + i64(0) + text("paid") + i64(60000) + u32(4) + u32(1234)
    child = i32(-1) + text("crawl.page") + text(None)
    seeds = {
        "welcome": record("WELCOME", u32(1) + text("crawl") + text("/so/ab.so") + text("ab") + u32(1)
                          + i64(5000) + i64(30000) + u32(1) + text(None), 0),
        "sandbox": record("SANDBOX", u32(7) + u64(1) + u64(2) + u64(3) + u64(4) + text("/data") + u32(1) + u32(1)
                          + text("/etc/hosts") + u32(1) + u32(443) + u32(1) + text("10.0.0.0/8:443"), 0),
        "note": record("NOTE", text("limits") + u32(0) + text("files 1024"), 0),
        "config": record("CONFIG", u32(2) + text("token") + text("x") + text("pause") + text(None), 0),
        "config_count": record("CONFIG", u32(257) + text("token") + text("x"), 0),
        "job": job(inline(b"{}")),
        "job_inputs": job(inline(b"{}"), ["a.png", "b"]),
        "job_fd": job(by_fd()),
        "committed": record("COMMITTED", u32(1) + i32(-116)),
        "value": record("VALUE", u32(1) + i32(0) + i64(7) + inline(b"v")),
        "hello": hello(),
        "fail": record("FAIL", text("create") + i32(8) + text("no token"), 0),
        "log": record("LOG", i32(1) + text("hello")),
        "progress": record("PROGRESS", u64(1) + u64(2) + text("half")),
        "get": record("GET", u32(1) + u32(2) + text("key") + inline(b"")),
        "warn": record("WARN", text("slow") + text(None)),
        "step": record("STEP", text("fetch") + inline(b"value") + u32(1)),
        "child": record("CHILD", child + inline(b"p") + i64(0) + i64(0) + text(None) * 3),
        "sibling": record("SIBLING", child + inline(b"p") + i64(0) + i64(0) + text(None) * 3),
        "then": record("THEN", child + inline(b"p") + i64(0) + i64(0) + text(None) * 3),
        "on_dead": record("ON_DEAD", i32(1)),
        "flow": record("FLOW", u32(1) + u32(2) + u32(1) + u64(100) + text(None)),
        "kv": record("KV", u32(1) + text("key") + inline(b"value") + i64(0)),
        "result": record("RESULT", u32(0) + i64(0) + text(None) + inline(b"chunk")),
        "commit": record("COMMIT", u32(1)),
        "done": record("DONE", done),
        "crash": record("CRASH", i32(11) + i32(1) + u64(0) + u64(0x1234) + u64(4096)),
        "several": record("PING", b"", 0) + record("LOG", i32(1) + text("x")) + record("DONE", done),
        "bad_type": struct.pack("<IHHQ", 0, 200, 0, 0),
        "bad_length": struct.pack("<IHHQ", 0xFFFFFFFF, 1, 0, 0),
        "bad_size": job(by_fd(4)),
    }
    for name, packet in seeds.items():
        fds = packet.count(u32(BY_FD))
        write("fuzz_record", name, bytes([fds]) + packet)
    write("fuzz_record", "any_fd", bytes([1 | 16 | 32]) + job(by_fd(99)))
    write("fuzz_record", "pipe", bytes([1 | 32]) + job(by_fd()))
    write("fuzz_record", "stray_fd", bytes([2]) + seeds["job_fd"])


# ---- texts

def json():
    seeds = [
        "{}", "[]", "null", "-1.5e+10", '"\\u00e9\\ud83d\\ude00\\n"', '{"a":1,"id":"x","":null}',
        '{"a":{"a":[1,{"id":[]}]},"\\u00e9":2,"\\n":3}', '["a,]",[2,3],{"b":[4]},true,false]',
        " { \"a\" : [ 1 , 2 ] } ", '{"a"', "[1,", '"\\u12', "01", "\xc3\xa9", "[[[[[[[[[[1]]]]]]]]]]",
    ]
    for number, seed in enumerate(seeds):
        write("fuzz_json", f"seed{number:02}", seed)
    write("fuzz_json", "bad_utf8", b'"\xed\xa0\x80\xff"')
    write("fuzz_json", "deep", "[" * 65 + "]" * 65)


def retry():
    seeds = [
        "1000", "pow(2, retried) * 1000", "1000 * (1 + retried)", "max(1000, pow(2, retried) * 100)",
        "min(86400000, exp(2.5 * (retried + 1)) * 1000)", "-2^-2 % 3 / 4", "floor(1.5)+ceil(.5)-round(2.)",
        "sqrt(abs(-4))", "1e3", "((((1))))", "pow(1)", "foo", "0x10", "1/0", "0/0", "1 +",
    ]
    for number, seed in enumerate(seeds):
        write("fuzz_retry", f"seed{number:02}", seed)


def mapping():
    seeds = [
        '{"a": "{body.x.0}", "b": ["{header.X-Y} of {path.a}", "{{", "{id}"]}\n{"x": [1.50]}', "{hook}:{body.n?5}\n{\"n\": null}",
        '"{body}"\n{"a": {"a": 1, "a": 2}}', '"<{body.a}>"\n{"a": "\\u0000"}', "{job.id} {form.x?none} {query.q}", '"{body.n?\\"5\\"}"\n{}',
        '{"{body}": "{received_at}"}', "{body..a}", "{", "{path.c}", '"{body.' + "a." * 20 + '"', "[" * 17, '"\\u007bhook}"',
    ]
    for number, seed in enumerate(seeds):
        write("fuzz_mapping", f"seed{number:02}", seed)


def limiter_headers():
    name = "X-Ratelimit-"
    seeds = {
        "plain": f"\0\5HTTP/1.1 200 OK\r\n{name}Limit: 60\r\n{name}Remaining: 57\r\n{name}Reset: 1795254030\r\n\r\n",
        "lists": f"\0\0{name}Limit: 100, 100;w=60\n{name}Remaining: 99.5\n{name}Reset: 6m0s\n",
        "refused": "\1\1Retry-After: 30\r\n", "refused-date": "\1\1Retry-After: Sat, 21 Nov 2026 09:40:10 GMT\r\n",
        "refused-time": f"\2\7{name}Reset: 2026-11-21T09:40:10Z", "refused-blind": "\1\1",
        "hostile": f"\1\xff{name}Limit: 0\n{name}Remaining: 99999999999999999999\nRetry-After: 9999999999999999999999h9m\n",
        "odd": f"\0\0:\n{name}Limit\n{name}Remaining:\n{name}Reset: -1\n{name}Limit: 0x10\n{name}Reset: 1795254030250.75",
    }
    for seed, lines in seeds.items():
        write("fuzz_limiter_headers", seed, lines.encode("latin-1"))


def fetches():
    seeds = {
        "redirect": "https://a.example/x?k=1\n302 https://b.example/\nLocation: https://b.example/\n200\nX-A: 1\nRetry-After: 3\n",
        "rate": "https://a.example/x\n429\nRetry-After: 7\n", "rule": "[fd00::1]:443", "network": "10.0.0.0/8", "trouble": "http://127.0.0.1/\n3\n",
        "home": "http://a.example/x\n307 http://A.example/y\n303 http://a.example:80/\n404\n",
        "lost": "http://a.example/\n301\n", "astray": "http://a.example/\n308 file:///etc/passwd\n", "password": "http://a.example/\n301 http://a@b.example/\n",
        "loop": "http://a.example/\n" + "302 http://a.example/\n" * 11,
    }
    for seed, lines in seeds.items():
        write("fuzz_fetch", seed, lines.encode())


def scenarios():
    own = pathlib.Path(__file__).resolve().parents[2] / "docs" / "scenarios"
    for name in ("year", "storm", "crash", "flood", "flow", "death", "outage", "dst"):
        write("fuzz_scenario", name, (own / f"{name}.yaml").read_bytes())
    seeds = ["{}", "hosts: 64\nslots: 1000\nseed: 9007199254740992\nfor: 3650d\n", "faults: [{at: 0s, store: true}, {at: 1s, host: 1, for: 1s}]\n",
             "arrivals: {job: a.b, every: 1ms, count: 1000, users: 9, key: '{user}{n}{'}\n", "from: 0000-01-01T00:00:00Z\nfaults: {at: 1s, clock: -365d}\n",
             "arrivals: {job: a, every: 1s}\nhandlers: {a: {takes: 0s..1s, crash: 1, children: {job: a, count: 9}, scope: user}}\n",
             "arrivals: {job: a, every: 1s, steady: true}\nhandlers: {a: {fails: {auth: 50%, rate: 50%}, retry_after: 30d}}\n",
             "arrivals: {job: a, every: 1s}\nhandlers: {a: {calls: {count: 3, remote: r}}}\nremotes: {r: {rate: 1/365d}}\nfaults: {at: 1s, storm: r}\n",
             "handlers: {a: {plugin: x.so}}\narrivals: {job: a, every: 1s}\n", "for: 1x\n", "faults:\n  - {at: 1h}\n", "handlers: {a: {takes: 3s..1s}}\n",
             "arrivals: {job: a, every: 1s}\nhandlers: {a: {takes: 0s, children: {job: a, count: 3, wait: true, then: a, on_dead: fail}}}\n"
             "expect: {each_flow_once: true, flows_closed: 1}\n",
             "arrivals: {job: a, every: 1s}\nhandlers: {a: {asks: 'x?', fails: {input: 20%}, children: {job: b, count: 2, wait: true}}}\n"
             "acts: [{at: 5s, every: 3s, resolve: a, answer: y}, {at: 9s, every: 7s, cancel: a}, {at: 8s, for: 20s, pause_queue: b}]\n",
             "arrivals: [{job: a, every: 1s, users: 2}, {job: b, every: 2s, user: user1}]\nhandlers: {a: {takes: 0s, waits: {event: 'e:{user}', for: 5s}},"
             " b: {waits: {event: 'no name'}}}\nacts: [{at: 3s, every: 1s, publish: 'e:user1', payload: [1]}, {at: 4s, publish: 'e:user2', user: user1}]\n",
             "acts: {at: 1s, for: 1s, pause_schedule: none}\n", "acts: {at: 1s, resolve: a, cancel: b}\n",
             "arrivals: [{job: a, every: 10ms, user: x}, {job: a, every: 1s, users: 3}]\nhandlers: {a: {takes: 0s, calls: {count: 2, wait: 1s, remote: r}}}\n"
             "remotes: {r: {rate: 2, per: 1s, others: 300ms, retry_after: 1s, headers: [X-RateLimit-Limit, x-remaining, Reset, used, Retry-After]}}\n"
             "expect: {remotes: {r: {never_more_than: 1, per: 2s, used_at_least: 100%}}, users: {x: {wait_max: 1ms}}, jobs: {a: {dead: 0}}}\n"]
    for number, seed in enumerate(seeds):
        write("fuzz_scenario", f"seed{number:02}", seed)


def crons():
    seeds = [
        "*/15 * * * *", "0 30 2 * * *", "0 0 29 2 MON", "0 0 L,LW,15W * FRI#5,MONL", "1-10/3,20 5/15 ? jan-DEC sat-SUN", "0 0 30 2 *",
        "CRON_TZ=Europe/Berlin @daily", "TZ=../x @daily", "@every 1h30m", "@every 1ms", "@Reboot", "@fortnightly", "* * * *",
        "60 24 32 13 8", "5-1 * * * *", "*/0 * * * *", "*/90 * */2 * MON", "0 0 * * L", "H * * * *", "1,,2 * * * *",
    ]
    for number, seed in enumerate(seeds):
        write("fuzz_cron", f"seed{number:02}", seed)
    for number in range(8):  # expressions from bytes
        write("fuzz_cron", f"bytes{number}", bytes((number * 37 + k * k * 11 + k) % 256 for k in range(24 + number * 4)))


def tzif(changes=(), first=0, footer="UTC0", version=b"2", types=None):
    """A file of a zone: [(when, offset)], each with a type of its own behind the first."""
    def header(times, kinds, names):
        return b"TZif" + version + bytes(15) + struct.pack(">6I", 0, 0, 0, times, kinds, names)

    offsets = [first, *(offset for _, offset in changes)]
    kinds = range(1, len(offsets)) if types is None else types
    body = b"".join(struct.pack(">q", when) for when, _ in changes) + bytes(kinds)
    body += b"".join(struct.pack(">iBB", offset, 0, 0) for offset in offsets) + b"XXX\0"
    return header(0, 0, 0) + header(len(changes), len(offsets), 4) + body + f"\n{footer}\n".encode()


def zones():
    footers = ["UTC0", "CET-1CEST,M3.5.0,M10.5.0/3", "IST-1GMT0,M10.5.0,M3.5.0/1", "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", "EST5EDT,J60,59/-167",
               "XXX3EDT4,0/0,J365/23", "EST5EDT", "EST25", "<+02>-2<+03>,M3.4.4/26,M10.5.0/167", ""]
    for number, footer in enumerate(footers):
        write("fuzz_zone", f"footer{number}", tzif(footer=footer))
    write("fuzz_zone", "samoa", tzif([(1325239200, 50400)], -36000, "<+14>-14"))
    write("fuzz_zone", "casablanca", tzif([(1771120800, 0), (1774144800, 3600)], 3600, "<+01>-1"))
    write("fuzz_zone", "berlin", tzif([(-2422054408, 3600), (-1693706400, 7200), (-1680483600, 3600)], 3208, footers[1]))
    write("fuzz_zone", "same-offset", tzif([(100, 0), (200, 7200), (300, 7200)], 0, "<+02>-2"))
    write("fuzz_zone", "out-of-order", tzif([(200, 0), (100, 7200)]))
    write("fuzz_zone", "no-such-type", tzif([(200, 0)], types=[7]))
    write("fuzz_zone", "close", tzif([(1774742400 + 600 * k, (-1) ** k * 40000) for k in range(9)]))
    write("fuzz_zone", "old", tzif(version=b"\0"))
    write("fuzz_zone", "cut", tzif([(1, 2)])[:-9])


def schedules():
    for number in range(16):
        options = bytes([number % 8 + number * 8, number * 5 % 15, number * 7 % 256, (number * 41 + 3) % 256])
        life = bytes((number * 29 + k * (k + number) * 7 + k % 5) % 256 for k in range(24))
        write("fuzz_schedule", f"life{number:02}", options + life)


def texts():
    seeds = [
        "019a5f3c-8b1e-7abc-bdef-0123456789ab", "2026-11-21T10:00:00.123Z", "0000-01-01T00:00:00+23:59",
        "9999-12-31t23:59:60.999999999-23:59", "1h30m", "250ms", "7d", "1d1h1m1s1ms", "10MiB", "512KiB",
        "1GB", "2kB", "64B", "18446744073709551615B", "crawl.page", "queued", "a b", "",
    ]
    for number, seed in enumerate(seeds):
        write("fuzz_text", f"seed{number:02}", seed)


def http1():
    host = "Host: a\r\n"
    post = "POST /p HTTP/1.1\r\n" + host
    chunked = post + "Transfer-Encoding: chunked\r\n\r\n"
    seeds = [
        "GET / HTTP/1.1\r\n" + host + "\r\n", "\r\n\r\nGET /a%20b?c=d HTTP/1.0\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\n" + host + "\r\n", "GET http://[::1]:80/x HTTP/1.1\r\n" + host + "\r\n",
        "HEAD / HTTP/1.1\r\n" + host + "Connection: keep-alive, close\r\nX: \t y \r\nY:\r\n\r\n",
        post + "Content-Length: 5\r\n\r\nhello", post + "Expect: 100-continue\r\nContent-Length: 1\r\n\r\nx",
        chunked + "5\r\nhello\r\n0\r\n\r\n", chunked + "5;a=b\r\nhello\r\n0;c=\"d\"\r\nT: u\r\n\r\n",
        chunked + "00a\r\n0123456789\r\n1\r\nx\r\n0\r\n\r\n", chunked + "5\nhello", chunked + "ffffffffffffffff\r\n",
        post + "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", post + "Content-Length: +5\r\n\r\n",
        post + "Transfer-Encoding: gzip, chunked\r\n\r\n", post + "Transfer-Encoding: identity\r\n\r\n",
        post + "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n", "PRI * HTTP/2.0\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "GET / HTTP/1.1\r\n" + host + " x: y\r\n",
        "GET / HTTP/1.1\n", "GET /%00 HTTP/1.1\r\n", "\x16\x03\x01\x02\x00", "get / HTTP/1.1\r\n" + host + "\r\n",
        "PATCH /x HTTP/1.1\r\n" + host + "Transfer-encoding: CHUNKED\r\n\r\n0\r\n\r\n",
    ]
    for number, seed in enumerate(seeds):
        for target in ("fuzz_http1", "fuzz_http1_llhttp"):
            write(target, f"seed{number:02}", bytes([number]) + seed.encode("latin-1"))


def requests():
    seeds = [
        "/", "*", "/a/b?c=d&a=1", "/a//./../b%2Fc/%2e%2e", "/..", "http://h:1/a?limit=%41+b", "https://[::1]?a", "/%C3%A9?%C3%A9=1&a",
        "bytes=0-99", "bytes=5-", "bytes=-5", "bytes=1-2,3-4", "bytes=18446744073709551615-", "BYTES=-0",
        "gzip, deflate;q=0.5, br;q=1.000, *;q=0", " x-gzip ;q=0.001,identity", "gzip;q=1.001",
        "203.0.113.7, 10.1.2.3,10.0.0.1", "[2001:db8::7]:443", "1.2.3.4:5, ::ffff:10.0.0.1",
    ]
    for number, seed in enumerate(seeds):
        write("fuzz_request", f"seed{number:02}", seed)


def submissions():
    digits = "0123456789abcdef" * 4
    seeds = [
        '{"type":"a.b"}', '{"type":"a","payload":{"n":1.50,"s":"\\u00e9"}}', '{"type":"a","delay":"1m30s","priority":"low"}',
        '{"type":"a","run_at":"2026-11-21T10:00:00Z","max":3,"timeout":"5m","deadline":"1d","expires":"2h"}',
        '{"type":"a","key":"k","dedup":{"mode":"reject","ttl":"1h"},"user":"u","queue":"q"}',
        '{"type":"a","labels":["x","y"],"callback":"http://x","flow":"f","retry":{"base":"1s"}}',
        '{"type":"a","files":[{"name":"f","sha256":"%s","content_type":"x/y"}]}' % digits,
        '{"type":"a","prioryty":1}', '{"type":"a","type":"b"}', '{}', '[]', '{"type":null,"payload":null}', '{"type":"a","max":1e3}',
    ]
    for number, seed in enumerate(seeds):
        write("fuzz_submit", f"seed{number:02}", seed)


# ---- scripts of fuzz_supervisor: see step() and say() there

SUBMIT_FAST, SUBMIT_SLOW, SETTLE, DIE, NEXT_WORKER, STOP, LATER = [0, 0], [0, 1], [1], [7], [8, 0], [10, 255], [3, 5]
SAY, SEND, SLOT = 12, 1, 0
DONE, EFFECT, TALK, GARBAGE, DESCRIPTORS = 1, 3, 5, 6, 7
NO_TEXT = 255


def say(what, *fields):
    return [SAY, what, *fields, SEND]


def done(status, cls=0, wait=0, mask=0):
    zero = 0  # a number
    return say(DONE, status + 1, cls + 1, zero, NO_TEXT, NO_TEXT, NO_TEXT, 0, wait + 1, zero, NO_TEXT, zero, mask, 0, SLOT)


def begin():
    return [4, 0, 0, SLOT, 64, SLOT]  # the start page


def supervisor():
    ok, retry_, fail, yield_, cancelled = range(5)
    hello, ready, ping, nack, commit, result = range(6)
    one = SUBMIT_SLOW + SETTLE
    seeds = {
        "success": one + begin() + done(ok), "retry": one + done(retry_, 3) + LATER, "fail": one + done(fail, 1),
        "yield": one + done(yield_), "park": one + done(yield_, 0, 2), "bad-status": one + done(4) + LATER,
        "window": SUBMIT_FAST * 8 + SETTLE + done(ok) * 3, "nack": one + say(0, nack, SLOT),
        "crash": one + begin() + DIE + [1] + SETTLE + NEXT_WORKER, "lost": one + DIE + [0] + NEXT_WORKER + done(ok),
        "last-words": one + begin() + say(TALK, 3, NO_TEXT, SLOT, 11) + DIE + [1],
        "cancel-crosses": one + begin() + [5, 0] + done(retry_, 3), "cancel": one + begin() + [5, 0] + SETTLE + done(cancelled, 0, 0, 1),
        "commit": one + say(EFFECT, 0, 3, 1, 2, 3, 1, 4, 0, SLOT) + say(0, commit, SLOT, 1) + SETTLE + done(ok),
        "commit-refused": one + [6, 0, 0, 0, 1] + say(0, commit, SLOT, 1) + SETTLE + DIE + [1], "commit-twice": one + say(0, commit, SLOT, 1) * 2,
        "result": one + say(0, result, SLOT, 255) + done(ok), "result-by-fd": one + say(DESCRIPTORS, 0, SLOT, 0) + done(ok),
        "fd-too-many": one + say(DESCRIPTORS, 255, SLOT, 1), "warning": one + say(EFFECT, 2, 2, 0, 1, 2, 2, 3, SLOT) + done(ok),
        "child": one + say(EFFECT, 3, 1, 1, NO_TEXT, 2, 0, 0, NO_TEXT, 9, 0, 0, 0, NO_TEXT, SLOT) + done(ok),
        "ask": one + say(EFFECT, 4, 1, 1, 2, 0, SLOT), "talk": one + say(TALK, 0, 2, 1, 1, 2, SLOT) + say(TALK, 1, 2, 1, 1, 2, 2, SLOT),
        "hello-twice": say(0, hello, 255), "ready-twice": say(0, ready, 255), "ping": say(0, ping, 255), "garbage": say(GARBAGE, 9, *b"a worker!"),
        "damaged": one + [9, 1, 2, 3, 4] + done(ok), "hung": one + begin() + [3, 6] * 3, "drain": one + begin() + STOP + done(ok),
        "drain-late": one + begin() + STOP + [3, 7] * 3, "full": one + [6, 0, 0, 3, 2] + done(ok) + SETTLE + [5, 0] + LATER,
        "silent": DIE + [0] + [8, 255] + [3, 7], **{f"rule{how}": one + [11, 255, how] for how in range(6)},
    }
    for name, script in seeds.items():
        write("fuzz_supervisor", name, bytes(script))


# ---- scripts of fuzz_worker: see speak() and run() there

def worker():
    send, null = 1, 255
    shake = [0, 0, 0] + [0, 3, 2]  # WELCOME, CONFIG

    def job(alone=0, content=5, steps=0, inputs=0):
        return [0, alone, null, null, content, steps, 0, 0, inputs, send]

    def value(status=0, content=7):
        return [4, status + 2, 0, 0, content, send]

    step_get, step_put = [0, 3, 0], [0, 3, 1, 9]
    committed, drain, pong = [4, 0, send], [12, 200, send], [11, send]
    ok, retry_, cancelled = 0, 1, 4
    seeds = {
        "nothing": shake, "drain": shake + drain, "drain-early": [0, 0, 0] + [240, 12, 200, send],
        "job": shake + job() + [0, ok] + drain, "large": shake + job(content=null) + [0, ok] + drain,
        "jobs": shake + [*job()[:-1], 0] * 3 + pong + [0, ok] + [0, retry_] + [0, ok] + drain, "alone": shake + job(1) + [0, ok] + job() + [0, ok] + drain,
        "step": shake + job(1, steps=1) + [1, *step_get] + value() + [ok] + drain,
        "step-none": shake + job(steps=1) + [1, *step_get] + value(1) + [ok] + drain,
        "step-large": shake + job(steps=1) + [1, *step_get] + value(0, null) + [ok] + drain,
        "commit": shake + job() + [2, *step_put] + committed + [*step_put] + committed + [ok] + drain,
        "fenced": shake + job() + [1, *step_put] + [4, 1, send] + [cancelled] + drain,
        "kv": shake + job() + [1, 1, 3, 0, 0] + value() + [ok] + drain, "claim": shake + job() + [1, 1, 3, 8, 0] + value(1) + [ok] + drain,
        "input": shake + job(inputs=1) + [1, 2, 0] + [4, 2, 0, 255, 5, send] + [ok] + drain,
        "cancel": shake + job() + [1, 3, 0, 2] + [9, 1, 1, send] + [cancelled] + drain,
        "recall": shake + [*job()[:-1], 0] + [10, 1, send] + drain, "result": shake + job() + [1, 3, 2, null] + [ok] + drain,
        "yield": shake + job() + [0, 6, 0, 0] + drain, "fail": shake + job() + [0, 7, 3] + drain,
        "job-odd": shake + [3, 7, null, null, 5, 0, 0, 0, 0, 9, send], "answer-twice": shake + job() + [1, *step_put] + [4, 0, 0] + [8, 2, 0, 0, 3, send],
        "answer-odd": shake + [7, 1, 1, 0, 0, send], "garbage": shake + [13, 12, *b"a supervisor"], "damaged": shake + [14, 5, 9] + job(),
        "descriptor": shake + [15, 0, 0, 8, send], "welcome-odd": [0, 200, 9], "lost": shake + job() + [1, *step_put],
    }
    for name, script in seeds.items():
        write("fuzz_worker", name, bytes(script))


def redis_replies():
    seeds = {
        "types": "+OK\r\n-ERR no\r\n:-42\r\n$-1\r\n$0\r\n\r\n$3\r\na\r\n\r\n*0\r\n*-1\r\n*2\r\n*2\r\n:1\r\n$1\r\nx\r\n+s\r\n",
        "hello": "*4\r\n$6\r\nserver\r\n$5\r\nredis\r\n$5\r\nproto\r\n:2\r\n", "role": "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n",
        "message": "*3\r\n$7\r\nmessage\r\n$7\r\njh:wake\r\n$3\r\nr q\r\n", "deep": "*1\r\n" * 7 + ":1\r\n", "too-deep": "*1\r\n" * 8 + ":1\r\n",
        "many": "*64\r\n" + ":1\r\n" * 64, "too-many": "*65\r\n", "long": "$4096\r\n" + "x" * 100, "huge": "$99999999999\r\n", "map": "%1\r\n+a\r\n:1\r\n",
        "wrapped": "-ERR Error running script (call to f_1): @user_script:1: -READONLY x\r\n", "noauth": "-NOAUTH Authentication required.\r\n",
        "html": "HTTP/1.1 400 Bad Request\r\n\r\n", "integer": ":9223372036854775807\r\n$20\r\n-9223372036854775808\r\n:x\r\n",
    }
    for number, (name, text_) in enumerate(seeds.items()):
        write("fuzz_redis_reply", name, bytes([0, number]) + text_.encode())
    write("fuzz_redis_reply", "small", bytes([140, 3]) + b"$130\r\n" + b"x" * 130 + b"\r\n+OK\r\n")


def redis_hashes():
    def answer(*words):
        words = [w if isinstance(w, bytes) else w.encode() for w in words]
        return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words)

    head = ["id", "01930000-0001-7001-8000-000000000001", "status", "running", "type", "mail.send"]
    packed = b"\x21\x2a" + b"\1" * 32 + u64(7) + b"a\0" + b"\0"
    for name, more in {
        "small": ["payload", "{}", "createdAt", "1730871754753"],
        "pieces": ["payload", "x" * 64, "payload:1", "y" * 64, "payload:2", "z"], "gap": ["payload", "x", "payload:2", "z"],
        "large": ["payloadBytes", "5000"], "parcel": ["payloadBytes", "1025", "payload", "x" * 1025, "queue", "q"],
        "spec": ["priority", "high", "user", "t", "contentType", "text/plain", "key", "k", "keyMode", "return", "keyTtl", "-1", "max", "3",
                 "timeout", "60000", "deadline", "1800000000000", "expires", "1", "labels", "a,b", "callback", "https://x", "retry", "{}",
                 "flow", "f", "parent", head[1], "nominal", "5", "files", packed],
        "moved": ["rev", "7", "token", "3", "commit", "2", "ready", "1730871754754", "host", "00ff00ff00ff00ff", "begun", "1", "ask", "12 -1",
                  "dueAt", "5", "deleteAt", "6", "steps", "1", "stepBytes", "9", "warnings", "1", "outputs", "1", "outputBytes", "4",
                  "history", "20", "log", "16384"],
        "life": ["attempts", "1", "executions", "2", "crashes", "3", "resource", "4", "yields", "5", "lost", "6", "firstRunAt", "1",
                 "startedAt", "2", "updatedAt", "3", "finishedAt", "4", "progress", "50", "done", "1", "total", "2", "progressAt", "5",
                 "message", "m", "errorClass", "auth", "errorCode", "c", "error", "e", "errorScope", "s", "duplicateOf", head[1],
                 "parked", "event", "waitKey", "w", "build", "b", "pid", "9", "resultBytes", "0", "resultType", "t", "resultBlob", "00",
                 "stepsVersion", "2", "children", "3"],
        "limits": ["rev", "4294967295", "attempts", "-2147483648", "deadline", "-9223372036854775808", "done", "9223372036854775807"],
        "over": ["rev", "4294967296"], "unknown": ["later", "x", "payload:16", "y"],
    }.items():
        write("fuzz_redis_jobhash", name, answer(*head, *more))
    write("fuzz_redis_jobhash", "none", answer())
    write("fuzz_redis_jobhash", "nil", "*-1\r\n")
    write("fuzz_redis_jobhash", "kinds", b"*4\r\n$2\r\nid\r\n:5\r\n*0\r\n$-1\r\n")


def redis_texts():
    urls = {
        "plain": "redis://h:1/2", "tls": "rediss://u:p%40@[::1]:6380", "socket": "unix:/run/r.sock?db=3", "socket-user": "unix://u:p@/run/r.sock",
        "raw-password": "redis://u:a@b/c?d@h/3", "cluster": "redis+cluster://h", "percent": "redis://u:%4@h", "port": "redis://h:65536", "options": "redis://h?x",
    }
    infos = {
        "redis": "# Server\r\nredis_version:7.0.15\r\nmaxmemory_policy:allkeys-lru\r\naof_enabled:0\r\nconnected_slaves:2\r\ncluster_enabled:1\r\n",
        "valkey": "# Server\r\nserver_name:valkey\r\nredis_version:7.2.4\r\nvalkey_version:8.1.0\r\naof_enabled:1\r\n", "cut": "\nredis_version",
    }
    for name, text_ in urls.items():
        write("fuzz_redis_text", "url-" + name, b"\0" + text_.encode())
    for name, text_ in infos.items():
        write("fuzz_redis_text", "info-" + name, b"\1" + text_.encode())


def redis_blobs():
    sha, job = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", "01890a5d-ac96-774b-bcce-b302099a8057"
    references = {
        "file": f"{sha} q {job} f", "output": f"{sha} long-queue.name {job} oan output: \u00e9", "no-queue": f"{sha}  {job} r", "no-what": f"{sha} q {job} ",
        "no-end": f"{sha} q {job}", "only-sha": sha, "sha-blank": sha + " ", "bad-sha": f"{sha[:-1]}G q {job} f",
    }
    names = {"shared": sha + "-0000000000000007", "sha": sha, "path": "../../../etc/passwd", "slash": sha + "-000000000000000/"}
    for name, text_ in references.items():
        write("fuzz_redis_blob", "reference-" + name, b"\0" + text_.encode())
    for name, text_ in names.items():
        write("fuzz_redis_blob", "name-" + name, b"\1" + text_.encode())


# ---- ELF files of 64-bit words: sections are all that is read

def elf_file(sections, entry_size=64, magic=b"\x7fELF"):
    """Of (type, address, content, link, size of an entry); their content, then their table."""
    content, rows, at = b"", b"\0" * entry_size, 64
    for kind, address, body, link, each in sections:
        rows += struct.pack("<IIQQQQIIQQ", 0, kind, 0, address, at, len(body), link, 0, 1, each)
        content += body
        at += len(body)
    head = magic + bytes([2, 1, 1]) + b"\0" * 9
    head += struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0, 0, at, 0, 64, 0, 0, entry_size, len(sections) + 1, 0)
    return head + content + rows


def elf():
    note = struct.pack("<III", 4, 20, 3) + b"GNU\0" + bytes(range(20))
    other = struct.pack("<III", 4, 4, 1) + b"GNU\0" + b"\0" * 4
    strings = b"\0run\0deep\0odd \n\0"
    symbol = struct.Struct("<IBBHQQ").pack
    symbols = symbol(1, 2, 0, 1, 0x1000, 0x40) + symbol(5, 2, 0, 1, 0x1010, 0) + symbol(10, 2, 0, 1, 0x1100, 8) + symbol(99, 2, 0, 1, 0x1200, 8)
    code, names = (1, 0x1000, b"\x90" * 64, 0, 0), (3, 0, strings, 0, 0)
    files = {
        "both": [code, names, (2, 0, symbols, 2, 24), (7, 0, other + note, 0, 0)], "exported": [code, names, (11, 0, symbols, 2, 24)],
        "link": [code, names, (2, 0, symbols, 9, 24)], "entries": [code, names, (2, 0, symbols, 2, 7)], "note-cut": [(7, 0, note[:-1], 0, 0)],
        "note-long": [(7, 0, struct.pack("<III", 4, 33, 3) + b"GNU\0" + b"\1" * 36, 0, 0)], "none": [],
    }
    for name, sections in files.items():
        for where, address in {"": 0x1008, "-odd": 0x1104, "-end": 0x103F, "-beyond": 0x1200}.items():
            write("fuzz_elf", name + where, u64(address) + elf_file(sections))
    write("fuzz_elf", "cut", u64(0) + elf_file(files["both"])[:-70])
    write("fuzz_elf", "other-class", u64(0) + elf_file(files["both"]).replace(b"\x7fELF\2", b"\x7fELF\1"))
    write("fuzz_elf", "text", u64(0) + b"not a file of code")
    write("fuzz_elf", "wide-rows", u64(0) + elf_file(files["both"], entry_size=72))


# ---- the file of pinned builds

def pins():
    sha = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    kind = '{"type":"crawl.site","oldest":1,"version":2}'
    pin = '{"plugin":"crawl","sha256":"%s","since_ms":1795374101435,"types":[%s]}'
    files = {
        "one": pin % (sha, kind), "two": pin % (sha, kind + "," + kind) + "," + pin % (sha[::-1], kind), "no-types": pin % (sha, ""),
        "path": pin % ("../" * 21 + "x", kind), "long-sha": pin % (sha + "0", kind), "versions": pin % (sha, kind.replace("1", "3", 1)),
        "many": ",".join([pin % (sha, kind)] * 17), "negative": pin % (sha, kind.replace("2", "-2")), "huge": pin % (sha, kind.replace("2", "1e300")),
    }
    for name, items in files.items():
        write("fuzz_pins", name, '{"pins":[%s]}' % items)
    for name, text_ in {"empty": "", "list": "[]", "cut": '{"pins":[{"plugin":', "behind": '{"pins":[]}x', "kind": '{"pins":7}'}.items():
        write("fuzz_pins", name, text_)


# ---- what one binary leaves to the next: see host/supervisor/handover.c and host/store/pack.h

def varint(v):
    out = b""
    while v >= 0x80:
        out += bytes([v & 0x7F | 0x80])
        v >>= 7
    return out + bytes([v])


def packed(**fields):
    """n7=1 is number 7, a number; b7=..., the same with bytes, or a list of them."""
    out = b""
    for name, value in fields.items():
        number = int(name[1:])
        for v in value if isinstance(value, list) else [value]:
            if name[0] == "n":
                out += varint(number * 2) + varint(v * 2 if v >= 0 else -v * 2 - 1)
            else:
                v = v.encode() if isinstance(v, str) else v
                out += varint(number * 2 + 1) + varint(len(v)) + v + b"\0"
    return out


def handovers():
    job_id = bytes(range(1, 17))
    step, warning = packed(b1="s", b2=b"value"), packed(b1="code", b2="words")
    child = packed(b1=job_id, b2="q", b3="t.child", n5=1, n11=3, b18=b"{}")
    key_value = packed(n1=2, b2="counter", n3=1)
    output = packed(b1="o.txt", b2="text/plain", n3=3, b4=bytes(32))
    effects = packed(n1=100, n2=1, b5=[step], b6=[child], b7=[key_value], b8=[warning], b9=[output])
    attempt = packed(b1=job_id, b2="q", b3="t", n4=7, n5=1, n6=0, n8=3, n14=1000, n16=1000, b24=b"result", b25=b"log\n", b26=effects, b27=[packed(b1="o.txt")])
    worker = packed(n1=4711, n2=20, n3=21, n4=22, n6=5, n7=2, n10=1, n11=2, b12=[attempt])
    plugin = packed(b1="chaos", b2="0" * 64, b3="1" * 64, b4="worker", n5=1, n6=2, n7=1, n10=30000, n11=600000, n12=10000,
                    b17=record("HELLO", hello(), 0), b18=[packed(b1="landlock", b2="on", n3=0)], b19=[worker])
    socket = packed(n1=10, n2=1, b3="unix:/run/x")
    whole = {"n1": 1, "n2": 1, "n3": 99, "b4": "0.1.0", "b5": "2" * 64, "n6": 5, "n7": 9, "b8": [socket],
             "b9": [packed(n1=30, b2="unix:/run/x")], "b10": [plugin]}
    magic = b"JHNDOVR\n"
    write("fuzz_handover", "whole", magic + packed(**whole))
    write("fuzz_handover", "nothing", magic + packed(**{**whole, "b8": [], "b9": [], "b10": []}))
    write("fuzz_handover", "other-format", magic + packed(**{**whole, "n1": 2}))
    write("fuzz_handover", "damaged", magic + packed(**{**whole, "b10": [plugin[:-1] + b""]}))
    write("fuzz_handover", "text-for-a-number", magic + packed(b1="1") + packed(**whole))
    write("fuzz_handover", "number-for-a-text", magic + packed(n4=1) + packed(**whole))
    write("fuzz_handover", "cut", (magic + packed(**whole))[:-40])
    write("fuzz_handover", "effects", effects)
    write("fuzz_handover", "effects-bad-hash", packed(b9=[packed(b1="o", b4=b"short")]))


if __name__ == "__main__":
    elf()
    pins()
    handovers()
    records()
    redis_blobs()
    redis_replies()
    redis_hashes()
    redis_texts()
    json()
    retry()
    mapping()
    limiter_headers()
    fetches()
    crons()
    scenarios()
    zones()
    schedules()
    texts()
    http1()
    requests()
    submissions()
    supervisor()
    worker()

# ---- signed tokens, and deliveries of all schemes

PAYLOAD = ('{"iss":"Upstash","sub":"https://jobs.example.com/hooks/h","exp":1795254300,"nbf":0,"jti":"jwt_1",'
           '"body":"47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU="}')
write("fuzz_jwt", "token", "eyJhbGciOiJIUzI1NiJ9.e30." + "A" * 43)
write("fuzz_jwt", "object", '{"alg":"HS256","crit":["x"],"exp":1795254300,"a":{"b":[1,2.5e3,null]},"":0}')
write("fuzz_jwt", "twice", '{"alg":"none","a\\u006cg":"HS256"}')
write("fuzz_verify", "token", b"\2" + PAYLOAD.encode())
write("fuzz_verify", "token_escaped", b"\2" + PAYLOAD.replace("Upstash", "\\u0055pstash").encode())
for scheme in range(11):
    write("fuzz_verify", f"signed_{scheme}", bytes((1, scheme, 9)) + b'{"id":"evt_1","event_id":"Ev1"}')
write("fuzz_verify", "signed_form", bytes((1, 7, 9)) + b"a=1&b=%262&a=0")
HEADERS = {
    "qstash": "Upstash-Signature: eyJhbGciOiJIUzI1NiJ9.e30." + "A" * 43,
    "standard": "webhook-id: m\nwebhook-timestamp: 1795254000\nwebhook-signature: v1," + "A" * 43 + "= v2,AA v1a," + "A" * 86 + "==",
    "svix": "svix-id: m\nsvix-timestamp: 1795254000\nsvix-signature: v1," + "A" * 43 + "=",
    "github": "X-Hub-Signature-256: sha256=" + "0" * 64 + "\nX-GitHub-Delivery: d",
    "github_old": "X-Hub-Signature: sha1=" + "0" * 40,
    "stripe": "Stripe-Signature: t=1795254000,v1=" + "0" * 64 + ",v0=1,v1=" + "f" * 64,
    "slack": "X-Slack-Signature: v0=" + "0" * 64 + "\nX-Slack-Request-Timestamp: 1795254000",
    "shopify": "X-Shopify-Hmac-Sha256: " + "A" * 43 + "=",
    "twilio": "X-Twilio-Signature: " + "A" * 27 + "=\nContent-Type: application/x-www-form-urlencoded",
    "hmac": "X-Sig: t=1795254000,s=" + "0" * 64 + "\nX-Id: m",
    "gitlab": "X-Gitlab-Token: t\nIdempotency-Key: k",
    "bearer": "Authorization: Bearer t",
    "twice": "Authorization: Bearer t\nAuthorization: Bearer t",
}
for name, lines in HEADERS.items():
    write("fuzz_verify", name, b"\0" + lines.encode() + b"\n\na=1&b=2")
