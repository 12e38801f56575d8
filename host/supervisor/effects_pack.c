#include "supervisor/effects_pack.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/flow.h"
#include "supervisor/handover_codec.h"

#define STEP(member)    offsetof(struct store_step, member)
#define SPEC(member)    offsetof(struct job_spec, member)
#define KV(member)      offsetof(struct store_kv_write, member)
#define WARNING(member) offsetof(struct store_warning, member)
#define OUTPUT(member)  offsetof(struct packed_output, member)
#define EVENT(member)   offsetof(struct store_event, member)
#define PACKED(member)  offsetof(struct packed, member)

/* An output's hash is no number and no text. */
struct packed_output {
    const char *name, *content_type;
    struct bytes sha256;
    uint64_t size;
};

struct packed {
    struct store_step *steps;
    struct job_spec *children;
    struct store_kv_write *kv;
    struct store_warning *warnings;
    struct packed_output *outputs;
    struct store_event *events;
    struct job_spec *then;
    size_t then_count;
    int64_t then_keep_ms;
    uint32_t flow_on_dead;
    size_t step_count, child_count, kv_count, warning_count, output_count, event_count;
    uint64_t bytes;
    uint32_t state_version;
    const char *refused, *refusal;
};

static const struct pack_field step_fields[] = {{1, PACK_TEXT, STEP(name)}};
static const struct shape_bytes step_bytes[] = {{2, STEP(value)}};
static const struct shape step_shape = {.size = sizeof(struct store_step),
                                        .fields = step_fields,
                                        .field_count = ARRAY_LEN(step_fields),
                                        .bytes = step_bytes,
                                        .bytes_count = ARRAY_LEN(step_bytes)};

/* Of a child; it has no files, and nobody has spoilt its policy. */
static const struct pack_field child_fields[] = {
    {1, PACK_ID, SPEC(id)},
    {2, PACK_TEXT, SPEC(queue)},
    {3, PACK_TEXT, SPEC(type)},
    {4, PACK_TEXT, SPEC(tenant)},
    {5, PACK_U32, SPEC(priority)},
    {6, PACK_TEXT, SPEC(content_type)},
    {7, PACK_TEXT, SPEC(dedup_key)},
    {8, PACK_U32, SPEC(dedup_mode)},
    {9, PACK_I64, SPEC(dedup_ttl_ms)},
    {10, PACK_I64, SPEC(run_at_ms)},
    {11, PACK_I32, SPEC(max_attempts)},
    {12, PACK_I64, SPEC(timeout_ms)},
    {13, PACK_I64, SPEC(deadline_ms)},
    {14, PACK_I64, SPEC(expires_ms)},
    {15, PACK_TEXT, SPEC(labels)},
    {16, PACK_TEXT, SPEC(flow_id)},
    {17, PACK_ID, SPEC(parent)},
    {19, PACK_TEXT, SPEC(flow_queue)},
};
static const struct shape_bytes child_bytes[] = {{18, SPEC(payload)}};
static const struct shape child_shape = {.size = sizeof(struct job_spec),
                                         .fields = child_fields,
                                         .field_count = ARRAY_LEN(child_fields),
                                         .bytes = child_bytes,
                                         .bytes_count = ARRAY_LEN(child_bytes)};

static const struct pack_field kv_fields[] = {
    {1, PACK_U32, KV(kind)},
    {2, PACK_TEXT, KV(key)},
    {3, PACK_I64, KV(number)},
};
static const struct shape_bytes kv_bytes[] = {{4, KV(value)}};
static const struct shape kv_shape = {.size = sizeof(struct store_kv_write),
                                      .fields = kv_fields,
                                      .field_count = ARRAY_LEN(kv_fields),
                                      .bytes = kv_bytes,
                                      .bytes_count = ARRAY_LEN(kv_bytes)};

static const struct pack_field warning_fields[] = {
    {1, PACK_TEXT, WARNING(code)},
    {2, PACK_TEXT, WARNING(message)},
};
static const struct shape warning_shape = {.size = sizeof(struct store_warning),
                                           .fields = warning_fields,
                                           .field_count = ARRAY_LEN(warning_fields)};

