#include "core/outcome.h"

#include "base/bytes.h"
#include "expect.h"

#define NOW  INT64_C(1795254000000)
#define SEED 12345

enum { CRASHES_MAX = 4 };

static const struct retry_policy policy = {.max = 3,
                                           .crashes = CRASHES_MAX,
                                           .backoff = BACKOFF_EXPONENTIAL,
                                           .base_ms = 1000,
                                           .factor = 2,
                                           .cap_ms = 60000};

static struct attempt_report returned(jh_status status, jh_class cls) {
    return (struct attempt_report){.end = ATTEMPT_RETURNED, .status = status, .cls = cls};
}

static struct outcome decide(const struct attempt_report *r, const struct job_counters *before) {
    return outcome_decide(r, before, &policy, 0, SEED, NOW);
}

static const struct job_counters fresh;

static void test_class_table(void) {
    static const struct {
        jh_class cls;
        const char *name;
        jh_status status;
        enum attempt_use use;
    } rows[] = {
        {JH_E_INPUT, "input", JH_FAIL, ATTEMPT_USED},
        {JH_E_PERMANENT, "permanent", JH_FAIL, ATTEMPT_USED},
        {JH_E_AUTH, "auth", JH_RETRY, ATTEMPT_USED},
        {JH_E_NETWORK, "network", JH_RETRY, ATTEMPT_USED},
        {JH_E_TIMEOUT, "timeout", JH_RETRY, ATTEMPT_USED},
        {JH_E_UPSTREAM, "upstream", JH_RETRY, ATTEMPT_USED},
        {JH_E_UNKNOWN, "unknown", JH_RETRY, ATTEMPT_USED},
        {JH_E_RATE, "rate", JH_YIELD, ATTEMPT_FREE},
        {JH_E_RESOURCE, "resource", JH_RETRY, ATTEMPT_FREE_THRICE},
        {JH_E_BUG, "bug", JH_RETRY, ATTEMPT_CRASH},
        {JH_E_NONE, "none", JH_RETRY, ATTEMPT_USED},
        {-1, "bug", JH_RETRY, ATTEMPT_CRASH},
        {JH_E_UNKNOWN + 1, "bug", JH_RETRY, ATTEMPT_CRASH},
        {INT32_MIN, "bug", JH_RETRY, ATTEMPT_CRASH},
        {INT32_MAX, "bug", JH_RETRY, ATTEMPT_CRASH},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        EXPECT_EQ_STR(rows[i].name, outcome_class(rows[i].cls)->name);
        EXPECT_EQ_INT(rows[i].use, outcome_class(rows[i].cls)->use);
        EXPECT_EQ_INT(rows[i].status, outcome_status(rows[i].cls));
    }
}

static void test_ok(void) {
    for (uint32_t cancelled = 0; cancelled < 8; cancelled++) {
        struct attempt_report r = returned(JH_OK, JH_E_BUG);
        r.cancelled = cancelled;
        struct outcome o = decide(&r, &fresh);
        EXPECT_EQ_INT(JOB_EV_SUCCEED, o.event);
        EXPECT_EQ_INT(JH_E_NONE, o.cls);
        EXPECT_EQ_INT(1, o.after.attempts);
        EXPECT_EQ_INT(1, o.after.executions);
        EXPECT_NULL(o.code);
    }
}

