// Charts of products: Pareto, and traffic against conversion.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "chart.h"
#include "format.h"
#include "html_out.h"

enum {
    PARETO_BARS = 20,
    SHARE_SHOWN = 500, // less is 0.0%
    SUM_FROM = 100000, // of all sales: below, a line of running shares would lie on zero
    LABELS_MAX = 7,
    MILLION = 1000000,
    LEAST_TOP = 40000
};

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

// The running share of all sales, its axis to the right, and where class A ends.
static void put_sum(FILE *out, const struct report *r, const struct slice *s, size_t count,
                    struct chart_area a) {
    double slot = (a.right - a.left) / (double)count;
    double mark = a.bottom - (a.bottom - a.top) * (double)r->limits.abc_a_ppm / MILLION;
    (void)fprintf(out, "<line class=\"mark\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>",
                  a.left, a.right, mark, mark);
    chart_label(out, a.right + 6, mark + 4, "axis", format_percent(r->limits.abc_a_ppm).text, 8);
    for (int64_t share = 0; share <= MILLION; share += MILLION / 4) {
        if (llabs(share - r->limits.abc_a_ppm) > MILLION / 10) {
            chart_label(out, a.right + 6,
                        a.bottom - (a.bottom - a.top) * (double)share / MILLION + 4, "axis",
                        share == 0         ? "0%"
                        : share == MILLION ? "100%"
                                           : format_percent(share).text,
                        8);
        }
    }
    (void)fputs("<path class=\"sum\" d=\"", out);
    for (size_t i = 0; i < count; i++) {
        double share = (double)s[i].cumulative_ppm / MILLION;
        (void)fprintf(out, "%c%.1f %.1f", i == 0 ? 'M' : 'L', a.left + slot * ((double)i + 0.5),
                      a.bottom - (a.bottom - a.top) * share);
    }
    (void)fputs("\"/>\n", out);
}

bool chart_pareto(FILE *out, const struct report *r) {
    const struct chart_area a = {64, 20, CHART_WIDTH - 44, CHART_HEIGHT - 30};
    struct slice slices[PARETO_BARS];
    size_t count = slices_of(r, slices);
    int64_t all = r->has_business ? r->business.asins.total : r->orders.asins.total;
    char foot[320];
    if (count == 0 || slices[0].sales == 0) {
        return false;
    }
    int64_t together = slices[count - 1].cumulative_ppm;
    bool sum = together >= SUM_FROM;
    double slot = (a.right - a.left) / (double)count;
    double top = chart_money_ceiling(r, slices[0].sales);
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
    if (sum) {
        put_sum(out, r, slices, count, a);
    }
    bool part = (int64_t)count < all && together >= SHARE_SHOWN;
    (void)snprintf(foot, sizeof foot, "%s of %s products%s%s%s%s",
                   format_count((int64_t)count).text, format_count(all).text,
                   part ? ", together " : "", part ? format_percent(together).text : "",
                   part ? " of all sales" : "",
                   sum ? "; line and right axis: running share of all sales" : "");
    chart_end(out, foot);
    return true;
}

// ---- traffic against conversion ----

struct scatter {
    struct chart_area a;
    double low, high; // of log10(sessions)
    double top;       // conversion at the upper edge, parts per million
    double most_sales;
    double mark_x, mark_y; // the thresholds
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
    struct scatter s = {.a = {64, 36, CHART_WIDTH - 18, CHART_HEIGHT - 50}};
    int64_t least = q->points[q->point_count - 1].sessions, most = q->points[0].sessions;
    double highest = 0, sensible = 3.0 * (double)q->conversion_ppm; // above: at the upper edge
    s.low = log10((double)least) - 0.12;
    s.high = log10((double)most) + 0.12;
    for (size_t i = 0; i < q->point_count; i++) {
        double c = (double)q->points[i].conversion_ppm;
        highest = c > highest && (sensible <= 0 || c <= sensible) ? c : highest;
        double sales = (double)q->points[i].sales;
        s.most_sales = sales > s.most_sales ? sales : s.most_sales;
    }
    s.top = highest < LEAST_TOP ? LEAST_TOP : chart_ceiling(highest);
    // not all products are shown: the thresholds may lie outside
    s.mark_x = within(x_of(&s, q->sessions_from), s.a.left, s.a.right);
    s.mark_y = within(y_of(&s, q->conversion_ppm), s.a.top, s.a.bottom);
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

static void put_fields(FILE *out, const struct scatter *s) {
    static const struct {
        const char *words;
        bool right, upper;
    } fields[] = {{"Stars", true, true},
                  {"High traffic, low conversion", true, false},
                  {"Hidden gems", false, true},
                  {"Low both", false, false}};
    double x = s->mark_x, y = s->mark_y;
    (void)fprintf(out,
                  "<rect class=\"field\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>"
                  "<line class=\"mark\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>"
                  "<line class=\"mark\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>\n",
                  x, y, s->a.right - x, s->a.bottom - y, x, x, s->a.top, s->a.bottom, s->a.left,
                  s->a.right, y, y);
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) { // outside, where no circle is
        chart_label(out, fields[i].right ? s->a.right : s->a.left,
                    fields[i].upper ? s->a.top - 22 : s->a.bottom + 44,
                    fields[i].right ? "field-name end" : "field-name", fields[i].words, 40);
    }
}

