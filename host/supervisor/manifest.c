#include "supervisor/manifest.h"

#include <errno.h>
#include <string.h>

#include "jobhost_plugin.h"
#include "supervisor/host.h"
#include "supervisor/payload_shape.h"

static int manifest_options(struct arena *arena, const struct jh_option *from, uint32_t count,
                            const struct config_option_spec **ret) {
    struct config_option_spec *to = arena_zalloc(arena, (count + 1) * sizeof *to);
    if (to == NULL) {
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < count; i++) {
        to[i] = (struct config_option_spec){
            .name = arena_str(arena, from[i].name),
            .type = from[i].type,
            .flags = from[i].flags,
            .fallback = arena_str(arena, from[i].fallback),
            .help = arena_str(arena, from[i].help),
        };
    }
    *ret = to;
    return 0;
}

/* Fields that are files alone say nothing of the payload. */
static int manifest_fields(struct arena *arena, const struct msg_handler *from,
                           struct pool_handler *to, struct err *e) {
    bool shaped = from->field_count == 0;
    to->field_count = from->field_count;
    int r = manifest_options(arena, from->fields, from->field_count, &to->fields);
    for (size_t i = 0; r == 0 && i < to->field_count; i++) {
        const struct config_option_spec *f = &to->fields[i];
        if (f->type == JH_OPT_CHOICE && f->fallback == NULL) { // its worker should have looked
            return err_set(e, -EINVAL, "%s: field %s is a choice without words", from->name,
                           f->name);
        }
        shaped = shaped || f->type != JH_OPT_FILE;
    }
    if (r == 0 && shaped) {
        to->shape = payload_shape_new(arena, to->fields, to->field_count);
        r = to->shape == NULL ? -ENOMEM : 0;
    }
    return r;
}

/* Its worker has looked at the numbers; of nonsense the strictest is taken. */
static struct skew_handler manifest_state(const struct msg_handler *from) {
    uint32_t version = from->state_version == 0 ? 1 : from->state_version;
    uint32_t oldest = from->oldest_state_version;
    return (struct skew_handler){
        .version = version,
        .oldest = oldest == 0 || oldest > version ? version : oldest,
        .restartable = (from->flags & JH_HANDLER_RESTARTABLE) != 0,
    };
}

static int manifest_handlers(struct pool *pool, const struct msg_hello *m, struct err *e) {
    struct pool_handler *to = arena_zalloc(&pool->arena, (m->handler_count + 1) * sizeof *to);
    if (to == NULL) {
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < m->handler_count; i++) {
        const struct msg_handler *from = &m->handlers[i];
        if (job_check_type(from->name, e) != 0) {
            return -EINVAL;
        }
        to[i] = (struct pool_handler){
            .name = arena_str(&pool->arena, from->name),
            .summary = arena_str(&pool->arena, from->summary),
            .flags = from->flags,
            .state = manifest_state(from),
        };
        int r = from->has_payload == 0 ? 0 : manifest_fields(&pool->arena, from, &to[i], e);
        if (r != 0) {
            return r;
        }
    }
    pool->manifest.handlers = to;
    pool->manifest.handler_count = m->handler_count;
    return 0;
}

int manifest_copy(struct pool *pool, const struct msg_hello *m, struct err *e) {
    int r = manifest_handlers(pool, m, e);
    if (r == 0) {
        r = manifest_options(&pool->arena, m->options, m->option_count, &pool->manifest.options);
    }
    if (r != 0) {
        return r;
    }
    pool->manifest.option_count = m->option_count;
    pool->manifest.abi_major = (uint16_t)m->abi_major;
    pool->manifest.abi_minor = (uint16_t)m->abi_minor;
    pool->manifest.version = arena_str(&pool->arena, m->version);
    pool->manifest.name = arena_str(&pool->arena, m->name);
    return pool->manifest.name == NULL ? -ENOMEM : 0;
}

static bool manifest_has(const struct pool *pool, const char *handler) {
    for (size_t h = 0; h < pool->manifest.handler_count; h++) {
        if (strcmp(pool->manifest.handlers[h].name, handler) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_being_replaced(const struct pools *pools, const struct pool *pool) {
    const struct pool *other;
    TAILQ_FOREACH(other, &pools->others, link) {
        if (other->plugin == pool->plugin && other->trial != NULL && !other->pinned) {
            return true;
        }
    }
    return pool->leaving;
}

/* Another plugin's that has it too, and will serve beside this one. */
static const struct pool *manifest_rival(const struct pool *pool, const char *handler) {
    const struct pools *pools = pool->host->pools;
    const struct pool *other;
    for (uint32_t i = 0; i < pools->count; i++) {
        other = pools->items[i];
        if (other != pool && other->plugin != pool->plugin && !is_being_replaced(pools, other) &&
            manifest_has(other, handler)) {
            return other;
        }
    }
    TAILQ_FOREACH(other, &pools->others, link) {
        if (other->plugin != pool->plugin && other->trial != NULL && !other->pinned &&
            manifest_has(other, handler)) {
            return other;
        }
    }
    return NULL;
}

bool manifest_bind(struct pool *pool, struct buf *ret_problems) {
    for (size_t i = 0; i < pool->manifest.handler_count && !pool->pinned; i++) {
        const struct pool *rival = manifest_rival(pool, pool->manifest.handlers[i].name);
        if (rival != NULL) {
            buf_printf(ret_problems, "handler %s is already provided by plugin %s (%s)",
                       pool->manifest.handlers[i].name, rival->config->entry.name,
                       rival->config->file);
            pool->manifest.handler_count = 0;
            return false;
        }
    }
    return config_bind_options(pool->config, pool->manifest.options, pool->manifest.option_count,
                               &pool->arena, &pool->settings, &pool->setting_count,
                               ret_problems) == 0;
}

int manifest_put_settings(const struct pool *pool, struct record_writer *out) {
    struct msg_setting settings[MSG_OPTIONS_MAX];
    struct msg_config m = {.settings = settings};
    for (size_t i = 0; i < pool->setting_count && i < MSG_OPTIONS_MAX; i++) {
        settings[m.setting_count++] = (struct msg_setting){.option = pool->settings[i].name,
                                                           .value = pool->settings[i].value};
    }
    return msg_config_put(out, 0, &m);
}

int manifest_send_settings(struct worker *w) {
    struct record_writer *out = worker_out(w, RECORD_INLINE_MAX);
    return out == NULL ? -EPIPE : manifest_put_settings(w->pool, out);
}
