"""The command line against a real host: what each command prints, how it exits, and what a script can rely on."""
import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import threading
import time

import pytest

from lib import build
from lib.cli import FAILED, OK, UNREACHABLE, USAGE, Cli
from lib.host import chaos
from lib.procs import wait_until

NO_JOB = "01a20081-b0a8-700b-9e52-ef593d85392b"


@pytest.fixture
def cli(host):
    return Cli(host)


@pytest.fixture
def make_cli(make_host):
    """make_cli(config) is the command line with a configuration whose host has not been started: `.host` is it."""

    def make(config=None, **options):
        one = make_host(config or {"plugins": chaos()}, **options)
        with open(one.log_path, "a", encoding="utf-8"):  # a report of a failure shows the log, which a host that never ran lacks
            return Cli(one)

    return make


def run(*args, status=OK, cwd=None, env=None):
    """A command that needs no host."""
    done = subprocess.run([build.BINARY, *args], capture_output=True, text=True, check=False, cwd=cwd,
                          timeout=build.PATIENCE_S, env={**os.environ, **(env or {})})
    assert done.returncode == status, (args, done.returncode, done.stdout, done.stderr)
    return done.stdout, done.stderr


# ---- help, usage, version: no host needed

def commands():
    out, _ = run("help")
    return re.findall(r"^  ([a-z]+(?: [a-z]+)?) {2,}\S", out, re.MULTILINE)


def test_help_of_every_command():
    names = commands()
    assert {"run", "check", "submit", "jobs", "job", "result", "watch", "explain", "cancel", "retry", "promote", "dlq ls",
            "dlq show", "dlq retry", "dlq rm", "queues", "pause", "resume", "plugins", "schedules preview", "describe", "plugin new", "plugin check",
            "hosts", "fsck", "config schema", "config dump", "config docs", "version", "completion", "help"} <= set(names)
    for name in names:
        page, err = run("help", *name.split())
        assert err == ""
        for section in ("NAME", "SYNOPSIS", "OPTIONS", "EXIT STATUS"):
            assert f"\n{section}\n" in "\n" + page
        assert max(map(len, page.splitlines())) <= 120
        assert run(*name.split(), "--help")[0] == page


def test_manual_page():
    page, _ = run("help", "--man")
    for name in commands():
        assert f'\n.SS "jobhost {name}' in page
    assert page.count("\\-\\-token\\-file") == 1
    if shutil.which("groff"):
        done = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-P-c"], input=page, capture_output=True, text=True, check=True)
        shown = re.sub(".\b", "", done.stdout)  # struck twice: bold
        assert done.stderr == "" and "jobhost submit TYPE [OPTIONS]" in shown and "--payload JSON|@FILE|-" in shown


def test_usage_errors(tmp_path):
    for args, words in {
        ("jbos",): ['did you mean "jobs"?'],
        ("xyzzy",): ["no such command"],
        ("submit",): ["needs TYPE", "jobhost help submit"],
        ("submit", "a.b", "c.d"): ["one argument too many"],
        ("submit", "a.b", "--pioritty", "low"): ["did you mean --priority?"],
        ("submit", "a.b", "--wait=yes"): ["takes no argument"],
        ("submit", "a.b", "--queue"): ["needs an argument"],
        ("submit", "a.b", "-Z"): ["no such option"],
        ("dlq",): ["say which", "dlq retry"],
        ("dlq", "lss"): ['dlq lss: there is no such command; did you mean "dlq ls"?', "say which"],
        ("-c", "x.yaml", "jobs"): ["options come after the command"],
        ("job", "", "--socket", "s"): ["argument", "needs ID"],
        ("describe", "..", "--socket", "s"): ["argument", "needs PLUGIN"],
        ("submit", "a.b", "--file", "f=", "--socket", "s"): ["NAME=PATH"],
        ("pause", "q"): ["--why"],
        ("pause", "--why", "x"): ["one of QUEUE, --plugin NAME and --host"],
        ("resume", "q", "--host"): ["one of QUEUE, --plugin NAME and --host"],
        ("cancel", "123"): ["not a job id"],
        ("jobs",): ["config.yaml", "--socket"],  # there is none in this folder
        ("jobs", "-c", "nowhere.yaml"): ["nowhere.yaml: No such file"],
        ("completion", "tcsh"): ["bash, zsh and fish"],
        ("run", "-c", os.devnull, "--ready-fd", "x"): ["ready-fd"],
    }.items():
        _, err = run(*args, status=USAGE, cwd=tmp_path)
        for word in words:
            assert word in err, (args, err)


def test_usage_errors_as_json(tmp_path):
    for args in (("help", "--json"), ("config", "docs", "--json"), ("completion", "zsh", "--json"), ("xyzzy", "--json"), ("dlq", "--json"), ("jobs", "--nope", "--json"), ("job", "--json"), ("--json", "jobs")):
        out, err = run(*args, status=USAGE, cwd=tmp_path)
        assert json.loads(out)["error"]["code"] == "usage" and err == "", args
    assert run("dlq", "--help")[0] == run("help", "dlq")[0]


def test_unreachable(tmp_path):
    missing = str(tmp_path / "s")
    _, err = run("jobs", "--socket", missing, status=UNREACHABLE)
    assert "is the host running?" in err and missing in err
    out, err = run("jobs", "--socket", missing, "--json", status=UNREACHABLE)
    error = json.loads(out)["error"]
    assert missing in error["message"] and error["code"] == "unreachable" and err == ""
    _, err = run("jobs", "--socket", "x" * 200, status=USAGE)
    assert "too long" in err


