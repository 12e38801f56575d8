"""What the command line does with the output files of a job: lists them, fetches one or all, and overwrites nothing unasked."""
import json
import os
import pty
import re
import select
import subprocess

import pytest

from lib import build
from lib.cli import FAILED, OK, USAGE, Cli

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
    for wrong in (["--list", "--all"], ["report.html", "--all"], ["report.html", "--list"], ["--list", "-o", "x"], ["--force"], ["report.html", "-f"]):
        assert "jobhost" in cli.error("result", made, *wrong, status=USAGE)


def on_terminal(command):
    """What a terminal shows of a command that succeeds."""
    master, slave = pty.openpty()
    shown = b""
    with subprocess.Popen(command, stdin=slave, stdout=subprocess.PIPE, stderr=slave) as p:
        os.close(slave)
        while select.select([master], [], [], build.PATIENCE_S)[0]:
            try:
                shown += os.read(master, 65536)
            except OSError:  # its end
                break
        assert p.wait(build.PATIENCE_S) == OK
    os.close(master)
    return shown.decode()


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
