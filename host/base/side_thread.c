#include "base/side_thread.h"

#include <errno.h>
#include <event2/event.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/thread.h"

struct side_list {
    struct side_op *head, *tail;
};

struct side_thread {
    pthread_t thread;
    const char *name;
    struct event *wake;
    int fd;        // the thread rings it when the first finished operation is there
    unsigned open; // [loop] posted, not done
    pthread_mutex_t lock;
    pthread_cond_t arrived;
    // under the lock
    struct side_list posted, finished;
    bool stopping;
};

static void list_add(struct side_list *list, struct side_op *op) {
    op->next = NULL;
    if (list->head == NULL) {
        list->head = op;
    } else {
        list->tail->next = op;
    }
    list->tail = op;
}

static struct side_op *list_take(struct side_list *list) {
    struct side_op *op = list->head;
    list->head = op == NULL ? NULL : op->next;
    return op;
}

// ---- the thread

// Waits; NULL: the end.
static struct side_op *next_posted(struct side_thread *t) {
    (void)pthread_mutex_lock(&t->lock);
    while (t->posted.head == NULL && !t->stopping) {
        (void)pthread_cond_wait(&t->arrived, &t->lock);
    }
    struct side_op *op = list_take(&t->posted);
    (void)pthread_mutex_unlock(&t->lock);
    return op;
}

static void hand_back(struct side_thread *t, struct side_op *op) {
    (void)pthread_mutex_lock(&t->lock);
    bool first = t->finished.head == NULL;
    list_add(&t->finished, op);
    (void)pthread_mutex_unlock(&t->lock);
    const uint64_t one = 1;
    if (first && write(t->fd, &one, sizeof one) == -1) {
        // the counter is full, so the loop is about to wake anyway
    }
}

static void *side_main(void *arg) {
    struct side_thread *t = arg;
    (void)prctl(PR_SET_NAME, t->name);
    for (struct side_op *op = next_posted(t); op != NULL; op = next_posted(t)) {
        op->work(op);
        hand_back(t, op);
    }
    return NULL;
}

// ---- the loop

static void deliver(struct side_thread *t) {
    (void)pthread_mutex_lock(&t->lock);
    struct side_list finished = t->finished;
    t->finished = (struct side_list){NULL, NULL};
    (void)pthread_mutex_unlock(&t->lock);
    for (struct side_op *op = list_take(&finished); op != NULL; op = list_take(&finished)) {
        t->open--;
        op->done(op);
    }
}

static void on_wake(evutil_socket_t fd, short what, void *arg) {
    (void)what;
    uint64_t rings;
    if (read(fd, &rings, sizeof rings) == -1) {
        // side_thread_free() has been faster: there is no harm in looking
    }
    deliver(arg);
}

static int open_wake(struct side_thread *t, struct event_base *base) {
    t->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (t->fd == -1) {
        return -errno;
    }
    t->wake = event_new(base, t->fd, EV_READ | EV_PERSIST, on_wake, t);
    return t->wake != NULL && event_add(t->wake, NULL) == 0 ? 0 : -ENOMEM;
}

static void close_wake(struct side_thread *t) {
    if (t->wake != NULL) {
        event_free(t->wake);
    }
    if (t->fd != -1) {
        (void)close(t->fd);
    }
}

int side_thread_new(struct event_base *base, const char *name, struct side_thread **ret,
                    struct err *e) {
    struct side_thread *t = calloc(1, sizeof *t);
    if (t == NULL) {
        return err_set(e, -ENOMEM, "out of memory");
    }
    t->name = name;
    int r = open_wake(t, base);
    if (r == 0) {
        (void)pthread_mutex_init(&t->lock, NULL);
        (void)pthread_cond_init(&t->arrived, NULL);
        r = thread_start(&t->thread, NULL, side_main, t);
    }
    if (r != 0) {
        close_wake(t);
        free(t);
        return err_errno(e, r, "the %s thread", name);
    }
    *ret = t;
    return 0;
}

void side_thread_post(struct side_thread *t, struct side_op *op) {
    t->open++;
    (void)pthread_mutex_lock(&t->lock);
    list_add(&t->posted, op);
    (void)pthread_cond_signal(&t->arrived);
    (void)pthread_mutex_unlock(&t->lock);
}

bool side_thread_is_busy(const struct side_thread *t) {
    return t->open > 0;
}

// Operations may post others from `done`, so it takes turns until all is quiet.
void side_thread_finish(struct side_thread *t) {
    if (t == NULL) {
        return;
    }
    struct pollfd ring = {.fd = t->fd, .events = POLLIN};
    while (t->open > 0) {
        if (poll(&ring, 1, -1) == 1) {
            on_wake(t->fd, EV_READ, t);
        }
    }
}

void side_thread_free(struct side_thread **at) {
    struct side_thread *t = *at;
    if (t == NULL) {
        return;
    }
    side_thread_finish(t);
    (void)pthread_mutex_lock(&t->lock);
    t->stopping = true;
    (void)pthread_cond_signal(&t->arrived);
    (void)pthread_mutex_unlock(&t->lock);
    (void)pthread_join(t->thread, NULL);
    (void)pthread_cond_destroy(&t->arrived);
    (void)pthread_mutex_destroy(&t->lock);
    close_wake(t);
    free(t);
    *at = NULL;
}
