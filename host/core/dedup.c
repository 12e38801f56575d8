#include "core/dedup.h"

static bool waits(enum job_state state) {
    return state == JOB_SCHEDULED || state == JOB_QUEUED;
}

// The key of a debounced job is free for the next one as soon as nobody can change the job any more.
static bool is_let_go(const struct dedup_holder *holder) {
    return holder->mode == DEDUP_DEBOUNCE && (holder->begun || !waits(holder->state));
}

static enum dedup_verdict replace(enum job_state state) {
    if (job_is_final(state)) {
        return DEDUP_TAKES;
    }
    return state == JOB_RUNNING ? DEDUP_ASKS : DEDUP_CANCELS;
}

enum dedup_verdict dedup_decide(enum dedup_mode mode, const struct dedup_holder *holder) {
    if (holder->updated_by_asker) {
        return DEDUP_UPDATED;
    }
    if (is_let_go(holder)) {
        return DEDUP_TAKES;
    }
    switch (mode) {
    case DEDUP_REJECT: return DEDUP_REFUSED;
    case DEDUP_REPLACE: return replace(holder->state);
    case DEDUP_DEBOUNCE: return holder->mode == DEDUP_DEBOUNCE ? DEDUP_UPDATES : DEDUP_STAYS;
    default: return DEDUP_STAYS;
    }
}

static int64_t later(int64_t from_ms, int64_t by_ms) {
    return by_ms > INT64_MAX - from_ms ? INT64_MAX : from_ms + by_ms;
}

int64_t dedup_ends_ms(const struct job_spec *spec, int64_t default_ttl_ms) {
    int64_t ttl = spec->dedup_ttl_ms != 0 ? spec->dedup_ttl_ms : default_ttl_ms;
    return spec->dedup_mode == DEDUP_THROTTLE && ttl > 0 ? later(id_time_ms(&spec->id), ttl) : 0;
}

int64_t dedup_outlives_ms(const struct job_spec *spec, int64_t default_ttl_ms) {
    int64_t ttl = spec->dedup_ttl_ms != 0 ? spec->dedup_ttl_ms : default_ttl_ms;
    return dedup_comes_back(spec->dedup_mode) && ttl > 0 ? ttl : 0;
}

int64_t dedup_run_at(int64_t made_ms, int64_t ttl_ms, int64_t run_at_ms) {
    int64_t end = later(made_ms, ttl_ms);
    return ttl_ms > 0 && end < run_at_ms ? end : run_at_ms;
}
