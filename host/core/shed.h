/* When a host takes no more submissions for the moment, because the store cannot keep up with what it has already.
 *
 * Told by how long submissions wait for the store's answer, not by how many there are: a queue that is short at times
 * does its work, one in which everything waits long does none (after RFC 8289, Controlled Delay). So a single slow
 * sync changes nothing; a wait that stays over the target for a while does, until one is below it again, or few are
 * under way: a store that is far off is slow without being busy. Pure. */
#ifndef JOBHOST_CORE_SHED_H
#define JOBHOST_CORE_SHED_H

#include <stdbool.h>
#include <stdint.h>

enum { SHED_TARGET_MS = 500, SHED_AFTER_MS = 500, SHED_FEW = 32 };

/* Zeroed: nothing is under way. */
struct shed {
    unsigned under_way;
    int64_t
        slow_since_ms; /* all that was answered since then had waited for longer than the target; 0 = no */
    bool sheds;
};

void shed_posted(struct shed *s);
/* One was answered that had waited so long. `now_ms` is never 0, and goes by real time. */
void shed_answered(struct shed *s, int64_t waited_ms, int64_t now_ms);
bool shed_refuses(const struct shed *s);

#endif
