/* Flows that are cancelled, or fail: who is met page by page, who arrives meanwhile, and who comes back. */
#include "cases.h"
#include "family.h"

static void test_cancelled_opener(void) {
    static struct family f;
    family_begin(&f);
    family_make(&f, 3, 3, true);
    const struct store_claimed *runs = rig_claim_one(&f.rig, "r", "there");
    (void)family_end_kid(&f, "q", JOB_EV_SUCCEED);
    family_end_opener(&f, JOB_EV_CANCEL);
    EXPECT_EQ_INT(5, family_open_count(&f));
    EXPECT_TRUE(family_flow(&f)->cancelling);
    EXPECT_EQ_UINT(6, family_cascade(&f.rig, 2));
    EXPECT_FALSE(family_flow(&f)->cancelling);
    EXPECT_EQ_INT(4, family_flow(&f)->facts.tally.cancelled);
    EXPECT_EQ_INT(1, family_open_count(&f)); // it runs, and has been asked to end
    EXPECT_EQ_UINT(0, family_cascade(&f.rig, 2));
    struct store_commit_item item = rig_item(runs, JOB_EV_CANCEL);
    EXPECT_EQ_INT(0, rig_commit(&f.rig, &item));
    family_forward(&f.rig);
    EXPECT_TRUE(family_flow(&f)->facts.closed);
    EXPECT_EQ_INT(-1, family_then_state(&f));
    family_finish(&f);
}

/* Between the walk and a member that is on its way nobody gets lost. */
static void test_cancelled_underway(void) {
    static struct family f;
    family_begin(&f);
    family_send(&f, 1, 3, true);
    family_end_opener(&f, JOB_EV_CANCEL);
    (void)family_walk(&f.rig, 10);
    EXPECT_FALSE(family_flow(&f)->cancelling);
    EXPECT_EQ_INT(3, family_open_count(&f));
    struct store_forward arrive = {.limit = 100, .ended_keep_ms = KEEP_MS};
    EXPECT_EQ_INT(0, rig_run(&f.rig, &arrive.op, STORE_FORWARD));
    EXPECT_EQ_UINT(3, arrive.ended_count);
    for (size_t i = 0; i < arrive.ended_count; i++) {
        EXPECT_TRUE(id_equal(&f.kids[i + 1].id, &arrive.ended[i]));
    }
    store_op_finish(&arrive.op);
    family_forward(&f.rig);
    EXPECT_EQ_INT(4, family_flow(&f)->facts.tally.cancelled);
    EXPECT_TRUE(family_flow(&f)->facts.closed);
    for (size_t i = 0; i < f.kid_count; i++) {
        EXPECT_EQ_INT(JOB_CANCELLED, rig_state(&f.rig, &f.kids[i].id));
    }
    EXPECT_EQ_UINT(0, rig_claim(&f.rig, "r", "there", 1)->job_count);
    EXPECT_EQ_INT(-1, family_then_state(&f));
    rig_expect_sound(&f.rig);
    f.rig.now += KEEP_MS;
    family_sweep(&f.rig);
    EXPECT_EQ_INT(-1, rig_state(&f.rig, &f.kids[3].id));
    family_finish(&f);
}

/* Who arrives when the flow goes on again runs. */
static void test_revived_underway(void) {
    static struct family f;
    family_begin(&f);
    family_send(&f, 0, 1, true);
    family_end_opener(&f, JOB_EV_CANCEL);
    (void)family_walk(&f.rig, 10);
    EXPECT_EQ_INT(0, rig_move(&f.rig, &f.opener->spec.id, JOB_EV_REVIVE));
    family_forward(&f.rig);
    (void)family_end_kid(&f, "r", JOB_EV_SUCCEED);
    f.opener = rig_claim_one(&f.rig, "q", "opener");
    f.commits = 0;
    family_end_opener(&f, JOB_EV_SUCCEED);
    EXPECT_EQ_INT(1, family_flow(&f)->facts.tally.succeeded);
    EXPECT_EQ_INT(JOB_QUEUED, family_then_state(&f));
    family_finish(&f);
}

