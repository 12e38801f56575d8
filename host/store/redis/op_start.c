/* START: what it tells goes out as it is, not as a difference, so that a lost answer leaves nothing
 * in doubt. */
#include <errno.h>

#include "store/redis/ops.h"
#include "store/redis/store_private.h"

static struct redis_claim *claim_of(struct redis_store *s, const struct store_start_item *item) {
    struct redis_claim *claim = redis_claims_find(&s->claims, &item->id);
    return claim != NULL && claim->job.token == item->token ? claim : NULL;
}

/* The first of a job is noted for good: once it has run it does not expire any more. */
static struct redis_life life_of(const struct store_start_item *item,
                                 const struct redis_claim *claim) {
    bool first = claim != NULL && claim->job.life.first_run_ms == 0;
    struct redis_life life = {.started_ms = item->started_ms,
                              .first_run_ms = first ? item->started_ms : 0,
                              .pid = item->pid,
                              .build = item->build};
    if (item->progress != NULL) {
        life.progress = *item->progress;
    }
    return life;
}

static void copy_words(struct redis_args *a, const struct redis_args *from) {
    redis_args_number(a, (int64_t)from->count);
    a->failed = a->failed || from->failed;
    for (size_t i = 0; i < from->count; i++) {
        redis_args_copy(a, (struct bytes){from->words[i], from->lens[i]});
    }
}

static void start_write(struct redis_task *t, void *arg, unsigned queue, struct redis_args *a,
                        struct redis_head *head) {
    const struct store_start_item *item = arg;
    const struct redis_claim *claim = claim_of(t->store, item); // NULL: fenced a moment ago
    struct redis_job from = {.state = JOB_RUNNING}, to = from;
    struct redis_args set = {.words = NULL}, del = {.words = NULL};
    (void)head; // items differ in all their words
    to.life = life_of(item, claim);
    to.life.updated_ms = t->op->now_ms;
    if (item->progress != NULL && claim != NULL) { // what has gone from it is deleted
        from.life.progress = claim->job.life.progress;
    }
    jobhash_diff(&from, &to, &set, &del);
    redis_args_number(a, queue);
    redis_args_id(a, &item->id);
    redis_args_owner(a, item->token, claim == NULL ? 0 : claim->job.host_nonce);
    redis_args_bytes(a, item->log_tail);
    copy_words(a, &set);
    copy_words(a, &del);
    redis_args_free(&set);
    redis_args_free(&del);
}

static void start_read(struct redis_task *t, void *arg, const struct redis_reply *reply) {
    struct store_start_item *item = arg;
    int64_t applied;
    if (!redis_reply_integer(reply, &applied)) {
        t->op->status = err_set(&t->op->err, -EPROTO, "a script answered something else");
        return;
    }
    item->status = applied != 0 ? 0 : -ESTALE;
    struct redis_claim *claim = claim_of(t->store, item);
    if (claim == NULL) {
        return;
    }
    if (applied != 0) {
        const struct redis_life life = life_of(item, claim);
        (void)redis_claims_tell(&t->store->claims, claim, &life); // the next START says it again
    } else {
        redis_news_fenced(t->store, claim);
    }
}

static const struct redis_batch_kind batch = {
    .script = REDIS_SCRIPT_start, .write = start_write, .read = start_read};

static void run(struct redis_task *t) {
    struct store_start *start = CONTAINER_OF(t->op, struct store_start, op);
    t->open = 1; // until all are handed over
    for (size_t i = 0; i < start->count; i++) {
        struct store_start_item *item = &start->items[i];
        struct redis_claim *claim = claim_of(t->store, item);
        item->status = claim == NULL ? -ESTALE : 0;
        if (claim != NULL) {
            claim->started = true;
            redis_batch_add(t, &batch, item, claim->queue);
        }
    }
    redis_task_leave(t, 0, NULL);
}

const struct redis_op_kind redis_start = {
    .run = run, .size = sizeof(struct redis_task), .mutates = true, .batched = true};
