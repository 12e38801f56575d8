"""What a Redis does to its hosts in its worst hours: it is killed, loses its last second, stands still, or cannot be heard. Nothing that was accepted is
lost, and nothing is committed twice. Figures are printed; counts are reduced unless JOBHOST_FULL=1."""
import bisect
import dataclasses
import glob
import os
import random
import signal
import subprocess
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
MIXED_MS = (*[0] * 36, 5, 5, 50, 300)  # some are under way at any moment, and two hosts keep up with RATE
KILLS = build.count(30, 4, 3)
TORN_BYTES = 400  # commands have up to so many
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

@dataclasses.dataclass
class Kill:
    """Before `since` the file had all that was answered; at `at` the server was gone."""
    since: float
    at: float

    def may_lose(self, told):
        return self.since <= told.answered and told.asked <= self.at


class Killer:
    """Kills Redis, and knows by looks at its append only file what went with it.

    An answer comes after the write of what it tells, unless a sync of the disk is under way: Redis then answers at once and writes up to 2 s later. So with
    `everysec` a slow disk may lose up to 3 s, and 2 s even if only the server dies. How slow it was is no matter of ours; but the file shows when it was
    written to."""

    def __init__(self, redis, dice):
        self._redis, self._dice, self._over = redis, dice, threading.Event()
        self._begun, self._had, self._seen = time.monotonic(), 0, []  # of this life of the server
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

    def start(self):
        """What a kill tore in the middle of a write is cut off first: Redis 7.0 would do half of a script at the start after the next one (docs/store-redis.md)."""
        subprocess.run(["redis-check-aof", "--fix", self._file()], input="y\n", text=True, capture_output=True, check=True)
        self._begun, self._had, self._seen = time.monotonic(), os.path.getsize(self._file()), []
        self._redis.start()

    def kill(self):
        self._redis.stop()
        return self._kill(time.monotonic())

    def cut_power(self):
        """As if the disk had not got the last second: what `appendfsync everysec` may lose with its machine. Few disks stop at the end of a command."""
        at = bisect.bisect_left(self._seen, (time.monotonic() - 1,))
        self._redis.stop()
        gone = time.monotonic()
        if at > 0:
            size = min(self._seen[at - 1][1], os.path.getsize(self._file()))
            os.truncate(self._file(), max(self._had, size - self._dice.randrange(TORN_BYTES)))
        return self._kill(gone)

    def _kill(self, at):
        """The write that ends where the file ends now may be there in part; the one before that is there."""
        size, seen = os.path.getsize(self._file()), list(self._seen)
        for _ in range(2):
            while seen and seen[-1][1] >= size:
                seen.pop()
            size = seen[-1][1] if seen else 0
        return Kill(seen[-1][0] if seen else self._begun, at)


def torment(killer, dice, kill):
    """The kills."""
    kills = []
    for _ in range(KILLS):
        time.sleep(dice.uniform(1.2, 4))  # the moment of the kill, not readiness
        kills.append(kill())
        time.sleep(dice.choice([0, 0, dice.uniform(0, 2), dice.uniform(0, 2)]))
        killer.start()
    time.sleep(1)
    return kills


@pytest.mark.parametrize("how", ["always", "everysec", "power"] if build.FULL else ["always"])
@pytest.mark.parametrize("hosts", [1, 2] if build.FULL else [1])
def test_killed(start_redis, make_fleet, how, hosts):
    """With `always` no job that was answered with 2xx is lost; else only those that Redis had not written to its file."""
    seed = build.seed()
    redis = start_redis("always" if how == "always" else "everysec")
    fleet = make_fleet(redis)
    fleet.add(hosts)
    dice = random.Random(seed)
    with Killer(redis, dice) as killer, Flood(fleet.hosts, traces(fleet, seed, MIXED_MS), RATE) as flood:
        kills = torment(killer, dice, killer.cut_power if how == "power" else killer.kill)
    jobs = settle(fleet.hosts[0])
    lost = [t for job, t in flood.accepted().items() if job not in jobs]
    ages = [max((kill.at - t.answered for kill in kills if kill.may_lose(t)), default=None) for t in lost]
    print(f"{how}, {hosts} hosts, {len(kills)} kills; {flood}\n{figures(fleet, jobs)}; {len(lost)} of {len(flood.accepted())} with 2xx are lost, "
          f"answered {max(filter(None, ages), default=0):.2f} s before a kill at most; worst overlap {fleet.worst_overlap():.2f} s")
    if how == "always":
        assert not lost, lost[:3]
    unexplained = [t for t, age in zip(lost, ages) if age is None]
    assert not unexplained, unexplained[:3]


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


def assert_order(fleet, flood, jobs):
    """Of each queue, those that went to the spool began in the order of their ids. Not so the few that began when a lease had ended: Redis, awake again, first
    does what lay in its socket, also a claim that nobody waits for any more, and such a claim is never sent twice (docs/store-redis.md). They are told by their
    changes of state: submitted, claimed, ended is 3."""
    ran = {job: min(times[0] for times in runs.values()) for job, runs in fleet.executions().items() if jobs[job]["rev"] == 3}
    spooled = [t for t in flood.told() if t.degraded and t.id in ran]
    for queue in {t.queue for t in spooled}:
        ids = [job for _, job in sorted((ran[t.id], t.id) for t in spooled if t.queue == queue)]
        assert ids == sorted(ids), [(a, b) for a, b in zip(ids, sorted(ids)) if a != b][:3]
    late = sum(1 for t in flood.told() if t.degraded) - len(spooled)
    assert late <= QUEUES, late
    return f"{len(spooled)} of the spool in order, {late} claimed twice"


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
    print(f"{figures(fleet, jobs)}; {assert_order(fleet, flood, jobs)}")


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
    print(f"{how}: ready after {ready_s:.2f} s; {flood}; {figures(fleet, jobs)}; {assert_order(fleet, flood, jobs)}")
    assert all(t.status == 202 for t in flood.told())
    assert set(jobs) == set(flood.accepted()) and any(t.degraded for t in flood.told())
