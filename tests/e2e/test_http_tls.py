"""HTTPS: certificates, what is negotiated, how it ends, and real clients that verify."""
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess

import pytest

from lib import build
from lib.certs import Authority
from lib.cli import FAILED, Cli
from lib.procs import wait_until
from lib.raw import Raw

JSON = "Content-Type: application/json"


@pytest.fixture
def authority(folder):
    return Authority(folder)


@pytest.fixture
def tls_host(make_host, authority):
    """host.listen[0] is HTTPS, host.listen[1] is not."""
    cert, key = authority.issue("server")
    host = make_host({"host": {"listen": [{"address": "127.0.0.1:0", "tls": {"cert": cert, "key": key}}, "127.0.0.1:0"]}})
    host.start()
    return host


def serial(connection):
    return connection.socket.getpeercert()["serialNumber"]


# ---- certificates

@pytest.mark.parametrize("case", ["cert missing", "key missing", "cert unreadable", "cert no PEM", "key no PEM", "key of another",
                                  "key encrypted", "cert is the key", "half a pair"])
def test_a_certificate_that_cannot_be_used(make_host, authority, case):
    cert, key = authority.issue("server")
    none = authority.path("nothing.pem")
    with open(none, "w", encoding="utf-8") as out:
        out.write("nothing of use\n")
    files, status, words = {"cert": cert, "key": key}, 1, ""
    if case in ("cert missing", "key missing"):
        files[case[:case.index(" ")]] = "/nonexistent.pem"
        status, words = 2, "cannot read /nonexistent.pem: No such file or directory"
    elif case == "cert unreadable":
        files["cert"] = authority.folder
        words = f"{authority.folder}: no certificate in PEM form"
    elif case == "half a pair":
        files.pop("key")
        status, words = 2, "tls needs both cert and key; key is missing"
    elif case == "cert no PEM":
        files["cert"], words = none, f"host.listen[0].tls: {none}: no certificate in PEM form"
    elif case == "cert is the key":
        files["cert"], words = key, f"{key}: no certificate in PEM form"
    elif case == "key no PEM":
        files["key"], words = none, f"{none}: no private key in PEM form"
    elif case == "key of another":
        files["key"] = authority.key("other.key")
        words = f"{files['key']}: the key does not belong to the certificate in {cert}"
    elif case == "key encrypted":
        files["key"] = authority.path("locked.key")
        subprocess.run(["openssl", "pkey", "-in", key, "-aes256", "-passout", "pass:secret", "-out", files["key"]], check=True)
        words = f"{files['key']}: the key is encrypted; store it without a passphrase"
    host = make_host({"host": {"listen": [{"address": "127.0.0.1:0", "tls": files}]}})
    assert not host.start(ready=False)
    assert host.reap() == status
    assert words in host.read_log()
    assert words in Cli(host).error("check", status=FAILED)  # which would have told it before
    assert Cli(host).json("check", status=FAILED)["ok"] is False


@pytest.mark.parametrize("start,end,words", [("200101000000Z", "210101000000Z", "the certificate expired at 2021-01-01T00:00:00Z"),
                                             ("450101000000Z", "460101000000Z", "the certificate is not valid before 2045-01-01T00:00:00Z")])
def test_a_certificate_out_of_its_time_is_a_warning(make_host, authority, start, end, words):
    cert, key = authority.issue("server", start, end)
    host = make_host({"host": {"listen": [{"address": "127.0.0.1:0", "tls": {"cert": cert, "key": key}}]}})
    host.start()
    assert f"warn  tls.certificate msg=\"{cert}: {words}" in host.read_log()
    assert f"host.listen[0].tls: warning: {cert}: {words}" in Cli(host).raw("check").stderr
    assert Cli(host).json("check")["tls"][0]["problem"].startswith(f"{cert}: {words}")
    Cli(host).error("check", "--strict", status=FAILED)
    with pytest.raises(ssl.SSLCertVerificationError):
        Raw(host.port(), tls=authority.client())


def test_sighup_reads_certificates_again(tls_host, authority):
    port, files = tls_host.port(), [authority.path(n) for n in ("server.pem", "server.key")]

    def hang_up(event):
        before = tls_host.read_log().count(event)
        tls_host.send(signal.SIGHUP)
        wait_until(lambda: tls_host.read_log().count(event) > before, build.PATIENCE_S, f"{event} is logged")

    with Raw(port, tls=authority.client()) as before:
        first = serial(before)
        for new, old in zip(authority.issue("renewed"), files):
            shutil.copy(new, old)
        hang_up("tls.reloaded")
        with Raw(port, tls=authority.client()) as after:
            second = serial(after)
            assert second != first and after.ask("GET", "/healthz").status == 200
        assert before.ask("GET", "/healthz").status == 200  # it keeps the one it has
        shutil.copy(authority.key("stray.key"), files[1])
        hang_up("tls.reload_failed")
        assert "the key does not belong to the certificate" in tls_host.read_log()
        with Raw(port, tls=authority.client()) as after:
            assert serial(after) == second
        os.remove(files[0])
        hang_up("reload.failed")
        assert f"cannot read {files[0]}: No such file or directory" in tls_host.read_log()
        assert before.ask("GET", "/healthz").status == 200


