/* The store is killed, or fails, at each of its fault points in turn; what happens next must not
 * show it.
 *
 * A child process plays a fixed scenario and notes every operation that was answered. Then the
 * scenario is played to its end without faults, by the same rules as a host has: undecided
 * operations are posted again, what was done is not done again. At the end every job has run to its
 * end once as far as the store can tell: each commit is counted once, each child is there once.
 *
 *     store_crash                     every row of the table below
 *     store_crash --child DIR PLAY    one play, with JOBHOST_FAULT in force */
#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rig.h"
#include "store/limits.h"
#include "store/schedules.h"

enum { JOBS = 24, BIG_JOBS = 30, BIG_PAYLOAD = 600000, TRIES = 6 };

enum { PLAY_BIG = 1 };

struct play {
    struct rig rig;
    int flags;
    int jobs;
    struct job_id ids[BIG_JOBS], kids[BIG_JOBS];
    struct env_clock_file clock;
    int notes; /* descriptor, -1 = none */
    char *big;
};

static void note(const struct play *p, char what, int i) {
    char line[16];
    int n = snprintf(line, sizeof line, "%c %d\n", what, i);
    if (p->notes >= 0 && write(p->notes, line, (size_t)n) != n) {
        abort();
    }
}

// Posts until the store has decided. Between two tries a second passes, so that a store that went
// read-only tries again.
static int insist(struct play *p, struct store_op *op, enum store_op_kind kind) {
    int r = 0;
    for (int i = 0; i < TRIES; i++) {
        r = rig_run(&p->rig, op, kind);
        if (r != -EIO && r != -EROFS && r != -ETIMEDOUT) {
            break;
        }
        rig_advance(&p->clock, 1000);
        p->rig.now += 1000;
    }
    if (r < 0) {
        (void)fprintf(stderr, "operation %d: %s\n", (int)kind, op->err.msg);
    }
    (void)EXPECT_EQ_INT(0, r);
    return r;
}

// Every fourth job is one of a schedule, and waits for the one before it.
static bool is_scheduled(int i) {
    return i % 4 == 1;
}

static void store_schedule(struct play *p) {
    struct store_schedule_put_item item = {
        .id = "s", .queue = "q", .revision = "r", .definition = "{}"};
    struct store_schedule_put put = {.items = &item, .count = 1};
    (void)insist(p, &put.op, STORE_SCHEDULE_PUT);
    (void)EXPECT_EQ_INT(0, item.status);
    store_op_finish(&put.op);
}

static void fire(struct play *p, int i, const struct job_spec *spec) {
    char key[16];
    (void)snprintf(key, sizeof key, "%d", i);
    struct store_fire_item item = {.schedule = "s",
                                   .queue = "q",
                                   .row = {.revision = "r",
                                           .key = key,
                                           .verdict = SCHEDULE_QUEUED,
                                           .count = 1,
                                           .nominal_ms = i,
                                           .last_ms = i,
                                           .actual_ms = i},
                                   .spec = spec,
                                   .unfinished_max = -1};
    struct store_fire fire = {.items = &item, .count = 1};
    (void)insist(p, &fire.op, STORE_FIRE);
    (void)EXPECT_TRUE(item.status == 0 || item.status == -EEXIST);
    (void)EXPECT_TRUE(id_equal(&spec->id, &item.job));
    store_op_finish(&fire.op);
}

static void check_schedule(struct play *p) {
    struct store_schedule_list list = {.id = "s"};
    if (EXPECT_EQ_INT(0, rig_run(&p->rig, &list.op, STORE_SCHEDULE_LIST))) {
        (void)EXPECT_EQ_UINT(0, list.schedules[0].running);
        (void)EXPECT_EQ_UINT(0, list.schedules[0].waiting);
        (void)EXPECT_EQ_UINT((unsigned)(p->jobs + 2) / 4, list.schedules[0].times[SCHEDULE_QUEUED]);
    }
    store_op_finish(&list.op);
}

