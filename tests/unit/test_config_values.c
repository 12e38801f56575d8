// Typing by the key: what each kind of value takes, refuses and is remembered as.

#include "config_test.h"
#include "expect.h"
#include "jobhost_plugin.h"

#include "config/config_bind.h"

struct typed {
    const char *key, *text;
    const char *code; // NULL = accepted
    const char *words;
};

static const struct typed typed[] = {
    // true and false, and the habits of others
    {"host.allow_loose_secret_files", "true", NULL, NULL},
    {"host.allow_loose_secret_files", "yes", "bad_bool", "write true"},
    {"host.allow_loose_secret_files", "on", "bad_bool", "write true"},
    {"host.allow_loose_secret_files", "off", "bad_bool", "write false"},
    {"host.allow_loose_secret_files", "No", "bad_bool", "write false"},
    {"host.allow_loose_secret_files", "TRUE", "bad_bool", "write true"},
    {"host.allow_loose_secret_files", "maybe", "bad_bool",
     "expected true or false, found \"maybe\""},
    {"host.allow_loose_secret_files", "'true'", "quoted_number", "leave the quotes out"},
    {"host.allow_loose_secret_files", "[true]", "wrong_kind", "found a list"},
    {"host.allow_loose_secret_files", "", "missing_value", "a value is missing"},
    // integers
    {"host.max_connections", "10", NULL, NULL},
    {"host.max_connections", "\"10\"", "quoted_number", "the text \"10\""},
    {"host.max_connections", "0x10", "bad_int", "\"0x10\""},
    {"host.max_connections", "010", "bad_int", "\"010\""},
    {"host.max_connections", "1_000", "bad_int", "a whole number"},
    {"host.max_connections", "1e3", "bad_int", "a whole number"},
    {"host.max_connections", "1.0", "bad_int", "a whole number"},
    {"host.max_connections", "+1", "bad_int", "a whole number"},
    {"host.max_connections", "-", "bad_int", "a whole number"},
    {"host.max_connections", "~", "bad_int", "a whole number"},
    {"host.max_connections", "12:30", "bad_int", "a whole number"},
    {"host.max_connections", "-1", "out_of_range", "allowed is 0 to 65536"},
    {"host.max_connections", "99999999999999999999", "out_of_range", "allowed is 0 to 65536"},
    {"host.max_connections", "-99999999999999999999", "out_of_range", "allowed is 0 to 65536"},
    // durations
    {"host.shutdown_grace", "1h30m", NULL, NULL},
    {"host.shutdown_grace", "'90s'", NULL, NULL},
    {"host.shutdown_grace", "0s", NULL, NULL},
    {"host.shutdown_grace", "30", "bad_duration", "seconds? write 30s"},
    {"host.shutdown_grace", "'30'", "bad_duration", "write 30s"},
    {"host.shutdown_grace", "1.5h", "bad_duration", "such as 30s"},
    {"host.shutdown_grace", "-1s", "bad_duration", "such as 30s"},
    {"host.shutdown_grace", "30m1h", "bad_duration", "such as 30s"},
    {"host.shutdown_grace", "soon", "bad_duration", "\"soon\""},
    {"host.shutdown_grace", "25h", "out_of_range", "0s to 1d"},
    {"host.shutdown_grace", "999999999999999999d", "out_of_range", "0s to 1d"},
    // sizes
    {"queues.q.max_payload", "512KiB", NULL, NULL},
    {"queues.q.max_payload", "1MB", NULL, NULL},
    {"queues.q.max_payload", "1024", "bad_size", "bytes? write 1024B"},
    {"queues.q.max_payload", "1 MiB", "bad_size", "such as 10MiB"},
    {"queues.q.max_payload", "1mib", "bad_size", "such as 10MiB"},
    {"queues.q.max_payload", "65MiB", "out_of_range", "1B to 64MiB"},
    {"queues.q.max_payload", "18446744073709551616B", "out_of_range", "1B to 64MiB"},
    // numbers and percents
    {"jobs.a.b.retry.jitter", "0.25", NULL, NULL},
    {"jobs.a.b.retry.jitter", "25%", NULL, NULL},
    {"jobs.a.b.retry.jitter", "'25%'", NULL, NULL},
    {"jobs.a.b.retry.jitter", "100%", NULL, NULL},
    {"jobs.a.b.retry.jitter", "101%", "out_of_range", "0 to 1"},
    {"jobs.a.b.retry.jitter", "'0.2'", "quoted_number", "leave the quotes out"},
    {"jobs.a.b.retry.jitter", ".5", "bad_number", "such as 0.5"},
    {"jobs.a.b.retry.jitter", "0.", "bad_number", "such as 0.5"},
    {"jobs.a.b.retry.jitter", "'%'", "quoted_number", "such as 0.5"},
    {"jobs.a.b.retry.jitter", "1e-1", "bad_number", "such as 0.5"},
    {"jobs.a.b.retry.jitter", ".inf", "bad_number", "such as 0.5"},
    {"jobs.a.b.retry.jitter", "0.1000000000000000000001", "bad_number", "such as 0.5"},
    {"jobs.a.b.retry.factor", "1.5", NULL, NULL},
    {"jobs.a.b.retry.factor", "50%", "bad_number", "such as 0.5"},
    // rates
    {"limits.l.rate", "60", NULL, NULL},
    {"limits.l.rate", "10/s", NULL, NULL},
    {"limits.l.rate", "10/30s", NULL, NULL},
    {"limits.l.rate", "10/", "bad_rate", "such as 60 or 10/s"},
    {"limits.l.rate", "/s", "bad_rate", "such as 60 or 10/s"},
    {"limits.l.rate", "10/0s", "bad_rate", "such as 60 or 10/s"},
    {"limits.l.rate", "10/fortnight", "bad_rate", "such as 60 or 10/s"},
    {"limits.l.rate", "1000000000000000000000000000/s", "bad_rate", "such as 60 or 10/s"},
    {"limits.l.rate", "1000000001/s", "out_of_range", "0 to 1000000000"},
    // words
    {"host.log_level", "warn", NULL, NULL},
    {"host.log_level", "warning", "bad_word", "expected debug, info, warn or error"},
    {"jobs.a.b.priority", "high", NULL, NULL},
    {"jobs.a.b.priority", "1", "bad_word", "high, normal or low"},
    {"plugins.p.enabled", "auto", NULL, NULL},
    {"plugins.p.enabled", "yes", "bad_word",
     "expected auto, true or false, found \"yes\"; did you mean \"true\"?"},
    {"plugins.p.enabled", "Off", "bad_word", "did you mean \"false\"?"},
    {"host.auth", "token", "bad_word", "did you mean \"tokens\"?"},
    {"host.log_level", "yes", "bad_word", "found \"yes\""},
    // texts stay texts
    {"schedules.s.user", "on", NULL, NULL},
    {"schedules.s.user", "010", NULL, NULL},
    {"schedules.s.user", "~", NULL, NULL},
    {"schedules.s.user", "''", "missing_value", "must not be empty"},
    {"schedules.s.user", "{a: 1}", "wrong_kind", "found a mapping"},
    // places
    {"host.listen", "127.0.0.1:0", NULL, NULL},
    {"host.trusted_proxies", "[10.0.0.0/8, '::1', unix]", NULL, NULL},
    {"host.trusted_proxies", "10.0.0.1", NULL, NULL},
    {"host.trusted_proxies", "10.0.0.1/8", "bad_value", "bits are set behind the prefix"},
    {"host.trusted_proxies", "10.0.0.0/33", "bad_value", "0 to 32 bits"},
    {"host.trusted_proxies", "proxy.example", "bad_value", "an address or a network"},
    {"queues.q.weights", "[acme=1, b=c=1000]", NULL, NULL},
    {"queues.q.weights", "[acme=0]", "bad_value", "from 1 to 1000"},
    {"queues.q.weights", "[acme=1001]", "bad_value", "such as acme=3"},
    {"queues.q.weights", "[acme=01]", "bad_value", "such as acme=3"},
    {"queues.q.weights", "['=1']", "bad_value", "such as acme=3"},
    {"queues.q.weights", "[acme]", "bad_value", "such as acme=3"},
    {"queues.q.fair_share", "none", NULL, NULL},
    {"queues.q.fair_share", "user", "bad_word", "tenant"},
    {"host.max_connections_per_peer", "0", NULL, NULL},
    {"host.max_connections_per_peer", "65536", NULL, NULL},
    {"host.max_connections_per_peer", "65537", "out_of_range", "allowed is 0 to 65536"},
    {"host.http.header_timeout", "100ms", NULL, NULL},
    {"host.http.header_timeout", "99ms", "out_of_range", "allowed is 100ms to 1h"},
    {"host.listen", "'[::1]:8080'", NULL, NULL},
    {"host.listen", "localhost:1", NULL, NULL},
    {"host.admin", "unix:a.sock", NULL, NULL},
    {"host.admin", "a.sock", "bad_value", "expected unix:PATH"},
    {"host.admin", "'unix:'", "bad_value", "expected unix:PATH"},
    {"host.state_dir", "''", "bad_value", "a path"},
    {"store.url", "sqlite:x.db", NULL, NULL},
    {"store.url", "rediss://u:p@h:1/2", NULL, NULL},
    {"store.url", "'redis+cluster://a:1,b:2'", NULL, NULL},
    {"store.url", "unix:/run/redis.sock", NULL, NULL},
    {"store.url", "mysql://x", "bad_value", "expected sqlite:PATH"},
    {"store.url", "redis://", "bad_value", "expected sqlite:PATH"},
    {"store.url", "'redis://a b'", "bad_value", "expected sqlite:PATH"},
    {"store.blobs", "dir:/shared", NULL, NULL},
    {"store.blobs.place", "/shared", "bad_value", "expected dir:PATH"},
    {"host.base_url", "https://x.example/", NULL, NULL},
    {"host.base_url", "x.example", "bad_value", "expected http://"},
    {"host.base_url", "http:///x", "bad_value", "expected http://"},
    // forms
    {"schedules.s.timezone", "Europe/Berlin", NULL, NULL},
    {"schedules.s.timezone", "/etc/passwd", "bad_value", "time zone"},
    {"schedules.s.timezone", "../x", "bad_value", "time zone"},
    {"schedules.s.start_at", "2026-01-31T09:00:00Z", NULL, NULL},
    {"schedules.s.start_at", "2026-02-31T09:00:00Z", "bad_value", "a time such as"},
    {"schedules.s.start_at", "tomorrow", "bad_value", "a time such as"},
    {"schedules.s.cron", "'*/5 * * * *'", NULL, NULL},
    {"schedules.s.cron", "'0 */5 * * * *'", NULL, NULL},
    {"schedules.s.cron", "'@every 90s'", NULL, NULL},
    {"schedules.s.cron", "'CRON_TZ=Europe/Berlin 0 9 * * MON#1'", NULL, NULL},
    {"schedules.s.cron", "'TZ=UTC @daily'", NULL, NULL},
    {"schedules.s.cron", "'* * * *'", "bad_value", "found 4 fields"},
    {"schedules.s.cron", "'* * * * * * *'", "bad_value", "found 7 fields"},
    {"schedules.s.cron", "'@fortnightly'", "bad_value", "unknown macro"},
    {"schedules.s.cron", "'@every 500ms'", "bad_value", "at least 1s"},
    {"schedules.s.cron", "'@every x'", "bad_value", "at least 1s"},
    {"schedules.s.cron", "'* * * * $'", "bad_value", "the weekday, column 9"},
    {"hooks.h.path", "/a/b", NULL, NULL},
    {"hooks.h.path", "a", "bad_value", "a path such as"},
    {"hooks.h.path", "/a?b", "bad_value", "a path such as"},
    {"limits.l.learn", "Retry-After", NULL, NULL},
    {"limits.l.learn", "'Retry After'", "bad_value", "name of a header"},
    {"cors", "https://a.example:8443", NULL, NULL},
    {"cors", "https://a.example/", "bad_value", "without a path"},
    {"cors", "'*'", "bad_value", "an origin"},
    {"plugins.p.exec", "ffmpeg", NULL, NULL},
    {"plugins.p.exec", "/usr/bin/ffmpeg", NULL, NULL},
    {"plugins.p.exec", "bin/ffmpeg", "bad_value", "absolute path"},
    // lists and payloads
    {"jobs.a.b.labels", "''", "missing_value", "empty text"},
    {"jobs.a.b.labels", "['x', '']", "missing_value", "empty text"},
    {"jobs.a.b.labels", "{x: y}", "wrong_kind", "a list"},
    {"schedules.s.payload", "", "missing_value", "write {} for nothing"},
    {"schedules.s.payload", "text", NULL, NULL},
};

