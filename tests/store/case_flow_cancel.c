/* Flows that are cancelled, or fail: who is met page by page, who arrives meanwhile, and who comes back. */
#include <errno.h>
#include <string.h>

#include "cases.h"
#include "family.h"
#include "sample.h"

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

/* ------------------------------------------------------------------ through members that have ended */

/* A family of three generations: the opener, its children, and what they make. */
static struct job_spec grandchild(struct family *f, const struct store_claimed *kid,
                                  const char *queue, char flow[JOB_ID_TEXT + 1]) {
    struct job_spec spec = rig_spec(&f->rig, queue, "young");
    id_format(&kid->spec.id, flow);
    spec.parent = kid->spec.id;
    spec.flow_id = flow;
    spec.flow_queue = strcmp(queue, kid->spec.queue) == 0 ? NULL : kid->spec.queue;
    return spec;
}

/* The next child runs, makes one, asks for what comes behind it, and ends without waiting. */
struct line {
    struct job_id kid, young, then;
};

static struct line end_with_a_child(struct family *f, const char *from, const char *to,
                                    enum job_event event) {
    char flow[JOB_ID_TEXT + 1];
    const char *type = strcmp(from, "q") == 0 ? "here" : "there";
    const struct store_claimed *kid = rig_claim_one(&f->rig, from, type);
    struct job_spec young = grandchild(f, kid, to, flow);
    struct job_spec then = rig_spec(&f->rig, from, "kid's then");
    struct store_commit_item item = rig_item(kid, event);
    then.parent = kid->spec.id;
    item.children = &young;
    item.child_count = 1;
    item.then = &then;
    item.keep_ms = KEEP_MS;
    EXPECT_EQ_INT(0, rig_commit(&f->rig, &item));
    family_forward(&f->rig);
    return (struct line){kid->spec.id, young.id, then.id};
}

static void expect_followed(struct family *f, const struct line *of, enum job_state kid) {
    const struct store_flow *own = family_flow_of(&f->rig, &of->kid);
    EXPECT_EQ_INT((int)kid, rig_state(&f->rig, &of->kid)); // it stays as it ended
    EXPECT_EQ_INT(JOB_CANCELLED, rig_state(&f->rig, &of->young));
    EXPECT_EQ_INT(-1, rig_state(&f->rig, &of->then));
    EXPECT_EQ_INT(JOB_CANCELLED, own->facts.opener);
    EXPECT_EQ_INT(1, own->facts.tally.cancelled);
    EXPECT_TRUE(own->facts.closed);
    EXPECT_FALSE(own->cancelling);
}

/* Who has ended is followed by what it made: it was the only child, one of some, in this queue or in another. */
static void test_through_who_has_ended(void) {
    static const char *const queues[] = {"q", "r"};
    static const enum job_event ends[] = {JOB_EV_SUCCEED, JOB_EV_DIE};
    static const enum job_state states[] = {JOB_SUCCEEDED, JOB_DEAD};
    for (unsigned bits = 0; bits < 16; bits++) {
        static struct family f;
        unsigned from = bits & 1, to = bits >> 1 & 1, end = bits >> 2 & 1, others = bits >> 3;
        family_begin(&f);
        family_make(&f, others + (from == 0), others + (from == 1), true);
        struct line line = end_with_a_child(&f, queues[from], queues[to], ends[end]);
        family_end_opener(&f, JOB_EV_CANCEL);
        EXPECT_FALSE(family_flow(&f)->facts.closed); // not before all have been met
        EXPECT_TRUE(family_flow(&f)->cancelling);
        rig_expect_sound(&f.rig);
        EXPECT_EQ_UINT(2 + 2 * others, family_cascade(&f.rig, 1));
        expect_followed(&f, &line, states[end]);
        EXPECT_TRUE(family_flow(&f)->facts.closed);
        EXPECT_EQ_INT(end == 0, family_flow(&f)->facts.tally.succeeded);
        EXPECT_EQ_INT(2 * others, family_flow(&f)->facts.tally.cancelled);
        EXPECT_EQ_UINT(0, family_cascade(&f.rig, 1));
        EXPECT_EQ_INT(-1, family_then_state(&f));
        family_finish(&f);
    }
}

