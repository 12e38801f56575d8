/* What happens when: events in the order of virtual time, and of being written down among those of one millisecond.
 * Nothing here waits; whoever takes the next event makes its time the present. */
#ifndef JOBHOST_SIM_AGENDA_H
#define JOBHOST_SIM_AGENDA_H

#include <stdint.h>

#include "base/heap.h"

struct sim;

/* Embedded in what it happens to. Zeroed and agenda_event()ed: it is not on the agenda. */
struct agenda_event {
    void (*happen)(struct sim *sim, struct agenda_event *e);
    int64_t at_ms; /* virtual time since the beginning */
    uint64_t seq;  /* private */
    size_t pos;    /* private */
};

struct agenda {
    struct heap heap;
    uint64_t seq;
};

void agenda_init(struct agenda *a);
/* Events are borrowed. */
void agenda_finish(struct agenda *a);

void agenda_event(struct agenda_event *e, void (*happen)(struct sim *, struct agenda_event *));
/* At that time, and at no other. 0, or -ENOMEM and it is not on the agenda. */
int agenda_set(struct agenda *a, struct agenda_event *e, int64_t at_ms);
void agenda_drop(struct agenda *a, struct agenda_event *e);
/* The next one, off the agenda, if it is due by then; NULL. */
struct agenda_event *agenda_take(struct agenda *a, int64_t by_ms);
/* When the next one is; INT64_MAX: never. */
int64_t agenda_next_ms(const struct agenda *a);

#endif
