/* The report as tables of text, once for all renderers that show tables (Markdown, HTML). */
#ifndef AMAZON_TABLES_H
#define AMAZON_TABLES_H

#include "report.h"

enum { TABLES_MAX = 24 };

struct table_column {
    const char *name;
    bool number; /* to the right */
};

struct table {
    const char *id, *title, *intro; /* intro "" = none */
    const struct table_column *head;
    size_t columns, rows;
    const char **cells; /* rows * columns */
    const char *foot;   /* "" = none: what is not shown */
};

struct tables {
    struct pool pool;
    struct table list[TABLES_MAX];
    size_t count;
};

/* False when memory ran out: the tables are then incomplete. */
bool tables_build(const struct report *r, struct tables *ret);
void tables_free(struct tables *t);
const struct table *tables_find(const struct tables *t, const char *id); /* NULL = there is none */

/* The figures at the top. */
struct card {
    const char *label, *value, *note;
    int trend; /* -1 worse, 0 nothing to say, 1 better */
};
enum { CARDS_MAX = 8 };
size_t tables_cards(const struct report *r, struct pool *pool, struct card cards[CARDS_MAX]);

/* "Amazon.co.uk, GBP, 2026-08-01 to 2026-10-31" */
const char *tables_scope(const struct report *r, struct pool *pool);

#endif
