"""The command line and the real host over TCP, with a token, and over TLS."""
import json
import os
import subprocess

import pytest

from lib import build
from lib.certs import Authority

OK, FAILED, UNREACHABLE = 0, 1, 3
TOKEN = "jh_" + "0123456789abcdef" * 3


@pytest.fixture
def authority(folder):
    return Authority(folder)


@pytest.fixture
def remote(make_host, authority):
    """A host that wants a token, on https and on http."""
    cert, key = authority.issue("server")
    host = make_host({"host": {"listen": [{"address": "127.0.0.1:0", "tls": {"cert": cert, "key": key}}, "127.0.0.1:0"],
                               "auth": "tokens", "admin_token": TOKEN}})
    host.start()
    return host


def cli(*args, status=OK, env=None, stdin=None):
    """Standard output and standard error of a command that only its arguments and `env` lead to a host."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("JOBHOST_")}
    done = subprocess.run([build.BINARY, *args], capture_output=True, text=True, check=False, input=stdin, cwd="/",
                          timeout=build.PATIENCE_S, env={**clean, **(env or {})})
    assert done.returncode == status, (args, done.returncode, done.stdout, done.stderr)
    assert TOKEN not in done.stdout + done.stderr
    return done.stdout, done.stderr


def use(remote, authority, tls):
    """The environment and the arguments with which a command reaches it."""
    env = {"JOBHOST_URL": remote.urls()[0 if tls else 1], "JOBHOST_TOKEN": TOKEN}
    more = ["--ca", authority.ca] if tls else []
    return lambda *args, **options: cli(*args, *more, env=env, **options)[0]


@pytest.mark.parametrize("tls", [True, False], ids=["https", "http"])
def test_a_job_from_end_to_end(remote, authority, tls, folder):
    run = use(remote, authority, tls)
    big = os.path.join(folder, "big")
    with open(big, "wb") as out:
        out.write(os.urandom(5 << 20))
    assert json.loads(run("submit", "chaos.echo", "--payload", '{"n": 1}', "--wait")) == {"n": 1}
    job_id = run("submit", "chaos.echo", "--payload", '{"n": 2}', "--file", f"data={big}").strip()
    assert run("watch", job_id).splitlines()[-1].split()[1] == "succeeded"
    out = os.path.join(folder, "out")
    run("result", job_id, "-o", out)
    with open(out, encoding="utf-8") as f:
        assert f.read() == '{"n": 2}'
    assert json.loads(run("job", job_id, "--json"))["files"][0]["size"] == 5 << 20
    assert job_id in run("jobs")
    run("pause", "far", "--why", "over the network")
    assert "by token:host.admin_token from 127.0.0.1" in run("queues", "far")
    assert json.loads(run("fsck", "--json"))["total"] == 0
    assert "chaos" in run("plugins") and "HANDLERS" in run("describe", "chaos")


def test_refusals(remote, authority):
    https, http = remote.urls()
    env = {"JOBHOST_URL": http}
    assert "wants a token" in cli("jobs", env=env, status=FAILED)[1]
    assert "does not accept the token in JOBHOST_TOKEN" in cli("jobs", env={**env, "JOBHOST_TOKEN": TOKEN[:-1]}, status=FAILED)[1]
    assert "certificate" in cli("jobs", env={"JOBHOST_URL": https, "JOBHOST_TOKEN": TOKEN}, status=UNREACHABLE)[1]
    assert "does the host serve https there?" in cli("jobs", "--url", http.replace("http:", "https:"), "--ca", authority.ca, status=UNREACHABLE)[1]
    assert "served by HTTPS: write https://" in cli("jobs", "--url", https.replace("https:", "http:"), status=UNREACHABLE)[1]
    token = {"JOBHOST_TOKEN": TOKEN}
    assert "is it the address of a host" in cli("jobs", "--url", http + "/x", env=token, status=UNREACHABLE)[1]
    assert cli("jobs", "--socket", remote.socket)[0].startswith("ID ")  # the admin socket asks for none


def test_a_public_socket(make_host, folder):
    """--socket may name any unix: address of host.listen; the admin socket of a configuration gets no token."""
    public = os.path.join(folder, "public.sock")
    host = make_host({"host": {"listen": f"unix:{public}", "auth": "tokens", "admin_token": TOKEN}})
    host.start()
    env = {"JOBHOST_TOKEN": TOKEN}
    for place in ("--socket", public), ("--url", f"unix:{public}"):
        assert "wants a token" in cli("jobs", *place, status=FAILED)[1]
        assert "does not accept the token in JOBHOST_TOKEN" in cli("jobs", *place, status=FAILED, env={"JOBHOST_TOKEN": TOKEN[:-1]})[1]
        assert cli("jobs", *place, env=env)[0].startswith("ID ")
    assert cli("jobs", "-c", host.config_path, env={"JOBHOST_TOKEN": "not a token"})[0].startswith("ID ")
