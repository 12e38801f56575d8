/* Plugin files are never loaded from where they lie: a copy named by its content is, so that
 * overwriting, truncating or deleting the original cannot touch what runs.
 *
 *     plugins/hello.so ──▶ state_dir/run/so/<sha256>.so   (0500, made by temp + rename)
 *
 * Each start and reload takes them anew, so that none needs to survive the machine's end, but for those that the file of
 * pins names: snapshot_sync(). */
#ifndef JOBHOST_SUPERVISOR_SNAPSHOT_H
#define JOBHOST_SUPERVISOR_SNAPSHOT_H

#include <stdbool.h>

#include "base/err.h"

struct snapshot {
    char sha256[65]; /* hex; "" = none */
    char *path;      /* owned */
};

/* Refuses what is not a regular file, is writable by group or others, belongs to somebody else than
 * us or root, or keeps changing while it is read. Blocking file I/O: for start, reload and `check`
 * only. */
int snapshot_take(const char *file, const char *state_dir, struct snapshot *ret, struct err *e);
void snapshot_finish(struct snapshot *s);
/* A copy that something durable is going to name. Blocking. 0 or a negative errno. */
int snapshot_sync(const char *state_dir, const char *sha256);
/* The same file by another name in memory. 0 or -ENOMEM. */
int snapshot_copy_of(const struct snapshot *from, struct snapshot *ret);

/* Deletes copies that were begun by a process that is gone, or by an earlier one of our number. Not while one is taken. */
void snapshots_clear(const char *state_dir);

/* Deletes the oldest of them but for SNAPSHOTS_KEPT, and those that `in_use` names. What cannot be deleted stays. Blocking. */
enum { SNAPSHOTS_KEPT = 3 };
void snapshots_sweep(const char *state_dir, bool (*in_use)(const void *arg, const char *sha256),
                     const void *arg);

#endif
