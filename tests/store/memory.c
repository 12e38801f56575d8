/* The store without memory: one allocation after the other fails, once, in whatever thread of the
 * store makes it, its own and SQLite's. The operation that needed it says -ENOMEM and has not
 * happened; posted again it succeeds, and nothing is lost or counted twice. */
#include <errno.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rig.h"

/* ------------------------------------------------------------------ allocations that fail */

// The linker's --wrap sends the store's calls here, SQLITE_CONFIG_MALLOC those of SQLite.
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *p, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *p, size_t size);

static pthread_t test_thread; // whose allocations succeed
static atomic_int left;       // the one that makes it 0 fails
static sqlite3_mem_methods plain;

static bool fails(void) {
    if (atomic_load(&left) <= 0 || pthread_equal(test_thread, pthread_self()) != 0) {
        return false;
    }
    return atomic_fetch_sub(&left, 1) == 1;
}

void *__wrap_malloc(size_t size) {
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size) {
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *p, size_t size) {
    return fails() ? NULL : __real_realloc(p, size);
}

static void *sqlite_malloc(int size) {
    return fails() ? NULL : plain.xMalloc(size);
}

static void *sqlite_realloc(void *p, int size) {
    return fails() ? NULL : plain.xRealloc(p, size);
}

static void wrap_sqlite(void) {
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    (void)sqlite3_config(SQLITE_CONFIG_GETMALLOC, &plain);
    sqlite3_mem_methods mine = plain;
    mine.xMalloc = sqlite_malloc;
    mine.xRealloc = sqlite_realloc;
    (void)sqlite3_config(SQLITE_CONFIG_MALLOC, &mine);
}

/* ------------------------------------------------------------------ a scenario */

static int refused; // operations that said -ENOMEM

// At most one try fails. An answer is made anew, as a caller's would be.
static void insist(struct rig *rig, struct store_op *op, enum store_op_kind kind) {
    int r = rig_run(rig, op, kind);
    if (r == -ENOMEM) {
        refused++;
        r = rig_run(rig, op, kind);
    }
    if (!EXPECT_EQ_INT(0, r)) {
        (void)fprintf(stderr, "operation %d: %s\n", (int)kind, op->err.msg);
    }
}

static void commit(struct rig *rig, struct store_commit_item *item) {
    struct store_commit *commit = RIG_NEW(rig, store_commit);
    commit->items = item;
    commit->count = 1;
    insist(rig, &commit->op, STORE_COMMIT);
    (void)EXPECT_EQ_INT(0, item->status);
}

static const struct store_claim *claim(struct rig *rig, const char *type, uint32_t limit) {
    struct store_claim *claim = RIG_NEW(rig, store_claim);
    struct store_claim_want want = {.lane = {"q", type}, .limit = limit};
    claim->wants = &want;
    claim->want_count = 1;
    claim->host_nonce = rig->nonce;
    insist(rig, &claim->op, STORE_CLAIM);
    claim->wants = NULL;
    return claim;
}

static void move(struct rig *rig, const struct job_id *id, enum job_event event) {
    struct store_move_item item = {.id = *id, .event = event, .keep_ms = 5000};
    struct store_move *move = RIG_NEW(rig, store_move);
    move->items = &item;
    move->count = 1;
    insist(rig, &move->op, STORE_MOVE);
    (void)EXPECT_EQ_INT(0, item.status);
    move->items = NULL;
}

enum { JOBS = 4, BIG = 5000 };

static void submit(struct rig *rig, struct job_spec specs[JOBS], const char *type) {
    static const char big[BIG];
    struct store_submit_item items[JOBS];
    for (int i = 0; i < JOBS; i++) {
        specs[i] = rig_spec(rig, "q", type);
        specs[i].tenant = "ann";
        specs[i].dedup_key = i == 0 ? type : NULL;
        specs[i].payload = i == 1 ? (struct bytes){big, BIG} : specs[i].payload;
        specs[i].run_at_ms = i == JOBS - 1 ? rig->now + 10 : 0;
        items[i] = (struct store_submit_item){.spec = &specs[i]};
    }
    struct store_submit *submit = RIG_NEW(rig, store_submit);
    submit->items = items;
    submit->count = JOBS;
    insist(rig, &submit->op, STORE_SUBMIT);
    for (int i = 0; i < JOBS; i++) {
        (void)EXPECT_EQ_INT(0, items[i].status);
    }
    submit->items = NULL;
}

