/* Looks at a Redis server once, on a loop of its own: connects, greets, asks all that the probe asks,
 * and says what is wrong with it for a store of jobs. Blocks for as long as that takes; for the start
 * of a host and for `jobhost check --connect`. */
#ifndef JOBHOST_STORE_REDIS_SURVEY_H
#define JOBHOST_STORE_REDIS_SURVEY_H

#include "redis/facts.h"
#include "store/store.h"

struct redis_survey {
    char where[REDIS_WHERE_MAX]; /* "" = the URL says nothing of use           */
    bool reached;                /* facts and findings hold; else err says why */
    bool may_pass;               /* not reached, and trying again may help     */
    struct redis_facts facts;
    struct redis_findings findings;
    struct err err;
};

/* Of `config` it looks at url, tls_*, the timeouts, allow_eviction. */
void redis_survey_run(const struct store_config *config, struct redis_survey *ret);

/* Why a host would not start with it; NULL = it would. */
const char *redis_survey_refusal(const struct redis_survey *s);
unsigned redis_survey_warnings(const struct redis_survey *s);

#endif
