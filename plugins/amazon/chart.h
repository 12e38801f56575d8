/* Charts as inline SVG: no script, colours by CSS classes (so that dark and print work), a title and
 * description for screen readers, a <title> on every mark for the pointer. Each writes one <figure>,
 * or nothing (false) where there is nothing to be seen: no sales, a single period. */
#ifndef AMAZON_CHART_H
#define AMAZON_CHART_H

#include <stdio.h>

#include "report.h"

bool chart_trend(FILE *out, const struct report *r);     /* revenue of orders in time         */
bool chart_periods(FILE *out, const struct report *r);   /* small multiples of the periods    */
bool chart_pareto(FILE *out, const struct report *r);    /* sales by product, and their sum   */
bool chart_quadrants(FILE *out, const struct report *r); /* sessions against conversion       */
bool chart_weekdays(FILE *out, const struct report *r);

/* ---- parts ---- */

enum { CHART_WIDTH = 560, CHART_HEIGHT = 320 };
enum { CHART_BELOW = 24 }; /* from the lower edge of an area down to its labels */

struct chart_area {
    double left, top, right, bottom;
};

void chart_begin(FILE *out, const char *id, const char *title, const char *description);
void chart_end(FILE *out, const char *caption); /* "" = none */
/* A round value that is not below `value` and not much above, of which a quarter is round too; 1 for
 * 0. */
double chart_ceiling(double value);
/* The same for amounts: four times whole units, so that labels without decimals are true. */
double chart_money_ceiling(const struct report *r, int64_t minor);
/* Lines across with labels, four steps up to `top_value`; labels are amounts, counts or percent. */
enum chart_unit { CHART_MONEY, CHART_COUNT, CHART_PERCENT };
void chart_grid(FILE *out, const struct report *r, struct chart_area a, double top_value,
                enum chart_unit unit);
void chart_label(FILE *out, double x, double y, const char *class, const char *text, size_t max);
/* A bar that stands on `bottom`, its value in its title. */
void chart_bar(FILE *out, const char *class, double x, double width, double top, double bottom,
               const char *name, const char *value);

#endif
