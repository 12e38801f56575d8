/* Where a Redis server is and as whom to ask it, from a URL. Pure.
 *
 *     redis://[USER[:PASSWORD]@]HOST[:PORT][/DB]       in clear
 *     rediss://...                                     TLS
 *     unix:PATH[?db=N]                                 a socket of this machine
 *     unix://[USER[:PASSWORD]@]/PATH[?db=N]            the same, with credentials
 *
 * User and password are percent-encoded; a lone part before the @ is the user, ":PASSWORD@" is a
 * password without one (the user is then "default"). An IPv6 host stands in brackets. Errors tell
 * what is wrong and never show any part that could be a secret. */
#ifndef JOBHOST_REDIS_ADDRESS_H
#define JOBHOST_REDIS_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum {
    REDIS_HOST_MAX = 253,      /* of a DNS name; bytes, as the following ones */
    REDIS_PATH_MAX = 107,      /* of a socket                                 */
    REDIS_USER_MAX = 128,      /* decoded                                     */
    REDIS_PASSWORD_MAX = 1024, /* decoded                                     */
    REDIS_DB_MAX = 65535,
    REDIS_PORT = 6379,
    REDIS_WHERE_MAX = 300, /* of redis_address_where(), with its NUL */
};

struct redis_address {
    char host[REDIS_HOST_MAX + 1]; /* a name or an IP address; "" for a socket */
    char path[REDIS_PATH_MAX + 1]; /* of a socket; "" otherwise                */
    uint16_t port;
    bool tls;
    uint32_t db;
    char user[REDIS_USER_MAX + 1];         /* "" = default */
    char password[REDIS_PASSWORD_MAX + 1]; /* "" = none    */
};

/* Is this a URL of a Redis of whatever kind, those of Sentinel and Cluster included? */
bool redis_address_is_redis(const char *url);

/* 0; -ENOTSUP: a form that this version cannot use (Sentinel, Cluster); -EINVAL; both with words. */
int redis_address_parse(const char *url, struct redis_address *ret, struct err *e);

/* The same server for people, without user and password: "rediss://host:6380/1",
 * "unix:/run/redis.sock". */
void redis_address_where(const struct redis_address *a, char out[REDIS_WHERE_MAX]);

/* A host of Upstash, whose settings are in another place than redis.conf. */
bool redis_address_is_upstash(const struct redis_address *a);

/* Overwrites everything. */
void redis_address_wipe(struct redis_address *a);

#endif
