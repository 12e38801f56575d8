// What schedules say, from the file and from JSON, and which changes are another series or edition.

#include "supervisor/schedule_definition.h"

#include <string.h>

#include "config_test.h"
#include "expect.h"

static struct loaded loaded;
static struct config_zones *zones;

static void begin(const char *text) {
    loaded = load_text(text, NULL);
    zones = config_zones_new();
    (void)EXPECT_TRUE(loaded.config != NULL);
}

static void end(void) {
    config_zones_free(&zones);
    unload(&loaded);
}

static struct schedule_definition *of_json(const char *json, const char **ret_key, struct err *e) {
    struct schedule_definition *d = NULL;
    int r = schedule_definition_of_json(loaded.config, "s", bytes_of(json), zones, &d, ret_key, e);
    (void)EXPECT_TRUE((r == 0) == (d != NULL));
    return d;
}

static void revision_of(const char *json, char ret[STORE_SCHEDULE_REVISION_MAX + 1]) {
    struct schedule_definition *d = of_json(json, NULL, NULL);
    ret[0] = '\0';
    if (EXPECT_TRUE(d != NULL)) {
        memcpy(ret, d->revision, sizeof d->revision);
    }
    schedule_definition_free(&d);
}

#define RULE "\"cron\":\"0 9 * * *\",\"job\":\"a.b\""

static void test_round_trip(void) {
    begin("schedules:\n"
          "  s: {cron: '0 9 * * *', timezone: Europe/Berlin, catch_up: all, catch_up_window: 2h, "
          "catch_up_max: 7, overlap: queue_all, jitter: 30s, start_at: '2026-01-01T00:00:00Z', "
          "job: a.b, user: ann, key: k, payload: {n: 1}}\n"
          "jobs: {a.b: {queue: other}}\n");
    struct schedule_definition *file = NULL, *stored = NULL;
    EXPECT_EQ_INT(0, schedule_definition_of_config(loaded.config, &loaded.config->schedules[0],
                                                   zones, &file, NULL));
    stored = of_json(file->text, NULL, NULL);
    if (EXPECT_TRUE(stored != NULL)) {
        EXPECT_EQ_STR(file->text, stored->text);
        EXPECT_EQ_STR(file->revision, stored->revision);
        EXPECT_EQ_STR("other", stored->is.queue);
        EXPECT_EQ_INT(7, stored->when.schedule.max);
        EXPECT_EQ_INT(7200000, stored->when.schedule.window_ms);
        EXPECT_EQ_STR("Europe/Berlin", stored->when.zone_name);
        EXPECT_EQ_STR("{\"n\":1}", stored->is.payload);
    }
    struct schedule_definition *more = schedule_definition_hold(file);
    schedule_definition_free(&file);
    EXPECT_EQ_STR("s", more->when.schedule.id);
    schedule_definition_free(&more);
    schedule_definition_free(&stored);
    end();
}

static void test_revisions(void) {
    static const struct {
        const char *json;
        bool same_series, same;
    } rows[] = {
        {"{" RULE "}", true, true},
        {"{\"job\":\"a.b\",\"dst\":\"vixie\",\"cron\":\"0 9 * * *\",\"payload\":{}}", true, true},
        {"{" RULE ",\"catch_up_window\":\"60m\"}", true, true}, // another spelling of the default
        {"{" RULE ",\"payload\":1}", true, false},
        {"{" RULE ",\"payload\":null}", true, false},
        {"{" RULE ",\"user\":\"ann\"}", true, false},
        {"{" RULE ",\"queue\":\"q\"}", true, false},
        {"{\"cron\":\"0 9 * * *\",\"job\":\"a.c\"}", true, false},
        {"{\"cron\":\"0 8 * * *\",\"job\":\"a.b\"}", false, false},
        {"{" RULE ",\"timezone\":\"Europe/Berlin\"}", false, false},
        {"{" RULE ",\"overlap\":\"allow\"}", false, false},
        {"{" RULE ",\"paused\":true}", false, false},
        {"{" RULE ",\"jitter\":\"1s\"}", false, false},
        {"{" RULE ",\"end_at\":\"2036-01-01T00:00:00Z\"}", false, false},
    };
    char first[STORE_SCHEDULE_REVISION_MAX + 1], other[STORE_SCHEDULE_REVISION_MAX + 1];
    begin("{}\n");
    revision_of("{" RULE "}", first);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        revision_of(rows[i].json, other);
        if (!EXPECT_TRUE(store_schedule_same_series(first, other) == rows[i].same_series) ||
            !EXPECT_TRUE((strcmp(first, other) == 0) == rows[i].same)) {
            printf("  %s\n", rows[i].json);
        }
    }
    end();
}

