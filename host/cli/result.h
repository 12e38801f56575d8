/* A job's end for somebody who waited for it. */
#ifndef JOBHOST_CLI_RESULT_H
#define JOBHOST_CLI_RESULT_H

#include <cjson/cJSON.h>

#include "cli/cli.h"

/* Prints the result of a job that succeeded, or says why it did not. With --json: {"job": {...},
 * "result": ...}, result being null for none and a string for what is not JSON. CLI_OK only for
 * success. */
int result_of_ended(const struct cli *cli, const char *id, const cJSON *job);

/* Says how a job that did not succeed ended. CLI_FAILED. */
int result_say_failed(const struct cli *cli, const cJSON *job);

#endif
