#include <errno.h>

#include "store/redis/fsck.h"

// A key of a flow may stand at any queue: <structures>flow:<id>, its lists have one word more.
int redis_fsck_met_flow(struct redis_fsck *f, struct bytes structures, const struct job_id *id) {
    for (size_t i = 0; i < f->queue_count; i++) {
        struct redis_queue *q = f->queues[i].queue;
        if (!bytes_equal(bytes_of(q->structures), structures)) {
            continue;
        }
        if (idset_has(&f->flows_seen, id)) {
            return 0;
        }
        int r = idset_add(&f->flows_seen, id);
        return r < 0 ? r : redis_fsck_add(&f->flows, (struct fsck_item){q, *id, 0, 0});
    }
    return 0;
}

static int take_flows(struct redis_fsck *f, const struct redis_reply *reply) {
    int r = 0;
    for (size_t i = 0; i < f->asked && r == 0; i++) {
        r = redis_fsck_report_all(f, redis_reply_at(reply, i), 0, &f->flows.list[i].id);
    }
    redis_fsck_drop(&f->flows, f->asked);
    return r;
}

int redis_fsck_look_at_flows(struct redis_fsck *f) {
    struct redis_args *a = &f->request.args;
    unsigned numbers[FSCK_FLOWS];
    size_t count = redis_fsck_begin(f, REDIS_SCRIPT_fsck_flows, &f->flows, FSCK_FLOWS, numbers);
    redis_args_number(a, fsck_op(f)->repair);
    redis_args_number(a, (int64_t)count);
    for (size_t i = 0; i < count; i++) {
        redis_args_number(a, numbers[i]);
        redis_args_id(a, &f->flows.list[i].id);
    }
    return redis_fsck_ask(f, take_flows);
}
