// A row of a business report: what an ASIN (and SKU) did in the period.
#include <errno.h>
#include <string.h>

#include "load.h"

enum { ONE_PERCENT = 10000, WHOLE_PPM = 1000000 }; // parts per million

enum cell_kind { CELL_COUNT, CELL_MONEY, CELL_PERCENT };

static const struct {
    enum column column;
    enum cell_kind kind;
    bool required;
    size_t at; // in struct facts_traffic
} cells[] = {
    {COLUMN_SESSIONS, CELL_COUNT, true, offsetof(struct facts_traffic, sessions)},
    {COLUMN_PAGE_VIEWS, CELL_COUNT, false, offsetof(struct facts_traffic, page_views)},
    {COLUMN_BUY_BOX, CELL_PERCENT, false, offsetof(struct facts_traffic, buy_box)},
    {COLUMN_UNITS, CELL_COUNT, true, offsetof(struct facts_traffic, units)},
    {COLUMN_SALES, CELL_MONEY, true, offsetof(struct facts_traffic, sales)},
    {COLUMN_ITEMS, CELL_COUNT, false, offsetof(struct facts_traffic, items)},
    {COLUMN_SESSIONS_B2B, CELL_COUNT, false, offsetof(struct facts_traffic, sessions_b2b)},
    {COLUMN_UNITS_B2B, CELL_COUNT, false, offsetof(struct facts_traffic, units_b2b)},
    {COLUMN_SALES_B2B, CELL_MONEY, false, offsetof(struct facts_traffic, sales_b2b)},
    {COLUMN_ITEMS_B2B, CELL_COUNT, false, offsetof(struct facts_traffic, items_b2b)},
};

// Of B2B twins: a part that is more than its whole is a column under another's name, most likely.
static const struct {
    enum column column, whole;
    size_t at, of; // in struct facts_traffic
} parts[] = {
    {COLUMN_SESSIONS_B2B, COLUMN_SESSIONS, offsetof(struct facts_traffic, sessions_b2b),
     offsetof(struct facts_traffic, sessions)},
    {COLUMN_UNITS_B2B, COLUMN_UNITS, offsetof(struct facts_traffic, units_b2b),
     offsetof(struct facts_traffic, units)},
    {COLUMN_SALES_B2B, COLUMN_SALES, offsetof(struct facts_traffic, sales_b2b),
     offsetof(struct facts_traffic, sales)},
    {COLUMN_ITEMS_B2B, COLUMN_ITEMS, offsetof(struct facts_traffic, items_b2b),
     offsetof(struct facts_traffic, items)},
};

static int64_t *figure(struct facts_traffic *row, size_t at) {
    return (int64_t *)(void *)((char *)row + at);
}

static int take_percent(struct load_row *r, enum column column, int64_t *ret) {
    struct delimited_field cell = load_cell(r, column);
    int rc = number_percent(cell.text, cell.len, r->source->columns.style, ret);
    if (rc == -ENODATA) {
        *ret = NUMBER_NONE;
        return 0;
    }
    if (rc < 0) {
        return load_bad_cell(r, column, "is not a percentage");
    }
    if (*ret > WHOLE_PPM) {
        return load_bad_cell(r, column, "is more than 100%");
    }
    if (*ret > 0) {
        bool fraction = *ret <= ONE_PERCENT && cell.text[cell.len - 1] != '%';
        r->source->notes[fraction ? NOTE_BOX_FRACTION : NOTE_BOX_PERCENT]++;
    }
    return 0;
}

static int take_cells(struct load_row *r, struct facts_traffic *row) {
    for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++) {
        int64_t *to = figure(row, cells[i].at);
        int rc;
        if (r->source->columns.at[cells[i].column] < 0) {
            *to = NUMBER_NONE;
            continue;
        }
        switch (cells[i].kind) {
        case CELL_COUNT: rc = load_count(r, cells[i].column, cells[i].required, to); break;
        case CELL_MONEY: rc = load_money(r, cells[i].column, cells[i].required, to); break;
        case CELL_PERCENT: rc = take_percent(r, cells[i].column, to); break;
        default: rc = 0; break;
        }
        if (rc != 0) {
            return rc;
        }
        if (*to < 0 && *to != NUMBER_NONE) {
            return load_bad(r, cells[i].column, "is negative");
        }
    }
    return 0;
}

static int check_parts(struct load_row *r, struct facts_traffic *row) {
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        int64_t part = *figure(row, parts[i].at), whole = *figure(row, parts[i].of);
        if (part != NUMBER_NONE && whole != NUMBER_NONE && part > whole) {
            char problem[COLUMNS_NAME + 32];
            (void)snprintf(problem, sizeof problem, "is more than all of \"%s\"",
                           r->source->columns.names[parts[i].whole]);
            return load_bad_cell(r, parts[i].column, problem);
        }
    }
    return 0;
}

int load_business_row(struct load_row *r) {
    struct facts_traffic row = {.period = r->source->period, .line = r->from->line};
    bool by_child = r->source->columns.at[COLUMN_CHILD] >= 0;
    int rc = load_asin(r, COLUMN_PARENT, &row.parent);
    if (rc == 0) {
        rc = load_asin(r, COLUMN_CHILD, &row.child);
    }
    if (rc != 0) {
        return rc;
    }
    rc = load_key(r, COLUMN_SKU, &row.sku);
    if (rc != 0) {
        return rc;
    }
    if (row.child.len + row.parent.len + row.sku.len == 0) {
        r->source->notes[NOTE_TOTAL_ROW]++;
        return 0;
    }
    if (by_child ? row.child.len == 0 : row.parent.len == 0) {
        return load_bad(r, by_child ? COLUMN_CHILD : COLUMN_PARENT, "is missing");
    }
    row.child = by_child ? row.child : row.parent;
    row.parent = row.parent.len > 0 ? row.parent : row.child;
    row.title = load_title(r);
    rc = take_cells(r, &row);
    rc = rc == 0 ? check_parts(r, &row) : rc;
    return rc == 0 ? facts_add_traffic(r->load->facts, &row, r->trouble) : rc;
}
