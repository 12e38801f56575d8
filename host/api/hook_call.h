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
/* It has come to this: counted, and put into the inbox. Before the answer, whose status it names. */
void hook_end(struct call *call, enum hook_fate fate, int status);

/* ---- hook_inbox.c */

struct hook_inbox;
struct hook_record;
/* NULL: no memory. */
struct hook_inbox *hook_inbox_new(struct host *host);
/* What is pending is written. The disk's thread has ended. */
void hook_inbox_free(struct hook_inbox **inbox, struct hooks *hooks);
/* After the statistics are there. */
void hook_inbox_start(struct hooks *hooks);
void hook_inbox_take(struct call *call, enum hook_fate fate, int status);

/* Looking into it. `work` is called on the disk's thread, with the file or, if that cannot be opened, NULL; then `then` on the loop. */
struct hook_look {
    struct side_op op;
    struct hook_inbox *inbox;
    struct call *call;
    void (*work)(struct hook_look *look, struct inbox *file);
    void (*then)(struct hook_look *look);
    int status;
    struct err err;
};
/* Sees all that came before. */
void hook_inbox_look(struct hook_look *look);

#endif
