#include "core/limiter.h"

#include <errno.h>

#include "expect.h"
#include "limiter_vectors.h"
#include "vectors.h"

#include "base/bytes.h"
#include "failing_alloc.h"

#define NOW INT64_C(1795254000000)
#define DAY INT64_C(86400000)

static const struct limiter_rules sixty = {
    .rate = 60, .per_ms = 60000, .window = LIMITER_WINDOW_MOVING, .lease_ms = 30000};
static const struct limiter_rules two_a_second = {
    .rate = 2, .per_ms = 1000, .window = LIMITER_WINDOW_MOVING, .lease_ms = 30000};

static struct limiter_answer take(struct limiter *l, const struct limiter_rules *r, uint64_t id,
                                  int64_t n, int64_t now) {
    struct limiter_answer a = {.until_ms = -1};
    EXPECT_EQ_INT(0, limiter_take(l, r, id, n, now, &a));
    return a;
}

static bool takes(struct limiter *l, const struct limiter_rules *r, uint64_t id, int64_t n,
                  int64_t now) {
    return take(l, r, id, n, now).verdict == LIMITER_GRANTED;
}

static void expect_wait(enum limiter_part part, int64_t until, struct limiter_answer a) {
    EXPECT_EQ_INT(LIMITER_WAIT, a.verdict);
    EXPECT_EQ_STR(limiter_part_name(part), limiter_part_name(a.part));
    EXPECT_EQ_INT(until, a.until_ms);
}

// ---- one by one

static void test_window(void) {
    struct limiter l = {0};
    EXPECT_TRUE(takes(&l, &two_a_second, 1, 1, NOW));
    EXPECT_TRUE(takes(&l, &two_a_second, 2, 1, NOW));
    EXPECT_TRUE(takes(&l, &two_a_second, 2, 1, NOW)); // asked twice: once
    // nothing is answered yet, so nothing can be free before a window has passed
    expect_wait(LIMITER_PART_WINDOW, NOW + 1001, take(&l, &two_a_second, 3, 1, NOW));
    EXPECT_TRUE(limiter_answered(&l, &two_a_second, 1, NULL, NOW + 200));
    EXPECT_FALSE(limiter_answered(&l, &two_a_second, 1, NULL, NOW + 200));
    expect_wait(LIMITER_PART_WINDOW, NOW + 1201, take(&l, &two_a_second, 3, 1, NOW + 1200));
    EXPECT_TRUE(takes(&l, &two_a_second, 3, 1, NOW + 1201));
    EXPECT_TRUE(limiter_give_back(&l, &two_a_second, 3, NOW + 1201));
    EXPECT_TRUE(takes(&l, &two_a_second, 4, 1, NOW + 1201));
    limiter_finish(&l);
}

static void test_fixed(void) {
    struct limiter_rules r = two_a_second;
    struct limiter l = {0};
    r.window = LIMITER_WINDOW_FIXED;
    EXPECT_TRUE(takes(&l, &r, 1, 1, NOW + 900));
    EXPECT_TRUE(takes(&l, &r, 2, 1, NOW + 900));
    (void)limiter_answered(&l, &r, 1, NULL, NOW + 950);
    expect_wait(LIMITER_PART_WINDOW, NOW + 1000, take(&l, &r, 3, 1, NOW + 999));
    // the other one is still under way: the other side may count it in either window
    EXPECT_TRUE(takes(&l, &r, 3, 1, NOW + 1000));
    expect_wait(LIMITER_PART_WINDOW, NOW + 2000, take(&l, &r, 4, 1, NOW + 1000));
    limiter_finish(&l);
}

static void test_lease(void) {
    struct limiter l = {0};
    EXPECT_TRUE(takes(&l, &two_a_second, 1, 2, NOW));
    EXPECT_TRUE(limiter_renew(&l, &two_a_second, 1, NOW + 29999));
    EXPECT_FALSE(takes(&l, &two_a_second, 2, 1, NOW + 30000));
    EXPECT_FALSE(limiter_renew(&l, &two_a_second, 1, NOW + 59999));
    // it counts as answered when the lease ended
    expect_wait(LIMITER_PART_WINDOW, NOW + 61000, take(&l, &two_a_second, 2, 1, NOW + 60999));
    EXPECT_TRUE(takes(&l, &two_a_second, 2, 1, NOW + 61000));
    limiter_finish(&l);
}

