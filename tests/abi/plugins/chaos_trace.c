// Executions that leave a trace outside of the store, so that a test can see which of them overlapped.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "chaos.h"

static int64_t now_us(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

// "JOB PID ATTEMPT MICROSECONDS", in one write, so that lines of several processes do not mix.
static bool leave_line(const struct chaos *x, int fd) {
    char line[160];
    int n = snprintf(line, sizeof line, "%s %ld %u %lld\n", x->job->id, (long)getpid(),
                     (unsigned)x->job->attempt, (long long)now_us());
    return write(fd, line, (size_t)n) == n;
}

// Real time: what is traced is what really happened.
static void pass(int64_t us, bool spin) {
    int64_t end = now_us() + us;
    if (!spin) {
        const struct timespec t = {.tv_sec = us / 1000000, .tv_nsec = (long)(us % 1000000) * 1000};
        (void)nanosleep(&t, NULL);
    }
    while (spin && now_us() < end) {
    }
}

// file: where to; ms (0): how long; every_ms (10): how often it leaves a line; deaf: is not told about a
// cancel; spin: takes the processor all the while. Counts `sink:<id>:end`.
jh_status chaos_trace(struct chaos *x) {
    int fd = open(chaos_text(x, "file", "/nonexistent"), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC,
                  0600);
    if (fd == -1) {
        return jh_failf(x->call, JH_E_INPUT, "no_file", "%s", strerror(errno));
    }
    int64_t end = now_us() + chaos_int(x, "ms", 0) * 1000;
    int64_t every = chaos_int(x, "every_ms", 10) * 1000;
    bool stopped = false, written = leave_line(x, fd);
    while (written && !stopped && now_us() < end) {
        int64_t left = end - now_us();
        pass(left < every ? left : every, chaos_flag(x, "spin"));
        written = leave_line(x, fd);
        stopped = !chaos_flag(x, "deaf") && x->host->cancelled(x->call) != 0;
    }
    (void)close(fd);
    if (stopped || chaos_sink(x, "end") < 0) {
        return jh_stop(x->call);
    }
    return written ? JH_OK : JH_RETRY;
}
