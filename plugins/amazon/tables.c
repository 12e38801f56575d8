#include <string.h>

#include "format.h"
#include "tables.h"
#include "tables_build.h"

// ---- making a table ----

// A new table with room for `rows`; NULL when there is none.
struct table *tables_begin(struct tables *t, const char *id, const char *title, const char *intro,
                           const struct table_column *head, size_t columns, size_t rows) {
    if (t->count == TABLES_MAX || rows == 0) {
        return NULL;
    }
    struct table *table = &t->list[t->count];
    *table = (struct table){id, title, intro, head, columns, 0, NULL, ""};
    table->cells = pool_array(&t->pool, rows * columns, sizeof *table->cells);
    if (table->cells == NULL) {
        return NULL;
    }
    t->count++;
    return table;
}

void tables_row(struct tables *t, struct table *table, const char *const *cells) {
    for (size_t i = 0; i < table->columns; i++) {
        table->cells[table->rows * table->columns + i] =
            pool_text(&t->pool, cells[i], strlen(cells[i]));
    }
    table->rows++;
}
static const char *share_of_abc(char abc, char out[2]) {
    out[0] = abc;
    out[1] = '\0';
    return out;
}

// ---- periods ----

static void periods(struct tables *t, const struct report *r) {
    static const struct table_column head[] = {
        {"Period", false},    {"Sales", true},       {"Change", true},   {"A day", true},
        {"Units", true},      {"Order items", true}, {"Sessions", true}, {"Change", true},
        {"Conversion", true}, {"Change", true},      {"Buy Box", true},  {"B2B", true}};
    const struct business *b = &r->business;
    struct table *table =
        tables_begin(t, "periods", "Periods",
                     "Each against the one before; per day where they differ in length.", head,
                     COUNT(head), b->period_count);
    for (size_t i = 0; table != NULL && i < b->period_count; i++) {
        const struct report_period *p = &b->periods[i];
        ROW(t, table, p->label, format_money(r, p->is.sales).text,
            format_change(p->growth.sales_ppm).text, format_money(r, p->sales_per_day).text,
            format_count(p->is.units).text, format_count(p->is.items).text,
            format_count(p->is.sessions).text, format_change(p->growth.sessions_ppm).text,
            format_percent(p->is.conversion_ppm).text,
            format_points(p->growth.conversion_points_ppm).text,
            format_percent(p->is.buy_box_ppm).text, format_percent(p->is.sales_b2b_ppm).text);
    }
}

static void beside(struct tables *t, const struct report *r) {
    static const struct table_column head[] = {
        {"Period", false},    {"Sales, business report", true}, {"Revenue, orders", true},
        {"Difference", true}, {"Units, business report", true}, {"Units, orders", true},
        {"Difference", true}};
    const struct business *b = &r->business;
    size_t rows = 0;
    for (size_t i = 0; i < b->period_count; i++) {
        rows += b->periods[i].has_orders;
    }
    struct table *table = tables_begin(
        t, "beside", "Business reports beside orders",
        "The same sales seen from two sides. Pending and cancelled orders, time zones and "
        "periods that the orders do not cover make them differ.",
        head, COUNT(head), rows);
    for (size_t i = 0; table != NULL && i < b->period_count; i++) {
        const struct report_period *p = &b->periods[i];
        if (p->has_orders) {
            ROW(t, table, p->label, format_money(r, p->is.sales).text,
                format_money(r, p->order_revenue).text, format_money(r, p->revenue_difference).text,
                format_count(p->is.units).text, format_count(p->order_units).text,
                format_count(p->units_difference).text);
        }
    }
}

// ---- rankings of business reports ----

static const char *rest_of(struct tables *t, const struct report *r, const struct ranking *k) {
    return k->rest == 0
               ? ""
               : pool_printf(&t->pool, "And %s more with %s in sales and %s.",
                             format_count(k->rest).text, format_money(r, k->rest_sales).text,
                             format_many(k->rest_units, "unit").text);
}

static void asins(struct tables *t, const struct report *r) {
    static const struct table_column head[] = {
        {"#", true},          {"ASIN", false},   {"Product", false}, {"Class", false},
        {"Sales", true},      {"Share", true},   {"Units", true},    {"Sessions", true},
        {"Conversion", true}, {"Buy Box", true}, {"B2B", true},      {"Change", true}};
    const struct ranking *k = &r->business.asins;
    struct table *table =
        tables_begin(t, "asins", "Products by sales",
                     "All periods together; change is the last period against the one "
                     "before (per day where they differ in length). Classes: A reaches the first "
                     "part of all sales, B the "
                     "next, C the rest.",
                     head, COUNT(head), k->count);
    for (size_t i = 0; table != NULL && i < k->count; i++) {
        const struct product *p = &k->rows[i];
        char abc[2];
        ROW(t, table, format_count(p->rank).text, p->key, p->title, share_of_abc(p->abc, abc),
            format_money(r, p->is.sales).text, format_percent(p->share_ppm).text,
            format_count(p->is.units).text, format_count(p->is.sessions).text,
            format_percent(p->is.conversion_ppm).text, format_percent(p->is.buy_box_ppm).text,
            format_percent(p->is.sales_b2b_ppm).text, format_change(p->growth_ppm).text);
    }
    if (table != NULL) {
        table->foot = rest_of(t, r, k);
    }
}

