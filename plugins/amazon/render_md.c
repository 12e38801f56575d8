// report.md: what the page shows, for terminals, tickets and repositories.
#include <string.h>

#include "encoding.h"
#include "format.h"
#include "render.h"
#include "tables.h"

// Text inside a line or cell: nothing in it is markup, HTML or a line end.
static void put_text(FILE *out, const char *text) {
    size_t len = strlen(text);
    for (size_t i = 0; i < len;) {
        size_t n = encoding_char(text + i, len - i);
        unsigned char c = (unsigned char)text[i];
        if (n == 1 && (c < 0x20 || c == 0x7F)) {
            (void)fputc(' ', out);
        } else if (encoding_is_hidden(text + i, n)) {
            (void)fputs("\xEF\xBF\xBD", out);
        } else if (strchr("\\`*_[]<>|#!~&", c) != NULL) {
            (void)fprintf(out, c == '<' || c == '&' ? (c == '<' ? "&lt;" : "&amp;") : "\\%c", c);
        } else {
            (void)fwrite(text + i, 1, n, out);
        }
        i += n == 0 ? 1 : n;
    }
}

static void put_table(const struct table *t, FILE *out) {
    (void)fputs("\n## ", out);
    put_text(out, t->title);
    (void)fputs("\n\n", out);
    if (t->intro[0] != '\0') {
        put_text(out, t->intro);
        (void)fputs("\n\n", out);
    }
    for (size_t i = 0; i < t->columns; i++) {
        (void)fputs("| ", out);
        put_text(out, t->head[i].name);
        (void)fputc(' ', out);
    }
    (void)fputs("|\n", out);
    for (size_t i = 0; i < t->columns; i++) {
        (void)fputs(t->head[i].number ? "|---:" : "|---", out);
    }
    (void)fputs("|\n", out);
    for (size_t i = 0; i < t->rows * t->columns; i++) {
        (void)fputs("| ", out);
        put_text(out, t->cells[i]);
        (void)fputs((i + 1) % t->columns == 0 ? " |\n" : " ", out);
    }
    if (t->foot[0] != '\0') {
        (void)fputc('\n', out);
        put_text(out, t->foot);
        (void)fputc('\n', out);
    }
}

static void put_remarks(const char *title, const struct remarks *m, FILE *out) {
    if (m->count == 0) {
        return;
    }
    (void)fprintf(out, "\n## %s\n\n", title);
    for (size_t i = 0; i < m->count; i++) {
        (void)fputs("- ", out);
        put_text(out, m->rows[i].text);
        (void)fputc('\n', out);
    }
}

static void put_bad_rows(const struct report *r, FILE *out) {
    for (size_t i = 0; i < r->bad->count; i++) {
        const struct bad_row *b = &r->bad->list[i];
        (void)fputs("  - ", out);
        put_text(out, r->sources[b->source].file);
        (void)fprintf(out, ", row %llu", (unsigned long long)b->line);
        if (b->column[0] != '\0') {
            (void)fputs(", column ", out);
            put_text(out, b->column);
        }
        (void)fputs(": ", out);
        put_text(out, b->words);
        (void)fputc('\n', out);
    }
}

static void put_sources(const struct report *r, FILE *out) {
    (void)fputs("\n## Files\n\n| File | Kind | Rows | Not read |\n|---|---|---:|---:|\n", out);
    for (size_t i = 0; i < r->source_count; i++) {
        const struct source *s = &r->sources[i];
        (void)fputs("| ", out);
        put_text(out, s->file);
        (void)fprintf(out, " | %s | %s | %s |\n", columns_kind_name(s->kind),
                      format_count((int64_t)s->rows).text,
                      format_count((int64_t)s->notes[NOTE_BAD_ROW]).text);
    }
}

bool render_md(const struct report *r, FILE *out) {
    struct tables tables;
    struct card cards[CARDS_MAX];
    bool whole = tables_build(r, &tables);
    (void)fputs("# Sales analysis\n\n", out);
    put_text(out, tables_scope(r, &tables.pool));
    (void)fputs("\n\n", out);
    size_t n = tables_cards(r, &tables.pool, cards);
    for (size_t i = 0; i < n; i++) {
        (void)fprintf(out, "- **%s**: %s%s%s\n", cards[i].label, cards[i].value,
                      cards[i].note[0] == '\0' ? "" : ", ", cards[i].note);
    }
    put_remarks("What stands out", &r->highlights, out);
    for (size_t i = 0; i < tables.count; i++) {
        put_table(&tables.list[i], out);
    }
    put_remarks("Data quality", &r->quality, out);
    put_bad_rows(r, out);
    put_remarks("Left out", &r->exclusions, out);
    put_remarks("Assumptions", &r->assumptions, out);
    put_sources(r, out);
    whole = whole && !tables.pool.failed;
    tables_free(&tables);
    return whole;
}
