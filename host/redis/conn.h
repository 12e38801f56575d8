/* One connection to a Redis server: plain, TLS or a unix socket, from the first address tried to
 * the last reply. It knows nothing of jobs, and does not come back: see link.h.
 *
 *     DIALLING ─▶ TLS ─▶ GREETING ─▶ UP ─▶ DEAD ─▶ down(), from a turn of the loop of its own
 *        each address    HELLO 2, else AUTH and     commands: sent in order, answered in order
 *        its share of    CLIENT SETNAME; SELECT;
 *        the time        ROLE
 *
 * Deadlines are absolute: one for each phase until it is up, then one for each command. A missed one
 * ends the connection, for later replies could not be matched any more. All replies that arrived
 * are handed out before an end of the connection is. Loop thread only. */
#ifndef JOBHOST_REDIS_CONN_H
#define JOBHOST_REDIS_CONN_H

#include "base/timer.h"
#include "redis/address.h"
#include "redis/call.h"
#include "redis/resolve.h"
#include "redis/tls.h"

enum {
    REDIS_CONN_CALLS_MAX = 10000,                /* without a reply                          */
    REDIS_CONN_BYTES_MAX = REDIS_CALL_BYTES_MAX, /* of all these, as they are sent           */
    REDIS_USER_TIMEOUT_MS = 15000,               /* TCP: sent bytes that nobody acknowledges */
};

enum redis_role { REDIS_ROLE_UNKNOWN, REDIS_ROLE_MASTER, REDIS_ROLE_REPLICA, REDIS_ROLE_OTHER };

/* What the greeting told. Texts are "" when it did not. */
struct redis_peer {
    char server[24];  /* "redis", "valkey", ...                              */
    char version[24]; /* of its protocol, as clients compare it              */
    char mode[16];    /* "standalone", "cluster", "sentinel"                 */
    enum redis_role role;
    char master[REDIS_WHERE_MAX]; /* whose replica it is: "host:port"                    */
};

struct redis_failure {
    enum redis_class class;
    struct err err; /* begins with the server's address */
};

struct redis_conn;

struct redis_conn_events {
    /* Greeted: commands may be sent. */
    void (*up)(void *arg);
    /* The end, from a turn of its own; `left` has no reply (may_have_run is right), and is the
     * receiver's to answer. The connection is still to be freed. */
    void (*down)(void *arg, const struct redis_failure *why, struct redis_calls *left);
    /* A message of a channel: ["message", channel, payload]; NULL: none are wanted. */
    void (*push)(void *arg, const struct redis_reply *message);
    void *arg;
};

struct redis_conn_config {
    struct event_base *base;
    struct timers *timers;
    const struct env *env;
    const struct redis_address *address; /* this one and the next: borrowed until freed */
    const struct redis_tls *tls;         /* NULL unless address->tls                    */
    const char *name;                    /* for CLIENT LIST; no blanks; a constant      */
    int64_t phase_ms;                    /* for each of dialling, TLS, greeting         */
    bool any_role;                       /* a replica will do                           */
};

/* Begins to dial; `endpoints` are not looked at for a unix socket; copied. No event comes from
 * inside this call. NULL: no memory (*e). */
struct redis_conn *redis_conn_new(const struct redis_conn_config *config,
                                  const struct redis_conn_events *events,
                                  const struct redis_endpoints *endpoints, struct err *e);

/* Sends a call that is set, to be answered by mono time `until_ms`. 0: done() or down() will have it,
 * later. Else it stays the caller's: -ENOTCONN (not up), -EBUSY (a bound is reached). */
int redis_conn_send(struct redis_conn *c, struct redis_call *call, int64_t until_ms);

/* The calls without a reply: how many, how large. */
const struct redis_calls *redis_conn_open(const struct redis_conn *c);
const struct redis_peer *redis_conn_peer(const struct redis_conn *c);
/* Mono time of the last bytes that came. */
int64_t redis_conn_heard_ms(const struct redis_conn *c);
/* Ends it, with down() as if it had been cut. */
void redis_conn_break(struct redis_conn *c, enum redis_class class, const struct err *why);

/* No event comes any more; calls without a reply go to `left` unanswered. Allowed from any
 * callback. */
void redis_conn_free(struct redis_conn **c, struct redis_calls *left);

#endif
