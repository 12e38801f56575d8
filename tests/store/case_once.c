/* What is accepted once: signed deliveries. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cases.h"
#include "sample.h"
#include "store/flows.h"

enum { DAY_MS = 86400000, MINUTE_MS = 60000 };

// A delivery that lives as long as the rig, and its answer.
struct delivery {
    struct store_op op;
    struct job_spec spec;
    struct store_once once[STORE_ONCE_MAX];
    struct store_submit_item item;
};

static struct store_once once_of(const char *id, uint64_t content) {
    struct store_once once = {.content = content, .keep_ms = DAY_MS};
    (void)snprintf((char *)once.key, sizeof once.key, "%s", id);
    return once;
}

static struct delivery *deliver_to(struct rig *rig, const char *queue, const char *id) {
    struct delivery *d = rig_new(rig, sizeof *d);
    d->spec = rig_spec(rig, queue, "t");
    d->once[0] = once_of(id, 1);
    d->item = (struct store_submit_item){
        .spec = &d->spec, .once = d->once, .once_count = 1, .keep_ms = 1000};
    return d;
}

static struct delivery *deliver(struct rig *rig, const char *id) {
    return deliver_to(rig, "q", id);
}

// Verdict, or the negative status.
static int post(struct rig *rig, struct delivery *d) {
    struct store_submit *submit = RIG_NEW(rig, store_submit);
    submit->items = &d->item;
    submit->count = 1;
    int r = rig_run(rig, &submit->op, STORE_SUBMIT);
    submit->items = NULL;
    return r < 0 ? r : d->item.status < 0 ? d->item.status : (int)d->item.verdict;
}

static int knock(struct rig *rig, const char *id) {
    return post(rig, deliver(rig, id));
}

static bool won(const struct delivery *d, const struct delivery *by) {
    return d->item.once_held && id_equal(&d->item.winner, &by->spec.id);
}

static int remove_job(struct rig *rig, const struct job_id *id) {
    int status = 0;
    struct store_remove op = {.ids = id, .status = &status, .count = 1};
    int r = rig_run(rig, &op.op, STORE_REMOVE);
    store_op_finish(&op.op);
    return r < 0 ? r : status;
}

static size_t sweep(struct rig *rig) {
    struct store_sweep op = {.limit = 100};
    (void)EXPECT_EQ_INT(0, rig_run(rig, &op.op, STORE_SWEEP));
    store_op_finish(&op.op);
    return op.removed;
}

static int64_t jobs_in(struct rig *rig, const char *queue) {
    const struct store_stats *stats = rig_stats(rig);
    int64_t n = 0;
    for (size_t i = 0; i < stats->queue_count; i++) {
        for (int k = 0; strcmp(stats->queues[i].queue, queue) == 0 && k < JOB_STATE_COUNT; k++) {
            n += stats->queues[i].by_state[k];
        }
    }
    return n;
}

/* ------------------------------------------------------------------ once */

// Whatever becomes of its job, which is named even when it is gone.
static void test_whatever_becomes(void) {
    static const enum job_event ends[] = {JOB_EV_SUCCEED, JOB_EV_DIE, JOB_EV_CANCEL};
    static const enum job_state states[] = {JOB_SUCCEEDED, JOB_DEAD, JOB_CANCELLED};
    struct rig rig;
    rig_start(&rig);
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        const char id[] = {(char)('a' + (char)i), '\0'};
        struct delivery *first = deliver(&rig, id), *next = deliver(&rig, id);
        EXPECT_EQ_INT(SUBMIT_NEW, post(&rig, first));
        EXPECT_FALSE(first->item.once_held);
        EXPECT_EQ_INT(SUBMIT_DUPLICATE, post(&rig, next));
        EXPECT_TRUE(won(next, first));
        EXPECT_EQ_INT(JOB_QUEUED, next->item.winner_state);
        EXPECT_EQ_INT(-1, rig_state(&rig, &next->spec.id));
        const struct store_claimed *job = rig_claim_one(&rig, "q", "t");
        next = deliver(&rig, id);
        EXPECT_EQ_INT(SUBMIT_DUPLICATE, post(&rig, next));
        EXPECT_EQ_INT(JOB_RUNNING, next->item.winner_state);
        struct store_commit_item end = rig_item(job, ends[i]);
        EXPECT_EQ_INT(0, rig_commit(&rig, &end));
        next = deliver(&rig, id);
        EXPECT_EQ_INT(SUBMIT_DUPLICATE, post(&rig, next));
        EXPECT_EQ_INT(states[i], next->item.winner_state);
        EXPECT_EQ_INT(0, remove_job(&rig, &first->spec.id));
        next = deliver(&rig, id);
        EXPECT_EQ_INT(SUBMIT_DUPLICATE, post(&rig, next));
        EXPECT_TRUE(won(next, first));
        EXPECT_EQ_INT(JOB_SUCCEEDED, next->item.winner_state);
        EXPECT_FALSE(next->item.once_differs);
        EXPECT_EQ_INT(0, jobs_in(&rig, "q"));
    }
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

