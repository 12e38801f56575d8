#include "store/redis/jobfield.h"

#include <errno.h>

#include "base/buf.h"
#include "core/outcome.h"
#include "store/files.h"
#include "store/pack.h"

#define NUMBER(name, kind, part, member, usual)                                                    \
    {                                                                                              \
        (name), sizeof(name) - 1, FIELD_##kind, FIELD_##part, offsetof(struct redis_job, member),  \
            (usual)                                                                                \
    }
#define FIELD(name, kind, part, member) NUMBER(name, kind, part, member, 0)

// In the order in which they are written, so that HGETALL shows the most telling ones first.
const struct jobfield jobfields[] = {
    FIELD("id", ID, MOVED, spec.id),
    FIELD("status", STATE, MOVED, state),
    FIELD("type", TEXT, SPEC, spec.type),
    FIELD("queue", QUEUE, SPEC, spec.queue),
    FIELD("priority", PRIORITY, SPEC, spec.priority),
    FIELD("user", TEXT, SPEC, spec.tenant),
    FIELD("createdAt", CREATED, SPEC, spec.id),
    FIELD("payload", PAYLOAD, SPEC, spec.payload),
    FIELD("payloadBytes", PAYLOAD_SIZE, SPEC, spec.payload),
    FIELD("contentType", TEXT, SPEC, spec.content_type),
    FIELD("key", TEXT, SPEC, spec.dedup_key),
    FIELD("keyMode", MODE, SPEC, spec.dedup_mode),
    FIELD("keyTtl", I64, SPEC, spec.dedup_ttl_ms),
    NUMBER("max", I32, SPEC, spec.max_attempts, REDIS_USUAL_MAX),
    NUMBER("timeout", I64, SPEC, spec.timeout_ms, REDIS_USUAL_TIMEOUT_MS),
    FIELD("deadline", DEADLINE, RENEWED, spec.deadline_ms),
    FIELD("expires", I64, RENEWED, spec.expires_ms),
    FIELD("labels", TEXT, SPEC, spec.labels),
    FIELD("callback", TEXT, SPEC, spec.callback),
    FIELD("retry", TEXT, SPEC, spec.retry),
    FIELD("flow", TEXT, SPEC, spec.flow_id),
    FIELD("flowQueue", TEXT, SPEC, spec.flow_queue),
    FIELD("parent", ID, SPEC, spec.parent),
    FIELD("schedule", TEXT, SPEC, spec.schedule),
    FIELD("nominal", I64, SPEC, spec.nominal_ms),
    FIELD("files", FILES, SPEC, spec.files),

    FIELD("dueAt", I64, MOVED, due_ms),
    FIELD("rev", U32, MOVED, rev),
    FIELD("claim", CLAIM, MOVED, token),
    FIELD("begun", FLAG, MOVED, begun),
    FIELD("ready", I64, MOVED, ready_ms),
    FIELD("ask", ASK, MOVED, ask_ms),
    FIELD("tombstone", I64, MOVED, tombstone_ms),
    FIELD("deleteAt", I64, MOVED, delete_ms),
    FIELD("steps", U32, MOVED, step_count),
    FIELD("stepBytes", U64, MOVED, step_bytes),
    FIELD("warnings", U32, MOVED, warning_count),
    FIELD("outputs", U32, MOVED, output_count),
    FIELD("outputBytes", U64, MOVED, output_bytes),
    FIELD("history", U32, MOVED, history_count),
    FIELD("log", U64, MOVED, log_bytes),

    FIELD("attempts", I32, LIFE, life.counters.attempts),
    FIELD("executions", EXECUTIONS, LIFE, life.counters.executions),
    FIELD("crashes", I32, LIFE, life.counters.crashes),
    FIELD("resource", I32, LIFE, life.counters.resource),
    FIELD("yields", I32, LIFE, life.counters.yields),
    FIELD("lost", I32, LIFE, life.counters.lost),
    FIELD("firstRunAt", I64, LIFE, life.first_run_ms),
    FIELD("startedAt", I64, LIFE, life.started_ms),
    FIELD("updatedAt", I64, LIFE, life.updated_ms),
    FIELD("finishedAt", I64, LIFE, life.finished_ms),
    FIELD("progress", PERCENT, LIFE, life.progress),
    FIELD("done", I64, LIFE, life.progress.done),
    FIELD("total", I64, LIFE, life.progress.total),
    FIELD("progressAt", I64, LIFE, life.progress.at_ms),
    FIELD("message", TEXT, LIFE, life.progress.message),
    FIELD("errorClass", CLASS, LIFE, life.error.cls),
    FIELD("errorCode", TEXT, LIFE, life.error.code),
    FIELD("error", TEXT, LIFE, life.error.message),
    FIELD("errorScope", TEXT, LIFE, life.error.scope),
    FIELD("duplicateOf", ID, LIFE, life.winner),
    FIELD("latest", ID, LIFE, life.latest),
    FIELD("parked", PARK, LIFE, life.park),
    FIELD("waitKey", TEXT, LIFE, life.wait_key),
    FIELD("waitFor", TEXT, LIFE, life.wait_for),
    FIELD("build", TEXT, LIFE, life.build),
    FIELD("pid", I32, LIFE, life.pid),
    FIELD("resultBytes", RESULT_SIZE, LIFE, life.result_size),
    FIELD("resultType", TEXT, LIFE, life.result_type),
    FIELD("resultBlob", TEXT, LIFE, life.result_blob),
    FIELD("stepsVersion", U32, LIFE, life.steps_version),
    FIELD("children", U32, LIFE, life.child_count),
    FIELD("opened", U32, LIFE, life.opened),
};
const size_t jobfield_count = ARRAY_LEN(jobfields);

