/* Breakers: each store keeps what the core decides. */
#include <string.h>

#include "model.h"

static const char *const names[MODEL_BREAKERS] = {"auth:user:1", "network:site", "unknown:x y"};
static const struct breaker_times times = {.base_ms = 200, .cap_ms = 1000};
enum { LEASE_MS = 300, ASKERS = 6 };

// The core's functions, on what is remembered.
static void apply(struct model *m, int number, struct store_breaker *op) {
    struct breaker *b = &m->breakers[number];
    if (breaker_rest_ms(b) <= m->rig.now) {
        *b = (struct breaker){.version = 0};
    }
    op->state = *b;
    (void)store_breaker_apply(op, m->rig.now);
    *b = op->state;
    if (b->failures == 0) {
        *b = (struct breaker){.version = 0};
    }
}

static void expect_state(struct model *m, const struct breaker *want, const struct breaker *is) {
    (void)model_same(m, want->failures, is->failures, "failures in a row");
    (void)model_same(m, want->failures == 0 ? 0 : want->until_ms,
                     is->failures == 0 ? 0 : is->until_ms, "until when it is open");
    (void)model_same(m, want->failures == 0 ? 0 : want->probe_ms,
                     is->failures == 0 ? 0 : is->probe_ms, "until when its probe may be silent");
}

void model_breakers_post(struct model *m) {
    static const enum store_breaker_verb verbs[] = {
        STORE_BREAKER_LOOK,      STORE_BREAKER_ADMIT,  STORE_BREAKER_ADMIT,
        STORE_BREAKER_FAILED,    STORE_BREAKER_FAILED, STORE_BREAKER_SUCCEEDED,
        STORE_BREAKER_ABANDONED, STORE_BREAKER_RESET};
    int number = (int)model_dice(m, MODEL_BREAKERS);
    struct store_breaker op = {.verb = verbs[model_dice(m, ARRAY_LEN(verbs))],
                               .name = names[number],
                               .id = 1 + model_dice(m, ASKERS),
                               .lease_ms = LEASE_MS,
                               .times = times,
                               .cls = JH_E_NETWORK,
                               .retry_after_ms =
                                   model_dice(m, 4) == 0 ? (int64_t)model_dice(m, 900) : 0};
    struct store_breaker want = op;
    (void)model_same(m, 0, rig_run(model_host(m), &op.op, STORE_BREAKER), "a breaker");
    apply(m, number, &want);
    (void)model_same(m, (int)want.verdict, (int)op.verdict, "who may go");
    (void)model_same(m, want.until_ms, op.until_ms, "when to ask again");
    (void)model_same(m, want.changed, op.changed, "whether that changed it");
    expect_state(m, &m->breakers[number], &op.state);
    store_op_finish(&op.op);
}

void model_breakers_look(struct model *m) {
    struct store_breaker_list list = {.max = 100};
    (void)model_same(m, 0, rig_run(model_host(m), &list.op, STORE_BREAKER_LIST), "breakers");
    for (int i = 0; i < MODEL_BREAKERS; i++) {
        static const struct breaker closed;
        const struct breaker *is = &closed, *want = &m->breakers[i];
        for (size_t k = 0; k < list.count; k++) {
            is = strcmp(list.breakers[k].name, names[i]) == 0 ? &list.breakers[k].state : is;
        }
        expect_state(m, breaker_rest_ms(want) <= m->rig.now ? &closed : want, is);
    }
    store_op_finish(&list.op);
}
