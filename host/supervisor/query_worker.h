/* A query worker: one more process of a plugin's generation, for its queries alone (query.h). It is started when the first one is
 * asked, stays until its generation is replaced, and begins again after a crash when it is wanted, with growing pauses. It is
 * no member of its pool's workers: it is given no jobs, and what it does is charged to no job. Loop thread only. */
#ifndef JOBHOST_SUPERVISOR_QUERY_WORKER_H
#define JOBHOST_SUPERVISOR_QUERY_WORKER_H

#include "base/err.h"
#include "supervisor/query_private.h"

struct record;

/* Starts one unless there is one, or it is too early after the last death. */
void querier_want(struct pool *pool);
bool querier_has_room(const struct pool *pool);
/* False: it cannot take it now. */
bool querier_place(struct pool *pool, struct query *q);

/* Called by worker.c and pool.c, of workers that have a querier. */
void querier_on_ready(struct worker *w);
int querier_record(struct worker *w, struct record *r, struct err *e);
void querier_on_gone(struct worker *w);
/* It goes, when what runs has ended. `why` is a constant. */
void querier_retire(struct worker *w, const char *why);
/* The same of a generation's, if it has one. */
void querier_leave(struct pool *pool, const char *why);
/* NULL = it runs no such query. */
struct query *querier_slot(const struct worker *w, uint64_t slot);
/* Asks a running one to stop. */
void querier_cancel(struct query *q);
/* At the end of the host; its process is not waited for. */
void querier_free(struct pool *pool);

#endif
