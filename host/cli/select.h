/* Which jobs a command is about: those that it names, or those that its filters find. */
#ifndef JOBHOST_CLI_SELECT_H
#define JOBHOST_CLI_SELECT_H

#include "base/buf.h"
#include "cli/cli.h"
#include "core/id.h"

enum { SELECT_MAX = 1000000 /* found by filters; more are an error */ };

struct selection {
    struct buf text; /* ids of JOB_ID_TEXT bytes and a NUL each */
    size_t count;
};

/* By arguments, or by filters, or --all: one of the three, else CLI_USAGE (said). `states` are
 * those that filters look in unless --state names one. Filters on a terminal: says how many, and
 * asks whether to `what` ("Cancel") them; --yes does not ask. */
int select_jobs(const struct cli *cli, const char *const *states, const char *what,
                struct selection *ret);
void select_finish(struct selection *s);

static inline const char *select_id(const struct selection *s, size_t n) {
    return s->text.data + n * ((size_t)JOB_ID_TEXT + 1);
}

/* "Cancel 5 jobs? [y/N] " on standard error. True: go on. */
bool select_confirm(const char *what, double count, const char *noun);

/* Is somebody there to be asked, and has not said --yes? */
bool select_asks(const struct cli *cli);

#endif
