/* fsck finds every kind of damage, and mends what can be mended. */
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cases.h"
#include "sample.h"

static const struct {
    const char *sql;
    const char *code;
    bool mends;
} damages[] = {
    {"UPDATE jobs SET place = NULL WHERE state = 1", "job_in_no_place", true},
    {"UPDATE jobs SET place = 1 WHERE state = 1", "job_in_wrong_place", true},
    {"UPDATE jobs SET place = 16 WHERE state = 3", "job_in_wrong_place", true},
    {"UPDATE jobs SET place = (place + 4 << 43) + 7 WHERE state = 1", "job_in_wrong_place", true},
    {"UPDATE jobs SET at_ms = NULL, place = NULL WHERE state = 0", "job_without_time", true},
    {"UPDATE jobs SET state = 9 WHERE state = 5", "job_unknown_state", false},
    {"UPDATE jobs SET prio = 3 WHERE state = 5", "job_unknown_state", false},
    {"UPDATE jobs SET lane = 99 WHERE state = 5", "job_unknown_lane", false},
    {"UPDATE jobs SET id = zeroblob(16) WHERE state = 5", "job_id_mismatch", false},
    {"UPDATE jobs SET spec = x'ffff' WHERE state = 5", "job_damaged", false},
    {"UPDATE jobs SET life = x'0109' WHERE state = 5", "job_damaged", false},
    {"DELETE FROM payloads", "missing_payloads", false},
    {"INSERT INTO payloads VALUES(5, x'00')", "orphan_payloads", true},
    {"DELETE FROM results", "missing_results", true},
    {"INSERT INTO results(rid, size) VALUES(5, 0)", "orphan_results", true},
    {"UPDATE jobs SET has = has & ~8", "unknown_steps", true},
    {"DELETE FROM steps WHERE seq = 1", "step_count", true},
    {"DELETE FROM steps", "missing_steps", true},
    {"INSERT INTO steps(rid, name) VALUES(5, 'x')", "orphan_steps", true},
    {"INSERT INTO warnings VALUES(5, 1, 'c', 'm')", "orphan_warnings", true},
    {"DELETE FROM warnings", "missing_warnings", true},
    {"INSERT INTO attempts VALUES(5, 1, x'')", "orphan_attempts", true},
    {"INSERT INTO event_waits VALUES(1, 5)", "event_wait_gone", true},
    {"UPDATE event_names SET count = 7", "event_count", true},
    {"INSERT INTO events(name, at_ms) VALUES(77, 1)", "orphan_event", true},
    {"DELETE FROM logs", "missing_logs", true},
    {"INSERT INTO outputs VALUES(5, 'x', NULL, 1, zeroblob(32))", "orphan_outputs", true},
    {"DELETE FROM outputs", "missing_outputs", true},
    {"DELETE FROM outputs WHERE name = 'a'", "output_count", true},
    {"DELETE FROM outputs WHERE name = 'a'", "blob_refs", true},
    {"UPDATE jobs SET has = has & ~256", "unknown_outputs", true},
    {"UPDATE outputs SET sha256 = x'00' WHERE name = 'b'", "output_damaged", true},
    {"UPDATE outputs SET size = size + 1 WHERE name = 'b'", "output_count", true},
    {"UPDATE outputs SET sha256 = zeroblob(32) WHERE name = 'b'", "missing_blob", false},
    {"UPDATE lanes SET n1 = n1 + 5", "counter", true},
    {"UPDATE lanes SET w2 = 7", "counter", true},
    {"UPDATE meta SET value = value + 1 WHERE key = 'bytes_jobs'", "budget", true},
    {"UPDATE meta SET value = 1 WHERE key = 'bytes_kv'", "budget", true},
    {"DELETE FROM lists WHERE kind = 1", "not_listed", true},
    {"DELETE FROM lists WHERE kind = 2", "not_listed", true},
    {"DELETE FROM lists WHERE kind = 3", "not_listed", true},
    {"INSERT INTO lists VALUES(1, 5, 77)", "listed_elsewhere", true},
    {"UPDATE lists SET key = 6 WHERE kind = 1 AND key = 5", "listed_elsewhere", true},
    {"INSERT INTO dedup VALUES(1, 'zz', zeroblob(16), NULL)", "dedup_without_job", true},
    {"INSERT INTO once VALUES(99, zeroblob(16), zeroblob(16), 1, 1)", "once_damaged", true},
    {"INSERT INTO once VALUES(1, zeroblob(16), x'00', 1, 1)", "once_damaged", true},
    {"INSERT INTO once VALUES(1, zeroblob(16), zeroblob(16), 1, 1 << 60)", "once_too_long", true},
    {"UPDATE blobs SET refs = 9", "blob_refs", true},
    {"DELETE FROM blobs", "blob_without_row", true},
    {"UPDATE blobs SET size = size + 1", "blob_size", false},
    {"UPDATE kv SET number = 9 WHERE kind = 2", "kv_set_size", true},
    {"DELETE FROM kv WHERE kind = 2", "orphan_kv_member", true},
    {"UPDATE outbox SET data = x'00'", "outbox_damaged", false},
};

