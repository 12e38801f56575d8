// Order reports: sums, what is left out, rankings, ABC.
#include "analyse.h"
#include "analyse_orders_sql.h"

enum { MILLION = 1000000, CANCELLED_TOP = 10 };

// ---- sums ----

// A figure that only some lines tell: `lines` of them, with the revenue and units that shares are of.
struct told_sums {
    int64_t lines, revenue, units;
};

static void note_told(struct orders *o, const char *name, const struct told_sums *told) {
    o->told.rows[o->told.count++] = (struct partly){name, o->all.lines, told->lines};
}

static void share(struct orders *o, const struct told_sums *discount,
                  const struct told_sums *promoted, const struct told_sums *business) {
    struct order_sums *s = &o->all;
    s->discount_ppm = number_ratio(s->discount, discount->revenue, MILLION);
    s->promoted_lines_ppm = number_ratio(s->promoted_lines, promoted->lines, MILLION);
    s->revenue_b2b_ppm = number_ratio(s->revenue_b2b, business->revenue, MILLION);
    s->units_b2b_ppm = number_ratio(s->units_b2b, business->units, MILLION);
    note_told(o, "promotion discounts", discount);
    note_told(o, "promotions", promoted);
    note_told(o, "purchases by businesses", business);
}

static int read_sums(struct analysis *a, struct orders *o) {
    struct order_sums *s = &o->all;
    struct returned *back = &o->returned;
    struct told_sums discount = {0}, promoted = {0}, business = {0};
    const struct {
        const char *sum;
        int64_t *to;
        bool always; // of all lines: of none it is 0
    } sums[] = {
        {"lines", &s->lines, true},
        {"units", &s->units, true},
        {"revenue", &s->revenue, true},
        {"returned", &back->lines, true},
        {"units_returned", &back->units, true},
        {"revenue_returned", &back->revenue, true},
        {"discount", &s->discount, false},
        {"discount_told", &discount.lines, true},
        {"discount_of", &discount.revenue, false},
        {"promoted", &s->promoted_lines, false},
        {"promoted_told", &promoted.lines, true},
        {"told", &business.lines, true},
        {"revenue_told", &business.revenue, false},
        {"units_told", &business.units, false},
        {"revenue_b2b", &s->revenue_b2b, false},
        {"units_b2b", &s->units_b2b, false},
    };
    char sql[640] = "";
    size_t used = 0, count = sizeof sums / sizeof sums[0];
    for (size_t i = 0; i < count; i++) {
        used += (size_t)snprintf(sql + used, sizeof sql - used, "%s sum(%s)",
                                 i == 0 ? "SELECT" : ",", sums[i].sum);
    }
    (void)snprintf(sql + used, sizeof sql - used, " FROM item_sum WHERE state = 0");
    int rc = query_begin(a, sql, NULL, 0);
    if (rc == 0 && (rc = query_next(a)) > 0) {
        for (size_t i = 0; i < count; i++) {
            int64_t sum = query_int(a, (int)i);
            *sums[i].to = sum == NUMBER_NONE && sums[i].always ? 0 : sum;
        }
        rc = 0;
    }
    query_end(a);
    s->orders_b2b = s->revenue_b2b == NUMBER_NONE ? NUMBER_NONE : 0;
    share(o, &discount, &promoted, &business);
    return rc;
}

static int read_orders(struct analysis *a, struct orders *o) {
    int64_t b2b = 0;
    int rc = query_begin(a,
                         "SELECT count(*), sum(sold), sum(cancelled), sum(pending), sum(unpriced), "
                         "coalesce(sum(b2b), 0) FROM ord",
                         NULL, 0);
    if (rc == 0 && (rc = query_next(a)) > 0) {
        o->all_orders = query_int(a, 0);
        o->all.orders = query_int(a, 1);
        o->cancelled.orders = query_int(a, 2);
        o->pending.orders = query_int(a, 3);
        o->unpriced.orders = query_int(a, 4);
        b2b = query_int(a, 5);
        rc = 0;
    }
    query_end(a);
    o->all.orders_b2b = o->all.orders_b2b == NUMBER_NONE ? NUMBER_NONE : b2b;
    return rc;
}

static int read_left_out(struct analysis *a, struct orders *o) {
    struct left_out *const to[] = {NULL, &o->cancelled, &o->pending, &o->unpriced};
    int rc = query_begin(
        a, "SELECT state, sum(lines), sum(units) FROM item_sum WHERE state > 0 GROUP BY state",
        NULL, 0);
    while (rc == 0 && (rc = query_next(a)) > 0) {
        struct left_out *l = to[query_int(a, 0)];
        rc = 0;
        l->lines = query_int(a, 1);
        l->units = query_int(a, 2);
    }
    query_end(a);
    return rc;
}

