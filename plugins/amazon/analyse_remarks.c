// What was assumed, left out and found wanting: said in every report.
#include <string.h>

#include "analyse.h"
#include "format.h"

enum { GAPS_SAID = 5 };

static uint64_t noted(const struct report *r, enum note note) {
    uint64_t sum = 0;
    for (size_t i = 0; i < r->source_count; i++) {
        sum += r->sources[i].notes[note];
    }
    return sum;
}

// ---- assumptions ----

static void assume_periods(struct report *r) {
    const struct business *b = &r->business;
    bool lengths = false;
    for (size_t i = 0; i < b->period_count; i++) {
        const struct report_period *p = &b->periods[i];
        if (p->origin == PERIOD_FILE_NAME) {
            report_remark(r, &r->assumptions, "period_from_file_name", NUMBER_NONE, p->doubtful,
                          "The period of %s was taken from its name: %s to %s.%s", p->file,
                          format_day(p->from).text, format_day(p->to).text,
                          p->doubtful ? " The name has other numbers; give \"periods\" to be sure."
                                      : "");
        } else if (p->origin == PERIOD_UNKNOWN) {
            report_remark(
                r, &r->assumptions, "period_unknown", NUMBER_NONE, true,
                "Nothing says which time %s is about; undated reports are taken in the "
                "order they were given, after the dated ones%s. Give \"periods\" to date it.",
                p->file,
                b->period_count > 1 ? ", and totals add them even if their times overlap" : "");
        }
        lengths = lengths || p->growth.by_day;
    }
    if (lengths) {
        report_remark(r, &r->assumptions, "periods_differ_in_length", NUMBER_NONE, false,
                      "Periods differ in length: where they do, changes are of figures per day. As "
                      "many whole months compare whole.");
    }
}

static void assume_buy_box(struct report *r) {
    for (size_t i = 0; i < r->source_count; i++) {
        const struct source *s = &r->sources[i];
        if (s->notes[NOTE_BOX_FRACTION] > 0 && s->notes[NOTE_BOX_PERCENT] == 0) {
            report_remark(r, &r->assumptions, "buy_box_fraction",
                          (int64_t)s->notes[NOTE_BOX_FRACTION], true,
                          "No Buy Box percentage of %s is over 1 or has a percent sign; they were "
                          "read as percent, but look like fractions (0.97 for 97%%).",
                          s->file);
        }
    }
}

static void assume_business(struct report *r) {
    assume_periods(r);
    report_remark(r, &r->assumptions, "sessions_once", NUMBER_NONE, false,
                  "SKU rows repeat the traffic of their ASIN: sessions and page views are counted "
                  "once per parent and child ASIN, sales are added over the SKUs, and percentages "
                  "are computed anew from the sums.");
    report_remark(r, &r->assumptions, "buy_box_weighted", NUMBER_NONE, false,
                  "Buy Box percentages are averaged by page views.");
    assume_buy_box(r);
    report_remark(r, &r->assumptions, "order_items", NUMBER_NONE, false,
                  "Business reports know order items, not orders: several items of one order count "
                  "each. Orders and order values are only known from order reports.");
}

static void assume_gaps(struct report *r) {
    const struct orders *o = &r->orders;
    for (size_t i = 0; i < o->gap_count && i < GAPS_SAID; i++) {
        const struct gap *g = &o->gaps[i];
        report_remark(r, &r->assumptions, g->inside ? "orders_far_apart" : "orders_gap",
                      g->to - g->from + 1, true,
                      "No order line is of %s to %s (%s days)%s; these days are unknown, not days "
                      "without sales.%s",
                      format_day(g->from).text, format_day(g->to).text,
                      format_count(g->to - g->from + 1).text,
                      g->inside ? ", more than a year: look for lines with a wrong date"
                                : ", between two exports",
                      g->inside ? "" : " Give the export of that time too.");
    }
    if (o->gap_count > GAPS_SAID) {
        report_remark(r, &r->assumptions, "orders_gap", (int64_t)(o->gap_count - GAPS_SAID), true,
                      "%s more such gaps are in the data.",
                      format_count((int64_t)(o->gap_count - GAPS_SAID)).text);
    }
}

