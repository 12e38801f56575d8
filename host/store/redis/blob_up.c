// BLOB_PUT: hash into a file of our own, so that the content cannot change under way; then ask, send, end.
#include <errno.h>
#include <fcntl.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/redis/blob_private.h"
#include "store/redis/ops.h"

static int odd(struct redis_blob_move *m, struct err *e) {
    return err_set(e, -EPROTO, "%s: a script answered something else", m->all->store->bulk.where);
}

/* ------------------------------------------------------------------ end */

enum { THERE = 0, SENT = 1, ANEW = 2 }; // as blob_piece.lua and blob_end.lua have it

static void on_end(struct redis_request *rq, const struct redis_reply *reply, int r,
                   const struct err *e) {
    struct redis_blob_move *m = rq->arg;
    struct err words;
    int64_t what = -1;
    if (r == 0 && !redis_reply_integer(reply, &what)) {
        r = odd(m, &words);
        e = &words;
    } else if (r == 0 && what == ANEW && m->name[0] != '\0') {
        r = err_set(&words, -ETIMEDOUT, "the content took longer than an hour to be stored");
        e = &words;
    }
    if (r != 0) {
        redis_blob_move_fail(m, r, e);
    } else if (what == ANEW) {
        redis_blob_move_anew(m);
    } else {
        redis_blob_move_done(m);
    }
}

static void end(struct redis_blob_move *m) {
    struct redis_args *a = redis_blob_move_script(m, REDIS_SCRIPT_blob_end, on_end);
    redis_blob_write_sha(m->blob.sha256, a);
    redis_args_text(a, m->name);
    redis_blob_move_send(m);
}

/* ------------------------------------------------------------------ pieces */

static void on_piece(struct redis_request *rq, const struct redis_reply *reply, int r,
                     const struct err *e) {
    struct redis_blob_piece *p = CONTAINER_OF(rq, struct redis_blob_piece, request);
    struct redis_blob_move *m = p->move;
    struct err words;
    int64_t what = -1;
    if (r == 0 && !redis_reply_integer(reply, &what)) {
        r = odd(m, &words);
        e = &words;
    }
    m->whole = m->whole || (r == 0 && what == THERE);
    m->anew = m->anew || (r == 0 && what == ANEW);
    redis_blob_piece_done(p, r, e);
}

static void piece_read(struct side_op *side) { // [side thread]
    struct redis_blob_piece *p = CONTAINER_OF(side, struct redis_blob_piece, side);
    size_t got = 0;
    while (got < p->len) {
        ssize_t n = pread(p->move->fd, p->data + got, p->len - got,
                          (off_t)(p->number * REDIS_BLOB_PIECE + got));
        if (n == 0 || (n == -1 && errno != EINTR)) {
            p->r = n == 0 ? -EIO : -errno;
            return;
        }
        got += n > 0 ? (size_t)n : 0;
    }
    p->r = 0;
}

static void piece_is_read(struct side_op *side) {
    struct redis_blob_piece *p = CONTAINER_OF(side, struct redis_blob_piece, side);
    struct redis_blob_move *m = p->move;
    struct err e;
    if (p->r < 0) {
        redis_blob_piece_done(p, p->r, (err_errno(&e, p->r, "the copy of a content"), &e));
        return;
    }
    redis_request_script(&p->request, REDIS_SCRIPT_blob_piece, NULL, 0, m->now_ms);
    redis_blob_write_sha(m->blob.sha256, &p->request.args);
    redis_args_number(&p->request.args, (int64_t)p->number);
    redis_args_bytes(&p->request.args, (struct bytes){p->data, p->len});
    p->request.done = on_piece;
    p->request.safe = true;
    redis_request_send(redis_blobs_line(m->all), &p->request, REDIS_PIECE_MS);
}

static void piece(struct redis_blob_piece *p) {
    p->side = (struct side_op){.work = piece_read, .done = piece_is_read};
    side_thread_post(p->move->all->side, &p->side);
}

/* ------------------------------------------------------------------ begin */

static void publish(struct side_op *side) { // [side thread]
    struct redis_blob_move *m = CONTAINER_OF(side, struct redis_blob_move, side);
    m->status = blobfile_publish_as(m->all->store->config.blob_dir, m->tmp, m->name, &m->err);
    free(m->tmp); // gone, whatever happened
    m->tmp = NULL;
}

static void published(struct side_op *side) {
    redis_blob_move_go(CONTAINER_OF(side, struct redis_blob_move, side), 0);
}

static void on_begin(struct redis_request *rq, const struct redis_reply *reply, int r,
                     const struct err *e) {
    enum { SEND = 1, OVER_BUDGET = 2 };
    struct redis_blob_move *m = rq->arg;
    struct err words;
    int64_t what = -1;
    if (r == 0 && (!redis_reply_integer(redis_reply_at(reply, 0), &what) ||
                   !redis_reply_integer(redis_reply_at(reply, 1), &m->all->bytes))) {
        r = odd(m, &words);
        e = &words;
    } else if (what == OVER_BUDGET) {
        r = err_set(&words, -EDQUOT, "the store's budget for blobs is used up");
        e = &words;
    }
    if (r != 0) {
        redis_blob_move_fail(m, r, e);
    } else if (what != SEND) {
        redis_blob_move_done(m);
    } else if (m->tmp != NULL) {
        m->side = (struct side_op){.work = publish, .done = published};
        side_thread_post(m->all->side, &m->side);
    } else {
        redis_blob_move_go(m, redis_blob_pieces(m->blob.size));
    }
}

