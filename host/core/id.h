/* Job identifiers: UUID version 7 (RFC 9562), made at intake and never changed.
 *
 *      48 bits          4   12 bits        2   62 bits
 *   [ unix ms ........ | 7 | counter high | 2 | counter low, random ]
 *
 * Ids of one generator strictly increase, so "by id" is "by age". The first 63 significant bits (42
 * bits of milliseconds, 21 bits of counter) are the id's *order*: a positive int64 that is unique
 * in one store and that SQLite uses as row number. Pure; the caller passes time and randomness. */
#ifndef JOBHOST_CORE_ID_H
#define JOBHOST_CORE_ID_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define JOB_ID_TEXT 36 /* characters of the usual 8-4-4-4-12 form */

struct job_id {
    uint8_t b[16];
};

/* One per process that makes ids; loop thread only. */
struct id_gen {
    int64_t last_ms;
    uint32_t counter; /* 21 bits, starts at random in the lower half each millisecond */
    uint64_t mix;     /* state of the generator of the low bits */
};

void id_gen_init(struct id_gen *gen, uint64_t seed);

/* The next id. If wall time steps back, or a millisecond's counter runs over, the id's time runs
 * ahead of the clock; order is never lost. */
struct job_id id_next(struct id_gen *gen, int64_t now_ms);

int64_t id_order(const struct job_id *id);
int64_t id_order_ms(int64_t order); /* the time of an id with this order */
int64_t id_time_ms(const struct job_id *id);

/* A number that is the same for every attempt of the job: for sampling and jitter. */
uint64_t id_seed(const struct job_id *id);

void id_format(const struct job_id *id, char out[JOB_ID_TEXT + 1]);

/* Accepts exactly the 36-character form, either letter case, version 7 and variant 2. 0, or
 * -EINVAL. */
int id_parse(const char *text, struct job_id *ret_id);

static inline bool id_equal(const struct job_id *a, const struct job_id *b) {
    return memcmp(a->b, b->b, sizeof a->b) == 0;
}

static inline bool id_is_zero(const struct job_id *id) {
    static const struct job_id zero;
    return memcmp(id->b, zero.b, sizeof zero.b) == 0;
}

#endif
