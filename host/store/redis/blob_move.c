#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/redis/blob_private.h"

/* ------------------------------------------------------------------ making and ending */

struct redis_blob_move *redis_blob_move_find(struct redis_blobs *all,
                                             const struct redis_blob_move_kind *kind,
                                             const uint8_t sha256[32]) {
    struct redis_blob_move *m;
    TAILQ_FOREACH(m, &all->moves, list) {
        if (m->kind == kind && memcmp(m->blob.sha256, sha256, sizeof m->blob.sha256) == 0) {
            return m;
        }
    }
    return NULL;
}

struct redis_blob_move *redis_blob_move_new(struct redis_blobs *all,
                                            const struct redis_blob_move_kind *kind,
                                            const struct blob_ref *blob) {
    struct redis_blob_move *m = calloc(1, sizeof *m);
    if (m == NULL) {
        return NULL;
    }
    m->all = all;
    m->kind = kind;
    m->blob = *blob;
    m->fd = -1;
    TAILQ_INIT(&m->waits);
    for (size_t i = 0; i < ARRAY_LEN(m->pieces); i++) {
        m->pieces[i].move = m;
    }
    TAILQ_INSERT_TAIL(&all->moves, m, list);
    return m;
}

static void move_free(struct redis_blob_move *m) {
    for (size_t i = 0; i < ARRAY_LEN(m->pieces); i++) {
        redis_request_finish(&m->pieces[i].request);
        free(m->pieces[i].data);
    }
    redis_request_finish(&m->request);
    if (m->tmp != NULL) {
        (void)unlink(m->tmp);
    }
    free(m->tmp);
    if (m->fd != -1) {
        (void)close(m->fd);
    }
    free(m);
}

// Waiters may make other moves, and free what they wait with.
static void conclude(struct redis_blob_move *m) {
    struct redis_blobs *all = m->all;
    TAILQ_REMOVE(&all->moves, m, list);
    all->running--;
    while (!TAILQ_EMPTY(&m->waits)) {
        struct redis_blob_wait *w = TAILQ_FIRST(&m->waits);
        TAILQ_REMOVE(&m->waits, w, list);
        w->done(w, m);
    }
    move_free(m);
    redis_blob_moves_go(all);
}

void redis_blob_moves_go(struct redis_blobs *all) {
    struct redis_blob_move *m, *next;
    for (m = TAILQ_FIRST(&all->moves); m != NULL && all->running < REDIS_MOVES_MAX; m = next) {
        next = TAILQ_NEXT(m, list);
        if (!m->running) {
            m->running = true;
            all->running++;
            m->tries = 1;
            m->kind->begin(m);
        }
    }
}

/* ------------------------------------------------------------------ its course */

static void begin_pieces(struct redis_blob_move *m);

// Something ended: what is next?
static void step(struct redis_blob_move *m) {
    bool stop = m->status != 0 || m->anew || m->whole;
    if (!stop && m->next < m->count) {
        begin_pieces(m);
        return;
    }
    if (m->open > 0) {
        return;
    }
    if (m->status != 0 || m->whole) {
        conclude(m);
    } else if (!m->anew) {
        m->kind->end(m);
    } else if (m->tries < REDIS_MOVE_TRIES) {
        m->tries++;
        m->anew = false;
        m->next = 0;
        m->kind->begin(m);
    } else {
        m->status = err_set(&m->err, -EAGAIN, "the content is deleted while it is being stored");
        conclude(m);
    }
}

static void begin_pieces(struct redis_blob_move *m) {
    for (size_t i = 0; i < ARRAY_LEN(m->pieces) && m->next < m->count; i++) {
        struct redis_blob_piece *p = &m->pieces[i];
        if (p->busy) {
            continue;
        }
        p->data = p->data == NULL ? malloc(REDIS_BLOB_PIECE) : p->data;
        if (p->data == NULL) {
            m->status = err_set(&m->err, -ENOMEM, "out of memory");
            break;
        }
        p->busy = true;
        p->number = m->next++;
        p->len = redis_blob_piece_len(m->blob.size, p->number);
        m->open++;
        m->kind->piece(p);
    }
    if (m->open == 0) {
        step(m);
    }
}

void redis_blob_piece_done(struct redis_blob_piece *p, int status, const struct err *e) {
    struct redis_blob_move *m = p->move;
    p->busy = false;
    m->open--;
    if (status != 0 && m->status == 0) {
        m->status = status;
        m->err = *e;
    }
    step(m);
}

void redis_blob_move_go(struct redis_blob_move *m, uint64_t count) {
    m->count = count;
    step(m);
}

void redis_blob_move_fail(struct redis_blob_move *m, int status, const struct err *e) {
    m->status = status;
    m->err = *e;
    step(m);
}

void redis_blob_move_anew(struct redis_blob_move *m) {
    m->anew = true;
    step(m);
}

void redis_blob_move_done(struct redis_blob_move *m) {
    m->whole = true;
    step(m);
}

/* ------------------------------------------------------------------ its own request */

struct redis_args *redis_blob_move_script(struct redis_blob_move *m, enum redis_script script,
                                          redis_request_fn *done) {
    redis_request_script(&m->request, script, NULL, 0, m->now_ms);
    m->request.done = done;
    m->request.arg = m;
    m->request.safe = true;
    return &m->request.args;
}

void redis_blob_move_send(struct redis_blob_move *m) {
    redis_request_send(redis_blobs_line(m->all), &m->request, m->first_ms);
    m->first_ms = REDIS_PIECE_MS; // the next ones: it gets on
}
