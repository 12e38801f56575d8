#include "store/redis/walk.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ENTRIES = 64,        /* read at once from a queue, of up to 100 ids each */
    ENTRIES_OF_MANY = 4, /* the same when there are many queues */
    MANY = 64,
    OPEN_MAX = 500, /* requests at once */
    HEAD_MAX = 15,  /* bytes that the ids of an entry have in common */
};

struct redis_source {
    struct redis_walk *walk;
    struct redis_queue *queue;
    struct redis_request request;
    struct redis_candidate *items; /* items[at..count): read, in order */
    size_t at, count, cap;
    size_t ready;  /* up to here they may be given out */
    char last[48]; /* the entry that was read last     */
    bool asked, end;
};

int redis_candidate_order(const void *x, const void *y) {
    const struct redis_spot *a = &((const struct redis_candidate *)x)->spot;
    const struct redis_spot *b = &((const struct redis_candidate *)y)->spot;
    return a->ms != b->ms ? (a->ms < b->ms) - (a->ms > b->ms)
                          : (a->order < b->order) - (a->order > b->order);
}

static bool is_behind(const struct redis_spot *spot, const struct redis_spot *from) {
    return spot->ms < from->ms || (spot->ms == from->ms && spot->order < from->order);
}

/* ------------------------------------------------------------------ reading */

static size_t entries_at_once(const struct redis_walk *w) {
    return w->count > MANY ? ENTRIES_OF_MANY : ENTRIES;
}

static int add(struct redis_source *s, int64_t ms, const struct job_id *id) {
    struct redis_candidate c = {.queue = s->queue, .id = *id};
    c.spot = (struct redis_spot){ms, id_order(&c.id)};
    if (!is_behind(&c.spot, &s->walk->from)) {
        return 0;
    }
    if (s->count == s->cap) {
        size_t cap = s->cap == 0 ? 64 : s->cap * 2;
        struct redis_candidate *items = realloc(s->items, cap * sizeof *items);
        if (items == NULL) {
            return -ENOMEM;
        }
        s->items = items;
        s->cap = cap;
    }
    s->items[s->count++] = c;
    return 0;
}

// The ms of an entry's id, "ms-seq"; -1: none.
static int64_t entry_ms(struct bytes id) {
    char *end = NULL;
    errno = 0;
    int64_t ms = id.len == 0 ? -1 : strtoll(id.data, &end, 10);
    return id.len > 0 && errno == 0 && end != id.data && *end == '-' ? ms : -1;
}

// Ids that begin with `head`; `rests` has the rest of each.
static int take_ids(struct redis_source *s, int64_t ms, struct bytes head, struct bytes rests) {
    struct job_id id;
    size_t size = sizeof id.b - head.len;
    int r = 0;
    if (head.len > 0) {
        memcpy(id.b, head.data, head.len);
    }
    for (size_t at = 0; at + size <= rests.len && r == 0; at += size) {
        memcpy(id.b + head.len, (const uint8_t *)rests.data + at, size);
        r = add(s, ms, &id);
    }
    return r;
}

// {id, {"p", head, "i", rests}}; earlier versions wrote the ids whole: {id, {"i", ids}}
static int take_entry(struct redis_source *s, const struct redis_reply *entry, int64_t *ret_ms) {
    struct bytes id = redis_reply_text(redis_reply_at(entry, 0));
    const struct redis_reply *fields = redis_reply_at(entry, 1);
    struct bytes rests = redis_reply_text(redis_reply_field(fields, "i"));
    struct bytes head = redis_reply_text(redis_reply_field(fields, "p"));
    *ret_ms = entry_ms(id);
    if (*ret_ms < 0 || id.len >= sizeof s->last - 1 || head.len > HEAD_MAX) {
        return -EBADMSG;
    }
    (void)snprintf(s->last, sizeof s->last, "(%s", (const char *)id.data);
    return take_ids(s, *ret_ms, head, rests);
}

