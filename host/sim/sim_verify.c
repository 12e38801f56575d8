/* Was it as expected? */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rfc3339.h"
#include "sim/sim_private.h"

enum { PAGE = 1000 };

/* ------------------------------------------------------------------ counts and times */

static void at_most(struct sim *s, const char *what, uint64_t found, int64_t most) {
    if (most >= 0 && found > (uint64_t)most) {
        report_break(s->report, "%s: %llu, expected at most %lld", what, (unsigned long long)found,
                     (long long)most);
    }
}

static void no_later(struct sim *s, const char *what, int64_t found_ms, int64_t most_ms) {
    char found[48], most[48];
    if (most_ms > 0 && found_ms > most_ms) {
        duration_format(found_ms, found, sizeof found);
        duration_format(most_ms, most, sizeof most);
        report_break(s->report, "%s: %s, expected at most %s", what, found, most);
    }
}

/* `of`: " of crawl.page", or "" for all. */
static void check_jobs(struct sim *s, const struct scenario_expect_jobs *e, const char *of,
                       const struct report_type *found) {
    char what[JOB_TENANT_MAX + 32];
    const struct {
        const char *name;
        int64_t found_ms, most_ms;
    } times[] = {{"wait_p99", quantile_at(&found->wait, 0.99), e->wait_p99_ms},
                 {"wait_max", found->wait.max, e->wait_max_ms}};
    (void)snprintf(what, sizeof what, "dead%s", of);
    at_most(s, what, found->dead, e->dead);
    if (e->succeeded >= 0 && found->succeeded < (uint64_t)e->succeeded) {
        report_break(s->report, "succeeded%s: %llu, expected at least %lld", of,
                     (unsigned long long)found->succeeded, (long long)e->succeeded);
    }
    for (size_t i = 0; i < ARRAY_LEN(times); i++) {
        (void)snprintf(what, sizeof what, "%s%s", times[i].name, of);
        no_later(s, what, times[i].found_ms, times[i].most_ms);
    }
}

static void check_some(struct sim *s, const struct scenario_expect_jobs *all, size_t count,
                       const struct report_type *found) {
    static const struct report_type none = {.name = NULL};
    char of[JOB_TENANT_MAX + 8];
    for (size_t i = 0; i < count; i++) {
        const struct report_type *r = found;
        while (r != NULL && strcmp(r->name, all[i].entry.name) != 0) {
            r = r->next;
        }
        (void)snprintf(of, sizeof of, " of %s", all[i].entry.name);
        check_jobs(s, &all[i], of, r == NULL ? &none : r);
    }
}

static void check_remote(struct sim *s, const struct sim_remote *r) {
    const struct scenario_expect_remote *e = r->expect;
    const struct scenario_remote *c = r->config;
    char per[48];
    if (e == NULL) {
        return;
    }
    duration_format(e->per_ms, per, sizeof per);
    if (r->over_most > 0) {
        report_break(s->report,
                     "%llu calls came to %s when it had had %lld within %s, expected none",
                     (unsigned long long)r->over_most, c->entry.name, (long long)e->most, per);
    }
    double could = (double)c->rate * (double)s->scenario->for_ms / (double)c->per_ms;
    if (e->used > 0 && (double)r->report->granted < e->used * could) {
        report_break(s->report, "%s answered %llu calls of %.0f, expected at least %.1f %%",
                     c->entry.name, (unsigned long long)r->report->granted, could, 100 * e->used);
    }
}

static void check_counts(struct sim *s) {
    const struct scenario_expect *e = &s->scenario->expect;
    struct report_type total;
    uint64_t over = 0;
    report_total(s->report, &total);
    for (const struct report_calls *c = s->report->calls; c != NULL; c = c->next) {
        over += c->over_rate;
    }
    check_jobs(s, &e->all, "", &total);
    check_some(s, e->types, e->type_count, s->report->types);
    check_some(s, e->users, e->user_count, s->report->users);
    at_most(s, "over_rate", over, e->over_rate);
    for (size_t i = 0; i < s->scenario->remote_count; i++) {
        check_remote(s, &s->remotes[i]);
    }
    no_later(s, "late_p99", quantile_at(&s->report->late, 0.99), e->late_p99_ms);
    no_later(s, "late_max", s->report->late.max, e->late_max_ms);
}

/* ------------------------------------------------------------------ ledgers */

struct span {
    int64_t first_ms, last_ms;
    uint32_t count;
};

struct spans {
    struct span *items;
    size_t count, cap;
};

static bool add_span(struct spans *all, const struct store_ledger_row *row) {
    if (all->count == all->cap) {
        size_t cap = all->cap == 0 ? PAGE : 2 * all->cap;
        struct span *items = realloc(all->items, cap * sizeof *items);
        if (items == NULL) {
            return false;
        }
        all->items = items;
        all->cap = cap;
    }
    all->items[all->count++] = (struct span){row->nominal_ms, row->last_ms, row->count};
    return true;
}

