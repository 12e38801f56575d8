#include "base/log.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/json.h"
#include "expect.h"

static const struct env env;
static char text[1 << 16];

struct sink {
    int ends[2];
};

static struct sink sink_open(struct log *log) {
    struct sink s;
    EXPECT_EQ_INT(0, pipe(s.ends));
    log->fd = s.ends[1];
    log->env = &env;
    return s;
}

// All that was written, in `text`.
static const char *sink_close(struct sink *s) {
    (void)close(s->ends[1]);
    size_t len = 0;
    ssize_t n;
    while ((n = read(s->ends[0], text + len, sizeof text - 1 - len)) > 0) {
        len += (size_t)n;
    }
    text[len] = '\0';
    (void)close(s->ends[0]);
    return text;
}

static void test_text(void) {
    struct log log = {.level = LOG_LEVEL_INFO};
    struct sink s = sink_open(&log);
    log_debug(&log, "never.seen", "%s", "");
    log_info(&log, "worker.ready", "plugin=%s pid=%d", "hello", 4711);
    log_error(&log, "store.failed", "%s", "");
    const char *got = sink_close(&s);
    EXPECT_EQ_INT('T', got[10]);
    EXPECT_EQ_INT('Z', got[23]);
    EXPECT_CONTAINS("Z info  worker.ready plugin=hello pid=4711\n", got);
    EXPECT_CONTAINS("Z error store.failed\n", got);
    EXPECT_NULL(strstr(got, "never"));
}

static void test_escapes(void) {
    struct log log = {.journal = true};
    struct sink s = sink_open(&log);
    log_warn(&log, "a.b", "text=%s", "one\ntwo\x1b[31m\x7f \xc3\xa9 \xc2\x9b.");
    EXPECT_EQ_STR("<4>a.b text=one\\ntwo\\x1b[31m\\x7f \xc3\xa9 \\xc2\\x9b.\n", sink_close(&s));
}

// Text of a plugin, which would like to be more than one field.
static void test_quoted(void) {
    static const struct {
        const char *words, *want, *want_json;
    } rows[] = {
        {"plain", "msg=\"plain\"", ",\"pid\":4,\"msg\":\"plain\"}"},
        {"", "msg=\"\"", ",\"pid\":4,\"msg\":\"\"}"},
        {"a\" pid=5 b=\"c", "msg=\"a\\\" pid=5 b=\\\"c\"",
         ",\"pid\":4,\"msg\":\"a\\\" pid=5 b=\\\"c\"}"},
        {"back\\", "msg=\"back\\\\\"", ",\"pid\":4,\"msg\":\"back\\\\\"}"},
        {"level=fatal user=root", "msg=\"level=fatal user=root\"",
         ",\"pid\":4,\"msg\":\"level=fatal user=root\"}"},
    };
    for (size_t i = 0; i < 2 * ARRAY_LEN(rows); i++) {
        struct log log = {.json = i % 2 == 1, .journal = true};
        struct sink s = sink_open(&log);
        log_info(&log, "a.b", "pid=4 msg=\"%s\"", rows[i / 2].words);
        const char *got = sink_close(&s);
        EXPECT_CONTAINS(log.json ? rows[i / 2].want_json : rows[i / 2].want, got);
        EXPECT_CONTAINS(log.json ? "\"event\":\"a.b\"" : "a.b pid=4 msg=", got);
    }
}

// Cut or not, what is in quotes stays in them.
static void test_long_quoted(void) {
    static char long_text[LOG_FIELDS_MAX + 100];
    memset(long_text, 'x', sizeof long_text - 1);
    memcpy(long_text + 50, "\" pid=5 ", 8);
    for (int json = 0; json < 2; json++) {
        struct log log = {.json = json == 1, .journal = true};
        struct sink s = sink_open(&log);
        log_info(&log, "a", "msg=\"%s\"", long_text);
        const char *got = sink_close(&s);
        EXPECT_CONTAINS("\\\" pid=5 x", got);
        EXPECT_CONTAINS(json == 1 ? "x...\"}" : "x...\"\n", got);
    }
}

static void test_journal(void) {
    struct log log = {.journal = true};
    struct sink s = sink_open(&log);
    log_debug(&log, "a", "%s", "");
    log_info(&log, "a", "%s", "");
    log_warn(&log, "a", "%s", "");
    log_error(&log, "a", "%s", "");
    EXPECT_EQ_STR("<7>a\n<6>a\n<4>a\n<3>a\n", sink_close(&s));
}

