/* A plugin's own code as a handler of a simulation: the process that runs it (runner.h), and what an attempt came to. */
#ifndef JOBHOST_SIM_PLUGIN_RUN_H
#define JOBHOST_SIM_PLUGIN_RUN_H

#include <sys/types.h>

#include "base/arena.h"
#include "base/err.h"
#include "config/config.h"
#include "core/job.h"
#include "core/outcome.h"
#include "store/store.h"

struct plugin_run; /* one file */

enum plugin_run_kin { PLUGIN_RUN_MEMBER, PLUGIN_RUN_SIBLING, PLUGIN_RUN_THEN };

struct plugin_run_child {
    int64_t after_ms; /* since the attempt began */
    enum plugin_run_kin kin;
    const char *type, *key, *queue, *tenant, *labels;
    struct bytes payload;
    int64_t delay_ms;
    int priority; /* -1 low, 0 normal, 1 high */
};

/* jobhost_flow.h: on_child_dead() */
struct plugin_run_on_dead {
    int64_t after_ms;
    int what;
};

/* How a flow stands when an attempt begins. */
struct plugin_run_member {
    int state; /* JH_MEMBER_* */
    const char *id, *type, *code;
    jh_class cls;
};
struct plugin_run_flow {
    int which; /* JH_FLOW_* */
    int64_t open;
    bool closed;
    struct plugin_run_member *members; /* that have ended */
    size_t member_count;
};
enum { PLUGIN_RUN_FLOWS = 3 };

/* What an attempt finds. */
struct plugin_run_world {
    int64_t now_ms, created_ms;
    const struct store_step *steps; /* that were written since it parked */
    size_t step_count;
    struct plugin_run_flow flows[PLUGIN_RUN_FLOWS];
    size_t flow_count;
};

struct plugin_run_event {
    int64_t after_ms;
    bool for_all;
    const char *name, *content_type;
    struct bytes value;
};

enum plugin_run_verb {
    PLUGIN_RUN_ACQUIRE,
    PLUGIN_RUN_OBSERVE,
    PLUGIN_RUN_GIVE_BACK,
    PLUGIN_RUN_PARK,
    PLUGIN_RUN_FETCH
};

/* What it asks of the simulation: jobhost_limit.h, and one request of jobhost_http.h. */
struct plugin_run_question {
    enum plugin_run_verb verb;
    int64_t n, number; /* how long it waits; until when it is closed */
    uint64_t ticket;
    int status;
    const char *name; /* of a limit; a URL */
    struct bytes headers;
};

struct plugin_run_reply {
    int status;        /* as the function's */
    int64_t passed_ms; /* meanwhile         */
    uint64_t ticket;
    int64_t again_ms;
    int trouble; /* enum http_trouble */
    struct bytes headers, body;
};

/* What came of an attempt, up to its end, or to the next thing that it asks. */
struct plugin_run_answer {
    bool asks;
    struct plugin_run_question question;
    int signal;       /* 0 = it returned; -1 = its process ended by itself */
    int64_t after_ms; /* when: virtual time that it slept and waited */
    struct attempt_report report;
    const char *code, *scope; /* of a failure; NULL = none */
    const char *wait_key, *wait_for;
    struct plugin_run_event *events;
    size_t event_count;
    struct plugin_run_on_dead *on_dead;
    size_t on_dead_count;
    struct plugin_run_child *children;
    size_t child_count;
};

/* Starts the process and has it call create() with the options of the configuration (NULL = none). 0, or negative
 * errno with words. */
int plugin_run_start(const char *self_exe, const char *file, const struct config_plugin *config,
                     struct plugin_run **ret, struct err *e);
void plugin_run_stop(struct plugin_run **p);
/* Has it a handler of this name? */
bool plugin_run_has(struct plugin_run *p, const char *handler);
const char *plugin_run_file(const struct plugin_run *p);

/* Runs an attempt of `job`, its first being number 1. Memory of the answer is in `arena`. 0, or negative errno: the process
 * is gone. */
int plugin_run_attempt(struct plugin_run *p, const struct job_spec *job, int32_t number,
                       const struct plugin_run_world *world, struct arena *arena,
                       struct plugin_run_answer *ret);
/* It goes on. */
int plugin_run_reply(struct plugin_run *p, const struct job_id *job,
                     const struct plugin_run_reply *reply, struct arena *arena,
                     struct plugin_run_answer *ret);
/* What it committed up to then has happened; final: nothing more comes of the job. */
void plugin_run_end(struct plugin_run *p, const struct job_id *job, int64_t after_ms, bool final);

#endif
