/* Limiters (core/limiter.h) as this host uses them: who waits for slots, and who holds some. The store
 * counts, for all hosts together; here one operation a turn of the loop asks it for all who are due, and
 * tells it what became of earlier takes.
 *
 *     wish ──▶ gauge: one line for each limiter ──▶ STORE_LIMITER ──▶ ticket, or: ask again then
 *               ▲ a time has come, a call has ended here or on another host, the rules are others
 *
 * In a gauge who came first is asked for first, and while he has to wait nobody behind him is. Nothing is
 * asked again before the time that the store has told. A ticket is renewed as long as it is held. Loop
 * thread only. */
#ifndef JOBHOST_SUPERVISOR_LIMITS_H
#define JOBHOST_SUPERVISOR_LIMITS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "core/limiter.h"

struct host;
struct limits;
struct gauge;

/* Somebody who wants slots. The caller's, zeroed but for the first four, until done() or
 * limits_withdraw(). */
struct limit_wish {
    uint32_t n;
    int64_t until_mono_ms; /* how long it may wait here */
    /* It is over. 0: `ticket` holds the slots. 1: not in that time; it is worth asking in wait_ms.
     * -ENOENT: the limit is not there any more; -ERANGE: it never lets so many; -EDQUOT: there are too
     * many limiters; -ETIMEDOUT: the store did not answer. */
    void (*done)(struct limit_wish *wish, int status, int64_t wait_ms);
    void *arg;
    struct limit_ticket *ticket;
    int64_t
        turn_mono_ms; /* of 1: that time. If it was told before, the wish begins with what it was told: its turn is the same */
    uint64_t told;    /* of 1: for limits_parked() */
    /* private */
    struct gauge *gauge;
    uint64_t id;
    bool asked;
    TAILQ_ENTRY(limit_wish) link;
};
TAILQ_HEAD(limit_wishes, limit_wish);

/* Slots that are held. Ended by one of the two below. */
struct limit_ticket {
    struct gauge *gauge;
    uint64_t id;
    int64_t renewed_mono_ms;
    TAILQ_ENTRY(limit_ticket) all;
    TAILQ_ENTRY(limit_ticket) of_owner;
};
TAILQ_HEAD(limit_tickets, limit_ticket);

struct limits *limits_new(struct host *host);
/* Withdraws nothing: whoever wished is gone by then. */
void limits_free(struct limits **limits);
/* The host has another configuration. */
void limits_configure(struct host *host);
/* The name of a limit that there is, with or without a key: 0, -EINVAL, -ENOENT. */
int limits_check(struct host *host, const char *name);

/* done() comes later. 0; -EINVAL, -ENOENT, -ENOMEM, -ERANGE: it does not. */
int limits_wish(struct host *host, const char *name, struct limit_wish *wish);
/* As if it had never been. */
void limits_withdraw(struct host *host, struct limit_wish *wish);

/* One that the binary before was given: renewed at once, and held as long as any other. NULL = the limit is
 * not there any more, or no memory; its lease ends then. */
struct limit_ticket *limits_adopt(struct host *host, const char *name, uint64_t id);
/* Of which limiter it is. */
const char *limits_name(const struct limit_ticket *ticket);

/* The call is over; `hint` may be NULL. Frees the ticket. */
void limits_answered(struct host *host, struct limit_ticket *ticket,
                     const struct limiter_hint *hint);
/* It was never made. Frees the ticket. */
void limits_give_back(struct host *host, struct limit_ticket *ticket);
/* The same of a ticket that is not known here: the binary before gave it. */
void limits_answered_by_id(struct host *host, const char *name, uint64_t id,
                           const struct limiter_hint *hint);
/* Nothing is granted for so long. 0, -EINVAL, -ENOENT, -ENOMEM. */
int limits_close(struct host *host, const char *name, int64_t for_ms);
/* What answers told is forgotten. */
int limits_open(struct host *host, const char *name);

/* Slots may be free (store_events.limiter). */
void limits_news(struct host *host, const char *name);

/* What answers told of it has been forgotten by the store: who waits here is asked for, and jobs that are
 * parked for it go on, whichever host has parked them. */
void limits_was_reset(struct host *host, const char *name);

/* Is a wish for one slot of it of no use now? Until when (mono), by what the store said last; 0 = nothing
 * is known. */
int64_t limits_shut_until(struct host *host, const char *name, enum limiter_part *ret_part);
/* How many wait here for slots of it. */
uint32_t limits_waiting(struct host *host, const char *name);

struct job_id;
/* A job is parked for it: the last `max` of them are remembered, so that they can be woken before their time. `told`: what its wish
 * was sent away with, 0 = none was. True: since then it may have had slots, so the job is to be woken now. */
bool limits_parked(struct host *host, const char *name, const struct job_id *id, uint32_t max,
                   uint64_t told);
/* The first of those: false = there is none. */
bool limits_unpark(struct host *host, const char *name, struct job_id *ret);

struct limits_count {
    uint64_t granted, waited, parked,
        refused; /* takes; such that had to wait; wishes that got nothing */
};
/* By the name of the limit, all keys together; NULL: not used yet. */
const struct limits_count *limits_counted(struct host *host, const char *limit);
/* Wishes that wait, of all limiters of the limit. */
uint32_t limits_waiting_of(struct host *host, const char *limit);

struct config_limit;
/* As the core wants them. */
struct limiter_rules limits_rules(const struct host *host, const struct config_limit *limit);

#endif
