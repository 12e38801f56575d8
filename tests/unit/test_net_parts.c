// The server's small pure parts: paths, ranges, peers.
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "net/coding.h"
#include "net/disposition.h"
#include "net/forwarded.h"
#include "net/path.h"
#include "net/peers.h"
#include "net/range.h"
#include "net/server.h"

#include "expect.h"

/* ---- paths ---- */

static void test_paths(void) {
    static const struct {
        const char *target, *segments, *query; // segments joined by '|'; NULL = refused
    } rows[] = {
        {"/", "", NULL},
        {"*", "", NULL},
        {"/a", "a", NULL},
        {"/a/", "a", NULL},
        {"//a///b", "a|b", NULL},
        {"/./a/./b/.", "a|b", NULL},
        {"/a/../b", "b", NULL},
        {"/a/b/../..", "", NULL},
        {"/..", NULL, NULL},
        {"/a/../..", NULL, NULL},
        {"/%2e%2e", NULL, NULL},
        {"/a/%2E./b", "b", NULL},
        {"/%2e", "", NULL},
        {"/a%2Fb/c", "a/b|c", NULL},
        {"/%252e", "%2e", NULL}, // decoded once
        {"/a+b", "a+b", NULL},
        {"/a?b", "a", "b"},
        {"/a/?b=/../c?d", "a", "b=/../c?d"},
        {"/?", "", ""},
        {"http://h/a/b?c", "a|b", "c"},
        {"http://h", "", NULL},
        {"https://h:1?q", "", "q"},
        {"http://h/..", NULL, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct arena arena = {0};
        const char **segments = NULL, *query = NULL;
        size_t count = 0;
        char joined[128] = "";
        int r = path_split(&arena, rows[i].target, &segments, &count, &query);
        EXPECT_EQ_INT(rows[i].segments == NULL ? -EINVAL : 0, r);
        for (size_t s = 0; r == 0 && s < count; s++) {
            size_t len = strlen(joined);
            (void)snprintf(joined + len, sizeof joined - len, "%s%s", s == 0 ? "" : "|",
                           segments[s]);
        }
        if (r == 0) {
            EXPECT_EQ_STR(rows[i].segments, joined);
            EXPECT_EQ_STR(rows[i].query, query);
        }
        arena_free(&arena);
    }
}

/* ---- ranges ---- */

static void test_ranges(void) {
    static const struct {
        const char *text;
        enum range_kind kind;
        uint64_t first, len;
    } rows[] = {
        {"bytes=0-0", RANGE_PART, 0, 1},
        {"bytes=0-99", RANGE_PART, 0, 100},
        {"bytes=0-100", RANGE_PART, 0, 100},
        {"bytes=99-", RANGE_PART, 99, 1},
        {"bytes=100-", RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=-1", RANGE_PART, 99, 1},
        {"bytes=-100", RANGE_PART, 0, 100},
        {"bytes=-101", RANGE_PART, 0, 100},
        {"bytes=-0", RANGE_UNSATISFIABLE, 0, 0},
        {"BYTES=1-2", RANGE_PART, 1, 2},
        {"bytes=5-18446744073709551616", RANGE_PART, 5, 95},
        {"bytes=18446744073709551616-", RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=2-1", RANGE_NONE, 0, 0},
        {"bytes=-", RANGE_NONE, 0, 0},
        {"bytes=", RANGE_NONE, 0, 0},
        {"bytes=1", RANGE_NONE, 0, 0},
        {"bytes=1-2,3-4", RANGE_NONE, 0, 0},
        {"bytes= 1-2", RANGE_NONE, 0, 0},
        {"bytes=a-b", RANGE_NONE, 0, 0},
        {"byte=1-2", RANGE_NONE, 0, 0},
        {"", RANGE_NONE, 0, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct range range = {0, 0};
        EXPECT_EQ_INT(rows[i].kind, range_parse(bytes_of(rows[i].text), 100, &range));
        EXPECT_EQ_UINT(rows[i].first, range.first);
        EXPECT_EQ_UINT(rows[i].len, range.len);
    }
    struct range range;
    EXPECT_EQ_INT(RANGE_UNSATISFIABLE, range_parse(bytes_of("bytes=0-"), 0, &range));
    EXPECT_EQ_INT(RANGE_UNSATISFIABLE, range_parse(bytes_of("bytes=-5"), 0, &range));
}

/* ---- codings ---- */

static bool wants_gzip(const char *first, const char *second) {
    const struct header headers[] = {
        {bytes_of("accept-encoding"), bytes_of(first)},
        {bytes_of("Accept-Encoding"), bytes_of(second == NULL ? "" : second)},
    };
    struct request req = {.headers = headers, .header_count = second == NULL ? 1 : 2};
    return coding_wants_gzip(&req);
}

static void test_codings(void) {
    static const struct {
        const char *text;
        bool gzip;
    } rows[] = {
        {"gzip", true},
        {"GZIP", true},
        {"x-gzip", true},
        {"gzip, deflate, br, zstd", true},
        {"deflate,gzip;q=1.0, *;q=0.5", true},
        {" gzip ; q=0.5 ", true},
        {"gzip;q=0.001", true},
        {"gzip;q=1.000", true},
        {"gzip;Q=1", true},
        {"gzip;q=0.", false},
        {"*", true},
        {"*;q=0.1", true},
        {"br, *;q=0.1", true},
        {"gzip;q=0.5, identity;q=0.5", true},
        {"identity;q=0, gzip;q=0.1", true},
        {"", false},
        {"identity", false},
        {"br", false},
        {"gzip;q=0", false},
        {"gzip;q=0.000", false},
        {"gzip;q=0, *", false},
        {"*;q=0", false},
        {"gzip;q=0.4, identity;q=0.5", false},
        {"gzip, identity;q=1.000", true},
        {"gzipped", false},
        {"gzi", false},
        {"gzip;q=1.001", false},
        {"gzip;q=0.0001", false},
        {"gzip;q=2", false},
        {"gzip;q=-1", false},
        {"gzip;q=", false},
        {"gzip;q=0x1", false},
        {"gzip;x=1", false},
        {"gzip;q=1;q=1", false},
        {"gzip;", true},
        {",,gzip,,", true},
        {";q=1", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (!EXPECT_TRUE(rows[i].gzip == wants_gzip(rows[i].text, NULL))) {
            (void)printf("    %s\n", rows[i].text);
        }
    }
    EXPECT_TRUE(wants_gzip("br", "gzip"));
    EXPECT_FALSE(wants_gzip("gzip;q=0.5", "identity"));
    EXPECT_FALSE(coding_wants_gzip(&(struct request){.header_count = 0}));
}

static void test_coding_types(void) {
    static const char *const suit[] = {"application/json",
                                       "application/json; charset=utf-8",
                                       "Application/JSON",
                                       "text/plain",
                                       "text/markdown;charset=utf-8",
                                       "text/csv",
                                       "text/html",
                                       "image/svg+xml",
                                       "application/problem+json",
                                       "application/atom+xml;x"};
    static const char *const rest[] = {"text/event-stream",
                                       "text/event-stream; charset=utf-8",
                                       "image/png",
                                       "application/pdf",
                                       "application/zip",
                                       "application/octet-stream",
                                       "",
                                       "application/jsonx",
                                       "+json",
                                       "texts/plain"};
    for (size_t i = 0; i < sizeof suit / sizeof suit[0]; i++) {
        EXPECT_TRUE(coding_suits(suit[i]));
    }
    for (size_t i = 0; i < sizeof rest / sizeof rest[0]; i++) {
        EXPECT_FALSE(coding_suits(rest[i]));
    }
}

/* ---- names of files ---- */

static void test_encode(void) {
    static const struct {
        const char *name, *want;
    } rows[] = {
        {"report.html", "report.html"},
        {"a b+c", "a%20b%2Bc"},
        {"-._~09AZ", "-._~09AZ"},
        {"50%", "50%25"},
        {"?#&=:;,'\"\\", "%3F%23%26%3D%3A%3B%2C%27%22%5C"},
        {"\xc3\xbc\xf0\x9f\x93\x88", "%C3%BC%F0%9F%93%88"},
        {"...", "..."},
        {"", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf b = {0};
        struct arena arena = {0};
        path_encode(&b, rows[i].name);
        EXPECT_EQ_BYTES(rows[i].want, strlen(rows[i].want), b.data, b.len);
        char *back = path_decode(&arena, b.data, b.len, true); // '+' is never left in it
        EXPECT_EQ_STR(rows[i].name, back);
        arena_free(&arena);
        buf_free(&b);
    }
}

static void test_disposition(void) {
    static const struct {
        const char *name, *want;
    } rows[] = {
        {"report.html", "inline; filename=\"report.html\""},
        {"two words; really.txt", "inline; filename=\"two words; really.txt\""},
        {"a\"b\\c%41.txt", "inline; filename=\"a_b_c_41.txt\";"
                           " filename*=UTF-8''a%22b%5Cc%2541.txt"},
        {"Ums\xc3\xa4tze \xe2\x80\x93 Juli.csv",
         "inline; filename=\"Ums_tze _ Juli.csv\"; filename*=UTF-8''"
         "Ums%C3%A4tze%20%E2%80%93%20Juli.csv"},
        {"\xf0\x9f\x93\x88", "inline; filename=\"_\"; filename*=UTF-8''%F0%9F%93%88"},
        // no name of ours, and yet no second line
        {"x\r\nSet-Cookie: a", "inline; filename=\"x__Set-Cookie: a\";"
                               " filename*=UTF-8''x%0D%0ASet-Cookie%3A%20a"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf b = {0};
        disposition_inline(&b, rows[i].name);
        EXPECT_EQ_STR(rows[i].want, b.data);
        buf_free(&b);
    }
}

/* ---- peers ---- */

static struct peer *enter(struct peers *p, const char *address, unsigned limit) {
    struct ip ip;
    EXPECT_TRUE(ip_parse(address, strlen(address), &ip));
    return peers_enter(p, &ip, limit);
}

static void test_peers(void) {
    struct peers p = {NULL};
    struct peer *first = enter(&p, "10.0.0.1", 2);
    struct peer *second = enter(&p, "10.0.0.1", 2);
    EXPECT_TRUE(first != NULL && second == first);
    EXPECT_NULL(enter(&p, "10.0.0.1", 2));
    EXPECT_NULL(enter(&p, "::ffff:10.0.0.1", 2)); // the same host, come in by IPv6
    EXPECT_TRUE(enter(&p, "10.0.0.2", 2) != NULL);
    EXPECT_TRUE(enter(&p, "10.0.0.1", 0) != NULL); // no limit
    peers_leave(&p, first);
    peers_leave(&p, first);
    EXPECT_TRUE(enter(&p, "10.0.0.1", 2) != NULL);
    struct peer *six = enter(&p, "2001:db8:1:2::1", 1);
    EXPECT_TRUE(six != NULL);
    EXPECT_NULL(enter(&p, "2001:db8:1:2:ffff::9", 1)); // one /64
    EXPECT_TRUE(enter(&p, "2001:db8:1:3::1", 1) != NULL);
    peers_leave(&p, six);
    EXPECT_TRUE(enter(&p, "2001:db8:1:2:ffff::9", 1) != NULL);
    peers_leave(&p, NULL); // not counted
    peers_finish(&p);
}

/* ---- proxies ---- */

static void test_forwarded(void) {
    static const struct {
        const char *first, *second; // values of X-Forwarded-For; NULL = none
        const char *want;           // NULL = nobody
    } rows[] = {
        {NULL, NULL, NULL},
        {"", NULL, NULL},
        {"203.0.113.7", NULL, "203.0.113.7"},
        {" 203.0.113.7\t", NULL, "203.0.113.7"},
        {"203.0.113.7:4711", NULL, "203.0.113.7"},
        {"2001:db8::7", NULL, "2001:db8::7"},
        {"[2001:db8::7]", NULL, "2001:db8::7"},
        {"[2001:db8::7]:443", NULL, "2001:db8::7"},
        {"::ffff:203.0.113.7", NULL, "203.0.113.7"},
        {"1.1.1.1, 203.0.113.7", NULL, "203.0.113.7"}, // who claims to speak for 1.1.1.1
        {"203.0.113.7, 10.1.2.3", NULL, "203.0.113.7"},
        {"1.1.1.1,203.0.113.7 ,10.1.2.3,10.0.0.1", NULL, "203.0.113.7"},
        {"1.1.1.1", "203.0.113.7", "203.0.113.7"},
        {"203.0.113.7", "10.0.0.9", "203.0.113.7"},
        {"10.0.0.1, 10.0.0.2", NULL, NULL}, // the proxies themselves
        {"203.0.113.7, unknown", NULL, NULL},
        {"203.0.113.7,", NULL, NULL},
        {"203.0.113.7, 10.0.0.1, ", NULL, NULL},
        {"203.0.113.7", "nonsense", NULL},
        {"[2001:db8::7", NULL, NULL},
        {"203.0.113.7:4711:1", NULL, "203.0.113.7"},
    };
    struct network own;
    EXPECT_EQ_INT(0, network_parse("10.0.0.0/8", &own, NULL));
    const struct proxies proxies = {.networks = &own, .count = 1};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct header headers[2];
        struct request req = {.headers = headers};
        const char *values[] = {rows[i].first, rows[i].second};
        for (size_t n = 0; n < 2 && values[n] != NULL; n++) {
            headers[req.header_count++] =
                (struct header){bytes_of("x-forwarded-for"), bytes_of(values[n])};
        }
        struct ip ip;
        char text[IP_TEXT_MAX] = "nobody";
        if (forwarded_for(&req, &proxies, &ip)) {
            ip_text(&ip, text);
        }
        EXPECT_EQ_STR(rows[i].want == NULL ? "nobody" : rows[i].want, text);
    }
}

static const struct expect_test tests[] = {
    {"paths", test_paths},
    {"ranges", test_ranges},
    {"codings that a request accepts", test_codings},
    {"media types worth compressing", test_coding_types},
    {"names in a path", test_encode},
    {"names in Content-Disposition", test_disposition},
    {"peers", test_peers},
    {"whom a proxy speaks for", test_forwarded},
};

SUITE_MAIN("net parts", tests)
