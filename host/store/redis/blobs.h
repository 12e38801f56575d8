/* What the store keeps of its blobs as a whole. */
#ifndef JOBHOST_STORE_REDIS_BLOBS_H
#define JOBHOST_STORE_REDIS_BLOBS_H

#include <stdint.h>

#include "base/err.h"

struct redis_store;
struct redis_blobs;

/* Makes the directory (unless the store is open for reading). NULL: *e says why. */
struct redis_blobs *redis_blobs_new(struct redis_store *s, struct err *e);
/* After all tasks are answered. Accepts NULL. */
void redis_blobs_free(struct redis_blobs **blobs);

/* The store is being closed: waits for the thread, whose answers go on at once. Accepts NULL. */
void redis_blobs_settle(struct redis_blobs *blobs);

/* A connection is up: asks how many bytes there are, if there is a budget for them. */
void redis_blobs_greet(struct redis_blobs *blobs);

/* store_ops.blob_room */
uint64_t redis_blobs_room(const struct redis_blobs *blobs);

#endif
