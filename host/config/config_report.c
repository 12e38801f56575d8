#include "config/config_report.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

struct config_report_private {
    struct arena arena;
    unsigned sources[2 * CONFIG_REPORT_MAX]; /* of items[i], for sorting */
    bool failed;                             /* out of memory            */
};

void config_report_init(struct config_report *report) {
    *report = (struct config_report){.priv = calloc(1, sizeof(struct config_report_private))};
    if (report->priv != NULL) {
        report->items = calloc(2 * CONFIG_REPORT_MAX, sizeof(report->items[0]));
    }
}

void config_report_finish(struct config_report *report) {
    if (report->priv != NULL) {
        arena_free(&report->priv->arena);
    }
    free(report->priv);
    free(report->items);
    *report = (struct config_report){0};
}

bool config_report_full(const struct config_report *report) {
    return report->errors >= CONFIG_REPORT_MAX;
}

// Control bytes become \xNN, so that a file cannot steer the terminal.
static void add_escaped(struct buf *out, const char *text, size_t len) {
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c < 0x20 || c == 0x7F) {
            buf_printf(out, "\\x%02x", c);
        } else {
            buf_char(out, (char)c);
        }
    }
}

static const char *keep_escaped(struct config_report *report, const char *text, size_t len) {
    struct buf escaped = {0};
    add_escaped(&escaped, text, len);
    char *kept =
        arena_strn(&report->priv->arena, escaped.len == 0 ? "" : escaped.data, escaped.len);
    buf_free(&escaped);
    return kept == NULL ? "out of memory" : kept;
}

void config_report_add(struct config_report *report, bool warning, struct config_place at,
                       const char *path, const char *code, const char *fmt, va_list ap) {
    size_t *counter = warning ? &report->warnings : &report->errors;
    (*counter)++;
    if (*counter > CONFIG_REPORT_MAX || report->items == NULL) {
        return;
    }
    struct buf message = {0};
    buf_vprintf(&message, fmt, ap);
    report->priv->sources[report->count] = at.source;
    report->items[report->count++] = (struct config_diagnostic){
        .warning = warning,
        .file = keep_escaped(report, at.file, strlen(at.file)),
        .line = at.line,
        .column = at.column,
        .path = keep_escaped(report, path, strlen(path)),
        .code = code,
        .message = keep_escaped(report, message.len == 0 ? "" : message.data, message.len),
    };
    buf_free(&message);
}

void config_report_error(struct config_report *report, struct config_place at, const char *path,
                         const char *code, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    config_report_add(report, false, at, path, code, fmt, ap);
    va_end(ap);
}

void config_report_warning(struct config_report *report, struct config_place at, const char *path,
                           const char *code, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    config_report_add(report, true, at, path, code, fmt, ap);
    va_end(ap);
}

static bool comes_after(const struct config_report *r, size_t a, size_t b) {
    const struct config_diagnostic *x = &r->items[a], *y = &r->items[b];
    if (r->priv->sources[a] != r->priv->sources[b]) {
        return r->priv->sources[a] > r->priv->sources[b];
    }
    return x->line != y->line ? x->line > y->line : x->column > y->column;
}

void config_report_sort(struct config_report *report) {
    // insertion sort: stable, and there are at most 100
    for (size_t i = 1; i < report->count; i++) {
        for (size_t j = i; j > 0 && comes_after(report, j - 1, j); j--) {
            struct config_diagnostic item = report->items[j];
            report->items[j] = report->items[j - 1];
            report->items[j - 1] = item;
            unsigned source = report->priv->sources[j];
            report->priv->sources[j] = report->priv->sources[j - 1];
            report->priv->sources[j - 1] = source;
        }
    }
}

void config_report_harden(struct config_report *report) {
    for (size_t i = 0; i < report->count; i++) {
        report->items[i].warning = false;
    }
    report->errors += report->warnings;
    report->warnings = 0;
}

void config_report_excerpts(struct config_report *report,
                            bool (*line_of)(void *arg, struct config_place at, struct buf *out),
                            void *arg) {
    for (size_t i = 0; i < report->count; i++) {
        struct config_diagnostic *item = &report->items[i];
        struct config_place at = {item->file, report->priv->sources[i], item->line, item->column};
        struct buf line = {0};
        if (line_of(arg, at, &line) && line.len > 0) {
            item->excerpt = keep_escaped(report, line.data, line.len);
        }
        buf_free(&line);
    }
}

const char *config_quote(char out[96], const char *text, size_t len) {
    size_t at = 0;
    out[at++] = '"';
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        bool inside_character = (c & 0xC0) == 0x80;
        if (at >= 60 && !inside_character) {
            memcpy(out + at, "...", 3);
            at += 3;
            break;
        }
        out[at++] = (char)c; // control bytes are escaped with the message they end up in
        if (at >= 90) {
            break;
        }
    }
    out[at++] = '"';
    out[at] = '\0';
    return out;
}
