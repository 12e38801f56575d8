// Shopify: X-Shopify-Hmac-Sha256 (or what the operator calls it), base64, over the body alone. Its
// webhook id is not signed.

#include "intake/scheme.h"

#include <errno.h>
#include <strings.h>

static int init(struct way *w, const struct config_verify *c, struct err *e) {
    const char *header = way_param(c, "header", "X-Shopify-Hmac-Sha256");
    w->headers[WAY_SIGNATURE] = arena_str(w->arena, header);
    // newer kinds of deliveries drop the X- of both
    bool old = strncasecmp(header, "X-", 2) == 0;
    w->headers[WAY_ID] = old ? "X-Shopify-Webhook-Id" : "Shopify-Webhook-Id";
    return w->headers[WAY_SIGNATURE] == NULL
               ? err_set(e, -ENOMEM, "no memory for a header's name")
               : way_text_keys(w, &w->keys, c, "secret", MAC_SHA256, e);
}

static bool head(struct check *c) {
    const char *name = c->way->headers[WAY_SIGNATURE];
    struct bytes value;
    if (!check_take(c, name, &value)) {
        return false;
    }
    return check_given(c, DECODE_BASE64, value, MAC_SHA256_LEN) ||
           CHECK_REFUSE(c, 401, "header_form", "%s is not base64 of 32 bytes", name);
}

static bool prove(struct check *c) {
    if (!check_signatures(c, &c->d->body, 1)) {
        return false;
    }
    check_unsigned_id(c);
    return true;
}

static int sign(struct signing *s, struct err *e) {
    (void)e;
    sign_header(s, s->way->headers[WAY_ID], "%s", s->ask->id);
    sign_header(s, s->way->headers[WAY_SIGNATURE], "%s",
                sign_mac(s, &s->ask->body, 1, DECODE_BASE64));
    return 0;
}

const struct scheme scheme_shopify = {"shopify", 0, init, head, prove, NULL, sign};
