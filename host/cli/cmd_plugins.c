#include <stdio.h>

#include "cli/cli.h"
#include "cli/out.h"
#include "cli/plugin_page.h"
#include "cli/remote.h"

static void add_plugin(struct out_table *t, const cJSON *p) {
    const char *fault = remote_text(p, "fault");
    out_table_cell(t, remote_text(p, "name"));
    out_table_cell(t, remote_text(p, "state"));
    out_table_cell(t, remote_text(p, "build"));
    out_table_cellf(t, "%d", cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(p, "workers")));
    out_table_cellf(t, "%.0f/%.0f", remote_number(p, "busy"), remote_number(p, "slots"));
    out_table_cellf(t, "%.0f", remote_number(p, "jobs_done"));
    out_table_cellf(t, "%.0f", remote_number(p, "crashes"));
    out_table_cell(t, fault != NULL ? fault : remote_text(p, "last_crash"));
}

int cmd_plugins(struct cli *cli) {
    static const char *const titles[] = {"PLUGIN", "STATE", "BUILD",   "WORKERS",
                                         "BUSY",   "DONE",  "CRASHES", "NOTE"};
    struct out_table t = {.titles = titles, .columns = ARRAY_LEN(titles)};
    cJSON *answer = NULL;
    const cJSON *p;
    int r = remote_json(cli, "GET", "/v1/plugins", NULL, &answer);
    if (r == CLI_OK && !cli->json) {
        cJSON_ArrayForEach(p, cJSON_GetObjectItemCaseSensitive(answer, "items")) {
            add_plugin(&t, p);
        }
        out_table_print(cli, &t);
    }
    cJSON_Delete(answer);
    return r;
}

int cmd_describe(struct cli *cli) {
    struct buf path = {0};
    cJSON *plugin = NULL;
    buf_str(&path, "/v1/plugins");
    remote_segment(&path, cli->args[0]);
    int r = remote_json(cli, "GET", path.data, NULL, &plugin);
    if (r == CLI_OK && !cli->json) {
        plugin_page_print(cli, plugin);
    }
    cJSON_Delete(plugin);
    buf_free(&path);
    return r;
}
