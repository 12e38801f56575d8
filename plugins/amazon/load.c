#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "civil.h"
#include "encoding.h"
#include "load.h"

enum {
    ASIN_LEN = 10,
    CELL_SHOWN = 40, // bytes of a cell in a message
    ROWS_BETWEEN_ASKS = 512,
};

// ---- bad rows ----

static void list_bad(struct load_row *r, const char *column, const char *words) {
    struct bad_rows *bad = r->load->bad;
    r->source->notes[NOTE_BAD_ROW]++;
    if (bad->count < bad->limit) {
        struct bad_row *b = &bad->list[bad->count++];
        b->source = r->index;
        b->line = r->from->line;
        (void)snprintf(b->column, sizeof b->column, "%s", column);
        (void)snprintf(b->words, sizeof b->words, "%s", words);
    }
}

int load_bad(struct load_row *r, enum column field, const char *format, ...) {
    char words[SOURCE_WORDS];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(words, sizeof words, format, args);
    va_end(args);
    list_bad(r, field == COLUMN_COUNT ? "" : r->source->columns.names[field], words);
    return LOAD_ROW_BAD;
}

int load_bad_cell(struct load_row *r, enum column field, const char *problem) {
    struct delimited_field cell = load_cell(r, field);
    char shown[CELL_SHOWN + 1];
    encoding_show(cell.text, cell.len, shown, sizeof shown);
    return load_bad(r, field, "\"%s\" %s", shown, problem);
}

// ---- cells ----

// Memory for converted cells of one row: a row is at most DELIMITED_RECORD_MAX bytes long.
static char *scratch(struct load *l, size_t len) {
    const size_t cap = (size_t)DELIMITED_RECORD_MAX * 6;
    if (l->scratch == NULL) {
        l->scratch = malloc(cap);
    }
    if (l->scratch == NULL || cap - l->scratch_used < len) {
        return NULL;
    }
    char *at = l->scratch + l->scratch_used;
    l->scratch_used += len;
    return at;
}

struct delimited_field load_cell(struct load_row *r, enum column field) {
    struct delimited_field cell = columns_cell(&r->source->columns, r->from, field);
    if (!encoding_is_utf8(cell.text, cell.len)) {
        char *utf8 = scratch(r->load, cell.len * 3);
        if (utf8 == NULL) {
            return (struct delimited_field){"", 0};
        }
        r->source->notes[NOTE_CP1252]++;
        cell.len = encoding_from_cp1252(cell.text, cell.len, utf8);
        cell.text = utf8;
    }
    encoding_trim(&cell.text, &cell.len);
    return cell;
}

int load_key(struct load_row *r, enum column field, struct delimited_field *ret) {
    *ret = load_cell(r, field);
    return ret->len > LOAD_KEY_MAX ? load_bad_cell(r, field, "is longer than 200 bytes") : 0;
}

static bool is_asin(struct delimited_field cell) {
    bool fits = cell.len == ASIN_LEN;
    for (size_t i = 0; i < cell.len && fits; i++) {
        char c = cell.text[i];
        fits = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z');
    }
    return fits;
}

int load_asin(struct load_row *r, enum column field, struct delimited_field *ret) {
    *ret = load_cell(r, field);
    return is_asin(*ret) || ret->len == 0 ? 0 : load_bad_cell(r, field, "is not an ASIN");
}

struct delimited_field load_title(struct load_row *r) {
    struct delimited_field title = load_cell(r, COLUMN_TITLE);
    if (title.len > LOAD_TITLE_MAX) {
        title.len = LOAD_TITLE_MAX;
        while (!encoding_is_utf8(title.text, title.len)) {
            title.len--;
        }
    }
    return title;
}

static int bad_number(struct load_row *r, enum column field, int rc, const char *kind) {
    char problem[96];
    const char *form = r->source->columns.style == NUMBER_COMMA ? "1.234,56" : "1,234.56";
    if (rc == -ENODATA) {
        return load_bad_cell(r, field, "is missing");
    }
    if (rc == -ERANGE) {
        return load_bad_cell(r, field, "is too large");
    }
    (void)snprintf(problem, sizeof problem, "is not %s written like %s", kind, form);
    return load_bad_cell(r, field, problem);
}