// First failure of each class, and the one that uses the last attempt.
static void test_failures(void) {
    static const struct {
        jh_class cls;
        enum job_event first, last;
        const char *last_code;
    } rows[] = {
        {JH_E_INPUT, JOB_EV_DIE, JOB_EV_DIE, NULL},
        {JH_E_PERMANENT, JOB_EV_DIE, JOB_EV_DIE, NULL},
        {JH_E_AUTH, JOB_EV_RETRY, JOB_EV_DIE, "attempts_exhausted"},
        {JH_E_NETWORK, JOB_EV_RETRY, JOB_EV_DIE, "attempts_exhausted"},
        {JH_E_TIMEOUT, JOB_EV_RETRY, JOB_EV_DIE, "attempts_exhausted"},
        {JH_E_UPSTREAM, JOB_EV_RETRY, JOB_EV_DIE, "attempts_exhausted"},
        {JH_E_UNKNOWN, JOB_EV_RETRY, JOB_EV_DIE, "attempts_exhausted"},
        {JH_E_RATE, JOB_EV_PARK, JOB_EV_PARK, NULL},
        {JH_E_RESOURCE, JOB_EV_RETRY, JOB_EV_RETRY, NULL},
        {JH_E_BUG, JOB_EV_RETRY, JOB_EV_RETRY, NULL},
    };
    static const jh_status statuses[] = {JH_RETRY, JH_FAIL};
    const struct job_counters two_used = {.attempts = 2, .executions = 2};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        for (size_t k = 0; k < 2; k++) { // the class decides, whatever the status says
            struct attempt_report r = returned(statuses[k], rows[i].cls);
            struct outcome o = decide(&r, &fresh);
            EXPECT_EQ_INT(rows[i].first, o.event);
            EXPECT_EQ_INT(rows[i].cls, o.cls);
            EXPECT_NULL(o.code);
            o = decide(&r, &two_used);
            EXPECT_EQ_INT(rows[i].last, o.event);
            EXPECT_EQ_STR(rows[i].last_code, o.code);
            EXPECT_EQ_INT(3, o.after.executions);
        }
    }
}

static void test_without_class(void) {
    struct attempt_report r = returned(JH_RETRY, JH_E_NONE);
    struct outcome o = decide(&r, &fresh);
    EXPECT_EQ_INT(JOB_EV_RETRY, o.event);
    EXPECT_EQ_INT(JH_E_UNKNOWN, o.cls);
    r = returned(JH_FAIL, JH_E_NONE);
    o = decide(&r, &fresh);
    EXPECT_EQ_INT(JOB_EV_DIE, o.event);
    EXPECT_EQ_INT(JH_E_UNKNOWN, o.cls);
    EXPECT_EQ_INT(1, o.after.attempts);
}

static void test_bad_values(void) {
    static const jh_status bad[] = {-1, 5, INT32_MAX, INT32_MIN, JH_CANCELLED};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct attempt_report r = returned(bad[i], JH_E_NETWORK);
        struct outcome o = decide(&r, &fresh);
        EXPECT_EQ_INT(JOB_EV_RETRY, o.event);
        EXPECT_EQ_INT(JH_E_BUG, o.cls);
        EXPECT_EQ_STR("bad_status", o.code);
        EXPECT_EQ_INT(1, o.after.crashes);
    }
    struct attempt_report r = returned(JH_FAIL, 99);
    EXPECT_EQ_INT(JH_E_BUG, decide(&r, &fresh).cls);
}

static void test_delays(void) {
    struct job_counters c = {0};
    struct attempt_report r = returned(JH_RETRY, JH_E_NETWORK);
    EXPECT_EQ_INT(NOW + 1000, decide(&r, &c).run_at_ms);
    c.attempts = 1;
    EXPECT_EQ_INT(NOW + 2000, decide(&r, &c).run_at_ms);
    r.retry_after_ms = 5000;
    EXPECT_EQ_INT(NOW + 5000, decide(&r, &c).run_at_ms);
    // crashes and RESOURCE back off by their own count
    c = (struct job_counters){.attempts = 2, .crashes = 1, .resource = 2};
    r = returned(JH_RETRY, JH_E_BUG);
    EXPECT_EQ_INT(NOW + 2000, decide(&r, &c).run_at_ms);
    r = returned(JH_RETRY, JH_E_RESOURCE);
    EXPECT_EQ_INT(NOW + 4000, decide(&r, &c).run_at_ms);
    // a time that no clock reaches
    r.retry_after_ms = INT64_MAX;
    EXPECT_TRUE(decide(&r, &c).run_at_ms > NOW);
}

