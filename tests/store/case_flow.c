/* Flows: members here and in other queues, what they wait for, and the job that comes behind all of them. */
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "cases.h"
#include "jobhost_plugin.h"
#include "sample.h"
#include "store/flows.h"
#include "store/sqlite/sql.h"

enum { KEEP_MS = 60000, KIDS_MAX = 300 };

/* ------------------------------------------------------------------ short forms */

/* One opener in queue "q", and its children: of type "here" in its own queue, of type "there" in queue "r". */
struct family {
    struct rig rig;
    const struct store_claimed *opener;
    char flow[JOB_ID_TEXT + 1];
    uint32_t commits;
    struct job_spec kids[KIDS_MAX], then;
    size_t kid_count;
};

static void begin_with(struct family *f, const char *key) {
    memset(f, 0, sizeof *f);
    rig_start(&f->rig);
    struct job_spec opener = rig_spec(&f->rig, "q", "opener");
    opener.dedup_key = key;
    (void)rig_submit(&f->rig, &opener);
    f->opener = rig_claim_one(&f->rig, "q", "opener");
    id_format(&f->opener->spec.id, f->flow);
    f->then = rig_spec(&f->rig, "q", "then");
    f->then.parent = f->opener->spec.id;
}

static void begin(struct family *f) {
    begin_with(f, NULL);
}

static struct job_spec *add_kid(struct family *f, const char *queue, const char *type) {
    struct job_spec *kid = &f->kids[f->kid_count++];
    *kid = rig_spec(&f->rig, queue, type);
    kid->parent = f->opener->spec.id;
    kid->flow_id = f->flow;
    kid->flow_queue = strcmp(queue, "q") == 0 ? NULL : "q";
    return kid;
}

static void add_kids(struct family *f, size_t here, size_t there) {
    for (size_t i = 0; i < here; i++) {
        (void)add_kid(f, "q", "here");
    }
    for (size_t i = 0; i < there; i++) {
        (void)add_kid(f, "r", "there");
    }
}

static void forward(struct rig *rig) {
    struct store_forward forward;
    do {
        forward = (struct store_forward){.limit = 100};
        (void)EXPECT_EQ_INT(0, rig_run(rig, &forward.op, STORE_FORWARD));
        store_op_finish(&forward.op);
    } while (forward.more);
}

static struct store_commit_item opener_item(struct family *f, enum job_event event) {
    struct store_commit_item item = rig_item(f->opener, event);
    item.commit_no = f->opener->commit_no + ++f->commits;
    item.keep_ms = KEEP_MS;
    return item;
}

/* The opener goes on, with these children, and its `then`. Those for another queue are underway. */
static void send(struct family *f, size_t here, size_t there, bool then) {
    add_kids(f, here, there);
    struct store_commit_item item = opener_item(f, JOB_EV_NONE);
    item.children = f->kids;
    item.child_count = f->kid_count;
    item.then = then ? &f->then : NULL;
    item.then_keep_ms = then ? KEEP_MS : 0;
    (void)EXPECT_EQ_INT(0, rig_commit(&f->rig, &item));
}

/* And they arrive. */
static void make(struct family *f, size_t here, size_t there, bool then) {
    send(f, here, there, then);
    forward(&f->rig);
}

static void end_opener(struct family *f, enum job_event event) {
    struct store_commit_item item = opener_item(f, event);
    (void)EXPECT_EQ_INT(0, rig_commit(&f->rig, &item));
}

static struct job_id end_kid(struct family *f, const char *queue, enum job_event event) {
    const char *type = strcmp(queue, "q") == 0 ? "here" : "there";
    const struct store_claimed *kid = rig_claim_one(&f->rig, queue, type);
    struct store_commit_item item = rig_item(kid, event);
    const struct job_error error = {.cls = JH_E_PERMANENT, .code = "bad", .message = "bad"};
    item.keep_ms = KEEP_MS;
    item.error = event == JOB_EV_DIE ? &error : NULL;
    (void)EXPECT_EQ_INT(0, rig_commit(&f->rig, &item));
    forward(&f->rig);
    return kid->spec.id;
}

static const struct store_flow *flow_of(struct rig *rig, const struct job_id *id) {
    static const struct store_flow none = {.facts = {.opener = -2}};
    struct store_flow_get *get = RIG_NEW(rig, store_flow_get);
    get->id = *id;
    return rig_run(rig, &get->op, STORE_FLOW_GET) == 0 ? &get->flow : &none;
}

static const struct store_flow *flow(struct family *f) {
    return flow_of(&f->rig, &f->opener->spec.id);
}

static int64_t open_count(struct family *f) {
    return flow_open_count(&flow(f)->facts.tally);
}

static int then_state(struct family *f) {
    forward(&f->rig);
    return rig_state(&f->rig, &f->then.id);
}

static void sweep(struct rig *rig) {
    struct store_sweep sweep = {.limit = 100};
    (void)EXPECT_EQ_INT(0, rig_run(rig, &sweep.op, STORE_SWEEP));
    store_op_finish(&sweep.op);
}

static void finish(struct family *f) {
    rig_expect_sound(&f->rig);
    rig_finish(&f->rig);
}

/* ------------------------------------------------------------------ closing */

static void test_members_first(void) {
    static struct family f;
    begin(&f);
    EXPECT_EQ_INT(-2, flow(&f)->facts.opener); // nothing is there for a job without children
    make(&f, 1, 1, true);
    EXPECT_EQ_INT(2, flow(&f)->facts.tally.made);
    EXPECT_EQ_INT(2, open_count(&f));
    EXPECT_TRUE(id_equal(&f.then.id, &flow(&f)->then));
    EXPECT_FALSE(flow(&f)->then_made);
    (void)end_kid(&f, "r", JOB_EV_SUCCEED);
    EXPECT_EQ_INT(1, open_count(&f));
    (void)end_kid(&f, "q", JOB_EV_SUCCEED);
    EXPECT_EQ_INT(2, flow(&f)->facts.tally.succeeded);
    EXPECT_FALSE(flow(&f)->facts.closed); // its opener may make more
    EXPECT_EQ_INT(-1, then_state(&f));
    f.rig.now += 5000;
    end_opener(&f, JOB_EV_SUCCEED);
    EXPECT_TRUE(flow(&f)->facts.closed);
    EXPECT_TRUE(flow(&f)->then_made);
    EXPECT_EQ_INT(f.rig.now, flow(&f)->closed_ms);
    EXPECT_EQ_INT(JOB_SUCCEEDED, flow(&f)->facts.opener);
    EXPECT_EQ_INT(JOB_QUEUED, then_state(&f));
    EXPECT_EQ_INT(f.rig.now, rig_get(&f.rig, &f.then.id)->ready_ms); // not since it was asked for
    finish(&f);
}

static void test_opener_first(void) {
    static struct family f;
    begin(&f);
    make(&f, 1, 2, true);
    end_opener(&f, JOB_EV_SUCCEED);
    EXPECT_FALSE(flow(&f)->facts.closed);
    (void)end_kid(&f, "r", JOB_EV_SUCCEED);
    (void)end_kid(&f, "q", JOB_EV_DIE);
    EXPECT_EQ_INT(-1, then_state(&f));
    (void)end_kid(&f, "r", JOB_EV_CANCEL);
    EXPECT_TRUE(flow(&f)->facts.closed);
    EXPECT_EQ_INT(1, flow(&f)->facts.tally.succeeded);
    EXPECT_EQ_INT(1, flow(&f)->facts.tally.dead);
    EXPECT_EQ_INT(1, flow(&f)->facts.tally.cancelled);
    EXPECT_EQ_INT(JOB_QUEUED, then_state(&f)); // on_child_dead: continue
    const struct store_claimed *then = rig_claim_one(&f.rig, "q", "then");
    EXPECT_TRUE(id_equal(&f.then.id, &then->spec.id));
    EXPECT_EQ_INT(0, rig_succeed(&f.rig, then));
    forward(&f.rig);
    EXPECT_EQ_UINT(0, rig_claim(&f.rig, "q", "then", 1)->job_count); // once
    finish(&f);
}

static void test_all_in_one_commit(void) {
    static struct family f;
    begin(&f);
    add_kids(&f, 0, 1);
    struct store_commit_item item = opener_item(&f, JOB_EV_SUCCEED);
    item.children = f.kids;
    item.child_count = 1;
    item.then = &f.then;
    EXPECT_EQ_INT(0, rig_commit(&f.rig, &item));
    EXPECT_EQ_INT(1, open_count(&f)); // it counts from the commit on, not from its arrival
    EXPECT_EQ_INT(0, rig_commit(&f.rig, &item)); // sent again
    forward(&f.rig);
    EXPECT_EQ_INT(1, flow(&f)->facts.tally.made);
    (void)end_kid(&f, "r", JOB_EV_SUCCEED);
    EXPECT_EQ_INT(JOB_QUEUED, then_state(&f));
    finish(&f);
}

