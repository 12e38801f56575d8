"""A thousand jobs while workers and the host itself are killed at random moments: nothing is lost, nothing is done twice, nothing is
left over. The seed of a run is printed; JOBHOST_SEED repeats it."""
import pytest

from lib import build
from lib.storm import CONFIG, kill_a_worker, kill_the_host, storm, storm_at_start

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
