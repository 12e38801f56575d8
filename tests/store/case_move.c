/* MOVE, REMOVE, SWEEP: what operators and time do to jobs. */
#include <errno.h>
#include <string.h>

#include "cases.h"

// A job in the state that the case starts from.
static struct job_id make(struct rig *rig, enum job_state state) {
    struct job_spec spec = rig_spec(rig, "q", "t");
    spec.run_at_ms = state == JOB_SCHEDULED ? rig->now + 1000 : 0;
    EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(rig, &spec));
    if (state == JOB_CANCELLED) {
        EXPECT_EQ_INT(0, rig_move(rig, &spec.id, JOB_EV_CANCEL));
    }
    if (state == JOB_SCHEDULED || state == JOB_QUEUED || state == JOB_CANCELLED) {
        return spec.id;
    }
    const struct store_claimed *got = rig_claim_one(rig, "q", "t");
    struct store_commit_item item = rig_item(got, state == JOB_PARKED      ? JOB_EV_PARK
                                                  : state == JOB_SUCCEEDED ? JOB_EV_SUCCEED
                                                                           : JOB_EV_DIE);
    item.park = PARK_EVENT;
    if (state != JOB_RUNNING) {
        EXPECT_EQ_INT(0, rig_commit(rig, &item));
    }
    return spec.id;
}

static const struct {
    enum job_state from;
    enum job_event event;
    int status;
    enum job_state to;
} moves[] = {
    {JOB_SCHEDULED, JOB_EV_CANCEL, 0, JOB_CANCELLED},
    {JOB_SCHEDULED, JOB_EV_PROMOTE, 0, JOB_QUEUED},
    {JOB_SCHEDULED, JOB_EV_PARK, 0, JOB_PARKED},
    {JOB_SCHEDULED, JOB_EV_DIE, 0, JOB_DEAD},
    {JOB_SCHEDULED, JOB_EV_REVIVE, -EINVAL, JOB_SCHEDULED},
    {JOB_SCHEDULED, JOB_EV_NONE, -EINVAL, JOB_SCHEDULED},
    {JOB_SCHEDULED, JOB_EV_CLAIM, -EINVAL, JOB_SCHEDULED},
    {JOB_QUEUED, JOB_EV_CANCEL, 0, JOB_CANCELLED},
    {JOB_QUEUED, JOB_EV_PARK, 0, JOB_PARKED},
    {JOB_QUEUED, JOB_EV_DIE, 0, JOB_DEAD},
    {JOB_QUEUED, JOB_EV_PROMOTE, 0, JOB_QUEUED}, // it is there
    {JOB_QUEUED, JOB_EV_SUCCEED, -EINVAL, JOB_QUEUED},
    {JOB_QUEUED, JOB_EV_CLAIM, -EINVAL, JOB_QUEUED},
    {JOB_RUNNING, JOB_EV_CANCEL, -EBUSY, JOB_RUNNING},
    {JOB_RUNNING, JOB_EV_PARK, -EBUSY, JOB_RUNNING},
    {JOB_PARKED, JOB_EV_WAKE, 0, JOB_QUEUED},
    {JOB_PARKED, JOB_EV_PROMOTE, 0, JOB_QUEUED},
    {JOB_PARKED, JOB_EV_CANCEL, 0, JOB_CANCELLED},
    {JOB_PARKED, JOB_EV_DIE, 0, JOB_DEAD},
    {JOB_PARKED, JOB_EV_PARK, 0, JOB_PARKED}, // it is there
    {JOB_SUCCEEDED, JOB_EV_CANCEL, -EINVAL, JOB_SUCCEEDED},
    {JOB_SUCCEEDED, JOB_EV_REVIVE, -EINVAL, JOB_SUCCEEDED},
    {JOB_DEAD, JOB_EV_REVIVE, 0, JOB_QUEUED},
    {JOB_DEAD, JOB_EV_CANCEL, -EINVAL, JOB_DEAD},
    {JOB_CANCELLED, JOB_EV_REVIVE, 0, JOB_QUEUED},
    {JOB_CANCELLED, JOB_EV_CANCEL, 0, JOB_CANCELLED}, // it is there
};

