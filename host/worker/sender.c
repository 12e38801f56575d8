#include "worker/sender.h"

#include <errno.h>
#include <poll.h>

void sender_init(struct sender *s, int sock) {
    *s = (struct sender){.sock = sock};
    (void)pthread_mutex_init(&s->lock, NULL);
}

void sender_finish(struct sender *s) {
    record_writer_finish(&s->w);
    (void)pthread_mutex_destroy(&s->lock);
}

void sender_lock(struct sender *s) {
    (void)pthread_mutex_lock(&s->lock);
    while (atomic_exchange_explicit(&s->busy, true, memory_order_acquire)) {
        (void)poll(NULL, 0,
                   1); // its thread is crashing and has the packet: the process is about to end
    }
}

bool sender_trylock(struct sender *s) {
    if (pthread_mutex_trylock(&s->lock) != 0) {
        return false;
    }
    if (atomic_exchange_explicit(&s->busy, true, memory_order_acquire)) {
        (void)pthread_mutex_unlock(&s->lock);
        return false;
    }
    return true;
}

void sender_unlock(struct sender *s) {
    atomic_store_explicit(&s->busy, false, memory_order_release);
    (void)pthread_mutex_unlock(&s->lock);
}

int sender_try_flush(struct sender *s) {
    if (s->error == 0) {
        int rc = record_send(&s->w, s->sock);
        if (rc == -EAGAIN) {
            return rc;
        }
        s->error = rc;
    }
    if (s->error != 0) {
        record_writer_finish(&s->w);
        s->w = (struct record_writer){0};
    }
    s->since_us = 0;
    s->done = 0;
    return s->error;
}

// A supervisor that stops reading also stops answering pings, so the keeper ends this wait together
// with the process; one that goes away ends it with POLLHUP.
int sender_flush(struct sender *s) {
    int rc;
    for (int tries = 0; (rc = sender_try_flush(s)) == -EAGAIN; tries++) {
        struct pollfd p = {.fd = s->sock, .events = POLLOUT};
        (void)poll(&p, 1, -1);
        if (tries > 0) { // writable and yet refused: too many descriptors in flight
            (void)poll(NULL, 0, 1);
        }
    }
    return rc;
}

bool sender_again(struct sender *s, int *rc) {
    if (*rc != -EMSGSIZE || s->w.packet.len == 0) {
        return false;
    }
    *rc = sender_flush(s);
    return *rc == 0;
}

void sender_hurry(struct sender *s, int64_t now_us) {
    if (s->since_us == 0) {
        s->since_us = now_us;
    }
}
