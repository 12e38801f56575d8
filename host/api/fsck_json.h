/* What a check of the store found, as JSON: the API's answer, and `jobhost fsck --json` without a
 * running host. */
#ifndef JOBHOST_API_FSCK_JSON_H
#define JOBHOST_API_FSCK_JSON_H

#include "base/buf.h"
#include "store/store.h"

void fsck_json(struct buf *out, const struct store_fsck *fsck);

#endif
