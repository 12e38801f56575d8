// Every number, duration and size of the tables at its limits and one step beyond, by walking the tables; and every default.

#include <inttypes.h>

#include "config_test.h"
#include "expect.h"

#include "base/rfc3339.h"
#include "config/config_report.h"
#include "config/config_tables.h"
#include "config/config_value.h"

struct level {
    const char *before[8]; // "queues: {q: {" and the like, from the outside in
    int depth;
    char path[160];
};

static size_t checked;

static void write_bound(const struct config_field *f, int64_t value, char out[64]) {
    if (f->kind == CONFIG_DURATION) {
        (void)snprintf(out, 64, "%" PRId64 "ms", value);
    } else if (f->kind == CONFIG_SIZE) {
        (void)snprintf(out, 64, "%" PRId64 "B", value);
    } else {
        (void)snprintf(out, 64, "%" PRId64, value);
    }
}

// Closes what `text` has opened.
static void close_all(struct buf *text) {
    char closers[16];
    size_t n = 0;
    for (size_t i = 0; i < text->len; i++) {
        if (text->data[i] == '{' || text->data[i] == '[') {
            closers[n++] = text->data[i] == '{' ? '}' : ']';
        }
    }
    while (n > 0) {
        buf_char(text, closers[--n]);
    }
}

// Loads a file with nothing but this value in it; says whether the value was refused as out of range.
static bool is_out_of_range(const struct level *level, const char *key, const char *value) {
    struct buf text = {0};
    char path[256];
    for (int i = 0; i < level->depth; i++) {
        buf_str(&text, level->before[i]);
    }
    buf_printf(&text, "%s%s: %s", level->depth == 0 ? "" : "{", key, value);
    close_all(&text);
    (void)snprintf(path, sizeof(path), "%s%s%s", level->path, level->depth == 0 ? "" : ".", key);
    struct loaded l = load_text(text.data, NULL);
    bool refused = strcmp(code_at(&l, path), "out_of_range") == 0;
    EXPECT_NULL(problem(&l, "yaml_syntax"));
    unload(&l);
    buf_free(&text);
    return refused;
}

static void check_bound(const struct level *level, const struct config_field *f, int64_t value,
                        bool refused) {
    char text[64];
    write_bound(f, value, text);
    if (!EXPECT_EQ_INT(refused, is_out_of_range(level, f->key, text))) {
        (void)fprintf(stderr, "%s.%s: %s\n", level->path, f->key, text);
    }
    checked++;
}

static bool has_range(const struct config_field *f) {
    return f->kind == CONFIG_INT || f->kind == CONFIG_INT32 || f->kind == CONFIG_NUMBER ||
           f->kind == CONFIG_DURATION || f->kind == CONFIG_SIZE || f->kind == CONFIG_RATE;
}

static void check_table(struct level *level, const struct config_table *table);

static void go_deeper(struct level *level, const struct config_field *f, const char *opening,
                      const char *suffix) {
    struct level deeper = *level;
    char *text = malloc(96);
    (void)snprintf(text, 96, "%s%s: %s", level->depth == 0 ? "" : "{", f->key, opening);
    deeper.before[deeper.depth++] = text;
    (void)snprintf(deeper.path + strlen(deeper.path), sizeof(deeper.path) - strlen(deeper.path),
                   "%s%s%s", level->depth == 0 ? "" : ".", f->key, suffix);
    check_table(&deeper, f->table);
    free(text);
}

static void check_table(struct level *level, const struct config_table *table) {
    for (size_t i = 0; i < table->count; i++) {
        const struct config_field *f = &table->fields[i];
        if (has_range(f)) {
            check_bound(level, f, f->min, false);
            check_bound(level, f, f->max, false);
            check_bound(level, f, f->max + 1, true);
            // below zero a duration or size is not even well-formed
            if (f->min > 0 || f->kind == CONFIG_INT || f->kind == CONFIG_INT32) {
                check_bound(level, f, f->min - 1, true);
            }
        } else if (f->kind == CONFIG_SECTION) {
            go_deeper(level, f, "", "");
        } else if (f->kind == CONFIG_NAMED) {
            char opening[64], suffix[64];
            const char *name = f->words != NULL                                   ? f->words[0]
                               : f->form != NULL && f->form->check("n", NULL) < 0 ? "unknown"
                                                                                  : "n";
            (void)snprintf(opening, sizeof(opening), "{%s: ", name);
            (void)snprintf(suffix, sizeof(suffix), ".%s", name);
            go_deeper(level, f, opening, suffix);
        } else if (f->kind == CONFIG_LIST) {
            go_deeper(level, f, "[", "[0]");
        }
    }
}

