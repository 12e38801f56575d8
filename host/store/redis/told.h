/* What became of a member in another queue than its flow: an entry of the outbox of its own queue
 * (lua/lib/flow.lua writes them), beside the parcels of jobs that are on their way. Pure on replies. */
#ifndef JOBHOST_STORE_REDIS_TOLD_H
#define JOBHOST_STORE_REDIS_TOLD_H

#include "base/arena.h"
#include "base/err.h"
#include "core/id.h"
#include "redis/reply.h"

struct redis_told {
    const char *queue, *flow; /* where the flow is, and whose it is              */
    const char *member;       /* its id, also in                                 */
    struct job_id id;
    const char *became, *was; /* a final state; or "back", and which one it left */
    const char *deep;         /* "1": what it made is not over with it; or NULL      */
};

/* Is an entry with these fields one? */
bool redis_told_is(const struct redis_reply *fields);

/* Texts are copied into the arena. 0, -ENOMEM, or -EBADMSG and words. */
int redis_told_read(const struct redis_reply *fields, struct arena *a, struct redis_told *ret,
                    struct err *e);

/* A text of such an entry, or of a parcel. NULL: there is no such field, or no memory, and `*r` says so. */
const char *redis_told_text(const struct redis_reply *fields, const char *name, struct arena *a,
                            int *r);

#endif
