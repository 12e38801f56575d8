/* The spool that store.fallback names: can it be opened, and what waits in it? */
#ifndef JOBHOST_CLI_CHECK_FALLBACK_H
#define JOBHOST_CLI_CHECK_FALLBACK_H

#include <stdint.h>

#include "base/err.h"

/* Looks without changing anything, also beside the host that has it. Jobs that wait; 0 when there is
 * no such file yet; or a negative errno with words. `fallback`: "sqlite:PATH". */
int64_t check_fallback(const char *fallback, struct err *e);

#endif
