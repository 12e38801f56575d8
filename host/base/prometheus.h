/* The Prometheus text exposition format, version 0.0.4: names, labels and values into lines.
 *
 *     # HELP jobhost_jobs_started_total Executions begun.
 *     # TYPE jobhost_jobs_started_total counter
 *     jobhost_jobs_started_total{queue="q",type="crawl.page"} 7
 *
 * Names are constants of the caller; values of labels may be anything (escaped here; what is not
 * UTF-8 becomes '?'). Pure; a failed allocation shows in out->failed. */
#ifndef JOBHOST_BASE_PROMETHEUS_H
#define JOBHOST_BASE_PROMETHEUS_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/histogram.h"

#define PROMETHEUS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

enum prometheus_type { PROMETHEUS_COUNTER, PROMETHEUS_GAUGE, PROMETHEUS_HISTOGRAM };

struct prometheus_label {
    const char *name, *value;
};
/* At most this many on a sample; further ones are a mistake of the caller and left out. */
enum { PROMETHEUS_LABELS_MAX = 4 };

/* HELP and TYPE; once before the samples of `name`. */
void prometheus_family(struct buf *out, const char *name, enum prometheus_type type,
                       const char *help);

/* One sample. */
void prometheus_count(struct buf *out, const char *name, const struct prometheus_label *labels,
                      size_t count, uint64_t value);
void prometheus_value(struct buf *out, const char *name, const struct prometheus_label *labels,
                      size_t count, double value);
/* _bucket lines (cumulative, ending with le="+Inf"), _sum and _count. */
void prometheus_histogram(struct buf *out, const char *name, const struct prometheus_label *labels,
                          size_t count, const struct histogram *h,
                          const struct histogram_scale *scale);

#endif
