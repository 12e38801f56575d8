/* New jobs, told to whoever hears of all of them (hub.h): what the store has just taken. */
#ifndef JOBHOST_SUPERVISOR_ANNOUNCE_H
#define JOBHOST_SUPERVISOR_ANNOUNCE_H

struct host;
struct store_op;

/* Of every operation that the store has answered. Costs a look when nobody hears. Jobs that other jobs make are
 * announced when they begin: what became of each child stands in no answer. */
void announce_stored(struct host *host, const struct store_op *op);

#endif
