#include "store/redis/task.h"

#include <errno.h>
#include <stdlib.h>

#include "store/redis/health.h"
#include "store/redis/ops.h"
#include "store/redis/store_private.h"
#include "store/scope.h"

enum { READ_MS = 2000, CHANGE_MS = 10000, FSCK_MS = 24 * 3600 * 1000 };

int64_t redis_task_left(const struct redis_task *t) {
    const struct store_op *op = t->op;
    int64_t all = op->timeout_ms > 0       ? op->timeout_ms
                  : op->kind == STORE_FSCK ? FSCK_MS
                  : t->kind->mutates       ? CHANGE_MS
                                           : READ_MS;
    int64_t left = op->posted_mono_ms + all - env_mono_ms(&t->store->net_env);
    return left > 0 ? left : 1;
}

static void set_err(struct store_op *op, int status, const struct err *e) {
    op->status = status;
    if (e != NULL) {
        op->err = *e;
        op->err.code = status;
    }
}

void redis_task_end(struct redis_task *t, int status, const struct err *e) {
    if (status != 0 && t->op->status == 0) {
        set_err(t->op, status, e);
    }
    t->ended = true;
    redis_store_turn(t->store);
}

void redis_task_leave(struct redis_task *t, int status, const struct err *e) {
    if (status != 0 && t->op->status == 0) {
        set_err(t->op, status, e);
    }
    t->open--;
    if (t->open == 0) {
        redis_task_end(t, 0, NULL);
    }
}

// Not even a task could be made, so there is nothing that could answer later: rare enough to give
// up the rule that done() comes after store_post() has returned.
static void answer_now(struct redis_store *s, struct store_op *op, int status, const char *words) {
    op->status = err_set(&op->err, status, "%s", words);
    if (s->events.answered != NULL) {
        s->events.answered(s->events.arg, op);
    }
    op->done(op);
}

static void not_ours(struct redis_task *t) {
    redis_task_end(t, err_set(&t->op->err, -ENOTSUP, "not by this store"), NULL);
}

/* What is wrong with it before it has begun: 0, or errno with words. */
static int refuse(const struct redis_store *s, const struct redis_op_kind *kind,
                  struct store_op *op) {
    struct err *e = &op->err;
    if (s->closing) {
        return err_set(e, -ESHUTDOWN, "the store is being closed");
    }
    if (kind->mutates && s->config.read_only_ok) {
        return err_set(e, -EROFS, "the store is open for reading");
    }
    return store_scope_check(op);
}

/* ------------------------------------------------------------------ whose job is it? */

// What hangs on a job does not say whose it is: with a scope the job is read first.
struct first_look {
    struct store_get get; /* posted to this store, as anybody's would be */
    struct redis_task *task;
};

static bool asks_first(const struct store_op *op) {
    return op->scope != NULL && (op->kind == STORE_STEP_GET || op->kind == STORE_RESULT_GET ||
                                 op->kind == STORE_OUTPUT_GET);
}

static void looked_first(struct store_op *op) {
    struct redis_task *t = CONTAINER_OF(op, struct first_look, get.op)->task;
    int status = op->status;
    if (status == 0 && t->store->closing) {
        status = err_set(&op->err, -ESHUTDOWN, "the store is being closed");
    }
    if (status != 0) {
        redis_task_end(t, status, &op->err);
        store_op_finish(op);
        return;
    }
    store_op_finish(op);
    t->kind->run(t);
}

static void ask_first(struct redis_task *t) {
    struct first_look *look = arena_zalloc(&t->op->arena, sizeof *look);
    if (look == NULL) {
        redis_task_end(t, err_set(&t->op->err, -ENOMEM, "out of memory"), NULL);
        return;
    }
    look->task = t;
    look->get.id = *store_scope_job(t->op);
    look->get.op = (struct store_op){.kind = STORE_GET,
                                     .now_ms = t->op->now_ms,
                                     .timeout_ms = (int32_t)redis_task_left(t),
                                     .scope = t->op->scope,
                                     .done = looked_first,
                                     .posted_us = t->op->posted_us};
    redis_task_post(t->store, &look->get.op);
}

void redis_task_post(struct redis_store *s, struct store_op *op) {
    static const struct redis_op_kind nothing = {.run = not_ours,
                                                 .size = sizeof(struct redis_task)};
    const struct redis_op_kind *known = redis_kind_of(op), *kind = known != NULL ? known : &nothing;
    op->status = 0;
    op->err = (struct err){.code = 0};
    op->posted_mono_ms = env_mono_ms(&s->net_env);
    struct redis_task *t = calloc(1, kind->size);
    if (t == NULL) {
        answer_now(s, op, -ENOMEM, "out of memory");
        return;
    }
    t->store = s;
    t->op = op;
    t->kind = kind;
    TAILQ_INSERT_TAIL(&s->tasks, t, all);
    if (kind->mutates && !kind->batched) {
        redis_batch_flush(s); // what was posted before comes before
    }
    int r = refuse(s, kind, op);
    if (r < 0) {
        redis_task_end(t, r, NULL);
        return;
    }
    if (asks_first(op)) {
        ask_first(t);
        return;
    }
    kind->run(t);
}

static void answer(struct redis_task *t) {
    struct redis_store *s = t->store;
    struct store_op *op = t->op;
    TAILQ_REMOVE(&s->tasks, t, all);
    if (t->kind->mutates) {
        redis_health_judge(s, op);
    }
    if (t->kind->finish != NULL) {
        t->kind->finish(t);
    }
    free(t);
    store_scope_answer(op);
    if (s->events.answered != NULL) {
        s->events.answered(s->events.arg, op);
    }
    op->done(op);
}

void redis_tasks_answer(struct redis_store *s) {
    bool held = false; // a mutating one is not done: those behind it wait
    struct redis_task *t = TAILQ_FIRST(&s->tasks);
    while (t != NULL) {
        bool late = t->op->status != 0 && redis_task_left(t) <= 1; // then store.h lets it go
        bool ordered = t->kind->mutates && !t->kind->unordered && !late;
        bool waits = !t->ended || (held && ordered);
        held = held || (ordered && !t->ended);
        if (waits) {
            t = TAILQ_NEXT(t, all);
            continue;
        }
        // done() may post: at the end of the list, where it is found in this very pass
        struct redis_task *next = TAILQ_NEXT(t, all);
        answer(t);
        t = next;
    }
}
