// The effective configuration: readable again, with origins; the hash; what needs a restart; the environment.

#include <cjson/cJSON.h>

#include "config_test.h"
#include "expect.h"

static const char text[] = "host: {log_level: \"${LEVEL}\", listen: ['127.0.0.1:1', 'unix:./s']}\n"
                           "queues: {q: {concurrency: 3, key_prefix: 'a \"b\" \\ c'}}\n"
                           "jobs: {a.b: {labels: [x, y], retry: {factor: 1.5}}}\n"
                           "plugins: {p: {config: {name: 'x: y', n: 1}}}\n"
                           "schedules: {s: {cron: '@daily', job: a.b, payload: {deep: [1, {x: "
                           "\"${LEVEL}\"}]}, enabled: auto}}\n"
                           "hooks: {h: {path: /h, job: p.b, verify: [{github: {secret: s3}}]}}\n";
static const char *const environment[] = {"LEVEL=warn", NULL};

// What a program that pipes the dump to a file gets is YAML with the same values (secrets aside).
static void test_loads_again(void) {
    struct loaded first =
        load_text("host: {log_level: warn, listen: ['127.0.0.1:1', 'unix:./s']}\n"
                  "queues: {q: {concurrency: 3, key_prefix: 'a \"b\" \\ c'}}\n"
                  "jobs: {a.b: {labels: [x, y], retry: {factor: 1.5}}}\n"
                  "plugins: {p: {file: /x/p.so, config: {name: 'x: y', n: 1}}}\n"
                  "schedules: {s: {cron: '@daily', job: a.b, payload: {deep: [1, {x: true}]}}}\n"
                  "limits: {l: {rate: 10/m, learn: [A]}}\n"
                  "routes: [{match: 'GET /a/{id}', action: status}]\n"
                  "cors: ['http://a']\n",
                  NULL);
    struct buf dumped = {0};
    if (EXPECT_TRUE(first.config != NULL)) {
        config_dump(first.config, false, &dumped);
        struct loaded again = load_text(dumped.data, NULL);
        if (EXPECT_TRUE(again.config != NULL)) {
            EXPECT_STR(first.config->hash, again.config->hash);
        } else {
            (void)fprintf(stderr, "%s", printed(&again));
        }
        unload(&again);
    }
    buf_free(&dumped);
    unload(&first);
}

static void test_origins(void) {
    struct loaded l = load_text(text, environment);
    struct buf out = {0};
    config_dump(l.config, false, &out);
    EXPECT_CONTAINS("log_level: \"warn\"  # test.yaml:1, environment LEVEL\n", out.data);
    EXPECT_CONTAINS("lease: \"30s\"  # default\n", out.data);
    EXPECT_CONTAINS("concurrency: 3  # test.yaml:2\n", out.data);
    EXPECT_CONTAINS("labels:  # test.yaml:3\n      - \"x\"\n      - \"y\"\n", out.data);
    EXPECT_CONTAINS("# off: schedules.s: plugin a is not on\n", out.data);
    EXPECT_CONTAINS("payload: ***(set)", out.data);
    EXPECT_CONTAINS("secret: ***(set)", out.data);
    buf_free(&out);
    unload(&l);
}

static void test_json(void) {
    struct loaded l = load_text(text, environment);
    struct buf out = {0};
    config_dump(l.config, true, &out);
    cJSON *tree = cJSON_Parse(out.data);
    if (EXPECT_TRUE(tree != NULL)) {
        const cJSON *host = cJSON_GetObjectItem(cJSON_GetObjectItem(tree, "config"), "host");
        const cJSON *origins = cJSON_GetObjectItem(tree, "origins");
        EXPECT_STR("warn", cJSON_GetObjectItem(host, "log_level")->valuestring);
        EXPECT_EQ_INT(1024, cJSON_GetObjectItem(host, "max_connections")->valueint);
        EXPECT_EQ_INT(2, cJSON_GetArraySize(cJSON_GetObjectItem(host, "listen")));
        EXPECT_STR("test.yaml:1",
                   cJSON_GetObjectItem(origins, "host.listen[1].address")->valuestring);
        EXPECT_STR("default", cJSON_GetObjectItem(origins, "host.lease")->valuestring);
        EXPECT_STR("test.yaml:3",
                   cJSON_GetObjectItem(origins, "jobs.a.b.retry.factor")->valuestring);
        const cJSON *off = cJSON_GetArrayItem(cJSON_GetObjectItem(tree, "off"), 0);
        EXPECT_STR("plugin a is not on", cJSON_GetObjectItem(off, "why")->valuestring);
        EXPECT_STR("1MiB",
                   cJSON_GetObjectItem(cJSON_GetObjectItem(tree, "queue_default"), "max_payload")
                       ->valuestring);
        EXPECT_STR(
            "5m",
            cJSON_GetObjectItem(cJSON_GetObjectItem(tree, "job_default"), "timeout")->valuestring);
    }
    cJSON_Delete(tree);
    buf_free(&out);
    unload(&l);
}

// ---- the hash

static void hash_of(const char *yaml, const char *const *env, char out[65]) {
    struct loaded l = load_text(yaml, env);
    if (EXPECT_TRUE(l.config != NULL)) {
        (void)snprintf(out, 65, "%s", l.config->hash);
    }
    unload(&l);
}

