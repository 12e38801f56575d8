/* jobhost_clock.h — extension "jobhost.clock/1": time and randomness from the host, so that tests
 * and simulations control them. A handler that takes both from here (and sleeps with sleep_ms)
 * behaves the same under a virtual clock. */
#ifndef JOBHOST_CLOCK_H
#define JOBHOST_CLOCK_H

#include "jobhost_plugin.h"
#ifdef __cplusplus
extern "C" {
#endif

#define JH_CLOCK_1 "jobhost.clock/1"

struct jh_clock {
    uint32_t size;
    uint32_t reserved;

    int64_t (*wall_ms)(struct jh_call *); /* [any] unix time; may step                     */
    int64_t (*mono_ms)(struct jh_call *); /* [any] only goes forward; origin is arbitrary  */

    /* [run] A stream of numbers that is the same for every attempt of the job (it starts from
     * job->seed): for sampling. */
    uint64_t (*random)(struct jh_call *);

    /* [any] Unpredictable bytes, for nonces and tokens: never the same again. Under the test
     * harness they are seeded. */
    void (*entropy)(struct jh_call *, void *out, size_t len);
};

#ifdef __cplusplus
}
#endif
#endif
