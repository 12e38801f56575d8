/* A new job on its way into a script: the words that lua/lib/insert.lua takes. */
#ifndef JOBHOST_STORE_REDIS_INSERT_H
#define JOBHOST_STORE_REDIS_INSERT_H

#include "store/redis/store_private.h"

/* As lua/lib/insert.lua names them. */
enum redis_inserted {
    REDIS_INSERT_NEW = 0,
    REDIS_INSERT_DUPLICATE = 1,
    REDIS_INSERT_REPEATED = 3,
    REDIS_INSERT_HELD = 4,
    REDIS_INSERT_OVER_BUDGET = 5,
    REDIS_INSERT_FULL = 6,
    REDIS_INSERT_OTHER_FILES = 7,
    REDIS_INSERT_ONCE = 8, /* lua/lib/once.lua */
    REDIS_INSERT_ONCE_DIFFERS = 9,
    REDIS_INSERT_NOT_TOLD = 10,
};

/* How it comes. */
struct redis_coming {
    const char *how;               /* as lua/lib/insert.lua says; NULL = as most do            */
    const char *dies, *why;        /* it is dead from the start: code, message; else NULL      */
    const char *ready;             /* since when it could run, unix ms; NULL: since its id     */
    const struct job_id *files_of; /* under whose id its input files are held; NULL = its own */
};

/* `queue` is its number in the call; `head` that of the item before it; `spec` is borrowed until the call is sent. */
void redis_insert_write(const struct redis_store *s, const struct store_submit_item *item,
                        struct redis_coming comes, unsigned queue, const struct redis_queue *q,
                        int64_t now_ms, struct redis_args *a, struct redis_head *head);

/* What lua/lib/insert.lua said of it: its code, or what lua/lib/meet.lua says. An item with OTHER_FILES is refused with
 * -EBUSY, and `winner` says whose id that is. 0 or -EPROTO. */
int redis_insert_read(const struct redis_reply *reply, struct store_submit_item *item);

#endif
