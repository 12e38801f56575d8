#include "cli/cli.h"
#include "cli/follow.h"
#include "cli/remote.h"
#include "cli/result.h"

int cmd_watch(struct cli *cli) {
    cJSON *job = NULL;
    int r = follow_job(cli, cli->args[0], &(struct follow){.events = true}, &job);
    if (r == CLI_OK && !result_is_success(job)) {
        r = cli->json ? CLI_FAILED : result_say_failed(cli, job);
    } else if (r == CLI_OK && cli->out_tty && !cli->json) {
        r = result_summary(cli, cli->args[0], job);
    }
    cJSON_Delete(job);
    return r;
}
