// Goes wrong in create(); CREATE_ACT says how.
#include <unistd.h>

#include "jobhost_plugin.h"
#include "jobhost_util.h"

static int fail(struct jh_call *c) {
    (void)jh_failf(c, JH_E_AUTH, "no_key", "the API key \"%s\" was refused",
                   jh_opt_str(c, "key", "?"));
    return -1;
}

static int silent(struct jh_call *c) {
    (void)c;
    return -1;
}

static int hang(struct jh_call *c) {
    c->host->log(c, JH_LOG_WARN, "hanging in create()");
    for (;;) {
        (void)pause();
    }
    return 0;
}

// What is not allowed yet must be refused, not crash.
static int early(struct jh_call *c) {
    const struct jh_host *h = c->host;
    struct jh_bytes out;
    int wrong = h->sleep_ms(c, 1) >= 0;
    wrong += h->progress(c, 1, 2, "x") >= 0;
    wrong += h->step_get(c, "x", &out) >= 0;
    wrong += h->step_put(c, "x", jh_bytes_of("y")) >= 0;
    wrong += h->result(c, jh_bytes_of("y")) >= 0;
    wrong += h->warn(c, "x", "y") >= 0;
    wrong += h->cancel_fd(c) >= 0;
    wrong += h->cancelled(c) != 0;
    return wrong;
}

static int create(struct jh_call *c, void **self) {
    int (*const acts[])(struct jh_call *) = {fail, silent, hang, early};
    *self = NULL;
    return acts[CREATE_ACT](c);
}

static jh_status run(void *self, struct jh_call *c, const struct jh_job *job) {
    (void)self;
    (void)c;
    (void)job;
    return JH_OK;
}

static const struct jh_option options[] = {
    {"key", JH_OPT_STRING, JH_OPT_SECRET, NULL, "API key"},
    {0},
};
static const struct jh_handler handlers[] = {{.name = "create.run", .run = run}};
JH_EXPORT const struct jh_plugin jobhost_plugin = {
    JH_PLUGIN_INIT,       .name = "create",   .version = "1.0.0", .options = options,
    .handlers = handlers, .handler_count = 1, .create = create,
};
