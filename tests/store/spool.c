/* The spool in front of a store that goes away, comes back, and loses answers. */
#include <errno.h>
#include <stdlib.h>

#include "spool_rig.h"

enum { MANY = 700 };

// While main is there, nothing but main is asked.
static void test_pass(void) {
    static struct spool_rig r;
    spool_rig_start(&r, false);
    struct job_id id = spool_rig_submit(&r, "q", SUBMIT_NEW);
    EXPECT_EQ_UINT(1, spool_rig_plan(&r)->posted[STORE_SUBMIT]);
    EXPECT_EQ_INT(JOB_QUEUED, rig_state(&r.rig, &id));
    EXPECT_EQ_UINT(1, spool_rig_plan(&r)->posted[STORE_GET]);
    struct store_backlog log = store_backlog(&r.rig.store);
    EXPECT_TRUE(log.present);
    EXPECT_EQ_INT(0, log.waiting);
    EXPECT_EQ_UINT(0, log.bytes);
    spool_rig_finish(&r);
}

static void test_away_and_back(void) {
    static struct spool_rig r;
    static struct job_id one[MANY], two[MANY];
    spool_rig_start(&r, false);
    one[0] = spool_rig_submit(&r, "one", SUBMIT_NEW);
    spool_rig_down(&r);
    EXPECT_EQ_STR("the store is gone", r.rig.health);
    for (int i = 1; i < MANY; i++) {
        one[i] = spool_rig_submit(&r, "one", SUBMIT_SPOOLED);
        two[i - 1] = spool_rig_submit(&r, "two", SUBMIT_SPOOLED);
    }
    EXPECT_EQ_INT(2 * (MANY - 1), spool_rig_waiting(&r));
    EXPECT_EQ_INT(r.rig.now, store_backlog(&r.rig.store).oldest_ms);
    EXPECT_EQ_INT(-ENOTCONN, rig_move(&r.rig, &one[0], JOB_EV_CANCEL)); // that is main's own
    spool_rig_up(&r);
    EXPECT_EQ_STR("", r.rig.health);
    spool_rig_until(&r, 0);
    EXPECT_EQ_UINT(2 * (MANY - 1), store_backlog(&r.rig.store).forwarded);
    EXPECT_TRUE(rig_was_ready(&r.rig, "two", "t"));
    spool_rig_expect_order(&r, "one", one, MANY);
    spool_rig_expect_order(&r, "two", two, MANY - 1);
    (void)spool_rig_submit(&r, "one", SUBMIT_NEW);
    rig_expect_sound(&r.rig);
    spool_rig_finish(&r);
}

static void test_away_at_open(void) {
    static struct spool_rig r;
    spool_rig_start(&r, true);
    EXPECT_EQ_UINT(1, r.rig.health_events);
    EXPECT_EQ_STR("the store cannot be reached yet", r.rig.health);
    struct job_id id = spool_rig_submit(&r, "q", SUBMIT_SPOOLED);
    spool_rig_up(&r);
    spool_rig_until(&r, 0);
    EXPECT_EQ_INT(JOB_QUEUED, spool_rig_state_in_main(&r, &id));
    spool_rig_finish(&r);
}

// What waits is shown as it will be.
static void test_get(void) {
    static struct spool_rig r;
    spool_rig_start(&r, true);
    struct job_spec spec = rig_spec(&r.rig, "q", "t");
    spec.run_at_ms = r.rig.now + 1000;
    spec.tenant = "ann";
    spec.dedup_key = "k";
    spec.priority = PRIORITY_LOW;
    EXPECT_EQ_INT(SUBMIT_SPOOLED, rig_submit(&r.rig, &spec));
    EXPECT_EQ_INT(SUBMIT_SPOOLED, rig_submit(&r.rig, &spec)); // kept once
    EXPECT_EQ_INT(1, spool_rig_waiting(&r));
    const struct store_job *job = rig_get(&r.rig, &spec.id);
    EXPECT_TRUE(job->spooled);
    EXPECT_EQ_INT(JOB_SCHEDULED, job->state);
    EXPECT_EQ_STR("t", job->spec.type);
    EXPECT_EQ_STR("ann", job->spec.tenant);
    EXPECT_EQ_STR("k", job->spec.dedup_key);
    EXPECT_EQ_INT(PRIORITY_LOW, job->spec.priority);
    EXPECT_EQ_BYTES("{\"n\":1}", 7, job->spec.payload.data, job->spec.payload.len);
    EXPECT_EQ_INT(r.rig.now, job->created_ms);
    struct job_id other = rig_id(&r.rig);
    struct store_get *get = RIG_NEW(&r.rig, store_get);
    get->id = other;
    EXPECT_EQ_INT(-ENOTCONN, rig_run(&r.rig, &get->op, STORE_GET)); // it may be in main
    spool_rig_up(&r);
    spool_rig_until(&r, 0);
    job = rig_get(&r.rig, &spec.id);
    EXPECT_TRUE(!job->spooled);
    EXPECT_EQ_INT(JOB_SCHEDULED, job->state);
    EXPECT_EQ_INT(spec.run_at_ms, job->spec.run_at_ms);
    spool_rig_finish(&r);
}