/* So is a closed flow, if somebody in it has left something: the opener's children's children, who have all ended. */
static void test_through_a_closed_flow(void) {
    static const char *const queues[] = {"q", "r"};
    for (unsigned bits = 0; bits < 4; bits++) {
        static struct family f;
        char flow[JOB_ID_TEXT + 1];
        const char *own = queues[bits & 1], *to = queues[bits >> 1];
        family_begin(&f);
        family_make(&f, 1, 0, false);
        struct line upper = end_with_a_child(&f, "q", own, JOB_EV_SUCCEED);
        const struct store_claimed *young = rig_claim_one(&f.rig, own, "young");
        struct job_spec youngest = grandchild(&f, young, to, flow);
        struct store_commit_item item = rig_item(young, JOB_EV_SUCCEED);
        item.children = &youngest;
        item.child_count = 1;
        item.keep_ms = KEEP_MS;
        EXPECT_EQ_INT(0, rig_commit(&f.rig, &item));
        family_forward(&f.rig);
        EXPECT_TRUE(family_flow_of(&f.rig, &upper.kid)->facts.closed);
        EXPECT_EQ_INT(JOB_QUEUED, rig_state(&f.rig, &upper.then));
        family_end_opener(&f, JOB_EV_CANCEL);
        EXPECT_EQ_UINT(3, family_cascade(&f.rig, 10));
        EXPECT_EQ_INT(JOB_CANCELLED, rig_state(&f.rig, &youngest.id));
        EXPECT_TRUE(family_flow(&f)->facts.closed);
        EXPECT_TRUE(family_flow_of(&f.rig, &upper.kid)->facts.closed);
        EXPECT_TRUE(family_flow_of(&f.rig, &upper.young)->facts.closed);
        EXPECT_EQ_INT(JOB_QUEUED, rig_state(&f.rig, &upper.then)); // it is no member
        EXPECT_EQ_UINT(0, family_cascade(&f.rig, 10));
        family_finish(&f);
    }
}

/* Who has left nothing is not gone through, and a flow of such members closes at once. */
static void test_nothing_left(void) {
    static struct family f;
    family_begin(&f);
    family_make(&f, 1, 0, false);
    struct line line = end_with_a_child(&f, "q", "q", JOB_EV_SUCCEED);
    const struct store_claimed *young = rig_claim_one(&f.rig, "q", "young");
    EXPECT_EQ_INT(0, rig_succeed(&f.rig, young));
    family_forward(&f.rig);
    EXPECT_TRUE(family_flow_of(&f.rig, &line.kid)->facts.closed);
    family_end_opener(&f, JOB_EV_CANCEL);
    EXPECT_EQ_UINT(1, family_cascade(&f.rig, 10)); // it had left something when it ended
    EXPECT_EQ_INT(JOB_SUCCEEDED, family_flow_of(&f.rig, &line.kid)->facts.opener);
    EXPECT_EQ_INT(JOB_QUEUED, rig_state(&f.rig, &line.then));
    family_finish(&f);
    family_begin(&f);
    family_make(&f, 2, 0, false);
    (void)family_end_kid(&f, "q", JOB_EV_SUCCEED);
    (void)family_end_kid(&f, "q", JOB_EV_DIE);
    family_end_opener(&f, JOB_EV_CANCEL);
    EXPECT_TRUE(family_flow(&f)->facts.closed);
    EXPECT_EQ_UINT(0, family_cascade(&f.rig, 10));
    family_finish(&f);
}

/* A flow that fails goes through those that have ended as well, and through the one that has died. */
static void test_failed_through_who_has_ended(void) {
    static const char *const queues[] = {"q", "r"};
    for (size_t i = 0; i < 2; i++) {
        static struct family f;
        family_begin(&f);
        family_add_kids(&f, 2 * (i == 0), 2 * (i == 1));
        struct store_commit_item item = family_opener_item(&f, JOB_EV_NONE);
        item.children = f.kids;
        item.child_count = f.kid_count;
        item.then = &f.then;
        item.then_keep_ms = KEEP_MS;
        item.flow_on_dead = FLOW_FAIL + 1;
        EXPECT_EQ_INT(0, rig_commit(&f.rig, &item));
        family_forward(&f.rig);
        struct line well = end_with_a_child(&f, queues[i], "q", JOB_EV_SUCCEED);
        EXPECT_FALSE(family_flow(&f)->cancelling);
        EXPECT_EQ_INT(JOB_PARKED, family_park(&f));
        struct line dead = end_with_a_child(&f, queues[i], "r", JOB_EV_DIE);
        EXPECT_EQ_INT(JOB_QUEUED, rig_state(&f.rig, &f.opener->spec.id)); // it waits for nobody
        EXPECT_TRUE(family_flow(&f)->cancelling);
        EXPECT_EQ_UINT(4, family_cascade(&f.rig, 10));
        expect_followed(&f, &well, JOB_SUCCEEDED);
        expect_followed(&f, &dead, JOB_DEAD);
        f.opener = rig_claim_one(&f.rig, "q", "opener");
        f.commits = 0;
        family_end_opener(&f, JOB_EV_SUCCEED);
        EXPECT_TRUE(family_flow(&f)->facts.closed);
        EXPECT_EQ_INT(JOB_DEAD, family_then_state(&f));
        family_finish(&f);
    }
}

