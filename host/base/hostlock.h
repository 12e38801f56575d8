/* A file that is locked: whoever holds it is the one process that uses what stands behind it. The
 * kernel lets go of it when the process dies. */
#ifndef JOBHOST_BASE_HOSTLOCK_H
#define JOBHOST_BASE_HOSTLOCK_H

#include "base/err.h"

struct hostlock {
    int fd; /* -1 = not held */
};

/* Makes `file` (0600) if need be. `what` is for the words: -EBUSY says that it is in use, and by
 * which process. Waits for two seconds, blocking, while that process is gone and its lock is not yet. */
int hostlock_take(struct hostlock *lock, const char *file, const char *what, struct err *e);
/* Another binary in this process took it, and left its descriptor, which is taken also on failure. 0,
 * or -EBUSY: it is not what locks the file. */
int hostlock_keep(struct hostlock *lock, int fd, const char *file, struct err *e);
void hostlock_release(struct hostlock *lock);

#endif
