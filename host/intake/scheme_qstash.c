// QStash: Upstash-Signature holds a token (JWT, HS256) with the addressee, a span of time and the hash
// of the body. All but that hash is judged with the head.

#include "intake/scheme.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/crypto.h>

#include "base/json.h"
#include "intake/jwt.h"

struct qstash {
    const char *urls[16]; // addressees; none: base_url and the request's target
    size_t url_count;
    bool check_url, require_nbf;
};

// ---- keys and parameters

static int add_urls(struct way *w, struct qstash *q, const struct config_verify *c, struct err *e) {
    for (size_t i = 0; i < c->param_count; i++) {
        if (strcmp(c->params[i].name, "url") != 0) {
            continue;
        }
        const char *url = arena_str(w->arena, c->params[i].value);
        if (url == NULL || q->url_count == ARRAY_LEN(q->urls)) {
            return err_set(e, -EINVAL, "qstash: too many URLs, or no memory for them");
        }
        q->urls[q->url_count++] = url;
    }
    return 0;
}

static int init(struct way *w, const struct config_verify *c, struct err *e) {
    struct qstash *q = arena_zalloc(w->arena, sizeof *q);
    if (q == NULL) {
        return err_set(e, -ENOMEM, "no memory for a scheme");
    }
    w->own = q;
    w->headers[WAY_SIGNATURE] = "Upstash-Signature";
    q->check_url = strcmp(way_param(c, "check_url", "true"), "true") == 0;
    q->require_nbf = strcmp(way_param(c, "require_nbf", "true"), "true") == 0;
    int r = way_text_keys(w, &w->keys, c, "current", MAC_SHA256, e);
    if (r == 0) {
        r = way_text_keys(w, &w->keys, c, "next", MAC_SHA256, e);
    }
    return r < 0 ? r : add_urls(w, q, c, e);
}

// ---- the token

static bool check_header_object(struct check *c, struct bytes object) {
    static const struct bytes names[] = {{"alg", 3}, {"crit", 4}};
    struct bytes values[ARRAY_LEN(names)];
    if (!jwt_members(object, names, values, ARRAY_LEN(names), c->a)) {
        return CHECK_REFUSE(c, 401, "token_form", "the token's header is no proper JSON object");
    }
    const char *alg = json_text(c->a, values[0]);
    if (alg == NULL || strcmp(alg, "HS256") != 0) {
        return CHECK_REFUSE(c, 401, "token_alg", "alg is %.40s, not HS256",
                            alg == NULL ? "no text" : alg);
    }
    if (values[1].data != NULL) {
        return CHECK_REFUSE(c, 401, "token_crit", "the token wants extensions (crit)");
    }
    return true;
}

enum { CLAIM_ISS, CLAIM_SUB, CLAIM_EXP, CLAIM_NBF, CLAIM_BODY, CLAIM_JTI, CLAIMS };
static const struct bytes claim_names[CLAIMS] = {{"iss", 3}, {"sub", 3},  {"exp", 3},
                                                 {"nbf", 3}, {"body", 4}, {"jti", 3}};

static bool take_text(struct check *c, const struct bytes *claims, int claim, const char **ret) {
    if (claims[claim].data == NULL) {
        return CHECK_REFUSE(c, 401, "claim_missing", "the claim %s is missing",
                            (const char *)claim_names[claim].data);
    }
    *ret = json_text(c->a, claims[claim]);
    return *ret != NULL || CHECK_REFUSE(c, 401, "claim_form", "the claim %s is no text",
                                        (const char *)claim_names[claim].data);
}

static bool take_time(struct check *c, const struct bytes *claims, int claim, int64_t *ret) {
    if (claims[claim].data == NULL) {
        return CHECK_REFUSE(c, 401, "claim_missing", "the claim %s is missing",
                            (const char *)claim_names[claim].data);
    }
    return jwt_integer(claims[claim], ret) ||
           CHECK_REFUSE(c, 401, "claim_form", "the claim %s is no whole number of seconds",
                        (const char *)claim_names[claim].data);
}

