// report.json: every figure of the report under the names of its members.
#include <string.h>
#include <time.h>

#include "format.h"
#include "render.h"
#include "render_json.h"

// ---- about the data ----

static void put_remarks(struct json_out *j, const char *key, const struct remarks *m) {
    json_open(j, key, '[');
    for (size_t i = 0; i < m->count; i++) {
        json_open(j, NULL, '{');
        json_text(j, "code", m->rows[i].code);
        json_int(j, "count", m->rows[i].count);
        json_bool(j, "warning", m->rows[i].warning);
        json_text(j, "text", m->rows[i].text);
        json_close(j, '}');
    }
    json_close(j, ']');
}

static void put_sources(struct json_out *j, const struct report *r) {
    json_open(j, "inputs", '[');
    for (size_t i = 0; i < r->source_count; i++) {
        const struct source *s = &r->sources[i];
        const char delimiter[2] = {s->delimiter, '\0'};
        json_open(j, NULL, '{');
        json_text(j, "file", s->file);
        json_text(j, "kind", columns_kind_name(s->kind));
        json_int(j, "bytes", (int64_t)s->bytes);
        json_text(j, "sha256", s->sha256);
        json_text(j, "delimiter", delimiter);
        json_text(j, "language", s->columns.language);
        json_int(j, "columns", (int64_t)s->columns.count);
        json_int(j, "rows", (int64_t)s->rows);
        json_int(j, "bad_rows", (int64_t)s->notes[NOTE_BAD_ROW]);
        json_bool(j, "repeated", s->repeated);
        json_close(j, '}');
    }
    json_close(j, ']');
}

static void put_bad_rows(struct json_out *j, const struct report *r) {
    json_open(j, "bad_rows", '[');
    for (size_t i = 0; i < r->bad->count; i++) {
        const struct bad_row *b = &r->bad->list[i];
        json_open(j, NULL, '{');
        json_text(j, "file", r->sources[b->source].file);
        json_int(j, "row", (int64_t)b->line);
        json_text(j, "column", b->column);
        json_text(j, "problem", b->words);
        json_close(j, '}');
    }
    json_close(j, ']');
}

static void put_head(struct json_out *j, const struct report *r) {
    char at[32];
    time_t seconds = (time_t)(r->made_at_ms / 1000);
    struct tm tm;
    json_text(j, "report", "amazon sales analysis");
    json_text(j, "plugin_version", r->version);
    if (gmtime_r(&seconds, &tm) != NULL && strftime(at, sizeof at, "%Y-%m-%dT%H:%M:%SZ", &tm) > 0) {
        json_text(j, "made_at", at);
    }
    json_text(j, "marketplace", r->market == NULL ? NULL : r->market->code);
    json_text(j, "currency", r->currency);
    json_int(j, "currency_exponent", r->exponent);
}

bool render_json(const struct report *r, FILE *out) {
    struct json_out j = {out, false};
    json_open(&j, NULL, '{');
    put_head(&j, r);
    put_sources(&j, r);
    put_remarks(&j, "highlights", &r->highlights);
    if (r->has_business) {
        render_json_business(&j, &r->business);
    }
    if (r->has_orders) {
        render_json_orders(&j, &r->orders);
    }
    put_remarks(&j, "assumptions", &r->assumptions);
    put_remarks(&j, "exclusions", &r->exclusions);
    put_remarks(&j, "data_quality", &r->quality);
    put_bad_rows(&j, r);
    json_close(&j, '}');
    (void)fputc('\n', out);
    return true;
}