static void test_concurrency(void) {
    const struct limiter_rules r = {.concurrency = 2, .lease_ms = 1000};
    struct limiter l = {0};
    EXPECT_TRUE(takes(&l, &r, 1, 1, NOW));
    EXPECT_TRUE(takes(&l, &r, 2, 1, NOW + 10));
    expect_wait(LIMITER_PART_CONCURRENCY, NOW + 1000, take(&l, &r, 3, 1, NOW + 10));
    EXPECT_TRUE(limiter_answered(&l, &r, 2, NULL, NOW + 11));
    EXPECT_TRUE(takes(&l, &r, 3, 1, NOW + 11));
    // 1 never came back
    EXPECT_FALSE(takes(&l, &r, 4, 1, NOW + 999));
    EXPECT_TRUE(takes(&l, &r, 4, 1, NOW + 1000));
    EXPECT_EQ_INT(LIMITER_NEVER, take(&l, &r, 5, 3, NOW).verdict);
    limiter_finish(&l);
}

static void test_pace(void) {
    const struct limiter_rules r = {.rate = 60, .per_ms = 60000, .burst = 3, .lease_ms = 1000};
    struct limiter l = {0};
    EXPECT_TRUE(takes(&l, &r, 1, 3, NOW));
    expect_wait(LIMITER_PART_PACE, NOW + 1000, take(&l, &r, 2, 1, NOW));
    expect_wait(LIMITER_PART_PACE, NOW + 3000, take(&l, &r, 2, 3, NOW + 2999));
    EXPECT_TRUE(takes(&l, &r, 2, 3, NOW + 3000));
    EXPECT_EQ_INT(LIMITER_NEVER, take(&l, &r, 3, 4, NOW + DAY).verdict);
    EXPECT_EQ_UINT(0, l.held_count);
    limiter_finish(&l);
}

static void test_learn(void) {
    struct limiter l = {0};
    struct limiter_hint hint = LIMITER_HINT_NONE;
    struct limiter_view v;
    EXPECT_TRUE(takes(&l, &sixty, 1, 1, NOW));
    hint.remaining = 40;
    (void)limiter_answered(&l, &sixty, 1, &hint, NOW);
    limiter_look(&l, &sixty, NOW, &v);
    EXPECT_EQ_INT(19, v.foreign); // twenty are used, one is ours
    EXPECT_FALSE(takes(&l, &sixty, 2, 41, NOW));
    EXPECT_TRUE(takes(&l, &sixty, 2, 40, NOW));
    hint.remaining = 1000;
    hint.limit = 1000;
    (void)limiter_answered(&l, &sixty, 9, &hint, NOW);
    limiter_look(&l, &sixty, NOW, &v);
    EXPECT_EQ_INT(60, v.limit);
    EXPECT_EQ_INT(18, v.foreign);
    limiter_look(&l, &sixty, NOW + 60001, &v);
    EXPECT_EQ_INT(0, v.foreign);
    hint.limit = 25;
    (void)limiter_answered(&l, &sixty, 2, &hint, NOW + 60001);
    limiter_look(&l, &sixty, NOW + 60001, &v);
    EXPECT_EQ_INT(25, v.limit);
    hint = LIMITER_HINT_NONE;
    hint.refused = true;
    (void)limiter_answered(&l, &sixty, 3, &hint, NOW + 60001);
    expect_wait(LIMITER_PART_CLOSED, NOW + 120001, take(&l, &sixty, 4, 1, NOW + 60001));
    limiter_close(&l, &sixty, NOW + 100, NOW + 60002); // over already
    limiter_look(&l, &sixty, NOW + 60002, &v);
    EXPECT_EQ_INT(NOW + 120001, v.closed_ms);
    limiter_open(&l);
    limiter_look(&l, &sixty, NOW + 60002, &v);
    EXPECT_EQ_INT(60, v.limit);
    EXPECT_EQ_INT(0, v.closed_ms);
    EXPECT_EQ_INT(40, v.settled); // those were made
    limiter_finish(&l);
}

