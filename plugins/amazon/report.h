/* What is told: one typed struct, filled by the analysis and read by every renderer.
 *
 * Amounts are minor units of `currency`; *_ppm are parts per million; NUMBER_NONE is "there is no
 * such figure" everywhere. Texts and arrays live in the report's pool. */
#ifndef AMAZON_REPORT_H
#define AMAZON_REPORT_H

#include "market.h"
#include "pool.h"
#include "source.h"

/* Sums over rows of business reports, and what follows from them. */
struct traffic {
    int64_t products; /* child ASINs with a row                               */
    int64_t sales, units, items;
    int64_t sessions, page_views;
    int64_t sales_b2b, units_b2b, items_b2b, sessions_b2b;
    /* A ratio with a figure that only some rows tell is of those rows alone. */
    int64_t conversion_ppm;      /* units / sessions, sessions counted once       */
    int64_t item_conversion_ppm; /* order items / sessions                        */
    int64_t buy_box_ppm;         /* weighted by page views                        */
    int64_t sales_b2b_ppm, units_b2b_ppm;
    int64_t price;    /* sales / units                                            */
    int64_t per_item; /* sales / order items                                      */
};

/* Figures that some rows tell and others may not: by `told` of `rows`. */
enum { PARTLY_MAX = 8 };
struct told {
    struct partly {
        const char *name;
        int64_t rows, told;
    } rows[PARTLY_MAX];
    size_t count;
};

/* One ASIN, SKU or parent of a ranking. */
struct product {
    int64_t rank;                            /* from 1, by sales */
    const char *key, *parent, *asin, *title; /* "" = not known */
    struct traffic is;
    int64_t share_ppm, cumulative_ppm; /* of all sales       */
    char abc;                          /* 'A' 'B' 'C', ' '   */
    int64_t children;                  /* of a parent             */
    int64_t sales_before;              /* of the period before the last, if there is one */
    int64_t sales_last;                /* of the last one                */
    int64_t growth_ppm;                /* last against before            */
    int64_t missed_units;              /* what the average conversion would have brought more */
    int64_t missed_sales;              /* the same at its own price      */
    int64_t lost_views;                /* page views without the Buy Box */
};

struct ranking {
    struct product *rows;
    size_t count;  /* in `rows`: the top ones            */
    int64_t total; /* how many there are                 */
    int64_t rest;  /* total - count, and their sums:     */
    int64_t rest_sales, rest_units, rest_sessions;
};

struct growth {  /* of one period against the one before: of each figure */
    bool by_day; /* of figures per day, for the two differ in length */
    int64_t sales_ppm, units_ppm, items_ppm, sessions_ppm, page_views_ppm;
    int64_t conversion_points_ppm, buy_box_points_ppm; /* differences, not ratios */
    int64_t sales_per_day_ppm;
};

struct report_period {
    const char *label, *file;
    bool dated, doubtful; /* doubtful: the name that dates it has other numbers */
    int32_t from, to;
    enum period_origin origin;
    int64_t days;                         /* NUMBER_NONE when undated */
    bool items_partly, page_views_partly; /* some row does not tell it: the sum is of the others */
    struct traffic is;
    int64_t sales_per_day;
    struct growth growth; /* all none for the first */
    /* Orders within the period, where there are any: */
    bool has_orders;
    int64_t order_revenue, order_units, orders;
    int64_t revenue_difference, units_difference; /* orders - business report */
};

struct abc_class {
    int64_t products, sales, units, share_ppm;
};

struct concentration {
    int64_t top1_ppm, top5_ppm, top10_ppm;
    int64_t hhi; /* sum of squared shares, 0 to 10000 */
};

enum quadrant { QUADRANT_STAR, QUADRANT_LEAK, QUADRANT_GEM, QUADRANT_IDLE, QUADRANTS };

struct quadrants {          /* of the last period; products with a session */
    int64_t sessions_from;  /* high traffic: this many and more                   */
    int64_t conversion_ppm; /* high conversion: this and more: that of the period */
    struct quadrant_sum {
        int64_t products, sessions, units, sales;
    } sums[QUADRANTS];
    struct scatter_point {
        const char *key, *title;
        int64_t sessions, conversion_ppm, sales;
        enum quadrant in;
    } * points; /* those with most sessions */
    size_t point_count;
};

struct business {
    struct traffic all;
    size_t period_count;
    struct report_period *periods;       /* in time */
    struct ranking asins, skus, parents; /* by sales, of all periods together */
    struct abc_class abc[3];
    int64_t without_sales; /* products, part of C                            */
    struct concentration concentration;
    struct quadrants quadrants;
    struct ranking leaks;           /* last period: high traffic, low conversion */
    struct ranking lost_box;        /* last period: Buy Box below the threshold  */
    struct ranking no_orders;       /* all periods: sessions or not, no unit    */
    struct ranking risers, fallers; /* last period against the one before */
    int64_t units_without_sessions, over_100_percent; /* (parent, child) of a period */
    /* What sales of the last period and of the one before are multiplied with to be compared: 1, or
     * the other's days when they differ in length. */
    int64_t weight_last, weight_before;
    struct told told;
};

