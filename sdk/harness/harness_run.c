// One attempt, and the attempt again with a crash at each of its commits.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/skew.h"
#include "harness.h"

enum { ATTEMPTS_AFTER_CRASH = 100 };

void harness_end_attempt(struct jh_harness *h) {
    struct attempt *a = &h->attempt;
    if (a->cancel_fd != -1) {
        (void)close(a->cancel_fd);
        (void)close(a->cancel_write);
    }
    pending_clear(&a->pending);
    buf_free(&a->result);
    free(a->claims);
    arena_free(&a->arena);
    *a = (struct attempt){.cancel_fd = -1, .cancel_write = -1};
    a->wishes_end = &a->wishes;
}

static const struct jh_handler *find_handler(const struct jh_harness *h, const char *name) {
    for (uint32_t i = 0; i < h->manifest.plugin.handler_count; i++) {
        if (strcmp(h->manifest.handlers[i].name, name) == 0) {
            return &h->manifest.handlers[i];
        }
    }
    harness_misused("the plugin has no handler %s", name);
}

static void meet_steps(struct jh_harness *h) {
    const struct jh_handler *own = h->handler;
    const struct skew_handler rules = {.version = own->state_version,
                                       .oldest = own->oldest_state_version};
    uint32_t version = h->vault.steps_version;
    if (version == 0 && h->steps_set) {
        h->vault.steps_version = own->state_version;
    } else if (!skew_resumes(&rules, version)) {
        harness_misused("the steps are of version %u, and %s resumes %u to %u", version, own->name,
                        rules.oldest, rules.version);
    }
}

static void begin(struct jh_harness *h, const char *handler) {
    if (jh_harness_create(h) < 0) {
        harness_misused("%s", h->error);
    }
    harness_meet_event(h);
    harness_end_attempt(h); // what was kept of the last one
    h->handler = find_handler(h, handler);
    meet_steps(h);
    h->verdict = (struct verdict){0};
    h->result_attached = false;
    h->progress = (struct jh_harness_shown){.message = ""};
    buf_clear(&h->log);
    h->attempt.began_ms = h->now_ms;
    h->attempt.random = h->job.seed;
    h->job.attempt++;
    h->job.handler = h->handler->name;
    h->job.steps_version = h->vault.steps_version;
    h->job.first_run_ms = h->job.first_run_ms == 0 ? h->now_ms : h->job.first_run_ms;
}

// What a failure keeps of what was asked for: outputs, if it says so.
static void keep_for_failure(struct attempt *a, bool outputs) {
    struct wish **at = &a->wishes;
    for (struct wish *w = a->wishes; w != NULL; w = w->next) {
        if (outputs && w->kind == WISH_OUTPUT) {
            *at = w;
            at = &w->next;
        }
    }
    *at = NULL;
    a->wishes_end = at;
}

// The end of a run is its last commit: with OK and YIELD what was asked for happens, otherwise not.
static void conclude(struct jh_harness *h, jh_status returned) {
    struct attempt *a = &h->attempt;
    verdict_reach(&a->notes, returned, a->cancelled, &h->verdict);
    jh_status status = h->verdict.status;
    bool lasting = (status == JH_OK || status == JH_YIELD) && a->notes.broken == 0;
    if (!lasting) {
        keep_for_failure(a, status == JH_FAIL &&
                                (h->verdict.failure.flags & JH_FAILURE_KEEP_RESULT) != 0);
    }
    bool over = a->crashed || a->notes.broken == -ESTALE;
    int rc = over ? 0 : harness_commit(h);
    a->ended = !over && status == JH_OK && h->trouble.crash_when == JH_CRASH_AFTER;
    if (rc < 0 && !a->crashed) {
        a->notes.broken = rc;
        verdict_reach(&a->notes, JH_OK, a->cancelled, &h->verdict);
    }
    h->result_attached =
        !a->crashed && rc == 0 &&
        (h->verdict.status == JH_OK || (h->verdict.failure.flags & JH_FAILURE_KEEP_RESULT) != 0);
    if (a->crashed) {
        h->verdict = (struct verdict){.status = JH_HARNESS_CRASHED, .cls = JH_E_BUG};
    } else if (h->verdict.status == JH_YIELD) {
        h->job.attempt--; // parking uses none
    }
}

