// When a host may still call its jobs its own, to the millisecond, and when it beats.
#include "core/lease.h"

#include "expect.h"

enum { LEASE = 24000, IDLE = 150000, WALL = 1700000000 };

static struct lease l;

static void begin(void) {
    lease_init(&l, LEASE, IDLE, WALL, 0);
}

static void test_idle(void) {
    begin();
    EXPECT_EQ_INT(LEASE_HELD, lease_state(&l, 100 * LEASE)); // nothing to lose
    EXPECT_EQ_INT(INT64_MAX, lease_next_change(&l, 0));
    EXPECT_EQ_INT(IDLE, lease_next_beat(&l));
    EXPECT_EQ_INT(375000, lease_span(&l));
    lease_beaten(&l, true, false, 150000, 150002);
    EXPECT_EQ_INT(300000, lease_next_beat(&l));
}

static void test_states(void) {
    static const struct {
        int64_t after;
        enum lease_state state;
    } rows[] = {{0, LEASE_HELD},
                {11999, LEASE_HELD},
                {12000, LEASE_FADING},
                {23999, LEASE_FADING},
                {24000, LEASE_LOST}};
    begin();
    lease_take(&l, 100000);
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        EXPECT_EQ_INT(rows[i].state, lease_state(&l, 100000 + rows[i].after));
    }
    EXPECT_EQ_INT(112000, lease_next_change(&l, 100000));
    EXPECT_EQ_INT(124000, lease_next_change(&l, 112000));
    EXPECT_EQ_INT(INT64_MAX, lease_next_change(&l, 124000));
    lease_rest(&l); // its last job has ended in time
    EXPECT_EQ_INT(LEASE_HELD, lease_state(&l, 124000));
    EXPECT_EQ_STR("lost", lease_state_name(LEASE_LOST));
    EXPECT_NULL(lease_state_name((enum lease_state)(LEASE_LOST + 1)));
}

static void test_beats_of_a_busy_host(void) {
    begin();
    lease_take(&l, 100000);
    EXPECT_EQ_INT(108000, lease_next_beat(&l)); // a third of a lease after the first claim
    EXPECT_EQ_INT(LEASE, lease_span(&l));
    lease_beaten(&l, true, true, 108000, 109000); // what counts is when it was posted
    EXPECT_EQ_INT(116000, lease_next_beat(&l));
    EXPECT_EQ_INT(LEASE_HELD, lease_state(&l, 119999));
    EXPECT_EQ_INT(LEASE_FADING, lease_state(&l, 120000));
}

static void test_a_beat_that_fails(void) {
    begin();
    lease_take(&l, 100000);
    lease_beaten(&l, false, true, 108000, 109000);
    EXPECT_EQ_INT(111000, lease_next_beat(&l)); // a twelfth of a lease after the failure
    EXPECT_EQ_INT(LEASE_LOST, lease_state(&l, 124000));
    lease_beaten(&l, true, true, 125000, 125001); // too late for what was stopped, good from now on
    EXPECT_EQ_INT(LEASE_HELD, lease_state(&l, 125001));
    lease_rest(&l);
    lease_beaten(&l, false, false, 133000, 133000);
    EXPECT_EQ_INT(143000, lease_next_beat(&l));
    lease_hurry(&l, 134000);
    EXPECT_EQ_INT(134000, lease_next_beat(&l));
    lease_hurry(&l, 135000);
    EXPECT_EQ_INT(134000, lease_next_beat(&l));
}

/* Others were promised a beat within a lease: one more says that the next comes later. */
static void test_rest_after_work(void) {
    begin();
    lease_take(&l, 100000);
    lease_rest(&l);
    EXPECT_EQ_INT(IDLE, lease_next_beat(&l)); // none was posted meanwhile: nothing to take back
    lease_take(&l, 101000);
    lease_beaten(&l, true, true, 109000, 109000);
    lease_rest(&l);
    EXPECT_EQ_INT(117000, lease_next_beat(&l));
    lease_beaten(&l, true, false, 117000, 117000);
    EXPECT_EQ_INT(117000 + IDLE, lease_next_beat(&l));
}

/* A beat's answer may come after a claim that was posted after it. */
static void test_claims_are_younger_than_beats(void) {
    begin();
    lease_take(&l, 100000);
    lease_beaten(&l, true, false, 99000, 101000);
    EXPECT_EQ_INT(LEASE_HELD, lease_state(&l, 111999));
    EXPECT_EQ_INT(LEASE_FADING, lease_state(&l, 112000));
}

