// BLOB_OPEN: from the cache, from the shared directory, or in pieces from the server.
#define _GNU_SOURCE // memfd_create()
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/redis/blob_private.h"
#include "store/redis/ops.h"

/* ------------------------------------------------------------------ pieces */

static void piece_write(struct side_op *side) { // [side thread]
    struct redis_blob_piece *p = CONTAINER_OF(side, struct redis_blob_piece, side);
    size_t put = 0;
    p->r = 0;
    while (put < p->len && p->r == 0) {
        ssize_t n = pwrite(p->move->fd, p->data + put, p->len - put,
                           (off_t)(p->number * REDIS_BLOB_PIECE + put));
        p->r = n == -1 && errno != EINTR ? -errno : 0;
        put += n > 0 ? (size_t)n : 0;
    }
}

static void piece_is_written(struct side_op *side) {
    struct redis_blob_piece *p = CONTAINER_OF(side, struct redis_blob_piece, side);
    struct err e;
    if (p->r < 0) {
        (void)err_errno(&e, p->r, "the copy of a blob in %s", p->move->all->store->config.blob_dir);
    }
    redis_blob_piece_done(p, p->r, &e);
}

static void on_piece(struct redis_request *rq, const struct redis_reply *reply, int r,
                     const struct err *e) {
    struct redis_blob_piece *p = CONTAINER_OF(rq, struct redis_blob_piece, request);
    struct bytes got = redis_reply_text(reply);
    struct err words;
    if (r == 0 && !redis_reply_is(reply, REDIS_STRING)) {
        r = err_set(&words, -ENOENT, "piece %llu of the blob is not there",
                    (unsigned long long)p->number);
        e = &words;
    } else if (r == 0 && got.len != p->len) {
        r = err_set(&words, -EBADMSG, "piece %llu of the blob has %zu bytes instead of %zu",
                    (unsigned long long)p->number, got.len, p->len);
        e = &words;
    }
    if (r != 0) {
        redis_blob_piece_done(p, r, e);
        return;
    }
    memcpy(p->data, got.data, got.len);
    p->side = (struct side_op){.work = piece_write, .done = piece_is_written};
    side_thread_post(p->move->all->side, &p->side);
}

static void piece(struct redis_blob_piece *p) {
    char sha[BLOBFILE_SHA_TEXT + 1];
    blobfile_sha_text(p->move->blob.sha256, sha);
    redis_request_begin(&p->request, "GET");
    redis_args_printf(&p->request.args, "jh:blob:%s:%llu", sha, (unsigned long long)p->number);
    p->request.done = on_piece;
    p->request.safe = true;
    redis_request_send(redis_blobs_line(p->move->all), &p->request, REDIS_PIECE_MS);
}

/* ------------------------------------------------------------------ end */

static void compare(struct side_op *side) { // [side thread]
    struct redis_blob_move *m = CONTAINER_OF(side, struct redis_blob_move, side);
    struct blob_ref is;
    int r = blobfile_copy(-1, (struct bytes){NULL, 0}, m->fd, UINT64_MAX, &is);
    if (r < 0) {
        m->status = err_errno(&m->err, r, "the copy of a blob");
    } else if (is.size != m->blob.size || memcmp(is.sha256, m->blob.sha256, 32) != 0) {
        m->status = err_set(&m->err, -EBADMSG, "the blob is damaged: its hash is another");
    }
}

static void compared(struct side_op *side) {
    redis_blob_move_done(CONTAINER_OF(side, struct redis_blob_move, side));
}

static void end(struct redis_blob_move *m) {
    m->side = (struct side_op){.work = compare, .done = compared};
    side_thread_post(m->all->side, &m->side);
}

/* ------------------------------------------------------------------ begin */

// [side thread] The shared file, or an empty one for the pieces.
static void make_file(struct side_op *side) {
    struct redis_blob_move *m = CONTAINER_OF(side, struct redis_blob_move, side);
    const struct store_config *c = &m->all->store->config;
    struct stat st;
    if (m->name[0] != '\0') {
        m->fd = blobfile_open_as(c->blob_dir, m->name, &m->err);
    } else if (c->read_only_ok) { // which creates nothing
        m->fd = memfd_create("blob", MFD_CLOEXEC);
        m->fd = m->fd == -1 ? err_errno(&m->err, -errno, "a file in memory") : m->fd;
    } else {
        m->fd = blobfile_temp(c->blob_dir, &m->err);
    }
    if (m->fd < 0) {
        m->status = m->fd;
        m->fd = -1;
    } else if (m->name[0] != '\0' &&
               (fstat(m->fd, &st) == -1 || (uint64_t)st.st_size != m->blob.size)) {
        m->status = err_set(&m->err, -EBADMSG, "blob %s/%.2s/%s has another size than it had",
                            c->blob_dir, m->name, m->name);
    }
}

static void file_is_made(struct side_op *side) {
    struct redis_blob_move *m = CONTAINER_OF(side, struct redis_blob_move, side);
    if (m->name[0] != '\0' && m->status == 0) {
        redis_blob_move_done(m);
    } else {
        redis_blob_move_go(m, redis_blob_pieces(m->blob.size));
    }
}

