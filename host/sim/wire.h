/* What a simulation and the process that runs a plugin's code for it say to each other: frames on a stream, each a length
 * and a row of fields in an order that both know. Numbers are of this machine, for both ends are this program. */
#ifndef JOBHOST_SIM_WIRE_H
#define JOBHOST_SIM_WIRE_H

#include "base/arena.h"
#include "base/buf.h"
#include "jobhost_plugin.h"

enum { WIRE_FRAME_MAX = 64 << 20 };

static inline void wire_put_int(struct buf *out, int64_t value) {
    buf_add(out, &value, sizeof value);
}
/* {NULL, 0} stays that, and is another than an empty text. */
static inline void wire_put_bytes(struct buf *out, struct bytes b) {
    wire_put_int(out, b.data == NULL ? -1 : (int64_t)b.len);
    buf_add(out, b.data, b.len);
}
static inline void wire_put_text(struct buf *out, const char *text) {
    wire_put_bytes(out, bytes_of(text));
}

/* Reads on where it is; after a field that is not there `bad` is set, and what is read is 0. */
struct wire {
    const char *at;
    size_t left;
    bool bad;
};

int64_t wire_int(struct wire *w);
/* Borrowed from the frame. */
struct bytes wire_bytes(struct wire *w);
/* Copied; NULL where none was put. */
const char *wire_text(struct wire *w, struct arena *a);

/* A child as its author gave it; what is read has its texts copied, its payload borrowed from the frame. */
void wire_put_child(struct buf *out, const struct jh_child *c);
void wire_child(struct wire *w, struct arena *a, struct jh_child *ret);

/* Sends a frame and empties the buffer. 0 or negative errno. */
int wire_send(int fd, struct buf *frame);
/* The next frame; the buffer holds it. 1, 0 at the end of the stream, or negative errno. */
int wire_receive(int fd, struct buf *frame, struct wire *ret);

#endif