def test_version():
    out, _ = run("version")
    assert re.match(r"^jobhost \d+\.\d+\.\d+ \(plugin ABI 1\.0\)", out)
    assert run("--version")[0] == out
    whole = json.loads(run("version", "--fault-points", "--json")[0])
    assert whole["abi"] == "1.0" and "submit_before_store" in [p.replace("-", "_").replace(".", "_") for p in whole["fault_points"]]
    assert run("version", "--fault-points")[0].splitlines() == whole["fault_points"]


def test_config_commands(tmp_path):
    schema = json.loads(run("config", "schema")[0])
    assert "plugins" in schema["properties"]
    assert "# " in run("config", "docs")[0]
    (tmp_path / "config.yaml").write_text('host: {admin_token: "correct-horse-battery"}\n')
    out, _ = run("config", "dump", cwd=tmp_path)
    assert "state_dir" in out and "correct-horse" not in out
    assert "correct-horse" not in json.dumps(json.loads(run("config", "dump", "--json", cwd=tmp_path)[0]))
    # JOBHOST_CONFIG names it as well
    named = run("config", "dump", env={"JOBHOST_CONFIG": str(tmp_path / "config.yaml")})[0]
    assert named == out.replace(" config.yaml:1", f" {tmp_path}/config.yaml:1")


# ---- check and plugins

def test_check(make_cli):
    cli = make_cli()
    out = cli("check", "--connect")
    assert re.search(r"plugin chaos +ok, 1\.0\.0, \d+ handlers", out) and "is good" in out
    assert cli.json("check")["ok"] is True
    cli.host.start()
    assert "in use by a running host" in cli("check", "--connect")


def test_check_finds_faults(make_cli):
    bad = make_cli({"plugins": {"nope": {"file": build.plugin("no-symbol")}}})
    assert "does not export" in bad.error("check", status=FAILED)
    answer = bad.json("check", status=FAILED)
    assert answer["ok"] is False and "does not export" in answer["plugins"][0]["problems"]
    typo = make_cli({"queues": {"q": {"concurrencyy": 3}}}, name="typo")
    err = typo.error("check", status=FAILED)
    assert 'did you mean "concurrency"?' in err and "config.yaml:" in err
    assert typo.json("check", status=FAILED)["ok"] is False
    lost = make_cli({"host": {"admni": "unix:x.sock"}}, name="lost")
    assert 'did you mean "admin"?' in lost.error("jobs", status=USAGE)  # nobody guesses a socket from a broken file


def test_check_lists_what_is_off(make_cli):
    cli = make_cli({"plugins": chaos(), "notify": {"n": {"on": "job.dead", "url": "https://x", "secret": "${NOT_THERE:-}", "enabled": "auto"}}})
    assert "notify.n is off: NOT_THERE is not set" in cli("check")
    assert cli.json("check")["off"] == [{"section": "notify", "name": "n", "why": "NOT_THERE is not set"}]


def test_check_looks_for_handlers(make_cli):
    typo = make_cli({"plugins": chaos(), "jobs": {"chaos.ehco": {"timeout": "1m"}},
                     "schedules": {"s": {"cron": "@daily", "job": "other.x"}, "off": {"cron": "@daily", "job": "y.z", "enabled": False}}})
    err = typo.raw("check").stderr
    assert re.search(r'config\.yaml:\d+:\d+: warning: jobs\.chaos\.ehco: no plugin has a handler chaos\.ehco; did you mean "chaos\.echo"\?', err)
    assert "schedules.s: no plugin has a handler other.x" in err and "y.z" not in err
    assert typo.raw("check").returncode == OK
    assert len(typo.json("check", "--strict", status=FAILED)["warnings"]) == 2
    twice = make_cli({"plugins": {**chaos(), "double": {"file": build.plugin("chaos")}}}, name="twice")
    assert "handler chaos.echo is already provided by plugin chaos" in twice.error("check", status=FAILED)


def test_a_token_that_could_be_guessed(make_cli):
    cli = make_cli({"host": {"auth": "tokens", "admin_token": "${TOKEN}", "listen": "0.0.0.0:0"}})
    for args, status in (("run",), USAGE), (("check",), FAILED):
        done = cli.raw(*args, env={"TOKEN": "letmein"})
        assert done.returncode == status and "letmein" not in done.stdout + done.stderr
        assert re.search(r"config\.yaml:\d+:\d+: host\.admin_token: .*make one with: openssl rand -hex 24", done.stderr)
    good = {"TOKEN": "letmein-0123456789"}
    told = r"config\.yaml:\d+:\d+: warning: host\.listen\[0\]: .*clear text"
    assert re.search(told, cli.raw("check", env=good).stderr)
    cli.host.start(env=good)
    assert re.search(told, cli.host.read_log())


def test_secrets_are_not_shown(make_cli):
    marker = "hunter2-marker-of-tests"
    env = {"REDIS": f"redis://user:{marker}@127.0.0.1:1", "TOKEN": marker, "WORD": marker}
    cli = make_cli({"plugins": chaos(), "host": {"admin_token": "${TOKEN}"}, "store": {"url": "${REDIS}"}})
    refused = "redis://127.0.0.1:1: Connection refused"
    for args, status, words in (("run",), FAILED, refused), (("check", "--connect"), FAILED, refused), \
            (("check", "--connect", "--json"), FAILED, refused), (("config", "dump"), OK, ""), (("config", "dump", "--json"), OK, ""):
        done = cli.raw(*args, env=env)
        assert done.returncode == status and marker not in done.stdout + done.stderr, args
        assert words in done.stdout + done.stderr


