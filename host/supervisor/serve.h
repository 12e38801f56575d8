/* A host's HTTP side: its server, the doors that host.listen and host.admin name, and the limits
 * that the configuration sets. Loop thread only. */
#ifndef JOBHOST_SUPERVISOR_SERVE_H
#define JOBHOST_SUPERVISOR_SERVE_H

#include "base/buf.h"
#include "base/err.h"

struct host;

/* Makes host->server and listens everywhere. 0, or negative errno and words that name the key to
 * change; serve_free() follows either way. */
int serve_open(struct host *host, struct err *e);
/* The host can do something about requests: what waits at sockets that it was started with is let in. */
void serve_begin(struct host *host);
/* The host has another configuration: its routes, limits and proxies hold from the next request on. Certificates are read
 * again, for connections to come; what cannot be read is logged, and the one from before stays. */
void serve_reload(struct host *host);
/* The public doors, as clients write them: "http://127.0.0.1:8080,unix:/run/x". */
void serve_urls(const struct host *host, struct buf *out);
/* Closes the doors and all connections; requests under way go on until the store has closed. */
void serve_close(struct host *host);
/* Nobody answers any more: frees what serve_open() has made. */
void serve_free(struct host *host);

#endif
