/* The records of record.h with two fields or more, as structs: the one place that knows each
 * record's field order. shapes.c holds one table a record, and both msg_x_put() and msg_x_get()
 * walk it.
 *
 *     msg_x_put(writer, job, &m)        0 and the record is in the packet. -EMSGSIZE: the packet is
 *                                       full: send it and try again; with an empty packet, the
 *                                       message can never be sent. -EINVAL: a list over its limit,
 *                                       or a required string is NULL. -ENOMEM, or the errno of
 *                                       making a memfd.
 *     msg_x_get(record, [arena,] &m)    0, -EBADMSG, -ENOMEM. *ret is untouched on failure.
 *
 * Strings and inline bytes of a decoded message are borrowed from the packet, so until the next
 * record_recv(); lists are allocated in the arena. Strings are required unless marked NULL; a
 * decoder refuses a record that lacks a required one.
 *
 * Records not listed here have one field or none and are read and written with record.h alone:
 * CANCEL, RECALL, DRAIN, PONG, READY, PING, NACK, RESULT, RESULT_TYPE, COMMIT, BYE. */
#ifndef JOBHOST_RECORD_MESSAGES_H
#define JOBHOST_RECORD_MESSAGES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "jobhost_plugin.h"
#include "record/record.h"

/* A message with a longer list is a protocol error. */
enum {
    MSG_OPTIONS_MAX = 256, /* of a plugin, of a config, and fields of one handler's payload */
    MSG_HANDLERS_MAX = 256,
    MSG_INPUTS_MAX = 32,
    MSG_PATHS_MAX = 128,
    MSG_PORTS_MAX = 64,
    MSG_ALLOWED_MAX = 64,
};

/* A bytes field. A zeroed one is empty.
 *   put: inline data travels inline or, above RECORD_INLINE_MAX, in a memfd that the writer makes;
 *        with by_fd, `fd` holds data.len bytes and is taken when put returns 0 (on failure it is
 *        still the caller's).
 *   get: with by_fd, data.data is NULL, data.len the size, and `fd` belongs to the caller. */
struct msg_bytes {
    struct bytes data;
    bool by_fd;
    int fd; /* only with by_fd */
};

/* Closes the descriptor of a decoded field, if it has one. */
void msg_bytes_close(struct msg_bytes *b);

/* ---- supervisor to worker ---- */

struct msg_welcome {
    uint32_t wire_version;
    const char *plugin;
    const char *snapshot; /* path of the .so */
    const char *sha256;   /* hex             */
    uint32_t threads;
    int64_t ping_ms, lease_ms;
    uint32_t log_level;
    const char *data_dir; /* NULL = none */
};

enum {
    MSG_SANDBOX_CORE = 1,
    MSG_SANDBOX_SECCOMP = 2,
    MSG_SANDBOX_LANDLOCK = 4,
    MSG_SANDBOX_NO_NET = 8
};
enum { MSG_PATH_READ = 1, MSG_PATH_WRITE = 2, MSG_PATH_EXEC = 4 };
struct msg_path {
    uint32_t rights;
    const char *path; /* absolute; a program (EXEC) may be a name for PATH */
};
struct msg_port {
    uint32_t port;
};
/* What it may call besides the public internet: core/egress.h. */
struct msg_allowed {
    const char *to;
};
struct msg_sandbox {
    uint32_t flags;
    uint64_t max_data, max_files, max_file_size, max_cpu_s; /* 0 = no limit */
    const char *data_dir;                                   /* NULL = none  */
    uint32_t path_count;                                    /* <= MSG_PATHS_MAX */
    const struct msg_path *paths;
    uint32_t port_count; /* <= MSG_PORTS_MAX; 0 = any port */
    const struct msg_port *ports;
    uint32_t allowed_count; /* <= MSG_ALLOWED_MAX */
    const struct msg_allowed *allowed;
};

struct msg_setting {
    const char *option;
    const char *value; /* NULL = unset */
};
struct msg_config {
    uint32_t setting_count; /* <= MSG_OPTIONS_MAX */
    const struct msg_setting *settings;
};

