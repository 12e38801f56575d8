/* A disk that refuses: read-only mode, and the way back. */
#include <errno.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "cases.h"

// From now on nothing is written beyond the first quarter of a megabyte of any file.
/* Far below a megabyte, and above what the few small commits so far took of the log. */
enum { FULL_AT = 256 * 1024 };

static void limit_files(bool limited) {
    struct rlimit limit;
    (void)getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = limited ? FULL_AT : limit.rlim_max;
    EXPECT_EQ_INT(0, setrlimit(RLIMIT_FSIZE, &limit));
}

static void test_full(void) {
    struct rig rig;
    struct env_clock_file clock = {.rate_milli = 0};
    char *big = calloc(1, 1 << 20);
    (void)signal(SIGXFSZ, SIG_IGN);
    rig_start(&rig);
    rig.env.clock = &clock; // time stands still unless moved
    struct job_id id = rig_submit_plain(&rig, "q", "t");
    const struct store_claimed *got = rig_claim_one(&rig, "q", "t");
    rig_forget(&rig);
    limit_files(true);
    struct job_spec spec = rig_spec(&rig, "q", "t");
    spec.payload = (struct bytes){big, 1 << 20};
    int r = rig_submit(&rig, &spec);
    EXPECT_TRUE(r == -EIO || r == -ENOSPC);
    EXPECT_EQ_UINT(1, rig.health_events);
    EXPECT_TRUE(rig.health[0] != '\0');
    EXPECT_EQ_INT(JOB_RUNNING, rig_state(&rig, &id)); // reading goes on
    struct store_submit_item item = {.spec = &spec};
    struct store_submit submit = {.items = &item, .count = 1};
    EXPECT_EQ_INT(-EROFS, rig_run(&rig, &submit.op, STORE_SUBMIT));
    EXPECT_CONTAINS(rig.health, submit.op.err.msg);
    EXPECT_EQ_INT(-EROFS, rig_succeed(&rig, got));
    rig_advance(&clock, 1000);
    r = rig_submit(&rig, &spec); // tried in earnest
    EXPECT_TRUE(r == -EIO || r == -ENOSPC);
    limit_files(false);
    EXPECT_EQ_INT(-EROFS, rig_submit(&rig, &spec)); // not within the second
    EXPECT_EQ_UINT(1, rig.health_events);           // nobody is told twice
    rig_advance(&clock, 1000);
    EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(&rig, &spec));
    EXPECT_EQ_UINT(2, rig.health_events);
    EXPECT_EQ_STR("", rig.health);
    EXPECT_EQ_INT(0, rig_succeed(&rig, got)); // the claim has survived it
    EXPECT_EQ_INT(1, rig_stats(&rig)->queues[0].by_state[JOB_QUEUED]);
    store_op_finish(&submit.op);
    rig.env.clock = NULL;
    rig_expect_sound(&rig);
    rig_finish(&rig);
    free(big);
}

