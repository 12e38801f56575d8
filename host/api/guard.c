#include "api/guard.h"

#include <arpa/inet.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/cors.h"
#include "api/custom.h"
#include "api/form.h"
#include "api/proof.h"
#include "store/scope.h"

static bool refuse(struct problem *ret, int status, const char *code, const char *field,
                   const char *message) {
    *ret = (struct problem){.status = status, .code = code};
    (void)snprintf(ret->field, sizeof ret->field, "%s", field);
    (void)snprintf(ret->message, sizeof ret->message, "%s", message);
    return false;
}

static bool text_is(struct bytes value, const char *text) {
    return value.len == strlen(text) && strncasecmp(value.data, text, value.len) == 0;
}

bool guard_is_loopback(const char *host) {
    char name[INET6_ADDRSTRLEN + 1];
    struct in_addr v4;
    struct in6_addr v6;
    const char *end = host[0] == '[' ? strchr(host, ']') : strchr(host, ':');
    size_t from = host[0] == '[';
    size_t len = (end == NULL ? strlen(host) : (size_t)(end - host)) - from;
    if (len == 0 || len >= sizeof name) {
        return false;
    }
    memcpy(name, host + from, len);
    name[len] = '\0';
    if (from == 1) {
        return inet_pton(AF_INET6, name, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
    }
    return strcasecmp(name, "localhost") == 0 ||
           (inet_pton(AF_INET, name, &v4) == 1 && ntohl(v4.s_addr) >> 24 == 127);
}

/* "http://HOST" or "https://HOST" of the very Host that was asked, or one that cors lists. */
static bool origin_allowed(const struct call *call, struct bytes origin) {
    static const char *const schemes[] = {"http://", "https://"};
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        size_t len = strlen(schemes[i]);
        if (origin.len > len && strncasecmp(origin.data, schemes[i], len) == 0 &&
            text_is((struct bytes){(const char *)origin.data + len, origin.len - len},
                    call->req->host)) {
            return true;
        }
    }
    return cors_origin(call) != NULL;
}

static bool is_health(const struct route *route) {
    return route != NULL &&
           (strcmp(route->pattern, "/healthz") == 0 || strcmp(route->pattern, "/readyz") == 0);
}

/* Balancers ask for health by HTTP/1.0 and name no Host. A page in a browser always names one. */
static bool host_allowed(const struct call *call, const struct route *route) {
    const char *host = call->req->host;
    return guard_is_loopback(host) || (host[0] == '\0' && is_health(route));
}

static bool check_host(const struct call *call, const struct route *route, struct problem *ret) {
    return host_allowed(call, route) ||
           refuse(ret, 421, "host_not_loopback", "Host",
                  "without tokens only a loopback Host is served (localhost, 127.0.0.1, [::1])");
}

/* Pages of other sites, as far as browsers tell. */
static bool check_site(const struct call *call, struct problem *ret) {
    struct bytes origin, site;
    unsigned origins = request_header(call->req, "Origin", &origin);
    if (origins > 1 || (origins == 1 && !origin_allowed(call, origin))) {
        return refuse(ret, 403, "cross_site", "Origin",
                      "requests from other sites are refused; `cors` lists exceptions");
    }
    bool sites = request_header(call->req, "Sec-Fetch-Site", &site) > 0;
    if (sites && origins == 0 && !text_is(site, "same-origin") && !text_is(site, "none")) {
        return refuse(ret, 403, "cross_site", "Sec-Fetch-Site",
                      "requests from other sites are refused");
    }
    return true;
}

/* ---- tokens ---- */

static bool say_unauthorized(struct problem *ret) {
    return refuse(ret, 401, "unauthorized", "Authorization",
                  "a valid Authorization: Bearer TOKEN is needed");
}

/* The token of the one Authorization header that there may be. */
static bool bearer_text(const struct call *call, struct bytes *ret) {
    static const char scheme[] = "Bearer ";
    enum { LEN = sizeof scheme - 1 };
    struct bytes value;
    if (request_header(call->req, "Authorization", &value) != 1 || value.len <= LEN ||
        strncasecmp(value.data, scheme, LEN) != 0) {
        return false;
    }
    *ret = (struct bytes){(const char *)value.data + LEN, value.len - LEN};
    return true;
}

static bool is_admin_token(const struct call *call, struct bytes text) {
    const char *want = call->host->config->host.admin_token;
    return want != NULL && text.len == strlen(want) &&
           CRYPTO_memcmp(text.data, want, text.len) == 0;
}

static enum guard_verdict check_token(struct call *call, struct problem *ret) {
    struct bytes text;
    bool given = bearer_text(call, &text);
    if (given && is_admin_token(call, text)) {
        call->bearer = (struct bearer){.name = "host.admin_token", .scope = TOKEN_ADMIN};
        return GUARD_GO;
    }
    enum tokens_verdict is =
        given ? tokens_look(call->host, text, &call->req->arena, &call->bearer) : TOKENS_NOBODY;
    const char *secret;
    if (is == TOKENS_TO_ASK && !call->asked && token_split(text, call->question.id, &secret)) {
        return GUARD_ASK;
    }
    if (is != TOKENS_BEARER) {
        (void)say_unauthorized(ret);
        return GUARD_REFUSED;
    }
    const struct store_scope *bound = &call->bearer.bound;
    call->bound = bound->tenant != NULL || bound->queues != NULL ? bound : NULL;
    return GUARD_GO;
}

