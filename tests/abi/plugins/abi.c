// Says something else about its ABI than it is; which field is chosen at build time.
#include "jobhost_plugin.h"

#ifndef ABI_MAGIC
#define ABI_MAGIC JH_ABI_MAGIC
#endif
#ifndef ABI_MAJOR
#define ABI_MAJOR JH_ABI_MAJOR
#endif
#ifndef ABI_MINOR
#define ABI_MINOR JH_ABI_MINOR
#endif
#ifndef ABI_SIZE
#define ABI_SIZE sizeof(struct jh_plugin)
#endif

static jh_status run(void *self, struct jh_call *c, const struct jh_job *job) {
    (void)self;
    (void)c;
    (void)job;
    return JH_OK;
}

#ifdef ABI_FILE
static const struct jh_option takes[] = {{.name = "report", .type = JH_OPT_FILE}, {.name = NULL}};
#define ABI_TAKES takes
#else
#define ABI_TAKES NULL
#endif
#ifndef ABI_FLAGS
#define ABI_FLAGS 0
#endif
#ifndef ABI_STATE
#define ABI_STATE 0
#endif

static const struct jh_handler handlers[] = {{.name = "abi.run",
                                              .run = run,
                                              .flags = ABI_FLAGS,
                                              .state_version = ABI_STATE,
                                              .takes = ABI_TAKES}};
JH_EXPORT const struct jh_plugin jobhost_plugin = {
    .magic = ABI_MAGIC,
    .abi_major = ABI_MAJOR,
    .abi_minor = ABI_MINOR,
    .size = ABI_SIZE,
    .handler_size = sizeof(struct jh_handler),
    .name = "abi",
    .version = "1.0.0",
    .handlers = handlers,
    .handler_count = 1,
};
