/* Flows: members here and in other queues, what they wait for, and the job that comes behind all of them. */
#include <errno.h>
#include <string.h>

#include "cases.h"
#include "family.h"

/* ------------------------------------------------------------------ closing */

static void test_members_first(void) {
    static struct family f;
    family_begin(&f);
    EXPECT_EQ_INT(-2, family_flow(&f)->facts.opener); // nothing is there for a job without children
    family_make(&f, 1, 1, true);
    EXPECT_EQ_INT(2, family_flow(&f)->facts.tally.made);
    EXPECT_EQ_INT(2, family_open_count(&f));
    EXPECT_TRUE(id_equal(&f.then.id, &family_flow(&f)->then));
    EXPECT_FALSE(family_flow(&f)->then_made);
    (void)family_end_kid(&f, "r", JOB_EV_SUCCEED);
    EXPECT_EQ_INT(1, family_open_count(&f));
    (void)family_end_kid(&f, "q", JOB_EV_SUCCEED);
    EXPECT_EQ_INT(2, family_flow(&f)->facts.tally.succeeded);
    EXPECT_FALSE(family_flow(&f)->facts.closed); // its opener may make more
    EXPECT_EQ_INT(-1, family_then_state(&f));
    f.rig.now += 5000;
    family_end_opener(&f, JOB_EV_SUCCEED);
    EXPECT_TRUE(family_flow(&f)->facts.closed);
    EXPECT_TRUE(family_flow(&f)->then_made);
    EXPECT_EQ_INT(f.rig.now, family_flow(&f)->closed_ms);
    EXPECT_EQ_INT(JOB_SUCCEEDED, family_flow(&f)->facts.opener);
    EXPECT_EQ_INT(JOB_QUEUED, family_then_state(&f));
    EXPECT_EQ_INT(f.rig.now, rig_get(&f.rig, &f.then.id)->ready_ms); // not since it was asked for
    family_finish(&f);
}

static void test_opener_first(void) {
    static struct family f;
    family_begin(&f);
    family_make(&f, 1, 2, true);
    family_end_opener(&f, JOB_EV_SUCCEED);
    EXPECT_FALSE(family_flow(&f)->facts.closed);
    (void)family_end_kid(&f, "r", JOB_EV_SUCCEED);
    (void)family_end_kid(&f, "q", JOB_EV_DIE);
    EXPECT_EQ_INT(-1, family_then_state(&f));
    (void)family_end_kid(&f, "r", JOB_EV_CANCEL);
    EXPECT_TRUE(family_flow(&f)->facts.closed);
    EXPECT_EQ_INT(1, family_flow(&f)->facts.tally.succeeded);
    EXPECT_EQ_INT(1, family_flow(&f)->facts.tally.dead);
    EXPECT_EQ_INT(1, family_flow(&f)->facts.tally.cancelled);
    EXPECT_EQ_INT(JOB_QUEUED, family_then_state(&f)); // on_child_dead: continue
    const struct store_claimed *then = rig_claim_one(&f.rig, "q", "then");
    EXPECT_TRUE(id_equal(&f.then.id, &then->spec.id));
    EXPECT_EQ_INT(0, rig_succeed(&f.rig, then));
    family_forward(&f.rig);
    EXPECT_EQ_UINT(0, rig_claim(&f.rig, "q", "then", 1)->job_count); // once
    family_finish(&f);
}

static void test_all_in_one_commit(void) {
    static struct family f;
    family_begin(&f);
    family_add_kids(&f, 0, 1);
    struct store_commit_item item = family_opener_item(&f, JOB_EV_SUCCEED);
    item.children = f.kids;
    item.child_count = 1;
    item.then = &f.then;
    EXPECT_EQ_INT(0, rig_commit(&f.rig, &item));
    EXPECT_EQ_INT(1, family_open_count(&f)); // it counts from the commit on, not from its arrival
    EXPECT_EQ_INT(0, rig_commit(&f.rig, &item)); // sent again
    family_forward(&f.rig);
    EXPECT_EQ_INT(1, family_flow(&f)->facts.tally.made);
    (void)family_end_kid(&f, "r", JOB_EV_SUCCEED);
    EXPECT_EQ_INT(JOB_QUEUED, family_then_state(&f));
    family_finish(&f);
}

