"""Server-sent events as a browser reads them (HTML, section 9.2): fields, ids that stay, and coming back."""
import random

from .raw import Raw


class Event:
    def __init__(self, id_, name, data):
        self.id, self.name, self.data = id_, name, data

    def __repr__(self):
        return f"{self.id} {self.name} {self.data[:120]}"


class Parser:
    """Bytes in, in any pieces; whole events out. What is cut off in the middle of an event is dropped, as the standard says."""

    def __init__(self):
        self.last_id, self.retry_ms, self.comments = "", None, 0
        self._rest, self._name, self._data, self._id = b"", "", [], None

    def feed(self, data):
        events = []
        self._rest += data
        while b"\n" in self._rest:
            line, self._rest = self._rest.split(b"\n", 1)
            event = self._line(line.decode().rstrip("\r"))
            if event:
                events.append(event)
        return events

    def _line(self, line):
        if line == "":
            return self._dispatch()
        if line.startswith(":"):
            self.comments += 1
            return None
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._name = value
        elif name == "id":
            self._id = value
        elif name == "retry":
            self.retry_ms = int(value)
        return None

    def _dispatch(self):
        if self._id is not None:
            self.last_id = self._id
        event = Event(self.last_id, self._name or "message", "\n".join(self._data)) if self._data else None
        self._name, self._data, self._id = "", [], None
        return event


class Stream:
    """One connection to an event stream."""

    def __init__(self, connection, path, last_id=""):
        self.connection, self.parser, self.body = connection, Parser(), b""
        self.parser.last_id = last_id
        headers = [f"GET {path} HTTP/1.1", "Host: localhost", "Accept: text/event-stream"]
        if last_id:
            headers.append(f"Last-Event-ID: {last_id}")
        connection.send("\r\n".join([*headers, "", ""]))
        head = connection._until(b"\r\n\r\n").decode().split("\r\n")
        self.status = int(head[0].split()[1])
        self.headers = {line.split(": ", 1)[0].lower(): line.split(": ", 1)[1] for line in head[1:]}

    def pieces(self):
        """Events as they come; ends with the stream."""
        if self.status != 200:
            return
        while True:
            size = int(self.connection._until(b"\r\n"), 16)
            if size == 0:
                return
            piece = self.connection._exactly(size)
            self.connection._exactly(2)
            yield from self.parser.feed(piece)


class EventSource:
    """Reads a stream to its end, and comes back whenever it is cut, until the host says 204. `cut` decides when to hang up by itself:
    it is called with the number of events of this connection."""

    def __init__(self, socket_path, path, cut=lambda n: False):
        self._socket_path, self._path, self._cut = socket_path, path, cut
        self.events, self.last_id, self.connections, self.retry_ms, self.final_status = [], "", 0, None, None

    def run(self):
        while self.final_status is None:
            self.connections += 1
            with Raw(path=self._socket_path) as connection:
                stream = Stream(connection, self._path, self.last_id)
                if stream.status != 200:
                    self.final_status = stream.status
                    break
                assert stream.headers["content-type"] == "text/event-stream"
                self._read(stream)
                self.retry_ms = stream.parser.retry_ms
        return self

    def _read(self, stream):
        for n, event in enumerate(stream.pieces()):
            self.events.append(event)
            self.last_id = event.id
            if self._cut(n + 1):
                return


def cuts_at_random(seed, most):
    """Hangs up after 1 to `most` events of each connection."""
    r = random.Random(seed)
    state = {"left": r.randint(1, most)}

    def cut(_):
        state["left"] -= 1
        if state["left"] == 0:
            state["left"] = r.randint(1, most)
            return True
        return False

    return cut