static void test_hash(void) {
    static const char *const one[] = {"T=one-0123456789ab", NULL}, *const two[] = {
                                                                       "T=two-0123456789ab", NULL};
    char a[65], b[65];
    hash_of("host: {}\n", NULL, a);
    EXPECT_EQ_UINT(64, strlen(a));
    hash_of("# words\nhost:\n  lease: 30000ms\n", NULL, b); // says the same
    EXPECT_STR(a, b);
    hash_of("host: {lease: 31s}\n", NULL, b);
    EXPECT_TRUE(strcmp(a, b) != 0);
    hash_of("host: {admin_token: \"${T}\"}\n", one, a);
    hash_of("host: {admin_token: \"${T}\"}\n", two, b);
    EXPECT_TRUE(strcmp(a, b) != 0); // a rotated secret is another config
    hash_of("plugins: {p: {config: {t: \"${T}\"}}}\n", one, a);
    hash_of("plugins: {p: {config: {t: \"${T}\"}}}\n", two, b);
    EXPECT_TRUE(strcmp(a, b) != 0);
    hash_of("store: {url: 'redis://u:a@h'}\n", one, a);
    hash_of("store: {url: 'redis://u:b@h'}\n", two, b);
    EXPECT_TRUE(strcmp(a, b) != 0);
    hash_of("plugins: {p: {enabled: auto, config: {t: \"${U}\"}}}\n", NULL, a);
    hash_of("plugins: {p: {enabled: auto, config: {}}}\n", NULL, b);
    EXPECT_TRUE(strcmp(a, b) != 0); // off is not on
}

// ---- reload

static void expect_restart(const char *before, const char *after, const char *want) {
    struct loaded a = load_text(before, NULL), b = load_text(after, NULL);
    struct buf out = {0};
    if (EXPECT_TRUE(a.config != NULL && b.config != NULL)) {
        size_t lines = 0;
        for (const char *c = want; *c != '\0'; c++) {
            lines += *c == '\n';
        }
        EXPECT_EQ_UINT(lines, config_needs_restart(a.config, b.config, &out));
        EXPECT_STR(want, out.data == NULL ? "" : out.data);
    }
    buf_free(&out);
    unload(&a);
    unload(&b);
}

static void test_restart(void) {
    expect_restart("host: {}", "host: {log_level: warn}", "");
    expect_restart("host: {}", "host: {lease: 1m}", "host.lease\n");
    expect_restart("host: {}", "host: {state_dir: x}", "host.admin\nhost.state_dir\nstore.url\n");
    expect_restart("host: {}", "host: {listen: '127.0.0.1:1'}", "host.listen\n");
    expect_restart("host: {}", "host: {listen: ['127.0.0.1:8080', '127.0.0.1:1']}",
                   "host.listen\n");
    expect_restart("store: {url: 'redis://u:a@h'}", "store: {url: 'redis://u:b@h'}", "store.url\n");
    expect_restart("store: {blobs: dir:/a}", "store: {}", "store.blobs.place\n");
    expect_restart("queues: {a: {}, b: {}}", "queues: {b: {key_prefix: x}, c: {key_prefix: y}}",
                   "queues.b.key_prefix\n");
    expect_restart("queues: {a: {key_prefix: x}}", "host: {}", "");
    expect_restart("plugins: {p: {}}", "plugins: {p: {workers: 5}}", "");
}

// ---- the environment's copy

static void test_environment(void) {
    char value[] = "A=one-0123456789ab";
    char *environ_like[] = {value, NULL};
    struct config_env *env = config_env_new(environ_like);
    memset(value + 2, 'x', 3); // later changes are not seen
    struct config_report report;
    struct config *c =
        config_load_text("t", bytes_of("host: {admin_token: \"${A}\"}"), env, NULL, &report);
    if (EXPECT_TRUE(c != NULL)) {
        EXPECT_STR("one-0123456789ab", c->host.admin_token);
    }
    config_free(&c);
    config_report_finish(&report);
    config_env_free(&env);
    EXPECT_NULL(env);
    config_env_free(&env);
    env = config_env_new(NULL);
    EXPECT_TRUE(env != NULL);
    config_env_free(&env);
}

static void test_consumed(void) {
    static const char *const env[] = {"A=aaaaaaaaaaaa", "B=bbbb", "C=debug", "D=d", NULL};
    struct loaded l = load_text("host: {admin_token: \"${A}${B}\", log_level: \"${C}\"}\n"
                                "plugins: {p: {config: {x: \"${A}\", y: \"${D}\"}}}\n",
                                env);
    const char *const *names;
    if (EXPECT_TRUE(l.config != NULL) &&
        EXPECT_EQ_UINT(3, config_secret_variables(l.config, &names))) {
        EXPECT_STR("A", names[0]);
        EXPECT_STR("B", names[1]);
        EXPECT_STR("D", names[2]);
    }
    unload(&l);
}

static const struct expect_test tests[] = {
    {"a dump loads again to the same config", test_loads_again},
    {"each value's origin", test_origins},
    {"JSON", test_json},
    {"the hash follows the values", test_hash},
    {"what a reload cannot change", test_restart},
    {"the environment is copied once", test_environment},
    {"which variables became secrets", test_consumed},
};
SUITE_MAIN("config_dump", tests)
