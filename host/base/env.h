/* Time and randomness, as everything in the host reads them.
 *
 * wall time  unix milliseconds; may step; for times that people and stores see.
 * mono time  milliseconds that only go forward; for timeouts, deadlines of running attempts and
 * timers.
 *
 * In test builds (JOBHOST_TEST) the variable JOBHOST_TEST_CLOCK names a file that holds the layout
 * below; every process that maps it (host, workers, fake upstreams, scripts) reads the same time,
 * which a test can set, freeze or speed up. Release builds refuse to start when the variable is
 * set. docs/testing.md has the recipe. All functions are thread-safe after env_open(). */
#ifndef JOBHOST_BASE_ENV_H
#define JOBHOST_BASE_ENV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define ENV_CLOCK_MAGIC 0x314B434C43484AULL /* "JHCLCK1" */

/* The shared test clock: 48 bytes, little-endian, mapped read-only by readers. A writer makes `seq`
 * odd, writes, makes it even again.  mono = base_test_ms + (CLOCK_MONOTONIC ms - base_real_ms) *
 * rate_milli / 1000 and wall = mono + wall_skew_ms. rate_milli 0 freezes time. */
struct env_clock_file {
    uint64_t magic;
    uint64_t seq;
    int64_t base_real_ms;
    int64_t base_test_ms;
    int64_t rate_milli;
    int64_t wall_skew_ms;
};

struct env {
    const volatile struct env_clock_file *clock; /* NULL: real time */
};

/* Reads the test variables. -EPERM in a release build that finds one of them set; -EINVAL for a bad
 * file. */
int env_open(struct env *env, struct err *e);
void env_close(struct env *env);

int64_t env_wall_ms(const struct env *env);
int64_t env_mono_ms(const struct env *env);

/* True while a test clock is in force: timers must then look at the clock often instead of
 * sleeping. */
bool env_is_virtual(const struct env *env);

/* Real CLOCK_MONOTONIC in microseconds, for measuring work; never for decisions. */
int64_t env_stopwatch_us(void);

/* Unpredictable bytes from the kernel; never fails (aborts if the kernel has none). */
void env_random(void *out, size_t len);

#endif
