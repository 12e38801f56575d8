// Charts of products: Pareto, and traffic against conversion.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "chart.h"
#include "format.h"
#include "html_out.h"

enum { PARETO_BARS = 20, LABELS_MAX = 7, MILLION = 1000000, LEAST_TOP = 40000 };

// ---- Pareto ----

struct slice { // one product, of either half
    const char *name;
    int64_t sales, cumulative_ppm;
    char abc;
};

static size_t slices_of(const struct report *r, struct slice to[PARETO_BARS]) {
    size_t count = r->has_business ? r->business.asins.count : r->orders.asins.count;
    count = count > PARETO_BARS ? PARETO_BARS : count;
    for (size_t i = 0; i < count; i++) {
        if (r->has_business) {
            const struct product *p = &r->business.asins.rows[i];
            to[i] = (struct slice){p->title[0] == '\0' ? p->key : p->title, p->is.sales,
                                   p->cumulative_ppm, p->abc};
        } else {
            const struct sold_item *s = &r->orders.asins.rows[i];
            to[i] = (struct slice){s->title[0] == '\0' ? s->key : s->title, s->revenue,
                                   s->cumulative_ppm, s->abc};
        }
    }
    return count;
}

static const char *bar_class(char abc) {
    return abc == 'A' ? "bar a" : abc == 'B' ? "bar b" : "bar c";
}

static void put_sum_line(FILE *out, const struct slice *s, size_t count, struct chart_area a,
                         double slot) {
    (void)fputs("<path class=\"sum\" d=\"", out);
    for (size_t i = 0; i < count; i++) {
        double share =
            s[i].cumulative_ppm == NUMBER_NONE ? 0 : (double)s[i].cumulative_ppm / MILLION;
        (void)fprintf(out, "%c%.1f %.1f", i == 0 ? 'M' : 'L', a.left + slot * ((double)i + 0.5),
                      a.bottom - (a.bottom - a.top) * share);
    }
    (void)fputs("\"/>\n", out);
}

void chart_pareto(FILE *out, const struct report *r) {
    const struct chart_area a = {64, 20, CHART_WIDTH - 44, CHART_HEIGHT - 30};
    struct slice slices[PARETO_BARS];
    size_t count = slices_of(r, slices);
    int64_t all = r->has_business ? r->business.asins.total : r->orders.asins.total;
    double slot = (a.right - a.left) / (double)(count == 0 ? 1 : count);
    double top = chart_money_ceiling(r, count == 0 ? 0 : slices[0].sales);
    char foot[256];
    chart_begin(out, "pareto", "Who brings the sales",
                "Bars of sales by product, largest first, coloured by class, and a line of their "
                "running share. The table of products has the figures.");
    chart_grid(out, r, a, top, CHART_MONEY);
    for (size_t i = 0; i < count; i++) {
        double width = slot * 0.7 > 60 ? 60 : slot * 0.7;
        chart_bar(out, bar_class(slices[i].abc), a.left + slot * ((double)i + 0.5) - width / 2,
                  width, a.bottom - (a.bottom - a.top) * (double)slices[i].sales / top, a.bottom,
                  slices[i].name, format_money(r, slices[i].sales).text);
    }
    double mark = a.bottom - (a.bottom - a.top) * (double)r->limits.abc_a_ppm / MILLION;
    (void)fprintf(out, "<line class=\"mark\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>",
                  a.left, a.right, mark, mark);
    chart_label(out, a.right + 6, mark + 4, "axis", format_percent(r->limits.abc_a_ppm).text, 8);
    for (int64_t share = 0; share <= MILLION; share += MILLION / 4) { // the right axis
        if (llabs(share - r->limits.abc_a_ppm) > MILLION / 10) {
            chart_label(out, a.right + 6,
                        a.bottom - (a.bottom - a.top) * (double)share / MILLION + 4, "axis",
                        share == 0         ? "0%"
                        : share == MILLION ? "100%"
                                           : format_percent(share).text,
                        8);
        }
    }
    put_sum_line(out, slices, count, a, slot);
    (void)snprintf(foot, sizeof foot,
                   "%s of %s products; line and right axis: running share of all sales",
                   format_count((int64_t)count).text, format_count(all).text);
    chart_end(out, foot);
}

