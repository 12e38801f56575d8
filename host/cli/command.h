/* Commands that are told to people: what they can type next, and it works as it stands. */
#ifndef JOBHOST_CLI_COMMAND_H
#define JOBHOST_CLI_COMMAND_H

#include "base/buf.h"
#include "cli/cli.h"

/* Appends `text` as one word of a POSIX shell. */
void command_word(struct buf *out, const char *text);

/* Appends "jobhost VERB ID ...", with the options by which this command found its host. */
void command_job(const struct cli *cli, const char *verb, const char *id, struct buf *out);

/* Appends "jobhost result ID -o NAME ... NAME", with the same options. `name` NULL: all of them,
 * "jobhost result ID -o DIR/ ...". */
void command_result(const struct cli *cli, const char *id, const char *name, struct buf *out);

#endif