static void assume_returns(struct report *r) {
    const struct returned *back = &r->orders.returned;
    if (back->lines > 0) {
        report_remark(r, &r->assumptions, "returned_lines", back->lines, true,
                      "%s order line%s of %s came back or %s rejected by the buyer (order-status); "
                      "they are part of revenue, for the reports do not tell what was refunded.",
                      format_count(back->lines).text, back->lines == 1 ? "" : "s",
                      format_money(r, back->revenue).text, back->lines == 1 ? "was" : "were");
    }
}

static void assume_asins(struct report *r) {
    const struct lacking *l = &r->orders.by_sku;
    if (l->lines > 0) {
        report_remark(r, &r->assumptions, "asin_by_sku", l->lines, false,
                      "%s of %s tell no ASIN; the one that the SKU has in the other files given "
                      "was taken.",
                      format_many(l->lines, "order line").text, format_many(l->skus, "SKU").text);
    }
}

static void assume_orders(struct report *r) {
    assume_gaps(r);
    assume_returns(r);
    assume_asins(r);
    report_remark(r, &r->assumptions, "item_price", NUMBER_NONE, false,
                  "Revenue of orders is item-price as reported: the total of the line before "
                  "promotion discounts, without shipping; in Europe it holds VAT.");
    report_remark(r, &r->assumptions, "days_as_written", NUMBER_NONE, false,
                  "Days are those of purchase-date as written in the file, in its own offset "
                  "(usually UTC); Seller Central's days follow the marketplace's time zone.");
    report_remark(r, &r->assumptions, "order_day", NUMBER_NONE, false,
                  "An order counts on the day of its first line. Weeks begin on Monday.");
}

static void assume_currency(struct report *r) {
    int64_t bare = (int64_t)noted(r, NOTE_BARE_PRICE);
    if (bare > 0 && r->currency[0] != '\0') {
        report_remark(r, &r->assumptions, "currency_of_lines", bare, false,
                      "%s ha%s a price and no currency; %s read as %s.",
                      format_many(bare, "order line").text, bare == 1 ? "s" : "ve",
                      bare == 1 ? "it was" : "they were", r->currency);
    }
    if (r->currency[0] == '\0') {
        report_remark(r, &r->assumptions, "currency_unknown", NUMBER_NONE, true,
                      "No currency was found; amounts are read with two decimals. Give "
                      "\"currency\" or \"marketplace\".");
    } else if (noted(r, NOTE_GUESSED_SIGN) > 0) {
        report_remark(r, &r->assumptions, "currency_guessed", NUMBER_NONE, true,
                      "The currency sign in the reports is shared by several currencies; it was "
                      "read as %s. Give \"currency\" or \"marketplace\" to be sure.",
                      r->currency);
    }
}

// ---- exclusions ----

static void exclude(struct report *r, const char *code, int64_t count, const char *one,
                    const char *many) {
    if (count > 0) {
        report_remark(r, &r->exclusions, code, count, false, "%s %s", format_count(count).text,
                      count == 1 ? one : many);
    }
}

static void exclude_lines(struct report *r, const char *code, const struct left_out *l,
                          const char *noun, const char *words) {
    if (l->lines > 0) {
        report_remark(r, &r->exclusions, code, l->lines, false, "%s %s (%s, in %s).",
                      format_many(l->lines, noun).text, words, format_many(l->units, "unit").text,
                      format_many(l->orders, "order").text);
    }
}