static void test_classes(void) {
    static const struct retry_rule rules[RETRY_CLASSES] = {
        [JH_E_AUTH] = {.max = 1},
        [JH_E_NETWORK] = {.max = 5, .has_backoff = true, .backoff = BACKOFF_FIXED, .base_ms = 7000},
        [JH_E_TIMEOUT] = {.cap_ms = 1500}};
    struct retry_policy with = policy;
    with.rules = rules;
    struct job_counters c = {.attempts = 3};
    struct attempt_report r = returned(JH_RETRY, JH_E_NETWORK);
    struct outcome o = outcome_decide(&r, &c, &with, 0, SEED, NOW);
    EXPECT_EQ_INT(JOB_EV_RETRY, o.event); // although the others would be exhausted
    EXPECT_EQ_INT(NOW + 7000, o.run_at_ms);
    c.attempts = 4;
    EXPECT_EQ_INT(JOB_EV_DIE, outcome_decide(&r, &c, &with, 0, SEED, NOW).event);
    r = returned(JH_RETRY, JH_E_AUTH);
    o = outcome_decide(&r, &fresh, &with, 0, SEED, NOW);
    EXPECT_EQ_INT(JOB_EV_DIE, o.event);
    EXPECT_EQ_STR("attempts_exhausted", o.code);
    c.attempts = 1;
    r = returned(JH_RETRY, JH_E_TIMEOUT);
    EXPECT_EQ_INT(NOW + 1500, outcome_decide(&r, &c, &with, 0, SEED, NOW).run_at_ms);
    r = returned(JH_RETRY, JH_E_UPSTREAM); // has no rule
    EXPECT_EQ_INT(NOW + 2000, outcome_decide(&r, &c, &with, 0, SEED, NOW).run_at_ms);
}

static void test_rate(void) {
    static const jh_status statuses[] = {JH_YIELD, JH_RETRY, JH_FAIL};
    for (size_t i = 0; i < 3; i++) {
        struct attempt_report r = returned(statuses[i], JH_E_RATE);
        r.retry_after_ms = 30000;
        struct job_counters c = {.attempts = 2, .yields = 7};
        struct outcome o = decide(&r, &c);
        EXPECT_EQ_INT(JOB_EV_PARK, o.event);
        EXPECT_EQ_INT(PARK_TIME, o.park);
        EXPECT_EQ_INT(NOW + 30000, o.run_at_ms);
        EXPECT_EQ_INT(2, o.after.attempts);
        EXPECT_EQ_INT(8, o.after.yields);
        EXPECT_EQ_INT(JH_E_RATE, o.cls);
        r.retry_after_ms = 5; // shorter than the back-off would be: the other side knows
        EXPECT_EQ_INT(NOW + 5, decide(&r, &c).run_at_ms);
        r.retry_after_ms = 0; // host decides
        EXPECT_EQ_INT(NOW + 4000, decide(&r, &c).run_at_ms);
    }
}

static void test_resource(void) {
    struct job_counters c = {.attempts = 1};
    for (int i = 1; i <= OUTCOME_RESOURCE_FREE; i++) {
        struct attempt_report r = returned(JH_RETRY, JH_E_RESOURCE);
        struct outcome o = decide(&r, &c);
        EXPECT_EQ_INT(JOB_EV_RETRY, o.event);
        EXPECT_EQ_INT(1, o.after.attempts);
        EXPECT_EQ_INT(i, o.after.resource);
        c = o.after;
    }
    struct attempt_report oom = {.end = ATTEMPT_OOM};
    struct outcome o = decide(&oom, &c);
    EXPECT_EQ_INT(JOB_EV_RETRY, o.event);
    EXPECT_EQ_INT(JH_E_RESOURCE, o.cls);
    EXPECT_EQ_STR("killed", o.code);
    EXPECT_EQ_INT(2, o.after.attempts);
    o = decide(&oom, &o.after);
    EXPECT_EQ_INT(JOB_EV_DIE, o.event);
    EXPECT_EQ_STR("attempts_exhausted", o.code);
}

static void test_crashes(void) {
    struct job_counters c = {.attempts = 2};
    for (int i = 1; i < CRASHES_MAX; i++) {
        struct attempt_report r = {.end = ATTEMPT_CRASHED, .cancelled = JH_CANCEL_DRAIN};
        struct outcome o = decide(&r, &c);
        EXPECT_EQ_INT(JOB_EV_RETRY, o.event);
        EXPECT_EQ_INT(JH_E_BUG, o.cls);
        EXPECT_EQ_STR("crash", o.code);
        EXPECT_EQ_INT(2, o.after.attempts);
        EXPECT_EQ_INT(i, o.after.crashes);
        c = o.after;
    }
    struct attempt_report r = {.end = ATTEMPT_CRASHED, .cancelled = JH_CANCEL_DEADLINE};
    struct outcome o = decide(&r, &c);
    EXPECT_EQ_INT(JOB_EV_DIE, o.event);
    EXPECT_EQ_STR("quarantined", o.code);
    // earlier crashes do not turn another failure into a quarantine
    r = returned(JH_RETRY, JH_E_NETWORK);
    c = (struct job_counters){.crashes = CRASHES_MAX};
    EXPECT_EQ_INT(JOB_EV_RETRY, decide(&r, &c).event);
}