// Every job calls somebody who allows as many calls as there are jobs: each counts once.
static void take_slot(struct play *p, int i) {
    struct store_limiter_item item = {
        .verb = STORE_LIMITER_TAKE,
        .name = "api",
        .rules = {.concurrency = p->jobs, .lease_ms = LIMITER_LEASE_MAX_MS},
        .id = (uint64_t)i + 1,
        .n = 1};
    struct store_limiter op = {.items = &item, .count = 1};
    (void)insist(p, &op.op, STORE_LIMITER);
    (void)EXPECT_EQ_INT(LIMITER_GRANTED, item.answer.verdict);
    store_op_finish(&op.op);
}

static void check_slots(struct play *p) {
    struct store_limiter_list list = {.max = 1};
    if (EXPECT_EQ_INT(0, rig_run(&p->rig, &list.op, STORE_LIMITER_LIST)) &&
        EXPECT_EQ_UINT(1, list.count)) {
        (void)EXPECT_EQ_UINT(p->jobs, list.limiters[0].state.held_count);
    }
    store_op_finish(&list.op);
}

static void submit(struct play *p, int i) {
    struct job_spec spec = {.id = p->ids[i],
                            .queue = "q",
                            .type = "t",
                            .payload = bytes_of("small"),
                            .max_attempts = 3};
    struct job_file file = {.name = "f"};
    if ((p->flags & PLAY_BIG) != 0) {
        spec.payload = (struct bytes){p->big, BIG_PAYLOAD};
    }
    if (i == 0) {
        struct store_blob_put put = {.data = bytes_of("an input file"), .fd = -1};
        (void)insist(p, &put.op, STORE_BLOB_PUT);
        file.blob = put.ref;
        spec.files = &file;
        spec.file_count = 1;
        store_op_finish(&put.op);
    }
    if (is_scheduled(i)) {
        spec.schedule = "s";
        fire(p, i, &spec);
        note(p, 's', i);
        return;
    }
    struct store_submit_item item = {.spec = &spec};
    struct store_submit s = {.items = &item, .count = 1};
    (void)insist(p, &s.op, STORE_SUBMIT);
    (void)EXPECT_EQ_INT(0, item.status);
    (void)EXPECT_TRUE(item.verdict == SUBMIT_NEW || item.verdict == SUBMIT_REPEATED);
    store_op_finish(&s.op);
    note(p, 's', i);
}

static bool has_outputs(int i) {
    return i % 3 == 0;
}

// Every third job puts a file before each of its commits; both of its runs put the same.
static void put_output(struct play *p, int i, const char *name, struct store_output *ret) {
    char text[64];
    (void)snprintf(text, sizeof text, "%s of job %d", name, i);
    struct store_blob_put put = {.data = bytes_of(text), .fd = -1};
    (void)insist(p, &put.op, STORE_BLOB_PUT);
    *ret = (struct store_output){name, "text/plain", put.ref};
    store_op_finish(&put.op);
}

static int index_of(const struct play *p, const struct job_id *id) {
    for (int i = 0; i < p->jobs; i++) {
        if (id_equal(&p->ids[i], id)) {
            return i;
        }
    }
    abort();
}

static void commit(struct play *p, struct store_commit_item *item) {
    struct store_kv_write count = {STORE_KV_ADD, "commits", {NULL, 0}, 1};
    struct store_commit c = {.items = item, .count = 1};
    item->kv_namespace = "p";
    item->kv = &count;
    item->kv_count = 1;
    (void)insist(p, &c.op, STORE_COMMIT);
    (void)EXPECT_EQ_INT(0, item->status);
    store_op_finish(&c.op);
}

