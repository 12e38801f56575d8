#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "store/filter.h"
#include "store/redis/jobhash.h"
#include "store/redis/list_cursor.h"
#include "store/redis/ops.h"
#include "store/redis/queue_set.h"
#include "store/redis/walk.h"

// A list looks at candidates, newest first, and shows those that the filter matches. They come from
// the index of all jobs, or from the place of the state that is asked for if few are there. The
// cursor names the last candidate that was looked at, so a page can end anywhere.

enum {
    LIST_MAX = 1000,
    FEW = 10000,      /* jobs of a state, so that its place is read instead of the index */
    NARROW_MAX = 200, /* queues whose places are read by one call                        */
    ROUND_MAX = 256,  /* hashes by one call: the server does nothing else meanwhile      */
    ROUND_MIN = 16,
    REQUEST_MS = 2000, /* the deadline ends the page, not a request: that costs the connection */
};
_Static_assert((int)ROUND_MAX <= (int)REDIS_QUEUE_SET_MAX, "each candidate may have its own queue");
/* An entry of the index is younger than its job, unless clocks differ by more than this. */
#define CLOCKS_MS (10 * 60 * 1000)

struct listing {
    struct redis_task task;
    struct redis_request request; /* one at a time; the walk has its own */
    struct redis_queue **queues;
    size_t queue_count;
    struct redis_walk walk;
    struct redis_candidate *narrow; /* instead of the walk */
    size_t narrow_at, narrow_count;
    struct redis_cursor cursor; /* the last that was looked at */
    struct redis_spot began;    /* where the walk did */
    struct redis_candidate round[ROUND_MAX];
    size_t round_count, round_size;
    struct arena scratch; /* for a job of which it is not known whether it matches */
};

static struct store_list *list_of(struct listing *l) {
    return CONTAINER_OF(l->task.op, struct store_list, op);
}

static struct listing *listing_of(struct redis_request *rq) {
    return CONTAINER_OF(rq, struct listing, request);
}

static void fail(struct listing *l, int r, const char *words) {
    redis_task_end(&l->task, err_set(&l->task.op->err, r, "%s", words), &l->task.op->err);
}

static void ask_server(struct listing *l, redis_request_fn *done) {
    l->request.done = done;
    l->request.safe = true;
    redis_request_send(&l->task.store->cmd, &l->request, REQUEST_MS);
}

// Its time is over, and it got further than the page before.
static bool is_late(struct listing *l) {
    bool further = l->cursor.spot.ms != l->began.ms || l->cursor.spot.order != l->began.order;
    return further && redis_task_left(&l->task) <= 1;
}

// The page ends here, and the next one goes on.
static void end_page(struct listing *l, bool partial) {
    struct store_list *list = list_of(l);
    list->partial = partial;
    list->next_cursor = redis_cursor_text(&l->cursor, &list->op.arena);
    if (list->next_cursor == NULL) {
        fail(l, -ENOMEM, "out of memory");
        return;
    }
    redis_task_end(&l->task, 0, NULL);
}

/* ------------------------------------------------------------------ hashes */

static void go_on(struct listing *l);

static int read_job(const struct redis_candidate *c, const struct redis_reply *fields,
                    struct arena *a, struct store_job *ret, struct err *e) {
    struct redis_job job;
    int r = jobhash_read(fields, a, &job, e);
    if (r == 0) {
        jobhash_view(&job, ret);
        ret->spec.payload.data = NULL; // its size
        ret->spec.queue = arena_str(a, c->queue->name);
        r = ret->spec.queue == NULL ? err_set(e, -ENOMEM, "out of memory") : 0;
    }
    return r;
}

// 1 = the page is full without it.
static int look(struct listing *l, const struct redis_candidate *c,
                const struct redis_reply *fields) {
    struct store_list *list = list_of(l);
    struct store_job job;
    struct err e;
    if (list->count == list->limit) {
        return 1;
    }
    arena_reset(&l->scratch);
    int r = read_job(c, fields, &l->scratch, &job, &e);
    if (r == 0 && filter_matches(&list->filter, list->op.scope, &job)) {
        r = read_job(c, fields, &list->op.arena, &list->jobs[list->count++], &e);
    }
    l->cursor.spot = c->spot;
    if (r < 0 && r != -ENOENT) { // not one that was removed meanwhile
        char id[JOB_ID_TEXT + 1];
        id_format(&c->id, id);
        return err_set(&list->op.err, r, "job %s: %s", id, e.msg);
    }
    return 0;
}

