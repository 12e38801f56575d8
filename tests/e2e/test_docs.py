"""What the documents say against what there is: the crash matrix, and every example that somebody could type."""
import json
import os
import re
import subprocess

import pytest
import yaml

from lib import build, examples, faults
from lib.cli import UNREACHABLE
from lib.examples import DOCUMENTS, text_of

JOB = "01a20081-b0a8-700b-9e52-ef593d85392b"
ROOMS = ("scripts/", "tests/", "host/", "sdk/", "plugins/", "docs/", "cmake/", ".ci/", "build/")


@pytest.mark.parametrize("what", ["killed", "-EIO, once"])
def test_the_crash_matrix_has_every_fault_point(what):
    rows = re.findall(r"^\| ([^|]+) \| `(\w+)`, passage", text_of("docs/crash-matrix.md"), re.MULTILINE)
    shown = [point for kind, point in rows if (kind == "-EIO, once") == (what == "-EIO, once")]
    assert shown == faults.points(), "make the table again: tests/e2e/crash_matrix.py --write"


# ---- jobhost

def page_of(words):
    """(name of the command, its help, its arguments)"""
    names = examples.command_names()
    for count in (2, 1):
        name = " ".join(words[1:1 + count])
        if name in names:
            return name, examples.jobhost("help", *name.split()), words[1 + count:]
    raise AssertionError(f"{words}: there is no such command")


