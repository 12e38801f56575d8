"""`check --connect` against real Redis servers: what it tells, and what is wrong in words that say where to change it."""
import json
import os
import re
import signal
import subprocess

import pytest

from lib import build
from lib.certs import Authority
from lib.redis import CLIENT, SERVER, Redis

pytestmark = pytest.mark.skipif(SERVER is None or CLIENT is None, reason="redis-server is not installed (scripts/deps --test)")

AOF = ("--appendonly", "yes")
RIGHTS = ("~*", "&jh:*", "+@read", "+@write", "+@pubsub", "+@scripting", "+@connection", "-@dangerous", "+time", "+info", "+role", "+config|get",
          "+restore")


@pytest.fixture
def redis(folder):
    """redis(*options, tls=...) is a server that runs until the end of the test."""
    servers = []

    def make(*options, **more):
        servers.append(Redis(os.path.join(folder, f"redis{len(servers)}"), *options, **more))
        return servers[-1].start()

    yield make
    for server in servers:
        server.stop()


@pytest.fixture
def authority(folder):
    return Authority(folder)


@pytest.fixture
def check(folder):
    """check(url, status=0, **store) runs it and returns (standard output, standard error)."""

    def run(url, *args, status=0, env=None, **store):
        config = os.path.join(folder, "config.yaml")
        with open(config, "w", encoding="utf-8") as out:
            json.dump({"host": {"listen": "127.0.0.1:0", "state_dir": os.path.join(folder, "state")}, "store": {**({"url": url} if url else {}), **store}}, out)
        os.chmod(config, 0o600)
        done = subprocess.run([build.BINARY, "check", "--connect", "-c", config, *args], capture_output=True, text=True, check=False,
                              timeout=build.PATIENCE_S, env={**os.environ, **(env or {})})
        assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
        return done.stdout, done.stderr

    return run


def unix(server, user=""):
    return f"unix://{user}{server.socket}" if user else f"unix:{server.socket}"


# ---- what it tells

def test_a_good_server(redis, check):
    server = redis(*AOF)
    out, err = check(unix(server))
    lines = dict(line.split(None, 1) for line in out.splitlines())
    assert lines["store"] == "ok" and lines["address"] == unix(server) and lines["server"].startswith("redis ")
    assert lines["role"] == "master, 0 replicas" and lines["persistence"] == "AOF, fsync everysec" and lines["eviction"] == "noeviction"
    assert lines["latency"].endswith(" ms") and float(lines["latency"].split()[0]) < 1000 and "ms" in lines["clock"]
    assert "store: " not in err
    found = json.loads(check(unix(server), "--json")[0])
    assert found["ok"] and "store" not in found
    told = found["redis"]
    assert told["address"] == unix(server) and told["reached"] and told["name"] == "redis" and told["role"] == "master"
    assert told["aof"] is True and told["fsync"] == "everysec" and told["eviction"] == "noeviction" and told["replicas"] == 0
    assert told["latency_us"] >= 0 and abs(told["clock_ms"]) < 1000 and told["findings"] == []
    assert tuple(map(int, told["version"].split("."))) >= (6, 2)
    assert server("keys", "*") == ""  # what it wrote is gone
    check(unix(server), "--strict")


def test_fallback(redis, check, folder):
    server = redis(*AOF)
    spool = os.path.join(folder, "spool.db")
    out, _ = check(unix(server), fallback=f"sqlite:{spool}")
    assert f"sqlite:{spool}, 0 jobs wait" in out
    assert not os.path.exists(spool)  # it only looks
    out, _ = check(unix(server), "--json", fallback=f"sqlite:{spool}")
    assert json.loads(out)["spooled"] == 0
    _, err = check(unix(server), fallback=f"sqlite:{folder}/nowhere/spool.db", status=1)
    assert "store.fallback: " in err and "nowhere" in err and "No such file" in err
    with open(spool, "w", encoding="utf-8") as other:
        other.write("something else, and long enough not to be taken for an empty file")
    _, err = check(unix(server), fallback=f"sqlite:{spool}", status=1)
    assert "store.fallback: " in err


def test_database_and_tcp(redis, check):
    server = redis(*AOF, tcp=True)
    out, _ = check(f"redis://127.0.0.1:{server.port}/3")
    assert f"redis://127.0.0.1:{server.port}/3" in out
    _, err = check(f"redis://127.0.0.1:{server.port}/99", status=1)
    assert "SELECT: ERR DB index is out of range" in err
    check(f"redis://localhost:{server.port}")  # a name


