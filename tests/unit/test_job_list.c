// Filters of job lists, one value at a time: every word that is known, what is near them, and what must never mean "any".
#include "api/job_list.h"

#include <errno.h>

#include "core/job.h"
#include "core/outcome.h"
#include "expect.h"

static struct store_filter empty(void) {
    return (struct store_filter){.state = -1, .error_cls = -1};
}

static void expect_refused(const char *name, const char *value, const char *words) {
    struct store_filter f = empty();
    struct problem problem = {.status = 0};
    EXPECT_EQ_INT(-EINVAL, job_list_filter_set(&f, name, value, &problem));
    EXPECT_EQ_INT(400, problem.status);
    EXPECT_EQ_STR("bad_parameter", problem.code);
    EXPECT_EQ_STR(name, problem.field);
    EXPECT_CONTAINS(words, problem.message);
}

static void test_states(void) {
    struct problem problem;
    for (int state = 0; state < JOB_STATE_COUNT; state++) {
        struct store_filter f = empty();
        EXPECT_EQ_INT(0, job_list_filter_set(&f, "state", job_state_name(state), &problem));
        EXPECT_EQ_INT(state, f.state);
    }
    expect_refused("state", "done", "scheduled, queued, running, parked, succeeded");
    expect_refused("state", "Queued", "state is one of");
    expect_refused("state", "queued ", "state is one of");
}

/* "none" is what a job without an error has: nobody can ask for it. */
static void test_classes(void) {
    struct problem problem;
    for (int cls = JH_E_NONE + 1; cls <= JH_E_UNKNOWN; cls++) {
        struct store_filter f = empty();
        EXPECT_EQ_INT(0, job_list_filter_set(&f, "class", outcome_class_rows[cls].name, &problem));
        EXPECT_EQ_INT(cls, f.error_cls);
    }
    expect_refused("class", outcome_class_rows[JH_E_NONE].name, "input, auth, network, rate");
    expect_refused("class", "NETWORK", "class is one of");
}

static void test_texts(void) {
    struct store_filter f = empty();
    struct problem problem;
    const struct {
        const char *name, *const *to;
    } rows[] = {{"queue", &f.queue}, {"type", &f.type}, {"user", &f.tenant},
                {"label", &f.label}, {"q", &f.text},    {"code", &f.error_code}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        EXPECT_EQ_INT(0, job_list_filter_set(&f, rows[i].name, rows[i].name, &problem));
        EXPECT_EQ_STR(rows[i].name, *rows[i].to);
        expect_refused(rows[i].name, "", "is empty; leave it out to mean any");
    }
    EXPECT_EQ_INT(-1, f.state); // and nothing else has been touched
    EXPECT_EQ_INT(-1, f.error_cls);
    EXPECT_TRUE(id_is_zero(&f.parent));
}

static void test_times(void) {
    struct store_filter f = empty();
    struct problem problem;
    EXPECT_EQ_INT(0, job_list_filter_set(&f, "after", "1970-01-01T00:00:01Z", &problem));
    EXPECT_EQ_INT(0, job_list_filter_set(&f, "before", "1970-01-01T01:00:02+01:00", &problem));
    EXPECT_EQ_INT(1000, f.created_after_ms);
    EXPECT_EQ_INT(2000, f.created_before_ms);
    static const char *const wrong[] = {
        "yesterday",           "1", "2026-11-21", "2026-11-21T10:00:00", "2026-13-01T00:00:00Z",
        "2026-02-29T00:00:00Z"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        expect_refused("after", wrong[i], "2026-11-21T10:00:00Z");
        expect_refused("before", wrong[i], "2026-11-21T10:00:00Z");
    }
}

static void test_parent(void) {
    struct store_filter f = empty();
    struct problem problem;
    static const char id[] = "01a20081-a8d0-7441-8f74-cd353fef4390";
    char text[JOB_ID_TEXT + 2];
    EXPECT_EQ_INT(0, job_list_filter_set(&f, "parent", id, &problem));
    id_format(&f.parent, text);
    EXPECT_EQ_STR(id, text);
    (void)snprintf(text, sizeof text, "%s0", id); // a digit more, and one less
    expect_refused("parent", text, "parent is a job id");
    text[JOB_ID_TEXT - 1] = '\0';
    expect_refused("parent", text, "parent is a job id");
}

static void test_unknown(void) {
    expect_refused("stat", "dead", "there is no such filter");
    expect_refused("", "dead", "there is no such filter");
    expect_refused("limit", "1", "there is no such filter"); // of the page, not of the filter
}

static const struct expect_test tests[] = {
    {"every state", test_states}, {"every class of errors", test_classes},
    {"texts", test_texts},        {"times", test_times},
    {"parents", test_parent},     {"what is no filter", test_unknown},
};

SUITE_MAIN("job list", tests)
