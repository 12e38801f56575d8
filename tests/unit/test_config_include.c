// Several files: what include takes, how sections join, and what must not be said twice.

#include "config_test.h"
#include "expect.h"

struct file {
    const char *name, *text;
};

static struct loaded load_files(struct scratch *s, const struct file *files, size_t count) {
    char main_file[160];
    for (size_t i = 0; i < count; i++) {
        const char *slash = strchr(files[i].name, '/');
        if (slash != NULL) {
            char dir[64];
            (void)snprintf(dir, sizeof(dir), "%.*s", (int)(slash - files[i].name), files[i].name);
            (void)mkdir(scratch_path(s, dir), 0700);
        }
        (void)scratch_text(s, files[i].name, files[i].text);
    }
    (void)snprintf(main_file, sizeof(main_file), "%s", scratch_path(s, files[0].name));
    return load_file(main_file, NULL, NULL);
}

static void test_joined(void) {
    static const struct file files[] = {
        {"main.yaml",
         "include: conf.d/*.yaml\nhost: {log_level: warn}\nqueues: {a: {concurrency: 1}}\n"},
        {"conf.d/b.yaml", "host: {log_format: json}\nqueues: {b: {concurrency: 2}}\nstore: {spool: "
                          "{max_age: 1d}}\n"},
        {"conf.d/a.yaml", "queues: {c: {concurrency: 3}}\nstore: {spool: {max_bytes: "
                          "2MiB}}\nlimits: {l: {rate: 1}}\n"},
        {"conf.d/.hidden.yaml", "bogus: 1\n"},
        {"conf.d/old.yaml~", "bogus: 1\n"},
        {"conf.d/other.txt", "bogus: 1\n"},
    };
    struct scratch s;
    scratch_make(&s);
    struct loaded l = load_files(&s, files, sizeof(files) / sizeof(files[0]));
    EXPECT_STR("", printed(&l));
    if (EXPECT_TRUE(l.config != NULL)) {
        EXPECT_EQ_UINT(3, l.config->queue_count);
        EXPECT_EQ_INT(3, config_queue(l.config, "c")->concurrency);
        EXPECT_STR("warn", l.config->host.log_level);
        EXPECT_STR("json", l.config->host.log_format);
        EXPECT_EQ_INT(86400000, l.config->store.spool_max_age_ms);
        EXPECT_EQ_INT(2 << 20, l.config->store.spool_max_bytes);
        EXPECT_EQ_UINT(1, l.config->limit_count);
        // sorted bytewise: conf.d/a.yaml comes first
        EXPECT_STR("c", l.config->queues[1].entry.name);
        EXPECT_CONTAINS("/conf.d/a.yaml", l.config->queues[1].entry.file);
    }
    unload(&l);
    scratch_remove(&s);
}

// Paths and secrets are relative to the file that names them.
static void test_relative(void) {
    static const struct file files[] = {
        {"main.yaml", "include: [sub/x.yaml]\n"},
        {"sub/x.yaml", "plugins: {p: {file: ./p.so}}\nhost: {admin_token: file:token}\n"},
        {"sub/token", "abcdefghijklmnop\n"},
    };
    struct scratch s;
    scratch_make(&s);
    struct loaded l = load_files(&s, files, 3);
    EXPECT_STR("", printed(&l));
    if (EXPECT_TRUE(l.config != NULL)) {
        EXPECT_STR("abcdefghijklmnop", l.config->host.admin_token);
        EXPECT_CONTAINS("/sub/p.so", l.config->plugins[0].file);
        EXPECT_NULL(strstr(l.config->host.state_dir, "/sub/"));
    }
    unload(&l);
    scratch_remove(&s);
}

// A section that is empty in one file takes what the other has.
static void test_empty_meets_full(void) {
    static const struct file files[] = {
        {"main.yaml",
         "include: [sub/x.yaml, sub/./y.yaml]\nqueues:\nhost:\nlimits: {l: {rate: 1}}\n"},
        {"sub/x.yaml", "queues: {q: {concurrency: 5}}\nhost: {log_level: warn}\nlimits:\n"},
        {"sub/y.yaml", "host: {state_dir: /a//b/./c/.}\n"},
    };
    struct scratch s;
    scratch_make(&s);
    struct loaded l = load_files(&s, files, 3);
    EXPECT_STR("", printed(&l));
    if (EXPECT_TRUE(l.config != NULL)) {
        EXPECT_EQ_INT(5, config_queue(l.config, "q")->concurrency);
        EXPECT_STR("warn", l.config->host.log_level);
        EXPECT_STR("/a/b/c", l.config->host.state_dir);
        EXPECT_EQ_UINT(1, l.config->limit_count);
    }
    unload(&l);
    scratch_remove(&s);
}

