/* What a fresh worker process does to itself before it touches anything of the plugin, in this
 * order:
 *
 *     signals to default ─▶ stray descriptors closed ─▶ own session and group
 *     ─▶ dies with its parent ─▶ no core files ─▶ no new privileges
 *     ─▶ (sandbox.h, as the supervisor says; then dlopen(), then threads)
 */
#ifndef JOBHOST_WORKER_SETUP_H
#define JOBHOST_WORKER_SETUP_H

#include <sys/types.h>

#include "base/err.h"

enum { SETUP_SOCKET_FD = 3, SETUP_PAGE_FD = 4 };

/* 0, or a negative errno with words. -ESRCH: the parent is no longer `parent`. */
int setup_process(pid_t parent, struct err *e);

#endif
