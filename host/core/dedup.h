/* What a submission whose dedup key is held does about it. Every store decides by this table; on Redis it is made in Lua
 * (store/redis/lua/lib/dedup.lua), and tests/vectors/dedup.txt is run against both. Pure. */
#ifndef JOBHOST_CORE_DEDUP_H
#define JOBHOST_CORE_DEDUP_H

#include "core/job.h"

/* The numbers are those of dedup.lua. */
enum dedup_verdict {
    DEDUP_TAKES = 0,   /* the key is free for it                                       */
    DEDUP_STAYS = 1,   /* it is a duplicate of the holder, which is left as it is      */
    DEDUP_REFUSED = 2, /* the same, and an error to who wants to know                  */
    DEDUP_CANCELS = 3, /* the holder, which has not begun, ends, and the key is taken  */
    DEDUP_ASKS = 4,    /* the holder, which runs, is asked to end, and the key is taken */
    DEDUP_UPDATES = 5, /* the holder gets its words and its time                       */
    DEDUP_UPDATED = 6, /* it has done so already: its answer was lost                  */
};

struct dedup_holder {
    enum dedup_mode mode;  /* that it was submitted with                            */
    enum job_state state;  /* one that is deleted already has succeeded             */
    bool begun;            /* somebody has claimed it, be it long ago               */
    bool updated_by_asker; /* the last words that it was given are this submission's */
};

enum dedup_verdict dedup_decide(enum dedup_mode mode, const struct dedup_holder *holder);

/* When a key ends that its job was submitted for by time (throttle); 0: it lives with its job. `default_ttl_ms` stands
 * for a ttl that the spec does not say. */
int64_t dedup_ends_ms(const struct job_spec *spec, int64_t default_ttl_ms);

/* How long the key outlives a success; 0: not at all. */
int64_t dedup_outlives_ms(const struct job_spec *spec, int64_t default_ttl_ms);

/* When a debounced job runs that was made at `made_ms` (its first submission) and is wanted at `run_at_ms` now: it
 * waits for its ttl at most, so that submissions without a pause cannot keep it from running. */
int64_t dedup_run_at(int64_t made_ms, int64_t ttl_ms, int64_t run_at_ms);

/* May a job be another one's child with that? One that replaces might end its own parent in the middle of the commit
 * that brings it; and files are held for one job before it is known which one a debounced child changes. */
static inline bool dedup_suits_child(const struct job_spec *spec) {
    return spec->dedup_key == NULL ||
           (spec->dedup_mode != DEDUP_REPLACE &&
            (spec->dedup_mode != DEDUP_DEBOUNCE || spec->file_count == 0));
}

/* Does a job of this mode hold its key again when it is revived? Keys that do not live with their job are not its any more. */
static inline bool dedup_comes_back(enum dedup_mode mode) {
    return mode != DEDUP_DEBOUNCE && mode != DEDUP_THROTTLE;
}

#endif
