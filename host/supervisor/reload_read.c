#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/dirs.h"
#include "supervisor/libraries.h"
#include "supervisor/pin_file.h"
#include "supervisor/pins.h"
#include "supervisor/reload_private.h"

/* ------------------------------------------------------------------ [loop] */

static struct reload_used used_by(const struct pool *pool, bool serves) {
    struct reload_used u = {.plugin = ""};
    struct worker *w;
    (void)snprintf(u.sha256, sizeof u.sha256, "%s", pool->snapshot.sha256);
    (void)snprintf(u.plugin, sizeof u.plugin, "%s", serves ? pool->config->entry.name : "");
    TAILQ_FOREACH(w, &pool->workers, link) {
        u.pid = w->state == WORKER_READY ? w->pid : u.pid;
    }
    return u;
}

// For the other thread, which deletes snapshots that nobody has, and looks at what workers have loaded.
void reload_note_used(struct reload *r) {
    const struct pools *pools = r->host->pools;
    const struct pool *pool;
    r->used_count = 0;
    free(r->used);
    r->used = calloc(pools_generations(pools) + PINS_MAX + 1, sizeof *r->used);
    for (uint32_t i = 0; r->used != NULL && i < pools->count; i++) {
        r->used[r->used_count++] = used_by(pools->items[i], true);
    }
    TAILQ_FOREACH(pool, &pools->others, link) {
        if (r->used != NULL) {
            r->used[r->used_count++] = used_by(pool, false);
        }
    }
    const char *sha256;
    for (size_t i = 0; r->used != NULL && (sha256 = pins_sha256(r->host, i)) != NULL; i++) {
        struct reload_used *u = &r->used[r->used_count++];
        (void)snprintf(u->sha256, sizeof u->sha256, "%s", sha256);
    }
}

/* ------------------------------------------------------------------ [side thread] */

static void take_snapshot(struct reload *r, struct reload_plugin *it) {
    const char *state_dir = r->host->first_config->host.state_dir;
    int e = dirs_make_data(state_dir, it->name, NULL, &it->error);
    if (e == 0) {
        it->error.code = 0;
        (void)snapshot_take(it->config->file, state_dir, &it->snapshot, &it->error);
    }
}

// A plugin that has not changed may run with a library that has.
static void look_at_libraries(const struct reload *r, struct reload_plugin *it) {
    for (size_t i = 0; r->used != NULL && i < r->used_count; i++) {
        const struct reload_used *u = &r->used[i];
        if (u->pid > 0 && strcmp(u->plugin, it->name) == 0 &&
            strcmp(u->sha256, it->snapshot.sha256) == 0) {
            struct arena arena = {.head = NULL};
            const struct library *items;
            size_t count = libraries_of(u->pid, u->sha256, &arena, &items);
            const char *name = libraries_replaced(items, count);
            (void)snprintf(it->library, sizeof it->library, "%s", name == NULL ? "" : name);
            arena_free(&arena);
        }
    }
}

void reload_read(struct side_op *op) {
    struct reload *r = CONTAINER_OF(op, struct reload, op);
    r->config =
        config_load(r->host->first_config->file, r->host->config_env, &r->options, &r->found);
    r->items = r->config == NULL ? NULL : calloc(r->config->plugin_count + 1, sizeof *r->items);
    if (r->items == NULL) {
        config_free(&r->config); // no memory is no empty configuration
    }
    for (size_t i = 0; r->items != NULL && i < r->config->plugin_count; i++) {
        const struct config_plugin *p = &r->config->plugins[i];
        if (p->entry.on) {
            struct reload_plugin *it = &r->items[r->count++];
            *it = (struct reload_plugin){.of = r, .name = p->entry.name, .config = p};
            take_snapshot(r, it);
            look_at_libraries(r, it);
        }
    }
}

static bool is_used(const void *arg, const char *sha256) {
    const struct reload *r = arg;
    for (size_t i = 0; i < r->used_count; i++) {
        if (strcmp(r->used[i].sha256, sha256) == 0) {
            return true;
        }
    }
    return false;
}

void reload_sweep(struct side_op *op) {
    const struct reload *r = CONTAINER_OF(op, struct reload, op);
    if (r->used != NULL) {
        snapshots_sweep(r->host->first_config->host.state_dir, is_used, r);
    }
}
