/* Simulation: the host's decisions at the speed of the processor.
 *
 *     scenario ─▶ agenda ─▶ what is due ─▶ flush: the store ─▶ dispatch ─▶ attempts ─┐
 *                   ▲                                                                │
 *                   └──────────────── when each of them goes on ◀────────────────────┘
 *
 * Time is virtual and goes from one event to the next; nothing sleeps and nothing asks the real clock. What is decided
 * is decided by the host's own code: core/ for schedules, outcomes, retries, limits and breakers, the real store for
 * ledgers, keys, order and fairness, supervisor/ for what a submission and a job type come to. A model are the handlers,
 * the remotes that they call, and the hosts' processes. One thread decides; the store's threads only answer. */
#ifndef JOBHOST_SIM_SIM_H
#define JOBHOST_SIM_SIM_H

#include "sim/note.h"
#include "sim/report.h"
#include "sim/scenario.h"

struct sim_options {
    const char *self_exe; /* this program, for plugins' processes; NULL = there are none */
    /* Each note, in order; borrowed for the call. May be NULL. */
    void (*note)(void *arg, const struct note *note);
    /* From time to time; false = give up. May be NULL. */
    bool (*go_on)(void *arg, int64_t passed_ms);
    void *arg;
};

/* 0 and *ret (freed with report_free()), or negative errno with words: -EOVERFLOW more events than the scenario allows,
 * -ECANCELED go_on() said so. */
int sim_run(const struct scenario *scenario, const struct config *config,
            const struct sim_options *options, struct report **ret, struct err *e);

#endif
