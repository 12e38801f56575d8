/* Jobs that an attempt makes: members of the flow that it opens (store/flows.h), and the one behind them. */
#include <errno.h>
#include <string.h>

#include "sim/sim_private.h"

/* What is asked for, as a job of its own. NULL type: it cannot be, and is left out. */
static struct sim_type *fill(struct sim *s, const struct sim_attempt *a,
                             struct job_request *request, const char *queue,
                             struct job_spec *spec) {
    char own[JOB_QUEUE_MAX + 1];
    struct arena *arena = &s->batch.arena;
    struct problem problem;
    const char *tenant = request->tenant != NULL ? request->tenant : a->spec.tenant;
    request->tenant = tenant == NULL ? NULL : sim_text(s, arena, tenant);
    request->dedup_mode = -1;
    struct sim_type *type = sim_places_type(s, request->type);
    queue = sim_text(s, arena,
                     queue != NULL ? queue : config_queue_of_type(s->config, request->type, own));
    if (type == NULL ||
        jobs_fill(s->config, request, queue, &s->ids, sim_wall(s), arena, spec, &problem) != 0) {
        return NULL;
    }
    spec->parent = a->spec.id;
    return type;
}

static void made(struct sim *s, struct sim_type *type, const struct job_spec *spec,
                 const char *opener_type, const char *how) {
    type->report->made++;
    s->report->events++;
    sim_note(s, NOTE_ARRIVE, type->name, spec, "%s", how);
    sim_flows_grow(s, &spec->parent, opener_type, spec->dedup_key != NULL);
}

/* It is a member of the flow that its parent opens by it. */
static void join(struct sim *s, const struct sim_attempt *a, struct sim_type *type,
                 struct job_spec *spec) {
    char id[JOB_ID_TEXT + 1];
    id_format(&a->spec.id, id);
    spec->flow_id = sim_text(s, &s->batch.arena, id);
    spec->flow_queue = strcmp(a->spec.queue, spec->queue) == 0
                           ? NULL
                           : sim_text(s, &s->batch.arena, a->spec.queue);
    made(s, type, spec, a->lane->type->name, "child");
}

/* It joins the flow of the one that makes it. False: that is a member of none. */
static bool join_own(struct sim *s, const struct sim_attempt *a, struct sim_type *type,
                     struct job_spec *spec) {
    const char *queue = a->spec.flow_queue != NULL ? a->spec.flow_queue : a->spec.queue;
    if (id_is_zero(&a->flow) || a->spec.flow_id == NULL) {
        return false;
    }
    spec->parent = a->flow;
    spec->flow_id = sim_text(s, &s->batch.arena, a->spec.flow_id);
    spec->flow_queue = strcmp(queue, spec->queue) == 0 ? NULL : sim_text(s, &s->batch.arena, queue);
    made(s, type, spec, NULL, "sibling");
    return true;
}

static void add_then(struct sim *s, const struct sim_attempt *a, const char *name,
                     struct sim_commit *c) {
    struct job_request request = {.type = name, .payload = bytes_of("{}"), .priority = -1};
    struct job_spec *spec = sim_alloc(s, &s->batch.arena, sizeof *spec);
    if (spec != NULL && fill(s, a, &request, NULL, spec) != NULL) {
        c->item.then = spec;
        sim_flows_then(s, &a->spec.id, a->lane->type->name, name);
    }
}

void sim_children_make(struct sim *s, const struct sim_attempt *a, struct sim_commit *c) {
    const struct scenario_handler *h = a->lane->type->handler;
    size_t count = (size_t)h->children;
    struct job_spec *specs = sim_alloc(s, &s->batch.arena, (count + 1) * sizeof *specs);
    c->item.children = specs;
    for (size_t i = 0; specs != NULL && i < count; i++) {
        struct job_request request = {.type = h->child, .payload = bytes_of("{}"), .priority = -1};
        struct job_spec *spec = &specs[c->item.child_count];
        struct sim_type *type = fill(s, a, &request, NULL, spec);
        if (type == NULL) {
            return;
        }
        join(s, a, type, spec);
        c->item.child_count++;
    }
    if (c->item.child_count > 0) {
        c->item.flow_on_dead = flow_on_dead_from_name(h->on_dead) + 1;
    }
    if (c->item.child_count > 0 && h->then != NULL) {
        add_then(s, a, h->then, c);
    }
}

/* The place that it was filled in is the next one's. */
static void take_then(struct sim *s, const struct sim_attempt *a, const struct sim_type *type,
                      const struct job_spec *spec, struct sim_commit *c) {
    struct job_spec *own = sim_alloc(s, &s->batch.arena, sizeof *own);
    if (own != NULL && c->item.then == NULL) {
        *own = *spec;
        c->item.then = own;
        sim_flows_then(s, &a->spec.id, a->lane->type->name, type->name);
    }
}

void sim_children_of_plugin(struct sim *s, const struct sim_attempt *a, int64_t age_ms,
                            struct sim_commit *c) {
    const struct plugin_run_answer *answer = a->answer;
    struct arena *arena = &s->batch.arena;
    struct job_spec *specs = sim_alloc(s, arena, (answer->child_count + 1) * sizeof *specs);
    c->item.children = specs;
    for (size_t i = 0; specs != NULL && i < answer->child_count; i++) {
        const struct plugin_run_child *child = &answer->children[i];
        if (child->after_ms > age_ms) {
            continue;
        }
        struct job_request request = {
            .type = sim_text(s, arena, child->type),
            .payload = arena_bytes(arena, child->payload),
            .key = child->key == NULL ? NULL : sim_text(s, arena, child->key),
            .tenant = child->tenant,
            .delay_ms = child->delay_ms,
            .priority = (int)PRIORITY_NORMAL - child->priority,
        };
        struct job_spec *spec = &specs[c->item.child_count];
        struct sim_type *type = fill(s, a, &request, child->queue, spec);
        if (type != NULL && child->kin == PLUGIN_RUN_THEN) {
            take_then(s, a, type, spec, c);
        } else if (type != NULL && child->kin == PLUGIN_RUN_SIBLING) {
            c->item.child_count += join_own(s, a, type, spec);
        } else if (type != NULL) {
            join(s, a, type, spec);
            c->item.child_count++;
        }
    }
    for (size_t i = 0; i < answer->on_dead_count; i++) {
        if (answer->on_dead[i].after_ms <= age_ms) {
            c->item.flow_on_dead = answer->on_dead[i].what + 1;
        }
    }
}
