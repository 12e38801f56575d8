#include "sim/scenario.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "expect.h"
#include "scenario_rows.h"

static struct scenario scenario;
static struct buf printed;

static int load(const char *text) {
    static char *none[] = {NULL};
    struct config_env *env = config_env_new(none);
    struct config_report report;
    buf_clear(&printed);
    int r = scenario_load_text("s.yaml", bytes_of(text), env, &scenario, &report);
    config_report_print(&report, false, &printed);
    config_report_finish(&report);
    config_env_free(&env);
    return r;
}

static void unload(void) {
    scenario_finish(&scenario);
    buf_free(&printed);
}

static void expect_refused(const char *text, const char *words) {
    EXPECT_EQ_INT(-EINVAL, load(text));
    EXPECT_CONTAINS(words, printed.data == NULL ? "" : printed.data);
    unload();
}

static void test_defaults(void) {
    EXPECT_EQ_INT(0, load("{}"));
    EXPECT_NULL(scenario.config);
    EXPECT_EQ_INT(INT64_C(1767225600000), scenario.from_ms); // 2026-01-01
    EXPECT_EQ_INT(86400000, scenario.for_ms);
    EXPECT_EQ_INT(1, scenario.seed);
    EXPECT_EQ_INT(1, scenario.hosts);
    EXPECT_EQ_INT(-1, scenario.expect.all.dead);
    EXPECT_EQ_UINT(0, scenario.fault_count);
    unload();
}

static void test_whole(void) {
    EXPECT_EQ_INT(0, load("hosts: 2\n"
                          "handlers:\n"
                          "  a.b: {takes: 200ms..3s, fails: {network: 10%, auth: 0.1}, scope: user,"
                          " calls: {count: 3, remote: r, limit: 'l:{user}', takes: 1s}}\n"
                          "remotes: {r: {rate: 60/m}, q: {rate: 5}}\n"
                          "arrivals: {job: a.b, every: 10s, users: 5}\n"
                          "faults:\n"
                          "  - {at: 1h, for: 5m, storm: r, retry_after: 30s}\n"
                          "  - {at: 1h, clock: -10m}\n"
                          "  - {at: 2h, for: 1h, host: 2}\n"
                          "  - {at: 2h, for: 1h, store: true}\n"
                          "  - {at: 3h, crash: a.b, probability: 25%}\n"
                          "acts: [{at: 1m, resolve: a.b}, {at: 1m, publish: e, user: ann}, {at: "
                          "1h, for: 1m, pause_queue: q}]\n"
                          "expect: {dead: 0, late_p99: 1s, remotes: {r: {never_more_than: 60}},"
                          " users: {user1: {dead: 3}}}\n"));
    const struct scenario_handler *h = scenario_handler(&scenario, "a.b");
    EXPECT_TRUE(h != NULL && h->fails[JH_E_NETWORK] == 0.1 && h->fails[JH_E_AUTH] == 0.1);
    EXPECT_EQ_INT(200, h->takes.min_ms);
    EXPECT_EQ_INT(3000, h->takes.max_ms);
    EXPECT_EQ_INT(1000, h->call_takes.min_ms);
    EXPECT_NULL(scenario_handler(&scenario, "a.c"));
    EXPECT_EQ_INT(60000, scenario_remote(&scenario, "r")->per_ms);
    EXPECT_EQ_INT(1000, scenario_remote(&scenario, "q")->per_ms); // a second unless said
    EXPECT_EQ_UINT(1, scenario.arrival_count);
    static const enum scenario_fault_kind kinds[] = {FAULT_STORM, FAULT_CLOCK, FAULT_HOST,
                                                     FAULT_STORE, FAULT_CRASH};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        EXPECT_EQ_INT(kinds[i], scenario.faults[i].kind);
    }
    EXPECT_TRUE(scenario.faults[0].remote == &scenario.remotes[0]);
    EXPECT_EQ_INT(-600000, scenario.faults[1].clock_ms);
    EXPECT_EQ_INT(1000, scenario.expect.late_p99_ms);
    EXPECT_EQ_INT(60000, scenario.expect.remotes[0].per_ms); // the remote's own
    EXPECT_EQ_INT(3, scenario.expect.users[0].dead);
    EXPECT_EQ_INT(-1, scenario.expect.users[0].succeeded);
    EXPECT_EQ_INT(ACT_RESOLVE, scenario.acts[0].kind);
    EXPECT_EQ_STR("yes", scenario.acts[0].answer);
    EXPECT_EQ_INT(ACT_PUBLISH, scenario.acts[1].kind);
    EXPECT_EQ_STR("e", scenario.acts[1].what);
    EXPECT_EQ_STR("{}", scenario.acts[1].payload);
    EXPECT_EQ_INT(ACT_PAUSE_QUEUE, scenario.acts[2].kind);
    EXPECT_EQ_STR("q", scenario.acts[2].what);
    unload();
}

