/* What a unit test needs, over CUnit: expectations that print what they wanted and what they got, and a main() that runs a
 * table of tests as one suite.
 *
 *     static void test_empty(void) {
 *         EXPECT_EQ_INT(0, count("")); // wanted first, then the call
 *     }
 *     static const struct expect_test tests[] = {
 *         {"an empty text has no words", test_empty},
 *     };
 *     SUITE_MAIN("words", tests)
 *
 * One executable a module, so that every suite has a process of its own. A failed expectation does not end its test: where the
 * rest makes no sense without it, write `if (!EXPECT_TRUE(p != NULL)) { return; }`. With an argument, only the tests whose
 * name contains it are run. Included by one file of an executable. */
#ifndef JOBHOST_TESTS_EXPECT_H
#define JOBHOST_TESTS_EXPECT_H

#include <CUnit/Basic.h>
#include <ctype.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct expect_test {
    const char *name;
    void (*run)(void);
};

/* Each is true when the expectation held. */
#define EXPECT_TRUE(condition)  expect_that((condition), "true", #condition, __FILE__, __LINE__)
#define EXPECT_FALSE(condition) expect_that(!(condition), "false", #condition, __FILE__, __LINE__)
#define EXPECT_NULL(pointer)    expect_that((pointer) == NULL, "NULL", #pointer, __FILE__, __LINE__)
#define EXPECT_EQ_INT(want, got)                                                                   \
    expect_int((intmax_t)(want), (intmax_t)(got), #got, __FILE__, __LINE__)
#define EXPECT_EQ_UINT(want, got)                                                                  \
    expect_uint((uintmax_t)(want), (uintmax_t)(got), #got, __FILE__, __LINE__)
#define EXPECT_EQ_STR(want, got) expect_str((want), (got), #got, __FILE__, __LINE__)
#define EXPECT_EQ_BYTES(want, want_len, got, got_len)                                              \
    expect_bytes((want), (want_len), (got), (got_len), #got, __FILE__, __LINE__)
/* `text` contains `part`: for messages whose exact words are not a promise. */
#define EXPECT_CONTAINS(part, text) expect_contains((part), (text), #text, __FILE__, __LINE__)
#define EXPECT_STR                  EXPECT_EQ_STR

static inline bool expect_report(bool held, const char *message, const char *file, int line) {
    (void)CU_assertImplementation(held ? CU_TRUE : CU_FALSE, (unsigned)line, message, file, "",
                                  CU_FALSE);
    return held;
}

static inline bool expect_that(bool held, const char *want, const char *what, const char *file,
                               int line) {
    char message[512];
    (void)snprintf(message, sizeof message, "%s: want %s", what, want);
    return expect_report(held, message, file, line);
}

static inline bool expect_int(intmax_t want, intmax_t got, const char *what, const char *file,
                              int line) {
    char message[512];
    (void)snprintf(message, sizeof message, "%s: want %jd, got %jd", what, want, got);
    return expect_report(want == got, message, file, line);
}

static inline bool expect_uint(uintmax_t want, uintmax_t got, const char *what, const char *file,
                               int line) {
    char message[512];
    (void)snprintf(message, sizeof message, "%s: want %ju, got %ju", what, want, got);
    return expect_report(want == got, message, file, line);
}

static inline bool expect_str(const char *want, const char *got, const char *what, const char *file,
                              int line) {
    char message[1024];
    bool held = want == NULL || got == NULL ? want == got : strcmp(want, got) == 0;
    (void)snprintf(message, sizeof message, "%s: want \"%.300s\", got \"%.300s\"", what,
                   want == NULL ? "(null)" : want, got == NULL ? "(null)" : got);
    return expect_report(held, message, file, line);
}

static inline bool expect_contains(const char *part, const char *text, const char *what,
                                   const char *file, int line) {
    char message[1024];
    bool held = text != NULL && strstr(text, part) != NULL;
    (void)snprintf(message, sizeof message, "%s: want something with \"%.300s\", got \"%.300s\"",
                   what, part, text == NULL ? "(null)" : text);
    return expect_report(held, message, file, line);
}

/* Up to 24 bytes from `at` on, text as text and the rest as \xNN. */
static inline void expect_show(const void *data, size_t len, size_t at, char out[128]) {
    const unsigned char *p = data;
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = at; i < len && i < at + 24; i++) {
        bool plain = isprint(p[i]) && p[i] != '\\';
        int n = snprintf(out + used, 128 - used, plain ? "%c" : "\\x%02x", p[i]);
        used += n > 0 ? (size_t)n : 0;
    }
}

static inline bool expect_bytes(const void *want, size_t want_len, const void *got, size_t got_len,
                                const char *what, const char *file, int line) {
    size_t same = 0;
    const unsigned char *w = want, *g = got;
    while (same < want_len && same < got_len && w[same] == g[same]) {
        same++;
    }
    char message[1024], show_want[128], show_got[128];
    expect_show(want, want_len, same, show_want);
    expect_show(got, got_len, same, show_got);
    (void)snprintf(message, sizeof message,
                   "%s: want %zu bytes, got %zu; at %zu want \"%s\", got \"%s\"", what, want_len,
                   got_len, same, show_want, show_got);
    return expect_report(same == want_len && same == got_len, message, file, line);
}

/* Runs the tests; the process's exit status. */
static inline int expect_run(const char *suite_name, const struct expect_test *tests, size_t count,
                             int argc, char **argv) {
    (void)setvbuf(stdout, NULL, _IOLBF, 0); // so that a crash shows which test it was in
    if (CU_initialize_registry() != CUE_SUCCESS) {
        return EXIT_FAILURE;
    }
    CU_pSuite suite = CU_add_suite(suite_name, NULL, NULL);
    size_t added = 0;
    for (size_t i = 0; i < count && suite != NULL; i++) {
        if (argc < 2 || strstr(tests[i].name, argv[1]) != NULL) {
            added += CU_add_test(suite, tests[i].name, tests[i].run) != NULL;
        }
    }
    if (added == 0) {
        (void)fprintf(stderr, "%s: no such test\n", suite_name);
        CU_cleanup_registry();
        return EXIT_FAILURE;
    }
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_ErrorCode r = CU_basic_run_tests();
    bool passed = r == CUE_SUCCESS && CU_get_number_of_failures() == 0;
    CU_cleanup_registry();
    return passed ? EXIT_SUCCESS : EXIT_FAILURE;
}

#define SUITE_MAIN(suite_name, tests)                                                              \
    int main(int argc, char **argv) {                                                              \
        return expect_run((suite_name), (tests), sizeof(tests) / sizeof((tests)[0]), argc, argv);  \
    }

#endif
