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
#include "sim/plugin_run.h"
#include "sim/runner_attempt.h"
#include "sim/wire.h"
#include "worker/load.h"

/* What one attempt did, until END says whether it happened. */
struct effect {
    int64_t after_ms;
    struct wish *wish;
    uint32_t version; // of the handler's steps
    struct effect *next;
};

struct job {
    char *id;
    pid_t pid; // of its attempt, which waits for an answer; 0 = there is none
    int told, says;
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

/* Whatever it was at. */
static void end_process(struct job *job) {
    if (job->pid != 0) {
        (void)kill(job->pid, SIGKILL);
        while (waitpid(job->pid, NULL, 0) == -1 && errno == EINTR) {
        }
        (void)close(job->told);
        (void)close(job->says);
        job->pid = 0;
    }
}

static void forget_job(struct runner *r, struct job *job) {
    end_process(job);
    HASH_DEL(r->jobs, job);
    forget_effects(job);
    vault_finish(&job->vault);
    free(job->id);
    free(job);
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
    wish.type = wire_text(w, &job->arena);
    wire_child(w, &job->arena, &wish.child);
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
    (void)alarm(RUNNER_MOST_S);
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

static int64_t count_of(const struct job *job, unsigned kinds) {
    int64_t count = 0;
    for (const struct effect *e = job->effects; e != NULL; e = e->next) {
        count += (kinds >> e->wish->kind & 1) != 0;
    }
    return count;
}

/* The jobs that it asked for, what a dead one does, and events, with the moment at which they came to be. */
static void put_effects(struct buf *out, const struct job *job) {
    const unsigned jobs = 1u << WISH_CHILD | 1u << WISH_SIBLING | 1u << WISH_THEN;
    wire_put_int(out, count_of(job, jobs));
    for (const struct effect *e = job->effects; e != NULL; e = e->next) {
        if ((jobs >> e->wish->kind & 1) != 0) {
            wire_put_int(out, e->after_ms);
            wire_put_int(out, e->wish->kind == WISH_SIBLING ? PLUGIN_RUN_SIBLING
                              : e->wish->kind == WISH_THEN  ? PLUGIN_RUN_THEN
                                                            : PLUGIN_RUN_MEMBER);
            wire_put_child(out, &e->wish->child);
        }
    }
    wire_put_int(out, count_of(job, 1u << WISH_ON_DEAD));
    for (const struct effect *e = job->effects; e != NULL; e = e->next) {
        if (e->wish->kind == WISH_ON_DEAD) {
            wire_put_int(out, e->after_ms);
            wire_put_int(out, e->wish->number);
        }
    }
    wire_put_int(out, count_of(job, 1u << WISH_EVENT));
    for (const struct effect *e = job->effects; e != NULL; e = e->next) {
        if (e->wish->kind == WISH_EVENT) {
            wire_put_int(out, e->after_ms);
            wire_put_text(out, e->wish->name);
            wire_put_text(out, e->wish->type);
            wire_put_bytes(out, e->wish->value);
            wire_put_int(out, (e->wish->number & JH_EVENT_FOR_ALL) != 0);
        }
    }
}

/* Hears the attempt to its end, or until it asks something. -1: it told of none. */
static int hear(struct runner *r, struct job *job) {
    struct buf frame = {.data = NULL};
    struct wire w;
    int told = -1;
    buf_clear(&r->answer);
    while (told == -1 && wire_receive(job->told, &frame, &w) == 1) {
        int64_t kind = wire_int(&w);
        if (kind == RUNNER_TOLD_EFFECT) {
            keep_effect(job, &w);
        } else {
            told = (int)kind;
            wire_put_int(&r->answer, told == RUNNER_TOLD_ASK ? RUNNER_ASKS : 0); // no signal
            buf_add(&r->answer, w.at, w.left);
        }
    }
    buf_free(&frame);
    return told;
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
    for (int i = 0; i < 4; i++) {
        wire_put_text(&r->answer, NULL); // neither code nor scope, nor does it wait
    }
}

/* What the attempt came to so far. */
static void tell(struct runner *r, struct job *job) {
    int told = hear(r, job), status = 0;
    if (told != RUNNER_TOLD_ASK) {
        while (waitpid(job->pid, &status, 0) == -1 && errno == EINTR) {
        }
        (void)close(job->told);
        (void)close(job->says);
        job->pid = 0;
    }
    if (told == -1) {
        put_crash(r, job, status);
    }
    put_effects(&r->answer, job);
    (void)wire_send(RUNNER_FD, &r->answer);
}

/* Steps that were written while it waited. */
static void read_steps(struct job *job, struct wire *w) {
    struct arena scratch = {.head = NULL};
    for (int64_t left = wire_int(w); left > 0 && !w->bad; left--) {
        const char *name = wire_text(w, &scratch);
        struct bytes value = wire_bytes(w);
        if (name != NULL) {
            vault_apply(&job->vault,
                        &(struct wish){.kind = WISH_STEP, .name = name, .value = value});
        }
    }
    arena_free(&scratch);
}

static void run(struct runner *r, struct wire *w) {
    struct arena scratch = {.head = NULL};
    struct job *job = need_job(r, wire_text(w, &scratch));
    int told[2], says[2];
    arena_free(&scratch);
    read_steps(job, w);
    forget_effects(job); // of an attempt that nobody ended
    end_process(job);
    pid_t pid = pipe2(told, O_CLOEXEC) == -1 || pipe2(says, O_CLOEXEC) == -1 ? -1 : fork();
    if (pid == -1) {
        exit(2);
    }
    if (pid == 0) {
        (void)close(RUNNER_FD);
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        r->harness->job.id = job->id;
        r->harness->vault = job->vault; // of this process alone, as all that it changes
        r->harness->vault.keys = r->keys.keys;
        runner_attempt(r->harness, w, told[1], says[0]);
    }
    (void)close(told[1]);
    (void)close(says[0]);
    job->pid = pid;
    job->told = told[0];
    job->says = says[1];
    tell(r, job);
}

/* The answer to what it asked: it goes on. */
static void reply(struct runner *r, struct wire *w) {
    struct arena scratch = {.head = NULL};
    struct job *job = find_job(r, wire_text(w, &scratch));
    arena_free(&scratch);
    if (job == NULL || job->pid == 0) {
        exit(2); // the simulation knows who waits
    }
    buf_clear(&r->answer);
    buf_add(&r->answer, w->at, w->left);
    (void)wire_send(job->says, &r->answer);
    tell(r, job);
}

static void end(struct runner *r, struct wire *w) {
    struct arena scratch = {.head = NULL};
    struct job *job = find_job(r, wire_text(w, &scratch));
    int64_t after_ms = wire_int(w);
    bool final = wire_int(w) != 0;
    arena_free(&scratch);
    if (job != NULL) {
        end_process(job);
    }
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
        case RUNNER_REPLY: reply(r, &w); break;
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
