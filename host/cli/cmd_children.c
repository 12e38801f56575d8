/* children: the members of the flow that a job has opened. */
#include "cli/cli.h"
#include "cli/filters.h"
#include "cli/out.h"
#include "cli/remote.h"
#include "cli/table.h"

static void add_member(struct table *t, const cJSON *m) {
    const cJSON *error = cJSON_GetObjectItemCaseSensitive(m, "error");
    const char *words = remote_text(error, "message");
    char size[32];
    table_cell(t, remote_text(m, "id"));
    table_state(t, remote_text(m, "state"));
    table_cell(t, remote_text(m, "type"));
    if (error != NULL) {
        table_cellf(t, "%s: %s", remote_text(error, "class"), words == NULL ? "" : words);
        return;
    }
    const cJSON *result = cJSON_GetObjectItemCaseSensitive(m, "result");
    table_cell(t, remote_true(m, "removed") ? "removed since"
                  : result != NULL          ? out_size(remote_number(result, "size"), size)
                                            : NULL);
}

int cmd_children(struct cli *cli) {
    static const char *const titles[] = {"ID", "STATE", "TYPE", "NOTE"};
    struct table t = {.titles = titles, .columns = ARRAY_LEN(titles)};
    struct buf path = {0};
    cJSON *answer = NULL;
    const cJSON *m;
    buf_str(&path, "/v1/jobs");
    remote_segment(&path, cli->args[0]);
    buf_str(&path, "/children");
    (void)filters_query(cli, &path);
    int r = path.failed ? cli_fail(cli, CLI_FAILED, "out of memory")
                        : remote_json(cli, "GET", path.data, NULL, &answer);
    if (r == CLI_OK && !cli->json) {
        cJSON_ArrayForEach(m, cJSON_GetObjectItemCaseSensitive(answer, "items")) {
            add_member(&t, m);
        }
        table_print(cli, &t);
        filters_print_more(answer);
    }
    cJSON_Delete(answer);
    buf_free(&path);
    return r;
}