static void test_rest(void) {
    struct limiter l = {0};
    EXPECT_EQ_INT(0, limiter_rest_ms(&l, &two_a_second));
    (void)takes(&l, &two_a_second, 1, 1, NOW);
    EXPECT_EQ_INT(NOW + 31001, limiter_rest_ms(&l, &two_a_second));
    (void)limiter_answered(&l, &two_a_second, 1, NULL, NOW + 10);
    EXPECT_EQ_INT(NOW + 1011, limiter_rest_ms(&l, &two_a_second));
    limiter_close(&l, &two_a_second, NOW + DAY, NOW + 10);
    EXPECT_EQ_INT(NOW + DAY, limiter_rest_ms(&l, &two_a_second));
    limiter_finish(&l);
}

static void test_rules(void) {
    static const struct {
        bool good;
        struct limiter_rules r;
    } rows[] = {
        {true, {.rate = 1, .per_ms = 1, .lease_ms = 1}},
        {true, {.concurrency = 1, .lease_ms = 1}},
        {true, {.concurrency = LIMITER_CONCURRENCY_MAX, .lease_ms = LIMITER_LEASE_MAX_MS}},
        {false, {.concurrency = LIMITER_CONCURRENCY_MAX + 1, .lease_ms = 1}},
        {false, {.concurrency = 1, .lease_ms = LIMITER_LEASE_MAX_MS + 1}},
        {false, {.concurrency = 1, .lease_ms = 0}},
        {false, {.lease_ms = 1}},
        {false, {.concurrency = 1, .burst = 1, .lease_ms = 1}},
        {true, {LIMITER_RATE_MAX, 1000, LIMITER_WINDOW_MOVING, LIMITER_RATE_MAX, 0, 1}},
        {false, {LIMITER_RATE_MAX + 1, 1000, LIMITER_WINDOW_MOVING, 0, 0, 1}},
        {false, {1, 1000, LIMITER_WINDOW_MOVING, LIMITER_RATE_MAX + 1, 0, 1}},
        {true, {1, LIMITER_PER_MAX_MS, LIMITER_WINDOW_FIXED, 0, 0, 1}},
        {false, {1, LIMITER_PER_MAX_MS + 1, LIMITER_WINDOW_FIXED, 0, 0, 1}},
        {false, {1, 0, LIMITER_WINDOW_FIXED, 0, 0, 1}},
        {false, {-1, 1, LIMITER_WINDOW_FIXED, 0, 0, 1}},
        // how long a burst takes to drip in
        {true, {1, DAY, LIMITER_WINDOW_NONE, 52000, 0, 1}},
        {false, {1, DAY, LIMITER_WINDOW_NONE, 53000, 0, 1}},
        {false, {1, DAY, LIMITER_WINDOW_MOVING, 53000, 0, 1}},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (!EXPECT_EQ_INT(rows[i].good ? 0 : -EINVAL, limiter_rules_check(&rows[i].r))) {
            (void)fprintf(stderr, "row %zu\n", i);
        }
    }
    EXPECT_NULL(limiter_part_name(LIMITER_PARTS));
}

