#include "base/disk.h"

#include <errno.h>
#include <event2/event.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

struct disk_list {
    struct disk_op *head, *tail;
};

struct disk {
    pthread_t thread;
    struct event *wake;
    int fd;        // the thread rings it when the first finished operation is there
    unsigned open; // [loop] posted, not done
    pthread_mutex_t lock;
    pthread_cond_t arrived;
    // under the lock
    struct disk_list posted, finished;
    bool stopping;
};

static void list_add(struct disk_list *list, struct disk_op *op) {
    op->next = NULL;
    if (list->head == NULL) {
        list->head = op;
    } else {
        list->tail->next = op;
    }
    list->tail = op;
}

static struct disk_op *list_take(struct disk_list *list) {
    struct disk_op *op = list->head;
    list->head = op == NULL ? NULL : op->next;
    return op;
}

// ---- the thread

// Waits; NULL: the end.
static struct disk_op *next_posted(struct disk *d) {
    (void)pthread_mutex_lock(&d->lock);
    while (d->posted.head == NULL && !d->stopping) {
        (void)pthread_cond_wait(&d->arrived, &d->lock);
    }
    struct disk_op *op = list_take(&d->posted);
    (void)pthread_mutex_unlock(&d->lock);
    return op;
}

static void hand_back(struct disk *d, struct disk_op *op) {
    (void)pthread_mutex_lock(&d->lock);
    bool first = d->finished.head == NULL;
    list_add(&d->finished, op);
    (void)pthread_mutex_unlock(&d->lock);
    const uint64_t one = 1;
    if (first && write(d->fd, &one, sizeof one) == -1) {
        // the counter is full, so the loop is about to wake anyway
    }
}

static void *disk_main(void *arg) {
    struct disk *d = arg;
    (void)prctl(PR_SET_NAME, "disk");
    for (struct disk_op *op = next_posted(d); op != NULL; op = next_posted(d)) {
        op->work(op);
        hand_back(d, op);
    }
    return NULL;
}

// ---- the loop

static void deliver(struct disk *d) {
    (void)pthread_mutex_lock(&d->lock);
    struct disk_list finished = d->finished;
    d->finished = (struct disk_list){NULL, NULL};
    (void)pthread_mutex_unlock(&d->lock);
    for (struct disk_op *op = list_take(&finished); op != NULL; op = list_take(&finished)) {
        d->open--;
        op->done(op);
    }
}

static void on_wake(evutil_socket_t fd, short what, void *arg) {
    (void)what;
    uint64_t rings;
    if (read(fd, &rings, sizeof rings) == -1) {
        // disk_free() has been faster: there is no harm in looking
    }
    deliver(arg);
}

static int open_wake(struct disk *d, struct event_base *base) {
    d->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (d->fd == -1) {
        return -errno;
    }
    d->wake = event_new(base, d->fd, EV_READ | EV_PERSIST, on_wake, d);
    return d->wake != NULL && event_add(d->wake, NULL) == 0 ? 0 : -ENOMEM;
}

static void close_wake(struct disk *d) {
    if (d->wake != NULL) {
        event_free(d->wake);
    }
    if (d->fd != -1) {
        (void)close(d->fd);
    }
}

int disk_new(struct event_base *base, struct disk **ret, struct err *e) {
    struct disk *d = calloc(1, sizeof *d);
    if (d == NULL) {
        return err_set(e, -ENOMEM, "out of memory");
    }
    int r = open_wake(d, base);
    if (r == 0) {
        (void)pthread_mutex_init(&d->lock, NULL);
        (void)pthread_cond_init(&d->arrived, NULL);
        r = -pthread_create(&d->thread, NULL, disk_main, d);
    }
    if (r != 0) {
        close_wake(d);
        free(d);
        return err_errno(e, r, "the disk thread");
    }
    *ret = d;
    return 0;
}

void disk_post(struct disk *d, struct disk_op *op) {
    d->open++;
    (void)pthread_mutex_lock(&d->lock);
    list_add(&d->posted, op);
    (void)pthread_cond_signal(&d->arrived);
    (void)pthread_mutex_unlock(&d->lock);
}

bool disk_is_busy(const struct disk *d) {
    return d->open > 0;
}

// Operations may post others from `done`, so it takes turns until all is quiet.
void disk_finish(struct disk *d) {
    struct pollfd ring = {.fd = d->fd, .events = POLLIN};
    while (d->open > 0) {
        if (poll(&ring, 1, -1) == 1) {
            on_wake(d->fd, EV_READ, d);
        }
    }
}

void disk_free(struct disk **at) {
    struct disk *d = *at;
    if (d == NULL) {
        return;
    }
    disk_finish(d);
    (void)pthread_mutex_lock(&d->lock);
    d->stopping = true;
    (void)pthread_cond_signal(&d->arrived);
    (void)pthread_mutex_unlock(&d->lock);
    (void)pthread_join(d->thread, NULL);
    (void)pthread_cond_destroy(&d->arrived);
    (void)pthread_mutex_destroy(&d->lock);
    close_wake(d);
    free(d);
    *at = NULL;
}