# ---- what is negotiated

def test_versions_and_protocols(tls_host, authority):
    port = tls_host.port()
    assert tls_host.urls()[0] == f"https://127.0.0.1:{port}"
    for version in ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3:
        for offered, chosen in ((("h2", "http/1.1"), "http/1.1"), (("http/1.1",), "http/1.1"), ((), None)):
            context = authority.client(offered)
            context.minimum_version = context.maximum_version = version
            with Raw(port, tls=context) as connection:
                assert connection.socket.selected_alpn_protocol() == chosen
                assert connection.socket.compression() is None
                assert connection.ask("GET", "/v1/version").status == 200
    with pytest.raises(ssl.SSLError, match="NO_APPLICATION_PROTOCOL|no application protocol"):
        Raw(port, tls=authority.client(["h2"]))
    old = authority.client()
    old.set_ciphers("ALL:@SECLEVEL=0")
    old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    with pytest.raises(ssl.SSLError):
        Raw(port, tls=old)


def test_no_renegotiation(tls_host, authority):
    talk = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{tls_host.port()}", "-CAfile", authority.ca, "-tls1_2"],
                          input=b"R\n", capture_output=True, check=False, timeout=build.PATIENCE_S)
    assert b"no renegotiation" in talk.stderr + talk.stdout
    assert tls_host.get("/healthz")["ok"]


def test_each_port_and_the_other_language(tls_host, authority):
    secure, plain = tls_host.port(0), tls_host.port(1)
    with Raw(secure) as lost:
        answer = lost.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").response()
        assert (answer.status, json.loads(answer.body)["error"]["code"]) == (400, "https_only")
        assert lost.is_closed()
    for noise in b"\r\n\r\n\r\n\r\n", b"\x00" * 64, os.urandom(600), b"SSH-2.0-x\r\n", b"\x16\x03\x01\xff\xff" + b"a" * 600:
        with Raw(secure) as lost:
            assert b"HTTP" not in lost.try_send(noise).rest() or noise[:1].isalpha()
    with pytest.raises(ssl.SSLError):
        Raw(plain, tls=authority.client())
    with Raw(plain) as lost:
        hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + os.urandom(32)
        assert lost.send(hello).response().status == 400
        assert lost.is_closed()
    with Raw(secure, tls=authority.client()) as connection:
        assert connection.ask("GET", "/healthz").status == 200


# ---- content

def test_bodies_of_every_size(tls_host, authority):
    """Around a record of 16 KiB and what is read at once: nothing waits for bytes that have long arrived."""
    with Raw(tls_host.port(), tls=authority.client()) as connection:
        for size in [0, 1, 4095, 4096, 4097, *[n * 8192 + d for n in range(1, 9) for d in (-1, 0, 1)], 1 << 20, (16 << 20) - 100]:
            body = b'{"type":"chaos.echo","payload":{"x":"' + b"x" * size + b'"}}'
            answer = connection.ask("POST", "/v1/jobs", [JSON], body)
            assert answer.status == (202 if size < 1 << 20 else 413), (size, answer)
            if size == 8192:
                job = json.loads(answer.body)["id"]
    tls_host.wait_job(job)
    with Raw(tls_host.port(), tls=authority.client()) as connection:
        assert json.loads(connection.ask("GET", f"/v1/jobs/{job}/result").body) == {"x": "x" * 8192}


def test_pipelining_and_100_continue(tls_host, authority):
    with Raw(tls_host.port(), tls=authority.client()) as connection:
        connection.send("GET /v1/version HTTP/1.1\r\nHost: localhost\r\n\r\n" * 300)
        assert [connection.response().status for _ in range(300)] == [200] * 300
        body = b'{"type":"chaos.echo","payload":{}}'
        connection.send(f"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\n{JSON}\r\nExpect: 100-continue\r\nContent-Length: {len(body)}\r\n\r\n")
        assert connection.response().status == 100
        assert connection.send(body).response().status == 202


def test_how_it_ends(tls_host, authority):
    context = authority.client()
    context.options &= ~getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)
    with Raw(tls_host.port(), tls=context) as connection:  # the end is said, so it is no cut
        connection.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert connection.response().status == 200
        assert connection.rest() == b""
    with Raw(tls_host.port(), tls=context) as connection:
        assert connection.send("BAD\r\n\r\n").response().status == 400
        assert connection.rest() == b""
    with Raw(tls_host.port(), tls=context) as connection:  # a peer that ends its side without a word, after its request
        connection.send("GET /v1/version HTTP/1.1\r\nHost: localhost\r\n\r\n")
        socket.socket.shutdown(connection.socket, socket.SHUT_WR)
        assert connection.response().status == 200
    with Raw(tls_host.port(), tls=context) as connection:  # in the middle of one
        connection.send("GET /v1/version HTTP/1.1\r\nHo")
        socket.socket.shutdown(connection.socket, socket.SHUT_WR)
        assert connection.rest() == b""
    assert tls_host.get("/healthz")["ok"]


# ---- clients that have to show a certificate

