#include "config/config_defaults.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "config/config_forms.h"
#include "config/config_private.h"
#include "config/config_tables.h"
#include "core/outcome.h"

static const char *dir_of(const struct config_binding *b, const char *file) {
    for (size_t i = 0; i < b->sources->count; i++) {
        if (strcmp(b->sources->items[i].name, file) == 0) {
            return b->sources->items[i].dir;
        }
    }
    return b->sources->items[0].dir;
}

static void report(struct config_binding *b, const char *path, const char *code,
                   const char *words) {
    config_report_error(b->report, b->at, path, code, "%s", words);
}

// ---- host

static const char *default_base_url(struct config_binding *b, const struct config_host *host) {
    const struct config_listen *first = host->listen_count == 0 ? NULL : &host->listen[0];
    if (first == NULL || first->address == NULL || strncmp(first->address, "unix:", 5) == 0) {
        return "http://localhost";
    }
    const char *address = first->address;
    const char *scheme = first->tls_cert == NULL ? "http" : "https";
    if (strncmp(address, "0.0.0.0:", 8) == 0 || strncmp(address, "[::]:", 5) == 0) {
        // every address is no address to call: say the one that surely works here
        return arena_printf(&b->priv->arena, "%s://127.0.0.1:%s", scheme,
                            strrchr(address, ':') + 1);
    }
    return arena_printf(&b->priv->arena, "%s://%s", scheme, address);
}

void config_fill_place(struct config_binding *b, struct config_host *host) {
    if (host->admin == NULL && host->state_dir != NULL) { // else an error was reported
        const char *url = arena_printf(&b->priv->arena, "unix:%s/admin.sock", host->state_dir);
        struct err e = {0};
        if (url == NULL || form_socket.check(url, &e) < 0) {
            report(b, "host.admin", "bad_value",
                   url == NULL ? "out of memory"
                               : "host.state_dir is too long for a socket; set host.admin to a "
                                 "shorter path");
            return;
        }
        host->admin = url + strlen("unix:");
    }
}

static void fill_host(struct config_binding *b, struct config_host *host) {
    config_fill_place(b, host);
    if (host->base_url == NULL) {
        host->base_url = config_bind_checked(b, default_base_url(b, host));
    }
}

static void fill_store(struct config_binding *b, struct config *c) {
    if (c->store.url == NULL) {
        c->store.url = config_store_from_env(b, &c->store.url);
    }
    if (c->store.url == NULL && c->host.state_dir != NULL) {
        c->store.url = config_bind_checked(
            b, arena_printf(&b->priv->arena, "sqlite:%s/jobhost.db", c->host.state_dir));
    }
}

// ---- plugins

static void fill_plugin(struct config_binding *b, const char *plugin_dir, struct config_plugin *p) {
    struct arena *arena = &b->priv->arena;
    p->dir = config_bind_checked(b, arena_str(arena, dir_of(b, p->entry.file)));
    p->loose_files = *b->loose;
    if (p->file == NULL) {
        p->file = arena_printf(arena, "%s/%s.so", plugin_dir, p->entry.name);
    } else {
        p->file =
            config_path_join(arena, strchr(p->file, '/') == NULL ? plugin_dir : p->dir, p->file);
    }
    p->file = config_bind_checked(b, p->file);
}

static void fill_plugins(struct config_binding *b, struct config *c,
                         const struct config_load_options *options) {
    const char *dir = b->sources->items[0].dir;
    if (c->plugin_dir == NULL) {
        const char *given = options == NULL ? NULL : options->default_plugin_dir;
        c->plugin_dir = config_bind_checked(
            b, config_path_join(&b->priv->arena, dir, given == NULL ? "build/plugins" : given));
    }
    for (size_t i = 0; i < c->plugin_count; i++) {
        fill_plugin(b, c->plugin_dir, &c->plugins[i]);
    }
}

// ---- breakers, routes

static void fill_breakers(struct config *c) {
    for (size_t i = 0; i < c->breaker_count; i++) {
        struct config_breaker *breaker = &c->breakers[i];
        for (int kind = 0; kind < BREAKER_KINDS; kind++) {
            const struct breaker_times *times = &breaker_default[kind];
            if (strcmp(breaker->entry.name, breaker_kind_name((enum breaker_kind)kind)) == 0) {
                breaker->base_ms = breaker->base_ms == 0 ? times->base_ms : breaker->base_ms;
                breaker->cap_ms = breaker->cap_ms == 0 ? times->cap_ms : breaker->cap_ms;
            }
        }
    }
}

static void split_routes(struct config_binding *b, struct config *c) {
    for (size_t i = 0; i < c->route_count; i++) {
        struct config_route *route = &c->routes[i];
        const char *blank = route->entry.name == NULL ? NULL : strchr(route->entry.name, ' ');
        if (blank != NULL) {
            size_t len = (size_t)(blank - route->entry.name);
            route->method =
                config_bind_checked(b, arena_strn(&b->priv->arena, route->entry.name, len));
            route->path = blank + 1;
        }
    }
}

// ---- enabled: auto

