#include "api/api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/cors.h"
#include "api/custom.h"
#include "api/feed.h"
#include "api/guard.h"
#include "api/hooks.h"
#include "api/proof.h"
#include "api/routes.h"
#include "api/submit.h"
#include "api/throttle.h"
#include "api/upload.h"
#include "api/view.h"
#include "net/descriptors.h"
#include "net/server.h"

enum {
    SUBMIT_BODY_MIN = 16 << 20,      // an array of 1000 jobs with 16 KiB each
    SUBMIT_ENVELOPE_MAX = 64 * 1024, // what a submission has besides its payload
    SUBMIT_BODIES_MAX = 4,           // of the largest size held at the same time
};

/* The most of a submission that is held in memory: its JSON, or its form's fields. One job with the
 * largest payload that any queue takes must fit. */
static uint64_t submit_body_max(const struct config *c) {
    uint64_t most = (uint64_t)c->queue_default.max_payload;
    for (size_t i = 0; i < c->queue_count; i++) {
        uint64_t size = (uint64_t)c->queues[i].max_payload;
        most = size > most ? size : most;
    }
    most += SUBMIT_ENVELOPE_MAX;
    return most > SUBMIT_BODY_MIN ? most : SUBMIT_BODY_MIN;
}

/* Half of the descriptors, so that connections find some. */
static unsigned upload_files_max(void) {
    int most = descriptors_max();
    return most > 2 ? (unsigned)most / 2 : 1;
}

static void free_parts(struct api *api) {
    feed_free(&api->feed);
    hooks_free(&api->hooks);
    free(api->custom);
    free(api->limits);
    free(api);
}

static void *api_open(struct host *host) {
    struct api *api = calloc(1, sizeof *api);
    if (api == NULL) {
        return NULL;
    }
    api->feed = feed_new(host);
    api->hooks = hooks_new(host);
    api->custom = calloc(1, sizeof *api->custom);
    api->limits = calloc(1, sizeof *api->limits);
    if (api->feed == NULL || api->hooks == NULL || api->custom == NULL || api->limits == NULL ||
        custom_compile(host->config, api->custom) != 0) {
        free_parts(api);
        return NULL;
    }
    env_random(&api->limits->requests.seed, sizeof api->limits->requests.seed);
    env_random(&api->limits->failures.seed, sizeof api->limits->failures.seed);
    api->host = host;
    api->submit_body_max = submit_body_max(host->config);
    api->spools = (struct spools){.disk = host->disk,
                                  .dir = host->config->host.state_dir,
                                  .reserve = SPOOL_RESERVE,
                                  .files_max = upload_files_max()};
    return api;
}

/* Calls under way have copies of what they need of their routes. */
static void api_reload(void *front) {
    struct api *api = front;
    struct custom_routes custom;
    if (custom_compile(api->host->config, &custom) == 0) {
        custom_finish(api->custom);
        *api->custom = custom;
        api->submit_body_max = submit_body_max(api->host->config);
    } else {
        log_error(&api->host->log, "routes.reload",
                  "msg=\"out of memory: the routes stay as they were\"");
    }
    if (hooks_compile(api->hooks, api->host) != 0) {
        log_error(&api->host->log, "hooks.reload",
                  "msg=\"out of memory: the hooks stay as they were\"");
    }
}

static void api_configure(void *front, struct server_config *ret_config) {
    struct api *api = front;
    *ret_config = (struct server_config){
        .limits = server_limits_default, .handle = api_handle, .admit = api_admit, .arg = api};
    ret_config->limits.bodies = SUBMIT_BODIES_MAX * api->submit_body_max;
    http_stats_watch(&api->http, &ret_config->watch);
}

static void api_close(void *front) {
    struct api *api = front;
    custom_finish(api->custom);
    http_stats_finish(&api->http);
    free_parts(api);
}

