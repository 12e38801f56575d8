/* SUBMIT: what is kept, what is refused, and dedup keys. */
#include <errno.h>
#include <stdlib.h>

#include "cases.h"

static void test_all_fields(void) {
    struct rig rig;
    rig_start(&rig);
    struct job_spec spec = rig_spec(&rig, "queue-1", "a.b_c");
    spec.tenant = "ann";
    spec.priority = PRIORITY_LOW;
    spec.payload = (struct bytes){"\0\xff\x01 raw", 8};
    spec.content_type = "application/octet-stream";
    spec.dedup_key = "key \xc3\xa9";
    spec.dedup_mode = DEDUP_REJECT;
    spec.dedup_ttl_ms = 77;
    spec.max_attempts = 9;
    spec.timeout_ms = 123456789;
    spec.deadline_ms = rig.now + 1;
    spec.expires_ms = rig.now + 2;
    spec.labels = "a,b,c";
    spec.callback = "https://x/y";
    spec.retry = "{\"max\":3}";
    spec.flow_id = "flow";
    spec.parent = rig_id(&rig);
    spec.nominal_ms = rig.now - 1000;
    EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(&rig, &spec));
    const struct store_job *job = rig_get(&rig, &spec.id);
    const struct job_spec *got = &job->spec;
    EXPECT_TRUE(id_equal(&spec.id, &got->id));
    EXPECT_TRUE(id_equal(&spec.parent, &got->parent));
    EXPECT_EQ_STR("queue-1", got->queue);
    EXPECT_EQ_STR("a.b_c", got->type);
    EXPECT_EQ_STR("ann", got->tenant);
    EXPECT_EQ_INT(PRIORITY_LOW, got->priority);
    EXPECT_EQ_BYTES("\0\xff\x01 raw", 8, got->payload.data, got->payload.len);
    EXPECT_EQ_STR(spec.content_type, got->content_type);
    EXPECT_EQ_STR(spec.dedup_key, got->dedup_key);
    EXPECT_EQ_INT(DEDUP_REJECT, got->dedup_mode);
    EXPECT_EQ_INT(77, got->dedup_ttl_ms);
    EXPECT_EQ_INT(9, got->max_attempts);
    EXPECT_EQ_INT(123456789, got->timeout_ms);
    EXPECT_EQ_INT(spec.deadline_ms, got->deadline_ms);
    EXPECT_EQ_INT(spec.expires_ms, got->expires_ms);
    EXPECT_EQ_STR("a,b,c", got->labels);
    EXPECT_EQ_STR(spec.callback, got->callback);
    EXPECT_EQ_STR(spec.retry, got->retry);
    EXPECT_EQ_STR("flow", got->flow_id);
    EXPECT_EQ_INT(spec.nominal_ms, got->nominal_ms);
    EXPECT_EQ_UINT(1, job->rev);
    EXPECT_EQ_UINT(0, job->commit_no);
    rig.now++;
    EXPECT_EQ_UINT(0, rig_claim(&rig, "queue-1", "a.b_c", 9)->job_count); // its deadline is now
    rig_finish(&rig);
}

static void test_minimal(void) {
    struct rig rig;
    rig_start(&rig);
    struct job_spec spec = {.id = rig_id(&rig), .queue = "q", .type = "t"};
    EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(&rig, &spec));
    const struct store_job *job = rig_get(&rig, &spec.id);
    EXPECT_EQ_UINT(0, job->spec.payload.len);
    EXPECT_NULL(job->spec.content_type);
    EXPECT_NULL(job->spec.tenant);
    EXPECT_NULL(job->spec.labels);
    EXPECT_EQ_INT(PRIORITY_HIGH, job->spec.priority);
    const struct store_claimed *got = rig_claim_one(&rig, "q", "t");
    EXPECT_EQ_UINT(0, got->spec.payload.len);
    EXPECT_EQ_INT(0, rig_succeed(&rig, got));
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

