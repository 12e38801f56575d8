"""What a Redis does to its hosts in its worst hours: it is killed, loses its last second, stands still, or cannot be heard. Nothing that was accepted is
lost, and nothing is committed twice. Figures are printed; counts are reduced unless JOBHOST_FULL=1."""
import bisect
import glob
import os
import random
import signal
import threading
import time

import pytest

from lib import build, partition, redis as redis_lib
from lib.fleet import GAP_S, LEASE_S, Fleet
from lib.flood import Flood, spread
from lib.procs import wait_until
from lib.redis import Redis

pytestmark = pytest.mark.skipif(redis_lib.SERVER is None or redis_lib.CLIENT is None, reason="redis-server is not installed (scripts/deps --test)")

RATE = build.count(500, 200, 50)  # submissions a second
QUEUES = 4
KILLS = build.count(30, 4, 3)
NOTICE_S = 15  # until every submission knows that Redis is away: an operation's time, and some patience
AWAY_S = build.count(60, 20, 20)  # for longer than that, and than a lease
BOUND_S = LEASE_S / 2 + GAP_S
END_S = build.count(600, 60)


@pytest.fixture
def start_redis(folder):
    servers = []

    def start(fsync):
        servers.append(Redis(os.path.join(folder, "redis"), "--appendonly", "yes", "--appendfsync", fsync, "--auto-aof-rewrite-percentage", "0").start())
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def make_fleet(make_host, folder):
    return lambda redis: Fleet(make_host, redis, folder)


def fallback(fleet, folder):
    """The store section of a host with a spool."""
    return {"store": {"url": f"unix:{fleet.redis.socket}", "fallback": f"sqlite:{folder}/spool.db"}}


def one_at_a_time():
    """Queues whose jobs start one after the other, so that their order shows."""
    return {"queues": {f"q{n}": {"concurrency": 1} for n in range(QUEUES)}}


def traces(fleet, seed, ms=(0,)):
    """What a flood submits."""
    def make(client, n):
        dice = random.Random(f"{seed} {client} {n}")
        return f"q{dice.randrange(QUEUES)}", {"type": "chaos.trace", "payload": {"file": fleet.trace, "ms": dice.choice(ms)}}
    return make


def health(host):
    return host.call("GET", "/healthz").json


def wait_forwarded(host):
    wait_until(lambda: health(host)["store"] != "degraded" and health(host)["spool"]["waiting"] == 0, END_S, lambda: f"all is forwarded: {health(host)}")


def settle(host):
    """All jobs, by id, once none is open; each that is there has succeeded, and its one commit was counted once."""
    wait_until(lambda: host.call("GET", "/healthz").status == 200, build.PATIENCE_S, host.log_tail)
    host.wait_idle(seconds=END_S)
    jobs = {j["id"]: j for j in host.list() if j["type"] == "chaos.trace"}
    wrong = [j for j in jobs.values() if j["state"] != "succeeded"]
    assert not wrong, wrong[:3]
    counted = host.counters([f"sink:{job}:end" for job in jobs])
    odd = {key: value for key, value in counted.items() if value != 1}
    assert not odd, f"{len(odd)} of {len(counted)} were not counted once: {list(odd.items())[:5]}"
    host.assert_sound()
    return jobs


def figures(fleet, jobs):
    """How often jobs ran."""
    ran = fleet.executions()
    again = sum(1 for job in jobs if len(ran[job]) > 1)
    return f"{len(jobs)} jobs, all succeeded and counted once; {again} ran more than once, {sum(1 for j in jobs.values() if j.get('lost'))} of them by a lost lease"


# ---- it is killed

class PowerCuts:
    """Kills that take with them what was written in the last second: what `appendfsync everysec` may lose with its machine."""

    def __init__(self, redis):
        self._redis, self._seen, self._over = redis, [], threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()

    def _file(self):
        name, = glob.glob(os.path.join(self._redis.folder, "appendonlydir", "*.incr.aof"))
        return name

    def _watch(self):
        while not self._over.wait(0.02):
            self._seen.append((time.monotonic(), os.path.getsize(self._file())))

    def cut(self):
        at = bisect.bisect_left(self._seen, (time.monotonic() - 1,))
        self._redis.stop()
        if at > 0:
            os.truncate(self._file(), min(self._seen[at - 1][1], os.path.getsize(self._file())))


