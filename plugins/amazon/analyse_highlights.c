// The few sentences that a reader needs first, from figures that are in the report.
#include <string.h>

#include "analyse.h"
#include "civil.h"
#include "encoding.h"
#include "format.h"

enum {
    MILLION = 1000000,
    ONE_PERCENT = 10000,
    SMALL_CHANGE = 20000,
    CONCENTRATED = 100000, // class A's share of sales is at least that much above that of products
    TITLE_SHOWN = 72,
};

// The product's title as a part of a sentence, which it must not turn round, cut to fit; its key
// when it has none.
static const char *shown(struct report *r, const char *title, const char *key) {
    static const char instead[] = "\xEF\xBF\xBD", cut[] = "\xE2\x80\xA6";
    char text[TITLE_SHOWN * (sizeof instead - 1) + 1];
    size_t len = strlen(title), used = 0, at = 0, n;
    bool rtl = false;
    while ((n = encoding_char(title + at, len - at)) > 0 && at + n <= TITLE_SHOWN) {
        const char *from = title + at;
        bool isolates =
            n == 3 && (memcmp(from, ENCODING_FSI, n) == 0 || memcmp(from, ENCODING_PDI, n) == 0);
        bool hidden = isolates || encoding_is_hidden(from, n);
        size_t more = hidden ? sizeof instead - 1 : n;
        memcpy(text + used, hidden ? instead : from, more);
        rtl = rtl || encoding_is_rtl(from, n);
        used += more;
        at += n;
    }
    return len == 0 ? key
                    : pool_printf(&r->pool, "%s%.*s%s%s", rtl ? ENCODING_FSI : "", (int)used, text,
                                  at < len ? cut : "", rtl ? ENCODING_PDI : "");
}

static const char *plural(int64_t count) {
    return count == 1 ? "" : "s";
}

#define SAY(r, code, count, warning, ...)                                                          \
    report_remark((r), &(r)->highlights, (code), (count), (warning), __VA_ARGS__)

static void say_growth(struct report *r) {
    const struct business *b = &r->business;
    const struct report_period *now = &b->periods[b->period_count - 1];
    if (b->period_count < 2 || now->growth.sales_ppm == NUMBER_NONE) {
        return;
    }
    const struct report_period *then = now - 1;
    int64_t change = now->growth.sales_ppm, size = change < 0 ? -change : change;
    const char *verb = size <= SMALL_CHANGE ? "held" : change > 0 ? "grew" : "fell";
    const char *a_day = now->growth.by_day ? " a day" : "";
    SAY(r, "growth", change, change < -SMALL_CHANGE,
        "Sales%s %s %s from %s to %s%s: %s after %s. Sessions%s %s, conversion %s (now %s).", a_day,
        verb, size <= SMALL_CHANGE ? "level" : format_percent(size).text, then->label, now->label,
        now->growth.by_day ? " (they differ in length)" : "",
        format_money(r, now->growth.by_day ? now->sales_per_day : now->is.sales).text,
        format_money(r, now->growth.by_day ? then->sales_per_day : then->is.sales).text, a_day,
        format_change(now->growth.sessions_ppm).text,
        format_points(now->growth.conversion_points_ppm).text,
        format_percent(now->is.conversion_ppm).text);
}

// Of products that sell about alike there is nothing to say.
static void say_concentration(struct report *r, const struct abc_class abc[3],
                              const struct concentration *c, int64_t products) {
    bool large = c->top1_ppm != NUMBER_NONE && c->top1_ppm > MILLION / 3;
    if (products < 3 || c->top1_ppm == NUMBER_NONE) {
        return;
    }
    if (abc[0].share_ppm - number_ratio(abc[0].products, products, MILLION) >= CONCENTRATED) {
        bool first = abc[0].products > 1 && c->top1_ppm >= ONE_PERCENT;
        SAY(r, "concentration", abc[0].products, large,
            "%s of %s products bring%s %s of the revenue%s%s.", format_count(abc[0].products).text,
            format_count(products).text, abc[0].products == 1 ? "s" : "",
            format_percent(abc[0].share_ppm).text, first ? "; the first alone " : "",
            first ? format_percent(c->top1_ppm).text : "");
    } else if (large) {
        SAY(r, "concentration", 1, true, "One of %s products brings %s of the revenue.",
            format_count(products).text, format_percent(c->top1_ppm).text);
    }
}

// What the listed ones miss, as money: ", for £12.00". A product that sold nothing has no price.
static const char *worth_of_leaks(struct report *r, const struct ranking *l) {
    int64_t missed = 0;
    size_t priced = 0;
    for (size_t i = 0; i < l->count; i++) {
        if (l->rows[i].missed_sales != NUMBER_NONE) {
            missed += l->rows[i].missed_sales;
            priced++;
        }
    }
    return priced == 0 ? ""
                       : pool_printf(&r->pool, ", for %s%s", format_money(r, missed).text,
                                     priced < l->count ? " without those that sold none" : "");
}