static void test_payload_sizes(void) {
    static const size_t sizes[] = {1, 1023, 1024, 1025, 4096, 70000, 1 << 20, (1 << 20) + 1};
    struct rig rig;
    rig_start(&rig);
    char *data = malloc((1 << 20) + 1);
    for (size_t i = 0; i < (1 << 20) + 1; i++) {
        data[i] = (char)(i * 31 + i / 251);
    }
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct job_spec spec = rig_spec(&rig, "q", "t");
        spec.payload = (struct bytes){data, sizes[i]};
        EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(&rig, &spec));
        const struct store_job *job = rig_get(&rig, &spec.id);
        EXPECT_EQ_BYTES(data, sizes[i], job->spec.payload.data, job->spec.payload.len);
        const struct store_list *list = rig_list(&rig, rig_filter(), 1, NULL);
        EXPECT_NULL(list->jobs[0].spec.payload.data);
        EXPECT_EQ_UINT(sizes[i], list->jobs[0].spec.payload.len);
        const struct store_claimed *got = rig_claim_one(&rig, "q", "t");
        EXPECT_EQ_BYTES(data, sizes[i], got->spec.payload.data, got->spec.payload.len);
        EXPECT_EQ_INT(0, rig_succeed(&rig, got));
    }
    rig_expect_sound(&rig);
    free(data);
    rig_finish(&rig);
}

static void test_repeated(void) {
    struct rig rig;
    rig_start(&rig);
    struct job_spec spec = rig_spec(&rig, "q", "t"), keyed = rig_spec(&rig, "q", "t");
    keyed.dedup_key = "k";
    EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(&rig, &spec));
    EXPECT_EQ_INT(SUBMIT_REPEATED, rig_submit(&rig, &spec));
    EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(&rig, &keyed));
    EXPECT_EQ_INT(SUBMIT_REPEATED, rig_submit(&rig, &keyed));
    EXPECT_EQ_INT(2, rig_stats(&rig)->queues[0].by_state[JOB_QUEUED]);
    const struct store_claim *claim = rig_claim(&rig, "q", "t", 5);
    EXPECT_EQ_UINT(2, claim->job_count);
    EXPECT_EQ_INT(SUBMIT_REPEATED, rig_submit(&rig, &spec));
    EXPECT_EQ_INT(0, rig_succeed(&rig, &claim->jobs[0]));
    EXPECT_EQ_INT(SUBMIT_REPEATED, rig_submit(&rig, &spec));
    EXPECT_EQ_INT(JOB_SUCCEEDED, rig_state(&rig, &spec.id));
    rig_finish(&rig);
}

static void test_batch(void) {
    struct rig rig;
    rig_start(&rig);
    struct job_spec specs[4];
    struct store_submit_item items[4];
    for (size_t i = 0; i < 4; i++) {
        specs[i] = rig_spec(&rig, "q", "t");
        specs[i].dedup_key = i == 0 || i == 2 ? "same" : NULL;
        items[i] = (struct store_submit_item){.spec = &specs[i]};
    }
    specs[2].dedup_mode = DEDUP_RETURN;
    specs[3].dedup_key = "other";
    specs[3].dedup_mode = DEDUP_REPLACE;
    struct store_submit submit = {.items = items, .count = 4};
    EXPECT_EQ_INT(0, rig_run(&rig, &submit.op, STORE_SUBMIT));
    EXPECT_EQ_INT(SUBMIT_NEW, items[0].verdict);
    EXPECT_EQ_INT(SUBMIT_NEW, items[1].verdict);
    EXPECT_EQ_INT(SUBMIT_DUPLICATE, items[2].verdict);
    EXPECT_EQ_INT(0, items[2].status);
    EXPECT_TRUE(id_equal(&specs[0].id, &items[2].winner));
    EXPECT_EQ_INT(JOB_QUEUED, items[2].winner_state);
    EXPECT_EQ_INT(SUBMIT_NEW, items[3].verdict);
    EXPECT_EQ_INT(3, rig_stats(&rig)->queues[0].by_state[JOB_QUEUED]);
    store_op_finish(&submit.op);
    rig_finish(&rig);
}

