#include "supervisor/effects.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/rfc3339.h"
#include "config/config.h"
#include "jobhost_event.h"
#include "jobhost_flow.h"
#include "jobhost_kv.h"
#include "store/flows.h"
#include "supervisor/host.h"
#include "supervisor/lane.h"
#include "supervisor/query.h"

struct effects *effects_new(void) {
    return calloc(1, sizeof(struct effects));
}

void effects_free(struct effects **fx) {
    if (*fx != NULL) {
        arena_free(&(*fx)->arena);
        free((*fx)->steps);
        free((*fx)->children);
        free((*fx)->then);
        free((*fx)->kv);
        free((*fx)->warnings);
        free((*fx)->outputs);
        free((*fx)->events);
        free(*fx);
        *fx = NULL;
    }
}

void effects_drop(struct effects *fx, bool keep_outputs) {
    fx->step_count = fx->child_count = fx->kv_count = fx->event_count = fx->then_count = 0;
    fx->flow_on_dead = 0;
    fx->output_count = keep_outputs ? fx->output_count : 0;
}

/* Room for one more element; the array may move. */
static int effects_grow(void **items, size_t count, size_t *cap, size_t size) {
    if (count >= EFFECTS_ITEMS_MAX) {
        return -EBADMSG;
    }
    if (count < *cap) {
        return 0;
    }
    size_t more = *cap == 0 ? 8 : *cap * 2;
    void *p = realloc(*items, more * size);
    if (p == NULL) {
        return -ENOMEM;
    }
    *items = p;
    *cap = more;
    return 0;
}

/* The field's content in the arena, from the packet or its descriptor (which is closed). */
static int effects_take(struct effects *fx, struct msg_bytes *field, size_t limit,
                        struct bytes *ret) {
    int r = 0;
    size_t len = field->data.len;
    *ret = (struct bytes){NULL, 0};
    if (len > limit || fx->bytes + len > EFFECTS_BYTES_MAX) {
        r = -EBADMSG;
    } else if (!field->by_fd || len == 0) {
        *ret = arena_bytes(&fx->arena, field->data);
        r = len != 0 && ret->data == NULL ? -ENOMEM : 0;
    } else {
        const void *map = record_map(field->fd, len);
        *ret = map == NULL ? (struct bytes){NULL, len}
                           : arena_bytes(&fx->arena, (struct bytes){map, len});
        r = ret->data == NULL ? -ENOMEM : 0;
        if (map != NULL) {
            munmap((void *)(uintptr_t)map, len);
        }
    }
    msg_bytes_close(field);
    fx->bytes += r == 0 ? len : 0;
    return r;
}

static int effects_text(struct effects *fx, const char *text, size_t limit, const char **ret) {
    *ret = NULL;
    if (text == NULL) {
        return 0;
    }
    size_t len = strlen(text);
    if (len > limit || fx->bytes + len > EFFECTS_BYTES_MAX) {
        return -EBADMSG;
    }
    *ret = arena_strn(&fx->arena, text, len);
    fx->bytes += len;
    return *ret == NULL ? -ENOMEM : 0;
}

int effects_add_step(struct effects *fx, struct msg_step *m) {
    struct store_step step;
    int r = effects_take(fx, &m->value, JOB_STEP_MAX, &step.value);
    if (r == 0) {
        r = effects_text(fx, m->name, JOB_STEP_NAME_MAX, &step.name);
    }
    if (r == 0) {
        r = effects_grow((void **)&fx->steps, fx->step_count, &fx->step_cap, sizeof step);
    }
    if (r == 0) {
        fx->steps[fx->step_count++] = step;
        fx->state_version = m->state_version;
    }
    return r;
}

int effects_add_warning(struct effects *fx, const struct msg_warn *m) {
    struct store_warning warning;
    int r = effects_text(fx, m->code, JOB_CODE_MAX, &warning.code);
    if (r == 0) {
        r = effects_text(fx, m->message == NULL ? "" : m->message, JOB_MESSAGE_MAX,
                         &warning.message);
    }
    if (r == 0) {
        r = effects_grow((void **)&fx->warnings, fx->warning_count, &fx->warning_cap,
                         sizeof warning);
    }
    if (r == 0) {
        fx->warnings[fx->warning_count++] = warning;
    }
    return r;
}

