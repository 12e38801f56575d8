/* The inside of jobhost_harness.h, for the files of this folder:
 *
 *     harness.c          life, options, create()
 *     harness_run.c      one attempt; crashes everywhere
 *     harness_host.c     the host table          harness_ext.c   kv, clock
 *     harness_blob.c     inputs, results, outputs     harness_wait.c  events, operators
 *     harness_limit.c    slots of limits             harness_flow.c  flows
 *     harness_http.c     calls by HTTP
 *     harness_report.c   what tests look at      vault.c         what is committed */
#ifndef JOBHOST_HARNESS_HARNESS_H
#define JOBHOST_HARNESS_HARNESS_H

#include <pthread.h>

#include "base/buf.h"
#include "jobhost_blob.h"
#include "jobhost_event.h"
#include "jobhost_flow.h"
#include "jobhost_harness.h"
#include "jobhost_http.h"
#include "jobhost_limit.h"
#include "jobhost_operator.h"
#include "vault.h"
#include "worker/check.h"
#include "worker/fetch.h"
#include "worker/manifest.h"
#include "worker/verdict.h"
#include "worker/waiting.h"

/* What will go wrong in the next run. 0 = not. */
struct trouble {
    int64_t cancel_after_ms;
    unsigned cancel_call;
    uint32_t cancel_mask;
    unsigned fail_commit;
    int fail_error;
    unsigned crash_commit;
    int crash_when;
};

struct harness_input {
    const char *name, *filename, *content_type;
    struct bytes content;
};

/* Told by the test; the newest first. */
struct harness_event {
    const char *name, *payload;
    long number;
    struct harness_event *next;
};

struct harness_wait {
    const char *name;
    uint32_t count; /* of waits for it in this run */
    struct harness_wait *next;
};

struct harness_setting {
    const char *name, *value;
};

struct harness_flow;
struct harness_limit;
struct harness_answer;
struct harness_sent;
struct harness_ticket {
    struct harness_ticket *next;
    struct harness_limit *limit;
    uint64_t id;
};

/* One attempt. */
struct attempt {
    struct arena arena;
    struct verdict_notes notes;
    struct wish *wishes, **wishes_end; /* asked for since the last commit */
    struct pending pending;
    struct check_sum sum;
    unsigned calls, commits;
    int64_t began_ms;
    uint32_t cancelled;
    int cancel_fd; /* -1 = not asked for */
    int cancel_write;
    bool has_then;       /* then() was called */
    bool crashed, ended; /* ended: the run's own last commit is durable */
    uint64_t random;
    struct buf result;
    const char *result_type;
    const char **claims; /* won in this attempt */
    size_t claim_count;
    struct harness_ticket *tickets; /* in the arena */
    uint64_t last_ticket;
    struct harness_wait *waits;
};

/* What was answered to one request. */
struct harness_said {
    enum http_trouble trouble;
    int status;
    struct bytes headers, body;
};

/* Who counts slots of limits and answers requests instead of the test: as the functions of jobhost_limit.h and of worker/fetch.h,
 * after their checks. What they wait passes in now_ms. */
struct harness_outside {
    int (*acquire)(struct jh_harness *h, const char *name, uint32_t n, int64_t wait_ms,
                   uint64_t *ret_ticket, int64_t *ret_again_ms);
    /* `made`: observed, else given back. */
    int (*end)(struct jh_harness *h, uint64_t ticket, bool made, int32_t status,
               struct jh_bytes headers);
    int (*park)(struct jh_harness *h, const char *name, int64_t until_ms);
    /* 0 and *ret, in memory until the attempt ends, or a negative errno. */
    int (*exchange)(struct jh_harness *h, const struct fetch_hop *hop, struct harness_said *ret);
};

struct jh_harness {
    struct jh_call call; /* first: the plugin's pointer is ours */
    struct manifest manifest;
    struct arena arena;
    void *self;
    bool created, setting_up, running;
    pthread_t owner;
    pthread_mutex_t lock; /* log and cancel may be used by any thread */
    struct harness_setting settings[MANIFEST_OPTIONS_MAX];
    size_t setting_count;
    struct jh_job job;
    struct harness_input *inputs;
    struct vault vault;
    bool steps_set; /* by the test */
    struct trouble trouble;
    struct harness_limit *limits;
    struct harness_answer *answers; /* that the test has set up, in order */
    struct harness_sent *sent;      /* requests; the newest first         */
    size_t sent_count;
    struct harness_event *events;
    struct harness_flow *flows[JH_FLOW_MEMBER + 1]; /* NULL: there is none */
    int64_t now_ms, created_ms; /* the last: of the job; 0 = before all that happened */
    uint64_t max_result;        /* of an output */
    uint64_t entropy;
    struct attempt attempt;
    const struct jh_handler *handler;
    struct verdict verdict;
    bool result_attached;
    struct jh_harness_shown progress;
    struct buf log;
    char error[512];
    const struct harness_outside *outside; /* NULL = the test says what limits there are */
    /* Told of each thing that a commit made durable, in order; NULL = nobody wants to know. */
    void (*applied)(struct jh_harness *h, const struct wish *wish);
};

extern const struct jh_host harness_host;
extern const struct jh_blob harness_blob;
extern const struct jh_operator harness_operator;
extern const struct jh_limit harness_limit_table;
extern const struct jh_http harness_http_table;
extern const struct jh_events harness_events;
extern const struct waiting_ops harness_waiting;
extern const struct jh_flow harness_flow_table;

/* Does the flow that the job has opened take more children? */
bool harness_flow_takes(const struct jh_harness *h);
const void *harness_extension(const char *id);

static inline struct jh_harness *harness_of(struct jh_call *call) {
    return (struct jh_harness *)(void *)call;
}

/* Frees what was kept of the last attempt. */
void harness_end_attempt(struct jh_harness *h);
/* Counts a call of any host function; may cancel. */
void harness_enter(struct jh_harness *h);
/* 0, -EPERM, or the errno of a broken commit: as the worker's call_check(). */
int harness_check_run(struct jh_harness *h);
/* Besides, -EROFS in a query: as the worker's call_check_job(). */
int harness_check_job(struct jh_harness *h);
int harness_refuse(struct jh_harness *h, const char *name, int rc);
/* Notes what was asked for, within the limits of a commit: 0 or -EFBIG. */
int harness_wish(struct jh_harness *h, const struct wish *wish);
/* Makes the wishes durable, or not, as planned: 0 or a negative errno. */
int harness_commit(struct jh_harness *h);
void harness_cancel(struct jh_harness *h, uint32_t mask);

/* The job was parked for an event that has come: its step says so from now on. */
void harness_meet_event(struct jh_harness *h);
/* When nothing but time can let it go on: how long it waits at most. */
int64_t harness_wait_ms(const struct jh_harness *h);

/* Ends the program: the test uses the harness wrongly. */
_Noreturn void harness_misused(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
