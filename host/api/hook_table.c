/* The hooks that are on: compiled from the configuration, found by path. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/hook_call.h"
#include "api/routes.h"
#include "config/config_secret.h"

static void hook_free(struct hook *hook) {
    for (size_t i = 0; hook->skip != NULL && i < hook->of->skip_count; i++) {
        mapping_free(&hook->skip[i]);
    }
    free(hook->skip);
    struct mapping **const mappings[] = {&hook->payload, &hook->response, &hook->key,
                                         &hook->user,    &hook->flow,     &hook->priority};
    for (size_t i = 0; i < ARRAY_LEN(mappings); i++) {
        mapping_free(mappings[i]);
    }
    verifier_release(&hook->verifier);
    config_free(&hook->config);
    free((char *)(uintptr_t)hook->allow);
    free(hook);
}

struct hook *hook_hold(struct hook *hook) {
    hook->holders++;
    return hook;
}

void hook_release(struct hook **hook) {
    if (*hook != NULL && --(*hook)->holders == 0) {
        hook_free(*hook);
    }
    *hook = NULL;
}

/* ---- compiling ---- */

static int compile_one(struct hook *hook, const char *text, bool is_text, bool answer,
                       struct mapping **ret, struct err *e) {
    struct mapping_rules rules = {.path = hook->of->path, .answer = answer, .text = is_text};
    int r = text == NULL ? 0 : mapping_new(bytes_of(text), &rules, ret, e);
    hook->reads_body |= *ret != NULL && mapping_reads_body(*ret);
    return r;
}

static int compile_skips(struct hook *hook, struct err *e) {
    const struct config_hook *of = hook->of;
    hook->skip = calloc(of->skip_count + 1, sizeof(struct mapping *));
    int r = hook->skip == NULL ? -ENOMEM : 0;
    for (size_t i = 0; r == 0 && i < of->skip_count; i++) {
        r = compile_one(hook, of->skip[i].when, true, false, &hook->skip[i], e);
    }
    return r;
}

static int compile_mappings(struct hook *hook, struct err *e) {
    const struct config_hook *of = hook->of;
    const struct {
        const char *text;
        bool is_text, answer;
        struct mapping **to;
    } rows[] = {
        {of->payload, false, false, &hook->payload},
        {of->response.body, false, true, &hook->response},
        {of->key, true, false, &hook->key},
        {of->user, true, false, &hook->user},
        {of->flow, true, false, &hook->flow},
        {of->priority, true, false, &hook->priority},
    };
    int r = compile_skips(hook, e);
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(rows); i++) {
        r = compile_one(hook, rows[i].text, rows[i].is_text, rows[i].answer, rows[i].to, e);
    }
    return r;
}

static size_t most_of(const struct config *c) {
    int64_t most = 1 << 20; // keys and answers, whatever payloads may have
    most = c->queue_default.max_payload > most ? c->queue_default.max_payload : most;
    for (size_t i = 0; i < c->queue_count; i++) {
        most = c->queues[i].max_payload > most ? c->queues[i].max_payload : most;
    }
    return (size_t)most;
}

static char *methods_of(const struct config_hook *of) {
    struct buf out = {0};
    for (size_t i = 0; i < of->method_count; i++) {
        buf_printf(&out, "%s%s", i == 0 ? "" : ", ", of->methods[i]);
    }
    if (out.failed) {
        buf_free(&out);
    }
    return out.data;
}

static int compile(struct hooks *hooks, const struct config *c, const struct config_hook *of,
                   struct hook **ret, struct err *e) {
    struct hook *hook = calloc(1, sizeof *hook);
    if (hook == NULL) {
        return -ENOMEM;
    }
    hook->holders = 1;
    hook->of = of;
    hook->config = config_hold(c);
    hook->allow = methods_of(of);
    hook->most = most_of(c);
    hook->stats = hook_stats_of(hooks, of->entry.name);
    const char *base_url = of->public_url != NULL ? of->public_url : c->host.base_url;
    int r = hook->allow == NULL || hook->stats == NULL ? -ENOMEM : compile_mappings(hook, e);
    r = r == 0 ? verifier_new(of, base_url, &hook->verifier, e) : r;
    if (r != 0) {
        hook_release(&hook);
    }
    *ret = hook;
    return r;
}

