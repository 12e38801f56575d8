#include "core/evaluate.h"

#include "base/bytes.h"
#include "expect.h"

#define NOW INT64_C(1795254000000)

// A job that nothing stops.
static struct job_facts free_job(void) {
    return (struct job_facts){.state = JOB_QUEUED,
                              .type = "crawl.page",
                              .queue = "crawl",
                              .has_handler = true,
                              .pool = "crawl",
                              .pool_slots = 2};
}

static void test_nothing_stops(void) {
    struct job_facts f = free_job();
    struct reason r;
    EXPECT_EQ_UINT(0, evaluate(&f, NOW, &r, 1));
    EXPECT_TRUE(evaluate_may_start(&f));
    f.queue_limit = 3;
    f.queue_running = 2;
    f.pool_busy = 1;
    f.ahead = -1;
    EXPECT_TRUE(evaluate_may_start(&f));
}

static void expect_reason(struct job_facts f, enum reason_code code, int64_t clears_at_ms,
                          const char *says) {
    struct reason r = {.code = REASON_COUNT};
    EXPECT_EQ_UINT(1, evaluate(&f, NOW, &r, 1));
    EXPECT_EQ_STR(reason_code_name(code), reason_code_name(r.code));
    EXPECT_EQ_INT(clears_at_ms, r.clears_at_ms);
    EXPECT_CONTAINS(says, r.detail);
    EXPECT_FALSE(evaluate_may_start(&f));
}

static void test_each_reason(void) {
    struct job_facts f = free_job();
    f.state = JOB_DEAD;
    expect_reason(f, REASON_FINISHED, 0, "dead");
    f.state = JOB_RUNNING;
    expect_reason(f, REASON_RUNNING, 0, "runs");
    f.state = JOB_SCHEDULED;
    f.run_at_ms = NOW + 90000;
    expect_reason(f, REASON_DUE_LATER, NOW + 90000, "2026-11-21T09:41:30.000Z, in 90s");
    f.run_at_ms = NOW;
    expect_reason(f, REASON_DUE_LATER, 0, "about to be queued");
    f.state = JOB_PARKED;
    f.park = PARK_TIME;
    f.run_at_ms = NOW + 1;
    expect_reason(f, REASON_DUE_LATER, NOW + 1, "in 1s");

    f = free_job();
    f.store_fault = "disk full";
    expect_reason(f, REASON_STORE, 0, "disk full");
    f = free_job();
    f.draining = true;
    expect_reason(f, REASON_DRAINING, 0, "shutting down");
    f = free_job();
    f.pause[GATE_HOST].on = true;
    expect_reason(f, REASON_SAFE_MODE, 0, "--safe");
    f = free_job();
    f.ahead = 1;
    expect_reason(f, REASON_BEHIND, 0,
                  "up to 1 other job of queue \"crawl\" and type \"crawl.page\" ");
    f.ahead = 12;
    expect_reason(f, REASON_BEHIND, 0, "up to 12 other jobs of queue \"crawl\" and type");
    f = free_job();
    f.tenants = 1;
    expect_reason(
        f, REASON_TENANT_SHARE, 0,
        "jobs without \"user\" take turns with those of up to 1 tenant of queue \"crawl\"");
    f.tenant = "acme";
    f.tenants = 9;
    expect_reason(f, REASON_TENANT_SHARE, 0,
                  "jobs of \"acme\" take turns with those of up to 9 other "
                  "tenants of queue \"crawl\" and type \"crawl.page\"");
}

static void test_paused(void) {
    struct job_facts f = free_job();
    f.pause[GATE_QUEUE].on = true;
    expect_reason(f, REASON_QUEUE_PAUSED, 0, "paused by somebody at an unknown time: no reason");
    f.pause[GATE_QUEUE] = (struct job_pause){true, "ann", "the site is down", NOW};
    expect_reason(
        f, REASON_QUEUE_PAUSED, 0,
        "queue \"crawl\" was paused by ann at 2026-11-21T09:40:00.000Z: the site is down");
    f = free_job();
    f.pause[GATE_PLUGIN] = (struct job_pause){true, "ann", "it leaks", NOW};
    expect_reason(f, REASON_PLUGIN_PAUSED, 0, "plugin \"crawl\" was paused by ann at 2026");
    f = free_job();
    f.pause[GATE_HOST] = (struct job_pause){true, "ann", "a look", NOW};
    expect_reason(f, REASON_SAFE_MODE, 0, "this host was paused by ann at 2026");
}

