"""A Redis server of the test's own: Debian's redis-server, on a unix socket and, if asked, loopback ports."""
import os
import shutil
import socket
import subprocess

from . import build
from .procs import wait_until

SERVER, CLIENT = shutil.which("redis-server"), shutil.which("redis-cli")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Redis:
    """redis-server in `folder`; `tls` = (certificate, key, CA) adds a TLS port. stop() ends it."""

    def __init__(self, folder, *options, tls=None, tcp=False):
        os.makedirs(folder, exist_ok=True)
        self.folder, self.socket = folder, os.path.join(folder, "redis.sock")
        self.port = free_port() if tcp else 0
        self.tls_port = free_port() if tls else 0
        self.options = ["--port", str(self.port), "--unixsocket", self.socket, "--dir", folder, "--save", "", "--bind", "127.0.0.1", *options]
        if tls:
            cert, key, ca = tls
            self.options += ["--tls-port", str(self.tls_port), "--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", ca]
            if "--tls-auth-clients" not in options:
                self.options += ["--tls-auth-clients", "no"]
        self.process = None

    def start(self):
        with open(os.path.join(self.folder, "redis.log"), "ab") as log:
            self.process = subprocess.Popen([SERVER, *self.options], stdout=log, stderr=log)
        wait_until(lambda: self._answers() or self.process.poll() is not None, build.PATIENCE_S, "redis-server answers")
        assert self.process.poll() is None, open(os.path.join(self.folder, "redis.log"), encoding="utf-8").read()
        return self

    def _answers(self):
        if not os.path.exists(self.socket):
            return False
        with socket.socket(socket.AF_UNIX) as s:
            try:
                s.connect(self.socket)
            except OSError:
                return False
        return True

    def __call__(self, *words):
        """One command by redis-cli; its answer."""
        done = subprocess.run([CLIENT, "-s", self.socket, *words], capture_output=True, text=True, check=True, timeout=build.PATIENCE_S)
        return done.stdout.strip()

    def stop(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None
