// Business reports: totals, periods, rankings, ABC, lists.
#include <string.h>

#include "analyse.h"
#include "analyse_business_sql.h"

enum { MOVERS = 5, MILLION = 1000000 };

#define PRODUCT                                                                                    \
    "rank, cumulative, key, parent, asin, title, children, sales, units, items, sessions, "        \
    "page_views, sales_b2b, units_b2b, items_b2b, sessions_b2b, box_sum, box_weight, "             \
    "sales_before, sales_last, whole"
#define SUMS                                                                                       \
    "sum(sales), sum(units), sum(items), sum(sessions), sum(page_views), sum(sales_b2b), "         \
    "sum(units_b2b), sum(items_b2b), sum(sessions_b2b), sum(box_sum), sum(box_weight)"

// Eleven columns from `at` on: the sums of SUMS, or one product's.
static void read_traffic(const struct analysis *a, int at, struct traffic *t) {
    int64_t *const to[] = {&t->sales,     &t->units,      &t->items,
                           &t->sessions,  &t->page_views, &t->sales_b2b,
                           &t->units_b2b, &t->items_b2b,  &t->sessions_b2b};
    for (size_t i = 0; i < sizeof to / sizeof to[0]; i++) {
        *to[i] = query_int(a, at + (int)i);
    }
    analyse_derive(t, query_int(a, at + 9), query_int(a, at + 10));
}

// ---- rankings ----

static char abc_of(const struct report *r, int64_t before, int64_t sales) {
    int64_t share = number_ratio(before, r->business.all.sales, MILLION);
    if (share == NUMBER_NONE || sales <= 0) {
        return 'C';
    }
    return share < r->limits.abc_a_ppm ? 'A' : share < r->limits.abc_b_ppm ? 'B' : 'C';
}

static void read_product(struct analysis *a, struct product *p) {
    const int64_t total = a->report->business.all.sales;
    int64_t cumulative = query_int(a, 1), whole = query_int(a, 20);
    p->rank = query_int(a, 0);
    p->key = query_text(a, 2);
    p->parent = query_text(a, 3);
    p->asin = query_text(a, 4);
    p->title = query_text(a, 5);
    p->children = query_int(a, 6);
    read_traffic(a, 7, &p->is);
    p->is.products = p->children;
    p->sales_before = query_int(a, 18);
    p->sales_last = query_int(a, 19);
    p->growth_ppm = a->report->business.period_count > 1
                        ? number_growth(p->sales_last, p->sales_before)
                        : NUMBER_NONE;
    p->share_ppm = number_ratio(whole, total, MILLION);
    p->cumulative_ppm = number_ratio(cumulative, total, MILLION);
    p->abc = abc_of(a->report, cumulative - whole, whole);
    p->missed_units = p->missed_sales = p->lost_views = NUMBER_NONE;
}

// The first `limit` rows of `from` (a table, perhaps with WHERE) in `order`, the rest as sums.
// `extra` is one more column, or "NULL".
static int read_ranking(struct analysis *a, const char *from, const char *order, const char *extra,
                        int64_t limit, struct ranking *ret) {
    char sql[1024];
    int64_t all[3] = {0};
    (void)snprintf(sql, sizeof sql,
                   "SELECT count(*), coalesce(sum(sales), 0), coalesce(sum(units), 0), "
                   "sum(sessions) FROM %s",
                   from);
    int rc = query_begin(a, sql, NULL, 0);
    if (rc == 0 && (rc = query_next(a)) > 0) {
        ret->total = query_int(a, 0);
        all[0] = query_int(a, 1);
        all[1] = query_int(a, 2);
        all[2] = ret->total == 0 ? 0 : query_int(a, 3);
        rc = 0;
    }
    query_end(a);
    size_t cap = (size_t)(ret->total < limit ? ret->total : limit);
    ret->rows = rc < 0 ? NULL : pool_array(&a->report->pool, cap + 1, sizeof *ret->rows);
    if (ret->rows == NULL) {
        return rc < 0 ? rc : trouble_no_memory(a->trouble);
    }
    (void)snprintf(sql, sizeof sql, "SELECT " PRODUCT ", %s FROM %s ORDER BY %s LIMIT ?1", extra,
                   from, order);
    rc = query_begin(a, sql, &limit, 1);
    while (rc == 0 && ret->count < cap && (rc = query_next(a)) > 0) {
        struct product *p = &ret->rows[ret->count++];
        read_product(a, p);
        p->missed_units = query_int(a, 21);
        all[0] -= p->is.sales;
        all[1] -= p->is.units;
        all[2] -= p->is.sessions == NUMBER_NONE || all[2] == NUMBER_NONE ? 0 : p->is.sessions;
        rc = 0;
    }
    query_end(a);
    ret->rest = ret->total - (int64_t)ret->count;
    ret->rest_sales = all[0];
    ret->rest_units = all[1];
    ret->rest_sessions = all[2];
    return rc;
}