static void test_disk(void) {
    struct job_facts f = free_job();
    f.disk_max = 1 << 20;
    EXPECT_TRUE(evaluate_may_start(&f));
    f.disk_bytes = (1 << 20) + 1;
    expect_reason(
        f, REASON_DISK, 0,
        "plugin \"crawl\" keeps 1048577 bytes in its data folder, more than its max_disk of 1MiB");
}

static void test_released_slowly(void) {
    static const char *const words[] = {"this host starts 50/s: 12 of", "its plugin starts 50/s",
                                        "its queue starts 50/s"};
    for (int of = 0; of < GATE_SCOPES; of++) {
        struct job_facts f = free_job();
        f.release = (struct job_release){true, (enum gate_scope)of, {50, 1000}, 12, NOW + 240};
        expect_reason(f, REASON_RELEASED_SLOWLY, NOW + 240, words[of]);
        f.release.over_ms = NOW - 1;
        expect_reason(f, REASON_RELEASED_SLOWLY, 0, words[of]);
    }
}

static void test_limited(void) {
    struct job_facts f = free_job();
    f.limited = true;
    (void)snprintf(f.limiter, sizeof f.limiter, "discogs:ann");
    f.limiter_part = LIMITER_PART_WINDOW;
    f.limiter_until_ms = NOW + 30000;
    expect_reason(f, REASON_LIMITER, NOW + 30000, "limiter \"discogs:ann\" has no slot before ");
    expect_reason(f, REASON_LIMITER, NOW + 30000, ": its window is full");
    f.state = JOB_RUNNING; // claimed, and not let through yet
    expect_reason(f, REASON_LIMITER, NOW + 30000, "its window is full");
    f.limiter_until_ms = 0;
    f.limiter_part = LIMITER_PART_NONE;
    expect_reason(f, REASON_LIMITER, 0, "limiter \"discogs:ann\": others come first");
}

static void test_parked(void) {
    for (int park = 0; park < PARK_REASON_COUNT; park++) {
        struct job_facts f = free_job();
        f.state = JOB_PARKED;
        f.park = (enum park_reason)park;
        if (park != PARK_TIME) {
            expect_reason(f, REASON_PARKED, 0, " ");
        }
    }
    struct job_facts f = free_job();
    f.state = JOB_PARKED;
    f.park = PARK_EVENT;
    f.wait_key = "paid";
    f.run_at_ms = NOW + 5;
    expect_reason(f, REASON_PARKED, NOW + 5, "event \"paid\"");
    f.parked_ms = 1700000000000;
    expect_reason(f, REASON_PARKED, NOW + 5, "event \"paid\", since 2023-11-14T22:13:20.000Z");
    f.no_room_ms = 1700000000000;
    struct reason both[2];
    EXPECT_EQ_UINT(2, evaluate(&f, NOW, both, 2));
    EXPECT_EQ_STR("budget_full", reason_code_name(both[1].code));
    EXPECT_CONTAINS("store.budget.jobs had no room for the next one at 2023-11-14T22:13:20.000Z",
                    both[1].detail);
    f.park = PARK_NEEDS_OPERATOR;
    f.question = "Was it charged?";
    expect_reason(f, REASON_PARKED, NOW + 5,
                  "operator's answer, since 2023-11-14T22:13:20.000Z: Was it charged?");
    f.park = PARK_CHILDREN;
    f.wait_key = f.question = NULL;
    f.children = 10;
    f.children_open = 3;
    expect_reason(f, REASON_PARKED, NOW + 5, "20.000Z; 3 of 10 are open");
    f.wait_job = "0198c1a2-0000-7000-8000-000000000001";
    expect_reason(f, REASON_PARKED, NOW + 5,
                  "3 of 10 are open, one of them: 0198c1a2-0000-7000-8000-000000000001");
}

