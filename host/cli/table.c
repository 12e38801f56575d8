#include "cli/table.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/out.h"
#include "cli/width.h"

enum { GAP = 2 };

/* ---- cells ---- */

static void add(struct table *t, const char *text, const char *style) {
    if (t->count == t->cap) {
        size_t cap = t->cap == 0 ? 64 : t->cap * 2;
        struct table_cell *cells = realloc(t->cells, cap * sizeof *cells);
        if (cells == NULL) {
            t->failed = true;
            return;
        }
        t->cells = cells;
        t->cap = cap;
    }
    char *copy = strdup(text == NULL || text[0] == '\0' ? "-" : text);
    if (copy == NULL) {
        t->failed = true;
        return;
    }
    out_clean(copy, false);
    t->cells[t->count++] = (struct table_cell){copy, style};
}

void table_cell(struct table *t, const char *text) {
    add(t, text, NULL);
}

void table_cellf(struct table *t, const char *fmt, ...) {
    struct buf text = {0};
    va_list ap;
    va_start(ap, fmt);
    buf_vprintf(&text, fmt, ap);
    va_end(ap);
    t->failed |= text.failed;
    add(t, text.data, NULL);
    buf_free(&text);
}

void table_number(struct table *t, double n) {
    if (n == 0) {
        table_cell(t, NULL);
    } else {
        table_cellf(t, "%.0f", n);
    }
}

void table_state(struct table *t, const char *state) {
    add(t, state, out_style(state));
}

void table_finish(struct table *t) {
    for (size_t i = 0; i < t->count; i++) {
        free(t->cells[i].text);
    }
    free(t->cells);
    *t = (struct table){.titles = t->titles, .columns = t->columns};
}

/* ---- layout ---- */

static bool is_right(const struct table *t, size_t column) {
    return t->titles[column][0] == '>';
}

static const char *title_of(const struct table *t, size_t column) {
    return t->titles[column] + is_right(t, column);
}

static size_t sum_of(const size_t *widths, size_t columns) {
    size_t sum = columns == 0 ? 0 : (columns - 1) * GAP;
    for (size_t c = 0; c < columns; c++) {
        sum += widths[c];
    }
    return sum;
}

static void shrink(size_t *width, size_t by) {
    size_t room = *width > TABLE_COLUMN_MIN ? *width - TABLE_COLUMN_MIN : 0;
    *width -= by < room ? by : room;
}

/* The last column gives way first; after it whichever is the widest, but never the first, which
 * names the thing. */
static void fit(size_t *widths, size_t columns, size_t width) {
    size_t sum = sum_of(widths, columns);
    if (sum > width) {
        shrink(&widths[columns - 1], sum - width);
    }
    while (sum_of(widths, columns) > width) {
        size_t widest = columns - 1;
        for (size_t c = 1; c < columns; c++) {
            widest = widths[c] > widths[widest] ? c : widest;
        }
        if (widths[widest] <= TABLE_COLUMN_MIN) {
            return; // a very narrow terminal: it will wrap
        }
        widths[widest]--;
    }
}

static void measure(const struct table *t, size_t *widths) {
    for (size_t c = 0; c < t->columns; c++) {
        widths[c] = width_of(title_of(t, c));
    }
    for (size_t i = 0; i < t->count; i++) {
        size_t width = width_of(t->cells[i].text);
        size_t *column = &widths[i % t->columns];
        *column = width > *column ? width : *column;
    }
}

static void pad(struct buf *out, size_t cells) {
    buf_printf(out, "%*s", (int)cells, "");
}

/* `text`, cut to `width` with a mark where something is missing. Returns the cells it takes. */
static size_t cut(struct buf *out, const char *text, size_t width) {
    size_t cells = 0;
    size_t len = width_fit(text, width, &cells);
    if (text[len] == '\0') {
        buf_add(out, text, len);
        return cells;
    }
    len = width_fit(text, width - 1, &cells);
    buf_add(out, text, len);
    buf_str(out, "…");
    return cells + 1;
}

static void put(struct buf *out, const char *text, const char *style, size_t width, bool right,
                bool last) {
    struct buf shown = {0};
    size_t cells = cut(&shown, text, width);
    if (right) {
        pad(out, width - cells);
    }
    if (style != NULL) {
        buf_printf(out, "\033[%sm%s\033[0m", style, shown.data == NULL ? "" : shown.data);
    } else {
        buf_add(out, shown.data, shown.len);
    }
    if (!right && !last) {
        pad(out, width - cells);
    }
    buf_str(out, last ? "\n" : "  ");
    out->failed |= shown.failed;
    buf_free(&shown);
}

void table_layout(const struct table *t, size_t width, bool colour, struct buf *out) {
    size_t widths[TABLE_COLUMNS_MAX] = {0};
    if (t->columns == 0 || t->columns > TABLE_COLUMNS_MAX || t->failed) {
        return;
    }
    measure(t, widths);
    if (width != 0) {
        fit(widths, t->columns, width);
    }
    for (size_t c = 0; c < t->columns; c++) {
        put(out, title_of(t, c), NULL, widths[c], is_right(t, c), c + 1 == t->columns);
    }
    for (size_t i = 0; i < t->count; i++) {
        size_t c = i % t->columns;
        put(out, t->cells[i].text, colour ? t->cells[i].style : NULL, widths[c], is_right(t, c),
            c + 1 == t->columns);
    }
}

void table_print(const struct cli *cli, struct table *t) {
    struct buf out = {0};
    table_layout(t, cli->out_tty ? (size_t)out_width(STDOUT_FILENO) : 0, cli->colour, &out);
    if (out.failed || t->failed) {
        (void)cli_fail(cli, CLI_FAILED, "out of memory");
    } else {
        (void)fwrite(out.data, 1, out.len, stdout);
    }
    buf_free(&out);
    table_finish(t);
}