int load_count(struct load_row *r, enum column field, bool required, int64_t *ret) {
    struct delimited_field cell = load_cell(r, field);
    int rc = number_count(cell.text, cell.len, r->source->columns.style, ret);
    if (rc == -ENODATA && !required) {
        *ret = NUMBER_NONE;
        return 0;
    }
    return rc == 0 ? 0 : bad_number(r, field, rc, "a whole number");
}

// ---- currency ----

static int other_currency(struct load_row *r, enum column field, const char *code) {
    const struct load *l = r->load;
    return trouble_set(
        r->trouble, TROUBLE_INPUT, "mixed_currencies",
        "%s, row %llu, column \"%s\": an amount in %s, but this report is in %s (by "
        "%s), and there is no exchange rate; analyse each currency in a job of its own%s",
        r->source->file, (unsigned long long)r->from->line, r->source->columns.names[field], code,
        l->currency, l->currency_from,
        r->source->kind == KIND_ORDERS && l->market == NULL
            ? ", or give the marketplace whose lines are to count"
            : "");
}

static int settle_currency(struct load_row *r, enum column field, const char *code) {
    struct load *l = r->load;
    if (strcmp(l->currency, code) == 0) {
        return 0;
    }
    if (l->currency[0] != '\0') {
        return other_currency(r, field, code);
    }
    if (l->bare_amounts && currency_exponent(code) != 2) {
        return trouble_set(r->trouble, TROUBLE_INPUT, "unknown_currency",
                           "%s, row %llu: the currency is %s, but earlier amounts had none; give "
                           "\"currency\" in the request",
                           r->source->file, (unsigned long long)r->from->line, code);
    }
    memcpy(l->currency, code, CURRENCY_TEXT);
    l->currency_from = r->source->file;
    return 0;
}

int load_currency(struct load_row *r, enum column field, struct delimited_field cell) {
    char code[CURRENCY_TEXT] = "";
    if (cell.len == 0) {
        return 0;
    }
    if (cell.len == CURRENCY_TEXT - 1) {
        memcpy(code, cell.text, cell.len);
    }
    return currency_exponent(code) < 0 ? load_bad_cell(r, field, "is not a currency code")
                                       : settle_currency(r, field, code);
}

int load_money(struct load_row *r, enum column field, bool required, int64_t *ret) {
    struct load *l = r->load;
    struct delimited_field cell = load_cell(r, field);
    struct money money;
    int rc = money_parse(cell.text, cell.len, r->source->columns.style, l->currency, &money);
    *ret = NUMBER_NONE;
    if (rc == -ENODATA && !required) {
        return 0;
    }
    if (rc < 0) {
        return bad_number(r, field, rc, "an amount");
    }
    if (money.currency[0] == '\0') {
        l->bare_amounts = l->bare_amounts || l->currency[0] == '\0';
    } else {
        r->source->notes[NOTE_GUESSED_SIGN] += money.guessed && l->currency[0] == '\0';
        rc = settle_currency(r, field, money.currency);
    }
    *ret = money.minor;
    return rc;
}

// ---- all rows ----

static int unreadable(struct load_row *r) {
    const struct columns *c = &r->source->columns;
    size_t column = r->from->column;
    const char *name = "";
    for (int i = 0; i < COLUMN_COUNT; i++) {
        if (c->at[i] >= 0 && (size_t)c->at[i] + 1 == column) {
            name = c->names[i];
        }
    }
    return trouble_set(r->trouble, TROUBLE_INPUT, "unreadable",
                       "%s, row %llu, column %zu%s%s%s: %s", r->source->file,
                       (unsigned long long)r->from->line, column, name[0] == '\0' ? "" : " (\"",
                       name, name[0] == '\0' ? "" : "\")", r->from->problem);
}

// Where a header would stand out from rows.
static bool is_header(const struct load_row *r) {
    const struct columns *c = &r->source->columns;
    enum column key = r->source->kind == KIND_ORDERS ? COLUMN_ORDER : COLUMN_UNITS;
    return columns_is_header(c->kind, columns_cell(c, r->from, key));
}

