"""Processes, as /proc shows them."""
import os
import time


def _read(pid, name):
    try:
        with open(f"/proc/{pid}/{name}", "rb") as f:
            return f.read()
    except OSError:  # gone meanwhile
        return b""


def alive(pid):
    """Neither gone nor a zombie."""
    stat = _read(pid, "stat")
    return stat != b"" and stat.rsplit(b")", 1)[1].split()[0] not in (b"Z", b"X")


def workers_of(host_pid, word=b"--worker"):
    """The worker processes of this host and whatever they forked: told by their arguments, which survive the host. Of those that clear
    up after them the word is --warden."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            words = _read(entry, "cmdline").split(b"\0")
            if words[:3] == [b"jobhost", word, str(host_pid).encode()] and alive(int(entry)):
                found.append(int(entry))
    return sorted(found)


def plugin_of(pid):
    words = _read(pid, "cmdline").split(b"\0")
    return words[3].decode() if len(words) > 3 else ""


def open_fds(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def rss_bytes(pid):
    return int(_read(pid, "statm").split()[1]) * os.sysconf("SC_PAGESIZE")


def wait_until(probe, seconds, what, pause=0.02):
    """The first true answer of probe(), or a failure that says what was waited for."""
    end = time.monotonic() + seconds
    while True:
        answer = probe()
        if answer:
            return answer
        if time.monotonic() >= end:
            raise AssertionError(f"not within {seconds:g} s: {what() if callable(what) else what}")
        time.sleep(pause)
