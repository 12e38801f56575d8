/* The store of a configuration: what it is opened with, and what it tells the host by itself. The
 * host and the commands that open the store without one use the same. */
#ifndef JOBHOST_SUPERVISOR_HOST_STORE_H
#define JOBHOST_SUPERVISOR_HOST_STORE_H

#include <limits.h>

#include "config/config.h"
#include "store/store.h"

struct host;

struct host_store {
    struct store_config config;
    /* the rest is what `config` points to */
    struct store_queue_setup *queues;
    struct arena arena; /* of their texts: a configuration may go before the store does */
    char blob_dir[PATH_MAX];
};

/* Fills `ret` from `c`, which it borrows. 0 or negative errno with words; host_store_finish()
 * follows either way, and not before the store is closed. */
int host_store_init(struct host_store *ret, const struct config *c, struct err *e);
void host_store_finish(struct host_store *s);

/* What happens in the store by other hands than ours, taken to where it matters. */
struct store_events host_store_events(struct host *host);

#endif