static void test_then_alone(void) {
    static struct family f;
    family_begin(&f);
    f.then.queue = "r";
    f.then.run_at_ms = f.rig.now + 1000;
    f.then.deadline_ms = f.rig.now + 10000;
    family_make(&f, 0, 0, true);
    f.rig.now += 20000;
    family_end_opener(&f, JOB_EV_SUCCEED);
    EXPECT_EQ_INT(JOB_SCHEDULED, family_then_state(&f));
    const struct store_job *then = rig_get(&f.rig, &f.then.id);
    EXPECT_EQ_INT(f.rig.now + 1000, then->spec.run_at_ms); // counted from the close
    EXPECT_EQ_INT(f.rig.now + 10000, then->spec.deadline_ms);
    EXPECT_TRUE(id_equal(&f.opener->spec.id, &then->spec.parent));
    family_finish(&f);
}

static void test_one_after_the_other(void) {
    static struct family f;
    family_begin(&f);
    family_make(&f, 1, 1, false);
    (void)family_end_kid(&f, "q", JOB_EV_SUCCEED);
    (void)family_end_kid(&f, "r", JOB_EV_SUCCEED);
    f.kid_count = 0;
    family_make(&f, 2, 0, true);
    EXPECT_EQ_INT(4, family_flow(&f)->facts.tally.made);
    EXPECT_EQ_INT(2, family_open_count(&f));
    family_end_opener(&f, JOB_EV_SUCCEED);
    (void)family_end_kid(&f, "q", JOB_EV_SUCCEED);
    (void)family_end_kid(&f, "q", JOB_EV_SUCCEED);
    EXPECT_EQ_INT(JOB_QUEUED, family_then_state(&f));
    family_finish(&f);
}

static void test_duplicates(void) {
    static struct family f;
    family_begin(&f);
    const char *queues[] = {"q", "r"};
    for (size_t i = 0; i < 2; i++) {
        struct job_spec taken = rig_spec(&f.rig, queues[i], "other");
        taken.dedup_key = "k";
        EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(&f.rig, &taken));
        struct job_spec *kid = family_add_kid(&f, queues[i], i == 0 ? "here" : "there");
        kid->dedup_key = "k";
        kid->dedup_mode = DEDUP_RETURN;
    }
    struct store_commit_item item = family_opener_item(&f, JOB_EV_SUCCEED);
    item.children = f.kids;
    item.child_count = f.kid_count;
    item.then = &f.then;
    EXPECT_EQ_INT(0, rig_commit(&f.rig, &item));
    family_forward(&f.rig);
    EXPECT_EQ_INT(2, family_flow(&f)->facts.tally.made);
    EXPECT_EQ_INT(2, family_flow(&f)->facts.tally.duplicate);
    EXPECT_EQ_INT(0, family_open_count(&f));
    EXPECT_TRUE(family_flow(&f)->facts.closed);
    EXPECT_EQ_INT(JOB_QUEUED, family_then_state(&f));
    family_finish(&f);
}

// Other words are no other flow: neither none, nor that of a child which brings them.
static void test_debounced_member(void) {
    for (int by_child = 0; by_child < 2; by_child++) {
        static struct family f;
        family_begin(&f);
        struct job_spec *kid = family_add_kid(&f, "q", "here");
        kid->dedup_key = "k";
        kid->dedup_mode = DEDUP_DEBOUNCE;
        kid->dedup_ttl_ms = 1000;
        family_make(&f, 0, 0, true);
        struct job_spec words = *kid;
        words.id = rig_id(&f.rig);
        words.flow_id = NULL;
        words.parent = (struct job_id){{0}};
        if (by_child == 0) {
            EXPECT_EQ_INT(SUBMIT_DUPLICATE, rig_submit(&f.rig, &words));
        } else {
            char flow_id[JOB_ID_TEXT + 1];
            (void)rig_submit_plain(&f.rig, "q", "other");
            const struct store_claimed *other = rig_claim_one(&f.rig, "q", "other");
            id_format(&other->spec.id, flow_id);
            words.parent = other->spec.id;
            words.flow_id = flow_id;
            struct store_commit_item item = rig_item(other, JOB_EV_SUCCEED);
            item.children = &words;
            item.child_count = 1;
            item.keep_ms = KEEP_MS;
            EXPECT_EQ_INT(0, rig_commit(&f.rig, &item));
            EXPECT_TRUE(family_flow_of(&f.rig, &other->spec.id)->facts.closed);
        }
        (void)family_end_kid(&f, "q", JOB_EV_SUCCEED);
        EXPECT_EQ_INT(1, family_flow(&f)->facts.tally.succeeded);
        family_end_opener(&f, JOB_EV_SUCCEED);
        EXPECT_EQ_INT(JOB_QUEUED, family_then_state(&f));
        family_finish(&f);
    }
}

/* ------------------------------------------------------------------ waiting */