static void parents(struct tables *t, const struct report *r) {
    static const struct table_column head[] = {
        {"#", true},        {"Parent", false},  {"A product of it", false},
        {"Children", true}, {"Sales", true},    {"Share", true},
        {"Units", true},    {"Sessions", true}, {"Conversion", true}};
    const struct ranking *k = &r->business.parents;
    struct table *table =
        tables_begin(t, "parents", "Parents by sales", "", head, COUNT(head), k->count);
    for (size_t i = 0; table != NULL && i < k->count; i++) {
        const struct product *p = &k->rows[i];
        ROW(t, table, format_count(p->rank).text, p->key, p->title, format_count(p->children).text,
            format_money(r, p->is.sales).text, format_percent(p->share_ppm).text,
            format_count(p->is.units).text, format_count(p->is.sessions).text,
            format_percent(p->is.conversion_ppm).text);
    }
    if (table != NULL) {
        table->foot = rest_of(t, r, k);
    }
}

static void skus(struct tables *t, const struct report *r) {
    static const struct table_column head[] = {{"#", true},        {"SKU", false},  {"ASIN", false},
                                               {"Product", false}, {"Sales", true}, {"Share", true},
                                               {"Units", true},    {"Change", true}};
    const struct ranking *k = &r->business.skus;
    struct table *table = tables_begin(t, "skus", "SKUs by sales",
                                       "Of the reports that tell SKUs; sessions belong to ASINs.",
                                       head, COUNT(head), k->count);
    for (size_t i = 0; table != NULL && i < k->count; i++) {
        const struct product *p = &k->rows[i];
        ROW(t, table, format_count(p->rank).text, p->key, p->asin, p->title,
            format_money(r, p->is.sales).text, format_percent(p->share_ppm).text,
            format_count(p->is.units).text, format_change(p->growth_ppm).text);
    }
    if (table != NULL) {
        table->foot = rest_of(t, r, k);
    }
}

static void leaks(struct tables *t, const struct report *r) {
    static const struct table_column head[] = {
        {"ASIN", false}, {"Product", false},     {"Sessions", true},    {"Conversion", true},
        {"Units", true}, {"Units missed", true}, {"Sales missed", true}};
    const struct ranking *k = &r->business.leaks;
    struct table *table =
        tables_begin(t, "leaks", "High traffic, low conversion",
                     "Last period, products that missed a unit at least. Missed is what the "
                     "average conversion would have brought more: look at "
                     "price, pictures, reviews and stock first.",
                     head, COUNT(head), k->count);
    for (size_t i = 0; table != NULL && i < k->count; i++) {
        const struct product *p = &k->rows[i];
        ROW(t, table, p->key, p->title, format_count(p->is.sessions).text,
            format_percent(p->is.conversion_ppm).text, format_count(p->is.units).text,
            format_count(p->missed_units).text, format_money(r, p->missed_sales).text);
    }
    if (table != NULL && k->rest > 0) {
        table->foot = pool_printf(&t->pool, "And %s more.", format_count(k->rest).text);
    }
}

static void lost_box(struct tables *t, const struct report *r) {
    static const struct table_column head[] = {{"ASIN", false},      {"Product", false},
                                               {"Buy Box", true},    {"Page views", true},
                                               {"Without it", true}, {"Sales", true}};
    const struct ranking *k = &r->business.lost_box;
    struct table *table =
        tables_begin(t, "lost-box", "Lost Buy Box",
                     "Last period, products with traffic: another offer had the Featured Offer, or "
                     "nothing was in stock.",
                     head, COUNT(head), k->count);
    for (size_t i = 0; table != NULL && i < k->count; i++) {
        const struct product *p = &k->rows[i];
        ROW(t, table, p->key, p->title, format_percent(p->is.buy_box_ppm).text,
            format_count(p->is.page_views).text, format_count(p->lost_views).text,
            format_money(r, p->is.sales).text);
    }
    if (table != NULL && k->rest > 0) {
        table->foot = pool_printf(&t->pool, "And %s more.", format_count(k->rest).text);
    }
}

static void no_orders(struct tables *t, const struct report *r) {
    static const struct table_column head[] = {{"ASIN", false},
                                               {"Product", false},
                                               {"Sessions", true},
                                               {"Page views", true},
                                               {"Buy Box", true}};
    const struct ranking *k = &r->business.no_orders;
    struct table *table =
        tables_begin(t, "no-orders", "Products that sold nothing",
                     "All periods together, most visited first.", head, COUNT(head), k->count);
    for (size_t i = 0; table != NULL && i < k->count; i++) {
        const struct product *p = &k->rows[i];
        ROW(t, table, p->key, p->title, format_count(p->is.sessions).text,
            format_count(p->is.page_views).text, format_percent(p->is.buy_box_ppm).text);
    }
    if (table != NULL && k->rest > 0) {
        table->foot = pool_printf(&t->pool, "And %s more with %s.", format_count(k->rest).text,
                                  format_many(k->rest_sessions, "session").text);
    }
}

