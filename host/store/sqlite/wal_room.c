#define _GNU_SOURCE
#include "store/sqlite/wal_room.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WAL_ROOM_BLOCK = 256 * 1024 };

/* Appends zeros up to WAL_ROOM: really written, as a hole would have to be allocated at the commit.
 */
static bool fill(int fd, off_t from) {
    char *zeros = calloc(1, WAL_ROOM_BLOCK);
    bool good = zeros != NULL;
    while (good && from < WAL_ROOM) {
        size_t len = WAL_ROOM - from < WAL_ROOM_BLOCK ? (size_t)(WAL_ROOM - from) : WAL_ROOM_BLOCK;
        ssize_t n = pwrite(fd, zeros, len, from);
        good = n > 0 || (n == -1 && errno == EINTR);
        from += n > 0 ? n : 0;
    }
    free(zeros);
    return good;
}

void wal_room_make(const char *path) {
    char *name;
    struct stat st;
    if (asprintf(&name, "%s-wal", path) == -1) {
        return;
    }
    int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd != -1) {
        if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size < WAL_ROOM &&
            (fill(fd, st.st_size) || ftruncate(fd, st.st_size) == 0)) {
            (void)fsync(fd);
        }
        close(fd);
    }
    free(name);
}
