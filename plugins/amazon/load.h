/* From files to facts. In two passes, so that what is wrong is said before hours of reading:
 *
 *     load_identify   the first line of a file: which report, which delimiter, which columns
 *     load_read       its rows: into the facts, or into the counts and the list of what was not
 *
 * A row that cannot be read is counted and listed and never becomes a zero. A file that cannot be
 * read, and a second currency, end the job. */
#ifndef AMAZON_LOAD_H
#define AMAZON_LOAD_H

#include "facts.h"
#include "market.h"
#include "source.h"

enum { LOAD_KEY_MAX = 200, LOAD_TITLE_MAX = 400 }; /* bytes of SKUs and order ids; of titles */

struct load {
    /* set by the caller */
    struct facts *facts;
    const struct market *market; /* NULL: order lines of all marketplaces count */
    struct bad_rows *bad;
    /* Called now and then with the bytes read of this file; true = stop. */
    bool (*progress)(void *arg, uint64_t bytes);
    void *arg;
    /* "" until one is known; the caller may fix it. */
    char currency[CURRENCY_TEXT];
    const char *currency_from; /* for messages: "the request", ... */

    /* counted */
    unsigned sections; /* exports of orders */
    /* its own */
    bool bare_amounts; /* an amount without currency was read as one with two decimals */
    char *scratch;     /* converted text of the current row */
    size_t scratch_used;
};

void load_finish(struct load *l); /* frees what is its own */

/* `expected` KIND_UNKNOWN = by its header alone. Fills kind, delimiter, columns of `s`. */
int load_identify(int fd, enum report_kind expected, struct source *s, struct trouble *t);

/* All rows of `fd` (at its start) as those of sources[index]. */
int load_read(struct load *l, int fd, struct source *sources, size_t index, struct trouble *t);

/* ---- for the readers of the two reports ---- */

struct load_row {
    struct load *load;
    struct source *source;
    size_t index;   /* of the source                   */
    uint64_t first; /* line of the first row below the header */
    struct delimited *from;
    struct trouble *trouble;
};
enum { LOAD_ROW_BAD = 1 };

/* 0, LOAD_ROW_BAD (counted and listed), or -1 with the trouble. */
int load_business_row(struct load_row *r);
int load_orders_row(struct load_row *r);

/* A cell without blanks around, as UTF-8; good until the next row. */
struct delimited_field load_cell(struct load_row *r, enum column field);
/* The same, or LOAD_ROW_BAD when it has more than LOAD_KEY_MAX bytes. */
int load_key(struct load_row *r, enum column field, struct delimited_field *ret);
/* An ASIN, or "" when the cell is empty. */
int load_asin(struct load_row *r, enum column field, struct delimited_field *ret);
struct delimited_field load_title(struct load_row *r);
/* A count; `required`: an empty cell is bad, else NUMBER_NONE. */
int load_count(struct load_row *r, enum column field, bool required, int64_t *ret);
/* An amount in minor units; settles the job's currency or ends the job when it is another. */
int load_money(struct load_row *r, enum column field, bool required, int64_t *ret);
/* The cell names the currency of this row. */
int load_currency(struct load_row *r, enum column field, struct delimited_field code);

/* The same, showing the cell: "n/a" `problem`. */
int load_bad_cell(struct load_row *r, enum column field, const char *problem);
/* Counts and lists this row as bad. COLUMN_COUNT = no column in particular. */
__attribute__((format(printf, 3, 4))) int load_bad(struct load_row *r, enum column field,
                                                   const char *format, ...);

#endif
