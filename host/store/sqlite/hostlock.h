/* PATH.lock beside the database: whoever holds it is the one host of this file. The kernel lets go
 * of it when the process dies. */
#ifndef JOBHOST_STORE_SQLITE_HOSTLOCK_H
#define JOBHOST_STORE_SQLITE_HOSTLOCK_H

#include "base/err.h"

struct hostlock {
    int fd; /* -1 = not held */
};

/* -EBUSY names the process that has it. */
int hostlock_take(struct hostlock *lock, const char *path, struct err *e);
void hostlock_release(struct hostlock *lock);

#endif
