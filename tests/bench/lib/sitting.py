"""One sitting of measurements: programs that print a line of JSON each, in alternating order, and medians of them."""
import json
import os
import statistics
import subprocess
import sys


def run(command, env=None):
    out = subprocess.run(command, stdout=subprocess.PIPE, env=env, check=False, text=True).stdout
    return [json.loads(line) for line in out.splitlines() if line.startswith("{")]


def take_turns(runs, measures):
    """`measures`: name -> function that returns lines. Every other run goes backwards."""
    lines = []
    for i in range(runs):
        for name in list(measures) if i % 2 == 0 else reversed(list(measures)):
            if sys.stderr.isatty():
                print(f"run {i + 1}/{runs}: {name}", file=sys.stderr)
            lines += measures[name]()
    return lines


def write(path, lines):
    with open(path, "w", encoding="utf-8") as f:
        f.writelines(json.dumps(line) + "\n" for line in lines)


def median(lines, wanted):
    values = [x["value"] for x in lines if wanted(x)]
    return statistics.median(values) if values else None
