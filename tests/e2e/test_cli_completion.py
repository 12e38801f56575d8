"""Shell completion, in real shells: bash and zsh on a terminal at the press of TAB, fish by its own question."""
import os
import pty
import re
import select
import shutil
import subprocess
import time

import pytest

from lib import build
from lib.peer import peer

PATH = os.path.dirname(build.BINARY) + ":" + os.environ["PATH"]
NO_HOST = {k: v for k, v in os.environ.items() if not k.startswith("JOBHOST_")}


def run(*args, **options):
    return subprocess.run(args, capture_output=True, text=True, check=True, timeout=build.PATIENCE_S,
                          env={**NO_HOST, "PATH": PATH}, **options).stdout


class Terminal:
    """A shell on a terminal; `type` gives what the line has become after the keys."""

    SETUP = {
        "bash": ["PS1='ready> '", "bind 'set bell-style none'", "bind 'set completion-query-items 0'", "bind 'set page-completions off'",
                 "bind -x '\"\\C-g\": echo \"<$READLINE_LINE>\"'", 'eval "$(jobhost completion bash)"'],
        "zsh": ["PS1='ready> '", "unsetopt beep prompt_sp", "zstyle ':completion:*' list-prompt ''", "LISTMAX=0", "autoload -U compinit && compinit -D -u",
                "show() { print -r -- \"<$BUFFER>\" }; zle -N show; bindkey '^g' show", 'eval "$(jobhost completion zsh)"'],
    }
    COMMAND = {"bash": ["bash", "--norc", "--noprofile", "-i"], "zsh": ["zsh", "-f", "-i"]}

    def __init__(self, shell, cwd):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(cwd)
            os.execvpe(self.COMMAND[shell][0], self.COMMAND[shell], {**NO_HOST, "PATH": PATH, "HOME": cwd, "TERM": "dumb", "INPUTRC": os.devnull})
        self.seen = ""
        for line in self.SETUP[shell]:
            self.send(line + "\n")
        self.send("echo re''ady-now\n")
        self.read_until("ready-now")

    def send(self, text):
        os.write(self.fd, text.encode())

    def read_until(self, pattern):
        end = time.monotonic() + build.PATIENCE_S
        while not (found := re.search(pattern, self.seen)):
            assert time.monotonic() < end, (pattern, self.seen)
            if select.select([self.fd], [], [], 1)[0]:
                self.seen += os.read(self.fd, 65536).decode(errors="replace")
        self.seen = self.seen[found.end():]
        return found

    def type(self, keys):
        self.send(keys + "\x07")
        line = self.read_until(r"<(jobhost[^>]*)>").group(1)
        self.send("\x15")  # a new line
        return line

    def close(self):
        os.close(self.fd)
        os.waitpid(self.pid, 0)


