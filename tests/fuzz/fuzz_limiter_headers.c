// Headers about limits, and a limiter that learns from them: it never lets more than its rules, and no answer closes it for longer
// than it may. The first bytes are the status and how long the next answer takes, the rest are header lines.
#include <string.h>

#include "core/limiter_headers.h"
#include "fuzz.h"

#define NOW INT64_C(1795254000000)

static void check_hint(const struct limiter_hint *h) {
    FUZZ_CHECK(h->remaining >= -1 && h->remaining <= LIMITER_RATE_MAX);
    FUZZ_CHECK(h->limit >= -1 && h->limit <= LIMITER_RATE_MAX);
    FUZZ_CHECK(h->reset_ms >= -1 && h->reset_ms <= LIMITER_HEADER_SPAN_MAX_MS);
    FUZZ_CHECK(h->retry_ms >= -1 && h->retry_ms <= LIMITER_HEADER_SPAN_MAX_MS);
}

static void learn_from(const struct limiter_rules *r, const struct limiter_hint *hint,
                       int64_t later) {
    struct limiter l = {0};
    struct limiter_view v;
    struct limiter_answer a;
    for (uint64_t id = 1; id <= 3; id++) {
        FUZZ_CHECK(limiter_take(&l, r, id, 1, NOW, &a) == 0);
        (void)limiter_answered(&l, r, id, hint, NOW + (int64_t)id * later);
    }
    limiter_look(&l, r, NOW + 3 * later, &v);
    FUZZ_CHECK(v.limit >= 1 && v.limit <= r->rate);
    FUZZ_CHECK(v.foreign >= 0 && v.foreign <= r->rate);
    FUZZ_CHECK(v.closed_ms <= NOW + 3 * later + LIMITER_CLOSE_MAX_MS);
    FUZZ_CHECK(v.closed_ms == 0 || hint->refused);
    // whatever it was told, it is open again after the longest of all times
    int64_t rest = limiter_rest_ms(&l, r);
    FUZZ_CHECK(rest <= NOW + 3 * later + LIMITER_CLOSE_MAX_MS + r->per_ms + r->lease_ms + 1000);
    FUZZ_CHECK(limiter_take(&l, r, 9, r->rate, rest, &a) == 0);
    FUZZ_CHECK(a.verdict == LIMITER_GRANTED);
    limiter_finish(&l);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const learn[] = {"X-Ratelimit-Limit", "X-Ratelimit-Remaining",
                                        "X-Ratelimit-Reset", "Retry-After"};
    static const int statuses[] = {200, 429, 503, 404};
    const struct limiter_rules moving = {
        .rate = 10, .per_ms = 1000, .window = LIMITER_WINDOW_MOVING, .lease_ms = 5000};
    const struct limiter_rules fixed = {
        .rate = 1000, .per_ms = 86400000, .window = LIMITER_WINDOW_FIXED, .lease_ms = 1};
    if (size < 2) {
        return 0;
    }
    struct limiter_hint h = limiter_headers_read(
        statuses[data[0] % 4], (struct bytes){data + 2, size - 2}, learn, ARRAY_LEN(learn), NOW);
    check_hint(&h);
    learn_from(&moving, &h, data[1]);
    learn_from(&fixed, &h, data[1]);
    return 0;
}
