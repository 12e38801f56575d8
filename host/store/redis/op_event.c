/* EVENT_PUT; and the parts of FORWARD and SWEEP that are about events. */
#include "store/redis/event.h"

#include <errno.h>

#include "base/fault.h"
#include "store/redis/ask.h"
#include "store/redis/ops.h"
#include "store/redis/store_private.h"

enum { PUTS_A_CALL = 50, WAKES_A_CALL = 100, SWEPT_A_CALL = 200 };

void redis_event_write(const struct store_event *e, struct redis_args *a) {
    redis_args_text(a, e->name);
    redis_args_text(a, e->content_type);
    redis_args_text(a, e->key);
    redis_args_text(a, e->tenant);
    redis_args_bytes(a, e->value);
}

/* ------------------------------------------------------------------ PUT */

struct putting {
    struct redis_task task;
    size_t begun;                                // items of this call and of those before it
    struct store_event_item *items[PUTS_A_CALL]; // of this call
    size_t count;
    bool keyed; // each of them: sent again they are none
};

static void put_some(struct putting *p);

static int on_put(struct redis_task *t, void *arg, const struct redis_reply *reply, struct err *e) {
    static const int codes[] = {0, -EEXIST, -ENOBUFS, -EDQUOT}; // as lua/lib/events.lua names them
    struct putting *p = arg;
    struct store_event_put *op = CONTAINER_OF(t->op, struct store_event_put, op);
    int64_t code, pending = 0;
    for (size_t i = 0; i < p->count; i++) {
        if (!redis_reply_integer(redis_reply_at(redis_reply_at(reply, 0), i), &code) || code < 0 ||
            (size_t)code >= ARRAY_LEN(codes)) {
            return redis_ask_odd(t, e);
        }
        p->items[i]->status = codes[code];
    }
    (void)redis_reply_integer(redis_reply_at(reply, 1), &pending);
    op->outbox = op->outbox || pending != 0;
    if (pending != 0 && fault(FAULT_STORE_FORWARD) < 0) {
        return err_set(e, -EIO, "fault injected before forwarding");
    }
    put_some(p);
    return 0;
}

static void gather(struct putting *p) {
    struct store_event_put *op = CONTAINER_OF(p->task.op, struct store_event_put, op);
    p->count = 0;
    p->keyed = true;
    while (p->begun < op->count && p->count < PUTS_A_CALL) {
        struct store_event_item *item = &op->items[p->begun++];
        item->status = store_event_check(&item->event);
        if (item->status == 0) {
            p->items[p->count++] = item;
            p->keyed = p->keyed && item->event.key != NULL;
        }
    }
}

static void put_some(struct putting *p) {
    gather(p);
    struct redis_ask *ask =
        p->count == 0 ? NULL : redis_ask_new(&p->task, REDIS_SCRIPT_event_put, on_put, p);
    if (ask == NULL) {
        return;
    }
    const struct store_event_bounds b = store_event_bounds(&p->task.store->config);
    ask->request.safe = p->keyed;
    ask->request.patient = true;
    redis_args_number(&ask->request.args, b.count);
    redis_args_number(&ask->request.args, b.bytes);
    redis_args_number(&ask->request.args, (int64_t)p->count);
    for (size_t i = 0; i < p->count; i++) {
        redis_event_write(&p->items[i]->event, &ask->request.args);
    }
    redis_ask_send(ask);
}

static void run_put(struct redis_task *t) {
    CONTAINER_OF(t->op, struct store_event_put, op)->outbox = false;
    t->open = 1; // there may be nothing to ask
    put_some(CONTAINER_OF(t, struct putting, task));
    redis_task_leave(t, 0, NULL);
}

const struct redis_op_kind redis_event_put = {
    .run = run_put, .size = sizeof(struct putting), .mutates = true};

/* ------------------------------------------------------------------ what FORWARD and SWEEP do */

enum { NO_ROOM = -1 }; // event_wake.lua says so

struct event_round {
    redis_event_fn *done;
    void *arg;
    size_t limit, count;
    bool wakes;
};

static void round_ask(struct redis_task *t, struct event_round *round);