def stand_ins(args, folder):
    """What stands for a value gets one, and the files that are named are there."""
    for arg in args:
        file = re.match(r"@(.+)|[\w.]+=([\w./-]+)$", arg)
        name = file and (file.group(1) or file.group(2))
        if name and not os.path.isabs(name):
            path = os.path.join(folder, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as f:
                f.write("{}")
    named = [JOB if arg == "ID" or arg.startswith("$") else arg for arg in args]
    return [build.plugin("noop") if arg.endswith(".so") else arg for arg in named]


def assert_command(words, folder, whole):
    """The command takes these words: its help is shown behind the options, and, if they are a whole command and no mention of one in a
    sentence, without a host only that is missing."""
    name, page, args = page_of(words)
    done = subprocess.run([build.BINARY, *name.split(), *args, "--help"], capture_output=True, text=True, check=False, cwd=folder)
    assert done.returncode == 0, (words, done.stderr)
    if whole and "--socket PATH" in page and "--url" not in args:
        command = [build.BINARY, *name.split(), "--socket", "none", *stand_ins(args, folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder, stdin=subprocess.DEVNULL)
        assert done.returncode == UNREACHABLE, (words, done.stderr)


def types_of(words):
    """The job types that a command names."""
    if words[1:2] == ["submit"] and len(words) > 2 and not words[2].startswith("-"):
        yield words[2]
    for option, value in zip(words, words[1:]):
        if option in ("--type", "-t"):
            yield value


def all_commands():
    """(where, its words, is it a whole command)"""
    for document in DOCUMENTS:
        yield from ((document, words, True) for words in examples.in_blocks(document))
        yield from ((document, words, False) for words in examples.in_text(document))
    yield from (("help", words, True) for words in examples.in_help())


def test_commands_exist(tmp_path):
    count = 0
    for where, words, whole in all_commands():
        if os.path.basename(words[0]) == "jobhost" and not words[1].startswith("--worker"):
            try:
                assert_command(words, tmp_path, whole)
            except AssertionError as problem:
                raise AssertionError(f"{where}: {problem}") from problem
            count += 1
    assert count > 60


def test_types_exist():
    known = examples.handlers()
    assert {"hello.say", "amazon.analyze"} <= known
    named = {(where, kind) for where, words, _ in all_commands() if os.path.basename(words[0]) == "jobhost" for kind in types_of(words)}
    for document in (*DOCUMENTS, "host/api/openapi.json"):
        named |= {(document, kind) for kind in re.findall(r'"type": "(\w+\.\w+)"|\bjob: (\w+\.\w+)', text_of(document)) for kind in kind if kind}
    named |= {("openapi.json", kind) for kind in json.loads(text_of("host/api/openapi.json"))["components"]["schemas"]["Submission"]["properties"]["type"]["examples"]}
    assert len(named) > 10
    assert {(where, kind) for where, kind in named if kind not in known} == set()


@pytest.mark.parametrize("document", ["docs/cli.md", "docs/plugin-guide.md", "README.md"])
def test_options_in_tables_exist(document):
    """`submit TYPE [--payload JSON]`: the first words are a command, and each option is one of its own."""
    names = examples.command_names()
    for span in re.findall(r"`([a-z]+ [^`]*)`", text_of(document)):
        words = re.split(r"[\s\[\]|\\=]+", span)
        name = next((n for n in (" ".join(words[:2]), words[0]) if n in names), None)
        page = examples.jobhost("help", *name.split()) if name else ""
        for option in re.findall(r"(?<![\w-])--[a-z][a-z-]*", span) if name else []:
            assert re.search(rf"^ +(-\w, )?{option}\b", page, re.MULTILINE), f"{document}: {span}: {name} has no {option}"


# ---- the API

def operations():
    """(method, pattern of the path) of all there are, with those of this tree's routes."""
    for path, item in json.loads(text_of("host/api/openapi.json"))["paths"].items():
        for method in item:
            yield method.upper(), path
    for route in yaml.safe_load(text_of("config.yaml"))["routes"]:
        yield tuple(route["match"].split(" "))


def assert_operation(method, path, where):
    pattern = re.sub(r"\{\w+\}", "{}", path)
    for known_method, known in operations():
        shape = re.sub(r"\{\w+\}", "{}", known)
        if known_method == method and (pattern == shape or re.fullmatch(re.escape(shape).replace(r"\{\}", "[^/]+"), pattern)):
            return
    raise AssertionError(f"{where}: there is no {method} {path}")


def test_requests_exist():
    count = 0
    for document in DOCUMENTS:
        for method, path in re.findall(r"`(GET|POST|DELETE|PUT) (/v1/[\w/{}.]+)", text_of(document)):
            assert_operation(method, path, document)
            count += 1
        for words in examples.in_blocks(document):
            if words[0] == "curl":
                path = next(m.group(1) for w in words if (m := re.match(r"https?://[^/]+(/[^?]*)", w)))
                assert_operation("POST" if {"--json", "-F", "--data-binary"} & set(words) else "GET", path, document)
                for option, value in zip(words, words[1:]):
                    if option == "--json" or value.startswith("job="):
                        json.loads(value.removeprefix("job="))
                count += 1
    assert count > 40


# ---- files

def exists(path):
    """A file of this tree, or, below build/, of the build (build/PRESET/... or the release's build/...)."""
    if not path.startswith("build/"):
        return os.path.exists(os.path.join(build.REPO, path))
    parts = path.replace("greeter", "hello").split("/")[1:]  # the guide's plugin comes from this template
    presets = [p["name"] for p in json.loads(text_of("CMakePresets.json"))["configurePresets"]]
    return not parts or parts == [""] or os.path.exists(os.path.join(build.BUILD, *parts[parts[0] in presets:]))


def paths_in(document):
    for words in examples.in_blocks(document):
        yield from (word for word in words if word.startswith(ROOMS))
    for span in re.findall(r"`([\w./-]+)`", text_of(document)):
        if span.startswith(ROOMS) and "NAME" not in span:
            yield span


@pytest.mark.parametrize("document", DOCUMENTS)
def test_files_exist(document):
    missing = [path for path in paths_in(document) if not exists(path)]
    assert missing == []


def anchors(path):
    titles = re.findall(r"^#+ (.*)$", re.sub(r"```.*?```", "", text_of(path), flags=re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document):
    for link in re.findall(r"\]\(([^)\s]+)\)", text_of(document)):
        if "://" in link:
            continue
        file, _, anchor = link.partition("#")
        path = os.path.normpath(os.path.join(os.path.dirname(document), file)) if file else document
        assert os.path.exists(os.path.join(build.REPO, path)), f"{link}: there is no {path}"
        assert not anchor or anchor in anchors(path), f"{link}: {path} has no such part"


def test_presets_exist():
    presets = json.loads(text_of("CMakePresets.json"))
    known = {p["name"] for kind in ("configurePresets", "buildPresets", "testPresets") for p in presets.get(kind, [])}
    for document in DOCUMENTS:
        for preset in re.findall(r"--preset (\w+)", text_of(document)):
            assert preset in known, f"{document}: there is no preset {preset}"
