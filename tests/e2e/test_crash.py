"""A thousand jobs while workers and the host itself are killed at random moments: nothing is lost, nothing is done twice, nothing is
left over. The seed of a run is printed; JOBHOST_SEED repeats it."""
import os
import random
import time

import pytest

from lib import build
from lib.host import chaos
from lib.procs import workers_of
from lib.workload import JOBS_CONFIG, Submitter, Workload

JOBS = build.count(1000, 300, 60)
KILLS = build.count(100, 15, 5)
LEAD = 0.1  # so much of the work is under way ahead of the kills
CONFIG = {"plugins": chaos(workers=2, threads=2, grace="500ms"), "jobs": JOBS_CONFIG}


@pytest.fixture
def seed():
    value = int(os.environ.get("JOBHOST_SEED", random.SystemRandom().randrange(1 << 32)))
    print(f"JOBHOST_SEED={value}")
    return value


def kill_a_worker(host, dice):
    """False: none was there."""
    workers = workers_of(host.pid)
    if workers:
        try:
            os.kill(dice.choice(workers), 9)
        except ProcessLookupError:
            return False
    return bool(workers)


def kill_the_host(host, dice):
    host.kill()
    host.start()
    return True


def storm(make_host, seed, *weapons):
    dice = random.Random(seed)
    host = make_host(CONFIG)
    host.start()
    work = Workload(seed, JOBS)
    done = 0
    with Submitter(work, host) as submitter:
        while done < KILLS:
            time.sleep(dice.uniform(0, 0.12))  # the moment of the kill, not readiness
            done += dice.choice(weapons)(host, dice)
            submitter.let(done / KILLS + LEAD)
    report = work.check(host)
    print(f"{KILLS} kills: {report}")
    report.assert_clean()
    # and once more from disk
    host.restart()
    work.check(host).assert_clean()


def test_workers_are_killed(make_host, seed):
    storm(make_host, seed, kill_a_worker)


def test_the_host_is_killed(make_host, seed):
    storm(make_host, seed, kill_the_host)


def test_both_are_killed(make_host, seed):
    storm(make_host, seed, kill_a_worker, kill_the_host)


def test_killed_while_starting(make_host, seed):
    """Again and again before it has even taken over what the last one left."""
    dice = random.Random(seed)
    host = make_host(CONFIG)
    host.start()
    work = Workload(seed, JOBS // 3)
    work.submit(host)
    for _ in range(KILLS):
        host.kill()
        host.launch()
        time.sleep(dice.uniform(0, 0.05))
    host.kill()
    host.start()
    report = work.check(host)
    print(f"{KILLS} kills while starting: {report}")
    report.assert_clean()
