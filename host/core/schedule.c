#include "core/schedule.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/civil.h"

#define SECOND    INT64_C(1000)
#define YEAR_ZERO INT64_C(-62167219200)

// ---- names

static int find_name(const char *const *names, int count, const char *name) {
    for (int i = 0; name != NULL && i < count; i++) {
        if (strcmp(names[i], name) == 0) {
            return i;
        }
    }
    return -1;
}

static const char *const catch_up_names[CATCH_UP_COUNT] = {
    [CATCH_UP_LATEST] = "latest",
    [CATCH_UP_ALL] = "all",
    [CATCH_UP_NONE] = "none",
};

const char *schedule_catch_up_name(int catch_up) {
    return (unsigned)catch_up < CATCH_UP_COUNT ? catch_up_names[catch_up] : NULL;
}

int schedule_catch_up_from_name(const char *name) {
    return find_name(catch_up_names, CATCH_UP_COUNT, name);
}

static const char *const overlap_names[OVERLAP_COUNT] = {
    [OVERLAP_SKIP] = "skip",   [OVERLAP_QUEUE_ONE] = "queue_one", [OVERLAP_QUEUE_ALL] = "queue_all",
    [OVERLAP_ALLOW] = "allow", [OVERLAP_REPLACE] = "replace",
};

const char *schedule_overlap_name(int overlap) {
    return (unsigned)overlap < OVERLAP_COUNT ? overlap_names[overlap] : NULL;
}

int schedule_overlap_from_name(const char *name) {
    return find_name(overlap_names, OVERLAP_COUNT, name);
}

static const struct {
    const char *name;
    bool starts;
} verdicts[SCHEDULE_VERDICT_COUNT] = {
    [SCHEDULE_FIRE] = {"fire", true},
    [SCHEDULE_CAUGHT_UP] = {"caught_up", true},
    [SCHEDULE_QUEUED] = {"queued", true},
    [SCHEDULE_REPLACE] = {"replace", true},
    [SCHEDULE_SKIPPED_OVERLAP] = {"skipped_overlap", false},
    [SCHEDULE_SKIPPED_GAP] = {"skipped_gap", false},
    [SCHEDULE_SKIPPED_PAUSED] = {"skipped_paused", false},
    [SCHEDULE_DROPPED_WINDOW] = {"dropped_window", false},
    [SCHEDULE_DROPPED_MAX] = {"dropped_max", false},
    [SCHEDULE_DROPPED_CATCH_UP] = {"dropped_catch_up", false},
    [SCHEDULE_REFUSED] = {"refused", false},
};

const char *schedule_verdict_name(int verdict) {
    return (unsigned)verdict < SCHEDULE_VERDICT_COUNT ? verdicts[verdict].name : NULL;
}

bool schedule_verdict_starts(enum schedule_verdict verdict) {
    return verdicts[verdict].starts;
}

// ---- times

