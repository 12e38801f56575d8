"""What every black-box test shares: hosts that are ended after it, and told about when it fails.

The binary comes from the build folder that JOBHOST_BUILD names (default build/test); JOBHOST_FULL=1 asks for the full counts.
"""
import os
import shutil
import tempfile

import pytest

from lib import build, redis
from lib.clock import T0, Clock
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
    if "store" in request.fixturenames:
        request.getfixturevalue("store")  # it outlives the hosts

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


@pytest.fixture(params=["sqlite", pytest.param("redis", marks=pytest.mark.skipif(redis.SERVER is None, reason="there is no redis-server"))])
def store(request, folder):
    """Both stores: a part of the configuration with the section `store`; {} is SQLite, of each host its own."""
    if request.param == "sqlite":
        yield {}
        return
    server = redis.Redis(os.path.join(folder, "redis")).start()
    yield {"store": {"url": f"unix:{server.socket}"}}
    server.stop()


@pytest.fixture
def clock(folder):
    """A clock that stands at T0; JOBHOST_TEST_CLOCK=clock.path."""
    made = Clock.create(os.path.join(folder, "clock"), T0)
    made.freeze()
    made.set_wall(T0)
    return made
