/* Who comes in by the admin socket: its file keeps other users out, but a host's workers are of the
 * same user, and Landlock does not confine unix sockets. Loop thread only. */
#ifndef JOBHOST_SUPERVISOR_KNOCK_H
#define JOBHOST_SUPERVISOR_KNOCK_H

#include <stdbool.h>
#include <stdint.h>

/* Did a worker of this `host` make the connection, a process that it has started, or one that is
 * gone and cannot be told from these? `pid` as the kernel noted it then; 0 = of another pid
 * namespace, where no worker is. Logged once a worker. */
bool knock_is_worker(void *host, int32_t pid);

#endif
