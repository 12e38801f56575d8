/* One header of a message, borrowed from it. */
#ifndef JOBHOST_NET_HEADER_H
#define JOBHOST_NET_HEADER_H

#include "base/bytes.h"

struct header {
    struct bytes name, value; /* value trimmed */
};

#endif