int effects_add_output(struct effects *fx, const char *name, const char *content_type,
                       const struct blob_ref *blob) {
    struct store_output output = {.blob = *blob};
    int r = effects_text(fx, content_type, JOB_CONTENT_TYPE_MAX, &output.content_type);
    for (size_t i = 0; r == 0 && i < fx->output_count; i++) {
        if (strcmp(fx->outputs[i].name, name) == 0) {
            output.name = fx->outputs[i].name;
            fx->outputs[i] = output;
            return 0;
        }
    }
    if (r == 0) {
        r = effects_text(fx, name, JOB_FILE_NAME_MAX, &output.name);
    }
    if (r == 0) {
        r = effects_grow((void **)&fx->outputs, fx->output_count, &fx->output_cap, sizeof output);
    }
    if (r == 0) {
        fx->outputs[fx->output_count++] = output;
    }
    return r;
}

int effects_add_kv(struct effects *fx, struct msg_kv *m) {
    static const enum store_kv_kind kinds[] = {
        [KV_SET] = STORE_KV_SET,   [KV_DEL] = STORE_KV_DEL,   [KV_ADD] = STORE_KV_ADD,
        [KV_SADD] = STORE_KV_SADD, [KV_SREM] = STORE_KV_SREM, [KV_DONE] = STORE_KV_DONE,
    };
    if (m->what < KV_SET || m->what > KV_DONE) {
        msg_bytes_close(&m->value);
        return -EBADMSG;
    }
    struct store_kv_write write = {.kind = kinds[m->what], .number = m->number};
    bool is_ttl = m->what == KV_SET || m->what == KV_DONE;
    if (is_ttl && write.number > JOB_SPAN_MAX_MS) {
        write.number = JOB_SPAN_MAX_MS; // the store adds it to a time
    }
    if (is_ttl && write.number < 0) {
        msg_bytes_close(&m->value);
        return -EBADMSG;
    }
    int r = effects_take(fx, &m->value, JH_KV_VALUE_MAX, &write.value);
    if (r == 0) {
        r = effects_text(fx, m->key, JH_KV_KEY_MAX, &write.key);
    }
    if (r == 0) {
        r = effects_grow((void **)&fx->kv, fx->kv_count, &fx->kv_cap, sizeof write);
    }
    if (r == 0) {
        fx->kv[fx->kv_count++] = write;
    }
    return r;
}

int effects_add_event(struct effects *fx, const char *tenant, struct msg_event *m) {
    struct store_event event;
    if ((m->flags & JH_EVENT_FOR_ALL) != 0) {
        tenant = NULL;
    }
    int r = effects_take(fx, &m->value, WAITS_EVENT_MAX, &event.value);
    r = r != 0 ? r : effects_text(fx, m->name, WAITS_EVENT_NAME_MAX, &event.name);
    r = r != 0 ? r : effects_text(fx, m->content_type, JOB_CONTENT_TYPE_MAX, &event.content_type);
    r = r != 0 ? r : effects_text(fx, m->key, WAITS_EVENT_KEY_MAX, &event.key);
    r = r != 0 ? r : effects_text(fx, tenant, JOB_TENANT_MAX, &event.tenant);
    if (r == 0 && store_event_check(&event) < 0) {
        r = -EBADMSG;
    }
    if (r == 0) {
        r = effects_grow((void **)&fx->events, fx->event_count, &fx->event_cap, sizeof event);
    }
    if (r == 0) {
        fx->events[fx->event_count++] = event;
    }
    return r;
}

