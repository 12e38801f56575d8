/* Contents of blobs that this host has read or written lately, in files without a name, so that an
 * attempt's second look costs no command and nothing is left behind by a crash.
 *
 * Bounded in bytes, files and age; what was used longest ago goes first. Loop thread only. */
#ifndef JOBHOST_STORE_REDIS_BLOBCACHE_H
#define JOBHOST_STORE_REDIS_BLOBCACHE_H

#include <stdint.h>

#include "core/job.h"

enum {
    BLOBCACHE_BYTES_MAX = 256 * 1024 * 1024,
    BLOBCACHE_FILES_MAX = 64,
    BLOBCACHE_AGE_MS = 3600 * 1000, /* then it is fetched anew: it may be gone by then */
};

struct blobcache_file {
    struct blob_ref blob;
    int fd;
    int64_t since_ms;
};

/* Zeroed: empty. */
struct blobcache {
    struct blobcache_file files[BLOBCACHE_FILES_MAX]; /* used last: first */
    unsigned count;
    uint64_t bytes;
};

void blobcache_finish(struct blobcache *c);

/* `fd` is taken, also when there is no room for it. */
void blobcache_add(struct blobcache *c, const struct blob_ref *blob, int fd, int64_t now_mono_ms);

/* A descriptor of the caller's, for reading only, or -ENOENT. */
int blobcache_open(struct blobcache *c, const uint8_t sha256[32], int64_t now_mono_ms);

void blobcache_drop(struct blobcache *c, const uint8_t sha256[32]);

/* Another open file of the same content, for reading only; or a negative errno. */
int blobcache_reopen(int fd);

#endif
