"""Sockets that somebody else has made, and that a host is started with: what systemd does for a .socket unit."""
import json
import os
import re
import socket
import subprocess

import pytest

from lib import build
from lib.procs import workers_of
from lib.raw import Raw, ask

JOB = json.dumps({"type": "chaos.echo"}).encode()


def tcp(kind=socket.SOCK_STREAM, listen=True):
    s = socket.socket(socket.AF_INET, kind)
    s.bind(("127.0.0.1", 0))
    if listen and kind == socket.SOCK_STREAM:
        s.listen(64)
    return s


def unix(path, mode=0o600):
    s = socket.socket(socket.AF_UNIX)
    s.bind(path)
    os.chmod(path, mode)
    s.listen(64)
    return s


# As systemd: LISTEN_PID is the pid that exec() keeps, and the descriptors are moved to 3 and on.
STARTER = """
import os, sys
pid, names, count, ready, fds, argv = *sys.argv[1:5], eval(sys.argv[5]), sys.argv[6:]
high = [os.dup2(fd, 200 + i) for i, fd in enumerate(fds)]
ready = os.dup2(int(ready), 300)
os.closerange(3, 200)
for i, fd in enumerate(high):
    os.dup2(fd, 3 + i)
    os.close(fd)
env = {**os.environ, "LISTEN_PID": pid or str(os.getpid()), "LISTEN_FDS": count or str(len(fds)), "LISTEN_FDNAMES": names}
os.execve(argv[0], argv, env)
"""


def launch(host, sockets, names="", pid="", count="", args=()):
    """Starts the host with these sockets; the descriptor on which it will say that it is ready."""
    read_end, write_end = os.pipe()
    fds = [s.fileno() for s in sockets]
    with open(host.log_path, "ab") as log:
        host.process = subprocess.Popen(
            ["python3", "-c", STARTER, pid, names, count, str(write_end), str(fds), build.BINARY, "run", "-c", host.config_path,
             "--ready-fd", "300", *args], stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=host.folder, pass_fds=[write_end, *fds])
    os.close(write_end)
    return os.fdopen(read_end, "rb")


def start(host, sockets, **options):
    with launch(host, sockets, **options) as said:
        assert said.read(6) == b"ready\n", host.log_tail()


def test_what_connects_before_the_host_is_there_is_served(make_host):
    with tcp() as listener:
        port = listener.getsockname()[1]
        host = make_host({"host": {"listen": f"127.0.0.1:{port}"}})
        early = Raw(port)
        early.send(b"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(JOB), JOB))
        start(host, [listener], names="http")
    answer = early.response()
    assert answer.status == 202
    assert host.wait_job(json.loads(answer.body)["id"])["state"] == "succeeded"
    assert host.urls() == [f"http://127.0.0.1:{port}"]
    environment = open(f"/proc/{host.pid}/environ", "rb").read()
    assert b"LISTEN_FDS=" in environment  # it had them, and no worker has
    for worker in workers_of(host.pid):
        assert b"LISTEN_" not in open(f"/proc/{worker}/environ", "rb").read()


def test_unix_sockets_stay_when_the_host_ends(make_host, folder):
    path = os.path.join(folder, "public.sock")
    host = make_host({"host": {"listen": ["127.0.0.1:0", f"unix:{path}"]}})
    with unix(path) as public, unix(host.socket) as admin:
        start(host, [admin, public], names="admin:public")
        assert host.get("/healthz")["ok"]
        assert f"unix:{path}" in host.urls() and len(host.urls()) == 2  # the other one is made as always
        host.stop()
        assert os.path.exists(path) and os.path.exists(host.socket)
        start(host, [admin, public])
        assert host.get("/healthz")["ok"]
        host.stop()


def test_a_reload_keeps_them(make_host):
    with tcp() as listener:
        port = listener.getsockname()[1]
        host = make_host({"host": {"listen": f"127.0.0.1:{port}"}})
        start(host, [listener])
        inode = os.fstat(listener.fileno()).st_ino
    before = open_sockets(host.pid)
    assert inode in before
    assert host.expect(200, "POST", "/v1/reload", query={"wait": "1"}).json["ok"]
    assert inode in open_sockets(host.pid)
    assert ask(port, "GET", "/v1/version").status == 200


def open_sockets(pid):
    found = set()
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            match = re.fullmatch(r"socket:\[(\d+)\]", os.readlink(f"/proc/{pid}/fd/{fd}"))
        except FileNotFoundError:
            continue
        if match:
            found.add(int(match[1]))
    return found


def test_one_that_no_door_wants_is_named_and_closed(make_host):
    with tcp() as listener, tcp() as surplus:
        port, other = listener.getsockname()[1], surplus.getsockname()[1]
        host = make_host({"host": {"listen": f"127.0.0.1:{port}"}})
        start(host, [surplus, listener], names="metrics:http")
        inode = os.fstat(surplus.fileno()).st_ino
    assert f'host.surplus_sockets msg="descriptor 3 (metrics, 127.0.0.1:{other}): host.listen' in host.read_log()
    assert inode not in open_sockets(host.pid)
    assert host.urls() == [f"http://127.0.0.1:{port}"]


@pytest.mark.parametrize("make, words", [
    (lambda: tcp(socket.SOCK_DGRAM), "is not a stream socket"),
    (lambda: tcp(listen=False), "does not listen"),
    (lambda: open(os.devnull), "is no socket"),
])
def test_what_is_no_listening_socket_is_refused(make_host, make, words):
    host = make_host()
    with make() as wrong, launch(host, [wrong], names="odd") as said:
        assert said.read() == b""
    assert host.reap() == 1
    assert "descriptor 3 (odd)" in host.read_log() and words in host.read_log()


@pytest.mark.parametrize("count", ["x", "-1", "65", "3 ", "99999999999999999999"])
def test_a_count_that_makes_no_sense_is_refused(make_host, count):
    host = make_host()
    with launch(host, [], count=count) as said:
        assert said.read() == b""
    assert host.reap() == 1
    assert f"LISTEN_FDS={count.strip()}" in host.read_log()


def test_those_of_another_process_are_left_alone(make_host):
    host = make_host()
    start(host, [], pid="1", count="7")
    assert len(host.urls()) == 1


def test_the_ready_descriptor_is_none_of_them(make_host):
    host = make_host()
    with tcp() as listener, launch(host, [listener], args=["--ready-fd", "3"]) as said:
        assert said.read() == b""
    assert host.reap() == 1
    assert "--ready-fd 3: LISTEN_FDS says that this is a socket" in host.read_log()


def test_an_admin_socket_that_everybody_may_use_is_refused(make_host):
    host = make_host()
    with unix(host.socket, 0o666) as admin, launch(host, [admin], names="admin") as said:
        assert said.read() == b""
    assert host.reap() == 1
    assert "SocketMode=0600" in host.read_log() and "host.admin" in host.read_log()