static void tell_lanes(const struct redis_task *t, const struct redis_reply *lanes) {
    const struct store_events *events = &t->store->events;
    for (size_t i = 0; lanes != NULL && i + 1 < lanes->count; i += 2) {
        const struct store_lane lane = {redis_reply_text(&lanes->items[i]).data,
                                        redis_reply_text(&lanes->items[i + 1]).data};
        events->ready(events->arg, &lane);
    }
}

// Until its queue is heard of again, that is what a queue has.
static void note_bytes(const struct redis_task *t, const struct redis_reply *bytes) {
    for (size_t i = 0; bytes != NULL && i + 1 < bytes->count; i += 2) {
        const char *name = redis_reply_text(&bytes->items[i]).data;
        struct redis_queue *q = redis_queues_find(&t->store->queues, name);
        if (q != NULL) {
            (void)redis_reply_integer(&bytes->items[i + 1], &q->bytes[BUDGET_JOBS]);
        }
    }
}

static int on_round(struct redis_task *t, void *arg, const struct redis_reply *reply,
                    struct err *e) {
    struct event_round *round = arg;
    int64_t count, more, woken = 0;
    if (!redis_reply_integer(redis_reply_at(reply, 0), &count) || count < 0 ||
        !redis_reply_integer(redis_reply_at(reply, 1), &more)) {
        return redis_ask_odd(t, e);
    }
    round->count += (size_t)count;
    if (round->wakes) {
        tell_lanes(t, redis_reply_at(reply, 2));
        note_bytes(t, redis_reply_at(reply, 4));
        (void)redis_reply_integer(redis_reply_at(reply, 3), &woken);
        struct store_forward *f = CONTAINER_OF(t->op, struct store_forward, op);
        f->woken += (size_t)woken;
        f->full = more == NO_ROOM;
        more = more == NO_ROOM ? 0 : more;
    }
    if (more != 0 && count > 0 && round->count < round->limit) {
        round_ask(t, round);
    } else {
        round->done(t, round->arg, round->count, more != 0);
    }
    return 0;
}

// Jobs of any queue may be woken: what a call that names its queues says of them.
static void write_one_lines(const struct redis_store *s, struct redis_args *a) {
    size_t count = redis_args_hole(a);
    int64_t n = 0;
    for (const struct redis_queue *q = s->queues.by_name; q != NULL; q = q->hh.next) {
        if (q->one_line) {
            redis_args_text(a, q->name);
            n++;
        }
    }
    redis_args_fill(a, count, n);
}

static void round_ask(struct redis_task *t, struct event_round *round) {
    size_t left = round->limit - round->count, most = round->wakes ? WAKES_A_CALL : SWEPT_A_CALL;
    struct redis_ask *ask = redis_ask_new(
        t, round->wakes ? REDIS_SCRIPT_event_wake : REDIS_SCRIPT_event_sweep, on_round, round);
    if (ask == NULL) {
        return;
    }
    redis_args_number(&ask->request.args, (int64_t)(left < most ? left : most));
    if (round->wakes) {
        write_one_lines(t->store, &ask->request.args);
        redis_store_put_room(t->store, NULL, BUDGET_JOBS, &ask->request.args);
    } else {
        int64_t keep_ms = store_event_bounds(&t->store->config).keep_ms;
        redis_args_number(&ask->request.args, t->op->now_ms - keep_ms);
    }
    redis_ask_send(ask);
}

static void begin_round(struct redis_task *t, bool wakes, size_t limit, redis_event_fn *done,
                        void *arg) {
    struct event_round *round = arena_zalloc(&t->op->arena, sizeof *round);
    if (round == NULL) {
        redis_ask_no_memory(t);
        return;
    }
    *round = (struct event_round){.done = done, .arg = arg, .limit = limit, .wakes = wakes};
    round_ask(t, round);
}

void redis_events_wake(struct redis_task *t, size_t limit, redis_event_fn *done, void *arg) {
    begin_round(t, true, limit, done, arg);
}

void redis_events_sweep(struct redis_task *t, size_t limit, redis_event_fn *done, void *arg) {
    begin_round(t, false, limit, done, arg);
}
