#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "store/redis/ask.h"
#include "store/redis/commit.h"
#include "store/redis/event.h"
#include "store/redis/insert.h"
#include "store/redis/jobhash.h"
#include "store/redis/ops.h"
#include "store/redis/queue_set.h"
#include "store/redis/roll.h"
#include "store/redis/store_private.h"
#include "store/redis/told.h"

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

//
// Not all of them are jobs that arrive. What a flow has to know goes to its opener's queue, in order with the rest of
// its queue: what became of a member, and what a member made, which the flow sends on to where it belongs.
enum parcel_kind { PARCEL_CHILD, PARCEL_JOINS, PARCEL_TOLD };

struct parcel {
    enum parcel_kind kind;
    struct redis_queue *from, *to;
    const char *entry; // of the outbox
    struct redis_job job;
    struct store_submit_item item;
    const char *dies, *why, *keep; // CHILD: it is dead from the start, and kept so long (ms)
    const char *ready;             // CHILD: the last job of a flow, since the close
    struct redis_told told;        // TOLD
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

static size_t count_of(const struct forward_task *ft, enum parcel_kind kind) {
    size_t n = 0;
    for (size_t i = 0; i < ft->parcel_count; i++) {
        n += ft->parcels[i].kind == kind;
    }
    return n;
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
    redis_args_number(a, (int64_t)count_of(ft, PARCEL_CHILD));
    for (size_t i = 0; i < ft->parcel_count; i++) {
        if (ft->parcels[i].kind == PARCEL_CHILD) {
            redis_args_number(a, redis_queue_set_add(&set, ft->parcels[i].to));
            redis_args_id(a, &ft->parcels[i].job.spec.id);
        }
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

// Who ended at once, of all calls: 16 bytes of each.
static int list_ended(struct store_forward *op, const struct redis_reply *late) {
    if (late->count > 0 && op->ended == NULL) {
        op->ended = arena_alloc(&op->op.arena, op->limit * sizeof *op->ended);
    }
    for (size_t i = 0; i < late->count; i++) {
        struct bytes raw = redis_reply_text(&late->items[i]);
        if (op->ended == NULL || op->ended_count == op->limit || raw.len != sizeof op->ended->b) {
            return op->ended == NULL ? -ENOMEM : -EPROTO;
        }
        memcpy(op->ended[op->ended_count++].b, raw.data, raw.len);
    }
    return 0;
}

static int arrived(struct redis_task *t, void *arg, const struct redis_reply *reply,
                   struct err *e) {
    struct forward_task *ft = arg;
    const struct redis_reply *items = redis_reply_at(reply, 0), *late = redis_reply_at(reply, 2);
    int64_t more = 0;
    if (!redis_reply_is(items, REDIS_ARRAY) || items->count != count_of(ft, PARCEL_CHILD) ||
        !redis_reply_integer(redis_reply_at(reply, 1), &more) ||
        !redis_reply_is(late, REDIS_ARRAY)) {
        return redis_ask_odd(t, e);
    }
    int r = list_ended(of_op(t), late);
    if (r < 0) {
        return r == -ENOMEM ? err_set(e, r, "out of memory") : redis_ask_odd(t, e);
    }
    for (size_t i = 0, n = 0; i < ft->parcel_count; i++) {
        struct parcel *p = &ft->parcels[i];
        if (p->kind == PARCEL_CHILD && redis_insert_read(&items->items[n++], &p->item) < 0) {
            return redis_ask_odd(t, e);
        }
        if (p->kind == PARCEL_CHILD) {
            tell(t, p);
        }
    }
    of_op(t)->more = of_op(t)->more || more != 0;
    if (ft->parcel_count > items->count && fault(FAULT_FLOW_TOLD) < 0) {
        return err_set(e, -EIO, "fault injected while flows are told");
    }
    delete_parcels(ft);
    return 0;
}

static void write_news(const struct parcel *p, unsigned to, struct redis_args *a) {
    redis_args_number(a, to);
    redis_args_text(a, p->kind == PARCEL_TOLD ? p->told.flow : p->job.spec.flow_id);
    redis_args_text(a, p->from->name);
    redis_args_text(a, p->entry);
    if (p->kind == PARCEL_TOLD) {
        redis_args_text(a, "told");
        redis_args_text(a, p->told.member);
        redis_args_text(a, p->told.became);
        redis_args_text(a, p->told.was);
        redis_args_text(a, p->told.deep);
        return;
    }
    redis_args_text(a, "joined");
    redis_args_copy(a, (struct bytes){p->job.spec.id.b, sizeof p->job.spec.id.b});
    size_t count = redis_args_hole(a), first = a->count;
    redis_parcel_write(&p->job.spec, a);
    redis_args_fill(a, count, (int64_t)(a->count - first));
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
    size_t children = count_of(ft, PARCEL_CHILD);
    redis_args_number(&ask->request.args, of_op(t)->ended_keep_ms);
    redis_args_number(&ask->request.args, (int64_t)children);
    for (size_t i = 0; i < ft->parcel_count; i++) {
        struct parcel *p = &ft->parcels[i];
        if (p->kind == PARCEL_CHILD) {
            p->item.keep_ms = p->keep == NULL ? 0 : strtoll(p->keep, NULL, 10);
            redis_insert_write(
                t->store, &p->item,
                (struct redis_coming){
                    .how = "forwarded", .dies = p->dies, .why = p->why, .ready = p->ready},
                redis_queue_set_add(&set, p->to), p->to, t->op->now_ms, &ask->request.args, &head);
        }
    }
    redis_args_number(&ask->request.args, (int64_t)(ft->parcel_count - children));
    for (size_t i = 0; i < ft->parcel_count; i++) {
        if (ft->parcels[i].kind != PARCEL_CHILD) {
            write_news(&ft->parcels[i], redis_queue_set_add(&set, ft->parcels[i].to),
                       &ask->request.args);
        }
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

static int read_parcel(struct forward_task *ft, const struct redis_reply *fields, struct parcel *p,
                       const char **ret_queue, struct err *why) {
    struct arena *a = &ft->task.op->arena;
    *p = (struct parcel){.kind = PARCEL_CHILD};
    if (redis_told_is(fields)) {
        p->kind = PARCEL_TOLD;
        int r = redis_told_read(fields, a, &p->told, why);
        *ret_queue = p->told.queue;
        return r;
    }
    int r = jobhash_read_parcel(fields, a, &p->job, why);
    if (r < 0) {
        return r;
    }
    const struct job_spec *spec = &p->job.spec;
    *ret_queue = spec->queue;
    p->dies = redis_told_text(fields, "dies", a, &r);
    p->why = redis_told_text(fields, "why", a, &r);
    p->keep = redis_told_text(fields, "keep", a, &r);
    p->ready = redis_told_text(fields, "ready", a, &r);
    if (redis_reply_field(fields, "joins") != NULL && store_flow_has(spec)) {
        p->kind = PARCEL_JOINS;
        *ret_queue = spec->flow_queue != NULL ? spec->flow_queue : spec->queue;
    }
    return r;
}

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
    const char *queue = NULL;
    int r = read_parcel(ft, redis_reply_at(reply, 2), p, &queue, &odd->why);
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
    p->to = redis_store_queue(ft->task.store, queue, &r);
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

static void woke(struct redis_task *t, void *arg, size_t count, bool more) {
    struct store_forward *op = of_op(t);
    (void)arg;
    op->delivered += count;
    op->more = op->more || more;
}

static void look(struct forward_task *ft) {
    struct redis_task *t = &ft->task;
    const struct store_forward *op = of_op(t);
    size_t left = ft->all.count - ft->begun, room = op->limit - op->delivered;
    if (left == 0) {
        if (op->delivered < op->limit) {
            redis_events_wake(t, room, woke, ft);
        } else {
            of_op(t)->more = true; // events have not been looked at
        }
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
    op->delivered = op->woken = op->ended_count = 0;
    op->full = false;
    op->ended = NULL;
    op->more = false;
    redis_roll_call(t, &of_task(t)->all, begin);
}

const struct redis_op_kind redis_forward = {
    .run = run, .size = sizeof(struct forward_task), .mutates = true};
