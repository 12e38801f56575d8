"""What is installed lies where the shells and man(1) look for it, and the host finds what its workers run."""
import os
import shutil
import signal
import subprocess

import pytest

from lib import build
from lib.procs import wait_until

# bash-completion and man-db have no list to be asked for: these are their defaults without XDG_DATA_DIRS and MANPATH
BASH = ["/usr/local/share/bash-completion/completions", "/usr/share/bash-completion/completions"]
MAN = ["/usr/local/share/man/man1", "/usr/share/man/man1"]


def folders(tmp_path, *command):
    """What a shell that was started without any configuration of a user prints."""
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    done = subprocess.run(command, env={"HOME": str(tmp_path), "PATH": os.environ["PATH"]}, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


@pytest.fixture(scope="module", params=["/usr", "/usr/local"])
def installed(request, tmp_path_factory):
    root = str(tmp_path_factory.mktemp("root"))
    subprocess.run(["cmake", "--install", build.BUILD, "--prefix", request.param], env={**os.environ, "DESTDIR": root}, check=True,
                   capture_output=True)
    return root


def found(root, places, name):
    return [p for p in places if os.path.isfile(root + os.path.join(p, name))]


def test_zsh(installed, tmp_path):
    assert len(found(installed, folders(tmp_path, "zsh", "-f", "-c", "print -l $fpath"), "_jobhost")) == 1


def test_fish(installed, tmp_path):
    assert len(found(installed, folders(tmp_path, "fish", "-c", "printf '%s\\n' $fish_complete_path"), "jobhost.fish")) == 1


def test_bash_and_man(installed):
    assert len(found(installed, BASH, "jobhost")) == len(found(installed, MAN, "jobhost.1")) == 1


def worker_program(make_host, monkeypatch, binary):
    """What the workers of this host run; they must do their work."""
    monkeypatch.setattr(build, "BINARY", binary)
    host = make_host()
    host.start()
    assert host.wait_job(host.submit("chaos.echo", {}))["state"] == "succeeded"
    return os.readlink(f"/proc/{host.workers()[0]}/exe")


def test_workers_have_a_program_of_their_own(installed, make_host, monkeypatch):
    prefix = next(p for p in ("/usr/local", "/usr") if os.path.exists(f"{installed}{p}/bin/jobhost"))
    own = worker_program(make_host, monkeypatch, f"{installed}{prefix}/bin/jobhost")
    assert own == f"{installed}{prefix}/libexec/jobhost/jobhost-worker"


def test_another_version_is_installed_meanwhile(make_host, folder, monkeypatch):
    """A host goes on with the program of its own version, whose protocol it knows, until it is started anew."""
    for name in ("jobhost", "jobhost-worker"):
        shutil.copy(os.path.join(os.path.dirname(build.BINARY), name), folder)
    monkeypatch.setattr(build, "BINARY", os.path.join(folder, "jobhost"))
    host = make_host()
    host.start()
    shutil.copy("/bin/false", os.path.join(folder, "next"))
    os.rename(os.path.join(folder, "next"), os.path.join(folder, "jobhost-worker"))
    old = host.workers()[0]
    os.kill(old, signal.SIGKILL)
    wait_until(lambda: [pid for pid in host.workers() if pid != old], build.PATIENCE_S, "another worker")
    assert host.wait_job(host.submit("chaos.echo", {}))["state"] == "succeeded"
    with open(f"/proc/{host.workers()[0]}/comm", encoding="ascii") as name:
        assert name.read() == "jobhost-worker\n"


def test_a_binary_that_was_copied_alone_works(folder, make_host, monkeypatch):
    alone = shutil.copy(build.BINARY, folder)
    assert worker_program(make_host, monkeypatch, alone) == alone
