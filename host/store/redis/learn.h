/* The queues that other hosts have made: known before an operation goes over all of them. */
#ifndef JOBHOST_STORE_REDIS_LEARN_H
#define JOBHOST_STORE_REDIS_LEARN_H

#include "store/redis/task.h"

/* Calls `then` when jh:queues has been read since the store was opened: from inside this call, as a
 * rule. Else it reads it first, by `rq`, which is the operation's own and free again afterwards; or
 * the task fails. */
void redis_learn(struct redis_task *t, struct redis_request *rq,
                 void (*then)(struct redis_task *t));
/* The same, reading it anyway. */
void redis_learn_again(struct redis_task *t, struct redis_request *rq,
                       void (*then)(struct redis_task *t));

/* There are more than are known here; `count`: what a script says of HLEN jh:queues. */
bool redis_learn_is_behind(const struct redis_store *s, const struct redis_reply *count);

#endif
