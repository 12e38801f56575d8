#include "record/messages.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "record/shapes.h"

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
    if (r->record->bad || count == 0 || count * least_size(f->of) > left) {
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
    struct msg_sandbox sandbox;
    struct msg_job job;
    struct msg_hello hello;
    struct msg_child child;
    struct msg_event event;
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
    return put(w, job, &shape_welcome, m);
}

int msg_sandbox_put(struct record_writer *w, uint64_t job, const struct msg_sandbox *m) {
    return put(w, job, &shape_sandbox, m);
}

int msg_config_put(struct record_writer *w, uint64_t job, const struct msg_config *m) {
    return put(w, job, &shape_config, m);
}

int msg_job_put(struct record_writer *w, uint64_t job, const struct msg_job *m) {
    return put(w, job, &shape_job, m);
}

int msg_committed_put(struct record_writer *w, uint64_t job, const struct msg_committed *m) {
    return put(w, job, &shape_committed, m);
}

int msg_value_put(struct record_writer *w, uint64_t job, const struct msg_value *m) {
    return put(w, job, &shape_value, m);
}

int msg_hello_put(struct record_writer *w, uint64_t job, const struct msg_hello *m) {
    return put(w, job, &shape_hello, m);
}

int msg_note_put(struct record_writer *w, uint64_t job, const struct msg_note *m) {
    return put(w, job, &shape_note, m);
}

int msg_fail_put(struct record_writer *w, uint64_t job, const struct msg_fail *m) {
    return put(w, job, &shape_fail, m);
}

int msg_log_put(struct record_writer *w, uint64_t job, const struct msg_log *m) {
    return put(w, job, &shape_log, m);
}

int msg_progress_put(struct record_writer *w, uint64_t job, const struct msg_progress *m) {
    return put(w, job, &shape_progress, m);
}

int msg_get_put(struct record_writer *w, uint64_t job, const struct msg_get *m) {
    return put(w, job, &shape_get, m);
}

int msg_limit_put(struct record_writer *w, uint64_t job, const struct msg_limit *m) {
    return put(w, job, &shape_limit, m);
}

int msg_output_put(struct record_writer *w, uint64_t job, const struct msg_output *m) {
    return put(w, job, &shape_output, m);
}

int msg_warn_put(struct record_writer *w, uint64_t job, const struct msg_warn *m) {
    return put(w, job, &shape_warn, m);
}

int msg_step_put(struct record_writer *w, uint64_t job, const struct msg_step *m) {
    return put(w, job, &shape_step, m);
}

int msg_child_put(struct record_writer *w, uint64_t job, const struct msg_child *m) {
    return put(w, job, &shape_child, m);
}

int msg_sibling_put(struct record_writer *w, uint64_t job, const struct msg_child *m) {
    return put(w, job, &shape_sibling, m);
}

int msg_then_put(struct record_writer *w, uint64_t job, const struct msg_child *m) {
    return put(w, job, &shape_then, m);
}

int msg_flow_put(struct record_writer *w, uint64_t job, const struct msg_flow *m) {
    return put(w, job, &shape_flow, m);
}

int msg_kv_put(struct record_writer *w, uint64_t job, const struct msg_kv *m) {
    return put(w, job, &shape_kv, m);
}

int msg_event_put(struct record_writer *w, uint64_t job, const struct msg_event *m) {
    return put(w, job, &shape_event, m);
}

int msg_done_put(struct record_writer *w, uint64_t job, const struct msg_done *m) {
    return put(w, job, &shape_done, m);
}

int msg_welcome_get(struct record *r, struct msg_welcome *ret) {
    return get(r, NULL, &shape_welcome, ret);
}

int msg_sandbox_get(struct record *r, struct arena *a, struct msg_sandbox *ret) {
    return get(r, a, &shape_sandbox, ret);
}

int msg_config_get(struct record *r, struct arena *a, struct msg_config *ret) {
    return get(r, a, &shape_config, ret);
}

int msg_job_get(struct record *r, struct arena *a, struct msg_job *ret) {
    return get(r, a, &shape_job, ret);
}

int msg_committed_get(struct record *r, struct msg_committed *ret) {
    return get(r, NULL, &shape_committed, ret);
}

int msg_value_get(struct record *r, struct msg_value *ret) {
    return get(r, NULL, &shape_value, ret);
}

int msg_hello_get(struct record *r, struct arena *a, struct msg_hello *ret) {
    return get(r, a, &shape_hello, ret);
}

int msg_note_get(struct record *r, struct msg_note *ret) {
    return get(r, NULL, &shape_note, ret);
}

int msg_fail_get(struct record *r, struct msg_fail *ret) {
    return get(r, NULL, &shape_fail, ret);
}

int msg_log_get(struct record *r, struct msg_log *ret) {
    return get(r, NULL, &shape_log, ret);
}

int msg_progress_get(struct record *r, struct msg_progress *ret) {
    return get(r, NULL, &shape_progress, ret);
}

int msg_get_get(struct record *r, struct msg_get *ret) {
    return get(r, NULL, &shape_get, ret);
}

int msg_limit_get(struct record *r, struct msg_limit *ret) {
    return get(r, NULL, &shape_limit, ret);
}

int msg_output_get(struct record *r, struct msg_output *ret) {
    return get(r, NULL, &shape_output, ret);
}

int msg_warn_get(struct record *r, struct msg_warn *ret) {
    return get(r, NULL, &shape_warn, ret);
}

int msg_step_get(struct record *r, struct msg_step *ret) {
    return get(r, NULL, &shape_step, ret);
}

int msg_child_get(struct record *r, struct msg_child *ret) {
    return get(r, NULL, &shape_child, ret);
}

int msg_sibling_get(struct record *r, struct msg_child *ret) {
    return get(r, NULL, &shape_sibling, ret);
}

int msg_then_get(struct record *r, struct msg_child *ret) {
    return get(r, NULL, &shape_then, ret);
}

int msg_flow_get(struct record *r, struct msg_flow *ret) {
    return get(r, NULL, &shape_flow, ret);
}

int msg_kv_get(struct record *r, struct msg_kv *ret) {
    return get(r, NULL, &shape_kv, ret);
}

int msg_event_get(struct record *r, struct msg_event *ret) {
    return get(r, NULL, &shape_event, ret);
}

int msg_done_get(struct record *r, struct msg_done *ret) {
    return get(r, NULL, &shape_done, ret);
}

int msg_crash_get(struct record *r, struct msg_crash *ret) {
    return get(r, NULL, &shape_crash, ret);
}

void msg_crash_packet(uint8_t out[MSG_CRASH_PACKET], uint64_t job, const struct msg_crash *m) {
    const struct record_header h = {
        .len = MSG_CRASH_PACKET - sizeof h, .type = REC_CRASH, .job = job};
    memcpy(out, &h, sizeof h);
    memcpy(out + 16, &m->signal, 4);
    memcpy(out + 20, &m->si_code, 4);
    memcpy(out + 24, &m->fault_address, 8);
    memcpy(out + 32, &m->program_counter, 8);
    memcpy(out + 40, &m->rss, 8);
}
