#include "intake/sign.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>

#include "intake/scheme.h"

void sign_header(struct signing *s, const char *name, const char *fmt, ...) {
    struct buf text = {0};
    va_list ap;
    va_start(ap, fmt);
    buf_vprintf(&text, fmt, ap);
    va_end(ap);
    size_t at = s->ret->count++;
    s->ret->headers[at].name = arena_str(s->a, name);
    s->ret->headers[at].value = text.data == NULL ? NULL : arena_str(s->a, text.data);
    s->failed |=
        text.failed || s->ret->headers[at].name == NULL || s->ret->headers[at].value == NULL;
    buf_free(&text);
}

const char *sign_mac(struct signing *s, const struct bytes *parts, size_t count,
                     enum decode_form form) {
    const struct mac *m = s->way->keys.count == 0 ? NULL : s->way->keys.macs[0];
    uint8_t sum[MAC_MAX];
    if (m == NULL || !mac_sum(m, parts, count, sum)) {
        s->failed = true;
        return "";
    }
    return sign_text(s, form, sum, mac_size(m));
}

const char *sign_text(struct signing *s, enum decode_form form, const void *data, size_t len) {
    struct buf text = {0};
    encode_bytes(form, data, len, &text);
    const char *copy = text.data == NULL ? "" : arena_str(s->a, text.data);
    s->failed |= text.failed || copy == NULL;
    buf_free(&text);
    return copy == NULL ? "" : copy;
}

int sign_delivery(const struct config_verify *c, const struct sign_ask *ask, struct arena *a,
                  struct signature *ret, struct err *e) {
    struct verifier *v = NULL;
    const struct ways_ask ways = {.verify = c, .count = 1, .signs = true};
    int r = ways_new(&ways, &v, e);
    if (r < 0) {
        return r;
    }
    struct signing s = {.way = ways_first(v), .c = c, .ask = ask, .a = a, .ret = ret};
    *ret = (struct signature){.url = ask->url};
    s.now_s = arena_printf(a, "%" PRId64, ask->now_ms / 1000);
    if (s.way->scheme->sign == NULL) {
        r = err_set(e, -EINVAL, "%s: there is nothing to sign", c->scheme);
    } else if (s.now_s == NULL) {
        r = err_set(e, -ENOMEM, "out of memory");
    } else {
        r = s.way->scheme->sign(&s, e);
    }
    if (r == 0 && s.failed) {
        r = err_set(e, -ENOMEM, "%s: no memory, or no key that signs", c->scheme);
    }
    verifier_release(&v);
    return r;
}
