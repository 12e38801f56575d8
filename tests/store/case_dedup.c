/* Submissions whose dedup key is held, mode by mode. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cases.h"

// A submission with key "k" in queue "q" that lives as long as the rig, and its answer.
struct offer {
    struct store_op op;
    struct job_spec spec;
    struct store_submit_item item;
};

static struct offer *offer(struct rig *rig, enum dedup_mode mode) {
    struct offer *o = rig_new(rig, sizeof *o);
    o->spec = rig_spec(rig, "q", "t");
    o->spec.dedup_key = "k";
    o->spec.dedup_mode = mode;
    o->spec.dedup_ttl_ms = 1000;
    o->item = (struct store_submit_item){.spec = &o->spec, .keep_ms = 60000};
    return o;
}

static struct offer *later(struct rig *rig, int64_t delay_ms, const char *payload) {
    struct offer *o = offer(rig, DEDUP_DEBOUNCE);
    o->spec.payload = bytes_of(payload);
    o->spec.run_at_ms = rig->now + delay_ms;
    return o;
}

// Verdict, or the negative status.
static int post(struct rig *rig, struct offer *o) {
    struct store_submit *submit = RIG_NEW(rig, store_submit);
    submit->items = &o->item;
    submit->count = 1;
    int r = rig_run(rig, &submit->op, STORE_SUBMIT);
    submit->items = NULL;
    return r < 0 ? r : o->item.status < 0 ? o->item.status : (int)o->item.verdict;
}

static int knock(struct rig *rig, enum dedup_mode mode) {
    return post(rig, offer(rig, mode));
}

// All by one call; their verdicts are in them.
static void post_all(struct rig *rig, struct offer *const *all, size_t count) {
    struct store_submit_item items[8];
    for (size_t i = 0; i < count; i++) {
        items[i] = all[i]->item;
    }
    struct store_submit *submit = RIG_NEW(rig, store_submit);
    submit->items = items;
    submit->count = count;
    EXPECT_EQ_INT(0, rig_run(rig, &submit->op, STORE_SUBMIT));
    submit->items = NULL;
    for (size_t i = 0; i < count; i++) {
        all[i]->item = items[i];
    }
}

static bool won(const struct offer *o, const struct offer *by) {
    return id_equal(&o->item.winner, &by->spec.id);
}

static int state(struct rig *rig, const struct offer *o) {
    return rig_state(rig, &o->spec.id);
}

static int end(struct rig *rig, const struct store_claimed *job, enum job_event event) {
    struct store_commit_item item = rig_item(job, event);
    return rig_commit(rig, &item);
}

static int remove_job(struct rig *rig, const struct offer *o) {
    int status = -1;
    struct store_remove rm = {.ids = &o->spec.id, .status = &status, .count = 1};
    int r = rig_run(rig, &rm.op, STORE_REMOVE);
    store_op_finish(&rm.op);
    return r < 0 ? r : status;
}

static const char *payload_of(struct rig *rig, const struct offer *o) {
    static char text[64];
    struct bytes data = rig_get(rig, &o->spec.id)->spec.payload;
    (void)snprintf(text, sizeof text, "%.*s", (int)data.len, (const char *)data.data);
    return text;
}

/* ------------------------------------------------------------------ throttle */

// Whatever becomes of its job.
static void test_throttle(void) {
    static const enum job_event ends[] = {JOB_EV_SUCCEED, JOB_EV_DIE, JOB_EV_CANCEL};
    static const enum job_state states[] = {JOB_SUCCEEDED, JOB_DEAD, JOB_CANCELLED};
    struct rig rig;
    rig_start(&rig);
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        struct offer *first = offer(&rig, DEDUP_THROTTLE), *next = offer(&rig, DEDUP_THROTTLE);
        int64_t made = rig.now;
        EXPECT_EQ_INT(SUBMIT_NEW, post(&rig, first));
        EXPECT_EQ_INT(SUBMIT_DUPLICATE, post(&rig, next));
        EXPECT_TRUE(won(next, first));
        EXPECT_EQ_INT(JOB_QUEUED, next->item.winner_state);
        rig.now += 500;
        EXPECT_EQ_INT(0, end(&rig, rig_claim_one(&rig, "q", "t"), ends[i]));
        next = offer(&rig, DEDUP_THROTTLE);
        EXPECT_EQ_INT(SUBMIT_DUPLICATE, post(&rig, next));
        EXPECT_TRUE(won(next, first));
        EXPECT_EQ_INT(states[i], next->item.winner_state);
        EXPECT_EQ_INT(-EEXIST, knock(&rig, DEDUP_REJECT));
        EXPECT_EQ_INT(SUBMIT_DUPLICATE, knock(&rig, DEDUP_RETURN));
        rig_expect_sound(&rig);
        rig.now = made + 999;
        EXPECT_EQ_INT(SUBMIT_DUPLICATE, knock(&rig, DEDUP_THROTTLE));
        rig.now = made + 1000;
    }
    rig_finish(&rig);
}