static void test_jump(void) {
    begin();
    lease_take(&l, 100000);
    EXPECT_FALSE(lease_look(&l, WALL + 101000 + LEASE / 4, 101000)); // a quarter may be NTP
    EXPECT_FALSE(lease_look(&l, WALL + 102000 - LEASE, 102000));     // backwards is no sleep
    EXPECT_TRUE(lease_look(&l, WALL + 103000 + 1, 103000));
    EXPECT_EQ_INT(LEASE_DOUBTED, lease_state(&l, 103000));
    EXPECT_EQ_INT(103000, lease_next_beat(&l)); // at once
    EXPECT_EQ_INT(106000, lease_next_change(&l, 103000));
    EXPECT_EQ_INT(LEASE_DOUBTED, lease_state(&l, 105999));
    EXPECT_EQ_INT(LEASE_FADING, lease_state(&l, 106000));
    EXPECT_EQ_INT(LEASE_FADING, lease_state(&l, 114999));
    EXPECT_EQ_INT(LEASE_LOST, lease_state(&l, 115000)); // half a lease after the jump
    EXPECT_FALSE(lease_look(&l, WALL + 104001, 104000));
    lease_beaten(&l, true, true, 103000, 103010);
    EXPECT_EQ_INT(LEASE_HELD, lease_state(&l, 103010));
    EXPECT_EQ_INT(111000, lease_next_beat(&l));
}

/* A jump gives no time to a lease that was nearly over. */
static void test_jump_late(void) {
    begin();
    lease_take(&l, 100000);
    EXPECT_FALSE(lease_look(&l, WALL + 110000, 110000));
    EXPECT_TRUE(lease_look(&l, WALL + 120000 + LEASE, 120000));
    EXPECT_EQ_INT(LEASE_FADING, lease_state(&l, 120000));
    EXPECT_EQ_INT(LEASE_LOST, lease_state(&l, 124000));
    EXPECT_EQ_INT(120000, lease_next_beat(&l));
    lease_beaten(&l, false, true, 120000, 120000);
    EXPECT_EQ_INT(122000, lease_next_beat(&l));
}

/* Stopped for less than a lease: what runs need not stop if a beat says so at once. */
static void test_stood_still(void) {
    begin();
    lease_take(&l, 100000);
    EXPECT_FALSE(lease_look(&l, WALL + 110000, 110000)); // a third and a twelfth: merely late
    EXPECT_TRUE(lease_look(&l, WALL + 120001, 120001));
    EXPECT_EQ_INT(120001, lease_next_beat(&l));
    EXPECT_EQ_INT(LEASE_DOUBTED, lease_state(&l, 120001));
    EXPECT_EQ_INT(LEASE_DOUBTED, lease_state(&l, 123000));
    EXPECT_EQ_INT(LEASE_FADING, lease_state(&l, 123001));
    EXPECT_EQ_INT(LEASE_LOST, lease_state(&l, 124000)); // no later than without it
    lease_beaten(&l, true, true, 120001, 120002);
    EXPECT_EQ_INT(LEASE_HELD, lease_state(&l, 120002));
    lease_rest(&l);
    EXPECT_FALSE(lease_look(&l, WALL + 500000, 500000)); // nobody had to look
}

static void test_takeover(void) {
    EXPECT_EQ_INT(50000, lease_takeover_at(LEASE, 50000, 0, 0));
    EXPECT_EQ_INT(51999, lease_takeover_at(LEASE, 50000, 0, 1999)); // spread over two seconds
    EXPECT_EQ_INT(50000, lease_takeover_at(LEASE, 50000, 0, 2000));
    EXPECT_EQ_INT(50624, lease_takeover_at(5000, 50000, 0, 624)); // or an eighth of a lease
    EXPECT_EQ_INT(50000, lease_takeover_at(5000, 50000, 0, 625));
    EXPECT_EQ_INT(57000, lease_takeover_at(LEASE, 50000, 45000, 7)); // once in half a lease
    EXPECT_EQ_INT(50000, lease_takeover_at(LEASE, 50000, 38000, 0));
}

static const struct expect_test tests[] = {
    {"idle: nothing to lose, and few beats", test_idle},
    {"held, fading, lost", test_states},
    {"beats of a busy host", test_beats_of_a_busy_host},
    {"a beat that fails", test_a_beat_that_fails},
    {"rest after work", test_rest_after_work},
    {"claims are younger than beats", test_claims_are_younger_than_beats},
    {"the clock has jumped", test_jump},
    {"a jump late in a lease", test_jump_late},
    {"the host stood still", test_stood_still},
    {"when to look for jobs of dead hosts", test_takeover},
};

SUITE_MAIN("lease", tests)