static void test_then_alone(void) {
    static struct family f;
    begin(&f);
    f.then.queue = "r";
    f.then.run_at_ms = f.rig.now + 1000;
    f.then.deadline_ms = f.rig.now + 10000;
    make(&f, 0, 0, true);
    f.rig.now += 20000;
    end_opener(&f, JOB_EV_SUCCEED);
    EXPECT_EQ_INT(JOB_SCHEDULED, then_state(&f));
    const struct store_job *then = rig_get(&f.rig, &f.then.id);
    EXPECT_EQ_INT(f.rig.now + 1000, then->spec.run_at_ms); // counted from the close
    EXPECT_EQ_INT(f.rig.now + 10000, then->spec.deadline_ms);
    EXPECT_TRUE(id_equal(&f.opener->spec.id, &then->spec.parent));
    finish(&f);
}

static void test_one_after_the_other(void) {
    static struct family f;
    begin(&f);
    make(&f, 1, 1, false);
    (void)end_kid(&f, "q", JOB_EV_SUCCEED);
    (void)end_kid(&f, "r", JOB_EV_SUCCEED);
    f.kid_count = 0;
    make(&f, 2, 0, true);
    EXPECT_EQ_INT(4, flow(&f)->facts.tally.made);
    EXPECT_EQ_INT(2, open_count(&f));
    end_opener(&f, JOB_EV_SUCCEED);
    (void)end_kid(&f, "q", JOB_EV_SUCCEED);
    (void)end_kid(&f, "q", JOB_EV_SUCCEED);
    EXPECT_EQ_INT(JOB_QUEUED, then_state(&f));
    finish(&f);
}

static void test_duplicates(void) {
    static struct family f;
    begin(&f);
    const char *queues[] = {"q", "r"};
    for (size_t i = 0; i < 2; i++) {
        struct job_spec taken = rig_spec(&f.rig, queues[i], "other");
        taken.dedup_key = "k";
        EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(&f.rig, &taken));
        struct job_spec *kid = add_kid(&f, queues[i], i == 0 ? "here" : "there");
        kid->dedup_key = "k";
        kid->dedup_mode = DEDUP_RETURN;
    }
    struct store_commit_item item = opener_item(&f, JOB_EV_SUCCEED);
    item.children = f.kids;
    item.child_count = f.kid_count;
    item.then = &f.then;
    EXPECT_EQ_INT(0, rig_commit(&f.rig, &item));
    forward(&f.rig);
    EXPECT_EQ_INT(2, flow(&f)->facts.tally.made);
    EXPECT_EQ_INT(2, flow(&f)->facts.tally.duplicate);
    EXPECT_EQ_INT(0, open_count(&f));
    EXPECT_TRUE(flow(&f)->facts.closed);
    EXPECT_EQ_INT(JOB_QUEUED, then_state(&f));
    finish(&f);
}

// Other words are no other flow: neither none, nor that of a child which brings them.
static void test_debounced_member(void) {
    for (int by_child = 0; by_child < 2; by_child++) {
        static struct family f;
        begin(&f);
        struct job_spec *kid = add_kid(&f, "q", "here");
        kid->dedup_key = "k";
        kid->dedup_mode = DEDUP_DEBOUNCE;
        kid->dedup_ttl_ms = 1000;
        make(&f, 0, 0, true);
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
            EXPECT_TRUE(flow_of(&f.rig, &other->spec.id)->facts.closed);
        }
        (void)end_kid(&f, "q", JOB_EV_SUCCEED);
        EXPECT_EQ_INT(1, flow(&f)->facts.tally.succeeded);
        end_opener(&f, JOB_EV_SUCCEED);
        EXPECT_EQ_INT(JOB_QUEUED, then_state(&f));
        finish(&f);
    }
}

/* ------------------------------------------------------------------ waiting */

static int park(struct family *f) {
    struct store_commit_item item = opener_item(f, JOB_EV_PARK);
    item.park = PARK_CHILDREN;
    (void)EXPECT_EQ_INT(0, rig_commit(&f->rig, &item));
    (void)EXPECT_EQ_INT((int)item.state, rig_state(&f->rig, &f->opener->spec.id));
    return (int)item.state;
}

static void test_wait(void) {
    static struct family f;
    begin(&f);
    make(&f, 1, 1, false);
    EXPECT_EQ_INT(JOB_PARKED, park(&f));
    (void)end_kid(&f, "q", JOB_EV_SUCCEED);
    EXPECT_EQ_INT(JOB_PARKED, rig_state(&f.rig, &f.opener->spec.id));
    (void)end_kid(&f, "r", JOB_EV_DIE);
    EXPECT_EQ_INT(JOB_QUEUED, rig_state(&f.rig, &f.opener->spec.id));
    f.opener = rig_claim_one(&f.rig, "q", "opener");
    f.commits = 0;
    EXPECT_EQ_INT(JOB_QUEUED, park(&f)); // there is nobody to wait for
    f.opener = rig_claim_one(&f.rig, "q", "opener");
    f.commits = 0;
    end_opener(&f, JOB_EV_SUCCEED);
    EXPECT_TRUE(flow(&f)->facts.closed);
    finish(&f);
}

static void test_wait_without_a_flow(void) {
    static struct family f;
    begin(&f);
    EXPECT_EQ_INT(JOB_QUEUED, park(&f));
    finish(&f);
}

static void test_wait_for_so_long(void) {
    static struct family f;
    begin(&f);
    make(&f, 0, 1, false);
    struct store_commit_item item = opener_item(&f, JOB_EV_PARK);
    item.park = PARK_CHILDREN;
    item.run_at_ms = f.rig.now + 1000;
    EXPECT_EQ_INT(0, rig_commit(&f.rig, &item));
    f.rig.now += 1000;
    EXPECT_EQ_UINT(1, rig_due(&f.rig, NULL));
    EXPECT_EQ_INT(JOB_QUEUED, rig_state(&f.rig, &f.opener->spec.id));
    (void)end_kid(&f, "r", JOB_EV_SUCCEED); // wakes nobody
    f.opener = rig_claim_one(&f.rig, "q", "opener");
    f.commits = 0;
    end_opener(&f, JOB_EV_SUCCEED);
    finish(&f);
}

/* ------------------------------------------------------------------ death and revival */

static void test_dead_opener(void) {
    static struct family f;
    begin(&f);
    make(&f, 1, 0, true);
    end_opener(&f, JOB_EV_DIE);
    EXPECT_FALSE(flow(&f)->facts.closed);
    (void)end_kid(&f, "q", JOB_EV_SUCCEED);
    EXPECT_EQ_INT(JOB_DEAD, then_state(&f));
    EXPECT_EQ_STR("opener_dead", rig_get(&f.rig, &f.then.id)->error.code);
    EXPECT_EQ_INT(0, rig_move(&f.rig, &f.then.id, JOB_EV_REVIVE)); // somebody wants it all the same
    EXPECT_EQ_INT(JOB_QUEUED, then_state(&f));
    finish(&f);
}

static int submit_key(struct family *f, const char *queue, const char *key) {
    struct job_spec spec = rig_spec(&f->rig, queue, "next");
    spec.dedup_key = key;
    return rig_submit(&f->rig, &spec);
}

/* Who ends as it begins, be it a then or a member that comes too late, holds its dedup key no longer. */
static void test_ended_keys(void) {
    static struct family f;
    begin(&f);
    f.then.dedup_key = "then";
    make(&f, 0, 0, true);
    end_opener(&f, JOB_EV_DIE);
    EXPECT_EQ_INT(JOB_DEAD, then_state(&f));
    EXPECT_EQ_INT(SUBMIT_NEW, submit_key(&f, "q", "then"));
    EXPECT_EQ_INT(SUBMIT_DUPLICATE, submit_key(&f, "q", "then"));
    finish(&f);
    begin(&f);
    add_kid(&f, "r", "there")->dedup_key = "late";
    struct store_commit_item item = opener_item(&f, JOB_EV_CANCEL);
    item.children = f.kids;
    item.child_count = 1;
    EXPECT_EQ_INT(0, rig_commit(&f.rig, &item));
    forward(&f.rig);
    EXPECT_EQ_INT(JOB_CANCELLED, rig_state(&f.rig, &f.kids[0].id));
    EXPECT_EQ_INT(SUBMIT_NEW, submit_key(&f, "r", "late"));
    finish(&f);
}

/* It does not stay for ever, and a then that ran is not kept by that. */
static void test_dead_then_goes(void) {
    const char *const queues[] = {"q", "r"};
    for (size_t i = 0; i < 2; i++) {
        static struct family f;
        begin(&f);
        f.then.queue = queues[i];
        make(&f, 1, 0, true);
        end_opener(&f, JOB_EV_DIE);
        (void)end_kid(&f, "q", JOB_EV_SUCCEED);
        EXPECT_EQ_INT(JOB_DEAD, then_state(&f));
        f.rig.now += KEEP_MS - 1;
        sweep(&f.rig);
        EXPECT_EQ_INT(JOB_DEAD, then_state(&f));
        f.rig.now += 1;
        sweep(&f.rig);
        EXPECT_EQ_INT(-1, then_state(&f));
        finish(&f);
    }
}

