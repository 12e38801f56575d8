#include "core/share.h"

#include <errno.h>

#include "expect.h"

#include "base/bytes.h"
#include "failing_alloc.h"
#include "share_vectors.h"
#include "vectors.h"

#define NOW INT64_C(1795254000000)

static uint64_t draw(uint64_t *seed) {
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *seed >> 33;
}

// ---- turns

enum { FEW = 5 };

struct lab {
    struct share share;
    struct share_flow flows[FEW];
};

static void begin(struct lab *lab, const uint32_t weights[FEW]) {
    share_init(&lab->share);
    for (size_t i = 0; i < FEW; i++) {
        share_flow_init(&lab->flows[i], PRIORITY_NORMAL, weights[i]);
        EXPECT_FALSE(share_is_waiting(&lab->flows[i]));
    }
}

static void end(struct lab *lab) {
    share_finish(&lab->share);
}

static char start_next(struct lab *lab, int64_t head_ms) {
    struct share_flow *f = share_next(&lab->share, NOW);
    if (f == NULL) {
        return '-';
    }
    share_start(&lab->share, f, head_ms);
    return (char)('a' + (f - lab->flows));
}

static void expect_row(const char *row, struct lab *lab) {
    char got[64] = "";
    for (size_t i = 0; row[i] != '\0'; i++) {
        got[i] = start_next(lab, NOW);
    }
    EXPECT_EQ_STR(row, got);
}

static void test_turns(void) {
    struct lab lab;
    begin(&lab, (const uint32_t[FEW]){1, 1, 1, 1, 1});
    EXPECT_EQ_INT('-', start_next(&lab, 0));
    for (size_t i = 0; i < 3; i++) {
        EXPECT_EQ_INT(0, share_wait(&lab.share, &lab.flows[i], NOW));
    }
    expect_row("abcabc", &lab);
    // one who comes is the next, after those whose turn it is
    EXPECT_EQ_INT('a', start_next(&lab, NOW));
    EXPECT_EQ_INT(0, share_wait(&lab.share, &lab.flows[3], NOW));
    EXPECT_EQ_UINT(2, share_ahead(&lab.share, &lab.flows[3]));
    expect_row("bcdabcdabcd", &lab);
    // one who goes and comes back has no more turns for it
    EXPECT_EQ_INT('a', start_next(&lab, 0));
    EXPECT_FALSE(share_may_forget(&lab.share, &lab.flows[0]));
    EXPECT_EQ_INT(0, share_wait(&lab.share, &lab.flows[0], NOW));
    expect_row("bcdabcd", &lab);
    share_leave(&lab.share, &lab.flows[1]);
    share_leave(&lab.share, &lab.flows[1]);
    expect_row("acdacd", &lab);
    share_leave(&lab.share, &lab.flows[0]);
    expect_row("cdc", &lab);
    EXPECT_TRUE(share_may_forget(&lab.share, &lab.flows[1]));
    end(&lab);
}

static void test_weights(void) {
    struct lab lab;
    unsigned counts[FEW] = {0};
    begin(&lab, (const uint32_t[FEW]){1, 2, 5, 0, SHARE_WEIGHT_MAX + 1}); // 0 is 1
    for (size_t i = 0; i < 4; i++) {
        EXPECT_EQ_INT(0, share_wait(&lab.share, &lab.flows[i], NOW));
    }
    for (int i = 0; i < 9000; i++) {
        counts[start_next(&lab, NOW) - 'a']++;
    }
    EXPECT_EQ_UINT(1000, counts[0]);
    EXPECT_EQ_UINT(2000, counts[1]);
    EXPECT_EQ_UINT(5000, counts[2]);
    EXPECT_EQ_UINT(1000, counts[3]);
    EXPECT_EQ_INT(0, share_wait(&lab.share, &lab.flows[4], NOW));
    memset(counts, 0, sizeof counts);
    for (int i = 0; i < 101700; i++) {
        counts[start_next(&lab, NOW) - 'a']++;
    }
    EXPECT_TRUE(counts[4] >= 1000 * counts[0] && counts[4] < 1020 * counts[0]);
    end(&lab);
}

