// report.json: every figure of the report under the names of its members.
#include <string.h>
#include <time.h>

#include "format.h"
#include "json_out.h"
#include "render.h"

static void put_day(struct json_out *j, const char *key, bool known, int32_t day) {
    json_text(j, key, known ? format_day(day).text : NULL);
}

static void put_members(struct json_out *j, const struct traffic *t) {
    const struct {
        const char *key;
        int64_t value;
    } members[] = {
        {"sales", t->sales},
        {"units", t->units},
        {"order_items", t->items},
        {"sessions", t->sessions},
        {"page_views", t->page_views},
        {"sales_b2b", t->sales_b2b},
        {"units_b2b", t->units_b2b},
        {"order_items_b2b", t->items_b2b},
        {"sessions_b2b", t->sessions_b2b},
        {"conversion_ppm", t->conversion_ppm},
        {"order_item_conversion_ppm", t->item_conversion_ppm},
        {"buy_box_ppm", t->buy_box_ppm},
        {"sales_b2b_ppm", t->sales_b2b_ppm},
        {"units_b2b_ppm", t->units_b2b_ppm},
        {"average_price", t->price},
        {"sales_per_order_item", t->per_item},
    };
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        json_int(j, members[i].key, members[i].value);
    }
}

static void put_product(struct json_out *j, const struct product *p) {
    const char abc[2] = {p->abc == ' ' ? '\0' : p->abc, '\0'};
    json_open(j, NULL, '{');
    json_int(j, "rank", p->rank);
    json_text(j, "key", p->key);
    json_text(j, "asin", p->asin);
    json_text(j, "parent", p->parent);
    json_text(j, "title", p->title);
    json_int(j, "children", p->children);
    put_members(j, &p->is);
    json_int(j, "share_ppm", p->share_ppm);
    json_int(j, "cumulative_ppm", p->cumulative_ppm);
    json_text(j, "abc", abc);
    json_int(j, "sales_last_period", p->sales_last);
    json_int(j, "sales_period_before", p->sales_before);
    json_int(j, "growth_ppm", p->growth_ppm);
    json_int(j, "missed_units", p->missed_units);
    json_int(j, "missed_sales", p->missed_sales);
    json_int(j, "page_views_without_buy_box", p->lost_views);
    json_close(j, '}');
}

static void put_ranking(struct json_out *j, const char *key, const struct ranking *r) {
    json_open(j, key, '{');
    json_int(j, "total", r->total);
    json_open(j, "rows", '[');
    for (size_t i = 0; i < r->count; i++) {
        put_product(j, &r->rows[i]);
    }
    json_close(j, ']');
    json_open(j, "rest", '{');
    json_int(j, "count", r->rest);
    json_int(j, "sales", r->rest_sales);
    json_int(j, "units", r->rest_units);
    json_int(j, "sessions", r->rest_sessions);
    json_close(j, '}');
    json_close(j, '}');
}

static void put_growth(struct json_out *j, const struct growth *g) {
    json_open(j, "growth", '{');
    json_int(j, "sales_ppm", g->sales_ppm);
    json_int(j, "units_ppm", g->units_ppm);
    json_int(j, "order_items_ppm", g->items_ppm);
    json_int(j, "sessions_ppm", g->sessions_ppm);
    json_int(j, "page_views_ppm", g->page_views_ppm);
    json_int(j, "sales_per_day_ppm", g->sales_per_day_ppm);
    json_int(j, "conversion_points_ppm", g->conversion_points_ppm);
    json_int(j, "buy_box_points_ppm", g->buy_box_points_ppm);
    json_close(j, '}');
}

