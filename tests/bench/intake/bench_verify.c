/* How many deliveries a second are verified, one after the other on one core: all of it, from the headers to the verdict.
 *
 *     bench_verify SECONDS TOKEN BODY NOW      a delivery of qstash, as verify.mjs makes and measures it
 *
 * Prints verifications a second, and the processor time of one in microseconds. The key is sig_current, the URL https://jobs.example.com/hooks/h. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/env.h"
#include "config/config.h"
#include "intake/verify.h"

int main(int argc, char **argv) {
    static struct config_option keys[] = {{.name = "current", .value = "sig_current"},
                                          {.name = "next", .value = "sig_next"}};
    static struct config_verify entry = {"qstash", keys, 2};
    const struct config_hook hook = {.verify = &entry, .verify_count = 1};
    struct verifier *v = NULL;
    if (argc != 5 || verifier_new(&hook, "https://jobs.example.com", &v, NULL) < 0) {
        return EXIT_FAILURE;
    }
    const struct header headers[] = {
        {bytes_of("Host"), bytes_of("jobs.example.com")},
        {bytes_of("User-Agent"), bytes_of("bench")},
        {bytes_of("Content-Type"), bytes_of("application/json")},
        {bytes_of("Upstash-Signature"), bytes_of(argv[2])},
    };
    const struct delivery d = {.headers = headers,
                               .header_count = ARRAY_LEN(headers),
                               .body = bytes_of(argv[3]),
                               .target = "/hooks/h",
                               .now_ms = strtoll(argv[4], NULL, 10) * 1000};
    int64_t span_us = strtoll(argv[1], NULL, 10) * 1000000, from_us = env_stopwatch_us(), now_us;
    struct arena a = {.head = NULL};
    uint64_t count = 0;
    do {
        for (int i = 0; i < 1000; i++) {
            struct verdict verdict;
            verifier_check(v, &d, &a, &verdict);
            arena_reset(&a);
            if (verdict.status != 0) {
                (void)fprintf(stderr, "%s: %s\n", verdict.check, verdict.detail);
                return EXIT_FAILURE;
            }
        }
        count += 1000;
        now_us = env_stopwatch_us();
    } while (now_us - from_us < span_us);
    (void)printf("%.0f %.3f\n", (double)count * 1e6 / (double)(now_us - from_us),
                 (double)clock() * 1e6 / CLOCKS_PER_SEC / (double)count);
    arena_free(&a);
    verifier_release(&v);
    return EXIT_SUCCESS;
}
