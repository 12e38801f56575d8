// Zones that many share, and the number that says whether two databases agree about one.

#include <stdlib.h>

#include "config/config_zones.h"
#include "expect.h"

static const struct zone *get(struct config_zones *zones, const char *name) {
    const struct zone *zone = NULL;
    (void)EXPECT_EQ_INT(0, config_zones_get(zones, name, &zone, NULL));
    return zone;
}

static void test_shared(void) {
    struct config_zones *zones = config_zones_new();
    struct config_zones *held = config_zones_hold(zones);
    const struct zone *berlin = get(zones, "Europe/Berlin");
    EXPECT_TRUE(get(zones, "Asia/Tokyo") != berlin);
    EXPECT_TRUE(get(held, "Europe/Berlin") == berlin);
    EXPECT_NULL(get(zones, "UTC"));
    config_zones_free(&zones);
    EXPECT_NULL(zones);
    EXPECT_TRUE(get(held, "Europe/Berlin") == berlin); // there is one user left
    config_zones_free(&held);
    config_zones_free(&held);
}

static void test_unknown(void) {
    struct config_zones *zones = config_zones_new();
    const struct zone *zone = NULL;
    struct err e = {0};
    EXPECT_TRUE(config_zones_get(zones, "Europe/Brelin", &zone, &e) < 0);
    EXPECT_TRUE(e.msg[0] != '\0');
    EXPECT_NULL(zone);
    config_zones_free(&zones);
}

static void test_mark(void) {
    struct config_zones *zones = config_zones_new(), *again = config_zones_new();
    uint64_t berlin = config_zones_mark(get(zones, "Europe/Berlin"));
    EXPECT_TRUE(berlin == config_zones_mark(get(again, "Europe/Berlin")));
    EXPECT_TRUE(berlin == config_zones_mark(get(zones, "Europe/Paris"))); // alike since 1945
    EXPECT_TRUE(berlin != config_zones_mark(get(zones, "Europe/London")));
    EXPECT_TRUE(config_zones_mark(NULL) == 0);
    config_zones_free(&zones);
    config_zones_free(&again);
}

static const struct expect_test tests[] = {
    {"a zone is read once, and kept while anybody has it", test_shared},
    {"a zone that there is not", test_unknown},
    {"what clocks show, in one number", test_mark},
};
SUITE_MAIN("config_zones", tests)
