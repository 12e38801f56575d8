/* A plugin's own code as a handler of a simulation: the process that runs it (runner.h), and what an attempt came to. */
#ifndef JOBHOST_SIM_PLUGIN_RUN_H
#define JOBHOST_SIM_PLUGIN_RUN_H

#include <sys/types.h>

#include "base/arena.h"
#include "base/err.h"
#include "config/config.h"
#include "core/job.h"
#include "core/outcome.h"

struct plugin_run; /* one file */

struct plugin_run_child {
    int64_t after_ms; /* since the attempt began */
    const char *type, *key, *queue, *tenant, *labels;
    struct bytes payload;
    int64_t delay_ms;
    int priority; /* -1 low, 0 normal, 1 high */
};

/* What came of an attempt: all of it is known when it begins. */
struct plugin_run_answer {
    int signal;       /* 0 = it returned; -1 = its process ended by itself */
    int64_t after_ms; /* when: virtual time that it slept */
    struct attempt_report report;
    const char *code, *scope; /* of a failure; NULL = none */
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

/* Runs an attempt of `job`, its first being number 1, as if it were now_ms. Memory of the answer is in `arena`. 0, or
 * negative errno: the process is gone. */
int plugin_run_attempt(struct plugin_run *p, const struct job_spec *job, int32_t number,
                       int64_t now_ms, struct arena *arena, struct plugin_run_answer *ret);
/* What it committed up to then has happened; final: nothing more comes of the job. */
void plugin_run_end(struct plugin_run *p, const struct job_id *job, int64_t after_ms, bool final);

#endif
