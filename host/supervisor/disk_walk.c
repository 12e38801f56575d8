#define _GNU_SOURCE // O_PATH's relatives, fstatat()
#include "supervisor/disk_walk.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STAT_BLOCK = 512 }; /* what st_blocks counts */

/* Takes the descriptor. */
static int walk_enter(struct disk_walk *w, int fd) {
    DIR *dir = fd == -1 ? NULL : fdopendir(fd);
    if (dir == NULL) {
        int error = errno;
        if (fd != -1) {
            (void)close(fd);
        }
        return -error;
    }
    w->open[w->depth++] = dir;
    return 0;
}

int disk_walk_begin(struct disk_walk *w, const char *path) {
    struct stat st;
    *w = (struct disk_walk){.depth = 0};
    int r = walk_enter(w, open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (r == 0 && fstat(dirfd(w->open[0]), &st) == -1) {
        r = -errno;
    }
    w->device = r == 0 ? st.st_dev : 0;
    return r;
}

/* A name that is gone by now is nothing. */
static void walk_look(struct disk_walk *w, const char *name) {
    int at = dirfd(w->open[w->depth - 1]);
    struct stat st;
    w->entries++;
    if (fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) == -1) {
        w->partial = w->partial || errno != ENOENT;
        return;
    }
    if (st.st_dev != w->device) {
        return;
    }
    w->bytes += (uint64_t)st.st_blocks * STAT_BLOCK;
    if (!S_ISDIR(st.st_mode)) {
        return;
    }
    if (w->depth == DISK_WALK_DEPTH) {
        w->partial = true;
        return;
    }
    int r = walk_enter(w, openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    w->partial = w->partial || (r != 0 && r != -ENOENT);
}

static void walk_leave(struct disk_walk *w) {
    (void)closedir(w->open[--w->depth]);
}

bool disk_walk_step(struct disk_walk *w, unsigned entries) {
    while (entries > 0 && w->depth > 0) {
        if (w->entries >= DISK_WALK_ENTRIES) {
            w->partial = true;
            disk_walk_end(w);
            break;
        }
        const struct dirent *entry = readdir(w->open[w->depth - 1]);
        if (entry == NULL) {
            walk_leave(w);
        } else if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            walk_look(w, entry->d_name);
            entries--;
        }
    }
    return w->depth == 0;
}

void disk_walk_end(struct disk_walk *w) {
    while (w->depth > 0) {
        walk_leave(w);
    }
}