static void test_places(void) {
    expect_refused("hosts: 2\nslotz: 3\n",
                   "s.yaml:2:1: slotz: unknown key; did you mean \"slots\"?");
    expect_refused("hosts: 0\n", "s.yaml:1:8: hosts:");
    expect_refused("handlers:\n  a: {takes: 3s..1s}\n", "s.yaml:2:14: handlers.a.takes");
    expect_refused("handlers:\n  a: {takes: soon}\n", "\"soon\" is no duration");
    expect_refused("faults:\n  - {at: 1h}\n", "s.yaml:2:5: faults: each fault is one of");
    expect_refused("faults:\n  - {at: 1h, host: 1, store: true}\n", "each fault is one of");
    expect_refused("faults: {at: 1h, storm: nobody}\n", "remotes has no \"nobody\"");
    expect_refused("faults: {at: 1h, host: 2}\n", "there are not so many hosts");
    expect_refused("faults: {at: 1h, clock: 3h}\n", "a sign and a duration");
    expect_refused("handlers: {a: {calls: {count: 1, remote: x}}}\n", "remotes has no \"x\"");
    expect_refused("handlers: {a: {fails: {network: 0.6, auth: 0.5}}}\n", "more than 1 together");
    expect_refused("handlers: {a: {plugin: a.so, fails: {network: 0.1}}}\n", "its code says what");
    expect_refused("handlers: {a: {plugin: a.so, calls: {count: 1}}}\n", "its code says what");
    expect_refused("handlers: {a: {plugin: a.so, asks: x}}\n", "its code says what");
    expect_refused("handlers: {a: {plugin: a.so, waits: {event: e}}}\n", "its code says what");
    expect_refused("handlers: {a: {children: {wait: true}}}\n", "children.job is missing");
    expect_refused("handlers: {a: {children: {then: b.c}}}\n", "children.job is missing");
    expect_refused("arrivals: {job: a.b, every: 1s, user: x, users: 2}\n", "there is one user");
    expect_refused("acts: {at: 1h}\n", "each act is one of");
    expect_refused("acts: {at: 1h, cancel: a.b, resolve: a.b}\n", "each act is one of");
    expect_refused("expect: {remotes: {r: {never_more_than: 1}}}\n", "remotes has no \"r\"");
    expect_refused("remotes: {r: {}}\nexpect: {remotes: {r: {used_at_least: 1%}}}\n",
                   "no rate of which a share");
    expect_refused("arrivals: {every: 1s}\n", "arrivals[0].job: is missing");
    expect_refused("- 1\n", "this is a list");
    expect_refused("", "empty");
}

static void test_limits(void) {
    static const struct {
        const char *good, *bad;
    } rows[] = {
        {"hosts: 64", "hosts: 65"},
        {"slots: 1000", "slots: 1001"},
        {"events: 1000000000", "events: 1000000001"},
        {"for: 3650d", "for: 3651d"},
        {"seed: 9007199254740992", "seed: 9007199254740993"},
        {"remotes: {r: {rate: 100000}}", "remotes: {r: {rate: 100001}}"},
        {"handlers: {a: {calls: {count: 10000}}}", "handlers: {a: {calls: {count: 10001}}}"},
        {"handlers: {a: {children: {count: 1000}}}", "handlers: {a: {children: {count: 1001}}}"},
        {"handlers: {a: {takes: 365d}}", "handlers: {a: {takes: 366d}}"},
        {"arrivals: {job: a, every: 1ms, users: 1000000}",
         "arrivals: {job: a, every: 1ms, users: 1000001}"},
        {"arrivals: {job: a, every: 1ms, count: 1000}",
         "arrivals: {job: a, every: 1ms, count: 1001}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        EXPECT_EQ_INT(0, load(rows[i].good));
        unload();
        EXPECT_EQ_INT(-EINVAL, load(rows[i].bad));
        unload();
    }
}

static void test_lists(void) {
    static const struct {
        const char *key, *prefix, *suffix;
        size_t max;
    } lists[] = {
        {"arrivals", "  - {job: a", ", every: 1s}\n", SCENARIO_ARRIVALS_MAX},
        {"faults", "  - {at: 1h, store: true, for: ", "s}\n", SCENARIO_FAULTS_MAX},
        {"handlers", "  a", ": {takes: 1s}\n", SCENARIO_HANDLERS_MAX},
        {"remotes", "  r", ": {rate: 1}\n", SCENARIO_REMOTES_MAX},
    };
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        for (size_t more = 0; more < 2; more++) {
            struct buf text = {0};
            buf_printf(&text, "%s:\n", lists[i].key);
            for (size_t n = 0; n < lists[i].max + more; n++) {
                buf_printf(&text, "%s%zu%s", lists[i].prefix, n, lists[i].suffix);
            }
            EXPECT_EQ_INT(more == 0 ? 0 : -EINVAL, load(text.data));
            unload();
            buf_free(&text);
        }
    }
}

static char *read_page(void) {
    FILE *f = fopen(SIM_PAGE, "re");
    struct buf text = {0};
    char part[4096];
    size_t n;
    while (f != NULL && (n = fread(part, 1, sizeof part, f)) > 0) {
        buf_add(&text, part, n);
    }
    if (f != NULL) {
        (void)fclose(f);
    }
    return text.data;
}

static void test_documented(void) {
    struct buf rows = {0};
    char *page = read_page(), *rest;
    scenario_rows(&scenario_table, "", &rows);
    for (char *row = strtok_r(rows.data, "\n", &rest); row != NULL;
         row = strtok_r(NULL, "\n", &rest)) {
        EXPECT_CONTAINS(row, page == NULL ? "" : page);
    }
    buf_free(&rows);
    free(page);
}

static const struct expect_test tests[] = {
    {"an empty scenario has defaults", test_defaults},
    {"every kind of thing is read", test_whole},
    {"what is wrong has a place and words", test_places},
    {"numbers have limits", test_limits},
    {"lists have limits", test_lists},
    {"docs/sim.md has every key", test_documented},
};
SUITE_MAIN("scenario", tests)