static void drop(struct hooks *hooks) {
    for (size_t i = 0; i < hooks->count; i++) {
        hook_release(&hooks->items[i]);
    }
    free(hooks->items);
    hooks->items = NULL;
    hooks->count = 0;
}

int hooks_compile(struct hooks *hooks, struct host *host) {
    const struct config *c = host->config;
    struct hooks fresh = *hooks; // its statistics are shared
    fresh.items = calloc(c->hook_count + 1, sizeof(struct hook *));
    fresh.count = 0;
    int r = fresh.items == NULL ? -ENOMEM : 0;
    for (size_t i = 0; r == 0 && i < c->hook_count; i++) {
        struct err e = {.code = 0};
        if (!c->hooks[i].entry.on) {
            continue;
        }
        r = compile(&fresh, c, &c->hooks[i], &fresh.items[fresh.count], &e);
        if (r == -EINVAL) { // nobody gets in by it, and the others work
            log_error(&host->log, "hook.off", "hook=%s msg=\"%s\"", c->hooks[i].entry.name, e.msg);
            r = 0;
        } else {
            fresh.count += r == 0;
        }
    }
    hooks->stats = fresh.stats;
    if (r != 0) {
        drop(&fresh);
        return r;
    }
    drop(hooks);
    hooks->items = fresh.items;
    hooks->count = fresh.count;
    return 0;
}

/* ---- finding ---- */

bool hook_takes(const struct hook *hook, const char *method) {
    for (size_t i = 0; i < hook->of->method_count; i++) {
        if (strcmp(hook->of->methods[i], method) == 0) {
            return true;
        }
    }
    return false;
}

/* A wildcard in a hook's path takes nothing away from the host itself. */
static bool is_own(const struct request *req) {
    static const char *const own[] = {"v1", "healthz", "readyz", "metrics"};
    for (size_t i = 0; req->path_count > 0 && i < ARRAY_LEN(own); i++) {
        if (strcmp(req->path[0], own[i]) == 0) {
            return true;
        }
    }
    return req->path_count == 0;
}

struct hook *hooks_find(const struct hooks *hooks, const struct request *req,
                        const char *ret_param[CALL_PARAMS_MAX]) {
    struct hook *first = NULL;
    for (size_t i = 0; i < hooks->count && !is_own(req); i++) {
        const char *param[CALL_PARAMS_MAX] = {NULL};
        struct hook *hook = hooks->items[i];
        if (!routes_path_fits(req, hook->of->path, param)) {
            continue;
        }
        bool takes = hook_takes(hook, req->method);
        if (takes || first == NULL) {
            first = hook;
            memcpy(ret_param, param, sizeof param);
        }
        if (takes) {
            break;
        }
    }
    return first;
}

struct hook *hooks_named(const struct hooks *hooks, const char *name) {
    for (size_t i = 0; i < hooks->count; i++) {
        if (strcmp(hooks->items[i]->of->entry.name, name) == 0) {
            return hooks->items[i];
        }
    }
    return NULL;
}

struct hooks *hooks_new(struct host *host) {
    struct hooks *hooks = calloc(1, sizeof *hooks);
    uint64_t seed;
    if (hooks == NULL) {
        return NULL;
    }
    env_random(&seed, sizeof seed);
    failures_init(&hooks->failures, seed);
    hooks->inbox = hook_inbox_new(host);
    if (hooks->inbox != NULL) {
        hook_inbox_start(hooks);
    }
    if (hooks->inbox == NULL || hooks_compile(hooks, host) != 0) {
        hooks_free(&hooks);
    }
    return hooks;
}

static void free_stats(struct hooks *hooks) {
    struct hook_stats *at = hooks->stats;
    HASH_CLEAR(hh, hooks->stats); // frees the table; the elements stay chained
    while (at != NULL) {
        struct hook_stats *next = at->hh.next;
        free(at->name);
        free(at);
        at = next;
    }
}

void hooks_free(struct hooks **hooks) {
    if (*hooks != NULL) {
        hook_inbox_free(&(*hooks)->inbox, *hooks);
        drop(*hooks);
        free_stats(*hooks);
        free(*hooks);
    }
    *hooks = NULL;
}
