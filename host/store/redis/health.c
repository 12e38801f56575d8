#include "store/redis/health.h"

#include <errno.h>

#include "store/redis/blobs.h"
#include "store/redis/news.h"
#include "store/redis/store_private.h"

enum {
    COMPLAIN_MS = 1000, /* a connection that was cut is normally back long before */
    RECHECK_MS = 30000, /* while the server is not fit for jobs                   */
};

/* ------------------------------------------------------------------ telling */

void redis_health_tell(struct redis_store *s, const struct err *why) {
    s->fault = *why;
    s->told = true;
    if (!s->closing) {
        s->events.health(s->events.arg, &s->fault);
    }
}

static void tell_well(struct redis_store *s) {
    timer_cancel(s->timers, &s->complaint);
    if (s->told && !s->closing) {
        s->events.health(s->events.arg, NULL);
    }
    s->told = false;
}

static void on_complaint(struct timer *t, void *arg) {
    struct redis_store *s = arg;
    (void)t;
    redis_health_tell(s, &s->fault);
}

// What it may not do any more may be RESTORE: then the same can be done without, once it is asked for again.
static bool may_do_without(struct redis_store *s, const struct store_op *op) {
    if (s->restores) {
        s->restores = false;
        s->restored_ms = env_mono_ms(&s->net_env);
        if (s->log != NULL) {
            log_warn(s->log, "store.restore",
                     "msg=\"%s; if that is RESTORE: jobs are written without it from now on, which "
                     "costs the server more\"",
                     op->err.msg);
        }
    }
    return op->posted_mono_ms <= s->restored_ms;
}

void redis_health_judge(struct redis_store *s, const struct store_op *op) {
    int status = op->status;
    if (status == -EACCES && may_do_without(s, op)) {
        return;
    }
    if ((status == -EROFS || status == -EACCES) && !s->told) {
        redis_health_tell(s, &op->err);
    } else if (status == 0 && s->told && s->greeted) {
        tell_well(s);
    }
}

/* ------------------------------------------------------------------ a connection is there */

static void load_scripts(struct redis_store *s) {
    for (unsigned i = 0; i < REDIS_SCRIPT_COUNT; i++) {
        struct redis_request *rq = redis_store_tell("SCRIPT");
        if (rq == NULL) {
            return; // it is sent when it is missing
        }
        redis_args_text(&rq->args, "LOAD");
        redis_args_text(&rq->args, redis_script_text(i));
        redis_request_send(&s->cmd, rq, REDIS_GREET_MS);
    }
}

static void on_facts(void *arg, int r, const struct redis_facts *facts, const struct err *e) {
    struct redis_store *s = arg;
    struct redis_findings found = {.count = 0};
    (void)e; // the connection is lost, and tells of it by itself
    if (r < 0) {
        return;
    }
    redis_facts_judge(facts, &s->address, s->config.allow_eviction, &found);
    for (unsigned i = 0; i < found.count; i++) {
        if (found.list[i].refuses) {
            struct err why;
            (void)err_set(&why, -EPROTO, "%s: %s", s->cmd.where, found.list[i].text);
            redis_health_tell(s, &why);
            (void)timer_set(s->timers, &s->recheck, env_mono_ms(&s->net_env) + RECHECK_MS);
            return;
        }
    }
    s->greeted = s->learned = s->judged = true;
    s->restores = facts->restores;
    tell_well(s);
}

// The server may have become another one meanwhile: a failover, another configuration.
static void check(struct redis_store *s) {
    struct err e;
    redis_probe_free(&s->probe);
    s->probe = redis_probe_start(s->cmd.link, &s->peer, &s->net_env, on_facts, s, &e);
    if (s->probe == NULL && redis_link_is_up(s->cmd.link)) {
        redis_health_tell(s, &e);
        (void)timer_set(s->timers, &s->recheck, env_mono_ms(&s->net_env) + RECHECK_MS);
    }
}

static void on_recheck(struct timer *t, void *arg) {
    struct redis_store *s = arg;
    (void)t;
    if (redis_link_is_up(s->cmd.link)) {
        check(s);
    }
}

// A server that has lost its last second, or that was not the master a moment ago, may not know of queues that
// are in use; nobody else would find their jobs.
static int learn_queues(struct redis_store *s, const struct redis_reply *stored, struct err *e) {
    for (struct redis_queue *q = s->queues.by_name; q != NULL; q = q->hh.next) {
        q->lost = q->registered;
        q->registered = false;
    }
    int r = redis_queues_learn(&s->queues, stored, e);
    for (struct redis_queue *q = s->queues.by_name; r == 0 && q != NULL; q = q->hh.next) {
        if (q->lost && redis_store_queue(s, q->name, &r) == NULL) {
            (void)err_set(e, r, "out of memory");
        }
    }
    return r;
}

static void on_queues(struct redis_request *rq, const struct redis_reply *reply, int r,
                      const struct err *e) {
    struct redis_store *s = CONTAINER_OF(rq, struct redis_store, greeting);
    struct err words;
    if (r == 0) {
        r = learn_queues(s, reply, &words);
        e = &words;
    }
    if (r != 0) {
        redis_health_tell(s, e);
    } else if (s->told || !s->judged) {
        check(s);
    } else { // at the start, or a service cut an idle connection; looking each time would cost as much as a day's work
        s->greeted = s->learned = true;
        tell_well(s);
    }
}

void redis_health_up(void *arg, const struct redis_peer *peer) {
    struct redis_store *s = arg;
    struct redis_request *rq = redis_store_tell("SET");
    s->peer = *peer;
    if (s->log != NULL) {
        log_info(s->log, "store.up", "server=\"%s\" version=%s", s->cmd.where, peer->version);
    }
    if (!s->learned) { // later those that it has lost are sent when they are missing
        load_scripts(s);
    } else { // what the answers would have told that were lost
        redis_news_look(s);
    }
    if (rq != NULL) {
        redis_args_text(&rq->args, "jh:format");
        redis_args_text(&rq->args, REDIS_FORMAT);
        redis_args_text(&rq->args, "NX");
        redis_request_send(&s->cmd, rq, REDIS_GREET_MS);
    }
    redis_blobs_greet(s->blobs);
    redis_request_begin(&s->greeting, "HGETALL");
    redis_args_text(&s->greeting.args, "jh:queues");
    s->greeting.done = on_queues;
    // not safe: the next connection asks anew
    redis_request_send(&s->cmd, &s->greeting, REDIS_GREET_MS);
}

void redis_health_down(void *arg, const struct redis_failure *why, int64_t wait_ms) {
    struct redis_store *s = arg;
    bool lasting = !redis_class_passes(why->class);
    if (s->log != NULL) {
        log_warn(s->log, "store.down", "again_ms=%lld msg=\"%s\"", (long long)wait_ms,
                 why->err.msg);
    }
    s->greeted = false;
    s->fault = why->err;
    timer_cancel(s->timers, &s->recheck);
    if (lasting || s->told) {
        redis_health_tell(s, &why->err);
    } else if (!timer_running(&s->complaint)) {
        (void)timer_set(s->timers, &s->complaint, env_mono_ms(&s->net_env) + COMPLAIN_MS);
    }
}

void redis_health_init(struct redis_store *s) {
    timer_init(&s->complaint, on_complaint, s);
    timer_init(&s->recheck, on_recheck, s);
}

void redis_health_finish(struct redis_store *s) {
    timer_cancel(s->timers, &s->complaint);
    timer_cancel(s->timers, &s->recheck);
    redis_probe_free(&s->probe);
}
