#include <string.h>

#include "analyse.h"

enum { MILLION = 1000000 };

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
    t->conversion_ppm = number_ratio(t->units, t->sessions, MILLION);
    t->item_conversion_ppm = number_ratio(of->items_whole, of->items_sessions, MILLION);
    t->buy_box_ppm = number_ratio(of->box_sum, of->box_weight, 1);
    t->sales_b2b_ppm = number_ratio(t->sales_b2b, of->b2b_of_sales, MILLION);
    t->units_b2b_ppm = number_ratio(t->units_b2b, of->b2b_of_units, MILLION);
    t->price = number_ratio(t->sales, t->units, 1);
    t->per_item = number_ratio(of->items_sales, t->items, 1);
}

char analyse_class(const struct analysis *a, int64_t before, int64_t sales, int64_t total) {
    const struct thresholds *l = &a->report->limits;
    int64_t share = number_ratio(before, total, MILLION);
    if (share == NUMBER_NONE || sales <= 0) {
        return 'C';
    }
    return share < l->abc_a_ppm ? 'A' : share < l->abc_b_ppm ? 'B' : 'C';
}

__extension__ typedef unsigned __int128 wide;

static void finish_classes(struct abc_class abc[3], struct concentration *c, wide squares,
                           int64_t total) {
    const int64_t square_limit = INT64_C(10000000000000000);
    for (int i = 0; i < 3; i++) {
        abc[i].share_ppm = number_ratio(abc[i].sales, total, MILLION);
    }
    if (total > 0 && total <= square_limit) {
        wide whole = (wide)total * (wide)total;
        c->hhi = (int64_t)((squares * 10000 + whole / 2) / whole);
    }
}

int analyse_classes(struct analysis *a, const char *ranking, int64_t total, struct abc_class abc[3],
                    struct concentration *ret) {
    char sql[96];
    wide squares = 0;
    (void)snprintf(sql, sizeof sql, "SELECT rank, sales, units, cumulative FROM %s ORDER BY rank",
                   ranking);
    *ret = (struct concentration){NUMBER_NONE, NUMBER_NONE, NUMBER_NONE, NUMBER_NONE};
    int rc = query_begin(a, sql, NULL, 0);
    while (rc == 0 && (rc = query_next(a)) > 0) {
        int64_t place = query_int(a, 0), sales = query_int(a, 1), sum = query_int(a, 3);
        struct abc_class *c = &abc[analyse_class(a, sum - sales, sales, total) - 'A'];
        int64_t share = number_ratio(sum, total, MILLION);
        rc = 0;
        c->products++;
        c->sales += sales;
        c->units += query_int(a, 2);
        squares += (wide)sales * (wide)sales;
        ret->top1_ppm = place <= 1 ? share : ret->top1_ppm;
        ret->top5_ppm = place <= 5 ? share : ret->top5_ppm;
        ret->top10_ppm = place <= 10 ? share : ret->top10_ppm;
    }
    query_end(a);
    finish_classes(abc, ret, squares, total);
    return rc;
}

void *analyse_room(struct analysis *a, int64_t total, int64_t limit, size_t size, size_t *ret_cap) {
    *ret_cap = (size_t)(total < limit ? total : limit);
    void *rows = pool_array(&a->report->pool, *ret_cap + 1, size);
    if (rows == NULL) {
        (void)trouble_no_memory(a->trouble);
    }
    return rows;
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
