/* Where completion takes the values of an argument from: lists that do not change, or the host. */
#ifndef JOBHOST_CLI_COMPLETE_VALUES_H
#define JOBHOST_CLI_COMPLETE_VALUES_H

#include "cli/cli.h"

/* `take` gets each value with what it is (may be NULL); both borrowed for the call. */
void complete_values(const struct cli *cli, enum cli_kind kind,
                     void (*take)(void *arg, const char *value, const char *note), void *arg);

#endif
