"""Programs of others from npm, which tests use when they are installed."""
import os

import pytest

from . import build

FOLDER = os.path.join(build.REPO, "tests", "e2e", "node")


def path(name):
    return os.path.join(FOLDER, name)


def need(*packages):
    """Skips the test, and says so, without them."""
    missing = [name for name in packages if not os.path.isdir(path(os.path.join("node_modules", name)))]
    if missing:
        pytest.skip(f"NOT TESTED: {', '.join(missing)} from npm not installed; install with: scripts/deps --npm")
