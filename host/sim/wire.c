#include "sim/wire.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/write_all.h"

int64_t wire_int(struct wire *w) {
    int64_t value = 0;
    if (w->bad || w->left < sizeof value) {
        w->bad = true;
        return 0;
    }
    memcpy(&value, w->at, sizeof value);
    w->at += sizeof value;
    w->left -= sizeof value;
    return value;
}

struct bytes wire_bytes(struct wire *w) {
    int64_t len = wire_int(w);
    if (w->bad || len < 0 || (uint64_t)len > w->left) {
        w->bad |= len < -1 || (len > 0 && (uint64_t)len > w->left);
        return (struct bytes){NULL, 0};
    }
    struct bytes b = {w->at, (size_t)len};
    w->at += len;
    w->left -= (size_t)len;
    return b;
}

const char *wire_text(struct wire *w, struct arena *a) {
    struct bytes b = wire_bytes(w);
    return b.data == NULL ? NULL : arena_strn(a, b.data, b.len);
}

void wire_put_child(struct buf *out, const struct jh_child *c) {
    wire_put_text(out, c->handler);
    wire_put_text(out, c->dedup_key);
    wire_put_bytes(out, (struct bytes){c->payload.data, c->payload.len});
    wire_put_text(out, c->queue);
    wire_put_text(out, c->tenant);
    wire_put_text(out, c->labels);
    wire_put_int(out, c->delay_ms);
    wire_put_int(out, c->priority);
}

void wire_child(struct wire *w, struct arena *a, struct jh_child *ret) {
    ret->handler = wire_text(w, a);
    ret->dedup_key = wire_text(w, a);
    struct bytes payload = wire_bytes(w);
    ret->payload = (struct jh_bytes){payload.data, payload.len};
    ret->queue = wire_text(w, a);
    ret->tenant = wire_text(w, a);
    ret->labels = wire_text(w, a);
    ret->delay_ms = wire_int(w);
    ret->priority = (int32_t)wire_int(w);
}

int wire_send(int fd, struct buf *frame) {
    uint64_t len = frame->len;
    int r = frame->failed ? -ENOMEM : write_all(fd, (struct bytes){&len, sizeof len});
    r = r == 0 ? write_all(fd, buf_bytes(frame)) : r;
    buf_clear(frame);
    return r;
}

/* 1, 0 at the end, or negative errno; an end in the middle is -EPIPE. */
static int read_all(int fd, char *out, size_t len) {
    size_t got = 0;
    while (got < len) {
        ssize_t n = read(fd, out + got, len - got);
        if (n == -1 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return n == -1 ? -errno : got == 0 ? 0 : -EPIPE;
        }
        got += (size_t)n;
    }
    return 1;
}

int wire_receive(int fd, struct buf *frame, struct wire *ret) {
    uint64_t len = 0;
    int r = read_all(fd, (char *)&len, sizeof len);
    if (r <= 0) {
        return r;
    }
    buf_clear(frame);
    char *room = len > WIRE_FRAME_MAX ? NULL : buf_room(frame, (size_t)len + 1);
    if (room == NULL) {
        return -EMSGSIZE;
    }
    r = len == 0 ? 1 : read_all(fd, room, (size_t)len);
    *ret = (struct wire){.at = room, .left = (size_t)len};
    return r == 0 ? -EPIPE : r;
}
