#include "core/priority.h"

#include "expect.h"
#include "vectors.h"

#define NOW INT64_C(1795254000000)

static void expect_split(uint32_t n, const int64_t head[PRIORITY_COUNT], uint64_t turn,
                         uint32_t high, uint32_t normal, uint32_t low) {
    uint32_t take[PRIORITY_COUNT] = {9, 9, 9};
    priority_split(n, head, turn, NOW, take);
    EXPECT_EQ_UINT(high, take[PRIORITY_HIGH]);
    EXPECT_EQ_UINT(normal, take[PRIORITY_NORMAL]);
    EXPECT_EQ_UINT(low, take[PRIORITY_LOW]);
}

static void test_strict(void) {
    const int64_t young = NOW - 1000;
    expect_split(8, (int64_t[]){young, young, young}, 0, 8, 0, 0);
    expect_split(8, (int64_t[]){0, young, young}, 0, 0, 8, 0);
    expect_split(8, (int64_t[]){0, 0, young}, 0, 0, 0, 8);
    expect_split(8, (int64_t[]){0, 0, 0}, 0, 0, 0, 0);
    expect_split(0, (int64_t[]){young, young, young}, 3, 0, 0, 0);
}

static void test_aged(void) {
    const int64_t young = NOW - 1000, old = NOW - PRIORITY_AGED_MS;
    expect_split(8, (int64_t[]){young, old, young}, 0, 6, 2, 0);
    expect_split(8, (int64_t[]){young, young, old}, 0, 6, 0, 2);
    expect_split(8, (int64_t[]){young, old, old}, 0, 6, 1, 1);
    expect_split(8, (int64_t[]){0, young, old}, 0, 0, 6, 2);
    // the top band ages for nothing: it is first anyway
    expect_split(8, (int64_t[]){old, young, young}, 0, 8, 0, 0);
    expect_split(8, (int64_t[]){0, old, 0}, 0, 0, 8, 0);
    // a millisecond before its time
    expect_split(8, (int64_t[]){young, old + 1, young}, 0, 8, 0, 0);
    // a head in the future, after the clock stepped back
    expect_split(8, (int64_t[]){young, NOW + 1000000, young}, 0, 8, 0, 0);
}

// Taken one by one or in any other portions, the shares are the same.
static void test_portions(void) {
    const int64_t head[PRIORITY_COUNT] = {NOW - 1, NOW - PRIORITY_AGED_MS, NOW - PRIORITY_AGED_MS};
    for (uint32_t portion = 1; portion <= 64; portion++) {
        uint32_t sum[PRIORITY_COUNT] = {0};
        uint64_t turn = 0;
        while (turn < 64 * 63) {
            uint32_t take[PRIORITY_COUNT];
            priority_split(portion, head, turn, NOW, take);
            EXPECT_EQ_UINT(portion, take[0] + take[1] + take[2]);
            for (int p = 0; p < PRIORITY_COUNT; p++) {
                sum[p] += take[p];
            }
            turn += portion;
        }
        uint32_t aged = (uint32_t)(turn / PRIORITY_AGED_SHARE);
        EXPECT_EQ_UINT(aged, sum[1] + sum[2]);
        EXPECT_TRUE(sum[1] - sum[2] <= 1);
    }
}

// Whatever the heads, the counts add up to n, or to nothing if there is nothing.
static void test_sum(void) {
    static const int64_t heads[] = {
        0,   1,      NOW - PRIORITY_AGED_MS - 1, NOW - PRIORITY_AGED_MS, NOW - PRIORITY_AGED_MS + 1,
        NOW, NOW + 5};
    for (int i = 0; i < 7 * 7 * 7; i++) {
        const int64_t head[PRIORITY_COUNT] = {heads[i % 7], heads[i / 7 % 7], heads[i / 49]};
        bool any = head[0] != 0 || head[1] != 0 || head[2] != 0;
        for (uint32_t n = 0; n < 20; n++) {
            for (uint64_t turn = 0; turn < 9; turn++) {
                uint32_t take[PRIORITY_COUNT];
                priority_split(n, head, turn, NOW, take);
                EXPECT_EQ_UINT(any ? n : 0, take[0] + take[1] + take[2]);
                for (int p = 0; p < PRIORITY_COUNT; p++) {
                    EXPECT_TRUE(head[p] != 0 || take[p] == 0);
                }
            }
        }
    }
    uint32_t take[PRIORITY_COUNT];
    priority_split(UINT32_MAX, (int64_t[]){NOW, 1, 1}, UINT64_MAX, NOW, take);
    EXPECT_EQ_UINT(UINT32_MAX, (uint64_t)take[0] + take[1] + take[2]);
}