static bool check_iss(struct check *c, const struct bytes *claims) {
    const char *iss;
    if (!take_text(c, claims, CLAIM_ISS, &iss)) {
        return false;
    }
    return strcmp(iss, "Upstash") == 0 ||
           CHECK_REFUSE(c, 401, "claim_iss", "iss is \"%.60s\", not \"Upstash\"", iss);
}

// Byte for byte: whoever accepts several spellings lists them.
static bool is_addressee(const struct check *c, const char *sub) {
    const struct qstash *q = c->way->own;
    for (size_t i = 0; i < q->url_count; i++) {
        if (strcmp(q->urls[i], sub) == 0) {
            return true;
        }
    }
    size_t len = strlen(c->way->base_url);
    len -= len > 0 && c->way->base_url[len - 1] == '/';
    return q->url_count == 0 && len > 0 && c->d->target != NULL &&
           strncmp(sub, c->way->base_url, len) == 0 && strcmp(sub + len, c->d->target) == 0;
}

static bool check_sub(struct check *c, const struct bytes *claims) {
    const struct qstash *q = c->way->own;
    const char *sub;
    if (!take_text(c, claims, CLAIM_SUB, &sub)) {
        return false;
    }
    if (!q->check_url || is_addressee(c, sub)) {
        return true;
    }
    return q->url_count > 0
               ? CHECK_REFUSE(c, 401, "claim_sub", "sub is %.60s, which is none of url", sub)
               : CHECK_REFUSE(c, 401, "claim_sub", "sub is %.60s, not %.40s%.30s", sub,
                              c->way->base_url, c->d->target == NULL ? "" : c->d->target);
}

static bool check_span(struct check *c, const struct bytes *claims) {
    const struct qstash *q = c->way->own;
    int64_t now_s = c->d->now_ms / 1000, tolerance_s = c->way->tolerance_ms / 1000, nbf = 0;
    if (!take_time(c, claims, CLAIM_EXP, &c->at_s)) {
        return false;
    }
    if (c->at_s <= now_s - tolerance_s) {
        return CHECK_REFUSE(c, 401, "claim_exp",
                            "exp was %" PRId64 " s ago; less than %" PRId64 " s are allowed",
                            now_s - c->at_s, tolerance_s);
    }
    if (c->at_s > now_s + tolerance_s + VERIFY_CLAIM_AHEAD_S) {
        return CHECK_REFUSE(c, 401, "claim_exp",
                            "exp is %" PRId64 " s ahead; %" PRId64 " s are allowed",
                            c->at_s - now_s, tolerance_s + VERIFY_CLAIM_AHEAD_S);
    }
    if (claims[CLAIM_NBF].data == NULL && !q->require_nbf) {
        return true;
    }
    if (!take_time(c, claims, CLAIM_NBF, &nbf)) {
        return false;
    }
    return nbf <= now_s + tolerance_s ||
           CHECK_REFUSE(c, 401, "claim_nbf",
                        "nbf is %" PRId64 " s ahead; %" PRId64 " s are allowed", nbf - now_s,
                        tolerance_s);
}

static bool take_body_hash(struct check *c, const struct bytes *claims) {
    const char *text;
    size_t len;
    if (!take_text(c, claims, CLAIM_BODY, &text)) {
        return false;
    }
    struct bytes hash = bytes_of(text);
    hash.len -= hash.len == 44 && text[43] == '='; // real tokens have the padding
    return (decode_bytes(DECODE_BASE64URL, hash, c->body_hash, sizeof c->body_hash, &len) &&
            len == sizeof c->body_hash) ||
           CHECK_REFUSE(c, 401, "claim_form", "the claim body is not base64url of 32 bytes");
}

static bool take_jti(struct check *c, const struct bytes *claims) {
    const char *jti = NULL;
    if (claims[CLAIM_JTI].data != NULL && !take_text(c, claims, CLAIM_JTI, &jti)) {
        return false;
    }
    c->id = bytes_of(jti);
    return true;
}

