"""What the command line does with the output files of a job: lists them, fetches one or all, and overwrites nothing unasked."""
import json
import os
import pty
import re
import select
import shlex
import subprocess

import pytest

from lib import build
from lib.cli import FAILED, OK, UNREACHABLE, USAGE, Cli
from lib.peer import peer

NO_JOB = "01a20081-b0a8-700b-9e52-ef593d85392b"
FILES = [{"name": "report.html", "text": "<p>", "type": "text/html"}, {"name": "Umsätze.csv", "text": "a;b\n"}, {"name": "large.bin", "bytes": 3_000_000}]


@pytest.fixture
def cli(host):
    return Cli(host)


@pytest.fixture
def made(cli):
    """A job with output files."""
    job_id = cli.submit("chaos.outputs", {"files": FILES})
    cli.host.wait_job(job_id, "succeeded")
    return job_id


def read(*path):
    with open(os.path.join(*path), "rb") as f:
        return f.read()


def test_result_list(cli, made):
    lines = cli("result", made, "--list").splitlines()
    assert lines[0].split() == ["NAME", "SIZE", "TYPE"]
    assert [line.split()[0] for line in lines[1:]] == ["Umsätze.csv", "large.bin", "report.html"]
    assert lines[3].endswith("text/html")
    items = cli.json("result", made, "--list")["items"]
    assert [i["name"] for i in items] == ["Umsätze.csv", "large.bin", "report.html"] and items[1]["size"] == 3_000_000
    page = cli("job", made)
    assert re.search(r"^outputs +Umsätze\.csv, application/octet-stream, 4 B$", page, re.MULTILINE), page
    none = cli.submit("chaos.echo")
    cli.host.wait_job(none, "succeeded")
    assert cli.json("result", none, "--list") == {"items": []}
    assert "has no output files" in cli.error("result", none, "--all", status=FAILED)
    assert "no job with this id" in cli.error("result", NO_JOB, "--list", status=FAILED)


def test_result_one_output(cli, made):
    assert cli("result", made, "report.html") == "<p>"
    path = os.path.join(cli.host.folder, "mine.csv")
    assert cli("result", made, "Umsätze.csv", "-o", path) == "" and read(path) == "a;b\n".encode()
    assert cli("result", made, "report.html", "-o", path) == "" and read(path) == b"<p>"  # replaced, as results are
    assert "has no output of that name" in cli.error("result", made, "nothing", "-o", path, status=FAILED)
    assert read(path) == b"<p>"


def test_result_all_outputs(cli, made):
    folder = os.path.join(cli.host.folder, "fetched")
    paths = cli("result", made, "--all", "-o", folder).splitlines()
    assert paths == [f"{folder}/Umsätze.csv", f"{folder}/large.bin", f"{folder}/report.html"]
    assert read(folder, "report.html") == b"<p>" and len(read(folder, "large.bin")) == 3_000_000
    # what is there stays, and then nothing else is written either
    os.unlink(f"{folder}/Umsätze.csv")
    os.unlink(f"{folder}/large.bin")
    with open(f"{folder}/report.html", "wb") as f:
        f.write(b"mine")
    assert "report.html is there already; nothing was written" in cli.error("result", made, "--all", "-o", folder, status=FAILED)
    assert os.listdir(folder) == ["report.html"] and read(folder, "report.html") == b"mine"
    done = cli.json("result", made, "--all", "--force", "-o", folder + "/")
    assert [i["path"] for i in done["items"]] == paths and read(folder, "report.html") == b"<p>"
    assert sorted(os.listdir(folder)) == ["Umsätze.csv", "large.bin", "report.html"]  # and no half files
    assert cli("result", made, "--all").splitlines()[2] == "./report.html" and read(cli.host.folder, "report.html") == b"<p>"
    assert "not a folder" in cli.error("result", made, "--all", "-o", f"{folder}/report.html", status=USAGE)
    # not even over a link that leads nowhere
    os.unlink(f"{folder}/large.bin")
    os.symlink("/nowhere/else", f"{folder}/large.bin")
    os.unlink(f"{folder}/Umsätze.csv")
    os.unlink(f"{folder}/report.html")
    assert "large.bin is there already" in cli.error("result", made, "--all", "-o", folder, status=FAILED)


