"""A mix of jobs whose every effect can be counted, and the oracle that counts.

Each submission carries a dedup key, so that one whose answer was lost with the host can be repeated without becoming two jobs. What
the handlers commit they count in key/value counters `sink:<job>:<commit>` (tests/abi/plugins/chaos.h); a counter of 1 proves "once".
"""
import dataclasses
import hashlib
import json
import random
import string
import threading

from . import form
from .api import FINAL, ApiError, Unreachable
from .procs import wait_until

# Kills must not use up attempts, and nobody waits for a back-off.
RETRY = {"max": 1000, "backoff": "fixed", "base": "20ms", "jitter": 0}
JOB_TYPES = ("steps", "child", "children", "yield", "big_result", "kv", "fail", "crash", "echo", "reads_input", "outputs", "await")
JOBS_CONFIG = {f"chaos.{name}": {"retry": RETRY} for name in JOB_TYPES}
PATTERN = string.ascii_lowercase.encode()


def pattern(size):
    """What chaos.big_result writes."""
    return (PATTERN * (size // 26 + 1))[:size]


def sums(files):
    """What chaos.reads_input answers."""
    return json.dumps([{"name": name, "type": "application/octet-stream", "length": len(content), "read": len(content),
                        "sum": sum(content)} for name, content in files], separators=(",", ":")).encode()


@dataclasses.dataclass
class Expected:
    """What must be true of a job once it has succeeded."""
    sinks: tuple = ()  # commits, each counted once
    children: int = 0
    counter: str = ""  # a counter of its own that must be 1
    result: bytes = None
    digest: str = ""  # of a large result
    files: list = None  # [(name, content)]: it is submitted as a form
    outputs: dict = None  # {name: content}: exactly these files are left


@dataclasses.dataclass
class Report:
    """What became of a workload."""
    jobs: int = 0
    executions: int = 0
    interrupted: int = 0  # executions that ended with their process, and not by their own doing
    lost: list = dataclasses.field(default_factory=list)
    duplicated: list = dataclasses.field(default_factory=list)
    stuck: list = dataclasses.field(default_factory=list)
    wrong: list = dataclasses.field(default_factory=list)  # failed, or with another result
    unsound: list = dataclasses.field(default_factory=list)  # fsck's findings

    def count(self, job):
        self.executions += job["attempt"]
        self.interrupted += job.get("lost", 0) + job.get("resource_retries", 0)

    def findings(self):
        return {name: getattr(self, name) for name in ("lost", "duplicated", "stuck", "wrong", "unsound")}

    def assert_clean(self):
        for name, found in self.findings().items():
            assert not found, f"{len(found)} {name}: {found[:5]}"

    def __str__(self):
        return (f"{self.jobs} jobs, {self.executions} executions, {self.interrupted} interrupted, {len(self.lost)} lost, {len(self.duplicated)} duplicated, "
                f"{len(self.stuck)} stuck, {len(self.wrong)} wrong, {len(self.unsound)} found by fsck")


class Workload:
    def __init__(self, seed, count, tag="w"):
        self._random = random.Random(seed)
        self.tag = tag
        self.plan = [self._make(n) for n in range(count)]
        self.ids = [None] * count

    # ---- what to do

    def add_steps(self, steps, pause_ms, key):
        """One more job, of which it is known how it goes."""
        payload = {"steps": steps, "pause_ms": pause_ms}
        self.plan.append(({"type": "chaos.steps", "payload": payload, "key": key},
                          Expected(sinks=(*map(str, range(1, steps + 1)), "end"))))
        self.ids.append(None)

    def _make(self, n):
        r = self._random
        kinds = {"steps": 40, "children": 10, "yield_now": 8, "yield_until": 8, "big_chunks": 6, "big_fd": 4, "kv": 10, "fail": 6,
                 "crash": 2, "echo": 6, "upload": 6, "outputs": 8, "await": 8}
        kind = r.choices(list(kinds), list(kinds.values()))[0]
        name, payload, expected = getattr(self, "_" + kind)(n, r)
        job = {"type": f"chaos.{name}", "payload": payload, "key": f"{self.tag}-{n}"}
        if r.random() < 0.5:  # children of these go to another queue, by way of the outbox
            job["queue"] = "elsewhere"
        return job, expected

    @staticmethod
    def _steps(n, r):
        steps, children = r.randint(1, 5), r.randint(0, 2)
        expected = Expected(sinks=(*map(str, range(1, steps + 1)), "end"), children=steps * children)
        return "steps", {"steps": steps, "children": children, "pause_ms": r.choice([0, 0, 5, 20, 50])}, expected

    @staticmethod
    def _children(n, r):
        count = r.randint(1, 20)
        return "children", {"count": count, "delay_ms": r.choice([0, 0, 50])}, Expected(children=count)

    @staticmethod
    def _yield_now(n, r):
        return "yield", {"kind": "now", "times": r.randint(1, 4)}, Expected()

    @staticmethod
    def _yield_until(n, r):
        return "yield", {"kind": "until", "times": r.randint(1, 3), "ms": r.randint(1, 60)}, Expected()

    @staticmethod
    def _big_chunks(n, r):
        return Workload._big(r, "chunks")

    @staticmethod
    def _big_fd(n, r):
        return Workload._big(r, "fd")

    @staticmethod
    def _big(r, how):
        # on both sides of what stays inside the store; no two of those beyond are the same file
        size = r.choice([1000, 262_144, 262_145 + r.randrange(100_000), 700_000 + r.randrange(100_000)])
        digest = hashlib.sha256(pattern(size)).hexdigest()
        return "big_result", {"bytes": size, "how": how}, Expected(digest=digest)

    def _kv(self, n, r):
        counter = f"once:{self.tag}:{n}"
        ops = [["set", f"v:{self.tag}:{n}", str(n), 0], ["add", counter, 1], ["sadd", f"all:{self.tag}", str(n)]]
        return "kv", {"ops": ops}, Expected(counter=counter, result=b"[0,0,0]")

    @staticmethod
    def _fail(n, r):
        return "fail", {"times": r.randint(1, 2), "class": r.choice(["network", "upstream"])}, Expected()

    @staticmethod
    def _crash(n, r):
        return "crash", {"how": r.choice(["segv", "abort", "exit"]), "times": 1}, Expected()

    def _await(self, n, r):
        # told by the very commits that wait for them, by its own commits again and again, and once each
        said = [f"{n}.{i}" for i in range(r.randint(1, 3))]
        payload = {"names": [f"{self.tag}-{n}"] * len(said), "tell": said}
        return "await", payload, Expected(sinks=("end",), result=json.dumps(said, separators=(",", ":")).encode())

    @staticmethod
    def _echo(n, r):
        text = "x" * r.choice([1, 1000, 100_000])
        return "echo", {"text": text}, Expected(result=f'{{"text": "{text}"}}'.encode())

    @staticmethod
    def _upload(n, r):
        # some larger than what the disk thread writes at once
        files = [(f"f{i}", pattern(r.choice([0, 10, 5000, 300_000]) + n)) for i in range(r.randint(1, 3))]
        return "reads_input", {}, Expected(files=files, result=sums(files))

    def _outputs(self, n, r):
        # each with its commit, or all with the last one; no two have the same content
        commit = r.random() < 0.5
        files = [{"name": f"{i}.txt", "text": f"{self.tag}{n}.{i}:", "bytes": r.choice([0, 10, 5000, 300_000])} for i in range(r.randint(1, 4))]
        expected = {f["name"]: f["text"].encode() + pattern(f["bytes"]) for f in files}
        payload = {"files": files, "commit": commit, "pause_ms": r.choice([0, 0, 5, 20])}
        return "outputs", payload, Expected(outputs=expected, sinks=tuple(expected) if commit else ())

    def add_uploads(self, count):
        """Forms with a file, each another one."""
        for n in range(count):
            files = [("f", pattern(100_000 + n))]
            job = {"type": "chaos.reads_input", "payload": {}, "key": f"upload-{n}"}
            self.plan.append((job, Expected(files=files, result=sums(files))))
            self.ids.append(None)

    def add_blobs(self, count):
        """Results that certainly become files, each another one."""
        for n in range(count):
            size = 400_000 + n
            job = {"type": "chaos.big_result", "payload": {"bytes": size, "how": "chunks"}, "key": f"blob-{n}"}
            self.plan.append((job, Expected(digest=hashlib.sha256(pattern(size)).hexdigest())))
            self.ids.append(None)

    def add_ballast(self, megabytes):
        """Bytes for the store to write."""
        for n in range(megabytes):
            job = {"type": "chaos.steps", "payload": {"steps": 1, "ballast": "x" * 1_000_000}, "key": f"ballast-{n}"}
            self.plan.append((job, Expected(sinks=("1", "end"))))
            self.ids.append(None)

    # ---- doing it

    def submit(self, api, first=0, last=None, given_up=lambda: False):
        """Until each has been accepted; while the host is away it asks again."""
        for n in range(first, len(self.plan) if last is None else last):
            if self.ids[n] is None:
                wait_until(lambda n=n: given_up() or self._submit_one(api, n), 120, f"job {n} is accepted")

    def _submit_one(self, api, n):
        job, expected = self.plan[n]
        try:
            answer = api.submit_form(job, expected.files) if expected.files else api.call("POST", "/v1/jobs", job)
        except Unreachable:
            return False
        if answer.status != 202:
            if answer.status != 503:  # starting, draining, read-only: later
                raise ApiError("POST /v1/jobs", answer)
            return False
        self.ids[n] = answer.json["id"]
        return True

    def submit_array(self, api, numbers, given_up=lambda: False):
        """As submit(), in one request but for the forms."""
        plain = [n for n in numbers if not self.plan[n][1].files]
        wait_until(lambda: given_up() or self._submit_array(api, [n for n in plain if self.ids[n] is None]), 120, f"jobs {plain} are accepted")
        for n in numbers:
            self.submit(api, n, n + 1, given_up)

    def _submit_array(self, api, numbers):
        if not numbers:
            return True
        try:
            answer = api.call("POST", "/v1/jobs", [self.plan[n][0] for n in numbers])
        except Unreachable:
            return False
        if answer.status not in (202, 503):
            raise ApiError("POST /v1/jobs", answer)
        answers = answer.json if answer.status == 202 else []
        for n, one in zip(numbers, answers):
            self.ids[n] = one.get("id")  # else it is refused for now
        return all(self.ids[n] for n in numbers)

    # ---- counting

    def check(self, api, seconds=120):
        """Waits until nothing moves any more, then counts."""
        report = Report(jobs=len(self.plan))
        try:
            api.wait_idle(seconds=seconds)
        except AssertionError:
            pass  # they are counted as stuck
        jobs = {j["id"]: j for j in api.list()}
        by_key = {}
        for j in jobs.values():
            by_key.setdefault(j.get("key"), []).append(j["id"])
        children = {}
        for j in jobs.values():
            children.setdefault(j.get("parent"), []).append(j)
        keys = []
        for n, (submission, expected) in enumerate(self.plan):
            job = jobs.get(self.ids[n])
            self._check_job(api, report, job, n, submission, expected)
            if len(by_key.get(submission["key"], [])) > 1:
                report.duplicated.append(f"key {submission['key']}: {by_key[submission['key']]}")
            if job is not None:
                keys += self._check_children(report, job, children.get(job["id"], []), expected)
                keys += [f"sink:{job['id']}:{sink}" for sink in expected.sinks]
                keys += [expected.counter] if expected.counter else []
        self._check_counters(api, report, keys)
        report.unsound += api.fsck()["findings"]
        return report

    def _check_job(self, api, report, job, n, submission, expected):
        where = f"job {n} {self.ids[n]} {submission['type']}"
        if job is None:
            report.lost.append(where)
            return
        report.count(job)
        if job["state"] not in FINAL:
            report.stuck.append(f"{where} is {job['state']}")
        elif job["state"] != "succeeded":
            report.wrong.append(f"{where} is {job['state']}: {job.get('error')}")
        elif expected.result is not None and api.result(job["id"]) != expected.result:
            report.wrong.append(f"{where}: another result")
        elif expected.digest and hashlib.sha256(api.result(job["id"])).hexdigest() != expected.digest:
            report.wrong.append(f"{where}: another large result")
        elif expected.outputs is not None:
            self._check_outputs(api, report, job, where, expected.outputs)

    @staticmethod
    def _check_outputs(api, report, job, where, wanted):
        found = {o["name"]: o for o in api.job(job["id"]).get("outputs", [])}
        for name, content in wanted.items():
            if name not in found:
                report.lost.append(f"{where}: output {name}")
            elif api.expect(200, "GET", found[name]["url"]).raw != content:
                report.wrong.append(f"{where}: another content of {name}")
        report.duplicated += [f"{where}: output {name}" for name in found if name not in wanted]

    @staticmethod
    def _check_children(report, job, found, expected):
        """Exactly as many as were asked for; answers the counters that each must have counted."""
        if len(found) != expected.children:
            kind = report.lost if len(found) < expected.children else report.duplicated
            kind.append(f"children of {job['id']}: {len(found)} instead of {expected.children}")
        for child in found:
            report.count(child)
            if child["state"] not in FINAL:
                report.stuck.append(f"child {child['id']} is {child['state']}")
            elif child["state"] != "succeeded":
                report.wrong.append(f"child {child['id']} is {child['state']}: {child.get('error')}")
        return [f"sink:{child['id']}:end" for child in found]

    @staticmethod
    def _check_counters(api, report, keys):
        for key, value in api.counters(keys).items():
            if value == 0:
                report.lost.append(f"{key} was not counted")
            elif value != 1:
                report.duplicated.append(f"{key} = {value}")


class Submitter(threading.Thread):
    """Feeds a workload to the host beside whatever is done to it, as far as it is let: with `with`, so that it ends with the test.

    One of `parts` that share the workload; a request has as many jobs as one of `sizes` says."""

    def __init__(self, workload, api, part=0, parts=1, sizes=(1,)):
        super().__init__(daemon=True)
        self._workload, self._api, self._problem = workload, api.another(), None
        self._mine, self._sizes, self._dice = range(part, len(workload.plan), parts), sizes, random.Random(part)
        self._changed, self._share, self._given_up = threading.Condition(), 0.0, False

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, kind, value, trace):
        with self._changed:
            self._given_up = kind is not None
            self._changed.notify()
        self.let(1.0)
        self.join()
        if kind is None and self._problem is not None:
            raise self._problem

    def done(self):
        return not self.is_alive()

    def let(self, share):
        """This part of the workload may be submitted by now."""
        with self._changed:
            self._share = max(self._share, share)
            self._changed.notify()

    def run(self):
        try:
            while self._mine and self._submit_some(self._mine[:self._dice.choice(self._sizes)]):
                pass
        except Exception as problem:  # told at the end
            self._problem = problem
        finally:
            self._api.close()

    def _submit_some(self, numbers):
        with self._changed:
            self._changed.wait_for(lambda: numbers[-1] < self._share * len(self._workload.plan) or self._given_up)
        if self._given_up:
            return False
        if len(numbers) > 1:
            self._workload.submit_array(self._api, numbers, lambda: self._given_up)
        else:
            self._workload.submit(self._api, numbers[0], numbers[0] + 1, lambda: self._given_up)
        self._mine = self._mine[len(numbers):]
        return True
