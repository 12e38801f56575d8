/* Filters of job lists, shared by /v1/jobs and /v1/dlq. */
#ifndef JOBHOST_API_JOB_LIST_H
#define JOBHOST_API_JOB_LIST_H

#include "api/call.h"

/* The query parameters as a filter. `state` >= 0 is fixed. 0, or -EINVAL with *ret_problem. Strings
 * live in the request's arena. */
int job_list_filter(struct call *call, int state, struct store_filter *ret,
                    struct problem *ret_problem);

/* One textual filter value ("class", "state", ...) into the filter; also used for filters in JSON
 * bodies. */
int job_list_filter_set(struct store_filter *filter, const char *name, const char *value,
                        struct problem *ret_problem);

/* Lists jobs by the query, as {items, next_cursor}. */
void job_list_post(struct call *call, int state);

#endif
