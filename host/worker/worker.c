#include "worker/worker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "worker/crash.h"
#include "worker/handshake.h"
#include "worker/setup.h"
#include "worker/slice.h"
#include "worker/state.h"

static int parse_pid(const char *text, pid_t *ret) {
    char *end;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (errno != 0 || *end != '\0' || value <= 0 || value > INT32_MAX) {
        return -EINVAL;
    }
    *ret = (pid_t)value;
    return 0;
}

static int prepare_threads(struct worker *w) {
    slice_usual(); // which the threads have from here
    w->handler_us = calloc(w->plugin.manifest.plugin.handler_count, sizeof *w->handler_us);
    w->runners = calloc(w->runner_count, sizeof *w->runners);
    if (w->handler_us == NULL || w->runners == NULL) {
        return -ENOMEM;
    }
    int rc = keeper_init(w);
    w->phase = PHASE_SERVING; // before there are threads to see it
    return rc < 0 ? rc : runner_start_all(w);
}

static void say(struct worker *w, enum record_type type) {
    sender_lock(&w->control);
    record_begin(&w->control.w, type, 0);
    (void)record_end(&w->control.w);
    (void)sender_flush(&w->control);
    sender_unlock(&w->control);
}

static enum worker_exit serve(struct worker *w) {
    if (prepare_threads(w) < 0) {
        (void)fprintf(stderr, "jobhost worker %ld: cannot start its threads\n", (long)getpid());
        return WORKER_EXIT_SETUP;
    }
    say(w, REC_READY);
    bool drained = keeper_run(w);
    runner_join_all(w);
    if (!drained) {
        return WORKER_EXIT_ORPHAN;
    }
    say(w, REC_BYE);
    if (w->plugin.manifest.plugin.destroy != NULL) {
        w->plugin.manifest.plugin.destroy(w->self);
    }
    return WORKER_EXIT_OK;
}

static enum worker_exit exit_status(int rc) {
    switch (rc) {
    case -EBADMSG: return WORKER_EXIT_PROTOCOL;
    case -ENOEXEC: return WORKER_EXIT_LOAD;
    case -ECANCELED: return WORKER_EXIT_ORPHAN;
    default: return WORKER_EXIT_SETUP;
    }
}

static enum worker_exit live(struct worker *w, char *title) {
    crash_install(w->sock);
    crash_watch_thread(NULL);
    w->title = title;
    enum worker_exit status = WORKER_EXIT_OK;
    int rc = handshake_run(w);
    if (rc == 0) {
        status = serve(w);
    } else if (rc == -ESHUTDOWN) {
        say(w, REC_BYE);
    } else {
        status = exit_status(rc);
    }
    crash_unwatch_thread();
    return status;
}

int worker_main(int argc, char **argv) {
    pid_t parent;
    if (argc < 3 || parse_pid(argv[2], &parent) < 0) {
        (void)fprintf(stderr, "jobhost --worker is started by `jobhost run`, not by hand\n");
        return WORKER_EXIT_USAGE;
    }
    struct err e = {0};
    struct worker *w = calloc(1, sizeof *w);
    if (w == NULL) {
        return WORKER_EXIT_SETUP;
    }
    (void)prctl(PR_SET_NAME, "jobhost-worker"); // it was run by the number of a descriptor
    slice_long();
    int rc = setup_process(parent, &e);
    if (rc == 0) {
        rc = worker_open(w, SETUP_SOCKET_FD, SETUP_PAGE_FD, &e);
    }
    if (rc < 0) {
        (void)fprintf(stderr, "jobhost worker %ld: %s\n", (long)getpid(), e.msg);
        free(w);
        return rc == -ESRCH ? WORKER_EXIT_ORPHAN : WORKER_EXIT_SETUP;
    }
    enum worker_exit status = live(w, argv[1]);
    worker_close(w);
    free(w);
    return (int)status;
}
