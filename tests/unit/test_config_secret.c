// Secrets: the rules for their files, where they may be written, and that no output ever holds one.

#include <errno.h>

#include "config_test.h"
#include "expect.h"

#include "config/config_secret.h"

struct reading {
    struct config_vault vault;
    const char *text;
    size_t len;
    struct err e;
    int status;
};

static struct reading read_secret(const char *path, bool loose) {
    struct reading r = {0};
    r.status = config_secret_read(&r.vault, path, path, loose, &r.text, &r.len, &r.e);
    return r;
}

static void expect_refused(const char *path, bool loose, int status, const char *words) {
    struct reading r = read_secret(path, loose);
    EXPECT_EQ_INT(status, r.status);
    EXPECT_CONTAINS(words, r.e.msg);
    config_vault_free(&r.vault);
}

static void expect_read(const char *path, bool loose, const char *want) {
    struct reading r = read_secret(path, loose);
    EXPECT_EQ_INT(0, r.status);
    EXPECT_STR(want, r.text);
    EXPECT_EQ_UINT(strlen(want), r.len);
    config_vault_free(&r.vault);
}

static void test_content(void) {
    struct scratch s;
    scratch_make(&s);
    expect_read(scratch_text(&s, "plain", "abc"), false, "abc");
    expect_read(scratch_text(&s, "lf", "abc\n"), false, "abc");
    expect_read(scratch_text(&s, "crlf", "abc\r\n"), false, "abc");
    expect_read(scratch_text(&s, "two", "abc\n\n"), false, "abc\n"); // exactly one is dropped
    expect_read(scratch_text(&s, "inner", "a\nb\n"), false, "a\nb");
    expect_read(scratch_text(&s, "blanks", " abc "), false, " abc ");
    expect_refused(scratch_text(&s, "empty", ""), false, -EINVAL, "is empty");
    expect_refused(scratch_text(&s, "newline", "\n"), false, -EINVAL, "is empty");
    expect_refused(scratch_write(&s, "nul", "a\0b", 3, 0600), false, -EINVAL, "NUL");
    expect_refused(scratch_path(&s, "missing"), false, -ENOENT, "No such file");
    scratch_remove(&s);
}

static void test_kind_and_mode(void) {
    struct scratch s;
    scratch_make(&s);
    expect_refused(s.dir, false, -EINVAL, "not a regular file");
    expect_refused("/dev/null", false, -EINVAL, "not a regular file");
    if (EXPECT_EQ_INT(0, mkfifo(scratch_path(&s, "fifo"), 0600))) {
        expect_refused(s.path, false, -EINVAL, "not a regular file");
    }
    for (unsigned bit = 1; bit <= 040; bit <<= 1) {
        const char *path = scratch_write(&s, "open", "abc", 3, (mode_t)(0600 | bit));
        expect_refused(path, false, -EPERM, "allow_loose_secret_files");
        expect_read(path, true, "abc");
    }
    if (EXPECT_EQ_INT(0, symlink("open", scratch_path(&s, "link")))) {
        expect_read(s.path, true, "abc"); // links are followed: mounts of Kubernetes are links
    }
    if (geteuid() == 0 && chown(scratch_text(&s, "theirs", "abc"), 12345, 12345) == 0) {
        expect_refused(scratch_path(&s, "theirs"), true, -EPERM, "belongs to user 12345");
    }
    scratch_remove(&s);
}

static void test_size(void) {
    struct scratch s;
    scratch_make(&s);
    char *big = malloc(CONFIG_SECRET_FILE_MAX + 1);
    if (EXPECT_TRUE(big != NULL)) {
        memset(big, 'x', CONFIG_SECRET_FILE_MAX + 1);
        struct reading r =
            read_secret(scratch_write(&s, "at", big, CONFIG_SECRET_FILE_MAX, 0600), false);
        EXPECT_EQ_INT(0, r.status);
        EXPECT_EQ_UINT(CONFIG_SECRET_FILE_MAX, r.len);
        config_vault_free(&r.vault);
        expect_refused(scratch_write(&s, "over", big, CONFIG_SECRET_FILE_MAX + 1, 0600), false,
                       -EFBIG, "larger than 64 KiB");
    }
    free(big);
    scratch_remove(&s);
}

