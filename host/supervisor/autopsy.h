/* Why a worker died, and which of its jobs that is charged to. */
#ifndef JOBHOST_SUPERVISOR_AUTOPSY_H
#define JOBHOST_SUPERVISOR_AUTOPSY_H

#include "supervisor/crash.h"
#include "supervisor/worker.h"

/* All that is known of its end but whose it was. Its message is one line naming signal or exit
 * status, place, plugin and build. */
void autopsy_examine(const struct worker *w, struct crash *ret);

/* Did it die by what its plugin did (as opposed to a drain or a kill of ours for a job's sake)? */
bool autopsy_is_crash(const struct worker *w);

/* The same in a word for counting, a constant: "signal", "exit", "killed" (from outside, or out of
 * memory), "host" (it broke the protocol, did not start or answer in time), "cancel" (one of its
 * jobs did not stop), "failed" (it said that it cannot start), "drained". */
const char *autopsy_word(const struct worker *w);

/* Ends or gives back every attempt it had: those that had not been started go back unmarked; a
 * started one is charged if the death was its doing, or if nobody can tell whose it was: then it
 * is written into `crash`, and a copy goes to the job. */
void autopsy_settle(struct worker *w, struct crash *crash);

#endif
