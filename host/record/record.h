/* The control plane between supervisor and worker: records in packets on a SOCK_SEQPACKET pair (fd
 * 3 of the worker). This header is the normative text; docs/worker-protocol.md tells the story.
 *
 *     packet (<= RECORD_PACKET_MAX)      + up to RECORD_FDS_MAX descriptors (SCM_RIGHTS)
 *     ┌────────────┬────────────┬─────┬────────────┐
 *     │ record     │ record     │ ... │ record     │   one with RECORD_FD set owns the packet's
 *     └────────────┴────────────┴─────┴────────────┘   next descriptor
 *     record = { u32 len; u16 type; u16 flags; u64 job; } body[len] padding to 8
 *              little-endian, host order on x86-64 and arm64
 *
 * A body is a row of fields in the order given below:
 *     i64, u64, i32, u32   natural size, unaligned
 *     str                  u32 n, n bytes of text, one NUL; n = RECORD_NULL means "no string" (and
 *                          no bytes follow)
 *     bytes                u32 n, n bytes; n = RECORD_BY_FD: u64 size follows and the content is in
 *                          the descriptor
 * A decoder checks every length; a record that is short, long, of unknown type or out of state is a
 * protocol error: the supervisor kills such a worker (class BUG), a worker exits.
 *
 * `job` is a slot: a number the supervisor made for one dispatch of one job to this worker; it is
 * never reused within a worker's life and means nothing elsewhere, so a worker cannot name
 * another's job. Fencing tokens never cross this line. */
#ifndef JOBHOST_RECORD_RECORD_H
#define JOBHOST_RECORD_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/err.h"

enum {
    RECORD_WIRE_VERSION = 2,
    RECORD_PACKET_MAX = 64 * 1024,
    RECORD_INLINE_MAX = 32 * 1024, /* a bytes field above this travels as a sealed memfd */
    RECORD_FDS_MAX = 8,            /* per packet                                         */
    RECORD_WINDOW_MAX = 64,        /* unstarted jobs per thread of a worker              */
    RECORD_FLOW_PAGE = 100,        /* members in one answer                              */
};
#define RECORD_NULL  0xffffffffu
#define RECORD_BY_FD 0xfffffffeu
/* A variable of a worker's environment that no other has the same, and that what it starts inherits. */
#define RECORD_MARK  "JOBHOST_WORKER"

enum record_flag { RECORD_FD = 1 };

struct record_header {
    uint32_t len;
    uint16_t type;
    uint16_t flags;
    uint64_t job;
};

enum record_type {
    /* ---- supervisor to worker ---- */
    REC_WELCOME =
        /* u32 wire version, str plugin name, str snapshot path, str sha256 (hex), u32 threads, i64
         * ping_ms, i64 lease_ms, u32 log level, str data_dir */
    1,
    /* u32 n, n x { str option, str value }: the validated, normalised options; then create() is
     * called */
    REC_CONFIG,
    /* u32 handler index, u32 attempt, str id, str dedup_key, str content_type, bytes payload, i64
     * deadline_ms, u32 steps_version, u32 input_count, str queue, str tenant, str labels, str
     * flow_id, i64 nominal_ms, i64 first_run_ms, u64 seed, u32 commit_no (commits made so far), i64
     * timeout_ms, u64 max_result (bytes; the queue's limit for the result and each output),
     * input_count x { str name, str filename, str content_type, u64 size, bytes sha256 } */
    REC_JOB,
    /* u32 JH_CANCEL_* mask, added to what is in force */
    REC_CANCEL,
    /* (no body) give the job back with NACK if it has not been started */
    REC_RECALL,
    /* u32 commit_no, i32 status: 0 durable, -ESTALE fenced off, other negative errno not durable */
    REC_COMMITTED,
    /* u32 request, i32 status (0, 1 or negative errno), i64 number, bytes value: the answer to
     * REC_GET, REC_OUTPUT, REC_FLOW and some REC_LIMIT */
    REC_VALUE,
    /* (no body) return everything unstarted, finish what runs, send BYE, exit */
    REC_DRAIN,
    /* (no body) */
    REC_PONG,
    /* u32 MSG_SANDBOX_* flags, u64 max_data, u64 max_files, u64 max_file_size, u64 max_cpu_s, str
     * data_dir, u32 n paths x { u32 MSG_PATH_* rights, str path }, u32 n ports x { u32 port }, u32 n allowed x
     * { str to }: what the worker may do from now on. Comes before WELCOME, or not at all */
    REC_SANDBOX,

