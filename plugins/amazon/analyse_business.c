// Business reports: totals, periods, rankings, ABC, lists.
#include <string.h>

#include "analyse.h"
#include "analyse_business_sql.h"

enum { MOVERS = 5, MILLION = 1000000 };

#define PRODUCT                                                                                    \
    "rank, cumulative, base, key, parent, asin, title, children, whole, sales_before, "            \
    "sales_last, "
#define FIGURES                                                                                    \
    "sales, units, items, sessions, page_views, sales_b2b, units_b2b, items_b2b, sessions_b2b, "   \
    "box_sum, box_weight, items_sales, items_whole, items_sessions, b2b_of_sales, b2b_of_units"
#define SUMS                                                                                       \
    "sum(sales), sum(units), sum(items), sum(sessions), sum(page_views), sum(sales_b2b), "         \
    "sum(units_b2b), sum(items_b2b), sum(sessions_b2b), sum(box_sum), sum(box_weight), "           \
    "sum(items_sales), sum(items_whole), sum(items_sessions), sum(b2b_of_sales), "                 \
    "sum(b2b_of_units)"
enum { PRODUCT_FIGURES = 11, FIGURES_COUNT = 16, PRODUCT_EXTRA = PRODUCT_FIGURES + FIGURES_COUNT };

// The columns of FIGURES or SUMS, from `at` on.
static void read_traffic(const struct analysis *a, int at, struct traffic *t) {
    struct traffic_bases of;
    int64_t *const to[FIGURES_COUNT] = {
        &t->sales,        &t->units,          &t->items,        &t->sessions,
        &t->page_views,   &t->sales_b2b,      &t->units_b2b,    &t->items_b2b,
        &t->sessions_b2b, &of.box_sum,        &of.box_weight,   &of.items_sales,
        &of.items_whole,  &of.items_sessions, &of.b2b_of_sales, &of.b2b_of_units};
    for (int i = 0; i < FIGURES_COUNT; i++) {
        *to[i] = query_int(a, at + i);
    }
    analyse_derive(t, &of);
}

// ---- rankings ----

// Of figures per day where the weights are the days of the other period.
static int64_t growth_between(int64_t now, int64_t now_weight, int64_t then, int64_t then_weight) {
    if (now == NUMBER_NONE || then == NUMBER_NONE ||
        __builtin_mul_overflow(now, now_weight, &now) ||
        __builtin_mul_overflow(then, then_weight, &then)) {
        return NUMBER_NONE;
    }
    return number_growth(now, then);
}

