/* Whose job of a lane goes next, where tenants wait in it: core/share.h over the index of places.
 *
 *     place 16 + 4 x lane + priority          jobs without tenant; older ones of tenants
 *     the same x 2^43 + number of a tenant    jobs of that tenant, in the order of the index
 *
 * So a tenant's line costs nothing but its entries in the index that there is anyway, and is gone with
 * the last of them. What is kept in memory says who waits and whose turn it is. It may say too much
 * (whoever finds a line empty leaves it), never too little: where that is not sure, after a rollback or
 * at the start, `lane->turns_known` is false, and the next claim reads which lines there are, one step
 * into the index each. The numbers are hashes: two tenants with the same one, one chance in 10^12, share
 * a line. Writer thread only. */
#ifndef JOBHOST_STORE_SQLITE_TURNS_H
#define JOBHOST_STORE_SQLITE_TURNS_H

#include <sys/queue.h>

#include "core/share.h"
#include "store/hash.h"
#include "store/sqlite/conn.h"
#include "store/sqlite/lanes.h"

enum { TURNS_SHIFT = 43 };

/* A tenant in one priority of a lane, or all jobs there that stand in no line of a tenant. */
struct turn {
    struct share_flow flow;
    int64_t place;
    struct band *cursor; /* as of a lane */
    struct band own;
    TAILQ_ENTRY(turn) of_idle;
    UT_hash_handle hh;
};
TAILQ_HEAD(turn_list, turn);

struct turns {
    struct share share;
    struct turn plain[PRIORITY_COUNT];
    struct turn *by_place;
    struct turn_list idle; /* of tenants who wait for nothing, and had turns lately */
};

/* 1 .. 2^43 - 1 */
int64_t turns_number(struct bytes tenant);

/* Where jobs of the band `plain` stand that belong to the tenant of this number; 0 = none. */
static inline int64_t turns_place(int64_t plain, int64_t number) {
    return number == 0 ? plain : (plain << TURNS_SHIFT) + number;
}

/* Reads who waits in the lane, if that is not known. 0, or negative errno with words in c->err. */
int turns_load(struct lane *lane, struct conn *c);

/* A job is ready at this place. */
void turns_ready(struct lane *lane, enum job_priority p, int64_t place, struct band at);

/* Whose turn it is in this priority, and whose oldest job waits longest; NULL: nobody. The lane has
 * turns. */
struct turn *turns_first(const struct lane *lane, enum job_priority p);
struct turn *turns_oldest(const struct lane *lane, enum job_priority p);
/* One of its jobs starts; the next one became ready at head_ms, 0 = there is none. */
void turns_start(struct lane *lane, struct turn *turn, int64_t head_ms);
/* None starts, and its oldest is that one. */
void turns_wait(struct lane *lane, struct turn *turn, int64_t head_ms);

/* Lets go of those whose turns are over; of all, when no tenant is left. */
void turns_forget(struct lane *lane);
void turns_free(struct lane *lane);

#endif