/* What items in a row have in common is said once: each of them is still its own. */
static void test_alike(void) {
    static const struct {
        const char *queue, *type, *key;
        enum job_priority priority;
        int repeats; // the id of that item, plus one
        enum submit_verdict verdict;
    } rows[] = {
        {"q", "t", NULL, PRIORITY_NORMAL, 0, SUBMIT_NEW},
        {"q", "t", NULL, PRIORITY_NORMAL, 0, SUBMIT_NEW},
        {"q", "u", NULL, PRIORITY_NORMAL, 0, SUBMIT_NEW},
        {"q", "u", "k", PRIORITY_NORMAL, 0, SUBMIT_NEW},
        {"q", "u", "k", PRIORITY_NORMAL, 0, SUBMIT_DUPLICATE}, // of a head that has a key
        {"q", "u", NULL, PRIORITY_NORMAL, 0, SUBMIT_NEW},
        {"q", "u", NULL, PRIORITY_HIGH, 0, SUBMIT_NEW},
        {"q", "u", NULL, PRIORITY_HIGH, 7, SUBMIT_REPEATED},
        {"q", "u", NULL, PRIORITY_HIGH, 0, SUBMIT_NEW},
        {"r", "u", NULL, PRIORITY_HIGH, 0, SUBMIT_NEW},
        {"r", "u", NULL, PRIORITY_HIGH, 0, SUBMIT_NEW},
    };
    struct rig rig;
    struct job_spec specs[ARRAY_LEN(rows)];
    struct store_submit_item items[ARRAY_LEN(rows)];
    rig_start(&rig);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        specs[i] = rig_spec(&rig, rows[i].queue, rows[i].type);
        specs[i].dedup_key = rows[i].key;
        specs[i].priority = rows[i].priority;
        specs[i].id = rows[i].repeats > 0 ? specs[rows[i].repeats - 1].id : specs[i].id;
        items[i] = (struct store_submit_item){.spec = &specs[i]};
    }
    struct store_submit submit = {.items = items, .count = ARRAY_LEN(rows)};
    EXPECT_EQ_INT(0, rig_run(&rig, &submit.op, STORE_SUBMIT));
    store_op_finish(&submit.op);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        EXPECT_EQ_INT(rows[i].verdict, items[i].verdict);
        if (rows[i].verdict == SUBMIT_NEW) {
            const struct store_job *job = rig_get(&rig, &specs[i].id);
            EXPECT_EQ_STR(rows[i].queue, job->spec.queue);
            EXPECT_EQ_STR(rows[i].type, job->spec.type);
            EXPECT_EQ_STR(rows[i].key, job->spec.dedup_key);
            EXPECT_EQ_INT(rows[i].priority, job->spec.priority);
        }
    }
    EXPECT_EQ_UINT(2, rig_claim(&rig, "q", "t", 9)->job_count);
    EXPECT_EQ_UINT(5, rig_claim(&rig, "q", "u", 9)->job_count);
    EXPECT_EQ_UINT(2, rig_claim(&rig, "r", "u", 9)->job_count);
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

// Without a key a mode means nothing.
static void test_modes_without_key(void) {
    struct rig rig;
    rig_start(&rig);
    for (int mode = 0; mode < DEDUP_MODE_COUNT; mode++) {
        struct job_spec spec = rig_spec(&rig, "q", "t");
        spec.dedup_mode = (enum dedup_mode)mode;
        EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(&rig, &spec));
    }
    EXPECT_EQ_UINT(DEDUP_MODE_COUNT, rig_claim(&rig, "q", "t", 9)->job_count);
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

// A spec that lives as long as the rig.
struct kept_spec {
    struct store_op op;
    struct job_spec spec;
};

// Submits with key "k", rejecting: the answer's status.
static int knock(struct rig *rig, const char *queue, struct store_submit_item *ret) {
    struct job_spec *spec = &((struct kept_spec *)rig_new(rig, sizeof(struct kept_spec)))->spec;
    *spec = rig_spec(rig, queue, "t");
    spec->dedup_key = "k";
    spec->dedup_mode = DEDUP_REJECT;
    *ret = (struct store_submit_item){.spec = spec};
    struct store_submit submit = {.items = ret, .count = 1};
    int r = rig_run(rig, &submit.op, STORE_SUBMIT);
    store_op_finish(&submit.op);
    return r < 0 ? r : ret->status;
}

