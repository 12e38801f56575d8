"""Webhooks between this host and packages that others use: what they sign is accepted here, what `jobhost sign` makes is
accepted by them. And the command itself."""
import json
import os
import subprocess
import time

import pytest

from lib import build, node

PACKAGES = ["standardwebhooks", "svix", "@octokit/webhooks-methods", "stripe", "twilio", "jose", "@upstash/qstash"]
VERIFY = os.path.join(os.path.dirname(os.path.dirname(build.BINARY)), "tests", "lib", "verify_delivery")
URL = "https://jobs.example.com/hooks/h"
SECRETS = {
    "qstash": "sig_current", "standard_webhooks": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "github": "github-secret",
    "svix": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "stripe": "whsec_stripe", "twilio": "twilio-token",
}


def config(folder, verify, **more):
    path = os.path.join(folder, "config.yaml")
    hook = {"path": "/hooks/h", "job": "hello.echo", "verify": verify, **more}
    with open(path, "w", encoding="utf-8") as f:
        json.dump({"host": {"base_url": "https://jobs.example.com"}, "hooks": {"h": hook}}, f)
    return path


def verdicts(folder, verify, deliveries, now_ms):
    """What the verifier says of each of the deliveries to a hook."""
    text = b""
    for d in deliveries:
        body = d["body"].encode()
        text += f"{d.get('now_ms', now_ms)} {d['target']} {len(body)}\n".encode()
        text += b"".join(f"{name}: {value}\n".encode() for name, value in d["headers"].items()) + b"\n" + body + b"\n"
    done = subprocess.run([VERIFY, config(folder, verify)], input=text, capture_output=True, check=True)
    lines = done.stdout.decode().splitlines()
    assert len(lines) == len(deliveries), (lines, done.stderr)
    return lines


