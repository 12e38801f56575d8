/* The Redis that store.url names: one connection, everything the server tells, and a judgement. */
#ifndef JOBHOST_CLI_CHECK_REDIS_H
#define JOBHOST_CLI_CHECK_REDIS_H

#include "base/buf.h"
#include "config/config.h"
#include "store/redis/facts.h"

struct check_redis {
    char where[REDIS_WHERE_MAX]; /* without user and password; "" = the URL cannot be read     */
    bool reached;                /* `facts` and `findings` hold                                 */
    struct err err;              /* else why not                                                */
    struct redis_facts facts;
    struct redis_findings findings;
};

/* Connects, asks, and closes; takes as long as store.connect_timeout and store.command_timeout
 * allow. The first thing that fails ends it. */
void check_redis_run(const struct config_store *store, struct check_redis *ret);

/* The first reason for which a host would not start, or NULL. */
const char *check_redis_refusal(const struct check_redis *k);
/* How many warnings there are. */
unsigned check_redis_warnings(const struct check_redis *k);

/* As a JSON object (what was not told is left out), and as lines for people: these tell what the
 * server is, not what is wrong with it. */
void check_redis_json(const struct check_redis *k, struct buf *out);
struct cli;
void check_redis_print(const struct check_redis *k, const struct cli *cli);

#endif
