#include "base/fault.h"

const char *const fault_point_names[FAULT_POINT_COUNT] = {
    [FAULT_SUBMIT_BEFORE_STORE] = "submit_before_store",
    [FAULT_SUBMIT_BEFORE_ANSWER] = "submit_before_answer",
    [FAULT_STORE_BEFORE_COMMIT] = "store_before_commit",
    [FAULT_STORE_SYNC] = "store_sync",
    [FAULT_STORE_AFTER_COMMIT] = "store_after_commit",
    [FAULT_STORE_CHECKPOINT] = "store_checkpoint",
    [FAULT_STORE_FORWARD] = "store_forward",
    [FAULT_FLOW_TOLD] = "flow_told",
    [FAULT_CASCADE_PAGE] = "cascade_page",
    [FAULT_CASCADE_MOVED] = "cascade_moved",
    [FAULT_CLAIM_BEFORE_DISPATCH] = "claim_before_dispatch",
    [FAULT_DISPATCH_AFTER_SEND] = "dispatch_after_send",
    [FAULT_COMMIT_BEFORE_STORE] = "commit_before_store",
    [FAULT_COMMIT_BEFORE_ACK] = "commit_before_ack",
    [FAULT_BLOB_BEFORE_RENAME] = "blob_before_rename",
    [FAULT_BLOB_AFTER_RENAME] = "blob_after_rename",
    [FAULT_SPOOL_WRITE] = "spool_write",
    [FAULT_FORM_STORED] = "form_stored",
    [FAULT_UPGRADE_BEFORE_EXEC] = "upgrade_before_exec",
    [FAULT_UPGRADE_STORE_CLOSED] = "upgrade_store_closed",
    [FAULT_UPGRADE_AFTER_EXEC] = "upgrade_after_exec",
    [FAULT_UPGRADE_ADOPTED] = "upgrade_adopted",
    [FAULT_RECOVER] = "recover",
    [FAULT_WORKER_BEFORE_RUN] = "worker_before_run",
    [FAULT_WORKER_AFTER_RUN] = "worker_after_run",
    [FAULT_WORKER_BEFORE_COMMIT] = "worker_before_commit",
    [FAULT_WORKER_AFTER_COMMIT] = "worker_after_commit",
};

#ifdef JOBHOST_TEST
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/bytes.h"

#define DELAY_NS 200000000L

enum action { ACTION_NONE, ACTION_KILL, ACTION_ERROR, ACTION_DELAY };

static const char *const action_names[] = {
    [ACTION_KILL] = "kill", [ACTION_ERROR] = "error", [ACTION_DELAY] = "delay"};

struct plan {
    enum action action; // ACTION_NONE: no plan
    enum fault_point point;
    unsigned long nth;
};

// The one place where the process keeps state outside of its objects: a fault point sits where no object is at hand, and
// nothing of it exists in a release build.
static struct {
    pthread_once_t once;
    struct plan plan;
    unsigned long passed;
} faults = {.once = PTHREAD_ONCE_INIT};

static int find_point(const char *name, size_t len) {
    for (int i = 0; i < FAULT_POINT_COUNT; i++) {
        if (strlen(fault_point_names[i]) == len && memcmp(fault_point_names[i], name, len) == 0) {
            return i;
        }
    }
    return -1;
}

static enum action find_action(const char *name) {
    for (size_t i = ACTION_KILL; i < ARRAY_LEN(action_names); i++) {
        if (strcmp(action_names[i], name) == 0) {
            return (enum action)i;
        }
    }
    return ACTION_NONE;
}

// point[:n]=action
static int parse_plan(const char *text, struct plan *ret, struct err *e) {
    const char *equals = strchr(text, '=');
    if (equals == NULL) {
        return err_set(e, -EINVAL, "JOBHOST_FAULT=%s: want point[:n]=kill|error|delay", text);
    }
    struct plan plan = {.action = find_action(equals + 1), .nth = 1};
    if (plan.action == ACTION_NONE) {
        return err_set(e, -EINVAL, "JOBHOST_FAULT=%s: the action is kill, error or delay", text);
    }
    size_t name_len = strcspn(text, ":=");
    if (text[name_len] == ':') {
        char *end = NULL;
        const char *digits = text + name_len + 1;
        plan.nth = strtoul(digits, &end, 10);
        if (*digits < '1' || *digits > '9' || end != equals) {
            return err_set(e, -EINVAL, "JOBHOST_FAULT=%s: n is a number from 1", text);
        }
    }
    int point = find_point(text, name_len);
    if (point == -1) {
        return err_set(
            e, -EINVAL,
            "JOBHOST_FAULT=%s: no such point; `jobhost version --fault-points` lists them", text);
    }
    plan.point = (enum fault_point)point;
    *ret = plan;
    return 0;
}

int fault_check(const char *text, struct err *e) {
    struct plan plan;
    return text == NULL ? 0 : parse_plan(text, &plan, e);
}

static void read_plan(void) {
    const char *text = getenv("JOBHOST_FAULT");
    if (text != NULL) {
        (void)parse_plan(text, &faults.plan, NULL); // env_open() has refused a bad one
    }
}

int fault(enum fault_point point) {
    (void)pthread_once(&faults.once, read_plan);
    if (faults.plan.action == ACTION_NONE || faults.plan.point != point ||
        __atomic_add_fetch(&faults.passed, 1, __ATOMIC_RELAXED) != faults.plan.nth) {
        return 0;
    }
    switch (faults.plan.action) {
    case ACTION_KILL: (void)raise(SIGKILL); break;
    case ACTION_ERROR: return -EIO;
    case ACTION_DELAY: (void)nanosleep(&(struct timespec){.tv_nsec = DELAY_NS}, NULL); break;
    case ACTION_NONE: break;
    }
    return 0;
}
#endif
