/* What MOVE does to a job, by its state and revision: the same in every store. Pure. */
#ifndef JOBHOST_STORE_MOVING_H
#define JOBHOST_STORE_MOVING_H

#include "store/store.h"

enum moving {
    MOVING_NOT,     /* item->status and item->state say why it stays as it is */
    MOVING_ASK,     /* the running job is marked                              */
    MOVING_TO,      /* *ret_to                                                */
    MOVING_THROUGH, /* it stays as it is; its flow is cancelled           */
};

/* Are its steps dropped with it? */
bool moving_drops_steps(const struct store_move_item *item);

/* The step that is written with it, or NULL. */
const struct store_step *moving_step(const struct store_move_item *item);

enum moving moving_decide(struct store_move_item *item, enum job_state state, uint32_t rev,
                          enum job_state *ret_to);
/* Of one that is to be moved, and is parked for `park`. False: it is not what the item is about; item->status says so. */
bool moving_fits(struct store_move_item *item, enum park_reason park);

#endif
