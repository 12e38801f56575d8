#include "api/cors.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "api/custom.h"

enum { CORS_MAX_AGE_MS = 600 * 1000 };

/* Those of the route, or else the host's. */
static const char *const *listed(const struct call *call, size_t *ret_count) {
    const struct config_host *host = &call->host->config->host;
    bool own = call->custom != NULL && call->custom->config->cors_count > 0;
    *ret_count = own ? call->custom->config->cors_count : host->cors_count;
    return own ? call->custom->config->cors : host->cors;
}

const char *cors_origin(const struct call *call) {
    size_t count;
    const char *const *origins = listed(call, &count);
    struct bytes origin;
    if (count == 0 || request_header(call->req, "Origin", &origin) != 1) {
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        if (strlen(origins[i]) == origin.len &&
            strncasecmp(origins[i], origin.data, origin.len) == 0) {
            return origins[i];
        }
    }
    return NULL;
}

const char *cors_wanted_method(const struct call *call) {
    struct bytes method;
    if (strcmp(call->req->method, "OPTIONS") != 0 ||
        request_header(call->req, "Access-Control-Request-Method", &method) != 1) {
        return NULL;
    }
    return arena_strn(&call->req->arena, method.data, method.len);
}

bool cors_is_preflight(const struct call *call) {
    return strcmp(call->req->method, "OPTIONS") == 0 && cors_origin(call) != NULL &&
           request_header(call->req, "Access-Control-Request-Method", NULL) == 1;
}

void cors_add_headers(const struct call *call, const char *methods) {
    struct request *req = call->req;
    const char *origin = cors_origin(call);
    char max_age[24];
    size_t count;
    (void)listed(call, &count);
    if (count > 0) {
        respond_header(req, "Vary", "Origin");
    }
    if (origin == NULL) {
        return;
    }
    respond_header(req, "Access-Control-Allow-Origin", origin);
    respond_header(req, "Access-Control-Expose-Headers",
                   "Content-Range, ETag, Location, Retry-After");
    if (methods != NULL && cors_is_preflight(call)) {
        respond_header(req, "Access-Control-Allow-Methods", methods);
        respond_header(req, "Access-Control-Allow-Headers",
                       "Authorization, Content-Type, Idempotency-Key, If-None-Match, If-Range, "
                       "Last-Event-ID, Range");
        int64_t ms = call->custom == NULL ? CORS_MAX_AGE_MS : call->custom->config->max_age_ms;
        (void)snprintf(max_age, sizeof max_age, "%lld", (long long)(ms / 1000));
        respond_header(req, "Access-Control-Max-Age", max_age);
    }
}
