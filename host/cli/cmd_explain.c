#include <stdio.h>

#include "cli/cli.h"
#include "cli/out.h"
#include "cli/remote.h"
#include "core/id.h"

static void print_reasons(const struct cli *cli, const cJSON *answer) {
    const cJSON *reasons = cJSON_GetObjectItemCaseSensitive(answer, "reasons");
    const cJSON *reason;
    char text[64];
    if (cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(answer, "known"))) {
        (void)printf("no job is in a queue of this name, and the configuration does not name it\n");
    } else if (cJSON_GetArraySize(reasons) == 0) {
        (void)printf("nothing stops it: it may start at any moment\n");
    }
    cJSON_ArrayForEach(reason, reasons) {
        out_line(cli, remote_text(reason, "code"), remote_text(reason, "detail"));
        const char *clears = out_when(remote_text(reason, "clears_at"), text);
        if (clears != NULL) {
            out_linef(cli, "", "clears %s", clears);
        }
    }
}

int cmd_explain(struct cli *cli) {
    struct job_id id;
    struct buf path = {0};
    cJSON *answer = NULL;
    bool is_job = id_parse(cli->args[0], &id) == 0;
    buf_str(&path, is_job ? "/v1/jobs" : "/v1/queues");
    remote_segment(&path, cli->args[0]);
    buf_str(&path, "/explain");
    int r = remote_json(cli, "GET", path.data, NULL, &answer);
    if (r == CLI_OK && !cli->json) {
        if (is_job) {
            char state[64];
            (void)printf("%-13s %s\n", "state",
                         out_state(cli, remote_text(answer, "state"), state));
        }
        print_reasons(cli, answer);
    }
    cJSON_Delete(answer);
    buf_free(&path);
    return r;
}