static void test_key_life(void) {
    struct rig rig;
    struct store_submit_item first, other;
    rig_init(&rig);
    rig.config.dedup_ttl_ms = 60000;
    EXPECT_EQ_INT(0, rig_open(&rig));
    EXPECT_EQ_INT(0, knock(&rig, "q", &first));
    EXPECT_EQ_INT(-EEXIST, knock(&rig, "q", &other));
    EXPECT_EQ_INT(SUBMIT_REFUSED, other.verdict);
    EXPECT_TRUE(id_equal(&first.spec->id, &other.winner));
    EXPECT_EQ_INT(0, knock(&rig, "q2", &other)); // keys belong to a queue

    const struct store_claimed *got = rig_claim_one(&rig, "q", "t");
    EXPECT_EQ_INT(-EEXIST, knock(&rig, "q", &other));
    EXPECT_EQ_INT(JOB_RUNNING, other.winner_state);
    EXPECT_EQ_INT(0, rig_succeed(&rig, got));
    rig.now += 59999;
    EXPECT_EQ_INT(-EEXIST, knock(&rig, "q", &other));
    EXPECT_EQ_INT(JOB_SUCCEEDED, other.winner_state);
    rig.now += 1;
    EXPECT_EQ_INT(0, knock(&rig, "q", &first)); // its time is over

    got = rig_claim_one(&rig, "q", "t");
    struct store_commit_item die = rig_item(got, JOB_EV_DIE);
    EXPECT_EQ_INT(0, rig_commit(&rig, &die));
    EXPECT_EQ_INT(0, knock(&rig, "q", &first)); // a dead job gives it back
    EXPECT_EQ_INT(0, rig_move(&rig, &first.spec->id, JOB_EV_CANCEL));
    EXPECT_EQ_INT(0, knock(&rig, "q", &other)); // a cancelled one too
    EXPECT_EQ_INT(0, rig_move(&rig, &first.spec->id, JOB_EV_REVIVE));
    EXPECT_EQ_INT(-EEXIST, knock(&rig, "q", &first));
    EXPECT_TRUE(id_equal(&other.spec->id, &first.winner)); // the one that took it meanwhile
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

static void test_key_outlives_row(void) {
    struct rig rig;
    struct store_submit_item first, other;
    rig_start(&rig);
    struct job_spec spec = rig_spec(&rig, "q", "t");
    spec.dedup_key = "k";
    spec.dedup_ttl_ms = 100000;
    EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(&rig, &spec));
    EXPECT_EQ_INT(0, rig_succeed(&rig, rig_claim_one(&rig, "q", "t")));
    struct store_remove rm = {.ids = &spec.id, .status = &(int){-1}, .count = 1};
    EXPECT_EQ_INT(0, rig_run(&rig, &rm.op, STORE_REMOVE));
    store_op_finish(&rm.op);
    EXPECT_EQ_INT(-EEXIST, knock(&rig, "q", &first));
    EXPECT_EQ_INT(JOB_SUCCEEDED, first.winner_state);
    rig.now += 100000;
    EXPECT_EQ_INT(0, knock(&rig, "q", &other));
    // without any time to live the key ends with its job
    EXPECT_EQ_INT(0, rig_succeed(&rig, rig_claim_one(&rig, "q", "t")));
    EXPECT_EQ_INT(0, knock(&rig, "q", &other));
    rig_finish(&rig);
}

static void test_key_list(void) {
    struct rig rig;
    char keys[7][8];
    rig_start(&rig);
    for (int i = 0; i < 7; i++) {
        struct job_spec spec = rig_spec(&rig, i < 5 ? "qa" : "qb", "t");
        (void)snprintf(keys[i], sizeof keys[i], "k%d", i);
        spec.dedup_key = keys[i];
        EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(&rig, &spec));
    }
    const char *cursor = NULL;
    unsigned seen[7] = {0};
    do {
        struct store_dedup_list *list = RIG_NEW(&rig, store_dedup_list);
        list->limit = 2;
        list->cursor = cursor;
        EXPECT_EQ_INT(0, rig_run(&rig, &list->op, STORE_DEDUP_LIST));
        for (size_t i = 0; i < list->count; i++) {
            for (int k = 0; k < 7; k++) { // in any order
                seen[k] += strcmp(keys[k], list->entries[i].key) == 0;
            }
            const char *key = list->entries[i].key;
            EXPECT_EQ_STR(key[1] < '5' ? "qa" : "qb", list->entries[i].queue);
        }
        cursor = list->next_cursor;
    } while (cursor != NULL);
    for (int k = 0; k < 7; k++) {
        EXPECT_EQ_UINT(1, seen[k]);
    }
    struct store_dedup_list *one = RIG_NEW(&rig, store_dedup_list);
    one->queue = "qb";
    one->limit = 10;
    EXPECT_EQ_INT(0, rig_run(&rig, &one->op, STORE_DEDUP_LIST));
    EXPECT_EQ_UINT(2, one->count);

    struct store_dedup_release rel = {.queue = "qa", .key = "k1"};
    EXPECT_EQ_INT(0, rig_run(&rig, &rel.op, STORE_DEDUP_RELEASE));
    EXPECT_EQ_INT(-ENOENT, rig_run(&rig, &rel.op, STORE_DEDUP_RELEASE));
    rel.queue = "nowhere";
    EXPECT_EQ_INT(-ENOENT, rig_run(&rig, &rel.op, STORE_DEDUP_RELEASE));
    struct job_spec again = rig_spec(&rig, "qa", "t");
    again.dedup_key = "k1";
    EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(&rig, &again));
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

