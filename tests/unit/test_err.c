#include "base/err.h"

#include <errno.h>

#include "expect.h"

static void test_set(void) {
    struct err e = {.code = 1, .msg = "old"};
    EXPECT_EQ_INT(-ENOENT, err_set(&e, -ENOENT, "%s: no such plugin", "crawl"));
    EXPECT_EQ_INT(-ENOENT, e.code);
    EXPECT_EQ_STR("crawl: no such plugin", e.msg);
    EXPECT_EQ_INT(-EINVAL, err_set(NULL, -EINVAL, "nobody listens"));
}

static void test_errno(void) {
    struct err e = {0};
    EXPECT_EQ_INT(-ENOENT, err_errno(&e, -ENOENT, "open %s", "a.so"));
    EXPECT_EQ_STR("open a.so: No such file or directory", e.msg);
    EXPECT_EQ_INT(-EIO, err_errno(NULL, -EIO, "nobody listens"));
    (void)err_errno(&e, -99999, "odd");
    EXPECT_CONTAINS("odd: ", e.msg);
}

static void test_too_long(void) {
    struct err e = {0};
    char text[1000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    (void)err_set(&e, -EINVAL, "%s", text);
    EXPECT_EQ_UINT(sizeof e.msg - 1, strlen(e.msg));
    (void)err_errno(&e, -EINVAL, "%s", text);
    EXPECT_EQ_UINT(sizeof e.msg - 1, strlen(e.msg));
}

static const struct expect_test tests[] = {
    {"fills code and text and returns the code", test_set},
    {"adds the text of the errno value", test_errno},
    {"long texts are cut", test_too_long},
};
SUITE_MAIN("err", tests)
