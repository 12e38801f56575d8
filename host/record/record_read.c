#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "record/record.h"

// ---- packets

static void close_fds(struct record_packet *p) {
    for (unsigned i = 0; i < p->fd_count; i++) {
        if (p->fds[i] != -1) {
            (void)close(p->fds[i]);
        }
    }
    p->fd_count = 0;
    p->fd_next = 0;
}

// Takes over every descriptor that came with the message, so that none leaks whatever is wrong with
// it.
static void collect_fds(struct record_packet *p, struct msghdr *msg) {
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
            if (p->fd_count < RECORD_FDS_MAX) {
                p->fds[p->fd_count++] = fd;
            } else {
                (void)close(fd);
            }
        }
    }
}

int record_recv(struct record_packet *p, int sock) {
    close_fds(p);
    p->len = 0;
    p->at = 0;
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(RECORD_FDS_MAX * sizeof(int))];
    } control;
    struct iovec iov = {.iov_base = p->data, .iov_len = sizeof p->data};
    struct msghdr msg = {
        .msg_iov = &iov,
        .msg_iovlen = 1,
        .msg_control = control.space,
        .msg_controllen = sizeof control.space,
    };
    ssize_t n;
    bool reset = false;
    do {
        n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
        // A peer that ended with unread input leaves this error once, before the packets it had
        // sent: they are still to be read.
        reset = n == -1 && errno == ECONNRESET && !reset;
    } while (n == -1 && (errno == EINTR || reset));
    if (n == -1) {
        return -errno;
    }
    collect_fds(p, &msg);
    if (n == 0 || (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
        close_fds(p);
        return n == 0 ? 0 : -EBADMSG;
    }
    p->len = (size_t)n;
    return 1;
}

void record_packet_finish(struct record_packet *p) {
    close_fds(p);
    p->len = 0;
    p->at = 0;
}

// ---- one record

static bool is_known_type(uint16_t type) {
    return (type >= REC_WELCOME && type <= REC_SANDBOX) ||
           (type >= REC_HELLO && type <= REC_ON_DEAD);
}

int record_next(struct record_packet *p, struct record *ret) {
    size_t left = p->len - p->at;
    if (left == 0) {
        return p->fd_next == p->fd_count ? 0 : -EBADMSG;
    }
    struct record r = {.packet = p, .fd_at = -1};
    if (left < sizeof r.h) {
        return -EBADMSG;
    }
    memcpy(&r.h, p->data + p->at, sizeof r.h);
    left -= sizeof r.h;
    size_t padded = ((size_t)r.h.len + 7) & ~(size_t)7;
    if (padded > left || !is_known_type(r.h.type) || (r.h.flags & ~RECORD_FD) != 0) {
        return -EBADMSG;
    }
    if ((r.h.flags & RECORD_FD) != 0) {
        if (p->fd_next == p->fd_count) {
            return -EBADMSG;
        }
        r.fd_at = (int)p->fd_next++;
    }
    r.body = p->data + p->at + sizeof r.h;
    r.end = r.body + r.h.len;
    p->at += sizeof r.h + padded;
    *ret = r;
    return 1;
}

// The next `len` bytes, or NULL when there are fewer or something was bad before.
static const uint8_t *take(struct record *r, uint64_t len) {
    if (r->bad || len > (uint64_t)(r->end - r->body)) {
        r->bad = true;
        return NULL;
    }
    const uint8_t *p = r->body;
    r->body += len;
    return p;
}

static void take_number(struct record *r, void *ret, size_t size) {
    const uint8_t *p = take(r, size);
    if (p != NULL) {
        memcpy(ret, p, size);
    }
}

int32_t record_get_i32(struct record *r) {
    int32_t v = 0;
    take_number(r, &v, sizeof v);
    return v;
}

uint32_t record_get_u32(struct record *r) {
    uint32_t v = 0;
    take_number(r, &v, sizeof v);
    return v;
}

int64_t record_get_i64(struct record *r) {
    int64_t v = 0;
    take_number(r, &v, sizeof v);
    return v;
}

uint64_t record_get_u64(struct record *r) {
    uint64_t v = 0;
    take_number(r, &v, sizeof v);
    return v;
}

const char *record_get_str(struct record *r) {
    uint32_t len = record_get_u32(r);
    if (r->bad || len == RECORD_NULL) {
        return NULL;
    }
    const uint8_t *p = take(r, (uint64_t)len + 1);
    // exactly one NUL, at its end: what C code sees is what was sent
    if (p == NULL || memchr(p, '\0', (size_t)len + 1) != p + len) {
        r->bad = true;
        return NULL;
    }
    return (const char *)p;
}

// What is sealed cannot change or shrink under the reader's feet.
static int take_fd(struct record *r) {
    int fd = r->packet->fds[r->fd_at];
    r->packet->fds[r->fd_at] = -1;
    r->fd_at = -1;
    return fd;
}

static struct bytes get_by_fd(struct record *r, int *ret_fd) {
    uint64_t size = record_get_u64(r);
    if (r->bad || r->fd_at == -1 || ret_fd == NULL ||
        (!r->packet->any_fd && !record_is_memfd(r->packet->fds[r->fd_at], size))) {
        r->bad = true;
        return (struct bytes){NULL, 0};
    }
    *ret_fd = take_fd(r);
    return (struct bytes){NULL, (size_t)size};
}

struct bytes record_get_bytes(struct record *r, int *ret_fd) {
    if (ret_fd != NULL) {
        *ret_fd = -1;
    }
    uint32_t len = record_get_u32(r);
    if (!r->bad && len == RECORD_BY_FD) {
        return get_by_fd(r, ret_fd);
    }
    if (len > RECORD_INLINE_MAX) {
        r->bad = true;
    }
    const uint8_t *p = take(r, len);
    return p == NULL || len == 0 ? (struct bytes){NULL, 0} : (struct bytes){p, len};
}

int record_done(const struct record *r) {
    return !r->bad && r->body == r->end && r->fd_at == -1 ? 0 : -EBADMSG;
}
