#include "store/redis/jobhash.h"

#include <errno.h>

#include "base/buf.h"
#include "store/files.h"
#include "store/redis/jobfield.h"

enum { PIECES_MAX = (REDIS_PAYLOAD_INLINE + REDIS_PIECE_MAX - 1) / REDIS_PIECE_MAX };

// Redis keeps numbers in two bytes, so the names of the later pieces cost next to nothing.
static const char *const piece_names[PIECES_MAX] = {
    "payload", "1",  "2",  "3",  "4",  "5",  "6",  "7",  "8",
    "9",       "10", "11", "12", "13", "14", "15", "16",
};

void jobhash_of_spec(const struct job_spec *spec, struct redis_job *ret) {
    *ret = (struct redis_job){
        .spec = *spec,
        .state = JOB_QUEUED,
        .ready_ms = id_time_ms(&spec->id),
        .big_payload = spec->payload.len > REDIS_PAYLOAD_INLINE,
    };
    if (spec->dedup_key == NULL) { // then these say nothing
        ret->spec.dedup_mode = DEDUP_REJECT;
        ret->spec.dedup_ttl_ms = 0;
    }
}

/* ------------------------------------------------------------------ out */

static void put_pieces(struct bytes payload, struct redis_args *a) {
    for (size_t i = 0; i * REDIS_PIECE_MAX < payload.len; i++) {
        size_t left = payload.len - i * REDIS_PIECE_MAX;
        redis_args_text(a, piece_names[i]);
        redis_args_bytes(a, (struct bytes){(const char *)payload.data + i * REDIS_PIECE_MAX,
                                           left < REDIS_PIECE_MAX ? left : REDIS_PIECE_MAX});
    }
}

static void put_payload(struct bytes payload, bool whole, struct redis_args *a) {
    if (!whole) {
        put_pieces(payload, a);
    } else if (payload.len > 0) {
        redis_args_text(a, piece_names[0]);
        redis_args_bytes(a, payload);
    }
}

static void put_field(const struct jobfield *f, const struct redis_job *job, struct redis_args *a) {
    redis_args_bytes(a, (struct bytes){f->name, f->len});
    jobfield_put(f, job, a);
}

static size_t write_fields(const struct redis_job *job, bool with_queue, bool whole,
                           struct redis_args *a) {
    size_t before = a->count;
    for (size_t i = 0; i < jobfield_count; i++) {
        const struct jobfield *f = &jobfields[i];
        if (f->part == FIELD_MOVED || (f->kind == FIELD_QUEUE && !with_queue)) {
            continue;
        }
        if (f->kind == FIELD_PAYLOAD && job->spec.payload.len <= REDIS_PAYLOAD_INLINE) {
            put_payload(job->spec.payload, whole, a);
        } else if (jobfield_is_set(f, job)) {
            put_field(f, job, a);
        }
    }
    return (a->count - before) / 2;
}

size_t jobhash_write(const struct redis_job *job, bool with_queue, struct redis_args *a) {
    return write_fields(job, with_queue, false, a);
}

size_t jobhash_write_whole(const struct redis_job *job, bool with_queue, struct redis_args *a) {
    return write_fields(job, with_queue, true, a);
}

void jobhash_write_life(const struct redis_job *job, struct redis_args *a) {
    for (size_t i = 0; i < jobfield_count; i++) {
        if (jobfields[i].part == FIELD_LIFE && jobfield_is_set(&jobfields[i], job)) {
            put_field(&jobfields[i], job, a);
        }
    }
}

void jobhash_diff(const struct redis_job *from, const struct redis_job *to, struct redis_args *set,
                  struct redis_args *del) {
    for (size_t i = 0; i < jobfield_count; i++) {
        const struct jobfield *f = &jobfields[i];
        if ((f->part != FIELD_LIFE && f->part != FIELD_RENEWED) || jobfield_same(f, from, to)) {
            continue;
        }
        if (jobfield_is_set(f, to)) {
            put_field(f, to, set);
        } else {
            redis_args_bytes(del, (struct bytes){f->name, f->len});
        }
    }
}

int64_t jobhash_bytes(const struct job_spec *spec) {
    const char *const texts[] = {spec->type,      spec->tenant,  spec->content_type,
                                 spec->dedup_key, spec->labels,  spec->callback,
                                 spec->retry,     spec->flow_id, spec->schedule};
    size_t sum = REDIS_JOB_OVERHEAD + spec->payload.len;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        sum += bytes_of(texts[i]).len;
    }
    if (spec->file_count > 0) {
        struct buf packed = {.data = NULL};
        files_pack(&packed, spec->files, spec->file_count);
        sum += packed.len;
        buf_free(&packed);
    }
    return (int64_t)sum;
}

