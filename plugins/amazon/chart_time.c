// Charts over time: the trend of orders, the periods of business reports, weekdays.
#include "chart.h"

#include "civil.h"
#include "format.h"
#include "html_out.h"

enum { DAYS_SHOWN = 45, WEEKS_SHOWN = 60, PERIODS_SHOWN = 12 };

// ---- the trend ----

static const struct series *trend_series(const struct orders *o, const char **ret_words) {
    if (o->by_day.count > 0 && o->by_day.count <= DAYS_SHOWN) {
        *ret_words = "day";
        return &o->by_day;
    }
    if (o->by_week.count > 0 && o->by_week.count <= WEEKS_SHOWN) {
        *ret_words = "week";
        return &o->by_week;
    }
    *ret_words = "month";
    return &o->by_month;
}

static double y_at(struct chart_area a, double value, double top) {
    return a.bottom - (a.bottom - a.top) * value / top;
}

static double x_at(struct chart_area a, size_t i, size_t count) {
    return count < 2 ? (a.left + a.right) / 2
                     : a.left + (a.right - a.left) * (double)i / (double)(count - 1);
}

// Joins whole buckets alone: what only begins or ends in the data is no rise and no fall.
static void put_path(FILE *out, const struct series *s, struct chart_area a, double top) {
    for (int area = 1; area >= 0; area--) {
        (void)fprintf(out, "<path class=\"%s\" d=\"", area ? "area" : "line");
        size_t run = 0; // whole buckets that end before this one
        for (size_t i = 0; i < s->count; i++) {
            bool whole = s->rows[i].revenue != NUMBER_NONE && !s->rows[i].partial;
            if (whole) {
                (void)fprintf(out, "%c%.1f %.1f", run == 0 ? 'M' : 'L', x_at(a, i, s->count),
                              y_at(a, (double)s->rows[i].revenue, top));
                run++;
            }
            bool ends = whole ? i + 1 == s->count : run > 0;
            if (area && ends) {
                size_t last = whole ? i : i - 1;
                (void)fprintf(out, "L%.1f %.1fL%.1f %.1fZ", x_at(a, last, s->count), a.bottom,
                              x_at(a, last + 1 - run, s->count), a.bottom);
            }
            run = whole ? run : 0;
        }
        (void)fputs("\"/>\n", out);
    }
}

static void put_dots(FILE *out, const struct report *r, const struct series *s, struct chart_area a,
                     double top) {
    size_t every = (s->count + 6) / 7;
    for (size_t i = 0; i < s->count; i++) {
        const struct bucket *b = &s->rows[i];
        double x = x_at(a, i, s->count);
        if (i % every == 0) {
            chart_label(out, x, a.bottom + CHART_BELOW, "axis mid", format_day(b->from).text + 5,
                        8);
        }
        if (b->revenue == NUMBER_NONE) {
            continue;
        }
        (void)fprintf(out, "<circle class=\"dot%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"3\"><title>",
                      b->partial ? " partial" : "", x, y_at(a, (double)b->revenue, top));
        html_text(out, format_day(b->from).text);
        if (b->to != b->from) {
            (void)fputs(" to ", out);
            html_text(out, format_day(b->to).text);
        }
        (void)fputs(": ", out);
        html_text(out, format_money(r, b->revenue).text);
        (void)fprintf(out, ", %s%s</title></circle>\n", format_many(b->orders, "order").text,
                      b->partial ? ", not the whole of it" : "");
    }
}

bool chart_trend(FILE *out, const struct report *r) {
    const struct chart_area a = {64, 20, CHART_WIDTH - 18, CHART_HEIGHT - 30};
    const char *words;
    const struct series *s = trend_series(&r->orders, &words);
    char title[64], foot[256];
    int64_t most = 0;
    for (size_t i = 0; i < s->count; i++) {
        most = s->rows[i].revenue > most ? s->rows[i].revenue : most;
    }
    if (most == 0) {
        return false;
    }
    double top = chart_money_ceiling(r, most);
    (void)snprintf(title, sizeof title, "Revenue of orders by %s", words);
    chart_begin(out, "trend", title,
                "A line of revenue over time. The table of months has figures.");
    chart_grid(out, r, a, top, CHART_MONEY);
    put_path(out, s, a, top);
    put_dots(out, r, s, a, top);
    (void)snprintf(foot, sizeof foot,
                   "%s to %s; hollow, not joined: not the whole %s is in the data%s",
                   format_day(r->orders.first_day).text, format_day(r->orders.last_day).text, words,
                   r->orders.gap_count > 0 ? "; no dot: none of it is" : "");
    chart_end(out, foot);
    return true;
}

// ---- periods ----

struct panel {
    const char *name;
    enum chart_unit unit;
    size_t at; // in struct traffic
};
static const struct panel panels[] = {
    {"Sales", CHART_MONEY, offsetof(struct traffic, sales)},
    {"Units", CHART_COUNT, offsetof(struct traffic, units)},
    {"Sessions", CHART_COUNT, offsetof(struct traffic, sessions)},
    {"Conversion", CHART_PERCENT, offsetof(struct traffic, conversion_ppm)},
};