static void test_idle_is_forgotten(void) {
    struct lab lab;
    begin(&lab, (const uint32_t[FEW]){1, 1, 1, 1, 1});
    (void)share_wait(&lab.share, &lab.flows[0], NOW);
    for (int i = 0; i < 100; i++) {
        (void)start_next(&lab, NOW);
    }
    EXPECT_EQ_INT('a', start_next(&lab, 0));
    // nobody waits: all begin anew
    EXPECT_TRUE(share_may_forget(&lab.share, &lab.flows[0]));
    (void)share_wait(&lab.share, &lab.flows[1], NOW);
    (void)share_wait(&lab.share, &lab.flows[0], NOW);
    expect_row("baba", &lab);
    end(&lab);
}

static void test_memory(void) {
    for (int fail = 1; fail <= 2; fail++) {
        struct lab lab;
        begin(&lab, (const uint32_t[FEW]){1, 1, 1, 1, 1});
        failing_alloc_after(fail);
        EXPECT_EQ_INT(-ENOMEM, share_wait(&lab.share, &lab.flows[0], NOW));
        failing_alloc_after(0);
        EXPECT_FALSE(share_is_waiting(&lab.flows[0]));
        EXPECT_NULL(share_next(&lab.share, NOW));
        EXPECT_EQ_INT(0, share_wait(&lab.share, &lab.flows[0], NOW));
        // a start and another head need none
        failing_alloc_after(1);
        EXPECT_EQ_INT(0, share_wait(&lab.share, &lab.flows[0], NOW + 1));
        EXPECT_EQ_INT('a', start_next(&lab, NOW + 2));
        failing_alloc_after(0);
        EXPECT_TRUE(share_is_waiting(&lab.flows[0]));
        end(&lab);
    }
}

// ---- the bound on starts, whatever happens

enum { SOME = 40 };

static void test_starts_before(void) {
    static struct share_flow flows[SOME];
    static unsigned before[SOME][SOME]; // [a][b]: starts of b since a waits
    struct share s;
    uint64_t seed = 11;
    unsigned many = 0;
    share_init(&s);
    for (size_t i = 0; i < SOME; i++) {
        share_flow_init(&flows[i], PRIORITY_NORMAL, i % 4 == 0 ? 1 + (uint32_t)i / 4 : 1);
    }
    memset(before, 0, sizeof before);
    for (int step = 0; step < 300000; step++) {
        size_t i = draw(&seed) % SOME;
        if (draw(&seed) % 3 == 0 && !share_is_waiting(&flows[i])) {
            EXPECT_EQ_INT(0, share_wait(&s, &flows[i], NOW));
            memset(before[i], 0, sizeof before[i]);
        } else if (draw(&seed) % 40 == 0) {
            share_leave(&s, &flows[i]);
        }
        struct share_flow *f = share_next(&s, NOW);
        if (f == NULL || draw(&seed) % 4 == 0) {
            continue;
        }
        size_t b = (size_t)(f - flows);
        share_start(&s, f, draw(&seed) % 5 == 0 ? 0 : NOW);
        memset(before[b], 0, sizeof before[b]);
        for (size_t a = 0; a < SOME; a++) {
            bool counts = a != b && share_is_waiting(&flows[a]);
            before[a][b] += counts;
            many += counts && before[a][b] > flows[b].weight / flows[a].weight + 1;
        }
    }
    EXPECT_EQ_UINT(0, many);
    share_finish(&s);
}

// ---- many tenants

enum { MANY = 100000 };

static void test_many(void) {
    struct share_flow *flows = calloc(MANY, sizeof *flows);
    uint8_t *counts = calloc(MANY, 1);
    struct share s;
    share_init(&s);
    for (size_t i = 0; i < MANY; i++) {
        share_flow_init(&flows[i], PRIORITY_NORMAL, 1);
        (void)share_wait(&s, &flows[i], NOW);
    }
    for (int round = 1; round <= 5; round++) {
        for (size_t i = 0; i < MANY; i++) {
            struct share_flow *f = share_next(&s, NOW);
            counts[f - flows]++;
            share_start(&s, f, NOW);
        }
        size_t off = 0;
        for (size_t i = 0; i < MANY; i++) {
            off += counts[i] != round;
        }
        EXPECT_EQ_UINT(0, off);
    }
    EXPECT_TRUE(sizeof *flows <= 48);
    share_finish(&s);
    free(counts);
    free(flows);
}

