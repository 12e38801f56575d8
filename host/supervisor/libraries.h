/* The shared libraries that a worker runs with, as the kernel lists them. A plugin whose own file has not changed is kept by a
 * reload, and so are the libraries that its workers have loaded: one that has been upgraded on disk since is worth a word. */
#ifndef JOBHOST_SUPERVISOR_LIBRARIES_H
#define JOBHOST_SUPERVISOR_LIBRARIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "supervisor/elf.h"

struct library {
    const char *file;                        /* as it was when it was loaded */
    char build_id[2 * ELF_BUILD_ID_MAX + 1]; /* hex; "" = none, or replaced */
    bool replaced;                           /* another file lies there now, or none */
};
enum { LIBRARIES_MAX = 256 };

/* Of process `pid`, but for its plugin's snapshot, which is named after `sha256`, in the order of their addresses, in `arena`.
 * Returns how many; 0 also for a process that is gone. Blocking: not on the loop's thread. */
size_t libraries_of(int32_t pid, const char *sha256, struct arena *arena,
                    const struct library **ret);

/* The first that has been replaced, without its folders; NULL = none has. */
const char *libraries_replaced(const struct library *items, size_t count);

#endif
