#define _GNU_SOURCE // memfd_create, file seals
#include "record/record.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "expect.h"

// ---- a socket pair, and proof that no descriptor is left over

static int ends[2];
static int fds_before;
static struct record_writer writer;
static struct record_packet packet;
static char content[RECORD_PACKET_MAX * 2];

static int count_fds(void) {
    DIR *dir = opendir("/proc/self/fd");
    int count = 0;
    while (readdir(dir) != NULL) {
        count++;
    }
    (void)closedir(dir);
    return count;
}

static void begin(void) {
    fds_before = count_fds();
    EXPECT_EQ_INT(0, socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends));
    writer = (struct record_writer){0};
    packet = (struct record_packet){0};
    for (size_t i = 0; i < sizeof content; i++) {
        content[i] = (char)(i * 7 + i / 256);
    }
}

static void end(void) {
    record_writer_finish(&writer);
    record_packet_finish(&packet);
    (void)close(ends[0]);
    (void)close(ends[1]);
    EXPECT_EQ_INT(fds_before, count_fds());
}

static void pass(void) {
    EXPECT_EQ_INT(0, record_send(&writer, ends[0]));
    EXPECT_EQ_INT(1, record_recv(&packet, ends[1]));
}

// Sends bytes and descriptors as no writer would.
static void send_raw(const void *data, size_t len, const int *fds, size_t fd_count) {
    char control[CMSG_SPACE(16 * sizeof(int))];
    memset(control, 0, sizeof control);
    struct iovec iov = {.iov_base = (void *)(uintptr_t)data, .iov_len = len};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    if (fd_count > 0) {
        msg.msg_control = control;
        msg.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
        struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
        memcpy(CMSG_DATA(c), fds, fd_count * sizeof(int));
    }
    EXPECT_EQ_INT((ssize_t)len, sendmsg(ends[0], &msg, 0));
}

static void test_fields(void) {
    begin();
    record_begin(&writer, REC_LOG, UINT64_MAX);
    record_i32(&writer, INT32_MIN);
    record_u32(&writer, UINT32_MAX);
    record_i64(&writer, INT64_MIN);
    record_u64(&writer, UINT64_MAX);
    record_str(&writer, "text");
    record_str(&writer, "");
    record_str(&writer, NULL);
    EXPECT_EQ_INT(0, record_bytes(&writer, (struct bytes){"a\0b", 3}));
    EXPECT_EQ_INT(0, record_bytes(&writer, (struct bytes){NULL, 0}));
    EXPECT_EQ_INT(0, record_end(&writer));
    record_begin(&writer, REC_PING, 2);
    EXPECT_EQ_INT(0, record_end(&writer));
    pass();
    struct record r;
    int fd = 77;
    EXPECT_EQ_INT(1, record_next(&packet, &r));
    EXPECT_EQ_INT(REC_LOG, r.h.type);
    EXPECT_EQ_UINT(UINT64_MAX, r.h.job);
    EXPECT_EQ_INT(INT32_MIN, record_get_i32(&r));
    EXPECT_EQ_UINT(UINT32_MAX, record_get_u32(&r));
    EXPECT_EQ_INT(INT64_MIN, record_get_i64(&r));
    EXPECT_EQ_UINT(UINT64_MAX, record_get_u64(&r));
    EXPECT_EQ_STR("text", record_get_str(&r));
    EXPECT_EQ_STR("", record_get_str(&r));
    EXPECT_NULL(record_get_str(&r));
    struct bytes b = record_get_bytes(&r, &fd);
    EXPECT_EQ_BYTES("a\0b", 3, b.data, b.len);
    EXPECT_EQ_INT(-1, fd);
    EXPECT_EQ_INT(-EBADMSG, record_done(&r)); // one field is left
    EXPECT_EQ_UINT(0, record_get_bytes(&r, &fd).len);
    EXPECT_EQ_INT(0, record_done(&r));
    EXPECT_EQ_INT(1, record_next(&packet, &r));
    EXPECT_EQ_INT(REC_PING, r.h.type);
    EXPECT_EQ_INT(0, record_done(&r));
    EXPECT_EQ_INT(0, record_next(&packet, &r));
    end();
}