static void test_names(void) {
    char long_name[LIMITER_NAME_MAX + 2];
    size_t len = 0;
    const char *key = NULL;
    EXPECT_EQ_INT(0, limiter_name_split("discogs", &len, &key));
    EXPECT_EQ_UINT(7, len);
    EXPECT_EQ_STR("", key);
    EXPECT_EQ_INT(0, limiter_name_split("a.b-c_9:tenant 42:x", &len, &key));
    EXPECT_EQ_UINT(7, len);
    EXPECT_EQ_STR("tenant 42:x", key);
    static const char *const bad[] = {"", ":", "a:", "9", "a b", "a/b", "a:\x01", "a:\x7f", "a\n"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        EXPECT_EQ_INT(-EINVAL, limiter_name_split(bad[i], &len, &key));
    }
    memset(long_name, 'x', sizeof long_name);
    long_name[LIMITER_NAME_MAX] = '\0';
    long_name[LIMITER_LIMIT_NAME_MAX] = ':';
    EXPECT_EQ_INT(0, limiter_name_split(long_name, &len, &key));
    EXPECT_EQ_UINT(LIMITER_KEY_MAX, strlen(key));
    long_name[LIMITER_NAME_MAX] = 'x';
    long_name[LIMITER_NAME_MAX + 1] = '\0';
    EXPECT_EQ_INT(-EINVAL, limiter_name_split(long_name, &len, &key));
    EXPECT_EQ_INT(-EINVAL, limiter_name_split(long_name + LIMITER_LIMIT_NAME_MAX + 1, &len, &key));
}

// ---- at its limits

static void test_holders(void) {
    const struct limiter_rules r = {.concurrency = 10000, .lease_ms = 1000};
    struct limiter l = {0};
    for (uint64_t id = 1; id <= LIMITER_HOLDERS_MAX; id++) {
        EXPECT_TRUE(takes(&l, &r, id, 1, NOW));
    }
    expect_wait(LIMITER_PART_HOLDERS, NOW + 1000, take(&l, &r, 9999, 1, NOW));
    EXPECT_TRUE(limiter_answered(&l, &r, 17, NULL, NOW));
    EXPECT_TRUE(takes(&l, &r, 9999, 1, NOW));
    EXPECT_EQ_UINT(LIMITER_HOLDERS_MAX, l.held_cap);
    limiter_finish(&l);
}

// Many a window: few times are kept, and none is free too early.
static void test_many(void) {
    const struct limiter_rules r = {
        .rate = 100000, .per_ms = 60000, .window = LIMITER_WINDOW_MOVING, .lease_ms = 1000};
    struct limiter l = {0};
    size_t times = 0;
    uint64_t id = 0;
    unsigned odd = 0;
    int64_t granted = 0, end = NOW + 600000;
    for (int64_t now = NOW; now < end; now += 7) {
        if (takes(&l, &r, ++id, 13, now)) {
            granted += 13;
            (void)limiter_answered(&l, &r, id, NULL, now);
        }
        times = l.settled_count > times ? l.settled_count : times;
        for (size_t i = 0; i < l.settled_count; i++) {
            odd += l.settled[i].ends_ms <= now || l.settled[i].ends_ms > now + 60001 + 240;
        }
    }
    EXPECT_EQ_UINT(0, odd);
    EXPECT_TRUE(times <= 256);
    EXPECT_TRUE(granted > 980000); // of a million
    limiter_finish(&l);
}

// The rules change under slots that were taken by others: they count, and there is room for all.
static void test_other_rules(void) {
    struct limiter_rules r = {
        .rate = 4000, .per_ms = 100000, .window = LIMITER_WINDOW_MOVING, .lease_ms = 200000};
    struct limiter l = {0};
    struct limiter_view v;
    for (uint64_t id = 1; id <= 2000; id++) {
        EXPECT_TRUE(takes(&l, &r, id, 1, NOW));
    }
    r.rate = 100; // from now on times are exact
    for (uint64_t id = 1; id <= 2000; id++) {
        EXPECT_TRUE(limiter_answered(&l, &r, id, NULL, NOW + (int64_t)id));
    }
    limiter_look(&l, &r, NOW + 2000, &v);
    EXPECT_EQ_INT(2000, v.settled);
    EXPECT_TRUE(l.settled_count <= LIMITER_SETTLED_MAX);
    EXPECT_FALSE(takes(&l, &r, 3000, 1, NOW + 101900)); // 100 of them settle yet
    EXPECT_TRUE(takes(&l, &r, 3000, 1, NOW + 102001));
    r = (struct limiter_rules){.concurrency = 5, .lease_ms = 100};
    limiter_look(&l, &r, NOW + 102001, &v);
    EXPECT_EQ_INT(0, v.settled);
    EXPECT_EQ_INT(1, v.held);
    limiter_look(&l, &r, NOW + 102101, &v);
    EXPECT_EQ_INT(0, v.held);
    limiter_finish(&l);
}

