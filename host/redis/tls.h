/* TLS to a Redis server: what a session is made with. The certificate is always verified, against
 * the system's authorities or those of a file, and so is the name in it; there is no way around
 * that (a server of one's own has a CA file of its own). TLS 1.2 and later. Loop thread only. */
#ifndef JOBHOST_REDIS_TLS_H
#define JOBHOST_REDIS_TLS_H

#include "base/err.h"

struct bufferevent;
struct event_base;
struct redis_tls;

struct redis_tls_files {
    const char *ca;         /* PEM; NULL = the system's authorities               */
    const char *cert, *key; /* PEM; for servers that ask for one; both, or neither */
};

/* Reads the files. NULL: *e tells what is wrong with which. */
struct redis_tls *redis_tls_new(const struct redis_tls_files *files, struct err *e);
void redis_tls_free(struct redis_tls **t);

/* The client's side of a session on a connected socket, with deferred callbacks; `host` is the name
 * or IP address that the certificate must be for. `fd` is closed with it. NULL: out of memory, and
 * `fd` stays the caller's. */
struct bufferevent *redis_tls_connect(const struct redis_tls *t, struct event_base *base, int fd,
                                      const char *host);
/* Why a session failed, in words: 0 when it is no failure of TLS (a cut, say), else -EPROTO. */
int redis_tls_failure(struct bufferevent *bev, const char *host, struct err *e);

#endif
