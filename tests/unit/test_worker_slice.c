// The slice of a thread that loads, and the usual one again.
#define _GNU_SOURCE
#include "worker/slice.h"

#include <linux/sched/types.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "expect.h"

static struct sched_attr now(void) {
    struct sched_attr attr = {.size = 0};
    EXPECT_EQ_INT(0, syscall(SYS_sched_getattr, 0, &attr, sizeof attr, 0));
    return attr;
}

static void test_slices(void) {
    struct sched_attr before = now();
    if (before.sched_runtime == 0) {
        puts("NOT TESTED: this kernel has no slices of a thread's own (Linux 6.12)");
        return;
    }
    slice_long();
    EXPECT_TRUE(now().sched_runtime > before.sched_runtime);
    EXPECT_EQ_INT(before.sched_nice, now().sched_nice);
    slice_usual();
    EXPECT_EQ_UINT(before.sched_runtime, now().sched_runtime);
    EXPECT_EQ_UINT(before.sched_policy, now().sched_policy);
}

static const struct expect_test tests[] = {{"a long slice, and the usual one", test_slices}};
SUITE_MAIN("worker: slices", tests)