@pytest.fixture(params=["bash", "zsh"])
def shell(request, tmp_path):
    if shutil.which(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    (tmp_path / "orders.csv").write_text("")
    (tmp_path / "folder").mkdir()
    terminal = Terminal(request.param, str(tmp_path))
    yield terminal
    terminal.close()


def test_words(shell):
    for typed, line in {
        "jobhost subm\t": "jobhost submit ",
        "jobhost dlq sh\t": "jobhost dlq show ",
        "jobhost submit a.b --pri\t": "jobhost submit a.b --priority ",
        "jobhost submit a.b --priority h\t": "jobhost submit a.b --priority high ",
        "jobhost submit a.b --priority=h\t": "jobhost submit a.b --priority=high ",
        "jobhost jobs -s du\t": "jobhost jobs -s duplicate ",
        "jobhost help conf\t": "jobhost help config ",
        "jobhost help config sch\t": "jobhost help config schema ",
        "jobhost completion f\t": "jobhost completion fish ",
        "jobhost submit a.b --nope\t": "jobhost submit a.b --nope",
    }.items():
        assert shell.type(typed) == line


def test_files(shell):
    for typed, line in {
        "jobhost run -c ord\t": "jobhost run -c orders.csv ",
        "jobhost run --config=ord\t": "jobhost run --config=orders.csv ",
        "jobhost submit a.b --file x=ord\t": "jobhost submit a.b --file x=orders.csv ",
        "jobhost submit a.b -p @ord\t": "jobhost submit a.b -p @orders.csv ",
        "jobhost plugin new x --dir fold\t": "jobhost plugin new x --dir folder/",
    }.items():
        assert shell.type(typed) == line


def test_values_of_a_host(shell, host):
    job = host.submit("chaos.echo", {}, queue="complete-me")
    host.wait_job(job)
    c = f" -c {host.config_path} "
    assert shell.type(f"jobhost describe{c}cha\t") == f"jobhost describe{c}chaos "
    assert shell.type(f"jobhost submit{c}chaos.ech\t") == f"jobhost submit{c}chaos.echo "
    assert shell.type(f"jobhost pause{c}compl\t") == f"jobhost pause{c}complete-me "
    assert shell.type(f"jobhost job{c}{job[:12]}\t") == f"jobhost job{c}{job} "
    assert shell.type(f"jobhost cancel{c}{job[:12]}\t") == f"jobhost cancel{c}{job[:12]}"  # it is over


@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not installed")
def test_fish(host, tmp_path):
    def complete(line):
        out = run("env", f"HOME={tmp_path}", "fish", "--no-config", "-c", f"jobhost completion fish | source; complete -C '{line}'", cwd=tmp_path)
        return [c.split("\t")[0] for c in out.splitlines()]

    (tmp_path / "orders.csv").write_text("")
    assert complete("jobhost subm") == ["submit"]
    assert "retry" in complete("jobhost dlq ")
    assert complete("jobhost submit a.b --priority=h") == ["--priority=high"]
    assert complete("jobhost run -c ord") == ["orders.csv"]
    assert complete("jobhost submit a.b --file x=ord") == ["x=orders.csv"]
    assert complete(f"jobhost describe -c {host.config_path} cha") == ["chaos"]


# ---- the question itself

def ask(*words, shell="zsh", cwd=None):
    return run(build.BINARY, "__complete", shell, *words, cwd=cwd).splitlines()


def test_every_command_and_option_is_offered():
    for line in run(build.BINARY, "help").splitlines():
        name = re.match(r"^  ([a-z]+(?: [a-z]+)?) {2,}\S", line)
        if name:
            words = name.group(1).split()
            assert any(c.split("\t")[0] == words[-1] for c in ask(*words))
            page = run(build.BINARY, "help", *words)
            offered = {c.split("\t")[0] for c in ask(*words, "--")}
            assert offered == set(re.findall(r"^ {7}(?:-., )?(--[a-z-]+)", page, re.MULTILINE)), words


def test_silence_whatever_is_wrong(tmp_path):
    (tmp_path / "bad.yaml").write_text("nonsense: [")
    for words in (["job", ""], ["job", "-c", "bad.yaml", ""], ["job", "--socket", "nowhere", ""], ["job", "--url", "ftp:x", ""], ["nope", ""],
                  ["job", "--url", "http://127.0.0.1:1", ""], ["submit", "--nope", ""], ["dlq", "nope", ""], [""] * 500):
        done = subprocess.run([build.BINARY, "__complete", "zsh", *words], capture_output=True, text=True, check=False, cwd=tmp_path,
                              timeout=build.PATIENCE_S, env=NO_HOST)
        assert done.returncode == 0 and done.stderr == "", words
        assert "nonsense" not in done.stdout
    assert run(build.BINARY, "__complete") == "" and run(build.BINARY, "__complete", "bash") == ""


def test_nothing_that_a_shell_would_run():
    """A host's words come from whoever submits jobs; what is completed is put on a command line."""
    names = ["$(touch owned)", "`id`", "a;b", "a b", "a'b", 'a"b', "a\nb", "a\\b", "~", "quiet", "-x", "umläut", ""]

    def queues(request):
        request.send(200, {"items": [{"name": n} for n in names] + [{}, 5, {"name": 5}]})

    with peer(queues) as host:
        offered = [c.split("\t")[0] for c in ask("pause", "--url", f"http://127.0.0.1:{host.port}", "")]
        assert offered == ["quiet"]
