/* One run of amazon.analyze: files in, report out. */
#ifndef AMAZON_JOB_H
#define AMAZON_JOB_H

#include "jobhost_plugin.h"
#include "report.h"

#define AMAZON_VERSION "0.1.0"

struct settings { /* of the process; read by every run */
    struct thresholds limits;
    int64_t disk_limit, cache_bytes;
};

jh_status job_run(void *settings, struct jh_call *c, const struct jh_job *job);

#endif
