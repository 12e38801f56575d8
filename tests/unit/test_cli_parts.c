// The command line's parts that need no host: the table of commands, event streams, output for people, files.
#include <errno.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/command.h"
#include "cli/out.h"
#include "cli/read_file.h"
#include "cli/sse.h"

#include "expect.h"

/* ---- the table ---- */

static size_t count_options(const struct cli_option *table, const struct cli_option *other) {
    size_t same = 0;
    for (; table != NULL && table->name != NULL; table++) {
        same += strcmp(table->name, other->name) == 0 ||
                (other->letter != 0 && table->letter == other->letter);
    }
    return same;
}

/* No option of a command hides another, nor one that all commands have. */
static void test_options_are_unique(void) {
    for (size_t i = 0; i < cli_command_count; i++) {
        const struct cli_command *c = &cli_commands[i];
        EXPECT_TRUE(c->name != NULL && c->summary != NULL && c->run != NULL && c->synopsis != NULL);
        EXPECT_TRUE(c->args_min <= c->args_max);
        for (const struct cli_option *o = c->options; o->name != NULL; o++) {
            EXPECT_TRUE(o->help != NULL && o->help[strlen(o->help) - 1] == '.');
            EXPECT_EQ_UINT(1, count_options(c->options, o));
            EXPECT_EQ_UINT(0, count_options(cli_common_options, o));
            if (!c->local) {
                EXPECT_EQ_UINT(0, count_options(cli_host_options, o));
            }
        }
        for (size_t j = 0; j < i; j++) {
            EXPECT_TRUE(strcmp(c->name, cli_commands[j].name) != 0);
        }
    }
}