// Files of /proc have size 0 until they are read.
static void test_growing_file(void) {
    struct reading r = read_secret("/proc/self/cmdline", true);
    EXPECT_TRUE(r.status == -EINVAL || r.status == 0); // holds NULs, or is one word
    config_vault_free(&r.vault);
}

static void test_vault_limit(void) {
    struct config_vault vault = {0};
    size_t len = CONFIG_SECRET_TOTAL_MAX / 4 - 1;
    char *text = calloc(1, len + 1);
    if (EXPECT_TRUE(text != NULL)) {
        for (int i = 0; i < 4; i++) {
            EXPECT_TRUE(config_vault_strn(&vault, text, len) != NULL);
        }
        EXPECT_NULL(config_vault_strn(&vault, "", 0)); // one byte more, the NUL
    }
    free(text);
    config_vault_free(&vault);
    EXPECT_EQ_UINT(0, vault.used);
}

static void test_fingerprint(void) {
    char a[9], b[9], again[9];
    config_secret_fingerprint("one", a);
    config_secret_fingerprint("two", b);
    config_secret_fingerprint("one", again);
    EXPECT_EQ_UINT(8, strlen(a));
    EXPECT_TRUE(strcmp(a, b) != 0);
    EXPECT_STR(a, again);
}

// ---- in a config

static void test_forms(void) {
    struct scratch s;
    scratch_make(&s);
    (void)scratch_text(&s, "token", "from-file-0123456\n");
    static const char *const environment[] = {"TOKEN=from-env-0123456", "FILE=token", NULL};
    static const struct {
        const char *text, *want;
    } forms[] = {
        {"admin_token: literal-01234567", "literal-01234567"},
        {"admin_token: '0123456789012345'", "0123456789012345"},
        {"admin_token: 01234567890123456", "01234567890123456"},
        {"admin_token: ${TOKEN}", "from-env-0123456"},
        {"admin_token: x-${TOKEN}", "x-from-env-0123456"},
        {"admin_token: file:token", "from-file-0123456"},
        {"admin_token: file:${FILE}", "from-file-0123456"},
        {"admin_token: ${file:token}", "from-file-0123456"},
        {"admin_token_file: token", "from-file-0123456"},
        {"admin_token_file: ./${FILE}", "from-file-0123456"},
        {"admin_token: ${UNSET:-}", NULL},
        {"log_level: info", NULL},
    };
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        char text[128];
        (void)snprintf(text, sizeof(text), "host:\n  %s\n", forms[i].text);
        struct loaded l = load_file(scratch_text(&s, "c.yaml", text), environment, NULL);
        EXPECT_STR("", printed(&l));
        if (EXPECT_TRUE(l.config != NULL)) {
            EXPECT_EQ_STR(forms[i].want, l.config->host.admin_token);
        }
        unload(&l);
    }
    scratch_remove(&s);
}

static void test_refused_forms(void) {
    struct scratch s;
    scratch_make(&s);
    (void)scratch_text(&s, "token", "from-file-0123456\n");
    (void)scratch_write(&s, "open", "from-file-0123456\n", 18, 0640);
    static const char *const environment[] = {"EMPTY=", NULL};
    static const struct {
        const char *text, *path, *code;
    } forms[] = {
        {"admin_token: ''", "host.admin_token", "empty_secret"},
        {"admin_token:", "host.admin_token", "missing_value"},
        {"admin_token: ${EMPTY}", "host.admin_token", "empty_secret"},
        {"admin_token: ${UNSET}", "host.admin_token", "unset_variable"},
        {"admin_token: file:missing", "host.admin_token", "secret_file"},
        {"admin_token: 'file:'", "host.admin_token", "secret_file"},
        {"admin_token: file:open", "host.admin_token", "secret_file"},
        {"admin_token_file: missing", "host.admin_token", "secret_file"},
        {"{admin_token: a, admin_token_file: token}", "host.admin_token", "given_twice"},
        {"admin_token: [a]", "host.admin_token", "wrong_kind"},
        {"log_level_file: token", "host.log_level_file", "unknown_key"},
    };
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        char text[128];
        (void)snprintf(text, sizeof(text), "host:\n  %s\n", forms[i].text);
        struct loaded l = load_file(scratch_text(&s, "c.yaml", text), environment, NULL);
        EXPECT_NULL(l.config);
        EXPECT_STR(forms[i].code, code_at(&l, forms[i].path));
        unload(&l);
    }
    struct loaded l = load_file(
        scratch_text(&s, "c.yaml",
                     "host:\n  admin_token: file:open\n  allow_loose_secret_files: true\n"),
        NULL, NULL);
    EXPECT_TRUE(l.config != NULL);
    unload(&l);
    scratch_remove(&s);
}

