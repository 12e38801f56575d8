"""A network between a host and its Redis that may swallow what it is given: nobody is told, as in a partition."""
import os
import selectors
import socket
import threading

BOTH, REQUESTS, REPLIES = frozenset({"requests", "replies"}), frozenset({"requests"}), frozenset({"replies"})
_CHUNK = 1 << 16


class Network:
    """Carries between the unix sockets `path` and `to`; with `with`, so that its thread ends with the test."""

    def __init__(self, path, to):
        self.path, self._to = path, to
        self._lost = frozenset()
        self._pairs, self._peers = {}, selectors.DefaultSelector()
        self._lock, self._ended = threading.Lock(), False
        self._thread = threading.Thread(target=self._carry, daemon=True)
        self.swallowed = 0  # bytes

    def __enter__(self):
        self._door = socket.socket(socket.AF_UNIX)
        self._door.bind(self.path)
        self._door.listen(64)
        self._peers.register(self._door, selectors.EVENT_READ)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ended = True
        self._thread.join()
        self._reset()
        self._door.close()
        self._peers.close()
        os.unlink(self.path)

    def lose(self, what):
        """From now on these bytes go nowhere; connections that are made meanwhile seem to succeed."""
        self._lost = what

    def heal(self):
        """All that there was is reset, and what comes now is carried."""
        with self._lock:
            self._reset()
            self._lost = frozenset()

    def _carry(self):
        while not self._ended:
            for key, _ in self._peers.select(0.05):
                with self._lock:
                    if key.fileobj is self._door:
                        self._accept()
                    elif key.fileobj in self._pairs:
                        self._move(key.fileobj)

    def _accept(self):
        client, server = self._door.accept()[0], socket.socket(socket.AF_UNIX)
        try:
            server.connect(self._to)
        except OSError:
            client.close()
            server.close()
            return
        for one, other, name in ((client, server, "requests"), (server, client, "replies")):
            self._pairs[one] = (other, name)
            self._peers.register(one, selectors.EVENT_READ)

    def _move(self, source):
        to, name = self._pairs[source]
        try:
            got = source.recv(_CHUNK)
            if name in self._lost:
                self.swallowed += len(got)
            elif got:
                to.sendall(got)
        except OSError:
            got = b""
        if not got:
            self._end(source)

    def _end(self, one):
        for end in (one, self._pairs[one][0]):
            del self._pairs[end]
            self._peers.unregister(end)
            end.close()

    def _reset(self):
        for one in list(self._pairs):
            if one in self._pairs:
                self._end(one)
