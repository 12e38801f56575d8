#include "store/redis/redis_store.h"

#include <errno.h>
#include <event2/event.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/redis/blobs.h"
#include "store/redis/health.h"
#include "store/redis/ops.h"
#include "store/redis/store_private.h"
#include "store/redis/survey.h"
#include "store/redis/wake.h"

enum { BULK_MS = 30000 };

/* ------------------------------------------------------------------ connections */

static void delivered(struct redis_request *rq, const struct redis_reply *reply, int r,
                      const struct err *e) {
    (void)reply;
    (void)r;
    (void)e; // who needs what it says meets the same failure by its own command
    redis_request_finish(rq);
    free(rq);
}

struct redis_request *redis_store_tell(const char *command) {
    struct redis_request *rq = calloc(1, sizeof *rq);
    if (rq == NULL) {
        return NULL;
    }
    rq->done = delivered;
    rq->safe = true;
    redis_request_begin(rq, command);
    return rq;
}

static int open_line(struct redis_store *s, struct redis_line *line, const char *name,
                     const char *channel, int64_t command_ms,
                     const struct redis_link_events *events, struct err *e) {
    const struct redis_link_config config = {.base = s->base,
                                             .timers = s->timers,
                                             .env = &s->net_env,
                                             .address = &s->address,
                                             .tls = s->tls,
                                             .name = name,
                                             .channel = channel,
                                             .connect_ms = s->config.connect_timeout_ms,
                                             .command_ms = command_ms};
    line->link = redis_link_new(&config, events, e);
    return line->link == NULL ? -ENOMEM : 0;
}

static void prepare_line(struct redis_store *s, struct redis_line *line) {
    line->timers = s->timers;
    line->env = &s->net_env;
    line->scripts = &s->scripts;
    redis_address_where(&s->address, line->where);
}

static void quiet_down(void *arg, const struct redis_failure *why, int64_t wait_ms) {
    (void)arg; // the other link tells of it
    (void)why;
    (void)wait_ms;
}

static void quiet_up(void *arg, const struct redis_peer *peer) {
    (void)arg;
    (void)peer;
}

// What was said while nobody listened.
static void wake_up(void *arg, const struct redis_peer *peer) {
    struct redis_store *s = arg;
    (void)peer;
    redis_news_look(s);
    if (s->events.breaker != NULL) {
        s->events.breaker(s->events.arg, NULL);
    }
}

static void wake_push(void *arg, const struct redis_reply *message) {
    redis_wake_message(arg, redis_reply_text(redis_reply_at(message, 2)));
}

static int open_lines(struct redis_store *s, struct err *e) {
    const struct redis_link_events cmd = {
        .up = redis_health_up, .down = redis_health_down, .arg = s};
    const struct redis_link_events wake = {
        .up = wake_up, .down = quiet_down, .push = wake_push, .arg = s};
    int64_t command_ms = s->config.command_timeout_ms;
    prepare_line(s, &s->cmd);
    prepare_line(s, &s->wake);
    prepare_line(s, &s->bulk);
    int r = open_line(s, &s->cmd, "jobhost", NULL, command_ms, &cmd, e);
    if (r == 0 && !s->config.read_only_ok) {
        r = open_line(s, &s->wake, "jobhost-wake", "jh:wake", command_ms, &wake, e);
    }
    return r;
}

int redis_store_open_bulk(struct redis_store *s, struct err *e) {
    const struct redis_link_events events = {.up = quiet_up, .down = quiet_down, .arg = s};
    int64_t piece_ms = s->config.command_timeout_ms; // a piece on a slow way takes longer
    return open_line(s, &s->bulk, "jobhost-bulk", NULL, piece_ms > BULK_MS ? piece_ms : BULK_MS,
                     &events, e);
}

void redis_store_close_line(struct redis_line *line) {
    struct redis_link *link = line->link;
    line->link = NULL; // what is answered now may send: to nobody
    redis_link_free(&link);
}

