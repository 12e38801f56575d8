#include "core/job.h"

#include <errno.h>

#include "base/err.h"
#include "expect.h"

// One row a state, one column an event; the letter of the state it leads to, '.' = not allowed.
//   scheduled queued running parked | Succeeded dead cancelled duplicate = S D C X
static void test_every_transition(void) {
    static const char states[JOB_STATE_COUNT + 1] = "sqrpSDCX";
    static const char *const want[JOB_STATE_COUNT] = {
        //                  none claim succeed retry die park release due wake promote cancel revive dup
        [JOB_SCHEDULED] = "s...Dp.q.qC.X", [JOB_QUEUED] = "qr..Dp....C.X",
        [JOB_RUNNING] = "r.SsDpq...C..",   [JOB_PARKED] = "p...D..qqqC.X",
        [JOB_SUCCEEDED] = "S............", [JOB_DEAD] = "D..........q.",
        [JOB_CANCELLED] = "C..........q.", [JOB_DUPLICATE] = "X............",
    };
    for (int from = 0; from < JOB_STATE_COUNT; from++) {
        EXPECT_EQ_UINT(JOB_EVENT_COUNT, strlen(want[from]));
        for (int event = 0; event < JOB_EVENT_COUNT; event++) {
            int to = job_next_state((enum job_state)from, (enum job_event)event);
            char got = to < 0 ? '.' : states[to];
            if (!EXPECT_EQ_INT(want[from][event], got)) {
                (void)printf("    %s on %s\n", job_state_name(from), job_event_name(event));
            }
        }
    }
    EXPECT_EQ_INT(-1, job_next_state(JOB_STATE_COUNT, JOB_EV_NONE));
    EXPECT_EQ_INT(-1, job_next_state(JOB_QUEUED, JOB_EVENT_COUNT));
    EXPECT_EQ_INT(-1, job_next_state((enum job_state) - 1, JOB_EV_NONE));
}

// A final state is left by an operator alone, and from every other state a job can end.
static void test_final_states(void) {
    for (int from = 0; from < JOB_STATE_COUNT; from++) {
        bool is_final = job_is_final((enum job_state)from);
        EXPECT_EQ_INT(from >= JOB_SUCCEEDED, is_final);
        for (int event = JOB_EV_NONE + 1; event < JOB_EVENT_COUNT; event++) {
            int to = job_next_state((enum job_state)from, (enum job_event)event);
            EXPECT_TRUE(!is_final || to == -1 || event == JOB_EV_REVIVE);
        }
        EXPECT_EQ_INT(is_final ? -1 : JOB_CANCELLED,
                      job_next_state((enum job_state)from, JOB_EV_CANCEL));
    }
}

static void expect_names(const char *(*name_of)(int), int (*from_name)(const char *), int count) {
    for (int i = 0; i < count; i++) {
        const char *name = name_of(i);
        if (EXPECT_TRUE(name != NULL) && from_name != NULL) {
            EXPECT_EQ_INT(i, from_name(name));
        }
    }
    EXPECT_NULL(name_of(count));
    EXPECT_NULL(name_of(-1));
    if (from_name != NULL) {
        EXPECT_EQ_INT(-1, from_name(""));
        EXPECT_EQ_INT(-1, from_name("nonsense"));
    }
}

static void test_names(void) {
    expect_names(job_state_name, job_state_from_name, JOB_STATE_COUNT);
    expect_names(job_event_name, NULL, JOB_EVENT_COUNT);
    expect_names(park_reason_name, park_reason_from_name, PARK_REASON_COUNT);
    expect_names(priority_name, priority_from_name, PRIORITY_COUNT);
    expect_names(dedup_mode_name, dedup_mode_from_name, DEDUP_MODE_COUNT);
    EXPECT_EQ_STR("queued", job_state_name(JOB_QUEUED));
    EXPECT_EQ_STR("needs_operator", park_reason_name(PARK_NEEDS_OPERATOR));
    EXPECT_EQ_INT(-1, job_state_from_name("Queued"));
}

static void expect_checked(int (*check)(const char *, struct err *), size_t most) {
    char name[256];
    struct err e = {0};
    memset(name, 'a', sizeof name);
    name[most] = '\0';
    EXPECT_EQ_INT(0, check(name, &e));
    name[most] = 'a';
    name[most + 1] = '\0';
    EXPECT_EQ_INT(-EINVAL, check(name, &e));
    EXPECT_CONTAINS("at most", e.msg);
    EXPECT_EQ_INT(-EINVAL, check("", &e));
    EXPECT_CONTAINS("empty", e.msg);
    EXPECT_EQ_INT(0, check("a", &e));
    EXPECT_EQ_INT(0, check("crawl.Page_2-b", &e));
    static const char *const bad_first[] = {"1a", ".a", "_a", "-a", " a", "\xc3\xa4"};
    for (size_t i = 0; i < 6; i++) {
        EXPECT_EQ_INT(-EINVAL, check(bad_first[i], &e));
        EXPECT_CONTAINS("begin with a letter", e.msg);
    }
    static const char *const bad_inside[] = {"a b", "a/b", "a:b", "a{b", "a\n", "a\xc3\xa4", "a*"};
    for (size_t i = 0; i < 7; i++) {
        EXPECT_EQ_INT(-EINVAL, check(bad_inside[i], &e));
        EXPECT_CONTAINS("position 2", e.msg);
    }
    EXPECT_EQ_INT(-EINVAL, check("a b", NULL));
}

static void test_type_and_queue(void) {
    expect_checked(job_check_type, JOB_TYPE_MAX);
    expect_checked(job_check_queue, JOB_QUEUE_MAX);
}

static void test_file_names(void) {
    struct err e = {0};
    char name[JOB_FILE_NAME_MAX + 2];
    static const char *const good[] = {"a",     "report.html",         "...",
                                       "..a",   "Umsätze – Juli.csv",  " ",
                                       "C:\\x", "\xf0\x9f\x93\x88.svg"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        EXPECT_EQ_INT(0, job_check_file_name(good[i], &e));
    }
    static const char *const bad[] = {"",        ".",    "..",   "a/b",  "/",    "../x",
                                      "a\n",     "\x7f", "\x1f", "\xff", "\xc3", "\xed\xa0\x80",
                                      "\xc0\xaf"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        e = (struct err){0};
        EXPECT_EQ_INT(-EINVAL, job_check_file_name(bad[i], &e));
        EXPECT_TRUE(e.msg[0] != '\0');
    }
    memset(name, 'n', sizeof name);
    name[JOB_FILE_NAME_MAX] = '\0';
    EXPECT_EQ_INT(0, job_check_file_name(name, &e));
    name[JOB_FILE_NAME_MAX] = 'n';
    name[JOB_FILE_NAME_MAX + 1] = '\0';
    EXPECT_EQ_INT(-EINVAL, job_check_file_name(name, &e));
    EXPECT_CONTAINS("255", e.msg);
}

static const struct expect_test tests[] = {
    {"every event in every state", test_every_transition},
    {"final states stay", test_final_states},
    {"names and back", test_names},
    {"types and queues have an alphabet and a length", test_type_and_queue},
    {"names of files", test_file_names},
};
SUITE_MAIN("job", tests)
