#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/sim_private.h"

/* The rules of a plugin that the configuration does not name. */
int sim_places_init(struct sim *s) {
    struct config_report report;
    int r = config_part_load_text("defaults", bytes_of("{}"), NULL, &config_plugin_table, NULL,
                                  &s->plugin_default, &s->plugin_part, &report);
    config_report_finish(&report);
    return r;
}

void sim_places_finish(struct sim *s) {
    // what they are made of lives in the arena; the tables do not
    HASH_CLEAR(hh, s->pools);
    HASH_CLEAR(hh, s->queues);
    HASH_CLEAR(hh, s->types);
    HASH_CLEAR(hh, s->users);
    HASH_CLEAR(hh, s->lanes);
    free(s->hot);
    for (size_t i = 0; i < s->plugin_count; i++) {
        plugin_run_stop(&s->plugins[i]);
    }
    free(s->plugins);
    config_part_finish(&s->plugin_part);
}

/* The process of its handler's file, which is started once; NULL: it has none, or the simulation fails. */
static struct plugin_run *places_plugin(struct sim *s, const struct scenario_handler *h,
                                        const struct sim_pool *pool) {
    struct err e = {.code = 0};
    if (h == NULL || h->plugin == NULL || pool == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < s->plugin_count; i++) {
        if (strcmp(plugin_run_file(s->plugins[i]), h->plugin) == 0) {
            return s->plugins[i];
        }
    }
    struct plugin_run **grown = realloc(s->plugins, (s->plugin_count + 1) * sizeof(*s->plugins));
    if (grown == NULL) {
        sim_fail(s, -ENOMEM, "out of memory");
        return NULL;
    }
    s->plugins = grown;
    if (s->options->self_exe == NULL) {
        sim_fail(s, -ENOTSUP, "%s: nobody here runs plugins", h->plugin);
        return NULL;
    }
    if (plugin_run_start(s->options->self_exe, h->plugin, config_plugin(s->config, pool->name),
                         &s->plugins[s->plugin_count], &e) != 0) {
        sim_fail(s, e.code, "%s", e.msg);
        return NULL;
    }
    return s->plugins[s->plugin_count++];
}

static struct sim_pool *places_pool(struct sim *s, const char *type) {
    char name[JOB_QUEUE_MAX + 1];
    struct sim_pool *pool;
    struct bytes own = job_own_queue(type);
    memcpy(name, own.data, own.len);
    name[own.len] = '\0';
    HASH_FIND_STR(s->pools, name, pool);
    if (pool != NULL || (pool = sim_alloc(s, &s->arena, sizeof *pool)) == NULL) {
        return pool;
    }
    const struct config_plugin *config = config_plugin(s->config, name);
    *pool = (struct sim_pool){
        .name = (char *)(uintptr_t)sim_text(s, &s->arena, name),
        .slots = config == NULL ? (uint32_t)s->scenario->slots
                                : (uint32_t)(config->workers * config->threads),
        .rules = config == NULL ? s->plugin_default.breaker : config->breaker,
    };
    TAILQ_INIT(&pool->held);
    agenda_event(&pool->probes, sim_look);
    HASH_ADD_KEYPTR(hh, s->pools, pool->name, strlen(pool->name), pool);
    return pool;
}

struct report_type *sim_places_user(struct sim *s, const char *name) {
    struct sim_user *user = NULL;
    if (name == NULL) {
        return NULL;
    }
    HASH_FIND_STR(s->users, name, user);
    if (user != NULL) {
        return user->report;
    }
    struct report_type *report = report_user(s->report, name);
    if (report == NULL || (user = sim_alloc(s, &s->arena, sizeof *user)) == NULL) {
        return report;
    }
    user->report = report;
    HASH_ADD_KEYPTR(hh, s->users, report->name, strlen(report->name), user);
    return report;
}

struct sim_queue *sim_places_queue(struct sim *s, const char *name) {
    struct sim_queue *queue;
    HASH_FIND_STR(s->queues, name, queue);
    if (queue != NULL || (queue = sim_alloc(s, &s->arena, sizeof *queue)) == NULL) {
        return queue;
    }
    *queue = (struct sim_queue){.name = (char *)(uintptr_t)sim_text(s, &s->arena, name),
                                .config = config_queue(s->config, name)};
    HASH_ADD_KEYPTR(hh, s->queues, queue->name, strlen(queue->name), queue);
    return queue;
}

struct sim_type *sim_places_type(struct sim *s, const char *name) {
    struct sim_type *type;
    HASH_FIND_STR(s->types, name, type);
    if (type != NULL || (type = sim_alloc(s, &s->arena, sizeof *type)) == NULL) {
        return type;
    }
    *type = (struct sim_type){.name = (char *)(uintptr_t)sim_text(s, &s->arena, name),
                              .config = config_job(s->config, name),
                              .handler = scenario_handler(s->scenario, name),
                              .pool = places_pool(s, name),
                              .report = report_type(s->report, name)};
    type->plugin = places_plugin(s, type->handler, type->pool);
    if (type->plugin != NULL && !plugin_run_has(type->plugin, name)) {
        sim_fail(s, -ENOENT, "%s has no handler %s", type->handler->plugin, name);
        return NULL;
    }
    if (type->pool == NULL || type->report == NULL) {
        sim_fail(s, -ENOMEM, "out of memory");
        return NULL;
    }
    HASH_ADD_KEYPTR(hh, s->types, type->name, strlen(type->name), type);
    return type;
}

/* One more place among the hot ones, so that heating never fails. */
static bool grow(struct sim *s) {
    if (s->lane_count < s->lane_cap) {
        return true;
    }
    size_t cap = s->lane_cap == 0 ? 64 : 2 * s->lane_cap;
    struct sim_lane **hot = realloc(s->hot, cap * sizeof(*hot));
    if (hot == NULL) {
        sim_fail(s, -ENOMEM, "out of memory");
        return false;
    }
    s->hot = hot;
    s->lane_cap = cap;
    return true;
}

struct sim_lane *sim_places_lane(struct sim *s, const char *queue, const char *type) {
    char name[JOB_QUEUE_MAX + JOB_TYPE_MAX + 2];
    struct sim_lane *lane;
    (void)snprintf(name, sizeof name, "%s %s", queue, type);
    HASH_FIND_STR(s->lanes, name, lane);
    if (lane != NULL || !grow(s) || (lane = sim_alloc(s, &s->arena, sizeof *lane)) == NULL) {
        return lane;
    }
    *lane = (struct sim_lane){.name = (char *)(uintptr_t)sim_text(s, &s->arena, name),
                              .queue = sim_places_queue(s, queue),
                              .type = sim_places_type(s, type),
                              .number = s->lane_count,
                              .reason = REASON_COUNT};
    if (lane->queue == NULL || lane->type == NULL) {
        return NULL;
    }
    agenda_event(&lane->opens, sim_look);
    s->lane_count++;
    HASH_ADD_KEYPTR(hh, s->lanes, lane->name, strlen(lane->name), lane);
    return lane;
}

void sim_places_heat(struct sim *s, const char *queue, const char *type) {
    struct sim_lane *lane = sim_places_lane(s, queue, type);
    if (lane != NULL && !lane->hot) {
        lane->hot = true;
        s->hot[s->hot_count++] = lane;
    }
}
