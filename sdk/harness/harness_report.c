// What tests look at, and the checks for those who have no framework.
#include <stdio.h>
#include <string.h>

#include "harness.h"

static const char *or_empty(const char *text) {
    return text == NULL ? "" : text;
}

// ---- the last run ----

jh_class jh_harness_class(const struct jh_harness *h) {
    return h->verdict.cls;
}

const char *jh_harness_message(const struct jh_harness *h) {
    return or_empty(h->verdict.failure.message);
}

const char *jh_harness_code(const struct jh_harness *h) {
    return or_empty(h->verdict.failure.code);
}

const char *jh_harness_scope(const struct jh_harness *h) {
    return or_empty(h->verdict.failure.scope);
}

int64_t jh_harness_retry_after_ms(const struct jh_harness *h) {
    return h->verdict.failure.retry_after_ms;
}

const struct jh_wait *jh_harness_wait(const struct jh_harness *h) {
    return &h->verdict.wait;
}

const char *jh_harness_result(const struct jh_harness *h) {
    return h->result_attached ? or_empty(h->attempt.result.data) : "";
}

size_t jh_harness_result_len(const struct jh_harness *h) {
    return h->result_attached ? h->attempt.result.len : 0;
}

const char *jh_harness_result_type(const struct jh_harness *h) {
    return h->attempt.result_type == NULL ? "application/json" : h->attempt.result_type;
}

unsigned jh_harness_commits(const struct jh_harness *h) {
    return h->attempt.commits;
}

unsigned jh_harness_calls(const struct jh_harness *h) {
    return h->attempt.calls;
}

struct jh_harness_shown jh_harness_progress(const struct jh_harness *h) {
    return h->progress;
}

const char *jh_harness_log(const struct jh_harness *h) {
    return h->log.len == 0 ? "" : h->log.data;
}

// ---- what is committed ----

const char *jh_harness_step(const struct jh_harness *h, const char *name) {
    const struct wish *step = vault_named(&h->vault, WISH_STEP, name);
    return step == NULL ? NULL : step->value.data;
}

size_t jh_harness_children(const struct jh_harness *h) {
    size_t count;
    (void)vault_effect(&h->vault, WISH_CHILD, 0, &count);
    return count;
}

const struct jh_child *jh_harness_child(const struct jh_harness *h, size_t index) {
    const struct wish *w = vault_effect(&h->vault, WISH_CHILD, index, NULL);
    if (w == NULL) {
        harness_misused("there is no child %zu", index);
    }
    return &w->child;
}

size_t jh_harness_warnings(const struct jh_harness *h) {
    size_t count;
    (void)vault_effect(&h->vault, WISH_WARN, 0, &count);
    return count;
}

const char *jh_harness_warning(const struct jh_harness *h, size_t index) {
    const struct wish *w = vault_effect(&h->vault, WISH_WARN, index, NULL);
    if (w == NULL) {
        harness_misused("there is no warning %zu", index);
    }
    return w->name;
}

size_t jh_harness_outputs(const struct jh_harness *h) {
    size_t count;
    (void)vault_effect(&h->vault, WISH_OUTPUT, 0, &count);
    return count;
}

const char *jh_harness_output_name(const struct jh_harness *h, size_t index) {
    const struct wish *w = vault_effect(&h->vault, WISH_OUTPUT, index, NULL);
    if (w == NULL) {
        harness_misused("there is no output %zu", index);
    }
    return w->name;
}

const char *jh_harness_output(const struct jh_harness *h, const char *name) {
    const struct wish *w = vault_named(&h->vault, WISH_OUTPUT, name);
    return w == NULL ? NULL : w->value.data;
}

size_t jh_harness_output_len(const struct jh_harness *h, const char *name) {
    const struct wish *w = vault_named(&h->vault, WISH_OUTPUT, name);
    return w == NULL ? 0 : w->value.len;
}

const char *jh_harness_output_type(const struct jh_harness *h, const char *name) {
    const struct wish *w = vault_named(&h->vault, WISH_OUTPUT, name);
    return w == NULL ? NULL : w->type;
}

const char *jh_harness_kv(const struct jh_harness *h, const char *key) {
    const struct vault_key *k = vault_find(&h->vault, key);
    return k == NULL || !k->has_value ? NULL : k->value.data;
}

int64_t jh_harness_counter(const struct jh_harness *h, const char *key) {
    const struct vault_key *k = vault_find(&h->vault, key);
    return k == NULL ? 0 : k->counter;
}

size_t jh_harness_members(const struct jh_harness *h, const char *key) {
    const struct vault_key *k = vault_find(&h->vault, key);
    return k == NULL ? 0 : k->member_count;
}

int jh_harness_is_done(const struct jh_harness *h, const char *key) {
    const struct vault_key *k = vault_find(&h->vault, key);
    return k != NULL && k->done;
}

// ---- checks ----

// Counted for the whole test program, which has one main().
static unsigned checks, failures;

int jh_harness_check(int held, const char *what, const char *file, int line) {
    checks++;
    if (!held) {
        failures++;
        (void)printf("%s:%d: %s: want true\n", file, line, what);
    }
    return held;
}

int jh_harness_check_int(long long want, long long got, const char *what, const char *file,
                         int line) {
    checks++;
    if (want != got) {
        failures++;
        (void)printf("%s:%d: %s: want %lld, got %lld\n", file, line, what, want, got);
    }
    return want == got;
}

int jh_harness_check_str(const char *want, const char *got, const char *what, const char *file,
                         int line) {
    int held = want == NULL || got == NULL ? want == got : strcmp(want, got) == 0;
    checks++;
    if (!held) {
        failures++;
        (void)printf("%s:%d: %s: want \"%s\", got \"%s\"\n", file, line, what,
                     want == NULL ? "(null)" : want, got == NULL ? "(null)" : got);
    }
    return held;
}

int jh_harness_exit_status(void) {
    (void)printf("%u checks, %u failed\n", checks, failures);
    return failures == 0 ? 0 : 1;
}