_Static_assert(sizeof(enum job_state) == sizeof(int32_t), "read and written as int32_t");

const struct jobfield *jobfield_find(struct bytes name, size_t *next) {
    for (size_t n = 0; n < jobfield_count; n++, ++*next) {
        *next = *next == jobfield_count ? 0 : *next;
        const struct jobfield *f = &jobfields[*next];
        if (f->len == name.len && memcmp(f->name, name.data, name.len) == 0) {
            ++*next;
            return f;
        }
    }
    return NULL;
}

/* ------------------------------------------------------------------ members */

static const void *member(const struct jobfield *f, const struct redis_job *job) {
    return (const char *)job + f->offset;
}

static int64_t number_of(const struct jobfield *f, const struct redis_job *job) {
    int32_t i32 = 0;
    uint32_t u32 = 0;
    int64_t i64 = 0;
    switch ((enum jobfield_kind)f->kind) {
    case FIELD_U32: memcpy(&u32, member(f, job), sizeof u32); return u32;
    case FIELD_I64:
    case FIELD_U64:
    case FIELD_DEADLINE:
    case FIELD_RESULT_SIZE: memcpy(&i64, member(f, job), sizeof i64); return i64;
    case FIELD_PAYLOAD_SIZE: return (int64_t)job->spec.payload.len;
    default: memcpy(&i32, member(f, job), sizeof i32); return i32;
    }
}

static const char *text_of(const struct jobfield *f, const struct redis_job *job) {
    const char *text = NULL;
    memcpy(&text, member(f, job), sizeof text);
    return text;
}

static int64_t percent_of(const struct job_progress *p) {
    if (p->done <= 0) {
        return 0;
    }
    return p->done >= p->total ? 100 : (int64_t)((double)p->done / (double)p->total * 100);
}

/* ------------------------------------------------------------------ names of numbers */

static const char *class_name(int cls) {
    return outcome_class(cls)->name;
}

struct naming {
    const char *(*name)(int value);
    int (*value)(const char *name); /* -1: no such name */
};

static const struct naming namings[] = {
    [FIELD_STATE] = {job_state_name, job_state_from_name},
    [FIELD_PRIORITY] = {priority_name, priority_from_name},
    [FIELD_MODE] = {dedup_mode_name, dedup_mode_from_name},
    [FIELD_PARK] = {park_reason_name, park_reason_from_name},
    [FIELD_CLASS] = {class_name, outcome_class_from_name},
};

static bool is_named(const struct jobfield *f) {
    return f->kind < ARRAY_LEN(namings) && namings[f->kind].name != NULL;
}

/* ------------------------------------------------------------------ out */

static bool has_other_queue(const struct job_spec *spec) {
    return spec->queue != NULL && !bytes_equal(bytes_of(spec->queue), job_own_queue(spec->type));
}

