"""A real host in a folder of its own: started, watched, killed and ended by its pid."""
import json
import os
import resource
import select
import signal
import subprocess
import time

from . import build
from .api import Api
from .procs import alive, wait_until, workers_of

WORKER_LIFE_S = 3  # no worker outlives its host by more


def chaos(**settings):
    """The plugins section with the plugin that does what its payload says."""
    return {"chaos": {"file": build.plugin("chaos"), **settings}}


class Host(Api):
    """config: the sections of config.yaml; addresses and paths are filled in. Every start appends to host.log."""

    def __init__(self, folder, config=None, env=None, args=()):
        self.folder = str(folder)
        self.state_dir = os.path.join(self.folder, "var")
        self.socket = os.path.join(self.folder, "admin.sock")
        self.log_path = os.path.join(self.folder, "host.log")
        self.config_path = os.path.join(self.folder, "config.yaml")
        self.args, self.env = list(args), dict(env or {})
        self.process = None
        os.makedirs(self.folder, exist_ok=True)
        self.configure(config or {})
        super().__init__(self.socket)

    def configure(self, config):
        """Writes config.yaml; JSON is YAML."""
        whole = {"plugins": chaos(), **config}
        # any free port: hosts of tests that run side by side must not meet
        whole["host"] = {"admin": f"unix:{self.socket}", "state_dir": self.state_dir, "shutdown_grace": "10s",
                         "listen": "127.0.0.1:0", **config.get("host", {})}
        # what fails in most tests is to be tried again, and not to be left alone
        whole.setdefault("breakers", {name: {"enabled": False} for name in ("auth", "network", "unknown")})
        whole.setdefault("store", {"url": f"sqlite:{self.state_dir}/jobhost.db"})
        with open(self.config_path, "w", encoding="utf-8") as out:
            json.dump(whole, out, indent=1)

    # ---- life

    def launch(self, *, env=None, args=(), file_size=None, descriptors=None):
        """Starts the process; the descriptor on which it will say that it is ready."""
        assert self.process is None, "it runs already"
        read_end, write_end = os.pipe()
        command = [build.BINARY, "run", "-c", self.config_path, "--ready-fd", str(write_end), *self.args, *args]

        def limit():
            if file_size is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (file_size, resource.RLIM_INFINITY))
            if descriptors is not None:
                resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))

        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("JOBHOST_", "NOTIFY_SOCKET"))}
        with open(self.log_path, "ab") as log:
            log.write(f"---- {' '.join(command[1:])} {env or ''}\n".encode())
            log.flush()
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder,
                                            pass_fds=[write_end], env={**inherited, **self.env, **(env or {})},
                                            preexec_fn=limit)
        os.close(write_end)
        return os.fdopen(read_end, "rb")

    def start(self, *, ready=True, **options):
        """Starts it and waits until it says that it is ready. With ready=False it may end before that: then the answer is False."""
        with self.launch(**options) as said:
            if self._await_ready(said.fileno()):
                return True
        if ready:
            self._fail_start()
        return False

    def _await_ready(self, fd):
        end = time.monotonic() + build.PATIENCE_S
        while select.select([fd], [], [], max(0, end - time.monotonic()))[0]:
            return os.read(fd, 64) == b"ready\n"  # else it has closed it: it is dead
        self.kill()
        raise AssertionError(f"not ready within {build.PATIENCE_S} s\n{self.log_tail()}")

    def _fail_start(self):
        status = self.reap()
        raise AssertionError(f"the host ended with {status} before it was ready\n{self.log_tail()}")

    @property
    def pid(self):
        return self.process.pid

    def reap(self, timeout=None):
        """Waits for its end and for that of its workers; the status as subprocess gives it."""
        pid = self.pid
        try:
            status = self.process.wait(timeout or build.PATIENCE_S)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the host does not end\n{self.log_tail()}") from None
        self.process = None
        self.close()
        wait_until(lambda: not workers_of(pid) + workers_of(pid, b"--warden"), WORKER_LIFE_S,
                   lambda: f"workers of the dead host are gone: {workers_of(pid)}, {workers_of(pid, b'--warden')}")
        return status

    def send(self, number):
        os.kill(self.pid, number)

    def kill(self):
        """As a power cut would end it."""
        self.send(signal.SIGKILL)
        status = self.reap()
        assert status == -signal.SIGKILL, f"it had ended with {status} already\n{self.log_tail()}"

    def stop(self, timeout=None):
        """SIGTERM; the drain must succeed."""
        self.send(signal.SIGTERM)
        status = self.reap(timeout)
        assert status == 0, f"exit status {status}\n{self.log_tail()}"

    def restart(self, **options):
        self.stop()
        self.start(**options)

    def end(self):
        """At the end of a test: what still runs is stopped, and what should run and does not is a failure."""
        self.close()
        if self.process is None:
            return
        if self.process.poll() is not None:
            status = self.reap()
            raise AssertionError(f"the host had ended by itself with status {status}\n{self.log_tail()}")
        self.stop()

    def end_worker(self, pid, number=signal.SIGKILL):
        """Somebody else's kill of a worker; returns when the process is gone."""
        os.kill(pid, number)
        wait_until(lambda: not alive(pid), build.PATIENCE_S, f"worker {pid} has ended")

    def put_down(self):
        """Whatever its state; for the end of something that has failed already."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None
        self.close()

    # ---- looking at it

    def log_tail(self, lines=60):
        return "\n".join(self.read_log().splitlines()[-lines:])

    def read_log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as log:
            return log.read()

    def urls(self):
        """Its public addresses, with the ports it got."""
        return self.get("/v1/version")["listen"]

    def port(self, index=0):
        return int(self.urls()[index].rsplit(":", 1)[1])

    def workers(self, plugin=None):
        """Pids of the workers that are up, as the host tells them."""
        return [w["pid"] for name, p in self.plugins().items() if plugin in (None, name)
                for w in p.get("workers", []) if w["state"] == "ready" and alive(w["pid"])]
