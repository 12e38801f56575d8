/* Figures as people read them (English forms), in a small struct by value:
 *     format_money(r, x).text */
#ifndef AMAZON_FORMAT_H
#define AMAZON_FORMAT_H

#include "report.h"

struct formatted {
    char text[64];
};

/* NUMBER_NONE is an en dash everywhere. */
struct formatted format_count(int64_t value);                         /* 12,345      */
struct formatted format_money(const struct report *r, int64_t minor); /* €12,345.67  */
struct formatted format_short(const struct report *r, int64_t minor); /* €12.3k      */
struct formatted format_percent(int64_t ppm);                         /* 12.3%       */
struct formatted format_change(int64_t ppm);                          /* +12.3%      */
struct formatted format_points(int64_t ppm);                          /* +1.2 pts    */
/* "1 order", "12,345 orders": the noun's plural has an s. */
struct formatted format_many(int64_t count, const char *noun);
struct formatted format_day(int32_t day);            /* 2026-03-31  */
struct formatted format_decimal(int64_t millionths); /* 1.27        */

#endif
