#include <errno.h>

#include "base/fault.h"
#include "store/redis/ask.h"
#include "store/redis/insert.h"
#include "store/redis/jobhash.h"
#include "store/redis/ops.h"
#include "store/redis/queue_set.h"
#include "store/redis/roll.h"
#include "store/redis/store_private.h"

// Three steps, because parcel and child may be in different parts of a store one day:
//
//     parcels      the oldest, of some queues after the others
//     forward      each into its queue, with a tombstone beside it
//     delivered    the parcels go, the tombstones soon after
//
// Whoever dies in between has brought them all the same; the next one finds the job or its
// tombstone, and only deletes the parcel.
enum { QUEUES_A_CALL = 100, PARCELS_BYTES = 2 * 1024 * 1024 };
_Static_assert(2 * REDIS_BATCH_ITEMS <= (int)REDIS_QUEUE_SET_MAX, "each parcel has two ends");

struct parcel {
    struct redis_queue *from, *to;
    const char *entry; // of the outbox
    struct redis_job job;
    struct store_submit_item item;
};

struct forward_task {
    struct redis_task task;
    struct redis_roll all;
    size_t begun, now;
    int64_t waiting; // in the queues of this call
    struct parcel *parcels;
    size_t parcel_count;
};

static struct forward_task *of_task(struct redis_task *t) {
    return CONTAINER_OF(t, struct forward_task, task);
}

static struct store_forward *of_op(const struct redis_task *t) {
    return CONTAINER_OF(t->op, struct store_forward, op);
}

static void look(struct forward_task *ft);

// Both ends of all parcels.
static struct redis_queue_set ends_of(const struct forward_task *ft) {
    struct redis_queue_set set = {.count = 0};
    for (size_t i = 0; i < ft->parcel_count; i++) {
        (void)redis_queue_set_add(&set, ft->parcels[i].to);
        (void)redis_queue_set_add(&set, ft->parcels[i].from);
    }
    return set;
}

/* ------------------------------------------------------------------ third: they go */

static int gone(struct redis_task *t, void *arg, const struct redis_reply *reply, struct err *e) {
    struct forward_task *ft = arg;
    struct store_forward *op = of_op(t);
    (void)reply;
    (void)e;
    op->delivered += ft->parcel_count;
    op->more = op->more || ft->waiting > (int64_t)ft->parcel_count;
    ft->begun += ft->now;
    look(ft);
    return 0;
}

static void delete_parcels(struct forward_task *ft) {
    struct redis_queue_set set = ends_of(ft);
    struct redis_ask *ask =
        redis_ask_over(&ft->task, REDIS_SCRIPT_delivered, set.list, set.count, gone, ft);
    if (ask == NULL) {
        return;
    }
    struct redis_args *a = &ask->request.args;
    redis_args_number(a, (int64_t)ft->parcel_count);
    for (size_t i = 0; i < ft->parcel_count; i++) {
        redis_args_number(a, redis_queue_set_add(&set, ft->parcels[i].from));
        redis_args_text(a, ft->parcels[i].entry);
    }
    redis_args_number(a, (int64_t)ft->parcel_count);
    for (size_t i = 0; i < ft->parcel_count; i++) {
        redis_args_number(a, redis_queue_set_add(&set, ft->parcels[i].to));
        redis_args_id(a, &ft->parcels[i].job.spec.id);
    }
    redis_ask_send(ask);
}

/* ------------------------------------------------------------------ second: they arrive */

static void tell(struct redis_task *t, const struct parcel *p) {
    const struct store_events *events = &t->store->events;
    const struct job_spec *spec = &p->job.spec;
    if (p->item.verdict == SUBMIT_NEW && spec->run_at_ms > t->op->now_ms) {
        events->due(events->arg, spec->run_at_ms);
    } else if (p->item.verdict == SUBMIT_NEW) {
        events->ready(events->arg, &(struct store_lane){p->to->name, spec->type});
    }
}

static int arrived(struct redis_task *t, void *arg, const struct redis_reply *reply,
                   struct err *e) {
    struct forward_task *ft = arg;
    if (reply->count != ft->parcel_count) {
        return redis_ask_odd(t, e);
    }
    for (size_t i = 0; i < ft->parcel_count; i++) {
        if (redis_insert_read(&reply->items[i], &ft->parcels[i].item) < 0) {
            return redis_ask_odd(t, e);
        }
        tell(t, &ft->parcels[i]);
    }
    delete_parcels(ft);
    return 0;
}

