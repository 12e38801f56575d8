// The extensions event and operator: the waits of the worker over the harness' own steps.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/outcome.h"
#include "core/waits.h"
#include "harness.h"
#include "worker/waiting.h"

static int waiting_check(struct jh_call *call) {
    harness_enter(harness_of(call));
    return harness_check_job(harness_of(call));
}

static int waiting_refuse(struct jh_call *call, const char *name, int rc) {
    return harness_refuse(harness_of(call), name, rc);
}

static int64_t waiting_now_ms(struct jh_call *call) {
    return harness_of(call)->now_ms;
}

static int waiting_note_step(struct jh_call *call, const char *name, struct jh_bytes value) {
    const struct wish wish = {.kind = WISH_STEP, .name = name, .value = {value.data, value.len}};
    return harness_wish(harness_of(call), &wish);
}

static uint32_t waiting_count(struct jh_call *call, const char *name) {
    struct attempt *a = &harness_of(call)->attempt;
    struct harness_wait *w = a->waits;
    while (w != NULL && strcmp(w->name, name) != 0) {
        w = w->next;
    }
    if (w == NULL) {
        w = arena_zalloc(&a->arena, sizeof *w);
        if (w == NULL) {
            vault_no_memory();
        }
        *w = (struct harness_wait){.next = a->waits, .name = arena_str(&a->arena, name)};
        a->waits = w;
    }
    return ++w->count;
}

static int64_t waiting_created_ms(struct jh_call *call) {
    return harness_of(call)->created_ms;
}

static int waiting_park(struct jh_call *call, const struct jh_wait *wait, const char *wait_for) {
    struct attempt *a = &harness_of(call)->attempt;
    a->notes.said = SAID_WAIT;
    a->notes.wait = *wait;
    a->notes.wait.key = arena_str(&a->arena, wait->key);
    a->notes.wait_for = arena_str(&a->arena, wait_for);
    return 0;
}

const struct waiting_ops harness_waiting = {
    .check = waiting_check,
    .refuse = waiting_refuse,
    .now_ms = waiting_now_ms,
    .note_step = waiting_note_step,
    .count = waiting_count,
    .created_ms = waiting_created_ms,
    .park = waiting_park,
};

static int operator_ask(struct jh_call *call, const struct jh_question *q, struct jh_bytes *ret) {
    return waiting_ask(call, &harness_waiting, q, ret);
}

const struct jh_operator harness_operator = {.size = sizeof(struct jh_operator),
                                             .ask = operator_ask};

static int event_publish(struct jh_call *call, const struct jh_event *event) {
    struct jh_harness *h = harness_of(call);
    struct jh_event e = {.size = 0};
    harness_enter(h);
    int rc = harness_check_job(h);
    rc = rc < 0 ? rc : check_event(event, &e);
    if (rc == 0) {
        rc = harness_wish(h, &(struct wish){.kind = WISH_EVENT,
                                            .name = e.name,
                                            .value = {e.payload.data, e.payload.len},
                                            .type = e.content_type,
                                            .number = e.flags});
    }
    return harness_refuse(h, "publish", rc);
}

static int event_wait(struct jh_call *call, const struct jh_event_wait *wait,
                      struct jh_bytes *ret) {
    return waiting_event(call, &harness_waiting, wait, ret);
}

const struct jh_events harness_events = {
    .size = sizeof(struct jh_events), .publish = event_publish, .wait = event_wait};

int64_t harness_wait_ms(const struct jh_harness *h) {
    const struct jh_wait *wait = &h->verdict.wait;
    if (wait->kind == JH_WAIT_UNTIL) {
        return wait->wake_at_ms > h->now_ms ? wait->wake_at_ms - h->now_ms : 0;
    }
    return wait->timeout_ms;
}

/* ------------------------------------------------------------------ what tests say and see */