/* The strings of a child, copied into the arena and checked against their limits. */
static int effects_child_texts(struct effects *fx, struct host *host, const struct job_spec *parent,
                               const struct msg_child *m, struct job_spec *child) {
    char buf[JOB_QUEUE_MAX + 1];
    const struct {
        const char *from;
        size_t limit;
        const char **to;
    } texts[] = {
        {m->handler, JOB_TYPE_MAX, &child->type},
        {m->queue != NULL ? m->queue : config_queue_of_type(host->config, m->handler, buf),
         JOB_QUEUE_MAX, &child->queue},
        {m->tenant != NULL ? m->tenant : parent->tenant, JOB_TENANT_MAX, &child->tenant},
        {m->dedup_key, JOB_KEY_MAX, &child->dedup_key},
        {m->labels, JOB_LABELS_MAX, &child->labels},
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        int r = effects_text(fx, texts[i].from, texts[i].limit, texts[i].to);
        if (r != 0) {
            return r;
        }
    }
    return job_check_type(child->type, NULL) != 0 || job_check_queue(child->queue, NULL) != 0
               ? -EBADMSG
               : 0;
}

static void effects_refuse(struct effects *fx, const char *code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void effects_refuse(struct effects *fx, const char *code, const char *fmt, ...) {
    va_list ap;
    if (fx->refused == NULL) { // the first one says why
        va_start(ap, fmt);
        (void)vsnprintf(fx->refusal, sizeof fx->refusal, fmt, ap);
        va_end(ap);
        fx->refused = code;
    }
}

/* It is a member of the flow that its parent opens by it. */
static int effects_own_flow(struct effects *fx, const struct job_spec *parent,
                            struct job_spec *child) {
    char id[JOB_ID_TEXT + 1];
    if (fx->flow == NULL || fx->flow_queue == NULL) { // the first one
        id_format(&parent->id, id);
        int r = effects_text(fx, id, JOB_ID_TEXT, &fx->flow);
        r = r != 0 ? r : effects_text(fx, parent->queue, JOB_QUEUE_MAX, &fx->flow_queue);
        if (r != 0) {
            return r;
        }
    }
    child->flow_id = fx->flow;
    child->flow_queue = strcmp(parent->queue, child->queue) == 0 ? NULL : fx->flow_queue;
    child->parent = parent->id;
    return 0;
}

/* It joins the flow of the one that makes it. */
static int effects_same_flow(struct effects *fx, const struct job_spec *maker,
                             struct job_spec *child) {
    const char *queue = maker->flow_queue != NULL ? maker->flow_queue : maker->queue;
    if (!store_flow_has(maker)) {
        effects_refuse(fx, "no_flow", "it adds to a flow, and is a member of none");
        return 0;
    }
    child->parent = maker->parent;
    int r = effects_text(fx, maker->flow_id, JOB_ID_TEXT, &child->flow_id);
    return r != 0 || strcmp(queue, child->queue) == 0
               ? r
               : effects_text(fx, queue, JOB_QUEUE_MAX, &child->flow_queue);
}

static int effects_no_flow(struct effects *fx, const struct job_spec *opener,
                           struct job_spec *then) {
    (void)fx;
    then->parent = opener->id;
    return 0;
}

/* The limits that a worker does not know. */
static bool effects_child_fits(struct effects *fx, const struct host *host,
                               const struct config_queue *queue, const struct job_spec *child,
                               const struct msg_child *m) {
    char limit[32];
    if (fx->child_count >= JOB_CHILDREN_PER_COMMIT) {
        effects_refuse(fx, "too_many_children", "more than %d children in one commit",
                       (int)JOB_CHILDREN_PER_COMMIT);
        return false;
    }
    if (query_is(host, child->type)) {
        effects_refuse(fx, "is_query", "a child (%s) is a query, and no job", child->type);
        return false;
    }
    if (m->payload.data.len > (uint64_t)queue->max_payload) {
        size_format((uint64_t)queue->max_payload, limit, sizeof limit);
        effects_refuse(fx, "child_too_large",
                       "the payload of a child (%s, %zu bytes) is over queues.%s.max_payload (%s)",
                       child->type, m->payload.data.len, child->queue, limit);
        return false;
    }
    if (m->delay_ms > JOB_SPAN_MAX_MS || m->spread_ms > JOB_SPAN_MAX_MS) {
        effects_refuse(fx, "child_too_late", "a child (%s) is to be delayed by more than 10 years",
                       child->type);
        return false;
    }
    return true;
}

static void effects_fill_child(struct host *host, const struct config_queue *queue,
                               const struct msg_child *m, int64_t now, struct job_spec *child) {
    const struct config_job *type = config_job(host->config, child->type);
    child->priority = (enum job_priority)(PRIORITY_NORMAL - m->priority);
    child->max_attempts = config_retry_policy(queue, type)->max;
    child->timeout_ms = type->timeout_ms;
    child->dedup_mode = DEDUP_RETURN;
    child->dedup_ttl_ms = queue->dedup_ttl_ms;
    int64_t delay = m->delay_ms;
    if (m->spread_ms > 0) {
        delay += (int64_t)(id_seed(&child->id) % ((uint64_t)m->spread_ms + 1));
    }
    child->run_at_ms = delay > 0 ? now + delay : 0;
    child->deadline_ms = type->deadline_ms == 0 ? 0 : now + delay + type->deadline_ms;
    child->expires_ms = type->expires_ms == 0 ? 0 : now + delay + type->expires_ms;
}

static bool effects_child_is_sane(const struct msg_child *m, enum effects_kin kin) {
    return m->priority >= -1 && m->priority <= 1 && m->delay_ms >= 0 && m->spread_ms >= 0 &&
           (kin != EFFECTS_THEN || m->dedup_key == NULL);
}

static int effects_keep_child(struct effects *fx, enum effects_kin kin,
                              const struct config_queue *queue, const struct job_spec *child) {
    bool then = kin == EFFECTS_THEN;
    struct job_spec **to = then ? &fx->then : &fx->children;
    size_t *count = then ? &fx->then_count : &fx->child_count;
    int r = effects_grow((void **)to, *count, then ? &fx->then_cap : &fx->child_cap, sizeof *child);
    if (r == 0) {
        (*to)[(*count)++] = *child;
        fx->then_keep_ms = then ? queue->dead_ttl_ms : fx->then_keep_ms;
    }
    return r;
}

int effects_add_child(struct effects *fx, struct host *host, const struct job_spec *parent,
                      enum effects_kin kin, struct msg_child *m) {
    static int (*const flows[])(struct effects *, const struct job_spec *, struct job_spec *) = {
        [EFFECTS_CHILD] = effects_own_flow,
        [EFFECTS_SIBLING] = effects_same_flow,
        [EFFECTS_THEN] = effects_no_flow,
    };
    int64_t now = env_wall_ms(&host->env);
    bool idle = fx->refused != NULL || (kin == EFFECTS_THEN && fx->then_count > 0);
    struct job_spec child = {.id = id_next(&host->ids, now)};
    int r = idle ? 0 : effects_child_texts(fx, host, parent, m, &child);
    r = r != 0 || idle ? r : flows[kin](fx, parent, &child);
    r = r == 0 && !effects_child_is_sane(m, kin) ? -EBADMSG : r;
    if (r != 0 || idle || fx->refused != NULL) { // one that cannot be is enough
        msg_bytes_close(&m->payload);
        return r;
    }
    const struct config_queue *queue = config_queue(host->config, child.queue);
    if (!effects_child_fits(fx, host, queue, &child, m)) {
        msg_bytes_close(&m->payload);
        return 0;
    }
    r = effects_take(fx, &m->payload, (size_t)queue->max_payload, &child.payload);
    if (r == 0) {
        effects_fill_child(host, queue, m, now, &child);
        r = effects_keep_child(fx, kin, queue, &child);
    }
    return r;
}

int effects_set_on_dead(struct effects *fx, int32_t what) {
    static const int values[] = {
        [JH_ON_DEAD_CONTINUE] = FLOW_CONTINUE + 1, [JH_ON_DEAD_FAIL] = FLOW_FAIL + 1};
    if (what < 0 || (size_t)what >= ARRAY_LEN(values)) {
        return -EBADMSG;
    }
    fx->flow_on_dead = values[what];
    return 0;
}