bool jobfield_is_set(const struct jobfield *f, const struct redis_job *job) {
    switch ((enum jobfield_kind)f->kind) {
    case FIELD_TEXT: return text_of(f, job) != NULL;
    case FIELD_QUEUE: return has_other_queue(&job->spec);
    case FIELD_ID: return !id_is_zero(member(f, job));
    case FIELD_PRIORITY: return job->spec.priority != PRIORITY_NORMAL;
    case FIELD_FILES: return job->spec.file_count > 0;
    case FIELD_RESULT_SIZE: return job->life.has_result;
    case FIELD_PAYLOAD: return false;
    case FIELD_PAYLOAD_SIZE: return job->spec.payload.len > REDIS_PAYLOAD_INLINE;
    case FIELD_CREATED: return true;
    case FIELD_DEADLINE: return job->spec.deadline_ms != redis_usual_deadline(&job->spec.id);
    case FIELD_EXECUTIONS: return job->life.counters.executions != job->life.counters.attempts;
    case FIELD_PERCENT: return job->life.progress.total > 0;
    default: return number_of(f, job) != f->usual;
    }
}

static void put_files(const struct job_spec *spec, struct redis_args *a) {
    struct buf packed = {.data = NULL};
    files_pack(&packed, spec->files, spec->file_count);
    a->failed = a->failed || packed.failed;
    redis_args_copy(a, buf_bytes(&packed));
    buf_free(&packed);
}

void jobfield_put(const struct jobfield *f, const struct redis_job *job, struct redis_args *a) {
    if (is_named(f)) {
        redis_args_text(a, namings[f->kind].name((int)number_of(f, job)));
        return;
    }
    switch ((enum jobfield_kind)f->kind) {
    case FIELD_TEXT:
    case FIELD_QUEUE: redis_args_text(a, text_of(f, job)); break;
    case FIELD_ID: redis_args_id(a, member(f, job)); break;
    case FIELD_FILES: put_files(&job->spec, a); break;
    case FIELD_CREATED: redis_args_number(a, id_time_ms(&job->spec.id)); break;
    case FIELD_PERCENT: redis_args_number(a, percent_of(&job->life.progress)); break;
    default: redis_args_number(a, number_of(f, job)); break;
    }
}

bool jobfield_same(const struct jobfield *f, const struct redis_job *x, const struct redis_job *y) {
    bool set = jobfield_is_set(f, x);
    if (!set || !jobfield_is_set(f, y)) {
        return set == jobfield_is_set(f, y);
    }
    switch ((enum jobfield_kind)f->kind) {
    case FIELD_TEXT: return strcmp(text_of(f, x), text_of(f, y)) == 0;
    case FIELD_ID: return id_equal(member(f, x), member(f, y));
    case FIELD_PERCENT: return percent_of(&x->life.progress) == percent_of(&y->life.progress);
    default: return number_of(f, x) == number_of(f, y);
    }
}

/* ------------------------------------------------------------------ in */

// Decimal, of any length that fits: most fields are numbers, so no strtoll().
static bool read_number(struct bytes text, int64_t *ret) {
    const char *p = text.data, *end = p + text.len;
    bool negative = text.len > 0 && *p == '-';
    uint64_t n = 0, most = (uint64_t)INT64_MAX + negative;
    p += negative;
    if (p == end) {
        return false;
    }
    for (; p < end; p++) {
        unsigned digit = (unsigned char)*p - (unsigned)'0';
        if (digit > 9 || n > (most - digit) / 10) {
            return false;
        }
        n = n * 10 + digit;
    }
    *ret = negative ? (int64_t)(0 - n) : (int64_t)n;
    return true;
}

// Sixteen hexadecimal digits at most; '-' is nobody.
static bool read_host(struct bytes text, uint64_t *ret) {
    const char *p = text.data;
    uint64_t n = 0;
    bool nobody = text.len == 1 && *p == '-';
    for (size_t i = nobody; i < text.len; i++) {
        static const char digits[] = "0123456789abcdef";
        const char *at = memchr(digits, p[i], sizeof digits - 1);
        if (at == NULL) {
            return false;
        }
        n = n << 4 | (uint64_t)(at - digits);
    }
    *ret = n;
    return text.len > 0 && text.len <= 16;
}

// The next word; *text goes on behind the blank after it.
static struct bytes next_word(struct bytes *text) {
    const char *p = text->data, *blank = text->len == 0 ? NULL : memchr(p, ' ', text->len);
    struct bytes word = {p, blank == NULL ? text->len : (size_t)(blank - p)};
    size_t gone = word.len + (blank != NULL);
    *text = (struct bytes){p + gone, text->len - gone};
    return word;
}

static bool read_u32(struct bytes text, uint32_t *ret) {
    int64_t n = 0;
    bool good = read_number(text, &n) && n >= 0 && n <= UINT32_MAX;
    *ret = good ? (uint32_t)n : 0;
    return good;
}

