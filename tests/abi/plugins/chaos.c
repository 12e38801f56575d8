#include "chaos.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---- helpers ----

int64_t chaos_int(const struct chaos *x, const char *name, int64_t fallback) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(x->payload, name);
    return cJSON_IsNumber(item) ? (int64_t)item->valuedouble : fallback;
}

bool chaos_flag(const struct chaos *x, const char *name) {
    return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(x->payload, name));
}

const char *chaos_text(const struct chaos *x, const char *name, const char *fallback) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(x->payload, name);
    return cJSON_IsString(item) ? item->valuestring : fallback;
}

int chaos_result(const struct chaos *x, cJSON *value) {
    char *text = cJSON_PrintUnformatted(value);
    int rc = text == NULL ? -1 : x->host->result(x->call, jh_bytes_of(text));
    cJSON_free(text);
    cJSON_Delete(value);
    return rc;
}

int chaos_sink(const struct chaos *x, const char *what) {
    char key[128];
    (void)snprintf(key, sizeof key, "sink:%s:%s", x->job->id, what);
    return x->kv == NULL ? -1 : x->kv->add(x->call, key, 1);
}

int chaos_times(const struct chaos *x, const char *name, int64_t times) {
    for (int64_t i = 1; i <= times; i++) {
        char step[64];
        struct jh_bytes seen;
        (void)snprintf(step, sizeof step, "%s-%lld", name, (long long)i);
        int found = x->host->step_get(x->call, step, &seen);
        if (found < 0) {
            return found;
        }
        if (found == 1) {
            int rc = jh_step_puts(x->call, step, "1");
            return rc < 0 ? rc : 1;
        }
    }
    return 0;
}

// ---- the handlers ----

static jh_status run_with(jh_status (*act)(struct chaos *), struct jh_call *c,
                          const struct jh_job *job) {
    struct chaos x = {.call = c, .host = c->host, .job = job};
    x.kv = (const struct jh_kv *)c->host->extension(c->host, JH_KV_1);
    x.payload = job->payload.len == 0
                    ? cJSON_CreateObject()
                    : cJSON_ParseWithLength((const char *)job->payload.data, job->payload.len);
    if (!cJSON_IsObject(x.payload)) {
        cJSON_Delete(x.payload);
        return jh_failf(c, JH_E_INPUT, "bad_json", "the payload is no JSON object");
    }
    jh_status status = act(&x);
    cJSON_Delete(x.payload);
    return status;
}

// A run() has no argument that says which handler it is for, so each gets a function of its own.
#define CHAOS_RUN(name_)                                                                           \
    static jh_status run_##name_(void *self, struct jh_call *c, const struct jh_job *job) {        \
        (void)self;                                                                                \
        return run_with(chaos_##name_, c, job);                                                    \
    }
CHAOS_RUN(steps)
CHAOS_RUN(child)
CHAOS_RUN(yield)
CHAOS_RUN(flow)
CHAOS_RUN(leaf)
CHAOS_RUN(gather)
CHAOS_RUN(ask)
CHAOS_RUN(await)
CHAOS_RUN(tell)
CHAOS_RUN(pay)
CHAOS_RUN(sleep)
CHAOS_RUN(fail)
CHAOS_RUN(crash)
CHAOS_RUN(eat)
CHAOS_RUN(status)
CHAOS_RUN(big_result)
CHAOS_RUN(reads_input)
CHAOS_RUN(outputs)
CHAOS_RUN(log)
CHAOS_RUN(warn)
CHAOS_RUN(progress)
CHAOS_RUN(kv)
CHAOS_RUN(children)
CHAOS_RUN(echo)
CHAOS_RUN(fields)
CHAOS_RUN(trace)
CHAOS_RUN(fetch)
#undef CHAOS_RUN

#define HANDLER(name_, summary_)                                                                   \
    {                                                                                              \
        .name = "chaos." #name_, .summary = (summary_), .run = run_##name_,                        \
        .flags = JH_HANDLER_CONCURRENT, .state_version = 1                                         \
    }
static const struct jh_handler handlers[] = {
    HANDLER(steps, "commit steps, counters and children one after the other"),
    HANDLER(child, "what chaos.steps and chaos.children spawn"),
    HANDLER(yield, "park a number of times"),
    HANDLER(flow, "run a script of what flows can do"),
    HANDLER(leaf, "a member of a flow, that may make others"),
    HANDLER(gather, "add up what became of the members of a flow"),
    HANDLER(ask, "ask an operator"),
    HANDLER(await, "wait for events"),
    HANDLER(tell, "publish an event"),
    HANDLER(pay, "make a paid call, and ask when its outcome is unknown"),
    HANDLER(sleep, "take a while, with progress"),
    HANDLER(fail, "fail with a class a number of times"),
    HANDLER(crash, "die in a way of your choice a number of times"),
    HANDLER(eat, "use much memory"),
    HANDLER(status, "return this number"),
    HANDLER(big_result, "a result of many bytes"),
    HANDLER(reads_input, "sizes and sums of the input files"),
    HANDLER(outputs, "leave output files, one or many"),
    HANDLER(log, "write log lines"),
    HANDLER(warn, "finish with warnings"),
    HANDLER(progress, "report progress many times"),
    HANDLER(kv, "run a script of key/value operations"),
    HANDLER(children, "spawn children"),
    HANDLER(echo, "return the payload"),
    HANDLER(fields, "return everything the job says about itself"),
    HANDLER(trace, "leave lines in a file while it runs"),
    HANDLER(fetch, "call somebody by HTTP"),
};
JH_EXPORT const struct jh_plugin jobhost_plugin = {
    JH_PLUGIN_INIT,
    .name = "chaos",
    .version = "1.0.0",
    .handlers = handlers,
    .handler_count = sizeof handlers / sizeof handlers[0],
};
