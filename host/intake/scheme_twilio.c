// Twilio: X-Twilio-Signature, HMAC-SHA1 in base64 over the URL that Twilio calls and the parameters of
// a form, sorted. Where the URL carries bodySHA256 it stands for the body instead.
//
// The URL is the one that the operator names, with the query of the request: of what came, no host and
// no path is believed.

#include "intake/scheme.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <strings.h>

enum { SHA1_LEN = 20, PARAMS_MAX = 1000 };

struct param {
    struct bytes name, value; // decoded
};

static int init(struct way *w, const struct config_verify *c, struct err *e) {
    const char *url = way_param(c, "public_url", "");
    w->headers[WAY_SIGNATURE] = "X-Twilio-Signature";
    w->own = arena_strn(w->arena, url, strcspn(url, "?#"));
    if (w->own == NULL || *url == '\0' || !way_switch(c, "allow_sha1")) {
        return err_set(e, -EINVAL, "twilio: needs public_url and allow_sha1");
    }
    return way_text_keys(w, &w->keys, c, "secret", MAC_SHA1, e);
}

static bool head(struct check *c) {
    struct bytes value;
    if (!check_take(c, c->way->headers[WAY_SIGNATURE], &value)) {
        return false;
    }
    return check_given(c, DECODE_BASE64, value, SHA1_LEN) ||
           CHECK_REFUSE(c, 401, "header_form", "X-Twilio-Signature is not base64 of 20 bytes");
}

// ---- forms

static bool unescape(struct arena *a, struct bytes text, struct bytes *ret) {
    const char *p = text.data;
    uint8_t *out = arena_alloc(a, text.len + 1);
    size_t n = 0;
    for (size_t i = 0; i < text.len && out != NULL; i++) {
        size_t len;
        if (p[i] != '%') {
            out[n++] = (uint8_t)(p[i] == '+' ? ' ' : p[i]);
            continue;
        }
        if (text.len - i < 3 ||
            !decode_bytes(DECODE_HEX, (struct bytes){p + i + 1, 2}, out + n, 1, &len)) {
            return false;
        }
        n++;
        i += 2;
    }
    *ret = (struct bytes){out, n};
    return out != NULL;
}

// Up to `end` or the end; steps behind it.
static struct bytes cut(struct bytes *rest, char end) {
    const char *p = rest->data, *at = rest->len == 0 ? NULL : memchr(p, end, rest->len);
    struct bytes part = {p, at == NULL ? rest->len : (size_t)(at - p)};
    *rest = at == NULL ? (struct bytes){NULL, 0} : (struct bytes){at + 1, rest->len - part.len - 1};
    return part;
}

static bool read_form(struct arena *a, struct bytes body, struct param *params, size_t *ret_count) {
    size_t count = 0;
    while (body.len > 0) {
        struct bytes value = cut(&body, '&'), name;
        if (value.len == 0) {
            continue;
        }
        name = cut(&value, '=');
        if (count == PARAMS_MAX || !unescape(a, name, &params[count].name) ||
            !unescape(a, value, &params[count].value)) {
            return false;
        }
        count++;
    }
    *ret_count = count;
    return true;
}

static int compare_bytes(struct bytes a, struct bytes b) {
    size_t len = a.len < b.len ? a.len : b.len;
    int r = len == 0 ? 0 : memcmp(a.data, b.data, len);
    return r != 0 ? r : (a.len > b.len) - (a.len < b.len);
}

static int compare_params(const void *x, const void *y) {
    const struct param *a = x, *b = y;
    int r = compare_bytes(a->name, b->name);
    return r != 0 ? r : compare_bytes(a->value, b->value);
}

// Of equal pairs Twilio signs one.
static size_t drop_twins(struct param *params, size_t count) {
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || compare_params(&params[kept - 1], &params[i]) != 0) {
            params[kept++] = params[i];
        }
    }
    return kept;
}

static bool is_form(struct bytes type) {
    static const char form[] = "application/x-www-form-urlencoded";
    if (type.len < sizeof form - 1 || strncasecmp(type.data, form, sizeof form - 1) != 0) {
        return false;
    }
    char next = type.len == sizeof form - 1 ? ';' : ((const char *)type.data)[sizeof form - 1];
    return next == ';' || next == ' ';
}

// ---- what is signed

// The value of bodySHA256 in the query; false if it has none.
static bool find_body_hash(const char *query, struct bytes *ret) {
    struct bytes rest = bytes_of(query);
    while (rest.len > 0) {
        struct bytes value = cut(&rest, '&');
        if (take_prefix(&value, "bodySHA256=")) {
            *ret = value;
            return true;
        }
    }
    return false;
}

