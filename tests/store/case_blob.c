/* Blobs: content as files, named by jobs. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "cases.h"

static int put(struct rig *rig, struct bytes data, uint64_t max, struct blob_ref *ret) {
    struct store_blob_put p = {.data = data, .fd = -1, .max_size = max};
    int r = rig_run(rig, &p.op, STORE_BLOB_PUT);
    *ret = p.ref;
    store_op_finish(&p.op);
    return r;
}

static int open_blob(struct rig *rig, const struct blob_ref *ref) {
    struct store_blob_open o = {.ref = *ref};
    int r = rig_run(rig, &o.op, STORE_BLOB_OPEN);
    store_op_finish(&o.op);
    return r < 0 ? r : o.fd;
}

static bool exists(struct rig *rig, const struct blob_ref *ref) {
    int fd = open_blob(rig, ref);
    if (fd >= 0) {
        (void)close(fd);
    }
    return fd >= 0;
}

static size_t sweep(struct rig *rig) {
    struct store_sweep s = {.limit = 1000};
    EXPECT_EQ_INT(0, rig_run(rig, &s.op, STORE_SWEEP));
    store_op_finish(&s.op);
    return s.removed;
}

static void test_put(void) {
    static const uint8_t abc[32] = {0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea,
                                    0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23,
                                    0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c,
                                    0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad};
    struct rig rig;
    struct blob_ref ref, again;
    char got[8];
    rig_start(&rig);
    EXPECT_EQ_INT(0, put(&rig, bytes_of("abc"), 3, &ref));
    EXPECT_EQ_BYTES(abc, 32, ref.sha256, 32);
    EXPECT_EQ_UINT(3, ref.size);
    EXPECT_EQ_INT(0, put(&rig, bytes_of("abc"), 0, &again)); // the same content is one file
    EXPECT_EQ_INT(-EFBIG, put(&rig, bytes_of("abcd"), 3, &again));
    int fd = open_blob(&rig, &ref);
    EXPECT_EQ_INT(3, read(fd, got, sizeof got));
    EXPECT_EQ_BYTES("abc", 3, got, 3);
    EXPECT_EQ_INT(-1, write(fd, "x", 1)); // for reading only
    (void)close(fd);
    EXPECT_EQ_INT(0, put(&rig, (struct bytes){NULL, 0}, 0, &again)); // nothing is content too
    EXPECT_TRUE(exists(&rig, &again));
    EXPECT_EQ_UINT(3, rig_stats(&rig)->bytes[BUDGET_BLOBS]);
    ref.sha256[0] ^= 1;
    EXPECT_EQ_INT(-ENOENT, open_blob(&rig, &ref));
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

static void test_put_fd(void) {
    struct rig rig;
    enum { SIZE = 700001 }; // more than one chunk
    rig_start(&rig);
    char path[300];
    (void)snprintf(path, sizeof path, "%s/input", rig.dir);
    int fd = open(path, O_RDWR | O_CREAT, 0600);
    char *data = malloc(SIZE);
    for (int i = 0; i < SIZE; i++) {
        data[i] = (char)(i % 253);
    }
    EXPECT_EQ_INT(SIZE, write(fd, data, SIZE));
    EXPECT_EQ_INT(7, lseek(fd, 7, SEEK_SET));
    struct store_blob_put p = {.fd = fd, .max_size = SIZE - 1};
    EXPECT_EQ_INT(-EFBIG, rig_run(&rig, &p.op, STORE_BLOB_PUT));
    p.max_size = SIZE;
    EXPECT_EQ_INT(0, rig_run(&rig, &p.op, STORE_BLOB_PUT));
    EXPECT_EQ_UINT(SIZE, p.ref.size);
    EXPECT_EQ_INT(7, lseek(fd, 0, SEEK_CUR)); // read from 0, and its position is the caller's
    struct blob_ref same;
    EXPECT_EQ_INT(0, put(&rig, (struct bytes){data, SIZE}, 0, &same));
    EXPECT_EQ_BYTES(same.sha256, 32, p.ref.sha256, 32);
    (void)close(fd);
    free(data);
    store_op_finish(&p.op);
    rig_finish(&rig);
}

static void test_files(void) {
    struct rig rig;
    struct blob_ref a, b, gone = {.size = 1};
    rig_start(&rig);
    EXPECT_EQ_INT(0, put(&rig, bytes_of("file a"), 0, &a));
    EXPECT_EQ_INT(0, put(&rig, bytes_of("file b"), 0, &b));
    struct job_file files[JOB_FILES_MAX];
    for (int i = 0; i < JOB_FILES_MAX; i++) {
        files[i] = (struct job_file){.name = "name \xc3\xa9.txt",
                                     .content_type = i == 0 ? "text/plain" : NULL,
                                     .blob = i % 2 == 0 ? a : b};
    }
    struct job_spec spec = rig_spec(&rig, "q", "t");
    spec.files = files;
    spec.file_count = JOB_FILES_MAX;
    EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(&rig, &spec));
    const struct store_claimed *got = rig_claim_one(&rig, "q", "t");
    EXPECT_EQ_UINT(JOB_FILES_MAX, got->spec.file_count);
    EXPECT_EQ_STR("name \xc3\xa9.txt", got->spec.files[0].name);
    EXPECT_EQ_STR("text/plain", got->spec.files[0].content_type);
    EXPECT_NULL(got->spec.files[1].content_type);
    EXPECT_EQ_UINT(6, got->spec.files[1].blob.size);
    EXPECT_EQ_BYTES(b.sha256, 32, got->spec.files[1].blob.sha256, 32);
    EXPECT_EQ_UINT(JOB_FILES_MAX, rig_get(&rig, &spec.id)->spec.file_count);

    struct job_spec bad = rig_spec(&rig, "q", "t");
    files[1].blob = gone;
    bad.files = files;
    bad.file_count = 2;
    EXPECT_EQ_INT(-ENOENT, rig_submit(&rig, &bad));
    EXPECT_EQ_INT(-1, rig_state(&rig, &bad.id));

    rig.now += 3600000; // named, so an hour does not matter
    EXPECT_EQ_UINT(0, sweep(&rig));
    struct store_commit_item item = rig_item(got, JOB_EV_SUCCEED);
    item.keep_ms = 10;
    EXPECT_EQ_INT(0, rig_commit(&rig, &item));
    rig.now += 10;
    EXPECT_EQ_UINT(1, sweep(&rig)); // the job; its files have an hour
    EXPECT_TRUE(exists(&rig, &a));
    rig_expect_sound(&rig);
    rig.now += 3600000 - 1;
    EXPECT_EQ_UINT(0, sweep(&rig));
    rig.now += 1;
    EXPECT_EQ_UINT(2, sweep(&rig));
    EXPECT_FALSE(exists(&rig, &a));
    EXPECT_FALSE(exists(&rig, &b));
    EXPECT_EQ_UINT(0, rig_stats(&rig)->bytes[BUDGET_BLOBS]);
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

static void test_result_blob(void) {
    struct rig rig;
    struct blob_ref ref, gone = {.size = 9};
    char got[16];
    rig_start(&rig);
    EXPECT_EQ_INT(0, put(&rig, bytes_of("the result"), 0, &ref));
    struct job_id id = rig_submit_plain(&rig, "q", "t");
    struct store_commit_item item = rig_item(rig_claim_one(&rig, "q", "t"), JOB_EV_SUCCEED);
    struct store_result result = {"text/plain", {NULL, 0}, &gone};
    item.result = &result;
    EXPECT_EQ_INT(-ENOENT, rig_commit(&rig, &item));
    EXPECT_EQ_INT(JOB_RUNNING, rig_state(&rig, &id));
    result.blob = &ref;
    EXPECT_EQ_INT(0, rig_commit(&rig, &item));
    struct store_result_get *get = RIG_NEW(&rig, store_result_get);
    get->id = id;
    EXPECT_EQ_INT(0, rig_run(&rig, &get->op, STORE_RESULT_GET));
    EXPECT_EQ_UINT(10, get->size);
    EXPECT_EQ_UINT(0, get->data.len);
    EXPECT_EQ_BYTES(ref.sha256, 32, get->blob.sha256, 32);
    EXPECT_EQ_INT(10, read(get->fd, got, sizeof got));
    (void)close(get->fd);
    rig.now += 10000000;
    EXPECT_EQ_UINT(0, sweep(&rig));
    struct store_remove rm = {.ids = &id, .status = &(int){-1}, .count = 1};
    EXPECT_EQ_INT(0, rig_run(&rig, &rm.op, STORE_REMOVE));
    rig.now += 3600000;
    EXPECT_EQ_UINT(1, sweep(&rig));
    EXPECT_FALSE(exists(&rig, &ref));
    store_op_finish(&rm.op);
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

static void test_unnamed(void) {
    struct rig rig;
    struct blob_ref ref;
    rig_start(&rig);
    EXPECT_EQ_INT(0, put(&rig, bytes_of("forgotten"), 0, &ref));
    rig.now += 3599999;
    EXPECT_EQ_INT(0, put(&rig, bytes_of("forgotten"), 0, &ref)); // its hour begins again
    rig.now += 3599999;
    EXPECT_EQ_UINT(0, sweep(&rig));
    rig.now += 1;
    EXPECT_EQ_UINT(1, sweep(&rig));
    EXPECT_FALSE(exists(&rig, &ref));
    EXPECT_EQ_INT(0, put(&rig, bytes_of("forgotten"), 0, &ref)); // and it can come back
    EXPECT_TRUE(exists(&rig, &ref));
    rig_finish(&rig);
}

static void test_budget(void) {
    struct rig rig;
    struct blob_ref ref;
    rig_init(&rig);
    rig.config.budget[BUDGET_BLOBS] = 10;
    EXPECT_EQ_INT(0, rig_open(&rig));
    EXPECT_EQ_UINT(10, store_blob_room(&rig.store));
    EXPECT_EQ_INT(-EDQUOT, put(&rig, bytes_of("12345678901"), 0, &ref));
    EXPECT_EQ_INT(0, put(&rig, bytes_of("1234567890"), 0, &ref));
    EXPECT_EQ_UINT(0, store_blob_room(&rig.store));
    EXPECT_EQ_INT(-EDQUOT, put(&rig, bytes_of("1"), 0, &ref));
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

CASES(blob, ON_ALL, {"content is found by its hash", test_put},
      {"content from a descriptor", test_put_fd}, {"files of a job live as long as it", test_files},
      {"a result that is a blob", test_result_blob},
      {"a blob that nobody names has an hour", test_unnamed},
      {"the budget for blobs", test_budget});
