"""Senders of signed deliveries while the host dies again and again: each sends the same one until it is accepted, and some once more."""
import http.client
import itertools
import json
import random
import threading

from . import signed
from .api import Unreachable

URL = "https://jobs.example.org/hooks/cron"
HOOKS = {
    "std": {"path": "/hooks/std", "verify": {"standard_webhooks": signed.WHSEC}, "job": "chaos.echo"},
    "pay": {"path": "/hooks/pay", "verify": {"stripe": signed.STRIPE}, "job": "chaos.echo"},
    "cron": {"path": "/hooks/cron", "verify": {"qstash": signed.QSTASH}, "job": "chaos.echo", "public_url": "https://jobs.example.org"},
}
SIGN = {
    "std": lambda body, ident: signed.standard(body, ident),
    "pay": lambda body, ident: signed.stripe(body),
    "cron": lambda body, ident: signed.qstash(body, URL, ident=ident),
}
AGAIN = 0.2  # of those that were accepted are sent once more


class _Sender(threading.Thread):
    def __init__(self, storm, number):
        super().__init__(daemon=True)
        self.storm, self.number, self.problem, self.connection = storm, number, None, None
        self.dice = random.Random(f"{storm.seed} {number}")

    def run(self):
        try:
            for n in itertools.count():
                if self.storm.over and n >= self.storm.each:
                    break
                self._deliver(f"d-{self.number}-{n}")
        except Exception as problem:  # told at the end
            self.problem = problem

    def _deliver(self, name):
        hook = self.dice.choice(list(HOOKS))
        body = json.dumps({"id": name}).encode()
        headers = dict(line.split(": ", 1) for line in SIGN[hook](body, name))
        accepted, more = 0, 1 + (self.dice.random() < AGAIN)
        while accepted < more and not self.storm.given_up:
            status, answer = self._post(f"/hooks/{hook}", headers, body)
            assert status in (0, 202, 503), (status, answer)
            if status == 202:
                self.storm.promise(name, answer["id"], answer["duplicate"])
                accepted += 1

    def _post(self, path, headers, body):
        """The answer's status and JSON; (0, None): there was none."""
        try:
            if self.connection is None:
                self.connection = http.client.HTTPConnection("127.0.0.1", self.storm.port(), timeout=60)
            self.connection.request("POST", path, body, {"Content-Type": "application/json", **headers})
            answer = self.connection.getresponse()
            return answer.status, json.loads(answer.read())
        except (OSError, http.client.HTTPException, Unreachable, ValueError):
            if self.connection is not None:
                self.connection.close()
            self.connection = None
            return 0, None


class DeliveryStorm:
    """A context: senders deliver inside of it until end(), and `each` so many at least."""

    def __init__(self, host, seed, senders, each):
        self.host, self.seed, self.each = host, seed, each
        self.given_up = self.over = False
        self.promised = {}  # name -> ids that were answered with 2xx
        self.duplicates = 0
        self._lock = threading.Lock()
        self._senders = [_Sender(self, number) for number in range(senders)]

    def port(self):
        api = self.host.another()
        try:
            return api.get("/v1/version")["listen"][0].rsplit(":", 1)[1]
        finally:
            api.close()

    def promise(self, name, job, duplicate):
        with self._lock:
            self.promised.setdefault(name, set()).add(job)
            self.duplicates += duplicate

    def __enter__(self):
        for sender in self._senders:
            sender.start()
        return self

    def __exit__(self, kind, value, trace):
        self.given_up = kind is not None
        for sender in self._senders:
            sender.join()
        problems = [sender.problem for sender in self._senders if sender.problem is not None]
        assert kind is not None or not problems, problems

    def end(self):
        self.over = True

    def check(self):
        """Every delivery is one job, the one that all its answers named, and has done what was asked; nothing else is there."""
        self.host.wait_idle()
        assert all(len(ids) == 1 for ids in self.promised.values()), [p for p in self.promised.items() if len(p[1]) > 1]
        named = {job: name for name, (job,) in self.promised.items()}
        jobs = {job["id"]: job["state"] for job in self.host.list()}
        assert set(jobs) == set(named), set(jobs) ^ set(named)
        assert set(jobs.values()) == {"succeeded"}
        for job, name in named.items():
            assert json.loads(self.host.result(job)) == {"id": name}
        self.host.assert_sound()
