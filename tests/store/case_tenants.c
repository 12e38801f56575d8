/* CLAIM among tenants: whose job goes next (core/share.h), on every store. A tenant is a letter, '-' is none. */
#include <errno.h>
#include <string.h>

#include "cases.h"
#include "core/priority.h"

enum { ROW_MAX = 64, PLAIN = 12 };

static struct job_spec spec_of(struct rig *rig, char tenant, enum job_priority priority) {
    static const char letters[] = "a\0b\0c\0d\0e\0f\0g\0h\0i\0j\0k\0l\0m\0n\0o\0p\0q\0r\0s\0t\0u\0v"
                                  "\0w\0x\0y\0z";
    struct job_spec spec = rig_spec(rig, "q", "t");
    spec.priority = priority;
    spec.tenant = tenant == '-' ? NULL : &letters[(ptrdiff_t)2 * (tenant - 'a')];
    return spec;
}

static struct job_id submit_one(struct rig *rig, char tenant, enum job_priority priority) {
    struct job_spec spec = spec_of(rig, tenant, priority);
    EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(rig, &spec));
    return spec.id;
}

/* A job of normal priority for each letter, a millisecond apart. */
static void submit_all(struct rig *rig, const char *tenants) {
    for (const char *t = tenants; *t != '\0'; t++) {
        (void)submit_one(rig, *t, PRIORITY_NORMAL);
        rig->now++;
    }
}

static struct store_claim *claim_at(struct rig *rig, uint32_t limit, uint64_t turn) {
    struct store_claim *claim = RIG_NEW(rig, store_claim);
    const struct store_claim_want want = {.lane = {"q", "t"}, .limit = limit, .turn = turn};
    claim->wants = &want;
    claim->want_count = 1;
    claim->host_nonce = rig->nonce;
    EXPECT_EQ_INT(0, rig_run(rig, &claim->op, STORE_CLAIM));
    claim->wants = NULL;
    return claim;
}

static char tenant_of(const struct store_claimed *job) {
    return job->spec.tenant == NULL ? '-' : job->spec.tenant[0];
}

/* Claims as many as there are letters, `portion` at a time: they come in that order. */
static void expect_turns(struct rig *rig, const char *row, uint32_t portion) {
    char got[ROW_MAX] = "";
    for (size_t have = 0; have < strlen(row);) {
        size_t left = strlen(row) - have;
        const struct store_claim *claim =
            rig_claim(rig, "q", "t", left < portion ? (uint32_t)left : portion);
        for (size_t i = 0; i < claim->job_count; i++) {
            got[have++] = tenant_of(&claim->jobs[i]);
        }
        if (claim->job_count == 0) {
            break;
        }
    }
    EXPECT_EQ_STR(row, got);
}

static void expect_end(struct rig *rig) {
    EXPECT_EQ_UINT(0, rig_claim(rig, "q", "t", 5)->job_count);
    rig_expect_sound(rig);
    rig_finish(rig);
}

static void test_turns(void) {
    for (uint32_t portion = 1; portion < 20; portion += 6) {
        struct rig rig;
        rig_start(&rig);
        submit_all(&rig, "aaaaaabbcc--");
        expect_turns(&rig, "abc-abc-aaaa", portion);
        expect_end(&rig);
    }
}

// Who comes waits for the others' turns, and not for their jobs.
static void test_newcomer(void) {
    struct rig rig;
    rig_start(&rig);
    submit_all(&rig, "aaaaaaaaaaaaaaaaaaaaaaaabbbbbb");
    expect_turns(&rig, "abab", 1);
    submit_all(&rig, "c");
    expect_turns(&rig, "cab", 1);
    // who goes and comes back has no more turns for it
    submit_all(&rig, "c");
    expect_turns(&rig, "c", 1);
    submit_all(&rig, "c");
    expect_turns(&rig, "abcab", 1);
    submit_all(&rig, "-");
    expect_turns(&rig, "-abaaaa", 2);
    rig_finish(&rig);
}

