/* The certificates of host.listen, loaded by what the server loads them with. */
#ifndef JOBHOST_CLI_CHECK_TLS_H
#define JOBHOST_CLI_CHECK_TLS_H

#include "config/config.h"

/* What became of one pair: `problem` is NULL when clients would accept it; `usable`: the server
 * starts with it all the same (out of its time). Borrowed for the call. */
typedef void check_tls_fn(void *arg, const struct config_listen *listen, size_t index, bool usable,
                          const char *problem);

/* Calls `say` for each address with TLS. Reads the files. */
void check_tls(const struct config_host *host, check_tls_fn *say, void *arg);

#endif
