/* May a commit of an attempt be applied? The one check that stands between two hosts that run the
 * same job, so every store makes it by this table. It is made in Lua as well
 * (store/redis/lua/lib/fence.lua), which sees what is stored; tests/vectors/fence.txt is run against
 * both. Pure. */
#ifndef JOBHOST_CORE_FENCE_H
#define JOBHOST_CORE_FENCE_H

#include <stdbool.h>
#include <stdint.h>

/* The numbers are those of fence.lua. */
enum fence_verdict {
    FENCE_APPLY = 0,
    FENCE_APPLIED = 1, /* it was, and its answer was lost                              */
    FENCE_STALE = 2,   /* the job is another attempt's, or has left this one long since */
    FENCE_ODD = 3,     /* a number is missing or used up: a bug of who commits          */
};

struct fence_stored {
    bool running;
    uint32_t token;  /* of the last claim                     */
    uint32_t number; /* of the last commit that was applied   */
};

/* `goes_on`: the attempt does not end with it (JOB_EV_NONE). */
enum fence_verdict fence_commit(const struct fence_stored *stored, uint32_t token, uint32_t number,
                                bool goes_on);

#endif