static int read_lost_box(struct analysis *a, int64_t top, struct ranking *ret) {
    const struct thresholds *l = &a->report->limits;
    char from[256];
    (void)snprintf(
        from, sizeof from,
        "latest WHERE box_weight > 0 AND box_sum < %lld * box_weight AND sessions >= %lld",
        (long long)l->buy_box_ppm, (long long)l->min_sessions);
    int rc = read_ranking(a, from, "box_weight * 1000000 - box_sum DESC, key",
                          "box_weight * 1000000 - box_sum", top, ret);
    for (size_t i = 0; rc == 0 && i < ret->count; i++) {
        ret->rows[i].lost_views = number_ratio(ret->rows[i].missed_units, MILLION, 1);
        ret->rows[i].missed_units = NUMBER_NONE;
    }
    return rc;
}

static int read_leaks(struct analysis *a, int64_t top, struct ranking *ret) {
    int rc = read_ranking(a, "latest WHERE quadrant = 1", "missed DESC, sessions DESC, key",
                          "missed", top, ret);
    for (size_t i = 0; rc == 0 && i < ret->count; i++) {
        struct product *p = &ret->rows[i];
        p->missed_sales = number_ratio(p->missed_units, p->is.units, p->is.sales);
    }
    return rc;
}

static int read_movers(struct analysis *a, struct business *b) {
    const char *change = "sales_last - sales_before";
    char rise[96], fall[96];
    (void)snprintf(rise, sizeof rise, "%s DESC, key", change);
    (void)snprintf(fall, sizeof fall, "%s, key", change);
    if (b->period_count < 2) {
        return 0;
    }
    if (read_ranking(a, "asin_rank WHERE sales_last > sales_before", rise, "NULL", MOVERS,
                     &b->risers) < 0) {
        return -1;
    }
    return read_ranking(a, "asin_rank WHERE sales_last < sales_before", fall, "NULL", MOVERS,
                        &b->fallers);
}

static int read_rankings(struct analysis *a, struct business *b) {
    int64_t top = a->report->limits.top;
    if (read_ranking(a, "asin_rank", "rank", "NULL", top, &b->asins) < 0 ||
        read_ranking(a, "sku_rank", "rank", "NULL", top, &b->skus) < 0 ||
        read_ranking(a, "parent_rank", "rank", "NULL", top, &b->parents) < 0 ||
        read_ranking(a, "asin_rank WHERE units = 0", "sessions DESC, key", "NULL", top,
                     &b->no_orders) < 0) {
        return -1;
    }
    for (size_t i = 0; i < b->skus.count; i++) { // classes are those of ASINs
        b->skus.rows[i].abc = ' ';
    }
    for (size_t i = 0; i < b->parents.count; i++) {
        b->parents.rows[i].abc = ' ';
    }
    if (read_leaks(a, top, &b->leaks) < 0 || read_lost_box(a, top, &b->lost_box) < 0) {
        return -1;
    }
    return read_movers(a, b);
}

static int read_abc(struct analysis *a, struct business *b) {
    int rc =
        query_begin(a, "SELECT sales, units, cumulative FROM asin_rank ORDER BY rank", NULL, 0);
    while (rc == 0 && (rc = query_next(a)) > 0) {
        int64_t sales = query_int(a, 0);
        struct abc_class *c = &b->abc[abc_of(a->report, query_int(a, 2) - sales, sales) - 'A'];
        rc = 0;
        c->products++;
        c->sales += sales;
        c->units += query_int(a, 1);
        b->without_sales += sales == 0;
    }
    query_end(a);
    for (int i = 0; i < 3; i++) {
        b->abc[i].share_ppm = number_ratio(b->abc[i].sales, b->all.sales, MILLION);
    }
    return rc;
}

