#include <string.h>

#include "analyse.h"

// ---- queries ----

static int fail(struct analysis *a) {
    return facts_trouble(a->facts, a->trouble);
}

int query_begin(struct analysis *a, const char *sql, const int64_t *args, size_t count) {
    a->statement = NULL;
    if (sqlite3_prepare_v2(facts_db(a->facts), sql, -1, &a->statement, NULL) != SQLITE_OK) {
        return fail(a);
    }
    for (size_t i = 0; i < count; i++) {
        (void)sqlite3_bind_int64(a->statement, (int)i + 1, args[i]);
    }
    return 0;
}

int query_next(struct analysis *a) {
    int rc = sqlite3_step(a->statement);
    if (rc == SQLITE_ROW) {
        return 1;
    }
    return rc == SQLITE_DONE ? 0 : fail(a);
}

void query_end(struct analysis *a) {
    (void)sqlite3_finalize(a->statement);
    a->statement = NULL;
}

int64_t query_int(const struct analysis *a, int column) {
    return sqlite3_column_type(a->statement, column) == SQLITE_NULL
               ? NUMBER_NONE
               : sqlite3_column_int64(a->statement, column);
}

const char *query_text(struct analysis *a, int column) {
    const char *text = (const char *)sqlite3_column_text(a->statement, column);
    int len = sqlite3_column_bytes(a->statement, column);
    return pool_text(&a->report->pool, text == NULL ? "" : text, text == NULL ? 0 : (size_t)len);
}

int query_one(struct analysis *a, const char *sql, const int64_t *args, size_t count,
              int64_t *ret) {
    *ret = NUMBER_NONE;
    int rc = query_begin(a, sql, args, count);
    if (rc == 0 && (rc = query_next(a)) > 0) {
        *ret = query_int(a, 0);
    }
    query_end(a);
    return rc < 0 ? -1 : 0;
}

int query_run(struct analysis *a, const char *sql) {
    return sqlite3_exec(facts_db(a->facts), sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : fail(a);
}

// ---- what both halves need ----

void analyse_derive(struct traffic *t, const struct traffic_bases *of) {
    const int64_t million = 1000000;
    t->conversion_ppm = number_ratio(t->units, t->sessions, million);
    t->item_conversion_ppm = number_ratio(of->items_whole, of->items_sessions, million);
    t->buy_box_ppm = number_ratio(of->box_sum, of->box_weight, 1);
    t->sales_b2b_ppm = number_ratio(t->sales_b2b, of->b2b_of_sales, million);
    t->units_b2b_ppm = number_ratio(t->units_b2b, of->b2b_of_units, million);
    t->price = number_ratio(t->sales, t->units, 1);
    t->per_item = number_ratio(of->items_sales, t->items, 1);
}

int analyse_concentration(struct analysis *a, const char *sql, int64_t total,
                          struct concentration *ret) {
    __extension__ typedef unsigned __int128 wide;
    const int64_t million = 1000000, square_limit = INT64_C(10000000000000000);
    int64_t sum = 0, place = 0;
    wide squares = 0;
    *ret = (struct concentration){NUMBER_NONE, NUMBER_NONE, NUMBER_NONE, NUMBER_NONE};
    int rc = query_begin(a, sql, NULL, 0);
    while (rc == 0 && (rc = query_next(a)) > 0) {
        int64_t sales = query_int(a, 0);
        rc = 0;
        sum += sales;
        squares += (wide)sales * (wide)sales;
        place++;
        ret->top1_ppm = place <= 1 ? number_ratio(sum, total, million) : ret->top1_ppm;
        ret->top5_ppm = place <= 5 ? number_ratio(sum, total, million) : ret->top5_ppm;
        ret->top10_ppm = place <= 10 ? number_ratio(sum, total, million) : ret->top10_ppm;
    }
    query_end(a);
    if (rc == 0 && total > 0 && total <= square_limit) {
        wide whole = (wide)total * (wide)total;
        ret->hhi = (int64_t)((squares * 10000 + whole / 2) / whole);
    }
    return rc < 0 ? -1 : 0;
}

int analyse(struct facts *f, const struct facts_settled *settled, const struct period *periods,
            struct report *r, struct trouble *t) {
    struct analysis a = {f, r, settled, periods, t, NULL};
    if ((r->has_business &&
         (analyse_repeats(&a) < 0 || analyse_business(&a) < 0 || analyse_quadrants(&a) < 0)) ||
        (r->has_orders && (analyse_orders(&a) < 0 || analyse_trend(&a) < 0))) {
        return -1;
    }
    analyse_remarks(&a);
    analyse_highlights(&a);
    return r->pool.failed ? trouble_no_memory(t) : 0;
}
