#include "store/sqlite/blobs.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>
#include <utlist.h>

#include "base/thread.h"
#include "store/blobfile.h"
#include "store/sqlite/blobrow.h"
#include "store/sqlite/ops.h"

struct flight {
    const struct store_op *op;
    uint8_t sha256[32];
    struct flight *next;
};

static int take_off(struct blobs *b, const struct store_op *op, const struct blob_ref *blob) {
    struct flight *f = calloc(1, sizeof *f);
    if (f == NULL) {
        return -ENOMEM;
    }
    f->op = op;
    memcpy(f->sha256, blob->sha256, sizeof f->sha256);
    (void)pthread_mutex_lock(&b->lock);
    LL_PREPEND(b->flights, f);
    (void)pthread_mutex_unlock(&b->lock);
    return 0;
}

// [locked]
static bool is_flying(const struct blobs *b, const uint8_t sha256[32]) {
    const struct flight *f;
    LL_FOREACH(b->flights, f) {
        if (memcmp(f->sha256, sha256, sizeof f->sha256) == 0) {
            return true;
        }
    }
    return false;
}

void blobs_landed(struct blobs *b, const struct store_blob_put *put, bool registered) {
    struct flight *gone = NULL;
    (void)pthread_mutex_lock(&b->lock);
    for (struct flight **at = &b->flights; *at != NULL; at = &(*at)->next) {
        if ((*at)->op == &put->op) {
            gone = *at;
            *at = gone->next;
            break;
        }
    }
    if (registered && !is_flying(b, put->ref.sha256)) {
        blobfile_unmark(b->dir, put->ref.sha256);
    }
    (void)pthread_mutex_unlock(&b->lock);
    free(gone);
}

void blobs_doom(struct blobs *b, const uint8_t sha256[32]) {
    (void)blobfile_mark(b->dir, sha256); // a full disk must not keep anything from going
}

void blobs_unlink(struct blobs *b, const uint8_t sha256[32]) {
    (void)pthread_mutex_lock(&b->lock);
    if (!is_flying(b, sha256)) {
        (void)blobfile_unlink(b->dir, sha256); // one that stays is found by fsck
        blobfile_unmark(b->dir, sha256);
    }
    (void)pthread_mutex_unlock(&b->lock);
}

// ---- after a crash

struct recovery {
    const char *dir;
    struct writer *writer;
};

static int recover_one(void *arg, const uint8_t sha256[32]) {
    struct recovery *r = arg;
    struct blob_ref blob = {.size = 0};
    memcpy(blob.sha256, sha256, sizeof blob.sha256);
    int known = blobrow_exists(r->writer, &blob);
    if (known < 0) {
        return known;
    }
    if (known == 0) {
        (void)blobfile_unlink(r->dir, sha256);
    }
    blobfile_unmark(r->dir, sha256);
    return 0;
}

int blobs_recover(const char *dir, struct writer *writer, struct err *e) {
    struct recovery r = {.dir = dir, .writer = writer};
    int status = blobfile_each_mark(dir, recover_one, &r);
    return status < 0 ? err_errno(e, status, "%s: what an earlier host left", dir) : 0;
}

uint64_t blobs_room(struct blobs *b) {
    uint64_t limit = b->writer->config->budget[BUDGET_BLOBS];
    (void)pthread_mutex_lock(&b->writer->shared);
    uint64_t used = (uint64_t)b->writer->bytes_shown[BUDGET_BLOBS];
    (void)pthread_mutex_unlock(&b->writer->shared);
    return limit == 0 ? UINT64_MAX : used > limit ? 0 : limit - used;
}

// 0: the file is in place and in flight.
static int put(struct blobs *b, struct store_blob_put *p) {
    char *tmp = NULL;
    uint64_t max = p->max_size == 0 ? UINT64_MAX : p->max_size;
    int r = blobfile_write(b->dir, p->data, p->fd, max, &tmp, &p->ref, &p->op.err);
    if (r < 0) {
        return r;
    }
    if (p->ref.size > blobs_room(b)) {
        r = err_set(&p->op.err, -EDQUOT, "the store's budget for blobs is used up");
    } else {
        r = take_off(b, &p->op, &p->ref);
    }
    if (r < 0) {
        (void)unlink(tmp);
    } else {
        r = blobfile_publish(b->dir, tmp, &p->ref, &p->op.err);
    }
    free(tmp);
    if (r < 0) {
        blobs_landed(b, p, false);
    }
    return r;
}

static int open_blob(struct blobs *b, struct store_blob_open *o) {
    o->fd = blobfile_open(b->dir, o->ref.sha256, &o->op.err);
    return o->fd < 0 ? o->fd : 0;
}

static void run(struct blobs *b, struct store_op *op) {
    op->err.code = 0;
    if (op->kind == STORE_BLOB_PUT) {
        op->status = put(b, CONTAINER_OF(op, struct store_blob_put, op));
        if (op->status == 0 && inlet_post(&b->writer->in, op)) {
            return; // answered by the writer
        }
    } else {
        op->status = open_blob(b, CONTAINER_OF(op, struct store_blob_open, op));
    }
    op->next = NULL;
    outlet_ops(b->outlet, op);
}

static size_t weigh_one(const struct store_op *op) {
    (void)op;
    return 1;
}

static void *blobs_main(void *arg) {
    (void)prctl(PR_SET_NAME, "store-blobs");
    struct blobs *b = arg;
    struct store_op *op = NULL;
    while ((op = inlet_take(&b->in, weigh_one, 1)) != NULL) {
        run(b, op);
    }
    return NULL;
}

int blobs_start(struct blobs *b, struct writer *writer, struct outlet *outlet, const char *dir,
                struct err *e) {
    b->writer = writer;
    b->outlet = outlet;
    b->dir = dir;
    int r = inlet_init(&b->in);
    r = r < 0 ? r : -pthread_mutex_init(&b->lock, NULL);
    r = r < 0 ? r : thread_start(&b->thread, NULL, blobs_main, b);
    if (r < 0) {
        return err_errno(e, r, "blob thread");
    }
    b->running = true;
    return 0;
}

void blobs_stop(struct blobs *b) {
    if (b->running) {
        inlet_stop(&b->in);
        (void)pthread_join(b->thread, NULL);
        b->running = false;
    }
}

void blobs_finish(struct blobs *b) {
    while (b->flights != NULL) {
        struct flight *next = b->flights->next;
        free(b->flights);
        b->flights = next;
    }
}
