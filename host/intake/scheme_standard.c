// Standard Webhooks: v1 (HMAC) and v1a (Ed25519) over id "." time "." body, in the headers webhook-*;
// Svix is the same in svix-*, and takes the others as well.

#include "intake/scheme.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>

enum { V1_LEN = 32, V1A_LEN = 64, PUBLIC_LEN = 32 };

struct standard {
    EVP_PKEY *public_keys[VERIFY_KEYS_MAX]; // beside a NULL of the way's keyring
};

// ---- keys

static int add_public(struct way *w, const uint8_t *key, size_t len, struct err *e) {
    struct standard *s = w->own;
    if (len != PUBLIC_LEN || w->keys.count == VERIFY_KEYS_MAX) {
        return err_set(e, -EINVAL, "%s: a whpk_ key has %d bytes", w->scheme->name, PUBLIC_LEN);
    }
    EVP_PKEY *public = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key, len);
    if (public == NULL) {
        return err_set(e, -ENOMEM, "no memory for a key");
    }
    s->public_keys[w->keys.count++] = public;
    return 0;
}

// The seed alone, or with the public key behind it.
static int add_private(struct way *w, const uint8_t *key, size_t len, struct err *e) {
    struct standard *s = w->own;
    if (!w->signs || (len != PUBLIC_LEN && len != 2 * PUBLIC_LEN) ||
        w->keys.count == VERIFY_KEYS_MAX) {
        return err_set(e, -EINVAL, "%s: a whsk_ key is for senders, and has 32 or 64 bytes",
                       w->scheme->name);
    }
    EVP_PKEY *private = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, key, PUBLIC_LEN);
    if (private == NULL) {
        return err_set(e, -ENOMEM, "no memory for a key");
    }
    s->public_keys[w->keys.count++] = private;
    return 0;
}

static int add_secret(struct way *w, const char *secret, struct err *e) {
    struct bytes text = bytes_of(secret);
    uint8_t key[DECODE_ROOM(CONFIG_KEY_TEXT_MAX)];
    size_t len;
    bool is_public = take_prefix(&text, "whpk_"), is_private = take_prefix(&text, "whsk_");
    if (!is_public && !is_private) {
        (void)take_prefix(&text, "whsec_");
    }
    if (!decode_bytes(DECODE_BASE64, text, key, sizeof key, &len)) {
        return err_set(e, -EINVAL, "%s: the secret is not valid base64", w->scheme->name);
    }
    int r = is_public    ? add_public(w, key, len, e)
            : is_private ? add_private(w, key, len, e)
                         : way_add_key(w, &w->keys, MAC_SHA256, (struct bytes){key, len}, e);
    OPENSSL_cleanse(key, sizeof key);
    return r;
}

static int init(struct way *w, const struct config_verify *c, struct err *e) {
    w->own = arena_zalloc(w->arena, sizeof(struct standard));
    if (w->own == NULL) {
        return err_set(e, -ENOMEM, "no memory for a scheme");
    }
    int r = 0;
    for (size_t i = 0; i < c->param_count && r == 0; i++) {
        if (strcmp(c->params[i].name, "secret") == 0) {
            r = add_secret(w, c->params[i].value, e);
        }
    }
    return r;
}

static void finish(struct way *w) {
    struct standard *s = w->own;
    for (size_t i = 0; s != NULL && i < w->keys.count; i++) {
        EVP_PKEY_free(s->public_keys[i]);
    }
}

// ---- the header of signatures

static bool is_version(struct bytes text) { // v1, v1a, v23
    const char *p = text.data;
    size_t digits = 0;
    while (1 + digits < text.len && p[1 + digits] >= '0' && p[1 + digits] <= '9') {
        digits++;
    }
    size_t rest = text.len - 1 - digits;
    return text.len > 1 && p[0] == 'v' && digits > 0 &&
           (rest == 0 || (rest == 1 && p[text.len - 1] >= 'a' && p[text.len - 1] <= 'z'));
}

static bool is_base64_like(struct bytes text) {
    const char *p = text.data;
    size_t len = text.len, padding = 0;
    while (len > 0 && padding < 2 && p[len - 1] == '=') {
        len--;
        padding++;
    }
    for (size_t i = 0; i < len; i++) {
        bool letter = (p[i] >= 'A' && p[i] <= 'Z') || (p[i] >= 'a' && p[i] <= 'z');
        if (!letter && !(p[i] >= '0' && p[i] <= '9') && p[i] != '+' && p[i] != '/') {
            return false;
        }
    }
    return len > 0;
}