/* Who ended as he arrived can be revived, as any other. */
static void test_revived_after_arrival(void) {
    static struct family f;
    family_begin(&f);
    family_send(&f, 0, 2, false);
    family_end_opener(&f, JOB_EV_CANCEL);
    family_forward(&f.rig);
    EXPECT_EQ_INT(2, family_flow(&f)->facts.tally.cancelled);
    EXPECT_EQ_INT(0, rig_move(&f.rig, &f.opener->spec.id, JOB_EV_REVIVE));
    EXPECT_EQ_INT(0, rig_move(&f.rig, &f.kids[1].id, JOB_EV_REVIVE));
    family_forward(&f.rig);
    EXPECT_EQ_INT(1, family_open_count(&f));
    struct job_id kid = family_end_kid(&f, "r", JOB_EV_SUCCEED);
    EXPECT_TRUE(id_equal(&f.kids[1].id, &kid));
    EXPECT_EQ_INT(0, family_open_count(&f));
    f.opener = rig_claim_one(&f.rig, "q", "opener");
    f.commits = 0;
    family_end_opener(&f, JOB_EV_SUCCEED);
    EXPECT_TRUE(family_flow(&f)->facts.closed);
    family_finish(&f);
}

/* A member's own one, which waits for another time, is underway while the member is cancelled. */
static void test_grandchild_underway(void) {
    static struct family f;
    char flow_id[JOB_ID_TEXT + 1];
    family_begin(&f);
    family_make(&f, 1, 0, false);
    const struct store_claimed *kid = rig_claim_one(&f.rig, "q", "here");
    id_format(&kid->spec.id, flow_id);
    struct job_spec grandchild = rig_spec(&f.rig, "r", "there");
    grandchild.parent = kid->spec.id;
    grandchild.flow_id = flow_id;
    grandchild.flow_queue = "q";
    grandchild.run_at_ms = f.rig.now + KEEP_MS;
    struct store_commit_item item = rig_item(kid, JOB_EV_NONE);
    item.children = &grandchild;
    item.child_count = 1;
    EXPECT_EQ_INT(0, rig_commit(&f.rig, &item));
    family_end_opener(&f, JOB_EV_CANCEL);
    EXPECT_EQ_UINT(1, family_walk(&f.rig, 10)); // it runs, and is asked to end
    item = rig_item(kid, JOB_EV_CANCEL);
    item.commit_no++;
    item.keep_ms = KEEP_MS;
    EXPECT_EQ_INT(0, rig_commit(&f.rig, &item));
    family_forward(&f.rig);
    EXPECT_EQ_INT(JOB_CANCELLED, rig_state(&f.rig, &grandchild.id));
    EXPECT_TRUE(family_flow_of(&f.rig, &kid->spec.id)->facts.closed);
    EXPECT_TRUE(family_flow(&f)->facts.closed);
    (void)family_cascade(&f.rig, 10);
    family_finish(&f);
}

/* Who has ended is passed over, and so is its own flow: those that it has made go on. */
static void test_members_of_who_has_ended(void) {
    static struct family f;
    char flow_id[JOB_ID_TEXT + 1];
    family_begin(&f);
    family_make(&f, 1, 0, false);
    const struct store_claimed *kid = rig_claim_one(&f.rig, "q", "here");
    id_format(&kid->spec.id, flow_id);
    struct job_spec grandchild = rig_spec(&f.rig, "q", "here");
    grandchild.parent = kid->spec.id;
    grandchild.flow_id = flow_id;
    struct store_commit_item item = rig_item(kid, JOB_EV_SUCCEED);
    item.children = &grandchild;
    item.child_count = 1;
    item.keep_ms = KEEP_MS;
    EXPECT_EQ_INT(0, rig_commit(&f.rig, &item));
    family_end_opener(&f, JOB_EV_CANCEL);
    (void)family_walk(&f.rig, 10);
    EXPECT_TRUE(family_flow(&f)->facts.closed);
    EXPECT_FALSE(family_flow_of(&f.rig, &kid->spec.id)->cancelling);
    EXPECT_EQ_INT(JOB_QUEUED, rig_state(&f.rig, &grandchild.id));
    (void)family_end_kid(&f, "q", JOB_EV_SUCCEED);
    family_finish(&f);
}

