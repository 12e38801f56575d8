"""Uploads: forms from real clients, many and large files in little memory, and what is left of those that do not arrive."""
import hashlib
import json
import os
import resource
import shutil
import subprocess
import threading
import time

import pytest

from lib import build, form
from lib.host import chaos
from lib.procs import wait_until
from lib.raw import Raw, ask
from lib.workload import pattern, sums

MIB = 1 << 20
TOKEN = "the-right-token-of-tests"
JOB = '{"type": "chaos.reads_input"}'
LARGE = build.count(200, 64, 32) * MIB


@pytest.fixture
def roomy(make_host):
    """A host that takes large files."""
    one = make_host()
    one.configure({"plugins": chaos(threads=2),
                   "store": {"url": f"sqlite:{one.state_dir}/jobhost.db", "blobs": {"max_in_store": "1GiB"}}})
    one.start()
    return one


def blob_files(host):
    return sorted(name for where, _, files in os.walk(f"{host.state_dir}/blobs") for name in files)


def nameless(host):
    """Files that the host has open and that have no name."""
    found = []
    for fd in os.listdir(f"/proc/{host.pid}/fd"):
        try:
            found.append(os.readlink(f"/proc/{host.pid}/fd/{fd}"))
        except FileNotFoundError:
            pass  # closed meanwhile
    return [link for link in found if link.startswith(host.state_dir) and link.endswith("(deleted)")]


def head(kind, length, path="/v1/jobs", *lines):
    return "\r\n".join([f"POST {path} HTTP/1.1", "Host: localhost", f"Content-Type: {kind}", f"Content-Length: {length}", *lines, "", ""])


# ---- clients

def test_curl(host, folder):
    content = {"a": os.urandom(100_000), "b": b"1,2\r\n" * 50_000, "c": b""}
    for name, data in content.items():
        with open(f"{folder}/{name}.csv", "wb") as out:
            out.write(data)
    files = ["-F", f"report=@{folder}/a.csv;type=text/csv", "-F", f"report=@{folder}/b.csv;filename=Mä rz.csv", "-F", f"other=<{folder}/c.csv"]
    job_part = ["-F", f"job={JOB}"]
    for where in (["--unix-socket", host.socket, "http://localhost/v1/jobs"], [f"http://127.0.0.1:{host.port()}/v1/jobs"]):
        for parts in (job_part + files, files + job_part):
            done = subprocess.run(["curl", "-sS", "--fail-with-body", *where, *parts], capture_output=True, timeout=build.PATIENCE_S)
            job = json.loads(done.stdout)["id"]
            listed = host.wait_job(job, "succeeded")["files"]
            assert [(f["name"], f["size"]) for f in listed] == [("report", 100_000), ("report", 250_000), ("other", 0)]
            assert [f["sha256"] for f in listed] == [hashlib.sha256(d).hexdigest() for d in content.values()]
            assert listed[0]["content_type"] == "text/csv"
            read = json.loads(host.result(job))
            assert [f["sum"] for f in read] == [sum(d) for d in content.values()]
    host.assert_sound()


NODE = """
const form = new FormData();
for (const [name, file, text] of JSON.parse(process.argv[2])) {
    if (file === null) form.append(name, text);
    else form.append(name, new Blob([text.repeat(1000)], {type: 'text/csv'}), file);
}
const answer = await fetch(process.argv[1], {method: 'POST', body: form});
console.log(JSON.stringify([answer.status, await answer.json()]));
"""


def node_fetch(url, parts):
    done = subprocess.run(["node", "--input-type=module", "-e", NODE, url, json.dumps(parts)], capture_output=True, check=True,
                          timeout=build.PATIENCE_S)
    return json.loads(done.stdout)


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node.js")
def test_node(host):
    url = f"http://127.0.0.1:{host.port()}/v1/jobs"
    status, answer = node_fetch(url, [["a", "März \"1\".csv", "é,1\r\n--"], ["job", None, JOB], ["a", "two.csv", "x"]])
    assert status == 202, answer
    host.wait_job(answer["id"], "succeeded")
    read = json.loads(host.result(answer["id"]))
    texts = ["é,1\r\n--".encode() * 1000, b"x" * 1000]
    assert [(f["name"], f["type"], f["read"], f["sum"]) for f in read] == [("a", "text/csv", len(t), sum(t)) for t in texts]
    status, answer = node_fetch(url, [["job", None, "{"]])
    assert (status, answer["error"]["code"]) == (400, "bad_json")


