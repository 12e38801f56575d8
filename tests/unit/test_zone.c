// Zones: spans of the file and of its footer, and files that are none.

#include <errno.h>
#include <stdlib.h>

#include "core/zone.h"
#include "expect.h"
#include "zones.h"

static void expect_span(const struct zone *zone, int64_t at, struct zone_span want) {
    struct zone_span got = zone_span_at(zone, at);
    EXPECT_EQ_INT(want.begin, got.begin);
    EXPECT_EQ_INT(want.end, got.end);
    EXPECT_EQ_INT(want.offset, got.offset);
    EXPECT_EQ_INT(want.before, got.before);
}

static void test_utc(void) {
    struct zone *fixed = zone_of("<-12>12");
    expect_span(NULL, 0, (struct zone_span){-ZONE_ALWAYS, ZONE_ALWAYS, 0, 0});
    expect_span(fixed, INT64_MAX, (struct zone_span){-ZONE_ALWAYS, ZONE_ALWAYS, -43200, -43200});
    expect_span(fixed, INT64_MIN, (struct zone_span){-ZONE_ALWAYS, ZONE_ALWAYS, -43200, -43200});
    zone_free(&fixed);
    EXPECT_NULL(fixed);
    zone_free(&fixed);
}

static void test_rule(void) {
    static const struct {
        const char *footer;
        int64_t begin, end; // of summer 2026
        int32_t offset, before;
    } rows[] = {
        {ZONE_NEW_YORK, 1772953200, 1793512800, -14400, -18000},
        {ZONE_BERLIN, 1774746000, 1792890000, 7200, 3600},
        {ZONE_DUBLIN, 1774746000, 1792890000, 3600, 0},
        {ZONE_LORD_HOWE, 1759591800, 1775314800, 39600, 37800}, // from 2025 on
        {ZONE_TROLL, 1774746000, 1792890000, 7200, 0},
        {ZONE_BEIRUT, 1774735200, 1792875600, 10800, 7200},
        {ZONE_CHATHAM, 1758981600, 1775311200, 49500, 45900},
        {"EST5EDT,J60,J300", 1772348400, 1793080800, -14400, -18000},
        {"EST5EDT,59,299", 1772348400, 1793080800, -14400, -18000},
        {"IST-2IDT,M3.4.4/26,M10.5.0", 1774569600, 1792882800, 10800, 7200},
        {"<-02>2<-01>,M3.5.0/-1,M10.5.0/0", 1774746000, 1792890000, -3600, -7200},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct zone *z = zone_of(rows[i].footer);
        struct zone_span want = {rows[i].begin, rows[i].end, rows[i].offset, rows[i].before};
        expect_span(z, rows[i].begin, want);
        expect_span(z, rows[i].end - 1, want);
        struct zone_span next = zone_span_at(z, rows[i].end);
        EXPECT_EQ_INT(rows[i].end, next.begin);
        EXPECT_EQ_INT(rows[i].offset, next.before);
        EXPECT_EQ_INT(rows[i].before, next.offset);
        zone_free(&z);
    }
}

/* Its days are numbered with and without 29 February. */
static void test_leap_day(void) {
    struct zone *without = zone_of("EST5EDT,J60,J300"), *with = zone_of("EST5EDT,59,300");
    EXPECT_EQ_INT(1835506800, zone_span_at(without, 1840000000).begin); // 1 March 2028
    EXPECT_EQ_INT(1835420400, zone_span_at(with, 1840000000).begin);    // 29 February
    EXPECT_EQ_INT(zone_span_at(without, 1840000000).end, zone_span_at(with, 1840000000).end);
    struct zone *before = zone_of("EST5EDT,J59,J300");
    EXPECT_EQ_INT(1835334000, zone_span_at(before, 1840000000).begin); // 28 February
    zone_free(&before);
    zone_free(&without);
    zone_free(&with);
}

static void test_all_year(void) {
    struct zone *z = zone_of("XXX3EDT4,0/0,J365/23");
    expect_span(z, 1793512800, (struct zone_span){-ZONE_ALWAYS, ZONE_ALWAYS, -14400, -14400});
    zone_free(&z);
}