// What a handler does: a step in the middle unless it is there already, a child at the end.
static void run_job(struct play *p, const struct store_claimed *job) {
    int i = index_of(p, &job->spec.id);
    uint32_t commit_no = job->commit_no;
    struct store_output output;
    struct store_start_item began = {
        .id = job->spec.id, .token = job->token, .started_ms = p->rig.now, .pid = 1, .build = "b"};
    struct store_start start = {.items = &began, .count = 1};
    (void)insist(p, &start.op, STORE_START);
    (void)EXPECT_EQ_INT(0, began.status);
    store_op_finish(&start.op);
    take_slot(p, i);
    if (commit_no == 0) {
        struct store_step step = {"middle", bytes_of("done")};
        struct store_commit_item item = rig_item(job, JOB_EV_NONE);
        item.counters = job->counters;
        item.steps = &step;
        item.step_count = 1;
        if (has_outputs(i)) {
            put_output(p, i, "middle.txt", &output);
            item.outputs = &output;
            item.output_count = 1;
        }
        commit(p, &item);
        commit_no++;
        note(p, 'm', i);
    }
    struct job_spec kid = {
        .id = p->kids[i], .queue = i % 2 == 0 ? "q" : "far", .type = "kid", .parent = job->spec.id};
    struct store_commit_item item = rig_item(job, JOB_EV_SUCCEED);
    item.commit_no = commit_no + 1;
    item.children = &kid;
    item.child_count = 1;
    if (has_outputs(i)) {
        put_output(p, i, "end.txt", &output);
        item.outputs = &output;
        item.output_count = 1;
    }
    commit(p, &item);
    note(p, 'c', i);
}

static size_t claim_some(struct play *p, uint32_t limit) {
    struct store_claim_want want = {.lane = {"q", "t"}, .limit = limit};
    struct store_claim claim = {.wants = &want, .want_count = 1, .host_nonce = p->rig.nonce};
    (void)insist(p, &claim.op, STORE_CLAIM);
    for (size_t i = 0; i < claim.job_count; i++) {
        run_job(p, &claim.jobs[i]);
    }
    store_op_finish(&claim.op);
    return claim.job_count;
}

static void recover(struct play *p) {
    for (bool more = true; more;) {
        struct store_recover rec = {.host_nonce = p->rig.nonce, .limit = 2};
        (void)insist(p, &rec.op, STORE_RECOVER);
        more = rec.more;
        store_op_finish(&rec.op);
    }
}

static void forward(struct play *p) {
    for (bool more = true; more;) {
        struct store_forward f = {.limit = 3};
        (void)insist(p, &f.op, STORE_FORWARD);
        more = f.more;
        store_op_finish(&f.op);
    }
}

static void play(struct play *p) {
    recover(p);
    store_schedule(p);
    for (int i = 0; i < p->jobs; i++) {
        submit(p, i);
        if (i % 6 == 5) {
            (void)claim_some(p, 4);
        }
        if (i % 8 == 7) {
            forward(p);
        }
    }
    while (claim_some(p, 5) > 0) {
    }
    forward(p);
}

static void play_init(struct play *p, int flags, const char *dir) {
    struct id_gen gen;
    memset(p, 0, sizeof *p);
    rig_init(&p->rig);
    if (dir != NULL) { // somebody else's directory
        (void)rmdir(p->rig.dir);
        (void)snprintf(p->rig.dir, sizeof p->rig.dir, "%s", dir);
        (void)snprintf(p->rig.db, sizeof p->rig.db, "%s/jobs.db", dir);
        (void)snprintf(p->rig.url, sizeof p->rig.url, "sqlite:%s", p->rig.db);
        (void)snprintf(p->rig.blobs, sizeof p->rig.blobs, "%s/blobs", dir);
    }
    p->rig.nonce = (uint64_t)getpid() + (dir == NULL ? 1 : 0);
    p->flags = flags;
    p->jobs = (flags & PLAY_BIG) != 0 ? BIG_JOBS : JOBS;
    p->notes = -1;
    p->big = calloc(1, BIG_PAYLOAD);
    p->rig.env.clock = &p->clock;
    id_gen_init(&gen, 99); // the same ids in every process
    for (int i = 0; i < BIG_JOBS; i++) {
        p->ids[i] = id_next(&gen, 1700000000000);
        p->kids[i] = id_next(&gen, 1700000000000);
    }
}

