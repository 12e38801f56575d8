/* Reads a file in parts, on a thread that may wait for the disk.
 *
 *     file_reader_want() ─▶ [disk thread] pread ─▶ part()
 *
 * One part at a time, and nothing ahead: what is not asked for takes no memory. Loop thread only. */
#ifndef JOBHOST_NET_FILE_READER_H
#define JOBHOST_NET_FILE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

struct side_thread;
struct file_reader;

struct file_reader_events {
    /* What was asked for, or the first of it: 1 byte or more, borrowed for the call. Else {NULL, 0}
     * and a negative errno; -ENODATA: the file ends before it. */
    void (*part)(void *arg, struct bytes part, int status);
    void *arg;
};

/* `fd` is taken. NULL: out of memory, and `fd` stays the caller's. */
struct file_reader *file_reader_new(struct side_thread *disk, int fd,
                                    const struct file_reader_events *events);
/* Asks for a part, which comes later. Until then nothing else may be asked for. */
void file_reader_want(struct file_reader *r, uint64_t at, size_t len);
bool file_reader_is_busy(const struct file_reader *r);
/* At any time: no part comes any more, and the file is closed. */
void file_reader_free(struct file_reader **r);

#endif
