#include "sim/runner_attempt.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "harness.h"
#include "sim/plugin_run.h"

static struct {
    int fd, heard_fd;
    struct buf frame, answer;
} told; // to the runner

/* ------------------------------------------------------------------ what it tells */

static void tell_effect(struct jh_harness *h, const struct wish *w) {
    struct buf *out = &told.frame;
    wire_put_int(out, RUNNER_TOLD_EFFECT);
    wire_put_int(out, h->now_ms - h->attempt.began_ms);
    wire_put_int(out, h->handler->state_version);
    wire_put_int(out, w->kind);
    wire_put_text(out, w->name);
    wire_put_bytes(out, w->value);
    wire_put_int(out, w->op);
    wire_put_int(out, w->number);
    wire_put_text(out, w->type);
    wire_put_child(out, &w->child);
    (void)wire_send(told.fd, out);
}

static void tell_end(struct jh_harness *h, jh_status status) {
    struct buf *out = &told.frame;
    const struct jh_wait *wait = &h->verdict.wait;
    wire_put_int(out, RUNNER_TOLD_END);
    wire_put_int(out, h->now_ms - h->attempt.began_ms);
    wire_put_int(out, status);
    wire_put_int(out, jh_harness_class(h));
    wire_put_int(out, jh_harness_retry_after_ms(h));
    wire_put_int(out, status == JH_YIELD ? wait->kind : 0);
    wire_put_int(out, status != JH_YIELD            ? 0
                      : wait->kind == JH_WAIT_UNTIL ? wait->wake_at_ms
                      : wait->timeout_ms > 0        ? h->now_ms + wait->timeout_ms
                                                    : 0);
    wire_put_text(out, jh_harness_code(h));
    wire_put_text(out, jh_harness_scope(h));
    wire_put_text(out, status == JH_YIELD ? wait->key : NULL);
    wire_put_text(out, status == JH_YIELD ? h->verdict.wait_for : NULL);
    (void)wire_send(told.fd, out);
}

/* ------------------------------------------------------------------ what it asks */

struct question {
    enum plugin_run_verb verb;
    const char *name;
    uint32_t n;
    int64_t number; // how long it waits; until when it is closed
    uint64_t ticket;
    int32_t status;
    struct jh_bytes headers;
};

struct reply {
    uint64_t ticket;
    int64_t again_ms;
    enum http_trouble trouble;
    struct bytes headers, body; // until the next question
};

/* Its status, or negative errno. Nobody hears how long the answer takes in real time. */
static int ask(struct jh_harness *h, const struct question *q, struct reply *ret) {
    struct buf *out = &told.frame;
    struct wire w;
    wire_put_int(out, RUNNER_TOLD_ASK);
    wire_put_int(out, h->now_ms - h->attempt.began_ms);
    wire_put_int(out, q->verb);
    wire_put_int(out, q->n);
    wire_put_int(out, q->number);
    wire_put_int(out, (int64_t)q->ticket);
    wire_put_int(out, q->status);
    wire_put_text(out, q->name);
    wire_put_bytes(out, (struct bytes){q->headers.data, q->headers.len});
    (void)alarm(0);
    if (wire_send(told.fd, out) != 0 || wire_receive(told.heard_fd, &told.answer, &w) != 1) {
        _exit(2); // nobody is there any more
    }
    (void)alarm(RUNNER_MOST_S);
    int status = (int)wire_int(&w);
    h->now_ms += wire_int(&w);
    *ret = (struct reply){.ticket = (uint64_t)wire_int(&w)};
    ret->again_ms = wire_int(&w);
    ret->trouble = (enum http_trouble)wire_int(&w);
    ret->headers = wire_bytes(&w);
    ret->body = wire_bytes(&w);
    return w.bad ? -EBADMSG : status;
}

static int outside_acquire(struct jh_harness *h, const char *name, uint32_t n, int64_t wait_ms,
                           uint64_t *ret_ticket, int64_t *ret_again_ms) {
    struct reply reply = {.ticket = 0};
    int rc = ask(
        h, &(struct question){.verb = PLUGIN_RUN_ACQUIRE, .name = name, .n = n, .number = wait_ms},
        &reply);
    *ret_ticket = reply.ticket;
    *ret_again_ms = reply.again_ms;
    return rc;
}

