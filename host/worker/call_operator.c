#include "worker/call_operator.h"

#include <errno.h>
#include <string.h>

#include "core/id.h"
#include "core/waits.h"
#include "worker/call_step.h"
#include "worker/check.h"
#include "worker/state.h"

static int waiting_check(struct jh_call *pub) {
    return call_check_job(call_of(pub));
}

static int waiting_refuse(struct jh_call *pub, const char *name, int rc) {
    return call_refuse(call_of(pub), name, rc);
}

static int64_t waiting_now_ms(struct jh_call *pub) {
    return env_wall_ms(&call_of(pub)->worker->env);
}

static int waiting_note_step(struct jh_call *pub, const char *name, struct jh_bytes value) {
    return call_step_send(call_of(pub), name, value);
}

struct call_wait {
    struct call_wait *next;
    const char *name;
    uint32_t count;
};

static uint32_t waiting_count(struct jh_call *pub, const char *name) {
    struct call *c = call_of(pub);
    struct call_wait *w = c->waits;
    while (w != NULL && strcmp(w->name, name) != 0) {
        w = w->next;
    }
    if (w == NULL) {
        w = arena_zalloc(&c->arena, sizeof *w);
        const char *own = arena_str(&c->arena, name);
        if (w == NULL || own == NULL) {
            return 0;
        }
        *w = (struct call_wait){.next = c->waits, .name = own};
        c->waits = w;
    }
    return ++w->count;
}

static int64_t waiting_created_ms(struct jh_call *pub) {
    struct job_id id;
    return id_parse(call_of(pub)->task->job.id, &id) == 0 ? id_time_ms(&id) : 0;
}

static const char *keep_text(struct call *c, const char *text) {
    return text == NULL ? NULL : arena_str(&c->arena, text);
}

static int waiting_park(struct jh_call *pub, const struct jh_wait *wait, const char *wait_for) {
    struct call *c = call_of(pub);
    const char *key = keep_text(c, wait->key), *what = keep_text(c, wait_for);
    if ((key == NULL && wait->key != NULL) || (what == NULL && wait_for != NULL)) {
        return -ENOMEM;
    }
    c->notes.said = SAID_WAIT;
    c->notes.wait = *wait;
    c->notes.wait.key = key;
    c->notes.wait_for = what;
    return 0;
}

const struct waiting_ops call_waiting = {
    .check = waiting_check,
    .refuse = waiting_refuse,
    .now_ms = waiting_now_ms,
    .note_step = waiting_note_step,
    .count = waiting_count,
    .created_ms = waiting_created_ms,
    .park = waiting_park,
};

static int operator_ask(struct jh_call *pub, const struct jh_question *q, struct jh_bytes *ret) {
    return waiting_ask(pub, &call_waiting, q, ret);
}

const struct jh_operator call_operator_table = {.size = sizeof(struct jh_operator),
                                                .ask = operator_ask};
