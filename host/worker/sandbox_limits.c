/* What setrlimit(2) bounds. DATA and not AS: a plugin may map as much as it likes for reading.
 * Processors' time is bounded twice: SIGXCPU, which is reported, and a second later SIGKILL. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/resource.h>

#include "base/buf.h"
#include "worker/sandbox.h"

struct limit {
    const char *name;
    int resource;
    uint64_t wanted; /* 0 = none                          */
    uint64_t above;  /* the hard limit, above the soft one */
};

// An ordinary user can only lower a hard limit, so a lower one that is there stays.
static int limit_set(const struct limit *l, uint64_t *ret_got) {
    struct rlimit now;
    if (getrlimit(l->resource, &now) == -1) {
        return -errno;
    }
    uint64_t hard = l->wanted + l->above;
    struct rlimit to = {.rlim_cur = l->wanted, .rlim_max = hard};
    if (now.rlim_max != RLIM_INFINITY && now.rlim_max < hard) {
        to.rlim_max = now.rlim_max;
        to.rlim_cur = to.rlim_cur < to.rlim_max ? to.rlim_cur : to.rlim_max;
    }
    *ret_got = to.rlim_cur;
    return setrlimit(l->resource, &to) == -1 ? -errno : 0;
}

static void limit_apply(const struct limit *l, struct buf *words, bool *failed) {
    uint64_t got = 0;
    const char *comma = words->len == 0 ? "" : ", ";
    int r = l->wanted == 0 ? 0 : limit_set(l, &got);
    if (r < 0) {
        *failed = true;
        buf_printf(words, "%s%s: %s", comma, l->name, strerror(-r));
    } else if (l->wanted > 0) {
        buf_printf(words, "%s%s %" PRIu64, comma, l->name, got);
    }
}

// Core files are off already, but for the hard limit.
static int limit_core(bool allowed) {
    struct rlimit core;
    if (getrlimit(RLIMIT_CORE, &core) == -1) {
        return -errno;
    }
    if (allowed) {
        core.rlim_cur = core.rlim_max;
    } else {
        core = (struct rlimit){0, 0};
    }
    return setrlimit(RLIMIT_CORE, &core) == -1 ? -errno : 0;
}

void sandbox_limits(const struct msg_sandbox *m, struct sandbox_notes *notes) {
    const struct limit limits[] = {
        // the shadow of a sanitizer is terabytes of memory for writing
        {"data", RLIMIT_DATA, SANDBOX_SANITIZED ? 0 : m->max_data, 0},
        {"files", RLIMIT_NOFILE, m->max_files, 0},
        {"file size", RLIMIT_FSIZE, m->max_file_size, 0},
        {"cpu seconds", RLIMIT_CPU, m->max_cpu_s, 1},
    };
    struct buf words = {0};
    bool failed = false;
    for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
        limit_apply(&limits[i], &words, &failed);
    }
    int r = limit_core((m->flags & MSG_SANDBOX_CORE) != 0);
    if (r < 0) {
        failed = true;
        buf_printf(&words, "%score: %s", words.len == 0 ? "" : ", ", strerror(-r));
    }
    sandbox_note(notes, "limits", failed ? MSG_NOTE_DEGRADED : MSG_NOTE_ON, "%s",
                 words.data == NULL ? "none" : words.data);
    buf_free(&words);
}
