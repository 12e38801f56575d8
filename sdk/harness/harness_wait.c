// The extension operator: the waits of the worker over the harness' own steps.
#include <stdio.h>
#include <string.h>

#include "core/outcome.h"
#include "core/waits.h"
#include "harness.h"
#include "worker/waiting.h"

static int waiting_check(struct jh_call *call) {
    harness_enter(harness_of(call));
    return harness_check_run(harness_of(call));
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

static int waiting_park(struct jh_call *call, const struct jh_wait *wait, const char *wait_for) {
    struct attempt *a = &harness_of(call)->attempt;
    a->notes.said = SAID_WAIT;
    a->notes.wait = *wait;
    a->notes.wait.key = arena_str(&a->arena, wait->key);
    a->notes.wait_for = arena_str(&a->arena, wait_for);
    return 0;
}

static const struct waiting_ops waiting = {
    .check = waiting_check,
    .refuse = waiting_refuse,
    .now_ms = waiting_now_ms,
    .note_step = waiting_note_step,
    .park = waiting_park,
};

static int operator_ask(struct jh_call *call, const struct jh_question *q, struct jh_bytes *ret) {
    return waiting_ask(call, &waiting, q, ret);
}

const struct jh_operator harness_operator = {.size = sizeof(struct jh_operator),
                                             .ask = operator_ask};

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

static bool has_asked(const struct jh_harness *h) {
    return h->verdict.status == JH_YIELD && h->verdict.wait.kind == OUTCOME_WAIT_OPERATOR;
}

const char *jh_harness_asked(const struct jh_harness *h) {
    return has_asked(h) ? h->verdict.wait.key : NULL;
}

const char *jh_harness_question(const struct jh_harness *h) {
    return has_asked(h) ? h->verdict.wait_for : NULL;
}
