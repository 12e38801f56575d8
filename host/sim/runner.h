/* The process that runs a plugin's code for a simulation (`jobhost --sim-plugin FILE`, started by one only):
 *
 *     simulation ──RUN──▶ runner ── fork ──▶ one attempt: run() in the authors' harness, on the virtual clock
 *         ▲                 │ ▲                 │
 *         └── what came of it ┘ └─ effects, end ─┘   (or it crashes, and nobody else does)
 *
 * The runner keeps what attempts have committed: steps by job, key/values of the plugin. An attempt goes on at once until
 * it is over, or asks what only the simulation knows (a limit); that lets its virtual time pass, and answers with REPLY. END
 * says up to which moment of it what it did has happened. */
#ifndef JOBHOST_SIM_RUNNER_H
#define JOBHOST_SIM_RUNNER_H

enum { RUNNER_FD = 3, RUNNER_ASKS = -2 };

/* First field of a frame to it. */
enum runner_ask {
    /* text name, text value; no answer */
    RUNNER_OPTION = 1,
    /* no fields; answer: int 0, or int -1 and text why */
    RUNNER_CREATE,
    /* text handler; answer: int, 1 = the plugin has it */
    RUNNER_HAS,
    /* text id; int number of steps that were written meanwhile, for each: text name, bytes value; text handler, queue,
     * tenant, content type, dedup key, flow; bytes payload; int attempt, now_ms, created_ms, deadline_ms, nominal_ms,
     * timeout_ms, seed; int number of flows that it can see, for each: int which, open, closed, number of members that have
     * ended, for each: int state, text id, type, code, int class.
     * Answer: int 0, a signal, -1 (its process ended by itself) or RUNNER_ASKS; then the rest of what it told
     * (runner_attempt.h); then what it has asked for so far: jobs, on_child_dead, events, each a number of them and so
     * many */
    RUNNER_RUN,
    /* text id; int status, passed_ms, ticket, again_ms; answer: as RUN's */
    RUNNER_REPLY,
    /* text id, int after_ms, int final; no answer */
    RUNNER_END
};

int runner_main(int argc, char **argv);

#endif
