#include "store/redis/locate.h"

#include <errno.h>

#include "store/redis/ask.h"

struct redis_locating {
    struct redis_task *task;
    struct redis_located *all;
    size_t count;
    struct arena *arena;
    redis_located_fn *done;
    void *arg;
    size_t open;  /* calls of this round */
    bool learned; /* jh:queues was read anew */
};

static int round_over(struct redis_locating *l, struct err *e);

static int leave(struct redis_locating *l, struct err *e) {
    l->open--;
    return l->open == 0 ? round_over(l, e) : 0;
}

// A plain command of this round; NULL: no memory, which the task knows.
static struct redis_ask *command(struct redis_locating *l, const char *name, redis_ask_fn *done,
                                 void *arg) {
    struct redis_ask *ask = redis_ask_new(l->task, REDIS_NO_SCRIPT_ID, done, arg);
    if (ask != NULL) {
        l->open++;
        redis_request_begin(&ask->request, name);
    }
    return ask;
}

/* ------------------------------------------------------------------ reading a job */

static struct redis_queue *queue_named(const struct redis_locating *l, const char *name) {
    return name == NULL ? NULL : redis_queues_find(&l->task->store->queues, name);
}

static int on_job(struct redis_task *t, void *arg, const struct redis_reply *reply, struct err *e) {
    struct redis_located *one = arg;
    struct redis_locating *l = one->by;
    struct redis_job *job = &one->job;
    int r = jobhash_read(reply, l->arena, job, e);
    (void)t;
    if (r < 0 && r != -ENOENT) {
        return r;
    }
    if (r == 0 && one->index == NULL) {
        one->index = job->spec.queue; // in a queue without a prefix
    }
    if (r == 0) {
        one->queue = queue_named(l, one->index);
        job->spec.queue = one->queue == NULL ? NULL : one->queue->name;
    } else if (one->there) {
        one->index = NULL; // the index knows one that is gone
    }
    return leave(l, e);
}

static void read_job(struct redis_locating *l, struct redis_located *one, const char *prefix) {
    char text[JOB_ID_TEXT + 1];
    struct redis_ask *ask = command(l, "HGETALL", on_job, one);
    if (ask != NULL) {
        id_format(&one->id, text);
        redis_args_printf(&ask->request.args, "%sjob:%s", prefix, text);
        redis_ask_send(ask);
    }
}

/* ------------------------------------------------------------------ the index */

static int on_index(struct redis_task *t, void *arg, const struct redis_reply *reply,
                    struct err *e) {
    struct redis_locating *l = arg;
    if (reply->count != l->count) {
        return redis_ask_odd(t, e);
    }
    for (size_t i = 0; i < l->count; i++) {
        struct bytes name = redis_reply_text(&reply->items[i]);
        if (name.len > 0 && l->all[i].queue == NULL) {
            l->all[i].index = arena_strn(l->arena, name.data, name.len);
        }
    }
    return leave(l, e);
}

static void read_index(struct redis_locating *l) {
    struct redis_ask *ask = command(l, "MGET", on_index, l);
    for (size_t i = 0; i < l->count && ask != NULL; i++) {
        char text[JOB_ID_TEXT + 1];
        id_format(&l->all[i].id, text);
        redis_args_printf(&ask->request.args, "jh:idx:%s", text);
    }
    if (ask != NULL) {
        redis_ask_send(ask);
    }
}

/* ------------------------------------------------------------------ rounds */

static int on_queues(struct redis_task *t, void *arg, const struct redis_reply *reply,
                     struct err *e) {
    int r = redis_queues_learn(&t->store->queues, reply, e);
    return r < 0 ? r : leave(arg, e);
}

static void learn(struct redis_locating *l) {
    struct redis_ask *ask = command(l, "HGETALL", on_queues, l);
    l->learned = true;
    if (ask != NULL) {
        redis_args_text(&ask->request.args, "jh:queues");
        redis_ask_send(ask);
    }
}

// Known to be somewhere, and not read yet.
static bool is_elsewhere(const struct redis_located *one) {
    return one->queue == NULL && one->index != NULL;
}

static bool has_strangers(const struct redis_locating *l) {
    for (size_t i = 0; i < l->count; i++) {
        if (is_elsewhere(&l->all[i]) && queue_named(l, l->all[i].index) == NULL) {
            return true;
        }
    }
    return false;
}

static int round_over(struct redis_locating *l, struct err *e) {
    (void)e;
    if (l->task->op->status != 0) {
        return 0; // something could not even be asked
    }
    if (!l->learned && has_strangers(l)) {
        learn(l);
        return 0;
    }
    l->open = 1; // until all are asked for
    for (size_t i = 0; i < l->count; i++) {
        struct redis_located *one = &l->all[i];
        const struct redis_queue *q = is_elsewhere(one) ? queue_named(l, one->index) : NULL;
        if (q != NULL) {
            one->there = true;
            read_job(l, one, q->jobs);
        }
    }
    l->open--;
    if (l->open == 0) {
        l->done(l->task, l->arg);
    }
    return 0;
}

void redis_locate(struct redis_task *t, struct redis_located *all, size_t count, struct arena *a,
                  redis_located_fn *done, void *arg) {
    struct redis_locating *l = arena_zalloc(a, sizeof *l);
    if (l == NULL) {
        redis_ask_no_memory(t);
        return;
    }
    *l = (struct redis_locating){
        .task = t, .all = all, .count = count, .arena = a, .done = done, .arg = arg};
    for (size_t i = 0; i < count; i++) {
        all[i] = (struct redis_located){.id = all[i].id, .by = l};
    }
    t->open++; // until all are asked for
    for (size_t i = 0; i < count; i++) {
        read_job(l, &all[i], "");
    }
    if (count > 0) {
        read_index(l);
    } else {
        done(t, arg);
    }
    redis_task_leave(t, 0, NULL);
}
