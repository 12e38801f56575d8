#include "api/feed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/timer.h"
#include "supervisor/host.h"
#include "supervisor/hub.h"

struct entry {
    struct feed_change change; // its texts are in `texts`
    uint64_t missed_before;    // of this place: changes that were not taken, and so have no number
    char *texts;               // one allocation; NULL: the place is empty
};

struct feed {
    struct host *host;
    struct hub_ear ear;
    struct feed_listener *listeners;
    unsigned listener_count;
    bool on;             // it hears
    uint64_t from;       // numbers behind this one are of this time of hearing
    uint64_t seq;        // of the newest; entry seq % FEED_KEPT
    uint64_t not_taken;  // since the newest
    int64_t second_ms;   // the second that `taken` is of
    unsigned taken;      // in it
    unsigned asked;      // with the store
    struct timer tell;   // what has come
    struct timer forget; // nobody has come back
    struct entry ring[FEED_KEPT];
};

/* ---- the ring ---- */

static char *pack(const char *const texts[], const char **ret[], size_t count) {
    size_t size = 1;
    for (size_t i = 0; i < count; i++) {
        size += texts[i] == NULL ? 0 : strlen(texts[i]) + 1;
    }
    char *all = malloc(size), *at = all;
    for (size_t i = 0; all != NULL && i < count; i++) {
        *ret[i] = NULL;
        if (texts[i] != NULL) {
            size_t len = strlen(texts[i]) + 1;
            *ret[i] = memcpy(at, texts[i], len);
            at += len;
        }
    }
    return all;
}

static void miss(struct feed *feed, uint64_t count) {
    feed->not_taken += count;
}

static void plan_telling(struct feed *feed) {
    if (feed->listeners != NULL && !timer_running(&feed->tell)) {
        (void)timer_set(feed->host->timers, &feed->tell,
                        env_mono_ms(&feed->host->env) + FEED_TOLD_MS);
    }
}

static void put(struct feed *feed, const struct hub_event *event, const struct job_spec *spec) {
    struct entry *e = &feed->ring[(feed->seq + 1) % FEED_KEPT];
    struct feed_change change = {
        .id = event->id, .at_ms = event->at_ms, .state = event->state, .attempt = event->attempt};
    const char *const texts[] = {spec->queue, spec->type, spec->tenant, event->text};
    const char **ret[] = {&change.queue, &change.type, &change.tenant, &change.message};
    char *packed = pack(texts, ret, ARRAY_LEN(texts));
    if (packed == NULL) {
        miss(feed, 1);
        return;
    }
    free(e->texts);
    *e = (struct entry){.change = change, .missed_before = feed->not_taken, .texts = packed};
    feed->not_taken = 0;
    feed->seq++;
    plan_telling(feed);
}

/* ---- hearing ---- */

struct question { // of which job a change is
    struct store_get get;
    struct feed *feed;
    struct hub_event event;
};

static void answered(struct store_op *op) {
    struct question *q = CONTAINER_OF(op, struct question, get.op);
    q->feed->asked--;
    if (q->feed->on && op->status == 0) {
        put(q->feed, &q->event, &q->get.job.spec);
    } else if (q->feed->on && op->status != -ENOENT) {
        miss(q->feed, 1);
    }
    store_op_finish(op);
    free(q);
}

static void ask(struct feed *feed, const struct hub_event *event) {
    struct question *q = feed->asked < FEED_ASKED ? calloc(1, sizeof *q) : NULL;
    if (q == NULL) {
        miss(feed, 1);
        return;
    }
    q->feed = feed;
    q->event = *event;
    q->event.text = NULL; // it was borrowed; so was the spec
    q->event.progress.message = NULL;
    q->get.id = event->id;
    q->get.op.kind = STORE_GET;
    q->get.op.now_ms = event->at_ms;
    q->get.op.done = answered;
    feed->asked++;
    store_post(&feed->host->store, &q->get.op);
}

static bool has_room(struct feed *feed, int64_t now_ms) {
    if (now_ms - feed->second_ms >= 1000 || now_ms < feed->second_ms) {
        feed->second_ms = now_ms;
        feed->taken = 0;
    }
    return feed->taken++ < FEED_RATE;
}

