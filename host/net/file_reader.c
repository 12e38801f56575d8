#include "net/file_reader.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/side_thread.h"

struct file_reader {
    struct side_op op;
    struct side_thread *disk;
    struct file_reader_events events;
    int fd;
    bool busy;
    bool dropped; // file_reader_free() while busy
    // the disk thread's while busy
    uint64_t at;
    size_t want;
    char *data;
    ssize_t got; // or a negative errno
};

// [disk thread]
static void work_read(struct side_op *op) {
    struct file_reader *r = CONTAINER_OF(op, struct file_reader, op);
    r->data = malloc(r->want);
    if (r->data == NULL) {
        r->got = -ENOMEM;
        return;
    }
    r->got = pread(r->fd, r->data, r->want, (off_t)r->at);
    if (r->got <= 0) {
        r->got = r->got == 0 ? -ENODATA : -errno;
    }
}

// [disk thread] The last one to close a removed file gives its blocks back, which takes a while.
static void work_close(struct side_op *op) {
    struct file_reader *r = CONTAINER_OF(op, struct file_reader, op);
    (void)close(r->fd);
}

static void on_closed(struct side_op *op) {
    free(CONTAINER_OF(op, struct file_reader, op));
}

static void dispose(struct file_reader *r) {
    r->op = (struct side_op){.work = work_close, .done = on_closed};
    side_thread_post(r->disk, &r->op);
}

static void on_read(struct side_op *op) {
    struct file_reader *r = CONTAINER_OF(op, struct file_reader, op);
    char *data = r->data;
    r->data = NULL;
    r->busy = false;
    if (r->dropped) {
        dispose(r);
    } else if (r->got > 0) { // the callback may free the reader, or ask for more
        r->events.part(r->events.arg, (struct bytes){data, (size_t)r->got}, 0);
    } else {
        r->events.part(r->events.arg, (struct bytes){NULL, 0}, (int)r->got);
    }
    free(data);
}

struct file_reader *file_reader_new(struct side_thread *disk, int fd,
                                    const struct file_reader_events *events) {
    struct file_reader *r = calloc(1, sizeof *r);
    if (r != NULL) {
        r->disk = disk;
        r->fd = fd;
        r->events = *events;
    }
    return r;
}

void file_reader_want(struct file_reader *r, uint64_t at, size_t len) {
    r->at = at;
    r->want = len;
    r->busy = true;
    r->op = (struct side_op){.work = work_read, .done = on_read};
    side_thread_post(r->disk, &r->op);
}

bool file_reader_is_busy(const struct file_reader *r) {
    return r->busy;
}

void file_reader_free(struct file_reader **at) {
    struct file_reader *r = *at;
    *at = NULL;
    if (r != NULL && r->busy) {
        r->dropped = true;
    } else if (r != NULL) {
        dispose(r);
    }
}