static int64_t figure(const struct report_period *p, size_t at) {
    return *(const int64_t *)(const void *)((const char *)&p->is + at);
}

static struct formatted shown_as(const struct report *r, int64_t value, enum chart_unit unit,
                                 bool brief) {
    switch (unit) {
    case CHART_MONEY: return brief ? format_short(r, value) : format_money(r, value);
    case CHART_PERCENT: return format_percent(value);
    case CHART_COUNT: break;
    }
    return format_count(value);
}

// Whole months become "Aug 26" or "Aug"; other labels are cut.
static void period_label(FILE *out, double x, double y, const struct report_period *p,
                         size_t count) {
    int year, month, day;
    char text[48];
    civil_split(p->dated ? p->from : 0, &year, &month, &day);
    if (!p->dated || day != 1 || p->days != civil_days_in_month(year, month)) {
        chart_label(out, x, y, "axis mid", p->label, count > 4 ? 4 : count > 3 ? 8 : 11);
        return;
    }
    (void)snprintf(text, sizeof text, count > 6 ? "%.3s" : "%.3s %02d", civil_month_name(month),
                   year % 100);
    chart_label(out, x, y, "axis mid", text, sizeof text);
}

static void put_panel(FILE *out, const struct report *r, const struct panel *panel,
                      struct chart_area a) {
    const struct business *b = &r->business;
    size_t first = b->period_count > PERIODS_SHOWN ? b->period_count - PERIODS_SHOWN : 0;
    size_t count = b->period_count - first;
    double slot = (a.right - a.left) / (double)count, most = 0;
    for (size_t i = first; i < b->period_count; i++) {
        double v = (double)figure(&b->periods[i], panel->at);
        most = v > most ? v : most;
    }
    chart_label(out, a.left, a.top - 10, "name", panel->name, 20);
    for (size_t i = first; i < b->period_count; i++) {
        const struct report_period *p = &b->periods[i];
        int64_t value = figure(p, panel->at);
        double x = a.left + slot * (double)(i - first), width = slot * 0.62;
        double high = value == NUMBER_NONE || most <= 0 ? 0 : (double)value / most;
        double top = a.bottom - (a.bottom - a.top - 16) * high;
        width = width > 54 ? 54 : width;
        chart_bar(out, i + 1 == b->period_count ? "bar" : "bar before", x + (slot - width) / 2,
                  width, top, a.bottom, p->label, shown_as(r, value, panel->unit, false).text);
        if (count <= 6) {
            chart_label(out, x + slot / 2, top - 4, "value mid",
                        shown_as(r, value, panel->unit, true).text, 12);
        }
        period_label(out, x + slot / 2, a.bottom + 18, p, count);
    }
    (void)fprintf(out, "<line class=\"base\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>\n",
                  a.left, a.right, a.bottom, a.bottom);
}

bool chart_periods(FILE *out, const struct report *r) {
    const double half = CHART_WIDTH / 2.0, high = CHART_HEIGHT / 2.0;
    if (r->business.period_count < 2) {
        return false;
    }
    chart_begin(
        out, "period-bars", "Periods side by side",
        "Bars of sales, units, sessions and conversion for each period. The table of periods "
        "has the figures.");
    for (size_t i = 0; i < sizeof panels / sizeof panels[0]; i++) {
        double x = i % 2 == 0 ? 8 : half + 8, y = i < 2 ? 0 : high;
        put_panel(out, r, &panels[i], (struct chart_area){x, y + 26, x + half - 20, y + high - 26});
    }
    chart_end(out, "");
    return true;
}

// ---- weekdays ----

bool chart_weekdays(FILE *out, const struct report *r) {
    const struct chart_area a = {64, 20, CHART_WIDTH - 18, CHART_HEIGHT - 30};
    const struct orders *o = &r->orders;
    double slot = (a.right - a.left) / 7;
    int64_t most = 0;
    for (int i = 0; i < 7; i++) {
        most = o->weekdays[i].mean_revenue > most ? o->weekdays[i].mean_revenue : most;
    }
    if (!o->has_weekdays || most == 0) {
        return false;
    }
    double top = chart_money_ceiling(r, most);
    chart_begin(out, "weekday-bars", "Revenue of a mean weekday",
                "Seven bars, Monday to Sunday. The table of weekdays has the figures.");
    chart_grid(out, r, a, top, CHART_MONEY);
    for (int i = 0; i < 7; i++) {
        double x = a.left + slot * i;
        chart_bar(out, o->weekdays[i].mean_revenue == most ? "bar" : "bar before", x + slot * 0.18,
                  slot * 0.64, y_at(a, (double)o->weekdays[i].mean_revenue, top), a.bottom,
                  civil_weekday_name(i), format_money(r, o->weekdays[i].mean_revenue).text);
        char name[4];
        (void)snprintf(name, sizeof name, "%.3s", civil_weekday_name(i));
        chart_label(out, x + slot / 2, a.bottom + CHART_BELOW, "axis mid", name, sizeof name);
    }
    chart_end(out, "");
    return true;
}