static const struct pack_field output_fields[] = {
    {1, PACK_TEXT, OUTPUT(name)},
    {2, PACK_TEXT, OUTPUT(content_type)},
    {3, PACK_U64, OUTPUT(size)},
};
static const struct shape_bytes output_bytes[] = {{4, OUTPUT(sha256)}};
static const struct shape output_shape = {.size = sizeof(struct packed_output),
                                          .fields = output_fields,
                                          .field_count = ARRAY_LEN(output_fields),
                                          .bytes = output_bytes,
                                          .bytes_count = ARRAY_LEN(output_bytes)};

static const struct pack_field event_fields[] = {
    {1, PACK_TEXT, EVENT(name)},
    {2, PACK_TEXT, EVENT(content_type)},
    {3, PACK_TEXT, EVENT(key)},
    {4, PACK_TEXT, EVENT(tenant)},
};
static const struct shape_bytes event_bytes[] = {{5, EVENT(value)}};
static const struct shape event_shape = {.size = sizeof(struct store_event),
                                         .fields = event_fields,
                                         .field_count = ARRAY_LEN(event_fields),
                                         .bytes = event_bytes,
                                         .bytes_count = ARRAY_LEN(event_bytes)};

static const struct pack_field packed_fields[] = {
    {1, PACK_U64, PACKED(bytes)},         {2, PACK_U32, PACKED(state_version)},
    {3, PACK_TEXT, PACKED(refused)},      {4, PACK_TEXT, PACKED(refusal)},
    {12, PACK_I64, PACKED(then_keep_ms)}, {13, PACK_U32, PACKED(flow_on_dead)},
};
static const struct shape_list packed_lists[] = {
    {5, PACKED(steps), PACKED(step_count), EFFECTS_ITEMS_MAX, &step_shape},
    {6, PACKED(children), PACKED(child_count), EFFECTS_ITEMS_MAX, &child_shape},
    {7, PACKED(kv), PACKED(kv_count), EFFECTS_ITEMS_MAX, &kv_shape},
    {8, PACKED(warnings), PACKED(warning_count), EFFECTS_ITEMS_MAX, &warning_shape},
    {9, PACKED(outputs), PACKED(output_count), EFFECTS_ITEMS_MAX, &output_shape},
    {10, PACKED(events), PACKED(event_count), EFFECTS_ITEMS_MAX, &event_shape},
    {11, PACKED(then), PACKED(then_count), 1, &child_shape},
};
static const struct shape packed_shape = {.size = sizeof(struct packed),
                                          .fields = packed_fields,
                                          .field_count = ARRAY_LEN(packed_fields),
                                          .lists = packed_lists,
                                          .list_count = ARRAY_LEN(packed_lists)};

void effects_pack(const struct effects *fx, struct buf *out) {
    struct arena arena = {.head = NULL};
    struct packed p = {
        .steps = fx->steps,
        .step_count = fx->step_count,
        .children = fx->children,
        .child_count = fx->child_count,
        .kv = fx->kv,
        .kv_count = fx->kv_count,
        .warnings = fx->warnings,
        .warning_count = fx->warning_count,
        .outputs = arena_zalloc(&arena, (fx->output_count + 1) * sizeof(struct packed_output)),
        .output_count = fx->output_count,
        .events = fx->events,
        .event_count = fx->event_count,
        .then = fx->then,
        .then_count = fx->then_count,
        .then_keep_ms = fx->then_keep_ms,
        .flow_on_dead = (uint32_t)fx->flow_on_dead,
        .bytes = fx->bytes,
        .state_version = fx->state_version,
        .refused = fx->refused,
        .refusal = fx->refusal,
    };
    for (size_t i = 0; p.outputs != NULL && i < fx->output_count; i++) {
        const struct store_output *o = &fx->outputs[i];
        p.outputs[i] = (struct packed_output){.name = o->name,
                                              .content_type = o->content_type,
                                              .sha256 = {o->blob.sha256, sizeof o->blob.sha256},
                                              .size = o->blob.size};
    }
    out->failed = out->failed || p.outputs == NULL;
    if (!out->failed) {
        shape_write(&packed_shape, &p, out);
    }
    arena_free(&arena);
}

/* ------------------------------------------------------------------ the way back */

/* An array that can grow, as effects.c wants it. */
static void *grown(const void *items, size_t count, size_t size, int *r) {
    void *copy = malloc((count + 1) * size);
    if (copy == NULL) {
        *r = -ENOMEM;
    } else if (count > 0) {
        memcpy(copy, items, count * size);
    }
    return copy;
}

