#include "base/prometheus.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

enum { NUMBER_MAX = 40 };

/* ---- text ---- */

/* HELP knows \\ and \n; a label's value also \". */
static void add_escaped(struct buf *out, const char *text, bool quotes) {
    const char *end = text + strlen(text);
    for (const char *p = text; p < end;) {
        size_t n = utf8_char_len((const uint8_t *)p, (const uint8_t *)end);
        if (n == 0) {
            buf_char(out, '?');
            p++;
        } else if (*p == '\\' || (*p == '"' && quotes)) {
            buf_char(out, '\\');
            buf_char(out, *p++);
        } else if (*p == '\n') {
            buf_str(out, "\\n");
            p++;
        } else {
            buf_add(out, p, n);
            p += n;
        }
    }
}

void prometheus_family(struct buf *out, const char *name, enum prometheus_type type,
                       const char *help) {
    static const char *const types[] = {
        [PROMETHEUS_COUNTER] = "counter",
        [PROMETHEUS_GAUGE] = "gauge",
        [PROMETHEUS_HISTOGRAM] = "histogram",
    };
    buf_printf(out, "# HELP %s ", name);
    add_escaped(out, help, false);
    buf_printf(out, "\n# TYPE %s %s\n", name, types[type]);
}

static void add_label(struct buf *out, const char *name, const char *value, bool first) {
    buf_char(out, first ? '{' : ',');
    buf_str(out, name);
    buf_str(out, "=\"");
    add_escaped(out, value == NULL ? "" : value, true);
    buf_char(out, '"');
}

/* Name and labels; `le` (may be NULL) is one more. */
static void add_name(struct buf *out, const char *name, const char *suffix,
                     const struct prometheus_label *labels, size_t count, const char *le) {
    bool first = true;
    buf_str(out, name);
    buf_str(out, suffix);
    for (size_t i = 0; i < count && i < PROMETHEUS_LABELS_MAX; i++) {
        add_label(out, labels[i].name, labels[i].value, first);
        first = false;
    }
    if (le != NULL) {
        add_label(out, "le", le, first);
        first = false;
    }
    buf_str(out, first ? " " : "} ");
}

/* ---- numbers ---- */

/* The shortest form that reads back as the same number; independent of the locale, which the host
 * never sets. */
static void format_double(double value, char out[NUMBER_MAX]) {
    if (isnan(value) || isinf(value)) {
        (void)snprintf(out, NUMBER_MAX, "%s", isnan(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf");
        return;
    }
    for (int digits = 6; digits <= 17; digits++) {
        (void)snprintf(out, NUMBER_MAX, "%.*g", digits, value);
        if (strtod(out, NULL) == value) {
            return;
        }
    }
}

void prometheus_count(struct buf *out, const char *name, const struct prometheus_label *labels,
                      size_t count, uint64_t value) {
    add_name(out, name, "", labels, count, NULL);
    buf_printf(out, "%" PRIu64 "\n", value);
}

void prometheus_value(struct buf *out, const char *name, const struct prometheus_label *labels,
                      size_t count, double value) {
    char text[NUMBER_MAX];
    format_double(value, text);
    add_name(out, name, "", labels, count, NULL);
    buf_printf(out, "%s\n", text);
}

void prometheus_histogram(struct buf *out, const char *name, const struct prometheus_label *labels,
                          size_t count, const struct histogram *h,
                          const struct histogram_scale *scale) {
    uint64_t below = 0;
    char text[NUMBER_MAX] = "+Inf";
    for (size_t i = 0; i <= scale->count; i++) {
        below += h->counts[i];
        format_double(i < scale->count ? (double)scale->bounds[i] / (double)scale->per_unit
                                       : (double)INFINITY,
                      text);
        add_name(out, name, "_bucket", labels, count, text);
        buf_printf(out, "%" PRIu64 "\n", below);
    }
    format_double((double)h->sum / (double)scale->per_unit, text);
    add_name(out, name, "_sum", labels, count, NULL);
    buf_printf(out, "%s\n", text);
    add_name(out, name, "_count", labels, count, NULL);
    buf_printf(out, "%" PRIu64 "\n", below);
}
