// ${...}: every form, every refusal, and that the result stays a value.

#include <errno.h>

#include "config_test.h"
#include "expect.h"

#include "config/config_subst.h"

static const char *const environment[] = {
    "A=alpha",  "EMPTY=",   "N=7",      "YAML=[x: 1]", "DOLLAR=${A}",
    "B_2=beta", "NOEQUALS", "A=second", NULL,
};

struct outcome {
    struct arena arena;
    struct config_vault vault;
    struct config_env *env;
    struct config_substituted got;
    const char *code;
    struct err e;
    int status;
};

static struct outcome substitute(const char *text) {
    struct outcome o = {.env = config_env_new((char **)(uintptr_t)environment)};
    struct config_subst s = {.env = o.env, .vault = &o.vault, .dir = "/nowhere", .arena = &o.arena};
    o.status = config_subst(&s, text, strlen(text), &o.got, &o.code, &o.e);
    return o;
}

static void drop(struct outcome *o) {
    config_env_free(&o->env);
    config_vault_free(&o->vault);
    arena_free(&o->arena);
}

static const struct {
    const char *text, *want;
    size_t variables;
} good[] = {
    {"plain", "plain", 0},
    {"", "", 0},
    {"$", "$", 0},
    {"a$", "a$", 0},
    {"$$", "$", 0},
    {"$$$$", "$$", 0},
    {"$A", "$A", 0},
    {"cost $5", "cost $5", 0},
    {"${A}", "alpha", 1},
    {"x${A}y${B_2}z", "xalphaybetaz", 2},
    {"${A}${A}", "alphaalpha", 1},
    {"$${A}", "${A}", 0},
    {"$$${A}", "$alpha", 1},
    {"${EMPTY}", "", 1},
    {"${EMPTY:-d}", "d", 0},
    {"${UNSET:-}", "", 0},
    {"${UNSET:-a:b-c?d}", "a:b-c?d", 0},
    {"${A:-d}", "alpha", 1},
    {"${A:?must}", "alpha", 1},
    {"${YAML}", "[x: 1]", 1},
    {"${DOLLAR}", "${A}", 1}, // the result is not looked at again
    {"${UNSET:-x}}", "x}", 0},
    {"}${N}{", "}7{", 1},
};

static void test_good(void) {
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct outcome o = substitute(good[i].text);
        EXPECT_EQ_INT(0, o.status);
        EXPECT_STR(good[i].want, o.got.text);
        EXPECT_EQ_UINT(strlen(good[i].want), o.got.len);
        EXPECT_EQ_UINT(good[i].variables, o.got.variable_count);
        EXPECT_EQ_INT(strcmp(good[i].text, good[i].want) != 0, o.got.replaced);
        drop(&o);
    }
}

static const struct {
    const char *text, *code, *words;
} bad[] = {
    {"${", "bad_substitution", "closing brace"},
    {"x${A", "bad_substitution", "closing brace"},
    {"${}", "bad_substitution", "expected ${VAR}"},
    {"${1A}", "bad_substitution", "expected ${VAR}"},
    {"${A-B}", "bad_substitution", "expected ${VAR}"},
    {"${A:}", "bad_substitution", "expected ${VAR}"},
    {"${A:+x}", "bad_substitution", "expected ${VAR}"},
    {"${ A}", "bad_substitution", "expected ${VAR}"},
    {"${A:-${B}}", "bad_substitution", "inside"},
    {"${file:}", "bad_substitution", "expected ${VAR}"},
    {"${cred:}", "bad_substitution", "expected ${VAR}"},
    {"${cred:a/b}", "bad_substitution", "credential"},
    {"${cred:..}", "bad_substitution", "credential"},
    {"${cred:x}", "unset_variable", "CREDENTIALS_DIRECTORY is not set"},
    {"${UNSET}", "unset_variable", "UNSET is not set"},
    {"${UNSET:?give me}", "unset_variable", "UNSET: give me"},
    {"${EMPTY:?give me}", "unset_variable", "EMPTY: give me"},
    {"${file:/nowhere/at/all}", "secret_file", "No such file"},
};

static void test_bad(void) {
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct outcome o = substitute(bad[i].text);
        EXPECT_TRUE(o.status < 0);
        EXPECT_STR(bad[i].code, o.code);
        EXPECT_CONTAINS(bad[i].words, o.e.msg);
        drop(&o);
    }
}

static void test_missing_is_named(void) {
    struct outcome o = substitute("${EMPTY:-}${UNSET:-}");
    EXPECT_STR("EMPTY", o.got.missing);
    drop(&o);
}

static void test_first_of_two(void) {
    struct outcome o = substitute("${A}");
    EXPECT_STR("alpha", o.got.text);
    EXPECT_STR("A", o.got.variables[0]);
    drop(&o);
}

