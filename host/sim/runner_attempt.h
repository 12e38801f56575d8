/* One attempt of a plugin's code, in a process of its own that the runner has forked. What it commits it tells as effects;
 * what only the simulation knows it asks, and waits for the answer while virtual time goes on for all others. */
#ifndef JOBHOST_SIM_RUNNER_ATTEMPT_H
#define JOBHOST_SIM_RUNNER_ATTEMPT_H

#include "sim/wire.h"

struct jh_harness;

enum { RUNNER_MOST_S = 10 }; /* of real time between two words of it: whoever takes longer hangs */

/* First field of what it tells. */
enum runner_told {
    /* int after_ms, version, kind; text name; bytes value; int op, number; text type; a child */
    RUNNER_TOLD_EFFECT,
    /* int after_ms, status, class, retry_after_ms, wait kind, wake_at_ms; text code, scope, wait key, wait for */
    RUNNER_TOLD_END,
    /* int after_ms, verb (enum plugin_run_verb), n, number, ticket, status; text name; bytes headers. Answered with int
     * status, passed_ms, ticket, again_ms */
    RUNNER_TOLD_ASK
};

/* The rest of a frame of RUNNER_RUN says what it runs. */
_Noreturn void runner_attempt(struct jh_harness *h, struct wire *w, int told_fd, int heard_fd);

#endif
