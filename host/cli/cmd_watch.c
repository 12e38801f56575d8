#include <string.h>

#include "cli/cli.h"
#include "cli/follow.h"
#include "cli/remote.h"
#include "cli/result.h"

int cmd_watch(struct cli *cli) {
    cJSON *job = NULL;
    int r = follow_job(cli, cli->args[0], &(struct follow){.events = true}, &job);
    if (r == CLI_OK) {
        const char *state = remote_text(job, "state");
        if (state == NULL || strcmp(state, "succeeded") != 0) {
            r = cli->json ? CLI_FAILED : result_say_failed(cli, job);
        }
    }
    cJSON_Delete(job);
    return r;
}
