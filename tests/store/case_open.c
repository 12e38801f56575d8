/* Opening and closing: locks, versions, other people's files. */
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include "cases.h"
#include "store/sqlite/schema.h"

static void heard(void *arg, const struct store_lane *lane) {
    (void)arg;
    (void)lane;
}

static void heard_due(void *arg, int64_t due_ms) {
    (void)arg;
    (void)due_ms;
}

static void heard_health(void *arg, const struct err *why) {
    (void)arg;
    (void)why;
}

static int open_other(struct rig *rig, bool read_only, struct store *ret, struct err *e) {
    struct store_config config = rig->config;
    struct store_events events = {.ready = heard, .due = heard_due, .health = heard_health};
    config.read_only_ok = read_only;
    *e = (struct err){.code = 0};
    return store_open(&config, rig->base, NULL, &rig->env, &events, ret, e);
}

static void test_lock(void) {
    struct rig rig;
    struct store other = {NULL, NULL};
    struct err e;
    char pid[32];
    rig_start(&rig);
    (void)snprintf(pid, sizeof pid, "process %ld", (long)getpid());
    EXPECT_EQ_INT(-EBUSY, open_other(&rig, false, &other, &e));
    EXPECT_CONTAINS(pid, e.msg);
    rig_close(&rig);
    EXPECT_EQ_INT(0, open_other(&rig, false, &other, &e));
    store_close(&other);
    rig_finish(&rig);
}

static void test_lock_behind_link(void) {
    struct rig rig;
    struct store other = {NULL, NULL};
    struct err e;
    char link_path[300], link_url[320];
    rig_start(&rig);
    (void)snprintf(link_path, sizeof link_path, "%s/link.db", rig.dir);
    (void)snprintf(link_url, sizeof link_url, "sqlite:%s", link_path);
    EXPECT_EQ_INT(0, symlink(rig.db, link_path));
    rig.config.url = link_url;
    EXPECT_EQ_INT(-EBUSY, open_other(&rig, false, &other, &e));
    rig.config.url = rig.url;
    rig_finish(&rig);
}

static void test_read_only(void) {
    struct rig rig;
    struct err e;
    rig_start(&rig);
    struct job_id id = rig_submit_plain(&rig, "q", "t");
    struct store writer = rig.store;
    EXPECT_EQ_INT(0, open_other(&rig, true, &rig.store, &e)); // beside a host that has it
    EXPECT_EQ_INT(JOB_QUEUED, rig_state(&rig, &id));
    rig_expect_sound(&rig);
    EXPECT_EQ_INT(1, rig_stats(&rig)->queues[0].by_state[JOB_QUEUED]);
    struct job_spec spec = rig_spec(&rig, "q", "t");
    EXPECT_EQ_INT(-EROFS, rig_submit(&rig, &spec));
    struct store_fsck fsck = {.repair = true};
    EXPECT_EQ_INT(-EROFS, rig_run(&rig, &fsck.op, STORE_FSCK));
    struct store_blob_put put = {.data = bytes_of("x"), .fd = -1};
    EXPECT_EQ_INT(-EROFS, rig_run(&rig, &put.op, STORE_BLOB_PUT));
    store_op_finish(&fsck.op);
    store_op_finish(&put.op);
    store_close(&rig.store);
    rig.store = writer;
    EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(&rig, &spec));
    rig_close(&rig);
    EXPECT_EQ_INT(0, open_other(&rig, true, &rig.store, &e)); // alone
    EXPECT_EQ_INT(JOB_QUEUED, rig_state(&rig, &spec.id));
    store_close(&rig.store);
    rig_finish(&rig);
}

static void test_read_only_makes_no_files(void) {
    struct rig rig;
    struct err e;
    rig_start(&rig);
    rig_close(&rig);
    (void)unlink(rig.db);
    EXPECT_EQ_INT(-ENOENT, open_other(&rig, true, &rig.store, &e)); // it makes no files
    EXPECT_EQ_INT(-1, access(rig.db, F_OK));
    rig_finish(&rig);
}

static void test_newer(void) {
    struct rig rig;
    char text[64];
    struct err e;
    struct store other;
    rig_start(&rig);
    rig_close(&rig);
    (void)snprintf(text, sizeof text, "PRAGMA user_version=%d", SCHEMA_VERSION + 1);
    rig_sql(&rig, text);
    EXPECT_EQ_INT(-EPROTO, rig_open(&rig));
    EXPECT_CONTAINS("newer", rig.err.msg);
    EXPECT_EQ_INT(-EPROTO, open_other(&rig, true, &other, &e));
    rig_finish(&rig);
}

