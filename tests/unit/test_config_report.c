// How problems are shown: words, order, caret, colour, JSON.

#include <cjson/cJSON.h>

#include "config_test.h"
#include "expect.h"

static void test_words(void) {
    struct loaded l = load_text("queues:\n  crawl:\n    concurrncy: 3\n", NULL);
    EXPECT_STR(
        "test.yaml:3:5: queues.crawl.concurrncy: unknown key; did you mean \"concurrency\"?\n"
        "     3 |     concurrncy: ...\n"
        "       |     ^\n",
        printed(&l));
    unload(&l);
}

static void test_colour(void) {
    struct loaded l = load_text("host: {lease: 1}\n", NULL);
    struct buf out = {0};
    config_report_print(&l.report, true, &out);
    EXPECT_STR(
        "\x1b[1mtest.yaml:1:15: \x1b[0mhost.lease: a number without a unit; seconds? write 1s\n"
        "     1 | host: {lease: 1}\n"
        "       |               \x1b[31m^\x1b[0m\n",
        out.data);
    buf_free(&out);
    unload(&l);
}

static void test_order(void) {
    struct loaded l = load_text(
        "zzz: 1\nqueues: {q: {ttl: 1, concurrency: x}}\nhost: {lease: 1}\naaa: 1\n", NULL);
    if (EXPECT_EQ_UINT(5, l.report.count)) {
        for (size_t i = 1; i < 5; i++) {
            const struct config_diagnostic *a = &l.report.items[i - 1], *b = &l.report.items[i];
            EXPECT_TRUE(a->line < b->line || (a->line == b->line && a->column < b->column));
        }
    }
    unload(&l);
}

// The caret counts characters; control bytes cannot reach the terminal.
static void test_strange_bytes(void) {
    struct loaded l = load_text("queues: {\"\xC3\xA4\xC3\xA4\": {}, \"b\\x1b[31m\": {}}\n", NULL);
    EXPECT_EQ_UINT(2, l.report.errors);
    EXPECT_NULL(strchr(printed(&l), '\x1b'));
    EXPECT_CONTAINS("\\x1b[31m", printed(&l));
    EXPECT_EQ_INT(20, l.report.items[1].column);
    EXPECT_CONTAINS("       |                    ^\n", printed(&l));
    unload(&l);
}

static void test_long_line(void) {
    struct buf text = {0};
    buf_str(&text, "host: {lease: 1, log_level: ");
    for (int i = 0; i < 500; i++) {
        buf_char(&text, 'x');
    }
    buf_str(&text, "}\n");
    struct loaded l = load_text(text.data, NULL);
    EXPECT_TRUE(strlen(l.report.items[0].excerpt) < 200);
    EXPECT_CONTAINS("...", l.report.items[0].excerpt);
    EXPECT_TRUE(strlen(l.report.items[1].message) < 200);
    unload(&l);
    buf_free(&text);
}

static void test_json(void) {
    struct loaded l = load_text("host: {lease: 1, x: \"a\\\"b\"}\ninclude: \"none-*\"\n", NULL);
    struct buf out = {0};
    config_report_json(&l.report, &out);
    cJSON *tree = cJSON_Parse(out.data);
    if (EXPECT_TRUE(tree != NULL)) {
        const cJSON *list = cJSON_GetObjectItemCaseSensitive(tree, "diagnostics");
        EXPECT_EQ_INT(2, cJSON_GetObjectItemCaseSensitive(tree, "errors")->valueint);
        EXPECT_EQ_INT(1, cJSON_GetObjectItemCaseSensitive(tree, "warnings")->valueint);
        EXPECT_EQ_INT(3, cJSON_GetArraySize(list));
        const cJSON *first = cJSON_GetArrayItem(list, 0), *last = cJSON_GetArrayItem(list, 2);
        EXPECT_STR("bad_duration", cJSON_GetObjectItemCaseSensitive(first, "code")->valuestring);
        EXPECT_STR("host.lease", cJSON_GetObjectItemCaseSensitive(first, "path")->valuestring);
        EXPECT_EQ_INT(15, cJSON_GetObjectItemCaseSensitive(first, "column")->valueint);
        EXPECT_STR("error", cJSON_GetObjectItemCaseSensitive(first, "severity")->valuestring);
        EXPECT_STR("warning", cJSON_GetObjectItemCaseSensitive(last, "severity")->valuestring);
    }
    cJSON_Delete(tree);
    buf_free(&out);
    unload(&l);
}

// A report outlives its config, and may be finished twice.
static void test_lifetime(void) {
    struct loaded l = load_text("include: \"none-*\"\nhost: {}\n", NULL);
    config_free(&l.config);
    EXPECT_CONTAINS("no file matches", l.report.items[0].message);
    config_report_finish(&l.report);
    EXPECT_EQ_UINT(0, l.report.count);
    unload(&l);
}

static void test_warning_words(void) {
    struct loaded l = load_text("include: \"none-*\"\nhost: {}\n", NULL);
    EXPECT_CONTAINS("test.yaml:1:10: warning: include: no file matches none-*\n", printed(&l));
    unload(&l);
}

static const struct expect_test tests[] = {
    {"place, path, words and the line with a caret", test_words},
    {"colours", test_colour},
    {"problems come in the order of the file", test_order},
    {"characters are counted, control bytes escaped", test_strange_bytes},
    {"long lines and values are cut", test_long_line},
    {"JSON", test_json},
    {"a report outlives its config", test_lifetime},
    {"a warning says so", test_warning_words},
};
SUITE_MAIN("config_report", tests)