    /* ---- worker to supervisor ---- */
    /* u32 wire version, u32 abi major, u32 abi minor, str name, str version, u64 load address,
     * u64 load end, u32 n options x { str name, i32 type, u32 flags, str fallback, str help },
     * u32 n handlers x { str name, str summary, u32 flags, u32 state_version, u32 oldest_state_version,
     * u32 has_payload, u32 n fields x { as options } } */
    REC_HELLO = 64,
    /* (no body) create() succeeded; jobs may come */
    REC_READY,
    /* str stage (load, symbol, abi, manifest, create), i32 class, str message: the worker exits
     * after it */
    REC_FAIL,
    /* (no body) every ping_ms */
    REC_PING,
    /* (no body) job comes back unstarted */
    REC_NACK,
    /* i32 level, str text; job 0 = not about a job */
    REC_LOG,
    /* u64 done, u64 total, str message */
    REC_PROGRESS,
    /* u32 request, u32 enum record_get, str key, bytes member: one question (GET, OUTPUT) a job at
     * a time */
    REC_GET,
    /* ---- effects: collected per job until its COMMIT or DONE ---- */
    /* str code, str message */
    REC_WARN,
    /* str name, bytes value, u32 state_version */
    REC_STEP,
    /* i32 priority (-1, 0, 1), str handler, str dedup_key, bytes payload, i64 delay_ms, i64
     * spread_ms, str queue, str tenant, str labels */
    REC_CHILD,
    /* u32 enum record_kv, str key, bytes value, i64 number (delta or ttl_ms) */
    REC_KV,
    /* bytes chunk: appends; by fd it replaces everything collected so far */
    REC_RESULT,
    /* str content_type */
    REC_RESULT_TYPE,
    /* u32 commit_no: make all collected effects durable, answer COMMITTED */
    REC_COMMIT,
    /* i32 status, i32 class, i64 retry_after_ms, str scope, str message, str code, u32 failure
     * flags, i32 wait kind (JH_WAIT_* or OUTCOME_WAIT_OPERATOR), i64 wake_at_ms, str wait key, str what of that it
     * looks for or asks (core/waits.h), i64 wait timeout_ms, u32 cancel mask seen, u32 run time (us): the last commit of this attempt; the slot is gone */
    REC_DONE,
    /* i32 signal, i32 si_code, u64 fault address, u64 program counter: from the signal handler,
     * then death */
    REC_CRASH,
    /* (no body) clean exit follows */
    REC_BYE,
    /* u32 request, str name, str content_type, bytes content: stores an output file; the answer is
     * a VALUE that has only a status. When that is 0 the output is one of the effects, in the order
     * of the answers; the same name again replaces. */
    REC_OUTPUT,
    /* str facility, u32 MSG_NOTE_* state, str text: what became of one part of SANDBOX; before
     * HELLO */
    REC_NOTE,
    /* u32 request, u32 enum record_limit, str name, u64 ticket, i64 number, i64 wait_ms, i32 status,
     * bytes headers: what jobhost.limit/1 asks for and tells */
    REC_LIMIT,
    /* an effect: u32 flags (JH_EVENT_FOR_ALL), str name, str content_type, str key, bytes value */
    REC_EVENT,
    /* u32 request, u32 enum record_flow, u32 JH_FLOW_*, u64 cursor, str id: what jobhost.flow/1 asks, answered by a
     * VALUE */
    REC_FLOW,
    /* effects, as CHILD: a job that joins the flow that this one is a member of; the one that comes behind the flow that
     * this one opens */
    REC_SIBLING,
    REC_THEN,
    /* an effect: i32 JH_ON_DEAD_* */
    REC_ON_DEAD,
};

/* The answer's status is 0, or negative: -ENOENT: there is no such flow, member or result. Its value is a row of fields. */
enum record_flow {
    /* i64 made, i64 open, i64 succeeded, i64 dead, i64 cancelled, i64 duplicate, u32 JH_FLOW_CLOSED | JH_FLOW_GROWS */
    FLOW_COUNTS = 1,
    /* RECORD_FLOW_PAGE members at most that ended behind `cursor`: u32 n, n x { u64 cursor, str id, i32 JH_MEMBER_*,
     * str type, i32 class, str code, u32 has_result, u64 result_size }; number: 1 = more have ended */
    FLOW_MEMBERS,
    /* of the member `id`: the bytes of its result, perhaps by descriptor */
    FLOW_RESULT,
};

/* ACQUIRE and CLOSE are answered by a VALUE. */
enum record_limit {
    LIMIT_ACQUIRE =
        1,         /* number: slots. Status 0: number = the ticket; 1: = in how long to ask again */
    LIMIT_OBSERVE, /* status: of the answer; headers: those that say something                */
    LIMIT_GIVE_BACK,
    LIMIT_CLOSE, /* number: for how long, ms */
};

enum record_get {
    GET_STEP = 1,
    GET_KV,
    GET_COUNTER,
    GET_IS_MEMBER,
    GET_CARD,
    GET_CLAIM, /* status JH_CLAIM_*; value = holder's id                                  */
    GET_INPUT, /* number of the input in `key` as decimal; answer's descriptor is the file */
};

