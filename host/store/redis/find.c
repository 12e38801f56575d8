#include "store/redis/find.h"

#include <errno.h>

enum { STAGE_BARE, STAGE_INDEX, STAGE_LEARN, STAGE_THERE };

static void step(struct redis_find *f, int stage);

int redis_find_nothing(struct redis_find *f) {
    char text[JOB_ID_TEXT + 1];
    id_format(&f->id, text);
    return err_set(&f->task.op->err, -ENOENT, "%s %s is not in the store", f->what, text);
}

// Where to look next when it is not where one has looked.
static void go_on(struct redis_find *f) {
    if (!f->bare_done) {
        step(f, STAGE_BARE);
    } else if (!f->index_done) {
        step(f, STAGE_INDEX);
    } else {
        redis_task_end(&f->task, redis_find_nothing(f), NULL);
    }
}

static void take_index(struct redis_find *f, const struct redis_reply *reply) {
    struct redis_queue *q = NULL;
    struct bytes name = redis_reply_text(reply);
    if (name.len > 0 && name.len <= JOB_QUEUE_MAX) {
        q = redis_queues_find(&f->task.store->queues, name.data);
    }
    f->at = q;
    if (q != NULL) {
        step(f, STAGE_THERE);
    } else if (!f->learned) {
        step(f, STAGE_LEARN);
    } else {
        go_on(f);
    }
}

static void on_reply(struct redis_request *rq, const struct redis_reply *reply, int r,
                     const struct err *e) {
    struct redis_find *f = CONTAINER_OF(rq, struct redis_find, request);
    bool nothing = r == 0 && redis_reply_is(reply, REDIS_NIL);
    if (r < 0) {
        redis_task_end(&f->task, r, e);
    } else if (f->stage == STAGE_LEARN) {
        // one that is configured otherwise here is of no use to this read: it finds nothing then
        (void)redis_queues_learn(&f->task.store->queues, reply, NULL);
        f->index_done = false; // once more, now that its queue is known
        step(f, STAGE_INDEX);
    } else if (nothing) {
        go_on(f);
    } else if (f->stage == STAGE_INDEX) {
        take_index(f, reply);
    } else {
        r = f->take(f, reply, f->stage == STAGE_BARE ? NULL : f->at);
        if (r <= 0) {
            redis_task_end(&f->task, r, &f->task.op->err);
        }
    }
}

static void step(struct redis_find *f, int stage) {
    struct redis_request *rq = &f->request;
    f->stage = stage;
    switch (stage) {
    case STAGE_BARE:
        f->bare_done = true;
        f->ask(f, &f->bare);
        break;
    case STAGE_INDEX: {
        char text[JOB_ID_TEXT + 1];
        f->index_done = true;
        id_format(&f->id, text);
        redis_request_begin(rq, "GET");
        redis_args_printf(&rq->args, "jh:idx:%s", text);
        break;
    }
    case STAGE_LEARN:
        f->learned = true;
        redis_request_begin(rq, "HGETALL");
        redis_args_text(&rq->args, "jh:queues");
        break;
    default: f->ask(f, f->at); break;
    }
    rq->done = on_reply;
    rq->safe = true;
    redis_request_send(&f->task.store->cmd, rq, redis_task_left(&f->task));
}

static bool all_have_prefixes(const struct redis_queues *queues) {
    bool prefixed = false;
    for (const struct redis_queue *q = queues->by_name; q != NULL; q = q->hh.next) {
        if (*q->prefix == '\0') {
            return false;
        }
        prefixed = true;
    }
    return prefixed;
}

void redis_find_run(struct redis_find *f) {
    static char nothing[] = "";
    f->bare = (struct redis_queue){.name = nothing,
                                   .prefix = nothing,
                                   .structures = nothing,
                                   .jobs = nothing,
                                   .normal = nothing};
    step(f, all_have_prefixes(&f->task.store->queues) ? STAGE_INDEX : STAGE_BARE);
}

void redis_find_finish(struct redis_task *t) {
    redis_request_finish(&CONTAINER_OF(t, struct redis_find, task)->request);
}
