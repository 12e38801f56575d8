/* The plugin that is reloaded. Each process leaves three moments in a file that the benchmark maps (option `samples`): when it was
 * loaded, when create() had ended, when its first job began. reload.mark notes besides how long its job took from the submitter's
 * clock (the payload is CLOCK_MONOTONIC nanoseconds in decimal); reload.long takes as many milliseconds as its payload says, in steps. */
#define _POSIX_C_SOURCE 200809L
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#ifdef RELOAD_HEAVY
#include <openssl/ssl.h>
#include <sqlite3.h>
#endif

#include "jobhost_util.h"

enum { PROCESSES_MAX = 4096, LONG_STEP_MS = 200 };

struct process {
    int64_t pid, loaded_ns, created_ns;
    _Atomic int64_t first_ns;
};

/* Shared with reload.py. */
struct samples {
    _Atomic uint64_t process_count, job_count;
    struct process processes[PROCESSES_MAX];
    int64_t job_us[];
};

struct reload {
    struct samples *samples;
    struct process *own;
    uint64_t cap;
};

static int64_t loaded_ns;

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

__attribute__((constructor)) static void note_load(void) {
    loaded_ns = now_ns();
}

// What a plugin that talks to the world and keeps a database begins with.
static int use_libraries(void) {
#ifdef RELOAD_HEAVY
    static SSL_CTX *tls;
    static sqlite3 *db;
    tls = SSL_CTX_new(TLS_client_method());
    return tls == NULL || sqlite3_open("reload.db", &db) != SQLITE_OK;
#else
    return 0;
#endif
}

static int map_samples(struct reload *r, const char *path) {
    struct stat st;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd == -1 || fstat(fd, &st) == -1) {
        return 1;
    }
    void *map = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    (void)close(fd);
    if (map == MAP_FAILED) {
        return 1;
    }
    r->samples = map;
    r->cap = ((uint64_t)st.st_size - sizeof(struct samples)) / sizeof(int64_t);
    return 0;
}

static int reload_create(struct jh_call *c, void **self) {
    struct reload *r = calloc(1, sizeof *r);
    *self = r;
    if (r == NULL || map_samples(r, c->host->config(c, "samples")) != 0 || use_libraries() != 0) {
        (void)jh_failf(c, JH_E_RESOURCE, "samples", "it cannot be set up");
        free(r);
        return 1;
    }
    uint64_t i = atomic_fetch_add(&r->samples->process_count, 1) % PROCESSES_MAX;
    r->own = &r->samples->processes[i];
    r->own->pid = getpid();
    r->own->loaded_ns = loaded_ns;
    atomic_store(&r->own->first_ns, 0);
    r->own->created_ns = now_ns();
    return 0;
}

static void reload_destroy(void *self) {
    free(self);
}

static void note_first(struct reload *r, int64_t now) {
    int64_t none = 0;
    (void)atomic_compare_exchange_strong(&r->own->first_ns, &none, now);
}

static int64_t number(struct jh_bytes text) {
    char copy[24] = "";
    (void)snprintf(copy, sizeof copy, "%.*s", (int)text.len, (const char *)text.data);
    return strtoll(copy, NULL, 10);
}

static jh_status reload_mark(void *self, struct jh_call *c, const struct jh_job *job) {
    struct reload *r = self;
    int64_t now = now_ns();
    (void)c;
    note_first(r, now);
    uint64_t i = atomic_fetch_add(&r->samples->job_count, 1);
    if (i < r->cap) {
        r->samples->job_us[i] = (now - number(job->payload)) / 1000;
    }
    return JH_OK;
}

// A step each, so that what is asked to stop goes on from there.
static jh_status reload_long(void *self, struct jh_call *c, const struct jh_job *job) {
    note_first(self, now_ns());
    for (int64_t i = 0; i < number(job->payload) / LONG_STEP_MS; i++) {
        char step[24];
        struct jh_bytes seen;
        (void)snprintf(step, sizeof step, "%" PRId64, i);
        int found = c->host->step_get(c, step, &seen);
        bool stop = found == 1 &&
                    (c->host->sleep_ms(c, LONG_STEP_MS) != 0 || jh_step_puts(c, step, "1") < 0);
        if (found < 0 || stop) {
            return jh_stop(c);
        }
    }
    return JH_OK;
}

static const struct jh_option reload_options[] = {
    {"samples", JH_OPT_STRING, JH_OPT_REQUIRED, NULL, "file that moments are written to"},
    {NULL, 0, 0, NULL, NULL},
};
static const struct jh_handler reload_handlers[] = {
    {.name = "reload.mark",
     .summary = "notes its start latency",
     .run = reload_mark,
     .flags = JH_HANDLER_CONCURRENT},
    {.name = "reload.long",
     .summary = "takes a while",
     .run = reload_long,
     .flags = JH_HANDLER_CONCURRENT,
     .state_version = 1},
};
JH_EXPORT const struct jh_plugin jobhost_plugin = {
    JH_PLUGIN_INIT,
    .name = "reload",
    .version = "1.0.0",
    .options = reload_options,
    .handlers = reload_handlers,
    .handler_count = 2,
    .create = reload_create,
    .destroy = reload_destroy,
};
