// The tables of order reports, and the figures at the top.
#include <string.h>

#include "civil.h"
#include "format.h"
#include "tables_build.h"

static void months(struct tables *t, const struct report *r) {
    static const struct table_column head[] = {{"Month", false}, {"Revenue", true},
                                               {"Change", true}, {"Orders", true},
                                               {"Units", true},  {"Average order", true}};
    const struct series *s = &r->orders.by_month;
    size_t known = 0;
    for (size_t i = 0; i < s->count; i++) {
        known += s->rows[i].revenue != NUMBER_NONE;
    }
    struct table *table =
        tables_begin(t, "months", "Orders by month",
                     "* not the whole month is in the data, so it is not compared. Months of "
                     "which no day is are left out.",
                     head, COUNT(head), known);
    for (size_t i = 0; table != NULL && i < s->count; i++) {
        const struct bucket *b = &s->rows[i];
        int year, month, day;
        char label[48];
        if (b->revenue == NUMBER_NONE) {
            continue;
        }
        civil_split(b->from, &year, &month, &day);
        (void)snprintf(label, sizeof label, "%s %d%s", civil_month_name(month), year,
                       b->partial ? " *" : "");
        ROW(t, table, label, format_money(r, b->revenue).text, format_change(b->growth_ppm).text,
            format_count(b->orders).text, format_count(b->units).text,
            format_money(r, number_ratio(b->revenue, b->orders, 1)).text);
    }
}

static void weekdays(struct tables *t, const struct report *r) {
    static const struct table_column head[] = {{"Weekday", false},      {"Days", true},
                                               {"Revenue a day", true}, {"Against the mean", true},
                                               {"Orders", true},        {"Units", true}};
    const struct orders *o = &r->orders;
    struct table *table =
        tables_begin(t, "weekdays", "Weekdays", "", head, COUNT(head), o->has_weekdays ? 7 : 0);
    for (int i = 0; table != NULL && i < 7; i++) {
        const struct weekday *w = &o->weekdays[i];
        int64_t against = w->index_ppm == NUMBER_NONE ? NUMBER_NONE : w->index_ppm - 1000000;
        ROW(t, table, civil_weekday_name(i), format_count(w->days).text,
            format_money(r, w->mean_revenue).text, format_change(against).text,
            format_count(w->orders).text, format_count(w->units).text);
    }
}

static void totals(struct tables *t, const struct report *r) {
    static const struct table_column head[] = {{"Orders", false}, {"", true}};
    const struct orders *o = &r->orders;
    const struct order_sums *s = &o->all;
    struct table *table = tables_begin(t, "orders", "Orders in figures", "", head, COUNT(head), 13);
    if (table == NULL) {
        return;
    }
    ROW(t, table, "Revenue", format_money(r, s->revenue).text);
    ROW(t, table, "Of it returned or rejected", format_money(r, o->returned.revenue).text);
    ROW(t, table, "Orders", format_count(s->orders).text);
    ROW(t, table, "Average order value", format_money(r, s->average_order).text);
    ROW(t, table, "Units", format_count(s->units).text);
    ROW(t, table, "Units an order", format_decimal(s->units_per_order_ppm).text);
    ROW(t, table, "Average price", format_money(r, s->price).text);
    ROW(t, table, "Promotion discounts", format_money(r, s->discount).text);
    ROW(t, table, "Lines with a promotion", format_percent(s->promoted_lines_ppm).text);
    ROW(t, table, "Revenue from businesses", format_percent(s->revenue_b2b_ppm).text);
    ROW(t, table, "Cancelled lines", format_percent(o->cancelled_lines_ppm).text);
    ROW(t, table, "Orders with a cancelled line", format_percent(o->cancelled_orders_ppm).text);
    ROW(t, table, "Pending lines without a price", format_count(o->pending.lines).text);
}

static void sold(struct tables *t, const struct report *r, const char *id, const char *title,
                 const struct sold_ranking *k) {
    static const struct table_column head[] = {
        {"#", true},     {"Key", false},  {"Product", false}, {"Revenue", true},
        {"Share", true}, {"Units", true}, {"Lines", true},    {"Cancelled", true}};
    struct table *table = tables_begin(t, id, title, "", head, COUNT(head), k->count);
    for (size_t i = 0; table != NULL && i < k->count; i++) {
        const struct sold_item *s = &k->rows[i];
        ROW(t, table, format_count(s->rank).text, s->key, s->title,
            format_money(r, s->revenue).text, format_percent(s->share_ppm).text,
            format_count(s->units).text, format_count(s->lines).text,
            format_count(s->cancelled_lines).text);
    }
    if (table != NULL && k->rest > 0) {
        table->foot = pool_printf(&t->pool, "And %s more with %s and %s.",
                                  format_count(k->rest).text, format_money(r, k->rest_revenue).text,
                                  format_many(k->rest_units, "unit").text);
    }
}

