"""A real host whose Redis is killed and comes back: intake goes on, and every job runs once."""
import os
import signal
from concurrent import futures

import pytest

from lib import build
from lib.procs import wait_until
from lib.redis import CLIENT, SERVER, Redis

pytestmark = pytest.mark.skipif(SERVER is None or CLIENT is None, reason="redis-server is not installed (scripts/deps --test)")

UNKNOWN = "0198c1a2-0000-7000-8000-000000000001"
JOBS = build.count(100, 30, 10)


@pytest.fixture
def redis(folder):
    server = Redis(os.path.join(folder, "redis"), "--appendonly", "yes", "--appendfsync", "always").start()
    yield server
    server.stop()


@pytest.fixture
def host(redis, make_host, folder):
    return make_host({"store": {"url": f"unix:{redis.socket}", "fallback": f"sqlite:{folder}/spool.db", "connect_timeout": "1s"},
                      "host": {"lease": "5s"}})  # after which a claim whose answer was lost is found


def submit(host, **more):
    return host.call("POST", "/v1/jobs", {"type": "chaos.echo", "payload": {}, **more})


def health(host):
    answer = host.call("GET", "/healthz")
    return answer.status, answer.json


def is_away(host):
    return health(host)[1]["store"] == "degraded"


def test_redis_is_killed_and_comes_back(host, redis):
    host.start()
    first = submit(host, key="k")
    assert first.status == 202 and first.json["duplicate"] is False
    redis.stop()
    wait_until(lambda: is_away(host), build.PATIENCE_S, "the host notices")
    waiting = []
    for _ in range(JOBS):
        answer = submit(host)
        assert answer.status == 202 and answer.json["degraded"] is True and answer.json["duplicate"] is None, answer.raw
        waiting.append(answer.json["id"])
    twin = submit(host, key="k", dedup={"mode": "return", "ttl": "1h"}).json["id"]
    for mode, more in (("reject", {}), ("replace", {}), ("debounce", {"delay": "1h"})):
        refused = submit(host, key="k", dedup={"mode": mode}, **more)
        assert refused.status == 503 and refused.error["code"] == "store_away", mode
    status, state = health(host)
    assert status == 200 and state["since"] and state["fault"] and state["spool"]["waiting"] == JOBS + 1, state
    assert host.call("GET", "/readyz").status == 200
    shown = host.call("GET", f"/v1/jobs/{waiting[0]}").json
    assert shown["state"] == "queued" and shown["degraded"] is True
    redis.start()
    wait_until(lambda: not is_away(host) and health(host)[1]["spool"]["waiting"] == 0, build.PATIENCE_S, "all is forwarded")
    for job in waiting:
        done = host.wait_job(job)
        assert done["state"] == "succeeded" and done["attempt"] == 1, done
    assert host.wait_job(twin)["state"] in ("succeeded", "duplicate")


@pytest.mark.parametrize("how", ["down", "still"])
def test_started_while_redis_is_away(host, redis, how):
    """The start does not wait for what it would ask of the store: that fails when its time is over, and is in the log then."""
    redis.stop() if how == "down" else redis.process.send_signal(signal.SIGSTOP)
    host.start()
    lines = host.read_log().splitlines()
    events = [event for line in lines for event in ("store.degraded", "store.start", "host.ready") if f" {event} " in line]
    assert events == ["store.degraded", "host.ready"], lines
    waiting = [submit(host) for _ in range(JOBS)]
    assert all(answer.status == 202 and answer.json["degraded"] is True for answer in waiting), waiting
    redis.start() if how == "down" else redis.process.send_signal(signal.SIGCONT)
    for answer in waiting:
        done = host.wait_job(answer.json["id"])
        assert done["state"] == "succeeded" and done["attempt"] == 1, done
    wait_until(lambda: not is_away(host) and health(host)[1]["spool"]["waiting"] == 0, build.PATIENCE_S, "all is forwarded")


def test_redis_stands_still(host, redis):
    """What the spool can take has less time to be answered than what only the store can decide. Either may have happened, and happens once."""
    host.start()
    first = submit(host).json["id"]
    host.wait_job(first)
    redis.process.send_signal(signal.SIGSTOP)
    with futures.ThreadPoolExecutor(1) as pool:
        patient = pool.submit(submit, host.another(), key="k", dedup={"mode": "reject"})
        waiting = [submit(host) for _ in range(3)]
        assert not patient.done()
        redis.process.send_signal(signal.SIGCONT)
        answer = patient.result()
    for taken in waiting:
        assert taken.status == 202 and taken.json["degraded"] is True and taken.json["duplicate"] is None, taken.raw
    assert answer.status == 202 and answer.json["duplicate"] is False, answer.raw
    jobs = {taken.json["id"] for taken in (*waiting, answer)}
    for job in jobs:
        done = host.wait_job(job)
        assert done["state"] == "succeeded" and done["attempt"] == 1, done
    wait_until(lambda: health(host)[1]["spool"]["waiting"] == 0, build.PATIENCE_S, "all is forwarded")
    assert {job["id"] for job in host.list()} == jobs | {first}
    host.assert_sound()


ASKED = [  # of the store alone, in their ways through the host
    ("POST", "/v1/jobs", {"type": "chaos.echo", "payload": {}}),
    ("POST", "/v1/jobs", [{"type": "chaos.echo", "payload": {}}]),
    ("POST", "/v1/blobs", b"content"),
    ("GET", "/v1/jobs", None),
    ("GET", f"/v1/jobs/{UNKNOWN}", None),
    ("GET", f"/v1/jobs/{UNKNOWN}/result", None),
    ("POST", f"/v1/jobs/{UNKNOWN}/cancel", None),
    ("DELETE", f"/v1/jobs/{UNKNOWN}", None),
    ("GET", "/v1/queues", None),
    ("POST", "/v1/queues/q/pause", {"why": "a test"}),
    ("GET", "/v1/hosts", None),
    ("GET", "/v1/audit", None),
]


def test_what_only_redis_could_answer(make_host, redis):
    """Without a spool, every refusal says that the store is away, and none that it takes no writes or may have done it."""
    host = make_host({"store": {"url": f"unix:{redis.socket}"}})
    host.start()
    redis.stop()
    wait_until(lambda: is_away(host), build.PATIENCE_S, "the host notices")
    with futures.ThreadPoolExecutor(len(ASKED)) as pool:
        answers = list(pool.map(lambda what: host.another().call(*what), ASKED))
    for (method, path, _), answer in zip(ASKED, answers):
        assert answer.status == 503, (method, path, answer.raw)
        assert answer.error["code"] == "store_away", (method, path, answer.raw)
        assert "again when it is back" in answer.error["message"], answer.raw
        assert answer.headers.get("Retry-After"), (method, path)


def test_stopped_while_redis_is_away(host, redis):
    host.start()
    redis.stop()
    wait_until(lambda: is_away(host), build.PATIENCE_S, "the host notices")
    job = submit(host).json["id"]
    host.stop()
    redis.start()
    host.start()
    assert host.wait_job(job)["state"] == "succeeded"


def test_killed_while_redis_is_away(host, redis):
    host.start()
    redis.stop()
    wait_until(lambda: is_away(host), build.PATIENCE_S, "the host notices")
    waiting = [submit(host).json["id"] for _ in range(JOBS)]
    host.kill()
    redis.start()
    host.start()
    for job in waiting:
        assert host.wait_job(job)["state"] == "succeeded"
    assert health(host)[1]["spool"]["waiting"] == 0
