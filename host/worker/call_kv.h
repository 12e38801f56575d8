/* Extension jobhost.kv/1: writes are buffered twice, as records for the supervisor and in `pending`
 * for the attempt's own reads. */
#ifndef JOBHOST_WORKER_CALL_KV_H
#define JOBHOST_WORKER_CALL_KV_H

#include "jobhost_kv.h"

extern const struct jh_kv call_kv_table;

#endif