/* ------------------------------------------------------------------ the turn */

static void on_turn(evutil_socket_t fd, short what, void *arg) {
    struct redis_store *s = arg;
    (void)fd;
    (void)what;
    redis_batch_flush(s);
    redis_tasks_answer(s);
}

void redis_store_turn(struct redis_store *s) {
    event_active(s->turn, 0, 0);
}

/* ------------------------------------------------------------------ for the operations */

struct redis_queue *redis_store_queue(struct redis_store *s, const char *name, int *r) {
    struct redis_queue *q = redis_queues_get(&s->queues, name, r);
    if (q == NULL || q->registered) {
        return q;
    }
    struct redis_request *rq = redis_store_tell("HSETNX");
    if (rq == NULL) {
        *r = -ENOMEM;
        return NULL;
    }
    char room[REDIS_PREFIX_MAX + 4];
    q->registered = true;
    redis_args_text(&rq->args, "jh:queues");
    redis_args_text(&rq->args, q->name);
    redis_args_copy(&rq->args, redis_queues_value(q, room));
    redis_request_send(&s->cmd, rq, REDIS_GREET_MS);
    return q;
}

struct redis_queue **redis_store_queues(struct redis_store *s, struct arena *a, size_t *count) {
    size_t n = redis_queues_count(&s->queues), i = 0;
    struct redis_queue **all = n == 0 ? NULL : arena_alloc(a, n * sizeof *all);
    *count = n;
    for (struct redis_queue *q = s->queues.by_name; q != NULL && all != NULL; q = q->hh.next) {
        all[i++] = q;
    }
    return all;
}

void redis_store_put_room(const struct redis_store *s, const struct redis_queue *q,
                          enum store_budget class, struct redis_args *a) {
    int64_t budget = (int64_t)s->config.budget[class], others = 0;
    if (budget == 0) {
        redis_args_text(a, "");
        return;
    }
    for (const struct redis_queue *o = s->queues.by_name; o != NULL; o = o->hh.next) {
        others += o == q ? 0 : o->bytes[class];
    }
    redis_args_number(a, budget > others ? budget - others : 0);
}

/* ------------------------------------------------------------------ open and close */

static void name_caller(struct redis_queues *queues) {
    uint64_t random;
    env_random(&random, sizeof random);
    (void)snprintf(queues->caller, sizeof queues->caller, "%016" PRIx64, random);
}

static void copy_texts(struct redis_store *s) {
    struct store_config *c = &s->config;
    c->url = arena_str(&s->arena, c->url);
    c->blob_dir = arena_str(&s->arena, c->blob_dir);
    c->tls_ca = arena_str(&s->arena, c->tls_ca);
    c->tls_cert = arena_str(&s->arena, c->tls_cert);
    c->tls_key = arena_str(&s->arena, c->tls_key);
    c->queues = NULL; // they are in `queues` now
    c->queue_count = 0;
    c->lease_ms = c->lease_ms > 0 ? c->lease_ms : 30000;
    c->connect_timeout_ms = c->connect_timeout_ms > 0 ? c->connect_timeout_ms : 5000;
    c->command_timeout_ms = c->command_timeout_ms > 0 ? c->command_timeout_ms : 2000;
    c->blobs_max_in_store = c->blobs_max_in_store > 0 ? c->blobs_max_in_store : 64ULL << 20;
}

static int look(struct redis_store *s, struct err *e) {
    struct redis_survey survey;
    redis_survey_run(&s->config, &survey);
    if (!survey.reached && s->config.may_wait && survey.may_pass) {
        s->fault = survey.err; // the links go on trying
        return 0;
    }
    if (!survey.reached) {
        *e = survey.err;
        return e->code < 0 ? e->code : -EIO;
    }
    const char *refusal = redis_survey_refusal(&survey);
    if (refusal != NULL) {
        return err_set(e, -EPROTO, "%s: %s", survey.where, refusal);
    }
    for (unsigned i = 0; i < survey.findings.count && s->log != NULL; i++) {
        log_warn(s->log, "store.warning", "code=%s msg=\"%s\"", survey.findings.list[i].code,
                 survey.findings.list[i].text);
    }
    s->judged = true;
    s->restores = survey.facts.restores;
    return 0;
}

