// F_OFD_SETLK: a lock of the open file, which a second open in this very process meets too
#define _GNU_SOURCE
#include "base/hostlock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HOSTLOCK_WAIT_MS = 2000, HOSTLOCK_PAUSE_MS = 10 };

static void read_holder(int fd, char ret[32]) {
    ssize_t n = pread(fd, ret, 31, 0);
    ret[n > 0 ? (size_t)n : 0] = '\0';
    ret[strcspn(ret, "\n")] = '\0';
}

static int refuse(int fd, const char *what, struct err *e) {
    char pid[32];
    read_holder(fd, pid);
    return err_set(e, -EBUSY, "%s is in use by another host (process %s): one host at a time", what,
                   pid[0] == '\0' ? "unknown" : pid);
}

static bool holder_is_gone(int fd) {
    char text[32];
    read_holder(fd, text);
    long pid = strtol(text, NULL, 10);
    return pid > 0 && kill((pid_t)pid, 0) == -1 && errno == ESRCH;
}

// A host that was killed while it started a worker is outlived by its fork for a moment, which has the lock until it runs its program.
static int lock_whole(int fd) {
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    for (int waited = 0;; waited += HOSTLOCK_PAUSE_MS) {
        if (fcntl(fd, F_OFD_SETLK, &whole) == 0) {
            return 0;
        }
        if (errno != EAGAIN && errno != EACCES) {
            return -errno;
        }
        if (waited >= HOSTLOCK_WAIT_MS || !holder_is_gone(fd)) {
            return -EBUSY;
        }
        (void)poll(NULL, 0, HOSTLOCK_PAUSE_MS);
    }
}

int hostlock_take(struct hostlock *lock, const char *file, const char *what, struct err *e) {
    char pid[32];
    lock->fd = -1;
    int fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd == -1) {
        return err_errno(e, -errno, "%s", file);
    }
    int r = lock_whole(fd);
    if (r < 0) {
        r = r == -EBUSY ? refuse(fd, what, e) : err_errno(e, r, "lock %s", file);
        (void)close(fd);
        return r;
    }
    int n = snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) == -1 || pwrite(fd, pid, (size_t)n, 0) == -1) {
        // the number is a help for people; the lock does without
    }
    lock->fd = fd;
    return 0;
}

int hostlock_keep(struct hostlock *lock, int fd, const char *file, struct err *e) {
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    struct stat ours, there;
    lock->fd = fd;
    if (fstat(fd, &ours) == -1 || stat(file, &there) == -1 || ours.st_dev != there.st_dev ||
        ours.st_ino != there.st_ino || fcntl(fd, F_OFD_SETLK, &whole) == -1) {
        return err_set(e, -EBUSY, "%s: the lock has been lost", file);
    }
    return 0;
}

void hostlock_release(struct hostlock *lock) {
    if (lock->fd >= 0) {
        (void)close(lock->fd);
    }
    lock->fd = -1;
}