def torment(redis, dice, kill):
    """The moments at which it was killed."""
    moments = []
    for _ in range(KILLS):
        time.sleep(dice.uniform(1.2, 4))  # the moment of the kill, not readiness
        moments.append(time.monotonic())
        kill()
        time.sleep(dice.choice([0, 0, dice.uniform(0, 2), dice.uniform(0, 2)]))
        redis.start()
    time.sleep(1)
    return moments


@pytest.mark.parametrize("how", ["always", "everysec", "power"] if build.FULL else ["always"])
@pytest.mark.parametrize("hosts", [1, 2] if build.FULL else [1])
def test_killed(start_redis, make_fleet, how, hosts):
    """With `always` no job that was answered with 2xx is lost; else at most those of the last second before a kill."""
    seed = build.seed()
    redis = start_redis("always" if how == "always" else "everysec")
    fleet = make_fleet(redis)
    fleet.add(hosts)
    with PowerCuts(redis) as power, Flood(fleet.hosts, traces(fleet, seed, (0, 0, 0, 5, 50, 300)), RATE) as flood:
        moments = torment(redis, random.Random(seed), power.cut if how == "power" else redis.stop)
    jobs = settle(fleet.hosts[0])
    lost = [t for job, t in flood.accepted().items() if job not in jobs]
    ages = sorted(min((at - t.answered for at in moments if at >= t.answered), default=1e9) for t in lost)
    print(f"{how}, {hosts} hosts, {len(moments)} kills; {flood}\n{figures(fleet, jobs)}; {len(lost)} of {len(flood.accepted())} with 2xx are lost, "
          f"answered at most {ages[-1] if ages else 0:.2f} s before a kill; worst overlap {fleet.worst_overlap():.2f} s")
    if how == "always":
        assert not lost, lost[:3]
    assert not ages or ages[-1] < 3.5, ages[-5:]  # a second, and up to 2 in which writes wait for a sync that is under way


# ---- it stands still

def stand_still(redis, seconds):
    redis.process.send_signal(signal.SIGSTOP)
    time.sleep(seconds)  # it cannot say when this is over
    redis.process.send_signal(signal.SIGCONT)


def still_flood(redis, fleet, seed):
    with Flood(fleet.hosts, traces(fleet, seed), RATE) as flood:
        time.sleep(2)  # some before
        begin = time.monotonic()
        stand_still(redis, AWAY_S)
        end = time.monotonic()
        time.sleep(3)  # and some after
    return flood, [t for t in flood.told() if begin + NOTICE_S <= t.asked < end - 1]


def assert_order(fleet, flood):
    """Of each queue, those that went to the spool at once began in the order of their ids; one that was on its way may have arrived."""
    firsts = {job: min(times[0] for times in runs.values()) for job, runs in fleet.executions().items() if len(runs) == 1}
    checked = 0
    for queue in {t.queue for t in flood.told()}:
        began = sorted((firsts[t.id], t.id) for t in flood.told() if t.degraded and t.answered - t.asked < 1 and t.queue == queue and t.id in firsts)
        ids = [job for _, job in began]
        assert ids == sorted(ids), [(a, b) for a, b in zip(ids, sorted(ids)) if a != b][:3]
        checked += len(ids)
    return checked


def test_stands_still_with_a_spool(start_redis, make_fleet, folder):
    seed = build.seed()
    redis = start_redis("everysec")
    fleet = make_fleet(redis)
    host = fleet.add(**fallback(fleet, folder), **one_at_a_time())
    flood, meanwhile = still_flood(redis, fleet, seed)
    print(f"{AWAY_S} s still; {flood}; meanwhile {spread(meanwhile)}")
    wait_forwarded(host)
    jobs = settle(host)
    told = flood.told()
    assert all(t.status == 202 for t in told), [t for t in told if t.status != 202][:3]
    assert meanwhile and all(t.degraded for t in meanwhile)
    assert set(jobs) == set(flood.accepted())
    print(f"{figures(fleet, jobs)}; {assert_order(fleet, flood)} of the spool in order")