static int fill_outputs(struct effects *fx, const struct packed *p) {
    for (size_t i = 0; i < p->output_count; i++) {
        const struct packed_output *from = &p->outputs[i];
        struct store_output *to = &fx->outputs[i];
        if (from->name == NULL || from->sha256.len != sizeof to->blob.sha256) {
            return -EBADMSG;
        }
        *to = (struct store_output){
            .name = from->name, .content_type = from->content_type, .blob = {.size = from->size}};
        memcpy(to->blob.sha256, from->sha256.data, sizeof to->blob.sha256);
    }
    return 0;
}

static bool is_child(const struct job_spec *c) {
    return !id_is_zero(&c->id) && c->type != NULL && c->queue != NULL &&
           job_check_type(c->type, NULL) == 0 && job_check_queue(c->queue, NULL) == 0 &&
           (unsigned)c->priority < PRIORITY_COUNT && (unsigned)c->dedup_mode < DEDUP_MODE_COUNT;
}

/* What the store takes for granted. */
static int check(const struct packed *p) {
    bool ok = p->bytes <= EFFECTS_BYTES_MAX;
    for (size_t i = 0; i < p->step_count; i++) {
        ok = ok && p->steps[i].name != NULL;
    }
    for (size_t i = 0; i < p->child_count; i++) {
        ok = ok && is_child(&p->children[i]);
    }
    ok = ok && (p->then_count == 0 || is_child(p->then)) && p->flow_on_dead <= FLOW_ON_DEAD_COUNT;
    for (size_t i = 0; i < p->kv_count; i++) {
        ok = ok && p->kv[i].key != NULL && (unsigned)p->kv[i].kind <= STORE_KV_DONE;
    }
    for (size_t i = 0; i < p->event_count; i++) {
        ok = ok && p->events[i].name != NULL && store_event_check(&p->events[i]) == 0;
    }
    for (size_t i = 0; i < p->warning_count; i++) {
        ok = ok && p->warnings[i].message != NULL;
    }
    return ok ? 0 : -EBADMSG;
}

static int take(struct effects *fx, const struct packed *p) {
    int r = 0;
    fx->steps = grown(p->steps, p->step_count, sizeof *fx->steps, &r);
    fx->children = grown(p->children, p->child_count, sizeof *fx->children, &r);
    fx->then = grown(p->then, p->then_count, sizeof *fx->then, &r);
    fx->kv = grown(p->kv, p->kv_count, sizeof *fx->kv, &r);
    fx->warnings = grown(p->warnings, p->warning_count, sizeof *fx->warnings, &r);
    fx->events = grown(p->events, p->event_count, sizeof *fx->events, &r);
    fx->outputs = grown(NULL, 0, (p->output_count + 1) * sizeof *fx->outputs, &r);
    if (r != 0) {
        return r;
    }
    fx->step_count = fx->step_cap = p->step_count;
    fx->child_count = fx->child_cap = p->child_count;
    fx->then_count = fx->then_cap = p->then_count;
    fx->then_keep_ms = p->then_keep_ms;
    fx->flow_on_dead = (int)p->flow_on_dead;
    fx->kv_count = fx->kv_cap = p->kv_count;
    fx->warning_count = fx->warning_cap = p->warning_count;
    fx->output_count = fx->output_cap = p->output_count;
    fx->event_count = fx->event_cap = p->event_count;
    fx->bytes = (size_t)p->bytes;
    fx->state_version = p->state_version;
    fx->refused = p->refused;
    if (p->refusal != NULL) {
        (void)snprintf(fx->refusal, sizeof fx->refusal, "%s", p->refusal);
    }
    return fill_outputs(fx, p);
}

int effects_unpack(struct bytes text, struct effects **ret) {
    struct effects *fx = effects_new();
    struct packed p = {.bytes = 0};
    if (fx == NULL) {
        return -ENOMEM;
    }
    struct bytes own = arena_bytes(&fx->arena, text);
    int r =
        text.len > 0 && own.data == NULL ? -ENOMEM : shape_read(&packed_shape, own, &p, &fx->arena);
    r = r != 0 ? r : check(&p);
    r = r != 0 ? r : take(fx, &p);
    if (r != 0) {
        effects_free(&fx);
        return r;
    }
    *ret = fx;
    return 0;
}
