// What a host remembers of pinned builds, and what it does not believe.
#define _XOPEN_SOURCE 700 // mkdtemp
#include "supervisor/pin_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "expect.h"

#define SHA  "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define TYPE "{\"type\":\"a.b\",\"oldest\":1,\"version\":2}"
#define PIN(plugin, sha256, since, types)                                                          \
    "{\"plugin\":\"" plugin "\",\"sha256\":\"" sha256 "\",\"since_ms\":" since                     \
    ",\"types\":[" types "]}"

static struct pin pins[PINS_MAX];

static size_t parse(const char *text) {
    return pin_file_parse(bytes_of(text), pins);
}

static void test_there_and_back(void) {
    struct pin two[2] = {{.plugin = "a", .sha256 = SHA, .since_ms = 1700000000001, .type_count = 2},
                         {.plugin = "b", .sha256 = SHA, .since_ms = 1, .type_count = 1}};
    two[0].types[0] = (struct pin_type){"a.one", 1, UINT32_MAX};
    two[0].types[1] = (struct pin_type){"a.two", 3, 3};
    two[1].types[0] = (struct pin_type){"b.run", 1, 1};
    struct buf text = {0}, again = {0};
    pin_file_print(two, 2, &text);
    EXPECT_EQ_UINT(2, pin_file_parse(buf_bytes(&text), pins));
    EXPECT_EQ_STR("a", pins[0].plugin);
    EXPECT_EQ_UINT(2, pins[0].type_count);
    EXPECT_EQ_UINT(UINT32_MAX, pins[0].types[0].version);
    pin_file_print(pins, 2, &again);
    EXPECT_EQ_BYTES(text.data, text.len, again.data, again.len);
    buf_free(&text);
    buf_free(&again);
}

static void test_nonsense(void) {
    static const char *const texts[] = {
        "",
        "[]",
        "{\"pins\":7}",
        "{\"pins\":[7,null,\"x\",{}]}",
        "{\"pins\":[" PIN("../up", SHA, "1", TYPE) "]}",
        "{\"pins\":[" PIN("", SHA, "1", TYPE) "]}",
        "{\"pins\":[" PIN("a", "../../../etc/passwd", "1", TYPE) "]}",
        "{\"pins\":[" PIN("a", SHA "0", "1", TYPE) "]}",
        "{\"pins\":[" PIN("a", SHA, "-1", TYPE) "]}",
        "{\"pins\":[" PIN("a", SHA, "1e300", TYPE) "]}",
        "{\"pins\":[" PIN("a", SHA, "1", "") "]}",
        "{\"pins\":[" PIN("a", SHA, "1", "{\"type\":\"a b\",\"oldest\":1,\"version\":2}") "]}",
        "{\"pins\":[" PIN("a", SHA, "1", "{\"type\":\"a.b\",\"oldest\":3,\"version\":2}") "]}",
        "{\"pins\":[" PIN("a", SHA, "1", "{\"type\":\"a.b\",\"oldest\":0,\"version\":2}") "]}",
        "{\"pins\":[" PIN("a", SHA, "1",
                          "{\"type\":\"a.b\",\"oldest\":1,\"version\":4294967296}") "]}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        EXPECT_EQ_UINT(0, parse(texts[i]));
    }
    EXPECT_EQ_UINT(1, parse("{\"pins\":[{}," PIN("a", SHA, "1", "7," TYPE) "]}"));
    EXPECT_EQ_UINT(1, pins[0].type_count);
}

static void test_limits(void) {
    struct buf text = {0};
    buf_str(&text, "{\"pins\":[");
    for (int i = 0; i <= PINS_MAX; i++) {
        buf_str(&text, i == 0 ? "" : ",");
        buf_str(&text, "{\"plugin\":\"a\",\"sha256\":\"" SHA "\",\"since_ms\":1,\"types\":[" TYPE);
        for (int k = 0; k < PIN_TYPES_MAX; k++) {
            buf_str(&text, "," TYPE);
        }
        buf_str(&text, "]}");
    }
    buf_str(&text, "]}");
    EXPECT_EQ_UINT(PINS_MAX, pin_file_parse(buf_bytes(&text), pins));
    EXPECT_EQ_UINT(PIN_TYPES_MAX, pins[PINS_MAX - 1].type_count);
    buf_free(&text);
}

static void test_file(void) {
    char dir[] = "/tmp/jobhost-pins-XXXXXX", run[64], path[96];
    struct err e = {.code = 0};
    size_t count = 7;
    EXPECT_TRUE(mkdtemp(dir) != NULL);
    EXPECT_EQ_INT(0, pin_file_read(dir, pins, &count, &e)); // there is none yet
    EXPECT_EQ_UINT(0, count);
    EXPECT_TRUE(pin_file_write(dir, bytes_of("x"), &e) < 0); // no folder
    (void)snprintf(run, sizeof run, "%s/run", dir);
    (void)snprintf(path, sizeof path, "%s/pins.json", run);
    EXPECT_EQ_INT(0, mkdir(run, 0700));
    EXPECT_EQ_INT(0,
                  pin_file_write(dir, bytes_of("{\"pins\":[" PIN("a", SHA, "1", TYPE) "]}"), &e));
    EXPECT_EQ_INT(0, pin_file_read(dir, pins, &count, &e));
    EXPECT_EQ_UINT(1, count);
    char *big = malloc(PIN_FILE_MAX + 1);
    memset(big, ' ', PIN_FILE_MAX + 1);
    EXPECT_EQ_INT(0, pin_file_write(dir, (struct bytes){big, PIN_FILE_MAX}, &e));
    EXPECT_EQ_INT(0, pin_file_read(dir, pins, &count, &e));
    EXPECT_EQ_UINT(0, count);
    EXPECT_EQ_INT(0, pin_file_write(dir, (struct bytes){big, PIN_FILE_MAX + 1}, &e));
    EXPECT_EQ_INT(-EFBIG, pin_file_read(dir, pins, &count, &e));
    EXPECT_EQ_UINT(0, count);
    free(big);
    EXPECT_EQ_INT(0, unlink(path));
    EXPECT_EQ_INT(0, symlink("/etc/passwd", path));
    EXPECT_TRUE(pin_file_read(dir, pins, &count, &e) < 0);
    EXPECT_EQ_INT(0, unlink(path));
    EXPECT_EQ_INT(0, rmdir(run));
    EXPECT_EQ_INT(0, rmdir(dir));
}

static const struct expect_test tests[] = {
    {"there and back", test_there_and_back},
    {"nonsense is left out", test_nonsense},
    {"limits", test_limits},
    {"the file", test_file},
};
SUITE_MAIN("supervisor: pin file", tests)