static const struct {
    const char *main_text, *other; // other = sub/x.yaml
    const char *path, *code, *words;
} mistakes[] = {
    {"include: sub/x.yaml\nhost: {log_level: info}\n", "host: {log_level: warn}\n",
     "host.log_level", "duplicate_key", "main.yaml:2:8"},
    {"include: sub/x.yaml\nqueues: {q: {}}\n", "queues: {q: {concurrency: 1}}\n", "queues.q",
     "duplicate_key", "main.yaml:2:10"},
    {"include: sub/x.yaml\nhost: {listen: [127.0.0.1:1]}\n", "host: {listen: [127.0.0.1:2]}\n",
     "host.listen", "duplicate_key", "main.yaml:2:8"},
    {"include: sub/x.yaml\ncors: [http://a]\n", "cors: [http://b]\n", "cors", "duplicate_key",
     "main.yaml:2:1"},
    {"include: sub/x.yaml\nplugin_dir: a\n", "plugin_dir: a\n", "plugin_dir", "duplicate_key",
     "main.yaml:2:1"},
    {"include: sub/x.yaml\n", "include: y.yaml\n", "include", "nested_include", "must not include"},
    {"include: sub/x.yaml\n", "bogus: 1\n", "bogus", "unknown_key", "unknown key"},
    {"include: sub/x.yaml\n", "[1]\n", "", "wrong_kind", "mapping of sections"},
    {"include: sub/x.yaml\n", "", "", "empty", "empty configuration"},
    {"include: sub/x.yaml\n", "a: [\n", "a[0]", "yaml_syntax", "did not find"},
    {"include: [sub/x.yaml, sub/x.yaml]\n", "host: {}\n", "include", "included_twice", "twice"},
    {"include: main.yaml\n", "host: {}\n", "include", "included_twice", "twice"},
    {"include: sub/none.yaml\n", "host: {}\n", "include", "include_file", "No such file"},
    {"include: sub\n", "host: {}\n", "include", "include_file", "not a regular file"},
    {"include: \"*/x.yaml\"\n", "host: {}\n", "include", "bad_include", "last part"},
    {"include: \"${A}\"\n", "host: {}\n", "include", "bad_include", "not replaced"},
    {"include: {a: b}\n", "host: {}\n", "include", "wrong_kind", "found a mapping"},
    {"include:\n", "host: {}\n", "include", "wrong_kind", "found nothing"},
    {"include: [sub/x.yaml, [a]]\n", "host: {}\n", "include", "wrong_kind", "found a list"},
};

static void test_mistakes(void) {
    for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
        const struct file files[] = {{"main.yaml", mistakes[i].main_text},
                                     {"sub/x.yaml", mistakes[i].other}};
        struct scratch s;
        scratch_make(&s);
        struct loaded l = load_files(&s, files, 2);
        EXPECT_NULL(l.config);
        if (!EXPECT_STR(mistakes[i].code, code_at(&l, mistakes[i].path))) {
            (void)fprintf(stderr, "%s", printed(&l));
        }
        EXPECT_CONTAINS(mistakes[i].words, printed(&l));
        unload(&l);
        scratch_remove(&s);
    }
}

static void test_nothing_matches(void) {
    static const struct file files[] = {{"main.yaml", "include: conf.d/*.yaml\nhost: {}\n"}};
    struct scratch s;
    scratch_make(&s);
    struct loaded l = load_files(&s, files, 1);
    EXPECT_TRUE(l.config != NULL);
    EXPECT_EQ_UINT(1, l.report.warnings);
    EXPECT_STR("no_match", code_at(&l, "include"));
    unload(&l);
    scratch_remove(&s);
}

// A syntax error ends its file; the others are still judged, and problems come in the order of the files.
static void test_all_files_are_judged(void) {
    static const struct file files[] = {
        {"main.yaml", "include: conf.d/*\nhost: {lease: 1}\n"},
        {"conf.d/a", "x: [\n"},
        {"conf.d/b", "store: {bogus: 1}\n"},
    };
    struct scratch s;
    scratch_make(&s);
    struct loaded l = load_files(&s, files, 3);
    if (EXPECT_EQ_UINT(3, l.report.errors)) {
        EXPECT_STR("bad_duration", l.report.items[0].code);
        EXPECT_STR("yaml_syntax", l.report.items[1].code);
        EXPECT_STR("unknown_key", l.report.items[2].code);
        EXPECT_CONTAINS("conf.d/b", l.report.items[2].file);
        EXPECT_CONTAINS("bogus: ...", l.report.items[2].excerpt);
    }
    unload(&l);
    scratch_remove(&s);
}

static void test_count(void) {
    for (int over = 0; over < 2; over++) {
        struct scratch s;
        scratch_make(&s);
        (void)mkdir(scratch_path(&s, "d"), 0700);
        for (int i = 0; i < 256 + over; i++) {
            char name[32], text[64];
            (void)snprintf(name, sizeof(name), "d/%03d", i);
            (void)snprintf(text, sizeof(text), "queues: {q%d: {}}\n", i);
            (void)scratch_text(&s, name, text);
        }
        struct loaded l = load_file(scratch_text(&s, "main.yaml", "include: d/*\n"), NULL, NULL);
        EXPECT_STR(over == 1 ? "too_many_files" : "", code_at(&l, "include"));
        EXPECT_EQ_UINT(over, l.report.errors);
        unload(&l);
        scratch_remove(&s);
    }
}

static void test_main_file(void) {
    struct scratch s;
    scratch_make(&s);
    struct loaded l = load_file(scratch_path(&s, "none.yaml"), NULL, NULL);
    EXPECT_STR("cannot_read", code_at(&l, ""));
    EXPECT_CONTAINS("none.yaml:1:1: cannot read", printed(&l));
    unload(&l);
    l = load_file(s.dir, NULL, NULL);
    EXPECT_STR("cannot_read", code_at(&l, ""));
    unload(&l);
    EXPECT_EQ_INT(0, mkfifo(scratch_path(&s, "fifo"), 0600));
    l = load_file(s.path, NULL, NULL); // must not hang
    EXPECT_CONTAINS("not a regular file", printed(&l));
    unload(&l);
    scratch_remove(&s);
}

static const struct expect_test tests[] = {
    {"files join by section and name", test_joined},
    {"paths begin at the file that holds them", test_relative},
    {"an empty section takes the other file's", test_empty_meets_full},
    {"every mistake", test_mistakes},
    {"a pattern without a match warns", test_nothing_matches},
    {"every file is judged", test_all_files_are_judged},
    {"256 files are fine, 257 are not", test_count},
    {"a main file that cannot be read", test_main_file},
};
SUITE_MAIN("config_include", tests)
