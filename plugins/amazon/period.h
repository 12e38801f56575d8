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
    bool doubtful;    /* the file's name has other numbers too */
    int32_t from, to; /* days, both within; when dated */
    char label[PERIOD_LABEL];
};

/* From a file's name: a month (2026-03, March 2026, 2026_März), a quarter (2026-Q1) or two dates
 * (2026-03-01_2026-03-31, 1.3.2026-31.3.2026). Only where the name says exactly one of these and has
 * no other word that may be of a date: "January-March 2026", "1-15 March 2026", "downloaded 2 May
 * 2026" and a single date (of a day, or of the download) date nothing. False: *ret is undated with
 * the name as label. */
bool period_from_name(const char *file, struct period *ret);

/* Whether figures of the two compare whole: as many days, or as many whole months (February and
 * March do). Undated ones are taken to be. */
bool period_alike(const struct period *a, const struct period *b);

/* "March 2026", "Q1 2026", "2026-03-01 to 2026-03-14". For dated periods without a label. */
void period_name(struct period *p);

#endif
