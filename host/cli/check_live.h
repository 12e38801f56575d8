/* What a plugin file would do to the jobs of a running host: to those that have steps which it does not resume, and to those
 * that wait for a handler which it no longer has.
 *
 * Asked page by page, 1000 jobs each: those with steps of the four states that have not ended, which the host picks out, and
 * all of a type that would lose its handler. The host reads each job of those states once for either: 10 s and 17 s for
 * 100,000 parked jobs on SQLite, on two busy cores, a page at a time and never more. What is kept is a row a type and version. */
#ifndef JOBHOST_CLI_CHECK_LIVE_H
#define JOBHOST_CLI_CHECK_LIVE_H

#include "base/arena.h"
#include "cli/cli.h"
#include "core/job.h"
#include "core/skew.h"
#include "supervisor/pool.h"

enum { CHECK_LIVE_STATES = 4, CHECK_LIVE_IDS = 3, CHECK_LIVE_ROWS_MAX = 1000 };

struct check_live_row {
    const char *type;
    uint32_t steps_version; /* 0: it is about the handler */
    const char *becomes;    /* "go_on", "park", ..., "no_handler" */
    uint64_t jobs, by_state[CHECK_LIVE_STATES];
    char ids[CHECK_LIVE_IDS][JOB_ID_TEXT + 1]; /* some of them */
};

struct check_live {
    struct arena arena;
    struct check_live_row *rows;
    size_t count, cap;
    bool asked;  /* a host has answered */
    bool breaks; /* jobs would park, die or wait in vain */
};

/* `name` is what a configuration would call the plugin. A host that was not named and does not answer is none; else
 * CLI_OK, or what went wrong (said). check_live_finish() either way. */
int check_live_ask(const struct cli *cli, const char *name, const struct pool_manifest *manifest,
                   struct check_live *ret);
void check_live_finish(struct check_live *live);

/* Members of an object. */
void check_live_json(const struct check_live *live, struct buf *out);
void check_live_print(const struct cli *cli, const struct check_live *live);

#endif
