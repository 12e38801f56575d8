/* The no-op benchmark of one host: enqueue N jobs of 200 bytes over one HTTP connection in arrays of 100, drain them with one worker
 * process, then start latency at 200 jobs/s, idle CPU, memory and disk. Prints one line of JSON a measurement, in the form of the peer
 * benchmarks, so that they can be put side by side. Ratios are what counts, never these numbers by themselves.
 *
 *     noop HOST_PID WORKER_PID SOCKET SAMPLES_FILE STORE_FILE|redis:PORT
 *
 * N=jobs (100000); ONLY=idle,latency,throughput chooses among its parts. */
#define _POSIX_C_SOURCE 200809L
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "server_info.h"

enum { ARRAY = 100, PAYLOAD = 200, RATE = 200, LATENCY_S = 5, IDLE_S = 6, WARM = 20 };

struct samples {
    _Atomic uint64_t count;
    int64_t us[];
};

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static double seconds_since(int64_t ns) {
    return (double)(now_ns() - ns) / 1e9;
}

static void sleep_ns(int64_t ns) {
    struct timespec t = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
    (void)nanosleep(&t, NULL);
}

static void die(const char *what) {
    perror(what);
    exit(1);
}

/* ---- one HTTP connection ---- */

struct http {
    int fd;
    char in[1 << 20];
    size_t len;
};

static struct http *http_open(const char *path) {
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    struct http *h = calloc(1, sizeof *h);
    if (h == NULL || strlen(path) >= sizeof to.sun_path) {
        die("socket path");
    }
    strcpy(to.sun_path, path);
    h->fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (h->fd == -1 || connect(h->fd, (struct sockaddr *)&to, sizeof to) == -1) {
        die(path);
    }
    return h;
}

static void http_send(struct http *h, const char *data, size_t len) {
    while (len > 0) {
        ssize_t n = write(h->fd, data, len);
        if (n <= 0) {
            die("write");
        }
        data += n;
        len -= (size_t)n;
    }
}

/* Reads one answer; its status and, in *ret_body, its body (valid until the next call). */
static int http_answer(struct http *h, const char **ret_body) {
    static size_t consumed;
    memmove(h->in, h->in + consumed, h->len - consumed);
    h->len -= consumed;
    for (;;) {
        h->in[h->len] = '\0';
        const char *end = strstr(h->in, "\r\n\r\n");
        const char *length = end == NULL ? NULL : strstr(h->in, "ontent-Length: ");
        if (length == NULL && end != NULL) {
            length = strstr(h->in, "ontent-length: ");
        }
        if (length != NULL) {
            size_t body = (size_t)(end + 4 - h->in), want = strtoul(length + 15, NULL, 10);
            if (h->len >= body + want) {
                *ret_body = h->in + body;
                consumed = body + want;
                return atoi(h->in + 9);
            }
        }
        ssize_t n = read(h->fd, h->in + h->len, sizeof h->in - 1 - h->len);
        if (n <= 0) {
            die("read");
        }
        h->len += (size_t)n;
    }
}

static int http_call(struct http *h, const char *method, const char *target, const char *body,
                     const char **ret_body) {
    static char out[256 * 1024];
    size_t len = body == NULL ? 0 : strlen(body);
    int n = snprintf(out, sizeof out,
                     "%s %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
                     "application/json\r\nContent-Length: %zu\r\n\r\n%s",
                     method, target, len, body == NULL ? "" : body);
    http_send(h, out, (size_t)n);
    return http_answer(h, ret_body);
}

static void http_expect(struct http *h, int want, const char *method, const char *target,
                        const char *body) {
    const char *got;
    int status = http_call(h, method, target, body, &got);
    if (status != want) {
        fprintf(stderr, "%s %s: %d %.300s\n", method, target, status, got);
        exit(1);
    }
}

/* A number of GET /v1/queues; there is only one queue. */
static int64_t queue_number(struct http *h, const char *key) {
    const char *body;
    char pattern[64];
    if (http_call(h, "GET", "/v1/queues", NULL, &body) != 200) {
        return 0;
    }
    snprintf(pattern, sizeof pattern, "\"%s\":", key);
    const char *at = strstr(body, pattern);
    return at == NULL ? 0 : strtoll(at + strlen(pattern), NULL, 10);
}

/* ---- what the kernel says of a process ---- */

static double cpu_seconds(int pid) {
    char path[64], text[1024];
    unsigned long user = 0, sys = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *f = fopen(path, "r");
    if (f == NULL || fgets(text, sizeof text, f) == NULL) {
        die(path);
    }
    const char *p = strrchr(text, ')');
    if (sscanf(p + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &sys) != 2) {
        die(path);
    }
    fclose(f);
    return (double)(user + sys) / (double)sysconf(_SC_CLK_TCK);
}

static double rss_mib(int pid) {
    char path[64], line[256];
    long kib = 0;
    snprintf(path, sizeof path, "/proc/%d/status", pid);
    FILE *f = fopen(path, "r");
    while (f != NULL && fgets(line, sizeof line, f) != NULL &&
           sscanf(line, "VmRSS: %ld", &kib) != 1) {
    }
    if (f != NULL) {
        fclose(f);
    }
    return (double)kib / 1024;
}

static void emit(const char *metric, double value, const char *unit, const char *extra) {
    printf(
        "{\"peer\":\"jobhost\",\"metric\":\"%s\",\"value\":%.*f,\"unit\":\"%s\",\"run\":%s%s%s}\n",
        metric, value < 100 ? 3 : 0, value, unit, getenv("RUN") == NULL ? "1" : getenv("RUN"),
        extra[0] == '\0' ? "" : ",", extra);
    fflush(stdout);
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
    return (struct cpu){cpu_seconds(t->host), cpu_seconds(t->worker), cpu_seconds((int)getpid()),
                        server_look(t->server).cpu_s};
}