static void test_files(void) {
    struct scratch s;
    scratch_make(&s);
    (void)scratch_text(&s, "one", "1\n");
    struct outcome o = {0};
    char dir[96], credentials[128];
    (void)snprintf(dir, sizeof(dir), "./%s", s.dir);
    (void)snprintf(credentials, sizeof(credentials), "CREDENTIALS_DIRECTORY=%s", s.dir);
    const char *const with_directory[] = {credentials, NULL};
    o.env = config_env_new((char **)(uintptr_t)with_directory);
    struct config_subst subst = {.env = o.env, .vault = &o.vault, .dir = dir, .arena = &o.arena};
    static const char text[] = "<${file:one}>";
    EXPECT_EQ_INT(0, config_subst(&subst, text, strlen(text), &o.got, &o.code, &o.e));
    EXPECT_STR("<1>", o.got.text);
    EXPECT_TRUE(o.got.from_file);
    static const char credential[] = "${cred:one}";
    subst.dir = "."; // the folder of credentials is relative to where we run, as the variable says
    EXPECT_EQ_INT(0, config_subst(&subst, credential, strlen(credential), &o.got, &o.code, &o.e));
    EXPECT_STR("1", o.got.text);
    subst.no_files = true;
    EXPECT_TRUE(config_subst(&subst, text, strlen(text), &o.got, &o.code, &o.e) < 0);
    EXPECT_STR("secret_file", o.code);
    drop(&o);
    scratch_remove(&s);
}

static void test_size_limit(void) {
    struct buf value = {0}, text = {0};
    buf_str(&value, "BIG=");
    for (int i = 0; i < 1024; i++) {
        buf_char(&value, 'x');
    }
    const char *const big[] = {value.data, NULL};
    for (int i = 0; i < 256; i++) {
        buf_str(&text, "${BIG}");
    }
    for (int beyond = 0; beyond < 2; beyond++) {
        struct outcome o = {.env = config_env_new((char **)(uintptr_t)big)};
        struct config_subst s = {.env = o.env, .vault = &o.vault, .dir = ".", .arena = &o.arena};
        o.status = config_subst(&s, text.data, text.len, &o.got, &o.code, &o.e);
        EXPECT_EQ_INT(beyond ? -EFBIG : 0, o.status);
        drop(&o);
        buf_char(&text, '.'); // one byte more than 256 KiB
    }
    buf_free(&value);
    buf_free(&text);
}

static void test_variable_limit(void) {
    struct buf text = {0};
    const char *names[CONFIG_VARIABLES_MAX + 2] = {0};
    char kept[CONFIG_VARIABLES_MAX + 1][8];
    for (int i = 0; i <= CONFIG_VARIABLES_MAX; i++) {
        (void)snprintf(kept[i], sizeof(kept[i]), "V%d=x", i);
        names[i] = kept[i];
    }
    for (int i = 0; i <= CONFIG_VARIABLES_MAX; i++) {
        buf_printf(&text, "${V%d}", i);
        struct outcome o = {.env = config_env_new((char **)(uintptr_t)names)};
        struct config_subst s = {.env = o.env, .vault = &o.vault, .dir = ".", .arena = &o.arena};
        o.status = config_subst(&s, text.data, text.len, &o.got, &o.code, &o.e);
        EXPECT_EQ_INT(i == CONFIG_VARIABLES_MAX ? -E2BIG : 0, o.status);
        drop(&o);
    }
    buf_free(&text);
}

// In a file: a value cannot become YAML, numbers stay usable, defaults of the shell's kind work.
static void test_in_a_file(void) {
    struct loaded l = load_text("queues:\n  q: {concurrency: \"${N}\", key_prefix: \"${YAML}\"}\n"
                                "host:\n  max_connections: ${UNSET:-99}\n",
                                environment);
    if (EXPECT_TRUE(l.config != NULL)) {
        EXPECT_EQ_INT(7, config_queue(l.config, "q")->concurrency);
        EXPECT_STR("[x: 1]", config_queue(l.config, "q")->key_prefix);
        EXPECT_EQ_INT(99, l.config->host.max_connections);
    }
    unload(&l);
}

// An unset variable names key and variable; the value of one is not shown.
static void test_errors_in_a_file(void) {
    struct loaded l = load_text("host:\n  log_level: ${NOPE}\n  lease: \"${A}\"\n", environment);
    EXPECT_STR("unset_variable", code_at(&l, "host.log_level"));
    EXPECT_CONTAINS("host.log_level: NOPE is not set", printed(&l));
    EXPECT_CONTAINS("found the value of A", printed(&l));
    EXPECT_NULL(strstr(printed(&l), "alpha"));
    unload(&l);
}

// Keys are not touched.
static void test_not_in_keys(void) {
    struct loaded l = load_text("queues: {\"${A}\": {}}\n", environment);
    EXPECT_STR("bad_name", code_at(&l, "queues.${A}"));
    unload(&l);
}

static const struct expect_test tests[] = {
    {"every form", test_good},
    {"every refusal", test_bad},
    {"the variable whose default was used is known", test_missing_is_named},
    {"of two variables of one name the first counts", test_first_of_two},
    {"files and credentials", test_files},
    {"256 KiB are fine, one byte more is not", test_size_limit},
    {"16 variables in a value are fine, 17 are not", test_variable_limit},
    {"values in a file are typed by their key", test_in_a_file},
    {"errors name the variable, never its value", test_errors_in_a_file},
    {"keys are not substituted", test_not_in_keys},
};
SUITE_MAIN("config_subst", tests)