static void test_faults(void) {
    static const struct {
        const char *json, *key, *words;
    } rows[] = {
        {"[1]", NULL, "object"},
        {"{\"job\":\"a.b\"}", "cron", "required"},
        {"{\"cron\":\"@daily\"}", "job", "required"},
        {"{" RULE ",\"corn\":1}", NULL, "did you mean \"cron\""},
        {"{" RULE ",\"enabled\":true}", NULL, "no \"enabled\""},
        {"{" RULE ",\"job\":\"a.b\"}", "job", "twice"},
        {"{\"cron\":\"99 * * * *\",\"job\":\"a.b\"}", "cron", "minute"},
        {"{" RULE ",\"overlap\":\"maybe\"}", "overlap", ""},
        {"{" RULE ",\"jitter\":30}", "jitter", ""},
        {"{" RULE ",\"paused\":\"yes\"}", "paused", ""},
        {"{" RULE ",\"catch_up_max\":-1}", "catch_up_max", ""},
        {"{" RULE ",\"timezone\":\"Europe/Brelin\"}", NULL, "Europe/Berlin"},
        {"{" RULE ",\"start_at\":\"2027-01-01T00:00:00Z\",\"end_at\":\"2026-01-01T00:00:00Z\"}",
         "end_at", "not after"},
        {"{\"cron\":\"TZ=Asia/Tokyo @daily\",\"timezone\":\"Europe/Berlin\",\"job\":\"a.b\"}",
         "timezone", "differs"},
    };
    begin("{}\n");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct err e = {0};
        const char *key = NULL;
        struct schedule_definition *d = of_json(rows[i].json, &key, &e);
        bool as_said = d == NULL && strstr(e.msg, rows[i].words) != NULL &&
                       (key == NULL) == (rows[i].key == NULL) &&
                       (key == NULL || strcmp(key, rows[i].key) == 0);
        if (!EXPECT_TRUE(as_said)) {
            printf("  %s: %s: %s\n", rows[i].json, key == NULL ? "-" : key, e.msg);
        }
        schedule_definition_free(&d);
    }
    end();
}

// At the limit and beyond it.
static void test_size(void) {
    static char json[STORE_SCHEDULE_DEFINITION_MAX + 100];
    begin("{}\n");
    struct schedule_definition *d = of_json("{" RULE ",\"payload\":\"\"}", NULL, NULL);
    size_t bare = d == NULL ? 0 : strlen(d->text);
    schedule_definition_free(&d);
    for (int more = 0; more <= 1; more++) {
        int room = STORE_SCHEDULE_DEFINITION_MAX - (int)bare + more;
        (void)snprintf(json, sizeof json, "{" RULE ",\"payload\":\"%0*d\"}", room, 0);
        d = of_json(json, NULL, NULL);
        EXPECT_TRUE((d != NULL) == (more == 0));
        schedule_definition_free(&d);
    }
    end();
}

static const struct expect_test tests[] = {
    {"what is stored says what the file said", test_round_trip},
    {"series and editions", test_revisions},
    {"faults name the key", test_faults},
    {"64 KiB", test_size},
};
SUITE_MAIN("schedule_definition", tests)
