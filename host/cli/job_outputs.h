/* The output files of a job: listed, fetched into a folder, mentioned to whoever waited for it. */
#ifndef JOBHOST_CLI_JOB_OUTPUTS_H
#define JOBHOST_CLI_JOB_OUTPUTS_H

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "cli/cli.h"

/* A table of them, or with --json {"items": [...]} as the job has it. */
int job_outputs_list(const struct cli *cli, const char *id);

/* Where the files of a job go. */
struct job_outputs_to {
    const char *dir; /* made if need be */
    bool force;      /* what is there of one of the names is replaced */
};

/* Before there is a job: can `dir` be such a folder? CLI_OK, or said. */
int job_outputs_check_folder(const struct cli *cli, const char *dir);

/* All of them, of a job as GET /v1/jobs/{id} answers it; prints the paths, or with --json appends
 * [{"name", "path", "size"}] to *saved. Nothing is fetched when a file of one of the names is
 * there, unless `force`. Whatever the host calls them and whatever stands in the folder, nothing is
 * written outside it, and a file has its name only when all of it has arrived. */
int job_outputs_save(const struct cli *cli, const char *id, const cJSON *job,
                     const struct job_outputs_to *to, struct buf *saved);
/* The same for a job that is only named; with --json {"items": [...]} is printed. */
int job_outputs_fetch(const struct cli *cli, const char *id, const struct job_outputs_to *to);

/* Of a job as GET /v1/jobs/{id} answers it: says on standard error what there is, if anything. */
void job_outputs_mention(const struct cli *cli, const char *id, const cJSON *job);

/* The first ones as lines of a page, `commands`: each with the command that fetches it. */
void job_outputs_lines(const struct cli *cli, const char *id, const cJSON *job, bool commands);

/* The job as GET /v1/jobs/{id} answers it, of which nothing is printed; the caller's. */
int job_outputs_ask(const struct cli *cli, const char *id, cJSON **ret);

/* The path of one. */
void job_outputs_path(struct buf *path, const char *id, const char *name);

#endif
