/* Following a job to its end by its event stream, with a progress bar on a terminal. */
#ifndef JOBHOST_CLI_FOLLOW_H
#define JOBHOST_CLI_FOLLOW_H

#include <cjson/cJSON.h>

#include "cli/cli.h"

struct follow {
    bool quiet;  /* nothing but the end matters                         */
    bool events; /* each event as a line on standard output (JSON with --json) */
};

/* Until the job has ended. CLI_OK and the job as it ended in *ret_job (cJSON_Delete); or why not,
 * said. A broken stream is taken up again where the job then is. */
int follow_job(const struct cli *cli, const char *id, const struct follow *how, cJSON **ret_job);

#endif