static void start(struct rig *rig, const struct store_claimed *job) {
    struct store_start_item item = {.id = job->spec.id,
                                    .token = job->token,
                                    .started_ms = rig->now,
                                    .pid = 1,
                                    .build = "b",
                                    .log_tail = bytes_of("line")};
    struct store_start *start = RIG_NEW(rig, store_start);
    start->items = &item;
    start->count = 1;
    insist(rig, &start->op, STORE_START);
    (void)EXPECT_EQ_INT(0, item.status);
    start->items = NULL;
}

static struct store_output put_output(struct rig *rig) {
    struct store_blob_put *put = RIG_NEW(rig, store_blob_put);
    put->data = bytes_of("an output");
    put->fd = -1;
    insist(rig, &put->op, STORE_BLOB_PUT);
    return (struct store_output){"o", "text/plain", put->ref};
}

// A commit with one of everything, then the end.
static void work(struct rig *rig, const struct store_claimed *job, const char *type) {
    struct job_spec children[2] = {rig_spec(rig, "q", type), rig_spec(rig, "other", type)};
    const struct store_step step = {"s", bytes_of("v")};
    const struct store_warning warning = {"w", "m"};
    const struct store_kv_write kv[] = {
        {.kind = STORE_KV_SET, .key = type, .value = bytes_of("v")},
        {.kind = STORE_KV_ADD, .key = "n", .number = 1},
        {.kind = STORE_KV_SADD, .key = "s", .value = bytes_of(type)},
    };
    struct store_commit_item item = rig_item(job, JOB_EV_NONE);
    item.children = children;
    item.child_count = ARRAY_LEN(children);
    item.steps = &step;
    item.step_count = item.state_version = 1;
    const struct store_output output = put_output(rig);
    item.outputs = &output;
    item.output_count = 1;
    item.warnings = &warning;
    item.warning_count = 1;
    item.kv_namespace = "p";
    item.kv = kv;
    item.kv_count = ARRAY_LEN(kv);
    commit(rig, &item);
    struct store_kv_claim *kc = RIG_NEW(rig, store_kv_claim);
    kc->kv_namespace = "p";
    kc->key = type;
    kc->id = job->spec.id;
    kc->token = job->token;
    insist(rig, &kc->op, STORE_KV_CLAIM);
    (void)EXPECT_EQ_INT(CLAIM_WON, kc->state);
    const struct store_result result = {.data = bytes_of("done")};
    const struct store_attempt attempt = {.execution = 1, .outcome = "succeed"};
    item = rig_item(job, JOB_EV_SUCCEED);
    item.commit_no++;
    item.result = &result;
    item.attempt = &attempt;
    item.keep_ms = 5000;
    commit(rig, &item);
}

static void look(struct rig *rig, const struct job_id *id) {
    struct store_get *get = RIG_NEW(rig, store_get);
    struct store_list *list = RIG_NEW(rig, store_list);
    struct store_stats *stats = RIG_NEW(rig, store_stats);
    struct store_result_get *result = RIG_NEW(rig, store_result_get);
    get->id = result->id = *id;
    list->filter = rig_filter();
    list->filter.tenant = "ann";
    list->limit = 2;
    insist(rig, &get->op, STORE_GET);
    insist(rig, &list->op, STORE_LIST);
    insist(rig, &stats->op, STORE_STATS);
    insist(rig, &result->op, STORE_RESULT_GET);
    struct store_output_get *output = RIG_NEW(rig, store_output_get);
    output->id = *id;
    output->name = "o";
    insist(rig, &output->op, STORE_OUTPUT_GET);
    (void)close(output->fd);
    (void)EXPECT_EQ_STR("text/plain", output->content_type);
    (void)EXPECT_EQ_UINT(1, get->job.outputs_listed);
    (void)EXPECT_EQ_INT(JOB_SUCCEEDED, get->job.state);
    (void)EXPECT_EQ_UINT(1, get->job.history_count);
    (void)EXPECT_EQ_UINT(2, list->count);
    (void)EXPECT_EQ_UINT(4, result->data.len);
}

