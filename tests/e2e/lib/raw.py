"""HTTP byte by byte: a socket, what is written to it, and what comes back."""
import socket

from . import build


class Response:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def get(self, name):
        """The only value of this header, or None."""
        values = [v for n, v in self.headers if n.lower() == name.lower()]
        assert len(values) <= 1, f"{name} is there {len(values)} times"
        return values[0] if values else None

    def __repr__(self):
        return f"{self.status} {self.headers} {self.body[:300]!r}"


class Raw:
    """One connection to 127.0.0.1:`port`, or to the unix socket `path`. `source` is the address it comes from; `tls` an SSLContext."""

    def __init__(self, port=None, *, path=None, source=None, tls=None, host="127.0.0.1", receive_buffer=None):
        family = socket.AF_UNIX if path else socket.AF_INET6 if ":" in host else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.settimeout(build.PATIENCE_S)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        if source:
            self.socket.bind((source, 0))
        self.socket.connect(path or (host, port))
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_hostname="localhost", suppress_ragged_eofs=False)
        self.seen = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data if isinstance(data, bytes) else data.encode())
        return self

    def try_send(self, data):
        """As send(), to a server that may have closed already: what it said is still to be read."""
        try:
            self.send(data)
        except OSError:
            pass
        return self

    def _more(self):
        part = self.socket.recv(65536)
        self.seen += part
        return part != b""

    def _until(self, mark):
        while mark not in self.seen:
            if not self._more():
                raise EOFError(f"closed after {self.seen!r}")
        head, self.seen = self.seen.split(mark, 1)
        return head

    def _exactly(self, count):
        while len(self.seen) < count:
            if not self._more():
                raise EOFError(f"closed with {len(self.seen)} of {count} bytes")
        body, self.seen = self.seen[:count], self.seen[count:]
        return body

    def _chunks(self):
        body = b""
        while True:
            size = int(self._until(b"\r\n"), 16)
            body += self._exactly(size)
            assert self._exactly(2) == b"\r\n"
            if size == 0:
                return body

    def response(self, head=False):
        """The next answer, 100 Continue included. `head`: one to a HEAD request."""
        lines = self._until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        assert lines[0].startswith("HTTP/1.1 "), lines[0]
        status = int(lines[0].split(" ")[1])
        answer = Response(status, [tuple(line.split(": ", 1)) for line in lines[1:]], b"")
        if head or status < 200 or status in (204, 304):
            return answer
        if answer.get("Transfer-Encoding") == "chunked":
            answer.body = self._chunks()
        else:
            answer.body = self._exactly(int(answer.get("Content-Length")))
        return answer

    def ask(self, method, target, headers=(), body=None):
        """A whole exchange; `headers` are lines."""
        lines = [f"{method} {target} HTTP/1.1", "Host: localhost", *headers]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        self.send("\r\n".join([*lines, "", ""]).encode() + (body or b""))
        return self.response(head=method == "HEAD")

    def peek(self):
        """Waits for the first bytes of an answer, and leaves them there."""
        while not self.seen:
            if not self._more():
                raise EOFError("closed without a word")
        return self.seen

    def rest(self):
        """All that still comes before the end; a reset is no end."""
        while self._more():
            pass
        rest, self.seen = self.seen, b""
        return rest

    def is_closed(self):
        """Nothing came and nothing will."""
        try:
            return self.rest() == b""
        except ConnectionResetError:
            return True


def ask(port, method, target, headers=(), body=None, **options):
    with Raw(port, **options) as connection:
        return connection.ask(method, target, headers, body)
