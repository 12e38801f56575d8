"""More is offered than the store can take: the rest is refused early, with a time to come again; what was accepted is done; the admin socket answers."""
import json
import os
import queue
import socket
import threading
import time

import pytest

from lib import build
from lib import redis as redis_lib
from lib.host import chaos
from lib.procs import wait_until
from lib.raw import Raw
from lib.redis import Redis

JSON = "Content-Type: application/json"

pytestmark = pytest.mark.skipif(redis_lib.SERVER is None, reason="there is no redis-server")


class FarAway:
    """Carries between the unix sockets `path` and `to`; replies are under way for `seconds`."""

    def __init__(self, path, to):
        self.path, self.to, self.seconds = path, to, 0
        self._door = socket.socket(socket.AF_UNIX)
        self._door.bind(path)
        self._door.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client = self._door.accept()[0]
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(self.to)
            replies = queue.Queue()
            for work in (lambda c=client, s=server: self._carry(c, s.sendall), lambda r=replies, s=server: self._carry(s, lambda b: r.put((time.monotonic(), b))),
                         lambda r=replies, c=client: self._deliver(r, c)):
                threading.Thread(target=work, daemon=True).start()

    @staticmethod
    def _carry(source, put):
        try:
            while piece := source.recv(1 << 16):
                put(piece)
        except OSError:
            pass
        put(b"")

    def _deliver(self, replies, client):
        try:
            while (item := replies.get())[1]:
                time.sleep(max(0, item[0] + self.seconds - time.monotonic()))
                client.sendall(item[1])
            client.close()
        except OSError:
            pass

    def close(self):
        self._door.close()


class Submitter(threading.Thread):
    """One job after the other through the public door, whatever comes."""

    def __init__(self, port, over):
        super().__init__(daemon=True)
        self._port, self._over = port, over
        self.accepted, self.refused = [], []
        self.start()

    def run(self):
        body = b'{"type": "chaos.echo", "payload": {}}'
        while not self._over.is_set():
            with Raw(self._port) as connection:  # a refusal before the body ends it
                answer = connection.ask("POST", "/v1/jobs", [JSON], body)
            told = json.loads(answer.body)
            if answer.status == 202:
                self.accepted.append(told["id"])
            else:
                self.refused.append((answer.status, told["error"]["code"], answer.get("Retry-After")))
                self._over.wait(0.05)


def test_a_store_that_cannot_keep_up(make_host, folder):
    server = Redis(os.path.join(folder, "redis")).start()
    way = FarAway(os.path.join(folder, "way.sock"), server.socket)
    host = make_host({"store": {"url": f"unix:{way.path}"}, "plugins": chaos(workers=1, threads=2),
                      "host": {"listen": "127.0.0.1:0", "max_connections_per_peer": 0}})
    host.start()
    over = threading.Event()
    submitters = [Submitter(host.port(), over) for _ in range(48)]
    way.seconds = 0.6  # with so many under way it looks like a store that is busy
    wait_until(lambda: any(s.refused for s in submitters), build.PATIENCE_S, "some are refused")
    assert host.call("GET", "/v1/plugins").status == 200  # by the admin socket; what needs no store needs no wait
    way.seconds = 0
    before = sum(len(s.accepted) for s in submitters)
    wait_until(lambda: sum(len(s.accepted) for s in submitters) > before + 100, build.PATIENCE_S, "it takes jobs again")
    over.set()
    for submitter in submitters:
        submitter.join(build.PATIENCE_S)
    refused = {r for s in submitters for r in s.refused}
    assert refused == {(503, "overloaded", "1")}
    host.wait_idle()
    accepted = [i for s in submitters for i in s.accepted]
    assert len(set(accepted)) == len(accepted)
    assert all(host.job(i)["state"] == "succeeded" for i in accepted)
    assert "host.overloaded" in host.read_log() and "host.keeps_up" in host.read_log()
    host.stop()
    way.close()
    server.stop()