// Everything that memory knows must be taken back with the transaction.
static void test_rollback(void) {
    struct rig rig;
    struct env_clock_file clock = {.rate_milli = 0};
    enum { OPS = 4 };
    struct store_submit submits[OPS];
    struct store_submit_item items[OPS];
    struct job_spec specs[OPS];
    bool done[OPS + 1];
    char *big = calloc(1, 1 << 20);
    (void)signal(SIGXFSZ, SIG_IGN);
    rig_start(&rig);
    rig.env.clock = &clock;
    struct job_id first = rig_submit_plain(&rig, "q", "t");
    limit_files(true);
    struct store_claim_want want = {.lane = {"q", "t"}, .limit = 10};
    struct store_claim *claim = RIG_NEW(&rig, store_claim);
    *claim = (struct store_claim){.wants = &want, .want_count = 1, .host_nonce = rig.nonce};
    for (int i = 0; i < OPS; i++) {
        specs[i] = rig_spec(&rig, i < 2 ? "q" : "new", "t");
        specs[i].payload = (struct bytes){big, i == OPS - 1 ? 1 << 20 : 10};
        items[i] = (struct store_submit_item){.spec = &specs[i]};
        submits[i] = (struct store_submit){.items = &items[i], .count = 1};
    }
    rig_post(&rig, &submits[0].op, STORE_SUBMIT, &done[0]);
    rig_post(&rig, &claim->op, STORE_CLAIM, &done[OPS]);
    for (int i = 1; i < OPS; i++) {
        rig_post(&rig, &submits[i].op, STORE_SUBMIT, &done[i]);
    }
    for (int i = 0; i <= OPS; i++) {
        rig_wait(&rig, &done[i]);
    }
    limit_files(false);
    rig_advance(&clock, 1000);
    // whatever was grouped with what: those that were told "stored" are there, and nothing else
    for (int i = 0; i < OPS; i++) {
        EXPECT_EQ_INT(submits[i].op.status == 0, rig_state(&rig, &specs[i].id) >= 0);
    }
    size_t out = claim->op.status == 0 ? claim->job_count : 0;
    const struct store_claim *rest = rig_claim(&rig, "q", "t", 100);
    EXPECT_EQ_INT(JOB_RUNNING, rig_state(&rig, &first));
    for (int i = 0; i < OPS; i++) {
        EXPECT_EQ_INT(submits[i].op.status == 0 ? SUBMIT_REPEATED : SUBMIT_NEW,
                      rig_submit(&rig, &specs[i]));
    }
    const struct store_stats *stats = rig_stats(&rig);
    EXPECT_EQ_INT((int64_t)(out + rest->job_count), stats->queues[0].by_state[JOB_RUNNING]);
    rig.env.clock = NULL;
    rig_expect_sound(&rig);
    rig_finish(&rig);
    free(big);
}

// A lane whose first job was lost leaves a gap among the numbers of lanes.
static void test_lost_lane(void) {
    struct rig rig;
    struct env_clock_file clock = {.rate_milli = 0};
    char *big = calloc(1, 1 << 20);
    (void)signal(SIGXFSZ, SIG_IGN);
    rig_start(&rig);
    rig.env.clock = &clock;
    struct job_id first = rig_submit_plain(&rig, "q", "first");
    struct job_spec lost = rig_spec(&rig, "lost", "lost");
    lost.payload = (struct bytes){big, 1 << 20};
    limit_files(true);
    EXPECT_TRUE(rig_submit(&rig, &lost) < 0);
    limit_files(false);
    rig_advance(&clock, 1000);
    struct job_id last = rig_submit_plain(&rig, "q", "last");
    rig.env.clock = NULL;
    EXPECT_EQ_INT(0, rig_reopen(&rig));
    EXPECT_EQ_INT(JOB_QUEUED, rig_state(&rig, &first));
    EXPECT_EQ_INT(JOB_QUEUED, rig_state(&rig, &last));
    EXPECT_EQ_INT(-1, rig_state(&rig, &lost.id));
    EXPECT_EQ_UINT(2, rig_stats(&rig)->lane_count);
    EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(&rig, &lost));
    EXPECT_EQ_UINT(3, rig_stats(&rig)->lane_count);
    rig_expect_sound(&rig);
    rig_finish(&rig);
    free(big);
}

static void test_timeout(void) {
    struct rig rig;
    struct env_clock_file clock = {.rate_milli = 0};
    rig_start(&rig);
    rig.env.clock = &clock;
    struct job_spec spec = rig_spec(&rig, "q", "t");
    struct store_submit_item item = {.spec = &spec};
    struct store_submit submit = {.items = &item, .count = 1};
    bool done = false;
    submit.op.timeout_ms = 5;
    rig_advance(&clock, 100);
    rig_post(&rig, &submit.op, STORE_SUBMIT, &done);
    rig_advance(&clock, 6); // the writer may or may not have begun: both are allowed
    rig_wait(&rig, &done);
    EXPECT_TRUE(submit.op.status == 0 || submit.op.status == -ETIMEDOUT);
    EXPECT_EQ_INT(submit.op.status == 0 ? SUBMIT_REPEATED : SUBMIT_NEW, rig_submit(&rig, &spec));
    store_op_finish(&submit.op);
    rig.env.clock = NULL;
    rig_finish(&rig);
}