static void test_memory(void) {
    struct limiter l = {0};
    struct limiter_answer a;
    for (int fail = 1;; fail++) {
        failing_alloc_after(fail);
        int r = limiter_take(&l, &sixty, 1, 1, NOW, &a);
        failing_alloc_after(0);
        if (r == 0) {
            EXPECT_EQ_INT(3, fail); // two were needed
            break;
        }
        EXPECT_EQ_INT(-ENOMEM, r);
        EXPECT_EQ_UINT(0, l.held_count);
    }
    // an answer needs none
    failing_alloc_after(1);
    EXPECT_TRUE(limiter_answered(&l, &sixty, 1, NULL, NOW));
    failing_alloc_after(0);
    EXPECT_EQ_UINT(1, l.settled_count);
    limiter_finish(&l);
}

// ---- the vectors

// To be run by each other form of it too.
static void run_vectors(const char *name, unsigned stories) {
    uint64_t v[VECTOR_INPUTS + VECTOR_OUTPUTS], out[VECTOR_OUTPUTS];
    unsigned lines = 0, begun = 0;
    struct limiter l = {0};
    FILE *f = vectors_open(name);
    while (vectors_next(f, v, ARRAY_LEN(v))) {
        lines++;
        begun += v[6] == OP_BEGIN;
        vector_run(&l, v, out);
        for (int i = 0; i < VECTOR_OUTPUTS; i++) {
            if (!EXPECT_EQ_UINT(v[VECTOR_INPUTS + i], out[i])) {
                (void)fprintf(stderr, "%s: vector %u, output %d\n", name, lines, i);
            }
        }
    }
    EXPECT_TRUE(lines > 500);
    EXPECT_EQ_UINT(stories, begun);
    (void)fclose(f);
    limiter_finish(&l);
}

static void test_vectors(void) {
    run_vectors("limiter_take.txt", 35);
    run_vectors("concurrency_take.txt", 8);
}

// ---- at random

static uint64_t draw(uint64_t *seed) {
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *seed >> 33;
}

enum { CALLS = 4000, OPEN_MAX = 32 };

struct call {
    uint64_t id;
    int64_t n, began, ended; // ended 0 = its holder died: the lease tells
};

struct run {
    struct limiter l;
    struct limiter_rules r;
    bool steps;   // its clock goes back now and then
    int64_t skew; // by so much so far
    struct call calls[CALLS];
    size_t count;
};

// When the other side may still count it, at the latest: it does so at any moment from began to here.
static int64_t end_of(const struct run *run, const struct call *c) {
    return c->ended != 0 ? c->ended : c->began + run->r.lease_ms;
}

// Each call is counted where it hurts most. For a moving window: all that can be counted in (t - per, t] for
// some t, which is at the latest moment of some call.
static void expect_never_more(const struct run *run) {
    for (size_t i = 0; i < run->count; i++) {
        int64_t t = run->calls[i].began, sum = 0;
        for (size_t k = 0; k < run->count; k++) {
            const struct call *c = &run->calls[k];
            sum += c->began <= t && end_of(run, c) >= t - run->r.per_ms ? c->n : 0;
        }
        if (!EXPECT_TRUE(sum <= run->r.rate)) {
            (void)fprintf(stderr, "%" PRId64 " in the window until %" PRId64 "\n", sum, t - NOW);
            return;
        }
    }
}

// The same for the windows of the clock.
static void expect_never_more_fixed(const struct run *run) {
    int64_t per = run->r.per_ms;
    for (size_t i = 0; i < run->count; i++) {
        int64_t from = run->calls[i].began / per * per, sum = 0;
        for (size_t k = 0; k < run->count; k++) {
            const struct call *c = &run->calls[k];
            sum += c->began < from + per && end_of(run, c) >= from ? c->n : 0;
        }
        if (!EXPECT_TRUE(sum <= run->r.rate)) {
            (void)fprintf(stderr, "%" PRId64 " in the window from %" PRId64 "\n", sum, from - NOW);
            return;
        }
    }
}

