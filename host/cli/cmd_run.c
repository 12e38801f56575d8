#include <stdlib.h>

#include "api/api.h"
#include "cli/cli.h"
#include "cli/local_config.h"
#include "supervisor/host.h"

int cmd_run(struct cli *cli) {
    const char *ready = cli_value(cli, "ready-fd");
    char *end = NULL;
    long fd = ready == NULL ? 0 : strtol(ready, &end, 10);
    if (ready != NULL &&
        (ready[0] < '0' || ready[0] > '9' || *end != '\0' || fd < 3 || fd > 1023)) {
        return cli_usage(
            cli, "--ready-fd: \"%s\" is not the number of an open descriptor (3 or more)", ready);
    }
    // what another binary has handed over can still go back to it: that is host_run()'s to do
    bool handed = getenv(HOST_HANDOVER) != NULL && cli_value(cli, "config") != NULL;
    const char *file = handed ? cli_value(cli, "config") : local_config_file(cli);
    if (file == NULL) {
        return CLI_USAGE;
    }
    struct host_options options = {
        .front = &api_front,
        .config_file = file,
        .self_exe = cli->self_exe,
        .strict = cli_flag(cli, "strict"),
        .safe = cli_flag(cli, "safe"),
        .ready_fd = (int)fd,
    };
    int status = host_run(&options);
    return status == HOST_BAD_CONFIG ? CLI_USAGE : status == 0 ? CLI_OK : CLI_FAILED;
}
