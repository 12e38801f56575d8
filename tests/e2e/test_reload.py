"""New code and another configuration while jobs go on: what serves when, what becomes of jobs that run, and that what is bad changes nothing."""
import os
import re
import shutil
import signal
import threading

import pytest

from lib import build
from lib.builds import Builds, generations, reload, verdicts
from lib.cli import Cli
from lib.host import chaos
from lib.procs import alive, open_fds, rss_bytes, wait_until, workers_of
from lib.workload import JOBS_CONFIG, Workload

SOON = {"backoff": "fixed", "base": "10ms", "jitter": 0}
# What cannot be loaded as the next version of a plugin, and a word of the reason.
REFUSED = {
    "bad-magic": "magic is 0x12345678",
    "major-plus-1": "abi_major is 2",
    "minor-plus-1": "upgrade the host",
    "no-symbol": "does not export `jobhost_plugin`",
    "undefined-symbol": "nobody_defines_this",
    "ctor-crash": "ok",
    "ctor-hang": "start_timeout (700 ms)",
    "create-fail": "was refused",
    "create-hang": "start_timeout (700 ms)",
    "truncated": "",  # refused by the loader or fatal to it, depending on the linker's layout
    "text-file": "invalid ELF header",
    "zero-length": "empty file",
}


@pytest.fixture
def builds(folder):
    return Builds(folder)


def version(host):
    """What a job of the plugin `ok` says."""
    job = host.submit("ok.run", "x")
    host.wait_job(job)
    return host.result(job).split(b":")[0].decode()


def test_new_code(make_host, builds):
    """Without a lost job, and nothing but the hash of the file decides."""
    builds.put("ok-v1")
    host = make_host({"plugins": {"ok": {"file": builds.path, "workers": 2}}})
    host.start()
    wait_until(lambda: len(host.workers()) == 2, build.PATIENCE_S, "both workers are up")
    before = set(host.workers())
    assert version(host) == "1.0.0"
    os.utime(builds.path)
    assert verdicts(reload(host)) == {"ok": "kept"}
    assert set(host.workers()) == before
    builds.put("ok-v2")
    assert version(host) == "1.0.0"  # nobody has asked yet
    report = reload(host)
    assert verdicts(report) == {"ok": "changed"}
    assert report["plugins"][0]["build"].startswith("2.0.0+")
    assert version(host) == "2.0.0"
    wait_until(lambda: generations(host) == ([2], []), build.PATIENCE_S, lambda: f"the old one is gone: {generations(host)}")
    assert not before & set(workers_of(host.pid))
    assert host.get("/v1/reload")["ok"]
    host.send(signal.SIGHUP)  # another way to ask
    wait_until(lambda: host.get("/v1/reload")["cause"] == "SIGHUP", build.PATIENCE_S, "SIGHUP reloads")


@pytest.mark.parametrize("name", REFUSED)
def test_bad_next_version(make_host, builds, name):
    builds.put("ok-v1")
    host = make_host({"plugins": {"ok": {"file": builds.path, "workers": 2, "start_timeout": "700ms" if "hang" in name else "60s"},
                                  **chaos()}})
    host.start()
    wait_until(lambda: len(host.workers("ok")) == 2, build.PATIENCE_S, "both workers are up")
    before = set(host.workers())
    builds.put(name)
    report = reload(host, ok=False)
    assert verdicts(report) == {"ok": "failed", "chaos": "kept"}
    assert REFUSED[name] in report["plugins"][0]["reason"]
    assert version(host) == "1.0.0"
    assert set(host.workers()) == before
    assert generations(host)[0] == [1, 1]
    wait_until(lambda: set(workers_of(host.pid)) == before, build.PATIENCE_S, "nothing is left of what was tried")


