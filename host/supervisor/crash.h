/* What is known of one crash, and the last few of a plugin. A crash is a worker's end that its
 * plugin brought about: a signal, exit(), a breach of the protocol, a hang. */
#ifndef JOBHOST_SUPERVISOR_CRASH_H
#define JOBHOST_SUPERVISOR_CRASH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "core/job.h"
#include "store/store.h"
#include "supervisor/elf.h"

enum {
    CRASHES_KEPT = 5,     /* of a plugin, the newest             */
    CRASH_LOG_LINES = 10, /* of the job's log, the last ones, but */
    CRASH_LOG_MAX = 1024, /* bytes at most                       */
    CRASH_SYMBOL_MAX = ELF_NAME_MAX + 24,
    CRASH_CODE_MAX = 96,
};

struct crash {
    int64_t at_ms; /* wall */
    int32_t pid;
    int32_t signal; /* 0 = it was none */
    bool at_address;
    uint64_t address;              /* that could not be used, with at_address */
    uint64_t offset;               /* of the code in the plugin's file; 0 = elsewhere, or unknown */
    char symbol[CRASH_SYMBOL_MAX]; /* "parse+0x1c"; "" = not known */
    char code[CRASH_CODE_MAX];     /* "crawl.so+0x11f9"; "" = not in the plugin's own code */
    char build[48];                /* as the pool's */
    char build_id[2 * ELF_BUILD_ID_MAX + 1]; /* of the linker; "" = it has none */
    uint64_t rss;                            /* bytes; 0 = not known */
    char message[512];                       /* all of it in a line */
    /* the first job that is charged; zero: none was running */
    struct job_id job;
    char type[JOB_TYPE_MAX + 1];
    char step[JOB_STEP_NAME_MAX + 1]; /* the last one that this run committed */
    char log[CRASH_LOG_MAX + 1];      /* the job's last lines */
};

/* Newest first. */
struct crash_log {
    struct crash *items[CRASHES_KEPT];
    unsigned count;
};

/* Copied; without memory it is not kept. */
void crash_log_add(struct crash_log *log, const struct crash *crash);
/* One at the same place of the same build; NULL = none. */
const struct crash *crash_log_find(const struct crash_log *log, const struct crash *like);
void crash_log_finish(struct crash_log *log);

/* Whose it was: a job with the step it committed last (may be NULL) and its log. */
void crash_of_job(struct crash *crash, const struct job_spec *spec, const char *step,
                  struct bytes log);

/* As a job's history keeps it; borrows from `crash`. */
void crash_history(const struct crash *crash, struct store_crash *ret);

#endif
