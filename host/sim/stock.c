#define _XOPEN_SOURCE 700 // nftw, mkdtemp
#include "sim/stock.h"

#include <errno.h>
#include <event2/event.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OPEN_FILES = 16 };

/* ------------------------------------------------------------------ a folder */

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw) {
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path) == -1 && errno != ENOENT ? -1 : 0;
}

// Memory if there is a place in it: a simulation syncs for nobody.
static int make_folder(struct stock *s, struct err *e) {
    const char *named = getenv("TMPDIR");
    const char *const places[] = {"/dev/shm", named == NULL ? "/tmp" : named, "/tmp"};
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        int n = snprintf(s->dir, sizeof s->dir, "%s/jobhost-sim-XXXXXX", places[i]);
        if (n > 0 && (size_t)n < sizeof s->dir && mkdtemp(s->dir) != NULL) {
            return 0;
        }
    }
    s->dir[0] = '\0';
    return err_errno(e, -errno, "no folder for the store in /dev/shm or TMPDIR");
}

/* ------------------------------------------------------------------ opening */

static void on_ready(void *arg, const struct store_lane *lane) {
    struct stock *s = arg;
    s->ready(s->arg, lane);
}

static void on_due(void *arg, int64_t due_ms) {
    struct stock *s = arg;
    s->due_ms = due_ms < s->due_ms ? due_ms : s->due_ms;
}

static void on_outbox(void *arg) {
    ((struct stock *)arg)->outbox = true;
}

static void on_health(void *arg, const struct err *why) {
    struct stock *s = arg;
    if (why != NULL && s->failure.code == 0) {
        s->failure = *why;
        s->failure.code = why->code == 0 ? -EIO : why->code;
    }
}

static int open_store(struct stock *s, const struct config *config, struct err *e) {
    char url[PATH_MAX + 32], blobs[PATH_MAX + 32];
    const struct store_events events = {
        .ready = on_ready, .due = on_due, .outbox = on_outbox, .health = on_health, .arg = s};
    (void)snprintf(url, sizeof url, "sqlite:%s/store.db", s->dir);
    (void)snprintf(blobs, sizeof blobs, "%s/blobs", s->dir);
    int r = host_store_init(&s->made, config, e);
    if (r == 0) {
        s->made.config.url = url;
        s->made.config.blob_dir = blobs;
        s->made.config.blob_dir_shared = false;
        s->made.config.fallback = NULL;
        s->made.config.may_wait = false;
        r = store_open(&s->made.config, s->base, &s->log, &s->env, &events, &s->store, e);
    }
    return r;
}

int stock_open(struct stock *ret, const struct config *config,
               void (*ready)(void *arg, const struct store_lane *lane), void *arg, struct err *e) {
    *ret = (struct stock){
        .clock = {.magic = ENV_CLOCK_MAGIC},
        .log = {.fd = -1},
        .due_ms = INT64_MAX,
        .ready = ready,
        .arg = arg,
    };
    ret->env.clock = &ret->clock;
    ret->log.env = &ret->env;
    ret->base = event_base_new();
    int r = ret->base == NULL ? err_set(e, -ENOMEM, "out of memory") : make_folder(ret, e);
    return r == 0 ? open_store(ret, config, e) : r;
}

void stock_close(struct stock *s) {
    if (s->store.ops != NULL) {
        store_close(&s->store);
    }
    host_store_finish(&s->made);
    if (s->base != NULL) {
        event_base_free(s->base);
    }
    if (s->dir[0] != '\0') {
        (void)nftw(s->dir, remove_one, OPEN_FILES, FTW_DEPTH | FTW_PHYS);
    }
    *s = (struct stock){.dir = ""};
}

/* ------------------------------------------------------------------ operations */

static void on_done(struct store_op *op) {
    struct stock *s = op->arg;
    s->pending--;
    if (op->status != 0 && op->status != -ENOENT && s->failure.code == 0) {
        s->failure = op->err;
        s->failure.code = op->status;
    }
}

void stock_post(struct stock *s, struct store_op *op, int64_t now_ms) {
    op->now_ms = now_ms;
    op->done = on_done;
    op->arg = s;
    s->pending++;
    store_post(&s->store, op);
}

void stock_wait(struct stock *s) {
    while (s->pending > 0) {
        (void)event_base_loop(s->base, EVLOOP_ONCE);
    }
}

int stock_run(struct stock *s, struct store_op *op, int64_t now_ms) {
    stock_post(s, op, now_ms);
    stock_wait(s);
    return op->status;
}
