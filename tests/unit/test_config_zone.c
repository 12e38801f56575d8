// The system's time zones: names that are there, and what is said about the rest.

#include "config_test.h"
#include "expect.h"

#include "config/config_zone.h"
#include "zones.h"

static void write_file(const char *path, const void *bytes, size_t len) {
    FILE *f = fopen(path, "w");
    if (EXPECT_TRUE(f != NULL)) {
        EXPECT_EQ_INT(len, fwrite(bytes, 1, len, f));
        (void)fclose(f);
    }
}

static void test_zones(void) {
    static const struct {
        const char *zone, *words;
    } rows[] = {
        {"UTC", NULL},
        {"Europe/Berlin", NULL},
        {"America/Argentina/Ushuaia", NULL},
        {"Europe/Berln", "there is no time zone \"Europe/Berln\"; did you mean \"Europe/Berlin\"?"},
        {"europe/berlin", "did you mean \"Europe/Berlin\"?"},
        {"Berlin", "did you mean \"Europe/Berlin\"?"},
        {"Europe", "there is no time zone \"Europe\""},
        {"tzdata.zi", "there is no time zone"}, // a file, but none of a zone
        {"Middle/Earth", "there is no time zone \"Middle/Earth\""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct err e = {0};
        EXPECT_EQ_INT(rows[i].words == NULL ? 0 : -ENOENT,
                      config_zone_check(rows[i].zone, true, &e));
        EXPECT_CONTAINS(rows[i].words == NULL ? "" : rows[i].words, e.msg);
    }
    struct err e = {0};
    EXPECT_EQ_INT(-ENOENT, config_zone_check("Europe/Berln", false, &e));
    EXPECT_EQ_STR("there is no time zone \"Europe/Berln\"", e.msg);
    setenv("TZDIR", "/no/such", 1);
    EXPECT_EQ_INT(0, config_zone_check("UTC", true, NULL));
    EXPECT_EQ_INT(-ENOENT, config_zone_check("Europe/Berlin", true, &e));
    EXPECT_CONTAINS("install tzdata", e.msg);
    unsetenv("TZDIR");
}

/* A folder of its own as the database. */
static void test_database(void) {
    char dir[] = "/tmp/zonesXXXXXX", path[64], version[CONFIG_ZONE_VERSION_MAX];
    struct zone *zone = NULL;
    struct err e = {0};
    uint8_t bytes[TZIF_BYTES];
    size_t len = tzif_write(&tzif_apia, bytes);
    if (!EXPECT_TRUE(mkdtemp(dir) != NULL)) {
        return;
    }
    setenv("TZDIR", dir, 1);
    config_zone_version(version);
    EXPECT_EQ_STR("", version);
    (void)snprintf(path, sizeof path, "%s/Apia", dir);
    write_file(path, bytes, len);
    EXPECT_EQ_INT(0, config_zone_load("Apia", false, &zone, &e));
    EXPECT_EQ_INT(50400, zone_span_at(zone, 1325239200).offset);
    zone_free(&zone);
    write_file(path, bytes, len - 1);
    EXPECT_EQ_INT(-EINVAL, config_zone_load("Apia", false, &zone, &e));
    EXPECT_CONTAINS("/Apia: the zone file is broken", e.msg);
    EXPECT_EQ_INT(-EINVAL, config_zone_check("Apia", false, &e));
    EXPECT_NULL(zone);
    EXPECT_EQ_INT(0, config_zone_load("UTC", false, &zone, &e));
    EXPECT_NULL(zone);
    (void)unlink(path);
    (void)snprintf(path, sizeof path, "%s/tzdata.zi", dir);
    write_file(path, "# version 2025b\n# more", 22);
    config_zone_version(version);
    EXPECT_EQ_STR("2025b", version);
    (void)unlink(path);
    (void)snprintf(path, sizeof path, "%s/+VERSION", dir);
    write_file(path, "2026a\n", 6);
    config_zone_version(version);
    EXPECT_EQ_STR("2026a", version);
    (void)unlink(path);
    (void)rmdir(dir);
    unsetenv("TZDIR");
}

/* All of the machine's zones are read. */
static void test_machine(void) {
    static const char *const names[] = {"Europe/Berlin",    "Africa/Casablanca",   "Pacific/Apia",
                                        "Antarctica/Troll", "Australia/Lord_Howe", "Etc/GMT+12"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct zone *zone = NULL;
        EXPECT_EQ_INT(0, config_zone_load(names[i], false, &zone, NULL));
        EXPECT_TRUE(zone != NULL);
        zone_free(&zone);
    }
}

static const struct expect_test tests[] = {
    {"names", test_zones},
    {"a database", test_database},
    {"the machine's", test_machine},
};
SUITE_MAIN("config_zone", tests)
