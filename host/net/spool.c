#define _GNU_SOURCE // O_TMPFILE
#include "net/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fault.h"
#include "base/side_thread.h"
#include "base/write_all.h"
#include "net/descriptors.h"

enum { SPOOL_PART = 64 * 1024 }; // so much is worth a turn of the disk thread

struct spool {
    struct side_op op;
    struct spools *all;
    struct spool_events events;
    struct buf filling;
    struct spool_plan plan;
    uint64_t size;
    int error;    // the first failure; what comes after it is thrown away
    bool busy;    // the operation is under way
    bool behind;  // the writer waits for room
    bool ending;  // spool_end()
    bool dropped; // spool_free() while busy
    bool counted; // in all->files
    // the disk thread's while busy
    struct buf writing;
    uint64_t needed; // free bytes, besides the reserve
    int fd;
    int status;
};

// [disk thread] As for connections: the kernel gives the lowest free number.
static int open_file(struct spool *s) {
    int fd = open(s->all->dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd == -1) {
        return -errno;
    }
    if (fd >= descriptors_max()) {
        (void)close(fd);
        return -EMFILE;
    }
    s->fd = fd;
    return 0;
}

// [disk thread]
static uint64_t free_bytes(int fd) {
    struct statvfs at;
    bool known = fstatvfs(fd, &at) == 0 && at.f_blocks > 0;
    return known ? (uint64_t)at.f_bavail * at.f_frsize : UINT64_MAX;
}

// [disk thread]
static int check_space(const struct spool *s) {
    const struct spools *all = s->all;
    uint64_t there = all->free_bytes != NULL ? all->free_bytes(s->fd) : free_bytes(s->fd);
    return there < all->reserve || there - all->reserve < s->needed ? -ENOSPC : 0;
}

// [disk thread]
static void work_write(struct side_op *op) {
    struct spool *s = CONTAINER_OF(op, struct spool, op);
    if (s->status == 0 && s->fd == -1) {
        s->status = open_file(s);
    }
    if (s->status == 0 && s->writing.len > 0) {
        s->status = check_space(s);
    }
    if (s->status == 0) {
        s->status = fault(FAULT_SPOOL_WRITE);
    }
    if (s->status == 0) {
        s->status = write_all(s->fd, buf_bytes(&s->writing));
    }
}

// [disk thread] Closing a large file that has no name gives its blocks back, which takes a while.
static void work_close(struct side_op *op) {
    struct spool *s = CONTAINER_OF(op, struct spool, op);
    (void)close(s->fd);
}

/* Before its file is made. */
static int take_file(struct spool *s) {
    struct spools *all = s->all;
    if (s->counted || s->plan.admin) {
        return 0;
    }
    s->counted = all->files_max == 0 || all->files < all->files_max;
    all->files += s->counted;
    return s->counted ? 0 : -EMFILE;
}

static void give_file(struct spool *s) {
    s->all->files -= s->counted;
    s->counted = false;
}

static void on_closed(struct side_op *op) {
    struct spool *s = CONTAINER_OF(op, struct spool, op);
    give_file(s);
    free(s);
}

static void dispose(struct spool *s) {
    s->all->ahead -= s->filling.len + s->writing.len;
    s->all->size -= s->size;
    buf_free(&s->filling);
    buf_free(&s->writing);
    if (s->fd == -1) {
        give_file(s);
        free(s);
        return;
    }
    s->op = (struct side_op){.work = work_close, .done = on_closed};
    side_thread_post(s->all->disk, &s->op);
}

static void fail(struct spool *s, int error) {
    s->error = error;
    s->all->ahead -= s->filling.len;
    buf_free(&s->filling);
}

static bool has_room(const struct spool *s) {
    return s->filling.len < SPOOL_AHEAD_MAX &&
           (s->filling.len == 0 || s->all->ahead < SPOOL_ALL_AHEAD_MAX);
}

static void on_written(struct side_op *op);

// Hands what has gathered to the disk thread.
static void post(struct spool *s) {
    struct buf empty = s->writing;
    s->writing = s->filling;
    s->filling = empty;
    // what waits is still to be written, and the store is going to copy everything
    uint64_t rest = s->plan.announced > s->size ? s->plan.announced - s->size : 0;
    s->needed = s->all->ahead + s->all->size + 2 * rest;
    s->busy = true;
    s->status = s->error != 0 ? s->error : take_file(s);
    s->op = (struct side_op){.work = work_write, .done = on_written};
    side_thread_post(s->all->disk, &s->op);
}

static bool worth_a_turn(const struct spool *s) {
    return s->filling.len >= SPOOL_PART || (s->filling.len > 0 && (s->behind || s->ending));
}

static void on_written(struct side_op *op) {
    struct spool *s = CONTAINER_OF(op, struct spool, op);
    s->busy = false;
    s->all->ahead -= s->writing.len;
    buf_clear(&s->writing);
    if (s->dropped) {
        dispose(s);
        return;
    }
    if (s->status != 0 && s->error == 0) {
        fail(s, s->status);
    }
    if (s->error == 0 && worth_a_turn(s)) {
        post(s);
    }
    // either callback may free the spool
    if (s->ending && !s->busy) {
        s->events.done(s->events.arg, s->error);
    } else if (s->behind && (s->error != 0 || has_room(s))) {
        s->behind = false;
        s->events.room(s->events.arg);
    }
}

struct spool *spool_new(struct spools *all, const struct spool_plan *plan,
                        const struct spool_events *events) {
    struct spool *s = calloc(1, sizeof *s);
    if (s != NULL) {
        s->all = all;
        s->plan = *plan;
        s->events = *events;
        s->fd = -1;
    }
    return s;
}

int spool_write(struct spool *s, struct bytes piece) {
    size_t before = s->filling.len;
    if (s->error != 0) {
        return s->error;
    }
    buf_add(&s->filling, piece.data, piece.len);
    s->all->ahead += s->filling.len - before;
    if (s->filling.failed) {
        fail(s, -ENOMEM);
        return s->error;
    }
    s->size += piece.len;
    s->all->size += piece.len;
    s->behind = !has_room(s);
    if (!s->busy && worth_a_turn(s)) {
        post(s);
        s->behind = false;
    }
    return s->behind ? SPOOL_BEHIND : 0;
}

void spool_end(struct spool *s) {
    s->ending = true;
    if (!s->busy) {
        post(s); // also without content: the file is made, and `done` comes later
    }
}

int spool_fd(const struct spool *s) {
    return s->fd;
}

uint64_t spool_size(const struct spool *s) {
    return s->size;
}

void spool_free(struct spool **at) {
    struct spool *s = *at;
    *at = NULL;
    if (s != NULL && s->busy) {
        s->dropped = true;
    } else if (s != NULL) {
        dispose(s);
    }
}
