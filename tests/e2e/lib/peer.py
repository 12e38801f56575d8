"""A few lines of HTTP server that may misbehave, for what must not believe its host."""
import contextlib
import http.server
import json
import threading


class Peer(http.server.ThreadingHTTPServer):
    """Answers by `reply(request)`, and remembers the headers of every request."""

    daemon_threads = True

    def __init__(self, reply, tls=None):
        self.reply, self.seen = reply, []
        super().__init__(("127.0.0.1", 0), _Handler)
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_side=True)
        self.port = self.server_address[1]

    def handle_error(self, request, client_address):
        pass  # a client that does not like our certificate


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _any(self):
        self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.seen.append(self)
        self.server.reply(self)

    do_GET = do_POST = do_DELETE = _any

    def log_message(self, *_):
        pass

    def send(self, status, body, kind="application/json", **headers):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def send_events(self, *events):
        """(id, event, data)..., and the end of the connection."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        for number, event, data in events:
            self.wfile.write(f"id: {number}\nevent: {event}\ndata: {json.dumps(data)}\n\n".encode())
        self.close_connection = True


@contextlib.contextmanager
def peer(reply, tls=None):
    server = Peer(reply, tls)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