// ---- traffic against conversion ----

struct scatter {
    struct chart_area a;
    double low, high; // of log10(sessions)
    double top;       // conversion at the upper edge, parts per million
};

static double x_of(const struct scatter *s, int64_t sessions) {
    double at = (log10((double)sessions) - s->low) / (s->high - s->low);
    return s->a.left + (s->a.right - s->a.left) * at;
}

static double within(double value, double low, double high) {
    return value < low ? low : value > high ? high : value;
}

static double y_of(const struct scatter *s, int64_t ppm) {
    double at = (double)ppm > s->top ? s->top : (double)ppm;
    return s->a.bottom - (s->a.bottom - s->a.top) * at / s->top;
}

static struct scatter scale(const struct quadrants *q) {
    struct scatter s = {{64, 20, CHART_WIDTH - 18, CHART_HEIGHT - 30}, 0, 1, 0};
    int64_t least = q->points[q->point_count - 1].sessions, most = q->points[0].sessions;
    double highest = 0, sensible = 3.0 * (double)q->conversion_ppm; // above: at the upper edge
    s.low = log10((double)least) - 0.12;
    s.high = log10((double)most) + 0.12;
    for (size_t i = 0; i < q->point_count; i++) {
        double c = (double)q->points[i].conversion_ppm;
        highest = c > highest && (sensible <= 0 || c <= sensible) ? c : highest;
    }
    s.top = highest < LEAST_TOP ? LEAST_TOP : chart_ceiling(highest);
    return s;
}

static int64_t points_above(const struct scatter *s, const struct quadrants *q) {
    int64_t count = 0;
    for (size_t i = 0; i < q->point_count; i++) {
        count += (double)q->points[i].conversion_ppm > s->top;
    }
    return count;
}

static const char *const point_classes[] = {"star", "leak", "gem", "idle"};

static void put_fields(FILE *out, const struct scatter *s, const struct quadrants *q) {
    static const struct {
        const char *words;
        bool right, upper;
    } fields[] = {{"Stars", true, true},
                  {"High traffic, low conversion", true, false},
                  {"Hidden gems", false, true},
                  {"Low both", false, false}};
    // not all products are shown: the thresholds may lie outside
    double x = within(x_of(s, q->sessions_from), s->a.left, s->a.right);
    double y = within(y_of(s, q->conversion_ppm), s->a.top, s->a.bottom);
    (void)fprintf(out,
                  "<rect class=\"field\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>"
                  "<line class=\"mark\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>"
                  "<line class=\"mark\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>\n",
                  x, y, s->a.right - x, s->a.bottom - y, x, x, s->a.top, s->a.bottom, s->a.left,
                  s->a.right, y, y);
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        chart_label(out, fields[i].right ? s->a.right - 4 : s->a.left + 4,
                    fields[i].upper ? s->a.top + 12 : s->a.bottom - 6,
                    fields[i].right ? "field-name end" : "field-name", fields[i].words, 40);
    }
}

static void put_point(FILE *out, const struct report *r, const struct scatter *s,
                      const struct scatter_point *p, int64_t most_sales) {
    double size = most_sales <= 0 ? 0 : sqrt((double)p->sales / (double)most_sales);
    (void)fprintf(out, "<circle class=\"point %s\" cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\"><title>",
                  point_classes[p->in], x_of(s, p->sessions), y_of(s, p->conversion_ppm),
                  4 + 9 * size);
    html_text(out, p->title[0] == '\0' ? p->key : p->title);
    (void)fprintf(out, ": %s, %s conversion, ", format_many(p->sessions, "session").text,
                  format_percent(p->conversion_ppm).text);
    html_text(out, format_money(r, p->sales).text);
    (void)fputs("</title></circle>\n", out);
}

// As wide and high as a phone shows them, whose letters are larger.
enum { NAME_WIDTH = 96, NAME_HEIGHT = 17, NAME_GAP = 14, NAME_SHOWN = 10 };

struct names { // left ends and middles of those that are there
    double xs[LABELS_MAX], ys[LABELS_MAX];
    size_t count;
};