// Whose key an operator has released, and another job has taken since, ends like any other, and leaves it alone.
static void test_key_of_another(void) {
    static const enum job_event ends[] = {JOB_EV_SUCCEED, JOB_EV_DIE, JOB_EV_CANCEL};
    struct rig rig;
    rig_start(&rig);
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        struct store_submit_item first, second, third;
        struct store_dedup_release rel = {.queue = "q", .key = "k"};
        EXPECT_EQ_INT(0, knock(&rig, "q", &first));
        const struct store_claimed *job = rig_claim_one(&rig, "q", "t");
        EXPECT_EQ_INT(0, rig_run(&rig, &rel.op, STORE_DEDUP_RELEASE));
        EXPECT_EQ_INT(0, knock(&rig, "q", &second));
        struct store_commit_item end = rig_item(job, ends[i]);
        EXPECT_EQ_INT(0, rig_commit(&rig, &end));
        EXPECT_TRUE(job_is_final(end.state));
        EXPECT_EQ_INT(-EEXIST, knock(&rig, "q", &third));
        EXPECT_TRUE(id_equal(&second.spec->id, &third.winner));
        end = rig_item(rig_claim_one(&rig, "q", "t"), JOB_EV_DIE); // releases it
        EXPECT_EQ_INT(0, rig_commit(&rig, &end));
    }
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

static void test_budget(void) {
    struct rig rig;
    rig_start(&rig);
    struct job_spec spec = rig_spec(&rig, "q", "t");
    EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(&rig, &spec));
    uint64_t one = rig_stats(&rig)->bytes[BUDGET_JOBS];
    EXPECT_TRUE(one > spec.payload.len);
    rig_close(&rig);
    rig.config.budget[BUDGET_JOBS] = 3 * one;
    EXPECT_EQ_INT(0, rig_open(&rig));
    for (int i = 0; i < 2; i++) {
        spec = rig_spec(&rig, "q", "t");
        EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(&rig, &spec)); // up to the limit
    }
    spec = rig_spec(&rig, "q", "t");
    EXPECT_EQ_INT(-EDQUOT, rig_submit(&rig, &spec)); // one more
    EXPECT_EQ_UINT(3 * one, rig_stats(&rig)->bytes[BUDGET_JOBS]);
    const struct store_claimed *got = rig_claim_one(&rig, "q", "t");
    EXPECT_EQ_INT(0, rig_succeed(&rig, got));
    struct store_remove rm = {.ids = &got->spec.id, .status = &(int){-1}, .count = 1};
    EXPECT_EQ_INT(0, rig_run(&rig, &rm.op, STORE_REMOVE));
    store_op_finish(&rm.op);
    EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(&rig, &spec)); // there is room again
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

// Submits to queue "q", which takes two waiting jobs: the answer's status.
static int squeeze(struct rig *rig, const struct job_spec *spec, enum submit_verdict *ret) {
    struct store_submit_item item = {.spec = spec, .max_waiting = 2};
    struct store_submit submit = {.items = &item, .count = 1};
    int r = rig_run(rig, &submit.op, STORE_SUBMIT);
    *ret = item.verdict;
    store_op_finish(&submit.op);
    return r < 0 ? r : item.status;
}

