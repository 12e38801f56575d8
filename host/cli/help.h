/* Help in the manner of a manual page, from the tables of cli.h. */
#ifndef JOBHOST_CLI_HELP_H
#define JOBHOST_CLI_HELP_H

#include <stdbool.h>
#include <stdio.h>

#include "cli/cli.h"

void help_overview(FILE *out);
void help_command(const struct cli_command *c, FILE *out);

/* "dlq", "config", "plugin": the first word of commands with two. */
bool help_has_group(const char *word);
/* The commands of a group; CLI_USAGE. */
int help_group(const char *word, FILE *out);

#endif