// Each tenant's own jobs go in their order.
static void test_oldest_first(void) {
    struct rig rig;
    struct job_id ids[2][5];
    rig_start(&rig);
    for (size_t i = 0; i < 5; i++) {
        ids[0][i] = submit_one(&rig, 'a', PRIORITY_NORMAL);
        ids[1][i] = submit_one(&rig, 'b', PRIORITY_NORMAL);
        rig.now += (int64_t)i % 2;
    }
    const struct store_claim *claim = rig_claim(&rig, "q", "t", 10);
    if (EXPECT_EQ_UINT(10, claim->job_count)) {
        for (size_t i = 0; i < 10; i++) {
            EXPECT_TRUE(id_equal(&ids[i % 2][i / 2], &claim->jobs[i].spec.id));
        }
    }
    expect_end(&rig);
}

// Who is given back stands in its tenant's line again, and not in one more.
static void test_own_line(void) {
    struct rig rig;
    rig_start(&rig);
    submit_all(&rig, "aaabbb");
    const struct store_claim *claim = rig_claim(&rig, "q", "t", 3);
    for (size_t i = 0; i < claim->job_count; i += 2) {
        struct store_commit_item item = rig_item(&claim->jobs[i], JOB_EV_RELEASE);
        EXPECT_EQ_INT('a', tenant_of(&claim->jobs[i]));
        EXPECT_EQ_INT(0, rig_commit(&rig, &item));
    }
    expect_turns(&rig, "babaa", 1);
    expect_end(&rig);
}

// A debounced job that another tenant changes goes to his line.
static void test_debounced(void) {
    struct rig rig;
    rig_start(&rig);
    for (int i = 0; i < 2; i++) {
        struct job_spec spec = spec_of(&rig, i == 0 ? 'b' : 'c', PRIORITY_NORMAL);
        spec.dedup_key = "k";
        spec.dedup_mode = DEDUP_DEBOUNCE;
        spec.dedup_ttl_ms = 1000;
        EXPECT_EQ_INT(i == 0 ? SUBMIT_NEW : SUBMIT_DUPLICATE, rig_submit(&rig, &spec));
        submit_all(&rig, i == 0 ? "aa" : "--");
    }
    expect_turns(&rig, "ac-a-", 1);
    expect_end(&rig);
}

// Two wants of one call may be for one lane.
static void test_lane_twice(void) {
    for (uint32_t first = 1; first < 7; first++) {
        struct rig rig;
        rig_start(&rig);
        submit_all(&rig, "aaaaaaabb");
        struct store_claim *claim = RIG_NEW(&rig, store_claim);
        const struct store_claim_want wants[] = {{.lane = {"q", "t"}, .limit = first},
                                                 {.lane = {"q", "t"}, .limit = 8 - first}};
        claim->wants = wants;
        claim->want_count = 2;
        claim->host_nonce = rig.nonce;
        EXPECT_EQ_INT(0, rig_run(&rig, &claim->op, STORE_CLAIM));
        claim->wants = NULL;
        EXPECT_EQ_UINT(8, claim->job_count);
        expect_turns(&rig, "a", 1);
        expect_end(&rig);
    }
}

static void test_weights(void) {
    static const struct store_weight weights[] = {{"c", 3}, {"b", 2}};
    static const struct store_queue_setup setup = {
        .queue = "q", .weights = weights, .weight_count = ARRAY_LEN(weights)};
    struct rig rig;
    rig_init(&rig);
    rig.config.queues = &setup;
    rig.config.queue_count = 1;
    EXPECT_EQ_INT(0, rig_open(&rig));
    for (int i = 0; i < 12; i++) {
        submit_all(&rig, "abc");
    }
    unsigned counts[3] = {0};
    for (int i = 0; i < 9; i++) {
        const struct store_claim *claim = rig_claim(&rig, "q", "t", 2);
        for (size_t k = 0; k < claim->job_count; k++) {
            counts[tenant_of(&claim->jobs[k]) - 'a']++;
        }
    }
    EXPECT_EQ_UINT(3, counts[0]);
    EXPECT_EQ_UINT(6, counts[1]);
    EXPECT_EQ_UINT(9, counts[2]);
    rig_finish(&rig);
}