/* The last one dies when the opener has ended: it fails, goes through all, and closes then. */
static void test_failed_at_the_end(void) {
    static struct family f;
    family_begin(&f);
    family_add_kids(&f, 2, 0);
    struct store_commit_item item = family_opener_item(&f, JOB_EV_SUCCEED);
    item.children = f.kids;
    item.child_count = f.kid_count;
    item.then = &f.then;
    item.then_keep_ms = KEEP_MS;
    item.flow_on_dead = FLOW_FAIL + 1;
    EXPECT_EQ_INT(0, rig_commit(&f.rig, &item));
    struct line line = end_with_a_child(&f, "q", "q", JOB_EV_SUCCEED);
    (void)family_end_kid(&f, "q", JOB_EV_DIE);
    EXPECT_FALSE(family_flow(&f)->facts.closed);
    EXPECT_EQ_INT(-1, family_then_state(&f));
    EXPECT_EQ_UINT(3, family_cascade(&f.rig, 10));
    expect_followed(&f, &line, JOB_SUCCEEDED);
    EXPECT_TRUE(family_flow(&f)->facts.closed);
    EXPECT_EQ_INT(JOB_DEAD, family_then_state(&f));
    family_finish(&f);
}

static int ask_to_end(struct rig *rig, const struct job_id *id) {
    struct store_move_item item = {
        .id = *id, .event = JOB_EV_CANCEL, .ask = true, .keep_ms = KEEP_MS};
    struct store_move move = {.items = &item, .count = 1};
    EXPECT_EQ_INT(0, rig_run(rig, &move.op, STORE_MOVE));
    store_op_finish(&move.op);
    return item.status;
}

/* Who was asked to end and succeeds all the same, or dies, is followed by what it made, as if it had obeyed. */
static void test_asked_and_ended(void) {
    static const enum job_event ends[] = {JOB_EV_SUCCEED, JOB_EV_DIE};
    for (size_t i = 0; i < 2; i++) {
        static struct family f;
        family_begin(&f);
        family_make(&f, 1, 1, true);
        EXPECT_EQ_INT(0, ask_to_end(&f.rig, &f.opener->spec.id));
        EXPECT_FALSE(family_flow(&f)->cancelling); // it may go on for a while
        family_end_opener(&f, ends[i]);
        EXPECT_EQ_INT(i == 0 ? JOB_SUCCEEDED : JOB_DEAD, rig_state(&f.rig, &f.opener->spec.id));
        EXPECT_TRUE(family_flow(&f)->cancelling);
        EXPECT_EQ_UINT(2, family_cascade(&f.rig, 10));
        EXPECT_EQ_INT(2, family_flow(&f)->facts.tally.cancelled);
        EXPECT_TRUE(family_flow(&f)->facts.closed);
        EXPECT_EQ_INT(-1, family_then_state(&f));
        family_finish(&f);
    }
}

/* A cascade passes a member while it runs. What it makes before it ends is cancelled by its end. */
static void test_ended_behind_a_walk(void) {
    static const char *const queues[] = {"q", "r"};
    for (size_t i = 0; i < 2; i++) {
        static struct family f;
        char flow[JOB_ID_TEXT + 1];
        family_begin(&f);
        family_make(&f, i == 0, i == 1, false);
        const struct store_claimed *kid =
            rig_claim_one(&f.rig, queues[i], i == 0 ? "here" : "there");
        family_end_opener(&f, JOB_EV_CANCEL);
        EXPECT_EQ_UINT(1, family_cascade(&f.rig, 10));
        struct job_spec young = grandchild(&f, kid, queues[i], flow);
        struct store_commit_item item = rig_item(kid, JOB_EV_SUCCEED);
        item.children = &young;
        item.child_count = 1;
        item.keep_ms = KEEP_MS;
        item.commit_no = kid->commit_no + 1;
        EXPECT_EQ_INT(0, rig_commit(&f.rig, &item));
        EXPECT_EQ_UINT(1, family_cascade(&f.rig, 10));
        EXPECT_EQ_INT(JOB_CANCELLED, rig_state(&f.rig, &young.id));
        EXPECT_TRUE(family_flow(&f)->facts.closed);
        EXPECT_TRUE(family_flow_of(&f.rig, &kid->spec.id)->facts.closed);
        family_finish(&f);
    }
}