// "queues.q.ttl" and a value to a file with just that (plus what the entry needs).
static void write_file(const char *key, const char *value, struct buf *out) {
    static const struct {
        const char *prefix, *more;
    } needs[] = {
        {"schedules.s.", "cron: '@daily', job: a.b"},
        {"hooks.h.", "path: /h, job: a.b, verify: none"},
        {"limits.l.", "concurrency: 1"},
    };
    const char *more = NULL, *skip = NULL;
    for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++) {
        if (strncmp(key, needs[i].prefix, strlen(needs[i].prefix)) == 0) {
            more = needs[i].more;
            skip = key + strlen(needs[i].prefix);
        }
    }
    bool job = strncmp(key, "jobs.a.b.", 9) == 0; // the name has a dot of its own
    int depth = 0;
    buf_str(out, job ? "jobs: {a.b: {" : "");
    depth = job ? 2 : 0;
    for (const char *at = job ? key + 9 : key; *at != '\0';) {
        size_t len = strcspn(at, ".");
        if (at == skip) {
            for (const char *m = more; m != NULL && *m != '\0';) { // what is needed but not tested
                size_t item = strcspn(m, ",");
                if (strncmp(m, at, len) != 0 || m[len] != ':') {
                    buf_add(out, m, item);
                    buf_str(out, ", ");
                }
                m += item + (m[item] == ',' ? 2 : 0);
            }
        }
        buf_add(out, at, len);
        buf_str(out, ": ");
        at += len + (at[len] == '.');
        if (*at != '\0') {
            buf_char(out, '{');
            depth++;
        }
    }
    buf_str(out, value);
    for (; depth > 0; depth--) {
        buf_char(out, '}');
    }
    buf_char(out, '\n');
}

