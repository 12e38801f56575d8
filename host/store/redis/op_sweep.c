#include "store/redis/blob.h"
#include "store/redis/event.h"
#include "store/redis/jobhash.h"
#include "store/redis/kv.h"
#include "store/redis/ops.h"
#include "store/redis/removed.h"
#include "store/redis/roll.h"
#include "store/redis/schedule.h"
#include "store/redis/store_private.h"

// Jobs and keys, some queues after the others; then key/values, then blobs, then ledgers, then events. A part begins when the
// one before it has answered, with what that left of the limit.
enum { QUEUES_A_CALL = 10, JOBS_A_CALL = 100 };

struct sweep_task {
    struct redis_task task;
    struct redis_roll all;
    size_t begun, now;
};

static struct store_sweep *of_task(const struct redis_task *t) {
    return CONTAINER_OF(t->op, struct store_sweep, op);
}

static uint32_t left_of(const struct store_sweep *op) {
    return op->removed < op->limit ? (uint32_t)(op->limit - op->removed) : 0;
}

static void note(struct store_sweep *op, size_t removed, bool more) {
    op->removed += removed;
    op->more = op->more || more;
}

static void swept_events(struct redis_task *t, void *arg, size_t removed, bool more) {
    (void)arg;
    note(of_task(t), removed, more);
}

static void swept_ledgers(struct redis_task *t, void *arg, size_t removed, bool more) {
    (void)arg;
    note(of_task(t), removed, more);
    redis_events_sweep(t, left_of(of_task(t)), swept_events, NULL);
}

static void swept_blobs(struct redis_task *t, void *arg, size_t removed, bool more) {
    (void)arg;
    note(of_task(t), removed, more);
    redis_schedule_sweep(t, swept_ledgers, NULL);
}

static void swept_kv(struct redis_task *t, void *arg, size_t removed, bool more) {
    (void)arg;
    note(of_task(t), removed, more);
    redis_blobs_sweep(t, left_of(of_task(t)), swept_blobs, NULL);
}

static void sweep_queues(struct sweep_task *st);

static int swept_queues(struct redis_task *t, void *arg, const struct redis_reply *reply,
                        struct err *e) {
    struct sweep_task *st = arg;
    int64_t removed = 0, more = 0;
    if (!redis_reply_integer(redis_reply_at(reply, 0), &removed) || removed < 0 ||
        !redis_reply_integer(redis_reply_at(reply, 1), &more)) {
        return redis_ask_odd(t, e);
    }
    note(of_task(t), (size_t)removed, more != 0);
    int r = redis_removed_blobs(t, redis_reply_at(reply, 2), e);
    if (r == 0) {
        st->begun += st->now;
        sweep_queues(st);
    }
    return r;
}

static void sweep_queues(struct sweep_task *st) {
    struct redis_task *t = &st->task;
    struct store_sweep *op = of_task(t);
    size_t left = st->all.count - st->begun;
    uint32_t limit = left_of(op);
    if (left == 0) {
        redis_kv_sweep(t, limit, swept_kv, NULL);
        return;
    }
    st->now = left < QUEUES_A_CALL ? left : QUEUES_A_CALL;
    struct redis_ask *ask = redis_ask_over(t, REDIS_SCRIPT_sweep, st->all.queues + st->begun,
                                           st->now, swept_queues, st);
    if (ask != NULL) {
        redis_args_number(&ask->request.args, limit < JOBS_A_CALL ? limit : JOBS_A_CALL);
        redis_args_number(&ask->request.args, REDIS_JOB_OVERHEAD);
        redis_ask_send(ask);
    }
}

static void begin(struct redis_task *t) {
    sweep_queues(CONTAINER_OF(t, struct sweep_task, task));
}

static void run(struct redis_task *t) {
    struct store_sweep *op = of_task(t);
    op->removed = 0;
    op->more = false;
    redis_roll_call(t, &CONTAINER_OF(t, struct sweep_task, task)->all, begin);
}

const struct redis_op_kind redis_sweep = {
    .run = run, .size = sizeof(struct sweep_task), .mutates = true};