def test_all_or_nothing(make_host, folder):
    """One that fails holds the others back; what failed before does not."""
    good, bad = Builds(folder, "good.so"), Builds(folder, "bad.so")
    good.put("ok-v1")
    bad.again("chaos")
    config = {"plugins": {"ok": {"file": good.path}, "chaos": {"file": bad.path}}, "queues": {"chaos": {"concurrency": 7}}}
    host = make_host(config)
    host.start()
    good.put("ok-v2")
    bad.put("text-file")
    config["queues"]["chaos"]["concurrency"] = 3
    host.configure(config)
    assert verdicts(reload(host, ok=False)) == {"ok": "held_back", "chaos": "failed"}
    assert version(host) == "1.0.0"
    assert generations(host) == ([1, 1], [])
    host.restart()  # with a plugin that does not load
    assert version(host) == "2.0.0"
    good.put("ok-v1")
    assert verdicts(reload(host, ok=False)) == {"ok": "changed", "chaos": "failed"}
    assert version(host) == "1.0.0"
    bad.put("chaos")
    assert verdicts(reload(host)) == {"ok": "kept", "chaos": "changed"}
    assert host.wait_job(host.submit("chaos.echo", {}))["state"] == "succeeded"


def test_bad_configuration(make_host):
    """Every error of it is in the answer, and what runs does not know of it."""
    host = make_host()
    host.start()
    before = host.workers()
    with open(host.config_path, "a", encoding="utf-8") as out:
        out.write("\nnonsense: [")
    report = reload(host, ok=False)
    assert report["plugins"] == []
    assert any("config.yaml" in line for line in report["problems"]), report
    assert host.workers() == before
    assert host.wait_job(host.submit("chaos.echo", {}))["state"] == "succeeded"


def test_limits_without_processes(make_host):
    config = {"plugins": chaos(workers=1, threads=1), "queues": {"chaos": {"max_payload": "1KiB"}}, "jobs": {"chaos.echo": {"timeout": "1h"}}}
    host = make_host(config)
    host.start()
    before = host.workers()
    big = {"text": "x" * 2000}
    assert host.refused(413, "chaos.echo", big)["code"] == "payload_too_large"
    config["queues"]["chaos"]["max_payload"] = "1MiB"
    config["jobs"]["chaos.echo"]["timeout"] = "2h"
    config["host"] = {"log_level": "debug", "lease": "31s"}
    config["routes"] = [{"match": "POST /start", "action": "submit", "job": "chaos.echo"}]
    host.configure(config)
    report = reload(host)
    assert verdicts(report) == {"chaos": "kept"}
    assert report["needs_restart"] == ["host.lease"]
    assert 'reload.restart keys=host.lease msg="their changes wait for a restart"' in host.read_log()
    assert host.workers() == before
    job = host.expect(202, "POST", "/start", {"payload": big}).json["id"]
    assert host.wait_job(job)["state"] == "succeeded"
    assert generations(host) == ([1], [])
    config["plugins"]["chaos"]["workers"] = 3
    host.configure(config)
    assert verdicts(reload(host)) == {"chaos": "kept"}
    wait_until(lambda: len(host.workers()) == 3 and before[0] in host.workers(), build.PATIENCE_S, "more workers beside the first one")
    config["plugins"]["chaos"]["workers"] = 1
    host.configure(config)
    reload(host)
    wait_until(lambda: len(workers_of(host.pid)) == 1, build.PATIENCE_S, "as many as are wanted")
    config["routes"] = []
    host.configure(config)
    reload(host)
    assert host.call("POST", "/start", {}).status == 404


def test_plugin_comes_and_goes(make_host):
    """Its jobs stay queued while it is away."""
    host = make_host({"plugins": chaos()})
    host.start()
    both = {"ok": {"file": build.plugin("ok-v1")}, **chaos()}
    host.configure({"plugins": both})
    assert verdicts(reload(host)) == {"ok": "added", "chaos": "kept"}
    assert version(host) == "1.0.0"
    running = host.submit("chaos.sleep", {"ms": 2000})
    host.wait_started(running)
    queued = host.submit_many([{"type": "chaos.echo", "payload": {}} for _ in range(20)])
    host.configure({"plugins": {"ok": both["ok"]}})
    assert verdicts(reload(host)) == {"ok": "kept", "chaos": "removed"}
    assert host.wait_job(running)["attempts"] == 1  # it ends where it began
    left = {host.job(j)["state"] for j in queued} - {"succeeded"}
    assert left <= {"queued"}
    host.configure({"plugins": both})
    assert verdicts(reload(host)) == {"ok": "kept", "chaos": "added"}
    for job in queued:
        assert host.wait_job(job)["state"] == "succeeded"