// ---- a day with a tenant who has nine tenths of the load

enum { TENANTS = 12, SLOTS = 8, QUEUE_MAX = 1 << 18 };

struct tenant {
    struct share_flow flow;
    int64_t *ready; // times at which its waiting jobs came, a ring
    size_t first, len;
    unsigned running;
};

struct day {
    struct share share;
    struct tenant tenants[TENANTS];
    struct {
        int64_t ends;
        size_t tenant;
    } slots[SLOTS];
    uint64_t seed;
    int service; // how long jobs take
    int64_t service_sum;
    unsigned started, lone, late;
    double worst; // wait of a lone job as a part of the bound
};

// All with a mean of about a second.
static int64_t service_ms(struct day *d) {
    switch (d->service) {
    case 0: return 1000;
    case 1: return 1 + (int64_t)(draw(&d->seed) % 2000);
    case 2: return draw(&d->seed) % 10 == 0 ? 5500 : 500;
    default: { // exponential, by the number of coins that fall on one side
        int64_t ms = 1 + (int64_t)(draw(&d->seed) % 1000);
        while (draw(&d->seed) % 2 == 0 && ms < 20000) {
            ms += 500;
        }
        return ms;
    }
    }
}

static void submit(struct day *d, size_t who, int64_t now) {
    struct tenant *t = &d->tenants[who];
    if (t->len < QUEUE_MAX) {
        t->ready[(t->first + t->len++) % QUEUE_MAX] = now;
        EXPECT_EQ_INT(0, share_wait(&d->share, &t->flow, t->ready[t->first]));
    }
}

static size_t count_active(const struct day *d) {
    size_t n = 0;
    for (size_t i = 0; i < TENANTS; i++) {
        n += d->tenants[i].len > 0 || d->tenants[i].running > 0;
    }
    return n;
}

static void start(struct day *d, size_t slot, int64_t now) {
    struct share_flow *f = share_next(&d->share, now);
    if (f == NULL) {
        return;
    }
    struct tenant *t = CONTAINER_OF(f, struct tenant, flow);
    int64_t wait = now - t->ready[t->first], takes = service_ms(d);
    bool was_lone = t->len == 1;
    double mean = d->started == 0 ? 1000 : (double)d->service_sum / d->started;
    double bound = 2 * (double)count_active(d) * mean / SLOTS + 1000;
    t->first = (t->first + 1) % QUEUE_MAX;
    t->len--;
    t->running++;
    share_start(&d->share, f, t->len > 0 ? t->ready[t->first] : 0);
    d->slots[slot].ends = now + takes;
    d->slots[slot].tenant = (size_t)(t - d->tenants);
    d->service_sum += takes;
    d->started++;
    if (was_lone) {
        double part = (double)wait / bound;
        d->lone++;
        d->late += part > 1;
        d->worst = part > d->worst ? part : d->worst;
    }
}

// Twice as much is asked for as there are slots for: 90 % by the first tenant, who is the whole backlog.
static struct day run_day(int service, uint64_t seed) {
    static int64_t rings[TENANTS][QUEUE_MAX];
    struct day d = {.seed = seed, .service = service};
    share_init(&d.share);
    for (size_t i = 0; i < TENANTS; i++) {
        share_flow_init(&d.tenants[i].flow, PRIORITY_NORMAL, 1);
        d.tenants[i].ready = rings[i];
    }
    for (int64_t now = NOW; now < NOW + 3 * 3600000; now += 20) {
        if (draw(&d.seed) % 1000 < 320) { // 16 a second
            size_t who = draw(&d.seed) % 10 < 9 ? 0 : 1 + draw(&d.seed) % (TENANTS - 1);
            submit(&d, who, now);
        }
        for (size_t i = 0; i < SLOTS; i++) {
            if (d.slots[i].ends != 0 && d.slots[i].ends <= now) {
                d.tenants[d.slots[i].tenant].running--;
                d.slots[i].ends = 0;
            }
            if (d.slots[i].ends == 0) {
                start(&d, i, now);
            }
        }
    }
    share_finish(&d.share);
    return d;
}