def test_result_usage(cli, made):
    for wrong in (["--list", "--all"], ["report.html", "--all"], ["report.html", "--list"], ["--list", "-o", "x"], ["--force"], ["report.html", "-f"],
                  ["report.html", "-o", "/"], ["report.html", "-o", "new/"]):
        assert "jobhost" in cli.error("result", made, *wrong, status=USAGE)
    for wrong in (["-o", "x"], ["--force"], ["--force", "--wait"], ["-o", __file__, "--wait"]):
        assert "jobhost" in cli.error("submit", "chaos.outputs", *wrong, status=USAGE)
    assert len(cli.json("jobs")["items"]) == 1  # of those nothing was submitted


def on_terminal(command, out=False, status=OK):
    """What a terminal shows of a command; `out`: of its standard output as well."""
    master, slave = pty.openpty()
    shown = b""
    with subprocess.Popen(command, stdin=slave, stdout=slave if out else subprocess.PIPE, stderr=slave) as p:
        os.close(slave)
        while select.select([master], [], [], build.PATIENCE_S)[0]:
            try:
                shown += os.read(master, 65536)
            except OSError:  # its end
                break
        assert p.wait(build.PATIENCE_S) == status
    os.close(master)
    return shown.decode()


# ---- on a terminal

LARGE = [{"name": f"no/{'x' * 200}{n}"} for n in range(300)]  # refused, and the result says so: 67 kB of it
AWKWARD = [{"name": "a b's.csv", "text": "1"}, {"name": "-n", "text": "2"}, {"name": "report.html", "text": "<p>", "type": "text/html"}]


def commands_in(shown):
    return [shlex.split(line)[1:] for line in re.findall(r"^ *(?:all of them)? *(jobhost result .*? -o .*?)\r?$", shown, re.MULTILINE)]


def assert_summary(cli, shown, job_id):
    """Short, and each command that it names does what it says."""
    assert len(shown) < 4000 and job_id in shown and "succeeded" in shown, shown
    for name, rest in {"a b's.csv": "application/octet-stream, 1 B", "-n": "application/octet-stream, 1 B", "report.html": "text/html, 3 B"}.items():
        assert f"{name}, {rest}" in shown, shown
    *each, every = commands_in(shown)
    assert len(each) == 3, shown
    folder = os.path.join(cli.host.folder, "typed")
    os.mkdir(folder)
    for command in each:
        subprocess.run([build.BINARY, *command], cwd=folder, check=True, timeout=build.PATIENCE_S)
    assert {name: read(folder, name) for name in os.listdir(folder)} == {"a b's.csv": b"1", "-n": b"2", "report.html": b"<p>"}
    subprocess.run([build.BINARY, *every], cwd=folder, check=True, timeout=build.PATIENCE_S, capture_output=True)
    assert len(os.listdir(os.path.join(folder, "DIR"))) == 3


def test_large_result_on_a_terminal(cli):
    payload = json.dumps({"files": LARGE + AWKWARD, "go_on": True})
    shown = on_terminal(cli.command("submit", "chaos.outputs", "-p", payload, "--wait"), out=True)
    job_id = re.search(r"[0-9a-f]{8}-[0-9a-f-]{27}", shown).group()
    assert_summary(cli, shown, job_id)
    assert re.search(r"^result +application/json, [67]\d\.\d KiB", shown, re.MULTILINE), shown
    summary = on_terminal(cli.command("result", job_id), out=True)
    assert shown.endswith(summary)
    assert on_terminal(cli.command("watch", job_id), out=True).endswith(summary)
    # programs get the bytes
    raw = cli("result", job_id)
    assert len(json.loads(raw)["refused"]) == 300
    assert json.loads(on_terminal(cli.command("result", job_id, "--json"), out=True)) == json.loads(raw)
    assert "report.html" not in cli("watch", job_id)