static void test_moves(void) {
    for (size_t i = 0; i < ARRAY_LEN(moves); i++) {
        struct rig rig;
        rig_start(&rig);
        struct job_id id = make(&rig, moves[i].from);
        struct store_move_item item = {.id = id,
                                       .event = moves[i].event,
                                       .park = moves[i].event == JOB_EV_PARK ? PARK_NEEDS_OPERATOR
                                                                             : PARK_NONE};
        struct store_move move = {.items = &item, .count = 1};
        for (int again = 0; again < 2; again++) { // the second time says the same
            EXPECT_EQ_INT(0, rig_run(&rig, &move.op, STORE_MOVE));
            if (!EXPECT_EQ_INT(moves[i].status, item.status)) {
                (void)printf("    %s on %s\n", job_event_name((int)moves[i].event),
                             job_state_name((int)moves[i].from));
            }
            EXPECT_EQ_INT(moves[i].to, item.state);
            EXPECT_EQ_INT(moves[i].to, rig_state(&rig, &id));
        }
        store_op_finish(&move.op);
        rig_expect_sound(&rig);
        rig_finish(&rig);
    }
}

static void test_rev(void) {
    struct rig rig;
    rig_start(&rig);
    struct job_id id = make(&rig, JOB_SCHEDULED);
    uint32_t rev = rig_get(&rig, &id)->rev;
    struct store_move_item item = {.id = id, .event = JOB_EV_CANCEL, .rev = rev + 1};
    struct store_move move = {.items = &item, .count = 1};
    EXPECT_EQ_INT(0, rig_run(&rig, &move.op, STORE_MOVE));
    EXPECT_EQ_INT(-ESTALE, item.status);
    EXPECT_EQ_INT(JOB_SCHEDULED, item.state);
    item.rev = rev;
    EXPECT_EQ_INT(0, rig_run(&rig, &move.op, STORE_MOVE));
    EXPECT_EQ_INT(0, item.status);
    EXPECT_EQ_UINT(rev + 1, rig_get(&rig, &id)->rev);
    EXPECT_EQ_INT(0, rig_run(&rig, &move.op, STORE_MOVE)); // repeated
    EXPECT_EQ_INT(0, item.status);
    EXPECT_EQ_UINT(rev + 1, rig_get(&rig, &id)->rev);
    item.id = rig_id(&rig);
    EXPECT_EQ_INT(0, rig_run(&rig, &move.op, STORE_MOVE));
    EXPECT_EQ_INT(-ENOENT, item.status);
    store_op_finish(&move.op);
    rig_finish(&rig);
}

// A job that is parked for an operator, with the step that says so.
static struct job_id make_asking(struct rig *rig, uint32_t *ret_rev) {
    const struct store_step step = {"operator:charge", {"open 0 -\n", 9}};
    struct job_id id = make(rig, JOB_QUEUED);
    struct store_commit_item item = rig_item(rig_claim_one(rig, "q", "t"), JOB_EV_PARK);
    item.park = PARK_NEEDS_OPERATOR;
    item.wait_key = "charge";
    item.wait_for = "Was it paid?\nyes\nno";
    item.steps = &step;
    item.step_count = 1;
    item.state_version = 1;
    EXPECT_EQ_INT(0, rig_commit(rig, &item));
    const struct store_job *job = rig_get(rig, &id);
    EXPECT_EQ_INT(PARK_NEEDS_OPERATOR, job->park);
    EXPECT_EQ_STR("charge", job->wait_key);
    EXPECT_EQ_STR("Was it paid?\nyes\nno", job->wait_for);
    *ret_rev = job->rev;
    return id;
}

static void expect_step(struct rig *rig, const struct job_id *id, const char *name,
                        const char *want) {
    struct store_step_get *get = RIG_NEW(rig, store_step_get);
    get->id = *id;
    get->name = name;
    EXPECT_EQ_INT(0, rig_run(rig, &get->op, STORE_STEP_GET));
    EXPECT_EQ_BYTES(want, strlen(want), get->value.data, get->value.len);
}

static int wake_with(struct rig *rig, struct store_move_item *item, const char *name,
                     const char *value) {
    const struct store_step step = {name, {value, strlen(value)}};
    struct store_move move = {.items = item, .count = 1};
    item->event = JOB_EV_WAKE;
    item->step = &step;
    EXPECT_EQ_INT(0, rig_run(rig, &move.op, STORE_MOVE));
    store_op_finish(&move.op);
    item->step = NULL;
    return item->status;
}

