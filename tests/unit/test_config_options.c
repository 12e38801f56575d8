// plugins.<name>.config against a plugin's own table.

#include "config_test.h"
#include "expect.h"

#include "base/arena.h"
#include "jobhost_plugin.h"

static const struct config_option_spec specs[] = {
    {"name", JH_OPT_STRING, 0, "nobody", "who"},
    {"depth", JH_OPT_INT, 0, NULL, "how deep"},
    {"dry", JH_OPT_BOOL, 0, "false", "do nothing"},
    {"pause", JH_OPT_DURATION, 0, "400ms", "between pages"},
    {"room", JH_OPT_SIZE, 0, NULL, "memory"},
    {"url", JH_OPT_URL, 0, NULL, "where"},
    {"token", JH_OPT_STRING, JH_OPT_REQUIRED | JH_OPT_SECRET, NULL, "who we are"},
    {"later", 99, 0, NULL, "a type of a later ABI"},
    {"cert_file", JH_OPT_STRING, 0, NULL, "an option that happens to end like this"},
    {"cert", JH_OPT_STRING, JH_OPT_SECRET, NULL, "secret beside it"},
};

struct bound {
    struct loaded loaded;
    struct arena arena;
    struct config_option_value *values;
    size_t count;
    struct buf out;
    int errors;
};

static const char *const environment[] = {"TOKEN=t-env", NULL};

static struct bound bind_in(struct scratch *s, const char *options) {
    struct bound b = {0};
    char text[512];
    (void)snprintf(text, sizeof(text), "plugins:\n  p:\n    config: {%s}\n", options);
    b.loaded = s == NULL ? load_text(text, environment)
                         : load_file(scratch_text(s, "c.yaml", text), environment, NULL);
    if (EXPECT_TRUE(b.loaded.config != NULL)) {
        b.errors = config_bind_options(config_plugin(b.loaded.config, "p"), specs,
                                       sizeof(specs) / sizeof(specs[0]), &b.arena, &b.values,
                                       &b.count, &b.out);
    } else {
        (void)fprintf(stderr, "%s", printed(&b.loaded));
    }
    return b;
}

static const char *value(const struct bound *b, const char *name) {
    for (size_t i = 0; i < b->count; i++) {
        if (strcmp(b->values[i].name, name) == 0) {
            return b->values[i].value;
        }
    }
    return NULL;
}

static void drop(struct bound *b) {
    arena_free(&b->arena);
    buf_free(&b->out);
    unload(&b->loaded);
}

static void test_normalised(void) {
    struct bound b =
        bind_in(NULL, "token: '${TOKEN}', depth: -3, dry: true, pause: 1h30m, room: 2MiB, "
                      "url: 'https://x/', name: 'A B', later: as it is");
    EXPECT_EQ_INT(0, b.errors);
    EXPECT_STR("t-env", value(&b, "token"));
    EXPECT_STR("-3", value(&b, "depth"));
    EXPECT_STR("true", value(&b, "dry"));
    EXPECT_STR("5400000", value(&b, "pause"));
    EXPECT_STR("2097152", value(&b, "room"));
    EXPECT_STR("A B", value(&b, "name"));
    EXPECT_STR("as it is", value(&b, "later"));
    drop(&b);
}

static void test_fallbacks(void) {
    struct bound b = bind_in(NULL, "token: x");
    EXPECT_EQ_INT(0, b.errors);
    EXPECT_STR("nobody", value(&b, "name"));
    EXPECT_STR("false", value(&b, "dry"));
    EXPECT_STR("400", value(&b, "pause"));
    EXPECT_NULL(value(&b, "depth"));
    EXPECT_EQ_UINT(4, b.count);
    drop(&b);
}

static const struct {
    const char *options, *words;
} mistakes[] = {
    {"", "test.yaml:2:3: plugins.p.config.token: is missing"},
    {"token: x, depth: two",
     "test.yaml:3:31: plugins.p.config.depth: expected a whole number, found \"two\""},
    {"token: x, dry: yes", "write true"},
    {"token: x, pause: 5", "write 5s"},
    {"token: x, room: 5", "write 5B"},
    {"token: x, url: ftp://x", "http"},
    {"token: x, dpeth: 5", "unknown option; did you mean \"depth\"?"},
    {"token: x, frob: 5", "the plugin has no such option"},
    {"token: x, name_file: y", "the plugin has no such option"},
    {"token: x, token_file: y", "both given"},
    {"token_file: /none/such", "No such file"},
};

static void test_mistakes(void) {
    for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
        struct bound b = bind_in(NULL, mistakes[i].options);
        EXPECT_EQ_INT(1, b.errors);
        EXPECT_CONTAINS(mistakes[i].words, b.out.data);
        drop(&b);
    }
}

static void test_files(void) {
    struct scratch s;
    scratch_make(&s);
    (void)scratch_text(&s, "tok", "t-file\n");
    struct bound b = bind_in(&s, "token_file: tok, cert_file: tok");
    EXPECT_EQ_INT(0, b.errors);
    EXPECT_STR("t-file", value(&b, "token"));
    EXPECT_STR("tok", value(&b, "cert_file")); // an option of that name is itself
    EXPECT_NULL(value(&b, "cert"));
    drop(&b);
    b = bind_in(&s, "token: file:tok");
    EXPECT_STR("t-file", value(&b, "token"));
    EXPECT_TRUE(b.loaded.config->plugins[0].options[0].secret_source);
    drop(&b);
    b = bind_in(&s, "token: x, url: 'file:///a'"); // a URL, not a secret's file
    EXPECT_CONTAINS("http", b.out.data);
    drop(&b);
    scratch_remove(&s);
}

// A secret that does not fit is not shown.
static void test_secrets_stay_hidden(void) {
    static const struct config_option_spec secret_number[] = {
        {"pin", JH_OPT_INT, JH_OPT_SECRET, NULL, "a number that is secret"}};
    struct loaded l = load_text("plugins: {p: {config: {pin: hunter2}}}\n", NULL);
    struct arena arena = {0};
    struct buf out = {0};
    struct config_option_value *values;
    size_t count;
    EXPECT_EQ_INT(1, config_bind_options(&l.config->plugins[0], secret_number, 1, &arena, &values,
                                         &count, &out));
    EXPECT_NULL(strstr(out.data, "hunter2"));
    buf_free(&out);
    arena_free(&arena);
    unload(&l);
}

static void test_nested(void) {
    struct loaded l = load_text("plugins: {p: {config: {a: {b: 1}}}}\n", NULL);
    EXPECT_STR("nested_option", code_at(&l, "plugins.p.config.a"));
    unload(&l);
}

static const struct expect_test tests[] = {
    {"values are normalised", test_normalised},
    {"what is not given falls back", test_fallbacks},
    {"every mistake, with its place", test_mistakes},
    {"secrets from files", test_files},
    {"a secret is not shown", test_secrets_stay_hidden},
    {"nested YAML is refused", test_nested},
};
SUITE_MAIN("config_options", tests)
