// By name, and the queue of a type.

#include "config_test.h"
#include "expect.h"

static void test_found(void) {
    struct loaded l =
        load_text("queues: {a: {concurrency: 1}, b: {}}\njobs: {a.x: {queue: b}, lone: {}}\n"
                  "plugins: {p: {}}\n",
                  NULL);
    EXPECT_STR("a", config_queue(l.config, "a")->entry.name);
    EXPECT_TRUE(config_queue(l.config, "c") == &l.config->queue_default);
    EXPECT_TRUE(config_queue(l.config, "") == &l.config->queue_default);
    EXPECT_STR("a.x", config_job(l.config, "a.x")->entry.name);
    EXPECT_TRUE(config_job(l.config, "a.y") == &l.config->job_default);
    EXPECT_STR("p", config_plugin(l.config, "p")->entry.name);
    EXPECT_NULL(config_plugin(l.config, "q"));
    unload(&l);
}

static void test_empty(void) {
    struct loaded l = load_text("host: {}\n", NULL);
    EXPECT_TRUE(config_queue(l.config, "x") == &l.config->queue_default);
    EXPECT_TRUE(config_job(l.config, "x") == &l.config->job_default);
    EXPECT_NULL(config_plugin(l.config, "x"));
    unload(&l);
}

static void test_many(void) {
    struct buf text = {0};
    char name[16];
    buf_str(&text, "queues: {");
    for (int i = 0; i < 3000; i++) {
        buf_printf(&text, "q%d: {concurrency: %d},", i, i);
    }
    buf_str(&text, "}");
    struct loaded l = load_text(text.data, NULL);
    if (EXPECT_TRUE(l.config != NULL)) {
        for (int i = 0; i < 3000; i++) {
            (void)snprintf(name, sizeof(name), "q%d", i);
            EXPECT_EQ_INT(i, config_queue(l.config, name)->concurrency);
        }
        EXPECT_TRUE(config_queue(l.config, "q3000") == &l.config->queue_default);
    }
    unload(&l);
    buf_free(&text);
}

static void add_off(void *arg, const char *section, const struct config_entry *entry) {
    struct buf *out = arg;
    buf_printf(out, "%s.%s: %s\n", section, entry->name, entry->off_why);
}

static void test_each_off(void) {
    struct loaded l = load_text("plugins: {p: {enabled: false}, on: {}}\n"
                                "schedules: {s: {cron: '@daily', job: p.x, enabled: auto}}\n"
                                "hooks: {h: {path: /h, verify: none, job: on.x, enabled: false}}\n"
                                "routes: [{match: 'GET /r/{id}', action: status, view: amazon, "
                                "enabled: auto}]\n"
                                "notify: {n: {on: job.dead, url: 'https://x', secret: '${N:-}', "
                                "enabled: auto}}\n",
                                NULL);
    struct buf out = {0};
    EXPECT_EQ_STR("", l.printed.data == NULL ? "" : l.printed.data);
    if (l.config != NULL) {
        config_each_off(l.config, add_off, &out);
    }
    EXPECT_EQ_STR("plugins.p: enabled: false\nschedules.s: plugin p is not on\n"
                  "hooks.h: enabled: false\nroutes.GET /r/{id}: plugin amazon is not on\n"
                  "notify.n: N is not set\n",
                  out.data);
    buf_free(&out);
    unload(&l);
}

static void test_queue_of_type(void) {
    struct loaded l = load_text("jobs: {a.x: {queue: b}, a.y: {}}\n", NULL);
    char out[JOB_QUEUE_MAX + 1], type[JOB_TYPE_MAX + 1];
    EXPECT_STR("b", config_queue_of_type(l.config, "a.x", out));
    EXPECT_STR("a", config_queue_of_type(l.config, "a.y", out));
    EXPECT_STR("a", config_queue_of_type(l.config, "a.z.z", out));
    EXPECT_STR("lone", config_queue_of_type(l.config, "lone", out));
    memset(type, 't', JOB_TYPE_MAX);
    type[JOB_TYPE_MAX] = '\0';
    EXPECT_EQ_UINT(JOB_QUEUE_MAX, strlen(config_queue_of_type(l.config, type, out)));
    type[JOB_QUEUE_MAX] = '.';
    EXPECT_EQ_UINT(JOB_QUEUE_MAX, strlen(config_queue_of_type(l.config, type, out)));
    unload(&l);
}

static const struct expect_test tests[] = {
    {"names are found, others get the default", test_found},
    {"a config without names", test_empty},
    {"three thousand queues", test_many},
    {"what is off", test_each_off},
    {"a type's queue", test_queue_of_type},
};
SUITE_MAIN("config_lookup", tests)