static void test_wait(void) {
    static struct family f;
    family_begin(&f);
    family_make(&f, 1, 1, false);
    EXPECT_EQ_INT(JOB_PARKED, family_park(&f));
    (void)family_end_kid(&f, "q", JOB_EV_SUCCEED);
    EXPECT_EQ_INT(JOB_PARKED, rig_state(&f.rig, &f.opener->spec.id));
    (void)family_end_kid(&f, "r", JOB_EV_DIE);
    EXPECT_EQ_INT(JOB_QUEUED, rig_state(&f.rig, &f.opener->spec.id));
    f.opener = rig_claim_one(&f.rig, "q", "opener");
    f.commits = 0;
    EXPECT_EQ_INT(JOB_QUEUED, family_park(&f)); // there is nobody to wait for
    f.opener = rig_claim_one(&f.rig, "q", "opener");
    f.commits = 0;
    family_end_opener(&f, JOB_EV_SUCCEED);
    EXPECT_TRUE(family_flow(&f)->facts.closed);
    family_finish(&f);
}

static void test_wait_without_a_flow(void) {
    static struct family f;
    family_begin(&f);
    EXPECT_EQ_INT(JOB_QUEUED, family_park(&f));
    family_finish(&f);
}

static void test_wait_for_so_long(void) {
    static struct family f;
    family_begin(&f);
    family_make(&f, 0, 1, false);
    struct store_commit_item item = family_opener_item(&f, JOB_EV_PARK);
    item.park = PARK_CHILDREN;
    item.run_at_ms = f.rig.now + 1000;
    EXPECT_EQ_INT(0, rig_commit(&f.rig, &item));
    f.rig.now += 1000;
    EXPECT_EQ_UINT(1, rig_due(&f.rig, NULL));
    EXPECT_EQ_INT(JOB_QUEUED, rig_state(&f.rig, &f.opener->spec.id));
    (void)family_end_kid(&f, "r", JOB_EV_SUCCEED); // wakes nobody
    f.opener = rig_claim_one(&f.rig, "q", "opener");
    f.commits = 0;
    family_end_opener(&f, JOB_EV_SUCCEED);
    family_finish(&f);
}

/* ------------------------------------------------------------------ death and revival */

static void test_dead_opener(void) {
    static struct family f;
    family_begin(&f);
    family_make(&f, 1, 0, true);
    family_end_opener(&f, JOB_EV_DIE);
    EXPECT_FALSE(family_flow(&f)->facts.closed);
    (void)family_end_kid(&f, "q", JOB_EV_SUCCEED);
    EXPECT_EQ_INT(JOB_DEAD, family_then_state(&f));
    EXPECT_EQ_STR("opener_dead", rig_get(&f.rig, &f.then.id)->error.code);
    EXPECT_EQ_INT(0, rig_move(&f.rig, &f.then.id, JOB_EV_REVIVE)); // somebody wants it all the same
    EXPECT_EQ_INT(JOB_QUEUED, family_then_state(&f));
    family_finish(&f);
}

static int submit_key(struct family *f, const char *queue, const char *key) {
    struct job_spec spec = rig_spec(&f->rig, queue, "next");
    spec.dedup_key = key;
    return rig_submit(&f->rig, &spec);
}

/* Who ends as it begins, be it a then or a member that comes too late, holds its dedup key no longer. */
static void test_ended_keys(void) {
    static struct family f;
    family_begin(&f);
    f.then.dedup_key = "then";
    family_make(&f, 0, 0, true);
    family_end_opener(&f, JOB_EV_DIE);
    EXPECT_EQ_INT(JOB_DEAD, family_then_state(&f));
    EXPECT_EQ_INT(SUBMIT_NEW, submit_key(&f, "q", "then"));
    EXPECT_EQ_INT(SUBMIT_DUPLICATE, submit_key(&f, "q", "then"));
    family_finish(&f);
    family_begin(&f);
    family_add_kid(&f, "r", "there")->dedup_key = "late";
    struct store_commit_item item = family_opener_item(&f, JOB_EV_CANCEL);
    item.children = f.kids;
    item.child_count = 1;
    EXPECT_EQ_INT(0, rig_commit(&f.rig, &item));
    family_forward(&f.rig);
    EXPECT_EQ_INT(JOB_CANCELLED, rig_state(&f.rig, &f.kids[0].id));
    EXPECT_EQ_INT(SUBMIT_NEW, submit_key(&f, "r", "late"));
    family_finish(&f);
}