static void test_revived_opener(void) {
    static struct family f;
    begin(&f);
    make(&f, 1, 0, true);
    end_opener(&f, JOB_EV_DIE);
    EXPECT_EQ_INT(0, rig_move(&f.rig, &f.opener->spec.id, JOB_EV_REVIVE));
    EXPECT_EQ_INT(-1, flow(&f)->facts.opener);
    (void)end_kid(&f, "q", JOB_EV_SUCCEED);
    EXPECT_FALSE(flow(&f)->facts.closed);
    f.opener = rig_claim_one(&f.rig, "q", "opener");
    f.commits = 0;
    end_opener(&f, JOB_EV_SUCCEED);
    EXPECT_EQ_INT(JOB_QUEUED, then_state(&f));
    finish(&f);
}

static void test_revived_member(void) {
    const char *const queues[] = {"q", "r"};
    for (size_t i = 0; i < 2; i++) {
        static struct family f;
        begin(&f);
        make(&f, i == 0, i == 1, true);
        struct job_id kid = end_kid(&f, queues[i], JOB_EV_DIE);
        EXPECT_EQ_INT(1, flow(&f)->facts.tally.dead);
        EXPECT_EQ_INT(0, rig_move(&f.rig, &kid, JOB_EV_REVIVE));
        forward(&f.rig);
        EXPECT_EQ_INT(0, flow(&f)->facts.tally.dead);
        EXPECT_EQ_INT(1, open_count(&f));
        end_opener(&f, JOB_EV_SUCCEED);
        EXPECT_EQ_INT(-1, then_state(&f));
        (void)end_kid(&f, queues[i], JOB_EV_SUCCEED);
        EXPECT_EQ_INT(JOB_QUEUED, then_state(&f));
        finish(&f);
    }
}

/* It is counted as it stands, and the flow stays closed. */
static void test_revived_too_late(void) {
    const char *const queues[] = {"q", "r"};
    for (size_t i = 0; i < 2; i++) {
        static struct family f;
        begin(&f);
        make(&f, i == 0, i == 1, true);
        struct job_id kid = end_kid(&f, queues[i], JOB_EV_DIE);
        end_opener(&f, JOB_EV_SUCCEED);
        EXPECT_EQ_INT(JOB_QUEUED, then_state(&f));
        EXPECT_EQ_INT(0, rig_move(&f.rig, &kid, JOB_EV_REVIVE));
        forward(&f.rig);
        EXPECT_EQ_INT(1, open_count(&f));
        EXPECT_TRUE(flow(&f)->facts.closed);
        (void)end_kid(&f, queues[i], JOB_EV_SUCCEED);
        EXPECT_EQ_INT(0, flow(&f)->facts.tally.dead);
        EXPECT_EQ_INT(1, flow(&f)->facts.tally.succeeded);
        EXPECT_TRUE(flow(&f)->facts.closed);
        finish(&f);
    }
}

/* The member first: it has not ended when its flow is open again, and ends once. */
static void test_both_revived(void) {
    const char *const queues[] = {"q", "r"};
    for (size_t i = 0; i < 2; i++) {
        static struct family f;
        begin(&f);
        make(&f, i == 0, i == 1, false);
        struct job_id kid = end_kid(&f, queues[i], JOB_EV_DIE);
        end_opener(&f, JOB_EV_DIE);
        EXPECT_TRUE(flow(&f)->facts.closed);
        EXPECT_EQ_INT(0, rig_move(&f.rig, &kid, JOB_EV_REVIVE));
        forward(&f.rig);
        EXPECT_EQ_INT(0, rig_move(&f.rig, &f.opener->spec.id, JOB_EV_REVIVE));
        EXPECT_FALSE(flow(&f)->facts.closed);
        rig_expect_sound(&f.rig);
        f.opener = rig_claim_one(&f.rig, "q", "opener");
        f.commits = 0;
        f.kid_count = 0;
        make(&f, 1, 0, false);
        EXPECT_EQ_INT(2, open_count(&f));
        EXPECT_EQ_INT(JOB_PARKED, park(&f));
        (void)end_kid(&f, "q", JOB_EV_SUCCEED);
        EXPECT_EQ_INT(JOB_PARKED, rig_state(&f.rig, &f.opener->spec.id));
        (void)end_kid(&f, queues[i], JOB_EV_SUCCEED);
        EXPECT_EQ_INT(JOB_QUEUED, rig_state(&f.rig, &f.opener->spec.id));
        EXPECT_EQ_INT(2, flow(&f)->facts.tally.succeeded);
        EXPECT_EQ_INT(0, flow(&f)->facts.tally.dead);
        finish(&f);
    }
}

/* ------------------------------------------------------------------ cancelling */

/* The next page, which says that the one before is done with. True: there is one. */
static bool look(struct rig *rig, struct store_flow_cancel *c) {
    c->done = c->id;
    c->done_cursor = c->cursor;
    c->done_walk = c->walk;
    store_op_finish(&c->op);
    memset(&c->op, 0, sizeof c->op);
    return EXPECT_EQ_INT(0, rig_run(rig, &c->op, STORE_FLOW_CANCEL)) && !id_is_zero(&c->id);
}

/* Each of it is cancelled. */
static void cancel(struct rig *rig, const struct store_flow_cancel *c) {
    for (size_t i = 0; i < c->count; i++) {
        struct store_move_item item = {
            .id = c->members[i], .event = JOB_EV_CANCEL, .ask = true, .keep_ms = KEEP_MS};
        if (c->queues[i] != NULL) { // else it is underway
            EXPECT_EQ_STR(rig_get(rig, &c->members[i])->spec.queue, c->queues[i]);
        }
        struct store_move move = {.items = &item, .count = 1};
        (void)EXPECT_EQ_INT(0, rig_run(rig, &move.op, STORE_MOVE));
        store_op_finish(&move.op);
    }
}

/* What a host does: page by page, until there is no more. How many there were. */
static size_t walk(struct rig *rig, uint32_t limit) {
    struct store_flow_cancel c = {.limit = limit};
    size_t met = 0;
    while (look(rig, &c)) {
        cancel(rig, &c);
        met += c.count;
    }
    store_op_finish(&c.op);
    return met;
}

static size_t cascade(struct rig *rig, uint32_t limit) {
    forward(rig);
    size_t met = walk(rig, limit);
    forward(rig);
    return met;
}

static void test_cancelled_opener(void) {
    static struct family f;
    begin(&f);
    make(&f, 3, 3, true);
    const struct store_claimed *runs = rig_claim_one(&f.rig, "r", "there");
    (void)end_kid(&f, "q", JOB_EV_SUCCEED);
    end_opener(&f, JOB_EV_CANCEL);
    EXPECT_EQ_INT(5, open_count(&f));
    EXPECT_TRUE(flow(&f)->cancelling);
    EXPECT_EQ_UINT(6, cascade(&f.rig, 2));
    EXPECT_FALSE(flow(&f)->cancelling);
    EXPECT_EQ_INT(4, flow(&f)->facts.tally.cancelled);
    EXPECT_EQ_INT(1, open_count(&f)); // it runs, and has been asked to end
    EXPECT_EQ_UINT(0, cascade(&f.rig, 2));
    struct store_commit_item item = rig_item(runs, JOB_EV_CANCEL);
    EXPECT_EQ_INT(0, rig_commit(&f.rig, &item));
    forward(&f.rig);
    EXPECT_TRUE(flow(&f)->facts.closed);
    EXPECT_EQ_INT(-1, then_state(&f));
    finish(&f);
}

/* Between the walk and a member that is on its way nobody gets lost. */
static void test_cancelled_underway(void) {
    static struct family f;
    begin(&f);
    send(&f, 1, 3, true);
    end_opener(&f, JOB_EV_CANCEL);
    (void)walk(&f.rig, 10);
    EXPECT_FALSE(flow(&f)->cancelling);
    EXPECT_EQ_INT(3, open_count(&f));
    struct store_forward arrive = {.limit = 100, .ended_keep_ms = KEEP_MS};
    EXPECT_EQ_INT(0, rig_run(&f.rig, &arrive.op, STORE_FORWARD));
    EXPECT_EQ_UINT(3, arrive.ended_count);
    for (size_t i = 0; i < arrive.ended_count; i++) {
        EXPECT_TRUE(id_equal(&f.kids[i + 1].id, &arrive.ended[i]));
    }
    store_op_finish(&arrive.op);
    forward(&f.rig);
    EXPECT_EQ_INT(4, flow(&f)->facts.tally.cancelled);
    EXPECT_TRUE(flow(&f)->facts.closed);
    for (size_t i = 0; i < f.kid_count; i++) {
        EXPECT_EQ_INT(JOB_CANCELLED, rig_state(&f.rig, &f.kids[i].id));
    }
    EXPECT_EQ_UINT(0, rig_claim(&f.rig, "r", "there", 1)->job_count);
    EXPECT_EQ_INT(-1, then_state(&f));
    rig_expect_sound(&f.rig);
    f.rig.now += KEEP_MS;
    sweep(&f.rig);
    EXPECT_EQ_INT(-1, rig_state(&f.rig, &f.kids[3].id));
    finish(&f);
}