// What the head of the blob says, into the move. 0 or a negative errno.
static int take_head(struct redis_blob_move *m, const struct redis_reply *head, struct err *e) {
    const struct redis_reply *file = redis_reply_at(head, 2);
    const struct store_config *c = &m->all->store->config;
    int64_t size;
    if (redis_reply_is(redis_reply_at(head, 0), REDIS_NIL) ||
        !redis_reply_is(redis_reply_at(head, 1), REDIS_NIL)) {
        return err_set(e, -ENOENT, "there is no such blob");
    }
    if (!redis_reply_integer(redis_reply_at(head, 0), &size) || size < 0 ||
        redis_blob_pieces((uint64_t)size) > REDIS_BLOB_PIECES_MAX) {
        return err_set(e, -EBADMSG, "the size of the blob is damaged");
    }
    m->blob.size = (uint64_t)size;
    if (!redis_reply_is(file, REDIS_STRING)) {
        return 0;
    }
    if (!c->blob_dir_shared) {
        return err_set(e, -ENOENT,
                       "the blob is a file in a directory that other hosts share: "
                       "store.blobs.place must name it here too");
    }
    if (!blobfile_is_name(file->text.data)) {
        return err_set(e, -EBADMSG, "the name of the blob's file is damaged");
    }
    memcpy(m->name, file->text.data, sizeof m->name);
    return 0;
}

static void on_head(struct redis_request *rq, const struct redis_reply *reply, int r,
                    const struct err *e) {
    struct redis_blob_move *m = rq->arg;
    struct err words;
    if (r == 0) {
        r = take_head(m, reply, &words);
        e = &words;
    }
    if (r != 0) {
        redis_blob_move_fail(m, r, e);
        return;
    }
    m->side = (struct side_op){.work = make_file, .done = file_is_made};
    side_thread_post(m->all->side, &m->side);
}

static void begin(struct redis_blob_move *m) {
    char sha[BLOBFILE_SHA_TEXT + 1];
    blobfile_sha_text(m->blob.sha256, sha);
    redis_request_begin(&m->request, "HMGET");
    redis_args_printf(&m->request.args, "jh:blob:%s", sha);
    redis_args_text(&m->request.args, "size");
    redis_args_text(&m->request.args, "partial");
    redis_args_text(&m->request.args, "file");
    m->request.done = on_head;
    m->request.arg = m;
    m->request.safe = true;
    redis_blob_move_send(m);
}

const struct redis_blob_move_kind redis_blob_down = {begin, piece, end};

/* ------------------------------------------------------------------ BLOB_OPEN */

struct open_task {
    struct redis_task task;
    struct redis_blob_wait wait;
};

static void opened(struct redis_task *t, int fd) {
    struct store_blob_open *open = CONTAINER_OF(t->op, struct store_blob_open, op);
    open->fd = fd;
    redis_task_end(t, fd < 0 ? err_errno(&t->op->err, fd, "a blob's file") : 0, NULL);
}

static void moved(struct redis_blob_wait *w, struct redis_blob_move *m) {
    struct open_task *who = CONTAINER_OF(w, struct open_task, wait);
    struct redis_blobs *all = m->all;
    if (m->status != 0) {
        redis_task_end(&who->task, m->status, &m->err);
        return;
    }
    opened(&who->task, blobcache_reopen(m->fd));
    if (TAILQ_EMPTY(&m->waits) && m->name[0] == '\0') {
        blobcache_add(&all->cache, &m->blob, m->fd, env_mono_ms(&all->store->net_env));
        m->fd = -1;
    }
}

static void open_run(struct redis_task *t) {
    struct open_task *who = CONTAINER_OF(t, struct open_task, task);
    struct store_blob_open *open = CONTAINER_OF(t->op, struct store_blob_open, op);
    struct redis_blobs *all = t->store->blobs;
    open->fd = blobcache_open(&all->cache, open->ref.sha256, env_mono_ms(&t->store->net_env));
    if (open->fd >= 0) {
        redis_task_end(t, 0, NULL);
        return;
    }
    if (redis_blobs_side(all, &t->op->err) == NULL) {
        redis_task_end(t, t->op->err.code, NULL);
        return;
    }
    struct redis_blob_move *m = redis_blob_move_find(all, &redis_blob_down, open->ref.sha256);
    m = m != NULL ? m : redis_blob_move_new(all, &redis_blob_down, &open->ref);
    if (m == NULL) {
        redis_task_end(t, err_set(&t->op->err, -ENOMEM, "out of memory"), NULL);
        return;
    }
    m->now_ms = t->op->now_ms;
    m->first_ms = m->running ? m->first_ms : redis_task_left(t);
    who->wait.done = moved;
    TAILQ_INSERT_TAIL(&m->waits, &who->wait, list);
    redis_blob_moves_go(all);
}

const struct redis_op_kind redis_blob_open = {.run = open_run, .size = sizeof(struct open_task)};
