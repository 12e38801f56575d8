/* SUBMIT of jobs that were accepted earlier, when the store could not be asked. */
#include <errno.h>

#include "cases.h"

enum { WEEK_MS = 7 * 86400 * 1000 };

static struct store_submit_item bring(struct rig *rig, const struct job_spec *spec) {
    struct store_submit_item item = {
        .spec = spec, .spooled = true, .keep_ms = 1000, .tombstone_ms = WEEK_MS};
    struct store_submit *submit = RIG_NEW(rig, store_submit);
    submit->items = &item;
    submit->count = 1;
    (void)EXPECT_EQ_INT(0, rig_run(rig, &submit->op, STORE_SUBMIT));
    submit->items = NULL;
    return item;
}

static void sweep(struct rig *rig) {
    struct store_sweep op = {.limit = 100};
    (void)EXPECT_EQ_INT(0, rig_run(rig, &op.op, STORE_SWEEP));
    store_op_finish(&op.op);
}

static int remove_job(struct rig *rig, const struct job_id *id) {
    int status = 0;
    struct store_remove op = {.ids = id, .status = &status, .count = 1};
    int r = rig_run(rig, &op.op, STORE_REMOVE);
    store_op_finish(&op.op);
    return r < 0 ? r : status;
}

static void test_new(void) {
    struct rig rig;
    rig_start(&rig);
    struct job_spec spec = rig_spec(&rig, "q", "t"), later = rig_spec(&rig, "q", "t");
    spec.dedup_key = "k";
    later.run_at_ms = rig.now + 1000;
    EXPECT_EQ_INT(SUBMIT_NEW, bring(&rig, &spec).verdict);
    EXPECT_EQ_INT(SUBMIT_NEW, bring(&rig, &later).verdict);
    EXPECT_TRUE(rig_was_ready(&rig, "q", "t"));
    EXPECT_EQ_INT(SUBMIT_REPEATED, bring(&rig, &spec).verdict); // not a duplicate of itself
    EXPECT_EQ_INT(JOB_SCHEDULED, rig_state(&rig, &later.id));
    EXPECT_EQ_INT(0, rig_succeed(&rig, rig_claim_one(&rig, "q", "t")));
    EXPECT_EQ_INT(SUBMIT_REPEATED, bring(&rig, &spec).verdict);
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

// The key was taken meanwhile: the job is there, and has ended.
static void test_duplicate(void) {
    struct rig rig;
    rig_start(&rig);
    struct job_spec winner = rig_spec(&rig, "q", "t"), spec = rig_spec(&rig, "q", "t");
    struct job_spec third = rig_spec(&rig, "q", "t");
    winner.dedup_key = spec.dedup_key = third.dedup_key = "k";
    spec.dedup_mode = DEDUP_REJECT; // in any mode
    EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(&rig, &winner));
    struct store_submit_item item = bring(&rig, &spec);
    EXPECT_EQ_INT(0, item.status);
    EXPECT_EQ_INT(SUBMIT_DUPLICATE, item.verdict);
    EXPECT_TRUE(id_equal(&winner.id, &item.winner));
    EXPECT_EQ_INT(JOB_QUEUED, item.winner_state);
    EXPECT_EQ_INT(SUBMIT_REPEATED, bring(&rig, &spec).verdict);
    const struct store_job *job = rig_get(&rig, &spec.id);
    EXPECT_EQ_INT(JOB_DUPLICATE, job->state);
    EXPECT_TRUE(id_equal(&winner.id, &job->winner));
    EXPECT_EQ_INT(rig.now, job->finished_ms);
    EXPECT_EQ_STR("k", job->spec.dedup_key);
    struct store_filter filter = rig_filter();
    filter.state = JOB_DUPLICATE;
    EXPECT_EQ_UINT(1, rig_list(&rig, filter, 10, NULL)->count);
    rig_expect_sound(&rig);
    // the key is still the winner's, and the duplicate's end does not release it
    rig.now += 1001;
    sweep(&rig);
    EXPECT_EQ_INT(-1, rig_state(&rig, &spec.id));
    EXPECT_EQ_INT(SUBMIT_DUPLICATE, rig_submit(&rig, &third));
    EXPECT_EQ_INT(SUBMIT_REPEATED, bring(&rig, &spec).verdict); // it ended, that is remembered
    EXPECT_EQ_INT(0, rig_succeed(&rig, rig_claim_one(&rig, "q", "t")));
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

// A job that ran and was removed does not run again, for as long as the tombstone stands.
static void test_tombstone(void) {
    struct rig rig;
    rig_start(&rig);
    struct job_spec spec = rig_spec(&rig, "q", "t"), plain = rig_spec(&rig, "q", "t");
    struct store_submit_item first = {.spec = &spec, .tombstone_ms = WEEK_MS}; // its fate unknown
    struct store_submit submit = {.items = &first, .count = 1};
    EXPECT_EQ_INT(0, rig_run(&rig, &submit.op, STORE_SUBMIT));
    EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(&rig, &plain));
    for (int i = 0; i < 2; i++) {
        EXPECT_EQ_INT(0, rig_succeed(&rig, rig_claim_one(&rig, "q", "t")));
    }
    EXPECT_EQ_INT(0, remove_job(&rig, &spec.id));
    EXPECT_EQ_INT(0, remove_job(&rig, &plain.id));
    int64_t end = id_time_ms(&spec.id) + WEEK_MS;
    rig.now = end - 1;
    sweep(&rig);
    EXPECT_EQ_INT(0, rig_reopen(&rig)); // it is durable
    EXPECT_EQ_INT(SUBMIT_REPEATED, bring(&rig, &spec).verdict);
    EXPECT_EQ_INT(-1, rig_state(&rig, &spec.id));
    if (rig.config.fallback == NULL) { // else every job is remembered
        EXPECT_EQ_INT(SUBMIT_NEW, bring(&rig, &plain).verdict);
    }
    rig.now = end;
    sweep(&rig);
    EXPECT_EQ_INT(SUBMIT_NEW, bring(&rig, &spec).verdict);
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

// Room is asked for as for any other job: who has a spool can wait.
static void test_no_room(void) {
    struct rig rig;
    rig_start(&rig);
    struct job_spec first = rig_spec(&rig, "q", "t"), spec = rig_spec(&rig, "q", "t");
    EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(&rig, &first));
    struct store_submit_item item = {.spec = &spec, .spooled = true, .max_waiting = 1};
    struct store_submit submit = {.items = &item, .count = 1};
    EXPECT_EQ_INT(0, rig_run(&rig, &submit.op, STORE_SUBMIT));
    EXPECT_EQ_INT(-ENOBUFS, item.status);
    EXPECT_EQ_INT(-1, rig_state(&rig, &spec.id));
    EXPECT_EQ_INT(0, rig_succeed(&rig, rig_claim_one(&rig, "q", "t")));
    EXPECT_EQ_INT(0, rig_run(&rig, &submit.op, STORE_SUBMIT));
    EXPECT_EQ_INT(0, item.status);
    EXPECT_EQ_INT(SUBMIT_NEW, item.verdict);
    rig_finish(&rig);
}

