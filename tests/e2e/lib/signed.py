"""Deliveries as their senders sign them: headers as lines, for raw.py."""
import base64
import hashlib
import hmac
import json
import time

GITHUB = "It's a Secret to Everybody"
SLACK = "8f742231b10e8888abcd99yyyzzz85a5"
WHSEC = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
STRIPE = "whsec_stripe_test_secret"
BEARER = "the-bearer-of-tests-0123456789"
QSTASH = {"current": "sig_current_0123456789", "next": "sig_next_0123456789"}


def _hex(key, text, how="sha256"):
    return hmac.new(key.encode(), text, how).hexdigest()


def _b64(raw):
    return base64.b64encode(raw).decode()


def _url(raw):
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def github(body, key=GITHUB, delivery=None, event=None):
    lines = [f"X-Hub-Signature-256: sha256={_hex(key, body)}"]
    lines += [f"X-GitHub-Delivery: {delivery}"] if delivery else []
    return lines + ([f"X-GitHub-Event: {event}"] if event else [])


def standard(body, ident="msg_1", key=WHSEC, at=None, family="webhook"):
    at = int(time.time()) if at is None else at
    secret = base64.b64decode(key.removeprefix("whsec_"))
    mac = hmac.new(secret, f"{ident}.{at}.".encode() + body, "sha256").digest()
    return [f"{family}-id: {ident}", f"{family}-timestamp: {at}", f"{family}-signature: v1,{_b64(mac)}"]


def slack(body, key=SLACK, at=None):
    at = int(time.time()) if at is None else at
    return [f"X-Slack-Request-Timestamp: {at}", f"X-Slack-Signature: v0={_hex(key, f'v0:{at}:'.encode() + body)}"]


def stripe(body, key=STRIPE, at=None):
    at = int(time.time()) if at is None else at
    return [f"Stripe-Signature: t={at},v1={_hex(key, f'{at}.'.encode() + body)}"]


def twilio(text, key):
    return _b64(hmac.new(key.encode(), text.encode(), "sha1").digest())


def bearer(token=BEARER, ident=None):
    return [f"Authorization: Bearer {token}"] + ([f"Idempotency-Key: {ident}"] if ident else [])


def qstash(body, url, key=QSTASH["current"], ident="jti_1", at=None, **claims):
    at = int(time.time()) if at is None else at
    said = {"iss": "Upstash", "sub": url, "exp": at + 300, "nbf": at, "iat": at, "jti": ident,
            "body": base64.urlsafe_b64encode(hashlib.sha256(body).digest()).decode(), **claims}
    text = _url(b'{"alg":"HS256","typ":"JWT"}') + "." + _url(json.dumps(said).encode())
    mac = hmac.new(key.encode(), text.encode(), "sha256").digest()
    return [f"Upstash-Signature: {text}.{_url(mac)}"]
