#include "record/messages.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

// ---- what a record is made of

enum field_kind {
    FIELD_I32,
    FIELD_U32,
    FIELD_I64,
    FIELD_U64,
    FIELD_TEXT,     // str that must be there
    FIELD_TEXT_OPT, // str that may be NULL
    FIELD_BYTES,    // struct msg_bytes
    FIELD_SHA256,   // bytes of exactly that length, kept in the struct
    FIELD_COUNT,    // u32, at most `most`
    FIELD_LIST,     // pointer to as many `of` as the member at `count` says
};

struct shape;
struct field {
    enum field_kind kind;
    size_t at;
    uint32_t most;
    size_t count;
    const struct shape *of;
};

struct shape {
    const struct field *fields;
    size_t field_count;
    size_t size; // of the struct
};

struct message {
    enum record_type type;
    struct shape shape;
};

#define F(kind_, type_, member_)                                                                   \
    { .kind = FIELD_##kind_, .at = offsetof(struct type_, member_) }
#define F_COUNT(type_, member_, most_)                                                             \
    { .kind = FIELD_COUNT, .at = offsetof(struct type_, member_), .most = (most_) }
#define F_LIST(type_, member_, count_, of_)                                                        \
    {                                                                                              \
        .kind = FIELD_LIST, .at = offsetof(struct type_, member_),                                 \
        .count = offsetof(struct type_, count_), .of = (of_)                                       \
    }
#define SHAPE(type_, fields_)                                                                      \
    { .fields = (fields_), .field_count = ARRAY_LEN(fields_), .size = sizeof(struct type_) }

static const struct field welcome_fields[] = {
    F(U32, msg_welcome, wire_version),  F(TEXT, msg_welcome, plugin),
    F(TEXT, msg_welcome, snapshot),     F(TEXT, msg_welcome, sha256),
    F(U32, msg_welcome, threads),       F(I64, msg_welcome, ping_ms),
    F(I64, msg_welcome, lease_ms),      F(U32, msg_welcome, log_level),
    F(TEXT_OPT, msg_welcome, data_dir),
};
static const struct message welcome = {REC_WELCOME, SHAPE(msg_welcome, welcome_fields)};

static const struct field setting_fields[] = {
    F(TEXT, msg_setting, option),
    F(TEXT_OPT, msg_setting, value),
};
static const struct shape setting = SHAPE(msg_setting, setting_fields);
static const struct field config_fields[] = {
    F_COUNT(msg_config, setting_count, MSG_OPTIONS_MAX),
    F_LIST(msg_config, settings, setting_count, &setting),
};
static const struct message config = {REC_CONFIG, SHAPE(msg_config, config_fields)};

static const struct field input_fields[] = {
    F(TEXT, msg_input, name),
    F(TEXT_OPT, msg_input, content_type),
    F(U64, msg_input, size),
    F(SHA256, msg_input, sha256),
};
static const struct shape input = SHAPE(msg_input, input_fields);
static const struct field job_fields[] = {
    F(U32, msg_job, handler),
    F(U32, msg_job, attempt),
    F(TEXT, msg_job, id),
    F(TEXT_OPT, msg_job, dedup_key),
    F(TEXT_OPT, msg_job, content_type),
    F(BYTES, msg_job, payload),
    F(I64, msg_job, deadline_ms),
    F(U32, msg_job, steps_version),
    F_COUNT(msg_job, input_count, MSG_INPUTS_MAX),
    F(TEXT_OPT, msg_job, queue),
    F(TEXT_OPT, msg_job, tenant),
    F(TEXT_OPT, msg_job, labels),
    F(TEXT_OPT, msg_job, flow_id),
    F(I64, msg_job, nominal_ms),
    F(I64, msg_job, first_run_ms),
    F(U64, msg_job, seed),
    F(U32, msg_job, commit_no),
    F(I64, msg_job, timeout_ms),
    F_LIST(msg_job, inputs, input_count, &input),
};
static const struct message job_message = {REC_JOB, SHAPE(msg_job, job_fields)};

static const struct field committed_fields[] = {
    F(U32, msg_committed, commit_no),
    F(I32, msg_committed, status),
};
static const struct message committed = {REC_COMMITTED, SHAPE(msg_committed, committed_fields)};

static const struct field value_fields[] = {
    F(U32, msg_value, request),
    F(I32, msg_value, status),
    F(I64, msg_value, number),
    F(BYTES, msg_value, value),
};
static const struct message value_message = {REC_VALUE, SHAPE(msg_value, value_fields)};

static const struct field option_fields[] = {
    F(TEXT, jh_option, name),         F(I32, jh_option, type),      F(U32, jh_option, flags),
    F(TEXT_OPT, jh_option, fallback), F(TEXT_OPT, jh_option, help),
};
static const struct shape option = SHAPE(jh_option, option_fields);
static const struct field handler_fields[] = {
    F(TEXT, msg_handler, name),
    F(TEXT_OPT, msg_handler, summary),
    F(U32, msg_handler, flags),
    F(U32, msg_handler, state_version),
    F(U32, msg_handler, has_payload),
    F_COUNT(msg_handler, field_count, MSG_OPTIONS_MAX),
    F_LIST(msg_handler, fields, field_count, &option),
};
static const struct shape handler = SHAPE(msg_handler, handler_fields);
static const struct field hello_fields[] = {
    F(U32, msg_hello, wire_version),
    F(U32, msg_hello, abi_major),
    F(U32, msg_hello, abi_minor),
    F(TEXT, msg_hello, name),
    F(TEXT, msg_hello, version),
    F(U64, msg_hello, load_begin),
    F(U64, msg_hello, load_end),
    F_COUNT(msg_hello, option_count, MSG_OPTIONS_MAX),
    F_LIST(msg_hello, options, option_count, &option),
    F_COUNT(msg_hello, handler_count, MSG_HANDLERS_MAX),
    F_LIST(msg_hello, handlers, handler_count, &handler),
};
static const struct message hello = {REC_HELLO, SHAPE(msg_hello, hello_fields)};

static const struct field fail_fields[] = {
    F(TEXT, msg_fail, stage),
    F(I32, msg_fail, cls),
    F(TEXT_OPT, msg_fail, message),
};
static const struct message fail_message = {REC_FAIL, SHAPE(msg_fail, fail_fields)};

static const struct field log_fields[] = {
    F(I32, msg_log, level),
    F(TEXT, msg_log, text),
};
static const struct message log_message = {REC_LOG, SHAPE(msg_log, log_fields)};

static const struct field progress_fields[] = {
    F(U64, msg_progress, done),
    F(U64, msg_progress, total),
    F(TEXT_OPT, msg_progress, message),
};
static const struct message progress = {REC_PROGRESS, SHAPE(msg_progress, progress_fields)};

static const struct field get_fields[] = {
    F(U32, msg_get, request),
    F(U32, msg_get, what),
    F(TEXT, msg_get, key),
    F(BYTES, msg_get, member),
};
static const struct message get_message = {REC_GET, SHAPE(msg_get, get_fields)};

static const struct field warn_fields[] = {
    F(TEXT, msg_warn, code),
    F(TEXT_OPT, msg_warn, message),
};
static const struct message warn_message = {REC_WARN, SHAPE(msg_warn, warn_fields)};

static const struct field step_fields[] = {
    F(TEXT, msg_step, name),
    F(BYTES, msg_step, value),
    F(U32, msg_step, state_version),
};
static const struct message step = {REC_STEP, SHAPE(msg_step, step_fields)};

static const struct field child_fields[] = {
    F(I32, msg_child, priority),       F(TEXT, msg_child, handler),
    F(TEXT_OPT, msg_child, dedup_key), F(BYTES, msg_child, payload),
    F(I64, msg_child, delay_ms),       F(I64, msg_child, spread_ms),
    F(TEXT_OPT, msg_child, queue),     F(TEXT_OPT, msg_child, tenant),
    F(TEXT_OPT, msg_child, labels),
};
static const struct message child = {REC_CHILD, SHAPE(msg_child, child_fields)};

static const struct field kv_fields[] = {
    F(U32, msg_kv, what),
    F(TEXT, msg_kv, key),
    F(BYTES, msg_kv, value),
    F(I64, msg_kv, number),
};
static const struct message kv = {REC_KV, SHAPE(msg_kv, kv_fields)};

static const struct field done_fields[] = {
    F(I32, msg_done, status),          F(I32, msg_done, cls),
    F(I64, msg_done, retry_after_ms),  F(TEXT_OPT, msg_done, scope),
    F(TEXT_OPT, msg_done, message),    F(TEXT_OPT, msg_done, code),
    F(U32, msg_done, failure_flags),   F(I32, msg_done, wait_kind),
    F(I64, msg_done, wake_at_ms),      F(TEXT_OPT, msg_done, wait_key),
    F(I64, msg_done, wait_timeout_ms), F(U32, msg_done, cancel_mask),
    F(U32, msg_done, run_us),
};
static const struct message done_message = {REC_DONE, SHAPE(msg_done, done_fields)};

static const struct field crash_fields[] = {
    F(I32, msg_crash, signal),
    F(I32, msg_crash, si_code),
    F(U64, msg_crash, fault_address),
    F(U64, msg_crash, program_counter),
};
static const struct message crash = {REC_CRASH, SHAPE(msg_crash, crash_fields)};

// ---- struct to record

static void put_shape(struct record_writer *w, const struct shape *shape, const char *base);

static void refuse(struct record_writer *w) {
    if (w->fault == 0) {
        w->fault = -EINVAL;
    }
}

static void put_text(struct record_writer *w, const char *at, bool required) {
    const char *text;
    memcpy(&text, at, sizeof text);
    if (text == NULL && required) {
        refuse(w);
        return;
    }
    record_str(w, text);
}

static void put_bytes(struct record_writer *w, const char *at) {
    struct msg_bytes b;
    memcpy(&b, at, sizeof b);
    if (b.by_fd) {
        record_bytes_fd(w, b.fd, b.data.len);
    } else {
        (void)record_bytes(w, b.data); // record_end() reports
    }
}

static uint32_t u32_at(const char *at) {
    uint32_t v;
    memcpy(&v, at, sizeof v);
    return v;
}

static uint64_t u64_at(const char *at) {
    uint64_t v;
    memcpy(&v, at, sizeof v);
    return v;
}

static void put_list(struct record_writer *w, const struct field *f, const char *base) {
    const char *items;
    memcpy(&items, base + f->at, sizeof items);
    uint32_t count = u32_at(base + f->count);
    for (uint32_t i = 0; i < count && w->fault == 0; i++) {
        put_shape(w, f->of, items + i * f->of->size);
    }
}

static void put_field(struct record_writer *w, const struct field *f, const char *base) {
    const char *at = base + f->at;
    switch (f->kind) {
    case FIELD_COUNT:
        if (u32_at(at) > f->most) {
            refuse(w);
        }
        record_u32(w, u32_at(at));
        break;
    case FIELD_I32:
    case FIELD_U32: record_u32(w, u32_at(at)); break;
    case FIELD_I64:
    case FIELD_U64: record_u64(w, u64_at(at)); break;
    case FIELD_TEXT: put_text(w, at, true); break;
    case FIELD_TEXT_OPT: put_text(w, at, false); break;
    case FIELD_BYTES: put_bytes(w, at); break;
    case FIELD_SHA256: (void)record_bytes(w, (struct bytes){at, 32}); break;
    case FIELD_LIST: put_list(w, f, base); break;
    }
}

static void put_shape(struct record_writer *w, const struct shape *shape, const char *base) {
    for (size_t i = 0; i < shape->field_count; i++) {
        put_field(w, &shape->fields[i], base);
    }
}

static int put(struct record_writer *w, uint64_t job, const struct message *message,
               const void *m) {
    record_begin(w, message->type, job);
    put_shape(w, &message->shape, m);
    return record_end(w);
}

// ---- record to struct

struct reader {
    struct record *record;
    struct arena *arena;
    bool no_memory;
};

static void get_shape(struct reader *r, const struct shape *shape, char *base);

static void get_text(struct record *r, char *at, bool required) {
    const char *text = record_get_str(r);
    if (text == NULL && required) {
        r->bad = true;
    }
    memcpy(at, &text, sizeof text);
}

static void get_bytes(struct record *r, char *at) {
    struct msg_bytes b = {.fd = -1};
    b.data = record_get_bytes(r, &b.fd);
    b.by_fd = b.fd != -1;
    memcpy(at, &b, sizeof b);
}

static void get_sha256(struct record *r, char *at) {
    struct bytes b = record_get_bytes(r, NULL);
    if (b.len == 32) {
        memcpy(at, b.data, 32);
    } else {
        r->bad = true;
    }
}

// No field takes less than 4 bytes, except that a list may be empty.
static size_t least_size(const struct shape *shape) {
    size_t size = 0;
    for (size_t i = 0; i < shape->field_count; i++) {
        size += shape->fields[i].kind == FIELD_LIST ? 0 : 4;
    }
    return size;
}

static void get_list(struct reader *r, const struct field *f, char *base) {
    uint32_t count = u32_at(base + f->count);
    size_t left = (size_t)(r->record->end - r->record->body);
    // a count that cannot be true allocates nothing
    if (r->record->bad || count == 0 || count > left / least_size(f->of)) {
        r->record->bad = r->record->bad || count != 0;
        return;
    }
    char *items = arena_zalloc(r->arena, count * f->of->size);
    if (items == NULL) {
        r->no_memory = true;
        return;
    }
    memcpy(base + f->at, &items, sizeof items);
    for (uint32_t i = 0; i < count && !r->record->bad && !r->no_memory; i++) {
        get_shape(r, f->of, items + i * f->of->size);
    }
}

static void get_field(struct reader *r, const struct field *f, char *base) {
    char *at = base + f->at;
    switch (f->kind) {
    case FIELD_I32:
    case FIELD_U32:
    case FIELD_COUNT: {
        uint32_t v = record_get_u32(r->record);
        if (f->kind == FIELD_COUNT && v > f->most) {
            r->record->bad = true;
        }
        memcpy(at, &v, sizeof v);
        break;
    }
    case FIELD_I64:
    case FIELD_U64: {
        uint64_t v = record_get_u64(r->record);
        memcpy(at, &v, sizeof v);
        break;
    }
    case FIELD_TEXT: get_text(r->record, at, true); break;
    case FIELD_TEXT_OPT: get_text(r->record, at, false); break;
    case FIELD_BYTES: get_bytes(r->record, at); break;
    case FIELD_SHA256: get_sha256(r->record, at); break;
    case FIELD_LIST: get_list(r, f, base); break;
    }
}

static void get_shape(struct reader *r, const struct shape *shape, char *base) {
    for (size_t i = 0; i < shape->field_count && !r->record->bad && !r->no_memory; i++) {
        get_field(r, &shape->fields[i], base);
    }
}

// Closes what a message that came to nothing had taken.
static void drop_fds(const struct shape *shape, char *base) {
    for (size_t i = 0; i < shape->field_count; i++) {
        if (shape->fields[i].kind == FIELD_BYTES) {
            struct msg_bytes b;
            memcpy(&b, base + shape->fields[i].at, sizeof b);
            msg_bytes_close(&b);
        }
    }
}

// Room for any message while it is read.
union any_message {
    struct msg_welcome welcome;
    struct msg_job job;
    struct msg_hello hello;
    struct msg_child child;
    struct msg_done done;
};

static int get(struct record *record, struct arena *arena, const struct message *message,
               void *ret) {
    union any_message room;
    memset(&room, 0, sizeof room);
    struct reader r = {.record = record, .arena = arena};
    if (record->h.type != message->type || message->shape.size > sizeof room) {
        return -EBADMSG;
    }
    get_shape(&r, &message->shape, (char *)&room);
    if (r.no_memory || record_done(record) < 0) {
        drop_fds(&message->shape, (char *)&room);
        return r.no_memory ? -ENOMEM : -EBADMSG;
    }
    memcpy(ret, &room, message->shape.size);
    return 0;
}

void msg_bytes_close(struct msg_bytes *b) {
    if (b->by_fd) {
        (void)close(b->fd);
        b->by_fd = false;
        b->fd = -1;
    }
}

// ---- the typed doors

int msg_welcome_put(struct record_writer *w, uint64_t job, const struct msg_welcome *m) {
    return put(w, job, &welcome, m);
}

int msg_config_put(struct record_writer *w, uint64_t job, const struct msg_config *m) {
    return put(w, job, &config, m);
}

int msg_job_put(struct record_writer *w, uint64_t job, const struct msg_job *m) {
    return put(w, job, &job_message, m);
}

int msg_committed_put(struct record_writer *w, uint64_t job, const struct msg_committed *m) {
    return put(w, job, &committed, m);
}

int msg_value_put(struct record_writer *w, uint64_t job, const struct msg_value *m) {
    return put(w, job, &value_message, m);
}

int msg_hello_put(struct record_writer *w, uint64_t job, const struct msg_hello *m) {
    return put(w, job, &hello, m);
}

int msg_fail_put(struct record_writer *w, uint64_t job, const struct msg_fail *m) {
    return put(w, job, &fail_message, m);
}

int msg_log_put(struct record_writer *w, uint64_t job, const struct msg_log *m) {
    return put(w, job, &log_message, m);
}

int msg_progress_put(struct record_writer *w, uint64_t job, const struct msg_progress *m) {
    return put(w, job, &progress, m);
}

int msg_get_put(struct record_writer *w, uint64_t job, const struct msg_get *m) {
    return put(w, job, &get_message, m);
}

int msg_warn_put(struct record_writer *w, uint64_t job, const struct msg_warn *m) {
    return put(w, job, &warn_message, m);
}

int msg_step_put(struct record_writer *w, uint64_t job, const struct msg_step *m) {
    return put(w, job, &step, m);
}

int msg_child_put(struct record_writer *w, uint64_t job, const struct msg_child *m) {
    return put(w, job, &child, m);
}

int msg_kv_put(struct record_writer *w, uint64_t job, const struct msg_kv *m) {
    return put(w, job, &kv, m);
}

int msg_done_put(struct record_writer *w, uint64_t job, const struct msg_done *m) {
    return put(w, job, &done_message, m);
}

int msg_welcome_get(struct record *r, struct msg_welcome *ret) {
    return get(r, NULL, &welcome, ret);
}

int msg_config_get(struct record *r, struct arena *a, struct msg_config *ret) {
    return get(r, a, &config, ret);
}

int msg_job_get(struct record *r, struct arena *a, struct msg_job *ret) {
    return get(r, a, &job_message, ret);
}

int msg_committed_get(struct record *r, struct msg_committed *ret) {
    return get(r, NULL, &committed, ret);
}

int msg_value_get(struct record *r, struct msg_value *ret) {
    return get(r, NULL, &value_message, ret);
}

int msg_hello_get(struct record *r, struct arena *a, struct msg_hello *ret) {
    return get(r, a, &hello, ret);
}

int msg_fail_get(struct record *r, struct msg_fail *ret) {
    return get(r, NULL, &fail_message, ret);
}

int msg_log_get(struct record *r, struct msg_log *ret) {
    return get(r, NULL, &log_message, ret);
}

int msg_progress_get(struct record *r, struct msg_progress *ret) {
    return get(r, NULL, &progress, ret);
}

int msg_get_get(struct record *r, struct msg_get *ret) {
    return get(r, NULL, &get_message, ret);
}

int msg_warn_get(struct record *r, struct msg_warn *ret) {
    return get(r, NULL, &warn_message, ret);
}

int msg_step_get(struct record *r, struct msg_step *ret) {
    return get(r, NULL, &step, ret);
}

int msg_child_get(struct record *r, struct msg_child *ret) {
    return get(r, NULL, &child, ret);
}

int msg_kv_get(struct record *r, struct msg_kv *ret) {
    return get(r, NULL, &kv, ret);
}

int msg_done_get(struct record *r, struct msg_done *ret) {
    return get(r, NULL, &done_message, ret);
}

int msg_crash_get(struct record *r, struct msg_crash *ret) {
    return get(r, NULL, &crash, ret);
}

void msg_crash_packet(uint8_t out[MSG_CRASH_PACKET], uint64_t job, const struct msg_crash *m) {
    const struct record_header h = {
        .len = MSG_CRASH_PACKET - sizeof h, .type = REC_CRASH, .job = job};
    memcpy(out, &h, sizeof h);
    memcpy(out + 16, &m->signal, 4);
    memcpy(out + 20, &m->si_code, 4);
    memcpy(out + 24, &m->fault_address, 8);
    memcpy(out + 32, &m->program_counter, 8);
}
