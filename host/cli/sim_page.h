/* What `jobhost sim` shows people: a timeline in which quiet stretches are one line, and tables of what came of it. */
#ifndef JOBHOST_CLI_SIM_PAGE_H
#define JOBHOST_CLI_SIM_PAGE_H

#include "cli/cli.h"
#include "sim/sim.h"

enum { SIM_PAGE_SEEN = 1024 };

/* Zeroed but for `cli` and `rest_ms`. */
struct sim_page {
    const struct cli *cli;
    int64_t
        rest_ms; /* the same of the same is not shown again before that, then twice that, and so on */
    uint64_t quiet[NOTE_KINDS];
    uint64_t quiet_all;
    int64_t shown_ms; /* of the last line */
    struct {
        uint64_t what;
        int64_t shown_ms, last_ms, rest_ms;
    } seen[SIM_PAGE_SEEN];
};

/* Shows it, or counts it among what is not shown. */
void sim_page_note(struct sim_page *p, const struct note *n);
void sim_page_summary(struct sim_page *p, const struct report *r);

#endif
