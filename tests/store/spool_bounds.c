/* What the spool does not take, what it does not deliver, and files of jobs. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "spool_rig.h"
#include "store/spool/spool_entry.h"

enum { AGE_MS = 60000 };

static uint64_t cost_of(struct spool_rig *r) {
    struct buf b = {.data = NULL};
    struct spool_entry entry = {.spooled_ms = r->rig.now, .spec = rig_spec(&r->rig, "q", "t")};
    spool_entry_pack(&b, &entry);
    uint64_t cost = spool_entry_cost(b.len);
    buf_free(&b);
    return cost;
}

// As many bytes as it may have, and one less than three jobs need.
static void test_full(void) {
    for (uint64_t less = 0; less < 2; less++) {
        static struct spool_rig r;
        spool_rig_init(&r, true);
        r.rig.config.spool_max_bytes = 3 * cost_of(&r) - less;
        spool_rig_open(&r);
        (void)spool_rig_submit(&r, "q", SUBMIT_SPOOLED);
        (void)spool_rig_submit(&r, "q", SUBMIT_SPOOLED);
        (void)spool_rig_submit(&r, "q", less == 0 ? SUBMIT_SPOOLED : -ENOSPC);
        (void)spool_rig_submit(&r, "q", -ENOSPC);
        struct store_backlog log = store_backlog(&r.rig.store);
        EXPECT_EQ_INT(less == 0 ? 3 : 2, log.waiting);
        EXPECT_TRUE(log.bytes <= log.max_bytes);
        spool_rig_up(&r);
        spool_rig_until(&r, 0);
        while (store_backlog(&r.rig.store).bytes > 0) { // it is swept
            (void)rig_turn(&r.rig, INT64_MAX);
        }
        spool_rig_down(&r);
        (void)spool_rig_submit(&r, "q", SUBMIT_SPOOLED); // there is room again
        spool_rig_finish(&r);
    }
}

/* ------------------------------------------------------------------ what is not delivered */