static void test_nothing_to_send(void) {
    begin();
    EXPECT_EQ_INT(0, record_send(&writer, ends[0]));
    EXPECT_EQ_INT(-EAGAIN, record_recv(&packet, ends[1]));
    struct record r;
    EXPECT_EQ_INT(0, record_next(&packet, &r));
    (void)shutdown(ends[0], SHUT_WR);
    EXPECT_EQ_INT(0, record_recv(&packet, ends[1]));
    (void)shutdown(ends[1], SHUT_RD);
    record_begin(&writer, REC_PING, 0);
    EXPECT_EQ_INT(0, record_end(&writer));
    EXPECT_EQ_INT(-EPIPE, record_send(&writer, ends[0]));
    end();
}

// Up to RECORD_INLINE_MAX in the packet, one byte more in a sealed memfd.
static void expect_bytes_of_size(size_t size, bool by_fd) {
    begin();
    record_begin(&writer, REC_RESULT, 1);
    EXPECT_EQ_INT(0, record_bytes(&writer, (struct bytes){content, size}));
    EXPECT_EQ_INT(0, record_end(&writer));
    EXPECT_EQ_UINT(by_fd, writer.fd_count);
    pass();
    struct record r;
    int fd;
    EXPECT_EQ_INT(1, record_next(&packet, &r));
    struct bytes b = record_get_bytes(&r, &fd);
    EXPECT_EQ_INT(0, record_done(&r));
    EXPECT_EQ_UINT(size, b.len);
    EXPECT_EQ_INT(by_fd, fd != -1);
    if (fd == -1) {
        EXPECT_EQ_BYTES(content, size, b.data, b.len);
    } else {
        EXPECT_EQ_INT(FD_CLOEXEC, fcntl(fd, F_GETFD) & FD_CLOEXEC);
        const void *p = record_map(fd, b.len);
        if (EXPECT_TRUE(p != NULL)) {
            EXPECT_EQ_BYTES(content, size, p, b.len);
            (void)munmap((void *)(uintptr_t)p, b.len);
        }
        (void)close(fd);
    }
    EXPECT_EQ_INT(0, record_next(&packet, &r));
    end();
}

// A worker that dies with jobs unread has said things before, and they count.
static void test_last_words(void) {
    begin();
    for (int end_of = 0; end_of < 2; end_of++) {
        record_begin(&writer, REC_PING, 0);
        EXPECT_EQ_INT(0, record_end(&writer));
        EXPECT_EQ_INT(0, record_send(&writer, ends[end_of]));
    }
    (void)close(ends[0]);
    EXPECT_EQ_INT(1, record_recv(&packet, ends[1]));
    EXPECT_EQ_INT(0, record_recv(&packet, ends[1]));
    ends[0] = dup(ends[1]);
    end();
}

static void test_inline_or_memfd(void) {
    expect_bytes_of_size(0, false);
    expect_bytes_of_size(1, false);
    expect_bytes_of_size(RECORD_INLINE_MAX, false);
    expect_bytes_of_size(RECORD_INLINE_MAX + 1, true);
    expect_bytes_of_size(sizeof content, true);
}

static void put_text(const char *text) {
    record_begin(&writer, REC_RESULT_TYPE, 1);
    record_str(&writer, text);
}

// A record whose body is a text of exactly `body` bytes with length and NUL.
static int add_body(size_t body) {
    static char text[RECORD_PACKET_MAX + 64];
    memset(text, 'x', sizeof text);
    text[body - 5] = '\0';
    put_text(text);
    return record_end(&writer);
}

