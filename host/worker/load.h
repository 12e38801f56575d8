/* Loading the one plugin of this process. It is never unloaded: threads, thread-local destructors
 * and atexit handlers of plugins make that unsafe, and new code means a new process. Constructors
 * of the file run in here. */
#ifndef JOBHOST_WORKER_LOAD_H
#define JOBHOST_WORKER_LOAD_H

#include "worker/manifest.h"

struct plugin {
    void *handle;
    struct manifest manifest;
    uint64_t begin, end; /* where it lies in memory, to make sense of a crash address */
};

/* 0, or a negative errno with *ret_stage "load", "symbol", "abi" or "manifest" and words. */
int load_plugin(const char *path, struct plugin *ret, const char **ret_stage, struct err *e);

#endif