static bool check_body_hash(struct check *c, struct bytes text) {
    uint8_t given[MAC_SHA256_LEN], hash[MAC_MAX];
    size_t len;
    if (!decode_bytes(DECODE_HEX, text, given, sizeof given, &len) || len != sizeof given ||
        !mac_sum(c->way->sha256, &c->d->body, 1, hash) ||
        CRYPTO_memcmp(given, hash, sizeof given) != 0) {
        return CHECK_REFUSE(c, 401, "body_hash", "the body (%zu bytes) is not that of bodySHA256",
                            c->d->body.len);
    }
    return true;
}

// The parts behind the URL: names and values of a form, sorted.
static bool take_form(struct arena *a, struct bytes body, struct bytes *parts, size_t *count) {
    struct param *params = arena_alloc(a, PARAMS_MAX * sizeof *params);
    size_t n = 0;
    if (params == NULL || !read_form(a, body, params, &n)) {
        return false;
    }
    qsort(params, n, sizeof *params, compare_params);
    n = drop_twins(params, n);
    for (size_t i = 0; i < n; i++) {
        parts[(*count)++] = params[i].name;
        parts[(*count)++] = params[i].value;
    }
    return true;
}

static bool take_body(struct check *c, struct bytes *parts, size_t *count) {
    struct bytes type;
    if (c->d->body.len == 0) {
        return true;
    }
    return (check_header(c->d, "Content-Type", &type) == 1 && is_form(type) &&
            take_form(c->a, c->d->body, parts, count)) ||
           CHECK_REFUSE(c, 401, "body_form",
                        "the body is no form of at most %d parameters, and the URL has no "
                        "bodySHA256: nothing signs it",
                        PARAMS_MAX);
}

// The order of fields, their escapes and what is there twice are not signed.
static bool take_content(struct check *c, const struct bytes *parts, size_t count) {
    uint8_t sum[MAC_MAX];
    if (mac_sum(c->way->sha256, parts, count, sum)) {
        c->ret->content = arena_bytes(c->a, (struct bytes){sum, MAC_SHA256_LEN});
    }
    return c->ret->content.data != NULL ||
           CHECK_REFUSE(c, 401, "no_memory", "no memory for a digest");
}

static bool prove(struct check *c) {
    struct bytes *parts = arena_alloc(c->a, (2 + 2 * PARAMS_MAX) * sizeof *parts), hash;
    const char *target = c->d->target == NULL ? "" : c->d->target;
    const char *query = strchr(target, '?');
    size_t count = 0;
    if (parts == NULL) {
        return CHECK_REFUSE(c, 401, "no_memory", "no memory to check a signature with");
    }
    parts[count++] = bytes_of(c->way->own);
    parts[count++] = bytes_of(query); // with its question mark
    bool hashed = query != NULL && find_body_hash(query + 1, &hash);
    if (!hashed && !take_body(c, parts, &count)) {
        return false;
    }
    return check_signatures(c, parts, count) && (!hashed || check_body_hash(c, hash)) &&
           take_content(c, parts, count);
}

// ---- signing

static const char *hashed_url(struct signing *s) {
    uint8_t hash[MAC_MAX];
    s->failed |= !mac_sum(s->way->sha256, &s->ask->body, 1, hash);
    const char *url = arena_printf(s->a, "%s%cbodySHA256=%s", s->ask->url,
                                   strchr(s->ask->url, '?') == NULL ? '?' : '&',
                                   sign_text(s, DECODE_HEX, hash, MAC_SHA256_LEN));
    s->failed |= url == NULL;
    return url == NULL ? "" : url;
}

static int sign(struct signing *s, struct err *e) {
    struct bytes *parts = arena_alloc(s->a, (1 + 2 * PARAMS_MAX) * sizeof *parts);
    bool form = is_form(bytes_of(s->ask->content_type));
    size_t count = 1;
    if (s->ask->url == NULL || parts == NULL) {
        return err_set(e, -EINVAL, "twilio signs the URL that is called; none is known");
    }
    s->ret->url = form || s->ask->body.len == 0 ? s->ask->url : hashed_url(s);
    parts[0] = bytes_of(s->ret->url);
    if (form && !take_form(s->a, s->ask->body, parts, &count)) {
        return err_set(e, -EINVAL, "the payload is no form of at most %d parameters", PARAMS_MAX);
    }
    sign_header(s, s->way->headers[WAY_SIGNATURE], "%s", sign_mac(s, parts, count, DECODE_BASE64));
    return 0;
}

const struct scheme scheme_twilio = {"twilio", 0, init, head, prove, NULL, sign};
