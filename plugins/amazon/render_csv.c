// Whole rankings for spreadsheets: amounts as decimals, shares as percentages, a header line.
#include <string.h>

#include "render.h"

enum cell { CELL_TEXT, CELL_INT, CELL_MONEY, CELL_RATE };

struct csv_column {
    const char *header;
    enum cell kind;
};

static const struct csv_column products[] = {
    {"rank", CELL_INT},
    {"key", CELL_TEXT},
    {"parent", CELL_TEXT},
    {"asin", CELL_TEXT},
    {"title", CELL_TEXT},
    {"sales", CELL_MONEY},
    {"units", CELL_INT},
    {"order_items", CELL_INT},
    {"sessions", CELL_INT},
    {"page_views", CELL_INT},
    {"conversion", CELL_RATE},
    {"buy_box", CELL_RATE},
    {"sales_b2b", CELL_MONEY},
    {"units_b2b", CELL_INT},
    {"sales_period_before", CELL_MONEY},
    {"sales_last_period", CELL_MONEY},
};
#define PRODUCTS                                                                                   \
    "SELECT rank, key, parent, asin, title, sales, units, items, sessions, page_views, "           \
    "CASE WHEN sessions > 0 THEN (units * 2000000 + sessions) / (2 * sessions) END, "              \
    "CASE WHEN box_weight > 0 THEN (box_sum * 2 + box_weight) / (2 * box_weight) END, sales_b2b, " \
    "units_b2b, sales_before, sales_last FROM "

static const struct csv_column sold[] = {
    {"rank", CELL_INT},      {"key", CELL_TEXT},
    {"asin", CELL_TEXT},     {"title", CELL_TEXT},
    {"revenue", CELL_MONEY}, {"units", CELL_INT},
    {"lines", CELL_INT},     {"cancelled_lines", CELL_INT},
};
#define SOLD "SELECT rank, key, asin, title, sales, units, lines, cancelled FROM "

static const struct {
    const char *table, *sql;
    const struct csv_column *columns;
    size_t count;
} tables[] = {
    {"asins", PRODUCTS "asin_rank ORDER BY rank", products, sizeof products / sizeof products[0]},
    {"skus", PRODUCTS "sku_rank ORDER BY rank", products, sizeof products / sizeof products[0]},
    {"parents", PRODUCTS "parent_rank ORDER BY rank", products,
     sizeof products / sizeof products[0]},
    {"sold_asins", SOLD "sold_asin_rank ORDER BY rank", sold, sizeof sold / sizeof sold[0]},
    {"sold_skus", SOLD "sold_sku_rank ORDER BY rank", sold, sizeof sold / sizeof sold[0]},
};

// Whether a spreadsheet may take what begins here for a formula; fullwidth signs too.
static bool is_formula(const char *text, size_t len) {
    static const char wide[][4] = {"\xEF\xBC\x9D", "\xEF\xBC\x8B", "\xEF\xBC\x8D", "\xEF\xBC\xA0"};
    if (len > 0 && text[0] != '\0' && strchr("=+-@", text[0]) != NULL) {
        return true;
    }
    for (size_t i = 0; i < sizeof wide / sizeof wide[0]; i++) {
        if (len >= 3 && memcmp(text, wide[i], 3) == 0) {
            return true;
        }
    }
    return false;
}

// In quotes, doubled inside; control characters become blanks. "=1+1" must not become a formula,
// neither at the beginning nor behind what another spreadsheet takes for the end of a cell.
static void put_text(FILE *out, const char *text, size_t len) {
    bool begins = true;
    (void)fputc('"', out);
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (begins && is_formula(text + i, len - i)) {
            (void)fputc('\'', out);
        }
        begins = c == ';' || c < 0x20 || (begins && c == ' ');
        if (c == '"') {
            (void)fputc('"', out);
        }
        (void)fputc(c < 0x20 || c == 0x7F ? ' ' : c, out);
    }
    (void)fputc('"', out);
}

static void put_decimal(FILE *out, int64_t value, int decimals) {
    uint64_t unit = 1;
    for (int i = 0; i < decimals; i++) {
        unit *= 10;
    }
    uint64_t size = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    (void)fprintf(out, "%s%llu", value < 0 ? "-" : "", (unsigned long long)(size / unit));
    if (decimals > 0) {
        (void)fprintf(out, ".%0*llu", decimals, (unsigned long long)(size % unit));
    }
}

static void put_cell(FILE *out, sqlite3_stmt *s, int at, enum cell kind, int exponent) {
    if (sqlite3_column_type(s, at) == SQLITE_NULL) {
        return;
    }
    switch (kind) {
    case CELL_TEXT:
        put_text(out, (const char *)sqlite3_column_text(s, at),
                 (size_t)sqlite3_column_bytes(s, at));
        return;
    case CELL_MONEY: put_decimal(out, sqlite3_column_int64(s, at), exponent); return;
    case CELL_RATE: put_decimal(out, sqlite3_column_int64(s, at), 4); return; // ppm as percent
    case CELL_INT: put_decimal(out, sqlite3_column_int64(s, at), 0); return;
    }
}

static int put_table(struct facts *f, const struct report *r, size_t index, FILE *out,
                     struct trouble *t) {
    sqlite3_stmt *s = NULL;
    int rc = sqlite3_prepare_v2(facts_db(f), tables[index].sql, -1, &s, NULL);
    if (rc != SQLITE_OK) {
        return facts_trouble(f, t);
    }
    (void)fputs("\xEF\xBB\xBF", out); // else Excel reads the file in the machine's own encoding
    for (size_t i = 0; i < tables[index].count; i++) {
        const struct csv_column *c = &tables[index].columns[i];
        (void)fprintf(out, "%s%s%s", i == 0 ? "" : ",", c->header,
                      c->kind == CELL_RATE ? "_percent" : "");
    }
    (void)fputc('\n', out);
    while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
        for (size_t i = 0; i < tables[index].count; i++) {
            (void)fputs(i == 0 ? "" : ",", out);
            put_cell(out, s, (int)i, tables[index].columns[i].kind, r->exponent);
        }
        (void)fputc('\n', out);
    }
    if (rc != SQLITE_DONE) {
        (void)facts_trouble(f, t);
    }
    (void)sqlite3_finalize(s);
    return rc == SQLITE_DONE ? 0 : -1;
}

int render_csv(struct facts *f, const struct report *r, const char *table, FILE *out,
               struct trouble *t) {
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        if (strcmp(tables[i].table, table) == 0) {
            return put_table(f, r, i, out, t);
        }
    }
    return trouble_set(t, TROUBLE_BUG, "csv", "no table %s", table);
}