// By convention the handlers of plugin `crawl` are named crawl.something, and its view `crawl`.
static void resolve_auto(struct config_binding *b, const struct config *c,
                         struct config_entry *entry, const char *job_or_view) {
    char plugin[JOB_TYPE_MAX + 1];
    if (!entry->on || entry->enabled != ENABLED_AUTO || job_or_view == NULL) {
        return;
    }
    (void)snprintf(plugin, sizeof(plugin), "%.*s", (int)strcspn(job_or_view, "."), job_or_view);
    for (size_t i = 0; i < c->plugin_count; i++) {
        if (strcmp(c->plugins[i].entry.name, plugin) == 0 && c->plugins[i].entry.on) {
            return;
        }
    }
    entry->on = false;
    entry->off_why =
        config_bind_checked(b, arena_printf(&b->priv->arena, "plugin %s is not on", plugin));
}

static void resolve_route(struct config_binding *b, const struct config *c,
                          struct config_route *route) {
    bool own = route->view == NULL || strcmp(route->view, config_view_names[0]) == 0;
    resolve_auto(b, c, &route->entry, route->job != NULL || own ? route->job : route->view);
}

static void resolve_all(struct config_binding *b, struct config *c) {
    for (size_t i = 0; i < c->schedule_count; i++) {
        resolve_auto(b, c, &c->schedules[i].entry, c->schedules[i].job);
    }
    for (size_t i = 0; i < c->hook_count; i++) {
        resolve_auto(b, c, &c->hooks[i].entry, c->hooks[i].job);
    }
    for (size_t i = 0; i < c->route_count; i++) {
        resolve_route(b, c, &c->routes[i]);
    }
}

static enum backoff_kind backoff_named(const char *word) {
    static const char *const words[] = {[BACKOFF_EXPONENTIAL] = "exponential",
                                        [BACKOFF_FIXED] = "fixed",
                                        [BACKOFF_EXPRESSION] = "expression"};
    for (int i = 0; word != NULL && i <= BACKOFF_EXPRESSION; i++) {
        if (strcmp(word, words[i]) == 0) {
            return (enum backoff_kind)i;
        }
    }
    return BACKOFF_EXPONENTIAL;
}

static bool fill_retry_rules(struct config_binding *b, struct config_retry *retry) {
    if (retry->class_count == 0) {
        return true;
    }
    struct retry_rule *rules = arena_zalloc(&b->priv->arena, RETRY_CLASSES * sizeof *rules);
    for (size_t i = 0; rules != NULL && i < retry->class_count; i++) {
        const struct config_retry_class *c = &retry->classes[i];
        int cls = c->entry.name == NULL ? -1 : outcome_class_from_name(c->entry.name);
        if (cls >= 0) { // else its copy failed
            rules[cls] = (struct retry_rule){.max = c->max,
                                             .base_ms = c->base_ms,
                                             .factor = c->factor,
                                             .cap_ms = c->cap_ms,
                                             .expression = c->expression,
                                             .has_backoff = c->backoff != NULL,
                                             .backoff = backoff_named(c->backoff)};
        }
    }
    retry->policy.rules = rules;
    return rules != NULL;
}

static void fill_retries(struct config_binding *b, struct config *c) {
    bool whole = true;
    for (size_t i = 0; i < c->job_count; i++) {
        whole = fill_retry_rules(b, &c->jobs[i].retry) && whole;
    }
    for (size_t i = 0; i < c->queue_count; i++) {
        whole = fill_retry_rules(b, &c->queues[i].retry) && whole;
    }
    if (!whole) {
        report(b, "jobs", "out_of_memory", "out of memory");
    }
}

static void fill_hooks(struct config *c) {
    static const char *post[] = {"POST"};
    for (size_t i = 0; i < c->hook_count; i++) {
        struct config_hook *hook = &c->hooks[i];
        if (hook->method_count == 0) {
            hook->methods = post;
            hook->method_count = 1;
        }
    }
}

static void fill_limits(struct config *c) {
    for (size_t i = 0; i < c->limit_count; i++) {
        if (c->limits[i].per_ms == 0) {
            c->limits[i].per_ms = 1000;
        }
    }
}

void config_fill_defaults(struct config_binding *b, struct config *c,
                          const struct config_load_options *options) {
    fill_host(b, &c->host);
    fill_store(b, c);
    fill_plugins(b, c, options);
    fill_breakers(c);
    fill_limits(c);
    fill_hooks(c);
    fill_retries(b, c);
    split_routes(b, c);
    resolve_all(b, c);
}

// ---- afterwards

static bool is_given(const struct config *c, const struct config_retry *retry) {
    bool given = retry->class_count > 0;
    for (size_t i = 0; i < config_retry_table.count && !given; i++) {
        const void *slot = (const char *)retry + config_retry_table.fields[i].offset;
        given = config_origin_find(c->priv, slot) != NULL;
    }
    return given;
}

void config_fill_given(struct config *c) {
    for (size_t i = 0; i < c->job_count; i++) {
        c->jobs[i].retry.given = is_given(c, &c->jobs[i].retry);
    }
    for (size_t i = 0; i < c->queue_count; i++) {
        c->queues[i].retry.given = is_given(c, &c->queues[i].retry);
    }
}