static void exclusions(struct analysis *a) {
    struct report *r = a->report;
    exclude(r, "bad_rows", (int64_t)noted(r, NOTE_BAD_ROW),
            "row could not be read and is counted nowhere; see data quality.",
            "rows could not be read and are counted nowhere; see data quality.");
    exclude(r, "total_rows", (int64_t)noted(r, NOTE_TOTAL_ROW),
            "row without an ASIN is a total of the report itself.",
            "rows without an ASIN are totals of the report itself.");
    exclude_lines(r, "cancelled_lines", &r->orders.cancelled, "cancelled order line", "left out");
    exclude_lines(r, "pending_lines", &r->orders.pending, "pending order line",
                  "without a price yet");
    exclude_lines(r, "unpriced_lines", &r->orders.unpriced, "other order line", "without a price");
    exclude(r, "repeated_lines", (int64_t)a->settled->repeated_lines,
            "order line stood in several exports; the one updated last counts, once.",
            "order lines stood in several exports; the one updated last counts, once.");
    exclude(r, "not_amazon", (int64_t)noted(r, NOTE_NOT_AMAZON),
            "order line was not sold on Amazon (another shop that Amazon delivers for).",
            "order lines were not sold on Amazon (other shops that Amazon delivers for).");
    exclude(r, "other_marketplace", (int64_t)noted(r, NOTE_OTHER_MARKET),
            "order line was sold on another marketplace than the one asked for.",
            "order lines were sold on another marketplace than the one asked for.");
    exclude(r, "repeated_rows", (int64_t)a->settled->repeated_rows,
            "row of a business report stood there twice, all figures equal; it counts once.",
            "rows of business reports stood there twice, all figures equal; each counts once.");
    for (size_t i = 0; i < r->source_count; i++) {
        if (r->sources[i].repeated) {
            report_remark(r, &r->exclusions, "repeated_file", 1, true,
                          "%s holds the same bytes as an earlier file and was not read again.",
                          r->sources[i].file);
        }
    }
}

// ---- data quality ----

static void quality(struct report *r, const char *code, int64_t count, const char *one,
                    const char *many) {
    if (count > 0) {
        report_remark(r, &r->quality, code, count, true, "%s %s", format_count(count).text,
                      count == 1 ? one : many);
    }
}

static int64_t repeated_files(const struct report *r) {
    int64_t count = 0;
    for (size_t i = 0; i < r->source_count; i++) {
        count += r->sources[i].repeated;
    }
    return count;
}

static void quality_of_columns(struct report *r) {
    for (size_t i = 0; i < r->source_count; i++) {
        const struct source *s = &r->sources[i];
        if (s->columns.unknown > 0 && !s->repeated) {
            report_remark(r, &r->quality, "unknown_columns", (int64_t)s->columns.unknown, true,
                          "%s has columns that are not known and were not read: %s.", s->file,
                          s->columns.unknown_names);
        }
        if (s->columns.at[COLUMN_PERSONAL] >= 0 && !s->repeated) {
            report_remark(r, &r->quality, "personal_data", NUMBER_NONE, false,
                          "%s holds personal data (such as \"%s\"); it was not read.", s->file,
                          s->columns.names[COLUMN_PERSONAL]);
        }
    }
}

static void quality_of_told(struct report *r, const struct told *told, const char *one,
                            const char *many) {
    char unknown[256] = "";
    int64_t count = 0;
    for (size_t i = 0; i < told->count; i++) {
        const struct partly *p = &told->rows[i];
        size_t used = strlen(unknown);
        if (p->told == 0 && p->rows > 0) {
            (void)snprintf(unknown + used, sizeof unknown - used, "%s%s", used == 0 ? "" : ", ",
                           p->name);
            count++;
        } else if (p->told < p->rows) {
            report_remark(r, &r->quality, "partly_known", p->rows - p->told, true,
                          "Only %s of %s %s tell %s; sums are of these, and shares and averages "
                          "are computed within these alone.",
                          format_count(p->told).text, format_count(p->rows).text, many, p->name);
        }
    }
    if (count > 0) {
        report_remark(r, &r->quality, "not_told", count, true, "No %s tells: %s.", one, unknown);
    }
}

