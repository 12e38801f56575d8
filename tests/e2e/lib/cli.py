"""The command line with a host's configuration."""
import json
import os
import re
import subprocess

from . import build

ID = re.compile(r"^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")
OK, FAILED, USAGE, UNREACHABLE = 0, 1, 2, 3


class Cli:
    """jobhost ARGS... -c the host's configuration."""

    def __init__(self, host):
        self.host = host

    def command(self, *args):
        return [build.BINARY, *args, "-c", self.host.config_path]

    def raw(self, *args, stdin=None, env=None):
        return subprocess.run(self.command(*args), input=stdin, capture_output=True, text=True, check=False,
                              timeout=build.PATIENCE_S, cwd=self.host.folder, env={**os.environ, **(env or {})})

    def __call__(self, *args, status=OK, stdin=None):
        """Standard output, once the exit status is as expected."""
        done = self.raw(*args, stdin=stdin)
        assert done.returncode == status, (args, done.returncode, done.stdout, done.stderr)
        return done.stdout

    def error(self, *args, status):
        """Standard error of a command that must fail so."""
        done = self.raw(*args)
        assert done.returncode == status, (args, done.returncode, done.stdout, done.stderr)
        return done.stderr

    def json(self, *args, status=OK, stdin=None):
        return json.loads(self(*args, "--json", status=status, stdin=stdin))

    def submit(self, kind, payload=None, *args):
        more = [] if payload is None else ["--payload", json.dumps(payload)]
        job_id = self("submit", kind, *more, *args).strip()
        assert ID.match(job_id), job_id
        return job_id
