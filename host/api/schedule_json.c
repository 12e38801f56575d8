#include "api/schedule_json.h"

#include "api/job_json.h"

static void add_pause(struct buf *out, const struct store_schedule *s) {
    if (s->paused_ms != 0) {
        json_kstr(out, "paused_by", s->paused_by);
        json_kstr(out, "paused_why", s->paused_why);
        json_ktime(out, "paused_at", s->paused_ms);
    }
}

static void add_jobs(struct buf *out, const struct store_schedule *s) {
    json_key(out, "jobs");
    buf_char(out, '{');
    json_kint(out, "running", s->running);
    json_kint(out, "waiting", s->waiting);
    job_json_id(out, "newest", &s->job);
    buf_char(out, '}');
}

static void add_times(struct buf *out, const struct store_schedule *s) {
    json_key(out, "times");
    buf_char(out, '{');
    for (int v = 0; v < SCHEDULE_VERDICT_COUNT; v++) {
        if (s->times[v] > 0) {
            json_kint(out, schedule_verdict_name(v), (int64_t)s->times[v]);
        }
    }
    buf_char(out, '}');
}

void schedule_json(struct buf *out, struct host *host, const struct store_schedule *s, bool whole) {
    struct schedule_view view;
    struct bytes text = bytes_of(s->definition);
    schedules_view(host, s, &view);
    json_comma(out);
    buf_char(out, '{');
    json_kstr(out, "name", s->id);
    json_kstr(out, "state", schedule_standing_name(view.standing));
    json_kstr(out, "why", view.why);
    json_kstr(out, "owner", s->api ? "api" : "file");
    json_kbool(out, "in_file", view.in_file);
    for (int i = 0; i < 3 && json_is_valid(text); i++) { // as the store has it, not this host
        static const char *const keys[] = {"cron", "timezone", "job"};
        struct bytes value = json_member(text, keys[i]);
        if (value.len > 0) {
            json_key(out, keys[i]);
            buf_add(out, value.data, value.len);
        }
    }
    json_kstr(out, "queue", s->queue);
    add_pause(out, s);
    json_ktime(out, "next_at", view.next_ms);
    json_ktime(out, "next_nominal", view.next_nominal_ms);
    json_ktime(out, "last_nominal", s->last_ms == SCHEDULE_NONE ? 0 : s->last_ms);
    add_jobs(out, s);
    add_times(out, s);
    json_kstr(out, "stored_by", s->by);
    json_ktime(out, "since", s->stored_ms);
    json_kstr(out, "revision", s->revision);
    if (whole && json_is_valid(text)) {
        json_key(out, "definition");
        buf_add(out, text.data, text.len);
    }
    buf_char(out, '}');
}

void schedule_json_missing(struct buf *out, const char *id) {
    json_comma(out);
    buf_char(out, '{');
    json_kstr(out, "name", id);
    json_kstr(out, "state", schedule_standing_name(STANDING_DRIFTING));
    json_kstr(out, "why", "another host has removed it");
    json_kstr(out, "owner", "file");
    json_kbool(out, "in_file", true);
    buf_char(out, '}');
}
