/* The input files of a job as bytes: each is one item of a packed record (pack.h).
 *
 *     sha256, size, name, NUL, content type (may be empty), and with a filename: NUL, filename */
#ifndef JOBHOST_STORE_FILES_H
#define JOBHOST_STORE_FILES_H

#include "base/arena.h"
#include "base/buf.h"
#include "core/job.h"

enum { FILES_ITEM = 16 }; /* the number of such an item in its record; stored */

/* Appends an item for each file. */
void files_pack(struct buf *b, const struct job_file *files, size_t count);

/* What was read of a record so far; zero `count` to begin. */
struct files_taken {
    size_t count;
    struct job_file all[JOB_FILES_MAX];
};

/* Reads an item's bytes, which a NUL follows and to which the file points from then on. 0, or
 * -EBADMSG: damaged, or more than JOB_FILES_MAX. */
int files_take(struct files_taken *taken, struct bytes item);

/* Copies the list (not what it points to) into the arena. 0 or -ENOMEM. */
int files_keep(const struct files_taken *taken, struct arena *a, struct job_spec *spec);

#endif
