#include "store/redis/ask.h"
#include "store/redis/commit.h"

struct looking { // for one lane
    struct redis_commit_lanes *all;
    bool *crowded;
};

void redis_commit_lanes_leave(struct redis_commit_lanes *l) {
    l->open--;
    if (l->open == 0 && l->task->op->status == 0) {
        l->done(l);
    }
}

// Whether jobs of the type are queued, in any band.
static int looked(struct redis_task *t, void *arg, const struct redis_reply *reply, struct err *e) {
    struct looking *one = arg;
    bool known = false;
    if (!redis_reply_is(reply, REDIS_ARRAY)) {
        return redis_ask_odd(t, e);
    }
    for (size_t i = 0; i < reply->count; i++) {
        known = known || reply->items[i].kind != REDIS_NIL;
    }
    *one->crowded = *one->crowded || !known;
    redis_commit_lanes_leave(one->all);
    return 0;
}

static void look(struct redis_commit_lanes *l, const struct redis_queue *q, const char *type,
                 bool *ret_crowded) {
    struct looking *one = arena_alloc(&l->task->op->arena, sizeof *one);
    struct redis_ask *ask =
        one == NULL ? NULL : redis_ask_new(l->task, REDIS_NO_SCRIPT_ID, looked, one);
    if (one == NULL) {
        redis_ask_no_memory(l->task);
    }
    if (ask == NULL) {
        return;
    }
    *one = (struct looking){l, ret_crowded};
    l->open++;
    redis_request_begin(&ask->request, "HMGET");
    redis_args_printf(&ask->request.args, "%stypes", q->structures);
    redis_args_text(&ask->request.args, type);
    redis_args_printf(&ask->request.args, "%s:high", type);
    redis_args_printf(&ask->request.args, "%s:low", type);
    redis_ask_send(ask);
}

void redis_commit_lanes_look(struct redis_commit_lanes *l, const struct redis_claim *claim,
                             const struct store_commit_item *item, bool *ret_crowded) {
    const struct job_spec *last = NULL;
    for (size_t i = 0; i < item->child_count; i++) {
        const struct job_spec *child = &item->children[i];
        bool again = last != NULL && strcmp(last->queue, child->queue) == 0 &&
                     strcmp(last->type, child->type) == 0;
        const struct redis_queue *q = redis_queues_find(&l->task->store->queues, child->queue);
        if (!again && q != NULL && redis_commit_is_parcel(claim, child)) {
            look(l, q, child->type, ret_crowded);
            last = child;
        }
    }
}