// SKUs whose lines do not tell their ASIN, by what the files say of it.
static int read_lacking(struct analysis *a, int64_t asin_by, struct lacking *ret) {
    int rc =
        query_begin(a,
                    "WITH lacking AS (SELECT sku, sum(lines) AS lines FROM item_sum "
                    "JOIN sold_item ON id = item WHERE asin_by = ?1 GROUP BY sku) "
                    "SELECT count(*), coalesce(sum(lines), 0), (SELECT group_concat(sku, ', ') "
                    "FROM (SELECT sku FROM lacking ORDER BY sku LIMIT ?2)) FROM lacking",
                    (const int64_t[]){asin_by, LACKING_NAMED}, 2);
    if (rc == 0 && (rc = query_next(a)) > 0) {
        *ret = (struct lacking){query_int(a, 0), query_int(a, 1), query_text(a, 2)};
        rc = 0;
    }
    query_end(a);
    return rc;
}

static void derive(struct orders *o) {
    struct order_sums *s = &o->all;
    int64_t lines = s->lines + o->cancelled.lines + o->pending.lines + o->unpriced.lines;
    s->average_order = number_ratio(s->revenue, s->orders, 1);
    s->price = number_ratio(s->revenue, s->units, 1);
    s->units_per_order_ppm = number_ratio(s->units, s->orders, MILLION);
    o->cancelled_lines_ppm = number_ratio(o->cancelled.lines, lines, MILLION);
    o->cancelled_orders_ppm = number_ratio(o->cancelled.orders, o->all_orders, MILLION);
}

// ---- rankings ----

static void read_item(struct analysis *a, struct sold_item *i) {
    int64_t total = a->report->orders.all.revenue, cumulative = query_int(a, 1);
    i->rank = query_int(a, 0);
    i->key = query_text(a, 2);
    i->asin = query_text(a, 3);
    i->title = query_text(a, 4);
    i->revenue = query_int(a, 5);
    i->units = query_int(a, 6);
    i->lines = query_int(a, 7);
    i->cancelled_lines = query_int(a, 8);
    i->share_ppm = number_ratio(i->revenue, total, MILLION);
    i->cumulative_ppm = number_ratio(cumulative, total, MILLION);
    i->abc = analyse_class(a, cumulative - i->revenue, i->revenue, total);
}

static int read_ranking(struct analysis *a, const char *from, const char *order, int64_t limit,
                        struct sold_ranking *ret) {
    char sql[256];
    (void)snprintf(sql, sizeof sql, "SELECT count(*), sum(sales), sum(units) FROM %s", from);
    int rc = query_begin(a, sql, NULL, 0);
    if (rc == 0 && (rc = query_next(a)) > 0) {
        ret->total = query_int(a, 0);
        ret->rest_revenue = ret->total == 0 ? 0 : query_int(a, 1);
        ret->rest_units = ret->total == 0 ? 0 : query_int(a, 2);
        rc = 0;
    }
    query_end(a);
    size_t cap = 0;
    ret->rows = rc < 0 ? NULL : analyse_room(a, ret->total, limit, sizeof *ret->rows, &cap);
    if (ret->rows == NULL) {
        return -1;
    }
    (void)snprintf(sql, sizeof sql,
                   "SELECT rank, cumulative, key, asin, title, sales, units, lines, cancelled FROM "
                   "%s ORDER BY %s LIMIT ?1",
                   from, order);
    rc = query_begin(a, sql, &limit, 1);
    while (rc == 0 && ret->count < cap && (rc = query_next(a)) > 0) {
        struct sold_item *i = &ret->rows[ret->count++];
        rc = 0;
        read_item(a, i);
        ret->rest_revenue -= i->revenue;
        ret->rest_units -= i->units;
    }
    query_end(a);
    ret->rest = ret->total - (int64_t)ret->count;
    return rc;
}

int analyse_orders(struct analysis *a) {
    struct orders *o = &a->report->orders;
    int64_t top = a->report->limits.top;
    if (query_run(a, analyse_orders_sql) < 0 || read_sums(a, o) < 0 || read_orders(a, o) < 0 ||
        read_left_out(a, o) < 0 || read_lacking(a, 1, &o->by_sku) < 0 ||
        read_lacking(a, 2, &o->ambiguous) < 0 || read_lacking(a, 3, &o->unknown) < 0) {
        return -1;
    }
    derive(o);
    if (read_ranking(a, "sold_asin_rank", "rank", top, &o->asins) < 0 ||
        read_ranking(a, "sold_sku_rank", "rank", top, &o->skus) < 0 ||
        read_ranking(a, "sold_asin_rank WHERE cancelled > 0", "cancelled DESC, key", CANCELLED_TOP,
                     &o->cancelled_asins) < 0) {
        return -1;
    }
    return analyse_classes(a, "sold_asin_rank", o->all.revenue, o->abc, &o->concentration);
}