const struct host_front api_front = {
    .open = api_open,
    .configure = api_configure,
    .reload = api_reload,
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

static void refuse_work(struct call *call, const char *why) {
    static const struct {
        const char *code, *words, *what_to_do;
    } problems[2][2] = {
        // [it cannot be reached][this host has a spool, which takes nothing either]
        {{"store_read_only", "the store takes no writes", "; try again when it does"},
         {"store_read_only", "the store takes no writes, and store.fallback does not, either", ""}},
        {{"store_away", "the store cannot be reached",
          "; try again when it is back; with store.fallback this host would keep jobs meanwhile"},
         {"store_away", "the store cannot be reached, and store.fallback takes no writes", ""}},
    };
    bool spool = store_backlog(&call->host->store).present, away = call->host->store_away;
    respond_header(call->req, "Retry-After", "5");
    call_errorf(call, 503, problems[away][spool].code, NULL, "%s: %s%s",
                problems[away][spool].words, why, problems[away][spool].what_to_do);
}

/* What is worth no body: neither the host nor its store would take what is in it. */
bool api_takes_work(struct call *call) {
    struct host *host = call->host;
    struct problem problem;
    if (jobs_check_open(host, &problem) != 0) {
        call_problem(call, &problem);
        return false;
    }
    if (!call->req->admin && jobs_check_load(call->host, &problem) != 0) {
        call_problem(call, &problem);
        return false;
    }
    const char *refusal = host_store_refusal(call->host);
    if (refusal != NULL) {
        refuse_work(call, refusal);
        return false;
    }
    return true;
}

static void admit_submit(struct call *call, struct request_body *body) {
    uint64_t file_max = (uint64_t)call->host->config->store.blobs_max_in_store;
    uint64_t held_max = call->api->submit_body_max;
    bool form = form_is_sent(call);
    body->limit = held_max + (form ? JOB_FILES_MAX * file_max : 0);
    if (call->custom != NULL) {
        uint64_t max = (uint64_t)call->custom->config->max_body;
        body->limit = form || max < held_max ? max : held_max;
    }
    if (form) {
        (void)form_admit(call, &submit_form_rules, body);
    }
}

static void admit_body(struct call *call, struct request_body *body) {
    static void (*const admits[])(struct call * call, struct request_body * body) = {
        [BODY_SUBMIT] = admit_submit,
        [BODY_BLOB] = upload_admit,
        [BODY_EVENT] = publish_admit,
        [BODY_FORM] = view_submit_admit,
    };
    size_t kind = call->route->body;
    if (call->custom != NULL && (kind == BODY_JSON || kind == BODY_QUERY)) {
        uint64_t max = (uint64_t)call->custom->config->max_body;
        body->limit = max < body->limit ? max : body->limit;
    }
    if (kind < ARRAY_LEN(admits) && admits[kind] != NULL && api_takes_work(call)) {
        body->ends_with_drain = true; // then it is no longer taken
        admits[kind](call, body);
    }
}

/* ---- who asks ---- */

static void peer_left(struct request *req, void *arg) {
    struct call *call = arg;
    (void)req;
    tokens_withdraw(call->host, &call->question);
}

static void token_answered(struct tokens_question *q) {
    struct call *call = q->arg;
    call->asked = true;
    call->req->done = NULL;
    request_admit_again(call->req);
}

/* The body waits until the store has said who it is. */
static void ask_for_token(struct call *call, struct request_body *body) {
    call->question.done = token_answered;
    call->question.arg = call;
    if (tokens_ask(call->host, &call->question) != 0) {
        call_error(call, 503, "out_of_memory", NULL, "the host is out of memory; try again later");
        return;
    }
    call->req->done = peer_left;
    call->req->done_arg = call;
    body->hold = true;
}

static void refuse_often(struct call *call, int wait_s) {
    char text[16];
    (void)snprintf(text, sizeof text, "%d", wait_s);
    respond_header(call->req, "Retry-After", text);
    call_error(call, 429, "too_many_requests", NULL,
               "more requests than host.http.rate, or failed ones than host.http.failures, allow; "
               "wait as Retry-After says");
}

/* A token that is none is told so, up to a number of them. */
static void refuse(struct call *call, const struct problem *problem) {
    int wait_s = problem->status == 401 ? throttle_failure(call) : 0;
    if (wait_s > 0) {
        refuse_often(call, wait_s);
    } else {
        call_problem(call, problem);
    }
}

void api_not_found(struct call *call) {
    struct problem problem;
    call->route = NULL;
    call->asked = true; // this cannot wait for the store
    cors_add_headers(call, NULL);
    if (guard_check(call, NULL, &problem) == GUARD_GO) {
        call_error(call, 404, "no_such_path", NULL, "there is nothing at this path");
    } else {
        refuse(call, &problem);
    }
}

/* Its way to a handler. */
static void admit(struct call *call, struct request_body *body) {
    struct problem problem;
    enum guard_verdict verdict = guard_check(call, call->route, &problem);
    int wait_s = verdict == GUARD_ASK ? throttle_look(call) : 0;
    if (wait_s == 0 && verdict == GUARD_ASK) {
        ask_for_token(call, body);
        return;
    }
    wait_s = wait_s == 0 ? throttle_request(call) : wait_s;
    if (wait_s > 0) {
        refuse_often(call, wait_s);
    } else if (verdict == GUARD_REFUSED) {
        refuse(call, &problem);
    } else if (call->route != NULL && routes_check_query(call, call->route, &problem) != 0) {
        call_problem(call, &problem);
    } else if (call->route != NULL) {
        admit_body(call, body);
    } else if (call->allow != NULL) {
        refuse_method(call, call->allow);
    } else {
        call_error(call, 404, "no_such_path", NULL, "there is nothing at this path");
    }
}

void api_admit(struct request *req, struct request_body *body, void *arg) {
    struct api *api = arg;
    if (req->context != NULL) { // who asks is known by now
        admit(req->context, body);
        return;
    }
    struct call *call = arena_zalloc(&req->arena, sizeof *call);
    if (call == NULL) {
        respond_error(req, 503, "out_of_memory", NULL, "the host is out of memory");
        return;
    }
    *call = (struct call){.api = api, .host = api->host, .req = req};
    req->context = call;
    if (req->path_count == 0 && strcmp(req->target, "*") == 0) {
        respond(req, 204, NULL, (struct bytes){NULL, 0});
        return;
    }
    if (hook_admit(call, body)) {
        return;
    }
    call->route = routes_find(call, &call->allow);
    cors_add_headers(call, call->allow);
    admit(call, body);
}

static void check_body(struct call *call) {
    call->json_valid = json_is_valid(call->req->body);
}

static void body_checked(struct call *call) {
    if (call->json_valid) {
        call->route->handler(call);
    } else {
        call_error(call, 400, "bad_json", NULL, "the body is not valid JSON");
    }
}

void api_handle(struct request *req, void *arg) {
    struct problem problem;
    (void)arg;
    struct call *call = req->context;
    if (!proof_check(call, &problem)) {
        call_problem(call, &problem);
        return;
    }
    enum route_body kind = call->route->body;
    bool is_json = (kind == BODY_SUBMIT && call->form == NULL) ||
                   ((kind == BODY_JSON || kind == BODY_QUERY) && req->body.len > 0);
    if (is_json) {
        call_aside(call, req->body.len, check_body, body_checked);
    } else {
        call->route->handler(call);
    }
}
