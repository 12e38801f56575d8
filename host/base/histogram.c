#include "base/histogram.h"

#include "base/bytes.h"

enum { MS = 1000, S = 1000 * MS };

static const uint64_t waits[] = {
    1 * MS, 5 * MS, 25 * MS, 100 * MS,          250 * MS,           1 * S, 2500 * MS, 10 * S,
    30 * S, 60 * S, 300 * S, UINT64_C(900) * S, UINT64_C(3600) * S,
};
static const uint64_t latencies[] = {
    100,     250,     500,      1 * MS,   2500,  5 * MS, 10 * MS,
    25 * MS, 50 * MS, 100 * MS, 250 * MS, 1 * S, 10 * S,
};
static const uint64_t sizes[] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096};

_Static_assert(ARRAY_LEN(waits) <= HISTOGRAM_BOUNDS_MAX, "room in struct histogram");
_Static_assert(ARRAY_LEN(latencies) <= HISTOGRAM_BOUNDS_MAX, "room in struct histogram");
_Static_assert(ARRAY_LEN(sizes) <= HISTOGRAM_BOUNDS_MAX, "room in struct histogram");

const struct histogram_scale histogram_waits = {waits, ARRAY_LEN(waits), S};
const struct histogram_scale histogram_latencies = {latencies, ARRAY_LEN(latencies), S};
const struct histogram_scale histogram_sizes = {sizes, ARRAY_LEN(sizes), 1};

void histogram_add(struct histogram *h, const struct histogram_scale *scale, int64_t value) {
    uint64_t v = value < 0 ? 0 : (uint64_t)value;
    size_t i = 0;
    while (i < scale->count && v > scale->bounds[i]) {
        i++;
    }
    h->counts[i]++;
    h->sum += v;
}

uint64_t histogram_total(const struct histogram *h, const struct histogram_scale *scale) {
    uint64_t total = 0;
    for (size_t i = 0; i <= scale->count; i++) {
        total += h->counts[i];
    }
    return total;
}