def test_a_library_is_replaced(make_host, builds, folder):
    """A plugin that has not changed is kept, with a word about what it has loaded; with `all` it starts anew."""
    library = os.path.join(folder, "libdep.so.1")
    shutil.copyfile(build.plugin("noop"), library)
    builds.put("opens")
    host = make_host({"plugins": {"opens": {"file": builds.path, "config": {"library": library}, "sandbox": {"read": library}}, **chaos()}})
    host.start()
    cli = Cli(host)
    mapped = {row["file"]: row for row in host.get("/v1/plugins/opens")["libraries"]}
    assert not mapped[library]["replaced"] and re.fullmatch("[0-9a-f]{40}", mapped[library]["build_id"])
    assert any("/libc.so.6" in file for file in mapped) and not any("/run/so/" in file for file in mapped)
    assert f"{mapped[library]['build_id']}\n" in cli("describe", "opens")
    assert all("reason" not in p for p in reload(host)["plugins"])
    old = workers_of(host.pid)

    shutil.copyfile(build.plugin("ok-v1"), library + ".new")
    os.rename(library + ".new", library)
    report = reload(host)
    assert verdicts(report) == {"opens": "kept", "chaos": "kept"} and workers_of(host.pid) == old
    assert {p["plugin"]: p.get("reason", "") for p in report["plugins"]}["opens"].startswith("libdep.so.1 has been replaced")
    assert "replaced on disk since" in cli("describe", "opens")

    assert re.search("opens +changed", cli("reload", "--wait", "--all"))
    wait_until(lambda: not set(workers_of(host.pid)) & set(old), build.PATIENCE_S, "the old ones are gone")
    assert not any(row["replaced"] for row in host.get("/v1/plugins/opens")["libraries"])
    assert host.wait_job(host.submit("opens.run", {}))["attempts"] == 1


def test_dropped_in(make_host, folder):
    """A new file is listed with the YAML that it lacks, which is enough once its blanks are filled in."""
    plugin_dir = os.path.join(folder, "plugins")
    os.mkdir(plugin_dir)
    shutil.copyfile(build.plugin("noop"), os.path.join(plugin_dir, ".noop.so.tmp"))  # on its way
    included = os.path.join(folder, "wants.yaml")
    with open(included, "w", encoding="utf-8") as out:
        out.write("plugins: {}\n")
    host = make_host({"plugin_dir": plugin_dir, "include": [included], "plugins": chaos()})
    host.start()
    cli = Cli(host)
    assert "wants" not in cli("plugins")
    file = os.path.join(plugin_dir, "wants.so")
    shutil.copyfile(build.plugin("wants"), file)
    os.chmod(file, 0o755)
    assert [(p["name"], p["file"]) for p in host.get("/v1/plugins")["items"] if p["state"] == "new"] == [("wants", file)]
    said = cli("plugins")
    yaml = said[said.index("\nplugins:\n") + 1:]
    assert yaml == ("plugins:\n  wants:\n    config:\n      api_key: \"${WANTS_API_KEY}\"  # text: of your account\n"
                    "      base: \"\"  # a URL: where it listens\n")
    assert f"new: {file}" in cli("check")
    assert cli.json("check")["new"] == [{"name": "wants", "file": file}]

    with open(included, "w", encoding="utf-8") as out:
        out.write(yaml.replace('""', "https://example.org/").replace("${WANTS_API_KEY}", "k"))
    assert verdicts(reload(host)) == {"chaos": "kept", "wants": "added"}
    job = host.submit("wants.run", {})
    host.wait_job(job)
    assert host.result(job) == b"https://example.org/"
    assert "no entry" not in cli("plugins")


def test_dropped_in_under_an_odd_name(make_host, folder):
    """What cannot be a name in the configuration is given one, and what cannot be loaded says why."""
    for name, plugin in (("9 lives.v2.so", "ok-v1"), ("chaos.so", "ok-v1"), ("bad.so", "text-file")):
        shutil.copyfile(build.plugin(plugin), os.path.join(folder, name))
        os.chmod(os.path.join(folder, name), 0o755)
    host = make_host({"plugin_dir": folder, "plugins": chaos()})
    host.start()
    said = Cli(host)("plugins")
    assert "plugins:\n  p_lives:\n    file: \"9 lives.v2.so\"\n" in said
    assert "plugins:\n  chaos-2:\n    file: \"chaos.so\"\n" in said
    assert "cannot be used: " in said and "invalid ELF header" in said


