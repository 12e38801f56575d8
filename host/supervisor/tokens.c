#include "supervisor/tokens_private.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>

static int64_t now_of(const struct tokens *t) {
    return env_wall_ms(&t->host->env);
}

static void in(struct tokens *t, struct timer *timer, int64_t ms) {
    (void)timer_set(t->host->timers, timer, env_mono_ms(&t->host->env) + ms);
}

/* ------------------------------------------------------------------ the table */

// False: no memory, and nothing is known of it.
static bool fill(struct tokens *t, struct tokens_entry *e, const struct store_token *from) {
    e->name = strdup(from->name);
    e->tenant = from->tenant == NULL ? NULL : strdup(from->tenant);
    e->queues = from->queues == NULL ? NULL : strdup(from->queues);
    if (e->name == NULL || (from->tenant != NULL && e->tenant == NULL) ||
        (from->queues != NULL && e->queues == NULL)) {
        t->unknown -= e->name != NULL;
        tokens_drop(t, e);
        return false;
    }
    t->unknown--;
    (void)snprintf(e->hash, sizeof e->hash, "%s", from->hash);
    e->scope = (enum token_scope)from->scope;
    return true;
}

static void learn(struct tokens *t, const struct store_token *from) {
    struct tokens_entry *e = tokens_find(t, from->id);
    e = e == NULL ? tokens_add(t, from->id) : e;
    if (e == NULL || (e->name == NULL && !fill(t, e, from))) {
        return;
    }
    e->expires_ms = from->expires_ms;
    e->revoked_ms = from->revoked_ms;
    e->used_ms = from->used_ms > e->used_ms ? from->used_ms : e->used_ms;
    e->listed = true;
}

// There is none of this id, for a moment.
static void learn_none(struct tokens *t, const char *id) {
    struct tokens_entry *e = tokens_find(t, id), *next;
    if (e != NULL && e->name != NULL) {
        tokens_drop(t, e);
        e = NULL;
    }
    if (e == NULL && t->unknown >= TOKENS_UNKNOWN_MAX) {
        HASH_ITER(hh, t->all, e, next) {
            if (e->name == NULL && e->forget_ms <= now_of(t)) {
                tokens_drop(t, e);
            }
        }
        e = NULL;
    }
    if (e == NULL && t->unknown < TOKENS_UNKNOWN_MAX) {
        e = tokens_add(t, id);
    }
    if (e != NULL) {
        e->forget_ms = now_of(t) + TOKENS_UNKNOWN_MS;
    }
}

void tokens_learn(struct host *host, const struct store_token *token) {
    learn(host->tokens, token);
}

/* ------------------------------------------------------------------ all of them */

// On its own, a host hears of everything; and who asks for no tokens needs to hear nothing.
static void plan_reread(struct tokens *t) {
    const struct config *c = t->host->config;
    if (t->host->store.ops->caps.shared && c != NULL && strcmp(c->host.auth, "tokens") == 0) {
        in(t, &t->reread, TOKENS_REREAD_MS);
    }
}

static void on_list(struct store_op *op) {
    struct tokens *t = op->arg;
    struct tokens_entry *e, *next;
    t->reading = false;
    if (op->status == 0) {
        HASH_ITER(hh, t->all, e, next) {
            e->listed = false;
        }
        for (size_t i = 0; i < t->list.count; i++) {
            learn(t, &t->list.tokens[i]);
        }
        HASH_ITER(hh, t->all, e, next) {
            if (!e->listed && e->name != NULL) {
                tokens_drop(t, e); // its place was needed: it had ended
            }
        }
    }
    store_op_finish(op);
    plan_reread(t);
}

void tokens_load(struct host *host) {
    struct tokens *t = host->tokens;
    if (t->reading) {
        return;
    }
    t->reading = true;
    t->list = (struct store_token_list){
        .op = {.kind = STORE_TOKEN_LIST, .done = on_list, .arg = t, .now_ms = now_of(t)}};
    store_post(&host->store, &t->list.op);
}

static void on_reread(struct timer *timer, void *arg) {
    struct tokens *t = arg;
    (void)timer;
    tokens_load(t->host);
}

/* ------------------------------------------------------------------ one of them */

static void on_one(struct store_op *op) {
    struct asked *a = op->arg;
    struct tokens *t = a->tokens;
    struct tokens_question *q;
    DL_DELETE(t->asked, a);
    t->asked_count--;
    if (op->status == 0 && a->op.count == 1) {
        learn(t, &a->op.tokens[0]);
    } else if (op->status == -ENOENT || tokens_find(t, a->id) == NULL) {
        learn_none(t, a->id); // a store that is away is asked again in a moment
    }
    while ((q = a->waiting) != NULL) {
        DL_DELETE(a->waiting, q);
        q->done(q);
    }
    store_op_finish(op);
    free(a);
}

// The question that is under way for it, begun if need be; NULL: there are too many.
static struct asked *ask(struct tokens *t, const char *id) {
    struct asked *a;
    DL_FOREACH(t->asked, a) {
        if (strcmp(a->id, id) == 0) {
            return a;
        }
    }
    a = t->asked_count < TOKENS_ASKED_MAX ? calloc(1, sizeof *a) : NULL;
    if (a == NULL) {
        return NULL;
    }
    a->tokens = t;
    (void)snprintf(a->id, sizeof a->id, "%s", id);
    DL_APPEND(t->asked, a);
    t->asked_count++;
    a->op = (struct store_token_list){
        .op = {.kind = STORE_TOKEN_LIST, .done = on_one, .arg = a, .now_ms = now_of(t)},
        .id = a->id};
    store_post(&t->host->store, &a->op.op);
    return a;
}

