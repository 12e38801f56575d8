// What the end of a run means.
#include <errno.h>

#include "expect.h"
#include "worker/verdict.h"

// for initialisers: clang takes no constant object there
#define NETWORK                                                                                    \
    {                                                                                              \
        .size = sizeof(struct jh_failure), .cls = JH_E_NETWORK, .message = "reset",                \
        .retry_after_ms = 5                                                                        \
    }
#define RATE                                                                                       \
    {                                                                                              \
        .size = sizeof(struct jh_failure), .cls = JH_E_RATE, .message = "429",                     \
        .retry_after_ms = 9000                                                                     \
    }

struct row {
    const char *what;
    struct verdict_notes notes;
    jh_status returned;
    uint32_t cancelled;
    jh_status status;
    jh_class cls;
    int32_t wait;
    const char *words;
};

static const struct row rows[] = {
    {"ok", {0}, JH_OK, 0, JH_OK, JH_E_NONE, 0, NULL},
    {"ok wins over a cancel", {0}, JH_OK, JH_CANCEL_USER, JH_OK, JH_E_NONE, 0, NULL},
    {"ok after fail()", {.said = SAID_FAIL, .failure = NETWORK}, JH_OK, 0, JH_OK, 0, 0, NULL},
    {"retry with a class",
     {.said = SAID_FAIL, .failure = NETWORK},
     JH_RETRY,
     0,
     JH_RETRY,
     JH_E_NETWORK,
     0,
     "reset"},
    {"fail with a class that asks for retry",
     {.said = SAID_FAIL, .failure = NETWORK},
     JH_FAIL,
     0,
     JH_FAIL,
     JH_E_NETWORK,
     0,
     "reset"},
    {"retry alone", {0}, JH_RETRY, 0, JH_RETRY, JH_E_NONE, 0, "JH_RETRY without"},
    {"fail alone", {0}, JH_FAIL, 0, JH_FAIL, JH_E_NONE, 0, "JH_FAIL without"},
    {"yield alone", {0}, JH_YIELD, 0, JH_YIELD, JH_E_NONE, JH_WAIT_NOW, NULL},
    {"yield for children",
     {.said = SAID_WAIT, .wait = {.kind = JH_WAIT_CHILDREN}},
     JH_YIELD,
     0,
     JH_YIELD,
     JH_E_NONE,
     JH_WAIT_CHILDREN,
     NULL},
    {"a rate limit parks",
     {.said = SAID_FAIL, .failure = RATE},
     JH_YIELD,
     0,
     JH_YIELD,
     JH_E_RATE,
     JH_WAIT_NOW,
     "429"},
    {"a yield after another failure is a yield",
     {.said = SAID_FAIL, .failure = NETWORK},
     JH_YIELD,
     0,
     JH_YIELD,
     JH_E_NONE,
     JH_WAIT_NOW,
     NULL},
    {"cancelled by the user", {0}, JH_CANCELLED, JH_CANCEL_USER, JH_CANCELLED, 0, 0, NULL},
    {"cancelled by its timeout",
     {0},
     JH_CANCELLED,
     JH_CANCEL_DEADLINE,
     JH_RETRY,
     JH_E_TIMEOUT,
     0,
     "timeout"},
    {"cancelled by a drain", {0}, JH_CANCELLED, JH_CANCEL_DRAIN, JH_YIELD, 0, JH_WAIT_NOW, NULL},
    {"cancelled by nobody", {0}, JH_CANCELLED, 0, JH_FAIL, JH_E_BUG, 0, "nothing cancelled it"},
    {"cancelled after a refusal",
     {.refused = -EFBIG, .refused_call = "step_put"},
     JH_CANCELLED,
     0,
     JH_FAIL,
     JH_E_BUG,
     0,
     "step_put was refused: File too large"},
    {"fenced off", {.broken = -ESTALE}, JH_CANCELLED, 0, JH_CANCELLED, 0, 0, NULL},
    {"cancelled after a refusal that has words",
     {.refused = -ENOENT, .refused_call = "fetch", .refused_words = "there is no limit \"x\""},
     JH_CANCELLED,
     0,
     JH_FAIL,
     JH_E_BUG,
     0,
     "fetch was refused: there is no limit \"x\""},
    {"fenced off, and does not care", {.broken = -ESTALE}, JH_OK, 0, JH_OK, 0, 0, NULL},
    {"ok after a commit that failed",
     {.broken = -EIO},
     JH_OK,
     0,
     JH_RETRY,
     JH_E_RESOURCE,
     0,
     "a commit failed: Input/output error"},
    {"ok after a commit that was too large",
     {.broken = -EFBIG},
     JH_OK,
     0,
     JH_FAIL,
     JH_E_PERMANENT,
     0,
     "a commit failed: File too large"},
    {"cancelled after a commit that failed",
     {.broken = -EIO},
     JH_CANCELLED,
     0,
     JH_RETRY,
     JH_E_RESOURCE,
     0,
     "a commit failed"},
    {"its own failure after a commit that failed",
     {.broken = -EIO, .said = SAID_FAIL, .failure = NETWORK},
     JH_RETRY,
     0,
     JH_RETRY,
     JH_E_NETWORK,
     0,
     "reset"},
    {"a number that is no status", {0}, 17, 0, JH_FAIL, JH_E_BUG, 0, "unknown status 17"},
    {"a negative one", {0}, -1, JH_CANCEL_USER, JH_FAIL, JH_E_BUG, 0, "unknown status -1"},
};

static void test_rows(void) {
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct row *r = &rows[i];
        struct verdict v;
        verdict_reach(&r->notes, r->returned, r->cancelled, &v);
        bool right = EXPECT_EQ_INT(r->status, v.status);
        right = EXPECT_EQ_INT(r->cls, v.cls) && right;
        right = EXPECT_EQ_INT(r->wait, v.wait.kind) && right;
        if (r->words == NULL) {
            right = EXPECT_NULL(v.failure.message) && right;
        } else {
            right = EXPECT_CONTAINS(r->words, v.failure.message) && right;
        }
        if (!right) {
            (void)printf("in row \"%s\"\n", r->what);
        }
    }
}

static const struct expect_test tests[] = {{"every combination that matters", test_rows}};
SUITE_MAIN("worker: verdict", tests)
