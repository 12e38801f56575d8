/* COMMIT: fencing, numbers, effects, and where each event leads. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "cases.h"

static const struct store_claimed *start_one(struct rig *rig, struct job_id *ret_id) {
    rig_start(rig);
    *ret_id = rig_submit_plain(rig, "q", "t");
    return rig_claim_one(rig, "q", "t");
}

static int step_get(struct rig *rig, const struct job_id *id, const char *name, struct bytes *ret) {
    struct store_step_get *get = RIG_NEW(rig, store_step_get);
    get->id = *id;
    get->name = name;
    int r = rig_run(rig, &get->op, STORE_STEP_GET);
    *ret = get->value;
    return r;
}

static void test_fence(void) {
    struct rig rig;
    struct job_id id;
    const struct store_claimed *got = start_one(&rig, &id);
    struct store_commit_item item = rig_item(got, JOB_EV_SUCCEED);
    item.token = got->token - 1;
    EXPECT_EQ_INT(-ESTALE, rig_commit(&rig, &item));
    item.token = got->token + 1;
    EXPECT_EQ_INT(-ESTALE, rig_commit(&rig, &item));
    item.token = got->token;
    item.id = rig_id(&rig);
    EXPECT_EQ_INT(-ESTALE, rig_commit(&rig, &item));
    item.id = id;
    item.commit_no = 2;
    EXPECT_EQ_INT(-EINVAL, rig_commit(&rig, &item)); // 1 is missing
    item.commit_no = 1;
    item.event = JOB_EV_DUE;
    EXPECT_EQ_INT(-EINVAL, rig_commit(&rig, &item)); // a running job cannot become due
    EXPECT_EQ_INT(JOB_RUNNING, rig_state(&rig, &id));
    item.event = JOB_EV_SUCCEED;
    EXPECT_EQ_INT(0, rig_commit(&rig, &item));
    rig_finish(&rig);
}

static void test_numbers(void) {
    struct rig rig;
    struct job_id id;
    const struct store_claimed *got = start_one(&rig, &id);
    struct store_step step = {"one", bytes_of("1")};
    struct store_commit_item item = rig_item(got, JOB_EV_NONE);
    item.counters = got->counters;
    item.steps = &step;
    item.step_count = 1;
    EXPECT_EQ_INT(0, rig_commit(&rig, &item));
    const struct store_job *job = rig_get(&rig, &id);
    EXPECT_EQ_INT(JOB_RUNNING, job->state);
    EXPECT_EQ_UINT(1, job->commit_no);
    EXPECT_EQ_UINT(1, job->step_count);
    EXPECT_EQ_INT(0, rig_commit(&rig, &item)); // the answer was lost: the same again
    EXPECT_EQ_UINT(1, rig_get(&rig, &id)->commit_no);
    struct store_commit_item end = rig_item(got, JOB_EV_SUCCEED);
    EXPECT_EQ_INT(-EINVAL, rig_commit(&rig, &end)); // its number is used up
    end.commit_no = 2;
    EXPECT_EQ_INT(0, rig_commit(&rig, &end));
    EXPECT_EQ_INT(0, rig_commit(&rig, &end));
    EXPECT_EQ_UINT(2, rig_get(&rig, &id)->commit_no);
    EXPECT_EQ_INT(-ESTALE, rig_commit(&rig, &item)); // long past
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

static void test_steps(void) {
    struct rig rig;
    struct job_id id;
    struct bytes value;
    const struct store_claimed *got = start_one(&rig, &id);
    struct store_step steps[] = {
        {"b", bytes_of("2")}, {"a", bytes_of("first")}, {"empty", {NULL, 0}}, {"a", bytes_of("1")}};
    struct store_commit_item item = rig_item(got, JOB_EV_PARK);
    item.steps = steps;
    item.step_count = 4;
    item.state_version = 7;
    item.park = PARK_TIME;
    item.run_at_ms = rig.now + 10;
    EXPECT_EQ_INT(0, rig_commit(&rig, &item));
    const struct store_job *job = rig_get(&rig, &id);
    EXPECT_EQ_UINT(3, job->step_count);
    EXPECT_EQ_UINT(2, job->step_bytes);
    EXPECT_EQ_UINT(7, job->steps_version);
    EXPECT_EQ_UINT(3, job->steps_listed);
    EXPECT_EQ_STR("b", job->steps[0]);
    EXPECT_EQ_STR("a", job->steps[1]);
    EXPECT_EQ_INT(0, step_get(&rig, &id, "a", &value));
    EXPECT_EQ_BYTES("1", 1, value.data, value.len);
    EXPECT_EQ_INT(0, step_get(&rig, &id, "empty", &value));
    EXPECT_EQ_UINT(0, value.len);
    EXPECT_EQ_INT(-ENOENT, step_get(&rig, &id, "c", &value));
    EXPECT_EQ_INT(-ENOENT, step_get(&rig, &(struct job_id){{1}}, "a", &value));
    rig_expect_sound(&rig);

    rig.now += 10;
    EXPECT_EQ_INT(1, rig_due(&rig, NULL));
    got = rig_claim_one(&rig, "q", "t");
    EXPECT_EQ_UINT(7, got->steps_version);
    item = rig_item(got, JOB_EV_SUCCEED);
    item.drop_steps = true; // the code is of another version and starts again
    item.steps = steps;
    item.step_count = 1;
    item.state_version = 8;
    EXPECT_EQ_INT(0, rig_commit(&rig, &item));
    job = rig_get(&rig, &id);
    EXPECT_EQ_UINT(1, job->step_count);
    EXPECT_EQ_UINT(8, job->steps_version);
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

static void test_step_limits(void) {
    struct rig rig;
    struct job_id id;
    const struct store_claimed *got = start_one(&rig, &id);
    char *data = calloc(1, JOB_STEP_MAX + 1);
    static char names[JOB_STEPS_MAX + 1][8];
    struct store_step *steps = calloc(JOB_STEPS_MAX + 1, sizeof *steps);
    struct store_commit_item item = rig_item(got, JOB_EV_NONE);
    item.steps = steps;
    item.step_count = 1;
    steps[0] = (struct store_step){"big", {data, JOB_STEP_MAX + 1}};
    EXPECT_EQ_INT(-E2BIG, rig_commit(&rig, &item));
    steps[0].value.len = JOB_STEP_MAX;
    EXPECT_EQ_INT(0, rig_commit(&rig, &item));
    for (uint32_t i = 1; i < 64; i++) { // 64 MiB together
        (void)snprintf(names[i], sizeof names[i], "big%u", i);
        steps[0].name = names[i];
        item.commit_no++;
        EXPECT_EQ_INT(0, rig_commit(&rig, &item));
    }
    EXPECT_EQ_UINT(JOB_STEPS_BYTES_MAX, rig_get(&rig, &id)->step_bytes);
    steps[0] = (struct store_step){"more", {data, 1}};
    item.commit_no++;
    EXPECT_EQ_INT(-E2BIG, rig_commit(&rig, &item));
    steps[0] = (struct store_step){"big", {data, JOB_STEP_MAX}}; // in place of one of the same size
    EXPECT_EQ_INT(0, rig_commit(&rig, &item));

    id = rig_submit_plain(&rig, "q", "t");
    got = rig_claim_one(&rig, "q", "t");
    for (int i = 0; i <= JOB_STEPS_MAX; i++) {
        (void)snprintf(names[i], sizeof names[i], "s%d", i);
        steps[i] = (struct store_step){names[i], {data, 1}};
    }
    item = rig_item(got, JOB_EV_NONE);
    item.steps = steps;
    item.step_count = JOB_STEPS_MAX + 1;
    EXPECT_EQ_INT(-E2BIG, rig_commit(&rig, &item));
    EXPECT_EQ_UINT(0, rig_get(&rig, &id)->step_count); // nothing of it happened
    item.step_count = JOB_STEPS_MAX;
    EXPECT_EQ_INT(0, rig_commit(&rig, &item));
    item.commit_no++;
    EXPECT_EQ_INT(0, rig_commit(&rig, &item)); // all of them again, in place
    steps[0].name = "another";
    item.step_count = 1;
    item.commit_no++;
    EXPECT_EQ_INT(-E2BIG, rig_commit(&rig, &item));
    EXPECT_EQ_UINT(JOB_STEPS_MAX, rig_get(&rig, &id)->step_count);
    EXPECT_EQ_UINT(1000, rig_get(&rig, &id)->steps_listed);
    rig_expect_sound(&rig);
    free(steps);
    free(data);
    rig_finish(&rig);
}

static size_t forward(struct rig *rig) {
    size_t all = 0;
    for (bool more = true; more;) {
        struct store_forward f = {.limit = 2};
        EXPECT_EQ_INT(0, rig_run(rig, &f.op, STORE_FORWARD));
        all += f.delivered;
        more = f.more;
        store_op_finish(&f.op);
    }
    return all;
}

static void test_children(void) {
    struct rig rig;
    struct job_id id;
    const struct store_claimed *got = start_one(&rig, &id);
    struct job_spec kids[6];
    for (int i = 0; i < 6; i++) {
        kids[i] = rig_spec(&rig, i < 3 ? "q" : "elsewhere", "kid");
        kids[i].parent = id;
        kids[i].payload = bytes_of("a longer payload of a child");
        kids[i].tenant = "bob";
    }
    kids[1].dedup_key = kids[2].dedup_key = "one of them"; // the second is not stored
    struct store_commit_item item = rig_item(got, JOB_EV_SUCCEED);
    struct store_commit commit = {.items = &item, .count = 1};
    item.children = kids;
    item.child_count = 6;
    rig_forget(&rig);
    EXPECT_EQ_INT(0, rig_run(&rig, &commit.op, STORE_COMMIT));
    EXPECT_EQ_INT(0, item.status);
    EXPECT_TRUE(commit.outbox);
    EXPECT_TRUE(rig_was_ready(&rig, "q", "kid"));
    EXPECT_EQ_INT(JOB_QUEUED, rig_state(&rig, &kids[0].id));
    EXPECT_EQ_INT(JOB_QUEUED, rig_state(&rig, &kids[1].id));
    EXPECT_EQ_INT(-1, rig_state(&rig, &kids[2].id));
    EXPECT_EQ_INT(-1, rig_state(&rig, &kids[3].id)); // in the outbox
    EXPECT_EQ_INT(3, rig_stats(&rig)->outbox);
    EXPECT_EQ_INT(0, rig_run(&rig, &commit.op, STORE_COMMIT)); // once more: nothing new
    EXPECT_EQ_INT(3, rig_stats(&rig)->outbox);
    EXPECT_EQ_INT(0, rig_reopen(&rig));
    rig_forget(&rig);
    EXPECT_EQ_UINT(3, forward(&rig));
    EXPECT_TRUE(rig_was_ready(&rig, "elsewhere", "kid"));
    EXPECT_EQ_UINT(0, forward(&rig));
    const struct store_job *kid = rig_get(&rig, &kids[5].id);
    EXPECT_EQ_STR("elsewhere", kid->spec.queue);
    EXPECT_EQ_STR("bob", kid->spec.tenant);
    EXPECT_TRUE(id_equal(&id, &kid->spec.parent));
    EXPECT_EQ_BYTES("a longer payload of a child", 27, kid->spec.payload.data,
                    kid->spec.payload.len);
    EXPECT_EQ_UINT(6, rig_get(&rig, &id)->child_count);
    struct store_filter filter = rig_filter();
    filter.parent = id;
    EXPECT_EQ_UINT(5, rig_list(&rig, filter, 100, NULL)->count);
    store_op_finish(&commit.op);
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

// A child that waits in the outbox was promised: it needs no room a second time, and its files
// stay.
static void test_promised_child(void) {
    struct rig rig;
    rig_start(&rig);
    struct store_blob_put put = {.data = bytes_of("file of a child"), .fd = -1};
    EXPECT_EQ_INT(0, rig_run(&rig, &put.op, STORE_BLOB_PUT));
    struct job_file file = {.name = "f", .blob = put.ref};
    (void)rig_submit_plain(&rig, "q", "t");
    struct job_spec kid = rig_spec(&rig, "far", "kid");
    kid.files = &file;
    kid.file_count = 1;
    struct store_commit_item item = rig_item(rig_claim_one(&rig, "q", "t"), JOB_EV_SUCCEED);
    item.children = &kid;
    item.child_count = 1;
    EXPECT_EQ_INT(0, rig_commit(&rig, &item));
    rig_expect_sound(&rig);
    rig_close(&rig);
    rig.config.budget[BUDGET_JOBS] = 1; // less than there is
    EXPECT_EQ_INT(0, rig_open(&rig));
    rig.now += 10000000;
    struct store_sweep sweep = {.limit = 10};
    EXPECT_EQ_INT(0, rig_run(&rig, &sweep.op, STORE_SWEEP));
    EXPECT_EQ_UINT(0, sweep.removed);
    struct job_spec other = rig_spec(&rig, "far", "kid");
    EXPECT_EQ_INT(-EDQUOT, rig_submit(&rig, &other));
    EXPECT_EQ_UINT(1, forward(&rig));
    const struct store_claimed *got = rig_claim_one(&rig, "far", "kid");
    EXPECT_EQ_UINT(1, got->spec.file_count);
    rig_expect_sound(&rig);
    struct store_blob_open o = {.ref = put.ref};
    EXPECT_EQ_INT(0, rig_run(&rig, &o.op, STORE_BLOB_OPEN));
    (void)close(o.fd);
    store_op_finish(&put.op);
    store_op_finish(&sweep.op);
    store_op_finish(&o.op);
    rig_finish(&rig);
}

static void test_child_limit(void) {
    struct rig rig;
    struct job_id id;
    const struct store_claimed *got = start_one(&rig, &id);
    struct job_spec *kids = calloc(JOB_CHILDREN_PER_COMMIT + 1, sizeof *kids);
    for (int i = 0; i <= JOB_CHILDREN_PER_COMMIT; i++) {
        kids[i] = rig_spec(&rig, "q", "kid");
    }
    struct store_commit_item item = rig_item(got, JOB_EV_NONE);
    item.children = kids;
    item.child_count = JOB_CHILDREN_PER_COMMIT + 1;
    EXPECT_EQ_INT(-E2BIG, rig_commit(&rig, &item));
    EXPECT_EQ_INT(-1, rig_state(&rig, &kids[0].id));
    item.child_count = JOB_CHILDREN_PER_COMMIT;
    EXPECT_EQ_INT(0, rig_commit(&rig, &item));
    EXPECT_EQ_INT(JOB_CHILDREN_PER_COMMIT, rig_stats(&rig)->queues[0].by_state[JOB_QUEUED]);
    free(kids);
    rig_finish(&rig);
}

static void test_warnings_and_log(void) {
    struct rig rig;
    struct job_id id;
    const struct store_claimed *got = start_one(&rig, &id);
    struct store_warning warnings[JOB_WARNINGS_MAX + 1];
    char codes[JOB_WARNINGS_MAX + 1][8];
    static char log[JOB_LOG_TAIL_MAX + 1];
    for (int i = 0; i <= JOB_WARNINGS_MAX; i++) {
        (void)snprintf(codes[i], sizeof codes[i], "w%d", i);
        warnings[i] = (struct store_warning){codes[i], "careful"};
    }
    memset(log, 'x', sizeof log);
    log[0] = '1';
    log[1] = '2';
    struct store_commit_item item = rig_item(got, JOB_EV_NONE);
    item.warnings = warnings;
    item.warning_count = JOB_WARNINGS_MAX;
    item.log_tail = (struct bytes){log, JOB_LOG_TAIL_MAX};
    EXPECT_EQ_INT(0, rig_commit(&rig, &item));
    const struct store_job *job = rig_get(&rig, &id);
    EXPECT_EQ_UINT(JOB_WARNINGS_MAX, job->warning_count);
    EXPECT_EQ_UINT(JOB_WARNINGS_MAX, job->warnings_listed);
    EXPECT_EQ_STR("w99", job->warnings[99].code);
    EXPECT_EQ_BYTES(log, JOB_LOG_TAIL_MAX, job->log_tail.data, job->log_tail.len);
    item.commit_no++;
    item.warnings = &warnings[JOB_WARNINGS_MAX];
    item.warning_count = 1;
    item.log_tail.len++;
    EXPECT_EQ_INT(0, rig_commit(&rig, &item));
    job = rig_get(&rig, &id);
    EXPECT_EQ_UINT(JOB_WARNINGS_MAX + 1, job->warning_count); // counted
    EXPECT_EQ_UINT(JOB_WARNINGS_MAX, job->warnings_listed);   // not listed
    EXPECT_EQ_BYTES(log + 1, JOB_LOG_TAIL_MAX, job->log_tail.data,
                    job->log_tail.len); // the end of it
    item.commit_no++;
    item.warning_count = 0;
    item.log_tail.len = 0;
    EXPECT_EQ_INT(0, rig_commit(&rig, &item));
    EXPECT_EQ_UINT(JOB_LOG_TAIL_MAX, rig_get(&rig, &id)->log_tail.len); // nothing new: it stays
    rig_finish(&rig);
}

static void test_history(void) {
    struct rig rig;
    rig_start(&rig);
    struct job_id id = rig_submit_plain(&rig, "q", "t");
    for (int i = 1; i <= JOB_HISTORY_MAX + 1; i++) {
        const struct store_claimed *got = rig_claim_one(&rig, "q", "t");
        struct store_attempt attempt = {.execution = i, .outcome = "retry", .started_ms = rig.now};
        struct store_commit_item item = rig_item(got, JOB_EV_RETRY);
        item.attempt = &attempt;
        item.run_at_ms = rig.now; // at once
        EXPECT_EQ_INT(0, rig_commit(&rig, &item));
        EXPECT_EQ_INT(JOB_QUEUED, rig_state(&rig, &id));
        const struct store_job *job = rig_get(&rig, &id);
        size_t want = i > JOB_HISTORY_MAX ? JOB_HISTORY_MAX : (size_t)i;
        EXPECT_EQ_UINT(want, job->history_count);
        EXPECT_EQ_INT(i, job->history[want - 1].execution);
    }
    EXPECT_EQ_INT(2, rig_get(&rig, &id)->history[0].execution); // the first is gone
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

static void test_crash_in_history(void) {
    struct rig rig;
    rig_start(&rig);
    struct job_id id = rig_submit_plain(&rig, "q", "t");
    struct store_attempt attempt = {.execution = 1,
                                    .outcome = "crash",
                                    .build = "1.0+abc",
                                    .crash = {.signal = 11,
                                              .at_address = 1,
                                              .address = UINT64_MAX,
                                              .symbol = "parse+0x1c",
                                              .code = "crawl.so+0x11f9",
                                              .build_id = "0a1b",
                                              .step = "page-7",
                                              .rss = UINT64_C(5) << 30,
                                              .log = "one\ntwo\n"}};
    const struct store_claimed *claimed = rig_claim_one(&rig, "q", "t");
    EXPECT_NULL(claimed->build);
    struct store_commit_item item = rig_item(claimed, JOB_EV_RETRY);
    item.attempt = &attempt;
    item.run_at_ms = rig.now; // at once
    EXPECT_EQ_INT(0, rig_commit(&rig, &item));
    EXPECT_EQ_STR("1.0+abc", rig_claim_one(&rig, "q", "t")->build);
    const struct store_crash *got = &rig_get(&rig, &id)->history[0].crash;
    EXPECT_EQ_INT(11, got->signal);
    EXPECT_EQ_UINT(1, got->at_address);
    EXPECT_EQ_UINT(UINT64_MAX, got->address);
    EXPECT_EQ_STR("parse+0x1c", got->symbol);
    EXPECT_EQ_STR("crawl.so+0x11f9", got->code);
    EXPECT_EQ_STR("0a1b", got->build_id);
    EXPECT_EQ_STR("page-7", got->step);
    EXPECT_EQ_UINT(UINT64_C(5) << 30, got->rss);
    EXPECT_EQ_STR("one\ntwo\n", got->log);
    EXPECT_EQ_STR("1.0+abc", rig_get(&rig, &id)->build);
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

static void test_results(void) {
    struct rig rig;
    struct job_id id;
    const struct store_claimed *got = start_one(&rig, &id);
    char *data = malloc(STORE_INLINE_MAX + 1);
    memset(data, 'r', STORE_INLINE_MAX + 1);
    struct store_result_get *get = RIG_NEW(&rig, store_result_get);
    get->id = id;
    EXPECT_EQ_INT(-ENOENT, rig_run(&rig, &get->op, STORE_RESULT_GET));
    struct store_result result = {"text/plain", {data, STORE_INLINE_MAX + 1}, NULL};
    struct store_commit_item item = rig_item(got, JOB_EV_SUCCEED);
    item.result = &result;
    EXPECT_EQ_INT(-E2BIG, rig_commit(&rig, &item));
    result.data.len = STORE_INLINE_MAX;
    EXPECT_EQ_INT(0, rig_commit(&rig, &item));
    const struct store_job *job = rig_get(&rig, &id);
    EXPECT_TRUE(job->has_result);
    EXPECT_EQ_UINT(STORE_INLINE_MAX, job->result_size);
    EXPECT_EQ_STR("text/plain", job->result_type);
    EXPECT_EQ_INT(0, rig_run(&rig, &get->op, STORE_RESULT_GET));
    EXPECT_EQ_STR("text/plain", get->content_type);
    EXPECT_EQ_INT(-1, get->fd);
    EXPECT_EQ_BYTES(data, STORE_INLINE_MAX, get->data.data, get->data.len);
    EXPECT_EQ_UINT(STORE_INLINE_MAX, rig_stats(&rig)->bytes[BUDGET_RESULTS]);

    // a dead job keeps what it got, and another run replaces it
    id = rig_submit_plain(&rig, "q", "t");
    item = rig_item(rig_claim_one(&rig, "q", "t"), JOB_EV_DIE);
    result = (struct store_result){NULL, {"", 0}, NULL};
    item.result = &result;
    EXPECT_EQ_INT(0, rig_commit(&rig, &item));
    EXPECT_TRUE(rig_get(&rig, &id)->has_result);
    EXPECT_EQ_INT(0, rig_move(&rig, &id, JOB_EV_REVIVE));
    item = rig_item(rig_claim_one(&rig, "q", "t"), JOB_EV_SUCCEED);
    result.data = bytes_of("new");
    item.result = &result;
    EXPECT_EQ_INT(0, rig_commit(&rig, &item));
    get = RIG_NEW(&rig, store_result_get);
    get->id = id;
    EXPECT_EQ_INT(0, rig_run(&rig, &get->op, STORE_RESULT_GET));
    EXPECT_NULL(get->content_type);
    EXPECT_EQ_BYTES("new", 3, get->data.data, get->data.len);
    rig_expect_sound(&rig);
    free(data);
    rig_finish(&rig);
}

static void test_result_budget(void) {
    struct rig rig;
    rig_init(&rig);
    rig.config.budget[BUDGET_RESULTS] = 10;
    EXPECT_EQ_INT(0, rig_open(&rig));
    struct job_id id = rig_submit_plain(&rig, "q", "t");
    struct store_result result = {NULL, {"12345678901", 11}, NULL};
    struct store_commit_item item = rig_item(rig_claim_one(&rig, "q", "t"), JOB_EV_SUCCEED);
    item.result = &result;
    EXPECT_EQ_INT(-EDQUOT, rig_commit(&rig, &item));
    EXPECT_EQ_INT(JOB_RUNNING, rig_state(&rig, &id));
    result.data.len = 10;
    EXPECT_EQ_INT(0, rig_commit(&rig, &item));
    rig_finish(&rig);
}

/* It is one for all queues, in one call too. */
static void test_result_budget_of_queues(void) {
    static const char *const queues[] = {"q1", "q2", "q1", "q2"};
    static const int statuses[] = {0, 0, -EDQUOT, -EDQUOT};
    static char data[400];
    const struct store_result result = {.data = {data, sizeof data}};
    struct rig rig;
    struct store_commit_item items[ARRAY_LEN(queues)];
    rig_init(&rig);
    rig.config.budget[BUDGET_RESULTS] = 3 * sizeof data - 1;
    EXPECT_EQ_INT(0, rig_open(&rig));
    for (size_t i = 0; i < ARRAY_LEN(queues); i++) {
        (void)rig_submit_plain(&rig, queues[i], "t");
        items[i] = rig_item(rig_claim_one(&rig, queues[i], "t"), JOB_EV_SUCCEED);
        items[i].result = &result;
    }
    struct store_commit commit = {.items = items, .count = ARRAY_LEN(items)};
    EXPECT_EQ_INT(0, rig_run(&rig, &commit.op, STORE_COMMIT));
    store_op_finish(&commit.op);
    for (size_t i = 0; i < ARRAY_LEN(queues); i++) {
        EXPECT_EQ_INT(statuses[i], items[i].status);
    }
    EXPECT_EQ_UINT(2 * sizeof data, rig_stats(&rig)->bytes[BUDGET_RESULTS]);
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

static void test_parked(void) {
    struct rig rig;
    struct job_id id;
    const struct store_claimed *got = start_one(&rig, &id);
    struct store_commit_item item = rig_item(got, JOB_EV_PARK);
    item.park = PARK_EVENT;
    item.wait_key = "order.paid";
    EXPECT_EQ_INT(0, rig_commit(&rig, &item));
    const struct store_job *job = rig_get(&rig, &id);
    EXPECT_EQ_INT(JOB_PARKED, job->state);
    EXPECT_EQ_INT(PARK_EVENT, job->park);
    EXPECT_EQ_STR("order.paid", job->wait_key);
    rig.now += 1000000;
    EXPECT_EQ_INT(0, rig_due(&rig, NULL));
    rig_forget(&rig);
    EXPECT_EQ_INT(0, rig_move(&rig, &id, JOB_EV_WAKE));
    EXPECT_TRUE(rig_was_ready(&rig, "q", "t"));
    job = rig_get(&rig, &id);
    EXPECT_EQ_INT(JOB_QUEUED, job->state);
    EXPECT_EQ_INT(PARK_NONE, job->park);
    EXPECT_NULL(job->wait_key);
    item = rig_item(rig_claim_one(&rig, "q", "t"), JOB_EV_PARK);
    item.park = PARK_LIMITER; // with a time: whichever comes first
    item.wait_key = "api";
    item.run_at_ms = rig.now + 5;
    EXPECT_EQ_INT(0, rig_commit(&rig, &item));
    EXPECT_EQ_INT(rig.now + 5, rig.due);
    rig.now += 5;
    EXPECT_EQ_INT(1, rig_due(&rig, NULL));
    EXPECT_EQ_INT(PARK_NONE, rig_get(&rig, &id)->park);
    item = rig_item(rig_claim_one(&rig, "q", "t"), JOB_EV_PARK);
    item.park = PARK_TIME;
    item.run_at_ms = rig.now; // a time that has come needs no wait
    EXPECT_EQ_INT(0, rig_commit(&rig, &item));
    EXPECT_EQ_INT(JOB_QUEUED, rig_state(&rig, &id));
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

static void test_counters_and_progress(void) {
    struct rig rig;
    struct job_id id;
    const struct store_claimed *got = start_one(&rig, &id);
    struct job_progress progress = {-5, INT64_MAX, "odd \"numbers\"", rig.now};
    struct job_error error = {8, "crash", "signal 11", NULL};
    struct store_commit_item item = rig_item(got, JOB_EV_DIE);
    item.counters = (struct job_counters){1, 2, 3, 4, 5, 6};
    item.progress = &progress;
    item.error = &error;
    item.first_run_ms = rig.now - 3;
    item.keep_ms = 1000;
    EXPECT_EQ_INT(0, rig_commit(&rig, &item));
    const struct store_job *job = rig_get(&rig, &id);
    EXPECT_EQ_INT(JOB_DEAD, job->state);
    EXPECT_EQ_BYTES(&item.counters, sizeof item.counters, &job->counters, sizeof job->counters);
    EXPECT_EQ_INT(-5, job->progress.done);
    EXPECT_EQ_INT(INT64_MAX, job->progress.total);
    EXPECT_EQ_STR("odd \"numbers\"", job->progress.message);
    EXPECT_EQ_INT(8, job->error.cls);
    EXPECT_EQ_STR("crash", job->error.code);
    EXPECT_NULL(job->error.scope);
    EXPECT_EQ_INT(rig.now - 3, job->first_run_ms);
    EXPECT_EQ_INT(rig.now, job->finished_ms);
    EXPECT_EQ_INT(rig.now + 1000, job->expires_at_ms);
    rig_finish(&rig);
}

static void test_batch(void) {
    struct rig rig;
    struct store_commit_item items[50];
    rig_start(&rig);
    for (int i = 0; i < 50; i++) {
        (void)rig_submit_plain(&rig, "q", "t");
    }
    const struct store_claim *claim = rig_claim(&rig, "q", "t", 50);
    for (int i = 0; i < 50; i++) {
        items[i] = rig_item(&claim->jobs[i], JOB_EV_SUCCEED);
        items[i].token += i % 10 == 3; // a few are fenced off
    }
    struct store_commit commit = {.items = items, .count = 50};
    EXPECT_EQ_INT(0, rig_run(&rig, &commit.op, STORE_COMMIT));
    for (int i = 0; i < 50; i++) {
        EXPECT_EQ_INT(i % 10 == 3 ? -ESTALE : 0, items[i].status);
    }
    const struct store_stats *stats = rig_stats(&rig);
    EXPECT_EQ_INT(45, stats->queues[0].by_state[JOB_SUCCEEDED]);
    EXPECT_EQ_INT(5, stats->queues[0].by_state[JOB_RUNNING]);
    EXPECT_EQ_INT(0, stats->queues[0].by_state[JOB_QUEUED]);
    store_op_finish(&commit.op);
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

/* What items in a row have in common is said once: each of them is still its own. */
static void test_alike(void) {
    static const struct {
        enum job_event event;
        bool result, fenced;
        int64_t keep_ms;
        enum job_state state;
    } rows[] = {
        {JOB_EV_SUCCEED, false, false, 1000, JOB_SUCCEEDED},
        {JOB_EV_SUCCEED, false, false, 1000, JOB_SUCCEEDED},
        {JOB_EV_SUCCEED, true, false, 1000, JOB_SUCCEEDED},
        {JOB_EV_SUCCEED, false, false, 1000, JOB_SUCCEEDED},
        {JOB_EV_SUCCEED, false, false, 2000, JOB_SUCCEEDED}, // kept longer
        {JOB_EV_DIE, false, false, 2000, JOB_DEAD},
        {JOB_EV_RETRY, false, false, 0, JOB_SCHEDULED},
        {JOB_EV_RETRY, false, false, 0, JOB_SCHEDULED},
        {JOB_EV_SUCCEED, false, true, 1000, JOB_RUNNING},
        {JOB_EV_SUCCEED, true, false, 1000, JOB_SUCCEEDED},
        {JOB_EV_SUCCEED, true, false, 1000, JOB_SUCCEEDED},
        {JOB_EV_SUCCEED, false, false, 0, JOB_SUCCEEDED}, // for ever
    };
    struct rig rig;
    struct store_commit_item items[ARRAY_LEN(rows)];
    const struct store_result result = {.data = bytes_of("done"), .content_type = "text/plain"};
    rig_start(&rig);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        (void)rig_submit_plain(&rig, "q", "t");
    }
    const struct store_claim *claim = rig_claim(&rig, "q", "t", ARRAY_LEN(rows));
    EXPECT_EQ_UINT(ARRAY_LEN(rows), claim->job_count);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        items[i] = rig_item(&claim->jobs[i], rows[i].event);
        items[i].result = rows[i].result ? &result : NULL;
        items[i].token += rows[i].fenced;
        items[i].keep_ms = rows[i].keep_ms;
        items[i].run_at_ms = rows[i].event == JOB_EV_RETRY ? rig.now + 500 : 0;
    }
    struct store_commit commit = {.items = items, .count = ARRAY_LEN(rows)};
    EXPECT_EQ_INT(0, rig_run(&rig, &commit.op, STORE_COMMIT));
    store_op_finish(&commit.op);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct store_job *job = rig_get(&rig, &items[i].id);
        EXPECT_EQ_INT(rows[i].fenced ? -ESTALE : 0, items[i].status);
        EXPECT_EQ_INT(rows[i].state, job->state);
        EXPECT_EQ_INT(rows[i].result, job->has_result);
        EXPECT_EQ_INT(rows[i].keep_ms > 0 && !rows[i].fenced ? rig.now + rows[i].keep_ms : 0,
                      job->expires_at_ms);
    }
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

// A dead job's partial result does not become that of a later run.
static void test_result_of_the_last_run(void) {
    struct rig rig;
    rig_init(&rig);
    rig.config.budget[BUDGET_RESULTS] = 1000;
    EXPECT_EQ_INT(0, rig_open(&rig));
    static const enum job_event ends[] = {JOB_EV_SUCCEED, JOB_EV_DIE};
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        struct job_id id = rig_submit_plain(&rig, "q", "t");
        const struct store_result part = {.data = bytes_of("half"), .content_type = "text/plain"};
        struct store_commit_item item = rig_item(rig_claim_one(&rig, "q", "t"), JOB_EV_DIE);
        item.result = &part;
        EXPECT_EQ_INT(0, rig_commit(&rig, &item));
        EXPECT_TRUE(rig_get(&rig, &id)->has_result);
        EXPECT_EQ_INT(0, rig_move(&rig, &id, JOB_EV_REVIVE));
        item = rig_item(rig_claim_one(&rig, "q", "t"), JOB_EV_RETRY);
        item.run_at_ms = rig.now;
        EXPECT_EQ_INT(0, rig_commit(&rig, &item));
        EXPECT_TRUE(rig_get(&rig, &id)->has_result); // until there is another end
        item = rig_item(rig_claim_one(&rig, "q", "t"), ends[i]);
        EXPECT_EQ_INT(0, rig_commit(&rig, &item));
        const struct store_job *job = rig_get(&rig, &id);
        EXPECT_FALSE(job->has_result);
        EXPECT_EQ_UINT(0, job->result_size);
        EXPECT_NULL(job->result_type);
        struct store_result_get get = {.id = id};
        EXPECT_EQ_INT(-ENOENT, rig_run(&rig, &get.op, STORE_RESULT_GET));
        store_op_finish(&get.op);
    }
    EXPECT_EQ_UINT(0, rig_stats(&rig)->bytes[BUDGET_RESULTS]);
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

CASES(commit, ON_ALL, {"commits are fenced by token and number", test_fence},
      {"a commit that is repeated happens once", test_numbers},
      {"steps are kept, replaced and dropped", test_steps},
      {"limits of steps, at the limit and one more", test_step_limits},
      {"children arrive once, here and by the outbox", test_children},
      {"a child in the outbox was promised", test_promised_child},
      {"the limit of children", test_child_limit},
      {"warnings and log have their limits", test_warnings_and_log},
      {"the history keeps the newest", test_history},
      {"the history keeps what is known of a crash", test_crash_in_history},
      {"results, inline and replaced", test_results},
      {"the budget for results", test_result_budget},
      {"the budget for results, of several queues by one call", test_result_budget_of_queues},
      {"parked jobs wait for event or time", test_parked},
      {"counters, progress and error are kept", test_counters_and_progress},
      {"items of a batch have their own fates: commit", test_batch},
      {"items of a batch that are alike, and not", test_alike},
      {"a result is that of the last run", test_result_of_the_last_run});
