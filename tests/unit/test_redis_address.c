// URLs of Redis: every form, every limit, and errors that never show a secret.
#include "redis/address.h"

#include <errno.h>

#include "base/bytes.h"

#include "expect.h"

#define SECRET "s3cr3t"

struct row {
    const char *url;
    const char *where; // redis_address_where(); NULL: refused
    const char *user, *password;
    const char *words; // of the error
};

static const struct row rows[] = {
    {"redis://h", "redis://h:6379", "", "", NULL},
    {"redis://h:1", "redis://h:1", "", "", NULL},
    {"redis://h:65535/", "redis://h:65535", "", "", NULL},
    {"redis://10.0.0.1:7000/15", "redis://10.0.0.1:7000/15", "", "", NULL},
    {"redis://[::1]", "redis://[::1]:6379", "", "", NULL},
    {"rediss://[2001:db8::1]:6380/2", "rediss://[2001:db8::1]:6380/2", "", "", NULL},
    {"rediss://default:" SECRET "@a-b_c.example:1", "rediss://a-b_c.example:1", "default", SECRET,
     NULL},
    {"redis://:" SECRET "@h", "redis://h:6379", "", SECRET, NULL},
    {"redis://u%3a:%40%2F%25@h", "redis://h:6379", "u:", "@/%", NULL},
    {"redis://u:a@b/c?d#e@h/3", "redis://h:6379/3", "u", "a@b/c?d#e", NULL},
    {"redis://u:a:b@h", "redis://h:6379", "u", "a:b", NULL},
    {"redis://h/65535", "redis://h:6379/65535", "", "", NULL},
    {"unix:/run/redis.sock", "unix:/run/redis.sock", "", "", NULL},
    {"unix:/run/redis.sock?db=3", "unix:/run/redis.sock?db=3", "", "", NULL},
    {"unix:run/redis.sock", "unix:run/redis.sock", "", "", NULL},
    {"unix://u:" SECRET "@/run/r.sock?db=1", "unix:/run/r.sock?db=1", "u", SECRET, NULL},
    {"unix:///run/r.sock", "unix:/run/r.sock", "", "", NULL},
    {"redis+sentinel://a:1,b:2/0?master=m", NULL, NULL, NULL, "redis+sentinel: this version"},
    {"rediss+cluster://u:" SECRET "@a:1", NULL, NULL, NULL, "rediss+cluster: this version"},
    {"http://u:" SECRET "@h", NULL, NULL, NULL, "begins with redis://"},
    {"redis://", NULL, NULL, NULL, "needs a host"},
    {"redis://u:" SECRET "@", NULL, NULL, NULL, "needs a host"},
    {"redis://u:" SECRET "@:1", NULL, NULL, NULL, "needs a host"},
    {"redis://a b", NULL, NULL, NULL, "needs a host"},
    {"redis://[::1", NULL, NULL, NULL, "needs a host"},
    {"redis://[::1]x", NULL, NULL, NULL, "the port"},
    {"redis://[h]", NULL, NULL, NULL, "needs a host"},
    {"redis://h:", NULL, NULL, NULL, "the port"},
    {"redis://h:0", NULL, NULL, NULL, "the port"},
    {"redis://h:65536", NULL, NULL, NULL, "the port"},
    {"redis://h:1x", NULL, NULL, NULL, "the port"},
    {"redis://h/65536", NULL, NULL, NULL, "the database"},
    {"redis://h/x", NULL, NULL, NULL, "the database"},
    {"redis://h/-1", NULL, NULL, NULL, "the database"},
    {"redis://h/99999999999999999999", NULL, NULL, NULL, "the database"},
    {"redis://h?tls=1", NULL, NULL, NULL, "options behind a ?"},
    {"redis://u:" SECRET "%4@h", NULL, NULL, NULL, "hexadecimal"},
    {"redis://u:" SECRET "%zz@h", NULL, NULL, NULL, "hexadecimal"},
    {"redis://u:" SECRET "%00@h", NULL, NULL, NULL, "NUL"},
    {"redis://" SECRET "@h", NULL, NULL, NULL, "no password"},
    {"unix:", NULL, NULL, NULL, "the path"},
    {"unix://u:" SECRET "@r.sock", NULL, NULL, NULL, "begins with a /"},
    {"unix://run/r.sock", NULL, NULL, NULL, "begins with a /"},
    {"unix://", NULL, NULL, NULL, "begins with a /"},
    {"unix:/r?x=1", NULL, NULL, NULL, "only db=N"},
    {"unix:/r?db=x", NULL, NULL, NULL, "the database"},
};