static void begin(struct redis_blob_move *m) {
    uint64_t budget = m->all->store->config.budget[BUDGET_BLOBS];
    struct redis_args *a = redis_blob_move_script(m, REDIS_SCRIPT_blob_begin, on_begin);
    redis_blob_write_sha(m->blob.sha256, a);
    redis_args_number(a, (int64_t)m->blob.size);
    if (budget > 0) {
        redis_args_number(a, (int64_t)budget);
    } else {
        redis_args_text(a, "");
    }
    redis_args_text(a, m->name);
    redis_blob_move_send(m);
}

const struct redis_blob_move_kind redis_blob_up = {begin, piece, end};

/* ------------------------------------------------------------------ BLOB_PUT */

struct put_task {
    struct redis_task task;
    struct side_op side;
    struct redis_blob_wait wait;
    int fd;    /* the content's copy */
    char *tmp; /* or, in the shared directory, its name */
    int r;
};

static uint64_t smaller(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

// [side thread]
static int copy(struct put_task *pt, struct store_blob_put *put, const struct store_config *c) {
    uint64_t max = put->max_size == 0 ? UINT64_MAX : put->max_size;
    if (c->blob_dir_shared) {
        return blobfile_write(c->blob_dir, put->data, put->fd, max, &pt->tmp, &put->ref,
                              &put->op.err);
    }
    pt->fd = blobfile_temp(c->blob_dir, &put->op.err);
    if (pt->fd < 0) {
        return pt->fd;
    }
    uint64_t most = smaller(max, c->blobs_max_in_store);
    int r = blobfile_copy(pt->fd, put->data, put->fd, most, &put->ref);
    if (r == -EFBIG && most == max) {
        return err_set(&put->op.err, r, "the content is larger than %llu bytes",
                       (unsigned long long)max);
    }
    if (r == -EFBIG) {
        return err_set(&put->op.err, r,
                       "the content is larger than the %llu bytes that store.blobs.max_in_store "
                       "lets into Redis; larger ones need store.blobs.place, a directory that all "
                       "hosts share",
                       (unsigned long long)most);
    }
    return r < 0 ? err_errno(&put->op.err, r, "%s", c->blob_dir) : 0;
}

static void put_copy(struct side_op *side) { // [side thread]
    struct put_task *pt = CONTAINER_OF(side, struct put_task, side);
    pt->r = copy(pt, CONTAINER_OF(pt->task.op, struct store_blob_put, op), &pt->task.store->config);
}

static void put_moved(struct redis_blob_wait *w, struct redis_blob_move *m) {
    struct put_task *pt = CONTAINER_OF(w, struct put_task, wait);
    redis_task_end(&pt->task, m->status, &m->err);
    if (m->status == 0 && m->fd != -1) {
        struct redis_store *s = m->all->store;
        blobcache_add(&m->all->cache, &m->blob, m->fd, env_mono_ms(&s->net_env));
        m->fd = -1;
    }
}

static struct redis_blob_move *new_move(struct put_task *pt, const struct blob_ref *blob) {
    struct redis_blobs *all = pt->task.store->blobs;
    struct redis_blob_move *m = redis_blob_move_new(all, &redis_blob_up, blob);
    uint64_t time = 0;
    if (m == NULL) {
        return NULL;
    }
    m->now_ms = pt->task.op->now_ms;
    m->first_ms = redis_task_left(&pt->task);
    m->fd = pt->fd;
    m->tmp = pt->tmp;
    pt->fd = -1;
    pt->tmp = NULL;
    if (m->tmp != NULL) {
        (void)RAND_bytes((unsigned char *)&time, sizeof time);
        blobfile_name(blob->sha256, time, m->name);
    }
    return m;
}

static void put_copied(struct side_op *side) {
    struct put_task *pt = CONTAINER_OF(side, struct put_task, side);
    struct store_blob_put *put = CONTAINER_OF(pt->task.op, struct store_blob_put, op);
    struct redis_blobs *all = pt->task.store->blobs;
    if (pt->r < 0) {
        redis_task_end(&pt->task, pt->r, NULL);
        return;
    }
    // the same content on its way: one is enough
    struct redis_blob_move *m = redis_blob_move_find(all, &redis_blob_up, put->ref.sha256);
    m = m != NULL ? m : new_move(pt, &put->ref);
    if (m == NULL) {
        redis_task_end(&pt->task, err_set(&put->op.err, -ENOMEM, "out of memory"), NULL);
        return;
    }
    pt->wait.done = put_moved;
    TAILQ_INSERT_TAIL(&m->waits, &pt->wait, list);
    redis_blob_moves_go(all);
}

static void put_run(struct redis_task *t) {
    struct put_task *pt = CONTAINER_OF(t, struct put_task, task);
    struct side_thread *side = redis_blobs_side(t->store->blobs, &t->op->err);
    pt->fd = -1;
    if (side == NULL) {
        redis_task_end(t, t->op->err.code, NULL);
        return;
    }
    pt->side = (struct side_op){.work = put_copy, .done = put_copied};
    side_thread_post(side, &pt->side);
}

static void put_finish(struct redis_task *t) {
    struct put_task *pt = CONTAINER_OF(t, struct put_task, task);
    if (pt->fd != -1) {
        (void)close(pt->fd);
    }
    if (pt->tmp != NULL) {
        (void)unlink(pt->tmp);
    }
    free(pt->tmp);
}

const struct redis_op_kind redis_blob_put = {.run = put_run,
                                             .size = sizeof(struct put_task),
                                             .mutates = true,
                                             .unordered = true,
                                             .finish = put_finish};
