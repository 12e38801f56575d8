#define _GNU_SOURCE // SOCK_CLOEXEC
#include "sim/plugin_run.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim/runner.h"
#include "sim/wire.h"

struct plugin_run {
    char *file;
    pid_t pid;
    int fd;
    struct buf out, in;
};

/* ------------------------------------------------------------------ life */

static int spawn(struct plugin_run *p, const char *self_exe, int fd, struct err *e) {
    char *argv[] = {(char *)(uintptr_t)self_exe, (char *)(uintptr_t) "--sim-plugin", p->file, NULL};
    char *none[] = {NULL}; // its environment is no part of the scenario
    posix_spawn_file_actions_t actions;
    int r = posix_spawn_file_actions_init(&actions);
    if (r == 0) {
        r = posix_spawn_file_actions_adddup2(&actions, fd, RUNNER_FD);
        r = r == 0 ? posix_spawn(&p->pid, self_exe, &actions, NULL, argv, none) : r;
        (void)posix_spawn_file_actions_destroy(&actions);
    }
    return r == 0 ? 0 : err_errno(e, -r, "%s", self_exe);
}

static void send_options(struct plugin_run *p, const struct config_plugin *config) {
    for (size_t i = 0; config != NULL && i < config->option_count; i++) {
        wire_put_int(&p->out, RUNNER_OPTION);
        wire_put_text(&p->out, config->options[i].name);
        wire_put_text(&p->out, config->options[i].value);
        (void)wire_send(p->fd, &p->out);
    }
}

static int create(struct plugin_run *p, struct err *e) {
    struct wire w;
    struct arena scratch = {.head = NULL};
    wire_put_int(&p->out, RUNNER_CREATE);
    (void)wire_send(p->fd, &p->out); // a runner that cannot load has answered already
    int r = wire_receive(p->fd, &p->in, &w);
    if (r != 1) {
        return err_set(e, -EPIPE, "%s: its process ended before it was ready", p->file);
    }
    bool good = wire_int(&w) == 0 && !w.bad;
    const char *why = wire_text(&w, &scratch);
    r = good ? 0 : err_set(e, -EINVAL, "%s: %s", p->file, why == NULL ? "it does not start" : why);
    arena_free(&scratch);
    return r;
}

int plugin_run_start(const char *self_exe, const char *file, const struct config_plugin *config,
                     struct plugin_run **ret, struct err *e) {
    int ends[2] = {-1, -1};
    struct plugin_run *p = calloc(1, sizeof *p);
    if (p == NULL || (p->file = strdup(file)) == NULL) {
        free(p);
        return err_set(e, -ENOMEM, "out of memory");
    }
    p->fd = -1;
    int r = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == -1
                ? err_errno(e, -errno, "socketpair")
                : spawn(p, self_exe, ends[1], e);
    p->fd = ends[0];
    if (ends[1] != -1) {
        (void)close(ends[1]);
    }
    if (r == 0) {
        send_options(p, config);
        r = create(p, e);
    }
    if (r != 0) {
        plugin_run_stop(&p);
    }
    *ret = p;
    return r;
}

void plugin_run_stop(struct plugin_run **at) {
    struct plugin_run *p = *at;
    *at = NULL;
    if (p == NULL) {
        return;
    }
    if (p->fd != -1) {
        (void)close(p->fd);
    }
    if (p->pid > 0) {
        (void)kill(p->pid, SIGKILL); // it waits for us, or for code that may never return
        while (waitpid(p->pid, NULL, 0) == -1 && errno == EINTR) {
        }
    }
    buf_free(&p->out);
    buf_free(&p->in);
    free(p->file);
    free(p);
}

bool plugin_run_has(struct plugin_run *p, const char *handler) {
    struct wire w = {.at = NULL};
    wire_put_int(&p->out, RUNNER_HAS);
    wire_put_text(&p->out, handler);
    return wire_send(p->fd, &p->out) == 0 && wire_receive(p->fd, &p->in, &w) == 1 &&
           wire_int(&w) == 1;
}