static void test_packet_limit(void) {
    begin();
    const size_t whole = RECORD_PACKET_MAX - sizeof(struct record_header);
    EXPECT_EQ_INT(-EMSGSIZE, add_body(whole + 1));
    EXPECT_EQ_UINT(0, writer.packet.len);
    EXPECT_EQ_INT(0, add_body(whole));
    EXPECT_EQ_UINT(RECORD_PACKET_MAX, writer.packet.len);
    EXPECT_EQ_INT(-EMSGSIZE, add_body(5)); // the packet is full and stays as it was
    EXPECT_EQ_UINT(RECORD_PACKET_MAX, writer.packet.len);
    pass();
    EXPECT_EQ_UINT(RECORD_PACKET_MAX, packet.len);
    struct record r;
    EXPECT_EQ_INT(1, record_next(&packet, &r));
    EXPECT_EQ_UINT(whole - 5, strlen(record_get_str(&r)));
    EXPECT_EQ_INT(0, record_done(&r));
    // two that fill it together; one byte more would need eight with its padding
    EXPECT_EQ_INT(0, add_body(1000));
    EXPECT_EQ_INT(-EMSGSIZE, add_body(RECORD_PACKET_MAX - 1016 - 16 + 1));
    EXPECT_EQ_INT(0, add_body(RECORD_PACKET_MAX - 1016 - 16));
    pass();
    EXPECT_EQ_INT(1, record_next(&packet, &r));
    EXPECT_EQ_INT(1, record_next(&packet, &r));
    EXPECT_EQ_INT(0, record_next(&packet, &r));
    end();
}

static void test_huge_fields(void) {
    begin();
    char *huge = malloc(1 << 20);
    memset(huge, 'x', (1 << 20) - 1);
    huge[(1 << 20) - 1] = '\0';
    put_text(huge);
    EXPECT_EQ_INT(-EMSGSIZE, record_end(&writer));
    EXPECT_TRUE(writer.packet.cap <= 2 * RECORD_PACKET_MAX);
    free(huge);
    end();
}

static void test_fd_limit(void) {
    begin();
    const struct bytes large = {content, RECORD_INLINE_MAX + 1};
    for (int i = 0; i < RECORD_FDS_MAX; i++) {
        record_begin(&writer, REC_RESULT, (uint64_t)i);
        EXPECT_EQ_INT(0, record_bytes(&writer, large));
        EXPECT_EQ_INT(0, record_end(&writer));
    }
    size_t len = writer.packet.len;
    int before = count_fds();
    record_begin(&writer, REC_RESULT, 9);
    EXPECT_EQ_INT(-EMSGSIZE, record_bytes(&writer, large));
    EXPECT_EQ_INT(-EMSGSIZE, record_end(&writer));
    EXPECT_EQ_UINT(len, writer.packet.len);
    EXPECT_EQ_INT(before, count_fds());
    pass();
    struct record r;
    for (int i = 0; i < RECORD_FDS_MAX; i++) {
        int fd;
        EXPECT_EQ_INT(1, record_next(&packet, &r));
        EXPECT_EQ_UINT(large.len, record_get_bytes(&r, &fd).len);
        EXPECT_EQ_INT(0, record_done(&r));
        (void)close(fd);
    }
    EXPECT_EQ_INT(0, record_next(&packet, &r));
    end();
}

// A descriptor changes hands when its record is in the packet, and not before.
static void test_who_owns(void) {
    begin();
    int mine = record_memfd((struct bytes){"abc", 3});
    EXPECT_EQ_INT(0, add_body(RECORD_PACKET_MAX - 16 - 24));
    record_begin(&writer, REC_RESULT, 1);
    record_bytes_fd(&writer, mine, 3);
    EXPECT_EQ_INT(-EMSGSIZE, record_end(&writer));
    EXPECT_TRUE(fcntl(mine, F_GETFD) != -1);
    pass();
    record_begin(&writer, REC_RESULT, 1);
    record_bytes_fd(&writer, mine, 3);
    EXPECT_EQ_INT(0, record_end(&writer));
    EXPECT_EQ_INT(0, record_send(&writer, ends[0]));
    EXPECT_EQ_INT(-1, fcntl(mine, F_GETFD));
    EXPECT_EQ_INT(1, record_recv(&packet, ends[1]));
    struct record r;
    int fd;
    EXPECT_EQ_INT(1, record_next(&packet, &r));
    EXPECT_EQ_UINT(3, record_get_bytes(&r, &fd).len);
    (void)close(fd);
    // a memfd that the writer made goes with its record
    EXPECT_EQ_INT(0, add_body(RECORD_PACKET_MAX - 16 - 24));
    int before = count_fds();
    record_begin(&writer, REC_RESULT, 1);
    (void)record_bytes(&writer, (struct bytes){content, RECORD_INLINE_MAX + 1});
    EXPECT_EQ_INT(-EMSGSIZE, record_end(&writer));
    EXPECT_EQ_INT(before, count_fds());
    end();
}

