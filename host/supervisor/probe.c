#define _GNU_SOURCE
#include "supervisor/probe.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "supervisor/autopsy.h"
#include "supervisor/confine.h"
#include "supervisor/dirs.h"
#include "supervisor/host.h"
#include "supervisor/manifest.h"
#include "supervisor/pool_private.h"
#include "supervisor/spawn.h"

/* A pool of one, without a loop: the hand-shake is walked with poll(2). */
struct probing {
    struct plugin plugin;
    struct pool pool;
    struct pools pools;
    struct pool *items[1];
    struct host host;
    struct worker worker;
    struct record_packet packet;
    char state_dir[4096];
    bool own_dir;
    bool manifest_only;
    bool ready;
    int64_t deadline_ms;
};

static int probe_send(struct probing *p, struct record_writer *out) {
    int r;
    while ((r = record_send(out, p->worker.sock)) == -EAGAIN) {
        struct pollfd fd = {.fd = p->worker.sock, .events = POLLOUT};
        if (poll(&fd, 1, 1000) <= 0) {
            break;
        }
    }
    record_writer_finish(out);
    return r;
}

static int probe_welcome(struct probing *p, struct err *e) {
    struct record_writer out = {.start = 0};
    char data_dir[PATH_MAX];
    int made = dirs_make_data(p->state_dir, p->pool.config->entry.name, data_dir, e);
    if (made != 0) {
        return made;
    }
    int r = confine_put(&out, p->pool.config, data_dir, p->pool.snapshot.path);
    if (r == 0) {
        r = msg_welcome_put(&out, 0,
                            &(struct msg_welcome){
                                .wire_version = RECORD_WIRE_VERSION,
                                .plugin = p->pool.config->entry.name,
                                .snapshot = p->pool.snapshot.path,
                                .sha256 = p->pool.snapshot.sha256,
                                .threads = 1,
                                .ping_ms = WORKER_PING_MS,
                                .lease_ms = 3 * WORKER_PING_MS,
                                .log_level = LOG_LEVEL_WARN,
                                .data_dir = data_dir,
                            });
    }
    return r == 0 ? probe_send(p, &out) : r;
}

static int probe_hello(struct probing *p, struct record *r, struct buf *problems, struct err *e) {
    struct arena arena = {.head = NULL};
    struct record_writer out = {.start = 0};
    struct msg_hello m;
    int err = msg_hello_get(r, &arena, &m);
    if (err == 0) {
        err = manifest_copy(&p->pool, &m, e);
        snprintf(p->pool.build, sizeof p->pool.build, "%.24s+%.12s", m.version,
                 p->pool.snapshot.sha256);
        p->worker.load_begin = m.load_begin;
        p->worker.load_end = m.load_end;
    }
    arena_free(&arena);
    if (err != 0) {
        return err;
    }
    if (p->manifest_only) {
        p->ready = true;
        return 0;
    }
    if (!manifest_bind(&p->pool, problems)) {
        return err_set(e, -EINVAL, "%.*s", (int)problems->len,
                       problems->data == NULL ? "options do not fit" : problems->data);
    }
    err = manifest_put_settings(&p->pool, &out);
    return err == 0 ? probe_send(p, &out) : err;
}

static int probe_record(struct probing *p, struct record *r, struct buf *problems, struct err *e) {
    struct msg_fail fail;
    struct msg_crash crash;
    switch (r->h.type) {
    case REC_HELLO: return probe_hello(p, r, problems, e);
    case REC_READY: p->ready = true; return 0;
    case REC_FAIL:
        if (msg_fail_get(r, &fail) != 0) {
            return -EBADMSG;
        }
        return err_set(e, -EINVAL, "%s: %s", fail.stage,
                       fail.message == NULL ? "no reason given" : fail.message);
    case REC_CRASH:
        if (msg_crash_get(r, &crash) == 0) {
            p->worker.crashed = true;
            p->worker.crash = crash;
        }
        return 0;
    default: return 0; // pings, log lines
    }
}

/* Its end without a FAIL, in words. */
static int probe_died(struct probing *p, struct err *e) {
    struct crash crash;
    p->worker.reaped = spawn_processes.reap(p->worker.pid, true, &p->worker.end);
    autopsy_examine(&p->worker, &crash);
    return err_set(e, -ECHILD, "%s", crash.message);
}

static int probe_walk(struct probing *p, struct buf *problems, struct err *e) {
    while (!p->ready) {
        struct pollfd fd = {.fd = p->worker.sock, .events = POLLIN};
        int64_t left = p->deadline_ms - env_mono_ms(&p->host.env);
        if (left <= 0 || poll(&fd, 1, (int)left) == 0) {
            return err_set(e, -ETIMEDOUT, "not ready within start_timeout (%lld ms)",
                           (long long)p->pool.config->start_timeout_ms);
        }
        int r = record_recv(&p->packet, p->worker.sock);
        if (r == -EAGAIN) {
            continue;
        }
        if (r != 1) {
            return probe_died(p, e);
        }
        struct record record;
        while ((r = record_next(&p->packet, &record)) == 1) {
            int err = probe_record(p, &record, problems, e);
            if (err != 0) {
                return err;
            }
        }
        if (r != 0) {
            return err_set(e, r, "it broke the worker protocol");
        }
    }
    return 0;
}