// Version 1 did not have the index of dedup keys by time, version 2 no outputs,
// version 3 no tombstones, version 4 no schedules, version 5 no limiters, version 7 no flows,
// version 8 no breakers, version 9 no events, version 10 no index of members that may be revived (it goes with its
// table), version 12 nothing that was accepted once, version 14 no tokens.
#define NO_SCHEDULES                                                                               \
    "DROP TABLE schedules; DROP TABLE ledger; DROP TABLE ledger_counts; DROP TABLE "               \
    "schedule_jobs; DROP TABLE limiters; DROP TABLE flows; DROP TABLE flow_ended; "                \
    "DROP TABLE breakers; DROP TABLE event_names; DROP TABLE events; DROP TABLE event_waits; "     \
    "DROP TABLE once; DROP TABLE tokens; ALTER TABLE audit DROP COLUMN origin; "                   \
    "ALTER TABLE audit DROP COLUMN outcome; "
static const char back_to_1[] =
    NO_SCHEDULES "DROP TABLE tombstones; DROP TABLE outputs; DROP INDEX dedup_expiry;"
                 " PRAGMA user_version=1";
static const char back_to_2[] =
    NO_SCHEDULES "DROP TABLE tombstones; DROP TABLE outputs; PRAGMA user_version=2";

static void test_migration(void) {
    struct rig rig;
    struct err e;
    struct store other;
    rig_start(&rig);
    struct job_spec spec = rig_spec(&rig, "q", "t");
    spec.dedup_key = "k";
    spec.dedup_ttl_ms = 10;
    EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(&rig, &spec));
    EXPECT_EQ_INT(0, rig_succeed(&rig, rig_claim_one(&rig, "q", "t")));
    rig_close(&rig);
    rig_sql(&rig, back_to_1);
    EXPECT_EQ_INT(-EPROTO, open_other(&rig, true, &other, &e)); // a reader does not migrate
    EXPECT_CONTAINS("older", e.msg);
    EXPECT_EQ_INT(0, rig_open(&rig));
    EXPECT_EQ_INT(JOB_SUCCEEDED, rig_state(&rig, &spec.id));
    rig.now += 10;
    struct store_sweep sweep = {.limit = 10};
    EXPECT_EQ_INT(0, rig_run(&rig, &sweep.op, STORE_SWEEP));
    EXPECT_EQ_UINT(1, sweep.removed);
    rig_expect_sound(&rig);
    rig_close(&rig);
    EXPECT_EQ_INT(0, open_other(&rig, true, &other, &e)); // now it is of this version
    store_close(&other);
    rig_finish(&rig);
}

// Jobs with files that were written before there were filenames, and one that runs on with outputs.
static void test_migration_files(void) {
    struct rig rig;
    rig_start(&rig);
    struct store_blob_put put = {.data = bytes_of("content"), .fd = -1};
    EXPECT_EQ_INT(0, rig_run(&rig, &put.op, STORE_BLOB_PUT));
    struct job_file files[] = {{"f", NULL, "text/plain", put.ref}, {"g", NULL, NULL, put.ref}};
    struct job_spec spec = rig_spec(&rig, "q", "t");
    spec.files = files;
    spec.file_count = 2;
    EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(&rig, &spec));
    rig_close(&rig);
    rig_sql(&rig, back_to_2);
    EXPECT_EQ_INT(0, rig_open(&rig));
    const struct store_claimed *got = rig_claim_one(&rig, "q", "t");
    EXPECT_EQ_UINT(2, got->spec.file_count);
    EXPECT_EQ_STR("text/plain", got->spec.files[0].content_type);
    EXPECT_NULL(got->spec.files[0].filename);
    EXPECT_NULL(got->spec.files[1].content_type);
    EXPECT_NULL(got->spec.files[1].filename);
    struct store_output output = {"o", NULL, put.ref};
    struct store_commit_item item = rig_item(got, JOB_EV_SUCCEED);
    item.outputs = &output;
    item.output_count = 1;
    EXPECT_EQ_INT(0, rig_commit(&rig, &item));
    EXPECT_EQ_UINT(1, rig_get(&rig, &spec.id)->outputs_listed);
    rig_expect_sound(&rig);
    store_op_finish(&put.op);
    rig_finish(&rig);
}

