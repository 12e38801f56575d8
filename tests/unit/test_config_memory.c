// Memory that ends: wherever an allocation fails, a load gives an error or the right config, and leaks nothing (ASan watches).

#include "config_test.h"
#include "expect.h"
#include "failing_alloc.h"

static const char head[] =
    "host: {listen: ['127.0.0.1:1', 'unix:s'], admin_token: \"${SECRET}\", state_dir: x}\n"
    "store: {blobs: dir:y}\n"
    "plugins: {p: {exec: [a, b], config: {a: 1, b: \"${SECRET}\"}}, q: {file: x.so, enabled: "
    "auto}}\n"
    "queues: {a: {}, b: {concurrency: 3}}\n"
    "jobs: {p.x: {queue: a, labels: [x, y], retry: {max: 3}}, p.y: {queue: aa}}\n"
    "hooks: {h: {path: /h, job: z.x, verify: [{github: [a, \"${SECRET}\"]}, {hmac: {secret: a, "
    "header: X}}], enabled: auto}}\n"
    "routes: [{match: 'GET /x/{id}', action: status}]\n"
    "notify: {n: {on: job.dead, url: 'https://x/', secret: s}}\n"
    "cors: ['http://a']\n";

static char text[sizeof(head) + 8192];

// With a payload of some thousand values, so that the tree's memory runs out as well.
static void make_text(void) {
    size_t len =
        (size_t)snprintf(text, sizeof(text),
                         "%slimits: {big: {rate: 1}}\nschedules: {s: {cron: '@daily', job: p.x, "
                         "enabled: auto, payload: {a: [1, two",
                         head);
    for (int i = 0; i < 2000; i++) {
        len += (size_t)snprintf(text + len, sizeof(text) - len, ",%d", i % 10);
    }
    (void)snprintf(text + len, sizeof(text) - len, "]}}}\n");
}

static const char mistakes[] = "host: {lease: 1, bogus: [x], log_level: loud}\n"
                               "queues: {a: {concurrncy: 1}, a: {}}\n"
                               "hooks: {h: {path: x, verify: {foo: a}}}\n"
                               "cors: &x [1]\n"
                               "jobs: {a.b: {timeout: 2h, deadline: 1h}}\n";

static const char *const environment[] = {"SECRET=s3cret-0123456789", "OTHER=x", NULL};

// Loads with the nth allocation failing; true when nothing failed any more.
static bool load_with(const char *yaml, int nth, bool good) {
    char hash[65] = "";
    struct config_report report;
    failing_alloc_after(nth);
    struct config_env *env = config_env_new((char **)(uintptr_t)environment);
    struct config *c = NULL;
    bool loaded = env != NULL;
    if (loaded) {
        c = config_load_text("t.yaml", bytes_of(yaml), env, NULL, &report);
    }
    struct buf out = {0};
    if (c != NULL) {
        (void)snprintf(hash, sizeof(hash), "%s", c->hash);
        config_dump(c, nth % 2 == 0, &out);
        (void)config_queue(c, "a");
    } else if (loaded) {
        config_report_print(&report, false, &out);
    }
    failing_alloc_after(0);
    bool complete = c != NULL || (loaded && report.errors > 0 && report.count > 0);
    if (loaded) {
        EXPECT_TRUE((c == NULL) == (report.errors > 0));
        bool out_of_memory = c == NULL && (good || report.items == NULL);
        for (size_t i = 0; i < report.count; i++) {
            out_of_memory |= strcmp(report.items[i].code, "no_memory") == 0 ||
                             strcmp(report.items[i].message, "out of memory") == 0;
        }
        complete &= !out_of_memory && !out.failed;
        config_report_finish(&report);
    }
    buf_free(&out);
    config_free(&c);
    config_env_free(&env);
    return complete;
}

static void run_until_complete(const char *yaml, bool good) {
    int nth = 1;
    int in_a_row = 0; // lucky runs happen: an optional word was lost, or a printer's buffer
    while (in_a_row < 50 && nth < 20000) {
        in_a_row = load_with(yaml, nth, good) ? in_a_row + 1 : 0;
        nth++;
    }
    EXPECT_TRUE(nth > 60 && nth < 20000);
    EXPECT_TRUE(load_with(yaml, 0, good));
}

static void test_good(void) {
    make_text();
    run_until_complete(text, true);
}

static void test_mistakes(void) {
    run_until_complete(mistakes, false);
}

// A config that loaded although memory was short is the same config.
static void test_same_hash(void) {
    make_text();
    struct loaded want = load_text(text, environment);
    for (int nth = 1; nth < 600 && want.config != NULL; nth++) {
        struct config_report report;
        struct config_env *env = config_env_new((char **)(uintptr_t)environment);
        failing_alloc_after(nth);
        struct config *c = config_load_text("test.yaml", bytes_of(text), env, NULL, &report);
        failing_alloc_after(0);
        if (c != NULL) {
            EXPECT_STR(want.config->hash, c->hash);
        }
        config_free(&c);
        config_report_finish(&report);
        config_env_free(&env);
    }
    unload(&want);
}

static const struct expect_test tests[] = {
    {"a good config", test_good},
    {"a config full of mistakes", test_mistakes},
    {"what loads is right", test_same_hash},
};
SUITE_MAIN("config_memory", tests)
