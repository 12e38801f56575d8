/* What a host leaves to the binary that takes over from it (docs/upgrade.md): a table in a sealed memfd, and open
 * descriptors that it names.
 *
 *     handover ─▶ sockets, connections        the doors, and who has come in and asks nothing now
 *              └▶ pools ─▶ workers ─▶ attempts    generations, their processes, what those run
 *
 * The other side checks it like any outside bytes. A change of a field's meaning asks for another HANDOVER_VERSION, after
 * which two binaries do not understand each other's tables; new fields do not. */
#ifndef JOBHOST_SUPERVISOR_HANDOVER_H
#define JOBHOST_SUPERVISOR_HANDOVER_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/err.h"
#include "core/id.h"

enum {
    HANDOVER_VERSION = 1,
    HANDOVER_BYTES_MAX = 256 << 20,
    HANDOVER_ITEMS_MAX = 65536, /* of each kind, in what they are part of */
};

/* Descriptors are numbers of the process; 0 = none. */
struct handover_socket {
    int32_t fd, own;
    const char *url;
};

struct handover_connection {
    int32_t fd;
    const char *url; /* of its door */
};

struct handover_name {
    const char *name;
};

/* A slot of a limiter that is held. */
struct handover_ticket {
    const char *limiter;
    uint64_t id;
    int32_t of_job, till_start; /* the job's own, before it starts; until then only */
};

/* A job that a worker has begun. The store has what is not here. */
struct handover_attempt {
    struct job_id id;
    const char *queue, *type;
    uint32_t token, commit_no, handler, cancel_mask;
    uint64_t slot;
    int32_t stop, stalled, result_over, result_fd;
    int64_t stop_mono_ms, placed_mono_ms, heard_mono_ms, started_wall_ms, kept_mono_ms;
    struct bytes result, log, effects; /* the last: effects_pack() */
    const char *result_type, *step;
    int64_t progress_done, progress_total, progress_at_ms;
    const char *progress_text;
    struct handover_name *outputs; /* names that it has put */
    size_t output_count;
    struct handover_ticket *tickets;
    size_t ticket_count;
};

struct handover_worker {
    int32_t pid, pidfd, sock, page_fd;
    int32_t draining, grouped;
    uint64_t slot_seq, jobs_done, load_begin, load_end;
    int64_t spawned_mono_ms, ready_mono_ms;
    struct handover_attempt *attempts;
    size_t attempt_count;
};

/* What became of one part of its sandbox. */
struct handover_note {
    const char *facility, *text;
    uint32_t state;
};

struct handover_pool {
    const char *plugin;
    const char *sha256;   /* of the snapshot */
    const char *settings; /* config_plugin_digest() */
    const char *isolation;
    uint32_t number, threads;
    int32_t serves;        /* else it drains */
    int32_t drain_asked;   /* and the soft deadline is over */
    int64_t drain_mono_ms; /* when the next deadline is */
    int64_t drain_soft_ms, drain_hard_ms, grace_ms;
    int64_t since_ms;
    uint64_t jobs_done, crashes, restarts;
    struct bytes hello; /* the worker's HELLO as a packet: the manifest */
    const char *refused_sha256, *refused_settings,
        *refused_note; /* what was rolled back to it; NULL = nothing */
    struct handover_note *notes;
    size_t note_count;
    struct handover_worker *workers;
    size_t worker_count;
};

struct handover {
    uint32_t format; /* HANDOVER_VERSION */
    uint32_t record; /* RECORD_WIRE_VERSION of the workers */
    uint64_t nonce;
    const char *version;  /* of the binary that wrote it */
    const char *identity; /* handover_identity() */
    const char *cgroup;   /* the base of control groups; NULL = there is none */
    int64_t asked_ms;     /* wall: when the upgrade was asked for */
    int32_t reload;       /* one has been asked for meanwhile, with these: */
    uint32_t reload_flags;
    int32_t lock_fd;   /* of the state_dir */
    int32_t worker_fd; /* the program of its workers, for the way back */
    struct handover_socket *sockets;
    size_t socket_count;
    struct handover_connection *connections;
    size_t connection_count;
    struct handover_pool *pools;
    size_t pool_count;
    struct arena arena; /* what it points to, once it has been read */
};

/* A sealed memfd, close-on-exec; or negative errno with words. */
int handover_write(const struct handover *h, struct err *e);
/* 0, or negative errno with words; handover_finish() follows either way. Takes no descriptor. */
int handover_read(int fd, struct handover *ret, struct err *e);
/* The same of the bytes alone. */
int handover_parse(struct bytes text, struct handover *ret, struct err *e);
void handover_finish(struct handover *h);

/* Calls it for each descriptor that is named. */
void handover_each_fd(const struct handover *h, void (*each)(void *arg, int fd), void *arg);
/* Do they pass to the next binary, or not? */
void handover_pass(const struct handover *h, bool pass);

/* Which jobs a host has: of its state_dir and store. Hexadecimal. */
struct config;
enum { HANDOVER_IDENTITY_LEN = 64 };
void handover_identity(const struct config *c, char ret[HANDOVER_IDENTITY_LEN + 1]);

#endif
