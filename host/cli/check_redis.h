/* The Redis that store.url names: one connection, everything the server tells, and a judgement. */
#ifndef JOBHOST_CLI_CHECK_REDIS_H
#define JOBHOST_CLI_CHECK_REDIS_H

#include "base/buf.h"
#include "config/config.h"
#include "store/redis/survey.h"

/* Takes as long as store.connect_timeout and store.command_timeout allow; the first thing that fails
 * ends it. */
void check_redis_run(const struct config_store *store, struct redis_survey *ret);

/* As a JSON object (what was not told is left out), and as lines for people: these tell what the
 * server is, not what is wrong with it. */
void check_redis_json(const struct redis_survey *k, struct buf *out);
struct cli;
void check_redis_print(const struct redis_survey *k, const struct cli *cli);

#endif