// ---- totals and periods ----

static int read_totals(struct analysis *a, struct business *b) {
    int rc = query_begin(a, "SELECT count(DISTINCT child), " SUMS " FROM asin_period", NULL, 0);
    if (rc == 0 && (rc = query_next(a)) > 0) {
        b->all.products = query_int(a, 0);
        read_traffic(a, 1, &b->all);
        rc = 0;
    }
    query_end(a);
    if (rc < 0 || query_one(a, "SELECT count(*) FROM entry WHERE sessions = 0 AND units > 0", NULL,
                            0, &b->units_without_sessions) < 0) {
        return -1;
    }
    return query_one(a, "SELECT count(*) FROM entry WHERE sessions > 0 AND units > sessions", NULL,
                     0, &b->over_100_percent);
}

static int64_t difference(int64_t now, int64_t then) {
    return now == NUMBER_NONE || then == NUMBER_NONE ? NUMBER_NONE : now - then;
}

static struct growth growth_of(const struct report_period *now, const struct report_period *then) {
    const int64_t none = NUMBER_NONE;
    if (then == NULL) {
        return (struct growth){none, none, none, none, none, none, none, none};
    }
    return (struct growth){
        .sales_ppm = number_growth(now->is.sales, then->is.sales),
        .units_ppm = number_growth(now->is.units, then->is.units),
        .items_ppm = number_growth(now->is.items, then->is.items),
        .sessions_ppm = number_growth(now->is.sessions, then->is.sessions),
        .page_views_ppm = number_growth(now->is.page_views, then->is.page_views),
        .conversion_points_ppm = difference(now->is.conversion_ppm, then->is.conversion_ppm),
        .buy_box_points_ppm = difference(now->is.buy_box_ppm, then->is.buy_box_ppm),
        .sales_per_day_ppm = number_growth(now->sales_per_day, then->sales_per_day),
    };
}

static const char *file_of(const struct analysis *a, size_t period) {
    const struct report *r = a->report;
    for (size_t i = 0; i < r->source_count; i++) {
        const struct source *s = &r->sources[i];
        if (s->kind == KIND_BUSINESS && !s->repeated && s->period == (int)period) {
            return s->file;
        }
    }
    return "";
}

static int read_periods(struct analysis *a, struct business *b) {
    b->periods = pool_array(&a->report->pool, b->period_count, sizeof *b->periods);
    if (b->periods == NULL) {
        return trouble_no_memory(a->trouble);
    }
    int rc = query_begin(
        a, "SELECT period, count(*), " SUMS " FROM asin_period GROUP BY period ORDER BY period",
        NULL, 0);
    while (rc == 0 && (rc = query_next(a)) > 0) {
        struct report_period *p = &b->periods[query_int(a, 0)];
        rc = 0;
        p->is.products = query_int(a, 1);
        read_traffic(a, 2, &p->is);
    }
    query_end(a);
    for (size_t i = 0; i < b->period_count; i++) {
        const struct period *from = &a->periods[i];
        struct report_period *p = &b->periods[i];
        p->label = pool_text(&a->report->pool, from->label, strlen(from->label));
        p->file = file_of(a, i);
        p->dated = from->dated;
        p->from = from->from;
        p->to = from->to;
        p->origin = from->origin;
        p->days = p->dated ? p->to - p->from + 1 : NUMBER_NONE;
        p->sales_per_day = number_ratio(p->is.sales, p->days, 1);
        p->growth = growth_of(p, i == 0 ? NULL : &b->periods[i - 1]);
        p->order_revenue = p->order_units = p->orders = NUMBER_NONE;
        p->revenue_difference = p->units_difference = NUMBER_NONE;
    }
    return rc;
}

int analyse_business(struct analysis *a) {
    struct business *b = &a->report->business;
    char span[96];
    (void)snprintf(span, sizeof span, "CREATE TABLE span AS SELECT %zu AS last",
                   b->period_count - 1);
    if (query_run(a, span) < 0 || query_run(a, analyse_business_sql) < 0 || read_totals(a, b) < 0 ||
        read_periods(a, b) < 0 || read_rankings(a, b) < 0 || read_abc(a, b) < 0) {
        return -1;
    }
    return analyse_concentration(a, "SELECT sales FROM asin_rank ORDER BY rank", b->all.sales,
                                 &b->concentration);
}