def test_clients_of_old(host):
    """An empty line in front, a name as Python's requests sent it for long, a path as old browsers did."""
    parts = [b'\r\n--b\r\nContent-Disposition: form-data; name="job"\r\n\r\n' + JOB.encode(),
             b"--b\r\nContent-Disposition: form-data; name=\"report\"; filename*=utf-8''M%C3%A4rz%20%E2%80%93%202026.csv\r\n\r\none",
             b'--b\r\nContent-Disposition: form-data; name="report"; filename="C:\\Reports\\April.csv"\r\n\r\ntwo', b"--b--"]
    answer = host.call("POST", "/v1/jobs", b"\r\n".join(parts), {"Content-Type": "multipart/form-data; boundary=b"})
    assert answer.status == 202, answer.raw
    assert [f["filename"] for f in host.job(answer.json["id"])["files"]] == ["M\u00e4rz \u2013 2026.csv", "April.csv"]


def test_many_files(host):
    files = [(f"f{n % 3}", pattern(n * 7919)) for n in range(32)]
    job = host.submit_form({"type": "chaos.reads_input"}, files).json["id"]
    host.wait_job(job, "succeeded")
    assert host.result(job) == sums(files)
    assert host.submit_form({"type": "chaos.reads_input"}, [*files, ("f", b"one too many")]).error["code"] == "too_many_files"
    host.assert_sound()


# ---- size

def reset_peak(pid):
    with open(f"/proc/{pid}/clear_refs", "w", encoding="ascii") as out:
        out.write("5")


