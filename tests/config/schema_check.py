"""Judges tests/config/{good,bad} by jobhost.schema.json and compares with the parser's verdict (the .expect files).

They may differ only where differences.txt says so; a line there that no longer holds is an error too.
Also judges the shipped config.yaml. Needs python3-yaml and python3-jsonschema.
"""
import json
import pathlib
import re
import sys

try:
    import jsonschema
    import yaml
except ImportError as missing:
    print(missing)
    sys.exit(77)  # ctest: skipped


class CoreLoader(yaml.SafeLoader):
    """YAML 1.2's core types, as editors read them: only true/false, decimal numbers and null are special."""


CoreLoader.yaml_implicit_resolvers = {}
for tag, pattern, first in [
    ("bool", r"^(true|True|TRUE|false|False|FALSE)$", "tTfF"),
    ("int", r"^[-+]?[0-9]+$", "-+0123456789"),
    ("float", r"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$", "-+0123456789."),
    ("null", r"^(~|null|Null|NULL|)$", ["~", "n", "N", ""]),
]:
    CoreLoader.add_implicit_resolver("tag:yaml.org,2002:" + tag, re.compile(pattern), first)
CoreLoader.add_constructor(
    "tag:yaml.org,2002:int", lambda loader, node: int(loader.construct_scalar(node)))

# What is refused before there is a tree to judge.
NOT_YAML = {"empty", "duplicate_key"}


def expected(path):
    """(code, path) of the errors the parser gives."""
    file = path.with_suffix(".expect")
    lines = [line.split(" ", 3) for line in file.read_text().splitlines()] if file.exists() else []
    return [(line[2], line[3] if len(line) > 3 else "") for line in lines if line[1] == "error"]


def dotted(parts):
    """queues.q.ttl, host.listen[1]: as the parser writes paths."""
    text = ""
    for part in parts:
        text += f"[{part}]" if isinstance(part, int) else ("." if text else "") + str(part)
    return text


def places(error):
    """Where a complaint of the schema is about: the keys that are too many or missing, else the deepest values."""
    here = list(error.absolute_path)
    if error.validator == "additionalProperties" and isinstance(error.schema["additionalProperties"], bool):
        known = error.schema.get("properties", {})
        return [dotted(here + [key]) for key in error.instance if key not in known]
    if error.validator == "required":
        return [dotted(here + [key]) for key in error.validator_value if key not in error.instance]
    deeper = [place for inner in error.context or [] if len(inner.absolute_path) > len(here) or inner.context
              for place in places(inner)]
    return deeper or [dotted(here)]


def related(a, b):
    return a.startswith(b) or b.startswith(a)


def judge(name, path, validator, differences):
    """Complaints about disagreements in one file."""
    tree = yaml.load(path.read_bytes(), Loader=CoreLoader)
    wanted = expected(path)
    found = sorted({place for error in validator.iter_errors(tree) for place in places(error)})
    for code, where in wanted:
        if not any(related(where, place) for place in found) and (name, where) not in differences:
            yield f"{name}: {where}: the parser says {code}, the schema accepts"
    for place in found:
        if not any(related(where, place) for _, where in wanted) and (name, place) not in differences:
            yield f"{name}: {place}: the schema complains, the parser accepts"
    for listed, where in differences:
        if listed == name:
            by_parser = any(where == w for _, w in wanted)
            by_schema = any(related(where, place) for place in found)
            if by_parser == by_schema:
                yield f"{name}: {where}: listed in differences.txt, but both agree"


def main():
    here = pathlib.Path(__file__).resolve().parent
    root = here.parent.parent
    schema = json.loads((root / "jobhost.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    lines = (here / "differences.txt").read_text().splitlines()
    differences = [tuple(line.split(": ")[:2]) for line in lines if line and not line.startswith("#")]
    surprises, judged = [], set()
    for path in sorted(here.glob("*/*.yaml")) + [root / "config.yaml"]:
        if any(code.startswith("yaml_") or code in NOT_YAML for code, _ in expected(path)):
            continue
        name = str(path.relative_to(here)) if here in path.parents else path.name
        judged.add(name)
        surprises += judge(name, path, validator, differences)
    surprises += [f"{name}: listed in differences.txt, but not judged" for name, _ in differences if name not in judged]
    print("\n".join(surprises + [f"{len(judged)} files judged, {len(surprises)} surprises"]))
    return 1 if surprises or len(judged) < 20 else 0


sys.exit(main())
