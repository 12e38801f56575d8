#include "store/redis/blobcache.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void drop(struct blobcache *c, unsigned at) {
    (void)close(c->files[at].fd);
    c->bytes -= c->files[at].blob.size;
    c->count--;
    memmove(&c->files[at], &c->files[at + 1], (c->count - at) * sizeof c->files[0]);
}

// Where it is, or `count`: so few that they are searched.
static unsigned find(const struct blobcache *c, const uint8_t sha256[32]) {
    unsigned at = 0;
    while (at < c->count && memcmp(c->files[at].blob.sha256, sha256, 32) != 0) {
        at++;
    }
    return at;
}

void blobcache_drop(struct blobcache *c, const uint8_t sha256[32]) {
    unsigned at = find(c, sha256);
    if (at < c->count) {
        drop(c, at);
    }
}

void blobcache_finish(struct blobcache *c) {
    while (c->count > 0) {
        drop(c, c->count - 1);
    }
}

void blobcache_add(struct blobcache *c, const struct blob_ref *blob, int fd, int64_t now_mono_ms) {
    blobcache_drop(c, blob->sha256);
    if (blob->size > BLOBCACHE_BYTES_MAX) {
        (void)close(fd);
        return;
    }
    while (c->count == BLOBCACHE_FILES_MAX || c->bytes > BLOBCACHE_BYTES_MAX - blob->size) {
        drop(c, c->count - 1);
    }
    memmove(&c->files[1], &c->files[0], c->count * sizeof c->files[0]);
    c->files[0] = (struct blobcache_file){*blob, fd, now_mono_ms};
    c->bytes += blob->size;
    c->count++;
}

int blobcache_reopen(int fd) {
    char path[40]; // dup() would share the position, and the right to write
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int r = open(path, O_RDONLY | O_CLOEXEC);
    return r == -1 ? -errno : r;
}

int blobcache_open(struct blobcache *c, const uint8_t sha256[32], int64_t now_mono_ms) {
    unsigned at = find(c, sha256);
    if (at == c->count) {
        return -ENOENT;
    }
    struct blobcache_file file = c->files[at];
    int fd = now_mono_ms - file.since_ms < BLOBCACHE_AGE_MS ? blobcache_reopen(file.fd) : -ENOENT;
    if (fd < 0) {
        drop(c, at);
        return -ENOENT;
    }
    memmove(&c->files[1], &c->files[0], at * sizeof c->files[0]);
    c->files[0] = file;
    return fd;
}