static void test_no_handler(void) {
    struct job_facts f = free_job();
    f.has_handler = false;
    f.pool = NULL;
    f.pool_slots = 0;
    expect_reason(f, REASON_NO_HANDLER, 0, "no loaded plugin has a handler for \"crawl.page\"");
    f.shared = true;
    expect_reason(f, REASON_NO_HANDLER, 0,
                  "of this host has a handler for \"crawl.page\"; it is left to other hosts");
    f.handler_fault = "undefined symbol";
    expect_reason(f, REASON_NO_HANDLER, 0, "is not up: undefined symbol");
    f.pool = "crawl";
    expect_reason(f, REASON_NO_HANDLER, 0, "plugin \"crawl\", which has");
}

static void test_no_slot(void) {
    struct job_facts f = free_job();
    f.queue_limit = 3;
    f.queue_running = 3;
    expect_reason(f, REASON_NO_SLOT, 0, "runs 3 jobs and its concurrency is 3");
    f = free_job();
    f.pool_busy = 2;
    expect_reason(f, REASON_NO_SLOT, 0, "2 of 2 threads busy");
    f.pool_slots = 0;
    f.pool_busy = 0;
    expect_reason(f, REASON_NO_SLOT, 0, "ready yet");
}

static void test_order_and_cap(void) {
    struct job_facts f = free_job();
    f.state = JOB_SCHEDULED;
    f.run_at_ms = NOW + 1;
    f.store_fault = "x";
    f.draining = true;
    f.pause[GATE_QUEUE].on = true;
    f.has_handler = false;
    f.queue_limit = 1;
    f.queue_running = 1;
    static const enum reason_code want[] = {REASON_STORE,      REASON_DRAINING,
                                            REASON_DUE_LATER,  REASON_QUEUE_PAUSED,
                                            REASON_NO_HANDLER, REASON_NO_SLOT};
    struct reason r[8];
    EXPECT_EQ_UINT(6, evaluate(&f, NOW, r, 8));
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        EXPECT_EQ_INT(want[i], r[i].code);
    }
    r[2].code = REASON_COUNT;
    EXPECT_EQ_UINT(6, evaluate(&f, NOW, r, 2));
    EXPECT_EQ_INT(REASON_COUNT, r[2].code);
    EXPECT_EQ_UINT(6, evaluate(&f, NOW, NULL, 0));
    // what has ended or runs has no further reasons
    f.state = JOB_SUCCEEDED;
    EXPECT_EQ_UINT(1, evaluate(&f, NOW, r, 8));
    f.state = JOB_RUNNING;
    EXPECT_EQ_UINT(1, evaluate(&f, NOW, r, 8));
}

// The dispatcher and explain never disagree: over all combinations of what can stop a job.
static void test_one_rule(void) {
    for (unsigned bits = 0; bits < 1u << 15; bits++) {
        struct job_facts f = free_job();
        f.state = (enum job_state)(bits & 7);
        f.park = bits & 1 ? PARK_TIME : PARK_EVENT;
        f.store_fault = bits & 8 ? "x" : NULL;
        f.draining = (bits & 16) != 0;
        f.pause[GATE_QUEUE].on = (bits & 32) != 0;
        f.pause[GATE_PLUGIN].on = (bits & 4096) != 0;
        f.pause[GATE_HOST].on = (bits & 8192) != 0;
        f.release.on = (bits & 16384) != 0;
        f.release.rate = (struct pace_rate){1, 1000};
        f.has_handler = (bits & 64) != 0;
        f.queue_limit = bits & 128 ? 2 : 0;
        f.queue_running = bits & 256 ? 2 : 1;
        f.pool_busy = bits & 512 ? 2 : 1;
        f.ahead = bits & 1024 ? 5 : 0;
        f.run_at_ms = bits & 2048 ? NOW + 5 : NOW - 5;
        struct reason r[REASON_COUNT];
        unsigned count = evaluate(&f, NOW, r, REASON_COUNT);
        EXPECT_EQ_INT(count == 0, evaluate_may_start(&f));
        EXPECT_TRUE(count <= REASON_COUNT);
        for (unsigned i = 0; i < count; i++) {
            EXPECT_TRUE(r[i].detail[0] != '\0' && reason_code_name(r[i].code) != NULL);
        }
    }
}

