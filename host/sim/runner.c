#define _GNU_SOURCE // prctl
#include "sim/runner.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uthash.h>

#include "harness.h"
#include "sim/wire.h"
#include "worker/load.h"

enum { RUN_MOST_S = 10 }; // of real time: whoever takes longer hangs

/* What one attempt did, until END says whether it happened. */
struct effect {
    int64_t after_ms;
    struct wish *wish;
    uint32_t version; // of the handler's steps
    struct effect *next;
};

struct job {
    char *id;
    struct vault vault; // its steps
    struct arena arena; // of the effects
    struct effect *effects, **effects_end;
    UT_hash_handle hh;
};

struct runner {
    struct jh_harness *harness;
    struct vault keys; // of the plugin
    struct job *jobs;
    struct buf frame, answer;
};

static struct {
    int fd;
    struct buf frame;
} told; // by an attempt, in its own process, to the runner

/* ------------------------------------------------------------------ in the attempt's process */

enum { TOLD_EFFECT, TOLD_END };

static void put_child(struct buf *out, const struct jh_child *c) {
    wire_put_text(out, c->handler);
    wire_put_text(out, c->dedup_key);
    wire_put_bytes(out, (struct bytes){c->payload.data, c->payload.len});
    wire_put_text(out, c->queue);
    wire_put_text(out, c->tenant);
    wire_put_text(out, c->labels);
    wire_put_int(out, c->delay_ms);
    wire_put_int(out, c->priority);
}

static void tell_effect(struct jh_harness *h, const struct wish *w) {
    struct buf *out = &told.frame;
    wire_put_int(out, TOLD_EFFECT);
    wire_put_int(out, h->now_ms - h->attempt.began_ms);
    wire_put_int(out, h->handler->state_version);
    wire_put_int(out, w->kind);
    wire_put_text(out, w->name);
    wire_put_bytes(out, w->value);
    wire_put_int(out, w->op);
    wire_put_int(out, w->number);
    put_child(out, &w->child);
    (void)wire_send(told.fd, out);
}

static void tell_end(struct jh_harness *h, jh_status status) {
    struct buf *out = &told.frame;
    const struct jh_wait *wait = &h->verdict.wait;
    wire_put_int(out, TOLD_END);
    wire_put_int(out, h->now_ms - h->attempt.began_ms);
    wire_put_int(out, status);
    wire_put_int(out, jh_harness_class(h));
    wire_put_int(out, jh_harness_retry_after_ms(h));
    wire_put_int(out, status == JH_YIELD ? wait->kind : 0);
    wire_put_int(out, status != JH_YIELD            ? 0
                      : wait->kind == JH_WAIT_UNTIL ? wait->wake_at_ms
                      : wait->timeout_ms > 0        ? h->now_ms + wait->timeout_ms
                                                    : 0);
    wire_put_text(out, jh_harness_code(h));
    wire_put_text(out, jh_harness_scope(h));
    (void)wire_send(told.fd, out);
}

_Noreturn static void run_attempt(struct runner *r, const struct job *job, struct wire *w) {
    struct jh_harness *h = r->harness;
    struct arena *a = &h->arena;
    h->job.id = job->id;
    const char *handler = wire_text(w, a);
    h->job.queue = wire_text(w, a);
    h->job.tenant = wire_text(w, a);
    h->job.content_type = wire_text(w, a);
    h->job.dedup_key = wire_text(w, a);
    struct bytes payload = wire_bytes(w);
    jh_harness_payload_bytes(h, payload.data, payload.len);
    h->job.attempt = (uint32_t)wire_int(w) - 1; // the harness counts it
    h->now_ms = wire_int(w);
    h->job.deadline_ms = wire_int(w);
    h->job.nominal_ms = wire_int(w);
    int64_t timeout_ms = wire_int(w);
    h->job.seed = (uint64_t)wire_int(w);
    h->entropy = h->job.seed;
    h->owner = pthread_self();
    h->vault = job->vault; // of this process alone, as all that it changes
    h->vault.keys = r->keys.keys;
    if (h->vault.effects == NULL) {
        h->vault.effects_end = &h->vault.effects;
    }
    h->applied = tell_effect;
    if (timeout_ms > 0) {
        jh_harness_cancel_after_ms(h, timeout_ms, JH_CANCEL_DEADLINE);
    }
    (void)alarm(RUN_MOST_S);
    tell_end(h, jh_harness_run(h, handler));
    _exit(0);
}

/* ------------------------------------------------------------------ what is kept of it */

