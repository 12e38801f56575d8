/* Who may ask, as this host knows it: the tokens of the store (store/tokens.h), in memory.
 *
 *     a bearer's text ─▶ tokens_look() ─▶ known: who it is        nobody: 401
 *                             └─▶ to be asked: tokens_ask() ─▶ the store, once ─▶ tokens_look() again
 *
 * What another host does with a token is heard of from the store's events, and at the latest when all are
 * read again, after a minute. While the store is away those that are known go on to be. A token that
 * nobody knows is remembered as such for a moment; there is a bound on these, and on what is asked at a
 * time, so whoever makes some up costs the store little. Loop thread only. */
#ifndef JOBHOST_SUPERVISOR_TOKENS_H
#define JOBHOST_SUPERVISOR_TOKENS_H

#include "store/tokens.h"

struct host;
struct tokens;

enum {
    TOKENS_REREAD_MS = 60000, /* how long a revocation may go unheard at most       */
    TOKENS_UNKNOWN_MS = 5000, /* how long it is remembered that there is none       */
    TOKENS_UNKNOWN_MAX = 1000,
    TOKENS_ASKED_MAX = 16,   /* at a time                                          */
    TOKENS_USED_MS = 60000,  /* a token's last use is told so often                */
    TOKENS_FLUSH_MS = 10000, /* ... together with those of others                  */
};

struct tokens *tokens_new(struct host *host);
void tokens_free(struct tokens **t);

/* The store can be asked. */
void tokens_load(struct host *host);
/* Another host has made or revoked this one. */
void tokens_news(struct host *host, const char *id);
/* The store says so: in force from now on. */
void tokens_learn(struct host *host, const struct store_token *token);

/* Who bears one; its texts are in the arena that it was made in. */
struct bearer {
    const char *id, *name;
    enum token_scope scope;
    struct store_scope bound;
};

enum tokens_verdict {
    TOKENS_NOBODY, /* it is none, revoked, expired, or its secret is another: nobody learns which */
    TOKENS_BEARER,
    TOKENS_TO_ASK /* its id is not known here: ask */
};
/* BEARER: that it was used is told to the store sometime. */
enum tokens_verdict tokens_look(struct host *host, struct bytes text, struct arena *a,
                                struct bearer *ret);

/* The store is asked for it, once for all who wait. 0: done() comes later, in any case; or -ENOMEM. */
struct tokens_question {
    char id[TOKEN_ID_LEN + 1];
    void (*done)(struct tokens_question *q);
    void *arg;
    struct tokens_question *prev, *next; /* private */
};
int tokens_ask(struct host *host, struct tokens_question *q);
/* It is not asked any more. */
void tokens_withdraw(struct host *host, struct tokens_question *q);

/* The hash that the store keeps of a token's secret. */
void tokens_hash(const char *secret, char ret[STORE_TOKEN_HASH_LEN + 1]);

#endif
