/* The store's side of events that jobs wait for (core/waits.h): what is published is kept for a while, in
 * order, by its name; a job that is parked as PARK_EVENT looks for the oldest one behind its place.
 *
 *     EVENT_PUT, a commit ─▶ events of a name ──┐
 *                                               ├─▶ FORWARD: each parked job that finds one is queued, with it
 *     a commit that parks ─▶ jobs that wait ────┘
 *
 * Whoever comes second, the event or the job, notes in the same transaction that there is something to bring
 * together, and FORWARD does that in bounded parts: so nothing is lost between looking and parking, whoever dies.
 * All jobs that wait for a name get the event; a job takes each at most once, for its place goes on with what it
 * has got. An event that is bound to a tenant is for jobs of that tenant alone.
 *
 * Places only grow, whatever clocks do, and begin with the time: so the first event since some time is found without
 * those before it. Times matter when a job parks, and looks back. What comes after that is behind it by its place,
 * though it be of a host whose clock is late: a wait that finds nothing goes on from the last place given out.
 *
 * Bounds are by name: a number, bytes, an age (store_config.event_*). The oldest go first, but none while there
 * is something to bring together; an event that finds no room then is refused. */
#ifndef JOBHOST_STORE_EVENTS_H
#define JOBHOST_STORE_EVENTS_H

#include "core/waits.h"
#include "store/store.h"

enum {
    STORE_EVENT_OVERHEAD = 128,                /* bytes that an event counts for besides its own */
    STORE_EVENTS_TOTAL_MAX = 256 * 1024 * 1024 /* bytes of all names together                  */
};

/* An event as it is published. */
struct store_event {
    const char *name;
    const char *content_type; /* NULL = application/json */
    struct bytes value;       /* at most WAITS_EVENT_MAX */
    const char *key;    /* makes it unique among the kept ones of its name; NULL = nothing does */
    const char *tenant; /* NULL = for all */
};

struct store_event_item {
    struct store_event event;
    /* answers: 0; -EEXIST: one of this key is kept already, nothing happened; -ENOBUFS: those before it are not
     * brought to the jobs as fast as they come, again a little later; -EDQUOT: STORE_EVENTS_TOTAL_MAX;
     * -EINVAL, -EFBIG: a limit of core/waits.h */
    int status;
};
/* Posted again, items without a key are further events: so a shared store does not repeat it by itself when an answer
 * was lost, and it fails. */
struct store_event_put {
    struct store_op op;
    struct store_event_item *items;
    size_t count;
    bool outbox; /* answer: FORWARD */
};

/* ---- for the stores */

int store_event_check(const struct store_event *event);

/* What it counts for: all that it says, and the overhead. */
int64_t store_event_bytes(const struct store_event *event);

/* The bounds of a name. */
struct store_event_bounds {
    int64_t keep_ms;
    int64_t count, bytes;
};
struct store_event_bounds store_event_bounds(const struct store_config *config);

#endif