static void test_limits(void) {
    struct level top = {0};
    check_table(&top, &config_root);
    EXPECT_TRUE(checked > 150);
}

// ---- defaults

static void check_defaults(const struct config_table *table) {
    for (size_t i = 0; i < table->count; i++) {
        const struct config_field *f = &table->fields[i];
        if (f->table != NULL) {
            check_defaults(f->table);
            continue;
        }
        if (f->fallback == NULL || f->kind == CONFIG_JSON || f->kind == CONFIG_STRINGS) {
            continue;
        }
        struct arena arena = {0};
        struct config_word word = {.text = f->fallback, .dir = "/d", .arena = &arena};
        struct err e = {0};
        union {
            int64_t numbers[2];
            double number;
            const char *text;
        } slot = {0};
        if (!EXPECT_NULL(config_value_read(f, &word, &slot, &e))) {
            (void)fprintf(stderr, "%s: %s\n", f->key, e.msg);
        }
        arena_free(&arena);
    }
}

static void test_defaults(void) {
    check_defaults(&config_root);
    for (size_t i = 0; i < config_scheme_count; i++) {
        check_defaults(&config_schemes[i]);
    }
}

// Every row says what it is, and what its kind needs.
static void check_rows(const struct config_table *table) {
    for (size_t i = 0; i < table->count; i++) {
        const struct config_field *f = &table->fields[i];
        EXPECT_TRUE(f->doc != NULL && f->doc[strlen(f->doc) - 1] == '.');
        EXPECT_NULL(strchr(f->doc, '|')); // would break the table in the docs
        EXPECT_TRUE(!has_range(f) || f->max > f->min);
        EXPECT_TRUE((f->kind != CONFIG_WORD && f->kind != CONFIG_CHOICE) || f->words != NULL);
        EXPECT_TRUE(f->kind != CONFIG_STRINGS || f->max > 0);
        EXPECT_TRUE(config_table_field(table, f->key) == f); // no key twice
        if (f->table != NULL) {
            check_rows(f->table);
        }
    }
}

static void test_rows(void) {
    check_rows(&config_root);
    for (size_t i = 0; i < config_scheme_count; i++) {
        check_rows(&config_schemes[i]);
    }
}

// ---- counts and lengths

// `each` as often as asked, with the number in place of #.
static void repeat(struct buf *out, size_t times, const char *each) {
    for (size_t i = 0; i < times; i++) {
        const char *mark = strchr(each, '#');
        buf_add(out, each, (size_t)(mark - each));
        buf_printf(out, "%zu%s", i, mark + 1);
    }
}

static void expect_count(const char *before, const char *each, const char *after, size_t limit,
                         const char *path, const char *code) {
    for (size_t over = 0; over < 2; over++) {
        struct buf text = {0};
        buf_str(&text, before);
        repeat(&text, limit + over, each);
        buf_str(&text, after);
        struct loaded l = load_text(text.data, NULL);
        EXPECT_STR(over == 1 ? code : "", code_at(&l, path));
        unload(&l);
        buf_free(&text);
    }
}

static void test_counts(void) {
    expect_count("plugins: {", "p#: {},", "}", 256, "plugins", "too_many");
    expect_count("queues: {", "q#: {},", "}", 10000, "queues", "too_many");
    expect_count("jobs: {", "j#.x: {},", "}", 10000, "jobs", "too_many");
    expect_count("host: {listen: [", "127.0.0.1:#,", "]}", 16, "host.listen", "too_many");
    expect_count("cors: [", "'http://h#',", "]", 64, "cors", "too_many");
    expect_count("plugins: {p: {exec: [", "p#,", "]}}", 32, "plugins.p.exec", "too_many");
    expect_count("plugins: {p: {config: {", "o#: 1,", "}}}", 256, "plugins.p.config", "too_many");
    expect_count("limits: {l: {rate: 1, learn: [", "H-#,", "]}}", 16, "limits.l.learn", "too_many");
    expect_count("jobs: {a.b: {labels: [", "l#,", "]}}", 32, "jobs.a.b.labels", "too_many");
    expect_count("hooks: {h: {path: /h, job: a.b, verify: [", "{bearer: t#},", "]}}", 8,
                 "hooks.h.verify", "too_many");
    expect_count("hooks: {h: {path: /h, job: a.b, verify: {bearer: [", "t#,", "]}}}", 8,
                 "hooks.h.verify.bearer.secret", "too_many");
}

