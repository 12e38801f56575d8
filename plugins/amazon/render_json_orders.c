// report.json: the member "orders", and what both halves have.
#include "format.h"
#include "render_json.h"

void render_json_abc(struct json_out *j, const struct abc_class abc[3],
                     const struct concentration *c) {
    static const char *const names[] = {"A", "B", "C"};
    json_open(j, "abc", '{');
    for (int i = 0; i < 3; i++) {
        json_open(j, names[i], '{');
        JSON_INTS(j, {"products", abc[i].products}, {"sales", abc[i].sales},
                  {"units", abc[i].units}, {"share_ppm", abc[i].share_ppm});
        json_close(j, '}');
    }
    json_close(j, '}');
    json_open(j, "concentration", '{');
    JSON_INTS(j, {"top1_ppm", c->top1_ppm}, {"top5_ppm", c->top5_ppm}, {"top10_ppm", c->top10_ppm},
              {"hhi", c->hhi});
    json_close(j, '}');
}

static void put_left_out(struct json_out *j, const char *key, const struct left_out *l) {
    json_open(j, key, '{');
    JSON_INTS(j, {"lines", l->lines}, {"units", l->units}, {"orders", l->orders});
    json_close(j, '}');
}

static void put_order_sums(struct json_out *j, const struct order_sums *s) {
    json_open(j, "totals", '{');
    JSON_INTS(j, {"orders", s->orders}, {"lines", s->lines}, {"units", s->units},
              {"revenue", s->revenue}, {"average_order_value", s->average_order},
              {"average_price", s->price}, {"units_per_order_ppm", s->units_per_order_ppm},
              {"discount", s->discount}, {"discount_ppm", s->discount_ppm},
              {"promoted_lines", s->promoted_lines}, {"promoted_lines_ppm", s->promoted_lines_ppm},
              {"revenue_b2b", s->revenue_b2b}, {"units_b2b", s->units_b2b},
              {"orders_b2b", s->orders_b2b}, {"revenue_b2b_ppm", s->revenue_b2b_ppm},
              {"units_b2b_ppm", s->units_b2b_ppm});
    json_close(j, '}');
}

static void put_series(struct json_out *j, const char *key, const struct series *s) {
    json_open(j, key, '[');
    for (size_t i = 0; i < s->count; i++) {
        const struct bucket *b = &s->rows[i];
        json_open(j, NULL, '{');
        json_text(j, "from", format_day(b->from).text);
        json_text(j, "to", format_day(b->to).text);
        JSON_INTS(j, {"revenue", b->revenue}, {"units", b->units}, {"orders", b->orders});
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
        JSON_INTS(j, {"weekday", i + 1}, {"days", w->days}, {"revenue", w->revenue},
                  {"units", w->units}, {"orders", w->orders}, {"mean_revenue", w->mean_revenue},
                  {"index_ppm", w->index_ppm});
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
        JSON_INTS(j, {"revenue", s->revenue}, {"units", s->units}, {"lines", s->lines},
                  {"cancelled_lines", s->cancelled_lines}, {"share_ppm", s->share_ppm},
                  {"cumulative_ppm", s->cumulative_ppm});
        json_text(j, "abc", class);
        json_close(j, '}');
    }
    json_close(j, ']');
    json_open(j, "rest", '{');
    JSON_INTS(j, {"count", r->rest}, {"revenue", r->rest_revenue}, {"units", r->rest_units});
    json_close(j, '}');
    json_close(j, '}');
}

void render_json_orders(struct json_out *j, const struct orders *o) {
    json_open(j, "orders", '{');
    json_text(j, "from", format_day(o->first_day).text);
    json_text(j, "to", format_day(o->last_day).text);
    json_int(j, "days", o->days);
    json_int(j, "days_covered", o->days_covered);
    json_open(j, "gaps", '[');
    for (size_t i = 0; i < o->gap_count; i++) {
        json_open(j, NULL, '{');
        json_text(j, "from", format_day(o->gaps[i].from).text);
        json_text(j, "to", format_day(o->gaps[i].to).text);
        json_close(j, '}');
    }
    json_close(j, ']');
    put_order_sums(j, &o->all);
    json_int(j, "orders_in_any_state", o->all_orders);
    put_left_out(j, "cancelled", &o->cancelled);
    put_left_out(j, "pending", &o->pending);
    put_left_out(j, "unpriced", &o->unpriced);
    json_open(j, "returned", '{');
    JSON_INTS(j, {"lines", o->returned.lines}, {"units", o->returned.units},
              {"revenue", o->returned.revenue});
    json_close(j, '}');
    json_int(j, "cancelled_lines_ppm", o->cancelled_lines_ppm);
    json_int(j, "cancelled_orders_ppm", o->cancelled_orders_ppm);
    put_series(j, "by_day", &o->by_day);
    put_series(j, "by_week", &o->by_week);
    put_series(j, "by_month", &o->by_month);
    put_weekdays(j, o);
    render_json_abc(j, o->abc, &o->concentration);
    put_sold(j, "asins", &o->asins, true);
    put_sold(j, "skus", &o->skus, false);
    put_sold(j, "cancelled_asins", &o->cancelled_asins, true);
    json_close(j, '}');
}