static void test_typed(void) {
    for (size_t i = 0; i < sizeof(typed) / sizeof(typed[0]); i++) {
        const struct typed *t = &typed[i];
        struct buf text = {0};
        write_file(t->key, t->text, &text);
        struct loaded l = load_text(text.data, NULL);
        bool held;
        if (t->code == NULL) {
            held = EXPECT_TRUE(l.config != NULL);
        } else {
            held = EXPECT_EQ_UINT(1, l.report.errors) &&
                   EXPECT_STR(t->code, l.report.items[0].code) &&
                   EXPECT_CONTAINS(t->words, l.report.items[0].message);
        }
        if (!held) {
            (void)fprintf(stderr, "%s%s", text.data, printed(&l));
        }
        unload(&l);
        buf_free(&text);
    }
}

static void test_addresses(void) {
    static const char *const bad[] = {
        "8080",         "127.0.0.1", "':8080'", "127.0.0.1:65536", "127.0.0.1:x",
        "256.0.0.1:1",  "'::1:80'",  "'[::1]'", "'[127.0.0.1]:1'", "example.org:80",
        "'127.0.0.1:'", "127.1:80"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct buf text = {0};
        write_file("host.listen", bad[i], &text);
        struct loaded l = load_text(text.data, NULL);
        EXPECT_STR("bad_value", code_at(&l, "host.listen[0]"));
        unload(&l);
        buf_free(&text);
    }
}