/* One span after the other, without holes, also at the turn of the year. */
static void test_walk(void) {
    static const char *const footers[] = {ZONE_NEW_YORK,
                                          ZONE_DUBLIN,
                                          ZONE_CHATHAM,
                                          "AAA0BBB,0/-167,J364/-167",
                                          "AAA0BBB,J365/167,J364/160",
                                          "AAA0BBB,0/-167,1/-160"};
    for (size_t i = 0; i < sizeof footers / sizeof footers[0]; i++) {
        struct zone *z = zone_of(footers[i]);
        struct zone_span span = zone_span_at(z, 0);
        int wrong = 0;
        for (int n = 0; n < 400; n++) {
            struct zone_span next = zone_span_at(z, span.end);
            wrong += span.begin >= span.end || next.begin != span.end ||
                     next.before != span.offset || next.offset == span.offset;
            span = next;
        }
        EXPECT_EQ_INT(0, wrong);
        zone_free(&z);
    }
}

static void test_file_and_footer(void) {
    struct tzif t = {
        .footer = ZONE_BERLIN,
        .first = 3208,
        .count = 4,
        .changes = {{INT64_MIN, 3208},
                    {-2422054408, 3600},
                    {-1693706400, 7200},
                    {-1678057200, 3600}},
    };
    struct zone *z = zone_make(&t);
    expect_span(z, -3000000000, (struct zone_span){-ZONE_ALWAYS, -2422054408, 3208, 3208});
    expect_span(z, -2422054408, (struct zone_span){-2422054408, -1693706400, 3600, 3208});
    expect_span(z, -1678057201, (struct zone_span){-1693706400, -1678057200, 7200, 3600});
    // the last of the file ends where the rule changes first: 25 March 1917
    expect_span(z, -1678057200, (struct zone_span){-1678057200, -1665356400, 3600, 7200});
    expect_span(z, -1665363601, (struct zone_span){-1678057200, -1665356400, 3600, 7200});
    expect_span(z, -1665356400, (struct zone_span){-1665356400, -1646607600, 7200, 3600});
    zone_free(&z);
}

/* Changes of the name alone, as when summer time becomes the standard. */
static void test_merged(void) {
    struct tzif t = {.footer = "<+03>-3",
                     .first = 7200,
                     .count = 4,
                     .changes = {{100, 7200}, {200, 10800}, {300, 10800}, {400, 10800}}};
    struct zone *z = zone_make(&t);
    expect_span(z, 0, (struct zone_span){-ZONE_ALWAYS, 200, 7200, 7200});
    expect_span(z, 350, (struct zone_span){200, ZONE_ALWAYS, 10800, 7200});
    zone_free(&z);
    t.footer = "<+02>-2"; // which has the last word
    z = zone_make(&t);
    expect_span(z, 350, (struct zone_span){200, 400, 10800, 7200});
    expect_span(z, 400, (struct zone_span){400, ZONE_ALWAYS, 7200, 10800});
    zone_free(&z);
    t.footer = "";
    z = zone_make(&t);
    expect_span(z, 400, (struct zone_span){200, ZONE_ALWAYS, 10800, 7200});
    zone_free(&z);
    // between the last change of the offset and the last change of all, the rule says when it ends
    t = (struct tzif){.footer = ZONE_BERLIN,
                      .first = 3600,
                      .count = 3,
                      .changes = {{100, 7200}, {200, 3600}, {300, 3600}}};
    z = zone_make(&t);
    expect_span(z, 250, (struct zone_span){200, 7520400, 3600, 7200});
    expect_span(z, 350, (struct zone_span){200, 7520400, 3600, 7200});
    zone_free(&z);
}

/* Each beginning of a file is refused, and of each byte every bit may be wrong. */
static void test_broken(void) {
    uint8_t bytes[TZIF_BYTES];
    size_t len = tzif_write(&tzif_casablanca, bytes);
    struct zone *z = NULL;
    for (size_t n = 0; n < len; n++) {
        uint8_t *part = malloc(n + 1); // so that a sanitizer sees what is read behind it
        memcpy(part, bytes, n);
        EXPECT_EQ_INT(-EINVAL, zone_parse(part, n, &z, NULL));
        free(part);
    }
    for (size_t n = 0; n < len * 8; n++) {
        bytes[n / 8] ^= (uint8_t)(1u << n % 8);
        if (zone_parse(bytes, len, &z, NULL) == 0) {
            struct zone_span span = zone_span_at(z, 1772953200);
            EXPECT_TRUE(span.begin <= 1772953200 && 1772953200 < span.end);
            zone_free(&z);
        }
        bytes[n / 8] ^= (uint8_t)(1u << n % 8);
    }
}

