#include "cli/cli.h"
#include "cli/gate_page.h"
#include "cli/out.h"
#include "cli/remote.h"
#include "cli/table.h"

int cmd_hosts(struct cli *cli) {
    static const char *const titles[] = {"HOST",     ">PID",  "STATE", ">JOBS", "VERSION",
                                         ">STARTED", ">SEEN", "BOOT",  "PAUSED"};
    struct table t = {.titles = titles, .columns = ARRAY_LEN(titles)};
    cJSON *answer = NULL;
    const cJSON *h;
    char age[32];
    int r = remote_json(cli, "GET", "/v1/hosts", NULL, &answer);
    if (r == CLI_OK && !cli->json) {
        cJSON_ArrayForEach(h, cJSON_GetObjectItemCaseSensitive(answer, "items")) {
            table_cell(&t, remote_text(h, "name"));
            table_cellf(&t, "%.0f", remote_number(h, "pid"));
            const char *state = remote_text(h, "state");
            table_cellf(&t, "%s%s", state == NULL ? "" : state,
                        remote_true(h, "this") ? " (this)" : "");
            table_cellf(&t, "%.0f", remote_number(h, "jobs_running"));
            table_cell(&t, remote_text(h, "version"));
            table_cell(&t, out_age(remote_text(h, "started_at"), age));
            table_cell(&t, out_age(remote_text(h, "seen_at"), age));
            table_cell(&t, remote_text(h, "boot"));
            gate_page_cell(&t, h);
        }
        table_print(cli, &t);
    }
    cJSON_Delete(answer);
    return r;
}