static void on_heard(struct hub_ear *ear, const struct hub_event *event) {
    struct feed *feed = CONTAINER_OF(ear, struct feed, ear);
    if (event->kind != HUB_STATE) {
        return;
    }
    if (!has_room(feed, env_mono_ms(&feed->host->env))) {
        miss(feed, 1);
        plan_telling(feed);
    } else if (event->spec != NULL) {
        put(feed, event, event->spec);
    } else {
        ask(feed, event);
    }
}

static void start_hearing(struct feed *feed) {
    if (!feed->on) {
        feed->on = true;
        feed->from = ++feed->seq; // what happened meanwhile is not known
        feed->not_taken = 0;
        hub_listen(feed->host->hub, &feed->ear);
    }
}

static void stop_hearing(struct feed *feed) {
    if (feed->on) {
        feed->on = false;
        hub_listen_no_more(feed->host->hub, &feed->ear);
    }
    for (size_t i = 0; i < FEED_KEPT; i++) {
        free(feed->ring[i].texts);
        feed->ring[i].texts = NULL;
    }
}

/* ---- listeners ---- */

static void on_tell(struct timer *t, void *arg) {
    struct feed *feed = arg;
    struct feed_listener *at = feed->listeners, *next;
    (void)t;
    for (; at != NULL; at = next) {
        next = at->next;
        at->news(at);
    }
}

static void on_forget(struct timer *t, void *arg) {
    (void)t;
    stop_hearing(arg);
}

struct feed *feed_new(struct host *host) {
    struct feed *feed = calloc(1, sizeof *feed);
    if (feed != NULL) {
        feed->host = host;
        feed->ear.heard = on_heard;
        timer_init(&feed->tell, on_tell, feed);
        timer_init(&feed->forget, on_forget, feed);
    }
    return feed;
}

void feed_free(struct feed **at) {
    struct feed *feed = *at;
    if (feed != NULL) {
        stop_hearing(feed);
        timer_cancel(feed->host->timers, &feed->tell);
        timer_cancel(feed->host->timers, &feed->forget);
        free(feed);
        *at = NULL;
    }
}

void feed_add(struct feed *feed, struct feed_listener *listener) {
    timer_cancel(feed->host->timers, &feed->forget);
    start_hearing(feed);
    listener->next = feed->listeners;
    listener->prev = &feed->listeners;
    if (listener->next != NULL) {
        listener->next->prev = &listener->next;
    }
    feed->listeners = listener;
    feed->listener_count++;
}

void feed_remove(struct feed *feed, struct feed_listener *listener) {
    if (listener->prev == NULL) {
        return;
    }
    *listener->prev = listener->next;
    if (listener->next != NULL) {
        listener->next->prev = listener->prev;
    }
    listener->next = NULL;
    listener->prev = NULL;
    feed->listener_count--;
    if (feed->listeners == NULL && timer_set(feed->host->timers, &feed->forget,
                                             env_mono_ms(&feed->host->env) + FEED_STAYS_MS) != 0) {
        stop_hearing(feed);
    }
}

unsigned feed_listeners(const struct feed *feed) {
    return feed->listener_count;
}

uint64_t feed_seq(const struct feed *feed) {
    return feed->seq;
}

static uint64_t oldest(const struct feed *feed) {
    uint64_t kept = feed->seq > FEED_KEPT ? feed->seq - FEED_KEPT + 1 : 1;
    return kept > feed->from ? kept : feed->from + 1;
}

bool feed_has_behind(const struct feed *feed, uint64_t seq) {
    return feed->on && seq <= feed->seq && seq + 1 >= oldest(feed);
}

const struct feed_change *feed_next(const struct feed *feed, uint64_t *seq, uint64_t *missed) {
    uint64_t first = oldest(feed);
    if (*seq + 1 < first) {
        *missed += first - 1 - *seq;
        *seq = first - 1;
    }
    if (*seq >= feed->seq) {
        return NULL;
    }
    const struct entry *e = &feed->ring[++*seq % FEED_KEPT];
    *missed += e->missed_before;
    return &e->change;
}
