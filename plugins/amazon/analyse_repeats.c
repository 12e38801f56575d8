// Business reports that tell the same: one download saved twice, perhaps re-saved with other bytes.
#include "analyse.h"

#define FIGURES_OF_A_ROW                                                                           \
    "parent, child, sku, sessions, page_views, buy_box, units, sales, items, sessions_b2b, "       \
    "units_b2b, sales_b2b, items_b2b"

// Pairs of periods with equal rows; settled rows of a period are distinct but for their titles.
static const char find_equal[] =
    "WITH sums AS (SELECT period, count(*) AS rows, sum(sessions) AS sessions, sum(units) AS "
    "units, "
    "sum(sales) AS sales FROM traffic GROUP BY period) "
    "SELECT a.period, b.period FROM sums AS a JOIN sums AS b ON a.period < b.period "
    "AND a.rows = b.rows AND a.sessions = b.sessions AND a.units = b.units AND a.sales = b.sales "
    "WHERE NOT EXISTS (SELECT " FIGURES_OF_A_ROW " FROM traffic WHERE period = a.period "
    "EXCEPT SELECT " FIGURES_OF_A_ROW " FROM traffic WHERE period = b.period) "
    "ORDER BY b.period, a.period LIMIT 1";

static const char *file_of(const struct report *r, int64_t period) {
    for (size_t i = 0; i < r->source_count; i++) {
        const struct source *s = &r->sources[i];
        if (s->kind == KIND_BUSINESS && !s->repeated && s->period == (int)period) {
            return s->file;
        }
    }
    return "";
}

static int judge(struct analysis *a, int64_t one, int64_t other) {
    struct report *r = a->report;
    if (a->periods[one].dated && a->periods[other].dated) {
        report_remark(r, &r->assumptions, "equal_reports", NUMBER_NONE, true,
                      "%s and %s have the same rows and figures although they are dated "
                      "differently; both count. Leave one out if it is a copy.",
                      file_of(r, one), file_of(r, other));
        return 0;
    }
    return trouble_set(a->trouble, TROUBLE_INPUT, "equal_reports",
                       "%s and %s have the same rows and figures, and nothing says that they are "
                       "about different times: all would count twice; leave one out, or give "
                       "\"periods\"",
                       file_of(r, one), file_of(r, other));
}

int analyse_repeats(struct analysis *a) {
    int64_t one = NUMBER_NONE, other = NUMBER_NONE;
    int rc = query_begin(a, find_equal, NULL, 0);
    if (rc == 0 && (rc = query_next(a)) > 0) {
        one = query_int(a, 0);
        other = query_int(a, 1);
        rc = 0;
    }
    query_end(a);
    return rc < 0 || one == NUMBER_NONE ? rc : judge(a, one, other);
}
