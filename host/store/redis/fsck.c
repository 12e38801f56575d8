#include "store/redis/fsck.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/redis/ops.h"
#include "store/redis/queue_set.h"

_Static_assert((int)FSCK_MOST <= (int)REDIS_QUEUE_SET_MAX, "each item may have its own queue");

enum { CALL_MS = 30000 }; // a server that is busy with others is no failure

/* ------------------------------------------------------------------ what was found */

int redis_fsck_report(struct redis_fsck *f, struct bytes code, const struct job_id *id,
                      bool repaired, struct bytes words) {
    struct store_fsck *op = fsck_op(f);
    struct arena *a = &op->op.arena;
    op->total_findings++;
    if (op->count == FSCK_LISTED) {
        return 0;
    }
    struct store_fsck_finding *found = &op->findings[op->count];
    *found = (struct store_fsck_finding){.code = arena_strn(a, code.data, code.len),
                                         .detail = arena_strn(a, words.data, words.len),
                                         .repaired = repaired};
    if (id != NULL) {
        found->id = *id;
    }
    op->count++;
    return found->code == NULL || found->detail == NULL ? -ENOMEM : 0;
}

int redis_fsck_report_all(struct redis_fsck *f, const struct redis_reply *found, size_t at,
                          const struct job_id *id) {
    int r = 0;
    for (; redis_reply_is(found, REDIS_ARRAY) && at + 2 < found->count && r == 0; at += 3) {
        int64_t mended = 0;
        (void)redis_reply_integer(&found->items[at + 2], &mended);
        r = redis_fsck_report(f, redis_reply_text(&found->items[at]), id, mended == 1,
                              redis_reply_text(&found->items[at + 1]));
    }
    return r;
}

/* ------------------------------------------------------------------ what is to be looked at */

int redis_fsck_add(struct fsck_items *items, struct fsck_item item) {
    if (items->count == items->cap) {
        size_t cap = items->cap == 0 ? 256 : items->cap * 2;
        struct fsck_item *list = realloc(items->list, cap * sizeof *list);
        if (list == NULL) {
            return -ENOMEM;
        }
        items->list = list;
        items->cap = cap;
    }
    items->list[items->count++] = item;
    return 0;
}

static void drop(struct fsck_items *items, size_t count) {
    items->count -= count;
    memmove(items->list, items->list + count, items->count * sizeof *items->list);
}

int redis_fsck_take_found(struct redis_fsck *f, const struct fsck_item *item,
                          const struct redis_reply *answer) {
    return redis_fsck_report_all(f, answer, 0, &item->id);
}

static int take_items(struct redis_fsck *f, const struct redis_reply *reply) {
    int r = 0;
    for (size_t i = 0; i < f->asked && r == 0; i++) {
        r = f->look->take(f, &f->looked_at->list[i], redis_reply_at(reply, i));
    }
    drop(f->looked_at, f->asked);
    return r;
}

int redis_fsck_look(struct redis_fsck *f, const struct fsck_look *look, struct fsck_items *items) {
    struct redis_queue_set queues = {.count = 0};
    struct redis_args *a = &f->request.args;
    unsigned numbers[FSCK_MOST];
    size_t count = items->count < look->most ? items->count : look->most;
    for (size_t i = 0; i < count; i++) {
        numbers[i] = redis_queue_set_add(&queues, items->list[i].queue);
    }
    redis_request_script(&f->request, look->script, queues.list, queues.count, f->task.op->now_ms);
    if (!look->reads) {
        redis_args_number(a, fsck_op(f)->repair);
    }
    redis_args_number(a, (int64_t)count);
    for (size_t i = 0; i < count; i++) {
        redis_args_number(a, numbers[i]);
        redis_args_id(a, &items->list[i].id);
        if (look->put != NULL) {
            look->put(a, &items->list[i]);
        }
    }
    f->look = look;
    f->looked_at = items;
    f->asked = count;
    return redis_fsck_ask(f, take_items);
}

int redis_fsck_met(struct redis_fsck *f, struct redis_queue *queue, const struct job_id *id,
                   enum fsck_met met) {
    int r = idset_add(&f->seen, id);
    if (r < 0) {
        return r;
    }
    if (r == 0 && met != FSCK_MET_LIST) {
        return 0; // it was looked at, or will be
    }
    return redis_fsck_add(&f->jobs,
                          (struct fsck_item){queue, *id, r == 0 ? FSCK_MET_AGAIN : (int)met, 0});
}

struct fsck_queue *redis_fsck_queue_of(struct redis_fsck *f, const struct redis_queue *q) {
    for (size_t i = 0; i < f->queue_count; i++) {
        if (f->queues[i].queue == q) {
            return &f->queues[i];
        }
    }
    return NULL;
}

/* ------------------------------------------------------------------ SCAN and its like */

bool redis_fsck_take_cursor(struct redis_fsck *f, const struct redis_reply *reply) {
    struct bytes next = redis_reply_text(redis_reply_at(reply, 0));
    if (next.len == 0 || next.len >= sizeof f->at.cursor ||
        !redis_reply_is(redis_reply_at(reply, 1), REDIS_ARRAY)) {
        return false;
    }
    memcpy(f->at.cursor, next.data, next.len + 1);
    return true;
}