void jh_harness_answer(struct jh_harness *h, const char *key, const char *answer) {
    char name[WAITS_STEP_MAX];
    struct buf value = {.data = NULL};
    if (waits_check_name(key) < 0) {
        harness_misused("jh_harness_answer(): \"%s\" is no key of a question", key);
    }
    waits_operator_step(key, name);
    waits_step_put(&value, &(struct waits_step){
                               .state = WAITS_GOT, .at_ms = h->now_ms, .value = bytes_of(answer)});
    vault_apply(&h->vault,
                &(struct wish){.kind = WISH_STEP, .name = name, .value = buf_bytes(&value)});
    h->steps_set = true;
    buf_free(&value);
}

// The place of an event is its number in the list.
void jh_harness_event(struct jh_harness *h, const char *name, const char *payload) {
    struct harness_event *e = arena_zalloc(&h->arena, sizeof *e);
    if (waits_check_name(name) < 0) {
        harness_misused("jh_harness_event(): \"%s\" is no name of an event", name);
    }
    if (e == NULL) {
        vault_no_memory();
    }
    *e = (struct harness_event){.name = arena_str(&h->arena, name),
                                .payload = arena_str(&h->arena, payload),
                                .number = h->events == NULL ? 1 : h->events->number + 1,
                                .next = h->events};
    h->events = e;
}

static const struct harness_event *find_event(const struct jh_harness *h, const char *name,
                                              long behind) {
    const struct harness_event *found = NULL; // the list begins with the newest
    for (const struct harness_event *e = h->events; e != NULL && e->number > behind; e = e->next) {
        found = strcmp(e->name, name) == 0 ? e : found;
    }
    return found;
}

static void set_step(struct jh_harness *h, const char *name, struct bytes value) {
    vault_apply(&h->vault, &(struct wish){.kind = WISH_STEP, .name = name, .value = value});
}

void harness_meet_event(struct jh_harness *h) {
    const struct jh_wait *wait = &h->verdict.wait;
    struct waits_event what;
    char name[WAITS_STEP_MAX];
    if (h->verdict.status != JH_YIELD || wait->kind != JH_WAIT_EVENT ||
        waits_event_read(h->verdict.wait_for, &what) < 0) {
        return;
    }
    const struct harness_event *e = find_event(h, wait->key, strtol(what.position, NULL, 10));
    if (e == NULL) {
        return;
    }
    struct waits_step got = {.state = WAITS_GOT, .at_ms = h->now_ms, .value = bytes_of(e->payload)};
    (void)snprintf(got.position, sizeof got.position, "%ld", e->number);
    if (what.n == 0) {
        waits_event_step(wait->key, 0, name);
        set_step(h, name, got.value);
        got.value = (struct bytes){NULL, 0};
        waits_plain_step(wait->key, name);
    } else {
        waits_event_step(wait->key, what.n, name);
    }
    struct buf text = {.data = NULL};
    waits_step_put(&text, &got);
    set_step(h, name, buf_bytes(&text));
    buf_free(&text);
}

size_t jh_harness_published(const struct jh_harness *h) {
    size_t count;
    (void)vault_effect(&h->vault, WISH_EVENT, 0, &count);
    return count;
}

const char *jh_harness_published_name(const struct jh_harness *h, size_t index) {
    const struct wish *w = vault_effect(&h->vault, WISH_EVENT, index, NULL);
    return w == NULL ? NULL : w->name;
}

const char *jh_harness_published_payload(const struct jh_harness *h, size_t index) {
    const struct wish *w = vault_effect(&h->vault, WISH_EVENT, index, NULL);
    return w == NULL ? NULL : w->value.len == 0 ? "" : w->value.data;
}

static bool has_asked(const struct jh_harness *h) {
    return h->verdict.status == JH_YIELD && h->verdict.wait.kind == OUTCOME_WAIT_OPERATOR;
}

const char *jh_harness_asked(const struct jh_harness *h) {
    return has_asked(h) ? h->verdict.wait.key : NULL;
}

const char *jh_harness_question(const struct jh_harness *h) {
    return has_asked(h) ? h->verdict.wait_for : NULL;
}
