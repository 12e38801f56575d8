#include "supervisor/confine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rfc3339.h"
#include "supervisor/host.h"
#include "supervisor/pool_private.h"

/* Whole seconds, upwards: the kernel knows no less. */
static uint64_t confine_seconds(int64_t ms) {
    return ((uint64_t)ms + 999) / 1000;
}

static uint32_t confine_flags(const struct config_sandbox *s) {
    const struct {
        bool set;
        uint32_t flag;
    } flags[] = {
        {s->core, MSG_SANDBOX_CORE},
        {s->seccomp, MSG_SANDBOX_SECCOMP},
        {s->landlock, MSG_SANDBOX_LANDLOCK},
        {s->net != NULL && strcmp(s->net, "none") == 0, MSG_SANDBOX_NO_NET},
    };
    uint32_t mask = 0;
    for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
        mask |= flags[i].set ? flags[i].flag : 0;
    }
    return mask;
}

struct confine_paths {
    struct msg_path items[MSG_PATHS_MAX];
    uint32_t count;
};

static void confine_add(struct confine_paths *paths, uint32_t rights, const char *const *list,
                        size_t count) {
    for (size_t i = 0; i < count && paths->count < MSG_PATHS_MAX; i++) {
        paths->items[paths->count++] = (struct msg_path){rights, list[i]};
    }
}

int confine_put(struct record_writer *out, const struct config_plugin *config, const char *data_dir,
                const char *snapshot) {
    const struct config_sandbox *s = &config->sandbox;
    struct confine_paths paths = {.count = 0};
    struct msg_port ports[MSG_PORTS_MAX];
    struct msg_allowed allowed[MSG_ALLOWED_MAX];
    uint32_t port_count = 0, allowed_count = 0;
    confine_add(&paths, MSG_PATH_READ, &snapshot, 1);
    confine_add(&paths, MSG_PATH_EXEC, config->exec, config->exec_count);
    confine_add(&paths, MSG_PATH_READ, s->read, s->read_count);
    confine_add(&paths, MSG_PATH_WRITE, s->write, s->write_count);
    for (size_t i = 0; i < s->port_count && port_count < MSG_PORTS_MAX; i++) {
        ports[port_count++] = (struct msg_port){(uint32_t)strtoul(s->ports[i], NULL, 10)};
    }
    for (size_t i = 0; i < s->allow_private_count && allowed_count < MSG_ALLOWED_MAX; i++) {
        allowed[allowed_count++] = (struct msg_allowed){s->allow_private[i]};
    }
    return msg_sandbox_put(out, 0,
                           &(struct msg_sandbox){
                               .flags = confine_flags(s),
                               .max_data = (uint64_t)s->max_data,
                               .max_files = (uint64_t)s->max_files,
                               .max_file_size = (uint64_t)s->max_file,
                               .max_cpu_s = confine_seconds(s->max_cpu_ms),
                               .data_dir = data_dir,
                               .path_count = paths.count,
                               .paths = paths.items,
                               .port_count = port_count,
                               .ports = ports,
                               .allowed_count = allowed_count,
                               .allowed = allowed,
                           });
}

static bool confine_knows(const struct pool *pool, const char *facility) {
    for (uint32_t i = 0; i < pool->note_count; i++) {
        if (strcmp(pool->notes[i].facility, facility) == 0) {
            return true;
        }
    }
    return false;
}

int confine_note(struct pool *pool, const struct msg_note *m) {
    if (confine_knows(pool, m->facility)) {
        return 0; // another worker of the same kind
    }
    if (pool->note_count == POOL_NOTES_MAX || m->state > MSG_NOTE_DEGRADED) {
        return -EPROTO;
    }
    struct pool_note note = {.facility = arena_str(&pool->arena, m->facility),
                             .state = m->state,
                             .text = arena_str(&pool->arena, m->text == NULL ? "" : m->text)};
    if (note.facility == NULL || note.text == NULL) {
        return -ENOMEM;
    }
    pool->notes[pool->note_count++] = note;
    if (m->state == MSG_NOTE_DEGRADED) {
        log_warn(&pool->host->log, "sandbox.degraded", "plugin=%s facility=%s msg=\"%s\"",
                 pool->config->entry.name, note.facility, note.text);
    }
    return 0;
}

/* ------------------------------------------------------------------ control groups */

static void confine_say(const struct config_sandbox *s, char *out, size_t cap) {
    char memory[32];
    size_format((uint64_t)s->memory, memory, sizeof memory);
    int n = snprintf(out, cap, "of all its processes:");
    if (s->memory > 0) {
        n += snprintf(out + n, cap - (size_t)n, " memory %s,", memory);
    }
    if (s->cpu > 0) {
        n += snprintf(out + n, cap - (size_t)n, " processors %.4g,", s->cpu);
    }
    if (s->pids > 0) {
        n += snprintf(out + n, cap - (size_t)n, " pids %lld,", (long long)s->pids);
    }
    out[n - 1] = '\0';
}

void confine_begin(struct worker *w) {
    struct pool *pool = w->pool;
    const struct config_sandbox *s = &pool->config->sandbox;
    char text[CGROUP_WHY_MAX] = "";
    if (!cgroup_is_wanted(s)) {
        return;
    }
    cgroup_sweep(&w->host->pools->cgroup, pool->config->entry.name);
    int r = cgroup_enter(&w->host->pools->cgroup, pool->config->entry.name, s, w->pid, text);
    w->grouped = r == 0 || r == -ENOTSUP;
    if (r == 0) {
        confine_say(s, text, sizeof text);
    }
    (void)confine_note(pool, &(struct msg_note){.facility = "cgroup",
                                                .state = r == 0 ? MSG_NOTE_ON : MSG_NOTE_DEGRADED,
                                                .text = text});
}

void confine_end(struct worker *w) {
    if (w->grouped) {
        w->over_memory = cgroup_leave(&w->host->pools->cgroup, w->pool->config->entry.name, w->pid);
    }
}
