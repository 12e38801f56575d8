/* The steps of one job that this attempt has seen, so that none is asked for twice and its own are
 * found without asking. Of values over STEPS_KEEP_MAX that it wrote itself only their existence is
 * kept. Used by one thread. */
#ifndef JOBHOST_WORKER_STEPS_H
#define JOBHOST_WORKER_STEPS_H

#include "base/arena.h"
#include "base/bytes.h"

enum { STEPS_KEEP_MAX = 4096 };

enum steps_known { STEPS_UNKNOWN, STEPS_PRESENT, STEPS_ABSENT, STEPS_ELSEWHERE };

struct step_entry;
struct steps {
    struct step_entry *head;
};

/* STEPS_PRESENT sets *ret. STEPS_ELSEWHERE: it exists, ask for its value. */
enum steps_known steps_find(const struct steps *s, const char *name, struct bytes *ret);
/* Entry and name are copied into the arena; `value` (STEPS_PRESENT) is borrowed for as long as the
 * arena lives. 0 or -ENOMEM. */
int steps_note(struct steps *s, struct arena *a, const char *name, enum steps_known what,
               struct bytes value);
/* To be called before the arena is freed. */
void steps_finish(struct steps *s);

#endif
