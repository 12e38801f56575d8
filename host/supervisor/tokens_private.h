/* What the files of tokens.h share.
 *
 *     tokens.c         who bears one, and what the store says of it
 *     tokens_table.c   the table of those that are known, and of ids that are known to be none */
#ifndef JOBHOST_SUPERVISOR_TOKENS_PRIVATE_H
#define JOBHOST_SUPERVISOR_TOKENS_PRIVATE_H

#include <uthash.h>

#include "base/timer.h"
#include "supervisor/host.h"
#include "supervisor/tokens.h"

/* One that there is, or (no name) one that there is not, until `forget_ms`. */
struct tokens_entry {
    char id[TOKEN_ID_LEN + 1];
    char hash[STORE_TOKEN_HASH_LEN + 1];
    char *name, *tenant, *queues; /* tenant, queues: NULL = any */
    enum token_scope scope;
    int64_t expires_ms, revoked_ms;
    int64_t used_ms; /* as the store knows it, or will */
    bool used;       /* and has not been told */
    bool listed;     /* it was in the list that is being read */
    int64_t forget_ms;
    UT_hash_handle hh;
};

/* A question that the store has: who waits for its answer. */
struct asked {
    struct store_token_list op;
    struct tokens *tokens;
    char id[TOKEN_ID_LEN + 1];
    struct tokens_question *waiting;
    struct asked *prev, *next;
};

struct flush {
    struct store_token_set op;
    struct tokens *tokens;
};

struct tokens {
    struct host *host;
    struct tokens_entry *all;
    unsigned unknown; /* of these, that there are not */
    struct asked *asked;
    unsigned asked_count;
    struct store_token_list list;
    bool reading;
    struct timer reread, flush;
};

struct tokens_entry *tokens_find(const struct tokens *t, const char *id);
/* One of which nothing is known; NULL: no memory. */
struct tokens_entry *tokens_add(struct tokens *t, const char *id);
void tokens_drop(struct tokens *t, struct tokens_entry *e);

#endif
