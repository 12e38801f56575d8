"""Several hosts on one Redis, and what their executions leave behind (tests/abi/plugins/chaos_trace.c)."""
import collections
import contextlib
import os
import signal
import time

from . import build
from .host import chaos
from .procs import wait_until, workers_of
from .workload import JOBS_CONFIG, RETRY

LEASE_S = 5  # the shortest that a configuration may have
GAP_S = 1.0  # an execution that leaves no line for so long did not run meanwhile
JOBS = {**JOBS_CONFIG, "chaos.trace": {"retry": RETRY}}


def config(redis, folder, lease=LEASE_S, **sections):
    """Plugins may write to `folder`, where the trace lies."""
    host = {"lease": f"{lease}s", **sections.pop("host", {})}
    return {"plugins": chaos(workers=2, threads=2, grace="500ms", sandbox={"write": folder}), "jobs": JOBS, "store": {"url": f"unix:{redis.socket}"}, "host": host, **sections}


class Fleet:
    def __init__(self, make_host, redis, folder):
        self._make_host, self.redis = make_host, redis
        self.hosts, self.folder, self.trace = [], str(folder), os.path.join(folder, "trace")

    def add(self, count=1, start=True, **options):
        """More hosts; the last one."""
        for _ in range(count):
            self.hosts.append(self._make_host(config(self.redis, self.folder, **options), name=f"host{len(self.hosts)}"))
            if start:
                self.hosts[-1].start()
        return self.hosts[-1]

    def submit_trace(self, host, ms, **fields):
        """A job that runs for so long and says so."""
        payload = {name: fields.pop(name) for name in ("every_ms", "deaf", "spin") if name in fields}
        return host.submit("chaos.trace", {"file": self.trace, "ms": ms, **payload}, **fields)

    # ---- who did what

    def executions(self):
        """{job: {(pid, attempt): [seconds, ...]}}"""
        found = collections.defaultdict(lambda: collections.defaultdict(list))
        if os.path.exists(self.trace):
            with open(self.trace, encoding="ascii") as lines:
                for line in lines:
                    job, pid, attempt, us = line.split()
                    found[job][int(pid), int(attempt)].append(int(us) / 1e6)
        return found

    def segments(self, job):
        """[(begin, end), ...] of what ran of the job; one that a worker ran twice counts twice, if there was a pause."""
        return _segments(self.executions()[job])

    def wait_traced(self, job, runs=1):
        wait_until(lambda: len(self.segments(job)) >= runs, build.PATIENCE_S, lambda: f"{job} has been begun {runs} times: {self.segments(job)}")

    def runner(self, job):
        """The host that has the job's last execution, and the others."""
        latest = max((times[-1], pid) for (pid, _), times in self.executions()[job].items())[1]
        found = [h for h in self.hosts if h.process is not None and latest in workers_of(h.pid)]
        assert len(found) == 1, (latest, found)
        return found[0], [h for h in self.hosts if h is not found[0]]

    def overlap(self, job):
        """For how many seconds two executions of the job ran at once."""
        return _overlap(self.executions()[job])

    def worst_overlap(self):
        ran = self.executions()
        return max((_overlap(ran[job]) for job in ran), default=0.0)


def _segments(executions):
    found = []
    for times in executions.values():
        begin = last = times[0]
        for at in times[1:]:
            if at - last > GAP_S:
                found.append((begin, last))
                begin = at
            last = at
        found.append((begin, last))
    return found


def _overlap(executions):
    events = [event for begin, end in _segments(executions) for event in ((begin, 1), (end, -1))]
    running, since, sum_s = 0, 0.0, 0.0
    for at, change in sorted(events):
        sum_s += at - since if running > 1 else 0.0
        running, since = running + change, at
    return sum_s


class Anybody:
    """The API of whichever host answers: for submissions beside kills."""

    def __init__(self, hosts):
        self._apis = [host.another() for host in hosts]

    def another(self):
        return self

    def close(self):
        for api in self._apis:
            api.close()

    def _try(self, name, *args):
        self._apis.append(self._apis.pop(0))
        return getattr(self._apis[0], name)(*args)

    def call(self, *args):
        return self._try("call", *args)

    def submit_form(self, *args):
        return self._try("submit_form", *args)


def stop_for(host, seconds, workers=False):
    """SIGSTOP to the host, and to its workers if asked, and on again."""
    stopped = [host.pid, *(workers_of(host.pid) if workers else ())]
    for pid in stopped:
        _send(pid, signal.SIGSTOP)
    time.sleep(seconds)  # it cannot say when this is over
    for pid in stopped:
        _send(pid, signal.SIGCONT)


def _send(pid, number):
    with contextlib.suppress(ProcessLookupError):  # a worker may have ended meanwhile
        os.kill(pid, number)


def kill_and_restart(host):
    host.kill()
    host.start()