/* Who arrives when the flow goes on again runs. */
static void test_revived_underway(void) {
    static struct family f;
    begin(&f);
    send(&f, 0, 1, true);
    end_opener(&f, JOB_EV_CANCEL);
    (void)walk(&f.rig, 10);
    EXPECT_EQ_INT(0, rig_move(&f.rig, &f.opener->spec.id, JOB_EV_REVIVE));
    forward(&f.rig);
    (void)end_kid(&f, "r", JOB_EV_SUCCEED);
    f.opener = rig_claim_one(&f.rig, "q", "opener");
    f.commits = 0;
    end_opener(&f, JOB_EV_SUCCEED);
    EXPECT_EQ_INT(1, flow(&f)->facts.tally.succeeded);
    EXPECT_EQ_INT(JOB_QUEUED, then_state(&f));
    finish(&f);
}

/* Who ended as he arrived can be revived, as any other. */
static void test_revived_after_arrival(void) {
    static struct family f;
    begin(&f);
    send(&f, 0, 2, false);
    end_opener(&f, JOB_EV_CANCEL);
    forward(&f.rig);
    EXPECT_EQ_INT(2, flow(&f)->facts.tally.cancelled);
    EXPECT_EQ_INT(0, rig_move(&f.rig, &f.opener->spec.id, JOB_EV_REVIVE));
    EXPECT_EQ_INT(0, rig_move(&f.rig, &f.kids[1].id, JOB_EV_REVIVE));
    forward(&f.rig);
    EXPECT_EQ_INT(1, open_count(&f));
    struct job_id kid = end_kid(&f, "r", JOB_EV_SUCCEED);
    EXPECT_TRUE(id_equal(&f.kids[1].id, &kid));
    EXPECT_EQ_INT(0, open_count(&f));
    f.opener = rig_claim_one(&f.rig, "q", "opener");
    f.commits = 0;
    end_opener(&f, JOB_EV_SUCCEED);
    EXPECT_TRUE(flow(&f)->facts.closed);
    finish(&f);
}

/* A member's own one, which waits for another time, is underway while the member is cancelled. */
static void test_grandchild_underway(void) {
    static struct family f;
    char flow_id[JOB_ID_TEXT + 1];
    begin(&f);
    make(&f, 1, 0, false);
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
    end_opener(&f, JOB_EV_CANCEL);
    EXPECT_EQ_UINT(1, walk(&f.rig, 10)); // it runs, and is asked to end
    item = rig_item(kid, JOB_EV_CANCEL);
    item.commit_no++;
    item.keep_ms = KEEP_MS;
    EXPECT_EQ_INT(0, rig_commit(&f.rig, &item));
    forward(&f.rig);
    EXPECT_EQ_INT(JOB_CANCELLED, rig_state(&f.rig, &grandchild.id));
    EXPECT_TRUE(flow_of(&f.rig, &kid->spec.id)->facts.closed);
    EXPECT_TRUE(flow(&f)->facts.closed);
    (void)cascade(&f.rig, 10);
    finish(&f);
}

/* Who has ended is passed over, and so is its own flow: those that it has made go on. */
static void test_members_of_who_has_ended(void) {
    static struct family f;
    char flow_id[JOB_ID_TEXT + 1];
    begin(&f);
    make(&f, 1, 0, false);
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
    end_opener(&f, JOB_EV_CANCEL);
    (void)walk(&f.rig, 10);
    EXPECT_TRUE(flow(&f)->facts.closed);
    EXPECT_FALSE(flow_of(&f.rig, &kid->spec.id)->cancelling);
    EXPECT_EQ_INT(JOB_QUEUED, rig_state(&f.rig, &grandchild.id));
    (void)end_kid(&f, "q", JOB_EV_SUCCEED);
    finish(&f);
}

/* A flow that shall fail fails for those who are still to come. */
static void test_failed_underway(void) {
    static struct family f;
    begin(&f);
    make(&f, 1, 0, false);
    f.kid_count = 0;
    add_kids(&f, 0, 1);
    struct store_commit_item item = opener_item(&f, JOB_EV_NONE);
    item.children = f.kids;
    item.child_count = 1;
    item.flow_on_dead = FLOW_FAIL + 1;
    EXPECT_EQ_INT(0, rig_commit(&f.rig, &item));
    (void)end_kid(&f, "q", JOB_EV_DIE);
    EXPECT_EQ_INT(JOB_CANCELLED, rig_state(&f.rig, &f.kids[0].id));
    EXPECT_EQ_INT(0, open_count(&f));
    end_opener(&f, JOB_EV_SUCCEED);
    EXPECT_TRUE(flow(&f)->facts.closed);
    finish(&f);
}

/* Another host brings them, and the answer of a first one who did is lost: the parcels are there once more. */
static void test_underway_of_two_hosts(void) {
    static struct family f;
    struct rig other;
    begin(&f);
    send(&f, 0, 2, false);
    rig_start_beside(&other, &f.rig);
    end_opener(&f, JOB_EV_CANCEL);
    (void)walk(&f.rig, 10);
    (void)rig_redis("COPY jobs:q:outbox before");
    forward(&other);
    EXPECT_EQ_INT(2, flow(&f)->facts.tally.cancelled);
    (void)rig_redis("RENAME before jobs:q:outbox");
    forward(&f.rig);
    EXPECT_EQ_INT(2, flow(&f)->facts.tally.cancelled);
    EXPECT_TRUE(flow(&f)->facts.closed);
    for (size_t i = 0; i < f.kid_count; i++) {
        EXPECT_EQ_INT(JOB_CANCELLED, rig_state(&other, &f.kids[i].id));
    }
    rig_finish(&other);
    finish(&f);
}

/* While a page is out somebody is revived, and is to be cancelled once more: the page says nothing of that. */
static void test_revived_in_a_walk(void) {
    for (uint32_t limit = 2; limit <= 10; limit += 8) { // in the middle, and to the end
        static struct family f;
        begin(&f);
        make(&f, 4, 0, false);
        end_opener(&f, JOB_EV_CANCEL);
        struct store_flow_cancel page = {.limit = limit};
        EXPECT_TRUE(look(&f.rig, &page));
        EXPECT_EQ_UINT(limit < 4 ? limit : 4, page.count);
        cancel(&f.rig, &page);
        EXPECT_EQ_INT(limit > 4, flow(&f)->facts.closed);
        EXPECT_EQ_INT(0, rig_move(&f.rig, &f.kids[0].id, JOB_EV_REVIVE));
        if (limit > 4) { // it had closed: both come back
            EXPECT_EQ_INT(0, rig_move(&f.rig, &f.opener->spec.id, JOB_EV_REVIVE));
            EXPECT_EQ_INT(0, rig_move(&f.rig, &f.opener->spec.id, JOB_EV_CANCEL));
        }
        EXPECT_TRUE(flow(&f)->cancelling);
        while (look(&f.rig, &page)) {
            cancel(&f.rig, &page);
        }
        store_op_finish(&page.op);
        EXPECT_EQ_INT(4, flow(&f)->facts.tally.cancelled);
        EXPECT_TRUE(flow(&f)->facts.closed);
        finish(&f);
    }
}

/* Who takes the key of an opener that waits hears that members are to be cancelled. */
static void test_replaced_opener(void) {
    static struct family f;
    begin_with(&f, "k");
    make(&f, 1, 0, false);
    EXPECT_EQ_INT(JOB_PARKED, park(&f));
    struct job_spec next = rig_spec(&f.rig, "q", "opener");
    next.dedup_key = "k";
    next.dedup_mode = DEDUP_REPLACE;
    struct store_submit_item item = {.spec = &next};
    struct store_submit submit = {.items = &item, .count = 1};
    EXPECT_EQ_INT(0, rig_run(&f.rig, &submit.op, STORE_SUBMIT));
    EXPECT_TRUE(id_equal(&f.opener->spec.id, &item.replaced));
    EXPECT_TRUE(submit.outbox);
    store_op_finish(&submit.op);
    EXPECT_EQ_UINT(1, cascade(&f.rig, 10));
    EXPECT_EQ_INT(JOB_CANCELLED, rig_state(&f.rig, &f.kids[0].id));
    finish(&f);
}

static void test_fail(void) {
    static struct family f;
    begin(&f);
    add_kids(&f, 2, 2);
    struct store_commit_item item = opener_item(&f, JOB_EV_NONE);
    item.children = f.kids;
    item.child_count = f.kid_count;
    item.then = &f.then;
    item.flow_on_dead = FLOW_FAIL + 1;
    EXPECT_EQ_INT(0, rig_commit(&f.rig, &item));
    forward(&f.rig);
    EXPECT_EQ_INT(FLOW_FAIL, flow(&f)->facts.on_dead);
    struct job_id kid = end_kid(&f, "r", JOB_EV_DIE);
    EXPECT_TRUE(id_equal(&kid, &flow(&f)->died));
    EXPECT_TRUE(flow(&f)->cancelling);
    f.kid_count = 0;
    make(&f, 1, 1, false); // it takes no more
    EXPECT_EQ_INT(4, flow(&f)->facts.tally.made);
    EXPECT_EQ_UINT(4, cascade(&f.rig, 100));
    EXPECT_EQ_INT(3, flow(&f)->facts.tally.cancelled);
    end_opener(&f, JOB_EV_SUCCEED);
    EXPECT_EQ_INT(JOB_DEAD, then_state(&f));
    const struct store_job *then = rig_get(&f.rig, &f.then.id);
    char id[JOB_ID_TEXT + 1];
    id_format(&kid, id);
    EXPECT_EQ_STR("child_dead", then->error.code);
    EXPECT_CONTAINS(id, then->error.message);
    finish(&f);
}

