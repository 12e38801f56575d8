/* From settled facts to the report, by SQL. Each part reads what facts.h lists and fills its part
 * of the report; nothing is computed twice. */
#ifndef AMAZON_ANALYSE_H
#define AMAZON_ANALYSE_H

#include "facts.h"
#include "report.h"

/* `periods[i]` is the period of sources[i]. The report's limits, currency, sources are set. */
int analyse(struct facts *f, const struct facts_settled *settled, const struct period *periods,
            struct report *r, struct trouble *t);

/* ---- its parts ---- */

struct analysis {
    struct facts *facts;
    struct report *report;
    const struct facts_settled *settled;
    const struct period *periods;
    struct trouble *trouble;
    sqlite3_stmt *statement; /* of the query that runs */
};

/* A query that is read row by row: query_begin(), query_next() until 0, always query_end().
 * 0/1 or -1 with the trouble. `args` are bound to ?1, ?2 ... */
int query_begin(struct analysis *a, const char *sql, const int64_t *args, size_t count);
int query_next(struct analysis *a);
void query_end(struct analysis *a);
int64_t query_int(const struct analysis *a, int column); /* NUMBER_NONE for NULL */
const char *query_text(struct analysis *a, int column);  /* in the report's pool  */
/* The integer of a query of one row. */
int query_one(struct analysis *a, const char *sql, const int64_t *args, size_t count, int64_t *ret);
int query_run(struct analysis *a, const char *sql);

/* Two reports of the same rows, of which one is undated, are an error: they would count twice. */
int analyse_repeats(struct analysis *a);
int analyse_business(struct analysis *a);
int analyse_quadrants(struct analysis *a);
int analyse_orders(struct analysis *a);
int analyse_trend(struct analysis *a);
int analyse_cover(struct analysis *a); /* first and last day, covered days, gaps of the orders */
/* How many days of those from `from` to `to` some export covers. */
int64_t analyse_covered(const struct orders *o, int32_t from, int32_t to);
void analyse_remarks(struct analysis *a);
void analyse_highlights(struct analysis *a);

/* The class of a product by its sales and those of the products before it, of all `total`. */
char analyse_class(const struct analysis *a, int64_t before, int64_t sales, int64_t total);
/* Classes and concentration of a ranking: a table with rank, sales, units, cumulative. */
int analyse_classes(struct analysis *a, const char *ranking, int64_t total, struct abc_class abc[3],
                    struct concentration *ret);
/* Room in the pool for the first `limit` of `total` rows, and at least one; NULL with the trouble. */
void *analyse_room(struct analysis *a, int64_t total, int64_t limit, size_t size, size_t *ret_cap);

/* What ratios are made of beside the sums: a figure that only some rows tell is divided by what
 * those rows have of the other. */
struct traffic_bases {
    int64_t box_sum, box_weight;
    int64_t items_sales; /* sales of rows that tell order items                   */
    int64_t items_whole,
        items_sessions;                 /* of (parent, child)s all of whose rows tell order items */
    int64_t b2b_of_sales, b2b_of_units; /* of rows that tell the B2B figure                       */
};
void analyse_derive(struct traffic *t, const struct traffic_bases *of);

#endif
