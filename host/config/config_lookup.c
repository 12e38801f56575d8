// By name, for every job: a probe or two in a table that is at most half full.

#include <errno.h>
#include <string.h>

#include "config/config_private.h"

static size_t hash(const char *name) { // FNV-1a
    uint64_t h = UINT64_C(14695981039346656037);
    for (; *name != '\0'; name++) {
        h = (h ^ (unsigned char)*name) * UINT64_C(1099511628211);
    }
    return (size_t)(h ^ (h >> 32));
}

static int build(struct arena *arena, const void *items, size_t count, size_t size,
                 struct config_index *index) {
    size_t slots = 2;
    while (slots < 2 * count) {
        slots *= 2;
    }
    index->names = arena_zalloc(arena, slots * sizeof(index->names[0]));
    index->positions = arena_zalloc(arena, slots * sizeof(index->positions[0]));
    index->mask = slots - 1;
    if (index->names == NULL || index->positions == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        const struct config_entry *entry = (const void *)((const char *)items + i * size);
        if (entry->name == NULL) {
            return -ENOMEM; // its copy failed
        }
        size_t at = hash(entry->name) & index->mask;
        while (index->names[at] != NULL) {
            at = (at + 1) & index->mask;
        }
        index->names[at] = entry->name;
        index->positions[at] = i;
    }
    return 0;
}

int config_index_build(struct config *c) {
    struct config_private *p = c->priv;
    int r = build(&p->arena, c->queues, c->queue_count, sizeof(c->queues[0]), &p->queues);
    if (r == 0) {
        r = build(&p->arena, c->jobs, c->job_count, sizeof(c->jobs[0]), &p->jobs);
    }
    if (r == 0) {
        r = build(&p->arena, c->plugins, c->plugin_count, sizeof(c->plugins[0]), &p->plugins);
    }
    return r;
}

static bool find(const struct config_index *index, const char *name, size_t *ret_position) {
    for (size_t at = hash(name) & index->mask; index->names[at] != NULL;
         at = (at + 1) & index->mask) {
        if (strcmp(index->names[at], name) == 0) {
            *ret_position = index->positions[at];
            return true;
        }
    }
    return false;
}

const struct config_queue *config_queue(const struct config *c, const char *name) {
    size_t i;
    return find(&c->priv->queues, name, &i) ? &c->queues[i] : &c->queue_default;
}

const struct config_job *config_job(const struct config *c, const char *type) {
    size_t i;
    return find(&c->priv->jobs, type, &i) ? &c->jobs[i] : &c->job_default;
}

const struct config_plugin *config_plugin(const struct config *c, const char *name) {
    size_t i;
    return find(&c->priv->plugins, name, &i) ? &c->plugins[i] : NULL;
}

const struct retry_policy *config_retry_policy(const struct config_queue *queue,
                                               const struct config_job *type) {
    return queue->retry.given && !type->retry.given ? &queue->retry.policy : &type->retry.policy;
}

const struct config_limit *config_limit(const struct config *c, const char *name, size_t len) {
    for (size_t i = 0; i < c->limit_count; i++) {
        const struct config_entry *entry = &c->limits[i].entry;
        if (entry->on && strlen(entry->name) == len && memcmp(entry->name, name, len) == 0) {
            return &c->limits[i];
        }
    }
    return NULL;
}

bool config_breaker(const struct config *c, enum breaker_kind kind, struct breaker_times *ret) {
    *ret = breaker_default[kind];
    for (size_t i = 0; i < c->breaker_count; i++) {
        const struct config_breaker *own = &c->breakers[i];
        if (strcmp(own->entry.name, breaker_kind_name(kind)) == 0) {
            *ret = (struct breaker_times){own->base_ms, own->cap_ms, (uint32_t)own->failures};
            return own->entry.on;
        }
    }
    return true;
}

const char *config_queue_of_type(const struct config *c, const char *type,
                                 char out[JOB_QUEUE_MAX + 1]) {
    const struct config_job *job = config_job(c, type);
    if (job->queue != NULL) {
        return job->queue;
    }
    struct bytes own = job_own_queue(type);
    memcpy(out, own.data, own.len);
    out[own.len] = '\0';
    return out;
}

void config_each_off(const struct config *c,
                     void (*say)(void *arg, const char *section, const struct config_entry *entry),
                     void *arg) {
    const struct {
        const char *name;
        const void *items; // each begins with a struct config_entry
        size_t count, size;
    } sections[] = {
        {"plugins", c->plugins, c->plugin_count, sizeof(c->plugins[0])},
        {"schedules", c->schedules, c->schedule_count, sizeof(c->schedules[0])},
        {"hooks", c->hooks, c->hook_count, sizeof(c->hooks[0])},
        {"routes", c->routes, c->route_count, sizeof(c->routes[0])},
        {"notify", c->notify, c->notify_count, sizeof(c->notify[0])},
    };
    for (size_t s = 0; s < sizeof(sections) / sizeof(sections[0]); s++) {
        for (size_t i = 0; i < sections[s].count; i++) {
            const struct config_entry *entry =
                (const void *)((const char *)sections[s].items + i * sections[s].size);
            if (!entry->on) {
                say(arg, sections[s].name, entry);
            }
        }
    }
}
