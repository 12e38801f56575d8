#include "api/proof.h"

#include <stdio.h>
#include <string.h>

#include "api/custom.h"
#include "api/form.h"
#include "intake/verify.h"

enum { PROOF_LOG_EVERY_MS = 1000 };

/* As it is now: the call's own copy has no keys, and a reload may have changed them. */
static const struct custom_route *route_now(const struct call *call) {
    const struct custom_routes *all = call->api->custom;
    for (size_t i = 0; i < all->count; i++) {
        const struct route *r = &all->items[i].route;
        if (strcmp(r->method, call->route->method) == 0 &&
            strcmp(r->pattern, call->route->pattern) == 0) {
            return &all->items[i];
        }
    }
    return NULL;
}

static void tell(const struct call *call, const struct verdict *v) {
    int64_t now = env_mono_ms(&call->host->net_env);
    if (call->api->refused_log_ms == 0 || now - call->api->refused_log_ms >= PROOF_LOG_EVERY_MS) {
        call->api->refused_log_ms = now;
        log_warn(&call->host->log, "route.not_proven",
                 "route=\"%s %s\" peer=%s scheme=%s check=%s msg=\"%s\"", call->route->method,
                 call->route->pattern, call->req->peer, v->scheme == NULL ? "" : v->scheme,
                 v->check == NULL ? "" : v->check, v->detail);
    }
}

static bool judge(const struct call *call, const struct custom_route *now, bool whole,
                  struct problem *ret) {
    struct request *req = call->req;
    const struct delivery d = {.headers = req->headers,
                               .header_count = req->header_count,
                               .body = whole ? req->body : (struct bytes){NULL, 0},
                               .target = req->target,
                               .now_ms = env_wall_ms(&call->host->env)};
    struct verdict v;
    (whole ? verifier_check : verifier_check_head)(now->verifier, &d, &req->arena, &v);
    if (v.status == 0) {
        return true;
    }
    tell(call, &v);
    *ret = (struct problem){.status = 401, .code = "unauthorized"};
    (void)snprintf(ret->message, sizeof ret->message, "this request does not prove who sent it");
    return false;
}

static bool is_proven(const struct call *call) {
    return call->custom != NULL && call->route == &call->custom->route && call->custom->proven &&
           !call->req->admin;
}

static bool gone(struct problem *ret) {
    *ret = (struct problem){.status = 401, .code = "unauthorized"};
    (void)snprintf(ret->message, sizeof ret->message, "the route has been changed meanwhile");
    return false;
}

bool proof_check_head(const struct call *call, struct problem *ret) {
    const struct custom_route *now = route_now(call);
    if (now == NULL || !now->proven) {
        return gone(ret);
    }
    if (form_is_sent(call) && !now->head_proves) {
        *ret = (struct problem){.status = 415, .code = "not_json", .field = "Content-Type"};
        (void)snprintf(ret->message, sizeof ret->message,
                       "a request that is signed as a whole cannot bring a form");
        return false;
    }
    return judge(call, now, false, ret);
}

bool proof_check(const struct call *call, struct problem *ret) {
    if (!is_proven(call)) {
        return true;
    }
    const struct custom_route *now = route_now(call);
    if (now == NULL || !now->proven) {
        return gone(ret);
    }
    // a form is not in memory; what proves it has been looked at
    return (now->head_proves && call->form != NULL) || judge(call, now, true, ret);
}
