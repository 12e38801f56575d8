/* Changes that meet others on a shared store: behind one another, at the same time, once more, and behind its back. */
#include <errno.h>
#include <hiredis/hiredis.h>

#include "base/log.h"
#include "cases.h"
#include "redis_server.h"
#include "sample.h"

/* ------------------------------------------------------------------ commits */

// Nobody waits for the answer of the first before the second is sent.
static void test_in_flight(void) {
    struct rig rig;
    struct store_step step = {"one", bytes_of("1")};
    rig_start(&rig);
    struct job_id id = rig_submit_plain(&rig, "q", "t");
    const struct store_claimed *job = rig_claim_one(&rig, "q", "t");
    struct store_commit_item items[3];
    for (int i = 0; i < 3; i++) {
        items[i] = rig_item(job, i == 2 ? JOB_EV_SUCCEED : JOB_EV_NONE);
        items[i].commit_no = job->commit_no + 1 + (uint32_t)i;
        items[i].counters.executions = i + 1;
        items[i].steps = &step;
        items[i].step_count = 1;
    }
    struct store_commit first = {.items = items, .count = 2};
    struct store_commit second = {.items = &items[2], .count = 1};
    bool done[2];
    rig_post(&rig, &first.op, STORE_COMMIT, &done[0]);
    rig_post(&rig, &second.op, STORE_COMMIT, &done[1]);
    rig_wait(&rig, &done[1]);
    EXPECT_TRUE(done[0]);
    for (int i = 0; i < 3; i++) {
        EXPECT_EQ_INT(0, items[i].status);
    }
    const struct store_job *got = rig_get(&rig, &id);
    EXPECT_EQ_INT(JOB_SUCCEEDED, got->state);
    EXPECT_EQ_UINT(3, got->commit_no);
    EXPECT_EQ_INT(3, got->counters.executions);
    EXPECT_EQ_UINT(1, got->step_count);
    store_op_finish(&first.op);
    store_op_finish(&second.op);
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

// The first is refused: the second, whose number now comes too early, waits for nobody.
static void test_in_flight_refused(void) {
    struct rig rig;
    static char data[JOB_STEP_MAX + 1];
    struct store_step step = {"big", {data, sizeof data}};
    rig_start(&rig);
    (void)rig_submit_plain(&rig, "q", "t");
    const struct store_claimed *job = rig_claim_one(&rig, "q", "t");
    struct store_commit_item items[2] = {rig_item(job, JOB_EV_NONE), rig_item(job, JOB_EV_SUCCEED)};
    items[0].steps = &step;
    items[0].step_count = 1;
    items[1].commit_no++;
    struct store_commit commit = {.items = items, .count = 2};
    EXPECT_EQ_INT(0, rig_run(&rig, &commit.op, STORE_COMMIT));
    EXPECT_EQ_INT(-E2BIG, items[0].status);
    EXPECT_EQ_INT(-EINVAL, items[1].status);
    items[1].commit_no--;
    EXPECT_EQ_INT(0, rig_commit(&rig, &items[1]));
    store_op_finish(&commit.op);
    rig_finish(&rig);
}

// A host that has started again repeats what it does not know to have happened.
static void test_repeated_by_another_boot(void) {
    struct rig rig;
    rig_start(&rig);
    (void)rig_submit_plain(&rig, "q", "t");
    const struct store_claimed *job = rig_claim_one(&rig, "q", "t");
    struct store_commit_item on = rig_item(job, JOB_EV_NONE), end = rig_item(job, JOB_EV_DIE);
    end.commit_no++;
    EXPECT_EQ_INT(0, rig_commit(&rig, &on));
    EXPECT_EQ_INT(0, rig_reopen(&rig));
    EXPECT_EQ_INT(0, rig_commit(&rig, &on));
    EXPECT_EQ_INT(JOB_RUNNING, on.state);
    EXPECT_EQ_INT(-ESTALE, rig_commit(&rig, &end)); // it is not this boot's
    EXPECT_EQ_UINT(1, rig_recover(&rig));
    job = rig_claim_one(&rig, "q", "t");
    end = rig_item(job, JOB_EV_DIE);
    EXPECT_EQ_INT(0, rig_commit(&rig, &end));
    EXPECT_EQ_INT(0, rig_reopen(&rig));
    end.state = JOB_RUNNING;
    EXPECT_EQ_INT(0, rig_commit(&rig, &end));
    EXPECT_EQ_INT(JOB_DEAD, end.state);
    EXPECT_EQ_INT(-ESTALE, rig_commit(&rig, &on));
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

/* ------------------------------------------------------------------ moves */

// Whichever comes first: the job ends as cancelled, and both hosts know what became of their move.
static void test_moves_meet(void) {
    enum { JOBS = 40 };
    struct rig a, b;
    static struct store_move_item cancels[JOBS], promotes[JOBS];
    rig_start(&a);
    rig_start_beside(&b, &a);
    for (int i = 0; i < JOBS; i++) {
        struct job_spec spec = rig_spec(&a, "q", "t");
        spec.run_at_ms = a.now + 60000;
        EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(&a, &spec));
        cancels[i] = (struct store_move_item){.id = spec.id, .event = JOB_EV_CANCEL};
        promotes[JOBS - 1 - i] = (struct store_move_item){.id = spec.id, .event = JOB_EV_PROMOTE};
    }
    struct store_move one = {.items = cancels, .count = JOBS};
    struct store_move other = {.items = promotes, .count = JOBS};
    bool done[2];
    rig_post(&a, &one.op, STORE_MOVE, &done[0]);
    rig_post(&b, &other.op, STORE_MOVE, &done[1]);
    rig_wait(&a, &done[0]);
    rig_wait(&b, &done[1]);
    for (int i = 0; i < JOBS; i++) {
        EXPECT_EQ_INT(0, cancels[i].status);
        EXPECT_EQ_INT(JOB_CANCELLED, rig_state(&a, &cancels[i].id));
        int s = promotes[i].status;
        EXPECT_TRUE(s == 0 || s == -EINVAL);
        EXPECT_EQ_INT(s == 0 ? JOB_QUEUED : JOB_CANCELLED, promotes[i].state);
    }
    EXPECT_EQ_UINT(0, rig_claim(&b, "q", "t", JOBS)->job_count);
    store_op_finish(&one.op);
    store_op_finish(&other.op);
    rig_expect_sound(&a);
    rig_finish(&b);
    rig_finish(&a);
}

// More than one call takes, some of them unknown.
static void test_many_moves(void) {
    enum { JOBS = 350 };
    struct rig rig;
    static struct store_move_item items[JOBS];
    static struct job_id ids[JOBS];
    static int status[JOBS];
    rig_start(&rig);
    for (int i = 0; i < JOBS; i++) {
        ids[i] = i % 7 == 3 ? rig_id(&rig) : rig_submit_plain(&rig, i % 2 == 0 ? "q" : "r", "t");
        items[i] = (struct store_move_item){.id = ids[i], .event = JOB_EV_CANCEL};
    }
    struct store_move move = {.items = items, .count = JOBS};
    struct store_remove rm = {.ids = ids, .status = status, .count = JOBS};
    EXPECT_EQ_INT(0, rig_run(&rig, &move.op, STORE_MOVE));
    EXPECT_EQ_INT(0, rig_run(&rig, &rm.op, STORE_REMOVE));
    for (int i = 0; i < JOBS; i++) {
        EXPECT_EQ_INT(i % 7 == 3 ? -ENOENT : 0, items[i].status);
        EXPECT_EQ_INT(i % 7 == 3 ? -ENOENT : 0, status[i]);
    }
    EXPECT_EQ_UINT(0, rig_stats(&rig)->bytes[BUDGET_JOBS]);
    store_op_finish(&move.op);
    store_op_finish(&rm.op);
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

/* ------------------------------------------------------------------ outbox */

static size_t forward(struct rig *rig) {
    struct store_forward f = {.limit = 10};
    EXPECT_EQ_INT(0, rig_run(rig, &f.op, STORE_FORWARD));
    store_op_finish(&f.op);
    return f.delivered;
}

// A host dies when its child has arrived and the parcel is still there; who delivers it again finds
// that it was, even when the child has long ended and is gone.
static void test_brought_twice(void) {
    struct rig rig;
    int status = 0;
    rig_start(&rig);
    (void)rig_submit_plain(&rig, "q", "t");
    struct job_spec kid = rig_spec(&rig, "far", "kid");
    char payload[5000] = "large enough for a key of its own";
    kid.payload = (struct bytes){payload, sizeof payload};
    struct store_commit_item item = rig_item(rig_claim_one(&rig, "q", "t"), JOB_EV_SUCCEED);
    item.children = &kid;
    item.child_count = 1;
    EXPECT_EQ_INT(0, rig_commit(&rig, &item));
    EXPECT_EQ_INT(1, rig_redis("COPY jobs:q:outbox kept"));
    EXPECT_EQ_UINT(1, forward(&rig));
    EXPECT_EQ_INT(1, rig_redis("COPY kept jobs:q:outbox REPLACE"));
    EXPECT_EQ_UINT(1, forward(&rig)); // the job is there
    const struct store_claimed *got = rig_claim_one(&rig, "far", "kid");
    EXPECT_EQ_BYTES(payload, sizeof payload, got->spec.payload.data, got->spec.payload.len);
    EXPECT_EQ_INT(0, rig_succeed(&rig, got));
    struct store_remove rm = {.ids = &kid.id, .status = &status, .count = 1};
    EXPECT_EQ_INT(0, rig_run(&rig, &rm.op, STORE_REMOVE));
    EXPECT_EQ_INT(1, rig_redis("COPY kept jobs:q:outbox REPLACE"));
    EXPECT_EQ_INT(1, rig_redis("DEL kept"));
    EXPECT_EQ_UINT(1, forward(&rig)); // only its tombstone is
    EXPECT_EQ_INT(-1, rig_state(&rig, &kid.id));
    EXPECT_EQ_INT(0, rig_stats(&rig)->outbox);
    store_op_finish(&rm.op);
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

static void add_parcel(const char *place, const char *id, const char *max, const char *queue) {
    const char *words[] = {"XADD", place, "*", "id", id, "type", "kid", "max", max, "queue", queue};
    freeReplyObject(redis_server_ask(rig_server(), ARRAY_LEN(words), words, NULL));
}

/* How often the log has it. */
static size_t times_in(FILE *log, const char *words) {
    char line[2000];
    size_t times = 0;
    rewind(log);
    while (fgets(line, sizeof line, log) != NULL) {
        times += strstr(line, words) != NULL;
    }
    return times;
}

// As a server leaves it that has lost a part of a change: told once, and again when it comes again.
static void test_astray(void) {
    struct rig rig;
    FILE *file = tmpfile();
    rig_init(&rig);
    const struct log log = {.env = &rig.env, .fd = fileno(file)};
    rig.log = &log;
    EXPECT_EQ_INT(0, rig_open(&rig));
    for (int i = 0; i < 3; i++) {
        (void)rig_submit_plain(&rig, "q", "t");
    }
    EXPECT_EQ_UINT(
        3, rig_claim(&rig, "q", "t", 3)->job_count); // as many as there are: nothing is wrong
    EXPECT_EQ_UINT(0, rig_claim(&rig, "q", "t", 3)->job_count);
    EXPECT_EQ_UINT(0, times_in(file, "store.astray"));
    struct job_id id = rig_submit_plain(&rig, "q", "t");
    EXPECT_EQ_INT(1, rig_redis("DEL jobs:q:queue"));
    for (int i = 0; i < 2; i++) {
        EXPECT_EQ_UINT(0, rig_claim(&rig, "q", "t", 1)->job_count);
        EXPECT_EQ_UINT(1, times_in(file, "store.astray queue=q type=t"));
    }
    (void)sample_fsck(&rig, true);
    EXPECT_TRUE(id_equal(&id, &rig_claim_one(&rig, "q", "t")->spec.id));
    EXPECT_EQ_UINT(0, rig_claim(&rig, "q", "t", 1)->job_count);
    (void)rig_submit_plain(&rig, "q", "t");
    EXPECT_EQ_INT(1, rig_redis("DEL jobs:q:queue"));
    EXPECT_EQ_UINT(0, rig_claim(&rig, "q", "t", 1)->job_count);
    EXPECT_EQ_UINT(2, times_in(file, "store.astray"));
    rig_finish(&rig);
    (void)fclose(file);
}

// What nobody can read does not stand in the way of others: it is set aside, where it is seen until
// somebody takes it away, and comes back once it can be read.
static void test_odd_parcels(void) {
    struct rig rig;
    char text[JOB_ID_TEXT + 1];
    FILE *file = tmpfile();
    rig_init(&rig);
    const struct log log = {.env = &rig.env, .fd = fileno(file)};
    rig.log = &log;
    EXPECT_EQ_INT(0, rig_open(&rig));
    (void)rig_submit_plain(&rig, "q", "t");
    struct job_id mended = rig_id(&rig);
    id_format(&mended, text);
    add_parcel("jobs:q:outbox", "nonsense", "1", "far");
    add_parcel("jobs:q:outbox", text, "many", "far");
    add_parcel("jobs:q:outbox", text, "1", "no queue");
    struct job_spec kid = rig_spec(&rig, "far", "kid");
    struct store_commit_item item = rig_item(rig_claim_one(&rig, "q", "t"), JOB_EV_SUCCEED);
    item.children = &kid;
    item.child_count = 1;
    EXPECT_EQ_INT(0, rig_commit(&rig, &item));
    EXPECT_TRUE(sample_has(sample_fsck(&rig, true), "outbox_damaged", false));
    EXPECT_EQ_UINT(1, forward(&rig));
    EXPECT_EQ_INT(JOB_QUEUED, rig_state(&rig, &kid.id));
    EXPECT_EQ_INT(0, rig_stats(&rig)->outbox);
    EXPECT_EQ_INT(3, rig_redis("XLEN jobs:q:outbox:odd"));
    EXPECT_EQ_UINT(0, forward(&rig));
    EXPECT_EQ_UINT(3, times_in(file, "store.parcel queue=q entry="));
    const char *entry =
        rig_redis_text("EVAL return(redis.call('XRANGE','jobs:q:outbox:odd','-','+')[1][1]) 0");
    EXPECT_EQ_UINT(1, times_in(file, entry));
    struct store_fsck *f = sample_fsck(&rig, true);
    EXPECT_EQ_INT(3, f->total_findings);
    EXPECT_TRUE(sample_has(f, "outbox_aside", false));
    add_parcel("jobs:q:outbox:odd", text, "1", "far"); // as somebody has mended it
    EXPECT_TRUE(sample_has(sample_fsck(&rig, false), "outbox_aside", false));
    EXPECT_EQ_INT(4, rig_redis("XLEN jobs:q:outbox:odd"));
    EXPECT_TRUE(sample_has(sample_fsck(&rig, true), "outbox_aside", true));
    EXPECT_EQ_INT(3, rig_redis("XLEN jobs:q:outbox:odd"));
    EXPECT_EQ_UINT(1, forward(&rig));
    EXPECT_EQ_INT(JOB_QUEUED, rig_state(&rig, &mended));
    EXPECT_EQ_INT(1, rig_redis("DEL jobs:q:outbox:odd"));
    rig_expect_sound(&rig);
    rig_finish(&rig);
    (void)fclose(file);
}

// A call brings a hundred at most, and what is set aside counts among them.
static void test_many_odd_parcels(void) {
    enum { ODD = 250 };
    struct rig rig;
    rig_start(&rig);
    struct job_id good = rig_id(&rig);
    char text[JOB_ID_TEXT + 1];
    id_format(&good, text);
    (void)rig_submit_plain(&rig, "q", "t");
    for (int i = 0; i < ODD; i++) {
        add_parcel("jobs:q:outbox", i == ODD / 2 ? text : "nonsense", "1", "far");
    }
    struct store_forward f = {.limit = 100, .more = true};
    size_t delivered = 0;
    for (int i = 0; i < ODD && f.more; i++) {
        EXPECT_EQ_INT(0, rig_run(&rig, &f.op, STORE_FORWARD));
        delivered += f.delivered;
    }
    EXPECT_FALSE(f.more);
    EXPECT_EQ_UINT(1, delivered);
    EXPECT_EQ_INT(JOB_QUEUED, rig_state(&rig, &good));
    EXPECT_EQ_INT(0, rig_redis("XLEN jobs:q:outbox"));
    EXPECT_EQ_INT(ODD - 1, rig_redis("XLEN jobs:q:outbox:odd"));
    store_op_finish(&f.op);
    rig_finish(&rig);
}

/* ------------------------------------------------------------------ what goes */

static size_t sweep(struct rig *rig) {
    size_t removed = 0;
    for (bool more = true; more;) {
        struct store_sweep s = {.limit = 1000};
        EXPECT_EQ_INT(0, rig_run(rig, &s.op, STORE_SWEEP));
        removed += s.removed;
        more = s.more;
        store_op_finish(&s.op);
    }
    return removed;
}

static struct job_id ended(struct rig *rig, enum job_event event, int64_t keep_ms) {
    struct store_result result = {NULL, bytes_of("result"), NULL};
    struct job_id id = rig_submit_plain(rig, "q", "t");
    struct store_commit_item item = rig_item(rig_claim_one(rig, "q", "t"), event);
    item.keep_ms = keep_ms;
    item.result = event == JOB_EV_SUCCEED ? &result : NULL;
    EXPECT_EQ_INT(0, rig_commit(rig, &item));
    return id;
}

// Nobody swept for long, and Redis deleted jobs by itself: nothing of them is left, nor counted.
static void test_gone_by_themselves(void) {
    static const enum job_event ends[] = {JOB_EV_SUCCEED, JOB_EV_DIE, JOB_EV_CANCEL};
    struct rig rig;
    rig_start(&rig);
    for (size_t i = 0; i < 6; i++) {
        char text[JOB_ID_TEXT + 1];
        struct job_id id = ended(&rig, ends[i % 3], 1000);
        id_format(&id, text);
        EXPECT_EQ_INT(1, rig_redis("DEL job:%s", text));
        (void)rig_redis("DEL results:%s", text);
    }
    rig.now += 1001;
    EXPECT_EQ_UINT(6, sweep(&rig));
    const struct store_stats *stats = rig_stats(&rig);
    EXPECT_EQ_UINT(0, stats->bytes[BUDGET_JOBS]);
    EXPECT_EQ_UINT(0, stats->bytes[BUDGET_RESULTS]);
    EXPECT_EQ_INT(0, rig_redis("EXISTS jobs:q:succeeded jobs:q:dlq jobs:q:dlq:expiry "
                               "jobs:q:cancelled"));
    EXPECT_EQ_INT(0, rig_redis("XLEN jobs:q:all"));
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

// The index of all jobs follows them, also past those that are kept for longer.
static void test_index_swept(void) {
    enum { JOBS = 260, EVERY = 20 };
    struct rig rig;
    rig_start(&rig);
    for (int i = 0; i < JOBS; i++) {
        (void)ended(&rig, JOB_EV_SUCCEED, i % EVERY == 0 ? 5000 : 1000);
    }
    rig.now += 1001;
    EXPECT_EQ_UINT(JOBS - JOBS / EVERY, sweep(&rig));
    EXPECT_EQ_INT(JOBS / EVERY, rig_redis("XLEN jobs:q:all"));
    rig.now += 5000;
    EXPECT_EQ_UINT(JOBS / EVERY, sweep(&rig));
    (void)sweep(&rig);
    EXPECT_EQ_INT(0, rig_redis("XLEN jobs:q:all"));
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

static const char nodes_of_index[] =
    "return redis.call('XINFO', 'STREAM', 'jobs:q:all')[4]"; // {"length", n, "radix-tree-keys", n, ..}

// A call enters its jobs by what their ids begin with; four calls of a hundred are one node of 4 KiB.
static void test_index_heads(void) {
    enum { CALLS = 4, JOBS = 100 };
    struct rig rig;
    struct job_spec specs[JOBS];
    struct store_submit_item items[JOBS];
    rig_start(&rig);
    for (int call = 0; call < CALLS; call++) {
        struct store_submit submit = {.items = items, .count = JOBS};
        for (int i = 0; i < JOBS; i++) {
            specs[i] = rig_spec(&rig, "q", "t");
            items[i] = (struct store_submit_item){.spec = &specs[i]};
        }
        EXPECT_EQ_INT(0, rig_run(&rig, &submit.op, STORE_SUBMIT));
        store_op_finish(&submit.op);
    }
    EXPECT_EQ_INT(CALLS, rig_redis("XLEN jobs:q:all"));
    EXPECT_EQ_INT(1, REDIS_DO(rig_server(), "EVAL", nodes_of_index, "0"));
    struct store_submit apart = {.items = items, .count = 4};
    // their ids begin with something else each: they are whole
    for (int i = 0; i < 4; i++, rig.now += 70 * 1000) {
        specs[i] = rig_spec(&rig, "q", "t");
        items[i] = (struct store_submit_item){.spec = &specs[i]};
    }
    EXPECT_EQ_INT(0, rig_run(&rig, &apart.op, STORE_SUBMIT));
    store_op_finish(&apart.op);
    EXPECT_EQ_INT(CALLS + 1, rig_redis("XLEN jobs:q:all"));
    const struct store_list *list = rig_list(&rig, rig_filter(), 1000, NULL);
    EXPECT_EQ_UINT(CALLS * JOBS + 4, list->count);
    for (int i = 0; i < 4 && list->count > 4; i++) {
        EXPECT_TRUE(id_equal(&specs[3 - i].id, &list->jobs[i].spec.id));
    }
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

// An index that an earlier version wrote, with whole ids, is read and swept like its own.
static void test_index_of_whole_ids(void) {
    static const char back[] =
        "for _, entry in ipairs(redis.call('XRANGE', 'jobs:q:all', '-', '+')) do "
        "redis.call('XDEL', 'jobs:q:all', entry[1]) "
        "redis.call('XADD', 'jobs:q:all', '*', 'i', entry[2][2] .. entry[2][4]) end return 1";
    struct rig rig;
    rig_start(&rig);
    (void)ended(&rig, JOB_EV_SUCCEED, 1000);
    struct job_id kept = rig_submit_plain(&rig, "q", "t");
    EXPECT_EQ_INT(1, REDIS_DO(rig_server(), "EVAL", back, "0"));
    const struct store_list *list = rig_list(&rig, rig_filter(), 10, NULL);
    EXPECT_EQ_UINT(2, list->count);
    EXPECT_TRUE(list->count > 0 && id_equal(&kept, &list->jobs[0].spec.id));
    rig.now += 1001;
    EXPECT_EQ_UINT(1, sweep(&rig));
    EXPECT_EQ_INT(1, rig_redis("XLEN jobs:q:all"));
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

// One go of the sweeper holds the server up for a few hundred jobs of the index, however many there were.
static void test_index_in_parts(void) {
    enum { ENTRIES = 60, IDS = 100, CHILDREN = 250 };
    struct rig rig;
    char ids[IDS * 16 + 1];
    rig_start(&rig);
    (void)rig_submit_plain(&rig, "q", "t");
    memset(ids, 'x', sizeof ids - 1);
    ids[sizeof ids - 1] = '\0';
    for (int i = 0; i < ENTRIES; i++) {
        EXPECT_TRUE(*rig_redis_text("XADD jobs:q:all * i %s", ids) != '\0');
    }
    struct store_sweep once = {.limit = 1000};
    EXPECT_EQ_INT(0, rig_run(&rig, &once.op, STORE_SWEEP));
    EXPECT_TRUE(once.more);
    EXPECT_TRUE(rig_redis("XLEN jobs:q:all") >= ENTRIES - 10);
    store_op_finish(&once.op);
    (void)sweep(&rig);
    EXPECT_EQ_INT(1, rig_redis("XLEN jobs:q:all"));
    struct job_spec children[CHILDREN];
    for (size_t i = 0; i < CHILDREN; i++) {
        children[i] = rig_spec(&rig, "q", "kid");
    }
    struct store_commit_item item = rig_item(rig_claim_one(&rig, "q", "t"), JOB_EV_NONE);
    item.children = children;
    item.child_count = CHILDREN;
    EXPECT_EQ_INT(0, rig_commit(&rig, &item));
    EXPECT_EQ_INT(1 + 3, rig_redis("XLEN jobs:q:all"));
    EXPECT_EQ_UINT(1 + CHILDREN, rig_list(&rig, rig_filter(), 1000, NULL)->count);
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

CASES(changes_shared, ON_SHARED, {"commits of a job behind one another", test_in_flight},
      {"a commit behind one that is refused", test_in_flight_refused},
      {"a commit that another boot repeats", test_repeated_by_another_boot},
      {"two hosts move the same jobs", test_moves_meet},
      {"moves and removals by the hundred", test_many_moves},
      {"a parcel that is brought twice", test_brought_twice},
      {"jobs that are in no list are told of", test_astray},
      {"parcels that cannot be read", test_odd_parcels},
      {"many parcels that cannot be read", test_many_odd_parcels},
      {"jobs that Redis deleted by itself", test_gone_by_themselves},
      {"the index of all jobs is swept", test_index_swept},
      {"the index of all jobs has heads", test_index_heads},
      {"an index of whole ids", test_index_of_whole_ids},
      {"the index of all jobs is swept in parts", test_index_in_parts});
