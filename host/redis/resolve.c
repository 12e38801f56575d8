#define _GNU_SOURCE // eventfd
#include "redis/resolve.h"

#include <errno.h>
#include <event2/event.h>
#include <netdb.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/thread.h"
#include "redis/address.h"

enum { STACK = 256 * 1024 }; // glibc's resolver keeps its buffers there

/* What the loop and the thread share; whoever leaves last frees it. */
struct lookup {
    char host[REDIS_HOST_MAX + 1], port[8];
    int ring; // eventfd: an answer is there
    pthread_mutex_t lock;
    // under the lock
    unsigned holders;
    bool running, answered;
    int r;
    struct err err;
    struct redis_endpoints found;
};

struct redis_resolver {
    struct lookup *lookup;
    struct event *rung;
    redis_resolver_fn *done; // NULL: nobody asks
    void *arg;
};

/* ---- looking up ---- */

static void keep(struct redis_endpoints *found, const struct addrinfo *list) {
    found->count = 0;
    for (; list != NULL && found->count < REDIS_ENDPOINTS_MAX; list = list->ai_next) {
        if (list->ai_addrlen <= sizeof found->list[0].address) {
            struct redis_endpoint *e = &found->list[found->count++];
            memcpy(&e->address, list->ai_addr, list->ai_addrlen);
            e->len = list->ai_addrlen;
        }
    }
}

/* 0, -EAGAIN or -ENOENT with words. `flags` of getaddrinfo(). */
static int look_up(const char *host, const char *port, int flags, struct redis_endpoints *found,
                   struct err *e) {
    const struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = flags | AI_NUMERICSERV};
    struct addrinfo *list = NULL;
    found->count = 0;
    int r = getaddrinfo(host, port, &hints, &list);
    int cause = errno;
    if (r != 0 && flags == 0 && strcasecmp(host, "localhost") == 0) {
        r = getaddrinfo(NULL, port, &hints, &list); // RFC 6761 6.3; a bare system has no /etc/hosts
    }
    if (r == 0) {
        keep(found, list);
        freeaddrinfo(list);
    }
    if (found->count > 0) {
        return 0;
    }
    if (r == EAI_AGAIN || r == EAI_SYSTEM || r == EAI_MEMORY) {
        return err_set(e, -EAGAIN, "the name %s could not be looked up: %s", host,
                       r == EAI_SYSTEM ? strerror(cause) : gai_strerror(r));
    }
    return err_set(e, -ENOENT, "there is no host named %s%s%s", host, r == 0 ? "" : ": ",
                   r == 0 ? "" : gai_strerror(r));
}

static void let_go(struct lookup *l) {
    (void)pthread_mutex_lock(&l->lock);
    bool last = --l->holders == 0;
    (void)pthread_mutex_unlock(&l->lock);
    if (last) {
        (void)pthread_mutex_destroy(&l->lock);
        (void)close(l->ring);
        free(l);
    }
}

static void answer(struct lookup *l, int r, const struct redis_endpoints *found,
                   const struct err *e) {
    const uint64_t one = 1;
    (void)pthread_mutex_lock(&l->lock);
    l->running = false;
    l->answered = true;
    l->r = r;
    l->err = *e;
    l->found = *found;
    (void)pthread_mutex_unlock(&l->lock);
    if (write(l->ring, &one, sizeof one) == -1) {
        // the counter is full, so the loop is about to wake anyway
    }
}

static void *thread_main(void *arg) {
    struct lookup *l = arg;
    struct redis_endpoints found;
    struct err e = {.code = 0};
    answer(l, look_up(l->host, l->port, 0, &found, &e), &found, &e);
    let_go(l);
    return NULL;
}

static int start_thread(struct lookup *l) {
    pthread_attr_t attr;
    pthread_t thread;
    (void)pthread_attr_init(&attr);
    (void)pthread_attr_setstacksize(&attr, STACK);
    (void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    int r = thread_start(&thread, &attr, thread_main, l);
    (void)pthread_attr_destroy(&attr);
    return r;
}

/* ---- the loop ---- */

static void on_ring(evutil_socket_t fd, short what, void *arg) {
    struct redis_resolver *r = arg;
    struct lookup *l = r->lookup;
    uint64_t rings;
    (void)what;
    if (read(fd, &rings, sizeof rings) == -1) {
        // nothing rang: there is no harm in looking
    }
    (void)pthread_mutex_lock(&l->lock);
    bool answered = l->answered;
    l->answered = false;
    int result = l->r;
    struct err e = l->err;
    struct redis_endpoints found = l->found;
    (void)pthread_mutex_unlock(&l->lock);
    redis_resolver_fn *done = r->done;
    if (answered && done != NULL) {
        r->done = NULL;
        done(r->arg, result, &found, &e);
    }
}

struct redis_resolver *redis_resolver_new(struct event_base *base, const char *host, uint16_t port,
                                          struct err *e) {
    struct redis_resolver *r = calloc(1, sizeof *r);
    struct lookup *l = calloc(1, sizeof *l);
    if (r == NULL || l == NULL) {
        free(r);
        free(l);
        (void)err_set(e, -ENOMEM, "out of memory");
        return NULL;
    }
    (void)snprintf(l->host, sizeof l->host, "%s", host);
    (void)snprintf(l->port, sizeof l->port, "%u", (unsigned)port);
    (void)pthread_mutex_init(&l->lock, NULL);
    l->holders = 1;
    l->ring = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    r->lookup = l;
    r->rung = l->ring == -1 ? NULL : event_new(base, l->ring, EV_READ | EV_PERSIST, on_ring, r);
    if (r->rung == NULL || event_add(r->rung, NULL) != 0) {
        (void)err_errno(e, l->ring == -1 ? -errno : -ENOMEM, "cannot look names up");
        redis_resolver_free(&r);
    }
    return r;
}

void redis_resolver_ask(struct redis_resolver *r, redis_resolver_fn *done, void *arg) {
    struct lookup *l = r->lookup;
    struct redis_endpoints found;
    struct err e = {.code = 0};
    r->done = done;
    r->arg = arg;
    (void)pthread_mutex_lock(&l->lock);
    bool running = l->running;
    l->answered = false; // what came for a question that was cancelled may be old
    (void)pthread_mutex_unlock(&l->lock);
    if (running) {
        return;
    }
    if (look_up(l->host, l->port, AI_NUMERICHOST, &found, NULL) == 0) {
        answer(l, 0, &found, &e);
        return;
    }
    (void)pthread_mutex_lock(&l->lock);
    l->running = true;
    l->holders++;
    (void)pthread_mutex_unlock(&l->lock);
    int started = start_thread(l);
    if (started != 0) {
        (void)err_errno(&e, started, "no thread to look up %s", l->host);
        answer(l, -EAGAIN, &found, &e);
        let_go(l);
    }
}

void redis_resolver_cancel(struct redis_resolver *r) {
    r->done = NULL;
}

void redis_resolver_free(struct redis_resolver **at) {
    struct redis_resolver *r = *at;
    if (r != NULL) {
        if (r->rung != NULL) {
            event_free(r->rung);
        }
        let_go(r->lookup);
        free(r);
        *at = NULL;
    }
}