struct msg_input {
    const char *name;
    const char *filename;     /* NULL */
    const char *content_type; /* NULL */
    uint64_t size;
    uint8_t sha256[32];
};
struct msg_job {
    uint32_t handler; /* index in HELLO's list */
    uint32_t attempt;
    const char *id;
    const char *dedup_key;    /* NULL */
    const char *content_type; /* NULL */
    struct msg_bytes payload;
    int64_t deadline_ms;
    uint32_t steps_version;
    const char *queue, *tenant, *labels, *flow_id; /* NULL */
    int64_t nominal_ms, first_run_ms;
    uint64_t seed;
    uint32_t commit_no;
    int64_t timeout_ms;
    uint64_t max_result;
    uint32_t input_count; /* <= MSG_INPUTS_MAX */
    const struct msg_input *inputs;
};

struct msg_committed {
    uint32_t commit_no;
    int32_t status;
};

struct msg_value {
    uint32_t request;
    int32_t status;
    int64_t number;
    struct msg_bytes value;
};

/* ---- worker to supervisor ---- */

struct msg_handler {
    const char *name;
    const char *summary; /* NULL */
    uint32_t flags;
    uint32_t state_version, oldest_state_version;
    uint32_t has_payload; /* 0: nothing is said of it, no fields */
    uint32_t field_count; /* <= MSG_OPTIONS_MAX   */
    const struct jh_option *fields;
};
/* Lists of jh_option are counted here, not terminated; their fallback and help may be NULL. */
struct msg_hello {
    uint32_t wire_version;
    uint32_t abi_major, abi_minor;
    const char *name, *version;
    uint64_t load_begin, load_end;
    uint32_t option_count; /* <= MSG_OPTIONS_MAX */
    const struct jh_option *options;
    uint32_t handler_count; /* <= MSG_HANDLERS_MAX */
    const struct msg_handler *handlers;
};

enum {
    MSG_NOTE_ON,
    MSG_NOTE_OFF,
    MSG_NOTE_DEGRADED
}; /* in force; not asked for; not, or in part */
struct msg_note {
    const char *facility;
    uint32_t state;
    const char *text; /* NULL */
};

struct msg_fail {
    const char *stage;
    int32_t cls;
    const char *message; /* NULL */
};

struct msg_log {
    int32_t level;
    const char *text;
};

struct msg_progress {
    uint64_t done, total;
    const char *message; /* NULL */
};

struct msg_get {
    uint32_t request;
    uint32_t what; /* enum record_get */
    const char *key;
    struct msg_bytes member;
};

struct msg_output {
    uint32_t request;
    const char *name;
    const char *content_type; /* NULL */
    struct msg_bytes content;
};

struct msg_limit {
    uint32_t request;
    uint32_t what;    /* enum record_limit */
    const char *name; /* NULL: GIVE_BACK */
    uint64_t ticket;
    int64_t number, wait_ms;
    int32_t status;
    struct msg_bytes headers;
};

struct msg_flow {
    uint32_t request;
    uint32_t what;  /* enum record_flow */
    uint32_t which; /* JH_FLOW_* */
    uint64_t cursor;
    const char *id; /* NULL: not FLOW_RESULT */
};

struct msg_warn {
    const char *code;
    const char *message; /* NULL */
};

struct msg_step {
    const char *name;
    struct msg_bytes value;
    uint32_t state_version;
};

struct msg_child {
    int32_t priority;
    const char *handler;
    const char *dedup_key; /* NULL */
    struct msg_bytes payload;
    int64_t delay_ms, spread_ms;
    const char *queue, *tenant, *labels; /* NULL */
};

struct msg_kv {
    uint32_t what; /* enum record_kv */
    const char *key;
    struct msg_bytes value;
    int64_t number;
};

struct msg_event {
    uint32_t flags;
    const char *name;
    const char *content_type, *key; /* NULL */
    struct msg_bytes value;
};

struct msg_done {
    int32_t status;
    int32_t cls;
    int64_t retry_after_ms;
    const char *scope, *message, *code; /* NULL */
    uint32_t failure_flags;
    int32_t wait_kind;
    int64_t wake_at_ms;
    const char *wait_key, *wait_for; /* NULL */
    int64_t wait_timeout_ms;
    uint32_t cancel_mask;
    uint32_t run_us;
};

