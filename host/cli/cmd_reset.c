/* breakers reset, limits reset. */
#include "base/json.h"
#include "cli/cli.h"
#include "cli/out.h"
#include "cli/remote.h"

static int reset(struct cli *cli, const char *under, cJSON **answer) {
    struct buf path = {0}, body = {0};
    buf_str(&path, under);
    remote_segment(&path, cli->args[0]);
    buf_str(&path, "/reset");
    buf_char(&body, '{');
    json_kstr(&body, "why", cli_value(cli, "why"));
    buf_char(&body, '}');
    int r = remote_json(cli, "POST", path.data, body.data, answer);
    buf_free(&path);
    buf_free(&body);
    return r;
}

int cmd_breakers_reset(struct cli *cli) {
    cJSON *answer = NULL;
    int r = reset(cli, "/v1/breakers", &answer);
    if (r == CLI_OK && !cli->json) {
        out_text("%s %s\n", cli->args[0],
                 remote_true(answer, "changed") ? "is closed" : "was closed already");
    }
    cJSON_Delete(answer);
    return r;
}

int cmd_limits_reset(struct cli *cli) {
    cJSON *answer = NULL;
    int r = reset(cli, "/v1/limits", &answer);
    if (r == CLI_OK && !cli->json) {
        out_text("%s goes by its own rules again\n", cli->args[0]);
    }
    cJSON_Delete(answer);
    return r;
}