static void test_damages(void) {
    for (size_t i = 0; i < ARRAY_LEN(damages); i++) {
        struct rig rig;
        rig_start(&rig);
        sample_fill(&rig);
        rig_expect_sound(&rig);
        rig_close(&rig);
        rig_sql(&rig, damages[i].sql);
        EXPECT_EQ_INT(0, rig_open(&rig));
        struct store_fsck *f = sample_fsck(&rig, false);
        EXPECT_TRUE(f->total_findings > 0);
        EXPECT_TRUE(sample_has(f, damages[i].code, false));
        EXPECT_EQ_INT(SAMPLE_JOBS, f->jobs_checked);
        EXPECT_TRUE(sample_has(sample_fsck(&rig, true), damages[i].code, damages[i].mends));
        if (damages[i].mends) {
            (void)sample_fsck(&rig, true); // what the first repair brought to light
            rig_expect_sound(&rig);
            EXPECT_EQ_INT(0, rig_reopen(&rig)); // memory and file agree
            rig_expect_sound(&rig);
        }
        rig_finish(&rig);
    }
}

static void test_mended_jobs_run(void) {
    struct rig rig;
    rig_start(&rig);
    sample_fill(&rig);
    rig_close(&rig);
    rig_sql(&rig, "UPDATE jobs SET place = NULL, at_ms = NULL WHERE state IN (0, 1)");
    EXPECT_EQ_INT(0, rig_open(&rig));
    EXPECT_EQ_UINT(0, rig_claim(&rig, "q", "t", 10)->job_count);
    EXPECT_TRUE(sample_fsck(&rig, true)->total_findings > 0);
    EXPECT_EQ_UINT(1, rig_due(&rig, NULL));
    EXPECT_EQ_UINT(2, rig_claim(&rig, "q", "t", 10)->job_count);
    rig_finish(&rig);
}

static void test_running(void) {
    struct rig rig;
    rig_start(&rig);
    struct job_id id = rig_submit_plain(&rig, "q", "t");
    EXPECT_EQ_INT(0, rig_recover(&rig));
    rig_expect_sound(&rig);
    rig_sql(&rig,
            "UPDATE jobs SET state = 2, place = 2, rev = rev + 1; UPDATE lanes SET n1 = 0, w1 = "
            "0, n2 = 1");
    EXPECT_TRUE(sample_has(sample_fsck(&rig, false), "running_without_claim", false));
    EXPECT_TRUE(sample_has(sample_fsck(&rig, true), "running_without_claim", true));
    (void)sample_fsck(&rig, true);
    EXPECT_EQ_INT(JOB_QUEUED, rig_state(&rig, &id));
    EXPECT_EQ_UINT(1, rig_claim(&rig, "q", "t", 10)->job_count);
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

// Attempts whose end is on its way into the store: their claims are over, their rows still say
// RUNNING.
static void test_attempts_that_end(void) {
    enum { JOBS = 300, ROUNDS = 12 };
    static const struct store_step step = {.name = "s", .value = {"1", 1}};
    static struct store_commit_item items[JOBS];
    struct rig rig;
    rig_start(&rig);
    EXPECT_EQ_INT(0, rig_recover(&rig));
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < JOBS; i++) {
            (void)rig_submit_plain(&rig, "q", "t");
        }
        const struct store_claim *claim = rig_claim(&rig, "q", "t", JOBS);
        EXPECT_EQ_UINT(JOBS, claim->job_count);
        for (size_t i = 0; i < claim->job_count; i++) {
            items[i] = rig_item(&claim->jobs[i], JOB_EV_NONE);
            items[i].steps = &step;
            items[i].step_count = 1;
        }
        struct store_commit steps = {.items = items, .count = claim->job_count}; // writes RUNNING
        EXPECT_EQ_INT(0, rig_run(&rig, &steps.op, STORE_COMMIT));
        for (size_t i = 0; i < claim->job_count; i++) {
            items[i] = rig_item(&claim->jobs[i], JOB_EV_SUCCEED);
            items[i].commit_no++;
        }
        store_op_finish(&steps.op);
        struct store_commit commit = {.items = items, .count = claim->job_count};
        struct store_fsck check = {.repair = false};
        bool ended, checked;
        rig_post(&rig, &check.op, STORE_FSCK, &checked);
        const struct timespec later = {.tv_nsec = round * 1000000L}; // meets the check elsewhere
        (void)nanosleep(&later, NULL);
        rig_post(&rig, &commit.op, STORE_COMMIT, &ended);
        rig_wait(&rig, &ended);
        rig_wait(&rig, &checked);
        EXPECT_EQ_INT(0, check.op.status);
        EXPECT_EQ_UINT(0, check.total_findings);
        store_op_finish(&commit.op);
        store_op_finish(&check.op);
        rig_forget(&rig);
    }
    rig_finish(&rig);
}