static int probe_dir(struct probing *p, const struct config *config, struct err *e) {
    if (config != NULL) {
        snprintf(p->state_dir, sizeof p->state_dir, "%s", config->host.state_dir);
        return 0;
    }
    const char *tmp = getenv("TMPDIR");
    snprintf(p->state_dir, sizeof p->state_dir, "%s/jobhost-probe.XXXXXX",
             tmp == NULL ? "/tmp" : tmp);
    if (mkdtemp(p->state_dir) == NULL) {
        return err_errno(e, -errno, "%s: cannot make a temporary folder", p->state_dir);
    }
    p->own_dir = true;
    return 0;
}

static void probe_remove_dir(struct probing *p) {
    static const char *const parts[] = {"/run/so", "/run", "/data", ""};
    char path[PATH_MAX + 64];
    if (!p->own_dir) {
        return;
    }
    if (p->pool.snapshot.path != NULL) {
        (void)unlink(p->pool.snapshot.path);
    }
    snprintf(path, sizeof path, "%s/data/%s", p->state_dir, p->pool.config->entry.name);
    (void)rmdir(path);
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        snprintf(path, sizeof path, "%s%s", p->state_dir, parts[i]);
        (void)rmdir(path);
    }
}

static void probe_finish(struct probing *p) {
    if (p->worker.pid > 0 && !p->worker.reaped) {
        struct spawn_end end;
        spawn_processes.signal(p->worker.pid, SIGKILL);
        (void)spawn_processes.reap(p->worker.pid, true, &end);
    }
    if (p->worker.sock != -1) {
        close(p->worker.sock);
    }
    if (p->worker.pidfd != -1) {
        close(p->worker.pidfd);
    }
    start_page_unmap(&p->worker.page);
    record_packet_finish(&p->packet);
    probe_remove_dir(p);
    snapshot_finish(&p->pool.snapshot);
    arena_free(&p->pool.arena);
    env_close(&p->host.env);
    free(p);
}

static int probe_spawn(struct probing *p, const char *self_exe, struct err *e) {
    struct spawned s;
    char program[PATH_MAX];
    int r =
        spawn_processes.start(spawn_program(self_exe, program), p->pool.config->entry.name, &s, e);
    if (r == 0) {
        p->worker.pid = s.pid;
        p->worker.pidfd = s.pidfd;
        p->worker.sock = s.sock;
        p->worker.page = s.page;
        p->deadline_ms = env_mono_ms(&p->host.env) + p->pool.config->start_timeout_ms;
        r = probe_welcome(p, e);
    }
    return r;
}

static int probe(const struct config *config, const struct config_plugin *plugin,
                 const char *self_exe, bool manifest_only, struct probe *ret, struct buf *problems,
                 struct err *e) {
    struct probing *p = calloc(1, sizeof *p);
    if (p == NULL) {
        return err_set(e, -ENOMEM, "out of memory");
    }
    p->manifest_only = manifest_only;
    p->worker.sock = p->worker.pidfd = -1;
    p->worker.pool = &p->pool;
    p->worker.host = &p->host;
    p->pool.host = &p->host;
    p->pool.plugin = &p->plugin;
    p->pool.config = plugin;
    p->items[0] = &p->pool;
    p->pools.items = p->items;
    p->pools.count = 1;
    TAILQ_INIT(&p->pools.others);
    p->host.pools = &p->pools;
    p->host.phase = HOST_RUNNING;
    int r = env_open(&p->host.env, e);
    if (r == 0 && (r = probe_dir(p, config, e)) == 0 &&
        (r = snapshot_take(plugin->file, p->state_dir, &p->pool.snapshot, e)) == 0 &&
        (r = probe_spawn(p, self_exe, e)) == 0) {
        r = probe_walk(p, problems, e);
    }
    if (p->pool.manifest.name != NULL) { // it said so much, whatever came then
        memcpy(ret->sha256, p->pool.snapshot.sha256, sizeof ret->sha256);
        ret->manifest = p->pool.manifest;
        ret->arena = p->pool.arena;
        p->pool.arena = (struct arena){.head = NULL}; // taken
    }
    if (r != 0 && problems->len == 0) {
        buf_printf(problems, "plugins.%s: %s\n", plugin->entry.name, e == NULL ? "failed" : e->msg);
    }
    probe_finish(p);
    return r;
}

int probe_plugin(const struct config *config, const struct config_plugin *plugin,
                 const char *self_exe, struct probe *ret, struct buf *problems, struct err *e) {
    return probe(config, plugin, self_exe, false, ret, problems, e);
}

int probe_manifest(const struct config_plugin *plugin, const char *self_exe, struct probe *ret,
                   struct buf *problems, struct err *e) {
    return probe(NULL, plugin, self_exe, true, ret, problems, e);
}

struct config_plugin probe_unconfigured(const char *name, const char *file) {
    return (struct config_plugin){.entry = {.name = name, .on = true},
                                  .file = file,
                                  .workers = 1,
                                  .threads = 1,
                                  .start_timeout_ms = 10 * 1000,
                                  .sandbox = {.max_files = 1024, .seccomp = true, .landlock = true},
                                  .isolation = "worker"};
}