# ---- settings

def test_eviction(redis, check):
    server = redis(*AOF, "--maxmemory-policy", "volatile-lru")
    out, err = check(unix(server), status=1)
    assert not re.search(r"\bok$", out, re.M) and "maxmemory-policy is volatile-lru" in err and "CONFIG SET maxmemory-policy noeviction" in err
    assert "store.allow_eviction: true" in err
    found = json.loads(check(unix(server), "--json", status=1)[0])
    assert not found["ok"] and "volatile-lru" in found["store"]
    assert [(f["code"], f["refuses"]) for f in found["redis"]["findings"]] == [("eviction", True)]
    _, err = check(unix(server), allow_eviction=True)
    assert "warning: maxmemory-policy is volatile-lru" in err


def test_persistence(redis, check):
    server = redis()
    out, err = check(unix(server))
    assert "no AOF" in out and "warning: appendonly is off" in err and "CONFIG SET appendonly yes" in err
    server("config", "set", "appendonly", "yes")
    server("config", "set", "appendfsync", "no")
    out, err = check(unix(server))
    assert "AOF, fsync no" in out and "CONFIG SET appendfsync everysec" in err


def test_out_of_memory(redis, check):
    server = redis(*AOF)
    server("config", "set", "maxmemory", "1")
    _, err = check(unix(server), status=1)
    assert "the server refuses writes (OOM" in err and "maxmemory" in err


def test_replica(redis, check):
    server = redis(*AOF)
    server("replicaof", "127.0.0.1", "1")
    out, err = check(unix(server), status=1)
    assert "replica of 127.0.0.1:1" in out and "store.url has to name the master" in err
    assert "READONLY" not in err  # nothing was written


def test_data_of_others(redis, check):
    server = redis(*AOF)
    server("set", "jh:format", "99")
    _, err = check(unix(server), status=1)
    assert "format 99" in err and "use that version, or another database" in err
    server("del", "jh:format")
    server("lpush", "jh:format", "x")
    _, err = check(unix(server), status=1)
    assert "the key jh:format is not jobhost's (WRONGTYPE" in err
    check(unix(server) + "?db=1")


# ---- who may

def test_users(redis, check):
    server = redis(*AOF)
    server("acl", "setuser", "good", "on", ">pw-good", *RIGHTS)
    _, err = check(unix(server, "good:pw-good@"))
    assert "store: " not in err  # the rights that the messages name are enough
    assert server("acl", "dryrun", "good", "restore", "key", "0", "form") == "OK"  # and no less than what is used
    server("acl", "setuser", "blind", "on", ">pw", *RIGHTS, "-info", "-role", "-config")
    _, err = check(unix(server, "blind:pw@"))
    assert "allow its user +info" in err and "does not tell its maxmemory-policy" in err
    for name, rights, words in (("keyless", ("~klap:*", "&*", "+@all"), "may not write keys by a script (NOPERM"),
                                ("scriptless", ("~*", "&*", "+@all", "-@scripting"), "may not write keys by a script (NOPERM"),
                                ("setless", ("~*", "&*", "+@all", "-set"), "may not write keys by a script (ERR The user executing"),
                                ("deaf", ("~*", "resetchannels", "+@all"), "may not publish to the channel jh:wake (NOPERM")):
        server("acl", "setuser", name, "on", ">pw", *rights)
        _, err = check(unix(server, name + ":pw@"), status=1)
        assert words in err and f"ACL SETUSER {name} {' '.join(RIGHTS)}" in err, err


def test_passwords(redis, check):
    server = redis(*AOF)
    server("config", "set", "requirepass", "topsecret")
    _, err = check(unix(server), status=1)
    assert "NOAUTH" in err and "redis://USER:PASSWORD@HOST" in err
    _, err = check(unix(server, ":wrong-one@"), status=1)
    assert "WRONGPASS" in err and "User default and its password stand in store.url" in err and "wrong-one" not in err
    out, err = check(unix(server, ":topsecret@"))
    assert "topsecret" not in out + err


# ---- TLS

