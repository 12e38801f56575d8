#include "supervisor/attempt_outputs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/effects.h"
#include "supervisor/host.h"

enum { KEEP_EVERY_MS = 20 * 60 * 1000 };

static bool has_name(const struct attempt *a, const char *name) {
    for (size_t i = 0; i < a->job->output_count; i++) {
        if (strcmp(a->job->outputs[i], name) == 0) {
            return true;
        }
    }
    for (size_t i = 0; i < a->outputs.count; i++) {
        if (strcmp(a->outputs.names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

int attempt_outputs_room(const struct attempt *a, const char *name) {
    bool full = a->job->output_count + a->outputs.count >= JOB_OUTPUTS_MAX;
    return full && !has_name(a, name) ? -ENOSPC : 0;
}

int attempt_outputs_know(struct attempt *a, const char *name) {
    struct attempt_outputs *o = &a->outputs;
    if (has_name(a, name)) {
        return 0;
    }
    if (o->count == o->cap) {
        size_t cap = o->cap == 0 ? 8 : o->cap * 2;
        char **names = realloc(o->names, cap * sizeof(char *));
        if (names == NULL) {
            return -ENOMEM;
        }
        o->names = names;
        o->cap = cap;
    }
    char *copy = strdup(name);
    if (copy == NULL) {
        return -ENOMEM;
    }
    o->names[o->count++] = copy;
    return 0;
}

int attempt_outputs_add(struct attempt *a, const char *name, const char *content_type,
                        const struct blob_ref *blob) {
    if (a->effects == NULL && (a->effects = effects_new()) == NULL) {
        return -ENOMEM;
    }
    int r = attempt_outputs_know(a, name);
    if (r == 0) {
        bool first = a->effects->output_count == 0;
        r = effects_add_output(a->effects, name, content_type, blob);
        a->outputs.kept_mono_ms = first ? env_mono_ms(&a->host->env) : a->outputs.kept_mono_ms;
    }
    return r;
}

static void keep_done(struct store_op *op) {
    struct store_blob_keep *keep = CONTAINER_OF(op, struct store_blob_keep, op);
    store_op_finish(op); // a failure is no news: the next turn comes well within the hour
    free(keep);
}

static void keep(struct attempt *a) {
    const struct effects *fx = a->effects;
    struct store_blob_keep *keep = calloc(1, sizeof *keep);
    struct blob_ref *blobs =
        keep == NULL ? NULL : arena_alloc(&keep->op.arena, fx->output_count * sizeof *blobs);
    if (blobs == NULL) {
        free(keep);
        return;
    }
    for (size_t i = 0; i < fx->output_count; i++) {
        blobs[i] = fx->outputs[i].blob;
    }
    keep->blobs = blobs;
    keep->count = fx->output_count;
    keep->op.kind = STORE_BLOB_KEEP;
    keep->op.now_ms = env_wall_ms(&a->host->env);
    keep->op.done = keep_done;
    store_post(&a->host->store, &keep->op);
}

int64_t attempt_outputs_keep(struct attempt *a, int64_t now_mono_ms) {
    if (a->effects == NULL || a->effects->output_count == 0) {
        return INT64_MAX;
    }
    if (now_mono_ms >= a->outputs.kept_mono_ms + KEEP_EVERY_MS) {
        keep(a);
        a->outputs.kept_mono_ms = now_mono_ms;
    }
    return a->outputs.kept_mono_ms + KEEP_EVERY_MS;
}

void attempt_outputs_forget(struct attempt *a) {
    for (size_t i = 0; i < a->outputs.count; i++) {
        free(a->outputs.names[i]);
    }
    free(a->outputs.names);
    a->outputs = (struct attempt_outputs){.names = NULL};
}