const char *plugin_run_file(const struct plugin_run *p) {
    return p->file;
}

/* ------------------------------------------------------------------ attempts */

static void put_job(struct buf *out, const struct job_spec *job, int32_t number,
                    const struct plugin_run_world *world) {
    wire_put_text(out, job->type);
    wire_put_text(out, job->queue);
    wire_put_text(out, job->tenant);
    wire_put_text(out, job->content_type == NULL ? "application/json" : job->content_type);
    wire_put_text(out, job->dedup_key);
    wire_put_text(out, job->flow_id);
    wire_put_bytes(out, job->payload);
    wire_put_int(out, number);
    wire_put_int(out, world->now_ms);
    wire_put_int(out, world->created_ms);
    wire_put_int(out, job->deadline_ms);
    wire_put_int(out, job->nominal_ms);
    wire_put_int(out, job->timeout_ms);
    wire_put_int(out, (int64_t)id_seed(&job->id));
}

static void put_flow(struct buf *out, const struct plugin_run_flow *f) {
    wire_put_int(out, f->which);
    wire_put_int(out, f->open);
    wire_put_int(out, f->closed);
    wire_put_int(out, (int64_t)f->member_count);
    for (size_t i = 0; i < f->member_count; i++) {
        const struct plugin_run_member *m = &f->members[i];
        wire_put_int(out, m->state);
        wire_put_text(out, m->id);
        wire_put_text(out, m->type);
        wire_put_text(out, m->code);
        wire_put_int(out, m->cls);
    }
}

static void read_on_dead(struct wire *w, struct arena *a, struct plugin_run_answer *ret) {
    int64_t count = wire_int(w);
    if (count <= 0 || (uint64_t)count > w->left / sizeof(int64_t)) {
        return;
    }
    ret->on_dead = arena_zalloc(a, (size_t)count * sizeof *ret->on_dead);
    for (int64_t i = 0; ret->on_dead != NULL && i < count; i++) {
        struct plugin_run_on_dead *d = &ret->on_dead[ret->on_dead_count++];
        d->after_ms = wire_int(w);
        d->what = (int)wire_int(w);
    }
}

static void read_children(struct wire *w, struct arena *a, struct plugin_run_answer *ret) {
    int64_t count = wire_int(w);
    size_t most = w->left / sizeof(int64_t); // each has at least one number
    if (count <= 0 || (uint64_t)count > most) {
        return;
    }
    ret->children = arena_zalloc(a, (size_t)count * sizeof *ret->children);
    for (int64_t i = 0; ret->children != NULL && i < count; i++) {
        struct plugin_run_child *c = &ret->children[ret->child_count++];
        c->after_ms = wire_int(w);
        c->kin = (enum plugin_run_kin)wire_int(w);
        c->type = wire_text(w, a);
        c->key = wire_text(w, a);
        c->payload = arena_bytes(a, wire_bytes(w));
        c->queue = wire_text(w, a);
        c->tenant = wire_text(w, a);
        c->labels = wire_text(w, a);
        c->delay_ms = wire_int(w);
        c->priority = (int)wire_int(w);
    }
}

static void read_events(struct wire *w, struct arena *a, struct plugin_run_answer *ret) {
    int64_t count = wire_int(w);
    if (count <= 0 || (uint64_t)count > w->left / sizeof(int64_t)) {
        return;
    }
    ret->events = arena_zalloc(a, (size_t)count * sizeof *ret->events);
    for (int64_t i = 0; ret->events != NULL && i < count; i++) {
        struct plugin_run_event *e = &ret->events[ret->event_count++];
        e->after_ms = wire_int(w);
        e->name = wire_text(w, a);
        e->content_type = wire_text(w, a);
        e->value = arena_bytes(a, wire_bytes(w));
        e->for_all = wire_int(w) != 0;
    }
}