static void emit_cpu(const struct target *t, const char *phase, struct cpu a, struct cpu b, int n) {
    char metric[64];
    snprintf(metric, sizeof metric, "%s_cpu_host", phase);
    emit(metric, (b.host - a.host) / n * 1e6, "us/job", "");
    snprintf(metric, sizeof metric, "%s_cpu_worker", phase);
    emit(metric, (b.worker - a.worker) / n * 1e6, "us/job", "");
    snprintf(metric, sizeof metric, "%s_cpu_client", phase);
    emit(metric, (b.client - a.client) / n * 1e6, "us/job", "");
    if (t->server != NULL) {
        snprintf(metric, sizeof metric, "%s_cpu_server", phase);
        emit(metric, (b.server - a.server) / n * 1e6, "us/job", "");
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

static void throughput(struct http *h, const struct target *t, int jobs) {
    static char array[ARRAY * (PAYLOAD + 64)];
    char extra[64];
    make_array(array, sizeof array);
    http_expect(h, 200, "POST", "/v1/queues/bench/pause", "{\"why\":\"enqueue first\"}");
    double size = store_size(t);
    struct cpu c0 = cpu_now(t);
    int64_t begin = now_ns();
    for (int i = 0; i < jobs; i += ARRAY) {
        http_expect(h, 202, "POST", "/v1/jobs", array);
    }
    double enqueue = seconds_since(begin);
    struct cpu c1 = cpu_now(t);
    snprintf(extra, sizeof extra, "\"n\":%d,\"chunk\":%d", jobs, ARRAY);
    emit("enqueue_batch_per_s", jobs / enqueue, "jobs/s", extra);
    emit_cpu(t, "enqueue", c0, c1, jobs);
    emit(t->server != NULL ? "store_mem_per_100k" : "store_disk_per_100k",
         (store_size(t) - size) / 1048576 / jobs * 1e5, "MiB", "\"payload\":200");
    begin = now_ns();
    http_expect(h, 200, "POST", "/v1/queues/bench/resume", "{}");
    while (queue_number(h, "queued") + queue_number(h, "running") > 0) {
        sleep_ns(2000000);
    }
    double drain = seconds_since(begin);
    struct cpu c2 = cpu_now(t);
    snprintf(extra, sizeof extra, "\"n\":%d", jobs);
    emit("drain_per_s", jobs / drain, "jobs/s", extra);
    emit_cpu(t, "drain", c1, c2, jobs);
    emit("enqueue_then_drain_per_s", jobs / (enqueue + drain), "jobs/s", extra);
}

static int compare(const void *a, const void *b) {
    int64_t x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

static void latency(struct http *h, struct samples *samples) {
    char body[128], extra[64];
    int n = RATE * LATENCY_S;
    int64_t begin = now_ns();
    for (int i = -WARM; i < n; i++) {
        int64_t wait = begin + (int64_t)(i + WARM) * (1000000000 / RATE) - now_ns();
        if (wait > 0) {
            sleep_ns(wait);
        }
        if (i == 0) {
            atomic_store(&samples->count, 0);
        }
        snprintf(body, sizeof body, "{\"type\":\"bench.latency\",\"payload\":%" PRId64 "}",
                 now_ns());
        http_expect(h, 202, "POST", "/v1/jobs", body);
    }
    for (int i = 0; i < 5000 && atomic_load(&samples->count) < (uint64_t)n; i++) {
        sleep_ns(1000000);
    }
    size_t got = (size_t)atomic_load(&samples->count);
    if (got == 0) {
        die("no latency samples");
    }
    qsort(samples->us, got, sizeof samples->us[0], compare);
    snprintf(extra, sizeof extra, "\"n\":%zu,\"rate\":%d", got, RATE);
    emit("latency_start_p50", (double)samples->us[got / 2] / 1000, "ms", extra);
    emit("latency_start_p99", (double)samples->us[got * 99 / 100] / 1000, "ms", extra);
}

static void idle(const struct target *t) {
    struct cpu a = cpu_now(t);
    sleep_ns((int64_t)IDLE_S * 1000000000);
    struct cpu b = cpu_now(t);
    emit("idle_cpu_host", (b.host - a.host) / IDLE_S * 100, "%", "");
    emit("idle_cpu_worker", (b.worker - a.worker) / IDLE_S * 100, "%", "");
}

static void memory(const struct target *t) {
    emit("rss_host", rss_mib(t->host), "MiB", "");
    emit("rss_worker", rss_mib(t->worker), "MiB", "");
}

static bool wanted(const char *part) {
    const char *only = getenv("ONLY");
    return only == NULL || strstr(only, part) != NULL;
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
    struct http *h = http_open(argv[3]);
    size_t size = sizeof(struct samples) + (RATE * LATENCY_S + WARM) * sizeof(int64_t);
    int fd = open(argv[4], O_RDWR);
    struct samples *samples = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (fd == -1 || samples == MAP_FAILED) {
        die(argv[4]);
    }
    int jobs = getenv("N") == NULL ? 100000 : atoi(getenv("N"));
    if (wanted("idle")) {
        memory(&t);
        idle(&t);
    }
    if (wanted("latency")) {
        latency(h, samples);
    }
    if (wanted("throughput")) {
        throughput(h, &t, jobs);
        memory(&t);
    }
    return 0;
}
