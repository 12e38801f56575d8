/* The output files of a job: listed, fetched into a folder, mentioned to whoever waited for it. */
#ifndef JOBHOST_CLI_JOB_OUTPUTS_H
#define JOBHOST_CLI_JOB_OUTPUTS_H

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "cli/cli.h"

/* A table of them, or with --json {"items": [...]} as the job has it. */
int job_outputs_list(const struct cli *cli, const char *id);

/* All of them into `dir`, which is made if need be; prints the paths. Nothing is fetched when a
 * file of one of the names is there, unless `force`: then it is replaced. A host that says a name
 * which leads out of the folder is not obeyed. */
int job_outputs_fetch(const struct cli *cli, const char *id, const char *dir, bool force);

/* Of a job as GET /v1/jobs/{id} answers it: says on standard error what there is, if anything. */
void job_outputs_mention(const struct cli *cli, const char *id, const cJSON *job);

/* The job as GET /v1/jobs/{id} answers it, of which nothing is printed; the caller's. */
int job_outputs_ask(const struct cli *cli, const char *id, cJSON **ret);

/* The path of one. */
void job_outputs_path(struct buf *path, const char *id, const char *name);

#endif
