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
// tombstone, and only deletes the parcel. One that cannot be read is set aside (outbox:odd), so that
// those behind it arrive, and stays there until somebody has looked at it.
enum { QUEUES_A_CALL = 100, PARCELS_BYTES = 2 * 1024 * 1024 };
_Static_assert(2 * REDIS_BATCH_ITEMS <= (int)REDIS_QUEUE_SET_MAX, "each parcel has two ends");

struct parcel {
    struct redis_queue *from, *to;
    const char *entry; // of the outbox
    struct redis_job job;
    struct store_submit_item item;
};

struct odd_parcel {
    unsigned from; // number of its queue in the call
    const char *entry;
    struct err why;
};

struct forward_task {
    struct redis_task task;
    struct redis_roll all;
    size_t begun, now;
    int64_t waiting; // in the queues of this call
    struct parcel *parcels;
    size_t parcel_count;
    struct odd_parcel *odd;
    size_t odd_count;
};

static struct forward_task *of_task(struct redis_task *t) {
    return CONTAINER_OF(t, struct forward_task, task);
}

static struct store_forward *of_op(const struct redis_task *t) {
    return CONTAINER_OF(t->op, struct store_forward, op);
}

static void look(struct forward_task *ft);

static struct redis_queue *queue_of(const struct forward_task *ft, unsigned number) {
    return ft->all.queues[ft->begun + number - 1];
}

// What was found is done with: on to the next queues.
static void next_queues(struct forward_task *ft) {
    struct store_forward *op = of_op(&ft->task);
    op->more = op->more || ft->waiting > (int64_t)(ft->parcel_count + ft->odd_count);
    op->delivered += ft->parcel_count;
    ft->begun += ft->now;
    look(ft);
}

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
    (void)t;
    (void)reply;
    (void)e;
    next_queues(arg);
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
    struct redis_head head = {.count = 0};
    redis_args_number(&ask->request.args, (int64_t)ft->parcel_count);
    for (size_t i = 0; i < ft->parcel_count; i++) {
        struct parcel *p = &ft->parcels[i];
        redis_insert_write(t->store, &p->item, (struct redis_coming){.how = "forwarded"},
                           redis_queue_set_add(&set, p->to), p->to, t->op->now_ms,
                           &ask->request.args, &head);
    }
    redis_ask_send(ask);
    return 0;
}

static int go_on(struct forward_task *ft, struct err *e) {
    if (ft->parcel_count > 0) {
        return bring(ft, e);
    }
    next_queues(ft);
    return 0;
}

/* ------------------------------------------------------------------ which cannot be read */

static void tell_of(const struct redis_store *s, const struct redis_queue *q,
                    const struct odd_parcel *odd) {
    if (s->log != NULL) {
        log_warn(s->log, "store.parcel",
                 "queue=%s entry=%s place=%soutbox:odd msg=\"a child for another queue cannot be "
                 "delivered, and was set aside: %s. If a newer version wrote it, upgrade this "
                 "host; jobhost fsck --repair brings it back once it can be read\"",
                 q->name, odd->entry, q->structures, odd->why.msg);
    }
}

static int was_set_aside(struct redis_task *t, void *arg, const struct redis_reply *reply,
                         struct err *e) {
    struct forward_task *ft = arg;
    (void)reply;
    for (size_t i = 0; i < ft->odd_count; i++) {
        tell_of(t->store, queue_of(ft, ft->odd[i].from), &ft->odd[i]);
    }
    return go_on(ft, e);
}

static void set_aside(struct forward_task *ft) {
    struct redis_ask *ask = redis_ask_over(&ft->task, REDIS_SCRIPT_parcel_move,
                                           ft->all.queues + ft->begun, ft->now, was_set_aside, ft);
    if (ask == NULL) {
        return;
    }
    redis_args_text(&ask->request.args, "outbox");
    redis_args_text(&ask->request.args, "outbox:odd");
    redis_args_number(&ask->request.args, (int64_t)ft->odd_count);
    for (size_t i = 0; i < ft->odd_count; i++) {
        redis_args_number(&ask->request.args, ft->odd[i].from);
        redis_args_text(&ask->request.args, ft->odd[i].entry);
    }
    redis_ask_send(ask);
}

/* ------------------------------------------------------------------ first: which there are */

// {number of its queue, entry, names and values}: into one list or the other.
static int take_parcel(struct forward_task *ft, const struct redis_reply *reply, struct err *e) {
    struct arena *a = &ft->task.op->arena;
    struct bytes entry = redis_reply_text(redis_reply_at(reply, 1));
    struct parcel *p = &ft->parcels[ft->parcel_count];
    struct odd_parcel *odd = &ft->odd[ft->odd_count];
    int64_t number = 0;
    if (!redis_reply_integer(redis_reply_at(reply, 0), &number) || number < 1 ||
        number > (int64_t)ft->now) {
        return redis_ask_odd(&ft->task, e);
    }
    int r = jobhash_read_parcel(redis_reply_at(reply, 2), a, &p->job, &odd->why);
    p->from = queue_of(ft, (unsigned)number);
    p->entry = odd->entry = arena_strn(a, entry.data, entry.len);
    if (r == -ENOMEM || p->entry == NULL) {
        return err_set(e, -ENOMEM, "out of memory");
    }
    if (r < 0) {
        odd->from = (unsigned)number;
        ft->odd_count++;
        return 0;
    }
    struct job_spec *spec = &p->job.spec;
    p->to = redis_store_queue(ft->task.store, spec->queue, &r);
    if (p->to == NULL) {
        return err_set(e, r, "entry %s of %soutbox cannot be delivered: %s", p->entry,
                       p->from->structures,
                       r == -EDQUOT ? "there are too many queues" : "out of memory");
    }
    spec->run_at_ms = p->job.due_ms;
    p->item = (struct store_submit_item){.spec = spec};
    ft->parcel_count++;
    return 0;
}

static int looked(struct redis_task *t, void *arg, const struct redis_reply *reply, struct err *e) {
    struct forward_task *ft = arg;
    const struct redis_reply *found = redis_reply_at(reply, 1);
    int r = 0;
    if (!redis_reply_is(found, REDIS_ARRAY) ||
        !redis_reply_integer(redis_reply_at(reply, 0), &ft->waiting)) {
        return redis_ask_odd(t, e);
    }
    ft->parcel_count = ft->odd_count = 0;
    ft->parcels = arena_zalloc(&t->op->arena, (found->count + 1) * sizeof *ft->parcels);
    ft->odd = arena_zalloc(&t->op->arena, (found->count + 1) * sizeof *ft->odd);
    if (ft->parcels == NULL || ft->odd == NULL) {
        return err_set(e, -ENOMEM, "out of memory");
    }
    for (size_t i = 0; i < found->count && r == 0; i++) {
        r = take_parcel(ft, &found->items[i], e);
    }
    if (r == 0 && ft->odd_count > 0) {
        set_aside(ft);
        return 0;
    }
    return r < 0 ? r : go_on(ft, e);
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
