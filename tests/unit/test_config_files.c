// The files of the repository: the shipped config.yaml loads without a word in an empty environment, and what is generated from
// the tables is what is checked in. After a change of the tables:
//     jobhost config schema > jobhost.schema.json; jobhost config docs > docs/config.md

#include "config_test.h"
#include "expect.h"

static struct buf slurp(const char *path) {
    struct buf text = {0};
    char chunk[4096];
    FILE *f = fopen(path, "r");
    for (size_t n; f != NULL && (n = fread(chunk, 1, sizeof(chunk), f)) > 0;) {
        buf_add(&text, chunk, n);
    }
    if (f != NULL) {
        (void)fclose(f);
    }
    return text;
}

static void expect_current(const char *path, struct buf *generated) {
    struct buf checked_in = slurp(path);
    if (!EXPECT_TRUE(bytes_equal(buf_bytes(&checked_in), buf_bytes(generated)))) {
        (void)fprintf(stderr, "%s is not current: see the head of %s\n", path, __FILE__);
    }
    buf_free(&checked_in);
    buf_free(generated);
}

static void test_schema_is_current(void) {
    struct buf out = {0};
    config_schema_json(&out);
    expect_current(SOURCE_DIR "/jobhost.schema.json", &out);
}

static void test_docs_are_current(void) {
    struct buf out = {0};
    config_docs_markdown(&out);
    expect_current(SOURCE_DIR "/docs/config.md", &out);
}

static void test_shipped_config(void) {
    struct loaded l = load_file(SOURCE_DIR "/config.yaml", NULL, NULL);
    EXPECT_STR("", printed(&l));
    if (EXPECT_TRUE(l.config != NULL)) {
        EXPECT_TRUE(config_plugin(l.config, "hello")->entry.on);
        EXPECT_STR("hello", config_job(l.config, "hello.say")->queue);
        EXPECT_CONTAINS("/build/plugins/hello.so", config_plugin(l.config, "hello")->file);
        EXPECT_FALSE(l.config->schedules[0].entry.on);
        EXPECT_FALSE(l.config->hooks[0].entry.on);
        EXPECT_TRUE(l.config->routes[0].entry.on); // its plugin is there
        EXPECT_FALSE(l.config->notify[0].entry.on);
    }
    unload(&l);
    struct buf text = slurp(SOURCE_DIR "/config.yaml");
    EXPECT_TRUE(strncmp(text.data, "# yaml-language-server: $schema=jobhost.schema.json\n", 52) ==
                0);
    buf_free(&text);
}

static void test_plugin_dir(void) {
    struct config_load_options options = {.default_plugin_dir = "/usr/lib/jobhost/plugins"};
    struct scratch s;
    scratch_make(&s);
    struct loaded l = load_file(scratch_text(&s, "c.yaml", "plugins: {p: {}}\n"), NULL, &options);
    EXPECT_STR("/usr/lib/jobhost/plugins/p.so", l.config->plugins[0].file);
    unload(&l);
    l = load_file(scratch_path(&s, "c.yaml"), NULL, NULL);
    EXPECT_CONTAINS("/build/plugins/p.so", l.config->plugins[0].file);
    unload(&l);
    scratch_remove(&s);
}

// memory_only: no file is opened, whatever the text names.
static void test_memory_only(void) {
    static const char text[] = "include: config.yaml\n"
                               "host: {admin_token: file:x, listen: {address: '127.0.0.1:1', tls: "
                               "{cert: /none, key: /none}}}\n"
                               "queues: {q: {key_prefix: \"${file:x}\"}}\n";
    struct config_load_options options = {.memory_only = true};
    struct loaded l = {0};
    l.config = config_load_text("t", bytes_of(text), NULL, &options, &l.report);
    EXPECT_EQ_UINT(3, l.report.errors);
    for (size_t i = 0; i < l.report.count; i++) {
        EXPECT_STR("files are not read here", l.report.items[i].message);
    }
    unload(&l);
}

static const struct expect_test tests[] = {
    {"jobhost.schema.json is current", test_schema_is_current},
    {"docs/config.md is current", test_docs_are_current},
    {"config.yaml loads without a word", test_shipped_config},
    {"the default plugin folder is the caller's", test_plugin_dir},
    {"text in memory opens no file", test_memory_only},
};
SUITE_MAIN("config_files", tests)