// Who means one that waits for a limiter does not wake one that waits for an event meanwhile.
static void test_wake_for(void) {
    struct rig rig;
    rig_start(&rig);
    struct job_id id = make(&rig, JOB_PARKED);
    struct store_move_item item = {.id = id, .event = JOB_EV_WAKE, .park = PARK_LIMITER};
    struct store_move move = {.items = &item, .count = 1};
    EXPECT_EQ_INT(0, rig_run(&rig, &move.op, STORE_MOVE));
    EXPECT_EQ_INT(-EINVAL, item.status);
    EXPECT_EQ_INT(JOB_PARKED, item.state);
    EXPECT_EQ_INT(JOB_PARKED, rig_get(&rig, &id)->state);
    item.park = PARK_EVENT;
    EXPECT_EQ_INT(0, rig_run(&rig, &move.op, STORE_MOVE));
    EXPECT_EQ_INT(0, item.status);
    store_op_finish(&move.op);
    EXPECT_EQ_INT(JOB_QUEUED, rig_get(&rig, &id)->state);
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

static void test_wake_with_step(void) {
    struct rig rig;
    uint32_t rev;
    rig_start(&rig);
    struct job_id id = make_asking(&rig, &rev);
    struct store_move_item item = {.id = id, .rev = rev};
    rig_forget(&rig);
    EXPECT_EQ_INT(0, wake_with(&rig, &item, "operator:charge", "got 5 - -\nyes"));
    EXPECT_TRUE(rig_was_ready(&rig, "q", "t"));
    EXPECT_EQ_INT(0, wake_with(&rig, &item, "operator:charge", "got 5 - -\nyes")); // repeated
    EXPECT_EQ_INT(-ESTALE, wake_with(&rig, &item, "operator:charge", "got 6 - -\nno"));
    expect_step(&rig, &id, "operator:charge", "got 5 - -\nyes");
    const struct store_job *job = rig_get(&rig, &id);
    EXPECT_EQ_INT(JOB_QUEUED, job->state);
    EXPECT_EQ_UINT(rev + 1, job->rev);
    EXPECT_EQ_UINT(1, job->step_count);
    EXPECT_EQ_UINT(13, job->step_bytes);
    EXPECT_NULL(job->wait_for);
    EXPECT_EQ_UINT(1, rig_claim_one(&rig, "q", "t")->steps_version);
    EXPECT_EQ_INT(-EBUSY, wake_with(&rig, &item, "operator:charge", "got 7 - -\nno"));
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

// Of two that answer at once one is told that it came too late.
static void test_two_wake(void) {
    struct rig rig;
    uint32_t rev;
    rig_start(&rig);
    struct job_id id = make_asking(&rig, &rev);
    const struct store_step steps[] = {{"operator:charge", {"got 5 - -\nyes", 13}},
                                       {"operator:charge", {"got 5 - -\nno", 12}}};
    struct store_move_item items[2];
    for (size_t i = 0; i < 2; i++) {
        items[i] =
            (struct store_move_item){.id = id, .event = JOB_EV_WAKE, .rev = rev, .step = &steps[i]};
    }
    struct store_move move = {.items = items, .count = 2};
    EXPECT_EQ_INT(0, rig_run(&rig, &move.op, STORE_MOVE));
    EXPECT_EQ_INT(0, items[0].status);
    EXPECT_EQ_INT(-ESTALE, items[1].status);
    expect_step(&rig, &id, "operator:charge", "got 5 - -\nyes");
    store_op_finish(&move.op);
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

// A step that the job has not yet; and a revision that is not its own changes nothing.
static void test_wake_with_new_step(void) {
    struct rig rig;
    uint32_t rev;
    rig_start(&rig);
    struct job_id id = make_asking(&rig, &rev);
    struct store_move_item item = {.id = id, .rev = rev + 1};
    EXPECT_EQ_INT(-ESTALE, wake_with(&rig, &item, "new", "value"));
    EXPECT_EQ_INT(JOB_PARKED, rig_state(&rig, &id));
    EXPECT_EQ_UINT(1, rig_get(&rig, &id)->step_count);
    item.rev = rev;
    EXPECT_EQ_INT(0, wake_with(&rig, &item, "new", "value"));
    EXPECT_EQ_UINT(2, rig_get(&rig, &id)->step_count);
    EXPECT_EQ_UINT(14, rig_get(&rig, &id)->step_bytes);
    expect_step(&rig, &id, "new", "value");
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

static void test_revive(void) {
    struct rig rig;
    rig_start(&rig);
    struct job_id id = make(&rig, JOB_DEAD);
    struct store_move_item item = {.id = id, .event = JOB_EV_REVIVE, .reset_counters = true};
    struct store_move move = {.items = &item, .count = 1};
    EXPECT_EQ_INT(1, rig_get(&rig, &id)->counters.attempts);
    EXPECT_EQ_INT(0, rig_run(&rig, &move.op, STORE_MOVE));
    const struct store_job *job = rig_get(&rig, &id);
    EXPECT_EQ_INT(0, job->counters.attempts);
    EXPECT_EQ_INT(1, job->counters.executions);
    EXPECT_EQ_INT(0, job->finished_ms);
    EXPECT_EQ_INT(0, job->expires_at_ms);
    EXPECT_EQ_INT(rig.now, job->ready_ms);
    EXPECT_EQ_INT(0, rig_succeed(&rig, rig_claim_one(&rig, "q", "t")));
    store_op_finish(&move.op);
    rig_finish(&rig);
}

// A job of which an attempt has put two steps and ended so.
static struct job_id make_with_steps(struct rig *rig, enum job_event event) {
    const struct store_step steps[] = {{"one", {"1", 1}}, {"two", {"22", 2}}};
    struct job_id id = rig_submit_plain(rig, "q", "t");
    struct store_commit_item item = rig_item(rig_claim_one(rig, "q", "t"), event);
    item.steps = steps;
    item.step_count = 2;
    item.state_version = 7;
    item.park = PARK_STATE_VERSION;
    EXPECT_EQ_INT(0, rig_commit(rig, &item));
    return id;
}

static void expect_steps(struct rig *rig, const struct job_id *id, uint32_t count, uint64_t bytes,
                         uint32_t version) {
    const struct store_job *job = rig_get(rig, id);
    EXPECT_EQ_UINT(count, job->step_count);
    EXPECT_EQ_UINT(bytes, job->step_bytes);
    EXPECT_EQ_UINT(version, job->steps_version);
    EXPECT_EQ_UINT(count, job->steps_listed);
}

// They go with the move, and with a move that may have them alone.
static void test_drop_steps(void) {
    static const struct {
        enum job_event ended, event;
    } rows[] = {{JOB_EV_PARK, JOB_EV_WAKE}, {JOB_EV_DIE, JOB_EV_REVIVE}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rig rig;
        rig_start(&rig);
        struct job_id id = make_with_steps(&rig, rows[i].ended);
        struct job_id other = make_with_steps(&rig, rows[i].ended);
        expect_steps(&rig, &id, 2, 3, 7);
        struct store_move_item items[] = {
            {.id = id, .event = rows[i].event, .drop_steps = true},
            {.id = other, .event = rows[i].event},
        };
        struct store_move move = {.items = items, .count = 2};
        EXPECT_EQ_INT(0, rig_run(&rig, &move.op, STORE_MOVE));
        EXPECT_EQ_INT(0, items[0].status);
        expect_steps(&rig, &id, 0, 0, 0);
        expect_steps(&rig, &other, 2, 3, 7);
        rig_expect_sound(&rig);
        EXPECT_EQ_INT(0, rig_run(&rig, &move.op, STORE_MOVE)); // repeated
        EXPECT_EQ_UINT(0, rig_claim_one(&rig, "q", "t")->steps_version);
        EXPECT_EQ_UINT(7, rig_claim_one(&rig, "q", "t")->steps_version);
        store_op_finish(&move.op);
        rig_finish(&rig);
    }
    struct rig rig;
    rig_start(&rig);
    struct job_id id = make_with_steps(&rig, JOB_EV_PARK);
    struct store_move_item item = {.id = id, .event = JOB_EV_CANCEL, .drop_steps = true};
    struct store_move move = {.items = &item, .count = 1};
    EXPECT_EQ_INT(0, rig_run(&rig, &move.op, STORE_MOVE));
    expect_steps(&rig, &id, 2, 3, 7);
    rig_expect_sound(&rig);
    store_op_finish(&move.op);
    rig_finish(&rig);
}

static void test_revive_with_new_times(void) {
    struct rig rig;
    rig_start(&rig);
    struct job_spec spec = rig_spec(&rig, "q", "t");
    spec.deadline_ms = rig.now + 1000;
    spec.expires_ms = rig.now + 500;
    EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(&rig, &spec));
    EXPECT_EQ_INT(0, rig_move(&rig, &spec.id, JOB_EV_CANCEL));
    rig.now += 5000;
    struct store_move_item item = {.id = spec.id,
                                   .event = JOB_EV_REVIVE,
                                   .deadline_ms = rig.now + 1000,
                                   .expires_ms = rig.now + 500};
    struct store_move move = {.items = &item, .count = 1};
    EXPECT_EQ_INT(0, rig_run(&rig, &move.op, STORE_MOVE));
    EXPECT_EQ_INT(item.deadline_ms, rig_get(&rig, &spec.id)->spec.deadline_ms);
    EXPECT_EQ_INT(item.expires_ms, rig_get(&rig, &spec.id)->spec.expires_ms);
    EXPECT_EQ_INT(0, rig_reopen(&rig));
    const struct store_claimed *got = rig_claim_one(&rig, "q", "t"); // not too late
    EXPECT_EQ_INT(item.deadline_ms, got->spec.deadline_ms);
    EXPECT_EQ_INT(0, rig_succeed(&rig, got));
    store_op_finish(&move.op);
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

static void test_remove(void) {
    struct rig rig;
    rig_start(&rig);
    struct job_id ids[4] = {make(&rig, JOB_DEAD), make(&rig, JOB_SCHEDULED), rig_id(&rig),
                            make(&rig, JOB_RUNNING)};
    int status[4];
    struct store_remove rm = {.ids = ids, .status = status, .count = 4};
    EXPECT_EQ_INT(0, rig_run(&rig, &rm.op, STORE_REMOVE));
    EXPECT_EQ_INT(0, status[0]);
    EXPECT_EQ_INT(-EBUSY, status[1]);
    EXPECT_EQ_INT(-ENOENT, status[2]);
    EXPECT_EQ_INT(-EBUSY, status[3]);
    EXPECT_EQ_INT(-1, rig_state(&rig, &ids[0]));
    EXPECT_EQ_INT(0, rig_run(&rig, &rm.op, STORE_REMOVE));
    EXPECT_EQ_INT(-ENOENT, status[0]);
    EXPECT_EQ_INT(0, rig_stats(&rig)->queues[0].by_state[JOB_DEAD]);
    store_op_finish(&rm.op);
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

static size_t sweep(struct rig *rig, uint32_t limit) {
    size_t removed = 0;
    for (bool more = true; more;) {
        struct store_sweep s = {.limit = limit};
        EXPECT_EQ_INT(0, rig_run(rig, &s.op, STORE_SWEEP));
        EXPECT_TRUE(s.removed <= limit);
        removed += s.removed;
        more = s.more;
        store_op_finish(&s.op);
    }
    return removed;
}

static void test_sweep(void) {
    struct rig rig;
    rig_start(&rig);
    struct job_id forever = make(&rig, JOB_DEAD);
    struct store_step step = {"s", bytes_of("v")};
    struct store_warning warning = {"w", "m"};
    struct store_result result = {NULL, bytes_of("r"), NULL};
    struct store_attempt attempt = {.execution = 1, .outcome = "ok"};
    struct job_id ids[5];
    for (int i = 0; i < 5; i++) {
        struct job_spec spec = rig_spec(&rig, "q", "t");
        char payload[3000] = "p";
        spec.payload = (struct bytes){payload, sizeof payload};
        spec.tenant = "ann";
        spec.parent = forever;
        spec.dedup_key = i == 0 ? "k" : NULL;
        spec.dedup_ttl_ms = 50;
        ids[i] = spec.id;
        EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(&rig, &spec));
        struct store_commit_item item = rig_item(rig_claim_one(&rig, "q", "t"), JOB_EV_SUCCEED);
        item.keep_ms = 100 + i;
        item.steps = &step;
        item.step_count = 1;
        item.warnings = &warning;
        item.warning_count = 1;
        item.result = &result;
        item.attempt = &attempt;
        item.log_tail = bytes_of("log");
        EXPECT_EQ_INT(0, rig_commit(&rig, &item));
    }
    rig_expect_sound(&rig);
    EXPECT_EQ_UINT(0, sweep(&rig, 10));
    rig.now += 102;
    EXPECT_EQ_UINT(3 + 1, sweep(&rig, 2)); // three jobs and a key
    EXPECT_EQ_INT(-1, rig_state(&rig, &ids[2]));
    EXPECT_EQ_INT(JOB_SUCCEEDED, rig_state(&rig, &ids[3]));
    rig_expect_sound(&rig);
    rig.now += 1000000;
    EXPECT_EQ_UINT(2, sweep(&rig, 100));
    EXPECT_EQ_INT(JOB_DEAD, rig_state(&rig, &forever));
    EXPECT_EQ_UINT(0, rig_stats(&rig)->bytes[BUDGET_RESULTS]);
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

static void test_due_limit(void) {
    struct rig rig;
    rig_start(&rig);
    for (int i = 0; i < 5; i++) {
        (void)make(&rig, JOB_SCHEDULED);
    }
    rig.now += 1000;
    struct store_due due = {.limit = 2};
    EXPECT_EQ_INT(0, rig_run(&rig, &due.op, STORE_DUE));
    EXPECT_EQ_UINT(2, due.moved);
    EXPECT_EQ_INT(rig.now, due.next_ms); // there is more to do at once
    EXPECT_EQ_UINT(3, rig_due(&rig, &due.next_ms));
    EXPECT_EQ_INT(0, due.next_ms);
    EXPECT_EQ_UINT(0, rig_due(&rig, NULL));
    store_op_finish(&due.op);
    rig_finish(&rig);
}

static struct store_move_item ask(struct rig *rig, const struct job_id *id) {
    struct store_move_item item = {.id = *id, .event = JOB_EV_CANCEL, .ask = true, .keep_ms = 5000};
    struct store_move *m = RIG_NEW(rig, store_move);
    m->items = &item;
    m->count = 1;
    EXPECT_EQ_INT(0, rig_run(rig, &m->op, STORE_MOVE));
    return item;
}

static void begin(struct rig *rig, const struct store_claimed *job) {
    struct store_start_item item = {
        .id = job->spec.id, .token = job->token, .started_ms = rig->now};
    struct store_start *s = RIG_NEW(rig, store_start);
    s->items = &item;
    s->count = 1;
    EXPECT_EQ_INT(0, rig_run(rig, &s->op, STORE_START));
    EXPECT_EQ_INT(0, item.status);
}

// Where an attempt ends whose job was asked to end before or after it was known to run.
static void test_ask(void) {
    static const struct {
        enum job_event event;
        enum job_state to;
    } ends[] = {{JOB_EV_RELEASE, JOB_CANCELLED}, {JOB_EV_RETRY, JOB_CANCELLED},
                {JOB_EV_PARK, JOB_CANCELLED},    {JOB_EV_CANCEL, JOB_CANCELLED},
                {JOB_EV_SUCCEED, JOB_SUCCEEDED}, {JOB_EV_DIE, JOB_DEAD}};
    struct rig rig;
    rig_start(&rig);
    for (size_t i = 0; i < ARRAY_LEN(ends) * 4; i++) {
        struct job_spec spec = rig_spec(&rig, "q", "t");
        spec.dedup_key = "key";
        EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(&rig, &spec)); // the last one has let go of the key
        const struct store_claimed *job = rig_claim_one(&rig, "q", "t");
        bool before = (i & 1) != 0, between = (i & 2) != 0;
        if (before) {
            begin(&rig, job);
        }
        EXPECT_FALSE(rig_get(&rig, &spec.id)->cancelling);
        for (int twice = 0; twice < 2; twice++) {
            struct store_move_item asked = ask(&rig, &spec.id);
            EXPECT_EQ_INT(0, asked.status);
            EXPECT_EQ_INT(JOB_RUNNING, asked.state);
        }
        if (between) {
            begin(&rig, job);
            struct store_commit_item step = rig_item(job, JOB_EV_NONE);
            EXPECT_EQ_INT(0, rig_commit(&rig, &step));
            EXPECT_EQ_INT(JOB_RUNNING, step.state);
        }
        EXPECT_TRUE(rig_get(&rig, &spec.id)->cancelling);
        EXPECT_EQ_INT(-EBUSY, rig_move(&rig, &spec.id, JOB_EV_CANCEL));
        struct store_commit_item item = rig_item(job, ends[i / 4].event);
        item.commit_no += between;
        item.run_at_ms = rig.now + 60000;
        item.park = PARK_TIME;
        item.keep_ms = 5000;
        EXPECT_EQ_INT(0, rig_commit(&rig, &item));
        EXPECT_EQ_INT(ends[i / 4].to, item.state);
        EXPECT_EQ_INT(0, rig_commit(&rig, &item)); // again, its answer having been lost
        EXPECT_EQ_INT(ends[i / 4].to, item.state);
        const struct store_job *end = rig_get(&rig, &spec.id);
        EXPECT_EQ_INT(ends[i / 4].to, end->state);
        EXPECT_FALSE(end->cancelling);
        EXPECT_EQ_INT(rig.now + 5000, end->expires_at_ms);
    }
    EXPECT_EQ_UINT(0, rig_claim(&rig, "q", "t", 5)->job_count);
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

static void test_ask_others(void) {
    struct rig rig;
    rig_start(&rig);
    struct job_id unknown = rig_id(&rig), dead = make(&rig, JOB_DEAD);
    struct job_id queued = make(&rig, JOB_QUEUED);
    EXPECT_EQ_INT(-ENOENT, ask(&rig, &unknown).status);
    EXPECT_EQ_INT(0, ask(&rig, &queued).status); // nobody runs it: it ends at once
    EXPECT_EQ_INT(JOB_CANCELLED, rig_state(&rig, &queued));
    EXPECT_EQ_INT(0, ask(&rig, &queued).status);
    EXPECT_EQ_INT(-EINVAL, ask(&rig, &dead).status);
    rig_finish(&rig);
}

// The host is gone with its claims. A revived job has forgotten that it was to end.
static void test_ask_then_die(void) {
    for (int begun = 0; begun < 2; begun++) {
        struct rig rig;
        rig_start(&rig);
        struct job_id id = rig_submit_plain(&rig, "q", "t");
        const struct store_claimed *job = rig_claim_one(&rig, "q", "t");
        if (begun == 1) {
            begin(&rig, job);
        }
        EXPECT_EQ_INT(0, ask(&rig, &id).status);
        EXPECT_EQ_INT(0, rig_reopen(&rig));
        EXPECT_EQ_INT(0, ask(&rig, &id).status); // before somebody says that its host is gone
        EXPECT_EQ_INT(1, rig_recover(&rig));
        EXPECT_EQ_INT(JOB_CANCELLED, rig_state(&rig, &id));
        EXPECT_EQ_INT(-ESTALE, rig_succeed(&rig, job));
        EXPECT_EQ_INT(0, rig_move(&rig, &id, JOB_EV_REVIVE));
        job = rig_claim_one(&rig, "q", "t");
        struct store_commit_item back = rig_item(job, JOB_EV_RELEASE);
        EXPECT_EQ_INT(0, rig_commit(&rig, &back));
        EXPECT_EQ_INT(JOB_QUEUED, back.state);
        rig_expect_sound(&rig);
        rig_finish(&rig);
    }
}

CASES(move, ON_ALL, {"a running job that is asked to end does not wait again", test_ask},
      {"asking jobs that do not run", test_ask_others},
      {"asked to end, and the host died", test_ask_then_die},
      {"every event on every state", test_moves}, {"a move compares the revision", test_rev},
      {"a job is woken from what it is parked for", test_wake_for},
      {"a job is woken with a step", test_wake_with_step},
      {"of two that wake with a step one is late", test_two_wake},
      {"a step that comes with the waking may be new", test_wake_with_new_step},
      {"a revived job starts afresh", test_revive},
      {"a revived job gets new times", test_revive_with_new_times},
      {"a job that runs again may lose its steps", test_drop_steps},
      {"only ended jobs are removed", test_remove},
      {"the sweep removes what is past its time, with all that hangs on it", test_sweep},
      {"DUE is bounded and says when to come again", test_due_limit});
