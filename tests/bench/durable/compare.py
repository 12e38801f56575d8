#!/usr/bin/python3
"""Runs delayed jobs beside BullMQ's and durable steps beside Restate's in one sitting and prints ratios.

usage: compare.py [BUILD_DIR] [--peers DIR] [--part delayed|steps ...] [--runs N] [--json FILE]

DIR is as for the no-op benchmark. jobhost is measured on both of its stores: SQLite, which syncs each commit to the disk before it counts, and Redis with the AOF
setting of the peers (everysec). The order alternates from run to run; medians are compared.
"""
import argparse
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
import sitting  # noqa: E402

STORES = ("sqlite", "redis")
PEER = {"delayed": "bullmq", "steps": "restate"}
# metric, which of its lines, what the ratio means, aim
ROWS = {
    "delayed": [
        ("delayed_late_p50", {}, "lateness p50 of 10,000 due over 5 s, less is better", None),
        ("delayed_late_p99", {}, "lateness p99, less is better", ("<=", 0.1)),
    ],
    "steps": [
        ("durable_steps_per_s", {"conc": 1}, "durable steps/s, 1 job in flight, more is better", (">=", 4)),
        ("durable_steps_per_s", {"conc": 16}, "durable steps/s, 16 in flight", None),
        ("durable_steps_per_s", {"conc": 64}, "durable steps/s, 64 in flight", (">=", 10)),
        ("step_cpu_server", {"conc": 64}, "processor time of the server a step, 64 in flight, less is better", None),
        ("workflow_ms_p50", {"conc": 1}, "a job of ten steps p50, 1 in flight, less is better", None),
    ],
}


def good(ratio, aim):
    return ratio >= aim[1] if aim[0] == ">=" else ratio <= aim[1]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", nargs="?", default=os.path.join(HERE, "..", "..", "..", "build", "bench"))
    parser.add_argument("--peers", default=os.environ.get("PEERS"), help="folder with the peers' run.sh (or variable PEERS)")
    parser.add_argument("--part", action="append", choices=list(ROWS))
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", help="write every measurement to this file")
    args = parser.parse_args()
    parts = args.part or list(ROWS)
    env = dict(os.environ, ONLY=",".join(parts), AOF="everysec")

    def ours(store):
        return lambda: [dict(line, peer=store) for line in sitting.run([os.path.join(HERE, "run.sh"), args.build, "--store", store], env)]

    def theirs(part):
        return lambda: sitting.run(["bash", os.path.join(args.peers, "run.sh"), PEER[part]], env)

    measures = {store: ours(store) for store in STORES}
    if args.peers:
        measures.update({PEER[part]: theirs(part) for part in parts})
    lines = sitting.take_turns(args.runs, measures)
    if args.json:
        sitting.write(args.json, lines)
    met = True
    for part in parts:
        print(f"{part}:")
        for metric, which, meaning, aim in ROWS[part]:
            def median(peer):
                return sitting.median(lines, lambda x: x["peer"] == peer and x["metric"] == metric and all(x.get(k) == v for k, v in which.items())
                                      and x.get("aof", "everysec") == "everysec")
            peer = median(PEER[part])
            for store in STORES:
                value = median(store)
                if value is None:
                    continue
                line = f"  {meaning}: {store} {value:,.2f}"
                if peer:
                    line += f", {PEER[part]} {peer:,.2f}: {value / peer:.2f} x"
                if peer and aim:
                    met = met and good(value / peer, aim)
                    line += f"  aim {aim[0]} {aim[1]}: {'met' if good(value / peer, aim) else 'NOT MET'}"
                print(line)
    if args.peers:
        print(f"\nall aims met: {'yes' if met else 'no'}")


if __name__ == "__main__":
    main()
