/* How long things took: counts in ranges whose width is at most 1/32 of what they hold, so that a percentile is told to
 * about 3 % in constant memory, whatever comes. Pure. */
#ifndef JOBHOST_SIM_QUANTILE_H
#define JOBHOST_SIM_QUANTILE_H

#include <stdint.h>

enum { QUANTILE_BITS = 5, QUANTILE_RANGES = (60 - QUANTILE_BITS) << QUANTILE_BITS };

struct quantile {
    uint64_t count;
    int64_t max;
    uint32_t ranges[QUANTILE_RANGES];
};

/* Less than 0 counts as 0. */
void quantile_add(struct quantile *q, int64_t value);
/* At least `share` (0..1) of the values are no larger than this; never more than the largest. 0 of none. */
int64_t quantile_at(const struct quantile *q, double share);

#endif
