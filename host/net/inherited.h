/* Listening sockets that this process was born with: of systemd's socket activation (LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES;
 * descriptors from 3 on). Which door one belongs to is told by the address it is bound to, not by its place or name. What
 * connects before the host accepts waits in the socket's queue. */
#ifndef JOBHOST_NET_INHERITED_H
#define JOBHOST_NET_INHERITED_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "net/listen.h"

enum { INHERITED_MAX = 64, INHERITED_NAME_MAX = 255, INHERITED_FIRST_FD = 3 };

struct inherited_socket {
    int fd;   /* -1: a door has it */
    bool own; /* its file is removed when its door closes */
    char name[INHERITED_NAME_MAX + 1];
};

/* Zeroed: none. */
struct inherited {
    struct inherited_socket sockets[INHERITED_MAX];
    unsigned count;
};

/* Those that the environment names, whose variables are removed. 0; -EINVAL with words: one is not
 * what can be listened on, or the variables make no sense. inherited_finish() follows either way. */
int inherited_take(struct inherited *ret, struct err *e);

/* One more; taken, also on failure. 0, or -EINVAL or -ENOSPC with words that name it. */
int inherited_add(struct inherited *in, int fd, const char *name, bool own, struct err *e);

/* The one that is bound to this address: 1 and *ret; 0: none is; -EINVAL: the address makes no
 * sense. */
int inherited_open(struct inherited *in, const char *address, struct listen_socket *ret,
                   struct err *e);

/* Closes those that no door wanted, and says which: "4 (metrics, 127.0.0.1:9100)", with commas. */
void inherited_close_rest(struct inherited *in, struct buf *out);
void inherited_finish(struct inherited *in);

#endif