void tables_orders(struct tables *t, const struct report *r) {
    totals(t, r);
    months(t, r);
    weekdays(t, r);
    sold(t, r, "order-asins", "Orders by ASIN", &r->orders.asins);
    sold(t, r, "order-skus", "Orders by SKU", &r->orders.skus);
    sold(t, r, "cancelled", "Most cancelled", &r->orders.cancelled_asins);
}

// ---- the figures at the top ----

static int direction(int64_t change) {
    return change == NUMBER_NONE || change == 0 ? 0 : change > 0 ? 1 : -1;
}

// A total of all periods; below it how the last one compares with the one before: `versus`.
static struct card with_change(struct pool *pool, const char *label, const char *value,
                               int64_t change, struct formatted shown, const char *versus,
                               const char *unit) {
    return (struct card){
        label, pool_text(pool, value, strlen(value)),
        change == NUMBER_NONE ? "" : pool_printf(pool, "%s%s, %s", shown.text, unit, versus),
        direction(change)};
}

static size_t business_cards(const struct report *r, struct pool *pool, struct card *to) {
    const struct business *b = &r->business;
    const struct report_period *last = &b->periods[b->period_count - 1];
    const struct growth *g = &last->growth;
    const char *a_day = g->by_day ? " a day" : "";
    const char *of =
        b->period_count < 2 ? "" : pool_printf(pool, "%s vs %s", last->label, last[-1].label);
    size_t n = 0;
    to[n++] = with_change(pool, "Sales", format_money(r, b->all.sales).text, g->sales_ppm,
                          format_change(g->sales_ppm), of, a_day);
    to[n++] = with_change(pool, "Units", format_count(b->all.units).text, g->units_ppm,
                          format_change(g->units_ppm), of, a_day);
    to[n++] = with_change(pool, "Sessions", format_count(b->all.sessions).text, g->sessions_ppm,
                          format_change(g->sessions_ppm), of, a_day);
    to[n++] =
        with_change(pool, "Conversion", format_percent(b->all.conversion_ppm).text,
                    g->conversion_points_ppm, format_points(g->conversion_points_ppm), of, "");
    to[n++] = with_change(pool, "Buy Box", format_percent(b->all.buy_box_ppm).text,
                          g->buy_box_points_ppm, format_points(g->buy_box_points_ppm), of, "");
    if (b->all.sales_b2b_ppm != NUMBER_NONE) {
        to[n++] = (struct card){"B2B share",
                                pool_printf(pool, "%s", format_percent(b->all.sales_b2b_ppm).text),
                                "of sales", 0};
    }
    return n;
}

static size_t order_cards(const struct report *r, struct pool *pool, struct card *to) {
    const struct orders *o = &r->orders;
    size_t n = 0;
    if (!r->has_business) {
        to[n++] =
            (struct card){"Revenue", pool_printf(pool, "%s", format_money(r, o->all.revenue).text),
                          "of orders", 0};
        to[n++] =
            (struct card){"Units", pool_printf(pool, "%s", format_count(o->all.units).text), "", 0};
    }
    to[n++] = (struct card){
        "Orders", pool_printf(pool, "%s", format_count(o->all.orders).text),
        pool_printf(pool, "%s units each", format_decimal(o->all.units_per_order_ppm).text), 0};
    to[n++] =
        (struct card){"Average order",
                      pool_printf(pool, "%s", format_money(r, o->all.average_order).text), "", 0};
    if (!r->has_business) {
        to[n++] = (struct card){
            "B2B share", pool_printf(pool, "%s", format_percent(o->all.revenue_b2b_ppm).text),
            "of revenue", 0};
        to[n++] = (struct card){
            "Cancelled", pool_printf(pool, "%s", format_percent(o->cancelled_lines_ppm).text),
            "of lines", 0};
        to[n++] = (struct card){
            "Promotions", pool_printf(pool, "%s", format_percent(o->all.promoted_lines_ppm).text),
            "of lines", 0};
    }
    return n;
}

size_t tables_cards(const struct report *r, struct pool *pool, struct card cards[CARDS_MAX]) {
    size_t n = r->has_business ? business_cards(r, pool, cards) : 0;
    return r->has_orders ? n + order_cards(r, pool, cards + n) : n;
}

const char *tables_scope(const struct report *r, struct pool *pool) {
    bool dated = r->has_orders;
    int32_t from = r->orders.first_day, to = r->orders.last_day;
    const struct business *b = &r->business;
    for (size_t i = 0; r->has_business && i < b->period_count; i++) {
        const struct report_period *p = &b->periods[i];
        if (p->dated) {
            from = !dated || p->from < from ? p->from : from;
            to = !dated || p->to > to ? p->to : to;
            dated = true;
        }
    }
    const char *span =
        dated ? pool_printf(pool, ", %s to %s", format_day(from).text, format_day(to).text)
              : ", undated";
    return pool_printf(pool, "%s%s%s", r->market == NULL ? "All marketplaces" : r->market->channel,
                       r->currency[0] == '\0' ? "" : pool_printf(pool, ", %s", r->currency), span);
}
