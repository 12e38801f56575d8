/* One thread's way to the supervisor: a packet that fills up and is sent when somebody waits for
 * what is in it.
 *
 * Each run thread has one, the main thread another, so threads do not meet here; the lock is for
 * the keeper, which sends what a run thread left lying, and for log lines of threads that a plugin
 * made. Order is kept per sender, which is all that records of one job need. */
#ifndef JOBHOST_WORKER_SENDER_H
#define JOBHOST_WORKER_SENDER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "record/record.h"

enum {
    SENDER_FULL = 48 * 1024,   /* bytes from which a packet is sent in any case           */
    SENDER_BATCH = 64,         /* DONE records likewise                                   */
    SENDER_PATIENCE_US = 1000, /* how long a record that somebody waits for may lie there */
};

struct sender {
    pthread_mutex_t lock;
    int sock;
    atomic_bool
        busy; /* the lock is held, so the packet may be half-written: for the crash handler */
    /* guarded by lock: */
    struct record_writer w;
    int64_t since_us; /* when the oldest record that somebody waits for was written; 0 = none */
    unsigned done;    /* DONE records in the packet                                           */
    int error;        /* why nothing can be sent any more; everything is dropped from then on */
};

void sender_init(struct sender *s, int sock);
void sender_finish(struct sender *s);

void sender_lock(struct sender *s);
bool sender_trylock(struct sender *s);
void sender_unlock(struct sender *s);

/* All below with the lock held. */

/* True while a msg_x_put() must be repeated because the packet was full; it has then been sent. *rc
 * as put returned it:
 *     do { rc = msg_step_put(&s->w, slot, &m); } while (sender_again(s, &rc)); */
bool sender_again(struct sender *s, int *rc);

/* Notes that the record just written should not wait long. */
void sender_hurry(struct sender *s, int64_t now_us);

/* Sends the packet, waiting until the supervisor takes it. 0 or a negative errno (the supervisor is
 * gone). */
int sender_flush(struct sender *s);
/* Sends it if that is possible at once: 0, -EAGAIN, or a negative errno. */
int sender_try_flush(struct sender *s);

#endif
