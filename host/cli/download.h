/* An answer's body to where the user wants it. */
#ifndef JOBHOST_CLI_DOWNLOAD_H
#define JOBHOST_CLI_DOWNLOAD_H

#include "cli/cli.h"

/* GET `path` (escaped). To `file`, which is replaced when all of it has arrived and left alone
 * otherwise (what is no regular file is written to directly); NULL: to standard output.
 * An enum cli_exit, said. */
int download(const struct cli *cli, const char *path, const char *file);

#endif
