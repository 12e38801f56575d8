/* cancel, retry, promote: any number of ids, in batches that the API takes. */
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "cli/cli.h"
#include "cli/remote.h"
#include "core/id.h"

enum { BATCH = 1000 };

static int print_answers(const cJSON *answer) {
    const cJSON *item;
    int r = CLI_OK;
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(answer, "items")) {
        const cJSON *error = cJSON_GetObjectItemCaseSensitive(item, "error");
        if (error != NULL) {
            (void)fprintf(stderr, "%s  %s\n", remote_text(item, "id"),
                          remote_text(error, "message"));
            r = CLI_FAILED;
        } else {
            (void)printf("%s  %s%s\n", remote_text(item, "id"), remote_text(item, "state"),
                         remote_true(item, "pending") ? " (asked to stop)" : "");
        }
    }
    return r;
}

static bool any_refused(const cJSON *answer) {
    const cJSON *item;
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(answer, "items")) {
        if (cJSON_GetObjectItemCaseSensitive(item, "error") != NULL) {
            return true;
        }
    }
    return false;
}

static int act_on(struct cli *cli, const char *path, size_t from, size_t count) {
    struct buf body = {0};
    cJSON *answer = NULL;
    buf_str(&body, "{\"ids\":[");
    for (size_t i = 0; i < count; i++) {
        json_comma(&body);
        json_str(&body, cli->args[from + i]);
    }
    buf_char(&body, ']');
    json_kstr(&body, "why", cli_value(cli, "why"));
    buf_char(&body, '}');
    int r = body.failed ? cli_fail(cli, CLI_FAILED, "out of memory")
                        : remote_json(cli, "POST", path, body.data, &answer);
    if (r == CLI_OK) {
        r = cli->json ? (any_refused(answer) ? CLI_FAILED : CLI_OK) : print_answers(answer);
    }
    cJSON_Delete(answer);
    buf_free(&body);
    return r;
}

static int act(struct cli *cli, const char *path) {
    int worst = CLI_OK;
    struct job_id id;
    for (size_t i = 0; i < cli->arg_count; i++) {
        if (id_parse(cli->args[i], &id) != 0) {
            return cli_usage(cli, "%s is not a job id", cli->args[i]);
        }
    }
    for (size_t at = 0; at < cli->arg_count; at += BATCH) {
        size_t left = cli->arg_count - at;
        int r = act_on(cli, path, at, left < BATCH ? left : BATCH);
        worst = r > worst ? r : worst;
    }
    return worst;
}

int cmd_cancel(struct cli *cli) {
    return act(cli, "/v1/jobs/cancel");
}

int cmd_retry(struct cli *cli) {
    return act(cli, "/v1/jobs/retry");
}

int cmd_promote(struct cli *cli) {
    return act(cli, "/v1/jobs/promote");
}
