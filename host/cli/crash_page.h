/* Crashes for people: the last ones of plugins as a table, a job's newest in lines. */
#ifndef JOBHOST_CLI_CRASH_PAGE_H
#define JOBHOST_CLI_CRASH_PAGE_H

#include <cjson/cJSON.h>

#include "cli/cli.h"

/* Those of each plugin (GET /v1/plugins) under a title; nothing if there were none. */
void crash_page_table(const struct cli *cli, const cJSON *plugins);
/* The newest of a job's history (GET /v1/jobs/{id}); nothing if there is none. */
void crash_page_newest(const struct cli *cli, const cJSON *history);

#endif
