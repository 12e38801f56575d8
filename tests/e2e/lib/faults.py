"""Runs a workload against a host that dies, fails or dawdles at a named point (host/base/fault.h), and counts what came of it."""
import dataclasses
import json
import random
import subprocess

from . import build
from .api import Unreachable
from .host import Host
from .procs import wait_until
from .storm import CONFIG
from .workload import Report, Submitter, Workload

ANCHORS = 4  # jobs that certainly run when the first host dies, so that the next one has something to take over
MEMBERS = 7  # of a flow that is cancelled
BALLAST = 24  # megabytes, more than the log holds before its pages go to the database
# The n-th passage at which it happens is drawn from 1 to this; places that are passed rarely get less.
NTH_MOST = {"recover": ANCHORS - 1, "store_checkpoint": 1, "blob_before_rename": 3, "blob_after_rename": 3,
            "spool_write": 3, "form_stored": 3, "upgrade_before_exec": 1, "upgrade_store_closed": 1, "upgrade_after_exec": 1,
            "upgrade_adopted": 1, "cascade_page": 3, "cascade_moved": 3,
            "flow_told": 4}  # many are told in one call
NTH_DEFAULT = 12


def points():
    answer = subprocess.run([build.BINARY, "version", "--fault-points", "--json"], check=True, capture_output=True)
    return json.loads(answer.stdout)["fault_points"]


@dataclasses.dataclass
class Outcome:
    point: str
    action: str
    nth: int
    died: str  # "host", "worker" or "nobody"
    report: Report


class Run:
    """One point, one action. The workload is the same for the same seed."""

    def __init__(self, folder, point, action, seed, jobs, store=None):
        dice = random.Random(f"{seed} {point} {action}")
        self.point, self.action = point, action
        self.nth = dice.randint(1, NTH_MOST.get(point, NTH_DEFAULT))
        self.host = Host(folder, {**CONFIG, **(store or {})})
        self.flows = NTH_MOST[point] if point.startswith("cascade_") else 0
        self.openers = []
        self.work = Workload(seed, jobs)
        if point.startswith("blob_"):
            self.work.add_blobs(NTH_MOST[point])
        if point in ("spool_write", "form_stored"):
            self.work.add_uploads(NTH_MOST[point])
        if point == "store_checkpoint":
            self.work.add_ballast(BALLAST)
        for n in range(ANCHORS):
            self.work.add_steps(3, 300, key=f"anchor-{n}")

    def go(self):
        host, work = self.host, self.work
        host.start()
        self._leave_something_running()
        self._open_flows()
        host.kill()
        mark = len(host.read_log())
        with host.launch(env={"JOBHOST_FAULT": f"{self.point}:{self.nth}={self.action}"}):
            with Submitter(work, host) as submitter:
                submitter.let(0.5)
                if self.point.startswith("upgrade_"):
                    self._upgrade()
                self._cancel_flows()
                submitter.let(1.0)
                died = self._await_death(mark, submitter)
                if died == "host":
                    host.reap()
                elif self.action == "kill" or host.process.poll() is not None:
                    host.stop()
                if host.process is None:
                    host.start()
        self._cancel_flows()
        report = work.check(host)
        self._check_flows(report)
        host.restart()
        assert work.check(host).findings() == report.findings(), "another answer after a restart"
        host.stop()
        return Outcome(self.point, self.action, self.nth, died, report)

    def _open_flows(self):
        """Whose members would wait for long: what ends them is the cancel of their opener."""
        for _ in range(self.flows):
            job = self.host.submit("chaos.yield", {"kind": "children", "children": MEMBERS, "delay_ms": 3_600_000}, queue="elsewhere")
            self.host.wait_job(job, "parked")
            wait_until(lambda job=job: len(self.host.get("/v1/jobs", parent=job)["items"]) == MEMBERS, build.PATIENCE_S, "its members are there")
            self.openers.append(job)

    def _cancel_flows(self):
        """It may be the last thing that is asked of this host."""
        api = self.host.another()
        for job in self.openers:
            wait_until(lambda job=job: self.host.process.poll() is not None or self._cancelled(api, job), build.PATIENCE_S, "it is cancelled")
        api.close()

    @staticmethod
    def _cancelled(api, job):
        try:
            return api.call("POST", f"/v1/jobs/{job}/cancel", {}).status in (200, 409)
        except Unreachable:
            return False

    def _check_flows(self, report):
        for job in self.openers:
            flow = self.host.job(job)["flow"]
            if (flow["cancelled"], flow["open"], flow["closed"]) != (MEMBERS, 0, True):
                report.stuck.append(f"flow of {job}: {flow}")

    def _upgrade(self):
        """It may be the last thing that is asked of this host."""
        api = self.host.another()
        wait_until(lambda: self.host.process.poll() is not None or self._asked(api), build.PATIENCE_S, "an upgrade has been tried")
        api.close()

    def _asked(self, api):
        try:
            return api.call("POST", "/v1/upgrade", {}).status == 202
        except Unreachable:
            return False

    def _leave_something_running(self):
        """The anchors have committed a step, so the store knows that they run."""
        anchors = range(len(self.work.plan) - ANCHORS, len(self.work.plan))
        self.work.submit(self.host, anchors.start, anchors.stop)
        for n in anchors:
            wait_until(lambda n=n: "steps" in self.host.job(self.work.ids[n]), build.PATIENCE_S, "an anchor has a step")

    def _await_death(self, mark, submitter):
        """Whoever dies first; nobody, if all the work gets done."""
        def who():
            if self.host.process.poll() is not None:
                return "host"
            if "SIGKILL" in self.host.read_log()[mark:]:  # chaos.crash has other ways to go
                return "worker"
            return "nobody" if submitter.done() and self._is_idle() else None

        return wait_until(who, build.PATIENCE_S * 2, "somebody dies, or all is done", 0.05)

    def _is_idle(self):
        try:
            self.host.another().wait_idle(seconds=0.2)
        except (AssertionError, Unreachable):
            return False
        return True