// Tenants take turns inside of a priority.
static void test_priorities(void) {
    struct rig rig;
    rig_start(&rig);
    submit_all(&rig, "aab-");
    (void)submit_one(&rig, 'a', PRIORITY_LOW);
    (void)submit_one(&rig, 'a', PRIORITY_LOW);
    (void)submit_one(&rig, 'c', PRIORITY_LOW);
    (void)submit_one(&rig, 'b', PRIORITY_HIGH);
    (void)submit_one(&rig, 'b', PRIORITY_HIGH);
    (void)submit_one(&rig, '-', PRIORITY_HIGH);
    expect_turns(&rig, "b-bab-aaca", 3);
    expect_end(&rig);
}

// The oldest of the low ones is aged: one start in four is theirs, and that in turns too.
static void test_ageing(void) {
    struct rig rig;
    char got[13] = "";
    rig_start(&rig);
    (void)submit_one(&rig, 'l', PRIORITY_LOW);
    (void)submit_one(&rig, 'l', PRIORITY_LOW);
    (void)submit_one(&rig, 'm', PRIORITY_LOW);
    rig.now += PRIORITY_AGED_MS;
    submit_all(&rig, "aaaaaaaaabbb");
    for (uint64_t turn = 0; turn < 12; turn++) {
        const struct store_claim *claim = claim_at(&rig, 1, turn);
        got[turn] = claim->job_count == 1 ? tenant_of(&claim->jobs[0]) : '?';
    }
    EXPECT_EQ_STR("abalbabmaaal", got);
    rig_finish(&rig);
}

// However many tenants wait in front of him whose job has become old: the band is aged.
static void test_ageing_behind_many(void) {
    static const char others[] = "abcdefghijklmnopqrst";
    struct rig rig;
    char got[17] = "";
    rig_start(&rig);
    (void)submit_one(&rig, 'z', PRIORITY_LOW);
    struct job_id old = submit_one(&rig, 'z', PRIORITY_LOW);
    EXPECT_EQ_UINT(1, rig_claim(&rig, "q", "t", 1)->job_count);
    rig.now += PRIORITY_AGED_MS - 1000;
    for (const char *t = others; *t != '\0'; t++) {
        (void)submit_one(&rig, *t, PRIORITY_LOW);
    }
    submit_all(&rig, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
    rig.now += 1000;
    for (uint64_t turn = 0; turn < 16; turn++) {
        const struct store_claim *claim = claim_at(&rig, 1, turn);
        got[turn] = claim->job_count == 1 ? tenant_of(&claim->jobs[0]) : '?';
    }
    EXPECT_EQ_STR("xxxaxxxbxxxcxxxd", got);
    EXPECT_EQ_INT(0, rig_move(&rig, &old, JOB_EV_CANCEL));
    for (uint64_t turn = 0; turn < 8; turn++) { // the others are not old
        const struct store_claim *claim = claim_at(&rig, 1, turn);
        EXPECT_EQ_INT('x', claim->job_count == 1 ? tenant_of(&claim->jobs[0]) : '?');
    }
    rig_finish(&rig);
}

// Whose oldest job was cancelled has waited no longer than the next one.
static void test_ageing_of_cancelled(void) {
    struct rig rig;
    rig_start(&rig);
    struct job_id old = submit_one(&rig, 'l', PRIORITY_LOW);
    rig.now += PRIORITY_AGED_MS;
    (void)submit_one(&rig, 'l', PRIORITY_LOW);
    submit_all(&rig, "aaaaa");
    EXPECT_EQ_INT(0, rig_move(&rig, &old, JOB_EV_CANCEL));
    for (uint64_t turn = 0; turn < 5; turn++) {
        const struct store_claim *claim = claim_at(&rig, 1, turn);
        EXPECT_EQ_INT('a', claim->job_count == 1 ? tenant_of(&claim->jobs[0]) : '?');
    }
    rig_finish(&rig);
}

// Who waits no more is passed over, and who waits again has a turn.
static void test_moves(void) {
    struct rig rig;
    rig_start(&rig);
    submit_all(&rig, "aaaa");
    struct job_id b = submit_one(&rig, 'b', PRIORITY_NORMAL);
    struct job_spec later = spec_of(&rig, 'c', PRIORITY_NORMAL);
    later.run_at_ms = rig.now + 1000;
    EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(&rig, &later));
    EXPECT_EQ_INT(0, rig_move(&rig, &b, JOB_EV_CANCEL));
    expect_turns(&rig, "aa", 1);
    EXPECT_EQ_INT(0, rig_move(&rig, &later.id, JOB_EV_PROMOTE));
    expect_turns(&rig, "ca", 1);
    EXPECT_EQ_INT(0, rig_move(&rig, &b, JOB_EV_REVIVE));
    expect_turns(&rig, "ba", 1);
    expect_end(&rig);
}

