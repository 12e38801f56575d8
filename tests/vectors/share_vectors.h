/* The columns of share.txt, and what core/share.h makes of them: a flow `f` of which something becomes, and another one `g` of its
 * priority. */
#ifndef JOBHOST_TESTS_SHARE_VECTORS_H
#define JOBHOST_TESTS_SHARE_VECTORS_H

#include <stdint.h>

#include "core/share.h"

enum share_vector_op {
    SHARE_V_ENTER,     /* f begins to wait; g does                                 */
    SHARE_V_START,     /* a job of f starts, and it has another one; g waits       */
    SHARE_V_LAST,      /* the last job of f starts; g waits                        */
    SHARE_V_VERY_LAST, /* the last job of f starts, and g does not wait            */
    SHARE_V_OPS
};
enum { SHARE_V_IN = 9, SHARE_V_OUT = 7 };
#define SHARE_V_COLUMNS                                                                            \
    "op now last comers f_tag f_turn f_weight g_tag g_turn  now last comers f_tag f_turn "         \
    "f_before_g f_may_be_forgotten"

static inline void share_v_put(struct share *s, struct share_flow *flow, uint64_t tag,
                               uint64_t turn) {
    share_flow_init(flow, PRIORITY_NORMAL, 1);
    flow->tag = (int64_t)tag;
    s->comers = turn;
    (void)share_wait(s, flow, 1); // nothing of it is changed at time 0
}

static inline void share_vector_run(const uint64_t in[SHARE_V_IN], uint64_t out[SHARE_V_OUT]) {
    enum share_vector_op op = (enum share_vector_op)in[0];
    struct share s;
    struct share_flow f, g;
    share_init(&s);
    struct share_band *b = &s.bands[PRIORITY_NORMAL];
    share_v_put(&s, &g, in[7], in[8]);
    share_v_put(&s, &f, in[4], in[5]);
    if (op == SHARE_V_ENTER) {
        share_leave(&s, &f);
    } else if (op == SHARE_V_VERY_LAST) {
        share_leave(&s, &g);
    }
    f.weight = (uint32_t)in[6];
    b->now = (int64_t)in[1];
    b->last = (int64_t)in[2];
    s.comers = in[3];
    if (op == SHARE_V_ENTER) {
        (void)share_wait(&s, &f, 1);
    } else {
        share_start(&s, &f, op == SHARE_V_START ? 1 : 0);
    }
    bool waits = share_is_waiting(&f);
    out[0] = (uint64_t)b->now;
    out[1] = (uint64_t)b->last;
    out[2] = s.comers;
    out[3] = (uint64_t)f.tag;
    out[4] = waits ? f.turn : 0;
    out[5] = waits && share_first(&s, PRIORITY_NORMAL) == &f;
    out[6] = share_may_forget(&s, &f);
    share_leave(&s, &f);
    share_leave(&s, &g);
    share_finish(&s);
}

#endif