static const char everything[] =
    "host:\n"
    "  listen: [127.0.0.1:1, {address: unix:./s.sock}]\n"
    "  shutdown_grace: 1h30m\n"
    "  state_dir: state\n"
    "store: {blobs: {place: dir:files, max_in_store: 1MiB}}\n"
    "plugin_dir: so\n"
    "plugins:\n"
    "  one: {file: x.so, exec: ffmpeg, config: {a: 1, b: 'two words', c: true}}\n"
    "  two: {file: ./y.so, isolation: process, max_rss: 1GiB}\n"
    "  three:\n"
    "jobs:\n"
    "  a.b: {queue: q, priority: low, labels: [x, y], retry: {max: 7, backoff: fixed, factor: 1.5, "
    "jitter: 5%}}\n"
    "  a.c: {retry: {backoff: expression, expression: 'pow(2, retried)', classes: {auth: {max: 1}, "
    "network: {backoff: fixed, base: 1m}}}}\n"
    "limits: {l: {rate: 10/m, learn: [A, B]}, m: {rate: 5}}\n"
    "schedules: {s: {cron: '@daily', job: a.b, payload: {x: [1, 2.5, 010, on, true, null, ~, "
    "'true', 1., 1e, -, {k: }, \"q\\\"\", -3e2]}}}\n"
    "routes: [{match: 'GET /x/{id}', action: status}]\n"
    "hooks: {h: {path: /h, job: a.b, tolerance: 1m, payload: {}, verify: [none]}}\n";

