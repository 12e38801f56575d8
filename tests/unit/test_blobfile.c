// Files of contents. What stores do with them: tests/store.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "expect.h"
#include "store/blobfile.h"

static const uint8_t abc[32] = {0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40,
                                0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17,
                                0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad};

struct place {
    char dir[64];
    struct err e;
};

static void begin(struct place *p, bool shared) {
    (void)snprintf(p->dir, sizeof p->dir, "/tmp/jobhost-blobfile-XXXXXX");
    EXPECT_TRUE(mkdtemp(p->dir) != NULL);
    EXPECT_EQ_INT(0, blobfile_prepare(p->dir, shared, &p->e));
}

static void end(struct place *p) {
    char command[100];
    (void)snprintf(command, sizeof command, "rm -rf %s", p->dir);
    EXPECT_EQ_INT(0, system(command)); // NOLINT(cert-env33-c): a directory of ours
}

static void test_hashes(void) {
    static const uint8_t sha[32] = {0x00, 0xff, 0x1a, [31] = 0xb0};
    char text[BLOBFILE_SHA_TEXT + 2];
    uint8_t got[32];
    blobfile_sha_text(sha, text);
    EXPECT_EQ_STR("00ff1a00000000000000000000000000000000000000000000000000000000b0", text);
    EXPECT_TRUE(blobfile_sha_parse(text, got));
    EXPECT_EQ_BYTES(sha, 32, got, 32);
    text[BLOBFILE_SHA_TEXT] = '0';
    text[BLOBFILE_SHA_TEXT + 1] = '\0';
    EXPECT_FALSE(blobfile_sha_parse(text, got));
    text[3] = 'F';
    EXPECT_FALSE(blobfile_sha_parse(text, got));
    text[3] = '\0';
    EXPECT_FALSE(blobfile_sha_parse(text, got));
    EXPECT_FALSE(blobfile_sha_parse("", got));
}

static void test_names(void) {
    char name[BLOBFILE_NAME_MAX + 2];
    blobfile_name(abc, UINT64_MAX, name);
    EXPECT_TRUE(blobfile_is_name(name));
    EXPECT_EQ_STR("-ffffffffffffffff", name + BLOBFILE_SHA_TEXT);
    blobfile_name(abc, 7, name);
    EXPECT_TRUE(blobfile_is_name(name));
    name[BLOBFILE_NAME_MAX] = '0';
    name[BLOBFILE_NAME_MAX + 1] = '\0';
    EXPECT_FALSE(blobfile_is_name(name)); // longer
    name[BLOBFILE_NAME_MAX - 1] = '\0';
    EXPECT_FALSE(blobfile_is_name(name)); // shorter
    blobfile_name(abc, 7, name);
    name[BLOBFILE_SHA_TEXT] = '/';
    EXPECT_FALSE(blobfile_is_name(name));
    EXPECT_FALSE(blobfile_is_name("../../etc/passwd"));
    EXPECT_FALSE(blobfile_is_name(""));
}

static void test_copy(void) {
    struct place p;
    struct blob_ref ref;
    begin(&p, false);
    int a = blobfile_temp(p.dir, &p.e), b = blobfile_temp(p.dir, &p.e);
    struct stat st;
    EXPECT_EQ_INT(0, fstat(a, &st));
    EXPECT_EQ_INT(0, st.st_nlink); // it has no name
    EXPECT_EQ_INT(-EFBIG, blobfile_copy(b, bytes_of("abc"), -1, 2, &ref));
    EXPECT_EQ_INT(0, blobfile_copy(a, bytes_of("abc"), -1, 3, &ref));
    EXPECT_EQ_UINT(3, ref.size);
    EXPECT_EQ_BYTES(abc, 32, ref.sha256, 32);
    EXPECT_EQ_INT(-EFBIG, blobfile_copy(b, (struct bytes){NULL, 0}, a, 2, &ref));
    EXPECT_EQ_INT(0, blobfile_copy(b, (struct bytes){NULL, 0}, a, 3, &ref));
    EXPECT_EQ_BYTES(abc, 32, ref.sha256, 32);
    ref = (struct blob_ref){.size = 0};
    EXPECT_EQ_INT(0,
                  blobfile_copy(-1, (struct bytes){NULL, 0}, b, UINT64_MAX, &ref)); // only its hash
    EXPECT_EQ_UINT(3, ref.size);
    EXPECT_EQ_BYTES(abc, 32, ref.sha256, 32);
    (void)close(a);
    (void)close(b);
    end(&p);
    EXPECT_EQ_INT(-ENOENT, blobfile_temp(p.dir, &p.e));
}

