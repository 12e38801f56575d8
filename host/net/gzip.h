/* A gzip stream (RFC 1952) by zlib: 256 KiB of memory while it lasts. The same input gives the same
 * output. */
#ifndef JOBHOST_NET_GZIP_H
#define JOBHOST_NET_GZIP_H

#include <stdbool.h>

#include "base/buf.h"

struct gzip;

struct gzip *gzip_new(void);
/* Compresses a piece; what is ready is appended to `out`, which may be nothing before the last
 * piece. 0 or -ENOMEM. */
int gzip_add(struct gzip *g, struct bytes piece, bool last, struct buf *out);
void gzip_free(struct gzip **g);

#endif
