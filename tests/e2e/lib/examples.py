"""The examples of documents and help pages: what somebody could type, taken apart as a shell would."""
import glob
import os
import re
import shlex
import subprocess

from . import build

DOCUMENTS = ["README.md", "CONTRIBUTING.md", *sorted(glob.glob("docs/*.md", root_dir=build.REPO)),
             *sorted(glob.glob("plugins/*/README.md", root_dir=build.REPO)), *sorted(glob.glob("sdk/example/*/README.md", root_dir=build.REPO))]


def text_of(path):
    with open(os.path.join(build.REPO, path), encoding="utf-8") as f:
        return f.read()


def jobhost(*args):
    return subprocess.run([build.BINARY, *args], capture_output=True, text=True, check=True, timeout=build.PATIENCE_S).stdout


def command_names():
    return re.findall(r"^  ([a-z]+(?: [a-z]+)?) {2,}\S", jobhost("help"), re.MULTILINE)


def _tokens(line):
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split, lexer.commenters = True, "#"
    return list(lexer)


def commands(line):
    """The words of each command in a line, also of those inside $(...)."""
    words = []
    for token in [*_tokens(line), ";"]:
        for inside in re.findall(r"\$\(([^()]*)\)", token):
            yield from commands(inside)
        if set(token) <= set("();<>|&"):
            while words and (re.match(r"\w+=", words[0]) or words[0] == "sudo"):
                words.pop(0)
            if words:
                yield words
            words = []
        else:
            words.append(token)


def _lines(block):
    return [line for line in block.replace("\\\n", " ").splitlines() if line.strip()]


def in_blocks(path):
    """The commands of a document's shell blocks; $NAME is what the document sets it to."""
    text = text_of(path)
    lines = [line for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) for line in _lines(block)]
    values = dict(m.groups() for line in lines if (m := re.match(r"(\w+)=([\w./-]+)$", line)))
    for line in lines:
        for name, value in values.items():
            line = line.replace("$" + name, value)
        yield from commands(line)


def in_text(path):
    """`jobhost ...` in the midst of a sentence."""
    for span in re.findall(r"`(jobhost [^`\[\]]*)`", text_of(path)):
        yield from commands(span)


def in_help():
    for name in command_names():
        section = re.search(r"^EXAMPLES\n((?: .*\n)*)", jobhost("help", *name.split()), re.MULTILINE)
        for line in _lines(section.group(1)) if section else []:
            yield from commands(line)


def handlers():
    """The job types that there are: those of this tree's plugins, and what `plugin new greeter` makes of its template."""
    found = []
    for file in sorted(glob.glob(os.path.join(build.BUILD, "plugins", "*.so"))):
        listed = re.search(r'"handlers":\[(.*?)\]', jobhost("plugin", "check", file, "--json")).group(1)
        found += re.findall(r'"([^"]+)"', listed)
    return {*found, *(h.replace("hello.", "greeter.") for h in found)}