// Under a new build they begin at none, however it ends; what was not begun says nothing.
static void test_crashes_of_another_build(void) {
    const struct job_counters c = {.crashes = CRASHES_MAX};
    struct attempt_report r = {.end = ATTEMPT_CRASHED, .new_build = true};
    struct outcome o = decide(&r, &c);
    EXPECT_EQ_INT(JOB_EV_RETRY, o.event);
    EXPECT_EQ_INT(1, o.after.crashes);
    r = returned(JH_RETRY, JH_E_NETWORK);
    r.new_build = true;
    EXPECT_EQ_INT(0, decide(&r, &c).after.crashes);
    r = (struct attempt_report){.end = ATTEMPT_UNSTARTED, .new_build = true};
    EXPECT_EQ_INT(CRASHES_MAX, decide(&r, &c).after.crashes);
}

static void test_over_disk(void) {
    struct attempt_report r = returned(JH_CANCELLED, JH_E_NONE);
    r.over_disk = true;
    r.cancelled = JH_CANCEL_DRAIN;
    struct outcome o = decide(&r, &fresh);
    EXPECT_EQ_INT(JOB_EV_RETRY, o.event);
    EXPECT_EQ_INT(JH_E_RESOURCE, o.cls);
    EXPECT_EQ_STR("over_disk", o.code);
    EXPECT_EQ_INT(0, o.after.attempts);
    r.status = JH_OK;
    EXPECT_EQ_INT(JOB_EV_SUCCEED, decide(&r, &fresh).event);
    r.status = JH_CANCELLED;
    r.cancelled |= JH_CANCEL_USER;
    EXPECT_EQ_INT(JOB_EV_CANCEL, decide(&r, &fresh).event);
}

static void test_stalled(void) {
    struct attempt_report r = returned(JH_YIELD, JH_E_NONE);
    r.stalled = true;
    r.cancelled = JH_CANCEL_DEADLINE;
    struct outcome o = decide(&r, &fresh);
    EXPECT_EQ_INT(JOB_EV_RETRY, o.event);
    EXPECT_EQ_INT(JH_E_BUG, o.cls);
    EXPECT_EQ_STR("stalled", o.code);
    EXPECT_EQ_INT(1, o.after.crashes);
    EXPECT_EQ_INT(0, o.after.attempts);
    r.status = JH_OK;
    EXPECT_EQ_INT(JOB_EV_SUCCEED, decide(&r, &fresh).event);
    r.status = JH_CANCELLED;
    r.cancelled |= JH_CANCEL_USER;
    EXPECT_EQ_INT(JOB_EV_CANCEL, decide(&r, &fresh).event);
}

// Nothing is counted: it was not begun.
static void test_skewed(void) {
    const struct {
        enum skew skew;
        enum job_event event;
        enum park_reason park;
        const char *code;
        bool drop;
    } rows[] = {
        {SKEW_PARK, JOB_EV_PARK, PARK_STATE_VERSION, NULL, false},
        {SKEW_PIN, JOB_EV_PARK, PARK_PIN_UNAVAILABLE, NULL, false},
        {SKEW_RESTART, JOB_EV_RELEASE, PARK_NONE, NULL, true},
        {SKEW_FAIL, JOB_EV_DIE, PARK_NONE, "state_version", false},
    };
    const struct job_counters c = {.attempts = 2, .executions = 5, .crashes = 1, .yields = 3};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct attempt_report r = {.end = ATTEMPT_SKEWED, .skew = rows[i].skew, .new_build = true};
        struct outcome o = outcome_decide(&r, &c, &policy, NOW + 77, SEED, NOW);
        EXPECT_EQ_INT(rows[i].event, o.event);
        EXPECT_EQ_INT(rows[i].park, o.park);
        EXPECT_EQ_INT(rows[i].park == PARK_NONE ? 0 : NOW + 77, o.run_at_ms);
        EXPECT_EQ_INT(rows[i].drop, o.drop_steps);
        if (rows[i].code == NULL) {
            EXPECT_NULL(o.code);
        } else {
            EXPECT_EQ_STR(rows[i].code, o.code);
        }
        EXPECT_EQ_BYTES(&c, sizeof c, &o.after, sizeof o.after);
        r.cancelled = JH_CANCEL_USER;
        o = outcome_decide(&r, &c, &policy, 0, SEED, NOW);
        EXPECT_EQ_INT(JOB_EV_CANCEL, o.event);
        EXPECT_FALSE(o.drop_steps);
    }
}

