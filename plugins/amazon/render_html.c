// report.html: one page that needs nothing else, neither script nor network.
#include <string.h>

#include "chart.h"
#include "format.h"
#include "html_out.h"
#include "render.h"
#include "report_css.h"
#include "tables.h"

static void put_head(FILE *out) {
    (void)fputs("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
                "<meta name=\"color-scheme\" content=\"light dark\">"
                "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
                "style-src 'unsafe-inline'; img-src data:\">"
                "<link rel=\"icon\" href=\"data:,\"><title>Sales analysis</title>\n<style>\n",
                out);
    (void)fputs(report_css, out);
    (void)fputs("</style></head><body><main>\n", out);
}

static void put_cards(FILE *out, const struct report *r, struct pool *pool) {
    static const char *const tones[] = {"down", "", "up"};
    struct card cards[CARDS_MAX];
    size_t n = tables_cards(r, pool, cards);
    (void)fprintf(out, "<dl class=\"cards%s\">\n", n == 5 || n == 6 ? " three" : "");
    for (size_t i = 0; i < n; i++) {
        (void)fprintf(out, "<div class=\"card\"><dt>%s</dt><dd>", cards[i].label);
        html_text(out, cards[i].value);
        (void)fprintf(out, "</dd><dd class=\"note %s\">", tones[cards[i].trend + 1]);
        html_text(out, cards[i].note);
        (void)fputs("</dd></div>\n", out);
    }
    (void)fputs("</dl>\n", out);
}

static void put_remarks(FILE *out, const char *id, const char *title, const struct remarks *m) {
    if (m->count == 0) {
        return;
    }
    (void)fprintf(out, "<section class=\"card\" id=\"%s\"><h2>%s</h2><ul class=\"remarks\">\n", id,
                  title);
    for (size_t i = 0; i < m->count; i++) {
        (void)fputs(m->rows[i].warning ? "<li class=\"look\">" : "<li>", out);
        html_text(out, m->rows[i].text);
        (void)fputs("</li>\n", out);
    }
    (void)fputs("</ul></section>\n", out);
}

// With an odd number of charts the table of classes stands beside the last one: true.
static bool put_charts(FILE *out, const struct report *r, const struct tables *tables) {
    static bool (*const charts[])(FILE *, const struct report *) = {
        chart_trend, chart_periods, chart_pareto, chart_quadrants, chart_weekdays};
    const struct table *classes = tables_find(tables, "abc");
    unsigned count = 0;
    (void)fputs("<div class=\"charts\">", out); // :empty without one
    for (size_t i = 0; i < sizeof charts / sizeof charts[0]; i++) {
        count += charts[i](out, r);
    }
    bool odd = count % 2 != 0 && classes != NULL;
    if (odd) {
        html_table(out, classes);
    }
    (void)fputs("</div>\n", out);
    return odd;
}

// Small tables stand side by side below the others, in this order.
static const char *const narrow[] = {"abc", "quadrants", "orders", "weekdays", "months"};
enum { NARROW = sizeof narrow / sizeof narrow[0] };

static void put_tables(FILE *out, const struct tables *tables, bool has_classes) {
    for (size_t i = 0; i < tables->count; i++) {
        size_t k = 0;
        while (k < NARROW && strcmp(narrow[k], tables->list[i].id) != 0) {
            k++;
        }
        if (k == NARROW) {
            html_table(out, &tables->list[i]);
        }
    }
    (void)fputs("<div class=\"pairs\">\n", out);
    for (size_t k = has_classes ? 1 : 0; k < NARROW; k++) {
        const struct table *t = tables_find(tables, narrow[k]);
        if (t != NULL) {
            html_table(out, t);
        }
    }
    (void)fputs("</div>\n", out);
}

static void put_bad_rows(FILE *out, const struct report *r) {
    if (r->bad->count == 0) {
        return;
    }
    (void)fputs("<section class=\"card\" id=\"bad-rows\"><h2>Rows that could not be read</h2>"
                "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Rows that could "
                "not be read\"><table><thead><tr><th scope=\"col\">File</th><th scope=\"col\" "
                "class=\"n\">Row</th><th scope=\"col\">Column</th><th scope=\"col\">Problem</th>"
                "</tr></thead><tbody>\n",
                out);
    for (size_t i = 0; i < r->bad->count; i++) {
        const struct bad_row *b = &r->bad->list[i];
        (void)fputs("<tr><td>", out);
        html_text(out, r->sources[b->source].file);
        (void)fprintf(out, "</td><td class=\"n\">%llu</td><td>", (unsigned long long)b->line);
        html_text(out, b->column);
        (void)fputs("</td><td>", out);
        html_text(out, b->words);
        (void)fputs("</td></tr>\n", out);
    }
    (void)fputs("</tbody></table></div></section>\n", out);
}

static void put_sources(FILE *out, const struct report *r) {
    (void)fputs("<section class=\"card\" id=\"files\"><h2>Files</h2><div class=\"wide\" "
                "tabindex=\"0\" role=\"region\" aria-label=\"Files\"><table><thead><tr>"
                "<th scope=\"col\">File</th><th scope=\"col\">Kind</th><th scope=\"col\" "
                "class=\"n\">Rows</th><th scope=\"col\" class=\"n\">Not read</th></tr></thead>"
                "<tbody>\n",
                out);
    for (size_t i = 0; i < r->source_count; i++) {
        const struct source *s = &r->sources[i];
        (void)fputs("<tr><td>", out);
        html_text(out, s->file);
        (void)fprintf(out, "</td><td>%s</td><td class=\"n\">%s</td><td class=\"n\">%s</td></tr>\n",
                      s->kind == KIND_ORDERS ? "orders" : "business report",
                      format_count((int64_t)s->rows).text,
                      format_count((int64_t)s->notes[NOTE_BAD_ROW]).text);
    }
    (void)fputs("</tbody></table></div></section>\n", out);
}

bool render_html(const struct report *r, FILE *out) {
    struct tables tables;
    bool whole = tables_build(r, &tables);
    put_head(out);
    (void)fputs("<header><h1>Sales analysis</h1><p>", out);
    html_text(out, tables_scope(r, &tables.pool));
    (void)fputs("</p></header>\n", out);
    put_cards(out, r, &tables.pool);
    put_remarks(out, "highlights", "What stands out", &r->highlights);
    bool has_classes = put_charts(out, r, &tables);
    put_tables(out, &tables, has_classes);
    (void)fputs("<div class=\"about\">\n", out);
    put_remarks(out, "quality", "Data quality", &r->quality);
    put_bad_rows(out, r);
    put_remarks(out, "exclusions", "Left out", &r->exclusions);
    put_remarks(out, "assumptions", "Assumptions", &r->assumptions);
    put_sources(out, r);
    (void)fprintf(out, "</div>\n<footer>jobhost amazon %s</footer></main></body></html>\n",
                  r->version);
    whole = whole && !tables.pool.failed;
    tables_free(&tables);
    return whole;
}