static void test_two_fds_in_a_record(void) {
    begin();
    int mine = record_memfd((struct bytes){"abc", 3});
    record_begin(&writer, REC_RESULT, 1);
    record_bytes_fd(&writer, mine, 3);
    EXPECT_EQ_INT(-EINVAL, record_bytes(&writer, (struct bytes){content, RECORD_INLINE_MAX + 1}));
    EXPECT_EQ_INT(-EINVAL, record_end(&writer));
    EXPECT_EQ_UINT(0, writer.packet.len);
    (void)close(mine);
    end();
}

// What was not sent and what was not taken is closed.
static void test_left_over(void) {
    begin();
    const struct bytes large = {content, RECORD_INLINE_MAX + 1};
    for (int i = 0; i < 3; i++) {
        record_begin(&writer, REC_RESULT, 1);
        (void)record_bytes(&writer, large);
        EXPECT_EQ_INT(0, record_end(&writer));
        pass();
    }
    record_begin(&writer, REC_RESULT, 1);
    (void)record_bytes(&writer, large);
    EXPECT_EQ_INT(0, record_end(&writer));
    end();
}

static void test_full_socket(void) {
    begin();
    const struct bytes large = {content, RECORD_INLINE_MAX + 1};
    int r = 0;
    for (int i = 0; i < 10000 && r == 0; i++) {
        record_begin(&writer, REC_RESULT, (uint64_t)i);
        (void)record_bytes(&writer, large);
        (void)record_bytes(&writer, (struct bytes){content, 1000});
        EXPECT_EQ_INT(0, record_end(&writer));
        r = record_send(&writer, ends[0]);
    }
    EXPECT_EQ_INT(-EAGAIN, r);
    EXPECT_EQ_UINT(1, writer.fd_count);
    while (record_recv(&packet, ends[1]) == 1) {
    }
    EXPECT_EQ_INT(0, record_send(&writer, ends[0]));
    EXPECT_EQ_INT(1, record_recv(&packet, ends[1]));
    struct record next;
    EXPECT_EQ_INT(1, record_next(&packet, &next));
    end();
}

// ---- what a hostile peer may send

// Reads everything of every record; -EBADMSG if anything was wrong.
static int read_result(void) {
    struct record r;
    int got;
    while ((got = record_next(&packet, &r)) == 1) {
        int fd;
        (void)record_get_bytes(&r, &fd);
        if (fd != -1) {
            (void)close(fd);
        }
        if (record_done(&r) < 0) {
            return -EBADMSG;
        }
    }
    return got;
}

static void test_truncated(void) {
    begin();
    send_raw(content, RECORD_PACKET_MAX + 1, NULL, 0);
    EXPECT_EQ_INT(-EBADMSG, record_recv(&packet, ends[1]));
    EXPECT_EQ_UINT(0, packet.len);
    int fds[RECORD_FDS_MAX + 1];
    for (int i = 0; i <= RECORD_FDS_MAX; i++) {
        fds[i] = record_memfd((struct bytes){"abc", 3});
    }
    send_raw(content, RECORD_PACKET_MAX + 1, fds, 2);
    EXPECT_EQ_INT(-EBADMSG, record_recv(&packet, ends[1]));
    send_raw(content, 16, fds, RECORD_FDS_MAX + 1);
    EXPECT_EQ_INT(-EBADMSG, record_recv(&packet, ends[1]));
    EXPECT_EQ_UINT(0, packet.fd_count);
    for (int i = 0; i <= RECORD_FDS_MAX; i++) {
        (void)close(fds[i]);
    }
    end();
}

struct raw {
    struct record_header h;
    uint32_t n;
    uint64_t size;
    uint32_t pad;
} __attribute__((packed));

static int read_raw(const void *data, size_t len, const int *fds, size_t fd_count) {
    send_raw(data, len, fds, fd_count);
    EXPECT_EQ_INT(1, record_recv(&packet, ends[1]));
    return read_result();
}