static void test_strangers(void) {
    struct rig rig;
    rig_init(&rig);
    rig_sql(&rig, "CREATE TABLE cats(name TEXT)");
    EXPECT_EQ_INT(-EPROTO, rig_open(&rig));
    EXPECT_CONTAINS("another program", rig.err.msg);
    int fd = open(rig.db, O_WRONLY | O_TRUNC);
    EXPECT_EQ_INT(
        64, write(fd, "this is not a database at all, it is a line of text, repeated.\n\n", 64));
    (void)close(fd);
    EXPECT_EQ_INT(-EBADMSG, rig_open(&rig));
    EXPECT_CONTAINS("not a database", rig.err.msg);
    static const char *const urls[] = {"mysql:x", "sqlite:", "", "faulty:nothing:x"};
    for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
        rig.config.url = urls[i];
        EXPECT_EQ_INT(-EINVAL, rig_open(&rig));
        EXPECT_TRUE(rig.err.msg[0] != '\0');
    }
    rig.config.url = "sqlite:/no/such/dir/jobs.db";
    EXPECT_EQ_INT(-ENOENT, rig_open(&rig));
    EXPECT_CONTAINS("/no/such/dir", rig.err.msg);
    rig.config.url = rig.url;
    rig.config.blob_dir = NULL;
    EXPECT_EQ_INT(-EINVAL, rig_open(&rig));
    rig_finish(&rig);
}

struct late {
    struct store_get first, get; // of a job that is not there
    struct rig *rig;
    bool done;
};

static void on_late(struct store_op *op) {
    struct late *late = op->arg;
    late->done = true;
    if (op == &late->first.op) { // posts while the store is being closed
        late->get.op.kind = STORE_GET;
        late->get.op.done = on_late;
        late->get.op.arg = late;
        late->done = false;
        store_post(&late->rig->store, &late->get.op);
    }
}

static void test_close(void) {
    struct rig rig;
    enum { OPS = 50 };
    static struct store_submit submits[OPS];
    static struct store_submit_item items[OPS];
    static struct job_spec specs[OPS];
    bool done[OPS];
    rig_start(&rig);
    for (int i = 0; i < OPS; i++) {
        specs[i] = rig_spec(&rig, "q", "t");
        items[i] = (struct store_submit_item){.spec = &specs[i]};
        submits[i] = (struct store_submit){.items = &items[i], .count = 1};
        rig_post(&rig, &submits[i].op, STORE_SUBMIT, &done[i]);
    }
    struct late late = {.rig = &rig};
    late.first.op = (struct store_op){.kind = STORE_GET, .done = on_late, .arg = &late};
    store_post(&rig.store, &late.first.op);
    rig_close(&rig);
    int64_t stored = 0;
    for (int i = 0; i < OPS; i++) {
        EXPECT_TRUE(done[i]);
        stored += submits[i].op.status == 0;
    }
    EXPECT_TRUE(stored == OPS || rig_is_shared()); // which does not wait for its server
    EXPECT_TRUE(late.done);
    EXPECT_EQ_INT(-ESHUTDOWN, late.get.op.status);
    store_op_finish(&late.first.op);
    EXPECT_EQ_INT(0, rig_open(&rig));
    const struct store_stats *stats = rig_stats(&rig);
    int64_t there = stats->queue_count == 0 ? 0 : stats->queues[0].by_state[JOB_QUEUED];
    EXPECT_TRUE(there >= stored);
    rig_finish(&rig);
}

// A check may take minutes on a large store; a host that is told to end does not wait for it.
static void test_close_while_checking(void) {
    struct rig rig;
    enum { BATCH = 4000, BATCHES = 15 };
    static struct store_submit_item items[BATCH];
    static struct job_spec specs[BATCH];
    bool done;
    rig_start(&rig);
    for (int b = 0; b < BATCHES; b++) {
        struct store_submit submit = {.items = items, .count = BATCH};
        for (size_t i = 0; i < BATCH; i++) {
            specs[i] = rig_spec(&rig, "q", "t");
            items[i] = (struct store_submit_item){.spec = &specs[i]};
        }
        EXPECT_EQ_INT(0, rig_run(&rig, &submit.op, STORE_SUBMIT));
        store_op_finish(&submit.op);
    }
    struct store_fsck fsck = {.repair = true};
    rig_post(&rig, &fsck.op, STORE_FSCK, &done);
    rig_close(&rig);
    EXPECT_TRUE(done);
    bool cut_off = rig_is_shared() ? fsck.op.status < 0 : fsck.op.status == -ETIMEDOUT;
    EXPECT_TRUE(cut_off || fsck.jobs_checked == BATCH * BATCHES);
    store_op_finish(&fsck.op);
    EXPECT_EQ_INT(0, rig_open(&rig));
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

CASES(open, ON_ALL, {"reading beside a host", test_read_only},
      {"closing answers everything", test_close},
      {"closing does not wait for a check", test_close_while_checking});
CASES(open_file, ON_FILE, {"one host at a time", test_lock},
      {"one host at a time, by whatever name", test_lock_behind_link},
      {"who reads makes no files", test_read_only_makes_no_files},
      {"a newer schema is refused", test_newer}, {"an older schema is migrated", test_migration},
      {"an older schema is migrated, with its files", test_migration_files},
      {"files and urls that are not ours", test_strangers});