bool redis_fsck_at_end(const struct redis_fsck *f) {
    return strcmp(f->at.cursor, "0") == 0;
}

void redis_fsck_scan(struct redis_fsck *f, const char *command, const char *structures,
                     const char *place, int64_t count) {
    redis_request_begin(&f->request, command);
    if (structures != NULL) {
        redis_args_printf(&f->request.args, "%s%s", structures, place);
    }
    redis_args_text(&f->request.args, f->at.cursor[0] == '\0' ? "0" : f->at.cursor);
    redis_args_text(&f->request.args, "COUNT");
    redis_args_number(&f->request.args, count);
}

/* ------------------------------------------------------------------ the walk */

static fsck_part *const parts[] = {redis_fsck_stamps,    redis_fsck_places,   redis_fsck_keys,
                                   redis_fsck_lists,     redis_fsck_dedup,    redis_fsck_outbox,
                                   redis_fsck_schedules, redis_fsck_breakers, redis_fsck_tokens,
                                   redis_fsck_events,    redis_fsck_counters, redis_fsck_blobs};

static int next_call(struct redis_fsck *f) {
    if (f->jobs.count > 0) {
        return redis_fsck_look_at_jobs(f);
    }
    if (f->sides.count > 0) {
        return redis_fsck_look_at_sides(f);
    }
    if (f->flows.count > 0) {
        return redis_fsck_look_at_flows(f);
    }
    if (f->unplaced.count > 0) {
        return redis_fsck_look_at_unplaced(f);
    }
    int r = 0;
    while (f->part < ARRAY_LEN(parts) && (r = parts[f->part](f)) == 0) {
        f->part++;
        f->at = (struct fsck_spot){.queue = 0};
    }
    return r;
}

static void go_on(struct redis_fsck *f, int r) {
    struct err e;
    r = r < 0 ? r : next_call(f);
    if (r < 0) {
        (void)err_set(&e, r, "%s",
                      r == -ENOMEM ? "out of memory" : "a script answered something else");
    }
    if (r <= 0) {
        redis_task_end(&f->task, r, &e);
    }
}

static void on_reply(struct redis_request *rq, const struct redis_reply *reply, int r,
                     const struct err *e) {
    struct redis_fsck *f = CONTAINER_OF(rq, struct redis_fsck, request);
    if (r < 0) {
        redis_task_end(&f->task, r, e);
        return;
    }
    r = f->take(f, reply);
    if (r <= 0) { // else it has sent the next call itself
        go_on(f, r);
    }
}

int redis_fsck_ask(struct redis_fsck *f,
                   int (*take)(struct redis_fsck *f, const struct redis_reply *r)) {
    int64_t left = redis_task_left(&f->task);
    f->take = take;
    f->request.done = on_reply;
    f->request.safe = true;
    redis_request_send(&f->task.store->cmd, &f->request, left < CALL_MS ? left : CALL_MS);
    return 1;
}

static int take_queues(struct redis_fsck *f, const struct redis_reply *reply) {
    size_t count = 0;
    (void)redis_queues_learn(&f->task.store->queues, reply, NULL); // told when it connected
    struct redis_queue **queues = redis_store_queues(f->task.store, &f->arena, &count);
    f->queues = arena_zalloc(&f->arena, (count + 1) * sizeof *f->queues);
    if ((queues == NULL && count > 0) || f->queues == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        f->queues[f->queue_count++].queue = queues[i];
    }
    return 0;
}

static void run(struct redis_task *t) {
    struct redis_fsck *f = CONTAINER_OF(t, struct redis_fsck, task);
    struct store_fsck *op = fsck_op(f);
    static char nothing[] = "";
    f->bare = (struct redis_queue){.name = nothing,
                                   .prefix = nothing,
                                   .structures = nothing,
                                   .jobs = nothing,
                                   .normal = nothing};
    op->jobs_checked = op->blobs_checked = op->total_findings = 0;
    op->count = 0;
    op->findings = arena_alloc(&op->op.arena, FSCK_LISTED * sizeof *op->findings);
    if (op->findings == NULL) {
        go_on(f, -ENOMEM);
        return;
    }
    if (op->repair && t->store->config.read_only_ok) {
        redis_task_end(t, err_set(&op->op.err, -EROFS, "the store is open for reading"),
                       &op->op.err);
        return;
    }
    redis_request_begin(&f->request, "HGETALL");
    redis_args_text(&f->request.args, "jh:queues");
    (void)redis_fsck_ask(f, take_queues);
}

static void finish(struct redis_task *t) {
    struct redis_fsck *f = CONTAINER_OF(t, struct redis_fsck, task);
    redis_request_finish(&f->request);
    arena_free(&f->arena);
    arena_free(&f->scratch);
    idset_free(&f->seen);
    idset_free(&f->listed);
    idset_free(&f->flows_seen);
    redis_fsck_forget_blobs(f);
    free(f->jobs.list);
    free(f->sides.list);
    free(f->flows.list);
    free(f->unplaced.list);
    free(f->unsure.list);
}

const struct redis_op_kind redis_fsck_kind = {
    .run = run, .size = sizeof(struct redis_fsck), .finish = finish};