/* A member whose time is over before it starts dies in CLAIM, which says that something follows. */
static void test_late_member(void) {
    static struct family f;
    begin(&f);
    add_kids(&f, 2, 0);
    f.kids[0].deadline_ms = f.rig.now + 1000;
    struct store_commit_item item = opener_item(&f, JOB_EV_NONE);
    item.children = f.kids;
    item.child_count = f.kid_count;
    item.flow_on_dead = FLOW_FAIL + 1;
    EXPECT_EQ_INT(0, rig_commit(&f.rig, &item));
    forward(&f.rig);
    EXPECT_FALSE(rig_claim(&f.rig, "q", "nobody", 1)->outbox);
    f.rig.now += 2000;
    const struct store_claim *claim = rig_claim(&f.rig, "q", "here", 1);
    EXPECT_EQ_UINT(1, claim->ended_count);
    EXPECT_TRUE(claim->outbox);
    EXPECT_EQ_UINT(2, cascade(&f.rig, 100));
    EXPECT_FALSE(rig_claim(&f.rig, "q", "here", 1)->outbox);
    if (claim->job_count > 0) { // it has been asked to end
        item = rig_item(&claim->jobs[0], JOB_EV_CANCEL);
        EXPECT_EQ_INT(0, rig_commit(&f.rig, &item));
    }
    end_opener(&f, JOB_EV_SUCCEED);
    EXPECT_TRUE(flow(&f)->facts.closed);
    finish(&f);
}

// That a death means the end may be said when somebody has died already.
static void test_fail_late(void) {
    static struct family f;
    begin(&f);
    make(&f, 2, 0, false);
    (void)end_kid(&f, "q", JOB_EV_DIE);
    EXPECT_FALSE(flow(&f)->cancelling);
    struct store_commit_item item = opener_item(&f, JOB_EV_NONE);
    item.flow_on_dead = FLOW_FAIL + 1;
    EXPECT_EQ_INT(0, rig_commit(&f.rig, &item));
    EXPECT_TRUE(flow(&f)->cancelling);
    EXPECT_EQ_UINT(2, cascade(&f.rig, 10));
    EXPECT_EQ_INT(1, flow(&f)->facts.tally.cancelled);
    finish(&f);
}

// Who comes back before the cascade has begun takes its reason away, unless there is another.
static void test_no_reason_left(void) {
    for (int cancelled = 0; cancelled < 2; cancelled++) {
        static struct family f;
        begin(&f);
        add_kids(&f, 2, 0);
        struct store_commit_item item = opener_item(&f, JOB_EV_NONE);
        item.children = f.kids;
        item.child_count = f.kid_count;
        item.flow_on_dead = FLOW_FAIL + 1;
        EXPECT_EQ_INT(0, rig_commit(&f.rig, &item));
        struct job_id kid = end_kid(&f, "q", JOB_EV_DIE);
        if (cancelled == 1) {
            end_opener(&f, JOB_EV_CANCEL);
        }
        EXPECT_TRUE(flow(&f)->cancelling);
        EXPECT_EQ_INT(0, rig_move(&f.rig, &kid, JOB_EV_REVIVE));
        EXPECT_EQ_INT(cancelled, flow(&f)->cancelling);
        EXPECT_EQ_UINT(cancelled == 1 ? 2 : 0, cascade(&f.rig, 10));
        EXPECT_EQ_INT(cancelled == 1 ? 0 : 2, open_count(&f));
        finish(&f);
    }
}

/* ------------------------------------------------------------------ those that ended */

/* A page of one that begins behind a member. */
static void expect_behind(struct family *f, uint64_t cursor, const struct job_id *want, bool more) {
    struct store_flow_ended page = {.id = f->opener->spec.id, .limit = 1, .cursor = cursor};
    EXPECT_EQ_INT(0, rig_run(&f->rig, &page.op, STORE_FLOW_ENDED));
    EXPECT_EQ_UINT(want != NULL, page.count);
    EXPECT_TRUE(want == NULL || (page.count == 1 && id_equal(want, &page.members[0].id)));
    EXPECT_EQ_INT(more, page.more);
    store_op_finish(&page.op);
}

static void test_ended(void) {
    static struct family f;
    struct job_id ended[5];
    uint64_t behind[6] = {0};
    begin(&f);
    make(&f, 3, 2, false);
    for (size_t i = 0; i < 5; i++) {
        ended[i] = end_kid(&f, i % 2 == 0 ? "q" : "r", i == 3 ? JOB_EV_DIE : JOB_EV_SUCCEED);
    }
    struct store_flow_ended page = {.id = f.opener->spec.id, .limit = 2};
    size_t met = 0;
    do {
        EXPECT_EQ_INT(0, rig_run(&f.rig, &page.op, STORE_FLOW_ENDED));
        for (size_t i = 0; i < page.count; i++, met++) {
            const struct store_flow_member *m = &page.members[i];
            EXPECT_TRUE(met < 5 && id_equal(&ended[met], &m->id));
            EXPECT_EQ_INT(met == 3 ? JOB_DEAD : JOB_SUCCEEDED, (int)m->state);
            EXPECT_EQ_STR(met % 2 == 0 ? "here" : "there", m->type);
            EXPECT_EQ_STR(met == 3 ? "bad" : NULL, m->error.code);
            behind[met] = m->cursor;
        }
        page.cursor = page.next_cursor;
        store_op_finish(&page.op);
        memset(&page.op, 0, sizeof page.op);
    } while (page.more);
    EXPECT_EQ_UINT(5, met);
    page.cursor = 0;
    page.only = JOB_DEAD;
    EXPECT_EQ_INT(0, rig_run(&f.rig, &page.op, STORE_FLOW_ENDED));
    EXPECT_EQ_UINT(1, page.count);
    EXPECT_TRUE(page.count == 1 && id_equal(&ended[3], &page.members[0].id));
    EXPECT_FALSE(page.more);
    store_op_finish(&page.op);
    expect_behind(&f, behind[0], &ended[1], true);
    expect_behind(&f, behind[2], &ended[3], true);
    expect_behind(&f, behind[4], NULL, false);
    expect_behind(&f, STORE_FLOW_CURSOR_MAX, NULL, false);
    page = (struct store_flow_ended){.id = page.id, .limit = STORE_FLOW_PAGE_MAX + 1};
    EXPECT_EQ_INT(-EINVAL, rig_run(&f.rig, &page.op, STORE_FLOW_ENDED));
    store_op_finish(&page.op);
    page =
        (struct store_flow_ended){.id = page.id, .limit = 1, .cursor = STORE_FLOW_CURSOR_MAX + 1};
    EXPECT_EQ_INT(-EINVAL, rig_run(&f.rig, &page.op, STORE_FLOW_ENDED));
    store_op_finish(&page.op);
    page = (struct store_flow_ended){.id = rig_id(&f.rig), .limit = 1};
    EXPECT_EQ_INT(-ENOENT, rig_run(&f.rig, &page.op, STORE_FLOW_ENDED));
    store_op_finish(&page.op);
    end_opener(&f, JOB_EV_SUCCEED);
    finish(&f);
}

/* Pages of those that are there: how many there are, and how many pages. */
static size_t members(struct family *f, uint32_t limit, struct store_flow_member *ret,
                      size_t *ret_pages) {
    struct store_flow_members page = {.id = f->opener->spec.id, .limit = limit};
    size_t count = 0;
    *ret_pages = 0;
    do {
        (void)EXPECT_EQ_INT(0, rig_run(&f->rig, &page.op, STORE_FLOW_MEMBERS));
        (void)EXPECT_TRUE(page.count <= limit);
        for (size_t i = 0; i < page.count; i++) {
            ret[count] = page.members[i];
            ret[count++].type = strcmp(page.members[i].type, "here") == 0 ? "here" : "there";
        }
        ++*ret_pages;
        page.cursor = page.next_cursor;
        store_op_finish(&page.op);
        memset(&page.op, 0, sizeof page.op);
    } while (page.cursor != 0);
    return count;
}