static void test_slots(void) {
    struct loaded l = load_text(everything, NULL);
    char cwd[512], want[600];
    EXPECT_STR("", printed(&l));
    if (!EXPECT_TRUE(l.config != NULL) || !EXPECT_TRUE(getcwd(cwd, sizeof(cwd)) != NULL)) {
        unload(&l);
        return;
    }
    const struct config *c = l.config;
    EXPECT_EQ_UINT(2, c->host.listen_count);
    EXPECT_STR("127.0.0.1:1", c->host.listen[0].address);
    (void)snprintf(want, sizeof(want), "unix:%s/s.sock", cwd);
    EXPECT_STR(want, c->host.listen[1].address);
    EXPECT_EQ_INT(5400000, c->host.shutdown_grace_ms);
    (void)snprintf(want, sizeof(want), "%s/state", cwd);
    EXPECT_STR(want, c->host.state_dir);
    (void)snprintf(want, sizeof(want), "%s/state/admin.sock", cwd);
    EXPECT_STR(want, c->host.admin);
    EXPECT_STR("http://127.0.0.1:1", c->host.base_url);
    (void)snprintf(want, sizeof(want), "sqlite:%s/state/jobhost.db", cwd);
    EXPECT_STR(want, c->store.url);
    (void)snprintf(want, sizeof(want), "dir:%s/files", cwd);
    EXPECT_STR(want, c->store.blobs);
    (void)snprintf(want, sizeof(want), "%s/so/x.so", cwd);
    EXPECT_STR(want, config_plugin(c, "one")->file);
    (void)snprintf(want, sizeof(want), "%s/y.so", cwd);
    EXPECT_STR(want, config_plugin(c, "two")->file);
    (void)snprintf(want, sizeof(want), "%s/so/three.so", cwd);
    EXPECT_STR(want, config_plugin(c, "three")->file);
    EXPECT_EQ_UINT(1, config_plugin(c, "one")->exec_count);
    EXPECT_EQ_UINT(3, config_plugin(c, "one")->option_count);
    EXPECT_STR("two words", config_plugin(c, "one")->options[1].value);
    EXPECT_EQ_INT(1 << 30, config_plugin(c, "two")->max_rss);
    const struct config_job *job = config_job(c, "a.b");
    EXPECT_EQ_INT(PRIORITY_LOW, job->priority);
    EXPECT_STR("x,y", job->labels);
    EXPECT_EQ_INT(7, job->retry.policy.max);
    EXPECT_EQ_INT(BACKOFF_FIXED, job->retry.policy.backoff);
    EXPECT_TRUE(job->retry.policy.factor > 1.49 && job->retry.policy.factor < 1.51);
    EXPECT_TRUE(job->retry.policy.jitter > 0.049 && job->retry.policy.jitter < 0.051);
    EXPECT_TRUE(job->retry.policy.rules == NULL);
    EXPECT_EQ_INT(BACKOFF_EXPRESSION, config_job(c, "a.c")->retry.policy.backoff);
    struct retry_policy of = retry_of_class(&config_job(c, "a.c")->retry.policy, JH_E_AUTH);
    EXPECT_EQ_INT(1, of.max);
    EXPECT_EQ_INT(BACKOFF_EXPRESSION, of.backoff);
    of = retry_of_class(&config_job(c, "a.c")->retry.policy, JH_E_NETWORK);
    EXPECT_EQ_INT(3, of.max);
    EXPECT_EQ_INT(BACKOFF_FIXED, of.backoff);
    EXPECT_EQ_INT(60000, of.base_ms);
    EXPECT_EQ_INT(10, c->limits[0].rate);
    EXPECT_EQ_INT(60000, c->limits[0].per_ms);
    EXPECT_EQ_UINT(2, c->limits[0].learn_count);
    EXPECT_EQ_INT(1000, c->limits[1].per_ms);
    EXPECT_STR("{\"x\":[1,2.5,\"010\",\"on\",true,null,null,\"true\",\"1.\",\"1e\",\"-\",{\"k\":"
               "null},\"q\\\"\",-3e2]}",
               c->schedules[0].payload);
    EXPECT_STR("GET", c->routes[0].method);
    EXPECT_STR("/x/{id}", c->routes[0].path);
    EXPECT_STR("none", c->hooks[0].verify[0].scheme);
    EXPECT_STR("{}", c->hooks[0].payload);
    EXPECT_EQ_UINT(3, c->breaker_count);
    unload(&l);
}