static void test_noisy_tenant(void) {
    for (int service = 0; service < 4; service++) {
        struct day d = run_day(service, 3 + (uint64_t)service);
        EXPECT_TRUE(d.tenants[0].len > 40000); // it was that noisy
        EXPECT_TRUE(d.lone > 15000);
        // where one job in ten takes ten times as long as the others, all slots can have such ones: then
        // nobody can start
        EXPECT_TRUE(service == 2 ? d.late * 1000 <= d.lone : d.late == 0);
        for (size_t i = 1; i < TENANTS; i++) {
            EXPECT_TRUE(d.tenants[i].len <= 5);
        }
        (void)printf("%u lone jobs, at worst %.2f of the bound, %u beyond it; ", d.lone, d.worst,
                     d.late);
    }
}

// ---- priorities

enum { CALM = 50 };

// Low ones of many tenants under twice as many high ones as there are slots for: each starts within five minutes.
static void test_ageing(void) {
    struct share s;
    struct share_flow high, low[CALM];
    int64_t low_since[CALM] = {0}, worst = 0;
    unsigned starts[PRIORITY_COUNT] = {0};
    share_init(&s);
    share_flow_init(&high, PRIORITY_HIGH, 1);
    for (size_t i = 0; i < CALM; i++) {
        share_flow_init(&low[i], PRIORITY_LOW, 1);
    }
    EXPECT_EQ_INT(0, share_wait(&s, &high, NOW));
    for (int64_t second = 0; second < 86400; second++) {
        int64_t now = NOW + second * 1000;
        size_t who = (size_t)(second / 20) % CALM; // 3 a minute
        if (second % 20 == 0 && !share_is_waiting(&low[who])) {
            EXPECT_EQ_INT(0, share_wait(&s, &low[who], low_since[who] = now));
        }
        for (int slot = 0; slot < 4; slot++) {
            struct share_flow *f = share_next(&s, now);
            starts[f->priority]++;
            if (f->priority == PRIORITY_LOW) {
                int64_t wait = now - low_since[f - low];
                worst = wait > worst ? wait : worst;
            }
            share_start(&s, f, f == &high ? now : 0);
        }
    }
    EXPECT_TRUE(worst <= 300000);
    EXPECT_TRUE(starts[PRIORITY_LOW] >= 4300);
    EXPECT_TRUE(starts[PRIORITY_HIGH] > 300000);
    (void)printf("at worst %" PRId64 " s; ", worst / 1000);
    share_finish(&s);
}

// Shares of one priority are none of another's.
static void test_priorities(void) {
    struct share s;
    struct share_flow flows[3];
    share_init(&s);
    for (size_t i = 0; i < 3; i++) {
        share_flow_init(&flows[i], (enum job_priority)(2 - i), 1);
        EXPECT_EQ_INT(0, share_wait(&s, &flows[i], i == 2 ? -5 : NOW));
        EXPECT_EQ_UINT(0, share_ahead(&s, &flows[i]));
    }
    for (size_t i = 3; i-- > 0;) {
        EXPECT_TRUE(share_next(&s, NOW) == &flows[i]);
        share_start(&s, &flows[i], 0);
    }
    EXPECT_NULL(share_next(&s, NOW));
    share_finish(&s);
}

static void test_vectors(void) {
    FILE *f = vectors_open("share.txt");
    uint64_t v[SHARE_V_IN + SHARE_V_OUT], out[SHARE_V_OUT];
    unsigned lines = 0;
    while (vectors_next(f, v, ARRAY_LEN(v))) {
        share_vector_run(v, out);
        for (size_t i = 0; i < SHARE_V_OUT; i++) {
            EXPECT_EQ_UINT(v[SHARE_V_IN + i], out[i]);
        }
        lines++;
    }
    EXPECT_TRUE(lines > 800);
    (void)fclose(f);
}

static const struct expect_test tests[] = {
    {"turns", test_turns},
    {"weights", test_weights},
    {"who was idle is as good as new", test_idle_is_forgotten},
    {"no memory", test_memory},
    {"random: how many starts of others come before", test_starts_before},
    {"a hundred thousand tenants", test_many},
    {"a tenant with nine tenths of the load", test_noisy_tenant},
    {"low ones start within five minutes", test_ageing},
    {"priorities", test_priorities},
    {"the vectors", test_vectors},
};
SUITE_MAIN("share", tests)