static void expect_never_more_at_once(const struct run *run) {
    for (size_t i = 0; i < run->count; i++) {
        int64_t t = run->calls[i].began, sum = 0;
        for (size_t k = 0; k < run->count; k++) {
            const struct call *c = &run->calls[k];
            sum += c->began <= t && end_of(run, c) > t ? c->n : 0;
        }
        EXPECT_TRUE(sum <= run->r.concurrency);
    }
}

// Takes, answers, and deaths in between; times are real ones, the limiter's are behind by the skew. Returns the limiter's.
static int64_t live(struct run *run, uint64_t seed, int64_t now) {
    struct call *open[OPEN_MAX];
    size_t count = 0;
    while (run->count < CALLS) {
        now += (int64_t)(draw(&seed) % (uint64_t)(run->r.lease_ms / 8));
        if (run->steps && draw(&seed) % 50 == 0) {
            run->skew += (int64_t)(draw(&seed) % 4000);
        }
        size_t which = count == 0 ? 0 : draw(&seed) % count;
        uint64_t what = draw(&seed) % 16;
        bool late = count > 0 && now >= open[which]->began + run->r.lease_ms;
        if (count > 0 && (what < 7 || count == OPEN_MAX)) {
            // one that died is let go without a word, and so is one that overstayed its lease
            if (what != 0 && !late) {
                open[which]->ended = now;
                EXPECT_TRUE(
                    limiter_answered(&run->l, &run->r, open[which]->id, NULL, now - run->skew));
            }
            open[which] = open[--count];
            continue;
        }
        struct call *c = &run->calls[run->count];
        *c = (struct call){run->count + 1, 1 + (int64_t)(draw(&seed) % 2), now, 0};
        if (takes(&run->l, &run->r, c->id, c->n, now - run->skew)) {
            open[count++] = c;
            run->count++;
        }
    }
    return now - run->skew;
}

static struct run run;

static void live_in_windows(enum limiter_window window, bool steps, uint64_t seed) {
    memset(&run, 0, sizeof run);
    run.steps = steps;
    run.r = (struct limiter_rules){.rate = 2 + (int64_t)seed * 3,
                                   .per_ms = 500 + (int64_t)seed * 333,
                                   .window = window,
                                   .lease_ms = 900};
    int64_t now = live(&run, seed, NOW);
    (window == LIMITER_WINDOW_MOVING ? expect_never_more : expect_never_more_fixed)(&run);
    // no slot is lost, however many have died
    now += run.r.lease_ms + run.r.per_ms + 1;
    EXPECT_TRUE(takes(&run.l, &run.r, UINT64_MAX, run.r.rate, now));
    limiter_finish(&run.l);
}

static void test_random_windows(void) {
    for (uint64_t seed = 1; seed <= 4; seed++) {
        live_in_windows(LIMITER_WINDOW_MOVING, false, seed);
        live_in_windows(LIMITER_WINDOW_MOVING, true, seed);
        live_in_windows(LIMITER_WINDOW_FIXED, false, seed);
    }
}

static void test_random_concurrency(void) {
    for (uint64_t seed = 1; seed <= 4; seed++) {
        memset(&run, 0, sizeof run);
        run.steps = seed % 2 == 0;
        run.r = (struct limiter_rules){.concurrency = 3 + (int64_t)seed, .lease_ms = 800};
        int64_t now = live(&run, seed, NOW) + run.r.lease_ms;
        expect_never_more_at_once(&run);
        EXPECT_TRUE(takes(&run.l, &run.r, UINT64_MAX, run.r.concurrency, now));
        limiter_finish(&run.l);
    }
}

