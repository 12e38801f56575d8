#include "bare_store.h"

#include <event2/event.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

void bare_store_die(const char *what, const struct err *e) {
    (void)fprintf(stderr, "%s: %s\n", what, e == NULL ? "it is not as it should be" : e->msg);
    exit(1);
}

void bare_store_begin(struct bare_store *s) {
    (void)env_open(&s->env, NULL);
    s->base = event_base_new();
}

void bare_store_end(struct bare_store *s) {
    event_base_free(s->base);
}

/* ------------------------------------------------------------------ the store */

// Claims follow each other here without being called.
static void on_ready(void *arg, const struct store_lane *lane) {
    (void)arg;
    (void)lane;
}

static void on_due(void *arg, int64_t due_ms) {
    (void)arg;
    (void)due_ms;
}

static void on_health(void *arg, const struct err *why) {
    (void)arg;
    if (why != NULL) {
        (void)fprintf(stderr, "%s\n", why->msg);
    }
}

void bare_store_open(struct bare_store *s, const char *url, const char *dir) {
    char blobs[400];
    struct err e = {.code = 0};
    struct store_events events = {.ready = on_ready, .due = on_due, .health = on_health};
    (void)snprintf(blobs, sizeof blobs, "%s/blobs", dir);
    struct store_config config = {.url = url, .blob_dir = blobs};
    if (store_open(&config, s->base, NULL, &s->env, &events, &s->store, &e) < 0) {
        bare_store_die("open", &e);
    }
}

void bare_store_close(struct bare_store *s) {
    store_close(&s->store);
}

void bare_store_unlink(const char *dir, const char *name) {
    static const char *const ends[] = {"", "-wal", "-shm", ".lock"};
    char path[440];
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        (void)snprintf(path, sizeof path, "%s/%s.db%s", dir, name, ends[i]);
        (void)unlink(path);
    }
}

double bare_store_file_bytes(const char *dir, const char *name) {
    char path[440];
    struct stat st = {.st_size = 0};
    (void)snprintf(path, sizeof path, "%s/%s.db", dir, name);
    (void)stat(path, &st);
    return (double)st.st_size;
}

int64_t bare_store_now_ms(const struct bare_store *s) {
    return env_wall_ms(&s->env);
}

static void on_done(struct store_op *op) {
    *(bool *)op->arg = true;
}

void bare_store_run(struct bare_store *s, struct store_op *op, enum store_op_kind kind) {
    bool done = false;
    op->kind = kind;
    op->done = on_done;
    op->arg = &done;
    op->now_ms = bare_store_now_ms(s);
    store_post(&s->store, op);
    while (!done) {
        (void)event_base_loop(s->base, EVLOOP_ONCE);
    }
    if (op->status < 0) {
        bare_store_die("an operation", &op->err);
    }
}

double bare_store_cpu_us(void) {
    struct rusage u;
    (void)getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}
