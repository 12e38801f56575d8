"""Somebody who allows so many calls in a moving window, and counts for himself: on the loopback, by the test's clock."""
import collections
import random
import socketserver
import threading
import time

from . import clock as clock_lib


class Upstream:
    """`took_ms`: from, to; how long a call takes, of which it counts it somewhere in the middle. Answers 429 beyond `limit`. Nobody is
    answered until so many as `together` are under way."""

    def __init__(self, limit=60, per_ms=60_000, took_ms=(40, 1840), clock=None, speed=1.0, seed=1, retry_after=None, together=1):
        self.limit, self.per_ms, self.took_ms, self.speed, self.retry_after = limit, per_ms, took_ms, speed, retry_after
        self._clock = clock
        self._lock = threading.Lock()
        self._random = random.Random(seed)
        self._window = collections.deque()
        self._together = threading.Barrier(together)
        self.served, self.refused = [], []  # when they were counted, ms
        self.under_way = self.most_under_way = 0
        self.forced = 0  # so many answers more are 429
        outer = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                self.rfile.readline()
                self.wfile.write(outer._answer())

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = allow_reuse_address = True
            request_queue_size = 128

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def now_ms(self):
        return self._clock.mono_ms() if self._clock else clock_lib.real_mono_ms()

    def _count(self):
        """(status, left)"""
        with self._lock:
            now = self.now_ms()
            while self._window and self._window[0] <= now - self.per_ms:
                self._window.popleft()
            if self.forced > 0 or len(self._window) >= self.limit:
                self.forced -= self.forced > 0
                self.refused.append(now)
                return 429, 0
            self._window.append(now)
            self.served.append(now)
            return 200, self.limit - len(self._window)

    def _answer(self):
        with self._lock:
            self.under_way += 1
            self.most_under_way = max(self.most_under_way, self.under_way)
            took = self._random.uniform(*self.took_ms)
            before = took * self._random.random()
        self._together.wait()
        time.sleep(before / 1000 / self.speed)
        status, left = self._count()
        time.sleep((took - before) / 1000 / self.speed)
        with self._lock:
            self.under_way -= 1
        again = f"Retry-After: {self.retry_after}\r\n" if status == 429 and self.retry_after is not None else ""
        return (f"HTTP/1.0 {status} X\r\nX-Discogs-Ratelimit: {self.limit}\r\nX-Discogs-Ratelimit-Remaining: {left}\r\n"
                f"{again}Content-Length: 0\r\n\r\n").encode()

    def most_in_a_window(self):
        """Of those it has served, whatever it thought of them itself."""
        most, window = 0, collections.deque()
        for at in sorted(self.served):
            window.append(at)
            while window[0] <= at - self.per_ms:
                window.popleft()
            most = max(most, len(window))
        return most
