// Cannot be used without an entry that gives it what it needs.
#include <string.h>

#include "jobhost_plugin.h"
#include "jobhost_util.h"

static jh_status run(void *self, struct jh_call *c, const struct jh_job *job) {
    (void)self;
    (void)job;
    return c->host->result(c, jh_bytes_of(jh_opt_str(c, "base", "?"))) < 0 ? JH_RETRY : JH_OK;
}

static const struct jh_option options[] = {
    {.name = "api_key",
     .type = JH_OPT_STRING,
     .flags = JH_OPT_REQUIRED | JH_OPT_SECRET,
     .help = "of your account"},
    {.name = "base", .type = JH_OPT_URL, .flags = JH_OPT_REQUIRED, .help = "where it listens"},
    {.name = "pause", .type = JH_OPT_DURATION, .fallback = "1s", .help = "between two calls"},
    {.name = NULL},
};

static const struct jh_handler handlers[] = {{.name = "wants.run", .run = run}};

JH_EXPORT const struct jh_plugin jobhost_plugin = {
    JH_PLUGIN_INIT,     .name = "wants",      .version = "1.0.0",
    .options = options, .handlers = handlers, .handler_count = 1,
};
