#include <errno.h>

#include "store/redis/fsck.h"

static int take_found(struct redis_fsck *f, const struct redis_reply *reply) {
    if (!redis_fsck_take_cursor(f, reply)) {
        return -EPROTO;
    }
    int r = redis_fsck_report_all(f, redis_reply_at(reply, 2), 0, NULL);
    if (redis_fsck_at_end(f)) {
        f->at = (struct fsck_spot){.queue = f->at.queue + 1};
    }
    return r;
}

// Of each queue all schedules: one that has moved may have left jobs behind.
int redis_fsck_schedules(struct redis_fsck *f) {
    if (f->at.queue == f->queue_count) {
        return 0;
    }
    struct redis_queue *q = f->queues[f->at.queue].queue;
    redis_request_script(&f->request, REDIS_SCRIPT_fsck_schedules, &q, 1, f->task.op->now_ms);
    redis_args_number(&f->request.args, fsck_op(f)->repair);
    redis_args_text(&f->request.args, f->at.cursor[0] == '\0' ? "0" : f->at.cursor);
    return redis_fsck_ask(f, take_found);
}
