#include "cli/cli.h"
#include "cli/out.h"
#include "cli/remote.h"

int cmd_hosts(struct cli *cli) {
    static const char *const titles[] = {"HOST", "PID", "VERSION", "STARTED", "SEEN", "BOOT"};
    struct out_table t = {.titles = titles, .columns = ARRAY_LEN(titles)};
    cJSON *answer = NULL;
    const cJSON *h;
    char age[32];
    int r = remote_json(cli, "GET", "/v1/hosts", NULL, &answer);
    if (r == CLI_OK && !cli->json) {
        cJSON_ArrayForEach(h, cJSON_GetObjectItemCaseSensitive(answer, "items")) {
            out_table_cell(&t, remote_text(h, "name"));
            out_table_cellf(&t, "%.0f", remote_number(h, "pid"));
            out_table_cell(&t, remote_text(h, "version"));
            out_table_cell(&t, out_age(remote_text(h, "started_at"), age));
            out_table_cell(&t, out_age(remote_text(h, "seen_at"), age));
            out_table_cell(&t, remote_text(h, "boot"));
        }
        out_table_print(cli, &t);
    }
    cJSON_Delete(answer);
    return r;
}
