/* A job's end for somebody who waited for it, or asks for its result. */
#ifndef JOBHOST_CLI_RESULT_H
#define JOBHOST_CLI_RESULT_H

#include <cjson/cJSON.h>

#include "cli/cli.h"
#include "cli/job_outputs.h"

/* The path of a job's result. */
void result_path(struct buf *path, const char *id);
/* The result's bytes to a file as download.h has it, or to standard output for NULL. */
int result_copy(const struct cli *cli, const char *id, const char *file);

bool result_is_success(const cJSON *job);
/* Says how a job that did not succeed ended. CLI_FAILED. */
int result_say_failed(const struct cli *cli, const cJSON *job);

/* Shows the result of a job that succeeded, or says why it did not: CLI_OK only for success. The
 * result's bytes; on a terminal, for a job with output files, the summary instead; with to->dir the
 * files are saved and their paths shown. With --json: {"job": {...}, "result": ...}, result being
 * null for none and a string for what is not JSON, and "saved": [...] for what was. */
int result_of_ended(const struct cli *cli, const char *id, const cJSON *job,
                    const struct job_outputs_to *to);

/* What a terminal is shown of a job that succeeded: its result if it is short, its output files,
 * and the commands that fetch them; nothing for a job without files. `job` may be an event's, which
 * only counts the files. */
int result_summary(const struct cli *cli, const char *id, const cJSON *job);

#endif
