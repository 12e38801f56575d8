"""The host's HTTP interface over its admin socket."""
import http.client
import json
import socket
import urllib.parse

from . import build, form
from .procs import wait_until

FINAL = ("succeeded", "dead", "cancelled", "duplicate")


class ApiError(AssertionError):
    """An answer that the caller did not expect. `answer` has all of it."""

    def __init__(self, request, answer):
        super().__init__(f"{request} -> {answer.status} {answer.raw[:600]!r}")
        self.answer = answer


class Unreachable(Exception):
    """No answer: the host is gone, or went away with the question. What was asked may have happened."""


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Answer:
    def __init__(self, status, headers, raw):
        self.status, self.headers, self.raw = status, headers, raw

    @property
    def json(self):
        return json.loads(self.raw)

    @property
    def error(self):
        return self.json["error"]


class Api:
    """One keep-alive connection; not for use by two threads at once."""

    def __init__(self, path):
        self._path = path
        self._connection = None

    def another(self):
        """The same host, for another thread."""
        return Api(self._path)

    def close(self):
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _exchange(self, method, target, body, headers):
        if self._connection is None:
            self._connection = _UnixConnection(self._path, build.PATIENCE_S)
        try:
            self._connection.request(method, target, body, headers)
        except BrokenPipeError:
            pass  # refused before all of it was sent: the answer says why
        answer = self._connection.getresponse()
        got = Answer(answer.status, answer.headers, answer.read())
        if answer.will_close:
            self.close()
        return got

    def call(self, method, path, body=None, headers=None, query=None):
        """Any request; whatever the status. `body` that is no bytes is sent as JSON."""
        headers = dict(headers or {})
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            headers.setdefault("Content-Type", "application/json")
        target = path + ("?" + urllib.parse.urlencode(query) if query else "")
        kept = self._connection is not None
        try:
            return self._exchange(method, target, body, headers)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            # a kept connection may have been closed for its age before it saw the request
            if kept and isinstance(error, http.client.RemoteDisconnected) and method == "GET":
                return self.call(method, path, body, headers, query)
            raise Unreachable(f"{method} {path}: {error!r}") from error

    def expect(self, status, method, path, body=None, headers=None, query=None):
        answer = self.call(method, path, body, headers, query)
        if answer.status != status:
            raise ApiError(f"{method} {path}", answer)
        return answer

    def get(self, path, **query):
        return self.expect(200, "GET", path, query=query).json

    def post(self, path, body=None):
        return self.expect(200, "POST", path, body if body is not None else {}).json

    # ---- jobs

    def submit(self, kind, payload=None, **fields):
        """The id of a new job."""
        job = {"type": kind, **fields}
        if payload is not None:
            job["payload"] = payload
        return self.expect(202, "POST", "/v1/jobs", job).json["id"]

    def submit_form(self, job, files, path="/v1/jobs"):
        """The answer to a submission with [(name, content or form.File), ...]; the job's part goes last."""
        kind, body = form.encode([*((name, f if isinstance(f, form.File) else form.File(f)) for name, f in files),
                                  ("job", json.dumps(job))])
        return self.call("POST", path, body, {"Content-Type": kind})

    def submit_many(self, jobs):
        """The ids of these jobs, in order; each must have been accepted."""
        answers = self.expect(202, "POST", "/v1/jobs", jobs).json
        refused = [a for a in answers if "error" in a]
        assert not refused, refused[:3]
        return [a["id"] for a in answers]

    def refused(self, status, kind, payload=None, **fields):
        """The error of a submission that must be refused."""
        job = {"type": kind, **fields}
        if payload is not None:
            job["payload"] = payload
        return self.expect(status, "POST", "/v1/jobs", job).error

    def job(self, job_id):
        return self.get(f"/v1/jobs/{job_id}")

    def result(self, job_id):
        """The raw bytes."""
        return self.expect(200, "GET", f"/v1/jobs/{job_id}/result").raw

    def log(self, job_id):
        return self.expect(200, "GET", f"/v1/jobs/{job_id}/log").raw.decode()

    def list(self, path="/v1/jobs", **filters):
        """All items of all pages."""
        filters.setdefault("limit", 1000)
        items, cursor = [], None
        while True:
            page = self.get(path, **filters, **({"cursor": cursor} if cursor else {}))
            items += page["items"]
            cursor = page.get("next_cursor")
            if cursor is None:
                return items

    def explain(self, job_id=None, queue=None):
        """{code: details} of everything that keeps the job (or the queue's jobs) from running."""
        path = f"/v1/jobs/{job_id}" if queue is None else f"/v1/queues/{queue}"
        found = {}
        for reason in self.get(f"{path}/explain")["reasons"]:
            found[reason["code"]] = "; ".join(filter(None, [found.get(reason["code"]), reason["detail"]]))
        return found

    def act(self, job_id, action, **body):
        return self.post(f"/v1/jobs/{job_id}/{action}", body)

    # ---- the rest

    def plugins(self):
        return {p["name"]: p for p in self.get("/v1/plugins")["items"]}

    def queue(self, name):
        return next(q for q in self.get("/v1/queues")["items"] if q["name"] == name)

    def fsck(self):
        return self.post("/v1/fsck")

    # ---- waiting

    def wait_job(self, job_id, *states, seconds=None):
        """The job, once it is in one of the states (default: a final one)."""
        wanted = states or FINAL
        seen = []

        def probe():
            seen[:] = [self.job(job_id)]
            state = seen[0]["state"]
            assert state in wanted or state not in FINAL, f"the job is not one of {wanted}: {json.dumps(seen[0], indent=1)[:4000]}"
            return seen[0] if state in wanted else None

        return wait_until(probe, seconds or build.PATIENCE_S,
                          lambda: f"the job is one of {wanted}: {json.dumps(seen, indent=1)[:4000]}")

    def wait_started(self, job_id):
        """Until run() has been entered."""
        wait_until(lambda: self.job(job_id).get("started"), build.PATIENCE_S, lambda: f"{self.job(job_id)} runs")

    def wait_all(self, ids, *states, seconds=None):
        return [self.wait_job(i, *states, seconds=seconds) for i in ids]

    def wait_idle(self, queues=None, seconds=None):
        """Nothing is waiting or running any more (in these queues)."""
        left = {}

        def probe():
            left.clear()
            answer = self.get("/v1/queues")
            for q in answer["items"]:
                open_jobs = {s: n for s, n in q["states"].items() if s not in FINAL and n > 0}
                if open_jobs and (queues is None or q["name"] in queues):
                    left[q["name"]] = open_jobs
            return not left and answer["store"]["outbox"] == 0

        wait_until(probe, seconds or build.PATIENCE_S, lambda: f"all jobs have ended: {left}", 0.05)

    def counters(self, keys):
        """The plugin's key/value counters, read by a job of its own."""
        values = []
        for at in range(0, len(keys), 2000):
            part = keys[at:at + 2000]
            job = self.submit("chaos.kv", {"ops": [["counter", key] for key in part]}, queue="probe", max=1000)
            assert self.wait_job(job)["state"] == "succeeded"
            values += json.loads(self.result(job))
        return dict(zip(keys, values))

    def assert_sound(self):
        """The store's own check of itself finds nothing."""
        report = self.fsck()
        assert report["total"] == 0, report["findings"][:10]
        return report
