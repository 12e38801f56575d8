/* What an error that a Redis server answered with means for whoever asked, by its first word. Pure.
 *
 * The codes are those of Redis 6.2 to 8 and Valkey. In front of 7 an error inside of a script comes
 * wrapped ("ERR Error running script ... -READONLY ..."), so the code is then looked for behind. */
#ifndef JOBHOST_REDIS_REPLY_CLASS_H
#define JOBHOST_REDIS_REPLY_CLASS_H

#include "base/bytes.h"

enum redis_class {
    REDIS_FINE = 0,
    /* what a server answers */
    REDIS_TEMPORARY,   /* loading, a long script, failing over: again, later            */
    REDIS_READONLY,    /* a replica, or a master no more: look for the master            */
    REDIS_MOVED,       /* MOVED, ASK: the key lives on another node of a cluster         */
    REDIS_NO_SCRIPT,   /* its script cache was emptied: send the text                    */
    REDIS_NO_WRITES,   /* OOM, MISCONF, NOREPLICAS: reads still work                     */
    REDIS_CREDENTIALS, /* NOAUTH, WRONGPASS, NOPERM: somebody has to change something    */
    REDIS_NO_COMMAND,  /* this server does not have the command                          */
    REDIS_NO_CLIENTS,  /* its maxclients is reached: again, later                        */
    REDIS_BUG,         /* ours, or foreign data under our keys: never again as it was    */
    /* what happens on the way, see conn.h */
    REDIS_UNREACHABLE, /* no such host, refused, cut                                     */
    REDIS_TIMEOUT,     /* it did not answer in time                                      */
    REDIS_TLS,         /* the certificate is not to be trusted, or it does not speak TLS */
    REDIS_PROTOCOL,    /* not Redis, or a reply beyond our limits                        */
    REDIS_CLASS_COUNT
};

/* Of the text of an error reply, without its '-'. Never REDIS_FINE. */
enum redis_class redis_class_of(struct bytes error);

/* "credentials", for logs and tests; a constant. */
const char *redis_class_name(enum redis_class c);

/* Does trying again without anybody changing something make sense within seconds? */
bool redis_class_passes(enum redis_class c);

#endif
