#include "config/config_times.h"

#include <stdio.h>

#include "base/json.h"
#include "base/rfc3339.h"

void config_times_local(int64_t local, const int32_t *offset, char out[CONFIG_TIMES_LOCAL_MAX]) {
    char text[RFC3339_LEN + 1];
    rfc3339_format(local * 1000, text);
    int len = snprintf(out, CONFIG_TIMES_LOCAL_MAX, "%.19s", text);
    if (offset != NULL) {
        int32_t east = *offset < 0 ? -*offset : *offset;
        len += snprintf(out + len, CONFIG_TIMES_LOCAL_MAX - (size_t)len, "%c%02d:%02d",
                        *offset < 0 ? '-' : '+', east / 3600, east / 60 % 60);
        if (east % 60 != 0) { // before zones were in whole minutes
            (void)snprintf(out + len, CONFIG_TIMES_LOCAL_MAX - (size_t)len, ":%02d", east % 60);
        }
    }
}

void config_times_each(const struct schedule *s, int64_t from_ms, int64_t until_ms, long count,
                       void (*each)(void *arg, const struct schedule_time *t), void *arg) {
    struct schedule_time fire = {.nominal_ms = from_ms}, gap = {.nominal_ms = from_ms};
    bool more = schedule_next(s, fire.nominal_ms, &fire);
    for (long i = 0; i < count; i++) {
        bool due = more && fire.nominal_ms <= until_ms;
        if (schedule_next_skipped(s, gap.nominal_ms, due ? fire.nominal_ms : until_ms, &gap)) {
            each(arg, &gap);
        } else if (due) {
            each(arg, &fire);
            more = schedule_next(s, fire.nominal_ms, &fire);
        } else {
            return;
        }
    }
}

void config_times_json(struct buf *out, const char *schedule, const struct schedule_time *t) {
    char local[CONFIG_TIMES_LOCAL_MAX];
    json_comma(out);
    buf_char(out, '{');
    json_kstr(out, "schedule", schedule);
    config_times_local(t->local, NULL, local);
    json_kstr(out, "nominal", local);
    if (t->mark != CRON_GAP_SKIPPED) {
        char utc[RFC3339_LEN + 1];
        config_times_local(t->nominal_ms / 1000 + t->offset, &t->offset, local);
        json_kstr(out, "local", local);
        rfc3339_format(t->nominal_ms, utc);
        json_kstr(out, "utc", utc);
        rfc3339_format(t->fire_ms, utc);
        json_kstr(out, "fires_at", utc);
        json_kint(out, "offset", t->offset);
    }
    if (t->mark != CRON_PLAIN) {
        json_kstr(out, "mark", cron_mark_name((int)t->mark));
    }
    buf_char(out, '}');
}