def test_commands_need_no_secret_of_the_host(make_cli):
    """Whoever may use the admin socket need not have the host's environment, nor read what only the host may."""
    secrets = {"ADMIN_TOKEN": "0123456789abcdef0123456789abcdef", "STORE": "jobhost.db", "HOOK": "hook-secret"}
    cli = make_cli({"plugins": chaos(), "host": {"admin_token": "${ADMIN_TOKEN}"}, "store": {"url": "sqlite:var/${STORE}"},
                    "hooks": {"h": {"path": "/h", "job": "chaos.echo", "verify": [{"bearer": "${HOOK}"}]}}})
    cli.host.start(env=secrets)
    job_id = cli.submit("chaos.echo")
    assert job_id in cli("jobs")
    assert "0 findings" in cli("fsck")
    complete = subprocess.run([build.BINARY, "__complete", "zsh", "job", "-c", cli.host.config_path, ""], capture_output=True, text=True, check=True)
    assert complete.stdout.startswith(job_id)
    for strict in (("run",), USAGE), (("check",), FAILED), (("config", "dump"), USAGE):
        assert "ADMIN_TOKEN is not set" in cli.error(*strict[0], status=strict[1])
    cli.host.stop()
    assert "ADMIN_TOKEN is not set" in cli.error("fsck", status=USAGE)  # the store itself is another matter


def test_the_place_needs_what_it_names(make_cli):
    cli = make_cli({"host": {"admin": "unix:${NOT_THERE}/admin.sock"}})
    assert re.search(r"config\.yaml:\d+:\d+: host\.admin: NOT_THERE is not set", cli.error("jobs", status=USAGE))


def test_run_with_a_broken_configuration(make_cli):
    err = make_cli({"queues": {"q": {"concurrencyy": 3}}}).error("run", status=USAGE)
    assert 'did you mean "concurrency"?' in err


def test_plugin_check():
    out, _ = run("plugin", "check", build.plugin("chaos"))
    assert out.startswith("chaos 1.0.0 (ABI 1.0, sha256 ") and "chaos.echo" in out
    whole = json.loads(run("plugin", "check", build.plugin("chaos"), "--json")[0])
    assert whole["ok"] and "chaos.echo" in whole["handlers"] and len(whole["sha256"]) == 64
    assert whole["yaml"] == f'plugins:\n  chaos:\n    file: "{build.plugin("chaos")}"\n' and whole["yaml"] in out + "\n"
    assert "invalid ELF header" in run("plugin", "check", build.plugin("text-file"), status=FAILED)[1]
    wants = json.loads(run("plugin", "check", build.plugin("wants"), "--json", status=FAILED)[0])
    assert "api_key" in wants["problems"] and "${WANTS_API_KEY}" in wants["yaml"]
    assert "No such file" in run("plugin", "check", "nowhere.so", status=USAGE)[1]


def test_plugin_new(tmp_path):
    out, _ = run("plugin", "new", "thumbnails", cwd=tmp_path)
    made = out.split()
    assert made and all((tmp_path / f).is_file() for f in made)
    for f in made:
        text = (tmp_path / f).read_text()
        assert "hello" not in text
    assert "thumbnails/thumbnails.c" in made and "thumbnails.say" in (tmp_path / "thumbnails/thumbnails.c").read_text()
    before = {f: (tmp_path / f).read_bytes() for f in made}
    assert "exists already" in run("plugin", "new", "thumbnails", cwd=tmp_path, status=FAILED)[1]
    assert before == {f: (tmp_path / f).read_bytes() for f in made}
    run("plugin", "new", "thumbnails", "--dir", "elsewhere", cwd=tmp_path)
    assert (tmp_path / "elsewhere").is_dir()
    for name in ("Bad", "1st", "a-b", "a/b", "", "x" * 33):
        assert "name" in run("plugin", "new", name, cwd=tmp_path, status=USAGE)[1]
    run("plugin", "new", "x" * 32, cwd=tmp_path)
    for name in ("int", "job", "host", "text", "main"):  # words that C or the template has a use for
        run("plugin", "new", name, cwd=tmp_path)
        subprocess.run(["cc", "-std=c17", "-Wall", "-Wextra", "-Wshadow", "-Werror", "-fsyntax-only", "-I", os.path.join(build.REPO, "sdk"),
                        f"{name}/{name}.c"], cwd=tmp_path, check=True, timeout=build.PATIENCE_S)


def test_plugins_and_describe(cli):
    assert re.search(r"^chaos +ready +1\.0\.0\+[0-9a-f]{12} ", cli("plugins"), re.MULTILINE)
    whole = cli.json("plugins")["items"][0]
    assert whole["name"] == "chaos" and whole["workers"][0]["pid"] in cli.host.workers()
    page = cli("describe", "chaos")
    assert "HANDLERS" in page and "chaos.echo" in page and "return the payload" in page
    assert cli.json("describe", "chaos")["abi"] == "1.0"
    assert "nope: there is no plugin of this name" in cli.error("describe", "nope", status=FAILED)
    assert "nope: no plugin of this name runs" in cli.error("generations", "nope", status=FAILED)
    assert cli.json("generations", "nope", status=FAILED)["items"] == []


# ---- submitting

