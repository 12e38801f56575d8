#include "core/limiter_headers.h"

#include "expect.h"

#define NOW INT64_C(1795254000000) /* 2026-11-21T09:40:00Z */

static void test_names(void) {
    static const struct {
        const char *name;
        enum limiter_header header;
    } rows[] = {
        {"Retry-After", LIMITER_HEADER_RETRY_AFTER},
        {"retry-after", LIMITER_HEADER_RETRY_AFTER},
        {"Retry-After-Ms", LIMITER_HEADER_OTHER},
        {"X-RateLimit-Remaining", LIMITER_HEADER_REMAINING},
        {"X-Discogs-Ratelimit-Remaining", LIMITER_HEADER_REMAINING},
        {"x-ratelimit-remaining-requests", LIMITER_HEADER_REMAINING},
        {"RateLimit-Remaining", LIMITER_HEADER_REMAINING},
        {"X-Rate-Limit-Reset", LIMITER_HEADER_RESET},
        {"Burst-RateLimit-Reset", LIMITER_HEADER_RESET},
        {"X-Discogs-Ratelimit", LIMITER_HEADER_LIMIT},
        {"X-RateLimit-Limit", LIMITER_HEADER_LIMIT},
        {"X-Discogs-Ratelimit-Used", LIMITER_HEADER_OTHER},
        {"RateLimit-Policy", LIMITER_HEADER_OTHER},
        {"Content-Length", LIMITER_HEADER_OTHER},
        {"", LIMITER_HEADER_OTHER},
        {"limi", LIMITER_HEADER_OTHER},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        EXPECT_EQ_INT(rows[i].header, limiter_header_of(bytes_of(rows[i].name)));
    }
}

static void test_counts(void) {
    static const struct {
        const char *text;
        int64_t want;
    } rows[] = {
        {"0", 0},
        {"59", 59},
        {" 59\r", 59},
        {"59.9", 59},
        {"100, 100;w=60", 100},
        {"10;w=1", 10},
        {"1000000000", LIMITER_RATE_MAX},
        {"1000000001", LIMITER_RATE_MAX},
        {"99999999999999999999999999999999999999", LIMITER_RATE_MAX},
        {"", -1},
        {"-1", -1},
        {"+1", -1},
        {"0x10", -1},
        {"1e3", -1},
        {"many", -1},
        {"5 6", -1},
        {"limit=5", -1},
        {"nan", -1},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct limiter_hint h = LIMITER_HINT_NONE;
        limiter_header_add(&h, LIMITER_HEADER_REMAINING, bytes_of(rows[i].text), NOW);
        limiter_header_add(&h, LIMITER_HEADER_LIMIT, bytes_of(rows[i].text), NOW);
        if (!EXPECT_EQ_INT(rows[i].want, h.remaining) || !EXPECT_EQ_INT(rows[i].want, h.limit)) {
            (void)fprintf(stderr, "\"%s\"\n", rows[i].text);
        }
    }
    struct limiter_hint h = LIMITER_HINT_NONE;
    limiter_header_add(&h, LIMITER_HEADER_REMAINING, (struct bytes){"5\0006", 3}, NOW);
    EXPECT_EQ_INT(-1, h.remaining);
}

static void test_times(void) {
    static const struct {
        const char *text;
        int64_t want;
    } rows[] = {
        {"0", 0},
        {"30", 30000},
        {"1.5", 1500},
        {"1.0005", 1000},
        {"999999999", LIMITER_HEADER_SPAN_MAX_MS},
        {"1795254010", 10000},
        {"1795254010.25", 10250},
        {"1795254010250", 10250},
        {"1795253999", 0},
        {"1795253999999", 0},
        {"6m0s", 360000},
        {"1h1m1.5s", 3661500},
        {"250ms", 250},
        {"1500us", 1},
        {"2000000ns", 2},
        {"99999999999999h", LIMITER_HEADER_SPAN_MAX_MS},
        {"2026-11-21T09:40:10Z", 10000},
        {"2026-11-21T10:40:10+01:00", 10000},
        {"Sat, 21 Nov 2026 09:40:10 GMT", 10000},
        {"Sun, 06 Nov 1994 08:49:37 GMT", 0},
        {"Sat, 21 Foo 2026 09:40:10 GMT", -1},
        {"Sat, 21 Nov 2026 09:40:10 CET", -1},
        {"Sat, 41 Nov 2026 09:40:10 GMT", -1},
        {"Sat, 2\n Nov 2026 09:40:10 GMT", -1},
        {"", -1},
        {"-5", -1},
        {"5x", -1},
        {"5s5", -1},
        {"s", -1},
        {"soon", -1},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct limiter_hint h = LIMITER_HINT_NONE;
        limiter_header_add(&h, LIMITER_HEADER_RESET, bytes_of(rows[i].text), NOW);
        limiter_header_add(&h, LIMITER_HEADER_RETRY_AFTER, bytes_of(rows[i].text), NOW);
        if (!EXPECT_EQ_INT(rows[i].want, h.reset_ms) || !EXPECT_EQ_INT(rows[i].want, h.retry_ms)) {
            (void)fprintf(stderr, "\"%s\"\n", rows[i].text);
        }
    }
}

