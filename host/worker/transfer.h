/* One request by HTTP and its answer, by libcurl: what a run thread does its calls with, one after the other, over connections
 * that it keeps. Each address is judged when its socket is made (core/egress.h). */
#ifndef JOBHOST_WORKER_TRANSFER_H
#define JOBHOST_WORKER_TRANSFER_H

#include "core/egress.h"
#include "worker/fetch.h"

/* What goes for all requests of a plugin. */
struct transfer_terms {
    const struct egress_rule *allowed; /* besides the public internet */
    size_t allowed_count;
    const char *agent; /* User-Agent, unless the request has its own */
};

struct transfer;

/* NULL: no memory, or no libcurl. `terms` stay the caller's, and where they are. */
struct transfer *transfer_new(const struct transfer_terms *terms);
void transfer_free(struct transfer *t);

/* As fetch_ops.exchange. `cancel_fd` becomes readable when it is to stop; -1 = never. What *ret points to is in `arena`, but
 * for the body: that is valid until transfer_forget(). */
int transfer_run(struct transfer *t, const struct fetch_hop *hop, int cancel_fd,
                 struct arena *arena, struct fetch_got *ret);
void transfer_forget(struct transfer *t);

#endif