static int prepare(struct redis_store *s, const struct store_config *config, struct err *e) {
    const struct redis_tls_files files = {config->tls_ca, config->tls_cert, config->tls_key};
    int r = redis_address_parse(config->url, &s->address, e);
    r = r < 0 ? r : redis_queues_configure(&s->queues, config->queues, config->queue_count, e);
    r = r < 0 ? r : redis_scripts_init(&s->scripts);
    if (r == 0 && s->address.tls) {
        s->tls = redis_tls_new(&files, e);
        r = s->tls == NULL ? -EINVAL : 0;
    }
    r = r < 0 ? r : look(s, e);
    if (r < 0) {
        return r;
    }
    s->timers = timers_new(s->base, &s->net_env);
    s->turn = event_new(s->base, -1, 0, on_turn, s);
    if (s->timers == NULL || s->turn == NULL) {
        return err_set(e, -ENOMEM, "out of memory");
    }
    redis_health_init(s);
    redis_news_init(s);
    s->blobs = redis_blobs_new(s, e);
    if (s->fault.code != 0) { // now: who opens it must not wait for the time of an operation
        redis_health_tell(s, &s->fault);
    }
    return s->blobs == NULL ? e->code : open_lines(s, e);
}

static void store_close_it(void *self) {
    struct redis_store *s = self;
    s->closing = true;
    if (s->turn != NULL) {
        redis_batch_flush(s);
        redis_tasks_answer(s);
        redis_store_close_line(&s->wake);
        redis_store_close_line(&s->bulk);
        redis_store_close_line(&s->cmd);
    }
    while (!TAILQ_EMPTY(&s->tasks)) { // each step of each of them fails at once
        redis_batch_flush(s);
        redis_blobs_settle(s->blobs);
        redis_line_finish(&s->cmd);
        redis_line_finish(&s->bulk);
        redis_tasks_answer(s);
    }
    redis_line_finish(&s->cmd);
    redis_blobs_free(&s->blobs);
    redis_request_finish(&s->greeting);
    if (s->turn != NULL) {
        event_free(s->turn);
    }
    if (s->timers != NULL) {
        redis_health_finish(s);
        redis_news_close(s);
        timers_free(&s->timers);
    }
    redis_tls_free(&s->tls);
    redis_claims_finish(&s->claims);
    redis_recall_finish(&s->recall);
    redis_queues_finish(&s->queues);
    redis_address_wipe(&s->address);
    arena_wipe(&s->arena);
    free(s);
}

static void store_post_it(void *self, struct store_op *op) {
    redis_task_post(self, op);
}

static uint64_t room_of_blobs(void *self) {
    const struct redis_store *s = self;
    return redis_blobs_room(s->blobs);
}

static const struct store_ops ops = {
    .caps = {.name = "redis", .shared = true, .claim_batch = REDIS_BATCH_ITEMS},
    .post = store_post_it,
    .close = store_close_it,
    .blob_room = room_of_blobs,
};

int redis_store_open(const struct store_config *config, struct event_base *base,
                     const struct log *log, const struct env *env,
                     const struct store_events *events, struct store *ret_store, struct err *e) {
    struct redis_store *s = calloc(1, sizeof *s);
    (void)env; // the clock of jobs comes with each operation
    if (s == NULL) {
        return err_set(e, -ENOMEM, "out of memory");
    }
    s->base = base;
    s->log = log;
    s->events = *events;
    s->config = *config;
    TAILQ_INIT(&s->tasks);
    copy_texts(s);
    name_caller(&s->queues);
    int r = prepare(s, config, e);
    if (r < 0) {
        store_close_it(s);
        return r;
    }
    *ret_store = (struct store){&ops, s};
    return 0;
}
