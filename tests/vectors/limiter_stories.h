/* For the programs that make the limiter's vectors: stories are told by functions, printed as they happen. */
#ifndef JOBHOST_TESTS_LIMITER_STORIES_H
#define JOBHOST_TESTS_LIMITER_STORIES_H

#include <inttypes.h>
#include <stdio.h>

#include "base/bytes.h"
#include "limiter_vectors.h"

#define NOW INT64_C(1795254000000)
#define DAY INT64_C(86400000)

static struct {
    struct limiter limiter;
    struct limiter_rules rules;
} story;

static void tell(enum vector_op op, int64_t now, uint64_t id, int64_t n, struct limiter_hint hint) {
    const uint64_t in[VECTOR_INPUTS] = {(uint64_t)story.rules.rate,
                                        (uint64_t)story.rules.per_ms,
                                        story.rules.window,
                                        (uint64_t)story.rules.burst,
                                        (uint64_t)story.rules.concurrency,
                                        (uint64_t)story.rules.lease_ms,
                                        op,
                                        (uint64_t)now,
                                        id,
                                        (uint64_t)n,
                                        hint.refused,
                                        (uint64_t)(hint.remaining + 1),
                                        (uint64_t)(hint.limit + 1),
                                        (uint64_t)(hint.reset_ms + 1),
                                        (uint64_t)(hint.retry_ms + 1)};
    uint64_t out[VECTOR_OUTPUTS];
    vector_run(&story.limiter, in, out);
    for (int i = 0; i < VECTOR_INPUTS; i++) {
        (void)printf("%" PRIu64 " ", in[i]);
    }
    for (int i = 0; i < VECTOR_OUTPUTS; i++) {
        (void)printf(" %" PRIu64, out[i]);
    }
    (void)printf("\n");
}

static void begin(const char *title, struct limiter_rules rules) {
    (void)printf("# %s\n", title);
    story.rules = rules;
    tell(OP_BEGIN, NOW, 0, 0, LIMITER_HINT_NONE);
}

static void take(int64_t now, uint64_t id, int64_t n) {
    tell(OP_TAKE, now, id, n, LIMITER_HINT_NONE);
}

static void answered(int64_t now, uint64_t id) {
    tell(OP_ANSWERED, now, id, 0, LIMITER_HINT_NONE);
}

/* The next number of a row that is the same everywhere. */
static uint64_t draw(uint64_t *seed) {
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *seed >> 33;
}

/* `steps` things at random, seldom far apart in time. */
static void ramble(uint64_t seed, unsigned steps) {
    static const enum vector_op ops[] = {OP_TAKE, OP_TAKE,     OP_TAKE,      OP_TAKE,
                                         OP_TAKE, OP_ANSWERED, OP_ANSWERED,  OP_ANSWERED,
                                         OP_TAKE, OP_ANSWERED, OP_GIVE_BACK, OP_RENEW};
    int64_t now = NOW, span = story.rules.rate > 0 ? story.rules.per_ms / 4 : 100;
    for (unsigned i = 0; i < steps; i++) {
        uint64_t d = draw(&seed);
        struct limiter_hint hint = LIMITER_HINT_NONE;
        now += (int64_t)(draw(&seed) % (uint64_t)(span + 2));
        now -= d % 29 == 0 ? (int64_t)(draw(&seed) % (uint64_t)(2 * span + 1)) : 0;
        if (d % 5 == 0) {
            hint.remaining = (int64_t)(draw(&seed) % 9);
            hint.limit = d % 3 == 0 ? (int64_t)(draw(&seed) % 9) : -1;
            hint.reset_ms = d % 7 == 0 ? (int64_t)(draw(&seed) % 500) : -1;
            hint.refused = draw(&seed) % 11 == 0;
            hint.retry_ms = d % 2 == 0 ? (int64_t)(draw(&seed) % 3000) : -1;
        }
        enum vector_op op = ops[draw(&seed) % ARRAY_LEN(ops)];
        tell(op, now, 1 + draw(&seed) % 12, op == OP_TAKE ? 1 + (int64_t)(draw(&seed) % 3) : 0,
             op == OP_ANSWERED ? hint : LIMITER_HINT_NONE);
    }
}

#endif
