/* What a line of limiter_take.txt and concurrency_take.txt means. A file is a row of stories: `begin` empties the state, each
 * further line does something to it and says what came of it and how it looks then.
 *
 *   rate per window burst concurrency lease   the rules, as in struct limiter_rules
 *   op now id n                                n of `close` is the time
 *   refused remaining limit reset retry        what an answer told, each but the first plus 1, 0 = nothing
 *   verdict part until                         of a take; of the others 1 = something was held by that id, or 0
 *   limit held settled foreign closed          struct limiter_view
 *
 * Included by one file of an executable. */
#ifndef JOBHOST_TESTS_LIMITER_VECTORS_H
#define JOBHOST_TESTS_LIMITER_VECTORS_H

#include "core/limiter.h"

enum { VECTOR_INPUTS = 15, VECTOR_OUTPUTS = 8 };
enum vector_op { OP_BEGIN, OP_TAKE, OP_ANSWERED, OP_GIVE_BACK, OP_RENEW, OP_CLOSE, OP_OPEN };

static void vector_take(struct limiter *l, const struct limiter_rules *r, const uint64_t *in,
                        uint64_t *out) {
    struct limiter_answer a;
    if (limiter_take(l, r, in[8], (int64_t)in[9], (int64_t)in[7], &a) == 0) {
        out[0] = a.verdict;
        out[1] = a.part;
        out[2] = (uint64_t)a.until_ms;
    }
}

static struct limiter_hint vector_hint(const uint64_t *in) {
    return (struct limiter_hint){.refused = in[10] != 0,
                                 .remaining = (int64_t)in[11] - 1,
                                 .limit = (int64_t)in[12] - 1,
                                 .reset_ms = (int64_t)in[13] - 1,
                                 .retry_ms = (int64_t)in[14] - 1};
}

static inline void vector_run(struct limiter *l, const uint64_t in[VECTOR_INPUTS],
                              uint64_t out[VECTOR_OUTPUTS]) {
    const struct limiter_rules r = {(int64_t)in[0], (int64_t)in[1], (enum limiter_window)in[2],
                                    (int64_t)in[3], (int64_t)in[4], (int64_t)in[5]};
    const struct limiter_hint hint = vector_hint(in);
    int64_t now = (int64_t)in[7];
    struct limiter_view v;
    for (int i = 0; i < VECTOR_OUTPUTS; i++) {
        out[i] = 0;
    }
    switch ((enum vector_op)in[6]) {
    case OP_BEGIN: limiter_finish(l); break;
    case OP_TAKE: vector_take(l, &r, in, out); break;
    case OP_ANSWERED: out[0] = limiter_answered(l, &r, in[8], &hint, now); break;
    case OP_GIVE_BACK: out[0] = limiter_give_back(l, &r, in[8], now); break;
    case OP_RENEW: out[0] = limiter_renew(l, &r, in[8], now); break;
    case OP_CLOSE: limiter_close(l, &r, (int64_t)in[9], now); break;
    case OP_OPEN: limiter_open(l); break;
    }
    limiter_look(l, &r, now, &v);
    out[3] = (uint64_t)v.limit;
    out[4] = (uint64_t)v.held;
    out[5] = (uint64_t)v.settled;
    out[6] = (uint64_t)v.foreign;
    out[7] = (uint64_t)v.closed_ms;
}

#endif