static void test_members(void) {
    static struct family f;
    static struct store_flow_member all[KIDS_MAX];
    size_t pages = 0;
    begin(&f);
    make(&f, 3, 2, false);
    struct job_id first = end_kid(&f, "q", JOB_EV_SUCCEED);
    struct job_id dead = end_kid(&f, "r", JOB_EV_DIE);
    (void)EXPECT_EQ_UINT(5, members(&f, 2, all, &pages));
    (void)EXPECT_EQ_UINT(3, pages);
    for (size_t i = 0; i < 5; i++) { // the last made is the first
        EXPECT_TRUE(id_equal(&f.kids[4 - i].id, &all[i].id));
        EXPECT_EQ_STR(f.kids[4 - i].type, all[i].type);
        enum job_state wanted = id_equal(&all[i].id, &first)  ? JOB_SUCCEEDED
                                : id_equal(&all[i].id, &dead) ? JOB_DEAD
                                                              : JOB_QUEUED;
        EXPECT_EQ_INT((int)wanted, (int)all[i].state);
    }
    struct store_flow_members from = {.id = f.opener->spec.id, .limit = 5, .cursor = all[2].cursor};
    EXPECT_EQ_INT(0, rig_run(&f.rig, &from.op, STORE_FLOW_MEMBERS));
    EXPECT_TRUE(from.count == 2 && id_equal(&all[3].id, &from.members[0].id));
    store_op_finish(&from.op);
    int status = 0;
    struct store_remove rm = {.ids = &first, .status = &status, .count = 1};
    EXPECT_EQ_INT(0, rig_run(&f.rig, &rm.op, STORE_REMOVE));
    store_op_finish(&rm.op);
    EXPECT_EQ_UINT(4, members(&f, 5, all, &pages)); // of those that are there
    struct store_flow_members page = {.id = f.opener->spec.id, .limit = STORE_FLOW_PAGE_MAX + 1};
    EXPECT_EQ_INT(-EINVAL, rig_run(&f.rig, &page.op, STORE_FLOW_MEMBERS));
    store_op_finish(&page.op);
    page = (struct store_flow_members){.id = first, .limit = 1};
    EXPECT_EQ_INT(-ENOENT, rig_run(&f.rig, &page.op, STORE_FLOW_MEMBERS));
    store_op_finish(&page.op);
    end_opener(&f, JOB_EV_SUCCEED);
    finish(&f);
}

/* Who is revived leaves the list of those that have ended: no page waits for him. */
static void test_ended_revived(void) {
    static struct family f;
    begin(&f);
    make(&f, 2, 0, false);
    (void)end_kid(&f, "q", JOB_EV_SUCCEED);
    struct job_id kid = end_kid(&f, "q", JOB_EV_DIE);
    EXPECT_EQ_INT(0, rig_move(&f.rig, &kid, JOB_EV_REVIVE));
    struct store_flow_ended page = {.id = f.opener->spec.id, .limit = 10};
    EXPECT_EQ_INT(0, rig_run(&f.rig, &page.op, STORE_FLOW_ENDED));
    EXPECT_EQ_UINT(1, page.count);
    EXPECT_FALSE(page.more);
    store_op_finish(&page.op);
    end_opener(&f, JOB_EV_SUCCEED);
    finish(&f);
}

/* A page's members are these of `of`, and it begins behind the one before. */
static void expect_page(struct family *f, struct store_flow_ended *page, enum job_state only,
                        const struct job_id *of, const char *places) {
    page->only = only;
    EXPECT_EQ_INT(0, rig_run(&f->rig, &page->op, STORE_FLOW_ENDED));
    EXPECT_EQ_UINT(strlen(places), page->count);
    for (size_t i = 0; i < page->count && i < strlen(places); i++) {
        EXPECT_TRUE(id_equal(&of[places[i] - '0'], &page->members[i].id));
    }
    page->cursor = page->next_cursor;
    store_op_finish(&page->op);
    memset(&page->op, 0, sizeof page->op);
}

/* Who is revived while somebody reads page by page is passed over until it has ended again, and nobody else is. */
static void test_ended_while_read(void) {
    static struct family f;
    struct job_id kids[5];
    begin(&f);
    make(&f, 5, 0, false);
    for (size_t i = 0; i < 5; i++) {
        kids[i] = end_kid(&f, "q", i == 1 ? JOB_EV_SUCCEED : JOB_EV_DIE);
    }
    struct store_flow_ended page = {.id = f.opener->spec.id, .limit = 2};
    expect_page(&f, &page, JOB_SCHEDULED, kids, "01");
    EXPECT_TRUE(page.more);
    EXPECT_EQ_INT(0, rig_move(&f.rig, &kids[0], JOB_EV_REVIVE));
    EXPECT_EQ_INT(0, rig_move(&f.rig, &kids[2], JOB_EV_REVIVE));
    expect_page(&f, &page, JOB_SCHEDULED, kids, "34");
    (void)end_kid(&f, "q", JOB_EV_SUCCEED);
    kids[2] = end_kid(&f, "q", JOB_EV_DIE);
    EXPECT_EQ_INT(0, rig_move(&f.rig, &kids[2], JOB_EV_REVIVE)); // and once more
    expect_page(&f, &page, JOB_SCHEDULED, kids, "0");
    EXPECT_EQ_INT(2, flow(&f)->facts.tally.succeeded);
    EXPECT_EQ_INT(2, flow(&f)->facts.tally.dead);
    (void)end_kid(&f, "q", JOB_EV_SUCCEED);
    expect_page(&f, &page, JOB_SCHEDULED, kids, "2");
    EXPECT_FALSE(page.more);
    page.cursor = 0;
    expect_page(&f, &page, JOB_DEAD, kids, "34");
    page.cursor = 0;
    page.limit = 10;
    expect_page(&f, &page, JOB_SCHEDULED, kids, "13402");
    end_opener(&f, JOB_EV_SUCCEED);
    EXPECT_TRUE(flow(&f)->facts.closed);
    EXPECT_EQ_INT(0, rig_move(&f.rig, &kids[4], JOB_EV_REVIVE)); // the flow stays closed
    page.cursor = 0;
    expect_page(&f, &page, JOB_SCHEDULED, kids, "1302");
    finish(&f);
}

/* However large the flow, a revival does not look through those that have ended. */
static void test_revival_is_found(void) {
    struct rig rig;
    sqlite3 *db = NULL;
    sqlite3_stmt *s = NULL;
    char plan[1000];
    rig_start(&rig);
    rig_close(&rig);
    (void)snprintf(plan, sizeof plan, "EXPLAIN QUERY PLAN %s", sql_text[SQL_FLOW_ENDED_DEL]);
    if (EXPECT_EQ_INT(SQLITE_OK, sqlite3_open(rig.db, &db)) &&
        EXPECT_EQ_INT(SQLITE_OK, sqlite3_prepare_v2(db, plan, -1, &s, NULL)) &&
        EXPECT_EQ_INT(SQLITE_ROW, sqlite3_step(s))) {
        EXPECT_CONTAINS("flow_ended_back (id=? AND flow=?)",
                        (const char *)sqlite3_column_text(s, 3));
    }
    (void)sqlite3_finalize(s);
    (void)sqlite3_close(db);
    rig_finish(&rig);
}

// The same in Redis: no command that looks through a list, and nothing but what it is about is written.
static void test_revival_is_marked(void) {
    static struct family f;
    begin(&f);
    make(&f, 3, 0, false);
    (void)end_kid(&f, "q", JOB_EV_SUCCEED);
    struct job_id kid = end_kid(&f, "q", JOB_EV_DIE);
    EXPECT_EQ_INT(0, rig_redis("EXISTS jobs:q:flow:%s:back", f.flow));
    (void)rig_redis("CONFIG RESETSTAT");
    EXPECT_EQ_INT(0, rig_move(&f.rig, &kid, JOB_EV_REVIVE));
    EXPECT_NULL(strstr(rig_redis_text("INFO commandstats"), "cmdstat_lrem"));
    EXPECT_EQ_INT(2, rig_redis("LLEN jobs:q:flow:%s:ended", f.flow));
    EXPECT_EQ_INT(1, rig_redis("HLEN jobs:q:flow:%s:back", f.flow));
    end_opener(&f, JOB_EV_SUCCEED);
    finish(&f);
}

static void test_kept(void) {
    static struct family f;
    begin(&f);
    make(&f, 1, 0, true);
    end_opener(&f, JOB_EV_SUCCEED);
    int status = 0;
    struct store_remove rm = {.ids = &f.opener->spec.id, .status = &status, .count = 1};
    EXPECT_EQ_INT(0, rig_run(&f.rig, &rm.op, STORE_REMOVE));
    EXPECT_EQ_INT(-EBUSY, status);
    store_op_finish(&rm.op);
    f.rig.now += 2 * KEEP_MS;
    sweep(&f.rig);
    EXPECT_EQ_INT(JOB_SUCCEEDED, rig_state(&f.rig, &f.opener->spec.id));
    (void)end_kid(&f, "q", JOB_EV_SUCCEED);
    EXPECT_EQ_INT(JOB_QUEUED, then_state(&f));
    memset(&rm.op, 0, sizeof rm.op);
    EXPECT_EQ_INT(0, rig_run(&f.rig, &rm.op, STORE_REMOVE));
    EXPECT_EQ_INT(0, status);
    store_op_finish(&rm.op);
    EXPECT_EQ_INT(-2, flow(&f)->facts.opener); // it went with its opener
    finish(&f);
}

/* SWEEP looks in again after an hour, and Redis does not wait for so long: what it deletes leaves its blobs behind. */
static void test_kept_and_swept(void) {
    static struct family f;
    begin(&f);
    make(&f, 1, 0, false);
    end_opener(&f, JOB_EV_SUCCEED);
    f.rig.now += 2 * KEEP_MS;
    sweep(&f.rig);
    EXPECT_EQ_INT(JOB_SUCCEEDED, rig_state(&f.rig, &f.opener->spec.id));
    (void)end_kid(&f, "q", JOB_EV_SUCCEED);
    f.rig.now += 1;
    sweep(&f.rig);
    EXPECT_EQ_INT(-1, rig_state(&f.rig, &f.opener->spec.id));
    finish(&f);
}

