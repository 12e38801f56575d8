/* What a plugin's workers are told about their sandbox, and what they report of it. */
#ifndef JOBHOST_SUPERVISOR_CONFINE_H
#define JOBHOST_SUPERVISOR_CONFINE_H

#include "config/config.h"
#include "record/messages.h"

struct pool;
struct worker;

/* SANDBOX as the configuration says. `data_dir` and `snapshot` are absolute. */
int confine_put(struct record_writer *out, const struct config_plugin *config, const char *data_dir,
                const char *snapshot);

/* Keeps what the first worker of the pool says of a facility, and logs it when it is not in force.
 * 0, -EPROTO, -ENOMEM. */
int confine_note(struct pool *pool, const struct msg_note *m);

/* Its process has been started, and has not been told anything yet: it gets a control group if its
 * plugin has limits for that. */
void confine_begin(struct worker *w);
/* It is dead. */
void confine_end(struct worker *w);

#endif
