/* The Lua files of lua/, and calls of them.
 *
 * A script is called by its SHA-1; a server that has lost it (NOSCRIPT) is sent the text. What is
 * temporary (loading, a long script of somebody, failing over) is asked again until the request's
 * time is over. Loop thread only. */
#ifndef JOBHOST_STORE_REDIS_SCRIPT_H
#define JOBHOST_STORE_REDIS_SCRIPT_H

#include "base/timer.h"
#include "redis/link.h"
#include "store/redis/args.h"
#include "store/redis/queues.h"

/* X(name): lua/<name>.lua */
#define REDIS_SCRIPTS(X)                                                                           \
    X(audit)                                                                                       \
    X(blob_begin)                                                                                  \
    X(blob_end)                                                                                    \
    X(blob_hold)                                                                                   \
    X(blob_keep)                                                                                   \
    X(blob_looked)                                                                                 \
    X(blob_named)                                                                                  \
    X(blob_piece)                                                                                  \
    X(blob_release)                                                                                \
    X(blob_sweep)                                                                                  \
    X(breaker)                                                                                     \
    X(breakers)                                                                                    \
    X(claim)                                                                                       \
    X(commit)                                                                                      \
    X(delivered)                                                                                   \
    X(due)                                                                                         \
    X(event_put)                                                                                   \
    X(event_sweep)                                                                                 \
    X(event_wake)                                                                                  \
    X(fire)                                                                                        \
    X(flow_cancel)                                                                                 \
    X(flow_get)                                                                                    \
    X(flow_join)                                                                                   \
    X(flow_members)                                                                                \
    X(forward)                                                                                     \
    X(fsck_blobs)                                                                                  \
    X(fsck_breakers)                                                                               \
    X(fsck_counts)                                                                                 \
    X(fsck_events)                                                                                 \
    X(fsck_flows)                                                                                  \
    X(fsck_jobs)                                                                                   \
    X(fsck_keys)                                                                                   \
    X(fsck_schedules)                                                                              \
    X(fsck_sides)                                                                                  \
    X(fsck_tokens)                                                                                 \
    X(get)                                                                                         \
    X(jobs)                                                                                        \
    X(kv_claim)                                                                                    \
    X(kv_get)                                                                                      \
    X(kv_sweep)                                                                                    \
    X(late)                                                                                        \
    X(ledger)                                                                                      \
    X(ledger_sweep)                                                                                \
    X(lease)                                                                                       \
    X(limiter)                                                                                     \
    X(limiters)                                                                                    \
    X(move)                                                                                        \
    X(narrow)                                                                                      \
    X(parcel_move)                                                                                 \
    X(parcel_waits)                                                                                \
    X(parcels)                                                                                     \
    X(queue_set)                                                                                   \
    X(recover)                                                                                     \
    X(remove)                                                                                      \
    X(result)                                                                                      \
    X(schedule_put)                                                                                \
    X(schedule_set)                                                                                \
    X(schedules)                                                                                   \
    X(start)                                                                                       \
    X(stats)                                                                                       \
    X(submit)                                                                                      \
    X(sweep)                                                                                       \
    X(token_put)                                                                                   \
    X(token_set)

enum redis_script {
#define X(name) REDIS_SCRIPT_##name,
    REDIS_SCRIPTS(X)
#undef X
        REDIS_SCRIPT_COUNT,
    REDIS_NO_SCRIPT_ID = REDIS_SCRIPT_COUNT /* a plain command */
};

#define X(name) extern const char redis_lua_##name[];
REDIS_SCRIPTS(X)
#undef X

const char *redis_script_text(enum redis_script id);
const char *redis_script_name(enum redis_script id);

struct redis_scripts {
    char sha[REDIS_SCRIPT_COUNT][41];
};
/* Computes the names by which servers know them. 0 or -ENOMEM. */
int redis_scripts_init(struct redis_scripts *all);

struct redis_request;

/* `reply` is no error; NULL with r < 0 and words. It is borrowed for the call. */
typedef void redis_request_fn(struct redis_request *rq, const struct redis_reply *reply, int r,
                              const struct err *e);

/* One call on a link and its answer, at last. Belongs to whoever sends it, from sending to done();
 * done() may send it again or free it after redis_request_finish(). */
struct redis_request {
    redis_request_fn *done;
    void *arg;
    bool safe;    /* running it twice does no harm */
    bool patient; /* if not: it may wait for a connection all the same */
    /* private */
    struct redis_line *line;
    struct redis_args args;
    struct redis_call call;
    enum redis_script script;
    bool by_text; /* the server did not know the script */
    int64_t until_ms;
    unsigned tries;
    struct timer again;
    struct redis_request *prev, *next;
};

/* A link as requests use it. */
struct redis_line {
    struct redis_link *link;
    struct timers *timers;
    const struct env *env;
    const struct redis_scripts *scripts;
    struct redis_request *waiting; /* for their timer */
    char where[REDIS_WHERE_MAX];
};

/* Begins a command whose words follow in rq->args. */
void redis_request_begin(struct redis_request *rq, const char *command);
/* Begins a call of a script over `count` queues; its own words follow in rq->args (lua/lib/queue.lua
 * says what goes before them). */
void redis_request_script(struct redis_request *rq, enum redis_script id,
                          struct redis_queue *const *queues, size_t count, int64_t now_ms);

/* Sends it. done() comes once, never from inside this call, with:
 *   0            the reply
 *   -ENOTCONN    it was not sent: there is no connection, or was none in its time
 *   -ETIMEDOUT, -EIO    its fate is unknown: it was sent, and not answered
 *   -EBUSY       too much is under way
 *   -EROFS       the server takes no writes (memory, disk, replicas)
 *   -EACCES      credentials or rights
 *   -EPROTO      a bug of ours or foreign data; -ENOMEM, -E2BIG */
void redis_request_send(struct redis_line *line, struct redis_request *rq, int64_t timeout_ms);

void redis_request_finish(struct redis_request *rq);

/* Ends those that wait for their timer (-EIO): before the link is freed. */
void redis_line_finish(struct redis_line *line);

#endif
