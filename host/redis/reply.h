/* The replies of a Redis server out of the bytes that came from it: hiredis' reader (RESP2) behind
 * limits of our own, into memory that is freed at once. Pure on bytes; what it is fed is hostile.
 *
 *     bytes ─▶ redis_reader_next() ─▶ struct redis_reply    one at a time, borrowed until the next
 *
 * An error of the reader (not RESP2, beyond a limit) is final: what follows cannot be understood. */
#ifndef JOBHOST_REDIS_REPLY_H
#define JOBHOST_REDIS_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/err.h"

enum {
    REDIS_REPLY_BYTES_MAX = 64 * 1024 * 1024, /* of one reply as it comes            */
    REDIS_REPLY_ELEMENTS_MAX = 256 * 1024,    /* of all arrays in one reply          */
    REDIS_REPLY_DEPTH_MAX = 7,                /* arrays inside of one another        */
    REDIS_REPLY_LINE_MAX = 64 * 1024,         /* of the text of a status or an error */
};

enum redis_kind { REDIS_NIL, REDIS_STRING, REDIS_STATUS, REDIS_ERROR, REDIS_INTEGER, REDIS_ARRAY };

struct redis_reply {
    enum redis_kind kind;
    int64_t integer;           /* INTEGER                                              */
    struct bytes text;         /* STRING, STATUS, ERROR; a NUL stands behind, uncounted */
    struct redis_reply *items; /* ARRAY                                                */
    size_t count;
};

struct redis_reader;

/* Smaller limits are for tests; 0 = those above. NULL: no memory. */
struct redis_reader *redis_reader_new(size_t bytes_max, size_t elements_max);
void redis_reader_free(struct redis_reader **r);

/* Eats from *input up to the end of the next reply: 1 and *ret, which lives until the next call.
 * 0: all was eaten and the reply is not whole. -EPROTO: no RESP2; -EMSGSIZE: beyond a limit;
 * -ENOMEM; with words, and again from then on. */
int redis_reader_next(struct redis_reader *r, struct bytes *input, const struct redis_reply **ret,
                      struct err *e);
/* Bytes of a reply whose end has not come. */
size_t redis_reader_pending(const struct redis_reader *r);

/* ---- what a reply says; NULL replies are nothing */

bool redis_reply_is(const struct redis_reply *r, enum redis_kind kind);
/* A STATUS or STRING of exactly this text. */
bool redis_reply_says(const struct redis_reply *r, const char *text);
/* The text of a STRING or STATUS; empty for what is none. */
struct bytes redis_reply_text(const struct redis_reply *r);
/* An INTEGER, or a STRING that is one. False: neither. */
bool redis_reply_integer(const struct redis_reply *r, int64_t *ret);
/* The i-th element, or NULL. */
const struct redis_reply *redis_reply_at(const struct redis_reply *r, size_t i);
/* The value behind a name in a flat array of names and values, or NULL. */
const struct redis_reply *redis_reply_field(const struct redis_reply *r, const char *name);
/* Its text, in the arena; *ret is NULL where there is no such name. 0 or -ENOMEM. */
int redis_reply_copy(const struct redis_reply *r, const char *name, struct arena *a,
                     const char **ret);

#endif