/* All rows but those of gaps, which stand for no time. */
static int read_rows(struct sim *s, const char *schedule, struct spans *ret) {
    char *cursor = NULL;
    int r = 0;
    do {
        struct store_ledger_list op = {.op = {.kind = STORE_LEDGER_LIST},
                                       .schedule = schedule,
                                       .verdict = -1,
                                       .limit = PAGE,
                                       .cursor = cursor};
        r = stock_run(&s->stock, &op.op, sim_wall(s));
        r = r == -ENOENT ? 0 : r;
        for (size_t i = 0; r == 0 && i < op.count; i++) {
            bool gap = op.rows[i].verdict == SCHEDULE_SKIPPED_GAP;
            r = gap || add_span(ret, &op.rows[i]) ? 0 : -ENOMEM;
        }
        free(cursor);
        cursor = r != 0 || op.next_cursor == NULL ? NULL : strdup(op.next_cursor);
        store_op_finish(&op.op);
    } while (cursor != NULL);
    return r;
}

static int by_first(const void *a, const void *b) {
    const struct span *x = a, *y = b;
    return (x->first_ms > y->first_ms) - (x->first_ms < y->first_ms);
}

/* Walks the times that there are beside the rows that there are. */
static void compare(struct sim *s, const struct sim_schedule *t, const struct spans *rows) {
    const struct schedule rule = schedule_fire_rule(t->is, t->stored_ms, false);
    struct schedule_time time = {.nominal_ms = rule.stored_ms};
    char at[RFC3339_LEN + 1];
    size_t i = 0;
    while (schedule_next(&rule, time.nominal_ms, &time) && time.fire_ms <= sim_wall(s)) {
        rfc3339_format(time.nominal_ms, at);
        while (i < rows->count && rows->items[i].last_ms < time.nominal_ms) {
            i++;
        }
        size_t same = 0;
        for (size_t k = i; k < rows->count && rows->items[k].first_ms <= time.nominal_ms; k++) {
            same += rows->items[k].last_ms >= time.nominal_ms;
        }
        if (same != 1) {
            report_break(s->report, "each_time_once: %s has %zu rows for %s", t->is->is.entry.name,
                         same, at);
        }
    }
}

static void check_ledger(struct sim *s, const struct sim_schedule *t) {
    struct spans rows = {.items = NULL};
    int r = read_rows(s, t->is->is.entry.name, &rows);
    if (r != 0) {
        sim_fail(s, r, "the ledger of %s cannot be read: %s", t->is->is.entry.name, strerror(-r));
    } else if (rows.count > 0) {
        qsort(rows.items, rows.count, sizeof *rows.items, by_first);
    }
    if (r == 0) {
        compare(s, t, &rows);
    }
    free(rows.items);
}

/* ------------------------------------------------------------------ flows */

static void check_flow(struct sim *s, const struct sim_flow *f) {
    char id[JOB_ID_TEXT + 1];
    struct store_flow is;
    int64_t ended = 0;
    bool over = f->opener_ended && f->keyed == 0 && f->ended == f->made;
    int r = sim_flows_get(s, f, &is);
    const struct flow_tally *t = &is.facts.tally;
    id_format(&f->id, id);
    if (r == 0) {
        ended = t->succeeded + t->dead + t->cancelled + t->duplicate;
    }
    if (r != 0 && r != -ENOENT) { // it goes with its opener
        sim_fail(s, r, "the flow %s cannot be read: %s", id, strerror(-r));
    } else if (r == 0 && over != is.facts.closed && f->keyed == 0) {
        report_break(s->report, "each_flow_once: %s is %s, and %llu of %llu have ended", id,
                     is.facts.closed ? "closed" : "open", (unsigned long long)f->ended,
                     (unsigned long long)f->made);
    } else if (r == 0 && over && (uint64_t)ended != f->made) {
        report_break(s->report, "each_flow_once: %s closed with %lld of %llu members", id,
                     (long long)ended, (unsigned long long)f->made);
    } else if (r == 0 && is.facts.closed && f->then != NULL &&
               is.then_made != (flow_then(&is.facts) != FLOW_THEN_NOT)) {
        report_break(s->report, "each_flow_once: %s closed %s its `then`", id,
                     is.then_made ? "with" : "without");
    }
}

static void check_flows(struct sim *s) {
    const struct scenario_expect *e = &s->scenario->expect;
    struct sim_flow *f, *next;
    if (e->flows_closed >= 0 && s->report->flows_closed < (uint64_t)e->flows_closed) {
        report_break(s->report, "flows_closed: %llu, expected at least %lld",
                     (unsigned long long)s->report->flows_closed, (long long)e->flows_closed);
    }
    if (e->each_flow_once) {
        HASH_ITER(hh, s->flows, f, next) {
            check_flow(s, f);
        }
    }
}

void sim_verify_all(struct sim *s) {
    check_counts(s);
    check_flows(s);
    for (size_t i = 0; s->scenario->expect.each_time_once && i < s->schedule_count; i++) {
        const struct sim_schedule *t = &s->schedule_items[i];
        if (t->is->when.cron.kind != CRON_REBOOT && !t->is->is.paused) {
            check_ledger(s, t);
        }
    }
}
