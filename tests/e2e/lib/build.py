"""What is under test, and how long a test may take with it."""
import os
import random
import re

REPO = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
BUILD = os.path.abspath(os.environ.get("JOBHOST_BUILD", os.path.join(REPO, "build", "test")))
BINARY = os.path.join(BUILD, "host", "jobhost")
ABI_DIR = os.path.join(BUILD, "tests", "abi")  # the tiny good and bad plugins, and chaos


def _cached(name):
    with open(os.path.join(BUILD, "CMakeCache.txt"), encoding="utf-8") as cache:
        found = re.search(rf"^{name}:[A-Z]+=(.*)$", cache.read(), re.MULTILINE)
    return found.group(1) if found else ""


SANITIZED = _cached("JOBHOST_SANITIZE") != ""
FULL = os.environ.get("JOBHOST_FULL", "") not in ("", "0")

# Every wait is a bound for a broken host, never a claim about speed.
PATIENCE_S = 240 if SANITIZED else 60


def count(full, short, sanitized=None):
    """How often to do something: all of it when JOBHOST_FULL asks for it, less by default and less again under sanitizers."""
    if FULL and not SANITIZED:
        return full
    return (sanitized or short) if SANITIZED else short


def plugin(name):
    return os.path.join(ABI_DIR, name + ".so")


def seed():
    """Another one each time, printed so that a failure can be repeated with JOBHOST_SEED."""
    value = int(os.environ.get("JOBHOST_SEED", random.SystemRandom().randrange(1 << 32)))
    print(f"JOBHOST_SEED={value}")
    return value