static int bring(struct forward_task *ft, struct err *e) {
    struct redis_task *t = &ft->task;
    struct redis_queue_set set = ends_of(ft);
    if (fault(FAULT_STORE_FORWARD) < 0) {
        return err_set(e, -EIO, "fault injected while forwarding");
    }
    struct redis_ask *ask =
        redis_ask_over(t, REDIS_SCRIPT_forward, set.list, set.count, arrived, ft);
    if (ask == NULL) {
        return 0;
    }
    redis_args_number(&ask->request.args, (int64_t)ft->parcel_count);
    for (size_t i = 0; i < ft->parcel_count; i++) {
        struct parcel *p = &ft->parcels[i];
        redis_insert_write(&p->item, "forwarded", redis_queue_set_add(&set, p->to), p->to,
                           t->op->now_ms, &ask->request.args);
    }
    redis_ask_send(ask);
    return 0;
}

/* ------------------------------------------------------------------ first: which there are */

// {number of its queue, entry, names and values}
static int read_parcel(struct forward_task *ft, const struct redis_reply *reply, struct parcel *ret,
                       struct err *e) {
    struct arena *a = &ft->task.op->arena;
    struct bytes entry = redis_reply_text(redis_reply_at(reply, 1));
    int64_t number = 0;
    if (!redis_reply_integer(redis_reply_at(reply, 0), &number) || number < 1 ||
        number > (int64_t)ft->now) {
        return redis_ask_odd(&ft->task, e);
    }
    struct job_spec *spec = &ret->job.spec;
    int r = jobhash_read_parcel(redis_reply_at(reply, 2), a, &ret->job, e);
    ret->from = ft->all.queues[ft->begun + (size_t)number - 1];
    ret->entry = arena_strn(a, entry.data, entry.len);
    if (r == 0 && (spec->queue == NULL || job_check_queue(spec->queue, NULL) != 0)) {
        r = err_set(e, -EBADMSG, "there is no queue");
    }
    if (r == 0) {
        ret->to = redis_store_queue(ft->task.store, spec->queue, &r);
    }
    if (r < 0) {
        struct err why = *e;
        return err_set(e, r, "entry %.*s of %soutbox cannot be delivered: %s", (int)entry.len,
                       (const char *)entry.data, ret->from->structures, why.msg);
    }
    spec->run_at_ms = ret->job.due_ms;
    ret->item = (struct store_submit_item){.spec = spec};
    return ret->entry == NULL ? err_set(e, -ENOMEM, "out of memory") : 0;
}

static int looked(struct redis_task *t, void *arg, const struct redis_reply *reply, struct err *e) {
    struct forward_task *ft = arg;
    const struct redis_reply *found = redis_reply_at(reply, 1);
    if (!redis_reply_is(found, REDIS_ARRAY) ||
        !redis_reply_integer(redis_reply_at(reply, 0), &ft->waiting)) {
        return redis_ask_odd(t, e);
    }
    ft->parcel_count = found->count;
    ft->parcels = arena_zalloc(&t->op->arena, (found->count + 1) * sizeof *ft->parcels);
    if (ft->parcels == NULL) {
        return err_set(e, -ENOMEM, "out of memory");
    }
    for (size_t i = 0; i < found->count; i++) {
        int r = read_parcel(ft, &found->items[i], &ft->parcels[i], e);
        if (r < 0) {
            return r;
        }
    }
    if (found->count > 0) {
        return bring(ft, e);
    }
    of_op(t)->more = of_op(t)->more || ft->waiting > 0;
    ft->begun += ft->now;
    look(ft);
    return 0;
}

static void look(struct forward_task *ft) {
    struct redis_task *t = &ft->task;
    const struct store_forward *op = of_op(t);
    size_t left = ft->all.count - ft->begun, room = op->limit - op->delivered;
    if (left == 0) {
        return;
    }
    ft->now = left < QUEUES_A_CALL ? left : QUEUES_A_CALL;
    struct redis_ask *ask =
        redis_ask_over(t, REDIS_SCRIPT_parcels, ft->all.queues + ft->begun, ft->now, looked, ft);
    if (ask != NULL) {
        redis_args_number(&ask->request.args,
                          (int64_t)(room < REDIS_BATCH_ITEMS ? room : REDIS_BATCH_ITEMS));
        redis_args_number(&ask->request.args, PARCELS_BYTES);
        redis_ask_send(ask);
    }
}

static void begin(struct redis_task *t) {
    look(of_task(t));
}

static void run(struct redis_task *t) {
    struct store_forward *op = of_op(t);
    op->delivered = 0;
    op->more = false;
    redis_roll_call(t, &of_task(t)->all, begin);
}

const struct redis_op_kind redis_forward = {
    .run = run, .size = sizeof(struct forward_task), .mutates = true};
