"""Clients that submit at a steady rate, whatever is done to the store meanwhile, and note what they were told."""
import collections
import dataclasses
import threading
import time

from .api import Unreachable


@dataclasses.dataclass
class Told:
    """A submission and its answer; times by the monotonic clock."""
    queue: str
    asked: float
    answered: float
    status: int  # 0: there was no answer
    id: str = ""
    degraded: bool = False
    code: str = ""  # of a refusal


class _Client(threading.Thread):
    def __init__(self, flood, api, number):
        super().__init__(daemon=True)
        self.flood, self.number, self.told = flood, number, []
        self._api = api.another()

    def run(self):
        flood, n = self.flood, 0
        start = time.monotonic() + self.number * flood.pause / flood.clients
        while not flood.over.wait(max(0, start + n * flood.pause - time.monotonic())):
            self._submit(*flood.make(self.number, n))
            late = time.monotonic() - (start + n * flood.pause)
            start += max(0, late - 1)  # what it could not ask while it waited for an answer is not made up for
            n += 1
        self._api.close()

    def _submit(self, queue, job):
        told = Told(queue, time.monotonic(), 0, 0)
        try:
            answer = self._api.call("POST", "/v1/jobs", {"queue": queue, **job})
            told.status = answer.status
            if answer.status == 202:
                told.id, told.degraded = answer.json["id"], answer.json.get("degraded", False)
            else:
                told.code = answer.error["code"]
        except Unreachable:
            pass
        told.answered = time.monotonic()
        self.told.append(told)


class Flood:
    """So many submissions a second by these APIs in turn, as long as `with` lasts. make(client, n) is (queue, job)."""

    def __init__(self, apis, make, rate=500, clients=16):
        self.make, self.clients, self.pause = make, clients, clients / rate
        self.over = threading.Event()
        self._threads = [_Client(self, apis[i % len(apis)], i) for i in range(clients)]

    def __enter__(self):
        self._begin = time.monotonic()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self._threads:
            thread.join()
        self._seconds = time.monotonic() - self._begin

    def told(self):
        """All of it, in the order of asking; once it is over, or for what is known so far."""
        return sorted((t for thread in self._threads for t in list(thread.told)), key=lambda t: t.asked)

    def accepted(self):
        """{id: Told} of every 2xx."""
        return {t.id: t for t in self.told() if t.status == 202}

    def __str__(self):
        told = self.told()
        kinds = collections.Counter(t.code or ("degraded" if t.degraded else str(t.status)) for t in told)
        return f"{len(told)} submissions in {self._seconds:.0f} s ({len(told) / self._seconds:.0f}/s): {dict(kinds)}; answered after {spread(told)}"


def spread(told):
    """How long these took."""
    took = sorted(t.answered - t.asked for t in told) or [0.0]
    return f"p50 {took[len(took) // 2] * 1e3:.0f} ms, p99 {took[len(took) * 99 // 100] * 1e3:.0f} ms, worst {took[-1]:.2f} s"