/* It does not stay for ever, and a then that ran is not kept by that. */
static void test_dead_then_goes(void) {
    const char *const queues[] = {"q", "r"};
    for (size_t i = 0; i < 2; i++) {
        static struct family f;
        family_begin(&f);
        f.then.queue = queues[i];
        family_make(&f, 1, 0, true);
        family_end_opener(&f, JOB_EV_DIE);
        (void)family_end_kid(&f, "q", JOB_EV_SUCCEED);
        EXPECT_EQ_INT(JOB_DEAD, family_then_state(&f));
        f.rig.now += KEEP_MS - 1;
        family_sweep(&f.rig);
        EXPECT_EQ_INT(JOB_DEAD, family_then_state(&f));
        f.rig.now += 1;
        family_sweep(&f.rig);
        EXPECT_EQ_INT(-1, family_then_state(&f));
        family_finish(&f);
    }
}

static void test_revived_opener(void) {
    static struct family f;
    family_begin(&f);
    family_make(&f, 1, 0, true);
    family_end_opener(&f, JOB_EV_DIE);
    EXPECT_EQ_INT(0, rig_move(&f.rig, &f.opener->spec.id, JOB_EV_REVIVE));
    EXPECT_EQ_INT(-1, family_flow(&f)->facts.opener);
    (void)family_end_kid(&f, "q", JOB_EV_SUCCEED);
    EXPECT_FALSE(family_flow(&f)->facts.closed);
    f.opener = rig_claim_one(&f.rig, "q", "opener");
    f.commits = 0;
    family_end_opener(&f, JOB_EV_SUCCEED);
    EXPECT_EQ_INT(JOB_QUEUED, family_then_state(&f));
    family_finish(&f);
}

static void test_revived_member(void) {
    const char *const queues[] = {"q", "r"};
    for (size_t i = 0; i < 2; i++) {
        static struct family f;
        family_begin(&f);
        family_make(&f, i == 0, i == 1, true);
        struct job_id kid = family_end_kid(&f, queues[i], JOB_EV_DIE);
        EXPECT_EQ_INT(1, family_flow(&f)->facts.tally.dead);
        EXPECT_EQ_INT(0, rig_move(&f.rig, &kid, JOB_EV_REVIVE));
        family_forward(&f.rig);
        EXPECT_EQ_INT(0, family_flow(&f)->facts.tally.dead);
        EXPECT_EQ_INT(1, family_open_count(&f));
        family_end_opener(&f, JOB_EV_SUCCEED);
        EXPECT_EQ_INT(-1, family_then_state(&f));
        (void)family_end_kid(&f, queues[i], JOB_EV_SUCCEED);
        EXPECT_EQ_INT(JOB_QUEUED, family_then_state(&f));
        family_finish(&f);
    }
}

/* It is counted as it stands, and the flow stays closed. */
static void test_revived_too_late(void) {
    const char *const queues[] = {"q", "r"};
    for (size_t i = 0; i < 2; i++) {
        static struct family f;
        family_begin(&f);
        family_make(&f, i == 0, i == 1, true);
        struct job_id kid = family_end_kid(&f, queues[i], JOB_EV_DIE);
        family_end_opener(&f, JOB_EV_SUCCEED);
        EXPECT_EQ_INT(JOB_QUEUED, family_then_state(&f));
        EXPECT_EQ_INT(0, rig_move(&f.rig, &kid, JOB_EV_REVIVE));
        family_forward(&f.rig);
        EXPECT_EQ_INT(1, family_open_count(&f));
        EXPECT_TRUE(family_flow(&f)->facts.closed);
        (void)family_end_kid(&f, queues[i], JOB_EV_SUCCEED);
        EXPECT_EQ_INT(0, family_flow(&f)->facts.tally.dead);
        EXPECT_EQ_INT(1, family_flow(&f)->facts.tally.succeeded);
        EXPECT_TRUE(family_flow(&f)->facts.closed);
        family_finish(&f);
    }
}

