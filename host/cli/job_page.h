/* Everything about one job, for people. */
#ifndef JOBHOST_CLI_JOB_PAGE_H
#define JOBHOST_CLI_JOB_PAGE_H

#include "cli/cli.h"

int job_page_show(const struct cli *cli, const char *id);

#endif
