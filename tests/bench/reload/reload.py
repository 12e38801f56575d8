#!/usr/bin/python3
"""How long new code takes from SIGHUP to its first job, and what reloads cost the jobs that go on meanwhile.

usage: reload.py BUILD_DIR [--reloads N] [--runs N] [--load SECONDS]

Without --load: single jobs are submitted one after the other over a kept connection; the plugin's file is replaced, SIGHUP is sent, and the
time counts until the first job begins in a process of the new code. The plugin is tried plain and with libraries (a first SSL_CTX_new() and
sqlite3_open() in create()), with one worker and with five, all of it confined as by default. Where the time goes:

    read    signal to the end of reading: configuration, copy and hash of the plugin's file, fsync
    load    a process is started, confines itself, loads the plugin and its libraries
    create  the plugin's create(), up to the first worker's
    fill    the other workers, up to the last one's create()
    switch  from there to the first job: READY, the switch, the job itself

With --load: 200 short jobs a second beside long ones (30 s, a step each 0.2 s), half of the time without reloads and half with a hundred of them:
the start latency of the short ones, and that every job ended with its first attempt. One line of JSON a measurement.
"""
import argparse
import contextlib
import json
import mmap
import os
import re
import shutil
import signal
import struct
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
PROCESSES, JOBS = 4096, 1 << 20
HEAD, PROCESS = struct.Struct("=QQ"), struct.Struct("=qqqq")  # of samples in reload_plugin.c
PATIENCE_S = 60  # with a host that is broken
RATE, LONG_MS, LONG_AT_ONCE = 200, 30_000, 3


class Samples:
    """The file in which the plugin's processes leave their moments."""

    def __init__(self, path):
        self.path = path
        with open(path, "w+b") as out:
            out.truncate(HEAD.size + PROCESSES * PROCESS.size + JOBS * 8)
            self._map = mmap.mmap(out.fileno(), 0)

    def processes(self, first=0):
        """(pid, loaded, created, first job), ns; the last one 0 when it has had none."""
        count, _ = HEAD.unpack_from(self._map)
        return [PROCESS.unpack_from(self._map, HEAD.size + n % PROCESSES * PROCESS.size) for n in range(first, count)]

    def count(self):
        return HEAD.unpack_from(self._map)[0]

    def jobs(self):
        return HEAD.unpack_from(self._map)[1]

    def latencies_us(self, first):
        at = HEAD.size + PROCESSES * PROCESS.size
        return struct.unpack_from(f"={self.jobs() - first}q", self._map, at + first * 8)


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def until(probe, what, pause=0.0):
    """The first true answer of probe()."""
    end = time.monotonic() + PATIENCE_S
    while not (answer := probe()):
        if time.monotonic() > end:
            raise TimeoutError(f"not within {PATIENCE_S} s: {what}")
        time.sleep(pause)
    return answer


def emit(metric, values, unit, **extra):
    print(json.dumps({"peer": "jobhost", "metric": metric, "p50": round(percentile(values, 0.5), 2), "p95": round(percentile(values, 0.95), 2),
                      "p99": round(percentile(values, 0.99), 2), "max": round(max(values), 2), "n": len(values), "unit": unit, **extra}), flush=True)


class Bench:
    """A host with one build of the plugin; another build is the same code with another hash."""

    def __init__(self, host_class, build, folder, plugin, workers, **settings):
        self.code = os.path.join(build, "tests", "bench", plugin + ".so")
        self.file = os.path.join(folder, "reload.so")
        self.samples = Samples(os.path.join(folder, "samples"))
        self.workers, self.builds, self.reloads = workers, 0, 0
        self.put()
        self.host = host_class(os.path.join(folder, "host"), {"plugins": {"reload": {
            "file": self.file, "config": {"samples": self.samples.path}, "sandbox": {"write": self.samples.path}, "workers": workers,
            **settings}}})

    def put(self):
        fresh = self.file + ".new"
        shutil.copyfile(self.code, fresh)
        self.builds += 1
        with open(fresh, "ab") as out:
            out.write(b"%08d" % self.builds)
        os.chmod(fresh, 0o755)
        os.rename(fresh, self.file)

    def mark(self):
        self.host.submit("reload.mark", time.monotonic_ns())

    def settled(self):
        """Only one generation is there, with all its workers."""
        until(lambda: len(self.host.get("/v1/generations")["items"]) == 1 and len(self.host.workers("reload")) == self.workers,
              "one generation with all its workers", 0.005)

    def sandbox(self):
        return {n["facility"]: n["state"] for n in self.host.plugins()["reload"]["sandbox"]}

    def read_ms(self):
        """Of the last reload, as the log has it."""
        def told():
            found = re.findall(r"reload\.done cause=SIGHUP .*read_us=(\d+)", self.host.read_log())
            return found if len(found) == self.reloads else None

        return int(until(told, "reload.done in the log", 0.001)[-1]) / 1000

    def reload(self):
        """Milliseconds by phase."""
        known = self.samples.count()
        self.put()
        self.reloads += 1
        begin = time.monotonic_ns()
        self.host.send(signal.SIGHUP)
        until(lambda: self.mark() or any(first for *_, first in self.samples.processes(known)), "a job on new code")
        made = self.samples.processes(known)
        loaded, created = min((created, loaded) for _, loaded, created, _ in made)[::-1]
        last, first = max(created for _, _, created, _ in made), min(first for *_, first in made if first)
        read = self.read_ms()
        return {"total": (first - begin) / 1e6, "read": read, "load": (loaded - begin) / 1e6 - read, "create": (created - loaded) / 1e6,
                "fill": (last - created) / 1e6, "switch": (first - last) / 1e6}


