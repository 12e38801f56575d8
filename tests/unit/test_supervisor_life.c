// Jobs on their way through a worker and back: ends of every kind, deaths, and what they cost.
#include <signal.h>

#include "expect.h"
#include "lab.h"

static struct lab *lab;

static void begin(const char *plugin) {
    lab = lab_open(&(struct lab_options){.plugin = plugin, .more = "jobs: {t.slow: {timeout: 10s}}"});
}

static void end(void) {
    lab_settle(lab);
    lab_check_idle(lab);
    lab_check_sound(lab);
    lab_stop(lab);
    lab_close(lab);
}

static void test_success(void) {
    begin(NULL);
    struct lab_worker *w = lab_ready_worker(lab);
    struct job_id id = lab_submit(lab, LAB_FAST);
    uint64_t slot = lab_expect_job(lab, w);
    lab_begin(lab, w, 0, slot);
    EXPECT_EQ_INT(JOB_RUNNING, lab_state(lab, &id));
    lab_begin(lab, w, 0, 0);
    lab_done(w, slot, JH_OK, JH_E_NONE);
    lab_expect_state(lab, &id, JOB_SUCCEEDED);
    EXPECT_EQ_INT(1, lab_job(lab, &id)->counters.attempts);
    end();
}

static const struct expect_test tests[] = {
    {"a job that succeeds", test_success},
};
SUITE_MAIN("supervisor life", tests)