static void test_whose_retry_policy(void) {
    struct loaded l = load_text("queues:\n"
                                "  own: {retry: {max: 9, classes: {network: {base: 1m}}}}\n"
                                "  classes: {retry: {classes: {auth: {max: 1}}}}\n"
                                "  none: {retry: {}, weight: 2}\n"
                                "jobs:\n"
                                "  has.one: {retry: {base: 1s}}\n"
                                "  has.none: {timeout: 1s, max_crashes: 7}\n",
                                NULL);
    const struct {
        const char *queue, *type;
        int max, base_ms;
    } cases[] = {{"own", "has.none", 9, 10000},     {"own", "has.one", 3, 1000},
                 {"own", "not.named", 9, 10000},    {"none", "has.one", 3, 1000},
                 {"none", "has.none", 3, 10000},    {"not-named", "has.one", 3, 1000},
                 {"classes", "has.none", 3, 10000}, {"not-named", "not.named", 3, 10000}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct retry_policy *p = config_retry_policy(config_queue(l.config, cases[i].queue),
                                                           config_job(l.config, cases[i].type));
        EXPECT_EQ_INT(cases[i].max, p->max);
        EXPECT_EQ_INT(cases[i].base_ms, p->base_ms);
    }
    struct retry_policy of =
        retry_of_class(&config_queue(l.config, "own")->retry.policy, JH_E_NETWORK);
    EXPECT_EQ_INT(60000, of.base_ms);
    EXPECT_TRUE(config_queue(l.config, "classes")->retry.given);
    unload(&l);
}