def test_running_jobs_end_on_their_code(make_host, builds):
    builds.again("chaos")
    host = make_host({"plugins": chaos(file=builds.path, workers=1)})
    host.start()
    old = host.workers()[0]
    job = host.submit("chaos.sleep", {"ms": 3000})
    host.wait_started(job)
    builds.again("chaos")
    reload(host)
    assert generations(host) == ([2], [1])
    other = host.submit("chaos.echo", {})
    assert host.wait_job(other)["state"] == "succeeded"  # on new code, beside it
    assert alive(old)
    done = host.wait_job(job)
    assert (done["state"], done["attempts"]) == ("succeeded", 1)
    wait_until(lambda: generations(host) == ([2], []), build.PATIENCE_S, "the old one is gone")


def test_drain_soft(make_host, builds):
    """What runs too long saves a step, and goes on with the new code behind it; that is no attempt."""
    builds.again("chaos")
    host = make_host({"plugins": chaos(file=builds.path, workers=1, drain_soft="100ms", drain_hard="1h")})
    host.start()
    job = host.submit("chaos.steps", {"steps": 40, "pause_ms": 100})
    wait_until(lambda: host.job(job).get("steps"), build.PATIENCE_S, "it has a step")
    builds.again("chaos")
    reload(host)
    wait_until(lambda: generations(host) == ([2], []), build.PATIENCE_S, "the old one is gone")
    assert host.job(job)["state"] in ("running", "queued", "parked")
    done = host.wait_job(job)
    assert (done["state"], done["attempts"]) == ("succeeded", 1)
    keys = [f"sink:{job}:{n}" for n in range(1, 41)]
    assert host.counters(keys) == dict.fromkeys(keys, 1)


def test_drain_hard(make_host, builds):
    """What does not listen is killed, and runs again without having used an attempt."""
    builds.again("chaos")
    host = make_host({"plugins": chaos(file=builds.path, workers=1, drain_soft="100ms", drain_hard="200ms", grace="100ms")})
    host.start()
    job = host.submit("chaos.sleep", {"ms": 20000 if build.SANITIZED else 4000, "deaf": True}, max=1)
    host.wait_started(job)
    old = host.workers()[0]
    builds.again("chaos")
    reload(host)
    wait_until(lambda: not alive(old), build.PATIENCE_S, "the old worker is gone")
    wait_until(lambda: "plugin.drain_hard" in host.read_log(), build.PATIENCE_S, "the log says so")
    done = host.wait_job(job)
    assert (done["state"], done["attempts"]) == ("succeeded", 1)
    assert host.plugins()["chaos"]["crashes"] == 0


def test_two_old_ones_at_most(make_host, builds):
    builds.again("chaos")
    host = make_host({"plugins": chaos(file=builds.path, workers=1, threads=8, drain_soft="1h", drain_hard="2h"), "jobs": JOBS_CONFIG})
    host.start()
    jobs = []
    for n in range(4):
        jobs.append(host.submit("chaos.sleep", {"ms": 3600_000}, queue=f"q{n}"))
        host.wait_started(jobs[-1])
        builds.again("chaos")
        reload(host)
    wait_until(lambda: generations(host)[1] == [3, 4], build.PATIENCE_S, lambda: f"the older ones had to end: {generations(host)}")
    for job in jobs:
        host.post(f"/v1/jobs/{job}/cancel")


