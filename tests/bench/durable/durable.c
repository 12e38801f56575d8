/* What waits and what is remembered: 10,000 delayed jobs that are due over 5 s, and how late they start; jobs of ten durable steps, by
 * as many clients as are in flight, each of which submits a job, waits for its end, and goes on. Prints one line of JSON a measurement,
 * in the form of the peer benchmarks.
 *
 *     durable HOST_PID WORKER_PID SOCKET SAMPLES_FILE
 *
 * ONLY=delayed,steps chooses among its parts; LEAD=ms (4000): how long before the first is due submission begins. */
#define _POSIX_C_SOURCE 200809L
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "http_line.h"
#include "measure.h"

enum {
    DELAYED = 10000,
    SPAN_MS = 5000,
    ARRAY = 100,
    STEPS = 10,
    IN_FLIGHT_MAX = 64,
    JOBS_MAX = 4096
};

struct target {
    int host, worker;
    const char *socket;
};

/* ---- delayed ---- */

static int64_t wall_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static size_t put_time(char *out, size_t cap, int64_t unix_ns) {
    time_t s = (time_t)(unix_ns / 1000000000);
    struct tm tm;
    (void)gmtime_r(&s, &tm);
    size_t n = strftime(out, cap, "%Y-%m-%dT%H:%M:%S", &tm);
    return n + (size_t)snprintf(out + n, cap - n, ".%03dZ", (int)(unix_ns / 1000000 % 1000));
}

/* Of a whole millisecond of the wall clock, as it is said in JSON: the payload is the same moment of CLOCK_MONOTONIC. */
static size_t put_job(char *out, size_t cap, int64_t due_ns, int64_t wall_minus_mono) {
    int64_t wall = (due_ns + wall_minus_mono) / 1000000 * 1000000;
    size_t n = (size_t)snprintf(out, cap,
                                "{\"type\":\"bench.latency\",\"payload\":%" PRId64 ",\"run_at\":\"",
                                wall - wall_minus_mono);
    n += put_time(out + n, cap - n, wall);
    return n + (size_t)snprintf(out + n, cap - n, "\"}");
}

static void delayed(struct http_line *h, struct samples *samples) {
    static char array[ARRAY * 160];
    char extra[96];
    int64_t lead_ns = (getenv("LEAD") == NULL ? 4000 : atoi(getenv("LEAD"))) * INT64_C(1000000);
    int64_t base = measure_now_ns() + lead_ns, wall_minus_mono = wall_ns() - measure_now_ns();
    atomic_store(&samples->count, 0);
    for (int i = 0; i < DELAYED; i += ARRAY) {
        size_t n = (size_t)snprintf(array, sizeof array, "[");
        for (int k = i; k < i + ARRAY; k++) {
            array[n] = ',';
            n += k > i;
            n += put_job(array + n, sizeof array - n,
                         base + (int64_t)k * SPAN_MS * 1000000 / DELAYED, wall_minus_mono);
        }
        (void)snprintf(array + n, sizeof array - n, "]");
        http_line_expect(h, 202, "POST", "/v1/jobs", array);
    }
    int64_t left = (base - measure_now_ns()) / 1000000;
    uint64_t got = samples_wait(samples, DELAYED, lead_ns + INT64_C(60000000000));
    uint64_t early = 0;
    while (early < got && samples->us[early] < -1000) {
        early++;
    }
    (void)snprintf(extra, sizeof extra,
                   "\"n\":%" PRIu64 ",\"early\":%" PRIu64 ",\"lead_left_ms\":%" PRId64, got, early,
                   left);
    measure_emit("delayed_late_p50", samples_percentile(samples->us, got, 50), "ms", extra);
    measure_emit("delayed_late_p99", samples_percentile(samples->us, got, 99), "ms", extra);
}

/* ---- steps ---- */

struct load {
    const char *socket;
    atomic_int next;
    int jobs;
    int64_t us[JOBS_MAX]; /* from before the submission to its end */
};

static void run_one(struct http_line *h) {
    const char *body;
    char target[96];
    int status =
        http_line_call(h, "POST", "/v1/jobs", "{\"type\":\"bench.steps\",\"payload\":10}", &body);
    const char *id = strstr(body, "\"id\":\"");
    if (status != 202 || id == NULL) {
        (void)fprintf(stderr, "submit: %d %.300s\n", status, body);
        exit(1);
    }
    (void)snprintf(target, sizeof target, "/v1/jobs/%.36s/events", id + 6);
    http_line_drain(h, target);
}

static void *client(void *arg) {
    struct load *l = arg;
    struct http_line *h = http_line_open(l->socket);
    for (int i; (i = atomic_fetch_add(&l->next, 1)) < l->jobs;) {
        int64_t begin = measure_now_ns();
        run_one(h);
        l->us[i] = (measure_now_ns() - begin) / 1000;
    }
    http_line_close(h);
    return NULL;
}

/* Seconds. */
static double run_load(struct load *l, int in_flight, int jobs) {
    pthread_t threads[IN_FLIGHT_MAX];
    l->jobs = jobs;
    atomic_store(&l->next, 0);
    int64_t begin = measure_now_ns();
    for (int i = 0; i < in_flight; i++) {
        if (pthread_create(&threads[i], NULL, client, l) != 0) {
            measure_die("pthread_create");
        }
    }
    for (int i = 0; i < in_flight; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    return measure_seconds_since(begin);
}

static void steps(const struct target *t) {
    static struct load l;
    static const struct { int in_flight, jobs; } loads[] = {{1, 400}, {16, 3200}, {64, 4000}};
    l.socket = t->socket;
    (void)run_load(&l, 10, 200);
    for (size_t i = 0; i < sizeof loads / sizeof loads[0]; i++) {
        char extra[64];
        double host = measure_cpu_s(t->host), worker = measure_cpu_s(t->worker);
        double s = run_load(&l, loads[i].in_flight, loads[i].jobs);
        int n = loads[i].jobs * STEPS;
        (void)snprintf(extra, sizeof extra, "\"conc\":%d,\"workflows\":%d,\"steps\":%d",
                       loads[i].in_flight, loads[i].jobs, STEPS);
        measure_emit("durable_steps_per_s", n / s, "steps/s", extra);
        measure_emit("step_cpu_server", (measure_cpu_s(t->host) - host) / n * 1e6, "us/step",
                     extra);
        measure_emit("step_cpu_worker", (measure_cpu_s(t->worker) - worker) / n * 1e6, "us/step",
                     extra);
        samples_sort(l.us, (uint64_t)loads[i].jobs);
        measure_emit("workflow_ms_p50", samples_percentile(l.us, (uint64_t)loads[i].jobs, 50), "ms",
                     extra);
    }
}

int main(int argc, char **argv) {
    if (argc != 5) {
        (void)fprintf(stderr, "usage: durable HOST_PID WORKER_PID SOCKET SAMPLES\n");
        return 2;
    }
    struct target t = {.host = atoi(argv[1]), .worker = atoi(argv[2]), .socket = argv[3]};
    struct samples *samples = samples_map(argv[4], DELAYED);
    if (measure_wants("delayed")) {
        struct http_line *h = http_line_open(t.socket);
        delayed(h, samples);
        http_line_close(h);
    }
    if (measure_wants("steps")) {
        steps(&t);
    }
    return 0;
}
