#include "base/rfc3339.h"

#include <errno.h>
#include <time.h>

#include "base/bytes.h"
#include "expect.h"

#define YEAR_0     INT64_C(-62167219200000)
#define YEAR_10000 INT64_C(253402300800000)

static void test_format(void) {
    static const struct {
        int64_t ms;
        const char *want;
    } rows[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {-1, "1969-12-31T23:59:59.999Z"},
        {1795254000123, "2026-11-21T09:40:00.123Z"},
        {951782400000, "2000-02-29T00:00:00.000Z"},
        {4107542399999, "2100-02-28T23:59:59.999Z"},
        {4107542400000, "2100-03-01T00:00:00.000Z"},
        {YEAR_0, "0000-01-01T00:00:00.000Z"},
        {YEAR_0 - 1, "0000-01-01T00:00:00.000Z"},
        {INT64_MIN, "0000-01-01T00:00:00.000Z"},
        {YEAR_10000 - 1, "9999-12-31T23:59:59.999Z"},
        {YEAR_10000, "9999-12-31T23:59:59.999Z"},
        {INT64_MAX, "9999-12-31T23:59:59.999Z"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char out[RFC3339_LEN + 1];
        rfc3339_format(rows[i].ms, out);
        EXPECT_EQ_STR(rows[i].want, out);
    }
}

// Against the C library, a little more than a day apart over 800 years.
static void test_against_libc(void) {
    for (int64_t ms = INT64_C(-12622780800000); ms < INT64_C(12622780800000); ms += 90061001) {
        char out[RFC3339_LEN + 1], want[64];
        time_t seconds = (time_t)((ms - (ms % 1000 + 1000) % 1000) / 1000);
        struct tm tm;
        (void)gmtime_r(&seconds, &tm);
        (void)snprintf(want, sizeof want, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900,
                       tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
                       (int)((ms % 1000 + 1000) % 1000));
        rfc3339_format(ms, out);
        int64_t back = 0;
        if (strcmp(want, out) != 0 || rfc3339_parse(out, &back) != 0 || back != ms) {
            EXPECT_EQ_STR(want, out);
            EXPECT_EQ_INT(ms, back);
            return;
        }
    }
}

static void test_parse(void) {
    static const struct {
        const char *text;
        int64_t want;
    } rows[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-01t00:00:00z", 0},
        {"1970-01-01 00:00:00Z", 0},
        {"1970-01-01T00:00:00.9Z", 900},
        {"1970-01-01T00:00:00.123456789Z", 123},
        {"1970-01-01T01:00:00+01:00", 0},
        {"1969-12-31T23:30:00-00:30", 0},
        {"1970-01-01T00:00:00-00:00", 0},
        {"1970-01-01T23:59:00+23:59", 0},
        {"1970-01-01T00:00:60Z", 60000},
        {"2000-02-29T00:00:00Z", 951782400000},
        {"0000-01-01T00:00:00Z", YEAR_0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t got = -1;
        EXPECT_EQ_INT(0, rfc3339_parse(rows[i].text, &got));
        EXPECT_EQ_INT(rows[i].want, got);
    }
}

static void test_parse_refuses(void) {
    static const char *const rows[] = {
        "",
        "1970",
        "1970-01-01",
        "1970-01-01T00:00:00",
        "1970-01-01T00:00Z",
        "1970-13-01T00:00:00Z",
        "1970-00-01T00:00:00Z",
        "1970-01-00T00:00:00Z",
        "1970-01-32T00:00:00Z",
        "1970-04-31T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2001-02-29T00:00:00Z",
        "1970-01-01T24:00:00Z",
        "1970-01-01T00:60:00Z",
        "1970-01-01T00:00:61Z",
        "1970-01-01T00:00:00.Z",
        "1970-01-01T00:00:00.1234567890Z",
        "1970-01-01T00:00:00+24:00",
        "1970-01-01T00:00:00+00:60",
        "1970-01-01T00:00:00+0000",
        "1970-01-01T00:00:00Zx",
        " 1970-01-01T00:00:00Z",
        "-970-01-01T00:00:00Z",
        "19700-01-01T00:00:00Z",
        "1970-1-01T00:00:00Z",
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t got = 77;
        if (!EXPECT_EQ_INT(-EINVAL, rfc3339_parse(rows[i], &got))) {
            (void)printf("    accepted: %s\n", rows[i]);
        }
        EXPECT_EQ_INT(77, got);
    }
}

static void test_parse_day(void) {
    static const char *const bad[] = {
        "",           "2026-3-31",  "2026-02-29",           "2026-13-01",
        "2026-01-00", "2026-01-32", "2026-03-31T00:00:00Z", "2026-03-31 "};
    int64_t got = 77;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        EXPECT_EQ_INT(-EINVAL, rfc3339_parse_day(bad[i], &got));
        EXPECT_EQ_INT(77, got);
    }
    EXPECT_EQ_INT(0, rfc3339_parse_day("1970-01-02", &got));
    EXPECT_EQ_INT(86400000, got);
}

static void test_duration_parse(void) {
    static const struct {
        const char *text;
        int want_r;
        int64_t want;
    } rows[] = {
        {"30s", 0, 30000},
        {"1h30m", 0, 5400000},
        {"250ms", 0, 250},
        {"7d", 0, 604800000},
        {"0s", 0, 0},
        {"1d1h1m1s1ms", 0, 90061001},
        {"1m5ms", 0, 60005},
        {"0001s", 0, 1000},
        {"9223372036854775807ms", 0, INT64_MAX},
        {"9223372036854775808ms", -ERANGE, 0},
        {"106751991168d", -ERANGE, 0},
        {"99999999999999999999999s", -ERANGE, 0},
        {"9223372036854775s807ms", 0, INT64_MAX},
        {"9223372036854775s808ms", -ERANGE, 0},
        {"", -EINVAL, 0},
        {"30", -EINVAL, 0},
        {"0", -EINVAL, 0},
        {"s", -EINVAL, 0},
        {"-1s", -EINVAL, 0},
        {"+1s", -EINVAL, 0},
        {"1.5s", -EINVAL, 0},
        {"1 s", -EINVAL, 0},
        {"1S", -EINVAL, 0},
        {"1w", -EINVAL, 0},
        {"30m1h", -EINVAL, 0},
        {"1m1m", -EINVAL, 0},
        {"1h30", -EINVAL, 0},
        {"1s ", -EINVAL, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t got = 0;
        if (!EXPECT_EQ_INT(rows[i].want_r, duration_parse(rows[i].text, &got))) {
            (void)printf("    for: %s\n", rows[i].text);
        }
        EXPECT_EQ_INT(rows[i].want, got);
    }
}

static void test_duration_format(void) {
    static const struct {
        int64_t ms;
        const char *want;
    } rows[] = {
        {0, "0s"},          {1, "1ms"},         {999, "999ms"},    {1000, "1s"},
        {1500, "1500ms"},   {60000, "1m"},      {90000, "90s"},    {5400000, "90m"},
        {86400000, "1d"},   {129600000, "36h"}, {604800000, "7d"}, {61001, "61s1ms"},
        {-1500, "-1500ms"}, {3601000, "1h1s"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char out[64];
        duration_format(rows[i].ms, out, sizeof out);
        EXPECT_EQ_STR(rows[i].want, out);
    }
    char small[3];
    duration_format(1500, small, sizeof small);
    EXPECT_EQ_STR("15", small);
}

static void test_duration_round_trip(void) {
    uint64_t random = 5;
    for (int i = 0; i < 20000; i++) {
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407u;
        int64_t ms = (int64_t)(random >> (1 + i % 60)), back = -1;
        char out[64];
        duration_format(ms, out, sizeof out);
        EXPECT_EQ_INT(0, duration_parse(out, &back));
        EXPECT_EQ_INT(ms, back);
    }
}

static void test_size_parse(void) {
    static const struct {
        const char *text;
        int want_r;
        uint64_t want;
    } rows[] = {
        {"64B", 0, 64},
        {"0B", 0, 0},
        {"512KiB", 0, 524288},
        {"10MiB", 0, 10485760},
        {"1GB", 0, 1000000000},
        {"2kB", 0, 2000},
        {"2KB", 0, 2000},
        {"1TiB", 0, UINT64_C(1) << 40},
        {"3TB", 0, UINT64_C(3000000000000)},
        {"18446744073709551615B", 0, UINT64_MAX},
        {"18446744073709551616B", -ERANGE, 0},
        {"16777215TiB", 0, UINT64_C(16777215) << 40},
        {"16777216TiB", -ERANGE, 0},
        {"", -EINVAL, 0},
        {"10", -EINVAL, 0},
        {"MiB", -EINVAL, 0},
        {"-1B", -EINVAL, 0},
        {"1mib", -EINVAL, 0},
        {"1MiB1KiB", -EINVAL, 0},
        {"1MiB ", -EINVAL, 0},
        {"1.5MiB", -EINVAL, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint64_t got = 0;
        if (!EXPECT_EQ_INT(rows[i].want_r, size_parse(rows[i].text, &got))) {
            (void)printf("    for: %s\n", rows[i].text);
        }
        EXPECT_EQ_UINT(rows[i].want, got);
    }
}

static void test_size_format(void) {
    static const struct {
        uint64_t bytes;
        const char *want;
    } rows[] = {
        {0, "0B"},           {1, "1B"},        {1000, "1kB"},
        {1024, "1KiB"},      {65536, "64KiB"}, {10485760, "10MiB"},
        {1000000000, "1GB"}, {1025, "1025B"},  {UINT64_MAX, "18446744073709551615B"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char out[64];
        uint64_t back = 1;
        size_format(rows[i].bytes, out, sizeof out);
        EXPECT_EQ_STR(rows[i].want, out);
        EXPECT_EQ_INT(0, size_parse(out, &back));
        EXPECT_EQ_UINT(rows[i].bytes, back);
    }
}

static const struct expect_test tests[] = {
    {"times are written", test_format},
    {"times agree with the C library", test_against_libc},
    {"times are read", test_parse},
    {"bad times are refused", test_parse_refuses},
    {"days", test_parse_day},
    {"durations are read", test_duration_parse},
    {"durations are written as short as can be", test_duration_format},
    {"durations round trip", test_duration_round_trip},
    {"sizes are read", test_size_parse},
    {"sizes are written", test_size_format},
};
SUITE_MAIN("rfc3339", tests)
