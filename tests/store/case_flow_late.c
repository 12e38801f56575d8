/* What comes to a flow when it is too late, on every store: members and a dead then, who leave their keys to others; another
 * then; a page of an earlier walk. */
#include "cases.h"
#include "family.h"

// A member does not replace anybody.
static const enum dedup_mode modes[] = {DEDUP_RETURN, DEDUP_DEBOUNCE, DEDUP_THROTTLE,
                                        DEDUP_REPLACE};

static struct job_id hold(struct rig *rig, const char *queue, enum dedup_mode mode, bool runs) {
    struct job_spec spec = rig_spec(rig, queue, "holder");
    spec.dedup_key = "key";
    spec.dedup_mode = mode;
    spec.dedup_ttl_ms = KEEP_MS;
    EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(rig, &spec));
    if (runs) {
        EXPECT_TRUE(id_equal(&spec.id, &rig_claim_one(rig, queue, "holder")->spec.id));
    }
    return spec.id;
}

static void take_part(struct job_spec *spec, enum dedup_mode mode) {
    spec->dedup_key = "key";
    spec->dedup_mode = mode;
    spec->dedup_ttl_ms = KEEP_MS;
}

// As it was, and not asked to end: its key is held.
static void expect_holder(struct family *f, const struct job_id *id, const char *queue,
                          enum dedup_mode mode, bool runs) {
    struct job_spec next = rig_spec(&f->rig, queue, "holder");
    const struct store_job *job = rig_get(&f->rig, id);
    EXPECT_EQ_INT(runs ? JOB_RUNNING : JOB_QUEUED, job->state);
    EXPECT_EQ_INT(runs ? 2 : 1, job->rev);
    EXPECT_TRUE(id_is_zero(&job->winner));
    next.dedup_key = "key";
    bool holds = mode != DEDUP_DEBOUNCE || !runs; // which waits
    EXPECT_EQ_INT(holds ? SUBMIT_DUPLICATE : SUBMIT_NEW, rig_submit(&f->rig, &next));
}

static void test_late_member(void) {
    for (size_t i = 0; i < 2 * (ARRAY_LEN(modes) - 1); i++) {
        static struct family f;
        bool runs = i % 2 != 0;
        family_begin(&f);
        struct job_id holder = hold(&f.rig, "r", modes[i / 2], runs);
        take_part(family_add_kid(&f, "r", "there"), modes[i / 2]);
        struct store_commit_item item = family_opener_item(&f, JOB_EV_CANCEL);
        item.children = f.kids;
        item.child_count = 1;
        EXPECT_EQ_INT(0, rig_commit(&f.rig, &item));
        family_forward(&f.rig);
        EXPECT_EQ_INT(JOB_CANCELLED, rig_state(&f.rig, &f.kids[0].id));
        EXPECT_TRUE(family_flow(&f)->facts.closed);
        EXPECT_EQ_INT(1, family_flow(&f)->facts.tally.cancelled);
        expect_holder(&f, &holder, "r", modes[i / 2], runs);
        family_finish(&f);
    }
}

static void test_dead_then(void) {
    for (size_t i = 0; i < 2 * ARRAY_LEN(modes); i++) {
        static struct family f;
        bool runs = i % 2 != 0;
        family_begin(&f);
        struct job_id holder = hold(&f.rig, "q", modes[i / 2], runs);
        take_part(&f.then, modes[i / 2]);
        family_make(&f, 0, 0, true);
        family_end_opener(&f, JOB_EV_DIE);
        EXPECT_EQ_INT(JOB_DEAD, family_then_state(&f));
        expect_holder(&f, &holder, "q", modes[i / 2], runs);
        family_finish(&f);
    }
}

// A then that runs takes the key, as its mode has it.
static void test_then_takes_key(void) {
    static struct family f;
    family_begin(&f);
    struct job_id holder = hold(&f.rig, "q", DEDUP_REPLACE, false);
    take_part(&f.then, DEDUP_REPLACE);
    family_make(&f, 0, 0, true);
    family_end_opener(&f, JOB_EV_SUCCEED);
    EXPECT_EQ_INT(JOB_QUEUED, family_then_state(&f));
    EXPECT_EQ_INT(JOB_CANCELLED, rig_state(&f.rig, &holder));
    family_finish(&f);
}

static void test_then_once(void) {
    static const enum job_event ends[] = {JOB_EV_DIE, JOB_EV_SUCCEED};
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        static struct family f;
        family_begin(&f);
        family_make(&f, 1, 0, true);
        family_end_opener(&f, JOB_EV_DIE);
        (void)family_end_kid(&f, "q", JOB_EV_SUCCEED);
        EXPECT_EQ_INT(JOB_DEAD, family_then_state(&f));
        int removed = -1;
        struct store_remove remove = {.ids = &f.then.id, .status = &removed, .count = 1};
        EXPECT_EQ_INT(0, rig_run(&f.rig, &remove.op, STORE_REMOVE));
        EXPECT_EQ_INT(0, removed);
        EXPECT_EQ_INT(0, rig_move(&f.rig, &f.opener->spec.id, JOB_EV_REVIVE));
        f.opener = rig_claim_one(&f.rig, "q", "opener");
        f.commits = 0;
        family_end_opener(&f, ends[i]);
        EXPECT_TRUE(family_flow(&f)->facts.closed);
        EXPECT_FALSE(id_is_zero(&family_flow(&f)->then));
        struct store_forward forward = {.limit = 10};
        EXPECT_EQ_INT(0, rig_run(&f.rig, &forward.op, STORE_FORWARD));
        EXPECT_EQ_UINT(0, forward.delivered);
        store_op_finish(&forward.op);
        EXPECT_EQ_INT(-1, family_then_state(&f));
        family_finish(&f);
    }
}

/* Begun anew since, maybe in a store that has been opened anew as well. */
static void test_old_page(void) {
    for (int reopens = 0; reopens < 2; reopens++) {
        static struct family f;
        struct store_flow_cancel c = {.limit = 2};
        family_begin(&f);
        family_make(&f, 3, 0, false);
        struct job_id first = f.kids[0].id, opener = f.opener->spec.id;
        family_end_opener(&f, JOB_EV_CANCEL);
        EXPECT_TRUE(family_look(&f.rig, &c));
        EXPECT_EQ_UINT(2, c.count);
        EXPECT_EQ_INT(0, rig_move(&f.rig, &opener, JOB_EV_REVIVE));
        EXPECT_EQ_INT(0, rig_move(&f.rig, &opener, JOB_EV_CANCEL));
        if (reopens == 1) {
            EXPECT_EQ_INT(0, rig_reopen(&f.rig));
        }
        EXPECT_TRUE(family_look(&f.rig, &c)); // gives the page back
        if (EXPECT_EQ_UINT(2, c.count)) {
            EXPECT_TRUE(id_equal(&first, &c.members[0]) || id_equal(&first, &c.members[1]));
        }
        store_op_finish(&c.op);
        EXPECT_EQ_UINT(3, family_walk(&f.rig, 2));
        family_finish(&f);
    }
}

CASES(flow_late, ON_ALL,
      {"a member that comes too late leaves the key to its holder", test_late_member},
      {"a then that is dead leaves the key to its holder", test_dead_then},
      {"a then that runs takes its key", test_then_takes_key},
      {"a then that has been made is not made again", test_then_once},
      {"a page of an earlier walk", test_old_page});
