/* Questions to handlers that are marked as queries (JH_HANDLER_QUERY): answered within two seconds, with no job and nothing
 * written to the store. Who asks waits for the answer.
 *
 *     query_ask() ─▶ waiting ──▶ in the plugin's query worker ─ DONE ─▶ answered
 *                       ▲                │
 *                       └────────────────┘ the worker has ended, and had not begun it
 *
 * A plugin whose queries are asked for has one more process, its *query worker* (query_worker.h), so that queries wait for no job,
 * and what they do to their process is done to no job. Loop thread only; times are real ones. */
#ifndef JOBHOST_SUPERVISOR_QUERY_H
#define JOBHOST_SUPERVISOR_QUERY_H

#include "base/bytes.h"
#include "base/histogram.h"
#include "supervisor/jobs.h"
#include "supervisor/pool.h"
#include "supervisor/stats.h"

enum {
    QUERY_MS = 2000,            /* from asking to the answer                                  */
    QUERY_THREADS = 4,          /* queries that a plugin is given at once                      */
    QUERY_WAITING_MAX = 64,     /* of a plugin; over: 503                                      */
    QUERY_RESULT_MAX = 1 << 20, /* bytes; over: 502                                         */
    QUERY_PAYLOAD_MAX = 1 << 20,
};

struct query_answer {
    struct problem problem;   /* status 0: there is none */
    int64_t retry_after_ms;   /* of a problem that passes; 0 = not known */
    struct bytes body;        /* borrowed for the call, as is the type */
    const char *content_type; /* NULL: JSON */
};

struct query_ask {
    const char *type;
    struct bytes payload; /* JSON; copied, as is all else */
    const char *tenant;   /* NULL = none */
    /* Called once, later than query_ask() has returned 0. */
    void (*done)(struct query_ask *ask, const struct query_answer *answer);
};

/* 0, or -EINVAL and *ret_problem: then done() is not called. */
int query_ask(struct host *host, struct query_ask *ask, struct problem *ret_problem);

/* The query of this name, of a plugin that is up; NULL = there is none. */
const struct pool_handler *query_handler(const struct host *host, const char *type);
/* Is this the name of a query, so that no job can have it for its type? */
bool query_is(const struct host *host, const char *type);

/* What a plugin's queries have come to, in all. */
struct query_stats {
    struct stats_words outcomes; /* ok, refused, failed, timeout, crashed, busy */
    struct histogram took;       /* us from asking to answering (histogram_latencies) */
};

/* Other code serves: those that wait go there. */
void queries_place_all(struct host *host);

/* Those that wait are refused: nothing new begins, with 503 and these words. */
void queries_refuse(struct host *host, const char *why);
/* And so are those under way; what still runs is asked to stop. */
void queries_cut(struct host *host, const char *why);

#endif