def test_submit_and_look(cli):
    job_id = cli.submit("chaos.echo", {"n": 12345678901234567890}, "--label", "a", "--label", "b", "--user", "ada", "--priority", "high",
                        "--timeout", "1m", "--max", "7")
    cli.host.wait_job(job_id, "succeeded")
    page = cli("job", job_id)
    for line in (r"^id +" + job_id, r"^type +chaos\.echo", r"^state +succeeded", r"^user +ada", r"^labels +a, b", r"^priority +high",
                 r"^timeout +1m", r"^attempts +\d of 7"):
        assert re.search(line, page, re.MULTILINE), page
    whole = cli.json("job", job_id)
    assert whole["state"] == "succeeded" and whole["labels"] == ["a", "b"] and whole["max"] == 7
    assert cli("result", job_id) == '{"n": 12345678901234567890}'  # byte for byte
    out = os.path.join(cli.host.folder, "result.json")
    assert cli("result", job_id, "-o", out) == ""
    with open(out, encoding="utf-8") as f:
        assert f.read() == '{"n": 12345678901234567890}'
    assert "no job with this id" in cli.error("result", NO_JOB, "-o", out, status=FAILED)
    assert os.path.getsize(out) > 0  # a failure leaves the file alone
    listed = cli("jobs", "--label", "a")
    assert job_id in listed and listed.startswith("ID ")
    assert job_id not in cli("jobs", "--label", "c")


def test_submit_json(cli):
    answer = cli.json("submit", "chaos.echo")
    assert set(answer) == {"id", "state", "duplicate", "job"} and answer["state"] == "queued" and answer["duplicate"] is False
    later = cli.json("submit", "chaos.echo", "--delay", "1h")
    assert later["state"] == "scheduled"
    assert cli.json("submit", "chaos.echo", "--run-at", time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 86400)))["state"] == "scheduled"


def test_submit_payloads(cli):
    path = os.path.join(cli.host.folder, "p.json")
    with open(path, "w", encoding="utf-8") as f:
        f.write('{"from": "file"}')
    assert cli("submit", "chaos.echo", "-p", "@" + path, "--wait") == '{"from": "file"}'
    assert cli("submit", "chaos.echo", "-p", "-", "--wait", stdin='{"from": "stdin"}') == '{"from": "stdin"}'
    assert cli("submit", "chaos.echo", '-p{"a":"\u00e9"}', "--wait") == '{"a":"\u00e9"}'
    assert "not valid JSON" in cli.error("submit", "chaos.echo", "-p", "hello", status=USAGE)
    assert "No such file" in cli.error("submit", "chaos.echo", "-p", "@/nowhere", status=USAGE)


def test_submit_refused(cli):
    assert "type" in cli.error("submit", "no spaces please", status=FAILED)
    assert "duration" in cli.error("submit", "chaos.echo", "--timeout", "5", status=USAGE)
    assert "priority is one of high, normal, low" in cli.error("submit", "chaos.echo", "--priority", "urgent", status=USAGE)
    out = cli("submit", "chaos.echo", "--timeout", "5", "--json", status=USAGE)
    assert json.loads(out)["error"]["field"] == "timeout"


def test_submit_files(cli):
    path = os.path.join(cli.host.folder, "in.bin")
    with open(path, "wb") as f:
        f.write(os.urandom(700_000))
    result = json.loads(cli("submit", "chaos.reads_input", "--file", f"one={path}", "--file", "two=/etc/hostname", "--wait"))
    assert "700000" in json.dumps(result)
    odd = os.path.join(cli.host.folder, "a\x01b")
    os.link(path, odd)
    job_id = cli.submit("chaos.echo", None, "--file", f"same={path}", "--file", "same=/etc/hostname", "--file", f"odd={odd}")
    files = cli.json("job", job_id)["files"]
    assert [(f["name"], f.get("filename")) for f in files] == [("same", "in.bin"), ("same", "hostname"), ("odd", None)]
    assert "NAME=PATH" in cli.error("submit", "chaos.reads_input", "--file", path, status=USAGE)
    assert "No such file" in cli.error("submit", "chaos.reads_input", "--file", "a=/nowhere", status=USAGE)
    assert "not a regular file" in cli.error("submit", "chaos.reads_input", "--file", "a=/dev", status=USAGE)


def test_submit_dedup(cli):
    first = cli.submit("chaos.sleep", {"ms": 60000}, "--key", "k1")
    again = cli.raw("submit", "chaos.sleep", "--key", "k1")
    assert again.returncode == OK and again.stdout.strip() == first and "has the key already" in again.stderr
    refused = cli.error("submit", "chaos.sleep", "--key", "k1", "--dedup", "reject", status=FAILED)
    assert "another job holds this key" in refused
    cli("cancel", first)
    for option in ("--key", "--user", "--queue"):
        assert "is empty" in cli.error("submit", "chaos.echo", option, "", status=USAGE)


def test_submit_wait(cli):
    assert cli("submit", "chaos.echo", "-p", '{"b": 2}', "--wait") == '{"b": 2}'
    whole = cli.json("submit", "chaos.echo", "-p", '{"a": [1]}', "--wait")
    assert whole["job"]["state"] == "succeeded" and whole["result"] == {"a": [1]}
    failed = cli.raw("submit", "chaos.fail", "-p", json.dumps({"class": "input", "code": "bad_thing", "message": "it is wrong"}), "--wait")
    assert failed.returncode == FAILED and failed.stdout == "" and "the job is dead" in failed.stderr
    whole = cli.json("submit", "chaos.fail", "-p", json.dumps({"class": "input"}), "--wait", status=FAILED)
    assert whole["job"]["state"] == "dead" and whole["result"] is None


