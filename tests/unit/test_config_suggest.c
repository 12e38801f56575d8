// What an unknown key is told.

#include "config_test.h"
#include "expect.h"

static const struct {
    const char *text, *words;
} keys[] = {
    {"jobs: {a.b: {timeoout: 1s}}", "unknown key; did you mean \"timeout\"?"},
    {"jobs: {a.b: {reTry: {}}}", "unknown key; did you mean \"retry\"?"},
    {"queues: {q: {workers: 3}}", "unknown key; it belongs to plugins.<name>"},
    {"plugins: {p: {timeout: 3s}}", "unknown key; it belongs to jobs.<name>"},
    {"plugins: {p: {max: 3}}",
     "unknown key; it belongs to queues.<name>.retry or jobs.<name>.retry"},
    {"host: {plugins: {}}", "unknown key; it belongs to the top level"},
    {"jobs: {a.b: {cron: x}}", "unknown key; it belongs to schedules.<name>"},
    {"host: {verify: x}", "unknown key; it belongs to hooks.<name>"},
    {"limits: {l: {rate: 1, match: x}}", "unknown key; it belongs to routes[]"},
    {"qeues: {}", "unknown key; did you mean \"queues\"?"},
    {"workers: 3", "unknown key; it belongs to plugins.<name>"},
    {"frobnicate: 3", "frobnicate: unknown key\n"},
    {"hooks: {h: {path: /h, job: a.b, verify: {standard-webhooks: x}}}",
     "unknown scheme; did you mean \"standard_webhooks\"?"},
    {"hooks: {h: {path: /h, job: a.b, verify: {foo: x}}}", "unknown scheme; there are qstash"},
    {"hooks: {h: {path: /h, job: a.b, verify: {github: {secrets: x}}}}",
     "unknown key; did you mean \"secret\"?"},
    {"breakers: {auht: {}}", "expected auth, network or unknown, found \"auht\""},
};

static void test_keys(void) {
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        struct loaded l = load_text(keys[i].text, NULL);
        EXPECT_CONTAINS(keys[i].words, printed(&l));
        unload(&l);
    }
}

static const struct expect_test tests[] = {
    {"what an unknown key is told", test_keys},
};
SUITE_MAIN("config_suggest", tests)
