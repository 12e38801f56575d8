/* How fast and how large the store is, through its asynchronous interface: no-op jobs, 200-byte
 * payloads, submitted in batches of 100, drained by claims and commits of 64, synchronous=FULL.
 *
 *     bench_store [-n JOBS] [-t TENANTS] [-d DIR | -u URL] [cycle|size|growth|open]...
 *
 * By default cycle and size. With -t the jobs belong to so many tenants in turn.
 *
 * cycle   enqueue then drain, jobs/s, and processor time a job
 * size    bytes of disk per 100k queued jobs
 * growth  cost of submit and of claim + commit while 1k .. 1M jobs wait
 * open    time until a store in which JOBS wait is open, and then until its first claim is answered
 *
 * URL is that of a Redis with an empty database; its size is told by the server.
 *
 * One line of JSON per figure, as bench/peers prints them: {"metric":..., "value":..., "unit":...}.
 */
#include <event2/event.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bare_store.h"
#include "core/id.h"

enum { PAYLOAD = 200, SUBMIT_BATCH = 100, CLAIM_BATCH = 64, SUBMITS_OUT = 16, CLAIMS_OUT = 4 };
enum { TENANTS_MAX = 1000000, TENANT_TEXT = 32 };

static char tenants[TENANTS_MAX][TENANT_TEXT];

struct bench {
    struct bare_store bare;
    struct id_gen ids;
    const char *dir, *url;
    char payload[PAYLOAD];
    uint64_t goal, submitted, acked, finished;
    uint32_t claims_out, commits_out;
    int64_t keep_ms;
    uint64_t tenants;
};

static void emit(const char *metric, double value, const char *unit, const char *extra) {
    (void)printf(
        "{\"peer\":\"jobhost-store\",\"metric\":\"%s\",\"value\":%.2f,\"unit\":\"%s\"%s}\n", metric,
        value, unit, extra);
    (void)fflush(stdout);
}

static double seconds(int64_t from_us) {
    return (double)(env_stopwatch_us() - from_us) / 1e6;
}

/* ------------------------------------------------------------------ submitting */

struct submit {
    struct store_submit s;
    struct bench *bench;
    struct store_submit_item items[SUBMIT_BATCH];
    struct job_spec specs[SUBMIT_BATCH];
};

static bool post_submit(struct submit *x, size_t count);

static void on_submitted(struct store_op *op) {
    struct submit *x = (struct submit *)(void *)op;
    if (op->status < 0) {
        bare_store_die("submit", &op->err);
    }
    x->bench->acked += x->s.count;
    store_op_finish(op);
    if (!post_submit(x, SUBMIT_BATCH)) {
        free(x);
    }
}

static bool post_submit(struct submit *x, size_t count) {
    struct bench *b = x->bench;
    if (b->submitted >= b->goal) {
        return false;
    }
    int64_t now = bare_store_now_ms(&b->bare);
    for (size_t i = 0; i < count; i++) {
        x->specs[i] = (struct job_spec){.id = id_next(&b->ids, now),
                                        .queue = "bench",
                                        .type = "bench.noop",
                                        .priority = PRIORITY_NORMAL,
                                        .payload = {b->payload, PAYLOAD},
                                        .max_attempts = 3,
                                        .timeout_ms = 300000};
        if (b->tenants > 0) {
            x->specs[i].tenant = tenants[(b->submitted + i) % b->tenants];
        }
        x->items[i] = (struct store_submit_item){.spec = &x->specs[i]};
    }
    x->s = (struct store_submit){.items = x->items, .count = count};
    x->s.op.kind = STORE_SUBMIT;
    x->s.op.now_ms = now;
    x->s.op.done = on_submitted;
    b->submitted += count;
    store_post(&b->bare.store, &x->s.op);
    return true;
}

static void enqueue(struct bench *b, uint64_t count) {
    b->goal = b->submitted + count;
    for (int i = 0; i < SUBMITS_OUT; i++) {
        struct submit *x = calloc(1, sizeof *x);
        x->bench = b;
        if (!post_submit(x, SUBMIT_BATCH)) {
            free(x);
        }
    }
    while (b->acked < b->goal) {
        (void)event_base_loop(b->bare.base, EVLOOP_ONCE);
    }
}

/* ------------------------------------------------------------------ draining */

struct claim {
    struct store_claim c;
    struct store_commit m;
    struct bench *bench;
    struct store_claim_want want;
    struct store_commit_item items[CLAIM_BATCH];
};

static void post_claim(struct claim *x);

