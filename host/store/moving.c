#include "store/moving.h"

#include <errno.h>

// The events that MOVE takes, and where each leads; -1 = not by MOVE.
static int target_of(enum job_event event) {
    switch (event) {
    case JOB_EV_CANCEL: return JOB_CANCELLED;
    case JOB_EV_DIE: return JOB_DEAD;
    case JOB_EV_PARK: return JOB_PARKED;
    case JOB_EV_REVIVE:
    case JOB_EV_PROMOTE:
    case JOB_EV_WAKE: return JOB_QUEUED;
    default: return -1;
    }
}

bool moving_drops_steps(const struct store_move_item *item) {
    return item->drop_steps && (item->event == JOB_EV_REVIVE || item->event == JOB_EV_WAKE);
}

const struct store_step *moving_step(const struct store_move_item *item) {
    return item->event == JOB_EV_WAKE ? item->step : NULL;
}

bool moving_fits(struct store_move_item *item, enum park_reason park) {
    bool fits = item->event != JOB_EV_WAKE || item->park == PARK_NONE || item->park == park;
    item->status = fits ? 0 : -EINVAL;
    return fits;
}

enum moving moving_decide(struct store_move_item *item, enum job_state state, uint32_t rev,
                          enum job_state *ret_to) {
    int to = target_of(item->event);
    item->status = 0;
    item->state = state;
    if (state == JOB_RUNNING) {
        bool ask = item->event == JOB_EV_CANCEL && item->ask;
        item->status = ask ? 0 : -EBUSY;
        return ask ? MOVING_ASK : MOVING_NOT;
    }
    if (item->event == JOB_EV_CANCEL && item->through && job_is_final(state)) {
        item->status = state == JOB_CANCELLED ? 0 : -EINVAL;
        return MOVING_THROUGH;
    }
    if (to == (int)state && (item->rev == 0 || item->rev + 1 == rev)) {
        item->status =
            moving_step(item) == NULL ? 0 : -ESTALE; // whose step is there the store sees
        return MOVING_NOT;                           // it has led there already: a repetition
    }
    if (item->rev != 0 && item->rev != rev) {
        item->status = -ESTALE;
    } else if (to < 0 || job_next_state(state, item->event) != to) {
        item->status = -EINVAL;
    } else {
        *ret_to = (enum job_state)to;
        return MOVING_TO;
    }
    return MOVING_NOT;
}
