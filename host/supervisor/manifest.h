/* What a plugin says of itself (HELLO), kept for the life of its pool, and its options bound to the
 * configuration. */
#ifndef JOBHOST_SUPERVISOR_MANIFEST_H
#define JOBHOST_SUPERVISOR_MANIFEST_H

#include <stdbool.h>

#include "base/buf.h"
#include "supervisor/pool_private.h"

/* Copies it into the pool; -EINVAL for names that are not usable. */
int manifest_copy(struct pool *pool, const struct msg_hello *m, struct err *e);

/* Options against plugins.<name>.config, handler names against the other plugins'. False with
 * words. */
bool manifest_bind(struct pool *pool, struct buf *ret_problems);

/* CONFIG; 0 or negative errno. */
int manifest_put_settings(const struct pool *pool, struct record_writer *out);
int manifest_send_settings(struct worker *w);

#endif