// One operation in the writer's hands, one behind it. False: the writer was so late that it took
// both together, which then share the first one's fate.
static bool stuck_once(struct rig *rig, struct env_clock_file *clock) {
    sqlite3 *other = NULL;
    bool done[3];
    EXPECT_EQ_INT(SQLITE_OK, sqlite3_open(rig->db, &other));
    EXPECT_EQ_INT(SQLITE_OK, sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL));
    struct job_spec specs[2] = {rig_spec(rig, "q", "t"), rig_spec(rig, "q", "t")};
    struct store_submit_item items[2] = {{.spec = &specs[0]}, {.spec = &specs[1]}};
    struct store_submit submits[2] = {{.items = &items[0], .count = 1},
                                      {.items = &items[1], .count = 1}};
    struct store_stats stats = {.queues = NULL};
    submits[1].op.timeout_ms = 50;
    rig_post(rig, &submits[0].op, STORE_SUBMIT, &done[0]);
    rig_post(rig, &stats.op, STORE_STATS, &done[2]);
    rig_wait(rig, &done[2]); // reading does not wait for it
    rig_post(rig, &submits[1].op, STORE_SUBMIT, &done[1]);
    rig_advance(clock, 51);
    rig_wait(rig, &done[1]);
    bool apart = submits[1].op.status != -EBUSY;
    EXPECT_EQ_INT(apart ? -ETIMEDOUT : -EBUSY, submits[1].op.status);
    EXPECT_EQ_INT(SQLITE_OK, sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL));
    rig_wait(rig, &done[0]);
    EXPECT_EQ_INT(apart ? 0 : -EBUSY, submits[0].op.status);
    EXPECT_EQ_INT(apart ? JOB_QUEUED : -1, rig_state(rig, &specs[0].id));
    EXPECT_EQ_INT(-1, rig_state(rig, &specs[1].id)); // it did not happen
    (void)sqlite3_close(other);
    store_op_finish(&stats.op);
    return apart;
}

// While somebody else's transaction blocks the writer, those that wait behind it are answered in
// time.
static void test_stuck(void) {
    struct rig rig;
    struct env_clock_file clock = {.rate_milli = 0};
    rig_start(&rig);
    rig.env.clock = &clock;
    int tries = 0;
    while (!stuck_once(&rig, &clock) && tries < 20) {
        tries++;
    }
    EXPECT_TRUE(tries < 20);
    rig.env.clock = NULL;
    rig_finish(&rig);
}

// A check that has nothing to mend does not wait for the writer, nor the writer for it.
static void test_check_beside_writer(void) {
    struct rig rig;
    sqlite3 *other = NULL;
    rig_start(&rig);
    (void)rig_submit_plain(&rig, "q", "t");
    EXPECT_EQ_INT(SQLITE_OK, sqlite3_open(rig.db, &other));
    EXPECT_EQ_INT(SQLITE_OK, sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL));
    struct store_fsck fsck = {.repair = true};
    EXPECT_EQ_INT(0, rig_run(&rig, &fsck.op, STORE_FSCK));
    EXPECT_EQ_INT(1, fsck.jobs_checked);
    EXPECT_EQ_INT(0, fsck.total_findings);
    EXPECT_EQ_INT(SQLITE_OK, sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL));
    (void)sqlite3_close(other);
    store_op_finish(&fsck.op);
    rig_finish(&rig);
}

CASES(medium_file, ON_FILE, {"a disk that is full and comes back", test_full},
      {"a failed group leaves no trace", test_rollback},
      {"a lane of which nothing was kept", test_lost_lane},
      {"an operation that waited too long", test_timeout},
      {"operations behind a blocked one", test_stuck},
      {"a check beside a blocked writer", test_check_beside_writer});
