#include "cli/cli.h"
#include "cli/filters.h"
#include "cli/out.h"
#include "cli/remote.h"
#include "cli/table.h"

int cmd_audit(struct cli *cli) {
    static const char *const titles[] = {">AGE", "WHO", "FROM", "DID", "TO", "OUTCOME", "DETAIL"};
    struct table t = {.titles = titles, .columns = ARRAY_LEN(titles)};
    struct buf path = {0};
    cJSON *answer = NULL;
    const cJSON *entry;
    char age[32];
    buf_str(&path, "/v1/audit");
    (void)filters_query(cli, &path);
    int r = remote_json(cli, "GET", path.data, NULL, &answer);
    if (r == CLI_OK && !cli->json) {
        cJSON_ArrayForEach(entry, cJSON_GetObjectItemCaseSensitive(answer, "items")) {
            table_cell(&t, out_age(remote_text(entry, "at"), age));
            table_cell(&t, remote_text(entry, "actor"));
            table_cell(&t, remote_text(entry, "from"));
            table_cell(&t, remote_text(entry, "action"));
            table_cell(&t, remote_text(entry, "target"));
            table_cell(&t, remote_text(entry, "outcome"));
            table_cell(&t, remote_text(entry, "detail"));
        }
        table_print(cli, &t);
        filters_print_more(answer);
    }
    cJSON_Delete(answer);
    buf_free(&path);
    return r;
}