def test_short_result_on_a_terminal(cli, made):
    shown = on_terminal(cli.command("result", made), out=True)
    assert re.search(r'^result +{"refused":{}}', shown, re.MULTILINE), shown
    none = cli.submit("chaos.echo", {"a": 1})
    cli.host.wait_job(none, "succeeded")
    assert json.loads(on_terminal(cli.command("result", none), out=True)) == {"a": 1}
    assert "not" in on_terminal(cli.command("result", cli.submit("chaos.sleep", {"ms": 600_000})), out=True, status=FAILED)


def test_many_outputs_on_a_terminal(cli):
    shown = on_terminal(cli.command("submit", "chaos.outputs", "-p", '{"count": 21}', "--wait"), out=True)
    assert "f-0019, " in shown and "f-0020" not in shown and "and 1 more: jobhost result" in shown
    shown = on_terminal(cli.command("submit", "chaos.outputs", "-p", '{"count": 20}', "--wait"), out=True)
    assert "f-0019, " in shown and "more" not in shown


# ---- into a folder


def test_result_all_on_a_terminal(cli, made):
    shown = on_terminal(cli.command("result", made, "--all", "-o", os.path.join(cli.host.folder, "shown")))
    assert "1 of 3" in shown and "3 of 3" in shown and "large.bin" in shown


def test_submit_wait_mentions_outputs(cli):
    done = cli.raw("submit", "chaos.outputs", "-p", json.dumps({"files": FILES}), "--wait")
    assert done.returncode == OK and json.loads(done.stdout) == {"refused": {}}
    assert re.search(r"3 output files: Umsätze\.csv, large\.bin, report\.html \(jobhost result [0-9a-f-]{36} --all -o DIR\)", done.stderr), done.stderr
    whole = cli.json("submit", "chaos.outputs", "-p", json.dumps({"files": FILES}), "--wait")
    assert [o["name"] for o in whole["job"]["outputs"]] == ["Umsätze.csv", "large.bin", "report.html"]
    kept = cli.raw("submit", "chaos.outputs", "-p", json.dumps({"files": FILES[:1], "then": "keep"}), "--wait")
    assert kept.returncode == FAILED and "1 output file: report.html" in kept.stderr


def test_job_page_names_the_submitters_file(cli):
    path = os.path.join(cli.host.folder, "Juli – Umsätze.csv")
    with open(path, "w", encoding="utf-8") as f:
        f.write("a;b")
    whole = cli.json("submit", "chaos.reads_input", "--file", f"report={path}", "--wait")
    assert (whole["result"][0]["name"], whole["result"][0]["filename"]) == ("report", "Juli – Umsätze.csv")
    assert re.search(r"^file +report \(Juli – Umsätze\.csv\), 3 B$", cli("job", whole["job"]["id"]), re.MULTILINE)


def test_submit_wait_saves_outputs(cli):
    folder, submit = os.path.join(cli.host.folder, "saved"), ("submit", "chaos.outputs", "-p", json.dumps({"files": FILES}), "--wait", "-o")
    assert cli(*submit, folder).splitlines() == [f"{folder}/Umsätze.csv", f"{folder}/large.bin", f"{folder}/report.html"]
    with open(f"{folder}/report.html", "wb") as f:
        f.write(b"mine")
    error = cli.error(*submit, folder, status=FAILED)  # the job is done all the same, and can be found
    job_id = re.search(r"the job itself succeeded: jobhost job ([0-9a-f-]{36})", error).group(1)
    assert "is there already; nothing was written" in error and read(folder, "report.html") == b"mine" and cli.json("job", job_id)["state"] == "succeeded"
    whole = cli.json(*submit, folder, "--force")
    assert [f["size"] for f in whole["saved"]] == [4, 3_000_000, 3] and whole["job"]["state"] == "succeeded" and whole["result"] == {"refused": {}}
    assert read(folder, "report.html") == b"<p>" and len(os.listdir(folder)) == 3
    none = os.path.join(cli.host.folder, "none")
    assert "has no output files" in cli.error("submit", "chaos.echo", "--wait", "-o", none, status=FAILED)
    kept = json.dumps({"files": FILES[:1], "then": "keep"})
    assert "the job is dead" in cli.error("submit", "chaos.outputs", "-p", kept, "--wait", "-o", none, status=FAILED)
    assert not os.path.exists(none)


