/* Makes a worker process: jobhost-worker, or this binary again where that is not installed, with a packet socket as
 * fd 3, a start page as fd 4, a scrubbed environment and nothing else. */
#ifndef JOBHOST_SUPERVISOR_SPAWN_H
#define JOBHOST_SUPERVISOR_SPAWN_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "record/start_page.h"

struct spawned {
    pid_t pid;
    int pidfd; /* readable when the process has ended */
    int sock;  /* non-blocking                        */
    struct start_page *page;
    int page_fd; /* of the page; 0 = none */
};

struct spawn_end {
    int status;        /* wait status */
    uint64_t peak_rss; /* bytes, the most it ever had; 0 = not known */
};

/* How a host deals with worker processes; tests put something else in the place of processes. */
struct spawn_ops {
    /* 0, or negative errno with words; then nothing is left behind. */
    int (*start)(const char *program, const char *plugin, struct spawned *ret, struct err *e);
    /* To its process group, or to the process alone before it has made one. */
    void (*signal)(pid_t pid, int sig);
    /* How it ended: true, or false while it lives (only without `block`). What it left in its
     * process group is killed. */
    bool (*reap)(pid_t pid, bool block, struct spawn_end *ret);
};
extern const struct spawn_ops spawn_processes;

/* The program that workers run: jobhost-worker beside `self_exe`, as in a build folder, or where it is installed for
 * that; else `self_exe`, which is as good and starts more slowly, for it loads the host's libraries. `out`, or
 * `self_exe`. */
const char *spawn_program(const char *self_exe, char out[PATH_MAX]);

/* Keeps it open: workers that start later are it, also when another version, which may speak another protocol, has been
 * installed in its place. The descriptor, or -1: it cannot be opened. `out` is what start() takes, and is good as long as the
 * descriptor. */
int spawn_hold_program(const char *self_exe, char out[PATH_MAX]);

#endif