def changed(d):
    """The delivery with a character of each header and of the body changed, one at a time. A content type is no signature,
    and an id that is not signed proves nothing."""
    for name, value in d["headers"].items():
        if name in ("Content-Type", "X-GitHub-Delivery"):
            continue
        for at in {0, len(value) // 2, len(value) - 1}:
            other = chr(ord(value[at]) ^ 1)
            yield {**d, "headers": {**d["headers"], name: value[:at] + other + value[at + 1:]}}
    yield {**d, "body": d["body"][:-1] + chr(ord(d["body"][-1]) ^ 1)}
    yield {**d, "body": d["body"] + " "}


def test_packages_sign_and_we_accept(folder):
    node.need(*PACKAGES)
    now = int(time.time())
    done = subprocess.run(["node", node.path("sign_webhooks.mjs"), str(now)], capture_output=True, text=True, check=True)
    deliveries = json.loads(done.stdout)
    assert len(deliveries) == 8
    for d in deliveries:
        others = list(changed(d))
        lines = verdicts(folder, d["verify"], [d] + others, now * 1000)
        assert lines[0].startswith("0 "), (d["package"], lines[0])
        assert not [line for line in lines[1:] if line.startswith("0 ")], d["package"]
        timed = not d["package"].startswith(("@octokit", "twilio"))
        late = verdicts(folder, d["verify"], [{**d, "now_ms": (now + 301) * 1000}], 0)[0]
        assert late.startswith("401 " if timed else "0 "), (d["package"], late)


def sign(*args, secret=None, **options):
    env = {**os.environ, "JOBHOST_SIGN_SECRET": secret} if secret is not None else None
    return subprocess.run([build.BINARY, "sign", *args], capture_output=True, text=True, env=env, check=False, **options)


def test_we_sign_and_packages_accept():
    node.need(*PACKAGES)
    body = json.dumps({"id": "evt_1", "text": "grüße"}, ensure_ascii=False)
    deliveries = []
    for scheme, secret in SECRETS.items():
        made = sign(scheme, "--json", "--url", URL, "--payload", body, secret=secret)
        assert made.returncode == 0, made.stderr
        deliveries.append({**json.loads(made.stdout), "body": body})
    form = "b=2&a=1"
    made = sign("twilio", "--json", "--url", URL, "--payload", form, "--content-type", "application/x-www-form-urlencoded",
                secret=SECRETS["twilio"])
    deliveries.append({**json.loads(made.stdout), "body": form})
    changed_ones = [{**d, "body": d["body"] + " "} for d in deliveries]
    done = subprocess.run(["node", node.path("verify_webhooks.mjs")], input=json.dumps(deliveries + changed_ones),
                          capture_output=True, text=True, check=True)
    answers = json.loads(done.stdout)
    assert [a for a in answers[:len(deliveries)] if a["accepted"] is not True] == []
    assert [a for a in answers[len(deliveries):] if a["accepted"] is not False] == []


@pytest.mark.parametrize("scheme", ["qstash", "standard_webhooks", "svix", "github", "stripe", "slack", "shopify", "gitlab",
                                    "bearer", "hmac", "twilio"])
def test_we_sign_for_a_hook_and_accept(folder, scheme):
    more = {"hmac": {"header": "X-Sig", "template": "{timestamp}.{body}", "timestamp_header": "X-Time"},
            "twilio": {"public_url": URL, "allow_sha1": True}}.get(scheme, {})
    key = "current" if scheme == "qstash" else "secret"
    path = config(folder, {scheme: {key: SECRETS.get(scheme, "a-secret"), **more}})
    made = sign("--hook", "h", "-c", path, "--json", "--id", "msg_7", "--payload", "{}")
    assert made.returncode == 0, made.stderr
    answer = json.loads(made.stdout)
    assert answer["scheme"] == scheme and answer["url"].startswith(URL)
    d = {"headers": answer["headers"], "target": answer["url"].removeprefix("https://jobs.example.com"), "body": "{}"}
    line = verdicts(folder, {scheme: {key: SECRETS.get(scheme, "a-secret"), **more}}, [d], int(time.time()) * 1000)[0]
    assert line.startswith(f"0 {scheme} 0"), line


def test_headers_curl_and_time(folder):
    secret = os.path.join(folder, "secret")
    with open(secret, "w", encoding="utf-8") as f:
        f.write("It's a Secret to Everybody\n")
    os.chmod(secret, 0o600)
    made = sign("github", "--secret-file", secret, "--payload", "Hello, World!", "--id", "d-1", "--content-type", "text/plain")
    digest = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"  # as GitHub has published it
    assert made.stdout == f"Content-Type: text/plain\nX-GitHub-Delivery: d-1\nX-Hub-Signature-256: sha256={digest}\n"
    made = sign("github", "--secret-file", secret, "-p", "-", "--curl", "--url", "http://h/x?a='b", input="Hello, World!")
    assert f"-H 'X-Hub-Signature-256: sha256={digest}'" in made.stdout
    assert made.stdout.endswith("--data-binary @- 'http://h/x?a='\\''b'\n")
    assert "Secret" not in made.stdout
    made = sign("standard_webhooks", "--id", "msg_p5jXN8AQM9LWM0D4loKWxJek", "--time", "1614265330", "--payload",
                '{"test": 2432232314}', secret=SECRETS["svix"])  # as Standard Webhooks has published it
    assert "webhook-signature: v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=\n" in made.stdout
    again = sign("standard_webhooks", "--id", "msg_p5jXN8AQM9LWM0D4loKWxJek", "--time", "2021-02-25T15:02:10Z", "--payload",
                 '{"test": 2432232314}', secret=SECRETS["svix"])
    assert again.stdout == made.stdout
    os.chmod(secret, 0o644)
    assert "open to group or others" in sign("github", "--secret-file", secret).stderr


@pytest.mark.parametrize("args, secret, words", [
    ([], "x", "name a scheme"),
    (["nosuch"], "x", "no such scheme"),
    (["github"], "", "--secret-file FILE"),
    (["qstash"], "x", "signs the URL"),
    (["hmac", "--param", "secret=x"], "x", "a secret has a file"),
    (["hmac", "--param", "nosuch=x"], "x", "expected NAME=VALUE"),
    (["github", "--time", "yesterday"], "x", "Unix seconds"),
    (["github", "--id", "a\nb"], "x", "without line ends"),
    (["standard_webhooks"], "whsec_x", "not valid base64"),
    (["github", "--payload", "@/nosuch/file"], "x", "No such file"),
])
def test_refused(args, secret, words):
    done = sign(*args, secret=secret)
    assert done.returncode == 2 and words in done.stderr and done.stdout == "", done


def test_private_key_for_a_hook_of_the_public_one(folder):
    path = config(folder, {"standard_webhooks": "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="})
    assert "no key that signs" in sign("--hook", "h", "-c", path, "-p", "{}").stderr
    made = sign("--hook", "h", "-c", path, "-p", "{}", "--json",
                secret="whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2DXWpgBgrEKt9VL/tPJZAc6DuFy89qmIyWvAhpo9wdRGg==")
    d = {"headers": json.loads(made.stdout)["headers"], "target": "/hooks/h", "body": "{}"}
    line = verdicts(folder, {"standard_webhooks": "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="}, [d],
                    int(time.time()) * 1000)[0]
    assert line.startswith("0 standard_webhooks 0 msg_"), line
    assert "no hook nosuch" in sign("--hook", "nosuch", "-c", path).stderr


def test_where_a_hook_is_called(folder):
    verify = {"qstash": {"current": "sig_current"}}
    for more, url in (({}, URL), ({"public_url": "https://front.example"}, "https://front.example/hooks/h")):
        made = sign("--hook", "h", "-c", config(folder, verify, **more), "--json")
        assert json.loads(made.stdout)["url"] == url
    path = config(folder, verify, path="/hooks/{name}")
    assert "signs the URL" in sign("--hook", "h", "-c", path).stderr
    assert json.loads(sign("--hook", "h", "-c", path, "--json", "--url", URL).stdout)["url"] == URL
    path = config(folder, {"github": "x"}, path="/hooks/{name}")
    assert sign("--hook", "h", "-c", path, "--curl").stdout.endswith(" URL\n")