static void test_json(void) {
    static const struct {
        const char *fields, *want;
    } rows[] = {
        {"", "}"},
        {"pid=47", ",\"pid\":47}"},
        {"a=-5 b=007 c=1.5 d=-", ",\"a\":-5,\"b\":\"007\",\"c\":\"1.5\",\"d\":\"-\"}"},
        {"n=123456789012345 m=1234567890123456",
         ",\"n\":123456789012345,\"m\":\"1234567890123456\"}"},
        {"msg=two words, a comma ok=1", ",\"msg\":\"two words, a comma\",\"ok\":1}"},
        {"msg=\"quoted words\" ok=1", ",\"msg\":\"quoted words\",\"ok\":1}"},
        {"a= b=", ",\"a\":\"\",\"b\":\"\"}"},
        {"no key at all", ",\"text\":\"no key at all\"}"},
        {"line=a\nb q=\"x", ",\"line\":\"a\\nb\",\"q\":\"\\\"x\"}"},
        {"url=http://h/?x=1&y=2 n=0", ",\"url\":\"http://h/?x=1&y=2\",\"n\":0}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct log log = {.json = true};
        struct sink s = sink_open(&log);
        log_info(&log, "a.b", "%s", rows[i].fields);
        const char *got = sink_close(&s);
        EXPECT_CONTAINS("\"level\":\"info\",\"event\":\"a.b\"", got);
        EXPECT_CONTAINS(rows[i].want, got);
        EXPECT_TRUE(json_is_valid(bytes_of(got)));
        EXPECT_EQ_UINT(strlen(got) - 1, strcspn(got, "\n"));
    }
}

// Whatever bytes the fields are, the line is one line of JSON, or one line of text without control bytes.
static void test_any_bytes(void) {
    uint32_t random = 9;
    for (int round = 0; round < 2000; round++) {
        char fields[64];
        size_t len = random % sizeof fields;
        for (size_t i = 0; i < len; i++) {
            static const char often[] = "= \"a1\\\n";
            random = random * 1664525u + 1013904223u;
            unsigned char any = (unsigned char)(random >> 24 | 1);
            fields[i] = random >> 23 & 1 ? often[(random >> 8) % (sizeof often - 1)] : (char)any;
        }
        fields[len] = '\0';
        for (int json = 0; json < 2; json++) {
            struct log log = {.json = json == 1};
            struct sink s = sink_open(&log);
            log_info(&log, "a", "%s", fields);
            const char *got = sink_close(&s);
            EXPECT_EQ_UINT(strlen(got) - 1, strcspn(got, "\n"));
            EXPECT_TRUE(json == 0 || json_is_valid(bytes_of(got)));
            for (const char *p = got; *p != '\n'; p++) {
                EXPECT_TRUE((unsigned char)*p >= 0x20 && (json == 1 || *p != 0x7f));
            }
        }
        random = random * 1664525u + 1013904223u;
    }
}

static void expect_cut(size_t len, bool cut) {
    char *fields = malloc(len + 1);
    memset(fields, 'x', len);
    fields[len] = '\0';
    struct log log = {.journal = true};
    struct sink s = sink_open(&log);
    log_info(&log, "a", "%s", fields);
    const char *got = sink_close(&s);
    size_t want = cut ? LOG_FIELDS_MAX : len;
    EXPECT_EQ_UINT(strlen("<6>a ") + want + 1, strlen(got));
    EXPECT_EQ_INT(cut, strcmp(got + strlen(got) - 4, "...\n") == 0);
    free(fields);
}

static void test_long_lines(void) {
    expect_cut(LOG_FIELDS_MAX, false);
    expect_cut(LOG_FIELDS_MAX + 1, true);
    expect_cut(20000, true);
}

static void test_silent(void) {
    const struct log log = {.env = &env, .fd = -1};
    log_error(&log, "nobody", "%s", "listens");
}

static void *write_lines(void *arg) {
    for (int i = 0; i < 500; i++) {
        log_info((const struct log *)arg, "event", "number=%d", i);
    }
    return NULL;
}

static void *read_lines(void *arg) {
    FILE *in = arg;
    char line[256];
    intptr_t whole = 0;
    while (fgets(line, sizeof line, in) != NULL) {
        int number = -1;
        whole += sscanf(line, "<6>event number=%d\n", &number) == 1 && number < 500;
    }
    return (void *)whole;
}

// Lines of several threads never mix.
static void test_threads(void) {
    struct log log = {.journal = true};
    struct sink s = sink_open(&log);
    FILE *in = fdopen(s.ends[0], "r");
    pthread_t reader, writers[4];
    EXPECT_EQ_INT(0, pthread_create(&reader, NULL, read_lines, in));
    for (int i = 0; i < 4; i++) {
        EXPECT_EQ_INT(0, pthread_create(&writers[i], NULL, write_lines, &log));
    }
    for (int i = 0; i < 4; i++) {
        (void)pthread_join(writers[i], NULL);
    }
    (void)close(s.ends[1]);
    void *whole = NULL;
    (void)pthread_join(reader, &whole);
    EXPECT_EQ_INT(2000, (intptr_t)whole);
    (void)fclose(in);
}

static const struct expect_test tests[] = {
    {"lines have time, level, event and fields", test_text},
    {"control bytes are escaped", test_escapes},
    {"text in quotes stays one field", test_quoted},
    {"also when it is cut", test_long_quoted},
    {"journal lines have a priority instead", test_journal},
    {"as JSON", test_json},
    {"any bytes make one clean line", test_any_bytes},
    {"long lines are cut", test_long_lines},
    {"without a descriptor it says nothing", test_silent},
    {"threads do not mix their lines", test_threads},
};
SUITE_MAIN("log", tests)
