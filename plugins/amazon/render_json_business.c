// report.json: the member "business".
#include "format.h"
#include "render_json.h"

static void put_members(struct json_out *j, const struct traffic *t) {
    JSON_INTS(j, {"sales", t->sales}, {"units", t->units}, {"order_items", t->items},
              {"sessions", t->sessions}, {"page_views", t->page_views}, {"sales_b2b", t->sales_b2b},
              {"units_b2b", t->units_b2b}, {"order_items_b2b", t->items_b2b},
              {"sessions_b2b", t->sessions_b2b}, {"conversion_ppm", t->conversion_ppm},
              {"order_item_conversion_ppm", t->item_conversion_ppm},
              {"buy_box_ppm", t->buy_box_ppm}, {"sales_b2b_ppm", t->sales_b2b_ppm},
              {"units_b2b_ppm", t->units_b2b_ppm}, {"average_price", t->price},
              {"sales_per_order_item", t->per_item});
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
    JSON_INTS(j, {"sales_last_period", p->sales_last}, {"sales_period_before", p->sales_before},
              {"growth_ppm", p->growth_ppm}, {"missed_units", p->missed_units},
              {"missed_sales", p->missed_sales}, {"page_views_without_buy_box", p->lost_views});
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
    JSON_INTS(j, {"count", r->rest}, {"sales", r->rest_sales}, {"units", r->rest_units},
              {"sessions", r->rest_sessions});
    json_close(j, '}');
    json_close(j, '}');
}

static void put_growth(struct json_out *j, const struct growth *g) {
    json_open(j, "growth", '{');
    json_bool(j, "by_day", g->by_day);
    JSON_INTS(j, {"sales_ppm", g->sales_ppm}, {"units_ppm", g->units_ppm},
              {"order_items_ppm", g->items_ppm}, {"sessions_ppm", g->sessions_ppm},
              {"page_views_ppm", g->page_views_ppm}, {"sales_per_day_ppm", g->sales_per_day_ppm},
              {"conversion_points_ppm", g->conversion_points_ppm},
              {"buy_box_points_ppm", g->buy_box_points_ppm});
    json_close(j, '}');
}

static void put_period(struct json_out *j, const struct report_period *p) {
    static const char *const origins[] = {"unknown", "request", "file_name"};
    json_open(j, NULL, '{');
    json_text(j, "label", p->label);
    json_text(j, "file", p->file);
    json_text(j, "from", p->dated ? format_day(p->from).text : NULL);
    json_text(j, "to", p->dated ? format_day(p->to).text : NULL);
    json_text(j, "period_by", origins[p->origin]);
    json_int(j, "days", p->days);
    json_int(j, "asins", p->is.products);
    put_members(j, &p->is);
    json_int(j, "sales_per_day", p->sales_per_day);
    put_growth(j, &p->growth);
    json_open(j, "orders", '{');
    JSON_INTS(j, {"revenue", p->order_revenue}, {"units", p->order_units}, {"orders", p->orders},
              {"revenue_difference", p->revenue_difference},
              {"units_difference", p->units_difference});
    json_close(j, '}');
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
        JSON_INTS(j, {"products", q->sums[i].products}, {"sessions", q->sums[i].sessions},
                  {"units", q->sums[i].units}, {"sales", q->sums[i].sales});
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

void render_json_business(struct json_out *j, const struct business *b) {
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
    render_json_abc(j, b->abc, &b->concentration);
    JSON_INTS(j, {"asins_without_sales", b->without_sales},
              {"entries_with_units_without_sessions", b->units_without_sessions},
              {"entries_over_100_percent", b->over_100_percent});
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