static double radius_of(const struct scatter *s, const struct scatter_point *p) {
    return 4 + 9 * (s->most_sales <= 0 ? 0 : sqrt((double)p->sales / s->most_sales));
}

static void put_point(FILE *out, const struct report *r, const struct scatter *s,
                      const struct scatter_point *p) {
    (void)fprintf(out, "<circle class=\"point %s\" cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\"><title>",
                  point_classes[p->in], x_of(s, p->sessions), y_of(s, p->conversion_ppm),
                  radius_of(s, p));
    html_text(out, p->title[0] == '\0' ? p->key : p->title);
    (void)fprintf(out, ": %s, %s conversion, ", format_many(p->sessions, "session").text,
                  format_percent(p->conversion_ppm).text);
    html_text(out, format_money(r, p->sales).text);
    (void)fputs("</title></circle>\n", out);
}

// As wide and high as a phone shows them, whose letters are larger.
enum { NAME_WIDTH = 116, NAME_HEIGHT = 17, NAME_GAP = 5, NAME_SHOWN = 10 };

struct names { // left ends and middles of those that are there
    double xs[LABELS_MAX], ys[LABELS_MAX];
    size_t count;
};

// How far a place is from a stretch; 0 = in it.
static double distance(double place, double from, double to) {
    return place < from ? from - place : place > to ? place - to : 0;
}

// Nothing is where a name would be that begins at `at` and has its middle at `y`.
static bool name_fits(const struct scatter *s, const struct quadrants *q, const struct names *n,
                      double at, double y) {
    const double half = NAME_HEIGHT / 2.0;
    if (at < s->a.left || at + NAME_WIDTH > s->a.right || y - half < s->a.top ||
        y + half > s->a.bottom || fabs(s->mark_y - y) < half ||
        distance(s->mark_x, at, at + NAME_WIDTH) < 3) {
        return false;
    }
    for (size_t k = 0; k < n->count; k++) {
        if (fabs(n->xs[k] - at) < NAME_WIDTH && fabs(n->ys[k] - y) < NAME_HEIGHT) {
            return false;
        }
    }
    for (size_t k = 0; k < q->point_count; k++) {
        const struct scatter_point *p = &q->points[k];
        double radius = radius_of(s, p) + 1;
        if (distance(x_of(s, p->sessions), at, at + NAME_WIDTH) < radius &&
            distance(y_of(s, p->conversion_ppm), y - half, y + half) < radius) {
            return false;
        }
    }
    return true;
}

// The name of a point: beside it, above or below, where there is room.
static void put_name(FILE *out, const struct scatter *s, const struct quadrants *q,
                     const struct scatter_point *p, struct names *n) {
    double x = x_of(s, p->sessions), y = y_of(s, p->conversion_ppm), radius = radius_of(s, p);
    double beside = radius + NAME_GAP, over = radius + NAME_HEIGHT / 2.0 + 2;
    const struct {
        double at, y, anchor;
        const char *class;
    } places[] = {
        {x + beside, y, x + beside, "point-name"},
        {x - beside - NAME_WIDTH, y, x - beside, "point-name end"},
        {x - NAME_WIDTH / 2.0, y - over, x, "point-name mid"},
        {x - NAME_WIDTH / 2.0, y + over, x, "point-name mid"},
        {x + radius - NAME_WIDTH, y - over, x + radius, "point-name end"},
        {x - radius, y - over, x - radius, "point-name"},
    };
    for (size_t k = 0; k < sizeof places / sizeof places[0]; k++) {
        if (name_fits(s, q, n, places[k].at, places[k].y)) {
            chart_label(out, places[k].anchor, places[k].y + 4, places[k].class, p->key,
                        NAME_SHOWN);
            n->xs[n->count] = places[k].at;
            n->ys[n->count++] = places[k].y;
            return;
        }
    }
}

// Names of the product that the text names first, and of those with most sessions.
static void put_names(FILE *out, const struct scatter *s, const struct quadrants *q,
                      const char *first) {
    struct names n = {.count = 0};
    for (int turn = 0; turn < 2; turn++) {
        for (size_t i = 0; i < q->point_count && n.count < LABELS_MAX; i++) {
            if ((strcmp(q->points[i].key, first) == 0) == (turn == 0)) {
                put_name(out, s, q, &q->points[i], &n);
            }
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
                chart_label(out, x_of(s, unit * steps[i]), s->a.bottom + CHART_BELOW, "axis mid",
                            format_count(unit * steps[i]).text, 20);
            }
        }
    }
}

bool chart_quadrants(FILE *out, const struct report *r) {
    const struct quadrants *q = &r->business.quadrants;
    char foot[384];
    if (q->point_count == 0 || q->conversion_ppm <= 0) {
        return false;
    }
    struct scatter s = scale(q);
    chart_begin(out, "scatter", "Traffic and conversion",
                "Each circle is a product of the last period: sessions to the right, conversion "
                "upwards, size by sales. The tables below name those to act on.");
    chart_grid(out, r, s.a, s.top, CHART_PERCENT);
    put_fields(out, &s);
    for (size_t i = 0; i < q->point_count; i++) {
        put_point(out, r, &s, &q->points[i]);
    }
    put_names(out, &s, q, r->business.leaks.count > 0 ? r->business.leaks.rows[0].key : "");
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
    return true;
}
