/* Extension jobhost.blob/1: input files come from the supervisor as descriptors. */
#ifndef JOBHOST_WORKER_CALL_BLOB_H
#define JOBHOST_WORKER_CALL_BLOB_H

#include "jobhost_blob.h"

extern const struct jh_blob call_blob_table;

#endif