/* The same content twice: who deletes the first does not meet the second. */
static void test_full(void) {
    struct blob_ref ref;
    struct rlimit before, small;
    struct place p;
    begin(&p, false);
    int fd = blobfile_temp(p.dir, &p.e);
    EXPECT_TRUE(fd >= 0 && getrlimit(RLIMIT_FSIZE, &before) == 0);
    small = (struct rlimit){2, before.rlim_max};
    (void)signal(SIGXFSZ, SIG_IGN);
    (void)setrlimit(RLIMIT_FSIZE, &small);
    EXPECT_EQ_INT(-ENOSPC, blobfile_copy(fd, bytes_of("abc"), -1, 9, &ref));
    (void)setrlimit(RLIMIT_FSIZE, &before);
    (void)close(fd);
    end(&p);
}

static void test_shared(void) {
    struct place p;
    struct blob_ref ref;
    char first[BLOBFILE_NAME_MAX + 1], second[BLOBFILE_NAME_MAX + 1], *tmp = NULL;
    begin(&p, true);
    blobfile_name(abc, 1, first);
    blobfile_name(abc, 2, second);
    for (int i = 0; i < 2; i++) {
        EXPECT_EQ_INT(0, blobfile_write(p.dir, bytes_of("abc"), -1, 3, &tmp, &ref, &p.e));
        EXPECT_EQ_INT(0, blobfile_publish_as(p.dir, tmp, i == 0 ? first : second, &p.e));
        EXPECT_EQ_INT(-1, access(tmp, F_OK));
        free(tmp);
    }
    EXPECT_EQ_INT(0, blobfile_unlink_as(p.dir, first));
    EXPECT_EQ_INT(-ENOENT, blobfile_unlink_as(p.dir, first));
    EXPECT_EQ_INT(-ENOENT, blobfile_open_as(p.dir, first, &p.e));
    int fd = blobfile_open_as(p.dir, second, &p.e);
    char got[4];
    EXPECT_EQ_INT(3, read(fd, got, sizeof got));
    (void)close(fd);
    end(&p);
}

static void make_old(const char *path, bool old) {
    struct timespec times[2] = {{.tv_nsec = UTIME_NOW}, {.tv_nsec = UTIME_NOW}};
    int fd = open(path, O_CREAT | O_WRONLY, 0600);
    if (old) {
        times[1] = (struct timespec){.tv_sec = 1000000000};
    }
    EXPECT_EQ_INT(0, futimens(fd, times));
    (void)close(fd);
}

/* Uploads of other hosts go on while one of them starts. */
static void test_prepare(void) {
    struct place p;
    char fresh[100], old[100];
    begin(&p, true);
    (void)snprintf(fresh, sizeof fresh, "%s/tmp/put-fresh", p.dir);
    (void)snprintf(old, sizeof old, "%s/tmp/put-old", p.dir);
    make_old(fresh, false);
    make_old(old, true);
    EXPECT_EQ_INT(0, blobfile_prepare(p.dir, true, &p.e));
    EXPECT_EQ_INT(0, access(fresh, F_OK));
    EXPECT_EQ_INT(-1, access(old, F_OK));
    EXPECT_EQ_INT(0, blobfile_prepare(p.dir, false, &p.e)); // its own directory: nobody else's
    EXPECT_EQ_INT(-1, access(fresh, F_OK));
    end(&p);
}

static const struct expect_test tests[] = {
    {"hashes as text", test_hashes},
    {"names in a shared directory", test_names},
    {"copies and their hash", test_copy},
    {"a file that may not grow is a full disk", test_full},
    {"files in a shared directory", test_shared},
    {"what an interrupted write left", test_prepare},
};
SUITE_MAIN("blobfile", tests)