// In any stretch of time no more than a burst and what drips in meanwhile, also when the clock steps back.
static void test_random_paces(void) {
    for (uint64_t seed = 1; seed <= 4; seed++) {
        static int64_t at[CALLS], n[CALLS];
        const struct limiter_rules r = {
            .rate = 7 * (int64_t)seed, .per_ms = 1000, .burst = 4, .lease_ms = 1};
        int64_t interval_us = (1000000 + r.rate - 1) / r.rate, now = NOW, skew = 0;
        struct limiter l = {0};
        uint64_t s = seed;
        size_t count = 0;
        while (count < CALLS / 2) {
            now += (int64_t)(draw(&s) % 100);
            skew += draw(&s) % 60 == 0 ? (int64_t)(draw(&s) % 3000) : 0;
            at[count] = now;
            n[count] = 1 + (int64_t)(draw(&s) % 2);
            count += takes(&l, &r, count + 1, n[count], now - skew);
        }
        for (size_t i = 0; i < count; i++) {
            int64_t sum = 0;
            bool held = true;
            for (size_t k = i; k < count; k++) {
                sum += n[k];
                held = held && (sum - r.burst) * interval_us <= (at[k] - at[i]) * 1000;
            }
            EXPECT_TRUE(held);
        }
        limiter_finish(&l);
    }
}

// Not before the time that it is told, and then at once if nobody else came.
static void test_random_waits(void) {
    for (uint64_t seed = 1; seed <= 40; seed++) {
        uint64_t s = seed;
        struct limiter l = {0};
        struct limiter_rules r = {.rate = 5,
                                  .per_ms = 1000,
                                  .window = (enum limiter_window)(seed % 3),
                                  .burst = seed % 2 == 0 ? 3 : 0,
                                  .lease_ms = 5000};
        int64_t now = NOW;
        for (uint64_t id = 1; id < 300; id++) {
            int64_t n = 1 + (int64_t)(draw(&s) % 3);
            struct limiter_answer a = take(&l, &r, id, n, now);
            if (a.verdict == LIMITER_WAIT) {
                EXPECT_TRUE(a.until_ms > now);
                EXPECT_FALSE(takes(&l, &r, id, n, a.until_ms - 1));
                EXPECT_TRUE(takes(&l, &r, id, n, a.until_ms));
                now = a.until_ms;
            }
            (void)limiter_answered(&l, &r, id, NULL, now);
            now += (int64_t)(draw(&s) % 150);
        }
        limiter_finish(&l);
    }
}

// ---- ten minutes against a server that counts for itself

enum { HOSTS = 4, THREADS = 3, MINUTES = 10, ARRIVALS_MAX = 2000 };

struct caller {
    int64_t next; // its request arrives, its answer does, or it asks again
    int64_t arrives, answers;
    uint64_t id;
    int64_t remaining; // what its answer will tell
};

struct server {
    int64_t times[ARRIVALS_MAX];
    size_t count;
    int64_t worst;
};

/* Counts a call; how many are left. */
static int64_t serve(struct server *s, int64_t now) {
    int64_t inside = 1;
    s->times[s->count] = now;
    for (size_t i = s->count; i-- > 0 && s->times[i] >= now - 60000;) {
        inside++;
    }
    s->worst = inside > s->worst ? inside : s->worst;
    s->count += s->count < ARRIVALS_MAX - 1;
    return 60 - inside;
}

static void step(struct limiter *l, struct caller *c, struct server *s, uint64_t *seed,
                 uint64_t *ids, unsigned die, bool tells) {
    int64_t now = c->next;
    if (c->arrives == now) {
        c->remaining = serve(s, now);
        c->arrives = 0;
        c->next = c->answers;
        return;
    }
    if (c->answers == now) {
        bool dies = die != 0 && draw(seed) % die == 0;
        if (!dies) {
            struct limiter_hint hint = LIMITER_HINT_NONE;
            hint.remaining = c->remaining;
            hint.limit = 60;
            (void)limiter_answered(l, &sixty, c->id, tells ? &hint : NULL, now);
        }
        c->answers = 0;
    }
    struct limiter_answer a = take(l, &sixty, c->id = ++*ids, 1, now);
    c->next = a.until_ms;
    if (a.verdict == LIMITER_GRANTED) {
        // mostly quick, at times slow, each way for itself
        c->arrives = now + 20 + (int64_t)(draw(seed) % (draw(seed) % 8 == 0 ? 900 : 120));
        c->answers = c->arrives + 20 + (int64_t)(draw(seed) % (draw(seed) % 8 == 0 ? 900 : 120));
        c->next = c->arrives;
    }
}

