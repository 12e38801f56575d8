#define _GNU_SOURCE // getsid(), getpgid()
#include "supervisor/knock.h"

#include <errno.h>
#include <unistd.h>

#include "supervisor/host.h"
#include "supervisor/pool_private.h"

struct knock {
    pid_t pid, session, group;
    bool found;
};

static void knock_compare(struct worker *w, void *arg) {
    struct knock *k = arg;
    if (w->pid != k->pid && w->pid != k->session && w->pid != k->group) {
        return;
    }
    k->found = true;
    if (!w->knocked) {
        w->knocked = true;
        log_warn(&w->host->log, "worker.refused", "plugin=%s pid=%d peer=%d msg=\"%s\"",
                 w->pool->config->entry.name, (int)w->pid, (int)k->pid,
                 "it tried to use the admin socket of its host");
    }
}

bool knock_is_worker(void *arg, int32_t pid) {
    struct host *host = arg;
    struct knock k = {.pid = pid};
    if (pid <= 0 || host->pools == NULL) {
        return false;
    }
    k.session = getsid(pid);
    if (k.session == -1 && errno == ESRCH) {
        return true;
    }
    k.group = getpgid(pid);
    pools_each_worker(host->pools, knock_compare, &k);
    return k.found;
}