static void expect_length(const char *before, const char *after, size_t limit, const char *path,
                          const char *code) {
    for (size_t over = 0; over < 2; over++) {
        struct buf text = {0};
        buf_str(&text, before);
        for (size_t i = 0; i < limit + over; i++) {
            buf_char(&text, 'x');
        }
        buf_str(&text, after);
        struct loaded l = load_text(text.data, NULL);
        EXPECT_STR(over == 1 ? code : "", code_at(&l, path));
        unload(&l);
        buf_free(&text);
    }
}

static void test_lengths(void) {
    char path[300] = "queues.";
    memset(path + 7, 'x', 65);
    expect_length("queues: {", ": {}}", 64, path, "bad_name");
    expect_length("queues: {q: {key_prefix: ", "}}", 64, "queues.q.key_prefix", "too_long");
    expect_length("jobs: {a.b: {queue: ", "}}", 64, "jobs.a.b.queue", "bad_value");
    expect_length("host: {admin_token: ", "}", 512, "host.admin_token", "too_long");
    expect_length("host: {admin: 'unix:/", "'}", 106, "host.admin", "bad_value");
    expect_length("host: {listen: 'unix:/", "'}", 106, "host.listen[0]", "bad_value");
    expect_length("host: {base_url: 'http://", "'}", 2048 - 7, "host.base_url", "too_long");
    expect_length("schedules: {s: {cron: '@daily', job: ", "}}", 128, "schedules.s.job",
                  "bad_value");
    expect_length("schedules: {s: {cron: '@daily', job: a.b, user: ", "}}", 128, "schedules.s.user",
                  "too_long");
    expect_length("schedules: {s: {cron: '@daily', job: a.b, key: ", "}}", 512, "schedules.s.key",
                  "too_long");
    expect_length("jobs: {a.b: {labels: [", "]}}", 1024, "jobs.a.b.labels", "too_long");
    expect_length("plugins: {p: {config: {", ": 1}}}", 64,
                  "plugins.p.config."
                  "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
                  "bad_name");
}

static void test_file_size(void) {
    for (size_t over = 0; over < 2; over++) {
        struct buf text = {0};
        buf_str(&text, "host:\n");
        while (text.len < 256 * 1024 + over) {
            buf_char(&text, '#');
        }
        struct loaded l = load_text(text.data, NULL);
        EXPECT_STR(over == 1 ? "file_size" : "", code_at(&l, ""));
        unload(&l);
        struct scratch s;
        scratch_make(&s);
        l = load_file(scratch_write(&s, "c.yaml", text.data, text.len, 0600), NULL, NULL);
        EXPECT_STR(over == 1 ? "file_size" : "", code_at(&l, ""));
        unload(&l);
        scratch_remove(&s);
        buf_free(&text);
    }
}

// 50 errors are listed, all are counted.
static void test_error_cap(void) {
    for (int over = 0; over < 2; over++) {
        struct buf text = {0};
        buf_str(&text, "host:\n");
        for (int i = 0; i < CONFIG_REPORT_MAX + over; i++) {
            buf_printf(&text, "  bogus%d: 1\n", i);
        }
        struct loaded l = load_text(text.data, NULL);
        EXPECT_EQ_UINT(CONFIG_REPORT_MAX + over, l.report.errors);
        EXPECT_EQ_UINT(CONFIG_REPORT_MAX, l.report.count);
        EXPECT_EQ_INT(over == 1, strstr(printed(&l), "... and 1 more") != NULL);
        unload(&l);
        buf_free(&text);
    }
}

static const struct expect_test tests[] = {
    {"every range at its ends and one step beyond", test_limits},
    {"every default is a value its own key accepts", test_defaults},
    {"every row is complete", test_rows},
    {"every count at its limit and one more", test_counts},
    {"every length at its limit and one more", test_lengths},
    {"256 KiB of file are fine, one byte more is not", test_file_size},
    {"50 errors are listed, all are counted", test_error_cap},
};
SUITE_MAIN("config_limits", tests)