static int take_entries(struct redis_source *s, const struct redis_reply *reply) {
    int64_t ms = INT64_MAX;
    int r = 0;
    if (s->at > 0) {
        memmove(s->items, s->items + s->at, (s->count - s->at) * sizeof *s->items);
        s->count -= s->at;
        s->at = 0;
    }
    for (size_t i = 0; i < reply->count && r == 0; i++) {
        r = take_entry(s, &reply->items[i], &ms);
    }
    s->end = s->end || reply->count < entries_at_once(s->walk) || ms < s->walk->floor_ms;
    if (s->count > 0) {
        qsort(s->items, s->count, sizeof *s->items, redis_candidate_order);
    }
    // what came in the same ms as the last entry may be going on
    for (s->ready = s->count; !s->end && s->ready > 0 && s->items[s->ready - 1].spot.ms <= ms;) {
        s->ready--;
    }
    return r;
}

static void on_reply(struct redis_request *rq, const struct redis_reply *reply, int r,
                     const struct err *e) {
    struct redis_source *s = CONTAINER_OF(rq, struct redis_source, request);
    struct redis_walk *w = s->walk;
    struct err odd;
    if (r == 0) {
        r = redis_reply_is(reply, REDIS_ARRAY) ? take_entries(s, reply) : -EBADMSG;
        if (r < 0) {
            (void)err_set(&odd, r, "%sall: %s", s->queue->structures,
                          r == -ENOMEM ? "out of memory" : "the index of jobs is damaged");
            e = &odd;
        }
    }
    s->asked = false;
    if (r < 0 && w->err.code == 0) {
        w->err = *e;
        w->err.code = r;
    }
    if (--w->open == 0) {
        w->filled(w, w->err.code, &w->err);
    }
}

static void ask(struct redis_source *s, int64_t timeout_ms) {
    struct redis_request *rq = &s->request;
    redis_request_begin(rq, "XREVRANGE");
    redis_args_printf(&rq->args, "%sall", s->queue->structures);
    if (s->last[0] != '\0') {
        redis_args_text(&rq->args, s->last);
    } else if (s->walk->from.ms == INT64_MAX) {
        redis_args_text(&rq->args, "+");
    } else {
        redis_args_number(&rq->args, s->walk->from.ms);
    }
    redis_args_text(&rq->args, "-");
    redis_args_text(&rq->args, "COUNT");
    redis_args_number(&rq->args, (int64_t)entries_at_once(s->walk));
    rq->done = on_reply;
    rq->safe = true;
    s->asked = true;
    s->walk->open++;
    redis_request_send(&s->walk->store->cmd, rq, timeout_ms);
}

static bool is_dry(const struct redis_source *s) {
    return s->at == s->ready && !s->end;
}

void redis_walk_fill(struct redis_walk *w, int64_t timeout_ms) {
    for (size_t i = 0; i < w->count && w->open < OPEN_MAX; i++) {
        if (is_dry(&w->sources[i]) && !w->sources[i].asked) {
            ask(&w->sources[i], timeout_ms);
        }
    }
}

/* ------------------------------------------------------------------ merging */

int redis_walk_next(struct redis_walk *w, struct redis_candidate *ret) {
    struct redis_source *first = NULL;
    for (size_t i = 0; i < w->count; i++) {
        struct redis_source *s = &w->sources[i];
        if (is_dry(s)) {
            return -EAGAIN;
        }
        if (s->at < s->ready &&
            (first == NULL ||
             redis_candidate_order(&s->items[s->at], &first->items[first->at]) < 0)) {
            first = s;
        }
    }
    if (first == NULL) {
        return 0;
    }
    *ret = first->items[first->at++];
    return 1;
}

int redis_walk_init(struct redis_walk *w, struct redis_queue *const *queues, size_t count) {
    w->sources = calloc(count + 1, sizeof *w->sources);
    if (w->sources == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        w->sources[i] = (struct redis_source){.walk = w, .queue = queues[i]};
    }
    w->count = count;
    return 0;
}

void redis_walk_finish(struct redis_walk *w) {
    for (size_t i = 0; i < w->count; i++) {
        redis_request_finish(&w->sources[i].request);
        free(w->sources[i].items);
    }
    free(w->sources);
    w->sources = NULL;
    w->count = 0;
}