static void on_committed(struct store_op *op) {
    struct claim *x = (struct claim *)(void *)((char *)op - offsetof(struct claim, m));
    struct bench *b = x->bench;
    for (size_t i = 0; i < x->m.count; i++) {
        if (op->status < 0 || x->items[i].status < 0) {
            bare_store_die("commit", &op->err);
        }
    }
    b->finished += x->m.count;
    b->commits_out--;
    store_op_finish(op);
    store_op_finish(&x->c.op);
    free(x);
}

static void on_claimed(struct store_op *op) {
    struct claim *x = (struct claim *)(void *)op;
    struct bench *b = x->bench;
    if (op->status < 0) {
        bare_store_die("claim", &op->err);
    }
    b->claims_out--;
    if (x->c.job_count == 0) {
        store_op_finish(op);
        free(x);
        return;
    }
    for (size_t i = 0; i < x->c.job_count; i++) {
        const struct store_claimed *job = &x->c.jobs[i];
        x->items[i] = (struct store_commit_item){.id = job->spec.id,
                                                 .token = job->token,
                                                 .commit_no = job->commit_no + 1,
                                                 .event = JOB_EV_SUCCEED,
                                                 .counters = {.attempts = 1, .executions = 1},
                                                 .first_run_ms = bare_store_now_ms(&b->bare),
                                                 .keep_ms = b->keep_ms};
    }
    x->m = (struct store_commit){.items = x->items, .count = x->c.job_count};
    x->m.op.kind = STORE_COMMIT;
    x->m.op.now_ms = bare_store_now_ms(&b->bare);
    x->m.op.done = on_committed;
    b->commits_out++;
    store_post(&b->bare.store, &x->m.op);
    struct claim *next = calloc(1, sizeof *next); // commit and next claim share a transaction
    next->bench = b;
    post_claim(next);
}

static void post_claim(struct claim *x) {
    struct bench *b = x->bench;
    x->want = (struct store_claim_want){.lane = {"bench", "bench.noop"}, .limit = CLAIM_BATCH};
    x->c = (struct store_claim){.wants = &x->want, .want_count = 1, .host_nonce = 1};
    x->c.op.kind = STORE_CLAIM;
    x->c.op.now_ms = bare_store_now_ms(&b->bare);
    x->c.op.done = on_claimed;
    b->claims_out++;
    store_post(&b->bare.store, &x->c.op);
}

static void drain(struct bench *b) {
    for (int i = 0; i < CLAIMS_OUT; i++) {
        struct claim *x = calloc(1, sizeof *x);
        x->bench = b;
        post_claim(x);
    }
    while (b->claims_out + b->commits_out > 0) {
        (void)event_base_loop(b->bare.base, EVLOOP_ONCE);
    }
}

/* ------------------------------------------------------------------ figures */

static void open_store(struct bench *b) {
    char url[400];
    (void)snprintf(url, sizeof url, "sqlite:%s/bench.db", b->dir);
    bare_store_open(&b->bare, b->url != NULL ? b->url : url, b->dir);
}

static void wipe(struct bench *b) {
    bare_store_unlink(b->dir, "bench");
    b->submitted = b->acked = b->finished = b->goal = 0;
}

static void measure_cycle(struct bench *b, uint64_t jobs) {
    char extra[96];
    (void)snprintf(extra, sizeof extra, ",\"jobs\":%" PRIu64 ",\"sync\":\"FULL\"", jobs);
    b->keep_ms = 86400000;
    wipe(b);
    open_store(b);
    int64_t t0 = env_stopwatch_us();
    double cpu0 = bare_store_cpu_us();
    enqueue(b, jobs);
    double put = seconds(t0), cpu_put = bare_store_cpu_us() - cpu0;
    int64_t t1 = env_stopwatch_us();
    drain(b);
    double get = seconds(t1), all = seconds(t0);
    double cpu_get = bare_store_cpu_us() - cpu0 - cpu_put;
    if (b->finished != jobs) {
        (void)fprintf(stderr, "only %" PRIu64 " jobs were drained\n", b->finished);
        exit(1);
    }
    emit("enqueue", (double)jobs / put, "jobs/s", extra);
    emit("drain", (double)jobs / get, "jobs/s", extra);
    emit("cycle", (double)jobs / all, "jobs/s", extra);
    emit("enqueue_cpu", cpu_put / (double)jobs, "us/job", extra);
    emit("drain_cpu", cpu_get / (double)jobs, "us/job", extra);
    bare_store_close(&b->bare);
}

static uint64_t used_bytes(struct bench *b) {
    struct store_stats stats = {.disk_bytes = 0};
    bare_store_run(&b->bare, &stats.op, STORE_STATS);
    uint64_t bytes = stats.disk_bytes;
    store_op_finish(&stats.op);
    return bytes;
}