static void put_period(struct json_out *j, const struct report_period *p) {
    static const char *const origins[] = {"unknown", "request", "file_name"};
    json_open(j, NULL, '{');
    json_text(j, "label", p->label);
    json_text(j, "file", p->file);
    put_day(j, "from", p->dated, p->from);
    put_day(j, "to", p->dated, p->to);
    json_text(j, "period_by", origins[p->origin]);
    json_int(j, "days", p->days);
    json_int(j, "asins", p->is.products);
    put_members(j, &p->is);
    json_int(j, "sales_per_day", p->sales_per_day);
    put_growth(j, &p->growth);
    json_open(j, "orders", '{');
    json_int(j, "revenue", p->order_revenue);
    json_int(j, "units", p->order_units);
    json_int(j, "orders", p->orders);
    json_int(j, "revenue_difference", p->revenue_difference);
    json_int(j, "units_difference", p->units_difference);
    json_close(j, '}');
    json_close(j, '}');
}

static void put_abc(struct json_out *j, const struct abc_class abc[3],
                    const struct concentration *c) {
    static const char *const names[] = {"A", "B", "C"};
    json_open(j, "abc", '{');
    for (int i = 0; i < 3; i++) {
        json_open(j, names[i], '{');
        json_int(j, "products", abc[i].products);
        json_int(j, "sales", abc[i].sales);
        json_int(j, "units", abc[i].units);
        json_int(j, "share_ppm", abc[i].share_ppm);
        json_close(j, '}');
    }
    json_close(j, '}');
    json_open(j, "concentration", '{');
    json_int(j, "top1_ppm", c->top1_ppm);
    json_int(j, "top5_ppm", c->top5_ppm);
    json_int(j, "top10_ppm", c->top10_ppm);
    json_int(j, "hhi", c->hhi);
    json_close(j, '}');
}

static void put_quadrants(struct json_out *j, const struct quadrants *q) {
    static const char *const names[] = {
        "high_traffic_high_conversion", "high_traffic_low_conversion",
        "low_traffic_high_conversion", "low_traffic_low_conversion"};
    json_open(j, "quadrants", '{');
    json_int(j, "high_traffic_from_sessions", q->sessions_from);
    json_int(j, "high_conversion_from_ppm", q->conversion_ppm);
    for (int i = 0; i < QUADRANTS; i++) {
        json_open(j, names[i], '{');
        json_int(j, "products", q->sums[i].products);
        json_int(j, "sessions", q->sums[i].sessions);
        json_int(j, "units", q->sums[i].units);
        json_int(j, "sales", q->sums[i].sales);
        json_close(j, '}');
    }
    json_open(j, "points", '[');
    for (size_t i = 0; i < q->point_count; i++) {
        const struct scatter_point *p = &q->points[i];
        json_open(j, NULL, '{');
        json_text(j, "asin", p->key);
        json_int(j, "sessions", p->sessions);
        json_int(j, "conversion_ppm", p->conversion_ppm);
        json_text(j, "quadrant", names[p->in]);
        json_close(j, '}');
    }
    json_close(j, ']');
    json_close(j, '}');
}

static void put_business(struct json_out *j, const struct business *b) {
    json_open(j, "business", '{');
    json_open(j, "totals", '{');
    json_int(j, "asins", b->all.products);
    put_members(j, &b->all);
    json_close(j, '}');
    json_open(j, "periods", '[');
    for (size_t i = 0; i < b->period_count; i++) {
        put_period(j, &b->periods[i]);
    }
    json_close(j, ']');
    put_abc(j, b->abc, &b->concentration);
    json_int(j, "asins_without_sales", b->without_sales);
    json_int(j, "entries_with_units_without_sessions", b->units_without_sessions);
    json_int(j, "entries_over_100_percent", b->over_100_percent);
    put_ranking(j, "asins", &b->asins);
    put_ranking(j, "skus", &b->skus);
    put_ranking(j, "parents", &b->parents);
    put_quadrants(j, &b->quadrants);
    put_ranking(j, "high_traffic_low_conversion", &b->leaks);
    put_ranking(j, "lost_buy_box", &b->lost_box);
    put_ranking(j, "no_orders", &b->no_orders);
    put_ranking(j, "risers", &b->risers);
    put_ranking(j, "fallers", &b->fallers);
    json_close(j, '}');
}

// ---- orders ----

static void put_left_out(struct json_out *j, const char *key, const struct left_out *l) {
    json_open(j, key, '{');
    json_int(j, "lines", l->lines);
    json_int(j, "units", l->units);
    json_int(j, "orders", l->orders);
    json_close(j, '}');
}

