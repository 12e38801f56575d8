// What the worker costs per job, by itself: round trips of lone jobs, and a stream with a window of
// 64. Prints figures; no verdict.
//
//     bench_worker [jobs [threads]]
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include "fake.h"

enum { WINDOW = 64, LONE = 20000 };

static int64_t now_ns(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int compare(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void lone_jobs(struct fake *f) {
    static int64_t took[LONE];
    for (uint64_t i = 0; i < LONE; i++) {
        int64_t began = now_ns();
        fake_job(f, i + 1, "{}");
        (void)fake_expect_done(f, i + 1);
        took[i] = now_ns() - began;
    }
    qsort(took, LONE, sizeof took[0], compare);
    (void)printf("lone job, in to out: p50 %.1f us, p95 %.1f us, p99 %.1f us\n",
                 (double)took[LONE / 2] / 1e3, (double)took[LONE * 95 / 100] / 1e3,
                 (double)took[LONE * 99 / 100] / 1e3);
}

static void stream(struct fake *f, uint64_t jobs) {
    static char payload[201];
    for (size_t i = 0; i + 1 < sizeof payload; i++) {
        payload[i] = 'x';
    }
    const struct msg_job job = {.payload = {.data = bytes_of(payload)},
                                .queue = "default",
                                .content_type = "application/json",
                                .timeout_ms = 300000};
    uint64_t sent = LONE;
    uint64_t done = LONE;
    int64_t began = now_ns();
    while (done < LONE + jobs) {
        for (; sent < LONE + jobs && sent - done < 2 * WINDOW; sent++) {
            fake_put_job(f, sent + 1, &job);
        }
        fake_flush(f);
        uint64_t until = done + WINDOW;
        while (done < until && done < LONE + jobs) {
            (void)fake_expect(f, REC_DONE); // in any order: there may be several threads
            done++;
        }
    }
    double seconds = (double)(now_ns() - began) / 1e9;
    (void)printf("stream of %llu: %.0f jobs/s\n", (unsigned long long)jobs, (double)jobs / seconds);
}

int main(int argc, char **argv) {
    uint64_t jobs = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;
    uint32_t threads = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 1;
    struct fake f;
    fake_start(&f, &(struct fake_options){.plugin = "noop", .threads = threads});
    lone_jobs(&f);
    stream(&f, jobs);
    fake_send(&f, REC_DRAIN, 0);
    (void)fake_expect(&f, REC_BYE);
    (void)fake_wait(&f);
    struct rusage usage;
    (void)getrusage(RUSAGE_CHILDREN, &usage);
    double cpu = (double)usage.ru_utime.tv_sec + (double)usage.ru_stime.tv_sec +
                 (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    (void)printf("worker CPU: %.2f s in all\n", cpu);
    fake_finish(&f);
    return 0;
}
