// A schedule through restarts, pauses, long nights and wrong clocks: its options are the first bytes, then each two are a step of the
// clock and what happened. No time gets two rows, rows are in order, and nothing comes before its time.
#include <string.h>

#include "core/schedule.h"
#include "fuzz.h"

#define BEGIN INT64_C(1774742400000) // 29 March 2026, 00:00Z

struct life {
    struct cron cron;
    struct schedule s;
    struct schedule_state state;
    int64_t now_ms;
};

static bool life_begin(struct life *l, const uint8_t *data) {
    static const char *const expressions[] = {"* * * * *",      "*/7 3 * * *", "0 0 * * *",
                                              "* * * * * *",    "@every 90s",  "0 12 L * *",
                                              "5,35 1-4 * * *", "@reboot"};
    static const int64_t spans[] = {0, 60000, 3600000, INT64_C(86400000) * 30};
    *l = (struct life){.state = {.last_ms = SCHEDULE_NONE, .resumed_ms = SCHEDULE_NONE},
                       .now_ms = BEGIN};
    FUZZ_CHECK(cron_parse(expressions[data[0] % 8], &l->cron, NULL) == 0);
    l->s = (struct schedule){
        .id = "s",
        .rule = {.cron = &l->cron, .dst = (enum cron_dst)(data[0] / 8 % CRON_DST_COUNT)},
        .catch_up = (enum schedule_catch_up)(data[1] % CATCH_UP_COUNT),
        .overlap = (enum schedule_overlap)(data[1] / 3 % OVERLAP_COUNT),
        .window_ms = spans[data[2] % 4],
        .jitter_ms = spans[data[2] / 4 % 3],
        .max = data[3] % 100,
        .start_ms = data[2] / 16 % 4 == 0 ? BEGIN + 1800500 : SCHEDULE_NONE,
        .end_ms = data[2] / 64 == 0 ? BEGIN + spans[3] : SCHEDULE_NEVER,
        .stored_ms = BEGIN + data[3] * 10,
    };
    return true;
}

static void check_move(const struct life *l, const struct schedule_move *m, int64_t after_ms) {
    bool starts = schedule_verdict_starts(m->verdict);
    FUZZ_CHECK(m->count >= 1 && m->count <= SCHEDULE_COUNT_MAX && m->time.nominal_ms <= m->last_ms);
    FUZZ_CHECK(!starts || (m->count == 1 && m->time.fire_ms >= m->time.nominal_ms));
    FUZZ_CHECK(m->time.fire_ms <= l->now_ms && m->last_ms <= l->now_ms);
    FUZZ_CHECK(m->verdict == SCHEDULE_SKIPPED_GAP || m->boot || m->time.nominal_ms > after_ms);
    FUZZ_CHECK(m->boot || (m->time.nominal_ms >= l->s.start_ms && m->last_ms <= l->s.end_ms));
}

// The rows are written, jobs run; false when the plan was not complete.
static bool life_go_on(struct life *l) {
    struct schedule_plan plan;
    int64_t last = l->state.last_ms;
    schedule_plan(&l->s, &l->state, l->now_ms, &plan);
    FUZZ_CHECK(plan.count <= SCHEDULE_MOVES_MAX && (plan.wake_ms > l->now_ms || plan.count > 0));
    for (size_t i = 0; i < plan.count; i++) {
        const struct schedule_move *m = &plan.moves[i];
        check_move(l, m, last);
        last = m->verdict == SCHEDULE_SKIPPED_GAP ? last : m->last_ms;
        l->state.last_ms = m->last_ms > l->state.last_ms ? m->last_ms : l->state.last_ms;
        l->state.running |= m->verdict == SCHEDULE_FIRE || m->verdict == SCHEDULE_CAUGHT_UP;
        l->state.waiting += m->verdict == SCHEDULE_QUEUED;
        l->state.waiting = m->verdict == SCHEDULE_REPLACE ? 1 : l->state.waiting;
        FUZZ_CHECK(l->state.waiting <= 101);
    }
    l->state.booted = false;
    return plan.wake_ms > l->now_ms;
}

static void life_happen(struct life *l, unsigned what) {
    l->state.booted = what == 1;
    if (what == 2) { // the jobs ended
        l->state.running = false;
        l->state.waiting = 0;
    } else if (what == 3 && l->s.paused) {
        l->s.paused = false;
        l->state.resumed_ms = l->now_ms;
    } else if (what == 4) {
        l->s.paused = true;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const int64_t steps[] = {
        1, 1000, 60000, 600000, 3600000, 86400000, INT64_C(86400000) * 20, -1000};
    struct life l;
    if (size < 4 || !life_begin(&l, data)) {
        return 0;
    }
    for (size_t i = 4; i + 1 < size && i < 40; i += 2) {
        l.now_ms += steps[data[i] % 8] * (1 + data[i] / 8);
        life_happen(&l, data[i + 1] % 8);
        for (int again = 0; !life_go_on(&l); again++) {
            FUZZ_CHECK(again < 10);
        }
    }
    return 0;
}
