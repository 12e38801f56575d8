#include "cli/check_handlers.h"

#include <string.h>

#include "base/nearest.h"
#include "jobhost_plugin.h"

static const struct check_handler *find(const struct check_handlers *all, const char *name) {
    for (size_t i = 0; i < all->count; i++) {
        if (strcmp(all->items[i].name, name) == 0) {
            return &all->items[i];
        }
    }
    return NULL;
}

static void add(struct check_handlers *all, const char *plugin, const struct pool_handler *h) {
    if (all->count == all->cap) {
        size_t cap = all->cap == 0 ? 64 : 2 * all->cap;
        struct check_handler *items = arena_alloc(&all->arena, cap * sizeof *items);
        if (items == NULL) {
            return; // a check short of memory knows less
        }
        if (all->count > 0) {
            memcpy(items, all->items, all->count * sizeof *items);
        }
        all->items = items;
        all->cap = cap;
    }
    const char *copy = arena_str(&all->arena, h->name);
    if (copy != NULL) {
        all->items[all->count++] = (struct check_handler){copy, plugin, h->state.restartable,
                                                          (h->flags & JH_HANDLER_QUERY) != 0};
    }
}

unsigned check_handlers_add(struct check_handlers *all, const char *plugin,
                            const struct pool_manifest *manifest, struct buf *problems) {
    unsigned taken = 0;
    for (size_t i = 0; i < manifest->handler_count; i++) {
        const char *name = manifest->handlers[i].name;
        const struct check_handler *other = find(all, name);
        if (other != NULL) {
            buf_printf(problems, "handler %s is already provided by plugin %s\n", name,
                       other->plugin);
            taken++;
        } else {
            add(all, plugin, &manifest->handlers[i]);
        }
    }
    return taken;
}

unsigned check_handlers_restarts(const struct check_handlers *all, const struct config *c,
                                 struct buf *out) {
    unsigned count = 0;
    for (size_t i = 0; i < c->job_count; i++) {
        const struct config_job *job = &c->jobs[i];
        const struct check_handler *h = find(all, job->entry.name);
        if (job->state_policy == SKEW_POLICY_RESTART && h != NULL && !h->restartable) {
            buf_printf(out,
                       "%s:%d:%d: warning: jobs.%s: state_policy is restart, but its handler does "
                       "not allow that (JH_HANDLER_RESTARTABLE): its jobs park\n",
                       job->entry.file, job->entry.line, job->entry.column, job->entry.name);
            count++;
        }
    }
    return count;
}

struct search {
    const struct check_handlers *all;
    struct buf *out;
    unsigned missing;
};

static void look(struct search *s, const char *section, const struct config_entry *entry,
                 const char *type) {
    if (type == NULL || find(s->all, type) != NULL) {
        return;
    }
    struct nearest near = {.word = type};
    for (size_t i = 0; i < s->all->count; i++) {
        nearest_offer(&near, s->all->items[i].name);
    }
    const char *meant = nearest_best(&near);
    buf_printf(s->out, "%s:%d:%d: warning: %s.%s: no plugin has a handler %s%s%s%s\n", entry->file,
               entry->line, entry->column, section, entry->name, type,
               meant == NULL ? "" : "; did you mean \"", meant == NULL ? "" : meant,
               meant == NULL ? "" : "\"?");
    s->missing++;
}

static void look_at_use(struct search *s, const char *section, const struct config_entry *entry,
                        const char *type, bool asks) {
    const struct check_handler *h = type == NULL ? NULL : find(s->all, type);
    if (h == NULL || h->query == asks) {
        return;
    }
    buf_printf(s->out, "%s:%d:%d: error: %s.%s: %s is %s\n", entry->file, entry->line,
               entry->column, section, entry->name, type,
               asks ? "the handler of jobs, and no query"
                    : "a query, and no job: a route with action: plugin.query asks it");
    s->missing++;
}

unsigned check_handlers_misused(const struct check_handlers *all, const struct config *c,
                                struct buf *out) {
    struct search s = {.all = all, .out = out};
    for (size_t i = 0; i < c->schedule_count; i++) {
        const struct config_schedule *x = &c->schedules[i];
        look_at_use(&s, "schedules", &x->entry, x->entry.on ? x->job : NULL, false);
    }
    for (size_t i = 0; i < c->hook_count; i++) {
        const struct config_hook *x = &c->hooks[i];
        look_at_use(&s, "hooks", &x->entry, x->entry.on ? x->job : NULL, false);
    }
    for (size_t i = 0; i < c->route_count; i++) {
        const struct config_route *x = &c->routes[i];
        bool asks = x->action != NULL && strcmp(x->action, "plugin.query") == 0;
        look_at_use(&s, "routes", &x->entry, x->entry.on ? x->job : NULL, asks);
    }
    return s.missing;
}

unsigned check_handlers_missing(const struct check_handlers *all, const struct config *c,
                                struct buf *out) {
    struct search s = {.all = all, .out = out};
    for (size_t i = 0; i < c->job_count; i++) {
        look(&s, "jobs", &c->jobs[i].entry, c->jobs[i].entry.name);
    }
    for (size_t i = 0; i < c->schedule_count; i++) {
        const struct config_schedule *x = &c->schedules[i];
        look(&s, "schedules", &x->entry, x->entry.on ? x->job : NULL);
    }
    for (size_t i = 0; i < c->hook_count; i++) {
        const struct config_hook *x = &c->hooks[i];
        look(&s, "hooks", &x->entry, x->entry.on ? x->job : NULL);
    }
    for (size_t i = 0; i < c->route_count; i++) {
        const struct config_route *x = &c->routes[i];
        look(&s, "routes", &x->entry, x->entry.on ? x->job : NULL);
    }
    return s.missing;
}
