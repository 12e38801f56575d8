/* Control groups (version 2) for plugins with limits of their own, where the host's group has been
 * delegated to it, as by systemd's Delegate=yes:
 *
 *     base/                     the host's group at its start; its controllers are passed on
 *       host/                   the host itself: a group that passes controllers on has no processes
 *       plugin-NAME/            memory.max, cpu.max, pids.max: of all workers of the plugin
 *         w-PID/                a worker and all that it starts; memory.oom.group, cgroup.kill
 *
 * Nothing is touched before a plugin has such a limit. Where there are no groups, or one cannot be
 * made, it is said why, and the worker runs without. `base` may be any folder, for tests. Loop thread
 * only: these files are not on a disk. */
#ifndef JOBHOST_SUPERVISOR_CGROUP_H
#define JOBHOST_SUPERVISOR_CGROUP_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct config_sandbox;

enum { CGROUP_WHY_MAX = 160 };

struct cgroup {
    char base[PATH_MAX];      /* "" = to be found */
    char why[CGROUP_WHY_MAX]; /* it cannot be used; "" = it can */
    unsigned controllers;     /* passed on */
    bool opened;
};

/* Does this plugin want any? */
bool cgroup_is_wanted(const struct config_sandbox *s);
/* Finds the host's group and passes its controllers on; once. True: it can be used. */
bool cgroup_open(struct cgroup *g);
/* Gives a group of its own to a worker that has done nothing yet, and the plugin its limits. 0, or a
 * negative errno with words. */
int cgroup_enter(struct cgroup *g, const char *plugin, const struct config_sandbox *s, pid_t pid,
                 char why[CGROUP_WHY_MAX]);
/* Its process is dead: what it has left behind is killed, and its group goes. True: the kernel had to
 * kill in it for lack of memory. */
bool cgroup_leave(struct cgroup *g, const char *plugin, pid_t pid);
/* The groups of a plugin that are empty go. */
void cgroup_sweep(struct cgroup *g, const char *plugin);

#endif