static void scenario(struct rig *rig, const char *type) {
    struct job_spec specs[JOBS];
    submit(rig, specs, type);
    const struct store_claim *got = claim(rig, type, JOBS);
    if (!EXPECT_EQ_UINT(JOBS - 1, got->job_count)) {
        return;
    }
    start(rig, &got->jobs[0]);
    work(rig, &got->jobs[0], type);
    struct store_commit_item retry = rig_item(&got->jobs[1], JOB_EV_RETRY);
    retry.run_at_ms = rig->now + 10;
    const struct store_output output = put_output(rig);
    retry.outputs = &output;
    retry.output_count = 1;
    commit(rig, &retry);
    struct store_commit_item release = rig_item(&got->jobs[2], JOB_EV_RELEASE);
    commit(rig, &release);
    move(rig, &got->jobs[2].spec.id, JOB_EV_CANCEL);
    look(rig, &got->jobs[0].spec.id);
    struct store_forward *forward = RIG_NEW(rig, store_forward);
    forward->limit = 10;
    insist(rig, &forward->op, STORE_FORWARD);
    rig->now += 10;
    struct store_due *due = RIG_NEW(rig, store_due);
    due->limit = 10;
    insist(rig, &due->op, STORE_DUE);
    (void)EXPECT_EQ_UINT(2, due->moved);
    got = claim(rig, type, 10);
    (void)EXPECT_EQ_UINT(3, got->job_count); // both that were due, and the child
    size_t outputs = 0;
    for (size_t i = 0; i < got->job_count; i++) {
        outputs += got->jobs[i].output_count;
        struct store_commit_item item = rig_item(&got->jobs[i], JOB_EV_SUCCEED);
        item.keep_ms = 5000;
        commit(rig, &item);
    }
    (void)EXPECT_EQ_UINT(1, outputs);
    rig->now += 5000;
    struct store_sweep *sweep = RIG_NEW(rig, store_sweep);
    sweep->limit = 100;
    insist(rig, &sweep->op, STORE_SWEEP);
    (void)EXPECT_EQ_UINT(5, sweep->removed);
}

enum { EACH = 150, STRIDE = 53 }; // all of the first ones, then samples: there are thousands

static void expect_untouched(struct rig *rig, int plays) {
    rig_expect_sound(rig);
    const struct store_stats *stats = rig_stats(rig);
    // of each play only the child in the other queue is left
    (void)EXPECT_EQ_INT(plays, stats->queues[1].by_state[JOB_QUEUED]);
    (void)EXPECT_EQ_INT(0, stats->queues[0].by_state[JOB_QUEUED]);
    (void)EXPECT_EQ_INT(0, stats->queues[0].by_state[JOB_RUNNING]);
}

static void test_each_allocation(void) {
    struct rig rig;
    bool reached = true;
    int plays = 0;
    rig_start(&rig);
    for (int n = 1; reached; n += n < EACH ? 1 : STRIDE) {
        char type[24];
        (void)snprintf(type, sizeof type, "t%d", n);
        atomic_store(&left, n);
        scenario(&rig, type);
        reached = atomic_exchange(&left, 0) <= 0;
        plays++;
        if (plays % 16 == 0 || !reached) {
            expect_untouched(&rig, plays);
        }
        if (CU_get_number_of_failures() > 10) {
            (void)fprintf(stderr, "at allocation %d\n", n);
            break;
        }
    }
    struct store_kv_get get = {.kv_namespace = "p", .key = "n", .what = STORE_KV_COUNTER};
    EXPECT_EQ_INT(0, rig_run(&rig, &get.op, STORE_KV_GET));
    EXPECT_EQ_INT(plays, get.number);
    EXPECT_TRUE(refused > plays / 2);
    EXPECT_EQ_INT(0, rig_reopen(&rig));
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

static const struct expect_test tests[] = {
    {"each allocation fails once", test_each_allocation},
};

int main(int argc, char **argv) {
    test_thread = pthread_self();
    wrap_sqlite();
    return expect_run("store: memory", tests, ARRAY_LEN(tests), argc, argv);
}
