/* Numbers as reports write them, into integers: counts, amounts in minor units, percentages as
 * parts per million. Strict, so that a number of the other locale is an error and never misread:
 * group separators must stand where groups end, and no more decimals than the unit has. Pure. */
#ifndef AMAZON_NUMBER_H
#define AMAZON_NUMBER_H

#include <stddef.h>
#include <stdint.h>

#define NUMBER_NONE      INT64_MIN                 /* "no such figure" wherever figures are kept */
#define NUMBER_COUNT_MAX INT64_C(10000000000)      /* of one cell: 10^10 sessions, units, ... */
#define NUMBER_MONEY_MAX INT64_C(1000000000000000) /* of one cell: 10^15 minor units          */

enum number_style {
    NUMBER_POINT, /* 1,234.56 */
    NUMBER_COMMA, /* 1.234,56 and 1 234,56 */
};

/* All: 0, -ENODATA (nothing there: empty or "-"), -EINVAL (not such a number), -ERANGE. Blanks
 * around are allowed. */
int number_count(const char *text, size_t len, enum number_style style, int64_t *ret);
/* The value times 10^scale, 0..6. More decimals than `scale` are an error even when they are zeros,
 * for "1.000" is a thousand to half the world; scale 0 allows ".0" and ".00". */
int number_fixed(const char *text, size_t len, enum number_style style, unsigned scale,
                 int64_t *ret);
/* "12.34%" is 123400; digits beyond are rounded half up. The sign may be missing: 12.34. */
int number_percent(const char *text, size_t len, enum number_style style, int64_t *ret_ppm);

/* round(a * scale / b), halves away from zero, with 128 bits between; NUMBER_NONE if a or b is
 * NUMBER_NONE, b is 0 or the answer does not fit. */
int64_t number_ratio(int64_t a, int64_t b, int64_t scale);
/* (now - then) / then in parts per million; NUMBER_NONE when `then` is 0 or either is none. */
int64_t number_growth(int64_t now, int64_t then);

#endif
