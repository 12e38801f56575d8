// A handler whose steps have a version: its first run leaves a step and waits, the next one tells which version
// left the step and which found it.
#include <stdio.h>

#include "jobhost_plugin.h"
#include "jobhost_util.h"

#ifndef STATEFUL_OLDEST
#define STATEFUL_OLDEST 0
#endif
#ifndef STATEFUL_FLAGS
#define STATEFUL_FLAGS 0
#endif
#ifndef STATEFUL_NAME
#define STATEFUL_NAME "stateful.run"
#endif

static jh_status run(void *self, struct jh_call *c, const struct jh_job *job) {
    struct jh_bytes began;
    char text[32];
    (void)self;
    (void)job;
    if (c->host->step_get(c, "began", &began) == 0) {
        int n = snprintf(text, sizeof text, "%.*s %d", (int)began.len, (const char *)began.data,
                         STATEFUL_VERSION);
        (void)c->host->result(c, (struct jh_bytes){text, (size_t)n});
        return JH_OK;
    }
    (void)snprintf(text, sizeof text, "%d", STATEFUL_VERSION);
    if (jh_step_puts(c, "began", text) < 0) {
        return jh_stop(c);
    }
    const struct jh_wait wait = {.size = sizeof wait, .kind = JH_WAIT_EVENT, .key = "go"};
    return c->host->yield(c, &wait);
}

static const struct jh_handler handlers[] = {
    {.name = STATEFUL_NAME,
     .run = run,
     .flags = STATEFUL_FLAGS,
     .state_version = STATEFUL_VERSION,
     .oldest_state_version = STATEFUL_OLDEST},
};
JH_EXPORT const struct jh_plugin jobhost_plugin = {
    JH_PLUGIN_INIT,       .name = "stateful", .version = "1.0.0",
    .handlers = handlers, .handler_count = 1,
};
