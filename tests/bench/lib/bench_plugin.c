/* The benchmarks' plugin. bench.noop does nothing; bench.steps makes ten durable steps. bench.latency notes how long its job took from the submitter's clock (the payload is
 * CLOCK_MONOTONIC nanoseconds in decimal) into a file of int64 microseconds that the benchmark maps; option `samples` names it. */
#define _POSIX_C_SOURCE 200809L
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "jobhost_util.h"
#include "measure.h"

struct bench {
    struct samples *samples;
    uint64_t cap;
};

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int bench_create(struct jh_call *c, void **self) {
    const char *path = c->host->config(c, "samples");
    struct bench *b = calloc(1, sizeof *b);
    struct stat st;
    *self = b;
    if (b == NULL || path == NULL || path[0] == '\0') {
        return b == NULL;
    }
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd == -1 || fstat(fd, &st) == -1) {
        (void)jh_failf(c, JH_E_INPUT, "samples", "%s: cannot open", path);
        return 1;
    }
    void *map = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (map != MAP_FAILED) {
        b->samples = map;
        b->cap = ((uint64_t)st.st_size - sizeof(struct samples)) / sizeof(int64_t);
    }
    return map == MAP_FAILED;
}

static void bench_destroy(void *self) {
    free(self);
}

static jh_status bench_noop(void *self, struct jh_call *c, const struct jh_job *job) {
    (void)self;
    (void)c;
    (void)job;
    return JH_OK;
}

static jh_status bench_latency(void *self, struct jh_call *c, const struct jh_job *job) {
    struct bench *b = self;
    char text[24] = "";
    int64_t now = now_ns();
    (void)c;
    memcpy(text, job->payload.data,
           job->payload.len < sizeof text ? job->payload.len : sizeof text - 1);
    if (b->samples != NULL) {
        uint64_t i = atomic_fetch_add(&b->samples->count, 1);
        if (i < b->cap) {
            b->samples->us[i] = (now - strtoll(text, NULL, 10)) / 1000;
        }
    }
    return JH_OK;
}

static jh_status bench_steps(void *self, struct jh_call *c, const struct jh_job *job) {
    (void)self;
    (void)job;
    for (int i = 0; i < 10; i++) {
        char name[8] = {'s', (char)('0' + i)};
        struct jh_bytes found;
        if (c->host->step_get(c, name, &found) == 0) {
            continue;
        }
        if (c->host->step_put(c, name, (struct jh_bytes){name + 1, 1}) < 0) {
            return JH_CANCELLED;
        }
    }
    return JH_OK;
}

static const struct jh_option bench_options[] = {
    {"samples", JH_OPT_STRING, 0, "", "file that latencies are written to"},
    {NULL, 0, 0, NULL, NULL},
};
static const struct jh_handler bench_handlers[] = {
    {.name = "bench.noop", .summary = "nothing", .run = bench_noop, .flags = JH_HANDLER_CONCURRENT},
    {.name = "bench.latency",
     .summary = "notes its start latency",
     .run = bench_latency,
     .flags = JH_HANDLER_CONCURRENT},
    {.name = "bench.steps",
     .summary = "ten durable steps",
     .run = bench_steps,
     .flags = JH_HANDLER_CONCURRENT},
};
JH_EXPORT const struct jh_plugin jobhost_plugin = {
    JH_PLUGIN_INIT,
    .name = "bench",
    .version = "1.0.0",
    .options = bench_options,
    .handlers = bench_handlers,
    .handler_count = 3,
    .create = bench_create,
    .destroy = bench_destroy,
};