/* ------------------------------------------------------------------ in */

struct reading {
    struct arena *arena;
    struct redis_job *job;
    struct bytes pieces[PIECES_MAX];
    bool has_status, has_executions, has_deadline;
};

// The number of a piece by its field's name, or -1.
static int piece_number(struct bytes name) {
    const char *p = name.data;
    if (name.len == sizeof "payload" - 1) {
        return memcmp(p, "payload", name.len) == 0 ? 0 : -1;
    }
    if (name.len == 0 || name.len > 2 || p[0] < '1' || p[0] > '9') {
        return -1;
    }
    int number = p[0] - '0';
    if (name.len == 2) {
        number = p[1] < '0' || p[1] > '9' ? PIECES_MAX : number * 10 + (p[1] - '0');
    }
    return number < PIECES_MAX ? number : -1;
}

static int bad_field(struct err *e, int r, struct bytes name) {
    return r == -ENOMEM
               ? err_set(e, r, "out of memory")
               : err_set(e, r, "the job's field \"%.*s\" is damaged",
                         (int)(name.len < REDIS_VALUE_COMPACT ? name.len : REDIS_VALUE_COMPACT),
                         (const char *)name.data);
}

static int take_fields(struct reading *rd, const struct redis_reply *fields, struct err *e) {
    size_t next = 0;
    for (size_t i = 0; i + 1 < fields->count; i += 2) {
        struct bytes name = redis_reply_text(&fields->items[i]);
        if (!redis_reply_is(&fields->items[i + 1], REDIS_STRING)) {
            return bad_field(e, -EBADMSG, name);
        }
        struct bytes value = fields->items[i + 1].text;
        int piece = piece_number(name);
        if (piece >= 0) {
            rd->pieces[piece] = value;
            continue;
        }
        const struct jobfield *f = jobfield_find(name, &next);
        int r = f == NULL ? 0 : jobfield_take(f, value, rd->arena, rd->job);
        if (r < 0) {
            return bad_field(e, r, name);
        }
        rd->has_status = rd->has_status || (f != NULL && f->kind == FIELD_STATE);
        rd->has_executions = rd->has_executions || (f != NULL && f->kind == FIELD_EXECUTIONS);
        rd->has_deadline = rd->has_deadline || (f != NULL && f->kind == FIELD_DEADLINE);
    }
    return 0;
}

static int join_payload(struct reading *rd, struct err *e) {
    struct bytes *payload = &rd->job->spec.payload;
    size_t count = 0, len = 0;
    for (size_t i = 0; i < PIECES_MAX && rd->pieces[i].data != NULL; i++) {
        len += rd->pieces[i].len;
        count++;
    }
    for (size_t i = count; i < PIECES_MAX; i++) {
        if (rd->pieces[i].data != NULL) {
            return bad_field(e, -EBADMSG, bytes_of(piece_names[count])); // missing
        }
    }
    if (count == 0) {
        return 0; // {NULL, size} of one that has a key of its own
    }
    if (rd->job->big_payload && payload->len != len) {
        return bad_field(e, -EBADMSG, bytes_of("payloadBytes"));
    }
    char *whole = arena_alloc(rd->arena, len + 1);
    if (whole == NULL) {
        return bad_field(e, -ENOMEM, bytes_of("payload"));
    }
    *payload = (struct bytes){whole, len};
    for (size_t i = 0; i < count; i++) {
        memcpy(whole, rd->pieces[i].data, rd->pieces[i].len);
        whole += rd->pieces[i].len;
    }
    *whole = '\0';
    return 0;
}

// What is not there is as usual.
static bool take_usual(const struct reading *rd, struct arena *a, struct redis_job *job) {
    struct job_counters *counters = &job->life.counters;
    if (!rd->has_executions) {
        counters->executions = counters->attempts;
    }
    if (!rd->has_deadline) {
        job->spec.deadline_ms = redis_usual_deadline(&job->spec.id);
    }
    if (job->spec.queue == NULL) {
        struct bytes own = job_own_queue(job->spec.type);
        job->spec.queue = arena_strn(a, own.data, own.len);
    }
    job->ready_ms = job->ready_ms == 0 ? id_time_ms(&job->spec.id) : job->ready_ms;
    job->rev += job->token + job->commit_no;
    return job->spec.queue != NULL;
}

