"""Kills at random moments while a workload is on its way."""
import os
import random
import signal
import time

from .host import chaos
from .procs import workers_of
from .workload import JOBS_CONFIG, Submitter, Workload

CONFIG = {"plugins": chaos(workers=2, threads=2, grace="500ms"), "jobs": JOBS_CONFIG}
LEAD = 0.1  # so much of the work is under way ahead of the kills


def kill_a_worker(host, dice):
    """False: none was there."""
    workers = workers_of(host.pid)
    if workers:
        try:
            os.kill(dice.choice(workers), signal.SIGKILL)
        except ProcessLookupError:
            return False
    return bool(workers)


def kill_the_host(host, dice):
    host.kill()
    host.start()
    return True


def storm(host, seed, jobs, kills, weapons):
    """The report at the end, which is the same after one more restart."""
    dice = random.Random(seed)
    host.start()
    work = Workload(seed, jobs)
    done = 0
    with Submitter(work, host) as submitter:
        while done < kills:
            time.sleep(dice.uniform(0, 0.12))  # the moment of the kill, not readiness
            done += dice.choice(weapons)(host, dice)
            submitter.let(done / kills + LEAD)
    report = work.check(host)
    host.restart()
    assert work.check(host).findings() == report.findings(), "another answer after a restart"
    return report


def storm_at_start(host, seed, jobs, kills):
    """The host is killed again and again before it has taken over what the last one left."""
    dice = random.Random(seed)
    host.start()
    work = Workload(seed, jobs)
    work.submit(host)
    for _ in range(kills):
        host.kill()
        with host.launch():
            time.sleep(dice.uniform(0, 0.05))
    host.kill()
    host.start()
    return work.check(host)
