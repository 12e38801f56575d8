/* The store without a running host: opened by the command itself, one operation, closed. */
#ifndef JOBHOST_CLI_OFFLINE_H
#define JOBHOST_CLI_OFFLINE_H

#include "base/env.h"
#include "base/log.h"
#include "config/config.h"
#include "store/store.h"
#include "supervisor/host_store.h"

struct offline {
    struct event_base *base;
    struct env env;
    struct log log;
    struct store store;
    struct host_store made;
};

/* 0; -EBUSY: a host has it; or another negative errno with words. */
int offline_open(const struct config *config, bool read_only_ok, struct offline *ret,
                 struct err *e);
/* The same for a store that is not the configuration's. */
int offline_open_store(const struct store_config *config, struct offline *ret, struct err *e);
/* Posts the operation and waits for its answer. */
void offline_run(struct offline *o, struct store_op *op);
void offline_close(struct offline *o);

#endif
