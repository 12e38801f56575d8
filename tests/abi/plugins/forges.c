// Finds the worker's socket and start page in its own process and speaks for the worker: what it
// sends is named in the job's payload.
#define _GNU_SOURCE // memfd_create
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "record/record.h"
#include "record/start_page.h"
#include "tiny.h"

enum { SOCKET = 3, PAGE = 4, HUGE_PACKET = RECORD_PACKET_MAX + 1000 };

struct forged {
    struct record_header h;
    uint32_t body[4];
};

static void send_bytes(const void *data, size_t len) {
    // a socket that is full for the moment is no excuse
    while (send(SOCKET, data, len, MSG_NOSIGNAL) == -1 && len < RECORD_PACKET_MAX) {
    }
}

static void send_record(uint16_t type, uint64_t slot, uint32_t len, uint32_t value) {
    const struct forged r = {.h = {.len = len, .type = type, .job = slot}, .body = {value}};
    send_bytes(&r, sizeof r.h + (len + 7) / 8 * 8);
}

static void send_fd(uint64_t slot, int fd) {
    const struct forged r = {.h = {.len = 12, .type = REC_RESULT, .flags = 1, .job = slot},
                             .body = {UINT32_MAX - 1, 100, 0}};
    struct iovec v = {(void *)(uintptr_t)&r, sizeof r};
    union {
        char data[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {.data = {0}};
    struct msghdr m = {.msg_iov = &v,
                       .msg_iovlen = 1,
                       .msg_control = control.data,
                       .msg_controllen = sizeof control.data};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    *c = (struct cmsghdr){
        .cmsg_len = CMSG_LEN(sizeof fd), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(c), &fd, sizeof fd);
    (void)sendmsg(SOCKET, &m, MSG_NOSIGNAL);
}

static void forge_noise(uint64_t slot) {
    (void)slot;
    send_bytes("these are no records, but they are long enough for a header", 60);
}

static void forge_cut(uint64_t slot) {
    const struct forged r = {.h = {.len = 1000, .type = REC_LOG, .job = slot}};
    send_bytes(&r, sizeof r);
}

static void forge_huge(uint64_t slot) {
    static char packet[HUGE_PACKET];
    (void)slot;
    send_bytes(packet, sizeof packet);
}

static void forge_type(uint64_t slot) {
    send_record(1000, slot, 0, 0);
}

static void forge_order(uint64_t slot) { // as if it were the supervisor
    send_record(REC_DRAIN, slot, 0, 0);
}

static void forge_hello(uint64_t slot) {
    (void)slot;
    send_record(REC_HELLO, 0, 4, RECORD_WIRE_VERSION);
}

static void forge_stranger(uint64_t slot) {
    send_record(REC_RESULT_TYPE, slot + 1000, 4, UINT32_MAX);
}

static void forge_return(uint64_t slot) { // so that it is charged to nobody
    send_record(REC_NACK, slot, 0, 0);
}

static void forge_commit(uint64_t slot) {
    send_record(REC_COMMIT, slot, 4, 7);
}

static void forge_short(uint64_t slot) {
    send_record(REC_DONE, slot, 4, 0);
}

static void forge_memfd(uint64_t slot) { // whoever maps it can be killed by shrinking it
    int fd = memfd_create("forged", MFD_CLOEXEC);
    if (fd != -1 && ftruncate(fd, 100) == 0) {
        send_fd(slot, fd);
    }
}

static void forge_output(uint64_t slot) { // of a name that leads elsewhere
    struct record_writer w = {.fd = -1};
    record_begin(&w, REC_OUTPUT, slot);
    record_u32(&w, 1);
    record_str(&w, "../../etc/passwd");
    record_str(&w, NULL);
    (void)record_bytes(&w, bytes_of("x"));
    if (record_end(&w) == 0) {
        send_bytes(w.packet.data, w.packet.len);
    }
    record_writer_finish(&w);
}

static void forge_page(uint64_t slot) { // nobody runs, it says, and breaks the rules
    struct start_page *page = start_page_map(PAGE);
    atomic_store(&page->thread[0].job, 0);
    atomic_store(&page->thread[0].since_us, INT64_MAX);
    forge_type(slot);
}

static const struct {
    const char *how;
    void (*forge)(uint64_t slot);
} kinds[] = {
    {"noise", forge_noise},       {"cut", forge_cut},       {"huge", forge_huge},
    {"type", forge_type},         {"order", forge_order},   {"hello", forge_hello},
    {"stranger", forge_stranger}, {"return", forge_return}, {"commit", forge_commit},
    {"short", forge_short},       {"memfd", forge_memfd},   {"page", forge_page},
    {"output", forge_output},
};

static jh_status run(void *self, struct jh_call *c, const struct jh_job *job) {
    (void)self;
    const struct start_page *page = start_page_map(PAGE);
    uint64_t slot = page == NULL ? 0 : atomic_load(&page->thread[0].job);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        size_t len = strlen(kinds[i].how);
        const char *how = (const char *)job->payload.data + 1; // a JSON string
        if (job->payload.len == len + 2 && memcmp(how, kinds[i].how, len) == 0) {
            kinds[i].forge(slot);
            (void)c->host->sleep_ms(c, INT64_MAX); // it does not get to its end
        }
    }
    return JH_OK;
}

TINY_PLUGIN("forges", "1.0.0", run, 0);
