"""What the documents say against what there is: the crash matrix, and every example that somebody could type."""
import os
import re

import pytest

from lib import build, faults


def text_of(*path):
    with open(os.path.join(build.REPO, *path), encoding="utf-8") as f:
        return f.read()


@pytest.mark.parametrize("what", ["killed", "-EIO, once"])
def test_the_crash_matrix_has_every_fault_point(what):
    rows = re.findall(r"^\| ([^|]+) \| `(\w+)`, passage", text_of("docs", "crash-matrix.md"), re.MULTILINE)
    shown = [point for kind, point in rows if (kind == "-EIO, once") == (what == "-EIO, once")]
    assert shown == faults.points(), "make the table again: tests/e2e/crash_matrix.py --write"