// The same id with other words is a duplicate all the same, and is told from one.
static void test_differs(void) {
    struct rig rig;
    rig_start(&rig);
    struct delivery *first = deliver(&rig, "a"), *other = deliver(&rig, "a");
    first->once[0].content = UINT64_MAX - 7;
    other->once[0].content = UINT64_MAX - 8;
    EXPECT_EQ_INT(SUBMIT_NEW, post(&rig, first));
    EXPECT_EQ_INT(SUBMIT_DUPLICATE, post(&rig, other));
    EXPECT_TRUE(won(other, first) && other->item.once_differs);
    other->once[0].content = first->once[0].content;
    EXPECT_EQ_INT(SUBMIT_DUPLICATE, post(&rig, other));
    EXPECT_TRUE(won(other, first) && !other->item.once_differs);
    rig_finish(&rig);
}

static void test_queues_apart(void) {
    struct rig rig;
    rig_start(&rig);
    struct delivery *here = deliver_to(&rig, "q", "a"), *there = deliver_to(&rig, "r", "a");
    EXPECT_EQ_INT(SUBMIT_NEW, post(&rig, here));
    EXPECT_EQ_INT(SUBMIT_NEW, post(&rig, there));
    here = deliver_to(&rig, "r", "a");
    EXPECT_EQ_INT(SUBMIT_DUPLICATE, post(&rig, here));
    EXPECT_TRUE(won(here, there));
    rig_finish(&rig);
}

