#include "worker/verdict.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "core/outcome.h"

// The caller has put the words into v->text.
static void judge(struct verdict *v, jh_status status, jh_class cls) {
    v->status = status;
    v->cls = cls;
    v->failure = (struct jh_failure){.size = sizeof v->failure, .cls = cls, .message = v->text};
}

static void as_failed(const struct verdict_notes *n, jh_status status, struct verdict *v) {
    if (n->said == SAID_FAIL) {
        v->status = status;
        v->cls = n->failure.cls;
        v->failure = n->failure;
    } else { // without a class the supervisor obeys the status
        (void)snprintf(v->text, sizeof v->text, "run() returned %s without calling fail()",
                       status == JH_RETRY ? "JH_RETRY" : "JH_FAIL");
        judge(v, status, JH_E_NONE);
    }
}

static void as_parked(const struct verdict_notes *n, struct verdict *v) {
    v->status = JH_YIELD;
    v->wait.kind = JH_WAIT_NOW;
    if (n->said == SAID_WAIT) {
        v->wait = n->wait;
        v->wait_for = n->wait_for;
    } else if (n->said == SAID_FAIL && outcome_status(n->failure.cls) == JH_YIELD) {
        v->cls = n->failure.cls;
        v->failure = n->failure;
    }
}

// By convention a handler returns JH_CANCELLED when step_put() told it to stop, so a missing cancel
// alone is no bug. Reasons that this process found by itself (its own timeout, its own loss of the
// supervisor) are said in words the supervisor need not share.
static void as_cancelled(const struct verdict_notes *n, uint32_t cancelled, struct verdict *v) {
    v->status = JH_CANCELLED;
    if ((cancelled & JH_CANCEL_USER) != 0 || n->broken == -ESTALE) {
        return;
    }
    if ((cancelled & JH_CANCEL_DEADLINE) != 0) {
        (void)snprintf(v->text, sizeof v->text, "stopped at its timeout");
        judge(v, JH_RETRY, JH_E_TIMEOUT);
    } else if (cancelled != 0) {
        v->status = JH_YIELD;
    } else if (n->refused != 0) {
        (void)snprintf(v->text, sizeof v->text, "%s was refused: %s", n->refused_call,
                       n->refused_words == NULL ? strerror(-n->refused) : n->refused_words);
        judge(v, JH_FAIL, JH_E_BUG);
    } else {
        (void)snprintf(v->text, sizeof v->text,
                       "run() returned JH_CANCELLED though nothing cancelled it");
        judge(v, JH_FAIL, JH_E_BUG);
    }
}

void verdict_reach(const struct verdict_notes *notes, jh_status returned, uint32_t cancelled,
                   struct verdict *ret) {
    *ret = (struct verdict){.failure = {.size = sizeof ret->failure},
                            .wait = {.size = sizeof ret->wait}};
    bool undone = notes->broken != 0 && notes->broken != -ESTALE;
    if (undone && (returned == JH_OK || (returned == JH_CANCELLED && cancelled == 0))) {
        bool too_large = notes->broken == -EFBIG || notes->broken == -E2BIG; // and will be again
        (void)snprintf(ret->text, sizeof ret->text, "a commit failed: %s",
                       strerror(-notes->broken));
        judge(ret, too_large ? JH_FAIL : JH_RETRY, too_large ? JH_E_PERMANENT : JH_E_RESOURCE);
        return;
    }
    switch (returned) {
    case JH_OK: ret->status = JH_OK; return;
    case JH_RETRY:
    case JH_FAIL: as_failed(notes, returned, ret); return;
    case JH_YIELD: as_parked(notes, ret); return;
    case JH_CANCELLED: as_cancelled(notes, cancelled, ret); return;
    default:
        (void)snprintf(ret->text, sizeof ret->text, "run() returned unknown status %d",
                       (int)returned);
        judge(ret, JH_FAIL, JH_E_BUG);
    }
}