static void measure_size(struct bench *b, uint64_t jobs) {
    wipe(b);
    open_store(b);
    if (b->url != NULL) {
        uint64_t before = used_bytes(b);
        enqueue(b, jobs);
        emit("memory_per_100k_queued",
             (double)(used_bytes(b) - before) / (double)jobs * 1e5 / 1048576, "MiB",
             ",\"payload\":200");
        drain(b);
        bare_store_close(&b->bare);
        return;
    }
    enqueue(b, jobs);
    bare_store_close(&b->bare); // checkpoints
    emit("disk_per_100k_queued",
         bare_store_file_bytes(b->dir, "bench") / (double)jobs * 1e5 / 1048576, "MiB",
         ",\"payload\":200");
}

static void measure_growth(struct bench *b, uint64_t most) {
    wipe(b);
    open_store(b);
    for (uint64_t waiting = 1000; waiting <= most; waiting *= 10) {
        char extra[64];
        (void)snprintf(extra, sizeof extra, ",\"waiting\":%" PRIu64, waiting);
        enqueue(b, waiting - (b->submitted - b->finished));
        int64_t t = env_stopwatch_us();
        enqueue(b, 20000);
        emit("submit_cost", seconds(t) * 1e6 / 20000, "us/job", extra);
        uint64_t before = b->finished;
        t = env_stopwatch_us();
        struct claim *x = calloc(1, sizeof *x);
        x->bench = b;
        post_claim(x);
        while (b->finished < before + 20000 && b->claims_out + b->commits_out > 0) {
            (void)event_base_loop(b->bare.base, EVLOOP_ONCE);
        }
        emit("claim_commit_cost", seconds(t) * 1e6 / (double)(b->finished - before), "us/job",
             extra);
        drain(b);
    }
    bare_store_close(&b->bare);
}

static void measure_open(struct bench *b, uint64_t jobs) {
    char extra[64];
    (void)snprintf(extra, sizeof extra, ",\"waiting\":%" PRIu64, jobs);
    wipe(b);
    open_store(b);
    enqueue(b, jobs);
    bare_store_close(&b->bare);
    int64_t t = env_stopwatch_us();
    open_store(b);
    emit("open", seconds(t) * 1e3, "ms", extra);
    struct store_claim_want want = {.lane = {"bench", "bench.noop"}, .limit = 1};
    struct store_claim claim = {.wants = &want, .want_count = 1, .host_nonce = 1};
    t = env_stopwatch_us();
    bare_store_run(&b->bare, &claim.op, STORE_CLAIM);
    emit("first_claim", seconds(t) * 1e3, "ms", extra);
    store_op_finish(&claim.op);
    bare_store_close(&b->bare);
}

static void name_tenants(struct bench *b, uint64_t count) {
    b->tenants = count > TENANTS_MAX ? TENANTS_MAX : count;
    for (uint64_t i = 0; i < b->tenants; i++) {
        (void)snprintf(tenants[i], TENANT_TEXT, "tenant-%" PRIu64, i);
    }
}

int main(int argc, char **argv) {
    struct bench b = {.dir = NULL};
    uint64_t jobs = 200000;
    int opt = 0;
    char made[] = "/tmp/jobhost-bench-XXXXXX";
    while ((opt = getopt(argc, argv, "n:t:d:u:")) != -1) {
        if (opt == 'n') {
            jobs = strtoull(optarg, NULL, 10);
        } else if (opt == 't') {
            name_tenants(&b, strtoull(optarg, NULL, 10));
        } else if (opt == 'd') {
            b.dir = optarg;
        } else if (opt == 'u') {
            b.url = optarg;
        } else {
            return 2;
        }
    }
    b.dir = b.dir != NULL ? b.dir : mkdtemp(made);
    bare_store_begin(&b.bare);
    id_gen_init(&b.ids, 1);
    memset(b.payload, 'x', sizeof b.payload);
    bool all = optind == argc;
    for (int i = optind; i < argc || all; i++) {
        const char *what = all ? "" : argv[i];
        if (all || strcmp(what, "cycle") == 0) {
            measure_cycle(&b, jobs);
        }
        if (all || strcmp(what, "size") == 0) {
            measure_size(&b, 100000);
        }
        if (!all && strcmp(what, "growth") == 0) {
            measure_growth(&b, 1000000);
        }
        if (!all && strcmp(what, "open") == 0) {
            measure_open(&b, jobs);
        }
        all = false;
    }
    wipe(&b);
    bare_store_end(&b.bare);
    return 0;
}