// Another export pasted behind this one begins with its own header. Order lines say themselves when
// they were; two business reports in one file would be of one period.
static int take_header(struct load_row *r) {
    const struct source *s = r->source;
    if (s->kind == KIND_BUSINESS) {
        return trouble_set(r->trouble, TROUBLE_INPUT, "two_reports",
                           "%s, row %llu: a second header; a file holds one business report, for "
                           "each is about a period of its own: give each as a file",
                           s->file, (unsigned long long)r->from->line);
    }
    columns_map(r->from->fields, r->from->count, &r->source->columns);
    r->source->notes[NOTE_REPEATED_HEADER]++;
    r->load->sections++;
    return columns_check(&s->columns, s->file, r->from->line, r->trouble);
}

// A cell at this place says that its line is a row.
static bool marks_row(const struct columns *c, size_t column, struct delimited_field cell) {
    int32_t day;
    int64_t seconds;
    encoding_trim(&cell.text, &cell.len);
    if (c->kind == KIND_ORDERS) {
        return c->at[COLUMN_PURCHASED] == (int)column &&
               civil_parse_stamp(cell.text, cell.len, &day, &seconds) == 0;
    }
    return (c->at[COLUMN_CHILD] == (int)column || c->at[COLUMN_PARENT] == (int)column) &&
           is_asin(cell);
}

// Titles may hold line ends. But when a line in the field at `index` has its key where rows have
// it, or is whole and as wide as a row, an open quote took it in.
static bool holds_row(const struct columns *c, struct delimited_field field, size_t index,
                      char delimiter) {
    size_t column = index, from = 0;
    bool whole = false; // the line began inside of the field
    for (size_t i = 0; i <= field.len; i++) {
        if (i < field.len && field.text[i] != delimiter && field.text[i] != '\n') {
            continue;
        }
        if (marks_row(c, column, (struct delimited_field){field.text + from, i - from})) {
            return true;
        }
        from = i + 1;
        column++;
        if (i < field.len && field.text[i] == '\n') {
            if (whole && column >= c->count) {
                return true;
            }
            whole = true;
            column = 0;
        }
    }
    return false;
}

static int check_swallowed(struct load_row *r) {
    struct delimited *d = r->from;
    for (size_t i = 0; i < d->count; i++) {
        if (memchr(d->fields[i].text, '\n', d->fields[i].len) != NULL &&
            holds_row(&r->source->columns, d->fields[i], i, r->source->delimiter)) {
            d->column = i + 1;
            d->problem = delimited_swallows;
            return unreadable(r);
        }
    }
    return 0;
}

static bool has_surplus(const struct load_row *r) {
    for (size_t i = r->source->columns.count; i < r->from->count; i++) {
        if (r->from->fields[i].len > 0) {
            return true;
        }
    }
    return false;
}

// Delimiters and blanks alone: a spreadsheet's empty row.
static bool is_blank(const struct load_row *r) {
    for (size_t i = 0; i < r->from->count; i++) {
        struct delimited_field cell = r->from->fields[i];
        encoding_trim(&cell.text, &cell.len);
        if (cell.len > 0) {
            return false;
        }
    }
    return true;
}

static int take_row(struct load_row *r, int found) {
    bool orders = r->source->kind == KIND_ORDERS;
    r->load->scratch_used = 0;
    if (found == DELIMITED_ROW && is_blank(r)) {
        return 0;
    }
    if (found == DELIMITED_ROW && r->from->lines > 1 && check_swallowed(r) < 0) {
        return -1;
    }
    if (found == DELIMITED_ROW && is_header(r)) {
        return take_header(r);
    }
    r->source->rows++;
    if (found == DELIMITED_SKIPPED) {
        return load_bad(r, COLUMN_COUNT, "column %zu has %s", r->from->column, r->from->problem);
    }
    if (r->from->unended && r->from->count < r->source->columns.count) {
        return load_bad(r, COLUMN_COUNT,
                        "the file ends in the middle of this row, after %zu of %zu columns: the "
                        "download was cut off",
                        r->from->count, r->source->columns.count);
    }
    if (has_surplus(r)) {
        return load_bad(r, COLUMN_COUNT, "%zu columns, the header has %zu", r->from->count,
                        r->source->columns.count);
    }
    return orders ? load_orders_row(r) : load_business_row(r);
}

static int stop_or_go_on(struct load *l, struct delimited *d, struct trouble *t) {
    return l->progress != NULL && l->progress(l->arg, d->offset)
               ? trouble_set(t, TROUBLE_STOPPED, "stopped", "asked to stop")
               : 0;
}

