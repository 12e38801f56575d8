/* What a handler asked for since its last commit, decoded and checked against the limits of
 * core/job.h, in the shape that the store takes. One arena; freed as a whole once the commit has
 * been answered. */
#ifndef JOBHOST_SUPERVISOR_EFFECTS_H
#define JOBHOST_SUPERVISOR_EFFECTS_H

#include <stdint.h>

#include "base/arena.h"
#include "record/messages.h"
#include "store/events.h"
#include "store/store.h"

struct host;

struct effects {
    struct arena arena;
    struct store_step *steps;
    size_t step_count, step_cap;
    struct job_spec *children;
    size_t child_count, child_cap;
    const char *flow, *flow_queue; /* that children become members of; NULL = there were none */
    struct job_spec *then;         /* behind that flow; NULL = none: as `children` has them */
    size_t then_count, then_cap;   /* 1 at most                                             */
    int64_t then_keep_ms;          /* how long it is kept if it is dead from the start      */
    int flow_on_dead;              /* enum flow_on_dead + 1; 0 = nothing was said           */
    struct store_kv_write *kv;
    size_t kv_count, kv_cap;
    struct store_warning *warnings;
    size_t warning_count, warning_cap;
    struct store_output *outputs; /* one a name */
    size_t output_count, output_cap;
    struct store_event *events;
    size_t event_count, event_cap;
    size_t bytes; /* held in all */
    uint32_t state_version;
    const char *
        refused; /* error code when something in it cannot be done, else NULL: then none of it is */
    char refusal[200]; /* and why, for people */
};

/* A commit that asks for more than this is a protocol error: bounds the supervisor's memory. */
enum { EFFECTS_BYTES_MAX = 96 << 20, EFFECTS_ITEMS_MAX = 20000 };

struct effects *effects_new(void);
void effects_free(struct effects **fx);

/* Forgets what asks something of the store; warnings only say what was seen. A failure may keep its
 * outputs. */
void effects_drop(struct effects *fx, bool keep_outputs);

/* 0; -EBADMSG for a record over a limit; -ENOMEM. Contents by descriptor are read in and the
 * descriptor closed. */
int effects_add_step(struct effects *fx, struct msg_step *m);
int effects_add_warning(struct effects *fx, const struct msg_warn *m);
/* An output whose content is in the store already; replaces one of the same name. */
int effects_add_output(struct effects *fx, const char *name, const char *content_type,
                       const struct blob_ref *blob);
int effects_add_kv(struct effects *fx, struct msg_kv *m);
/* `tenant`: whose jobs it is for, unless it is for all. */
int effects_add_event(struct effects *fx, const char *tenant, struct msg_event *m);

/* What a job that is made is to the one that makes it. */
enum effects_kin {
    EFFECTS_CHILD,   /* a member of the flow that it opens by that       */
    EFFECTS_SIBLING, /* one of the flow that it is a member of           */
    EFFECTS_THEN     /* the job behind its own flow; the first one stays */
};

/* `parent` gives what the child does not say: queue by the child's type, tenant, flow; the id is
 * made here. A child over a limit that a worker does not know (its queue's, the number of children)
 * is no breach of the protocol: it sets `refused`. So does a sibling of one that is no member. */
int effects_add_child(struct effects *fx, struct host *host, const struct job_spec *parent,
                      enum effects_kin kin, struct msg_child *m);
/* JH_ON_DEAD_*. */
int effects_set_on_dead(struct effects *fx, int32_t what);

#endif
