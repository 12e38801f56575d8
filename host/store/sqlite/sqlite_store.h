/* The embedded store: one file, one host, three threads (writer, reader, blobs) behind the loop's
 * post(). */
#ifndef JOBHOST_STORE_SQLITE_SQLITE_STORE_H
#define JOBHOST_STORE_SQLITE_SQLITE_STORE_H

#include "store/store.h"

int sqlite_store_open(const struct store_config *config, struct event_base *base,
                      const struct log *log, const struct env *env,
                      const struct store_events *events, struct store *ret_store, struct err *e);

#endif
