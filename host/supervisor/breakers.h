/* Breakers of scopes (core/breaker.h): which calls are left alone for a while after failures.
 *
 *     claimed ──▶ is one of its breakers not closed? ── no ──▶ held by its pool, placed, run ──▶ told, if it was the
 *                   │ open: parked (breaker) until then                                          probe, or failed
 *                   └ half open: the store is asked, and one goes on: the probe
 *
 * A breaker is called CLASS:PLUGIN:SCOPE. The scope is what the handler says of its failure ("user:42"), else its
 * type: that of all jobs of a handler holds back their whole lanes, which stay queued. A job is held back by the breakers
 * of its type, of `user:TENANT`, and of the scope of its own last failure, in each class.
 *
 * This host remembers those that are not closed: what the store answers, and what other hosts tell. While there is none,
 * nothing is asked or told. Loop thread only. */
#ifndef JOBHOST_SUPERVISOR_BREAKERS_H
#define JOBHOST_SUPERVISOR_BREAKERS_H

#include <stdbool.h>
#include <stdint.h>

#include "store/breakers.h"

struct attempt;
struct breakers;
struct host;
struct job_facts;
struct lane;
struct outcome;
struct store_job;

struct breakers *breakers_new(struct host *host);
void breakers_free(struct breakers **b);

/* The store can be asked: which are not closed? */
void breakers_load(struct host *host);
/* Has it answered? Nothing is claimed before. */
bool breakers_are_known(const struct host *host);
/* Another host has changed this one; NULL: one may have, for nobody listened for a while. */
void breakers_news(struct host *host, const char *name);

/* The host has another configuration: what is off now holds nobody back any more. */
void breakers_configure(struct host *host);

/* True: it may not begin now. It is parked, or waits for the store's answer and comes to dispatch_hold() again. */
bool breakers_hold(struct attempt *a);
/* It waits for the store's answer no longer; true: it did. */
bool breakers_withdraw(struct attempt *a);
/* It has ended so. One that waits for its credentials is started again when the breaker lets it: `o` may change. */
void breakers_note(struct attempt *a, struct outcome *o, const char *scope);
/* It is freed; whoever was the probe and said nothing is one that has died. */
void breakers_forget(struct attempt *a);

/* Are the jobs of this lane held back, because its handler's is open? */
bool breakers_bar(const struct lane *lane);
/* How many of its jobs may be claimed: one, while its handler's waits for a probe. */
uint32_t breakers_room(const struct lane *lane);

/* For explain: the one that lasts longest; `job` NULL = of all jobs of the lane. */
void breakers_facts(const struct lane *lane, const struct store_job *job, struct job_facts *ret);

/* An operator closes it; audited. Who was parked for it is woken. */
struct breaker_reset {
    const char *name;
    const char *by, *why; /* why may be NULL */
    /* answers */
    struct store_op *failed; /* NULL = it is done */
    bool changed;            /* it was not closed */
    void (*done)(struct breaker_reset *reset);
    void *arg;
    /* its own */
    struct host *host;
    struct store_breaker op;
    struct store_audit_add audit;
};
void breakers_reset(struct host *host, struct breaker_reset *reset);

struct breakers_counts {
    unsigned open, half_open;
    uint64_t opened, closed, parked;
};
void breakers_count(const struct host *host, struct breakers_counts *ret);

#endif
