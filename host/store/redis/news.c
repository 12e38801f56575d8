#include "store/redis/news.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/redis/store_private.h"

/* ------------------------------------------------------------------ clocks */

void redis_news_clock(struct redis_store *s, const struct redis_reply *server, int64_t now_ms) {
    int64_t ms;
    if (redis_reply_integer(server, &ms)) {
        s->news.ahead_ms = ms - now_ms;
        s->news.clock_known = true;
    }
}

int64_t redis_news_ours(const struct redis_store *s, int64_t server_ms) {
    return s->news.clock_known ? server_ms - s->news.ahead_ms : 0;
}

/* ------------------------------------------------------------------ pauses */

// FNV-1a; which pause it is, not a secret.
static uint64_t mix(uint64_t sum, const void *data, size_t len) {
    const unsigned char *p = data;
    for (size_t i = 0; i < len; i++) {
        sum = (sum ^ p[i]) * UINT64_C(0x100000001b3);
    }
    return sum;
}

static uint64_t mark_of(int64_t at_ms, struct bytes by, struct bytes why) {
    uint64_t sum = mix(UINT64_C(0xcbf29ce484222325), &at_ms, sizeof at_ms);
    sum = mix(mix(sum, by.data, by.len), "", 1);
    sum = mix(sum, why.data, why.len);
    return sum == 0 ? 1 : sum;
}

void redis_news_pause_known(struct redis_queue *q, bool paused, int64_t at_ms, const char *by,
                            const char *why) {
    q->pause_mark = paused ? mark_of(at_ms, bytes_of(by), bytes_of(why)) : 0;
}

void redis_news_pause(struct redis_store *s, struct redis_queue *q,
                      const struct store_queue_stats *is) {
    uint64_t mark =
        is->paused ? mark_of(is->paused_at_ms, bytes_of(is->paused_by), bytes_of(is->paused_why))
                   : 0;
    if (mark != q->pause_mark) {
        q->pause_mark = mark;
        if (s->events.paused != NULL) {
            s->events.paused(s->events.arg, is);
        }
    }
}

void redis_news_paused(struct redis_store *s, struct redis_queue *q,
                       const struct redis_reply *pause) {
    struct store_queue_stats stats = {.queue = q->name};
    if (redis_reply_is(pause, REDIS_ARRAY)) {
        struct bytes by = redis_reply_text(redis_reply_at(pause, 1));
        struct bytes why = redis_reply_text(redis_reply_at(pause, 2));
        stats.paused = true;
        (void)redis_reply_integer(redis_reply_at(pause, 0), &stats.paused_at_ms);
        stats.paused_by = by.len == 0 ? NULL : by.data;
        stats.paused_why = why.len == 0 ? NULL : why.data;
    }
    redis_news_pause(s, q, &stats);
}

/* ------------------------------------------------------------------ news */

void redis_news_lanes(struct redis_store *s, const struct redis_queue *q,
                      const struct redis_reply *fields) {
    char type[JOB_TYPE_MAX + 1];
    for (size_t i = 0; fields != NULL && i < fields->count; i++) {
        struct bytes name = redis_reply_text(&fields->items[i]);
        const char *colon = name.len == 0 ? NULL : memchr(name.data, ':', name.len);
        size_t len = colon == NULL ? name.len : (size_t)(colon - (const char *)name.data);
        if (len == 0 || len > JOB_TYPE_MAX) {
            continue;
        }
        memcpy(type, name.data, len);
        type[len] = '\0';
        const struct store_lane lane = {q->name, type};
        s->events.ready(s->events.arg, &lane);
    }
}

void redis_news_outbox(struct redis_store *s) {
    if (s->events.outbox != NULL) {
        s->events.outbox(s->events.arg);
    }
}

void redis_news_lease(struct redis_store *s, int64_t server_ms) {
    int64_t at = redis_news_ours(s, server_ms);
    if (at > 0 && s->events.lease != NULL) {
        s->events.lease(s->events.arg, at);
    }
}