struct order_sums {
    int64_t orders, lines, units, revenue;
    /* Of the lines that tell them, as the shares below are. */
    int64_t discount, promoted_lines, revenue_b2b, units_b2b, orders_b2b;
    int64_t average_order; /* revenue / orders      */
    int64_t price;         /* revenue / units       */
    int64_t units_per_order_ppm;
    int64_t revenue_b2b_ppm, units_b2b_ppm, promoted_lines_ppm, discount_ppm;
};

struct gap { /* days that no export of orders tells about */
    int32_t from, to;
    bool inside; /* not between exports: lines of one lie more than a year apart */
};

struct bucket { /* a day, ISO week or month; no figures when no day of it is in the data */
    int32_t from, to;
    int64_t revenue, units, orders;
    bool partial;       /* the data does not cover all of it */
    int64_t growth_ppm; /* against the one before; none when either is partial */
};

struct series {
    struct bucket *rows;
    size_t count;
};

struct weekday {
    int64_t days, revenue, units, orders;
    int64_t mean_revenue; /* a day */
    int64_t index_ppm;    /* against the mean day */
};

struct sold_item { /* of orders: an ASIN or SKU */
    int64_t rank;
    const char *key, *asin, *title;
    int64_t revenue, units, lines, share_ppm, cumulative_ppm;
    char abc;
    int64_t cancelled_lines;
};

struct sold_ranking {
    struct sold_item *rows;
    size_t count;
    int64_t total, rest, rest_revenue, rest_units;
};

enum { LACKING_NAMED = 3 };
struct lacking { /* SKUs of lines that do not tell their ASIN */
    int64_t skus, lines;
    const char *first; /* LACKING_NAMED of them: "S1, S2, S3" */
};

struct orders {
    int32_t first_day, last_day;
    int64_t days;                  /* from the first to the last           */
    int64_t days_covered;          /* of them: those that some export covers */
    const int32_t *covered_before; /* [i]: covered days among the first i; days + 1 */
    struct gap *gaps;
    size_t gap_count;
    struct order_sums all;
    struct told told;
    /* The ASIN of these was taken from another file; is several there; is in none. */
    struct lacking by_sku, ambiguous, unknown;
    struct left_out { /* not part of revenue, units and orders */
        int64_t lines, units, orders;
    } cancelled, pending, unpriced;
    struct returned { /* or rejected by the buyer; part of revenue, units and orders */
        int64_t lines, units, revenue;
    } returned;
    int64_t all_orders;                      /* in any state                         */
    int64_t cancelled_lines_ppm;             /* of all lines                         */
    int64_t cancelled_orders_ppm;            /* with a cancelled line, of all orders */
    struct series by_day, by_week, by_month; /* days and weeks: empty over ten years */
    bool has_weekdays;
    struct weekday weekdays[7];
    struct sold_ranking asins, skus, cancelled_asins;
    struct abc_class abc[3];
    struct concentration concentration;
};

struct remark { /* an assumption, exclusion, finding: a machine's word, a number, a sentence */
    const char *code;
    int64_t count; /* NUMBER_NONE = no number */
    bool warning;
    const char *text;
};
struct remarks {
    struct remark *rows;
    size_t count, cap;
};

struct thresholds {
    int64_t top; /* rows of a ranking                    */
    int64_t abc_a_ppm, abc_b_ppm;
    int64_t buy_box_ppm;   /* below: lost                          */
    int64_t min_sessions;  /* of products in the list of lost Buy Boxes */
    int64_t weekday_weeks; /* of data that weekdays need         */
    int64_t listed_rows;   /* of bad rows                          */
};

struct report {
    struct pool pool;
    int64_t made_at_ms;
    const char *version;
    const struct market *market;  /* NULL = not said */
    char currency[CURRENCY_TEXT]; /* "" = not known */
    int exponent;
    const struct source *sources; /* borrowed */
    size_t source_count;
    const struct bad_rows *bad; /* borrowed */
    struct thresholds limits;
    bool has_business, has_orders;
    struct business business;
    struct orders orders;
    struct remarks highlights, assumptions, exclusions, quality;
};

/* A product's sales of the last period and the one before as they compare: a day's where the two
 * differ in length. */
struct compared {
    int64_t before, last;
    bool by_day;
};
struct compared report_compared(const struct report *r, const struct product *p);

void report_init(struct report *r);
void report_finish(struct report *r);

/* Adds a remark; the text is formatted into the pool. */
__attribute__((format(printf, 6, 7))) void report_remark(struct report *r, struct remarks *to,
                                                         const char *code, int64_t count,
                                                         bool warning, const char *format, ...);

#endif
