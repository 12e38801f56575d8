/* The Range header (RFC 9110 §14), one range only. Pure. */
#ifndef JOBHOST_NET_RANGE_H
#define JOBHOST_NET_RANGE_H

#include <stdint.h>

#include "base/bytes.h"

enum range_kind {
    RANGE_NONE, /* another unit, several ranges, nonsense: send all */
    RANGE_PART,
    RANGE_UNSATISFIABLE,
};
struct range {
    uint64_t first, len;
};

/* "bytes=0-99", "bytes=100-", "bytes=-100" for content of `size` bytes. *ret is set for RANGE_PART
 * only. */
enum range_kind range_parse(struct bytes header, uint64_t size, struct range *ret);

#endif