def test_tls(redis, check, authority):
    cert, key = authority.issue("server")
    server = redis(*AOF, tls=(cert, key, authority.ca))
    ours = {"tls": {"ca": authority.ca}}
    for host in "localhost", "127.0.0.1":
        out, _ = check(f"rediss://{host}:{server.tls_port}", **ours)
        assert f"rediss://{host}:{server.tls_port}" in out
    _, err = check(f"rediss://localhost:{server.tls_port}", status=1)
    assert "cannot be trusted" in err and "store.tls.ca" in err
    _, err = check(f"redis://localhost:{server.tls_port}", status=1)
    assert "then use rediss://" in err


def test_tls_wrong_name(redis, check, authority):
    cert, key = _issue_for(authority, "other.example")
    server = redis(*AOF, tls=(cert, key, authority.ca))
    for host in "localhost", "127.0.0.1":
        _, err = check(f"rediss://{host}:{server.tls_port}", status=1, tls={"ca": authority.ca})
        assert f"the server's certificate is not for {host}" in err


def _issue_for(authority, name):
    """(certificate, key) for one DNS name."""
    key, request, cert = authority.key(name + ".key"), authority.path(name + ".csr"), authority.path(name + ".pem")
    with open(authority.path("name.ext"), "w", encoding="utf-8") as out:
        out.write(f"subjectAltName=DNS:{name}\n")
    subprocess.run(["openssl", "req", "-new", "-key", key, "-subj", "/CN=" + name, "-out", request], check=True)
    subprocess.run(["openssl", "x509", "-req", "-in", request, "-CA", authority.ca, "-CAkey", authority.path("ca.key"), "-days", "1",
                    "-extfile", authority.path("name.ext"), "-out", cert], check=True, capture_output=True)
    return cert, key


def test_tls_expired(redis, check, authority):
    cert, key = authority.issue("old", start="200101000000Z", end="200102000000Z")
    server = redis(*AOF, tls=(cert, key, authority.ca))
    _, err = check(f"rediss://localhost:{server.tls_port}", status=1, tls={"ca": authority.ca})
    assert "certificate has expired" in err


def test_client_certificate(redis, check, authority):
    cert, key = authority.issue("server")
    mine, my_key = authority.issue("client")
    server = redis(*AOF, "--tls-auth-clients", "yes", tls=(cert, key, authority.ca))
    url = f"rediss://localhost:{server.tls_port}"
    _, err = check(url, status=1, tls={"ca": authority.ca})
    assert "store.tls.cert" in err, err
    check(url, tls={"ca": authority.ca, "cert": mine, "key": my_key})
    _, err = check(url, status=1, tls={"ca": authority.ca, "cert": mine, "key": key})
    assert "does not belong to the certificate" in err


def test_no_tls_there(redis, check, authority):
    server = redis(*AOF, tcp=True)
    _, err = check(f"rediss://localhost:{server.port}", status=1, tls={"ca": authority.ca}, connect_timeout="500ms")
    assert "does not speak TLS on this port, use redis://" in err


# ---- nobody there

def test_not_reached(check, folder):
    _, err = check("redis://127.0.0.1:1", status=1)
    assert "Connection refused: is the server running" in err
    _, err = check(f"unix:{folder}/none.sock", status=1)
    assert "No such file or directory: is the server running" in err
    _, err = check("redis://no-such-host.invalid", status=1)
    assert "no-such-host.invalid" in err
    _, err = check("redis+cluster://127.0.0.1:1", status=1)
    assert "redis+cluster: this version" in err
    found = json.loads(check("redis://:hidden@127.0.0.1:1", "--json", status=1)[0])
    assert not found["redis"]["reached"] and "refused" in found["store"] and "hidden" not in json.dumps(found)


def test_silence(redis, check):
    server = redis(*AOF)
    server.process.send_signal(signal.SIGSTOP)  # it accepts, and answers nothing
    try:
        _, err = check(unix(server), status=1, connect_timeout="200ms")
        assert "no answer to the first commands in time" in err
    finally:
        server.process.send_signal(signal.SIGCONT)


def test_environment(check):
    env = {"UPSTASH_REDIS_REST_URL": "http://127.0.0.1:1", "UPSTASH_REDIS_REST_TOKEN": "tok-en"}
    _, err = check(None, status=1, env=env)
    assert "rediss://127.0.0.1:6379" in err and "tok-en" not in err
