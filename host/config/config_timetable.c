#include "config/config_timetable.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/rfc3339.h"
#include "config/config_zone.h"

static int look_up(const char *key, const char *word, int (*from_name)(const char *), int *ret,
                   struct err *e) {
    *ret = word == NULL ? 0 : from_name(word); // the first word is the default
    return *ret >= 0 ? 0 : err_set(e, -EINVAL, "%s: there is no \"%s\"", key, word);
}

static int days_from_name(const char *name) {
    return strcmp(name, "and") == 0 ? 1 : strcmp(name, "or") == 0 ? 0 : -1;
}

static int read_time(const char *key, const char *text, int64_t *ret, struct err *e) {
    return text == NULL || rfc3339_parse(text, ret) == 0
               ? 0
               : err_set(e, -EINVAL, "%s: \"%s\" is no time such as 2026-01-31T09:00:00Z", key,
                         text);
}

static int read_words(const struct config_schedule *s, struct schedule *out, struct err *e) {
    int days, dst, catch_up, overlap, r;
    if ((r = look_up("days", s->days, days_from_name, &days, e)) < 0 ||
        (r = look_up("dst", s->dst, cron_dst_from_name, &dst, e)) < 0 ||
        (r = look_up("catch_up", s->catch_up, schedule_catch_up_from_name, &catch_up, e)) < 0 ||
        (r = look_up("overlap", s->overlap, schedule_overlap_from_name, &overlap, e)) < 0) {
        return r;
    }
    out->rule.days_and = days == 1;
    out->rule.dst = (enum cron_dst)dst;
    out->catch_up = (enum schedule_catch_up)catch_up;
    out->overlap = (enum schedule_overlap)overlap;
    return 0;
}

static int read_zone(const struct config_schedule *s, struct config_timetable *t, struct err *e) {
    const char *name = t->cron.zone[0] != '\0' ? t->cron.zone
                       : s->timezone != NULL   ? s->timezone
                                               : "UTC";
    int r = zone_check_name(name, strlen(name), e);
    if (r < 0) {
        return r;
    }
    (void)snprintf(t->zone_name, sizeof t->zone_name, "%s", name);
    return config_zones_get(t->zones, name, &t->zone, e);
}

int config_timetable_open_in(const struct config_schedule *s, int64_t stored_ms,
                             struct config_zones *zones, struct config_timetable *ret,
                             struct err *e) {
    struct err fault = {0};
    int r;
    *ret = (struct config_timetable){.zones = config_zones_hold(zones)};
    struct schedule *out = &ret->schedule;
    *out = (struct schedule){
        .id = s->entry.name,
        .window_ms = s->catch_up_window_ms,
        .max = s->catch_up_max,
        .jitter_ms = s->jitter_ms,
        .start_ms = SCHEDULE_NONE,
        .end_ms = SCHEDULE_NEVER,
        .stored_ms = stored_ms,
        .paused = s->paused,
    };
    if ((r = cron_parse(s->cron, &ret->cron, &fault)) < 0) {
        return err_set(e, r, "cron: %s", fault.msg);
    }
    if ((r = read_words(s, out, e)) < 0 ||
        (r = read_time("start_at", s->start_at, &out->start_ms, e)) < 0 ||
        (r = read_time("end_at", s->end_at, &out->end_ms, e)) < 0 ||
        (r = read_zone(s, ret, e)) < 0) {
        return r;
    }
    out->rule.cron = &ret->cron;
    out->rule.zone = ret->zone;
    return cron_comes(&out->rule) ? 0 : err_set(e, -EINVAL, "cron: never comes");
}

int config_timetable_open(const struct config_schedule *s, int64_t stored_ms,
                          struct config_timetable *ret, struct err *e) {
    struct config_zones *zones = config_zones_new();
    *ret = (struct config_timetable){.zones = NULL};
    if (zones == NULL) {
        return err_set(e, -ENOMEM, "out of memory");
    }
    int r = config_timetable_open_in(s, stored_ms, zones, ret, e);
    config_zones_free(&zones); // the timetable holds them
    return r;
}

void config_timetable_close(struct config_timetable *t) {
    config_zones_free(&t->zones);
}
