#!/usr/bin/python3
"""Runs the no-op benchmark beside other job systems in one sitting and prints ratios.

usage: compare.py [BUILD_DIR] [--store sqlite|redis] [--peers DIR] [--peer NAME ...] [--runs N] [--json FILE]

DIR holds a script `run.sh PEER` that prints one line of JSON per measurement ({"peer", "metric", "value", ...}), as
tests/bench/noop/run.sh does for jobhost. With --store redis jobhost is on a redis-server of its own with the AOF setting of the peers
(everysec), and all have the same number of jobs (N, 100000). The order alternates from run to run; medians are compared. Figures by themselves say
little: the machine, and what else it does, is in all of them alike.
"""
import argparse
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
import sitting  # noqa: E402

# jobhost's metric, the peer's, what the ratio means, aim per peer (none: only shown); per store
SQLITE_ROWS = [
    ("enqueue_then_drain_per_s", "enqueue_then_drain_per_s", "end to end, more is better",
     {"bullmq": (">=", 5), "bee-queue": (">=", 2), "beanstalkd": (">=", 1)}),
    ("enqueue_batch_per_s", "enqueue_batch_per_s", "enqueue, more is better", {}),
    ("drain_per_s", "drain_per_s", "drain, more is better", {}),
    ("latency_start_p50", "latency_start_p50", "start latency p50 at 200/s, less is better", {"bullmq": ("<=", 0.5)}),
    ("latency_start_p99", "latency_start_p99", "start latency p99 at 200/s, less is better", {"bullmq": ("<=", 0.5)}),
    ("store_disk_per_100k", "store_mem_per_100k", "bytes per 100k queued jobs, less is better", {"bullmq": ("<=", 0.4)}),
]
REDIS_ROWS = [
    ("enqueue_then_drain_per_s", "enqueue_then_drain_per_s", "end to end, more is better (stretch: 5)", {"bullmq": (">=", 3)}),
    ("enqueue_batch_per_s", "enqueue_batch_per_s", "enqueue, more is better", {}),
    ("drain_per_s", "drain_per_s", "drain, more is better", {}),
    ("cpu_server", "cpu_server", "Redis CPU per job, enqueue and drain, less is better", {"bullmq": ("<=", 0.3)}),
    ("latency_start_p50", "latency_start_p50", "start latency p50 at 200/s, less is better", {}),
    ("latency_start_p99", "latency_start_p99", "start latency p99 at 200/s, less is better", {"bullmq": ("<=", 0.5)}),
    ("store_mem_per_100k", "store_mem_per_100k", "Redis memory per 100k queued jobs, less is better", {"bullmq": ("<=", 0.6)}),
]
# of jobhost by itself
ALONE = {
    "redis": [("commands_per_job_alone", "commands a job, one at a time", 8), ("commands_per_job_batched", "commands a job, in batches", 1)],
}
PEERS = {"sqlite": ["bullmq", "bee-queue", "beanstalkd"], "redis": ["bullmq", "bee-queue"]}
# which of a peer's several configurations counts
WANTED = {
    "bullmq": {"aof": "everysec"},
    "bee-queue": {"aof": "everysec"},
    "beanstalkd": {"binlog": "fsync50ms"},
}
FOLDER = {"bee-queue": "beequeue"}


def run(command, env):
    lines = sitting.run(command, env)
    return lines + server_cpu(lines)


def server_cpu(lines):
    """What a job costs its server from end to end: not measured at once, since submitter and worker take turns."""
    sums = {}
    for line in lines:
        if line["metric"] in ("enqueue_cpu_server", "drain_cpu_server"):
            key = (line["peer"], line["run"], line.get("aof"))
            sums.setdefault(key, []).append(line)
    return [dict(pair[0], metric="cpu_server", value=pair[0]["value"] + pair[1]["value"]) for pair in sums.values() if len(pair) == 2]


def counts(line):
    return all(line.get(k, v) == v for k, v in WANTED.get(line["peer"], {}).items())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", nargs="?", default=os.path.join(HERE, "..", "..", "..", "build", "bench"))
    parser.add_argument("--store", choices=["sqlite", "redis"], default="sqlite")
    parser.add_argument("--peers", default=os.environ.get("PEERS"), help="folder with the peers' run.sh (or variable PEERS)")
    parser.add_argument("--peer", action="append", help="default: bullmq, bee-queue, and beside sqlite beanstalkd")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", help="write every measurement to this file")
    args = parser.parse_args()
    peers = (args.peer or PEERS[args.store]) if args.peers else []
    env = dict(os.environ)
    if args.store == "redis":
        env.setdefault("N", "100000")
        env["AOF"] = "everysec"
        env.setdefault("ONLY", "throughput,latency,idle")
    ours = [os.path.join(HERE, "run.sh"), args.build, "--store", args.store]
    lines = sitting.take_turns(args.runs, {
        "jobhost": lambda: run(ours, env),
        **{name: lambda name=name: run(["bash", os.path.join(args.peers, "run.sh"), FOLDER.get(name, name)], env) for name in peers}})
    if args.json:
        sitting.write(args.json, lines)

    def median(peer, metric):
        return sitting.median(lines, lambda x: x["peer"] == peer and x["metric"] == metric and counts(x))

    print("jobhost alone (medians):")
    for metric in dict.fromkeys(x["metric"] for x in lines if x["peer"] == "jobhost"):
        unit = next(x["unit"] for x in lines if x["peer"] == "jobhost" and x["metric"] == metric)
        print(f"  {metric:28} {median('jobhost', metric):>12,.3f} {unit}")
    met = True
    for metric, meaning, aim in ALONE.get(args.store, []):
        value = median("jobhost", metric)
        if value is not None:
            met = met and value <= aim
            print(f"  {meaning}: {value:.2f}  aim <= {aim}: {'met' if value <= aim else 'NOT MET'}")
    for peer in peers:
        print(f"\njobhost / {peer}:")
        for ours, theirs, meaning, aims in REDIS_ROWS if args.store == "redis" else SQLITE_ROWS:
            a, b = median("jobhost", ours), median(peer, theirs)
            if not a or not b:
                continue
            aim = aims.get(peer)
            verdict = ""
            if aim:
                good = a / b >= aim[1] if aim[0] == ">=" else a / b <= aim[1]
                met = met and good
                verdict = f"aim {aim[0]} {aim[1]}: {'met' if good else 'NOT MET'}"
            print(f"  {a / b:8.2f} x  {meaning} ({a:,.2f} against {b:,.2f})  {verdict}")
    if peers:
        print(f"\nall aims met: {'yes' if met else 'no'}")


if __name__ == "__main__":
    main()
