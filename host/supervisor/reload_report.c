#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/reload_private.h"
#include "supervisor/stats.h"

const char *reload_verdict_name(enum reload_verdict verdict) {
    static const char *const names[] = {
        [RELOAD_KEPT] = "kept",
        [RELOAD_CHANGED] = "changed",
        [RELOAD_ADDED] = "added",
        [RELOAD_REMOVED] = "removed",
        [RELOAD_FAILED] = "failed",
        [RELOAD_HELD_BACK] = "held_back",
        [RELOAD_ROLLED_BACK] = "rolled_back",
    };
    return names[verdict];
}

static const char *report_why(struct arena *a, const struct reload_plugin *it) {
    if (it->error.code == 0 && it->verdict == RELOAD_KEPT && it->library[0] != '\0') {
        return arena_printf(
            a,
            "%s has been replaced since its processes began: `jobhost reload --all` "
            "starts others, which load it",
            it->library);
    }
    return it->error.code == 0 ? NULL : arena_str(a, it->error.msg);
}

static void report_item(struct reload *r, const struct reload_plugin *it, struct reload_item *ret) {
    struct arena *a = &r->last_arena;
    const struct pool *now = r->failed ? it->serving : it->next != NULL ? it->next : it->serving;
    const struct pool *meant = it->next != NULL ? it->next : it->serving;
    *ret = (struct reload_item){
        .plugin = arena_str(a, it->name),
        .verdict = it->verdict,
        .generation = now == NULL || it->verdict == RELOAD_REMOVED ? 0 : now->number,
        .build = meant == NULL ? "" : arena_str(a, meant->build),
        .why = report_why(a, it),
    };
}

void reload_report_make(struct reload *r) {
    arena_reset(&r->last_arena);
    free(r->last_items);
    r->last_items = calloc(r->count + 1, sizeof *r->last_items);
    size_t count = r->last_items == NULL ? 0 : r->count;
    for (size_t i = 0; i < count; i++) {
        report_item(r, &r->items[i], &r->last_items[i]);
    }
    r->last = (struct reload_report){
        .ok = !r->failed && !r->partly,
        .cause = r->cause,
        .started_ms = r->started_ms,
        .ended_ms = env_wall_ms(&r->host->env),
        .problems = arena_strn(&r->last_arena, r->problems.data, r->problems.len),
        .restart = arena_strn(&r->last_arena, r->restart.data, r->restart.len),
        .items = r->last_items,
        .item_count = count,
    };
}

static void tell_item(const struct log *log, const struct reload_item *it) {
    const char *why = it->why == NULL ? "" : it->why;
    if (it->verdict == RELOAD_FAILED) {
        log_error(log, "reload.plugin", "plugin=%s verdict=failed msg=\"%s\"", it->plugin, why);
    } else if (it->verdict != RELOAD_KEPT) {
        log_info(log, "reload.plugin", "plugin=%s verdict=%s generation=%u build=%s", it->plugin,
                 reload_verdict_name(it->verdict), it->generation, it->build);
    } else if (it->why != NULL) {
        log_warn(log, "reload.plugin", "plugin=%s verdict=kept msg=\"%s\"", it->plugin, why);
    }
    if (it->warning != NULL) {
        log_warn(log, "reload.orphans", "plugin=%s msg=\"%s\"", it->plugin, it->warning);
    }
}

static void tell_all(const struct reload *r, const struct log *log) {
    long long ms = (long long)(r->last.ended_ms - r->last.started_ms);
    size_t first = r->last.problems == NULL ? 0 : strcspn(r->last.problems, "\n");
    if (r->failed) {
        log_error(log, "reload.failed", "cause=%s ms=%lld msg=\"nothing has been changed%s%.*s\"",
                  r->cause, ms, first > 0 ? ": " : "", (int)first,
                  first > 0 ? r->last.problems : "");
    } else {
        log_info(log, "reload.done", "cause=%s ms=%lld read_us=%lld try_us=%lld switch_us=%lld",
                 r->cause, ms, (long long)(r->read_us - r->begun_us),
                 (long long)(r->tried_us - r->read_us),
                 (long long)(env_stopwatch_us() - r->tried_us));
    }
}

void reload_report_tell(const struct reload *r) {
    const struct log *log = &r->host->log;
    for (size_t i = 0; i < r->last.item_count; i++) {
        tell_item(log, &r->last.items[i]);
    }
    if (r->restart.len > 0) {
        int len = (int)r->restart.len - 1; // but for the last newline
        log_warn(log, "reload.restart", "keys=%.*s msg=\"their changes wait for a restart\"", len,
                 (const char *)r->restart.data);
    }
    tell_all(r, log);
    stats_word(&r->host->stats->reloads, r->failed ? "failed" : r->partly ? "partly" : "ok");
}

/* ------------------------------------------------------------------ what nobody takes any more */

static void add_warning(struct buf *text, const struct orphan *o) {
    buf_str(text, text->len == 0 ? "" : "; ");
    if (o->jobs < 0) {
        buf_printf(text,
                   "nobody takes jobs of %s any more, and the store cannot tell how many wait",
                   o->type);
    } else {
        buf_printf(text, "%lld%s job%s of %s wait%s and nobody takes them", (long long)o->jobs,
                   o->more ? " or more" : "", o->jobs == 1 ? "" : "s", o->type,
                   o->jobs == 1 ? "s" : "");
    }
}

static void warn_of(struct reload *r, struct reload_item *it, const struct orphan *items,
                    size_t count) {
    struct arena *a = &r->last_arena;
    struct orphan *own = arena_alloc(a, (count + 1) * sizeof *own);
    struct buf text = {0};
    for (size_t i = 0; own != NULL && i < count; i++) {
        if (strcmp(items[i].plugin, it->plugin) == 0) {
            struct orphan *o = &own[it->orphan_count++];
            *o = items[i];
            o->type = arena_str(a, o->type);
            o->plugin = it->plugin;
            add_warning(&text, o);
        }
    }
    it->orphans = own;
    it->warning = text.len == 0 ? NULL : arena_strn(a, text.data, text.len);
    buf_free(&text);
}

void reload_report_orphans(struct reload *r, const struct orphan *items, size_t count) {
    for (size_t i = 0; count > 0 && i < r->last.item_count; i++) {
        warn_of(r, &r->last_items[i], items, count);
    }
}
