#include "api/job_json.h"

#include <string.h>
#include <strings.h>

#include "api/crash_json.h"
#include "api/flow_json.h"
#include "base/json.h"
#include "base/rfc3339.h"
#include "core/outcome.h"
#include "core/waits.h"
#include "net/path.h"

/* ---- small parts ---- */

void job_json_id(struct buf *out, const char *key, const struct job_id *id) {
    char text[JOB_ID_TEXT + 1];
    if (!id_is_zero(id)) {
        id_format(id, text);
        json_kstr(out, key, text);
    }
}

void job_json_hex(struct buf *out, const char *key, const uint8_t *bytes, size_t len) {
    json_key(out, key);
    buf_char(out, '"');
    for (size_t i = 0; i < len; i++) {
        buf_printf(out, "%02x", bytes[i]);
    }
    buf_char(out, '"');
}

void job_json_duration(struct buf *out, const char *key, int64_t ms) {
    char text[32];
    if (ms > 0) {
        duration_format(ms, text, sizeof text);
        json_kstr(out, key, text);
    }
}

void job_json_progress(struct buf *out, const struct job_progress *p) {
    if (p->at_ms == 0) {
        return;
    }
    json_key(out, "progress");
    buf_char(out, '{');
    if (p->total > 0) {
        int64_t done = p->done > p->total ? p->total : p->done < 0 ? 0 : p->done;
        json_kint(out, "percent", (int64_t)((double)done * 100.0 / (double)p->total));
    }
    json_kint(out, "done", p->done);
    json_kint(out, "total", p->total);
    json_kstr(out, "message", p->message);
    json_ktime(out, "at", p->at_ms);
    buf_char(out, '}');
}

void job_json_labels(struct buf *out, const char *labels) {
    if (labels == NULL || labels[0] == '\0') {
        return;
    }
    json_key(out, "labels");
    buf_char(out, '[');
    for (const char *p = labels; p != NULL;) {
        size_t len = strcspn(p, ",");
        json_comma(out);
        json_strn(out, p, len);
        p = p[len] == ',' ? p + len + 1 : NULL;
    }
    buf_char(out, ']');
}

void job_json_error(struct buf *out, const struct job_error *e) {
    if (e->cls == 0) {
        return;
    }
    json_key(out, "error");
    buf_char(out, '{');
    json_kstr(out, "class", outcome_class(e->cls)->name);
    json_kstr(out, "code", e->code);
    json_kstr(out, "message", e->message);
    json_kstr(out, "scope", e->scope);
    buf_char(out, '}');
}

static bool is_json_type(const char *content_type) {
    static const char json[] = "application/json";
    return content_type == NULL || strncasecmp(content_type, json, sizeof json - 1) == 0;
}

/* JSON as it came; other text as a string; anything else by its size only. */
static void add_payload(struct buf *out, const struct job_spec *spec) {
    json_kint(out, "payload_size", (int64_t)spec->payload.len);
    json_kstr(out, "content_type", spec->content_type);
    if (spec->payload.data == NULL) {
        return;
    }
    if (is_json_type(spec->content_type) && json_is_valid(spec->payload)) {
        json_key(out, "payload");
        buf_add(out, spec->payload.data, spec->payload.len);
    } else if (strncasecmp(spec->content_type == NULL ? "" : spec->content_type, "text/", 5) == 0) {
        json_key(out, "payload");
        json_strn(out, spec->payload.data, spec->payload.len);
    }
}

/* ---- lists inside of a job ---- */

static void add_files(struct buf *out, const struct job_spec *spec) {
    if (spec->file_count == 0) {
        return;
    }
    json_key(out, "files");
    buf_char(out, '[');
    for (size_t i = 0; i < spec->file_count; i++) {
        const struct job_file *f = &spec->files[i];
        json_comma(out);
        buf_char(out, '{');
        json_kstr(out, "name", f->name);
        json_kstr(out, "filename", f->filename);
        json_kstr(out, "content_type", f->content_type);
        json_kint(out, "size", (int64_t)f->blob.size);
        job_json_hex(out, "sha256", f->blob.sha256, sizeof f->blob.sha256);
        buf_char(out, '}');
    }
    buf_char(out, ']');
}

static void add_warnings(struct buf *out, const struct store_job *job) {
    if (job->warning_count == 0) {
        return;
    }
    json_key(out, "warnings");
    buf_char(out, '{');
    json_kint(out, "count", job->warning_count);
    if (job->warnings_listed > 0) {
        json_key(out, "items");
        buf_char(out, '[');
        for (size_t i = 0; i < job->warnings_listed; i++) {
            json_comma(out);
            buf_char(out, '{');
            json_kstr(out, "code", job->warnings[i].code);
            json_kstr(out, "message", job->warnings[i].message);
            buf_char(out, '}');
        }
        buf_char(out, ']');
    }
    buf_char(out, '}');
}