def peak(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:"))


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_large_files_in_little_memory(roomy, chunked):
    block = os.urandom(MIB)
    kind, shell = form.encode([("big", form.File(b"@", "big.bin")), ("job", JOB)])
    before, after = shell.split(b"@")
    reset_peak(roomy.pid)
    start = peak(roomy.pid)
    with Raw(roomy.port()) as raw:
        how = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(shell) - 1 + LARGE}"
        raw.send(f"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\n{how}\r\n\r\n")

        def send(data):
            raw.send(b"%x\r\n%s\r\n" % (len(data), data) if chunked else data)

        send(before)
        for _ in range(LARGE // MIB):
            send(block)
        send(after)
        raw.send(b"0\r\n\r\n" if chunked else b"")
        answer = raw.response()
    grown = peak(roomy.pid) - start
    assert answer.status == 202, answer
    job = json.loads(answer.body)["id"]
    file, = roomy.wait_job(job, "succeeded")["files"]
    digest = hashlib.sha256()
    for _ in range(LARGE // MIB):
        digest.update(block)
    assert (file["size"], file["sha256"]) == (LARGE, digest.hexdigest())
    assert grown < 16 * MIB or build.SANITIZED, f"{grown} bytes for {LARGE}"
    assert nameless(roomy) == []


def test_many_uploads_at_once(roomy):
    """Memory is bounded for all of them together."""
    content = pattern(4 * MIB)
    problems = []

    def upload(n):
        try:
            answer = roomy.another().submit_form({"type": "chaos.reads_input", "key": f"k{n}"}, [("f", content + bytes([n]))])
            assert answer.status == 202, answer.raw
        except Exception as problem:  # told at the end
            problems.append(problem)

    reset_peak(roomy.pid)
    start = peak(roomy.pid)
    threads = [threading.Thread(target=upload, args=(n,)) for n in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems, problems
    grown = peak(roomy.pid) - start
    assert grown < 48 * MIB or build.SANITIZED, grown
    roomy.wait_idle()
    assert len(roomy.list(state="succeeded")) == 24
    roomy.assert_sound()


@pytest.mark.parametrize("path", ["/v1/blobs", "/v1/jobs"])
def test_too_large_is_refused_before_it_is_sent(host, path):
    kind = "application/octet-stream" if path == "/v1/blobs" else "multipart/form-data; boundary=b"
    with Raw(host.port()) as raw:
        answer = raw.send(head(kind, 1 << 40, path, "Expect: 100-continue")).response()
        assert answer.status == 413 and answer.get("Connection") == "close"


# ---- who may ask is decided before a body is read

@pytest.mark.parametrize("lines, path, status", [
    ((), "/v1/blobs", 401),
    (("Authorization: Bearer wrong",), "/v1/jobs", 401),
    ((f"Authorization: Bearer {TOKEN}",), "/v1/nothing", 404),
    ((f"Authorization: Bearer {TOKEN}",), "/v1/jobs?x=1", 400),
    ((f"Authorization: Bearer {TOKEN}",), "/v1/jobs/cancel", 415),
    ((f"Authorization: Bearer {TOKEN}",), "/v1/queues", 405),
    ((f"Authorization: Bearer {TOKEN}",), "/v1/jobs", 100),
    ((f"Authorization: Bearer {TOKEN}",), "/v1/blobs", 100),
])
def test_asked_before_the_body(make_host, lines, path, status):
    host = make_host({"host": {"auth": "tokens", "admin_token": TOKEN}})
    host.start()
    with Raw(host.port()) as raw:
        answer = raw.send(head("multipart/form-data; boundary=b", 1_000_000, path, "Expect: 100-continue", *lines)).response()
        assert answer.status == status, answer
        if status != 100:
            assert answer.get("Connection") == "close" and raw.rest() == b""
    assert nameless(host) == []


@pytest.mark.parametrize("line, status", [("Origin: https://evil.example", 403), ("Sec-Fetch-Site: cross-site", 403), ("Host: evil.example", 421),
                                          ("Origin: http://localhost", 100)])
def test_pages_of_other_sites_cannot_send_forms(host, line, status):
    lines = head("multipart/form-data; boundary=b", 1_000_000, "/v1/jobs", "Expect: 100-continue", line)
    if line.startswith("Host"):
        lines = lines.replace("Host: localhost\r\n", "")
    with Raw(host.port()) as raw:
        assert raw.send(lines).response().status == status


# ---- uploads that do not arrive

def half(host, path="/v1/jobs"):
    """A connection on which half of an upload has been sent and reached the disk."""
    kind, body = form.encode([("f", form.File(pattern(2 * MIB), "x")), ("job", JOB)])
    kind, body = (kind, body) if path == "/v1/jobs" else ("application/octet-stream", body)
    raw = Raw(host.port()).send(head(kind, len(body), path)).send(body[:MIB])
    wait_until(lambda: nameless(host), build.PATIENCE_S, "the upload goes to a file")
    return raw


@pytest.mark.parametrize("path", ["/v1/blobs", "/v1/jobs"])
def test_an_aborted_upload_leaves_nothing(host, path):
    half(host, path).close()
    wait_until(lambda: not nameless(host), build.PATIENCE_S, "the file is gone")
    assert blob_files(host) == [] and host.list() == []
    host.assert_sound()


@pytest.mark.parametrize("path", ["/v1/blobs", "/v1/jobs"])
def test_a_killed_host_leaves_nothing(host, path):
    raw = half(host, path)
    host.kill()
    raw.close()
    assert [name for _, _, files in os.walk(host.state_dir) for name in files if "put" in name or "spool" in name] == []
    host.start()
    assert blob_files(host) == [] and host.list() == []
    host.assert_sound()


def test_a_stopped_host_lets_uploads_end(host):
    raw = half(host)
    host.send(15)
    _, body = form.encode([("f", form.File(pattern(2 * MIB), "x")), ("job", JOB)], "b")
    wait_until(lambda: "host.draining" in host.read_log(), build.PATIENCE_S, "it drains")
    raw.try_send(body[MIB:])
    raw.close()
    assert host.reap() == 0


@pytest.mark.skipif(not build.FULL, reason="asks for JOBHOST_FULL=1: takes half a minute")
def test_a_slow_upload_is_ended(host):
    kind, body = form.encode([("f", form.File(pattern(MIB), "x")), ("job", JOB)])
    begin = time.monotonic()
    with Raw(host.port()) as raw:
        raw.send(head(kind, len(body)))
        answer = []
        reader = threading.Thread(target=lambda: answer.append(raw.response()))
        reader.start()
        for at in range(len(body)):
            if answer:
                break
            raw.try_send(body[at:at + 1])
            time.sleep(0.5)
        reader.join()
    assert answer[0].status == 408
    assert 29 < time.monotonic() - begin < 29 + build.PATIENCE_S
    wait_until(lambda: not nameless(host), build.PATIENCE_S, "the file is gone")


def test_uploads_leave_connections_to_others(make_host):
    """They get half; on the admin socket there is no such bound."""
    host = make_host({"host": {"max_connections": 4}})
    host.start()
    begin = "POST /v1/blobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n"
    with Raw(host.port()) as one, Raw(host.port()) as two:
        one.send(begin + "four")
        two.send(begin + "four")
        wait_until(lambda: ask(host.port(), "POST", "/v1/blobs", body=b"nine more").status == 503, build.PATIENCE_S, "both are under way")
        answer = ask(host.port(), "POST", "/v1/blobs", body=b"nine more")
        assert json.loads(answer.body)["error"]["code"] == "too_many_uploads" and answer.get("Retry-After"), answer
        assert ask(host.port(), "GET", "/healthz").status == 200
        host.expect(200, "POST", "/v1/blobs", b"nine more")
        assert one.send("+five").response().status == two.send("+five").response().status == 200


# ---- a full disk

@pytest.fixture
def small_disk(folder):
    """A file system of 100 MiB."""
    path = os.path.join(folder, "disk")
    os.mkdir(path)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=100m", "tmpfs", path], check=False, stderr=subprocess.DEVNULL).returncode != 0:
        pytest.skip("may not mount")
    yield path
    subprocess.run(["umount", "--lazy", path], check=True)


@pytest.mark.parametrize("announced", [True, False])
def test_room_that_is_kept(make_host, small_disk, announced):
    """An upload leaves 64 MiB free for the store, which takes jobs meanwhile."""
    host = make_host()
    host.state_dir = os.path.join(small_disk, "var")
    host.configure({"plugins": chaos(), "store": {"url": f"sqlite:{host.state_dir}/jobhost.db", "blobs": {"max_in_store": "1GiB"}}})
    host.start()
    fits, large = 4 * MIB, 30 * MIB
    assert host.expect(200, "POST", "/v1/blobs", b"x" * fits, headers={"Content-Type": "application/octet-stream"}).json["size"] == fits
    length = f"Content-Length: {large}" if announced else "Transfer-Encoding: chunked"
    with Raw(host.port()) as raw:
        raw.send(f"POST /v1/blobs HTTP/1.1\r\nHost: localhost\r\n{length}\r\n\r\n")
        piece = b"y" * MIB if announced else b"100000\r\n" + b"y" * MIB + b"\r\n"
        for _ in range(large // MIB):
            raw.try_send(piece)
        answer = raw.response()
    assert answer.status == 507 and answer.get("Retry-After"), answer
    error = json.loads(answer.body)["error"]
    assert error["code"] == "disk_full" and "host.state_dir" in error["message"] and "64 MiB" in error["message"]
    assert host.wait_job(host.submit("chaos.echo", {}))["state"] == "succeeded"
    wait_until(lambda: not nameless(host), build.PATIENCE_S, "the file is gone")
    host.stop()


@pytest.mark.parametrize("path", ["/v1/blobs", "/v1/jobs"])
def test_full_disk(host, path):
    kind, body = form.encode([("f", form.File(pattern(8 * MIB), "x")), ("job", JOB)])
    kind, body = (kind, body) if path == "/v1/jobs" else ("application/octet-stream", body)
    resource.prlimit(host.pid, resource.RLIMIT_FSIZE, (4 * MIB, resource.RLIM_INFINITY))
    with Raw(host.port()) as raw:
        answer = raw.send(head(kind, len(body), path)).try_send(body).response()
    assert answer.status == 507 and answer.get("Connection") == "close", answer
    error = json.loads(answer.body)["error"]
    assert error["code"] == "disk_full" and "host.state_dir" in error["message"]
    resource.prlimit(host.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    wait_until(lambda: not nameless(host), build.PATIENCE_S, "the file is gone")
    assert host.get("/healthz")["ok"]  # it was not the store's trouble
    assert ask(host.port(), "POST", path, [f"Content-Type: {kind}"], body).status in (200, 202)
    host.wait_idle()
    host.assert_sound()
