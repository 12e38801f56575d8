/* A job as the API shows it. */
#ifndef JOBHOST_API_JOB_JSON_H
#define JOBHOST_API_JOB_JSON_H

#include "base/buf.h"
#include "store/store.h"
#include "supervisor/jobs.h"

/* `live` (may be NULL) is what the supervisor knows of a running job and the store does not yet.
 * `whole`: also payload, history, steps and warnings. */
void job_json(struct buf *out, const struct store_job *job, const struct job_live *live,
              bool whole);

/* The whole of one that has opened a flow. */
struct store_flow;
void job_json_opener(struct buf *out, const struct store_job *job, const struct job_live *live,
                     const struct store_flow *flow);

void job_json_id(struct buf *out, const char *key, const struct job_id *id); /* nothing for zero */
/* "percent" is -1 in progress without a total: then it is left out. */
void job_json_progress(struct buf *out, const struct job_progress *progress);
void job_json_error(struct buf *out, const struct job_error *error); /* nothing for none */
/* Nothing unless it `has` one; content_type may be NULL. */
void job_json_result(struct buf *out, const struct job_id *of, bool has, uint64_t size,
                     const char *content_type);
/* "a,b" as ["a","b"]. */
void job_json_labels(struct buf *out, const char *labels);
void job_json_hex(struct buf *out, const char *key, const uint8_t *bytes, size_t len);
/* A duration as people write it; nothing for 0. */
void job_json_duration(struct buf *out, const char *key, int64_t ms);

#endif
