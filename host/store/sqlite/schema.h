/* The tables, and the steps that lead from every older version of them to this one. */
#ifndef JOBHOST_STORE_SQLITE_SCHEMA_H
#define JOBHOST_STORE_SQLITE_SCHEMA_H

#include <stdbool.h>

#include "base/err.h"
#include "store/sqlite/conn.h"

enum {
    SCHEMA_APPLICATION_ID = 0x4A484F53, /* "JHOS" in the file's header */
    SCHEMA_VERSION = 15
};

/* Creates or migrates, one transaction a step. -EPROTO: newer than this program, or another
 * program's file. */
int schema_apply(struct conn *c, struct err *e);

/* For those that must not write: 0 only if the file has exactly this version. */
int schema_check(struct conn *c, struct err *e);

#endif