def shows(authority, pair=None):
    context = authority.client()
    if pair:
        context.load_cert_chain(*pair)
    return context


def gets_in(port, context):
    """TLS 1.3 tells a client that it was refused with the first byte that it reads."""
    try:
        with Raw(port, tls=context) as connection:
            return connection.ask("GET", "/healthz").status == 200
    except (ssl.SSLError, OSError, EOFError):
        return False


def test_clients_have_to_show_a_certificate(make_host, authority, folder):
    cert, key = authority.issue("server")
    os.mkdir(os.path.join(folder, "others"))
    others = Authority(os.path.join(folder, "others"))
    clients = os.path.join(folder, "clients.pem")
    shutil.copy(authority.ca, clients)
    tls = {"cert": cert, "key": key, "client_ca": clients}
    host = make_host({"host": {"listen": [{"address": "127.0.0.1:0", "tls": tls}]}})
    host.start()
    port, known, unknown = host.port(), authority.issue("ann"), others.issue("eve")
    assert gets_in(port, shows(authority, known))
    assert not gets_in(port, shows(authority)) and not gets_in(port, shows(authority, unknown))
    with Raw(port, tls=shows(authority, known)) as connection:
        body = b'{"why": "a test"}'
        answer = connection.ask("POST", "/v1/queues/q/pause", [JSON], body)
        assert answer.status == 200, answer.body
        before = host.get("/v1/audit")["items"][0]
        assert (before["actor"], before["action"]) == ("cert:ann", "queue.pause")
        shutil.copy(others.ca, clients)  # from now on others are let in; who is in stays
        os.kill(host.pid, signal.SIGHUP)
        wait_until(lambda: gets_in(port, shows(authority, unknown)), build.PATIENCE_S, "the new authority counts")
        assert not gets_in(port, shows(authority, known))
        assert connection.ask("GET", "/healthz").status == 200


def test_client_ca_is_nothing_without_tls(make_host):
    host = make_host({"host": {"listen": [{"address": "127.0.0.1:0", "tls": {"client_ca": "/dev/null"}}]}})
    assert "client_ca needs cert and key" in Cli(host).error("check", status=FAILED)


# ---- real clients

def curl(authority, *words):
    return subprocess.run(["curl", "-sS", "--cacert", authority.ca, *words], capture_output=True, text=True, check=False,
                          timeout=build.PATIENCE_S)


def test_curl(tls_host, authority):
    url, plain = tls_host.urls()
    for base in url, url.replace("127.0.0.1", "localhost"), plain:
        done = curl(authority, "-i", "--json", '{"type":"chaos.echo","payload":{"a":1}}', base + "/v1/jobs")
        assert done.returncode == 0 and done.stdout.startswith("HTTP/1.1 202 "), done
        job = re.search(r'"id":"([^"]+)"', done.stdout).group(1)
        tls_host.wait_job(job)
        done = curl(authority, "--compressed", f"{base}/v1/jobs/{job}/result", f"{base}/v1/jobs/{job}/result")
        assert done.stdout == '{"a":1}' * 2
        events = curl(authority, "-N", f"{base}/v1/jobs/{job}/events").stdout
        assert "succeeded" in events
    assert curl(authority, "--http2", "-o", "/dev/null", "-w", "%{http_version} %{ssl_verify_result}", url + "/healthz").stdout == "1.1 0"
    stranger = subprocess.run(["curl", "-sS", url + "/healthz"], capture_output=True, text=True, check=False)
    assert stranger.returncode == 60, stranger  # not a certificate that it knows


NODE = """
const [base, ca] = process.argv.slice(1), fs = require("fs"), secure = base.startsWith("https:");
const http = require(secure ? "https" : "http");
const agent = new http.Agent({keepAlive: true, maxSockets: 4, ca: secure ? fs.readFileSync(ca) : undefined});
const ask = (method, path, body) => new Promise((resolve, reject) => {
  const request = http.request(base + path, {method, agent, headers: body ? {"Content-Type": "application/json"} : {}}, answer => {
    let text = ""; answer.setEncoding("utf8").on("data", part => text += part).on("end", () => resolve([answer.statusCode, text]));
  }).on("error", reject);
  request.end(body);
});
(async () => {
  const all = await Promise.all([...Array(40).keys()].map(n => ask("POST", "/v1/jobs", JSON.stringify({type: "chaos.echo", payload: {n}}))));
  const [status, list] = await ask("GET", "/v1/jobs?limit=1000");
  console.log(JSON.stringify([all.map(a => a[0]), status, JSON.parse(list).items.length]));
  agent.destroy();
})();
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_node(make_host, authority):
    cert, key = authority.issue("server")
    for listen in "127.0.0.1:0", {"address": "127.0.0.1:0", "tls": {"cert": cert, "key": key}}:
        host = make_host({"host": {"listen": [listen]}}, name=f"node-{isinstance(listen, dict)}")
        host.start()
        done = subprocess.run(["node", "-e", NODE, host.urls()[0], authority.ca], capture_output=True, text=True, check=True,
                              timeout=build.PATIENCE_S)
        assert json.loads(done.stdout) == [[202] * 40, 200, 40]