static void on_jobs(struct redis_request *rq, const struct redis_reply *reply, int r,
                    const struct err *e) {
    struct listing *l = listing_of(rq);
    size_t before = list_of(l)->count;
    if (r < 0) {
        redis_task_end(&l->task, r, e);
        return;
    }
    for (size_t i = 0; i < l->round_count && r == 0; i++) {
        r = look(l, &l->round[i], redis_reply_at(reply, i));
    }
    if (r < 0) {
        redis_task_end(&l->task, r, &l->task.op->err);
        return;
    }
    if (r == 1 || is_late(l)) {
        end_page(l, r != 1);
        return;
    }
    if ((list_of(l)->count - before) * 4 < l->round_count) { // few match
        l->round_size = l->round_size * 2 < ROUND_MAX ? l->round_size * 2 : ROUND_MAX;
    }
    go_on(l);
}

static void fetch(struct listing *l) {
    struct redis_queue_set queues = {.count = 0};
    unsigned numbers[ROUND_MAX] = {0};
    for (size_t i = 0; i < l->round_count; i++) {
        numbers[i] = redis_queue_set_add(&queues, l->round[i].queue);
    }
    redis_request_script(&l->request, REDIS_SCRIPT_jobs, queues.list, queues.count,
                         l->task.op->now_ms);
    redis_args_number(&l->request.args, (int64_t)l->round_count);
    for (size_t i = 0; i < l->round_count; i++) {
        redis_args_number(&l->request.args, numbers[i]);
        redis_args_id(&l->request.args, &l->round[i].id);
    }
    ask_server(l, on_jobs);
}

/* ------------------------------------------------------------------ candidates */

static int next_candidate(struct listing *l, struct redis_candidate *ret) {
    if (!l->cursor.narrow) {
        return redis_walk_next(&l->walk, ret);
    }
    if (l->narrow_at == l->narrow_count) {
        return 0;
    }
    *ret = l->narrow[l->narrow_at++];
    return 1;
}

// Fills the round: 1, 0 at the end, -EAGAIN when the index must be read first.
static int gather(struct listing *l) {
    int r = 1;
    l->round_count = 0;
    while (l->round_count < l->round_size &&
           (r = next_candidate(l, &l->round[l->round_count])) > 0) {
        const struct redis_candidate *c = &l->round[l->round_count];
        bool wanted =
            c->spot.order < l->cursor.below && filter_matches_id(&list_of(l)->filter, &c->id);
        if (wanted) {
            l->round_count++;
        } else if (l->round_count == 0) {
            l->cursor.spot = c->spot;
        }
    }
    return l->round_count > 0 ? 1 : r;
}

static void go_on(struct listing *l) {
    int r = gather(l);
    if (r == -EAGAIN && is_late(l)) {
        end_page(l, true);
    } else if (r == -EAGAIN) {
        redis_walk_fill(&l->walk, REQUEST_MS);
    } else if (r == 0) {
        redis_task_end(&l->task, 0, NULL); // next_cursor is NULL
    } else if (list_of(l)->count == list_of(l)->limit) {
        end_page(l, false);
    } else {
        fetch(l);
    }
}

static void on_filled(struct redis_walk *w, int r, const struct err *e) {
    struct listing *l = CONTAINER_OF(w, struct listing, walk);
    if (r < 0) {
        redis_task_end(&l->task, r, e);
        return;
    }
    go_on(l);
}

static void start_walk(struct listing *l) {
    int64_t after_ms = list_of(l)->filter.created_after_ms;
    l->cursor.narrow = false;
    l->walk.store = l->task.store;
    l->walk.from = l->began = l->cursor.spot;
    l->walk.floor_ms = after_ms > CLOCKS_MS ? after_ms - CLOCKS_MS : 0;
    l->walk.filled = on_filled;
    if (redis_walk_init(&l->walk, l->queues, l->queue_count) < 0) {
        fail(l, -ENOMEM, "out of memory");
        return;
    }
    go_on(l);
}

/* ------------------------------------------------------------------ the place of a state */

static int take_ids(struct listing *l, const struct redis_reply *reply) {
    size_t total = 0;
    for (size_t i = 0; i < reply->count; i++) {
        total += reply->items[i].count;
    }
    l->narrow = malloc((total + 1) * sizeof *l->narrow);
    for (size_t i = 0; l->narrow != NULL && i < reply->count && i < l->queue_count; i++) {
        for (size_t k = 0; k < reply->items[i].count; k++) {
            struct redis_candidate c = {.queue = l->queues[i]};
            if (id_parse(redis_reply_text(&reply->items[i].items[k]).data, &c.id) == 0) {
                c.spot.order = id_order(&c.id);
                l->narrow[l->narrow_count++] = c;
            }
        }
    }
    return l->narrow == NULL ? -ENOMEM : 0;
}