// The unnamed queue and job type hold the defaults of the contract.
static void test_defaults(void) {
    struct loaded l = load_text("host: {}\n", NULL);
    const struct config *c = l.config;
    EXPECT_EQ_INT(24 * 3600000LL, c->queue_default.ttl_ms);
    EXPECT_EQ_INT(30 * 24 * 3600000LL, c->queue_default.dead_ttl_ms);
    EXPECT_EQ_INT(1 << 20, c->queue_default.max_payload);
    EXPECT_EQ_INT(1, c->queue_default.weight);
    EXPECT_EQ_INT(300000, c->job_default.timeout_ms);
    EXPECT_EQ_INT(PRIORITY_NORMAL, c->job_default.priority);
    EXPECT_EQ_INT(retry_default.max, c->job_default.retry.policy.max);
    EXPECT_EQ_INT(retry_default.base_ms, c->job_default.retry.policy.base_ms);
    EXPECT_EQ_INT(retry_default.cap_ms, c->job_default.retry.policy.cap_ms);
    EXPECT_TRUE(c->job_default.retry.policy.factor == retry_default.factor);
    EXPECT_TRUE(c->job_default.retry.policy.jitter == retry_default.jitter);
    EXPECT_NULL(c->job_default.queue);
    EXPECT_NULL(c->job_default.entry.name);
    EXPECT_TRUE(c->queue_default.entry.on);
    EXPECT_STR("none", c->host.auth);
    EXPECT_EQ_INT(30000, c->host.lease_ms);
    EXPECT_EQ_INT(30 * 60000, c->breakers[0].base_ms);
    unload(&l);
}

// ---- a key with an old name

struct old_and_new {
    int64_t wait_ms;
};
static const struct config_field renamed_rows[] = {
    {"wait", CONFIG_DURATION, 0, .offset = offsetof(struct old_and_new, wait_ms), .fallback = "1s",
     .max = 3600000, .doc = "Waits."},
    {"pause", CONFIG_RENAMED, 0, .fallback = "wait", .default_words = "0.3", .doc = "Waits."},
};
static const struct config_table renamed_table = {.what = "x", .fields = renamed_rows, .count = 2};

static int64_t bind_renamed(const char *text, struct config_report *report) {
    struct config_sources sources = {0};
    bool loose = false;
    struct config_private *p = calloc(1, sizeof(*p));
    struct old_and_new got = {0};
    config_report_init(report);
    struct yaml_node *root = config_sources_load_text(&sources, "t", bytes_of(text), report);
    struct config_binding b = {
        .priv = p, .report = report, .sources = &sources, .loose = &loose, .at = {"t", 0, 1, 1}};
    config_bind_table(&b, &renamed_table, root, &got);
    config_sources_finish(&sources);
    config_private_free(p);
    return got.wait_ms;
}

static void test_renamed(void) {
    struct config_report report;
    EXPECT_EQ_INT(2000, bind_renamed("pause: 2s", &report));
    EXPECT_EQ_UINT(0, report.errors);
    if (EXPECT_EQ_UINT(1, report.warnings)) {
        EXPECT_STR("renamed_key", report.items[0].code);
        EXPECT_CONTAINS("release 0.3; write wait", report.items[0].message);
    }
    config_report_finish(&report);
    EXPECT_EQ_INT(3000, bind_renamed("wait: 3s", &report));
    EXPECT_EQ_UINT(0, report.errors + report.warnings);
    config_report_finish(&report);
    (void)bind_renamed("{wait: 3s, pause: 2s}", &report);
    EXPECT_EQ_UINT(1, report.errors);
    EXPECT_STR("given_twice", report.items[0].code);
    config_report_finish(&report);
}

static const struct expect_test tests[] = {
    {"every kind of value, taken and refused", test_typed},
    {"addresses that are none", test_addresses},
    {"values arrive in their slots", test_slots},
    {"whose retry policy goes for a job", test_whose_retry_policy},
    {"what is not said has its default", test_defaults},
    {"an old name warns, both names are an error", test_renamed},
};
SUITE_MAIN("config_values", tests)