// What came from a file is judged like everything else; a payload takes none of it.
static void test_content_is_judged(void) {
    struct scratch s;
    char big[514];
    scratch_make(&s);
    memset(big, 'x', sizeof(big));
    (void)scratch_write(&s, "big", big, 513, 0600);
    (void)scratch_text(&s, "token", "abc");
    struct loaded l =
        load_file(scratch_text(&s, "c.yaml", "host: {admin_token_file: big}\n"), NULL, NULL);
    EXPECT_STR("too_long", code_at(&l, "host.admin_token"));
    unload(&l);
    l = load_file(scratch_text(&s, "c.yaml",
                               "schedules: {s: {cron: '@daily', job: a.b, payload: {t: "
                               "\"${file:token}\"}}}\n"),
                  NULL, NULL);
    EXPECT_STR("secret_in_payload", code_at(&l, "schedules.s.payload"));
    unload(&l);
    scratch_remove(&s);
}

static void test_literal_in_open_file(void) {
    struct scratch s;
    scratch_make(&s);
    static const char text[] =
        "host: {admin_token: literal-01234567}\nstore: {url: 'redis://u:pw@h'}\n";
    struct loaded l = load_file(scratch_write(&s, "c.yaml", text, strlen(text), 0640), NULL, NULL);
    EXPECT_TRUE(l.config != NULL);
    EXPECT_EQ_UINT(2, l.report.warnings);
    EXPECT_STR("open_secret", code_at(&l, "host.admin_token"));
    EXPECT_STR("open_secret", code_at(&l, "store.url"));
    unload(&l);
    struct config_load_options strict = {.strict = true};
    l = load_file(scratch_path(&s, "c.yaml"), NULL, &strict);
    EXPECT_NULL(l.config);
    EXPECT_EQ_UINT(2, l.report.errors);
    EXPECT_EQ_UINT(0, l.report.warnings);
    unload(&l);
    l = load_file(scratch_write(&s, "c.yaml", text, strlen(text), 0600), NULL, NULL);
    EXPECT_EQ_UINT(0, l.report.warnings);
    unload(&l);
    static const char harmless[] = "store: {url: 'redis://h:6379/0'}\n";
    l = load_file(scratch_write(&s, "c.yaml", harmless, strlen(harmless), 0644), NULL, NULL);
    EXPECT_EQ_UINT(0, l.report.warnings);
    unload(&l);
    scratch_remove(&s);
}

// ---- the marker: no output holds it

#define MARKER "Mk3r"

static const char *const marked_environment[] = {
    "SECRET=" MARKER "-env-0123456789",
    "URL=https://user:" MARKER "@host.example/" MARKER "/hook",
    "REDIS=redis://default:" MARKER "@redis.example:6379",
    "KEYB64=whsec_TWszclRvUmFuZG9tQnl0ZXNGb3JUZXN0MTI=",
    "EMPTY=",
    NULL,
};

static void expect_clean(const char *what, const struct buf *out) {
    const char *text = out->data == NULL ? "" : out->data;
    if (!EXPECT_TRUE(strstr(text, MARKER) == NULL && strstr(text, "TWszclRv") == NULL)) {
        (void)fprintf(stderr, "%s holds the marker:\n%s\n", what, text);
    }
}

static void expect_all_outputs_clean(const struct loaded *l) {
    struct buf out = {0};
    expect_clean("print", &l->printed);
    config_report_json(&l->report, &out);
    expect_clean("report json", &out);
    for (int json = 0; l->config != NULL && json < 2; json++) {
        buf_clear(&out);
        config_dump(l->config, json == 1, &out);
        expect_clean("dump", &out);
    }
    buf_free(&out);
}