static void test_max_waiting(void) {
    struct rig rig;
    enum submit_verdict verdict;
    rig_start(&rig);
    struct job_spec first = rig_spec(&rig, "q", "t"), later = rig_spec(&rig, "q", "other");
    struct job_spec third = rig_spec(&rig, "q", "t"), elsewhere = rig_spec(&rig, "q2", "t");
    later.run_at_ms = rig.now + 1000;
    EXPECT_EQ_INT(0, squeeze(&rig, &first, &verdict));
    EXPECT_EQ_INT(0, squeeze(&rig, &later, &verdict)); // up to the limit, in any lane and state
    EXPECT_EQ_INT(-ENOBUFS, squeeze(&rig, &third, &verdict));
    EXPECT_EQ_INT(SUBMIT_REFUSED, verdict);
    EXPECT_EQ_INT(0, squeeze(&rig, &first, &verdict)); // it has its room
    EXPECT_EQ_INT(SUBMIT_REPEATED, verdict);
    EXPECT_EQ_INT(0, squeeze(&rig, &elsewhere, &verdict));
    const struct store_claimed *got = rig_claim_one(&rig, "q", "t"); // it does not wait any more
    EXPECT_EQ_INT(0, squeeze(&rig, &third, &verdict));
    struct job_spec fourth = rig_spec(&rig, "q", "t");
    EXPECT_EQ_INT(-ENOBUFS, squeeze(&rig, &fourth, &verdict));
    EXPECT_EQ_INT(0, rig_succeed(&rig, got));
    EXPECT_EQ_INT(-ENOBUFS, squeeze(&rig, &fourth, &verdict));
    EXPECT_EQ_INT(0, rig_move(&rig, &later.id, JOB_EV_CANCEL));
    EXPECT_EQ_INT(0, squeeze(&rig, &fourth, &verdict));
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

/* Those of the same call count, whatever else is said of them. */
static void test_max_waiting_of_a_call(void) {
    static const struct {
        enum job_priority priority;
        int64_t in_ms, max_waiting;
        int status;
    } rows[] = {
        {PRIORITY_NORMAL, 0, 0, 0}, {PRIORITY_NORMAL, 0, 0, 0}, {PRIORITY_HIGH, 0, 0, 0},
        {PRIORITY_LOW, 500, 0, 0},  {PRIORITY_LOW, 0, 5, 0},    {PRIORITY_LOW, 0, 5, -ENOBUFS},
        {PRIORITY_NORMAL, 0, 0, 0}, {PRIORITY_LOW, 0, 7, 0},    {PRIORITY_LOW, 0, 7, -ENOBUFS},
    };
    struct rig rig;
    struct job_spec specs[ARRAY_LEN(rows)];
    struct store_submit_item items[ARRAY_LEN(rows)];
    rig_start(&rig);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        specs[i] = rig_spec(&rig, "q", "t");
        specs[i].priority = rows[i].priority;
        specs[i].run_at_ms = rows[i].in_ms > 0 ? rig.now + rows[i].in_ms : 0;
        items[i] =
            (struct store_submit_item){.spec = &specs[i], .max_waiting = rows[i].max_waiting};
    }
    struct store_submit submit = {.items = items, .count = ARRAY_LEN(rows)};
    EXPECT_EQ_INT(0, rig_run(&rig, &submit.op, STORE_SUBMIT));
    store_op_finish(&submit.op);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        EXPECT_EQ_INT(rows[i].status, items[i].status);
    }
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

/* Many that are alike up to the limit, and what is smaller still finds room behind them. `less`: so many bytes are
 * missing. */
static void fill_up(int64_t less) {
    const struct bytes large = {"{\"n\":1,\"more\":2}", 16}, small = {"{}", 2};
    static const int last = 6;
    const struct bytes payloads[] = {large, large, large, large, small, large, small};
    static const int statuses[] = {0, 0, 0, -EDQUOT, 0, -EDQUOT, -EDQUOT};
    struct rig rig;
    struct job_spec specs[ARRAY_LEN(payloads)];
    struct store_submit_item items[ARRAY_LEN(payloads)];
    rig_start(&rig);
    for (size_t i = 0; i < ARRAY_LEN(payloads); i++) {
        specs[i] = rig_spec(&rig, "q", "t");
        specs[i].payload = payloads[i];
        items[i] = (struct store_submit_item){.spec = &specs[i]};
    }
    EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(&rig, &specs[0]));
    uint64_t one = rig_stats(&rig)->bytes[BUDGET_JOBS];
    EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(&rig, &specs[last]));
    uint64_t both = rig_stats(&rig)->bytes[BUDGET_JOBS];
    specs[0].id = rig_id(&rig);
    specs[last].id = rig_id(&rig);
    rig_close(&rig);
    rig.config.budget[BUDGET_JOBS] = 2 * both + 2 * one - (uint64_t)less;
    EXPECT_EQ_INT(0, rig_open(&rig));
    (void)rig_stats(&rig);
    struct store_submit submit = {.items = items, .count = ARRAY_LEN(items)};
    EXPECT_EQ_INT(0, rig_run(&rig, &submit.op, STORE_SUBMIT));
    store_op_finish(&submit.op);
    for (int i = 0; i <= last; i++) {
        EXPECT_EQ_INT(i == 4 && less > 0 ? -EDQUOT : statuses[i], items[i].status);
    }
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

