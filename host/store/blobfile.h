/* Content as files named by their hash: DIR/ab/ab12…. A file is complete and on disk before its
 * name appears, and never changes.
 *
 * A *mark* (DIR/tmp/doubt-ab12…) says that a file may have no row: it is set before the file gets
 * its name, and before a row goes, and taken away when that is settled. So the next start knows
 * which files a dead host has left, without looking at all of them.
 *
 * A directory that several hosts share has no marks (the shared store knows which files are in
 * doubt), and a file there gets a new name each time that its content comes: its hash, and "-" and
 * 16 digits. So whoever deletes an old one, however late, harms no newer one. */
#ifndef JOBHOST_STORE_BLOBFILE_H
#define JOBHOST_STORE_BLOBFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "core/job.h"

enum { BLOBFILE_SHA_TEXT = 64, BLOBFILE_NAME_MAX = 64 + 1 + 16 };

void blobfile_sha_text(const uint8_t sha256[32], char out[BLOBFILE_SHA_TEXT + 1]);
bool blobfile_sha_parse(const char *text, uint8_t ret[32]);

/* A name in a shared directory: `time` is any number that was never used for this content. */
void blobfile_name(const uint8_t sha256[32], uint64_t time, char out[BLOBFILE_NAME_MAX + 1]);
bool blobfile_is_name(const char *text);

/* Makes the directories and removes what an interrupted write left; of a directory that other hosts
 * write to at the same time, what is a day old. */
int blobfile_prepare(const char *dir, bool shared, struct err *e);

/* Copies `data`, or when `fd` >= 0 all of that file, into `out` (-1: it is only hashed);
 * not synced. -EFBIG above `max`. */
int blobfile_copy(int out, struct bytes data, int fd, uint64_t max, struct blob_ref *ret);

/* A file without a name, for reading and writing; or a negative errno. */
int blobfile_temp(const char *dir, struct err *e);

/* Writes `data`, or when `fd` >= 0 all of that file, under a temporary name, synced. -EFBIG above
 * `max`. The caller frees *ret_tmp. */
int blobfile_write(const char *dir, struct bytes data, int fd, uint64_t max, char **ret_tmp,
                   struct blob_ref *ret, struct err *e);

/* Gives a written file its name, durably, and a mark. The temporary name is gone afterwards,
 * whatever happens. */
int blobfile_publish(const char *dir, const char *tmp, const struct blob_ref *blob, struct err *e);

/* The same under a name of blobfile_name(), without a mark. */
int blobfile_publish_as(const char *dir, const char *tmp, const char *name, struct err *e);

int blobfile_mark(const char *dir, const uint8_t sha256[32]);
void blobfile_unmark(const char *dir, const uint8_t sha256[32]);
/* Calls `each` for every mark; stops at the first non-zero answer and returns it. */
int blobfile_each_mark(const char *dir, int (*each)(void *arg, const uint8_t sha256[32]),
                       void *arg);

/* A descriptor, or -ENOENT. */
int blobfile_open(const char *dir, const uint8_t sha256[32], struct err *e);
int blobfile_open_as(const char *dir, const char *name, struct err *e);

/* Size of the file, or -ENOENT. */
int64_t blobfile_size(const char *dir, const uint8_t sha256[32]);
int blobfile_unlink(const char *dir, const uint8_t sha256[32]);
int blobfile_unlink_as(const char *dir, const char *name);

/* Calls `each` for every file in place; stops at the first non-zero answer and returns it; -ENOENT:
 * no such directory. */
int blobfile_each(const char *dir,
                  int (*each)(void *arg, const uint8_t sha256[32], uint64_t size,
                              int64_t changed_ms),
                  void *arg);

#endif
