/* The plugin's options as the supervisor validated them: copied once, read by config() from any
 * thread afterwards. */
#ifndef JOBHOST_WORKER_SETTINGS_H
#define JOBHOST_WORKER_SETTINGS_H

#include "base/arena.h"
#include "record/messages.h"

struct settings {
    struct arena arena;
    struct msg_setting *items;
    uint32_t count;
};

/* From a CONFIG record: 0, -EBADMSG, -ENOMEM. */
int settings_read(struct record *r, struct settings *ret);
/* NULL = unset or unknown. */
const char *settings_value(const struct settings *s, const char *option);
void settings_finish(struct settings *s);

#endif
