/* Listening sockets by address: "unix:PATH", "127.0.0.1:8080", "[::1]:8080", "localhost:8080". */
#ifndef JOBHOST_NET_LISTEN_H
#define JOBHOST_NET_LISTEN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

struct listen_socket {
    int fd;           /* bound and listening; close-on-exec, not blocking               */
    const char *path; /* of a unix socket, borrowed from the address; NULL: TCP          */
    dev_t dev;        /* the socket's file, so that nobody else's is removed later       */
    ino_t ino;
    uint16_t port; /* TCP */
    bool own;      /* the file is removed when nobody listens any more: we have made it */
};

/* A unix socket gets mode 0600; one that nobody answers on any more is replaced. 0; -EADDRINUSE
 * somebody does; -EINVAL the address makes no sense; another negative errno. */
int listen_open(const char *address, struct listen_socket *ret, struct err *e);

/* Is this socket, which listens already, bound to this address? A port of 0 is any. 1 and *ret, whose
 * `fd` it is from then on; 0; -EINVAL the address makes no sense. */
int listen_adopt(int fd, const char *address, struct listen_socket *ret, struct err *e);

/* Removes the file if it is still the socket that listen_open() made. */
void listen_unlink(const char *path, dev_t dev, ino_t ino);

#endif
