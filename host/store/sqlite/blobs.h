/* The thread that reads and writes blob files, so that neither the loop nor the database's writer
 * waits for them. A stored blob goes on to the writer, which registers it; until that is done the
 * file is `in flight` and no sweep deletes it. */
#ifndef JOBHOST_STORE_SQLITE_BLOBS_H
#define JOBHOST_STORE_SQLITE_BLOBS_H

#include <pthread.h>
#include <stdbool.h>

#include "store/sqlite/inlet.h"
#include "store/sqlite/writer.h"

struct flight;

struct blobs {
    struct inlet in;
    struct writer *writer;
    struct outlet *outlet;
    const char *dir;
    pthread_t thread;
    bool running;
    pthread_mutex_t lock;
    struct flight *flights; /* under the lock */
};

int blobs_start(struct blobs *b, struct writer *writer, struct outlet *outlet, const char *dir,
                struct err *e);
void blobs_stop(struct blobs *b);
/* Bytes that the budget has room for; UINT64_MAX: no limit. Thread-safe. */
uint64_t blobs_room(struct blobs *b);
void blobs_finish(struct blobs *b);

/* Before the threads start: removes the files that a dead host has left without a row. */
int blobs_recover(const char *dir, struct writer *writer, struct err *e);

/* [writer] The put is decided, one way or the other; `registered`: its row is there, durably. */
void blobs_landed(struct blobs *b, const struct store_blob_put *put, bool registered);

/* [writer] Its row is about to go. */
void blobs_doom(struct blobs *b, const uint8_t sha256[32]);

/* [writer] Deletes the file unless it is in flight. */
void blobs_unlink(struct blobs *b, const uint8_t sha256[32]);

#endif
