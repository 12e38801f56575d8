/* One line of a job's history as bytes. */
#ifndef JOBHOST_STORE_HISTORY_H
#define JOBHOST_STORE_HISTORY_H

#include "base/arena.h"
#include "base/buf.h"
#include "store/store.h"

void history_pack(struct buf *b, const struct store_attempt *attempt);

/* Strings point into the arena. 0, -EBADMSG, -ENOMEM. */
int history_read(struct bytes line, struct arena *a, struct store_attempt *ret);

#endif
