#include "api/cors.h"

#include <string.h>
#include <strings.h>

const char *cors_origin(const struct call *call) {
    const struct config_host *host = &call->host->config->host;
    struct bytes origin;
    if (host->cors_count == 0 || request_header(call->req, "Origin", &origin) != 1) {
        return NULL;
    }
    for (size_t i = 0; i < host->cors_count; i++) {
        if (strlen(host->cors[i]) == origin.len &&
            strncasecmp(host->cors[i], origin.data, origin.len) == 0) {
            return host->cors[i];
        }
    }
    return NULL;
}

bool cors_is_preflight(const struct call *call) {
    return strcmp(call->req->method, "OPTIONS") == 0 && cors_origin(call) != NULL &&
           request_header(call->req, "Access-Control-Request-Method", NULL) == 1;
}

void cors_add_headers(const struct call *call, const char *methods) {
    struct request *req = call->req;
    const char *origin = cors_origin(call);
    if (call->host->config->host.cors_count > 0) {
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
        respond_header(req, "Access-Control-Max-Age", "600");
    }
}