/* A dead opener whose flow a cascade has been through: revived it opens it again, as after a cancel of its own. */
static void test_revived_behind_a_walk(void) {
    static struct family f;
    family_begin(&f);
    family_make(&f, 2, 0, false);
    struct line line = end_with_a_child(&f, "q", "q", JOB_EV_DIE);
    family_end_opener(&f, JOB_EV_CANCEL);
    EXPECT_EQ_UINT(3, family_cascade(&f.rig, 10));
    expect_followed(&f, &line, JOB_DEAD);
    EXPECT_EQ_INT(0, rig_move(&f.rig, &f.opener->spec.id, JOB_EV_REVIVE));
    EXPECT_EQ_INT(0, rig_move(&f.rig, &line.kid, JOB_EV_REVIVE));
    EXPECT_EQ_INT(0, rig_move(&f.rig, &line.young, JOB_EV_REVIVE));
    EXPECT_EQ_INT(-1, family_flow_of(&f.rig, &line.kid)->facts.opener);
    EXPECT_FALSE(family_flow_of(&f.rig, &line.kid)->facts.closed);
    EXPECT_EQ_UINT(0, family_cascade(&f.rig, 10));
    EXPECT_EQ_INT(0, rig_succeed(&f.rig, rig_claim_one(&f.rig, "q", "here")));
    EXPECT_EQ_INT(-1, rig_state(&f.rig, &line.then));
    EXPECT_EQ_INT(0, rig_succeed(&f.rig, rig_claim_one(&f.rig, "q", "young")));
    family_forward(&f.rig);
    EXPECT_EQ_INT(JOB_QUEUED, rig_state(&f.rig, &line.then));
    f.opener = rig_claim_one(&f.rig, "q", "opener");
    f.commits = 0;
    family_end_opener(&f, JOB_EV_SUCCEED);
    EXPECT_TRUE(family_flow(&f)->facts.closed);
    family_finish(&f);
}

/* The host that was told of it dies with a page in its hands: it was met, and nothing says so; the next one meets it again. */
static void test_met_twice(void) {
    for (int moved = 0; moved < 2; moved++) {
        static struct family f;
        family_begin(&f);
        family_make(&f, 3, 0, false);
        struct line line = end_with_a_child(&f, "q", "r", JOB_EV_SUCCEED);
        family_end_opener(&f, JOB_EV_CANCEL);
        struct store_flow_cancel page = {.limit = 2};
        EXPECT_TRUE(family_look(&f.rig, &page));
        if (moved == 1) {
            family_cancel(&f.rig, &page);
        }
        store_op_finish(&page.op);
        (void)family_cascade(&f.rig, 2);
        expect_followed(&f, &line, JOB_SUCCEEDED);
        EXPECT_EQ_INT(2, family_flow(&f)->facts.tally.cancelled);
        EXPECT_TRUE(family_flow(&f)->facts.closed);
        family_finish(&f);
    }
}

/* A cancel of one that has ended is refused, as ever, and its flow goes on. */
static void test_cancel_of_who_has_ended(void) {
    static struct family f;
    family_begin(&f);
    family_make(&f, 1, 0, true);
    family_end_opener(&f, JOB_EV_SUCCEED);
    EXPECT_EQ_INT(-EINVAL, ask_to_end(&f.rig, &f.opener->spec.id));
    EXPECT_FALSE(family_flow(&f)->cancelling);
    (void)family_end_kid(&f, "q", JOB_EV_SUCCEED);
    EXPECT_EQ_INT(JOB_QUEUED, family_then_state(&f));
    family_finish(&f);
}

