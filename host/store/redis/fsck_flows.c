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

int redis_fsck_look_at_flows(struct redis_fsck *f) {
    static const struct fsck_look look = {
        .script = REDIS_SCRIPT_fsck_flows, .most = FSCK_FLOWS, .take = redis_fsck_take_found};
    return redis_fsck_look(f, &look, &f->flows);
}