/* Who was told of it is gone, in the middle of it: another one is told as it comes, and goes on from there. */
static void test_walk_of_two_hosts(void) {
    static struct family f;
    struct rig other;
    begin(&f);
    make(&f, 4, 0, false);
    end_opener(&f, JOB_EV_CANCEL);
    struct store_flow_cancel first = {.limit = 2};
    EXPECT_TRUE(look(&f.rig, &first));
    cancel(&f.rig, &first);
    EXPECT_TRUE(look(&f.rig, &first)); // the second page is in its hands
    rig_start_beside(&other, &f.rig);
    RIG_AWAIT(&other, other.outbox_events > 0);
    EXPECT_EQ_UINT(2, walk(&other, 10));
    cancel(&f.rig, &first); // it was not gone after all
    EXPECT_FALSE(look(&f.rig, &first));
    store_op_finish(&first.op);
    EXPECT_EQ_INT(4, flow(&f)->facts.tally.cancelled);
    EXPECT_TRUE(flow(&f)->facts.closed);
    rig_finish(&other);
    finish(&f);
}

/* What a member's end tells a flow elsewhere waits in an outbox as well: sound, also when it was set aside. */
static void test_told_underway(void) {
    static struct family f;
    begin(&f);
    make(&f, 0, 1, false);
    struct store_commit_item item = rig_item(rig_claim_one(&f.rig, "r", "there"), JOB_EV_SUCCEED);
    item.keep_ms = KEEP_MS;
    EXPECT_EQ_INT(0, rig_commit(&f.rig, &item));
    EXPECT_EQ_INT(1, (int)rig_redis("XLEN jobs:r:outbox"));
    rig_expect_sound(&f.rig);
    (void)rig_redis("RENAME jobs:r:outbox jobs:r:outbox:odd");
    EXPECT_TRUE(sample_has(sample_fsck(&f.rig, true), "outbox_aside", true));
    EXPECT_EQ_INT(1, open_count(&f));
    forward(&f.rig);
    EXPECT_EQ_INT(1, flow(&f)->facts.tally.succeeded);
    (void)rig_redis("XADD jobs:r:outbox * flow %s to q member %s became well", f.flow, f.flow);
    EXPECT_TRUE(sample_has(sample_fsck(&f.rig, false), "outbox_damaged", false));
    (void)rig_redis("DEL jobs:r:outbox");
    end_opener(&f, JOB_EV_SUCCEED);
    finish(&f);
}

/* ------------------------------------------------------------------ more members */

static int join_if_room(struct family *f, const struct job_spec *spec, int64_t max_waiting) {
    struct store_submit_item item = {.spec = spec, .max_waiting = max_waiting};
    struct store_flow_join *op = RIG_NEW(&f->rig, store_flow_join);
    op->items = &item;
    op->count = 1;
    int r = rig_run(&f->rig, &op->op, STORE_FLOW_JOIN);
    op->items = NULL;
    return r < 0 ? r : item.status < 0 ? item.status : (int)item.verdict;
}

static int join(struct family *f, const struct job_spec *spec) {
    return join_if_room(f, spec, 0);
}

static void test_join(void) {
    static struct family f;
    begin(&f);
    struct job_spec *here = add_kid(&f, "q", "here");
    EXPECT_EQ_INT(-ENOENT, join(&f, here)); // it has opened none yet
    f.kid_count = 0;
    make(&f, 1, 0, true);
    here = add_kid(&f, "q", "here");
    struct job_spec *there = add_kid(&f, "r", "there");
    EXPECT_EQ_INT(SUBMIT_NEW, join(&f, here));
    EXPECT_EQ_INT(SUBMIT_REPEATED, join(&f, here));
    there->flow_queue = NULL; // who joins need not know where the flow is
    EXPECT_EQ_INT(SUBMIT_NEW, join(&f, there));
    EXPECT_EQ_INT(SUBMIT_REPEATED, join(&f, there));
    forward(&f.rig);
    EXPECT_EQ_INT(SUBMIT_REPEATED, join(&f, there));
    EXPECT_EQ_INT(3, flow(&f)->facts.tally.made);
    end_opener(&f, JOB_EV_SUCCEED);
    (void)end_kid(&f, "q", JOB_EV_SUCCEED);
    (void)end_kid(&f, "q", JOB_EV_SUCCEED);
    EXPECT_EQ_INT(-1, then_state(&f));
    (void)end_kid(&f, "r", JOB_EV_SUCCEED);
    EXPECT_EQ_INT(JOB_QUEUED, then_state(&f));
    EXPECT_EQ_INT(-ESTALE, join(&f, add_kid(&f, "q", "here")));
    finish(&f);
}

/* Wherever it goes, what its queue allows holds, and its turn comes at once. */
static void test_join_in_bounds(void) {
    static const char *const queues[] = {"q", "r"}, *const types[] = {"here", "there"};
    for (size_t to = 0; to < ARRAY_LEN(queues); to++) {
        static struct family f;
        begin(&f);
        make(&f, 0, 0, true);
        rig_forget(&f.rig);
        struct job_spec *first = add_kid(&f, queues[to], types[to]);
        EXPECT_EQ_INT(SUBMIT_NEW, join_if_room(&f, first, 2));
        EXPECT_TRUE(rig_was_ready(&f.rig, queues[to], types[to]));
        struct job_spec *late = add_kid(&f, queues[to], types[to]);
        late->run_at_ms = f.rig.now + 5000;
        EXPECT_EQ_INT(SUBMIT_NEW, join_if_room(&f, late, 2));
        EXPECT_EQ_INT(f.rig.now + 5000, f.rig.due);
        EXPECT_EQ_INT(-ENOBUFS, join_if_room(&f, add_kid(&f, queues[to], types[to]), 2));
        EXPECT_EQ_INT(SUBMIT_REPEATED, join_if_room(&f, first, 2));
        EXPECT_EQ_INT(2, flow(&f)->facts.tally.made);
        EXPECT_EQ_INT(JOB_QUEUED, rig_state(&f.rig, &first->id));
        EXPECT_EQ_INT(JOB_SCHEDULED, rig_state(&f.rig, &late->id));
        end_opener(&f, JOB_EV_SUCCEED);
        finish(&f);
    }
}

// Nothing is remembered of it but the job.
static void test_join_leaves_nothing(void) {
    static struct family f;
    begin(&f);
    make(&f, 0, 0, true);
    EXPECT_EQ_INT(SUBMIT_NEW, join(&f, add_kid(&f, "r", "there")));
    forward(&f.rig);
    EXPECT_EQ_INT(0, rig_redis("EVAL return(#redis.call('KEYS','*:tomb:*')) 0"));
    end_opener(&f, JOB_EV_SUCCEED);
    finish(&f);
}

/* A member that makes siblings, and ends in the same commit: in its flow's queue, or in another one. */
static void test_siblings(void) {
    const char *const queues[] = {"q", "r"}, *const types[] = {"here", "there"};
    for (size_t from = 0; from < 2; from++) {
        static struct family f;
        begin(&f);
        make(&f, from == 0, from == 1, true);
        end_opener(&f, JOB_EV_SUCCEED);
        const struct store_claimed *kid = rig_claim_one(&f.rig, queues[from], types[from]);
        f.kid_count = 0;
        add_kids(&f, 1, 1);
        struct store_commit_item item = rig_item(kid, JOB_EV_SUCCEED);
        item.children = f.kids;
        item.child_count = 2;
        EXPECT_EQ_INT(0, rig_commit(&f.rig, &item));
        EXPECT_EQ_INT(0, rig_commit(&f.rig, &item)); // sent again
        forward(&f.rig);
        EXPECT_EQ_INT(3, flow(&f)->facts.tally.made);
        EXPECT_EQ_INT(2, open_count(&f));
        EXPECT_EQ_INT(-1, then_state(&f));
        (void)end_kid(&f, "q", JOB_EV_SUCCEED);
        (void)end_kid(&f, "r", JOB_EV_SUCCEED);
        EXPECT_EQ_INT(JOB_QUEUED, then_state(&f));
        finish(&f);
    }
}

/* ------------------------------------------------------------------ damage */

/* One of three members has died; what it takes to go on depends on where the opener is. */
enum stage { OPEN, WAITS, ENDED, CLOSED };

static void reach(struct family *f, enum stage stage) {
    make(f, 2, 1, true);
    (void)end_kid(f, "q", JOB_EV_DIE);
    if (stage == WAITS) {
        (void)park(f);
    } else if (stage != OPEN) {
        end_opener(f, JOB_EV_SUCCEED);
    }
    if (stage == CLOSED) {
        (void)end_kid(f, "q", JOB_EV_SUCCEED);
        (void)end_kid(f, "r", JOB_EV_SUCCEED);
    }
}

