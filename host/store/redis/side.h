/* The values of the keys that hang on a job, besides its hash (J = the queue's prefix of jobs):
 *
 *     J payload:<id>        STRING  the payload, when it is larger than REDIS_PAYLOAD_INLINE
 *     J steps:<id>          HASH    name -> value
 *     J steps:<id>:names    LIST    the same names, in the order in which they first came
 *     J warnings:<id>       LIST    redis_warning_put(): the first JOB_WARNINGS_MAX, in their order
 *     J history:<id>        LIST    history_pack() (store/history.h): the newest JOB_HISTORY_MAX,
 *                                   oldest first
 *     J outputs:<id>        HASH    name -> redis_output_pack()
 *     J log:<id>            STRING  the tail of the log
 *     J results:<id>        STRING  the result, when it is no blob
 *
 * Pure. */
#ifndef JOBHOST_STORE_REDIS_SIDE_H
#define JOBHOST_STORE_REDIS_SIDE_H

#include "base/arena.h"
#include "base/buf.h"
#include "store/redis/args.h"
#include "store/store.h"

enum { REDIS_STEPS_LISTED = 1000 }; /* names that GET lists */

/* Appends the word for a warning: code, NUL, message. */
void redis_warning_put(struct redis_args *a, const struct store_warning *warning);
/* 0, -EBADMSG, -ENOMEM. */
int redis_warning_read(struct bytes value, struct arena *a, struct store_warning *ret);

/* An output without its name: content type and blob. */
void redis_output_pack(struct buf *b, const struct store_output *output);
/* Fills all but ret->name. 0, -EBADMSG, -ENOMEM. */
int redis_output_read(struct bytes value, struct arena *a, struct store_output *ret);

#endif
