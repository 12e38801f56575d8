#include "api/custom.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "api/cors.h"
#include "base/nearest.h"

#define JOB_FILTERS "queue type user label q class code after before parent park steps cursor limit"

// clang-format off
static const struct route routes[] = {
    {"POST",   "/v1/jobs",                       submit_handle,               BODY_SUBMIT, NEEDS_SUBMIT,   BOUND_OWN,     NULL},
    {"GET",    "/v1/jobs",                       jobs_list_handle,            BODY_NONE,   NEEDS_VIEWER,   BOUND_OWN,     "state " JOB_FILTERS},
    {"POST",   "/v1/jobs/cancel",                action_bulk_cancel_handle,   BODY_JSON,   NEEDS_OPERATOR, BOUND_OWN,     NULL},
    {"POST",   "/v1/jobs/retry",                 action_bulk_retry_handle,    BODY_JSON,   NEEDS_OPERATOR, BOUND_OWN,     NULL},
    {"POST",   "/v1/jobs/remove",                action_bulk_remove_handle,   BODY_JSON,   NEEDS_OPERATOR, BOUND_OWN,     NULL},
    {"POST",   "/v1/jobs/promote",               action_bulk_promote_handle,  BODY_JSON,   NEEDS_OPERATOR, BOUND_OWN,     NULL},
    {"GET",    "/v1/jobs/{id}",                  jobs_get_handle,             BODY_NONE,   NEEDS_READ,     BOUND_OWN,     "wait"},
    {"DELETE", "/v1/jobs/{id}",                  action_remove_handle,        BODY_NONE,   NEEDS_OPERATOR, BOUND_OWN,     "why"},
    {"GET",    "/v1/jobs/{id}/result",           result_handle,               BODY_NONE,   NEEDS_READ,     BOUND_OWN,     NULL},
    {"GET",    "/v1/jobs/{id}/outputs/{name}",   outputs_get_handle,          BODY_NONE,   NEEDS_READ,     BOUND_OWN,     NULL},
    {"GET",    "/v1/jobs/{id}/events",           events_handle,               BODY_NONE,   NEEDS_READ,     BOUND_OWN,     NULL},
    {"GET",    "/v1/jobs/{id}/explain",          explain_job_handle,          BODY_NONE,   NEEDS_READ,     BOUND_OWN,     NULL},
    {"GET",    "/v1/jobs/{id}/children",         children_handle,             BODY_NONE,   NEEDS_READ,     BOUND_OWN,     "state cursor limit"},
    {"GET",    "/v1/jobs/{id}/children/events",  flow_events_handle,          BODY_NONE,   NEEDS_READ,     BOUND_OWN,     NULL},
    {"GET",    "/v1/jobs/{id}/log",              jobs_log_handle,             BODY_NONE,   NEEDS_READ,     BOUND_OWN,     NULL},
    {"POST",   "/v1/jobs/{id}/cancel",           action_cancel_handle,        BODY_JSON,   NEEDS_OPERATOR, BOUND_OWN,     NULL},
    {"POST",   "/v1/jobs/{id}/retry",            action_retry_handle,         BODY_JSON,   NEEDS_OPERATOR, BOUND_OWN,     NULL},
    {"POST",   "/v1/jobs/{id}/promote",          action_promote_handle,       BODY_JSON,   NEEDS_OPERATOR, BOUND_OWN,     NULL},
    {"POST",   "/v1/jobs/{id}/resolve",          answer_handle,               BODY_JSON,   NEEDS_OPERATOR, BOUND_OWN,     NULL},
    {"GET",    "/v1/events",                     stream_handle,               BODY_NONE,   NEEDS_VIEWER,   BOUND_REFUSED, "queue type user state"},
    {"POST",   "/v1/events/{name}",              publish_handle,              BODY_EVENT,  NEEDS_SUBMIT,   BOUND_OWN,     "key user"},
    {"GET",    "/v1/queues",                     queues_list_handle,          BODY_NONE,   NEEDS_VIEWER,   BOUND_QUEUES,  NULL},
    {"POST",   "/v1/queues/{queue}/pause",       queues_pause_handle,         BODY_JSON,   NEEDS_OPERATOR, BOUND_QUEUES,  NULL},
    {"POST",   "/v1/queues/{queue}/resume",      queues_resume_handle,        BODY_JSON,   NEEDS_OPERATOR, BOUND_QUEUES,  NULL},
    {"GET",    "/v1/queues/{queue}/explain",     explain_queue_handle,        BODY_NONE,   NEEDS_VIEWER,   BOUND_QUEUES,  NULL},
    {"GET",    "/v1/dlq",                        dlq_list_handle,             BODY_NONE,   NEEDS_VIEWER,   BOUND_OWN,     JOB_FILTERS},
    {"POST",   "/v1/dlq/retry",                  dlq_retry_handle,            BODY_JSON,   NEEDS_OPERATOR, BOUND_OWN,     NULL},
    {"POST",   "/v1/dlq/remove",                 dlq_remove_handle,           BODY_JSON,   NEEDS_OPERATOR, BOUND_OWN,     NULL},
    {"GET",    "/v1/schedules",                  schedules_list_handle,       BODY_NONE,   NEEDS_VIEWER,   BOUND_REFUSED, "cursor limit"},
    {"GET",    "/v1/schedules/{id}",             schedules_get_handle,        BODY_NONE,   NEEDS_VIEWER,   BOUND_REFUSED, NULL},
    {"PUT",    "/v1/schedules/{id}",             schedules_put_handle,        BODY_JSON,   NEEDS_OPERATOR, BOUND_REFUSED, NULL},
    {"DELETE", "/v1/schedules/{id}",             schedules_delete_handle,     BODY_NONE,   NEEDS_OPERATOR, BOUND_REFUSED, "why"},
    {"GET",    "/v1/schedules/{id}/ledger",      schedules_ledger_handle,     BODY_NONE,   NEEDS_VIEWER,   BOUND_REFUSED, "verdict cursor limit"},
    {"GET",    "/v1/schedules/{id}/preview",     schedules_preview_handle,    BODY_NONE,   NEEDS_VIEWER,   BOUND_REFUSED, "from until limit"},
    {"POST",   "/v1/schedules/{id}/run",         schedules_run_handle,        BODY_JSON,   NEEDS_OPERATOR, BOUND_REFUSED, NULL},
    {"POST",   "/v1/schedules/{id}/pause",       schedules_pause_handle,      BODY_JSON,   NEEDS_OPERATOR, BOUND_REFUSED, NULL},
    {"POST",   "/v1/schedules/{id}/resume",      schedules_resume_handle,     BODY_JSON,   NEEDS_OPERATOR, BOUND_REFUSED, NULL},
    {"POST",   "/v1/schedules/{id}/backfill",    schedules_backfill_handle,   BODY_JSON,   NEEDS_OPERATOR, BOUND_REFUSED, NULL},
    {"GET",    "/v1/plugins",                    plugins_list_handle,         BODY_NONE,   NEEDS_VIEWER,   BOUND_REFUSED, NULL},
    {"GET",    "/v1/plugins/{name}",             plugins_get_handle,          BODY_NONE,   NEEDS_VIEWER,   BOUND_REFUSED, NULL},
    {"POST",   "/v1/plugins/{name}/pause",       plugins_pause_handle,        BODY_JSON,   NEEDS_OPERATOR, BOUND_REFUSED, NULL},
    {"POST",   "/v1/plugins/{name}/resume",      plugins_resume_handle,       BODY_JSON,   NEEDS_OPERATOR, BOUND_REFUSED, NULL},
    {"POST",   "/v1/host/pause",                 host_pause_handle,           BODY_JSON,   NEEDS_OPERATOR, BOUND_REFUSED, NULL},
    {"POST",   "/v1/host/resume",                host_resume_handle,          BODY_JSON,   NEEDS_OPERATOR, BOUND_REFUSED, NULL},
    {"GET",    "/v1/generations",                generations_list_handle,     BODY_NONE,   NEEDS_ADMIN,    BOUND_REFUSED, "plugin"},
    {"POST",   "/v1/reload",                     reload_post_handle,          BODY_NONE,   NEEDS_ADMIN,    BOUND_REFUSED, "wait all force"},
    {"GET",    "/v1/reload",                     reload_get_handle,           BODY_NONE,   NEEDS_ADMIN,    BOUND_REFUSED, NULL},
    {"POST",   "/v1/upgrade",                    upgrade_post_handle,         BODY_JSON,   NEEDS_ADMIN,    BOUND_REFUSED, NULL},
    {"GET",    "/v1/upgrade",                    upgrade_get_handle,          BODY_NONE,   NEEDS_ADMIN,    BOUND_REFUSED, NULL},
    {"GET",    "/v1/hosts",                      admin_hosts_handle,          BODY_NONE,   NEEDS_VIEWER,   BOUND_REFUSED, NULL},
    {"GET",    "/v1/limits",                     limits_list_handle,          BODY_NONE,   NEEDS_VIEWER,   BOUND_REFUSED, "name cursor limit"},
    {"POST",   "/v1/limits/{name}/reset",        limits_reset_handle,         BODY_JSON,   NEEDS_OPERATOR, BOUND_REFUSED, NULL},
    {"GET",    "/v1/breakers",                   breakers_list_handle,        BODY_NONE,   NEEDS_VIEWER,   BOUND_REFUSED, "cursor limit"},
    {"POST",   "/v1/breakers/{name}/reset",      breakers_reset_handle,       BODY_JSON,   NEEDS_OPERATOR, BOUND_REFUSED, NULL},
    {"GET",    "/v1/hooks",                     hooks_list_handle,          BODY_NONE,  NEEDS_VIEWER,  BOUND_REFUSED, NULL},
    {"GET",    "/v1/hooks/inbox",               hooks_inbox_handle,         BODY_NONE,  NEEDS_VIEWER,  BOUND_REFUSED, "refused cursor limit"},
    {"GET",    "/v1/hooks/{name}/inbox",        hooks_inbox_of_handle,      BODY_NONE,  NEEDS_VIEWER,  BOUND_REFUSED, "refused cursor limit"},
    {"GET",    "/v1/hooks/inbox/{id}",          hooks_delivery_handle,      BODY_NONE,  NEEDS_VIEWER,  BOUND_REFUSED, NULL},
    {"POST",   "/v1/hooks/inbox/{id}/replay",   hooks_replay_handle,        BODY_JSON,  NEEDS_OPERATOR, BOUND_REFUSED, NULL},
    {"GET",    "/v1/audit",                      admin_audit_handle,          BODY_NONE,   NEEDS_ADMIN,    BOUND_REFUSED, "actor action target after before cursor limit"},
    {"GET",    "/v1/tokens",                     tokens_list_handle,          BODY_NONE,   NEEDS_ADMIN,    BOUND_REFUSED, NULL},
    {"POST",   "/v1/tokens",                     tokens_new_handle,           BODY_JSON,   NEEDS_ADMIN,    BOUND_REFUSED, NULL},
    {"DELETE", "/v1/tokens/{id}",                tokens_revoke_handle,        BODY_NONE,   NEEDS_ADMIN,    BOUND_REFUSED, "why"},
    {"POST",   "/v1/fsck",                       admin_fsck_handle,           BODY_JSON,   NEEDS_ADMIN,    BOUND_REFUSED, NULL},
    {"POST",   "/v1/blobs",                      blobs_put_handle,            BODY_BLOB,   NEEDS_SUBMIT,   BOUND_REFUSED, NULL},
    {"GET",    "/v1/dedup",                      dedup_list_handle,           BODY_NONE,   NEEDS_VIEWER,   BOUND_REFUSED, "queue cursor limit"},
    {"DELETE", "/v1/dedup",                      dedup_delete_handle,         BODY_NONE,   NEEDS_OPERATOR, BOUND_REFUSED, "queue key"},
    {"POST",   "/v1/dedup/release",              dedup_release_handle,        BODY_JSON,   NEEDS_OPERATOR, BOUND_REFUSED, NULL},
    {"GET",    "/v1/config",                     system_config_handle,        BODY_NONE,   NEEDS_ADMIN,    BOUND_REFUSED, NULL},
    {"GET",    "/v1/version",                    system_version_handle,       BODY_NONE,   NEEDS_READ,     BOUND_OWN,     NULL},
    {"GET",    "/v1/openapi.json",               system_openapi_handle,       BODY_NONE,   NEEDS_READ,     BOUND_OWN,     NULL},
    {"GET",    "/healthz",                       system_health_handle,        BODY_NONE,   NEEDS_NOTHING,  BOUND_OWN,     NULL},
    {"GET",    "/readyz",                        system_ready_handle,         BODY_NONE,   NEEDS_NOTHING,  BOUND_OWN,     NULL},
    {"GET",    "/metrics",                       metrics_handle,              BODY_NONE,   NEEDS_VIEWER,   BOUND_REFUSED, NULL},
};
// clang-format on