static void read_product(struct analysis *a, struct product *p) {
    const struct business *b = &a->report->business;
    int64_t cumulative = query_int(a, 1), base = query_int(a, 2), whole = query_int(a, 8);
    p->rank = query_int(a, 0);
    p->key = query_text(a, 3);
    p->parent = query_text(a, 4);
    p->asin = query_text(a, 5);
    p->title = query_text(a, 6);
    p->children = query_int(a, 7);
    read_traffic(a, PRODUCT_FIGURES, &p->is);
    p->is.products = p->children;
    p->sales_before = query_int(a, 9);
    p->sales_last = query_int(a, 10);
    p->growth_ppm = b->period_count > 1 ? growth_between(p->sales_last, b->weight_last,
                                                         p->sales_before, b->weight_before)
                                        : NUMBER_NONE;
    p->share_ppm = number_ratio(whole, base, MILLION);
    p->cumulative_ppm = number_ratio(cumulative, base, MILLION);
    p->abc = analyse_class(a, cumulative - whole, whole, b->all.sales);
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
    size_t cap = 0;
    ret->rows = rc < 0 ? NULL : analyse_room(a, ret->total, limit, sizeof *ret->rows, &cap);
    if (ret->rows == NULL) {
        return -1;
    }
    (void)snprintf(sql, sizeof sql, "SELECT " PRODUCT FIGURES ", %s FROM %s ORDER BY %s LIMIT ?1",
                   extra, from, order);
    rc = query_begin(a, sql, &limit, 1);
    while (rc == 0 && ret->count < cap && (rc = query_next(a)) > 0) {
        struct product *p = &ret->rows[ret->count++];
        read_product(a, p);
        p->missed_units = query_int(a, PRODUCT_EXTRA);
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
    int rc = read_ranking(a, "latest WHERE quadrant = 1 AND missed > 0",
                          "missed DESC, sessions DESC, key", "missed", top, ret);
    for (size_t i = 0; rc == 0 && i < ret->count; i++) {
        struct product *p = &ret->rows[i];
        p->missed_sales = number_ratio(p->missed_units, p->is.units, p->is.sales);
    }
    return rc;
}

static int read_movers(struct analysis *a, struct business *b) {
    char change[96], rise[128], fall[128], rose[128], fell[128];
    (void)snprintf(change, sizeof change, "sales_last * %lld - sales_before * %lld",
                   (long long)b->weight_last, (long long)b->weight_before);
    (void)snprintf(rise, sizeof rise, "%s DESC, key", change);
    (void)snprintf(fall, sizeof fall, "%s, key", change);
    (void)snprintf(rose, sizeof rose, "asin_rank WHERE %s > 0", change);
    (void)snprintf(fell, sizeof fell, "asin_rank WHERE %s < 0", change);
    if (b->period_count < 2) {
        return 0;
    }
    if (read_ranking(a, rose, rise, "NULL", MOVERS, &b->risers) < 0) {
        return -1;
    }
    return read_ranking(a, fell, fall, "NULL", MOVERS, &b->fallers);
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

// Figures that some rows tell and others do not: their sums and shares are of some rows alone.
static int read_told(struct analysis *a, struct business *b) {
    static const char *const names[PARTLY_MAX] = {
        "page views", "Buy Box percentages", "order items", "B2B sessions",
        "B2B units",  "B2B sales",           "B2B items",   "SKUs"};
    int rc = query_begin(a,
                         "SELECT count(*), count(page_views), count(buy_box), count(items), "
                         "count(sessions_b2b), count(units_b2b), count(sales_b2b), "
                         "count(items_b2b), sum(sku <> '') FROM traffic",
                         NULL, 0);
    if (rc == 0 && (rc = query_next(a)) > 0) {
        for (int i = 0; i < PARTLY_MAX; i++) {
            b->told.rows[b->told.count++] =
                (struct partly){names[i], query_int(a, 0), query_int(a, 1 + i)};
        }
        rc = 0;
    }
    query_end(a);
    return rc;
}

static int64_t difference(int64_t now, int64_t then) {
    return now == NUMBER_NONE || then == NUMBER_NONE ? NUMBER_NONE : now - then;
}

static struct growth growth_of(const struct report_period *now, const struct report_period *then,
                               bool by_day) {
    const int64_t none = NUMBER_NONE, n = by_day ? then->days : 1, t = by_day ? now->days : 1;
    if (then == NULL) {
        return (struct growth){false, none, none, none, none, none, none, none, none};
    }
    bool items = !now->items_partly && !then->items_partly;
    bool views = !now->page_views_partly && !then->page_views_partly;
    return (struct growth){
        .by_day = by_day,
        .sales_ppm = growth_between(now->is.sales, n, then->is.sales, t),
        .units_ppm = growth_between(now->is.units, n, then->is.units, t),
        .items_ppm = items ? growth_between(now->is.items, n, then->is.items, t) : none,
        .sessions_ppm = growth_between(now->is.sessions, n, then->is.sessions, t),
        .page_views_ppm =
            views ? growth_between(now->is.page_views, n, then->is.page_views, t) : none,
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
    rc = rc < 0 ? rc
                : query_begin(a,
                              "SELECT period, max(items_partly), max(page_views IS NULL) FROM "
                              "entry GROUP BY period",
                              NULL, 0);
    while (rc == 0 && (rc = query_next(a)) > 0) {
        struct report_period *p = &b->periods[query_int(a, 0)];
        rc = 0;
        p->items_partly = query_int(a, 1) != 0;
        p->page_views_partly = query_int(a, 2) != 0;
    }
    query_end(a);
    for (size_t i = 0; i < b->period_count; i++) {
        const struct period *from = &a->periods[i];
        struct report_period *p = &b->periods[i];
        p->label = pool_text(&a->report->pool, from->label, strlen(from->label));
        p->file = file_of(a, i);
        p->dated = from->dated;
        p->doubtful = from->doubtful;
        p->from = from->from;
        p->to = from->to;
        p->origin = from->origin;
        p->days = p->dated ? p->to - p->from + 1 : NUMBER_NONE;
        p->sales_per_day = number_ratio(p->is.sales, p->days, 1);
        bool by_day = i > 0 && !period_alike(from, from - 1);
        p->growth = growth_of(p, i == 0 ? NULL : &b->periods[i - 1], by_day);
        b->weight_last = by_day ? b->periods[i - 1].days : 1;
        b->weight_before = by_day ? p->days : 1;
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
        read_periods(a, b) < 0 || read_told(a, b) < 0 || read_rankings(a, b) < 0 ||
        query_one(a, "SELECT count(*) FROM asin_rank WHERE sales = 0", NULL, 0, &b->without_sales) <
            0) {
        return -1;
    }
    return analyse_classes(a, "asin_rank", b->all.sales, b->abc, &b->concentration);
}
