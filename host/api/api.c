#define _GNU_SOURCE // O_TMPFILE
#include "api/api.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/guard.h"
#include "api/routes.h"
#include "net/server.h"

enum {
    SUBMIT_BODY_MIN = 16 << 20,      // an array of 1000 jobs with 16 KiB each
    SUBMIT_ENVELOPE_MAX = 64 * 1024, // what a submission has besides its payload
};

/* One job with the largest payload that any queue takes must fit. */
static uint64_t submit_body_max(const struct config *c) {
    uint64_t most = (uint64_t)c->queue_default.max_payload;
    for (size_t i = 0; i < c->queue_count; i++) {
        uint64_t size = (uint64_t)c->queues[i].max_payload;
        most = size > most ? size : most;
    }
    most += SUBMIT_ENVELOPE_MAX;
    return most > SUBMIT_BODY_MIN ? most : SUBMIT_BODY_MIN;
}

static void *api_open(struct host *host) {
    struct api *api = calloc(1, sizeof *api);
    if (api != NULL) {
        api->host = host;
        api->submit_body_max = submit_body_max(host->config);
    }
    return api;
}

static void api_configure(void *front, struct server_config *ret_config) {
    struct api *api = front;
    *ret_config = (struct server_config){
        .limits = server_limits_default, .handle = api_handle, .admit = api_admit, .arg = api};
    int64_t connections = api->host->config->host.max_connections;
    if (connections > 0 && connections <= 1000000) {
        ret_config->limits.connections = (unsigned)connections;
    }
}

static void api_close(void *front) {
    free(front);
}

const struct host_front api_front = {
    .open = api_open,
    .configure = api_configure,
    .close = api_close,
};

static void refuse_method(struct call *call, const char *allow) {
    respond_header(call->req, "Allow", allow);
    if (strcmp(call->req->method, "OPTIONS") == 0) {
        respond(call->req, 204, NULL, (struct bytes){NULL, 0});
        return;
    }
    call_errorf(call, 405, "method_not_allowed", NULL, "this path knows %s", allow);
}

static bool body_valid(const struct call *call, const struct route *route, struct problem *ret) {
    bool json = route->body == BODY_JSON || route->body == BODY_SUBMIT;
    if (!json || (call->req->body.len == 0 && route->body == BODY_JSON) ||
        json_is_valid(call->req->body)) {
        return true;
    }
    *ret = (struct problem){.status = 400, .code = "bad_json"};
    (void)snprintf(ret->message, sizeof ret->message, "the body is not valid JSON");
    return false;
}

/* Everything that is asked of a request before its handler sees it. */
static bool acceptable(struct call *call, const struct route *route, struct problem *ret) {
    if (!guard_check(call, route, ret)) {
        return false;
    }
    return route == NULL ||
           (routes_check_query(call, route, ret) == 0 && body_valid(call, route, ret));
}

void api_handle(struct request *req, void *arg) {
    struct api *api = arg;
    struct problem problem;
    const char *allow = NULL;
    struct call *call = arena_zalloc(&req->arena, sizeof *call);
    if (call == NULL) {
        respond_error(req, 503, "out_of_memory", NULL, "the host is out of memory");
        return;
    }
    *call = (struct call){.api = api, .host = api->host, .req = req};
    if (req->path_count == 0 && strcmp(req->target, "*") == 0) {
        respond(req, 204, NULL, (struct bytes){NULL, 0});
        return;
    }
    call->route = routes_find(call, &allow);
    if (!acceptable(call, call->route, &problem)) {
        call_problem(call, &problem);
    } else if (call->route != NULL) {
        call->route->handler(call);
    } else if (allow != NULL) {
        refuse_method(call, allow);
    } else {
        call_error(call, 404, "no_such_path", NULL, "there is nothing at this path");
    }
}

static void admit_blob(struct call *call, struct request_body *body) {
    const struct config *c = call->host->config;
    body->limit = (uint64_t)c->store.blobs_max_in_store;
    body->fd = open(c->host.state_dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (body->fd == -1) {
        call_errorf(call, 507, "no_room", NULL, "no file for the upload: %s", strerror(errno));
    }
}

void api_admit(struct request *req, struct request_body *body, void *arg) {
    struct api *api = arg;
    struct call call = {.api = api, .host = api->host, .req = req};
    const char *allow;
    const struct route *route = routes_find(&call, &allow);
    if (route == NULL || (route->body != BODY_SUBMIT && route->body != BODY_BLOB)) {
        return;
    }
    if (api->host->store_fault != NULL) { // before a large body is read
        respond_header(req, "Retry-After", "5");
        call_errorf(&call, 503, "store_read_only", NULL,
                    "the store takes nothing at the moment: %s", api->host->store_fault);
        return;
    }
    if (route->body == BODY_SUBMIT) {
        body->limit = api->submit_body_max;
    } else {
        admit_blob(&call, body);
    }
}
