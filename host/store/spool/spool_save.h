/* Entries that will not be delivered, as text for people: one line of JSON each at the end of
 * PATH.undelivered.jsonl, on disk before the entry leaves the spool; the content of its files
 * below PATH.undelivered/, by hash. The member `job` of a line is a submission as POST /v1/jobs
 * takes it. */
#ifndef JOBHOST_STORE_SPOOL_SPOOL_SAVE_H
#define JOBHOST_STORE_SPOOL_SPOOL_SAVE_H

#include "store/spool/spool_entry.h"

struct spool_save_file {
    int fd; /* closed by spool_save() */
    uint8_t sha256[32];
};

/* Appends the line, with its end. */
void spool_save_line(struct buf *out, const struct spool_entry *entry, const char *reason,
                     const char *detail, int64_t now_ms);

/* Writes files, then the line; blocks on the disk. `path` is the spool's own. Written twice after a
 * crash, never lost. 0 or negative errno. */
int spool_save(const char *path, struct bytes line, const struct spool_save_file *files,
               size_t count);

#endif
