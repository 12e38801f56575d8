/* Could a new binary listen where the configuration says now? It cannot try that itself, for this host listens in most of these
 * places, and when it takes over and cannot, neither can the binary that comes back: both read the same file. */
#ifndef JOBHOST_SUPERVISOR_UPGRADE_DOORS_H
#define JOBHOST_SUPERVISOR_UPGRADE_DOORS_H

#include "base/err.h"

struct server;

enum { UPGRADE_DOORS_BYTES = 4096 };

/* `doors`: addresses, one a line. Those that the server does not have are opened and closed again. 0, or negative errno with
 * words. */
int upgrade_doors_check(const struct server *server, const char *doors, struct err *e);

#endif
