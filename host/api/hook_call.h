/* One delivery under way. Shared by hook_serve.c and the inbox. */
#ifndef JOBHOST_API_HOOK_CALL_H
#define JOBHOST_API_HOOK_CALL_H

#include "api/hooks.h"
#include "api/submit.h"
#include "core/id.h"
#include "store/flows.h"

struct hook_call {
    struct hook *hook;
    const char *param[CALL_PARAMS_MAX];
    struct hook_delivery delivery;
    struct verdict verdict;
    enum hook_fate fate; /* of judging it */
    const char *challenge;
    struct job_request request;
    struct problem problem; /* of HOOK_UNMAPPED and HOOK_FAILED */
    bool no_memory;
    struct job_spec spec;
    struct store_once once[STORE_ONCE_MAX];
    size_t once_count;
    struct store_submit_item item;
    struct store_submit store;
    struct store_flow_join join;
    char job[JOB_ID_TEXT + 1]; /* that it has become, or that was first */
    bool has_job;
};

void hook_handle(struct call *call);
void hook_end(struct call *call, enum hook_fate fate);

#endif