const struct route *routes_table(size_t *ret_count) {
    *ret_count = ARRAY_LEN(routes);
    return routes;
}

/* A row for each need: those whose tokens do. */
static const struct {
    enum token_scope least;
    bool allows[TOKEN_SCOPES];
} needs[] = {
    [NEEDS_ADMIN] = {TOKEN_ADMIN, {[TOKEN_ADMIN] = true}},
    [NEEDS_OPERATOR] = {TOKEN_OPERATOR, {[TOKEN_OPERATOR] = true, [TOKEN_ADMIN] = true}},
    [NEEDS_SUBMIT] = {TOKEN_SUBMIT,
                      {[TOKEN_SUBMIT] = true, [TOKEN_OPERATOR] = true, [TOKEN_ADMIN] = true}},
    [NEEDS_VIEWER] = {TOKEN_VIEWER,
                      {[TOKEN_VIEWER] = true, [TOKEN_OPERATOR] = true, [TOKEN_ADMIN] = true}},
    [NEEDS_READ] = {TOKEN_VIEWER,
                    {[TOKEN_VIEWER] = true,
                     [TOKEN_SUBMIT] = true,
                     [TOKEN_OPERATOR] = true,
                     [TOKEN_ADMIN] = true}},
    [NEEDS_NOTHING] = {TOKEN_NO_SCOPE, {true, true, true, true, true}},
};

