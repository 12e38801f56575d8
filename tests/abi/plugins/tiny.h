/* The rest of a plugin around one run() function. */
#ifndef TESTS_ABI_TINY_H
#define TESTS_ABI_TINY_H

#include "jobhost_plugin.h"

#define TINY_PLUGIN(name_, version_, run_, flags_)                                                 \
    static const struct jh_handler handlers[] = {                                                  \
        {.name = name_ ".run", .run = (run_), .flags = (flags_), .state_version = 1},              \
    };                                                                                             \
    JH_EXPORT const struct jh_plugin jobhost_plugin = {                                            \
        JH_PLUGIN_INIT,       .name = name_,      .version = version_,                             \
        .handlers = handlers, .handler_count = 1,                                                  \
    }

#endif
