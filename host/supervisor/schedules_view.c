#include <stdio.h>
#include <string.h>

#include "supervisor/schedule_fire.h"
#include "supervisor/schedules_private.h"

static const char *const standing_names[STANDING_COUNT] = {
    [STANDING_ACTIVE] = "active",
    [STANDING_PAUSED] = "paused",
    [STANDING_ENDED] = "ended",
    [STANDING_DRIFTING] = "drifting",
};

const char *schedule_standing_name(enum schedule_standing standing) {
    return (unsigned)standing < STANDING_COUNT ? standing_names[standing] : NULL;
}

static void view_times(const struct host *host, struct schedule_view *v, int64_t last_ms) {
    struct schedule_time next;
    int64_t now = env_wall_ms(&host->env);
    int64_t after = last_ms > now && last_ms <= now + SCHEDULE_AHEAD_MS ? last_ms : now;
    if (v->rule.rule.cron->kind != CRON_REBOOT && schedule_next(&v->rule, after, &next)) {
        v->next_ms = next.fire_ms;
        v->next_nominal_ms = next.nominal_ms;
    } else if (v->rule.rule.cron->kind != CRON_REBOOT) {
        v->standing = v->standing == STANDING_ACTIVE ? STANDING_ENDED : v->standing;
    }
}

void schedules_view(const struct host *host, const struct store_schedule *stored,
                    struct schedule_view *ret) {
    const struct schedules *s = host->schedules;
    const struct entry *e = schedules_find(s, stored->id);
    *ret = (struct schedule_view){.why = "this host is about to read it",
                                  .standing = STANDING_DRIFTING};
    if (e == NULL) {
        return;
    }
    // what is shown is newer than what is known of it
    struct entry as_shown = *e;
    as_shown.stored = true;
    as_shown.of_api = stored->api;
    (void)snprintf(as_shown.revision, sizeof as_shown.revision, "%s", stored->revision);
    ret->definition = schedules_definition(e);
    ret->in_file = e->own != NULL;
    ret->why = schedules_fault(&as_shown);
    if (ret->definition == NULL || ret->why != NULL) {
        return;
    }
    ret->rule = schedule_fire_rule(ret->definition, stored->stored_ms, stored->paused_ms != 0);
    ret->standing = ret->rule.paused ? STANDING_PAUSED : STANDING_ACTIVE;
    if (!ret->rule.paused) {
        view_times(host, ret, stored->last_ms);
    }
}

bool schedules_known(const struct host *host) {
    return host->schedules->running;
}

const struct schedule_definition *schedules_of_file(const struct host *host, const char *id) {
    const struct entry *e = schedules_find(host->schedules, id);
    return e == NULL ? NULL : e->own;
}

void schedules_each_missing(const struct host *host, void (*each)(void *arg, const char *id),
                            void *arg) {
    for (const struct entry *e = host->schedules->entries; e != NULL; e = e->hh.next) {
        if (host->schedules->running && e->own != NULL && !e->stored) {
            each(arg, e->id);
        }
    }
}

struct config_zones *schedules_zones(const struct host *host) {
    return host->schedules->zones;
}

int64_t schedules_window(const struct host *host) {
    int64_t longest = 0;
    for (const struct entry *e = host->schedules->entries; e != NULL; e = e->hh.next) {
        const struct schedule_definition *d = schedules_definition(e);
        if (d != NULL && d->when.schedule.window_ms > longest) {
            longest = d->when.schedule.window_ms;
        }
    }
    return longest;
}

static enum schedule_standing standing_of(const struct entry *e) {
    const struct schedule_definition *d = schedules_definition(e);
    bool rests = e->pos == HEAP_NOWHERE && !e->asked && !e->retries && e->flight == NULL;
    return schedules_fault(e) != NULL                  ? STANDING_DRIFTING
           : e->paused || d->when.schedule.paused      ? STANDING_PAUSED
           : rests && d->when.cron.kind != CRON_REBOOT ? STANDING_ENDED
                                                       : STANDING_ACTIVE;
}

void schedules_count(const struct host *host, uint64_t ret[STANDING_COUNT]) {
    memset(ret, 0, STANDING_COUNT * sizeof *ret);
    for (const struct entry *e = host->schedules->entries; e != NULL; e = e->hh.next) {
        if (host->schedules->running) {
            ret[standing_of(e)]++;
        }
    }
}