// Whether the key is free is not known, and these modes must know.
static void test_modes(void) {
    static struct spool_rig r;
    static const enum dedup_mode modes[] = {DEDUP_REJECT, DEDUP_REPLACE, DEDUP_DEBOUNCE};
    spool_rig_start(&r, true);
    for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
        struct job_spec spec = rig_spec(&r.rig, "q", "t");
        spec.dedup_mode = modes[i];
        spec.dedup_key = "k";
        EXPECT_EQ_INT(-EAGAIN, rig_submit(&r.rig, &spec));
        spec.dedup_key = NULL; // without a key there is nothing to know
        EXPECT_EQ_INT(SUBMIT_SPOOLED, rig_submit(&r.rig, &spec));
    }
    spool_rig_finish(&r);
}

// What becomes of a throttled one is known later: its twin ends as a duplicate, and its time began when it was taken.
static void test_throttle(void) {
    static struct spool_rig r;
    struct job_spec specs[3];
    spool_rig_start(&r, true);
    for (size_t i = 0; i < ARRAY_LEN(specs); i++) {
        specs[i] = rig_spec(&r.rig, "q", "t");
        specs[i].dedup_mode = DEDUP_THROTTLE;
        specs[i].dedup_key = i < 2 ? "k" : "over";
        specs[i].dedup_ttl_ms = i < 2 ? INT64_C(3600) * 1000 : 1;
        EXPECT_EQ_INT(SUBMIT_SPOOLED, rig_submit(&r.rig, &specs[i]));
    }
    spool_rig_advance(&r, 2);
    spool_rig_up(&r);
    spool_rig_until(&r, 0);
    EXPECT_EQ_INT(JOB_QUEUED, spool_rig_state_in_main(&r, &specs[0].id));
    EXPECT_EQ_INT(JOB_DUPLICATE, spool_rig_state_in_main(&r, &specs[1].id));
    struct job_id winner = spool_rig_in_main(&r, &specs[1].id).winner;
    EXPECT_TRUE(id_equal(&specs[0].id, &winner));
    EXPECT_EQ_INT(JOB_QUEUED, spool_rig_state_in_main(&r, &specs[2].id));
    struct job_spec next = rig_spec(&r.rig, "q", "t");
    next.dedup_mode = DEDUP_THROTTLE;
    next.dedup_key = "k";
    EXPECT_EQ_INT(SUBMIT_DUPLICATE, rig_submit(&r.rig, &next));
    next.id = rig_id(&r.rig);
    next.dedup_key = "over";
    EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(&r.rig, &next));
    spool_rig_finish(&r);
}

/* ------------------------------------------------------------------ lost answers */

static void lose(struct spool_rig *r, enum store_op_kind kind, enum faulty_effect effect) {
    faulty_add(spool_rig_plan(r),
               (struct faulty_rule){.kind = (int)kind, .effect = effect, .times = 1});
}

// A submission whose answer is lost is there once, whether or not it happened.
static void test_undecided(void) {
    static struct spool_rig r;
    spool_rig_start(&r, false);
    struct job_id ids[2];
    lose(&r, STORE_SUBMIT, FAULTY_AFTER);
    ids[0] = spool_rig_submit(&r, "q", SUBMIT_SPOOLED);
    spool_rig_until(&r, 0);
    lose(&r, STORE_SUBMIT, FAULTY_BEFORE);
    ids[1] = spool_rig_submit(&r, "q", SUBMIT_SPOOLED);
    spool_rig_until(&r, 0);
    spool_rig_expect_order(&r, "q", ids, 2);
    // one that must know is left to who asked
    struct job_spec spec = rig_spec(&r.rig, "q", "t");
    spec.dedup_key = "k";
    spec.dedup_mode = DEDUP_REJECT;
    lose(&r, STORE_SUBMIT, FAULTY_AFTER);
    EXPECT_EQ_INT(-ETIMEDOUT, rig_submit(&r.rig, &spec));
    EXPECT_EQ_INT(0, spool_rig_waiting(&r));
    spool_rig_finish(&r);
}

