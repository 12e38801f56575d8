/* The rows of all reports as facts at their finest grain, in a SQLite database of this run alone:
 * a file without a name, in the process's working directory, gone when it is closed or the process
 * dies. Memory is its page cache and a few sorters, whatever the number of rows.
 *
 *     dataset   one a report                    line     one order line
 *     section   one an export of orders: its first and last day
 *     traffic   one a row of a business report  item     SKU + ASIN + title of order lines
 *
 *   facts_settle() adds what the analysis reads:
 *     entry        (period, parent, child): sessions once, sales added over the SKUs
 *     asin_period  (period, child)          item_sum  (item, state) of order lines, day_sum (day)
 *     sku_period   (period, sku)            ord       (order), reach: first and last day
 *     sold_item    item with the ASIN that other files tell of its SKU
 *
 * Amounts are minor units of one currency, shares parts per million, days since 1970; a figure that
 * a report does not have is NULL. */
#ifndef AMAZON_FACTS_H
#define AMAZON_FACTS_H

#include <sqlite3.h>

#include "delimited.h"
#include "source.h"
#include "trouble.h"

struct facts;

/* Called every few thousand steps of the database; true = stop now. [the caller's thread] */
typedef bool (*facts_stop)(void *arg);

struct facts_options {
    int64_t disk_limit;  /* bytes of the database                  */
    int64_t cache_bytes; /* of pages in memory; each sorter as much */
    facts_stop stop;
    void *arg;
};

/* Once in a process, before the first facts_open(): temporary files go to the working directory. */
void facts_setup(void);

int facts_open(const struct facts_options *options, struct facts **ret, struct trouble *t);
void facts_close(struct facts **f);
sqlite3 *facts_db(struct facts *f); /* borrowed until facts_close() */

/* What went wrong in the last call of SQLite, as trouble: full disk and memory are RESOURCE, an
 * overflowing sum INPUT, an interruption STOPPED. Returns -1. */
int facts_trouble(struct facts *f, struct trouble *t);

int facts_add_source(struct facts *f, size_t index, const struct source *s, const char *market,
                     const char *currency, const struct period *p, struct trouble *t);

struct facts_traffic { /* NUMBER_NONE = the report has no such figure */
    int period;
    uint64_t line;
    struct delimited_field parent, child, sku, title;
    int64_t sessions, page_views, buy_box, units, sales, items;
    int64_t sessions_b2b, units_b2b, sales_b2b, items_b2b;
};
int facts_add_traffic(struct facts *f, const struct facts_traffic *row, struct trouble *t);

enum line_state { LINE_SOLD, LINE_CANCELLED, LINE_PENDING, LINE_UNPRICED };

struct facts_line {
    unsigned
        section; /* which export, never less than before: of equal lines the later's is newer */
    uint64_t line;
    struct delimited_field order, sku, asin, title;
    int32_t day;
    int64_t updated; /* seconds, 0 = not said */
    enum line_state state;
    int64_t quantity, price;    /* price 0 when not said */
    int64_t discount;           /* NUMBER_NONE: the export has no column for it, as below */
    int64_t promoted, business; /* 0, 1, NUMBER_NONE */
    bool returned; /* sold, and sent back or rejected by the buyer: part of revenue all the same */
};
int facts_add_line(struct facts *f, const struct facts_line *line, struct trouble *t);

struct facts_settled {
    uint64_t repeated_rows;  /* of business reports: the same row again             */
    uint64_t repeated_lines; /* of orders: in several exports                       */
    uint64_t uneven_entries; /* whose SKU rows disagree about the ASIN's sessions   */
};
/* `sections`: how many exports of orders there were. */
int facts_settle(struct facts *f, unsigned sections, struct facts_settled *ret, struct trouble *t);

#endif
