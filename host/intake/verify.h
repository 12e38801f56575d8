/* Who has sent a webhook: the signature schemes of one hook, each with its keys, and the verdict on
 * one delivery. What each scheme checks stands in docs/webhooks.md.
 *
 *     struct config_hook ──verifier_new()──▶ verifier ──┬─ way: scheme, keys, parameters
 *                                                       └─ way ...      one that passes is enough
 *     delivery ──verifier_check()──▶ verdict
 *
 * No I/O, no clock, no log. Nothing in a delivery chooses how it is judged: algorithm, headers and
 * template come from the configuration. Every key is tried with every signature, whatever has matched
 * before. A verifier is never changed; any thread may use it. */
#ifndef JOBHOST_INTAKE_VERIFY_H
#define JOBHOST_INTAKE_VERIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/err.h"
#include "net/header.h"

struct config_hook;

enum {
    VERIFY_KEYS_MAX = 8,       /* of one scheme                                           */
    VERIFY_SIGNATURES_MAX = 8, /* in one header; over: 400                                */
    VERIFY_ID_MAX = 256,       /* bytes; a longer id that is not signed is taken for none */
    VERIFY_TOLERANCE_MS = 300 * 1000,
    VERIFY_KEEP_MS = 24 * 3600 * 1000, /* ids are remembered at least so long            */
    VERIFY_CLAIM_AHEAD_S = 24 * 3600   /* how far ahead exp may lie                      */
};

/* One delivery as it came. Borrowed. */
struct delivery {
    const struct header *headers;
    size_t header_count;
    struct bytes body;
    const char *target; /* path and query as sent */
    int64_t now_ms;     /* wall clock             */
};

struct verdict {
    int status; /* 0: passed; 400: malformed (a header twice, too many signatures); 401 */
    /* A constant, for logs and the label of a metric; NULL when it passed:
     *   header_missing header_repeated header_form signatures_many signature
     *   timestamp_old timestamp_ahead body_hash body_form token_form token_alg token_crit
     *   claim_missing claim_form claim_iss claim_sub claim_exp claim_nbf no_memory */
    const char *check;
    char detail[160]; /* for the operator only, "the time is 301 s old; 300 s are allowed": never a
                         secret or a signature */
    const char *scheme; /* the one that passed, or that the failure is of: the first whose headers
                           are there, else the first */
    unsigned key;       /* which of its keys matched, from 0, in the order of the configuration */
    struct bytes id;    /* the delivery's id by the scheme, in the arena; {NULL, 0}: none */
    bool id_signed;     /* the signature covers it */
    /* What is to be remembered (beside the hook's name) so that the delivery is not taken twice:
     * the signed id, or a digest where a time is signed but no id. {NULL, 0}: the scheme cannot
     * tell. In the arena. */
    struct bytes replay;
    int64_t replay_keep_ms; /* at least so long */
    /* A digest of what was signed, where the body's bytes are not: one content has several spellings.
     * {NULL, 0}: the body itself. In the arena. */
    struct bytes content;
};

struct verifier;

/* The schemes of a hook; its keys are copied, in memory as config_secret.h has it. `base_url` is
 * host.base_url. -EINVAL: a parameter that config_check() would have refused; -ENOMEM. */
int verifier_new(const struct config_hook *hook, const char *base_url, struct verifier **ret,
                 struct err *e);
/* A request in flight keeps the keys it started with. */
struct verifier *verifier_hold(struct verifier *v);
/* The last holder's wipes the keys. Sets *v to NULL; accepts NULL. */
void verifier_release(struct verifier **v);

/* What can be said of the head alone, before a body is read: headers that are missing, repeated or
 * malformed, the time, and tokens that do not depend on the body. status 0: nothing against it so far;
 * then nothing else but `scheme` is set. */
void verifier_check_head(const struct verifier *v, const struct delivery *d, struct arena *a,
                         struct verdict *ret);
/* All of it, what verifier_check_head() says included. */
void verifier_check(const struct verifier *v, const struct delivery *d, struct arena *a,
                    struct verdict *ret);

#endif