static int outside_end(struct jh_harness *h, uint64_t ticket, bool made, int32_t status,
                       struct jh_bytes headers) {
    struct reply reply;
    return ask(h,
               &(struct question){.verb = made ? PLUGIN_RUN_OBSERVE : PLUGIN_RUN_GIVE_BACK,
                                  .ticket = ticket,
                                  .status = status,
                                  .headers = headers},
               &reply);
}

static int outside_park(struct jh_harness *h, const char *name, int64_t until_ms) {
    struct reply reply;
    return ask(h, &(struct question){.verb = PLUGIN_RUN_PARK, .name = name, .number = until_ms},
               &reply);
}

static int outside_exchange(struct jh_harness *h, const struct fetch_hop *hop,
                            struct harness_said *ret) {
    struct reply reply;
    int status = ask(
        h,
        &(struct question){.verb = PLUGIN_RUN_FETCH, .name = hop->url, .number = hop->timeout_ms},
        &reply);
    ret->trouble = reply.trouble;
    ret->status = status;
    ret->headers = arena_bytes(&h->attempt.arena, reply.headers);
    ret->body = arena_bytes(&h->attempt.arena, reply.body);
    return status < 0 ? status : 0;
}

static const struct harness_outside outside = {.acquire = outside_acquire,
                                               .end = outside_end,
                                               .park = outside_park,
                                               .exchange = outside_exchange};

/* ------------------------------------------------------------------ its run */

/* A flow of its job, as it stands. */
static void read_flow(struct jh_harness *h, struct wire *w) {
    int which = (int)wire_int(w);
    size_t open = (size_t)wire_int(w);
    jh_harness_flow(h, which, open, wire_int(w) != 0);
    for (int64_t left = wire_int(w); left > 0 && !w->bad; left--) {
        struct jh_member m = {.size = sizeof m, .state = (int32_t)wire_int(w)};
        m.id = wire_text(w, &h->arena);
        m.type = wire_text(w, &h->arena);
        m.code = wire_text(w, &h->arena);
        m.cls = (jh_class)wire_int(w);
        jh_harness_member(h, which, &m, NULL);
    }
}

_Noreturn void runner_attempt(struct jh_harness *h, struct wire *w, int told_fd, int heard_fd) {
    struct arena *a = &h->arena;
    told.fd = told_fd;
    told.heard_fd = heard_fd;
    h->outside = &outside;
    const char *handler = wire_text(w, a);
    h->job.queue = wire_text(w, a);
    h->job.tenant = wire_text(w, a);
    h->job.content_type = wire_text(w, a);
    h->job.dedup_key = wire_text(w, a);
    h->job.flow_id = wire_text(w, a);
    struct bytes payload = wire_bytes(w);
    jh_harness_payload_bytes(h, payload.data, payload.len);
    h->job.attempt = (uint32_t)wire_int(w) - 1; // the harness counts it
    h->now_ms = wire_int(w);
    h->created_ms = wire_int(w);
    h->job.deadline_ms = wire_int(w);
    h->job.nominal_ms = wire_int(w);
    int64_t timeout_ms = wire_int(w);
    h->job.seed = (uint64_t)wire_int(w);
    h->entropy = h->job.seed;
    h->owner = pthread_self();
    for (int64_t flows = wire_int(w); flows > 0 && !w->bad; flows--) {
        read_flow(h, w);
    }
    if (h->vault.effects == NULL) {
        h->vault.effects_end = &h->vault.effects;
    }
    h->applied = tell_effect;
    if (timeout_ms > 0) {
        jh_harness_cancel_after_ms(h, timeout_ms, JH_CANCEL_DEADLINE);
    }
    (void)alarm(RUNNER_MOST_S);
    tell_end(h, jh_harness_run(h, handler));
    _exit(0);
}