// Files of a duplicate are its own until it is removed.
static void test_duplicate_files(void) {
    struct rig rig;
    rig_start(&rig);
    struct store_blob_put put = {.data = bytes_of("content"), .fd = -1, .for_submit = true};
    EXPECT_EQ_INT(0, rig_run(&rig, &put.op, STORE_BLOB_PUT));
    struct job_file file = {.name = "f", .blob = put.ref};
    struct job_spec winner = rig_spec(&rig, "q", "t"), spec = rig_spec(&rig, "q", "t");
    winner.dedup_key = spec.dedup_key = "k";
    spec.files = &file;
    spec.file_count = 1;
    EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(&rig, &winner));
    EXPECT_EQ_INT(SUBMIT_DUPLICATE, bring(&rig, &spec).verdict);
    EXPECT_EQ_UINT(1, rig_get(&rig, &spec.id)->spec.file_count);
    rig_expect_sound(&rig);
    EXPECT_EQ_INT(0, remove_job(&rig, &spec.id));
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

CASES(spooled, ON_ALL, {"a spooled job is stored once", test_new},
      {"a spooled job whose key is held ends as a duplicate", test_duplicate},
      {"a removed job is remembered as long as was asked for", test_tombstone},
      {"a spooled job finds no room, and comes again", test_no_room},
      {"files of a spooled duplicate", test_duplicate_files});