/* A flow that shall fail fails for those who are still to come. */

/* Another host brings them, and the answer of a first one who did is lost: the parcels are there once more. */
static void test_underway_of_two_hosts(void) {
    static struct family f;
    struct rig other;
    family_begin(&f);
    family_send(&f, 0, 2, false);
    rig_start_beside(&other, &f.rig);
    family_end_opener(&f, JOB_EV_CANCEL);
    (void)family_walk(&f.rig, 10);
    (void)rig_redis("COPY jobs:q:outbox before");
    family_forward(&other);
    EXPECT_EQ_INT(2, family_flow(&f)->facts.tally.cancelled);
    (void)rig_redis("RENAME before jobs:q:outbox");
    family_forward(&f.rig);
    EXPECT_EQ_INT(2, family_flow(&f)->facts.tally.cancelled);
    EXPECT_TRUE(family_flow(&f)->facts.closed);
    for (size_t i = 0; i < f.kid_count; i++) {
        EXPECT_EQ_INT(JOB_CANCELLED, rig_state(&other, &f.kids[i].id));
    }
    rig_finish(&other);
    family_finish(&f);
}

/* While a page is out somebody is revived, and is to be cancelled once more: the page says nothing of that. */
static void test_revived_in_a_walk(void) {
    for (uint32_t limit = 2; limit <= 10; limit += 8) { // in the middle, and to the end
        static struct family f;
        family_begin(&f);
        family_make(&f, 4, 0, false);
        family_end_opener(&f, JOB_EV_CANCEL);
        struct store_flow_cancel page = {.limit = limit};
        EXPECT_TRUE(family_look(&f.rig, &page));
        EXPECT_EQ_UINT(limit < 4 ? limit : 4, page.count);
        family_cancel(&f.rig, &page);
        EXPECT_EQ_INT(limit > 4, family_flow(&f)->facts.closed);
        EXPECT_EQ_INT(0, rig_move(&f.rig, &f.kids[0].id, JOB_EV_REVIVE));
        if (limit > 4) { // it had closed: both come back
            EXPECT_EQ_INT(0, rig_move(&f.rig, &f.opener->spec.id, JOB_EV_REVIVE));
            EXPECT_EQ_INT(0, rig_move(&f.rig, &f.opener->spec.id, JOB_EV_CANCEL));
        }
        EXPECT_TRUE(family_flow(&f)->cancelling);
        while (family_look(&f.rig, &page)) {
            family_cancel(&f.rig, &page);
        }
        store_op_finish(&page.op);
        EXPECT_EQ_INT(4, family_flow(&f)->facts.tally.cancelled);
        EXPECT_TRUE(family_flow(&f)->facts.closed);
        family_finish(&f);
    }
}

/* Who takes the key of an opener that waits hears that members are to be cancelled. */
static void test_replaced_opener(void) {
    static struct family f;
    family_begin_with(&f, "k");
    family_make(&f, 1, 0, false);
    EXPECT_EQ_INT(JOB_PARKED, family_park(&f));
    struct job_spec next = rig_spec(&f.rig, "q", "opener");
    next.dedup_key = "k";
    next.dedup_mode = DEDUP_REPLACE;
    struct store_submit_item item = {.spec = &next};
    struct store_submit submit = {.items = &item, .count = 1};
    EXPECT_EQ_INT(0, rig_run(&f.rig, &submit.op, STORE_SUBMIT));
    EXPECT_TRUE(id_equal(&f.opener->spec.id, &item.replaced));
    EXPECT_TRUE(submit.outbox);
    store_op_finish(&submit.op);
    EXPECT_EQ_UINT(1, family_cascade(&f.rig, 10));
    EXPECT_EQ_INT(JOB_CANCELLED, rig_state(&f.rig, &f.kids[0].id));
    family_finish(&f);
}

