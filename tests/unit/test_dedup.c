#include "core/dedup.h"
#include "vectors.h"

static enum dedup_verdict meets(enum dedup_mode mode, enum dedup_mode held_by, enum job_state state,
                                bool begun) {
    const struct dedup_holder holder = {.mode = held_by, .state = state, .begun = begun};
    return dedup_decide(mode, &holder);
}

static void test_table(void) {
    EXPECT_EQ_INT(DEDUP_STAYS, meets(DEDUP_RETURN, DEDUP_RETURN, JOB_QUEUED, false));
    EXPECT_EQ_INT(DEDUP_STAYS, meets(DEDUP_RETURN, DEDUP_RETURN, JOB_SUCCEEDED, true));
    EXPECT_EQ_INT(DEDUP_REFUSED, meets(DEDUP_REJECT, DEDUP_REPLACE, JOB_RUNNING, true));
    EXPECT_EQ_INT(DEDUP_STAYS, meets(DEDUP_THROTTLE, DEDUP_THROTTLE, JOB_DEAD, true));
    EXPECT_EQ_INT(DEDUP_CANCELS, meets(DEDUP_REPLACE, DEDUP_RETURN, JOB_SCHEDULED, true));
    EXPECT_EQ_INT(DEDUP_CANCELS, meets(DEDUP_REPLACE, DEDUP_REJECT, JOB_PARKED, true));
    EXPECT_EQ_INT(DEDUP_ASKS, meets(DEDUP_REPLACE, DEDUP_REPLACE, JOB_RUNNING, true));
    EXPECT_EQ_INT(DEDUP_TAKES, meets(DEDUP_REPLACE, DEDUP_THROTTLE, JOB_SUCCEEDED, true));
    EXPECT_EQ_INT(DEDUP_UPDATES, meets(DEDUP_DEBOUNCE, DEDUP_DEBOUNCE, JOB_SCHEDULED, false));
    EXPECT_EQ_INT(DEDUP_UPDATES, meets(DEDUP_DEBOUNCE, DEDUP_DEBOUNCE, JOB_QUEUED, false));
    EXPECT_EQ_INT(DEDUP_STAYS, meets(DEDUP_DEBOUNCE, DEDUP_RETURN, JOB_SCHEDULED, false));
}

// Nobody is a duplicate of a debounced job that has begun.
static void test_let_go(void) {
    for (int mode = 0; mode < DEDUP_MODE_COUNT; mode++) {
        for (int state = 0; state < JOB_STATE_COUNT; state++) {
            EXPECT_EQ_INT(DEDUP_TAKES, meets((enum dedup_mode)mode, DEDUP_DEBOUNCE,
                                             (enum job_state)state, true));
        }
    }
    const struct dedup_holder same = {DEDUP_DEBOUNCE, JOB_RUNNING, true, true};
    EXPECT_EQ_INT(DEDUP_UPDATED, dedup_decide(DEDUP_DEBOUNCE, &same));
}

static void test_times(void) {
    struct job_spec spec = {.dedup_key = "k", .dedup_mode = DEDUP_THROTTLE, .dedup_ttl_ms = 500};
    EXPECT_EQ_INT(500 + id_time_ms(&spec.id), dedup_ends_ms(&spec, 7));
    EXPECT_EQ_INT(0, dedup_outlives_ms(&spec, 7));
    spec.dedup_ttl_ms = 0;
    EXPECT_EQ_INT(7 + id_time_ms(&spec.id), dedup_ends_ms(&spec, 7));
    spec.dedup_ttl_ms = -1;
    EXPECT_EQ_INT(0, dedup_ends_ms(&spec, 7));
    spec.dedup_mode = DEDUP_RETURN;
    EXPECT_EQ_INT(0, dedup_outlives_ms(&spec, 7));
    spec.dedup_ttl_ms = 0;
    EXPECT_EQ_INT(7, dedup_outlives_ms(&spec, 7));
    EXPECT_EQ_INT(0, dedup_ends_ms(&spec, 7));
}

static void test_bound(void) {
    EXPECT_EQ_INT(1050, dedup_run_at(1000, 100, 1050));
    EXPECT_EQ_INT(1100, dedup_run_at(1000, 100, 1100));
    EXPECT_EQ_INT(1100, dedup_run_at(1000, 100, 1101));
    EXPECT_EQ_INT(9999, dedup_run_at(1000, -1, 9999)); // no bound was said
    EXPECT_EQ_INT(9999, dedup_run_at(1000, INT64_MAX, 9999));
}

// The form in Lua is run against them as well: test_redis_lua.c.
static void test_vectors(void) {
    uint64_t v[6];
    unsigned count = 0;
    FILE *f = vectors_open("dedup.txt");
    while (vectors_next(f, v, 6)) {
        const struct dedup_holder holder = {(enum dedup_mode)v[1], (enum job_state)v[2], v[3] != 0,
                                            v[4] != 0};
        EXPECT_EQ_UINT(v[5], dedup_decide((enum dedup_mode)v[0], &holder));
        count++;
    }
    EXPECT_EQ_UINT(DEDUP_MODE_COUNT * DEDUP_MODE_COUNT * JOB_STATE_COUNT * 4, count);
    (void)fclose(f);
}

static const struct expect_test tests[] = {
    {"a held key, mode by mode", test_table},
    {"the key of a debounced job that has begun is free", test_let_go},
    {"how long a key lives", test_times},
    {"a debounced job does not wait for ever", test_bound},
    {"dedup_decide() against the vectors", test_vectors},
};
SUITE_MAIN("dedup", tests)