static struct server play(unsigned die, bool tells, uint64_t seed) {
    struct limiter l = {0};
    struct caller callers[HOSTS * THREADS];
    struct server server = {.count = 0};
    uint64_t ids = 0;
    memset(callers, 0, sizeof callers);
    for (size_t i = 0; i < ARRAY_LEN(callers); i++) {
        callers[i].next = NOW + (int64_t)i;
    }
    for (;;) {
        struct caller *first = &callers[0];
        for (size_t i = 1; i < ARRAY_LEN(callers); i++) {
            first = callers[i].next < first->next ? &callers[i] : first;
        }
        if (first->next >= NOW + (int64_t)MINUTES * 60000) {
            break;
        }
        step(&l, first, &server, &seed, &ids, die, tells);
    }
    limiter_finish(&l);
    return server;
}

static void test_server(void) {
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct server s = play(0, seed % 2 == 0, seed);
        EXPECT_TRUE(s.worst <= 60);
        EXPECT_TRUE(s.count >= MINUTES * 60 * 98 / 100);
        (void)printf("at most %" PRId64 " in a minute, %zu of 600; ", s.worst, s.count);
        s = play(20, seed % 2 == 0, seed); // every twentieth answer finds nobody
        EXPECT_TRUE(s.worst <= 60);
        EXPECT_TRUE(s.count >= MINUTES * 60 * 90 / 100);
        (void)printf("with deaths %" PRId64 ", %zu\n", s.worst, s.count);
    }
}

// Two programs behind one address, of which the other one uses what it likes.
static void test_shared_address(void) {
    struct limiter l = {0};
    struct server server = {.count = 0};
    uint64_t seed = 7, id = 0;
    unsigned refused = 0, ours = 0;
    for (int64_t now = NOW; now < NOW + 600000; now += 100) {
        if (now % 2000 == 0) { // 30 a minute
            (void)serve(&server, now);
        }
        if (!takes(&l, &sixty, ++id, 1, now)) {
            continue;
        }
        int64_t left = serve(&server, now);
        struct limiter_hint hint = LIMITER_HINT_NONE;
        hint.refused = left < 0;
        hint.remaining = left < 0 ? 0 : left;
        refused += hint.refused;
        ours++;
        (void)limiter_answered(&l, &sixty, id, &hint, now + (int64_t)(draw(&seed) % 90));
    }
    EXPECT_TRUE(refused <= 3);
    EXPECT_TRUE(ours >= 270); // of the 300 that are left
    (void)printf("%u of 300, %u refused\n", ours, refused);
    limiter_finish(&l);
}

static const struct expect_test tests[] = {
    {"a window begins with the answer", test_window},
    {"a window of the clock", test_fixed},
    {"a lease that ends is an answer", test_lease},
    {"at once", test_concurrency},
    {"a pace with a burst", test_pace},
    {"what answers tell", test_learn},
    {"when a state says nothing any more", test_rest},
    {"rules at their bounds", test_rules},
    {"names at their bounds", test_names},
    {"as many under way as are remembered", test_holders},
    {"many a window", test_many},
    {"other rules than those it was taken by", test_other_rules},
    {"no memory", test_memory},
    {"the vectors", test_vectors},
    {"random: no window ever has more", test_random_windows},
    {"random: never more at once", test_random_concurrency},
    {"random: a burst and what drips in", test_random_paces},
    {"random: what is told to a waiter is so", test_random_waits},
    {"60 a minute from four hosts: never more at the server, and 98 % used", test_server},
    {"an address that is shared with others", test_shared_address},
};
SUITE_MAIN("limiter", tests)