static void test_due(void) {
    struct rig rig;
    rig_start(&rig);
    for (int i = 0; i < 3; i++) {
        struct job_spec later = spec_of(&rig, i < 2 ? 'b' : 'c', PRIORITY_NORMAL);
        later.run_at_ms = rig.now + 1000 + i;
        EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(&rig, &later));
    }
    submit_all(&rig, "aaaa");
    expect_turns(&rig, "aa", 1);
    rig.now += 2000;
    EXPECT_EQ_UINT(3, rig_due(&rig, NULL));
    expect_turns(&rig, "bcaba", 1);
    expect_end(&rig);
}

// Given back, it has its old place in its tenant's line; a retry stands at the end.
static void test_given_back(void) {
    struct rig rig;
    rig_start(&rig);
    submit_all(&rig, "aabb");
    const struct store_claim *claim = rig_claim(&rig, "q", "t", 2);
    if (EXPECT_EQ_UINT(2, claim->job_count)) {
        struct store_commit_item release = rig_item(&claim->jobs[0], JOB_EV_RELEASE);
        struct store_commit_item retry = rig_item(&claim->jobs[1], JOB_EV_RETRY);
        EXPECT_EQ_INT(0, rig_commit(&rig, &release));
        EXPECT_EQ_INT(0, rig_commit(&rig, &retry));
        const struct store_claim *again = rig_claim(&rig, "q", "t", 4);
        if (EXPECT_EQ_UINT(4, again->job_count)) {
            EXPECT_TRUE(id_equal(&claim->jobs[0].spec.id, &again->jobs[0].spec.id));
            EXPECT_TRUE(id_equal(&claim->jobs[1].spec.id, &again->jobs[3].spec.id));
        }
    }
    expect_end(&rig);
}

static void test_recovered(void) {
    struct rig rig;
    rig_start(&rig);
    submit_all(&rig, "aaaaab-");
    expect_turns(&rig, "ab-a", 4);
    EXPECT_EQ_INT(0, rig_reopen(&rig));
    (void)rig_recover(&rig);
    char got[8] = "";
    const struct store_claim *claim = rig_claim(&rig, "q", "t", 7);
    unsigned of_a = 0;
    for (size_t i = 0; i < claim->job_count && i < 7; i++) {
        got[i] = tenant_of(&claim->jobs[i]);
        of_a += i < 3 && got[i] == 'a';
    }
    EXPECT_EQ_UINT(7, claim->job_count);
    EXPECT_EQ_UINT(1, of_a); // each has had one of the first three
    expect_end(&rig);
}

static void test_too_late(void) {
    struct rig rig;
    rig_start(&rig);
    for (int i = 0; i < 3; i++) {
        struct job_spec spec = spec_of(&rig, i < 2 ? 'b' : 'c', PRIORITY_NORMAL);
        spec.expires_ms = rig.now + 10;
        EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(&rig, &spec));
    }
    submit_all(&rig, "aab-");
    rig.now += 20;
    // a shared store finds out when they have been claimed, so they have had turns there
    expect_turns(&rig, rig_is_shared() ? "a-ab" : "ba-a", 4);
    expect_end(&rig);
}

