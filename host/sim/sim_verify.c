/* Was it as expected? */
#include <errno.h>
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

static void check_counts(struct sim *s) {
    const struct scenario_expect *e = &s->scenario->expect;
    struct report_type total;
    uint64_t over = 0;
    report_total(s->report, &total);
    for (const struct report_calls *c = s->report->calls; c != NULL; c = c->next) {
        over += c->over_rate;
    }
    at_most(s, "dead", total.dead, e->dead);
    at_most(s, "over_rate", over, e->over_rate);
    if (e->succeeded >= 0 && total.succeeded < (uint64_t)e->succeeded) {
        report_break(s->report, "succeeded: %llu, expected at least %lld",
                     (unsigned long long)total.succeeded, (long long)e->succeeded);
    }
    no_later(s, "late_p99", quantile_at(&s->report->late, 0.99), e->late_p99_ms);
    no_later(s, "late_max", s->report->late.max, e->late_max_ms);
    no_later(s, "wait_p99", quantile_at(&total.wait, 0.99), e->wait_p99_ms);
    no_later(s, "wait_max", total.wait.max, e->wait_max_ms);
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

void sim_verify_all(struct sim *s) {
    check_counts(s);
    for (size_t i = 0; s->scenario->expect.each_time_once && i < s->schedule_count; i++) {
        const struct sim_schedule *t = &s->schedule_items[i];
        if (t->is->when.cron.kind != CRON_REBOOT && !t->is->is.paused) {
            check_ledger(s, t);
        }
    }
}