def test_stands_still_without_a_spool(start_redis, make_fleet):
    seed = build.seed()
    redis = start_redis("everysec")
    fleet = make_fleet(redis)
    host = fleet.add()
    flood, meanwhile = still_flood(redis, fleet, seed)
    jobs = settle(host)
    print(f"{AWAY_S} s still; {flood}; meanwhile {spread(meanwhile)}; {figures(fleet, jobs)}")
    lost = set(flood.accepted()) - set(jobs)
    assert not lost, len(lost)
    assert meanwhile and all(t.status == 503 for t in meanwhile), [t for t in meanwhile if t.status != 503][:3]
    took = sorted(t.answered - t.asked for t in meanwhile)
    assert took[len(took) // 2] < 1, spread(meanwhile)


# ---- it cannot be heard

@pytest.mark.parametrize("lost", [partition.BOTH, partition.REQUESTS, partition.REPLIES] if build.FULL else [partition.BOTH])
def test_partitioned(start_redis, make_fleet, folder, lost):
    """One host of two, for longer than the lease: the other one takes over, and what the first one still commits is refused."""
    seed = build.seed()
    dice = random.Random(seed)
    redis = start_redis("everysec")
    fleet = make_fleet(redis)
    with partition.Network(f"{folder}/net", redis.socket) as network:
        one, other = fleet.add(store={"url": f"unix:{network.path}"}), fleet.add()
        long = []
        with Flood([other], traces(fleet, seed, (0, 0, 5, 50)), RATE / 4, 4):
            for _ in range(build.count(10, 2, 1)):
                # some end while nobody hears of it, some would go on after another host may have them
                for ms, deaf in ((2000, True), (3000, False), (8000, False), (8000, True)):
                    long += [fleet.submit_trace(other, ms, deaf=deaf, queue="long") for _ in range(2)]
                time.sleep(dice.uniform(0.5, 2))  # the moment
                network.lose(lost)
                time.sleep(dice.uniform(1.2, 2.5) * LEASE_S)  # it does not say when it is over
                network.heal()
                wait_until(lambda: one.call("GET", "/healthz").status == 200, build.PATIENCE_S, one.log_tail)
        jobs = settle(other)
        assert set(long) <= set(jobs)
        fenced = sum(host.read_log().count("attempt.fenced") for host in fleet.hosts)
        worst = fleet.worst_overlap()
        print(f"{network.swallowed} bytes lost; {figures(fleet, jobs)}; {fenced} fenced; worst overlap {worst:.2f} s, bound {LEASE_S / 2} s")
        assert worst <= BOUND_S
        one.wait_job(one.submit("chaos.echo", {}), "succeeded")
        for host in fleet.hosts:  # while there is a way
            host.end()


# ---- it is not there at the start

@pytest.mark.parametrize("how", ["down", "still"])
def test_away_at_the_start(start_redis, make_fleet, folder, how):
    seed = build.seed()
    redis = start_redis("everysec")
    fleet = make_fleet(redis)
    host = fleet.add(start=False, **fallback(fleet, folder), **one_at_a_time())
    if how == "down":
        redis.stop()
    else:
        redis.process.send_signal(signal.SIGSTOP)
    began = time.monotonic()
    host.start()
    ready_s = time.monotonic() - began
    with Flood(fleet.hosts, traces(fleet, seed), RATE) as flood:
        time.sleep(build.count(30, 3, 3))
        assert host.call("GET", "/readyz").status == 200 and health(host)["store"] == "degraded"
        if how == "down":
            redis.start()
        else:
            redis.process.send_signal(signal.SIGCONT)
        time.sleep(3)
    wait_forwarded(host)
    jobs = settle(host)
    print(f"{how}: ready after {ready_s:.2f} s; {flood}; {figures(fleet, jobs)}; {assert_order(fleet, flood)} of the spool in order")
    assert all(t.status == 202 for t in flood.told())
    assert set(jobs) == set(flood.accepted()) and any(t.degraded for t in flood.told())
