/* A hash in the form of RESTORE, so that it is written as one word: for a script that is a third of the cost, since each
 * word of a command is copied, hashed and converted on its way through Lua and again into the append-only file.
 *
 *     RDB type 16, the listpack as a string:  its bytes (4)  entries (2)  entry ...  ff
 *         entry: encoding and length, content, the length of both
 *     version 10 (2 bytes)  CRC-64 (8 bytes, little endian)
 *
 * It is the compact form that Redis 7 and all later ones keep small hashes in themselves. Whether a server takes it is
 * asked once (probe.h); one that does not is told with HSET. Source: Redis' rdb.h and listpack.md, the page of DUMP. Pure. */
#ifndef JOBHOST_REDIS_RDB_H
#define JOBHOST_REDIS_RDB_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"

/* `count` names and values in turn, fewer than 65535. In the arena; {NULL, 0}: no memory, or no such number. */
struct bytes redis_rdb_hash(const char *const *words, const size_t *lens, size_t count,
                            struct arena *a);

/* Jones' CRC-64, as RDB has it. */
uint64_t redis_crc64(const void *data, size_t len);

#endif
