// What requests are counted by: routes up to their limit, classes of statuses, ranges of time, the server's refusals.
#include "api/http_stats.h"

#include "api/call.h"
#include "api/routes.h"
#include "expect.h"
#include "net/server.h"

static struct http_stats s;

static void clear(void) {
    memset(&s, 0, sizeof s);
}

/* Routes beyond the limit are counted together; their pointers are all that is looked at. */
static void test_routes(void) {
    static const char routes[HTTP_STATS_ROUTES + 1];
    clear();
    for (size_t i = 0; i < HTTP_STATS_ROUTES + 1; i++) {
        http_stats_answered(&s, (const struct route *)(const void *)&routes[i], 200, 5);
        http_stats_answered(&s, (const struct route *)(const void *)&routes[i], 503, 5);
    }
    EXPECT_EQ_UINT(HTTP_STATS_ROUTES, s.route_count);
    EXPECT_EQ_UINT(1, s.routes[HTTP_STATS_ROUTES - 1].by_class[2]);
    EXPECT_EQ_UINT(1, s.routes[0].by_class[5]);
    EXPECT_EQ_UINT(1, s.other.by_class[2]);
    http_stats_answered(&s, NULL, 404, 5);
    EXPECT_EQ_UINT(1, s.other.by_class[4]);
    EXPECT_EQ_UINT(3, histogram_total(&s.other.latency, &histogram_latencies));
}

/* What is no status at all must not be counted outside of the array. */
static void test_classes(void) {
    static const struct {
        int status;
        unsigned class;
    } rows[] = {{100, 1}, {199, 1},  {200, 2}, {299, 2},  {304, 3},       {404, 4},
                {499, 4}, {500, 5},  {599, 5}, {600, 5},  {99, 5},        {0, 5},
                {-1, 5},  {-200, 5}, {999, 5}, {1000, 5}, {INT32_MAX, 5}, {INT32_MIN, 5}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        clear();
        http_stats_answered(&s, NULL, rows[i].status, 0);
        for (unsigned class = 0; class < HTTP_STATUS_CLASSES; class ++) {
            EXPECT_EQ_UINT(class == rows[i].class, s.other.by_class[class]);
        }
    }
}

/* A time on the bound of a range is in it, one more is in the next; the last range takes all. */
static void test_times(void) {
    const struct histogram_scale *scale = &histogram_latencies;
    for (size_t i = 0; i < scale->count; i++) {
        clear();
        http_stats_answered(&s, NULL, 200, (int64_t)scale->bounds[i]);
        http_stats_answered(&s, NULL, 200, (int64_t)scale->bounds[i] + 1);
        EXPECT_EQ_UINT(1, s.other.latency.counts[i]);
        EXPECT_EQ_UINT(1, s.other.latency.counts[i + 1]);
        EXPECT_EQ_UINT(2 * scale->bounds[i] + 1, s.other.latency.sum);
    }
    clear();
    http_stats_answered(&s, NULL, 200, -5); // a clock that was set back
    http_stats_answered(&s, NULL, 200, INT64_MAX);
    EXPECT_EQ_UINT(1, s.other.latency.counts[0]);
    EXPECT_EQ_UINT(1, s.other.latency.counts[scale->count]);
}

static void test_watch(void) {
    static const struct route route = {.method = "GET", .pattern = "/x"};
    struct call known = {.route = &route}, unknown = {.route = NULL};
    struct request with_route = {.context = &known}, without = {.context = &unknown}, never = {0};
    struct server_watch watch;
    clear();
    http_stats_watch(&s, &watch);
    watch.answered(watch.arg, &with_route, 200, 1);
    watch.answered(watch.arg, &without, 404, 1);
    watch.answered(watch.arg, &never, 503, 1); // answered before it was handled
    EXPECT_EQ_UINT(1, s.route_count);
    EXPECT_TRUE(s.routes[0].route == &route);
    EXPECT_EQ_UINT(1, s.other.by_class[4]);
    EXPECT_EQ_UINT(1, s.other.by_class[5]);
    watch.connected(watch.arg);
    watch.connected(watch.arg);
    EXPECT_EQ_UINT(2, s.connections);
}

static void test_refusals(void) {
    static char words[STATS_WORDS_MAX + 1][8];
    struct server_watch watch;
    clear();
    http_stats_watch(&s, &watch);
    for (int i = 0; i < STATS_WORDS_MAX + 1; i++) {
        (void)snprintf(words[i], sizeof words[i], "w%d", i);
        watch.refused(watch.arg, words[i]);
        EXPECT_EQ_UINT(i < STATS_WORDS_MAX ? 0 : 1, s.refused.other);
    }
    watch.refused(watch.arg, words[0]);
    EXPECT_EQ_UINT(STATS_WORDS_MAX, s.refused.count);
    EXPECT_EQ_UINT(2, s.refused.items[0].count);
    EXPECT_EQ_UINT(1, s.refused.items[STATS_WORDS_MAX - 1].count);
}

static const struct expect_test tests[] = {
    {"routes at their limit and one more", test_routes},
    {"classes of statuses", test_classes},
    {"ranges of time", test_times},
    {"what the server reports", test_watch},
    {"refusals at their limit and one more", test_refusals},
};

SUITE_MAIN("http stats", tests)
