// Ids of events: what was written is read, and nothing else.
#include "core/event_id.h"

#include <errno.h>

#include "expect.h"

static void test_round_trip(void) {
    static const struct {
        struct event_id id;
        const char *text;
    } rows[] = {
        {{.boot = 0x9f3a51c07be24d18, .seq = 1042}, "9f3a51c07be24d18-1042"},
        {{.boot = 0x9f3a51c07be24d18, .seq = 1042, .final = true, .rev = 7},
         "9f3a51c07be24d18-1042-7"},
        {{.boot = 0, .seq = 0}, "0000000000000000-0"},
        {{.boot = UINT64_MAX, .seq = UINT64_MAX, .final = true, .rev = UINT32_MAX},
         "ffffffffffffffff-18446744073709551615-4294967295"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[EVENT_ID_TEXT + 1];
        struct event_id id;
        event_id_format(&rows[i].id, text);
        EXPECT_EQ_STR(rows[i].text, text);
        EXPECT_EQ_INT(0, event_id_parse(bytes_of(text), &id));
        EXPECT_EQ_UINT(rows[i].id.boot, id.boot);
        EXPECT_EQ_UINT(rows[i].id.seq, id.seq);
        EXPECT_EQ_INT(rows[i].id.final, id.final);
        EXPECT_EQ_UINT(rows[i].id.rev, id.rev);
    }
    EXPECT_EQ_UINT(EVENT_ID_TEXT, strlen(rows[3].text)); // the limit
}

static void test_refused(void) {
    static const char *const rows[] = {
        "",
        "-",
        "1795305600123-1",
        "9f3a51c07be24d18",
        "9f3a51c07be24d18-",
        "9f3a51c07be24d18--1",
        "9f3a51c07be24d18-+1",
        "9f3a51c07be24d18- 1",
        "9f3a51c07be24d18-1 ",
        "9f3a51c07be24d18-01",
        "9f3a51c07be24d18-1-",
        "9f3a51c07be24d18-1-07",
        "9f3a51c07be24d18-1-4294967296",
        "9f3a51c07be24d18-18446744073709551616",
        "9F3A51C07BE24D18-1",
        "0x3a51c07be24d18-1",
        "9f3a51c07be24d1-1",
        "g000000000000000-1",
        "9f3a51c07be24d18-1-7-1",
        "ffffffffffffffff-18446744073709551615-42949672950", // the limit and one more
    };
    struct event_id id = {.seq = 5};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        EXPECT_EQ_INT(-EINVAL, event_id_parse(bytes_of(rows[i]), &id));
    }
    EXPECT_EQ_INT(-EINVAL, event_id_parse((struct bytes){"9f3a51c07be24d18-1\0", 19}, &id));
    EXPECT_EQ_UINT(5, id.seq);
}

static const struct expect_test tests[] = {
    {"what is written is read", test_round_trip},
    {"nothing else is", test_refused},
};

SUITE_MAIN("event id", tests)