static void movers(struct tables *t, const struct report *r) {
    static const struct table_column head[] = {{"ASIN", false},      {"Product", false},
                                               {"Before", true},     {"Last", true},
                                               {"Difference", true}, {"Change", true}};
    const struct ranking *both[] = {&r->business.risers, &r->business.fallers};
    bool by_day = r->business.periods[r->business.period_count - 1].growth.by_day;
    struct table *table = tables_begin(
        t, "movers", "Gains and losses",
        by_day ? "Sales a day in the last period against the one before, which differ in length: "
                 "the five largest of each."
               : "Last period against the one before: the five largest of each.",
        head, COUNT(head), both[0]->count + both[1]->count);
    for (size_t k = 0; table != NULL && k < 2; k++) {
        for (size_t i = 0; i < both[k]->count; i++) {
            const struct product *p = &both[k]->rows[i];
            const struct compared c = report_compared(r, p);
            ROW(t, table, p->key, p->title, format_money(r, c.before).text,
                format_money(r, c.last).text, format_money(r, c.last - c.before).text,
                format_change(p->growth_ppm).text);
        }
    }
}

static void classes(struct tables *t, const struct report *r) {
    static const struct table_column head[] = {
        {"Class", false}, {"Products", true}, {"Sales", true}, {"Share", true}, {"Units", true}};
    static const char *const names[] = {"A", "B", "C"};
    const struct abc_class *abc = r->has_business ? r->business.abc : r->orders.abc;
    const struct concentration *c =
        r->has_business ? &r->business.concentration : &r->orders.concentration;
    struct table *table = tables_begin(t, "abc", "Classes", "", head, COUNT(head), 3);
    for (int i = 0; table != NULL && i < 3; i++) {
        ROW(t, table, names[i], format_count(abc[i].products).text,
            format_money(r, abc[i].sales).text, format_percent(abc[i].share_ppm).text,
            format_count(abc[i].units).text);
    }
    if (table != NULL && c->top1_ppm != NUMBER_NONE) {
        table->foot =
            pool_printf(&t->pool,
                        "Concentration: the first product has %s of all sales, the first "
                        "five %s, the first ten %s; Herfindahl index %s of 10,000.",
                        format_percent(c->top1_ppm).text, format_percent(c->top5_ppm).text,
                        format_percent(c->top10_ppm).text, format_count(c->hhi).text);
    }
}

static void quadrants(struct tables *t, const struct report *r) {
    static const struct table_column head[] = {{"Quadrant", false},
                                               {"Products", true},
                                               {"Sessions", true},
                                               {"Units", true},
                                               {"Sales", true}};
    static const char *const names[] = {
        "High traffic, high conversion", "High traffic, low conversion",
        "Low traffic, high conversion", "Low traffic, low conversion"};
    const struct quadrants *q = &r->business.quadrants;
    struct table *table = tables_begin(t, "quadrants", "Traffic and conversion", "", head,
                                       COUNT(head), q->point_count == 0 ? 0 : QUADRANTS);
    for (int i = 0; table != NULL && i < QUADRANTS; i++) {
        ROW(t, table, names[i], format_count(q->sums[i].products).text,
            format_count(q->sums[i].sessions).text, format_count(q->sums[i].units).text,
            format_money(r, q->sums[i].sales).text);
    }
    if (table != NULL) {
        table->foot = pool_printf(&t->pool,
                                  "Last period. High traffic: %s sessions and more (the median "
                                  "product); high conversion: %s and more (the average).",
                                  format_count(q->sessions_from).text,
                                  format_percent(q->conversion_ppm).text);
    }
}

// ---- all of them ----

bool tables_build(const struct report *r, struct tables *t) {
    memset(t, 0, sizeof *t);
    if (r->has_business) {
        periods(t, r);
        movers(t, r);
        leaks(t, r);
        lost_box(t, r);
        no_orders(t, r);
        quadrants(t, r);
        asins(t, r);
        parents(t, r);
        skus(t, r);
    }
    if (r->has_orders) {
        tables_orders(t, r);
    }
    classes(t, r);
    if (r->has_business && r->has_orders) {
        beside(t, r);
    }
    return !t->pool.failed;
}

void tables_free(struct tables *t) {
    pool_free(&t->pool);
}

const struct table *tables_find(const struct tables *t, const char *id) {
    for (size_t i = 0; i < t->count; i++) {
        if (strcmp(t->list[i].id, id) == 0) {
            return &t->list[i];
        }
    }
    return NULL;
}
