#include "base/fault.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/env.h"
#include "expect.h"

static void test_names(void) {
    for (int i = 0; i < FAULT_POINT_COUNT; i++) {
        if (!EXPECT_TRUE(fault_point_names[i] != NULL)) {
            continue;
        }
        EXPECT_EQ_UINT(strlen(fault_point_names[i]),
                       strspn(fault_point_names[i], "abcdefghijklmnopqrstuvwxyz_"));
        for (int k = 0; k < i; k++) {
            EXPECT_TRUE(strcmp(fault_point_names[i], fault_point_names[k]) != 0);
        }
    }
}

#ifdef JOBHOST_TEST
static void test_plans(void) {
    static const char *const good[] = {"recover=kill", "recover:1=error",
                                       "store_checkpoint:12=delay"};
    for (size_t i = 0; i < 3; i++) {
        EXPECT_EQ_INT(0, fault_check(good[i], NULL));
    }
    EXPECT_EQ_INT(0, fault_check(NULL, NULL));
    static const struct {
        const char *text, *says;
    } bad[] = {
        {"", "want point"},
        {"recover", "want point"},
        {"recover=", "action"},
        {"recover=panic", "action"},
        {"recove=kill", "no such"},
        {"recovery=kill", "no such"},
        {"=kill", "no such"},
        {"recover:=kill", "number"},
        {"recover:0=kill", "number"},
        {"recover:-1=kill", "number"},
        {"recover:1x=kill", "number"},
        {"recover: 1=kill", "number"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct err e = {0};
        EXPECT_EQ_INT(-EINVAL, fault_check(bad[i].text, &e));
        EXPECT_CONTAINS(bad[i].says, e.msg);
    }
}

// The plan is read once a process, so each case has one of its own. Exit status: what the passages answered, as bits.
static int run_passages(const char *plan, int count) {
    (void)fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        if (plan == NULL) {
            (void)unsetenv("JOBHOST_FAULT");
        } else {
            (void)setenv("JOBHOST_FAULT", plan, 1);
        }
        int bits = 0;
        for (int i = 0; i < count; i++) {
            bits |= (fault(FAULT_RECOVER) == -EIO) << i;
            bits |= (fault(FAULT_STORE_CHECKPOINT) == -EIO) << 7;
        }
        _exit(bits);
    }
    int status = 0;
    (void)waitpid(pid, &status, 0);
    return status;
}

static void test_actions(void) {
    EXPECT_EQ_INT(0, WEXITSTATUS(run_passages(NULL, 3)));
    EXPECT_EQ_INT(1, WEXITSTATUS(run_passages("recover=error", 3)));
    EXPECT_EQ_INT(4, WEXITSTATUS(run_passages("recover:3=error", 5)));
    EXPECT_EQ_INT(0, WEXITSTATUS(run_passages("recover:3=error", 2)));
    int killed = run_passages("recover:2=kill", 2);
    EXPECT_TRUE(WIFSIGNALED(killed) && WTERMSIG(killed) == SIGKILL);
    EXPECT_TRUE(WIFEXITED(run_passages("recover:2=kill", 1)));
    int64_t from = env_stopwatch_us();
    EXPECT_EQ_INT(0, WEXITSTATUS(run_passages("recover=delay", 3)));
    EXPECT_TRUE(env_stopwatch_us() - from >= 200000);
}

static void *pass_often(void *arg) {
    int *hits = arg;
    for (int i = 0; i < 10000; i++) {
        *hits += fault(FAULT_RECOVER) == -EIO;
    }
    return NULL;
}

// Four threads pass 40000 times; the 20000th passage is one thread's alone.
static void test_threads(void) {
    (void)setenv("JOBHOST_FAULT", "recover:20000=error", 1);
    pthread_t threads[4];
    int hits[4] = {0};
    for (int i = 0; i < 4; i++) {
        EXPECT_EQ_INT(0, pthread_create(&threads[i], NULL, pass_often, &hits[i]));
    }
    for (int i = 0; i < 4; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    EXPECT_EQ_INT(1, hits[0] + hits[1] + hits[2] + hits[3]);
    (void)unsetenv("JOBHOST_FAULT");
}
#endif

static const struct expect_test tests[] = {
    {"every point has a name of its own", test_names},
#ifdef JOBHOST_TEST
    {"plans are checked", test_plans},
    {"the nth passage acts", test_actions}, // forks, so before there are threads
    {"passages of all threads are counted", test_threads},
#endif
};
SUITE_MAIN("fault", tests)