static char *read_all(const struct spool_rig *r, const char *name) {
    static char text[65536];
    char path[600];
    (void)snprintf(path, sizeof path, "%s/%s", r->rig.dir, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd == -1 ? 0 : read(fd, text, sizeof text - 1);
    if (fd != -1) {
        (void)close(fd);
    }
    text[n < 0 ? 0 : n] = '\0';
    return text;
}

static void expect_line(const struct spool_rig *r, const struct job_id *id, const char *reason) {
    char want[JOB_ID_TEXT + 40], text[JOB_ID_TEXT + 1];
    const char *line = read_all(r, "spool.db.undelivered.jsonl");
    id_format(id, text);
    (void)snprintf(want, sizeof want, "{\"id\":\"%s\",\"reason\":\"%s\"", text, reason);
    EXPECT_CONTAINS(want, line);
    EXPECT_TRUE(json_is_valid((struct bytes){line, strcspn(line, "\n")}));
}

// At its age it is still delivered; a millisecond later it is for people.
static void test_age(void) {
    for (int64_t over = 0; over < 2; over++) {
        static struct spool_rig r;
        spool_rig_init(&r, true);
        r.rig.config.spool_max_age_ms = AGE_MS;
        spool_rig_open(&r);
        struct job_id old = spool_rig_submit(&r, "q", SUBMIT_SPOOLED);
        spool_rig_advance(&r, AGE_MS + over);
        struct job_id young = spool_rig_submit(&r, "q", SUBMIT_SPOOLED);
        if (over > 0) { // also while the store is still away
            spool_rig_until(&r, 1);
            expect_line(&r, &old, "too_old");
        }
        spool_rig_up(&r);
        spool_rig_until(&r, 0);
        EXPECT_EQ_INT(over == 0 ? JOB_QUEUED : -1, spool_rig_state_in_main(&r, &old));
        EXPECT_EQ_INT(JOB_QUEUED, spool_rig_state_in_main(&r, &young));
        struct store_backlog log = store_backlog(&r.rig.store);
        EXPECT_EQ_UINT((uint64_t)over, log.undelivered);
        EXPECT_EQ_UINT((uint64_t)(2 - over), log.forwarded);
        spool_rig_finish(&r);
    }
}

// All of a submission is in its line, such that it can be submitted again.
static void test_line(void) {
    static struct spool_rig r;
    spool_rig_init(&r, true);
    r.rig.config.spool_max_age_ms = AGE_MS;
    spool_rig_open(&r);
    struct job_spec spec = rig_spec(&r.rig, "q", "t");
    spec.tenant = "ann \"x\"";
    spec.dedup_key = "k";
    spec.dedup_ttl_ms = 90000;
    spec.labels = "a,b";
    spec.deadline_ms = r.rig.now + 3600000;
    spec.retry = "{\"max\":3}";
    struct job_spec raw = rig_spec(&r.rig, "q", "t");
    raw.content_type = "text/plain";
    raw.payload = bytes_of("a\nb");
    EXPECT_EQ_INT(SUBMIT_SPOOLED, rig_submit(&r.rig, &spec));
    EXPECT_EQ_INT(SUBMIT_SPOOLED, rig_submit(&r.rig, &raw));
    spool_rig_advance(&r, AGE_MS + 1);
    spool_rig_up(&r);
    spool_rig_until(&r, 0);
    const char *text = read_all(&r, "spool.db.undelivered.jsonl");
    EXPECT_CONTAINS("\"job\":{\"type\":\"t\",\"queue\":\"q\",\"user\":\"ann \\\"x\\\"\","
                    "\"priority\":\"normal\",\"payload\":{\"n\":1},\"key\":\"k\","
                    "\"dedup\":{\"mode\":\"return\",\"ttl\":\"90s\"},\"max\":3,\"timeout\":\"5m\","
                    "\"deadline\":\"1h\",\"labels\":[\"a\",\"b\"],\"retry\":{\"max\":3}}}",
                    text);
    EXPECT_CONTAINS("\"content_type\":\"text/plain\",\"payload_hex\":\"610a62\"}", text);
    spool_rig_finish(&r);
}

/* ------------------------------------------------------------------ files */

static int put(struct spool_rig *r, const char *text, bool for_submit, struct blob_ref *ret) {
    struct store_blob_put op = {.data = bytes_of(text), .fd = -1, .for_submit = for_submit};
    int status = rig_run(&r->rig, &op.op, STORE_BLOB_PUT);
    store_op_finish(&op.op);
    *ret = op.ref;
    return status;
}

static int look(struct spool_rig *r, const struct blob_ref *ref) {
    struct store_blob_open op = {.ref = *ref};
    int status = rig_run(&r->rig, &op.op, STORE_BLOB_OPEN);
    if (status == 0) {
        (void)close(op.fd);
    }
    store_op_finish(&op.op);
    return status;
}

static struct job_spec with_file(struct spool_rig *r, struct job_file *file,
                                 const struct blob_ref *ref) {
    struct job_spec spec = rig_spec(&r->rig, "q", "t");
    *file = (struct job_file){.name = "f", .filename = "f.txt", .blob = *ref};
    spec.files = file;
    spec.file_count = 1;
    return spec;
}

// Files that came while the store was away go there before their job.
static void test_files(void) {
    static struct spool_rig r;
    struct job_file file;
    struct blob_ref ref, none;
    spool_rig_start(&r, true);
    EXPECT_EQ_INT(-ENOTCONN, put(&r, "an attempt's result", false, &none)); // its commit waits too
    EXPECT_EQ_INT(0, put(&r, "content", true, &ref));
    EXPECT_EQ_INT(0, look(&r, &ref));
    struct job_spec spec = with_file(&r, &file, &ref);
    EXPECT_EQ_INT(SUBMIT_SPOOLED, rig_submit(&r.rig, &spec));
    EXPECT_EQ_INT(0, rig_reopen(&r.rig));
    EXPECT_EQ_UINT(1, rig_get(&r.rig, &spec.id)->spec.file_count);
    EXPECT_EQ_INT(0, look(&r, &ref));
    spool_rig_up(&r);
    spool_rig_until(&r, 0);
    struct store_job job = spool_rig_in_main(&r, &spec.id);
    EXPECT_EQ_INT(JOB_QUEUED, job.state);
    EXPECT_EQ_STR("f.txt", job.spec.files[0].filename);
    EXPECT_EQ_INT(0, look(&r, &ref));
    rig_expect_sound(&r.rig);
    spool_rig_finish(&r);
}

// It came while the store was away, and is named when it is back.
static void test_file_before(void) {
    static struct spool_rig r;
    struct job_file file;
    struct blob_ref ref;
    spool_rig_start(&r, true);
    EXPECT_EQ_INT(0, put(&r, "content", true, &ref));
    spool_rig_up(&r);
    EXPECT_EQ_INT(0, look(&r, &ref));
    struct job_spec spec = with_file(&r, &file, &ref);
    EXPECT_EQ_INT(SUBMIT_SPOOLED, rig_submit(&r.rig, &spec));
    spool_rig_until(&r, 0);
    EXPECT_EQ_INT(JOB_QUEUED, spool_rig_state_in_main(&r, &spec.id));
    spool_rig_finish(&r);
}

// Content that only main had, and has not any more: nobody can deliver that job.
static void test_file_gone(void) {
    static struct spool_rig r;
    struct job_file file;
    struct blob_ref ref = {.size = 7};
    spool_rig_start(&r, true);
    struct job_spec spec = with_file(&r, &file, &ref);
    EXPECT_EQ_INT(SUBMIT_SPOOLED, rig_submit(&r.rig, &spec));
    struct job_id next = spool_rig_submit(&r, "q", SUBMIT_SPOOLED);
    spool_rig_up(&r);
    spool_rig_until(&r, 0);
    EXPECT_EQ_INT(-1, spool_rig_state_in_main(&r, &spec.id));
    EXPECT_EQ_INT(JOB_QUEUED, spool_rig_state_in_main(&r, &next));
    expect_line(&r, &spec.id, "refused");
    spool_rig_finish(&r);
}

static const char *name_of(const struct blob_ref *ref) {
    static char name[120];
    int n = snprintf(name, sizeof name, "spool.db.undelivered/");
    for (size_t i = 0; i < sizeof ref->sha256; i++) {
        n += snprintf(name + n, sizeof name - (size_t)n, "%02x", ref->sha256[i]);
    }
    return name;
}

// The file of a job that is too old is kept beside the line.
static void test_file_saved(void) {
    static struct spool_rig r;
    struct job_file file;
    struct blob_ref ref;
    spool_rig_init(&r, true);
    r.rig.config.spool_max_age_ms = AGE_MS;
    spool_rig_open(&r);
    EXPECT_EQ_INT(0, put(&r, "content", true, &ref));
    struct job_spec spec = with_file(&r, &file, &ref);
    EXPECT_EQ_INT(SUBMIT_SPOOLED, rig_submit(&r.rig, &spec));
    spool_rig_advance(&r, AGE_MS + 1);
    spool_rig_up(&r);
    spool_rig_until(&r, 0);
    expect_line(&r, &spec.id, "too_old");
    EXPECT_EQ_STR("content", read_all(&r, name_of(&ref)));
    spool_rig_finish(&r);
}

// Content counts like jobs.
static void test_files_full(void) {
    static struct spool_rig r;
    struct blob_ref ref;
    spool_rig_init(&r, true);
    r.rig.config.spool_max_bytes = 7 + cost_of(&r);
    spool_rig_open(&r);
    EXPECT_EQ_UINT(7 + cost_of(&r), store_blob_room(&r.rig.store));
    EXPECT_EQ_INT(0, put(&r, "content", true, &ref));
    EXPECT_EQ_UINT(cost_of(&r), store_blob_room(&r.rig.store));
    (void)spool_rig_submit(&r, "q", SUBMIT_SPOOLED);
    EXPECT_EQ_INT(-EAGAIN, put(&r, "x", true, &ref));
    (void)spool_rig_submit(&r, "q", -ENOSPC);
    spool_rig_finish(&r);
}

// A file that cannot be written keeps the entry where it is.
static void test_not_saved(void) {
    static struct spool_rig r;
    char path[600];
    spool_rig_init(&r, true);
    r.rig.config.spool_max_age_ms = AGE_MS;
    spool_rig_open(&r);
    (void)snprintf(path, sizeof path, "%s/spool.db.undelivered.jsonl", r.rig.dir);
    EXPECT_EQ_INT(0, symlink("nowhere/at/all", path));
    struct job_id id = spool_rig_submit(&r, "q", SUBMIT_SPOOLED);
    spool_rig_advance(&r, AGE_MS + 1);
    spool_rig_up(&r);
    for (int i = 0; i < 20; i++) {
        (void)rig_turn(&r.rig, INT64_MAX);
    }
    EXPECT_EQ_INT(1, spool_rig_waiting(&r));
    EXPECT_EQ_INT(-1, spool_rig_state_in_main(&r, &id));
    EXPECT_EQ_INT(0, unlink(path));
    spool_rig_until(&r, 0);
    expect_line(&r, &id, "too_old");
    spool_rig_finish(&r);
}

int main(int argc, char **argv) {
    static const struct expect_test tests[] = {
        {"as much as it may hold, and one byte less", test_full},
        {"as old as it may be, and a millisecond older", test_age},
        {"all of a submission is written for people", test_line},
        {"files go before their job", test_files},
        {"a file that is named when the store is back", test_file_before},
        {"a file that nobody has", test_file_gone},
        {"files of what is not delivered", test_file_saved},
        {"files count as much as jobs", test_files_full},
        {"what cannot be written for people stays", test_not_saved},
    };
    return expect_run("spool bounds", tests, ARRAY_LEN(tests), argc, argv);
}