static void test_orphan_file(void) {
    struct rig rig;
    char path[500];
    rig_start(&rig);
    sample_fill(&rig);
    (void)snprintf(path, sizeof path, "%s/ab", rig.blobs);
    (void)mkdir(path, 0700);
    (void)snprintf(path, sizeof path,
                   "%s/ab/ab00000000000000000000000000000000000000000000000000000000000000",
                   rig.blobs);
    (void)close(open(path, O_CREAT | O_WRONLY, 0600));
    rig_expect_sound(&rig); // young: perhaps on its way
    struct timespec old[2] = {{.tv_sec = 1600000000}, {.tv_sec = 1600000000}};
    EXPECT_EQ_INT(0, utimensat(AT_FDCWD, path, old, 0));
    EXPECT_TRUE(sample_has(sample_fsck(&rig, false), "orphan_blob", false));
    EXPECT_EQ_INT(0, access(path, F_OK));
    EXPECT_TRUE(sample_has(sample_fsck(&rig, true), "orphan_blob", true));
    EXPECT_EQ_INT(-1, access(path, F_OK));
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

static void make_file(const struct rig *rig, const char *name) {
    char path[500];
    (void)snprintf(path, sizeof path, "%s/%s", rig->blobs, name);
    (void)close(open(path, O_CREAT | O_WRONLY, 0600));
}

static bool has_file(const struct rig *rig, const char *name) {
    char path[500];
    (void)snprintf(path, sizeof path, "%s/%s", rig->blobs, name);
    return access(path, F_OK) == 0;
}

/* A host dies between a file's name and its row, or between a row's end and its file's. */
static void test_marks(void) {
#define LOST  "ab00000000000000000000000000000000000000000000000000000000000000"
#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    struct rig rig;
    rig_start(&rig);
    struct store_blob_put put = {.fd = -1};
    EXPECT_EQ_INT(0, rig_run(&rig, &put.op, STORE_BLOB_PUT));
    store_op_finish(&put.op);
    EXPECT_TRUE(has_file(&rig, "e3/" EMPTY));
    EXPECT_FALSE(has_file(&rig, "tmp/doubt-" EMPTY)); // it is settled
    char path[500];
    (void)snprintf(path, sizeof path, "%s/ab", rig.blobs);
    (void)mkdir(path, 0700);
    make_file(&rig, "ab/" LOST);
    make_file(&rig, "tmp/doubt-" LOST);
    make_file(&rig, "tmp/doubt-" EMPTY);
    make_file(&rig, "tmp/doubt-nonsense");
    EXPECT_EQ_INT(0, rig_reopen(&rig));
    EXPECT_FALSE(has_file(&rig, "ab/" LOST));
    EXPECT_FALSE(has_file(&rig, "tmp/doubt-" LOST));
    EXPECT_TRUE(has_file(&rig, "e3/" EMPTY)); // its row is there
    EXPECT_FALSE(has_file(&rig, "tmp/doubt-" EMPTY));
    rig_expect_sound(&rig);
    // nobody names it: the sweep takes row, file and mark
    rig.now += 2 * 3600000;
    struct store_sweep sweep = {.limit = 10};
    EXPECT_EQ_INT(0, rig_run(&rig, &sweep.op, STORE_SWEEP));
    store_op_finish(&sweep.op);
    EXPECT_FALSE(has_file(&rig, "e3/" EMPTY));
    EXPECT_FALSE(has_file(&rig, "tmp/doubt-" EMPTY));
    rig_finish(&rig);
}

static void test_corruption(void) {
    struct rig rig;
    char junk[64];
    rig_start(&rig);
    for (int i = 0; i < 2000; i++) {
        (void)rig_submit_plain(&rig, "q", "t");
    }
    rig_close(&rig);
    memset(junk, 0xa5, sizeof junk);
    int fd = open(rig.db, O_RDWR);
    off_t size = lseek(fd, 0, SEEK_END);
    for (off_t at = size / 2; at < size - 4096; at += 8192) {
        EXPECT_EQ_INT(sizeof junk, pwrite(fd, junk, sizeof junk, at));
    }
    (void)close(fd);
    EXPECT_EQ_INT(0, rig_open(&rig));
    struct store_fsck *f = RIG_NEW(&rig, store_fsck);
    int r = rig_run(&rig, &f->op, STORE_FSCK);
    EXPECT_TRUE(r == -EBADMSG || f->total_findings > 0);
    struct store_list *list = RIG_NEW(&rig, store_list);
    *list = (struct store_list){.filter = rig_filter(), .limit = 1000};
    list->filter.text = "nowhere";
    r = rig_run(&rig, &list->op, STORE_LIST);
    EXPECT_EQ_INT(-EBADMSG, r); // said, not hidden
    EXPECT_TRUE(list->op.err.msg[0] != '\0');
    EXPECT_TRUE(rig.health[0] != '\0');
    rig_finish(&rig);
}

CASES(fsck, ON_ALL, {"attempts that end meanwhile", test_attempts_that_end});
CASES(fsck_file, ON_FILE, {"every damage is found, and mended where it can be", test_damages},
      {"mended jobs run", test_mended_jobs_run}, {"a row that runs nowhere", test_running},
      {"a file that nobody names", test_orphan_file},
      {"what a dead host leaves without a row", test_marks},
      {"a damaged file is reported", test_corruption});
