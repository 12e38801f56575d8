"""What the tests of plugins share."""
import json
import os
import random
import subprocess
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
REPO = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.abspath(os.environ.get("JOBHOST_BUILD", os.path.join(REPO, "build", "test")))
sys.path.insert(0, HERE)


@pytest.fixture
def rng():
    seed = int(os.environ.get("JOBHOST_SEED", random.SystemRandom().randrange(1 << 32)))
    print(f"JOBHOST_SEED={seed}")  # a failure can be repeated with it
    return random.Random(seed)


@pytest.fixture
def analyze(tmp_path):
    """analyze([(field, path)], payload, **options): how the job ended, with "report" and "folder" when it has a report."""
    def run(files, payload=None, **options):
        folder = tmp_path / f"out{len(list(tmp_path.glob('out*')))}"
        folder.mkdir()
        command = [os.path.join(BUILD, "tests", "plugins", "amazon_run"), str(folder), json.dumps(payload) if payload is not None else ""]
        for name, value in options.items():
            command += ["-o", f"{name}={value}"]
        done = subprocess.run(command + [f"{field}={path}" for field, path in files], cwd=tmp_path, stdout=subprocess.PIPE, timeout=300, check=True)
        outcome = json.loads(done.stdout)
        outcome["folder"] = folder
        if (folder / "report.json").exists():
            outcome["report"] = json.loads((folder / "report.json").read_text(encoding="utf-8"))
        left = [p for p in tmp_path.iterdir() if p.name.startswith(("amazon-", "etilqs_"))]
        assert not left, f"temporary files are left: {left}"
        return outcome
    return run


@pytest.fixture
def write(tmp_path):
    def make(name, content):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        return str(path)
    return make
