/* uthash, told to report a lack of memory instead of ending the process: after HASH_ADD,
 * hash_failed() says whether the element is missing. */
#ifndef JOBHOST_STORE_HASH_H
#define JOBHOST_STORE_HASH_H

#include <stdbool.h>
#include <stddef.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

static inline bool hash_failed(const UT_hash_handle *hh) {
    return hh->tbl == NULL;
}

#endif