static int64_t earlier(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static int64_t later(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static int64_t floor_second(int64_t ms) {
    return civil_floor(ms, SECOND);
}

// The last second before a millisecond.
static int64_t second_before(int64_t ms) {
    return ms == INT64_MIN ? floor_second(ms) : floor_second(ms - 1);
}

static struct cron_rule whole_rule(const struct schedule *s) {
    struct cron_rule rule = s->rule;
    rule.anchor =
        s->start_ms != SCHEDULE_NONE ? second_before(s->start_ms) + 1 : floor_second(s->stored_ms);
    return rule;
}

// The same on every host: it depends on the schedule and the nominal time alone.
static uint64_t draw(const char *id, int64_t at) {
    uint64_t z = UINT64_C(0xcbf29ce484222325);
    for (const char *p = id; p != NULL && *p != '\0'; p++) {
        z = (z ^ (uint8_t)*p) * UINT64_C(0x100000001b3);
    }
    z += (uint64_t)at * UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static int64_t fire_ms(const struct schedule *s, const struct cron_rule *rule, int64_t at) {
    struct cron_time next;
    if (s->jitter_ms <= 0) {
        return at * SECOND;
    }
    int64_t most = s->jitter_ms;
    if (cron_next(rule, at, &next)) {
        most = earlier(most, (next.at - at) * SECOND - 1);
    }
    return at * SECOND + (int64_t)(draw(s->id, at) % ((uint64_t)most + 1));
}

static struct schedule_time to_time(const struct cron_time *t, int64_t fires) {
    return (struct schedule_time){t->at * SECOND, fires, t->nominal, t->offset, t->mark};
}

// The second after which its times begin.
static int64_t begin_after(const struct schedule *s, int64_t after) {
    return s->start_ms == SCHEDULE_NONE ? after : later(after, second_before(s->start_ms));
}

bool schedule_next(const struct schedule *s, int64_t after_ms, struct schedule_time *ret) {
    struct cron_rule rule = whole_rule(s);
    struct cron_time t;
    if (!cron_next(&rule, begin_after(s, floor_second(after_ms)), &t) ||
        t.at > floor_second(s->end_ms)) {
        return false;
    }
    *ret = to_time(&t, fire_ms(s, &rule, t.at));
    return true;
}

bool schedule_next_skipped(const struct schedule *s, int64_t after_ms, int64_t until_ms,
                           struct schedule_time *ret) {
    struct cron_rule rule = whole_rule(s);
    struct cron_time t;
    if (!cron_next_skipped(&rule, begin_after(s, floor_second(after_ms)),
                           floor_second(earlier(until_ms, s->end_ms)), &t)) {
        return false;
    }
    *ret = to_time(&t, t.at * SECOND);
    return true;
}

// ---- the plan; times are seconds, and stretches are (from, to]

struct planner {
    const struct schedule *s;
    struct cron_rule rule;
    int64_t now_ms;
    bool running;
    uint32_t waiting;
    struct schedule_plan *plan;
};

// Are there so many times?
static bool has_times(const struct planner *p, int64_t from, int64_t to, int64_t count) {
    struct cron_time t = {.at = from};
    while (count > 0 && t.at < to && cron_next(&p->rule, t.at, &t) && t.at <= to) {
        count--;
    }
    return count == 0;
}

// The newest `count` times are those after what is returned; `from` if there are no more than these.
static int64_t newest_from(const struct planner *p, int64_t from, int64_t to, int64_t count) {
    if (count == 0 || !has_times(p, from, to, count)) {
        return count == 0 ? to : from;
    }
    int64_t low = from, high = to; // low has so many, high has not
    for (int64_t step = 1; high - low > 1; step *= 2) {
        int64_t at = step < high - low ? to - step : low;
        if (at <= low || has_times(p, at, to, count)) {
            low = later(low, at);
            break;
        }
        high = at;
    }
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        if (has_times(p, middle, to, count)) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

static void put(struct planner *p, enum schedule_verdict verdict, const struct cron_time *t,
                bool missed) {
    struct schedule_plan *plan = p->plan;
    struct schedule_move *last = plan->count == 0 ? NULL : &plan->moves[plan->count - 1];
    if (last != NULL && last->verdict == verdict && !schedule_verdict_starts(verdict) &&
        last->missed == missed) {
        last->last_ms = t->at * SECOND;
        last->count += last->count < SCHEDULE_COUNT_MAX;
        return;
    }
    plan->moves[plan->count++] = (struct schedule_move){
        .verdict = verdict,
        .missed = missed,
        .count = 1,
        .time = to_time(t, schedule_verdict_starts(verdict) ? fire_ms(p->s, &p->rule, t->at)
                                                            : t->at * SECOND),
        .last_ms = t->at * SECOND,
    };
}

// All of a stretch in one row.
static void put_all(struct planner *p, enum schedule_verdict verdict, int64_t from, int64_t to) {
    struct cron_time t = {.at = from};
    bool missed = verdict != SCHEDULE_SKIPPED_PAUSED;
    for (int i = 0; i < SCHEDULE_COUNT_MAX && t.at < to; i++) {
        if (!cron_next(&p->rule, t.at, &t) || t.at > to) {
            return;
        }
        put(p, verdict, &t, missed);
    }
    if (t.at < to && cron_next(&p->rule, newest_from(p, t.at, to, 1), &t) && t.at <= to) {
        put(p, verdict, &t, missed);
    }
}

// One more time is due, while the jobs of others may not have ended.
static enum schedule_verdict decide(struct planner *p, bool missed) {
    if (p->s->overlap == OVERLAP_ALLOW || (!p->running && p->waiting == 0)) {
        p->running = true;
        return missed ? SCHEDULE_CAUGHT_UP : SCHEDULE_FIRE;
    }
    switch (p->s->overlap) {
    case OVERLAP_QUEUE_ONE:
        if (p->waiting > 0) {
            return SCHEDULE_SKIPPED_OVERLAP;
        }
        break;
    case OVERLAP_QUEUE_ALL:
        if (p->waiting >= p->s->max) {
            return SCHEDULE_DROPPED_MAX;
        }
        break;
    case OVERLAP_REPLACE: p->waiting = 1; return SCHEDULE_REPLACE;
    default: return SCHEDULE_SKIPPED_OVERLAP;
    }
    p->waiting++;
    return SCHEDULE_QUEUED;
}

// What comes one by one: fires after `from`, and what gaps left out after `gaps_from`. False when the plan is full.
static bool put_each(struct planner *p, int64_t from, int64_t gaps_from, int64_t to,
                     int64_t on_time) {
    struct cron_time fire = {.at = from}, gap = {.at = gaps_from};
    for (;;) {
        struct cron_time t;
        bool due = fire.at < to && cron_next(&p->rule, fire.at, &t) && t.at <= to;
        if (p->plan->count + 2 > SCHEDULE_MOVES_MAX) { // a time and a gap may fall together
            return false;
        }
        if (cron_next_skipped(&p->rule, gap.at, due ? t.at - 1 : to, &gap)) {
            put(p, SCHEDULE_SKIPPED_GAP, &gap, false);
        } else if (due) {
            bool missed = t.at != on_time;
            put(p, decide(p, missed), &t, missed);
            fire = t;
        } else {
            return true;
        }
    }
}

// How many missed times are caught up at most.
static int64_t count_caught_up(const struct schedule *s, bool on_time) {
    // the newest one stands for all: of the others, each would at once be replaced
    bool newest = s->catch_up == CATCH_UP_LATEST || s->overlap == OVERLAP_REPLACE;
    int64_t most = s->catch_up == CATCH_UP_NONE ? 0 : s->max;
    return newest ? earlier(most, on_time ? 0 : 1) : most;
}

// The times of (from, to] are due. False when the plan is full.
static bool plan_due(struct planner *p, int64_t from, int64_t to) {
    const struct schedule *s = p->s;
    struct cron_time newest;
    if (s->paused) {
        put_all(p, SCHEDULE_SKIPPED_PAUSED, from, to);
        return true;
    }
    bool any = cron_next(&p->rule, newest_from(p, from, to, 1), &newest) && newest.at <= to;
    if (any && fire_ms(s, &p->rule, newest.at) > p->now_ms) { // jitter holds it back
        p->plan->wake_ms = fire_ms(s, &p->rule, newest.at);
        to = newest.at - 1;
        any = from < to && cron_next(&p->rule, newest_from(p, from, to, 1), &newest) &&
              newest.at <= to;
    }
    bool on_time = any && p->now_ms - fire_ms(s, &p->rule, newest.at) <= SCHEDULE_LATE_MS;
    int64_t missed_to = on_time ? newest.at - 1 : to;
    int64_t window = earlier(later(from, second_before(p->now_ms - s->window_ms)), missed_to);
    int64_t kept = newest_from(p, window, missed_to, count_caught_up(s, on_time));
    put_all(p, SCHEDULE_DROPPED_WINDOW, from, window);
    bool too_many = s->catch_up == CATCH_UP_ALL && s->overlap != OVERLAP_REPLACE;
    put_all(p, too_many ? SCHEDULE_DROPPED_MAX : SCHEDULE_DROPPED_CATCH_UP, window, kept);
    return put_each(p, kept, from, to, on_time ? newest.at : INT64_MIN);
}

static void plan_boot(struct planner *p, const struct schedule_state *state) {
    const struct schedule *s = p->s;
    if (!state->booted || p->now_ms < s->start_ms || p->now_ms > s->end_ms) {
        return;
    }
    int64_t now = floor_second(p->now_ms);
    int32_t offset = zone_span_at(s->rule.zone, now).offset;
    struct cron_time t = {now, now + offset, offset, CRON_PLAIN};
    put(p, s->paused ? SCHEDULE_SKIPPED_PAUSED : decide(p, false), &t, false);
    p->plan->moves[0].boot = true;
    p->plan->moves[0].time.fire_ms = p->now_ms;
}

// The second after which times are not yet dealt with.
static int64_t done_until(const struct schedule *s, const struct schedule_state *state,
                          int64_t now_ms) {
    // a pause that ended later than now: the clock was set back
    int64_t resumed = state->resumed_ms > now_ms ? state->resumed_ms : SCHEDULE_NONE;
    const int64_t marks[] = {state->last_ms, resumed, s->stored_ms};
    int64_t done = begin_after(s, YEAR_ZERO);
    for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
        if (marks[i] <= now_ms + SCHEDULE_AHEAD_MS) {
            done = later(done, floor_second(marks[i]));
        }
    }
    return done;
}

// What the last pause left out, and nobody has written down yet; where it goes on from.
static int64_t plan_resumed(struct planner *p, const struct schedule_state *state, int64_t from,
                            int64_t to) {
    int64_t until = earlier(floor_second(state->resumed_ms), to);
    if (state->resumed_ms > p->now_ms || until <= from) {
        return from;
    }
    put_all(p, SCHEDULE_SKIPPED_PAUSED, from, until);
    return until;
}

void schedule_plan(const struct schedule *s, const struct schedule_state *state, int64_t now_ms,
                   struct schedule_plan *ret) {
    struct planner p = {s, whole_rule(s), now_ms, state->running, state->waiting, ret};
    ret->count = 0;
    ret->wake_ms = SCHEDULE_NEVER;
    if (s->rule.cron->kind == CRON_REBOOT) {
        plan_boot(&p, state);
        return;
    }
    int64_t from = done_until(s, state, now_ms);
    int64_t to = floor_second(earlier(now_ms, s->end_ms));
    from = plan_resumed(&p, state, from, to);
    if (from < to && !plan_due(&p, from, to)) {
        ret->wake_ms = now_ms;
        return;
    }
    struct schedule_time next;
    if (!s->paused && ret->wake_ms == SCHEDULE_NEVER &&
        schedule_next(s, later(from, floor_second(now_ms)) * SECOND, &next)) {
        ret->wake_ms = next.fire_ms;
    }
}

void schedule_key(const struct schedule_move *m, const char *boot, char out[SCHEDULE_KEY_MAX]) {
    if (m->boot) {
        (void)snprintf(out, SCHEDULE_KEY_MAX, "boot-%.48s", boot);
    } else {
        (void)snprintf(out, SCHEDULE_KEY_MAX, "%" PRId64 "%s", m->time.nominal_ms / SECOND,
                       m->verdict == SCHEDULE_SKIPPED_GAP ? "-gap" : "");
    }
}
