/* Who has sent too much that was refused: a count a minute for each hook and address, in a table of fixed size. Somebody with
 * very many addresses pushes others out of it, and so only makes them be forgotten. Pure. */
#ifndef JOBHOST_INTAKE_FAILURES_H
#define JOBHOST_INTAKE_FAILURES_H

#include <stdint.h>

#include "base/network.h"

enum { FAILURES_SETS = 1024, FAILURES_WAYS = 4, FAILURES_WINDOW_MS = 60 * 1000 };

struct failure {
    uint64_t who; /* 0 = free */
    int64_t since_ms;
    int64_t count;
};

struct failures {
    uint64_t seed; /* unpredictable, so that nobody chooses whom he pushes out */
    int64_t last_ms;
    struct failure table[FAILURES_SETS][FAILURES_WAYS];
};

void failures_init(struct failures *f, uint64_t seed);

/* `peer` is as struct request names it: an address (of IPv6 the first half counts), or a word. */
uint64_t failures_who(const struct failures *f, const char *hook, const char *peer);

/* One more. `now_ms` is monotonic. */
void failures_add(struct failures *f, uint64_t who, int64_t now_ms);

/* How long it must wait that has failed `limit` times within the window; 0: not at all. */
int64_t failures_wait_ms(const struct failures *f, uint64_t who, int64_t limit, int64_t now_ms);

/* Has anybody failed within the window? Else nobody need be looked for. */
static inline int failures_any(const struct failures *f, int64_t now_ms) {
    return f->last_ms != 0 && now_ms - f->last_ms < FAILURES_WINDOW_MS;
}

#endif