/* It is not swept while a cascade is to go through it. */
static void test_kept_until_met(void) {
    static struct family f;
    family_begin(&f);
    family_make(&f, 1, 0, false);
    struct line line = end_with_a_child(&f, "q", "q", JOB_EV_SUCCEED);
    family_end_opener(&f, JOB_EV_CANCEL);
    f.rig.now += 2 * KEEP_MS;
    family_sweep(&f.rig);
    EXPECT_EQ_INT(JOB_CANCELLED, rig_state(&f.rig, &f.opener->spec.id));
    EXPECT_EQ_UINT(2, family_cascade(&f.rig, 10));
    EXPECT_EQ_INT(JOB_CANCELLED, rig_state(&f.rig, &line.young));
    family_finish(&f);
}

/* SWEEP has put it off, as one whose flow is open; it goes soon after the cascade, whichever list it is in. */
static void test_swept_when_met(void) {
    static const enum job_event ends[] = {JOB_EV_SUCCEED, JOB_EV_DIE};
    for (size_t i = 0; i < 2; i++) {
        static struct family f;
        family_begin(&f);
        family_make(&f, 1, 0, false);
        struct line line = end_with_a_child(&f, "q", "q", ends[i]);
        f.rig.now += 2 * KEEP_MS;
        family_sweep(&f.rig);
        family_end_opener(&f, JOB_EV_CANCEL);
        EXPECT_EQ_UINT(2, family_cascade(&f.rig, 10));
        expect_followed(&f, &line, i == 0 ? JOB_SUCCEEDED : JOB_DEAD);
        f.rig.now += 1;
        family_sweep(&f.rig);
        EXPECT_EQ_INT(-1, rig_state(&f.rig, &line.kid));
        family_finish(&f);
    }
}

/* The opener's child has ended, and the child's as well: that one's own is left. */
static struct job_spec leave_behind(struct family *f, struct line *ret) {
    char flow[JOB_ID_TEXT + 1];
    family_make(f, 1, 0, false);
    *ret = end_with_a_child(f, "q", "q", JOB_EV_SUCCEED);
    const struct store_claimed *young = rig_claim_one(&f->rig, "q", "young");
    struct job_spec youngest = grandchild(f, young, "q", flow);
    struct store_commit_item item = rig_item(young, JOB_EV_SUCCEED);
    item.children = &youngest;
    item.child_count = 1;
    item.keep_ms = KEEP_MS;
    EXPECT_EQ_INT(0, rig_commit(&f->rig, &item));
    family_forward(&f->rig);
    return youngest;
}

/* A store of version 13 did not note who had left something. */
static void test_older_flows(void) {
    static struct family f;
    struct line line;
    family_begin(&f);
    struct job_spec youngest = leave_behind(&f, &line);
    EXPECT_TRUE(family_flow_of(&f.rig, &line.kid)->facts.closed);
    rig_close(&f.rig);
    rig_sql(&f.rig, "ALTER TABLE flows DROP COLUMN deep; DROP TABLE tokens;"
                    "ALTER TABLE audit DROP COLUMN origin; ALTER TABLE audit DROP COLUMN outcome;"
                    "PRAGMA user_version=13");
    EXPECT_EQ_INT(0, rig_open(&f.rig));
    (void)rig_recover(&f.rig);
    rig_expect_sound(&f.rig);
    EXPECT_EQ_INT(0, rig_move(&f.rig, &f.opener->spec.id, JOB_EV_CANCEL));
    EXPECT_EQ_UINT(3, family_cascade(&f.rig, 10));
    EXPECT_EQ_INT(JOB_CANCELLED, rig_state(&f.rig, &youngest.id));
    EXPECT_TRUE(family_flow(&f)->facts.closed);
    EXPECT_TRUE(family_flow_of(&f.rig, &line.young)->facts.closed);
    family_finish(&f);
}

/* A repair opens the flow of one that has not ended; what it was gone through for before does not count. */
static void test_repaired_opener(void) {
    static struct family f;
    family_begin(&f);
    family_make(&f, 1, 0, false);
    struct line line = end_with_a_child(&f, "q", "q", JOB_EV_SUCCEED);
    rig_close(&f.rig);
    rig_sql(&f.rig, "UPDATE flows SET opener = 6, closed_ms = 1, walked = -2 WHERE deep");
    EXPECT_EQ_INT(0, rig_open(&f.rig));
    (void)rig_recover(&f.rig);
    EXPECT_TRUE(sample_has(sample_fsck(&f.rig, true), "flow_opener", true));
    EXPECT_EQ_INT(0, rig_move(&f.rig, &f.opener->spec.id, JOB_EV_CANCEL));
    EXPECT_EQ_UINT(2, family_cascade(&f.rig, 10));
    expect_followed(&f, &line, JOB_SUCCEEDED);
    EXPECT_TRUE(family_flow(&f)->facts.closed);
    family_finish(&f);
}

