// A report as people and programs read it.

#include <string.h>

#include "base/json.h"
#include "config/config_report.h"

struct style {
    const char *error, *warning, *bold, *off;
};

static const struct style plain = {"", "", "", ""};
static const struct style coloured = {"\x1b[31m", "\x1b[33m", "\x1b[1m", "\x1b[0m"};

static void print_place(const struct config_diagnostic *d, struct buf *out) {
    buf_str(out, d->file);
    if (d->line > 0) {
        buf_printf(out, ":%d", d->line);
    }
    if (d->line > 0 && d->column > 0) {
        buf_printf(out, ":%d", d->column);
    }
    buf_str(out, ": ");
}

static size_t count_characters(const char *text) {
    size_t n = 0;
    for (; *text != '\0'; text++) {
        n += ((unsigned char)*text & 0xC0) != 0x80;
    }
    return n;
}

static void print_excerpt(const struct config_diagnostic *d, const struct style *style,
                          struct buf *out) {
    if (d->excerpt == NULL) {
        return;
    }
    buf_printf(out, "%6d | %s\n", d->line, d->excerpt);
    if (d->column > 0 && (size_t)d->column <= count_characters(d->excerpt) + 1) {
        buf_printf(out, "       | %*s%s^%s\n", d->column - 1, "",
                   d->warning ? style->warning : style->error, style->off);
    }
}

static void print_one(const struct config_diagnostic *d, const struct style *style,
                      struct buf *out) {
    buf_str(out, style->bold);
    print_place(d, out);
    buf_str(out, style->off);
    if (d->warning) {
        buf_printf(out, "%swarning:%s ", style->warning, style->off);
    }
    if (*d->path != '\0') {
        buf_printf(out, "%s: ", d->path);
    }
    buf_printf(out, "%s\n", d->message);
    print_excerpt(d, style, out);
}

void config_report_print(const struct config_report *report, bool colour, struct buf *out) {
    const struct style *style = colour ? &coloured : &plain;
    for (size_t i = 0; i < report->count; i++) {
        print_one(&report->items[i], style, out);
    }
    size_t all = report->errors + report->warnings;
    if (all > report->count) {
        buf_printf(out, "... and %zu more\n", all - report->count);
    }
}

void config_report_json(const struct config_report *report, struct buf *out) {
    buf_char(out, '{');
    json_kint(out, "errors", (int64_t)report->errors);
    json_kint(out, "warnings", (int64_t)report->warnings);
    json_key(out, "diagnostics");
    buf_char(out, '[');
    for (size_t i = 0; i < report->count; i++) {
        const struct config_diagnostic *d = &report->items[i];
        json_comma(out);
        buf_char(out, '{');
        json_kstr(out, "severity", d->warning ? "warning" : "error");
        json_kstr(out, "file", d->file);
        json_kint(out, "line", d->line);
        json_kint(out, "column", d->column);
        json_kstr(out, "path", d->path);
        json_kstr(out, "code", d->code);
        json_kstr(out, "message", d->message);
        buf_char(out, '}');
    }
    buf_str(out, "]}");
}
