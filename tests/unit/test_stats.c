// What is counted under which name, and that no user can make more names than there is room for.
#include "supervisor/stats.h"

#include <errno.h>

#include "expect.h"
#include "store/events.h"

static void test_series(void) {
    struct stats *stats = stats_new();
    struct stats_series *a = stats_series(stats, "q", "t");
    EXPECT_EQ_STR("q", a->queue);
    EXPECT_EQ_STR("t", a->type);
    EXPECT_TRUE(stats_series(stats, "q", "t") == a);
    struct stats_series *b = stats_series(stats, "q", "u");
    EXPECT_TRUE(b != a);
    EXPECT_TRUE(stats_series(stats, "q", "t") == a);
    EXPECT_EQ_UINT(2, stats->series_count);
    stats_free(&stats);
    EXPECT_NULL(stats);
    stats_free(&stats);
}

static void test_series_limit(void) {
    struct stats *stats = stats_new();
    char name[32];
    for (int i = 0; i < STATS_SERIES_MAX; i++) {
        (void)snprintf(name, sizeof name, "q%d", i);
        EXPECT_EQ_STR(name, stats_series(stats, name, "t")->queue);
    }
    EXPECT_EQ_UINT(STATS_SERIES_MAX, stats->series_count);
    struct stats_series *other = stats_series(stats, "one-more", "t");
    EXPECT_TRUE(other == &stats->other);
    EXPECT_EQ_STR("other", other->queue);
    EXPECT_EQ_STR("other", other->type);
    EXPECT_EQ_STR("q0", stats_series(stats, "q0", "t")->queue); // those that are there stay
    EXPECT_EQ_UINT(STATS_SERIES_MAX, stats->series_count);
    stats_free(&stats);
}