static void test_free_ends(void) {
    static const struct {
        enum attempt_end end;
        int executions;
    } rows[] = {{ATTEMPT_NEIGHBOUR, 1}, {ATTEMPT_UNSTARTED, 0}, {ATTEMPT_DRAINED, 1}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        for (uint32_t cancelled = 0; cancelled < 8; cancelled++) {
            struct attempt_report r = {.end = rows[i].end, .cancelled = cancelled};
            struct outcome o = decide(&r, &fresh);
            bool by_user = (cancelled & JH_CANCEL_USER) != 0;
            EXPECT_EQ_INT(by_user ? JOB_EV_CANCEL : JOB_EV_RELEASE, o.event);
            EXPECT_EQ_INT(0, o.after.attempts + o.after.crashes + o.after.yields);
            EXPECT_EQ_INT(rows[i].executions, o.after.executions);
        }
    }
}

// What each cancel makes of each status. R = released, C = cancelled, T = timed out, r = retried, d = dead, p = parked,
// S = succeeded, b = bug.
static void test_cancels(void) {
    static const char *const want[8] = {
        // OK RETRY FAIL YIELD CANCELLED 17      mask
        "SrdRbb", // none
        "SCCCCC", // USER
        "STTTTT", // DEADLINE
        "SCCCCC", // USER, DEADLINE
        "SRdRRR", // DRAIN
        "SCCCCC", // USER, DRAIN
        "STTTTT", // DEADLINE, DRAIN
        "SCCCCC", // all
    };
    static const jh_status statuses[] = {JH_OK, JH_RETRY, JH_FAIL, JH_YIELD, JH_CANCELLED, 17};
    for (uint32_t mask = 0; mask < 8; mask++) {
        for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
            struct attempt_report r =
                returned(statuses[i], statuses[i] == JH_FAIL ? JH_E_INPUT : JH_E_NONE);
            r.cancelled = mask;
            struct outcome o = decide(&r, &fresh);
            char got = o.event == JOB_EV_SUCCEED                          ? 'S'
                       : o.event == JOB_EV_CANCEL                         ? 'C'
                       : o.event == JOB_EV_RELEASE                        ? 'R'
                       : o.event == JOB_EV_DIE                            ? 'd'
                       : o.event == JOB_EV_RETRY && o.cls == JH_E_TIMEOUT ? 'T'
                       : o.event == JOB_EV_RETRY && o.cls == JH_E_BUG     ? 'b'
                       : o.event == JOB_EV_RETRY                          ? 'r'
                                                                          : '?';
            if (!EXPECT_EQ_INT(want[mask][i], got)) {
                (void)printf("    mask %u status %d\n", mask, (int)statuses[i]);
            }
        }
    }
}

