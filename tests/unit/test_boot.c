// A state_dir belongs to one host, and names its last boot to the next one.
#define _XOPEN_SOURCE 700 // mkdtemp
#include "supervisor/boot.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "expect.h"

static char dir[64], path[96];

static void make_dir(void) {
    (void)snprintf(dir, sizeof dir, "%s", "/tmp/jobhost-boot-XXXXXX");
    EXPECT_TRUE(mkdtemp(dir) != NULL);
    (void)snprintf(path, sizeof path, "%s/boot", dir);
}

static void remove_dir(void) {
    static const char *const names[] = {"boot", "boot.new", "host.lock"};
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        char name[96];
        (void)snprintf(name, sizeof name, "%s/%s", dir, names[i]);
        (void)unlink(name);
    }
    (void)rmdir(dir);
}

static struct boot *take(void) {
    struct err e = {.code = 0};
    struct boot *boot = NULL;
    EXPECT_EQ_INT(0, boot_open(dir, &boot, &e));
    return boot;
}

/* What a boot makes of this text. */
static uint64_t gone_of(const char *text, size_t len) {
    FILE *f = fopen(path, "w");
    EXPECT_TRUE(f != NULL && fwrite(text, 1, len, f) == len && fclose(f) == 0);
    struct boot *boot = take();
    uint64_t gone = boot_gone(boot);
    boot_close(&boot);
    return gone;
}

static void test_from_boot_to_boot(void) {
    struct err e = {.code = 0};
    struct stat st;
    make_dir();
    struct boot *boot = take();
    EXPECT_EQ_UINT(0, boot_gone(boot));
    EXPECT_EQ_INT(0, boot_leave(boot, 0xFEDCBA9876543210, &e));
    EXPECT_EQ_INT(0, stat(path, &st));
    EXPECT_EQ_UINT(0600, st.st_mode & 0777);
    EXPECT_EQ_UINT(0, boot_gone(boot));
    boot_close(&boot);
    EXPECT_NULL(boot);
    boot_close(&boot);
    boot = take();
    EXPECT_EQ_UINT(0xFEDCBA9876543210, boot_gone(boot));
    EXPECT_EQ_INT(0, boot_leave(boot, 7, &e));
    boot_close(&boot);
    boot = take();
    EXPECT_EQ_UINT(7, boot_gone(boot));
    boot_close(&boot);
    remove_dir();
}

static void test_one_host(void) {
    struct err e = {.code = 0};
    make_dir();
    struct boot *boot = take(), *second = NULL;
    EXPECT_EQ_INT(-EBUSY, boot_open(dir, &second, &e));
    EXPECT_NULL(second);
    EXPECT_TRUE(strstr(e.msg, dir) != NULL && strstr(e.msg, "another host") != NULL);
    boot_close(&boot);
    second = take();
    boot_close(&second);
    remove_dir();
}

/* A file from elsewhere, or of which a part is missing, names nobody. */
static void test_what_is_not_believed(void) {
    struct err e = {.code = 0};
    make_dir();
    struct boot *boot = take();
    EXPECT_EQ_INT(0, boot_leave(boot, 0x1122334455667788, &e));
    boot_close(&boot);
    char good[256], bad[256];
    FILE *f = fopen(path, "r");
    size_t len = f == NULL ? 0 : fread(good, 1, sizeof good, f);
    EXPECT_TRUE(f != NULL && len > 50 && fclose(f) == 0);
    EXPECT_EQ_UINT(0x1122334455667788, gone_of(good, len));
    for (size_t cut = 0; cut < len; cut++) {
        EXPECT_EQ_UINT(0, gone_of(good, cut));
    }
    for (size_t at = 0; at < len - 17; at++) { // version and machine
        memcpy(bad, good, len);
        bad[at] = bad[at] == 'f' ? 'e' : 'f';
        EXPECT_EQ_UINT(0, gone_of(bad, len));
    }
    memcpy(bad, good, len);
    bad[len] = '\n';
    EXPECT_EQ_UINT(0, gone_of(bad, len + 1));
    memset(bad, ' ', sizeof bad);
    EXPECT_EQ_UINT(0, gone_of(bad, sizeof bad));
    remove_dir();
}

static void test_a_folder_that_is_not_there(void) {
    struct err e = {.code = 0};
    struct boot *boot = NULL;
    EXPECT_EQ_INT(-ENOENT, boot_open("/nonexistent/dir", &boot, &e));
    EXPECT_TRUE(strstr(e.msg, "/nonexistent/dir") != NULL);
    make_dir();
    boot = take();
    EXPECT_EQ_INT(0, mkdir(path, 0700));
    EXPECT_TRUE(boot_leave(boot, 7, &e) < 0);
    EXPECT_TRUE(strstr(e.msg, dir) != NULL);
    EXPECT_EQ_INT(0, rmdir(path));
    boot_close(&boot);
    remove_dir();
}

static const struct expect_test tests[] = {
    {"one boot leaves its name to the next", test_from_boot_to_boot},
    {"one host at a time", test_one_host},
    {"what is not believed", test_what_is_not_believed},
    {"a folder that is not there", test_a_folder_that_is_not_there},
};

SUITE_MAIN("boot", tests)
