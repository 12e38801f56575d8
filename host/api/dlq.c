/* The dead-letter queue: GET /v1/dlq, and POST /v1/dlq/retry|remove by ids or by filter. */
#include "api/bulk.h"
#include "api/job_list.h"
#include "api/routes.h"

static const enum job_state dead[] = {JOB_DEAD};

void dlq_list_handle(struct call *call) {
    job_list_post(call, JOB_DEAD);
}

#define DEAD_JOBS                                                                                  \
    .states = dead, .state_count = ARRAY_LEN(dead), .only_these = true,                            \
    .unfit_words = "it is no dead letter", .all_words = "every dead job"

void dlq_retry_handle(struct call *call) {
    static const struct bulk kind = {.action = JOBS_RETRY, DEAD_JOBS};
    bulk_handle(call, &kind);
}

void dlq_remove_handle(struct call *call) {
    static const struct bulk kind = {.action = JOBS_REMOVE, DEAD_JOBS};
    bulk_handle(call, &kind);
}
