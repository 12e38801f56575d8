#include "cli/check_fallback.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/offline.h"
#include "store/store.h"

// It will be made by the host, if the folder lets it.
static int64_t check_new(const char *path, struct err *e) {
    char folder[4200];
    const char *slash = strrchr(path, '/');
    (void)snprintf(folder, sizeof folder, "%.*s", slash == NULL ? 1 : (int)(slash - path) + 1,
                   slash == NULL ? "." : path);
    return access(folder, W_OK | X_OK) == -1 ? err_errno(e, -errno, "%s", folder) : 0;
}

static int64_t count(struct offline *o, struct err *e) {
    struct store_stats stats = {.op = {.kind = STORE_STATS}};
    offline_run(o, &stats.op);
    int64_t n = 0;
    for (size_t i = 0; stats.op.status == 0 && i < stats.lane_count; i++) {
        n += stats.lanes[i].waiting;
    }
    n = stats.op.status == 0 ? n : err_set(e, stats.op.status, "%s", stats.op.err.msg);
    store_op_finish(&stats.op);
    return n;
}

int64_t check_fallback(const char *fallback, struct err *e) {
    const char *path = fallback + strcspn(fallback, ":") + 1;
    struct store_config config = {.url = fallback, .blob_dir = path, .read_only_ok = true};
    struct offline o;
    if (access(path, F_OK) == -1) {
        return check_new(path, e);
    }
    int64_t r = offline_open_store(&config, &o, e);
    if (r == 0) {
        r = count(&o, e);
        offline_close(&o);
    }
    return r;
}