def read_terminal(fd, until, limit=1 << 20):
    """What a terminal shows, until `until` is there or its process has ended."""
    text = b""
    while until not in text and len(text) < limit:
        if not select.select([fd], [], [], build.PATIENCE_S)[0]:
            break
        try:
            part = os.read(fd, 4096)
        except OSError:  # the other end has closed
            break
        if not part:
            break
        text += part
    return text


def test_progress_bar_on_terminals_only(cli):
    command = cli.command("submit", "chaos.sleep", "-p", json.dumps({"ms": 400, "steps": 4}), "--wait")
    master, slave = pty.openpty()
    with subprocess.Popen(command, stdin=slave, stdout=subprocess.PIPE, stderr=slave) as p:
        os.close(slave)
        shown = read_terminal(master, b"\0none\0")
        assert p.wait(build.PATIENCE_S) == OK
    os.close(master)
    assert b"\r\x1b[K" in shown and b"running" in shown
    assert cli.raw(*command[1:-2]).stderr == ""  # not a terminal: silence


def test_colours(cli):
    job_id = cli.submit("chaos.echo")
    cli.host.wait_job(job_id)

    def on_terminal(env):
        master, slave = pty.openpty()
        with subprocess.Popen(cli.command("job", job_id), stdin=slave, stdout=slave, stderr=slave, env={**os.environ, **env}) as p:
            os.close(slave)
            shown = read_terminal(master, b"\0none\0")
            assert p.wait(build.PATIENCE_S) == OK
        os.close(master)
        return shown

    assert b"\x1b[32msucceeded" in on_terminal({"TERM": "xterm"})
    assert b"\x1b[" not in on_terminal({"NO_COLOR": "1"})
    assert b"\x1b[" not in on_terminal({"TERM": "dumb"})
    assert "\x1b[" not in cli("job", job_id)


# ---- following

def test_watch(cli):
    job_id = cli.submit("chaos.log", {"lines": ["one", "two"]})
    out = cli("watch", job_id)
    assert "succeeded" in out
    events = [json.loads(line) for line in cli("watch", job_id, "--json").splitlines()]
    assert events[-1]["event"] == "state" and events[-1]["data"]["state"] == "succeeded"
    dead = cli.submit("chaos.fail", {"class": "input"})
    assert "the job is dead" in cli.error("watch", dead, status=FAILED)
    assert "no job with this id" in cli.error("watch", NO_JOB, status=FAILED)


def test_watch_sees_every_state(cli):
    job_id = cli.submit("chaos.sleep", {"ms": 300}, "--delay", "1s")
    lines = [json.loads(line) for line in cli("watch", job_id, "--json").splitlines()]
    states = [e["data"]["state"] for e in lines if e["event"] == "state"]
    assert states[0] == "scheduled" and states[-1] == "succeeded" and "running" in states


