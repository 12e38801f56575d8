/* The whole of it to a blocking descriptor. */
#ifndef JOBHOST_BASE_WRITE_ALL_H
#define JOBHOST_BASE_WRITE_ALL_H

#include <errno.h>
#include <unistd.h>

#include "base/bytes.h"

/* 0 or a negative errno; part of it may be written then. */
static inline int write_all(int fd, struct bytes content) {
    const char *p = content.data;
    size_t left = content.len;
    while (left > 0) {
        ssize_t n = write(fd, p, left);
        if (n == -1 && errno != EINTR) {
            return -errno;
        }
        if (n > 0) {
            p += n;
            left -= (size_t)n;
        }
    }
    return 0;
}

#endif