static void test_waits(void) {
    static const struct {
        int32_t kind;
        int64_t wake_at_ms;
        enum job_event event;
        enum park_reason park;
        int64_t run_at_ms;
    } rows[] = {
        {JH_WAIT_NOW, 0, JOB_EV_RELEASE, PARK_NONE, 0},
        {JH_WAIT_NOW, NOW + 5, JOB_EV_RELEASE, PARK_NONE, 0},
        {JH_WAIT_UNTIL, NOW + 5, JOB_EV_PARK, PARK_TIME, NOW + 5},
        {JH_WAIT_UNTIL, NOW, JOB_EV_RELEASE, PARK_NONE, 0},
        {JH_WAIT_UNTIL, INT64_MIN, JOB_EV_RELEASE, PARK_NONE, 0},
        {JH_WAIT_EVENT, 0, JOB_EV_PARK, PARK_EVENT, 0},
        {JH_WAIT_EVENT, NOW + 9, JOB_EV_PARK, PARK_EVENT, NOW + 9},
        {JH_WAIT_CHILDREN, 0, JOB_EV_PARK, PARK_CHILDREN, 0},
        {JH_WAIT_LIMITER, 0, JOB_EV_PARK, PARK_LIMITER, 0},
        {OUTCOME_WAIT_OPERATOR, 0, JOB_EV_PARK, PARK_NEEDS_OPERATOR, 0},
        {OUTCOME_WAIT_OPERATOR, NOW + 9, JOB_EV_PARK, PARK_NEEDS_OPERATOR, NOW + 9},
        {OUTCOME_WAIT_OPERATOR + 1, 0, JOB_EV_RELEASE, PARK_NONE, 0},
        {99, NOW + 5, JOB_EV_RELEASE, PARK_NONE, 0},
        {-1, NOW + 5, JOB_EV_RELEASE, PARK_NONE, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct attempt_report r = returned(JH_YIELD, JH_E_NONE);
        r.wait_kind = rows[i].kind;
        r.wake_at_ms = rows[i].wake_at_ms;
        struct outcome o = decide(&r, &fresh);
        EXPECT_EQ_INT(rows[i].event, o.event);
        EXPECT_EQ_INT(rows[i].park, o.park);
        EXPECT_EQ_INT(rows[i].run_at_ms, o.run_at_ms);
        EXPECT_EQ_INT(0, o.after.attempts);
        EXPECT_EQ_INT(1, o.after.yields);
    }
}

static void test_max_yields(void) {
    struct job_counters c = {.yields = JOB_MAX_YIELDS - 1};
    struct attempt_report r = returned(JH_YIELD, JH_E_NONE);
    struct outcome o = decide(&r, &c);
    EXPECT_EQ_INT(JOB_EV_RELEASE, o.event);
    o = decide(&r, &o.after);
    EXPECT_EQ_INT(JOB_EV_DIE, o.event);
    EXPECT_EQ_STR("max_yields", o.code);
    EXPECT_EQ_INT(JOB_MAX_YIELDS, o.after.yields);
    r = returned(JH_YIELD, JH_E_RATE);
    EXPECT_EQ_STR("max_yields", decide(&r, &o.after).code);
}

// Whatever it waits for.
static void test_max_yields_of_waits(void) {
    static const int32_t kinds[] = {JH_WAIT_UNTIL, JH_WAIT_EVENT, JH_WAIT_CHILDREN, JH_WAIT_LIMITER,
                                    OUTCOME_WAIT_OPERATOR};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        struct job_counters c = {.yields = JOB_MAX_YIELDS - 1};
        struct attempt_report r = returned(JH_YIELD, JH_E_NONE);
        r.wait_kind = kinds[i];
        r.wake_at_ms = NOW + 1000;
        struct outcome o = decide(&r, &c);
        EXPECT_EQ_INT(JOB_EV_PARK, o.event);
        EXPECT_EQ_INT(JOB_MAX_YIELDS, o.after.yields);
        o = decide(&r, &o.after);
        EXPECT_EQ_INT(JOB_EV_DIE, o.event);
        EXPECT_EQ_STR("max_yields", o.code);
    }
}