static void test_budget_of_a_call(void) {
    fill_up(0);
    fill_up(1);
}

/* One budget for all queues: that of one counts in another, in the same call already. */
static void test_budget_of_queues(void) {
    static const struct {
        const char *queue, *tenant; // with one it is of another head, and as large
        int status;
    } rows[] = {{"q1", "a", 0},       {"q1", "a", 0},       {"q2", "a", 0},      {"q1", "b", 0},
                {"q2", "a", -EDQUOT}, {"q3", "b", -EDQUOT}, {"q1", "a", -EDQUOT}};
    struct rig rig;
    struct job_spec specs[ARRAY_LEN(rows)];
    struct store_submit_item items[ARRAY_LEN(rows)];
    rig_start(&rig);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        specs[i] = rig_spec(&rig, rows[i].queue, "t");
        specs[i].tenant = rows[i].tenant;
        items[i] = (struct store_submit_item){.spec = &specs[i]};
    }
    EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(&rig, &specs[0]));
    uint64_t one = rig_stats(&rig)->bytes[BUDGET_JOBS];
    specs[0].id = rig_id(&rig);
    rig_close(&rig);
    rig.config.budget[BUDGET_JOBS] = 5 * one;
    EXPECT_EQ_INT(0, rig_open(&rig));
    (void)rig_stats(&rig);
    struct store_submit submit = {.items = items, .count = ARRAY_LEN(items)};
    EXPECT_EQ_INT(0, rig_run(&rig, &submit.op, STORE_SUBMIT));
    store_op_finish(&submit.op);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        EXPECT_EQ_INT(rows[i].status, items[i].status);
    }
    EXPECT_EQ_UINT(5 * one, rig_stats(&rig)->bytes[BUDGET_JOBS]);
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

static void test_key_without_life(void) {
    struct rig rig;
    struct store_submit_item other;
    rig_init(&rig);
    rig.config.dedup_ttl_ms = 60000;
    EXPECT_EQ_INT(0, rig_open(&rig));
    struct job_spec spec = rig_spec(&rig, "q", "t");
    spec.dedup_key = "k";
    spec.dedup_ttl_ms = -1; // although the store's default is longer
    EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(&rig, &spec));
    EXPECT_EQ_INT(-EEXIST, knock(&rig, "q", &other));
    EXPECT_EQ_INT(0, rig_succeed(&rig, rig_claim_one(&rig, "q", "t")));
    EXPECT_EQ_INT(0, knock(&rig, "q", &other));
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

// A submission whose answer was lost, resent after its job has ended and another has the key.
static void test_repeated_without_key(void) {
    struct rig rig;
    rig_start(&rig);
    struct job_spec first = rig_spec(&rig, "q", "t"), second = rig_spec(&rig, "q", "t");
    first.dedup_key = second.dedup_key = "k";
    first.dedup_mode = DEDUP_REJECT;
    EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(&rig, &first));
    EXPECT_EQ_INT(SUBMIT_DUPLICATE, rig_submit(&rig, &second));
    EXPECT_EQ_INT(0, rig_move(&rig, &first.id, JOB_EV_CANCEL));
    EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(&rig, &second));
    EXPECT_EQ_INT(SUBMIT_REPEATED, rig_submit(&rig, &first));
    EXPECT_EQ_INT(JOB_CANCELLED, rig_state(&rig, &first.id));
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

// Types "t0", "t1", ... of one queue, in batches.
static void fill_lanes(struct rig *rig, int count) {
    enum { BATCH = 4096 };
    static struct store_submit_item items[BATCH];
    static struct job_spec specs[BATCH];
    static char names[BATCH][16];
    for (int done = 0; done < count;) {
        struct store_submit submit = {.items = items};
        for (; done < count && submit.count < BATCH; done++) {
            size_t i = submit.count++;
            (void)snprintf(names[i], sizeof names[i], "t%d", done);
            specs[i] = rig_spec(rig, "q", names[i]);
            items[i] = (struct store_submit_item){.spec = &specs[i]};
        }
        EXPECT_EQ_INT(0, rig_run(rig, &submit.op, STORE_SUBMIT));
        for (size_t i = 0; i < submit.count; i++) {
            if (!EXPECT_EQ_INT(0, items[i].status)) {
                return;
            }
        }
        store_op_finish(&submit.op);
    }
}

