#include "store/redis/blobs.h"

#include <errno.h>
#include <stdlib.h>

#include "store/redis/blob_private.h"

static void on_idle(struct timer *t, void *arg) {
    struct redis_blobs *all = arg;
    struct redis_store *s = all->store;
    if (TAILQ_EMPTY(&all->moves)) {
        redis_store_close_line(&s->bulk);
    } else {
        (void)timer_set(s->timers, t, env_mono_ms(&s->net_env) + REDIS_BULK_IDLE_MS);
    }
}

struct redis_blobs *redis_blobs_new(struct redis_store *s, struct err *e) {
    struct redis_blobs *all = calloc(1, sizeof *all);
    if (all == NULL) {
        (void)err_set(e, -ENOMEM, "out of memory");
        return NULL;
    }
    all->store = s;
    TAILQ_INIT(&all->moves);
    timer_init(&all->idle, on_idle, all);
    // "shared" also when it is not: another host may run here, and what a dead one left has no names
    bool make = s->config.blob_dir != NULL && !s->config.read_only_ok;
    if (make && blobfile_prepare(s->config.blob_dir, true, e) < 0) {
        redis_blobs_free(&all);
    }
    return all;
}

void redis_blobs_free(struct redis_blobs **blobs) {
    struct redis_blobs *all = *blobs;
    *blobs = NULL;
    if (all == NULL) {
        return;
    }
    side_thread_free(&all->side);
    blobcache_finish(&all->cache);
    if (all->store->timers != NULL) {
        timer_cancel(all->store->timers, &all->idle);
    }
    free(all);
}

void redis_blobs_settle(struct redis_blobs *blobs) {
    if (blobs != NULL) {
        side_thread_finish(blobs->side);
    }
}

struct side_thread *redis_blobs_side(struct redis_blobs *all, struct err *e) {
    if (all->side == NULL && all->store->config.blob_dir == NULL) {
        (void)err_set(e, -EINVAL, "the store was given no directory for blobs");
    } else if (all->side == NULL) {
        (void)side_thread_new(all->store->base, "store-blobs", &all->side, e);
    }
    return all->side;
}

struct redis_line *redis_blobs_line(struct redis_blobs *all) {
    struct redis_store *s = all->store;
    struct err e; // no memory: the request that needs it says that there is no connection
    if (s->bulk.link == NULL && !s->closing) {
        (void)redis_store_open_bulk(s, &e);
    }
    if (!s->closing) { // a busy one lives on when it fires
        (void)timer_set(s->timers, &all->idle, env_mono_ms(&s->net_env) + REDIS_BULK_IDLE_MS);
    }
    return &s->bulk;
}

/* ------------------------------------------------------------------ the budget */

struct greeting {
    struct redis_request request;
    struct redis_blobs *all;
};

static void on_greeting(struct redis_request *rq, const struct redis_reply *reply, int r,
                        const struct err *e) {
    struct greeting *g = CONTAINER_OF(rq, struct greeting, request);
    (void)r;
    (void)e; // the next put tells it too
    (void)redis_reply_integer(reply, &g->all->bytes);
    redis_request_finish(rq);
    free(g);
}

void redis_blobs_greet(struct redis_blobs *blobs) {
    struct redis_store *s = blobs->store;
    struct greeting *g = s->config.budget[BUDGET_BLOBS] == 0 ? NULL : calloc(1, sizeof *g);
    if (g == NULL) {
        return;
    }
    g->all = blobs;
    g->request.done = on_greeting;
    redis_request_begin(&g->request, "HGET");
    redis_args_text(&g->request.args, "jh:bytes");
    redis_args_text(&g->request.args, "blobs");
    redis_request_send(&s->cmd, &g->request, REDIS_PIECE_MS);
}

uint64_t redis_blobs_room(const struct redis_blobs *blobs) {
    uint64_t budget = blobs->store->config.budget[BUDGET_BLOBS];
    uint64_t used = blobs->bytes > 0 ? (uint64_t)blobs->bytes : 0;
    return budget == 0 ? UINT64_MAX : budget > used ? budget - used : 0;
}