// At the longest value, and one byte beyond.
static void test_longest(void) {
    char value[LIMITER_HEADER_VALUE_MAX + 2];
    struct limiter_hint h = LIMITER_HINT_NONE;
    memset(value, '0', sizeof value);
    value[LIMITER_HEADER_VALUE_MAX - 1] = '7';
    limiter_header_add(&h, LIMITER_HEADER_REMAINING,
                       (struct bytes){value, LIMITER_HEADER_VALUE_MAX + 1}, NOW);
    EXPECT_EQ_INT(-1, h.remaining);
    limiter_header_add(&h, LIMITER_HEADER_REMAINING,
                       (struct bytes){value, LIMITER_HEADER_VALUE_MAX}, NOW);
    EXPECT_EQ_INT(7, h.remaining);
}

static struct limiter_hint read_lines(int status, const char *lines) {
    static const char *const learn[] = {"X-Discogs-Ratelimit", "x-discogs-ratelimit-remaining"};
    return limiter_headers_read(status, bytes_of(lines), learn, ARRAY_LEN(learn), NOW);
}

static void test_lines(void) {
    struct limiter_hint h = read_lines(200, "HTTP/1.1 200 OK\r\n"
                                            "X-Discogs-Ratelimit: 60\r\n"
                                            "X-Discogs-Ratelimit-Used: 3\r\n"
                                            "X-Discogs-Ratelimit-Remaining: 57\r\n"
                                            "Retry-After: 5\r\n"
                                            "X-RateLimit-Remaining: 1\r\n"
                                            "\r\n");
    EXPECT_FALSE(h.refused);
    EXPECT_EQ_INT(60, h.limit);
    EXPECT_EQ_INT(57, h.remaining);
    EXPECT_EQ_INT(-1, h.retry_ms); // not learnt from, and nothing was refused
    EXPECT_EQ_INT(-1, h.reset_ms);
    h = read_lines(429, "retry-after: 5");
    EXPECT_TRUE(h.refused);
    EXPECT_EQ_INT(5000, h.retry_ms);
    // the stricter of two
    h = read_lines(503,
                   "Retry-After: 7\nRetry-After: 5\nX-Discogs-Ratelimit: 60\n"
                   "X-Discogs-Ratelimit: 25\nX-Discogs-Ratelimit: 70\n: 5\nX-Discogs-Ratelimit\n");
    EXPECT_TRUE(h.refused);
    EXPECT_EQ_INT(7000, h.retry_ms);
    EXPECT_EQ_INT(25, h.limit);
    h = limiter_headers_read(200, (struct bytes){NULL, 0}, NULL, 0, NOW);
    EXPECT_EQ_INT(-1, h.limit);
}

static void test_most_lines(void) {
    static char lines[LIMITER_HEADERS_MAX + 1];
    static const char last[] = "\nX-Discogs-Ratelimit: 25";
    memset(lines, 'x', sizeof lines);
    memcpy(lines + LIMITER_HEADERS_MAX - (sizeof last - 1), last, sizeof last); // and its NUL
    static const char *const learn[] = {"X-Discogs-Ratelimit"};
    struct limiter_hint h =
        limiter_headers_read(200, (struct bytes){lines, LIMITER_HEADERS_MAX}, learn, 1, NOW);
    EXPECT_EQ_INT(25, h.limit);
    lines[LIMITER_HEADERS_MAX] = '0'; // is not read any more
    h = limiter_headers_read(200, (struct bytes){lines, sizeof lines}, learn, 1, NOW);
    EXPECT_EQ_INT(25, h.limit);
}

static const struct expect_test tests[] = {
    {"what a name means", test_names},
    {"counts", test_counts},
    {"times", test_times},
    {"the longest value", test_longest},
    {"lines", test_lines},
    {"the most lines", test_most_lines},
};
SUITE_MAIN("limiter headers", tests)