static void test_deadline(void) {
    struct attempt_report r = returned(JH_RETRY, JH_E_NETWORK); // next start NOW + 1000
    EXPECT_EQ_INT(JOB_EV_RETRY, outcome_decide(&r, &fresh, &policy, NOW + 1000, SEED, NOW).event);
    struct outcome o = outcome_decide(&r, &fresh, &policy, NOW + 999, SEED, NOW);
    EXPECT_EQ_INT(JOB_EV_DIE, o.event);
    EXPECT_EQ_STR("deadline", o.code);
    EXPECT_EQ_INT(JH_E_NETWORK, o.cls);
    EXPECT_EQ_INT(1, o.after.attempts);

    r = returned(JH_YIELD, JH_E_NONE);
    r.wait_kind = JH_WAIT_UNTIL;
    r.wake_at_ms = NOW + 1000;
    EXPECT_EQ_INT(JOB_EV_PARK, outcome_decide(&r, &fresh, &policy, NOW + 1000, SEED, NOW).event);
    o = outcome_decide(&r, &fresh, &policy, NOW + 999, SEED, NOW);
    EXPECT_EQ_STR("deadline", o.code);
    EXPECT_EQ_INT(JH_E_TIMEOUT, o.cls);
    // an event may come before the deadline
    r.wait_kind = JH_WAIT_EVENT;
    o = outcome_decide(&r, &fresh, &policy, NOW + 999, SEED, NOW);
    EXPECT_EQ_INT(JOB_EV_PARK, o.event);
    EXPECT_EQ_INT(NOW + 999, o.run_at_ms);
    r.wake_at_ms = 0; // it would wait for ever
    EXPECT_EQ_INT(NOW + 999, outcome_decide(&r, &fresh, &policy, NOW + 999, SEED, NOW).run_at_ms);
    r.wake_at_ms = NOW + 5;
    EXPECT_EQ_INT(NOW + 5, outcome_decide(&r, &fresh, &policy, NOW + 999, SEED, NOW).run_at_ms);
}

static void test_limited(void) {
    struct attempt_report r = {.end = ATTEMPT_LIMITED, .wake_at_ms = NOW + 500};
    struct outcome o = outcome_decide(&r, &fresh, &policy, 0, SEED, NOW);
    EXPECT_EQ_INT(JOB_EV_PARK, o.event);
    EXPECT_EQ_INT(PARK_LIMITER, o.park);
    EXPECT_EQ_INT(NOW + 500, o.run_at_ms);
    EXPECT_EQ_INT(0, o.after.attempts + o.after.executions + o.after.yields);
    EXPECT_EQ_INT(NOW + 499, outcome_decide(&r, &fresh, &policy, NOW + 499, SEED, NOW).run_at_ms);
    r.cancelled = JH_CANCEL_USER;
    EXPECT_EQ_INT(JOB_EV_CANCEL, outcome_decide(&r, &fresh, &policy, 0, SEED, NOW).event);
}

// ---- what holds for every combination

