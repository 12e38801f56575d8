/* When a failed job runs again. Pure.
 *
 *   exponential   base * factor^(n-1), at most cap
 *   fixed         base
 *   expression    a formula of `retried` (QStash's functions), milliseconds, at most cap
 *
 * n is the number of attempts used up so far (>= 1). Jitter spreads the delay by ±jitter (0..1 of
 * it), the same for the same (seed, n), so that it can be explained and replayed. */
#ifndef JOBHOST_CORE_RETRY_H
#define JOBHOST_CORE_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum backoff_kind { BACKOFF_EXPONENTIAL, BACKOFF_FIXED, BACKOFF_EXPRESSION };

/* What failures of one class do otherwise. What is not said (0, false, NULL) is as the policy has it. */
struct retry_rule {
    int32_t max;
    bool has_backoff;
    enum backoff_kind backoff;
    int64_t base_ms;
    double factor;
    int64_t cap_ms;
    const char *expression; /* borrowed */
};

enum { RETRY_CLASSES = 11 }; /* classes of failures: values of jh_class */

struct retry_policy {
    int32_t max;     /* executions, the first included; >= 1 */
    int32_t crashes; /* of one build of the plugin, that quarantine the job; >= 1 */
    enum backoff_kind backoff;
    int64_t base_ms;
    double factor;
    int64_t cap_ms;
    double jitter;
    const char *expression; /* BACKOFF_EXPRESSION: borrowed; else NULL */
    const struct retry_rule
        *rules; /* RETRY_CLASSES of them, borrowed; NULL = all failures are alike */
};

/* The policy for failures of that class (a jh_class), which has no rules any more. */
struct retry_policy retry_of_class(const struct retry_policy *p, int32_t cls);

/* Longest retry expression, in characters. */
#define RETRY_EXPRESSION_MAX 256

/* QStash's own back-off, min(86400, e^(2.5 n)) seconds: 12 s, 2m28s, 30m8s, 6h7m, 24h. */
#define RETRY_QSTASH_EXPRESSION "min(86400000, exp(2.5 * (retried + 1)) * 1000)"

extern const struct retry_policy retry_default; /* max 3, exponential, 10 s, 2, 1 h, 0.2 */

/* Milliseconds to wait after the n-th failed attempt. `retry_after_ms` > 0 is obeyed as a minimum.
 * The cap comes before the jitter, so up to cap * (1 + jitter); cap_ms <= 0 is none. An expression
 * sees retried = n - 1 and, where it has no value, counts as base_ms. */
int64_t retry_delay_ms(const struct retry_policy *p, int32_t n, uint64_t seed,
                       int64_t retry_after_ms);

/* Evaluates "pow(2, retried) * 1000" and the like: numbers, + - * / % ^, parentheses, `retried`,
 * and the functions pow sqrt abs exp floor ceil round min max (min and max of any number of
 * arguments). Bounded in length and depth. 0, or -EINVAL with the column; infinity is a value,
 * not-a-number is not. */
int retry_expression_eval(const char *expression, int32_t retried, double *ret_ms, struct err *e);

#endif
