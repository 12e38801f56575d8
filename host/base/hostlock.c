// F_OFD_SETLK: a lock of the open file, which a second open in this very process meets too
#define _GNU_SOURCE
#include "base/hostlock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int refuse(int fd, const char *what, struct err *e) {
    char pid[32] = "";
    ssize_t n = pread(fd, pid, sizeof pid - 1, 0);
    pid[n > 0 ? (size_t)n : 0] = '\0';
    pid[strcspn(pid, "\n")] = '\0';
    return err_set(e, -EBUSY, "%s is in use by another host (process %s): one host at a time", what,
                   pid[0] == '\0' ? "unknown" : pid);
}

int hostlock_take(struct hostlock *lock, const char *file, const char *what, struct err *e) {
    char pid[32];
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    lock->fd = -1;
    int fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd == -1) {
        return err_errno(e, -errno, "%s", file);
    }
    if (fcntl(fd, F_OFD_SETLK, &whole) == -1) {
        int r = errno == EAGAIN || errno == EACCES ? refuse(fd, what, e)
                                                   : err_errno(e, -errno, "lock %s", file);
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