// One token: those of unknown versions pass, if they have the form of one.
static bool take_token(struct check *c, struct bytes token) {
    const char *comma = token.len == 0 ? NULL : memchr(token.data, ',', token.len);
    if (comma == NULL) {
        return false;
    }
    size_t at = (size_t)(comma - (const char *)token.data);
    struct bytes version = {token.data, at}, text = {comma + 1, token.len - at - 1};
    if (version.len < 2 || !is_version(version) || !is_base64_like(text)) {
        return false;
    }
    if (bytes_equal(version, bytes_of("v1"))) {
        return check_given(c, DECODE_BASE64, text, V1_LEN);
    }
    return !bytes_equal(version, bytes_of("v1a")) || check_given(c, DECODE_BASE64, text, V1A_LEN);
}

static size_t count_blanks(struct bytes text) {
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++) {
        count += ((const char *)text.data)[i] == ' ';
    }
    return count;
}

static bool take_tokens(struct check *c, const char *name, struct bytes value) {
    if (count_blanks(value) >= VERIFY_SIGNATURES_MAX) {
        return CHECK_REFUSE(c, 400, "signatures_many", "more than %d signatures in %s",
                            VERIFY_SIGNATURES_MAX, name);
    }
    for (bool more = true; more;) {
        const char *p = value.data;
        const char *blank = value.len == 0 ? NULL : memchr(p, ' ', value.len);
        size_t len = blank == NULL ? value.len : (size_t)(blank - p);
        if (!take_token(c, (struct bytes){p, len})) {
            return CHECK_REFUSE(c, 401, "header_form", "%s is not a list of v1,<base64>", name);
        }
        more = blank != NULL;
        value = more ? (struct bytes){blank + 1, value.len - len - 1} : value;
    }
    return true;
}

// ---- the three headers

// A dot in the id would make what is signed mean two things.
static bool is_id(struct bytes id) {
    const char *p = id.data;
    for (size_t i = 0; i < id.len; i++) {
        bool letter = (p[i] >= 'A' && p[i] <= 'Z') || (p[i] >= 'a' && p[i] <= 'z');
        if (!letter && !(p[i] >= '0' && p[i] <= '9') && p[i] != '-' && p[i] != '_') {
            return false;
        }
    }
    return id.len > 0 && id.len <= VERIFY_ID_MAX;
}

static bool take_family(struct check *c, const char *const names[3]) {
    struct bytes time, signatures;
    if (!check_take(c, names[WAY_ID], &c->id) || !check_take(c, names[WAY_TIMESTAMP], &time) ||
        !check_take(c, names[WAY_SIGNATURE], &signatures)) {
        return false;
    }
    if (!is_id(c->id)) {
        return CHECK_REFUSE(c, 401, "header_form", "%s is not 1 to %d letters, digits, '_' and '-'",
                            names[WAY_ID], VERIFY_ID_MAX);
    }
    return take_tokens(c, names[WAY_SIGNATURE], signatures) && check_time(c, time);
}

static const char *const webhook_names[] = {[WAY_SIGNATURE] = "webhook-signature",
                                            [WAY_TIMESTAMP] = "webhook-timestamp",
                                            [WAY_ID] = "webhook-id"};
static const char *const svix_names[] = {
    [WAY_SIGNATURE] = "svix-signature", [WAY_TIMESTAMP] = "svix-timestamp", [WAY_ID] = "svix-id"};

static bool head_standard(struct check *c) {
    return take_family(c, webhook_names);
}

// All three are of one family: any of svix-* makes it that one.
static bool head_svix(struct check *c) {
    struct bytes value;
    for (size_t i = 0; i < ARRAY_LEN(svix_names); i++) {
        if (check_header(c->d, svix_names[i], &value) > 0) {
            return take_family(c, svix_names);
        }
    }
    return take_family(c, webhook_names);
}

// ---- the signatures