def test_one_old_one_too_many_saves_a_step_first(make_host, builds):
    """Whose place newer ones want is asked to stop, long before its soft deadline, and has its time to do so."""
    builds.again("chaos")
    host = make_host({"plugins": chaos(file=builds.path, workers=1, threads=8, drain_soft="1h", drain_hard="2h", grace="1h"), "jobs": JOBS_CONFIG})
    host.start()
    job = host.submit("chaos.steps", {"steps": 40, "pause_ms": 100}, queue="first", max=1)
    wait_until(lambda: host.job(job).get("steps"), build.PATIENCE_S, "it has a step")
    stay = []
    for n in range(3):
        builds.again("chaos")
        reload(host)
        stay.append(host.submit("chaos.sleep", {"ms": 3600_000}, queue=f"q{n}"))
        host.wait_started(stay[-1])
    wait_until(lambda: generations(host) == ([4], [2, 3]), build.PATIENCE_S, lambda: f"the first one is gone: {generations(host)}")
    assert "plugin.drain_hard" not in host.read_log()
    assert host.wait_job(job)["attempts"] == 1
    keys = [f"sink:{job}:{n}" for n in range(1, 41)]
    assert host.counters(keys) == dict.fromkeys(keys, 1)
    for other in stay:
        host.post(f"/v1/jobs/{other}/cancel")


def test_no_more_than_four_old_ones(make_host, builds):
    """Those that do not listen are killed by those that come."""
    builds.again("chaos")
    host = make_host({"plugins": chaos(file=builds.path, workers=1, threads=8, drain_soft="1h", drain_hard="2h", grace="1h"), "jobs": JOBS_CONFIG})
    host.start()
    jobs = []
    for n in range(6):
        jobs.append(host.submit("chaos.sleep", {"ms": 3600_000, "deaf": True}, queue=f"q{n}"))
        host.wait_started(jobs[-1])
        builds.again("chaos")
        reload(host)
    wait_until(lambda: generations(host)[1] == [3, 4, 5, 6], build.PATIENCE_S, lambda: f"the oldest had to end: {generations(host)}")
    host.kill()


def test_storm(make_host, builds):
    """Fifty requests are two reloads at most, and the last one counts."""
    builds.put("ok-v1")
    host = make_host({"plugins": {"ok": {"file": builds.path}}})
    host.start()
    builds.put("ok-v2")
    for _ in range(50):
        host.send(signal.SIGHUP)
    reload(host)
    assert version(host) == "2.0.0"
    assert len(re.findall("reload.begun", host.read_log())) <= 3  # the storm's two, and ours


@pytest.mark.parametrize("damage", ["overwrite", "truncate", "delete"])
def test_live_file_is_damaged(make_host, builds, damage):
    """Nothing that runs has the file itself, nor has what is started anew."""
    builds.again("chaos")
    host = make_host({"plugins": chaos(file=builds.path, workers=2), "jobs": JOBS_CONFIG})
    host.start()
    jobs = host.submit_many([{"type": "chaos.steps", "payload": {"steps": 3, "pause_ms": 20}} for _ in range(50)])
    if damage == "delete":
        os.unlink(builds.path)
    else:
        with open(builds.path, "r+b") as f:
            f.truncate(0 if damage == "truncate" else None)
            f.write(b"" if damage == "truncate" else b"\0" * 100_000)
    host.end_worker(host.workers()[0])
    for job in jobs:
        assert host.wait_job(job)["state"] == "succeeded"
    assert verdicts(reload(host, ok=False)) == {"chaos": "failed"}
    assert host.wait_job(host.submit("chaos.echo", {}))["state"] == "succeeded"


def test_reloads_under_load(make_host, builds):
    """Nothing is lost, nothing done twice, no attempt used."""
    builds.again("chaos")
    host = make_host({"plugins": chaos(file=builds.path, workers=2, threads=2, drain_soft="300ms", drain_hard="1h"), "jobs": JOBS_CONFIG})
    host.start()
    reloads = build.count(100, 15, 5)
    load = Workload(build.seed(), build.count(3000, 400, 100))
    long = [host.submit("chaos.steps", {"steps": 300, "pause_ms": 100 if build.FULL else 10}) for _ in range(3)]
    submitter = threading.Thread(target=load.submit, args=(host.another(),))
    submitter.start()
    for _ in range(reloads):
        builds.again("chaos")
        reload(host)
    submitter.join()
    report = load.check(host)
    print(f"{reloads} reloads: {report}")
    report.assert_clean()
    assert report.interrupted == 0
    for job in long:
        done = host.wait_job(job)
        assert (done["state"], done["attempts"]) == ("succeeded", 1)
        assert done["attempt"] > 1, "it has never been asked to make room for new code"
        keys = [f"sink:{job}:{n}" for n in range(1, 301)]
        assert host.counters(keys) == dict.fromkeys(keys, 1)