static void test_contradictions(void) {
    static const struct {
        struct tzif t;
        const char *words;
    } rows[] = {
        {{.footer = "", .count = 2, .changes = {{5, 0}, {5, 60}}}, "out of order"},
        {{.footer = "", .count = 2, .changes = {{5, 0}, {4, 60}}}, "out of order"},
        {{.footer = "", .first = 93600}, "26 hours"},
        {{.footer = "", .count = 1, .changes = {{5, -93600}}}, "26 hours"},
        {{.footer = "EST"}, "no rule"},
        {{.footer = "E5"}, "no rule"},
        {{.footer = "EST25"}, "no rule"},
        {{.footer = "EST5:60"}, "no rule"},
        {{.footer = "EST5EDT"}, "no rule"},
        {{.footer = "EST5EDT,M13.2.0,M11.1.0"}, "no rule"},
        {{.footer = "EST5EDT,M3.6.0,M11.1.0"}, "no rule"},
        {{.footer = "EST5EDT,M3.0.0,M11.1.0"}, "no rule"},
        {{.footer = "EST5EDT,M3.2.7,M11.1.0"}, "no rule"},
        {{.footer = "EST5EDT,M3.2.0,M11.1.0/168"}, "no rule"},
        {{.footer = "EST5EDT,J0,J300"}, "no rule"},
        {{.footer = "EST5EDT,J1,366"}, "no rule"},
        {{.footer = "EST5EDT,M3.2.0,M11.1.0 "}, "no rule"},
        {{.footer = "XXX1EDT4,0/0,J365/23"}, "no rule"}, // it begins before it ends
        {{.footer = "XXX3EDT4,0/0,364/23"}, "no rule"},  // all of some years
        {{.footer = "<EST5EDT,M3.2.0,M11.1.0"}, "no rule"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t bytes[TZIF_BYTES];
        struct zone *z = NULL;
        struct err e = {0};
        EXPECT_EQ_INT(-EINVAL, zone_parse(bytes, tzif_write(&rows[i].t, bytes), &z, &e));
        EXPECT_CONTAINS(rows[i].words, e.msg);
        zone_free(&z);
    }
}

static void test_size(void) {
    uint8_t *bytes = calloc(1, ZONE_FILE_MAX + 1);
    size_t len = tzif_write(&tzif_apia, bytes);
    struct zone *z = NULL;
    EXPECT_EQ_INT(0, zone_parse(bytes, len, &z, NULL));
    zone_free(&z);
    EXPECT_EQ_INT(0, zone_parse(bytes, ZONE_FILE_MAX, &z, NULL)); // what follows is not read
    zone_free(&z);
    EXPECT_EQ_INT(-EINVAL, zone_parse(bytes, ZONE_FILE_MAX + 1, &z, NULL));
    bytes[4] = '\0'; // the first version, with 32-bit times only
    EXPECT_EQ_INT(-EINVAL, zone_parse(bytes, len, &z, NULL));
    free(bytes);
}

static void test_names(void) {
    char longest[ZONE_NAME_MAX + 2];
    memset(longest, 'a', sizeof longest);
    EXPECT_EQ_INT(0, zone_check_name(longest, ZONE_NAME_MAX, NULL));
    EXPECT_EQ_INT(-EINVAL, zone_check_name(longest, ZONE_NAME_MAX + 1, NULL));
    EXPECT_EQ_INT(0, zone_check_name("Etc/GMT+12", 10, NULL));
    EXPECT_EQ_INT(-EINVAL, zone_check_name("", 0, NULL));
    EXPECT_EQ_INT(-EINVAL, zone_check_name("/etc", 4, NULL));
    EXPECT_EQ_INT(-EINVAL, zone_check_name("a/../b", 6, NULL));
    EXPECT_EQ_INT(-EINVAL, zone_check_name("a b", 3, NULL));
    EXPECT_EQ_INT(-EINVAL, zone_check_name("a\0b", 3, NULL));
}

static const struct expect_test tests[] = {
    {"zones without changes", test_utc},
    {"the footer's rule", test_rule},
    {"days of a year", test_leap_day},
    {"summer time all the year", test_all_year},
    {"spans follow each other", test_walk},
    {"a file and its footer", test_file_and_footer},
    {"changes that are none", test_merged},
    {"broken files", test_broken},
    {"files that contradict themselves", test_contradictions},
    {"sizes and versions", test_size},
    {"names", test_names},
};
SUITE_MAIN("zone", tests)