static void expect_header(int want, uint32_t len, uint16_t type, uint16_t flags, size_t sent) {
    const struct raw raw = {.h = {.len = len, .type = type, .flags = flags}};
    EXPECT_EQ_INT(want, read_raw(&raw, sent, NULL, 0));
}

static void test_bad_headers(void) {
    begin();
    expect_header(0, 4, REC_RESULT, 0, 24);
    expect_header(-EBADMSG, 3, REC_RESULT, 0, 24);          // short body
    expect_header(-EBADMSG, 5, REC_RESULT, 0, 24);          // a byte too many in it
    expect_header(-EBADMSG, 9, REC_RESULT, 0, 24);          // runs over the packet
    expect_header(-EBADMSG, UINT32_MAX, REC_RESULT, 0, 24); // and over everything
    expect_header(-EBADMSG, UINT32_MAX - 7, REC_RESULT, 0, 24);
    expect_header(-EBADMSG, 4, REC_RESULT, 0, 20); // its padding is missing
    expect_header(-EBADMSG, 4, REC_RESULT, 0, 15); // not even a header
    expect_header(-EBADMSG, 4, REC_RESULT, 0, 25); // something behind it
    expect_header(-EBADMSG, 4, 0, 0, 24);
    expect_header(-EBADMSG, 4, REC_SANDBOX + 1, 0, 24);
    expect_header(-EBADMSG, 4, REC_HELLO - 1, 0, 24);
    expect_header(-EBADMSG, 4, REC_ON_DEAD + 1, 0, 24);
    expect_header(-EBADMSG, 4, UINT16_MAX, 0, 24);
    expect_header(-EBADMSG, 4, REC_RESULT, 2, 24);
    expect_header(-EBADMSG, 4, REC_RESULT, RECORD_FD, 24); // names a descriptor that is not there
    end();
}

static void test_stray_fds(void) {
    begin();
    int fd = record_memfd((struct bytes){"abc", 3});
    const struct raw plain = {.h = {.len = 4, .type = REC_RESULT}};
    EXPECT_EQ_INT(-EBADMSG, read_raw(&plain, 24, &fd, 1)); // nobody owns it
    const struct raw owned = {.h = {.len = 4, .type = REC_RESULT, .flags = RECORD_FD}};
    EXPECT_EQ_INT(-EBADMSG, read_raw(&owned, 24, &fd, 1)); // owned, but no field has it
    const struct raw unowned = {.h = {.len = 12, .type = REC_RESULT}, .n = RECORD_BY_FD, .size = 3};
    EXPECT_EQ_INT(-EBADMSG, read_raw(&unowned, 32, &fd, 1));
    const struct raw good = {
        .h = {.len = 12, .type = REC_RESULT, .flags = RECORD_FD}, .n = RECORD_BY_FD, .size = 3};
    EXPECT_EQ_INT(0, read_raw(&good, 32, &fd, 1));
    struct raw two[2] = {good, good};
    two[1].h.flags = 0;
    EXPECT_EQ_INT(-EBADMSG, read_raw(two, 64, &fd, 1)); // the second has none of its own
    (void)close(fd);
    end();
}

static int pass_fd(int fd, uint64_t size) {
    const struct raw raw = {
        .h = {.len = 12, .type = REC_RESULT, .flags = RECORD_FD}, .n = RECORD_BY_FD, .size = size};
    int r = read_raw(&raw, 32, &fd, 1);
    (void)close(fd);
    return r;
}

static int memfd_with_seals(int seals) {
    int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    EXPECT_EQ_INT(3, write(fd, "abc", 3));
    EXPECT_EQ_INT(0, fcntl(fd, F_ADD_SEALS, seals));
    return fd;
}