static void test_long_names(void) {
    char name[1000];
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    struct job_facts f = free_job();
    f.store_fault = name;
    struct reason r;
    EXPECT_EQ_UINT(1, evaluate(&f, NOW, &r, 1));
    EXPECT_EQ_UINT(sizeof r.detail - 1, strlen(r.detail));
}

static void test_names(void) {
    for (int code = 0; code < REASON_COUNT; code++) {
        EXPECT_TRUE(reason_code_name((enum reason_code)code) != NULL);
    }
    EXPECT_EQ_STR("queue_paused", reason_code_name(REASON_QUEUE_PAUSED));
    EXPECT_NULL(reason_code_name(REASON_COUNT));
}

static void expect_words(struct job_facts f, const char *words) {
    struct reason r = {.code = REASON_COUNT};
    EXPECT_EQ_UINT(1, evaluate(&f, NOW, &r, 1));
    EXPECT_EQ_INT(REASON_PARKED, r.code);
    EXPECT_EQ_STR(words, r.detail);
}

// Both versions, as they are now and not as they were when it was parked.
static void test_steps(void) {
    struct skew_handler h = {.version = 3, .oldest = 3};
    struct job_facts f = free_job();
    f.state = JOB_PARKED;
    f.park = PARK_STATE_VERSION;
    f.steps_version = 1;
    f.resumes = &h;
    expect_words(f, "its steps were written by version 1, plugin \"crawl\" has 3");
    h.oldest = 2;
    expect_words(
        f, "its steps were written by version 1, plugin \"crawl\" has 3 and resumes those since 2");
    f.state_policy = SKEW_POLICY_RESTART;
    expect_words(f, "its steps were written by version 1, plugin \"crawl\" has 3 and resumes those "
                    "since 2; state_policy is restart, but the handler does not allow that");
    h.oldest = 1;
    expect_words(f, "its steps were written by version 1, plugin \"crawl\" has 3 and resumes those "
                    "since 1: it is about to go on");
    f.park = PARK_PIN_UNAVAILABLE;
    expect_words(f, "the host or build it is tied to is not there, or has enough to do: its steps "
                    "are of version 1");
    f.steps_version = 0; // of an older store: not known
    f.park = PARK_STATE_VERSION;
    expect_words(f, "its steps were written by other code than is loaded now");
    f.steps_version = 1;
    f.resumes = NULL;
    f.has_handler = false;
    struct reason r[2];
    EXPECT_EQ_UINT(2, evaluate(&f, NOW, r, 2));
    EXPECT_EQ_STR("its steps were written by version 1, and no loaded plugin has its handler",
                  r[0].detail);
    EXPECT_EQ_INT(REASON_NO_HANDLER, r[1].code);
}

static const struct expect_test tests[] = {
    {"nothing stops a free job", test_nothing_stops},
    {"each reason by itself", test_each_reason},
    {"paused queues name who and why", test_paused},
    {"steps of another version", test_steps},
    {"a plugin that keeps too much", test_disk},
    {"released slowly, until when", test_released_slowly},
    {"a limiter without a slot", test_limited},
    {"parked jobs name what for", test_parked},
    {"no handler", test_no_handler},
    {"no slot", test_no_slot},
    {"the most decisive reason comes first", test_order_and_cap},
    {"dispatcher and explain agree", test_one_rule},
    {"long texts are cut", test_long_names},
    {"codes have names", test_names},
};
SUITE_MAIN("evaluate", tests)