static struct job *find_job(struct runner *r, const char *id) {
    struct job *job;
    HASH_FIND_STR(r->jobs, id, job);
    return job;
}

static struct job *need_job(struct runner *r, const char *id) {
    struct job *job = find_job(r, id);
    if (job != NULL) {
        return job;
    }
    job = calloc(1, sizeof *job);
    if (job == NULL || (job->id = strdup(id)) == NULL) {
        vault_no_memory();
    }
    vault_init(&job->vault);
    job->effects_end = &job->effects;
    HASH_ADD_KEYPTR(hh, r->jobs, job->id, strlen(job->id), job);
    return job;
}

static void forget_effects(struct job *job) {
    arena_free(&job->arena);
    job->effects = NULL;
    job->effects_end = &job->effects;
}

static void forget_job(struct runner *r, struct job *job) {
    HASH_DEL(r->jobs, job);
    forget_effects(job);
    vault_finish(&job->vault);
    free(job->id);
    free(job);
}

static void get_child(struct wire *w, struct arena *a, struct jh_child *c) {
    c->handler = wire_text(w, a);
    c->dedup_key = wire_text(w, a);
    struct bytes payload = wire_bytes(w);
    c->payload = (struct jh_bytes){payload.data, payload.len};
    c->queue = wire_text(w, a);
    c->tenant = wire_text(w, a);
    c->labels = wire_text(w, a);
    c->delay_ms = wire_int(w);
    c->priority = (int32_t)wire_int(w);
}

static void keep_effect(struct job *job, struct wire *w) {
    struct effect *e = arena_zalloc(&job->arena, sizeof *e);
    struct wish wish = {.next = NULL};
    if (e == NULL) {
        vault_no_memory();
    }
    e->after_ms = wire_int(w);
    e->version = (uint32_t)wire_int(w);
    wish.kind = (enum wish_kind)wire_int(w);
    wish.name = wire_text(w, &job->arena);
    wish.value = wire_bytes(w);
    wish.op = (enum pending_op)wire_int(w);
    wish.number = wire_int(w);
    get_child(w, &job->arena, &wish.child);
    e->wish = vault_copy_wish(&job->arena, &wish);
    *job->effects_end = e;
    job->effects_end = &e->next;
}

/* Steps are the job's, keys the plugin's; the rest is the simulation's. */
static void apply(struct runner *r, struct job *job, const struct effect *e) {
    if (e->wish->kind == WISH_STEP) {
        vault_apply(&job->vault, e->wish);
        job->vault.steps_version = e->version;
    } else if (e->wish->kind == WISH_KV || e->wish->kind == WISH_DONE) {
        vault_apply(&r->keys, e->wish);
    }
}

/* ------------------------------------------------------------------ what is asked of it */

static void option(struct runner *r, struct wire *w) {
    struct arena scratch = {.head = NULL};
    const char *name = wire_text(w, &scratch), *value = wire_text(w, &scratch);
    if (name != NULL && value != NULL && jh_harness_option(r->harness, name, value) != 0) {
        buf_clear(&r->answer); // it is said by CREATE
        buf_str(&r->answer, jh_harness_error(r->harness));
    }
    arena_free(&scratch);
}

static void create(struct runner *r) {
    struct buf answer = {.data = NULL};
    (void)alarm(RUN_MOST_S);
    bool refused = r->answer.len > 0;
    bool good = !refused && jh_harness_create(r->harness) == 0;
    (void)alarm(0);
    wire_put_int(&answer, good ? 0 : -1);
    wire_put_text(&answer, refused ? r->answer.data : jh_harness_error(r->harness));
    (void)wire_send(RUNNER_FD, &answer);
    buf_free(&answer);
}

static void has(struct runner *r, struct wire *w) {
    struct arena scratch = {.head = NULL};
    const char *name = wire_text(w, &scratch);
    const struct manifest *m = &r->harness->manifest;
    bool found = false;
    for (uint32_t i = 0; name != NULL && i < m->plugin.handler_count; i++) {
        found |= strcmp(m->handlers[i].name, name) == 0;
    }
    arena_free(&scratch);
    buf_clear(&r->answer);
    wire_put_int(&r->answer, found);
    (void)wire_send(RUNNER_FD, &r->answer);
}

/* The children that it asked for, with the moment at which they came to be. */
static void put_children(struct buf *out, const struct job *job) {
    int64_t count = 0;
    for (const struct effect *e = job->effects; e != NULL; e = e->next) {
        count += e->wish->kind == WISH_CHILD;
    }
    wire_put_int(out, count);
    for (const struct effect *e = job->effects; e != NULL; e = e->next) {
        if (e->wish->kind == WISH_CHILD) {
            wire_put_int(out, e->after_ms);
            put_child(out, &e->wish->child);
        }
    }
}