int jobfield_take_claim(struct bytes text, struct redis_job *job) {
    bool good = text.len > 0 && ((const char *)text.data)[text.len - 1] != ' ';
    bool token = read_u32(next_word(&text), &job->token);
    bool host = read_host(next_word(&text), &job->host_nonce);
    bool number = read_u32(next_word(&text), &job->commit_no);
    good = good && (text.len == 0 || (text.len == 4 && memcmp(text.data, "over", 4) == 0));
    return good && token && host && number ? 0 : -EBADMSG;
}

static int take_files(struct bytes value, struct arena *a, struct job_spec *spec) {
    struct files_taken files;
    struct pack_item item;
    struct bytes record = arena_bytes(a, value);
    if (record.len > 0 && record.data == NULL) {
        return -ENOMEM;
    }
    files.count = 0;
    int r = 0;
    while (r == 0 && (r = pack_next(&record, &item)) > 0) {
        r = item.number == FILES_ITEM ? files_take(&files, item.bytes) : 0;
    }
    return r < 0 ? r : files_keep(&files, a, spec);
}

static int take_ask(struct bytes value, struct redis_job *job) {
    const char *blank = memchr(value.data, ' ', value.len);
    size_t first = blank == NULL ? 0 : (size_t)(blank - (const char *)value.data);
    bool good = blank != NULL && read_number((struct bytes){value.data, first}, &job->ask_ms) &&
                read_number((struct bytes){blank + 1, value.len - first - 1}, &job->ask_keep_ms);
    return good ? 0 : -EBADMSG;
}

static int take_number(const struct jobfield *f, struct bytes value, struct redis_job *job) {
    static const struct {
        int64_t least, most;
    } ranges[] = {
        [FIELD_I32] = {INT32_MIN, INT32_MAX},
        [FIELD_EXECUTIONS] = {INT32_MIN, INT32_MAX},
        [FIELD_U32] = {0, UINT32_MAX},
        [FIELD_I64] = {INT64_MIN, INT64_MAX},
        [FIELD_DEADLINE] = {INT64_MIN, INT64_MAX},
        [FIELD_U64] = {0, INT64_MAX},
        [FIELD_RESULT_SIZE] = {0, INT64_MAX},
        [FIELD_FLAG] = {0, 1},
        [FIELD_PAYLOAD_SIZE] = {REDIS_PAYLOAD_INLINE + 1, REDIS_VALUE_MAX},
    };
    int64_t n = 0;
    if (!read_number(value, &n) || n < ranges[f->kind].least || n > ranges[f->kind].most) {
        return -EBADMSG;
    }
    void *at = (char *)job + f->offset;
    int32_t i32 = (int32_t)n;
    uint32_t u32 = (uint32_t)n;
    bool flag = n != 0;
    switch ((enum jobfield_kind)f->kind) {
    case FIELD_I32:
    case FIELD_EXECUTIONS: memcpy(at, &i32, sizeof i32); break;
    case FIELD_U32: memcpy(at, &u32, sizeof u32); break;
    case FIELD_FLAG: memcpy(at, &flag, sizeof flag); break;
    case FIELD_PAYLOAD_SIZE:
        job->spec.payload.len = (size_t)n;
        job->big_payload = true;
        break;
    default:
        memcpy(at, &n, sizeof n);
        job->life.has_result = job->life.has_result || f->kind == FIELD_RESULT_SIZE;
        break;
    }
    return 0;
}

int jobfield_take(const struct jobfield *f, struct bytes value, struct arena *a,
                  struct redis_job *job) {
    void *at = (char *)job + f->offset;
    const char *text = NULL;
    if (is_named(f)) {
        int32_t n = namings[f->kind].value(value.data);
        memcpy(at, &n, sizeof n);
        return n < 0 ? -EBADMSG : 0;
    }
    switch ((enum jobfield_kind)f->kind) {
    case FIELD_TEXT:
    case FIELD_QUEUE:
        text = arena_strn(a, value.data, value.len);
        memcpy(at, &text, sizeof text);
        return text == NULL ? -ENOMEM : 0;
    case FIELD_ID: return id_parse(value.data, at) < 0 ? -EBADMSG : 0;
    case FIELD_CLAIM: return jobfield_take_claim(value, job);
    case FIELD_FILES: return take_files(value, a, &job->spec);
    case FIELD_ASK: return take_ask(value, job);
    case FIELD_PAYLOAD:
    case FIELD_CREATED:
    case FIELD_PERCENT: return 0;
    default: return take_number(f, value, job);
    }
}
