#include <errno.h>
#include <stdlib.h>

#include "store/redis/hostrow.h"
#include "store/redis/ops.h"
#include "store/redis/store_private.h"

struct listing {
    struct redis_task task;
    struct redis_request request;
};

static int newest_first(const void *x, const void *y) {
    const struct store_host *a = x, *b = y;
    return a->started_ms != b->started_ms
               ? (a->started_ms < b->started_ms) - (a->started_ms > b->started_ms)
               : (a->nonce > b->nonce) - (a->nonce < b->nonce);
}

static int take(struct store_host_list *list, const struct redis_reply *reply) {
    struct arena *a = &list->op.arena;
    list->hosts = arena_alloc(a, (reply->count / 2 + 1) * sizeof *list->hosts);
    int r = list->hosts == NULL ? -ENOMEM : 0;
    for (size_t i = 0; i + 1 < reply->count && r != -ENOMEM; i += 2) {
        r = redis_host_read(redis_reply_text(&reply->items[i]),
                            redis_reply_text(&reply->items[i + 1]), a, &list->hosts[list->count]);
        list->count += r == 0; // one that cannot be read does not hide the others
    }
    if (r == -ENOMEM) {
        return r;
    }
    qsort(list->hosts, list->count, sizeof *list->hosts, newest_first);
    return 0;
}

static void on_hosts(struct redis_request *rq, const struct redis_reply *reply, int r,
                     const struct err *e) {
    struct redis_task *t = &CONTAINER_OF(rq, struct listing, request)->task;
    struct err words;
    if (r == 0 && redis_reply_is(reply, REDIS_ARRAY)) {
        r = take(CONTAINER_OF(t->op, struct store_host_list, op), reply);
        if (r < 0) {
            (void)err_set(&words, r, "out of memory");
            e = &words;
        }
    }
    redis_task_end(t, r, e);
}

static void run(struct redis_task *t) {
    struct redis_request *rq = &CONTAINER_OF(t, struct listing, task)->request;
    struct store_host_list *list = CONTAINER_OF(t->op, struct store_host_list, op);
    list->hosts = NULL;
    list->count = 0;
    redis_request_begin(rq, "HGETALL");
    redis_args_text(&rq->args, "jh:hosts");
    rq->done = on_hosts;
    rq->safe = true;
    redis_request_send(&t->store->cmd, rq, redis_task_left(t));
}

static void finish(struct redis_task *t) {
    redis_request_finish(&CONTAINER_OF(t, struct listing, task)->request);
}

const struct redis_op_kind redis_host_list = {
    .run = run, .size = sizeof(struct listing), .finish = finish};