static void quality_of_lacking(struct report *r, const char *code, const struct lacking *l,
                               const char *what) {
    if (l->skus > 0) {
        report_remark(r, &r->quality, code, l->skus, true,
                      "%s without an ASIN in some export %s %s (%s%s): %s %s %s ranked under the "
                      "SKU.",
                      format_many(l->skus, "SKU").text, l->skus == 1 ? "has" : "have", what,
                      l->first, l->skus > LACKING_NAMED ? ", ..." : "",
                      l->skus == 1 ? "its" : "their", format_many(l->lines, "order line").text,
                      l->lines == 1 ? "is" : "are");
    }
}

static void qualities(struct analysis *a) {
    struct report *r = a->report;
    const struct business *b = &r->business;
    quality(r, "bad_rows", (int64_t)noted(r, NOTE_BAD_ROW), "row could not be read.",
            "rows could not be read.");
    quality(r, "repeated_rows", (int64_t)a->settled->repeated_rows,
            "row of a business report stood there twice.",
            "rows of business reports stood there twice.");
    quality(r, "repeated_lines", (int64_t)a->settled->repeated_lines,
            "order line stood in several exports.", "order lines stood in several exports.");
    quality(r, "repeated_file", repeated_files(r), "file came twice.", "files came twice.");
    quality(r, "not_utf8", (int64_t)noted(r, NOTE_CP1252),
            "cell was not UTF-8 and was read as Windows-1252.",
            "cells were not UTF-8 and were read as Windows-1252.");
    quality(r, "repeated_header", (int64_t)noted(r, NOTE_REPEATED_HEADER),
            "more header stood inside a file: exports pasted together. Each was read as an export "
            "of its own.",
            "more headers stood inside files: exports pasted together. Each was read as an export "
            "of its own.");
    quality(r, "no_update_time", (int64_t)noted(r, NOTE_NO_UPDATE),
            "order line has no last-updated-date; among equal lines any dated one is newer.",
            "order lines have no last-updated-date; among equal lines any dated one is newer.");
    quality(r, "uneven_sessions", (int64_t)a->settled->uneven_entries,
            "ASIN has SKU rows that disagree about its sessions; the largest was taken.",
            "ASINs have SKU rows that disagree about the ASIN's sessions; the largest was taken.");
    quality(r, "units_without_sessions", b->units_without_sessions,
            "ASIN in a period has units but no session; they count in totals, and raise the "
            "conversion.",
            "ASINs in a period have units but no session; they count in totals, and raise the "
            "conversion.");
    quality(r, "over_100_percent", b->over_100_percent,
            "ASIN in a period has more units than sessions (a conversion over 100%).",
            "ASINs in a period have more units than sessions (a conversion over 100%).");
    quality_of_told(r, &b->told, "row of business reports", "rows of business reports");
    quality_of_told(r, &r->orders.told, "order line", "order lines");
    quality_of_lacking(r, "ambiguous_sku", &r->orders.ambiguous, "several in the files given");
    quality_of_lacking(r, "asin_unknown", &r->orders.unknown, "none in any file given");
    quality_of_columns(r);
    if (r->quality.count == 0) {
        report_remark(r, &r->quality, "clean", 0, false, "Nothing to remark: every row was read.");
    }
}

void analyse_remarks(struct analysis *a) {
    struct report *r = a->report;
    if (r->has_business) {
        assume_business(r);
    }
    if (r->has_orders) {
        assume_orders(r);
    }
    if (r->has_business && r->has_orders) {
        report_remark(r, &r->assumptions, "not_added", NUMBER_NONE, false,
                      "Business reports and orders tell of the same sales from two sides: they are "
                      "compared, never added.");
    }
    assume_currency(r);
    exclusions(a);
    qualities(a);
}