static void test_throttle_long_job(void) {
    struct rig rig;
    rig_start(&rig);
    struct offer *first = offer(&rig, DEDUP_THROTTLE), *next;
    EXPECT_EQ_INT(SUBMIT_NEW, post(&rig, first));
    const struct store_claimed *job = rig_claim_one(&rig, "q", "t");
    rig.now += 1000; // it still runs
    next = offer(&rig, DEDUP_THROTTLE);
    EXPECT_EQ_INT(SUBMIT_NEW, post(&rig, next));
    EXPECT_EQ_INT(0, rig_succeed(&rig, job));
    struct offer *third = offer(&rig, DEDUP_THROTTLE);
    EXPECT_EQ_INT(SUBMIT_DUPLICATE, post(&rig, third)); // the end of the first left the key alone
    EXPECT_TRUE(won(third, next));
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

static void test_throttle_outlives_row(void) {
    struct rig rig;
    rig_start(&rig);
    struct offer *first = offer(&rig, DEDUP_THROTTLE), *next = offer(&rig, DEDUP_THROTTLE);
    EXPECT_EQ_INT(SUBMIT_NEW, post(&rig, first));
    EXPECT_EQ_INT(0, end(&rig, rig_claim_one(&rig, "q", "t"), JOB_EV_DIE));
    EXPECT_EQ_INT(0, remove_job(&rig, first));
    EXPECT_EQ_INT(SUBMIT_DUPLICATE, post(&rig, next));
    EXPECT_TRUE(won(next, first));
    EXPECT_EQ_INT(-1, state(&rig, first));
    rig_expect_sound(&rig);
    rig.now += 1000;
    struct store_sweep sweep = {.limit = 10};
    EXPECT_EQ_INT(0, rig_run(&rig, &sweep.op, STORE_SWEEP));
    store_op_finish(&sweep.op);
    struct store_dedup_list *list = RIG_NEW(&rig, store_dedup_list);
    list->limit = 10;
    EXPECT_EQ_INT(0, rig_run(&rig, &list->op, STORE_DEDUP_LIST));
    EXPECT_EQ_UINT(0, list->count);
    rig_finish(&rig);
}

// One that is revived does not have its key again, be it free or another's.
static void test_throttle_revived(void) {
    struct rig rig;
    rig_start(&rig);
    struct offer *first = offer(&rig, DEDUP_THROTTLE), *next;
    EXPECT_EQ_INT(SUBMIT_NEW, post(&rig, first));
    EXPECT_EQ_INT(0, end(&rig, rig_claim_one(&rig, "q", "t"), JOB_EV_DIE));
    rig.now += 1000;
    next = offer(&rig, DEDUP_THROTTLE);
    EXPECT_EQ_INT(0, rig_move(&rig, &first->spec.id, JOB_EV_REVIVE));
    EXPECT_EQ_INT(SUBMIT_NEW, post(&rig, next));
    EXPECT_EQ_INT(0, rig_succeed(&rig, rig_claim_one(&rig, "q", "t")));
    struct offer *third = offer(&rig, DEDUP_THROTTLE);
    EXPECT_EQ_INT(SUBMIT_DUPLICATE, post(&rig, third));
    EXPECT_TRUE(won(third, next));
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

// Its ttl is the store's usual one if it says none; of none at all the key lives with the job.
static void test_throttle_ttl(void) {
    struct rig rig;
    rig_init(&rig);
    rig.config.dedup_ttl_ms = 300;
    EXPECT_EQ_INT(0, rig_open(&rig));
    struct offer *first = offer(&rig, DEDUP_THROTTLE);
    first->spec.dedup_ttl_ms = 0;
    EXPECT_EQ_INT(SUBMIT_NEW, post(&rig, first));
    rig.now += 299;
    EXPECT_EQ_INT(SUBMIT_DUPLICATE, knock(&rig, DEDUP_THROTTLE));
    rig.now += 1;
    first = offer(&rig, DEDUP_THROTTLE);
    first->spec.dedup_ttl_ms = -1;
    EXPECT_EQ_INT(SUBMIT_NEW, post(&rig, first));
    rig.now += 5000;
    EXPECT_EQ_INT(SUBMIT_DUPLICATE, knock(&rig, DEDUP_THROTTLE));
    EXPECT_EQ_INT(0, end(&rig, rig_claim_one(&rig, "q", "t"), JOB_EV_DIE)); // the first of all
    EXPECT_EQ_INT(0, rig_succeed(&rig, rig_claim_one(&rig, "q", "t")));
    EXPECT_EQ_INT(SUBMIT_NEW, knock(&rig, DEDUP_THROTTLE));
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

static void test_throttle_call(void) {
    struct rig rig;
    rig_start(&rig);
    struct offer *all[4];
    for (size_t i = 0; i < 4; i++) {
        all[i] = offer(&rig, DEDUP_THROTTLE);
    }
    all[3]->spec.dedup_key = "other";
    post_all(&rig, all, 4);
    EXPECT_EQ_INT(SUBMIT_NEW, all[0]->item.verdict);
    EXPECT_EQ_INT(SUBMIT_DUPLICATE, all[1]->item.verdict);
    EXPECT_EQ_INT(SUBMIT_DUPLICATE, all[2]->item.verdict);
    EXPECT_TRUE(won(all[2], all[0]));
    EXPECT_EQ_INT(SUBMIT_NEW, all[3]->item.verdict);
    EXPECT_EQ_INT(SUBMIT_REPEATED, post(&rig, all[0]));
    EXPECT_EQ_UINT(2, rig_claim(&rig, "q", "t", 9)->job_count);
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

static void test_throttle_listed(void) {
    struct rig rig;
    rig_start(&rig);
    struct offer *first = offer(&rig, DEDUP_THROTTLE);
    int64_t made = rig.now;
    EXPECT_EQ_INT(SUBMIT_NEW, post(&rig, first));
    struct store_dedup_list *list = RIG_NEW(&rig, store_dedup_list);
    list->limit = 10;
    EXPECT_EQ_INT(0, rig_run(&rig, &list->op, STORE_DEDUP_LIST));
    EXPECT_EQ_UINT(1, list->count);
    EXPECT_EQ_STR("k", list->entries[0].key);
    EXPECT_EQ_INT(made + 1000, list->entries[0].expires_ms);
    struct store_dedup_release rel = {.queue = "q", .key = "k"};
    EXPECT_EQ_INT(0, rig_run(&rig, &rel.op, STORE_DEDUP_RELEASE));
    EXPECT_EQ_INT(SUBMIT_NEW, knock(&rig, DEDUP_THROTTLE));
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

// Out of a spool: its time counts from when it was accepted.
static void test_throttle_spooled(void) {
    struct rig rig;
    rig_start(&rig);
    struct offer *early = offer(&rig, DEDUP_THROTTLE), *held = offer(&rig, DEDUP_THROTTLE);
    early->item.spooled = held->item.spooled = true;
    rig.now += 1000;
    EXPECT_EQ_INT(SUBMIT_NEW, post(&rig, early)); // its time is over
    struct offer *now = offer(&rig, DEDUP_THROTTLE);
    EXPECT_EQ_INT(SUBMIT_NEW, post(&rig, now));
    EXPECT_EQ_INT(SUBMIT_DUPLICATE, post(&rig, held));
    EXPECT_TRUE(won(held, now));
    EXPECT_EQ_INT(JOB_DUPLICATE, state(&rig, held));
    EXPECT_EQ_INT(SUBMIT_REPEATED, post(&rig, held));
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

/* ------------------------------------------------------------------ replace */

// What `old` is after `by` took its key.
static void expect_replaced(struct rig *rig, const struct offer *old, const struct offer *by) {
    const struct store_job *job = rig_get(rig, &old->spec.id);
    EXPECT_TRUE(id_equal(&old->spec.id, &by->item.replaced));
    EXPECT_EQ_INT(JOB_CANCELLED, by->item.replaced_state);
    EXPECT_EQ_INT(JOB_CANCELLED, job->state);
    EXPECT_EQ_STR("replaced", job->error.code);
    EXPECT_TRUE(id_equal(&by->spec.id, &job->winner));
    EXPECT_TRUE(job->error.message != NULL);
    EXPECT_EQ_INT(rig->now + 60000, job->expires_at_ms);
    EXPECT_EQ_INT(rig->now, job->updated_ms);
}

static void test_replace_waiting(void) {
    struct rig rig;
    rig_start(&rig);
    struct offer *a = offer(&rig, DEDUP_REPLACE), *b = offer(&rig, DEDUP_REPLACE),
                 *c = offer(&rig, DEDUP_REPLACE), *d = offer(&rig, DEDUP_REPLACE);
    a->spec.run_at_ms = rig.now + 5000;
    b->spec.priority = PRIORITY_HIGH;
    EXPECT_EQ_INT(SUBMIT_NEW, post(&rig, a));
    EXPECT_TRUE(id_is_zero(&a->item.replaced));
    rig.now += 10;
    EXPECT_EQ_INT(SUBMIT_NEW, post(&rig, b));
    expect_replaced(&rig, a, b); // a scheduled one
    EXPECT_EQ_INT(2, rig_get(&rig, &a->spec.id)->rev);
    rig.now += 10;
    EXPECT_EQ_INT(SUBMIT_NEW, post(&rig, c));
    expect_replaced(&rig, b, c); // a queued one
    struct store_commit_item park = rig_item(rig_claim_one(&rig, "q", "t"), JOB_EV_PARK);
    park.park = PARK_EVENT;
    park.wait_key = "e";
    EXPECT_EQ_INT(0, rig_commit(&rig, &park));
    EXPECT_EQ_INT(SUBMIT_NEW, post(&rig, d));
    expect_replaced(&rig, c, d); // a parked one
    EXPECT_EQ_INT(PARK_NONE, rig_get(&rig, &c->spec.id)->park);
    struct offer *meets = offer(&rig, DEDUP_RETURN);
    EXPECT_EQ_INT(SUBMIT_DUPLICATE, post(&rig, meets));
    EXPECT_TRUE(won(meets, d));
    const struct store_claim *claim = rig_claim(&rig, "q", "t", 9);
    EXPECT_EQ_UINT(1, claim->job_count);
    EXPECT_TRUE(id_equal(&d->spec.id, &claim->jobs[0].spec.id));
    EXPECT_EQ_INT(3, rig_stats(&rig)->queues[0].by_state[JOB_CANCELLED]);
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

static void test_replace_running(void) {
    struct rig rig;
    rig_start(&rig);
    struct offer *a = offer(&rig, DEDUP_RETURN), *b = offer(&rig, DEDUP_REPLACE);
    EXPECT_EQ_INT(SUBMIT_NEW, post(&rig, a));
    const struct store_claimed *job = rig_claim_one(&rig, "q", "t");
    EXPECT_EQ_INT(SUBMIT_NEW, post(&rig, b));
    EXPECT_TRUE(id_equal(&a->spec.id, &b->item.replaced));
    EXPECT_EQ_INT(JOB_RUNNING, b->item.replaced_state);
    EXPECT_TRUE(rig_get(&rig, &a->spec.id)->cancelling);
    EXPECT_EQ_INT(1, rig_claim(&rig, "q", "t", 9)->job_count); // the new one need not wait for it
    struct store_commit_item retry = rig_item(job, JOB_EV_RETRY);
    retry.run_at_ms = rig.now + 10;
    EXPECT_EQ_INT(0, rig_commit(&rig, &retry));
    EXPECT_EQ_INT(JOB_CANCELLED, retry.state);
    const struct store_job *old = rig_get(&rig, &a->spec.id);
    EXPECT_TRUE(id_equal(&b->spec.id, &old->winner));
    EXPECT_EQ_INT(rig.now + 60000, old->expires_at_ms);
    struct offer *meets = offer(&rig, DEDUP_RETURN);
    EXPECT_EQ_INT(SUBMIT_DUPLICATE, post(&rig, meets));
    EXPECT_TRUE(won(meets, b)); // the end of the old one left it alone
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

// One that succeeds all the same has succeeded.
static void test_replace_too_late(void) {
    struct rig rig;
    rig_start(&rig);
    struct offer *a = offer(&rig, DEDUP_REPLACE), *b = offer(&rig, DEDUP_REPLACE),
                 *c = offer(&rig, DEDUP_REPLACE);
    EXPECT_EQ_INT(SUBMIT_NEW, post(&rig, a));
    const struct store_claimed *job = rig_claim_one(&rig, "q", "t");
    EXPECT_EQ_INT(SUBMIT_NEW, post(&rig, b));
    EXPECT_EQ_INT(0, rig_succeed(&rig, job));
    EXPECT_EQ_INT(JOB_SUCCEEDED, state(&rig, a));
    EXPECT_EQ_INT(0, rig_succeed(&rig, rig_claim_one(&rig, "q", "t")));
    EXPECT_EQ_INT(SUBMIT_DUPLICATE, knock(&rig, DEDUP_RETURN)); // within its ttl
    EXPECT_EQ_INT(SUBMIT_NEW, post(&rig, c));                   // nobody has to make room
    EXPECT_TRUE(id_is_zero(&c->item.replaced));
    EXPECT_EQ_INT(JOB_SUCCEEDED, state(&rig, b));
    rig.now += 1001; // when the key of b would have ended
    struct offer *meets = offer(&rig, DEDUP_RETURN);
    EXPECT_EQ_INT(SUBMIT_DUPLICATE, post(&rig, meets));
    EXPECT_TRUE(won(meets, c));
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

static void test_replace_repeated(void) {
    struct rig rig;
    rig_start(&rig);
    struct offer *a = offer(&rig, DEDUP_REPLACE), *b = offer(&rig, DEDUP_REPLACE);
    EXPECT_EQ_INT(SUBMIT_NEW, post(&rig, a));
    EXPECT_EQ_INT(SUBMIT_REPEATED, post(&rig, a));
    EXPECT_EQ_INT(SUBMIT_NEW, post(&rig, b));
    EXPECT_EQ_INT(SUBMIT_REPEATED, post(&rig, b));
    EXPECT_EQ_INT(SUBMIT_REPEATED, post(&rig, a)); // and does not take the key back
    EXPECT_EQ_INT(JOB_CANCELLED, state(&rig, a));
    EXPECT_EQ_INT(JOB_QUEUED, state(&rig, b));
    // an operator wants it all the same: it runs, without its key
    EXPECT_EQ_INT(0, rig_move(&rig, &a->spec.id, JOB_EV_REVIVE));
    EXPECT_TRUE(id_is_zero(&rig_get(&rig, &a->spec.id)->winner));
    EXPECT_EQ_UINT(2, rig_claim(&rig, "q", "t", 9)->job_count);
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

static void test_replace_call(void) {
    struct rig rig;
    rig_start(&rig);
    struct offer *all[5];
    for (size_t i = 0; i < 5; i++) {
        all[i] = offer(&rig, DEDUP_REPLACE);
    }
    all[1]->spec.run_at_ms = rig.now + 7000;
    all[2]->spec.priority = PRIORITY_LOW;
    all[3]->spec.dedup_key = "other";
    post_all(&rig, all, 5);
    expect_replaced(&rig, all[0], all[1]);
    expect_replaced(&rig, all[1], all[2]);
    expect_replaced(&rig, all[2], all[4]);
    EXPECT_TRUE(id_is_zero(&all[3]->item.replaced));
    const struct store_stats *stats = rig_stats(&rig);
    EXPECT_EQ_INT(3, stats->queues[0].by_state[JOB_CANCELLED]);
    EXPECT_EQ_INT(2, stats->queues[0].by_state[JOB_QUEUED]);
    rig_expect_sound(&rig);
    EXPECT_EQ_UINT(2, rig_claim(&rig, "q", "t", 9)->job_count);
    rig_finish(&rig);
}

static void test_replace_full(void) {
    struct rig rig;
    rig_start(&rig);
    struct offer *a = offer(&rig, DEDUP_REPLACE), *b = offer(&rig, DEDUP_REPLACE),
                 *c = offer(&rig, DEDUP_REPLACE), *other = offer(&rig, DEDUP_RETURN);
    a->item.max_waiting = b->item.max_waiting = c->item.max_waiting = other->item.max_waiting = 1;
    other->spec.dedup_key = NULL;
    EXPECT_EQ_INT(SUBMIT_NEW, post(&rig, a));
    EXPECT_EQ_INT(-ENOBUFS, post(&rig, other));
    EXPECT_EQ_INT(SUBMIT_NEW, post(&rig, b)); // in the place of the first
    expect_replaced(&rig, a, b);
    const struct store_claimed *job = rig_claim_one(&rig, "q", "t");
    EXPECT_EQ_INT(SUBMIT_NEW, post(&rig, other));
    EXPECT_EQ_INT(-ENOBUFS, post(&rig, c)); // one that runs has no place there
    EXPECT_TRUE(id_is_zero(&c->item.replaced));
    EXPECT_TRUE(!rig_get(&rig, &b->spec.id)->cancelling);
    EXPECT_EQ_INT(0, rig_succeed(&rig, job));
    EXPECT_EQ_INT(JOB_SUCCEEDED, state(&rig, b));
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

static void test_replace_over_budget(void) {
    struct rig rig;
    rig_start(&rig);
    struct offer *a = offer(&rig, DEDUP_REPLACE), *b = offer(&rig, DEDUP_REPLACE);
    EXPECT_EQ_INT(SUBMIT_NEW, post(&rig, a));
    uint64_t one = rig_stats(&rig)->bytes[BUDGET_JOBS];
    rig_close(&rig);
    rig.config.budget[BUDGET_JOBS] = one + one / 2;
    EXPECT_EQ_INT(0, rig_open(&rig));
    EXPECT_EQ_INT(-EDQUOT, post(&rig, b)); // the first is kept for a while
    EXPECT_EQ_INT(JOB_QUEUED, state(&rig, a));
    struct offer *meets = offer(&rig, DEDUP_RETURN);
    EXPECT_EQ_INT(SUBMIT_DUPLICATE, post(&rig, meets));
    EXPECT_TRUE(won(meets, a));
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

/* ------------------------------------------------------------------ debounce */

static void test_debounce(void) {
    struct rig rig;
    rig_start(&rig);
    struct offer *a = later(&rig, 100, "one"), *b;
    a->spec.tenant = "ann";
    EXPECT_EQ_INT(SUBMIT_NEW, post(&rig, a));
    int64_t made = rig.now;
    rig.now += 60;
    b = later(&rig, 100, "two");
    b->spec.type = "u";
    b->spec.tenant = "bob";
    b->spec.labels = "x,y";
    b->spec.priority = PRIORITY_HIGH;
    b->spec.content_type = "text/plain";
    b->spec.max_attempts = 7;
    b->spec.deadline_ms = rig.now + 99999;
    b->spec.expires_ms = rig.now + 88888;
    b->spec.dedup_ttl_ms = 77; // the first one's counts
    EXPECT_EQ_INT(SUBMIT_DUPLICATE, post(&rig, b));
    EXPECT_TRUE(won(b, a));
    EXPECT_TRUE(b->item.updated);
    EXPECT_EQ_INT(JOB_SCHEDULED, b->item.winner_state);
    EXPECT_EQ_INT(-1, state(&rig, b));
    const struct store_job *job = rig_get(&rig, &a->spec.id);
    EXPECT_EQ_INT(made, job->created_ms);
    EXPECT_EQ_INT(rig.now, job->updated_ms);
    EXPECT_EQ_UINT(2, job->rev);
    EXPECT_EQ_INT(rig.now + 100, job->spec.run_at_ms);
    EXPECT_EQ_STR("u", job->spec.type);
    EXPECT_EQ_STR("bob", job->spec.tenant);
    EXPECT_EQ_STR("x,y", job->spec.labels);
    EXPECT_EQ_STR("text/plain", job->spec.content_type);
    EXPECT_EQ_INT(PRIORITY_HIGH, job->spec.priority);
    EXPECT_EQ_INT(7, job->spec.max_attempts);
    EXPECT_EQ_INT(rig.now + 99999, job->spec.deadline_ms);
    EXPECT_EQ_INT(rig.now + 88888, job->spec.expires_ms);
    EXPECT_EQ_INT(1000, job->spec.dedup_ttl_ms);
    EXPECT_EQ_INT(DEDUP_DEBOUNCE, job->spec.dedup_mode);
    EXPECT_EQ_STR("k", job->spec.dedup_key);
    struct store_filter of_bob = rig_filter(), of_ann = rig_filter();
    of_bob.tenant = "bob";
    of_ann.tenant = "ann";
    EXPECT_EQ_UINT(1, rig_list(&rig, of_bob, 9, NULL)->count);
    EXPECT_EQ_UINT(0, rig_list(&rig, of_ann, 9, NULL)->count);
    EXPECT_EQ_INT(1, rig_stats(&rig)->queues[0].by_state[JOB_SCHEDULED]);
    rig_expect_sound(&rig);
    EXPECT_EQ_UINT(0, rig_due(&rig, NULL));
    rig.now += 99;
    EXPECT_EQ_UINT(0, rig_due(&rig, NULL));
    rig.now += 1;
    EXPECT_EQ_UINT(1, rig_due(&rig, NULL));
    const struct store_claimed *got = rig_claim_one(&rig, "q", "u");
    EXPECT_EQ_BYTES("two", 3, got->spec.payload.data, got->spec.payload.len);
    EXPECT_EQ_INT(0, rig_succeed(&rig, got));
    EXPECT_EQ_INT(SUBMIT_NEW, knock(&rig, DEDUP_RETURN)); // its ttl is no time after success
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

// A stream without a pause cannot keep it from running.
static void test_debounce_bound(void) {
    struct rig rig;
    rig_start(&rig);
    struct offer *a = later(&rig, 400, "0"), *b = NULL;
    int64_t made = rig.now;
    EXPECT_EQ_INT(SUBMIT_NEW, post(&rig, a));
    for (int i = 1; i < 4; i++) {
        rig.now += 300;
        b = later(&rig, 400, i == 1 ? "1" : i == 2 ? "2" : "3");
        EXPECT_EQ_INT(SUBMIT_DUPLICATE, post(&rig, b));
        int64_t wanted = rig.now + 400, end_ms = made + 1000;
        EXPECT_EQ_INT(wanted < end_ms ? wanted : end_ms,
                      rig_get(&rig, &a->spec.id)->spec.run_at_ms);
    }
    rig.now = made + 1000; // and nobody came to look
    b = later(&rig, 400, "4");
    EXPECT_EQ_INT(SUBMIT_DUPLICATE, post(&rig, b));
    EXPECT_EQ_INT(JOB_QUEUED, b->item.winner_state);
    EXPECT_TRUE(rig_was_ready(&rig, "q", "t"));
    const struct store_claimed *job = rig_claim_one(&rig, "q", "t");
    EXPECT_EQ_BYTES("4", 1, job->spec.payload.data, job->spec.payload.len);
    EXPECT_EQ_INT(made + 1000, job->ready_ms);
    EXPECT_EQ_UINT(0, rig_due(&rig, NULL));
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

// Its time has come, and it waits for a free thread: what it says can still be changed, in its turn, or for later.
static void test_debounce_queued(void) {
    struct rig rig;
    rig_start(&rig);
    struct offer *a = later(&rig, 0, "a"), *b, *c;
    struct job_id behind;
    EXPECT_EQ_INT(SUBMIT_NEW, post(&rig, a));
    rig.now++;
    behind = rig_submit_plain(&rig, "q", "t");
    rig.now++;
    b = later(&rig, 0, "b");
    EXPECT_EQ_INT(SUBMIT_DUPLICATE, post(&rig, b));
    EXPECT_EQ_INT(JOB_QUEUED, b->item.winner_state);
    rig_expect_sound(&rig);
    const struct store_claim *claim = rig_claim(&rig, "q", "t", 1);
    EXPECT_TRUE(id_equal(&a->spec.id, &claim->jobs[0].spec.id)); // it kept its turn
    EXPECT_EQ_BYTES("b", 1, claim->jobs[0].spec.payload.data, 1);
    EXPECT_EQ_INT(0, rig_succeed(&rig, &claim->jobs[0]));

    a = later(&rig, 0, "a");
    EXPECT_EQ_INT(SUBMIT_NEW, post(&rig, a));
    b = later(&rig, 50, "b");
    EXPECT_EQ_INT(SUBMIT_DUPLICATE, post(&rig, b)); // out of the list again
    EXPECT_EQ_INT(JOB_SCHEDULED, state(&rig, a));
    EXPECT_EQ_INT(rig.now + 50, rig.due);
    c = later(&rig, 0, "c");
    c->spec.type = "u";
    c->spec.priority = PRIORITY_LOW;
    EXPECT_EQ_INT(SUBMIT_DUPLICATE, post(&rig, c)); // and into another
    rig_expect_sound(&rig);
    b = later(&rig, 0, "d");
    EXPECT_EQ_INT(SUBMIT_DUPLICATE, post(&rig, b)); // and back, behind the other one there
    rig_expect_sound(&rig);
    claim = rig_claim(&rig, "q", "t", 9);
    EXPECT_EQ_UINT(2, claim->job_count);
    EXPECT_TRUE(id_equal(&behind, &claim->jobs[0].spec.id));
    EXPECT_EQ_BYTES("d", 1, claim->jobs[1].spec.payload.data, 1);
    EXPECT_EQ_UINT(0, rig_claim(&rig, "q", "u", 9)->job_count);
    rig_finish(&rig);
}

static void test_debounce_begun(void) {
    struct rig rig;
    rig_start(&rig);
    struct offer *a = later(&rig, 0, "a"), *b = later(&rig, 0, "b"), *c, *d;
    EXPECT_EQ_INT(SUBMIT_NEW, post(&rig, a));
    const struct store_claimed *first = rig_claim_one(&rig, "q", "t");
    EXPECT_EQ_INT(SUBMIT_NEW, post(&rig, b)); // nobody can change what runs
    c = later(&rig, 0, "c");
    EXPECT_EQ_INT(SUBMIT_DUPLICATE, post(&rig, c));
    EXPECT_TRUE(won(c, b));
    EXPECT_EQ_INT(0, rig_succeed(&rig, first));
    EXPECT_EQ_STR("a", payload_of(&rig, a));
    c = later(&rig, 0, "c");
    EXPECT_EQ_INT(SUBMIT_DUPLICATE, post(&rig, c)); // the end of the first left the key alone
    EXPECT_TRUE(won(c, b));
    // given back without having begun, it is not for others to change any more: its worker may have seen it
    struct store_commit_item back = rig_item(rig_claim_one(&rig, "q", "t"), JOB_EV_RELEASE);
    EXPECT_EQ_INT(0, rig_commit(&rig, &back));
    d = later(&rig, 0, "d");
    EXPECT_EQ_INT(SUBMIT_NEW, post(&rig, d));
    EXPECT_EQ_STR("c", payload_of(&rig, b));
    EXPECT_EQ_UINT(2, rig_claim(&rig, "q", "t", 9)->job_count);
    EXPECT_EQ_INT(SUBMIT_NEW, knock(&rig, DEDUP_REJECT)); // nor is it in anybody's way
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

// A submission whose answer was lost comes again: before and after the job has begun.
static void test_debounce_repeated(void) {
    struct rig rig;
    rig_start(&rig);
    struct offer *a = later(&rig, 0, "a"), *b = later(&rig, 0, "b");
    EXPECT_EQ_INT(SUBMIT_NEW, post(&rig, a));
    EXPECT_EQ_INT(SUBMIT_REPEATED, post(&rig, a));
    for (int i = 0; i < 2; i++) {
        EXPECT_EQ_INT(SUBMIT_DUPLICATE, post(&rig, b));
        EXPECT_TRUE(won(b, a));
        EXPECT_TRUE(b->item.updated);
        EXPECT_EQ_STR("b", payload_of(&rig, a));
        EXPECT_EQ_UINT(2, rig_get(&rig, &a->spec.id)->rev); // once
    }
    const struct store_claimed *job = rig_claim_one(&rig, "q", "t");
    EXPECT_EQ_INT(SUBMIT_DUPLICATE, post(&rig, b));
    EXPECT_TRUE(won(b, a));
    EXPECT_EQ_INT(JOB_RUNNING, b->item.winner_state);
    EXPECT_EQ_INT(SUBMIT_REPEATED, post(&rig, a));
    EXPECT_EQ_UINT(0, rig_claim(&rig, "q", "t", 9)->job_count);
    EXPECT_EQ_INT(0, rig_succeed(&rig, job));
    EXPECT_EQ_INT(SUBMIT_REPEATED, post(&rig, a));
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

// Payloads in the row and beside it, and what they count for.
static void test_debounce_sizes(void) {
    static const size_t sizes[] = {10, 70000, 20, 2000, 300000, 70001, 1};
    struct rig rig;
    rig_start(&rig);
    char *data = malloc(300000);
    memset(data, 'x', 300000);
    struct offer *a = later(&rig, 500, "first"), *b;
    EXPECT_EQ_INT(SUBMIT_NEW, post(&rig, a));
    uint64_t before = rig_stats(&rig)->bytes[BUDGET_JOBS];
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        b = later(&rig, 500, "");
        b->spec.payload = (struct bytes){data, sizes[i]};
        EXPECT_EQ_INT(SUBMIT_DUPLICATE, post(&rig, b));
        EXPECT_EQ_UINT(sizes[i], rig_get(&rig, &a->spec.id)->spec.payload.len);
        rig_expect_sound(&rig);
    }
    b = later(&rig, 500, "five5");
    EXPECT_EQ_INT(SUBMIT_DUPLICATE, post(&rig, b));
    EXPECT_TRUE(rig_stats(&rig)->bytes[BUDGET_JOBS] <= before + 64);
    rig.now += 500;
    EXPECT_EQ_UINT(1, rig_due(&rig, NULL));
    EXPECT_EQ_INT(0, rig_succeed(&rig, rig_claim_one(&rig, "q", "t")));
    EXPECT_EQ_INT(0, remove_job(&rig, a));
    EXPECT_EQ_UINT(0, rig_stats(&rig)->bytes[BUDGET_JOBS]);
    rig_expect_sound(&rig);
    free(data);
    rig_finish(&rig);
}

static void test_debounce_over_budget(void) {
    struct rig rig;
    char data[4000] = {'x'};
    rig_start(&rig);
    struct offer *a = later(&rig, 500, "a"), *b;
    EXPECT_EQ_INT(SUBMIT_NEW, post(&rig, a));
    uint64_t one = rig_stats(&rig)->bytes[BUDGET_JOBS];
    rig_close(&rig);
    rig.config.budget[BUDGET_JOBS] = one + 100;
    EXPECT_EQ_INT(0, rig_open(&rig));
    b = later(&rig, 900, "");
    b->spec.payload = (struct bytes){data, sizeof data};
    EXPECT_EQ_INT(-EDQUOT, post(&rig, b));
    EXPECT_TRUE(!b->item.updated);
    EXPECT_EQ_STR("a", payload_of(&rig, a));
    EXPECT_EQ_INT(rig.now + 500, rig_get(&rig, &a->spec.id)->spec.run_at_ms);
    b = later(&rig, 500, "b");
    b->item.max_waiting = 1; // no more than before
    EXPECT_EQ_INT(SUBMIT_DUPLICATE, post(&rig, b));
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

static void test_debounce_call(void) {
    struct rig rig;
    rig_start(&rig);
    struct offer *all[6];
    static const char *const texts[6] = {"0", "1", "2", "3", "4", "5"};
    for (size_t i = 0; i < 6; i++) {
        all[i] = later(&rig, i == 2 ? 0 : i == 3 ? 20 : 10, texts[i]);
    }
    all[4]->spec.dedup_key = NULL;
    all[5]->spec.run_at_ms = 0;
    all[5]->spec.priority = PRIORITY_HIGH;
    post_all(&rig, all, 6);
    EXPECT_EQ_INT(SUBMIT_NEW, all[0]->item.verdict);
    for (size_t i = 1; i < 6; i++) {
        EXPECT_EQ_INT(i == 4 ? SUBMIT_NEW : SUBMIT_DUPLICATE, all[i]->item.verdict);
    }
    EXPECT_EQ_INT(JOB_QUEUED, all[2]->item.winner_state);
    EXPECT_EQ_INT(JOB_SCHEDULED, all[3]->item.winner_state);
    EXPECT_EQ_INT(JOB_QUEUED, state(&rig, all[0]));
    EXPECT_EQ_STR("5", payload_of(&rig, all[0]));
    rig_expect_sound(&rig);
    EXPECT_EQ_INT(0, rig_reopen(&rig));
    const struct store_claimed *job = rig_claim_one(&rig, "q", "t");
    EXPECT_EQ_BYTES("5", 1, job->spec.payload.data, 1);
    EXPECT_EQ_INT(PRIORITY_HIGH, job->spec.priority);
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

// Others that meet a debounced job, and debounced ones that meet others.
static void test_debounce_and_others(void) {
    struct rig rig;
    rig_start(&rig);
    struct offer *a = later(&rig, 100, "a"), *b = offer(&rig, DEDUP_RETURN), *c;
    EXPECT_EQ_INT(SUBMIT_NEW, post(&rig, a));
    EXPECT_EQ_INT(SUBMIT_DUPLICATE, post(&rig, b));
    EXPECT_TRUE(!b->item.updated);
    EXPECT_EQ_INT(SUBMIT_DUPLICATE, knock(&rig, DEDUP_THROTTLE));
    EXPECT_EQ_INT(-EEXIST, knock(&rig, DEDUP_REJECT));
    EXPECT_EQ_STR("a", payload_of(&rig, a));
    b = offer(&rig, DEDUP_REPLACE);
    EXPECT_EQ_INT(SUBMIT_NEW, post(&rig, b));
    expect_replaced(&rig, a, b);
    c = later(&rig, 100, "c"); // that one did not say that it may be changed
    EXPECT_EQ_INT(SUBMIT_DUPLICATE, post(&rig, c));
    EXPECT_TRUE(won(c, b));
    EXPECT_TRUE(!c->item.updated);
    EXPECT_EQ_INT(0, rig_succeed(&rig, rig_claim_one(&rig, "q", "t")));
    c = later(&rig, 100, "c");
    EXPECT_EQ_INT(SUBMIT_DUPLICATE, post(&rig, c)); // within the other's ttl
    rig.now += 1000;
    c = later(&rig, 100, "c");
    EXPECT_EQ_INT(SUBMIT_NEW, post(&rig, c));
    EXPECT_EQ_INT(0, rig_move(&rig, &c->spec.id, JOB_EV_CANCEL));
    EXPECT_EQ_INT(SUBMIT_NEW, post(&rig, later(&rig, 100, "d")));
    // one that is revived is nobody's to change, and holds nothing
    EXPECT_EQ_INT(0, rig_move(&rig, &c->spec.id, JOB_EV_REVIVE));
    EXPECT_EQ_INT(SUBMIT_DUPLICATE, post(&rig, later(&rig, 100, "e")));
    EXPECT_EQ_STR("c", payload_of(&rig, c));
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

/* ------------------------------------------------------------------ files, children */

static struct job_file file_of(struct rig *rig, const char *text) {
    struct store_blob_put *p = RIG_NEW(rig, store_blob_put);
    p->data = bytes_of(text);
    p->fd = -1;
    p->max_size = 100;
    EXPECT_EQ_INT(0, rig_run(rig, &p->op, STORE_BLOB_PUT));
    return (struct job_file){.name = "f", .blob = p->ref};
}

static bool is_there(struct rig *rig, const struct job_file *file) {
    struct store_blob_open *open = RIG_NEW(rig, store_blob_open);
    open->ref = file->blob;
    int r = rig_run(rig, &open->op, STORE_BLOB_OPEN);
    if (r == 0) {
        (void)close(open->fd);
    }
    return r == 0;
}

static void sweep(struct rig *rig) {
    struct store_sweep *s = RIG_NEW(rig, store_sweep);
    s->limit = 1000;
    EXPECT_EQ_INT(0, rig_run(rig, &s->op, STORE_SWEEP));
}

// Those of a debounced job go with the words that they came with.
static void test_files(void) {
    struct rig rig;
    rig_start(&rig);
    struct job_file one = file_of(&rig, "1"), two[2] = {file_of(&rig, "2"), file_of(&rig, "3")};
    struct job_file none = {.name = "f", .blob = one.blob};
    struct offer *a = later(&rig, 500, "a"), *b = later(&rig, 500, "b"), *c;
    none.blob.sha256[0] ^= 1;
    a->spec.files = &one;
    a->spec.file_count = 1;
    EXPECT_EQ_INT(SUBMIT_NEW, post(&rig, a));
    b->spec.files = two;
    b->spec.file_count = 2;
    EXPECT_EQ_INT(SUBMIT_DUPLICATE, post(&rig, b));
    EXPECT_TRUE(b->item.updated);
    EXPECT_EQ_UINT(2, rig_get(&rig, &a->spec.id)->spec.file_count);
    rig_expect_sound(&rig);
    c = later(&rig, 500, "c");
    c->spec.files = &two[1]; // one of them stays
    c->spec.file_count = 1;
    EXPECT_EQ_INT(SUBMIT_DUPLICATE, post(&rig, c));
    rig_expect_sound(&rig);
    c = later(&rig, 500, "d");
    c->spec.files = &none;
    c->spec.file_count = 1;
    EXPECT_EQ_INT(-ENOENT, post(&rig, c));
    EXPECT_EQ_STR("c", payload_of(&rig, a));
    rig_expect_sound(&rig);
    rig.now += 2 * 3600 * 1000;
    sweep(&rig);
    EXPECT_TRUE(!is_there(&rig, &one));
    EXPECT_TRUE(!is_there(&rig, &two[0]));
    EXPECT_TRUE(is_there(&rig, &two[1]));
    c = later(&rig, 500, "e"); // none at all
    EXPECT_EQ_INT(SUBMIT_DUPLICATE, post(&rig, c));
    EXPECT_EQ_UINT(0, rig_get(&rig, &a->spec.id)->spec.file_count);
    rig.now += 2 * 3600 * 1000;
    sweep(&rig);
    EXPECT_TRUE(!is_there(&rig, &two[1]));
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

// One that was replaced keeps its files as long as it is kept; a refused one leaves none.
static void test_files_of_replaced(void) {
    struct rig rig;
    rig_start(&rig);
    struct job_file one = file_of(&rig, "1"), two = file_of(&rig, "2");
    struct offer *a = offer(&rig, DEDUP_REPLACE), *b = offer(&rig, DEDUP_REPLACE),
                 *c = offer(&rig, DEDUP_THROTTLE);
    a->spec.files = &one;
    b->spec.files = c->spec.files = &two;
    a->spec.file_count = b->spec.file_count = c->spec.file_count = 1;
    EXPECT_EQ_INT(SUBMIT_NEW, post(&rig, a));
    EXPECT_EQ_INT(SUBMIT_NEW, post(&rig, b));
    EXPECT_EQ_INT(SUBMIT_DUPLICATE, post(&rig, c));
    EXPECT_EQ_INT(JOB_CANCELLED, state(&rig, a));
    rig_expect_sound(&rig);
    EXPECT_EQ_INT(0, remove_job(&rig, a));
    EXPECT_EQ_INT(0, rig_succeed(&rig, rig_claim_one(&rig, "q", "t")));
    EXPECT_EQ_INT(0, remove_job(&rig, b));
    rig.now += 2 * 3600 * 1000;
    sweep(&rig);
    EXPECT_TRUE(!is_there(&rig, &one));
    EXPECT_TRUE(!is_there(&rig, &two));
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

// Of a job in queue "q" or elsewhere: here, and by way of the outbox.
static void beget(struct rig *rig, const char *from, struct offer *child) {
    struct job_spec parent = rig_spec(rig, from, "parent");
    EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(rig, &parent));
    struct store_commit_item item = rig_item(rig_claim_one(rig, from, "parent"), JOB_EV_SUCCEED);
    item.children = &child->spec;
    item.child_count = 1;
    EXPECT_EQ_INT(0, rig_commit(rig, &item));
    struct store_forward *forward = RIG_NEW(rig, store_forward);
    forward->limit = 10;
    EXPECT_EQ_INT(0, rig_run(rig, &forward->op, STORE_FORWARD));
}

static void test_children(void) {
    static const char *const from[] = {"q", "elsewhere"};
    struct rig rig;
    rig_start(&rig);
    for (size_t i = 0; i < ARRAY_LEN(from); i++) {
        struct offer *a = later(&rig, 500, "a"), *b = later(&rig, 500, "b"),
                     *c = offer(&rig, DEDUP_REPLACE), *d = offer(&rig, DEDUP_THROTTLE),
                     *e = offer(&rig, DEDUP_RETURN);
        EXPECT_EQ_INT(SUBMIT_NEW, post(&rig, a));
        beget(&rig, from[i], b);
        EXPECT_EQ_STR("b", payload_of(&rig, a));
        EXPECT_EQ_INT(-1, state(&rig, b));
        EXPECT_EQ_INT(SUBMIT_NEW, post(&rig, c));
        expect_replaced(&rig, a, c);
        beget(&rig, from[i], d);
        beget(&rig, from[i], e);
        EXPECT_EQ_INT(-1, state(&rig, d));
        EXPECT_EQ_INT(-1, state(&rig, e));
        EXPECT_EQ_INT(0, end(&rig, rig_claim_one(&rig, "q", "t"), JOB_EV_DIE));
        d = offer(&rig, DEDUP_THROTTLE);
        beget(&rig, from[i], d);
        EXPECT_EQ_INT(0, end(&rig, rig_claim_one(&rig, "q", "t"), JOB_EV_DIE));
        EXPECT_EQ_INT(JOB_DEAD, state(&rig, d));
        EXPECT_EQ_INT(SUBMIT_DUPLICATE, knock(&rig, DEDUP_THROTTLE));
        rig_expect_sound(&rig);
        rig.now += 1000;
    }
    rig_finish(&rig);
}

// What no child can do.
static void test_children_refused(void) {
    struct rig rig;
    rig_start(&rig);
    struct job_file file = file_of(&rig, "1");
    struct offer *a = offer(&rig, DEDUP_REPLACE), *b = later(&rig, 0, "b");
    b->spec.files = &file;
    b->spec.file_count = 1;
    struct offer *const kids[] = {a, b};
    (void)rig_submit_plain(&rig, "q", "parent");
    const struct store_claimed *parent = rig_claim_one(&rig, "q", "parent");
    for (size_t i = 0; i < ARRAY_LEN(kids); i++) {
        struct store_commit_item item = rig_item(parent, JOB_EV_SUCCEED);
        item.children = &kids[i]->spec;
        item.child_count = 1;
        EXPECT_EQ_INT(-ENOTSUP, rig_commit(&rig, &item));
        EXPECT_EQ_INT(JOB_RUNNING, rig_state(&rig, &parent->spec.id));
    }
    EXPECT_EQ_INT(0, rig_succeed(&rig, parent));
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

/* ------------------------------------------------------------------ another host */

// The host that runs the old one hears of it.
static void test_asked_elsewhere(void) {
    struct rig a, b;
    rig_start(&a);
    rig_start_beside(&b, &a);
    struct offer *old = offer(&a, DEDUP_REPLACE), *new = offer(&b, DEDUP_REPLACE);
    EXPECT_EQ_INT(SUBMIT_NEW, post(&a, old));
    const struct store_claimed *job = rig_claim_one(&a, "q", "t");
    EXPECT_EQ_INT(SUBMIT_NEW, post(&b, new));
    RIG_AWAIT(&a, rig_has_id(&a.asked, &old->spec.id));
    EXPECT_EQ_INT(0, end(&a, job, JOB_EV_CANCEL));
    EXPECT_EQ_INT(JOB_CANCELLED, state(&b, old));
    rig_expect_sound(&a);
    rig_finish(&b);
    rig_finish(&a);
}

// A host remembers what it submitted; another one changed it since.
static void test_changed_elsewhere(void) {
    struct rig a, b;
    rig_start(&a);
    rig_start_beside(&b, &a);
    struct offer *first = later(&a, 0, "a"), *second = later(&b, 0, "b");
    EXPECT_EQ_INT(SUBMIT_NEW, post(&a, first));
    EXPECT_EQ_INT(SUBMIT_DUPLICATE, post(&b, second));
    const struct store_claimed *job = rig_claim_one(&a, "q", "t");
    EXPECT_EQ_BYTES("b", 1, job->spec.payload.data, job->spec.payload.len);
    EXPECT_TRUE(id_equal(&first->spec.id, &job->spec.id));
    EXPECT_EQ_INT(0, rig_succeed(&a, job));
    rig_expect_sound(&a);
    rig_finish(&b);
    rig_finish(&a);
}

CASES(dedup, ON_ALL,
      {"throttle: a key lives for its time, whatever becomes of the job", test_throttle},
      {"throttle: a job that runs for longer than its key", test_throttle_long_job},
      {"throttle: a key outlives its job's row", test_throttle_outlives_row},
      {"throttle: a revived job does not hold its key", test_throttle_revived},
      {"throttle: for how long", test_throttle_ttl},
      {"throttle: several by one call", test_throttle_call},
      {"throttle: keys are listed with their end, and released", test_throttle_listed},
      {"throttle: out of a spool", test_throttle_spooled},
      {"replace: who waits ends", test_replace_waiting},
      {"replace: who runs is asked to end", test_replace_running},
      {"replace: who has succeeded has succeeded", test_replace_too_late},
      {"replace: a repeated submission changes nothing", test_replace_repeated},
      {"replace: several by one call", test_replace_call},
      {"replace: in a full queue", test_replace_full},
      {"replace: over the budget", test_replace_over_budget},
      {"debounce: a job that waits takes over what the next one says", test_debounce},
      {"debounce: no later than its bound", test_debounce_bound},
      {"debounce: a job whose time has come", test_debounce_queued},
      {"debounce: a job that has begun", test_debounce_begun},
      {"debounce: a repeated submission changes nothing", test_debounce_repeated},
      {"debounce: payloads of all sizes", test_debounce_sizes},
      {"debounce: over the budget, and in a full queue", test_debounce_over_budget},
      {"debounce: several by one call", test_debounce_call},
      {"debounce: among other modes", test_debounce_and_others},
      {"dedup: files of a changed job", test_files},
      {"dedup: files of a replaced job", test_files_of_replaced},
      {"dedup: children", test_children},
      {"dedup: children that cannot be", test_children_refused});
CASES(dedup_shared, ON_SHARED, {"replace: the host that runs it hears of it", test_asked_elsewhere},
      {"debounce: a job that another host has changed", test_changed_elsewhere});