// Of two either holds; both are held by whom either one let in. Both may be the same.
static void test_two(void) {
    struct rig rig;
    rig_start(&rig);
    struct delivery *both = deliver(&rig, "id"), *id = deliver(&rig, "id"),
                    *body = deliver(&rig, "body");
    both->once[1] = once_of("body", 2);
    both->item.once_count = 2;
    EXPECT_EQ_INT(SUBMIT_NEW, post(&rig, both));
    EXPECT_EQ_INT(SUBMIT_DUPLICATE, post(&rig, id));
    EXPECT_TRUE(won(id, both));
    EXPECT_EQ_INT(SUBMIT_DUPLICATE, post(&rig, body));
    EXPECT_TRUE(won(body, both) && body->item.once_differs);
    struct delivery *half = deliver(&rig, "other");
    half->once[1] = once_of("body", 2);
    half->item.once_count = 2;
    EXPECT_EQ_INT(SUBMIT_DUPLICATE, post(&rig, half));
    EXPECT_TRUE(won(half, both));
    EXPECT_EQ_INT(SUBMIT_NEW, knock(&rig, "other")); // nothing was remembered of that one
    struct delivery *twice = deliver(&rig, "twice");
    twice->once[1] = twice->once[0];
    twice->item.once_count = 2;
    EXPECT_EQ_INT(SUBMIT_NEW, post(&rig, twice));
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

static void test_one_call(void) {
    struct rig rig;
    rig_start(&rig);
    struct delivery *first = deliver(&rig, "a"), *next = deliver(&rig, "a"),
                    *other = deliver(&rig, "b");
    struct job_spec plain = rig_spec(&rig, "q", "t");
    struct store_submit_item items[] = {{.spec = &plain}, first->item, next->item, other->item};
    struct store_submit *submit = RIG_NEW(&rig, store_submit);
    submit->items = items;
    submit->count = ARRAY_LEN(items);
    EXPECT_EQ_INT(0, rig_run(&rig, &submit->op, STORE_SUBMIT));
    submit->items = NULL;
    EXPECT_EQ_INT(SUBMIT_NEW, items[0].verdict);
    EXPECT_EQ_INT(SUBMIT_NEW, items[1].verdict);
    EXPECT_EQ_INT(SUBMIT_DUPLICATE, items[2].verdict);
    EXPECT_TRUE(id_equal(&items[2].winner, &first->spec.id) && items[2].once_held);
    EXPECT_EQ_INT(SUBMIT_NEW, items[3].verdict);
    EXPECT_EQ_INT(3, jobs_in(&rig, "q"));
    rig_finish(&rig);
}

// Resent, it is the same one, even when its job has gone.
static void test_resent(void) {
    struct rig rig;
    rig_start(&rig);
    struct delivery *d = deliver(&rig, "a");
    d->spec.dedup_key = "k";
    EXPECT_EQ_INT(SUBMIT_NEW, post(&rig, d));
    EXPECT_EQ_INT(SUBMIT_REPEATED, post(&rig, d));
    EXPECT_FALSE(d->item.once_held);
    EXPECT_EQ_INT(0, rig_succeed(&rig, rig_claim_one(&rig, "q", "t")));
    EXPECT_EQ_INT(SUBMIT_REPEATED, post(&rig, d));
    EXPECT_EQ_INT(0, remove_job(&rig, &d->spec.id));
    EXPECT_EQ_INT(SUBMIT_REPEATED, post(&rig, d));
    EXPECT_EQ_INT(0, jobs_in(&rig, "q"));
    rig_finish(&rig);
}

/* ------------------------------------------------------------------ beside dedup keys */

// It was answered as a success: it has been here.
static void test_duplicate_is_remembered(void) {
    static const enum dedup_mode modes[] = {DEDUP_RETURN, DEDUP_DEBOUNCE};
    struct rig rig;
    rig_start(&rig);
    for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
        struct delivery *holder = deliver(&rig, i == 0 ? "a" : "b"),
                        *second = deliver(&rig, i == 0 ? "c" : "d");
        holder->spec.dedup_key = second->spec.dedup_key = i == 0 ? "k" : "l";
        holder->spec.dedup_mode = second->spec.dedup_mode = modes[i];
        holder->spec.dedup_ttl_ms = second->spec.dedup_ttl_ms = -1;
        EXPECT_EQ_INT(SUBMIT_NEW, post(&rig, holder));
        EXPECT_EQ_INT(SUBMIT_DUPLICATE, post(&rig, second));
        EXPECT_FALSE(second->item.once_held);
        EXPECT_EQ_INT(i == 1, second->item.updated);
        EXPECT_TRUE(id_equal(&second->item.winner, &holder->spec.id));
        EXPECT_EQ_INT(SUBMIT_DUPLICATE, post(&rig, second)); // resent
        EXPECT_EQ_INT(0,
                      rig_succeed(&rig, rig_claim_one(&rig, "q", "t"))); // and so the key is free
        struct delivery *again = deliver(&rig, i == 0 ? "c" : "d");
        again->spec.dedup_key = second->spec.dedup_key;
        EXPECT_EQ_INT(SUBMIT_DUPLICATE, post(&rig, again));
        EXPECT_TRUE(won(again, holder));
    }
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

// What is refused was not here: its sender comes again.
static void test_refused_is_not(void) {
    struct rig rig;
    rig_start(&rig);
    struct delivery *holder = deliver(&rig, "a"), *second = deliver(&rig, "b");
    holder->spec.dedup_key = second->spec.dedup_key = "k";
    second->spec.dedup_mode = DEDUP_REJECT;
    holder->spec.dedup_ttl_ms = -1;
    EXPECT_EQ_INT(SUBMIT_NEW, post(&rig, holder));
    EXPECT_EQ_INT(-EEXIST, post(&rig, second));
    struct delivery *third = deliver(&rig, "c");
    third->item.max_waiting = 1;
    EXPECT_EQ_INT(-ENOBUFS, post(&rig, third));
    struct job_file file = {.name = "f"};
    struct delivery *fourth = deliver(&rig, "d");
    fourth->spec.files = &file;
    fourth->spec.file_count = 1;
    EXPECT_EQ_INT(-ENOENT, post(&rig, fourth));
    EXPECT_EQ_INT(0, rig_succeed(&rig, rig_claim_one(&rig, "q", "t")));
    EXPECT_EQ_INT(SUBMIT_NEW, post(&rig, second));
    EXPECT_EQ_INT(SUBMIT_NEW, knock(&rig, "c"));
    EXPECT_EQ_INT(SUBMIT_NEW, knock(&rig, "d"));
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

// It is looked at first: a delivery that comes again neither replaces its own job nor is refused by it.
static void test_before_the_key(void) {
    static const enum dedup_mode modes[] = {DEDUP_REJECT, DEDUP_REPLACE, DEDUP_DEBOUNCE,
                                            DEDUP_THROTTLE};
    struct rig rig;
    rig_start(&rig);
    for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
        const char id[] = {(char)('a' + (char)i), '\0'};
        struct delivery *first = deliver(&rig, id), *next = deliver(&rig, id);
        first->spec.dedup_key = next->spec.dedup_key = "k";
        first->spec.dedup_mode = next->spec.dedup_mode = modes[i];
        first->spec.dedup_ttl_ms = next->spec.dedup_ttl_ms = MINUTE_MS;
        EXPECT_EQ_INT(SUBMIT_NEW, post(&rig, first));
        EXPECT_EQ_INT(SUBMIT_DUPLICATE, post(&rig, next));
        EXPECT_TRUE(won(next, first) && !next->item.updated && id_is_zero(&next->item.replaced));
        EXPECT_EQ_INT(JOB_QUEUED, rig_state(&rig, &first->spec.id));
        EXPECT_EQ_UINT(1, rig_get(&rig, &first->spec.id)->rev);
        EXPECT_EQ_INT(1, rig_move(&rig, &first->spec.id, JOB_EV_CANCEL) == 0);
    }
    rig_finish(&rig);
}

/* ------------------------------------------------------------------ ways in */

// Accepted while nobody could ask: it is a job, and ends as a duplicate.
static void test_spooled(void) {
    struct rig rig;
    rig_start(&rig);
    struct delivery *first = deliver(&rig, "a"), *next = deliver(&rig, "a");
    first->item.spooled = next->item.spooled = true;
    EXPECT_EQ_INT(SUBMIT_NEW, post(&rig, first));
    EXPECT_EQ_INT(SUBMIT_REPEATED, post(&rig, first));
    next->once[0].content = 2;
    EXPECT_EQ_INT(SUBMIT_DUPLICATE, post(&rig, next));
    EXPECT_TRUE(won(next, first) && next->item.once_differs);
    const struct store_job *job = rig_get(&rig, &next->spec.id);
    EXPECT_EQ_INT(JOB_DUPLICATE, job->state);
    EXPECT_TRUE(id_equal(&job->winner, &first->spec.id));
    EXPECT_EQ_INT(rig.now, job->finished_ms);
    EXPECT_EQ_INT(SUBMIT_REPEATED, post(&rig, next));
    EXPECT_EQ_INT(SUBMIT_DUPLICATE, knock(&rig, "a"));
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

static int join(struct rig *rig, struct delivery *d) {
    struct store_flow_join *op = RIG_NEW(rig, store_flow_join);
    op->items = &d->item;
    op->count = 1;
    int r = rig_run(rig, &op->op, STORE_FLOW_JOIN);
    op->items = NULL;
    return r < 0 ? r : d->item.status < 0 ? d->item.status : (int)d->item.verdict;
}

static struct delivery *member(struct rig *rig, const struct job_id *opener, const char *id) {
    static char flow[JOB_ID_TEXT + 1];
    struct delivery *d = deliver(rig, id);
    id_format(opener, flow);
    d->spec.type = "member";
    d->spec.parent = *opener;
    d->spec.flow_id = flow;
    return d;
}

// A member that comes again is one although its flow has closed since; one that came too late may come again.
static void test_joins(void) {
    struct rig rig;
    rig_start(&rig);
    (void)rig_submit_plain(&rig, "q", "t");
    const struct store_claimed *opener = rig_claim_one(&rig, "q", "t");
    struct job_id id = opener->spec.id;
    struct delivery *child = member(&rig, &id, "-"), *first = member(&rig, &id, "a");
    struct store_commit_item item = rig_item(opener, JOB_EV_NONE);
    item.children = &child->spec;
    item.child_count = 1;
    EXPECT_EQ_INT(0, rig_commit(&rig, &item));
    EXPECT_EQ_INT(SUBMIT_NEW, join(&rig, first));
    EXPECT_EQ_INT(SUBMIT_REPEATED, join(&rig, first));
    struct delivery *again = member(&rig, &id, "a");
    EXPECT_EQ_INT(SUBMIT_DUPLICATE, join(&rig, again));
    EXPECT_TRUE(won(again, first));
    EXPECT_EQ_INT(0, rig_succeed(&rig, rig_claim_one(&rig, "q", "member")));
    EXPECT_EQ_INT(0, rig_succeed(&rig, rig_claim_one(&rig, "q", "member")));
    item = rig_item(opener, JOB_EV_SUCCEED);
    item.commit_no = opener->commit_no + 2;
    EXPECT_EQ_INT(0, rig_commit(&rig, &item));
    EXPECT_EQ_INT(SUBMIT_DUPLICATE, join(&rig, member(&rig, &id, "a")));
    EXPECT_EQ_INT(-ESTALE, join(&rig, member(&rig, &id, "late")));
    EXPECT_EQ_INT(SUBMIT_NEW, knock(&rig, "late"));
    struct store_flow_get *get = RIG_NEW(&rig, store_flow_get);
    get->id = id;
    EXPECT_EQ_INT(0, rig_run(&rig, &get->op, STORE_FLOW_GET));
    EXPECT_EQ_INT(2, get->flow.facts.tally.made);
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

static void test_reopened(void) {
    struct rig rig;
    rig_start(&rig);
    struct delivery *first = deliver(&rig, "a"), *next = deliver(&rig, "a");
    EXPECT_EQ_INT(SUBMIT_NEW, post(&rig, first));
    rig_reopen(&rig);
    EXPECT_EQ_INT(SUBMIT_DUPLICATE, post(&rig, next));
    EXPECT_TRUE(won(next, first));
    rig_finish(&rig);
}

/* ------------------------------------------------------------------ its time, on a file */

// Real time, that can be moved.
static void start_at(struct rig *rig, struct env_clock_file *clock) {
    *clock = (struct env_clock_file){
        .rate_milli = 0, .base_test_ms = 1000, .wall_skew_ms = 1700000000000};
    rig_init(rig);
    rig->env.clock = clock;
    EXPECT_EQ_INT(0, rig_open(rig));
}

static void finish(struct rig *rig) {
    rig_expect_sound(rig);
    rig->env.clock = NULL;
    rig_finish(rig);
}

static void test_time(void) {
    struct rig rig;
    struct env_clock_file clock;
    start_at(&rig, &clock);
    struct delivery *first = deliver(&rig, "a"), *longest = deliver(&rig, "b");
    first->once[0].keep_ms = MINUTE_MS;
    longest->once[0].keep_ms = INT64_MAX;
    EXPECT_EQ_INT(SUBMIT_NEW, post(&rig, first));
    EXPECT_EQ_INT(SUBMIT_NEW, post(&rig, longest));
    rig_advance(&clock, MINUTE_MS - 1);
    EXPECT_EQ_UINT(0, sweep(&rig));
    EXPECT_EQ_INT(SUBMIT_DUPLICATE, knock(&rig, "a"));
    rig_advance(&clock, 1);
    EXPECT_EQ_INT(SUBMIT_NEW, knock(&rig, "a")); // whether or not it was swept
    EXPECT_EQ_INT(SUBMIT_REPEATED, post(&rig, first));
    rig_advance(&clock, DAY_MS);
    EXPECT_EQ_UINT(1, sweep(&rig));
    rig_advance(&clock, STORE_ONCE_KEEP_MAX_MS - DAY_MS - MINUTE_MS - 1);
    EXPECT_EQ_UINT(0, sweep(&rig));
    rig_advance(&clock, 1);
    EXPECT_EQ_UINT(1, sweep(&rig));
    finish(&rig);
}

// Neither direction of a step lets anything in again.
static void test_clock_steps(void) {
    static const int64_t steps[] = {-3600000, 3600000, -10LL * DAY_MS, 10LL * DAY_MS};
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        struct rig rig;
        struct env_clock_file clock;
        start_at(&rig, &clock);
        struct delivery *first = deliver(&rig, "a");
        first->once[0].keep_ms = MINUTE_MS;
        EXPECT_EQ_INT(SUBMIT_NEW, post(&rig, first));
        rig_advance(&clock, MINUTE_MS / 2);
        (void)__atomic_fetch_add(&clock.wall_skew_ms, steps[i], __ATOMIC_RELAXED);
        rig.now += steps[i];
        (void)sweep(&rig);
        EXPECT_EQ_INT(SUBMIT_DUPLICATE, knock(&rig, "a"));
        (void)__atomic_fetch_add(&clock.wall_skew_ms, -steps[i], __ATOMIC_RELAXED);
        rig.now -= steps[i];
        (void)sweep(&rig);
        EXPECT_EQ_INT(SUBMIT_DUPLICATE, knock(&rig, "a"));
        rig_advance(&clock, MINUTE_MS / 2);
        EXPECT_EQ_INT(SUBMIT_NEW, knock(&rig, "a")); // it had its time, not more
        finish(&rig);
    }
}

// Opened again by a clock that is behind: what is kept is kept for longer.
static void test_opened_behind(void) {
    struct rig rig;
    struct env_clock_file clock;
    start_at(&rig, &clock);
    EXPECT_EQ_INT(SUBMIT_NEW, knock(&rig, "a"));
    (void)__atomic_fetch_add(&clock.wall_skew_ms, -DAY_MS, __ATOMIC_RELAXED);
    rig.now -= DAY_MS;
    rig_reopen(&rig);
    rig_advance(&clock, DAY_MS);
    EXPECT_EQ_UINT(0, sweep(&rig));
    EXPECT_EQ_INT(SUBMIT_DUPLICATE, knock(&rig, "a"));
    rig_advance(&clock, DAY_MS);
    EXPECT_EQ_UINT(1, sweep(&rig));
    finish(&rig);
}

// They count for the budget of jobs, until they are swept.
static void test_budget(void) {
    struct rig rig;
    struct env_clock_file clock;
    start_at(&rig, &clock);
    struct delivery *holder = deliver(&rig, "a");
    holder->spec.dedup_key = "k";
    holder->once[0].keep_ms = MINUTE_MS;
    EXPECT_EQ_INT(SUBMIT_NEW, post(&rig, holder));
    uint64_t one = rig_stats(&rig)->bytes[BUDGET_JOBS];
    struct delivery *second = deliver(&rig, "b");
    second->spec.dedup_key = "k";
    EXPECT_EQ_INT(SUBMIT_DUPLICATE, post(&rig, second));
    uint64_t two = rig_stats(&rig)->bytes[BUDGET_JOBS];
    EXPECT_EQ_UINT(100, two - one);
    rig_close(&rig);
    rig.config.budget[BUDGET_JOBS] = two + 99;
    EXPECT_EQ_INT(0, rig_open(&rig));
    struct delivery *third = deliver(&rig, "c"), *known = deliver(&rig, "b");
    third->spec.dedup_key = "k";
    EXPECT_EQ_INT(-EDQUOT, post(&rig, third));
    EXPECT_EQ_INT(SUBMIT_DUPLICATE, post(&rig, known)); // takes no room
    rig_advance(&clock, MINUTE_MS);
    EXPECT_EQ_UINT(1, sweep(&rig));
    EXPECT_EQ_INT(SUBMIT_DUPLICATE, post(&rig, third));
    finish(&rig);
}

// What a rolled back transaction has counted is taken back: with the row, if the job's own part fails.
static void test_together(void) {
    struct rig rig;
    rig_start(&rig);
    EXPECT_EQ_INT(SUBMIT_NEW, knock(&rig, "a"));
    rig_close(&rig);
    rig_sql(&rig, "CREATE TRIGGER no BEFORE INSERT ON once BEGIN SELECT RAISE(FAIL, 'no'); END");
    EXPECT_EQ_INT(0, rig_open(&rig));
    struct delivery *d = deliver(&rig, "b");
    EXPECT_TRUE(post(&rig, d) < 0);
    EXPECT_EQ_INT(-1, rig_state(&rig, &d->spec.id));
    rig_close(&rig);
    rig_sql(&rig, "DROP TRIGGER no");
    EXPECT_EQ_INT(0, rig_open(&rig));
    EXPECT_EQ_INT(SUBMIT_NEW, post(&rig, d));
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

/* ------------------------------------------------------------------ on a server */

#define KEY_A "61000000000000000000000000000000"

// It is kept by the server's clock, whatever the hosts' say.
static void test_server_keeps(void) {
    struct rig rig;
    rig_start(&rig);
    struct delivery *first = deliver(&rig, "a");
    first->once[0].keep_ms = INT64_MAX;
    EXPECT_EQ_INT(SUBMIT_NEW, post(&rig, first));
    int64_t left = rig_redis("PTTL jobs:q:once:" KEY_A);
    EXPECT_TRUE(left > STORE_ONCE_KEEP_MAX_MS - 600000 && left <= STORE_ONCE_KEEP_MAX_MS);
    rig.now += 40LL * DAY_MS;
    (void)sweep(&rig);
    EXPECT_EQ_INT(SUBMIT_DUPLICATE, knock(&rig, "a"));
    rig.now -= 80LL * DAY_MS;
    EXPECT_EQ_INT(SUBMIT_DUPLICATE, knock(&rig, "a"));
    EXPECT_EQ_INT(1, rig_redis("PEXPIRE jobs:q:once:" KEY_A " 0"));
    EXPECT_EQ_INT(SUBMIT_NEW, knock(&rig, "a"));
    rig_finish(&rig);
}

// Of two hosts the first lets it in.
static void test_two_hosts(void) {
    struct rig a, b;
    rig_start(&a);
    rig_start_beside(&b, &a);
    struct delivery *first = deliver(&a, "a"), *next = deliver(&b, "a");
    EXPECT_EQ_INT(SUBMIT_NEW, post(&a, first));
    EXPECT_EQ_INT(SUBMIT_DUPLICATE, post(&b, next));
    EXPECT_TRUE(won(next, first));
    rig_finish(&b);
    rig_finish(&a);
}

static void test_damage(void) {
    struct rig rig;
    rig_start(&rig);
    EXPECT_EQ_INT(SUBMIT_NEW, knock(&rig, "a"));
    EXPECT_EQ_INT(1, rig_redis("PERSIST jobs:q:once:" KEY_A));
    EXPECT_TRUE(sample_has(sample_fsck(&rig, false), "once_too_long", false));
    EXPECT_TRUE(sample_has(sample_fsck(&rig, true), "once_too_long", true));
    rig_expect_sound(&rig);
    EXPECT_EQ_INT(1, rig_redis("PEXPIRE jobs:q:once:" KEY_A " 2678500000"));
    EXPECT_TRUE(sample_has(sample_fsck(&rig, true), "once_too_long", true));
    EXPECT_EQ_INT(SUBMIT_DUPLICATE, knock(&rig, "a"));
    (void)rig_redis("SETRANGE jobs:q:once:" KEY_A " 40 -");
    EXPECT_TRUE(sample_has(sample_fsck(&rig, true), "once_damaged", true));
    rig_expect_sound(&rig);
    EXPECT_EQ_INT(0, rig_redis("EXISTS jobs:q:once:" KEY_A));
    rig_finish(&rig);
}

CASES(once, ON_ALL, {"once, whatever becomes of the job", test_whatever_becomes},
      {"once: another content under the same id is told", test_differs},
      {"once: by queue", test_queues_apart}, {"once: one of two is enough", test_two},
      {"once: in one call", test_one_call},
      {"once: resent it is no duplicate of itself", test_resent},
      {"once: a duplicate by its key has been here", test_duplicate_is_remembered},
      {"once: what is refused has not", test_refused_is_not},
      {"once: before the dedup key", test_before_the_key},
      {"once: spooled it ends as a duplicate", test_spooled},
      {"once: as a member of a flow", test_joins}, {"once: over a new start", test_reopened});
CASES(once_file, ON_FILE, {"once: for a time", test_time},
      {"once: a clock that steps lets nothing in again", test_clock_steps},
      {"once: a start behind its time keeps for longer", test_opened_behind},
      {"once: counts for the budget", test_budget},
      {"once: with its job or not at all", test_together});
CASES(once_shared, ON_SHARED, {"once: the server keeps it", test_server_keeps},
      {"once: by one of two hosts", test_two_hosts}, {"once: damage to keys", test_damage});