static int read_job(const struct redis_reply *fields, bool waits, struct arena *a,
                    struct redis_job *ret, struct err *e) {
    struct reading rd = {.arena = a, .job = ret};
    *ret = (struct redis_job){.state = JOB_QUEUED,
                              .rev = 1,
                              .spec = {.priority = PRIORITY_NORMAL,
                                       .max_attempts = REDIS_USUAL_MAX,
                                       .timeout_ms = REDIS_USUAL_TIMEOUT_MS}};
    if (fields == NULL || fields->kind == REDIS_NIL ||
        (fields->kind == REDIS_ARRAY && fields->count == 0)) {
        return err_set(e, -ENOENT, "there is no such job");
    }
    if (fields->kind != REDIS_ARRAY || fields->count % 2 != 0) {
        return err_set(e, -EBADMSG, "the server's answer is no hash");
    }
    int r = take_fields(&rd, fields, e);
    r = r < 0 ? r : join_payload(&rd, e);
    if (r < 0) {
        return r;
    }
    const char *missing = id_is_zero(&ret->spec.id)  ? "id"
                          : ret->spec.type == NULL   ? "type"
                          : !rd.has_status && !waits ? "status"
                                                     : NULL;
    if (missing != NULL) {
        return bad_field(e, -EBADMSG, bytes_of(missing));
    }
    return take_usual(&rd, a, ret) ? 0 : err_set(e, -ENOMEM, "out of memory");
}

int jobhash_read(const struct redis_reply *fields, struct arena *a, struct redis_job *ret,
                 struct err *e) {
    return read_job(fields, false, a, ret, e);
}

int jobhash_read_waiting(const struct redis_reply *fields, struct arena *a, struct redis_job *ret,
                         struct err *e) {
    return read_job(fields, true, a, ret, e);
}

int jobhash_read_parcel(const struct redis_reply *fields, struct arena *a, struct redis_job *ret,
                        struct err *e) {
    int r = jobhash_read_waiting(fields, a, ret, e);
    if (r == 0 && job_check_queue(ret->spec.queue, NULL) != 0) {
        return bad_field(e, -EBADMSG, bytes_of("queue"));
    }
    return r;
}

/* ------------------------------------------------------------------ as callers see it */

static void view_times(const struct redis_job *job, struct store_job *ret) {
    const struct redis_life *life = &job->life;
    ret->created_ms = id_time_ms(&job->spec.id);
    ret->first_run_ms = life->first_run_ms;
    ret->started_ms = life->started_ms != 0 ? life->started_ms : life->first_run_ms;
    ret->updated_ms = life->updated_ms != 0 ? life->updated_ms : ret->created_ms;
    ret->spec.run_at_ms = 0;
    if (job_is_final(job->state)) {
        ret->finished_ms = life->finished_ms != 0 ? life->finished_ms : ret->updated_ms;
        ret->expires_at_ms = job->delete_ms;
    } else if (job->state == JOB_SCHEDULED || job->state == JOB_PARKED) {
        ret->spec.run_at_ms = job->due_ms;
    } else {
        ret->ready_ms = job->ready_ms;
    }
    if (job->state == JOB_RUNNING && !job->begun) {
        ret->started_ms = 0; // what stands there is of an earlier attempt
    }
}

void jobhash_view(const struct redis_job *job, struct store_job *ret) {
    const struct redis_life *life = &job->life;
    *ret = (struct store_job){
        .spec = job->spec,
        .state = job->state,
        .rev = job->rev,
        .park = job->state == JOB_PARKED ? life->park : PARK_NONE,
        .wait_key = job->state == JOB_PARKED ? life->wait_key : NULL,
        .wait_for = job->state == JOB_PARKED ? life->wait_for : NULL,
        .counters = life->counters,
        .commit_no = job->commit_no,
        .cancelling = job->state == JOB_RUNNING && job->ask_ms != 0,
        .progress = life->progress,
        .error = life->error,
        .winner = life->winner,
        .has_result = life->has_result,
        .result_size = life->result_size,
        .result_type = life->result_type,
        .warning_count = job->warning_count,
        .build = life->build,
        .pid = life->pid,
        .child_count = life->child_count,
        .has_flow = life->opened != 0,
        .step_count = job->step_count,
        .step_bytes = job->step_bytes,
        .steps_version = life->steps_version,
        .output_count = job->output_count,
        .output_bytes = job->output_bytes,
    };
    view_times(job, ret);
}