/* Who was told of it is gone, in the middle of it: another one is told as it comes, and goes on from there. */
static void test_walk_of_two_hosts(void) {
    static struct family f;
    struct rig other;
    family_begin(&f);
    family_make(&f, 4, 0, false);
    family_end_opener(&f, JOB_EV_CANCEL);
    struct store_flow_cancel first = {.limit = 2};
    EXPECT_TRUE(family_look(&f.rig, &first));
    family_cancel(&f.rig, &first);
    EXPECT_TRUE(family_look(&f.rig, &first)); // the second page is in its hands
    rig_start_beside(&other, &f.rig);
    RIG_AWAIT(&other, other.outbox_events > 0);
    EXPECT_EQ_UINT(2, family_walk(&other, 10));
    family_cancel(&f.rig, &first); // it was not gone after all
    EXPECT_FALSE(family_look(&f.rig, &first));
    store_op_finish(&first.op);
    EXPECT_EQ_INT(4, family_flow(&f)->facts.tally.cancelled);
    EXPECT_TRUE(family_flow(&f)->facts.closed);
    rig_finish(&other);
    family_finish(&f);
}

/* ------------------------------------------------------------------ failing */

static void test_fail(void) {
    static struct family f;
    family_begin(&f);
    family_add_kids(&f, 2, 2);
    struct store_commit_item item = family_opener_item(&f, JOB_EV_NONE);
    item.children = f.kids;
    item.child_count = f.kid_count;
    item.then = &f.then;
    item.flow_on_dead = FLOW_FAIL + 1;
    EXPECT_EQ_INT(0, rig_commit(&f.rig, &item));
    family_forward(&f.rig);
    EXPECT_EQ_INT(FLOW_FAIL, family_flow(&f)->facts.on_dead);
    struct job_id kid = family_end_kid(&f, "r", JOB_EV_DIE);
    EXPECT_TRUE(id_equal(&kid, &family_flow(&f)->died));
    EXPECT_TRUE(family_flow(&f)->cancelling);
    f.kid_count = 0;
    family_make(&f, 1, 1, false); // it takes no more
    EXPECT_EQ_INT(4, family_flow(&f)->facts.tally.made);
    EXPECT_EQ_UINT(4, family_cascade(&f.rig, 100));
    EXPECT_EQ_INT(3, family_flow(&f)->facts.tally.cancelled);
    family_end_opener(&f, JOB_EV_SUCCEED);
    EXPECT_EQ_INT(JOB_DEAD, family_then_state(&f));
    const struct store_job *then = rig_get(&f.rig, &f.then.id);
    char id[JOB_ID_TEXT + 1];
    id_format(&kid, id);
    EXPECT_EQ_STR("child_dead", then->error.code);
    EXPECT_CONTAINS(id, then->error.message);
    family_finish(&f);
}

/* A flow that shall fail fails for those who are still to come. */
static void test_failed_underway(void) {
    static struct family f;
    family_begin(&f);
    family_make(&f, 1, 0, false);
    f.kid_count = 0;
    family_add_kids(&f, 0, 1);
    struct store_commit_item item = family_opener_item(&f, JOB_EV_NONE);
    item.children = f.kids;
    item.child_count = 1;
    item.flow_on_dead = FLOW_FAIL + 1;
    EXPECT_EQ_INT(0, rig_commit(&f.rig, &item));
    (void)family_end_kid(&f, "q", JOB_EV_DIE);
    EXPECT_EQ_INT(JOB_CANCELLED, rig_state(&f.rig, &f.kids[0].id));
    EXPECT_EQ_INT(0, family_open_count(&f));
    family_end_opener(&f, JOB_EV_SUCCEED);
    EXPECT_TRUE(family_flow(&f)->facts.closed);
    family_finish(&f);
}