// It happened, the job ran and was removed, all while this host was cut off.
static void test_tombstone(void) {
    static struct spool_rig r;
    spool_rig_start(&r, false);
    lose(&r, STORE_SUBMIT, FAULTY_AFTER);
    faulty_add(spool_rig_plan(&r),
               (struct faulty_rule){.kind = STORE_SUBMIT, .effect = FAULTY_BEFORE});
    struct job_id id = spool_rig_submit(&r, "q", SUBMIT_SPOOLED);
    struct store_commit_item item = rig_item(rig_claim_one(&r.rig, "q", "t"), JOB_EV_SUCCEED);
    item.keep_ms = 1000;
    EXPECT_EQ_INT(0, rig_commit(&r.rig, &item));
    spool_rig_advance(&r, 1001);
    struct store_sweep sweep = {.limit = 10};
    EXPECT_EQ_INT(0, rig_run(&r.rig, &sweep.op, STORE_SWEEP));
    EXPECT_EQ_UINT(1, sweep.removed);
    EXPECT_EQ_INT(1, spool_rig_waiting(&r));
    spool_rig_plan(&r)->count = 0;
    spool_rig_until(&r, 0);
    EXPECT_EQ_INT(-1, spool_rig_state_in_main(&r, &id));
    EXPECT_EQ_UINT(1, store_backlog(&r.rig.store).forwarded);
    spool_rig_finish(&r);
}

// Main takes what is brought to it, and the answer is lost; then the host ends.
static void test_forward_undecided(void) {
    static struct spool_rig r;
    struct job_id ids[3];
    spool_rig_start(&r, true);
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        ids[i] = spool_rig_submit(&r, "q", SUBMIT_SPOOLED);
    }
    lose(&r, STORE_SUBMIT, FAULTY_AFTER);
    faulty_add(spool_rig_plan(&r),
               (struct faulty_rule){.kind = STORE_SUBMIT, .effect = FAULTY_BEFORE});
    spool_rig_up(&r);
    while (spool_rig_plan(&r)->posted[STORE_SUBMIT] == 0) {
        (void)rig_turn(&r.rig, INT64_MAX);
    }
    EXPECT_EQ_INT(0, rig_reopen(&r.rig));
    spool_rig_up(&r);
    spool_rig_until(&r, 0);
    spool_rig_expect_order(&r, "q", ids, ARRAY_LEN(ids));
    spool_rig_finish(&r);
}

/* ------------------------------------------------------------------ order, keys, room */

static void test_duplicate(void) {
    static struct spool_rig r;
    spool_rig_start(&r, false);
    struct job_spec winner = rig_spec(&r.rig, "q", "t"), spec = rig_spec(&r.rig, "q", "t");
    winner.dedup_key = spec.dedup_key = "k";
    EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(&r.rig, &winner));
    spool_rig_down(&r);
    EXPECT_EQ_INT(SUBMIT_SPOOLED, rig_submit(&r.rig, &spec));
    spool_rig_up(&r);
    spool_rig_until(&r, 0);
    const struct store_job *job = rig_get(&r.rig, &spec.id);
    EXPECT_EQ_INT(JOB_DUPLICATE, job->state);
    EXPECT_TRUE(id_equal(&winner.id, &job->winner));
    spool_rig_finish(&r);
}

static int deliver(struct spool_rig *r, const struct job_spec *spec, const char *id,
                   uint64_t content) {
    struct store_once once[] = {{.content = content, .keep_ms = 3600000},
                                {.content = 1, .keep_ms = 3600000}};
    (void)snprintf((char *)once[0].key, sizeof once[0].key, "%s", id);
    memcpy(once[1].key, spec->id.b, sizeof once[1].key);
    struct store_submit_item item = {.spec = spec, .once = once, .once_count = 2};
    struct store_submit submit = {.items = &item, .count = 1};
    int status = rig_run(&r->rig, &submit.op, STORE_SUBMIT);
    return status < 0 ? status : item.status < 0 ? item.status : (int)item.verdict;
}

