"""A headless Chromium, driven through its debugging pipe: no port, no library."""
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time

PATIENCE_S = 120

# The browser reads its commands from descriptor 3 and answers on 4, whatever numbers the pipes have here.
ON_3_AND_4 = """
import fcntl, os, sys
high = [fcntl.fcntl(int(fd), fcntl.F_DUPFD, 64) for fd in sys.argv[1:3]]
for fd, number in zip(high, (3, 4)):
    os.dup2(fd, number)
os.closerange(5, 256)
os.execv(sys.argv[3], sys.argv[3:])
"""


def find():
    """The program, or None."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Browser:
    """One page. `events` are all that the browser told of: {"method": ..., "params": ...}."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="jobhost-browser-")
        to_read, self._out = os.pipe()
        self._in, to_write = os.pipe()
        self.process = subprocess.Popen(
            [sys.executable, "-c", ON_3_AND_4, str(to_read), str(to_write), find(), "--headless=new", "--no-sandbox", "--disable-gpu",
             "--no-first-run", "--disable-background-networking", "--remote-debugging-pipe", f"--user-data-dir={self.folder}", "about:blank"],
            pass_fds=[to_read, to_write], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(to_read)
        os.close(to_write)
        self._buffer, self._number, self.events, self._session = b"", 0, [], None
        target = next(t for t in self.call("Target.getTargets")["targetInfos"] if t["type"] == "page")
        self._session = self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Log", "Runtime"):
            self.call(domain + ".enable")

    def close(self):
        self._session = None
        try:
            self.call("Browser.close")
            self.process.wait(PATIENCE_S)
        except (AssertionError, OSError):  # it is gone already
            self.process.kill()
            self.process.wait()
        os.close(self._in)
        os.close(self._out)
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _message(self, end):
        while b"\0" not in self._buffer:
            assert select.select([self._in], [], [], max(0, end - time.monotonic()))[0], "the browser says nothing"
            data = os.read(self._in, 1 << 16)
            assert data, "the browser is gone"
            self._buffer += data
        message, self._buffer = self._buffer.split(b"\0", 1)
        return json.loads(message)

    def call(self, method, **params):
        self._number += 1
        command = {"id": self._number, "method": method, "params": params, **({"sessionId": self._session} if self._session else {})}
        data = json.dumps(command).encode() + b"\0"
        while data:
            data = data[os.write(self._out, data):]
        end = time.monotonic() + PATIENCE_S
        while True:
            message = self._message(end)
            if message.get("id") == self._number:
                assert "error" not in message, f"{method}: {message}"
                return message["result"]
            self.events.append(message)

    def show(self, path, width=1240, height=1600):
        """Loads a file and waits until it is loaded."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.visit(f"file://{path}")

    def visit(self, url):
        self.events.clear()
        self.call("Page.navigate", url=url)
        end = time.monotonic() + PATIENCE_S
        while not any(e["method"] == "Page.loadEventFired" for e in self.events):
            self.events.append(self._message(end))

    def value(self, expression):
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def told(self, *methods):
        return [e["params"] for e in self.events if e["method"] in methods]
