"""A thousand jobs while workers and the host itself are killed at random moments: nothing is lost, nothing is done twice, nothing is
left over. The seed of a run is printed; JOBHOST_SEED repeats it."""
import random
import time

import pytest

from lib import build
from lib.clock import Clock
from lib.procs import wait_until
from lib.storm import CONFIG, kill_a_worker, kill_the_host, storm, storm_at_start
from lib.submit_storm import SubmitStorm

JOBS = build.count(1000, 300, 60)
KILLS = build.count(100, 15, 5)


@pytest.mark.parametrize("weapons", [(kill_a_worker,), (kill_the_host,), (kill_a_worker, kill_the_host)],
                         ids=["workers", "host", "both"])
def test_storm(make_host, weapons):
    seed = build.seed()
    report = storm(make_host(CONFIG), seed, JOBS, KILLS, weapons)
    print(f"{KILLS} kills: {report}")
    report.assert_clean()


def test_storm_while_starting(make_host):
    seed = build.seed()
    report = storm_at_start(make_host(CONFIG), seed, JOBS // 3, KILLS)
    print(f"{KILLS} kills: {report}")
    report.assert_clean()


STORMS = {
    "submits": {"clients": 6, "parts": build.count(500, 60, 15)},
    # nearly every death is in the middle of several bodies
    "uploads": {"clients": 4, "parts": build.count(12, 4, 2), "kinds": ("form",), "sizes": (1 << 20, 8 << 20, build.count(24, 8, 2) << 20)},
}


@pytest.mark.parametrize("kind", STORMS)
def test_storm_of_submissions(make_host, folder, kind):
    """Clients over TCP with JSON and forms while the host is killed: every 2xx is one job, and no content is left that none names."""
    seed = build.seed()
    dice = random.Random(seed)
    clock = Clock.create(f"{folder}/clock")
    host = make_host(CONFIG, env={"JOBHOST_TEST_CLOCK": clock.path})
    host.start()
    kills, shortest = 0, 0.15 if kind == "submits" else 0.6
    pause = shortest
    with SubmitStorm(host, seed, **STORMS[kind]) as storm:
        while storm.busy():
            kept = len(storm.promised)
            time.sleep(dice.uniform(0, pause))  # the moment of the kill, not readiness
            pause = shortest if len(storm.promised) > kept else pause * 1.5  # a slow machine must get something done between two of them
            kills += kill_the_host(host, dice)
    print(f"{kills} kills, {len(storm.promised)} jobs, {len(storm.files)} of them forms, {storm.uploaded() >> 20} MiB")
    storm.check()
    clock.advance(2 * 3600_000)  # content that no job names is swept after an hour
    wait_until(storm.check_blobs, build.PATIENCE_S, lambda: f"{set(storm.blob_files()) ^ storm.named_blobs()} is swept")
    host.restart()
    storm.check()
    assert storm.check_blobs()
