"""The command line against hosts over the network that behave and that do not: who is believed, what is said, how it exits.

The peer is a few lines of Python here, so that it can misbehave; test_cli.py has the real host.
"""
import json
import os
import socket
import ssl
import subprocess
import threading

import pytest

from lib import build
from lib.peer import peer

OK, FAILED, USAGE, UNREACHABLE = 0, 1, 2, 3
TOKEN = "correct-horse.battery~staple"
JOB = "01a20081-b0a8-700b-9e52-ef593d85392b"


def cli(*args, status=OK, env=None, cwd=None):
    """(standard output, standard error) of a command that no environment leads to a host."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("JOBHOST_")}
    done = subprocess.run([build.BINARY, *args], capture_output=True, text=True, check=False, cwd=cwd,
                          timeout=build.PATIENCE_S, env={**clean, **(env or {})})
    assert done.returncode == status, (args, done.returncode, done.stdout, done.stderr)
    assert TOKEN not in done.stdout + done.stderr
    return done.stdout, done.stderr


def no_jobs(request):
    request.send(200, {"items": []})


def guarded(request):
    if request.headers.get_all("Authorization") == [f"Bearer {TOKEN}"]:
        no_jobs(request)
    else:
        request.send(401, {"error": {"code": "unauthorized", "message": "a token is needed"}})


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """A certificate for 127.0.0.1 that signs itself, and one for another name: {name: (certificate, key)}."""
    folder = tmp_path_factory.mktemp("tls")
    made = {}
    for name, subject in {"here": "IP:127.0.0.1,DNS:localhost", "elsewhere": "DNS:example.org"}.items():
        made[name] = (str(folder / f"{name}.crt"), str(folder / f"{name}.key"))
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30",
                        "-subj", "/CN=jobhost test", "-addext", f"subjectAltName={subject}", "-out", made[name][0], "-keyout", made[name][1]],
                       check=True, capture_output=True)
    return made


def context(pair):
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*pair)
    return tls


# ---- where, and with what token

def test_url_and_token(tmp_path):
    (tmp_path / "token").write_text(TOKEN + "\n")
    with peer(guarded) as host:
        url = f"http://127.0.0.1:{host.port}"
        assert "ID" in cli("jobs", "--url", url, env={"JOBHOST_TOKEN": TOKEN})[0]
        assert "ID" in cli("jobs", "--url", url + "/", "--token-file", tmp_path / "token", env={"JOBHOST_TOKEN": "another"})[0]
        assert "ID" in cli("jobs", cwd=tmp_path, env={"JOBHOST_URL": url, "JOBHOST_TOKEN": TOKEN})[0]
        assert {r.path for r in host.seen} == {"/v1/jobs"}
        # a configuration that is named is meant, whatever the environment says
        assert "No such file" in cli("jobs", "-c", "nowhere.yaml", status=USAGE, env={"JOBHOST_URL": url})[1]
        # a proxy would see the token
        proxied = {"http_proxy": "http://127.0.0.1:1", "all_proxy": "http://127.0.0.1:1", "JOBHOST_TOKEN": TOKEN}
        cli("jobs", "--url", url, env=proxied)


def test_refused_tokens(tmp_path):
    (tmp_path / "token").write_text("wrong")
    with peer(guarded) as host:
        url = f"http://127.0.0.1:{host.port}"
        assert "wants a token: put it into JOBHOST_TOKEN" in cli("jobs", "--url", url, status=FAILED)[1]
        assert "does not accept the token in JOBHOST_TOKEN" in cli("jobs", "--url", url, status=FAILED, env={"JOBHOST_TOKEN": "wrong"})[1]
        path = str(tmp_path / "token")
        assert f"does not accept the token in {path}" in cli("jobs", "--url", url, "--token-file", path, status=FAILED)[1]
        out, _ = cli("jobs", "--url", url, "--json", status=FAILED)
        assert json.loads(out)["error"]["code"] == "unauthorized"


def test_odd_tokens(tmp_path):
    url = ("--url", "http://127.0.0.1:1")
    for content in ("", "\n", "two words", "line\nend", "x" * 4097, "umläut"):
        (tmp_path / "token").write_text(content)
        _, err = cli("jobs", *url, "--token-file", tmp_path / "token", status=USAGE)
        assert "the token is" in err or "larger than" in err
        assert not content.strip() or content.strip() not in err
    (tmp_path / "token").write_text("x" * 4096)
    cli("jobs", *url, "--token-file", tmp_path / "token", status=UNREACHABLE)
    assert "No such file" in cli("jobs", *url, "--token-file", tmp_path / "none", status=USAGE)[1]
    assert "no such option" in cli("jobs", *url, "--token", TOKEN[:3], status=USAGE)[1]


def test_odd_urls():
    for url, words in {
        "127.0.0.1:80": "form", "ftp://127.0.0.1": "form", "http://": "form", "http://a b": "form", "": "form",
        "http://user:secret@127.0.0.1": "password", "http://127.0.0.1/?a=b": '"?"', "http://127.0.0.1/#x": '"#"',
    }.items():
        _, err = cli("jobs", "--url", url, status=USAGE)
        assert words in err and "secret" not in err, (url, err)
    assert "not both" in cli("jobs", "--url", "http://x", "--socket", "y", status=USAGE)[1]


def test_a_prefix_before_the_path():
    with peer(no_jobs) as host:
        cli("jobs", "--url", f"http://localhost:{host.port}/behind/a/proxy/")
        assert host.seen[0].path == "/behind/a/proxy/v1/jobs"


# ---- nobody there, or somebody else

def test_nobody_there():
    with socket.socket() as idle:
        idle.bind(("127.0.0.1", 0))  # not listening
        url = f"http://127.0.0.1:{idle.getsockname()[1]}"
        _, err = cli("jobs", "--url", url, status=UNREACHABLE)
    assert f"{url}: Connection refused" in err and "host.listen" in err
    _, err = cli("jobs", "--url", "http://no-such-host.invalid", status=UNREACHABLE)
    assert "no address is known for this name" in err


def test_not_a_host():
    def noise(connection):
        connection.recv(65536)
        connection.sendall(b"SSH-2.0-OpenSSH_9.2p1 Debian\r\n")

    def silence(connection):
        connection.recv(65536)

    def short(connection):
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"items\":[")

    for behave, words in {noise: "does not speak HTTP", silence: "without an answer", short: "cut short"}.items():
        with socket.create_server(("127.0.0.1", 0)) as listener:
            def serve(behave=behave, listener=listener):
                connection, _ = listener.accept()
                with connection:
                    behave(connection)

            thread = threading.Thread(target=serve)
            thread.start()
            _, err = cli("jobs", "--url", f"http://127.0.0.1:{listener.getsockname()[1]}", status=UNREACHABLE)
            thread.join()
            assert words in err, (words, err)


def test_other_answers():
    def page(request):
        request.send(404, b"<h1>not here</h1>", "text/html")

    def moved(request):
        request.send(302, b"", "text/plain", Location="http://127.0.0.1:1/")

    def garbage(request):
        request.send(200, b"<h1>hello</h1>", "text/html")

    for reply, words in {page: "status 404", moved: "status 302", garbage: "not JSON"}.items():
        with peer(reply) as host:
            assert words in cli("jobs", "--url", f"http://127.0.0.1:{host.port}", status=FAILED)[1]


# ---- TLS

def test_tls(certificates):
    with peer(guarded, context(certificates["here"])) as host:
        url, token = f"https://127.0.0.1:{host.port}", {"JOBHOST_TOKEN": TOKEN}
        cli("jobs", "--url", url, "--ca", certificates["here"][0], env=token)
        cli("jobs", "--url", url.replace("127.0.0.1", "localhost"), "--ca", certificates["here"][0], env=token)
        count = len(host.seen)
        _, err = cli("jobs", "--url", url, status=UNREACHABLE, env=token)
        assert "certificate" in err and "--ca FILE" in err
        _, err = cli("jobs", "--url", url, "--ca", certificates["elsewhere"][0], status=UNREACHABLE, env=token)
        assert "certificate" in err
        assert len(host.seen) == count  # nothing was sent to somebody unknown
        assert "CA file" in cli("jobs", "--url", url, "--ca", "/no/such", status=USAGE, env=token)[1]
        assert "CA file" in cli("jobs", "--url", url, "--ca", os.devnull, status=USAGE, env=token)[1]
        cli("jobs", "--url", url.replace("https", "http"), status=UNREACHABLE)
    with peer(no_jobs, context(certificates["elsewhere"])) as host:  # trusted, but it is somebody else
        _, err = cli("jobs", "--url", f"https://127.0.0.1:{host.port}", "--ca", certificates["elsewhere"][0], status=UNREACHABLE)
        assert "certificate" in err and not host.seen
    with peer(no_jobs) as host:
        _, err = cli("jobs", "--url", f"https://127.0.0.1:{host.port}", status=UNREACHABLE)
        assert "does the host serve https there?" in err


# ---- watching

def state(name, **more):
    return {"id": JOB, "state": name, **more}


def test_watch_comes_back():
    """Breaks off twice, once before a word; the last id that was heard is sent along."""
    streams = [[("1-1", "state", state("running"))], [], [("1-2", "progress", {"progress": {"done": 1, "total": 2}})],
               [("1-3", "state", state("succeeded"))]]

    def reply(request):
        request.send_events(*streams.pop(0))

    with peer(reply) as host:
        out, _ = cli("watch", JOB, "--url", f"http://127.0.0.1:{host.port}")
        assert [r.headers.get("Last-Event-ID") for r in host.seen] == [None, "1-1", "1-1", "1-2"]
        assert all(r.path == f"/v1/jobs/{JOB}/events" for r in host.seen)
    assert [line.split()[0] for line in out.splitlines()] == ["running", "1/2", "succeeded"]


def test_watch_survives_a_host_that_restarts():
    streams = [None, [("1-1", "state", state("running"))], None, None, [("1-2", "state", state("dead", error={"message": "it broke"}))]]

    def reply(request):
        events = streams.pop(0)
        if events is None:
            request.send(503, {"error": {"code": "draining", "message": "the host is draining"}})
        else:
            request.send_events(*events)

    with peer(reply) as host:
        url = f"http://127.0.0.1:{host.port}"
        assert "draining" in cli("watch", JOB, "--url", url, status=FAILED)[1]  # not even begun: said at once
        assert "it broke" in cli("watch", JOB, "--url", url, status=FAILED)[1]
        assert not streams


def test_watch_stops_at_a_refusal():
    streams = [[("1-1", "state", state("running"))]]

    def reply(request):
        if streams:
            request.send_events(*streams.pop(0))
        else:
            request.send(404, {"error": {"code": "job_not_found", "message": "there is no job with this id"}})

    with peer(reply) as host:
        assert "no job with this id" in cli("watch", JOB, "--url", f"http://127.0.0.1:{host.port}", status=FAILED)[1]


# ---- downloads

def test_download_is_whole_or_not_at_all(tmp_path):
    big = os.urandom(3 << 20)
    broken = threading.Event()

    def reply(request):
        if broken.is_set():
            request.send_response(200)
            request.send_header("Content-Length", str(len(big)))
            request.end_headers()
            request.wfile.write(big[:1 << 20])
            request.close_connection = True
        else:
            request.send(200, big, "application/octet-stream")

    out = tmp_path / "out"
    with peer(reply) as host:
        result = ("result", JOB, "--url", f"http://127.0.0.1:{host.port}", "-o")
        cli(*result, out)
        assert out.read_bytes() == big and (out.stat().st_mode & 0o777) == 0o666 & ~current_umask()
        out.chmod(0o600)
        (tmp_path / "link").symlink_to(out)
        cli(*result, tmp_path / "link")
        assert (tmp_path / "link").is_symlink() and out.stat().st_mode & 0o777 == 0o600
        cli(*result, os.devnull)
        out.write_bytes(b"before")
        broken.set()
        assert "cut short" in cli(*result, out, status=UNREACHABLE)[1]
        assert out.read_bytes() == b"before"
        assert "No such file" in cli(*result, tmp_path / "no" / "folder", status=USAGE)[1]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["link", "out"]  # nothing half is left


def current_umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask
