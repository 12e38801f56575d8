/* A job's own retry policy, as submitted: JSON
 * {"backoff":"exponential","base":"10s","factor":2,"cap":"1h","jitter":0.2} or
 * {"expression":"pow(2, retried) * 1000"}, and "classes": {"network": {"max":5,"base":"1m"}} for what
 * failures of a class do otherwise; what it leaves out comes from the type's,
 * or from the queue's if the type has none. */
#ifndef JOBHOST_SUPERVISOR_POLICY_H
#define JOBHOST_SUPERVISOR_POLICY_H

#include "base/err.h"
#include "config/config.h"
#include "core/job.h"
#include "core/retry.h"

struct cJSON;
struct policy {
    struct retry_policy retry; /* borrows from here: it stays where it is */
    struct retry_rule rules[RETRY_CLASSES];
    struct cJSON *tree; /* holds the expressions; private */
};

/* The policy that is in force for this job. */
void policy_of(const struct config_queue *queue, const struct config_job *type,
               const struct job_spec *spec, struct policy *ret);
void policy_finish(struct policy *p);

/* 0, or -EINVAL with what is wrong. */
int policy_check(const char *retry_json, struct err *e);

#endif
