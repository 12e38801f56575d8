// Orders in time: days, ISO weeks, months, weekdays, and beside the periods of business reports.
#include "analyse.h"
#include "civil.h"

enum { DAYS_MAX = 3660, MILLION = 1000000 };

enum grain { BY_DAY, BY_WEEK, BY_MONTH };

static int month_number(int32_t day) {
    int y, m, d;
    civil_split(day, &y, &m, &d);
    return y * 12 + m - 1;
}

static int32_t monday(int32_t day) {
    return day - civil_weekday(day);
}

// Which bucket of a series that begins with the bucket of `first`.
static size_t bucket_index(enum grain grain, int32_t first, int32_t day) {
    switch (grain) {
    case BY_WEEK: return (size_t)(monday(day) - monday(first)) / 7;
    case BY_MONTH: return (size_t)(month_number(day) - month_number(first));
    case BY_DAY: break;
    }
    return (size_t)(day - first);
}

static void bucket_span(enum grain grain, int32_t first, size_t index, struct bucket *b) {
    int month = month_number(first) + (int)index, year = month / 12;
    switch (grain) {
    case BY_WEEK:
        b->from = monday(first) + 7 * (int32_t)index;
        b->to = b->from + 6;
        return;
    case BY_MONTH:
        b->from = civil_day(year, month % 12 + 1, 1);
        b->to = b->from + civil_days_in_month(year, month % 12 + 1) - 1;
        return;
    case BY_DAY: break;
    }
    b->from = b->to = first + (int32_t)index;
}

static int make_series(struct analysis *a, enum grain grain, struct series *s) {
    const struct orders *o = &a->report->orders;
    s->count = bucket_index(grain, o->first_day, o->last_day) + 1;
    s->rows = pool_array(&a->report->pool, s->count, sizeof *s->rows);
    if (s->rows == NULL) {
        return trouble_no_memory(a->trouble);
    }
    for (size_t i = 0; i < s->count; i++) {
        bucket_span(grain, o->first_day, i, &s->rows[i]);
        struct bucket *b = &s->rows[i];
        int64_t covered = analyse_covered(o, b->from, b->to);
        b->partial = covered < b->to - b->from + 1;
        if (covered == 0) {
            b->revenue = b->units = b->orders = NUMBER_NONE;
        }
    }
    return 0;
}

static void add_day(struct series *s, size_t index, const struct bucket *day) {
    s->rows[index].revenue += day->revenue;
    s->rows[index].units += day->units;
    s->rows[index].orders += day->orders;
}

static int read_days(struct analysis *a, struct orders *o) {
    int rc = query_begin(a, "SELECT day, revenue, units, orders FROM daily ORDER BY day", NULL, 0);
    while (rc == 0 && (rc = query_next(a)) > 0) {
        struct bucket day = {.from = (int32_t)query_int(a, 0),
                             .revenue = query_int(a, 1),
                             .units = query_int(a, 2),
                             .orders = query_int(a, 3)};
        rc = 0;
        if (o->by_day.count > 0) {
            add_day(&o->by_day, bucket_index(BY_DAY, o->first_day, day.from), &day);
        }
        if (o->by_week.count > 0) {
            add_day(&o->by_week, bucket_index(BY_WEEK, o->first_day, day.from), &day);
        }
        add_day(&o->by_month, bucket_index(BY_MONTH, o->first_day, day.from), &day);
    }
    query_end(a);
    return rc;
}

static void add_growth(struct series *s) {
    for (size_t i = 0; i < s->count; i++) {
        struct bucket *now = &s->rows[i], *then = i == 0 ? NULL : &s->rows[i - 1];
        now->growth_ppm = then == NULL || now->partial || then->partial
                              ? NUMBER_NONE
                              : number_growth(now->revenue, then->revenue);
    }
}

static void add_weekdays(const struct report *r, struct orders *o) {
    int64_t revenue = 0;
    if (o->by_day.count == 0 || o->days_covered < r->limits.weekday_weeks * 7) {
        return;
    }
    o->has_weekdays = true;
    for (size_t i = 0; i < o->by_day.count; i++) {
        const struct bucket *day = &o->by_day.rows[i];
        struct weekday *w = &o->weekdays[civil_weekday(day->from)];
        if (day->revenue == NUMBER_NONE) {
            continue;
        }
        w->days++;
        w->revenue += day->revenue;
        w->units += day->units;
        w->orders += day->orders;
        revenue += day->revenue;
    }
    int64_t mean = number_ratio(revenue, o->days_covered, 1);
    for (int i = 0; i < 7; i++) {
        struct weekday *w = &o->weekdays[i];
        w->mean_revenue = number_ratio(w->revenue, w->days, 1);
        w->index_ppm = number_ratio(w->mean_revenue, mean, MILLION);
        o->has_weekdays = o->has_weekdays && w->days > 0;
    }
}

// Orders within the periods of the business reports; compared only where the export covers them.
static int read_beside(struct analysis *a, struct business *b) {
    const struct orders *o = &a->report->orders;
    for (size_t i = 0; i < b->period_count; i++) {
        struct report_period *p = &b->periods[i];
        const int64_t span[] = {p->from, p->to};
        int64_t covered = p->dated ? analyse_covered(o, p->from, p->to) : 0;
        if (covered == 0) {
            continue;
        }
        int rc = query_begin(a,
                             "SELECT coalesce(sum(revenue), 0), coalesce(sum(units), 0), "
                             "coalesce(sum(orders), 0) FROM daily WHERE day BETWEEN ?1 AND ?2",
                             span, 2);
        if (rc == 0 && (rc = query_next(a)) > 0) {
            p->has_orders = true;
            p->order_revenue = query_int(a, 0);
            p->order_units = query_int(a, 1);
            p->orders = query_int(a, 2);
        }
        query_end(a);
        if (rc < 0) {
            return -1;
        }
        if (covered == p->days) {
            p->revenue_difference = p->order_revenue - p->is.sales;
            p->units_difference = p->order_units - p->is.units;
        }
    }
    return 0;
}

int analyse_trend(struct analysis *a) {
    struct report *r = a->report;
    struct orders *o = &r->orders;
    if (analyse_cover(a) < 0 || (o->days <= DAYS_MAX && make_series(a, BY_DAY, &o->by_day) < 0) ||
        (o->days <= DAYS_MAX && make_series(a, BY_WEEK, &o->by_week) < 0) ||
        make_series(a, BY_MONTH, &o->by_month) < 0 || read_days(a, o) < 0) {
        return -1;
    }
    add_growth(&o->by_day);
    add_growth(&o->by_week);
    add_growth(&o->by_month);
    add_weekdays(r, o);
    return r->has_business ? read_beside(a, &r->business) : 0;
}
