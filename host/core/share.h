/* Whose job goes next: tenants take turns by weight inside a priority, and priorities go before each
 * other as in priority.h, ageing included. Start-time fair queueing with one unit a start. Pure;
 * not thread-safe.
 *
 * A flow is what one tenant waits for in one priority. It has a tag: the virtual time of its next
 * start. The least tag goes first, of equal ones who came first; a start adds SHARE_UNIT / weight to
 * it. Virtual time is the tag of the latest start, and who comes begins there, unless his last start
 * left him further on: nobody saves up turns, and nobody gets new ones by coming back.
 *
 *     tag   v          v + unit
 *           │ a b       │ c d a'        a starts: it goes behind d, who waited at that tag already
 *           └───────────┴──────────▶
 *
 * So between the moment that a flow begins to wait (with its next job, if one has just started) and
 * its start, each other flow of its priority starts at most floor(its weight / this one's) + 1 jobs,
 * with equal weights one, however many they have waiting. With equal weights its wait is the time
 * in which as many jobs end as there are active flows: about flows * mean service / slots, and within
 * twice that and a second unless all slots have got jobs that take many times the mean. Shares are of
 * starts, not of time: who has long jobs holds more slots, which a concurrency of his own bounds
 * (limiter.h).
 *
 * O(log n) a call, but share_ahead(); 48 bytes a flow, its owner's, and two pointers while it waits. Who
 * waits for nothing and whose tag has passed can be forgotten. */
#ifndef JOBHOST_CORE_SHARE_H
#define JOBHOST_CORE_SHARE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/heap.h"
#include "core/job.h"

enum {
    SHARE_UNIT = 55440, /* divisible by 1 to 12 */
    SHARE_WEIGHT_MAX = 1000,
    SHARE_WEIGHTS_MAX = 64 /* tenants of a queue that have one; the others have 1 */
};

/* Embedded in what its owner knows of a tenant. Stays where it is while it waits. */
struct share_flow {
    uint32_t weight; /* 1..SHARE_WEIGHT_MAX; a new one counts from the next start on */
    enum job_priority priority;
    int64_t tag;
    uint64_t turn;   /* who came first of those with the same tag  */
    int64_t head_ms; /* when its oldest waiting job became ready   */
    size_t tag_at, age_at;
};

struct share_band {
    struct heap by_tag, by_age; /* those that wait */
    int64_t now, last;          /* virtual time; the greatest tag that was ever given */
};

struct share {
    struct share_band bands[PRIORITY_COUNT];
    uint64_t turn;   /* of priorities: starts so far */
    uint64_t comers; /* of flows                     */
};

void share_init(struct share *s);
/* Flows are borrowed: those that wait have to leave before they go. */
void share_finish(struct share *s);

void share_flow_init(struct share_flow *f, enum job_priority priority, uint32_t weight);
bool share_is_waiting(const struct share_flow *f);

/* It has jobs waiting, the oldest since head_ms (unix ms); again when another is the oldest. 0, or
 * -ENOMEM and it is as it was. */
int share_wait(struct share *s, struct share_flow *f, int64_t head_ms);
/* It has none any more: they were cancelled, moved, or it goes. */
void share_leave(struct share *s, struct share_flow *f);

/* Whose oldest job goes next; NULL = nobody waits. */
struct share_flow *share_next(const struct share *s, int64_t now_ms);
/* The same inside one priority, where the caller has chosen that; and whose head is the oldest there. */
struct share_flow *share_first(const struct share *s, enum job_priority priority);
struct share_flow *share_oldest(const struct share *s, enum job_priority priority);
/* A job of a waiting flow starts. head_ms is the next one's, 0 = it was the last. */
void share_start(struct share *s, struct share_flow *f, int64_t head_ms);

/* How many flows of its priority go before a waiting one as things are: O(n), for those who ask why. */
size_t share_ahead(const struct share *s, const struct share_flow *f);
/* A new flow would be treated as this one. */
bool share_may_forget(const struct share *s, const struct share_flow *f);

#endif