void redis_news_schedule(struct redis_store *s, const char *id, int64_t changes) {
    int64_t known = s->news.changes;
    bool missed = known >= 0 && changes > known + (id != NULL);
    s->news.changes = changes > known ? changes : known;
    if (s->events.schedule != NULL && (missed || id != NULL)) {
        s->events.schedule(s->events.arg, missed ? NULL : id);
    }
}

void redis_news_changes(struct redis_store *s, const struct redis_reply *changes) {
    int64_t n = 0; // '' is none
    (void)redis_reply_integer(changes, &n);
    redis_news_schedule(s, NULL, n);
}

// What all queues together say.
struct sum {
    int64_t due_ms, lease_ms; /* 0 = none */
    bool outbox;
};

static void keep_earliest(const struct redis_reply *at, int64_t *earliest) {
    int64_t ms;
    if (redis_reply_integer(at, &ms) && ms > 0 && (*earliest == 0 || ms < *earliest)) {
        *earliest = ms;
    }
}

static void read_queue(struct redis_store *s, struct redis_queue *q, const struct redis_reply *news,
                       struct sum *sum) {
    int64_t outbox = 0;
    redis_news_paused(s, q, redis_reply_at(news, 0));
    keep_earliest(redis_reply_at(news, 1), &sum->due_ms);
    keep_earliest(redis_reply_at(news, 2), &sum->lease_ms);
    (void)redis_reply_integer(redis_reply_at(news, 3), &outbox);
    sum->outbox = sum->outbox || outbox != 0;
    for (size_t i = 0; i < ARRAY_LEN(q->bytes); i++) {
        (void)redis_reply_integer(redis_reply_at(news, 4 + i), &q->bytes[i]);
    }
    redis_news_lanes(s, q, redis_reply_at(news, 4 + ARRAY_LEN(q->bytes)));
}

int redis_news_read(struct redis_store *s, struct redis_queue *const *queues, size_t count,
                    const struct redis_reply *news) {
    struct sum sum = {.due_ms = 0};
    if (!redis_reply_is(news, REDIS_ARRAY) || news->count != count) {
        return -EPROTO;
    }
    for (size_t i = 0; i < count; i++) {
        read_queue(s, queues[i], &news->items[i], &sum);
    }
    if (sum.due_ms > 0) {
        s->events.due(s->events.arg, sum.due_ms);
    }
    if (sum.lease_ms > 0) {
        redis_news_lease(s, sum.lease_ms);
    }
    if (sum.outbox) {
        redis_news_outbox(s);
    }
    return 0;
}

void redis_news_asked(struct redis_store *s, const struct job_id *id) {
    struct redis_claim *claim = redis_claims_find(&s->claims, id);
    if (claim != NULL && !claim->asked) {
        claim->asked = true;
        if (s->events.ask != NULL) {
            s->events.ask(s->events.arg, id);
        }
    }
}

void redis_news_fenced(struct redis_store *s, struct redis_claim *claim) {
    struct job_id id = claim->job.spec.id;
    if (claim->busy) {
        return;
    }
    redis_claims_end(&s->claims, claim);
    if (s->events.fenced != NULL) {
        s->events.fenced(s->events.arg, &id);
    }
}

/* ------------------------------------------------------------------ a look */

enum { LOOK_PAUSE_MS = 250 };

struct look {
    struct redis_request rq;
    struct redis_store *store;
    bool all; /* the look at all queues */
    struct redis_queue **queues;
    size_t count;
    struct arena arena;
};

static void look_end(struct look *l) {
    struct redis_store *s = l->store;
    bool all = l->all;
    redis_request_finish(&l->rq);
    arena_free(&l->arena);
    free(l);
    if (all) {
        s->news.looking = false;
        s->news.looked_ms = env_mono_ms(&s->net_env);
        if (s->news.look_again) {
            redis_news_look(s);
        }
    }
}

