/* What the ABI accepts as arguments, in one place for the worker and for the authors' test harness.
 * Pure.
 *
 * A check returns 0, -EINVAL (missing or malformed) or -EFBIG (over a limit of core/job.h or an
 * extension's header). */
#ifndef JOBHOST_WORKER_CHECK_H
#define JOBHOST_WORKER_CHECK_H

#include <stddef.h>

#include "jobhost_blob.h"
#include "jobhost_event.h"
#include "jobhost_operator.h"
#include "jobhost_plugin.h"

enum {
    CHECK_LOG_MAX = 8192,              /* bytes of one log line; the rest is cut off             */
    CHECK_COMMIT_ITEMS_MAX = 20000,    /* children, key/value writes and warnings in one commit  */
    CHECK_COMMIT_BYTES_MAX = 64 << 20, /* and all their bytes                                  */
    CHECK_RESULT_MAX = 1 << 30, /* bytes of a result or an output, whatever the queue allows   */
    /* what an effect counts beside its content */
    CHECK_CHILD_WEIGHT = 512,
    CHECK_WARN_WEIGHT = 256,
    CHECK_KV_WEIGHT = 64,
    CHECK_EVENT_WEIGHT = 256,
};

#define CHECK_CURSOR_MAX ((uint64_t)1 << 53) /* of a list: none is so long */

/* What was asked for since the last commit; the commit's own step does not count. */
struct check_sum {
    uint32_t items;    /* children among them */
    uint32_t children; /* at most JOB_CHILDREN_PER_COMMIT */
    uint64_t bytes;
};

int check_bytes(struct jh_bytes b, size_t max);
/* Required text of 1..max bytes. */
int check_text(const char *text, size_t max);
/* Same, NULL allowed. */
int check_optional(const char *text, size_t max);

int check_step(const char *name, struct jh_bytes value);
int check_warn(const char *code, const char *message);
int check_kv_key(const char *key);
int check_kv_value(struct jh_bytes value);
int check_kv_ttl(int64_t ttl_ms);
/* Of an output; content_type may be NULL. */
int check_output(const char *name, const char *content_type);
/* Is there a regular file behind `fd`? 0, -EINVAL, or another negative errno. */
int check_file(int fd);
/* The part of a struct jh_input that a caller's own, of ret->size bytes, has room for. */
int check_input_room(const struct jh_input *full, struct jh_input *ret);

/* Counts an effect against the limits of one commit: 0 or -EFBIG. */
int check_count(struct check_sum *sum, uint64_t bytes);
int check_count_child(struct check_sum *sum, const struct jh_child *child);

/* Copies what the caller's struct has (`size` says how much) over zeroes, then checks. */
int check_child(const struct jh_child *child, struct jh_child *ret);
int check_wait(const struct jh_wait *wait, struct jh_wait *ret);

int check_event(const struct jh_event *event, struct jh_event *ret);
int check_event_wait(const struct jh_event_wait *wait, struct jh_event_wait *ret);
/* Its texts are for core/waits.h to check. */
int check_question(const struct jh_question *question, struct jh_question *ret);

/* Never fails: a malformed failure becomes one of class BUG that says so; unknown classes become
 * BUG. Strings stay borrowed and may be longer than the limits: cut them with check_cut() when
 * copying. */
void check_failure(const struct jh_failure *failure, struct jh_failure *ret);

/* How many bytes of `text` to keep so that at most `max` remain and no UTF-8 sequence is torn. */
size_t check_cut(const char *text, size_t max);

#endif
