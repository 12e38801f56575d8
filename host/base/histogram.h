/* How often a measure fell into which range: fixed bounds, counts, a sum. Observing costs a walk
 * over a dozen numbers and no allocation, so it can stand on every hot path. Pure.
 *
 *     bounds   1      10      100              (upper, inclusive)
 *     counts   |  0   |  1    |  2    |  3 =   all above the last bound
 *
 * The bounds belong to a `scale`, a constant that many histograms share. */
#ifndef JOBHOST_BASE_HISTOGRAM_H
#define JOBHOST_BASE_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

enum { HISTOGRAM_BOUNDS_MAX = 15 };

struct histogram_scale {
    const uint64_t *bounds; /* ascending, in the unit that is observed                */
    size_t count;           /* 1..HISTOGRAM_BOUNDS_MAX                                */
    uint64_t per_unit;      /* how many of them make one of what is shown: 1000000 for
                               microseconds shown as seconds                          */
};

/* Microseconds shown as seconds: 1 ms to 1 h, for what people wait for. */
extern const struct histogram_scale histogram_waits;
/* Microseconds shown as seconds: 100 us to 10 s, for what the host itself does. */
extern const struct histogram_scale histogram_latencies;
/* Plain numbers: powers of two, 1 to 4096. */
extern const struct histogram_scale histogram_sizes;

struct histogram {
    uint64_t counts[HISTOGRAM_BOUNDS_MAX + 1];
    uint64_t sum;
};

/* A negative value counts as 0: clocks may step. */
void histogram_add(struct histogram *h, const struct histogram_scale *scale, int64_t value);

/* All that was observed. */
uint64_t histogram_total(const struct histogram *h, const struct histogram_scale *scale);

#endif