static bool say_forbidden(struct problem *ret, const char *message) {
    return refuse(ret, 403, "forbidden", "Authorization", message);
}

/* What the token may do, and to what. */
static bool check_rights(const struct call *call, const struct route *route, struct problem *ret) {
    const struct store_scope *bound = call->bound;
    char message[sizeof ret->message];
    if (!routes_allows(route, call->bearer.scope)) {
        (void)snprintf(message, sizeof message,
                       "this needs a token of scope %s; the one that was sent is of scope %s",
                       token_scope_name(routes_needs(route)), token_scope_name(call->bearer.scope));
        return say_forbidden(ret, message);
    }
    if (route == NULL || bound == NULL || route->bound == BOUND_OWN) {
        return true;
    }
    if (route->bound == BOUND_REFUSED || bound->tenant != NULL) {
        return say_forbidden(
            ret, bound->tenant != NULL
                     ? "this is about all tenants; the token that was sent is bound to one"
                     : "this is about all queues; the token that was sent is bound to some");
    }
    return call->param[0] == NULL || store_scope_has(bound, call->param[0], NULL) ||
           refuse(ret, 404, "queue_not_found", "queue", "there is no queue of this name");
}

static bool is_json(struct bytes type) {
    const char *semicolon = memchr(type.data, ';', type.len);
    size_t len = semicolon == NULL ? type.len : (size_t)(semicolon - (const char *)type.data);
    while (len > 0 && ((const char *)type.data)[len - 1] == ' ') {
        len--;
    }
    return text_is((struct bytes){type.data, len}, "application/json");
}

static bool check_content_type(const struct call *call, const struct route *route,
                               struct problem *ret) {
    struct bytes type = {NULL, 0};
    unsigned types = request_header(call->req, "Content-Type", &type);
    bool empty = !call->req->has_body && types == 0;
    bool formless = route->body == BODY_JSON || route->body == BODY_QUERY;
    if (!formless && form_is_sent(call)) {
        return true;
    }
    if (route->body == BODY_FORM) {
        return empty || refuse(ret, 415, "not_a_form", "Content-Type",
                               "send the fields and files as multipart/form-data");
    }
    if (empty || (types == 1 && type.len > 0 && is_json(type))) {
        return true;
    }
    return refuse(ret, 415, "not_json", "Content-Type",
                  "send the body with Content-Type: application/json");
}

/* Bodies are taken as they are: one that is packed would be stored as something that it is not. */
static bool check_coding(const struct call *call, struct problem *ret) {
    struct bytes coding;
    unsigned codings = request_header(call->req, "Content-Encoding", &coding);
    return codings == 0 || (codings == 1 && text_is(coding, "identity")) ||
           refuse(ret, 415, "unknown_content_coding", "Content-Encoding",
                  "send the body as it is, without Content-Encoding");
}

static bool check_form(const struct call *call, const struct route *route, struct problem *ret) {
    bool taken = route != NULL && route->body != BODY_NONE;
    bool typed = route != NULL && (route->body == BODY_JSON || route->body == BODY_SUBMIT ||
                                   route->body == BODY_FORM || route->body == BODY_QUERY);
    return (!taken || check_coding(call, ret)) && (!typed || check_content_type(call, route, ret));
}

static bool needs_nothing(const struct call *call, const struct route *route) {
    return (route != NULL && route->needs == NEEDS_NOTHING) || cors_is_preflight(call);
}

static enum guard_verdict verdict_of(bool good) {
    return good ? GUARD_GO : GUARD_REFUSED;
}

/* Who knows the secret of a route that has one of its own may be anywhere. */
static enum guard_verdict check_asker(struct call *call, const struct route *route,
                                      struct problem *ret) {
    const struct custom_route *custom = call->custom;
    bool of_custom = custom != NULL && (route != NULL || cors_is_preflight(call));
    bool tokens = strcmp(call->host->config->host.auth, "tokens") == 0;
    if (call->req->admin) {
        return GUARD_GO;
    }
    if (of_custom && custom->proven) {
        return verdict_of(route == NULL || proof_check_head(call, ret));
    }
    if (!tokens) {
        return verdict_of(check_host(call, route, ret) && check_site(call, ret));
    }
    if (of_custom && custom->open) {
        return verdict_of(check_site(call, ret));
    }
    return needs_nothing(call, route) ? GUARD_GO : check_token(call, ret);
}

enum guard_verdict guard_check(struct call *call, const struct route *route, struct problem *ret) {
    call->bearer = (struct bearer){.scope = TOKEN_ADMIN};
    call->bound = NULL;
    if (call->req->mistrusted) {
        (void)refuse(ret, 403, "worker_refused", "",
                     "the admin socket is not for the host's own workers");
        return GUARD_REFUSED;
    }
    enum guard_verdict verdict = check_asker(call, route, ret);
    return verdict != GUARD_GO
               ? verdict
               : verdict_of(check_rights(call, route, ret) && check_form(call, route, ret));
}
