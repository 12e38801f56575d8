/* Inside of host/intake: what a scheme is, and what schemes have in common.
 *
 * A way is one entry of hooks.<name>.verify. A delivery is judged by a way in two steps: `head` looks
 * at the headers and the time and keeps what it has read in the struct check; `prove` does the rest,
 * with the body. Both end with CHECK_REFUSE() or with true. */
#ifndef JOBHOST_INTAKE_SCHEME_H
#define JOBHOST_INTAKE_SCHEME_H

#include "base/decode.h"
#include "config/config.h"
#include "config/config_secret.h"
#include "intake/mac.h"
#include "intake/sign.h"
#include "intake/verify.h"

/* Headers of a way; each may come once at most. */
enum {
    WAY_SIGNATURE,
    WAY_TIMESTAMP,
    WAY_ID,
    WAY_LEGACY, /* others for the same: of old senders, or of a second family */
    WAY_LEGACY_TIMESTAMP,
    WAY_LEGACY_ID,
    WAY_HEADERS
};

/* NULL between them: a key of another kind. */
struct keyring {
    struct mac *macs[VERIFY_KEYS_MAX];
    size_t count;
};

struct scheme;
struct way {
    const struct scheme *scheme;
    const char *headers[WAY_HEADERS]; /* names; NULL = it has none of the kind */
    int64_t tolerance_ms;
    struct keyring keys, old_keys; /* old: the same secrets for WAY_LEGACY */
    const struct mac *sha256;      /* a plain one */
    struct arena *arena;           /* the verifier's, while it is made */
    struct config_vault *vault;
    const char *base_url; /* host.base_url; "" = not known */
    bool signs;           /* made to sign: private keys will do, too */
    void *own;            /* the scheme's, in the verifier's arena */
};

struct check {
    const struct way *way;
    const struct delivery *d;
    struct arena *a;
    struct verdict *ret;
    /* what head() has read */
    uint8_t given[VERIFY_SIGNATURES_MAX][MAC_MAX]; /* presented signatures, decoded */
    size_t given_len[VERIFY_SIGNATURES_MAX], given_count;
    struct bytes id, timestamp;
    int64_t at_s;                      /* the signed time */
    uint8_t body_hash[MAC_SHA256_LEN]; /* of schemes that sign a hash of the body */
    struct bytes token;
};

struct signing;
struct scheme {
    const char *name;
    int64_t tolerance_ms; /* where the hook says nothing; 0 of schemes without a time, too */
    /* 0 or negative with the reason; the way is zeroed but for what every scheme has. */
    int (*init)(struct way *w, const struct config_verify *c, struct err *e);
    bool (*head)(struct check *c);
    bool (*prove)(struct check *c);
    void (*finish)(struct way *w); /* NULL: `own` needs none */
    /* Adds headers; 0 or negative with the reason. NULL: nothing is signed. */
    int (*sign)(struct signing *s, struct err *e);
};

/* One delivery that is being signed. What runs out of memory sets `failed`. */
struct signing {
    const struct way *way;
    const struct config_verify *c;
    const struct sign_ask *ask;
    struct arena *a;
    struct signature *ret;
    const char *now_s;
    bool failed;
};
void sign_header(struct signing *s, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The HMAC of the parts under the first key, as text. */
const char *sign_mac(struct signing *s, const struct bytes *parts, size_t count,
                     enum decode_form form);
const char *sign_text(struct signing *s, enum decode_form form, const void *data, size_t len);

/* verify.c: a verifier of these entries. */
struct ways_ask {
    const struct config_verify *verify;
    size_t count;
    int64_t tolerance_ms; /* 0 = of each scheme */
    const char *base_url;
    bool signs;
};
int ways_new(const struct ways_ask *ask, struct verifier **ret, struct err *e);
const struct way *ways_first(const struct verifier *v);

/* NULL = there is none of that name. */
const struct scheme *scheme_find(const char *name);
extern const struct scheme scheme_qstash, scheme_standard_webhooks, scheme_svix, scheme_github,
    scheme_stripe, scheme_slack, scheme_shopify, scheme_gitlab, scheme_twilio, scheme_bearer,
    scheme_hmac, scheme_none;

/* ---- parameters of a way */

/* The first of that name, or `fallback`. */
const char *way_param(const struct config_verify *c, const char *name, const char *fallback);
bool way_switch(const struct config_verify *c, const char *name); /* "true" */
int way_add_key(struct way *w, struct keyring *ring, enum mac_hash hash, struct bytes key,
                struct err *e);
/* A key for each parameter of this name, as its text has it. */
int way_text_keys(struct way *w, struct keyring *ring, const struct config_verify *c,
                  const char *name, enum mac_hash hash, struct err *e);

/* ---- judging */

/* Steps behind `prefix`, if the text begins with it. */
static inline bool take_prefix(struct bytes *text, const char *prefix) {
    size_t len = strlen(prefix);
    if (text->len < len || memcmp(text->data, prefix, len) != 0) {
        return false;
    }
    *text = (struct bytes){(const char *)text->data + len, text->len - len};
    return true;
}

/* The verdict: `status` 400 or 401, a constant, and words for the operator. */
void check_refused(struct check *c, int status, const char *check, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* The same, and false. */
#define CHECK_REFUSE(...) (check_refused(__VA_ARGS__), false)
/* How often a header of the delivery is there; the first one's value. */
unsigned check_header(const struct delivery *d, const char *name, struct bytes *ret);
/* The value of a header that has to be there. */
bool check_take(struct check *c, const char *name, struct bytes *ret);
/* One more presented signature; false if it is not `size` bytes in that form. */
bool check_given(struct check *c, enum decode_form form, struct bytes text, size_t size);
/* The time that was signed, against the way's tolerance. */
bool check_time(struct check *c, struct bytes text);
/* The HMACs of the parts under all keys against all presented signatures: bit i is key i. */
unsigned check_macs(struct check *c, const struct keyring *ring, const struct bytes *parts,
                    size_t count);
bool check_matched(struct check *c, unsigned matched);
/* Both, with the way's keys. */
bool check_signatures(struct check *c, const struct bytes *parts, size_t count);
/* 1 to VERIFY_ID_MAX printable characters of ASCII without blanks. */
bool check_is_plain_id(struct bytes id);
/* An id that is not signed, from the way's header. */
void check_unsigned_id(struct check *c);
/* An id that the signature covers. */
void check_signed_id(struct check *c, struct bytes id);
/* Where no id is signed: a digest of these parts stands for the delivery. */
bool check_digest(struct check *c, const struct bytes *parts, size_t count);
/* The same of the signed time and the body. */
bool check_time_digest(struct check *c);
/* An id in the signed body, the string at this key of a JSON object; check_time_digest() without one. */
bool check_body_id(struct check *c, const char *key);

#endif
