/* The time that a business report is about. Reports do not say it: it comes from the request, else
 * from the name of the file, else it is unknown. Pure. */
#ifndef AMAZON_PERIOD_H
#define AMAZON_PERIOD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PERIOD_LABEL = 80 };

enum period_origin { PERIOD_UNKNOWN, PERIOD_REQUEST, PERIOD_FILE_NAME };

struct period {
    enum period_origin origin;
    bool dated;
    int32_t from, to; /* days, both within; when dated */
    char label[PERIOD_LABEL];
};

/* From a file's name: two dates (2026-03-01_2026-03-31, 1.3.2026-31.3.2026), one ISO date (that day),
 * a month (2026-03, March 2026, Mär_26 is not: years have four digits), "2026-Q1". The name that
 * Amazon gives, BusinessReport-3-31-26.csv, has the day of the download and says nothing. False:
 * nothing found, and *ret is undated with the name as label. */
bool period_from_name(const char *file, struct period *ret);

/* "March 2026", "Q1 2026", "2026-03-01 to 2026-03-14". For dated periods without a label. */
void period_name(struct period *p);

#endif
