// Schemes that sign nothing: a token that both sides know is sent along. It is judged with the head.

#include "intake/scheme.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <string.h>
#include <strings.h>

// SHA-256 of each, so that they compare in the same time whatever their lengths.
struct tokens {
    const char *digests[VERIFY_KEYS_MAX]; // in the vault: a short token could be guessed by them
    size_t count;
};

static bool keep_token(struct way *w, struct tokens *t, struct bytes token) {
    uint8_t digest[MAC_MAX];
    if (!mac_sum(w->sha256, &token, 1, digest)) {
        return false;
    }
    t->digests[t->count] = config_vault_strn(w->vault, (const char *)digest, MAC_SHA256_LEN);
    OPENSSL_cleanse(digest, sizeof digest);
    return t->digests[t->count++] != NULL;
}

static int init_tokens(struct way *w, const struct config_verify *c, struct err *e) {
    struct tokens *t = arena_zalloc(w->arena, sizeof *t);
    w->own = t;
    if (t == NULL) {
        return err_set(e, -ENOMEM, "no memory for tokens");
    }
    for (size_t i = 0; i < c->param_count; i++) {
        struct bytes token = bytes_of(c->params[i].value);
        if (strcmp(c->params[i].name, "secret") != 0) {
            continue;
        }
        if (token.len == 0 || t->count == VERIFY_KEYS_MAX) {
            return err_set(e, -EINVAL, "%s: an empty secret, or more than %d", w->scheme->name,
                           VERIFY_KEYS_MAX);
        }
        if (!keep_token(w, t, token)) {
            return err_set(e, -ENOMEM, "no memory for tokens");
        }
    }
    return 0;
}

static bool check_token(struct check *c, struct bytes token) {
    const struct tokens *t = c->way->own;
    uint8_t digest[MAC_MAX];
    unsigned matched = 0;
    if (!mac_sum(c->way->sha256, &token, 1, digest)) {
        return CHECK_REFUSE(c, 401, "no_memory", "no memory to check a token with");
    }
    for (size_t i = 0; i < t->count; i++) {
        matched |= (unsigned)(CRYPTO_memcmp(t->digests[i], digest, MAC_SHA256_LEN) == 0) << i;
    }
    if (matched == 0) {
        return CHECK_REFUSE(c, 401, "signature", "the token is none of those that are known");
    }
    c->ret->key = (unsigned)__builtin_ctz(matched);
    return true;
}

static bool prove(struct check *c) {
    check_unsigned_id(c);
    return true;
}

// The token itself is what is sent.
static int sign_token(struct signing *s, const char *word) {
    sign_header(s, s->way->headers[WAY_ID], "%s", s->ask->id);
    sign_header(s, s->way->headers[WAY_SIGNATURE], "%s%s", word, way_param(s->c, "secret", ""));
    return 0;
}

// ---- GitLab: X-Gitlab-Token

static int init_gitlab(struct way *w, const struct config_verify *c, struct err *e) {
    w->headers[WAY_SIGNATURE] = "X-Gitlab-Token";
    w->headers[WAY_ID] = "Idempotency-Key";
    return init_tokens(w, c, e);
}

static bool head_gitlab(struct check *c) {
    struct bytes value;
    return check_take(c, c->way->headers[WAY_SIGNATURE], &value) && check_token(c, value);
}

static int sign_gitlab(struct signing *s, struct err *e) {
    (void)e;
    return sign_token(s, "");
}

const struct scheme scheme_gitlab = {"gitlab", 0,    init_gitlab, head_gitlab,
                                     prove,    NULL, sign_gitlab};

// ---- bearer: Authorization: Bearer TOKEN

static int init_bearer(struct way *w, const struct config_verify *c, struct err *e) {
    w->headers[WAY_SIGNATURE] = "Authorization";
    w->headers[WAY_ID] = "Idempotency-Key";
    return init_tokens(w, c, e);
}

static bool head_bearer(struct check *c) {
    static const char word[] = "Bearer ";
    const size_t len = sizeof word - 1;
    struct bytes value;
    if (!check_take(c, c->way->headers[WAY_SIGNATURE], &value)) {
        return false;
    }
    if (value.len <= len || strncasecmp(value.data, word, len) != 0) {
        return CHECK_REFUSE(c, 401, "header_form", "Authorization is not Bearer and a token");
    }
    return check_token(c, (struct bytes){(const char *)value.data + len, value.len - len});
}

static int sign_bearer(struct signing *s, struct err *e) {
    (void)e;
    return sign_token(s, "Bearer ");
}

const struct scheme scheme_bearer = {"bearer", 0,    init_bearer, head_bearer,
                                     prove,    NULL, sign_bearer};
