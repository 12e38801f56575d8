#!/usr/bin/python3
"""What a job costs with more and more others waiting, and how long lists take while jobs are committed.

usage: depth.py BUILD_DIR [--depths N,N,...] [--window N]

Fills a paused queue to each depth and measures there, over a window of jobs: processor time of the host per submitted job (arrays of 100),
then per drained job (claim, run, commit; the queue is resumed and paused again). At the last depth it asks for lists of every kind while
the queue is drained: whether each page came within the host's own deadline, and what the lists cost the drain. One line of JSON a
measurement; ratios to the first depth count, not the figures by themselves.
"""
import argparse
import itertools
import json
import os
import signal
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ARRAY = 100
PAYLOAD = "x" * 200
LIST_DEADLINE_S = 2  # of the store
# Every kind of filter, from those with an index of their own to a search that has to look at all jobs.
LISTS = [
    {"state": "queued"}, {"state": "succeeded"}, {"state": "dead"}, {"type": "bench.noop"}, {"queue": "bench", "state": "running"},
    {"user": "nobody"}, {"label": "none=here"}, {"q": "no such text"},
]


def cpu_s(pid):
    """Processor time of all threads, to the nanosecond."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as f:
            total += int(f.read().split()[0])
    return total / 1e9


class Bench:
    def __init__(self, host):
        self.host = host
        self.array = json.dumps([{"type": "bench.noop", "payload": PAYLOAD}] * ARRAY).encode()

    def emit(self, metric, value, unit, **extra):
        print(json.dumps({"peer": "jobhost", "metric": metric, "value": round(value, 3), "unit": unit, **extra}), flush=True)

    def submit(self, n):
        for _ in range(0, n, ARRAY):
            self.host.expect(202, "POST", "/v1/jobs", self.array, {"Content-Type": "application/json"})

    def states(self):
        return self.host.queue("bench")["states"]

    def depth(self):
        return self.states().get("queued", 0)

    def fill(self, depth):
        have = self.depth()
        for at in range(have, depth, 10000):
            self.submit(min(10000, depth - at))
            if sys.stderr.isatty():
                print(f"\r{at:>9,} of {depth:,} queued", end="", file=sys.stderr)
        if sys.stderr.isatty():
            print("\r\033[K", end="", file=sys.stderr)

    def drain(self, n):
        """Drains about `n`; processor time, time and number."""
        before, cpu, begin = self.states().get("succeeded", 0), cpu_s(self.host.pid), time.monotonic()
        self.host.post("/v1/queues/bench/resume")
        while self.states().get("succeeded", 0) - before < n:
            time.sleep(0.02)
        self.host.post("/v1/queues/bench/pause", {"why": "measured"})
        while self.states().get("running", 0) > 0:
            time.sleep(0.002)
        return cpu_s(self.host.pid) - cpu, time.monotonic() - begin, self.states()["succeeded"] - before

    def at_depth(self, depth, window):
        self.fill(depth)
        cpu, begin = cpu_s(self.host.pid), time.monotonic()
        self.submit(window)
        self.emit("submit_cpu", (cpu_s(self.host.pid) - cpu) / window * 1e6, "us/job", depth=depth)
        self.emit("submit_rate", window / (time.monotonic() - begin), "jobs/s", depth=depth)
        cpu, seconds, n = self.drain(window)
        self.emit("drain_cpu", cpu / n * 1e6, "us/job", depth=depth)
        self.emit("drain_rate", n / seconds, "jobs/s", depth=depth)

    def lists(self, stop, taken):
        api = self.host.another()
        for query in itertools.cycle(LISTS):
            if stop.is_set():
                break
            begin = time.monotonic()
            page = api.get("/v1/jobs", limit=100, **query)
            taken.setdefault(json.dumps(query), []).append((time.monotonic() - begin, len(page["items"]), "next_cursor" in page))
        api.close()

    def lists_under_load(self, window):
        stop, taken = threading.Event(), {}
        thread = threading.Thread(target=self.lists, args=(stop, taken))
        thread.start()
        cpu, seconds, n = self.drain(window)
        stop.set()
        thread.join()
        self.emit("drain_rate_with_lists", n / seconds, "jobs/s", cpu_us=round(cpu / n * 1e6, 2))
        for query, pages in taken.items():
            times = sorted(t for t, _, _ in pages)
            self.emit("list_p50", times[len(times) // 2] * 1e3, "ms", query=query, pages=len(pages), items=pages[-1][1])
            self.emit("list_max", times[-1] * 1e3, "ms", query=query, within_deadline=times[-1] < LIST_DEADLINE_S + 0.5)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build")
    parser.add_argument("--depths", default="1000,10000,100000,1000000")
    parser.add_argument("--window", type=int, default=20000)
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the host is ended on the way out
    os.environ["JOBHOST_BUILD"] = os.path.abspath(args.build)
    sys.path.insert(0, os.path.join(HERE, "..", "..", "e2e"))
    from lib.host import Host  # finds the build by JOBHOST_BUILD

    plugin = os.path.join(os.path.abspath(args.build), "tests", "bench", "bench.so")
    with tempfile.TemporaryDirectory() as folder:
        host = Host(folder, {"plugins": {"bench": {"file": plugin, "workers": 1, "threads": 1}},
                             "host": {"log_level": "warn"}})
        host.start()
        try:
            host.post("/v1/queues/bench/pause", {"why": "filling"})
            bench = Bench(host)
            for depth in (int(d) for d in args.depths.split(",")):
                bench.at_depth(depth, args.window)
            bench.lists_under_load(min(args.window * 10, bench.depth() * 3 // 4))
            begin = time.monotonic()
            host.assert_sound()
            bench.emit("fsck", time.monotonic() - begin, "s", jobs=sum(bench.states().values()))
            host.stop()
        finally:
            host.put_down()


if __name__ == "__main__":
    main()
