/* A stream of numbers from a seed: splitmix64 (Steele, Lea, Flood 2014; public domain algorithm).
 * For sampling, never for secrets. */
#ifndef JOBHOST_WORKER_MIX_H
#define JOBHOST_WORKER_MIX_H

#include <stdint.h>

static inline uint64_t mix_next(uint64_t *state) {
    uint64_t z = (*state += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

#endif
