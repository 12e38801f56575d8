#include "core/breaker.h"

#include <errno.h>

#include "expect.h"

#include "base/bytes.h"

#define NOW    INT64_C(1795254000000)
#define MINUTE INT64_C(60000)
#define DAY    INT64_C(86400000)
#define LEASE  (5 * MINUTE)

static const struct breaker_times network = {10 * MINUTE, 60 * MINUTE, 1};

static bool fails(struct breaker *b, uint64_t id, int64_t now) {
    return breaker_failed(b, &network, id, JH_E_NETWORK, 0, now);
}

static enum breaker_verdict admit(struct breaker *b, uint64_t id, int64_t now) {
    int64_t until;
    return breaker_admit(b, id, LEASE, now, &until);
}

static void expect_wait(struct breaker *b, uint64_t id, int64_t until, int64_t now) {
    int64_t got = -1;
    EXPECT_EQ_INT(BREAKER_WAIT, breaker_ask(b, id, now, &got));
    EXPECT_EQ_INT(until, got);
    EXPECT_EQ_INT(BREAKER_WAIT, breaker_admit(b, id, LEASE, now, &got));
    EXPECT_EQ_INT(until, got);
    EXPECT_EQ_INT(until, breaker_wake_ms(b, now));
}

static void test_classes(void) {
    static const struct {
        jh_class cls;
        const char *kind;
    } rows[] = {
        {JH_E_NONE, NULL},         {JH_E_INPUT, NULL},        {JH_E_AUTH, "auth"},
        {JH_E_NETWORK, "network"}, {JH_E_RATE, NULL},         {JH_E_UPSTREAM, "network"},
        {JH_E_TIMEOUT, "network"}, {JH_E_RESOURCE, NULL},     {JH_E_BUG, NULL},
        {JH_E_PERMANENT, NULL},    {JH_E_UNKNOWN, "unknown"}, {99, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int kind = breaker_kind_of(rows[i].cls);
        EXPECT_EQ_STR(rows[i].kind, kind < 0 ? NULL : breaker_kind_name((enum breaker_kind)kind));
    }
    EXPECT_NULL(breaker_kind_name(BREAKER_KINDS));
}

// The times of the systems that this host takes over from.
static void test_times(void) {
    static const int64_t minutes[BREAKER_KINDS][6] = {
        [BREAKER_AUTH] = {30, 60, 120, 240, 240, 240},
        [BREAKER_NETWORK] = {10, 20, 40, 60, 60, 60},
        [BREAKER_UNKNOWN] = {20, 40, 80, 160, 160, 160},
    };
    for (int kind = 0; kind < BREAKER_KINDS; kind++) {
        struct breaker b = {0};
        int64_t now = NOW;
        for (size_t n = 0; n < 6; n++) {
            EXPECT_TRUE(breaker_failed(&b, &breaker_default[kind], n, JH_E_UNKNOWN, 0, now));
            EXPECT_EQ_INT(minutes[kind][n] * MINUTE, b.until_ms - now);
            EXPECT_EQ_UINT(n + 1, b.failures);
            now = b.until_ms;
            EXPECT_EQ_INT(BREAKER_PROBE, admit(&b, n + 1, now));
        }
        EXPECT_TRUE(breaker_succeeded(&b, 6));
        (void)breaker_failed(&b, &breaker_default[kind], 7, JH_E_UNKNOWN, 0, now);
        EXPECT_EQ_INT(minutes[kind][0] * MINUTE, b.until_ms - now); // from the beginning
    }
    // doubled three times and no more, also without a cap in the way
    struct breaker b = {0};
    const struct breaker_times wide = {1000, DAY, 1};
    int64_t now = NOW;
    for (int n = 0; n < 6; n++) {
        (void)breaker_failed(&b, &wide, 1, JH_E_NETWORK, 0, now);
        EXPECT_EQ_INT(n < 3 ? 1000 << n : 8000, b.until_ms - now);
        now = b.until_ms;
        EXPECT_EQ_INT(BREAKER_PROBE, admit(&b, 1, now));
    }
}

static void test_probe(void) {
    struct breaker b = {0};
    EXPECT_EQ_INT(BREAKER_GO, admit(&b, 1, NOW));
    EXPECT_EQ_INT(0, breaker_wake_ms(&b, NOW));
    EXPECT_TRUE(fails(&b, 1, NOW));
    int64_t until = NOW + 10 * MINUTE;
    EXPECT_EQ_INT(BREAKER_IS_OPEN, breaker_state(&b, until - 1));
    expect_wait(&b, 2, until, NOW);
    expect_wait(&b, 2, until, until - 1);
    EXPECT_EQ_INT(BREAKER_IS_HALF_OPEN, breaker_state(&b, until));
    EXPECT_EQ_INT(0, breaker_wake_ms(&b, until));
    EXPECT_EQ_INT(BREAKER_PROBE, admit(&b, 2, until));
    expect_wait(&b, 3, until + LEASE, until + 1);
    EXPECT_EQ_INT(BREAKER_PROBE, admit(&b, 2, until + 5)); // it asked twice
    EXPECT_FALSE(breaker_succeeded(&b, 3));
    EXPECT_TRUE(breaker_succeeded(&b, 2));
    EXPECT_EQ_INT(BREAKER_IS_CLOSED, breaker_state(&b, until + 6));
    EXPECT_EQ_INT(BREAKER_GO, admit(&b, 3, until + 6));
    EXPECT_FALSE(breaker_succeeded(&b, 3));
}

static void test_probe_without_a_word(void) {
    struct breaker b = {0};
    (void)fails(&b, 1, NOW);
    int64_t now = b.until_ms;
    EXPECT_EQ_INT(BREAKER_PROBE, admit(&b, 2, now));
    // it was parked, or its payload was wrong
    EXPECT_FALSE(breaker_abandoned(&b, 3));
    EXPECT_TRUE(breaker_abandoned(&b, 2));
    EXPECT_FALSE(breaker_abandoned(&b, 2));
    EXPECT_EQ_INT(BREAKER_PROBE, admit(&b, 3, now + 1));
    // its host died
    expect_wait(&b, 4, now + 1 + LEASE, now + LEASE);
    EXPECT_EQ_INT(BREAKER_PROBE, admit(&b, 4, now + 1 + LEASE));
    EXPECT_FALSE(breaker_succeeded(&b, 3)); // so it had not, but another is the probe now
    EXPECT_FALSE(fails(&b, 3, now + LEASE + 2));
    EXPECT_TRUE(fails(&b, 4, now + LEASE + 2));
    EXPECT_EQ_UINT(2, b.failures);
}

// Fifty that started together and fail together are one failure.
static void test_under_way(void) {
    struct breaker b = {0};
    for (uint64_t id = 1; id <= 50; id++) {
        EXPECT_EQ_INT(BREAKER_GO, admit(&b, id, NOW));
    }
    for (uint64_t id = 1; id <= 49; id++) {
        EXPECT_EQ_INT(id == 1, fails(&b, id, NOW + (int64_t)id));
    }
    EXPECT_EQ_UINT(1, b.failures);
    EXPECT_EQ_INT(NOW + 1 + 10 * MINUTE, b.until_ms);
    EXPECT_FALSE(breaker_succeeded(&b, 50)); // from before
    EXPECT_FALSE(fails(&b, 50, b.until_ms + 1));
    EXPECT_EQ_INT(BREAKER_IS_HALF_OPEN, breaker_state(&b, b.until_ms + 1));
}

static void test_retry_after(void) {
    struct breaker b = {0};
    EXPECT_TRUE(
        breaker_failed(&b, &network, 1, JH_E_UPSTREAM, 1000, NOW)); // its own time is longer
    EXPECT_EQ_INT(NOW + 10 * MINUTE, b.until_ms);
    uint32_t version = b.version;
    EXPECT_FALSE(breaker_failed(&b, &network, 2, JH_E_UPSTREAM, MINUTE, NOW));
    EXPECT_EQ_UINT(version, b.version);
    EXPECT_FALSE(breaker_failed(&b, &network, 2, JH_E_UPSTREAM, 90 * MINUTE, NOW));
    EXPECT_EQ_INT(NOW + 90 * MINUTE, b.until_ms); // beyond the cap too
    int64_t now = b.until_ms;
    EXPECT_EQ_INT(BREAKER_PROBE, admit(&b, 3, now));
    EXPECT_TRUE(breaker_failed(&b, &network, 3, JH_E_UPSTREAM, INT64_MAX, now));
    EXPECT_EQ_INT(now + BREAKER_RETRY_AFTER_MAX_MS, b.until_ms);
    EXPECT_TRUE(breaker_reset(&b));
    EXPECT_TRUE(
        breaker_failed(&b, &network, 4, JH_E_UPSTREAM, BREAKER_RETRY_AFTER_MAX_MS - 1, now));
    EXPECT_EQ_INT(now + BREAKER_RETRY_AFTER_MAX_MS - 1, b.until_ms);
}

static void test_reset(void) {
    struct breaker b = {0};
    EXPECT_FALSE(breaker_reset(&b));
    EXPECT_EQ_UINT(0, b.version);
    EXPECT_EQ_INT(0, breaker_rest_ms(&b));
    (void)fails(&b, 1, NOW);
    EXPECT_EQ_INT(NOW + 10 * MINUTE + BREAKER_REMEMBER_MS, breaker_rest_ms(&b));
    EXPECT_EQ_UINT(1, b.version);
    EXPECT_EQ_INT(JH_E_NETWORK, b.cls);
    EXPECT_TRUE(breaker_reset(&b));
    EXPECT_EQ_UINT(2, b.version); // who decided on the old one is refused
    EXPECT_EQ_INT(BREAKER_GO, admit(&b, 2, NOW + 1));
    b.failures = BREAKER_FAILURES_MAX;
    b.probe = 3;
    b.probe_ms = 1;
    EXPECT_TRUE(fails(&b, 3, NOW));
    EXPECT_EQ_UINT(BREAKER_FAILURES_MAX, b.failures);
}

static void test_clock(void) {
    struct breaker b = {0};
    (void)fails(&b, 1, NOW);
    // a day back: open for ten minutes from now on, not for a day
    expect_wait(&b, 2, NOW - DAY + 10 * MINUTE, NOW - DAY);
    expect_wait(&b, 2, NOW - DAY + 10 * MINUTE, NOW - DAY + MINUTE);
    int64_t now = NOW - DAY + 10 * MINUTE;
    EXPECT_EQ_INT(BREAKER_PROBE, admit(&b, 2, now));
    expect_wait(&b, 3, now, now - MINUTE);
    // and again, under the probe: nobody waits for it longer than a lease
    now -= 2 * DAY;
    expect_wait(&b, 3, now + 10 * MINUTE, now);
    EXPECT_EQ_INT(now + LEASE, b.probe_ms);
    EXPECT_EQ_INT(BREAKER_PROBE, admit(&b, 3, now + 10 * MINUTE));
}

static void test_names(void) {
    char scope[BREAKER_SCOPE_MAX + 2], name[BREAKER_NAME_MAX + 1];
    enum breaker_kind kind = BREAKER_UNKNOWN;
    const char *got = NULL;
    EXPECT_EQ_INT(0, breaker_name(BREAKER_AUTH, "user:42", name));
    EXPECT_EQ_STR("auth:user:42", name);
    EXPECT_EQ_INT(0, breaker_name_split(name, &kind, &got));
    EXPECT_EQ_INT(BREAKER_AUTH, kind);
    EXPECT_EQ_STR("user:42", got);
    static const char *const bad[] = {"", "auth", "auth:", "author:x", "tape:x", "auth:a\nb"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        EXPECT_EQ_INT(-EINVAL, breaker_name_split(bad[i], &kind, &got));
    }
    memset(scope, 'x', sizeof scope);
    scope[BREAKER_SCOPE_MAX] = '\0';
    EXPECT_EQ_INT(0, breaker_name(BREAKER_NETWORK, scope, name));
    EXPECT_EQ_UINT(BREAKER_NAME_MAX, strlen(name));
    EXPECT_EQ_INT(0, breaker_name_split(name, &kind, &got));
    EXPECT_EQ_STR(scope, got);
    scope[BREAKER_SCOPE_MAX] = 'x';
    scope[BREAKER_SCOPE_MAX + 1] = '\0';
    EXPECT_EQ_INT(-EINVAL, breaker_name(BREAKER_NETWORK, scope, name));
    EXPECT_EQ_STR("closed", breaker_state_name(BREAKER_IS_CLOSED));
    EXPECT_EQ_STR("open", breaker_state_name(BREAKER_IS_OPEN));
    EXPECT_EQ_STR("half_open", breaker_state_name(BREAKER_IS_HALF_OPEN));
}

// Where three in a row open it: two are counted while all go on, and a success forgets them.
static void test_count(void) {
    static const struct breaker_times times = {10 * MINUTE, 60 * MINUTE, 3};
    struct breaker b = {0};
    int64_t until, now = NOW;
    for (uint64_t id = 1; id <= 2; id++) {
        uint32_t version = b.version;
        EXPECT_FALSE(breaker_failed(&b, &times, id, JH_E_NETWORK, 30 * MINUTE, now += MINUTE));
        EXPECT_TRUE(b.version > version);
        EXPECT_TRUE(breaker_is_counting(&b));
        EXPECT_EQ_UINT(id, b.failures);
        EXPECT_EQ_INT(BREAKER_IS_CLOSED, breaker_state(&b, now));
        EXPECT_EQ_INT(BREAKER_GO, breaker_admit(&b, 9, LEASE, now, &until));
        EXPECT_EQ_INT(0, breaker_wake_ms(&b, now));
        EXPECT_EQ_INT(now + BREAKER_REMEMBER_MS, breaker_rest_ms(&b));
    }
    EXPECT_FALSE(breaker_succeeded(&b, 9)); // of whomever; it did not close it, for it was closed
    EXPECT_EQ_UINT(0, b.failures);
    EXPECT_FALSE(breaker_is_counting(&b));
    for (uint64_t id = 1; id <= 3; id++) {
        EXPECT_EQ_INT(id == 3, breaker_failed(&b, &times, id, JH_E_NETWORK, 0, now));
    }
    EXPECT_FALSE(breaker_is_counting(&b));
    EXPECT_EQ_INT(now + 10 * MINUTE, b.until_ms); // the first pause
    EXPECT_FALSE(breaker_succeeded(&b, 9));       // it was under way
    now = b.until_ms;
    EXPECT_EQ_INT(BREAKER_PROBE, admit(&b, 4, now));
    EXPECT_TRUE(breaker_failed(&b, &times, 4, JH_E_NETWORK, 0, now));
    EXPECT_EQ_INT(now + 20 * MINUTE, b.until_ms);
    EXPECT_TRUE(breaker_reset(&b));
    // one that was opened by an earlier rule goes on as it was: its probe alone opens it again
    EXPECT_TRUE(fails(&b, 1, now));
    now = b.until_ms;
    EXPECT_EQ_INT(BREAKER_PROBE, admit(&b, 2, now));
    EXPECT_TRUE(breaker_failed(&b, &times, 2, JH_E_NETWORK, 0, now));
    EXPECT_EQ_INT(now + 10 * MINUTE, b.until_ms);
}

// ---- at random: never two probes, never stuck, a change is a new version

static uint64_t draw(uint64_t *seed) {
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *seed >> 33;
}

static bool is_same(const struct breaker *a, const struct breaker *b) {
    return a->failures == b->failures && a->opened_ms == b->opened_ms &&
           a->until_ms == b->until_ms && a->probe == b->probe && a->probe_ms == b->probe_ms;
}

static void act(struct breaker *b, uint64_t *seed, uint64_t id, int64_t now) {
    const struct breaker_times times = {network.base_ms, network.cap_ms,
                                        1 + (uint32_t)(draw(seed) % 3)};
    switch (draw(seed) % 6) {
    case 0:
        (void)breaker_failed(b, &times, id, JH_E_NETWORK, (int64_t)(draw(seed) % 99), now);
        break;
    case 1: (void)breaker_succeeded(b, id); break;
    case 2: (void)breaker_abandoned(b, id); break;
    case 3: (void)(draw(seed) % 50 == 0 && breaker_reset(b)); break;
    default: (void)admit(b, id, now); break;
    }
}

static void test_random(void) {
    struct breaker b = {0};
    uint64_t seed = 5;
    int64_t now = NOW;
    for (int i = 0; i < 200000; i++) {
        struct breaker before = b;
        now += (int64_t)(draw(&seed) % (draw(&seed) % 9 == 0 ? 3600000 : 60000));
        now -= draw(&seed) % 500 == 0 ? DAY : 0;
        uint64_t id = 1 + draw(&seed) % 5;
        int64_t until;
        bool held = b.probe_ms > now;
        enum breaker_verdict asked = breaker_ask(&b, id, now, &until);
        EXPECT_TRUE(asked == BREAKER_WAIT ? until > now && until <= now + DAY : until == 0);
        EXPECT_TRUE(asked != BREAKER_PROBE || !held || b.probe == id);
        act(&b, &seed, id, now);
        EXPECT_TRUE(is_same(&before, &b) || b.version > before.version);
        EXPECT_TRUE(b.failures == 0 || breaker_wake_ms(&b, now) <= now + DAY);
    }
}

static const struct expect_test tests[] = {
    {"which classes have one", test_classes},
    {"how long it is open", test_times},
    {"one probe, and what becomes of it", test_probe},
    {"a probe without a word", test_probe_without_a_word},
    {"what was under way tells nothing new", test_under_way},
    {"as long as the other side said", test_retry_after},
    {"reset", test_reset},
    {"the clock goes back", test_clock},
    {"names", test_names},
    {"more than one failure opens it", test_count},
    {"random", test_random},
};
SUITE_MAIN("breaker", tests)
