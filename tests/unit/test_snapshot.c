#define _GNU_SOURCE // unshare
#include "supervisor/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "expect.h"

static char dir[64];
static char state[128], file[128];

static void make_dir(void) {
    (void)snprintf(dir, sizeof dir, "/tmp/jobhost-snapshot.XXXXXX");
    EXPECT_TRUE(mkdtemp(dir) != NULL);
    (void)snprintf(state, sizeof state, "%s/state", dir);
    (void)snprintf(file, sizeof file, "%s/plugin.so", dir);
}

static void remove_dir(void) {
    char command[160];
    (void)snprintf(command, sizeof command, "rm -rf %s", dir);
    EXPECT_EQ_INT(0, system(command));
}

static void write_file(const char *text, mode_t mode) {
    (void)unlink(file);
    int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    EXPECT_EQ_INT((int)strlen(text), (int)write(fd, text, strlen(text)));
    EXPECT_EQ_INT(0, fchmod(fd, mode));
    close(fd);
}

static void test_named_by_content(void) {
    struct snapshot s = {.path = NULL}, t = {.path = NULL};
    struct err e;
    struct stat st;
    make_dir();
    write_file("abc", 0644);
    EXPECT_EQ_INT(0, snapshot_take(file, state, &s, &e));
    EXPECT_EQ_STR("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", s.sha256);
    EXPECT_EQ_INT(0, stat(s.path, &st));
    EXPECT_EQ_INT(0500, st.st_mode & 0777);
    EXPECT_EQ_INT(0, truncate(file, 0)); // what happens to the original does not matter
    EXPECT_EQ_INT(0, stat(s.path, &st));
    EXPECT_EQ_INT(3, st.st_size);
    write_file("abc", 0644); // the same content again: the same file
    EXPECT_EQ_INT(0, snapshot_take(file, state, &t, &e));
    EXPECT_EQ_STR(s.path, t.path);
    snapshot_finish(&s);
    snapshot_finish(&t);
    EXPECT_NULL(s.path);
    remove_dir();
}

enum { NO_MOUNT = 77 };

/* In a mount namespace of its own. */
static int take_where_nothing_is_executed(void) {
    struct snapshot s = {.path = NULL};
    struct err e = {.code = 0};
    if (mkdir(state, 0700) != 0 || unshare(CLONE_NEWNS) != 0 ||
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", state, "tmpfs", MS_NOEXEC, "size=1m") != 0) {
        return NO_MOUNT;
    }
    int r = snapshot_take(file, state, &s, &e);
    return r == -EPERM && strstr(e.msg, "noexec") != NULL && s.path == NULL ? 0 : 1;
}

static void test_noexec(void) {
    int status = 0;
    make_dir();
    write_file("abc", 0644);
    (void)fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        _exit(take_where_nothing_is_executed());
    }
    EXPECT_EQ_INT(pid, waitpid(pid, &status, 0));
    EXPECT_TRUE(WIFEXITED(status));
    if (WEXITSTATUS(status) == NO_MOUNT) {
        (void)printf("NOT TESTED: a file system can be mounted by root only\n");
    } else {
        EXPECT_EQ_INT(0, WEXITSTATUS(status));
    }
    remove_dir();
}

static void expect_refused(int code, const char *words) {
    struct snapshot s = {.path = NULL};
    struct err e = {.code = 0};
    EXPECT_EQ_INT(code, snapshot_take(file, state, &s, &e));
    EXPECT_CONTAINS(words, e.msg);
    EXPECT_NULL(s.path);
}

static void test_refused(void) {
    make_dir();
    expect_refused(-ENOENT, "plugin.so");
    write_file("", 0644);
    expect_refused(-EINVAL, "empty");
    write_file("abc", 0664);
    expect_refused(-EPERM, "writable by group or others (mode 664)");
    write_file("abc", 0646);
    expect_refused(-EPERM, "chmod go-w");
    (void)unlink(file);
    EXPECT_EQ_INT(0, symlink("/etc/passwd", file));
    expect_refused(-ELOOP, "plugin.so");
    (void)unlink(file);
    EXPECT_EQ_INT(0, mkfifo(file, 0600));
    expect_refused(-EINVAL, "not a regular file");
    (void)unlink(file);
    EXPECT_EQ_INT(0, mkdir(file, 0700));
    expect_refused(-EINVAL, "not a regular file");
    remove_dir();
}

static void test_another_users_file(void) {
    if (geteuid() != 0) {
        return; // only root can give a file away
    }
    make_dir();
    write_file("abc", 0644);
    EXPECT_EQ_INT(0, chown(file, 12345, 12345));
    expect_refused(-EPERM, "belongs to uid 12345");
    remove_dir();
}

static bool is_there(const char *name) {
    char path[256];
    (void)snprintf(path, sizeof path, "%s/run/so/%s", state, name);
    return access(path, F_OK) == 0;
}

static void leave(const char *name) {
    char path[256];
    (void)snprintf(path, sizeof path, "%s/run/so/%s", state, name);
    int fd = open(path, O_WRONLY | O_CREAT, 0500);
    EXPECT_TRUE(fd != -1);
    close(fd);
}

// What a process that was killed has begun goes; what belongs to others, or to nobody, stays.
static void test_unfinished(void) {
    struct snapshot s = {.path = NULL};
    struct err e;
    char own[32], dead[32];
    make_dir();
    write_file("abc", 0644);
    EXPECT_EQ_INT(0, snapshot_take(file, state, &s, &e));
    pid_t child = fork();
    if (child == 0) {
        _exit(0);
    }
    EXPECT_EQ_INT(child, waitpid(child, NULL, 0));
    (void)snprintf(own, sizeof own, ".tmp.%ld", (long)getpid());
    (void)snprintf(dead, sizeof dead, ".tmp.%ld", (long)child);
    leave(own);
    leave(dead);
    leave(".tmp.1");
    leave(".tmp.x");
    snapshots_clear(state);
    EXPECT_TRUE(!is_there(own));
    EXPECT_TRUE(!is_there(dead));
    EXPECT_TRUE(is_there(".tmp.1"));
    EXPECT_TRUE(is_there(".tmp.x"));
    EXPECT_EQ_INT(0, access(s.path, F_OK));
    snapshot_finish(&s);
    remove_dir();
    snapshots_clear(state); // where there is nothing, there is nothing to do
}

static const struct expect_test tests[] = {
    {"a snapshot is named by its content and outlives the original", test_named_by_content},
    {"a mount without execution is named", test_noexec},
    {"what is not safe to load is refused in words", test_refused},
    {"another user's file is refused", test_another_users_file},
    {"copies that were not finished", test_unfinished},
};
SUITE_MAIN("snapshot", tests)