def test_watch_ends_when_the_host_dies(make_cli):
    cli = make_cli()
    cli.host.start()
    job_id = cli.submit("chaos.sleep", {"ms": 600000})
    cli.host.wait_started(job_id)
    with subprocess.Popen(cli.command("watch", job_id), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as p:
        assert "running" in p.stdout.readline()
        cli.host.kill()
        _, err = p.communicate(timeout=build.PATIENCE_S)
        assert p.returncode == UNREACHABLE, err


# ---- acting on jobs

def test_cancel_promote_retry(cli):
    later = cli.submit("chaos.echo", {"a": 1}, "--delay", "1h")
    assert re.search(rf"{later}  queued", cli("promote", later, "--why", "now, please"))
    cli.host.wait_job(later, "succeeded")
    assert "cannot promote" in cli.error("promote", later, status=FAILED)
    waiting = cli.submit("chaos.echo", None, "--delay", "1h")
    assert f"{waiting}  cancelled" in cli("cancel", waiting)
    assert f"{waiting}  queued" in cli("retry", waiting)
    cli.host.wait_job(waiting, "succeeded")
    running = cli.submit("chaos.sleep", {"ms": 600000})
    cli.host.wait_started(running)
    assert "asked to stop" in cli("cancel", running)
    cli.host.wait_job(running, "cancelled")
    mixed = cli.json("cancel", NO_JOB, cli.submit("chaos.echo", None, "--delay", "1h"), status=FAILED)["items"]
    assert mixed[0]["error"]["code"] == "job_not_found" and mixed[1]["state"] == "cancelled"


def test_by_filters(cli):
    queued = {name: [cli.submit("chaos.echo", {"n": n}, "--queue", name, "--delay", "1h") for n in range(3)] for name in ("left", "right")}
    assert cli.json("promote", "--queue", "nowhere") == {"items": []}
    assert "no job is like that" in cli.raw("promote", "--queue", "nowhere").stderr
    assert {j["id"] for j in cli.json("promote", "--queue", "left")["items"]} == set(queued["left"])
    cli.host.wait_all(queued["left"], "succeeded")
    assert {j["state"] for j in cli.json("cancel", "--all", "--why", "the end")["items"]} == {"cancelled"}
    assert all(cli.json("job", i)["state"] == "cancelled" for i in queued["right"])
    assert len(cli.json("cancel", "--state", "succeeded", "--queue", "left", status=FAILED)["items"]) == 3  # asked for, and refused
    assert len(cli("retry", "--queue", "right").splitlines()) == 3
    cli.host.wait_all(queued["right"], "succeeded")
    for args in ((), ("--all", "--queue", "q"), (NO_JOB, "--all"), (NO_JOB, "--queue", "q")):
        assert "name ids, or give filters, or --all" in cli.error("cancel", *args, status=USAGE)
    assert "is empty" in cli.error("cancel", "--queue", "", status=USAGE)


def test_by_filters_more_than_a_page(cli):
    cli("pause", "many", "--why", "they are to wait")
    job = {"type": "chaos.echo", "queue": "many"}
    ids = {i for count in (1000, 5) for i in cli.host.submit_many([job] * count)}
    lines = cli("cancel", "--queue", "many").splitlines()
    assert {line.split()[0] for line in lines} == ids and all(line.endswith("  cancelled") for line in lines)


def test_rm(cli):
    done = [cli.submit("chaos.echo") for _ in range(3)]
    cli.host.wait_all(done, "succeeded")
    waits = cli.submit("chaos.echo", None, "--delay", "1h")
    assert re.search(rf"^{done[0]}  ", cli("rm", done[0]))
    assert "no job with this id" in cli.error("job", done[0], status=FAILED)
    assert "cannot" in cli.error("rm", waits, status=FAILED)
    before = cli.json("job", done[2])["created_at"]
    assert [j["id"] for j in cli.json("rm", "--state", "succeeded", "--before", before)["items"]] == [done[1]]
    assert [j["id"] for j in cli.json("rm", "--all")["items"]] == [done[2]]
    assert [j["id"] for j in cli.json("jobs")["items"]] == [waits]


def test_filters_ask_on_a_terminal(cli):
    waits = [cli.submit("chaos.echo", None, "--delay", "1h") for _ in range(2)]
    for answer, state in (("n", "scheduled"), ("y", "cancelled")):
        master, slave = pty.openpty()
        with subprocess.Popen(cli.command("cancel", "--all"), stdin=slave, stdout=slave, stderr=slave) as p:
            os.close(slave)
            assert b"Cancel 2 jobs? [y/N]" in read_terminal(master, b"[y/N]")
            os.write(master, answer.encode() + b"\n")
            read_terminal(master, b"\0none\0")
            assert p.wait(build.PATIENCE_S) == (OK if answer == "y" else FAILED)
        os.close(master)
        assert {cli.json("job", i)["state"] for i in waits} == {state}


def test_log(cli):
    job_id = cli.submit("chaos.log", {"lines": ["one", "two \x1b[31m"]})
    cli.host.wait_job(job_id)
    text = cli("log", job_id)
    assert text == cli.host.log(job_id)
    assert cli.json("log", job_id) == {"log": text}
    assert "no job with this id" in cli.error("log", NO_JOB, status=FAILED)


# ---- keys, audit

def test_keys_and_audit(cli):
    job_id = cli.submit("chaos.echo", None, "--key", "the key", "--queue", "keyed", "--delay", "1h")
    line = cli("keys", "ls", "--queue", "keyed").splitlines()[1]
    assert line.startswith("keyed ") and job_id in line and line.endswith("the key")
    assert cli.json("keys", "ls", "--queue", "other")["items"] == []
    assert cli("keys", "release", "keyed", "the key") == "released\n"
    assert "no such key" in cli.error("keys", "release", "keyed", "the key", status=FAILED)
    assert cli.submit("chaos.echo", None, "--key", "the key", "--queue", "keyed", "--delay", "1h") != job_id
    entry = cli.json("audit", "-n", "1")["items"][0]
    assert entry["action"] == "dedup.release" and entry["target"] == "keyed" and entry["detail"] == "the key"
    assert re.search(r"\d+s +uid:\d+ +unix +dedup\.release +keyed +done +the key$", cli("audit").splitlines()[1])


def test_generations(cli):
    whole = cli.json("generations")["items"]
    assert [g["plugin"] for g in whole] == ["chaos"] and whole[0]["current"]
    assert re.search(r"^chaos +1 +ready +1\.0\.0\+[0-9a-f]{12} ", cli("generations"), re.MULTILINE)
    assert cli.json("generations", "nope", status=FAILED)["items"] == []


def make_dead(cli, count, **payload):
    ids = [cli.submit("chaos.fail", {"class": "input", "code": "bad_thing", "message": "no good", **payload}) for _ in range(count)]
    cli.host.wait_all(ids, "dead")
    return ids


def test_dlq(cli):
    ids = make_dead(cli, 3)
    listed = cli("dlq", "ls")
    assert all(i in listed for i in ids) and "bad_thing" in listed and "no good" in listed
    assert [j["id"] for j in cli.json("dlq", "ls", "--code", "bad_thing", "-n", "1")["items"]] == [ids[-1]]
    assert cli.json("dlq", "ls", "--class", "network")["items"] == []
    assert re.search(r"^error +input bad_thing: no good", cli("dlq", "show", ids[0]), re.MULTILINE)
    assert cli("dlq", "retry", ids[0]) == "1 started again\n"
    cli.host.wait_job(ids[0], "dead")
    assert cli("dlq", "rm", ids[0]) == "1 deleted\n"
    assert cli("dlq", "retry", "--type", "chaos.fail", "--class", "input") == "2 started again\n"
    cli.host.wait_all(ids[1:], "dead")
    assert cli.json("dlq", "rm", "--all")["done"] == 2
    assert cli.json("dlq", "ls")["items"] == []
    assert "no job with this id" in cli.error("dlq", "rm", NO_JOB, status=FAILED)
    fine = cli.submit("chaos.echo")
    cli.host.wait_job(fine, "succeeded")
    assert "it is no dead letter: the job is succeeded" in cli.error("dlq", "rm", fine, status=FAILED)
    assert cli.json("job", fine)["state"] == "succeeded"
    kept = make_dead(cli, 1)
    for option in ("--queue", "--type", "--user", "--label", "--class", "--code", "--search"):
        assert "is empty" in cli.error("dlq", "rm", "--yes", option, "", status=USAGE)  # a variable that was not set
        assert "is empty" in cli.error("dlq", "ls", option, "", status=USAGE)
    assert [j["id"] for j in cli.json("dlq", "ls")["items"]] == kept
    for args in ((), ("--all", "--queue", "chaos"), (NO_JOB, "--all")):
        assert "name ids, or give filters, or --all" in cli.error("dlq", "rm", *args, status=USAGE)


@pytest.mark.parametrize("answer, left", [("n", 2), ("y", 0)])
def test_dlq_asks_on_a_terminal(cli, answer, left):
    make_dead(cli, 2)
    master, slave = pty.openpty()
    with subprocess.Popen(cli.command("dlq", "rm", "--all"), stdin=slave, stdout=slave, stderr=slave) as p:
        os.close(slave)
        assert b"Delete 2 dead jobs? [y/N]" in read_terminal(master, b"[y/N]")
        os.write(master, answer.encode() + b"\n")
        read_terminal(master, b"\0none\0")
        assert p.wait(build.PATIENCE_S) == (FAILED if left else OK)
    os.close(master)
    assert len(cli.json("dlq", "ls")["items"]) == left


# ---- queues, reasons, hosts

def test_queues_and_explain(cli):
    assert cli("pause", "chaos", "--why", "the upstream is down") == "chaos is paused\n"
    job_id = cli.submit("chaos.echo")
    page = cli("queues")
    assert re.search(r"^chaos +1 .*by uid:\d+, \d+s ago: the upstream is down", page, re.MULTILINE)
    out = cli("explain", job_id)
    assert "queue_paused" in out and "the upstream is down" in out
    assert "queue_paused" in cli("explain", "chaos")
    assert "released at" not in cli("queues")
    cli("pause", "--plugin", "chaos", "--why", "it leaks")
    assert "it leaks" in cli("plugins") and re.search(r"^paused +by uid:", cli("describe", "chaos"), re.M)
    assert cli("resume", "--plugin", "chaos") == "chaos is running\n"
    assert cli("pause", "--host", "--why", "a look") == "the host is paused\n"
    assert "a look" in cli("hosts")
    assert cli("resume", "--host") == "the host is running\n"
    assert cli.json("explain", job_id)["reasons"][0]["code"] == "queue_paused"
    last = cli.submit("chaos.echo")
    assert cli("resume", "chaos", "--rate", "1/h").startswith("chaos starts 1/h, until the 2 jobs that wait are gone: ")
    cli.host.wait_job(job_id, "succeeded")
    assert "released at 1/h, 1 left" in cli("queues") and "released_slowly" in cli("explain", last)
    assert cli("resume", "chaos") == "chaos is running\n"
    cli.host.wait_job(last, "succeeded")
    assert "finished" in cli("explain", job_id)
    assert "no plugin has a handler named" in cli.error("submit", "nobody.knows", status=FAILED)
    assert "no job with this id" in cli.error("explain", NO_JOB, status=FAILED)


def test_one_queue(cli):
    cli("pause", "slow", "--why", "a good reason")
    for priority in ("high", "low", "low"):
        cli.submit("chaos.echo", None, "--queue", "slow", "--priority", priority)
    page = cli("queues", "slow")
    for line in (r"^queue +slow$", r"^paused +by uid:\d+, ", r"^why +a good reason$", r"^jobs +3 queued$", r"^waiting +1 high, 2 low$",
                 r"^oldest +\S+Z \("):
        assert re.search(line, page, re.MULTILINE), page
    one = cli.json("queues", "slow")
    assert one["name"] == "slow" and one in cli.json("queues")["items"]
    assert "no job is in a queue of this name" in cli.error("queues", "nowhere", status=FAILED)


def test_jobs_filters_and_pages(cli):
    ids = [cli.submit("chaos.echo", {"i": i}, "--user", f"u{i % 2}") for i in range(6)]
    cli.host.wait_all(ids)
    assert {j["id"] for j in cli.json("jobs", "--user", "u1")["items"]} == set(ids[1::2])
    assert cli.json("jobs", "--search", ids[2])["items"][0]["id"] == ids[2]
    first = cli.raw("jobs", "-n", "4")
    cursor = re.search(r"more: --cursor (\S+)", first.stderr).group(1)
    assert [i for i in reversed(ids) if i in first.stdout] == list(reversed(ids))[:4]
    second = cli("jobs", "-n", "4", "--cursor", cursor)
    assert all(i in second for i in ids[:2])
    assert "state is one of" in cli.error("jobs", "--state", "done", status=USAGE)
    assert "limit is a number from 1 to 1000" in cli.error("jobs", "-n", "0", status=USAGE)
    assert "limit is a number" in cli.error("jobs", "-n", "1001", status=USAGE)
    assert len(cli.json("jobs", "-n", "1000")["items"]) == 6


def test_errors_name_what_was_typed(cli):
    """... and are errors of the command line when it was an option."""
    assert "jobhost: zzz: that is not a job id" in cli.error("job", "zzz", status=FAILED)
    for args, words in {("jobs", "-n", "0"): "--limit: limit is a number", ("jobs", "--state", "nope"): "--state: state is one of",
                        ("submit", "chaos.echo", "--priority", "urgent"): "--priority: ", ("submit", "chaos.echo", "--delay", "5"): "--delay: ",
                        ("jobs", "--cursor", "x"): "--cursor: "}.items():
        assert f"jobhost: {words}" in cli.error(*args, status=USAGE)
        assert cli.json(*args, status=USAGE)["error"]["field"] == words[2:words.index(":")]


def test_pausing_a_queue_that_nobody_knows(cli):
    done = cli.raw("pause", "helo", "--why", "x")
    assert (done.returncode, done.stdout) == (OK, "helo is paused\n")
    assert "warning: helo: no job is in a queue of this name, and the configuration does not name it" in done.stderr
    assert cli.raw("pause", "helo", "--why", "again").stderr == ""  # now it is known
    cli.submit("chaos.echo", None, "--queue", "real", "--delay", "1h")
    assert cli.raw("pause", "real", "--why", "x").stderr == ""


def test_the_overview_says_how_a_host_is_found():
    out, _ = run("help")
    for word in "-c FILE", "JOBHOST_CONFIG", "--socket PATH", "--url URL", "JOBHOST_URL", "JOBHOST_TOKEN", "--token-file FILE":
        assert word in out, word


def test_hosts(cli):
    assert str(cli.host.pid) in cli("hosts")
    me = cli.json("hosts")["items"]
    assert [h["pid"] for h in me if h["this"]] == [cli.host.pid]


def test_hosts_of_the_past(cli):
    host, was = cli.host, {}
    for end, state in (host.stop, "left"), (host.kill, "lost"):
        was[host.pid] = state
        end()
        host.start()
    was[host.pid] = "running"
    assert {h["pid"]: h["state"] for h in cli.json("hosts")["items"]} == was
    rows = {line.split()[1]: line for line in cli("hosts").splitlines()[1:]}
    for pid, state in was.items():
        assert (f" {state} (this) " if pid == host.pid else f" {state} ") in rows[str(pid)]
    job_id = cli.submit("chaos.sleep", {"ms": 600_000})
    host.wait_started(job_id)
    host.send(signal.SIGTERM)
    wait_until(lambda: "draining (this)" in cli("hosts"), build.PATIENCE_S, "a host that drains says so")
    host.kill()


def test_fsck_online_and_offline(make_cli):
    cli = make_cli()
    cli.host.start()
    cli.host.wait_job(cli.submit("chaos.echo"))
    assert re.search(r"^\d+ jobs and \d+ blobs checked, 0 findings$", cli("fsck"), re.MULTILINE)
    cli.host.stop()
    assert cli.json("fsck")["total"] == 0
    assert cli.json("fsck", "--repair")["repair"] is True


# ---- output that does not hurt

def test_terminal_gets_no_control_bytes(cli):
    job_id = cli.submit("chaos.fail", {"class": "input", "message": "red \x1b[31malert\x07 \x9b31m"}, "--label", "l\x1bm")
    cli.host.wait_job(job_id, "dead")
    for args in (("jobs",), ("job", job_id), ("dlq", "ls"), ("watch", job_id),
                 ("submit", "chaos.fail", "--payload", '{"class": "input", "message": "red \\u001b[31m \\u009b31m"}', "--wait")):
        done = cli.raw(*args)
        for control in "\x1b\x07\x9b":
            assert control not in done.stdout + done.stderr, args


def test_closed_output(cli):
    cli.host.wait_job(cli.submit("chaos.echo"))
    with open("/dev/full", "wb") as full:
        done = subprocess.run(cli.command("jobs"), stdout=full, stderr=subprocess.PIPE, text=True, check=False, timeout=build.PATIENCE_S)
    assert done.returncode == FAILED and "could not be written" in done.stderr


def test_socket_option_needs_no_configuration(cli, tmp_path):
    out, _ = run("queues", "--socket", cli.host.socket, cwd=tmp_path)
    assert out.startswith("QUEUE")
    assert run("queues", "--socket", "unix:" + cli.host.socket, cwd=tmp_path)[0] == out


def test_two_hosts_on_one_socket(make_host):
    one = make_host({"plugins": chaos()})
    one.start()
    two = make_host({"plugins": chaos(), "host": {"admin": f"unix:{one.socket}"}}, name="two")
    assert two.start(ready=False) is False
    assert two.reap() == FAILED
    assert "another process listens there" in two.read_log()


def test_run_ends_on_signals(make_host):
    for number in (signal.SIGTERM, signal.SIGINT):
        one = make_host({"plugins": chaos()}, name=f"h{number}")
        one.start()
        one.send(number)
        assert one.reap() == OK
        assert not os.path.exists(one.socket)


def test_many_clients_at_once(cli):
    """A small crowd of commands, all of them answered."""
    ids, lock = [], threading.Lock()

    def one():
        job_id = cli.submit("chaos.echo", {"x": 1})
        with lock:
            ids.append(job_id)

    crowd = [threading.Thread(target=one) for _ in range(20)]
    for t in crowd:
        t.start()
    for t in crowd:
        t.join()
    assert len(set(ids)) == 20
    wait_until(lambda: all(cli.host.job(i)["state"] == "succeeded" for i in ids), build.PATIENCE_S, "all have succeeded")
