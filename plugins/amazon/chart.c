#include "chart.h"

#include <math.h>

#include "format.h"
#include "html_out.h"

void chart_begin(FILE *out, const char *id, const char *title, const char *description) {
    (void)fprintf(out, "<figure class=\"card chart\" id=\"%s\"><h2>", id);
    html_text(out, title);
    (void)fprintf(out,
                  "</h2><svg viewBox=\"0 0 %d %d\" role=\"img\" "
                  "aria-labelledby=\"%s-t %s-d\"><title id=\"%s-t\">",
                  CHART_WIDTH, CHART_HEIGHT, id, id, id);
    html_text(out, title);
    (void)fprintf(out, "</title><desc id=\"%s-d\">", id);
    html_text(out, description);
    (void)fputs("</desc>\n", out);
}

void chart_end(FILE *out, const char *caption) {
    (void)fputs("</svg>", out);
    if (caption[0] != '\0') {
        (void)fputs("<figcaption>", out);
        html_text(out, caption);
        (void)fputs("</figcaption>", out);
    }
    (void)fputs("</figure>\n", out);
}

double chart_ceiling(double value) {
    static const double steps[] = {1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10};
    double unit = 1;
    if (value <= 0) {
        return 1;
    }
    while (unit * 10 <= value) {
        unit *= 10;
    }
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        if (unit * steps[i] >= value) {
            return unit * steps[i];
        }
    }
    return unit * 10;
}

double chart_money_ceiling(const struct report *r, int64_t minor) {
    double four = 4;
    for (int i = 0; i < r->exponent; i++) {
        four *= 10;
    }
    return ceil(chart_ceiling((double)minor) / four) * four;
}

void chart_label(FILE *out, double x, double y, const char *class, const char *text, size_t max) {
    (void)fprintf(out, "<text x=\"%.1f\" y=\"%.1f\" class=\"%s\">", x, y, class);
    html_cut(out, text, max);
    (void)fputs("</text>", out);
}

static struct formatted unit_text(const struct report *r, double value, enum chart_unit unit) {
    switch (unit) {
    case CHART_MONEY: return format_short(r, (int64_t)value);
    case CHART_PERCENT: return format_percent((int64_t)value);
    case CHART_COUNT: break;
    }
    return format_count((int64_t)value);
}

void chart_grid(FILE *out, const struct report *r, struct chart_area a, double top_value,
                enum chart_unit unit) {
    enum { STEPS = 4 };
    for (int i = 0; i <= STEPS; i++) {
        double y = a.bottom - (a.bottom - a.top) * i / STEPS;
        (void)fprintf(out, "<line class=\"grid\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>",
                      a.left, a.right, y, y);
        chart_label(out, a.left - 6, y + 4, "axis end",
                    unit_text(r, top_value * i / STEPS, unit).text, 16);
    }
    (void)fputc('\n', out);
}

void chart_bar(FILE *out, const char *class, double x, double width, double top, double bottom,
               const char *name, const char *value) {
    double height = bottom - top;
    (void)fprintf(out,
                  "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" "
                  "rx=\"2\"><title>",
                  class, x, top, width, height < 0.5 ? 0.5 : height);
    html_text(out, name);
    (void)fputs(": ", out);
    html_text(out, value);
    (void)fputs("</title></rect>\n", out);
}
