#define _GNU_SOURCE // memfd_create, file seals
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/write_all.h"
#include "record/record.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U // Linux 6.3; with vm.memfd_noexec=2 nothing else is allowed
#endif

_Static_assert(sizeof(struct record_header) == 16, "what travels");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the wire is in host order");

// ---- memfds

int record_memfd_open(void) {
    int fd = memfd_create("jobhost", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
    if (fd == -1 && errno == EINVAL) {
        fd = memfd_create("jobhost", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    }
    return fd == -1 ? -errno : fd;
}

int record_memfd_seal(int fd) {
    return fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) == -1
               ? -errno
               : 0;
}

int record_memfd(struct bytes content) {
    int fd = record_memfd_open();
    if (fd < 0) {
        return fd;
    }
    int r = write_all(fd, content);
    r = r < 0 ? r : record_memfd_seal(fd);
    if (r < 0) {
        (void)close(fd);
        return r;
    }
    return fd;
}

bool record_is_memfd(int fd, uint64_t size) {
    const int want = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
    int seals = fcntl(fd, F_GET_SEALS);
    int mode = fcntl(fd, F_GETFL);
    struct stat st;
    return seals != -1 && (seals & want) == want && mode != -1 && (mode & O_ACCMODE) != O_WRONLY &&
           fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size == size;
}

const void *record_map(int fd, size_t size) {
    if (!record_is_memfd(fd, size)) {
        return NULL; // beyond the end of a shorter one lies SIGBUS
    }
    // private, for kernels before 6.7 refuse a shared mapping of what is sealed against writing
    void *p = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    return p == MAP_FAILED ? NULL : p;
}

// ---- one record

static void set_fault(struct record_writer *w, int fault) {
    if (w->fault == 0) {
        w->fault = fault;
    }
}

// Nothing grows beyond a packet, however large the field.
static void add(struct record_writer *w, const void *data, size_t len) {
    if (w->fault != 0) {
        return;
    }
    if (len > RECORD_PACKET_MAX - w->packet.len) {
        set_fault(w, -EMSGSIZE);
        return;
    }
    buf_add(&w->packet, data, len);
    if (w->packet.failed) {
        set_fault(w, -ENOMEM);
    }
}

void record_begin(struct record_writer *w, enum record_type type, uint64_t job) {
    struct record_header h = {.type = (uint16_t)type, .job = job};
    w->start = w->packet.len;
    w->has_fd = false;
    w->fd_made = false;
    w->fault = 0;
    add(w, &h, sizeof h);
}

void record_i32(struct record_writer *w, int32_t v) {
    add(w, &v, sizeof v);
}

void record_u32(struct record_writer *w, uint32_t v) {
    add(w, &v, sizeof v);
}

void record_i64(struct record_writer *w, int64_t v) {
    add(w, &v, sizeof v);
}

void record_u64(struct record_writer *w, uint64_t v) {
    add(w, &v, sizeof v);
}

void record_str(struct record_writer *w, const char *text) {
    if (text == NULL) {
        record_u32(w, RECORD_NULL);
        return;
    }
    size_t len = strlen(text);
    if (len > RECORD_PACKET_MAX) {
        set_fault(w, -EMSGSIZE);
        return;
    }
    record_u32(w, (uint32_t)len);
    add(w, text, len + 1);
}

static void add_by_fd(struct record_writer *w, int fd, uint64_t size) {
    w->has_fd = true;
    w->fd = fd;
    record_u32(w, RECORD_BY_FD);
    record_u64(w, size);
}

static bool has_room_for_fd(struct record_writer *w) {
    if (w->has_fd) {
        set_fault(w, -EINVAL);
    } else if (w->fd_count == RECORD_FDS_MAX) {
        set_fault(w, -EMSGSIZE);
    }
    return w->fault == 0;
}

int record_bytes(struct record_writer *w, struct bytes b) {
    if (b.len <= RECORD_INLINE_MAX) {
        record_u32(w, (uint32_t)b.len);
        add(w, b.data, b.len);
        return w->fault;
    }
    if (!has_room_for_fd(w)) {
        return w->fault;
    }
    int fd = record_memfd(b);
    if (fd < 0) {
        set_fault(w, fd);
        return fd;
    }
    w->fd_made = true;
    add_by_fd(w, fd, b.len);
    return w->fault;
}

void record_bytes_fd(struct record_writer *w, int fd, uint64_t size) {
    if (has_room_for_fd(w)) {
        add_by_fd(w, fd, size);
    }
}

static int take_out(struct record_writer *w) {
    int fault = w->fault;
    if (w->has_fd && w->fd_made) {
        (void)close(w->fd);
    }
    w->has_fd = false;
    w->packet.len = w->start;
    w->packet.failed = false;
    return fault;
}

int record_end(struct record_writer *w) {
    static const char zeros[8];
    uint32_t len = 0;
    if (w->fault == 0) {
        len = (uint32_t)(w->packet.len - w->start - sizeof(struct record_header));
        add(w, zeros, (8 - len % 8) % 8);
    }
    if (w->fault != 0) {
        return take_out(w);
    }
    char *at = w->packet.data + w->start;
    memcpy(at + offsetof(struct record_header, len), &len, sizeof len);
    if (w->has_fd) {
        const uint16_t flags = RECORD_FD;
        memcpy(at + offsetof(struct record_header, flags), &flags, sizeof flags);
        w->fds[w->fd_count++] = w->fd;
        w->has_fd = false;
    }
    return 0;
}

// ---- packets

static void forget(struct record_writer *w) {
    for (unsigned i = 0; i < w->fd_count; i++) {
        (void)close(w->fds[i]);
    }
    w->fd_count = 0;
    buf_clear(&w->packet);
}

int record_send(struct record_writer *w, int sock) {
    if (w->packet.len == 0) {
        return 0;
    }
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(RECORD_FDS_MAX * sizeof(int))];
    } control;
    struct iovec iov = {.iov_base = w->packet.data, .iov_len = w->packet.len};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    if (w->fd_count > 0) {
        size_t size = w->fd_count * sizeof(int);
        memset(&control, 0, sizeof control);
        msg.msg_control = control.space;
        msg.msg_controllen = CMSG_SPACE(size);
        struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(size);
        memcpy(CMSG_DATA(c), w->fds, size);
    }
    ssize_t n;
    do {
        n = sendmsg(sock, &msg, MSG_NOSIGNAL);
    } while (n == -1 && errno == EINTR);
    if (n == -1) {
        // too many descriptors in flight is over as soon as the peer reads
        return errno == ETOOMANYREFS ? -EAGAIN : -errno;
    }
    forget(w);
    return 0;
}

void record_writer_finish(struct record_writer *w) {
    forget(w);
    buf_free(&w->packet);
}