struct msg_crash {
    int32_t signal, si_code;
    uint64_t fault_address, program_counter;
    uint64_t rss; /* bytes of memory in use; 0 = not known */
};

int msg_welcome_put(struct record_writer *w, uint64_t job, const struct msg_welcome *m);
int msg_sandbox_put(struct record_writer *w, uint64_t job, const struct msg_sandbox *m);
int msg_config_put(struct record_writer *w, uint64_t job, const struct msg_config *m);
int msg_job_put(struct record_writer *w, uint64_t job, const struct msg_job *m);
int msg_committed_put(struct record_writer *w, uint64_t job, const struct msg_committed *m);
int msg_value_put(struct record_writer *w, uint64_t job, const struct msg_value *m);
int msg_hello_put(struct record_writer *w, uint64_t job, const struct msg_hello *m);
int msg_note_put(struct record_writer *w, uint64_t job, const struct msg_note *m);
int msg_fail_put(struct record_writer *w, uint64_t job, const struct msg_fail *m);
int msg_log_put(struct record_writer *w, uint64_t job, const struct msg_log *m);
int msg_progress_put(struct record_writer *w, uint64_t job, const struct msg_progress *m);
int msg_get_put(struct record_writer *w, uint64_t job, const struct msg_get *m);
int msg_output_put(struct record_writer *w, uint64_t job, const struct msg_output *m);
int msg_limit_put(struct record_writer *w, uint64_t job, const struct msg_limit *m);
int msg_warn_put(struct record_writer *w, uint64_t job, const struct msg_warn *m);
int msg_step_put(struct record_writer *w, uint64_t job, const struct msg_step *m);
int msg_child_put(struct record_writer *w, uint64_t job, const struct msg_child *m);
int msg_sibling_put(struct record_writer *w, uint64_t job, const struct msg_child *m);
int msg_then_put(struct record_writer *w, uint64_t job, const struct msg_child *m);
int msg_flow_put(struct record_writer *w, uint64_t job, const struct msg_flow *m);
int msg_kv_put(struct record_writer *w, uint64_t job, const struct msg_kv *m);
int msg_event_put(struct record_writer *w, uint64_t job, const struct msg_event *m);
int msg_done_put(struct record_writer *w, uint64_t job, const struct msg_done *m);

int msg_welcome_get(struct record *r, struct msg_welcome *ret);
int msg_sandbox_get(struct record *r, struct arena *a, struct msg_sandbox *ret);
int msg_config_get(struct record *r, struct arena *a, struct msg_config *ret);
int msg_job_get(struct record *r, struct arena *a, struct msg_job *ret);
int msg_committed_get(struct record *r, struct msg_committed *ret);
int msg_value_get(struct record *r, struct msg_value *ret);
int msg_hello_get(struct record *r, struct arena *a, struct msg_hello *ret);
int msg_note_get(struct record *r, struct msg_note *ret);
int msg_fail_get(struct record *r, struct msg_fail *ret);
int msg_log_get(struct record *r, struct msg_log *ret);
int msg_progress_get(struct record *r, struct msg_progress *ret);
int msg_get_get(struct record *r, struct msg_get *ret);
int msg_output_get(struct record *r, struct msg_output *ret);
int msg_limit_get(struct record *r, struct msg_limit *ret);
int msg_warn_get(struct record *r, struct msg_warn *ret);
int msg_step_get(struct record *r, struct msg_step *ret);
int msg_child_get(struct record *r, struct msg_child *ret);
int msg_sibling_get(struct record *r, struct msg_child *ret);
int msg_then_get(struct record *r, struct msg_child *ret);
int msg_flow_get(struct record *r, struct msg_flow *ret);
int msg_kv_get(struct record *r, struct msg_kv *ret);
int msg_event_get(struct record *r, struct msg_event *ret);
int msg_done_get(struct record *r, struct msg_done *ret);
int msg_crash_get(struct record *r, struct msg_crash *ret);

/* CRASH is written by a signal handler, so it has an encoder of its own that only stores bytes: a
 * whole packet, to be handed to send(2). */
enum { MSG_CRASH_PACKET = 48 };
void msg_crash_packet(uint8_t out[MSG_CRASH_PACKET], uint64_t job, const struct msg_crash *m);

#endif