static void say_leaks(struct report *r) {
    const struct ranking *l = &r->business.leaks;
    int64_t units = 0;
    if (l->total == 0) {
        return;
    }
    for (size_t i = 0; i < l->count; i++) {
        units += l->rows[i].missed_units;
    }
    const char *who = l->rest > 0     ? pool_printf(&r->pool, "the %zu listed", l->count)
                      : l->total == 1 ? "it"
                                      : "they";
    SAY(r, "leaks", l->total, true,
        "%s product%s with high traffic convert%s below average, first %s (%s of %s sessions). At "
        "the average conversion %s would sell %s more%s.",
        format_count(l->total).text, plural(l->total), l->total == 1 ? "s" : "",
        shown(r, l->rows[0].title, l->rows[0].key),
        format_percent(l->rows[0].is.conversion_ppm).text,
        format_count(l->rows[0].is.sessions).text, who, format_many(units, "unit").text,
        worth_of_leaks(r, l));
}

static void say_lost_box(struct report *r) {
    const struct ranking *l = &r->business.lost_box;
    if (l->total > 0) {
        SAY(r, "lost_buy_box", l->total, true,
            "%s product%s with traffic had the Buy Box less than %s of the time, first %s (%s; %s "
            "without it).",
            format_count(l->total).text, plural(l->total),
            format_percent(r->limits.buy_box_ppm).text, shown(r, l->rows[0].title, l->rows[0].key),
            format_percent(l->rows[0].is.buy_box_ppm).text,
            format_many(l->rows[0].lost_views, "page view").text);
    }
}

static void say_mover(struct report *r, const char *code, const char *words,
                      const struct ranking *of, bool warning) {
    if (of->count > 0) {
        const struct product *p = &of->rows[0];
        const struct compared c = report_compared(r, p);
        SAY(r, code, c.last - c.before, warning, "%s: %s, %s%s after %s.", words,
            shown(r, p->title, p->key), format_money(r, c.last).text, c.by_day ? " a day" : "",
            format_money(r, c.before).text);
    }
}

static void say_no_orders(struct report *r) {
    const struct ranking *l = &r->business.no_orders;
    if (l->total > 0) {
        SAY(r, "no_orders", l->total, true, "%s product%s sold nothing; most visited: %s (%s).",
            format_count(l->total).text, plural(l->total),
            shown(r, l->rows[0].title, l->rows[0].key),
            format_many(l->rows[0].is.sessions, "session").text);
    }
}

static void say_orders(struct report *r) {
    const struct orders *o = &r->orders;
    if (o->all.orders == 0) {
        SAY(r, "orders", 0, true, "No order line counts as sold: all are cancelled or unpriced.");
        return;
    }
    bool promotions = o->all.promoted_lines_ppm != NUMBER_NONE;
    SAY(r, "orders", o->all.orders, false,
        "%s of %s on average; %s%s%s of orders with a cancelled line.",
        format_many(o->all.orders, "order").text, format_money(r, o->all.average_order).text,
        promotions ? format_percent(o->all.promoted_lines_ppm).text : "",
        promotions ? " of lines with a promotion, " : "",
        format_percent(o->cancelled_orders_ppm).text);
    if (o->has_weekdays) {
        int best = 0, worst = 0;
        for (int i = 1; i < 7; i++) {
            best = o->weekdays[i].mean_revenue > o->weekdays[best].mean_revenue ? i : best;
            worst = o->weekdays[i].mean_revenue < o->weekdays[worst].mean_revenue ? i : worst;
        }
        SAY(r, "weekday", best, false, "%s is the best day (%s a day), %s the weakest (%s).",
            civil_weekday_name(best), format_money(r, o->weekdays[best].mean_revenue).text,
            civil_weekday_name(worst), format_money(r, o->weekdays[worst].mean_revenue).text);
    }
}

void analyse_highlights(struct analysis *a) {
    struct report *r = a->report;
    if (r->has_business) {
        say_growth(r);
        say_concentration(r, r->business.abc, &r->business.concentration, r->business.all.products);
        say_mover(r, "riser", "Largest gain", &r->business.risers, false);
        say_mover(r, "faller", "Largest loss", &r->business.fallers, true);
        say_leaks(r);
        say_lost_box(r);
        say_no_orders(r);
    }
    if (r->has_orders) {
        if (!r->has_business) {
            say_concentration(r, r->orders.abc, &r->orders.concentration, r->orders.asins.total);
        }
        say_orders(r);
    }
}