static void add_attempt(struct buf *out, const struct store_attempt *a) {
    json_comma(out);
    buf_char(out, '{');
    json_kint(out, "execution", a->execution);
    json_ktime(out, "started_at", a->started_ms);
    json_ktime(out, "ended_at", a->ended_ms);
    json_kstr(out, "outcome", a->outcome);
    if (a->cls != 0) {
        json_kstr(out, "class", outcome_class(a->cls)->name);
    }
    json_kstr(out, "code", a->code);
    json_kstr(out, "message", a->message);
    json_kstr(out, "host", a->host);
    json_kstr(out, "build", a->build);
    if (a->pid != 0) {
        json_kint(out, "pid", a->pid);
    }
    crash_json_add(out, &a->crash);
    buf_char(out, '}');
}

static void add_history(struct buf *out, const struct store_job *job) {
    json_key(out, "history");
    buf_char(out, '[');
    for (size_t i = 0; i < job->history_count; i++) {
        add_attempt(out, &job->history[i]);
    }
    buf_char(out, ']');
}

static void add_steps(struct buf *out, const struct store_job *job, bool whole) {
    if (job->step_count == 0) {
        return;
    }
    json_key(out, "steps");
    buf_char(out, '{');
    json_kint(out, "count", job->step_count);
    json_kint(out, "bytes", (int64_t)job->step_bytes);
    json_kint(out, "state_version", job->steps_version);
    if (whole) {
        json_key(out, "names");
        buf_char(out, '[');
        for (size_t i = 0; i < job->steps_listed; i++) {
            json_comma(out);
            json_str(out, job->steps[i]);
        }
        buf_char(out, ']');
    }
    buf_char(out, '}');
}

/* ---- groups of fields ---- */

static void add_identity(struct buf *out, const struct store_job *job) {
    const struct job_spec *s = &job->spec;
    job_json_id(out, "id", &s->id);
    json_kstr(out, "type", s->type);
    json_kstr(out, "queue", s->queue);
    json_kstr(out, "state", job_state_name((int)job->state));
    json_kint(out, "rev", job->rev);
    json_kstr(out, "user", s->tenant);
    json_kstr(out, "priority", priority_name((int)s->priority));
    json_kstr(out, "key", s->dedup_key);
    job_json_labels(out, s->labels);
    job_json_id(out, "parent", &s->parent);
    json_kstr(out, "member_of", s->flow_id);
    json_kstr(out, "schedule", s->schedule);
    json_kstr(out, "callback", s->callback);
    job_json_id(out, job->state == JOB_DUPLICATE ? "duplicate_of" : "replaced_by", &job->winner);
    if (job->child_count > 0) {
        json_kint(out, "children", job->child_count);
    }
}

static void add_times(struct buf *out, const struct store_job *job, const struct job_live *live) {
    const struct job_spec *s = &job->spec;
    bool waits = job->state == JOB_SCHEDULED || job->state == JOB_PARKED;
    json_ktime(out, "created_at", job->created_ms);
    json_ktime(out, "run_at", waits ? s->run_at_ms : 0);
    json_ktime(out, "ready_at", job->state == JOB_QUEUED ? job->ready_ms : 0);
    json_ktime(out, "first_run_at", job->first_run_ms);
    json_ktime(out, "started_at",
               live != NULL && live->started_ms != 0 ? live->started_ms : job->started_ms);
    json_ktime(out, "finished_at", job->finished_ms);
    json_ktime(out, "updated_at", job->updated_ms);
    json_ktime(out, "kept_until", job->expires_at_ms);
    json_ktime(out, "deadline", s->deadline_ms);
    json_ktime(out, "expires", s->expires_ms);
    json_ktime(out, "nominal", s->nominal_ms);
    job_json_duration(out, "timeout", s->timeout_ms);
}

static void add_counters(struct buf *out, const struct store_job *job,
                         const struct job_live *live) {
    const struct job_counters *c = &job->counters;
    bool runs = live != NULL && live->started_ms != 0;
    json_kint(out, "attempt", c->executions + (runs ? 1 : 0));
    json_kint(out, "attempts", c->attempts);
    json_kint(out, "max", job->spec.max_attempts);
    const struct {
        const char *name;
        int32_t value;
    } rare[] = {
        {"crashes", c->crashes},
        {"resource_retries", c->resource},
        {"yields", c->yields},
        {"lost", c->lost},
    };
    for (size_t i = 0; i < ARRAY_LEN(rare); i++) {
        if (rare[i].value != 0) {
            json_kint(out, rare[i].name, rare[i].value);
        }
    }
}

static void add_question(struct buf *out, const char *text) {
    struct waits_question q;
    if (text == NULL || waits_question_read(text, &q) < 0) {
        return;
    }
    json_key(out, "question");
    json_strn(out, q.question.data, q.question.len);
    json_key(out, "choices");
    buf_char(out, '[');
    for (size_t i = 0; i < q.choice_count; i++) {
        json_comma(out);
        json_strn(out, q.choices[i].data, q.choices[i].len);
    }
    buf_char(out, ']');
}

