#include "spool_rig.h"

#include <stdlib.h>
#include <string.h>

void spool_rig_init(struct spool_rig *r, bool down) {
    rig_backend = "spool";
    rig_init(&r->rig);
    (void)snprintf(r->rig.url, sizeof r->rig.url, "faulty:%ssqlite:%s", down ? "down:" : "",
                   r->rig.db);
    r->clock = (struct env_clock_file){.magic = ENV_CLOCK_MAGIC, .base_test_ms = r->rig.now};
    r->rig.env.clock = &r->clock;
}

void spool_rig_open(struct spool_rig *r) {
    (void)rig_open(&r->rig);
    if (!EXPECT_EQ_STR("", r->rig.err.msg)) {
        abort();
    }
}

void spool_rig_start(struct spool_rig *r, bool down) {
    spool_rig_init(r, down);
    spool_rig_open(r);
}

void spool_rig_finish(struct spool_rig *r) {
    rig_close(&r->rig);      // its threads read the clock until they have ended
    r->rig.env.clock = NULL; // it is no file, and nothing to be unmapped
    rig_finish(&r->rig);
}

struct faulty_plan *spool_rig_plan(struct spool_rig *r) {
    return faulty_plan_of(spool_store_main(&r->rig.store));
}

void spool_rig_down(struct spool_rig *r) {
    faulty_set_down(spool_store_main(&r->rig.store), "the store is gone");
}

void spool_rig_up(struct spool_rig *r) {
    faulty_set_down(spool_store_main(&r->rig.store), NULL);
}

void spool_rig_advance(struct spool_rig *r, int64_t ms) {
    rig_advance(&r->clock, ms);
    r->rig.now += ms;
}

int64_t spool_rig_waiting(struct spool_rig *r) {
    return (int64_t)store_backlog(&r->rig.store).waiting;
}

void spool_rig_until(struct spool_rig *r, int64_t waiting) {
    int64_t tries = 3000; // of up to 20 ms: a minute
    while (spool_rig_waiting(r) != waiting && tries-- > 0) {
        (void)rig_turn(&r->rig, INT64_MAX);
    }
    (void)EXPECT_EQ_INT(waiting, spool_rig_waiting(r));
}

static struct store swap(struct spool_rig *r, struct store with) {
    struct store was = r->rig.store;
    r->rig.store = with;
    return was;
}

struct store_job spool_rig_in_main(struct spool_rig *r, const struct job_id *id) {
    struct store was = swap(r, *spool_store_main(&r->rig.store));
    const struct store_job *job = rig_get(&r->rig, id);
    (void)swap(r, was);
    return job == NULL ? (struct store_job){.state = (enum job_state) - 1} : *job;
}

int spool_rig_state_in_main(struct spool_rig *r, const struct job_id *id) {
    return (int)spool_rig_in_main(r, id).state;
}

void spool_rig_expect_order(struct spool_rig *r, const char *queue, const struct job_id *ids,
                            size_t count) {
    const struct store_claim *claim = rig_claim(&r->rig, queue, "t", 1000);
    (void)EXPECT_EQ_UINT(count, claim->job_count);
    for (size_t i = 0; i < count && i < claim->job_count; i++) {
        (void)EXPECT_TRUE(id_equal(&ids[i], &claim->jobs[i].spec.id));
    }
}

struct job_id spool_rig_submit(struct spool_rig *r, const char *queue, int want) {
    struct job_spec spec = rig_spec(&r->rig, queue, "t");
    (void)EXPECT_EQ_INT(want, rig_submit(&r->rig, &spec));
    return spec.id;
}