// In order, each once, and none of earlier pages.
static void sort_ids(struct listing *l) {
    size_t n = 0;
    int64_t last = l->cursor.spot.order;
    qsort(l->narrow, l->narrow_count, sizeof *l->narrow, redis_candidate_order);
    for (size_t i = 0; i < l->narrow_count; i++) {
        if (l->narrow[i].spot.order < last) {
            last = l->narrow[i].spot.order;
            l->narrow[n++] = l->narrow[i];
        }
    }
    l->narrow_count = n;
}

static void on_narrow(struct redis_request *rq, const struct redis_reply *reply, int r,
                      const struct err *e) {
    struct listing *l = listing_of(rq);
    if (r < 0) {
        redis_task_end(&l->task, r, e);
        return;
    }
    if (!redis_reply_is(reply, REDIS_ARRAY)) { // too many: all jobs, without those listed so far
        l->cursor.below = l->cursor.narrow ? l->cursor.spot.order : INT64_MAX;
        l->cursor.spot = (struct redis_spot){INT64_MAX, INT64_MAX};
        start_walk(l);
        return;
    }
    l->cursor.narrow = true;
    if (take_ids(l, reply) < 0) {
        fail(l, -ENOMEM, "out of memory");
        return;
    }
    sort_ids(l);
    l->cursor.spot.ms = 0;
    l->began = l->cursor.spot;
    go_on(l);
}

static void start_narrow(struct listing *l) {
    redis_request_script(&l->request, REDIS_SCRIPT_narrow, l->queues, l->queue_count,
                         l->task.op->now_ms);
    redis_args_text(&l->request.args, job_state_name(list_of(l)->filter.state));
    redis_args_number(&l->request.args, FEW);
    ask_server(l, on_narrow);
}

/* ------------------------------------------------------------------ beginning */

static int choose_queues(struct listing *l) {
    const char *name = list_of(l)->filter.queue;
    struct arena *a = &l->task.op->arena;
    if (name == NULL) {
        l->queues = redis_store_queues(l->task.store, a, &l->queue_count);
        return l->queues == NULL && l->queue_count > 0 ? -ENOMEM : 0;
    }
    l->queues = arena_alloc(a, sizeof *l->queues);
    if (l->queues == NULL) {
        return -ENOMEM;
    }
    l->queues[0] = redis_queues_find(&l->task.store->queues, name);
    l->queue_count = l->queues[0] != NULL;
    return 0;
}

static void on_queues(struct redis_request *rq, const struct redis_reply *reply, int r,
                      const struct err *e) {
    struct listing *l = listing_of(rq);
    const struct store_filter *filter = &list_of(l)->filter;
    bool by_state = job_state_name(filter->state) != NULL;
    if (r < 0) {
        redis_task_end(&l->task, r, e);
        return;
    }
    (void)redis_queues_learn(&l->task.store->queues, reply, NULL); // told when it connected
    if (choose_queues(l) < 0) {
        fail(l, -ENOMEM, "out of memory");
    } else if (l->queue_count == 0 || (filter->state >= 0 && !by_state)) {
        redis_task_end(&l->task, 0, NULL);
    } else if (by_state && l->queue_count <= NARROW_MAX &&
               (l->cursor.narrow || list_of(l)->cursor == NULL)) {
        start_narrow(l);
    } else {
        start_walk(l);
    }
}

static void run(struct redis_task *t) {
    struct listing *l = CONTAINER_OF(t, struct listing, task);
    struct store_list *list = list_of(l);
    list->count = 0;
    list->next_cursor = NULL;
    list->partial = false;
    if (list->limit < 1 || list->limit > LIST_MAX) {
        redis_task_end(t, err_set(&t->op->err, -EINVAL, "limit must be 1 to %d", LIST_MAX),
                       &t->op->err);
        return;
    }
    if (!redis_cursor_parse(list->cursor, &l->cursor)) {
        fail(l, -EINVAL, "the cursor is not one of this store's");
        return;
    }
    list->jobs = arena_alloc(&t->op->arena, list->limit * sizeof *list->jobs);
    if (list->jobs == NULL) {
        fail(l, -ENOMEM, "out of memory");
        return;
    }
    l->round_size = list->limit < ROUND_MIN   ? ROUND_MIN
                    : list->limit < ROUND_MAX ? list->limit
                                              : ROUND_MAX;
    redis_request_begin(&l->request, "HGETALL");
    redis_args_text(&l->request.args, "jh:queues");
    ask_server(l, on_queues);
}

static void finish(struct redis_task *t) {
    struct listing *l = CONTAINER_OF(t, struct listing, task);
    redis_request_finish(&l->request);
    redis_walk_finish(&l->walk);
    arena_free(&l->scratch);
    free(l->narrow);
}

const struct redis_op_kind redis_list = {
    .run = run, .size = sizeof(struct listing), .finish = finish};