// Nothing but its own point is where the name of point `index` would be.
static bool name_fits(const struct scatter *s, const struct quadrants *q, const struct names *n,
                      size_t index, double at, double y) {
    if (at < s->a.left || at + NAME_WIDTH > s->a.right || y < s->a.top + 30 ||
        y > s->a.bottom - 28) {
        return false;
    }
    for (size_t k = 0; k < n->count; k++) {
        if (fabs(n->xs[k] - at) < NAME_WIDTH && fabs(n->ys[k] - y) < NAME_HEIGHT) {
            return false;
        }
    }
    for (size_t k = 0; k < q->point_count; k++) {
        double x = x_of(s, q->points[k].sessions);
        if (k != index && x > at - 6 && x < at + NAME_WIDTH + 6 &&
            fabs(y_of(s, q->points[k].conversion_ppm) - y) < NAME_HEIGHT) {
            return false;
        }
    }
    return true;
}

// Names beside the points with most sessions, right or left, where there is room.
static void put_names(FILE *out, const struct scatter *s, const struct quadrants *q) {
    struct names n = {.count = 0};
    for (size_t i = 0; i < q->point_count && n.count < LABELS_MAX; i++) {
        const struct scatter_point *p = &q->points[i];
        double x = x_of(s, p->sessions), y = y_of(s, p->conversion_ppm);
        bool right = name_fits(s, q, &n, i, x + NAME_GAP, y);
        if (right || name_fits(s, q, &n, i, x - NAME_GAP - NAME_WIDTH, y)) {
            chart_label(out, right ? x + NAME_GAP : x - NAME_GAP, y + 4,
                        right ? "point-name" : "point-name end", p->key, NAME_SHOWN);
            n.xs[n.count] = right ? x + NAME_GAP : x - NAME_GAP - NAME_WIDTH;
            n.ys[n.count++] = y;
        }
    }
}

// Sessions along the lower edge: 1, 2, 5, 10, 20 ...
static void put_ticks(FILE *out, const struct scatter *s) {
    static const int64_t steps[] = {1, 2, 5};
    for (int64_t unit = 1; log10((double)unit) <= s->high; unit *= 10) {
        for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
            double at = log10((double)(unit * steps[i]));
            bool shown = i == 0 || s->high - s->low < 2.5;
            if (shown && at >= s->low && at <= s->high) {
                chart_label(out, x_of(s, unit * steps[i]), s->a.bottom + 18, "axis mid",
                            format_count(unit * steps[i]).text, 20);
            }
        }
    }
}

void chart_quadrants(FILE *out, const struct report *r) {
    const struct quadrants *q = &r->business.quadrants;
    int64_t most = 0;
    char foot[384];
    if (q->point_count == 0) {
        return;
    }
    struct scatter s = scale(q);
    for (size_t i = 0; i < q->point_count; i++) {
        most = q->points[i].sales > most ? q->points[i].sales : most;
    }
    chart_begin(out, "scatter", "Traffic and conversion",
                "Each circle is a product of the last period: sessions to the right, conversion "
                "upwards, size by sales. The tables below name those to act on.");
    chart_grid(out, r, s.a, s.top, CHART_PERCENT);
    put_fields(out, &s, q);
    for (size_t i = 0; i < q->point_count; i++) {
        put_point(out, r, &s, &q->points[i], most);
    }
    put_names(out, &s, q);
    put_ticks(out, &s);
    int64_t all = 0;
    for (int i = 0; i < QUADRANTS; i++) {
        all += q->sums[i].products;
    }
    int64_t above = points_above(&s, q);
    (void)snprintf(foot, sizeof foot,
                   "%s of %s products by sessions (logarithmic); dashed: the median product, the "
                   "average conversion%s%s%s%s",
                   format_count((int64_t)q->point_count).text, format_count(all).text,
                   above > 0 ? "; at the upper edge: " : "",
                   above > 0 ? format_many(above, "product").text : "",
                   above > 0 ? " with more than " : "",
                   above > 0 ? format_percent((int64_t)s.top).text : "");
    chart_end(out, foot);
}
