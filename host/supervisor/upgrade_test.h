/* Asks a binary whether it could take over: it runs it as `FILE --self-test CONFIG [--strict]`, which opens nothing that
 * we have. */
#ifndef JOBHOST_SUPERVISOR_UPGRADE_TEST_H
#define JOBHOST_SUPERVISOR_UPGRADE_TEST_H

#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/timer.h"
#include "supervisor/upgrade_doors.h"

struct host;
struct event;

enum {
    UPGRADE_TEST_MS = 10000,
    UPGRADE_TEST_BYTES = 64 * 1024, /* of what it says; more is not read */
};

/* What it said of itself. */
struct upgrade_facts {
    char version[32];
    int record, handover;
    char identity[65];
    char doors[UPGRADE_DOORS_BYTES]; /* where it would listen; one a line */
};

struct upgrade_test {
    struct host *host;
    pid_t pid;
    int pidfd, out_fd;
    struct event *ev_out, *ev_pid;
    struct timer late;
    bool killed;
    struct buf out;
    /* 0 and the facts, or a negative errno with words */
    void (*done)(struct upgrade_test *t, int status, const struct upgrade_facts *facts,
                 const struct err *e);
};

/* `t` is zeroed but for host and done. 0: done will be called; or negative errno with words. */
int upgrade_test_start(struct upgrade_test *t, const char *file, struct err *e);
/* Ends it without a word, if it runs. */
void upgrade_test_stop(struct upgrade_test *t);

#endif
