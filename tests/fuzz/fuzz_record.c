// The packets of the control plane, in both directions. The first byte of the input says with how many descriptors the packet
// comes and whether they may be of any kind, the rest is the packet. Whatever is decoded is written again and must give the
// same bytes; no descriptor is left over.
#include <string.h>
#include <unistd.h>

#include "fuzz.h"
#include "record/messages.h"

enum { FD_COUNT_MASK = 15, ANY_FD = 16, PIPES_NOT_MEMFDS = 32 };

union message {
    struct msg_welcome welcome;
    struct msg_sandbox sandbox;
    struct msg_config config;
    struct msg_job job;
    struct msg_committed committed;
    struct msg_value value;
    struct msg_hello hello;
    struct msg_note note;
    struct msg_fail fail;
    struct msg_log log;
    struct msg_progress progress;
    struct msg_get get;
    struct msg_output output;
    struct msg_limit limit;
    struct msg_flow flow;
    struct msg_warn warn;
    struct msg_step step;
    struct msg_child child, sibling, then;
    struct msg_kv kv;
    struct msg_event event;
    struct msg_done done;
    struct msg_crash crash;
};

enum copied { REFUSED, COPIED, NOT_WRITTEN };

// Decodes one message and writes it again.
#define COPY(name_, get_)                                                                          \
    (msg_##name_##_get get_ < 0                     ? REFUSED                                      \
     : msg_##name_##_put(w, r->h.job, &m.name_) < 0 ? NOT_WRITTEN                                  \
                                                    : COPIED)

// What has no struct: one field of each kind.
static enum copied read_fields(struct record *r) {
    int fd;
    (void)record_get_u32(r);
    (void)record_get_i64(r);
    (void)record_get_str(r);
    struct bytes b = record_get_bytes(r, &fd);
    FUZZ_CHECK(fd == -1 || b.data == NULL);
    FUZZ_CHECK(record_done(r) == 0 || r->bad || r->body < r->end || r->fd_at != -1);
    if (fd != -1) {
        (void)close(fd);
    }
    return REFUSED;
}

static enum copied copy(struct record *r, struct arena *a, struct record_writer *w) {
    union message m;
    switch (r->h.type) {
    case REC_WELCOME: return COPY(welcome, (r, &m.welcome));
    case REC_SANDBOX: return COPY(sandbox, (r, a, &m.sandbox));
    case REC_NOTE: return COPY(note, (r, &m.note));
    case REC_EVENT: return COPY(event, (r, &m.event));
    case REC_CONFIG: return COPY(config, (r, a, &m.config));
    case REC_JOB: return COPY(job, (r, a, &m.job));
    case REC_COMMITTED: return COPY(committed, (r, &m.committed));
    case REC_VALUE: return COPY(value, (r, &m.value));
    case REC_HELLO: return COPY(hello, (r, a, &m.hello));
    case REC_FAIL: return COPY(fail, (r, &m.fail));
    case REC_LOG: return COPY(log, (r, &m.log));
    case REC_PROGRESS: return COPY(progress, (r, &m.progress));
    case REC_GET: return COPY(get, (r, &m.get));
    case REC_OUTPUT: return COPY(output, (r, &m.output));
    case REC_LIMIT: return COPY(limit, (r, &m.limit));
    case REC_WARN: return COPY(warn, (r, &m.warn));
    case REC_STEP: return COPY(step, (r, &m.step));
    case REC_CHILD: return COPY(child, (r, &m.child));
    case REC_SIBLING: return COPY(sibling, (r, &m.sibling));
    case REC_THEN: return COPY(then, (r, &m.then));
    case REC_FLOW: return COPY(flow, (r, &m.flow));
    case REC_KV: return COPY(kv, (r, &m.kv));
    case REC_DONE: return COPY(done, (r, &m.done));
    case REC_CRASH:
        (void)msg_crash_get(r, &m.crash);
        return REFUSED; // its writer is for signal handlers
    default: return read_fields(r);
    }
}

static void try_record(struct record *r, struct arena *a) {
    const uint8_t *body = r->body;
    const struct record_header h = r->h;
    struct record_writer w = {0};
    enum copied copied = copy(r, a, &w);
    FUZZ_CHECK(copied != NOT_WRITTEN);
    if (copied == COPIED) {
        FUZZ_CHECK(memcmp(w.packet.data, &h, sizeof h) == 0);
        FUZZ_CHECK(memcmp(w.packet.data + sizeof h, body, h.len) == 0);
    }
    record_writer_finish(&w);
    arena_reset(a);
}

static void add_fds(struct record_packet *p, uint8_t how) {
    unsigned count = how & FD_COUNT_MASK;
    while (p->fd_count < count && p->fd_count < RECORD_FDS_MAX) {
        int ends[2] = {-1, -1};
        if ((how & PIPES_NOT_MEMFDS) == 0) {
            ends[0] = record_memfd((struct bytes){"abc", 3});
        } else if (pipe(ends) == 0) {
            (void)close(ends[1]);
        }
        FUZZ_CHECK(ends[0] >= 0);
        p->fds[p->fd_count++] = ends[0];
    }
}

static int lowest_free_fd(void) {
    int fd = dup(STDERR_FILENO);
    (void)close(fd);
    return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct record_packet p; // too large for the stack
    if (size == 0 || size - 1 > RECORD_PACKET_MAX) {
        return 0;
    }
    int free_fd = lowest_free_fd();
    p = (struct record_packet){.len = size - 1, .any_fd = (data[0] & ANY_FD) != 0};
    memcpy(p.data, data + 1, size - 1);
    add_fds(&p, data[0]);
    struct record r;
    struct arena a = {0};
    while (record_next(&p, &r) == 1) {
        try_record(&r, &a);
    }
    arena_free(&a);
    record_packet_finish(&p);
    FUZZ_CHECK(lowest_free_fd() == free_fd);
    return 0;
}
