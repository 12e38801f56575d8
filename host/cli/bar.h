/* One line on the terminal that shows how far a job is, redrawn in place. */
#ifndef JOBHOST_CLI_BAR_H
#define JOBHOST_CLI_BAR_H

#include <stdbool.h>

struct bar {
    bool on; /* standard error is a terminal */
    bool drawn;
};

/* "running  [#######·······]  50 %  half way"; percent < 0: no bar. */
void bar_draw(struct bar *b, const char *state, double percent, const char *message);
/* Wipes it, before something else is written. */
void bar_clear(struct bar *b);

#endif
