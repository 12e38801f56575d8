/* What other hosts did, made into events.
 *
 *     jh:wake (wake.h) ───────────────┐
 *     (re)subscribed, unknown queue ──┼─▶ look: lease.lua without a host ─┐
 *     the beat ───────────────────────┴───────────────────────────────────┴─▶ redis_news_read ─▶ events
 *
 * Loop thread only. */
#ifndef JOBHOST_STORE_REDIS_NEWS_H
#define JOBHOST_STORE_REDIS_NEWS_H

#include "base/timer.h"
#include "store/redis/args.h"
#include "store/redis/claims.h"
#include "store/redis/queues.h"

struct redis_store;

enum { REDIS_LOOK_MS = 10000 }; /* of a question that no operation waits for */

/* Part of the store. */
struct redis_news {
    int64_t ahead_ms; /* the server's clock minus ours (of jobs), as last heard */
    bool clock_known;
    uint64_t nonce;     /* our host's, as last heard; 0 = not yet      */
    int64_t started_ms; /* of that host: its first beat                */
    bool looking;       /* at all queues; */
    bool look_again;    /* when that is over                           */
    int64_t looked_ms;  /* mono; when the last look ended, 0 = none    */
    int64_t changes;    /* of schedules, as far as they were told; -1 = not known */
    struct timer pause; /* until the next look may begin               */
};

void redis_news_init(struct redis_store *s);
void redis_news_close(struct redis_store *s);

/* ---- asking */

/* Looks at all queues, also at those that only other hosts have heard of; not too often. */
void redis_news_look(struct redis_store *s);
/* At one, at once. */
void redis_news_look_at(struct redis_store *s, struct redis_queue *q);

/* The words that lua/lease.lua takes up to its claims; `all`: those that follow are all that this
 * host knows of, so whatever else it has is to be told. */
void redis_news_ask(struct redis_args *a, uint64_t nonce, struct bytes row, int64_t lease_ms,
                    bool wanted, bool all);

/* ---- what answers tell */

/* The server's clock as it was when a question was answered that was asked at `now_ms` of ours. */
void redis_news_clock(struct redis_store *s, const struct redis_reply *server, int64_t now_ms);
/* Our time for one of the server's; 0 = nobody knows yet. */
int64_t redis_news_ours(const struct redis_store *s, int64_t server_ms);

/* A queue's pause, {at, by, why} or nil: an event if it is not what was last told. */
void redis_news_paused(struct redis_store *s, struct redis_queue *q,
                       const struct redis_reply *pause);
/* The same, as the caller has read it. */
void redis_news_pause(struct redis_store *s, struct redis_queue *q,
                      const struct store_queue_stats *is);
/* The caller made it: no event. */
void redis_news_pause_known(struct redis_queue *q, bool paused, int64_t at_ms, const char *by,
                            const char *why);

/* Lanes with queued jobs, as fields of the HASH `types`. */
void redis_news_lanes(struct redis_store *s, const struct redis_queue *q,
                      const struct redis_reply *fields);

/* A lease ends of a job that is another host's, or nobody's, by the server's clock. */
void redis_news_lease(struct redis_store *s, int64_t server_ms);
void redis_news_outbox(struct redis_store *s);
/* A job of ours was asked to end: an event the first time. */
void redis_news_asked(struct redis_store *s, const struct job_id *id);

/* The n-th change of a schedule is that of `id`; NULL: there were so many. What was missed makes the
 * event that says that any may have changed. */
void redis_news_schedule(struct redis_store *s, const char *id, int64_t changes);
/* The same, as lua/lease.lua says it. */
void redis_news_changes(struct redis_store *s, const struct redis_reply *changes);

/* A claim turned out to be over: it ends, with an event. While a commit of it is under way nothing
 * happens: that one's answer says the same. */
void redis_news_fenced(struct redis_store *s, struct redis_claim *claim);

/* The news of lua/lease.lua. 0, or -EPROTO. */
int redis_news_read(struct redis_store *s, struct redis_queue *const *queues, size_t count,
                    const struct redis_reply *news);

#endif
