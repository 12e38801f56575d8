/* Which column is what: the header row against the table headers.tsv, which is built in. Pure. */
#ifndef AMAZON_COLUMNS_H
#define AMAZON_COLUMNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "delimited.h"
#include "number.h"
#include "trouble.h"

enum report_kind { KIND_UNKNOWN, KIND_BUSINESS, KIND_ORDERS };

enum column {
    COLUMN_PARENT,
    COLUMN_CHILD, /* also "asin" of an order line */
    COLUMN_TITLE,
    COLUMN_SKU,
    COLUMN_SESSIONS,
    COLUMN_PAGE_VIEWS,
    COLUMN_BUY_BOX,
    COLUMN_UNITS,
    COLUMN_SALES,
    COLUMN_ITEMS,
    COLUMN_SESSIONS_B2B,
    COLUMN_PAGE_VIEWS_B2B,
    COLUMN_BUY_BOX_B2B,
    COLUMN_UNITS_B2B,
    COLUMN_SALES_B2B,
    COLUMN_ITEMS_B2B,
    COLUMN_ORDER,
    COLUMN_PURCHASED,
    COLUMN_UPDATED,
    COLUMN_STATUS,
    COLUMN_ITEM_STATUS,
    COLUMN_CHANNEL,
    COLUMN_QUANTITY,
    COLUMN_CURRENCY,
    COLUMN_PRICE,
    COLUMN_DISCOUNT,
    COLUMN_PROMOTIONS,
    COLUMN_BUSINESS_ORDER,
    COLUMN_IGNORED,
    COLUMN_PERSONAL,
    COLUMN_COUNT, /* also: unknown */
};

enum { COLUMNS_NAME = 96, COLUMNS_LIST = 400 };

struct columns {
    enum report_kind kind;
    enum number_style style;
    char language[3];
    size_t count;                           /* of the file's columns                       */
    int16_t at[COLUMN_COUNT];               /* index of the field, -1 = there is none      */
    char names[COLUMN_COUNT][COLUMNS_NAME]; /* as the file spells them, cut             */
    enum column doubled;                    /* a field that two columns name; COLUMN_COUNT = none */
    char doubled_name[COLUMNS_NAME];        /* the second of them                                 */
    size_t known, unknown;
    char unknown_names[COLUMNS_LIST]; /* "a", "b": cut */
};

const char *columns_kind_name(enum report_kind kind);

/* The field that a header means in a report of this kind; COLUMN_COUNT = unknown. `ret_language`
 * may be NULL; else it becomes "en", "de" or "-". */
enum column columns_find(enum report_kind kind, const char *text, size_t len,
                         const char **ret_language);

/* Maps a header row, read as the kind that knows more of its names. No kind knows any: KIND_UNKNOWN. */
void columns_map(const struct delimited_field *fields, size_t count, struct columns *ret);

/* A cell that says the name of a column, in any language: its row is a header. */
bool columns_is_header(enum report_kind kind, struct delimited_field cell);

/* The columns that the kind cannot do without are there, and no field is named by two; else the
 * trouble says which. `line` is the header's. */
int columns_check(const struct columns *c, const char *file, uint64_t line, struct trouble *t);

/* Cells of `field` in this row; empty when there is no such column or the row is cut short. */
static inline struct delimited_field columns_cell(const struct columns *c,
                                                  const struct delimited *row, enum column field) {
    int at = c->at[field];
    if (at < 0 || (size_t)at >= row->count) {
        return (struct delimited_field){"", 0};
    }
    return row->fields[at];
}

/* Can a report of this kind do without the field of this name? One of two will do where either tells the same. */
bool columns_is_needed(enum report_kind kind, const char *field);

/* Walks the table, for tests and lists: row `index` as its four texts; false behind the last. */
struct columns_alias {
    char report[16], field[24], language[4], header[COLUMNS_NAME];
};
bool columns_alias(size_t index, struct columns_alias *ret);

#endif
