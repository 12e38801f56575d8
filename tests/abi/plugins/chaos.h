/* chaos — a plugin for kill tests, recovery tests and demonstrations of everything a handler can
 * do. Payloads are JSON objects; each handler's comment in chaos_flow.c, chaos_group.c, chaos_store.c,
 * chaos_files.c, chaos_http.c, chaos_trace.c and chaos_wait.c lists its members. Whatever a handler commits it also counts in key/value counters `sink:<job
 * id>:<commit>`, so that a test can prove "once" from outside. */
#ifndef TESTS_ABI_CHAOS_H
#define TESTS_ABI_CHAOS_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "jobhost_kv.h"
#include "jobhost_plugin.h"
#include "jobhost_util.h"

/* One run with its parsed payload (an empty object when there is none). */
struct chaos {
    struct jh_call *call;
    const struct jh_host *host;
    const struct jh_kv *kv;
    const struct jh_job *job;
    cJSON *payload;
};

/* Payload members with a default. */
int64_t chaos_int(const struct chaos *x, const char *name, int64_t fallback);
bool chaos_flag(const struct chaos *x, const char *name);
const char *chaos_text(const struct chaos *x, const char *name, const char *fallback);

/* Appends the JSON text of `value` to the result and frees it. 0 or negative. */
int chaos_result(const struct chaos *x, cJSON *value);
/* Adds 1 to `sink:<job id>:<what>`. 0 or negative. */
int chaos_sink(const struct chaos *x, const char *what);
/* True (and committed) the first `times` times that it is asked in the life of the job. Negative:
 * stop. */
int chaos_times(const struct chaos *x, const char *name, int64_t times);

jh_status chaos_steps(struct chaos *x);
jh_status chaos_child(struct chaos *x);
jh_status chaos_yield(struct chaos *x);
jh_status chaos_flow(struct chaos *x);
jh_status chaos_leaf(struct chaos *x);
jh_status chaos_gather(struct chaos *x);
jh_status chaos_ask(struct chaos *x);
jh_status chaos_await(struct chaos *x);
jh_status chaos_tell(struct chaos *x);
jh_status chaos_pay(struct chaos *x);
jh_status chaos_sleep(struct chaos *x);
jh_status chaos_fail(struct chaos *x);
jh_status chaos_crash(struct chaos *x);
jh_status chaos_eat(struct chaos *x);
jh_status chaos_status(struct chaos *x);

jh_status chaos_big_result(struct chaos *x);
jh_status chaos_reads_input(struct chaos *x);
jh_status chaos_outputs(struct chaos *x);
jh_status chaos_log(struct chaos *x);
jh_status chaos_warn(struct chaos *x);
jh_status chaos_progress(struct chaos *x);
jh_status chaos_kv(struct chaos *x);
jh_status chaos_children(struct chaos *x);
jh_status chaos_echo(struct chaos *x);
jh_status chaos_fields(struct chaos *x);
jh_status chaos_trace(struct chaos *x);
jh_status chaos_fetch(struct chaos *x);

#endif