// ---- a day of saturation on a virtual clock

enum { SLOTS = 4, CAP = 1 << 20 };

struct band {
    int64_t ready[CAP]; // ring of the times at which its jobs became ready
    uint32_t first, len;
    int64_t worst_wait;
    uint32_t started;
};

static struct band bands[PRIORITY_COUNT];

static void submit(struct band *b, int64_t now) {
    b->ready[(b->first + b->len++) % CAP] = now;
}

static uint32_t start(struct band *b, uint32_t n, int64_t now) {
    uint32_t taken = 0;
    for (; taken < n && b->len > 0; taken++, b->len--) {
        int64_t wait = now - b->ready[b->first];
        b->worst_wait = wait > b->worst_wait ? wait : b->worst_wait;
        b->first = (b->first + 1) % CAP;
        b->started++;
    }
    return taken;
}

static void claim(uint32_t n, uint64_t *turn, int64_t now) {
    int64_t head[PRIORITY_COUNT];
    uint32_t take[PRIORITY_COUNT], taken = 0;
    for (int p = 0; p < PRIORITY_COUNT; p++) {
        head[p] = bands[p].len == 0 ? 0 : bands[p].ready[bands[p].first];
    }
    priority_split(n, head, *turn, now, take);
    for (int p = 0; p < PRIORITY_COUNT; p++) {
        taken += start(&bands[p], take[p], now);
    }
    for (int p = 0; p < PRIORITY_COUNT; p++) { // who is short is filled up from the top
        taken += start(&bands[p], n - taken, now);
    }
    *turn += taken;
}

// Four slots and jobs of a second; `high` and `normal` jobs arrive every second, one low job every ten minutes.
static void run_day(uint32_t high, uint32_t normal) {
    memset(bands, 0, sizeof bands);
    uint64_t turn = 0;
    for (int64_t second = 0; second < 86400; second++) {
        int64_t now = NOW + second * 1000;
        for (uint32_t i = 0; i < high; i++) {
            submit(&bands[PRIORITY_HIGH], now);
        }
        for (uint32_t i = 0; i < normal; i++) {
            submit(&bands[PRIORITY_NORMAL], now);
        }
        if (second % 600 == 0) {
            submit(&bands[PRIORITY_LOW], now);
        }
        claim(SLOTS, &turn, now);
    }
}

static void test_day(void) {
    const uint32_t loads[][2] = {{4, 0}, {8, 0}, {4, 4}, {8, 8}, {0, 8}, {3, 3}};
    for (size_t i = 0; i < sizeof loads / sizeof loads[0]; i++) {
        run_day(loads[i][0], loads[i][1]);
        const struct band *low = &bands[PRIORITY_LOW];
        EXPECT_EQ_UINT(144, low->started + low->len);
        EXPECT_TRUE(low->started >= 143);
        EXPECT_TRUE(low->worst_wait <= 300000);
        EXPECT_TRUE(low->worst_wait >= PRIORITY_AGED_MS); // the load was one
        EXPECT_EQ_UINT(86400 * SLOTS, bands[0].started + bands[1].started + low->started);
    }
    // without saturation nobody waits
    run_day(2, 1);
    for (int p = 0; p < PRIORITY_COUNT; p++) {
        EXPECT_EQ_INT(0, bands[p].worst_wait);
    }
}

// The same file is run against the form in Lua (test_redis_lua.c).
static void test_vectors(void) {
    FILE *f = vectors_open("priority_split.txt");
    uint64_t v[9];
    unsigned count = 0;
    while (vectors_next(f, v, ARRAY_LEN(v))) {
        const int64_t head[PRIORITY_COUNT] = {(int64_t)v[1], (int64_t)v[2], (int64_t)v[3]};
        uint32_t take[PRIORITY_COUNT];
        priority_split((uint32_t)v[0], head, v[4], (int64_t)v[5], take);
        for (int p = 0; p < PRIORITY_COUNT; p++) {
            EXPECT_EQ_UINT(v[6 + p], take[p]);
        }
        count++;
    }
    EXPECT_TRUE(count > 1000);
    (void)fclose(f);
}

static const struct expect_test tests[] = {
    {"the vectors", test_vectors},
    {"young bands are strict", test_strict},
    {"an aged lower band has its share", test_aged},
    {"shares do not depend on portions", test_portions},
    {"the counts add up", test_sum},
    {"a low job starts within five minutes of saturation", test_day},
};
SUITE_MAIN("priority", tests)
