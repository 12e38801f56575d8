/* The fields of the sales analysis that the amazon plugin replaces, with its sales reports as input. */
#include <stdio.h>

#include "api/view.h"
#include "base/json.h"

static const struct view_input inputs[] = {
    {"business_report", VIEW_FILE, .many = true, .one_of = true},
    {"orders", VIEW_FILE, .many = true, .one_of = true},
    {"periods", VIEW_JSON, .max = VIEW_FIELD_MAX},
    {"marketplace", VIEW_TEXT, .max = 64},
    {"currency", VIEW_TEXT, .max = 16},
};

static void accepted(struct buf *out, const struct job_id *id) {
    char text[JOB_ID_TEXT + 1];
    id_format(id, text);
    buf_char(out, '{');
    json_kstr(out, "job_id", text);
    json_kstr(out, "status", "processing");
    json_kstr(out, "message", "The analysis has started");
    buf_char(out, '}');
}

static bool has_failed(const struct store_job *job) {
    return job_is_final(job->state) && job->state != JOB_SUCCEEDED;
}

static const char *status_of(const struct store_job *job) {
    return job->state == JOB_SUCCEEDED ? "complete" : has_failed(job) ? "failed" : "processing";
}

/* What a person can do something with. */
static const char *reason_of(const struct store_job *job) {
    return job->state == JOB_CANCELLED  ? "the job was cancelled"
           : job->error.message != NULL ? job->error.message
           : job->error.code != NULL    ? job->error.code
                                        : job_state_name((int)job->state);
}

static int64_t percent_of(const struct job_progress *p) {
    if (p->total <= 0 || p->done <= 0) {
        return 0;
    }
    return p->done >= p->total ? 100 : (int64_t)((double)p->done * 100.0 / (double)p->total);
}

static const char *message_of(const struct store_job *job, const struct job_progress *p) {
    switch (job->state) {
    case JOB_SUCCEEDED: return "The analysis is complete";
    case JOB_RUNNING: return p->message != NULL ? p->message : "The analysis is under way";
    case JOB_SCHEDULED:
    case JOB_PARKED:
    case JOB_QUEUED: return "The analysis waits for its turn";
    default: return "The analysis has failed";
    }
}

static void add_time(struct buf *out, const char *key, int64_t ms) {
    if (ms != 0) {
        json_ktime(out, key, ms);
    } else {
        json_key(out, key);
        buf_str(out, "null");
    }
}

static void status(struct buf *out, const struct store_job *job, const struct job_live *live) {
    const struct job_progress *p =
        live != NULL && live->progress.at_ms != 0 ? &live->progress : &job->progress;
    char id[JOB_ID_TEXT + 1];
    id_format(&job->spec.id, id);
    buf_char(out, '{');
    json_kstr(out, "job_id", id);
    json_kstr(out, "status", status_of(job));
    json_kint(out, "progress", job->state == JOB_SUCCEEDED ? 100 : percent_of(p));
    json_kstr(out, "message", message_of(job, p));
    add_time(out, "created_at", job->created_ms);
    add_time(out, "updated_at", p->at_ms > job->updated_ms ? p->at_ms : job->updated_ms);
    add_time(out, "completed_at", job->finished_ms);
    json_key(out, "error");
    json_str(out, has_failed(job) ? reason_of(job) : NULL);
    buf_char(out, '}');
}

static void failed(const struct store_job *job, char *out, size_t cap) {
    (void)snprintf(out, cap, "Job failed: %s", reason_of(job));
}

static void problem(struct buf *out, const struct problem *p) {
    buf_char(out, '{');
    json_kstr(out, "detail", p->message);
    buf_char(out, '}');
}

const struct view view_amazon = {
    .name = "amazon",
    .inputs = inputs,
    .input_count = ARRAY_LEN(inputs),
    .none_given = "send at least one file, as business_report or orders",
    .accepted_status = 200,
    .accepted = accepted,
    .status = status,
    .event = "status",
    .unfinished_status = 202,
    .unfinished = "Job is still processing",
    .failed_status = 500,
    .failed = failed,
    .unknown = "Job not found",
    .expired = "Job not found: its result has expired",
    .invalid_status = 422,
    .problem = problem,
};