jh_status jh_harness_run(struct jh_harness *h, const char *handler) {
    begin(h, handler);
    h->running = true;
    jh_status returned = h->handler->run(h->self, &h->call, &h->job);
    h->running = false;
    conclude(h, returned);
    h->trouble = (struct trouble){0};
    return h->verdict.status;
}

// ---- crashes everywhere ----

struct beginning {
    struct vault vault;
    struct jh_job job;
    int64_t now_ms;
    struct trouble trouble;
};

static void go_back(struct jh_harness *h, const struct beginning *b) {
    vault_copy(&h->vault, &b->vault);
    h->job = b->job;
    h->now_ms = b->now_ms;
    h->trouble = b->trouble;
}

// Runs until it ends; time passes as the waits ask for. 0, or -1 with words.
static int run_to_end(struct jh_harness *h, const char *handler) {
    for (int i = 0; i < ATTEMPTS_AFTER_CRASH; i++) {
        jh_status status = jh_harness_run(h, handler);
        if (status == JH_OK) {
            return 0;
        }
        if (status != JH_YIELD && status != JH_RETRY && status != JH_HARNESS_CRASHED) {
            (void)snprintf(h->error, sizeof h->error, "ended with status %d: %s", (int)status,
                           jh_harness_message(h));
            return -1;
        }
        h->now_ms += harness_wait_ms(h);
    }
    (void)snprintf(h->error, sizeof h->error, "did not end in %d attempts", ATTEMPTS_AFTER_CRASH);
    return -1;
}

static void prefix_error(struct jh_harness *h, unsigned commit, int when) {
    char words[sizeof h->error];
    (void)snprintf(words, sizeof words, "%s", h->error);
    (void)snprintf(h->error, sizeof h->error, "crash %s commit %u: %.400s",
                   when == JH_CRASH_AFTER ? "after" : "before", commit, words);
}

// One crash, compared with the undisturbed run. 1 = there is no such commit any more.
static int crash_once(struct jh_harness *h, const char *handler, const struct beginning *b,
                      const struct vault *want, const struct buf *result, unsigned commit,
                      int when) {
    go_back(h, b);
    jh_harness_crash_at_commit(h, commit, when);
    if (jh_harness_run(h, handler) != JH_HARNESS_CRASHED) {
        return 1;
    }
    bool whole = h->attempt.ended; // the crash came after the very end: nothing is left to do
    if (!whole && run_to_end(h, handler) < 0) {
        return -1;
    }
    if (vault_differs(want, &h->vault, h->error, sizeof h->error)) {
        return -1;
    }
    if (!whole &&
        (h->attempt.result.len != result->len ||
         (result->len > 0 && memcmp(h->attempt.result.data, result->data, result->len) != 0))) {
        (void)snprintf(h->error, sizeof h->error, "the result is another");
        return -1;
    }
    return 0;
}

int jh_harness_crash_everywhere(struct jh_harness *h, const char *handler) {
    struct beginning b = {.job = h->job, .now_ms = h->now_ms, .trouble = h->trouble};
    struct vault want;
    struct buf result = {0};
    vault_init(&b.vault);
    vault_init(&want);
    vault_copy(&b.vault, &h->vault);
    int rc = run_to_end(h, handler);
    if (rc == 0) {
        vault_copy(&want, &h->vault);
        buf_add(&result, h->attempt.result.data, h->attempt.result.len);
    }
    for (unsigned n = 1; rc == 0; n++) {
        for (int when = JH_CRASH_BEFORE; rc == 0 && when <= JH_CRASH_AFTER; when++) {
            rc = crash_once(h, handler, &b, &want, &result, n, when);
            if (rc < 0) {
                prefix_error(h, n, when);
            }
        }
    }
    vault_finish(&b.vault);
    vault_finish(&want);
    buf_free(&result);
    return rc < 0 ? -1 : 0;
}