static void test_foreign_fds(void) {
    begin();
    const int all = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
    EXPECT_EQ_INT(0, pass_fd(memfd_with_seals(all), 3));
    EXPECT_EQ_INT(-EBADMSG, pass_fd(memfd_with_seals(all), 2));
    EXPECT_EQ_INT(-EBADMSG, pass_fd(memfd_with_seals(all), 4));
    EXPECT_EQ_INT(-EBADMSG, pass_fd(memfd_with_seals(all), UINT64_MAX));
    EXPECT_EQ_INT(-EBADMSG, pass_fd(memfd_with_seals(0), 3));
    EXPECT_EQ_INT(-EBADMSG, pass_fd(memfd_with_seals(all & ~F_SEAL_WRITE), 3));
    EXPECT_EQ_INT(-EBADMSG, pass_fd(memfd_with_seals(all & ~F_SEAL_GROW), 3));
    EXPECT_EQ_INT(-EBADMSG, pass_fd(memfd_with_seals(all & ~F_SEAL_SHRINK), 3));
    int pipe_ends[2];
    EXPECT_EQ_INT(0, pipe(pipe_ends));
    EXPECT_EQ_INT(-EBADMSG, pass_fd(pipe_ends[0], 0));
    EXPECT_EQ_INT(-EBADMSG, pass_fd(pipe_ends[1], 0));
    EXPECT_EQ_INT(-EBADMSG, pass_fd(open("/dev/zero", O_RDONLY), 0));
    EXPECT_EQ_INT(-EBADMSG, pass_fd(open("/proc/self/exe", O_RDONLY), 0));
    EXPECT_EQ_INT(-EBADMSG, pass_fd(open("/", O_RDONLY), 0));
    EXPECT_EQ_INT(-EBADMSG, pass_fd(dup(ends[0]), 0));
    // one that cannot be read
    int sealed = memfd_with_seals(all);
    char name[64];
    (void)snprintf(name, sizeof name, "/proc/self/fd/%d", sealed);
    EXPECT_EQ_INT(-EBADMSG, pass_fd(open(name, O_WRONLY), 3));
    EXPECT_EQ_INT(-EBADMSG, pass_fd(open(name, O_PATH), 3));
    (void)close(sealed);
    // the supervisor may send anything
    packet.any_fd = true;
    EXPECT_EQ_INT(0, pass_fd(open("/dev/zero", O_RDONLY), 7));
    EXPECT_TRUE(packet.any_fd);
    end();
}

static void expect_field(int want, const void *body, uint32_t len, void (*get)(struct record *r)) {
    struct {
        struct record_header h;
        char body[64];
    } raw = {.h = {.len = len, .type = REC_LOG}};
    memcpy(raw.body, body, len);
    send_raw(&raw, 16 + (len + 7) / 8 * 8, NULL, 0);
    EXPECT_EQ_INT(1, record_recv(&packet, ends[1]));
    struct record r;
    EXPECT_EQ_INT(1, record_next(&packet, &r));
    get(&r);
    EXPECT_EQ_INT(want, record_done(&r));
    // after a bad field nothing comes any more
    if (want < 0) {
        EXPECT_EQ_INT(0, record_get_i64(&r));
        EXPECT_NULL(record_get_str(&r));
        EXPECT_NULL(record_get_bytes(&r, NULL).data);
        EXPECT_EQ_INT(want, record_done(&r));
    }
}

static void get_str(struct record *r) {
    (void)record_get_str(r);
}

static void get_bytes(struct record *r) {
    int fd;
    (void)record_get_bytes(r, &fd);
    EXPECT_EQ_INT(-1, fd);
}

static void get_numbers(struct record *r) {
    (void)record_get_i32(r);
    (void)record_get_u64(r);
}

static void test_bad_fields(void) {
    begin();
    expect_field(0, "\2\0\0\0ab", 7, get_str);
    expect_field(-EBADMSG, "\2\0\0\0ab", 6, get_str);       // no NUL
    expect_field(-EBADMSG, "\2\0\0\0abc", 7, get_str);      // another byte in its place
    expect_field(-EBADMSG, "\2\0\0\0a\0", 7, get_str);      // a NUL inside
    expect_field(-EBADMSG, "\3\0\0\0ab", 7, get_str);       // runs over
    expect_field(-EBADMSG, "\xfe\xff\xff\xff", 4, get_str); // not the mark of "no string"
    expect_field(0, "\xff\xff\xff\xff", 4, get_str);
    expect_field(-EBADMSG, "\0\0\0", 3, get_str);
    expect_field(0, "\0\0\0\0", 5, get_str);
    expect_field(0, "\2\0\0\0ab", 6, get_bytes);
    expect_field(-EBADMSG, "\3\0\0\0ab", 6, get_bytes);
    expect_field(-EBADMSG, "\1\0\0\0ab", 6, get_bytes);
    expect_field(-EBADMSG, "\xff\xff\xff\xff", 4, get_bytes);
    expect_field(-EBADMSG, "\xfe\xff\xff\xff\0\0\0\0\0\0\0\0", 12, get_bytes);
    expect_field(-EBADMSG, "\xfe\xff\xff\xff\0\0\0\0\0\0\0", 11, get_bytes);
    expect_field(0, "123456789012", 12, get_numbers);
    expect_field(-EBADMSG, "12345678901", 11, get_numbers);
    expect_field(-EBADMSG, "123", 3, get_numbers);
    end();
}

