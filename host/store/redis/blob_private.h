/* The insides of blob.h.
 *
 * A *move* brings one content to the server or from there, for all that wait for it:
 *
 *     begin() ─▶ piece() x count, a few at a time ─▶ end() ─▶ every waiter, free
 *        ▲───── it must begin anew ─────────┘│
 *
 * A few moves go on at once, the others wait for their turn; each piece has its own time, so that a
 * large content takes as long as it needs while it gets on. */
#ifndef JOBHOST_STORE_REDIS_BLOB_PRIVATE_H
#define JOBHOST_STORE_REDIS_BLOB_PRIVATE_H

#include "base/side_thread.h"
#include "store/blobfile.h"
#include "store/redis/blob.h"
#include "store/redis/blobcache.h"
#include "store/redis/store_private.h"

enum {
    REDIS_MOVE_PIECES = 2,      /* of one move under way: 512 KiB                  */
    REDIS_MOVES_MAX = 4,        /* at once                                         */
    REDIS_MOVE_TRIES = 3,       /* beginnings                                      */
    REDIS_PIECE_MS = 30000,     /* a piece may take                                */
    REDIS_BULK_IDLE_MS = 60000, /* then the connection is closed                */
    REDIS_BLOB_PIECES_MAX = 65536,
};

struct redis_blob_move;

struct redis_blob_piece {
    struct redis_request request;
    struct side_op side;
    struct redis_blob_move *move;
    uint64_t number;
    char *data; /* REDIS_BLOB_PIECE bytes */
    size_t len;
    int r; /* of the side thread */
    bool busy;
};

struct redis_blob_move_kind {
    void (*begin)(struct redis_blob_move *m);
    void (*piece)(struct redis_blob_piece *p);
    void (*end)(struct redis_blob_move *m);
};

/* Who waits for a move; called once with its outcome, before the move is freed. */
struct redis_blob_wait {
    void (*done)(struct redis_blob_wait *w, struct redis_blob_move *m);
    TAILQ_ENTRY(redis_blob_wait) list;
};
TAILQ_HEAD(redis_blob_waits, redis_blob_wait);

struct redis_blob_move {
    struct redis_blobs *all;
    const struct redis_blob_move_kind *kind;
    struct blob_ref blob;
    int fd;    /* the content: of an unlinked file, or (down) of the shared one; -1 = none     */
    char *tmp; /* up, shared: the written file's name until it is published                    */
    char name[BLOBFILE_NAME_MAX + 1]; /* in the shared directory; "" = pieces                  */
    int64_t now_ms;                   /* the caller's clock                                    */
    int64_t first_ms;                 /* time for the first answer                             */
    uint64_t count, next;             /* pieces; the first that was not begun                  */
    unsigned open;                    /* pieces under way                                      */
    unsigned tries;
    bool running, anew, whole; /* whole: nothing more to do */
    int status;
    struct err err;
    struct redis_request request; /* of begin() and end() */
    struct side_op side;
    struct redis_blob_piece pieces[REDIS_MOVE_PIECES];
    struct redis_blob_waits waits;
    TAILQ_ENTRY(redis_blob_move) list;
};
TAILQ_HEAD(redis_blob_move_list, redis_blob_move);

struct redis_blobs {
    struct redis_store *store;
    struct side_thread *side; /* NULL until it is needed */
    struct blobcache cache;
    struct redis_blob_move_list moves; /* in the order of their coming */
    unsigned running;
    struct timer idle;
    int64_t bytes; /* of all blobs, as the last answer said */
};

extern const struct redis_blob_move_kind redis_blob_up, redis_blob_down;

/* The thread for files. NULL: there is none, *e says why. */
struct side_thread *redis_blobs_side(struct redis_blobs *all, struct err *e);

/* The line for contents, opened if need be. */
struct redis_line *redis_blobs_line(struct redis_blobs *all);

/* ---- blob_move.c */

/* One of that kind for this content that goes on, or waits. */
struct redis_blob_move *redis_blob_move_find(struct redis_blobs *all,
                                             const struct redis_blob_move_kind *kind,
                                             const uint8_t sha256[32]);
/* A new one, which begins when the loop turns to it; NULL: no memory. */
struct redis_blob_move *redis_blob_move_new(struct redis_blobs *all,
                                            const struct redis_blob_move_kind *kind,
                                            const struct blob_ref *blob);
/* Begins those whose turn it is. */
void redis_blob_moves_go(struct redis_blobs *all);

/* For the kinds. Each is the last thing that its caller does with the move. */
void redis_blob_move_go(struct redis_blob_move *m, uint64_t count); /* begin() is over      */
void redis_blob_move_fail(struct redis_blob_move *m, int status, const struct err *e);
void redis_blob_move_anew(struct redis_blob_move *m);
void redis_blob_move_done(struct redis_blob_move *m); /* begin() or end(): all of it is there */
void redis_blob_piece_done(struct redis_blob_piece *p, int status, const struct err *e);

/* A request of the move's own: finish it with words, then redis_blob_move_send(). */
struct redis_args *redis_blob_move_script(struct redis_blob_move *m, enum redis_script script,
                                          redis_request_fn *done);
void redis_blob_move_send(struct redis_blob_move *m);

/* ---- blob_refs.c */

/* An array of texts, in the arena, each with a NUL behind. NULL: no memory. */
struct bytes *redis_blob_texts(const struct redis_reply *list, struct arena *a, size_t *ret_count);

struct redis_blob_reference {
    struct bytes text; /* all of it: "<sha256> <queue> <id> <what>" */
    struct bytes hex, queue, id, what;
    uint8_t sha256[32];
};
/* The parts point into the text. False: it is none; the job's id may still be anything. */
bool redis_blob_reference_parse(struct bytes text, struct redis_blob_reference *ret);

/* Looks whether references, the elements of `refs`, still hold, and releases those that do not. */
void redis_blobs_look(struct redis_task *t, const struct redis_reply *refs);

/* Appends the 64 digits. */
void redis_blob_write_sha(const uint8_t sha256[32], struct redis_args *a);

/* The length of a piece of a content of `size` bytes. */
static inline size_t redis_blob_piece_len(uint64_t size, uint64_t number) {
    uint64_t left = size - number * REDIS_BLOB_PIECE;
    return left < REDIS_BLOB_PIECE ? (size_t)left : REDIS_BLOB_PIECE;
}

static inline uint64_t redis_blob_pieces(uint64_t size) {
    return (size + REDIS_BLOB_PIECE - 1) / REDIS_BLOB_PIECE;
}

#endif