static void add_park(struct buf *out, const struct store_job *job) {
    if (job->state != JOB_PARKED) {
        return;
    }
    json_key(out, "parked");
    buf_char(out, '{');
    json_kstr(out, "reason", park_reason_name((int)job->park));
    json_ktime(out, "until", job->spec.run_at_ms);
    json_kstr(out, "key", job->wait_key);
    if (job->park == PARK_NEEDS_OPERATOR) {
        add_question(out, job->wait_for);
    }
    buf_char(out, '}');
}

static void add_place(struct buf *out, const struct store_job *job, const struct job_live *live) {
    int32_t pid = live != NULL ? live->pid : job->pid;
    json_kstr(out, "build", live != NULL && live->build != NULL ? live->build : job->build);
    if (job->state == JOB_RUNNING && pid != 0) {
        json_kint(out, "pid", pid);
    }
    if (live != NULL) {
        json_kstr(out, "plugin", live->plugin);
        json_kbool(out, "started", live->started_ms != 0);
        json_ktime(out, "times_out_at", live->timeout_at_ms);
    }
    if (job->cancelling || (live != NULL && live->cancel_mask != 0)) {
        json_kbool(out, "cancelling", true);
    }
}

static void add_output(struct buf *out, const char *id, const struct store_output *o) {
    json_comma(out);
    buf_char(out, '{');
    json_kstr(out, "name", o->name);
    json_kstr(out, "content_type",
              o->content_type == NULL ? "application/octet-stream" : o->content_type);
    json_kint(out, "size", (int64_t)o->blob.size);
    job_json_hex(out, "sha256", o->blob.sha256, sizeof o->blob.sha256);
    json_key(out, "url");
    buf_printf(out, "\"/v1/jobs/%s/outputs/", id);
    path_encode(out, o->name);
    buf_str(out, "\"}");
}

static void add_outputs(struct buf *out, const struct store_job *job, bool whole) {
    char id[JOB_ID_TEXT + 1];
    if (job->output_count == 0) {
        return;
    }
    id_format(&job->spec.id, id);
    json_kint(out, "output_count", job->output_count);
    json_kint(out, "output_bytes", (int64_t)job->output_bytes);
    if (!whole) {
        return;
    }
    json_key(out, "outputs");
    buf_char(out, '[');
    for (size_t i = 0; i < job->outputs_listed; i++) {
        add_output(out, id, &job->outputs[i]);
    }
    buf_char(out, ']');
}

void job_json_result(struct buf *out, const struct job_id *of, bool has, uint64_t size,
                     const char *content_type) {
    char id[JOB_ID_TEXT + 1];
    if (!has) {
        return;
    }
    id_format(of, id);
    json_key(out, "result");
    buf_char(out, '{');
    json_kint(out, "size", (int64_t)size);
    json_kstr(out, "content_type", content_type);
    json_key(out, "url");
    buf_printf(out, "\"/v1/jobs/%s/result\"}", id);
}

static void add_result(struct buf *out, const struct store_job *job) {
    job_json_result(out, &job->spec.id, job->has_result, job->result_size,
                    job->result_type == NULL ? "application/json" : job->result_type);
}

/* What the handler says goes before what its members' ends say. */
static void add_progress(struct buf *out, const struct store_job *job, const struct job_live *live,
                         const struct store_flow *flow) {
    const struct job_progress *p =
        live != NULL && live->progress.at_ms != 0 ? &live->progress : &job->progress;
    if (p->at_ms == 0 && flow != NULL) {
        flow_json_progress(out, flow);
    } else {
        job_json_progress(out, p);
    }
}

static void add_job(struct buf *out, const struct store_job *job, const struct job_live *live,
                    const struct store_flow *flow, bool whole) {
    buf_char(out, '{');
    add_identity(out, job);
    add_counters(out, job, live);
    add_progress(out, job, live, flow);
    if (flow != NULL) {
        flow_json(out, flow);
    }
    add_park(out, job);
    if (job->spooled) {
        json_kbool(out, "degraded", true);
    }
    job_json_error(out, &job->error);
    add_times(out, job, live);
    add_place(out, job, live);
    add_result(out, job);
    add_outputs(out, job, whole);
    add_steps(out, job, whole);
    add_warnings(out, job);
    add_files(out, &job->spec);
    add_payload(out, &job->spec);
    if (whole) {
        add_history(out, job);
    }
    buf_char(out, '}');
}

void job_json(struct buf *out, const struct store_job *job, const struct job_live *live,
              bool whole) {
    add_job(out, job, live, NULL, whole);
}

void job_json_opener(struct buf *out, const struct store_job *job, const struct job_live *live,
                     const struct store_flow *flow) {
    add_job(out, job, live, flow, true);
}