static const char good_with_secrets[] =
    "host: {admin_token: \"${SECRET}\"}\n"
    "store: {url: \"${REDIS}\"}\n"
    "plugins:\n"
    "  p:\n"
    "    config: {api_token: " MARKER "-literal, endpoint: \"${URL}\", login: \"https://a:" MARKER
    "@b/\", blob: file:secret}\n"
    "hooks:\n"
    "  h: {path: /h, job: p.x, verify: [{bearer: [" MARKER "-1, \"${SECRET}\"]}, {svix: "
    "{secret: \"${KEYB64}\"}}, {github: {secret_file: secret}}]}\n"
    "schedules:\n"
    "  s: {cron: '@daily', job: p.x, payload: {region: \"${SECRET}\"}}\n"
    "notify:\n"
    "  n: {on: job.dead, url: \"${URL}\", secret_file: secret}\n";

static void test_marker_in_a_good_config(void) {
    struct scratch s;
    scratch_make(&s);
    (void)scratch_text(&s, "secret", MARKER "-file\n");
    struct loaded l =
        load_file(scratch_text(&s, "c.yaml", good_with_secrets), marked_environment, NULL);
    EXPECT_STR("", printed(&l));
    if (EXPECT_TRUE(l.config != NULL)) {
        expect_all_outputs_clean(&l);
        struct buf out = {0};
        config_dump(l.config, false, &out);
        EXPECT_CONTAINS("admin_token: ***(set)", out.data);
        EXPECT_CONTAINS("redis://default:***(set)@redis.example:6379", out.data);
        EXPECT_CONTAINS("fingerprint", out.data);
        buf_free(&out);
        EXPECT_STR(MARKER "-file", l.config->plugins[0].options[3].value);
        EXPECT_TRUE(l.config->plugins[0].options[1].secret_source);
        const char *const *names;
        EXPECT_EQ_UINT(4, config_secret_variables(l.config, &names));
    }
    unload(&l);
    scratch_remove(&s);
}

// One mistake a line, each where a secret is near.
static const char *const marked_mistakes[] = {
    "host: {admin_token: " MARKER ", bogus: 1}\n",
    "host: {bogus: " MARKER "}\n",
    "host: {admin_tokn: " MARKER "}\n",
    "host:\n  admin_token: " MARKER "\n  admin_token: " MARKER "2\n",
    "host:\n  admin_token: [" MARKER "]\n",
    "host:\n  admin_token: {" MARKER ": " MARKER "}\n",
    "host:\n  admin_token: \"" MARKER "\n  log_level: info\n",
    "host:\n  admin_token: " MARKER ": x\n",
    "host:\n  admin_token: &a " MARKER "\n",
    "host:\n  admin_token: |\n    " MARKER "\n   x\n  log_level: [\n",
    "host:\n  log_level: ${SECRET}\n",
    "host:\n  max_connections: ${SECRET}\n",
    "host:\n  lease: \"${SECRET}\"\n",
    "host:\n  listen: \"${URL}\"\n",
    "host:\n  base_url: ftp://x:" MARKER "@y\n",
    "host:\n  allow_loose_secret_files: ${SECRET}\n",
    "host:\n  admin_token_file: ${SECRET}\n",
    "host: {lease: 1} # " MARKER "\n",
    "store:\n  url: mysql://root:" MARKER "@h\n",
    "store: {fallback: \"redis://u:" MARKER "@h\"}\n",
    "plugins: {p: {config: {a: [" MARKER "]}}}\n",
    "plugins: {p: {config: {a: " MARKER ", ' ': 1}}}\n",
    "plugins: {p: {workers: 0, config: {a: " MARKER "}}}\n",
    "limits: {l: {rate: \"${SECRET}\"}}\n",
    "jobs: {a.b: {labels: \"${SECRET},\"}}\n",
    "jobs: {a.b: {retry: {jitter: \"${SECRET}\"}}}\n",
    "cors: \"${SECRET}\"\n",
    "notify: {n: {on: \"${SECRET}\", url: \"${SECRET}\", secret: " MARKER "}}\n",
    "hooks: {h: {path: /h, job: a.b, verify: {bearer: " MARKER ", x: 1}}}\n",
    "hooks: {h: {path: /h, job: a.b, verify: {bearer: {secret: [" MARKER ", {a: 1}]}}}}\n",
    "hooks: {h: {path: /h, job: a.b, verify: [{svix: " MARKER "}]}}\n",
    "hooks: {h: {path: /h, job: a.b, verify: [{hmac: {secret: " MARKER
    ", key_encoding: hex, header: X}}]}}\n",
    "hooks: {h: {path: /h, job: a.b, verify: [{hmac: {secret: " MARKER
    ", algorithm: \"${SECRET}\"}}]}}\n",
    "hooks: {h: {path: /h, job: a.b, verify: [{bearerr: " MARKER "}]}}\n",
    "hooks: {h: {path: /h, job: a.b, verify: [" MARKER "]}}\n",
    "schedules: {s: {cron: \"${SECRET}\", job: a.b}}\n",
    "schedules: {s: {cron: '@daily', job: a.b, payload: {a: \"${file:nope}\", b: " MARKER "}}}\n",
    "schedules: {s: {cron: '@daily', job: a.b, timezone: \"${SECRET}!\"}}\n",
};

