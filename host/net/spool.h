/* Uploads on their way to the disk. A spool is a file without a name: whatever becomes of the
 * upload or of the host, nothing is left of it.
 *
 *     spool_write() ─▶ [filling] ─▶ [being written] ─▶ file     the disk thread writes one buffer
 *                                                               while the other fills
 *
 * How much waits for the disk is bounded, for each spool and for all of them: whoever is told
 * SPOOL_BEHIND stops reading until `room` is called. The file system keeps room for the host's own:
 * before each write the disk thread looks whether there is enough for all that is on its way, a
 * second time for the store's copy of it, and for the rest of what the upload announced. Loop
 * thread only. */
#ifndef JOBHOST_NET_SPOOL_H
#define JOBHOST_NET_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

struct side_thread;
struct spool;

enum {
    SPOOL_BEHIND = 1,
    SPOOL_AHEAD_MAX = 256 * 1024,   /* bytes of one spool that wait; the last piece may exceed it */
    SPOOL_ALL_AHEAD_MAX = 16 << 20, /* bytes of all spools */
    SPOOL_RESERVE = 64 << 20,       /* bytes of the file system that uploads leave free */
};

/* All spools of a host: where they are, and how much of them there is. */
struct spools {
    struct side_thread *disk;
    const char *dir; /* borrowed; on the file system that has the room */
    uint64_t reserve;
    unsigned files_max; /* at once; 0: no cap. Those of the owner of the host are not counted */
    /* [disk thread] Free bytes of the file system on which `fd` is, for users without privileges; UINT64_MAX: it
     * does not say. NULL: really. */
    uint64_t (*free_bytes)(int fd);
    /* private but for reading */
    size_t ahead;  /* bytes that wait for the disk                 */
    uint64_t size; /* bytes of all spools, wherever they are by now */
    unsigned files;
};

struct spool_plan {
    uint64_t announced; /* how large it is at most going to be, as far as that is known; else 0 */
    bool admin;         /* it is not counted in `files` */
};

struct spool_events {
    void (*room)(void *arg); /* after SPOOL_BEHIND: go on (spool_write() tells whether it failed) */
    void (*done)(void *arg, int status); /* after spool_end(): all is in the file, or why not */
    void *arg;
};

/* The file is made with its first byte, or at its end. NULL: out of memory. */
struct spool *spool_new(struct spools *all, const struct spool_plan *plan,
                        const struct spool_events *events);

/* Copies the piece. 0; SPOOL_BEHIND; or the negative errno of an earlier failure: -ENOSPC (the
 * reserve is reached), -EDQUOT or -EFBIG is a full disk; -EMFILE: there are `files_max`, or its file would
 * be one of the descriptors that the host keeps for itself (descriptors.h). */
int spool_write(struct spool *s, struct bytes piece);

/* No more is written; `done` is called, always later. */
void spool_end(struct spool *s);

/* After `done` with status 0: the file, the spool's own, and its size. */
int spool_fd(const struct spool *s);
uint64_t spool_size(const struct spool *s);

/* At any time: none of the events is called any more, and the file is gone. */
void spool_free(struct spool **s);

#endif