/* ------------------------------------------------------------------ some hosts, and who comes back */

/* An older host says that it has been through, and knows nothing of members that have ended. */
static void test_walk_of_an_older_host(void) {
    static struct family f;
    char id[JOB_ID_TEXT + 1];
    family_begin(&f);
    family_make(&f, 1, 0, false);
    struct line line = end_with_a_child(&f, "q", "q", JOB_EV_SUCCEED);
    family_end_opener(&f, JOB_EV_CANCEL);
    id_format(&f.opener->spec.id, id);
    EXPECT_EQ_INT(0, rig_redis("SREM jobs:q:flows:cancel %s", id)); // where it would find it
    (void)rig_redis("HSET jobs:q:flow:%s walked over", id);         // and if it had done so before
    EXPECT_EQ_UINT(2, family_cascade(&f.rig, 10));
    expect_followed(&f, &line, JOB_SUCCEEDED);
    EXPECT_TRUE(family_flow(&f)->facts.closed);
    EXPECT_EQ_INT(0, rig_redis("EXISTS jobs:q:flows:walk"));
    family_finish(&f);
}

/* It began before this one came, and is gone in the middle. */
static void test_walk_that_an_older_host_began(void) {
    static struct family f;
    family_begin(&f);
    family_make(&f, 1, 0, false);
    struct line line = end_with_a_child(&f, "q", "q", JOB_EV_SUCCEED);
    family_end_opener(&f, JOB_EV_CANCEL);
    (void)rig_redis("RENAME jobs:q:flows:walk jobs:q:flows:cancel");
    EXPECT_TRUE(family_flow(&f)->cancelling);
    EXPECT_EQ_UINT(2, family_cascade(&f.rig, 10));
    expect_followed(&f, &line, JOB_SUCCEEDED);
    EXPECT_TRUE(family_flow(&f)->facts.closed);
    EXPECT_EQ_INT(0, rig_redis("EXISTS jobs:q:flows:walk jobs:q:flows:cancel"));
    family_finish(&f);
}

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
      {"a member that has ended is followed by what it made", test_through_who_has_ended},
      {"a closed flow is gone through if somebody in it has left something",
       test_through_a_closed_flow},
      {"who has left nothing is not gone through", test_nothing_left},
      {"a flow that fails goes through those that have ended", test_failed_through_who_has_ended},
      {"a flow that fails at its end closes when all have been met", test_failed_at_the_end},
      {"who was asked to end is followed by what it made, whatever it ends as",
       test_asked_and_ended},
      {"a member that ends when the cascade has passed", test_ended_behind_a_walk},
      {"a dead opener that a cascade has been through is revived", test_revived_behind_a_walk},
      {"a member that has ended is met twice", test_met_twice},
      {"a cancel of an opener that has ended is refused", test_cancel_of_who_has_ended},
      {"an opener is kept until its members have been met", test_kept_until_met},
      {"a member that is revived while a page is out is met again", test_revived_in_a_walk},
      {"a member that dies ends a flow that shall fail", test_fail},
      {"a member that arrives in a flow that has failed is cancelled", test_failed_underway},
      {"a flow that shall fail since somebody died", test_fail_late},
      {"a revived member takes back what it was reason for", test_no_reason_left});

CASES(cascade_file, ON_FILE,
      {"a cascade goes through what an older store has written", test_older_flows},
      {"a repaired flow is gone through", test_repaired_opener},
      {"an opener that is replaced is followed by its members", test_replaced_opener},
      {"a member that comes too late is followed by what a death is", test_late_member});

CASES(cascade_shared, ON_SHARED,
      {"members of a cancelled flow that two hosts bring end once", test_underway_of_two_hosts},
      {"a cascade that another host goes on with", test_walk_of_two_hosts},
      {"who a cascade has been through goes when his time is over", test_swept_when_met},
      {"an older host has ended a cascade", test_walk_of_an_older_host},
      {"a cascade that an older host began", test_walk_that_an_older_host_began});
