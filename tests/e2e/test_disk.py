"""The store's own troubles, with a real file system: two hosts on one file, a full disk, a damaged file, what a crash leaves lying."""
import contextlib
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import threading

import pytest

from lib import build
from lib.api import Unreachable
from lib.host import chaos
from lib.procs import wait_until
from lib.workload import JOBS_CONFIG, Workload

SOON = {"backoff": "fixed", "base": "10ms", "jitter": 0}
MIB = 1 << 20


def share(make_host, one, **config):
    """A second host on the store of the first."""
    return make_host({**config, "store": {"url": f"sqlite:{one.state_dir}/jobhost.db"}}, name="second")


# ---- one file, one host

def test_second_host_is_refused_by_name_of_the_first(make_host, host):
    other = share(make_host, host)
    assert other.start(ready=False) is False
    assert other.reap() == 1
    words = other.log_tail(5)
    assert f"process {host.pid}" in words and "jobhost.db" in words, words
    # the first has not noticed
    assert host.wait_job(host.submit("chaos.echo", {}))["state"] == "succeeded"
    host.stop()
    other.start()
    assert other.wait_job(other.submit("chaos.echo", {}))["state"] == "succeeded"


def test_the_lock_goes_with_a_killed_host(make_host, host):
    job = host.submit("chaos.echo", {}, delay="1ms")
    host.kill()
    other = share(make_host, host)
    other.start()
    assert other.wait_job(job)["state"] == "succeeded"