// However it was damaged, what is left of it ends, and `then` begins once, unless the flow itself was lost.
static void go_to_the_end(struct family *f, enum stage stage, bool lost) {
    if (stage != CLOSED) {
        (void)end_kid(f, "q", JOB_EV_SUCCEED);
        (void)end_kid(f, "r", JOB_EV_SUCCEED);
    }
    if (stage == WAITS) {
        f->opener = rig_claim_one(&f->rig, "q", "opener");
        f->commits = 0;
    }
    if (stage == OPEN || stage == WAITS) {
        end_opener(f, JOB_EV_SUCCEED);
    }
    EXPECT_EQ_INT(lost ? -1 : JOB_QUEUED, then_state(f));
    EXPECT_TRUE(flow(f)->facts.closed);
    EXPECT_EQ_INT(3, flow(f)->facts.tally.made);
    EXPECT_EQ_INT(2, flow(f)->facts.tally.succeeded);
    EXPECT_EQ_INT(1, flow(f)->facts.tally.dead);
    EXPECT_EQ_UINT(lost ? 0 : 1, rig_claim(&f->rig, "q", "then", 2)->job_count);
}

static void expect_mended(struct family *f, const char *code) {
    EXPECT_TRUE(sample_has(sample_fsck(&f->rig, false), code, false));
    EXPECT_TRUE(sample_has(sample_fsck(&f->rig, true), code, true));
    (void)sample_fsck(&f->rig, true); // what the first repair brought to light
    forward(&f->rig);
    rig_expect_sound(&f->rig);
}

static const struct {
    const char *sql;
    const char *code;
    enum stage stage;
} damages[] = {
    {"UPDATE flows SET made = made + 1", "flow_made", OPEN},
    {"UPDATE flows SET made = made - 1", "flow_made", ENDED},
    {"UPDATE flows SET succeeded = 1", "flow_counts", OPEN},
    {"UPDATE flows SET dead = 0", "flow_counts", WAITS},
    {"UPDATE flows SET dead = 0", "flow_counts", CLOSED},
    {"DELETE FROM flow_ended", "flow_ended_missing", OPEN},
    {"UPDATE flow_ended SET state = 4", "flow_ended_wrong", OPEN},
    {"UPDATE flow_ended SET seq = 7", "flow_listed", ENDED},
    {"INSERT INTO flow_ended SELECT f.rid, 9, j.id, 4 FROM flows f, jobs j WHERE j.state = 1 AND"
     " j.has & 2048 LIMIT 1",
     "flow_ended_wrong", ENDED},
    {"INSERT INTO flow_ended VALUES(7, 1, zeroblob(16), 4)", "orphan_flow_ended", OPEN},
    {"INSERT INTO flows(rid, id) VALUES(7, zeroblob(16))", "orphan_flow", OPEN},
    {"UPDATE jobs SET has = has & ~4096", "unknown_flow", ENDED},
    {"DELETE FROM flows", "missing_flow", WAITS},
    {"UPDATE flows SET opener = 4", "flow_opener", WAITS},
    {"UPDATE flows SET opener = NULL", "flow_opener", ENDED},
    {"UPDATE flows SET closed_ms = NULL, then_made = NULL; DELETE FROM jobs WHERE id IN"
     " (SELECT then_id FROM flows)",
     "flow_stuck", CLOSED},
    {"UPDATE flows SET then_made = NULL; DELETE FROM jobs WHERE id IN"
     " (SELECT then_id FROM flows)",
     "flow_without_then", CLOSED},
};

static void test_damages(void) {
    for (size_t i = 0; i < ARRAY_LEN(damages); i++) {
        static struct family f;
        unsigned failures = CU_get_number_of_failures();
        begin(&f);
        reach(&f, damages[i].stage);
        rig_expect_sound(&f.rig);
        rig_sql(&f.rig, damages[i].sql);
        expect_mended(&f, damages[i].code);
        go_to_the_end(&f, damages[i].stage, strcmp(damages[i].code, "missing_flow") == 0);
        if (CU_get_number_of_failures() > failures) {
            (void)printf("    %s\n", damages[i].sql);
        }
        finish(&f);
    }
}

/* Commands, separated by '|': {f} is the flow, {o} its opener, {t} its then, {b} that one's tombstone, {g} the flow of a job that there is not. */
static const struct {
    const char *commands;
    const char *code;
    enum stage stage;
    bool lost;
} key_damages[] = {
    {"HINCRBY {f} made 1", "flow_made", OPEN, false},
    {"HINCRBY {f} made -1", "flow_made", ENDED, false},
    {"HSET {f} succeeded 1", "flow_counts", OPEN, false},
    {"HDEL {f} dead", "flow_counts", WAITS, false},
    {"HDEL {f} dead", "flow_counts", CLOSED, false},
    {"DEL {f}:ended", "flow_ended_missing", OPEN, false},
    {"EVAL redis.call('RPUSH',KEYS[1]..':ended',redis.call('LINDEX',KEYS[1]..':made',1)..'4') 1 "
     "{f}",
     "flow_ended_wrong", ENDED, false},
    {"EVAL redis.call('HSET',KEYS[1]..':back',redis.call('LINDEX',KEYS[1]..':ended',0):sub(1,16),5)"
     " 1 {f}",
     "flow_ended_missing", OPEN, false},
    {"HDEL {o} opened", "unknown_flow", ENDED, false},
    {"HSET {f} opener succeeded", "flow_opener", WAITS, false},
    {"HDEL {f} opener", "flow_opener", ENDED, false},
    {"PEXPIRE {f} 100000", "flow_expires", OPEN, false},
    {"DEL {f}", "missing_flow", WAITS, true},
    {"RENAME {f} {g}", "orphan_flow", WAITS, true},
    {"RENAME {f}:ended {g}:ended", "orphan_flow", OPEN, false},
    {"HDEL {f} closed thenMade|DEL {t} {b}", "flow_stuck", CLOSED, false},
    {"HDEL {f} thenMade|DEL {t} {b}", "flow_without_then", CLOSED, false},
};

// `text` with what its names stand for.
static void fill_in(const struct family *f, const char *text, size_t len, char *out, size_t cap) {
    char then[JOB_ID_TEXT + 1];
    id_format(&f->then.id, then);
    const struct {
        char name;
        const char *before, *text;
    } names[] = {{'f', "jobs:q:flow:", f->flow},
                 {'o', "job:", f->flow},
                 {'t', "job:", then},
                 {'b', "jobs:q:tomb:", then},
                 {'g', "jobs:q:flow:", "018bcfe5-6800-7000-8000-00000000dead"}};
    out[0] = '\0';
    for (size_t i = 0; i < len; i++) {
        size_t used = strlen(out), n = 0;
        while (n < ARRAY_LEN(names) && (text[i] != '{' || text[i + 1] != names[n].name)) {
            n++;
        }
        if (n == ARRAY_LEN(names)) {
            (void)snprintf(out + used, cap - used, "%c", text[i]);
        } else {
            (void)snprintf(out + used, cap - used, "%s%s", names[n].before, names[n].text);
            i += 2;
        }
    }
}

static void damage_keys(const struct family *f, const char *commands) {
    while (*commands != '\0') {
        char command[500];
        size_t len = strcspn(commands, "|");
        fill_in(f, commands, len, command, sizeof command);
        (void)rig_redis("%s", command);
        commands += len + (commands[len] == '|');
    }
}

static void test_key_damages(void) {
    for (size_t i = 0; i < ARRAY_LEN(key_damages); i++) {
        static struct family f;
        unsigned failures = CU_get_number_of_failures();
        begin(&f);
        reach(&f, key_damages[i].stage);
        rig_expect_sound(&f.rig);
        damage_keys(&f, key_damages[i].commands);
        expect_mended(&f, key_damages[i].code);
        go_to_the_end(&f, key_damages[i].stage, key_damages[i].lost);
        if (CU_get_number_of_failures() > failures) {
            (void)printf("    %s\n", key_damages[i].commands);
        }
        finish(&f);
    }
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
      {"a then that is dead from the start is kept as long as it was said", test_dead_then_goes},
      {"who ends as it begins holds no dedup key", test_ended_keys},
      {"a revived opener opens its flow again", test_revived_opener},
      {"a revived member counts as one that has not ended", test_revived_member},
      {"a member that is revived after the close opens nothing", test_revived_too_late},
      {"a member and its opener that are revived end once more", test_both_revived},
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
      {"a revived member takes back what it was reason for", test_no_reason_left},
      {"members are told in the order in which they ended", test_ended},
      {"members are told as they are, the last made first", test_members},
      {"a revived member is not waited for among those that ended", test_ended_revived},
      {"who is revived while those that ended are read", test_ended_while_read},
      {"an opener stays as long as its flow is open", test_kept},
      {"jobs from outside join an open flow", test_join},
      {"who joins a flow does so within the bounds of its queue", test_join_in_bounds},
      {"members make siblings, and end", test_siblings});

CASES(flow_file, ON_FILE,
      {"a member that comes too late is followed by what a death is", test_late_member},
      {"an opener that is replaced is followed by its members", test_replaced_opener},
      {"a revived member is found by an index", test_revival_is_found},
      {"every damage of a flow is found, and mended", test_damages});

CASES(flow_shared, ON_SHARED,
      {"members of a cancelled flow that two hosts bring end once", test_underway_of_two_hosts},
      {"a cascade that another host goes on with", test_walk_of_two_hosts},
      {"the end of a member that its flow has not heard of is sound", test_told_underway},
      {"an opener goes soon after its flow has closed", test_kept_and_swept},
      {"a revived member is marked", test_revival_is_marked},
      {"who joins a flow leaves nothing else behind", test_join_leaves_nothing},
      {"every damage of a flow's keys is found, and mended", test_key_damages});
