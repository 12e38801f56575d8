// GitHub: X-Hub-Signature-256: sha256=<hex>, over the body alone. Its delivery id is not signed.
//
// With allow_sha1 the older X-Hub-Signature: sha1=<hex> will do where there is no other.

#include "intake/scheme.h"

static int init(struct way *w, const struct config_verify *c, struct err *e) {
    w->headers[WAY_SIGNATURE] = "X-Hub-Signature-256";
    w->headers[WAY_ID] = "X-GitHub-Delivery";
    int r = way_text_keys(w, &w->keys, c, "secret", MAC_SHA256, e);
    if (r == 0 && way_switch(c, "allow_sha1")) {
        w->headers[WAY_LEGACY] = "X-Hub-Signature";
        r = way_text_keys(w, &w->old_keys, c, "secret", MAC_SHA1, e);
    }
    return r;
}

static bool is_old(const struct check *c) {
    struct bytes value;
    return c->way->headers[WAY_LEGACY] != NULL &&
           check_header(c->d, c->way->headers[WAY_SIGNATURE], &value) == 0;
}

static bool head(struct check *c) {
    bool old = is_old(c);
    const char *name = c->way->headers[old ? WAY_LEGACY : WAY_SIGNATURE];
    struct bytes value;
    if (!check_take(c, name, &value)) {
        return false;
    }
    if (!take_prefix(&value, old ? "sha1=" : "sha256=") ||
        !check_given(c, DECODE_HEX_LOWER, value, old ? 20 : 32)) {
        return CHECK_REFUSE(c, 401, "header_form", "%s is not %s<hex>", name,
                            old ? "sha1=" : "sha256=");
    }
    return true;
}

static bool prove(struct check *c) {
    const struct keyring *ring = is_old(c) ? &c->way->old_keys : &c->way->keys;
    if (!check_matched(c, check_macs(c, ring, &c->d->body, 1))) {
        return false;
    }
    check_unsigned_id(c);
    return true;
}

static int sign(struct signing *s, struct err *e) {
    (void)e;
    sign_header(s, s->way->headers[WAY_ID], "%s", s->ask->id);
    sign_header(s, s->way->headers[WAY_SIGNATURE], "sha256=%s",
                sign_mac(s, &s->ask->body, 1, DECODE_HEX));
    return 0;
}

const struct scheme scheme_github = {"github", 0, init, head, prove, NULL, sign};
