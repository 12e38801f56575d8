"""What every black-box test shares: hosts that are ended after it, and told about when it fails.

The binary comes from the build folder that JOBHOST_BUILD names (default build/test); JOBHOST_FULL=1 asks for the full counts.
"""
import os
import shutil
import tempfile

import pytest

from lib import build
from lib.host import Host, chaos


def pytest_report_header():
    form = "full" if build.FULL else "reduced"
    return f"jobhost: {build.BINARY}, {form} counts{', sanitized' if build.SANITIZED else ''}"


def pytest_configure(config):
    if not os.access(build.BINARY, os.X_OK):
        raise pytest.UsageError(f"{build.BINARY} is not there: build it, or say where it is with JOBHOST_BUILD")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.failed:
        item.failed = True
        for host in getattr(item, "hosts", []):
            report.sections.append((f"log of the host in {host.folder}", host.log_tail(150)))


@pytest.fixture
def folder(request):
    """A folder with a short path, for a socket's name has at most 107 bytes; kept when the test fails."""
    path = tempfile.mkdtemp(prefix="jobhost-")
    yield path
    if not getattr(request.node, "failed", False):
        shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def make_host(request, folder):
    """make_host(config, name="host", env=...) is a host that has not been started; the end of the test stops it."""
    hosts = request.node.hosts = []

    def make(config=None, name="host", **options):
        hosts.append(Host(os.path.join(folder, name), config, **options))
        return hosts[-1]

    yield make
    problems = []
    for host in hosts:
        try:
            host.end()
        except AssertionError as problem:
            problems.append(str(problem))
    assert not problems, "\n".join(problems)


@pytest.fixture
def host(make_host):
    """A running host whose chaos plugin has one worker with two threads."""
    one = make_host({"plugins": chaos(workers=1, threads=2)})
    one.start()
    return one
