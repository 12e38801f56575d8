/* From the text of a submission to its jobs. Everything that grows with the text is done aside
 * (call_aside()); what needs the host is done on the loop, for a few jobs at a time.
 *
 *     split ─▶ read a part ─▶ resolve it ─┬▶ go_on()
 *                   ▲                     │
 *                   └──── there are more ─┘ */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "api/custom.h"
#include "api/submit.h"
#include "api/submit_item.h"
#include "store/scope.h"

enum { READ_PART = 256 * 1024 }; // so much text of jobs is resolved in one turn of the loop

/* ---- aside ---- */

static int count_job(void *arg, struct bytes object) {
    (void)object;
    size_t *count = arg;
    return ++*count > SUBMIT_ITEMS_MAX ? -E2BIG : 0;
}

static int keep_text(void *arg, struct bytes object) {
    struct submit_slot **slot = arg;
    (*slot)++->text = object;
    return 0;
}

static void split(struct call *call) {
    struct submit *s = call->submit;
    size_t count = s->is_array ? 0 : 1;
    s->status = s->is_array ? json_each(s->text, count_job, &count) : 0;
    s->status = s->status != 0 ? s->status : submit_make_slots(s, count);
    struct submit_slot *slot = s->slots;
    if (s->status == 0 && s->is_array) {
        (void)json_each(s->text, keep_text, &slot);
    } else if (s->status == 0) {
        slot->text = s->text;
    }
}

/* On a route of the configuration the type, and perhaps the queue, are the route's. */
static const char *default_type(const struct call *call) {
    return call->custom == NULL ? NULL : call->custom->config->job;
}

static int fix_place(const struct call *call, struct job_request *request, struct problem *ret) {
    const struct config_route *route = call->custom == NULL ? NULL : call->custom->config;
    if (route == NULL) {
        return 0;
    }
    bool type = strcmp(request->type, route->job) == 0;
    bool queue =
        route->queue == NULL || request->queue == NULL || strcmp(request->queue, route->queue) == 0;
    if (type && queue) {
        request->queue = route->queue != NULL ? route->queue : request->queue;
        return 0;
    }
    *ret = (struct problem){.status = 400, .code = "bad_field"};
    (void)snprintf(ret->field, sizeof ret->field, "%s", type ? "queue" : "type");
    (void)snprintf(ret->message, sizeof ret->message, "this path submits to %s %.128s only",
                   type ? "queue" : "type", type ? route->queue : route->job);
    return -EINVAL;
}

static void read_job(struct submit *s, struct submit_slot *slot) {
    struct problem problem;
    if (submit_item_read(slot->text, default_type(s->call), &s->call->req->arena, &slot->request,
                         &slot->files, &problem) != 0 ||
        fix_place(s->call, &slot->request, &problem) != 0 ||
        submit_key_take(s->call, &slot->request, &problem) != 0) {
        submit_refuse(s, slot, &problem);
    }
}

static void read_part(struct call *call) {
    struct submit *s = call->submit;
    for (size_t len = 0; s->read < s->count && len < READ_PART; s->read++) {
        len += s->slots[s->read].text.len;
        read_job(s, &s->slots[s->read]);
    }
}

/* ---- the loop ---- */

/* A job is its submitter's tenant's, and goes to one of its queues. */
static int bind(const struct call *call, struct submit_slot *slot, struct problem *ret) {
    const struct store_scope *bound = call->bound;
    bool queue = bound != NULL && !store_scope_has(bound, slot->spec.queue, bound->tenant);
    if (bound == NULL || store_scope_has_job(bound, &slot->spec)) {
        return 0;
    }
    *ret = (struct problem){.status = 403, .code = "forbidden"};
    (void)snprintf(ret->field, sizeof ret->field, "%s", queue ? "queue" : "user");
    (void)snprintf(ret->message, sizeof ret->message, "the token is bound to another %s",
                   queue ? "queue" : "user");
    return -EACCES;
}

void submit_resolve(struct submit *s, struct submit_slot *slot) {
    struct problem problem;
    const struct store_scope *bound = s->call->bound;
    slot->named = slot->request.file_count;
    if (bound != NULL && slot->request.tenant == NULL) {
        slot->request.tenant = bound->tenant;
    }
    int r = s->form == NULL ? 0 : submit_form_files(s, &slot->request, &problem);
    r = r != 0 ? r
               : jobs_resolve(s->call->host, &slot->request, &s->call->req->arena, &slot->spec,
                              &problem);
    r = r != 0 ? r : bind(s->call, slot, &problem);
    if (r != 0) {
        submit_refuse(s, slot, &problem);
    }
}

static void resolve_part(struct call *call) {
    struct submit *s = call->submit;
    for (; s->resolved < s->read; s->resolved++) {
        struct submit_slot *slot = &s->slots[s->resolved];
        if (slot->problem == NULL) {
            submit_resolve(s, slot);
        }
    }
    if (s->read < s->count) {
        call_aside(call, s->text.len, read_part, resolve_part);
    } else {
        s->go_on(s);
    }
}

static void have_split(struct call *call) {
    const struct submit *s = call->submit;
    if (s->status == -E2BIG) {
        call_errorf(call, 413, "too_many_jobs", NULL, "an array has at most %d jobs",
                    SUBMIT_ITEMS_MAX);
    } else if (s->status != 0) {
        call_error(call, 503, "out_of_memory", NULL, "the host is out of memory; try again later");
    } else {
        call_aside(call, s->text.len, read_part, resolve_part);
    }
}

void submit_read(struct submit *s, struct bytes text) {
    s->text = bytes_trim(text);
    s->is_array = *(const char *)s->text.data == '['; // valid JSON has something behind its blanks
    if (s->is_array && submit_key_is_sent(s->call)) {
        call_error(s->call, 400, "bad_idempotency_key", "Idempotency-Key",
                   "it is for one job; give each its key in an array");
        return;
    }
    call_aside(s->call, s->text.len, split, have_split);
}
