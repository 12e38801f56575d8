#include <errno.h>

#include "store/redis/fsck.h"

static void ask_counts(struct redis_fsck *f, struct fsck_queue *q, const char *stamp) {
    struct redis_args *a = &f->request.args;
    redis_request_script(&f->request, REDIS_SCRIPT_fsck_counts, &q->queue, 1, f->task.op->now_ms);
    redis_args_number(a, fsck_op(f)->repair);
    redis_args_text(a, stamp);
    redis_args_number(a, q->bytes[BUDGET_JOBS]);
    redis_args_number(a, q->bytes[BUDGET_RESULTS]);
    redis_args_number(a, (int64_t)q->type_count);
    for (size_t i = 0; i < q->type_count; i++) {
        redis_args_text(a, q->types[i]);
    }
}

static int take_stamp(struct redis_fsck *f, const struct redis_reply *reply) {
    struct bytes stamp = redis_reply_text(redis_reply_at(redis_reply_at(reply, 0), 0));
    struct fsck_queue *q = &f->queues[f->at.queue++];
    q->stamp = arena_strn(&f->arena, stamp.data, stamp.len);
    return q->stamp == NULL ? -ENOMEM : 0;
}

int redis_fsck_stamps(struct redis_fsck *f) {
    if (f->at.queue == f->queue_count) {
        return 0;
    }
    ask_counts(f, &f->queues[f->at.queue], "");
    return redis_fsck_ask(f, take_stamp);
}

static int take_counts(struct redis_fsck *f, const struct redis_reply *reply) {
    f->at.queue++;
    return redis_fsck_report_all(f, redis_reply_at(reply, 0), 1, NULL);
}

int redis_fsck_counters(struct redis_fsck *f) {
    if (f->at.queue == f->queue_count) {
        return 0;
    }
    ask_counts(f, &f->queues[f->at.queue], f->queues[f->at.queue].stamp);
    return redis_fsck_ask(f, take_counts);
}
