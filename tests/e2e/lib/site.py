"""A server on the loopback that answers as the test says, to the byte, by HTTP/1.1."""
import socketserver
import threading


class Request:
    def __init__(self, method, path, headers, body):
        self.method, self.path, self.headers, self.body = method, path, headers, body


def answer(status=200, body=b"", headers=(), length=None):
    """A whole answer; `length` is what it says of itself."""
    lines = [f"HTTP/1.1 {status} So", f"Content-Length: {len(body) if length is None else length}", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


class Site:
    """pages: path without its query -> bytes, or a function of the Request that returns bytes, or an iterable of them. `tls`: an SSL context of
    the server's side. After None the connection is closed; after bytes it is kept."""

    def __init__(self, pages, tls=None):
        self.pages, self.requests, self.connections = pages, [], 0
        outer = self

        class Handler(socketserver.StreamRequestHandler):
            timeout = 60

            def handle(self):
                outer.connections += 1
                try:
                    if tls:
                        self.request = tls.wrap_socket(self.request, server_side=True)
                        self.setup()
                    while outer._serve(self.rfile, self.wfile):
                        pass
                except OSError:
                    pass  # the client has gone

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = allow_reuse_address = True
            request_queue_size = 64

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _serve(self, reader, writer):
        line = reader.readline(65536).decode("latin-1").split()
        if len(line) != 3:
            return False
        headers = {}
        while (text := reader.readline(65536).decode("latin-1").strip()):
            name, _, value = text.partition(":")
            headers[name.lower()] = value.strip()
        request = Request(line[0], line[1], headers, reader.read(int(headers.get("content-length", 0))))
        self.requests.append(request)
        page = self.pages.get(line[1].partition("?")[0], answer(404))
        said = page(request) if callable(page) else page
        for part in [said] if isinstance(said, bytes) else said:
            if part is None:
                return False
            writer.write(part)
            writer.flush()
        return True