static void on_news(struct redis_request *rq, const struct redis_reply *reply, int r,
                    const struct err *e) {
    struct look *l = CONTAINER_OF(rq, struct look, rq);
    (void)e; // the next beat says what this one could not
    if (r == 0 && !l->store->closing) {
        (void)redis_news_read(l->store, l->queues, l->count, redis_reply_at(reply, 4));
        redis_news_changes(l->store, redis_reply_at(reply, 6));
    }
    look_end(l);
}

void redis_news_ask(struct redis_args *a, uint64_t nonce, struct bytes row, int64_t lease_ms,
                    bool wanted, bool all) {
    redis_args_nonce(a, nonce);
    redis_args_bytes(a, row);
    redis_args_number(a, STORE_HOSTS_MAX);
    redis_args_number(a, lease_ms);
    redis_args_number(a, wanted ? 1 : 0);
    redis_args_number(a, all ? 1 : 0);
}

static void ask_news(struct look *l) {
    struct redis_store *s = l->store;
    struct redis_args *a = &l->rq.args;
    redis_request_script(&l->rq, REDIS_SCRIPT_lease, l->queues, l->count, 0);
    // of any host, ours too: after a cut there may be claims that we do not know of
    redis_news_ask(a, 0, (struct bytes){NULL, 0}, 0, true, false);
    redis_args_number(a, 0);
    l->rq.done = on_news;
    l->rq.safe = true;
    redis_request_send(&s->cmd, &l->rq, REDIS_LOOK_MS);
}

static void on_names(struct redis_request *rq, const struct redis_reply *reply, int r,
                     const struct err *e) {
    struct look *l = CONTAINER_OF(rq, struct look, rq);
    struct redis_store *s = l->store;
    (void)e;
    if (r != 0 || s->closing) {
        look_end(l);
        return;
    }
    (void)redis_queues_learn(&s->queues, reply, NULL); // told when it connected
    s->learned = true;
    l->queues = redis_store_queues(s, &l->arena, &l->count);
    if (l->queues == NULL) {
        look_end(l);
        return;
    }
    ask_news(l);
}

static struct look *look_new(struct redis_store *s) {
    struct look *l = calloc(1, sizeof *l);
    if (l != NULL) {
        l->store = s;
    }
    return l;
}

static void look(struct redis_store *s) {
    struct look *l = look_new(s);
    s->news.look_again = false;
    if (l == NULL) {
        return;
    }
    s->news.looking = l->all = true;
    redis_request_begin(&l->rq, "HGETALL");
    redis_args_text(&l->rq.args, "jh:queues");
    l->rq.done = on_names;
    l->rq.safe = true;
    redis_request_send(&s->cmd, &l->rq, REDIS_LOOK_MS);
}

static void on_pause_over(struct timer *t, void *arg) {
    (void)t;
    look(arg);
}

void redis_news_look(struct redis_store *s) {
    int64_t next = s->news.looked_ms + LOOK_PAUSE_MS;
    if (s->closing || s->news.looking) {
        s->news.look_again = true;
    } else if (s->news.looked_ms == 0 || env_mono_ms(&s->net_env) >= next) {
        timer_cancel(s->timers, &s->news.pause);
        look(s);
    } else if (!timer_running(&s->news.pause)) {
        (void)timer_set(s->timers, &s->news.pause, next);
    }
}

void redis_news_init(struct redis_store *s) {
    s->news.changes = -1;
    timer_init(&s->news.pause, on_pause_over, s);
}

void redis_news_close(struct redis_store *s) {
    timer_cancel(s->timers, &s->news.pause);
}

void redis_news_look_at(struct redis_store *s, struct redis_queue *q) {
    struct look *l = look_new(s);
    if (l == NULL || (l->queues = arena_alloc(&l->arena, sizeof *l->queues)) == NULL) {
        free(l);
        return;
    }
    l->queues[0] = q;
    l->count = 1;
    ask_news(l);
}