static bool is_allowed_code(const char *code) {
    static const char *const codes[] = {"attempts_exhausted",
                                        "deadline",
                                        "quarantined",
                                        "max_yields",
                                        "timeout",
                                        "crash",
                                        "killed",
                                        "bad_status",
                                        "state_version"};
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        if (code == NULL || strcmp(code, codes[i]) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_timed(const struct outcome *o) {
    return o->event == JOB_EV_RETRY || (o->event == JOB_EV_PARK && o->park == PARK_TIME);
}

// The first rule that is broken, or NULL.
static const char *broken_rule(const struct attempt_report *r, const struct job_counters *b,
                               int64_t deadline_ms, const struct outcome *o) {
    const struct job_counters *a = &o->after;
    bool ok = r->end == ATTEMPT_RETURNED && r->status == JH_OK;
    bool by_user = !ok && (r->cancelled & JH_CANCEL_USER) != 0;
    const struct {
        bool holds;
        const char *rule;
    } rules[] = {
        {job_next_state(JOB_RUNNING, o->event) != -1 && o->event != JOB_EV_NONE, "event"},
        {ok == (o->event == JOB_EV_SUCCEED), "OK and only OK succeeds"},
        {by_user == (o->event == JOB_EV_CANCEL), "USER and only USER cancels"},
        {o->cls >= JH_E_NONE && o->cls <= JH_E_UNKNOWN, "class"},
        {is_allowed_code(o->code), "code"},
        {a->executions == b->executions + attempt_was_begun(r), "executions"},
        {a->attempts - b->attempts >= 0 && a->attempts - b->attempts <= 1, "attempts"},
        {a->crashes - b->crashes >= 0 && a->crashes - b->crashes <= 1, "crashes"},
        {a->resource - b->resource >= 0 && a->resource <= OUTCOME_RESOURCE_FREE, "resource"},
        {a->yields - b->yields >= 0 && a->yields <= JOB_MAX_YIELDS, "yields"},
        {a->lost == b->lost, "lost"},
        {o->event != JOB_EV_RELEASE || a->attempts == b->attempts, "a release is free"},
        {o->event != JOB_EV_RETRY || a->attempts < policy.max, "no retry beyond max"},
        {o->event != JOB_EV_RETRY || o->cls != JH_E_BUG || a->crashes < CRASHES_MAX,
         "no retry beyond the crashes"},
        {!is_timed(o) || o->run_at_ms > NOW, "a time that lies ahead"},
        {!is_timed(o) || deadline_ms == 0 || o->run_at_ms <= deadline_ms, "deadline"},
        {(o->event == JOB_EV_PARK) == (o->park != PARK_NONE), "a park has a reason"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        if (!rules[i].holds) {
            return rules[i].rule;
        }
    }
    return NULL;
}

static void check_one(const struct attempt_report *r, const struct job_counters *b,
                      int64_t deadline_ms) {
    struct outcome o = outcome_decide(r, b, &policy, deadline_ms, SEED, NOW);
    const char *broken = broken_rule(r, b, deadline_ms, &o);
    if (!EXPECT_NULL(broken)) {
        (void)printf("    %s: end %d status %d class %d mask %u wait %d attempts %d\n", broken,
                     (int)r->end, (int)r->status, (int)r->cls, r->cancelled, (int)r->wait_kind,
                     (int)b->attempts);
    }
}

static void check_counters(const struct attempt_report *r) {
    for (int bits = 0; bits < 1 << 4; bits++) {
        const struct job_counters b = {.attempts = bits & 1 ? policy.max - 1 : 0,
                                       .executions = 9,
                                       .crashes = bits & 2 ? CRASHES_MAX - 1 : 0,
                                       .resource = bits & 4 ? OUTCOME_RESOURCE_FREE : 0,
                                       .yields = bits & 8 ? JOB_MAX_YIELDS : 0,
                                       .lost = 2};
        check_one(r, &b, 0);
        check_one(r, &b, NOW + 1500);
        check_one(r, &b, NOW - 1);
    }
}

static void test_everything(void) {
    for (int end = ATTEMPT_RETURNED; end <= ATTEMPT_LIMITED; end++) {
        for (jh_status status = -1; status <= JH_CANCELLED + 1; status++) {
            for (jh_class cls = -1; cls <= JH_E_UNKNOWN + 1; cls++) {
                for (uint32_t mask = 0; mask < 8; mask++) {
                    for (int32_t wait = -1; wait <= JH_WAIT_LIMITER + 1; wait++) {
                        const struct attempt_report r = {.end = (enum attempt_end)end,
                                                         .status = status,
                                                         .cls = cls,
                                                         .cancelled = mask,
                                                         .retry_after_ms = wait == 1 ? 1000 : 0,
                                                         .wait_kind = wait,
                                                         .wake_at_ms = NOW + 1200};
                        check_counters(&r);
                    }
                }
            }
        }
    }
}

static const struct expect_test tests[] = {
    {"the class table", test_class_table},
    {"OK wins over every cancel", test_ok},
    {"failures by class", test_failures},
    {"failures without a class", test_without_class},
    {"values from nowhere are bugs", test_bad_values},
    {"when it runs again", test_delays},
    {"each class by its own rule", test_classes},
    {"RATE parks as long as it was told", test_rate},
    {"RESOURCE is free three times", test_resource},
    {"three crashes are a quarantine", test_crashes},
    {"too much on the disk", test_over_disk},
    {"a stall is a hang", test_stalled},
    {"crashes are counted by build", test_crashes_of_another_build},
    {"neighbours, drains and returns unstarted are free", test_free_ends},
    {"steps that the handler does not resume", test_skewed},
    {"every cancel with every status", test_cancels},
    {"yields by what they wait for", test_waits},
    {"yields are limited", test_max_yields},
    {"as many yields as a job has, whatever it waits for", test_max_yields_of_waits},
    {"nothing starts past the deadline", test_deadline},
    {"a limiter without a slot", test_limited},
    {"every combination keeps the rules", test_everything},
};
SUITE_MAIN("outcome", tests)
