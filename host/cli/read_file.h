/* A whole file, or standard input, in memory. */
#ifndef JOBHOST_CLI_READ_FILE_H
#define JOBHOST_CLI_READ_FILE_H

#include "base/buf.h"
#include "base/err.h"

/* `path` "-" is standard input. 0; -EFBIG over `max`; another negative errno with words. */
int read_file(const char *path, size_t max, struct buf *out, struct err *e);

#endif
