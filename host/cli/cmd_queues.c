#include <stdio.h>

#include "base/json.h"
#include "cli/cli.h"
#include "cli/out.h"
#include "cli/remote.h"
#include "cli/table.h"

static void add_queue(struct table *t, const cJSON *q) {
    char age[32];
    const cJSON *states = cJSON_GetObjectItemCaseSensitive(q, "states");
    static const char *const shown[] = {"queued", "scheduled", "parked", "running", "dead"};
    table_cell(t, remote_text(q, "name"));
    for (size_t i = 0; i < ARRAY_LEN(shown); i++) {
        table_cellf(t, "%.0f", remote_number(states, shown[i]));
    }
    table_cell(t, out_age(remote_text(q, "oldest_ready_at"), age));
    if (remote_number(q, "concurrency") > 0) {
        table_cellf(t, "%.0f", remote_number(q, "concurrency"));
    } else {
        table_cell(t, NULL);
    }
    if (remote_true(q, "paused")) {
        const char *why = remote_text(q, "paused_why");
        const char *by = remote_text(q, "paused_by");
        table_cellf(t, "by %s, %s ago: %s", by == NULL ? "?" : by,
                    out_age(remote_text(q, "paused_at"), age), why == NULL ? "" : why);
    } else {
        table_cell(t, NULL);
    }
}

int cmd_queues(struct cli *cli) {
    static const char *const titles[] = {"QUEUE", ">QUEUED", ">SCHEDULED", ">PARKED", ">RUNNING",
                                         ">DEAD", ">OLDEST", ">LIMIT",     "PAUSED"};
    struct table t = {.titles = titles, .columns = ARRAY_LEN(titles)};
    cJSON *answer = NULL;
    const cJSON *q;
    int r = remote_json(cli, "GET", "/v1/queues", NULL, &answer);
    if (r == CLI_OK && !cli->json) {
        cJSON_ArrayForEach(q, cJSON_GetObjectItemCaseSensitive(answer, "items")) {
            add_queue(&t, q);
        }
        table_print(cli, &t);
    }
    cJSON_Delete(answer);
    return r;
}

static int set(struct cli *cli, const char *verb, const char *done) {
    struct buf path = {0}, body = {0};
    cJSON *answer = NULL;
    buf_str(&path, "/v1/queues");
    remote_segment(&path, cli->args[0]);
    buf_printf(&path, "/%s", verb);
    buf_char(&body, '{');
    json_kstr(&body, "why", cli_value(cli, "why"));
    buf_char(&body, '}');
    int r = remote_json(cli, "POST", path.data, body.data, &answer);
    if (r == CLI_OK && !cli->json) {
        (void)printf("%s is %s\n", cli->args[0], done);
    }
    cJSON_Delete(answer);
    buf_free(&path);
    buf_free(&body);
    return r;
}

int cmd_pause(struct cli *cli) {
    return cli_value(cli, "why") == NULL
               ? cli_usage(cli,
                           "pause needs --why: whoever finds the queue paused will want to know")
               : set(cli, "pause", "paused");
}

int cmd_resume(struct cli *cli) {
    return set(cli, "resume", "running");
}