def measure_reloads(make, plugin, workers, count):
    with make(plugin, workers=workers) as bench:
        bench.settled()
        if set(bench.sandbox().values()) != {"on"}:
            print(f"not all of the sandbox is there: {bench.sandbox()}", file=sys.stderr)
        taken = []
        for _ in range(count):
            taken.append(bench.reload())
            bench.settled()
        for phase in taken[0]:
            emit(f"reload_{phase}", [one[phase] for one in taken], "ms", plugin=plugin, workers=workers)


class Load(threading.Thread):
    """Short jobs at a steady rate, and so many long ones at any time."""

    def __init__(self, bench):
        super().__init__()
        self._bench, self._api, self._end, self.long, self.problem = bench, bench.host.another(), threading.Event(), [], None

    def run(self):
        try:
            self._submit()
        except Exception as problem:  # told by finish()
            self.problem = problem
        finally:
            self._api.close()

    def _submit(self):
        due, until = time.monotonic(), 0
        while not self._end.is_set():
            if time.monotonic() >= until:
                self.long += [self._api.submit("reload.long", LONG_MS, queue="long") for _ in range(LONG_AT_ONCE)]
                until = time.monotonic() + LONG_MS / 1000
            self._api.submit("reload.mark", time.monotonic_ns())
            due += 1 / RATE
            time.sleep(max(0, due - time.monotonic()))

    def finish(self):
        self._end.set()
        self.join()
        if self.problem is not None:
            raise self.problem


def spoilt(bench):
    """Jobs that used another attempt, or did not succeed."""
    bench.host.wait_idle(seconds=120)
    return sum(1 for j in bench.host.list() if (j["state"], j["attempts"]) != ("succeeded", 1))


def measure_load(make, plugin, seconds, reloads):
    with make(plugin, workers=2, threads=4, drain_soft="300ms", drain_hard="1h") as bench:
        bench.settled()
        load = Load(bench)
        load.start()
        time.sleep(2)  # the store and the caches are warm
        taken = {}
        for with_reloads in (False, True):
            known, begin = bench.samples.jobs(), time.monotonic()
            for n in range(reloads):
                bench.host.get("/readyz")  # else its connection is closed for its age
                if with_reloads:
                    bench.put()
                    bench.host.expect(200, "POST", "/v1/reload", query={"wait": "1"})
                time.sleep(max(0, begin + (n + 1) * seconds / reloads - time.monotonic()))
            taken[with_reloads] = [us / 1000 for us in bench.samples.latencies_us(known)]
        load.finish()
        bad, generation = spoilt(bench), bench.host.get("/v1/generations")["items"][0]["number"]
        for with_reloads, values in taken.items():
            emit("start_latency", values, "ms", plugin=plugin, reloads=reloads if with_reloads else 0)
        ratio = percentile(taken[True], 0.99) / percentile(taken[False], 0.99)
        print(json.dumps({"peer": "jobhost", "metric": "start_p99_with_reloads", "value": round(ratio, 2), "unit": "times", "generation": generation,
                          "long_jobs": len(load.long), "spoilt_jobs": bad}), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build")
    parser.add_argument("--reloads", type=int, default=50)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--load", type=float, default=0, metavar="SECONDS")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the host is ended on the way out
    build = os.path.abspath(args.build)
    os.environ["JOBHOST_BUILD"] = build
    sys.path.insert(0, os.path.join(HERE, "..", "..", "e2e"))
    from lib.host import Host  # finds the build by JOBHOST_BUILD

    @contextlib.contextmanager
    def make(plugin, **settings):
        with tempfile.TemporaryDirectory(prefix="jobhost-") as folder:
            bench = Bench(Host, build, folder, plugin, **settings)
            bench.host.start()
            try:
                yield bench
                bench.host.stop()
            finally:
                bench.host.put_down()

    for _ in range(args.runs):
        if args.load > 0:
            measure_load(make, "reload_heavy", args.load / 2, 100)
            continue
        for plugin in ("reload_plain", "reload_heavy"):
            for workers in (1, 5):
                measure_reloads(make, plugin, workers, args.reloads)


if __name__ == "__main__":
    main()
