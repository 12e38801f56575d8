/* Makes a worker process: this binary again, with a packet socket as fd 3, a start page as fd 4, a scrubbed environment and nothing else. */
#ifndef JOBHOST_SUPERVISOR_SPAWN_H
#define JOBHOST_SUPERVISOR_SPAWN_H

#include <sys/types.h>

#include "base/err.h"
#include "record/start_page.h"

struct spawned {
    pid_t pid;
    int pidfd; /* readable when the process has ended */
    int sock;  /* non-blocking                        */
    struct start_page *page;
};

/* 0, or negative errno with words; then nothing is left behind. */
int spawn_worker(const char *self_exe, const char *plugin, struct spawned *ret, struct err *e);

#endif