/* The member first: it has not ended when its flow is open again, and ends once. */
static void test_both_revived(void) {
    const char *const queues[] = {"q", "r"};
    for (size_t i = 0; i < 2; i++) {
        static struct family f;
        family_begin(&f);
        family_make(&f, i == 0, i == 1, false);
        struct job_id kid = family_end_kid(&f, queues[i], JOB_EV_DIE);
        family_end_opener(&f, JOB_EV_DIE);
        EXPECT_TRUE(family_flow(&f)->facts.closed);
        EXPECT_EQ_INT(0, rig_move(&f.rig, &kid, JOB_EV_REVIVE));
        family_forward(&f.rig);
        EXPECT_EQ_INT(0, rig_move(&f.rig, &f.opener->spec.id, JOB_EV_REVIVE));
        EXPECT_FALSE(family_flow(&f)->facts.closed);
        rig_expect_sound(&f.rig);
        f.opener = rig_claim_one(&f.rig, "q", "opener");
        f.commits = 0;
        f.kid_count = 0;
        family_make(&f, 1, 0, false);
        EXPECT_EQ_INT(2, family_open_count(&f));
        EXPECT_EQ_INT(JOB_PARKED, family_park(&f));
        (void)family_end_kid(&f, "q", JOB_EV_SUCCEED);
        EXPECT_EQ_INT(JOB_PARKED, rig_state(&f.rig, &f.opener->spec.id));
        (void)family_end_kid(&f, queues[i], JOB_EV_SUCCEED);
        EXPECT_EQ_INT(JOB_QUEUED, rig_state(&f.rig, &f.opener->spec.id));
        EXPECT_EQ_INT(2, family_flow(&f)->facts.tally.succeeded);
        EXPECT_EQ_INT(0, family_flow(&f)->facts.tally.dead);
        family_finish(&f);
    }
}

/* ------------------------------------------------------------------ how long it stays */

static void test_kept(void) {
    static struct family f;
    family_begin(&f);
    family_make(&f, 1, 0, true);
    family_end_opener(&f, JOB_EV_SUCCEED);
    int status = 0;
    struct store_remove rm = {.ids = &f.opener->spec.id, .status = &status, .count = 1};
    EXPECT_EQ_INT(0, rig_run(&f.rig, &rm.op, STORE_REMOVE));
    EXPECT_EQ_INT(-EBUSY, status);
    store_op_finish(&rm.op);
    f.rig.now += 2 * KEEP_MS;
    family_sweep(&f.rig);
    EXPECT_EQ_INT(JOB_SUCCEEDED, rig_state(&f.rig, &f.opener->spec.id));
    (void)family_end_kid(&f, "q", JOB_EV_SUCCEED);
    EXPECT_EQ_INT(JOB_QUEUED, family_then_state(&f));
    memset(&rm.op, 0, sizeof rm.op);
    EXPECT_EQ_INT(0, rig_run(&f.rig, &rm.op, STORE_REMOVE));
    EXPECT_EQ_INT(0, status);
    store_op_finish(&rm.op);
    EXPECT_EQ_INT(-2, family_flow(&f)->facts.opener); // it went with its opener
    family_finish(&f);
}

/* SWEEP looks in again after an hour, and Redis does not wait for so long: what it deletes leaves its blobs behind. */
static void test_kept_and_swept(void) {
    static struct family f;
    family_begin(&f);
    family_make(&f, 1, 0, false);
    family_end_opener(&f, JOB_EV_SUCCEED);
    f.rig.now += 2 * KEEP_MS;
    family_sweep(&f.rig);
    EXPECT_EQ_INT(JOB_SUCCEEDED, rig_state(&f.rig, &f.opener->spec.id));
    (void)family_end_kid(&f, "q", JOB_EV_SUCCEED);
    f.rig.now += 1;
    family_sweep(&f.rig);
    EXPECT_EQ_INT(-1, rig_state(&f.rig, &f.opener->spec.id));
    family_finish(&f);
}

CASES(flow, ON_ALL, {"a flow whose members end before its opener", test_members_first},
      {"a flow whose opener ends before its members", test_opener_first},
      {"children, then and the end in one commit, sent twice", test_all_in_one_commit},
      {"a flow of a then alone counts its times from the close", test_then_alone},
      {"a flow grows after all of its members have ended", test_one_after_the_other},
      {"children that are duplicates have ended where they were made", test_duplicates},
      {"a debounced member stays one", test_debounced_member},
      {"an opener that waits goes on when nobody is left", test_wait},
      {"who has no children does not wait for them", test_wait_without_a_flow},
      {"an opener waits no longer than it said", test_wait_for_so_long},
      {"the then of a dead opener is dead, and can be revived", test_dead_opener},
      {"who ends as it begins holds no dedup key", test_ended_keys},
      {"a then that is dead from the start is kept as long as it was said", test_dead_then_goes},
      {"a revived opener opens its flow again", test_revived_opener},
      {"a revived member counts as one that has not ended", test_revived_member},
      {"a member that is revived after the close opens nothing", test_revived_too_late},
      {"a member and its opener that are revived end once more", test_both_revived},
      {"an opener stays as long as its flow is open", test_kept});

CASES(flow_shared, ON_SHARED,
      {"an opener goes soon after its flow has closed", test_kept_and_swept});
