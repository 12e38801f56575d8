#include <errno.h>
#include <stdlib.h>

#include "store/sqlite/blobrow.h"
#include "store/sqlite/blobs.h"
#include "store/sqlite/ops.h"

struct doomed_blob {
    uint8_t sha256[32];
    struct doomed_blob *next;
};

int op_blob_put(struct writer *w, struct store_op *op) {
    struct store_blob_put *p = CONTAINER_OF(op, struct store_blob_put, op);
    return blobrow_add(w, &p->ref, op->now_ms);
}

int op_blob_keep(struct writer *w, struct store_op *op) {
    struct store_blob_keep *keep = CONTAINER_OF(op, struct store_blob_keep, op);
    int r = 0;
    for (size_t i = 0; i < keep->count && r == 0; i++) {
        r = blobrow_keep(w, &keep->blobs[i], op->now_ms);
    }
    return r;
}

int op_blob_doom(struct writer *w, const uint8_t sha256[32]) {
    struct doomed_blob *d = malloc(sizeof *d);
    if (d == NULL) {
        return conn_no_memory(&w->conn);
    }
    memcpy(d->sha256, sha256, sizeof d->sha256);
    d->next = w->doomed;
    w->doomed = d;
    blobs_doom(w->blobs, sha256);
    return 0;
}

void op_blob_delete(struct writer *w) {
    for (const struct doomed_blob *d = w->doomed; d != NULL; d = d->next) {
        blobs_unlink(w->blobs, d->sha256);
    }
    op_blob_forget(w, NULL);
}

void op_blob_forget(struct writer *w, const struct doomed_blob *before) {
    while (w->doomed != before) {
        struct doomed_blob *d = w->doomed;
        w->doomed = d->next;
        free(d);
    }
}