/* A member whose time is over before it starts dies in CLAIM, which says that something follows. */
static void test_late_member(void) {
    static struct family f;
    family_begin(&f);
    family_add_kids(&f, 2, 0);
    f.kids[0].deadline_ms = f.rig.now + 1000;
    struct store_commit_item item = family_opener_item(&f, JOB_EV_NONE);
    item.children = f.kids;
    item.child_count = f.kid_count;
    item.flow_on_dead = FLOW_FAIL + 1;
    EXPECT_EQ_INT(0, rig_commit(&f.rig, &item));
    family_forward(&f.rig);
    EXPECT_FALSE(rig_claim(&f.rig, "q", "nobody", 1)->outbox);
    f.rig.now += 2000;
    const struct store_claim *claim = rig_claim(&f.rig, "q", "here", 1);
    EXPECT_EQ_UINT(1, claim->ended_count);
    EXPECT_TRUE(claim->outbox);
    EXPECT_EQ_UINT(2, family_cascade(&f.rig, 100));
    EXPECT_FALSE(rig_claim(&f.rig, "q", "here", 1)->outbox);
    if (claim->job_count > 0) { // it has been asked to end
        item = rig_item(&claim->jobs[0], JOB_EV_CANCEL);
        EXPECT_EQ_INT(0, rig_commit(&f.rig, &item));
    }
    family_end_opener(&f, JOB_EV_SUCCEED);
    EXPECT_TRUE(family_flow(&f)->facts.closed);
    family_finish(&f);
}

// That a death means the end may be said when somebody has died already.
static void test_fail_late(void) {
    static struct family f;
    family_begin(&f);
    family_make(&f, 2, 0, false);
    (void)family_end_kid(&f, "q", JOB_EV_DIE);
    EXPECT_FALSE(family_flow(&f)->cancelling);
    struct store_commit_item item = family_opener_item(&f, JOB_EV_NONE);
    item.flow_on_dead = FLOW_FAIL + 1;
    EXPECT_EQ_INT(0, rig_commit(&f.rig, &item));
    EXPECT_TRUE(family_flow(&f)->cancelling);
    EXPECT_EQ_UINT(2, family_cascade(&f.rig, 10));
    EXPECT_EQ_INT(1, family_flow(&f)->facts.tally.cancelled);
    family_finish(&f);
}

// Who comes back before the cascade has begun takes its reason away, unless there is another.
static void test_no_reason_left(void) {
    for (int cancelled = 0; cancelled < 2; cancelled++) {
        static struct family f;
        family_begin(&f);
        family_add_kids(&f, 2, 0);
        struct store_commit_item item = family_opener_item(&f, JOB_EV_NONE);
        item.children = f.kids;
        item.child_count = f.kid_count;
        item.flow_on_dead = FLOW_FAIL + 1;
        EXPECT_EQ_INT(0, rig_commit(&f.rig, &item));
        struct job_id kid = family_end_kid(&f, "q", JOB_EV_DIE);
        if (cancelled == 1) {
            family_end_opener(&f, JOB_EV_CANCEL);
        }
        EXPECT_TRUE(family_flow(&f)->cancelling);
        EXPECT_EQ_INT(0, rig_move(&f.rig, &kid, JOB_EV_REVIVE));
        EXPECT_EQ_INT(cancelled, family_flow(&f)->cancelling);
        EXPECT_EQ_UINT(cancelled == 1 ? 2 : 0, family_cascade(&f.rig, 10));
        EXPECT_EQ_INT(cancelled == 1 ? 0 : 2, family_open_count(&f));
        family_finish(&f);
    }
}

CASES(cascade, ON_ALL,
      {"cancelling an opener cancels its members, page by page", test_cancelled_opener},
      {"a member that arrives after the cascade is cancelled", test_cancelled_underway},
      {"a member that arrives in a flow that goes on again runs", test_revived_underway},
      {"a member that ended as it arrived is revived", test_revived_after_arrival},
      {"a member of a cancelled member arrives", test_grandchild_underway},
      {"members of a member that has ended go on", test_members_of_who_has_ended},
      {"a member that is revived while a page is out is met again", test_revived_in_a_walk},
      {"a member that dies ends a flow that shall fail", test_fail},
      {"a member that arrives in a flow that has failed is cancelled", test_failed_underway},
      {"a flow that shall fail since somebody died", test_fail_late},
      {"a revived member takes back what it was reason for", test_no_reason_left});

CASES(cascade_file, ON_FILE,
      {"an opener that is replaced is followed by its members", test_replaced_opener},
      {"a member that comes too late is followed by what a death is", test_late_member});

CASES(cascade_shared, ON_SHARED,
      {"members of a cancelled flow that two hosts bring end once", test_underway_of_two_hosts},
      {"a cascade that another host goes on with", test_walk_of_two_hosts});
