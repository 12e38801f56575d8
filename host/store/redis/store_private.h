/* The insides of the store in a Redis server, for its operations.
 *
 *     task.h     an operation under way, answered in order
 *     batch.h    items of one turn of the loop joined into one call
 *     script.h   the Lua files, and calls of them
 *     link.h     connections: `cmd` for all commands, `wake` subscribed to jh:wake, `bulk` for the
 *                pieces of blobs, so that a large file delays nobody
 *
 * All of it runs on the loop thread; there are no threads but the one that looks up names. */
#ifndef JOBHOST_STORE_REDIS_STORE_PRIVATE_H
#define JOBHOST_STORE_REDIS_STORE_PRIVATE_H

#include "base/log.h"
#include "redis/probe.h"
#include "store/redis/batch.h"
#include "store/redis/claims.h"
#include "store/redis/news.h"
#include "store/redis/queues.h"
#include "store/redis/recall.h"
#include "store/redis/script.h"
#include "store/redis/task.h"

struct event;
struct redis_blobs;

struct redis_store {
    struct event_base *base;
    struct timers *timers; /* of real time: connections and leases belong to the outside world */
    struct env net_env;    /* the same */
    const struct log *log; /* may be NULL */
    struct store_events events;
    struct store_config config; /* texts are in `arena` */
    struct arena arena;
    struct redis_address address;
    struct redis_tls *tls; /* NULL: not TLS */
    struct redis_scripts scripts;
    struct redis_line cmd, wake, bulk; /* bulk.link is NULL while nobody needs it */
    struct redis_queues queues;
    struct redis_blobs *blobs; /* contents that move, and those that are at hand */
    struct redis_claims claims;
    struct redis_recall recall;
    struct redis_news news;
    struct redis_task_list tasks; /* all, in order of posting */
    struct redis_batch *gathering;
    struct redis_commit_entry *waiting; /* commits behind another one of their job: op_commit.c */
    struct event *turn;                 /* flushes and answers at the end of a turn of the loop */
    struct redis_peer peer;             /* who greeted last                                 */
    struct redis_probe *probe;          /* NULL, or the last look at its settings           */
    struct timer recheck;               /* it is not fit for jobs: the next look            */
    struct redis_request greeting;      /* what follows each (re)connect */
    struct timer complaint;             /* a lost connection is worth a word when it fires */
    bool learned;                       /* jh:queues has been read once */
    bool greeted;        /* the greeting of this connection is over                   */
    bool judged;         /* its settings were looked at                                */
    bool restores;       /* it takes a hash as one word: redis/rdb.h                   */
    int64_t restored_ms; /* when it did so last (monotonic), if it does not any more   */
    bool told;           /* health(why) was the last word                             */
    bool closing;
    struct err fault; /* why it is not well */
};

/* ---- for the operations */

/* A command that nobody waits for: its words follow, then redis_request_send() on a line of the
 * store; it frees itself. NULL: no memory. */
struct redis_request *redis_store_tell(const char *command);

/* The queue, made known to jh:queues by a command in front of the next one. NULL and *r: -ENOMEM,
 * -EDQUOT. */
struct redis_queue *redis_store_queue(struct redis_store *s, const char *name, int *r);

/* The line `bulk`. 0 or -ENOMEM. */
int redis_store_open_bulk(struct redis_store *s, struct err *e);
void redis_store_close_line(struct redis_line *line);

/* All queues, as an array in the arena. NULL: no memory, or there are none (*count = 0). */
struct redis_queue **redis_store_queues(struct redis_store *s, struct arena *a, size_t *count);

/* Appends what a queue's jobs (or results) may take in all, so that the budget over all queues
 * holds; '' = any. */
void redis_store_put_room(const struct redis_store *s, const struct redis_queue *q,
                          enum store_budget class, struct redis_args *a);

/* At the end of this turn of the loop there is something to send or to answer. */
void redis_store_turn(struct redis_store *s);

#endif