static const char *child_dir;
static int child_flags;

static void test_play(void) {
    static struct play p;
    char notes[300];
    play_init(&p, child_flags, child_dir);
    (void)snprintf(notes, sizeof notes, "%s/notes", child_dir);
    FILE *f = fopen(notes, "a");
    if (EXPECT_TRUE(f != NULL) && EXPECT_EQ_INT(0, rig_open(&p.rig)) && f != NULL) {
        p.notes = fileno(f);
        play(&p);
        rig_close(&p.rig);
        (void)fclose(f);
    }
}

static int child_main(const char *dir, const char *flags, char **argv) {
    static const struct expect_test tests[] = {{"play", test_play}};
    char log[300];
    child_dir = dir;
    child_flags = (int)strtol(flags, NULL, 10);
    (void)snprintf(log, sizeof log, "%s/log", dir);
    if (freopen(log, "w", stdout) == NULL) {
        return EXIT_FAILURE;
    }
    return expect_run("play", tests, 1, 1, argv);
}

static const char *self;

static void show_log(const char *dir) {
    char path[300], line[300];
    (void)snprintf(path, sizeof path, "%s/log", dir);
    FILE *f = fopen(path, "r");
    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        (void)printf("      %s", line);
    }
    if (f != NULL) {
        (void)fclose(f);
    }
}

// The wait status of a child that plays in `dir` with that fault.
static int run_child(const char *dir, int flags, const char *fault) {
    char number[16];
    (void)snprintf(number, sizeof number, "%d", flags);
    pid_t pid = fork();
    if (pid == 0) {
        (void)setenv("JOBHOST_FAULT", fault, 1);
        (void)execl(self, self, "--child", dir, number, (char *)NULL);
        _exit(127);
    }
    int status = -1;
    (void)waitpid(pid, &status, 0);
    return status;
}

// What was answered before the end is still there.
static void check_notes(struct play *p) {
    char path[300], line[32];
    (void)snprintf(path, sizeof path, "%s/notes", p->rig.dir);
    FILE *f = fopen(path, "r");
    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        long i = strtol(line + 1, NULL, 10);
        const struct store_job *job = rig_get(&p->rig, &p->ids[i]);
        if (!EXPECT_TRUE(job != NULL) || job == NULL) {
            continue;
        }
        (void)EXPECT_TRUE(line[0] != 'm' || job->commit_no >= 1);
        (void)EXPECT_TRUE(line[0] != 'c' || job->state == JOB_SUCCEEDED);
    }
    if (f != NULL) {
        (void)fclose(f);
    }
}

// Each commit's output once, whole, and held.
static void check_outputs(struct play *p, int i) {
    static const char *const names[] = {"end.txt", "middle.txt"};
    const struct store_job *job = rig_get(&p->rig, &p->ids[i]);
    if (!EXPECT_EQ_UINT(has_outputs(i) ? 2 : 0, job->outputs_listed)) {
        return;
    }
    for (size_t n = 0; n < job->outputs_listed; n++) {
        struct store_output_get get = {.id = p->ids[i], .name = names[n]};
        char want[64], got[64] = "";
        (void)snprintf(want, sizeof want, "%s of job %d", names[n], i);
        (void)EXPECT_EQ_STR(names[n], job->outputs[n].name);
        if (EXPECT_EQ_INT(0, rig_run(&p->rig, &get.op, STORE_OUTPUT_GET))) {
            (void)EXPECT_EQ_INT((long long)strlen(want), read(get.fd, got, sizeof got - 1));
            (void)close(get.fd);
        }
        (void)EXPECT_EQ_STR(want, got);
        store_op_finish(&get.op);
    }
}

