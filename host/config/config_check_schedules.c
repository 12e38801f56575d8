#include <string.h>

#include "base/rfc3339.h"
#include "config/config_check.h"
#include "config/config_zone.h"
#include "core/cron.h"

// A suggestion reads the folders of the database: often enough for people, not for thousands.
enum { SUGGESTIONS = 20 };

struct check {
    struct config_binding *b;
    const struct config_schedule *s;
    int suggestions; // left
};

static struct config_subject at(const struct check *k, const char *key, const void *slot) {
    return (struct config_subject){&k->s->entry, "schedules", key, slot};
}

static void check_zone(struct check *k, const char *zone, const char *key, const void *slot) {
    struct err e = {0};
    struct config_subject subject = at(k, key, slot);
    if (!k->b->sources->no_files && config_zone_check(zone, k->suggestions > 0, &e) < 0) {
        k->suggestions--;
        config_check_error(k->b, &subject, "unknown_zone", "%s", e.msg);
    }
}

static void check_zones(struct check *k, const char *prefix) {
    const struct config_schedule *s = k->s;
    bool given = s->timezone != NULL && config_origin_find(k->b->priv, &s->timezone) != NULL;
    if (*prefix != '\0') {
        check_zone(k, prefix, "cron", &s->cron);
    }
    if (given) {
        check_zone(k, s->timezone, "timezone", &s->timezone);
    }
    if (*prefix != '\0' && given && strcmp(prefix, s->timezone) != 0) {
        struct config_subject subject = at(k, "timezone", &s->timezone);
        config_check_error(k->b, &subject, "contradiction", "differs from the zone in cron");
    }
}

static void check_expression(struct check *k, const struct cron *cron) {
    char note[CRON_NOTE_MAX];
    struct config_subject subject = at(k, "cron", &k->s->cron);
    bool both = k->s->days != NULL && strcmp(k->s->days, "and") == 0;
    if (both && !cron_comes(&(struct cron_rule){.cron = cron, .days_and = true})) {
        config_check_error(k->b, &subject, "contradiction",
                           "never comes: no such day is such a weekday, and `days` is `and`");
    }
    for (int i = 0; cron_warning(cron, both, i, note); i++) {
        config_check_warning(k->b, &subject, "odd_cron", "%s", note);
    }
}

static void check_schedule(struct check *k) {
    const struct config_schedule *s = k->s;
    int64_t start, end;
    struct cron cron;
    if (s->start_at != NULL && s->end_at != NULL && rfc3339_parse(s->start_at, &start) == 0 &&
        rfc3339_parse(s->end_at, &end) == 0 && start >= end) {
        struct config_subject subject = at(k, "end_at", &s->end_at);
        config_check_error(k->b, &subject, "contradiction", "is not after start_at");
    }
    bool parsed = s->cron != NULL && cron_parse(s->cron, &cron, NULL) == 0;
    check_zones(k, parsed ? cron.zone : "");
    if (parsed) {
        check_expression(k, &cron);
    }
}

void config_check_schedules(struct config_binding *b, const struct config *c) {
    struct check k = {b, NULL, SUGGESTIONS};
    for (size_t i = 0; i < c->schedule_count; i++) {
        k.s = &c->schedules[i];
        check_schedule(&k);
    }
}
