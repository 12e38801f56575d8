/* A plugin's handlers and options as documentation. */
#ifndef JOBHOST_CLI_PLUGIN_PAGE_H
#define JOBHOST_CLI_PLUGIN_PAGE_H

#include <cjson/cJSON.h>

#include "cli/cli.h"

/* `plugin` as GET /v1/plugins/{name} answers it. */
void plugin_page_print(const struct cli *cli, const cJSON *plugin);

#endif
