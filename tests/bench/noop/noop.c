/* The no-op benchmark of one host: enqueue N jobs of 200 bytes over one HTTP connection in arrays of 100, drain them with one worker
 * process, then start latency at 200 jobs/s, idle CPU, memory and disk. Prints one line of JSON a measurement, in the form of the peer
 * benchmarks, so that they can be put side by side. Ratios are what counts, never these numbers by themselves.
 *
 *     noop HOST_PID WORKER_PID SOCKET SAMPLES_FILE STORE_FILE|redis:PORT
 *
 * N=jobs (100000); ONLY=idle,latency,throughput chooses among its parts. */
#define _POSIX_C_SOURCE 200809L
#include <inttypes.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "http_line.h"
#include "measure.h"
#include "server_info.h"

enum { ARRAY = 100, PAYLOAD = 200, RATE = 200, LATENCY_S = 5, IDLE_S = 6, WARM = 20 };

/* A number of GET /v1/queues; there is only one queue. */
static int64_t queue_number(struct http_line *h, const char *key) {
    const char *body;
    char pattern[64];
    if (http_line_call(h, "GET", "/v1/queues", NULL, &body) != 200) {
        return 0;
    }
    snprintf(pattern, sizeof pattern, "\"%s\":", key);
    const char *at = strstr(body, pattern);
    return at == NULL ? 0 : strtoll(at + strlen(pattern), NULL, 10);
}

/* ---- measurements ---- */

struct target {
    int host, worker;
    const char *store;           /* its file, */
    struct redisContext *server; /* or the server that it is on; else NULL */
};

struct cpu {
    double host, worker, client, server;
};

static struct cpu cpu_now(const struct target *t) {
    return (struct cpu){measure_cpu_s(t->host), measure_cpu_s(t->worker),
                        measure_cpu_s((int)getpid()), server_look(t->server).cpu_s};
}

static void emit_cpu(const struct target *t, const char *phase, struct cpu a, struct cpu b, int n) {
    char metric[64];
    snprintf(metric, sizeof metric, "%s_cpu_host", phase);
    measure_emit(metric, (b.host - a.host) / n * 1e6, "us/job", "");
    snprintf(metric, sizeof metric, "%s_cpu_worker", phase);
    measure_emit(metric, (b.worker - a.worker) / n * 1e6, "us/job", "");
    snprintf(metric, sizeof metric, "%s_cpu_client", phase);
    measure_emit(metric, (b.client - a.client) / n * 1e6, "us/job", "");
    if (t->server != NULL) {
        snprintf(metric, sizeof metric, "%s_cpu_server", phase);
        measure_emit(metric, (b.server - a.server) / n * 1e6, "us/job", "");
    }
}

/* Bytes that the store takes. */
static double store_size(const struct target *t) {
    struct stat st;
    return t->server != NULL           ? server_look(t->server).used_memory
           : stat(t->store, &st) == -1 ? 0
                                       : (double)st.st_size;
}

static void make_array(char *out, size_t cap) {
    char payload[PAYLOAD + 1];
    memset(payload, 'x', PAYLOAD);
    payload[PAYLOAD] = '\0';
    size_t n = (size_t)snprintf(out, cap, "[");
    for (int i = 0; i < ARRAY; i++) {
        n += (size_t)snprintf(out + n, cap - n, "%s{\"type\":\"bench.noop\",\"payload\":\"%s\"}",
                              i == 0 ? "" : ",", payload);
    }
    (void)snprintf(out + n, cap - n, "]");
}

