"""Deliveries while the host is killed at random moments: every 2xx is a job, once, however often its sender tried."""
import random
import time

import pytest

from lib import build, redis as redis_lib
from lib.delivery_storm import HOOKS, DeliveryStorm
from lib.host import chaos
from lib.procs import wait_until
from lib.redis import Redis
from lib.storm import kill_the_host

SENDERS, EACH, KILLS = 6, build.count(500, 50, 20), build.count(60, 8, 4)


@pytest.fixture
def store(request, folder):
    """The store section of the parameter's kind."""
    if request.param == "sqlite":
        yield {}
        return
    if redis_lib.SERVER is None:
        pytest.skip("redis-server is not installed (scripts/deps --test)")
    server = Redis(f"{folder}/redis", "--appendonly", "yes").start()
    yield {"store": {"url": f"unix:{server.socket}"}}
    server.stop()


@pytest.mark.parametrize("store", ["sqlite", "redis"], indirect=True)
def test_storm_of_deliveries(make_host, store):
    seed = build.seed()
    dice = random.Random(seed)
    host = make_host({"plugins": chaos(threads=2), "hooks": HOOKS, **store})
    host.start()
    with DeliveryStorm(host, seed, SENDERS, EACH) as storm:
        for _ in range(KILLS):
            kept = len(storm.promised)
            wait_until(lambda: len(storm.promised) > kept, build.PATIENCE_S, "something is accepted between two kills")
            time.sleep(dice.uniform(0, 0.1))  # the moment of the kill, not readiness
            kill_the_host(host, dice)
        storm.end()
    print(f"{len(storm.promised)} deliveries, {storm.duplicates} told that they had been here")
    storm.check()
    host.restart()
    storm.check()
