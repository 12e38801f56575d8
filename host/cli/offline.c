#include "cli/offline.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <string.h>

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
    (void)why;
}

static int begin(struct offline *ret, struct err *e) {
    *ret = (struct offline){.log = {.fd = -1}};
    ret->log.env = &ret->env;
    int r = env_open(&ret->env, e);
    if (r != 0) {
        return r;
    }
    ret->base = event_base_new();
    return ret->base == NULL ? err_set(e, -ENOMEM, "out of memory") : 0;
}

static int open_it(struct offline *o, const struct store_config *config, struct err *e) {
    static const struct store_events events = {
        .ready = on_ready, .due = on_due, .health = on_health};
    return store_open(config, o->base, &o->log, &o->env, &events, &o->store, e);
}

int offline_open_store(const struct store_config *config, struct offline *ret, struct err *e) {
    int r = begin(ret, e);
    r = r != 0 ? r : open_it(ret, config, e);
    if (r != 0) {
        offline_close(ret);
    }
    return r;
}

int offline_open(const struct config *config, bool read_only_ok, struct offline *ret,
                 struct err *e) {
    int r = begin(ret, e);
    r = r != 0 ? r : host_store_init(&ret->made, config, e);
    ret->made.config.read_only_ok = read_only_ok;
    ret->made.config.fallback = NULL; // that is its host's
    r = r != 0 ? r : open_it(ret, &ret->made.config, e);
    if (r != 0) {
        offline_close(ret);
    }
    return r;
}

static void answered(struct store_op *op) {
    (void)event_base_loopbreak(op->arg);
}

void offline_run(struct offline *o, struct store_op *op) {
    op->now_ms = env_wall_ms(&o->env);
    op->done = answered;
    op->arg = o->base;
    store_post(&o->store, op);
    (void)event_base_dispatch(o->base);
}

void offline_close(struct offline *o) {
    if (o->store.ops != NULL) {
        store_close(&o->store);
    }
    if (o->base != NULL) {
        event_base_free(o->base);
    }
    host_store_finish(&o->made);
    env_close(&o->env);
}
