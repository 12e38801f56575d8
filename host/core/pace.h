/* How fast something may be let go: a bucket into which tokens drip, one for each job. Pure.
 *
 * It begins with one token, so that after t no more than rate * t + 1 were ever taken. What nobody
 * takes is kept for a tenth of a second, or one token if that is more: who could not keep up for a
 * while makes no burst of it. */
#ifndef JOBHOST_CORE_PACE_H
#define JOBHOST_CORE_PACE_H

#include <stdbool.h>
#include <stdint.h>

enum { PACE_COUNT_MAX = 1000000, PACE_TEXT_MAX = 16 };

struct pace_rate {
    uint32_t count; /* 0 = there is none: as fast as it goes */
    int64_t per_ms; /* a second, a minute or an hour         */
};

/* "50/s", "30/min", "6/h". 0, or -EINVAL. */
int pace_parse(const char *text, struct pace_rate *ret);
void pace_format(const struct pace_rate *rate, char out[PACE_TEXT_MAX]);
/* How long `n` take. */
int64_t pace_duration_ms(const struct pace_rate *rate, int64_t n);

struct pace {
    struct pace_rate rate;
    int64_t level; /* a token is rate.per_ms of it; each millisecond adds rate.count */
    int64_t at_ms; /* monotonic: when it was looked at last                          */
};

void pace_begin(struct pace *p, const struct pace_rate *rate, int64_t now_ms);
static inline bool pace_is_on(const struct pace *p) {
    return p->rate.count > 0;
}

/* Lets drip in what has come until now. */
void pace_fill(struct pace *p, int64_t now_ms);
/* Tokens there are; of one that is not on UINT32_MAX. */
uint32_t pace_room(const struct pace *p);
/* `n` of them are taken, or were not needed after all. */
void pace_take(struct pace *p, uint32_t n);
void pace_give(struct pace *p, uint32_t n);
/* When the next one is there; in the past: now. */
int64_t pace_next_ms(const struct pace *p);

#endif