/* A user's queue "other" with a type "other" must not become a second series of that name. */
static void test_series_other(void) {
    struct stats *stats = stats_new();
    EXPECT_TRUE(stats_series(stats, "q", "t") != &stats->other);
    EXPECT_TRUE(stats_series(stats, "other", "other") == &stats->other);
    EXPECT_TRUE(stats_series(stats, "other", "t") != &stats->other);
    char long_name[300];
    memset(long_name, 'x', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    EXPECT_TRUE(stats_series(stats, long_name, "t") == &stats->other);
    EXPECT_EQ_UINT(2, stats->series_count);
    stats_free(&stats);
}

static void test_words(void) {
    static char names[STATS_WORDS_MAX + 1][16];
    struct stats_words words = {.count = 0};
    for (int i = 0; i < STATS_WORDS_MAX; i++) {
        (void)snprintf(names[i], sizeof names[i], "w%d", i);
        stats_word(&words, names[i]);
    }
    stats_word(&words, "w3"); // another address, the same word
    EXPECT_EQ_UINT(STATS_WORDS_MAX, words.count);
    EXPECT_EQ_UINT(2, words.items[3].count);
    EXPECT_EQ_UINT(0, words.other);
    stats_word(&words, "one more");
    EXPECT_EQ_UINT(1, words.other);
    EXPECT_EQ_UINT(STATS_WORDS_MAX, words.count);
}

static void test_submits(void) {
    struct stats *stats = stats_new();
    struct job_spec a = {.queue = "q", .type = "a"}, b = {.queue = "q", .type = "b"};
    struct store_submit_item items[] = {
        {.spec = &a, .verdict = SUBMIT_NEW},
        {.spec = &a, .verdict = SUBMIT_NEW},
        {.spec = &b, .verdict = SUBMIT_DUPLICATE},
        {.spec = &b, .verdict = SUBMIT_REFUSED, .status = -EEXIST},
        {.spec = &b, .verdict = SUBMIT_NEW, .status = -ENOTSUP},
        {.spec = &b, .verdict = SUBMIT_REPEATED}, // was counted when it came first
    };
    struct store_submit submit = {
        .op = {.kind = STORE_SUBMIT}, .items = items, .count = ARRAY_LEN(items)};
    stats_store_answered(stats, &submit.op, 10);
    EXPECT_EQ_UINT(2, stats_series(stats, "q", "a")->submitted);
    EXPECT_EQ_UINT(0, stats_series(stats, "q", "b")->submitted);
    EXPECT_EQ_UINT(1, stats_series(stats, "q", "b")->duplicates);
    submit.op.status = -EROFS; // no item's fate is known
    stats_store_answered(stats, &submit.op, 10);
    EXPECT_EQ_UINT(2, stats_series(stats, "q", "a")->submitted);
    EXPECT_EQ_UINT(2, stats->store[STORE_SUBMIT].count);
    EXPECT_EQ_UINT(1, stats->store[STORE_SUBMIT].errors);
    stats_free(&stats);
}

static void test_ends(void) {
    struct stats *stats = stats_new();
    struct store_move_item items[] = {{.state = JOB_CANCELLED},
                                      {.state = JOB_RUNNING}, // asked to stop
                                      {.state = JOB_CANCELLED, .status = -EBUSY},
                                      {.state = JOB_QUEUED}};
    struct store_move move = {.op = {.kind = STORE_MOVE}, .items = items, .count = 4};
    struct store_claim claim = {.op = {.kind = STORE_CLAIM}, .ended_count = 3};
    stats_store_answered(stats, &move.op, 0);
    stats_store_answered(stats, &claim.op, 0);
    EXPECT_EQ_UINT(1, stats->ended_waiting[JOB_CANCELLED]);
    EXPECT_EQ_UINT(3, stats->ended_waiting[JOB_DEAD]);
    EXPECT_EQ_UINT(0, stats->ended_waiting[JOB_RUNNING]);
    stats_free(&stats);
}

static void test_events(void) {
    struct stats *stats = stats_new();
    struct store_event_item items[] = {{.status = 0},
                                       {.status = -EEXIST},
                                       {.status = -ENOBUFS},
                                       {.status = -EDQUOT},
                                       {.status = 0}};
    struct store_event_put put = {
        .op = {.kind = STORE_EVENT_PUT}, .items = items, .count = ARRAY_LEN(items)};
    struct store_forward forward = {
        .op = {.kind = STORE_FORWARD}, .delivered = 7, .woken = 3}; // some only looked
    stats_store_answered(stats, &put.op, 0);
    stats_store_answered(stats, &forward.op, 0);
    stats_store_answered(stats, &forward.op, 0);
    EXPECT_EQ_UINT(2, stats->events_told);
    EXPECT_EQ_UINT(3, stats->events_refused.count);
    EXPECT_EQ_STR("duplicate", stats->events_refused.items[0].word);
    EXPECT_EQ_STR("event_backlog", stats->events_refused.items[1].word);
    EXPECT_EQ_STR("events_full", stats->events_refused.items[2].word);
    EXPECT_EQ_UINT(6, stats->event_wakes);
    put.op.status = -EROFS; // no item's fate is known
    stats_store_answered(stats, &put.op, 0);
    EXPECT_EQ_UINT(2, stats->events_told);
    stats_free(&stats);
}

// Those that others took the keys of.
static void test_replaced(void) {
    struct stats *stats = stats_new();
    struct job_spec spec = {.queue = "q", .type = "a"};
    struct store_submit_item items[] = {
        {.spec = &spec, .replaced = {{1}}, .replaced_state = JOB_CANCELLED},
        {.spec = &spec, .replaced = {{2}}, .replaced_state = JOB_RUNNING}, // asked to stop
        {.spec = &spec},
    };
    struct store_submit submit = {
        .op = {.kind = STORE_SUBMIT}, .items = items, .count = ARRAY_LEN(items)};
    stats_store_answered(stats, &submit.op, 0);
    EXPECT_EQ_UINT(1, stats->ended_waiting[JOB_CANCELLED]);
    EXPECT_EQ_UINT(0, stats->ended_waiting[JOB_RUNNING]);
    EXPECT_EQ_UINT(0, stats->ended_waiting[0]);
    stats_free(&stats);
}

static void test_operations(void) {
    struct stats *stats = stats_new();
    struct store_op op = {.kind = STORE_GET, .group = 4};
    stats_store_answered(stats, &op, 700);
    op.status = -ENOENT; // an answer like any other
    op.group = 0;
    stats_store_answered(stats, &op, 700);
    EXPECT_EQ_UINT(2, stats->store[STORE_GET].count);
    EXPECT_EQ_UINT(0, stats->store[STORE_GET].errors);
    EXPECT_EQ_UINT(1400, stats->store[STORE_GET].latency.sum);
    EXPECT_EQ_UINT(1, histogram_total(&stats->groups, &histogram_sizes));
    EXPECT_EQ_UINT(4, stats->groups.sum);
    for (int kind = 0; kind < STORE_OP_KINDS; kind++) {
        EXPECT_TRUE(stats_store_name((enum store_op_kind)kind) != NULL);
    }
    EXPECT_NULL(stats_store_name(STORE_OP_KINDS));
    stats_free(&stats);
}

static const struct expect_test tests[] = {
    {"one series a lane", test_series},
    {"series at their limit and one more", test_series_limit},
    {"a lane that is named as the shared series", test_series_other},
    {"words at their limit and one more", test_words},
    {"submissions", test_submits},
    {"events", test_events},
    {"jobs that end before a thread has them", test_ends},
    {"jobs that were replaced before they began", test_replaced},
    {"operations of the store", test_operations},
};

SUITE_MAIN("stats", tests)