static unsigned check_public(struct check *c, struct bytes text) {
    const struct standard *s = c->way->own;
    unsigned matched = 0;
    for (size_t i = 0; i < c->way->keys.count; i++) {
        for (size_t j = 0; s->public_keys[i] != NULL && j < c->given_count; j++) {
            EVP_MD_CTX *context = c->given_len[j] == V1A_LEN ? EVP_MD_CTX_new() : NULL;
            bool good = context != NULL &&
                        EVP_DigestVerifyInit(context, NULL, NULL, NULL, s->public_keys[i]) == 1 &&
                        EVP_DigestVerify(context, c->given[j], V1A_LEN, text.data, text.len) == 1;
            matched |= (unsigned)good << i;
            EVP_MD_CTX_free(context);
        }
    }
    return matched;
}

static bool has_public(const struct way *w) {
    const struct standard *s = w->own;
    for (size_t i = 0; i < w->keys.count; i++) {
        if (s->public_keys[i] != NULL) {
            return true;
        }
    }
    return false;
}

// Ed25519 reads its text twice, so it has to be in one piece.
static bool join(struct arena *a, const struct bytes *parts, size_t count, struct bytes *ret) {
    size_t len = 0;
    for (size_t i = 0; i < count; i++) {
        len += parts[i].len;
    }
    char *out = arena_alloc(a, len), *at = out;
    for (size_t i = 0; i < count && out != NULL; i++) {
        if (parts[i].len > 0) {
            memcpy(at, parts[i].data, parts[i].len);
        }
        at += parts[i].len;
    }
    *ret = (struct bytes){out, len};
    return out != NULL;
}

static bool prove(struct check *c) {
    const struct bytes parts[] = {c->id, {".", 1}, c->timestamp, {".", 1}, c->d->body};
    unsigned matched = check_macs(c, &c->way->keys, parts, ARRAY_LEN(parts));
    if (has_public(c->way)) {
        struct bytes text;
        if (!join(c->a, parts, ARRAY_LEN(parts), &text)) {
            return CHECK_REFUSE(c, 401, "no_memory", "no memory to check a signature with");
        }
        matched |= check_public(c, text);
    }
    if (!check_matched(c, matched)) {
        return false;
    }
    check_signed_id(c, c->id);
    return true;
}

static int init_standard(struct way *w, const struct config_verify *c, struct err *e) {
    memcpy(w->headers, webhook_names, sizeof webhook_names);
    return init(w, c, e);
}

static int init_svix(struct way *w, const struct config_verify *c, struct err *e) {
    memcpy(w->headers, svix_names, sizeof svix_names);
    memcpy(w->headers + WAY_LEGACY, webhook_names, sizeof webhook_names);
    return init(w, c, e);
}

// ---- signing

static const char *sign_private(struct signing *s, struct bytes text) {
    const struct standard *own = s->way->own;
    uint8_t sum[V1A_LEN];
    size_t len = sizeof sum;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool good = context != NULL && own->public_keys[0] != NULL &&
                EVP_DigestSignInit(context, NULL, NULL, NULL, own->public_keys[0]) == 1 &&
                EVP_DigestSign(context, sum, &len, text.data, text.len) == 1;
    EVP_MD_CTX_free(context);
    s->failed |= !good;
    return good ? sign_text(s, DECODE_BASE64, sum, sizeof sum) : "";
}

static int sign(struct signing *s, struct err *e) {
    const struct bytes parts[] = {
        bytes_of(s->ask->id), {".", 1}, bytes_of(s->now_s), {".", 1}, s->ask->body};
    bool hmac = s->way->keys.macs[0] != NULL;
    struct bytes text;
    if (!is_id(parts[0])) {
        return err_set(e, -EINVAL, "an id has 1 to %d letters, digits, '_' and '-'", VERIFY_ID_MAX);
    }
    if (!join(s->a, parts, ARRAY_LEN(parts), &text)) {
        return err_set(e, -ENOMEM, "out of memory");
    }
    sign_header(s, s->way->headers[WAY_ID], "%s", s->ask->id);
    sign_header(s, s->way->headers[WAY_TIMESTAMP], "%s", s->now_s);
    sign_header(s, s->way->headers[WAY_SIGNATURE], "%s,%s", hmac ? "v1" : "v1a",
                hmac ? sign_mac(s, &text, 1, DECODE_BASE64) : sign_private(s, text));
    return 0;
}

const struct scheme scheme_standard_webhooks = {
    "standard_webhooks", VERIFY_TOLERANCE_MS, init_standard, head_standard, prove, finish, sign};
const struct scheme scheme_svix = {"svix", VERIFY_TOLERANCE_MS, init_svix, head_svix, prove, finish,
                                   sign};