bool routes_allows(const struct route *route, enum token_scope scope) {
    return route == NULL || needs[route->needs].allows[scope];
}

enum token_scope routes_needs(const struct route *route) {
    return needs[route->needs].least;
}

bool routes_path_fits(const struct request *req, const char *pattern,
                      const char *ret_param[CALL_PARAMS_MAX]) {
    unsigned params = 0;
    for (size_t i = 0; i < req->path_count; i++) {
        if (*pattern++ != '/') {
            return false;
        }
        size_t len = strcspn(pattern, "/");
        if (pattern[0] == '{') {
            ret_param[params++] = req->path[i];
        } else if (strlen(req->path[i]) != len || memcmp(req->path[i], pattern, len) != 0) {
            return false;
        }
        pattern += len;
    }
    return *pattern == '\0';
}

static bool method_fits(const char *asked, const char *has) {
    return strcmp(asked, has) == 0 || (strcmp(asked, "HEAD") == 0 && strcmp(has, "GET") == 0);
}

/* Not for whom host.monitoring says so. */
static bool is_hidden(const struct call *call, const struct route *route) {
    static const char *const patterns[] = {"/metrics", "/healthz", "/readyz"};
    if (call->req->admin || strcmp(call->host->config->host.monitoring, "admin") != 0) {
        return false;
    }
    for (size_t i = 0; i < ARRAY_LEN(patterns); i++) {
        if (strcmp(route->pattern, patterns[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* Is it this one? If only the path is, its method is added to *allow. */
static bool is_route(struct call *call, const struct route *r, const char **allow) {
    const char *param[CALL_PARAMS_MAX] = {NULL};
    if (!routes_path_fits(call->req, r->pattern, param) || is_hidden(call, r)) {
        return false;
    }
    if (method_fits(call->req->method, r->method)) {
        memcpy(call->param, param, sizeof param);
        return true;
    }
    const char *name = strcmp(r->method, "GET") == 0 ? "GET, HEAD" : r->method;
    *allow = *allow == NULL ? name : arena_printf(&call->req->arena, "%s, %s", *allow, name);
    return false;
}

const struct route *routes_find(struct call *call, const char **ret_allow) {
    const struct custom_routes *custom = call->api->custom;
    const char *wanted = cors_wanted_method(call);
    *ret_allow = NULL;
    for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
        if (is_route(call, &routes[i], ret_allow)) {
            return &routes[i];
        }
    }
    for (size_t i = 0; i < custom->count; i++) {
        const struct custom_route *c = &custom->items[i];
        const char *before = *ret_allow;
        if (is_route(call, &c->route, ret_allow)) {
            call->custom = custom_copy(c, &call->req->arena);
            call->param[0] = call->param[c->id_at]; // where handlers look for it
            return call->custom == NULL ? NULL : &call->custom->route;
        }
        // its view words the 405, and its origins the answer to who asks for another method first
        bool meant = wanted != NULL && method_fits(wanted, c->route.method);
        if (*ret_allow != before && (call->custom == NULL || meant)) {
            call->custom = custom_copy(c, &call->req->arena);
        }
    }
    return NULL;
}

/* ---- query parameters ---- */

static bool list_has(const char *list, const char *word, size_t len) {
    for (const char *p = list; *p != '\0';) {
        size_t n = strcspn(p, " ");
        if (n == len && memcmp(p, word, len) == 0) {
            return true;
        }
        p += n + (p[n] == ' ');
    }
    return false;
}

static void unknown_parameter(struct call *call, const char *list, const char *word,
                              struct problem *ret) {
    struct nearest near = {.word = word};
    for (const char *p = list; *p != '\0';) {
        size_t n = strcspn(p, " ");
        const char *name = arena_strn(&call->req->arena, p, n);
        if (name != NULL) {
            nearest_offer(&near, name);
        }
        p += n + (p[n] == ' ');
    }
    const char *meant = nearest_best(&near);
    *ret = (struct problem){.status = 400, .code = "unknown_parameter"};
    (void)snprintf(ret->field, sizeof ret->field, "%s", word);
    (void)snprintf(ret->message, sizeof ret->message, "this path has no such parameter%s%s%s",
                   meant == NULL ? "" : "; did you mean \"", meant == NULL ? "" : meant,
                   meant == NULL ? "" : "\"?");
}

static bool comes_again(const char *rest, const char *word, size_t len) {
    while (*rest != '\0') {
        if (strcspn(rest, "=&") == len && memcmp(rest, word, len) == 0) {
            return true;
        }
        rest += strcspn(rest, "&");
        rest += *rest == '&';
    }
    return false;
}

int routes_check_query(struct call *call, const struct route *route, struct problem *ret) {
    if (call->custom != NULL && call->custom->view != NULL) {
        return 0; // it knows none, and the program that it stands for minds none
    }
    if (route->body == BODY_QUERY) {
        return 0; // they are the payload's, which its handler's table looks at
    }
    const char *list = route->query == NULL ? "" : route->query;
    for (const char *p = call->req->query; p != NULL && *p != '\0';) {
        size_t len = strcspn(p, "&");
        size_t name_len = strcspn(p, "=&");
        const char *rest = p + len + (p[len] == '&');
        if (len > 0 && name_len == 0) {
            *ret = (struct problem){.status = 400,
                                    .code = "unknown_parameter",
                                    .message = "a parameter of this request has no name"};
            return -EINVAL;
        }
        if (name_len > 0 && !list_has(list, p, name_len)) {
            char *word = arena_strn(&call->req->arena, p, name_len);
            unknown_parameter(call, list, word == NULL ? "?" : word, ret);
            return -EINVAL;
        }
        if (name_len > 0 && comes_again(rest, p, name_len)) {
            *ret = (struct problem){.status = 400,
                                    .code = "repeated_parameter",
                                    .message = "is there twice; one value is taken"};
            (void)snprintf(ret->field, sizeof ret->field, "%.*s", (int)name_len, p);
            return -EINVAL;
        }
        p = rest;
    }
    return 0;
}
