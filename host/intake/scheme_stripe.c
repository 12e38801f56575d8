// Stripe: Stripe-Signature: t=<seconds>,v1=<hex>[,v1=...] over time "." body. The secret is its whole
// text, whsec_ included. The id of an event stands in the body.

#include "intake/pairs.h"
#include "intake/scheme.h"

static int init(struct way *w, const struct config_verify *c, struct err *e) {
    w->headers[WAY_SIGNATURE] = "Stripe-Signature";
    return way_text_keys(w, &w->keys, c, "secret", MAC_SHA256, e);
}

static bool take_pair(struct check *c, struct bytes name, struct bytes value, struct bytes *time) {
    if (bytes_equal(name, bytes_of("t"))) {
        bool first = time->data == NULL;
        *time = value;
        return first;
    }
    return !bytes_equal(name, bytes_of("v1")) ||
           check_given(c, DECODE_HEX_LOWER, value, MAC_SHA256_LEN);
}

static bool head(struct check *c) {
    struct bytes rest, time = {NULL, 0};
    if (!check_take(c, c->way->headers[WAY_SIGNATURE], &rest)) {
        return false;
    }
    if (pairs_count(rest, "v1") > VERIFY_SIGNATURES_MAX) {
        return CHECK_REFUSE(c, 400, "signatures_many",
                            "more than %d signatures in Stripe-Signature", VERIFY_SIGNATURES_MAX);
    }
    bool good = true;
    for (bool more = true; more && good;) {
        struct bytes name, value;
        good = pairs_next(&rest, &more, &name, &value) && take_pair(c, name, value, &time);
    }
    if (!good || time.data == NULL || c->given_count == 0) {
        return CHECK_REFUSE(c, 401, "header_form", "Stripe-Signature is not t=<seconds>,v1=<hex>");
    }
    return check_time(c, time);
}

static bool prove(struct check *c) {
    const struct bytes parts[] = {c->timestamp, {".", 1}, c->d->body};
    return check_signatures(c, parts, ARRAY_LEN(parts)) && check_body_id(c, "id");
}

static int sign(struct signing *s, struct err *e) {
    const struct bytes parts[] = {bytes_of(s->now_s), {".", 1}, s->ask->body};
    (void)e;
    sign_header(s, s->way->headers[WAY_SIGNATURE], "t=%s,v1=%s", s->now_s,
                sign_mac(s, parts, ARRAY_LEN(parts), DECODE_HEX));
    return 0;
}

const struct scheme scheme_stripe = {"stripe", VERIFY_TOLERANCE_MS, init, head, prove, NULL, sign};