static void test_lanes_max(void) {
    struct rig rig;
    rig_start(&rig);
    fill_lanes(&rig, STORE_LANES_MAX - 2);
    struct job_spec opener = rig_spec(&rig, "last", "opener");
    EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(&rig, &opener));
    const struct store_claimed *opened = rig_claim_one(&rig, "last", "opener");
    struct job_spec then = rig_spec(&rig, "last", "then"); // its time comes when there is no room
    then.parent = opener.id;
    struct store_commit_item item = rig_item(opened, JOB_EV_NONE);
    item.then = &then;
    EXPECT_EQ_INT(0, rig_commit(&rig, &item));
    struct job_spec more = rig_spec(&rig, "q", "more");
    EXPECT_EQ_INT(-EDQUOT, rig_submit(&rig, &more));
    EXPECT_EQ_UINT(0, rig.health_events); // nothing is wrong with the store
    EXPECT_EQ_INT(SUBMIT_REPEATED, rig_submit(&rig, &opener));
    // a child is refused with its commit, not lost on its way
    const struct store_claimed *got = rig_claim_one(&rig, "q", "t0");
    item = rig_item(got, JOB_EV_SUCCEED);
    item.children = &more;
    item.child_count = 1;
    EXPECT_EQ_INT(-EDQUOT, rig_commit(&rig, &item));
    item.child_count = 0;
    item.then = &more; // and so is a job behind a flow
    EXPECT_EQ_INT(-EDQUOT, rig_commit(&rig, &item));
    item.then = NULL;
    item.child_count = 1;
    more.type = "t7";
    EXPECT_EQ_INT(0, rig_commit(&rig, &item));
    struct store_forward forward = {.limit = 10};
    EXPECT_EQ_INT(0, rig_run(&rig, &forward.op, STORE_FORWARD));
    EXPECT_EQ_INT(JOB_QUEUED, rig_state(&rig, &more.id));
    item = rig_item(opened, JOB_EV_SUCCEED);
    item.commit_no++;
    EXPECT_EQ_INT(0, rig_commit(&rig, &item));
    EXPECT_EQ_INT(JOB_QUEUED, rig_state(&rig, &then.id));
    EXPECT_EQ_UINT(STORE_LANES_MAX - 2, rig_stats(&rig)->lane_count);
    EXPECT_EQ_INT(0, rig_reopen(&rig));
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

/* A shared store has no table of lanes: one is there as long as it has jobs. */
static void test_many_lanes(void) {
    enum { LANES = 4096 };
    struct rig rig;
    rig_start(&rig);
    fill_lanes(&rig, LANES);
    EXPECT_EQ_UINT(LANES, rig_stats(&rig)->lane_count);
    EXPECT_EQ_UINT(1, rig_claim(&rig, "q", "t4095", 5)->job_count);
    EXPECT_EQ_UINT(LANES - 1, rig_stats(&rig)->lane_count);
    rig_finish(&rig);
}

CASES(submit, ON_ALL, {"a job comes back as it was submitted", test_all_fields},
      {"a job of id, queue and type alone", test_minimal},
      {"payloads of every size, in the row and beside it", test_payload_sizes},
      {"a repeated submission is recognised in every state", test_repeated},
      {"a repeated submission that lost its key", test_repeated_without_key},
      {"items of a batch have their own fates", test_batch},
      {"items of a batch that are alike, and not", test_alike},
      {"dedup modes without a key", test_modes_without_key},
      {"a dedup key lives as long as the outcome says", test_key_life},
      {"a dedup key outlives its job's row", test_key_outlives_row},
      {"dedup keys are listed and released", test_key_list},
      {"a released key that another job has taken", test_key_of_another},
      {"the budget for jobs, at the limit and one more", test_budget},
      {"the budget for jobs, of many by one call", test_budget_of_a_call},
      {"the budget for jobs, of several queues by one call", test_budget_of_queues},
      {"a queue takes so many waiting jobs", test_max_waiting},
      {"a queue takes so many waiting jobs, by one call", test_max_waiting_of_a_call},
      {"a dedup key that ends with its job", test_key_without_life});
CASES(submit_file, ON_FILE, {"as many lanes as a store takes, and one more", test_lanes_max});
CASES(submit_shared, ON_SHARED, {"very many lanes", test_many_lanes});