int tokens_ask(struct host *host, struct tokens_question *q) {
    struct asked *a = ask(host->tokens, q->id); // tokens_look() has seen that there is room
    if (a == NULL) {
        return -ENOMEM;
    }
    DL_APPEND(a->waiting, q);
    return 0;
}

void tokens_withdraw(struct host *host, struct tokens_question *q) {
    struct asked *a;
    DL_FOREACH(host->tokens->asked, a) {
        if (strcmp(a->id, q->id) == 0) {
            DL_DELETE(a->waiting, q);
            return;
        }
    }
}

void tokens_news(struct host *host, const char *id) {
    struct tokens *t = host->tokens;
    if (t != NULL && ask(t, id) == NULL) {
        tokens_load(host);
    }
}

/* ------------------------------------------------------------------ used */

static void on_told(struct store_op *op) {
    struct flush *f = CONTAINER_OF(op, struct flush, op.op);
    store_op_finish(op); // what could not be told is told with the next use
    free(f);
}

static void on_flush(struct timer *timer, void *arg) {
    struct tokens *t = arg;
    struct tokens_entry *e, *next;
    struct flush *f = calloc(1, sizeof *f);
    size_t most = HASH_COUNT(t->all);
    (void)timer;
    struct store_token_set_item *items =
        f == NULL ? NULL : arena_zalloc(&f->op.op.arena, most * sizeof *items);
    if (items == NULL) {
        free(f);
        return;
    }
    HASH_ITER(hh, t->all, e, next) {
        if (e->used) {
            items[f->op.count++] = (struct store_token_set_item){
                .id = arena_str(&f->op.op.arena, e->id), .used_ms = e->used_ms};
            e->used = false;
        }
    }
    f->op.items = items;
    f->op.op.kind = STORE_TOKEN_SET;
    f->op.op.done = on_told;
    f->op.op.now_ms = now_of(t);
    store_post(&t->host->store, &f->op.op);
}

static void note_use(struct tokens *t, struct tokens_entry *e, int64_t now_ms) {
    if (now_ms - e->used_ms < TOKENS_USED_MS && now_ms >= e->used_ms) {
        return;
    }
    e->used_ms = now_ms;
    e->used = true;
    if (!timer_running(&t->flush)) {
        in(t, &t->flush, TOKENS_FLUSH_MS);
    }
}

/* ------------------------------------------------------------------ looking */

void tokens_hash(const char *secret, char ret[STORE_TOKEN_HASH_LEN + 1]) {
    static const char digits[] = "0123456789abcdef";
    uint8_t sum[SHA256_DIGEST_LENGTH];
    (void)SHA256((const uint8_t *)secret, TOKEN_SECRET_LEN, sum);
    for (size_t i = 0; i < sizeof sum; i++) {
        ret[2 * i] = digits[sum[i] >> 4];
        ret[2 * i + 1] = digits[sum[i] & 15];
    }
    ret[STORE_TOKEN_HASH_LEN] = '\0';
}

// All that may be wrong takes the same time to find.
static bool is_good(const struct tokens_entry *e, const char *secret, int64_t now_ms) {
    static const char none[STORE_TOKEN_HASH_LEN + 1];
    char hash[STORE_TOKEN_HASH_LEN + 1];
    tokens_hash(secret, hash);
    bool known = e != NULL && e->name != NULL;
    bool same = CRYPTO_memcmp(hash, known ? e->hash : none, STORE_TOKEN_HASH_LEN) == 0;
    return known && same && e->revoked_ms == 0 && (e->expires_ms == 0 || now_ms < e->expires_ms);
}

static bool copy(const struct tokens_entry *e, struct arena *a, struct bearer *ret) {
    *ret = (struct bearer){
        .id = arena_str(a, e->id),
        .name = arena_str(a, e->name),
        .scope = e->scope,
        .bound = {.tenant = arena_str(a, e->tenant), .queues = arena_str(a, e->queues)}};
    return ret->id != NULL && ret->name != NULL &&
           (e->tenant == NULL || ret->bound.tenant != NULL) &&
           (e->queues == NULL || ret->bound.queues != NULL);
}

enum tokens_verdict tokens_look(struct host *host, struct bytes text, struct arena *a,
                                struct bearer *ret) {
    struct tokens *t = host->tokens;
    char id[TOKEN_ID_LEN + 1];
    const char *secret;
    if (!token_split(text, id, &secret)) {
        return TOKENS_NOBODY;
    }
    int64_t now = now_of(t);
    struct tokens_entry *e = tokens_find(t, id);
    if (e != NULL && e->name == NULL && e->forget_ms <= now) {
        tokens_drop(t, e);
        e = NULL;
    }
    bool good = is_good(e, secret, now);
    if (!t->reading && !timer_running(&t->reread)) {
        plan_reread(t); // a reload has brought them
    }
    if (e == NULL && t->asked_count < TOKENS_ASKED_MAX) {
        return TOKENS_TO_ASK;
    }
    if (e == NULL || !good || !copy(e, a, ret)) {
        return TOKENS_NOBODY;
    }
    note_use(t, e, now);
    return TOKENS_BEARER;
}

/* ------------------------------------------------------------------ life */

struct tokens *tokens_new(struct host *host) {
    struct tokens *t = calloc(1, sizeof *t);
    if (t != NULL) {
        t->host = host;
        timer_init(&t->reread, on_reread, t);
        timer_init(&t->flush, on_flush, t);
    }
    return t;
}

void tokens_free(struct tokens **tokens) {
    struct tokens *t = *tokens;
    struct tokens_entry *e, *next;
    *tokens = NULL;
    if (t == NULL) {
        return;
    }
    timer_cancel(t->host->timers, &t->reread);
    timer_cancel(t->host->timers, &t->flush);
    HASH_ITER(hh, t->all, e, next) {
        tokens_drop(t, e);
    }
    free(t);
}
