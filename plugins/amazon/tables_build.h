/* How tables are made: for the files tables*.c alone. */
#ifndef AMAZON_TABLES_BUILD_H
#define AMAZON_TABLES_BUILD_H

#include "tables.h"

#define COUNT(array)       (sizeof(array) / sizeof((array)[0]))
#define ROW(t, table, ...) tables_row((t), (table), (const char *const[]){__VA_ARGS__})

/* A new table with room for `rows`; NULL when there are none, or no memory. */
struct table *tables_begin(struct tables *t, const char *id, const char *title, const char *intro,
                           const struct table_column *head, size_t columns, size_t rows);
/* One text a column, copied. */
void tables_row(struct tables *t, struct table *table, const char *const *cells);

void tables_orders(struct tables *t, const struct report *r);

#endif
