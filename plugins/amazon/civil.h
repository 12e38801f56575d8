/* Days of the civil calendar as integers (days since 1970-01-01) and the time stamps of order
 * reports. Pure. */
#ifndef AMAZON_CIVIL_H
#define AMAZON_CIVIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CIVIL_TEXT = 11 }; /* "2026-11-21" and a NUL */

bool civil_valid(int year, int month, int day); /* years 1990 to 2199 */
int32_t civil_day(int year, int month, int day);
void civil_split(int32_t day, int *ret_year, int *ret_month, int *ret_day);
int civil_days_in_month(int year, int month);
int civil_weekday(int32_t day); /* 0 = Monday */
void civil_format(int32_t day, char out[CIVIL_TEXT]);

/* "2026-11-21" and nothing else: 0 or -EINVAL. */
int civil_parse(const char *text, size_t len, int32_t *ret_day);

/* "2026-11-21T23:59:59+02:00" (also with a blank for the T, without seconds, with fractions, "Z", or
 * nothing for the offset = UTC): the day as it is written there, and the instant in seconds since
 * 1970. 0 or -EINVAL. */
int civil_parse_stamp(const char *text, size_t len, int32_t *ret_day, int64_t *ret_seconds);

/* English name or its first three letters ("march", "mar"), German names too; lower case. 1 to 12,
 * 0 = none. */
int civil_month_from_name(const char *word, size_t len);
const char *civil_month_name(int month); /* "March" */
const char *civil_weekday_name(int weekday);

#endif
