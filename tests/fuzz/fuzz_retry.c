// Retry expressions: refused with a reason, or a number; and a policy with them never asks for a negative or endless wait.
#include "core/retry.h"

#include <math.h>
#include <string.h>

#include "fuzz.h"

#define YEARS_10_MS (INT64_C(10) * 366 * 24 * 3600 * 1000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = malloc(size + 1);
    if (text == NULL) {
        return 0;
    }
    memcpy(text, data, size);
    text[size] = '\0';
    const struct retry_policy policy = {.max = 5,
                                        .backoff = BACKOFF_EXPRESSION,
                                        .base_ms = 1000,
                                        .jitter = 0.5,
                                        .expression = text};
    for (int32_t retried = 0; retried < 4; retried++) {
        double ms = 0;
        struct err e = {0};
        int r = retry_expression_eval(text, retried, &ms, &e);
        FUZZ_CHECK(r == 0 ? !isnan(ms) : e.msg[0] != '\0');
        int64_t delay = retry_delay_ms(&policy, retried + 1, size, 0);
        FUZZ_CHECK(delay >= 0 && delay <= YEARS_10_MS);
    }
    free(text);
    return 0;
}
