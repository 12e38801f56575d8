/* The calendar: days since 1970-01-01 and their dates (proleptic Gregorian), without zones. Pure. */
#ifndef JOBHOST_BASE_CIVIL_H
#define JOBHOST_BASE_CIVIL_H

#include <stdbool.h>
#include <stdint.h>

#define CIVIL_DAY INT64_C(86400) /* seconds */

struct civil {
    int64_t year;
    int month, day; /* from 1 on */
};

/* `month` and `day` are those of a date; `day` may also be 0 or more than the month has. */
int64_t civil_days(int64_t year, int month, int day);
struct civil civil_from_days(int64_t days);

bool civil_is_leap(int64_t year);
int civil_month_length(int64_t year, int month);
int civil_weekday(int64_t days); /* 0 = Sunday */

/* Rounded down, also below zero: the day of a second, the second of a millisecond. */
static inline int64_t civil_floor(int64_t value, int64_t unit) {
    return value / unit - (value % unit < 0);
}

#endif
