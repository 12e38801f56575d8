#include "api/custom.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/view.h"
#include "intake/verify.h"

/* What an action is in the API's own form, and through a view where that has one. */
static const struct action {
    const char *name;
    void (*own)(struct call *call);
    enum route_body own_body;
    const char *own_query; // parameters that the API's own form knows
    void (*viewed)(struct call *call);
    enum route_body viewed_body;
    enum route_needs needs;
    enum route_bound bound;
} actions[] = {
    {"submit", submit_handle, BODY_SUBMIT, NULL, view_submit_handle, BODY_FORM, NEEDS_SUBMIT,
     BOUND_OWN},
    {"status", jobs_get_handle, BODY_NONE, "wait", view_status_handle, BODY_NONE, NEEDS_READ,
     BOUND_OWN},
    {"result", result_handle, BODY_NONE, NULL, view_result_handle, BODY_NONE, NEEDS_READ,
     BOUND_OWN},
    {"cancel", action_cancel_handle, BODY_JSON, NULL, action_cancel_handle, BODY_JSON,
     NEEDS_OPERATOR, BOUND_OWN},
    {"events", events_handle, BODY_NONE, NULL, events_handle, BODY_NONE, NEEDS_READ, BOUND_OWN},
    {"plugin.query", query_handle, BODY_QUERY, NULL, query_handle, BODY_QUERY, NEEDS_VIEWER,
     BOUND_REFUSED},
};

static const struct action *action_find(const char *name) {
    for (size_t i = 0; i < ARRAY_LEN(actions); i++) {
        if (strcmp(actions[i].name, name) == 0) {
            return &actions[i];
        }
    }
    return NULL;
}

/* 0 where there is none. */
static unsigned id_place(const char *path) {
    unsigned place = 0;
    const char *at = strchr(path, '{');
    for (; at != NULL && strncmp(at, "{id}", 4) != 0; at = strchr(at + 1, '{')) {
        place++;
    }
    return at == NULL ? 0 : place;
}

/* Finished jobs of a view go at the earliest with the queue that is emptied first. */
static int64_t keep_of(const struct config *c, const struct view *view) {
    int64_t keep_ms = 0;
    for (size_t i = 0; i < c->route_count; i++) {
        const struct config_route *r = &c->routes[i];
        if (!r->entry.on || r->job == NULL || view_find(r->view) != view) {
            continue;
        }
        char name[JOB_QUEUE_MAX + 1];
        const char *queue = r->queue != NULL ? r->queue : config_queue_of_type(c, r->job, name);
        int64_t ttl_ms = config_queue(c, queue)->ttl_ms;
        keep_ms = keep_ms == 0 || ttl_ms < keep_ms ? ttl_ms : keep_ms;
    }
    return keep_ms == 0 ? c->queue_default.ttl_ms : keep_ms;
}

static bool proves_by_head(const struct config_route *from) {
    for (size_t i = 0; i < from->auth_count; i++) {
        const char *scheme = from->auth[i].scheme;
        if (strcmp(scheme, "bearer") != 0 && strcmp(scheme, "gitlab") != 0) {
            return false;
        }
    }
    return true;
}

/* A route is proven as a hook at its path would be. */
static int compile_auth(const struct config *c, const struct config_route *from,
                        struct custom_route *to) {
    const struct config_hook hook = {.entry = from->entry,
                                     .path = from->path,
                                     .verify = from->auth,
                                     .verify_count = from->auth_count};
    struct err e;
    to->open = from->auth_count == 1 && strcmp(from->auth[0].scheme, "none") == 0;
    to->proven = from->auth_count > 0 && !to->open;
    to->head_proves = proves_by_head(from);
    return to->proven ? verifier_new(&hook, c->host.base_url, &to->verifier, &e) : 0;
}

static int compile(const struct config *c, const struct config_route *from,
                   struct custom_route *to) {
    const struct view *view = view_find(from->view);
    const struct action *action = action_find(from->action);
    size_t len = strlen(from->path);
    while (len > 0 && from->path[len - 1] == '/') {
        len--; // a request's path has no empty segments
    }
    char *pattern = strndup(from->path, len);
    if (pattern == NULL) {
        return -ENOMEM;
    }
    *to = (struct custom_route){
        .route = {.method = from->method,
                  .pattern = pattern,
                  .handler = view == NULL ? action->own : action->viewed,
                  .body = view == NULL ? action->own_body : action->viewed_body,
                  .needs = action->needs,
                  .bound = action->bound,
                  .query = view == NULL ? action->own_query : NULL},
        .config = from,
        .view = view,
        .id_at = action->own_body == BODY_QUERY ? 0 : id_place(pattern),
        .keep_ms = keep_of(c, view),
    };
    return compile_auth(c, from, to);
}

int custom_compile(const struct config *c, struct custom_routes *ret) {
    *ret = (struct custom_routes){.items = calloc(c->route_count + 1, sizeof *ret->items)};
    if (ret->items == NULL) {
        return -ENOMEM;
    }
    ret->config = config_hold(c);
    for (size_t i = 0; i < c->route_count; i++) {
        const struct config_route *from = &c->routes[i];
        if (!from->entry.on || action_find(from->action) == NULL) {
            continue;
        }
        int r = compile(c, from, &ret->items[ret->count]);
        ret->count += ret->items[ret->count].route.pattern != NULL;
        if (r != 0) {
            custom_finish(ret);
            return r;
        }
    }
    return 0;
}

void custom_finish(struct custom_routes *routes) {
    for (size_t i = 0; i < routes->count; i++) {
        free((char *)(uintptr_t)routes->items[i].route.pattern);
        verifier_release(&routes->items[i].verifier);
    }
    free(routes->items);
    config_free(&routes->config);
    *routes = (struct custom_routes){.items = NULL};
}

static bool copy_origins(const struct config_route *from, struct config_route *to,
                         struct arena *a) {
    to->cors = arena_zalloc(a, (from->cors_count + 1) * sizeof *to->cors);
    for (size_t i = 0; to->cors != NULL && i < from->cors_count; i++) {
        to->cors[i] = arena_str(a, from->cors[i]);
        if (to->cors[i] == NULL) {
            return false;
        }
    }
    to->cors_count = from->cors_count;
    return to->cors != NULL;
}

const struct custom_route *custom_copy(const struct custom_route *from, struct arena *a) {
    struct custom_route *copy = arena_zalloc(a, sizeof *copy);
    struct config_route *config = arena_zalloc(a, sizeof *config);
    if (copy == NULL || config == NULL) {
        return NULL;
    }
    *copy = *from;
    copy->config = config;
    copy->route.method = arena_str(a, from->route.method);
    copy->route.pattern = arena_str(a, from->route.pattern);
    config->job = arena_str(a, from->config->job);
    config->queue = arena_str(a, from->config->queue);
    config->max_body = from->config->max_body;
    config->max_age_ms = from->config->max_age_ms;
    copy->verifier = NULL;
    bool whole = copy_origins(from->config, config, a) && copy->route.method != NULL &&
                 copy->route.pattern != NULL &&
                 (config->job == NULL) == (from->config->job == NULL) &&
                 (config->queue == NULL) == (from->config->queue == NULL);
    return whole ? copy : NULL;
}