static bool head(struct check *c) {
    struct bytes claims[CLAIMS], value;
    struct jwt jwt;
    if (!check_take(c, c->way->headers[WAY_SIGNATURE], &value)) {
        return false;
    }
    if (!jwt_split(value, c->a, &jwt)) {
        return CHECK_REFUSE(c, 401, "header_form",
                            "Upstash-Signature is not three segments of base64url");
    }
    memcpy(c->given[0], jwt.signature, sizeof jwt.signature);
    c->given_len[0] = sizeof jwt.signature;
    c->given_count = 1;
    c->token = value;
    if (!check_signatures(c, &jwt.signed_text, 1) || !check_header_object(c, jwt.header)) {
        return false;
    }
    if (!jwt_members(jwt.payload, claim_names, claims, CLAIMS, c->a)) {
        return CHECK_REFUSE(c, 401, "token_form", "the token's payload is no proper JSON object");
    }
    return check_iss(c, claims) && check_sub(c, claims) && check_span(c, claims) &&
           take_body_hash(c, claims) && take_jti(c, claims);
}

// ---- the body

static bool prove(struct check *c) {
    uint8_t hash[MAC_MAX];
    if (!mac_sum(c->way->sha256, &c->d->body, 1, hash) ||
        CRYPTO_memcmp(hash, c->body_hash, sizeof c->body_hash) != 0) {
        return CHECK_REFUSE(c, 401, "body_hash", "the body (%zu bytes) is not the one of the token",
                            c->d->body.len);
    }
    int64_t rest_ms = c->at_s * 1000 - c->d->now_ms + c->way->tolerance_ms;
    if (check_is_plain_id(c->id)) {
        check_signed_id(c, c->id);
    } else if (!check_digest(c, &c->token, 1)) { // the token itself
        return false;
    }
    if (rest_ms > c->ret->replay_keep_ms) {
        c->ret->replay_keep_ms = rest_ms;
    }
    return true;
}

// ---- signing

static const char *make_payload(struct signing *s) {
    struct buf text = {0};
    uint8_t hash[MAC_MAX];
    int64_t now_s = s->ask->now_ms / 1000;
    s->failed |= !mac_sum(s->way->sha256, &s->ask->body, 1, hash);
    buf_char(&text, '{');
    json_kstr(&text, "iss", "Upstash");
    json_kstr(&text, "sub", s->ask->url);
    json_kint(&text, "exp", now_s + 300);
    json_kint(&text, "nbf", 0);
    json_kint(&text, "iat", now_s);
    json_kstr(&text, "jti", s->ask->id);
    json_key(&text, "body"); // with its padding, as real ones have it
    buf_printf(&text, "\"%s=\"}", sign_text(s, DECODE_BASE64URL, hash, MAC_SHA256_LEN));
    s->failed |= text.failed;
    const char *encoded = sign_text(s, DECODE_BASE64URL, text.data, text.len);
    buf_free(&text);
    return encoded;
}

static int sign(struct signing *s, struct err *e) {
    static const char header[] = "{\"alg\":\"HS256\",\"typ\":\"JWT\"}";
    if (s->ask->url == NULL) {
        return err_set(e, -EINVAL, "qstash signs the URL that is called; none is known");
    }
    const struct bytes parts[] = {
        bytes_of(sign_text(s, DECODE_BASE64URL, header, sizeof header - 1)),
        {".", 1},
        bytes_of(make_payload(s)),
    };
    sign_header(s, s->way->headers[WAY_SIGNATURE], "%s.%s.%s", (const char *)parts[0].data,
                (const char *)parts[2].data,
                sign_mac(s, parts, ARRAY_LEN(parts), DECODE_BASE64URL));
    sign_header(s, "Upstash-Message-Id", "%s", s->ask->id);
    return 0;
}

const struct scheme scheme_qstash = {"qstash", 0, init, head, prove, NULL, sign};
