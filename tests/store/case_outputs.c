/* Output files: they come with a commit, are replaced by name, and hold their blobs. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "cases.h"

enum { HOUR_MS = 3600000 };

static struct blob_ref put(struct rig *rig, const char *text) {
    struct store_blob_put p = {.data = bytes_of(text), .fd = -1};
    EXPECT_EQ_INT(0, rig_run(rig, &p.op, STORE_BLOB_PUT));
    store_op_finish(&p.op);
    return p.ref;
}

static bool exists(struct rig *rig, const struct blob_ref *ref) {
    struct store_blob_open o = {.ref = *ref};
    int r = rig_run(rig, &o.op, STORE_BLOB_OPEN);
    store_op_finish(&o.op);
    if (r == 0) {
        (void)close(o.fd);
    }
    return r == 0;
}

static size_t sweep(struct rig *rig) {
    struct store_sweep s = {.limit = 1000};
    EXPECT_EQ_INT(0, rig_run(rig, &s.op, STORE_SWEEP));
    store_op_finish(&s.op);
    return s.removed;
}

static int keep(struct rig *rig, const struct blob_ref *ref) {
    struct store_blob_keep k = {.blobs = ref, .count = 1};
    int r = rig_run(rig, &k.op, STORE_BLOB_KEEP);
    store_op_finish(&k.op);
    return r;
}

// The text of an output and its type, or the errno.
static int get(struct rig *rig, const struct job_id *id, const char *name, char text[32],
               const char **ret_type) {
    struct store_output_get *g = RIG_NEW(rig, store_output_get);
    g->id = *id;
    g->name = name;
    int r = rig_run(rig, &g->op, STORE_OUTPUT_GET);
    if (r == 0) {
        ssize_t n = read(g->fd, text, 31);
        EXPECT_EQ_INT((long long)g->blob.size, n);
        text[n < 0 ? 0 : n] = '\0';
        (void)close(g->fd);
        *ret_type = g->content_type;
    }
    return r;
}

static void expect_output(struct rig *rig, const struct job_id *id, const char *name,
                          const char *want, const char *want_type) {
    char text[32] = "";
    const char *type = NULL;
    EXPECT_EQ_INT(0, get(rig, id, name, text, &type));
    EXPECT_EQ_STR(want, text);
    EXPECT_EQ_STR(want_type, type);
}

static struct store_commit_item item_with(const struct store_claimed *job, enum job_event event,
                                          const struct store_output *outputs, size_t count) {
    struct store_commit_item item = rig_item(job, event);
    item.counters = job->counters;
    item.outputs = outputs;
    item.output_count = count;
    return item;
}

static void test_commit(void) {
    struct rig rig;
    char text[32];
    const char *type;
    rig_start(&rig);
    struct job_id id = rig_submit_plain(&rig, "q", "t");
    const struct store_claimed *got = rig_claim_one(&rig, "q", "t");
    EXPECT_EQ_UINT(0, got->output_count);
    const struct store_output first[] = {
        {"report.html", "text/html", put(&rig, "<p>one")},
        {"Umsätze – Juli.csv", NULL, put(&rig, "a;b")},
        {"empty", "text/plain", put(&rig, "")},
        {"report.html", "text/html", put(&rig, "<p>two")}, // the last one of a name holds
    };
    struct store_commit_item item = item_with(got, JOB_EV_NONE, first, 4);
    EXPECT_EQ_INT(0, rig_commit(&rig, &item));
    EXPECT_EQ_INT(0, rig_commit(&rig, &item)); // the answer was lost: the same again
    expect_output(&rig, &id, "report.html", "<p>two", "text/html");
    expect_output(&rig, &id, "Umsätze – Juli.csv", "a;b", NULL);
    expect_output(&rig, &id, "empty", "", "text/plain");
    EXPECT_EQ_INT(-ENOENT, get(&rig, &id, "Report.html", text, &type));
    EXPECT_EQ_INT(-ENOENT, get(&rig, &(struct job_id){{1}}, "empty", text, &type));
    const struct store_job *job = rig_get(&rig, &id);
    EXPECT_EQ_UINT(3, job->output_count);
    EXPECT_EQ_UINT(9, job->output_bytes);
    EXPECT_EQ_UINT(3, job->outputs_listed);
    EXPECT_EQ_STR("Umsätze – Juli.csv", job->outputs[0].name); // in the order of bytes
    EXPECT_EQ_STR("empty", job->outputs[1].name);
    EXPECT_EQ_STR("report.html", job->outputs[2].name);
    EXPECT_EQ_UINT(6, job->outputs[2].blob.size);
    EXPECT_EQ_BYTES(first[3].blob.sha256, 32, job->outputs[2].blob.sha256, 32);
    EXPECT_EQ_UINT(3, rig_list(&rig, rig_filter(), 10, NULL)->jobs[0].output_count);
    rig_expect_sound(&rig);

    // a later commit replaces one, and the end of the job leaves them
    const struct store_output second = {"empty", NULL, put(&rig, "not any more")};
    item = item_with(got, JOB_EV_SUCCEED, &second, 1);
    item.commit_no = 2;
    EXPECT_EQ_INT(0, rig_commit(&rig, &item));
    EXPECT_EQ_INT(0, rig_commit(&rig, &item));
    expect_output(&rig, &id, "empty", "not any more", NULL);
    EXPECT_EQ_UINT(3, rig_get(&rig, &id)->output_count);
    EXPECT_EQ_UINT(21, rig_get(&rig, &id)->output_bytes);
    rig_expect_sound(&rig);
    EXPECT_EQ_INT(0, rig_reopen(&rig));
    expect_output(&rig, &id, "report.html", "<p>two", "text/html");
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

static void test_fence(void) {
    struct rig rig;
    struct blob_ref gone = {.size = 3};
    rig_start(&rig);
    struct job_id id = rig_submit_plain(&rig, "q", "t");
    const struct store_claimed *got = rig_claim_one(&rig, "q", "t");
    struct store_output outputs[] = {{"a", NULL, put(&rig, "a")}, {"b", NULL, gone}};
    struct store_commit_item item = item_with(got, JOB_EV_NONE, outputs, 2);
    EXPECT_EQ_INT(-ENOENT, rig_commit(&rig, &item)); // one blob is missing: none of it
    EXPECT_EQ_UINT(0, rig_get(&rig, &id)->output_count);
    item.output_count = 1;
    item.token--;
    EXPECT_EQ_INT(-ESTALE, rig_commit(&rig, &item));
    EXPECT_EQ_UINT(0, rig_get(&rig, &id)->output_count);
    item.token++;
    EXPECT_EQ_INT(0, rig_commit(&rig, &item));
    rig_expect_sound(&rig);

    // the next attempt knows what there is, and so does one after a restart
    struct store_commit_item retry = rig_item(got, JOB_EV_RETRY);
    retry.commit_no = 2;
    EXPECT_EQ_INT(0, rig_commit(&rig, &retry));
    got = rig_claim_one(&rig, "q", "t");
    EXPECT_EQ_UINT(1, got->output_count);
    EXPECT_EQ_STR("a", got->outputs[0]);
    EXPECT_EQ_INT(0, rig_reopen(&rig));
    (void)rig_recover(&rig);
    got = rig_claim_one(&rig, "q", "t");
    EXPECT_EQ_UINT(1, got->output_count);
    EXPECT_EQ_STR("a", got->outputs[0]);
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

static void test_blobs(void) {
    struct rig rig;
    rig_start(&rig);
    struct job_id id = rig_submit_plain(&rig, "q", "t");
    const struct store_claimed *got = rig_claim_one(&rig, "q", "t");
    struct blob_ref one = put(&rig, "one"), two = put(&rig, "two"), shared = put(&rig, "shared");
    const struct store_output first[] = {
        {"x", NULL, one}, {"y", NULL, shared}, {"z", NULL, shared}, {"same", NULL, two}};
    struct store_commit_item item = item_with(got, JOB_EV_NONE, first, 4);
    EXPECT_EQ_INT(0, rig_commit(&rig, &item));
    rig.now += HOUR_MS;
    EXPECT_EQ_UINT(0, sweep(&rig)); // all are named
    const struct store_output second[] = {
        {"x", NULL, two}, {"y", NULL, two}, {"same", "text/plain", two}};
    item = item_with(got, JOB_EV_SUCCEED, second, 3);
    item.commit_no = 2;
    EXPECT_EQ_INT(0, rig_commit(&rig, &item));
    rig_expect_sound(&rig);
    rig.now += HOUR_MS;
    EXPECT_EQ_UINT(1, sweep(&rig));
    EXPECT_FALSE(exists(&rig, &one)); // replaced
    EXPECT_TRUE(exists(&rig, &shared));
    EXPECT_TRUE(exists(&rig, &two));
    struct store_remove rm = {.ids = &id, .status = &(int){-1}, .count = 1};
    EXPECT_EQ_INT(0, rig_run(&rig, &rm.op, STORE_REMOVE));
    EXPECT_EQ_INT(0, rm.status[0]);
    store_op_finish(&rm.op);
    rig_expect_sound(&rig);
    rig.now += HOUR_MS;
    EXPECT_EQ_UINT(2, sweep(&rig));
    EXPECT_FALSE(exists(&rig, &shared));
    EXPECT_FALSE(exists(&rig, &two));
    EXPECT_EQ_UINT(0, rig_stats(&rig)->bytes[BUDGET_BLOBS]);
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

static void test_retention(void) {
    struct rig rig;
    rig_start(&rig);
    struct job_id id = rig_submit_plain(&rig, "q", "t");
    struct store_output output = {"o", NULL, put(&rig, "kept as long as the job")};
    struct store_commit_item item =
        item_with(rig_claim_one(&rig, "q", "t"), JOB_EV_DIE, &output, 1);
    item.keep_ms = 10;
    EXPECT_EQ_INT(0, rig_commit(&rig, &item));
    rig.now += 9;
    EXPECT_EQ_UINT(0, sweep(&rig));
    expect_output(&rig, &id, "o", "kept as long as the job", NULL);
    rig.now += 1;
    EXPECT_EQ_UINT(1, sweep(&rig));
    EXPECT_EQ_INT(-1, rig_state(&rig, &id));
    rig.now += HOUR_MS;
    EXPECT_EQ_UINT(1, sweep(&rig));
    EXPECT_FALSE(exists(&rig, &output.blob));
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

// An attempt may take longer than the hour between a put and its commit.
static void test_keep(void) {
    struct rig rig;
    rig_start(&rig);
    struct blob_ref kept = put(&rig, "kept"), forgotten = put(&rig, "forgotten");
    rig.now += HOUR_MS - 1;
    EXPECT_EQ_INT(0, keep(&rig, &kept));
    EXPECT_EQ_INT(0, keep(&rig, &(struct blob_ref){.size = 1})); // not there: passed over
    rig.now += HOUR_MS - 1;
    EXPECT_EQ_UINT(1, sweep(&rig));
    EXPECT_TRUE(exists(&rig, &kept));
    EXPECT_FALSE(exists(&rig, &forgotten));
    rig.now += 1;
    EXPECT_EQ_UINT(1, sweep(&rig));
    EXPECT_FALSE(exists(&rig, &kept));

    struct job_id id = rig_submit_plain(&rig, "q", "t");
    struct store_output output = {"o", NULL, put(&rig, "named")};
    struct store_commit_item item =
        item_with(rig_claim_one(&rig, "q", "t"), JOB_EV_SUCCEED, &output, 1);
    EXPECT_EQ_INT(0, rig_commit(&rig, &item));
    EXPECT_EQ_INT(0, keep(&rig, &output.blob)); // what is named has no hour
    rig.now += 2 * HOUR_MS;
    EXPECT_EQ_UINT(0, sweep(&rig));
    expect_output(&rig, &id, "o", "named", NULL);
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

static void test_limit(void) {
    struct rig rig;
    rig_start(&rig);
    struct job_id id = rig_submit_plain(&rig, "q", "t");
    const struct store_claimed *got = rig_claim_one(&rig, "q", "t");
    struct blob_ref blob = put(&rig, "x");
    static struct store_output outputs[JOB_OUTPUTS_MAX + 1];
    static char names[JOB_OUTPUTS_MAX + 1][8];
    for (int i = 0; i <= JOB_OUTPUTS_MAX; i++) {
        (void)snprintf(names[i], sizeof names[i], "%04d", i);
        outputs[i] = (struct store_output){names[i], NULL, blob};
    }
    struct store_commit_item item = item_with(got, JOB_EV_NONE, outputs, JOB_OUTPUTS_MAX + 1);
    EXPECT_EQ_INT(-E2BIG, rig_commit(&rig, &item));
    item.output_count = JOB_OUTPUTS_MAX;
    EXPECT_EQ_INT(0, rig_commit(&rig, &item));
    item.commit_no = 2;
    item.outputs = &outputs[JOB_OUTPUTS_MAX];
    item.output_count = 1;
    EXPECT_EQ_INT(-E2BIG, rig_commit(&rig, &item));
    item.outputs = outputs; // those that replace others need no room
    item.output_count = JOB_OUTPUTS_MAX;
    EXPECT_EQ_INT(0, rig_commit(&rig, &item));
    const struct store_job *job = rig_get(&rig, &id);
    EXPECT_EQ_UINT(JOB_OUTPUTS_MAX, job->outputs_listed);
    EXPECT_EQ_STR("0999", job->outputs[999].name);
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

static void test_filenames(void) {
    struct rig rig;
    rig_start(&rig);
    struct blob_ref blob = put(&rig, "x");
    struct job_file files[] = {
        {"orders", "Juli – Umsätze.tsv", "text/plain", blob},
        {"orders", "August.tsv", NULL, blob},
        {"orders", NULL, "text/csv", blob},
        {"other", NULL, NULL, blob},
    };
    struct job_spec spec = rig_spec(&rig, "q", "t");
    spec.files = files;
    spec.file_count = ARRAY_LEN(files);
    EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(&rig, &spec));
    const struct job_file *got = rig_get(&rig, &spec.id)->spec.files;
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        EXPECT_EQ_STR(files[i].name, got[i].name);
        EXPECT_EQ_STR(files[i].filename, got[i].filename);
        EXPECT_EQ_STR(files[i].content_type, got[i].content_type);
        EXPECT_EQ_BYTES(blob.sha256, 32, got[i].blob.sha256, 32);
    }
    rig_finish(&rig);
}

CASES(outputs, ON_ALL, {"outputs come with their commit, once", test_commit},
      {"outputs of a commit that may not be", test_fence}, {"outputs hold their blobs", test_blobs},
      {"outputs go with their job", test_retention},
      {"a blob that is to be named later", test_keep}, {"as many outputs as a job has", test_limit},
      {"input files have two names", test_filenames});
