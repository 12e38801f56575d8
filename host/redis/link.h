/* A connection to a Redis server that comes back: looks the name up, connects, waits longer after
 * each failure, asks a silent server whether it is still there, and sends again what may be.
 *
 *     open ─▶ LOOKING UP ─▶ CONNECTING ─▶ UP ──────┐ up()
 *                 ▲                       │ cut    │
 *                 └──── WAITING ◀─────────┴────────┘ down(words, wait)
 *                       full jitter, 50 ms to 5 s; 30 s when somebody has to change something
 *
 * Calls marked safe are kept while there is no connection, and sent again after one was lost, in
 * their order, as long as their time lasts; patient ones are kept too, but not sent again; others fail,
 * or end as unknown. The bounds of conn.h are those of all
 * open calls together. A peer that breaks the
 * protocol gets nothing twice. With a channel the link subscribes to it before it is up.
 *
 * Commands of an idle link: a PING each REDIS_LINK_SILENCE_MS, so that two of them, and a host's
 * own beat, stay below 60 an hour; the kernel's keepalive and TCP_USER_TIMEOUT find a dead peer
 * without any. Loop thread only. */
#ifndef JOBHOST_REDIS_LINK_H
#define JOBHOST_REDIS_LINK_H

#include "redis/conn.h"

enum {
    REDIS_LINK_SILENCE_MS = 240 * 1000,
    REDIS_LINK_BACKOFF_MS = 50,
    REDIS_LINK_BACKOFF_MAX_MS = 5000,
    REDIS_LINK_HEALTHY_MS = 10000, /* up for so long: the next wait is a short one again */
    REDIS_LINK_BLOCKED_MS = 30000, /* between attempts that somebody has to mend first   */
};

struct redis_link;

struct redis_link_events {
    void (*up)(void *arg, const struct redis_peer *peer);
    /* An attempt failed, or what was up is lost. The next attempt is in `wait_ms`. */
    void (*down)(void *arg, const struct redis_failure *why, int64_t wait_ms);
    void (*push)(void *arg, const struct redis_reply *message); /* or NULL, see conn.h */
    void *arg;
};

struct redis_link_config {
    struct event_base *base;
    struct timers *timers;
    const struct env *env;
    const struct redis_address *address; /* copied                          */
    const struct redis_tls *tls;         /* borrowed until freed            */
    const char *name;                    /* a constant                      */
    const char *channel;                 /* NULL = none; a constant         */
    int64_t connect_ms;                  /* a phase: see conn.h             */
    int64_t command_ms;                  /* a command, once                 */
    bool any_role;
};

/* Makes the first attempt; no event comes from inside this call. NULL: no memory (*e). */
struct redis_link *redis_link_new(const struct redis_link_config *config,
                                  const struct redis_link_events *events, struct err *e);

/* Sends a call that is set. 0: done() will come, later. Else it stays the caller's: -ENOTCONN (down,
 * and it is neither safe nor patient), -EBUSY (a bound is reached), -ENOMEM. */
int redis_link_send(struct redis_link *l, struct redis_call *call);

bool redis_link_is_up(const struct redis_link *l);

/* Every call that is open is answered before this returns (failed or unknown). Allowed from any
 * callback but down(). */
void redis_link_free(struct redis_link **l);

/* How long to wait after the n-th failure in a row (n >= 1); `random` is any number. Pure. */
int64_t redis_link_wait_ms(unsigned n, enum redis_class class, uint64_t random);

#endif