static int open_with(struct rig *rig, bool one_line) {
    static const struct store_queue_setup setups[2] = {{.queue = "q"},
                                                       {.queue = "q", .one_line = true}};
    rig->config.queues = &setups[one_line];
    rig->config.queue_count = 1;
    return rig_open(rig);
}

// Jobs of tenants that stand in the common line are served as that line is.
static void test_one_line(void) {
    struct rig rig;
    rig_init(&rig);
    EXPECT_EQ_INT(0, open_with(&rig, true));
    submit_all(&rig, "aaab-ba");
    expect_turns(&rig, "aaab-ba", 2);
    expect_end(&rig);
}

static void test_switched(void) {
    struct rig rig;
    rig_init(&rig);
    EXPECT_EQ_INT(0, open_with(&rig, false));
    submit_all(&rig, "aabb");
    struct job_id b = submit_one(&rig, 'b', PRIORITY_NORMAL);
    rig_close(&rig);
    EXPECT_EQ_INT(0, open_with(&rig, true));
    submit_all(&rig, "aac");
    struct job_id c = submit_one(&rig, 'c', PRIORITY_NORMAL);
    rig_expect_sound(&rig);
    EXPECT_EQ_INT(0, rig_move(&rig, &b, JOB_EV_CANCEL));
    rig_close(&rig);
    EXPECT_EQ_INT(0, open_with(&rig, false));
    EXPECT_EQ_INT(0, rig_move(&rig, &c, JOB_EV_CANCEL));
    rig_expect_sound(&rig);
    EXPECT_EQ_INT(7, rig_stats(&rig)->queues[0].waiting[PRIORITY_NORMAL]);
    unsigned counts[3] = {0};
    const struct store_claim *claim = rig_claim(&rig, "q", "t", 20);
    for (size_t i = 0; i < claim->job_count; i++) {
        counts[tenant_of(&claim->jobs[i]) - 'a']++;
    }
    EXPECT_EQ_UINT(4, counts[0]);
    EXPECT_EQ_UINT(2, counts[1]);
    EXPECT_EQ_UINT(1, counts[2]);
    expect_end(&rig);
}

// The tenants of a store that was closed wait in it.
static void test_reopened(void) {
    struct rig rig;
    rig_start(&rig);
    submit_all(&rig, "aaaab-");
    EXPECT_EQ_INT(0, rig_reopen(&rig));
    submit_all(&rig, "c");
    char got[7] = "";
    for (int i = 0; i < 7; i++) {
        const struct store_claim *claim = rig_claim(&rig, "q", "t", 1);
        got[i < 6 ? i : 5] = claim->job_count == 1 ? tenant_of(&claim->jobs[0]) : '?';
        EXPECT_EQ_INT(1, (int)claim->job_count);
    }
    got[4] = '\0';
    // whoever of them is first
    EXPECT_TRUE(strchr(got, 'a') != NULL && strchr(got, 'b') != NULL && strchr(got, 'c') != NULL &&
                strchr(got, '-') != NULL);
    expect_end(&rig);
}

// One tenant has nine tenths of all that waits; each other one's job starts before his second next.
static void test_flood(void) {
    struct rig rig;
    unsigned worst = 0;
    rig_start(&rig);
    for (int i = 0; i < 400; i++) {
        (void)submit_one(&rig, 'a', PRIORITY_NORMAL);
    }
    for (int round = 0; round < 20; round++) {
        char other = (char)('b' + round % 9);
        (void)submit_one(&rig, other, PRIORITY_NORMAL);
        unsigned starts = 0;
        for (char who = 0; who != other && starts < 30; starts++) {
            const struct store_claim *claim = rig_claim(&rig, "q", "t", 1);
            who = claim->job_count == 1 ? tenant_of(&claim->jobs[0]) : other;
        }
        worst = starts > worst ? starts : worst;
    }
    EXPECT_TRUE(worst <= 2);
    rig_finish(&rig);
}