// What was delivered twice while main was away is done once.
static void test_once(void) {
    static struct spool_rig r;
    spool_rig_start(&r, false);
    struct job_spec specs[5];
    for (size_t i = 0; i < ARRAY_LEN(specs); i++) {
        specs[i] = rig_spec(&r.rig, "q", "t");
    }
    EXPECT_EQ_INT(SUBMIT_NEW, deliver(&r, &specs[0], "a", 1));
    EXPECT_EQ_INT(SUBMIT_DUPLICATE, deliver(&r, &specs[1], "a", 1));
    spool_rig_down(&r);
    EXPECT_EQ_INT(SUBMIT_SPOOLED, deliver(&r, &specs[1], "a", 1));
    EXPECT_EQ_INT(SUBMIT_SPOOLED, deliver(&r, &specs[2], "b", 1));
    EXPECT_EQ_INT(SUBMIT_SPOOLED, deliver(&r, &specs[3], "b", 2));
    spool_rig_up(&r);
    spool_rig_until(&r, 0);
    EXPECT_EQ_INT(JOB_DUPLICATE, spool_rig_state_in_main(&r, &specs[1].id));
    EXPECT_EQ_INT(JOB_QUEUED, spool_rig_state_in_main(&r, &specs[2].id));
    EXPECT_EQ_INT(JOB_DUPLICATE, spool_rig_state_in_main(&r, &specs[3].id));
    struct job_id winner = spool_rig_in_main(&r, &specs[3].id).winner;
    EXPECT_TRUE(id_equal(&specs[2].id, &winner));
    EXPECT_EQ_INT(SUBMIT_DUPLICATE, deliver(&r, &specs[4], "b", 1));
    spool_rig_finish(&r);
}

static int squeeze(struct spool_rig *r, const struct job_spec *spec) {
    struct store_submit_item item = {.spec = spec, .max_waiting = 1};
    struct store_submit submit = {.items = &item, .count = 1};
    int status = rig_run(&r->rig, &submit.op, STORE_SUBMIT);
    return status < 0 ? status : item.status < 0 ? item.status : (int)item.verdict;
}

// A queue of main that is full keeps its own jobs waiting, new ones behind them, and no others.
static void test_behind(void) {
    static struct spool_rig r;
    struct job_id ids[2];
    spool_rig_start(&r, false);
    (void)spool_rig_submit(&r, "full", SUBMIT_NEW);
    spool_rig_down(&r);
    struct job_spec spec = rig_spec(&r.rig, "full", "t");
    ids[0] = spec.id;
    EXPECT_EQ_INT(SUBMIT_SPOOLED, squeeze(&r, &spec));
    (void)spool_rig_submit(&r, "free", SUBMIT_SPOOLED);
    spool_rig_up(&r);
    spool_rig_until(&r, 1);
    ids[1] = spool_rig_submit(&r, "full", SUBMIT_SPOOLED);
    (void)spool_rig_submit(&r, "free", SUBMIT_NEW);
    // both ways in one operation; what must know goes past those that wait
    struct job_spec specs[3] = {rig_spec(&r.rig, "free", "t"), rig_spec(&r.rig, "full", "x"),
                                rig_spec(&r.rig, "full", "x")};
    specs[2].dedup_key = "k";
    specs[2].dedup_mode = DEDUP_REJECT;
    struct store_submit_item items[3] = {
        {.spec = &specs[0]}, {.spec = &specs[1]}, {.spec = &specs[2]}};
    struct store_submit submit = {.items = items, .count = 3};
    EXPECT_EQ_INT(0, rig_run(&r.rig, &submit.op, STORE_SUBMIT));
    EXPECT_EQ_INT(SUBMIT_NEW, items[0].verdict);
    EXPECT_EQ_INT(SUBMIT_SPOOLED, items[1].verdict);
    EXPECT_EQ_INT(SUBMIT_NEW, items[2].verdict);
    EXPECT_EQ_INT(3, spool_rig_waiting(&r));
    EXPECT_EQ_INT(0, rig_succeed(&r.rig, rig_claim_one(&r.rig, "full", "t")));
    EXPECT_EQ_INT(0, rig_succeed(&r.rig, rig_claim_one(&r.rig, "full", "x")));
    spool_rig_advance(&r, 1000);
    spool_rig_until(&r, 0);
    spool_rig_expect_order(&r, "full", ids, 2);
    spool_rig_finish(&r);
}

