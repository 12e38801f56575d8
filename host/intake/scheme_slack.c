// Slack: X-Slack-Signature: v0=<hex> over "v0:" time ":" body. The id of an event stands in the body;
// slash commands have none, and are told apart by what was signed.

#include "intake/scheme.h"

static int init(struct way *w, const struct config_verify *c, struct err *e) {
    w->headers[WAY_SIGNATURE] = "X-Slack-Signature";
    w->headers[WAY_TIMESTAMP] = "X-Slack-Request-Timestamp";
    return way_text_keys(w, &w->keys, c, "secret", MAC_SHA256, e);
}

static bool head(struct check *c) {
    struct bytes value, time;
    if (!check_take(c, c->way->headers[WAY_SIGNATURE], &value) ||
        !check_take(c, c->way->headers[WAY_TIMESTAMP], &time)) {
        return false;
    }
    if (!take_prefix(&value, "v0=") || !check_given(c, DECODE_HEX_LOWER, value, MAC_SHA256_LEN)) {
        return CHECK_REFUSE(c, 401, "header_form", "X-Slack-Signature is not v0=<hex>");
    }
    return check_time(c, time);
}

static bool prove(struct check *c) {
    const struct bytes parts[] = {{"v0:", 3}, c->timestamp, {":", 1}, c->d->body};
    return check_signatures(c, parts, ARRAY_LEN(parts)) && check_body_id(c, "event_id");
}

static int sign(struct signing *s, struct err *e) {
    const struct bytes parts[] = {{"v0:", 3}, bytes_of(s->now_s), {":", 1}, s->ask->body};
    (void)e;
    sign_header(s, s->way->headers[WAY_TIMESTAMP], "%s", s->now_s);
    sign_header(s, s->way->headers[WAY_SIGNATURE], "v0=%s",
                sign_mac(s, parts, ARRAY_LEN(parts), DECODE_HEX));
    return 0;
}

const struct scheme scheme_slack = {"slack", VERIFY_TOLERANCE_MS, init, head, prove, NULL, sign};