static void check_end(struct play *p) {
    struct store_kv_get get = {.kv_namespace = "p", .key = "commits", .what = STORE_KV_COUNTER};
    (void)EXPECT_EQ_INT(0, rig_run(&p->rig, &get.op, STORE_KV_GET));
    (void)EXPECT_EQ_INT(2 * p->jobs, get.number); // each commit counted once
    store_op_finish(&get.op);
    for (int i = 0; i < p->jobs; i++) {
        (void)EXPECT_EQ_INT(JOB_SUCCEEDED, rig_state(&p->rig, &p->ids[i]));
        (void)EXPECT_EQ_INT(JOB_QUEUED, rig_state(&p->rig, &p->kids[i]));
        check_outputs(p, i);
    }
    check_schedule(p);
    check_slots(p);
    struct store_filter f = rig_filter();
    f.type = "kid";
    (void)EXPECT_EQ_UINT(p->jobs, rig_list(&p->rig, f, 1000, NULL)->count);
    (void)EXPECT_EQ_INT(0, rig_stats(&p->rig)->outbox);
    rig_expect_sound(&p->rig);
}

static const struct {
    const char *point;
    int flags;
    int passages[6]; /* 0 ends */
} rows[] = {
    {"store_before_commit", 0, {1, 2, 7, 19, 40}}, {"store_sync", 0, {1, 2, 7, 19, 40}},
    {"store_after_commit", 0, {1, 2, 7, 19, 40}},  {"store_forward", 0, {1, 2, 5}},
    {"store_checkpoint", PLAY_BIG, {1}},           {"blob_before_rename", 0, {1, 2, 5}},
    {"blob_after_rename", 0, {1, 2, 5}},
};

// As fsck will see it when no file can be on its way any more.
static void check_files(struct play *p) {
    const int64_t later = INT64_C(3650) * 86400000;
    p->rig.now += later;
    rig_expect_sound(&p->rig);
    p->rig.now -= later;
}

static void finish_and_check(struct play *p) {
    if (EXPECT_EQ_INT(0, rig_open(&p->rig))) {
        check_notes(p);
        check_files(p);
        play(p);
        check_end(p);
    }
    rig_finish(&p->rig);
    free(p->big);
}

static void test_mode(const char *mode) {
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        for (const int *n = rows[i].passages; *n != 0; n++) {
            static struct play p;
            char fault[64];
            play_init(&p, rows[i].flags, NULL);
            (void)snprintf(fault, sizeof fault, "%s:%d=%s", rows[i].point, *n, mode);
            int status = run_child(p.rig.dir, rows[i].flags, fault);
            bool as_planned = strcmp(mode, "kill") == 0
                                  ? WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL
                                  : WIFEXITED(status) && WEXITSTATUS(status) == 0;
            if (!EXPECT_TRUE(as_planned)) {
                (void)printf("    %s: wait status %d\n", fault, status);
                show_log(p.rig.dir);
            }
            finish_and_check(&p);
        }
    }
}

static void test_kill(void) {
    test_mode("kill");
}

static void test_error(void) {
    test_mode("error");
}

// Killed while it runs jobs, and again while the next host takes them over.
static void test_recover(void) {
    static struct play p;
    for (int n = 1; n <= 2; n++) {
        char fault[64];
        play_init(&p, 0, NULL);
        int status = run_child(p.rig.dir, 0, "store_after_commit:11=kill");
        (void)EXPECT_TRUE(WIFSIGNALED(status));
        (void)snprintf(fault, sizeof fault, "recover:1=%s", n == 1 ? "kill" : "error");
        status = run_child(p.rig.dir, 0, fault);
        (void)EXPECT_TRUE(n == 1 ? WIFSIGNALED(status) : WIFEXITED(status));
        finish_and_check(&p);
    }
}

int main(int argc, char **argv) {
    static const struct expect_test tests[] = {{"killed at every fault point", test_kill},
                                               {"an error at every fault point", test_error},
                                               {"killed again while taking over", test_recover}};
    self = argv[0];
    if (argc == 4 && strcmp(argv[1], "--child") == 0) {
        return child_main(argv[2], argv[3], argv);
    }
    return expect_run("store crashes", tests, ARRAY_LEN(tests), argc, argv);
}
