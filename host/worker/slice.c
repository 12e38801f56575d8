#define _GNU_SOURCE // syscall
#include "worker/slice.h"

#include <linux/sched.h> // SCHED_NORMAL
#include <linux/sched/types.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { SLICE_LONG_NS = 20 * 1000 * 1000 };

static void set(uint64_t ns) {
    struct sched_attr attr = {.size = sizeof attr};
    if (syscall(SYS_sched_getattr, 0, &attr, sizeof attr, 0) == 0 &&
        attr.sched_policy == SCHED_NORMAL) {
        attr.sched_runtime = ns;
        (void)syscall(SYS_sched_setattr, 0, &attr, 0);
    }
}

void slice_long(void) {
    set(SLICE_LONG_NS);
}

void slice_usual(void) {
    set(0);
}
