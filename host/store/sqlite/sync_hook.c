#include "store/sqlite/sync_hook.h"

#include "base/bytes.h"
#include "base/fault.h"

// SQLite's documented way to extend a file: the methods that its handle points to.
static int hooked_sync(sqlite3_file *file, int flags) {
    struct sync_hook *hook = CONTAINER_OF(file->pMethods, struct sync_hook, methods);
    hook->before(hook->arg);
    if (fault(FAULT_STORE_SYNC) < 0) {
        return SQLITE_IOERR_FSYNC;
    }
    return hook->real->xSync(file, flags);
}

void sync_hook_set(struct sync_hook *hook, sqlite3 *db, void (*before)(void *arg), void *arg) {
    sqlite3_file *log = NULL;
    int rc = sqlite3_file_control(db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
    if (rc != SQLITE_OK || log == NULL || log->pMethods == NULL) {
        return;
    }
    *hook = (struct sync_hook){
        .methods = *log->pMethods, .real = log->pMethods, .before = before, .arg = arg};
    hook->methods.xSync = hooked_sync;
    log->pMethods = &hook->methods;
}
