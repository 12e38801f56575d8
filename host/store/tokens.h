/* The store's side of tokens (core/token.h): what a host needs to know a bearer again, and never the secret.
 *
 *     TOKEN_PUT  a new one     TOKEN_SET  it was used, or is revoked     TOKEN_LIST  all, or one
 *
 * A shared store tells its other hosts of a new and of a revoked one (store_events.token). There are few:
 * a list has them all. One that has ended stays, to be looked up, until its place is needed. */
#ifndef JOBHOST_STORE_TOKENS_H
#define JOBHOST_STORE_TOKENS_H

#include "base/buf.h"
#include "core/token.h"
#include "store/store.h"

enum { STORE_TOKENS_MAX = 1000, STORE_TOKEN_HASH_LEN = 64, STORE_TOKEN_BY_MAX = 256 };

struct store_token {
    const char *id;
    const char *name;   /* for people; several may have the same */
    const char *hash;   /* SHA-256 of the secret's characters, hex */
    const char *tenant; /* it is bound to; NULL = to none */
    const char *queues; /* the same, "a,b" */
    const char *by;     /* who made it; may be NULL */
    int32_t scope;      /* enum token_scope */
    int64_t created_ms;
    int64_t expires_ms; /* 0 = never */
    int64_t used_ms;    /* about; 0 = never */
    int64_t revoked_ms; /* 0 = it is not */
};

/* op.status 0, also for the same one again; -EEXIST: another has this id; -EINVAL; -EDQUOT: there are
 * STORE_TOKENS_MAX, and none of them has ended. used_ms and revoked_ms of a new one are 0. */
struct store_token_put {
    struct store_op op;
    struct store_token token;
};

/* Times only grow: what was revoked stays so, since then. */
struct store_token_set_item {
    const char *id;
    int64_t used_ms, revoked_ms; /* 0 = unchanged */
    int status;                  /* answer: 0 or -ENOENT */
};
struct store_token_set {
    struct store_op op;
    struct store_token_set_item *items;
    size_t count;
};

/* Those made first first; one that is damaged is passed over. */
struct store_token_list {
    struct store_op op;
    const char *id; /* only this one: op.status -ENOENT; NULL = all */
    struct store_token *tokens;
    size_t count;
};

/* ---- for the stores */

/* 0 or -EINVAL: the bounds of core/token.h and core/job.h. */
int store_token_check(const struct store_token *token);

/* What does not change of one but its id and expires_ms, as store/pack.h has it. */
void store_token_write(const struct store_token *token, struct buf *out);
/* Into `ret`, whose id is set; its texts are in the arena. 0, -EBADMSG, -ENOMEM. */
int store_token_read(struct bytes packed, struct arena *a, struct store_token *ret);

void store_token_sort(struct store_token_list *list);

#endif
