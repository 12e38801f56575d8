// Shows that destroy() was called with what create() made: the process ends with status 42.
#include <unistd.h>

#include "jobhost_plugin.h"

static int made;

static int create(struct jh_call *c, void **self) {
    (void)c;
    *self = &made;
    return 0;
}

static void destroy(void *self) {
    if (self == &made) {
        _exit(42);
    }
}

static jh_status run(void *self, struct jh_call *c, const struct jh_job *job) {
    (void)c;
    (void)job;
    return self == &made ? JH_OK : JH_FAIL;
}

static const struct jh_handler handlers[] = {{.name = "destroy.run", .run = run}};
JH_EXPORT const struct jh_plugin jobhost_plugin = {
    JH_PLUGIN_INIT,     .name = "destroy", .version = "1.0.0", .handlers = handlers,
    .handler_count = 1, .create = create,  .destroy = destroy,
};
