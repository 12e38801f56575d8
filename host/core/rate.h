/* How often each of many may do something: so many at once after a pause, and then one every so often. Pure.
 *
 * The table has a fixed size, whoever comes: four places for each of RATE_SETS hashes. When all four are taken, the one
 * that is closest to having its whole burst again goes. So who comes by many names gets more than his share at times, and
 * nobody's name costs memory. Zeroed but for the seed, which is random, so that nobody can choose whose places he takes. */
#ifndef JOBHOST_CORE_RATE_H
#define JOBHOST_CORE_RATE_H

#include <stddef.h>
#include <stdint.h>

enum { RATE_SETS = 1024, RATE_WAYS = 4 };

struct rates {
    uint64_t seed;
    struct rate_place {
        uint64_t key;    /* 0 = free */
        int64_t full_us; /* when it has its whole burst again */
    } places[RATE_SETS][RATE_WAYS];
};

struct rate_rule {
    int64_t every_us; /* one each; > 0 */
    int64_t burst;    /* at once; > 0 */
};

/* 0: it may, and has. Else it has not: how long until it may, us. */
int64_t rate_take(struct rates *r, const void *name, size_t len, const struct rate_rule *rule,
                  int64_t now_us);
/* The same without taking. */
int64_t rate_look(const struct rates *r, const void *name, size_t len, const struct rate_rule *rule,
                  int64_t now_us);

#endif
