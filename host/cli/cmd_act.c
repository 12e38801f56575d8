/* cancel, retry, promote, rm: any number of jobs, in batches that the API takes. */
#include <stdio.h>

#include "base/json.h"
#include "cli/cli.h"
#include "cli/remote.h"
#include "cli/select.h"

enum { BATCH = 1000 };

struct act {
    const char *path, *what;
    const char *states[5]; /* in which filters look */
};

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
            const char *state = remote_text(item, "state");
            (void)printf("%s  %s%s\n", remote_text(item, "id"), state == NULL ? "removed" : state,
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

static int act_on(const struct cli *cli, const char *path, const struct selection *jobs,
                  size_t from, size_t count) {
    struct buf body = {0};
    cJSON *answer = NULL;
    buf_str(&body, "{\"ids\":[");
    for (size_t i = 0; i < count; i++) {
        json_comma(&body);
        json_str(&body, select_id(jobs, from + i));
    }
    buf_char(&body, ']');
    json_kstr(&body, "why", cli_value(cli, "why"));
    if (cli_flag(cli, "restart")) {
        json_kbool(&body, "restart", true);
    }
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

static int act_on_all(const struct cli *cli, const char *path, const struct selection *jobs) {
    int worst = CLI_OK;
    for (size_t at = 0; worst <= CLI_FAILED && at < jobs->count; at += BATCH) {
        size_t left = jobs->count - at;
        int r = act_on(cli, path, jobs, at, left < BATCH ? left : BATCH);
        worst = r > worst ? r : worst;
    }
    return worst;
}

static int say_none(const struct cli *cli) {
    if (cli->json) {
        (void)printf("{\"items\":[]}\n");
    } else {
        (void)fprintf(stderr, "jobhost: no job is like that\n");
    }
    return CLI_OK;
}

static int act(const struct cli *cli, const struct act *a) {
    struct selection jobs;
    int r = select_jobs(cli, a->states, a->what, &jobs);
    if (r == CLI_OK) {
        r = jobs.count == 0 ? say_none(cli) : act_on_all(cli, a->path, &jobs);
    }
    select_finish(&jobs);
    return r;
}

int cmd_cancel(struct cli *cli) {
    return act(cli, &(struct act){"/v1/jobs/cancel",
                                  "Cancel",
                                  {"scheduled", "queued", "parked", "running", NULL}});
}

int cmd_retry(struct cli *cli) {
    if (cli_flag(cli, "restart") && cli->arg_count == 0) {
        return cli_usage(cli,
                         "retry --restart: name ids, for steps that are dropped do not come back");
    }
    return act(cli, &(struct act){"/v1/jobs/retry", "Retry", {"dead", "cancelled", NULL}});
}

int cmd_promote(struct cli *cli) {
    return act(cli, &(struct act){"/v1/jobs/promote", "Start", {"scheduled", NULL}});
}

int cmd_rm(struct cli *cli) {
    return act(cli, &(struct act){"/v1/jobs/remove",
                                  "Delete",
                                  {"succeeded", "dead", "cancelled", "duplicate", NULL}});
}
