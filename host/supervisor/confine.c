#include "supervisor/confine.h"

#include <errno.h>
#include <string.h>

#include "supervisor/host.h"
#include "supervisor/pool_private.h"

/* Whole seconds, upwards: the kernel knows no less. */
static uint64_t confine_seconds(int64_t ms) {
    return ((uint64_t)ms + 999) / 1000;
}

int confine_put(struct record_writer *out, const struct config_plugin *config, const char *data_dir,
                const char *snapshot) {
    (void)snapshot;
    const struct config_sandbox *s = &config->sandbox;
    return msg_sandbox_put(out, 0,
                           &(struct msg_sandbox){
                               .flags = s->core ? MSG_SANDBOX_CORE : 0,
                               .max_data = (uint64_t)s->max_data,
                               .max_files = (uint64_t)s->max_files,
                               .max_file_size = (uint64_t)s->max_file,
                               .max_cpu_s = confine_seconds(s->max_cpu_ms),
                               .data_dir = data_dir,
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
