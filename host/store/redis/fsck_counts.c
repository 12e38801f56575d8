#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "store/redis/fsck.h"

/* ------------------------------------------------------------------ the outbox */

static int take_parcels(struct redis_fsck *f, const struct redis_reply *reply) {
    int r = redis_reply_is(reply, REDIS_ARRAY) ? 0 : -EPROTO;
    for (size_t i = 0; r == 0 && i < reply->count; i++) {
        struct bytes at = redis_reply_text(redis_reply_at(&reply->items[i], 0));
        struct redis_job job;
        struct err e;
        arena_reset(&f->scratch);
        r = jobhash_read_parcel(redis_reply_at(&reply->items[i], 1), &f->scratch, &job, &e);
        r = r == -ENOENT || r == -EBADMSG
                ? redis_fsck_report(f, bytes_of("outbox_damaged"), NULL, false, bytes_of(e.msg))
                : r;
        (void)snprintf(f->at.cursor, sizeof f->at.cursor, "(%.40s", (const char *)at.data);
    }
    if (r == 0 && reply->count < FSCK_JOBS) {
        f->at = (struct fsck_spot){.queue = f->at.queue + 1};
    }
    return r;
}

int redis_fsck_outbox(struct redis_fsck *f) {
    if (f->at.queue == f->queue_count) {
        return 0;
    }
    redis_request_begin(&f->request, "XRANGE");
    redis_args_printf(&f->request.args, "%soutbox", f->queues[f->at.queue].queue->structures);
    redis_args_text(&f->request.args, f->at.cursor[0] == '\0' ? "-" : f->at.cursor);
    redis_args_text(&f->request.args, "+");
    redis_args_text(&f->request.args, "COUNT");
    redis_args_number(&f->request.args, FSCK_JOBS);
    return redis_fsck_ask(f, take_parcels);
}

/* ------------------------------------------------------------------ counters */

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