// An inline field larger than allowed is refused even though it is all there.
static void test_inline_limit(void) {
    begin();
    static char raw[RECORD_PACKET_MAX];
    for (uint32_t n = RECORD_INLINE_MAX; n <= RECORD_INLINE_MAX + 1; n++) {
        struct record_header h = {.len = n + 4, .type = REC_RESULT};
        memcpy(raw, &h, sizeof h);
        memcpy(raw + sizeof h, &n, sizeof n);
        EXPECT_EQ_INT(n == RECORD_INLINE_MAX ? 0 : -EBADMSG,
                      read_raw(raw, 16 + (n + 4 + 7) / 8 * 8, NULL, 0));
    }
    end();
}

static void test_garbage(void) {
    begin();
    uint32_t random = 1;
    for (int round = 0; round < 20000; round++) {
        size_t len = 1 + (random >> 8) % 200;
        unsigned char raw[200];
        for (size_t i = 0; i < len; i++) {
            random = random * 1664525u + 1013904223u;
            raw[i] = (unsigned char)(random >> 24);
        }
        if (round % 2 == 0 && len > 16) { // a header that gets further
            struct record_header h = {.len = (uint32_t)(len - 16) / 8 * 8, .type = REC_RESULT};
            memcpy(raw, &h, sizeof h);
            raw[17] = raw[18] = raw[19] = 0;
        }
        (void)read_raw(raw, len, NULL, 0);
    }
    end();
}

static void test_memfd(void) {
    begin();
    int fd = record_memfd((struct bytes){"abc", 3});
    EXPECT_EQ_INT(-1, pwrite(fd, "x", 1, 0));
    EXPECT_EQ_INT(-1, ftruncate(fd, 0));
    EXPECT_EQ_INT(-1, ftruncate(fd, 100));
    const char *p = record_map(fd, 3);
    EXPECT_EQ_BYTES("abc", 3, p, 3);
    (void)munmap((void *)(uintptr_t)p, 3);
    EXPECT_NULL(record_map(fd, 0));
    EXPECT_NULL(record_map(fd, 2));
    EXPECT_NULL(record_map(fd, 4)); // nor beyond its end
    (void)close(fd);
    EXPECT_NULL(record_map(-1, 3));
    fd = record_memfd((struct bytes){NULL, 0});
    EXPECT_TRUE(fd >= 0);
    (void)close(fd);
    end();
}

static const struct expect_test tests[] = {
    {"every kind of field round trips", test_fields},
    {"empty packets, empty sockets, gone peers", test_nothing_to_send},
    {"a peer's last words are read", test_last_words},
    {"large bytes travel as sealed memfds", test_inline_or_memfd},
    {"a packet has a limit of bytes", test_packet_limit},
    {"huge fields take no memory", test_huge_fields},
    {"a packet has a limit of descriptors", test_fd_limit},
    {"who owns a descriptor", test_who_owns},
    {"two descriptors in one record", test_two_fds_in_a_record},
    {"what is left over is closed", test_left_over},
    {"a full socket keeps the packet", test_full_socket},
    {"truncated packets", test_truncated},
    {"bad headers", test_bad_headers},
    {"stray descriptors", test_stray_fds},
    {"foreign descriptors", test_foreign_fds},
    {"bad fields", test_bad_fields},
    {"inline bytes have a limit", test_inline_limit},
    {"garbage", test_garbage},
    {"memfds are sealed", test_memfd},
};
SUITE_MAIN("record", tests)
