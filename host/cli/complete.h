/* What may come next on a command line, for the shell that asks:
 *
 *     jobhost __complete SHELL WORD...     all words behind "jobhost"; the last is being typed
 *
 * Answers on standard output, a line a candidate: the whole word, a tab, what it is. A line
 * ":files TAB PREFIX TAB PARTIAL" (or ":folders") asks the shell for file names that begin with
 * PARTIAL, each behind PREFIX. Says nothing else, whatever goes wrong: the user is typing.
 *
 * Bash cuts words at characters like "=", and expects candidates without what it cut off; it is
 * "bash=:@" here, with the characters of its COMP_WORDBREAKS that matter. */
#ifndef JOBHOST_CLI_COMPLETE_H
#define JOBHOST_CLI_COMPLETE_H

#include "cli/cli.h"

/* The host's share of the time between the key and the answer. */
enum { COMPLETE_CONNECT_MS = 250, COMPLETE_TOTAL_MS = 500 };

int complete(struct cli *cli, int word_count, char **words);

#endif
