#include "store/redis/blobcache.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct blobcache_entry {
    struct blob_ref blob;
    int fd;
    int64_t since_ms;
    TAILQ_ENTRY(blobcache_entry) list;
};

void blobcache_init(struct blobcache *c) {
    TAILQ_INIT(&c->list);
    c->bytes = 0;
    c->count = 0;
}

static void drop(struct blobcache *c, struct blobcache_entry *x) {
    TAILQ_REMOVE(&c->list, x, list);
    c->bytes -= x->blob.size;
    c->count--;
    (void)close(x->fd);
    free(x);
}

// So few that a list is searched.
static struct blobcache_entry *find(struct blobcache *c, const uint8_t sha256[32]) {
    struct blobcache_entry *x;
    TAILQ_FOREACH(x, &c->list, list) {
        if (memcmp(x->blob.sha256, sha256, sizeof x->blob.sha256) == 0) {
            return x;
        }
    }
    return NULL;
}

void blobcache_drop(struct blobcache *c, const uint8_t sha256[32]) {
    struct blobcache_entry *x = find(c, sha256);
    if (x != NULL) {
        drop(c, x);
    }
}

void blobcache_finish(struct blobcache *c) {
    while (!TAILQ_EMPTY(&c->list)) {
        drop(c, TAILQ_FIRST(&c->list));
    }
}

void blobcache_add(struct blobcache *c, const struct blob_ref *blob, int fd, int64_t now_mono_ms) {
    blobcache_drop(c, blob->sha256);
    struct blobcache_entry *x =
        blob->size > BLOBCACHE_BYTES_MAX ? NULL : malloc(sizeof *x); // NULL: it is only a cache
    if (x == NULL) {
        (void)close(fd);
        return;
    }
    while (c->count == BLOBCACHE_FILES_MAX || c->bytes > BLOBCACHE_BYTES_MAX - blob->size) {
        drop(c, TAILQ_LAST(&c->list, blobcache_list));
    }
    *x = (struct blobcache_entry){.blob = *blob, .fd = fd, .since_ms = now_mono_ms};
    TAILQ_INSERT_HEAD(&c->list, x, list);
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
    struct blobcache_entry *x = find(c, sha256);
    if (x == NULL) {
        return -ENOENT;
    }
    int fd = now_mono_ms - x->since_ms < BLOBCACHE_AGE_MS ? blobcache_reopen(x->fd) : -ENOENT;
    if (fd < 0) {
        drop(c, x);
        return -ENOENT;
    }
    TAILQ_REMOVE(&c->list, x, list);
    TAILQ_INSERT_HEAD(&c->list, x, list);
    return fd;
}