static void throughput(struct http_line *h, const struct target *t, int jobs) {
    static char array[ARRAY * (PAYLOAD + 64)];
    char extra[64];
    make_array(array, sizeof array);
    http_line_expect(h, 200, "POST", "/v1/queues/bench/pause", "{\"why\":\"enqueue first\"}");
    double size = store_size(t);
    struct cpu c0 = cpu_now(t);
    int64_t begin = measure_now_ns();
    for (int i = 0; i < jobs; i += ARRAY) {
        http_line_expect(h, 202, "POST", "/v1/jobs", array);
    }
    double enqueue = measure_seconds_since(begin);
    struct cpu c1 = cpu_now(t);
    snprintf(extra, sizeof extra, "\"n\":%d,\"chunk\":%d", jobs, ARRAY);
    measure_emit("enqueue_batch_per_s", jobs / enqueue, "jobs/s", extra);
    emit_cpu(t, "enqueue", c0, c1, jobs);
    measure_emit(t->server != NULL ? "store_mem_per_100k" : "store_disk_per_100k",
                 (store_size(t) - size) / 1048576 / jobs * 1e5, "MiB", "\"payload\":200");
    begin = measure_now_ns();
    http_line_expect(h, 200, "POST", "/v1/queues/bench/resume", "{}");
    while (queue_number(h, "queued") + queue_number(h, "running") > 0) {
        measure_sleep_ns(2000000);
    }
    double drain = measure_seconds_since(begin);
    struct cpu c2 = cpu_now(t);
    snprintf(extra, sizeof extra, "\"n\":%d", jobs);
    measure_emit("drain_per_s", jobs / drain, "jobs/s", extra);
    emit_cpu(t, "drain", c1, c2, jobs);
    measure_emit("enqueue_then_drain_per_s", jobs / (enqueue + drain), "jobs/s", extra);
}

static void latency(struct http_line *h, struct samples *samples) {
    char body[128], extra[64];
    int n = RATE * LATENCY_S;
    int64_t begin = measure_now_ns();
    for (int i = -WARM; i < n; i++) {
        int64_t wait = begin + (int64_t)(i + WARM) * (1000000000 / RATE) - measure_now_ns();
        if (wait > 0) {
            measure_sleep_ns(wait);
        }
        if (i == 0) {
            atomic_store(&samples->count, 0);
        }
        snprintf(body, sizeof body, "{\"type\":\"bench.latency\",\"payload\":%" PRId64 "}",
                 measure_now_ns());
        http_line_expect(h, 202, "POST", "/v1/jobs", body);
    }
    uint64_t got = samples_wait(samples, (uint64_t)n, INT64_C(5000000000));
    if (got == 0) {
        measure_die("no latency samples");
    }
    snprintf(extra, sizeof extra, "\"n\":%" PRIu64 ",\"rate\":%d", got, RATE);
    measure_emit("latency_start_p50", samples_percentile(samples->us, got, 50), "ms", extra);
    measure_emit("latency_start_p99", samples_percentile(samples->us, got, 99), "ms", extra);
}

static void idle(const struct target *t) {
    struct cpu a = cpu_now(t);
    measure_sleep_ns((int64_t)IDLE_S * 1000000000);
    struct cpu b = cpu_now(t);
    measure_emit("idle_cpu_host", (b.host - a.host) / IDLE_S * 100, "%", "");
    measure_emit("idle_cpu_worker", (b.worker - a.worker) / IDLE_S * 100, "%", "");
}

static void memory(const struct target *t) {
    measure_emit("rss_host", measure_rss_mib(t->host), "MiB", "");
    measure_emit("rss_worker", measure_rss_mib(t->worker), "MiB", "");
}

int main(int argc, char **argv) {
    if (argc != 6) {
        fprintf(stderr, "usage: noop HOST_PID WORKER_PID SOCKET SAMPLES STORE|redis:PORT\n");
        return 2;
    }
    struct target t = {.host = atoi(argv[1]), .worker = atoi(argv[2]), .store = argv[5]};
    if (strncmp(t.store, "redis:", 6) == 0) {
        t.server = server_connect(t.store + 6);
    }
    struct http_line *h = http_line_open(argv[3]);
    struct samples *samples = samples_map(argv[4], RATE * LATENCY_S + WARM);
    int jobs = getenv("N") == NULL ? 100000 : atoi(getenv("N"));
    if (measure_wants("idle")) {
        memory(&t);
        idle(&t);
    }
    if (measure_wants("latency")) {
        latency(h, samples);
    }
    if (measure_wants("throughput")) {
        throughput(h, &t, jobs);
        memory(&t);
    }
    return 0;
}
