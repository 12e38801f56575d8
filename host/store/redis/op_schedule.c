/* SCHEDULE_PUT, SCHEDULE_SET, and the sweep of ledgers. */
#include <errno.h>

#include "store/redis/ask.h"
#include "store/redis/ops.h"
#include "store/redis/schedule.h"
#include "store/redis/store_private.h"
#include "store/schedules.h"

enum { PUTS_A_CALL = 50 };

/* ------------------------------------------------------------------ PUT */

struct putting {
    struct redis_task task;
    size_t begun;                                       // items of this call and of those before it
    struct store_schedule_put_item *items[PUTS_A_CALL]; // of this call
    size_t count;
};

static int read_item(const struct redis_reply *reply, struct store_schedule_put_item *item) {
    static const int codes[] = {0, 0, -ENOENT, -EDQUOT}; // as lua/schedule_put.lua names them
    int64_t code;
    if (!redis_reply_integer(redis_reply_at(reply, 0), &code) || code < 0 ||
        (size_t)code >= ARRAY_LEN(codes) ||
        !redis_reply_integer(redis_reply_at(reply, 1), &item->stored_ms)) {
        return -EPROTO;
    }
    item->status = codes[code];
    item->changed = code == 1;
    return 0;
}

static void put_some(struct putting *p);

static int on_put(struct redis_task *t, void *arg, const struct redis_reply *reply, struct err *e) {
    struct putting *p = arg;
    for (size_t i = 0; i < p->count; i++) {
        if (read_item(redis_reply_at(reply, i), p->items[i]) < 0) {
            return redis_ask_odd(t, e);
        }
    }
    put_some(p);
    return 0;
}

static void write_item(const struct store_schedule_put_item *item, struct redis_args *a) {
    redis_args_text(a, item->id);
    redis_args_text(a, item->queue);
    redis_args_text(a, item->revision);
    redis_args_text(a, item->definition);
    redis_args_text(a, item->by);
    redis_args_text(a, item->api ? "1" : "");
    redis_args_text(a, item->remove ? "1" : "");
}

// The next items that the store is to be asked about. A queue is made known in front of the call.
static void gather(struct putting *p) {
    struct store_schedule_put *op = CONTAINER_OF(p->task.op, struct store_schedule_put, op);
    p->count = 0;
    while (p->begun < op->count && p->count < PUTS_A_CALL) {
        struct store_schedule_put_item *item = &op->items[p->begun++];
        int r = store_schedule_check_put(item);
        item->changed = false;
        item->stored_ms = 0;
        if (r == 0 && !item->remove) {
            (void)redis_store_queue(p->task.store, item->queue, &r);
        }
        item->status = r;
        if (r == 0) {
            p->items[p->count++] = item;
        }
    }
}

static void put_some(struct putting *p) {
    gather(p);
    if (p->count == 0) {
        return;
    }
    struct redis_ask *ask = redis_ask_new(&p->task, REDIS_SCRIPT_schedule_put, on_put, p);
    if (ask != NULL) {
        redis_args_number(&ask->request.args, STORE_SCHEDULES_MAX);
        redis_args_number(&ask->request.args, (int64_t)p->count);
        for (size_t i = 0; i < p->count; i++) {
            write_item(p->items[i], &ask->request.args);
        }
        redis_ask_send(ask);
    }
}

static void run_put(struct redis_task *t) {
    t->open = 1; // there may be nothing to ask
    put_some(CONTAINER_OF(t, struct putting, task));
    redis_task_leave(t, 0, NULL);
}

const struct redis_op_kind redis_schedule_put = {
    .run = run_put, .size = sizeof(struct putting), .mutates = true};

/* ------------------------------------------------------------------ SET */

static int on_set(struct redis_task *t, void *arg, const struct redis_reply *reply, struct err *e) {
    const struct store_schedule_set *set = arg;
    int64_t there;
    if (!redis_reply_integer(reply, &there)) {
        return redis_ask_odd(t, e);
    }
    return there != 0 ? 0 : err_set(e, -ENOENT, "there is no schedule \"%s\"", set->id);
}

static void run_set(struct redis_task *t) {
    struct store_schedule_set *set = CONTAINER_OF(t->op, struct store_schedule_set, op);
    struct redis_ask *ask = redis_ask_new(t, REDIS_SCRIPT_schedule_set, on_set, set);
    if (ask != NULL) {
        struct redis_args *a = &ask->request.args;
        redis_args_text(a, set->id);
        redis_args_text(a, set->paused ? "1" : "");
        redis_args_text(a, set->by);
        redis_args_text(a, set->why);
        redis_ask_send(ask);
    }
}

const struct redis_op_kind redis_schedule_set = {
    .run = run_set, .size = sizeof(struct redis_task), .mutates = true};

/* ------------------------------------------------------------------ SWEEP */

struct sweeping {
    redis_swept_fn *done;
    void *arg;
    size_t removed;
    bool more;
    const char *cursor;
};

static void sweep_some(struct redis_task *t, struct sweeping *s);

static int on_swept(struct redis_task *t, void *arg, const struct redis_reply *reply,
                    struct err *e) {
    struct sweeping *s = arg;
    int64_t removed, more;
    const struct redis_reply *cursor = redis_reply_at(reply, 2);
    if (!redis_reply_integer(redis_reply_at(reply, 0), &removed) || removed < 0 ||
        !redis_reply_integer(redis_reply_at(reply, 1), &more) ||
        !redis_reply_is(cursor, REDIS_STRING)) {
        return redis_ask_odd(t, e);
    }
    s->removed += (size_t)removed;
    s->more = s->more || more != 0;
    s->cursor = arena_strn(&t->op->arena, cursor->text.data, cursor->text.len);
    if (s->cursor == NULL) {
        return err_set(e, -ENOMEM, "out of memory");
    }
    if (s->more || bytes_equal(bytes_of(s->cursor), bytes_of("0"))) {
        s->done(t, s->arg, s->removed, s->more);
    } else {
        sweep_some(t, s);
    }
    return 0;
}

static void sweep_some(struct redis_task *t, struct sweeping *s) {
    const struct store_sweep *op = CONTAINER_OF(t->op, struct store_sweep, op);
    struct redis_ask *ask = redis_ask_new(t, REDIS_SCRIPT_ledger_sweep, on_swept, s);
    size_t left = op->removed + s->removed < op->limit ? op->limit - op->removed - s->removed : 0;
    if (ask != NULL) {
        struct redis_args *a = &ask->request.args;
        redis_args_number(a, (int64_t)left);
        redis_args_number(a, op->ledger_rows);
        redis_args_number(a, op->ledger_keep_ms > 0 ? op->ledger_keep_ms : 0);
        redis_args_number(a, op->ledger_window_ms);
        redis_args_text(a, s->cursor);
        redis_ask_send(ask);
    }
}

void redis_schedule_sweep(struct redis_task *t, redis_swept_fn *done, void *arg) {
    const struct store_sweep *op = CONTAINER_OF(t->op, struct store_sweep, op);
    if (op->ledger_rows == 0 && op->ledger_keep_ms <= 0) {
        done(t, arg, 0, false);
        return;
    }
    struct sweeping *s = arena_zalloc(&t->op->arena, sizeof *s);
    if (s == NULL) {
        redis_ask_no_memory(t);
        return;
    }
    *s = (struct sweeping){.done = done, .arg = arg, .cursor = "0"};
    sweep_some(t, s);
}
