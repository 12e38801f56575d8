// One process at a time holds a folder or a file of jobs.
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/hostlock.h"
#include "expect.h"

static char path[64];

static void test_one_at_a_time(void) {
    struct hostlock first, second;
    struct err e = {.msg = ""};
    char pid[32];
    EXPECT_EQ_INT(0, hostlock_take(&first, path, "the folder", &e));
    EXPECT_EQ_INT(-EBUSY, hostlock_take(&second, path, "the folder", &e));
    EXPECT_EQ_INT(-1, second.fd);
    (void)snprintf(pid, sizeof pid, "(process %ld)", (long)getpid());
    EXPECT_CONTAINS("the folder is in use by another host", e.msg);
    EXPECT_CONTAINS(pid, e.msg);
    hostlock_release(&first);
    EXPECT_EQ_INT(0, hostlock_take(&second, path, "the folder", &e));
    hostlock_release(&second);
}

static void test_no_place_for_it(void) {
    struct hostlock lock;
    struct err e = {.msg = ""};
    EXPECT_EQ_INT(-ENOENT, hostlock_take(&lock, "/no/such/folder/lock", "it", &e));
    EXPECT_CONTAINS("/no/such/folder/lock", e.msg);
}

// A process that takes it, forks, and dies; its child has the lock until `until` is closed.
static pid_t taker(int until) {
    pid_t pid = fork();
    if (pid == 0) {
        struct hostlock lock;
        char end;
        if (hostlock_take(&lock, path, "it", NULL) == 0 && fork() == 0) {
            (void)!read(until, &end, 1);
            (void)poll(NULL, 0, 50);
        }
        _exit(0);
    }
    return pid;
}

static void test_the_fork_of_one_that_died(void) {
    struct hostlock lock;
    struct err e = {.msg = ""};
    int ends[2];
    EXPECT_EQ_INT(0, pipe(ends));
    pid_t pid = taker(ends[0]);
    EXPECT_EQ_INT(pid, waitpid(pid, NULL, 0));
    EXPECT_EQ_INT(1, write(ends[1], "x", 1));
    EXPECT_EQ_INT(0, hostlock_take(&lock, path, "it", &e));
    hostlock_release(&lock);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

static void test_a_fork_that_stays(void) {
    struct hostlock lock;
    struct err e = {.msg = ""};
    int ends[2];
    EXPECT_EQ_INT(0, pipe(ends));
    pid_t pid = taker(ends[0]);
    EXPECT_EQ_INT(pid, waitpid(pid, NULL, 0));
    EXPECT_EQ_INT(-EBUSY, hostlock_take(&lock, path, "it", &e));
    EXPECT_EQ_INT(1, write(ends[1], "x", 1));
    (void)close(ends[0]);
    (void)close(ends[1]);
}

static const struct expect_test tests[] = {
    {"one at a time", test_one_at_a_time},
    {"no place for it", test_no_place_for_it},
    {"the fork of one that died lets go of it", test_the_fork_of_one_that_died},
    {"a fork that stays is not waited for without end", test_a_fork_that_stays},
};

int main(int argc, char **argv) {
    (void)snprintf(path, sizeof path, "/tmp/hostlock-%ld", (long)getpid());
    int r = expect_run("hostlock", tests, sizeof(tests) / sizeof((tests)[0]), argc, argv);
    (void)unlink(path);
    return r;
}