static void test_rows(void) {
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct row *row = &rows[i];
        struct redis_address a;
        struct err e = {.msg = ""};
        char where[REDIS_WHERE_MAX];
        int r = redis_address_parse(row->url, &a, &e);
        EXPECT_TRUE(strstr(e.msg, SECRET) == NULL);
        if (row->where == NULL) {
            EXPECT_TRUE(r == -EINVAL || r == -ENOTSUP);
            EXPECT_CONTAINS(row->words, e.msg);
            EXPECT_EQ_STR("", a.password);
            continue;
        }
        if (!EXPECT_EQ_INT(0, r)) {
            (void)printf("%s: %s\n", row->url, e.msg);
            continue;
        }
        redis_address_where(&a, where);
        EXPECT_EQ_STR(row->where, where);
        EXPECT_EQ_STR(row->user, a.user);
        EXPECT_EQ_STR(row->password, a.password);
    }
}

/* One part of `len` bytes between two others. */
static int parse_part(const char *before, size_t len, const char *after, struct redis_address *a,
                      struct err *e) {
    char url[4096];
    int head = snprintf(url, sizeof url, "%s", before);
    memset(url + head, 'a', len);
    (void)snprintf(url + head + len, sizeof url - (size_t)head - len, "%s", after);
    return redis_address_parse(url, a, e);
}

static void test_limits(void) {
    static const struct {
        const char *before, *after;
        size_t max;
        const char *words;
    } parts[] = {
        {"redis://", ":1", REDIS_HOST_MAX, "needs a host"},
        {"redis://", ":p@h", REDIS_USER_MAX, "more than 128 bytes"},
        {"redis://:", "@h", REDIS_PASSWORD_MAX, "more than 1024 bytes"},
        {"unix:", "", REDIS_PATH_MAX, "1 to 107 bytes"},
        {"unix:", "?db=1", REDIS_PATH_MAX, "1 to 107 bytes"},
    };
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        struct redis_address a;
        struct err e = {.msg = ""};
        char where[REDIS_WHERE_MAX];
        EXPECT_EQ_INT(0, parse_part(parts[i].before, parts[i].max, parts[i].after, &a, &e));
        redis_address_where(&a, where);
        EXPECT_TRUE(strlen(where) < REDIS_WHERE_MAX - 1); // not cut
        EXPECT_EQ_INT(-EINVAL,
                      parse_part(parts[i].before, parts[i].max + 1, parts[i].after, &a, &e));
        EXPECT_CONTAINS(parts[i].words, e.msg);
    }
}

static void test_kinds(void) {
    static const struct {
        const char *url;
        bool redis, upstash;
    } kinds[] = {
        {"redis://h", true, false},
        {"rediss://x.upstash.io", true, true},
        {"rediss://X.Upstash.IO", true, true},
        {"rediss://upstash.io", true, false},
        {"rediss://xupstash.io", true, false},
        {"unix:/r", true, false},
        {"redis+cluster://h", true, false},
        {"sqlite:x", false, false},
        {"faulty:redis:x", false, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        struct redis_address a;
        EXPECT_EQ_INT(kinds[i].redis, redis_address_is_redis(kinds[i].url));
        bool parsed = redis_address_parse(kinds[i].url, &a, NULL) == 0;
        EXPECT_EQ_INT(kinds[i].upstash, parsed && redis_address_is_upstash(&a));
    }
}

static void test_wipe(void) {
    struct redis_address a;
    static const struct redis_address nothing;
    EXPECT_EQ_INT(0, redis_address_parse("redis://u:" SECRET "@h", &a, NULL));
    redis_address_wipe(&a);
    EXPECT_EQ_BYTES(nothing.password, sizeof nothing.password, a.password, sizeof a.password);
}

static const struct expect_test tests[] = {
    {"forms and errors", test_rows},
    {"limits", test_limits},
    {"which store, whose server", test_kinds},
    {"wiped", test_wipe},
};
SUITE_MAIN("redis address", tests)
