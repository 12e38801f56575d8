#define _GNU_SOURCE // strsep

#include "store/redis/wake.h"

#include <stdlib.h>
#include <string.h>

#include "core/breaker.h"
#include "core/limiter.h"
#include "core/token.h"
#include "store/redis/store_private.h"

/* ------------------------------------------------------------------ "was it asked to end?" */

struct question {
    struct redis_request rq;
    struct redis_store *store;
    struct job_id id;
};

static void on_ask(struct redis_request *rq, const struct redis_reply *reply, int r,
                   const struct err *e) {
    struct question *ask = CONTAINER_OF(rq, struct question, rq);
    struct redis_store *s = ask->store;
    struct job_id id = ask->id;
    (void)e;
    bool asked = r == 0 && redis_reply_text(reply).len > 0;
    redis_request_finish(rq);
    free(ask);
    if (asked && !s->closing) {
        redis_news_asked(s, &id);
    }
}

static void ask_about(struct redis_store *s, const struct redis_claim *claim) {
    struct question *ask = calloc(1, sizeof *ask);
    if (ask == NULL) {
        return;
    }
    char id[JOB_ID_TEXT + 1];
    id_format(&claim->job.spec.id, id);
    ask->store = s;
    ask->id = claim->job.spec.id;
    redis_request_begin(&ask->rq, "HGET");
    redis_args_printf(&ask->rq.args, "%sjob:%s", claim->queue->jobs, id);
    redis_args_text(&ask->rq.args, "ask");
    ask->rq.done = on_ask;
    ask->rq.safe = true;
    redis_request_send(&s->cmd, &ask->rq, REDIS_LOOK_MS);
}

/* ------------------------------------------------------------------ messages */

// Its words: what it is, the queue, and what follows.
struct message {
    char text[REDIS_WAKE_MESSAGE_MAX + 1];
    const char *words[4]; /* "" for none */
    struct redis_queue *queue;
};

static bool number_of(const char *text, int64_t *ret) {
    char *end = NULL;
    if (*text < '0' || *text > '9') {
        return false;
    }
    *ret = strtoll(text, &end, 10);
    return *end == '\0' && *ret > 0 && *ret < INT64_MAX;
}

static void take_ready(struct redis_store *s, const struct message *m) {
    struct err e;
    if (job_check_type(m->words[2], &e) == 0) {
        const struct store_lane lane = {m->queue->name, m->words[2]};
        s->events.ready(s->events.arg, &lane);
    }
}

static void take_due(struct redis_store *s, const struct message *m) {
    int64_t ms;
    if (number_of(m->words[2], &ms)) {
        s->events.due(s->events.arg, ms);
    }
}

static void take_ask(struct redis_store *s, const struct message *m) {
    struct job_id id;
    const struct redis_claim *claim =
        id_parse(m->words[2], &id) == 0 ? redis_claims_find(&s->claims, &id) : NULL;
    if (claim != NULL && !claim->asked) {
        ask_about(s, claim);
    }
}

static void take_pause(struct redis_store *s, const struct message *m) {
    redis_news_look_at(s, m->queue);
}

static void take_lease(struct redis_store *s, const struct message *m) {
    int64_t ms;
    if (number_of(m->words[2], &ms)) {
        redis_news_lease(s, ms);
    }
}

static void take_outbox(struct redis_store *s, const struct message *m) {
    (void)m;
    redis_news_outbox(s);
}

static void take_schedule(struct redis_store *s, const struct message *m) {
    int64_t change;
    if (number_of(m->words[3], &change)) {
        redis_news_schedule(s, m->words[2], change);
    }
}

static const struct {
    char name;
    unsigned words;
    void (*take)(struct redis_store *s, const struct message *m);
    bool any_queue; /* also one that this host does not know */
} kinds[] = {
    {'r', 3, take_ready, false},   {'d', 3, take_due, false},   {'c', 3, take_ask, false},
    {'p', 2, take_pause, false},   {'l', 3, take_lease, false}, {'o', 2, take_outbox, true},
    {'s', 4, take_schedule, true},
};

// The number of its words; 0: it is none of ours.
static unsigned split(struct bytes text, struct message *m) {
    if (text.len == 0 || text.len > REDIS_WAKE_MESSAGE_MAX ||
        memchr(text.data, '\0', text.len) != NULL) {
        return 0;
    }
    memcpy(m->text, text.data, text.len);
    m->text[text.len] = '\0';
    unsigned count = 0;
    char *rest = m->text, *word;
    while ((word = strsep(&rest, " ")) != NULL) {
        if (*word == '\0' || count == ARRAY_LEN(m->words)) {
            return 0;
        }
        m->words[count++] = word;
    }
    return count;
}

static bool is(const struct message *m, unsigned count, size_t kind) {
    unsigned words = kinds[kind].words;
    return (count == words || count == words + 1) && m->words[0][0] == kinds[kind].name &&
           m->words[0][1] == '\0';
}

static void tell_limiter(struct redis_store *s, const char *name) {
    const char *key;
    size_t len;
    if (s->events.limiter != NULL && limiter_name_split(name, &len, &key) == 0) {
        s->events.limiter(s->events.arg, name);
    }
}

static void tell_breaker(struct redis_store *s, const char *name) {
    enum breaker_kind kind;
    const char *scope;
    if (s->events.breaker != NULL && breaker_name_split(name, &kind, &scope) == 0) {
        s->events.breaker(s->events.arg, name);
    }
}

static void tell_token(struct redis_store *s, const char *id) {
    if (s->events.token != NULL && token_is_id(id)) {
        s->events.token(s->events.arg, id);
    }
}

// True: it is about a limiter, breaker or token, whose name stands where others have a queue.
static bool take_named(struct redis_store *s, struct bytes text) {
    char own[REDIS_WAKE_MESSAGE_MAX + 1], *name;
    const char *data = text.data;
    if (text.len < 2 || text.len > REDIS_WAKE_MESSAGE_MAX ||
        (memcmp(data, "k ", 2) != 0 && memcmp(data, "b ", 2) != 0 && memcmp(data, "t ", 2) != 0)) {
        return false;
    }
    memcpy(own, data + 2, text.len - 2);
    own[text.len - 2] = '\0';
    name = own;
    const char *who = strsep(&name, " ");
    if (name != NULL && strcmp(who, s->queues.caller) != 0) {
        (*data == 'k' ? tell_limiter : *data == 'b' ? tell_breaker : tell_token)(s, name);
    }
    return true;
}

void redis_wake_message(struct redis_store *s, struct bytes text) {
    struct message m = {.queue = NULL};
    struct err e;
    if (take_named(s, text)) {
        return;
    }
    unsigned count = split(text, &m);
    size_t kind = count == 0 ? ARRAY_LEN(kinds) : 0;
    while (kind < ARRAY_LEN(kinds) && !is(&m, count, kind)) {
        kind++;
    }
    if (kind == ARRAY_LEN(kinds) || job_check_queue(m.words[1], &e) < 0 ||
        (count > kinds[kind].words && strcmp(m.words[count - 1], s->queues.caller) == 0)) {
        return;
    }
    m.queue = redis_queues_find(&s->queues, m.words[1]);
    if (m.queue == NULL && !kinds[kind].any_queue) {
        redis_news_look(s); // another host has made it
    } else {
        kinds[kind].take(s, &m);
    }
}