static void put_order_sums(struct json_out *j, const struct order_sums *s) {
    const struct {
        const char *key;
        int64_t value;
    } members[] = {
        {"orders", s->orders},
        {"lines", s->lines},
        {"units", s->units},
        {"revenue", s->revenue},
        {"average_order_value", s->average_order},
        {"average_price", s->price},
        {"units_per_order_ppm", s->units_per_order_ppm},
        {"discount", s->discount},
        {"discount_ppm", s->discount_ppm},
        {"promoted_lines", s->promoted_lines},
        {"promoted_lines_ppm", s->promoted_lines_ppm},
        {"revenue_b2b", s->revenue_b2b},
        {"units_b2b", s->units_b2b},
        {"orders_b2b", s->orders_b2b},
        {"revenue_b2b_ppm", s->revenue_b2b_ppm},
        {"units_b2b_ppm", s->units_b2b_ppm},
    };
    json_open(j, "totals", '{');
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        json_int(j, members[i].key, members[i].value);
    }
    json_close(j, '}');
}

static void put_series(struct json_out *j, const char *key, const struct series *s) {
    json_open(j, key, '[');
    for (size_t i = 0; i < s->count; i++) {
        const struct bucket *b = &s->rows[i];
        json_open(j, NULL, '{');
        json_text(j, "from", format_day(b->from).text);
        json_text(j, "to", format_day(b->to).text);
        json_int(j, "revenue", b->revenue);
        json_int(j, "units", b->units);
        json_int(j, "orders", b->orders);
        json_bool(j, "partial", b->partial);
        json_int(j, "growth_ppm", b->growth_ppm);
        json_close(j, '}');
    }
    json_close(j, ']');
}

static void put_weekdays(struct json_out *j, const struct orders *o) {
    json_open(j, "weekdays", '[');
    for (int i = 0; i < 7 && o->has_weekdays; i++) {
        const struct weekday *w = &o->weekdays[i];
        json_open(j, NULL, '{');
        json_int(j, "weekday", i + 1);
        json_int(j, "days", w->days);
        json_int(j, "revenue", w->revenue);
        json_int(j, "units", w->units);
        json_int(j, "orders", w->orders);
        json_int(j, "mean_revenue", w->mean_revenue);
        json_int(j, "index_ppm", w->index_ppm);
        json_close(j, '}');
    }
    json_close(j, ']');
}

static void put_sold(struct json_out *j, const char *key, const struct sold_ranking *r, bool abc) {
    json_open(j, key, '{');
    json_int(j, "total", r->total);
    json_open(j, "rows", '[');
    for (size_t i = 0; i < r->count; i++) {
        const struct sold_item *s = &r->rows[i];
        const char class[2] = {abc ? s->abc : '\0', '\0'};
        json_open(j, NULL, '{');
        json_int(j, "rank", s->rank);
        json_text(j, "key", s->key);
        json_text(j, "asin", s->asin);
        json_text(j, "title", s->title);
        json_int(j, "revenue", s->revenue);
        json_int(j, "units", s->units);
        json_int(j, "lines", s->lines);
        json_int(j, "cancelled_lines", s->cancelled_lines);
        json_int(j, "share_ppm", s->share_ppm);
        json_int(j, "cumulative_ppm", s->cumulative_ppm);
        json_text(j, "abc", class);
        json_close(j, '}');
    }
    json_close(j, ']');
    json_open(j, "rest", '{');
    json_int(j, "count", r->rest);
    json_int(j, "revenue", r->rest_revenue);
    json_int(j, "units", r->rest_units);
    json_close(j, '}');
    json_close(j, '}');
}