/* Hears the attempt to its end. False: it told of none. */
static bool hear(struct runner *r, struct job *job, int fd) {
    struct buf frame = {.data = NULL};
    struct wire w;
    bool ended = false;
    buf_clear(&r->answer);
    while (!ended && wire_receive(fd, &frame, &w) == 1) {
        ended = wire_int(&w) == TOLD_END;
        if (ended) {
            wire_put_int(&r->answer, 0); // no signal
            buf_add(&r->answer, w.at, w.left);
        } else {
            keep_effect(job, &w);
        }
    }
    buf_free(&frame);
    return ended;
}

static void put_crash(struct runner *r, const struct job *job, int status) {
    int64_t last_ms = 0;
    for (const struct effect *e = job->effects; e != NULL; e = e->next) {
        last_ms = e->after_ms;
    }
    buf_clear(&r->answer);
    wire_put_int(&r->answer, WIFSIGNALED(status) ? WTERMSIG(status) : -1);
    wire_put_int(&r->answer, last_ms);
    for (int i = 0; i < 5; i++) {
        wire_put_int(&r->answer, 0);
    }
    wire_put_text(&r->answer, NULL); // neither a code
    wire_put_text(&r->answer, NULL); // nor a scope
}

static void run(struct runner *r, struct wire *w) {
    struct arena scratch = {.head = NULL};
    struct job *job = need_job(r, wire_text(w, &scratch));
    int ends[2], status = 0;
    arena_free(&scratch);
    forget_effects(job); // of an attempt that nobody ended
    pid_t pid = pipe2(ends, O_CLOEXEC) == -1 ? -1 : fork();
    if (pid == -1) {
        exit(2);
    }
    if (pid == 0) {
        told.fd = ends[1];
        (void)close(RUNNER_FD);
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        run_attempt(r, job, w);
    }
    (void)close(ends[1]);
    bool ended = hear(r, job, ends[0]);
    (void)close(ends[0]);
    while (waitpid(pid, &status, 0) == -1 && errno == EINTR) {
    }
    if (!ended) {
        put_crash(r, job, status);
    }
    put_children(&r->answer, job);
    (void)wire_send(RUNNER_FD, &r->answer);
}

static void end(struct runner *r, struct wire *w) {
    struct arena scratch = {.head = NULL};
    struct job *job = find_job(r, wire_text(w, &scratch));
    int64_t after_ms = wire_int(w);
    bool final = wire_int(w) != 0;
    arena_free(&scratch);
    for (struct effect *e = job == NULL ? NULL : job->effects; e != NULL; e = e->next) {
        if (e->after_ms <= after_ms) {
            apply(r, job, e);
        }
    }
    if (job != NULL && final) {
        forget_job(r, job);
    } else if (job != NULL) {
        forget_effects(job);
    }
}

static void serve(struct runner *r) {
    struct wire w;
    while (wire_receive(RUNNER_FD, &r->frame, &w) == 1) {
        switch (wire_int(&w)) {
        case RUNNER_OPTION: option(r, &w); break;
        case RUNNER_CREATE: create(r); break;
        case RUNNER_HAS: has(r, &w); break;
        case RUNNER_RUN: run(r, &w); break;
        case RUNNER_END: end(r, &w); break;
        default: exit(2);
        }
    }
}

/* ------------------------------------------------------------------ life */

/* What a plugin prints is not the simulation's output. */
static void be_silent(void) {
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (null != -1) {
        (void)dup2(null, STDOUT_FILENO);
        (void)close(null);
    }
}

int runner_main(int argc, char **argv) {
    struct runner r = {.jobs = NULL};
    struct plugin plugin;
    const char *stage;
    struct err e = {.code = 0};
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)fcntl(RUNNER_FD, F_SETFD, FD_CLOEXEC);
    if (argc != 3 || fcntl(RUNNER_FD, F_GETFD) == -1) {
        (void)fputs("jobhost: --sim-plugin is for simulations to start\n", stderr);
        return 2;
    }
    be_silent();
    if (load_plugin(argv[2], &plugin, &stage, &e) != 0) {
        wire_put_int(&r.answer, -1);
        wire_put_text(&r.answer, e.msg);
        (void)wire_send(RUNNER_FD, &r.answer);
        return 1;
    }
    r.harness = jh_harness_new(dlsym(plugin.handle, "jobhost_plugin"));
    vault_init(&r.keys);
    serve(&r);
    return 0;
}
