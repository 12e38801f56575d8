/* Files on their way to the host. */
#ifndef JOBHOST_CLI_UPLOAD_H
#define JOBHOST_CLI_UPLOAD_H

#include <cjson/cJSON.h>

#include "cli/cli.h"

/* Sends a regular file as a blob, with a progress bar on a terminal. CLI_OK and the host's answer
 * in *ret (cJSON_Delete), or why not, said. Memory does not grow with the file. */
int upload(const struct cli *cli, const char *path, cJSON **ret);

#endif
