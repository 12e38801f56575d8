"""scripts/quickstart where a host runs already; all of it is run from a fresh clone by hand, for it builds everything."""
import os
import shutil
import subprocess

from lib import build
from lib.host import Host


def stub(path):
    with open(path, "w", encoding="utf-8", opener=lambda p, flags: os.open(p, flags, 0o755)) as out:
        out.write("#!/bin/sh\n")


def test_it_leaves_a_running_host_alone(request, folder):
    host = Host(folder)  # config.yaml and var are where the quickstart has them
    os.makedirs(f"{folder}/scripts")
    os.makedirs(f"{folder}/build/host")
    os.makedirs(f"{folder}/bin")
    shutil.copy(f"{build.REPO}/scripts/quickstart", f"{folder}/scripts")
    os.symlink(build.BINARY, f"{folder}/build/host/jobhost")
    stub(f"{folder}/scripts/deps")
    stub(f"{folder}/bin/cmake")
    host.start()
    request.addfinalizer(host.end)
    with open(f"{folder}/var/host.log", "w", encoding="utf-8") as log:
        log.write("of the first\n")
    done = subprocess.run([f"{folder}/scripts/quickstart", "--once"], env={**os.environ, "PATH": f"{folder}/bin:{os.environ['PATH']}"},
                          capture_output=True, text=True, check=False, timeout=build.PATIENCE_S)
    assert done.returncode == 1 and "a host runs here already" in done.stderr, done.stdout + done.stderr
    with open(f"{folder}/var/host.log", encoding="utf-8") as log:
        assert log.read() == "of the first\n"
    assert not os.path.exists(f"{folder}/var/ready")