// What is in the spool outlives its host, and is still counted and in order.
static void test_restart(void) {
    static struct spool_rig r;
    struct job_id ids[4];
    spool_rig_start(&r, true);
    ids[0] = spool_rig_submit(&r, "q", SUBMIT_SPOOLED);
    ids[1] = spool_rig_submit(&r, "q", SUBMIT_SPOOLED);
    EXPECT_EQ_INT(0, rig_reopen(&r.rig));
    ids[2] = spool_rig_submit(&r, "q", SUBMIT_SPOOLED);
    EXPECT_EQ_INT(3, spool_rig_waiting(&r));
    EXPECT_EQ_INT(JOB_QUEUED, rig_state(&r.rig, &ids[0]));
    (void)snprintf(r.rig.url, sizeof r.rig.url, "sqlite:%s", r.rig.db);
    // main is there, and the first to come is behind those that wait
    rig_close(&r.rig);
    spool_rig_open(&r);
    ids[3] = spool_rig_submit(&r, "q", SUBMIT_SPOOLED);
    spool_rig_until(&r, 0);
    spool_rig_expect_order(&r, "q", ids, 4);
    spool_rig_finish(&r);
}

// Closing while main is away, with a submission under way: it is kept.
static void test_close(void) {
    static struct spool_rig r;
    spool_rig_start(&r, true);
    struct job_spec spec = rig_spec(&r.rig, "q", "t");
    struct store_submit_item item = {.spec = &spec};
    struct store_submit submit = {.items = &item, .count = 1};
    bool done;
    rig_post(&r.rig, &submit.op, STORE_SUBMIT, &done);
    rig_close(&r.rig);
    EXPECT_TRUE(done);
    EXPECT_EQ_INT(0, submit.op.status);
    EXPECT_EQ_INT(SUBMIT_SPOOLED, item.verdict);
    spool_rig_open(&r);
    EXPECT_EQ_INT(JOB_QUEUED, rig_state(&r.rig, &spec.id));
    spool_rig_finish(&r);
}

// Whoever is answered while the store closes may post again: the disk answers after main has gone.
struct late {
    struct store_get first;
    struct store_get get;
    struct store_submit submit;
    struct store_blob_put put;
    struct store_stats stats;
    struct spool_rig *rig;
    unsigned answers, refused;
};

static void on_late(struct store_op *op) {
    struct late *late = op->arg;
    late->answers++;
    late->refused += op->status == -ESHUTDOWN;
}

static void on_first(struct store_op *op) {
    struct late *late = op->arg;
    struct store_op *ops[] = {&late->get.op, &late->submit.op, &late->put.op, &late->stats.op};
    static const enum store_op_kind kinds[] = {STORE_GET, STORE_SUBMIT, STORE_BLOB_PUT,
                                               STORE_STATS};
    EXPECT_EQ_INT(-ENOENT, op->status);
    for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
        *ops[i] = (struct store_op){.kind = kinds[i], .done = on_late, .arg = late};
        store_post(&late->rig->rig.store, ops[i]);
    }
    EXPECT_EQ_UINT(0, late->answers); // each later
}

static void test_close_late(void) {
    static struct spool_rig r;
    spool_rig_start(&r, false);
    struct job_spec spec = rig_spec(&r.rig, "q", "t");
    struct store_submit_item item = {.spec = &spec};
    struct late late = {.rig = &r,
                        .submit = {.items = &item, .count = 1},
                        .put = {.data = {"x", 1}, .fd = -1, .for_submit = true}};
    // it is not known yet what waits: this one looks in main, on the disk, and in main again
    late.first.op = (struct store_op){.kind = STORE_GET, .done = on_first, .arg = &late};
    store_post(&r.rig.store, &late.first.op);
    rig_close(&r.rig);
    EXPECT_EQ_UINT(4, late.answers);
    EXPECT_EQ_UINT(4, late.refused);
    spool_rig_open(&r);
    EXPECT_EQ_INT(-1, rig_state(&r.rig, &spec.id));
    spool_rig_finish(&r);
}

int main(int argc, char **argv) {
    static const struct expect_test tests[] = {
        {"nothing in the way of a store that is there", test_pass},
        {"a store goes away and comes back", test_away_and_back},
        {"a store that is away at the start", test_away_at_open},
        {"jobs that wait can be read", test_get},
        {"dedup modes that must know", test_modes},
        {"dedup throttle", test_throttle},
        {"deliveries that are accepted once", test_once},
        {"submissions whose answer is lost", test_undecided},
        {"a job that ran and is forgotten does not run again", test_tombstone},
        {"forwarding whose answer is lost", test_forward_undecided},
        {"a duplicate that is found later", test_duplicate},
        {"new jobs go behind those that wait", test_behind},
        {"the spool outlives its host", test_restart},
        {"closing answers everything", test_close},
        {"closing answers what comes late", test_close_late},
    };
    return expect_run("spool", tests, ARRAY_LEN(tests), argc, argv);
}
