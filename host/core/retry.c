#include "core/retry.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

// Far beyond every sensible policy, and small enough to be added to a time.
#define DELAY_MOST_MS (INT64_C(10) * 366 * 24 * 3600 * 1000)

const struct retry_policy retry_default = {
    .max = 3,
    .crashes = 3,
    .backoff = BACKOFF_EXPONENTIAL,
    .base_ms = 10000,
    .factor = 2,
    .cap_ms = 3600000,
    .jitter = 0.2,
};

struct retry_policy retry_of_class(const struct retry_policy *p, int32_t cls) {
    struct retry_policy ret = *p;
    ret.rules = NULL;
    if (p->rules == NULL || cls < 0 || cls >= RETRY_CLASSES) {
        return ret;
    }
    const struct retry_rule *rule = &p->rules[cls];
    ret.max = rule->max == 0 ? p->max : rule->max;
    ret.backoff = rule->has_backoff ? rule->backoff : p->backoff;
    ret.base_ms = rule->base_ms == 0 ? p->base_ms : rule->base_ms;
    ret.factor = rule->factor == 0 ? p->factor : rule->factor;
    ret.cap_ms = rule->cap_ms == 0 ? p->cap_ms : rule->cap_ms;
    ret.expression = rule->expression == NULL ? p->expression : rule->expression;
    return ret;
}

// A number in [-1, 1) that depends on nothing but (seed, n).
static double spread(uint64_t seed, int32_t n) {
    uint64_t z = seed + (uint64_t)(uint32_t)n * UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    z ^= z >> 31;
    return (double)(z >> 11) / (double)(UINT64_C(1) << 52) - 1;
}

static double plain_delay(const struct retry_policy *p, int32_t n) {
    double ms = (double)p->base_ms;
    switch (p->backoff) {
    case BACKOFF_FIXED: return ms;
    case BACKOFF_EXPONENTIAL: return ms * pow(p->factor, n - 1);
    case BACKOFF_EXPRESSION:
        // a formula that has no value for this n (it was checked for others) falls back to the base
        (void)retry_expression_eval(p->expression, n - 1, &ms, NULL);
        return ms;
    }
    return ms;
}

int64_t retry_delay_ms(const struct retry_policy *p, int32_t n, uint64_t seed,
                       int64_t retry_after_ms) {
    double most = (double)DELAY_MOST_MS;
    double delay = plain_delay(p, n < 1 ? 1 : n);
    if (p->cap_ms > 0 && p->backoff != BACKOFF_FIXED) {
        most = fmin(most, (double)p->cap_ms);
    }
    // the cap comes before the jitter, so that those who have reached it do not return all at once
    delay = fmax(0, fmin(delay, most));
    delay = fmin(delay * (1 + p->jitter * spread(seed, n)), (double)DELAY_MOST_MS);
    int64_t after = retry_after_ms < DELAY_MOST_MS ? retry_after_ms : DELAY_MOST_MS;
    int64_t ms = delay > 0 ? (int64_t)delay : 0;
    return ms > after ? ms : after;
}