enum record_kv { KV_SET = 1, KV_DEL, KV_ADD, KV_SADD, KV_SREM, KV_DONE };

/* ---- writing ----
 * A writer fills a packet; record_begin/record_end frame one record. When the packet is full,
 * record_end() says -EMSGSIZE and takes the record out again: send the packet, then write the
 * record anew. A zeroed writer is ready to use. messages.h writes whole records and is what most
 * callers want. */
struct record_writer {
    struct buf packet;
    int fds[RECORD_FDS_MAX]; /* owned by the writer until sent */
    unsigned fd_count;
    size_t start; /* private: of the open record                     */
    int fd;       /* private: of the open record, with has_fd        */
    bool has_fd;  /* private                                         */
    bool fd_made; /* private: by record_bytes(), not the caller's    */
    int fault;    /* private: first failure within the open record   */
};

void record_begin(struct record_writer *w, enum record_type type, uint64_t job);
void record_i32(struct record_writer *w, int32_t v);
void record_u32(struct record_writer *w, uint32_t v);
void record_i64(struct record_writer *w, int64_t v);
void record_u64(struct record_writer *w, uint64_t v);
void record_str(struct record_writer *w, const char *text); /* NULL allowed */
/* Inline up to RECORD_INLINE_MAX, else as a sealed memfd that the writer makes and owns. 0 or
 * negative errno. */
int record_bytes(struct record_writer *w, struct bytes b);
/* Content of `size` bytes in `fd`: taken by a record_end() that returns 0 (the writer closes it
 * once sent), else still the caller's. */
void record_bytes_fd(struct record_writer *w, int fd, uint64_t size);
/* 0; -EMSGSIZE when the packet would be over its limit of bytes or descriptors; -ENOMEM; what
 * record_bytes() said; -EINVAL for a second descriptor in one record. On failure the packet is as
 * it was before record_begin(). */
int record_end(struct record_writer *w);

/* Sends the packet and forgets it. 0; -EAGAIN (kept, try when writable); other negative errno: peer
 * gone. An empty packet is 0. Whether record_send() and record_recv() wait is the socket's own
 * O_NONBLOCK. */
int record_send(struct record_writer *w, int sock);
void record_writer_finish(struct record_writer *w); /* frees, closes unsent fds */

/* ---- reading ---- */
struct record_packet {
    uint8_t data[RECORD_PACKET_MAX];
    size_t len;
    int fds[RECORD_FDS_MAX]; /* owned by the packet until taken */
    unsigned fd_count, fd_next;
    size_t at;   /* next record */
    bool any_fd; /* worker side: the supervisor may send any kind of descriptor */
};

/* One recvmsg. 1 = a packet, 0 = end of stream, -EAGAIN, -EBADMSG (truncated: MSG_TRUNC or
 * MSG_CTRUNC), negative errno. Descriptors left over from the previous packet are closed. What a
 * peer sent before its end is read to the last packet. */
int record_recv(struct record_packet *p, int sock);
void record_packet_finish(struct record_packet *p); /* closes untaken fds */

struct record {
    struct record_header h;
    const uint8_t *body, *end; /* cursor and end */
    bool bad;                  /* a field ran over the end or was malformed */
    struct record_packet *packet;
    int fd_at; /* private: index of its descriptor in the packet until taken, else -1 */
};

/* The next record of the packet: 1, 0 at its end, -EBADMSG (also for descriptors that no record
 * owns). */
int record_next(struct record_packet *p, struct record *ret);

/* Field readers: after a bad field they return 0/NULL/empty and set r->bad. Pointers are borrowed
 * from the packet. */
int32_t record_get_i32(struct record *r);
uint32_t record_get_u32(struct record *r);
int64_t record_get_i64(struct record *r);
uint64_t record_get_u64(struct record *r);
const char *record_get_str(struct record *r);
/* Inline: content is set, *ret_fd = -1. By descriptor: content {NULL, size} and *ret_fd is the
 * caller's. A descriptor that is not a sealed memfd of exactly `size` bytes is bad (unless the
 * packet's any_fd); with ret_fd NULL every descriptor is. */
struct bytes record_get_bytes(struct record *r, int *ret_fd);
/* 0 when the body was read to its end and nothing was bad, else -EBADMSG. */
int record_done(const struct record *r);

/* An empty memfd that can be sealed later, close-on-exec: fd or negative errno. */
int record_memfd_open(void);
/* SHRINK, GROW, WRITE, SEAL: 0 or negative errno. */
int record_memfd_seal(int fd);
/* A sealed memfd with this content: fd or negative errno. */
int record_memfd(struct bytes content);
/* Is it readable, of exactly `size` bytes, and will it stay so? */
bool record_is_memfd(int fd, uint64_t size);
/* Maps such a one for reading: pointer (unmap with munmap) or NULL. */
const void *record_map(int fd, size_t size);

#endif