static int read_rows(struct load_row *r) {
    uint64_t turn = 0;
    int found = delimited_next(r->from); // the header
    r->first = r->from->line + 1;
    while (found == DELIMITED_ROW && (found = delimited_next(r->from)) > 0) {
        if (found == DELIMITED_UNREADABLE) {
            return unreadable(r);
        }
        if (take_row(r, found) < 0 ||
            (++turn % ROWS_BETWEEN_ASKS == 0 && stop_or_go_on(r->load, r->from, r->trouble) < 0)) {
            return -1;
        }
        found = DELIMITED_ROW;
    }
    if (found < 0) {
        return trouble_set(r->trouble, TROUBLE_RESOURCE, "read", "%s cannot be read: %s",
                           r->source->file, strerror(-found));
    }
    return found == DELIMITED_END ? stop_or_go_on(r->load, r->from, r->trouble) : unreadable(r);
}

// A report of which nothing can be used is not a report without sales.
static int check_rows(struct load_row *r) {
    const struct source *s = r->source;
    const struct bad_rows *bad = r->load->bad;
    unsigned long long first = r->first;
    if (s->rows == 0) {
        return trouble_set(r->trouble, TROUBLE_INPUT, "no_rows",
                           "%s, row %llu: there are no rows below the header", s->file, first);
    }
    if (s->notes[NOTE_OTHER_MARKET] > 0 &&
        s->notes[NOTE_OTHER_MARKET] + s->notes[NOTE_BAD_ROW] == s->rows) {
        return trouble_set(
            r->trouble, TROUBLE_INPUT, "other_marketplace",
            "%s, column \"%s\": no line was sold on %s; give the right marketplace, or "
            "none for all",
            s->file, s->columns.names[COLUMN_CHANNEL], r->load->market->channel);
    }
    uint64_t used = s->rows - s->notes[NOTE_BAD_ROW] - s->notes[NOTE_TOTAL_ROW] -
                    s->notes[NOTE_OTHER_MARKET] - s->notes[NOTE_NOT_AMAZON];
    if (used > 0) {
        return 0;
    }
    if (s->notes[NOTE_BAD_ROW] < s->rows) {
        return trouble_set(
            r->trouble, TROUBLE_INPUT, "no_rows",
            "%s, row %llu: of %llu rows below the header none counts: %llu cannot be "
            "read, %llu have no ASIN, %llu were not sold on Amazon, %llu on another "
            "marketplace",
            s->file, first, (unsigned long long)s->rows, (unsigned long long)s->notes[NOTE_BAD_ROW],
            (unsigned long long)s->notes[NOTE_TOTAL_ROW],
            (unsigned long long)s->notes[NOTE_NOT_AMAZON],
            (unsigned long long)s->notes[NOTE_OTHER_MARKET]);
    }
    for (size_t i = 0; i < bad->count; i++) {
        const struct bad_row *b = &bad->list[i];
        if (b->source == r->index) {
            return trouble_set(r->trouble, TROUBLE_INPUT, "no_good_rows",
                               "%s: none of %llu rows can be read; row %llu, column \"%s\": %s",
                               s->file, (unsigned long long)s->rows, (unsigned long long)b->line,
                               b->column, b->words);
        }
    }
    return trouble_set(r->trouble, TROUBLE_INPUT, "no_good_rows",
                       "%s, row %llu: none of %llu rows can be read", s->file, first,
                       (unsigned long long)s->rows);
}

int load_read(struct load *l, int fd, struct source *sources, size_t index, struct trouble *t) {
    struct source *s = &sources[index];
    struct delimited d;
    struct load_row r = {.load = l, .source = s, .index = index, .from = &d, .trouble = t};
    int rc = delimited_open(&d, fd);
    if (rc < 0) {
        return trouble_set(t, TROUBLE_RESOURCE, "read", "%s cannot be read: %s", s->file,
                           strerror(-rc));
    }
    delimited_format(&d, s->delimiter);
    l->sections += s->kind == KIND_ORDERS;
    rc = read_rows(&r);
    delimited_close(&d);
    return rc < 0 ? rc : check_rows(&r);
}

void load_finish(struct load *l) {
    free(l->scratch);
    l->scratch = NULL;
}