static void test_find(void) {
    static const struct {
        const char *one, *two, *name, *meant;
        size_t words;
    } rows[] = {
        {"submit", NULL, "submit", NULL, 1},   {"submit", "dlq", "submit", NULL, 1},
        {"dlq", "ls", "dlq ls", NULL, 2},      {"plugin", "check", "plugin check", NULL, 2},
        {"plugins", NULL, "plugins", NULL, 1}, {"retry", "x", "retry", NULL, 1},
        {"dlq", NULL, NULL, NULL, 0},          {"dlq", "retyr", NULL, "dlq retry", 0},
        {"submti", NULL, NULL, "submit", 0},   {"jbos", NULL, NULL, "jobs", 0},
        {"frobnicate", NULL, NULL, NULL, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *words[2] = {rows[i].one, rows[i].two};
        const char *meant = NULL;
        size_t used = 0;
        const struct cli_command *c = cli_find(words, rows[i].two == NULL ? 1 : 2, &used, &meant);
        EXPECT_EQ_STR(rows[i].name, c == NULL ? NULL : c->name);
        EXPECT_EQ_UINT(rows[i].words, used);
        if (rows[i].meant != NULL) {
            EXPECT_EQ_STR(rows[i].meant, meant);
        }
    }
}

/* ---- event streams ---- */

static void on_event(void *arg, const char *event, const char *data) {
    struct buf *out = arg;
    buf_printf(out, "<%s|%s>", event, data);
}

static void test_sse(void) {
    static const struct {
        const char *stream, *want;
    } rows[] = {
        {"data: a\n\n", "<|a>"},
        {"event: x\ndata: a\nid: 5\n\n", "<x|a>"},
        {"event: x\r\ndata: a\r\n\r\n", "<x|a>"},
        {"data: a\ndata: b\n\n", "<|a\nb>"},
        {"data:a\ndata:  b\n\n", "<|a\n b>"},
        {":comment\n\n: another\ndata: a\n\n", "<|a>"},
        {"event: x\n\ndata: a\n\n",
         "<|a>"}, // an event without data is none, and its name is forgotten
        {"data\n\ndata: b\n\n", "<|b>"},
        {"retry: 5\nunknown: x\ndata: a\n\n", "<|a>"},
        {"data: {\"a\":\"b: c\"}\n\n", "<|{\"a\":\"b: c\"}>"},
        {"data: unfinished\n", ""},
        {"data: a\n\nevent: y\ndata: b\n\n", "<|a><y|b>"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t len = strlen(rows[i].stream);
        for (size_t step = 1; step <= len; step++) {
            struct buf out = {0};
            struct sse s = {.on_event = on_event, .arg = &out};
            for (size_t at = 0; at < len; at += step) {
                EXPECT_EQ_INT(0,
                              sse_feed(&s, rows[i].stream + at, step < len - at ? step : len - at));
            }
            EXPECT_EQ_STR(rows[i].want, out.data == NULL ? "" : out.data);
            sse_finish(&s);
            buf_free(&out);
        }
    }
}

/* ---- output ---- */

static void test_out(void) {
    char text[64];
    static const struct {
        double bytes;
        const char *want;
    } sizes[] = {{0, "0 B"},
                 {1023, "1023 B"},
                 {1024, "1.0 KiB"},
                 {1536, "1.5 KiB"},
                 {3 * 1048576.0, "3.0 MiB"}};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        EXPECT_EQ_STR(sizes[i].want, out_size(sizes[i].bytes, text));
    }
    EXPECT_EQ_STR("-", out_age(NULL, text));
    EXPECT_EQ_STR("-", out_age("nonsense", text));
    EXPECT_NULL(out_when(NULL, text));
    EXPECT_EQ_STR("0s", out_age("2999-01-01T00:00:00.000Z", text)); // a clock that is behind
    char dirty[] = "a\x1b[31mb\nc\x07\x7f\t\xc3\xa9";
    out_clean(dirty, true);
    EXPECT_EQ_STR("a [31mb\nc  \t\xc3\xa9", dirty);
    out_clean(dirty, false);
    EXPECT_EQ_STR("a [31mb c  \t\xc3\xa9", dirty);
    char csi[] = "x\xc2\x9b"
                 "31my\xc2\xa0z"; // CSI as one character; a no-break space stays
    out_clean(csi, true);
    EXPECT_EQ_STR("x  31my\xc2\xa0z", csi);
    struct cli cli = {.colour = true};
    EXPECT_EQ_STR("\033[32msucceeded\033[0m", out_state(&cli, "succeeded", text));
    EXPECT_EQ_STR("queued", out_state(&cli, "queued", text));
    cli.colour = false;
    EXPECT_EQ_STR("succeeded", out_state(&cli, "succeeded", text));
    EXPECT_EQ_STR("-", out_state(&cli, NULL, text));
}

static void test_read_file(void) {
    char path[] = "/tmp/jobhost-read-XXXXXX";
    struct err e = {.msg = ""};
    int fd = mkstemp(path);
    EXPECT_EQ_INT(10, write(fd, "0123456789", 10));
    for (size_t over = 0; over <= 1; over++) {
        struct buf out = {0};
        EXPECT_EQ_INT(over ? -EFBIG : 0, read_file(path, 10 - over, &out, &e));
        buf_free(&out);
    }
    struct buf out = {0};
    EXPECT_EQ_INT(-ENOENT, read_file("/no/such", 10, &out, &e));
    EXPECT_CONTAINS("/no/such: No such file", e.msg);
    buf_free(&out);
    close(fd);
    (void)unlink(path);
}

/* ---- options as given ---- */

static void test_given(void) {
    static const struct cli_option options[] = {
        {"label", 'l', "L", ".", CLI_ANY}, {"all", 'a', NULL, ".", CLI_ANY}, {0}};
    struct cli_given given[] = {{&options[0], "x"}, {&options[1], NULL}, {&options[0], "y"}};
    struct cli cli = {.given = given, .given_count = 3};
    EXPECT_EQ_STR("x", cli_nth(&cli, "label", 0));
    EXPECT_EQ_STR("y", cli_nth(&cli, "label", 1));
    EXPECT_NULL(cli_nth(&cli, "label", 2));
    EXPECT_EQ_STR("y", cli_value(&cli, "label")); // the last one counts
    EXPECT_TRUE(cli_flag(&cli, "all"));
    EXPECT_FALSE(cli_flag(&cli, "none"));
    EXPECT_NULL(cli_value(&cli, "none"));
}

/* ---- commands for people ---- */

static void test_command_words(void) {
    static const struct {
        const char *text, *word;
    } rows[] = {
        {"report.html", "report.html"},
        {"", "''"},
        {"a b", "'a b'"},
        {"it's", "'it'\\''s'"},
        {"$(rm *)", "'$(rm *)'"},
        {"~/x", "'~/x'"},
        {"a\\b", "'a\\b'"},
        {"https://h:1/x", "https://h:1/x"},
        {"Ums\xc3\xa4tze", "'Ums\xc3\xa4tze'"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf out = {0};
        command_word(&out, rows[i].text);
        EXPECT_EQ_STR(rows[i].word, out.data);
        buf_free(&out);
    }
}

static void test_command_result(void) {
    struct cli_given given[] = {{&cli_host_options[0], "my config.yaml"},
                                {&cli_common_options[0], NULL}};
    const struct cli cli = {.given = given, .given_count = ARRAY_LEN(given)};
    struct buf out = {0};
    command_result(&cli, "ID", "-n", &out);
    EXPECT_EQ_STR("jobhost result ID -o -n --config 'my config.yaml' -- -n", out.data);
    buf_clear(&out);
    command_result(&cli, "ID", NULL, &out);
    EXPECT_EQ_STR("jobhost result ID -o DIR/ --config 'my config.yaml'", out.data);
    buf_free(&out);
}

static const struct expect_test tests[] = {
    {"options of commands", test_options_are_unique},
    {"finding a command", test_find},
    {"event streams, however they are cut", test_sse},
    {"sizes, ages, harmless text", test_out},
    {"reading a file", test_read_file},
    {"options as given", test_given},
    {"words of a shell", test_command_words},
    {"commands that are told", test_command_result},
};

SUITE_MAIN("cli parts", tests)