def test_a_clock_that_is_moved_makes_nothing_late(make_host, clock):
    """What waits for the disk waits in real time."""
    host = make_host(env={"JOBHOST_TEST_CLOCK": clock.path})
    host.start()
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(host.another().call("POST", "/v1/jobs", {"type": "chaos.echo", "payload": {}}))) for _ in range(4)]
    with contextlib.closing(sqlite3.connect(f"{host.state_dir}/jobhost.db", isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        for thread in threads:
            thread.start()
        for _ in range(20):
            host.get("/v1/version")  # they were heard before these
        clock.advance(60_000)
        for _ in range(20):
            host.get("/v1/version")
        db.execute("ROLLBACK")
    for thread in threads:
        thread.join()
    assert [a.status for a in answers] == [202] * 4, answers
    clock.speed(1)


# ---- no room

def let_grow(host, size):
    """How large its files may get from now on."""
    resource.prlimit(host.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def fill(host, size):
    """Submits until the disk is full; ids of what was accepted."""
    accepted = []
    while len(accepted) < 4 * size // 50_000:
        answer = host.call("POST", "/v1/jobs", {"type": "chaos.echo", "payload": {"x": "x" * 50_000}, "queue": "stopped"})
        if answer.status != 202:
            assert answer.status == 503 and answer.headers["Retry-After"], answer.raw
            return accepted, answer
        accepted.append(answer.json["id"])
    raise AssertionError("it never got full")


@pytest.fixture
def cramped(make_host):
    """A host whose files may have 3 MiB."""
    host = make_host({"plugins": chaos(threads=4), "jobs": JOBS_CONFIG})
    host.start(file_size=3 * MIB)
    host.post("/v1/queues/stopped/pause", {"why": "collect"})
    return host


def test_full_disk_refuses_reads_and_recovers(cramped):
    stepping = cramped.submit("chaos.steps", {"steps": 3, "pause_ms": 700})
    ending = cramped.submit("chaos.sleep", {"ms": 1000})
    cramped.wait_started(stepping)
    cramped.wait_started(ending)
    accepted, answer = fill(cramped, 3 * MIB)
    assert answer.error["code"] in ("store_read_only", "store_unavailable"), answer.raw
    assert len(answer.error["message"]) > 20
    # reads go on, and nothing of what was accepted is missing
    assert len(cramped.list(queue="stopped")) == len(accepted)
    wait_until(lambda: cramped.call("GET", "/healthz").status == 503, build.PATIENCE_S, "unhealthy")
    health = cramped.call("GET", "/readyz")
    assert health.status == 503 and health.json["store"] == "degraded" and health.json["fault"], health.raw
    assert "store.degraded" in cramped.read_log()
    reasons = cramped.explain(accepted[0])
    assert "takes no writes" in reasons["store"], reasons
    # what runs goes on; what it commits is kept until it can be written
    wait_until(lambda: not cramped.job(ending).get("started"), build.PATIENCE_S, "run() has returned")
    assert cramped.job(ending)["state"] == "running"
    let_grow(cramped, resource.RLIM_INFINITY)
    for job in cramped.wait_all([stepping, ending]):
        assert (job["state"], job["attempt"]) == ("succeeded", 1), job
    wait_until(lambda: cramped.call("GET", "/healthz").status == 200, build.PATIENCE_S, "well again")
    assert set(cramped.counters([f"sink:{stepping}:{n}" for n in (1, 2, 3, "end")]).values()) == {1}
    cramped.post("/v1/queues/stopped/resume")
    assert all(j["state"] == "succeeded" for j in cramped.wait_all(accepted))
    cramped.assert_sound()


def test_full_disk_and_then_a_crash(cramped):
    accepted, _ = fill(cramped, 3 * MIB)
    cramped.kill()
    cramped.start()
    assert {j["id"] for j in cramped.list(queue="stopped")} == set(accepted)
    cramped.post("/v1/queues/stopped/resume")
    assert all(j["state"] == "succeeded" for j in cramped.wait_all(accepted))
    cramped.assert_sound()


def test_stopping_on_a_full_disk(cramped):
    """A drain must not wait for ever for a store that takes nothing."""
    job = cramped.submit("chaos.sleep", {"ms": 600_000})
    cramped.wait_started(job)
    fill(cramped, 3 * MIB)
    cramped.send(signal.SIGTERM)
    cramped.reap()
    cramped.start()
    wait_until(lambda: cramped.job(job).get("started"), build.PATIENCE_S, "it runs again")
    cramped.act(job, "cancel")
    cramped.wait_job(job)
    cramped.assert_sound()


def test_a_result_that_finds_no_room_is_not_lost(make_host):
    """It waits for some, and with it the end of its job, which has run once."""
    host = make_host({"plugins": chaos()})
    host.start(file_size=resource.RLIM_INFINITY)
    let_grow(host, 4 * MIB)  # its worker has no such bound
    job = host.submit("chaos.big_result", {"bytes": 6 * MIB}, max=1000, retry=SOON)
    wait_until(lambda: host.log_tail().count("result.not_written") > 1, build.PATIENCE_S, "it is written in vain")
    assert host.job(job)["state"] == "running"
    let_grow(host, resource.RLIM_INFINITY)
    done = host.wait_job(job)
    assert (done["state"], done["attempts"]) == ("succeeded", 1)
    assert len(host.result(job)) == 6 * MIB
    host.assert_sound()


def test_full_again_and_again_while_working(make_host):
    """The workload's oracle, with a disk that is full half of the time."""
    host = make_host({"plugins": chaos(workers=2, threads=2), "jobs": JOBS_CONFIG})
    host.start()
    work = Workload(build.seed(), build.count(300, 120, 40))
    end = threading.Event()

    def narrow_and_widen():
        while not end.wait(0.3):
            let_grow(host, 64 * 1024)
            if end.wait(0.3):
                break
            let_grow(host, resource.RLIM_INFINITY)

    disturber = threading.Thread(target=narrow_and_widen)
    disturber.start()
    try:
        work.submit(host)
    finally:
        end.set()
        disturber.join()
        let_grow(host, resource.RLIM_INFINITY)
    report = work.check(host)
    print(report)
    report.assert_clean()


@pytest.fixture
def small_disk(make_host):
    """A host whose state_dir is a file system of 80 MiB, with a plugin that may fill it."""
    host = make_host({"plugins": {**chaos(), "cage": {"file": build.plugin("cage")}}, "store": {"budget": {"jobs": "0B"}}})
    os.makedirs(host.state_dir)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=80m,mode=0700", "tmpfs", host.state_dir], check=False, stderr=subprocess.DEVNULL).returncode != 0:
        pytest.skip("may not mount")
    yield host
    host.end()
    subprocess.run(["umount", "--lazy", host.state_dir], check=True)


def test_a_plugin_that_fills_the_disk(small_disk):
    """There is not a byte left beside the store. It stays whole, says so, and goes on when there is room; nothing that was accepted is lost."""
    host = small_disk
    host.start()
    host.post("/v1/queues/stopped/pause", {"why": "collect"})
    job = host.submit("cage.run", "keep 100000")
    kept = f"{host.state_dir}/data/cage/kept"
    wait_until(lambda: os.path.exists(kept) and shutil.disk_usage(host.state_dir).free < 64 * 1024, build.PATIENCE_S, "it is full")
    accepted, answer = fill(host, 80 * MIB)
    assert answer.status == 503 and answer.error["code"] == "store_read_only", answer.raw
    assert host.call("GET", "/healthz").status == 503
    assert all(host.job(j)["state"] == "queued" for j in accepted)  # it still answers
    os.remove(kept)
    wait_until(lambda: host.call("GET", "/healthz").status == 200, build.PATIENCE_S, "there is room again")
    assert host.wait_job(job)["state"] == "succeeded" and host.result(job) == b"ENOSPC"
    host.post("/v1/queues/stopped/resume")
    assert all(j["state"] == "succeeded" for j in host.wait_all(accepted))
    host.assert_sound()


# ---- what is found at a start

def test_start_without_room(make_host):
    host = make_host()
    host.start()
    job = host.submit("chaos.echo", {}, delay="1h")
    host.stop()
    started = host.start(file_size=4096, ready=False)
    if started:  # it may live, and refuse
        assert host.call("POST", "/v1/jobs", {"type": "chaos.echo"}).status == 503
        host.kill()
    else:
        assert host.reap() != 0
    host.start()
    assert host.job(job)["state"] == "scheduled"
    host.assert_sound()


@pytest.mark.parametrize("size", [4096, 20_000])
def test_first_start_without_room(make_host, size):
    host = make_host()
    assert not host.start(file_size=size, ready=False)
    assert host.reap() == 1
    log = host.read_log()
    assert "there is no room on its disk" in log and f"make room for {host.state_dir}/jobhost.db: 32 MiB" in log


def test_room_that_is_not_there_is_not_used_up(make_host):
    """The log's room is taken in advance only where all of it can be had."""
    host = make_host()
    host.start(file_size=3 * MIB)
    assert os.path.getsize(f"{host.state_dir}/jobhost.db-wal") < MIB
    host.wait_job(host.submit("chaos.echo", {}))


def test_a_file_that_is_no_database(make_host):
    host = make_host()
    os.makedirs(host.state_dir)
    with open(f"{host.state_dir}/jobhost.db", "wb") as out:
        out.write(b"this is not a database, by far\n" * 1000)
    assert host.start(ready=False) is False
    assert host.reap() == 1
    assert "jobhost.db" in host.log_tail(5) and "not a database" in host.log_tail(5), host.log_tail(5)


def test_a_database_of_a_newer_program(make_host):
    host = make_host()
    host.start()
    host.stop()
    with sqlite3.connect(f"{host.state_dir}/jobhost.db") as db:
        version = db.execute("PRAGMA user_version").fetchone()[0]
        db.execute(f"PRAGMA user_version = {version + 1}")
    db.close()
    assert host.start(ready=False) is False
    assert host.reap() == 1
    assert "newer" in host.log_tail(5), host.log_tail(5)


def test_what_a_crash_leaves_in_the_folders_is_swept(make_host):
    """Half-written files, blobs that no row names."""
    host = make_host()
    host.start()
    host.post("/v1/queues/chaos/pause", {"why": "test"})
    kept = host.expect(200, "POST", "/v1/blobs", b"k" * 300_000, headers={"Content-Type": "application/octet-stream"}).json
    host.submit("chaos.reads_input", {}, files=[{"name": "kept", "sha256": kept["sha256"]}])
    blobs = f"{host.state_dir}/blobs"
    kept_file, = [os.path.join(where, name) for where, _, files in os.walk(blobs) for name in files]
    stray = os.path.join(blobs, "ff", "f" * 64)
    os.makedirs(os.path.dirname(stray), exist_ok=True)
    shutil.copy(kept_file, stray)
    os.utime(stray, (0, 0))  # one that is younger than an hour may be about to get its row
    report = host.fsck()
    assert report["total"] >= 1 and any(f["code"].endswith("blob") for f in report["findings"]), report
    repaired = host.post("/v1/fsck", {"repair": True})
    assert all(f["repaired"] for f in repaired["findings"]), repaired
    assert not os.path.exists(stray) and os.path.exists(kept_file)
    host.assert_sound()


def test_a_lost_blob_is_found(make_host):
    host = make_host()
    host.start()
    job = host.submit("chaos.big_result", {"bytes": 400_000})
    host.wait_job(job, "succeeded")
    for where, _, files in os.walk(f"{host.state_dir}/blobs"):
        for name in files:
            os.unlink(os.path.join(where, name))
    assert host.fsck()["total"] >= 1
    answer = host.call("GET", f"/v1/jobs/{job}/result")
    assert answer.status in (404, 500, 503) and answer.error["message"], answer.raw


def test_an_unwritable_state_dir(make_host):
    host = make_host()
    with open(os.path.join(host.folder, "file"), "w", encoding="utf-8") as out:
        out.write("in the way")
    host.state_dir = os.path.join(host.folder, "file", "var")
    host.configure({})
    assert host.start(ready=False) is False
    assert host.reap() == 1
    assert "cannot make the folder" in host.log_tail(5)


def test_an_answer_is_durable(host):
    """What was answered with 202 is there after a power cut in the next moment."""
    ids = []
    for n in range(build.count(100, 20, 5)):
        ids.append(host.submit("chaos.echo", {"n": n}, delay="1h"))
        host.kill()
        host.start()
    assert {j["id"] for j in host.list()} == set(ids)


def test_no_answer_is_no_promise(host):
    """A client that loses the connection finds by its key whether the job is there."""
    host.kill()
    with pytest.raises(Unreachable):
        host.submit("chaos.echo", {}, key="k")
    host.start()
    first = host.submit("chaos.echo", {}, key="k")
    assert host.submit("chaos.echo", {}, key="k") == first
