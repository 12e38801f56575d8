/* The inside of query.h, for query.c, query_worker.c and what they are members of. */
#ifndef JOBHOST_SUPERVISOR_QUERY_PRIVATE_H
#define JOBHOST_SUPERVISOR_QUERY_PRIVATE_H

#include <sys/queue.h>

#include "base/buf.h"
#include "base/timer.h"
#include "record/messages.h"
#include "supervisor/attempt.h"
#include "supervisor/query.h"

struct host;
struct plugin;
struct pool;
struct worker;

struct query {
    struct host *host;
    struct plugin *plugin;
    struct query_ask *ask; /* NULL: it has been answered, and its handler runs on */
    char *type, *tenant;
    struct bytes payload; /* owned */
    struct job_id id;
    int64_t asked_us;
    struct worker *worker; /* NULL while it waits */
    uint64_t slot;
    struct timer timer; /* its two seconds; then how long it may take to stop */
    enum attempt_stop stop;
    bool asking; /* a GET is not yet answered */
    struct buf result;
    char *result_type;
    bool result_over;
    TAILQ_ENTRY(query) link;
};
TAILQ_HEAD(query_list, query);

/* Of a plugin, whichever of its generations serves. */
struct queries {
    struct host *host;
    struct plugin *plugin;
    struct query_list waiting;
    uint32_t waiting_count;
    struct timer retry; /* when the next query worker may be started */
    unsigned deaths;    /* of query workers, in a row */
    struct query_stats stats;
};
void queries_init(struct queries *all, struct host *host, struct plugin *plugin);
void queries_finish(struct queries *all);

/* A generation's query worker. */
struct querier {
    struct worker *worker;
    struct query_list running;
    uint32_t count;
    bool leaving; /* it is given nothing more, and goes when what runs has ended */
};

/* Gives those that wait to the query worker that there is, or is to be. */
void queries_place(struct queries *all);
/* Back to those that wait, in front. */
void query_put_back(struct query *q);
/* Answers, unless that has been done. `problem` NULL: with the result. */
void query_answer(struct query *q, const char *outcome, const struct problem *problem,
                  int64_t retry_after_ms);
/* It is no more among the running. */
void query_free(struct query *q);
/* Its run() has returned. */
void query_done(struct query *q, const struct msg_done *m);

#endif
