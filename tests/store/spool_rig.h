/* A spool in front of a store that the test takes away and brings back. */
#ifndef JOBHOST_TESTS_STORE_SPOOL_RIG_H
#define JOBHOST_TESTS_STORE_SPOOL_RIG_H

#include "rig.h"
#include "store/spool/spool_store.h"

struct spool_rig {
    struct rig rig;
    struct env_clock_file clock; /* the time of spool and test */
};

/* Down: main cannot be reached when it is opened. The config may be changed before the open. */
void spool_rig_init(struct spool_rig *r, bool down);
void spool_rig_open(struct spool_rig *r);
void spool_rig_start(struct spool_rig *r, bool down);
void spool_rig_finish(struct spool_rig *r);

struct faulty_plan *spool_rig_plan(struct spool_rig *r);
void spool_rig_down(struct spool_rig *r);
void spool_rig_up(struct spool_rig *r);

/* Both clocks, the test's and the spool's. */
void spool_rig_advance(struct spool_rig *r, int64_t ms);

/* Turns the loop until so many jobs wait. */
void spool_rig_until(struct spool_rig *r, int64_t waiting);
int64_t spool_rig_waiting(struct spool_rig *r);

/* The rest is asked of main itself. */
int spool_rig_state_in_main(struct spool_rig *r, const struct job_id *id);
struct store_job spool_rig_in_main(struct spool_rig *r, const struct job_id *id);

/* Claims all of a lane in main, and expects these jobs in this order. */
void spool_rig_expect_order(struct spool_rig *r, const char *queue, const struct job_id *ids,
                            size_t count);

/* A job for `queue`, with the verdict (or status) that is expected. */
struct job_id spool_rig_submit(struct spool_rig *r, const char *queue, int want);

#endif
