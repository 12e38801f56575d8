"""Clients that submit over TCP while the host dies again and again: what they were promised, and whether it was kept."""
import hashlib
import http.client
import json
import os
import random
import threading

from . import form
from .api import Unreachable
from .workload import pattern, sums

BATCH = 10


class _Client(threading.Thread):
    """Submits its share, each part again and again until it is accepted. Every 2xx counts as a promise."""

    def __init__(self, storm, number):
        super().__init__(daemon=True)
        self.storm, self.number, self.problem = storm, number, None
        self.dice = random.Random(f"{storm.seed} {number}")
        self.connection = None

    def run(self):
        try:
            for n in range(self.storm.parts):
                name = f"{self.number}-{n}"
                submit = self.dice.choice([getattr(self, f"_{kind}") for kind in self.storm.kinds])
                while not self.storm.given_up and not submit(name):
                    pass
        except Exception as problem:  # told at the end
            self.problem = problem

    def _post(self, kind, body):
        """The answer's status and JSON; (0, None): there was none."""
        try:
            if self.connection is None:
                self.connection = http.client.HTTPConnection("127.0.0.1", self.storm.port(), timeout=60)
            self.connection.request("POST", "/v1/jobs", body, {"Content-Type": kind})
            answer = self.connection.getresponse()
            return answer.status, json.loads(answer.read())
        except (OSError, http.client.HTTPException, Unreachable, ValueError):
            if self.connection is not None:
                self.connection.close()
            self.connection = None
            return 0, None

    def _submit(self, kind, body, jobs):
        status, answer = self._post(kind, body)
        if status not in (0, 202, 503):
            raise AssertionError(f"{status} {answer}")
        answers = answer if isinstance(answer, list) else [answer]
        if status != 202:
            return False
        for job, one in zip(jobs, answers):
            self.storm.promise(job["key"], one["id"])
        return True

    def _json(self, body, jobs):
        return self._submit("application/json", json.dumps(body).encode(), jobs)

    def _single(self, name):
        job = {"type": "chaos.echo", "key": name, "payload": {"n": name}}
        return self._json(job, [job])

    def _array(self, name):
        jobs = [{"type": "chaos.echo", "key": f"{name}-{i}", "payload": {"n": f"{name}-{i}"}} for i in range(BATCH)]
        return self._json(jobs, jobs)

    def _form(self, name):
        job = {"type": "chaos.reads_input", "key": name}
        dice = random.Random(f"{self.storm.seed} {name}")  # the same when it is sent again
        files = [(f"f{i}", name.encode() + pattern(dice.choice(self.storm.sizes))) for i in range(dice.randint(1, 3))]
        self.storm.files[name] = files
        kind, body = form.encode([*((n, form.File(c)) for n, c in files), ("job", json.dumps(job))])
        return self._submit(kind, body, [job])


class SubmitStorm:
    def __init__(self, host, seed, clients, parts, kinds=("single", "array", "form"), sizes=(10, 5000, 400_000)):
        """Each client submits `parts` things of these kinds, forms with one to three files of these sizes."""
        self.host, self.seed, self.parts, self.kinds, self.sizes = host, seed, parts, kinds, sizes
        self.given_up = False
        self.promised = {}  # key -> ids that were answered with 2xx
        self.files = {}  # key -> [(name, content)]
        self._lock = threading.Lock()
        self._clients = [_Client(self, number) for number in range(clients)]

    def port(self):
        api = self.host.another()
        try:
            return api.get("/v1/version")["listen"][0].rsplit(":", 1)[1]
        finally:
            api.close()

    def promise(self, key, job_id):
        with self._lock:
            self.promised.setdefault(key, set()).add(job_id)

    def __enter__(self):
        for client in self._clients:
            client.start()
        return self

    def __exit__(self, kind, value, trace):
        self.given_up = kind is not None
        for client in self._clients:
            client.join()
        problems = [client.problem for client in self._clients if client.problem is not None]
        assert kind is not None or not problems, problems

    def busy(self):
        return any(client.is_alive() for client in self._clients)

    def check(self):
        """Every promise is one job, which has done what was asked; nothing else is there."""
        self.host.wait_idle()
        by_key = {}
        for job in self.host.list():
            by_key.setdefault(job["key"], []).append(job)
        assert set(by_key) == set(self.promised)
        for key, ids in self.promised.items():
            job, = by_key[key]
            assert ids == {job["id"]} and job["state"] == "succeeded", (key, ids, job)
            want = sums(self.files[key]) if job["type"] == "chaos.reads_input" else json.dumps({"n": key}).encode()
            assert self.host.result(job["id"]) == want, key
        self.host.assert_sound()

    def uploaded(self):
        return sum(len(content) for files in self.files.values() for _, content in files)

    def named_blobs(self):
        return {f["sha256"] for job in self.host.list() for f in job.get("files", [])}

    def blob_files(self):
        found = {}
        for where, _, names in os.walk(f"{self.host.state_dir}/blobs"):
            for name in names:
                found[name] = os.path.join(where, name)
        return found

    def check_blobs(self):
        """Exactly the content that jobs name is there, and it is that content."""
        files = self.blob_files()
        if set(files) != self.named_blobs():
            return False
        for digest, path in files.items():
            with open(path, "rb") as content:
                assert hashlib.sha256(content.read()).hexdigest() == digest
        return True