static void read_question(struct wire *w, struct arena *a, struct plugin_run_question *ret) {
    ret->verb = (enum plugin_run_verb)wire_int(w);
    ret->n = wire_int(w);
    ret->number = wire_int(w);
    ret->ticket = (uint64_t)wire_int(w);
    ret->status = (int)wire_int(w);
    ret->name = wire_text(w, a);
    ret->headers = arena_bytes(a, wire_bytes(w));
}

static void read_end(struct wire *w, struct arena *a, struct plugin_run_answer *ret) {
    ret->report = (struct attempt_report){
        .end = ret->signal == 0 ? ATTEMPT_RETURNED : ATTEMPT_CRASHED,
        .status = (jh_status)wire_int(w),
        .cls = (jh_class)wire_int(w),
    };
    ret->report.retry_after_ms = wire_int(w);
    ret->report.wait_kind = (int32_t)wire_int(w);
    ret->report.wake_at_ms = wire_int(w);
    ret->code = wire_text(w, a);
    ret->scope = wire_text(w, a);
    ret->wait_key = wire_text(w, a);
    ret->wait_for = wire_text(w, a);
}

/* Sends the frame; what came of it. */
static int run_on(struct plugin_run *p, struct arena *arena, struct plugin_run_answer *ret) {
    struct wire w = {.at = NULL};
    int r = wire_send(p->fd, &p->out);
    r = r == 0 ? wire_receive(p->fd, &p->in, &w) : r;
    if (r != 1) {
        return r < 0 ? r : -EPIPE;
    }
    *ret = (struct plugin_run_answer){.signal = (int)wire_int(&w)};
    ret->asks = ret->signal == RUNNER_ASKS;
    ret->after_ms = wire_int(&w);
    if (ret->asks) {
        ret->signal = 0;
        read_question(&w, arena, &ret->question);
    } else {
        read_end(&w, arena, ret);
    }
    read_children(&w, arena, ret);
    read_on_dead(&w, arena, ret);
    read_events(&w, arena, ret);
    return w.bad ? -EBADMSG : 0;
}

static void put_head(struct plugin_run *p, enum runner_ask ask, const struct job_id *job) {
    char id[JOB_ID_TEXT + 1];
    id_format(job, id);
    wire_put_int(&p->out, ask);
    wire_put_text(&p->out, id);
}

int plugin_run_attempt(struct plugin_run *p, const struct job_spec *job, int32_t number,
                       const struct plugin_run_world *world, struct arena *arena,
                       struct plugin_run_answer *ret) {
    put_head(p, RUNNER_RUN, &job->id);
    wire_put_int(&p->out, (int64_t)world->step_count);
    for (size_t i = 0; i < world->step_count; i++) {
        wire_put_text(&p->out, world->steps[i].name);
        wire_put_bytes(&p->out, world->steps[i].value);
    }
    put_job(&p->out, job, number, world);
    wire_put_int(&p->out, (int64_t)world->flow_count);
    for (size_t i = 0; i < world->flow_count; i++) {
        put_flow(&p->out, &world->flows[i]);
    }
    return run_on(p, arena, ret);
}

int plugin_run_reply(struct plugin_run *p, const struct job_id *job,
                     const struct plugin_run_reply *reply, struct arena *arena,
                     struct plugin_run_answer *ret) {
    put_head(p, RUNNER_REPLY, job);
    wire_put_int(&p->out, reply->status);
    wire_put_int(&p->out, reply->passed_ms);
    wire_put_int(&p->out, (int64_t)reply->ticket);
    wire_put_int(&p->out, reply->again_ms);
    wire_put_int(&p->out, reply->trouble);
    wire_put_bytes(&p->out, reply->headers);
    wire_put_bytes(&p->out, reply->body);
    return run_on(p, arena, ret);
}

void plugin_run_end(struct plugin_run *p, const struct job_id *job, int64_t after_ms, bool final) {
    put_head(p, RUNNER_END, job);
    wire_put_int(&p->out, after_ms);
    wire_put_int(&p->out, final);
    (void)wire_send(p->fd, &p->out); // what it cannot hear any more, the next attempt finds out
}
