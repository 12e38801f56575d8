#include "cli/cli.h"
#include "cli/filters.h"
#include "cli/remote.h"

int cmd_jobs(struct cli *cli) {
    struct buf path = {0};
    cJSON *answer = NULL;
    buf_str(&path, "/v1/jobs");
    (void)filters_query(cli, &path);
    int r = path.failed ? cli_fail(cli, CLI_FAILED, "out of memory")
                        : remote_json(cli, "GET", path.data, NULL, &answer);
    if (r == CLI_OK && !cli->json) {
        filters_print_jobs(cli, answer, false);
    }
    cJSON_Delete(answer);
    buf_free(&path);
    return r;
}
