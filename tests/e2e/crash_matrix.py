#!/usr/bin/python3
"""The crash matrix as a table: storms of kills, and a death and a failure at every fault point. Takes about eight minutes.

    tests/e2e/crash_matrix.py            prints the table
    tests/e2e/crash_matrix.py --write    puts it into docs/crash-matrix.md

JOBHOST_BUILD names the build folder (default build/test), JOBHOST_SEED repeats a run. It fails unless all counts are 0.
"""
import argparse
import os
import random
import sys
import tempfile

from lib import build, faults
from lib.host import Host
from lib.storm import CONFIG, kill_a_worker, kill_the_host, storm, storm_at_start

DOCUMENT = os.path.join(build.REPO, "docs", "crash-matrix.md")
MARK = "<!-- table -->\n"  # what follows in the document is written here
STORM_JOBS, KILLS, POINT_JOBS = 1000, 100, 1000
STORMS = {
    "a worker, SIGKILL": (kill_a_worker,),
    "the host, SIGKILL": (kill_the_host,),
    "either, SIGKILL": (kill_a_worker, kill_the_host),
}
HEAD = ("| killed or failing | where, when | jobs | executions | interrupted | lost | duplicated | stuck | wrong | fsck |\n"
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|\n")


class Table:
    def __init__(self):
        self.rows, self.bad = [], []

    def add(self, what, where, report):
        counts = [len(found) for found in report.findings().values()]
        if any(counts):
            self.bad.append(f"{what}, {where}: {report}")
        numbers = [report.jobs, report.executions, report.interrupted, *counts]
        self.rows.append(f"| {what} | {where} | {' | '.join(map(str, numbers))} |\n")
        print(self.rows[-1], end="", flush=True)


def add_storms(table, folder, seed):
    for number, (what, weapons) in enumerate(STORMS.items()):
        host = Host(os.path.join(folder, f"storm{number}"), CONFIG)
        try:
            table.add(what, f"{KILLS} times, at random", storm(host, seed, STORM_JOBS, KILLS, weapons))
        finally:
            host.put_down()
    host = Host(os.path.join(folder, "starting"), CONFIG)
    try:
        table.add("the host, SIGKILL", f"{KILLS} times, while it starts", storm_at_start(host, seed, STORM_JOBS, KILLS))
    finally:
        host.put_down()


def add_points(table, folder, seed, action):
    for point in faults.points():
        run = faults.Run(os.path.join(folder, f"{point}-{action}"), point, action, seed, POINT_JOBS)
        try:
            outcome = run.go()
        finally:
            run.host.put_down()
        if action == "kill" and outcome.died == "nobody":
            table.bad.append(f"{point} was never passed")
        what = f"the {outcome.died}" if action == "kill" else "-EIO, once"
        table.add(what, f"`{point}`, passage {outcome.nth}", outcome.report)


def write(table, seed):
    with open(DOCUMENT, encoding="utf-8") as document:
        text = document.read().split(MARK)[0]
    with open(DOCUMENT, "w", encoding="utf-8") as document:
        document.write(f"{text}{MARK}\nSeed {seed}.\n\n{HEAD}{''.join(table.rows)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="put the table into docs/crash-matrix.md")
    options = parser.parse_args()
    seed = int(os.environ.get("JOBHOST_SEED", random.SystemRandom().randrange(1 << 32)))
    table = Table()
    print(HEAD, end="")
    with tempfile.TemporaryDirectory(prefix="jobhost-") as folder:
        add_storms(table, folder, seed)
        add_points(table, folder, seed, "kill")
        add_points(table, folder, seed, "error")
    if options.write:
        write(table, seed)
    sys.exit("\n".join(table.bad) if table.bad else 0)


if __name__ == "__main__":
    main()
