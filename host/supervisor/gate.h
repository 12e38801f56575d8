/* What people can hold back: the host (safe mode), a plugin, a queue. A closed gate lets nothing
 * begin; one that was opened with a rate lets go at that pace what waited then, and is open when all
 * of it is gone. A job goes through three of them.
 *
 * A queue's pause is in the store, for all hosts and restarts. All else is this host's own, and ends
 * with its process. Loop thread only. */
#ifndef JOBHOST_SUPERVISOR_GATE_H
#define JOBHOST_SUPERVISOR_GATE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/evaluate.h"
#include "core/pace.h"
#include "store/store.h"

struct host;
struct lane;
struct pool;

struct gate {
    bool closed;
    char *by, *why;   /* NULL = it is not known */
    int64_t since_ms; /* wall; of the closing   */
    struct pace pace; /* on: opened with a rate */
    int64_t left;     /* of what waited then: not yet claimed */
};

void gate_close(struct gate *g, const char *by, const char *why, int64_t at_ms);
/* As fast as it goes; a pace that was set before stays. */
void gate_open(struct gate *g);
void gate_finish(struct gate *g);
/* How many jobs may be let through now; UINT32_MAX = no bound. */
uint32_t gate_room(const struct gate *g);

/* The host's own and the plugin's, together; none for a plugin that keeps more than max_disk. */
uint32_t gates_room(const struct pool *pool);
/* Is one of the three closed, or the plugin over its max_disk? */
bool gates_closed(const struct lane *lane);
/* So many jobs of the lane are being claimed; `got` of `asked` were. `sated`: there were no more. */
void gates_take(struct lane *lane, uint32_t asked);
void gates_settle(struct lane *lane, uint32_t asked, uint32_t got, bool sated);
/* Lets drip in what has come, and looks again when more has. */
void gates_look(struct host *host);
/* Is anything let go at a pace now? */
bool gates_are_paced(const struct host *host);
/* Gives back what was claimed and may not begin any more. */
void gates_thin(struct host *host);
/* Fills in pauses, release and disk. */
void gates_facts(const struct lane *lane, struct job_facts *facts);

struct gate_info {
    bool closed;
    const char *by, *why;
    int64_t since_ms;
    struct pace_rate rate; /* count 0 = it is not being released */
    int64_t left, over_ms;
};
void gate_describe(const struct host *host, const struct gate *g, struct gate_info *ret);
/* Of one that nobody has heard of: open. */
void gates_info(struct host *host, enum gate_scope scope, const char *name, struct gate_info *ret);

/* Closing and opening, audited; in force at once, of a queue when the store has it. */
struct gate_set {
    enum gate_scope scope;
    const char *name; /* of queue or plugin */
    bool close;
    struct pace_rate rate; /* of opening */
    const char *by, *why;  /* why may be NULL */
    /* answers */
    struct store_op *failed; /* NULL = it is done */
    int64_t waiting;         /* jobs that the rate holds for */
    void (*done)(struct gate_set *set);
    void *arg;
    /* its own */
    struct host *host;
    char detail[560];
    struct store_stats stats;
    struct store_queue_set queue;
    struct store_audit_add audit;
};
/* Is there such a plugin? */
bool gates_has_plugin(struct host *host, const char *name);
void gates_set(struct host *host, struct gate_set *set);

#endif
