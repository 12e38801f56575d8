// Loads a library that its configuration names.
#include <dlfcn.h>

#include "jobhost_plugin.h"
#include "jobhost_util.h"

static int create(struct jh_call *c, void **self) {
    const char *file = jh_opt_str(c, "library", "");
    *self = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    return *self == NULL ? jh_failf(c, JH_E_INPUT, "library", "%s", dlerror()), -1 : 0;
}

static jh_status run(void *self, struct jh_call *c, const struct jh_job *job) {
    (void)self;
    (void)c;
    (void)job;
    return JH_OK;
}

static const struct jh_option options[] = {
    {.name = "library", .type = JH_OPT_STRING, .flags = JH_OPT_REQUIRED, .help = "to load"},
    {.name = NULL},
};

static const struct jh_handler handlers[] = {{.name = "opens.run", .run = run}};

JH_EXPORT const struct jh_plugin jobhost_plugin = {
    JH_PLUGIN_INIT,   .name = "opens",      .version = "1.0.0", .options = options,
    .create = create, .handlers = handlers, .handler_count = 1,
};