static void test_oldest_in_stats(void) {
    struct rig rig;
    rig_start(&rig);
    int64_t first = rig.now;
    submit_all(&rig, "ab");
    (void)submit_one(&rig, '-', PRIORITY_NORMAL);
    EXPECT_EQ_INT(first, rig_stats(&rig)->queues[0].oldest_ready_ms);
    EXPECT_EQ_INT(2, rig_stats(&rig)->lanes[0].tenants);
    EXPECT_EQ_INT(3, rig_stats(&rig)->lanes[0].waiting);
    expect_turns(&rig, "a", 1);
    EXPECT_EQ_INT(first + 1, rig_stats(&rig)->queues[0].oldest_ready_ms);
    EXPECT_EQ_INT(1, rig_stats(&rig)->lanes[0].tenants);
    expect_turns(&rig, "b", 1);
    EXPECT_EQ_INT(first + 2, rig_stats(&rig)->queues[0].oldest_ready_ms);
    EXPECT_EQ_INT(1, rig_stats(&rig)->lanes[0].waiting);
    rig_finish(&rig);
}

/* ------------------------------------------------------------------ a store in a file */

// Version 6 had no lines: what waits in the band itself is served, whoever's it is.
static void test_migration(void) {
    struct rig rig;
    rig_start(&rig);
    submit_all(&rig, "aab");
    rig_close(&rig);
    rig_sql(&rig, "UPDATE jobs SET place = place >> 43; DROP TABLE flows; DROP TABLE flow_ended; "
                  "DROP TABLE breakers; DROP TABLE event_names; DROP TABLE events; "
                  "DROP TABLE event_waits; DROP TABLE once; DROP TABLE tokens; "
                  "ALTER TABLE audit DROP COLUMN origin; ALTER TABLE audit DROP COLUMN outcome; "
                  "PRAGMA user_version=6");
    EXPECT_EQ_INT(0, rig_open(&rig));
    rig_expect_sound(&rig);
    submit_all(&rig, "c");
    expect_turns(&rig, "acab", 1);
    expect_end(&rig);
}

// A line is served, whoever's number it has.
static void test_odd_line(void) {
    struct rig rig;
    rig_start(&rig);
    submit_all(&rig, "aa--");
    rig_close(&rig);
    rig_sql(&rig, "UPDATE jobs SET place = (place >> 43 << 43) + 7 WHERE place >> 43 > 0");
    EXPECT_EQ_INT(0, rig_open(&rig));
    expect_turns(&rig, "a-a-", 1);
    expect_end(&rig);
}

// What fsck has put back is found at once, though it is older than what was claimed.
static void test_mended(void) {
    struct rig rig;
    rig_start(&rig);
    submit_all(&rig, "ab-");
    expect_turns(&rig, "ab-", 1);
    struct job_id lost[2] = {submit_one(&rig, 'c', PRIORITY_NORMAL),
                             submit_one(&rig, '-', PRIORITY_NORMAL)};
    rig_sql(&rig, "UPDATE jobs SET place = NULL, at_ms = 5 WHERE rid IN"
                  " (SELECT rid FROM jobs ORDER BY rid DESC LIMIT 2)");
    EXPECT_EQ_UINT(0, rig_claim(&rig, "q", "t", 5)->job_count);
    struct store_fsck *fsck = RIG_NEW(&rig, store_fsck);
    fsck->repair = true;
    EXPECT_EQ_INT(0, rig_run(&rig, &fsck->op, STORE_FSCK));
    const struct store_claim *claim = rig_claim(&rig, "q", "t", 5);
    if (EXPECT_EQ_UINT(2, claim->job_count)) {
        EXPECT_TRUE(id_equal(&lost[0], &claim->jobs[0].spec.id));
        EXPECT_TRUE(id_equal(&lost[1], &claim->jobs[1].spec.id));
    }
    expect_end(&rig);
}

