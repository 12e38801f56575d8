/* Lets the owner of a connection act before its write-ahead log is synced: when a transaction
 * commits, but also in its middle when the cache spills into a log that begins anew, and for a
 * checkpoint. */
#ifndef JOBHOST_STORE_SQLITE_SYNC_HOOK_H
#define JOBHOST_STORE_SQLITE_SYNC_HOOK_H

#include <sqlite3.h>

/* Lives as long as the connection. */
struct sync_hook {
    sqlite3_io_methods methods; /* those of the log, but for xSync */
    const sqlite3_io_methods *real;
    void (*before)(void *arg);
    void *arg;
};

/* The connection has its log open (it has read something in WAL mode). `before` runs on the
 * connection's thread. Without a log nothing is hooked. */
void sync_hook_set(struct sync_hook *hook, sqlite3 *db, void (*before)(void *arg), void *arg);

#endif
