#include "sim/quantile.h"

#include <stddef.h>

#define FINE (1u << QUANTILE_BITS)

// Up to 2 * FINE each value has a range of its own; from there on each power of two has FINE.
static size_t range_of(uint64_t value) {
    unsigned shift = 0;
    while (value >> shift >= 2 * FINE) {
        shift++;
    }
    size_t range = (size_t)shift * FINE + (size_t)(value >> shift);
    return range < QUANTILE_RANGES ? range : QUANTILE_RANGES - 1;
}

// The largest value of a range.
static int64_t top_of(size_t range) {
    if (range < 2 * FINE) {
        return (int64_t)range;
    }
    unsigned shift = (unsigned)(range / FINE) - 1;
    uint64_t first = (uint64_t)(range - (size_t)shift * FINE) << shift;
    return (int64_t)(first + ((uint64_t)1 << shift) - 1);
}

void quantile_add(struct quantile *q, int64_t value) {
    value = value < 0 ? 0 : value;
    q->count++;
    q->max = value > q->max ? value : q->max;
    q->ranges[range_of((uint64_t)value)]++;
}

int64_t quantile_at(const struct quantile *q, double share) {
    uint64_t sum = 0;
    for (size_t i = 0; i < QUANTILE_RANGES; i++) {
        sum += q->ranges[i];
        if (sum > 0 && (double)sum >= share * (double)q->count) {
            int64_t top = top_of(i);
            return top < q->max ? top : q->max;
        }
    }
    return 0;
}