def test_many_generations(make_host, builds):
    """What one leaves behind, a thousand would."""
    builds.again("noop")
    host = make_host({"plugins": {"noop": {"file": builds.path}}})
    host.start()

    def turn(count):
        for _ in range(count):
            builds.again("noop")
            reload(host)
        wait_until(lambda: generations(host)[1] == [], build.PATIENCE_S, "the old ones are gone")
        return open_fds(host.pid), rss_bytes(host.pid)

    fds, rss = turn(build.count(200, 30, 10))
    fds_then, rss_then = turn(build.count(800, 60, 20))
    print(f"descriptors {fds} -> {fds_then}, memory {rss} -> {rss_then} bytes")
    wait_until(lambda: open_fds(host.pid) <= fds, build.PATIENCE_S, lambda: f"no more descriptors than {fds}: {open_fds(host.pid)}")
    if not build.SANITIZED:
        assert rss_then - rss < (4 << 20)
    snapshots = os.listdir(os.path.join(host.state_dir, "run", "so"))
    assert len(snapshots) <= 8, snapshots  # the last three, and what was in use or draining at the last reload


def test_rollback(make_host, builds):
    """What crashes only under real jobs goes back to what was before, and stays away until it changes."""
    builds.put("ok-v1")
    host = make_host({"plugins": {"ok": {"file": builds.path}}, "jobs": {"ok.run": {"max_crashes": 100, "retry": SOON}}})
    host.start()
    assert version(host) == "1.0.0"
    builds.put("ok-crash")
    assert verdicts(reload(host)) == {"ok": "changed"}
    jobs = [host.submit("ok.run", "x") for _ in range(5)]
    for job in jobs:  # at last under the old code
        assert host.wait_job(job)["state"] == "succeeded"
        assert host.result(job).startswith(b"1.0.0:")
    wait_until(lambda: generations(host) == ([3], []), build.PATIENCE_S, lambda: f"the first build serves again: {generations(host)}")
    plugin = host.plugins()["ok"]
    assert plugin["state"] == "ready" and "was rolled back" in plugin["fault"], plugin
    assert "plugin.rolled_back" in host.read_log()
    report = reload(host, ok=False)  # the file is as it was
    assert verdicts(report) == {"ok": "rolled_back"}
    assert "replace the file" in report["plugins"][0]["reason"]
    assert version(host) == "1.0.0"
    builds.put("ok-v2")
    assert verdicts(reload(host)) == {"ok": "changed"}
    assert version(host) == "2.0.0"
    assert "fault" not in host.plugins()["ok"]


def test_no_rollback(make_host, builds):
    """Not without a probation, and not of the first code that a host has."""
    builds.put("ok-crash")
    host = make_host({"plugins": {"ok": {"file": builds.path, "probation": "0s"}}, "jobs": {"ok.run": {"max_crashes": 3, "retry": SOON}}})
    host.start()
    assert host.wait_job(host.submit("ok.run", "x"))["error"]["code"] == "quarantined"
    assert generations(host) == ([1], [])
    builds.again("ok-crash")
    assert verdicts(reload(host)) == {"ok": "changed"}
    assert host.wait_job(host.submit("ok.run", "y"))["error"]["code"] == "quarantined"
    assert generations(host)[0] == [2]
    assert "rolled back" not in host.plugins()["ok"].get("fault", "")


def test_what_never_ran_is_removed(make_host, folder):
    """It has no process that could drain, and is gone when the verdict is given."""
    bad = Builds(folder, "bad.so")
    bad.put("text-file")
    plugins = {"ok": {"file": build.plugin("ok-v1")}}
    host = make_host({"plugins": {**plugins, "bad": {"file": bad.path}}})
    host.start()
    host.configure({"plugins": plugins})
    assert verdicts(reload(host)) == {"ok": "kept", "bad": "removed"}
    assert version(host) == "1.0.0"