static void test_marker_in_mistakes(void) {
    for (size_t i = 0; i < sizeof(marked_mistakes) / sizeof(marked_mistakes[0]); i++) {
        struct loaded l = load_text(marked_mistakes[i], marked_environment);
        EXPECT_NULL(l.config);
        expect_all_outputs_clean(&l);
        for (size_t j = 0; j < l.report.count; j++) {
            EXPECT_TRUE(l.report.items[j].line >= 1 && l.report.items[j].column >= 1);
        }
        unload(&l);
    }
}

// For a client: what does not tell where the host is may be as it likes, what does must be right.
static void test_place_only(void) {
    static const struct {
        const char *text, *admin, *path, *code;
    } rows[] = {
        {"host: {state_dir: /s, admin_token: \"${UNSET}\", listen: 7}\n"
         "store: {url: '${UNSET}'}\nnotify: {n: {secret: file:missing}}\nqueues: [1]\n",
         "/s/admin.sock", NULL, NULL},
        {"host: {state_dir: /s, admin: 'unix:/run/${NAME}.sock', log_level: loud}",
         "/run/here.sock", NULL, NULL},
        {"host: {state_dir: '${file:place}'}", "/from-file/admin.sock", NULL, NULL},
        {"host: {admin: 'unix:/run/${UNSET}.sock'}", NULL, "host.admin", "unset_variable"},
        {"host: {state_dir: '${UNSET}'}", NULL, "host.state_dir", "unset_variable"},
        {"host: {state_dri: /s}", NULL, "host.state_dri", "unknown_key"},
        {"hosts: {}", NULL, "hosts", "unknown_key"},
        {"host: [1]", NULL, "host", "wrong_kind"},
    };
    static const char *const environment[] = {"NAME=here", NULL};
    struct config_load_options options = {.place_only = true};
    struct scratch s;
    scratch_make(&s);
    (void)scratch_text(&s, "place", "/from-file");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct loaded l =
            load_file(scratch_text(&s, "c.yaml", rows[i].text), environment, &options);
        if (rows[i].admin != NULL && EXPECT_TRUE(l.config != NULL)) {
            EXPECT_EQ_STR(rows[i].admin, l.config->host.admin);
            EXPECT_STR("", printed(&l));
        } else if (rows[i].admin == NULL) {
            EXPECT_NULL(l.config);
            EXPECT_STR(rows[i].code, code_at(&l, rows[i].path));
        }
        unload(&l);
    }
    scratch_remove(&s);
}

static const struct expect_test tests[] = {
    {"what a secret's file may hold", test_content},
    {"what kind of file and which mode it may have", test_kind_and_mode},
    {"64 KiB are fine, one byte more is not", test_size},
    {"a file that is longer than it says", test_growing_file},
    {"a vault holds 16 MiB and no byte more", test_vault_limit},
    {"fingerprints tell secrets apart", test_fingerprint},
    {"every way to give a secret", test_forms},
    {"every way that is refused", test_refused_forms},
    {"what a file holds is judged too", test_content_is_judged},
    {"a literal in a file that others may read", test_literal_in_open_file},
    {"a client's reading needs no secret", test_place_only},
    {"no output of a good config holds a secret", test_marker_in_a_good_config},
    {"no output about a mistake holds a secret", test_marker_in_mistakes},
};
SUITE_MAIN("config_secret", tests)