// What is counted in a priority, and stands in no line of it, holds back nobody of another one.
static void test_miscounted(void) {
    for (uint32_t portion = 1; portion < 4; portion += 2) {
        struct rig rig;
        rig_start(&rig);
        submit_all(&rig, "aabb");
        EXPECT_EQ_INT(2, rig_redis("HINCRBY jobs:q:types t:high:user 2"));
        expect_turns(&rig, "ab", portion);
        (void)submit_one(&rig, 'c', PRIORITY_HIGH);
        expect_turns(&rig, "cab", portion);
        EXPECT_EQ_INT(1, rig_redis("HDEL jobs:q:types t:high:user"));
        expect_end(&rig);
    }
}

/* One call looks further into a line than it takes, since tenants take turns (the second turn of those without one reads
 * all that may be wanted yet); another lane of the same list then reads on. */
static void expect_two_lanes(uint32_t limit) {
    struct rig rig;
    struct job_id ids[PLAIN];
    size_t next = 0;
    rig_start(&rig);
    submit_all(&rig, "aaabbb");
    for (size_t i = 0; i < PLAIN; i++) {
        ids[i] = submit_one(&rig, '-', PRIORITY_NORMAL);
        rig.now++;
    }
    (void)rig_submit_plain(&rig, "q", "other");
    const struct store_claim_want wants[] = {{.lane = {"q", "t"}, .limit = limit},
                                             {.lane = {"q", "other"}, .limit = 1}};
    struct store_claim *claim = RIG_NEW(&rig, store_claim);
    claim->wants = wants;
    claim->want_count = 2;
    claim->host_nonce = rig.nonce;
    EXPECT_EQ_INT(0, rig_run(&rig, &claim->op, STORE_CLAIM));
    claim->wants = NULL;
    EXPECT_EQ_UINT(limit + 1, claim->job_count);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < claim->job_count; i++) {
            const struct job_spec *spec = &claim->jobs[i].spec;
            bool plain = spec->tenant == NULL && strcmp(spec->type, "t") == 0;
            EXPECT_TRUE(!plain || (next < PLAIN && id_equal(&ids[next++], &spec->id)));
        }
        claim = round == 0 ? rig_claim(&rig, "q", "t", 20) : claim;
    }
    EXPECT_EQ_UINT(PLAIN, next);
    expect_end(&rig);
}

static void test_two_lanes(void) {
    for (uint32_t limit = 1; limit < 10; limit += 2) {
        expect_two_lanes(limit);
    }
}

CASES(tenants_shared, ON_SHARED,
      {"what is counted and not there holds back nobody", test_miscounted});
CASES(tenants_file, ON_FILE, {"from a store without lines", test_migration},
      {"a line of any number is served", test_odd_line},
      {"what fsck has mended is claimed", test_mended});

CASES(tenants, ON_ALL, {"tenants take turns, and jobs without one are one more", test_turns},
      {"who comes waits for turns, not for jobs", test_newcomer},
      {"a tenant's own jobs go oldest first", test_oldest_first}, {"turns by weight", test_weights},
      {"turns inside of priorities", test_priorities}, {"aged ones take turns too", test_ageing},
      {"the oldest of many tenants ages all", test_ageing_behind_many},
      {"a cancelled job ages nobody", test_ageing_of_cancelled},
      {"cancelled, promoted, revived", test_moves}, {"due jobs stand in their line", test_due},
      {"released to its old place, retried at the end", test_given_back},
      {"who is given back stands in no other line", test_own_line},
      {"a debounced job goes to the line of who changed it", test_debounced},
      {"a lane is wanted twice in one call", test_lane_twice},
      {"two lanes of one list in one call", test_two_lanes},
      {"recovered jobs stand in their line", test_recovered},
      {"jobs that came too late are passed over", test_too_late},
      {"one line for all, if told so", test_one_line},
      {"the setting may change while jobs wait", test_switched},
      {"tenants wait in a store that was closed", test_reopened},
      {"a flood of one tenant hides nobody", test_flood},
      {"the oldest of all lines is told", test_oldest_in_stats});
