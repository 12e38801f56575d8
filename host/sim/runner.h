/* The process that runs a plugin's code for a simulation (`jobhost --sim-plugin FILE`, started by one only):
 *
 *     simulation ──RUN──▶ runner ── fork ──▶ one attempt: run() in the authors' harness, on the virtual clock
 *         ▲                 │ ▲                 │
 *         └── what came of it ┘ └─ effects, end ─┘   (or it crashes, and nobody else does)
 *
 * The runner keeps what attempts have committed: steps by job, key/values of the plugin. An attempt is over at once, but
 * not for the simulation, which lets its virtual time pass: END says up to which moment of it what it did has happened. */
#ifndef JOBHOST_SIM_RUNNER_H
#define JOBHOST_SIM_RUNNER_H

enum { RUNNER_FD = 3 };

/* First field of a frame to it. */
enum runner_ask {
    /* text name, text value; no answer */
    RUNNER_OPTION = 1,
    /* no fields; answer: int 0, or int -1 and text why */
    RUNNER_CREATE,
    /* text handler; answer: int, 1 = the plugin has it */
    RUNNER_HAS,
    /* text id, handler, queue, tenant, content type, dedup key; bytes payload; int attempt, now_ms, deadline_ms,
     * nominal_ms, timeout_ms, seed. Answer: a struct runner_answer's fields in their order, and its children */
    RUNNER_RUN,
    /* text id, int after_ms, int final; no answer */
    RUNNER_END
};

int runner_main(int argc, char **argv);

#endif