static void put_orders(struct json_out *j, const struct orders *o) {
    json_open(j, "orders", '{');
    put_day(j, "from", true, o->first_day);
    put_day(j, "to", true, o->last_day);
    json_int(j, "days", o->days);
    put_order_sums(j, &o->all);
    json_int(j, "orders_in_any_state", o->all_orders);
    put_left_out(j, "cancelled", &o->cancelled);
    put_left_out(j, "pending", &o->pending);
    put_left_out(j, "unpriced", &o->unpriced);
    json_int(j, "cancelled_lines_ppm", o->cancelled_lines_ppm);
    json_int(j, "cancelled_orders_ppm", o->cancelled_orders_ppm);
    put_series(j, "by_day", &o->by_day);
    put_series(j, "by_week", &o->by_week);
    put_series(j, "by_month", &o->by_month);
    put_weekdays(j, o);
    put_abc(j, o->abc, &o->concentration);
    put_sold(j, "asins", &o->asins, true);
    put_sold(j, "skus", &o->skus, false);
    put_sold(j, "cancelled_asins", &o->cancelled_asins, true);
    json_close(j, '}');
}

// ---- about the data ----

static void put_remarks(struct json_out *j, const char *key, const struct remarks *m) {
    json_open(j, key, '[');
    for (size_t i = 0; i < m->count; i++) {
        json_open(j, NULL, '{');
        json_text(j, "code", m->rows[i].code);
        json_int(j, "count", m->rows[i].count);
        json_bool(j, "warning", m->rows[i].warning);
        json_text(j, "text", m->rows[i].text);
        json_close(j, '}');
    }
    json_close(j, ']');
}

static void put_sources(struct json_out *j, const struct report *r) {
    json_open(j, "inputs", '[');
    for (size_t i = 0; i < r->source_count; i++) {
        const struct source *s = &r->sources[i];
        const char delimiter[2] = {s->delimiter, '\0'};
        json_open(j, NULL, '{');
        json_text(j, "file", s->file);
        json_text(j, "kind", columns_kind_name(s->kind));
        json_int(j, "bytes", (int64_t)s->bytes);
        json_text(j, "sha256", s->sha256);
        json_text(j, "delimiter", delimiter);
        json_text(j, "language", s->columns.language);
        json_int(j, "columns", (int64_t)s->columns.count);
        json_int(j, "rows", (int64_t)s->rows);
        json_int(j, "bad_rows", (int64_t)s->notes[NOTE_BAD_ROW]);
        json_bool(j, "repeated", s->repeated);
        json_close(j, '}');
    }
    json_close(j, ']');
}

static void put_bad_rows(struct json_out *j, const struct report *r) {
    json_open(j, "bad_rows", '[');
    for (size_t i = 0; i < r->bad->count; i++) {
        const struct bad_row *b = &r->bad->list[i];
        json_open(j, NULL, '{');
        json_text(j, "file", r->sources[b->source].file);
        json_int(j, "row", (int64_t)b->line);
        json_text(j, "column", b->column);
        json_text(j, "problem", b->words);
        json_close(j, '}');
    }
    json_close(j, ']');
}

static void put_head(struct json_out *j, const struct report *r) {
    char at[32];
    time_t seconds = (time_t)(r->made_at_ms / 1000);
    struct tm tm;
    json_text(j, "report", "amazon sales analysis");
    json_text(j, "plugin_version", r->version);
    if (gmtime_r(&seconds, &tm) != NULL && strftime(at, sizeof at, "%Y-%m-%dT%H:%M:%SZ", &tm) > 0) {
        json_text(j, "made_at", at);
    }
    json_text(j, "marketplace", r->market == NULL ? NULL : r->market->code);
    json_text(j, "currency", r->currency);
    json_int(j, "currency_exponent", r->exponent);
}

bool render_json(const struct report *r, FILE *out) {
    struct json_out j = {out, false};
    json_open(&j, NULL, '{');
    put_head(&j, r);
    put_sources(&j, r);
    put_remarks(&j, "highlights", &r->highlights);
    if (r->has_business) {
        put_business(&j, &r->business);
    }
    if (r->has_orders) {
        put_orders(&j, &r->orders);
    }
    put_remarks(&j, "assumptions", &r->assumptions);
    put_remarks(&j, "exclusions", &r->exclusions);
    put_remarks(&j, "data_quality", &r->quality);
    put_bad_rows(&j, r);
    json_close(&j, '}');
    (void)fputc('\n', out);
    return true;
}