def test_result_into_a_folder(cli, made):
    folder = os.path.join(cli.host.folder, "new")
    assert len(cli("result", made, "-o", folder + "/").splitlines()) == 3  # a slash: it is made
    assert "is there already" in cli.error("result", made, "-o", folder, status=FAILED)
    assert [i["name"] for i in cli.json("result", made, "-o", folder, "--force")["items"]] == ["Umsätze.csv", "large.bin", "report.html"]
    assert cli("result", made, "-o", f"{folder}/result") == "" and json.loads(read(folder, "result")) == {"refused": {}}


def test_nothing_is_written_outside_the_folder(cli):
    """Neither through a link that stands there, nor into what is no file."""
    folder, outside = os.path.join(cli.host.folder, "links"), os.path.join(cli.host.folder, "outside")
    os.mkdir(folder)
    with open(outside, "wb") as f:
        f.write(b"mine")
    os.symlink(outside, f"{folder}/report.html")
    os.mkfifo(f"{folder}/large.bin")
    done = cli.submit("chaos.outputs", {"files": FILES})
    cli.host.wait_job(done, "succeeded")
    cli("result", done, "--all", "--force", "-o", folder)
    assert read(outside) == b"mine" and not os.path.islink(f"{folder}/report.html") and read(folder, "report.html") == b"<p>"
    assert os.path.getsize(f"{folder}/large.bin") == 3_000_000
    os.unlink(f"{folder}/report.html")
    os.mkdir(f"{folder}/report.html")
    assert "directory" in cli.error("result", done, "--all", "--force", "-o", folder, status=FAILED)
    assert sorted(os.listdir(folder)) == ["Umsätze.csv", "large.bin", "report.html"]


def test_longest_names(cli):
    name = "n" * 255
    done = cli.submit("chaos.outputs", {"files": [{"name": name, "text": "long"}]})
    cli.host.wait_job(done, "succeeded")
    folder = os.path.join(cli.host.folder, "long")
    cli("result", done, "--all", "-o", folder)
    assert read(folder, name) == b"long"
    cli("result", done, name, "-o", f"{folder}/{name}")


JOB = {"id": NO_JOB, "state": "succeeded", "output_count": 2}


def fetch(tmp_path, host, status):
    done = subprocess.run([build.BINARY, "result", NO_JOB, "--url", f"http://127.0.0.1:{host.port}", "--all", "-o", tmp_path / "in"],
                          capture_output=True, text=True, check=False, timeout=build.PATIENCE_S)
    assert done.returncode == status, (done.stdout, done.stderr)
    return done.stderr


@pytest.mark.parametrize("name", ["../out", "/tmp/out", "a/b", ".", "..", "", "a\nb", "\x7f", "x" * 256, 7])
def test_a_host_that_leads_astray(tmp_path, name):
    def reply(request):
        outputs = [{"name": "fine", "size": 1}, {"name": name, "size": 1}]
        request.send(200, {**JOB, "outputs": outputs} if request.path.endswith(NO_JOB) else b"x")

    with peer(reply) as host:
        assert "in a way that no file may have; nothing was written" in fetch(tmp_path, host, FAILED)
    assert os.listdir(tmp_path) == []


def test_a_host_that_breaks_off(tmp_path):
    def reply(request):
        if request.path.endswith(NO_JOB):
            request.send(200, {**JOB, "outputs": [{"name": "first", "size": 1}, {"name": "second", "size": 100}]})
        elif request.path.endswith("first"):
            request.send(200, b"x")
        else:
            request.send(200, b"half", Content_Length="100")
            request.close_connection = True

    with peer(reply) as host:
        assert "cut short" in fetch(tmp_path, host, UNREACHABLE)
    assert os.listdir(tmp_path / "in") == ["first"]
