/* FIRE. */
#include <errno.h>
#include <string.h>

#include "store/redis/insert.h"
#include "store/redis/ops.h"
#include "store/schedules.h"

static void fire_head(struct redis_store *s, struct redis_queue *const *queues, size_t count,
                      struct redis_args *a) {
    for (size_t i = 0; i < count; i++) {
        redis_store_put_room(s, queues[i], BUDGET_JOBS, a);
    }
}

static void write_row(const struct store_fire_item *item, struct redis_args *a) {
    const struct store_ledger_row *row = &item->row;
    redis_args_text(a, item->schedule);
    redis_args_text(a, row->revision);
    redis_args_text(a, row->key);
    redis_args_text(a, schedule_verdict_name((int)row->verdict));
    redis_args_number(a, row->count);
    redis_args_number(a, row->nominal_ms);
    redis_args_number(a, row->last_ms);
    redis_args_number(a, row->actual_ms);
    redis_args_text(a, row->missed ? "1" : "");
    redis_args_text(a, row->reason);
    if (item->unfinished_max < 0) {
        redis_args_text(a, "");
    } else {
        redis_args_number(a, item->unfinished_max);
    }
    redis_args_number(a, item->keep_ms > 0 ? item->keep_ms : 0);
    redis_args_text(a, item->by_hand ? "1" : "");
    redis_args_text(a, item->spec != NULL ? "1" : "");
}

static void fire_write(struct redis_task *t, void *arg, unsigned queue, struct redis_args *a,
                       struct redis_head *head) {
    const struct store_fire_item *item = arg;
    redis_args_number(a, queue);
    write_row(item, a);
    if (item->spec != NULL) {
        const struct store_submit_item submit = {.spec = item->spec,
                                                 .max_waiting = item->max_waiting};
        redis_insert_write(t->store, &submit, (struct redis_coming){.how = NULL}, queue,
                           redis_queues_find(&t->store->queues, item->queue), t->op->now_ms, a,
                           head);
    }
}

static int verdict_of(const struct redis_reply *name) {
    for (int v = 0; v < SCHEDULE_VERDICT_COUNT; v++) {
        if (strcmp(redis_reply_text(name).data, schedule_verdict_name(v)) == 0) {
            return v;
        }
    }
    return -1;
}

// What lua/fire.lua says of it. 0 or -EPROTO.
static int read_item(const struct redis_reply *reply, struct store_fire_item *item) {
    static const int codes[] = {0, -EEXIST, -ENOENT, -ESTALE, -EBUSY, -EAGAIN, -EADDRINUSE};
    const struct redis_reply *verdict = redis_reply_at(reply, 1), *job = redis_reply_at(reply, 2);
    int64_t code, waits;
    if (!redis_reply_integer(redis_reply_at(reply, 0), &code) || code < 0 ||
        (size_t)code >= ARRAY_LEN(codes) || !redis_reply_is(verdict, REDIS_STRING) ||
        !redis_reply_is(job, REDIS_STRING) ||
        !redis_reply_integer(redis_reply_at(reply, 3), &waits)) {
        return -EPROTO;
    }
    item->status = codes[code];
    item->waits = waits != 0;
    if (item->status != 0 && item->status != -EEXIST) {
        return 0;
    }
    int known = verdict_of(verdict);
    item->verdict = (enum schedule_verdict)(known < 0 ? 0 : known);
    bool odd =
        known < 0 || (job->text.len > 0 && id_parse(redis_reply_text(job).data, &item->job) != 0);
    return odd ? -EPROTO : 0;
}

static void fire_read(struct redis_task *t, void *arg, const struct redis_reply *reply) {
    struct store_fire_item *item = arg;
    const struct store_events *events = &t->store->events;
    if (read_item(reply, item) != 0) {
        t->op->status = err_set(&t->op->err, -EPROTO, "a script answered something else");
        return;
    }
    if (item->status == 0 && !id_is_zero(&item->job) && !item->waits) {
        const struct store_lane lane = {item->queue, item->spec->type};
        events->ready(events->arg, &lane);
    }
}

static void fire_after(struct redis_store *s, struct redis_queue *const *queues, size_t count,
                       const struct redis_reply *reply) {
    (void)s;
    for (size_t i = 0; i < count; i++) {
        (void)redis_reply_integer(redis_reply_at(redis_reply_at(reply, 1), i),
                                  &queues[i]->bytes[BUDGET_JOBS]);
    }
}

static const struct redis_batch_kind batch = {.script = REDIS_SCRIPT_fire,
                                              .write = fire_write,
                                              .head = fire_head,
                                              .read = fire_read,
                                              .after = fire_after};

static void fire(struct redis_task *t, struct store_fire_item *item) {
    int r = store_schedule_check_fire(item);
    struct redis_queue *q = r == 0 ? redis_store_queue(t->store, item->queue, &r) : NULL;
    item->verdict = item->row.verdict;
    item->job = (struct job_id){{0}};
    item->waits = false;
    item->status = r;
    if (q != NULL) {
        redis_batch_add(t, &batch, item, q);
    }
}

static void run(struct redis_task *t) {
    struct store_fire *op = CONTAINER_OF(t->op, struct store_fire, op);
    t->open = 1; // until all are handed over
    for (size_t i = 0; i < op->count; i++) {
        fire(t, &op->items[i]);
    }
    redis_task_leave(t, 0, NULL);
}

const struct redis_op_kind redis_fire = {
    .run = run, .size = sizeof(struct redis_task), .mutates = true, .batched = true};
