/* Tables for people: cells are collected, then laid out in columns as wide as their widest cell.
 *
 *     struct table t = {.titles = titles, .columns = ARRAY_LEN(titles)};
 *     table_cell(&t, ...) ...    columns cells a row
 *     table_print(cli, &t);
 *
 * On a terminal a row is never longer than a line: the last column is cut first, then the widest
 * ones. In a file or a pipe nothing is cut. What came from outside is made harmless. */
#ifndef JOBHOST_CLI_TABLE_H
#define JOBHOST_CLI_TABLE_H

#include "base/buf.h"
#include "cli/cli.h"

enum { TABLE_COLUMNS_MAX = 12, TABLE_COLUMN_MIN = 8 /* no column is cut shorter */ };

struct table_cell {
    char *text;
    const char *style; /* of out.h, or NULL */
};

struct table {
    const char *const *titles; /* ">TITLE": its cells are numbers and stand on the right */
    size_t columns;
    struct table_cell *cells; /* rows * columns */
    size_t count, cap;
    bool failed;
};

void table_cell(struct table *t, const char *text); /* NULL, "" = "-"; copied and cleaned */
void table_cellf(struct table *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void table_number(struct table *t, double n); /* whole; 0 = "-" */
/* A state, in its colour. */
void table_state(struct table *t, const char *state);

/* The text of it, in lines of at most `width` cells; 0: as long as they are. Pure. */
void table_layout(const struct table *t, size_t width, bool colour, struct buf *out);
/* On standard output; and frees it. */
void table_print(const struct cli *cli, struct table *t);
void table_finish(struct table *t);

#endif
